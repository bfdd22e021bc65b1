//! What the catalog asks of Postgres.

use model::{
    EntityDetail, EntityId, EntityRef, EntitySummary, Kind, Link, Origin, PersonId, RelationType, SourceId, SourceKind,
    TeamId,
    entity::{DocumentError, EntityEvent, EntityEventKind, FieldChange, Source},
};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, query, query_as, query_scalar, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Entity, shelf};
use crate::{
    authz::Facts,
    error::{Error, Result},
};

// ---- one entity

pub(super) async fn entity(connection: &mut PgConnection, id: EntityId, lock: bool) -> Result<Option<Entity>> {
    if lock {
        query!("select id from entity where id = $1 for update", id.0).fetch_optional(&mut *connection).await?;
    }
    Ok(query_as!(
        Entity,
        r#"select entity.id as "id: EntityId", kind, namespace, entity.name, title,
                  owner_id as "owner: TeamId", team.name as "owner_name?", tier, lifecycle, restricted
           from entity
           left join team on team.id = owner_id
           where entity.id = $1"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?)
}

pub(super) async fn entity_named(
    connection: &mut PgConnection,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<Option<Entity>> {
    Ok(query_as!(
        Entity,
        r#"select entity.id as "id: EntityId", kind, namespace, entity.name, title,
                  owner_id as "owner: TeamId", team.name as "owner_name?", tier, lifecycle, restricted
           from entity
           left join team on team.id = owner_id
           where kind = $1 and namespace = $2 and lower(entity.name) = $3"#,
        kind,
        namespace,
        name,
    )
    .fetch_optional(connection)
    .await?)
}

pub(super) async fn detail(connection: &mut PgConnection, id: EntityId) -> Result<Option<EntityDetail>> {
    let row = query!(
        r#"select entity.kind, namespace, entity.name, title, description, type as kind_type, lifecycle, tier,
                  owner_ref, team.name as "team?", system_ref, domain_ref, tags, restricted, updated_at,
                  entity.created_at, descriptor, labels, annotations,
                  links as "links: Json<Vec<Link>>",
                  source.kind as "source_kind?: SourceKind", source.name as "source_name?", source_file, source_line
           from entity
           left join team on team.id = owner_id
           left join source on source.id = source_id
           where entity.id = $1"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let origin = match (row.source_kind, row.source_name) {
        (Some(kind), Some(source)) => Some(Origin {
            kind,
            source,
            file: row.source_file.unwrap_or_default(),
            line: row.source_line.and_then(|line| u32::try_from(line).ok()).unwrap_or(1),
        }),
        _ => None,
    };
    Ok(Some(EntityDetail {
        summary: EntitySummary {
            id,
            reference: reference(&row.kind, &row.namespace, &row.name)?,
            name: row.name,
            title: row.title,
            description: row.description,
            kind_type: row.kind_type,
            lifecycle: row.lifecycle,
            tier: row.tier,
            owner: row.owner_ref,
            team: row.team,
            system: row.system_ref,
            tags: row.tags,
            restricted: row.restricted,
            updated_at: row.updated_at,
        },
        domain: row.domain_ref,
        labels: serde_json::from_value(row.labels)?,
        annotations: serde_json::from_value(row.annotations)?,
        links: row.links.0,
        relations: Vec::new(),
        origin,
        descriptor: row.descriptor,
        created_at: row.created_at,
    }))
}

/// The other end of a relation.
pub(super) struct End {
    /// As the one states it that states it.
    pub relation: RelationType,
    pub stated_here: bool,
    pub other: EntityRef,
    pub title: Option<String>,
    /// None where there is no such entity.
    pub facts: Option<Facts>,
}

pub(super) async fn relations(connection: &mut PgConnection, id: EntityId) -> Result<Vec<End>> {
    let rows = query!(
        r#"select relation.type as "relation!", true as "stated_here!",
                  to_kind as "kind!", to_namespace as "namespace!", to_name as "name!",
                  other.id as "other_id?", other.title as "title?", other.owner_id as "owner_id?",
                  other.restricted as "restricted?"
           from relation
           left join entity other on other.id = to_id
           where from_id = $1
           union all
           select relation.type, false, other.kind, other.namespace, lower(other.name),
                  other.id, other.title, other.owner_id, other.restricted
           from relation
           join entity other on other.id = from_id
           where to_id = $1"#,
        id.0,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(End {
                relation: row.relation.parse().map_err(Error::internal)?,
                stated_here: row.stated_here,
                other: reference(&row.kind, &row.namespace, &row.name)?,
                title: row.title,
                facts: row.other_id.map(|id| Facts {
                    owner: row.owner_id.map(TeamId),
                    entity: Some(EntityId(id)),
                    restricted: row.restricted.unwrap_or(true),
                    ..Facts::default()
                }),
            })
        })
        .collect()
}

pub(super) fn reference(kind: &str, namespace: &str, name: &str) -> Result<EntityRef> {
    Ok(EntityRef::new(kind.parse::<Kind>().map_err(Error::internal)?, namespace, name))
}

/// The newest hundred.
pub(super) async fn events(connection: &mut PgConnection, id: EntityId) -> Result<Vec<EntityEvent>> {
    let rows = query!(
        r#"select at, what as "what: EntityEventKind", changes as "changes: Json<Vec<FieldChange>>",
                  source.name as "source?", person.display_name as "by?"
           from entity_event
           left join source on source.id = source_id
           left join person on person.id = person_id
           where entity_id = $1
           order by at desc, entity_event.id desc
           limit 100"#,
        id.0,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| EntityEvent { at: row.at, what: row.what, changes: row.changes.0, source: row.source, by: row.by })
        .collect())
}

// ---- the shelf

pub(super) async fn revision(connection: &mut PgConnection) -> Result<i64> {
    Ok(query_scalar!("select revision from catalog_revision").fetch_one(connection).await?)
}

pub(super) async fn shelf(connection: &mut PgConnection) -> Result<Vec<shelf::Row>> {
    Ok(query_as!(
        shelf::Row,
        r#"select id as "id: EntityId", kind, namespace, name, title, type as kind_type, lifecycle, owner_ref,
                  owner_id as "owner: TeamId", system_ref, tags, restricted, search
           from entity
           order by sort_name, id"#,
    )
    .fetch_all(connection)
    .await?)
}

// ---- imports

/// Imports wait for each other: each reads what is there before it decides what changes.
pub(super) async fn lock_imports(connection: &mut PgConnection) -> Result<()> {
    query!("select revision from catalog_revision for update").fetch_one(connection).await?;
    Ok(())
}

pub(super) async fn upsert_source(
    connection: &mut PgConnection,
    id: SourceId,
    kind: SourceKind,
    name: &str,
    errors: &[DocumentError],
    now: OffsetDateTime,
) -> Result<SourceId> {
    let id = query_scalar!(
        "insert into source (id, kind, name, created_at, read_at, errors)
         values ($1, $2, $3, $4, $4, $5)
         on conflict on constraint source_name_key do update
         set read_at = excluded.read_at, errors = excluded.errors
         returning id",
        id.0,
        kind.as_str(),
        name,
        now,
        serde_json::to_value(errors)?,
    )
    .fetch_one(connection)
    .await?;
    Ok(SourceId(id))
}

pub(super) async fn set_source_errors(
    connection: &mut PgConnection,
    id: SourceId,
    errors: &[DocumentError],
) -> Result<()> {
    query!("update source set errors = $2 where id = $1", id.0, serde_json::to_value(errors)?)
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
}

pub(super) async fn existing(connection: &mut PgConnection, references: &[EntityRef]) -> Result<Vec<Existing>> {
    let part = |part: fn(&EntityRef) -> String| references.iter().map(part).collect::<Vec<_>>();
    let rows = query!(
        r#"select entity.id, entity.kind, entity.namespace, entity.name, source_id, source.kind as "source_kind?: SourceKind",
                  source.name as "source_name?", source_file, source_line, digest, owner_id, title, type as kind_type,
                  lifecycle, tier, owner_ref, system_ref, restricted, tags
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
             updated_at = excluded.updated_at",
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
}

pub(super) async fn write_events(
    connection: &mut PgConnection,
    events: &[Event],
    source: SourceId,
    person: Option<PersonId>,
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "insert into entity_event (id, entity_id, at, what, changes, source_id, person_id)
         select id, entity_id, $2, what, changes, $3, $4
         from jsonb_to_recordset($1) as given (id uuid, entity_id uuid, what text, changes jsonb)",
        serde_json::to_value(events)?,
        now,
        source.0,
        person.map(|person| person.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

// ---- sources

pub(super) async fn sources(connection: &mut PgConnection) -> Result<Vec<Source>> {
    let rows = query!(
        r#"select source.id, source.kind as "kind: SourceKind", source.name, read_at,
                  errors as "errors: Json<Vec<DocumentError>>",
                  (select count(*) from entity where source_id = source.id) as "entities!"
           from source
           order by source.name, source.kind"#,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Source {
            id: SourceId(row.id),
            kind: row.kind,
            name: row.name,
            read_at: row.read_at,
            entities: u64::try_from(row.entities).unwrap_or_default(),
            errors: row.errors.0,
        })
        .collect())
}

// ---- unmatched

/// An entity that stands for somebody or for a team.
pub(super) struct Standing {
    pub id: EntityId,
    pub namespace: String,
    pub name: String,
    pub title: Option<String>,
    pub owner: Option<TeamId>,
    pub restricted: bool,
}

/// Groups whose team nobody was ever put into.
pub(super) async fn groups_without_people(connection: &mut PgConnection) -> Result<Vec<Standing>> {
    Ok(query_as!(
        Standing,
        r#"select id as "id: EntityId", namespace, name, title, owner_id as "owner: TeamId", restricted
           from entity
           where kind = 'group'
               and not exists (select from role_binding where team_id = entity.owner_id)
           order by sort_name, id
           limit 500"#,
    )
    .fetch_all(connection)
    .await?)
}

/// Users that are no person who has signed in: by the provider's subject, the address, or the name.
pub(super) async fn users_without_person(connection: &mut PgConnection) -> Result<Vec<Standing>> {
    Ok(query_as!(
        Standing,
        r#"select id as "id: EntityId", namespace, name, title, owner_id as "owner: TeamId", restricted
           from entity
           where kind = 'user'
               and not exists (select from person where subject = entity.annotations ->> 'rampart.dev/subject')
               and not exists (
                   select from person where lower(email) = lower(entity.descriptor #>> '{spec,profile,email}')
               )
               and not exists (select from person where subject = entity.name)
           order by sort_name, id
           limit 500"#,
    )
    .fetch_all(connection)
    .await?)
}

/// Teams with people in them that no Group is.
pub(super) async fn teams_without_group(connection: &mut PgConnection) -> Result<Vec<(TeamId, String)>> {
    let rows = query!(
        "select id, name
         from team
         where exists (select from role_binding where team_id = team.id)
             and not exists (select from entity where kind = 'group' and owner_id = team.id)
         order by name
         limit 500",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (TeamId(row.id), row.name)).collect())
}

/// People whom no User is.
pub(super) async fn people_without_user(
    connection: &mut PgConnection,
) -> Result<Vec<(PersonId, String, Option<String>)>> {
    let rows = query!(
        "select id, display_name, email
         from person
         where active
             and not exists (
                 select from entity where kind = 'user' and annotations ->> 'rampart.dev/subject' = person.subject
             )
             and not exists (
                 select from entity
                 where kind = 'user' and lower(descriptor #>> '{spec,profile,email}') = lower(person.email)
             )
             and not exists (select from entity where kind = 'user' and entity.name = person.subject)
         order by display_name, id
         limit 500",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (PersonId(row.id), row.display_name, row.email)).collect())
}
