//! What other features' transactions may ask of incidents and tell them.

use std::collections::HashMap;

use model::{EntityId, LiveIncidents, Nearby, NearbySource, TeamId};
use sqlx::{PgConnection, query, query_as};
use time::OffsetDateTime;

use crate::{authz::Scope, error::Result};

/// How many incidents of each of these entities are not resolved; those with none are left out.
pub(crate) async fn open_counts(
    connection: &mut PgConnection,
    entities: &[EntityId],
) -> Result<HashMap<EntityId, i64>> {
    let ids: Vec<_> = entities.iter().map(|id| id.0).collect();
    Ok(query!(
        r#"select entity_id as "entity_id!", count(*) as "count!"
           from incident
           where entity_id = any($1) and state <> 'resolved'
           group by entity_id"#,
        &ids,
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(|row| (EntityId(row.entity_id), row.count))
    .collect())
}

/// Follows an entity to another owner, or into or out of what is restricted.
pub(crate) async fn owner_changed(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
) -> Result<()> {
    query!(
        "update incident set owner_id = $2, restricted = $3
         where entity_id = $1 and (owner_id is distinct from $2 or restricted <> $3)",
        entity.0,
        owner.map(|id| id.0),
        restricted,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The incidents of an entity that opened or ended in this time, the newest first; at most `limit`.
pub(crate) async fn events_between(
    connection: &mut PgConnection,
    entity: EntityId,
    from: OffsetDateTime,
    to: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Nearby>> {
    Ok(query!(
        r#"select at as "at!", what as "what!", number as "number!", title as "title!"
           from (
               select opened_at as at, 'opened' as what, number, title
               from incident
               where entity_id = $1 and opened_at between $2 and $3
               union all
               select resolved_at, 'resolved', number, title
               from incident
               where entity_id = $1 and resolved_at between $2 and $3
           ) as events
           order by at desc, number desc
           limit $4"#,
        entity.0,
        from,
        to,
        limit,
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(|row| Nearby {
        at: row.at,
        source: NearbySource::Incident,
        title: format!("Incident {} {}: {}", row.number, row.what, row.title),
        href: Some(format!("/incidents/{}", row.number)),
    })
    .collect())
}

/// How many incidents within a scope are not resolved.
pub(crate) async fn live(connection: &mut PgConnection, scope: &Scope) -> Result<LiveIncidents> {
    Ok(query_as!(
        LiveIncidents,
        r#"select count(*) filter (where state = 'open') as "open!",
                  count(*) filter (where state = 'acknowledged') as "acknowledged!",
                  count(*) filter (where severity = 'critical') as "critical!",
                  count(*) filter (where severity = 'high') as "high!"
           from incident
           where state <> 'resolved'
             and ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4))"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_one(connection)
    .await?)
}
