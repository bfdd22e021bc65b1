//! What other features' transactions may ask of people and teams.

use model::{EntityId, PersonId, Suggestion, TeamId};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{access, access_sql, directory, sql};
use crate::{
    Portal,
    authz::Binding,
    error::{Error, Result},
    requests::{AccessPayload, Request},
};

/// Somebody with the roles that they hold now.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub person: PersonId,
    pub name: String,
    pub bindings: Vec<Binding>,
}

/// The team of that name, made where there is none: a team is only a name until the provider or an administrator puts
/// somebody into it.
pub(crate) async fn team_named(portal: &Portal, connection: &mut PgConnection, name: &str) -> Result<TeamId> {
    sql::upsert_team(connection, portal.rng.id(&portal.clock), name, portal.clock.now()).await
}

/// The active people who hold a role in one of `teams`, or security champion or team lead everywhere, with all that
/// they hold, in the order of their names.
pub(crate) async fn holders(
    connection: &mut PgConnection,
    teams: &[TeamId],
    now: OffsetDateTime,
) -> Result<Vec<Holder>> {
    sql::holders(connection, teams, now).await
}

/// Which of these entities somebody holds a role on now.
pub(crate) async fn with_roles(
    connection: &mut PgConnection,
    entities: &[EntityId],
    now: OffsetDateTime,
) -> Result<Vec<EntityId>> {
    access_sql::with_roles(connection, entities, now).await
}

/// What a person is called; personal, so for those who are told and never for the record.
pub(crate) async fn display_name(connection: &mut PgConnection, person: PersonId) -> Result<String> {
    Ok(sql::person(connection, person, false).await?.ok_or(Error::NotFound("person"))?.display_name)
}

/// What a team is called.
pub(crate) async fn team_name(connection: &mut PgConnection, team: TeamId) -> Result<String> {
    sql::team_name(connection, team).await?.ok_or(Error::NotFound("team"))
}

/// Gives the requester the role that was approved, from now for as many days.
pub(crate) async fn grant_requested(
    portal: &Portal,
    connection: &mut PgConnection,
    request: &Request,
    access: &AccessPayload,
) -> Result<()> {
    access::grant_requested(portal, connection, request, access).await
}

/// The team of that name, where there is one.
pub(crate) async fn team_by_name(connection: &mut PgConnection, name: &str) -> Result<Option<TeamId>> {
    sql::team_by_name(connection, name).await
}

/// As [`team_named`], but a team that is called so in another case is meant too: references fold case, groups do not.
pub(crate) async fn team_like(portal: &Portal, connection: &mut PgConnection, name: &str) -> Result<TeamId> {
    match directory::sql::team_like(connection, name).await? {
        Some(team) => Ok(team),
        None => team_named(portal, connection, name).await,
    }
}

/// Teams and people whose names hold `text` (in lower case), those that begin with it first.
pub(crate) async fn suggestions(connection: &mut PgConnection, text: &str, limit: i64) -> Result<Vec<Suggestion>> {
    let mut found = directory::sql::teams_holding(connection, text, limit).await?;
    found.extend(directory::sql::people_holding(connection, text, limit).await?);
    Ok(found)
}
