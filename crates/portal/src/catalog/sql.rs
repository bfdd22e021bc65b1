//! What the catalog asks of Postgres.

use futures::Stream;
use model::{
    EntityDetail, EntityId, EntityRef, EntitySummary, Kind, Link, Origin, PersonId, RelationType, SourceKind, TeamId,
    entity::{Binned, EntityEvent, EntityEventKind, FieldChange},
};
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

/// Of these names, as kinds, namespaces and lower-case names in step, those that there are; each with its place.
pub(super) async fn entities_named(
    connection: &mut PgConnection,
    kinds: &[String],
    namespaces: &[String],
    names: &[String],
) -> Result<Vec<(i64, Entity)>> {
    let rows = query!(
        r#"select place as "place!", entity.id as "id: EntityId", entity.kind, entity.namespace, entity.name, title,
                  owner_id as "owner: TeamId", team.name as "owner_name?", tier, lifecycle, restricted
           from unnest($1::text[], $2::text[], $3::text[]) with ordinality as asked (kind, namespace, name, place)
           join entity on entity.kind = asked.kind and entity.namespace = asked.namespace
                and lower(entity.name) = asked.name
           left join team on team.id = owner_id"#,
        kinds,
        namespaces,
        names,
    )
    .fetch_all(connection)
    .await?;
    let entities = rows.into_iter().map(|row| {
        let entity = Entity {
            id: row.id,
            kind: row.kind,
            namespace: row.namespace,
            name: row.name,
            title: row.title,
            owner: row.owner,
            owner_name: row.owner_name,
            tier: row.tier,
            lifecycle: row.lifecycle,
            restricted: row.restricted,
        };
        (row.place, entity)
    });
    Ok(entities.collect())
}

pub(super) async fn detail(connection: &mut PgConnection, id: EntityId) -> Result<Option<EntityDetail>> {
    let row = query!(
        r#"select entity.kind, namespace, entity.name, title, description, type as kind_type, lifecycle, tier,
                  owner_ref, team.name as "team?", system_ref, domain_ref, tags, restricted, updated_at,
                  entity.created_at, descriptor, labels, annotations,
                  links as "links: Json<Vec<Link>>",
                  source.kind as "source_kind?: SourceKind", source.name as "source_name?", source_file, source_line,
                  binned_at, binned_because
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
        also_described: Vec::new(),
        binned: row.binned_at.map(|since| Binned::new(since, row.binned_because.unwrap_or_default())),
        descriptor: row.descriptor,
        created_at: row.created_at,
    }))
}

/// Since when the entity is in the bin; none where it is not there.
pub(super) async fn binned(connection: &mut PgConnection, id: EntityId) -> Result<Option<OffsetDateTime>> {
    Ok(query_scalar!("select binned_at from entity where id = $1", id.0).fetch_optional(connection).await?.flatten())
}

/// The sources that describe an entity and do not hold it, those that began first first.
pub(super) async fn also_described(connection: &mut PgConnection, id: EntityId) -> Result<Vec<Origin>> {
    let rows = query!(
        r#"select source.kind as "kind: SourceKind", source.name, file, line
           from source_conflict
           join source on source.id = source_id
           where entity_id = $1
           order by since, source_id"#,
        id.0,
    )
    .fetch_all(connection)
    .await?;
    let origin = |kind, source, file, line| Origin { kind, source, file, line: u32::try_from(line).unwrap_or(1) };
    Ok(rows.into_iter().map(|row| origin(row.kind, row.name, row.file, row.line)).collect())
}

/// Who names a reference, with what they state: entities outside the bin.
pub(super) async fn naming(connection: &mut PgConnection, named: &EntityRef) -> Result<Vec<End>> {
    let rows = query!(
        r#"select relation.type as "relation", other.kind, other.namespace, other.name, other.id as "id: EntityId",
                  other.title, other.owner_id as "owner: TeamId", other.restricted
           from relation
           join entity other on other.id = from_id and other.binned_at is null
           where (to_id is null and to_kind = $1 and to_namespace = $2 and to_name = $3)
               or to_id = (
                   select id from entity where kind = $1 and namespace = $2 and lower(name) = $3
               )
           order by other.sort_name, other.id
           limit 1000"#,
        named.kind.as_str(),
        named.namespace,
        named.name,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(End {
                relation: row.relation.parse().map_err(Error::internal)?,
                stated_here: false,
                other: reference(&row.kind, &row.namespace, &row.name)?,
                title: row.title,
                facts: Some(Facts {
                    owner: row.owner,
                    entity: Some(row.id),
                    restricted: row.restricted,
                    ..Facts::default()
                }),
            })
        })
        .collect()
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
           left join entity other on other.id = to_id and other.binned_at is null
           where from_id = $1
           union all
           select relation.type, false, other.kind, other.namespace, lower(other.name),
                  other.id, other.title, other.owner_id, other.restricted
           from relation
           join entity other on other.id = from_id and other.binned_at is null
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
    Ok(EntityRef::new(Kind::stored(kind), namespace, name))
}

