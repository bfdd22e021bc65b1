//! Reports, findings and the gate as people and pipelines meet them.

mod any_reports;

use std::collections::BTreeMap;

use model::{
    EntityId, IntegrationKind, PageRequest, Severity,
    findings::{
        Decision, FindingDetail, FindingEventKind, FindingState, FindingSummary, Receipt, SeverityCounts, Stage,
    },
};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use time::Duration;

use super::{Filter, Sort, SortKey, UploadScope, effects, gate, standings};
use crate::{
    Error,
    authz::{Actor, Authentication, Reach, RoleName, Who},
    db::Tx,
    integrations,
    testing::TestPortal,
};

const SERVICE: &str = "payments-api";

/// A portal with one service of the team payments and one of its developers.
async fn portal() -> (TestPortal, EntityId, Actor) {
    let t = TestPortal::new().await;
    let service = t.service(SERVICE, "payments").await;
    let ada = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    (t, service, ada)
}

/// What Trivy says of an image with these vulnerabilities: number, package, severity, whether there is a fix.
fn trivy(image: &str, vulnerabilities: &[(u32, &str, &str, bool)]) -> Vec<u8> {
    let vulnerabilities: Vec<Value> = vulnerabilities
        .iter()
        .map(|(number, package, severity, fixable)| {
            json!({
                "VulnerabilityID": format!("CVE-2025-{number:04}"),
                "PkgName": package,
                "InstalledVersion": "1.0.0",
                "FixedVersion": if *fixable { "1.0.1" } else { "" },
                "PkgIdentifier": { "PURL": format!("pkg:npm/{package}@1.0.0") },
                "Severity": severity,
                "Title": format!("{package}: problem {number}"),
                "Description": "An attacker can do things.",
            })
        })
        .collect();
    json!({
        "SchemaVersion": 2,
        "ArtifactName": image,
        "ArtifactType": "container_image",
        "Results": [{ "Target": "package-lock.json", "Class": "lang-pkgs", "Type": "npm", "Vulnerabilities": vulnerabilities }],
    })
    .to_string()
    .into_bytes()
}

/// The same from another tool, as CycloneDX.
fn cyclonedx(vulnerabilities: &[(u32, &str, &str)]) -> Vec<u8> {
    let components: Vec<Value> = vulnerabilities
        .iter()
        .map(|(_, package, _)| {
            json!({ "type": "library", "bom-ref": package, "name": package, "version": "1.0.0", "purl": format!("pkg:npm/{package}@1.0.0") })
        })
        .collect();
    let vulnerabilities: Vec<Value> = vulnerabilities
        .iter()
        .map(|(number, package, severity)| {
            json!({
                "id": format!("CVE-2025-{number:04}"),
                "ratings": [{ "severity": severity }],
                "affects": [{ "ref": package }],
            })
        })
        .collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "tools": [{ "name": "grype" }], "component": { "type": "container", "bom-ref": "image", "name": "payments" } },
        "components": components,
        "vulnerabilities": vulnerabilities,
    })
    .to_string()
    .into_bytes()
}

fn on(branch: &str) -> UploadScope {
    UploadScope { branch: Some(branch.to_owned()), ..UploadScope::default() }
}

async fn upload(t: &TestPortal, actor: &Actor, scope: UploadScope, report: Vec<u8>) -> Receipt {
    super::upload(t, actor, SERVICE, scope, report).await.unwrap()
}

fn counted(receipt: &Receipt) -> (u32, u32, u32, u32) {
    (receipt.new, receipt.reopened, receipt.closed, receipt.unchanged)
}

async fn list(t: &TestPortal, actor: &Actor, filter: Filter) -> Vec<FindingSummary> {
    let mut snapshot = t.snapshot(actor).await.unwrap();
    super::list(&mut snapshot, &filter, Sort::default(), &PageRequest::default()).await.unwrap().items
}

async fn titles(t: &TestPortal, actor: &Actor, filter: Filter) -> Vec<String> {
    list(t, actor, filter).await.into_iter().map(|finding| finding.title).collect()
}

fn closed() -> Filter {
    Filter { state: FindingState::Closed, ..Filter::default() }
}

async fn only(t: &TestPortal, actor: &Actor, filter: Filter) -> FindingDetail {
    let found = list(t, actor, filter).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let mut snapshot = t.snapshot(actor).await.unwrap();
    super::detail(&mut snapshot, found[0].id).await.unwrap()
}

