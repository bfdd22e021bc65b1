//! `/api/v1/environments`: asking for environments, watching, extending and ending them; and their templates.

use axum::extract::State;
use http::StatusCode;
use model::{
    EntityId, EnvironmentState, RequestId, TeamId,
    environment::{EnvironmentDetail, EnvironmentRow, LogLine, TemplateView},
    page::{Count, Cursor, Page, PageRequest},
    request::RequestNumber,
};
use portal::{
    environments::{self, Filter, Sort, credentials, request, templates},
    requests::Request,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path, Query};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(detail))
        .routes(routes!(log))
        .routes(routes!(end))
        .routes(routes!(retry))
        .routes(routes!(extend))
        .routes(routes!(reveal))
        .routes(routes!(ask))
        .routes(routes!(template_list, apply))
        .routes(routes!(template, retire))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    state: Option<EnvironmentState>,
    #[serde(default)]
    living: bool,
    owner: Option<TeamId>,
    entity: Option<EntityId>,
    template: Option<String>,
    #[serde(default)]
    mine: bool,
    #[serde(default)]
    sort: Sort,
    cursor: Option<Cursor>,
    size: Option<u16>,
}

/// A page of environments, and how many there are in each state under the same filter.
#[derive(Serialize, ToSchema)]
struct Listed {
    #[serde(flatten)]
    page: Page<EnvironmentRow>,
    states: Vec<StateCount>,
}

#[derive(Serialize, ToSchema)]
struct StateCount {
    state: EnvironmentState,
    count: Count,
}

/// Lists environments that the caller may see.
#[utoipa::path(get, path = "/environments", tag = "environments", params(
    ("state" = Option<EnvironmentState>, Query), ("living" = Option<bool>, Query, description = "leaves out those that have ended"),
    ("owner" = Option<TeamId>, Query), ("entity" = Option<EntityId>, Query), ("template" = Option<String>, Query),
    ("mine" = Option<bool>, Query, description = "only those that the caller asked for"),
    ("sort" = Option<String>, Query, description = "newest (default), ends_soonest or name"),
    ("cursor" = Option<String>, Query), ("size" = Option<u16>, Query, description = "1 to 200"),
), responses((status = 200, body = Listed), (status = 401, body = model::Problem), (status = 422, body = model::Problem)))]
async fn list(State(edge): State<Edge>, Caller(actor): Caller, Query(which): Query<Which>) -> Answer<Json<Listed>> {
    let Which { state, living, owner, entity, template, mine, sort, cursor, size } = which;
    let filter = Filter { state, living, owner, entity, template, mine };
    let mut snapshot = edge.portal.snapshot(&actor).await?;
    let listed = environments::list(&mut snapshot, &filter, sort, &PageRequest { cursor, size }).await?;
    let states = listed.states.into_iter().map(|(state, count)| StateCount { state, count }).collect();
    Ok(Json(Listed { page: listed.page, states }))
}

