//! What an import asks of Postgres: what is there, and everything in as few statements as there are tables.

use std::collections::HashMap;

use model::{
    DocumentError, EntityId, EntityRef, Kind, PersonId, RelationType, SourceId, SourceKind, TeamId,
    entity::{Did, EntityEventKind, FieldChange},
};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use super::sql::reference;
use crate::error::Result;

/// Imports wait for each other: each reads what is there before it decides what changes.
pub(super) async fn lock_imports(connection: &mut PgConnection) -> Result<()> {
    query!("select revision from catalog_revision for update").fetch_one(connection).await?;
    Ok(())
}

pub(super) async fn source_exists(connection: &mut PgConnection, kind: SourceKind, name: &str) -> Result<bool> {
    let found = query_scalar!(
        r#"select exists (select from source where kind = $1 and name = $2) as "found!""#,
        kind.as_str(),
        name,
    );
    Ok(found.fetch_one(connection).await?)
}

/// The source of that name, made where there is none yet.
pub(super) async fn upsert_source(
    connection: &mut PgConnection,
    id: SourceId,
    kind: SourceKind,
    name: &str,
    now: OffsetDateTime,
) -> Result<SourceId> {
    let id = query_scalar!(
        "insert into source (id, kind, name, created_at, read_at)
         values ($1, $2, $3, $4, $4)
         on conflict on constraint source_name_key do update
         set read_at = excluded.read_at
         returning id",
        id.0,
        kind.as_str(),
        name,
        now,
    )
    .fetch_one(connection)
    .await?;
    Ok(SourceId(id))
}

/// Notes what a reading that worked did, and how long it took.
pub(super) async fn note_reading(
    connection: &mut PgConnection,
    id: SourceId,
    errors: &[DocumentError],
    did: Did,
    began: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "update source
         set errors = $2,
             did = $3,
             tried_at = $4,
             took_ms = $5,
             failing_since = null,
             failures = 0,
             failure = null
         where id = $1",
        id.0,
        serde_json::to_value(errors)?,
        serde_json::to_value(did)?,
        now,
        i32::try_from((now - began).whole_milliseconds()).unwrap_or(i32::MAX),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An entity as it is before an import.
pub(super) struct Existing {
    pub id: EntityId,
    pub reference: EntityRef,
    pub source: Option<SourceId>,
    pub source_kind: Option<SourceKind>,
    pub source_name: Option<String>,
    pub file: Option<String>,
    pub line: Option<i32>,
    pub digest: Option<Vec<u8>>,
    pub owner: Option<TeamId>,
    pub title: Option<String>,
    pub kind_type: Option<String>,
    pub lifecycle: Option<String>,
    pub tier: Option<String>,
    pub owner_ref: Option<String>,
    pub system_ref: Option<String>,
    pub restricted: bool,
    pub tags: Vec<String>,
    pub binned: bool,
}

pub(super) async fn existing(connection: &mut PgConnection, references: &[EntityRef]) -> Result<Vec<Existing>> {
    let part = |part: fn(&EntityRef) -> String| references.iter().map(part).collect::<Vec<_>>();
    let rows = query!(
        r#"select entity.id, entity.kind, entity.namespace, entity.name, source_id, source.kind as "source_kind?: SourceKind",
                  source.name as "source_name?", source_file, source_line, digest, owner_id, title, type as kind_type,
                  lifecycle, tier, owner_ref, system_ref, restricted, tags, binned_at is not null as "binned!"
           from unnest($1::text[], $2::text[], $3::text[]) as wanted (kind, namespace, name)
           join entity on entity.kind = wanted.kind
               and entity.namespace = wanted.namespace
               and lower(entity.name) = wanted.name
           left join source on source.id = source_id"#,
        &part(|reference| reference.kind.to_string()),
        &part(|reference| reference.namespace.clone()),
        &part(|reference| reference.name.clone()),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Existing {
                id: EntityId(row.id),
                reference: reference(&row.kind, &row.namespace, &row.name)?,
                source: row.source_id.map(SourceId),
                source_kind: row.source_kind,
                source_name: row.source_name,
                file: row.source_file,
                line: row.source_line,
                digest: row.digest,
                owner: row.owner_id.map(TeamId),
                title: row.title,
                kind_type: row.kind_type,
                lifecycle: row.lifecycle,
                tier: row.tier,
                owner_ref: row.owner_ref,
                system_ref: row.system_ref,
                restricted: row.restricted,
                tags: row.tags,
                binned: row.binned,
            })
        })
        .collect()
}

/// An entity as an import writes it.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    pub id: EntityId,
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub kind_type: Option<String>,
    pub lifecycle: Option<String>,
    pub tier: Option<String>,
    pub owner_ref: Option<String>,
    pub owner_id: Option<TeamId>,
    pub system_ref: Option<String>,
    pub domain_ref: Option<String>,
    pub restricted: bool,
    pub tags: Vec<String>,
    pub labels: Value,
    pub annotations: Value,
    pub links: Value,
    pub descriptor: Value,
    pub source_file: String,
    pub source_line: i32,
    /// Hexadecimal.
    pub digest: String,
}

