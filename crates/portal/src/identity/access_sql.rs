//! What roles ask of Postgres.

use model::{
    BindingId, EntityId, PersonId, RequestId, TeamId,
    access::{HeldRole, RoleSource, TeamChoice},
    request::{Named, RequestNumber},
};
use sqlx::{PgConnection, query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    access::{Covering, RoleBinding, Team, Through},
    sql,
};
use crate::{
    authz::{Reach, RoleName, Scope},
    error::{Error, Result},
};

pub(super) async fn team(connection: &mut PgConnection, id: TeamId, lock: bool) -> Result<Option<Team>> {
    if lock {
        query!("select id from team where id = $1 for update", id.0).fetch_optional(&mut *connection).await?;
    }
    Ok(query_as!(Team, r#"select id as "id: TeamId", name from team where id = $1"#, id.0)
        .fetch_optional(connection)
        .await?)
}

pub(super) async fn team_named(connection: &mut PgConnection, name: &str) -> Result<Option<TeamId>> {
    let team = query_scalar!("select id from team where name = $1", name).fetch_optional(connection).await?;
    Ok(team.map(TeamId))
}

pub(super) async fn teams(connection: &mut PgConnection) -> Result<Vec<TeamChoice>> {
    Ok(query_as!(TeamChoice, r#"select id as "id: TeamId", display_name as name from team order by display_name, id"#)
        .fetch_all(connection)
        .await?)
}

/// The active people with that id or address.
pub(super) async fn people_named(connection: &mut PgConnection, text: &str) -> Result<Vec<PersonId>> {
    let people = query_scalar!(
        "select id from person
         where active and (id = $1 or ($1 is null and lower(email) = lower($2)))
         order by id
         limit 2",
        text.parse::<Uuid>().ok(),
        text,
    )
    .fetch_all(connection)
    .await?;
    Ok(people.into_iter().map(PersonId).collect())
}

pub(super) async fn binding(connection: &mut PgConnection, id: BindingId, lock: bool) -> Result<Option<RoleBinding>> {
    if lock {
        query!("select id from role_binding where id = $1 for update", id.0).fetch_optional(&mut *connection).await?;
    }
    let row = query!(
        r#"select role_binding.id, person_id, role, team_id, role_binding.entity_id,
                  coalesce(team_id, entity.owner_id) as "owner_id?",
                  source, expires_at, ended_at
           from role_binding
           left join entity on entity.id = role_binding.entity_id
           where role_binding.id = $1"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let held = sql::binding(row.id, &row.role, row.team_id, row.entity_id)?;
        Ok(RoleBinding {
            id: held.id,
            person: PersonId(row.person_id),
            role: held.role,
            reach: held.reach,
            owner: row.owner_id.map(TeamId),
            source: parse_source(&row.source)?,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
        })
    })
    .transpose()
}

fn parse_source(source: &str) -> Result<RoleSource> {
    RoleSource::parse(source).ok_or_else(|| Error::internal(format!("unknown source {source:?}")))
}

fn columns(reach: Reach) -> (Option<Uuid>, Option<Uuid>) {
    match reach {
        Reach::Organisation => (None, None),
        Reach::Team(team) => (Some(team.0), None),
        Reach::Entity(entity) => (None, Some(entity.0)),
    }
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    binding: &RoleBinding,
    request: Option<RequestId>,
    now: OffsetDateTime,
) -> Result<()> {
    let (team, entity) = columns(binding.reach);
    query!(
        "insert into role_binding (id, person_id, role, team_id, entity_id, source, request_id, granted_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        binding.id.0,
        binding.person.0,
        binding.role.as_str(),
        team,
        entity,
        binding.source.as_str(),
        request.map(|id| id.0),
        now,
        binding.expires_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether somebody holds exactly this now.
pub(super) async fn holds(
    connection: &mut PgConnection,
    person: PersonId,
    role: RoleName,
    reach: Reach,
    now: OffsetDateTime,
) -> Result<bool> {
    let (team, entity) = columns(reach);
    Ok(query_scalar!(
        r#"select exists (
               select from role_binding
               where person_id = $1 and role = $2
                 and team_id is not distinct from $3 and entity_id is not distinct from $4
                 and ended_at is null and (expires_at is null or expires_at > $5)
           ) as "holds!""#,
        person.0,
        role.as_str(),
        team,
        entity,
        now,
    )
    .fetch_one(connection)
    .await?)
}

pub(super) async fn set_ended(connection: &mut PgConnection, binding: &RoleBinding) -> Result<()> {
    query!("update role_binding set ended_at = $2 where id = $1", binding.id.0, binding.ended_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Which of these entities somebody holds a role on.
pub(super) async fn with_roles(
    connection: &mut PgConnection,
    entities: &[EntityId],
    now: OffsetDateTime,
) -> Result<Vec<EntityId>> {
    let ids: Vec<Uuid> = entities.iter().map(|id| id.0).collect();
    let found = query_scalar!(
        r#"select distinct entity_id as "id!"
           from role_binding
           where entity_id = any($1) and ended_at is null and (expires_at is null or expires_at > $2)"#,
        &ids,
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(EntityId).collect())
}

/// Whoever holds a role over an entity, at most `limit`: on it, in the team that owns it, in the whole organisation.
pub(super) async fn covering(
    connection: &mut PgConnection,
    entity: EntityId,
    team: Option<TeamId>,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Covering>> {
    let rows = query!(
        r#"select person.id as "person!", display_name as "name!", role as "role!", reach as "reach!",
                  source as "source!", covering.expires_at, request.number as "number?"
           from (
               select 1 as reach, person_id, role, source, request_id, expires_at
               from role_binding where entity_id = $1 and ended_at is null
               union all
               select 2, person_id, role, source, request_id, expires_at
               from role_binding where team_id = $2 and ended_at is null
               union all
               select 3, person_id, role, source, request_id, expires_at
               from role_binding where team_id is null and entity_id is null and ended_at is null
           ) covering
           join person on person.id = person_id
           left join request on request.id = request_id
           where active and (covering.expires_at is null or covering.expires_at > $3)
           order by reach, display_name, person.id, role
           limit $4"#,
        entity.0,
        team.map(|team| team.0),
        now,
        limit,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let unknown = || Error::internal(format!("unknown role {:?}", row.role));
            Ok(Covering {
                person: Named { id: PersonId(row.person), name: row.name },
                role: RoleName::parse(&row.role).ok_or_else(unknown)?,
                through: match row.reach {
                    1 => Through::Entity,
                    2 => Through::Team,
                    _ => Through::Organisation,
                },
                source: parse_source(&row.source)?,
                request: row.number.map(RequestNumber),
                expires_at: row.expires_at,
            })
        })
        .collect()
}

/// Roles whose time is over and that nobody has ended.
pub(super) async fn due(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<BindingId>> {
    let due = query_scalar!(
        "select id from role_binding where ended_at is null and expires_at <= $1 order by expires_at limit 500",
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(due.into_iter().map(BindingId).collect())
}

/// What a person holds, or what is held in a team and on what it owns, or, with neither, in the whole organisation.
/// Of entities that the reader may not see there is nothing, except for what they hold themselves.
pub(super) async fn held(
    connection: &mut PgConnection,
    person: Option<PersonId>,
    team: Option<TeamId>,
    catalog: &Scope,
    now: OffsetDateTime,
) -> Result<Vec<(RoleBinding, HeldRole)>> {
    let rows = query!(
        r#"select role_binding.id, person_id, person.display_name, role, team_id, role_binding.entity_id,
                  coalesce(team_id, entity.owner_id) as "owner_id?",
                  team.display_name as "team?",
                  entity.kind as "kind?", entity.namespace as "namespace?", entity.name as "name?",
                  source, granted_at, role_binding.expires_at, ended_at, request.number as "number?"
           from role_binding
           join person on person.id = person_id
           left join team on team.id = team_id
           left join entity on entity.id = role_binding.entity_id
           left join request on request.id = request_id
           where ended_at is null
             and (role_binding.expires_at is null or role_binding.expires_at > $3)
             and person.active
             and case
                 when $1::uuid is not null then person_id = $1
                 when $2::uuid is not null then team_id = $2 or entity.owner_id = $2
                 else team_id is null and role_binding.entity_id is null
             end
             and (
                 entity.id is null or $1::uuid is not null
                 or $4 or ($5 and not entity.restricted)
                 or entity.owner_id = any($6) or entity.id = any($7)
             )
           order by person.display_name, person_id, role, granted_at"#,
        person.map(|id| id.0),
        team.map(|id| id.0),
        now,
        catalog.everything,
        catalog.unrestricted,
        &catalog.team_ids(),
        &catalog.entity_ids(),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let held = sql::binding(row.id, &row.role, row.team_id, row.entity_id)?;
            let source = parse_source(&row.source)?;
            let binding = RoleBinding {
                id: held.id,
                person: PersonId(row.person_id),
                role: held.role,
                reach: held.reach,
                owner: row.owner_id.map(TeamId),
                source,
                expires_at: row.expires_at,
                ended_at: row.ended_at,
            };
            let entity = row.kind.zip(row.namespace).zip(row.name);
            let shown = HeldRole {
                id: held.id,
                person: Named { id: binding.person, name: row.display_name },
                role: row.role,
                role_label: held.role.label().to_owned(),
                href: entity.as_ref().map(|((kind, namespace), name)| format!("/catalog/{kind}/{namespace}/{name}")),
                place: row
                    .team
                    .or_else(|| entity.map(|((kind, namespace), name)| format!("{kind}:{namespace}/{name}"))),
                source,
                request: row.number.map(RequestNumber),
                granted_at: row.granted_at,
                expires_at: row.expires_at,
                may_end: false,
            };
            Ok((binding, shown))
        })
        .collect()
}
