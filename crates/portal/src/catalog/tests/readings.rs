//! Sources that the portal reads itself, from hosts that answer as their published APIs say: GitHub REST v3 (2022-11-28),
//! GitLab API v4 (17) and Gitea API v1 (1.24).

use std::sync::Arc;

use hmac::{Hmac, Mac};
use model::{
    SourceId,
    entity::{Source, SourceState},
};
use sha2::Sha256;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, header_exists, method, path, query_param},
};

use super::*;
use crate::{
    Settings,
    catalog::edit::{self, Draft, Proofs},
    egress::Egress,
    jobs,
};

const TOKEN: &str = "a-token-of-acme";
const SECRET: &str = "a secret of sixteen";

async fn portal_beside(servers: &[&MockServer]) -> TestPortal {
    let mut t = TestPortal::new().await;
    let rules = servers.iter().map(|server| format!("{}+private", server.address()).parse().unwrap()).collect();
    t.portal.settings = Arc::new(Settings { egress: Egress::new(rules), ..Settings::default() });
    t
}

fn draft(name: &str, address: &str) -> Draft {
    Draft {
        kind: SourceKind::Url,
        name: name.to_owned(),
        address: address.to_owned(),
        path: None,
        with_forks: false,
        with_archived: false,
        every_s: None,
        token: Some(TOKEN.to_owned().into()),
        hook_secret: Some(SECRET.to_owned().into()),
    }
}

async fn add(t: &TestPortal, draft: &Draft) -> SourceId {
    edit::add(t, &administrator(t).await, draft).await.unwrap()
}

/// `address` as people open a file of `acme/shop` on a GitHub of their own.
fn github(server: &MockServer, file: &str) -> String {
    format!("http://{}/acme/shop/blob/main/{file}", server.address())
}

async fn holds(server: &MockServer, file: &str, text: &str) {
    answers(server, file, ResponseTemplate::new(200).set_body_string(text)).await;
}

async fn answers(server: &MockServer, file: &str, answer: ResponseTemplate) {
    let asked = format!("/api/v3/repos/acme/shop/contents/{file}");
    Mock::given(method("GET")).and(path(asked)).respond_with(answer).mount(server).await;
}

async fn read_now(t: &TestPortal, id: SourceId) -> Source {
    t.clock.advance(Duration::minutes(1));
    super::super::reading::read(t, id).await.unwrap();
    super::source(t, &administrator(t).await, id).await.unwrap().source
}

async fn all(t: &TestPortal) -> Vec<String> {
    names(t, &t.person("Ada", &[]).await, &[]).await
}

#[tokio::test]
async fn a_file_is_read_through_its_hosts_api_with_the_sources_token() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    Mock::given(method("GET"))
        .and(path("/api/v3/repos/acme/shop/contents/catalog-info.yaml"))
        .and(query_param("ref", "main"))
        .and(header("authorization", format!("Bearer {TOKEN}").as_str()))
        .and(header("accept", "application/vnd.github.raw+json"))
        .respond_with(ResponseTemplate::new(200).set_body_string(component("pay", "payments", "")))
        .mount(&server)
        .await;
    let id = add(&t, &draft("shop", &github(&server, "catalog-info.yaml"))).await;
    jobs::work_once(&t).await.unwrap();
    let ada = t.person("Ada", &[]).await;
    let pay = see(&t, &ada, "component:default/pay").await.unwrap();
    assert_eq!(pay.origin.unwrap().file, github(&server, "catalog-info.yaml"));
    let source = super::source(&t, &administrator(&t).await, id).await.unwrap().source;
    assert_eq!((source.state, source.entities, source.has_token), (SourceState::Fine, 1, true), "{source:?}");
    let next = source.next_at.unwrap() - t.clock.now();
    assert!(next >= Duration::minutes(5) && next <= Duration::seconds(331), "{next}");
    let kept: Vec<u8> = sqlx::query_scalar("select token from source").fetch_one(&mut t.owner().await).await.unwrap();
    assert!(!kept.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()), "encrypted");
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again_and_changes_nothing() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    let asked = || path("/api/v3/repos/acme/shop/contents/catalog-info.yaml");
    Mock::given(asked())
        .and(header("if-none-match", "\"v1\""))
        .respond_with(ResponseTemplate::new(304))
        .with_priority(1)
        .mount(&server)
        .await;
    let text = component("pay", "payments", "");
    Mock::given(asked())
        .respond_with(ResponseTemplate::new(200).insert_header("etag", "\"v1\"").set_body_string(text))
        .mount(&server)
        .await;
    let id = add(&t, &draft("shop", &github(&server, "catalog-info.yaml"))).await;
    read_now(&t, id).await;
    let before =
        (t.count("select count(*) from audit_record").await, t.count("select revision from catalog_revision").await);
    let source = read_now(&t, id).await;
    assert_eq!((source.state, source.tried_at), (SourceState::Fine, Some(t.clock.now())));
    let after =
        (t.count("select count(*) from audit_record").await, t.count("select revision from catalog_revision").await);
    assert_eq!(before, after);
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

