//! The exchange's own token-signing keys, as they rest in the key ring.
//!
//! A key is first `next` (published, not used), then `active` (the one that signs), then `retained` (verifies the
//! tokens it signed until the last of them has ended), then gone. Only P-256 keys exist here (`ES256`). What a token
//! says, and the public key set, are in `identity`.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KeyRingError, SecretBytes};

/// How long a `next` key must have been published before it may sign: the life of a cached key set
/// (`Cache-Control: max-age=300`, api-rules A7).
pub const PUBLISHED_BEFORE_USE: SignedDuration = SignedDuration::from_secs(300);

/// How long a `retained` key still verifies: the longest token (10 minutes) with room for clocks that differ.
pub const RETAINED_FOR: SignedDuration = SignedDuration::from_secs(3_600);

/// Where a signing key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningKeyState {
    /// Published, not yet used.
    Next,
    /// Signs every new token.
    Active,
    /// Signs nothing more, still verifies.
    Retained,
}

/// One P-256 key pair of the exchange.
#[derive(Clone, Serialize, Deserialize)]
pub struct SigningKey {
    kid: String,
    state: SigningKeyState,
    since: Timestamp,
    pkcs8: SecretBytes,
}

impl SigningKey {
    /// A fresh key in the given state.
    pub(super) fn generate(state: SigningKeyState, now: Timestamp) -> Result<Self, KeyRingError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| KeyRingError::Randomness)?;
        let pkcs8 = SecretBytes::from(Zeroizing::new(document.as_ref().to_vec()));
        let (x, y) = coordinates(&pkcs8)?;
        Ok(Self { kid: thumbprint(&x, &y), state, since: now, pkcs8 })
    }

    /// The key id: RFC 7638 thumbprint of the public key, base64url.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Where the key stands in its life.
    #[must_use]
    pub const fn state(&self) -> SigningKeyState {
        self.state
    }

    /// When the key entered its state.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// The private key, PKCS#8 DER.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public point as base64url `x` and `y`, 32 bytes each.
    ///
    /// # Errors
    /// `KeyRingError::Malformed` when the stored key is not a P-256 key.
    pub fn coordinates(&self) -> Result<(String, String), KeyRingError> {
        coordinates(&self.pkcs8)
    }

    /// Refuses a stored key whose id is not the thumbprint of its public key.
    pub(super) fn check(&self) -> Result<(), KeyRingError> {
        let (x, y) = self.coordinates()?;
        if thumbprint(&x, &y) == self.kid {
            Ok(())
        } else {
            Err(KeyRingError::Malformed("the id of a signing key does not belong to that key"))
        }
    }

    fn moved_to(&self, state: SigningKeyState, now: Timestamp) -> Self {
        Self { state, since: now, ..self.clone() }
    }
}

/// The keys of a new ring: one that signs and one that is already published for later.
pub(super) fn first_keys(now: Timestamp) -> Result<Vec<SigningKey>, KeyRingError> {
    [SigningKeyState::Active, SigningKeyState::Next].into_iter().map(|state| SigningKey::generate(state, now)).collect()
}

/// Moves every key one step on and adds a new `next` key. Keys that were retained long enough fall away.
pub(super) fn rotate(keys: &[SigningKey], now: Timestamp) -> Result<Vec<SigningKey>, KeyRingError> {
    let next = keys
        .iter()
        .find(|key| key.state == SigningKeyState::Next)
        .ok_or(KeyRingError::Malformed("there is no next signing key"))?;
    let ready_at = next
        .since
        .checked_add(PUBLISHED_BEFORE_USE)
        .map_err(|_| KeyRingError::Malformed("a signing key has an impossible time"))?;
    if now < ready_at {
        return Err(KeyRingError::RotatedTooSoon { ready_at });
    }
    let mut moved = vec![next.moved_to(SigningKeyState::Active, now)];
    moved.push(SigningKey::generate(SigningKeyState::Next, now)?);
    for key in keys {
        match key.state {
            SigningKeyState::Active => moved.push(key.moved_to(SigningKeyState::Retained, now)),
            SigningKeyState::Retained if now.duration_since(key.since) < RETAINED_FOR => {
                moved.push(key.clone());
            }
            SigningKeyState::Retained | SigningKeyState::Next => {}
        }
    }
    Ok(moved)
}

