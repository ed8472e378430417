"""Whether the document says of every file that it is one: `type: string, format: binary`.

    file_bodies.py DOCUMENT

Generators make of anything else what it is not: of a list of integers a `number[]` in TypeScript and a `list[int]` in Python, of plain text
a `str` that a generated Python client cannot send, and a zip that it decodes as text. Names what differs from FAULTY, in both directions:
an operation that is mended comes off the list.
"""

import json
import sys

FILES = {"application/zip", "application/x-ndjson", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "text/csv"}
# Lists and files that go out, and a file that comes in, as a list of numbers.
NUMBERS = {"getImportFile", "listPlacements", "listQuotas", "listReconciliationRows", "listWorkers", "sendImport"}
# Rows in and out, and a zip, as text.
TEXT = {"enrolRoster", "getRejectedRows", "getStatementPackage", "recordClaims", "recordExits", "recordObservations", "recordSpells"}
FAULTY = NUMBERS | TEXT | {"registerWorkerBatch"}


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
        found = set(faulty(json.load(file)))
    for name in sorted(found - FAULTY):
        print(f"file-bodies: {name}: a file whose schema is not `type: string, format: binary`")
    for name in sorted(FAULTY - found):
        print(f"file-bodies: {name} is mended: take it off the list in {sys.argv[0]}")
    print(f"file-bodies: {len(found & FAULTY)} operations are known to be described wrongly: {', '.join(sorted(found & FAULTY))}")
    return 1 if found != FAULTY else 0


if __name__ == "__main__":
    sys.exit(main())
