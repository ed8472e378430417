//! Public keys of clients, and the exchange's own public key set.
//!
//! A client registers public keys, never secrets (api-rules A1): P-256, Ed25519 or RSA of at least 2048 bits. A key
//! that still carries its private part is refused, because it has just been sent over a network. The key decides the
//! algorithm, not the message (RFC 8725 §3.1).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::clients::PublicJwk;
use super::jws::SigningAlgorithm;
use crate::seal::{KeyRing, KeyRingError, SigningKeyState};

/// The longest key id, in characters.
pub const LONGEST_KEY_ID: usize = 128;

/// The members of a JWK that are secret (RFC 7518 §6.2.2, §6.3.2, §6.4.1; RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The members that only some kinds of key need, with their greatest length. Where a kind does not need one it may still stand
/// there, but as such a text.
const TEXT_MEMBERS: [(&str, usize); 5] = [("crv", 7), ("x", 43), ("y", 43), ("n", 1_366), ("e", 6)];

/// Why a key cannot be registered. Shown to the client who sent it; it quotes nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyRefusal {
    /// The private part was sent along.
    #[error("this is a private or secret key; treat it as leaked, make a new pair and send only the public part")]
    Private,
    /// Not P-256, Ed25519 or RSA.
    #[error("only EC P-256, OKP Ed25519 and RSA keys are accepted; make a key of one of these kinds")]
    KindNotAllowed,
    /// A member is absent, not base64url or of the wrong length, or the point is not on the curve.
    #[error("the member {0} is missing or malformed; export the public key as JWK again")]
    MemberMalformed(&'static str),
    /// RSA shorter than 2048 bits or longer than 8192.
    #[error(
        "an RSA key needs 2048 to 8192 bits and a public exponent of at least 65537; make a new key, best EC P-256"
    )]
    RsaSize,
    /// `alg` names another algorithm.
    #[error("alg must be ES256 for EC P-256, EdDSA for Ed25519, PS256 for RSA, or be left out")]
    AlgorithmMismatch,
    /// `use` or `key_ops` excludes verifying.
    #[error("use must be sig and key_ops must be [\"verify\"], or both be left out")]
    NotForSignatures,
    /// The key id is empty, too long or has control characters.
    #[error("kid must be 1 to 128 characters without control characters, or be left out")]
    KeyIdInvalid,
}

impl KeyRefusal {
    /// The stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Private => "key_private",
            Self::KindNotAllowed => "key_kind_not_allowed",
            Self::MemberMalformed(_) => "key_malformed",
            Self::RsaSize => "key_rsa_size",
            Self::AlgorithmMismatch => "key_algorithm_mismatch",
            Self::NotForSignatures => "key_not_for_signatures",
            Self::KeyIdInvalid => "key_id_invalid",
        }
    }

    /// The same message in Chinese.
    #[must_use]
    pub fn chinese(self) -> String {
        match self {
            Self::Private => "提交的是私钥或对称密钥；请视为已泄露，重新生成密钥对，只提交公钥部分".to_owned(),
            Self::KindNotAllowed => "只接受 EC P-256、OKP Ed25519 和 RSA 公钥；请改用其中一种".to_owned(),
            Self::MemberMalformed(member) => {
                format!("公钥成员 {member} 缺失或格式错误；请重新导出 JWK 公钥")
            }
            Self::RsaSize => {
                "RSA 密钥须为 2048 至 8192 位且公开指数不小于 65537；请重新生成，建议使用 EC P-256".to_owned()
            }
            Self::AlgorithmMismatch => {
                "alg 应为：EC P-256 用 ES256，Ed25519 用 EdDSA，RSA 用 PS256；也可省略".to_owned()
            }
            Self::NotForSignatures => "use 应为 sig，key_ops 应为 [\"verify\"]；也可省略".to_owned(),
            Self::KeyIdInvalid => "kid 应为 1 至 128 个字符且不含控制字符；也可省略".to_owned(),
        }
    }
}

/// A public key that was checked: it has no private part, is of an allowed kind and is a valid point or modulus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    P256 { x: String, y: String },
    Ed25519 { x: String },
    Rsa { n: String, e: String },
}

