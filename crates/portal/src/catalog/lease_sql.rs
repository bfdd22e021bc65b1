//! What leases, conflicts and the bin ask of Postgres.

use model::{
    EntityId, EntityRef, SourceId, TeamId,
    entity::{Binned, BinnedEntity},
};
use sqlx::{PgConnection, query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{lease::Held, sql::reference};
use crate::{authz::Scope, error::Result};

/// What a source holds, outside the bin.
pub(super) async fn held(connection: &mut PgConnection, source: SourceId) -> Result<Vec<Held>> {
    let rows = query!(
        r#"select id, kind, namespace, name, coalesce(title, name) as "title!", source_file, owner_id
           from entity
           where source_id = $1 and binned_at is null
           order by kind, namespace, name"#,
        source.0,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Held {
                id: EntityId(row.id),
                reference: reference(&row.kind, &row.namespace, &row.name)?,
                title: row.title,
                file: row.source_file,
                owner: row.owner_id.map(TeamId),
            })
        })
        .collect()
}

/// Gives each entity that another source describes to the one that has done so the longest; which they are. Without a
/// digest, that source's next reading writes what it says.
pub(super) async fn hand_over(
    connection: &mut PgConnection,
    from: SourceId,
    ids: &[Uuid],
    now: OffsetDateTime,
) -> Result<Vec<EntityId>> {
    let given = query_scalar!(
        r#"update entity
           set source_id = next.source_id, source_file = next.file, source_line = next.line, digest = null
           from (
               select distinct on (entity_id) entity_id, source_id, file, line
               from source_conflict
               where entity_id = any($2) and source_id <> $1
               order by entity_id, since, source_id
           ) as next
           where entity.id = next.entity_id
           returning entity.id as "id: EntityId""#,
        from.0,
        ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    query!(
        "delete from source_conflict
         using entity
         where entity_id = any($1) and entity.id = entity_id and entity.source_id = source_conflict.source_id",
        ids,
    )
    .execute(&mut *connection)
    .await?;
    // where the portal reads it itself, it does so at once, and all of it
    query!(
        "update source set next_at = least(next_at, $3)
         where next_at is not null and id <> $1 and id in (select source_id from entity where id = any($2))",
        from.0,
        ids,
        now,
    )
    .execute(&mut *connection)
    .await?;
    query!("delete from source_copy where source_id in (select source_id from entity where id = any($1))", ids)
        .execute(connection)
        .await?;
    Ok(given)
}

pub(super) async fn note_conflicts(
    connection: &mut PgConnection,
    source: SourceId,
    ids: &[Uuid],
    files: &[String],
    lines: &[i32],
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "insert into source_conflict (source_id, entity_id, file, line, since)
         select $1, given.id, given.file, given.line, $5
         from unnest($2::uuid[], $3::text[], $4::integer[]) as given (id, file, line)
         on conflict (source_id, entity_id) do update set file = excluded.file, line = excluded.line",
        source.0,
        ids,
        files,
        lines,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn end_conflicts_but(connection: &mut PgConnection, source: SourceId, ids: &[Uuid]) -> Result<()> {
    query!("delete from source_conflict where source_id = $1 and entity_id <> all($2)", source.0, ids)
        .execute(connection)
        .await?;
    Ok(())
}

// ---- the bin

pub(super) async fn bin(connection: &mut PgConnection, ids: &[Uuid], because: &str, now: OffsetDateTime) -> Result<()> {
    query!("update entity set binned_at = $2, binned_because = $3 where id = any($1)", ids, now, because,)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes an entity out of the bin; no source holds it until one describes it again.
pub(super) async fn restore(connection: &mut PgConnection, id: EntityId) -> Result<()> {
    query!(
        "update entity
         set binned_at = null, binned_because = null, source_id = null, source_file = null, source_line = null
         where id = $1",
        id.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether something in the bin is due to be deleted.
pub(super) async fn anything_due(connection: &mut PgConnection, before: OffsetDateTime) -> Result<bool> {
    let due = query_scalar!(r#"select exists (select from entity where binned_at <= $1) as "due!""#, before);
    Ok(due.fetch_one(connection).await?)
}

/// Deletes what has been in the bin since before this moment; at most a thousand at once.
pub(super) async fn delete_due(
    connection: &mut PgConnection,
    before: OffsetDateTime,
) -> Result<Vec<(EntityRef, EntityId)>> {
    let rows = query!(
        "delete from entity
         where id in (
             select id from entity where binned_at <= $1 order by binned_at, id limit 1000 for update skip locked
         )
         returning id, kind, namespace, name",
        before,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((reference(&row.kind, &row.namespace, &row.name)?, EntityId(row.id)))).collect()
}

/// What a list of the bin is sorted by.
pub(super) type Key = (OffsetDateTime, EntityId);

/// A page of the bin, the newest first; the older or, `backwards`, the newer than `after`.
pub(super) async fn in_bin(
    connection: &mut PgConnection,
    scope: &Scope,
    after: Option<&Key>,
    backwards: bool,
    limit: i64,
) -> Result<Vec<BinnedEntity>> {
    let (at, id) = after.map(|(at, id)| (*at, id.0)).unzip();
    let rows = if backwards {
        query_as!(
            Row,
            r#"select entity.id as "id: EntityId", kind, namespace, entity.name, coalesce(title, entity.name) as "title!",
                      owner_ref, team.name as "team?", binned_at as "binned_at!", binned_because as "because!"
               from entity
               left join team on team.id = owner_id
               where binned_at is not null
                   and ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity.id = any($4))
                   and ($5::timestamptz is null or (binned_at, entity.id) > ($5, $6::uuid))
               order by binned_at, entity.id
               limit $7"#,
            scope.everything,
            scope.unrestricted,
            &scope.team_ids(),
            &scope.entity_ids(),
            at,
            id,
            limit,
        )
        .fetch_all(connection)
        .await?
    } else {
        query_as!(
            Row,
            r#"select entity.id as "id: EntityId", kind, namespace, entity.name, coalesce(title, entity.name) as "title!",
                      owner_ref, team.name as "team?", binned_at as "binned_at!", binned_because as "because!"
               from entity
               left join team on team.id = owner_id
               where binned_at is not null
                   and ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity.id = any($4))
                   and ($5::timestamptz is null or (binned_at, entity.id) < ($5, $6::uuid))
               order by binned_at desc, entity.id desc
               limit $7"#,
            scope.everything,
            scope.unrestricted,
            &scope.team_ids(),
            &scope.entity_ids(),
            at,
            id,
            limit,
        )
        .fetch_all(connection)
        .await?
    };
    rows.into_iter().map(Row::entity).collect()
}

struct Row {
    id: EntityId,
    kind: String,
    namespace: String,
    name: String,
    title: String,
    owner_ref: Option<String>,
    team: Option<String>,
    binned_at: OffsetDateTime,
    because: String,
}

impl Row {
    fn entity(self) -> Result<BinnedEntity> {
        Ok(BinnedEntity {
            id: self.id,
            reference: reference(&self.kind, &self.namespace, &self.name)?,
            title: self.title,
            owner: self.owner_ref,
            team: self.team,
            binned: Binned::new(self.binned_at, self.because),
        })
    }
}

pub(super) async fn count_bin(connection: &mut PgConnection, scope: &Scope, limit: i64) -> Result<i64> {
    let count = query_scalar!(
        r#"select count(*) as "count!"
           from (
               select from entity
               where binned_at is not null
                   and ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or id = any($4))
               limit $5
           ) as counted"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        limit,
    );
    Ok(count.fetch_one(connection).await?)
}
