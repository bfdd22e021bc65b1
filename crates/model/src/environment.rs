//! Environments as the browser, REST and the domain speak of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{EntityId, EnvironmentId, PersonId, RequestId, TeamId};

/// Where an environment is in its life. Before it is approved there is a request and no environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "lowercase"))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentState {
    /// Approved; being made.
    Provisioning,
    /// There to be used.
    Ready,
    /// There to be used, and its owner has been told that it ends soon.
    Expiring,
    /// Being removed.
    Ending,
    /// Removed, and looked for in vain.
    Ended,
    /// Could not be made; somebody decides whether to try again or to end it.
    Failed,
}

impl EnvironmentState {
    pub const ALL: [Self; 6] =
        [Self::Provisioning, Self::Ready, Self::Expiring, Self::Ending, Self::Ended, Self::Failed];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Ready => "ready",
            Self::Expiring => "expiring",
            Self::Ending => "ending",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Provisioning => "Being made",
            Self::Ready => "Ready",
            Self::Expiring => "Ends soon",
            Self::Ending => "Being removed",
            Self::Ended => "Ended",
            Self::Failed => "Failed",
        }
    }

    /// Whether people can use it now.
    #[must_use]
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Ready | Self::Expiring)
    }

    /// Whether the portal is working on it, so that its page changes by itself.
    #[must_use]
    pub const fn is_moving(self) -> bool {
        matches!(self, Self::Provisioning | Self::Ending)
    }
}

impl fmt::Display for EnvironmentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no state of an environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a state of an environment; use provisioning, ready, expiring, ending, ended or failed")]
pub struct UnknownState(pub String);

impl FromStr for EnvironmentState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// One field of the form that a template's parameters become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Field {
    /// The parameter's name.
    pub name: String,
    pub title: String,
    pub description: Option<String>,
    pub required: bool,
    pub default: Option<Value>,
    pub input: Input,
}

/// What a field takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Input {
    Text { min_length: Option<u64>, max_length: Option<u64>, pattern: Option<String> },
    Integer { minimum: Option<i64>, maximum: Option<i64> },
    Number { minimum: Option<f64>, maximum: Option<f64> },
    Choice { options: Vec<String> },
    Toggle,
}

/// What kinds of environment can be asked for, as the form and REST show one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct TemplateView {
    pub name: String,
    pub title: String,
    pub description: Option<String>,
    pub provider: String,
    /// SHA-256 of the file that states it, in hexadecimal.
    pub revision: String,
    pub fields: Vec<Field>,
    /// Who must approve, in words: what policy demands, then what the template adds.
    pub approvals: Vec<String>,
    pub default_hours: u32,
    pub max_hours: u32,
}

/// The limits that a provider holds an environment to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// How long one statement may run unless the session says otherwise.
    pub statement_seconds: u32,
    /// How long a transaction may idle unless the session says otherwise.
    pub idle_transaction_seconds: u32,
    /// Temporary files of one session.
    pub temporary_megabytes: u32,
}

/// What is provisioned: the approved parameters, and the limits that the approved template makes of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct EnvironmentSpec {
    pub template: String,
    pub template_title: String,
    pub revision: String,
    pub provider: String,
    /// The server that the administrator named so.
    pub target: String,
    pub entity: EntityId,
    /// `component:default/payments-api`
    pub service: String,
    pub parameters: serde_json::Map<String, Value>,
    pub limits: Limits,
    pub ttl_hours: u32,
}

/// One environment in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct EnvironmentRow {
    pub id: EnvironmentId,
    pub name: String,
    pub state: EnvironmentState,
    /// Why the last attempt did not succeed.
    pub failure: Option<String>,
    pub service: String,
    pub service_href: String,
    pub owner_name: Option<String>,
    pub requester: PersonId,
    pub requester_name: String,
    pub template_title: String,
    pub purpose: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
}

impl EnvironmentRow {
    /// Its page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/environments/{}", self.name)
    }
}

/// One environment with all that its page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct EnvironmentDetail {
    #[serde(flatten)]
    pub row: EnvironmentRow,
    pub request: RequestId,
    /// The catalog's entity, while it is there.
    pub entity: Option<EntityId>,
    pub owner: Option<TeamId>,
    pub spec: EnvironmentSpec,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ready_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub warned_at: Option<OffsetDateTime>,
    /// When credentials were last revealed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub revealed_at: Option<OffsetDateTime>,
    /// When the portal tries again by itself, where the last attempt did not succeed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_attempt_at: Option<OffsetDateTime>,
    /// The newest lines, in the order in which they were written.
    pub log: Vec<LogLine>,
    /// What the caller may do to it now.
    pub may: Doable,
}

/// What one person may do to one environment in its present state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own")]
pub struct Doable {
    pub reveal: bool,
    pub extend: bool,
    pub end: bool,
    pub retry: bool,
}

/// One line of what the portal did to make or remove an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Grows; a reader asks for what is after the last it has.
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub step: String,
    pub text: String,
}

/// "8 hours", "7 days".
#[must_use]
pub fn lifetime_in_words(hours: u32) -> String {
    let (count, unit) = if hours >= 48 && hours.is_multiple_of(24) { (hours / 24, "day") } else { (hours, "hour") };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_reads_as_people_say_it() {
        for (hours, words) in [(1, "1 hour"), (8, "8 hours"), (24, "24 hours"), (30, "30 hours"), (168, "7 days")] {
            assert_eq!(lifetime_in_words(hours), words);
        }
    }
}
