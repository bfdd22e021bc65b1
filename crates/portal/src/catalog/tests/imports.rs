//! What reading descriptors does.

use super::*;

#[tokio::test]
async fn a_descriptor_becomes_an_entity_with_owner_relations_and_links() {
    let t = TestPortal::new().await;
    let report = read(&t, SHOP).await;
    assert_eq!(report.created.len(), 2);
    let somebody = t.person("Ada", &[]).await;

    let checkout = see(&t, &somebody, "component:default/checkout").await.unwrap();
    assert_eq!(checkout.summary.name, "Checkout", "as it was written");
    assert_eq!(checkout.summary.team.as_deref(), Some("payments"));
    assert_eq!(checkout.summary.system.as_deref(), Some("system:default/shop"));
    assert_eq!(checkout.domain.as_deref(), Some("domain:default/retail"), "through its system");
    assert_eq!(checkout.summary.tier.as_deref(), Some("tier-1"));
    assert_eq!(checkout.links[0].title.as_deref(), Some("Runbook"));
    assert_eq!(checkout.descriptor["metadata"]["name"], "Checkout");
    let origin = checkout.origin.unwrap();
    assert_eq!((origin.kind, origin.file.as_str(), origin.line), (SourceKind::Upload, "catalog-info.yaml", 9));

    let known: Vec<(String, bool)> =
        checkout.relations.iter().map(|other| (format!("{} {}", other.relation, other.target), other.known)).collect();
    assert!(known.contains(&("partOf system:default/shop".to_owned(), true)), "{known:?}");
    assert!(known.contains(&("dependsOn resource:default/orders-db".to_owned(), false)), "{known:?}");
    let shop = see(&t, &somebody, "system:default/SHOP").await.unwrap();
    let parts: Vec<_> = shop.related(RelationType::HasPart).map(|part| part.title.clone()).collect();
    assert_eq!(parts, [Some("Checkout service".to_owned())], "seen from the other end");
}

#[tokio::test]
async fn reading_the_same_file_again_changes_nothing() {
    let t = TestPortal::new().await;
    read(&t, SHOP).await;
    let before: String = snapshot_of(&t).await;
    t.clock.advance(Duration::hours(1));
    let report = read(&t, SHOP).await;
    assert_eq!((report.created.len(), report.updated.len(), report.unchanged.len()), (0, 0, 2));
    assert_eq!(snapshot_of(&t).await, before);

    let moved = read(&t, &format!("# a comment\n\n{SHOP}")).await;
    assert_eq!(moved.unchanged.len(), 2, "only the lines are others");
    let checkout = see(&t, &t.person("Ada", &[]).await, "component:default/checkout").await.unwrap();
    assert_eq!(checkout.origin.unwrap().line, 11);
}

