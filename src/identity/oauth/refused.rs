//! What the token endpoint refuses, in the words of the protocol (RFC 6749 §5.2): says as little as the standard allows; the log says why.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::State;
use crate::error::{Code, Error};
use crate::identity::refusal::Refusal;

/// A refusal of the token endpoint (RFC 6749 §5.2).
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(example = json!({"error": "invalid_client", "error_description": "The client could not be authenticated."}))]
pub struct TokenRefusal {
    /// `invalid_request`, `invalid_client`, `unauthorized_client`, `unsupported_grant_type` or `invalid_scope`; `temporarily_unavailable`
    /// or `server_error` when the request itself was fine.
    #[schema(max_length = 40)]
    pub error: &'static str,
    /// What to do, in English: the standard allows ASCII only.
    #[schema(max_length = 500)]
    pub error_description: &'static str,
}

pub(super) const INVALID_REQUEST: TokenRefusal = TokenRefusal {
    error: "invalid_request",
    error_description: "Send application/x-www-form-urlencoded with each parameter once.",
};
pub(super) const UNSUPPORTED_GRANT: TokenRefusal = TokenRefusal {
    error: "unsupported_grant_type",
    error_description: "Only grant_type=client_credentials with a client assertion is supported.",
};
pub(super) const CLIENT_REFUSED: TokenRefusal = TokenRefusal {
    error: "invalid_client",
    error_description: "The client could not be authenticated. Check the client id, the registered key, the audience (the issuer as one string), the typ of the header (none, or client-authentication+jwt) and the clock, and sign a new assertion.",
};
const PARTY_SUSPENDED: TokenRefusal = TokenRefusal {
    error: "unauthorized_client",
    error_description: "The party of this client is suspended. Ask the operator why, and to activate it again.",
};
pub(super) const SCOPE_REFUSED: TokenRefusal = TokenRefusal {
    error: "invalid_scope",
    error_description: "Ask only for scopes that the operator has given this client, with one space between two.",
};

const TOO_MANY: TokenRefusal = TokenRefusal {
    error: "temporarily_unavailable",
    error_description: "Too many token requests. Wait as long as Retry-After says; a token is good for ten minutes.",
};
const NOT_UNDERSTOOD: TokenRefusal =
    TokenRefusal { error: "invalid_request", error_description: "Send POST with a form of at most 16 KiB, in one go." };
const COME_BACK: TokenRefusal = TokenRefusal {
    error: "temporarily_unavailable",
    error_description: "Nothing was changed. Ask again with a fresh assertion after Retry-After.",
};
const BROKEN: TokenRefusal = TokenRefusal {
    error: "server_error",
    error_description: "Something broke on our side. Ask again; if it persists, quote X-Request-Id to the operator.",
};

/// An error at the token endpoint in the words of the protocol: its status stays, its body is RFC 6749 §5.2 JSON.
#[must_use]
pub fn in_protocol(problem: HttpResponse) -> HttpResponse {
    let status = problem.status();
    let refusal = match status {
        StatusCode::SERVICE_UNAVAILABLE => COME_BACK,
        status if status.is_server_error() => BROKEN,
        _ => NOT_UNDERSTOOD,
    };
    let mut answer = not_stored(status);
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = problem.headers().get(&name) {
            answer.insert_header((name, value.clone()));
        }
    }
    if status == StatusCode::REQUEST_TIMEOUT {
        answer.force_close();
    }
    answer.json(refusal)
}

/// Why no token is given: an answer of the protocol, or a fault of the exchange.
pub(super) enum Stop {
    Refused(TokenRefusal),
    TooMany(i64),
    Failed(Error),
}

impl From<TokenRefusal> for Stop {
    fn from(refusal: TokenRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error.code {
            Code::TokenInvalid => Self::Refused(CLIENT_REFUSED),
            Code::PartySuspended => Self::Refused(PARTY_SUSPENDED),
            _ => Self::Failed(error),
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        tracing::info!(reason = refusal.reason(), "client assertion refused");
        Self::Refused(CLIENT_REFUSED)
    }
}

pub(super) fn slow_down(seconds: i64) -> HttpResponse {
    tracing::info!(seconds, "token requests throttled");
    not_stored(StatusCode::TOO_MANY_REQUESTS).insert_header((header::RETRY_AFTER, seconds.to_string())).json(TOO_MANY)
}

pub(super) fn refuse(state: &State, refusal: TokenRefusal) -> HttpResponse {
    if refusal.error == CLIENT_REFUSED.error {
        let challenge = format!("Bearer realm=\"{}\"", state.public_url);
        return not_stored(StatusCode::UNAUTHORIZED).insert_header((header::WWW_AUTHENTICATE, challenge)).json(refusal);
    }
    not_stored(StatusCode::BAD_REQUEST).json(refusal)
}

pub(super) fn not_stored(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::PRAGMA, "no-cache"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn every_status_of_a_fault_has_its_word_and_keeps_when_to_come_back() {
        for (status, error) in [
            (400, "invalid_request"),
            (405, "invalid_request"),
            (408, "invalid_request"),
            (413, "invalid_request"),
            (500, "server_error"),
            (503, "temporarily_unavailable"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = in_protocol(HttpResponse::build(status).insert_header((header::RETRY_AFTER, "1")).finish());
            assert_eq!(answer.status(), status);
            let told = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            assert_eq!(told(header::RETRY_AFTER).as_deref(), Some("1"));
            assert_eq!(told(header::CONTENT_TYPE).as_deref(), Some("application/json"));
            let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap()["error"], error, "{status}");
        }
    }

    #[test]
    fn descriptions_hold_only_the_characters_the_standard_allows() {
        for refusal in [
            INVALID_REQUEST,
            UNSUPPORTED_GRANT,
            CLIENT_REFUSED,
            PARTY_SUSPENDED,
            SCOPE_REFUSED,
            TOO_MANY,
            NOT_UNDERSTOOD,
            COME_BACK,
            BROKEN,
        ] {
            let allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(refusal.error_description.bytes().all(allowed), "{}", refusal.error_description);
        }
    }
}
