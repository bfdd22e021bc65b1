//! `/api/v1/requests`: what people ask for, and its approval.

use axum::extract::State;
use http::StatusCode;
use model::{
    EntityId,
    page::{Cursor, Page, PageRequest},
    request::{Inbox, RequestDetail, RequestNumber, RequestRow},
};
use portal::requests;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path, Query};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(detail))
        .routes(routes!(approve))
        .routes(routes!(decline))
        .routes(routes!(withdraw))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    #[serde(default)]
    inbox: Inbox,
    entity: Option<EntityId>,
    cursor: Option<Cursor>,
    size: Option<u16>,
}

/// Lists requests, the newest first.
#[utoipa::path(get, path = "/requests", tag = "requests", params(
    ("inbox" = Option<Inbox>, Query, description = "waiting: for the caller's approval (default)"),
    ("entity" = Option<EntityId>, Query, description = "only about this catalog entity"),
    ("cursor" = Option<String>, Query), ("size" = Option<u16>, Query, description = "1 to 200"),
), responses((status = 200, body = Page<RequestRow>), (status = 401, body = model::Problem), (status = 422, body = model::Problem)))]
async fn list(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Query(which): Query<Which>,
) -> Answer<Json<Page<RequestRow>>> {
    let page = PageRequest { cursor: which.cursor, size: which.size };
    Ok(Json(requests::list(&edge.portal, &actor, which.inbox, which.entity, &page).await?))
}

/// Shows one request with all that is needed to decide it.
#[utoipa::path(get, path = "/requests/{number}", tag = "requests", params(("number" = RequestNumber, Path)), responses((status = 200, body = RequestDetail), (status = 401, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem)))]
async fn detail(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(number): Path<RequestNumber>,
) -> Answer<Json<RequestDetail>> {
    Ok(Json(requests::detail(&edge.portal, &actor, number).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The `hash` of the request as it was shown.
    hash: String,
    #[serde(default)]
    note: String,
}

/// Approves exactly what the hash is of.
#[utoipa::path(post, path = "/requests/{number}/approve", tag = "requests", params(("number" = RequestNumber, Path)), request_body = Approval, responses((status = 200, body = RequestDetail), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem), (status = 422, body = model::Problem)))]
async fn approve(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(number): Path<RequestNumber>,
    Json(approval): Json<Approval>,
) -> Answer<Json<RequestDetail>> {
    requests::approve(&edge.portal, &actor, number, &approval.hash, &approval.note).await?;
    Ok(Json(requests::detail(&edge.portal, &actor, number).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refusal {
    /// Why, for the one who asked.
    note: String,
}

/// Declines a request.
#[utoipa::path(post, path = "/requests/{number}/decline", tag = "requests", params(("number" = RequestNumber, Path)), request_body = Refusal, responses((status = 204), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem), (status = 422, body = model::Problem)))]
async fn decline(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(number): Path<RequestNumber>,
    Json(refusal): Json<Refusal>,
) -> Answer<StatusCode> {
    requests::decline(&edge.portal, &actor, number, &refusal.note).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the caller's own request back.
#[utoipa::path(post, path = "/requests/{number}/withdraw", tag = "requests", params(("number" = RequestNumber, Path)), responses((status = 204), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem)))]
async fn withdraw(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(number): Path<RequestNumber>,
) -> Answer<StatusCode> {
    requests::withdraw(&edge.portal, &actor, number).await?;
    Ok(StatusCode::NO_CONTENT)
}