async fn snapshot_of(t: &TestPortal) -> String {
    sqlx::query_scalar(
        "select (select string_agg(entity::text, '' order by id) from entity)
             || (select string_agg(relation::text, '' order by from_id, type, to_name) from relation)
             || (select string_agg(entity_event::text, '' order by id) from entity_event)
             || (select revision from catalog_revision)",
    )
    .fetch_one(&mut t.owner().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_wrong_document_is_named_with_its_line_and_the_others_stand() {
    let t = TestPortal::new().await;
    let text = format!(
        "{}---\napiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: broken\nspec:\n  type: service\n  lifecycle: production\n---\n{}",
        component("first", "payments", ""),
        component("last", "payments", ""),
    );
    let files = vec![file("a.yaml", &text), file("b.yaml", "{{ template }}: [")];
    let report = import(&t, &administrator(&t).await, &SourceName::uploads(), files).await.unwrap();
    assert_eq!(report.created.len(), 2);
    let missing = &report.errors[0];
    assert_eq!((missing.file.as_str(), missing.document, missing.name.as_deref()), ("a.yaml", 2, Some("broken")));
    assert!(missing.line >= 10 && missing.field.as_deref() == Some("spec.owner"), "{missing:?}");
    assert_eq!(report.errors[1].file, "b.yaml");
    let sources = sources(&t, &administrator(&t).await).await.unwrap();
    assert_eq!((sources[0].entities, sources[0].errors.len()), (2, 2), "the source keeps what was wrong");
}

#[tokio::test]
async fn an_entity_belongs_to_the_source_that_described_it_first() {
    let t = TestPortal::new().await;
    read(&t, &component("pay", "payments", "")).await;
    let files = SourceName { kind: SourceKind::File, name: "/etc/rampart/catalog".to_owned() };
    let taken =
        vec![file("x.yaml", &component("Pay", "thieves", "")), file("y.yaml", &component("other", "thieves", ""))];
    let report = import(&t, &t.system(), &files, taken).await.unwrap();
    assert_eq!(report.created, [reference("component:default/other")]);
    assert!(report.errors[0].reason.contains("uploads") && report.errors[0].reason.contains("first"), "{report:?}");
    let pay = see(&t, &t.person("Ada", &[]).await, "component:default/pay").await.unwrap();
    assert_eq!(pay.summary.team.as_deref(), Some("payments"));

    let twice = format!("{0}---\n{0}", component("twin", "payments", ""));
    let report = import(&t, &t.system(), &files, vec![file("a.yaml", &twice)]).await.unwrap();
    assert_eq!((report.created.len(), report.errors.len()), (1, 1), "{report:?}");
    let again = vec![file("a.yaml", &component("solo", "a", "")), file("b.yaml", &component("solo", "b", ""))];
    let report = import(&t, &t.system(), &files, again).await.unwrap();
    assert!(report.errors[0].reason.contains("a.yaml, line 1"), "{report:?}");
}

#[tokio::test]
async fn a_relation_finds_its_other_end_when_that_comes_later() {
    let t = TestPortal::new().await;
    read(&t, SHOP).await;
    read(
        &t,
        "apiVersion: backstage.io/v1alpha1\nkind: Resource\nmetadata:\n  name: Orders-DB\nspec:\n  type: database\n  owner: payments\n",
    )
    .await;
    let ada = t.person("Ada", &[]).await;
    let checkout = see(&t, &ada, "component:default/checkout").await.unwrap();
    assert!(checkout.related(RelationType::DependsOn).all(|other| other.known), "{:?}", checkout.relations);
    let database = see(&t, &ada, "resource:default/orders-db").await.unwrap();
    assert_eq!(database.related(RelationType::DependencyOf).count(), 1);
}

#[tokio::test]
async fn a_new_owner_sees_what_the_old_one_no_longer_does() {
    let t = TestPortal::new().await;
    read(&t, &component("vault", "payments", RESTRICTED)).await;
    let payer = t.person("Pay", &[(RoleName::Developer, Some("payments"))]).await;
    let platformer = t.person("Plat", &[(RoleName::Developer, Some("platform"))]).await;
    assert!(see(&t, &payer, "component:default/vault").await.is_ok());
    assert!(matches!(see(&t, &platformer, "component:default/vault").await, Err(Error::NotFound(_))));

    t.clock.advance(Duration::minutes(1));
    let report = read(&t, &component("vault", "platform", RESTRICTED)).await;
    assert_eq!(report.updated.len(), 1);
    assert!(matches!(see(&t, &payer, "component:default/vault").await, Err(Error::NotFound(_))));
    assert!(see(&t, &platformer, "component:default/vault").await.is_ok());
    let told =
        history(&mut t.snapshot(&platformer).await.unwrap(), &reference("component:default/vault")).await.unwrap();
    assert_eq!(
        told.iter().map(|event| event.what).collect::<Vec<_>>(),
        [EntityEventKind::Updated, EntityEventKind::Created]
    );
    assert_eq!(told[0].changes[0].before.as_deref(), Some("group:default/payments"));
}

#[tokio::test]
async fn a_group_is_the_team_that_its_annotation_names_also_when_it_is_named_later() {
    let t = TestPortal::new().await;
    let group = |annotation: &str| {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: money\n{annotation}spec:\n  type: team\n  children: []\n"
        )
    };
    read(&t, &format!("{}---\n{}", component("vault", "money", RESTRICTED), group(""))).await;
    let payer = t.person("Pay", &[(RoleName::Developer, Some("Payments"))]).await;
    assert!(see(&t, &payer, "component:default/vault").await.is_err());
    read(&t, &group("  annotations:\n    rampart.dev/group: payments\n")).await;
    assert!(see(&t, &payer, "component:default/vault").await.is_ok(), "case does not divide a group from its team");
    read(&t, &component("late", "money", RESTRICTED)).await;
    assert!(see(&t, &payer, "component:default/late").await.is_ok());
}

#[tokio::test]
async fn a_descriptor_gives_nobody_a_role_or_a_team() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    read(
        &t,
        "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: payments\nspec:\n  type: team\n  children: []\n  members: [ada]\n---\napiVersion: backstage.io/v1alpha1\nkind: User\nmetadata:\n  name: ada\nspec:\n  profile:\n    email: ada@example.com\n  memberOf: [payments, platform-administrators]\n",
    )
    .await;
    read(&t, &component("vault", "payments", RESTRICTED)).await;
    read(&t, &component("own", "user:ada", RESTRICTED)).await;
    assert_eq!(t.count("select count(*) from role_binding").await, 0);
    assert_eq!(t.count("select count(*) from person").await, 1);
    assert!(see(&t, &ada, "component:default/vault").await.is_err());
    assert!(see(&t, &ada, "component:default/own").await.is_err(), "a person owns nothing by a descriptor");
}

