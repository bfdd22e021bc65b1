//! What the process says of itself while it runs: logs, and traces by OTLP where a collector is set.
//!
//! A trace holds what the span functions here put into it and nothing else: route templates, methods, statuses, ids of
//! requests and names of jobs. Spans and events of other code are not sent, for nobody has looked at what they say.

mod otlp;

use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, Result};
use http::{HeaderMap, StatusCode};
use tracing::{Span, field};
use tracing_subscriber::{
    EnvFilter, Layer, filter, fmt, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _,
};

pub use self::otlp::{Exporter, INTEGRATION};
use crate::{auth::actor::request_id, config::Config};

/// The target of every span that may leave.
const TARGET: &str = portal::jobs::TRACED;

/// Readable lines on standard error for a person at a terminal; else JSON lines, of a process that `serves` on standard
/// output, where collectors look, and of a command on standard error, since its output is its answer.
///
/// # Errors
/// `RAMPART_LOG` or `RAMPART_OTLP_ENDPOINT` cannot be used.
pub fn start(config: &Config, serves: bool) -> Result<Option<Exporter>> {
    let levels = EnvFilter::try_new(config.text("log").unwrap_or_default()).context("RAMPART_LOG is not a filter")?;
    let ours = filter::filter_fn(|of| of.target() != TARGET);
    let logs = if io::stderr().is_terminal() {
        fmt::layer().with_writer(io::stderr).compact().boxed()
    } else if serves {
        fmt::layer().json().with_writer(io::stdout).boxed()
    } else {
        fmt::layer().json().with_writer(io::stderr).boxed()
    };
    let exporter = Exporter::from_settings(config)?;
    let traces = exporter.as_ref().map(|exporter| {
        tracing_opentelemetry::layer()
            .with_tracer(exporter.tracer())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter::filter_fn(|of| of.is_span() && of.target() == TARGET))
    });
    registry().with(traces).with(logs.with_filter(levels).with_filter(ours)).init();
    Ok(exporter)
}

/// The span of one request, named as the semantic conventions for HTTP do (OpenTelemetry 1.37).
pub(crate) fn request_span(method: &'static str, route: &str, headers: &HeaderMap) -> Span {
    tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        rampart.request_id = request_id(headers),
    )
}

/// Notes how a request was answered.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}
