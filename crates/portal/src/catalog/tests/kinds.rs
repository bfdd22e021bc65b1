//! Kinds that an installation declares: imported, related, counted and shown like the others.

use super::*;
use crate::catalog::kinds::{KindFile, declare, remember};

const QUEUE: &str = "\
apiVersion: rampart/v1
kind: EntityKind
metadata:
  name: queue
spec:
  kind: Queue
  plural: Queues
  description: Messages between components
  apiVersions: [example.com/v1]
  schema:
    type: object
    required: [broker, owner]
    properties:
      broker: { enum: [kafka, rabbitmq] }
      partitions: { type: integer, minimum: 1 }
  relations:
    - { field: owner, kind: Group, relation: ownedBy }
    - { field: dependsOn, relation: dependsOn, many: true }
";

fn orders(spec: &str) -> String {
    format!(
        "apiVersion: example.com/v1\nkind: Queue\nmetadata:\n  name: orders-placed\n  tags: [events]\nspec:\n{spec}  dependsOn: [resource:default/cluster, queue:default/orders-dead]\n"
    )
}

async fn tried(t: &TestPortal, text: &str) -> ImportReport {
    import(t, &t.system(), &SourceName::uploads(), vec![file("catalog-info.yaml", text)]).await.unwrap()
}

fn declared() {
    declare(&[KindFile { path: "kinds/queue.yaml".to_owned(), text: QUEUE.to_owned() }]).unwrap();
}

#[tokio::test]
async fn an_entity_of_a_declared_kind_is_listed_found_and_related() {
    declared();
    let t = TestPortal::new().await;
    let spec = "  broker: kafka\n  partitions: 12\n  owner: payments\n";
    let consumer = component("billing", "payments", "") + "  dependsOn: [queue:default/Orders-Placed]\n";
    let report = read(&t, &format!("{}---\n{consumer}", orders(spec))).await;
    assert_eq!((report.created.len(), report.errors), (2, Vec::new()));

    let someone = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    let all = listed(&t, &someone, &[]).await;
    assert_eq!(counts(&all, Facet::Kind)["queue"], 1);
    assert_eq!(names(&t, &someone, &[("kind", "Queue")]).await, ["orders-placed"]);
    assert_eq!(names(&t, &someone, &[("owner", "group:default/payments"), ("tag", "events")]).await, ["orders-placed"]);

    let queue = see(&t, &someone, "queue:default/orders-placed").await.unwrap();
    assert_eq!(queue.summary.reference.kind.label(), "Queue");
    assert_eq!(queue.summary.team.as_deref(), Some("payments"));
    let related = |relation: RelationType, other: &str| {
        queue.relations.iter().any(|one| one.relation == relation && one.target.to_string() == other)
    };
    assert!(related(RelationType::DependsOn, "resource:default/cluster"), "{:?}", queue.relations);
    assert!(related(RelationType::DependsOn, "queue:default/orders-dead"));
    assert!(related(RelationType::DependencyOf, "component:default/billing"));
    let json = serde_json::to_string(&queue).unwrap();
    assert_eq!(serde_json::from_str::<model::EntityDetail>(&json).unwrap(), queue);
}

#[tokio::test]
async fn a_spec_that_its_schema_refuses_is_named_with_field_and_line() {
    declared();
    let t = TestPortal::new().await;
    let wrong = orders("  broker: carrier-pigeon\n  partitions: none\n");
    let report = tried(&t, &format!("{wrong}---\n{}", component("billing", "payments", ""))).await;
    let errors: Vec<(String, u32)> = report
        .errors
        .iter()
        .map(|error| (format!("{}: {}", error.field.as_deref().unwrap_or_default(), error.reason), error.line))
        .collect();
    assert_eq!(
        errors,
        [
            ("spec: owner is missing".to_owned(), 6),
            ("spec.broker: must be one of: kafka, rabbitmq".to_owned(), 7),
            ("spec.partitions: must be a whole number".to_owned(), 8),
        ]
    );
    let version = orders("  broker: kafka\n  owner: a\n").replace("example.com/v1", "backstage.io/v1alpha1");
    let report = tried(&t, &format!("{version}---\n{}", component("billing", "payments", ""))).await;
    assert!(report.errors[0].reason.contains("use example.com/v1"), "{:?}", report.errors);
}

#[tokio::test]
async fn an_entity_whose_kind_nobody_declares_any_more_is_shown_and_not_read() {
    let t = TestPortal::new().await;
    read(&t, &component("billing", "payments", "")).await;
    sqlx::query("update entity set kind = 'barrel'").execute(&mut t.owner().await).await.unwrap();
    remember(&t).await.unwrap();
    let someone = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    assert_eq!(counts(&listed(&t, &someone, &[]).await, Facet::Kind)["barrel"], 1);
    assert_eq!(see(&t, &someone, "barrel:default/billing").await.unwrap().summary.reference.kind.label(), "Barrel");
    let text = component("cellar", "payments", "").replace("kind: Component", "kind: Barrel");
    let report = tried(&t, &format!("{text}---\n{}", component("billing", "payments", ""))).await;
    assert!(report.errors[0].reason.contains("not read here"), "{:?}", report.errors);
}
