//! Benchmark results as pages and REST show them: controls, evidence with its age, and what share of them holds.

use serde::{Deserialize, Serialize};
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{ControlStatus, EntityId};

/// Evidence older than this says nothing about today, and is never shown as fine.
pub const FRESH: Duration = Duration::days(7);

/// How many controls came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Counts {
    pub passed: i64,
    pub failed: i64,
    /// A person has to look.
    pub to_check: i64,
    /// Said for information; counts neither way.
    pub informational: i64,
}

impl Counts {
    /// How many controls count.
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.passed + self.failed + self.to_check
    }

    /// Whole per cent that pass, rounded down; what nobody has checked does not pass. None where nothing counts.
    #[must_use]
    pub const fn pass_percent(&self) -> Option<i64> {
        if self.total() == 0 { None } else { Some(self.passed * 100 / self.total()) }
    }

    pub fn add(&mut self, status: ControlStatus) {
        match status {
            ControlStatus::Pass => self.passed += 1,
            ControlStatus::Fail => self.failed += 1,
            ControlStatus::Warn => self.to_check += 1,
            ControlStatus::Info => self.informational += 1,
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.to_check += other.to_check;
        self.informational += other.informational;
    }
}

/// One service's results under one framework, as one tool saw one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Assessment {
    pub id: Uuid,
    pub entity: EntityId,
    /// `component:default/payments-api`
    pub entity_ref: String,
    pub title: String,
    /// The owning team's name.
    pub owner: Option<String>,
    pub framework: String,
    pub framework_title: String,
    pub tool: String,
    /// Which cluster, account or host; empty where nobody said.
    pub target: String,
    #[serde(with = "time::serde::rfc3339")]
    pub evidence_at: OffsetDateTime,
    pub counts: Counts,
}

impl Assessment {
    #[must_use]
    pub fn is_stale(&self, now: OffsetDateTime) -> bool {
        now - self.evidence_at > FRESH
    }

    /// The service's page.
    #[must_use]
    pub fn entity_href(&self) -> String {
        crate::scorecards::entity_href(&self.entity_ref)
    }
}

/// A benchmark with what of it one may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FrameworkSummary {
    /// `cis-kubernetes-benchmark-1.6`
    pub framework: String,
    pub title: String,
    /// How many services have results.
    pub services: u64,
    pub counts: Counts,
    /// How many results rest on evidence older than seven days.
    pub stale: u64,
    /// The oldest evidence.
    #[serde(with = "time::serde::rfc3339")]
    pub oldest_at: OffsetDateTime,
}

impl FrameworkSummary {
    #[must_use]
    pub fn href(&self) -> String {
        format!("/compliance/{}", self.framework)
    }
}

/// One control of a framework over all services that one may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ControlSummary {
    pub control: String,
    pub part: String,
    pub title: String,
    pub section: String,
    pub counts: Counts,
}

/// How one control came out for one service, on what evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ControlEvidence {
    pub control: String,
    /// What was looked at: master, node, etcd; empty where the report does not say.
    pub part: String,
    pub title: String,
    pub section: String,
    pub status: ControlStatus,
    pub manual: bool,
    pub scored: bool,
    /// The tool's words, untrusted.
    pub remediation: String,
    /// The tool's words, untrusted.
    pub evidence: String,
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

/// One page of a framework: who has results, and how its controls came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FrameworkDetail {
    pub summary: FrameworkSummary,
    pub assessments: Vec<Assessment>,
    /// In the benchmark's order.
    pub controls: Vec<ControlSummary>,
}

/// What share of the controls held on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ComplianceDay {
    #[serde(with = "crate::day")]
    #[cfg_attr(feature = "utoipa", schema(value_type = String, format = Date))]
    pub day: Date,
    pub passed: i64,
    pub total: i64,
}

/// What an upload did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ComplianceReceipt {
    pub report: Uuid,
    pub assessment: Assessment,
    /// How many controls came out otherwise than before; 0 where the same report came again.
    pub changed: u64,
    /// Why the report is not the whole result; then controls missing from it stay as they were.
    pub incomplete: Option<String>,
}