const LOCATION: &str = "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata:\n  name: all\nspec:\n  targets:\n";

#[tokio::test]
async fn locations_are_followed_once_each_and_never_out_of_their_repository() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    let targets =
        "    - ./services/pay.yaml\n    - services/more.yaml\n    - ../../../secrets.yaml\n    - catalog-info.yaml\n";
    holds(&server, "catalog-info.yaml", &format!("{LOCATION}{targets}")).await;
    holds(&server, "services/pay.yaml", &component("pay", "payments", "")).await;
    let more = LOCATION.replace("name: all", "name: more");
    holds(&server, "services/more.yaml", &format!("{more}    - ./ship.yaml\n    - ../catalog-info.yaml\n")).await;
    holds(&server, "services/ship.yaml", &component("ship", "shipping", "")).await;
    let id = add(&t, &draft("shop", &github(&server, "catalog-info.yaml"))).await;
    let source = read_now(&t, id).await;
    assert_eq!(all(&t).await, ["all", "more", "pay", "ship"]);
    assert_eq!(server.received_requests().await.unwrap().len(), 4, "a circle ends");
    assert_eq!(source.errors.len(), 1, "{:?}", source.errors);
    let wrong = &source.errors[0];
    assert_eq!((wrong.line, wrong.field.as_deref()), (1, Some("spec.targets")));
    assert!(wrong.reason.contains("secrets.yaml") && wrong.reason.contains("out of the repository"), "{wrong:?}");
}

#[tokio::test]
async fn what_a_descriptor_includes_stands_in_it_and_without_it_the_entity_stays_as_it_was() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    let api = "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: orders\nspec:\n  type: openapi\n  lifecycle: production\n  owner: payments\n  definition:\n    $text: ./api/orders.yaml\n";
    let definition = async |t: &TestPortal| {
        let orders = see(t, &t.person("Ada", &[]).await, "api:default/orders").await.unwrap();
        orders.descriptor["spec"]["definition"].clone()
    };
    holds(&server, "catalog-info.yaml", api).await;
    holds(&server, "api/orders.yaml", "openapi: 3.1.0\n").await;
    let id = add(&t, &draft("shop", &github(&server, "catalog-info.yaml"))).await;
    assert_eq!(read_now(&t, id).await.errors, []);
    assert_eq!(definition(&t).await, "openapi: 3.1.0\n");
    server.reset().await;
    holds(&server, "catalog-info.yaml", api).await;
    holds(&server, "api/orders.yaml", "openapi: 3.1.1\n").await;
    read_now(&t, id).await;
    assert_eq!(definition(&t).await, "openapi: 3.1.1\n", "a change of the included file is one of the entity");
    server.reset().await;
    holds(&server, "catalog-info.yaml", api).await;
    answers(&server, "api/orders.yaml", ResponseTemplate::new(500)).await;
    let source = read_now(&t, id).await;
    assert!(source.errors[0].reason.contains("orders.yaml"), "{source:?}");
    assert_eq!(definition(&t).await, "openapi: 3.1.1\n");
}

