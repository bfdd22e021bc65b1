//! `/api/v1/scorecards`: what services are asked to be, and how each of them stands.

use axum::extract::State;
use model::{
    page::{Cursor, Page, PageRequest},
    scorecards::{Applied, Preview, ResultFilter, ResultSort, ScorecardSummary, ServiceResult},
};
use portal::scorecards;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path, Query};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(list, apply)).routes(routes!(preview)).routes(routes!(results))
}

/// Lists the scorecards, with how many of the services that the caller may see stand at each level.
#[utoipa::path(get, path = "/scorecards", tag = "scorecards", responses((status = 200, body = Vec<ScorecardSummary>), (status = 401, body = model::Problem)))]
async fn list(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<ScorecardSummary>>> {
    Ok(Json(scorecards::list(&edge.portal, &actor).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScorecardFile {
    /// The file as YAML: `apiVersion: rampart/v1`, `kind: Scorecard`.
    file: String,
    /// The revision that the change was made against; refused where another one is in force.
    revision: Option<i32>,
}

/// Puts a scorecard's file in force.
#[utoipa::path(post, path = "/scorecards", tag = "scorecards", request_body = ScorecardFile, responses((status = 200, body = Applied), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 409, body = model::Problem), (status = 422, body = model::Problem)))]
async fn apply(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(new): Json<ScorecardFile>,
) -> Answer<Json<Applied>> {
    Ok(Json(scorecards::apply(&edge.portal, &actor, &new.file, new.revision).await?))
}

/// Says what a scorecard's file would do, and changes nothing.
#[utoipa::path(post, path = "/scorecards/preview", tag = "scorecards", request_body = ScorecardFile, responses((status = 200, body = Preview), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 422, body = model::Problem)))]
async fn preview(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(new): Json<ScorecardFile>,
) -> Answer<Json<Preview>> {
    Ok(Json(scorecards::preview(&edge.portal, &actor, &new.file).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    level: Option<String>,
    failing: Option<String>,
    team: Option<String>,
    #[serde(default)]
    sort: ResultSort,
    cursor: Option<Cursor>,
    size: Option<u16>,
}

/// Lists how services stand on a scorecard.
#[utoipa::path(get, path = "/scorecards/{name}/results", tag = "scorecards", params(
    ("name" = String, Path), ("level" = Option<String>, Query, description = "a level's name; none: below the lowest"),
    ("failing" = Option<String>, Query, description = "only where this check fails"),
    ("team" = Option<String>, Query, description = "only what this team owns"),
    ("sort" = Option<ResultSort>, Query), ("cursor" = Option<String>, Query),
    ("size" = Option<u16>, Query, description = "1 to 200"),
), responses((status = 200, body = Page<ServiceResult>), (status = 401, body = model::Problem), (status = 404, body = model::Problem), (status = 422, body = model::Problem)))]
async fn results(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Answer<Json<Page<ServiceResult>>> {
    let Which { level, failing, team, sort, cursor, size } = which;
    let filter = ResultFilter { level, failing, team, sort };
    Ok(Json(scorecards::results(&edge.portal, &actor, &name, &filter, &PageRequest { cursor, size }).await?))
}