#[tokio::test]
async fn a_report_becomes_findings_with_severity_fix_and_first_sight() {
    let (t, _, ada) = portal().await;
    let report = trivy("payments:1", &[(1, "left-pad", "HIGH", true), (2, "moment", "CRITICAL", false)]);
    let receipt = upload(&t, &ada, on("main"), report).await;
    assert_eq!((counted(&receipt), receipt.total), ((2, 0, 0, 0), 2));
    assert_eq!(receipt.scope.to_string(), "trivy · payments:1 · main · build");

    let found = list(&t, &ada, Filter::default()).await;
    assert_eq!(found.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [Severity::Critical, Severity::High]);
    let left_pad = &found[1];
    assert_eq!(left_pad.fixed_version.as_deref(), Some("1.0.1"));
    assert_eq!(left_pad.vulnerability_ids, ["CVE-2025-0001"]);
    assert_eq!((left_pad.first_seen_at, left_pad.last_seen_at), (t.clock.now(), t.clock.now()));
    assert_eq!(left_pad.service_ref, "component:default/payments-api");
    let detail = only(&t, &ada, Filter { severity: vec![Severity::High], ..Filter::default() }).await;
    assert_eq!(detail.same_because, "same service, same vulnerability CVE-2025-0001, same package pkg:npm/left-pad");
    assert_eq!(detail.witnesses[0].description, "An attacker can do things.");
}

#[tokio::test]
async fn the_same_report_twice_changes_nothing_but_when_it_was_scanned() {
    let (t, service, ada) = portal().await;
    let report = trivy("payments:1", &[(1, "left-pad", "HIGH", true)]);
    let first = upload(&t, &ada, on("main"), report.clone()).await;
    let before = rows(&t, service, true).await;
    t.clock.advance(Duration::days(3));
    let second = upload(&t, &ada, on("main"), report).await;
    assert!(second.repeated && second.report == first.report, "{second:?}");
    assert_eq!(counted(&second), (0, 0, 0, 1));
    assert_eq!(rows(&t, service, true).await, before);
    let mut tx = begin(&t).await;
    let standing = standings::standings(&mut tx, &[service]).await.unwrap()[&service];
    assert_eq!(standing.scanned_at, Some(t.clock.now()));
    assert_eq!(list(&t, &ada, Filter::default()).await[0].last_seen_at, t.clock.now());
}

#[tokio::test]
async fn what_the_next_report_of_the_same_scope_lacks_is_closed_and_comes_back_with_its_history() {
    let (t, _, ada) = portal().await;
    let began = t.clock.now();
    let both = [(1, "left-pad", "HIGH", true), (2, "moment", "LOW", false)];
    upload(&t, &ada, on("main"), trivy("payments", &both)).await;
    t.clock.advance(Duration::days(1));
    let receipt = upload(&t, &ada, on("main"), trivy("payments", &both[1..])).await;
    assert_eq!(counted(&receipt), (0, 0, 1, 1));
    let gone = only(&t, &ada, closed()).await;
    assert_eq!(gone.summary.closed_at, Some(t.clock.now()));
    assert_eq!(gone.summary.last_seen_at, began, "seen for the last time by the report before");

    t.clock.advance(Duration::days(1));
    let receipt = upload(&t, &ada, on("main"), trivy("payments", &both)).await;
    assert_eq!(counted(&receipt), (0, 1, 0, 1));
    let back = only(&t, &ada, Filter { text: Some("left-pad".to_owned()), ..Filter::default() }).await;
    assert_eq!((back.summary.id, back.summary.first_seen_at), (gone.summary.id, began));
    let history: Vec<_> = back.history.iter().map(|event| event.kind).collect();
    assert_eq!(history, [FindingEventKind::Reopened, FindingEventKind::Closed, FindingEventKind::Opened]);
}

#[tokio::test]
async fn another_scope_closes_nothing() {
    let (t, _, ada) = portal().await;
    upload(&t, &ada, on("main"), trivy("payments:1", &[(1, "left-pad", "HIGH", true)])).await;
    let deploy = UploadScope { stage: Stage::Deploy, ..on("main") };
    let target = UploadScope { target: Some("web".to_owned()), ..on("main") };
    for (scope, report) in [
        (on("next"), trivy("payments:1", &[])),
        (deploy, trivy("payments:1", &[])),
        (target, trivy("payments:1", &[])),
        (on("main"), trivy("payments:2", &[])),
        (on("main"), cyclonedx(&[])),
    ] {
        let receipt = upload(&t, &ada, scope, report).await;
        assert_eq!(counted(&receipt), (0, 0, 0, 0), "{}", receipt.scope);
    }
    assert_eq!(list(&t, &ada, Filter::default()).await.len(), 1);
}

