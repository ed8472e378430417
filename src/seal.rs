//! Personal data at rest: sealed values, the keyed indexes that find them, and the key ring behind both.
//!
//! A name, identity number or phone number is stored as ciphertext that opens only in the row it was written to
//! (decision D5), and is found by a keyed hash (decision D4): one key per tenant for search, one for the whole
//! exchange that serves the open-placement constraint and nothing else. Every key is a child of the key file and is
//! used for one purpose.
//!
//! Absent on purpose: normalising values before they are indexed (the workers slice knows what an identity number
//! is), masking, and any way to list or export keys.
//!
//! Sealed bytes, version 1: `1 | suite (1) | root key id (4, big endian) | nonce (12) | ciphertext and tag`. Suite 1
//! is AES-256-GCM-SIV (RFC 8452): a repeated nonce reveals at most that two values of one place are equal.
//! Associated data: the six header bytes, then table and column with a zero byte after each, then the row id.

mod error;
mod key_file;
mod sensitive;
mod signing_key;
pub mod store;

use std::path::Path;

use aes_gcm_siv::{
    Aes256GcmSiv, Nonce,
    aead::{AeadInOut, KeyInit},
};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use self::key_file::KeyFile;
pub use self::{
    error::{KeyRingError, SealError},
    key_file::SecretBytes,
    sensitive::Sensitive,
    signing_key::{PUBLISHED_BEFORE_USE, RETAINED_FOR, SigningKey, SigningKeyState, thumbprint},
};

/// The longest value that can be sealed, in bytes. Personal data is short; the longest are the rows of a file, part by part.
pub const LONGEST_PLAINTEXT: usize = 4 * 1024 * 1024;

const VERSION: u8 = 1;
const SUITE_AES_256_GCM_SIV: u8 = 1;
const HEADER: usize = 6;
const NONCE: usize = 12;
const TAG: usize = 16;
const CURSOR_TAG: usize = 16;

/// The cell that a sealed value belongs to. It opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The table's name.
    pub table: &'static str,
    /// The column's name.
    pub column: &'static str,
    /// The row's id.
    pub row: Uuid,
}

/// Whose keyed index a value is looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlindIndex {
    /// Search inside one tenant: the same value has another index at every other party.
    Tenant(Uuid),
    /// The whole exchange: only for the constraint of one open placement per worker, never shown to a tenant.
    Platform,
}

impl BlindIndex {
    /// The index of one party.
    #[must_use]
    pub const fn tenant(party_id: Uuid) -> Self {
        Self::Tenant(party_id)
    }

    /// The index of the whole exchange.
    #[must_use]
    pub const fn platform() -> Self {
        Self::Platform
    }
}

/// The exchange's keys, ready for use. It does not change; rotation makes a new ring.
pub struct KeyRing {
    file: KeyFile,
    roots: Vec<Root>,
    active: usize,
    platform_index: Keyed,
    tenant_index_root: Keyed,
    secret_digest: Keyed,
}

/// The children of one root key.
struct Root {
    id: u32,
    cipher: Aes256GcmSiv,
    cursor: Keyed,
}

impl KeyRing {
    /// Opens the key file, or makes it (mode 0600) when there is none. Two processes that start together end up with
    /// the same file.
    ///
    /// # Errors
    /// Any `KeyRingError`; above all when other accounts may read the file.
    pub fn open_or_create(path: &Path, now: Timestamp) -> Result<Self, KeyRingError> {
        if !path.exists() {
            let file = KeyFile::generate(now)?;
            if file.create(path)? {
                return Self::from_file(file);
            }
        }
        Self::load(path)
    }

    /// Opens an existing key file.
    ///
    /// # Errors
    /// Any `KeyRingError`; above all when other accounts may read the file.
    pub fn load(path: &Path) -> Result<Self, KeyRingError> {
        Self::from_file(KeyFile::read(path)?)
    }