#[tokio::test]
async fn where_a_host_fails_nothing_goes_to_the_bin_and_it_is_asked_later_each_time() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    let file = "catalog-info.yaml";
    holds(&server, file, &format!("{LOCATION}    - pay.yaml\n    - ship.yaml\n")).await;
    holds(&server, "pay.yaml", &component("pay", "payments", "")).await;
    holds(&server, "ship.yaml", &component("ship", "shipping", "")).await;
    let id = add(&t, &draft("shop", &github(&server, file))).await;
    read_now(&t, id).await;
    assert_eq!(all(&t).await, ["all", "pay", "ship"]);

    // one of the files cannot be had
    server.reset().await;
    holds(&server, file, &format!("{LOCATION}    - pay.yaml\n    - ship.yaml\n")).await;
    holds(&server, "pay.yaml", &component("pay", "payments", "  title: Pay\n")).await;
    answers(&server, "ship.yaml", ResponseTemplate::new(404)).await;
    let source = read_now(&t, id).await;
    assert_eq!(all(&t).await, ["all", "pay", "ship"]);
    assert_eq!(source.state, SourceState::Wrong);
    assert!(source.errors[0].reason.contains("ship.yaml") && source.errors[0].reason.contains("404"), "{source:?}");
    let pay = see(&t, &t.person("Bob", &[]).await, "component:default/pay").await.unwrap();
    assert_eq!(pay.summary.title.as_deref(), Some("Pay"), "what can be had is taken");

    // nothing can
    let mut waits = Vec::new();
    for _ in 0..3 {
        server.reset().await;
        answers(&server, file, ResponseTemplate::new(503)).await;
        let source = read_now(&t, id).await;
        assert_eq!((source.state, source.entities), (SourceState::Failing, 3));
        assert!(source.failure.unwrap().contains("503"));
        waits.push(source.next_at.unwrap() - t.clock.now());
    }
    assert!(waits[0] < waits[1] && waits[1] < waits[2], "{waits:?}");
    server.reset().await;
    answers(&server, file, ResponseTemplate::new(429).insert_header("retry-after", "7200")).await;
    let source = read_now(&t, id).await;
    assert!(source.next_at.unwrap() - t.clock.now() >= Duration::hours(2));

    // and back again
    server.reset().await;
    holds(&server, file, &component("pay", "payments", "")).await;
    let source = read_now(&t, id).await;
    assert_eq!((source.state, source.failure), (SourceState::Fine, None));
    assert_eq!(all(&t).await, ["pay"], "now the others are really gone");
}

#[tokio::test]
async fn a_redirect_is_checked_like_the_first_address_and_loses_the_token_on_another_host() {
    let (server, other) = (MockServer::start().await, MockServer::start().await);
    let t = portal_beside(&[&server, &other]).await;
    let to = |to: String| ResponseTemplate::new(302).insert_header("location", to);
    answers(&server, "a.yaml", to(format!("http://{}/moved.yaml", other.address()))).await;
    Mock::given(path("/moved.yaml"))
        .and(header_exists("authorization"))
        .respond_with(ResponseTemplate::new(500))
        .with_priority(1)
        .mount(&other)
        .await;
    let text = component("pay", "payments", "");
    Mock::given(path("/moved.yaml")).respond_with(ResponseTemplate::new(200).set_body_string(text)).mount(&other).await;
    let id = add(&t, &draft("moved", &github(&server, "a.yaml"))).await;
    assert_eq!(read_now(&t, id).await.failure, None);
    assert_eq!(all(&t).await, ["pay"]);

    for (at, place) in
        ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", "http://[::1]/x", "file:///etc/passwd"]
            .into_iter()
            .enumerate()
    {
        let file = format!("b{at}.yaml");
        answers(&server, &file, to(place.to_owned())).await;
        let id = add(&t, &draft(&file, &github(&server, &file))).await;
        let source = read_now(&t, id).await;
        assert_eq!(source.state, SourceState::Failing, "{place}");
    }
    answers(
        &server,
        "round.yaml",
        to(format!("http://{}/api/v3/repos/acme/shop/contents/round.yaml", server.address())),
    )
    .await;
    let id = add(&t, &draft("round", &github(&server, "round.yaml"))).await;
    assert!(read_now(&t, id).await.failure.unwrap().contains("redirects"));
}

#[tokio::test]
async fn only_allowed_hosts_are_read_and_no_more_than_is_taken() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    let root = administrator(&t).await;
    for address in ["https://github.com/acme/shop", "http://127.0.0.1:1/a.yaml", "gopher://x/", "not an address"] {
        let refused = edit::add(&t, &root, &draft("x", address)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{address}");
    }
    let ada = t.person("Ada", &[]).await;
    assert!(matches!(edit::add(&t, &ada, &draft("x", &github(&server, "a.yaml"))).await, Err(Error::Forbidden(_))));
    answers(&server, "large.yaml", ResponseTemplate::new(200).set_body_bytes(vec![b'#'; (16 << 20) + 1])).await;
    let id = add(&t, &draft("large", &github(&server, "large.yaml"))).await;
    let source = read_now(&t, id).await;
    assert!(source.failure.unwrap().contains("more than 16384 KiB"));
}

