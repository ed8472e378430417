//! Access tokens: what the exchange issues and how it believes them again (RFC 9068, RFC 8725; api-rules A5, A6).
//!
//! A token says which client speaks for which party with which scopes, for at most ten minutes. Whether the client
//! and the party are still in force is not in the token: revocation is told to [`VerifiedTokens`], and the store is
//! asked again whenever a token has to be verified anew. There are no refresh tokens; a client signs a new assertion.

mod current;
mod verified;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

pub use self::current::CurrentTokenKeys;
pub use self::verified::{LONGEST_UNCHECKED, VerifiedTokens};
use super::{
    jwks::KeySet,
    jws::{Compact, NumericDate, SigningAlgorithm, is_over, is_to_come},
    refusal::Refusal,
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
    /// A `Refusal` for the log; the caller is told `token_invalid`.
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

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
    };
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use hmac::{Hmac, KeyInit, Mac};
    use serde_json::{Value, json};
    use sha2::Sha256;

    use super::*;
    use crate::{
        identity::{client_key::ClientKey, jws::tests::forged},
        seal::SigningKey,
    };

    const ISSUER: &str = "https://exchange.example";
    const AUDIENCE: &str = "https://exchange.example/api";
    const EXPECTED: Expected<'static> = Expected { issuer: ISSUER, audience: AUDIENCE };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn issued(keys: &TokenKeys, now: Timestamp) -> IssuedToken {
        let scopes = ["agreements.read".to_owned(), "arrivals.write".to_owned()];
        let grant = Grant {
            issuer: ISSUER,
            audience: AUDIENCE,
            client_id: Uuid::from_u128(7),
            party_id: Uuid::from_u128(8),
            scopes: &scopes,
            lifetime: LONGEST_LIFETIME,
        };
        keys.issue(now, &grant).unwrap()
    }

    /// Signs as the exchange itself would, so that only the content can be the reason of a refusal.
    fn sign_with(key: &SigningKey) -> impl Fn(&[u8]) -> Vec<u8> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.pkcs8()).unwrap();
        move |message| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    fn public_point(key: &SigningKey) -> Vec<u8> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.pkcs8()).unwrap();
        pair.public_key().as_ref().to_vec()
    }

    fn good_header(ring: &KeyRing) -> Value {
        json!({"alg": "ES256", "typ": "at+jwt", "kid": ring.signing_keys()[0].kid()})
    }

    fn good_claims() -> Value {
        json!({
            "iss": ISSUER, "aud": AUDIENCE,
            "sub": Uuid::from_u128(7), "client_id": Uuid::from_u128(7), "party": Uuid::from_u128(8),
            "iat": at(0).as_second(), "nbf": at(0).as_second(), "exp": at(600).as_second(),
            "jti": Uuid::from_u128(9), "scope": "agreements.read",
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

    struct Forger {
        ring: KeyRing,
        keys: TokenKeys,
    }

    impl Forger {
        fn new() -> Self {
            let ring = KeyRing::generate(at(0)).unwrap();
            let keys = TokenKeys::of(&ring).unwrap();
            Self { ring, keys }
        }

        fn verify(&self, token: &str) -> Result<AccessToken, Refusal> {
            self.keys.verify_access_token(token, at(0), EXPECTED)
        }

        fn judge(&self, header: &Value, claims: &Value) -> Result<AccessToken, Refusal> {
            self.verify(&forged(header, claims, sign_with(&self.ring.signing_keys()[0])))
        }

        fn judge_claims(&self, claims: &Value) -> Result<AccessToken, Refusal> {
            self.judge(&good_header(&self.ring), claims)
        }
    }

    #[test]
    fn an_issued_token_is_believed_and_says_who_speaks_for_whom() {
        let forger = Forger::new();
        let token = issued(&forger.keys, at(0));
        let believed = forger.verify(token.token.expose()).unwrap();
        assert_eq!(believed.client_id, Uuid::from_u128(7));
        assert_eq!(believed.party_id, Uuid::from_u128(8));
        assert_eq!((believed.jti, believed.expires_at), (token.jti, token.expires_at));
        assert_eq!(believed.expires_at, at(600));
        assert!(believed.has_scope("arrivals.write") && !believed.has_scope("arrivals"));
        assert!(!format!("{token:?}").contains("eyJ"), "the token itself is never printed");
    }

    #[test]
    fn a_forged_token_with_nothing_wrong_is_believed_so_the_other_cases_mean_something() {
        assert!(Forger::new().judge_claims(&good_claims()).is_ok());
    }

    #[test]
    fn a_token_without_signature_is_refused_however_none_is_spelt() {
        let forger = Forger::new();
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let header = with(good_header(&forger.ring), "alg", json!(alg));
            assert_eq!(forger.judge(&header, &good_claims()), Err(Refusal::AlgorithmRefused));
            let unsigned = forged(&header, &good_claims(), |_| Vec::new());
            assert_eq!(forger.verify(&unsigned), Err(Refusal::Malformed));
        }
    }

    #[test]
    fn a_token_under_another_algorithm_is_refused() {
        let forger = Forger::new();
        for alg in ["EdDSA", "PS256", "RS256", "RS1", "ES384", "ES256K", "HS256", "HS512"] {
            let header = with(good_header(&forger.ring), "alg", json!(alg));
            assert_eq!(forger.judge(&header, &good_claims()), Err(Refusal::AlgorithmRefused), "{alg}");
        }
    }

    #[test]
    fn a_token_signed_with_the_public_key_as_a_shared_secret_is_refused() {
        let forger = Forger::new();
        let point = public_point(&forger.ring.signing_keys()[0]);
        let published = serde_json::to_vec(forger.keys.key_set()).unwrap();
        for secret in [point.as_slice(), &point[1..], URL_SAFE_NO_PAD.encode(&point).as_bytes(), &published] {
            let sign = |message: &[u8]| {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
                mac.update(message);
                mac.finalize().into_bytes().to_vec()
            };
            for alg in ["HS256", "ES256"] {
                let header = with(good_header(&forger.ring), "alg", json!(alg));
                assert!(forger.verify(&forged(&header, &good_claims(), sign)).is_err(), "{alg}");
            }
        }
    }

    #[test]
    fn a_token_that_brings_its_own_key_is_refused() {
        let forger = Forger::new();
        let attacker = KeyRing::generate(at(0)).unwrap();
        let sign = sign_with(&attacker.signing_keys()[0]);
        let jwk = serde_json::to_value(TokenKeys::of(&attacker).unwrap().key_set()).unwrap()["keys"][0].clone();
        let brought = [
            ("jwk", jwk),
            ("jku", json!("https://attacker.example/jwks.json")),
            ("x5u", json!("https://attacker.example/cert.pem")),
            ("x5c", json!(["MIIB"])),
        ];
        for (member, value) in brought {
            let header = with(good_header(&forger.ring), member, value);
            assert_eq!(
                forger.verify(&forged(&header, &good_claims(), &sign)),
                Err(Refusal::HeaderKeyRefused),
                "{member}"
            );
            assert_eq!(forger.judge(&header, &good_claims()), Err(Refusal::HeaderKeyRefused));
        }
        let plain = forged(&good_header(&forger.ring), &good_claims(), &sign);
        assert_eq!(forger.verify(&plain), Err(Refusal::SignatureInvalid));
    }

    #[test]
    fn a_token_under_an_unknown_or_hostile_key_id_is_refused() {
        let forger = Forger::new();
        let ids = ["", "0", "../../../../dev/null", "' OR 1=1 --", "|/usr/bin/id", "a\u{0}b"];
        for kid in ids {
            let header = with(good_header(&forger.ring), "kid", json!(kid));
            assert_eq!(forger.judge(&header, &good_claims()), Err(Refusal::KeyUnknown), "{kid}");
        }
        let header = without(good_header(&forger.ring), "kid");
        assert_eq!(forger.judge(&header, &good_claims()), Err(Refusal::KeyUnknown));
        let other = forger.ring.signing_keys()[1].kid();
        let header = with(good_header(&forger.ring), "kid", json!(other));
        assert_eq!(forger.judge(&header, &good_claims()), Err(Refusal::SignatureInvalid));
    }

    #[test]
    fn a_token_of_another_type_is_refused() {
        let forger = Forger::new();
        for typ in ["JWT", "client-authentication+jwt", "jwt", "at", "id_token", ""] {
            let header = with(good_header(&forger.ring), "typ", json!(typ));
            assert_eq!(forger.judge(&header, &good_claims()), Err(Refusal::WrongType), "{typ}");
        }
        let header = without(good_header(&forger.ring), "typ");
        assert_eq!(forger.judge(&header, &good_claims()), Err(Refusal::WrongType));
        let header = with(good_header(&forger.ring), "crit", json!(["exp"]));
        assert_eq!(forger.judge(&header, &good_claims()), Err(Refusal::CriticalHeaderRefused));
        let header = with(good_header(&forger.ring), "cty", json!("JWT"));
        assert_eq!(forger.judge(&header, &good_claims()), Err(Refusal::CriticalHeaderRefused));
    }

    #[test]
    fn a_token_without_one_of_its_claims_is_refused() {
        let forger = Forger::new();
        for claim in ["iss", "aud", "sub", "client_id", "party", "iat", "nbf", "exp", "jti", "scope"] {
            let refused = forger.judge_claims(&without(good_claims(), claim));
            assert_eq!(refused, Err(Refusal::ClaimMissing(claim)));
            let refused = forger.judge_claims(&with(good_claims(), claim, Value::Null));
            assert_eq!(refused, Err(Refusal::ClaimMissing(claim)), "null is not a value");
        }
    }

    #[test]
    fn a_token_with_one_wrong_claim_is_refused() {
        let forger = Forger::new();
        let second = |seconds: i64| json!(at(seconds).as_second());
        let cases = [
            ("iss", json!("https://exchange.example/"), Refusal::IssuerMismatch),
            ("iss", json!("HTTPS://exchange.example"), Refusal::IssuerMismatch),
            ("aud", json!("https://other.example"), Refusal::AudienceMismatch),
            ("aud", json!([AUDIENCE]), Refusal::AudienceMismatch),
            ("aud", json!([AUDIENCE, "https://other.example"]), Refusal::AudienceMismatch),
            ("sub", json!(Uuid::from_u128(1)), Refusal::SubjectMismatch),
            ("sub", json!("admin"), Refusal::ClaimsMalformed),
            ("client_id", json!(Uuid::from_u128(1)), Refusal::SubjectMismatch),
            ("party", json!("*"), Refusal::ClaimsMalformed),
            ("exp", second(-30), Refusal::Expired),
            ("exp", second(601), Refusal::LifetimeTooLong),
            ("exp", json!("1800000600"), Refusal::ClaimsMalformed),
            ("exp", json!(1e300), Refusal::ClaimsMalformed),
            ("nbf", second(31), Refusal::NotYetValid),
            ("iat", second(31), Refusal::IssuedInFuture),
            ("iat", second(-1), Refusal::LifetimeTooLong),
            ("jti", json!(""), Refusal::ClaimsMalformed),
            ("scope", json!(""), Refusal::ScopeInvalid),
            ("scope", json!("agreements.read  events.read"), Refusal::ScopeInvalid),
            ("scope", json!("agreements.read\nevents.read"), Refusal::ScopeInvalid),
            ("scope", json!(["agreements.read"]), Refusal::ClaimsMalformed),
        ];
        for (claim, value, refusal) in cases {
            let refused = forger.judge_claims(&with(good_claims(), claim, value.clone()));
            assert_eq!(refused, Err(refusal), "{claim} = {value}");
        }
    }

    #[test]
    fn a_token_ends_when_it_says_with_half_a_minute_for_the_clocks() {
        let forger = Forger::new();
        let token = issued(&forger.keys, at(0)).token.into_exposed();
        for (now, outcome) in [
            (-31, Some(Refusal::NotYetValid)),
            (-30, None),
            (0, None),
            (599, None),
            (629, None),
            (630, Some(Refusal::Expired)),
            (86_400, Some(Refusal::Expired)),
        ] {
            let judged = forger.keys.verify_access_token(&token, at(now), EXPECTED);
            assert_eq!(judged.err(), outcome, "after {now} seconds");
        }
    }

    #[test]
    fn a_huge_nested_or_cut_token_is_refused() {
        let forger = Forger::new();
        let huge = with(good_claims(), "scope", json!("a".repeat(4_096)));
        assert_eq!(forger.judge_claims(&huge), Err(Refusal::TooLong));
        let deep = format!("{}1{}", "[".repeat(1_400), "]".repeat(1_400));
        let deep: String = URL_SAFE_NO_PAD.encode(deep);
        let good = issued(&forger.keys, at(0)).token.into_exposed();
        let header = good.split('.').next().unwrap();
        assert!(forger.verify(&format!("{header}.{deep}.AAAA")).is_err());
        for cut in 0..good.len() {
            assert!(forger.verify(&good[..cut]).is_err(), "cut at {cut}");
        }
        assert!(forger.verify(&format!("{good}.")).is_err());
        assert!(forger.verify(&format!("{good} ")).is_err());
        assert!(forger.verify(&format!("Bearer {good}")).is_err());
    }

    #[test]
    fn a_token_with_any_character_changed_is_refused() {
        let forger = Forger::new();
        let good = issued(&forger.keys, at(0)).token.into_exposed();
        for place in 0..good.len() {
            let mut changed = good.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(forger.verify(&changed).is_err(), "character {place}");
        }
    }

    #[test]
    fn a_client_assertion_opens_nothing() {
        let forger = Forger::new();
        let client = ClientKey::generate().unwrap();
        let assertion = client.sign_assertion(Uuid::from_u128(7), ISSUER, at(0)).unwrap();
        assert_eq!(forger.verify(assertion.expose()), Err(Refusal::WrongType));
    }

    #[test]
    fn a_token_of_another_exchange_opens_nothing() {
        let (here, there) = (Forger::new(), Forger::new());
        let token = issued(&there.keys, at(0)).token;
        assert_eq!(here.verify(token.expose()), Err(Refusal::KeyUnknown));
    }

    #[test]
    fn keys_rotate_without_refusing_a_single_token() {
        let first = KeyRing::generate(at(0)).unwrap();
        let second = first.with_rotated_signing_keys(at(300)).unwrap();
        let third = second.with_rotated_signing_keys(at(600)).unwrap();
        let rings = [first, second, third].map(|ring| TokenKeys::of(&ring).unwrap());
        // An instance may be one rotation ahead of or behind another for a while.
        for (signer, verifier) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2)] {
            let token = issued(&rings[signer], at(600)).token;
            let judged = rings[verifier].verify_access_token(token.expose(), at(600), EXPECTED);
            assert!(judged.is_ok(), "issued by {signer}, shown to {verifier}: {judged:?}");
        }
    }

    #[test]
    fn after_a_leak_no_token_of_the_leaked_key_is_believed() {
        let ring = KeyRing::generate(at(0)).unwrap();
        let token = issued(&TokenKeys::of(&ring).unwrap(), at(0)).token;
        let leaked = ring.signing_keys()[0].kid();
        let keys = TokenKeys::of(&ring.without_signing_key(leaked, at(1)).unwrap()).unwrap();
        let judged = keys.verify_access_token(token.expose(), at(1), EXPECTED);
        assert_eq!(judged, Err(Refusal::KeyUnknown));
        let new = issued(&keys, at(1)).token;
        assert!(keys.verify_access_token(new.expose(), at(1), EXPECTED).is_ok());
    }

    #[test]
    fn a_token_is_not_issued_for_too_long_or_for_nothing() {
        let forger = Forger::new();
        let scopes = ["agreements.read".to_owned()];
        let grant = Grant {
            issuer: ISSUER,
            audience: AUDIENCE,
            client_id: Uuid::from_u128(7),
            party_id: Uuid::from_u128(8),
            scopes: &scopes,
            lifetime: LONGEST_LIFETIME,
        };
        for seconds in [-1, 0, 601, 86_400] {
            let grant = Grant { lifetime: SignedDuration::from_secs(seconds), ..grant.clone() };
            assert_eq!(forger.keys.issue(at(0), &grant).unwrap_err(), IssueError::Lifetime);
        }
        for scopes in [vec![], vec![String::new()], vec!["a b".into()], vec!["a\"b".into()]] {
            let grant = Grant { scopes: &scopes, ..grant.clone() };
            assert_eq!(forger.keys.issue(at(0), &grant).unwrap_err(), IssueError::Scope);
        }
    }
}
