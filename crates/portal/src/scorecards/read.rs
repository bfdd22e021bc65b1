//! What people see of scorecards: definitions are open to all who are signed in, results to those with a role over the
//! service, because their reasons tell of its findings.

use std::collections::BTreeMap;

use model::{
    EntityId,
    page::{Page, PageRequest},
    scorecards::{
        CheckOutcome, CheckResult, FailingCheck, LevelCount, Outcome, ResultFilter, Review, ScorecardSummary,
        ScorecardView, ServiceCard, ServiceResult, TrendDay,
    },
};
use sqlx::PgConnection;
use time::{Date, Duration};

use super::{Kept, definition, list_sql, sql};
use crate::{
    Portal,
    authz::{ActionName, Actor, Scope},
    catalog::Entity,
    error::Result,
    page::Window,
};

/// How many days a trend shows.
const TREND_DAYS: i64 = 30;
/// How many checks a ranking shows.
const RANKED: i64 = 12;
/// How many overdue reviews the champion's page shows.
const OVERDUE: i64 = 50;
/// How many acts and changes a service's tab shows.
const LATEST: i64 = 20;

/// Every scorecard, by title, with how the services stand that the actor may see.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn list(portal: &Portal, actor: &Actor) -> Result<Vec<ScorecardSummary>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let open = !snapshot.visible(ActionName::ScorecardRead)?.scope.is_empty();
    let mut visible = snapshot.visible(ActionName::ScorecardReadResults)?;
    let scope = visible.scope.clone();
    if !open {
        return Err(crate::Error::Unauthenticated);
    }
    summaries(&mut visible, &scope).await
}

/// One scorecard with how the services stand that the actor may see, what fails most, and how it went.
///
/// # Errors
/// `NotFound` where there is no such scorecard.
pub async fn detail(portal: &Portal, actor: &Actor, name: &str) -> Result<Overview> {
    let mut snapshot = portal.snapshot(actor).await?;
    let kept: Kept = snapshot.read(ActionName::ScorecardRead, name.to_owned()).await?;
    let may_edit =
        snapshot.may(ActionName::ScorecardEdit, crate::authz::ORGANISATION, &crate::authz::Facts::default())?;
    let mut visible = snapshot.visible(ActionName::ScorecardReadResults)?;
    let scope = visible.scope.clone();
    let today = portal.clock.now().date();
    let cards = summaries(&mut visible, &scope).await?;
    let cards: Vec<_> = cards.into_iter().filter(|card| card.scorecard.name == kept.name).collect();
    let failing = ranked(&mut visible, &scope, &cards, Some(&kept.name)).await?;
    let trend = trend(&mut visible, &scope, &cards, today).await?;
    Ok(Overview { cards, failing, overdue: Vec::new(), trend, may_edit, sees_results: !scope.is_empty() })
}

/// What the champion's page shows.
#[derive(Clone, Debug)]
pub struct Overview {
    pub cards: Vec<ScorecardSummary>,
    /// What fails for the most services, first.
    pub failing: Vec<FailingCheck>,
    /// The longest overdue first.
    pub overdue: Vec<Review>,
    /// By scorecard's name, the last thirty days in their order; empty before the first result.
    pub trend: BTreeMap<String, Vec<TrendDay>>,
    pub may_edit: bool,
    /// Whether the actor sees any service's results at all.
    pub sees_results: bool,
}

/// Scorecards with how the services stand that the actor may see, what fails most, what is to be reviewed.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn overview(portal: &Portal, actor: &Actor) -> Result<Overview> {
    let mut snapshot = portal.snapshot(actor).await?;
    if snapshot.visible(ActionName::ScorecardRead)?.scope.is_empty() {
        return Err(crate::Error::Unauthenticated);
    }
    let may_edit =
        snapshot.may(ActionName::ScorecardEdit, crate::authz::ORGANISATION, &crate::authz::Facts::default())?;
    let mut visible = snapshot.visible(ActionName::ScorecardReadResults)?;
    let scope = visible.scope.clone();
    let today = portal.clock.now().date();
    let cards = summaries(&mut visible, &scope).await?;
    let failing = ranked(&mut visible, &scope, &cards, None).await?;
    let overdue = list_sql::reviews_due(&mut visible, &scope, today, OVERDUE).await?;
    let trend = trend(&mut visible, &scope, &cards, today).await?;
    Ok(Overview { cards, failing, overdue, trend, may_edit, sees_results: !scope.is_empty() })
}