/// Takes a leaked key out at once; the tokens it signed stop working. If it was the active one, the next one takes
/// over although some clients may have to fetch the key set again.
pub(super) fn revoke(keys: &[SigningKey], kid: &str, now: Timestamp) -> Result<Vec<SigningKey>, KeyRingError> {
    let leaked = keys.iter().find(|key| key.kid == kid).ok_or(KeyRingError::UnknownSigningKey)?;
    let mut left: Vec<SigningKey> = keys.iter().filter(|key| key.kid != kid).cloned().collect();
    if leaked.state == SigningKeyState::Active {
        for key in &mut left {
            if key.state == SigningKeyState::Next {
                *key = key.moved_to(SigningKeyState::Active, now);
            }
        }
    }
    if leaked.state != SigningKeyState::Retained {
        left.push(SigningKey::generate(SigningKeyState::Next, now)?);
    }
    Ok(left)
}

fn coordinates(pkcs8: &[u8]) -> Result<(String, String), KeyRingError> {
    const REFUSED: KeyRingError = KeyRingError::Malformed("a signing key is not a P-256 key in PKCS#8");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| REFUSED)?;
    let (x, y) =
        pair.public_key().as_ref().strip_prefix(&[0x04]).and_then(|point| point.split_at_checked(32)).ok_or(REFUSED)?;
    Ok((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
}

/// RFC 7638 thumbprint of a P-256 public key: SHA-256 of its required members in lexical order, base64url.
#[must_use]
pub fn thumbprint(x: &str, y: &str) -> String {
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn kids(keys: &[SigningKey], state: SigningKeyState) -> Vec<&str> {
        keys.iter().filter(|key| key.state == state).map(SigningKey::kid).collect()
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_verifies_after_it_has_signed() {
        let first = first_keys(at(0)).unwrap();
        let (active, next) = (&first[0], &first[1]);
        let second = rotate(&first, at(300)).unwrap();
        assert_eq!(kids(&second, SigningKeyState::Active), [next.kid()]);
        assert_eq!(kids(&second, SigningKeyState::Retained), [active.kid()]);
        assert_eq!(kids(&second, SigningKeyState::Next).len(), 1);
    }

    #[test]
    fn a_rotation_before_the_next_key_is_known_everywhere_is_refused() {
        let keys = first_keys(at(0)).unwrap();
        assert!(matches!(
            rotate(&keys, at(299)),
            Err(KeyRingError::RotatedTooSoon { ready_at }) if ready_at == at(300)
        ));
    }

    #[test]
    fn a_retained_key_falls_away_at_the_first_rotation_after_an_hour() {
        let first = first_keys(at(0)).unwrap();
        let second = rotate(&first, at(300)).unwrap();
        let soon = rotate(&second, at(900)).unwrap();
        assert_eq!(kids(&soon, SigningKeyState::Retained).len(), 2);
        let later = rotate(&second, at(300 + 3_600)).unwrap();
        assert_eq!(kids(&later, SigningKeyState::Retained), [first[1].kid()]);
    }

    #[test]
    fn a_leaked_key_is_gone_at_once_and_the_ring_stays_complete() {
        let keys = rotate(&first_keys(at(0)).unwrap(), at(300)).unwrap();
        for leaked in &keys {
            let left = revoke(&keys, leaked.kid(), at(301)).unwrap();
            assert!(left.iter().all(|key| key.kid() != leaked.kid()));
            assert_eq!(kids(&left, SigningKeyState::Active).len(), 1);
            assert_eq!(kids(&left, SigningKeyState::Next).len(), 1);
        }
        assert!(matches!(revoke(&keys, "nobody", at(301)), Err(KeyRingError::UnknownSigningKey)));
    }

    #[test]
    fn a_stored_key_under_a_foreign_id_is_refused() {
        let keys = first_keys(at(0)).unwrap();
        let swapped = SigningKey { kid: keys[1].kid.clone(), ..keys[0].clone() };
        assert!(swapped.check().is_err());
        assert!(keys[0].check().is_ok());
    }
}
