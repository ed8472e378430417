//! The body of a request: of a media type that is taken, of bounded size, arriving within bounded time, and its texts in one form.

use std::borrow::Cow;

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc, is_nfc_quick};

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
        return Err(unsupported_media_type(request));
    }
    Ok(bytes)
}

/// The refusal of a body, with the media types that are taken here.
pub fn unsupported_media_type(request: &HttpRequest) -> Error {
    let state = request.app_data::<web::Data<State>>();
    let taken = state.map(|state| state.routes.media_types(request.method().as_str(), request.path()));
    Error::new(Code::UnsupportedMediaType).param("media_types", taken.unwrap_or_default())
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

/// JSON with every text in it composed (Unicode NFC), so that what looks the same is the same to references, titles and reasons.
/// Everything between the texts stays as it came: numbers, repeated fields, faults.
#[must_use]
pub fn composed(json: &[u8]) -> Cow<'_, [u8]> {
    let Ok(text) = std::str::from_utf8(json) else { return Cow::Borrowed(json) };
    if !text.contains("\\u") && is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(json);
    }
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, literal, after)) = next_literal(rest) {
        written.push_str(before);
        match serde_json::from_str::<String>(literal) {
            Ok(value) if !is_nfc(&value) => written.push_str(&serde_json::Value::from(nfc(&value)).to_string()),
            _ => written.push_str(literal),
        }
        rest = after;
    }
    written.push_str(rest);
    Cow::Owned(written.into_bytes())
}

/// A text composed.
#[must_use]
pub fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// What stands before the next string literal, the literal with its quotes, and what follows it.
fn next_literal(text: &str) -> Option<(&str, &str, &str)> {
    let (before, literal) = text.split_at_checked(text.find('"')?)?;
    let mut escaped = false;
    let length = literal.char_indices().skip(1).find_map(|(at, letter)| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends.then_some(at + 1)
    })?;
    let (literal, after) = literal.split_at_checked(length)?;
    Some((before, literal, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed_text(json: &str) -> String {
        String::from_utf8(composed(json.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn texts_that_look_the_same_become_the_same() {
        for (sent, read) in [
            ("{\"ref\":\"Cafe\u{301} 7\"}", "{\"ref\":\"Café 7\"}"),
            (r#"{"ref":"Cafe\u0301"}"#, "{\"ref\":\"Café\"}"),
            ("[\"\u{1112}\u{1161}\u{11ab}\", 1]", "[\"한\", 1]"),
            (r#"{"a":"say \"e\u0301\"","b":2}"#, r#"{"a":"say \"é\"","b":2}"#),
        ] {
            assert_eq!(composed_text(sent), read, "{sent}");
        }
    }

    #[test]
    fn everything_else_stays_as_it_came() {
        for json in [
            "",
            "{}",
            "{\"n\":1e30,\"n\":18446744073709551616}",
            r#"{"a":"张三\n","b":"\ud800"}"#,
            "{\"broken\": \"e\u{301}",
            r#"{"a":"\\","b":"\u5f20"}"#,
        ] {
            assert_eq!(composed_text(json), json);
        }
        assert_eq!(composed(b"\xff\"e\""), Cow::Borrowed(b"\xff\"e\"".as_slice()));
    }
}