#[tokio::test]
async fn an_incomplete_report_opens_and_closes_nothing() {
    let (t, service, ada) = portal().await;
    upload(&t, &ada, on("main"), trivy("payments", &[(1, "left-pad", "HIGH", true)])).await;
    t.clock.advance(Duration::days(1));
    let partial = UploadScope { partial: true, ..on("main") };
    let receipt = upload(&t, &ada, partial, trivy("payments", &[(2, "moment", "LOW", false)])).await;
    assert_eq!(counted(&receipt), (1, 0, 0, 0));
    assert!(receipt.incomplete.is_some());
    let mut tx = begin(&t).await;
    let standing = standings::standings(&mut tx, &[service]).await.unwrap()[&service];
    assert_eq!((standing.high, standing.low), (1, 1));
    let before = t.clock.now() - Duration::days(1);
    assert_eq!(standing.scanned_at, Some(before), "a partial scan is no scan of everything");
    drop(tx);

    let failed = json!({
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "trivy" } },
            "invocations": [{ "executionSuccessful": false }],
            "results": [],
        }],
    });
    let scope = UploadScope { target: Some("payments".to_owned()), ..on("main") };
    let receipt = upload(&t, &ada, scope.clone(), failed.to_string().into_bytes()).await;
    assert_eq!((counted(&receipt), receipt.scope.tool.as_str()), ((0, 0, 0, 0), "trivy"));
    // the same bytes, now said to be whole
    let whole = trivy("payments", &[]);
    upload(&t, &ada, UploadScope { partial: true, ..scope.clone() }, whole.clone()).await;
    let receipt = upload(&t, &ada, scope, whole).await;
    assert_eq!((counted(&receipt), receipt.repeated), ((0, 0, 2, 0), false));
}

#[tokio::test]
async fn a_pull_request_says_what_it_would_add_and_changes_nothing() {
    let (t, service, ada) = portal().await;
    upload(&t, &ada, on("main"), trivy("payments", &[(1, "left-pad", "HIGH", true), (3, "old", "LOW", true)])).await;
    let before = rows(&t, service, true).await;
    let proposed = UploadScope { pull_request: true, ..on("main") };
    let report = trivy("payments", &[(1, "left-pad", "HIGH", true), (2, "moment", "CRITICAL", false)]);
    let receipt = upload(&t, &ada, proposed, report).await;
    assert_eq!(counted(&receipt), (1, 0, 0, 1));
    assert_eq!(receipt.introduces.len(), 1);
    assert_eq!(
        (receipt.introduces[0].title.as_str(), receipt.introduces[0].severity),
        ("moment: problem 2", Severity::Critical)
    );
    assert_eq!(rows(&t, service, true).await, before);
    let mut snapshot = t.snapshot(&ada).await.unwrap();
    assert_eq!(super::receipt(&mut snapshot, receipt.report).await.unwrap().1, receipt, "kept as its own result");
}

#[tokio::test]
async fn what_two_tools_see_is_one_finding_until_neither_sees_it() {
    let (t, _, ada) = portal().await;
    upload(&t, &ada, on("main"), trivy("payments", &[(1, "left-pad", "MEDIUM", true)])).await;
    let receipt = upload(&t, &ada, on("main"), cyclonedx(&[(1, "left-pad", "critical")])).await;
    assert_eq!(counted(&receipt), (0, 0, 0, 1));
    let found = only(&t, &ada, Filter::default()).await;
    assert_eq!((found.summary.severity, found.witnesses.len()), (Severity::Critical, 2), "the worst counts");
    assert_eq!(found.summary.tools, ["grype", "trivy"]);
    assert_eq!(found.summary.fixed_version.as_deref(), Some("1.0.1"), "whoever knows a fix");
    assert_eq!(found.history[0].kind, FindingEventKind::SeverityChanged);

    let receipt = upload(&t, &ada, on("main"), cyclonedx(&[])).await;
    assert_eq!(counted(&receipt), (0, 0, 0, 0), "the other still sees it");
    let found = only(&t, &ada, Filter::default()).await;
    assert_eq!((found.summary.severity, found.summary.tools.as_slice()), (Severity::Medium, &["trivy".to_owned()][..]));
    assert!(found.witnesses[0].closed_at.is_none() && found.witnesses[1].closed_at.is_some());

    let receipt = upload(&t, &ada, on("main"), trivy("payments", &[])).await;
    assert_eq!(counted(&receipt), (0, 0, 1, 0));
}

