//! What can be asked for: a closed list, each with what its approvers are shown.

use model::{EntityId, EnvironmentId, request::RequestKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::authz::{Reach, RoleName};

/// What a request asks for. An approval is bound to every byte of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Payload {
    Environment(EnvironmentPayload),
    Extension(ExtensionPayload),
    Access(AccessPayload),
}

/// A new environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentPayload {
    pub template: String,
    /// The template as it was when it was shown.
    pub template_revision: String,
    pub entity: EntityId,
    pub parameters: Value,
    pub ttl_hours: u32,
    /// One line that names it in lists.
    pub title: String,
    /// What the approver is shown: a name and a value a line.
    pub summary: Vec<(String, String)>,
}

/// More time for an environment that there is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtensionPayload {
    pub environment: EnvironmentId,
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
    pub title: String,
    pub summary: Vec<(String, String)>,
}

/// A role for a time, for the one who asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessPayload {
    pub role: RoleName,
    pub reach: Reach,
    /// From the moment of the last approval.
    pub days: u32,
    pub title: String,
    pub summary: Vec<(String, String)>,
}

impl Payload {
    #[must_use]
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Environment(_) => RequestKind::Environment,
            Self::Extension(_) => RequestKind::Extension,
            Self::Access(_) => RequestKind::Access,
        }
    }

    /// One line that names it: "PostgreSQL for payments-api, 8 hours".
    #[must_use]
    pub fn title(&self) -> &str {
        match self {
            Self::Environment(payload) => &payload.title,
            Self::Extension(payload) => &payload.title,
            Self::Access(payload) => &payload.title,
        }
    }

    /// What pressing the button does: "Approve for 8 hours".
    #[must_use]
    pub fn approving(&self) -> String {
        let counted =
            |number: u32, one: &str| format!("Approve for {number} {one}{}", if number == 1 { "" } else { "s" });
        match self {
            Self::Environment(payload) => counted(payload.ttl_hours, "hour"),
            Self::Access(payload) => counted(payload.days, "day"),
            Self::Extension(_) => "Approve the extension".to_owned(),
        }
    }

    /// What the approver is shown.
    #[must_use]
    pub fn summary(&self) -> &[(String, String)] {
        match self {
            Self::Environment(payload) => &payload.summary,
            Self::Extension(payload) => &payload.summary,
            Self::Access(payload) => &payload.summary,
        }
    }
}
