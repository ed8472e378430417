//! A file as the body of a request: its bytes, what its Content-Type says of them, and the Idempotency-Key it was sent under.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use sha2::{Digest, Sha256};

use super::body::{in_time, unsupported_media_type};
use super::idempotency::IdempotencyKey;
use crate::app::State;
use crate::error::{Code, Error, Result};
use crate::seal::BlindIndex;

/// A file as it came.
#[derive(Debug)]
pub struct PostedFile {
    /// Its bytes.
    pub bytes: web::Bytes,
    /// A keyed digest of them.
    pub digest: [u8; 32],
    /// Its media type, in small letters.
    pub media_type: String,
    /// The encoding its media type names.
    pub charset: Option<String>,
    /// Makes the command take effect once.
    pub key: IdempotencyKey,
}

impl FromRequest for PostedFile {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = web::Payload::from_request(&request, payload);
        Box::pin(async move {
            let caller = crate::identity::Bearer::of(&request).await?;
            let header = IdempotencyKey::header(&request)?;
            let state = request.app_data::<web::Data<State>>().ok_or_else(|| Error::internal("no state"))?;
            let limit = state.limits.import_bytes;
            let payload = payload.await.map_err(Error::internal)?;
            let bytes = match in_time(&request, payload.to_bytes_limited(limit)).await? {
                Ok(read) => read.map_err(|cause| {
                    Error::new(Code::FileUnreadable)
                        .detail(format!("the body could not be read: {cause}"), "请求体读取失败")
                })?,
                Err(_) => return Err(Error::new(Code::BodyTooLarge).param("limit_bytes", limit)),
            };
            let said =
                request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let (media_type, charset) = media_type(said);
            // Bytes that were packed on the way are none of ours to unpack.
            if request.headers().contains_key(header::CONTENT_ENCODING) {
                return Err(unsupported_media_type(&request).detail(
                    "send the file itself, without Content-Encoding",
                    "请直接提交文件，不要使用 Content-Encoding",
                ));
            }
            let hash = Sha256::new().chain_update(&bytes);
            let digest = state.keys.blind_index(
                BlindIndex::tenant(caller.client_id.0),
                "file",
                &hex::encode(hash.clone().finalize()),
            );
            let key = IdempotencyKey::of_body(&request, &state.keys, caller.client_id, &header, hash);
            Ok(Self { bytes, digest, media_type, charset, key })
        })
    }
}

/// Media type and charset of a Content-Type.
fn media_type(said: &str) -> (String, Option<String>) {
    let mut parts = said.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    (essence, charset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_names_type_and_charset() {
        for (said, essence, charset) in [
            ("text/csv", "text/csv", None),
            ("Text/CSV; charset=GB18030", "text/csv", Some("gb18030")),
            ("text/csv;header=present; Charset=\"UTF-8\"", "text/csv", Some("utf-8")),
            ("", "", None),
        ] {
            assert_eq!(media_type(said), (essence.to_owned(), charset.map(ToOwned::to_owned)), "{said}");
        }
    }
}
