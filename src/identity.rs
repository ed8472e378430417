//! Who calls, for which party, and what they may do.
//!
//! A client (a party's credential) proves itself with a signed assertion at `/oauth/token` and gets a token of at most ten minutes.
//! The right to an operation sits in the type of its [`Caller`] argument; which rows it may touch is decided by the [`Scope`] that
//! every store function takes. What belongs to others looks absent.

pub mod client_assertion;
pub mod client_key;
pub mod clients;
pub mod commands;
pub mod jwks;
pub mod jws;
pub mod oauth;
pub mod policy;
pub mod refusal;
pub mod routes;
pub mod store;
pub mod throttle;
pub mod token;

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

pub use policy::Permission;

use crate::app::State;
use crate::db::{Id, Instant};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use refusal::Refusal;
use token::AccessToken;

/// For whom a query is made: every store function takes it and shows only what this party may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The party.
    pub party_id: Id,
    /// Its client.
    pub client_id: Id,
}

/// The verified token of a request; verified once however many extractors ask.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// The client.
    pub client_id: Id,
    token: Arc<AccessToken>,
}

impl Bearer {
    /// Verifies the token of a request.
    ///
    /// # Errors
    /// [`Code::TokenInvalid`], [`Code::PartySuspended`].
    pub async fn of(request: &HttpRequest) -> Result<Self> {
        if let Some(known) = request.extensions().get::<Result<Self>>() {
            return known.clone();
        }
        // A refusal is kept as well: it is logged once, however many parts of the request ask.
        let bearer = Self::read(request).await;
        request.extensions_mut().insert(bearer.clone());
        bearer
    }

    async fn read(request: &HttpRequest) -> Result<Self> {
        let state = request.app_data::<web::Data<State>>().ok_or_else(|| Error::internal("no state"))?;
        let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            value.and_then(|value| value.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        let (_, token) = token.ok_or_else(|| Error::new(Code::TokenInvalid))?;
        let token = verify(state, token.trim()).await?;
        Ok(Self { client_id: Id(token.client_id), token })
    }
}

async fn verify(state: &State, token: &str) -> Result<Arc<AccessToken>> {
    let now = state.token_clock.now().timestamp();
    if let Some(verified) = state.verified.get(token, now) {
        return Ok(verified);
    }
    let refused = |refusal: Refusal| {
        tracing::info!(reason = refusal.reason(), "access token refused");
        Error::new(Code::TokenInvalid)
    };
    let expected = token::Expected { issuer: &state.public_url, audience: &state.public_url };
    let verified = state.token_keys.current().verify_access_token(token, now, expected).map_err(refused)?;
    let client_id = Id(verified.client_id);
    let issued_at = Some(Instant::from_timestamp(verified.issued_at));
    state.db.read(move |connection| store::require_active(connection, client_id, issued_at)).await?;
    state.verified.remember(token, verified, now).map_err(refused)
}

/// A caller who may do what `P` stands for.
#[derive(Debug, Clone)]
pub struct Caller<P> {
    /// For whom queries are made.
    pub scope: Scope,
    request_id: Id,
    token: Arc<AccessToken>,
    permission: PhantomData<P>,
}

impl<P> Caller<P> {
    /// Fine when the token has this scope too: for an operation that does what another one is asked for.
    ///
    /// # Errors
    /// [`Code::InsufficientScope`] with `required_scope`.
    pub fn require(&self, scope: &'static str) -> Result<()> {
        require_scope(&self.token, scope)
    }

    /// The actor of a command of this request.
    #[must_use]
    pub fn actor(&self, state: &State) -> Actor {
        Actor { scope: self.scope, request_id: Some(self.request_id), now: state.clock.now() }
    }
}

fn require_scope(token: &AccessToken, scope: &'static str) -> Result<()> {
    if token.has_scope(scope) {
        return Ok(());
    }
    Err(Error::new(Code::InsufficientScope)
        .detail(format!("this needs the scope {scope}"), format!("需要权限范围 {scope}"))
        .param("required_scope", scope))
}

impl<P: Permission> FromRequest for Caller<P> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let bearer = Bearer::of(&request).await?;
            require_scope(&bearer.token, P::SCOPE)?;
            let context = crate::http::RequestContext::of(&request);
            Ok(Self {
                scope: Scope { party_id: Id(bearer.token.party_id), client_id: bearer.client_id },
                request_id: Id(context.request_id),
                token: bearer.token,
                permission: PhantomData,
            })
        })
    }
}
