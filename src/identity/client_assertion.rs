//! How a client proves who it is at the token endpoint (`private_key_jwt`, RFC 7523, RFC 10070), and the signature a
//! party puts under an agreement.
//!
//! That an assertion is used once is the caller's business: [`ClientAssertion`] says which id to remember and until
//! when, and the database keeps it.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    jwks::{PublicKey, RegisteredKey, RegisteredKeyState, is_plain_text},
    jws::{CLOCK_SKEW, Compact, NumericDate, Refusal, SigningAlgorithm, is_over, is_to_come},
};

/// The `typ` of an assertion; leaving it out is allowed too (api-rules A2).
pub const ASSERTION_TYPE: &str = "client-authentication+jwt";

/// How far ahead an assertion may expire (api-rules A2).
pub const LONGEST_ASSERTION: SignedDuration = SignedDuration::from_secs(300);

/// The longest id of an assertion, in characters.
pub const LONGEST_ASSERTION_ID: usize = 128;

/// An assertion that is genuine. It counts once per client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAssertion {
    /// The client that signed it.
    pub client_id: Uuid,
    /// The assertion's own id, to be remembered per client.
    pub jti: String,
    /// Until when the id has to be remembered; after it the assertion is refused as expired anyway.
    pub remember_until: Timestamp,
    /// The registered key that signed it.
    pub kid: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<Uuid>,
    sub: Option<Uuid>,
    aud: Option<Value>,
    exp: Option<NumericDate>,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    jti: Option<String>,
}

/// The client that an assertion claims to come from, so that its keys can be loaded. Nothing has been verified.
///
/// # Errors
/// A `Refusal` when there is no such claim to read.
pub fn unverified_client(assertion: &str) -> Result<Uuid, Refusal> {
    let claims: Claims = Compact::parse(assertion)?.claims()?;
    claims.sub.ok_or(Refusal::ClaimMissing("sub"))
}

/// Verifies an assertion against the keys registered for the client it names.
///
/// `issuer` is the exchange's issuer identifier and the only audience accepted, as one string; a list, or the token
/// endpoint's address, is refused (RFC 10070). The caller passes the keys of [`unverified_client`].
///
/// # Errors
/// A `Refusal` for the log; the caller is told [`super::jws::INVALID_CLIENT`].
pub fn verify_client_assertion(
    assertion: &str,
    client_id: Uuid,
    registered_keys: &[RegisteredKey],
    issuer: &str,
    now: Timestamp,
) -> Result<ClientAssertion, Refusal> {
    let compact = Compact::parse(assertion)?;
    if compact.header.typ.is_some() && !compact.header.is_typed(ASSERTION_TYPE) {
        return Err(Refusal::WrongType);
    }
    let kid = signer(&compact, registered_keys)?.kid.clone();
    let claims: Claims = compact.claims()?;
    if claims.iss.ok_or(Refusal::ClaimMissing("iss"))? != client_id {
        return Err(Refusal::IssuerMismatch);
    }
    if claims.sub.ok_or(Refusal::ClaimMissing("sub"))? != client_id {
        return Err(Refusal::SubjectMismatch);
    }
    if claims.aud.ok_or(Refusal::ClaimMissing("aud"))?.as_str() != Some(issuer) {
        return Err(Refusal::AudienceMismatch);
    }
    let NumericDate(expires) = claims.exp.ok_or(Refusal::ClaimMissing("exp"))?;
    check_times(expires, claims.nbf, claims.iat, now)?;
    let jti = claims.jti.ok_or(Refusal::ClaimMissing("jti"))?;
    if !is_plain_text(&jti, LONGEST_ASSERTION_ID) {
        return Err(Refusal::TokenIdInvalid);
    }
    let remember_until = expires.checked_add(CLOCK_SKEW).map_err(|_| Refusal::LifetimeTooLong)?;
    Ok(ClientAssertion { client_id, jti, remember_until, kid })
}

