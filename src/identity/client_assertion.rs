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
    jws::{CLOCK_SKEW, Compact, NumericDate, SigningAlgorithm, is_over, is_to_come},
    refusal::Refusal,
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
/// A `Refusal` for the log; the caller is told `invalid_client`.
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
/// A `Refusal` for the log; the caller is told `signature_invalid`.
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

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        rsa::{KeyPair as RsaKeyPair, KeySize},
        signature::{self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding},
    };
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;
    use crate::{
        identity::{
            client_key::ClientKey,
            jws::tests::forged,
            token::{Grant, LONGEST_LIFETIME, TokenKeys},
        },
        seal::KeyRing,
    };

    const ISSUER: &str = "https://exchange.example";
    const CLIENT: Uuid = Uuid::from_u128(7);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

    fn registered(jwk: &Value) -> RegisteredKey {
        RegisteredKey::from_jwk(jwk, RegisteredKeyState::Active).unwrap()
    }

    fn p256() -> (RegisteredKey, Sign) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        let key = registered(&json!({
            "kty": "EC", "crv": "P-256",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        }));
        (key, Box::new(move |message| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()))
    }

    fn ed25519() -> (RegisteredKey, Sign) {
        let pair = Ed25519KeyPair::generate().unwrap();
        let key = registered(&json!({
            "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
        }));
        (key, Box::new(move |message| pair.sign(message).as_ref().to_vec()))
    }

    fn rsa(padding: &'static dyn RsaEncoding) -> (RegisteredKey, Sign) {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let key = registered(&json!({
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        }));
        let sign = move |message: &[u8]| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        };
        (key, Box::new(sign))
    }

    fn good_claims() -> Value {
        json!({
            "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "once",
            "iat": at(0).as_second(), "exp": at(60).as_second(),
        })
    }

    fn with(mut value: Value, member: &str, to: Value) -> Value {
        value[member] = to;
        value
    }

    fn without(mut value: Value, member: &str) -> Value {
        value.as_object_mut().unwrap().remove(member);
        value
    }

    fn judge((key, sign): &(RegisteredKey, Sign), header: &Value, claims: &Value) -> Result<ClientAssertion, Refusal> {
        let assertion = forged(header, claims, sign);
        verify_client_assertion(&assertion, CLIENT, std::slice::from_ref(key), ISSUER, at(0))
    }

    #[test]
    fn a_good_assertion_of_each_kind_of_key_is_accepted_and_says_what_to_remember() {
        let kinds = [(p256(), "ES256"), (ed25519(), "EdDSA"), (rsa(&signature::RSA_PSS_SHA256), "PS256")];
        for (key, alg) in &kinds {
            for header in [
                json!({"alg": alg}),
                json!({"alg": alg, "kid": key.0.kid}),
                json!({"alg": alg, "typ": "client-authentication+jwt", "x5t": "ignored"}),
            ] {
                let accepted = judge(key, &header, &good_claims()).unwrap();
                assert_eq!((accepted.client_id, accepted.jti.as_str()), (CLIENT, "once"));
                assert_eq!(accepted.remember_until, at(90));
                assert_eq!(accepted.kid, key.0.kid);
            }
        }
    }

    #[test]
    fn the_assertion_that_our_own_client_signs_is_accepted() {
        let client = ClientKey::generate().unwrap();
        let assertion = client.sign_assertion(CLIENT, ISSUER, at(0)).unwrap();
        assert_eq!(unverified_client(assertion.expose()), Ok(CLIENT));
        let keys = [p256().0, client.public().clone()];
        assert!(verify_client_assertion(assertion.expose(), CLIENT, &keys, ISSUER, at(0)).is_ok());
        assert_eq!(verify_client_assertion(assertion.expose(), CLIENT, &keys, ISSUER, at(90)), Err(Refusal::Expired));
    }

    #[test]
    fn while_a_client_changes_its_key_both_are_accepted_and_a_revoked_one_is_not() {
        let (old, new) = (ClientKey::generate().unwrap(), ClientKey::generate().unwrap());
        let keys = |old_state| [RegisteredKey { state: old_state, ..old.public().clone() }, new.public().clone()];
        let signed = |key: &ClientKey| key.sign_assertion(CLIENT, ISSUER, at(0)).unwrap();
        let judge = |key: &ClientKey, state| {
            verify_client_assertion(signed(key).expose(), CLIENT, &keys(state), ISSUER, at(0)).map(|_| ())
        };
        assert_eq!(judge(&old, RegisteredKeyState::Retiring), Ok(()));
        assert_eq!(judge(&new, RegisteredKeyState::Retiring), Ok(()));
        assert_eq!(judge(&old, RegisteredKeyState::Revoked), Err(Refusal::KeyUnknown));
        assert_eq!(judge(&new, RegisteredKeyState::Revoked), Ok(()));
        assert_eq!(
            verify_client_assertion(signed(&new).expose(), CLIENT, &[], ISSUER, at(0)),
            Err(Refusal::KeyUnknown)
        );
    }

    #[test]
    fn an_algorithm_that_does_not_fit_the_registered_key_is_refused() {
        let forbidden = ["none", "HS256", "HS512", "RS1", "RS256", "RS512", "PS512", "ES384"];
        for key in [p256(), ed25519(), rsa(&signature::RSA_PKCS1_SHA256)] {
            for alg in forbidden {
                let refused = judge(&key, &json!({"alg": alg}), &good_claims());
                assert_eq!(refused, Err(Refusal::AlgorithmRefused), "{alg}");
            }
            for alg in ["ES256", "EdDSA", "PS256"] {
                if alg != key.0.jwk.algorithm().name() {
                    let refused = judge(&key, &json!({"alg": alg}), &good_claims());
                    assert_eq!(refused, Err(Refusal::AlgorithmRefused), "{alg}");
                }
            }
        }
        let pkcs1 = rsa(&signature::RSA_PKCS1_SHA256);
        let renamed = judge(&pkcs1, &json!({"alg": "PS256"}), &good_claims());
        assert_eq!(renamed, Err(Refusal::SignatureInvalid), "the old padding under the new name");
    }

    #[test]
    fn an_assertion_for_another_audience_or_for_several_is_refused() {
        let key = p256();
        let audiences = [
            json!([ISSUER]),
            json!([ISSUER, "https://other.example"]),
            json!("https://exchange.example/oauth/token"),
            json!("https://exchange.example/"),
            json!({"aud": ISSUER}),
            json!(7),
        ];
        for audience in audiences {
            let refused = judge(&key, &json!({"alg": "ES256"}), &with(good_claims(), "aud", audience.clone()));
            assert_eq!(refused, Err(Refusal::AudienceMismatch), "{audience}");
        }
    }

    #[test]
    fn an_assertion_with_a_missing_or_wrong_claim_is_refused() {
        let key = p256();
        let header = json!({"alg": "ES256"});
        for claim in ["iss", "sub", "aud", "exp", "jti"] {
            let refused = judge(&key, &header, &without(good_claims(), claim));
            assert_eq!(refused, Err(Refusal::ClaimMissing(claim)));
        }
        let second = |seconds: i64| json!(at(seconds).as_second());
        let cases = [
            ("iss", json!(Uuid::from_u128(1)), Some(Refusal::IssuerMismatch)),
            ("sub", json!(Uuid::from_u128(1)), Some(Refusal::SubjectMismatch)),
            ("sub", json!("someone"), Some(Refusal::ClaimsMalformed)),
            ("exp", second(-30), Some(Refusal::Expired)),
            ("exp", second(-29), None),
            ("exp", second(300), None),
            ("exp", second(331), Some(Refusal::LifetimeTooLong)),
            ("exp", json!(1_800_000_060.5), None),
            ("nbf", second(30), None),
            ("nbf", second(31), Some(Refusal::NotYetValid)),
            ("iat", second(30), None),
            ("iat", second(31), Some(Refusal::IssuedInFuture)),
            ("iat", second(-3_600), Some(Refusal::LifetimeTooLong)),
            ("jti", json!(""), Some(Refusal::TokenIdInvalid)),
            ("jti", json!("码".repeat(128)), None),
            ("jti", json!("a".repeat(129)), Some(Refusal::TokenIdInvalid)),
            ("jti", json!("a\u{0}b"), Some(Refusal::TokenIdInvalid)),
            ("jti", json!(7), Some(Refusal::ClaimsMalformed)),
        ];
        for (claim, value, outcome) in cases {
            let judged = judge(&key, &header, &with(good_claims(), claim, value.clone()));
            assert_eq!(judged.err(), outcome, "{claim} = {value}");
        }
        assert!(judge(&key, &header, &without(good_claims(), "iat")).is_ok());
    }

    #[test]
    fn an_assertion_that_brings_its_own_key_or_another_type_is_refused() {
        let (key, attacker) = (p256(), p256());
        let cases = [
            ("jwk", attacker.0.to_jwk(), Refusal::HeaderKeyRefused),
            ("jku", json!("https://attacker.example/jwks.json"), Refusal::HeaderKeyRefused),
            ("x5u", json!("https://attacker.example/cert.pem"), Refusal::HeaderKeyRefused),
            ("crit", json!(["exp"]), Refusal::CriticalHeaderRefused),
            ("typ", json!("JWT"), Refusal::WrongType),
            ("typ", json!("at+jwt"), Refusal::WrongType),
            ("typ", json!(""), Refusal::WrongType),
            ("kid", json!("unknown"), Refusal::KeyUnknown),
        ];
        for (member, value, refusal) in cases {
            let header = with(json!({"alg": "ES256"}), member, value);
            let assertion = forged(&header, &good_claims(), &attacker.1);
            let refused = verify_client_assertion(&assertion, CLIENT, std::slice::from_ref(&key.0), ISSUER, at(0));
            assert_eq!(refused, Err(refusal), "{member}");
            assert_eq!(judge(&key, &header, &good_claims()), Err(refusal), "{member}");
        }
        let stranger = forged(&json!({"alg": "ES256"}), &good_claims(), &attacker.1);
        assert_eq!(verify_client_assertion(&stranger, CLIENT, &[key.0], ISSUER, at(0)), Err(Refusal::SignatureInvalid));
    }

    #[test]
    fn an_access_token_is_no_assertion() {
        let keys = TokenKeys::of(&KeyRing::generate(at(0)).unwrap()).unwrap();
        let grant = Grant {
            issuer: ISSUER,
            audience: ISSUER,
            client_id: CLIENT,
            party_id: CLIENT,
            scopes: &["agreements.read".to_owned()],
            lifetime: LONGEST_LIFETIME,
        };
        let token = keys.issue(at(0), &grant).unwrap().token;
        let published = serde_json::to_value(keys.key_set()).unwrap();
        let registered = registered(&published["keys"][0]);
        assert_eq!(
            verify_client_assertion(token.expose(), CLIENT, &[registered], ISSUER, at(0)),
            Err(Refusal::WrongType)
        );
    }

    #[test]
    fn the_unverified_client_is_only_read_from_something_that_looks_like_an_assertion() {
        let key = p256();
        let header = json!({"alg": "ES256"});
        let read = |claims: &Value| unverified_client(&forged(&header, claims, &key.1));
        assert_eq!(read(&good_claims()), Ok(CLIENT));
        assert_eq!(read(&without(good_claims(), "sub")), Err(Refusal::ClaimMissing("sub")));
        assert_eq!(read(&json!([])).err(), Some(Refusal::ClaimsMalformed));
        assert_eq!(unverified_client(&"a".repeat(5_000)), Err(Refusal::TooLong));
        let none = forged(&json!({"alg": "none"}), &good_claims(), &key.1);
        assert_eq!(unverified_client(&none), Err(Refusal::AlgorithmRefused));
    }

    fn detached_by((_, sign): &(RegisteredKey, Sign), header: &Value, bytes: &[u8]) -> String {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(bytes));
        format!("{header}..{}", URL_SAFE_NO_PAD.encode(sign(message.as_bytes())))
    }

    const TERMS: &[u8] = br#"{"targets":[{"number":120,"unit":"persons"}],"version":1}"#;

    #[test]
    fn a_party_signs_the_terms_and_nobody_else_and_nothing_else() {
        for (key, alg) in [(p256(), SigningAlgorithm::Es256), (ed25519(), SigningAlgorithm::EdDsa)] {
            let header = json!({"alg": alg.name(), "kid": key.0.kid});
            let signature = detached_by(&key, &header, TERMS);
            assert_eq!(detached_key_id(&signature), Ok(Some(key.0.kid.clone())));
            assert_eq!(verify_detached(&key.0, TERMS, &signature), Ok(DetachedSignature { algorithm: alg }));
            let revoked = RegisteredKey { state: RegisteredKeyState::Revoked, ..key.0.clone() };
            assert!(verify_detached(&revoked, TERMS, &signature).is_ok(), "kept signatures stay verifiable");
            let changed = String::from_utf8_lossy(TERMS).replace("120", "121");
            assert_eq!(verify_detached(&key.0, changed.as_bytes(), &signature), Err(Refusal::SignatureInvalid));
            let other = RegisteredKey { kid: key.0.kid.clone(), ..p256().0 };
            assert!(verify_detached(&other, TERMS, &signature).is_err());
        }
    }

    #[test]
    fn a_signature_that_is_not_detached_or_not_plain_is_refused() {
        let key = p256();
        let cases = [
            (json!({"alg": "ES256", "b64": false, "crit": ["b64"]}), Refusal::CriticalHeaderRefused),
            (json!({"alg": "none"}), Refusal::AlgorithmRefused),
            (json!({"alg": "HS256"}), Refusal::AlgorithmRefused),
            (json!({"alg": "EdDSA"}), Refusal::AlgorithmRefused),
            (json!({"alg": "ES256", "jwk": key.0.to_jwk()}), Refusal::HeaderKeyRefused),
            (json!({"alg": "ES256", "typ": "JWT"}), Refusal::WrongType),
            (json!({"alg": "ES256", "typ": "client-authentication+jwt"}), Refusal::WrongType),
            (json!({"alg": "ES256", "kid": "another"}), Refusal::KeyUnknown),
        ];
        for (header, refusal) in cases {
            let signature = detached_by(&key, &header, TERMS);
            assert_eq!(verify_detached(&key.0, TERMS, &signature), Err(refusal), "{header}");
        }
        assert!(
            verify_detached(&key.0, TERMS, &detached_by(&key, &json!({"alg": "ES256", "typ": "JOSE"}), TERMS)).is_ok()
        );
        let attached = forged(&json!({"alg": "ES256"}), &good_claims(), &key.1);
        assert_eq!(verify_detached(&key.0, TERMS, &attached), Err(Refusal::Malformed));
        let pss = rsa(&signature::RSA_PSS_SHA256);
        let signature = detached_by(&pss, &json!({"alg": "PS256"}), TERMS);
        assert_eq!(verify_detached(&pss.0, TERMS, &signature), Err(Refusal::AlgorithmRefused));
    }
}