#[tokio::test]
async fn only_those_with_a_role_over_the_service_upload_and_see() {
    let (t, service, ada) = portal().await;
    upload(&t, &ada, on("main"), trivy("payments", &[(1, "left-pad", "HIGH", true)])).await;
    let id = list(&t, &ada, Filter::default()).await[0].id;
    let report = || trivy("payments", &[]);
    let stranger = t.person("Eve", &[(RoleName::Developer, Some("search"))]).await;
    let denied = super::upload(&t, &stranger, SERVICE, on("main"), report()).await.unwrap_err();
    assert!(matches!(denied, Error::Forbidden(_)), "{denied}");
    assert!(list(&t, &stranger, Filter::default()).await.is_empty());
    let mut snapshot = t.snapshot(&stranger).await.unwrap();
    assert!(matches!(super::detail(&mut snapshot, id).await, Err(Error::NotFound(_))));
    drop(snapshot);
    let mut snapshot = t.snapshot(&stranger).await.unwrap();
    assert!(super::service_overview(&mut snapshot, service).await.is_err());
    drop(snapshot);
    let mut snapshot = t.snapshot(&stranger).await.unwrap();
    assert_eq!(super::overview(&mut snapshot).await.unwrap().open, SeverityCounts::default());
    drop(snapshot);

    let nobody = Actor::anonymous("test".to_owned(), None);
    let denied = super::upload(&t, &nobody, SERVICE, on("main"), report()).await.unwrap_err();
    assert!(matches!(denied, Error::Unauthenticated));
    let unknown = super::upload(&t, &ada, "no-such-service", on("main"), report()).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound(_)));
    assert_eq!(list(&t, &ada, Filter::default()).await.len(), 1, "nothing was closed by any of them");
}

#[tokio::test]
async fn a_report_that_cannot_be_read_stores_nothing_and_says_where() {
    let (t, _, ada) = portal().await;
    let mut cut = trivy("payments", &[(1, "left-pad", "HIGH", true)]);
    cut.truncate(cut.len() - 20);
    for report in [cut, b"hello".to_vec(), Vec::new()] {
        let refused = super::upload(&t, &ada, SERVICE, on("main"), report).await.unwrap_err();
        assert!(matches!(&refused, Error::Malformed(reason) if reason.starts_with("the report: ")), "{refused}");
    }
    let long = UploadScope { branch: Some("x".repeat(501)), ..UploadScope::default() };
    let refused = super::upload(&t, &ada, SERVICE, long, trivy("payments", &[])).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid(_)), "{refused}");
    assert_eq!(t.count("select count(*) from report_scope").await, 0);
}

#[tokio::test]
async fn the_value_of_a_secret_is_nowhere_in_the_database() {
    let (t, _, ada) = portal().await;
    const CANARY: &str = "AKIAQ3EGV7CANARY42XY";
    let trivy = json!({
        "SchemaVersion": 2,
        "ArtifactName": "payments",
        "Results": [{ "Target": "config.yml", "Class": "secret", "Secrets": [{
            "RuleID": "aws-access-key-id", "Category": "AWS", "Severity": "CRITICAL", "Title": "AWS Access Key ID",
            "StartLine": 3, "EndLine": 3, "Match": format!("key: {CANARY}"),
            "Code": { "Lines": [{ "Number": 3, "Content": format!("key: {CANARY}") }] },
        }] }],
    });
    let gitleaks = json!({
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "gitleaks", "rules": [{ "id": "aws-access-token" }] } },
            "results": [{
                "ruleId": "aws-access-token",
                "message": { "text": format!("aws-access-token has detected secret {CANARY} for file config.yml.") },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": "config.yml" },
                    "region": { "startLine": 3, "snippet": { "text": CANARY } },
                } }],
            }],
        }],
    });
    for report in [trivy, gitleaks] {
        let receipt = upload(&t, &ada, on("main"), report.to_string().into_bytes()).await;
        assert_eq!(receipt.new, 1);
        let proposed = UploadScope { pull_request: true, ..on("next") };
        upload(&t, &ada, proposed, report.to_string().into_bytes()).await;
    }
    assert!(!dump(&t).await.contains(CANARY));
}

