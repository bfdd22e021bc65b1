//! What scorecards ask of Postgres, but for lists.

use model::{
    EntityId, PersonId, TeamId,
    scorecards::{Act, ActKind, Exemption, HistoryEntry},
};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, query, query_as, query_scalar};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{Kept, definition::Scorecard};
use crate::{catalog::Entity, error::Result};

/// Waits for whoever else keeps results of this scorecard.
pub(super) async fn lock(connection: &mut PgConnection, scorecard: &str) -> Result<()> {
    query!("select pg_advisory_xact_lock(hashtextextended('scorecard:' || $1, 0))", scorecard)
        .execute(connection)
        .await?;
    Ok(())
}

// ---- scorecards

pub(super) async fn kept(connection: &mut PgConnection, name: &str, lock: bool) -> Result<Option<Kept>> {
    if lock {
        query!("select name from scorecard where name = $1 for update", name).fetch_optional(&mut *connection).await?;
    }
    Ok(query_as!(Kept, "select name, source, revision, changed_at from scorecard where name = $1", name)
        .fetch_optional(connection)
        .await?)
}

/// Every scorecard, by name: the order in which they are locked.
pub(super) async fn all_kept(connection: &mut PgConnection) -> Result<Vec<Kept>> {
    Ok(query_as!(Kept, "select name, source, revision, changed_at from scorecard order by name")
        .fetch_all(connection)
        .await?)
}

