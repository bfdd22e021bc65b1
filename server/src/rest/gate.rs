//! `/api/v1/gates`: may this service go out.

use axum::extract::State;
use model::findings::{Stage, Verdict};
use portal::findings::gate;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(evaluate))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// The service, as the catalog has it.
    service: String,
    /// Left out: findings of every stage count.
    stage: Option<Stage>,
}

/// Answers allow or deny, with the rule that decided and the findings that it holds against the service. Each answer
/// is recorded.
#[utoipa::path(
    post, path = "/gates/evaluate", tag = "findings", request_body = Question,
    responses(
        (status = 200, body = Verdict), (status = 401, body = model::Problem), (status = 403, body = model::Problem),
        (status = 404, body = model::Problem), (status = 422, body = model::Problem),
    )
)]
async fn evaluate(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(question): Json<Question>,
) -> Answer<Json<Verdict>> {
    Ok(Json(gate::evaluate(&edge.portal, &actor, &question.service, question.stage).await?))
}
