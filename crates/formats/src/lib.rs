//! Readers of other tools' files: bytes in, a report out. No I/O, no state, never a panic.
//!
//! Each family has a list of formats; detection, menus, the API's enumeration and `docs/formats.md` read the lists.
//! A new format is a file that ends in its `FORMAT`, its two lines in the family's `mod.rs`, and samples in
//! `tests/corpus/<id>/`.

pub mod api;
pub mod catalog;
pub mod compliance;
mod describe;
pub mod docs;
mod error;
pub mod incident;
mod input;
mod json;
pub mod scan;
mod yaml;

pub use describe::describe;
pub use error::{ParseError, Place};
pub use input::{Input, Limits};

/// One kind of file and how it is read.
#[derive(Debug)]
pub struct Format<T: 'static> {
    /// Stable for machines: stored with each report, used in addresses.
    pub id: &'static str,
    /// As a menu shows it.
    pub title: &'static str,
    /// Whether the content looks like this format, also where it is cut short; cheap, and sure enough that at most
    /// one format answers yes.
    pub detect: fn(&Input<'_>) -> bool,
    /// The whole content, or the first thing that is wrong with it.
    pub parse: fn(&Input<'_>) -> Result<T, ParseError>,
}

/// A format as lists show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    pub family: &'static str,
    pub id: &'static str,
    pub title: &'static str,
}

/// Every format that is read, family by family.
#[must_use]
pub fn all() -> Vec<Listed> {
    fn list<T>(family: &'static str, formats: &'static [&'static Format<T>]) -> impl Iterator<Item = Listed> {
        formats.iter().map(move |format| Listed { family, id: format.id, title: format.title })
    }
    list("scan", scan::FORMATS)
        .chain(list("compliance", compliance::FORMATS))
        .chain(list("incident", incident::FORMATS))
        .chain(list("catalog", catalog::FORMATS))
        .collect()
}

/// The format of a family that `input` looks like.
fn detect<T>(formats: &'static [&'static Format<T>], input: &Input<'_>) -> Option<&'static Format<T>> {
    formats.iter().copied().find(|format| (format.detect)(input))
}

/// Reads `input` by whichever format of the family it looks like.
fn read<T>(formats: &'static [&'static Format<T>], input: &Input<'_>) -> Result<T, ParseError> {
    let format = detect(formats, input).ok_or_else(|| unrecognised(formats.iter().map(|format| format.title)))?;
    read_as(format, input)
}

fn read_as<T>(format: &'static Format<T>, input: &Input<'_>) -> Result<T, ParseError> {
    (format.parse)(input).map_err(|error| error.of(format.id))
}

fn named<T>(formats: &'static [&'static Format<T>], id: &str) -> Result<&'static Format<T>, ParseError> {
    formats.iter().copied().find(|format| format.id == id).ok_or_else(|| {
        let known = formats.iter().map(|format| format.id).collect::<Vec<_>>().join(", ");
        ParseError::whole(format!("{id:?} is not a format of this kind; use one of {known}"))
    })
}

fn unrecognised(titles: impl Iterator<Item = &'static str>) -> ParseError {
    let titles = titles.collect::<Vec<_>>().join(", ");
    ParseError::whole(format!("the content is none of the formats that are read here: {titles}"))
}

/// `text` on one line and not endless: the first of what may be a whole page.
fn one_line(text: &str) -> String {
    /// Letters; a longer text stands in a description too.
    const LONGEST: usize = 300;

    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(cut);
        line.push('…');
    }
    line
}
