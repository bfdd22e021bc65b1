//! The key file: which keys there are and which one encrypts.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::{
    clock::{Clock, Rng},
    error::{Error, Result},
};

/// JSON, readable by the portal's user alone.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    active: String,
    keys: BTreeMap<String, Key>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    /// 32 bytes, base64.
    key: String,
    /// RFC 3339, UTC.
    created_at: String,
}

impl KeyFile {
    /// A file with one new key.
    ///
    /// # Errors
    /// `Internal` where the clock shows a year that cannot be written.
    pub fn new(clock: &Clock, rng: &Rng) -> Result<Self> {
        let mut file = Self { active: String::new(), keys: BTreeMap::new() };
        file.active = file.add(clock, rng)?;
        Ok(file)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// `Invalid`, saying what is wrong without showing any of it.
    pub fn parse(text: &str) -> Result<Self> {
        let file: Self = serde_json::from_str(text)
            .map_err(|error| wrong(format!("is not a key file: line {}, column {}", error.line(), error.column())))?;
        for id in file.keys.keys() {
            if id.is_empty() || id.len() > 32 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                return Err(wrong(format!("key id {id:?} is not 1 to 32 letters, digits and hyphens")));
            }
            file.key(id)?;
        }
        if !file.keys.contains_key(&file.active) {
            return Err(wrong(format!("the active key {:?} is not among the keys", file.active)));
        }
        Ok(file)
    }

    /// What is written to disk.
    ///
    /// # Errors
    /// Never: a key file is plain data.
    pub fn text(&self) -> Result<Zeroizing<String>> {
        Ok(Zeroizing::new(serde_json::to_string_pretty(self)?))
    }

    /// Adds a new key, which decrypts and does not encrypt yet, and returns its id.
    ///
    /// # Errors
    /// As [`KeyFile::new`].
    pub fn add(&mut self, clock: &Clock, rng: &Rng) -> Result<String> {
        let id = hex::encode(rng.bytes::<6>());
        let key = BASE64_STANDARD.encode(Zeroizing::new(rng.bytes::<32>()).as_slice());
        let created_at = clock.now().format(&Rfc3339).map_err(Error::internal)?;
        self.keys.insert(id.clone(), Key { key, created_at });
        Ok(id)
    }

    /// Makes a key the one that encrypts.
    ///
    /// # Errors
    /// `NotFound` where there is no such key.
    pub fn activate(&mut self, id: &str) -> Result<()> {
        if !self.keys.contains_key(id) {
            return Err(Error::NotFound("key"));
        }
        id.clone_into(&mut self.active);
        Ok(())
    }

    /// Takes a key out; what is encrypted under it can never be read again.
    ///
    /// # Errors
    /// `NotFound` where there is no such key, `Conflict` for the active one.
    pub fn remove(&mut self, id: &str) -> Result<()> {
        if id == self.active {
            return Err(Error::Conflict(format!("{id} is the active key; `rampart admin key rotate` makes another")));
        }
        self.keys.remove(id).map(drop).ok_or(Error::NotFound("key"))
    }

    #[must_use]
    pub fn active(&self) -> &str {
        &self.active
    }

    /// Every key's id with when it was made.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.keys.iter().map(|(id, key)| (id.as_str(), key.created_at.as_str()))
    }

    /// The newest key that was added after the active one, if any: it waits to be made active.
    #[must_use]
    pub fn staged(&self) -> Option<&str> {
        let since = &self.keys.get(&self.active)?.created_at;
        // RFC 3339 in UTC sorts as it is
        self.keys
            .iter()
            .filter(|(id, key)| **id != self.active && key.created_at > *since)
            .max_by_key(|(_, key)| &key.created_at)
            .map(|(id, _)| id.as_str())
    }

    pub(super) fn secrets(&self) -> Result<BTreeMap<String, Zeroizing<[u8; 32]>>> {
        self.keys.keys().map(|id| Ok((id.clone(), self.key(id)?))).collect()
    }

    fn key(&self, id: &str) -> Result<Zeroizing<[u8; 32]>> {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(self.keys[id].key.as_bytes()).unwrap_or_default());
        let bytes = bytes.as_slice().try_into().map_err(|_| wrong(format!("key {id:?} is not 32 bytes in base64")))?;
        Ok(Zeroizing::new(bytes))
    }
}

fn wrong(message: String) -> Error {
    Error::invalid("RAMPART_KEY_FILE", message)
}
