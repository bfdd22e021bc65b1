//! What marks ask of Postgres.

use model::{EntityId, PersonId, TeamId, ViewId, marks::SavedView};
use sqlx::{PgConnection, postgres::types::PgInterval, query, query_as, query_scalar};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::error::{Error, Result};

// ---- stars and visits

/// Whether there is a star now: not where the person has `most` others already.
pub(super) async fn star(
    connection: &mut PgConnection,
    person: PersonId,
    entity: EntityId,
    most: i64,
    now: OffsetDateTime,
) -> Result<bool> {
    query!(
        "insert into star (person_id, entity_id, starred_at)
         select $1, $2, $3
         where (select count(*) from star where person_id = $1) < $4
         on conflict do nothing",
        person.0,
        entity.0,
        now,
        most,
    )
    .execute(&mut *connection)
    .await?;
    let there = query_scalar!(
        r#"select exists (select from star where person_id = $1 and entity_id = $2) as "there!""#,
        person.0,
        entity.0,
    );
    Ok(there.fetch_one(connection).await?)
}

pub(super) async fn unstar(connection: &mut PgConnection, person: PersonId, entity: EntityId) -> Result<()> {
    query!("delete from star where person_id = $1 and entity_id = $2", person.0, entity.0).execute(connection).await?;
    Ok(())
}

pub(super) struct Standing {
    pub starred: bool,
    pub at: Option<OffsetDateTime>,
    pub before: Option<OffsetDateTime>,
}

pub(super) async fn mark(connection: &mut PgConnection, person: PersonId, entity: EntityId) -> Result<Standing> {
    Ok(query_as!(
        Standing,
        r#"select exists (select from star where person_id = $1 and entity_id = $2) as "starred!",
                  visit.at as "at?", visit.before as "before?"
           from (select) as one
           left join visit on person_id = $1 and entity_id = $2"#,
        person.0,
        entity.0,
    )
    .fetch_one(connection)
    .await?)
}

/// Where the last look is longer ago than `visit`, this is another visit.
pub(super) async fn visit(
    connection: &mut PgConnection,
    person: PersonId,
    entity: EntityId,
    now: OffsetDateTime,
    visit: Duration,
) -> Result<()> {
    let visit = PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(visit.whole_microseconds()).map_err(Error::internal)?,
    };
    query!(
        "insert into visit (person_id, entity_id, at)
         select $1, id, $3 from entity where id = $2
         on conflict (person_id, entity_id) do update
         set before = case when excluded.at - visit.at > $4 then visit.at else visit.before end,
             at = excluded.at",
        person.0,
        entity.0,
        now,
        visit,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn forget_visits(connection: &mut PgConnection, older_than: OffsetDateTime) -> Result<()> {
    query!("delete from visit where at < $1", older_than).execute(connection).await?;
    Ok(())
}

pub(super) struct Found {
    pub entity: EntityId,
    pub starred: bool,
    /// None where the person never has.
    pub looked_at: Option<OffsetDateTime>,
}

pub(super) async fn starred(connection: &mut PgConnection, person: PersonId) -> Result<Vec<Found>> {
    Ok(query_as!(
        Found,
        r#"select star.entity_id as "entity: EntityId", true as "starred!", visit.at as "looked_at?"
           from star
           left join visit on visit.person_id = star.person_id and visit.entity_id = star.entity_id
           where star.person_id = $1"#,
        person.0,
    )
    .fetch_all(connection)
    .await?)
}

/// The newest first.
pub(super) async fn seen(connection: &mut PgConnection, person: PersonId, limit: i64) -> Result<Vec<Found>> {
    Ok(query_as!(
        Found,
        r#"select visit.entity_id as "entity: EntityId", visit.at as "looked_at?",
                  exists (
                      select from star where star.person_id = visit.person_id and star.entity_id = visit.entity_id
                  ) as "starred!"
           from visit
           where visit.person_id = $1
           order by visit.at desc
           limit $2"#,
        person.0,
        limit,
    )
    .fetch_all(connection)
    .await?)
}

// ---- views

pub(super) async fn views(connection: &mut PgConnection, person: PersonId, teams: &[TeamId]) -> Result<Vec<SavedView>> {
    let rows = query!(
        r#"select saved_view.id, saved_view.name, query, team.id as "team_id?", team.name as "team?"
           from saved_view
           left join team on team.id = team_id
           where person_id = $1 or team_id = any($2)
           order by lower(saved_view.name), saved_view.id"#,
        person.0,
        &ids(teams),
    )
    .fetch_all(connection)
    .await?;
    let view = rows.into_iter().map(|row| SavedView {
        id: ViewId(row.id),
        name: row.name,
        query: row.query,
        team: row.team_id.map(TeamId).zip(row.team),
    });
    Ok(view.collect())
}

pub(super) struct NewView<'a> {
    pub id: ViewId,
    pub name: &'a str,
    pub query: &'a str,
    /// How many there may be.
    pub most: i64,
    pub now: OffsetDateTime,
}

/// Whether it was kept: not where there are too many.
pub(super) async fn save_own(connection: &mut PgConnection, view: &NewView<'_>, person: PersonId) -> Result<bool> {
    let done = query!(
        "insert into saved_view (id, name, person_id, query, created_at)
         select $1, $2, $3, $4, $5
         where (select count(*) from saved_view where person_id = $3 and lower(name) <> lower($2)) < $6
         on conflict (person_id, lower(name)) do update set name = excluded.name, query = excluded.query",
        view.id.0,
        view.name,
        person.0,
        view.query,
        view.now,
        view.most,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// As [`save_own`], for a team.
pub(super) async fn save_of_team(connection: &mut PgConnection, view: &NewView<'_>, team: TeamId) -> Result<bool> {
    let done = query!(
        "insert into saved_view (id, name, team_id, query, created_at)
         select $1, $2, $3, $4, $5
         where (select count(*) from saved_view where team_id = $3 and lower(name) <> lower($2)) < $6
         on conflict (team_id, lower(name)) do update set name = excluded.name, query = excluded.query",
        view.id.0,
        view.name,
        team.0,
        view.query,
        view.now,
        view.most,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The name of what was removed; none where the person has no such view.
pub(super) async fn remove_own(connection: &mut PgConnection, id: ViewId, person: PersonId) -> Result<Option<String>> {
    let name = query_scalar!("delete from saved_view where id = $1 and person_id = $2 returning name", id.0, person.0);
    Ok(name.fetch_optional(connection).await?)
}

pub(super) async fn remove_of_team(connection: &mut PgConnection, id: ViewId, team: TeamId) -> Result<()> {
    query!("delete from saved_view where id = $1 and team_id = $2", id.0, team.0).execute(connection).await?;
    Ok(())
}

pub(super) async fn named_teams(connection: &mut PgConnection, teams: &[TeamId]) -> Result<Vec<(TeamId, String)>> {
    let rows = query!("select id, name from team where id = any($1) order by name", &ids(teams));
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (TeamId(row.id), row.name)).collect())
}

fn ids(teams: &[TeamId]) -> Vec<Uuid> {
    teams.iter().map(|team| team.0).collect()
}
