//! Access tokens: what the exchange issues and how it believes them again (RFC 9068, RFC 8725; api-rules A5, A6).
//!
//! A token says which client speaks for which party with which scopes, for at most ten minutes. Whether the client
//! and the party are still in force is not in the token: revocation is told to [`VerifiedTokens`], and the store is
//! asked again whenever a token has to be verified anew. There are no refresh tokens; a client signs a new assertion.

mod verified;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

pub use self::verified::{LONGEST_UNCHECKED, VerifiedTokens};
use super::{
    jwks::KeySet,
    jws::{Compact, NumericDate, Refusal, SigningAlgorithm, is_over, is_to_come},
};
use crate::seal::{KeyRing, KeyRingError, Sensitive, SigningKeyState};

/// The `typ` of an access token (RFC 9068 §2.1).
pub const TOKEN_TYPE: &str = "at+jwt";

/// The longest life of an access token (api-rules A5).
pub const LONGEST_LIFETIME: SignedDuration = SignedDuration::from_secs(600);

/// What a token is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The exchange's issuer identifier.
    pub issuer: &'a str,
    /// The API it is for.
    pub audience: &'a str,
    /// The client that asked.
    pub client_id: Uuid,
    /// The party the client belongs to.
    pub party_id: Uuid,
    /// The scopes granted, at least one.
    pub scopes: &'a [String],
    /// How long the token lives, above zero and at most [`LONGEST_LIFETIME`].
    pub lifetime: SignedDuration,
}

/// A token on its way to the client.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token itself.
    pub token: Sensitive<String>,
    /// Its id, for the log.
    pub jti: Uuid,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why a token cannot be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IssueError {
    /// Zero, negative or above ten minutes.
    #[error("a token lives from 1 second to 10 minutes; choose a shorter lifetime")]
    Lifetime,
    /// No scope, or one that is not a scope name.
    #[error(
        "a token needs at least one scope, made of printable characters without spaces; ask for a registered scope"
    )]
    Scope,
    /// The signature library failed.
    #[error("the token could not be signed; check the key file")]
    Signing,
}

impl IssueError {
    /// The stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Lifetime => "token_lifetime_invalid",
            Self::Scope => "invalid_scope",
            Self::Signing => "token_not_signed",
        }
    }

    /// The same message in Chinese.
    #[must_use]
    pub const fn chinese(self) -> &'static str {
        match self {
            Self::Lifetime => "令牌有效期应为 1 秒至 10 分钟；请缩短有效期",
            Self::Scope => "令牌至少需要一个权限范围，且不得含空格或不可见字符；请使用已登记的权限范围",
            Self::Signing => "令牌签名失败；请检查密钥文件",
        }
    }
}

/// Who a token must come from and whom it must be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The exchange's issuer identifier.
    pub issuer: &'a str,
    /// This API.
    pub audience: &'a str,
}

/// A token that was believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The client that speaks.
    pub client_id: Uuid,
    /// The party it speaks for.
    pub party_id: Uuid,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The token's id.
    pub jti: Uuid,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl AccessToken {
    /// Whether the token carries this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}

#[derive(Serialize)]
struct IssuedClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid,
    client_id: Uuid,
    party: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
    scope: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    aud: Option<serde_json::Value>,
    sub: Option<Uuid>,
    client_id: Option<Uuid>,
    party: Option<Uuid>,
    iat: Option<NumericDate>,
    nbf: Option<NumericDate>,
    exp: Option<NumericDate>,
    jti: Option<Uuid>,
    scope: Option<String>,
}

/// The exchange's token keys, ready for use. A rotated key ring makes a new one.
pub struct TokenKeys {
    active_kid: String,
    signing: EncodingKey,
    verifying: HashMap<String, DecodingKey>,
    key_set: KeySet,
}

impl TokenKeys {
    /// The keys of a ring. A token of the next key is believed already, because another instance may have rotated
    /// first.
    ///
    /// # Errors
    /// `KeyRingError::Malformed` when a stored key is unusable.
    pub fn of(ring: &KeyRing) -> Result<Self, KeyRingError> {
        let active = ring
            .signing_keys()
            .iter()
            .find(|key| key.state() == SigningKeyState::Active)
            .ok_or(KeyRingError::Malformed("there is no active signing key"))?;
        let mut verifying = HashMap::new();
        for key in ring.signing_keys() {
            let (x, y) = key.coordinates()?;
            let decoding = DecodingKey::from_ec_components(&x, &y)
                .map_err(|_| KeyRingError::Malformed("a signing key is not a P-256 key"))?;
            verifying.insert(key.kid().to_owned(), decoding);
        }
        Ok(Self {
            active_kid: active.kid().to_owned(),
            signing: EncodingKey::from_ec_der(active.pkcs8()),
            verifying,
            key_set: KeySet::of(ring)?,
        })
    }

