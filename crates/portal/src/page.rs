//! Keyset paging for every list: a cursor names the row that a page begins after, is signed by us, and is good only for
//! the list, filter and order that it was made for.
//!
//! ```ignore
//! let window = Window::<(String, EntityId)>::open(&portal, "catalog", &(filter, order), request)?;
//! let rows = …; // where (name, id) > window.after(), order by name, id, reversed where window.backwards(), limit window.limit()
//! let counted = window.counted(rows.len(), …).await?; // count(*), limit COUNT_LIMIT
//! let page = window.close(rows, counted, |row| (row.name.clone(), row.id));
//! ```

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use model::page::{COUNTED_TO, Count, Cursor, Page, PageRequest};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::{
    Portal,
    error::{Error, Result},
};

/// The signature's length in bytes: half of HMAC-SHA-256's, which is more than anybody guesses.
const TAG_BYTES: usize = 16;
const PURPOSE: &str = "page.cursor";

/// What to ask Postgres for `limit` to count no further than a page says.
pub const COUNT_LIMIT: i64 = COUNTED_TO as i64 + 1;

/// The rows that one page asks for. `K` is what the list is sorted by, the id last.
#[derive(Debug)]
pub struct Window<'a, K> {
    portal: &'a Portal,
    /// What a cursor of this list is bound to.
    list: Vec<u8>,
    begin: Option<Begin<K>>,
    rows: u16,
}

/// What a cursor says: shown to nobody, but not secret either.
#[derive(Debug, Serialize, Deserialize)]
struct Begin<K> {
    /// The row that the page begins after, or, going back, ends before.
    #[serde(rename = "k")]
    key: K,
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    backwards: bool,
    /// How many rows stand before `key`'s row in the list, that row included.
    #[serde(rename = "n")]
    before: u64,
}

impl<'a, K: Serialize + DeserializeOwned> Window<'a, K> {
    /// Reads the cursor of a request for the list called `name`, under this filter and order.
    ///
    /// # Errors
    /// `Invalid` where the cursor was not made here, or for another list, filter or order.
    pub fn open(
        portal: &'a Portal,
        name: &str,
        filter_and_order: &impl Serialize,
        request: &PageRequest,
    ) -> Result<Self> {
        let list = [name.as_bytes(), b"\x1f", &serde_json::to_vec(filter_and_order)?].concat();
        let begin = match &request.cursor {
            None => None,
            Some(cursor) => Some(read(portal, &list, cursor).ok_or_else(|| {
                Error::invalid("cursor", "this page was of another list, filter or order; begin at the first page")
            })?),
        };
        Ok(Self { portal, list, begin, rows: request.rows() })
    }

    /// The row to begin after, in the direction of reading.
    #[must_use]
    pub fn after(&self) -> Option<&K> {
        self.begin.as_ref().map(|begin| &begin.key)
    }

    /// Whether the page before is asked for: then both the comparison and the order turn round.
    #[must_use]
    pub fn backwards(&self) -> bool {
        self.begin.as_ref().is_some_and(|begin| begin.backwards)
    }

    /// How many rows to take: one more than is shown, to know whether there are others.
    #[must_use]
    pub fn limit(&self) -> i64 {
        i64::from(self.rows) + 1
    }

    /// How many there are in all: what the `rows` that came say where the first page holds everything, else what `count`
    /// finds, to [`COUNT_LIMIT`].
    ///
    /// # Errors
    /// Those of `count`.
    pub async fn counted(&self, rows: usize, count: impl Future<Output = Result<i64>>) -> Result<i64> {
        if self.begin.is_none() && rows <= usize::from(self.rows) {
            return i64::try_from(rows).map_err(Error::internal);
        }
        count.await
    }

    /// Makes the page from the rows as they came, and from how many there are in all, counted to [`COUNT_LIMIT`].
    #[must_use]
    pub fn close<T>(self, mut items: Vec<T>, counted: i64, key: impl Fn(&T) -> K) -> Page<T> {
        let more = items.len() > usize::from(self.rows);
        items.truncate(usize::from(self.rows));
        let shown = items.len() as u64;
        let backwards = self.backwards();
        if backwards {
            items.reverse();
        }
        let before = match &self.begin {
            None => 0,
            Some(Begin { backwards: false, before, .. }) => *before,
            // the list may have grown at its beginning since
            Some(Begin { before, .. }) if more => before.saturating_sub(shown + 1),
            Some(_) => 0,
        };
        let (has_previous, has_next) = if backwards { (more, true) } else { (self.begin.is_some(), more) };
        let cursor = |row: &T, backwards, before| self.write(&Begin { key: key(row), backwards, before });
        Page {
            first: if items.is_empty() { 0 } else { before + 1 },
            next: items.last().filter(|_| has_next).map(|row| cursor(row, false, before + shown)),
            previous: items.first().filter(|_| has_previous).map(|row| cursor(row, true, before + 1)),
            total: Count::of(u64::try_from(counted).unwrap_or_default()),
            items,
        }
    }

