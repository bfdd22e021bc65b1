//! Who holds which role where, and until when, as pages and REST show it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    BindingId, EntityId, TeamId,
    request::{Named, RequestNumber},
};

/// Where a role comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoleSource {
    /// A group of the identity provider.
    Provider,
    /// Given by hand.
    Administrator,
    /// Asked for, and approved for a time.
    Request,
}

impl RoleSource {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Administrator => "administrator",
            Self::Request => "request",
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Provider => "Identity provider",
            Self::Administrator => "Given by hand",
            Self::Request => "Asked for",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Provider, Self::Administrator, Self::Request].into_iter().find(|source| source.as_str() == text)
    }
}

/// One role that somebody holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct HeldRole {
    pub id: BindingId,
    pub person: Named,
    /// `team_lead`
    pub role: String,
    /// `Team lead`
    pub role_label: String,
    /// The team's name, the entity's reference, or none: the whole organisation.
    pub place: Option<String>,
    /// The entity's page, where it is about one.
    pub href: Option<String>,
    pub source: RoleSource,
    /// The request that it was approved by.
    pub request: Option<RequestNumber>,
    #[serde(with = "time::serde::rfc3339")]
    pub granted_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// Whether the reader may end it now.
    pub may_end: bool,
}

/// A team as a choice in a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct TeamChoice {
    pub id: TeamId,
    pub name: String,
}

/// What the form that asks for a role begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct AccessForm {
    pub teams: Vec<TeamChoice>,
    /// The entity that the role is for, where the address names one.
    pub entity: Option<(EntityId, String)>,
    /// The roles that can be asked for: name and label.
    pub roles: Vec<(String, String)>,
    pub max_days: u32,
    /// Who gives the role that the address names, where it cannot be asked for here.
    pub ask_instead: Option<String>,
}

/// Who holds what: the reader, one team of theirs, and, where the address names no team, the whole organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessOverview {
    pub mine: Vec<HeldRole>,
    /// The teams that can be looked at.
    pub teams: Vec<TeamChoice>,
    /// The one that is looked at.
    pub team: Option<TeamChoice>,
    /// What is held there.
    pub held: Vec<HeldRole>,
    /// The roles that the reader may give there: name and label.
    pub may_give: Vec<(String, String)>,
}
