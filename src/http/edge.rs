//! What every request passes: HEAD as GET, problems in the reader's language, conditional GET, and the headers of every answer.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, web};

use super::RequestContext;
use super::problem;
use super::rate_limits::{Counted, Policy};
use super::retiring::Notice;
use crate::app::State;
use crate::db::Day;
use crate::error::{Code, Error, Fault};
use crate::identity::Bearer;
use crate::identity::oauth::in_protocol;

/// Refusals of the token endpoint are RFC 6749 §5.2 JSON (api-rules E2).
const TOKEN_ENDPOINT: &str = "/oauth/token";

/// The middleware. See the module's words.
///
/// # Errors
/// Only what a middleware further in says; what routes and extractors say comes back as an answer and becomes a problem here.
pub async fn edge(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody + 'static>>, actix_web::Error> {
    if request.method() == Method::HEAD {
        // The wire knows it was HEAD and sends no body; the routes need not.
        request.head_mut().method = Method::GET;
    }
    // No clone of the request may live across the call: routing needs it for itself alone.
    let context = RequestContext::of(request.request());
    let notice = notice(&request).await;
    let gone = notice.as_ref().and_then(|(notice, today)| notice.refusal(*today));
    let (refused, counted) = match gone.or_else(|| refused_parameter(&request)) {
        Some(error) => (Some(error), None),
        None => count(&request).await,
    };
    let mut response = if let Some(error) = refused {
        request.into_response(problem::respond(&error, &context)).map_into_right_body()
    } else {
        let response = next.call(request).await?;
        match problem_of(response.response(), &context) {
            Some(problem) => {
                let problem = if response.request().path() == TOKEN_ENDPOINT { in_protocol(problem) } else { problem };
                response.into_response(problem).map_into_right_body()
            }
            None => conditional(response),
        }
    };
    if let Some(counted) = counted.filter(|_| !response.status().is_redirection()) {
        counted.tell(response.headers_mut());
    }
    if let Some((notice, _)) = notice {
        notice.tell(response.headers_mut());
    }
    set_headers(response.headers_mut(), &context);
    Ok(response)
}

/// What is told of an operation on its way out, and the day. Who still calls it stands in the log, so that somebody can tell them.
async fn notice(request: &ServiceRequest) -> Option<(Notice, Day)> {
    let state = request.app_data::<web::Data<State>>()?;
    let notice = state.routes.notice(request.method().as_str(), request.path())?.clone();
    let client = Bearer::of(request.request()).await.ok().map(|bearer| bearer.client_id.to_string());
    tracing::warn!(client, "an operation on its way out was called");
    Some((notice, state.clock.today()))
}

/// Counts the call of a client that proves who it is: the refusal, if it called too often, and what the answer tells of it.
async fn count(request: &ServiceRequest) -> (Option<Error>, Option<Counted>) {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        return (None, None);
    }
    // Once, before the extractors ask side by side; what is wrong with it they will say themselves.
    let (Ok(bearer), Some(state)) = (Bearer::of(request.request()).await, request.app_data::<web::Data<State>>())
    else {
        return (None, None);
    };
    let policy = Policy::of(&state.routes, request.method(), request.path());
    match state.rate_limits.count(&state.limits, policy, bearer.client_id, state.token_clock.now()) {
        Ok(counted) => (None, counted),
        Err((error, counted)) => (Some(error), Some(counted)),
    }
}

/// A mistyped parameter would silently give another list, so every parameter must be one of the document's, within the bounds that
/// the document sets. The token endpoint ignores what it does not know, as RFC 6749 §3.2 wants.
fn refused_parameter(request: &ServiceRequest) -> Option<Error> {
    if request.path() == TOKEN_ENDPOINT {
        return None;
    }
    let routes = &request.app_data::<web::Data<State>>()?.routes;
    let (method, path, query) = (request.method().as_str(), request.path(), request.query_string());
    if let Some(name) = routes.unknown_parameter(method, path, query) {
        let fault = Fault::query(&name, "unknown_parameter", "this parameter is not known here", "此处没有该参数");
        return Some(Error::new(Code::UnknownParameter).fault(fault));
    }
    let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    let faults = routes.beyond_limits(method, path, query, header);
    (!faults.is_empty()).then(|| faults.into_iter().fold(Error::new(Code::ParameterInvalid), Error::fault))
}

fn problem_of<B>(response: &HttpResponse<B>, context: &RequestContext) -> Option<HttpResponse<BoxBody>> {
    response.error().map(|error| problem_of_error(error, context))
}

fn problem_of_error(error: &actix_web::Error, context: &RequestContext) -> HttpResponse<BoxBody> {
    if let Some(error) = error.as_error::<Error>() {
        return problem::respond(error, context);
    }
    let status = error.as_response_error().status_code();
    let error = match status {
        StatusCode::NOT_FOUND => Error::new(Code::NotFound),
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Code::BodyTooLarge),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::new(Code::UnsupportedMediaType),
        status if status.is_client_error() => Error::new(Code::ParameterInvalid),
        _ => Error::internal(error),
    };
    problem::respond(&error, context)
}

/// 304 without a body when the reader has this very version. A condition on a write is no question of the cache.
fn conditional<B: MessageBody + 'static>(response: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
    let unchanged = response.request().method() == Method::GET
        && response.status() == StatusCode::OK
        && {
            let wanted = response.request().headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
            let current = response.headers().get(header::ETAG).and_then(|value| value.to_str().ok());
            matches!((wanted, current), (Some(wanted), Some(current)) if wanted.trim() == "*" || wanted.split(',').any(|tag| tag.trim().trim_start_matches("W/") == current))
        };
    if !unchanged {
        return response.map_into_left_body();
    }
    let mut empty = HttpResponse::new(StatusCode::NOT_MODIFIED);
    // What a 200 would have said of the copy at hand (RFC 9110 §15.4.5).
    for name in [header::ETAG, header::VARY, header::CACHE_CONTROL, header::CONTENT_LANGUAGE] {
        if let Some(value) = response.headers().get(&name) {
            empty.headers_mut().insert(name, value.clone());
        }
    }
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, empty).map_into_right_body()
}

fn set_headers(headers: &mut header::HeaderMap, context: &RequestContext) {
    let mut set = |name: &'static str, value: &'static str| {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    };
    set("x-content-type-options", "nosniff");
    set("x-frame-options", "DENY");
    set("referrer-policy", "no-referrer");
    set("strict-transport-security", "max-age=31536000");
    if !headers.contains_key(header::CACHE_CONTROL) {
        let policy = if headers.contains_key(header::ETAG) { "private, no-cache" } else { "no-store" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(policy));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        );
    }
    if let Ok(id) = HeaderValue::from_str(&context.request_id.to_string()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}

/// Answers what no route took: OPTIONS, 405 with `Allow`, or 404.
///
/// # Errors
/// [`Code::MethodNotAllowed`], [`Code::NotFound`].
pub async fn unrouted(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Error> {
    let reader = || super::docs::reader_allows(request.path()).map(ToOwned::to_owned);
    let Some(allow) = state.routes.allow(request.path()).or_else(reader) else {
        return Err(Error::new(Code::NotFound).detail("this address does not exist", "该地址不存在"));
    };
    if request.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish());
    }
    Err(Error::new(Code::MethodNotAllowed).param("allow", allow))
}
