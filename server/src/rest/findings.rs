//! `/api/v1/findings`: what scanners found, of what the caller may see.

use axum::extract::State;
use model::{
    Cursor, FindingId, FindingKind, Page, PageRequest, Severity,
    findings::{FindingDetail, FindingState, FindingSummary, Stage},
};
use portal::{
    Error,
    findings::{self, Filter, Sort},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Answer, Json, Path, Query};
use crate::{auth::actor::Caller, http::Edge};

pub fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(detail))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Left out: open.
    state: Option<FindingState>,
    /// Severities, separated by commas.
    #[param(value_type = Option<String>, example = "critical,high")]
    severity: Option<String>,
    /// A service's name.
    service: Option<String>,
    /// The owning team's name.
    owner: Option<String>,
    kind: Option<FindingKind>,
    tool: Option<String>,
    stage: Option<Stage>,
    /// Only those that a newer version mends, or only those that none does.
    fixable: Option<bool>,
    /// Part of a title, a vulnerability's name, a package, a rule or a file; three letters or more.
    text: Option<String>,
    /// `-severity`, the default: the worst first. `severity`, `first_seen`, `-first_seen`.
    sort: Option<String>,
    /// From `next` or `previous` of another page of the same list.
    cursor: Option<String>,
    /// Rows of a page, 1 to 200; left out: 50.
    size: Option<u16>,
}

impl Listing {
    fn read(self) -> Result<(Filter, Sort, PageRequest), Error> {
        let severity = self.severity.iter().flat_map(|words| words.split(',')).filter(|word| !word.is_empty());
        let filter = Filter {
            state: self.state.unwrap_or_default(),
            severity: severity
                .map(|word| word.trim().parse::<Severity>())
                .collect::<Result<_, _>>()
                .map_err(|error| Error::invalid("severity", error.to_string()))?,
            service: self.service,
            owner: self.owner,
            kind: self.kind,
            tool: self.tool,
            stage: self.stage,
            fixable: self.fixable,
            text: self.text,
        };
        let sort = match self.sort.as_deref() {
            None => Sort::default(),
            Some(word) => Sort::parse(word)
                .ok_or_else(|| Error::invalid("sort", format!("sort by one of {}", Sort::WORDS.join(", "))))?,
        };
        let cursor = self.cursor.filter(|cursor| !cursor.is_empty()).map(Cursor);
        Ok((filter, sort, PageRequest { cursor, size: self.size }))
    }
}

/// Lists findings.
#[utoipa::path(
    get, path = "/findings", tag = "findings", params(Listing),
    responses((status = 200, body = Page<FindingSummary>), (status = 401, body = model::Problem), (status = 422, body = model::Problem))
)]
async fn list(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Query(listing): Query<Listing>,
) -> Answer<Json<Page<FindingSummary>>> {
    let (filter, sort, request) = listing.read()?;
    let mut snapshot = edge.portal.snapshot(&actor).await?;
    Ok(Json(findings::list(&mut snapshot, &filter, sort, &request).await?))
}

/// One finding with who saw it and what became of it.
#[utoipa::path(
    get, path = "/findings/{id}", tag = "findings", params(("id" = FindingId, Path)),
    responses((status = 200, body = FindingDetail), (status = 401, body = model::Problem), (status = 404, body = model::Problem))
)]
async fn detail(
    State(edge): State<Edge>,
    Caller(actor): Caller,
    Path(id): Path<FindingId>,
) -> Answer<Json<FindingDetail>> {
    let mut snapshot = edge.portal.snapshot(&actor).await?;
    Ok(Json(findings::detail(&mut snapshot, id).await?))
}