fn check_times(
    expires: Timestamp,
    not_before: Option<NumericDate>,
    issued: Option<NumericDate>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let longest = LONGEST_ASSERTION.saturating_add(CLOCK_SKEW);
    if is_over(expires, now) {
        return Err(Refusal::Expired);
    }
    if expires.duration_since(now) > longest {
        return Err(Refusal::LifetimeTooLong);
    }
    if not_before.is_some_and(|NumericDate(start)| is_to_come(start, now)) {
        return Err(Refusal::NotYetValid);
    }
    match issued {
        Some(NumericDate(issued)) if is_to_come(issued, now) => Err(Refusal::IssuedInFuture),
        Some(NumericDate(issued)) if expires.duration_since(issued) > longest => Err(Refusal::LifetimeTooLong),
        _ => Ok(()),
    }
}

/// The registered key whose signature this is. A header without `kid` is tried with every key it fits; a client has
/// at most two.
fn signer<'k>(compact: &Compact<'_>, registered_keys: &'k [RegisteredKey]) -> Result<&'k RegisteredKey, Refusal> {
    let named = |key: &&RegisteredKey| {
        key.state != RegisteredKeyState::Revoked && compact.header.kid.as_ref().is_none_or(|kid| *kid == key.kid)
    };
    let mut refusal = Refusal::KeyUnknown;
    for key in registered_keys.iter().filter(named) {
        match fits(compact, &key.jwk).and_then(|decoding| compact.verify(&decoding)) {
            Ok(()) => return Ok(key),
            Err(reason) => refusal = reason,
        }
    }
    Err(refusal)
}

fn fits(compact: &Compact<'_>, key: &PublicKey) -> Result<jsonwebtoken::DecodingKey, Refusal> {
    if compact.header.algorithm == key.algorithm() {
        key.decoding_key().ok_or(Refusal::KeyUnknown)
    } else {
        Err(Refusal::AlgorithmRefused)
    }
}

/// A signature under the canonical bytes of an agreement's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetachedSignature {
    /// The algorithm it was made with.
    pub algorithm: SigningAlgorithm,
}

/// The key id that a detached signature names, if it names one, so that the right registered key can be chosen.
///
/// # Errors
/// A `Refusal` when it is not a signature with an empty payload.
pub fn detached_key_id(signature: &str) -> Result<Option<String>, Refusal> {
    detached(signature).map(|compact| compact.header.kid)
}

/// Verifies a party's signature under the canonical bytes of an agreement's terms, made outside the exchange.
///
/// `signature` is a compact JWS with detached payload (RFC 7515 appendix F): `header..signature`, where the signed
/// message is `header.base64url(bytes)`. The header has `alg` (`ES256` or `EdDSA`, whichever fits the key) and may
/// have `kid`; `typ` is absent or `JOSE`, so that no token passes for a signature. Every JOSE library makes it by
/// signing the bytes as an ordinary JWS and cutting the middle part out. The unencoded form of RFC 7797 is refused.
///
/// Whether the key was in force when the party signed is the caller's decision: a stored signature stays verifiable
/// after its key has been retired.
///
/// # Errors
/// A `Refusal` for the log; the caller is told [`super::jws::INVALID_SIGNATURE`].
pub fn verify_detached(key: &RegisteredKey, bytes: &[u8], signature: &str) -> Result<DetachedSignature, Refusal> {
    let compact = detached(signature)?;
    if compact.header.kid.as_ref().is_some_and(|kid| *kid != key.kid) {
        return Err(Refusal::KeyUnknown);
    }
    let algorithm = compact.header.algorithm;
    if algorithm == SigningAlgorithm::Ps256 {
        return Err(Refusal::AlgorithmRefused);
    }
    compact.verify_detached(bytes, &fits(&compact, &key.jwk)?)?;
    Ok(DetachedSignature { algorithm })
}

fn detached(signature: &str) -> Result<Compact<'_>, Refusal> {
    let compact = Compact::parse(signature)?;
    if !compact.payload.is_empty() {
        return Err(Refusal::Malformed);
    }
    if compact.header.typ.is_some() && !compact.header.is_typed("JOSE") {
        return Err(Refusal::WrongType);
    }
    Ok(compact)
}
