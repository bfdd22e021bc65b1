//! `/metrics`: for whom, and that what it says can never name a person, a path or a secret.

use portal::identity::token;
use reqwest::{Client, Method, Response, StatusCode};
use secrecy::ExposeSecret;

use crate::{
    running::{Running, free_port},
    setup::Installation,
};

const CANARY: &str = "canary-4711";

async fn get(url: &str, bearer: Option<&str>) -> Response {
    let request = Client::new().get(url);
    let request = if let Some(token) = bearer { request.bearer_auth(token) } else { request };
    request.send().await.unwrap()
}

/// A service account's token with these scopes.
async fn token(installation: &Installation, name: &str, scope: &str) -> String {
    let t = &installation.database;
    let issued = token::issue_for_service_account(t, &t.system(), name, &[scope.to_owned()], None).await.unwrap();
    issued.secret.expose_secret().to_owned()
}

#[tokio::test]
async fn on_the_portals_own_address_metrics_are_for_a_token_of_their_scope() {
    let installation = Installation::new().await.with("RAMPART_METRICS_TOKEN", "for-prometheus");
    let right = token(&installation, "prometheus", "metrics:read").await;
    let wrong = token(&installation, "pipeline", "reports:write").await;
    let running = Running::start(&installation).await;
    let url = format!("{}/metrics", running.address);
    assert_eq!(get(&url, None).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get(&url, Some("rampart_nobodys")).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get(&url, Some("for-prometheu")).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get(&url, Some(&wrong)).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(get(&url, Some(&right)).await.status(), StatusCode::OK);
    let answer = get(&url, Some("for-prometheus")).await;
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    for name in [
        "rampart_http_request_duration_seconds_bucket",
        "rampart_jobs{state=\"due\"} ",
        "rampart_jobs_oldest_due_seconds ",
        "rampart_deliveries{state=\"pending\"} 0",
        "rampart_deliveries{state=\"failed\"} 0",
        "rampart_database_up 1",
        "rampart_database_connections{state=\"used\"} ",
        "process_resident_memory_bytes ",
        "rampart_build_info{version=",
    ] {
        assert!(text.contains(name), "{name} is not in\n{text}");
    }
}

#[tokio::test]
async fn on_an_address_of_their_own_they_name_templates_and_nothing_that_was_sent() {
    let addr = format!("127.0.0.1:{}", free_port().await);
    let installation = Installation::new().await.with("RAMPART_METRICS_ADDR", &addr);
    let running = Running::start(&installation).await;
    let at = |path: &str| format!("{}{path}", running.address);
    for path in [
        "/livez".to_owned(),
        format!("/{CANARY}"),
        format!("/api/v1/{CANARY}?q={CANARY}"),
        format!("/teams/{CANARY}"),
        format!("/catalog/component/default/{CANARY}"),
    ] {
        get(&at(&path), Some(CANARY)).await;
    }
    let made_up = Method::from_bytes(CANARY.to_uppercase().as_bytes()).unwrap();
    Client::new().request(made_up, at("/livez")).send().await.unwrap();

    let text = get(&format!("http://{addr}/metrics"), None).await.text().await.unwrap();
    let counted = |labels: &str| text.contains(&format!("rampart_http_request_duration_seconds_count{{{labels}}}"));
    assert!(counted("route=\"/livez\",method=\"GET\",status=\"200\""), "{text}");
    assert!(counted("route=\"/livez\",method=\"other\",status=\"405\""), "{text}");
    assert!(text.contains("route=\"/teams/{name}\""), "{text}");
    assert!(text.contains("route=\"unmatched\""), "{text}");
    assert!(!text.to_lowercase().contains(CANARY), "{text}");
    assert_eq!(get(&format!("http://{addr}/"), None).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_forwarded_address_is_noted_only_from_a_trusted_proxy() {
    for (trusted, expected) in [("127.0.0.1", "203.0.113.7"), ("", "127.0.0.1")] {
        let installation = Installation::new().await.with("RAMPART_TRUSTED_PROXIES", trusted);
        let token = token(&installation, "prometheus", "metrics:read").await;
        let running = Running::start(&installation).await;
        for path in ["/metrics", "/api/v1/entities"] {
            let request = Client::new().get(format!("{}{path}", running.address)).bearer_auth(&token);
            request.header("x-forwarded-for", "198.51.100.1, 203.0.113.7").send().await.unwrap();
            let noted: String = sqlx::query_scalar("update token set used_at = null returning used_address")
                .fetch_one(&mut installation.database.owner().await)
                .await
                .unwrap();
            assert_eq!(noted, expected, "{path} with {trusted:?} trusted");
        }
    }
}