    fn write(&self, begin: &Begin<K>) -> Cursor {
        let content = serde_json::to_vec(begin).expect("sort keys are plain values");
        let tag = mac(&self.portal.keys.derive(PURPOSE), &self.list, &content).finalize().into_bytes();
        Cursor(BASE64_URL_SAFE_NO_PAD.encode([&tag[..TAG_BYTES], &content].concat()))
    }
}

fn read<K: DeserializeOwned>(portal: &Portal, list: &[u8], cursor: &Cursor) -> Option<Begin<K>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor.0).ok()?;
    let (tag, content) = bytes.split_at_checked(TAG_BYTES)?;
    // a page that was open while the keys were rotated can still be turned
    let ours =
        portal.keys.derive_all(PURPOSE).iter().any(|key| mac(key, list, content).verify_truncated_left(tag).is_ok());
    if !ours {
        return None;
    }
    serde_json::from_slice(content).ok()
}

fn mac(key: &[u8; 32], list: &[u8], content: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&(list.len() as u64).to_be_bytes());
    mac.update(list);
    mac.update(content);
    mac
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::{Clock, Db, KeyRing, Rng, Settings};

    fn portal() -> Portal {
        let clock = Clock::set_to(crate::testing::NOW);
        let rng = Rng::seeded(1);
        let keys = KeyRing::parse(&KeyRing::with_new_key(None, &clock, &rng).unwrap()).unwrap();
        let db = Db::connect(&SecretString::from("postgres://nobody@127.0.0.1:1/none")).unwrap();
        Portal::new(db, clock, rng, keys, Settings::default())
    }

    /// What a list of the numbers below `n` answers, as SQL would.
    fn page(portal: &Portal, n: u64, filter: &str, request: &PageRequest) -> Result<Page<u64>> {
        let window = Window::<(u64,)>::open(portal, "numbers", &filter, request)?;
        let after = window.after().map(|(number,)| *number);
        let limit = usize::try_from(window.limit()).unwrap();
        let rows: Vec<u64> = if window.backwards() {
            (0..n).rev().filter(|number| after.is_none_or(|after| *number < after)).take(limit).collect()
        } else {
            (0..n).filter(|number| after.is_none_or(|after| *number > after)).take(limit).collect()
        };
        Ok(window.close(rows, i64::try_from(n).unwrap(), |number| (*number,)))
    }

    fn request(cursor: Option<Cursor>) -> PageRequest {
        PageRequest { cursor, size: Some(10) }
    }

    #[tokio::test]
    async fn turning_pages_forth_and_back_meets_every_row_once() {
        let portal = portal();
        for n in [0, 1, 9, 10, 11, 20, 35] {
            let mut pages = vec![page(&portal, n, "", &request(None)).unwrap()];
            while let Some(next) = pages.last().unwrap().next.clone() {
                pages.push(page(&portal, n, "", &request(Some(next))).unwrap());
            }
            let seen: Vec<u64> = pages.iter().flat_map(|page| page.items.clone()).collect();
            assert_eq!(seen, (0..n).collect::<Vec<_>>(), "{n}");
            for shown in &pages {
                assert_eq!(shown.first, shown.items.first().map_or(0, |number| number + 1), "{n}");
            }
            while pages.len() > 1 {
                let last = pages.pop().unwrap();
                let back = page(&portal, n, "", &request(last.previous)).unwrap();
                let before = pages.last().unwrap();
                assert_eq!((&back.items, back.first), (&before.items, before.first), "{n}");
                assert_eq!(back.previous.is_some(), pages.len() > 1, "{n}");
            }
        }
    }

    #[tokio::test]
    async fn a_cursor_is_refused_by_every_other_list_filter_and_key() {
        let ours = portal();
        let next = page(&ours, 35, "a", &request(None)).unwrap().next;
        assert!(page(&ours, 35, "a", &request(next.clone())).is_ok());
        let refused = page(&ours, 35, "b", &request(next.clone())).unwrap_err();
        assert!(refused.to_string().contains("begin at the first page"), "{refused}");
        assert!(Window::<(u64,)>::open(&ours, "others", &"a", &request(next.clone())).is_err());

        let cursor = next.unwrap().0;
        for place in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = Cursor(String::from_utf8(changed).unwrap());
            assert!(page(&ours, 35, "a", &request(Some(changed.clone()))).is_err(), "{changed}");
        }
        for nonsense in ["", "x", "ä", "AAAA", "%00"] {
            assert!(page(&ours, 35, "a", &request(Some(Cursor(nonsense.to_owned())))).is_err(), "{nonsense}");
        }
    }
}
