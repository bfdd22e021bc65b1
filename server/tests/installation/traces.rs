//! Traces by OTLP: nothing before the integration is enabled, and then nothing that was not meant to be said.

use reqwest::Client;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

use crate::{running::Running, setup::Installation};

const CANARY: &str = "canary-4711";

/// Everything that the collector was sent.
async fn taken(collector: &MockServer) -> Vec<u8> {
    collector.received_requests().await.unwrap().into_iter().flat_map(|request| request.body).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn visit(running: &Running) {
    for path in ["/livez".to_owned(), format!("/teams/{CANARY}?q={CANARY}")] {
        let request = Client::new().get(format!("{}{path}", running.address)).bearer_auth(CANARY);
        request.header("cookie", format!("a={CANARY}")).send().await.unwrap();
    }
}

#[tokio::test]
async fn traces_leave_once_they_may_and_hold_templates_alone() {
    let collector = MockServer::start().await;
    let takes = Mock::given(method("POST")).and(path("/v1/traces")).and(header("x-tenant", "acme"));
    takes.respond_with(ResponseTemplate::new(200)).mount(&collector).await;
    let installation = Installation::new()
        .await
        .with("RAMPART_OTLP_ENDPOINT", collector.uri())
        .with("RAMPART_OTLP_HEADERS", "x-tenant=acme");

    let running = Running::start(&installation).await;
    visit(&running).await;
    running.stop().await;
    assert_eq!(taken(&collector).await.len(), 0, "nobody has enabled it");
    let mut owner = installation.database.owner().await;
    let (name, hosts): (String, Vec<String>) =
        sqlx::query_as("update integration set enabled = true, approved_at = now() where kind = 'telemetry' returning name, egress_hosts")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!((name.as_str(), hosts), ("telemetry", vec![collector.address().to_string()]));

    let running = Running::start(&installation).await;
    visit(&running).await;
    running.stop().await;
    let sent = taken(&collector).await;
    for text in ["GET /livez", "GET /teams/{name}", "http.response.status_code", "rampart.request_id"] {
        assert!(holds(&sent, text), "{text} is not in the traces");
    }
    assert!(!holds(&sent, CANARY), "what was sent to the portal went on to the collector");
}
