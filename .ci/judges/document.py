"""Copies of the API document for the judges.

document.py bearer SOURCE TARGET          OAuth schemes become plain bearer tokens, which the fuzzer can leave out or
                                          falsify; it does not try an OAuth scheme, so `ignored_auth` needs this copy
document.py plant FAULT SOURCE TARGET     the document with one fault in it, to show that a judge sees such faults:
    control              no fault (the same parameter, right): must pass, so that a failure is the fault's doing
    dangling-reference   a parameter whose schema is nowhere
    wrong-example        a parameter whose example is not of its type
    default-out-of-range a parameter whose default is above its maximum
    numbers-for-a-file   an answer as text/csv whose schema is a list of numbers
    removed-operation    one operation is no longer there
    hidden-answer        a list that needs a token no longer promises its 200: the running service must be caught
                         answering it, which also shows that it takes the fuzzer's token; prints the path of that list
    needless-token       (in a bearer copy) something public claims to need a token: the service must be caught
                         answering without one; prints the path
"""

import json
import sys

SOUND = {"type": "integer", "minimum": 1, "maximum": 10, "default": 5}


def operations(document):
    methods = ("get", "put", "post", "patch", "delete")
    for path, item in document["paths"].items():
        for method in methods:
            if method in item:
                yield path, method, item[method]


def bearer(document):
    schemes = document.get("components", {}).get("securitySchemes", {})
    changed = [name for name, scheme in schemes.items() if scheme["type"] == "oauth2"]
    if not changed:
        sys.exit("the document has no oauth2 scheme: was it renamed?")
    for name in changed:
        schemes[name] = {"type": "http", "scheme": "bearer", "description": "for the fuzzer"}
    requirements = [document.get("security", [])]
    requirements += [operation.get("security", []) for _, _, operation in operations(document)]
    for requirement in [each for choices in requirements for each in choices]:
        for name in changed:
            if name in requirement:
                requirement[name] = []


def plant(document, fault):
    if fault == "hidden-answer":
        path, responses = next(
            (path, operation["responses"])
            for path, method, operation in operations(document)
            if method == "get" and "{" not in path and "200" in operation["responses"]
            # An empty list, or an empty choice in it, lets anybody in.
            and all(operation.get("security", document.get("security")) or [{}])
        )
        responses["418"] = responses.pop("200")
        print(path)
        return
    if fault == "needless-token":
        path, public = next(
            (path, operation)
            for path, method, operation in operations(document)
            if method == "get" and "{" not in path and operation.get("security") == []
        )
        public["security"] = [{name: []} for name in document["components"]["securitySchemes"]]
        print(path)
        return
    if fault == "numbers-for-a-file":
        target = next(operation for _, method, operation in operations(document) if method == "get")
        numbers = {"type": "array", "items": {"type": "integer", "format": "int32"}}
        target["responses"]["200"]["content"]["text/csv"] = {"schema": numbers}
        return
    if fault == "removed-operation":
        path, method, _ = next(operations(document))
        del document["paths"][path][method]
        return
    schema, example = dict(SOUND), 7
    if fault == "dangling-reference":
        schema = {"$ref": "#/components/schemas/NobodyWroteThis"}
    elif fault == "wrong-example":
        example = "seven"
    elif fault == "default-out-of-range":
        schema["default"] = 11
    elif fault != "control":
        sys.exit(f"no such fault: {fault}")
    target = next(operation for _, method, operation in operations(document) if method == "get")
    target.setdefault("parameters", []).append(
        {"name": "planted", "in": "query", "description": "Planted", "schema": schema, "example": example}
    )


def main(arguments):
    kind, *fault, source, target = arguments
    with open(source, encoding="utf-8") as file:
        document = json.load(file)
    if kind == "bearer":
        bearer(document)
    elif kind == "plant":
        plant(document, *fault)
    else:
        sys.exit(__doc__)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, indent=1)


main(sys.argv[1:])
