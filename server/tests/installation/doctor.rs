//! `rampart doctor`: silent where all is well, and one line with a remedy for each thing that is not.

use std::time::Duration;

use portal::{Clock, Rng, keys::KeyFile};
use secrecy::ExposeSecret;
use server::doctor::{Check, Findings, Verdict, examine};
use sqlx::{AssertSqlSafe, Executor};
use time::OffsetDateTime;

use crate::setup::Installation;

async fn examined(installation: &Installation) -> Findings {
    examine(&installation.config(), &Clock::system()).await
}

/// What was found of one thing.
fn of<'a>(findings: &'a Findings, check: &str) -> &'a Check {
    findings
        .checks
        .iter()
        .find(|found| found.check == check)
        .unwrap_or_else(|| panic!("{check}: {}", findings.in_words()))
}

/// The only things that are not well, with their verdicts.
fn not_well(findings: &Findings) -> Vec<(&'static str, Verdict)> {
    let checks = findings.checks.iter().filter(|check| check.verdict != Verdict::Ok);
    checks.map(|check| (check.check, check.verdict)).collect()
}

#[tokio::test]
async fn a_good_installation_is_well_in_every_line() {
    let installation = Installation::new().await;
    let findings = examined(&installation).await;
    assert_eq!(not_well(&findings), [], "{}", findings.in_words());
    assert!(!findings.failed());
    let names: Vec<&str> = findings.checks.iter().map(|check| check.check).collect();
    let expected = [
        "mode",
        "keys",
        "database",
        "role",
        "grants",
        "extensions",
        "schema",
        "clock",
        "audit log",
        "encrypted values",
        "issuer",
        "redirect address",
        "groups claim",
        "administrators",
        "mail",
    ];
    assert_eq!(names, expected);
    assert_eq!(findings.in_words().lines().count(), expected.len(), "a line each");
    let json: serde_json::Value = serde_json::from_str(&findings.in_json().unwrap()).unwrap();
    assert_eq!(json["checks"][0]["verdict"], "ok");
}

#[tokio::test]
async fn a_role_that_owns_the_schema_is_refused() {
    let installation = Installation::new().await;
    let url = installation.database.database_url().expose_secret().replace("user=rampart", "user=postgres");
    let findings = examined(&installation.with("DATABASE_URL", url)).await;
    let check = of(&findings, "role");
    assert_eq!(check.verdict, Verdict::Fail);
    assert!(check.what.contains("superuser"), "{check:?}");
    assert!(check.remedy.as_ref().unwrap().contains("--print-roles"), "{check:?}");
}

#[tokio::test]
async fn a_role_that_can_change_the_audit_log_or_lacks_a_grant_is_named() {
    let installation = Installation::new().await;
    let mut owner = installation.database.owner().await;
    owner.execute("grant update on audit_record to rampart").await.unwrap();
    owner.execute("revoke insert on person from rampart").await.unwrap();
    let findings = examined(&installation).await;
    assert_eq!(not_well(&findings), [("role", Verdict::Fail), ("grants", Verdict::Fail)], "{}", findings.in_words());
    assert!(of(&findings, "role").what.contains("update on audit_record"), "{}", findings.in_words());
    assert!(of(&findings, "grants").what.contains("insert on person"), "{}", findings.in_words());
}

#[tokio::test]
async fn an_empty_database_is_to_be_migrated() {
    let installation = Installation::new().await;
    let name = format!("test_empty_{}", hex::encode(Rng::from_os().bytes::<6>()));
    let mut owner = installation.database.owner().await;
    owner.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    let mut url = url::Url::parse(installation.database.database_url().expose_secret()).unwrap();
    url.set_path(&name);
    let installation = installation.with("DATABASE_URL", url.to_string());
    let findings = examined(&installation).await;
    owner.execute(AssertSqlSafe(format!("drop database {name} with (force)"))).await.unwrap();
    for check in ["schema", "extensions"] {
        assert_eq!(of(&findings, check).verdict, Verdict::Fail, "{}", findings.in_words());
        assert!(of(&findings, check).remedy.as_ref().unwrap().contains("rampart migrate"));
    }
}

