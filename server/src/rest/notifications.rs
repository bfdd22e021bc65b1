//! `/api/v1/notices` and `/api/v1/deliveries`: what people are told and how it gets there.

use axum::extract::State;
use http::StatusCode;
use model::{
    DeliveryId, NoticeId,
    notification::{ChannelChoice, Notice, Undelivered},
    page::{Cursor, Page, PageRequest},
};
use portal::notifications;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path, Query};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(channels, choose))
        .routes(routes!(undelivered))
        .routes(routes!(redeliver))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    cursor: Option<Cursor>,
    size: Option<u16>,
}

/// Lists the caller's notices, the newest first.
#[utoipa::path(get, path = "/notices", tag = "notices", params(("cursor" = Option<String>, Query), ("size" = Option<u16>, Query, description = "1 to 200")), responses((status = 200, body = Page<Notice>), (status = 401, body = model::Problem), (status = 422, body = model::Problem)))]
async fn list(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Query(which): Query<Which>,
) -> Answer<Json<Page<Notice>>> {
    let page = PageRequest { cursor: which.cursor, size: which.size };
    Ok(Json(notifications::list(&edge.portal, &actor, &page).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Read {
    /// Left out: all of them.
    notice: Option<NoticeId>,
}

/// Marks the caller's notices as read.
#[utoipa::path(post, path = "/notices/read", tag = "notices", request_body = Read, responses((status = 204), (status = 401, body = model::Problem)))]
async fn read(State(edge): State<Edge>, Caller(actor): Caller, Json(read): Json<Read>) -> Answer<StatusCode> {
    notifications::mark_read(&edge.portal, &actor, read.notice).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows which notices the caller also gets by mail.
#[utoipa::path(get, path = "/notices/channels", tag = "notices", responses((status = 200, body = Vec<ChannelChoice>), (status = 401, body = model::Problem)))]
async fn channels(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<ChannelChoice>>> {
    Ok(Json(notifications::choices(&edge.portal, &actor).await?))
}

/// Changes which notices the caller also gets by mail; what is not named stays.
#[utoipa::path(put, path = "/notices/channels", tag = "notices", request_body = Vec<ChannelChoice>, responses((status = 200, body = Vec<ChannelChoice>), (status = 401, body = model::Problem), (status = 422, body = model::Problem)))]
async fn choose(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(chosen): Json<Vec<ChannelChoice>>,
) -> Answer<Json<Vec<ChannelChoice>>> {
    Ok(Json(notifications::choose(&edge.portal, &actor, &chosen).await?))
}

/// Lists what did not arrive: the caller's own mail, and everything for those who see integrations.
#[utoipa::path(get, path = "/deliveries", tag = "notices", responses((status = 200, body = Vec<Undelivered>), (status = 401, body = model::Problem)))]
async fn undelivered(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<Undelivered>>> {
    Ok(Json(notifications::undelivered(&edge.portal, &actor).await?))
}

/// Tries a delivery again at once.
#[utoipa::path(post, path = "/deliveries/{id}/retry", tag = "notices", params(("id" = DeliveryId, Path)), responses((status = 202), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem)))]
async fn redeliver(State(edge): State<Edge>, Caller(actor): Caller, Path(id): Path<DeliveryId>) -> Answer<StatusCode> {
    notifications::redeliver(&edge.portal, &actor, id).await?;
    Ok(StatusCode::ACCEPTED)
}
