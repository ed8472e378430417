//! The parts that operations share: parameters, headers, problems, and how one proves who one is.
#![expect(clippy::indexing_slicing, reason = "assigning a member of a JSON object inserts it")]

use serde_json::{Map, Value, json};

use crate::error::Code;
use crate::http::problem::{PROBLEM_JSON, RETRY_AFTER_S, status_of};
use crate::identity::policy::SCOPES;

/// Every shared part, by kind and name.
pub fn components() -> [(&'static str, Map<String, Value>); 4] {
    let mut headers = headers();
    headers.extend(rate_headers());
    [("parameters", parameters()), ("headers", headers), ("responses", responses()), ("securitySchemes", security())]
}

fn parameters() -> Map<String, Value> {
    let version = json!({ "type": "string", "maxLength": 1000, "minLength": 1 });
    let header = |name: &str, required: bool, schema: &Value, example: &str, description: &str| json!({ "name": name, "in": "header", "required": required, "schema": schema, "example": example, "description": description });
    let key = json!({ "type": "string", "minLength": 8, "maxLength": 66, "pattern": "^(\"[!#-\\[\\]-~]{8,64}\"|[!#-\\[\\]-~]{8,64})$" });
    let language = json!({ "type": "string", "maxLength": 200 });
    named([
        (
            "IdempotencyKey",
            header(
                "Idempotency-Key",
                true,
                &key,
                "8e03978e-40d5-43e8-bc93-6894a57f9324",
                "A fresh UUID for each new request, bare or in double quotes; the same one when the request is repeated. The \
                 repeat takes effect once and gets the same answer, for 72 hours. The key belongs to the client, the method and \
                 the path; with another body it is refused (422).",
            ),
        ),
        (
            "IfMatch",
            header(
                "If-Match",
                false,
                &version,
                "\"7\"",
                "The ETag of the version the action is meant for; refused (412) when it has changed.",
            ),
        ),
        (
            "IfMatchRequired",
            header(
                "If-Match",
                true,
                &version,
                "\"7\"",
                "The ETag of the version the change is meant for; refused (412) when it has changed, (428) when missing.",
            ),
        ),
        (
            "IfNoneMatch",
            header(
                "If-None-Match",
                false,
                &version,
                "\"7\"",
                "The ETag of the version at hand; 304 without a body while it is the current one.",
            ),
        ),
        (
            "Prefer",
            header(
                "Prefer",
                false,
                &language,
                "respond-async",
                "With `respond-async` the work is taken on as a job (202), however small it is.",
            ),
        ),
        (
            "AcceptLanguage",
            header(
                "Accept-Language",
                false,
                &language,
                "zh-CN",
                "Language of titles and details: `zh-CN` or `en`. Codes and pointers are the same in both.",
            ),
        ),
    ])
}

fn headers() -> Map<String, Value> {
    let header = |schema: Value, description: &str| json!({ "schema": schema, "description": description });
    let required = |mut header: Value| {
        header["required"] = json!(true);
        header
    };
    let text = |longest: u32, example: &str| json!({ "type": "string", "maxLength": longest, "example": example });
    named([
        (
            "RequestId",
            required(header(
                json!({ "type": "string", "format": "uuid", "maxLength": 36 }),
                "Id of this request; quote it to the operator. Problems carry it as `instance`.",
            )),
        ),
        (
            "ETag",
            required(header(text(100, "\"7\""), "Strong tag of the version answered; the same in every language.")),
        ),
        (
            "CurrentETag",
            header(text(100, "\"7\""), "Tag of the version it has now; absent when somebody was faster only just now."),
        ),
        (
            "Location",
            required(header(
                text(500, "/v1/agreements/0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50"),
                "Path of what was made.",
            )),
        ),
        (
            "NextPage",
            header(
                text(2000, "<https://exchange.example.cn/v1/agreements?cursor=AAAA>; rel=\"next\""),
                "Address of the next page, with all filters; absent on the last page. `next_cursor` in the body says the same.",
            ),
        ),
        (
            "IdempotencyReplayed",
            header(
                json!({ "type": "string", "enum": ["true"], "maxLength": 4 }),
                "Sent when this is the stored answer to the same request.",
            ),
        ),
        (
            "ContentLanguage",
            header(
                json!({ "type": "string", "enum": ["en", "zh-CN"], "maxLength": 5 }),
                "Language of title and detail.",
            ),
        ),
        (
            "RetryAfter",
            header(
                json!({ "type": "integer", "format": "int32", "minimum": 0, "maximum": 86400 }),
                "Seconds to wait before the request is repeated.",
            ),
        ),
        (
            "WwwAuthenticate",
            required(header(
                text(500, "Bearer error=\"invalid_token\""),
                "Why the token was not enough (RFC 6750); `scope` names what was needed.",
            )),
        ),
    ])
}

/// What tells a client how many calls it has left.
fn rate_headers() -> Map<String, Value> {
    let header = |example: &str, description: &str| json!({ "schema": { "type": "string", "maxLength": 200, "example": example }, "description": description });
    named([
        (
            "RateLimitPolicy",
            header(
                "\"read\";q=6000;w=60",
                "The policy this call is counted under: `q` calls in `w` seconds for this client. As in \
                 draft-ietf-httpapi-ratelimit-headers-11; absent where there is no limit.",
            ),
        ),
        (
            "RateLimit",
            header(
                "\"read\";r=5999;t=1",
                "Under that policy `r` calls are left; in `t` seconds all are again. Rely on 429 and `Retry-After`.",
            ),
        ),
    ])
}

fn problem(description: &str, code: Code, further: &[(&str, &str)]) -> Value {
    let mut headers =
        json!({ "X-Request-Id": reference("RequestId"), "Content-Language": reference("ContentLanguage") });
    for (header, name) in further {
        headers[header] = reference(name);
    }
    json!({
        "description": description,
        "headers": headers,
        "content": { PROBLEM_JSON: { "schema": { "$ref": "#/components/schemas/Problem" }, "example": example(code) } },
    })
}

/// The problem answers that operations share.
fn problems() -> Map<String, Value> {
    let mut problems = refusals();
    problems.extend(limits());
    problems
}

/// What is wrong with the request, or with the state of things.
fn refusals() -> Map<String, Value> {
    named([
        (
            "BadRequest",
            problem("The request cannot be read, or a parameter or header is wrong", Code::UnknownParameter, &[]),
        ),
        ("Unauthorized", problem("No valid token", Code::TokenInvalid, &[("WWW-Authenticate", "WwwAuthenticate")])),
        (
            "Forbidden",
            problem(
                "The token, the party or its role does not allow it",
                Code::InsufficientScope,
                &[("WWW-Authenticate", "WwwAuthenticate")],
            ),
        ),
        ("NotFound", problem("Absent, or not the caller's to see", Code::NotFound, &[])),
        (
            "Conflict",
            problem(
                "The state of things forbids it",
                Code::TransitionNotAllowed,
                &[("Retry-After", "RetryAfter"), ("Idempotency-Replayed", "IdempotencyReplayed")],
            ),
        ),
        (
            "PreconditionFailed",
            problem("It has changed since it was read", Code::PreconditionFailed, &[("ETag", "CurrentETag")]),
        ),
    ])
}

/// What is too much, too slow or too soon.
fn limits() -> Map<String, Value> {
    named([
        (
            "RequestTimeout",
            problem(
                "The body did not arrive in time; the connection is closed",
                Code::RequestTimeout,
                &[("Retry-After", "RetryAfter")],
            ),
        ),
        ("ContentTooLarge", problem("The body is too large", Code::BodyTooLarge, &[])),
        (
            "UnsupportedMediaType",
            problem("The body is not of a media type that is taken", Code::UnsupportedMediaType, &[]),
        ),
        (
            "TooManyRequests",
            problem(
                "Called too often; obey Retry-After, back off with jitter, follow the feed or webhooks instead of polling",
                Code::RateLimited,
                &[("Retry-After", "RetryAfter"), ("RateLimit-Policy", "RateLimitPolicy"), ("RateLimit", "RateLimit")],
            ),
        ),
        ("UnprocessableContent", problem("Well-formed, but not valid", Code::FieldInvalid, &[])),
        ("PreconditionRequired", problem("If-Match is missing", Code::PreconditionRequired, &[])),
        (
            "ServiceUnavailable",
            problem(
                "Nothing was changed; come back later",
                Code::DatabaseUnavailable,
                &[("Retry-After", "RetryAfter")],
            ),
        ),
        ("Problem", problem("Any other problem", Code::InternalError, &[])),
    ])
}

fn responses() -> Map<String, Value> {
    let mut responses = problems();
    // 403 of a suspended party or a missing role names no scope.
    responses["Forbidden"]["headers"]["WWW-Authenticate"] = json!({
        "schema": { "type": "string", "maxLength": 500, "example": "Bearer error=\"insufficient_scope\", scope=\"quotas.write\"" },
        "description": "Sent when the token lacks a scope; `scope` names it.",
    });
    responses.insert(
        "NotModified".to_owned(),
        json!({ "description": "The version at hand is the current one", "headers": { "X-Request-Id": reference("RequestId"), "ETag": reference("ETag") } }),
    );
    responses
}

/// A problem as it looks when nothing more is known of it.
fn example(code: Code) -> Value {
    let definition = code.definition();
    let mut problem = json!({
        "type": format!("https://exchange.example.cn/problems/{}", definition.name),
        "title": definition.title_en,
        "status": status_of(definition.kind).as_u16(),
        "code": definition.name,
        "detail": definition.remedy_en,
        "instance": "urn:uuid:0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50",
        "retryable": definition.retryable,
    });
    if definition.retryable {
        problem["retry_after_s"] = json!(RETRY_AFTER_S);
    }
    problem
}

fn security() -> Map<String, Value> {
    let scopes: Map<String, Value> = SCOPES.iter().map(|(scope, text, _)| ((*scope).to_owned(), json!(text))).collect();
    named([(
        "oauth2",
        json!({
            "type": "oauth2",
            "description": "Client credentials with `private_key_jwt`: the client signs an assertion (RFC 7523, RFC 10070) and gets an access \
                            token (RFC 9068) of at most ten minutes. Tokens are checked as RFC 8725 asks.",
            "flows": { "clientCredentials": { "tokenUrl": "/oauth/token", "scopes": scopes } },
        }),
    )])
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn named<const COUNT: usize>(parts: [(&str, Value); COUNT]) -> Map<String, Value> {
    parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect()
}
