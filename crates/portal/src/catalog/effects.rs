//! What other features' transactions may ask of the catalog.

use std::collections::HashMap;

use model::{EntityId, EntitySummary, TeamId};
use sqlx::PgConnection;

use super::{Entity, Shelf, sql};
use crate::{
    Snapshot,
    authz::{ActionName, Scope},
    error::Result,
};

/// The entity of that id, in the caller's transaction.
pub(crate) async fn entity(connection: &mut PgConnection, id: EntityId) -> Result<Option<Entity>> {
    sql::entity(connection, id, false).await
}

/// The service that a tool names: `payments-api`, `default/payments-api` or `component:default/payments-api`.
pub(crate) async fn service_named(connection: &mut PgConnection, name: &str) -> Result<Option<Entity>> {
    let [kind, namespace, name] = parts(name);
    sql::entity_named(connection, &kind, &namespace, &name).await
}

/// As [`service_named`] for many names in one question: what there is, by the name as it was asked.
pub(crate) async fn services_named(connection: &mut PgConnection, names: &[String]) -> Result<HashMap<String, Entity>> {
    let (mut kinds, mut namespaces, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for [kind, namespace, name] in names.iter().map(|name| parts(name)) {
        kinds.push(kind);
        namespaces.push(namespace);
        rest.push(name);
    }
    let found = sql::entities_named(connection, &kinds, &namespaces, &rest).await?;
    let named = found.into_iter().filter_map(|(place, entity)| {
        let place = usize::try_from(place).ok()?.checked_sub(1)?;
        Some((names.get(place)?.clone(), entity))
    });
    Ok(named.collect())
}

/// Kind, namespace and name in lower case, as a person or a label writes them.
fn parts(name: &str) -> [String; 3] {
    let name = name.trim().to_lowercase();
    let (kind, rest) = name.split_once(':').unwrap_or(("component", &name));
    let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
    [kind, namespace, name].map(str::to_owned)
}

/// How many entities of each team `scope` lets one see.
pub(crate) async fn owned_counts(
    connection: &mut PgConnection,
    shelf: &Shelf,
    scope: &Scope,
) -> Result<HashMap<TeamId, u64>> {
    Ok(shelf.catalog(connection).await?.by_owner(scope))
}

/// Of these entities, those that the reader may see, in this order.
pub(crate) async fn summaries(snapshot: &mut Snapshot, ids: &[EntityId]) -> Result<Vec<EntitySummary>> {
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let found = sql::summaries(&mut visible, ids).await?;
    Ok(found.into_iter().filter(|(facts, _)| scope.covers(facts)).map(|(_, entity)| entity).collect())
}
