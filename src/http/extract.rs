//! Extractors that fail as problems: who asks in which language, and bodies with a JSON pointer. Queries are read in [`super::query`].

use std::future::{Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use super::body::{composed, read_body};
use super::expectation::{expectation, known_names, quoted_after};
use super::idempotency::IdempotencyKey;
use super::objects::Objects;
use crate::app::State;
use crate::error::{Code, Error, Fault, Language, Result, Text};

/// What answers need to know of the request they answer.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Made by us; equals X-Request-Id and the problem's instance.
    pub request_id: uuid::Uuid,
    /// Language of the reader.
    pub language: Language,
    /// Address under which the exchange is reached, without a slash at the end.
    pub public_url: std::sync::Arc<str>,
}

impl RequestContext {
    /// Reads the context of a request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let id = request.extensions().get::<tracing_actix_web::RequestId>().map(|id| **id);
        Self {
            request_id: id.unwrap_or_else(uuid::Uuid::now_v7),
            language: language_of(request.headers()),
            public_url: request
                .app_data::<web::Data<State>>()
                .map(|state| state.public_url.clone())
                .unwrap_or_default(),
        }
    }
}

impl FromRequest for RequestContext {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// RFC 4647 lookup: the first acceptable range that is Chinese or English decides; everything else reads English.
#[must_use]
pub fn language_of(headers: &HeaderMap) -> Language {
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut ranges: Vec<(f32, &str)> = header
        .split(',')
        .filter_map(|item| {
            let mut parts = item.trim().split(';');
            let range = parts.next()?.trim();
            let quality =
                parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok())?;
            (quality > 0.0).then_some((quality, range))
        })
        .collect();
    ranges.sort_by(|left, right| right.0.total_cmp(&left.0));
    for (_, range) in ranges {
        let range = range.to_ascii_lowercase();
        if range == "zh" || range == "zh-cn" || range.starts_with("zh-hans") {
            return Language::Chinese;
        }
        if range == "en" || range.starts_with("en-") || range == "*" {
            return Language::English;
        }
    }
    Language::English
}

/// A command as it came in: the body, and the Idempotency-Key it was sent under.
#[derive(Debug)]
pub struct Posted<T> {
    /// The body.
    pub body: T,
    /// Makes the command take effect once; see [`IdempotencyKey::run`].
    pub key: IdempotencyKey,
}

impl<T: DeserializeOwned + 'static> FromRequest for Posted<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = web::Payload::from_request(&request, payload);
        Box::pin(async move {
            let caller = crate::identity::Bearer::of(&request).await?;
            let header = IdempotencyKey::header(&request)?;
            let bytes = read_body(&request, payload.await.map_err(Error::internal)?).await?;
            let body = parse_json(&bytes)?;
            let state = request.app_data::<web::Data<State>>().ok_or_else(|| Error::internal("no state"))?;
            let digest = Sha256::new_with_prefix(&bytes);
            let key = IdempotencyKey::of_body(&request, &state.keys, caller.client_id, &header, digest);
            Ok(Self { body, key })
        })
    }
}

/// The body of an action that needs no words: an empty object, or nothing at all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct EmptyBody {}

/// The body of a PATCH: no Idempotency-Key, because `If-Match` already makes it take effect once.
#[derive(Debug)]
pub struct Patched<T> {
    /// The body.
    pub body: T,
    /// The version the change is meant for.
    pub version: i64,
}

impl<T: DeserializeOwned + 'static> FromRequest for Patched<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = web::Payload::from_request(&request, payload);
        Box::pin(async move {
            crate::identity::Bearer::of(&request).await?;
            let version = if_match(request.headers()).ok_or_else(|| Error::new(Code::PreconditionRequired))?;
            let bytes = read_body(&request, payload.await.map_err(Error::internal)?).await?;
            Ok(Self { body: parse_json(&bytes)?, version })
        })
    }
}

/// What the sender would like (RFC 7240).
#[derive(Debug, Clone, Copy, Default)]
pub struct Prefer {
    /// An answer at once that the work has been taken on, as a job.
    pub respond_async: bool,
}

