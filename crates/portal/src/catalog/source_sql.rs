//! What sources ask of Postgres.

use model::{
    DocumentError, Origin, SourceId, SourceKind,
    entity::{Did, Source, SourceConflict, SourceState},
};
use sqlx::{PgConnection, query, types::Json};

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
