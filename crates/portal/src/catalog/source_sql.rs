//! What sources ask of Postgres.

use std::time::Duration;

use model::{
    DocumentError, Origin, SourceId, SourceKind,
    entity::{Did, Source, SourceConflict, SourceState},
};
use sqlx::{PgConnection, query, query_as, query_scalar, types::Json};
use time::OffsetDateTime;

use super::sql::reference;
use crate::error::Result;

/// Every source, or one, by name.
pub(super) async fn sources(connection: &mut PgConnection, only: Option<SourceId>) -> Result<Vec<Source>> {
    let rows = query!(
        r#"select source.id, source.kind as "kind: SourceKind", source.name, address, path, with_forks, with_archived,
                  token is not null as "has_token!", hook_secret is not null as "has_hook!", every_seconds, read_at,
                  tried_at, took_ms, did as "did: Json<Did>", next_at, asked_at, failing_since, failure, hook_at,
                  hook_refused_at, errors as "errors: Json<Vec<DocumentError>>",
                  (select count(*) from entity where source_id = source.id and binned_at is null) as "entities!",
                  (
                      select count(*) from source_conflict
                      join entity on entity.id = entity_id
                      where source_conflict.source_id = source.id or entity.source_id = source.id
                  ) as "conflicts!"
           from source
           where $1::uuid is null or source.id = $1
           order by source.name, source.kind"#,
        only.map(|id| id.0),
    )
    .fetch_all(connection)
    .await?;
    let number = |count: i64| u64::try_from(count).unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(|row| Source {
            id: SourceId(row.id),
            kind: row.kind,
            name: row.name,
            address: row.address,
            path: row.path,
            with_forks: row.with_forks,
            with_archived: row.with_archived,
            has_token: row.has_token,
            has_hook: row.has_hook,
            every_s: row.every_seconds.and_then(|seconds| u32::try_from(seconds).ok()),
            state: match () {
                () if row.asked_at.is_some() => SourceState::Reading,
                () if row.failing_since.is_some() => SourceState::Failing,
                () if !row.errors.0.is_empty() || row.conflicts > 0 => SourceState::Wrong,
                () => SourceState::Fine,
            },
            read_at: row.read_at,
            tried_at: row.tried_at,
            took_ms: row.took_ms.and_then(|took| u32::try_from(took).ok()),
            did: row.did.map(|did| did.0),
            next_at: row.next_at,
            failing_since: row.failing_since,
            failure: row.failure,
            hook_at: row.hook_at,
            hook_refused_at: row.hook_refused_at,
            entities: number(row.entities),
            conflicts: number(row.conflicts),
            errors: row.errors.0,
        })
        .collect())
}

/// What this source and others describe, by name; at most 500.
pub(super) async fn conflicts(connection: &mut PgConnection, id: SourceId) -> Result<Vec<SourceConflict>> {
    let rows = query!(
        r#"select entity.kind, entity.namespace, entity.name, since, file, line, source_file, source_line,
                  wanting.kind as "wanting_kind: SourceKind", wanting.name as wanting_name,
                  holding.kind as "holding_kind?: SourceKind", holding.name as "holding_name?"
           from source_conflict
           join entity on entity.id = entity_id
           join source wanting on wanting.id = source_conflict.source_id
           left join source holding on holding.id = entity.source_id
           where source_conflict.source_id = $1 or entity.source_id = $1
           order by entity.sort_name, entity.id, since
           limit 500"#,
        id.0,
    )
    .fetch_all(connection)
    .await?;
    let line = |line: i32| u32::try_from(line).unwrap_or(1);
    rows.into_iter()
        .map(|row| {
            let held_by = row.holding_kind.zip(row.holding_name).map(|(kind, source)| Origin {
                kind,
                source,
                file: row.source_file.unwrap_or_default(),
                line: row.source_line.map_or(1, line),
            });
            Ok(SourceConflict {
                reference: reference(&row.kind, &row.namespace, &row.name)?,
                held_by,
                wanted_by: Origin {
                    kind: row.wanting_kind,
                    source: row.wanting_name,
                    file: row.file,
                    line: line(row.line),
                },
                since: row.since,
            })
        })
        .collect()
}

