//! `/api/v1/integrations`: everything that comes in or goes out.

use axum::extract::State;
use http::StatusCode;
use model::{DataClass, Integration, IntegrationKind, Problem};
use portal::integrations::{self, Draft, Issued};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use time::Date;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(get, edit))
        .routes(routes!(approve))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(rotate))
        .routes(routes!(test))
}

/// An integration to be entered, or to be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Entered {
    kind: IntegrationKind,
    /// 1 to 63 lower-case letters, digits and hyphens; part of its address, so it never changes.
    name: String,
    /// The name of the team that answers for it.
    owner: String,
    purpose: String,
    data_classes: Vec<DataClass>,
    scopes: Vec<String>,
    /// `host` or `host:port`
    #[serde(default)]
    egress_hosts: Vec<String>,
    #[serde(default)]
    endpoint: Option<String>,
    /// Write-only; read when an integration is added.
    #[serde(default)]
    credential: Option<String>,
    /// `2026-03-02`
    #[serde(with = "model::day")]
    #[schema(value_type = String, format = Date)]
    review_by: Date,
    /// When changing: the revision that was shown.
    #[serde(default)]
    revision: Option<i32>,
}

impl Entered {
    fn draft(self) -> Draft {
        Draft {
            kind: self.kind,
            name: self.name,
            owner: Some(self.owner),
            purpose: self.purpose,
            data_classes: self.data_classes,
            scopes: self.scopes,
            egress_hosts: self.egress_hosts,
            endpoint: self.endpoint,
            credential: self.credential.map(Into::into),
            review_by: self.review_by,
        }
    }
}

/// An integration, with its token where one was just made.
#[derive(Serialize, ToSchema)]
struct WithToken {
    #[serde(flatten)]
    integration: Integration,
    /// What its peer delivers with; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<Issued> for WithToken {
    fn from(issued: Issued) -> Self {
        Self { integration: issued.integration, token: issued.token.map(|token| token.expose_secret().to_owned()) }
    }
}

/// What was shown to who approves it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Shown {
    revision: i32,
}

/// Another secret, for a kind that has one; a kind with a token makes its own.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotated {
    #[serde(default)]
    credential: Option<String>,
}

/// Lists the integrations that the caller may see, by name.
#[utoipa::path(get, path = "/integrations", tag = "integrations",
    responses((status = 200, body = Vec<Integration>), (status = 401, body = Problem)))]
async fn list(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<Integration>>> {
    Ok(Json(integrations::list(&edge.portal, &actor).await?))
}

/// One integration.
#[utoipa::path(get, path = "/integrations/{name}", tag = "integrations", params(("name" = String, Path)),
    responses((status = 200, body = Integration), (status = 401, body = Problem), (status = 404, body = Problem)))]
async fn get(State(edge): State<Edge>, Caller(actor): Caller, Path(name): Path<String>) -> Answer<Json<Integration>> {
    Ok(Json(integrations::get(&edge.portal, &actor, name).await?))
}

/// Enters an integration: disabled until somebody else has approved it.
#[utoipa::path(post, path = "/integrations", tag = "integrations", request_body = Entered,
    responses((status = 201, body = WithToken), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn add(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(entered): Json<Entered>,
) -> Answer<(StatusCode, Json<WithToken>)> {
    let issued = integrations::add(&edge.portal, &actor, entered.draft()).await?;
    Ok((StatusCode::CREATED, Json(issued.into())))
}

/// Changes an integration; a change of data classes, scopes, hosts or address withdraws its approval.
#[utoipa::path(put, path = "/integrations/{name}", tag = "integrations", params(("name" = String, Path)), request_body = Entered,
    responses((status = 200, body = Integration), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn edit(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(entered): Json<Entered>,
) -> Answer<Json<Integration>> {
    let revision = entered.revision.unwrap_or_default();
    Ok(Json(integrations::edit(&edge.portal, &actor, name, revision, entered.draft()).await?))
}

/// Approves an integration as it was shown; never by who entered it.
#[utoipa::path(post, path = "/integrations/{name}/approve", tag = "integrations", params(("name" = String, Path)), request_body = Shown,
    responses((status = 200, body = Integration), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn approve(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(shown): Json<Shown>,
) -> Answer<Json<Integration>> {
    Ok(Json(integrations::approve(&edge.portal, &actor, name, shown.revision).await?))
}

/// Lets data pass.
#[utoipa::path(post, path = "/integrations/{name}/enable", tag = "integrations", params(("name" = String, Path)),
    responses((status = 200, body = Integration), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn enable(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Answer<Json<Integration>> {
    Ok(Json(integrations::set_enabled(&edge.portal, &actor, name, true).await?))
}

/// Stops it.
#[utoipa::path(post, path = "/integrations/{name}/disable", tag = "integrations", params(("name" = String, Path)),
    responses((status = 200, body = Integration), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn disable(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Answer<Json<Integration>> {
    Ok(Json(integrations::set_enabled(&edge.portal, &actor, name, false).await?))
}

/// Replaces its credential in place.
#[utoipa::path(post, path = "/integrations/{name}/rotate", tag = "integrations", params(("name" = String, Path)), request_body = Rotated,
    responses((status = 200, body = WithToken), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn rotate(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(rotated): Json<Rotated>,
) -> Answer<Json<WithToken>> {
    let credential = rotated.credential.map(Into::into);
    Ok(Json(integrations::rotate(&edge.portal, &actor, name, credential).await?.into()))
}

/// Tries it now; the outcome is on it a moment later.
#[utoipa::path(post, path = "/integrations/{name}/test", tag = "integrations", params(("name" = String, Path)),
    responses((status = 202, body = Integration), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn test(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Answer<(StatusCode, Json<Integration>)> {
    Ok((StatusCode::ACCEPTED, Json(integrations::test(&edge.portal, &actor, name).await?)))
}