#[tokio::test]
async fn what_does_not_answer_is_said_of_each_and_nothing_else_is_blamed() {
    let installation = Installation::new()
        .await
        .with("DATABASE_URL", "postgres://rampart:hunter2@127.0.0.1:1/portal")
        .with("RAMPART_OIDC_ISSUER", "http://127.0.0.1:1")
        .with("RAMPART_SMTP_URL", "smtp://user:hunter2@127.0.0.1:1");
    let findings = tokio::time::timeout(Duration::from_secs(60), examined(&installation)).await.unwrap();
    let failed = [("database", Verdict::Fail), ("issuer", Verdict::Fail), ("mail", Verdict::Fail)];
    assert_eq!(not_well(&findings), failed, "{}", findings.in_words());
    assert!(findings.checks.iter().all(|check| check.verdict == Verdict::Ok || check.remedy.is_some()));
    assert!(!findings.in_words().contains("hunter2"), "{}", findings.in_words());
}

#[tokio::test]
async fn clocks_that_are_apart_are_noticed() {
    let installation = Installation::new().await;
    #[expect(clippy::disallowed_methods, reason = "the database's clock is the system's")]
    let late = OffsetDateTime::now_utc() - time::Duration::minutes(2);
    let findings = examine(&installation.config(), &Clock::set_to(late)).await;
    let check = of(&findings, "clock");
    assert_eq!(check.verdict, Verdict::Fail);
    assert!(check.what.contains("ahead"), "{check:?}");
}

#[tokio::test]
async fn a_redirect_address_that_is_not_registered_or_not_https_is_refused() {
    let installation = Installation::new().await.with("RAMPART_BASE_URL", "http://127.0.0.1:3999");
    let findings = examined(&installation).await;
    let check = of(&findings, "redirect address");
    assert_eq!(check.verdict, Verdict::Fail, "{}", findings.in_words());
    assert!(check.what.contains("http://127.0.0.1:3999/sign-in/callback"), "{check:?}");

    let findings = examined(&installation.with("RAMPART_BASE_URL", "http://portal.example.com")).await;
    let check = of(&findings, "redirect address");
    assert_eq!(check.verdict, Verdict::Fail);
    assert!(check.what.contains("not https"), "{check:?}");
}

#[tokio::test]
async fn a_groups_claim_that_nobody_sends_is_noticed_before_and_after_people_signed_in() {
    let installation = Installation::new().await.with("RAMPART_OIDC_GROUPS_CLAIM", "memberships");
    let findings = examined(&installation).await;
    assert_eq!(of(&findings, "groups claim").verdict, Verdict::Warn, "{}", findings.in_words());

    let mut owner = installation.database.owner().await;
    owner
        .execute(
            "insert into person (id, issuer, subject, display_name, created_at, signed_in_at)
             values (gen_random_uuid(), 'x', 'x', 'Ada', now(), now())",
        )
        .await
        .unwrap();
    let findings = examined(&installation).await;
    assert_eq!(of(&findings, "groups claim").verdict, Verdict::Fail, "{}", findings.in_words());
}

#[tokio::test]
async fn keys_that_others_read_or_that_open_nothing_are_refused() {
    let installation = Installation::new().await;
    installation.set_key_mode(0o644);
    let mut owner = installation.database.owner().await;
    owner
        .execute(
            "insert into integration (
                 id, name, kind, purpose, data_classes, scopes, egress_hosts, credential, review_by, created_at
             ) values (
                 gen_random_uuid(), 'a', 'webhook', '', '{}', '{}', '{}', '\\x036f6c64aabb', '2027-01-01', now()
             )",
        )
        .await
        .unwrap();
    let findings = examined(&installation).await;
    let failed = [("keys", Verdict::Fail), ("encrypted values", Verdict::Fail)];
    assert_eq!(not_well(&findings), failed, "{}", findings.in_words());
    assert_eq!(of(&findings, "keys").remedy.as_ref().unwrap().split(' ').next(), Some("chmod"));
    assert!(
        of(&findings, "encrypted values").what.contains("integration.credential (1 under old)"),
        "{}",
        findings.in_words()
    );

    installation.set_key_mode(0o600);
    std::fs::write(installation.folder.path("keys.json"), "{").unwrap();
    let findings = examined(&installation).await;
    assert_eq!(of(&findings, "keys").verdict, Verdict::Fail);
}

#[tokio::test]
async fn a_key_file_with_an_older_key_is_well_while_nothing_is_under_it() {
    let installation = Installation::new().await;
    let path = installation.folder.path("keys.json");
    let mut file = KeyFile::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let added = file.add(&Clock::system(), &Rng::from_os()).unwrap();
    file.activate(&added).unwrap();
    std::fs::write(&path, file.text().unwrap().as_bytes()).unwrap();
    let findings = examined(&installation).await;
    assert_eq!(not_well(&findings), [], "{}", findings.in_words());
}
