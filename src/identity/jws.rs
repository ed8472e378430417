//! The strict reading of a compact signature (RFC 7515) that access tokens, client assertions and agreement
//! signatures share.
//!
//! Nothing here trusts a key or an address that arrives inside a header, and no algorithm is
//! chosen by the message alone: it has to fit the key that was registered before (RFC 8725 §3.1, api-rules A3, A4).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, Deserializer, de, de::DeserializeOwned, de::IgnoredAny};

use super::refusal::Refusal;

/// The longest token or signature that is looked at, in bytes (promises R11).
pub const LONGEST_TOKEN: usize = 4_096;

/// How far two clocks may differ (promises R11).
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(30);

/// The algorithms that a signature may have here (api-rules A3). Each fits one kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl SigningAlgorithm {
    /// The name in a header or a key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
        }
    }

    /// The algorithm of that exact name, if it is allowed.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Es256, Self::EdDsa, Self::Ps256].into_iter().find(|known| known.name() == name)
    }

    const fn of_library(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Ps256 => Algorithm::PS256,
        }
    }
}

/// A signature header after everything suspicious has been refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) typ: Option<String>,
    pub(super) kid: Option<String>,
}

/// The header as it is written. Members that carry or demand something are only looked at for their presence, so
/// that `"jwk": null` is refused as well; a member that appears twice is refused by the reader.
#[derive(Deserialize)]
struct WrittenHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    #[serde(default)]
    jku: Member,
    #[serde(default)]
    jwk: Member,
    #[serde(default)]
    x5u: Member,
    #[serde(default)]
    x5c: Member,
    #[serde(default)]
    crit: Member,
    #[serde(default)]
    b64: Member,
    #[serde(default)]
    cty: Member,
    #[serde(default)]
    enc: Member,
    #[serde(default)]
    zip: Member,
}

/// Whether a member is there, whatever its value.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Member {
    #[default]
    Absent,
    Present,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self::Present)
    }
}

/// A compact signature in its parts. The payload is still encoded and not yet believed.
#[derive(Debug)]
pub(super) struct Compact<'a> {
    pub(super) header: Header,
    pub(super) payload: &'a str,
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Reads the parts and the header.
    pub(super) fn parse(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        if payload.contains('.') || header.is_empty() || signature.is_empty() {
            // An unsigned token has an empty last part; four or five parts are encryption.
            return Err(Refusal::Malformed);
        }
        Ok(Self { header: Header::parse(header)?, payload, signed, signature })
    }

    /// Checks the signature over header and payload.
    pub(super) fn verify(&self, key: &DecodingKey) -> Result<(), Refusal> {
        check(self.signature, self.signed.as_bytes(), key, self.header.algorithm)
    }

    /// Checks the signature over the header and a payload that was left out (RFC 7515 appendix F).
    pub(super) fn verify_detached(&self, payload: &[u8], key: &DecodingKey) -> Result<(), Refusal> {
        let (header, _) = self.signed.split_once('.').ok_or(Refusal::Malformed)?;
        let mut message = String::with_capacity(header.len() + 1 + payload.len().div_ceil(3) * 4);
        message.push_str(header);
        message.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut message);
        check(self.signature, message.as_bytes(), key, self.header.algorithm)
    }

    /// The claims, believed or not.
    pub(super) fn claims<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let bytes = URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| Refusal::Malformed)?;
        serde_json::from_slice(&bytes).map_err(|_| Refusal::ClaimsMalformed)
    }
}

impl Header {
    fn parse(encoded: &str) -> Result<Self, Refusal> {
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refusal::Malformed)?;
        let written: WrittenHeader = serde_json::from_slice(&bytes).map_err(|_| Refusal::HeaderMalformed)?;
        if [written.jku, written.jwk, written.x5u, written.x5c].contains(&Member::Present) {
            return Err(Refusal::HeaderKeyRefused);
        }
        let demands = [written.crit, written.b64, written.cty, written.enc, written.zip];
        if demands.contains(&Member::Present) {
            return Err(Refusal::CriticalHeaderRefused);
        }
        let algorithm = SigningAlgorithm::named(&written.alg).ok_or(Refusal::AlgorithmRefused)?;
        Ok(Self { algorithm, typ: written.typ, kid: written.kid })
    }

    /// Whether the type is this one; media types are compared without case (RFC 7515 §4.1.9).
    pub(super) fn is_typed(&self, expected: &str) -> bool {
        self.typ.as_deref().is_some_and(|typ| {
            let typ = match typ.split_at_checked("application/".len()) {
                Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
                _ => typ,
            };
            typ.eq_ignore_ascii_case(expected)
        })
    }
}

fn check(signature: &str, message: &[u8], key: &DecodingKey, algorithm: SigningAlgorithm) -> Result<(), Refusal> {
    match crypto::verify(signature, message, key, algorithm.of_library()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::SignatureInvalid),
        Err(error) => Err(match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidKeyFormat => Refusal::AlgorithmRefused,
            _ => Refusal::SignatureInvalid,
        }),
    }
}

/// A `NumericDate` (RFC 7519 §2): seconds since 1970, where a fraction is allowed and dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumericDate(pub(super) Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?.to_string();
        let seconds = number.split_once('.').map_or(number.as_str(), |(whole, _)| whole);
        seconds
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map(Self)
            .ok_or_else(|| de::Error::custom("not a time"))
    }
}

