//! What the catalog asks of Postgres.

use model::{EntityId, TeamId};
use sqlx::{PgConnection, query, query_as};

use super::Entity;
use crate::error::Result;

pub(super) async fn entity(connection: &mut PgConnection, id: EntityId, lock: bool) -> Result<Option<Entity>> {
    if lock {
        query!("select id from entity where id = $1 for update", id.0).fetch_optional(&mut *connection).await?;
    }
    Ok(query_as!(
        Entity,
        r#"select entity.id as "id: EntityId", kind, namespace, entity.name, title,
                  owner_id as "owner: TeamId", team.name as "owner_name?", tier, lifecycle, restricted
           from entity
           left join team on team.id = owner_id
           where entity.id = $1"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?)
}

pub(super) async fn entity_named(
    connection: &mut PgConnection,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<Option<Entity>> {
    Ok(query_as!(
        Entity,
        r#"select entity.id as "id: EntityId", kind, namespace, entity.name, title,
                  owner_id as "owner: TeamId", team.name as "owner_name?", tier, lifecycle, restricted
           from entity
           left join team on team.id = owner_id
           where kind = $1 and namespace = $2 and lower(entity.name) = $3"#,
        kind,
        namespace,
        name,
    )
    .fetch_optional(connection)
    .await?)
}
