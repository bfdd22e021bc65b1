//! The catalog as people meet it: what an import does, and what each of them sees of it.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    EntityFilter, EntityList, EntityRef, Facet, ImportReport, PageRequest, RelationType, SourceKind,
    entity::EntityEventKind,
};
use sqlx::Row as _;
use time::Duration;

use super::*;
use crate::{
    Error,
    authz::{ActionName, Actor, RoleName},
    identity::directory,
    testing::TestPortal,
};

const SHOP: &str = "\
apiVersion: backstage.io/v1alpha1
kind: System
metadata:
  name: shop
spec:
  owner: payments
  domain: retail
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: Checkout
  title: Checkout service
  description: Takes the money, 100% of it.
  tags: [java, pci]
  links:
    - url: https://wiki.example.com/checkout
      title: Runbook
  annotations:
    rampart.dev/tier: tier-1
spec:
  type: service
  lifecycle: production
  owner: payments
  system: shop
  dependsOn: [resource:orders-db]
";

fn component(name: &str, owner: &str, more: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n{more}spec:\n  type: service\n  lifecycle: production\n  owner: {owner}\n"
    )
}

const RESTRICTED: &str = "  annotations:\n    rampart.dev/restricted: \"true\"\n";

fn file(path: &str, text: &str) -> DescriptorFile {
    DescriptorFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
}

async fn administrator(t: &TestPortal) -> Actor {
    t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await
}

async fn read(t: &TestPortal, text: &str) -> ImportReport {
    let report = import(t, &t.system(), &SourceName::uploads(), vec![file("catalog-info.yaml", text)]).await.unwrap();
    assert_eq!(report.errors, [], "{text}");
    report
}

fn filter(pairs: &[(&str, &str)]) -> EntityFilter {
    EntityFilter::from_pairs(pairs.iter().copied()).unwrap()
}

async fn listed(t: &TestPortal, actor: &Actor, pairs: &[(&str, &str)]) -> EntityList {
    list(t, actor, &filter(pairs), &PageRequest { cursor: None, size: Some(200) }).await.unwrap()
}

async fn names(t: &TestPortal, actor: &Actor, pairs: &[(&str, &str)]) -> Vec<String> {
    let listed = listed(t, actor, pairs).await;
    let names: Vec<String> = listed.page.items.into_iter().map(|item| item.name).collect();
    assert_eq!(listed.page.total.value, names.len() as u64, "the total counts what is listed");
    names
}

fn counts(list: &EntityList, facet: Facet) -> BTreeMap<String, u64> {
    let counts = list.facets.iter().find(|counts| counts.facet == facet).unwrap();
    counts.values.iter().map(|value| (value.value.clone(), value.count)).collect()
}

fn reference(text: &str) -> EntityRef {
    text.parse().unwrap()
}

async fn see(t: &TestPortal, actor: &Actor, text: &str) -> crate::Result<model::EntityDetail> {
    detail(&mut t.snapshot(actor).await.unwrap(), &reference(text)).await
}

// ---- imports

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

// ---- what is seen

