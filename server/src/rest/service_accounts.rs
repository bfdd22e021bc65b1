//! `/api/v1/service-accounts`: service accounts and their tokens, for those who administer them.

use axum::extract::State;
use http::StatusCode;
use model::TokenId;
use portal::identity::token;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use time::Duration;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::{Answer, Json, Path},
    tokens::TokenBody,
};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(list, issue)).routes(routes!(revoke))
}

/// A token and whose it is.
#[derive(Serialize, ToSchema)]
struct ServiceAccountTokenBody {
    service_account: String,
    token: TokenBody,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewServiceAccountToken {
    /// The service account, which is made where there is none of that name.
    service_account: String,
    /// At least one; an unknown one is refused with the list of those there are.
    scopes: Vec<String>,
    /// Days until it expires; left out: it does not.
    days: Option<u16>,
}

/// Lists the tokens of every service account.
#[utoipa::path(get, path = "/service-accounts/tokens", tag = "service accounts", responses((status = 200, body = Vec<ServiceAccountTokenBody>), (status = 401, body = model::Problem), (status = 403, body = model::Problem)))]
async fn list(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<ServiceAccountTokenBody>>> {
    let tokens = token::of_service_accounts(&edge.portal, &actor).await?;
    let body = |one: token::ServiceAccountToken| ServiceAccountTokenBody {
        service_account: one.service_account_name,
        token: TokenBody::new(one.token, None),
    };
    Ok(Json(tokens.into_iter().map(body).collect()))
}

/// Issues a token for a service account.
#[utoipa::path(post, path = "/service-accounts/tokens", tag = "service accounts", request_body = NewServiceAccountToken, responses((status = 201, body = TokenBody), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 422, body = model::Problem)))]
async fn issue(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(new): Json<NewServiceAccountToken>,
) -> Answer<(StatusCode, Json<TokenBody>)> {
    let lifetime = new.days.map(|days| Duration::days(days.into()));
    let issued =
        token::issue_for_service_account(&edge.portal, &actor, &new.service_account, &new.scopes, lifetime).await?;
    Ok((StatusCode::CREATED, Json(TokenBody::new(issued.token, Some(issued.secret.expose_secret().to_owned())))))
}

/// Revokes a token of a service account.
#[utoipa::path(delete, path = "/service-accounts/tokens/{id}", tag = "service accounts", params(("id" = TokenId, Path)), responses((status = 200, body = TokenBody), (status = 401, body = model::Problem), (status = 403, body = model::Problem), (status = 404, body = model::Problem)))]
async fn revoke(State(edge): State<Edge>, Caller(actor): Caller, Path(id): Path<TokenId>) -> Answer<Json<TokenBody>> {
    let token = token::revoke_of_service_account(&edge.portal, &actor, id).await?;
    Ok(Json(TokenBody::new(token, None)))
}
