//! The commands that look after an installation, as somebody at its machine runs them, with no server running.

use std::process::Output;

use sqlx::query_scalar;

use crate::setup::Installation;

/// Runs it beside what it talks to.
async fn run(installation: &Installation, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_rampart"));
    command.args(arguments).current_dir(installation.folder.path("")).env_clear().envs(&installation.settings);
    command.output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn doctor_ends_with_0_where_all_is_well_and_with_1_where_something_is_to_be_mended() {
    let installation = Installation::new().await;
    let output = run(&installation, &["doctor"]).await;
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let installation = installation.with("RAMPART_SMTP_URL", "smtp://127.0.0.1:1");
    let output = run(&installation, &["doctor", "--json"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mail = found["checks"].as_array().unwrap().iter().find(|check| check["check"] == "mail").unwrap();
    assert_eq!(mail["verdict"], "fail");
}

#[tokio::test]
async fn the_first_administrator_is_made_without_a_server_and_on_record() {
    let installation = Installation::new().await;
    let ada = installation.database.person("Ada", &[]).await.person_id().unwrap();
    let refused = run(&installation, &["admin", "grant", "nobody@example.com"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("has signed in yet"), "{}", text(&refused.stderr));

    let output = run(&installation, &["admin", "grant", "ada@example.com"]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut owner = installation.database.owner().await;
    let roles: Vec<String> = query_scalar("select role from role_binding where person_id = $1 and ended_at is null")
        .bind(ada)
        .fetch_all(&mut owner)
        .await
        .unwrap();
    assert_eq!(roles, ["platform_administrator"]);
    let leaf: Vec<u8> = query_scalar("select leaf from audit_record where action = 'role.grant_everywhere'")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let leaf: serde_json::Value = serde_json::from_slice(&leaf).unwrap();
    assert_eq!(
        (&leaf["actor"]["id"], &leaf["change"]["after"]["person"]),
        (&"admin.grant".into(), &ada.to_string().into())
    );

    let again = run(&installation, &["admin", "grant", "ada@example.com"]).await;
    assert_eq!(again.status.code(), Some(1), "what somebody holds is not given twice");
}

#[tokio::test]
async fn keys_are_rotated_step_by_step_and_an_unused_one_is_removed() {
    let installation = Installation::new().await;
    let file = installation.folder.path("keys.json");
    let active = || {
        let text = std::fs::read_to_string(&file).unwrap();
        portal::keys::KeyFile::parse(&text).unwrap().active().to_owned()
    };
    let first = active();

    let staged = run(&installation, &["admin", "key", "rotate", "--stage"]).await;
    assert!(staged.status.success(), "{}", text(&staged.stderr));
    assert_eq!(active(), first, "a staged key does not encrypt yet");
    let twice = run(&installation, &["admin", "key", "rotate", "--stage"]).await;
    assert_eq!(twice.status.code(), Some(1));

    let rotated = run(&installation, &["admin", "key", "rotate"]).await;
    assert!(rotated.status.success(), "{}", text(&rotated.stderr));
    let second = active();
    assert_ne!(second, first);
    let said = text(&rotated.stdout);
    assert!(said.contains(&format!("key {second} is active")), "{said}");
    assert!(said.contains(&format!("rampart admin key remove {first}")), "{said}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    let refused = run(&installation, &["admin", "key", "remove", &second]).await;
    assert_eq!(refused.status.code(), Some(1), "the active key stays");
    let removed = run(&installation, &["admin", "key", "remove", &first]).await;
    assert!(removed.status.success(), "{}", text(&removed.stderr));
    let steps: Vec<String> = query_scalar(
        "select convert_from(leaf, 'UTF8')::jsonb -> 'change' ->> 'what' from audit_record
         where action = 'key.rotate' order by at, id",
    )
    .fetch_all(&mut installation.database.owner().await)
    .await
    .unwrap();
    assert_eq!(steps, ["added", "made active", "removed"]);
}
