//! Why a file could not be read, and where in it.

use std::fmt;

/// A file that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ParseError {
    /// The id of the format that was being read; none where the file got no further than being opened.
    pub format: Option<&'static str>,
    pub at: Place,
    /// What is wrong and what would be right; never a value out of the file, which could be a secret.
    pub reason: String,
}

/// Where in a file something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as it is.
    Whole,
    /// Both counted from one.
    Line { line: usize, column: usize },
    /// A JSON pointer (RFC 6901).
    Pointer(String),
}

impl ParseError {
    #[must_use]
    pub fn whole(reason: impl Into<String>) -> Self {
        Self { format: None, at: Place::Whole, reason: reason.into() }
    }

    #[must_use]
    pub fn pointer(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { format: None, at: Place::Pointer(pointer.into()), reason: reason.into() }
    }

    /// At the byte `offset` of `text`; an offset past the end is the end.
    #[must_use]
    pub(crate) fn offset(text: &[u8], offset: usize, reason: impl Into<String>) -> Self {
        let before = &text[..offset.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Self { format: None, at: Place::Line { line, column }, reason: reason.into() }
    }

    #[must_use]
    pub(crate) fn of(mut self, format: &'static str) -> Self {
        self.format = Some(format);
        self
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(format) = self.format {
            write!(f, "{format}: ")?;
        }
        match &self.at {
            Place::Whole => write!(f, "{}", self.reason),
            at => write!(f, "{at}: {}", self.reason),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("the file"),
            Self::Line { line, column } => write!(f, "line {line}, column {column}"),
            Self::Pointer(pointer) => f.write_str(pointer),
        }
    }
}
