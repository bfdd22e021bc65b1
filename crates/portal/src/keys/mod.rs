//! The encryption and signing keys, and what is encrypted under them.
//!
//! A ciphertext names its key and is bound to the table, column and row that it stands in, so that a value copied to
//! another place does not decrypt. AES-256-GCM with random 96-bit nonces (NIST SP 800-38D).

mod file;
pub(crate) mod places;
pub mod rotation;
mod sql;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::{file::KeyFile, rotation::Usage};
use crate::{
    clock::{Clock, Rng},
    error::{Error, Result},
};

const NONCE_BYTES: usize = 12;
/// How soon a running process notices that its key file was replaced. Finding a value under an unknown key makes it
/// look at once.
pub const NOTICED_AFTER: Duration = Duration::from_secs(1);

/// Where an encrypted value stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub table: &'a str,
    pub column: &'a str,
    /// What identifies the row.
    pub row: &'a str,
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        [self.table, self.column, self.row].join("\u{1f}").into_bytes()
    }
}

/// Every key of the installation; the active one encrypts, each decrypts what it encrypted. Clones share one ring,
/// which follows its file.
#[derive(Clone)]
pub struct KeyRing(Arc<Shared>);

struct Shared {
    keys: RwLock<Arc<Keys>>,
    file: Option<File>,
}

struct Keys {
    active: String,
    keys: BTreeMap<String, Zeroizing<[u8; 32]>>,
}

/// Where the ring comes from.
struct File {
    path: PathBuf,
    seen: Mutex<Seen>,
}

struct Seen {
    at: Instant,
    /// What changes when the file is replaced: inode, length, time of change in seconds and nanoseconds.
    version: Option<(u64, u64, i64, i64)>,
}