// ---- those that the portal reads itself

/// A source as it is to be read.
pub(super) struct Polled {
    pub id: SourceId,
    pub kind: SourceKind,
    pub name: String,
    pub address: Option<String>,
    pub path: Option<String>,
    pub with_forks: bool,
    pub with_archived: bool,
    /// Encrypted.
    pub token: Option<Vec<u8>>,
    pub every: Option<Duration>,
    /// Somebody waits for it.
    pub asked: bool,
    pub failing: bool,
    pub failures: i32,
}

pub(super) async fn polled(connection: &mut PgConnection, id: SourceId) -> Result<Option<Polled>> {
    let row = query!(
        r#"select kind as "kind: SourceKind", name, address, path, with_forks, with_archived, token, every_seconds,
                  asked_at is not null as "asked!", failing_since is not null as "failing!", failures
           from source
           where id = $1"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Polled {
        id,
        kind: row.kind,
        name: row.name,
        address: row.address,
        path: row.path,
        with_forks: row.with_forks,
        with_archived: row.with_archived,
        token: row.token,
        every: row.every_seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
        asked: row.asked,
        failing: row.failing,
        failures: row.failures,
    }))
}

/// What was read at an address.
#[derive(Clone)]
pub(super) struct FileCopy {
    pub address: String,
    pub etag: Option<String>,
    pub body: Vec<u8>,
}

pub(super) async fn copies(connection: &mut PgConnection, id: SourceId) -> Result<Vec<FileCopy>> {
    let copies = query_as!(FileCopy, "select address, etag, body from source_copy where source_id = $1", id.0);
    Ok(copies.fetch_all(connection).await?)
}