#[tokio::test]
async fn an_organisation_is_read_repository_by_repository() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    let list = format!("http://{}/api/v3/orgs/acme/repos", server.address());
    let repository = |name: &str, archived: bool| serde_json::json!({ "full_name": format!("acme/{name}"), "default_branch": "main", "fork": false, "archived": archived });
    let pages = |second: ResponseTemplate| {
        let first = ResponseTemplate::new(200)
            .insert_header("link", format!("<{list}?page=2>; rel=\"next\", <{list}?page=2>; rel=\"last\""))
            .set_body_json([repository("pay", false), repository("old", true), repository("empty", false)]);
        (first, second)
    };
    let mount = async |(first, second): (ResponseTemplate, ResponseTemplate)| {
        server.reset().await;
        let asked = || path("/api/v3/orgs/acme/repos");
        Mock::given(asked()).and(query_param("page", "2")).respond_with(second).with_priority(1).mount(&server).await;
        Mock::given(asked()).respond_with(first).mount(&server).await;
        for name in ["pay", "old", "ship"] {
            let asked = format!("/api/v3/repos/acme/{name}/contents/catalog-info.yaml");
            let answer = ResponseTemplate::new(200).set_body_string(component(name, "payments", ""));
            Mock::given(path(asked)).respond_with(answer).mount(&server).await;
        }
    };
    mount(pages(ResponseTemplate::new(200).set_body_json([repository("ship", false)]))).await;
    let address = format!("http://{}/api/v3/orgs/acme", server.address());
    let id = add(&t, &Draft { kind: SourceKind::Discovery, ..draft("acme", &address) }).await;
    let source = read_now(&t, id).await;
    assert_eq!(source.state, SourceState::Fine, "a repository without a descriptor is no mistake: {source:?}");
    assert_eq!(all(&t).await, ["pay", "ship"]);

    mount(pages(ResponseTemplate::new(500))).await;
    assert_eq!(read_now(&t, id).await.state, SourceState::Failing);
    assert_eq!(all(&t).await, ["pay", "ship"]);

    mount(pages(ResponseTemplate::new(200).set_body_json(Vec::<serde_json::Value>::new()))).await;
    let source = read_now(&t, id).await;
    assert_eq!((source.state, source.did.unwrap().binned), (SourceState::Fine, 1));
    assert_eq!(all(&t).await, ["pay"]);
}

#[tokio::test]
async fn groups_of_gitlab_and_organisations_of_gitea_are_read_as_well() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    let ok = |text: String| ResponseTemplate::new(200).set_body_string(text);
    Mock::given(path("/api/v4/groups/acme/projects"))
        .and(header("private-token", TOKEN))
        .respond_with(ResponseTemplate::new(200).set_body_json([serde_json::json!({
            "path_with_namespace": "acme/teams/pay", "default_branch": "trunk", "archived": false
        })]))
        .mount(&server)
        .await;
    Mock::given(path("/api/v4/projects/acme%2Fteams%2Fpay/repository/files/catalog-info.yaml/raw"))
        .and(query_param("ref", "trunk"))
        .respond_with(ok(component("pay", "payments", "")))
        .mount(&server)
        .await;
    Mock::given(path("/api/v1/orgs/acme/repos"))
        .and(header("authorization", format!("token {TOKEN}").as_str()))
        .respond_with(ResponseTemplate::new(200).set_body_json([serde_json::json!({
            "full_name": "acme/ship", "default_branch": "main", "archived": false, "fork": false, "empty": false
        })]))
        .mount(&server)
        .await;
    Mock::given(path("/api/v1/repos/acme/ship/raw/catalog-info.yaml"))
        .respond_with(ok(component("ship", "shipping", "")))
        .mount(&server)
        .await;
    for api in ["api/v4/groups/acme", "api/v1/orgs/acme"] {
        let address = format!("http://{}/{api}", server.address());
        let id = add(&t, &Draft { kind: SourceKind::Discovery, ..draft(api, &address) }).await;
        assert_eq!(read_now(&t, id).await.failure, None);
    }
    assert_eq!(all(&t).await, ["pay", "ship"]);
}

