//! The token endpoint and the documents that let any OAuth client find it (RFC 6749, 7523, 8414, 9068, 9728, 10070).
//!
//! A client proves itself with a signed assertion that counts once; the answer to a refusal says as little as the standard allows,
//! the log says why. Refusals are RFC 6749 §5.2 JSON, the one exception to problem+json (api-rules E2).

mod refused;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use refused::{CLIENT_REFUSED, INVALID_REQUEST, SCOPE_REFUSED, Stop, UNSUPPORTED_GRANT, not_stored, refuse, slow_down};
pub use refused::{TokenRefusal, in_protocol};

use super::clients::Client;
use super::refusal::Refusal;
use super::throttle::Asker;
use super::token::{Grant, IssuedToken, LONGEST_LIFETIME};
use super::{client_assertion, policy, store};
use crate::app::State;
use crate::db::{Id, Instant};
use crate::error::{Code, Error, Result};
use crate::http::body::in_time;
use crate::seal::Sensitive;

/// Most bytes of a token request; an assertion has at most four thousand.
const FORM_BYTES_MAX: usize = 16 * 1024;
/// The only grant.
const CLIENT_CREDENTIALS: &str = "client_credentials";
/// The only kind of assertion (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long the key set may be kept: as long as the next key is published before it signs, at least.
const KEY_SET_CACHING: &str = "public, max-age=300";

/// A request for a token, as a form.
#[derive(Debug, Default, ToSchema)]
#[schema(example = json!({"grant_type": "client_credentials",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "client_assertion": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl", "scope": "agreements.read"}))]
pub struct TokenRequest {
    /// `client_credentials`.
    #[schema(pattern = "^client_credentials$", max_length = 18)]
    pub grant_type: String,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    #[schema(pattern = "^urn:ietf:params:oauth:client-assertion-type:jwt-bearer$", max_length = 54)]
    pub client_assertion_type: String,
    /// A JWT signed by the client: `iss` and `sub` the client id, `aud` the issuer as one string, `exp` within five minutes, `jti` for one use.
    #[schema(value_type = String, min_length = 1, max_length = 4096)]
    pub client_assertion: Sensitive<String>,
    /// Scopes wanted, with spaces between them; all scopes of the client when absent.
    #[schema(max_length = 500, pattern = "^[a-z]+\\.[a-z]+( [a-z]+\\.[a-z]+)*$")]
    pub scope: Option<String>,
    /// The client id, if it is to be checked against the assertion.
    #[schema(value_type = Option<Id>)]
    pub client_id: Option<String>,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"access_token": "eyJ0eXAiOiJhdCtqd3QifQ.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl", "token_type": "Bearer", "expires_in": 600, "scope": "agreements.read"}))]
pub struct TokenAnswer {
    /// The token (RFC 9068); send it as `Authorization: Bearer`.
    #[schema(max_length = 4096)]
    pub access_token: String,
    /// `Bearer`.
    #[schema(max_length = 10)]
    pub token_type: &'static str,
    /// Seconds it lives.
    #[schema(minimum = 1, maximum = 600)]
    pub expires_in: i64,
    /// Scopes granted.
    #[schema(max_length = 500)]
    pub scope: String,
}

/// Counts a request for the address it comes from, before anything else is done for it.
fn count_peer(state: &State, request: &HttpRequest) -> Result<(), i64> {
    let forwarded = || {
        let lines = request.headers().get_all("x-forwarded-for").last()?.to_str().ok()?;
        lines.rsplit(',').next()?.trim().parse().ok()
    };
    let direct = || request.peer_addr().map(|address| address.ip());
    let peer = if state.limits.behind_proxy { forwarded().or_else(direct) } else { direct() };
    let Some(peer) = peer else { return Ok(()) };
    state.token_requests.count(Asker::peer(peer), state.limits.tokens_per_peer, state.token_clock.now()).map(drop)
}

