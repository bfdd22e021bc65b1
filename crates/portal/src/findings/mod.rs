//! What is wrong with the services: findings, which scanners see them, what became of them, and how many are open.

pub mod effects;
pub mod gate;
mod list_sql;
mod merge;
mod sameness;
mod sql;
pub(crate) mod standings;
#[cfg(test)]
mod tests;
pub mod upload;

use std::collections::BTreeSet;

use model::{
    EntityId, FindingId, FindingKind, Page, PageRequest, ReportId, Severity, TeamId,
    findings::{
        FindingDetail, FindingState, FindingSummary, Receipt, ScopeSummary, SeverityCounts, Stage, TrendPoint, Verdict,
    },
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

pub use self::upload::{UploadScope, upload};
use crate::{
    Portal,
    authz::{ActionName, Actor, Facts, Lock, Reference, Resource, ResourceKind, Snapshot, Who},
    catalog::{self, Entity},
    error::{Error, Result},
    identity,
    page::Window,
};

/// How many weeks a trend looks back.
const TREND_WEEKS: i64 = 12;
/// A search for fewer letters would look at every finding.
const SHORTEST_SEARCH: usize = 3;

/// One finding as the policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub id: FindingId,
    pub title: String,
    pub entity: EntityId,
    pub owner: Option<TeamId>,
    pub restricted: bool,
}

impl Resource for Finding {
    type Id = FindingId;
    const KIND: ResourceKind = ResourceKind::Finding;

    async fn load(connection: &mut PgConnection, id: &FindingId, lock: Lock) -> Result<Option<Self>> {
        sql::finding(connection, *id, lock == Lock::ForUpdate).await
    }

    fn facts(&self) -> Facts {
        Facts { owner: self.owner, entity: Some(self.entity), restricted: self.restricted, ..Facts::default() }
    }

    fn reference(&self) -> Reference {
        Reference { id: self.id.to_string(), name: self.title.clone() }
    }
}

/// Which findings a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    pub state: FindingState,
    /// Empty: all.
    pub severity: Vec<Severity>,
    /// As a tool names it: `payments-api`, `component:default/payments-api`.
    pub service: Option<String>,
    /// The owning team's name.
    pub owner: Option<String>,
    pub kind: Option<FindingKind>,
    /// A tool's name, in lower case.
    pub tool: Option<String>,
    pub stage: Option<Stage>,
    /// Some: only those that a newer version mends, or only those that none does.
    pub fixable: Option<bool>,
    /// Part of a title, a vulnerability's name, a package, a rule or a file; at least three letters.
    pub text: Option<String>,
}

impl Filter {
    /// The severities of all that is open, or of all that one team has open, where nothing else is asked for: those are
    /// counted when they change.
    fn counted_severities(&self) -> Option<BTreeSet<Severity>> {
        let alone = Self { severity: self.severity.clone(), owner: self.owner.clone(), ..Self::default() };
        let asked = if self.severity.is_empty() { &Severity::WORST_FIRST[..] } else { &self.severity };
        (*self == alone).then(|| asked.iter().copied().collect())
    }
}

/// What a list is sorted by; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortKey {
    #[default]
    Severity,
    FirstSeen,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    pub by: SortKey,
    pub descending: bool,
}

impl Default for Sort {
    /// The worst first.
    fn default() -> Self {
        Self { by: SortKey::Severity, descending: true }
    }
}

impl Sort {
    /// The orders as addresses write them; a hyphen turns one round.
    pub const WORDS: [&'static str; 4] = ["-severity", "severity", "-first_seen", "first_seen"];

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let descending = word.starts_with('-');
        let by = match word.trim_start_matches('-') {
            "severity" => SortKey::Severity,
            "first_seen" => SortKey::FirstSeen,
            _ => return None,
        };
        Some(Self { by, descending })
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match (self.by, self.descending) {
            (SortKey::Severity, true) => "-severity",
            (SortKey::Severity, false) => "severity",
            (SortKey::FirstSeen, true) => "-first_seen",
            (SortKey::FirstSeen, false) => "first_seen",
        }
    }
}

