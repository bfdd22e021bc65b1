//! The API under `/api/v1`: each handler decodes, calls one operation, encodes. A file a feature.

mod access;
mod alertmanager;
mod catalog;
mod compliance;
mod environments;
mod findings;
mod gate;
mod incidents;
mod integrations;
mod notifications;
pub mod problem;
pub mod reference;
mod reports;
mod requests;
mod scorecards;
mod service_accounts;
mod sessions;
mod sources;
mod tokens;

use axum::{Router, response::IntoResponse, routing::get};
use model::{Problem, ProblemType};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use self::problem::Refusal;
use crate::http::Edge;

/// The largest body that the API takes where a feature does not say otherwise: 1 MiB.
pub const MAX_BODY: usize = 1024 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(title = "Rampart", description = "The API of the Rampart developer portal. Refusals are RFC 9457 problems.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    modifiers(&Bearer),
    security(("token" = [])),
    components(schemas(Problem))
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A personal or service-account token"))
            .build();
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(token));
    }
}

/// Every feature's routes with their part of the document.
fn features() -> OpenApiRouter<Edge> {
    let v1 = OpenApiRouter::new()
        .merge(access::router())
        .merge(environments::router())
        .merge(incidents::router())
        .merge(integrations::router())
        .merge(catalog::router())
        .merge(compliance::router())
        .merge(scorecards::router())
        .merge(findings::router())
        .merge(gate::router())
        .merge(reports::router())
        .merge(notifications::router())
        .merge(requests::router())
        .merge(service_accounts::router())
        .merge(sessions::router())
        .merge(sources::router())
        .merge(tokens::router());
    OpenApiRouter::with_openapi(Document::openapi())
        .nest("/api/v1", v1)
        .nest("/hooks", alertmanager::router().merge(sources::hooks()))
}

/// The OpenAPI 3.1 document, as `/api/openapi.json` serves it and `docs/openapi.json` keeps it.
///
/// # Panics
/// Never: the document is plain data.
#[must_use]
pub fn openapi_json() -> String {
    let mut text = document().to_pretty_json().expect("the document is plain data");
    text.push('\n');
    text
}

fn document() -> utoipa::openapi::OpenApi {
    reference::complete(features().split_for_parts().1)
}

pub fn router() -> Router<Edge> {
    let router: Router<Edge> = features().into();
    let text: axum::body::Bytes = openapi_json().into();
    router
        .route(
            "/api/openapi.json",
            get(async move || ([(http::header::CONTENT_TYPE, "application/json")], text.clone()).into_response()),
        )
        .route(
            "/api/{*rest}",
            axum::routing::any(async || {
                Refusal(Problem::new(
                    ProblemType::NotFound,
                    "no address of the API is called so; /api/openapi.json lists them",
                ))
            }),
        )
        .method_not_allowed_fallback(async || {
            Refusal(Problem::new(ProblemType::MethodNotAllowed, "/api/openapi.json lists the methods of each address"))
        })
}
