//! What ownership asks of Postgres: who owns, who has no owner, and moving from one team to another.

use model::{EntityId, EntityRef, Kind, PersonId, TeamId};
use sqlx::{PgConnection, query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    import_sql::Event,
    ownership::{Movable, Suggested, Unowned, Why},
    sql::reference,
};
use crate::{authz::Scope, error::Result};

/// What each of these was moved to, of those that were moved.
pub(super) async fn overrides(
    connection: &mut PgConnection,
    references: &[EntityRef],
) -> Result<Vec<(EntityRef, EntityId, String)>> {
    let part = |part: fn(&EntityRef) -> String| references.iter().map(part).collect::<Vec<_>>();
    let rows = query!(
        r#"select entity.id, entity.kind, entity.namespace, entity.name, ownership_override.owner_ref
           from unnest($1::text[], $2::text[], $3::text[]) as wanted (kind, namespace, name)
           join entity on entity.kind = wanted.kind
               and entity.namespace = wanted.namespace
               and lower(entity.name) = wanted.name
           join ownership_override on entity_id = entity.id"#,
        &part(|reference| reference.kind.to_string()),
        &part(|reference| reference.namespace.clone()),
        &part(|reference| reference.name.clone()),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Ok((reference(&row.kind, &row.namespace, &row.name)?, EntityId(row.id), row.owner_ref)))
        .collect()
}

pub(super) async fn forget(connection: &mut PgConnection, entities: &[Uuid]) -> Result<()> {
    query!("delete from ownership_override where entity_id = any($1)", entities).execute(connection).await?;
    Ok(())
}

/// The group that a team is in the catalog, the first where there are several.
pub(super) async fn group_of(connection: &mut PgConnection, team: TeamId) -> Result<Option<EntityRef>> {
    let row = query!(
        "select kind, namespace, name from entity
         where kind = 'group' and owner_id = $1
         order by created_at, id
         limit 1",
        team.0,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| reference(&row.kind, &row.namespace, &row.name)).transpose()
}

/// What a team owns by name, groups and users left out; of `only` where that is given.
pub(super) async fn movable(
    connection: &mut PgConnection,
    scope: &Scope,
    team: TeamId,
    only: Option<&[Uuid]>,
    limit: i64,
) -> Result<Vec<Movable>> {
    let rows = query!(
        r#"select id, kind, namespace, name, title, owner_ref, restricted, descriptor #>> '{spec,owner}' as stated
           from entity
           where owner_id = $1
               and kind not in ('group', 'user')
               and ($2::uuid[] is null or id = any($2))
               and ($4::bool or ($5::bool and not restricted) or owner_id = any($6) or id = any($7))
           order by sort_name, id
           limit $3"#,
        team.0,
        only,
        limit,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Movable {
                id: EntityId(row.id),
                reference: reference(&row.kind, &row.namespace, &row.name)?,
                title: row.title.unwrap_or(row.name),
                owner: row.owner_ref,
                stated: row.stated,
                restricted: row.restricted,
                granted: false,
            })
        })
        .collect()
}

/// One entity as it is moved, locked; with the team that owns it.
pub(super) async fn one(connection: &mut PgConnection, id: EntityId) -> Result<Option<(Movable, Option<TeamId>)>> {
    let row = query!(
        r#"select id, kind, namespace, name, title, owner_ref, owner_id, restricted,
                  descriptor #>> '{spec,owner}' as stated
           from entity
           where id = $1 and kind not in ('group', 'user')
           for update"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let movable = Movable {
            id: EntityId(row.id),
            reference: reference(&row.kind, &row.namespace, &row.name)?,
            title: row.title.unwrap_or(row.name),
            owner: row.owner_ref,
            stated: row.stated,
            restricted: row.restricted,
            granted: false,
        };
        Ok((movable, row.owner_id.map(TeamId)))
    })
    .transpose()
}

/// Who moved something, when and why.
pub(super) struct Mover<'a> {
    pub person: Option<PersonId>,
    pub at: OffsetDateTime,
    pub note: &'a str,
}