impl KeyRing {
    /// The keys of a key file's text.
    ///
    /// # Errors
    /// `Invalid`, saying what is wrong without showing any of it.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self(Arc::new(Shared { keys: RwLock::new(Arc::new(Keys::parse(text)?)), file: None })))
    }

    /// The keys of a file, and of what replaces it while this process runs.
    ///
    /// # Errors
    /// `Invalid` where it cannot be read or is wrong.
    pub fn open(path: &Path) -> Result<Self> {
        let version = version(path);
        let keys = Keys::read(path)?;
        let seen = Mutex::new(Seen { at: Instant::now(), version });
        let file = File { path: path.to_owned(), seen };
        Ok(Self(Arc::new(Shared { keys: RwLock::new(Arc::new(keys)), file: Some(file) })))
    }

    /// The text of a file with one new key, or `existing`'s keys and a new active one.
    ///
    /// # Errors
    /// `Invalid` where `existing` is not a key file.
    pub fn with_new_key(existing: Option<&str>, clock: &Clock, rng: &Rng) -> Result<Zeroizing<String>> {
        let Some(text) = existing else { return KeyFile::new(clock, rng)?.text() };
        let mut file = KeyFile::parse(text)?;
        let added = file.add(clock, rng)?;
        file.activate(&added)?;
        file.text()
    }

    /// The id of the key that encrypts.
    #[must_use]
    pub fn active(&self) -> String {
        self.keys().active.clone()
    }

    /// Whether the ring has a key of this id.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.keys().keys.contains_key(id)
    }

    /// Reads the file again now, where it was replaced.
    pub fn look_again(&self) {
        self.follow_file(Duration::ZERO);
    }

    /// What every ciphertext under the active key begins with.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        prefix(&self.keys().active)
    }

    /// `key id length · key id · nonce · ciphertext and tag`.
    ///
    /// # Panics
    /// In builds with assertions, for a place that rotation would not find.
    #[must_use]
    pub fn encrypt(&self, rng: &Rng, place: Place<'_>, plain: &[u8]) -> Vec<u8> {
        debug_assert!(places::is_known(place.table, place.column), "keys::places does not list {place:?}");
        let keys = self.keys();
        [prefix(&keys.active), seal(&keys.keys[&keys.active], rng, &place.bytes(), plain)].concat()
    }

    /// # Errors
    /// `Internal` where the value was changed, stands in another place, or its key is not in the file.
    pub fn decrypt(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |why: &str| Error::internal(format!("cannot decrypt {}.{}: {why}", place.table, place.column));
        let (id, rest) = key_id(sealed).ok_or_else(|| failed("not a ciphertext"))?;
        let mut keys = self.keys();
        if !keys.keys.contains_key(id) {
            self.look_again();
            keys = self.keys();
        }
        let key = keys.keys.get(id).ok_or_else(|| failed("its key is not in the key file"))?;
        open(key, &place.bytes(), rest).ok_or_else(|| failed("changed, or moved from another place"))
    }

    /// A key for one purpose, from the active key: HMAC-SHA-256 of the purpose's name.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let keys = self.keys();
        keys.derive_from(&keys.active, purpose)
    }

    /// The keys for one purpose from every key in the file, the active one first: for checking what was signed before
    /// a rotation.
    #[must_use]
    pub fn derive_all(&self, purpose: &str) -> Vec<Zeroizing<[u8; 32]>> {
        let keys = self.keys();
        let others = keys.keys.keys().filter(|id| **id != keys.active);
        std::iter::once(&keys.active).chain(others).map(|id| keys.derive_from(id, purpose)).collect()
    }

    /// The keys as they are now, after a look at the file where the last is some time ago.
    fn keys(&self) -> Arc<Keys> {
        self.follow_file(NOTICED_AFTER);
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again where it was replaced; where that fails, the keys stay as they were.
    fn follow_file(&self, after: Duration) {
        let Some(file) = &self.0.file else { return };
        let mut seen = file.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.at.elapsed() < after {
            return;
        }
        seen.at = Instant::now();
        let version = version(&file.path);
        if version == seen.version {
            return;
        }
        seen.version = version;
        match Keys::read(&file.path) {
            Ok(keys) => {
                tracing::info!(active = keys.active, keys = keys.keys.len(), "the key file was replaced");
                *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
            }
            Err(error) => tracing::error!(%error, "the key file was replaced by what cannot be used; going on without"),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing(active {})", self.active())
    }
}

impl Keys {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            Error::invalid("RAMPART_KEY_FILE", format!("cannot be read at {}: {error}", path.display()))
        })?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let file = KeyFile::parse(text)?;
        Ok(Self { active: file.active().to_owned(), keys: file.secrets()? })
    }

    fn derive_from(&self, id: &str, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut mac =
            <Hmac<Sha256> as Mac>::new_from_slice(self.keys[id].as_slice()).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

fn version(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.ino(), found.len(), found.ctime(), found.ctime_nsec()))
}

fn prefix(id: &str) -> Vec<u8> {
    let length = u8::try_from(id.len()).expect("key ids are checked to be short");
    [&[length], id.as_bytes()].concat()
}

/// `nonce · ciphertext and tag` under one key.
pub(crate) fn seal(key: &[u8; 32], rng: &Rng, bound_to: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce = rng.bytes::<NONCE_BYTES>();
    let sealed = Aes256Gcm::new(key.into())
        .encrypt(Nonce::from_slice(&nonce), Payload { msg: plain, aad: bound_to })
        .expect("values are far below AES-GCM's limit of 64 GiB");
    [nonce.as_slice(), &sealed].concat()
}

/// `None` where the value is not what was sealed for this place.
pub(crate) fn open(key: &[u8; 32], bound_to: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
    let payload = Payload { msg: sealed, aad: bound_to };
    Aes256Gcm::new(key.into()).decrypt(Nonce::from_slice(nonce), payload).ok().map(Zeroizing::new)
}

fn key_id(sealed: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = sealed.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(id).ok()?, rest))
}
