//! What the provider remembers between two requests, for minutes and in memory alone.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

/// More than any number of people at one machine needs; beyond it, what ends first is forgotten.
const MOST_REMEMBERED: usize = 1000;

#[derive(Default)]
pub(super) struct Memory {
    /// Sign-ins that were asked for and not yet done, by an id that the sign-in form carries.
    pub asked: Remembered<Asked>,
    /// Sign-ins that were done, by their code.
    pub grants: Remembered<Grant>,
    /// What an access token is good for, by the token.
    pub accesses: Remembered<Access>,
}

/// A checked authorization request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub client_id: String,
    pub redirect_uri: String,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub scopes: Vec<String>,
    /// The S256 challenge of PKCE.
    pub code_challenge: String,
    pub wants_second_factor: bool,
}

/// A sign-in that waits for its code to be redeemed.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub asked: Asked,
    pub sub: String,
    pub sid: String,
    pub auth_time: OffsetDateTime,
    pub redeemed: Redeemed,
}

/// Whether a code was used, and for which access token, which ends when the code is used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Redeemed {
    No,
    InVain,
    For { access_token: String },
}

#[derive(Clone, Debug)]
pub(super) struct Access {
    pub sub: String,
    pub sid: String,
    pub scopes: Vec<String>,
}

pub(super) struct Remembered<T>(HashMap<String, (OffsetDateTime, T)>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Remembered<T> {
    pub(super) fn put(&mut self, key: String, value: T, now: OffsetDateTime, lifetime: Duration) {
        self.0.retain(|_, (end, _)| *end > now);
        while self.0.len() >= MOST_REMEMBERED {
            let first = self.0.iter().min_by_key(|(_, (end, _))| *end).map(|(key, _)| key.clone());
            first.map(|key| self.0.remove(&key));
        }
        self.0.insert(key, (now + lifetime, value));
    }

    pub(super) fn get(&mut self, key: &str, now: OffsetDateTime) -> Option<&mut T> {
        self.0.get_mut(key).filter(|(end, _)| *end > now).map(|(_, value)| value)
    }

    pub(super) fn take(&mut self, key: &str, now: OffsetDateTime) -> Option<T> {
        self.0.remove(key).filter(|(end, _)| *end > now).map(|(_, value)| value)
    }

    pub(super) fn forget(&mut self, is_forgotten: impl Fn(&T) -> bool) {
        self.0.retain(|_, (_, value)| !is_forgotten(value));
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn what_has_ended_is_gone() {
        let now = datetime!(2030-01-01 00:00 UTC);
        let mut remembered = Remembered::default();
        remembered.put("code".to_owned(), 1, now, Duration::seconds(60));

        assert_eq!(remembered.get("code", now + Duration::seconds(59)), Some(&mut 1));
        assert_eq!(remembered.get("code", now + Duration::seconds(60)), None);
        assert_eq!(remembered.take("code", now + Duration::seconds(60)), None);
    }

    #[test]
    fn what_ends_first_makes_room() {
        let now = datetime!(2030-01-01 00:00 UTC);
        let mut remembered = Remembered::default();
        for n in 0..=MOST_REMEMBERED {
            remembered.put(n.to_string(), n, now + Duration::milliseconds(n as i64), Duration::minutes(1));
        }

        let later = now + Duration::seconds(2);
        assert_eq!(remembered.get("0", later), None);
        assert_eq!(remembered.get("1", later), Some(&mut 1));
    }
}