/// Makes the copies of a source exactly these.
pub(super) async fn keep_copies(
    connection: &mut PgConnection,
    id: SourceId,
    copies: &[FileCopy],
    now: OffsetDateTime,
) -> Result<()> {
    let addresses: Vec<String> = copies.iter().map(|copy| copy.address.clone()).collect();
    query!("delete from source_copy where source_id = $1 and address <> all($2)", id.0, &addresses)
        .execute(&mut *connection)
        .await?;
    for copy in copies {
        query!(
            "insert into source_copy (source_id, address, etag, body, read_at)
             select id, $2, $3, $4, $5 from source where id = $1
             on conflict (source_id, address) do update
             set etag = excluded.etag, body = excluded.body, read_at = excluded.read_at
             where (source_copy.etag, source_copy.body) is distinct from (excluded.etag, excluded.body)",
            id.0,
            copy.address,
            copy.etag,
            copy.body,
            now,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// A reading worked, whether it changed anything or not.
pub(super) async fn worked(
    connection: &mut PgConnection,
    id: SourceId,
    began: OffsetDateTime,
    now: OffsetDateTime,
    next: OffsetDateTime,
) -> Result<()> {
    query!(
        "update source
         set tried_at = $3,
             read_at = $3,
             took_ms = $4,
             next_at = $5,
             asked_at = case when asked_at > $2 then asked_at end,
             failing_since = null,
             failures = 0,
             failure = null
         where id = $1",
        id.0,
        began,
        now,
        i32::try_from((now - began).whole_milliseconds()).unwrap_or(i32::MAX),
        next,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Nothing could be read.
pub(super) async fn failed(
    connection: &mut PgConnection,
    id: SourceId,
    reason: &str,
    began: OffsetDateTime,
    now: OffsetDateTime,
    next: OffsetDateTime,
) -> Result<()> {
    query!(
        "update source
         set tried_at = $3,
             took_ms = $4,
             next_at = $5,
             asked_at = case when asked_at > $2 then asked_at end,
             failing_since = coalesce(failing_since, $3),
             failures = failures + 1,
             failure = left($6, 1000)
         where id = $1",
        id.0,
        began,
        now,
        i32::try_from((now - began).whole_milliseconds()).unwrap_or(i32::MAX),
        next,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The sources that are due, each of which is due again after its time.
pub(super) async fn take_due(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<SourceId>> {
    let due = query_scalar!(
        r#"update source
           set next_at = $1 + make_interval(secs => coalesce(every_seconds, 300))
           where id in (
               select id from source where next_at <= $1 order by next_at limit 500 for update skip locked
           )
           returning id as "id: SourceId""#,
        now,
    );
    Ok(due.fetch_all(connection).await?)
}

/// Notes that a reading was asked for.
pub(super) async fn ask(connection: &mut PgConnection, id: SourceId, now: OffsetDateTime) -> Result<()> {
    query!("update source set asked_at = $2 where id = $1", id.0, now).execute(connection).await?;
    Ok(())
}

pub(super) async fn hook_secret(connection: &mut PgConnection, id: SourceId) -> Result<Option<Vec<u8>>> {
    let secret = query_scalar!("select hook_secret from source where id = $1", id.0);
    Ok(secret.fetch_optional(connection).await?.flatten())
}

/// A push was heard, or refused for its signature.
pub(super) async fn note_hook(
    connection: &mut PgConnection,
    id: SourceId,
    heard: bool,
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "update source
         set hook_at = case when $2 then $3 else hook_at end,
             hook_refused_at = case when $2 then hook_refused_at else $3 end,
             asked_at = case when $2 then $3 else asked_at end
         where id = $1",
        id.0,
        heard,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

// ---- changed by people

/// A source as somebody enters it; secrets encrypted.
pub(super) struct Entered<'a> {
    pub id: SourceId,
    pub kind: SourceKind,
    pub name: &'a str,
    pub address: &'a str,
    pub path: Option<&'a str>,
    pub with_forks: bool,
    pub with_archived: bool,
    pub every_seconds: i32,
    /// None: as it was.
    pub token: Option<Vec<u8>>,
    pub hook_secret: Option<Vec<u8>>,
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    entered: &Entered<'_>,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    query!(
        "insert into source (
             id, kind, name, address, path, with_forks, with_archived, every_seconds, token, hook_secret, created_at,
             read_at, next_at, asked_at
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $11, $11)",
        entered.id.0,
        entered.kind.as_str(),
        entered.name,
        entered.address,
        entered.path,
        entered.with_forks,
        entered.with_archived,
        entered.every_seconds,
        entered.token,
        entered.hook_secret,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What was entered before is read anew: copies of another address say nothing.
pub(super) async fn update(
    connection: &mut PgConnection,
    entered: &Entered<'_>,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    query!(
        "update source
         set name = $2,
             address = $3,
             path = $4,
             with_forks = $5,
             with_archived = $6,
             every_seconds = $7,
             token = coalesce($8, token),
             hook_secret = coalesce($9, hook_secret),
             next_at = $10,
             asked_at = $10
         where id = $1",
        entered.id.0,
        entered.name,
        entered.address,
        entered.path,
        entered.with_forks,
        entered.with_archived,
        entered.every_seconds,
        entered.token,
        entered.hook_secret,
        now,
    )
    .execute(&mut *connection)
    .await?;
    query!("delete from source_copy where source_id = $1", entered.id.0).execute(connection).await?;
    Ok(())
}

pub(super) async fn delete(connection: &mut PgConnection, id: SourceId) -> Result<()> {
    query!("delete from source where id = $1", id.0).execute(connection).await?;
    Ok(())
}

pub(super) async fn lock(connection: &mut PgConnection, id: SourceId) -> Result<()> {
    query!("select id from source where id = $1 for update", id.0).fetch_optional(connection).await?;
    Ok(())
}