impl PublicKey {
    /// Checks a JWK and keeps its public members.
    ///
    /// # Errors
    /// A `KeyRefusal` that names what to change.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyRefusal> {
        let jwk = jwk.as_object().ok_or(KeyRefusal::MemberMalformed("kty"))?;
        if PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(KeyRefusal::Private);
        }
        let key = match (text(jwk, "kty"), text(jwk, "crv")) {
            (Some("EC"), Some("P-256")) => Self::p256(jwk)?,
            (Some("OKP"), Some("Ed25519")) => Self::ed25519(jwk)?,
            (Some("RSA"), _) => Self::rsa(jwk)?,
            _ => return Err(KeyRefusal::KindNotAllowed),
        };
        let fits = |value: &Value, longest| value.as_str().is_some_and(|text| text.len() <= longest);
        for (member, longest) in TEXT_MEMBERS {
            if jwk.get(member).is_some_and(|value| !fits(value, longest)) {
                return Err(KeyRefusal::MemberMalformed(member));
            }
        }
        key.check_purpose(jwk)?;
        Ok(key)
    }

    /// The one algorithm that fits this key.
    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        match self.0 {
            Kind::P256 { .. } => SigningAlgorithm::Es256,
            Kind::Ed25519 { .. } => SigningAlgorithm::EdDsa,
            Kind::Rsa { .. } => SigningAlgorithm::Ps256,
        }
    }

    /// RFC 7638 thumbprint: SHA-256 of the required members, base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let members = match &self.0 {
            Kind::P256 { x, y } => return crate::seal::thumbprint(x, y),
            Kind::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
            Kind::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
    }

    /// The public members as a JWK, without `kid`.
    #[must_use]
    pub fn to_jwk(&self) -> Value {
        let alg = self.algorithm().name();
        match &self.0 {
            Kind::P256 { x, y } => {
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": alg, "use": "sig"})
            }
            Kind::Ed25519 { x } => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": alg, "use": "sig"})
            }
            Kind::Rsa { n, e } => json!({"kty": "RSA", "n": n, "e": e, "alg": alg, "use": "sig"}),
        }
    }

    /// The same key as the signature library wants it.
    pub(super) fn decoding_key(&self) -> Option<DecodingKey> {
        match &self.0 {
            Kind::P256 { x, y } => DecodingKey::from_ec_components(x, y).ok(),
            Kind::Ed25519 { x } => DecodingKey::from_ed_components(x).ok(),
            Kind::Rsa { n, e } => DecodingKey::from_rsa_components(n, e).ok(),
        }
    }

    fn p256(jwk: &Map<String, Value>) -> Result<Self, KeyRefusal> {
        let x: [u8; 32] = fixed(jwk, "x")?;
        let y: [u8; 32] = fixed(jwk, "y")?;
        let point = [&[0x04][..], &x, &y].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| KeyRefusal::MemberMalformed("x"))?;
        Ok(Self(Kind::P256 { x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) }))
    }

    fn ed25519(jwk: &Map<String, Value>) -> Result<Self, KeyRefusal> {
        let x: [u8; 32] = fixed(jwk, "x")?;
        ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyRefusal::MemberMalformed("x"))?;
        Ok(Self(Kind::Ed25519 { x: URL_SAFE_NO_PAD.encode(x) }))
    }

    fn rsa(jwk: &Map<String, Value>) -> Result<Self, KeyRefusal> {
        let n = integer(jwk, "n")?;
        let e = integer(jwk, "e")?;
        let leading = n.first().map_or(0, |byte| byte.leading_zeros());
        let bits = n.len().saturating_mul(8).saturating_sub(usize::try_from(leading).unwrap_or(0));
        let long_enough = e.len() == 3 || e.len() == 4;
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        if !(2_048..=8_192).contains(&bits) || !long_enough || !odd(&e) {
            return Err(KeyRefusal::RsaSize);
        }
        // The library takes an even modulus, which no pair of primes has.
        if !odd(&n) {
            return Err(KeyRefusal::MemberMalformed("n"));
        }
        let components = RsaPublicKeyComponents { n: &n, e: &e };
        components.to_parsed_public_key(&RSA_PSS_2048_8192_SHA256).map_err(|_| KeyRefusal::MemberMalformed("n"))?;
        Ok(Self(Kind::Rsa { n: URL_SAFE_NO_PAD.encode(n), e: URL_SAFE_NO_PAD.encode(e) }))
    }

    fn check_purpose(&self, jwk: &Map<String, Value>) -> Result<(), KeyRefusal> {
        if jwk.get("alg").is_some_and(|alg| alg.as_str() != Some(self.algorithm().name())) {
            return Err(KeyRefusal::AlgorithmMismatch);
        }
        let signs = jwk.get("use").is_none_or(|purpose| purpose.as_str() == Some("sig"));
        let verifies = jwk.get("key_ops").is_none_or(|operations| *operations == json!(["verify"]));
        if signs && verifies { Ok(()) } else { Err(KeyRefusal::NotForSignatures) }
    }
}

/// Whether a registered key still authenticates its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisteredKeyState {
    /// In use.
    Active,
    /// Being replaced; still accepted.
    Retiring,
    /// Not accepted any more.
    Revoked,
}

/// A client's public key as registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredKey {
    /// The key id that headers name: the client's own, or the thumbprint.
    pub kid: String,
    /// The key.
    pub jwk: PublicKey,
    /// Whether it is still accepted.
    pub state: RegisteredKeyState,
}