/// Whether `instant` is over, allowing for the clocks.
pub(super) fn is_over(instant: Timestamp, now: Timestamp) -> bool {
    now.duration_since(instant) >= CLOCK_SKEW
}

/// Whether `instant` is still to come, allowing for the clocks.
pub(super) fn is_to_come(instant: Timestamp, now: Timestamp) -> bool {
    instant.duration_since(now) > CLOCK_SKEW
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A compact signature with any header and claims, signed by `sign`.
    pub fn forged(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn header_of(text: &str) -> Result<Header, Refusal> {
        Header::parse(&URL_SAFE_NO_PAD.encode(text))
    }

    #[test]
    fn only_three_algorithms_are_read_from_a_header() {
        for name in ["ES256", "EdDSA", "PS256"] {
            let header = header_of(&json!({"alg": name}).to_string()).unwrap();
            assert_eq!(header.algorithm.name(), name);
        }
        let refused = [
            "none", "None", "nOnE", "", "HS256", "HS384", "HS512", "RS1", "RS256", "RS384", "RS512", "PS384", "PS512",
            "ES384", "ES512", "ES256K", "es256", "RSA-OAEP", "dir",
        ];
        for name in refused {
            let header = header_of(&json!({"alg": name}).to_string());
            assert_eq!(header, Err(Refusal::AlgorithmRefused), "{name}");
        }
    }

    #[test]
    fn a_header_that_brings_or_demands_anything_is_refused() {
        let key = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"});
        let cases = [
            ("jku", json!("https://attacker.example/jwks.json"), Refusal::HeaderKeyRefused),
            ("jwk", key, Refusal::HeaderKeyRefused),
            ("jwk", Value::Null, Refusal::HeaderKeyRefused),
            ("x5u", json!("https://attacker.example/cert.pem"), Refusal::HeaderKeyRefused),
            ("x5c", json!(["MIIB"]), Refusal::HeaderKeyRefused),
            ("crit", json!(["exp"]), Refusal::CriticalHeaderRefused),
            ("crit", json!([]), Refusal::CriticalHeaderRefused),
            ("b64", json!(false), Refusal::CriticalHeaderRefused),
            ("cty", json!("JWT"), Refusal::CriticalHeaderRefused),
            ("zip", json!("DEF"), Refusal::CriticalHeaderRefused),
            ("enc", json!("A256GCM"), Refusal::CriticalHeaderRefused),
        ];
        for (member, value, refusal) in cases {
            let header = header_of(&json!({"alg": "ES256", member: value}).to_string());
            assert_eq!(header, Err(refusal), "{member}");
        }
    }

    #[test]
    fn a_header_that_says_two_things_at_once_is_refused() {
        for text in [
            r#"{"alg":"ES256","alg":"none"}"#,
            r#"{"alg":"ES256","kid":"a","kid":"b"}"#,
            r#"{"alg":["ES256"]}"#,
            r#"{"alg":"ES256","kid":7}"#,
            r#"{"alg":"ES256"} {}"#,
            "{}",
            "[]",
            "null",
        ] {
            assert_eq!(header_of(text), Err(Refusal::HeaderMalformed), "{text}");
        }
    }

    #[test]
    fn anything_but_three_parts_is_refused() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
        for text in [
            String::new(),
            "..".to_owned(),
            header.clone(),
            format!("{header}.e30"),
            format!("{header}.e30."),
            format!("{header}.e30.AA.AA"),
            format!("{header}.e30.AA.AA.AA"),
            format!("{header}=.e30.AA"),
            format!(" {header}.e30.AA"),
        ] {
            assert_eq!(Compact::parse(&text).unwrap_err(), Refusal::Malformed, "{text}");
        }
        let huge = format!("{header}.{}.AA", "A".repeat(LONGEST_TOKEN));
        assert_eq!(Compact::parse(&huge).unwrap_err(), Refusal::TooLong);
    }

    #[test]
    fn a_type_is_read_with_or_without_its_prefix_and_case() {
        for (typ, expected) in [
            ("at+jwt", true),
            ("AT+JWT", true),
            ("application/at+jwt", true),
            ("Application/AT+jwt", true),
            ("JWT", false),
            ("at+jwt ", false),
            ("applicationXat+jwt", false),
            ("证", false),
        ] {
            let header = header_of(&json!({"alg": "ES256", "typ": typ}).to_string()).unwrap();
            assert_eq!(header.is_typed("at+jwt"), expected, "{typ}");
        }
        assert!(!header_of(r#"{"alg":"ES256"}"#).unwrap().is_typed("at+jwt"));
    }

    #[test]
    fn a_time_may_have_a_fraction_but_must_be_a_time() {
        let read = |text: &str| serde_json::from_str::<NumericDate>(text).ok();
        let second = NumericDate(Timestamp::from_second(1_800_000_000).unwrap());
        assert_eq!(read("1800000000"), Some(second));
        assert_eq!(read("1800000000.987"), Some(second));
        assert_eq!(read("1.8e9"), Some(second));
        for text in ["\"1800000000\"", "1e300", "-1e18", "99999999999999999", "true", "[]", "NaN"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