pub(super) async fn write_entities(
    connection: &mut PgConnection,
    source: SourceId,
    entities: &[&Written],
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "insert into entity (
             id, kind, namespace, name, title, description, type, lifecycle, tier, owner_ref, owner_id, system_ref,
             domain_ref, restricted, tags, labels, annotations, links, descriptor, source_id, source_file, source_line,
             digest, created_at, updated_at
         )
         select id, kind, namespace, name, title, description, kind_type, lifecycle, tier, owner_ref, owner_id,
                system_ref, domain_ref, restricted, tags, labels, annotations, links, descriptor, $2, source_file,
                source_line, decode(digest, 'hex'), $3, $3
         from jsonb_to_recordset($1) as given (
             id uuid, kind text, namespace text, name text, title text, description text, kind_type text,
             lifecycle text, tier text, owner_ref text, owner_id uuid, system_ref text, domain_ref text,
             restricted boolean, tags text[], labels jsonb, annotations jsonb, links jsonb, descriptor jsonb,
             source_file text, source_line integer, digest text
         )
         on conflict (id) do update
         set name = excluded.name,
             title = excluded.title,
             description = excluded.description,
             type = excluded.type,
             lifecycle = excluded.lifecycle,
             tier = excluded.tier,
             owner_ref = excluded.owner_ref,
             owner_id = excluded.owner_id,
             system_ref = excluded.system_ref,
             domain_ref = excluded.domain_ref,
             restricted = excluded.restricted,
             tags = excluded.tags,
             labels = excluded.labels,
             annotations = excluded.annotations,
             links = excluded.links,
             descriptor = excluded.descriptor,
             source_id = excluded.source_id,
             source_file = excluded.source_file,
             source_line = excluded.source_line,
             digest = excluded.digest,
             updated_at = excluded.updated_at,
             binned_at = null,
             binned_because = null",
        serde_json::to_value(entities)?,
        source.0,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Where the descriptors stand that say what they said before.
pub(super) async fn relocate(
    connection: &mut PgConnection,
    source: SourceId,
    ids: &[Uuid],
    files: &[String],
    lines: &[i32],
) -> Result<()> {
    query!(
        "update entity set source_id = $1, source_file = moved.file, source_line = moved.line
         from unnest($2::uuid[], $3::text[], $4::integer[]) as moved (id, file, line)
         where entity.id = moved.id",
        source.0,
        ids,
        files,
        lines,
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(Debug, Serialize)]
pub(super) struct Stated {
    pub from_id: EntityId,
    #[serde(rename = "type")]
    pub relation: RelationType,
    pub to_kind: Kind,
    pub to_namespace: String,
    pub to_name: String,
}

/// Makes what these entities state exactly `stated`, and ties every end that is there now.
pub(super) async fn write_relations(connection: &mut PgConnection, entities: &[Uuid], stated: &[Stated]) -> Result<()> {
    query!("delete from relation where from_id = any($1)", entities).execute(&mut *connection).await?;
    query!(
        "insert into relation (from_id, type, to_kind, to_namespace, to_name, to_id)
         select from_id, given.type, to_kind, to_namespace, to_name, entity.id
         from jsonb_to_recordset($1) as given (from_id uuid, type text, to_kind text, to_namespace text, to_name text)
         left join entity on entity.kind = to_kind
             and entity.namespace = to_namespace
             and lower(entity.name) = to_name
         on conflict do nothing",
        serde_json::to_value(stated)?,
    )
    .execute(&mut *connection)
    .await?;
    // the other end may have come only now
    query!(
        "update relation set to_id = entity.id
         from entity
         where entity.id = any($1)
             and to_id is null
             and to_kind = entity.kind
             and to_namespace = entity.namespace
             and to_name = lower(entity.name)",
        entities,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whatever belongs to a system belongs to that system's domain.
pub(super) async fn inherit_domains(connection: &mut PgConnection, entities: &[Uuid]) -> Result<()> {
    query!(
        "update entity set domain_ref = system.domain_ref
         from entity system
         where system.kind = 'system'
             and entity.kind <> 'system'
             and entity.system_ref = 'system:' || system.namespace || '/' || lower(system.name)
             and entity.domain_ref is distinct from system.domain_ref
             and (entity.id = any($1) or system.id = any($1))",
        entities,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The team that a group of the catalog is; none where there is no such group.
pub(super) async fn team_of_group(connection: &mut PgConnection, group: &EntityRef) -> Result<Option<TeamId>> {
    let team = query_scalar!(
        "select owner_id from entity where kind = 'group' and namespace = $1 and lower(name) = $2",
        group.namespace,
        group.name,
    )
    .fetch_optional(connection)
    .await?;
    Ok(team.flatten().map(TeamId))
}

/// Gives what a group owns to the team that it is now.
pub(super) async fn give_to_team(
    connection: &mut PgConnection,
    group: &EntityRef,
    team: TeamId,
) -> Result<Vec<(EntityId, bool)>> {
    let rows = query!(
        "update entity set owner_id = $2
         where owner_ref = $1 and owner_id is distinct from $2
         returning id, restricted",
        group.to_string(),
        team.0,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (EntityId(row.id), row.restricted)).collect())
}

#[derive(Debug, Serialize)]
pub(super) struct Event {
    pub id: Uuid,
    pub entity_id: EntityId,
    pub what: EntityEventKind,
    pub changes: Vec<FieldChange>,
    pub difference: Option<String>,
}

/// What the descriptors of these entities said until now; new ones are left out.
pub(super) async fn descriptors(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<EntityId, Value>> {
    let rows = query!("select id, descriptor from entity where id = any($1)", ids).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (EntityId(row.id), row.descriptor)).collect())
}

pub(super) async fn write_events(
    connection: &mut PgConnection,
    events: &[Event],
    source: Option<SourceId>,
    person: Option<PersonId>,
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "insert into entity_event (id, entity_id, at, what, changes, difference, source_id, person_id)
         select id, entity_id, $2, what, changes, difference, $3, $4
         from jsonb_to_recordset($1) as given (id uuid, entity_id uuid, what text, changes jsonb, difference text)",
        serde_json::to_value(events)?,
        now,
        source.map(|source| source.0),
        person.map(|person| person.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}
