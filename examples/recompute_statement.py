#!/usr/bin/env python3
"""Recomputes monthly statements from their packages, with nothing of the exchange but the files.

    python3 examples/recompute_statement.py statement-2026-03-2.zip [more.zip | folder ...]

For each package: the digest of the signed bytes, the Merkle root of the rows (RFC 6962), and every figure counted anew from the rows.
Prints what does not come out and ends with "N statements, difference D". Exit code 1 unless D is 0. Needs only Python 3.9.
"""

import hashlib
import json
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

SUREST = {"certain": 0, "probable": 1, "disputed": 2}


def root(leaves):
    """The tree of RFC 6962, section 2.1, written from its definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + root(leaves[:half]) + root(leaves[half:])).digest()


def figures_of(row, month):
    """The figures a row counts in, as (indicator, node, basis, standing): the definition labour-exchange/monthly-statement/1."""

    def periods(day):
        if day[:7] == month:
            yield "month"
        if day[:4] == month[:4] and day[:7] <= month:
            yield "year"

    if row["departed_on"]:
        for basis in periods(row["departed_on"]):
            yield "dispatched", None, basis, "certain"
    standing, arrived = row["standing"], row["arrived_on"]
    if not standing or not arrived:
        return
    for basis in periods(arrived):
        yield "onboarded", None, basis, standing
    if row["ended_on"] and row["ended_on"][:7] <= month:
        for basis in periods(row["ended_on"]):
            yield "ended", None, basis, standing
    elif arrived[:7] <= month:
        yield "in_post", None, "month_end", standing
    for check in row["nodes"]:
        for basis in periods(check["due_on"]):
            yield "retention_due", check["node"], basis, standing
            if check["state"] == "retained":
                yield "retained", check["node"], basis, standing


def recount(rows, month):
    placements, persons = defaultdict(int), defaultdict(dict)
    for row in rows:
        for indicator, node, basis, standing in figures_of(row, month):
            name = (indicator, node, basis)
            placements[name, standing] += 1
            persons.setdefault(name, {})
            if row["person"]:
                known = persons[name].get(row["person"], (standing, row["lifted"]))
                surest = min(known[0], standing, key=SUREST.get)
                persons[name][row["person"]] = (surest, known[1] or row["lifted"])
    figures = {}
    for name in {name for name, _ in placements}:
        for standing in SUREST:
            counted = [lifted for surest, lifted in persons[name].values() if surest == standing]
            figures[name + (standing,)] = (placements[name, standing], len(counted), sum(counted))
    return figures


def stated(document):
    figures = {}
    for figure in document["figures"]:
        for standing in SUREST:
            count = figure[standing]
            name = (figure["indicator"], figure.get("node"), figure["basis"], standing)
            figures[name] = (count["placements"], count["persons"], count["lifted_persons"])
    return figures


def check(path):
    with zipfile.ZipFile(path) as package:
        signed = package.read("statement.json")
        lines = package.read("rows.ndjson").decode().splitlines()
    document = json.loads(signed)
    found = []
    leaves = [hashlib.sha256(b"\x00" + line.encode()).digest() for line in lines]
    if root(leaves).hex() != document["rows_root"]:
        found.append("the rows do not give the root of the statement")
    if len(lines) != document["row_count"]:
        found.append(f"{len(lines)} rows, the statement says {document['row_count']}")
    counted, said = recount(map(json.loads, lines), document["month"]), stated(document)
    for name in sorted(set(counted) | set(said), key=str):
        if counted.get(name) != said.get(name):
            found.append(f"{name}: counted {counted.get(name)}, stated {said.get(name)}")
    for difference in found:
        print(f"{path}: {difference}")
    return len(found)


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    files = []
    for argument in map(Path, arguments):
        files += sorted(argument.glob("*.zip")) if argument.is_dir() else [argument]
    difference = sum(check(path) for path in files)
    print(f"{len(files)} statements, difference {difference}")
    sys.exit(1 if difference or not files else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
