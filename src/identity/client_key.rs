//! The client's side: a P-256 key pair, the assertions it signs, and the signature it puts under an agreement.
//!
//! Used by the command line (`client`, `token`), the demonstration and the tests. The exchange itself never sees a
//! client's private key.

use aws_lc_rs::{
    encoding::{AsBigEndian, EcPrivateKeyBin},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    client_assertion::ASSERTION_TYPE,
    jwks::{KeyRefusal, RegisteredKey, RegisteredKeyState},
};
use crate::seal::Sensitive;

/// How long the assertions made here live.
const ASSERTION_LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// Why a client key cannot be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClientKeyError {
    /// Not a private P-256 key as JWK.
    #[error("this is not a private EC P-256 key as JWK; make one with: labour-exchange client new-key")]
    NotAPrivateKey,
    /// The public part is refused.
    #[error(transparent)]
    Public(#[from] KeyRefusal),
    /// The signature library failed.
    #[error("the key could not be used for signing; check the machine's random number source")]
    Signing,
}

/// A client's P-256 key pair.
pub struct ClientKey {
    pair: EcdsaKeyPair,
    public: RegisteredKey,
}

impl ClientKey {
    /// A fresh pair; its id is the thumbprint.
    ///
    /// # Errors
    /// `ClientKeyError::Signing` when no random bytes can be had.
    pub fn generate() -> Result<Self, ClientKeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| ClientKeyError::Signing)?;
        let (x, y) = point(&pair)?;
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        let public = RegisteredKey::from_jwk(&jwk, RegisteredKeyState::Active)?;
        Ok(Self { pair, public })
    }

    /// Reads a private JWK.
    ///
    /// # Errors
    /// `NotAPrivateKey` when it is not one, or `Public` when its public part is refused.
    pub fn from_private_jwk(jwk: &Sensitive<String>) -> Result<Self, ClientKeyError> {
        let mut jwk: Value = serde_json::from_str(jwk.expose()).map_err(|_| ClientKeyError::NotAPrivateKey)?;
        let secret = jwk
            .as_object_mut()
            .and_then(|members| members.remove("d"))
            .and_then(|d| d.as_str().map(|d| Zeroizing::new(d.to_owned())))
            .and_then(|d| URL_SAFE_NO_PAD.decode(d.as_bytes()).ok().map(Zeroizing::new))
            .ok_or(ClientKeyError::NotAPrivateKey)?;
        let public = RegisteredKey::from_jwk(&jwk, RegisteredKeyState::Active)?;
        let coordinate = |member: &str| {
            let encoded = jwk.get(member).and_then(Value::as_str).unwrap_or_default();
            URL_SAFE_NO_PAD.decode(encoded).map_err(|_| ClientKeyError::NotAPrivateKey)
        };
        let point = [vec![0x04], coordinate("x")?, coordinate("y")?].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &secret, &point)
            .map_err(|_| ClientKeyError::NotAPrivateKey)?;
        Ok(Self { pair, public })
    }

    /// The pair as a private JWK, for a file with mode 0600.
    ///
    /// # Errors
    /// `ClientKeyError::Signing` when the library cannot export the key.
    pub fn to_private_jwk(&self) -> Result<Sensitive<String>, ClientKeyError> {
        let secret: EcPrivateKeyBin<'_> = self.pair.private_key().as_be_bytes().map_err(|_| ClientKeyError::Signing)?;
        let mut jwk = self.public.to_jwk();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("d".to_owned(), Value::from(URL_SAFE_NO_PAD.encode(secret.as_ref())));
        }
        Ok(Sensitive::new(format!("{jwk:#}\n")))
    }

    /// The public key to register.
    #[must_use]
    pub const fn public(&self) -> &RegisteredKey {
        &self.public
    }

    /// An assertion for the token endpoint (RFC 7523), good for one minute and one use.
    ///
    /// # Errors
    /// `ClientKeyError::Signing`.
    pub fn sign_assertion(
        &self,
        client_id: Uuid,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Sensitive<String>, ClientKeyError> {
        let seconds = now.as_second();
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": issuer, "iat": seconds,
            "exp": seconds.saturating_add(ASSERTION_LIFETIME.as_secs()), "jti": Uuid::new_v4(),
        });
        let header = json!({"alg": "ES256", "typ": ASSERTION_TYPE, "kid": self.public.kid});
        let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        Ok(Sensitive::new(format!("{signed}.{}", self.signature(signed.as_bytes())?)))
    }

    /// The detached signature of an agreement's canonical bytes: `header..signature`.
    ///
    /// # Errors
    /// `ClientKeyError::Signing`.
    pub fn sign_detached(&self, bytes: &[u8]) -> Result<String, ClientKeyError> {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "ES256", "kid": self.public.kid}).to_string());
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(bytes));
        Ok(format!("{header}..{}", self.signature(signed.as_bytes())?))
    }

    fn signature(&self, message: &[u8]) -> Result<String, ClientKeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| ClientKeyError::Signing)?;
        Ok(URL_SAFE_NO_PAD.encode(signature))
    }
}

fn point(pair: &EcdsaKeyPair) -> Result<(String, String), ClientKeyError> {
    let public = pair.public_key().as_ref();
    let (x, y) =
        public.strip_prefix(&[0x04]).and_then(|point| point.split_at_checked(32)).ok_or(ClientKeyError::Signing)?;
    Ok((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_written_to_a_file_is_the_same_key_when_read() {
        let key = ClientKey::generate().unwrap();
        let again = ClientKey::from_private_jwk(&key.to_private_jwk().unwrap()).unwrap();
        assert_eq!(again.public(), key.public());
        let signature = again.sign_detached(b"terms").unwrap();
        let verified = crate::identity::client_assertion::verify_detached(key.public(), b"terms", &signature);
        assert!(verified.is_ok());
    }

    #[test]
    fn what_is_registered_has_no_private_part() {
        let key = ClientKey::generate().unwrap();
        assert!(key.public().to_jwk().get("d").is_none());
        assert!(key.to_private_jwk().unwrap().expose().contains("\"d\""));
    }

    #[test]
    fn a_public_key_or_a_mixed_pair_is_no_private_key() {
        let (key, other) = (ClientKey::generate().unwrap(), ClientKey::generate().unwrap());
        let private =
            |key: &ClientKey| -> Value { serde_json::from_str(key.to_private_jwk().unwrap().expose()).unwrap() };
        let mut mixed = private(&key);
        mixed["d"] = private(&other)["d"].clone();
        for jwk in [key.public().to_jwk().to_string(), mixed.to_string(), "{}".into(), "no".into()] {
            let refused = ClientKey::from_private_jwk(&Sensitive::new(jwk)).err();
            assert_eq!(refused, Some(ClientKeyError::NotAPrivateKey));
        }
    }
}