#[tokio::test]
async fn a_signed_push_has_the_source_read_at_once_and_a_forged_one_is_noted() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    holds(&server, "a.yaml", &component("pay", "payments", "")).await;
    let id = add(&t, &draft("shop", &github(&server, "a.yaml"))).await;
    jobs::work_once(&t).await.unwrap();
    server.reset().await;
    holds(&server, "a.yaml", &component("ship", "shipping", "")).await;

    let body = push();
    let signature = |secret: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(&body);
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    };
    let (right, wrong) = (signature(SECRET), signature("another secret of it"));
    for proofs in [
        Proofs { hub: Some(&wrong), ..Proofs::default() },
        Proofs { token: Some("a secret of sixteem"), ..Proofs::default() },
        Proofs::default(),
    ] {
        assert!(matches!(edit::pushed(&t, id, proofs, &body).await, Err(Error::Unauthenticated)));
    }
    jobs::work_once(&t).await.unwrap();
    assert_eq!(all(&t).await, ["pay"]);
    let source = super::source(&t, &administrator(&t).await, id).await.unwrap().source;
    assert_eq!((source.hook_at, source.hook_refused_at), (None, Some(t.clock.now())));
    // nobody learns which sources there are
    let nothing: SourceId = t.rng.id(&t.clock);
    assert!(matches!(edit::pushed(&t, nothing, Proofs::default(), &body).await, Err(Error::Unauthenticated)));

    for _ in 0..2 {
        edit::pushed(&t, id, Proofs { hub: Some(&right), ..Proofs::default() }, &body).await.unwrap();
    }
    jobs::work_once(&t).await.unwrap();
    assert_eq!(all(&t).await, ["ship"]);
}

/// A real push of GitHub where the corpus is there.
fn push() -> Vec<u8> {
    let corpus = std::env::var("RAMPART_CORPUS").unwrap_or_else(|_| "../../../shared/data".to_owned());
    let folder = std::path::Path::new(&corpus).join("webhooks/github");
    let pushes = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let push = pushes
        .map(|file| file.path())
        .find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("push.")));
    push.map_or_else(|| b"{\"ref\":\"refs/heads/main\"}".to_vec(), |file| std::fs::read(file).unwrap())
}

#[tokio::test]
async fn a_removed_source_leaves_what_it_held_in_the_bin_or_to_the_next() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    let root = administrator(&t).await;
    let both = format!("{}---\n{}", component("pay", "payments", ""), component("ship", "shipping", ""));
    holds(&server, "first.yaml", &both).await;
    holds(&server, "second.yaml", &component("ship", "pirates", "")).await;
    let first = add(&t, &draft("first", &github(&server, "first.yaml"))).await;
    read_now(&t, first).await;
    let second = add(&t, &draft("second", &github(&server, "second.yaml"))).await;
    assert_eq!(read_now(&t, second).await.conflicts, 1);

    let binned = edit::remove(&t, &root, first).await.unwrap();
    assert_eq!(binned, [reference("component:default/pay")]);
    assert!(matches!(super::source(&t, &root, first).await, Err(Error::NotFound(_))));
    assert_eq!(all(&t).await, ["ship"]);
    super::super::reading::sweep(&t).await.unwrap();
    jobs::work_once(&t).await.unwrap();
    let ship = see(&t, &root, "component:default/ship").await.unwrap();
    assert_eq!(ship.summary.team.as_deref(), Some("pirates"), "it reads what it has now, though its file is as before");
}

#[tokio::test]
async fn what_is_due_is_read_and_one_source_by_one_worker() {
    let server = MockServer::start().await;
    let t = portal_beside(&[&server]).await;
    holds(&server, "a.yaml", &component("pay", "payments", "")).await;
    let id = add(&t, &draft("shop", &github(&server, "a.yaml"))).await;
    jobs::work_once(&t).await.unwrap();
    for (minutes, reads) in [(2, 1), (10, 2)] {
        t.clock.advance(Duration::minutes(minutes));
        super::super::reading::sweep(&t).await.unwrap();
        jobs::work_once(&t).await.unwrap();
        assert_eq!(server.received_requests().await.unwrap().len(), reads, "after {minutes} minutes");
    }
    let elsewhere = t.db.lock(&format!("catalog.source:{id}")).await.unwrap().unwrap();
    super::super::reading::read(&t, id).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 2, "somebody else reads it");
    elsewhere.release().await.unwrap();
    super::super::reading::read(&t, id).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}
