"""What the fuzzer cannot know from the document: keys are for one use, cursors and ids come from the service."""

import json
import os
import uuid
import zlib

import schemathesis

with open(os.environ["LABOUR_EXCHANGE_IDS"], encoding="utf-8") as file:
    KNOWN = json.load(file)

# Parameters whose good values depend on today and on the terms of the agreement.
IN_EFFECT = {"as_of": "2021-10-01", "known_before": "2021-10-02T00:00:00Z", "node": "90d", "target": 1}
# After one of these an agreement, a party or a client is good for nothing else, so all of them get the same one.
ENDS = ("termination", "suspension", "resumption", "withdrawal", "cancellation", "closure", "erasure", "revocation")

NOTHING = str(uuid.UUID(int=0))


def is_id(value):
    try:
        return str(uuid.UUID(value)) == value.lower()
    except (ValueError, AttributeError, TypeError):
        return False


class Known:
    """Chooses ids for one request. The choice depends on the request alone, so that a run can be repeated."""

    def __init__(self, path, values):
        seed = zlib.crc32("".join([path, *map(str, values)]).encode("utf-8", "surrogatepass"))
        # Some requests get an id that nothing has: what is absent must be answered well, too. The fuzzer's own ids are not
        # always made up: it has read some, that of its own client among them, which must not be revoked.
        self.absent = str(uuid.UUID(int=seed, version=4)) if seed % 8 == 7 else None
        *living, last = KNOWN["agreements"] or [{}]
        self.ends = path.endswith(ENDS)
        self.agreement = last if self.ends or not living else living[seed % len(living)]
        self.seed = seed

    def instead_of(self, name, value):
        if not is_id(value):
            return value
        if self.absent:
            return self.absent
        if name in self.agreement:
            return self.agreement[name]
        others = KNOWN["others"].get("party_id" if name in ("employer_id", "origin_id") else name) or [value]
        return others[-1 if self.ends else self.seed % len(others)]

    def within(self, body):
        if isinstance(body, dict):
            return {name: self.instead_of(name, self.within(value)) for name, value in body.items()}
        if isinstance(body, list):
            return [self.within(value) for value in body]
        return body


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path_parameters:
        known = Known(case.operation.path, case.path_parameters.values())
        for name, value in case.path_parameters.items():
            # Where a field is null, the link that the fuzzer infers from it leads nowhere ("/v1/zones/None").
            case.path_parameters[name] = known.instead_of(name, NOTHING if value is None else value)
    well_formed = case.meta and case.meta.generation.mode.is_positive
    if not well_formed:
        return
    known = Known(case.operation.path, [case.path_parameters, case.body])
    if isinstance(case.body, (dict, list)):
        case.body = known.within(case.body)
    if case.headers and "Idempotency-Key" in case.headers:
        # The same key with another body is rightly refused.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.query:
        # A made-up cursor is rightly refused, and so are made-up names of fields; of those that are left out on request the
        # document says that they are there.
        case.query.pop("cursor", None)
        case.query.pop("fields", None)
    for name, value in IN_EFFECT.items():
        # So are a day in the future and what the terms of the agreement do not name.
        if case.query and name in case.query:
            case.query[name] = value


@schemathesis.hook
def filter_failure(context, failure, case, response):
    # A call of many rows refuses a wrong row in its receipt; the call itself is answered with 207.
    wrong_was_accepted = failure.code == "ST201" and response.status_code == 207
    return not (wrong_was_accepted and response.json()["rejected"] > 0)


@schemathesis.serializer("application/x-ndjson", "text/csv")
def text_body(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
