//! What environments ask of Postgres.

use model::{
    EntityId, EnvironmentId, EnvironmentState, PersonId, RequestId, TeamId,
    environment::{EnvironmentSpec, LogLine},
};
use sqlx::{PgConnection, query, query_as, query_scalar, types::Json};
use time::OffsetDateTime;

use super::{Environment, EnvironmentKey, effects::EnvironmentMoment, state::Life, template::Template};
use crate::{authz::Scope, error::Result};

/// A row of `environment` with the names of who it belongs to.
pub(super) struct Row {
    pub id: EnvironmentId,
    pub name: String,
    pub request_id: RequestId,
    pub entity_id: Option<EntityId>,
    pub service: String,
    pub owner_id: Option<TeamId>,
    pub owner_name: Option<String>,
    pub restricted: bool,
    pub requester_id: PersonId,
    pub requester_name: String,
    pub purpose: String,
    pub spec: Json<EnvironmentSpec>,
    pub state: EnvironmentState,
    pub failure: Option<String>,
    pub attempts: i32,
    pub due_at: Option<OffsetDateTime>,
    pub created_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
    pub ready_at: Option<OffsetDateTime>,
    pub warned_at: Option<OffsetDateTime>,
    pub ended_at: Option<OffsetDateTime>,
    pub revealed_at: Option<OffsetDateTime>,
}

impl From<Row> for Environment {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            request: row.request_id,
            entity: row.entity_id,
            service: row.service,
            owner: row.owner_id,
            owner_name: row.owner_name,
            restricted: row.restricted,
            requester: row.requester_id,
            requester_name: row.requester_name,
            purpose: row.purpose,
            spec: row.spec.0,
            life: Life {
                state: row.state,
                created_at: row.created_at,
                expires_at: row.expires_at,
                ready_at: row.ready_at,
                warned_at: row.warned_at,
                ended_at: row.ended_at,
                failure: row.failure,
                attempts: row.attempts,
                due_at: row.due_at,
            },
            revealed_at: row.revealed_at,
        }
    }
}

pub(super) async fn environment(
    connection: &mut PgConnection,
    key: &EnvironmentKey,
    lock: bool,
) -> Result<Option<Environment>> {
    let (id, name) = match key {
        EnvironmentKey::Id(id) => (Some(id.0), None),
        EnvironmentKey::Name(name) => (None, Some(name.as_str())),
    };
    if lock {
        query!("select id from environment where id = $1 or name = $2 for update", id, name)
            .fetch_optional(&mut *connection)
            .await?;
    }
    let row = query_as!(
        Row,
        r#"select environment.id as "id: EnvironmentId",
                  environment.name,
                  request_id as "request_id: RequestId",
                  entity_id as "entity_id: EntityId",
                  service,
                  owner_id as "owner_id: TeamId",
                  team.name as "owner_name?",
                  restricted,
                  requester_id as "requester_id: PersonId",
                  person.display_name as requester_name,
                  purpose,
                  spec as "spec: Json<EnvironmentSpec>",
                  state as "state: EnvironmentState",
                  failure, attempts, due_at,
                  environment.created_at, expires_at, ready_at, warned_at, ended_at, revealed_at
           from environment
           join person on person.id = requester_id
           left join team on team.id = owner_id
           where environment.id = $1 or environment.name = $2"#,
        id,
        name,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Environment::from))
}

/// False where the request has made its environment already.
pub(super) async fn insert(connection: &mut PgConnection, environment: &Environment) -> Result<bool> {
    let made = query!(
        "insert into environment (
             id, name, request_id, entity_id, service, owner_id, restricted, requester_id, purpose, spec,
             template, provider, target, state, due_at, created_at, expires_at
         )
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         on conflict on constraint environment_request_key do nothing",
        environment.id.0,
        environment.name,
        environment.request.0,
        environment.entity.map(|entity| entity.0),
        environment.service,
        environment.owner.map(|owner| owner.0),
        environment.restricted,
        environment.requester.0,
        environment.purpose,
        Json(&environment.spec) as _,
        environment.spec.template,
        environment.spec.provider,
        environment.spec.target,
        environment.life.state.as_str(),
        environment.life.due_at,
        environment.life.created_at,
        environment.life.expires_at,
    )
    .execute(connection)
    .await?;
    Ok(made.rows_affected() == 1)
}

