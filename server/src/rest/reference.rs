//! `/docs/api`, and what the document says beyond the handlers: the scope that a token needs for each operation.

use std::sync::LazyLock;

use app::{
    backend::{Answer, Cx},
    reference::{self, Reference},
};
use axum::{Router, extract::Query, routing::get};
use portal::authz::ActionName::{self, *};
use serde::Deserialize;
use utoipa::openapi::{OpenApi, PathItem, path::Operation, security::SecurityRequirement};

use crate::http::Edge;

/// What somebody needs to be allowed for each operation; none where it is only about the caller.
const NEEDS: &[(&str, &str, Option<ActionName>)] = &[
    ("get", "/api/v1/alert-inbox", Some(IncidentRead)),
    ("get", "/api/v1/alert-rules", Some(IncidentRead)),
    ("post", "/api/v1/alert-rules", Some(AlertMap)),
    ("delete", "/api/v1/alert-rules/{id}", Some(AlertMap)),
    ("get", "/api/v1/compliance", Some(ComplianceRead)),
    ("post", "/api/v1/compliance/reports", Some(ReportUpload)),
    ("get", "/api/v1/compliance/{framework}", Some(ComplianceRead)),
    ("get", "/api/v1/deliveries", Some(IntegrationRead)),
    ("post", "/api/v1/deliveries/{id}/retry", Some(IntegrationEdit)),
    ("get", "/api/v1/entities", Some(CatalogRead)),
    ("post", "/api/v1/entities", Some(CatalogWrite)),
    ("get", "/api/v1/entities/{kind}/{namespace}/{name}", Some(CatalogRead)),
    ("get", "/api/v1/entities/{kind}/{namespace}/{name}/graph", Some(CatalogRead)),
    ("post", "/api/v1/environment-requests", Some(EnvironmentRequest)),
    ("get", "/api/v1/environment-templates", Some(TemplateRead)),
    ("post", "/api/v1/environment-templates", Some(TemplateEdit)),
    ("get", "/api/v1/environment-templates/{name}", Some(TemplateRead)),
    ("delete", "/api/v1/environment-templates/{name}", Some(TemplateEdit)),
    ("get", "/api/v1/environments", Some(EnvironmentRead)),
    ("get", "/api/v1/environments/{environment}", Some(EnvironmentRead)),
    ("post", "/api/v1/environments/{environment}/credentials", Some(EnvironmentReveal)),
    ("post", "/api/v1/environments/{environment}/end", Some(EnvironmentManage)),
    ("post", "/api/v1/environments/{environment}/extensions", Some(EnvironmentManage)),
    ("get", "/api/v1/environments/{environment}/log", Some(EnvironmentRead)),
    ("post", "/api/v1/environments/{environment}/retry", Some(EnvironmentManage)),
    ("get", "/api/v1/findings", Some(FindingRead)),
    ("get", "/api/v1/findings/{id}", Some(FindingRead)),
    ("post", "/api/v1/gates/evaluate", Some(GateEvaluate)),
    ("get", "/api/v1/incidents", Some(IncidentRead)),
    ("get", "/api/v1/incidents/{number}", Some(IncidentRead)),
    ("post", "/api/v1/incidents/{number}/acknowledge", Some(IncidentHandle)),
    ("post", "/api/v1/incidents/{number}/reopen", Some(IncidentHandle)),
    ("post", "/api/v1/incidents/{number}/resolve", Some(IncidentHandle)),
    ("get", "/api/v1/integrations", Some(IntegrationRead)),
    ("post", "/api/v1/integrations", Some(IntegrationAdd)),
    ("get", "/api/v1/integrations/{name}", Some(IntegrationRead)),
    ("put", "/api/v1/integrations/{name}", Some(IntegrationEdit)),
    ("post", "/api/v1/integrations/{name}/approve", Some(IntegrationApprove)),
    ("post", "/api/v1/integrations/{name}/disable", Some(IntegrationEdit)),
    ("post", "/api/v1/integrations/{name}/enable", Some(IntegrationEdit)),
    ("post", "/api/v1/integrations/{name}/rotate", Some(IntegrationEdit)),
    ("post", "/api/v1/integrations/{name}/test", Some(IntegrationEdit)),
    ("get", "/api/v1/notices", Some(PeopleRead)),
    ("get", "/api/v1/notices/channels", Some(PeopleRead)),
    ("put", "/api/v1/notices/channels", Some(PersonEdit)),
    ("post", "/api/v1/notices/read", None),
    ("post", "/api/v1/reports", Some(ReportUpload)),
    ("get", "/api/v1/reports/{id}", Some(FindingRead)),
    ("get", "/api/v1/requests", Some(RequestRead)),
    ("get", "/api/v1/requests/{number}", Some(RequestRead)),
    ("post", "/api/v1/requests/{number}/approve", Some(RequestApprove)),
    ("post", "/api/v1/requests/{number}/decline", Some(RequestApprove)),
    ("post", "/api/v1/requests/{number}/withdraw", Some(RequestWithdraw)),
    ("get", "/api/v1/roles", Some(PeopleRead)),
    ("post", "/api/v1/roles", Some(RoleGrant)),
    ("post", "/api/v1/roles/requests", Some(AccessRequest)),
    ("delete", "/api/v1/roles/{id}", Some(RoleEnd)),
    ("get", "/api/v1/scorecards", Some(ScorecardRead)),
    ("post", "/api/v1/scorecards", Some(ScorecardEdit)),
    ("post", "/api/v1/scorecards/preview", Some(ScorecardEdit)),
    ("get", "/api/v1/scorecards/{name}/results", Some(ScorecardReadResults)),
    ("get", "/api/v1/service-accounts/tokens", Some(ServiceAccountAdminister)),
    ("post", "/api/v1/service-accounts/tokens", Some(ServiceAccountAdminister)),
    ("delete", "/api/v1/service-accounts/tokens/{id}", Some(ServiceAccountAdminister)),
    ("get", "/api/v1/sessions", Some(PeopleRead)),
    ("delete", "/api/v1/sessions/{id}", Some(PersonEdit)),
    ("get", "/api/v1/sources", Some(SourceRead)),
    ("post", "/api/v1/sources", Some(CatalogWrite)),
    ("get", "/api/v1/sources/{id}", Some(SourceRead)),
    ("put", "/api/v1/sources/{id}", Some(CatalogWrite)),
    ("delete", "/api/v1/sources/{id}", Some(SourceRemove)),
    ("post", "/api/v1/sources/{id}/refresh", Some(CatalogWrite)),
    ("get", "/api/v1/suggestions", Some(CatalogRead)),
    ("get", "/api/v1/teams", Some(PeopleRead)),
    ("get", "/api/v1/teams/{team}/roles", Some(PeopleRead)),
    ("get", "/api/v1/tokens", Some(PeopleRead)),
    ("post", "/api/v1/tokens", Some(TokenIssue)),
    ("delete", "/api/v1/tokens/{id}", Some(TokenIssue)),
    ("post", "/hooks/alertmanager/{integration}", Some(AlertReceive)),
    ("post", "/hooks/catalog/{source}", None),
];

