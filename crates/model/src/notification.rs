//! Notices, the channels they take, and what did not arrive, as pages and REST show them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{DeliveryId, IntegrationId, NoticeId};

/// What a notice is about; a person chooses channels for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A request waits for the reader.
    Approval,
    /// The reader's own request was decided.
    Request,
    /// A role of the reader began, ended or is about to end.
    Access,
    /// An environment of the reader is ready, about to end, or gone.
    Environment,
    /// An incident on what the reader's team owns.
    Incident,
    /// Findings, scorecards and compliance of what the reader's team owns.
    Security,
    /// What the reader's team owns leaves the catalog.
    Catalog,
}

impl NoticeKind {
    pub const ALL: [Self; 7] =
        [Self::Approval, Self::Request, Self::Access, Self::Environment, Self::Incident, Self::Security, Self::Catalog];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Request => "request",
            Self::Access => "access",
            Self::Environment => "environment",
            Self::Incident => "incident",
            Self::Security => "security",
            Self::Catalog => "catalog",
        }
    }

    /// As the choice of channels names it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Approval => "Something waits for my approval",
            Self::Request => "My request was decided",
            Self::Access => "A role of mine begins or ends",
            Self::Environment => "My environment is ready, ends soon, or is gone",
            Self::Incident => "An incident on what my team owns",
            Self::Security => "Findings, scorecards and reviews of what my team owns",
            Self::Catalog => "What my team owns leaves the catalog",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One notice to one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Notice {
    pub id: NoticeId,
    pub kind: NoticeKind,
    pub title: String,
    pub body: String,
    /// An address within the portal.
    pub href: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub read_at: Option<OffsetDateTime>,
}

/// Whether one kind of notice also goes out by mail; in the portal it always shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ChannelChoice {
    pub kind: NoticeKind,
    pub mail: bool,
}

/// A message that has not arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Undelivered {
    pub id: DeliveryId,
    /// `mail to Ada Lovelace`, `payments-chat`
    pub to: String,
    /// What it is posted through; none for mail.
    pub integration: Option<IntegrationId>,
    pub title: String,
    pub attempts: i32,
    pub last_error: String,
    /// Waits until what it goes through is approved and enabled.
    pub held: bool,
    /// None: held, or given up.
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_at: Option<OffsetDateTime>,
}
