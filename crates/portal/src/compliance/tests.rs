//! Benchmarks' reports as they come in, and what people see of them.

use std::{env, fs, io::Write, path::PathBuf};

use model::{ControlStatus, EntityId, compliance::ComplianceReceipt};
use time::Duration;

use super::*;
use crate::{
    Error,
    authz::{Actor, RoleName},
    testing::{NOW, TestPortal},
};

fn report(controls: &[(&str, &str)]) -> Vec<u8> {
    let results: Vec<String> = controls
        .iter()
        .map(|(id, status)| {
            format!(r#"{{"test_number": "{id}", "test_desc": "Control {id}", "status": "{status}", "scored": true, "remediation": "Mend {id}"}}"#)
        })
        .collect();
    format!(
        r#"{{"Controls": [{{"version": "1.6", "node_type": "master", "tests": [{{"section": "1.1", "desc": "Files", "results": [{}]}}]}}]}}"#,
        results.join(",")
    )
    .into_bytes()
}

async fn send(t: &TestPortal, actor: &Actor, entity: EntityId, bytes: &[u8]) -> ComplianceReceipt {
    upload(t, actor, entity, &UploadScope::default(), bytes).await.unwrap()
}

const ONE: [(&str, &str); 4] = [("1.1.1", "PASS"), ("1.1.2", "FAIL"), ("1.1.10", "WARN"), ("1.1.3", "INFO")];

#[tokio::test]
async fn a_report_becomes_controls_with_evidence_owner_and_share() {
    let t = TestPortal::new().await;
    let dora = t.person("Dora", &[(RoleName::Developer, Some("platform"))]).await;
    let cluster = t.service("cluster", "platform").await;
    let receipt = send(&t, &dora, cluster, &report(&ONE)).await;
    assert_eq!(receipt.changed, 4);
    assert_eq!(receipt.assessment.framework, "cis-kubernetes-benchmark-1.6");

    let seen = frameworks(&t, &dora).await.unwrap();
    assert_eq!((seen[0].title.as_str(), seen[0].services), ("CIS Kubernetes Benchmark 1.6", 1));
    assert_eq!(
        seen[0].counts.pass_percent(),
        Some(33),
        "what nobody checked does not pass, and information does not count"
    );
    let detail = framework(&t, &dora, &seen[0].framework).await.unwrap();
    let numbers: Vec<_> = detail.controls.iter().map(|control| control.control.as_str()).collect();
    assert_eq!(numbers, ["1.1.1", "1.1.2", "1.1.3", "1.1.10"]);
    let assessment = &detail.assessments[0];
    assert_eq!((assessment.owner.as_deref(), assessment.evidence_at), (Some("platform"), NOW));
    let (_, evidence) = &of_entity(&t, &dora, cluster).await.unwrap().assessments.unwrap()[0];
    assert_eq!((evidence[1].status, evidence[1].remediation.as_str()), (ControlStatus::Fail, "Mend 1.1.2"));
    let control = controls_of(&t, &dora, &seen[0].framework, "1.1.2").await.unwrap();
    assert_eq!(control[0].1.section, "1.1 Files");
}

#[tokio::test]
async fn the_same_report_again_renews_the_evidence_and_changes_nothing_else() {
    let t = TestPortal::new().await;
    let dora = t.person("Dora", &[(RoleName::Developer, Some("platform"))]).await;
    let cluster = t.service("cluster", "platform").await;
    send(&t, &dora, cluster, &report(&ONE)).await;
    t.clock.advance(Duration::days(8));
    let stale = framework(&t, &dora, "cis-kubernetes-benchmark-1.6").await.unwrap();
    assert!(stale.assessments[0].is_stale(t.clock.now()) && stale.summary.stale == 1);
    let before = of_entity(&t, &dora, cluster).await.unwrap().assessments.unwrap();

    assert_eq!(send(&t, &dora, cluster, &report(&ONE)).await.changed, 0);
    let after = of_entity(&t, &dora, cluster).await.unwrap().assessments.unwrap();
    assert_eq!(after[0].1, before[0].1);
    assert_eq!(after[0].0.counts, before[0].0.counts);
    assert!(!after[0].0.is_stale(t.clock.now()), "it has been looked at again");
}

#[tokio::test]
async fn another_report_replaces_only_its_own_scope_and_keeps_since_when() {
    let t = TestPortal::new().await;
    let dora = t.person("Dora", &[(RoleName::Developer, Some("platform"))]).await;
    let cluster = t.service("cluster", "platform").await;
    send(&t, &dora, cluster, &report(&ONE)).await;
    let other = UploadScope { target: "eu-west".to_owned(), format: None };
    upload(&t, &dora, cluster, &other, &report(&[("1.1.1", "FAIL")])).await.unwrap();
    t.clock.advance(Duration::days(1));
    let receipt = send(&t, &dora, cluster, &report(&[("1.1.1", "PASS"), ("1.1.2", "PASS")])).await;
    assert_eq!(receipt.changed, 3, "one mended, two gone");

    let assessments = of_entity(&t, &dora, cluster).await.unwrap().assessments.unwrap();
    let of = |target: &str| assessments.iter().find(|(assessment, _)| assessment.target == target).unwrap();
    assert_eq!(of("eu-west").1.len(), 1);
    let controls = &of("").1;
    assert_eq!((controls.len(), controls[0].since, controls[1].since), (2, NOW, NOW + Duration::days(1)));
    let days = trend(&t, &dora, None).await.unwrap();
    assert_eq!(days.iter().map(|day| (day.passed, day.total)).collect::<Vec<_>>(), [(1, 4), (2, 3)]);
}

#[tokio::test]
async fn what_is_no_benchmark_is_refused_with_the_reason_and_leaves_nothing() {
    let t = TestPortal::new().await;
    let dora = t.person("Dora", &[(RoleName::Developer, Some("platform"))]).await;
    let cluster = t.service("cluster", "platform").await;
    let whole = report(&ONE);
    for bytes in [&b""[..], b"{}", b"not json", &whole[..whole.len() / 2], &report(&[("1", "MAYBE")])] {
        let refused = upload(&t, &dora, cluster, &UploadScope::default(), bytes).await.unwrap_err();
        assert!(matches!(&refused, Error::Invalid(errors) if errors[0].field == "report"), "{refused:?}");
    }
    assert_eq!(t.count("select count(*) from compliance_scope").await, 0);
}

#[tokio::test]
async fn a_stranger_sees_no_results_and_uploads_none() {
    let t = TestPortal::new().await;
    let dora = t.person("Dora", &[(RoleName::Developer, Some("platform"))]).await;
    let cluster = t.service("cluster", "platform").await;
    send(&t, &dora, cluster, &report(&ONE)).await;
    for stranger in [t.person("Sam", &[]).await, t.person("Pia", &[(RoleName::Developer, Some("payments"))]).await] {
        assert!(frameworks(&t, &stranger).await.unwrap().is_empty());
        assert!(trend(&t, &stranger, None).await.unwrap().is_empty());
        let none = framework(&t, &stranger, "cis-kubernetes-benchmark-1.6").await.unwrap_err();
        assert!(matches!(none, Error::NotFound("framework")), "{none:?}");
        assert!(of_entity(&t, &stranger, cluster).await.unwrap().assessments.is_none());
        let refused = upload(&t, &stranger, cluster, &UploadScope::default(), &report(&ONE)).await.unwrap_err();
        assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn results_follow_a_new_owner_and_feed_the_facts() {
    let t = TestPortal::new().await;
    let dora = t.person("Dora", &[(RoleName::Developer, Some("platform"))]).await;
    let cluster = t.service("cluster", "platform").await;
    send(&t, &dora, cluster, &report(&ONE)).await;
    let mut owner = t.owner().await;
    let standing = effects::standings(&mut owner, &[cluster]).await.unwrap()[&cluster];
    assert_eq!(standing.counts.pass_percent(), Some(33));
    let payments = t.team("payments").await;
    effects::owner_changed(&mut owner, cluster, Some(payments), false).await.unwrap();
    assert!(frameworks(&t, &dora).await.unwrap().is_empty());
    let pia = t.person("Pia", &[(RoleName::Developer, Some("payments"))]).await;
    assert_eq!(frameworks(&t, &pia).await.unwrap().len(), 1);
}

#[tokio::test]
async fn real_reports_of_kube_bench_are_taken_whole() {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let folder = env::var_os("RAMPART_CORPUS").map_or_else(beside, PathBuf::from).join("scans/kubebench");
    if !folder.is_dir() {
        // not `eprintln`, which the test runner keeps to itself
        let _ = writeln!(std::io::stderr(), "skipped: no corpus at {}", folder.display());
        return;
    }
    let t = TestPortal::new().await;
    let dora = t.person("Dora", &[(RoleName::Developer, Some("platform"))]).await;
    for (place, entry) in fs::read_dir(folder).unwrap().enumerate() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let cluster = t.service(&format!("cluster-{place}"), "platform").await;
        let receipt = send(&t, &dora, cluster, &bytes).await;
        let counts = receipt.assessment.counts;
        let text = String::from_utf8(bytes.clone()).unwrap();
        let stated = |status: &str| {
            text.matches(&format!("\"status\": \"{status}\"")).count()
                + text.matches(&format!("\"status\":\"{status}\"")).count()
        };
        assert_eq!(counts.failed, i64::try_from(stated("FAIL")).unwrap(), "{}", path.display());
        assert_eq!(counts.total() + counts.informational, receipt.changed.cast_signed(), "{}", path.display());
        assert!(counts.total() > 10, "{}", path.display());
        assert_eq!(send(&t, &dora, cluster, &bytes).await.changed, 0, "{}", path.display());
    }
    assert!(!frameworks(&t, &dora).await.unwrap().is_empty());
}
