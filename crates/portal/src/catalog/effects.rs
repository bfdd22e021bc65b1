//! What other features' transactions may ask of the catalog.

use std::collections::HashMap;

use model::{EntityId, TeamId};
use sqlx::PgConnection;

use super::{Entity, Shelf, sql};
use crate::{authz::Scope, error::Result};

/// The entity of that id, in the caller's transaction.
pub(crate) async fn entity(connection: &mut PgConnection, id: EntityId) -> Result<Option<Entity>> {
    sql::entity(connection, id, false).await
}

/// The service that a tool names: `payments-api`, `default/payments-api` or `component:default/payments-api`.
pub(crate) async fn service_named(connection: &mut PgConnection, name: &str) -> Result<Option<Entity>> {
    let name = name.trim().to_lowercase();
    let (kind, rest) = name.split_once(':').unwrap_or(("component", &name));
    let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
    sql::entity_named(connection, kind, namespace, name).await
}

/// How many entities of each team `scope` lets one see.
pub(crate) async fn owned_counts(
    connection: &mut PgConnection,
    shelf: &Shelf,
    scope: &Scope,
) -> Result<HashMap<TeamId, u64>> {
    Ok(shelf.catalog(connection).await?.by_owner(scope))
}