/// Gets a token
///
/// Client credentials with `private_key_jwt`: sign a fresh assertion for each request. There are no refresh tokens and no secrets.
#[utoipa::path(tag = "tokens", request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A token of at most ten minutes", body = TokenAnswer),
        (status = 400, description = "The request is not understood, or asks for what the client may not have", body = TokenRefusal),
        (status = 401, description = "The client is not authenticated", body = TokenRefusal),
        (status = 408, description = "The form did not arrive in time", body = TokenRefusal),
        (status = 413, description = "The form is too large", body = TokenRefusal),
        (status = 429, description = "Tokens were asked for too often; wait as long as Retry-After says", body = TokenRefusal,
            headers(("Retry-After" = i32, description = "Seconds to wait"))),
        (status = 503, description = "Nothing was changed; come back later", body = TokenRefusal,
            headers(("Retry-After" = i32, description = "Seconds to wait"))),
        (status = "default", description = "Any other refusal", body = TokenRefusal)))]
#[post("/oauth/token")]
pub async fn get_token(state: web::Data<State>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse> {
    if let Err(seconds) = count_peer(&state, &request) {
        return Ok(slow_down(seconds));
    }
    let form = read_form(&request, payload).await?;
    let outcome = match form.and_then(|pairs| parse(&pairs)) {
        Ok(asked) => grant(&state, asked).await,
        Err(refusal) => Err(refusal.into()),
    };
    match outcome {
        Ok(answer) => Ok(not_stored(StatusCode::OK).json(answer)),
        Err(Stop::Refused(refusal)) => Ok(refuse(&state, refusal)),
        Err(Stop::TooMany(seconds)) => Ok(slow_down(seconds)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

type Pairs = Vec<(String, String)>;

async fn read_form(request: &HttpRequest, payload: web::Payload) -> Result<Result<Pairs, TokenRefusal>> {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(Err(INVALID_REQUEST));
    }
    let Ok(read) = in_time(request, payload.to_bytes_limited(FORM_BYTES_MAX)).await? else {
        return Err(Error::new(Code::BodyTooLarge).param("limit_bytes", FORM_BYTES_MAX));
    };
    let Ok(bytes) = read else { return Ok(Err(INVALID_REQUEST)) };
    Ok(Ok(form_urlencoded::parse(&bytes).into_owned().collect()))
}

/// Reads the parameters: empty counts as absent, unknown ones are ignored, none may come twice (RFC 6749 §3.2).
fn parse(pairs: &[(String, String)]) -> Result<TokenRequest, TokenRefusal> {
    let one = |name: &str| {
        let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(INVALID_REQUEST),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    };
    let grant_type = one("grant_type")?.ok_or(INVALID_REQUEST)?;
    if grant_type != CLIENT_CREDENTIALS {
        return Err(UNSUPPORTED_GRANT);
    }
    let client_assertion_type =
        one("client_assertion_type")?.filter(|kind| kind == JWT_BEARER).ok_or(CLIENT_REFUSED)?;
    Ok(TokenRequest {
        grant_type,
        client_assertion_type,
        client_assertion: Sensitive::new(one("client_assertion")?.ok_or(CLIENT_REFUSED)?),
        scope: one("scope")?,
        client_id: one("client_id")?,
    })
}

async fn grant(state: &State, asked: TokenRequest) -> Result<TokenAnswer, Stop> {
    let now = state.token_clock.now();
    let client_id = Id(client_assertion::unverified_client(asked.client_assertion.expose())?);
    if asked.client_id.is_some_and(|named| named != client_id.to_string()) {
        return Err(Refusal::SubjectMismatch.into());
    }
    let client = authenticate(state, client_id, &asked.client_assertion, now).await?;
    // Only now: whoever merely names a client must not be able to use up what it may ask for.
    let limit = state.limits.tokens_per_client;
    state.token_requests.count(Asker::Client(client_id.0), limit, now).map_err(Stop::TooMany)?;
    let scopes = client.scopes.granted(asked.scope.as_deref()).ok_or(SCOPE_REFUSED)?;
    let token = issue(state, &client, &scopes, now)?;
    tracing::info!(%client_id, jti = %token.jti, "token issued");
    Ok(TokenAnswer {
        expires_in: token.expires_at.as_second() - now.as_seconds(),
        access_token: token.token.into_exposed(),
        token_type: "Bearer",
        scope: scopes.join(" "),
    })
}

/// The client that signed the assertion, which has now been used.
async fn authenticate(
    state: &State,
    client_id: Id,
    assertion: &Sensitive<String>,
    now: Instant,
) -> Result<Client, Stop> {
    let read = state.db.read(move |connection| {
        let client = store::client_if_any(connection, client_id)?;
        let keys = store::keys(connection, client_id)?;
        Ok((client, keys))
    });
    let (client, keys) = read.await?;
    let client = client.ok_or(Refusal::KeyUnknown)?;
    let keys: Vec<_> = keys.iter().filter_map(super::clients::ClientKey::registered).collect();
    let genuine = client_assertion::verify_client_assertion(
        assertion.expose(),
        client_id.0,
        &keys,
        &state.public_url,
        now.timestamp(),
    )?;
    let write = state.db.write(move |connection| {
        store::require_active(connection, client_id, None)?;
        let remember_until = Instant::from_timestamp(genuine.remember_until);
        store::use_assertion(connection, client_id, &genuine.jti, remember_until, now)
    });
    if write.await? {
        Ok(client)
    } else {
        tracing::info!(reason = "replayed", %client_id, "client assertion refused");
        Err(CLIENT_REFUSED.into())
    }
}

/// Signs a token of the longest life for a client.
///
/// # Errors
/// [`Code::InternalError`] when it cannot be signed.
pub fn issue(state: &State, client: &Client, scopes: &[String], now: Instant) -> Result<IssuedToken> {
    let grant = Grant {
        issuer: &state.public_url,
        audience: &state.public_url,
        client_id: client.id.0,
        party_id: client.party_id.0,
        scopes,
        lifetime: LONGEST_LIFETIME,
    };
    state.token_keys.current().issue(now.timestamp(), &grant).map_err(Error::internal)
}

/// Reads the public keys
///
/// The keys that sign access tokens: the one in use, the next one, and those whose tokens may still be out.
#[utoipa::path(tag = "tokens", responses((status = 200, description = "The key set (RFC 7517)", body = super::jwks::KeySet)))]
#[get("/.well-known/jwks.json")]
pub async fn get_key_set(state: web::Data<State>) -> HttpResponse {
    published(state.token_keys.current().key_set())
}

/// Where and how tokens are had (RFC 8414).
#[derive(Debug, Serialize, ToSchema)]
pub struct AuthorizationServer {
    /// The issuer: `iss` of every token and the one `aud` of an assertion.
    #[schema(max_length = 500, example = "https://exchange.example.cn")]
    pub issuer: String,
    /// Where tokens are had.
    #[schema(max_length = 500, example = "https://exchange.example.cn/oauth/token")]
    pub token_endpoint: String,
    /// Where the public keys lie.
    #[schema(max_length = 500, example = "https://exchange.example.cn/.well-known/jwks.json")]
    pub jwks_uri: String,
    /// Every scope there is.
    #[schema(max_items = 100)]
    pub scopes_supported: Vec<&'static str>,
    /// Empty: there is no authorization endpoint.
    #[schema(max_items = 0)]
    pub response_types_supported: Vec<&'static str>,
    /// `client_credentials`.
    #[schema(max_items = 1)]
    pub grant_types_supported: Vec<&'static str>,
    /// `private_key_jwt`.
    #[schema(max_items = 1)]
    pub token_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Algorithms an assertion may be signed with.
    #[schema(max_items = 10)]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    /// The API document.
    #[schema(max_length = 500, example = "https://exchange.example.cn/openapi.json")]
    pub service_documentation: String,
}

/// Reads the authorization server's metadata
///
/// From the issuer alone an OAuth client finds the token endpoint, the keys and what is supported.
#[utoipa::path(tag = "tokens", responses((status = 200, description = "The metadata (RFC 8414)", body = AuthorizationServer)))]
#[get("/.well-known/oauth-authorization-server")]
pub async fn get_authorization_server(state: web::Data<State>) -> HttpResponse {
    let url = &state.public_url;
    published(&AuthorizationServer {
        issuer: url.to_string(),
        token_endpoint: format!("{url}/oauth/token"),
        jwks_uri: format!("{url}/.well-known/jwks.json"),
        scopes_supported: scopes(),
        response_types_supported: Vec::new(),
        grant_types_supported: vec![CLIENT_CREDENTIALS],
        token_endpoint_auth_methods_supported: vec!["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported: vec!["ES256", "EdDSA", "PS256"],
        service_documentation: format!("{url}/openapi.json"),
    })
}

/// What guards the API (RFC 9728).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProtectedResource {
    /// The API: the `aud` of every access token.
    #[schema(max_length = 500, example = "https://exchange.example.cn")]
    pub resource: String,
    /// Who issues its tokens.
    #[schema(max_items = 1)]
    pub authorization_servers: Vec<String>,
    /// Every scope there is.
    #[schema(max_items = 100)]
    pub scopes_supported: Vec<&'static str>,
    /// `header`: tokens never travel in addresses.
    #[schema(max_items = 1)]
    pub bearer_methods_supported: Vec<&'static str>,
    /// The API document.
    #[schema(max_length = 500, example = "https://exchange.example.cn/openapi.json")]
    pub resource_documentation: String,
}

/// Reads the protected resource's metadata
///
/// From the API's address alone an OAuth client finds who issues its tokens.
#[utoipa::path(tag = "tokens", responses((status = 200, description = "The metadata (RFC 9728)", body = ProtectedResource)))]
#[get("/.well-known/oauth-protected-resource")]
pub async fn get_protected_resource(state: web::Data<State>) -> HttpResponse {
    let url = &state.public_url;
    published(&ProtectedResource {
        resource: url.to_string(),
        authorization_servers: vec![url.to_string()],
        scopes_supported: scopes(),
        bearer_methods_supported: vec!["header"],
        resource_documentation: format!("{url}/openapi.json"),
    })
}

fn scopes() -> Vec<&'static str> {
    policy::SCOPES.iter().map(|(scope, _, _)| *scope).collect()
}

fn published(document: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, KEY_SET_CACHING)).json(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Pairs {
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    fn error(query: &str) -> &'static str {
        parse(&pairs(query)).unwrap_err().error
    }

    #[test]
    fn a_request_is_refused_for_what_is_wrong_with_it() {
        let kind = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let table = [
            (String::new(), "invalid_request"),
            ("grant_type=".to_owned(), "invalid_request"),
            ("grant_type=password&username=a&password=b".to_owned(), "unsupported_grant_type"),
            ("grant_type=client_credentials".to_owned(), "invalid_client"),
            ("grant_type=client_credentials&client_secret=x".to_owned(), "invalid_client"),
            (format!("grant_type=client_credentials&{kind}"), "invalid_client"),
            (format!("grant_type=client_credentials&{kind}&{kind}"), "invalid_request"),
        ];
        for (query, expected) in table {
            assert_eq!(error(&query), expected, "{query}");
        }
        let asked =
            parse(&pairs(&format!("grant_type=client_credentials&{kind}&client_assertion=a.b.c&more=x&scope=")));
        assert_eq!(asked.unwrap().scope, None, "empty is absent, unknown is ignored");
    }
}
