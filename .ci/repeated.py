"""Whether every POST of the document was sent a second time under its Idempotency-Key, with one effect and one answer (P07).

    repeated.py NOTES DOCUMENT LEAST

NOTES has a line for each repeat, written by the tests (tests/api/support/repeated.rs); LEAST is how many there must be.
"""

import collections
import json
import sys

# The token endpoint takes assertions that are good once, and no key. What the others answer is read, never kept: a repeat is
# another reading.
DONE_EACH_TIME = {
    "/oauth/token",
    "/v1/agreements/{agreement_id}/amendments/{number}/preview",
    "/v1/worker-searches",
    "/v1/workers/{worker_id}/identity-readings",
}


def main():
    notes, document, least = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(notes, encoding="utf-8") as lines:
        counts = collections.Counter(line.strip() for line in lines)
    with open(document, encoding="utf-8") as file:
        paths = json.load(file)["paths"]
    wanted = {path for path, item in paths.items() if "post" in item} - DONE_EACH_TIME
    never = sorted(wanted - set(counts))
    for path in never:
        print(f"repeated: POST {path} was never sent twice")
    total = sum(counts.values())
    print(f"repeated: {len(wanted) - len(never)} of {len(wanted)} operations, {total} repeats, one effect each")
    if total < least:
        print(f"repeated: fewer than {least} repeats")
    return 1 if never or total < least else 0


if __name__ == "__main__":
    sys.exit(main())