/// Shows one environment by its name or id, with the newest lines of its log.
#[utoipa::path(get, path = "/environments/{environment}", tag = "environments", params(("environment" = String, Path)), responses((status = 200, body = EnvironmentDetail), (status = 401, body = model::Problem), (status = 404, body = model::Problem)))]
async fn detail(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(key): Path<String>,
) -> Answer<Json<EnvironmentDetail>> {
    let mut snapshot = edge.portal.snapshot(&actor).await?;
    Ok(Json(environments::read(&mut snapshot, key.as_str().into()).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    #[serde(default)]
    after: i64,
}

/// Shows what was written into an environment's log after a line.
#[utoipa::path(get, path = "/environments/{environment}/log", tag = "environments", params(("environment" = String, Path), ("after" = Option<i64>, Query, description = "the `seq` of the last line that the caller has")), responses((status = 200, body = Vec<LogLine>), (status = 401, body = model::Problem), (status = 404, body = model::Problem)))]
async fn log(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(key): Path<String>,
    Query(After { after }): Query<After>,
) -> Answer<Json<Vec<LogLine>>> {
    Ok(Json(environments::log(&edge.portal, &actor, key.as_str().into(), after).await?))
}

/// Ends an environment before its time.
#[utoipa::path(post, path = "/environments/{environment}/end", tag = "environments", params(("environment" = String, Path)), responses((status = 200, body = EnvironmentDetail), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem)))]
async fn end(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(key): Path<String>,
) -> Answer<Json<EnvironmentDetail>> {
    environments::end(&edge.portal, &actor, key.as_str().into()).await?;
    Ok(Json(environments::read(&mut edge.portal.snapshot(&actor).await?, key.as_str().into()).await?))
}

/// Tries again what did not succeed.
#[utoipa::path(post, path = "/environments/{environment}/retry", tag = "environments", params(("environment" = String, Path)), responses((status = 200, body = EnvironmentDetail), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem)))]
async fn retry(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(key): Path<String>,
) -> Answer<Json<EnvironmentDetail>> {
    environments::retry(&edge.portal, &actor, key.as_str().into()).await?;
    Ok(Json(environments::read(&mut edge.portal.snapshot(&actor).await?, key.as_str().into()).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Extension {
    /// How much later it would end.
    hours: u32,
    /// What it is needed longer for.
    reason: String,
}

/// A request that was opened; it waits for approval.
#[derive(Serialize, ToSchema)]
struct Opened {
    id: RequestId,
    number: RequestNumber,
    title: String,
    /// SHA-256 of exactly what approvers are shown, in hexadecimal.
    hash: String,
}

impl From<Request> for Opened {
    fn from(request: Request) -> Self {
        Self {
            id: request.id,
            number: request.number,
            title: request.payload.title().to_owned(),
            hash: hex::encode(request.hash),
        }
    }
}

/// Asks for a later end, which has to be approved.
#[utoipa::path(post, path = "/environments/{environment}/extensions", tag = "environments", params(("environment" = String, Path)), request_body = Extension, responses((status = 201, body = Opened), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem), (status = 422, body = model::Problem)))]
async fn extend(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(key): Path<String>,
    Json(extension): Json<Extension>,
) -> Answer<(StatusCode, Json<Opened>)> {
    let Extension { hours, reason } = extension;
    let request = request::extend(&edge.portal, &actor, key.as_str().into(), hours, &reason).await?;
    Ok((StatusCode::CREATED, Json(request.into())))
}

/// How to connect. The password is in this answer and nowhere else.
#[derive(Serialize, ToSchema)]
struct Credentials {
    host: String,
    port: u16,
    database: String,
    user: String,
    password: String,
    url: String,
}

/// Sets a new password and shows it, this once; the one before stops working. Only for the one who asked for it.
#[utoipa::path(post, path = "/environments/{environment}/credentials", tag = "environments", params(("environment" = String, Path)), responses((status = 201, body = Credentials), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem), (status = 503, body = model::Problem)))]
async fn reveal(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(key): Path<String>,
) -> Answer<(StatusCode, [(http::HeaderName, &'static str); 1], Json<Credentials>)> {
    let shown = credentials::reveal(&edge.portal, &actor, key.as_str().into()).await?;
    let body = Credentials {
        host: shown.host,
        port: shown.port,
        database: shown.database,
        user: shown.user,
        password: shown.password.expose_secret().to_owned(),
        url: shown.url.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, [(http::header::CACHE_CONTROL, "no-store")], Json(body)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Ask {
    /// The service that it is for: `payments-api`, `component:default/payments-api`, or its id.
    service: String,
    template: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// As long as the template says where it is left out.
    hours: Option<u32>,
    /// What it is for: approvers decide by it.
    reason: String,
}

/// Asks for an environment, which is made once everybody who must has approved.
#[utoipa::path(post, path = "/environment-requests", tag = "environments", request_body = Ask, responses((status = 201, body = Opened), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 422, body = model::Problem)))]
async fn ask(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(ask): Json<Ask>,
) -> Answer<(StatusCode, Json<Opened>)> {
    let Ask { service, template, parameters, hours, reason } = ask;
    let ask = request::Ask { service, template, parameters, hours, reason };
    let request = request::request(&edge.portal, &actor, &ask).await?;
    Ok((StatusCode::CREATED, Json(request.into())))
}

/// Lists the templates that can be asked for.
#[utoipa::path(get, path = "/environment-templates", tag = "environments", responses((status = 200, body = Vec<TemplateView>), (status = 401, body = model::Problem)))]
async fn template_list(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<TemplateView>>> {
    Ok(Json(templates::list(&mut edge.portal.snapshot(&actor).await?).await?))
}

/// A template with the file that states it.
#[derive(Serialize, ToSchema)]
struct TemplateBody {
    #[serde(flatten)]
    view: TemplateView,
    /// The document as it was applied.
    source: String,
}

/// Shows one template.
#[utoipa::path(get, path = "/environment-templates/{name}", tag = "environments", params(("name" = String, Path)), responses((status = 200, body = TemplateBody), (status = 401, body = model::Problem), (status = 404, body = model::Problem)))]
async fn template(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Answer<Json<TemplateBody>> {
    let template = templates::read(&mut edge.portal.snapshot(&actor).await?, &name).await?;
    Ok(Json(TemplateBody { view: template.view(), source: template.source }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Files {
    files: Vec<File>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct File {
    /// Named in errors.
    name: String,
    text: String,
}

/// What became of one template.
#[derive(Serialize, ToSchema)]
struct Edited {
    template: String,
    /// The revision before; null where it is new.
    before: Option<String>,
    /// The revision now; null where it can no longer be asked for.
    after: Option<String>,
}

impl From<templates::Edited> for Edited {
    fn from(edited: templates::Edited) -> Self {
        Self { template: edited.template, before: edited.before, after: edited.after }
    }
}

/// Applies template files, all of them or none. An error's field is `FILE:LINE`.
#[utoipa::path(post, path = "/environment-templates", tag = "environments", request_body = Files, responses((status = 200, body = Vec<Edited>), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 422, body = model::Problem)))]
async fn apply(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(Files { files }): Json<Files>,
) -> Answer<Json<Vec<Edited>>> {
    let files: Vec<_> = files.into_iter().map(|File { name, text }| templates::File { name, text }).collect();
    let edited = templates::apply(&edge.portal, &actor, &files).await?;
    Ok(Json(edited.into_iter().map(Edited::from).collect()))
}

/// Takes a template from the form; environments made from it stay.
#[utoipa::path(delete, path = "/environment-templates/{name}", tag = "environments", params(("name" = String, Path)), responses((status = 200, body = Edited), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem)))]
async fn retire(State(edge): State<Edge>, Caller(actor): Caller, Path(name): Path<String>) -> Answer<Json<Edited>> {
    Ok(Json(templates::retire(&edge.portal, &actor, &name).await?.into()))
}
