//! `/api/v1/sessions`: the caller's own sessions in browsers.

use axum::extract::State;
use http::StatusCode;
use model::SessionId;
use portal::identity::own;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(end))
}

/// A session that has not ended.
#[derive(Serialize, ToSchema)]
struct SessionBody {
    id: SessionId,
    address: String,
    user_agent: String,
    #[serde(with = "time::serde::rfc3339")]
    begun_at: OffsetDateTime,
    /// To the minute.
    #[serde(with = "time::serde::rfc3339")]
    seen_at: OffsetDateTime,
    /// When it ends, however much it is used.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl From<own::Session> for SessionBody {
    fn from(session: own::Session) -> Self {
        let own::Session { id, address, user_agent, begun_at, seen_at, expires_at, current: _ } = session;
        Self { id, address, user_agent, begun_at, seen_at, expires_at }
    }
}

/// Lists the caller's sessions that have not ended, the last used first.
#[utoipa::path(get, path = "/sessions", tag = "sessions", responses((status = 200, body = Vec<SessionBody>), (status = 401, body = model::Problem)))]
async fn list(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<SessionBody>>> {
    let sessions = own::sessions(&edge.portal, &actor).await?;
    Ok(Json(sessions.into_iter().map(Into::into).collect()))
}

/// Ends one of the caller's sessions; its next request has to sign in.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", params(("id" = SessionId, Path)), responses((status = 204), (status = 401, body = model::Problem), (status = 404, body = model::Problem)))]
async fn end(State(edge): State<Edge>, Caller(actor): Caller, Path(id): Path<SessionId>) -> Answer<StatusCode> {
    own::end_session(&edge.portal, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
