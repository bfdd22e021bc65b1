//! `/api/v1/entities`: the catalog, listed, one by one, and brought up to date with descriptors.

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Multipart, RawQuery, Request, State},
};
use http::{StatusCode, header};
use model::{
    EntityDetail, EntityFilter, EntityGraph, EntityList, EntityRef, FieldError, GraphAsk, ImportReport, Kind,
    PageRequest, Problem, ProblemType, SourceKind, Suggestion,
};
use portal::{
    Error,
    catalog::{self, DescriptorFile, SourceName},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path, Query, Refusal};
use crate::{auth::actor::Caller, http::Edge};

/// What of a multipart body is not files.
const FRAMING: usize = 1 << 20;

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(list, import))
        .routes(routes!(entity))
        .routes(routes!(graph))
        .routes(routes!(suggest))
        .layer(DefaultBodyLimit::max(catalog::MAX_BYTES + FRAMING))
}

/// Lists the entities that the caller may see, with how the list can be narrowed.
///
/// Values of one parameter are alternatives; parameters add to one another.
#[utoipa::path(get, path = "/entities", tag = "catalog",
    params(
        ("q" = Option<String>, Query, description = "Words that stand in the name, title or description, or are tags"),
        ("kind" = Option<Vec<String>>, Query, description = "component, api, resource, system, domain, group, user"),
        ("type" = Option<Vec<String>>, Query),
        ("lifecycle" = Option<Vec<String>>, Query),
        ("owner" = Option<Vec<String>>, Query, description = "A reference; a group where it names no kind"),
        ("system" = Option<Vec<String>>, Query, description = "A reference; a system where it names no kind"),
        ("tag" = Option<Vec<String>>, Query),
        ("sort" = Option<String>, Query, description = "name or updated; with - before it, the other way round"),
        ("cursor" = Option<String>, Query, description = "next or previous of another page of this list"),
        ("size" = Option<u16>, Query, description = "1 to 200; 50 where it is left out"),
    ),
    responses((status = 200, body = EntityList), (status = 401, body = Problem), (status = 422, body = Problem)))]
async fn list(State(edge): State<Edge>, Caller(actor): Caller, RawQuery(query): RawQuery) -> Answer<Json<EntityList>> {
    let (filter, page) = read_query(query.as_deref().unwrap_or_default())?;
    Ok(Json(catalog::list(&edge.portal, &actor, &filter, &page).await?))
}

fn read_query(query: &str) -> Result<(EntityFilter, PageRequest), Refusal> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
        .map_err(|error| Refusal(Problem::new(ProblemType::Malformed, format!("the query cannot be read: {error}"))))?;
    let invalid = |error: FieldError| Error::Invalid(vec![error]);
    let filter = EntityFilter::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let last = |name| pairs.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.clone());
    let size = last("size")
        .map(|size| size.parse().map_err(|_| FieldError::new("size", "is not a number from 1 to 200")))
        .transpose();
    let page = PageRequest::at(last("cursor"));
    Ok((filter.map_err(invalid)?, PageRequest { size: size.map_err(invalid)?, ..page }))
}

/// Shows one entity with its relations in both directions.
#[utoipa::path(get, path = "/entities/{kind}/{namespace}/{name}", tag = "catalog",
    params(("kind" = String, Path), ("namespace" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = EntityDetail), (status = 401, body = Problem), (status = 404, body = Problem)))]
async fn entity(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path((kind, namespace, name)): Path<(String, String, String)>,
) -> Answer<Json<EntityDetail>> {
    let kind: Kind = kind.parse().map_err(|_| Error::NotFound("catalog entity"))?;
    let reference = EntityRef::new(kind, &namespace, &name);
    Ok(Json(catalog::detail(&mut edge.portal.snapshot(&actor).await?, &reference).await?))
}