/// Reviews that are overdue, the longest first.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn reviews_due(portal: &Portal, actor: &Actor) -> Result<Vec<Review>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::ScorecardReadResults)?;
    let scope = visible.scope.clone();
    list_sql::reviews_due(&mut visible, &scope, portal.clock.now().date(), OVERDUE).await
}

/// A scorecard's file as it is in force.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub title: String,
    pub revision: i32,
    pub text: String,
}

/// The file of a scorecard, for editing and export.
///
/// # Errors
/// `NotFound` where there is no such scorecard.
pub async fn source(portal: &Portal, actor: &Actor, name: &str) -> Result<Source> {
    let kept: Kept = portal.read(actor, ActionName::ScorecardRead, name.to_owned()).await?;
    let title = definition::kept(&kept.source)?.title;
    Ok(Source { name: kept.name, title, revision: kept.revision, text: kept.source })
}

/// How services stand on one scorecard.
///
/// # Errors
/// `NotFound` where there is no such scorecard, `Invalid` for a cursor of another list.
pub async fn results(
    portal: &Portal,
    actor: &Actor,
    name: &str,
    filter: &ResultFilter,
    request: &PageRequest,
) -> Result<Page<ServiceResult>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let _: Kept = snapshot.read(ActionName::ScorecardRead, name.to_owned()).await?;
    let mut visible = snapshot.visible(ActionName::ScorecardReadResults)?;
    let scope = visible.scope.clone();
    if scope.is_empty() {
        return Ok(Page::empty());
    }
    let window = Window::open(portal, "scorecard results", &(name, filter), request)?;
    let rows = list_sql::results(&mut visible, &scope, name, filter, &window).await?;
    let counted = window.counted(rows.len(), list_sql::count_results(&mut visible, &scope, name, filter)).await?;
    Ok(window.close(rows, counted, list_sql::key))
}

/// How one entity stands on every scorecard that applies to it; what the actor may decide about it.
#[derive(Clone, Debug)]
pub struct Cards {
    pub entity: Entity,
    /// None: the actor may see the entity, but not its results.
    pub cards: Option<Vec<ServiceCard>>,
    pub may_review: bool,
    /// False for a champion whose own team owns it.
    pub may_exempt: bool,
}

/// The scorecards of one entity.
///
/// # Errors
/// `NotFound` where there is no such entity that the actor may see.
pub async fn cards_of(portal: &Portal, actor: &Actor, entity: EntityId) -> Result<Cards> {
    let mut snapshot = portal.snapshot(actor).await?;
    let entity: Entity = snapshot.read(ActionName::CatalogRead, entity).await?;
    let facts = crate::authz::Resource::facts(&entity);
    let id = entity.id.to_string();
    let may_review = snapshot.may(ActionName::ScorecardReview, &id, &facts)?;
    let may_exempt = snapshot.may(ActionName::ScorecardExempt, &id, &facts)?;
    let mut visible = snapshot.visible(ActionName::ScorecardReadResults)?;
    if !visible.scope.covers(&facts) {
        return Ok(Cards { entity, cards: None, may_review, may_exempt });
    }
    let now = portal.clock.now();
    let mut cards = Vec::new();
    for row in sql::cards_of(&mut visible, entity.id).await? {
        let Some(kept) = sql::kept(&mut visible, &row.scorecard, false).await? else { continue };
        let scorecard = definition::kept(&kept.source)?.view(kept.revision, kept.changed_at);
        let exemptions = sql::exemptions_of(&mut visible, &kept.name, entity.id, now).await?;
        let outcomes: Vec<CheckOutcome> = serde_json::from_value(row.outcomes)?;
        let mut checks: Vec<CheckResult> = outcomes
            .into_iter()
            .filter_map(|found| {
                Some(CheckResult {
                    check: scorecard.check(&found.check)?.clone(),
                    outcome: found.outcome,
                    reason: found.reason,
                    exemption: exemptions.iter().find(|exemption| exemption.check == found.check).cloned(),
                })
            })
            .collect();
        checks.sort_by_key(|check| (check.outcome.counts(), check.outcome != Outcome::Exempt));
        cards.push(ServiceCard {
            result: ServiceResult {
                entity: entity.id,
                entity_ref: row.entity_ref,
                title: row.entity_title,
                owner: row.owner,
                level: row.level_name,
                rank: row.level,
                score: row.score,
                failing: row.failing,
                changed_at: row.changed_at,
            },
            checks,
            review: list_sql::review_of(&mut visible, &kept.name, entity.id).await?,
            acts: sql::acts_of(&mut visible, &kept.name, entity.id, LATEST).await?,
            history: sql::history_of(&mut visible, &kept.name, entity.id, LATEST).await?,
            scorecard,
        });
    }
    Ok(Cards { entity, cards: Some(cards), may_review, may_exempt })
}