impl FromRequest for Prefer {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let wishes = request.headers().get_all("prefer").filter_map(|value| value.to_str().ok());
        let asked = |wishes: &str| wishes.split(',').any(|wish| wish.trim().eq_ignore_ascii_case("respond-async"));
        ready(Ok(Self { respond_async: wishes.into_iter().any(asked) }))
    }
}

/// The version in `If-Match`, when one was sent. Optional on actions, needed on PATCH. A handler that takes it says so among its
/// parameters.
#[derive(Debug, Clone, Copy, Default)]
pub struct IfMatch(pub Option<i64>);

impl FromRequest for IfMatch {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(if_match(request.headers()))))
    }
}

/// Only the name: what it means is written once for all operations, when the document is completed.
impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![ParameterBuilder::new().name(header::IF_MATCH.as_str()).parameter_in(ParameterIn::Header).build()]
    }
}

impl IfMatch {
    /// Fine when no version was sent or it is the current one.
    ///
    /// # Errors
    /// [`Code::PreconditionFailed`] with the current ETag.
    pub fn check(self, current: i64) -> Result<()> {
        match self.0 {
            Some(version) if version != current => {
                Err(Error::new(Code::PreconditionFailed).param("current_etag", super::answer::etag_of(current)))
            }
            _ => Ok(()),
        }
    }
}

fn if_match(headers: &HeaderMap) -> Option<i64> {
    let value = headers.get(header::IF_MATCH)?;
    let text = value.to_str().unwrap_or_default().trim();
    // A tag that is none of ours can match no version.
    let version = text.trim_matches('"');
    // What follows the version says what else was shown, which a change is not made against.
    let version = version.split_once('-').map_or(version, |(version, _)| version);
    (text != "*").then(|| version.parse::<i64>().unwrap_or(-1))
}

/// Reads JSON; an empty body reads as an empty object.
///
/// # Errors
/// [`Code::JsonInvalid`], or [`Code::UnknownField`], [`Code::FieldMissing`], [`Code::FieldInvalid`] with the place.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let bytes = composed(bytes);
    let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(Objects(&mut deserializer)).map_err(|error| {
        let pointer = pointer_of(error.path());
        shape_error(&pointer, error.inner())
    })?;
    deserializer
        .end()
        .map_err(|_| Error::new(Code::JsonInvalid).detail("something follows the object", "对象之后还有多余内容"))?;
    Ok(value)
}

pub(crate) fn shape_error(pointer: &str, error: &serde_json::Error) -> Error {
    if !error.is_data() {
        let place = format!("line {}, column {}", error.line(), error.column());
        return Error::new(Code::JsonInvalid).detail(
            format!("not JSON at {place}"),
            format!("第 {} 行第 {} 列不是合法的 JSON", error.line(), error.column()),
        );
    }
    let message = error.to_string();
    if let Some(name) = quoted_after(&message, "unknown field ") {
        let parent = pointer.strip_suffix(&format!("/{name}")).unwrap_or(pointer);
        let fault = Fault::body(
            format!("{parent}/{}", escape(&name)),
            "unknown_field",
            "this field is not known here; allowed names those that are",
            "此处没有该字段，可用字段见 allowed",
        );
        return Error::new(Code::UnknownField).fault(fault.param("allowed", known_names(&message)));
    }
    if let Some(name) = quoted_after(&message, "missing field ") {
        return Error::new(Code::FieldMissing).fault(Fault::body(
            format!("{pointer}/{}", escape(&name)),
            "field_missing",
            "this field is needed",
            "缺少该字段",
        ));
    }
    let Text { en, zh } = expectation(&message);
    Error::new(Code::FieldInvalid).fault(Fault::body(pointer, "type_invalid", en, zh))
}

pub(crate) fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", escape(key))),
            Segment::Enum { variant } => Some(format!("/{}", escape(variant))),
            Segment::Unknown => None,
        })
        .collect()
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
