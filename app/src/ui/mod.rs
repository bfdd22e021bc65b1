//! The design system: one component a file, each with its samples; all of them are shown at `/dev/ui`.

pub mod avatar;
pub mod badge;
pub mod breadcrumb;
pub mod button;
pub mod chart;
pub mod code;
pub mod dialog;
pub mod facet;
pub mod facts;
pub mod field;
pub mod figure;
pub mod filter;
pub mod flash;
pub mod fold;
pub mod form;
pub mod icon;
pub mod live;
pub mod log;
pub mod menu;
pub mod number;
pub mod page_head;
pub mod pagination;
pub mod search;
pub mod skeleton;
pub mod state;
pub mod table;
pub mod tabs;
pub mod thing;
pub mod time;
pub mod timeline;
pub mod words;

#[cfg(all(feature = "ssr", debug_assertions))]
pub mod gallery;

/// How something stands, in the five colours that say nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    Good,
    Attention,
    Wrong,
    Unknown,
    Waived,
}

impl Tone {
    pub const ALL: [Self; 5] = [Self::Good, Self::Attention, Self::Wrong, Self::Unknown, Self::Waived];

    /// The word that class names end in.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Attention => "attention",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
            Self::Waived => "waived",
        }
    }

    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tone| tone.as_str() == text)
    }
}
