#!/usr/bin/env python3
"""Walks an agreement from draft to day 90 in a sandbox. 在沙箱中走完一份协议：从起草到第九十天。

    labour-exchange sandbox --folder sandbox --from 2026-01-05 &
    python3 examples/sandbox_walk.py sandbox/sandbox.json

Two regions ratify, places are published, thirteen people are registered from a file, twelve of them are sent, the employer says
who came. One person is not heard of, one arrival is contested, one person leaves within the guarantee and is replaced. Both
sides sign the month. At the end stand the figures of day 90, and every figure on the way is held to what it must be.

It speaks through `partner.py` beside it. Everything is named by our own references (`partner_ref`) wherever the API takes
them; ids are kept only where a path needs one. The clock is moved with POST /v1/sandbox/clock. Walk again in the same sandbox:
the numbers go on and the people are others.

Exit code: 0 when everything came out as it must, 1 when a figure differs, 2 when a call was refused that must not be.
Needs Python 3.11, requests and PyJWT[crypto].
"""

import csv
import hashlib
import io
import json
import sys
from datetime import date, timedelta

import jwt
from partner import Partner, Problem

PEOPLE = 13  # twelve are sent at first, one comes as a replacement
SENT = 12
NDJSON = "application/x-ndjson"
CSV = "text/csv"


class Walk:
    """What is known on the way, and how often a figure was held to what it must be."""

    def __init__(self, file):
        roles = ("operator", "origin", "destination", "employer")
        self.operator, self.origin, self.destination, self.employer = (Partner.of_sandbox(file, name) for name in roles)
        self.checks = self.differences = 0
        self.story = []
        self.today = date.fromisoformat(self.origin.get("/v1/sandbox/clock")["today"])

    def expect(self, what, got, wanted):
        self.checks += 1
        if got != wanted:
            self.differences += 1
            print(f"DIFFERS  {what}: expected {wanted!r}, got {got!r}", file=sys.stderr)

    def refused(self, what, code, call):
        """`call` must be refused with this code, and with no other."""
        try:
            got = call()
        except Problem as problem:
            got = problem.code
        self.expect(f"{what} is refused", got, code)

    def tell(self, line):
        self.story.append(f"{self.today}  {line}")

    def go_to(self, day):
        if day > self.today:
            self.today = date.fromisoformat(self.operator.post("/v1/sandbox/clock", {"today": str(day)})["today"])
            self.expect("the clock", self.today, day)

    def path(self, rest=""):
        return f"/v1/agreements/{self.agreement}{rest}"