/// Every row of every table of ours, as text.
async fn dump(t: &TestPortal) -> String {
    let mut owner = t.owner().await;
    let tables: Vec<String> =
        sqlx::query_scalar("select tablename::text from pg_tables where schemaname in ('public', 'graphile_worker')")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    let mut dump = String::new();
    for table in tables {
        let schema = if table.starts_with('_') { continue } else { "public" };
        let sql = format!("select coalesce(string_agg(t::text, ' '), '') from {schema}.\"{table}\" t");
        dump += &sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch_one(&mut owner).await.unwrap_or_default();
    }
    let leaves: Vec<Vec<u8>> = sqlx::query_scalar("select leaf from audit_record").fetch_all(&mut owner).await.unwrap();
    leaves.iter().for_each(|leaf| dump += &String::from_utf8_lossy(leaf));
    assert!(dump.contains("aws-access-key-id"), "the findings are in it");
    dump
}

#[tokio::test]
async fn numbers_are_what_counting_finds_through_uploads_and_changes_of_owner() {
    let (t, service, ada) = portal().await;
    let reports: [&[(u32, &str, &str, bool)]; 4] = [
        &[(1, "a", "HIGH", true), (2, "b", "CRITICAL", false), (3, "c", "LOW", true)],
        &[(1, "a", "MEDIUM", true), (3, "c", "LOW", true)],
        &[],
        &[(2, "b", "CRITICAL", false), (4, "d", "HIGH", false)],
    ];
    for (number, report) in reports.into_iter().enumerate() {
        t.clock.advance(Duration::days(1));
        upload(&t, &ada, on("main"), trivy("payments", report)).await;
        if number == 1 {
            upload(&t, &ada, on("main"), cyclonedx(&[(1, "a", "high"), (5, "e", "info")])).await;
        }
        recount(&t).await;
    }
    let other = t.team("search").await;
    t.clock.advance(Duration::days(1));
    for (owner, restricted) in [(Some(other), false), (Some(other), true), (None, true), (Some(other), true)] {
        let mut tx = begin(&t).await;
        effects::owner_changed(&mut tx, service, owner, restricted, t.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        recount(&t).await;
    }
    assert!(list(&t, &ada, Filter::default()).await.is_empty(), "payments has lost it");
    let eve = t.person("Eve", &[(RoleName::Developer, Some("search"))]).await;
    assert_eq!(list(&t, &eve, Filter::default()).await.len(), 4);
    let mut snapshot = t.snapshot(&eve).await.unwrap();
    let overview = super::overview(&mut snapshot).await.unwrap();
    assert_eq!((overview.open.critical, overview.open.high, overview.open.info), (1, 2, 1));
}

#[tokio::test]
async fn a_timeline_shows_what_happened_between_two_moments_the_worst_first() {
    let (t, service, ada) = portal().await;
    let began = t.clock.now();
    upload(&t, &ada, on("main"), trivy("payments", &[(1, "a", "LOW", true), (2, "b", "CRITICAL", true)])).await;
    t.clock.advance(Duration::days(1));
    upload(&t, &ada, on("main"), trivy("payments", &[])).await;
    let mut tx = begin(&t).await;
    let events = effects::events_between(&mut tx, service, began, began + Duration::hours(1)).await.unwrap();
    let told: Vec<_> = events.iter().map(|event| (event.kind, event.severity)).collect();
    let opened = FindingEventKind::Opened;
    assert_eq!(told, [(opened, Severity::Critical), (opened, Severity::Low)]);
}

/// Compares the kept numbers with what counting every finding gives.
async fn recount(t: &TestPortal) {
    for (kept, counted) in [
        (
            "select entity_id::text || critical || ' ' || high || ' ' || medium || ' ' || low || ' ' || info from finding_count
             where critical + high + medium + low + info > 0 order by 1",
            "select entity_id::text || sum((severity = 'critical')::int) || ' ' || sum((severity = 'high')::int) || ' '
                    || sum((severity = 'medium')::int) || ' ' || sum((severity = 'low')::int) || ' '
                    || sum((severity = 'info')::int)
             from finding where state = 'open' group by entity_id order by 1",
        ),
        (
            "select coalesce(owner_id::text, '') || restricted || critical || ' ' || high || ' ' || medium || ' ' || low || ' ' || info
             from finding_total where (critical, high, medium, low, info) <> (0, 0, 0, 0, 0) order by 1",
            "select coalesce(owner_id::text, '') || restricted || sum((severity = 'critical')::int) || ' '
                    || sum((severity = 'high')::int) || ' ' || sum((severity = 'medium')::int) || ' '
                    || sum((severity = 'low')::int) || ' ' || sum((severity = 'info')::int)
             from finding where state = 'open' group by owner_id, restricted order by 1",
        ),
        (
            "select distinct on (total_id) total_id || ' ' || critical || ' ' || high || ' ' || medium || ' ' || low || ' ' || info
             from finding_day order by total_id, day desc",
            "select id || ' ' || critical || ' ' || high || ' ' || medium || ' ' || low || ' ' || info from finding_total order by id",
        ),
    ] {
        let mut owner = t.owner().await;
        let kept: Vec<String> = sqlx::query_scalar(kept).fetch_all(&mut owner).await.unwrap();
        let counted: Vec<String> = sqlx::query_scalar(counted).fetch_all(&mut owner).await.unwrap();
        assert_eq!(kept, counted);
    }
}

#[tokio::test]
async fn the_overview_says_how_the_week_went() {
    let (t, _, ada) = portal().await;
    let two = [(1, "a", "CRITICAL", true), (2, "b", "CRITICAL", true)];
    upload(&t, &ada, on("main"), trivy("payments", &two)).await;
    let began = t.clock.now();
    t.clock.advance(Duration::days(10));
    upload(&t, &ada, on("main"), trivy("payments", &two[..1])).await;
    let mut snapshot = t.snapshot(&ada).await.unwrap();
    let overview = super::overview(&mut snapshot).await.unwrap();
    assert_eq!((overview.open.critical, overview.change(Severity::Critical)), (1, -1));
    assert_eq!(overview.oldest_critical, Some(began));
    assert_eq!(overview.trend.len(), 12);
    assert_eq!(overview.trend[9].open.critical, 0, "before the first report");
}

#[tokio::test]
async fn the_gate_denies_by_rule_and_names_the_finding() {
    let (t, _, ada) = portal().await;
    let ask = |stage| gate::evaluate(&t, &ada, SERVICE, stage);
    let verdict = ask(None).await.unwrap();
    assert_eq!((verdict.decision, verdict.rule.as_str()), (Decision::Deny, "never-scanned"));

    upload(&t, &ada, on("main"), trivy("payments", &[(1, "a", "HIGH", true)])).await;
    let verdict = ask(None).await.unwrap();
    assert_eq!((verdict.decision, verdict.rule.as_str()), (Decision::Allow, "none"));
    let verdict = ask(Some(Stage::Runtime)).await.unwrap();
    assert_eq!(verdict.rule, "never-scanned", "of another stage");

    sqlx::query("update entity set tier = '1'").execute(&mut t.owner().await).await.unwrap();
    assert_eq!(ask(None).await.unwrap().rule, "fixable-high-in-tier-1");

    upload(&t, &ada, on("main"), trivy("payments", &[(1, "a", "HIGH", true), (2, "b", "CRITICAL", false)])).await;
    let verdict = ask(Some(Stage::Build)).await.unwrap();
    assert_eq!((verdict.decision, verdict.rule.as_str(), verdict.blocking), (Decision::Deny, "open-critical", 1));
    assert_eq!(verdict.because[0].title, "b: problem 2");

    upload(&t, &ada, on("main"), trivy("payments", &[])).await;
    t.clock.advance(Duration::days(31));
    assert_eq!(ask(None).await.unwrap().rule, "stale-scan");
    assert_eq!(t.count("select count(*) from gate_verdict").await, 6);
    assert_eq!(t.count("select count(*) from audit_record where action = 'gate.evaluate'").await, 6);
}

#[tokio::test]
async fn a_stranger_cannot_ask_the_gate_about_a_service() {
    let (t, _, _) = portal().await;
    let stranger = t.person("Eve", &[(RoleName::Developer, Some("search"))]).await;
    assert!(matches!(gate::evaluate(&t, &stranger, SERVICE, None).await, Err(Error::Forbidden(_))));
    assert_eq!(t.count("select count(*) from gate_verdict").await, 0);
}

#[tokio::test]
async fn a_list_says_how_many_there_are_of_what_each_reader_may_see() {
    let (t, _, ada) = portal().await;
    let orders = t.service("orders", "payments").await;
    t.service("finder", "search").await;
    let chika = t.person("Chika", &[(RoleName::SecurityChampion, None)]).await;
    let eve = t.person("Eve", &[(RoleName::Developer, Some("search"))]).await;
    let mut guest = t.person("Gus", &[(RoleName::Developer, Some("payments"))]).await;
    let Who::Person(person) = &mut guest.who else { unreachable!("a person was made") };
    person.bindings[0].reach = Reach::Entity(orders);
    for (service, findings) in [(SERVICE, 3), ("orders", 2), ("finder", 1)] {
        let severity = |number| if number == 0 { "CRITICAL" } else { "LOW" };
        let report: Vec<_> = (0..findings).map(|number| (number, "left-pad", severity(number), true)).collect();
        super::upload(&t, &chika, service, on("main"), trivy(service, &report)).await.unwrap();
    }
    let of_payments = Filter { owner: Some("payments".to_owned()), ..Filter::default() };
    let critical = Filter { severity: vec![Severity::Critical], ..of_payments.clone() };
    for (reader, expected) in [(&ada, [5, 5, 2]), (&chika, [6, 5, 2]), (&eve, [1, 0, 0]), (&guest, [2, 2, 1])] {
        for (filter, expected) in [Filter::default(), of_payments.clone(), critical.clone()].iter().zip(expected) {
            let mut snapshot = t.snapshot(reader).await.unwrap();
            let page = super::list(&mut snapshot, filter, Sort::default(), &PageRequest::default()).await.unwrap();
            assert_eq!(
                (page.items.len() as u64, page.total.value),
                (expected, expected),
                "{filter:?} {:?}",
                reader.who
            );
        }
    }
}

#[tokio::test]
async fn every_filter_narrows_and_pages_meet_every_finding_once() {
    let (t, _, ada) = portal().await;
    let severities = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];
    let many: Vec<(u32, &str, &str, bool)> =
        (0..70).map(|number| (number, "left-pad", severities[number as usize % 4], number % 2 == 0)).collect();
    upload(&t, &ada, on("main"), trivy("payments", &many)).await;
    let deploy = UploadScope { stage: Stage::Deploy, ..on("main") };
    t.clock.advance(Duration::hours(1));
    upload(&t, &ada, deploy, cyclonedx(&[(500, "moment", "low")])).await;
    let all = Filter::default;
    for (filter, expected) in [
        (Filter { severity: vec![Severity::Critical], ..all() }, 18),
        (Filter { severity: vec![Severity::Critical, Severity::High], ..all() }, 36),
        (Filter { service: Some(SERVICE.to_owned()), ..all() }, 50),
        (Filter { service: Some("component:default/Payments-API".to_owned()), ..all() }, 50),
        (Filter { service: Some("no-such-service".to_owned()), ..all() }, 0),
        (Filter { owner: Some("payments".to_owned()), ..all() }, 50),
        (Filter { owner: Some("no-such-team".to_owned()), ..all() }, 0),
        (Filter { tool: Some("Grype".to_owned()), ..all() }, 1),
        (Filter { stage: Some(Stage::Deploy), ..all() }, 1),
        (Filter { fixable: Some(true), ..all() }, 35),
        (Filter { fixable: Some(false), ..all() }, 36),
        (Filter { text: Some("cve-2025-0500".to_owned()), ..all() }, 1),
        (Filter { text: Some("MOMENT".to_owned()), ..all() }, 1),
        (Filter { text: Some("100%".to_owned()), ..all() }, 0),
        (Filter { kind: Some(model::FindingKind::Secret), ..all() }, 0),
        (closed(), 0),
    ] {
        assert_eq!(titles(&t, &ada, filter.clone()).await.len(), expected, "{filter:?}");
    }
    let mut snapshot = t.snapshot(&ada).await.unwrap();
    let short = Filter { text: Some("ab".to_owned()), ..all() };
    let refused = super::list(&mut snapshot, &short, Sort::default(), &PageRequest::default()).await.unwrap_err();
    assert!(refused.to_string().contains("three letters"), "{refused}");
    for by in [SortKey::Severity, SortKey::FirstSeen] {
        for descending in [true, false] {
            let sort = Sort { by, descending };
            let mut request = PageRequest { cursor: None, size: Some(20) };
            let mut seen = Vec::new();
            loop {
                let page = super::list(&mut snapshot, &all(), sort, &request).await.unwrap();
                assert_eq!(page.total.value, 71);
                seen.extend(page.items);
                if page.next.is_none() {
                    break;
                }
                request.cursor = page.next;
            }
            let mut ids: Vec<_> = seen.iter().map(|finding| finding.id).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 71, "{sort:?}");
            let ordered = |a: &FindingSummary, b: &FindingSummary| match by {
                SortKey::Severity => a.severity <= b.severity,
                SortKey::FirstSeen => a.first_seen_at <= b.first_seen_at,
            };
            let pairs = seen.windows(2);
            assert!(pairs.into_iter().all(|p| if descending { ordered(&p[1], &p[0]) } else { ordered(&p[0], &p[1]) }));
        }
    }
}

