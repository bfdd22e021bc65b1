//! Requests and their approval, as pages and REST show them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{PersonId, RequestId};

/// The short reference that people see: `/requests/123`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct RequestNumber(pub i64);

impl RequestNumber {
    /// The request's page.
    #[must_use]
    pub fn href(self) -> String {
        format!("/requests/{self}")
    }
}

impl fmt::Display for RequestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RequestNumber {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    Environment,
    Extension,
    Access,
}

impl RequestKind {
    pub const ALL: [Self; 3] = [Self::Environment, Self::Extension, Self::Access];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Extension => "extension",
            Self::Access => "access",
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Environment => "Environment",
            Self::Extension => "Extension",
            Self::Access => "Access",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Waits for approvals.
    Pending,
    /// Everybody needed has approved; it is being carried out.
    Approved,
    Declined,
    /// Taken back by the requester.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
    /// Carried out.
    Fulfilled,
    /// Approved, and could not be carried out.
    Failed,
}

impl RequestState {
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Approved, Self::Declined, Self::Withdrawn, Self::Expired, Self::Fulfilled, Self::Failed];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Fulfilled => "fulfilled",
            Self::Failed => "failed",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "Waits for approval",
            Self::Approved => "Approved",
            Self::Declined => "Declined",
            Self::Withdrawn => "Withdrawn",
            Self::Expired => "Expired",
            Self::Fulfilled => "Done",
            Self::Failed => "Failed",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Which requests a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Inbox {
    /// What waits for the reader's own approval.
    #[default]
    Waiting,
    /// What the reader approved or declined.
    Decided,
    /// What the reader asked for.
    Mine,
    /// All that the reader may see.
    All,
}

impl Inbox {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Decided, Self::Mine, Self::All];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Decided => "decided",
            Self::Mine => "mine",
            Self::All => "all",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|inbox| inbox.as_str() == text)
    }
}

/// A person as a page names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Named {
    pub id: PersonId,
    pub name: String,
}

/// One line of a list of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct RequestRow {
    pub id: RequestId,
    pub number: RequestNumber,
    pub kind: RequestKind,
    pub title: String,
    pub requester: Named,
    /// The team whose thing it is about.
    pub owner: Option<String>,
    pub state: RequestState,
    /// Whom it still waits for, in words.
    pub waits_for: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub decided_at: Option<OffsetDateTime>,
}

/// One request with all that an approver needs to decide it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct RequestDetail {
    #[serde(flatten)]
    pub row: RequestRow,
    /// Exactly what is asked, a name and a value a line.
    pub asks: Vec<(String, String)>,
    pub reason: String,
    /// What approving does: "Approve for 8 hours".
    pub approving: String,
    /// SHA-256 of what is shown here, in hexadecimal; an approval carries it back.
    pub hash: String,
    pub stages: Vec<StageView>,
    pub history: Vec<RequestEvent>,
    /// Messages about this request that did not arrive, or not yet.
    pub undelivered: Vec<crate::notification::Undelivered>,
    /// Whether the reader's approval would count now.
    pub may_approve: bool,
    /// Why not, where somebody who decides might expect it.
    pub why_not: Option<String>,
    pub may_withdraw: bool,
}

/// One group that has to approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct StageView {
    /// `leads of payments`
    pub approvers: String,
    pub needed: u32,
    /// Whose approval counts here.
    pub approved: Vec<Named>,
    /// Who else could approve now.
    pub can: Vec<Named>,
    /// What to do where nobody can.
    pub remedy: Option<String>,
}

/// One thing that happened to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct RequestEvent {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub kind: RequestEventKind,
    /// None: the portal itself.
    pub person: Option<Named>,
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RequestEventKind {
    Opened,
    /// One person's approval.
    Approval,
    /// The last approval needed.
    Approved,
    Declined,
    Withdrawn,
    Expired,
    Fulfilled,
    Failed,
}

impl RequestEventKind {
    const ALL: [Self; 8] = [
        Self::Opened,
        Self::Approval,
        Self::Approved,
        Self::Declined,
        Self::Withdrawn,
        Self::Expired,
        Self::Fulfilled,
        Self::Failed,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Approval => "approval",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Fulfilled => "fulfilled",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
