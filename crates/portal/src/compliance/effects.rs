//! What other features' transactions may ask of compliance.

use std::collections::HashMap;

use model::{EntityId, TeamId, compliance::Counts};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::sql;
use crate::error::Result;

/// How one entity stands over all benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub entity: EntityId,
    pub counts: Counts,
    /// The oldest of its evidence.
    pub oldest_at: OffsetDateTime,
}

/// How these entities stand; those without results are left out. Asks nothing of the caller's rights.
pub(crate) async fn standings(
    connection: &mut PgConnection,
    entities: &[EntityId],
) -> Result<HashMap<EntityId, Standing>> {
    let standings = sql::standings(connection, entities).await?;
    Ok(standings.into_iter().map(|standing| (standing.entity, standing)).collect())
}

/// An entity has another owner, or is restricted or not any more: its results follow.
pub(crate) async fn owner_changed(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
) -> Result<()> {
    sql::set_owner(connection, entity, owner, restricted).await
}
