//! The encryption and signing keys, and what is encrypted under them.
//!
//! A ciphertext names its key and is bound to the table, column and row that it stands in, so that a value copied to
//! another place does not decrypt. AES-256-GCM with random 96-bit nonces (NIST SP 800-38D).

use std::{collections::BTreeMap, fmt, sync::Arc};

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    clock::{Clock, Rng},
    error::{Error, Result},
};

const NONCE_BYTES: usize = 12;

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

/// Every key of the installation; the active one encrypts, each decrypts what it encrypted.
#[derive(Clone)]
pub struct KeyRing(Arc<Inner>);

struct Inner {
    active: String,
    keys: BTreeMap<String, Zeroizing<[u8; 32]>>,
}

/// The key file: JSON, readable by the portal's user alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    active: String,
    keys: BTreeMap<String, FileKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    /// 32 bytes, base64.
    key: String,
    created_at: String,
}

impl KeyRing {
    /// Reads a key file's text.
    ///
    /// # Errors
    /// `Invalid`, saying what is wrong without showing any of it.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |message: String| Error::invalid("RAMPART_KEY_FILE", message);
        let file: File = serde_json::from_str(text)
            .map_err(|error| wrong(format!("is not a key file: line {}, column {}", error.line(), error.column())))?;
        let mut keys = BTreeMap::new();
        for (id, key) in &file.keys {
            let bytes = Zeroizing::new(BASE64_STANDARD.decode(key.key.as_bytes()).unwrap_or_default());
            let bytes: [u8; 32] =
                bytes.as_slice().try_into().map_err(|_| wrong(format!("key {id:?} is not 32 bytes in base64")))?;
            if id.is_empty() || id.len() > 32 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                return Err(wrong(format!("key id {id:?} is not 1 to 32 letters, digits and hyphens")));
            }
            keys.insert(id.clone(), Zeroizing::new(bytes));
        }
        if !keys.contains_key(&file.active) {
            return Err(wrong(format!("the active key {:?} is not among the keys", file.active)));
        }
        Ok(Self(Arc::new(Inner { active: file.active, keys })))
    }

    /// The text of a file with one new key, or `existing`'s keys and a new active one.
    ///
    /// # Errors
    /// `Invalid` where `existing` is not a key file.
    pub fn with_new_key(existing: Option<&str>, clock: &Clock, rng: &Rng) -> Result<Zeroizing<String>> {
        let mut keys = match existing {
            Some(text) => {
                Self::parse(text)?;
                serde_json::from_str::<File>(text)?.keys
            }
            None => BTreeMap::new(),
        };
        let active = hex::encode(rng.bytes::<6>());
        let key = BASE64_STANDARD.encode(Zeroizing::new(rng.bytes::<32>()).as_slice());
        let created_at = clock.now().format(&time::format_description::well_known::Rfc3339).map_err(Error::internal)?;
        keys.insert(active.clone(), FileKey { key, created_at });
        Ok(Zeroizing::new(serde_json::to_string_pretty(&File { active, keys })?))
    }

    #[must_use]
    pub fn active(&self) -> &str {
        &self.0.active
    }

    /// `key id length · key id · nonce · ciphertext and tag`.
    #[must_use]
    pub fn encrypt(&self, rng: &Rng, place: Place<'_>, plain: &[u8]) -> Vec<u8> {
        let id = &self.0.active;
        let sealed = seal(&self.0.keys[id], rng, &place.bytes(), plain);
        let mut out = Vec::with_capacity(1 + id.len() + sealed.len());
        out.push(u8::try_from(id.len()).expect("key ids are checked to be short"));
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(&sealed);
        out
    }

    /// # Errors
    /// `Internal` where the value was changed, stands in another place, or its key is not in the file.
    pub fn decrypt(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |why: &str| Error::internal(format!("cannot decrypt {}.{}: {why}", place.table, place.column));
        let (id, rest) = key_id(sealed).ok_or_else(|| failed("not a ciphertext"))?;
        let key = self.0.keys.get(id).ok_or_else(|| failed("its key is not in the key file"))?;
        open(key, &place.bytes(), rest).ok_or_else(|| failed("changed, or moved from another place"))
    }

    /// Whether `rotate` has to encrypt this value anew.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        key_id(sealed).is_some_and(|(id, _)| id == self.0.active)
    }

    /// A key for one purpose, from the active key: HMAC-SHA-256 of the purpose's name.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        self.derive_from(&self.0.active, purpose)
    }

    /// The keys for one purpose from every key in the file, the active one first: for checking what was signed before
    /// a rotation.
    #[must_use]
    pub fn derive_all(&self, purpose: &str) -> Vec<Zeroizing<[u8; 32]>> {
        let others = self.0.keys.keys().filter(|id| **id != self.0.active);
        std::iter::once(&self.0.active).chain(others).map(|id| self.derive_from(id, purpose)).collect()
    }

    fn derive_from(&self, id: &str, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut mac =
            <Hmac<Sha256> as Mac>::new_from_slice(self.0.keys[id].as_slice()).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing(active {})", self.0.active)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { table: "session", column: "id_token", row: "1" };

    fn ring(existing: Option<&str>, seed: u64) -> (String, KeyRing) {
        let text = KeyRing::with_new_key(existing, &Clock::system(), &Rng::seeded(seed)).unwrap();
        let ring = KeyRing::parse(&text).unwrap();
        (text.to_string(), ring)
    }

    #[test]
    fn a_value_decrypts_where_it_was_put_and_nowhere_else() {
        let (_, ring) = ring(None, 1);
        let sealed = ring.encrypt(&Rng::seeded(2), PLACE, b"secret");
        assert_eq!(ring.decrypt(PLACE, &sealed).unwrap().as_slice(), b"secret");
        assert!(ring.decrypt(Place { row: "2", ..PLACE }, &sealed).is_err());
        assert!(ring.decrypt(Place { column: "other", ..PLACE }, &sealed).is_err());
    }

    #[test]
    fn a_new_key_encrypts_and_the_old_one_still_decrypts() {
        let (text, before) = ring(None, 1);
        let old = before.encrypt(&Rng::seeded(2), PLACE, b"secret");
        let (_, after) = ring(Some(&text), 3);
        assert_ne!(after.active(), before.active());
        assert!(!after.is_current(&old));
        assert_eq!(after.decrypt(PLACE, &old).unwrap().as_slice(), b"secret");
        assert!(after.is_current(&after.encrypt(&Rng::seeded(4), PLACE, b"secret")));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let (_, ring) = ring(None, 1);
        let sealed = ring.encrypt(&Rng::seeded(2), PLACE, b"secret");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(ring.decrypt(PLACE, &changed).is_err(), "byte {place}");
        }
    }

    #[test]
    fn a_wrong_key_file_says_where_and_shows_nothing() {
        let error = KeyRing::parse(r#"{"active":"a","keys":{"a":{"key":"c2hvcnQ=","created_at":"x"}}}"#).unwrap_err();
        assert!(error.to_string().contains("32 bytes"), "{error}");
        assert!(!error.to_string().contains("c2hvcnQ"), "{error}");
    }
}
