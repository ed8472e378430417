//! Signatures of webhooks by the Standard Webhooks specification: what is signed, with which secret, and how it is checked.
//!
//! Signed is `id.timestamp.body`. `v1` is HMAC-SHA256 with a shared secret (`whsec_`); `v1a` is Ed25519, for receivers that will not hold
//! a secret: they get the public key (`whpk_`). While secrets take over from each other several signatures stand in one header.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::seal::Sensitive;

/// Header with the id of the event; the same at every attempt.
pub const ID_HEADER: &str = "webhook-id";
/// Header with the instant of this attempt, in seconds since the epoch.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Header with the signatures, with spaces between.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far the clocks of sender and receiver may be apart, in seconds.
pub const TOLERANCE_S: i64 = 300;
/// Bytes of the secrets made here.
const SECRET_BYTES: usize = 32;
/// Bytes a shared secret may have.
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

crate::text_enum! {
    /// How webhooks to an endpoint are signed.
    pub enum SignatureKind {
        /// HMAC-SHA256 with a secret that exchange and receiver share.
        V1 => "v1" / "共享密钥签名（HMAC-SHA256）" / "shared secret (HMAC-SHA256)",
        /// Ed25519: the exchange signs, the receiver checks with the public key.
        V1a => "v1a" / "公钥签名（Ed25519）" / "public key (Ed25519)",
    }
}

/// Why a text is no secret, or a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Not a secret or key of a form that is known.
    #[error("this is no webhook secret: expected whsec_ or whsk_ and base64 of 24 to 64 (32) bytes")]
    NotASecret,
    /// One of the three headers is missing or malformed.
    #[error("a header is missing or malformed: webhook-id, webhook-timestamp and webhook-signature are needed")]
    HeaderMissing,
    /// The timestamp is too old, or lies ahead.
    #[error("the timestamp is more than five minutes away from now")]
    TooFarAway,
    /// No signature fits.
    #[error("no signature fits what came")]
    NoneFits,
}

/// What signs: a shared secret or a private key.
pub enum SigningSecret {
    /// `v1`.
    Shared(Zeroizing<Vec<u8>>),
    /// `v1a`.
    Private(Ed25519KeyPair),
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(***)")
    }
}

impl SigningSecret {
    /// A fresh secret as text: `whsec_…` or `whsk_…`.
    #[must_use]
    pub fn generate(kind: SignatureKind) -> Sensitive<String> {
        let bytes: Zeroizing<[u8; SECRET_BYTES]> = Zeroizing::new(rand::random());
        let prefix = match kind {
            SignatureKind::V1 => "whsec_",
            SignatureKind::V1a => "whsk_",
        };
        Sensitive::new(format!("{prefix}{}", BASE64_STANDARD.encode(*bytes)))
    }

    /// Reads the text of a secret. A private key may be its seed, or seed and public key one behind the other.
    ///
    /// # Errors
    /// [`SignatureError::NotASecret`].
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let decoded = |text: &str| BASE64_STANDARD.decode(text).map(Zeroizing::new).ok();
        if let Some(bytes) = text.strip_prefix("whsec_").and_then(decoded) {
            let fits = SECRET_LENGTHS.contains(&bytes.len());
            return if fits { Ok(Self::Shared(bytes)) } else { Err(SignatureError::NotASecret) };
        }
        let bytes = text.strip_prefix("whsk_").and_then(decoded).ok_or(SignatureError::NotASecret)?;
        let seed = bytes.first_chunk::<SECRET_BYTES>().filter(|_| matches!(bytes.len(), 32 | 64));
        let pair = seed.and_then(|seed| Ed25519KeyPair::from_seed_unchecked(seed).ok());
        pair.map(Self::Private).ok_or(SignatureError::NotASecret)
    }

    /// The public key of a private one, `whpk_…`.
    #[must_use]
    pub fn public_key(&self) -> Option<String> {
        match self {
            Self::Shared(_) => None,
            Self::Private(pair) => Some(format!("whpk_{}", BASE64_STANDARD.encode(pair.public_key()))),
        }
    }

    /// What a receiver checks with.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        match self {
            Self::Shared(bytes) => Verifier::Shared(bytes.clone()),
            Self::Private(pair) => Verifier::Public(pair.public_key().as_ref().to_vec()),
        }
    }

    /// One signature as it stands in the header.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let content = signed_content(id, timestamp, body);
        match self {
            Self::Shared(bytes) => {
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), &content);
                format!("v1,{}", BASE64_STANDARD.encode(tag))
            }
            Self::Private(pair) => format!("v1a,{}", BASE64_STANDARD.encode(pair.sign(&content))),
        }
    }
}

