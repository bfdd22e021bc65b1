//! Traces by OTLP 1.x over HTTP, in protobuf, to the collector of `RAMPART_OTLP_ENDPOINT`.
//!
//! Nothing leaves before the integration is approved and enabled on its page, and nothing after it was disabled; what
//! happens meanwhile is not kept. A collector that does not answer costs its traces and nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use http_body_util::BodyExt as _;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};
use portal::{Portal, integrations};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{config::Config, serve};

/// How long a collector may take for one batch.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How soon it counts that the integration was enabled or disabled.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The name of the integration that has to be enabled.
pub const INTEGRATION: &str = "telemetry";

/// Sends traces once it may.
#[derive(Debug)]
pub struct Exporter {
    provider: SdkTracerProvider,
    allowed: Arc<AtomicBool>,
}

impl Exporter {
    /// None where no collector is set.
    ///
    /// # Errors
    /// The collector's address, or the certificate authorities, cannot be used.
    pub fn from_settings(config: &Config) -> Result<Option<Self>> {
        let Some(endpoint) = endpoint(config)? else { return Ok(None) };
        let headers = config.pairs("otlp_headers").context("RAMPART_OTLP_HEADERS")?;
        let allowed = Arc::new(AtomicBool::new(false));
        let sender = Sender { http: serve::client(config)?, allowed: allowed.clone(), runtime: Handle::current() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.as_str())
            .with_timeout(TIMEOUT)
            .with_headers(headers.into_iter().collect())
            .build()
            .context("RAMPART_OTLP_ENDPOINT")?;
        let resource = Resource::builder_empty()
            .with_service_name("rampart")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Some(Self { provider, allowed }))
    }

    /// What makes spans of it.
    #[must_use]
    pub fn tracer(&self) -> SdkTracer {
        self.provider.tracer("rampart")
    }

    /// Follows the integration's page until `stop`, then sends what is left.
    pub async fn follow(self, portal: Portal, stop: CancellationToken) {
        loop {
            match integrations::is_enabled(&portal, INTEGRATION).await {
                Ok(enabled) => self.allowed.store(enabled, Ordering::Relaxed),
                Err(error) => tracing::warn!(%error, "cannot tell whether traces may be sent; going on as before"),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => break,
            }
        }
        // it waits for its own thread
        let ended = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(TIMEOUT)).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// `RAMPART_OTLP_ENDPOINT` with the path for traces, as OTLP 1.x, "OTLP/HTTP Request", has it.
fn endpoint(config: &Config) -> Result<Option<Url>> {
    let Some(text) = config.text("otlp_endpoint") else { return Ok(None) };
    let base = Url::parse(text).context("RAMPART_OTLP_ENDPOINT is not an address")?;
    ensure!(
        matches!(base.scheme(), "http" | "https") && base.username().is_empty() && base.password().is_none(),
        "RAMPART_OTLP_ENDPOINT has to be http:// or https:// without a name or password; headers go to RAMPART_OTLP_HEADERS"
    );
    let path = format!("{}/v1/traces", base.path().trim_end_matches('/'));
    let mut url = base;
    url.set_path(&path);
    Ok(Some(url))
}

/// Sends batches by the portal's own way out; called from the exporter's thread, so it works on the runtime.
#[derive(Debug)]
struct Sender {
    http: reqwest::Client,
    allowed: Arc<AtomicBool>,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        if !self.allowed.load(Ordering::Relaxed) {
            // taken, as far as the exporter is concerned: it is not to try again later
            return Ok(http::Response::new(Bytes::new()));
        }
        let http = self.http.clone();
        let sending = async move {
            let answer = http.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
            let (parts, body) = http::Response::from(answer).into_parts();
            let body = http_body_util::Limited::new(body, 64 * 1024).collect().await?.to_bytes();
            Ok::<_, HttpError>(http::Response::from_parts(parts, body))
        };
        self.runtime.spawn(sending).await?
    }
}
