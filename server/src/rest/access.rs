//! `/api/v1/roles`: who holds what, asking for a role, giving one and ending one.

use axum::extract::State;
use http::StatusCode;
use model::{
    BindingId, EntityId, TeamId,
    access::{HeldRole, TeamChoice},
    request::RequestNumber,
};
use portal::{
    Error,
    authz::{Reach, RoleName},
    identity::access::{self, NewAccess},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(mine, give))
        .routes(routes!(end))
        .routes(routes!(teams))
        .routes(routes!(of_team))
        .routes(routes!(ask))
}

/// Lists what the caller holds.
#[utoipa::path(get, path = "/roles", tag = "roles", responses((status = 200, body = Vec<HeldRole>), (status = 401, body = model::Problem)))]
async fn mine(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<HeldRole>>> {
    Ok(Json(access::mine(&mut edge.portal.snapshot(&actor).await?).await?))
}

/// Lists the teams that the caller holds a role in; for administrators and auditors, all of them.
#[utoipa::path(get, path = "/teams", tag = "roles", responses((status = 200, body = Vec<TeamChoice>), (status = 401, body = model::Problem)))]
async fn teams(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<TeamChoice>>> {
    Ok(Json(access::teams(&mut edge.portal.snapshot(&actor).await?).await?))
}

/// Lists what people hold in a team and on what it owns.
#[utoipa::path(get, path = "/teams/{team}/roles", tag = "roles", params(("team" = TeamId, Path)), responses((status = 200, body = Vec<HeldRole>), (status = 401, body = model::Problem)))]
async fn of_team(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(team): Path<TeamId>,
) -> Answer<Json<Vec<HeldRole>>> {
    Ok(Json(access::of_team(&mut edge.portal.snapshot(&actor).await?, team).await?))
}

/// A role that the caller asks for, in a team or on an entity.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `developer`, `team_lead` or `security_champion`
    role: String,
    team: Option<TeamId>,
    entity: Option<EntityId>,
    /// 1 to 30, counted from the last approval.
    days: u32,
    reason: String,
}

#[derive(Serialize, ToSchema)]
struct Asked {
    number: RequestNumber,
}

/// Asks for a role for the caller.
#[utoipa::path(post, path = "/roles/requests", tag = "roles", request_body = Wanted, responses((status = 201, body = Asked), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem), (status = 422, body = model::Problem)))]
async fn ask(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(wanted): Json<Wanted>,
) -> Answer<(StatusCode, Json<Asked>)> {
    let reach = match (wanted.team, wanted.entity) {
        (Some(team), None) => Reach::Team(team),
        (None, Some(entity)) => Reach::Entity(entity),
        _ => return Err(Error::invalid("team", "name either a team or an entity").into()),
    };
    let new = NewAccess { role: role(&wanted.role)?, reach, days: wanted.days, reason: wanted.reason };
    let number = access::request(&edge.portal, &actor, &new).await?;
    Ok((StatusCode::CREATED, Json(Asked { number })))
}

/// A role that is given by hand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Given {
    /// The person's id or address.
    person: String,
    role: String,
    /// Left out: in the whole organisation.
    team: Option<TeamId>,
    /// Left out: until it is ended.
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

#[derive(Serialize, ToSchema)]
struct Binding {
    id: BindingId,
}

/// Gives a person a role.
#[utoipa::path(post, path = "/roles", tag = "roles", request_body = Given, responses((status = 201, body = Binding), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem), (status = 422, body = model::Problem)))]
async fn give(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(given): Json<Given>,
) -> Answer<(StatusCode, Json<Binding>)> {
    let person = access::person_named(&edge.portal, &actor, &given.person).await?;
    let role = role(&given.role)?;
    let id = access::give(&edge.portal, &actor, person, role, given.team, given.expires_at).await?;
    Ok((StatusCode::CREATED, Json(Binding { id })))
}

/// Ends a role at once.
#[utoipa::path(delete, path = "/roles/{id}", tag = "roles", params(("id" = BindingId, Path)), responses((status = 204), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem)))]
async fn end(State(edge): State<Edge>, Caller(actor): Caller, Path(id): Path<BindingId>) -> Answer<StatusCode> {
    access::end(&edge.portal, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn role(text: &str) -> Result<RoleName, Error> {
    RoleName::parse(text).ok_or_else(|| {
        let known: Vec<&str> = RoleName::BINDABLE.iter().map(|role| role.as_str()).collect();
        Error::invalid("role", format!("{text:?} is not a role; there are {}", known.join(", ")))
    })
}
