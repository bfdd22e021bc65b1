//! How the findings of many services stand, in one question however many there are.

use std::collections::HashMap;

use model::EntityId;
use sqlx::{PgConnection, query, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Result;

/// How one service's open findings stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub entity: EntityId,
    pub critical: i64,
    pub high: i64,
    pub medium: i64,
    pub low: i64,
    pub info: i64,
    pub fixable: i64,
    pub oldest_critical: Option<OffsetDateTime>,
    pub oldest_high: Option<OffsetDateTime>,
    pub oldest: Option<OffsetDateTime>,
    /// When a complete report last came; none: never.
    pub scanned_at: Option<OffsetDateTime>,
}

/// How these services stand; one without findings and scans is left out. Asks nothing of the caller's rights.
pub(crate) async fn standings(
    connection: &mut PgConnection,
    entities: &[EntityId],
) -> Result<HashMap<EntityId, Standing>> {
    let ids: Vec<Uuid> = entities.iter().map(|entity| entity.0).collect();
    let standings = query_as!(
        Standing,
        r#"select asked.id as "entity!: EntityId",
                  coalesce(counted.critical, 0) as "critical!", coalesce(counted.high, 0) as "high!",
                  coalesce(counted.medium, 0) as "medium!", coalesce(counted.low, 0) as "low!",
                  coalesce(counted.info, 0) as "info!", coalesce(aged.fixable, 0) as "fixable!",
                  aged.oldest_critical as "oldest_critical?", aged.oldest_high as "oldest_high?",
                  aged.oldest as "oldest?", scanned.at as "scanned_at?"
           from unnest($1::uuid[]) as asked (id)
           left join finding_count as counted on counted.entity_id = asked.id
           left join (
               select entity_id,
                      count(*) filter (where fixed_version is not null) as fixable,
                      min(opened_at) filter (where severity = 'critical') as oldest_critical,
                      min(opened_at) filter (where severity = 'high') as oldest_high,
                      min(opened_at) as oldest
               from finding
               where entity_id = any($1) and state = 'open'
               group by entity_id
           ) as aged on aged.entity_id = asked.id
           left join (
               select entity_id, max(scanned_at) as at
               from report_scope
               where entity_id = any($1)
               group by entity_id
           ) as scanned on scanned.entity_id = asked.id
           where counted.entity_id is not null or scanned.at is not null"#,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(standings.into_iter().map(|standing| (standing.entity, standing)).collect())
}

/// How many critical and high findings of each of these services are open; those without any counted are left out.
pub(super) async fn open_counts(
    connection: &mut PgConnection,
    entities: &[EntityId],
) -> Result<HashMap<EntityId, (i64, i64)>> {
    let ids: Vec<Uuid> = entities.iter().map(|entity| entity.0).collect();
    let rows = query!("select entity_id, critical, high from finding_count where entity_id = any($1)", &ids)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (EntityId(row.entity_id), (row.critical, row.high))).collect())
}