    /// The public key set to publish.
    #[must_use]
    pub const fn key_set(&self) -> &KeySet {
        &self.key_set
    }

    /// Issues a token, valid from `now` (in whole seconds).
    ///
    /// # Errors
    /// `IssueError` when lifetime or scopes are not allowed.
    pub fn issue(&self, now: Timestamp, grant: &Grant<'_>) -> Result<IssuedToken, IssueError> {
        if grant.lifetime < SignedDuration::from_secs(1) || grant.lifetime > LONGEST_LIFETIME {
            return Err(IssueError::Lifetime);
        }
        if grant.scopes.is_empty() || !grant.scopes.iter().all(|scope| is_scope_name(scope)) {
            return Err(IssueError::Scope);
        }
        let issued = now.as_second();
        let expires = issued.saturating_add(grant.lifetime.as_secs());
        let expires_at = Timestamp::from_second(expires).map_err(|_| IssueError::Lifetime)?;
        let jti = Uuid::new_v4();
        let claims = IssuedClaims {
            iss: grant.issuer,
            aud: grant.audience,
            sub: grant.client_id,
            client_id: grant.client_id,
            party: grant.party_id,
            iat: issued,
            nbf: issued,
            exp: expires,
            jti,
            scope: grant.scopes.join(" "),
        };
        let mut header = jsonwebtoken::Header::new(Algorithm::ES256);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(self.active_kid.clone());
        let token = encode(&header, &claims, &self.signing).map_err(|_| IssueError::Signing)?;
        Ok(IssuedToken { token: Sensitive::new(token), jti, expires_at })
    }

    /// Verifies a token from scratch: signature, type, issuer, audience, times, subject and scope. Every claim that
    /// [`TokenKeys::issue`] writes is required. `now` is the only clock.
    ///
    /// # Errors
    /// A `Refusal` for the log; the caller is told [`super::jws::INVALID_TOKEN`].
    pub fn verify_access_token(
        &self,
        token: &str,
        now: Timestamp,
        expected: Expected<'_>,
    ) -> Result<AccessToken, Refusal> {
        let compact = Compact::parse(token)?;
        if compact.header.algorithm != SigningAlgorithm::Es256 {
            return Err(Refusal::AlgorithmRefused);
        }
        if !compact.header.is_typed(TOKEN_TYPE) {
            return Err(Refusal::WrongType);
        }
        let key = compact.header.kid.as_ref().and_then(|kid| self.verifying.get(kid));
        compact.verify(key.ok_or(Refusal::KeyUnknown)?)?;
        compact.claims::<Claims>()?.believe(now, expected)
    }
}

impl Claims {
    fn believe(self, now: Timestamp, expected: Expected<'_>) -> Result<AccessToken, Refusal> {
        if self.iss.ok_or(Refusal::ClaimMissing("iss"))? != expected.issuer {
            return Err(Refusal::IssuerMismatch);
        }
        let audience = self.aud.ok_or(Refusal::ClaimMissing("aud"))?;
        if audience.as_str() != Some(expected.audience) {
            return Err(Refusal::AudienceMismatch);
        }
        let NumericDate(expires_at) = self.exp.ok_or(Refusal::ClaimMissing("exp"))?;
        let NumericDate(not_before) = self.nbf.ok_or(Refusal::ClaimMissing("nbf"))?;
        let NumericDate(issued_at) = self.iat.ok_or(Refusal::ClaimMissing("iat"))?;
        if is_over(expires_at, now) {
            return Err(Refusal::Expired);
        }
        if is_to_come(not_before, now) {
            return Err(Refusal::NotYetValid);
        }
        if is_to_come(issued_at, now) {
            return Err(Refusal::IssuedInFuture);
        }
        if expires_at.duration_since(issued_at) > LONGEST_LIFETIME {
            return Err(Refusal::LifetimeTooLong);
        }
        let subject = self.sub.ok_or(Refusal::ClaimMissing("sub"))?;
        let client_id = self.client_id.ok_or(Refusal::ClaimMissing("client_id"))?;
        if subject != client_id {
            return Err(Refusal::SubjectMismatch);
        }
        let party_id = self.party.ok_or(Refusal::ClaimMissing("party"))?;
        let jti = self.jti.ok_or(Refusal::ClaimMissing("jti"))?;
        let scope = self.scope.ok_or(Refusal::ClaimMissing("scope"))?;
        let scopes: Vec<String> = scope.split(' ').map(str::to_owned).collect();
        if !scopes.iter().all(|scope| is_scope_name(scope)) {
            return Err(Refusal::ScopeInvalid);
        }
        Ok(AccessToken { client_id, party_id, scopes, jti, issued_at, expires_at })
    }
}

/// A scope name of RFC 6749 §3.3: printable ASCII without space, quote and backslash.
fn is_scope_name(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
