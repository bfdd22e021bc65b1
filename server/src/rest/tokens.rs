//! `/api/v1/tokens`: the caller's own personal tokens.

use axum::extract::State;
use http::StatusCode;
use model::TokenId;
use portal::{Error, identity::token};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use time::Duration;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(list, issue)).routes(routes!(revoke))
}

/// What is known of a token after it was issued.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenBody {
    id: TokenId,
    name: String,
    scopes: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: time::OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<time::OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    used_at: Option<time::OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    revoked_at: Option<time::OffsetDateTime>,
    /// Shown in the answer to its issue, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl TokenBody {
    pub(super) fn new(token: token::Token, secret: Option<String>) -> Self {
        let token::Token { id, name, scopes, created_at, expires_at, used_at, revoked_at } = token;
        Self { id, name, scopes, created_at, expires_at, used_at, revoked_at, token: secret }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// What it is for, 1 to 100 characters.
    name: String,
    /// At least one; an unknown one is refused with the list of those there are.
    scopes: Vec<String>,
    /// Days until it expires, 1 to 365.
    days: u16,
}

/// Lists the caller's tokens, the newest first.
#[utoipa::path(get, path = "/tokens", tag = "tokens", responses((status = 200, body = Vec<TokenBody>), (status = 401, body = model::Problem)))]
async fn list(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<TokenBody>>> {
    let tokens = token::list(&edge.portal, &actor).await?;
    Ok(Json(tokens.into_iter().map(|token| TokenBody::new(token, None)).collect()))
}

/// Issues a token for the caller.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = NewToken, responses((status = 201, body = TokenBody), (status = 401, body = model::Problem), (status = 422, body = model::Problem)))]
async fn issue(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(new): Json<NewToken>,
) -> Answer<(StatusCode, Json<TokenBody>)> {
    let owner = actor.person_id().ok_or(Error::Unauthenticated)?;
    let issued =
        token::issue(&edge.portal, &actor, owner, &new.name, &new.scopes, Duration::days(new.days.into())).await?;
    Ok((StatusCode::CREATED, Json(TokenBody::new(issued.token, Some(issued.secret.expose_secret().to_owned())))))
}

/// Revokes one of the caller's tokens.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", params(("id" = TokenId, Path)), responses((status = 200, body = TokenBody), (status = 401, body = model::Problem), (status = 404, body = model::Problem)))]
async fn revoke(State(edge): State<Edge>, Caller(actor): Caller, Path(id): Path<TokenId>) -> Answer<Json<TokenBody>> {
    let owner = actor.person_id().ok_or(Error::Unauthenticated)?;
    let token = token::revoke(&edge.portal, &actor, owner, id).await?;
    Ok(Json(TokenBody::new(token, None)))
}