def only(walk, what, things):
    """The one thing that fits a reference."""
    things = list(things)
    walk.expect(f"things that fit: {what}", len(things), 1)
    return things[0]


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_ndjson(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def counts(answer):
    return answer["accepted"], answer["unchanged"], answer["rejected"]


def identity_number(person):
    """Number of an invented person: with an order number from 996 on, which no office gives away."""
    born = date(1970, 1, 1) + timedelta(days=person // 4)
    body = f"430523{born:%Y%m%d}{996 + person % 4}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights)) % 11]


def prepare(walk):
    """The first free number, so that the walk can be walked again; and the days everything happens on."""
    walk.turn = 1 + sum(1 for _ in walk.origin.walk("/v1/agreements"))
    walk.first_person = sum(1 for _ in walk.origin.walk("/v1/workers", limit=200))
    walk.key = f"WALK-{walk.turn:03}"
    # Early in a month, so that departure and arrival fall in the month that both sides sign.
    start = walk.today.replace(day=5)
    if walk.today > start:
        start = (start + timedelta(days=31)).replace(day=5)
    walk.departure, walk.arrival = start, start + timedelta(days=1)
    walk.day_30, walk.day_90 = walk.arrival + timedelta(days=30), walk.arrival + timedelta(days=90)


def ref(walk, number):
    return f"{walk.key}-{number:02}"


def agree(walk):
    """Draft, proposal, and both sides' yes to the same bytes."""
    target = {"plan_year": walk.departure.year, "population": "all", "unit": "person"}
    draft = {
        "number": f"SY-YW-{walk.departure.year}-{walk.key}",
        "title": "邵阳县—义乌市劳务协作协议",
        "kind": "inter_provincial",
        "partner_ref": walk.key,
        "effective_from": f"{walk.today.year}-01-01",
        "effective_to": f"{walk.today.year + 3}-12-31",
        "parties": [
            {"party_id": walk.origin.party_id, "role": "origin"},
            {"party_id": walk.destination.party_id, "role": "destination"},
        ],
        "terms": {
            "targets": [
                target | {"indicator": "onboarded", "number": 12},
                target | {"indicator": "retained", "node": {"unit": "days", "length": 90}, "number": 10},
            ],
            "arrival": {"meaning": "onboarded", "window_days": 7, "minimum_evidence": "e2"},
            "retention": {
                "rule_id": "stay_90d_continuous",
                "nodes": [{"unit": "days", "length": 30}, {"unit": "days", "length": 90}],
                "continuity": "continuous",
                "allowed_gap_days": 15,
                "employer_scope": "same_region",
                "start_basis": "onboarded_day",
                "minimum_evidence": "e2",
                "evidence_valid_days": 62,
            },
            "guarantee": {"window_days": 90, "replacement_days": 30},
            "attribution": "earliest_confirmed_arrival",
            "hold_days": 30,
            "deadlines": {"answer_days": 14, "exit_days": 7, "objection_days": 7},
            "data_sharing": {"legal_basis": "协议第六条", "purpose": "到岗交接与稳岗跟踪", "retention_days": 1095},
        },
    }
    drafted = walk.origin.post("/v1/agreements", draft)
    walk.agreement = drafted["id"]
    walk.expect("state of a draft", drafted["state"], "draft")
    walk.refused("the other side's look at a draft", "not_found", lambda: walk.destination.get(walk.path()))
    walk.origin.post(walk.path("/proposal"))
    states = []
    for side in (walk.destination, walk.origin):
        document = side.request("GET", walk.path("/document")).content  # read it before you say yes
        digest = hashlib.sha256(document).hexdigest()
        states.append(side.post(walk.path("/ratification"), {"digest": digest})["state"])
    walk.expect("states after the first and the second yes", states, ["proposed", "ratified"])
    found = only(walk, "our agreement", walk.origin.walk("/v1/agreements", partner_ref=walk.key))
    walk.expect("what our reference finds", (found["id"], found["standing"]), (walk.agreement, "in_force"))
    walk.tell("both sides have ratified the agreement")


def offer_places(walk):
    """The destination asks for fourteen places and gets twelve."""
    quota = {
        "employer_id": walk.employer.party_id,
        "post_title": "缝纫工",
        "region_code": "330782",
        "requested_places": 14,
        "monthly_wage_min_fen": 450_000,
        "monthly_wage_max_fen": 600_000,
        "valid_until": str(walk.day_90),
        "partner_ref": f"{walk.key}-Q",
    }
    walk.quota = walk.destination.post(walk.path("/quotas"), quota)["id"]
    published = walk.path(f"/quotas/{walk.quota}/publication")
    walk.destination.post(published, {"approved_places": SENT, "reason": "宿舍床位不足"})
    shown = only(walk, "our quota", walk.origin.walk(walk.path("/quotas"), partner_ref=f"{walk.key}-Q"))
    walk.expect("approved places", (shown["requested_places"], shown["approved_places"], shown["standing"]), (14, 12, "open"))
    places(walk, "published", held=0, filled=0, free=SENT)
    walk.tell("12 of 14 places are published")


def places(walk, when, **wanted):
    accounts = walk.origin.get(walk.path(f"/quotas/{walk.quota}/balance"))["accounts"]
    account = only(walk, "account of the quota", (row for row in accounts if row["id"] == walk.quota))
    walk.expect(f"places when {when}", {name: account[name] for name in wanted}, wanted)


def register(walk):
    """A file of people, one row of it spoilt. It is tried, mended, sent, and sent again."""
    rows = []
    for person in range(PEOPLE):
        number = identity_number(walk.first_person + person)
        rows.append({"对方编号": ref(walk, person + 1), "姓名": "刘陈李王张谢唐周"[person % 8] + "春建玉秀海"[person % 5]})
        rows[-1] |= {"身份证号码": number, "户籍地代码": "430523"}
    right = rows[4]["身份证号码"]
    rows[4]["身份证号码"] = right[:-1] + ("1" if right[-1] != "1" else "2")  # as people mistype it
    tried = walk.origin.rows("/v1/worker-batches", as_csv(rows), content_type=CSV, validate_only=True)
    walk.expect("rows of the trial", (counts(tried), tried["applied"]), ((12, 0, 1), False))
    spoilt = only(walk, "rejected row", (row for row in tried["results"] if row["status"] == "rejected"))
    walk.expect("which row", (spoilt["line"], spoilt["partner_ref"]), (6, ref(walk, 5)))
    walk.expect("where its fault is", [fault["pointer"] for fault in spoilt["errors"]], ["#/rows/4/identity_number"])
    rows[4]["身份证号码"] = right
    wanted = [(PEOPLE, 0, 0), (0, PEOPLE, 0)]
    sent = [counts(walk.origin.rows("/v1/worker-batches", as_csv(rows), content_type=CSV)) for _ in wanted]
    walk.expect("rows of the mended file, sent twice", sent, wanted)
    found = only(walk, "our worker", walk.origin.walk("/v1/workers", partner_ref=ref(walk, 5)))
    walk.expect("state of the mended worker", found["state"], "active")
    walk.tell(f"{PEOPLE} people are in our register")


def send(walk, name, people, day):
    """A batch: planned, enrolled by references, locked, departed."""
    plan = {
        "title": f"{walk.key} {name}",
        "mode": "point_to_point",
        "legal_basis": "协议第六条",
        "consent_recorded": True,
        "planned_departure_on": str(day),
        "planned_arrival_on": str(day + timedelta(days=1)),
        "partner_ref": f"{walk.key}-{name}",
    }
    path = walk.path(f"/dispatches/{walk.origin.post(walk.path('/dispatches'), plan)['id']}")
    rows = [{"worker_ref": ref(walk, person), "quota_ref": f"{walk.key}-Q", "partner_ref": ref(walk, person)} for person in people]
    roster = walk.origin.rows(f"{path}/roster", as_ndjson(rows), content_type=NDJSON)
    walk.expect(f"state of the locked {name}", walk.origin.post(f"{path}/lock")["state"], "locked")
    walk.go_to(day)
    departed = walk.origin.post(f"{path}/departure", {"departed_on": str(day)})
    walk.expect(f"state of the departed {name}", departed["state"], "departed")
    return roster


def depart(walk):
    roster = send(walk, "D1", range(1, PEOPLE + 1), walk.departure)
    walk.expect("rows of the roster", counts(roster), (SENT, 0, 1))
    faults = [fault["code"] for row in roster["results"] for fault in row.get("errors", [])]
    walk.expect("why the thirteenth has no place", faults, ["places_exhausted"])
    places(walk, "departed", held=0, filled=SENT, free=0)
    walk.tell(f"{SENT} people have departed; a thirteenth found no place")


def placement(walk, person):
    """A placement by our own reference."""
    return only(walk, f"placement {person}", walk.origin.walk(walk.path("/placements"), partner_ref=ref(walk, person)))


def claim(walk, people, outcome, day):
    rows = [{"placement_ref": ref(walk, person), "outcome": outcome, "happened_on": str(day), "evidence": "e2"} for person in people]
    answer = walk.employer.rows(walk.path("/claims"), as_csv(rows), content_type=CSV)
    walk.expect(f"claims of {outcome}", counts(answer), (len(rows), 0, 0))


def arrive(walk):
    """Ten came, one did not, and nobody says anything of the twelfth."""
    walk.go_to(walk.arrival + timedelta(days=1))
    claim(walk, range(1, 11), "onboarded", walk.arrival)
    claim(walk, [11], "no_show", walk.arrival)
    states = {person: placement(walk, person)["state"] for person in (1, 11, 12)}
    walk.expect("states of three placements", states, {1: "onboarded", 11: "no_show", 12: "departed"})
    places(walk, "claimed", held=0, filled=11, free=1)
    walk.tell("the employer has confirmed 10 people; 1 did not come, of 1 nothing is heard")


def reconcile(walk, when, **wanted):
    body = {"cut_off_on": str(walk.today)}
    runs = [side.post(walk.path("/reconciliations"), body) for side in (walk.origin, walk.destination)]
    walk.expect(f"hashes of both sides {when}", len({run["rows_hash"] for run in runs}), 1)
    got = {row["situation"]: row["rows"] for row in runs[0]["counts"]["situations"] if row["rows"]}
    walk.expect(f"situations {when}", got, wanted)
    walk.tell(f"reconciled {when}: " + ", ".join(f"{rows} {situation}" for situation, rows in wanted.items()))


def settle(walk):
    """The one nobody has heard of is asked about, and comes to light late; an arrival is contested, and the contest taken back."""
    walk.go_to(walk.arrival + timedelta(days=14))
    overdue = only(walk, "overdue arrival", walk.destination.walk(walk.path("/overdue-arrivals")))
    walk.expect("who is overdue", overdue["placement"]["partner_ref"], ref(walk, 12))
    contested = walk.path(f"/placements/{placement(walk, 3)['id']}/disputes")
    dispute = walk.origin.post(contested, {"reason": "家属反映该员工未到该单位上班"})
    reconcile(walk, "after two weeks", matched=9, disputed=1, not_arrived=1, missing=1)

    missing = only(walk, "missing", walk.origin.walk(walk.path("/discrepancies"), situation="missing"))
    walk.expect("whose turn it is", (missing["code"], missing["owner"], missing["state"]), ("D04", "destination", "open"))
    path = walk.path(f"/discrepancies/{missing['id']}")
    asked = walk.origin.post(f"{path}/evidence-requests", {"question": "请核实该员工是否到岗，并附签到记录"})
    answered = walk.destination.post(f"{path}/answers", {"answer": "已核实：当日到岗，单位漏报"})
    walk.expect("states of what is missing", (asked["state"], answered["state"]), ("asked", "answered"))
    claim(walk, [12], "onboarded", walk.arrival)
    withdrawn = walk.origin.post(f"{contested}/{dispute['id']}/withdrawal")
    walk.expect("the dispute", withdrawn["state"], "withdrawn")
    reconcile(walk, "after the answer", matched=10, late=1, not_arrived=1)
    walk.expect("what was missing", walk.origin.get(path)["state"], "cleared")
    walk.tell("the missing person came to light late; the contested arrival stands")


def statement(walk):
    """Both sides sign the month of the arrival."""
    month = f"{walk.arrival:%Y-%m}"
    walk.go_to((walk.arrival.replace(day=1) + timedelta(days=32)).replace(day=2))
    drafted = walk.origin.post(walk.path("/statements"), {"month": month})
    path = walk.path(f"/statements/{drafted['id']}")
    got = {}
    for figure in drafted["figures"]:
        if figure["basis"] in ("month", "month_end"):
            got[figure["indicator"]] = tuple(figure[how]["persons"] for how in ("certain", "probable", "disputed"))
    wanted = {"dispatched": (12, 0, 0), "onboarded": (11, 0, 0), "in_post": (11, 0, 0)}
    walk.expect(f"certain, probable, disputed persons of {month}", {name: got.get(name) for name in wanted}, wanted)
    walk.destination.post(f"{path}/opening")
    states = []
    for side in (walk.destination, walk.origin):
        document = side.request("GET", f"{path}/document").content
        body = {"edition": drafted["edition"], "digest": hashlib.sha256(document).hexdigest()}
        states.append(side.post(f"{path}/signature", body | {"signature": detached(side, document)})["state"])
    walk.expect("states after the signatures", states, ["signed", "frozen"])
    walk.tell(f"both sides have signed {month}: 12 sent, 11 arrived, 11 in post")


def detached(side, document):
    """A detached JWS (RFC 7515, appendix F): an ordinary one, without the bytes in its middle."""
    headers = {"typ": "JOSE"} | ({"kid": side.key_id} if side.key_id else {})
    header, _, signature = jwt.PyJWS().encode(document, side.key, side.key.algorithm_name, headers=headers).split(".")
    return f"{header}..{signature}"


def observe(walk, people, first, last):
    row = {"evidence": "e3", "source": "wage_ledger", "monthly_wage_fen": 480_000, "seen_from": str(first), "seen_to": str(last)}
    rows = [{"placement_ref": ref(walk, person), "client_ref": f"{ref(walk, person)}-{last}"} | row for person in people]
    answer = walk.employer.rows(walk.path("/observations"), as_ndjson(rows), content_type=NDJSON)
    walk.expect(f"observations until {last}", counts(answer), (len(rows), 0, 0))


def node(walk, name):
    """Due, retained, left, and not shown either way, at a node, by the employers that the terms let count."""
    figures = walk.origin.get(walk.path("/retention"))["items"]
    found = only(walk, f"node {name}", (figure for figure in figures if figure["node"] == name and figure["counts"]))
    return found["due"], found["retained"], found["left"], found["unverifiable"]


def day_30(walk):
    walk.go_to(walk.day_30 + timedelta(days=1))
    walk.expect("day 30 before anybody looked", node(walk, "30d"), (11, 0, 0, 11))
    observe(walk, [*range(1, 11), 12], walk.arrival, walk.day_30)
    walk.expect("day 30: due, retained, left, unverified", node(walk, "30d"), (11, 11, 0, 0))
    walk.tell("day 30: all 11 are in post")


def leave(walk):
    """One leaves within the guarantee: a place is free, and a replacement is owed and sent."""
    last_day = walk.day_30 + timedelta(days=10)
    walk.go_to(last_day + timedelta(days=1))
    row = {"placement_ref": ref(walk, 2), "ended_on": str(last_day), "grain": "day", "reason": "resigned"}
    answer = walk.employer.rows(walk.path("/exits"), [row])
    walk.expect("exits", counts(answer), (1, 0, 0))
    duty = only(walk, "duty", walk.origin.walk(walk.path("/replacement-duties"), placement_id=placement(walk, 2)["id"]))
    walk.expect("what is owed", (duty["owner_id"], duty["standing"]), (walk.origin.party_id, "open"))
    places(walk, "one has left", held=0, filled=10, free=2)

    sent_on = last_day + timedelta(days=5)
    walk.expect("roster of the replacement", counts(send(walk, "D2", [13], sent_on)), (1, 0, 0))
    walk.go_to(sent_on + timedelta(days=2))
    walk.replaced_on = sent_on + timedelta(days=1)  # never a new year's day: it is the middle of a month
    claim(walk, [13], "onboarded", walk.replaced_on)
    fulfilled = walk.path(f"/replacement-duties/{duty['id']}/fulfilment")
    walk.expect(
        "the duty",
        walk.origin.post(fulfilled, {"placement_id": placement(walk, 13)["id"]})["standing"],
        "fulfilled",
    )
    walk.tell("one person resigned within the guarantee and was replaced in time")


def funnel_node(walk, code):
    """The same four numbers as the fulfilment of the agreement has them, in the plan year of the departure."""
    funnel = walk.origin.get(walk.path("/fulfilment"))["funnel"]
    of_all = [row for row in funnel if row["scope"] is None and row["quota_id"].strip("0-") == ""]
    found = [it for row in of_all if row["plan_year"] == walk.departure.year for it in row["nodes"] if it["node"] == code]
    return tuple(
        found[0][name] if isinstance(found[0][name], int) else found[0][name]["placements"]
        for name in ("due", "retained", "left", "unverified")
    )


def day_90(walk):
    walk.go_to(walk.day_90 + timedelta(days=1))
    stayed = [1, *range(3, 11), 12]
    observe(walk, stayed, walk.day_30 + timedelta(days=1), walk.day_90)
    observe(walk, [13], walk.replaced_on, walk.day_90)
    walk.expect("day 90: due, retained, left, unverified", node(walk, "90d"), (11, 10, 1, 0))
    walk.expect("the same in the funnel", funnel_node(walk, "90d"), (11, 10, 1, 0))
    walk.expect("day 30 with the replacement", node(walk, "30d"), (12, 12, 0, 0))
    walk.tell("day 90: 10 of 11 are in post, 1 has left")


def figures(walk):
    """What officials read, the rows behind it, and the curve."""
    fulfilment = walk.origin.get(walk.path("/fulfilment"))
    got = {row["target"]["indicator"]: (row["numerator"], row["denominator"]) for row in fulfilment["targets"]}
    # Who departs in the next year counts in the next year's plan: the replacement of a walk that begins in December.
    onboarded = 12 if walk.replaced_on.year == walk.departure.year else 11
    walk.expect("targets", got, {"onboarded": (onboarded, 12), "retained": (10, 10)})
    for row in fulfilment["targets"]:
        behind = list(walk.origin.walk(row["rows"]))
        walk.expect(f"rows behind {row['target']['indicator']}", len(behind), row["numerator"])
    owed = {name: fulfilment["replacements"][name] for name in ("owed", "open", "fulfilled", "fulfilled_late")}
    walk.expect("replacements", owed, {"owed": 1, "open": 0, "fulfilled": 1, "fulfilled_late": 0})
    curve = walk.origin.get(walk.path("/retention/curve"))
    walk.expect("placements of the curve", (curve["hidden"], curve["placements"]), (False, 12))
    # The replacement has been in post for 44 days by then, so it is among the twelve who could have left on day 40.
    steps = [(step["day"], step["at_risk"], step["left"], round(step["share"], 3)) for step in curve["steps"]]
    walk.expect("the curve: day, at risk, left, share", steps, [(40, 12, 1, 0.917)])
    walk.fulfilment, walk.curve = fulfilment, curve


def feed(walk):
    """Everything that happened stands in the feed, without a gap."""
    events = [event for event in walk.origin.events() if event["chain_id"] == walk.agreement]
    walk.expect("numbers in the chain", [event["sequence"] for event in events], list(range(1, len(events) + 1)))
    kinds = {event["type"] for event in events}
    wanted = {"agreement.ratified", "dispatch.departed", "claims.recorded", "exits.recorded", "statement.frozen"}
    walk.expect("kinds that are not in the feed", sorted(wanted - kinds), [])
    walk.events = len(events)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(f"{__doc__}\nsay where sandbox.json lies: python3 examples/sandbox_walk.py sandbox/sandbox.json")
    walk = Walk(sys.argv[1])
    steps = (prepare, agree, offer_places, register, depart, arrive, settle, statement, day_30, leave, day_90, figures, feed)
    for step in steps:
        try:
            step(walk)
        except Problem as problem:
            print(f"{step.__name__}: {problem}", file=sys.stderr)
            return 2
    print("\n".join(walk.story))
    for row in walk.fulfilment["targets"]:
        label = {"onboarded": "到岗 onboarded", "retained": "稳岗 retained, day 90"}[row["target"]["indicator"]]
        print(f"{label}: {row['numerator']} / {row['denominator']}")
    for step in walk.curve["steps"]:
        print(f"留岗曲线 curve: {step['share']:.1%} still there after day {step['day']} ({step['low']:.1%} to {step['high']:.1%})")
    print(f"{walk.events} events in the feed; {walk.checks} checks, {walk.differences} differences")
    return 1 if walk.differences else 0


if __name__ == "__main__":
    sys.exit(main())
