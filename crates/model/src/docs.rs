//! Documentation kept beside the code: its navigation, its headings, and what is wrong with it.

use serde::{Deserialize, Serialize};

/// One entry of a documentation's navigation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NavEntry {
    Page {
        title: String,
        /// The page's path within the documentation.
        path: String,
    },
    Section {
        title: String,
        entries: Vec<NavEntry>,
    },
    /// Somewhere else; always http or https.
    Link {
        title: String,
        url: String,
    },
}

/// A part of a page, from one heading to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocsSection {
    /// 1 to 6 as in HTML; 0 for what stands before the first heading.
    pub level: u8,
    /// The heading's `id` in the page's HTML; empty for what stands before the first heading.
    pub id: String,
    /// The heading's text.
    pub title: String,
    /// What stands below the heading, without markup, on one line.
    pub text: String,
}

/// Something in a documentation that its authors should mend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DocsProblem {
    /// Its path, as the files were given.
    pub file: String,
    /// Counted from one; none where it is the file as a whole.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<usize>,
    pub reason: String,
}