/// The organisation's figures, of all that one may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overview {
    pub open: SeverityCounts,
    /// What was open a week ago, of what is open now by the same count; see [`Overview::change`].
    pub week_ago: SeverityCounts,
    /// Since when the oldest open critical finding is known.
    #[serde(with = "time::serde::rfc3339::option")]
    pub oldest_critical: Option<OffsetDateTime>,
    /// Week by week, the last is today.
    pub trend: Vec<TrendPoint>,
}

impl Overview {
    /// How many more are open than a week ago.
    #[must_use]
    pub fn change(&self, severity: Severity) -> i64 {
        self.trend.last().map_or(0, |today| today.open.of(severity)) - self.week_ago.of(severity)
    }
}

/// What a service's page shows of its security beside the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceOverview {
    pub open: SeverityCounts,
    /// The last reported first.
    pub scopes: Vec<ScopeSummary>,
    /// The gate's last answers, the newest first.
    pub verdicts: Vec<Verdict>,
}

/// One finding with its witnesses and history.
///
/// # Errors
/// `NotFound` where there is none that the actor may see.
pub async fn detail(snapshot: &mut Snapshot, id: FindingId) -> Result<FindingDetail> {
    signed_in(snapshot)?;
    let found: Finding = snapshot.read(ActionName::FindingRead, id).await?;
    let mut visible = snapshot.visible(ActionName::FindingRead)?;
    let (summary, purl, cwes, same_because) =
        list_sql::one(&mut visible, found.id).await?.ok_or(Error::NotFound(Finding::KIND.noun()))?;
    let witnesses = sql::witnesses(&mut visible, found.id).await?;
    let history = sql::history(&mut visible, found.id).await?;
    Ok(FindingDetail { summary, same_because, cwes, purl, witnesses, history })
}

/// One page of the findings that the actor may see.
///
/// # Errors
/// `Invalid` for a cursor of another list and for a text of one or two letters.
pub async fn list(
    snapshot: &mut Snapshot,
    filter: &Filter,
    sort: Sort,
    request: &PageRequest,
) -> Result<Page<FindingSummary>> {
    list_beside(snapshot, filter, sort, request, None).await
}

/// As [`list`], for a page that has read how many are `open` of all that the actor may see: those need no counting.
///
/// # Errors
/// As [`list`].
pub async fn list_beside(
    snapshot: &mut Snapshot,
    filter: &Filter,
    sort: Sort,
    request: &PageRequest,
    open: Option<&SeverityCounts>,
) -> Result<Page<FindingSummary>> {
    signed_in(snapshot)?;
    if filter.text.as_ref().is_some_and(|text| text.trim().chars().count() < SHORTEST_SEARCH) {
        return Err(Error::invalid("text", "search for three letters or more"));
    }
    let portal = snapshot.portal().clone();
    let window = Window::<list_sql::Key>::open(&portal, "findings", &(filter, sort), request)?;
    let mut visible = snapshot.visible(ActionName::FindingRead)?;
    let scope = visible.scope.clone();
    let Some(wanted) = wanted(&mut visible, filter).await? else { return Ok(Page::empty()) };
    let rows = list_sql::rows(&mut visible, &scope, &wanted, sort, &window).await?;
    let counted = match filter.counted_severities() {
        Some(severities) => {
            let open = match open {
                Some(open) if wanted.owner.is_none() => *open,
                _ => sql::visible_counts(&mut visible, &scope, wanted.owner).await?,
            };
            severities.iter().map(|severity| open.of(*severity)).sum()
        }
        None => window.counted(rows.len(), list_sql::count(&mut visible, &scope, &wanted)).await?,
    };
    Ok(window.close(rows, counted, |row| list_sql::key(sort, row)))
}

