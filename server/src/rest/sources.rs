//! `/api/v1/sources`: where the catalog is read from; and `/hooks/catalog`, where hosts tell of pushes.

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Request, State},
};
use http::{HeaderMap, StatusCode, header};
use model::{
    EntityRef, Problem, ProblemType, SourceId, SourceKind,
    entity::{Source, SourceConflict},
};
use portal::{
    Error,
    catalog::{
        self,
        edit::{self, Draft, Proofs},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path, Refusal};
use crate::{
    auth::actor::{Caller, bearer},
    http::Edge,
};

/// The largest push that is heard: GitHub sends at most 25 MB, of which nothing but the signature is used.
const MAX_PUSH: usize = 25 << 20;

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(source, change, remove)).routes(routes!(refresh))
}

pub fn hooks() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(push)).layer(DefaultBodyLimit::max(MAX_PUSH))
}

/// Lists the sources with how their last readings went.
#[utoipa::path(get, path = "/sources", tag = "sources",
    responses((status = 200, body = Vec<Source>), (status = 401, body = Problem), (status = 403, body = Problem)))]
async fn list(State(edge): State<Edge>, Caller(actor): Caller) -> Answer<Json<Vec<Source>>> {
    Ok(Json(catalog::sources(&edge.portal, &actor).await?))
}

/// A source with what it and others describe.
#[derive(Serialize, ToSchema)]
struct Shown {
    #[serde(flatten)]
    source: Source,
    described_twice: Vec<SourceConflict>,
}

/// Shows one source, with what it and others describe.
#[utoipa::path(get, path = "/sources/{id}", tag = "sources", params(("id" = String, Path)),
    responses((status = 200, body = Shown), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
async fn source(State(edge): State<Edge>, Caller(actor): Caller, Path(id): Path<String>) -> Answer<Json<Shown>> {
    let shown = catalog::source(&edge.portal, &actor, known(&id)?).await?;
    Ok(Json(Shown { source: shown.source, described_twice: shown.conflicts }))
}

/// A source as it is entered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Entered {
    /// `url` or `discovery`; stays as it is once it is there.
    #[serde(default)]
    kind: Option<String>,
    name: String,
    /// The file as people open it, or the organisation.
    address: String,
    /// Of an organisation: which file of each repository; `catalog-info.yaml` where it is left out.
    path: Option<String>,
    #[serde(default)]
    with_forks: bool,
    #[serde(default)]
    with_archived: bool,
    /// Seconds between readings, 60 to 604800; 300 where it is left out.
    every_s: Option<u32>,
    /// What the host is asked with; left out, the one that is kept stays.
    token: Option<String>,
    /// What the host signs its pushes with; left out, the one that is kept stays.
    hook_secret: Option<String>,
}

impl Entered {
    fn draft(self) -> Result<Draft, Error> {
        let kind: SourceKind = match self.kind {
            Some(kind) => kind.parse().map_err(|wrong: String| Error::invalid("kind", wrong))?,
            None => SourceKind::Url,
        };
        Ok(Draft {
            kind,
            name: self.name,
            address: self.address,
            path: self.path,
            with_forks: self.with_forks,
            with_archived: self.with_archived,
            every_s: self.every_s,
            token: self.token.map(Into::into),
            hook_secret: self.hook_secret.map(Into::into),
        })
    }
}

/// By which a source is known from then on.
#[derive(Serialize, ToSchema)]
struct Added {
    id: SourceId,
}

/// Adds a source, and has it read at once.
#[utoipa::path(post, path = "/sources", tag = "sources", request_body = Entered,
    responses((status = 201, body = Added), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
async fn add(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Json(entered): Json<Entered>,
) -> Answer<(StatusCode, Json<Added>)> {
    let id = edit::add(&edge.portal, &actor, &entered.draft()?).await?;
    Ok((StatusCode::CREATED, Json(Added { id })))
}

/// Changes a source, and has it read anew.
#[utoipa::path(put, path = "/sources/{id}", tag = "sources", params(("id" = String, Path)), request_body = Entered,
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn change(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(entered): Json<Entered>,
) -> Answer<StatusCode> {
    edit::edit(&edge.portal, &actor, known(&id)?, &entered.draft()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What went to the bin.
#[derive(Serialize, ToSchema)]
struct Removed {
    #[schema(value_type = Vec<String>)]
    binned: Vec<EntityRef>,
}

/// Removes a source. What it held passes to the next source that describes it, or to the bin.
#[utoipa::path(delete, path = "/sources/{id}", tag = "sources", params(("id" = String, Path)),
    responses((status = 200, body = Removed), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
async fn remove(State(edge): State<Edge>, Caller(actor): Caller, Path(id): Path<String>) -> Answer<Json<Removed>> {
    Ok(Json(Removed { binned: edit::remove(&edge.portal, &actor, known(&id)?).await? }))
}

/// Has a source read now.
#[utoipa::path(post, path = "/sources/{id}/refresh", tag = "sources", params(("id" = String, Path)),
    responses((status = 202), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
async fn refresh(State(edge): State<Edge>, Caller(actor): Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    edit::refresh(&edge.portal, &actor, known(&id)?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Hears of a push, and has the source read at once.
///
/// The body is signed with the source's webhook secret as GitHub, Bitbucket and Gitea do it, or the secret comes as GitLab
/// sends it or as a bearer token. The same push again only has the source read again.
#[utoipa::path(post, path = "/catalog/{source}", tag = "sources",
    params(("source" = String, Path, description = "The source's id")),
    request_body(content = serde_json::Value, description = "The host's push event; only its signature is used"),
    responses((status = 202), (status = 401, body = Problem), (status = 413, body = Problem)))]
async fn push(
    State(edge): State<Edge>,
    Path(source): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Answer<StatusCode> {
    let id: SourceId = source.parse().map_err(|_| Error::Unauthenticated)?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let proofs = Proofs {
        hub: text("x-hub-signature-256").or_else(|| text("x-hub-signature")),
        gitea: text("x-gitea-signature"),
        token: text("x-gitlab-token").or_else(|| text(header::AUTHORIZATION.as_str()).and_then(bearer)),
    };
    // a body that nobody signed is not read
    if proofs.are_none() {
        return Err(Error::Unauthenticated.into());
    }
    let body = Bytes::from_request(request, &edge).await.map_err(|error| unread(error.status()))?;
    edit::pushed(&edge.portal, id, proofs, &body).await?;
    Ok(StatusCode::ACCEPTED)
}

fn unread(status: StatusCode) -> Refusal {
    Refusal(if status == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(ProblemType::TooLarge, format!("a push is at most {} MiB", MAX_PUSH >> 20))
    } else {
        Problem::new(ProblemType::Malformed, "the body could not be read to its end; send it again")
    })
}

fn known(id: &str) -> Result<SourceId, Error> {
    id.parse().map_err(|_| Error::NotFound("catalog source"))
}
