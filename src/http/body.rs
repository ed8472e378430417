//! The body of a request: of a media type that is taken, of bounded size, and arriving within bounded time.

use actix_web::http::header;
use actix_web::{HttpRequest, web};

use super::BODY_BYTES_MAX;
use crate::app::State;
use crate::error::{Code, Error, Result};

/// Reads a JSON body.
///
/// # Errors
/// [`Code::BodyTooLarge`], [`Code::RequestTimeout`], [`Code::UnsupportedMediaType`], [`Code::JsonInvalid`].
pub async fn read_body(request: &HttpRequest, payload: web::Payload) -> Result<web::Bytes> {
    let media_type =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let too_large = || Error::new(Code::BodyTooLarge).param("limit_bytes", BODY_BYTES_MAX);
    let bytes = match in_time(request, payload.to_bytes_limited(BODY_BYTES_MAX)).await? {
        Ok(read) => read.map_err(|cause| {
            Error::new(Code::JsonInvalid).detail(format!("the body could not be read: {cause}"), "请求体读取失败")
        })?,
        Err(_) => return Err(too_large()),
    };
    let known = essence == "application/json" || essence == "application/merge-patch+json";
    if !(known || bytes.is_empty() && essence.is_empty()) {
        return Err(Error::new(Code::UnsupportedMediaType));
    }
    Ok(bytes)
}

/// Waits for a body as long as the server allows: the server's own timeout ends with the head.
///
/// # Errors
/// [`Code::RequestTimeout`].
pub async fn in_time<T>(request: &HttpRequest, reading: impl Future<Output = T>) -> Result<T> {
    let state = request.app_data::<web::Data<State>>().ok_or_else(|| Error::internal("no state"))?;
    let limit = state.limits.body;
    let read = tokio::time::timeout(limit, reading).await;
    read.map_err(|_| Error::new(Code::RequestTimeout).param("limit_s", limit.as_secs()))
}