/// The filter with ids for names; none where it names what is not there.
async fn wanted<'a>(connection: &mut PgConnection, filter: &'a Filter) -> Result<Option<list_sql::Wanted<'a>>> {
    let mut wanted = list_sql::Wanted { filter, service: None, owner: None };
    if let Some(name) = &filter.service {
        let Some(entity) = catalog::effects::service_named(connection, name).await? else { return Ok(None) };
        wanted.service = Some(entity.id);
    }
    if let Some(name) = &filter.owner {
        let Some(team) = identity::effects::team_by_name(connection, name).await? else { return Ok(None) };
        wanted.owner = Some(team);
    }
    Ok(Some(wanted))
}

/// How many findings are open, how that changed, and how it went, of all that the actor may see.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn overview(snapshot: &mut Snapshot) -> Result<Overview> {
    let today = snapshot.portal().clock.now().date();
    let days: Vec<_> = (0..TREND_WEEKS).rev().map(|weeks| today - Duration::weeks(weeks)).collect();
    let mut visible = snapshot.visible(ActionName::FindingRead)?;
    let scope = visible.scope.clone();
    let trend = sql::trend(&mut visible, &scope, &days).await?;
    let critical = Filter { severity: vec![Severity::Critical], ..Filter::default() };
    let critical = list_sql::Wanted { filter: &critical, service: None, owner: None };
    Ok(Overview {
        open: sql::visible_counts(&mut visible, &scope, None).await?,
        week_ago: trend.iter().rev().nth(1).map(|point| point.open).unwrap_or_default(),
        oldest_critical: list_sql::oldest(&mut visible, &scope, &critical).await?,
        trend,
    })
}

/// What a service's page shows of its security beside the list.
///
/// # Errors
/// `NotFound` where there is no such service that the actor may see, `Forbidden` where they may not see its findings.
pub async fn service_overview(snapshot: &mut Snapshot, service: EntityId) -> Result<ServiceOverview> {
    let entity: Entity = snapshot.read(ActionName::FindingRead, service).await?;
    let mut visible = snapshot.visible(ActionName::FindingRead)?;
    let open = sql::counts(&mut visible, &[entity.id.0]).await?.first().map(|(_, counts)| *counts);
    Ok(ServiceOverview {
        open: open.unwrap_or_default(),
        scopes: sql::scopes(&mut visible, entity.id).await?,
        verdicts: sql::verdicts(&mut visible, entity.id, 5).await?,
    })
}

/// What an earlier upload did.
///
/// # Errors
/// `NotFound` where there is no such report on a service whose findings the actor may see.
pub async fn receipt(snapshot: &mut Snapshot, id: ReportId) -> Result<(OffsetDateTime, Receipt)> {
    signed_in(snapshot)?;
    let mut visible = snapshot.visible(ActionName::FindingRead)?;
    let (entity, at, receipt) = sql::receipt(&mut visible, id).await?.ok_or(Error::NotFound("report"))?;
    snapshot.read::<Entity>(ActionName::FindingRead, entity).await.map_err(|_| Error::NotFound("report"))?;
    Ok((at, receipt))
}

/// The id of the service that somebody names, for an operation on it, which then asks whether it may be done.
///
/// # Errors
/// `NotFound` where there is none, `Unauthenticated` where nobody is signed in.
pub async fn service_named(portal: &Portal, actor: &Actor, name: &str) -> Result<EntityId> {
    let mut snapshot = portal.snapshot(actor).await?;
    signed_in(&snapshot)?;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let entity = catalog::effects::service_named(&mut visible, name).await?;
    entity.map(|entity| entity.id).ok_or(Error::NotFound(Entity::KIND.noun()))
}

/// Whether a thing exists is nobody's to know who has not signed in.
fn signed_in(snapshot: &Snapshot) -> Result<()> {
    if matches!(snapshot.actor().who, Who::Anonymous) { Err(Error::Unauthenticated) } else { Ok(()) }
}
