//! `/api/v1/compliance`: what benchmarks say about services, and the door that their reports come in through.

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Request, State},
};
use http::StatusCode;
use model::{
    EntityId,
    compliance::{ComplianceReceipt, FrameworkDetail, FrameworkSummary},
};
use portal::{
    Error,
    compliance::{self, UploadScope},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path, Query, Refusal};
use crate::{auth::actor::Caller, http::Edge};

/// The largest benchmark report: as every report, 64 MiB.
const MAX_REPORT: usize = 64 << 20;

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(upload))
        .layer(DefaultBodyLimit::max(MAX_REPORT))
        .routes(routes!(list))
        .routes(routes!(framework))
}

/// Lists the frameworks that the caller may see results of.
#[utoipa::path(get, path = "/compliance", tag = "compliance", responses((status = 200, body = Vec<FrameworkSummary>), (status = 401, body = model::Problem)))]
async fn list(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<FrameworkSummary>>> {
    Ok(Json(compliance::frameworks(&edge.portal, &actor).await?))
}

/// Shows one framework: services with their evidence, controls with how often they hold.
#[utoipa::path(get, path = "/compliance/{framework}", tag = "compliance", params(("framework" = String, Path)), responses((status = 200, body = FrameworkDetail), (status = 401, body = model::Problem), (status = 404, body = model::Problem)))]
async fn framework(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(framework): Path<String>,
) -> Answer<Json<FrameworkDetail>> {
    Ok(Json(compliance::framework(&edge.portal, &actor, &framework).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    entity: EntityId,
    #[serde(default)]
    target: String,
    format: Option<String>,
}

/// Takes a benchmark's report for a service; it replaces what the same tool said about the same target before.
#[utoipa::path(post, path = "/compliance/reports", tag = "compliance", params(
    ("entity" = EntityId, Query), ("target" = Option<String>, Query, description = "which cluster, account or host"),
    ("format" = Option<String>, Query, description = "where it cannot be told from the content: kubebench"),
), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = ComplianceReceipt), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem), (status = 409, body = model::Problem), (status = 422, body = model::Problem)))]
async fn upload(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Query(which): Query<Which>,
    request: Request,
) -> Answer<Json<ComplianceReceipt>> {
    let body = Bytes::from_request(request, &edge).await.map_err(|error| unread(error.status()))?;
    let scope = UploadScope { target: which.target, format: which.format };
    Ok(Json(compliance::upload(&edge.portal, &actor, which.entity, &scope, &body).await?))
}

fn unread(status: StatusCode) -> Refusal {
    Refusal::from(if status == StatusCode::PAYLOAD_TOO_LARGE {
        Error::TooLarge(format!("a report is at most {} MiB", MAX_REPORT >> 20))
    } else {
        Error::Malformed("the body could not be read to its end; send it again".to_owned())
    })
}
