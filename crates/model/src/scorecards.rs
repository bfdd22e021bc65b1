//! Scorecards as pages and REST show them: what is asked of services, how each of them stands, what is to be done.

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::EntityId;

/// How one check came out for one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Fail,
    /// The condition could not be decided; counts as a failure.
    Error,
    /// A champion decided that it does not count, until a date.
    Exempt,
    Pass,
}

impl Outcome {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Exempt => "exempt",
            Self::Pass => "pass",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Fail => "Fails",
            Self::Error => "Cannot be decided",
            Self::Exempt => "Exempt",
            Self::Pass => "Passes",
        }
    }

    /// Whether the level can be reached with it.
    #[must_use]
    pub const fn counts(self) -> bool {
        matches!(self, Self::Pass | Self::Exempt)
    }
}

/// The outcome of a check with the values that it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct CheckOutcome {
    /// The check's id.
    pub check: String,
    pub outcome: Outcome,
    /// `findings.critical is 2`
    pub reason: String,
}

/// One check as its file states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct CheckView {
    pub id: String,
    pub title: String,
    /// What goes wrong where it does not hold.
    pub why: String,
    /// The next step.
    pub how: String,
    /// The level that cannot be reached without it.
    pub level: String,
    pub weight: u16,
    /// CEL over the documented facts.
    pub condition: String,
}

/// A scorecard as its file states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ScorecardView {
    pub name: String,
    pub title: String,
    pub description: String,
    /// CEL: which entities it is about.
    pub applies: String,
    /// From the lowest to the highest.
    pub levels: Vec<String>,
    pub checks: Vec<CheckView>,
    pub revision: i32,
    #[serde(with = "time::serde::rfc3339")]
    pub changed_at: OffsetDateTime,
}

impl ScorecardView {
    #[must_use]
    pub fn href(&self) -> String {
        format!("/scorecards/{}", self.name)
    }

    #[must_use]
    pub fn check(&self, id: &str) -> Option<&CheckView> {
        self.checks.iter().find(|check| check.id == id)
    }
}

/// How many services stand at a level; none: below the lowest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct LevelCount {
    pub level: Option<String>,
    pub services: u64,
}

/// A scorecard with how the services stand that one may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ScorecardSummary {
    #[serde(flatten)]
    pub scorecard: ScorecardView,
    /// Below the lowest first, then level by level.
    pub by_level: Vec<LevelCount>,
}

impl ScorecardSummary {
    #[must_use]
    pub fn services(&self) -> u64 {
        self.by_level.iter().map(|level| level.services).sum()
    }

    /// How many reach the highest level.
    #[must_use]
    pub fn at_the_top(&self) -> u64 {
        self.by_level.last().map_or(0, |level| level.services)
    }
}

/// How one service stands on one scorecard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ServiceResult {
    pub entity: EntityId,
    /// `component:default/payments-api`
    pub entity_ref: String,
    pub title: String,
    /// The owning team's name.
    pub owner: Option<String>,
    /// None: below the lowest.
    pub level: Option<String>,
    /// 0 below the lowest, else the place of the level.
    pub rank: i16,
    /// Weight of what passes or is exempt, in per cent of all.
    pub score: i16,
    /// Ids of the checks that fail or cannot be decided.
    pub failing: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub changed_at: OffsetDateTime,
}

impl ServiceResult {
    /// The service's page.
    #[must_use]
    pub fn href(&self) -> String {
        entity_href(&self.entity_ref)
    }
}

/// `component:default/payments-api` -> `/catalog/component/default/payments-api`
#[must_use]
pub fn entity_href(entity_ref: &str) -> String {
    format!("/catalog/{}", entity_ref.replacen(':', "/", 1))
}

/// Which services a list of results shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFilter {
    /// A level's name; `none` for those below the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Only where this check fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
    /// Only what this team owns, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(default)]
    pub sort: ResultSort,
}

/// The closed set of orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ResultSort {
    /// By the service's reference.
    #[default]
    Name,
    /// The lowest score first.
    Score,
}

/// A check of one service, with what is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct CheckResult {
    #[serde(flatten)]
    pub check: CheckView,
    pub outcome: Outcome,
    pub reason: String,
    pub exemption: Option<Exemption>,
}

/// A check that does not count for a service until a date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Exemption {
    pub id: Uuid,
    pub check: String,
    pub reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub granted_at: OffsetDateTime,
    /// The champion's name.
    pub granted_by: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// What a champion said or decided about a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Act {
    pub kind: ActKind,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub by: Option<String>,
    pub check: Option<String>,
    pub text: String,
    /// Of an exemption: when it ends; of a sign-off: when the next review is due.
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    Comment,
    Exempted,
    ExemptionEnded,
    SignedOff,
}

