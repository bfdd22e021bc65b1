//! What other features' transactions may add to scorecards, and ask of them.

use model::{EntityId, TeamId, scorecards::Review};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{list_sql, sql};
use crate::{
    authz::{ActionName, Snapshot},
    error::Result,
    jobs::{self, Job},
};

/// Something that a condition may ask about this entity is otherwise than before: it is looked at again.
pub(crate) async fn changed(connection: &mut PgConnection, entity: EntityId) -> Result<()> {
    jobs::enqueue(connection, &Job::Score { entity }).await
}

/// As [`changed`], for more entities than are worth naming.
pub(crate) async fn all_changed(connection: &mut PgConnection) -> Result<()> {
    for kept in sql::all_kept(connection).await? {
        jobs::enqueue(connection, &Job::ScoreAll { scorecard: kept.name, after: None }).await?;
    }
    Ok(())
}

/// For each of these entities the level and the score of the scorecard on which it stands worst; those that no scorecard
/// applies to are left out. Asks nothing of the caller's rights.
pub(crate) async fn worst_levels(
    connection: &mut PgConnection,
    entities: &[EntityId],
) -> Result<Vec<(EntityId, String, i16)>> {
    sql::worst_levels(connection, entities).await
}

/// An entity has another owner, or is restricted or not any more: what is kept about it follows at once.
pub(crate) async fn owner_changed(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
    now: OffsetDateTime,
) -> Result<()> {
    let kept = sql::owners_of(connection, entity).await?;
    if kept.iter().all(|kept| (kept.owner, kept.restricted) == (owner, restricted)) {
        return changed(connection, entity).await;
    }
    sql::set_owner(connection, entity, owner, restricted).await?;
    for kept in kept {
        let levels = usize::try_from(kept.levels).unwrap_or_default();
        sql::recount(connection, &kept.scorecard, levels, now.date(), &[kept.owner, owner]).await?;
    }
    changed(connection, entity).await
}

/// An entity is in the catalog no more: no result of it counts until it is there again and looked at anew.
pub(crate) async fn left(connection: &mut PgConnection, entity: EntityId, now: OffsetDateTime) -> Result<()> {
    let kept = sql::owners_of(connection, entity).await?;
    sql::forget_results(connection, entity).await?;
    for kept in kept {
        let levels = usize::try_from(kept.levels).unwrap_or_default();
        sql::recount(connection, &kept.scorecard, levels, now.date(), &[kept.owner]).await?;
    }
    Ok(())
}

/// Reviews that are overdue and that the actor may see, the longest first.
pub(crate) async fn reviews_due(snapshot: &mut Snapshot, limit: i64) -> Result<Vec<Review>> {
    let today = snapshot.portal().clock.now().date();
    let mut visible = snapshot.visible(ActionName::ScorecardReadResults)?;
    let scope = visible.scope.clone();
    list_sql::reviews_due(&mut visible, &scope, today, limit).await
}