pub(super) async fn save(
    connection: &mut PgConnection,
    scorecard: &Scorecard,
    revision: i32,
    now: OffsetDateTime,
    by: Option<PersonId>,
) -> Result<()> {
    query!(
        "insert into scorecard (name, title, description, source, revision, levels, changed_at, changed_by, swept_on)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (name) do update set
             title = excluded.title,
             description = excluded.description,
             source = excluded.source,
             revision = excluded.revision,
             levels = excluded.levels,
             changed_at = excluded.changed_at,
             changed_by = excluded.changed_by,
             swept_on = excluded.swept_on",
        scorecard.name,
        scorecard.title,
        scorecard.description,
        scorecard.source,
        revision,
        &scorecard.levels,
        now,
        by.map(|by| by.0),
        now.date(),
    )
    .execute(&mut *connection)
    .await?;
    query!(
        "insert into scorecard_revision (scorecard, revision, source, at, person_id) values ($1, $2, $3, $4, $5)",
        scorecard.name,
        revision,
        scorecard.source,
        now,
        by.map(|by| by.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

// ---- results

/// How an entity stands, as it is kept.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ResultRow {
    pub entity_id: EntityId,
    pub owner_id: Option<TeamId>,
    pub restricted: bool,
    pub entity_ref: String,
    pub entity_title: String,
    pub revision: i32,
    pub level: i16,
    pub level_name: Option<String>,
    pub score: i16,
    pub failing: Vec<String>,
    pub outcomes: Value,
    #[serde(with = "time::serde::rfc3339")]
    pub changed_at: OffsetDateTime,
}

impl ResultRow {
    /// Whether both say the same, whenever they were written.
    pub fn same_as(&self, other: &Self) -> bool {
        let seen = |row: &Self| {
            let Self { owner_id, restricted, revision, level, score, .. } = *row;
            (owner_id, restricted, revision, level, score)
        };
        seen(self) == seen(other)
            && self.level_name == other.level_name
            && self.entity_title == other.entity_title
            && self.outcomes == other.outcomes
    }
}

pub(super) async fn rows(connection: &mut PgConnection, scorecard: &str, ids: &[EntityId]) -> Result<Vec<ResultRow>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    Ok(query_as!(
        ResultRow,
        r#"select entity_id as "entity_id: EntityId", owner_id as "owner_id: TeamId", restricted, entity_ref, entity_title,
                  revision, level, level_name, score, failing, outcomes, changed_at
           from scorecard_result
           where scorecard = $1 and entity_id = any($2)"#,
        scorecard,
        &ids,
    )
    .fetch_all(connection)
    .await?)
}

pub(super) async fn upsert_rows(connection: &mut PgConnection, scorecard: &str, rows: &[ResultRow]) -> Result<()> {
    let rows = serde_json::to_value(rows)?;
    query!(
        "insert into scorecard_result (
             scorecard, entity_id, owner_id, restricted, entity_ref, entity_title, revision, level, level_name, score,
             failing, outcomes, changed_at
         )
         select $1, entity_id, owner_id, restricted, entity_ref, entity_title, revision, level, level_name, score,
                failing, outcomes, changed_at
         from jsonb_to_recordset($2) as (
                  entity_id uuid, owner_id uuid, restricted boolean, entity_ref text, entity_title text,
                  revision integer, level smallint, level_name text, score smallint, failing text[], outcomes jsonb,
                  changed_at timestamptz
              )
         on conflict (scorecard, entity_id) do update set
             owner_id = excluded.owner_id,
             restricted = excluded.restricted,
             entity_ref = excluded.entity_ref,
             entity_title = excluded.entity_title,
             revision = excluded.revision,
             level = excluded.level,
             level_name = excluded.level_name,
             score = excluded.score,
             failing = excluded.failing,
             outcomes = excluded.outcomes,
             changed_at = excluded.changed_at",
        scorecard,
        rows,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete_rows(connection: &mut PgConnection, scorecard: &str, ids: &[EntityId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    query!("delete from scorecard_result where scorecard = $1 and entity_id = any($2)", scorecard, &ids)
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(Serialize)]
pub(super) struct HistoryRow {
    pub id: Uuid,
    pub entity_id: EntityId,
    pub level_before: Option<String>,
    pub level: Option<String>,
    pub score_before: Option<i16>,
    pub score: Option<i16>,
    pub failing: Vec<String>,
}

pub(super) async fn insert_history(
    connection: &mut PgConnection,
    scorecard: &str,
    revision: i32,
    at: OffsetDateTime,
    rows: &[HistoryRow],
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = serde_json::to_value(rows)?;
    query!(
        "insert into scorecard_history (
             id, scorecard, entity_id, at, revision, level_before, level, score_before, score, failing
         )
         select id, $1, entity_id, $2, $3, level_before, level, score_before, score, failing
         from jsonb_to_recordset($4) as (
                  id uuid, entity_id uuid, level_before text, level text, score_before smallint, score smallint,
                  failing text[]
              )",
        scorecard,
        at,
        revision,
        rows,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts again how many services of these owners stand at each level, as of today.
pub(super) async fn recount(
    connection: &mut PgConnection,
    scorecard: &str,
    levels: usize,
    day: Date,
    owners: &[Option<TeamId>],
) -> Result<()> {
    let owned: Vec<Uuid> = owners.iter().flatten().map(|owner| owner.0).collect();
    query!(
        "insert into scorecard_day (scorecard, owner_id, restricted, day, services)
         select $1, who.owner_id, who.restricted, $3,
                (
                    select array_agg(coalesce(counted.services, 0) order by place)
                    from generate_series(0, $2::integer) as place
                    left join (
                        select least(level, $2::integer) as level, count(*) as services
                        from scorecard_result
                        where scorecard = $1
                          and owner_id is not distinct from who.owner_id
                          and restricted = who.restricted
                        group by 1
                    ) as counted on counted.level = place
                )
         from (
             select owner_id, restricted from scorecard_result where scorecard = $1
             union
             select owner_id, restricted from scorecard_day where scorecard = $1
         ) as who
         where owner_id = any($4) or (owner_id is null and $5)
         on conflict on constraint scorecard_day_key do update set services = excluded.services",
        scorecard,
        i32::try_from(levels).unwrap_or(i32::MAX),
        day,
        &owned,
        owners.contains(&None),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whose an entity is in the results that are kept of it.
pub(super) struct OwnerOf {
    pub scorecard: String,
    pub levels: i32,
    pub owner: Option<TeamId>,
    pub restricted: bool,
}

pub(super) async fn owners_of(connection: &mut PgConnection, entity: EntityId) -> Result<Vec<OwnerOf>> {
    Ok(query_as!(
        OwnerOf,
        r#"select scorecard, cardinality(levels) as "levels!", owner_id as "owner: TeamId", restricted
           from scorecard_result
           join scorecard on name = scorecard
           where entity_id = $1
           order by scorecard"#,
        entity.0,
    )
    .fetch_all(connection)
    .await?)
}

pub(super) async fn forget_results(connection: &mut PgConnection, entity: EntityId) -> Result<()> {
    query!("delete from scorecard_result where entity_id = $1", entity.0).execute(connection).await?;
    Ok(())
}

/// What is kept about an entity gets its new owner.
pub(super) async fn set_owner(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
) -> Result<()> {
    let owner = owner.map(|owner| owner.0);
    query!(
        "update scorecard_result set owner_id = $2, restricted = $3
         where entity_id = $1 and (owner_id, restricted) is distinct from ($2, $3)",
        entity.0,
        owner,
        restricted,
    )
    .execute(&mut *connection)
    .await?;
    query!(
        "update scorecard_exemption set owner_id = $2, restricted = $3
         where entity_id = $1 and (owner_id, restricted) is distinct from ($2, $3)",
        entity.0,
        owner,
        restricted,
    )
    .execute(&mut *connection)
    .await?;
    query!(
        "update scorecard_review set owner_id = $2, restricted = $3
         where entity_id = $1 and (owner_id, restricted) is distinct from ($2, $3)",
        entity.0,
        owner,
        restricted,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A kept result with its owner's name, and which scorecard.
pub(super) struct CardRow {
    pub scorecard: String,
    pub owner: Option<String>,
    pub entity_ref: String,
    pub entity_title: String,
    pub level: i16,
    pub level_name: Option<String>,
    pub score: i16,
    pub failing: Vec<String>,
    pub outcomes: Value,
    pub changed_at: OffsetDateTime,
}

pub(super) async fn cards_of(connection: &mut PgConnection, entity: EntityId) -> Result<Vec<CardRow>> {
    Ok(query_as!(
        CardRow,
        r#"select scorecard, team.name as "owner?", entity_ref, entity_title, level, level_name, score, failing, outcomes,
                  changed_at
           from scorecard_result
           left join team on team.id = owner_id
           where entity_id = $1
           order by scorecard"#,
        entity.0,
    )
    .fetch_all(connection)
    .await?)
}

pub(super) async fn history_of(
    connection: &mut PgConnection,
    scorecard: &str,
    entity: EntityId,
    limit: i64,
) -> Result<Vec<HistoryEntry>> {
    Ok(query_as!(
        HistoryEntry,
        "select at, revision, level_before, level, score_before, score
         from scorecard_history
         where entity_id = $1 and scorecard = $2
         order by at desc, id desc
         limit $3",
        entity.0,
        scorecard,
        limit,
    )
    .fetch_all(connection)
    .await?)
}

// ---- exemptions

/// The checks that these entities are exempt from now.
pub(super) async fn exempt_checks(
    connection: &mut PgConnection,
    scorecard: &str,
    ids: &[EntityId],
    now: OffsetDateTime,
) -> Result<Vec<(EntityId, String)>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = query!(
        "select entity_id, check_id
         from scorecard_exemption
         where scorecard = $1 and entity_id = any($2) and ended_at is null and expires_at > $3",
        scorecard,
        &ids,
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (EntityId(row.entity_id), row.check_id)).collect())
}

pub(super) async fn exemptions_of(
    connection: &mut PgConnection,
    scorecard: &str,
    entity: EntityId,
    now: OffsetDateTime,
) -> Result<Vec<Exemption>> {
    Ok(query_as!(
        Exemption,
        r#"select scorecard_exemption.id, check_id as "check", reason, granted_at, display_name as "granted_by?", expires_at
           from scorecard_exemption
           left join person on person.id = granted_by
           where scorecard = $1 and entity_id = $2 and ended_at is null and expires_at > $3"#,
        scorecard,
        entity.0,
        now,
    )
    .fetch_all(connection)
    .await?)
}

pub(super) struct NewExemption<'a> {
    pub id: Uuid,
    pub scorecard: &'a str,
    pub entity: EntityId,
    pub owner: Option<TeamId>,
    pub restricted: bool,
    pub check: &'a str,
    pub reason: &'a str,
    pub granted_at: OffsetDateTime,
    pub granted_by: Option<PersonId>,
    pub expires_at: OffsetDateTime,
}

pub(super) async fn insert_exemption(
    connection: &mut PgConnection,
    row: &NewExemption<'_>,
) -> std::result::Result<(), sqlx::Error> {
    query!(
        "insert into scorecard_exemption (
             id, scorecard, entity_id, owner_id, restricted, check_id, reason, granted_at, granted_by, expires_at
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        row.id,
        row.scorecard,
        row.entity.0,
        row.owner.map(|owner| owner.0),
        row.restricted,
        row.check,
        row.reason,
        row.granted_at,
        row.granted_by.map(|by| by.0),
        row.expires_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An exemption that has just ended.
pub(super) struct Ended {
    pub id: Uuid,
    pub scorecard: String,
    pub entity_id: EntityId,
    pub check_id: String,
}

pub(super) async fn end_exemption(
    connection: &mut PgConnection,
    entity: EntityId,
    id: Uuid,
    now: OffsetDateTime,
    by: Option<PersonId>,
) -> Result<Option<Ended>> {
    Ok(query_as!(
        Ended,
        r#"update scorecard_exemption set ended_at = $3, ended_by = $4
           where id = $1 and entity_id = $2 and ended_at is null
           returning id, scorecard, entity_id as "entity_id: EntityId", check_id"#,
        id,
        entity.0,
        now,
        by.map(|by| by.0),
    )
    .fetch_optional(connection)
    .await?)
}

/// Ends every exemption whose time is over.
pub(super) async fn end_expired(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<Ended>> {
    Ok(query_as!(
        Ended,
        r#"update scorecard_exemption set ended_at = expires_at
           where ended_at is null and expires_at <= $1
           returning id, scorecard, entity_id as "entity_id: EntityId", check_id"#,
        now,
    )
    .fetch_all(connection)
    .await?)
}

pub(super) async fn end_expired_of(
    connection: &mut PgConnection,
    scorecard: &str,
    entity: EntityId,
    check: &str,
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "update scorecard_exemption set ended_at = expires_at
         where scorecard = $1 and entity_id = $2 and check_id = $3 and ended_at is null and expires_at <= $4",
        scorecard,
        entity.0,
        check,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

// ---- what is due

pub(super) async fn anything_due(connection: &mut PgConnection, now: OffsetDateTime) -> Result<bool> {
    Ok(query_scalar!(
        r#"select exists (select from scorecard_exemption where ended_at is null and expires_at <= $1)
                  or exists (select from scorecard where swept_on is null or swept_on < $2) as "due!""#,
        now,
        now.date(),
    )
    .fetch_one(connection)
    .await?)
}

/// The scorecards whose services have not been looked at today, marked as begun.
pub(super) async fn begin_daily(connection: &mut PgConnection, today: Date) -> Result<Vec<String>> {
    Ok(query_scalar!(
        "update scorecard set swept_on = $1 where swept_on is null or swept_on < $1 returning name",
        today
    )
    .fetch_all(connection)
    .await?)
}

// ---- acts and reviews

pub(super) struct ActRow<'a> {
    pub id: Uuid,
    pub scorecard: &'a str,
    pub entity: EntityId,
    pub at: OffsetDateTime,
    pub person: Option<PersonId>,
    pub kind: ActKind,
    pub check: Option<&'a str>,
    pub text: &'a str,
    pub until: Option<OffsetDateTime>,
}

pub(super) async fn insert_act(connection: &mut PgConnection, row: &ActRow<'_>) -> Result<()> {
    query!(
        "insert into scorecard_act (id, scorecard, entity_id, at, person_id, kind, check_id, text, until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        row.id,
        row.scorecard,
        row.entity.0,
        row.at,
        row.person.map(|person| person.0),
        row.kind.as_str(),
        row.check,
        row.text,
        row.until,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn acts_of(
    connection: &mut PgConnection,
    scorecard: &str,
    entity: EntityId,
    limit: i64,
) -> Result<Vec<Act>> {
    let rows = query!(
        r#"select kind, at, display_name as "by?", check_id, text, until
           from scorecard_act
           left join person on person.id = person_id
           where entity_id = $1 and scorecard = $2
           order by at desc, scorecard_act.id desc
           limit $3"#,
        entity.0,
        scorecard,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let kind = ActKind::parse(&row.kind)?;
            Some(Act { kind, at: row.at, by: row.by, check: row.check_id, text: row.text, until: row.until })
        })
        .collect())
}

pub(super) async fn save_review(
    connection: &mut PgConnection,
    scorecard: &str,
    entity: &Entity,
    at: OffsetDateTime,
    by: Option<PersonId>,
    next_on: Date,
) -> Result<()> {
    query!(
        "insert into scorecard_review (
             scorecard, entity_id, owner_id, restricted, entity_ref, entity_title, reviewed_at, reviewed_by, next_on
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (scorecard, entity_id) do update set
             owner_id = excluded.owner_id,
             restricted = excluded.restricted,
             entity_ref = excluded.entity_ref,
             entity_title = excluded.entity_title,
             reviewed_at = excluded.reviewed_at,
             reviewed_by = excluded.reviewed_by,
             next_on = excluded.next_on",
        scorecard,
        entity.id.0,
        entity.owner.map(|owner| owner.0),
        entity.restricted,
        entity.reference_text(),
        entity.title.as_deref().unwrap_or(&entity.name),
        at,
        by.map(|by| by.0),
        next_on,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn worst_levels(
    connection: &mut PgConnection,
    entities: &[EntityId],
) -> Result<Vec<(EntityId, String, i16)>> {
    let ids: Vec<Uuid> = entities.iter().map(|entity| entity.0).collect();
    let rows = query!(
        "select distinct on (entity_id) entity_id, level_name, score
         from scorecard_result
         where entity_id = any($1)
         order by entity_id, score, scorecard",
        &ids,
    )
    .fetch_all(connection)
    .await?;
    let level = |name: Option<String>| name.unwrap_or_else(|| "Below the lowest".to_owned());
    Ok(rows.into_iter().map(|row| (EntityId(row.entity_id), level(row.level_name), row.score)).collect())
}