/// The signatures of every secret that is still good, with spaces between.
#[must_use]
pub fn signatures(secrets: &[SigningSecret], id: &str, timestamp: i64, body: &[u8]) -> String {
    secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect::<Vec<_>>().join(" ")
}

/// What a receiver checks with: the shared secret, or the public key.
#[derive(Clone)]
pub enum Verifier {
    /// `v1`.
    Shared(Zeroizing<Vec<u8>>),
    /// `v1a`.
    Public(Vec<u8>),
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(***)")
    }
}

impl Verifier {
    /// Reads `whsec_…`, `whsk_…` or `whpk_…`.
    ///
    /// # Errors
    /// [`SignatureError::NotASecret`].
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let Some(key) = text.strip_prefix("whpk_") else {
            return SigningSecret::parse(text).map(|secret| secret.verifier());
        };
        let key = BASE64_STANDARD.decode(key).ok().filter(|key| key.len() == SECRET_BYTES);
        key.map(Self::Public).ok_or(SignatureError::NotASecret)
    }

    /// Checks a message by the texts of its three headers.
    ///
    /// # Errors
    /// [`SignatureError`], whatever is wrong first.
    pub fn verify(&self, headers: [Option<&str>; 3], body: &[u8], now_s: i64) -> Result<(), SignatureError> {
        let [Some(id), Some(timestamp), Some(signatures)] = headers else { return Err(SignatureError::HeaderMissing) };
        let timestamp: i64 = timestamp.parse().map_err(|_| SignatureError::HeaderMissing)?;
        if now_s.saturating_sub(timestamp).saturating_abs() > TOLERANCE_S {
            return Err(SignatureError::TooFarAway);
        }
        let content = signed_content(id, timestamp, body);
        let fits = signatures.split(' ').filter_map(|signature| signature.split_once(',')).any(|(version, text)| {
            let Ok(signature) = BASE64_STANDARD.decode(text) else { return false };
            match (self, version) {
                (Self::Shared(bytes), "v1") => {
                    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, bytes), &content, &signature).is_ok()
                }
                (Self::Public(key), "v1a") => {
                    UnparsedPublicKey::new(&ED25519, key).verify(&content, &signature).is_ok()
                }
                _ => false,
            }
        });
        if fits { Ok(()) } else { Err(SignatureError::NoneFits) }
    }
}