pub(super) async fn save_life(connection: &mut PgConnection, id: EnvironmentId, life: &Life) -> Result<()> {
    query!(
        "update environment
         set state = $2, failure = $3, attempts = $4, due_at = $5, expires_at = $6, ready_at = $7, warned_at = $8,
             ended_at = $9
         where id = $1",
        id.0,
        life.state.as_str(),
        life.failure,
        life.attempts,
        life.due_at,
        life.expires_at,
        life.ready_at,
        life.warned_at,
        life.ended_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn set_revealed(connection: &mut PgConnection, id: EnvironmentId, at: OffsetDateTime) -> Result<()> {
    query!("update environment set revealed_at = $2 where id = $1", id.0, at).execute(connection).await?;
    Ok(())
}

/// The catalog moved an entity to another owner, or made it restricted.
pub(super) async fn set_owner(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
) -> Result<()> {
    query!(
        "update environment set owner_id = $2, restricted = $3 where entity_id = $1",
        entity.0,
        owner.map(|owner| owner.0),
        restricted,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What is due, the longest waiting first; no more than a worker does in a while.
pub(super) async fn due(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<EnvironmentId>> {
    let ids = query_scalar!(r#"select id from environment where due_at <= $1 order by due_at limit 500"#, now)
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(EnvironmentId).collect())
}

pub(super) async fn insert_log(
    connection: &mut PgConnection,
    id: EnvironmentId,
    at: OffsetDateTime,
    step: &str,
    text: &str,
) -> Result<()> {
    query!(
        "insert into environment_log (environment_id, at, step, text) values ($1, $2, $3, $4)",
        id.0,
        at,
        step,
        text
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The newest `limit` lines after `after`, in the order in which they were written.
pub(super) async fn log(
    connection: &mut PgConnection,
    id: EnvironmentId,
    after: i64,
    limit: i64,
) -> Result<Vec<LogLine>> {
    let mut lines = query_as!(
        LogLine,
        "select seq, at, step, text
         from environment_log
         where environment_id = $1 and seq > $2
         order by seq desc
         limit $3",
        id.0,
        after,
        limit,
    )
    .fetch_all(connection)
    .await?;
    lines.reverse();
    Ok(lines)
}

/// The templates that can be asked for, by title.
pub(super) async fn templates(connection: &mut PgConnection) -> Result<Vec<Template>> {
    query_scalar!("select source from environment_template where current order by title, name")
        .fetch_all(connection)
        .await?
        .iter()
        .map(|source| Template::stored(source))
        .collect()
}

pub(super) async fn template(connection: &mut PgConnection, name: &str) -> Result<Option<Template>> {
    query_scalar!("select source from environment_template where name = $1 and current", name)
        .fetch_optional(connection)
        .await?
        .map(|source| Template::stored(&source))
        .transpose()
}

pub(super) async fn template_at(connection: &mut PgConnection, name: &str, revision: &str) -> Result<Option<Template>> {
    query_scalar!("select source from environment_template where name = $1 and revision = $2", name, revision)
        .fetch_optional(connection)
        .await?
        .map(|source| Template::stored(&source))
        .transpose()
}

/// Makes this revision the one that can be asked for.
pub(super) async fn apply_template(
    connection: &mut PgConnection,
    template: &Template,
    now: OffsetDateTime,
) -> Result<()> {
    retire_template(connection, &template.name).await?;
    query!(
        "insert into environment_template (name, revision, title, description, provider, source, document, current, applied_at)
         values ($1, $2, $3, $4, $5, $6, $7, true, $8)
         on conflict (name, revision) do update set current = true, applied_at = excluded.applied_at",
        template.name,
        template.revision,
        template.title,
        template.description,
        template.provider.as_str(),
        template.source,
        template.document,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// False where there is no such template.
pub(super) async fn retire_template(connection: &mut PgConnection, name: &str) -> Result<bool> {
    let retired = query!("update environment_template set current = false where name = $1 and current", name)
        .execute(connection)
        .await?;
    Ok(retired.rows_affected() == 1)
}

/// The moments of an entity's environments within a scope, the newest first.
pub(super) async fn moments(
    connection: &mut PgConnection,
    scope: &Scope,
    entity: EntityId,
    from: OffsetDateTime,
    to: OffsetDateTime,
    limit: i64,
) -> Result<Vec<EnvironmentMoment>> {
    Ok(query_as!(
        EnvironmentMoment,
        r#"select moment.at as "at!", name, moment.what as "what!"
           from environment
           cross join lateral (
               values (created_at, 'was approved'), (ready_at, 'was ready'), (ended_at, 'was removed')
           ) as moment (at, what)
           where entity_id = $1 and moment.at between $2 and $3
             and ($4::bool or ($5::bool and not restricted) or owner_id = any($6) or entity_id = any($7)
                  or requester_id = $8)
           order by moment.at desc, name
           limit $9"#,
        entity.0,
        from,
        to,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        scope.person.map(|id| id.0),
        limit,
    )
    .fetch_all(connection)
    .await?)
}

/// How many environments run for each of these entities.
pub(super) async fn running(connection: &mut PgConnection, entities: &[EntityId]) -> Result<Vec<(EntityId, i64)>> {
    let ids: Vec<uuid::Uuid> = entities.iter().map(|entity| entity.0).collect();
    let rows = query!(
        r#"select entity_id as "entity!: EntityId", count(*) as "count!"
           from environment
           where entity_id = any($1) and state in ('ready', 'expiring')
           group by entity_id"#,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.entity, row.count)).collect())
}
