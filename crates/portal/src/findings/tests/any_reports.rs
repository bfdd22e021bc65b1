//! What holds whatever the reports say and in whatever order they come.

use proptest::prelude::*;

use super::{on, portal, recount, rows, trivy};
use crate::{authz::Actor, testing::TestPortal};

#[test]
fn importing_twice_is_importing_once() {
    for_all(30, (vulnerabilities(), vulnerabilities()), async |t, ada, number, (before, report)| {
        let name = format!("service-{number}");
        let service = t.service(&name, "payments").await;
        upload_to(t, ada, &name, "main", &before).await;
        upload_to(t, ada, &name, "main", &report).await;
        let once = rows(t, service, true).await;
        upload_to(t, ada, &name, "main", &report).await;
        assert_eq!(rows(t, service, true).await, once);
    });
}

#[test]
fn the_order_of_two_scopes_does_not_matter() {
    let reports = || prop::collection::vec(vulnerabilities(), 1..3);
    for_all(30, (reports(), reports()), async |t, ada, number, (one, other)| {
        let mut ends = Vec::new();
        for order in [[("main", &one), ("next", &other)], [("next", &other), ("main", &one)]] {
            let name = format!("service-{number}-{}", ends.len());
            let service = t.service(&name, "payments").await;
            for (branch, reports) in order {
                for report in reports {
                    upload_to(t, ada, &name, branch, report).await;
                }
            }
            ends.push(rows(t, service, false).await);
        }
        assert_eq!(ends[0], ends[1]);
    });
}

type Vulnerable = (u32, &'static str, &'static str, bool);

/// Up to five vulnerabilities of few packages, so that reports overlap.
fn vulnerabilities() -> impl Strategy<Value = Vec<Vulnerable>> {
    let one =
        (0u32..3, prop::sample::select(vec!["a", "b"]), prop::sample::select(vec!["LOW", "CRITICAL"]), any::<bool>());
    prop::collection::vec(one, 0..5)
}

/// One portal for all cases: each has services of its own.
fn for_all<S: Strategy>(cases: u32, strategy: S, case: impl AsyncFn(&TestPortal, &Actor, u32, S::Value)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (t, _, ada) = runtime.block_on(portal());
    let number = std::cell::Cell::new(0);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&strategy, |value| {
            number.set(number.get() + 1);
            runtime.block_on(case(&t, &ada, number.get(), value));
            Ok(())
        })
        .unwrap();
    runtime.block_on(recount(&t));
}

async fn upload_to(t: &TestPortal, actor: &Actor, service: &str, branch: &str, report: &[Vulnerable]) {
    crate::findings::upload(t, actor, service, on(branch), trivy("payments", report)).await.unwrap();
}
