//! `/api/v1/incidents`: what is wrong and what was, what people do about it, and which alerts belong where.

use std::collections::BTreeMap;

use axum::extract::State;
use http::StatusCode;
use model::{
    AlertReceipt, AlertRule, Cursor, Incident, IncidentDetail, IncidentFilter, Page, PageRequest, Problem, WaitingAlert,
};
use portal::{
    Error,
    incidents::{self, mapping},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::problem::{Answer, Json, Path, Query};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(acknowledge))
        .routes(routes!(resolve))
        .routes(routes!(reopen))
        .routes(routes!(inbox))
        .routes(routes!(rules, map))
        .routes(routes!(unmap))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listed {
    /// Any of open, acknowledged, resolved; several with commas.
    state: Option<String>,
    /// Any of critical, high, medium, low, info; several with commas.
    severity: Option<String>,
    /// `payments-api`, `component:default/payments-api`
    service: Option<String>,
    /// Teams' names; several with commas.
    owner: Option<String>,
    /// In the title or the service's name.
    q: Option<String>,
    /// opened, severity or heard; each from the greatest to the least.
    sort: Option<String>,
    cursor: Option<String>,
    /// 1 to 200.
    size: Option<u16>,
}

impl Listed {
    fn read(self) -> Result<(IncidentFilter, PageRequest), Error> {
        let filter = IncidentFilter {
            states: several("state", self.state.as_deref())?,
            severities: several("severity", self.severity.as_deref())?,
            service: self.service,
            owners: several("owner", self.owner.as_deref())?,
            text: self.q,
            sort: several("sort", self.sort.as_deref())?.into_iter().next().unwrap_or_default(),
        };
        Ok((filter, PageRequest { cursor: self.cursor.map(Cursor), size: self.size }))
    }
}

/// The values of a parameter, between commas.
fn several<T: std::str::FromStr<Err: ToString>>(name: &str, text: Option<&str>) -> Result<Vec<T>, Error> {
    let values = text.unwrap_or_default().split(',').map(str::trim).filter(|value| !value.is_empty());
    values.map(|value| value.parse().map_err(|error: T::Err| Error::invalid(name, error.to_string()))).collect()
}

/// What somebody says about it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Said {
    /// At most 2,000 characters.
    #[serde(default)]
    note: String,
}

/// Lists the incidents that the caller may see.
#[utoipa::path(get, path = "/incidents", tag = "incidents", params(Listed),
    responses((status = 200, body = Page<Incident>), (status = 401, body = Problem), (status = 422, body = Problem)))]
async fn list(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Query(query): Query<Listed>,
) -> Answer<Json<Page<Incident>>> {
    let (filter, request) = query.read()?;
    Ok(Json(incidents::list(&edge.portal, &actor, &filter, &request).await?))
}

/// One incident with its alerts, its history and what happened around it.
#[utoipa::path(get, path = "/incidents/{number}", tag = "incidents", params(("number" = i64, Path)),
    responses((status = 200, body = IncidentDetail), (status = 401, body = Problem), (status = 404, body = Problem)))]
async fn get(State(edge): State<Edge>, Caller(actor): Caller, Path(number): Path<i64>) -> Answer<Json<IncidentDetail>> {
    Ok(Json(incidents::get(&edge.portal, &actor, number).await?))
}

/// Says that somebody looks at it.
#[utoipa::path(post, path = "/incidents/{number}/acknowledge", tag = "incidents", params(("number" = i64, Path)),
    responses((status = 200, body = Incident), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn acknowledge(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(number): Path<i64>,
) -> Answer<Json<Incident>> {
    Ok(Json(incidents::acknowledge(&edge.portal, &actor, number).await?))
}

/// Says that it is over.
#[utoipa::path(post, path = "/incidents/{number}/resolve", tag = "incidents", params(("number" = i64, Path)), request_body = Said,
    responses((status = 200, body = Incident), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn resolve(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(number): Path<i64>,
    Json(said): Json<Said>,
) -> Answer<Json<Incident>> {
    Ok(Json(incidents::resolve(&edge.portal, &actor, number, &said.note).await?))
}

/// Takes back that it is over.
#[utoipa::path(post, path = "/incidents/{number}/reopen", tag = "incidents", params(("number" = i64, Path)), request_body = Said,
    responses((status = 200, body = Incident), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn reopen(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(number): Path<i64>,
    Json(said): Json<Said>,
) -> Answer<Json<Incident>> {
    Ok(Json(incidents::reopen(&edge.portal, &actor, number, &said.note).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Paged {
    cursor: Option<String>,
    /// 1 to 200.
    size: Option<u16>,
}

/// Lists the alerts that match no service and wait for a rule; empty for who may not see every incident.
#[utoipa::path(get, path = "/alert-inbox", tag = "incidents", params(Paged),
    responses((status = 200, body = Page<WaitingAlert>), (status = 401, body = Problem), (status = 422, body = Problem)))]
async fn inbox(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Query(query): Query<Paged>,
) -> Answer<Json<Page<WaitingAlert>>> {
    let request = PageRequest { cursor: query.cursor.map(Cursor), size: query.size };
    Ok(Json(mapping::inbox(&edge.portal, &actor, &request).await?.map(|waiting| waiting.alert)))
}

/// A rule to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRule {
    /// All of these labels, with exactly these values; 1 to 8.
    matchers: BTreeMap<String, String>,
    /// The service that such alerts belong to.
    service: String,
}

/// A rule just made, and what became of the alerts that waited for it.
#[derive(Serialize, ToSchema)]
struct Made {
    rule: AlertRule,
    receipt: AlertReceipt,
}

/// Lists the rules in the order in which they are tried.
#[utoipa::path(get, path = "/alert-rules", tag = "incidents",
    responses((status = 200, body = Vec<AlertRule>), (status = 401, body = Problem)))]
async fn rules(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<AlertRule>>> {
    Ok(Json(mapping::rules(&edge.portal, &actor).await?))
}

/// Says which service alerts with these labels belong to; those that wait become its incidents.
#[utoipa::path(post, path = "/alert-rules", tag = "incidents", request_body = NewRule,
    responses((status = 201, body = Made), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn map(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(new): Json<NewRule>,
) -> Answer<(StatusCode, Json<Made>)> {
    let (rule, receipt) = mapping::map(&edge.portal, &actor, new.matchers, &new.service).await?;
    Ok((StatusCode::CREATED, Json(Made { rule, receipt })))
}

/// Removes a rule; what it has given to services stays there.
#[utoipa::path(delete, path = "/alert-rules/{id}", tag = "incidents", params(("id" = Uuid, Path)),
    responses((status = 200, body = AlertRule), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn unmap(State(edge): State<Edge>, Caller(actor): Caller, Path(id): Path<Uuid>) -> Answer<Json<AlertRule>> {
    Ok(Json(mapping::unmap(&edge.portal, &actor, id).await?))
}