/// Gives these entities to a team: in their rows, in what they state, and in what is kept over the next reading.
pub(super) async fn set_owner(
    connection: &mut PgConnection,
    entities: &[Uuid],
    team: TeamId,
    group: &EntityRef,
    kept: &[Uuid],
    mover: &Mover<'_>,
) -> Result<()> {
    query!(
        "update entity set owner_id = $2, owner_ref = $3, updated_at = $4 where id = any($1)",
        entities,
        team.0,
        group.to_string(),
        mover.at,
    )
    .execute(&mut *connection)
    .await?;
    query!("delete from relation where from_id = any($1) and type = 'ownedBy'", entities)
        .execute(&mut *connection)
        .await?;
    query!(
        "insert into relation (from_id, type, to_kind, to_namespace, to_name, to_id)
         select moved.id, 'ownedBy', 'group', $2, $3,
                (select id from entity where kind = 'group' and namespace = $2 and lower(name) = $3)
         from unnest($1::uuid[]) as moved (id)",
        entities,
        group.namespace,
        group.name,
    )
    .execute(&mut *connection)
    .await?;
    forget(connection, entities).await?;
    query!(
        "insert into ownership_override (entity_id, owner_ref, moved_by, moved_at, note)
         select moved.id, $2, $3, $4, $5 from unnest($1::uuid[]) as moved (id)",
        kept,
        group.to_string(),
        mover.person.map(|person| person.0),
        mover.at,
        mover.note,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn write_events(connection: &mut PgConnection, events: &[Event], mover: &Mover<'_>) -> Result<()> {
    query!(
        "insert into entity_event (id, entity_id, at, what, changes, person_id)
         select id, entity_id, $2, what, changes, $3
         from jsonb_to_recordset($1) as given (id uuid, entity_id uuid, what text, changes jsonb)",
        serde_json::to_value(events)?,
        mover.at,
        mover.person.map(|person| person.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether somebody holds a role in a team now.
pub(super) async fn has_people(connection: &mut PgConnection, team: TeamId, now: OffsetDateTime) -> Result<bool> {
    Ok(query_scalar!(
        r#"select exists (
               select from role_binding
               where team_id = $1 and ended_at is null and (expires_at is null or expires_at > $2)
           ) as "there!""#,
        team.0,
        now,
    )
    .fetch_one(connection)
    .await?)
}

/// What names no owner, by name.
pub(super) async fn without_owner(connection: &mut PgConnection, scope: &Scope, limit: i64) -> Result<Vec<Unowned>> {
    let rows = query!(
        r#"select id, kind, namespace, name, title, owner_ref
           from entity
           where owner_ref is null and kind in ('component', 'api', 'resource', 'system', 'domain', 'template')
               and ($2::bool or ($3::bool and not restricted) or owner_id = any($4) or id = any($5))
           order by sort_name, id
           limit $1"#,
        limit,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| unowned(row.id, (&row.kind, &row.namespace, row.name, row.title), row.owner_ref, Why::NoOwner))
        .collect()
}

/// What names an owner that is not in the catalog.
pub(super) async fn with_absent_owner(
    connection: &mut PgConnection,
    scope: &Scope,
    limit: i64,
) -> Result<Vec<Unowned>> {
    let rows = query!(
        r#"select entity.id, entity.kind, entity.namespace, entity.name, entity.title, entity.owner_ref
           from relation
           join entity on entity.id = from_id
           where relation.type = 'ownedBy' and to_id is null
               and entity.kind not in ('group', 'user')
               and ($2::bool or ($3::bool and not restricted) or owner_id = any($4) or entity.id = any($5))
           limit $1"#,
        limit,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| unowned(row.id, (&row.kind, &row.namespace, row.name, row.title), row.owner_ref, Why::OwnerAbsent))
        .collect()
}

/// What is owned by a group of the catalog in whose team nobody is.
pub(super) async fn with_empty_team(
    connection: &mut PgConnection,
    scope: &Scope,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Unowned>> {
    let rows = query!(
        r#"select entity.id, entity.kind, entity.namespace, entity.name, entity.title, entity.owner_ref
           from team
           join entity on owner_id = team.id
           where not exists (
                   select from role_binding
                   where team_id = team.id and ended_at is null and (expires_at is null or expires_at > $6)
               )
               and entity.kind not in ('group', 'user')
               and not exists (
                   select from relation where from_id = entity.id and relation.type = 'ownedBy' and to_id is null
               )
               and ($2::bool or ($3::bool and not restricted) or owner_id = any($4) or entity.id = any($5))
           limit $1"#,
        limit,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        now,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| unowned(row.id, (&row.kind, &row.namespace, row.name, row.title), row.owner_ref, Why::TeamEmpty))
        .collect()
}

fn unowned(
    id: Uuid,
    (kind, namespace, name, title): (&str, &str, String, Option<String>),
    owner: Option<String>,
    why: Why,
) -> Result<Unowned> {
    let reference = reference(kind, namespace, &name)?;
    Ok(Unowned { id: EntityId(id), reference, title: title.unwrap_or(name), owner, why, suggested: None })
}

/// Who might own each of these: teams with people in them, the best reason of each entity first.
pub(super) async fn suggested(
    connection: &mut PgConnection,
    scope: &Scope,
    entities: &[Uuid],
    now: OffsetDateTime,
) -> Result<Vec<(EntityId, Suggested)>> {
    // the annotation's first word, without the organisation before it: `@acme/payments` is payments
    let rows = query!(
        r#"with peopled as materialized (
               select distinct team.id, team.name
               from team
               join role_binding on team_id = team.id
               where ended_at is null and (expires_at is null or expires_at > $7)
           ),
           candidate as (
               select asked.id as entity_id, found.*
               from unnest($1::uuid[]) as asked (id)
               join entity on entity.id = asked.id
               cross join lateral (
                   select 1 as place, peopled.id as team_id, peopled.name as team, 1::bigint as votes, null::text as by
                   from peopled
                   where lower(peopled.name) = lower(regexp_replace(
                       split_part(annotations ->> 'rampart.dev/codeowners', ' ', 1), '^(.*/|@)', ''
                   ))
                   union all
                   select 2, peopled.id, peopled.name, 1, coalesce(other.title, other.name)
                   from relation
                   join entity other on other.id = to_id
                   join peopled on peopled.id = other.owner_id
                   where from_id = asked.id and relation.type = 'partOf' and to_kind = 'system'
                       and ($3::bool or ($4::bool and not other.restricted) or other.owner_id = any($5)
                           or other.id = any($6))
                   union all
                   select 3, peopled.id, peopled.name, count(*), null
                   from (
                       (select to_id as id from relation
                        where from_id = asked.id and type <> 'ownedBy' and to_id is not null
                        limit $2)
                       union all
                       (select from_id from relation where to_id = asked.id and type <> 'ownedBy' limit $2)
                   ) beside
                   join entity other on other.id = beside.id and other.kind not in ('group', 'user')
                   join peopled on peopled.id = other.owner_id
                   where ($3::bool or ($4::bool and not other.restricted) or other.owner_id = any($5)
                       or other.id = any($6))
                   group by peopled.id, peopled.name
                   union all
                   select 4, peopled.id, peopled.name, 1, null
                   from entity_event
                   join role_binding on role_binding.person_id = entity_event.person_id and ended_at is null
                   join peopled on peopled.id = role_binding.team_id
                   where entity_event.entity_id = asked.id and what = 'created'
               ) found
               where entity.owner_id is distinct from found.team_id
           )
           select distinct on (entity_id) entity_id as "entity_id!", place as "place!", team_id as "team_id!",
                  team as "team!", votes as "votes!", by
           from candidate
           order by entity_id, place, votes desc, team"#,
        entities,
        50_i64,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        now,
    )
    .fetch_all(connection)
    .await?;
    let suggested = rows.into_iter().map(|row| {
        let because = match row.place {
            1 => "its annotation rampart.dev/codeowners names them".to_owned(),
            2 => format!("owns its system {}", row.by.unwrap_or_default()),
            3 if row.votes == 1 => "owns what stands beside it".to_owned(),
            3 => format!("owns {} of what stands beside it", row.votes),
            _ => "somebody of theirs described it".to_owned(),
        };
        (EntityId(row.entity_id), Suggested { team: TeamId(row.team_id), name: row.team, because })
    });
    Ok(suggested.collect())
}

/// What the card of an owner says, and what it is made from.
pub(super) struct Card {
    pub team: Option<(TeamId, String, String)>,
    pub annotations: serde_json::Value,
    pub stated: Option<String>,
    pub moved: Option<(Option<String>, OffsetDateTime, String)>,
    pub group: Option<Group>,
}

/// A team as its Group describes it.
pub(super) struct Group {
    pub id: EntityId,
    pub restricted: bool,
    pub reference: EntityRef,
    pub description: Option<String>,
    pub annotations: serde_json::Value,
    pub mail: Option<String>,
}

pub(super) async fn card(connection: &mut PgConnection, id: EntityId) -> Result<Option<Card>> {
    let row = query!(
        r#"select entity.owner_id, team.name as "team?", team.display_name as "display_name?", annotations,
                  entity.descriptor #>> '{spec,owner}' as stated,
                  moved_at as "moved_at?", note as "note?", person.display_name as "moved_by?"
           from entity
           left join team on team.id = entity.owner_id
           left join ownership_override on entity_id = entity.id
           left join person on person.id = moved_by
           where entity.id = $1"#,
        id.0,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let group = match row.owner_id {
        Some(team) => group(connection, TeamId(team)).await?,
        None => None,
    };
    let team = row.owner_id.zip(row.team).zip(row.display_name);
    Ok(Some(Card {
        team: team.map(|((id, name), shown)| (TeamId(id), name, shown)),
        annotations: row.annotations,
        stated: row.stated,
        moved: row.moved_at.map(|at| (row.moved_by, at, row.note.unwrap_or_default())),
        group,
    }))
}

pub(super) async fn group(connection: &mut PgConnection, team: TeamId) -> Result<Option<Group>> {
    let row = query!(
        r#"select id, kind, namespace, name, description, annotations, restricted,
                  descriptor #>> '{spec,profile,email}' as mail
           from entity
           where kind = 'group' and owner_id = $1
           order by created_at, id
           limit 1"#,
        team.0,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(Group {
            id: EntityId(row.id),
            restricted: row.restricted,
            reference: reference(&row.kind, &row.namespace, &row.name)?,
            description: row.description,
            annotations: row.annotations,
            mail: row.mail,
        })
    })
    .transpose()
}

/// Who leads a team now, at most three.
pub(super) async fn leads(
    connection: &mut PgConnection,
    team: TeamId,
    now: OffsetDateTime,
) -> Result<Vec<(PersonId, String, Option<String>)>> {
    let rows = query!(
        "select person.id, display_name, email
         from person
         where active and exists (
             select from role_binding
             where person_id = person.id and team_id = $1 and role = 'team_lead'
                 and ended_at is null and (expires_at is null or expires_at > $2)
         )
         order by display_name, id
         limit 3",
        team.0,
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (PersonId(row.id), row.display_name, row.email)).collect())
}

/// Groups above and below a group, as either end states it; above first.
pub(super) async fn family(
    connection: &mut PgConnection,
    scope: &Scope,
    group: EntityId,
) -> Result<Vec<(bool, EntityRef, String)>> {
    let rows = query!(
        r#"select distinct above as "above!", kind as "kind!", namespace as "namespace!", name as "name!", title
           from (
               select to_id as id, relation.type = 'childOf' as above
               from relation where from_id = $1 and type in ('childOf', 'parentOf') and to_id is not null
               union
               select from_id, relation.type = 'parentOf'
               from relation where to_id = $1 and type in ('childOf', 'parentOf')
           ) beside
           join entity on entity.id = beside.id
           where ($2::bool or ($3::bool and not restricted) or owner_id = any($4) or entity.id = any($5))
           order by 1 desc, 4
           limit 200"#,
        group.0,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let reference = reference(&row.kind, &row.namespace, &row.name)?;
            Ok((row.above, reference, row.title.unwrap_or(row.name)))
        })
        .collect()
}

/// Whether a name may be a group's: what a team without a Group is stated as.
pub(super) fn group_named(team: &str) -> Option<EntityRef> {
    model::catalog::is_name(team).then(|| EntityRef::new(Kind::Group, model::catalog::DEFAULT_NAMESPACE, team))
}

/// Whether what an entity names as its owner is not in the catalog.
pub(super) async fn owner_is_absent(connection: &mut PgConnection, entity: EntityId) -> Result<bool> {
    Ok(query_scalar!(
        r#"select exists (
               select from relation where from_id = $1 and type = 'ownedBy' and to_id is null
           ) as "absent!""#,
        entity.0,
    )
    .fetch_one(connection)
    .await?)
}
