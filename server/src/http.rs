//! The router and its middleware, in order, in one place.

use std::{net::IpAddr, sync::Arc, time::Duration};

use app::{
    backend::{Cx, explain_failures},
    layout::{
        chrome::{Chrome, Person, Section},
        preferences,
    },
    ui::time::Zone,
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::Engine as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use portal::{Actor, Portal, audit::partitions, authz::RoleName, dashboards, notifications};
use rand::RngCore as _;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};

use crate::{
    assets,
    auth::{self, actor::Caller, cookie::Cookies, oidc::Provider},
    evaluation, live, metrics, rest,
};

/// How long one request may take; what takes longer is a job.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest form; uploads say their own.
const MAX_FORM: usize = 2 * 1024 * 1024;
/// Addresses among the pages that a script asks and no person opens: 401 there, and no way to the sign-in.
const ASKED_BY_SCRIPTS: &[&str] = &["/search/suggest"];
/// Pages that somebody sees who is not signed in.
const OPEN_PAGES: &[&str] = &["/sign-in", "/sign-in/callback", "/signed-out", "/preferences"];

/// What the edge knows besides the portal. Clones share it.
#[derive(Clone, Debug)]
pub struct Edge(Arc<Inner>);

#[derive(Debug)]
pub struct Inner {
    pub portal: Portal,
    pub cookies: Cookies,
    /// The origin that browsers send for our own pages.
    pub origin: String,
    pub trusted_proxies: Vec<IpAddr>,
    pub provider: Provider,
    /// Other origins that a form may lead to: where signing out goes on at the provider.
    pub form_origins: Vec<String>,
    pub evaluation: bool,
    /// For `/metrics`, besides service accounts' tokens.
    pub metrics_token: Option<secrecy::SecretString>,
}

impl Edge {
    #[must_use]
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::ops::Deref for Edge {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Everything that is served; a request passes the layers from the last to the first.
pub fn router(edge: Edge) -> Router {
    let pages = app::routes::router()
        .merge(auth::routes::router())
        .merge(rest::reference::router())
        .layer(middleware::from_fn(explain_failures))
        .layer(middleware::from_fn_with_state(edge.clone(), set_the_scene));
    let answering = Router::new()
        .merge(rest::router())
        .route("/live", get(live::live))
        .merge(pages)
        .layer(middleware::from_fn_with_state(edge.clone(), auth::csrf::guard))
        .layer(middleware::from_fn_with_state(edge.clone(), auth::actor::identify))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(middleware::from_fn(rest::problem::refuse_nul_in_address))
        // here for what is compressed on its way out, and below for what never comes this far
        .layer(middleware::from_fn(rest::problem::name_the_request))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(CompressionLayer::new());
    let router = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .merge(metrics::router())
        .merge(assets::router())
        .merge(answering)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(rest::problem::name_the_request));
    let router = if edge.evaluation { router.layer(middleware::from_fn(evaluation::loopback_only)) } else { router };
    router
        .layer(middleware::from_fn_with_state(edge.clone(), harden))
        .layer(middleware::from_fn(metrics::requests::measure))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(SetRequestIdLayer::x_request_id(FreshId))
        .layer(middleware::from_fn(forget_foreign_id))
        .with_state(edge)
}

/// Whether this process can serve: 503 with the reason where it cannot, and what will be missing soon where it can.
async fn ready(State(edge): State<Edge>) -> Response {
    let warning = async {
        edge.portal.ready().await?;
        partitions::warning(&edge.portal).await
    };
    match warning.await {
        Ok(None) => "ready\n".into_response(),
        Ok(Some(warning)) => format!("ready\nwarning: {warning}\n").into_response(),
        Err(error) => rest::problem::Refusal::from(error).into_response(),
    }
}

/// Gives a page its context: who asks, how they like to read, which scripts may run. Sends those who have to sign in
/// first to do so, with what they asked for kept.
async fn set_the_scene(State(edge): State<Edge>, Caller(actor): Caller, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if actor.person().is_none()
        && !OPEN_PAGES.contains(&path.as_str())
        && !(cfg!(debug_assertions) && path.starts_with("/dev/"))
    {
        if ASKED_BY_SCRIPTS.contains(&path.as_str()) {
            return rest::problem::Refusal::from(portal::Error::Unauthenticated).into_response();
        }
        return auth::routes::sign_in_first(&edge, request).await;
    }
    let address = request.uri().path_and_query().map_or("/", |address| address.as_str());
    let mut chrome = Chrome::signed_out(edge.portal.clock.now(), address);
    chrome.evaluation = edge.evaluation;
    chrome.mark = edge.portal.live.mark();
    preferences::read_into(&mut chrome, request.headers());
    if let Err(error) = dress(&mut chrome, &edge.portal, &actor).await {
        tracing::warn!(%error, "the frame is shown without its counts");
    }
    #[cfg(debug_assertions)]
    if path.starts_with("/dev/") {
        app::ui::gallery::dress(&mut chrome);
    }
    let site = assets::site().unwrap_or_else(|error| {
        tracing::error!(%error, "pages are sent without style and script");
        Arc::default()
    });
    let nonce = fresh_nonce();
    request.extensions_mut().insert(Cx { portal: edge.portal.clone(), actor, chrome, site, nonce: nonce.clone() });

    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, content_security_policy(&nonce, &edge.form_origins));
    response
}

