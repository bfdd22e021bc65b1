//! What other features' transactions may ask of findings.

use model::{
    EntityId, TeamId,
    findings::{FindingEvent, SeverityCounts, TrendPoint},
};
use serde::Serialize;
use sqlx::PgConnection;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::sql;
use crate::{authz::Scope, error::Result};

/// More than a timeline shows.
const MAX_EVENTS: i64 = 200;

/// What a scorecard's conditions can ask about a service's findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FindingFacts {
    pub open: SeverityCounts,
    /// How many of the open ones a newer version mends.
    pub fixable: i64,
    /// Whole days since the oldest open finding of that severity was opened; none where none is open.
    pub oldest_critical_days: Option<i64>,
    pub oldest_high_days: Option<i64>,
    pub oldest_days: Option<i64>,
    /// When a complete report last came; none: never.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_scan_at: Option<OffsetDateTime>,
    pub last_scan_days: Option<i64>,
}

/// A service has another owner, or is restricted or not any more: its findings follow. To be called whenever the
/// catalog writes an entity; where nothing changed it does nothing.
pub(crate) async fn owner_changed(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
    now: OffsetDateTime,
) -> Result<()> {
    sql::set_owner(connection, entity, owner, restricted, now.date()).await
}

/// How many findings each of these services has open; a service without any may be left out.
#[cfg_attr(not(test), expect(dead_code, reason = "a door that other features are yet to use"))]
pub(crate) async fn open_counts(
    connection: &mut PgConnection,
    entities: &[EntityId],
) -> Result<Vec<(EntityId, SeverityCounts)>> {
    let entities: Vec<Uuid> = entities.iter().map(|entity| entity.0).collect();
    sql::counts(connection, &entities).await
}

/// How many findings within a scope were open at the end of each of these days.
pub(crate) async fn trend(connection: &mut PgConnection, scope: &Scope, days: &[Date]) -> Result<Vec<TrendPoint>> {
    sql::trend(connection, scope, days).await
}

/// What happened to a service's findings from `from` until before `to`, the worst first; not endless.
pub(crate) async fn events_between(
    connection: &mut PgConnection,
    entity: EntityId,
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> Result<Vec<FindingEvent>> {
    sql::events_between(connection, entity, from, to, MAX_EVENTS).await
}

/// How a service's findings stand now.
#[cfg_attr(not(test), expect(dead_code, reason = "a door that other features are yet to use"))]
pub(crate) async fn facts(
    connection: &mut PgConnection,
    entity: EntityId,
    now: OffsetDateTime,
) -> Result<FindingFacts> {
    let days = |at: Option<OffsetDateTime>| at.map(|at| (now - at).whole_days());
    let standing = sql::standing(connection, entity).await?;
    let last_scan_at = sql::scanned_at(connection, entity, None).await?;
    Ok(FindingFacts {
        open: sql::counts(connection, &[entity.0]).await?.first().map(|(_, counts)| *counts).unwrap_or_default(),
        fixable: standing.fixable,
        oldest_critical_days: days(standing.oldest_critical),
        oldest_high_days: days(standing.oldest_high),
        oldest_days: days(standing.oldest),
        last_scan_at,
        last_scan_days: days(last_scan_at),
    })
}
