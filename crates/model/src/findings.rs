//! Findings as pages, REST and the command line show them: what is wrong with a service, who saw it, and what the
//! gate makes of it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{EntityId, FindingId, FindingKind, ReportId, Severity, TeamId};

/// Where in a service's life a report was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "lowercase"))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Sources and what is built of them.
    #[default]
    Build,
    /// What is about to be deployed.
    Deploy,
    /// What runs.
    Runtime,
}

impl Stage {
    pub const ALL: [Self; 3] = [Self::Build, Self::Deploy, Self::Runtime];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Deploy => "deploy",
            Self::Runtime => "runtime",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Build => "Build",
            Self::Deploy => "Deploy",
            Self::Runtime => "Runtime",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a stage; use build, deploy or runtime")]
pub struct UnknownStage(pub String);

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text).ok_or_else(|| UnknownStage(text.to_owned()))
    }
}

/// Whether somebody still sees a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "lowercase"))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FindingState {
    /// At least one scope's last word is that it is there.
    #[default]
    Open,
    /// Every scope that saw it has since been scanned completely without it.
    Closed,
}

impl FindingState {
    pub const ALL: [Self; 2] = [Self::Open, Self::Closed];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Closed => "Closed",
        }
    }
}

impl FromStr for FindingState {
    type Err = UnknownFindingState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownFindingState(text.to_owned()))
    }
}

/// The text names no state of a finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a state of a finding; use open or closed")]
pub struct UnknownFindingState(pub String);

/// What a report speaks about, and so what it replaces: only findings of exactly this scope can close by missing in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Scope {
    /// The service's reference, `component:default/payments-api`.
    pub service: String,
    /// The tool's name, in lower case.
    pub tool: String,
    /// What was scanned: an image, a path, a repository; empty where nobody said.
    pub target: String,
    /// Empty where nobody said.
    pub branch: String,
    pub stage: Stage,
}

/// `trivy · registry.example/payments:1.4 · main · build`
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tool)?;
        for part in [self.target.as_str(), &self.branch, self.stage.as_str()] {
            if !part.is_empty() {
                write!(f, " · {part}")?;
            }
        }
        Ok(())
    }
}

/// What an upload did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Receipt {
    pub report: ReportId,
    /// The format that the report was read as.
    pub format: String,
    pub scope: Scope,
    /// Why nothing may be concluded from what the report lacks; then nothing was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    /// The report speaks of a proposed change: it was compared with what is open, and changed nothing.
    pub pull_request: bool,
    /// Byte for byte the scope's last report: nothing changed.
    pub repeated: bool,
    /// Findings seen here for the first time.
    pub new: u32,
    /// Findings that were closed and are back.
    pub reopened: u32,
    /// Findings that nobody sees any more.
    pub closed: u32,
    /// Findings that were open and still are.
    pub unchanged: u32,
    /// What the report lists; several entries may be one finding.
    pub total: u32,
    /// For a proposed change: what it would add, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introduces: Vec<Introduced>,
}

/// A finding that a proposed change would add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Introduced {
    pub title: String,
    pub severity: Severity,
    pub kind: FindingKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A finding as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FindingSummary {
    pub id: FindingId,
    pub title: String,
    pub severity: Severity,
    pub state: FindingState,
    pub kind: FindingKind,
    pub service: EntityId,
    /// `component:default/payments-api`
    pub service_ref: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<TeamId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// All names of the one vulnerability.
    pub vulnerability_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_version: Option<String>,
    /// The version that mends it, as the tool gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// File, and line where it is known: `src/main.rs:14`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Who sees it; for a closed one, who saw it.
    pub tools: Vec<String>,
    pub stages: Vec<Stage>,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen_at: OffsetDateTime,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<OffsetDateTime>,
}

impl FindingSummary {
    /// The finding's page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/security/findings/{}", self.id)
    }
}

/// A finding with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FindingDetail {
    #[serde(flatten)]
    pub summary: FindingSummary,
    /// What makes two reports' entries this one finding, in words.
    pub same_because: String,
    pub cwes: Vec<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// Who saw it where, those that still do first.
    pub witnesses: Vec<Witness>,
    /// The newest first.
    pub history: Vec<FindingEvent>,
}

/// One scope that saw a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Witness {
    pub scope: Scope,
    pub report: ReportId,
    /// By this tool's judgement.
    pub severity: Severity,
    pub title: String,
    /// The tool's own words; untrusted.
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remediation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    pub places: Vec<Place>,
    /// `http` and `https` only.
    pub references: Vec<String>,
    /// Why the scanned project says that this need not be acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen_at: OffsetDateTime,
    /// When a complete report of this scope came without it.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<OffsetDateTime>,
}

/// One place that a finding is at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Place {
    pub file: String,
    /// Counted from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// Something that happened to a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FindingEvent {
    pub finding: FindingId,
    pub title: String,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub kind: FindingEventKind,
    /// After the event.
    pub severity: Severity,
    /// Before it, where that was another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_before: Option<Severity>,
    pub report: ReportId,
    pub tool: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "snake_case"))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FindingEventKind {
    Opened,
    Closed,
    Reopened,
    SeverityChanged,
}

impl FindingEventKind {
    /// As a timeline shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Opened => "Opened",
            Self::Closed => "Closed",
            Self::Reopened => "Reopened",
            Self::SeverityChanged => "Severity changed",
        }
    }
}

/// How many findings are open, by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct SeverityCounts {
    pub critical: i64,
    pub high: i64,
    pub medium: i64,
    pub low: i64,
    pub info: i64,
}

impl SeverityCounts {
    #[must_use]
    pub const fn of(&self, severity: Severity) -> i64 {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
            Severity::Info => self.info,
        }
    }

    pub const fn add(&mut self, severity: Severity, by: i64) {
        *match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
            Severity::Info => &mut self.info,
        } += by;
    }

    #[must_use]
    pub const fn total(&self) -> i64 {
        self.critical + self.high + self.medium + self.low + self.info
    }
}

/// One scope as the service's page lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ScopeSummary {
    pub scope: Scope,
    pub open: i64,
    /// When the last complete report came; none: never.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub scanned_at: Option<OffsetDateTime>,
    /// Why the last report was not the whole result of a scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "lowercase"))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Allow,
    Deny,
}

impl Decision {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// The deploy gate's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Verdict {
    pub decision: Decision,
    /// The service's reference.
    pub service: String,
    /// None: of any stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The name of the rule that decided; for an allow, `none`.
    pub rule: String,
    /// What the rule says, for a person.
    pub reason: String,
    /// The findings that the rule holds against the service, the worst first, at most 20.
    pub because: Vec<GateFinding>,
    /// How many findings the rule holds against it.
    pub blocking: u32,
    pub open: SeverityCounts,
    /// When a complete report last came; none: never.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub scanned_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// A finding that stands in the gate's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct GateFinding {
    pub id: FindingId,
    pub title: String,
    pub severity: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// File, and line where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen_at: OffsetDateTime,
}

/// How many findings were open at the end of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct TrendPoint {
    #[cfg_attr(feature = "utoipa", schema(value_type = String, format = Date))]
    #[serde(with = "crate::day")]
    pub day: time::Date,
    pub open: SeverityCounts,
}
