//! Findings counted: the counters that lists and trends show, kept when findings change and moved with their owner.

use model::{
    EntityId, TeamId,
    findings::{SeverityCounts, TrendPoint},
};
use sqlx::{PgConnection, query, query_as};
use time::Date;
use uuid::Uuid;

use crate::{authz, error::Result};

/// Adds to the numbers of a service, its owner and the day. Rows are taken in one order, so that two reports wait for
/// each other and never lock each other out.
pub(in crate::findings) async fn add_counts(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
    by: &SeverityCounts,
    day: Date,
) -> Result<()> {
    query!(
        "insert into finding_count (entity_id, owner_id, restricted, critical, high, medium, low, info)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (entity_id) do update
         set critical = finding_count.critical + excluded.critical,
             high = finding_count.high + excluded.high,
             medium = finding_count.medium + excluded.medium,
             low = finding_count.low + excluded.low,
             info = finding_count.info + excluded.info",
        entity.0,
        owner.map(|team| team.0),
        restricted,
        by.critical,
        by.high,
        by.medium,
        by.low,
        by.info,
    )
    .execute(&mut *connection)
    .await?;
    if *by == SeverityCounts::default() {
        return Ok(());
    }
    add_total(connection, owner, restricted, by, day).await
}

/// Adds to the numbers of an owner and the day.
pub(in crate::findings) async fn add_total(
    connection: &mut PgConnection,
    owner: Option<TeamId>,
    restricted: bool,
    by: &SeverityCounts,
    day: Date,
) -> Result<()> {
    query!(
        "with total as (
             insert into finding_total (owner_id, restricted, critical, high, medium, low, info)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict on constraint finding_total_key do update
             set critical = finding_total.critical + excluded.critical,
                 high = finding_total.high + excluded.high,
                 medium = finding_total.medium + excluded.medium,
                 low = finding_total.low + excluded.low,
                 info = finding_total.info + excluded.info
             returning *
         )
         insert into finding_day (total_id, day, critical, high, medium, low, info)
         select id, $8, critical, high, medium, low, info from total
         on conflict (total_id, day) do update
         set critical = excluded.critical,
             high = excluded.high,
             medium = excluded.medium,
             low = excluded.low,
             info = excluded.info",
        owner.map(|team| team.0),
        restricted,
        by.critical,
        by.high,
        by.medium,
        by.low,
        by.info,
        day,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many findings each of these services has open; a service without any is left out.
pub(in crate::findings) async fn counts(
    connection: &mut PgConnection,
    entities: &[Uuid],
) -> Result<Vec<(EntityId, SeverityCounts)>> {
    let rows = query!(
        "select entity_id, critical, high, medium, low, info from finding_count where entity_id = any($1)",
        entities,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let counts = SeverityCounts {
                critical: row.critical,
                high: row.high,
                medium: row.medium,
                low: row.low,
                info: row.info,
            };
            (EntityId(row.entity_id), counts)
        })
        .collect())
}

/// How many findings are open of all that one may see, or of what one team owns of it.
pub(in crate::findings) async fn visible_counts(
    connection: &mut PgConnection,
    scope: &authz::Scope,
    owner: Option<TeamId>,
) -> Result<SeverityCounts> {
    Ok(query_as!(
        SeverityCounts,
        r#"select coalesce(sum(critical), 0)::bigint as "critical!", coalesce(sum(high), 0)::bigint as "high!",
                  coalesce(sum(medium), 0)::bigint as "medium!", coalesce(sum(low), 0)::bigint as "low!",
                  coalesce(sum(info), 0)::bigint as "info!"
           from (
               select owner_id, critical, high, medium, low, info
               from finding_total
               where $1::bool or ($2::bool and not restricted) or owner_id = any($3)
               union all
               select owner_id, critical, high, medium, low, info
               from finding_count
               where entity_id = any($4)
                 and not ($1 or ($2 and not restricted) or coalesce(owner_id = any($3), false))
           ) as visible
           where $5::uuid is null or owner_id = $5"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        owner.map(|team| team.0),
    )
    .fetch_one(connection)
    .await?)
}

/// How many were open at the end of each of these days. What one sees only by a role on a single service is left out:
/// its past is not kept by itself.
pub(in crate::findings) async fn trend(
    connection: &mut PgConnection,
    scope: &authz::Scope,
    days: &[Date],
) -> Result<Vec<TrendPoint>> {
    let rows = query!(
        r#"select point.day as "day!", coalesce(sum(last.critical), 0)::bigint as "critical!",
                  coalesce(sum(last.high), 0)::bigint as "high!", coalesce(sum(last.medium), 0)::bigint as "medium!",
                  coalesce(sum(last.low), 0)::bigint as "low!", coalesce(sum(last.info), 0)::bigint as "info!"
           from unnest($4::date[]) as point (day)
           cross join finding_total total
           left join lateral (
               select critical, high, medium, low, info
               from finding_day
               where total_id = total.id and finding_day.day <= point.day
               order by finding_day.day desc
               limit 1
           ) as last on true
           where $1::bool or ($2::bool and not restricted) or owner_id = any($3)
           group by point.day
           order by point.day"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        days as &[Date],
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| TrendPoint {
            day: row.day,
            open: SeverityCounts {
                critical: row.critical,
                high: row.high,
                medium: row.medium,
                low: row.low,
                info: row.info,
            },
        })
        .collect())
}

/// Gives a service's rows its owner of now, and moves its numbers there.
pub(in crate::findings) async fn set_owner(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
    day: Date,
) -> Result<()> {
    let before = query!(
        "select owner_id, restricted, critical, high, medium, low, info from finding_count where entity_id = $1 for update",
        entity.0,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(before) = before else { return Ok(()) };
    if (before.owner_id.map(TeamId), before.restricted) == (owner, restricted) {
        return Ok(());
    }
    let team = owner.map(|team| team.0);
    query!("update finding set owner_id = $2, restricted = $3 where entity_id = $1", entity.0, team, restricted,)
        .execute(&mut *connection)
        .await?;
    query!("update finding_count set owner_id = $2, restricted = $3 where entity_id = $1", entity.0, team, restricted,)
        .execute(&mut *connection)
        .await?;
    let counts = SeverityCounts {
        critical: before.critical,
        high: before.high,
        medium: before.medium,
        low: before.low,
        info: before.info,
    };
    let mut moves = [(before.owner_id.map(TeamId), before.restricted, negative(&counts)), (owner, restricted, counts)];
    moves.sort_by_key(|(owner, restricted, _)| (*owner, *restricted));
    for (owner, restricted, by) in moves {
        add_total(connection, owner, restricted, &by, day).await?;
    }
    Ok(())
}

fn negative(counts: &SeverityCounts) -> SeverityCounts {
    SeverityCounts {
        critical: -counts.critical,
        high: -counts.high,
        medium: -counts.medium,
        low: -counts.low,
        info: -counts.info,
    }
}
