//! [`Error`] as RFC 9457 `application/problem+json`; the only place that knows which status a problem has.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::RequestContext;
use crate::error::{Code, Error, FAULTS_MAX, Fault, Kind, Language, Place};

/// Media type of every problem.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// The type that a registry has for this problem (draft-ietf-httpapi-ratelimit-headers-11).
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
/// The fact of an error that says after how many seconds a caller may come back.
pub const RETRY_AFTER: &str = "retry_after_s";
/// When a caller may come back after an answer that says "later", in seconds, unless the error knows better.
pub const RETRY_AFTER_S: i64 = 1;

/// A problem, as every 4xx and 5xx answer carries it. Branch on `code`; `title` and `detail` follow Accept-Language.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Address of a page about this kind of problem: cause and remedy.
    #[serde(rename = "type")]
    #[schema(example = "https://exchange.example.cn/problems/places_exhausted", max_length = 500)]
    pub kind: String,
    /// One line about the kind of problem.
    #[schema(example = "No place is left", max_length = 200)]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 409, minimum = 400, maximum = 599)]
    pub status: u16,
    /// Stable code, one of those named here or one that came later: accept a code you do not know and treat it by its status.
    #[schema(example = "places_exhausted", max_length = 100)]
    pub code: &'static str,
    /// What it is about in this case, and what to do.
    #[schema(max_length = 2000)]
    pub detail: String,
    /// This very occurrence: `urn:uuid:` and the request id.
    #[schema(example = "urn:uuid:0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", max_length = 100)]
    pub instance: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Seconds to wait before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 86400)]
    pub retry_after_s: Option<i64>,
    /// The fields at fault, at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub errors: Vec<FaultView>,
    /// Whether there were more than 100.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub errors_truncated: bool,
    /// Facts for programs, such as `allowed_actions` or `free_places`.
    #[serde(flatten)]
    #[schema(additional_properties)]
    pub params: Map<String, Value>,
}

/// One field at fault: `pointer` says where in the body it is; of a parameter, `in` and `name` say which.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FaultView {
    /// JSON pointer into the body, as a URI fragment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "#/roster/3/worker_id", max_length = 500, nullable = false)]
    pub pointer: Option<String>,
    /// `query`, `path` or `header`.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 10, nullable = false)]
    pub within: Option<&'static str>,
    /// Name of the parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, nullable = false)]
    pub name: Option<String>,
    /// Stable code of the fault.
    #[schema(example = "length", max_length = 100)]
    pub code: &'static str,
    /// What is wrong and what to do.
    #[schema(max_length = 500)]
    pub detail: String,
    /// Figures the text speaks of.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub params: Map<String, Value>,
}

impl FaultView {
    /// A fault in the language of its reader.
    #[must_use]
    pub fn of(fault: &Fault, language: Language) -> Self {
        let (pointer, within, name) = match fault.place.clone() {
            Place::Body { pointer } => (Some(pointer), None, None),
            Place::Parameter { within, name } => (None, Some(within), Some(name)),
        };
        Self {
            pointer,
            within,
            name,
            code: fault.code,
            detail: fault.detail.in_language(language).to_owned(),
            params: fault.params.clone(),
        }
    }
}