#[tokio::test]
async fn only_those_who_may_import_and_a_misspelt_restriction_is_no_restriction_lifted() {
    let t = TestPortal::new().await;
    let files = || vec![file("a.yaml", &component("pay", "payments", ""))];
    for role in [RoleName::Developer, RoleName::TeamLead, RoleName::SecurityChampion] {
        let actor = t.person("Dev", &[(role, Some("payments"))]).await;
        let refused = import(&t, &actor, &SourceName::uploads(), files()).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{role:?}");
        assert!(matches!(sources(&t, &actor).await, Err(Error::Forbidden(_))), "{role:?}");
    }
    let anonymous = Actor::anonymous("test".to_owned(), None);
    assert!(matches!(import(&t, &anonymous, &SourceName::uploads(), files()).await, Err(Error::Unauthenticated)));
    assert_eq!(t.count("select count(*) from entity").await, 0);

    let misspelt = component("vault", "payments", "  annotations:\n    rampart.dev/restricted: \"yes\"\n");
    let refused = import(&t, &t.system(), &SourceName::uploads(), vec![file("a.yaml", &misspelt)]).await;
    let Err(Error::Invalid(errors)) = refused else { panic!("{refused:?}") };
    assert_eq!(errors[0].field, "a.yaml:6 metadata.annotations.rampart.dev/restricted");
    assert_eq!(t.count("select count(*) from entity").await, 0);
}

#[tokio::test]
async fn an_import_without_files_name_or_measure_changes_nothing() {
    let t = TestPortal::new().await;
    let root = administrator(&t).await;
    let uploads = SourceName::uploads();
    assert!(matches!(import(&t, &root, &uploads, Vec::new()).await, Err(Error::Invalid(_))));
    let nameless = SourceName { kind: SourceKind::Upload, name: " ".to_owned() };
    assert!(matches!(import(&t, &root, &nameless, vec![file("a", "")]).await, Err(Error::Invalid(_))));
    let endless = vec![DescriptorFile { path: "a".to_owned(), bytes: vec![b'#'; (32 << 20) + 1] }];
    assert!(matches!(import(&t, &root, &uploads, endless).await, Err(Error::TooLarge(_))));
    let hostile = vec![file("a.yaml", "{{{{"), file("b.yaml", "a: &a [*a]"), file("c.yaml", &"[".repeat(100_000))];
    let refused = import(&t, &root, &uploads, hostile).await;
    let Err(Error::Invalid(errors)) = refused else { panic!("{refused:?}") };
    assert!(errors.len() >= 3, "{errors:?}");
    assert_eq!(t.count("select count(*) from source").await, 0, "nothing half-written");
}

#[tokio::test]
async fn the_audit_log_names_what_was_imported_but_no_person() {
    let t = TestPortal::new().await;
    read(
        &t,
        &format!(
            "{SHOP}---\napiVersion: backstage.io/v1alpha1\nkind: User\nmetadata:\n  name: ada.lovelace\nspec:\n  memberOf: []\n"
        ),
    )
    .await;
    let leaf: Vec<u8> =
        sqlx::query_scalar("select leaf from audit_record").fetch_one(&mut t.owner().await).await.unwrap();
    let leaf = String::from_utf8(leaf).unwrap();
    assert!(leaf.contains("component:default/checkout") && !leaf.contains("lovelace"), "{leaf}");
}
