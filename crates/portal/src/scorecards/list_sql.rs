//! What scorecard lists ask of Postgres, within what one may see.

use model::{
    EntityId, TeamId,
    scorecards::{ResultFilter, ResultSort, Review, ServiceResult},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, query, query_as};
use time::Date;

use crate::{
    authz::Scope,
    error::Result,
    page::{COUNT_LIMIT, Window},
};

/// What a list of results is sorted by: its score where that was asked for, then the reference, then the id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ResultKey {
    score: i16,
    reference: String,
    entity: EntityId,
}

pub(super) fn key(result: &ServiceResult) -> ResultKey {
    ResultKey { score: result.score, reference: result.entity_ref.clone(), entity: result.entity }
}

pub(super) async fn results(
    connection: &mut PgConnection,
    scope: &Scope,
    scorecard: &str,
    filter: &ResultFilter,
    window: &Window<'_, ResultKey>,
) -> Result<Vec<ServiceResult>> {
    let mut list = QueryBuilder::<Postgres>::new(
        "select entity_id, entity_ref, entity_title, team.name as owner, level_name, level, score, failing, changed_at
         from scorecard_result left join team on team.id = owner_id where ",
    );
    conditions(&mut list, scope, scorecard, filter);
    let (than, order) = if window.backwards() { (" < ", " desc") } else { (" > ", "") };
    if let Some(after) = window.after() {
        match filter.sort {
            ResultSort::Name => list.push(" and (entity_ref, entity_id)"),
            ResultSort::Score => list.push(" and (score, entity_id)"),
        };
        list.push(than).push("(");
        match filter.sort {
            ResultSort::Name => list.push_bind(after.reference.clone()),
            ResultSort::Score => list.push_bind(after.score),
        };
        list.push(", ").push_bind(after.entity.0).push(")");
    }
    list.push(match filter.sort {
        ResultSort::Name => " order by entity_ref",
        ResultSort::Score => " order by score",
    });
    list.push(order).push(", entity_id").push(order).push(" limit ").push_bind(window.limit());
    let rows = list.build().fetch_all(&mut *connection).await?;
    rows.into_iter()
        .map(|row| {
            Ok(ServiceResult {
                entity: EntityId(row.try_get("entity_id")?),
                entity_ref: row.try_get("entity_ref")?,
                title: row.try_get("entity_title")?,
                owner: row.try_get("owner")?,
                level: row.try_get("level_name")?,
                rank: row.try_get("level")?,
                score: row.try_get("score")?,
                failing: row.try_get("failing")?,
                changed_at: row.try_get("changed_at")?,
            })
        })
        .collect()
}

/// How many of them there are, counted no further than a page says.
pub(super) async fn count_results(
    connection: &mut PgConnection,
    scope: &Scope,
    scorecard: &str,
    filter: &ResultFilter,
) -> Result<i64> {
    let mut count = QueryBuilder::<Postgres>::new(
        "select count(*) from (select 1 from scorecard_result left join team on team.id = owner_id where ",
    );
    conditions(&mut count, scope, scorecard, filter);
    count.push(" limit ").push_bind(COUNT_LIMIT).push(") as counted");
    Ok(count.build_query_scalar().fetch_one(connection).await?)
}

fn conditions(list: &mut QueryBuilder<Postgres>, scope: &Scope, scorecard: &str, filter: &ResultFilter) {
    list.push("scorecard = ").push_bind(scorecard.to_owned());
    list.push(" and (").push_bind(scope.everything);
    list.push(" or (").push_bind(scope.unrestricted).push(" and not restricted)");
    list.push(" or owner_id = any(").push_bind(scope.team_ids());
    list.push(") or entity_id = any(").push_bind(scope.entity_ids()).push("))");
    match filter.level.as_deref() {
        None | Some("") => {}
        Some("none") => {
            list.push(" and level_name is null");
        }
        Some(level) => {
            list.push(" and level_name = ").push_bind(level.to_owned());
        }
    }
    if let Some(check) = filter.failing.as_ref().filter(|check| !check.is_empty()) {
        list.push(" and failing @> array[").push_bind(check.clone()).push("]");
    }
    if let Some(team) = filter.team.as_ref().filter(|team| !team.is_empty()) {
        list.push(" and team.name = ").push_bind(team.clone());
    }
}

