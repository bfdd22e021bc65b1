//! `rampart catalog apply`, as a pipeline runs it in a checkout against a portal that serves.

use std::{fs, process::Output};

use portal::identity::token;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::process::Command;

use crate::{running::Running, setup::Installation};

const API: &str =
    "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: all}\nspec:\n  targets: [./api.yaml]\n";
const ORDERS: &str = "\n\napiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: orders}\nspec:\n  type: openapi\n  lifecycle: production\n  owner: payments\n  definition:\n    $text: ./openapi.yaml\n";

async fn apply(installation: &Installation, running: &Running, token: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rampart"));
    command.args(["catalog", "apply", "shop", "--source", "shop", "--server", &running.address]).args(more);
    command.current_dir(installation.folder.path("")).env_clear().env("RAMPART_TOKEN", token);
    command.output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_checkout_is_planned_applied_and_told_where_it_is_wrong() {
    let installation = Installation::new().await;
    let t = &installation.database;
    let scopes = ["catalog:write".to_owned(), "catalog:read".to_owned()];
    let issued = token::issue_for_service_account(t, &t.system(), "pipeline", &scopes, None).await.unwrap();
    let token = issued.secret.expose_secret().to_owned();
    let shop = installation.folder.path("shop");
    fs::create_dir_all(&shop).unwrap();
    fs::write(shop.join("catalog-info.yaml"), API).unwrap();
    fs::write(shop.join("api.yaml"), ORDERS).unwrap();
    fs::write(shop.join("openapi.yaml"), "openapi: 3.1.0\n").unwrap();
    let running = Running::start(&installation).await;
    let approve = "update integration set enabled = true, approved_at = now(), review_by = current_date + 90
                   where name = 'descriptor-uploads'";
    sqlx::query(approve).execute(&mut t.owner().await).await.unwrap();

    let planned = apply(&installation, &running, &token, &["--dry-run"]).await;
    assert_eq!(planned.status.code(), Some(0), "{planned:?}");
    assert!(text(&planned.stdout).contains("would be added: api:default/orders"), "{}", text(&planned.stdout));
    let entities = || async {
        let count = sqlx::query_scalar::<_, i64>("select count(*) from entity");
        count.fetch_one(&mut t.owner().await).await.unwrap()
    };
    assert_eq!(entities().await, 0, "nothing is changed");
    let sources: i64 = sqlx::query_scalar("select count(*) from source where name = 'shop'")
        .fetch_one(&mut t.owner().await)
        .await
        .unwrap();
    assert_eq!(sources, 0, "nor is a source there");

    let applied = apply(&installation, &running, &token, &[]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    assert_eq!(entities().await, 2);
    let (definition, line): (String, i32) =
        sqlx::query_as("select descriptor #>> '{spec,definition}', source_line from entity where name = 'orders'")
            .fetch_one(&mut t.owner().await)
            .await
            .unwrap();
    assert_eq!((definition.as_str(), line), ("openapi: 3.1.0\n", 3), "with what stands beside it, at its own line");
    let again = apply(&installation, &running, &token, &["--format", "json"]).await;
    let answer: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(answer["unchanged"].as_array().unwrap().len(), 2, "{answer}");

    fs::write(shop.join("api.yaml"), ORDERS.replace("  owner: payments\n", "")).unwrap();
    fs::write(shop.join("catalog-info.yaml"), API.replace("name: all", "name: a b")).unwrap();
    let wrong = apply(&installation, &running, &token, &["--format", "sarif"]).await;
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    let log: Value = serde_json::from_slice(&wrong.stdout).unwrap();
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "catalog/metadata");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&"shop/catalog-info.yaml".into(), &3.into())
    );

    let refused = apply(&installation, &running, "rampart_nobodys", &[]).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(text(&refused.stderr).contains("401"), "{}", text(&refused.stderr));
    running.stop().await;
}
