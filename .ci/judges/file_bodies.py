"""Whether the document says of every file that it is one: `type: string, format: binary`.

    file_bodies.py DOCUMENT

Generators make of anything else what it is not: of a list of integers a `number[]` in TypeScript and a `list[int]` in Python, of plain text
a `str` that a generated Python client cannot send, and a zip that it decodes as text.
"""

import json
import sys

FILES = {"application/zip", "application/x-ndjson", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "text/csv"}


def contents(operation):
    """Of the body and of every answer: media types with their schemas."""
    for holder in [operation.get("requestBody", {}), *operation["responses"].values()]:
        yield from holder.get("content", {}).items()


def is_file(schema):
    return schema.get("type") == "string" and schema.get("format") == "binary"


def faulty(document):
    for item in document["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and "operationId" in operation:
                if any(kind in FILES and not is_file(content.get("schema", {})) for kind, content in contents(operation)):
                    yield operation["operationId"]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        found = sorted(set(faulty(json.load(file))))
    for name in found:
        print(f"file-bodies: {name}: a file whose schema is not `type: string, format: binary`")
    print(f"file-bodies: {len(found)} operations describe a file as something else")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
