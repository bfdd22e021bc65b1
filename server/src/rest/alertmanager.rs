//! `/hooks/alertmanager`: where Alertmanager delivers, with the integration's own token or a service account's.

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Request, State},
};
use http::{HeaderMap, StatusCode, header};
use model::{AlertReceipt, Problem, ProblemType};
use portal::{Error, authz::Who, incidents, integrations};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path, Refusal};
use crate::{
    auth::actor::{Caller, bearer},
    http::Edge,
};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(deliver)).layer(DefaultBodyLimit::max(incidents::MAX_DELIVERY))
}

/// Takes a delivery of Alertmanager's webhook, version 4. The same delivery again changes nothing.
#[utoipa::path(post, path = "/alertmanager/{integration}", tag = "incidents",
    params(("integration" = String, Path, description = "The integration's name")),
    request_body(content = serde_json::Value, description = "Alertmanager's webhook payload, version 4"),
    responses((status = 200, body = AlertReceipt), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem)))]
async fn deliver(
    State(edge): State<Edge>,
    Path(integration): Path<String>,
    Caller(caller): Caller,
    headers: HeaderMap,
    request: Request,
) -> Answer<Json<AlertReceipt>> {
    let mut actor = caller;
    if matches!(actor.who, Who::Anonymous) {
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        let token = token.ok_or(Error::Unauthenticated)?;
        let own = integrations::deliverer(&edge.portal, &integration, token, actor.request_id, actor.address).await?;
        actor = own.ok_or(Error::Unauthenticated)?;
    }
    let body = Bytes::from_request(request, &edge).await.map_err(|error| unread(error.status()))?;
    Ok(Json(incidents::receive_alerts(&edge.portal, &actor, integration, &body).await?))
}

fn unread(status: StatusCode) -> Refusal {
    Refusal(if status == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("a delivery of alerts is at most {} bytes", incidents::MAX_DELIVERY);
        Problem::new(ProblemType::TooLarge, detail)
    } else {
        Problem::new(ProblemType::Malformed, "the body could not be read to its end; send it again")
    })
}
