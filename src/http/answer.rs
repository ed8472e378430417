//! A successful answer as bytes: made on the database thread, inside the transaction, so that it can be kept for replays.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::RequestContext;
use crate::error::Result;

/// When to look for work that was taken on, in seconds.
const LOOK_AGAIN_S: u32 = 2;

/// Status, headers and body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: String,
    /// Path of the thing made, when one was.
    pub location: Option<String>,
    /// Strong ETag of the thing answered.
    pub etag: Option<String>,
    /// Language of the texts in the body, when it has texts for people.
    pub content_language: Option<String>,
    /// Path of the next page, when there is one.
    pub next: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether this is a stored answer, sent again.
    pub replayed: bool,
}

impl Answer {
    fn json<T: Serialize + ?Sized>(status: u16, value: &T) -> Result<Self> {
        Ok(Self {
            status,
            content_type: "application/json".to_owned(),
            location: None,
            etag: None,
            content_language: None,
            next: None,
            body: serde_json::to_vec(value)?,
            replayed: false,
        })
    }

    /// 200 with a body.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn ok<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Self::json(200, value)
    }

    /// 201 with a body and the path of what was made.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn created<T: Serialize + ?Sized>(location: impl Into<String>, value: &T) -> Result<Self> {
        Ok(Self { location: Some(location.into()), ..Self::json(201, value)? })
    }

    /// 202 with the work that was taken on and the path where to look for it.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn accepted<T: Serialize + ?Sized>(location: impl Into<String>, value: &T) -> Result<Self> {
        Ok(Self { location: Some(location.into()), ..Self::json(202, value)? })
    }

    /// 207 with a result for each row.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn multi_status<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Self::json(207, value)
    }

    /// 200 with a page of a list, and the link to the next.
    ///
    /// # Errors
    /// When the page cannot be written as JSON.
    pub fn page<T: Serialize>(page: &crate::db::Page<T>) -> Result<Self> {
        let next = page.next_cursor.clone();
        let Some(fields) = &page.fields else { return Ok(Self { next, ..Self::ok(page)? }) };
        let mut page = serde_json::to_value(page)?;
        let items = page.get_mut("items").and_then(Value::as_array_mut);
        for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
            item.retain(|name, _| fields.contains(name));
        }
        Ok(Self { next, ..Self::ok(&page)? })
    }

    /// Adds the ETag of a row version.
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.etag = Some(etag_of(version));
        self
    }

    /// Adds the ETag of something shown with what the day or other rows say of it: the row's version, which `If-Match` reads, and a
    /// digest of the body, so that nobody keeps yesterday's.
    #[must_use]
    pub fn shown(mut self, version: i64) -> Self {
        self.etag = Some(etag_of_shown(version, &self.body));
        self
    }

    /// Adds the ETag of something that has no version: a digest of the body.
    #[must_use]
    pub fn tagged(mut self) -> Self {
        self.etag = Some(format!("\"{}\"", digest(&self.body)));
        self
    }

    /// 204: done, and nothing to say.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            status: 204,
            content_type: String::new(),
            location: None,
            etag: None,
            content_language: None,
            next: None,
            body: Vec::new(),
            replayed: false,
        }
    }

    /// Sends other bytes than JSON, such as the exact document both sides ratified.
    #[must_use]
    pub fn bytes(content_type: &str, etag: String, body: Vec<u8>) -> Self {
        Self {
            status: 200,
            content_type: content_type.to_owned(),
            location: None,
            etag: Some(etag),
            content_language: None,
            next: None,
            body,
            replayed: false,
        }
    }
}

/// The strong ETag of a row version, and of what was computed beside the row.
fn etag_of_shown(version: i64, body: &[u8]) -> String {
    format!("\"{version}-{}\"", digest(body))
}

/// Enough of a body's digest to tell two bodies of one address apart.
fn digest(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body).first_chunk::<8>().unwrap_or(&[0; 8]))
}

/// The strong ETag of a row version.
#[must_use]
pub fn etag_of(version: i64) -> String {
    format!("\"{version}\"")
}

impl Responder for Answer {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response =
            HttpResponse::build(StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        if !self.content_type.is_empty() {
            response.content_type(self.content_type);
        }
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        if self.status == 202 {
            response.insert_header((header::RETRY_AFTER, LOOK_AGAIN_S.to_string()));
        }
        if let Some(etag) = self.etag {
            response.insert_header((header::ETAG, etag));
        }
        if let Some(language) = self.content_language {
            response.insert_header((header::CONTENT_LANGUAGE, language));
            response.insert_header((header::VARY, "Accept-Language"));
        }
        if let Some(cursor) = self.next {
            response.insert_header((header::LINK, next_link(request, &cursor)));
        }
        if self.replayed {
            response.insert_header(("Idempotency-Replayed", "true"));
        }
        response.body(self.body)
    }
}

/// `Link: <…>; rel="next"`: the same list with all its filters, from the next cursor on.
fn next_link(request: &HttpRequest, cursor: &str) -> String {
    let kept = request.query_string().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let query: Vec<String> = kept.map(ToOwned::to_owned).chain([format!("cursor={cursor}")]).collect();
    // Never from the request's own headers: whoever sends them would say where the next page is fetched, with the token.
    let public_url = RequestContext::of(request).public_url;
    format!("<{public_url}{}?{}>; rel=\"next\"", request.uri().path(), query.join("&"))
}