/// Shows what stands around an entity, and how far its failure goes.
///
/// Levels below zero are what uses, holds or owns it; above, what it uses, holds or owns. What the caller may not see is
/// neither shown nor counted nor walked through.
#[utoipa::path(get, path = "/entities/{kind}/{namespace}/{name}/graph", tag = "catalog",
    params(("kind" = String, Path), ("namespace" = String, Path), ("name" = String, Path),
        ("depth" = Option<u8>, Query, description = "Steps from the entity, 1 to 5; 2 where it is left out"),
        ("kinds" = Option<String>, Query, description = "Of dependencies, apis, parts and ownership, joined by commas"),
    ),
    responses((status = 200, body = EntityGraph), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
async fn graph(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path((kind, namespace, name)): Path<(String, String, String)>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer<Json<EntityGraph>> {
    let kind: Kind = kind.parse().map_err(|_| Error::NotFound("catalog entity"))?;
    let reference = EntityRef::new(kind, &namespace, &name);
    let ask = GraphAsk::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        .map_err(|error| Error::Invalid(vec![error]))?;
    Ok(Json(catalog::graph(&mut edge.portal.snapshot(&actor).await?, &reference, &ask).await?))
}

/// Who describes the entities, and what the file is called where the body is one file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Described {
    /// The source; what one source described first, another cannot change. `uploads` where it is left out.
    source: Option<String>,
    /// The name of the file, for the report.
    file: Option<String>,
    /// `true`: say what would happen, and change nothing.
    #[serde(default, rename = "dryRun")]
    dry_run: bool,
}

/// Reads descriptors into the catalog.
///
/// The body is one YAML file, or `multipart/form-data` with files. Wrong documents are reported with their place and
/// left out; where none is right, nothing is changed and the answer is 422.
#[utoipa::path(post, path = "/entities", tag = "catalog", params(Described),
    request_body(content((String = "application/yaml"), (String = "multipart/form-data"))),
    responses((status = 200, body = ImportReport), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem)))]
async fn import(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Query(described): Query<Described>,
    request: Request,
) -> Answer<Json<ImportReport>> {
    let name = described.source.unwrap_or_else(|| SourceName::uploads().name);
    let files = files(request, described.file).await?;
    let source = SourceName { kind: SourceKind::Upload, name };
    if described.dry_run {
        return Ok(Json(catalog::plan(&edge.portal, &actor, &source, files).await?));
    }
    Ok(Json(catalog::import(&edge.portal, &actor, &source, files).await?))
}

async fn files(request: Request, name: Option<String>) -> Result<Vec<DescriptorFile>, Refusal> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "multipart/form-data" => parts(request).await,
        "application/yaml"
        | "application/x-yaml"
        | "text/yaml"
        | "text/x-yaml"
        | "application/json"
        | "text/plain"
        | "application/octet-stream" => {
            let bytes = Bytes::from_request(request, &())
                .await
                .map_err(|error| unreadable(error.status(), &error.body_text()))?;
            Ok(vec![DescriptorFile {
                path: name.unwrap_or_else(|| "catalog-info.yaml".to_owned()),
                bytes: bytes.into(),
            }])
        }
        _ => Err(Refusal(Problem::new(
            ProblemType::UnsupportedMedia,
            "send one file as application/yaml, or several as multipart/form-data",
        ))),
    }
}

async fn parts(request: Request) -> Result<Vec<DescriptorFile>, Refusal> {
    let mut parts =
        Multipart::from_request(request, &()).await.map_err(|error| unreadable(error.status(), &error.body_text()))?;
    let mut files = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|error| unreadable(error.status(), &error.body_text()))? {
        let path = part.file_name().or(part.name()).unwrap_or("catalog-info.yaml").to_owned();
        let bytes = part.bytes().await.map_err(|error| unreadable(error.status(), &error.body_text()))?;
        files.push(DescriptorFile { path, bytes: bytes.into() });
    }
    Ok(files)
}

fn unreadable(status: StatusCode, why: &str) -> Refusal {
    let kind = if status == StatusCode::PAYLOAD_TOO_LARGE { ProblemType::TooLarge } else { ProblemType::Malformed };
    Refusal(Problem::new(kind, why.to_owned()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// Part of a name.
    #[serde(default)]
    q: String,
}

/// Suggests entities, teams and people by part of a name.
#[utoipa::path(get, path = "/suggestions", tag = "catalog", params(Asked),
    responses((status = 200, body = Vec<Suggestion>), (status = 401, body = Problem)))]
async fn suggest(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Query(asked): Query<Asked>,
) -> Answer<Json<Vec<Suggestion>>> {
    Ok(Json(catalog::suggest(&mut edge.portal.snapshot(&actor).await?, &asked.q, 20).await?))
}
