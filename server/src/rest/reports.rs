//! `/api/v1/reports`: scanners' reports come in here.

use std::collections::HashMap;

use axum::{
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State},
    http::StatusCode,
};
use model::{
    ReportId,
    findings::{Receipt, Stage},
};
use portal::{
    Error,
    findings::{self, UploadScope},
};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path, Query, Refusal};
use crate::{auth::actor::Caller, http::Edge};

/// The largest report as it is sent: as large as what the readers take unpacked.
const MAX_REPORT: usize = 64 << 20;

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::max(MAX_REPORT)).routes(routes!(receipt))
}

/// What is stated about a report, in the query or as fields of the form.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters; they are read from the query and from a form alike")]
struct Stated {
    /// The service, as the catalog has it: `payments-api` or `component:default/payments-api`. Required.
    service: Option<String>,
    /// Left out: the tool that the report names.
    tool: Option<String>,
    /// What was scanned, such as an image. Left out: what the report says.
    target: Option<String>,
    branch: Option<String>,
    /// Left out: build.
    stage: Option<Stage>,
    /// `true`: the report is of a proposed change. It is compared with what is open and changes nothing.
    pull_request: Option<bool>,
    /// `true`: the scan did not look at everything. Nothing is closed.
    partial: Option<bool>,
}

/// Takes a report: Trivy JSON, SARIF 2.1.0 or CycloneDX with vulnerabilities, gzipped or not, as the body or as the
/// file of a form. It replaces what the same scope (service, tool, target, branch, stage) said before and nothing else.
#[utoipa::path(
    post, path = "/reports", tag = "findings", params(Stated),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The report itself; or multipart/form-data with a `file`"),
    responses(
        (status = 201, body = Receipt),
        (status = 200, body = Receipt, description = "The scope's last report once more: nothing changed"),
        (status = 400, body = model::Problem), (status = 401, body = model::Problem), (status = 403, body = model::Problem),
        (status = 404, body = model::Problem), (status = 413, body = model::Problem), (status = 422, body = model::Problem),
    )
)]
async fn upload(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Query(query): Query<Vec<(String, String)>>,
    report: PostedReport,
) -> Answer<(StatusCode, Json<Receipt>)> {
    let (service, scope) = stated(query.into_iter().chain(report.fields).collect())?;
    let receipt = findings::upload(&edge.portal, &actor, &service, scope, report.bytes).await?;
    Ok((if receipt.repeated { StatusCode::OK } else { StatusCode::CREATED }, Json(receipt)))
}

/// What an upload did.
#[utoipa::path(
    get, path = "/reports/{id}", tag = "findings", params(("id" = ReportId, Path)),
    responses((status = 200, body = Receipt), (status = 401, body = model::Problem), (status = 404, body = model::Problem))
)]
async fn receipt(State(edge): State<Edge>, Caller(actor): Caller, Path(id): Path<ReportId>) -> Answer<Json<Receipt>> {
    let mut snapshot = edge.portal.snapshot(&actor).await?;
    Ok(Json(findings::receipt(&mut snapshot, id).await?.1))
}

/// A report as it was sent: the body, or the file of a form with its other fields.
struct PostedReport {
    fields: Vec<(String, String)>,
    bytes: Vec<u8>,
}

impl<S: Send + Sync> FromRequest<S> for PostedReport {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let content_type = request.headers().get(http::header::CONTENT_TYPE);
        if !content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data")) {
            let bytes = axum::body::Bytes::from_request(request, state)
                .await
                .map_err(|error| unreadable(error.status(), &error.body_text()))?;
            return Ok(Self { fields: Vec::new(), bytes: bytes.into() });
        }
        let mut report = Self { fields: Vec::new(), bytes: Vec::new() };
        let mut parts = Multipart::from_request(request, state)
            .await
            .map_err(|error| unreadable(error.status(), &error.body_text()))?;
        let wrong = |error: axum::extract::multipart::MultipartError| unreadable(error.status(), &error.body_text());
        while let Some(part) = parts.next_field().await.map_err(wrong)? {
            match part.name().unwrap_or_default().to_owned() {
                name if name == "file" => report.bytes = part.bytes().await.map_err(wrong)?.into(),
                name => report.fields.push((name, part.text().await.map_err(wrong)?)),
            }
        }
        Ok(report)
    }
}

fn unreadable(status: StatusCode, reason: &str) -> Refusal {
    Refusal::from(if status == StatusCode::PAYLOAD_TOO_LARGE {
        Error::TooLarge(format!(
            "a report is at most {} MiB; gzip it, or split it by what was scanned",
            MAX_REPORT >> 20
        ))
    } else {
        Error::Malformed(format!("the body could not be read: {reason}"))
    })
}

fn stated(mut fields: HashMap<String, String>) -> Result<(String, UploadScope), Error> {
    let mut take = |name: &str| fields.remove(name).filter(|text| !text.trim().is_empty());
    let service = take("service").ok_or_else(|| Error::invalid("service", "name the service that was scanned"))?;
    let stage = take("stage").map(|text| text.parse::<Stage>()).transpose();
    let flag = |name: &str, text: Option<String>| match text.as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1" | "on") => Ok(true),
        Some(_) => Err(Error::invalid(name, "say true or false")),
    };
    let scope = UploadScope {
        tool: take("tool"),
        target: take("target"),
        branch: take("branch"),
        stage: stage.map_err(|error| Error::invalid("stage", error.to_string()))?.unwrap_or_default(),
        pull_request: flag("pull_request", take("pull_request"))?,
        partial: flag("partial", take("partial"))?,
    };
    Ok((service, scope))
}
