//! What other features' transactions may ask of the catalog.

use model::EntityId;
use sqlx::PgConnection;

use super::{Entity, sql};
use crate::error::Result;

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
