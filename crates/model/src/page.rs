//! One page of a list, and the way to the pages beside it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Counts are exact up to here; beyond, counting would cost more than the number is worth.
pub const COUNTED_TO: u64 = 10_000;
/// How many rows a page has where nobody asks for another number.
pub const DEFAULT_SIZE: u16 = 50;
/// The most rows of one page.
pub const MAX_SIZE: u16 = 200;

/// Where a page begins. Opaque, and good only for the list, filter and order that it was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Cursor(pub String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which page is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// None: the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// How many rows, from 1 to [`MAX_SIZE`]; none: [`DEFAULT_SIZE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u16>,
}

impl PageRequest {
    /// The page that begins at `cursor`, or the first; an empty cursor is none, as a form sends it.
    #[must_use]
    pub fn at(cursor: Option<String>) -> Self {
        Self { cursor: cursor.filter(|cursor| !cursor.is_empty()).map(Cursor), size: None }
    }

    /// How many rows the page has at most.
    #[must_use]
    pub fn rows(&self) -> u16 {
        self.size.unwrap_or(DEFAULT_SIZE).clamp(1, MAX_SIZE)
    }
}

/// Some rows of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The place of the first item in the whole list, counted from one; 0 where there are no items.
    pub first: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Cursor>,
    pub total: Count,
}

impl<T> Page<T> {
    #[must_use]
    pub fn empty() -> Self {
        Self { items: Vec::new(), first: 0, next: None, previous: None, total: Count::of(0) }
    }

    /// The same page with something else shown of each row.
    #[must_use]
    pub fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(show).collect(),
            first: self.first,
            next: self.next,
            previous: self.previous,
            total: self.total,
        }
    }

    /// As [`map`](Self::map), where showing a row may fail.
    ///
    /// # Errors
    /// The first failure.
    pub fn try_map<U, E>(self, show: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        Ok(Page {
            items: self.items.into_iter().map(show).collect::<Result<_, _>>()?,
            first: self.first,
            next: self.next,
            previous: self.previous,
            total: self.total,
        })
    }

    /// `1–50 of 12,431`, `0`.
    #[must_use]
    pub fn in_words(&self) -> String {
        if self.items.is_empty() {
            return self.total.to_string();
        }
        let last = self.first + self.items.len() as u64 - 1;
        format!("{}–{} of {}", thousands(self.first), thousands(last), self.total)
    }
}

/// How many there are, or that there are more than are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Count {
    pub value: u64,
    /// False: there are more than `value`.
    pub exact: bool,
}

impl Count {
    /// Of a number that was counted to [`COUNTED_TO`] and one more.
    #[must_use]
    pub const fn of(counted: u64) -> Self {
        if counted > COUNTED_TO {
            Self { value: COUNTED_TO, exact: false }
        } else {
            Self { value: counted, exact: true }
        }
    }
}

/// `12,431`, `10,000+`.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", thousands(self.value), if self.exact { "" } else { "+" })
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_exact_to_ten_thousand_and_says_so_beyond() {
        assert_eq!(Count::of(0).to_string(), "0");
        assert_eq!(Count::of(999).to_string(), "999");
        assert_eq!(Count::of(10_000).to_string(), "10,000");
        assert_eq!(Count::of(10_001).to_string(), "10,000+");
    }

    #[test]
    fn a_page_says_which_of_how_many_it_shows() {
        let page = Page { items: vec![0; 50], first: 51, next: None, previous: None, total: Count::of(2_431) };
        assert_eq!(page.in_words(), "51–100 of 2,431");
        assert_eq!(Page::<u8>::empty().in_words(), "0");
    }

    #[test]
    fn an_absurd_size_is_brought_into_reason() {
        let asked = |size| PageRequest { cursor: None, size }.rows();
        assert_eq!([asked(None), asked(Some(0)), asked(Some(60_000))], [50, 1, 200]);
    }
}
