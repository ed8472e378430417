"""What the fuzzer cannot know from the document: keys are for one use, cursors come from the service."""

import uuid

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    well_formed = case.meta and case.meta.generation.mode.is_positive
    if not well_formed:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        # The same key with another body is rightly refused.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.query and "cursor" in case.query:
        # A made-up cursor is rightly refused.
        case.query.pop("cursor")


@schemathesis.serializer("application/x-ndjson", "text/csv")
def text_body(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