    /// A ring that exists only in memory, for tests and for demonstrations that keep nothing.
    ///
    /// # Errors
    /// `KeyRingError::Randomness`.
    pub fn generate(now: Timestamp) -> Result<Self, KeyRingError> {
        Self::from_file(KeyFile::generate(now)?)
    }

    /// Writes this ring in place of the file it came from, whole or not at all.
    ///
    /// # Errors
    /// `KeyRingError::Unwritable`.
    pub fn replace(&self, path: &Path) -> Result<(), KeyRingError> {
        self.file.replace(path)
    }

    /// A ring whose next signing key signs from now on; tokens already out keep working.
    ///
    /// # Errors
    /// `KeyRingError::RotatedTooSoon` while clients may still hold a key set without the next key.
    pub fn with_rotated_signing_keys(&self, now: Timestamp) -> Result<Self, KeyRingError> {
        let signing = signing_key::rotate(&self.file.signing, now)?;
        Self::from_file(KeyFile { signing, ..self.file.clone() })
    }

    /// A ring without a leaked signing key; the tokens it signed stop working.
    ///
    /// # Errors
    /// `KeyRingError::UnknownSigningKey`.
    pub fn without_signing_key(&self, kid: &str, now: Timestamp) -> Result<Self, KeyRingError> {
        let signing = signing_key::revoke(&self.file.signing, kid, now)?;
        Self::from_file(KeyFile { signing, ..self.file.clone() })
    }

    /// A ring that seals with a new root key and still opens what the old ones sealed.
    ///
    /// # Errors
    /// `KeyRingError::Randomness`.
    pub fn with_new_root(&self, now: Timestamp) -> Result<Self, KeyRingError> {
        Self::from_file(self.file.with_new_root(now)?)
    }

    /// The exchange's token-signing keys.
    #[must_use]
    pub fn signing_keys(&self) -> &[SigningKey] {
        &self.file.signing
    }

