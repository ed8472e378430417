//! The key file: everything secret the exchange owns, in one JSON file beside the configuration and outside the
//! database, readable by the service's account alone.
//!
//! The file appears whole or not at all (written aside, synced, then linked into place) and an existing file is
//! never replaced by creation. Losing it loses the personal data it seals; there is deliberately no second copy here
//! and no way to derive it again.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    KeyRingError,
    signing_key::{self, SigningKey, SigningKeyState},
};

/// The version of the file's layout.
const LAYOUT: u32 = 1;

/// A key file is a few kilobytes; anything larger is not one.
const LONGEST_FILE: u64 = 256 * 1024;

/// Secret bytes: base64 in the file, wiped when dropped, never printed.
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl From<Zeroizing<Vec<u8>>> for SecretBytes {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl std::ops::Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for SecretBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        STANDARD
            .decode(text.as_bytes())
            .map(|bytes| Self(Zeroizing::new(bytes)))
            .map_err(|_| de::Error::custom("not base64"))
    }
}

/// A 256-bit key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Key32(SecretBytes);

impl Key32 {
    fn generate() -> Result<Self, KeyRingError> {
        let mut bytes = Zeroizing::new(vec![0; 32]);
        SysRng.try_fill_bytes(&mut bytes).map_err(|_| KeyRingError::Randomness)?;
        Ok(Self(SecretBytes(bytes)))
    }

    /// The key's 32 bytes.
    pub(super) fn bytes(&self) -> Result<&[u8; 32], KeyRingError> {
        <&[u8; 32]>::try_from(&*self.0).map_err(|_| KeyRingError::Malformed("a key is not 32 bytes long"))
    }
}

/// A root key that seals personal data. The active one seals, every one opens.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RootKey {
    pub(super) id: u32,
    pub(super) created_at: Timestamp,
    pub(super) key: Key32,
}

/// What the file holds.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyFile {
    pub(super) version: u32,
    pub(super) active_root: u32,
    pub(super) roots: Vec<RootKey>,
    pub(super) platform_index: Key32,
    pub(super) tenant_index_root: Key32,
    pub(super) secret_digest: Key32,
    pub(super) signing: Vec<SigningKey>,
}

impl KeyFile {
    pub(super) fn generate(now: Timestamp) -> Result<Self, KeyRingError> {
        Ok(Self {
            version: LAYOUT,
            active_root: 1,
            roots: vec![RootKey { id: 1, created_at: now, key: Key32::generate()? }],
            platform_index: Key32::generate()?,
            tenant_index_root: Key32::generate()?,
            secret_digest: Key32::generate()?,
            signing: signing_key::first_keys(now)?,
        })
    }

    /// The same file with a new active root key; the old ones still open what they sealed.
    pub(super) fn with_new_root(&self, now: Timestamp) -> Result<Self, KeyRingError> {
        let id = self
            .roots
            .iter()
            .map(|root| root.id)
            .max()
            .and_then(|highest| highest.checked_add(1))
            .ok_or(KeyRingError::Malformed("no root key id is free"))?;
        let mut file = self.clone();
        file.roots.push(RootKey { id, created_at: now, key: Key32::generate()? });
        file.active_root = id;
        Ok(file)
    }

    pub(super) fn read(path: &Path) -> Result<Self, KeyRingError> {
        let unreadable = |source| KeyRingError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        // The open file is asked, not the path, so that what was checked is what is read.
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyRingError::ReadableByOthers { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(LONGEST_FILE).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, KeyRingError> {
        // The reader's message could quote a key, so only the fact is passed on.
        let file: Self = serde_json::from_str(text)
            .map_err(|_| KeyRingError::Malformed("it is not the JSON this program writes"))?;
        if file.version != LAYOUT {
            return Err(KeyRingError::UnknownLayout { version: file.version });
        }
        let count = |state| file.signing.iter().filter(|key| key.state() == state).count();
        if count(SigningKeyState::Active) != 1 || count(SigningKeyState::Next) != 1 {
            return Err(KeyRingError::Malformed("there must be one active and one next signing key"));
        }
        file.signing.iter().try_for_each(SigningKey::check)?;
        Ok(file)
    }

    /// Writes a new file. `false`: another process was first, and its file stands.
    pub(super) fn create(&self, path: &Path) -> Result<bool, KeyRingError> {
        let failed = |source| KeyRingError::Unwritable { path: path.to_owned(), source };
        let aside = self.write_aside(path).map_err(failed)?;
        let linked = fs::hard_link(&aside, path);
        let outcome = match linked {
            Ok(()) => fs::remove_file(&aside).map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::remove_file(&aside).map(|()| false),
            // Some mounted file systems have no hard links.
            Err(_) if !path.exists() => fs::rename(&aside, path).map(|()| true),
            Err(error) => fs::remove_file(&aside).and(Err(error)),
        };
        let created = outcome.map_err(failed)?;
        sync_directory(path).map_err(failed)?;
        Ok(created)
    }

    /// Replaces the file by this one, whole or not at all.
    pub(super) fn replace(&self, path: &Path) -> Result<(), KeyRingError> {
        let failed = |source| KeyRingError::Unwritable { path: path.to_owned(), source };
        let aside = self.write_aside(path).map_err(failed)?;
        fs::rename(&aside, path).map_err(failed)?;
        sync_directory(path).map_err(failed)
    }

    fn write_aside(&self, path: &Path) -> std::io::Result<PathBuf> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory_of(path))?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", Uuid::new_v4().simple()));
        let aside = path.with_file_name(name);
        // A vector that grows leaves copies behind, so it starts large enough for the whole file.
        let mut text = Zeroizing::new(Vec::with_capacity(32 * 1024));
        serde_json::to_writer_pretty(&mut *text, self)?;
        text.push(b'\n');
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        Ok(aside)
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}