#[tokio::test]
async fn ten_thousand_findings_are_stored_in_one_go() {
    let (t, _, ada) = portal().await;
    let names: Vec<String> = (0..10_000).map(|number| format!("package-{number}")).collect();
    let many: Vec<(u32, &str, &str, bool)> =
        names.iter().enumerate().map(|(number, name)| (number as u32 % 5_000, name.as_str(), "HIGH", true)).collect();
    let report = trivy("payments", &many);
    let receipt = upload(&t, &ada, on("main"), report).await;
    assert_eq!(counted(&receipt), (10_000, 0, 0, 0));
    let receipt = upload(&t, &ada, on("main"), trivy("payments", &many[1..])).await;
    assert_eq!(counted(&receipt), (0, 0, 1, 9_999));
    recount(&t).await;
}

/// A transaction of another feature's.
async fn begin(t: &TestPortal) -> Tx {
    t.db.begin().await.unwrap()
}

/// What is stored of a service, without ids; with times and all where they count.
async fn rows(t: &TestPortal, service: EntityId, times: bool) -> BTreeMap<&'static str, Vec<String>> {
    let mut owner = t.owner().await;
    let mut rows = BTreeMap::new();
    let without_times = [
        (
            "finding",
            "select (to_jsonb(f) - 'id' - 'entity_id' - 'first_seen_at' - 'opened_at' - 'closed_at')::text
             from finding f where entity_id = $1 order by 1",
        ),
        (
            "sighting",
            "select (to_jsonb(s) - 'finding_id' - 'scope_id' - 'report_id' - 'first_seen_at' - 'last_seen_at' - 'closed_at')::text
                    || tool || target || branch || stage || (s.closed_at is null)
             from finding_sighting s join report_scope c on c.id = scope_id where entity_id = $1 order by 1",
        ),
        ("count", "select (to_jsonb(c) - 'entity_id')::text from finding_count c where entity_id = $1"),
    ];
    let with_times = [
        ("all of a finding", "select f::text from finding f where entity_id = $1 order by 1"),
        (
            "all of a sighting",
            "select s::text from finding_sighting s join report_scope c on c.id = scope_id where entity_id = $1 order by 1",
        ),
        ("event", "select e::text from finding_event e where entity_id = $1 order by 1"),
        ("report", "select r::text from report r where entity_id = $1 and not pull_request order by 1"),
    ];
    for (what, sql) in without_times.into_iter().chain(with_times.into_iter().filter(|_| times)) {
        rows.insert(what, sqlx::query_scalar(sql).bind(service).fetch_all(&mut owner).await.unwrap());
    }
    rows
}