    /// Identifies the ring without revealing a key, and stays the same through every rotation. A database remembers
    /// it ([`store`]), so that a start with another ring's file is refused instead of making its rows unfindable.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let tag = self.platform_index.tag(&[b"labour-exchange/fingerprint"]);
        let start = tag.first_chunk().copied().map_or(0, u64::from_be_bytes);
        format!("{start:016x}")
    }

    /// Seals a value for one cell.
    ///
    /// # Errors
    /// `SealError::TooLong` above [`LONGEST_PLAINTEXT`].
    pub fn seal(&self, place: Place, plaintext: &str) -> Result<Vec<u8>, SealError> {
        if plaintext.len() > LONGEST_PLAINTEXT {
            return Err(SealError::TooLong);
        }
        let root = self.roots.get(self.active).ok_or(SealError::Unrecognised)?;
        let header = header(root.id);
        let nonce: [u8; NONCE] = rand::random();
        let mut sealed = Vec::with_capacity(HEADER + NONCE + plaintext.len() + TAG);
        sealed.extend_from_slice(&header);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext.as_bytes());
        let (_, text) = sealed.split_at_mut(HEADER + NONCE);
        let tag = root
            .cipher
            .encrypt_inout_detached(&Nonce::from(nonce), &associated(header, place), text.into())
            .map_err(|_| SealError::TooLong)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens a value that was sealed for this cell.
    ///
    /// # Errors
    /// `SealError::Refused` for bytes that were changed or moved, `UnknownRoot` or `Unrecognised` for bytes of
    /// another ring or suite.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Sensitive<String>, SealError> {
        let (header, rest) = sealed.split_first_chunk::<HEADER>().ok_or(SealError::Unrecognised)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(SealError::Unrecognised)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG>().ok_or(SealError::Unrecognised)?;
        let root = self.root(root_id(*header)?)?;
        let mut text = Zeroizing::new(ciphertext.to_vec());
        root.cipher
            .decrypt_inout_detached(
                &Nonce::from(*nonce),
                &associated(*header, place),
                text.as_mut_slice().into(),
                &(*tag).into(),
            )
            .map_err(|_| SealError::Refused)?;
        String::from_utf8(std::mem::take(&mut *text)).map(Sensitive::new).map_err(|_| SealError::Unrecognised)
    }

    /// Whether a sealed value was made with an older root key and should be sealed again.
    ///
    /// # Errors
    /// `SealError::Unrecognised` for bytes that are not a sealed value.
    pub fn needs_resealing(&self, sealed: &[u8]) -> Result<bool, SealError> {
        let header = sealed.first_chunk::<HEADER>().ok_or(SealError::Unrecognised)?;
        Ok(root_id(*header)? != self.file.active_root)
    }

    /// The keyed index of a value: equal values of one domain and field have equal indexes, and nothing else can be
    /// learned without the key. `field` names what the value is (`id_number`, `phone`), so that a number has another
    /// index as a phone than as an identity number. The caller normalises the value first.
    #[must_use]
    pub fn blind_index(&self, domain: BlindIndex, field: &'static str, value: &str) -> [u8; 32] {
        let parts: [&[u8]; 3] = [field.as_bytes(), &[0], value.as_bytes()];
        match domain {
            BlindIndex::Platform => self.platform_index.tag(&parts),
            BlindIndex::Tenant(party_id) => {
                let purpose: [&[u8]; 3] = [b"labour-exchange/tenant-index/1/", party_id.as_bytes(), &[1]];
                let tenant = Zeroizing::new(self.tenant_index_root.tag(&purpose));
                Keyed::new(&tenant).tag(&parts)
            }
        }
    }

    /// Signs the content of a page cursor: the content followed by a 16-byte tag.
    #[must_use]
    pub fn sign_cursor(&self, content: &[u8]) -> Vec<u8> {
        let mut signed = content.to_vec();
        if let Some(root) = self.roots.get(self.active) {
            signed.extend(root.cursor.tag(&[content]).into_iter().take(CURSOR_TAG));
        }
        signed
    }

    /// The content of a cursor that this exchange signed, also with an older root key.
    ///
    /// # Errors
    /// `SealError::ForeignCursor`.
    pub fn verify_cursor<'a>(&self, signed: &'a [u8]) -> Result<&'a [u8], SealError> {
        let (content, tag) = signed.split_last_chunk::<CURSOR_TAG>().ok_or(SealError::ForeignCursor)?;
        if self.roots.iter().any(|root| root.cursor.accepts(content, tag)) {
            Ok(content)
        } else {
            Err(SealError::ForeignCursor)
        }
    }

    /// The keyed digest under which a high-entropy secret (a one-time link) is stored and found again. Not for
    /// personal data, and not for passwords that a person can remember.
    #[must_use]
    pub fn digest_secret(&self, secret: &Sensitive<String>) -> [u8; 32] {
        self.secret_digest.tag(&[secret.expose().as_bytes()])
    }

    fn from_file(file: KeyFile) -> Result<Self, KeyRingError> {
        let mut roots = Vec::with_capacity(file.roots.len());
        for root in &file.roots {
            let key = root.key.bytes()?;
            roots.push(Root {
                id: root.id,
                cipher: Aes256GcmSiv::new(&(*derive(key, b"seal/aes-256-gcm-siv")).into()),
                cursor: Keyed::new(&derive(key, b"cursor/hmac-sha-256")),
            });
        }
        let active = roots
            .iter()
            .position(|root| root.id == file.active_root)
            .ok_or(KeyRingError::Malformed("the active root key is not among the root keys"))?;
        Ok(Self {
            roots,
            active,
            platform_index: Keyed::new(file.platform_index.bytes()?),
            tenant_index_root: Keyed::new(file.tenant_index_root.bytes()?),
            secret_digest: Keyed::new(file.secret_digest.bytes()?),
            file,
        })
    }

    fn root(&self, id: u32) -> Result<&Root, SealError> {
        self.roots.iter().find(|root| root.id == id).ok_or(SealError::UnknownRoot(id))
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KeyRing").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

/// HMAC-SHA-256 with its key schedule already done.
struct Keyed(Hmac<Sha256>);

impl Keyed {
    fn new(key: &[u8; 32]) -> Self {
        // HMAC pads a short key with zeros to the block of 64 bytes; giving it the block leaves nothing that can fail.
        let mut block = Zeroizing::new([0; 64]);
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self(Hmac::new(&(*block).into()))
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(parts).finalize().into_bytes().into()
    }

    fn accepts(&self, content: &[u8], tag: &[u8; CURSOR_TAG]) -> bool {
        self.mac(&[content]).verify_truncated_left(tag).is_ok()
    }
}

/// One child key per purpose: the expand step of HKDF (RFC 5869) over a root key that is uniform already.
fn derive(root: &[u8; 32], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(Keyed::new(root).tag(&[b"labour-exchange/1/", purpose, &[1]]))
}

fn header(root_id: u32) -> [u8; HEADER] {
    let [a, b, c, d] = root_id.to_be_bytes();
    [VERSION, SUITE_AES_256_GCM_SIV, a, b, c, d]
}

fn root_id(header: [u8; HEADER]) -> Result<u32, SealError> {
    match header {
        [VERSION, SUITE_AES_256_GCM_SIV, a, b, c, d] => Ok(u32::from_be_bytes([a, b, c, d])),
        _ => Err(SealError::Unrecognised),
    }
}

fn associated(header: [u8; HEADER], place: Place) -> Vec<u8> {
    let mut data = Vec::with_capacity(HEADER + place.table.len() + place.column.len() + 18);
    data.extend_from_slice(&header);
    data.extend_from_slice(place.table.as_bytes());
    data.push(0);
    data.extend_from_slice(place.column.as_bytes());
    data.push(0);
    data.extend_from_slice(place.row.as_bytes());
    data
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
        thread,
    };

    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "张三";

    fn day_one() -> Timestamp {
        "2026-11-23T00:00:00Z".parse().unwrap()
    }

    fn ring() -> KeyRing {
        KeyRing::generate(day_one()).unwrap()
    }

    fn name_of(row: u128) -> Place {
        Place { table: "workers", column: "name_sealed", row: Uuid::from_u128(row) }
    }

    #[test]
    fn a_sealed_name_opens_in_its_own_cell() {
        let ring = ring();
        let sealed = ring.seal(name_of(1), NAME).unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains(NAME));
        assert_eq!(ring.open(name_of(1), &sealed).unwrap().expose(), NAME);
    }

    #[test]
    fn a_sealed_name_that_was_moved_does_not_open() {
        let ring = ring();
        let sealed = ring.seal(name_of(1), NAME).unwrap();
        let elsewhere = [
            name_of(2),
            Place { column: "phone_sealed", ..name_of(1) },
            Place { table: "contacts", ..name_of(1) },
            Place { table: "workersname_", column: "sealed", ..name_of(1) },
        ];
        for place in elsewhere {
            assert_eq!(ring.open(place, &sealed), Err(SealError::Refused), "{place:?}");
        }
    }

    #[test]
    fn a_sealed_name_with_any_byte_changed_or_missing_does_not_open() {
        let ring = ring();
        let sealed = ring.seal(name_of(1), NAME).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(ring.open(name_of(1), &changed).is_err(), "byte {at}");
            assert!(ring.open(name_of(1), &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_same_name_sealed_twice_looks_different() {
        let ring = ring();
        assert_ne!(ring.seal(name_of(1), NAME).unwrap(), ring.seal(name_of(1), NAME).unwrap());
    }

    #[test]
    fn a_value_longer_than_a_sealed_column_is_refused() {
        let text = "a".repeat(LONGEST_PLAINTEXT + 1);
        assert_eq!(ring().seal(name_of(1), &text), Err(SealError::TooLong));
        assert!(ring().seal(name_of(1), &text[1..]).is_ok());
    }

    #[test]
    fn after_a_new_root_key_old_rows_still_open_and_are_named_for_resealing() {
        let old = ring();
        let new = old.with_new_root(day_one()).unwrap();
        let sealed = old.seal(name_of(1), NAME).unwrap();
        assert_eq!(new.open(name_of(1), &sealed).unwrap().expose(), NAME);
        assert!(new.needs_resealing(&sealed).unwrap());
        let resealed = new.seal(name_of(1), NAME).unwrap();
        assert!(!new.needs_resealing(&resealed).unwrap());
        assert_eq!(old.open(name_of(1), &resealed), Err(SealError::UnknownRoot(2)));
        assert_eq!(old.fingerprint(), new.fingerprint());
        assert_eq!(
            old.blind_index(BlindIndex::platform(), "id_number", "996"),
            new.blind_index(BlindIndex::platform(), "id_number", "996"),
        );
    }

    #[test]
    fn rows_sealed_with_another_key_file_do_not_open() {
        let sealed = ring().seal(name_of(1), NAME).unwrap();
        assert_eq!(ring().open(name_of(1), &sealed), Err(SealError::Refused));
    }

    #[test]
    fn an_identity_number_has_another_index_at_every_party_and_in_every_field() {
        let ring = ring();
        let number = "996001199001011234";
        let (here, there) = (BlindIndex::tenant(Uuid::from_u128(1)), BlindIndex::tenant(Uuid::from_u128(2)));
        let index = ring.blind_index(here, "id_number", number);
        assert_eq!(index, ring.blind_index(here, "id_number", number));
        let others = [
            ring.blind_index(there, "id_number", number),
            ring.blind_index(BlindIndex::platform(), "id_number", number),
            ring.blind_index(here, "phone", number),
            ring.blind_index(here, "id_number", "996001199001011235"),
            super::tests::ring().blind_index(here, "id_number", number),
        ];
        for other in others {
            assert_ne!(index, other);
        }
    }

    #[test]
    fn a_cursor_is_accepted_unchanged_and_after_a_new_root_key_but_not_when_forged() {
        let ring = ring();
        let signed = ring.sign_cursor(b"worker:42");
        assert_eq!(ring.verify_cursor(&signed), Ok(b"worker:42".as_slice()));
        let rotated = ring.with_new_root(day_one()).unwrap();
        assert_eq!(rotated.verify_cursor(&signed), Ok(b"worker:42".as_slice()));
        for at in 0..signed.len() {
            let mut forged = signed.clone();
            forged[at] ^= 1;
            assert_eq!(ring.verify_cursor(&forged), Err(SealError::ForeignCursor), "byte {at}");
        }
        assert_eq!(ring.verify_cursor(b"short"), Err(SealError::ForeignCursor));
        assert_eq!(super::tests::ring().verify_cursor(&signed), Err(SealError::ForeignCursor));
    }

    #[test]
    fn a_stored_link_is_found_again_by_its_digest_and_the_digest_is_no_plain_hash() {
        let ring = ring();
        let link = Sensitive::from(String::from("one-time-link"));
        assert_eq!(ring.digest_secret(&link), ring.digest_secret(&link.clone()));
        assert_ne!(ring.digest_secret(&link), super::tests::ring().digest_secret(&link));
    }

    #[test]
    fn the_keyed_hash_is_the_standard_hmac() {
        let key = [7; 32];
        let mut standard = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        standard.update(b"what is signed");
        assert!(standard.verify_slice(&Keyed::new(&key).tag(&[b"what is ", b"signed"])).is_ok());
    }

    #[test]
    fn the_first_start_makes_a_key_file_that_only_its_owner_reads_and_the_second_finds_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("secrets").join("keys.json");
        let first = KeyRing::open_or_create(&path, day_one()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let second = KeyRing::open_or_create(&path, day_one()).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());
        let sealed = first.seal(name_of(1), NAME).unwrap();
        assert_eq!(second.open(name_of(1), &sealed).unwrap().expose(), NAME);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing left aside");
    }

    #[test]
    fn a_key_file_that_others_may_read_stops_the_start_and_says_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("keys.json");
        KeyRing::open_or_create(&path, day_one()).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = KeyRing::open_or_create(&path, day_one()).unwrap_err();
            assert_eq!(error.code(), "key_file_readable_by_others");
            assert!(error.to_string().contains("chmod 600"), "{error}");
            assert!(error.chinese().contains("chmod 600"), "{}", error.chinese());
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(KeyRing::open_or_create(&path, day_one()).is_ok());
    }

    #[test]
    fn a_mounted_key_file_behind_a_link_is_judged_by_its_target() {
        let place = tempfile::tempdir().unwrap();
        let (target, link) = (place.path().join("real.json"), place.path().join("keys.json"));
        KeyRing::open_or_create(&target, day_one()).unwrap();
        symlink(&target, &link).unwrap();
        assert!(KeyRing::open_or_create(&link, day_one()).is_ok());
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(KeyRing::open_or_create(&link, day_one()).is_err());
    }

    #[test]
    fn a_damaged_key_file_is_reported_and_never_replaced() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("keys.json");
        KeyRing::open_or_create(&path, day_one()).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let damaged = [
            ("", "key_file_damaged"),
            (&good[..good.len() / 2], "key_file_damaged"),
            (&good.replace("\"version\": 1", "\"version\": 9"), "key_file_layout_unknown"),
            (&good.replace("\"active_root\": 1", "\"active_root\": 3"), "key_file_damaged"),
            (&good.replace("\"active\"", "\"next\""), "key_file_damaged"),
            (&good.replace("\"platform_index\": \"", "\"platform_index\": \"AAAA"), "key_file_damaged"),
        ];
        for (content, code) in damaged {
            fs::write(&path, content).unwrap();
            let error = KeyRing::open_or_create(&path, day_one()).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn processes_that_start_together_share_one_key_file() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("keys.json");
        let fingerprints: Vec<String> = thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| KeyRing::open_or_create(&path, day_one()).unwrap().fingerprint()))
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(fingerprints.iter().all(|other| *other == fingerprints[0]), "{fingerprints:?}");
    }

    #[test]
    fn a_rotated_ring_replaces_its_file_whole() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("keys.json");
        let first = KeyRing::open_or_create(&path, day_one()).unwrap();
        let rotated = first.with_rotated_signing_keys(day_one() + SignedDuration::from_secs(300)).unwrap();
        rotated.replace(&path).unwrap();
        let read = KeyRing::load(&path).unwrap();
        let kids =
            |ring: &KeyRing| -> Vec<String> { ring.signing_keys().iter().map(|key| key.kid().to_owned()).collect() };
        assert_eq!(kids(&read), kids(&rotated));
        assert_eq!(read.fingerprint(), first.fingerprint());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn nothing_of_the_ring_is_printed() {
        let printed = format!("{:?}", ring());
        assert!(printed.starts_with("KeyRing { fingerprint: "), "{printed}");
        assert!(printed.len() < 64, "{printed}");
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_comes_back(text in ".{0,200}", row in any::<u128>()) {
            let ring = ring();
            let sealed = ring.seal(name_of(row), &text).unwrap();
            prop_assert_eq!(sealed.len(), text.len() + HEADER + NONCE + TAG);
            let opened = ring.open(name_of(row), &sealed).unwrap();
            prop_assert_eq!(opened.expose(), &text);
        }

        #[test]
        fn bytes_that_are_no_sealed_value_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(ring().open(name_of(1), &bytes).is_err());
        }
    }
}
