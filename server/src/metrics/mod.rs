//! `GET /metrics` in Prometheus' text format (0.0.4): on its own address, or on the main one for a token.

pub mod requests;

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
};

use anyhow::{Context, Result};
use axum::{
    Extension, Router,
    extract::{ConnectInfo, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, header};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use portal::{Error, Portal, identity::token, vitals};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::actor::{bearer, client_address, request_id},
    http::Edge,
    rest::problem::Refusal,
};

/// What Prometheus expects of version 0.0.4 of its text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long the policy took to decide, in seconds, as the portal's crate measures it.
const DECISION: &str = "rampart_policy_decision_seconds";
/// Upper bounds in seconds; 100 µs is the budget of a decision.
const DECISION_BUCKETS: &[f64] =
    &[0.000_01, 0.000_02, 0.000_03, 0.000_05, 0.000_075, 0.000_1, 0.000_15, 0.000_2, 0.000_5, 0.001, 0.01, 0.1];

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// The process's one recorder; made at the first call.
pub fn recorder() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(requests::DURATION.to_owned()), requests::BUCKETS)
            .expect("the buckets are not empty")
            .set_buckets_for_metric(Matcher::Full(DECISION.to_owned()), DECISION_BUCKETS)
            .expect("the buckets are not empty")
            .build_recorder();
        let handle = recorder.handle();
        // elsewhere in this process another recorder may be set; then this one shows what it is given here alone
        drop(metrics::set_global_recorder(recorder));
        describe();
        handle
    })
}

/// On the main address: for `RAMPART_METRICS_TOKEN`, or whoever may read metrics.
pub fn router() -> Router<Edge> {
    Router::new().route("/metrics", get(for_a_token))
}

async fn for_a_token(
    State(edge): State<Edge>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Response {
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer.ip());
    match admit(&edge, peer, &headers).await {
        Ok(()) => page(&edge.portal).await,
        Err(error) => Refusal::from(error).into_response(),
    }
}

async fn admit(edge: &Edge, peer: Option<IpAddr>, headers: &HeaderMap) -> portal::Result<()> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    let given = value.ok_or(Error::Unauthenticated)?;
    if let Some(expected) = &edge.metrics_token
        && bool::from(given.as_bytes().ct_eq(expected.expose_secret().as_bytes()))
    {
        return Ok(());
    }
    let address = peer.map(|peer| client_address(peer, headers, &edge.trusted_proxies));
    let found = token::actor(&edge.portal, given, request_id(headers), address).await?;
    vitals::admit(&edge.portal, &found.ok_or(Error::Unauthenticated)?).await
}

/// On an address of its own, for everybody who reaches it.
///
/// # Errors
/// Nothing can listen there.
pub async fn listen(addr: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(addr)
        .await
        .with_context(|| format!("cannot listen on {addr}; set RAMPART_METRICS_ADDR to another address"))
}

/// Answers `/metrics` on that address, and nothing else, until `stop`.
///
/// # Errors
/// Serving failed.
pub async fn serve(listener: TcpListener, portal: Portal, stop: CancellationToken) -> Result<()> {
    let router = Router::new().route("/metrics", get(async |State(portal): State<Portal>| page(&portal).await));
    let serving = axum::serve(listener, router.with_state(portal)).with_graceful_shutdown(stop.cancelled_owned());
    serving.await.context("serving metrics")
}

async fn page(portal: &Portal) -> Response {
    let recorder = recorder();
    look(portal).await;
    recorder.run_upkeep();
    ([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], recorder.render()).into_response()
}

/// Sets what is read when somebody asks.
async fn look(portal: &Portal) {
    match vitals::work(portal).await {
        Ok(work) => {
            gauge!("rampart_database_up").set(1.0);
            gauge!("rampart_jobs", "state" => "due").set(count(work.jobs_due));
            gauge!("rampart_jobs", "state" => "running").set(count(work.jobs_running));
            gauge!("rampart_jobs", "state" => "given_up").set(count(work.jobs_given_up));
            gauge!("rampart_jobs_oldest_due_seconds").set(work.jobs_oldest_seconds);
            gauge!("rampart_deliveries", "state" => "pending").set(count(work.deliveries_pending));
            gauge!("rampart_deliveries", "state" => "failed").set(count(work.deliveries_failed));
        }
        Err(error) => {
            tracing::warn!(%error, "the metrics are without the database's");
            gauge!("rampart_database_up").set(0.0);
        }
    }
    let pool = vitals::pool(portal);
    gauge!("rampart_database_connections", "state" => "idle").set(pool.idle);
    gauge!("rampart_database_connections", "state" => "used").set(pool.open.saturating_sub(pool.idle));
    gauge!("rampart_database_connections_max").set(pool.most);
    if let Some(bytes) = resident_bytes() {
        gauge!("process_resident_memory_bytes").set(bytes);
    }
    gauge!("rampart_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Of what is unfinished there are never so many that a float cannot count them.
#[expect(clippy::cast_precision_loss, reason = "counts of what is unfinished are far below 2^53")]
fn count(number: i64) -> f64 {
    number as f64
}

/// `VmRSS` of proc(5), in bytes; none where there is no such file system.
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kib) * 1024.0)
}

fn describe() {
    requests::describe();
    describe_histogram!(DECISION, Unit::Seconds, "how long one policy decision took");
    describe_gauge!("rampart_database_up", "1 where the database answered this scrape");
    describe_gauge!("rampart_jobs", "jobs that are due, running, or given up after too many failures");
    describe_gauge!("rampart_jobs_oldest_due_seconds", Unit::Seconds, "how long the first due job has waited");
    describe_gauge!("rampart_deliveries", "mail and webhooks that are pending, or failed for good");
    describe_gauge!("rampart_database_connections", "this process's connections to the database");
    describe_gauge!("rampart_database_connections_max", "how many connections this process opens at most");
    describe_gauge!("process_resident_memory_bytes", Unit::Bytes, "resident memory of this process");
    describe_gauge!("rampart_build_info", "1, with the version as a label");
    describe_counter!("rampart_denials_total", "what somebody was not allowed to do, by action");
    describe_counter!("rampart_deliveries_total", "attempts to deliver mail and webhooks, by outcome");
    describe_counter!("rampart_alert_deliveries_total", "deliveries of alerts that were taken");
}