fn signed_content(id: &str, timestamp: i64, body: &[u8]) -> Vec<u8> {
    [format!("{id}.{timestamp}.").as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50";
    const BODY: &[u8] = br#"{"type":"dispatch.departed"}"#;
    const NOW: i64 = 1_772_413_200;

    fn secret(kind: SignatureKind) -> SigningSecret {
        SigningSecret::parse(SigningSecret::generate(kind).expose()).unwrap()
    }

    #[test]
    fn the_value_of_the_specification_comes_out() {
        // The example of the Standard Webhooks specification.
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn an_independent_receiver_takes_what_we_sign_and_refuses_what_was_changed() {
        let text = SigningSecret::generate(SignatureKind::V1);
        let ours = SigningSecret::parse(text.expose()).unwrap();
        let theirs = standardwebhooks::Webhook::new(text.expose()).unwrap();
        let now = jiff::Timestamp::now().as_second();
        let headers = |id: &str, timestamp: i64, signature: &str| {
            let mut headers = reqwest::header::HeaderMap::new();
            headers.insert(ID_HEADER, id.parse().unwrap());
            headers.insert(TIMESTAMP_HEADER, timestamp.to_string().parse().unwrap());
            headers.insert(SIGNATURE_HEADER, signature.parse().unwrap());
            headers
        };
        let other = secret(SignatureKind::V1);
        let both = signatures(&[other, SigningSecret::parse(text.expose()).unwrap()], ID, now, BODY);
        let good = ours.sign(ID, now, BODY);
        for signature in [&good, &both] {
            theirs.verify(BODY, &headers(ID, now, signature)).unwrap();
        }
        assert!(theirs.verify(b"{}", &headers(ID, now, &good)).is_err(), "another body");
        assert!(theirs.verify(BODY, &headers("other", now, &good)).is_err(), "another id");
        assert!(theirs.verify(BODY, &headers(ID, now + 1, &good)).is_err(), "another time");
        let old = ours.sign(ID, now - 600, BODY);
        assert!(theirs.verify(BODY, &headers(ID, now - 600, &old)).is_err(), "an old one");
        let signed_there = theirs.sign(ID, now, BODY).unwrap();
        assert_eq!(signed_there, good, "and the other way round");
    }

    #[test]
    fn either_kind_is_taken_by_its_own_receiver_and_by_no_other() {
        for kind in SignatureKind::ALL {
            let secret = secret(*kind);
            let timestamp = NOW.to_string();
            let signature = secret.sign(ID, NOW, BODY);
            let headers = [Some(ID), Some(timestamp.as_str()), Some(signature.as_str())];
            let verifier = secret.verifier();
            assert_eq!(verifier.verify(headers, BODY, NOW), Ok(()));
            assert_eq!(verifier.verify(headers, b"{}", NOW), Err(SignatureError::NoneFits));
            assert_eq!(verifier.verify(headers, BODY, NOW + 301), Err(SignatureError::TooFarAway));
            assert_eq!(verifier.verify(headers, BODY, NOW - 301), Err(SignatureError::TooFarAway));
            assert_eq!(verifier.verify([headers[0], None, headers[2]], BODY, NOW), Err(SignatureError::HeaderMissing));
            for other in SignatureKind::ALL {
                let other = super::tests::secret(*other).verifier();
                assert_eq!(other.verify(headers, BODY, NOW), Err(SignatureError::NoneFits));
            }
        }
    }

    #[test]
    fn while_secrets_change_both_receivers_are_served() {
        for kind in SignatureKind::ALL {
            let secrets = [secret(*kind), secret(*kind)];
            let timestamp = NOW.to_string();
            let header = signatures(&secrets, ID, NOW, BODY);
            assert_eq!(header.split(' ').count(), 2);
            for secret in &secrets {
                let headers = [Some(ID), Some(timestamp.as_str()), Some(header.as_str())];
                assert_eq!(secret.verifier().verify(headers, BODY, NOW), Ok(()));
            }
        }
    }

    #[test]
    fn the_public_key_checks_what_the_private_one_signed() {
        let text = SigningSecret::generate(SignatureKind::V1a);
        let secret = SigningSecret::parse(text.expose()).unwrap();
        let key = secret.public_key().unwrap();
        assert!(key.starts_with("whpk_"), "{key}");
        let (timestamp, signature) = (NOW.to_string(), secret.sign(ID, NOW, BODY));
        let verifier = Verifier::parse(&key).unwrap();
        assert_eq!(verifier.verify([Some(ID), Some(&timestamp), Some(&signature)], BODY, NOW), Ok(()));
        assert!(super::tests::secret(SignatureKind::V1).public_key().is_none());
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let of = |prefix: &str, length: usize| format!("{prefix}{}", BASE64_STANDARD.encode(vec![7; length]));
        for (text, good) in [
            (of("whsec_", 24), true),
            (of("whsec_", 64), true),
            (of("whsec_", 23), false),
            (of("whsec_", 65), false),
            (of("whsk_", 32), true),
            (of("whsk_", 64), true),
            (of("whsk_", 33), false),
            (of("", 32), false),
            ("whsec_***".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(SigningSecret::parse(&text).is_ok(), good, "{text}");
        }
        assert_eq!(format!("{:?}", secret(SignatureKind::V1)), "SigningSecret(***)");
    }

    proptest! {
        #[test]
        fn no_header_makes_the_receiver_panic(text in ".{0,200}", timestamp in ".{0,20}") {
            let verifier = secret(SignatureKind::V1).verifier();
            prop_assert!(verifier.verify([Some(&text), Some(&timestamp), Some(&text)], BODY, NOW).is_err());
        }
    }
}
