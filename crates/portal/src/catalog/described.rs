//! What other features may ask about many entities at once: everything their descriptors state.

use model::{EntityId, TeamId};
use serde_json::Value;
use sqlx::{PgConnection, query_as};
use uuid::Uuid;

use crate::error::Result;

/// One entity as its descriptor states it.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub id: EntityId,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub title: Option<String>,
    pub r#type: Option<String>,
    pub lifecycle: Option<String>,
    pub tier: Option<String>,
    pub owner: Option<TeamId>,
    pub owner_name: Option<String>,
    pub system_ref: Option<String>,
    pub domain_ref: Option<String>,
    pub restricted: bool,
    pub has_description: bool,
    pub links: i64,
    pub tags: Vec<String>,
    pub labels: Value,
    pub annotations: Value,
}

impl Described {
    /// `component:default/payments-api`
    pub(crate) fn reference_text(&self) -> String {
        format!("{}:{}/{}", self.kind, self.namespace, self.name.to_lowercase())
    }

    /// As lists show it.
    pub(crate) fn shown(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }
}

/// These entities, in no order; those that are gone are left out.
pub(crate) async fn described(connection: &mut PgConnection, ids: &[EntityId]) -> Result<Vec<Described>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    Ok(query_as!(
        Described,
        r#"select entity.id as "id!: EntityId", kind as "kind!", namespace as "namespace!", entity.name as "name!", title,
                  type as "type", lifecycle, tier, owner_id as "owner: TeamId", team.name as "owner_name?", system_ref,
                  domain_ref, restricted as "restricted!",
                  coalesce(description, '') <> '' as "has_description!",
                  jsonb_array_length(links)::bigint as "links!", tags as "tags!", labels as "labels!",
                  annotations as "annotations!"
           from entity
           left join team on team.id = owner_id
           where entity.id = any($1) and binned_at is null"#,
        &ids,
    )
    .fetch_all(connection)
    .await?)
}

/// At most `limit` entities after `after` in the order of their ids.
pub(crate) async fn described_after(
    connection: &mut PgConnection,
    after: Option<EntityId>,
    limit: i64,
) -> Result<Vec<Described>> {
    Ok(query_as!(
        Described,
        r#"select entity.id as "id!: EntityId", kind as "kind!", namespace as "namespace!", entity.name as "name!", title,
                  type as "type", lifecycle, tier, owner_id as "owner: TeamId", team.name as "owner_name?", system_ref,
                  domain_ref, restricted as "restricted!",
                  coalesce(description, '') <> '' as "has_description!",
                  jsonb_array_length(links)::bigint as "links!", tags as "tags!", labels as "labels!",
                  annotations as "annotations!"
           from entity
           left join team on team.id = owner_id
           where entity.id > $1 and binned_at is null
           order by entity.id
           limit $2"#,
        after.map_or_else(Uuid::nil, |id| id.0),
        limit,
    )
    .fetch_all(connection)
    .await?)
}