#[tokio::test]
async fn a_restricted_entity_is_nowhere_for_those_without_a_role_over_it() {
    let t = TestPortal::new().await;
    read(&t, SHOP).await;
    let hidden = "  title: Hidden vault\n  tags: [secretive]\n  annotations:\n    rampart.dev/restricted: \"true\"\n";
    let mut vault = component("vault", "guards", hidden);
    vault.push_str("  system: shop\n  dependsOn: [component:checkout]\n");
    read(&t, &vault.replace("lifecycle: production", "lifecycle: clandestine")).await;
    let stranger = t.person("Eve", &[(RoleName::Developer, Some("payments"))]).await;
    let guard = t.person("Guy", &[(RoleName::Developer, Some("guards"))]).await;
    let auditor = t.person("Aud", &[(RoleName::Auditor, None)]).await;

    for (actor, sees) in [(&stranger, false), (&guard, true), (&auditor, true)] {
        let all = listed(&t, actor, &[]).await;
        assert_eq!(all.page.total.value, if sees { 3 } else { 2 });
        assert_eq!(all.page.items.iter().any(|item| item.name == "vault"), sees);
        assert_eq!(counts(&all, Facet::Lifecycle).contains_key("clandestine"), sees);
        assert_eq!(counts(&all, Facet::Owner).contains_key("group:default/guards"), sees);
        assert_eq!(counts(&all, Facet::Tag).contains_key("secretive"), sees);
        assert_eq!(counts(&all, Facet::Kind)["component"], if sees { 2 } else { 1 });
        for found in [names(&t, actor, &[("q", "hidden")]).await, names(&t, actor, &[("tag", "secretive")]).await] {
            assert_eq!(found, if sees { vec!["vault"] } else { vec![] });
        }
        let suggested = suggest(&mut t.snapshot(actor).await.unwrap(), "vau", 10).await.unwrap();
        assert_eq!(suggested.iter().any(|one| one.title == "Hidden vault"), sees, "{suggested:?}");
        assert_eq!(see(&t, actor, "component:default/vault").await.is_ok(), sees);
        assert_eq!(export(&t, actor, &filter(&[])).await.unwrap().contains("vault"), sees);
        for neighbour in ["system:default/shop", "component:default/checkout"] {
            let shown = see(&t, actor, neighbour).await.unwrap();
            let mentions = serde_json::to_string(&shown).unwrap().to_lowercase().contains("vault");
            assert_eq!(mentions, sees, "{neighbour}");
        }
        let teams = directory::teams(&t, actor, "guards", &PageRequest::default()).await.unwrap();
        assert_eq!(teams.items[0].entities, u64::from(sees));
        let guards = directory::team(&mut t.snapshot(actor).await.unwrap(), "guards").await.unwrap();
        assert_eq!((guards.owned.len(), guards.owned_in_all), (usize::from(sees), u64::from(sees)));
    }
    let (hidden, absent) = (
        see(&t, &stranger, "component:default/vault").await.unwrap_err(),
        see(&t, &stranger, "component:default/nothing").await.unwrap_err(),
    );
    assert_eq!(hidden.to_string(), absent.to_string(), "hidden and absent read the same");
}

#[tokio::test]
async fn what_is_stated_of_a_hidden_entity_stays_a_name_without_title_or_link() {
    let t = TestPortal::new().await;
    let vault = component("vault", "guards", &format!("  title: Hidden\n{RESTRICTED}"));
    let mut open = component("open", "payments", "");
    open.push_str("  dependsOn: [component:vault]\n");
    read(&t, &format!("{vault}---\n{open}")).await;
    let shown = see(&t, &t.person("Eve", &[]).await, "component:default/open").await.unwrap();
    let other = shown.related(RelationType::DependsOn).next().unwrap();
    assert!(!other.known && other.title.is_none(), "{other:?}");
}

#[tokio::test]
async fn search_finds_parts_of_words_tags_and_letters_that_are_patterns() {
    let t = TestPortal::new().await;
    read(&t, SHOP).await;
    read(&t, &component("ledger", "payments", "  description: C:\\temp and snake_case\n")).await;
    let ada = t.person("Ada", &[]).await;
    for (text, found) in [
        ("eckou", vec!["Checkout"]),
        ("CHECKOUT money", vec!["Checkout"]),
        ("pci", vec!["Checkout"]),
        ("100%", vec!["Checkout"]),
        ("10%of", vec![]),
        ("snake_case", vec!["ledger"]),
        ("snake-case", vec![]),
        ("c:\\temp", vec!["ledger"]),
        ("ledger money", vec![]),
    ] {
        assert_eq!(names(&t, &ada, &[("q", text)]).await, found, "{text}");
    }
}

