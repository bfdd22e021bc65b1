//! Incidents and the alerts behind them, as pages and REST show them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{EntityId, IncidentId, IntegrationId, PersonId, Severity, TeamId};

/// Where an incident is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// Nobody has said that they look at it.
    Open,
    Acknowledged,
    Resolved,
}

impl IncidentState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Acknowledged, Self::Resolved];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Acknowledged => "Acknowledged",
            Self::Resolved => "Resolved",
        }
    }
}

impl fmt::Display for IncidentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for IncidentState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a state; use open, acknowledged or resolved"))
    }
}

/// What resolved an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Resolution {
    /// The sender said that it stopped.
    Alert,
    Person,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Incident {
    pub id: IncidentId,
    /// What people call it: `/incidents/42`.
    pub number: i64,
    /// The catalog entity; none once that is gone from the catalog.
    pub entity: Option<EntityId>,
    /// `component:default/payments-api`, as it was when the incident opened.
    pub service: String,
    pub owner: Option<TeamId>,
    pub owner_name: Option<String>,
    pub restricted: bool,
    /// The integration that told of it.
    pub integration: Option<IntegrationId>,
    pub integration_name: Option<String>,
    /// The worst that any of its alerts was.
    pub severity: Severity,
    pub state: IncidentState,
    pub title: String,
    pub summary: String,
    /// How many alerts it has, and how many of them fire.
    pub alerts: i32,
    pub firing: i32,
    /// The sender's own page.
    pub external_url: Option<String>,
    /// When the first of its alerts began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
    /// When its sender last spoke of it.
    #[serde(with = "time::serde::rfc3339")]
    pub heard_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub acknowledged_at: Option<OffsetDateTime>,
    pub acknowledged_by: Option<PersonId>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub resolved_at: Option<OffsetDateTime>,
    pub resolved_by: Option<PersonId>,
    pub resolution: Option<Resolution>,
    /// What was written when it was resolved.
    pub note: Option<String>,
    /// The number of the incident of the same alerts before this one.
    pub former: Option<i64>,
}

impl Incident {
    /// The incident's page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/incidents/{}", self.number)
    }
}

/// One alert of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct IncidentAlert {
    pub fingerprint: String,
    pub firing: bool,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    #[serde(with = "time::serde::rfc3339")]
    pub starts_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ends_at: Option<OffsetDateTime>,
    /// Where its rule can be seen, `http` or `https` only.
    pub generator_url: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub heard_at: OffsetDateTime,
}

/// What happened to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IncidentEventKind {
    Opened,
    AlertFired,
    AlertResolved,
    SeverityRaised,
    Acknowledged,
    Resolved,
    Reopened,
}

impl IncidentEventKind {
    pub const ALL: [Self; 7] = [
        Self::Opened,
        Self::AlertFired,
        Self::AlertResolved,
        Self::SeverityRaised,
        Self::Acknowledged,
        Self::Resolved,
        Self::Reopened,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::AlertFired => "alert_fired",
            Self::AlertResolved => "alert_resolved",
            Self::SeverityRaised => "severity_raised",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
        }
    }
}

impl FromStr for IncidentEventKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a kind of incident event"))
    }
}

/// One event of an incident's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct IncidentEvent {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub kind: IncidentEventKind,
    pub person: Option<PersonId>,
    pub person_name: Option<String>,
    /// The alert's name, the new severity, or what somebody wrote.
    pub detail: String,
}

/// Something that happened near an incident in the same service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Nearby {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub source: NearbySource,
    /// On one line, as a timeline shows it.
    pub title: String,
    /// Its page within the portal.
    pub href: Option<String>,
}

/// Where something nearby comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NearbySource {
    Incident,
    Finding,
    /// A deployment that the gate was asked about.
    Deployment,
    Environment,
    Change,
}

/// An alert that matched no service and waits for a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct WaitingAlert {
    pub id: Uuid,
    pub integration: IntegrationId,
    pub integration_name: String,
    pub firing: bool,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    #[serde(with = "time::serde::rfc3339")]
    pub starts_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ends_at: Option<OffsetDateTime>,
    pub generator_url: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub heard_at: OffsetDateTime,
}

/// Which alerts belong to which service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct AlertRule {
    pub id: Uuid,
    /// All of these labels, with exactly these values.
    pub matchers: BTreeMap<String, String>,
    pub entity: EntityId,
    /// `component:default/payments-api`
    pub service: String,
    pub created_by: Option<PersonId>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// What came of a delivery of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct AlertReceipt {
    /// Numbers of incidents.
    pub opened: Vec<i64>,
    pub updated: Vec<i64>,
    pub resolved: Vec<i64>,
    /// How many alerts wait in the inbox for a rule.
    pub waiting: usize,
    /// How many alerts told nothing new.
    pub repeated: usize,
}

/// What a list of incidents is limited to and sorted by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentFilter {
    /// Any of these; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<IncidentState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severities: Vec<Severity>,
    /// As a tool names it: `payments-api`, `component:default/payments-api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Teams' names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// In its title or its service's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default)]
    pub sort: IncidentSort,
}

/// What a list of incidents can be sorted by; each from the greatest to the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum IncidentSort {
    /// The newest first.
    #[default]
    Opened,
    /// The worst first, of those the newest.
    Severity,
    /// What was last heard of first.
    Heard,
}

impl FromStr for IncidentSort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "opened" => Ok(Self::Opened),
            "severity" => Ok(Self::Severity),
            "heard" => Ok(Self::Heard),
            _ => Err(format!("{text:?} is not an order; use opened, severity or heard")),
        }
    }
}

/// One incident with all that its page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct IncidentDetail {
    pub incident: Incident,
    /// Those that fire first; at most 200.
    pub alerts: Vec<IncidentAlert>,
    /// Its own events, the oldest first; at most the last 500.
    pub events: Vec<IncidentEvent>,
    /// What happened in the same service around it, the oldest first.
    pub nearby: Vec<Nearby>,
    pub acknowledged_by_name: Option<String>,
    pub resolved_by_name: Option<String>,
    /// The number of the incident of the same alerts after this one.
    pub later: Option<i64>,
    /// Whether the reader may acknowledge, resolve and reopen it.
    pub may_handle: bool,
}

/// How many incidents are not resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct LiveIncidents {
    pub open: i64,
    pub acknowledged: i64,
    pub critical: i64,
    pub high: i64,
}
