//! The router and its middleware, in order, in one place.

use std::sync::Arc;

use app::{
    backend::{Cx, explain_failures},
    layout::{chrome::Chrome, preferences},
};
use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use base64::Engine as _;
use http::{HeaderName, HeaderValue, header};
use rand::RngCore as _;
use time::OffsetDateTime;
use tower_http::compression::CompressionLayer;

use crate::assets;

/// Everything that is served; the layers run from the last to the first.
pub fn router() -> Router {
    let pages = app::routes::router()
        .layer(middleware::from_fn(explain_failures))
        .layer(middleware::from_fn(set_the_scene))
        .layer(CompressionLayer::new());
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .merge(assets::router())
        .merge(pages)
        .layer(middleware::from_fn(harden))
}

/// Gives a page its context: who asks, how they like to read, which scripts may run.
async fn set_the_scene(mut request: Request, next: Next) -> Response {
    let address = request.uri().path_and_query().map_or("/", |address| address.as_str());
    let mut chrome = Chrome::signed_out(OffsetDateTime::now_utc(), address);
    preferences::read_into(&mut chrome, request.headers());
    #[cfg(debug_assertions)]
    app::ui::gallery::dress(&mut chrome);

    let site = assets::site().unwrap_or_else(|error| {
        tracing::error!(%error, "pages are sent without style and script");
        Arc::default()
    });
    let nonce = fresh_nonce();
    request.extensions_mut().insert(Cx { chrome, site, nonce: nonce.clone() });

    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, content_security_policy(&nonce));
    response
}

/// Scripts run by their nonce alone; WASM may be compiled; nothing comes from elsewhere.
fn content_security_policy(nonce: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         font-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("a nonce is base64")
}

fn fresh_nonce() -> Arc<str> {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes).into()
}

/// Headers that every answer carries.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