/// How many services stand at each level of each scorecard.
pub(super) async fn by_level(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<(String, i16, i64)>> {
    let rows = query!(
        r#"select scorecard, level, count(*) as "services!"
           from scorecard_result
           where $1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4)
           group by scorecard, level"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.scorecard, row.level, row.services)).collect())
}

/// Checks that fail, the most often failing first.
pub(super) async fn failing(
    connection: &mut PgConnection,
    scope: &Scope,
    scorecard: Option<&str>,
    limit: i64,
) -> Result<Vec<(String, String, i64)>> {
    let rows = query!(
        r#"select scorecard, failed as "failed!", count(*) as "services!"
           from scorecard_result
           cross join unnest(failing) as failed
           where ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4))
             and ($5::text is null or scorecard = $5)
           group by scorecard, failed
           order by count(*) desc, scorecard, failed
           limit $6"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        scorecard,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.scorecard, row.failed, row.services)).collect())
}

/// Reviews that were due before `before`, the longest overdue first.
pub(super) async fn reviews_due(
    connection: &mut PgConnection,
    scope: &Scope,
    before: Date,
    limit: i64,
) -> Result<Vec<Review>> {
    Ok(query_as!(
        Review,
        r#"select scorecard, (select title from scorecard where name = scorecard_review.scorecard) as "scorecard_title!",
                  entity_id as "entity: EntityId", entity_ref, entity_title as title, team.name as "owner?",
                  reviewed_at, person.display_name as "reviewed_by?", next_on
           from scorecard_review
           left join team on team.id = owner_id
           left join person on person.id = reviewed_by
           where ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4))
             and next_on < $5
           order by next_on, entity_id
           limit $6"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        before,
        limit,
    )
    .fetch_all(connection)
    .await?)
}

pub(super) async fn review_of(
    connection: &mut PgConnection,
    scorecard: &str,
    entity: EntityId,
) -> Result<Option<Review>> {
    Ok(query_as!(
        Review,
        r#"select scorecard, (select title from scorecard where name = scorecard_review.scorecard) as "scorecard_title!",
                  entity_id as "entity: EntityId", entity_ref, entity_title as title, team.name as "owner?",
                  reviewed_at, person.display_name as "reviewed_by?", next_on
           from scorecard_review
           left join team on team.id = owner_id
           left join person on person.id = reviewed_by
           where scorecard = $1 and entity_id = $2"#,
        scorecard,
        entity.0,
    )
    .fetch_optional(connection)
    .await?)
}

/// What one owner's services came to on one day.
pub(super) struct DayRow {
    pub owner: Option<TeamId>,
    pub restricted: bool,
    pub day: Date,
    pub services: Vec<i64>,
}

/// Each owner's days from `from` on, and the last one before it, in their order.
pub(super) async fn days(
    connection: &mut PgConnection,
    scope: &Scope,
    scorecard: &str,
    team: Option<TeamId>,
    from: Date,
) -> Result<Vec<DayRow>> {
    Ok(query_as!(
        DayRow,
        r#"select owner_id as "owner: TeamId", restricted, day, services
           from scorecard_day
           where scorecard = $1
             and ($2::bool or ($3::bool and not restricted) or owner_id = any($4))
             and ($5::uuid is null or owner_id = $5)
             and day >= coalesce(
                     (
                         select max(earlier.day)
                         from scorecard_day as earlier
                         where earlier.scorecard = scorecard_day.scorecard
                           and earlier.owner_id is not distinct from scorecard_day.owner_id
                           and earlier.restricted = scorecard_day.restricted
                           and earlier.day <= $6
                     ),
                     $6
                 )
           order by day"#,
        scorecard,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        team.map(|team| team.0),
        from,
    )
    .fetch_all(connection)
    .await?)
}