/// What the frame shows of this person: where they may go and what waits for them.
async fn dress(chrome: &mut Chrome, portal: &Portal, actor: &Actor) -> portal::Result<()> {
    let Some(person) = actor.person() else { return Ok(()) };
    chrome.person = Some(Person {
        name: person.display_name.clone(),
        email: person.email.clone().unwrap_or_default(),
        href: format!("/people/{}", person.id),
    });
    let holds = |roles: &[RoleName]| roles.iter().any(|role| actor.holds(*role));
    chrome.sections = Section::ALL
        .iter()
        .copied()
        .filter(|section| match section {
            Section::Integrations | Section::Deliveries => {
                holds(&[RoleName::PlatformAdministrator, RoleName::SecurityChampion, RoleName::Auditor])
            }
            Section::People | Section::Tokens => holds(&[RoleName::PlatformAdministrator]),
            _ => true,
        })
        .collect();
    if let Some(zone) = person.time_zone.as_deref().and_then(Zone::named) {
        chrome.zone = zone;
    }
    chrome.topic = Some(notifications::topic(person.id).0);
    let counts = dashboards::frame_counts(portal, actor).await?;
    (chrome.approvals, chrome.notifications, chrome.running) = (counts.approvals, counts.notifications, counts.running);
    Ok(())
}

/// Scripts run by their nonce alone; WASM may be compiled; nothing comes from elsewhere.
fn content_security_policy(nonce: &str, form_origins: &[String]) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         font-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self' {}; base-uri 'none'; \
         frame-ancestors 'none'",
        form_origins.join(" ")
    );
    HeaderValue::from_str(&policy).expect("a nonce is base64 and an origin is ASCII")
}

fn fresh_nonce() -> Arc<str> {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes).into()
}

/// Headers that every answer carries, whatever its status; what a page or a file says of itself stays.
async fn harden(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // what is no page loads and runs nothing
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"));
    // answers depend on who asks; files of the build say otherwise themselves
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if edge.origin.starts_with("https://") {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        only_over_tls(headers);
    }
    response
}

/// Marks each cookie as one that is never sent in plain.
fn only_over_tls(headers: &mut HeaderMap) {
    let cookies: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        let marked = cookie.to_str().ok().filter(|text| !text.split(';').any(|part| part.trim() == "Secure"));
        let marked = marked.and_then(|text| HeaderValue::from_str(&format!("{text}; Secure")).ok());
        headers.append(header::SET_COOKIE, marked.unwrap_or(cookie));
    }
}

/// A handler's panic is our bug: the caller learns only that.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    let problem =
        model::Problem::new(model::ProblemType::Internal, "the cause is in the server's log; nothing was changed");
    rest::problem::Refusal(problem).into_response()
}

/// The request's id is ours: what a caller sends under that name could be made to look like another's.
async fn forget_foreign_id(mut request: Request, next: Next) -> Response {
    request.headers_mut().remove("x-request-id");
    next.run(request).await
}

#[derive(Clone, Copy)]
struct FreshId;

impl MakeRequestId for FreshId {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        let mut bytes = [0; 12];
        rand::rng().fill_bytes(&mut bytes);
        HeaderValue::from_str(&hex::encode(bytes)).ok().map(RequestId::new)
    }
}

/// What of a request is logged: never its query, headers or body.
fn span(request: &Request) -> tracing::Span {
    let id = auth::actor::request_id(request.headers());
    let method: &Method = request.method();
    tracing::info_span!("request", %id, %method, path = request.uri().path())
}
