//! What other features' transactions may ask of findings.

use std::collections::HashMap;

use model::{
    EntityId, TeamId,
    findings::{FindingEvent, TrendPoint, Verdict},
};
use sqlx::PgConnection;
use time::{Date, OffsetDateTime};

use super::sql;
use crate::{authz::Scope, error::Result};

/// More than a timeline shows.
const MAX_EVENTS: i64 = 200;

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

/// How many critical and high findings of each of these services are open; those without any counted are left out. Asks
/// nothing of the caller's rights.
pub(crate) async fn open_counts(
    connection: &mut PgConnection,
    entities: &[EntityId],
) -> Result<HashMap<EntityId, (i64, i64)>> {
    super::standings::open_counts(connection, entities).await
}

/// How many findings within a scope were open at the end of each of these days.
pub(crate) async fn trend(connection: &mut PgConnection, scope: &Scope, days: &[Date]) -> Result<Vec<TrendPoint>> {
    sql::trend(connection, scope, days).await
}

/// What the gate answered about a service from `from` to `to`, the newest first, at most `most`.
pub(crate) async fn verdicts_between(
    connection: &mut PgConnection,
    entity: EntityId,
    from: OffsetDateTime,
    to: OffsetDateTime,
    most: i64,
) -> Result<Vec<Verdict>> {
    sql::verdicts_between(connection, entity, from, to, most).await
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