#[tokio::test]
async fn suggestions_begin_with_what_is_called_so_and_name_teams_and_people() {
    let t = TestPortal::new().await;
    read(&t, &format!("{SHOP}---\n{}---\n{}", component("pay", "payments", ""), component("repay", "payments", "")))
        .await;
    let paula = t.person("Paula Pay", &[(RoleName::Developer, Some("payments"))]).await;
    let suggested = suggest(&mut t.snapshot(&paula).await.unwrap(), " PAY", 10).await.unwrap();
    let titles: Vec<&str> = suggested.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(titles, ["pay", "repay", "payments", "Paula Pay"]);
    assert_eq!(
        (suggested[0].href.as_str(), suggested[0].hint.as_str()),
        ("/catalog/component/default/pay", "component:default/pay of payments")
    );
    assert_eq!(suggested[2].href, "/teams/payments");
    assert!(suggest(&mut t.snapshot(&paula).await.unwrap(), "  ", 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_export_is_the_list_and_no_cell_is_a_formula() {
    let t = TestPortal::new().await;
    read(&t, &component("evil", "payments", "  title: \"=cmd()\"\n")).await;
    let sheet = export(&t, &t.person("Ada", &[]).await, &filter(&[("kind", "component")])).await.unwrap();
    let lines: Vec<&str> = sheet.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with("component:default/evil,component,evil,'=cmd(),service,production,"), "{sheet}");
}

#[tokio::test]
async fn both_sides_show_who_has_no_counterpart() {
    let t = TestPortal::new().await;
    t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    t.person("Bob", &[(RoleName::Developer, Some("platform"))]).await;
    let user = |name: &str, email: &str| {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata:\n  name: {name}\nspec:\n  profile:\n    email: {email}\n  memberOf: []\n"
        )
    };
    let group = |name: &str| {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: {name}\nspec:\n  type: team\n  children: []\n"
        )
    };
    let all = [user("ada", "ADA@example.com"), user("cy", "cy@example.com"), group("payments"), group("ghosts")];
    read(&t, &all.join("---\n")).await;
    let unmatched = unmatched(&t, &administrator(&t).await).await.unwrap();
    let called =
        |entities: &[UnmatchedEntity]| entities.iter().map(|one| one.reference.name.clone()).collect::<Vec<_>>();
    assert_eq!(called(&unmatched.users), ["cy"]);
    assert_eq!(called(&unmatched.groups), ["ghosts"]);
    assert_eq!(unmatched.teams.iter().map(|team| team.name.as_str()).collect::<Vec<_>>(), ["platform"]);
    assert_eq!(unmatched.people.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Bob", "Root"]);
}

#[tokio::test]
async fn a_teams_page_says_who_is_in_it_with_which_roles_leads_first() {
    let t = TestPortal::new().await;
    read(&t, SHOP).await;
    let ada = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    t.person("Zoe", &[(RoleName::Developer, Some("payments")), (RoleName::TeamLead, Some("payments"))]).await;
    let team = directory::team(&mut t.snapshot(&ada).await.unwrap(), "payments").await.unwrap();
    let members: Vec<(&str, usize)> =
        team.members.iter().map(|member| (member.name.as_str(), member.roles.len())).collect();
    assert_eq!(members, [("Zoe", 2), ("Ada", 1)]);
    assert_eq!(team.owned_in_all, 2);
    let teams = directory::teams(&t, &ada, "", &PageRequest::default()).await.unwrap();
    assert_eq!((teams.items[0].members, teams.items[0].leads.clone()), (2, vec!["Zoe".to_owned()]));
    let people = directory::people(&t, &ada, "zo", &PageRequest::default()).await.unwrap();
    assert_eq!((people.total.value, people.items[0].teams.clone()), (1, vec!["payments".to_owned()]));
    assert!(matches!(
        directory::team(&mut t.snapshot(&ada).await.unwrap(), "nobody").await,
        Err(Error::NotFound("team"))
    ));
}

#[tokio::test]
async fn people_and_teams_are_met_once_each_turning_pages_forth_and_back() {
    let t = TestPortal::new().await;
    for n in 0..7 {
        let team = format!("team-{n}");
        t.person(&format!("Person {n}"), &[(RoleName::Developer, Some(team.as_str()))]).await;
    }
    let ada = administrator(&t).await;
    let ask = |cursor| PageRequest { cursor, size: Some(3) };
    let mut pages = vec![directory::people(&t, &ada, "person", &ask(None)).await.unwrap()];
    while let Some(next) = pages.last().unwrap().next.clone() {
        pages.push(directory::people(&t, &ada, "person", &ask(Some(next))).await.unwrap());
    }
    let met: Vec<String> = pages.iter().flat_map(|page| page.items.iter().map(|one| one.name.clone())).collect();
    let last = pages.pop();
    assert_eq!(met, (0..7).map(|n| format!("Person {n}")).collect::<Vec<_>>());
    let back = directory::people(&t, &ada, "person", &ask(last.unwrap().previous)).await.unwrap();
    assert_eq!(
        back.items.iter().map(|person| person.name.as_str()).collect::<Vec<_>>(),
        ["Person 3", "Person 4", "Person 5"]
    );
    let first = directory::teams(&t, &ada, "", &ask(None)).await.unwrap();
    let second = directory::teams(&t, &ada, "", &ask(first.next.clone())).await.unwrap();
    let again = directory::teams(&t, &ada, "", &ask(second.previous.clone())).await.unwrap();
    assert_eq!(again.items, first.items);
}

// ---- the same rule everywhere

/// Fifty entities over four teams, some restricted, some without a team.
async fn some_catalog(t: &TestPortal) {
    let documents: Vec<String> = (0..50)
        .map(|n| {
            let owner = ["payments", "platform", "search", "user:ada"][n % 4];
            let restricted = if n % 3 == 0 { "  annotations:\n    rampart.dev/restricted: \"true\"\n" } else { "" };
            let more = format!("  title: Thing {}\n  tags: [t{}]\n{restricted}", n / 2, n % 5);
            let text = component(&format!("thing-{n}"), owner, &more);
            if n % 7 == 0 { text.replace("production", "experimental") } else { text }
        })
        .collect();
    read(t, &documents.join("---\n")).await;
}

#[tokio::test]
async fn a_list_and_its_counts_are_exactly_what_one_may_see_one_by_one() {
    let t = TestPortal::new().await;
    some_catalog(&t).await;
    let thing: model::EntityId = sqlx::query_scalar("select id from entity where name = 'thing-9'")
        .fetch_one(&mut t.owner().await)
        .await
        .unwrap();
    let mut actors = vec![
        t.person("Member", &[]).await,
        t.person("Dev", &[(RoleName::Developer, Some("payments"))]).await,
        t.person("Both", &[(RoleName::TeamLead, Some("search")), (RoleName::Developer, Some("platform"))]).await,
        t.person("Champion", &[(RoleName::SecurityChampion, None)]).await,
        t.person("Auditor", &[(RoleName::Auditor, None)]).await,
    ];
    let mut one = t.person("One", &[]).await;
    if let crate::authz::Who::Person(person) = &mut one.who {
        person.bindings.push(crate::authz::Binding {
            id: t.rng.id(&t.clock),
            role: RoleName::Developer,
            reach: crate::authz::Reach::Entity(thing),
        });
    }
    actors.push(one);
    let ids: Vec<model::EntityId> =
        sqlx::query_scalar("select id from entity").fetch_all(&mut t.owner().await).await.unwrap();
    let queries: Vec<Vec<(&str, &str)>> = vec![
        vec![],
        vec![("lifecycle", "experimental")],
        vec![("owner", "payments"), ("owner", "search")],
        vec![("tag", "t1"), ("q", "thing")],
        vec![("owner", "user:ada"), ("tag", "t2"), ("tag", "t3"), ("sort", "-updated")],
        vec![("tag", "nothing-has-this")],
    ];
    for actor in &actors {
        let mut allowed = BTreeMap::new();
        for id in &ids {
            let mut snapshot = t.snapshot(actor).await.unwrap();
            if let Ok(entity) = snapshot.read::<Entity>(ActionName::CatalogRead, *id).await {
                drop(snapshot);
                let text = entity.reference_text();
                allowed.insert(*id, see(&t, actor, &text).await.unwrap());
            }
        }
        for query in &queries {
            let list = listed(&t, actor, query).await;
            let filter = filter(query);
            let fits = |entity: &model::EntityDetail, except: Option<Facet>| {
                let has = |facet, values: &[String]| {
                    let wanted = filter.values(facet);
                    except == Some(facet) || wanted.is_empty() || wanted.iter().any(|wanted| values.contains(wanted))
                };
                let one = &entity.summary;
                let value = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
                has(Facet::Lifecycle, &value(&one.lifecycle))
                    && has(Facet::Owner, &value(&one.owner))
                    && has(Facet::Tag, &one.tags)
            };
            let expected: BTreeSet<_> =
                allowed.iter().filter(|(_, entity)| fits(entity, None)).map(|(id, _)| *id).collect();
            let shown: BTreeSet<_> = list.page.items.iter().map(|item| item.id).collect();
            assert_eq!(shown, expected, "{query:?}");
            assert_eq!(list.page.total.value, expected.len() as u64, "{query:?}");
            for facet in [Facet::Owner, Facet::Tag, Facet::Lifecycle] {
                let mut recount: BTreeMap<String, u64> =
                    filter.values(facet).into_iter().map(|value| (value, 0)).collect();
                for entity in allowed.values().filter(|entity| fits(entity, Some(facet))) {
                    let values = match facet {
                        Facet::Owner => entity.summary.owner.iter().cloned().collect(),
                        Facet::Tag => entity.summary.tags.clone(),
                        _ => entity.summary.lifecycle.iter().cloned().collect::<Vec<_>>(),
                    };
                    for value in values {
                        *recount.entry(value).or_default() += 1;
                    }
                }
                assert_eq!(counts(&list, facet), recount, "{query:?} {facet:?}");
            }
        }
    }
}

#[tokio::test]
async fn every_order_meets_every_row_once_forth_and_back() {
    let t = TestPortal::new().await;
    some_catalog(&t).await;
    t.clock.advance(Duration::minutes(1));
    read(&t, &component("thing-8", "platform", "  title: Later\n")).await;
    let auditor = t.person("Auditor", &[(RoleName::Auditor, None)]).await;
    for sort in ["name", "-name", "updated", "-updated"] {
        let filter = filter(&[("sort", sort)]);
        let ask = |cursor| PageRequest { cursor, size: Some(7) };
        let mut pages = vec![list(&t, &auditor, &filter, &ask(None)).await.unwrap().page];
        while let Some(next) = pages.last().unwrap().next.clone() {
            pages.push(list(&t, &auditor, &filter, &ask(Some(next))).await.unwrap().page);
        }
        let met: Vec<_> = pages.iter().flat_map(|page| page.items.iter().map(|item| item.id)).collect();
        assert_eq!(met.len(), 50, "{sort}");
        assert_eq!(met.iter().collect::<BTreeSet<_>>().len(), 50, "{sort}");
        let whole = listed(&t, &auditor, &[("sort", sort)]).await.page;
        assert_eq!(met, whole.items.iter().map(|item| item.id).collect::<Vec<_>>(), "{sort}");
        let last = pages.pop().unwrap();
        let back = list(&t, &auditor, &filter, &ask(last.previous)).await.unwrap().page;
        assert_eq!((&back.items, back.first), (&pages.last().unwrap().items, pages.last().unwrap().first), "{sort}");
    }
    let newest = listed(&t, &auditor, &[("sort", "-updated")]).await.page;
    assert_eq!(newest.items[0].shown_name(), "Later");
    let cursor =
        list(&t, &auditor, &filter(&[]), &PageRequest { cursor: None, size: Some(7) }).await.unwrap().page.next;
    let foreign = list(&t, &auditor, &filter(&[("sort", "updated")]), &PageRequest { cursor, size: None }).await;
    assert!(matches!(foreign, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn at_ten_thousand_entities_no_list_reads_the_whole_table() {
    let t = TestPortal::new().await;
    let mut owner = t.owner().await;
    sqlx::raw_sql(
        "insert into team (id, name, display_name, created_at)
         select gen_random_uuid(), 'team-' || n, 'Team ' || n, now() from generate_series(1, 60) n;
         insert into entity (id, kind, namespace, name, title, description, type, lifecycle, owner_ref, owner_id,
                             system_ref, restricted, tags, descriptor, created_at, updated_at)
         select gen_random_uuid(), (array['component', 'component', 'component', 'api', 'resource'])[1 + n % 5],
                'default', 'entity-' || n, initcap(md5(n::text)), repeat(md5((n * 7)::text) || ' ', 8),
                (array['service', 'website', 'library', 'batch'])[1 + n % 4],
                (array['production', 'experimental', 'deprecated'])[1 + n % 3],
                'group:default/team-' || (1 + n % 60), team.id, 'system:default/system-' || (n % 300), n % 40 = 0,
                array['tag-' || n % 200], '{}', now() - n * interval '1 minute', now() - n * interval '1 minute'
         from generate_series(1, 10000) n
         join team on team.name = 'team-' || (1 + n % 60);",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    // as autovacuum leaves a table
    sqlx::query("vacuum analyze entity").execute(&mut owner).await.unwrap();
    let actors = [
        t.person("Member", &[]).await,
        t.person("Dev", &[(RoleName::Developer, Some("team-7"))]).await,
        t.person("Auditor", &[(RoleName::Auditor, None)]).await,
    ];
    let queries: [&[(&str, &str)]; 8] = [
        &[],
        &[("kind", "api")],
        &[("type", "batch"), ("lifecycle", "deprecated")],
        &[("owner", "team-3")],
        &[("system", "system-9")],
        &[("tag", "tag-11")],
        &[("q", "9f61408e")],
        &[("q", "tag-11"), ("kind", "component")],
    ];
    for actor in &actors {
        let scope = t.policies.scope(actor, ActionName::CatalogRead);
        for query in queries {
            for sort in ["name", "-name", "updated", "-updated"] {
                let filter = filter(&[query, &[("sort", sort)]].concat());
                let mut statement = list_sql::statement("explain ", &scope, &filter, None, 51).unwrap();
                let plan: Vec<String> = statement
                    .build()
                    .fetch_all(&mut owner)
                    .await
                    .unwrap()
                    .into_iter()
                    .map(|row| row.get::<String, _>(0))
                    .collect();
                assert!(!plan.iter().any(|line| line.contains("Seq Scan on entity")), "{query:?} {sort} {plan:#?}");
            }
        }
    }
    let list = listed(&t, &actors[2], &[]).await;
    assert_eq!((list.page.items.len(), list.page.total.value, list.page.total.exact), (200, 10_000, true));
    assert_eq!(listed(&t, &actors[0], &[]).await.page.total.value, 9_750);
}