#[tokio::test]
async fn programs_upload_only_where_report_uploads_are_enabled_and_people_always() {
    let t = TestPortal::new().await;
    t.service("payments-api", "payments").await;
    let ada = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    let program = Actor { authentication: Authentication::Token { id: t.rng.id(&t.clock) }, ..ada.clone() };
    let send = |actor: Actor, report: Vec<u8>| {
        let t = &t;
        async move { super::upload(t, &actor, SERVICE, UploadScope::default(), report).await }
    };
    let uploads = "report_upload".to_owned();
    let champion = t.person("Sam", &[(RoleName::SecurityChampion, None)]).await;
    send(program.clone(), trivy("payments", &[])).await.unwrap();
    let noted = integrations::get(&t, &champion, uploads.clone()).await.unwrap();
    assert_eq!(noted.succeeded_at, Some(t.clock.now()));
    t.clock.advance(Duration::minutes(1));
    send(program.clone(), b"no report".to_vec()).await.unwrap_err();
    let noted = integrations::get(&t, &champion, uploads).await.unwrap();
    assert!(noted.failed_at > noted.succeeded_at && noted.failure.is_some() && noted.remedy.is_some(), "{noted:?}");

    t.set_enabled(IntegrationKind::ReportUpload, false).await;
    let refused = send(program, trivy("payments", &[])).await;
    assert!(matches!(&refused, Err(Error::Shut(why)) if why.contains("disabled")), "{refused:?}");
    send(ada, trivy("payments", &[])).await.unwrap();
}