/// What PATCH takes.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// The status of a sort of problem.
#[must_use]
pub const fn status_of(kind: Kind) -> StatusCode {
    match kind {
        Kind::BadRequest => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Gone => StatusCode::GONE,
        Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Kind::TimedOut => StatusCode::REQUEST_TIMEOUT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Problem {
    /// The problem as this request's reader gets it.
    #[must_use]
    pub fn of(error: &Error, context: &RequestContext) -> Self {
        let definition = error.code.definition();
        let (title, remedy) = match context.language {
            Language::English => (definition.title_en, definition.remedy_en),
            Language::Chinese => (definition.title_zh, definition.remedy_zh),
        };
        let detail = match (&error.detail, context.language) {
            (None, _) => remedy.to_owned(),
            (Some(text), Language::English) => format!("{}. {remedy}", text.en.trim_end_matches('.')),
            (Some(text), Language::Chinese) => format!("{}。{remedy}", text.zh.trim_end_matches('。')),
        };
        let errors = error.faults.iter().take(FAULTS_MAX).map(|fault| FaultView::of(fault, context.language));
        let mut params = error.params.clone();
        let told = params.remove(RETRY_AFTER).and_then(|seconds| seconds.as_i64()).unwrap_or(RETRY_AFTER_S);
        Self {
            kind: match error.code {
                Code::RateLimited => QUOTA_EXCEEDED.to_owned(),
                _ => format!("{}/problems/{}", context.public_url, definition.name),
            },
            title: title.to_owned(),
            status: status_of(definition.kind).as_u16(),
            code: definition.name,
            detail,
            instance: format!("urn:uuid:{}", context.request_id),
            retryable: definition.retryable,
            retry_after_s: definition.retryable.then_some(told),
            errors: errors.collect(),
            errors_truncated: error.faults.len() > FAULTS_MAX,
            params,
        }
    }
}

/// The answer to an error, in the language of the request.
#[must_use]
pub fn respond(error: &Error, context: &RequestContext) -> HttpResponse {
    let problem = Problem::of(error, context);
    let status = status_of(error.code.definition().kind);
    if status.is_server_error() {
        tracing::error!(code = problem.code, cause = error.cause.as_deref().unwrap_or_default(), "request failed");
    }
    let mut response = HttpResponse::build(status);
    response
        .content_type(PROBLEM_JSON)
        .insert_header((header::CONTENT_LANGUAGE, language_tag(context.language)))
        .insert_header((header::VARY, "Accept-Language"));
    if let Some(seconds) = problem.retry_after_s {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    let text = |name: &str| error.params.get(name).and_then(Value::as_str);
    match error.code {
        Code::TokenInvalid => {
            let metadata = format!("{}/.well-known/oauth-protected-resource", context.public_url);
            response.insert_header((
                header::WWW_AUTHENTICATE,
                format!("Bearer error=\"invalid_token\", resource_metadata=\"{metadata}\""),
            ));
        }
        Code::InsufficientScope => {
            let scope = text("required_scope").unwrap_or_default();
            response.insert_header((
                header::WWW_AUTHENTICATE,
                format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""),
            ));
        }
        Code::RequestTimeout => {
            // The rest of the body may still come, and must not be taken for the next request.
            response.force_close();
        }
        Code::MethodNotAllowed => {
            response.insert_header((header::ALLOW, text("allow").unwrap_or_default()));
        }
        Code::PreconditionFailed => {
            if let Some(etag) = text("current_etag") {
                response.insert_header((header::ETAG, etag));
            }
        }
        Code::UnsupportedMediaType => {
            let taken = error.params.get("media_types").and_then(Value::as_array);
            let taken: Vec<&str> = taken.into_iter().flatten().filter_map(Value::as_str).collect();
            let header = if taken.contains(&MERGE_PATCH) { "Accept-Patch" } else { "Accept-Post" };
            response.insert_header((header, taken.join(", ")));
        }
        _ => {}
    }
    response.json_body(&problem)
}

trait JsonBody {
    fn json_body(&mut self, problem: &Problem) -> HttpResponse;
}

impl JsonBody for actix_web::HttpResponseBuilder {
    fn json_body(&mut self, problem: &Problem) -> HttpResponse {
        self.body(serde_json::to_vec(problem).unwrap_or_default())
    }
}

/// Language tag of an answer.
#[must_use]
pub const fn language_tag(language: Language) -> &'static str {
    match language {
        Language::English => "en",
        Language::Chinese => "zh-CN",
    }
}

// The edge renders problems, because only it knows the reader's language; this makes the error travel there.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        status_of(self.code.definition().kind)
    }
}
