#!/usr/bin/env python3
"""Counts the H-2A job orders of a file independently of the exchange, by the rules its import states.

usage: count_h2a_orders.py FILE DAY

A row is refused when its number of places requested is empty or 0, when its post is empty, when its end date is empty or lies before DAY,
when more places are certified than requested, or when an earlier row says exactly the same. Everything else is taken; what is
certified with more than 0 places is published with them.
"""
import csv
import datetime
import json
import sys
from collections import Counter


def day(text):
    return datetime.datetime.strptime(text, "%m/%d/%y %H:%M:%S").date() if text else None


def main():
    path, today = sys.argv[1], datetime.date.fromisoformat(sys.argv[2])
    with open(path, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cases = Counter(row["Case_Number"] for row in rows)
    seen, findings = set(), Counter()
    figures = Counter(taken=0, refused=0, requested=0, certified=0, published=0)
    for row in rows:
        requested = int(row["Nbr_Workers_Requsted"]) if row["Nbr_Workers_Requsted"] else None
        certified = int(row["Nbr_Workers_Certified"]) if row["Nbr_Workers_Certified"] else None
        ends = day(row["Certification_End_Date"])
        content = tuple("".join(value.split()) for value in row.values())
        refused = []
        if not requested:
            refused.append("places_missing")
        if not row["Job_Title"].strip():
            refused.append("post_missing")
        if requested is not None and certified is not None and certified > requested:
            refused.append("approved_above_requested")
        if content in seen:
            refused.append("row_repeated")
        seen.add(content)
        findings.update(refused)
        if cases[row["Case_Number"]] > 1:
            findings["reference_repeated"] += 1
        if row["Case_Status"].startswith("Certified") and certified is None:
            findings["approved_missing"] += 1
        # What the books refuse is told only of rows that are sound on their face.
        if not refused and ends is None:
            refused.append("valid_until_missing")
            findings["valid_until_missing"] += 1
        elif not refused and ends < today:
            refused.append("date_out_of_range")
            findings["date_out_of_range"] += 1
        if refused:
            figures["refused"] += 1
            continue
        figures["taken"] += 1
        figures["requested"] += requested
        if certified:
            figures["certified"] += certified
            figures["published"] += 1
    print(json.dumps({**figures, "findings": {code: count for code, count in findings.items() if count}}, indent=2))


if __name__ == "__main__":
    main()