impl RegisteredKey {
    /// Reads a JWK that a client registers, or one that was stored by [`RegisteredKey::to_jwk`].
    ///
    /// # Errors
    /// A `KeyRefusal` that names what to change.
    pub fn from_jwk(jwk: &Value, state: RegisteredKeyState) -> Result<Self, KeyRefusal> {
        let key = PublicKey::from_jwk(jwk)?;
        let kid = match jwk.get("kid") {
            None => key.thumbprint(),
            Some(kid) => kid
                .as_str()
                .filter(|kid| is_plain_text(kid, LONGEST_KEY_ID))
                .map(str::to_owned)
                .ok_or(KeyRefusal::KeyIdInvalid)?,
        };
        Ok(Self { kid, jwk: key, state })
    }

    /// The JWK to store and to show: public members, `kid`, `alg` and `use`.
    #[must_use]
    pub fn to_jwk(&self) -> Value {
        with_kid(self.jwk.to_jwk(), &self.kid)
    }
}

/// The exchange's public key set, `/.well-known/jwks.json`: the active key, the next one (published before it is
/// used) and the retained ones (api-rules A7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet(Value);

impl KeySet {
    /// The key set of a ring.
    ///
    /// # Errors
    /// `KeyRingError::Malformed` when a stored key is not a P-256 key.
    pub fn of(ring: &KeyRing) -> Result<Self, KeyRingError> {
        let in_order = [SigningKeyState::Active, SigningKeyState::Next, SigningKeyState::Retained];
        let keys = in_order
            .into_iter()
            .flat_map(|state| ring.signing_keys().iter().filter(move |key| key.state() == state))
            .map(|key| {
                let (x, y) = key.coordinates()?;
                Ok(with_kid(PublicKey(Kind::P256 { x, y }).to_jwk(), key.kid()))
            })
            .collect::<Result<Vec<Value>, KeyRingError>>()?;
        Ok(Self(json!({ "keys": keys })))
    }
}

impl PartialSchema for KeySet {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Object))
            .description(Some("The public keys of the exchange as a JWK set (RFC 7517)"))
            .property("keys", ArrayBuilder::new().items(PublicJwk::schema()).max_items(Some(10)))
            .required("keys")
            .into()
    }
}
impl ToSchema for KeySet {}

impl Serialize for KeySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Text that can be stored and shown: not empty, not too long, no control characters.
pub(super) fn is_plain_text(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
}

fn with_kid(mut jwk: Value, kid: &str) -> Value {
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".to_owned(), Value::from(kid));
    }
    jwk
}

fn text<'a>(jwk: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    jwk.get(member).and_then(Value::as_str)
}

fn bytes(jwk: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, KeyRefusal> {
    text(jwk, member)
        .and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok())
        .ok_or(KeyRefusal::MemberMalformed(member))
}

fn fixed<const N: usize>(jwk: &Map<String, Value>, member: &'static str) -> Result<[u8; N], KeyRefusal> {
    bytes(jwk, member)?.try_into().map_err(|_| KeyRefusal::MemberMalformed(member))
}

