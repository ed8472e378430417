//! What the exchange posts to others: the `webhooks` of the document, with the envelope of the feed and the headers of Standard Webhooks.

use serde_json::{Value, json};

use crate::webhooks::TESTED;
use crate::webhooks::signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// Every event that is posted, described once: all have one envelope, the very schema of the feed.
pub fn described() -> Value {
    json!({ "event": { "post": {
        "operationId": "receiveEvent",
        "tags": ["webhooks"],
        "summary": "An event of the feed",
        "description": "Posted to every enabled endpoint whose types it fits, at least once and in the order of `sequence` within a chain. \
            Take it by any 2xx within 15 seconds, and work on it afterwards. Everything else is tried again after 5 s, 5 min, 30 min, 2 h, 5 h, \
            10 h, 14 h, 20 h and 24 h; 410 disables the endpoint, redirects are not followed, `Retry-After` of 429 and 503 is heeded.\n\n\
            Check the signature over the bytes as they came: `webhook-id`, a dot, `webhook-timestamp`, a dot, the body. Refuse timestamps more than \
            five minutes away. Drop an id you have had. A `sequence` that is more than one above the last of its `chain_id` is a gap: read \
            `GET /v1/events?after=` from the last `position` you have, with the same `types`. Ignore types and fields you do not know.",
        "security": [],
        "parameters": [
            header(ID_HEADER, "Id of the event; the same at every attempt.",
                &json!({ "type": "string", "format": "uuid", "maxLength": 36 }), "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50"),
            header(TIMESTAMP_HEADER, "Instant of this attempt, in seconds since the epoch.",
                &json!({ "type": "string", "pattern": "^[0-9]{1,12}$", "maxLength": 12 }), "1772413200"),
            header(SIGNATURE_HEADER, "Signatures with spaces between: `v1,` and HMAC-SHA256 with the shared secret, or `v1a,` and Ed25519, in base64. \
                While secrets change there are two; one that fits is enough.",
                &json!({ "type": "string", "maxLength": 400 }), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ],
        "requestBody": { "required": true, "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/Event" },
            "examples": {
                "departed": { "summary": "A dispatch has departed", "value": example("dispatch.departed", "dispatch", 5) },
                "tested": { "summary": "An endpoint is tried out", "value": example(TESTED, "webhook_endpoint", 1) },
            },
        } } },
        "responses": {
            "2XX": { "description": "The receiver has the event" },
            "4XX": { "description": "Tried again, except after 410" },
            "default": { "description": "Tried again" },
        },
    } } })
}

fn header(name: &str, description: &str, schema: &Value, example: &str) -> Value {
    json!({ "name": name, "in": "header", "required": true, "description": description, "schema": schema, "example": example })
}

fn example(kind: &str, subject: &str, version: i64) -> Value {
    json!({
        "position": 142,
        "id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50",
        "type": kind,
        "timestamp": "2026-03-02T01:00:00.000000Z",
        "chain_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c51",
        "sequence": 7,
        "hash": "7d9f0c6c2f5e4b1a8d3c5e7f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b",
        "data": { "subject": { "kind": subject, "id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c52", "version": version } },
    })
}