pub fn router() -> Router<Edge> {
    Router::new().route(reference::PATH, get(page))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

/// `/docs/api`
async fn page(cx: Cx, Query(asked): Query<Asked>) -> Answer {
    static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
        let document = serde_json::from_str(&super::openapi_json()).expect("our own document is JSON");
        Reference::read(&document)
    });
    reference::page(&cx, &REFERENCE, &asked.q)
}

/// Says of each operation which scope its token needs, and names it uniquely (OpenAPI 3.1, section 4.8.10).
pub fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let feature = operation.tags.iter().flatten().next().map_or("other", String::as_str);
            let name = operation.operation_id.as_deref().unwrap_or(method);
            operation.operation_id = Some(format!("{feature}.{name}"));
            if let Some(action) = need(method, path).flatten() {
                operation.security = Some(vec![SecurityRequirement::new("token", [action.scope()])]);
            }
        }
    }
    document
}

fn need(method: &str, path: &str) -> Option<Option<ActionName>> {
    NEEDS.iter().find(|(verb, address, _)| (*verb, *address) == (method, path)).map(|(.., action)| *action)
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [("get", get), ("put", put), ("post", post), ("delete", delete), ("patch", patch)]
        .into_iter()
        .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_operation_says_which_scope_it_takes_and_has_a_name_of_its_own() {
        let mut document = crate::rest::document();
        let mut names = HashSet::new();
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                assert!(need(method, path).is_some(), "{method} {path} is not in the list of what is needed");
                let name = operation.operation_id.clone().unwrap();
                assert!(names.insert(name.clone()), "{name} is the name of two");
            }
        }
    }
}