/// An unsigned integer in its shortest form; some exporters put zero bytes in front.
fn integer(jwk: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, KeyRefusal> {
    let bytes = bytes(jwk, member)?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::AsDer,
        rsa::{KeyPair as RsaKeyPair, KeySize},
        signature::{Ed25519KeyPair, KeyPair},
    };
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::identity::client_key::ClientKey;

    fn read(jwk: &Value) -> Result<RegisteredKey, KeyRefusal> {
        RegisteredKey::from_jwk(jwk, RegisteredKeyState::Active)
    }

    fn p256() -> Value {
        let mut jwk = ClientKey::generate().unwrap().public().to_jwk();
        for member in ["kid", "alg", "use"] {
            jwk.as_object_mut().unwrap().remove(member);
        }
        jwk
    }

    fn with(mut jwk: Value, member: &str, value: Value) -> Value {
        jwk[member] = value;
        jwk
    }

    fn rsa(size: KeySize) -> Value {
        let pair = RsaKeyPair::generate(size).unwrap();
        let public = pair.public_key();
        assert!(public.as_der().is_ok());
        json!({
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    #[test]
    fn the_three_kinds_of_public_key_are_accepted_each_with_its_algorithm() {
        let ed = Ed25519KeyPair::generate().unwrap();
        let ed = json!({
            "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(ed.public_key().as_ref()),
        });
        for (jwk, alg) in [(p256(), "ES256"), (ed, "EdDSA"), (rsa(KeySize::Rsa2048), "PS256")] {
            let key = read(&jwk).unwrap();
            assert_eq!(key.jwk.algorithm().name(), alg);
            assert_eq!(key.kid, key.jwk.thumbprint());
            assert_eq!(read(&key.to_jwk()).unwrap(), key, "what is stored reads back the same");
            assert_eq!(read(&with(jwk, "alg", json!(alg))).unwrap(), key);
        }
    }

    #[test]
    fn the_key_id_is_the_clients_own_or_the_thumbprint() {
        let named = read(&with(p256(), "kid", json!("county-2026"))).unwrap();
        assert_eq!(named.kid, "county-2026");
        for kid in [json!(""), json!("a".repeat(129)), json!("a\u{0}b"), json!(7), json!(null)] {
            assert_eq!(read(&with(p256(), "kid", kid.clone())), Err(KeyRefusal::KeyIdInvalid), "{kid}");
        }
    }

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // RFC 7638 §3.1.
        let jwk = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
        });
        assert_eq!(read(&jwk).unwrap().kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037 appendix A.3.
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        });
        assert_eq!(read(&jwk).unwrap().kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_private_key_is_refused_by_name_of_the_mistake() {
        for member in PRIVATE_MEMBERS {
            let refusal = read(&with(p256(), member, json!("AAAA"))).unwrap_err();
            assert_eq!(refusal, KeyRefusal::Private, "{member}");
        }
        let secret = json!({"kty": "oct", "k": "c2VjcmV0"});
        assert_eq!(read(&secret), Err(KeyRefusal::Private));
        assert!(KeyRefusal::Private.to_string().contains("treat it as leaked"));
    }

    #[test]
    fn weak_broken_or_foreign_keys_are_refused() {
        let off_curve = with(p256(), "y", p256()["y"].clone());
        let even_modulus = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xfe; 256]), "e": "AQAB"});
        let cases = [
            (off_curve, KeyRefusal::MemberMalformed("x")),
            (with(p256(), "x", json!("AA")), KeyRefusal::MemberMalformed("x")),
            (with(p256(), "y", json!("+/+/")), KeyRefusal::MemberMalformed("y")),
            (with(p256(), "crv", json!("P-384")), KeyRefusal::KindNotAllowed),
            (with(p256(), "crv", json!("secp256k1")), KeyRefusal::KindNotAllowed),
            (with(p256(), "kty", json!("AKP")), KeyRefusal::KindNotAllowed),
            (json!({"kty": "OKP", "crv": "X25519", "x": "AA"}), KeyRefusal::KindNotAllowed),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}), KeyRefusal::MemberMalformed("x")),
            (with(rsa(KeySize::Rsa2048), "y", json!(7)), KeyRefusal::MemberMalformed("y")),
            (with(p256(), "n", json!(null)), KeyRefusal::MemberMalformed("n")),
            (with(p256(), "e", json!("AQABAQAB")), KeyRefusal::MemberMalformed("e")),
            (json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 128]), "e": "AQAB"}), KeyRefusal::RsaSize),
            (json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 1025]), "e": "AQAB"}), KeyRefusal::RsaSize),
            (with(rsa(KeySize::Rsa2048), "e", json!("Aw")), KeyRefusal::RsaSize),
            (with(rsa(KeySize::Rsa2048), "e", json!("AQAA")), KeyRefusal::RsaSize),
            (even_modulus, KeyRefusal::MemberMalformed("n")),
            (with(p256(), "alg", json!("RS256")), KeyRefusal::AlgorithmMismatch),
            (with(p256(), "alg", json!("none")), KeyRefusal::AlgorithmMismatch),
            (with(p256(), "use", json!("enc")), KeyRefusal::NotForSignatures),
            (with(p256(), "key_ops", json!(["sign", "verify"])), KeyRefusal::NotForSignatures),
            (json!("a string"), KeyRefusal::MemberMalformed("kty")),
        ];
        for (jwk, refusal) in cases {
            assert_eq!(read(&jwk), Err(refusal), "{jwk}");
            assert!(!refusal.chinese().is_empty() && refusal.code().starts_with("key_"));
        }
    }

    #[test]
    fn the_published_set_has_the_active_and_the_next_key_and_nothing_private() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let ring = KeyRing::generate(now).unwrap();
        let set = serde_json::to_value(KeySet::of(&ring).unwrap()).unwrap();
        let keys = set["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 2);
        for key in keys {
            let members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
            let mut sorted = members.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
            assert_eq!(key["kid"], read(key).unwrap().jwk.thumbprint());
        }
        let rotated = ring.with_rotated_signing_keys(now + SignedDuration::from_secs(300)).unwrap();
        let later = serde_json::to_value(KeySet::of(&rotated).unwrap()).unwrap();
        assert_eq!(later["keys"][0], keys[1], "the next key has become the active one");
        assert_eq!(later["keys"][2], keys[0], "the old key is still published");
    }
}