async fn summaries(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<ScorecardSummary>> {
    let counted = list_sql::by_level(connection, scope).await?;
    let mut cards = Vec::new();
    for kept in sql::all_kept(connection).await? {
        let scorecard = definition::kept(&kept.source)?.view(kept.revision, kept.changed_at);
        let services = |place: usize| {
            let of_level = counted.iter().filter(|(name, level, _)| {
                *name == kept.name && usize::try_from(*level).unwrap_or_default().min(scorecard.levels.len()) == place
            });
            of_level.map(|(_, _, services)| services.unsigned_abs()).sum()
        };
        let by_level = (0..=scorecard.levels.len())
            .map(|place| LevelCount {
                level: place.checked_sub(1).map(|place| scorecard.levels[place].clone()),
                services: services(place),
            })
            .collect();
        cards.push(ScorecardSummary { scorecard, by_level });
    }
    cards.sort_by(|one, other| one.scorecard.title.cmp(&other.scorecard.title));
    Ok(cards)
}

async fn ranked(
    connection: &mut PgConnection,
    scope: &Scope,
    cards: &[ScorecardSummary],
    scorecard: Option<&str>,
) -> Result<Vec<FailingCheck>> {
    let view = |name: &str| cards.iter().map(|card| &card.scorecard).find(|card: &&ScorecardView| card.name == name);
    Ok(list_sql::failing(connection, scope, scorecard, RANKED)
        .await?
        .into_iter()
        .filter_map(|(scorecard, check, services)| {
            let known = view(&scorecard)?.check(&check)?;
            let (title, level) = (known.title.clone(), known.level.clone());
            Some(FailingCheck { scorecard, check, title, level, services: services.unsigned_abs() })
        })
        .collect())
}

async fn trend(
    connection: &mut PgConnection,
    scope: &Scope,
    cards: &[ScorecardSummary],
    today: Date,
) -> Result<BTreeMap<String, Vec<TrendDay>>> {
    let from = today - Duration::days(TREND_DAYS - 1);
    let mut trend = BTreeMap::new();
    for card in cards {
        let rows = list_sql::days(connection, scope, &card.scorecard.name, None, from).await?;
        trend.insert(card.scorecard.name.clone(), carried(&rows, card.scorecard.levels.len(), from, today));
    }
    Ok(trend)
}

/// Adds up what each owner's last word was on each day; begins with the first day that anybody said anything.
fn carried(rows: &[list_sql::DayRow], levels: usize, from: Date, today: Date) -> Vec<TrendDay> {
    let mut last: BTreeMap<_, &list_sql::DayRow> = BTreeMap::new();
    let mut rows = rows.iter().peekable();
    let mut days = Vec::new();
    let mut day = from;
    while day <= today {
        while let Some(row) = rows.next_if(|row| row.day <= day) {
            last.insert((row.owner, row.restricted), row);
        }
        if !last.is_empty() {
            let mut services = vec![0; levels + 1];
            for row in last.values() {
                for (place, count) in row.services.iter().enumerate() {
                    services[place.min(levels)] += count.unsigned_abs();
                }
            }
            days.push(TrendDay { day, services });
        }
        let Some(next) = day.next_day() else { break };
        day = next;
    }
    days
}