/// The newest hundred.
pub(super) async fn events(connection: &mut PgConnection, id: EntityId) -> Result<Vec<EntityEvent>> {
    let rows = query!(
        r#"select at, what as "what: EntityEventKind", changes as "changes: Json<Vec<FieldChange>>", difference,
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
        .map(|row| EntityEvent {
            at: row.at,
            what: row.what,
            changes: row.changes.0,
            source: row.source,
            by: row.by,
            difference: row.difference,
        })
        .collect())
}

// ---- the shelf

/// Before the first revision: what changed since is everything.
pub(super) const EVERYTHING: i64 = -1;

pub(super) async fn moment(connection: &mut PgConnection) -> Result<shelf::Moment> {
    Ok(query_as!(shelf::Moment, "select revision, deleted from catalog_revision").fetch_one(connection).await?)
}

/// What came or changed since a revision.
pub(super) fn shelf(connection: &mut PgConnection, since: i64) -> impl Stream<Item = sqlx::Result<shelf::Row>> {
    query_as!(
        shelf::Row,
        r#"select id as "id: EntityId", kind, namespace, name, title, type as kind_type, lifecycle, owner_ref,
                  owner_id as "owner: TeamId", system_ref, tags, restricted, search, sort_name, updated_at,
                  array(select key || '=' || value from jsonb_each_text(labels)) as "labels!",
                  binned_at is not null as "binned!"
           from entity
           where revision > $1"#,
        since,
    )
    .fetch(connection)
}

// ---- lists

/// As the lists show them, in this order, each with what decides who may see it.
pub(super) async fn summaries(connection: &mut PgConnection, ids: &[EntityId]) -> Result<Vec<(Facts, EntitySummary)>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = query!(
        r#"select entity.id, kind, namespace, entity.name, title, left(description, 300) as description,
                  type as kind_type, lifecycle, tier, owner_ref, team.name as "team?", system_ref, tags, restricted,
                  updated_at, owner_id
           from unnest($1::uuid[]) with ordinality as listed (id, place)
           join entity on entity.id = listed.id and binned_at is null
           left join team on team.id = owner_id
           order by place"#,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = EntityId(row.id);
            let facts = Facts {
                owner: row.owner_id.map(TeamId),
                entity: Some(id),
                restricted: row.restricted,
                ..Facts::default()
            };
            let summary = EntitySummary {
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
            };
            Ok((facts, summary))
        })
        .collect()
}

/// As they were given, in this order.
pub(super) async fn descriptors(connection: &mut PgConnection, ids: &[EntityId]) -> Result<Vec<Value>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    Ok(query_scalar!(
        "select descriptor
         from unnest($1::uuid[]) with ordinality as listed (id, place)
         join entity on entity.id = listed.id
         order by place",
        &ids,
    )
    .fetch_all(connection)
    .await?)
}

/// The kinds that there are entities of.
pub(super) async fn kinds(connection: &mut PgConnection) -> Result<Vec<String>> {
    Ok(query_scalar!("select distinct kind from entity").fetch_all(connection).await?)
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
               and binned_at is null
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
               and binned_at is null
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
             and not exists (select from entity where kind = 'group' and binned_at is null and owner_id = team.id)
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
                 select from entity
                 where kind = 'user' and binned_at is null and annotations ->> 'rampart.dev/subject' = person.subject
             )
             and not exists (
                 select from entity
                 where kind = 'user' and binned_at is null
                     and lower(descriptor #>> '{spec,profile,email}') = lower(person.email)
             )
             and not exists (
                 select from entity where kind = 'user' and binned_at is null and entity.name = person.subject
             )
         order by display_name, id
         limit 500",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (PersonId(row.id), row.display_name, row.email)).collect())
}