impl ActKind {
    pub const ALL: [Self; 4] = [Self::Comment, Self::Exempted, Self::ExemptionEnded, Self::SignedOff];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::Exempted => "exempted",
            Self::ExemptionEnded => "exemption_ended",
            Self::SignedOff => "signed_off",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A change of a service's level or score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct HistoryEntry {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub revision: i32,
    pub level_before: Option<String>,
    pub level: Option<String>,
    pub score_before: Option<i16>,
    /// None: the scorecard no longer applied.
    pub score: Option<i16>,
}

/// When a service's scorecard was last signed off, and when that is due again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Review {
    pub scorecard: String,
    /// As people read it.
    pub scorecard_title: String,
    pub entity: EntityId,
    pub entity_ref: String,
    pub title: String,
    /// The owning team's name.
    pub owner: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub reviewed_at: OffsetDateTime,
    pub reviewed_by: Option<String>,
    /// Overdue from the day after.
    #[serde(with = "crate::day")]
    #[cfg_attr(feature = "utoipa", schema(value_type = String, format = Date))]
    pub next_on: Date,
}

/// Everything about one service on one scorecard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ServiceCard {
    pub scorecard: ScorecardView,
    pub result: ServiceResult,
    /// What fails first, then in the order of the file.
    pub checks: Vec<CheckResult>,
    pub review: Option<Review>,
    /// The latest first.
    pub acts: Vec<Act>,
    /// The latest first.
    pub history: Vec<HistoryEntry>,
}

impl ServiceCard {
    /// The level after the one that is reached; none at the top.
    #[must_use]
    pub fn next_level(&self) -> Option<&str> {
        self.scorecard.levels.get(usize::try_from(self.result.rank).unwrap_or_default()).map(String::as_str)
    }
}

/// A check that fails somewhere, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FailingCheck {
    pub scorecard: String,
    pub check: String,
    pub title: String,
    pub level: String,
    pub services: u64,
}

/// How many services stood at each level on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct TrendDay {
    #[serde(with = "crate::day")]
    #[cfg_attr(feature = "utoipa", schema(value_type = String, format = Date))]
    pub day: Date,
    /// Below the lowest, then level by level.
    pub services: Vec<u64>,
}

/// What a changed scorecard would do, before it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Preview {
    pub name: String,
    pub title: String,
    /// The revision that it would follow; none: a new scorecard.
    pub revision: Option<i32>,
    /// How many entities it would apply to.
    pub services: u64,
    pub by_level: Vec<LevelCount>,
    /// How many would stand at another level.
    pub moved: u64,
    /// Who they are, the deepest falls first; at most 200.
    pub moves: Vec<LevelMove>,
    pub checks: Vec<CheckMove>,
}

impl Preview {
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        self.moved == 0 && self.checks.iter().all(|check| check.gains == 0 && check.losses == 0)
    }
}

/// One service that would stand at another level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct LevelMove {
    pub entity: EntityId,
    pub entity_ref: String,
    pub title: String,
    pub before: Standing,
    pub after: Standing,
}

/// Where a service stands: not in it at all, or at a level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "standing", content = "level")]
pub enum Standing {
    /// The scorecard does not apply.
    Outside,
    /// Below the lowest level.
    Below,
    At(String),
}

impl Standing {
    /// As a page shows it.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::Outside => "does not apply",
            Self::Below => "no level",
            Self::At(level) => level,
        }
    }
}

/// What would become of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct CheckMove {
    pub check: String,
    pub title: String,
    pub change: CheckChange,
    /// How many services would pass it, or be exempt.
    pub passing: u64,
    /// How many would pass that do not now.
    pub gains: u64,
    /// How many would fail that do not now.
    pub losses: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CheckChange {
    Added,
    Changed,
    Removed,
    Same,
}

impl CheckChange {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Added => "Added",
            Self::Changed => "Changed",
            Self::Removed => "Removed",
            Self::Same => "Unchanged",
        }
    }
}

/// What saving a scorecard did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Applied {
    pub name: String,
    pub revision: i32,
    /// False: the file was exactly the one in force.
    pub changed: bool,
    /// How many entities were looked at; the others follow in a job.
    pub evaluated: u64,
    /// Whether a job looks at the others.
    pub more: bool,
}
