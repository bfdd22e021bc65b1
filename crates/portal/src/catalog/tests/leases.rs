//! A source holds what it claims: what becomes of what it lets go of.

use model::entity::{Did, SourceState};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::*;

const UPLOADED: &str = "team-descriptors";

fn named(name: &str) -> SourceName {
    SourceName { kind: SourceKind::Upload, name: name.to_owned() }
}

async fn read_as(t: &TestPortal, source: &str, files: Vec<DescriptorFile>) -> ImportReport {
    import(t, &t.system(), &named(source), files).await.unwrap()
}

fn pay() -> DescriptorFile {
    file("pay.yaml", &component("pay", "payments", ""))
}

fn ship() -> DescriptorFile {
    file("ship.yaml", &component("ship", "shipping", ""))
}

async fn binned(t: &TestPortal, actor: &Actor) -> Vec<String> {
    let page = bin::bin(t, actor, &PageRequest::default()).await.unwrap();
    page.items.into_iter().map(|one| one.reference.name).collect()
}

#[tokio::test]
async fn what_a_source_lists_no_more_is_in_the_bin_and_nowhere_else() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[(RoleName::Developer, Some("shipping"))]).await;
    let bob = t.person("Bob", &[(RoleName::Developer, Some("payments"))]).await;
    read_as(&t, UPLOADED, vec![pay(), ship()]).await;
    t.clock.advance(Duration::hours(1));
    let report = read_as(&t, UPLOADED, vec![pay()]).await;
    assert_eq!(report.binned, [reference("component:default/ship")]);

    assert_eq!(names(&t, &ada, &[]).await, ["pay"]);
    assert_eq!(counts(&listed(&t, &ada, &[]).await, Facet::Owner).len(), 1);
    assert!(!export(&t, &ada, &filter(&[])).await.unwrap().contains("ship"));
    let found = suggest(&mut t.snapshot(&ada).await.unwrap(), "ship", 5).await.unwrap();
    assert!(found.iter().all(|one| one.kind != "component"), "{found:?}");

    let ship = see(&t, &ada, "component:default/ship").await.unwrap();
    let gone = ship.binned.expect("its own page says so");
    assert!(gone.because.contains(UPLOADED) && gone.until - gone.since == Duration::days(30), "{gone:?}");
    assert_eq!(binned(&t, &ada).await, ["ship"]);
    let told = crate::notifications::list(&t, &ada, &PageRequest::default()).await.unwrap();
    assert_eq!(told.items.into_iter().map(|notice| notice.title).collect::<Vec<_>>(), ["ship is in the bin"]);
    let others = crate::notifications::list(&t, &bob, &PageRequest::default()).await.unwrap();
    assert!(others.items.is_empty(), "only its owner's team is told");
}

#[tokio::test]
async fn described_again_it_comes_back_with_its_history() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    read_as(&t, UPLOADED, vec![pay(), ship()]).await;
    let before = see(&t, &ada, "component:default/ship").await.unwrap();
    for _ in 0..2 {
        t.clock.advance(Duration::hours(1));
        read_as(&t, UPLOADED, vec![pay()]).await;
    }
    t.clock.advance(Duration::hours(1));
    let back = read_as(&t, UPLOADED, vec![pay(), ship()]).await;
    assert_eq!(back.updated, [reference("component:default/ship")]);
    let after = see(&t, &ada, "component:default/ship").await.unwrap();
    assert_eq!((after.summary.id, after.binned), (before.summary.id, None));
    assert_eq!(names(&t, &ada, &[]).await, ["pay", "ship"]);
    let told = history(&mut t.snapshot(&ada).await.unwrap(), &reference("component:default/ship")).await.unwrap();
    assert_eq!(
        told.iter().map(|event| event.what).collect::<Vec<_>>(),
        [EntityEventKind::Restored, EntityEventKind::Binned, EntityEventKind::Created]
    );
}

#[tokio::test]
async fn another_source_may_describe_what_is_in_the_bin() {
    let t = TestPortal::new().await;
    read_as(&t, UPLOADED, vec![pay(), ship()]).await;
    read_as(&t, UPLOADED, vec![pay()]).await;
    let report = read_as(&t, "another", vec![ship()]).await;
    assert_eq!((report.updated.len(), report.errors.len()), (1, 0), "{report:?}");
    let ship = see(&t, &t.person("Ada", &[]).await, "component:default/ship").await.unwrap();
    assert_eq!(ship.origin.unwrap().source, "another");
}

#[tokio::test]
async fn what_is_sent_without_naming_a_source_only_adds() {
    let t = TestPortal::new().await;
    read(&t, &component("pay", "payments", "")).await;
    read(&t, &component("ship", "shipping", "")).await;
    assert_eq!(names(&t, &t.person("Ada", &[]).await, &[]).await, ["pay", "ship"]);
}

#[tokio::test]
async fn a_wrong_document_bins_nothing_that_it_may_have_described() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    let two = |second: &str| format!("{}---\n{second}", component("pay", "payments", ""));
    let right = two(&component("ship", "shipping", ""));
    read_as(&t, UPLOADED, vec![file("two.yaml", &right), file("other.yaml", &component("lone", "x", ""))]).await;
    for wrong in [
        // breaks a rule, and still says what it is
        two(&component("ship", "shipping", "").replace("  lifecycle: production\n", "")),
        // another name that is none
        two(&component("not a name", "shipping", "")),
        // no kind that is known
        two(&component("ship", "shipping", "").replace("kind: Component", "kind: Componnt")),
        // no YAML at all
        two("apiVersion: [\n"),
        "{{ template }}: [".to_owned(),
    ] {
        let report =
            read_as(&t, UPLOADED, vec![file("two.yaml", &wrong), file("other.yaml", &component("lone", "x", ""))])
                .await;
        assert!(!report.errors.is_empty() && report.binned.is_empty(), "{wrong}\n{report:?}");
        assert_eq!(names(&t, &ada, &[]).await, ["lone", "pay", "ship"], "{wrong}");
    }
    // a document that is wrong elsewhere keeps nothing that is really gone
    let broken = component("pay", "payments", "").replace("  lifecycle: production\n", "");
    let report =
        read_as(&t, UPLOADED, vec![file("two.yaml", &broken), file("other.yaml", &component("lone", "x", ""))]).await;
    assert_eq!(report.binned, [reference("component:default/ship")], "{report:?}");
}

#[tokio::test]
async fn the_first_of_two_sources_keeps_an_entity_and_the_second_gets_it_instead_of_the_bin() {
    let t = TestPortal::new().await;
    let root = administrator(&t).await;
    read_as(&t, "first", vec![pay(), ship()]).await;
    let theirs = file("theirs.yaml", &component("ship", "pirates", ""));
    let report = read_as(&t, "second", vec![theirs.clone()]).await;
    assert!(report.errors[0].reason.contains("first"), "{report:?}");

    let all = sources(&t, &root).await.unwrap();
    for source in &all {
        assert_eq!((source.conflicts, source.state), (1, SourceState::Wrong), "both show it: {source:?}");
        let shown = super::source(&t, &root, source.id).await.unwrap();
        let conflict = &shown.conflicts[0];
        assert_eq!(conflict.wanted_by.source, "second");
        assert_eq!(conflict.held_by.as_ref().unwrap().file, "ship.yaml");
    }
    let ship = see(&t, &root, "component:default/ship").await.unwrap();
    assert_eq!((ship.also_described.len(), ship.summary.team.as_deref()), (1, Some("shipping")));

    let report = read_as(&t, "first", vec![pay()]).await;
    assert_eq!(report.binned, [], "the second has it");
    let ship = see(&t, &root, "component:default/ship").await.unwrap();
    assert_eq!((ship.binned, ship.also_described.len()), (None, 0));
    let report = read_as(&t, "second", vec![theirs]).await;
    assert_eq!((report.updated.len(), report.errors.len()), (1, 0), "{report:?}");
    let ship = see(&t, &root, "component:default/ship").await.unwrap();
    assert_eq!((ship.origin.unwrap().source.as_str(), ship.summary.team.as_deref()), ("second", Some("pirates")));
    let all = sources(&t, &root).await.unwrap();
    assert!(all.iter().all(|source| source.conflicts == 0 && source.state == SourceState::Fine), "{all:?}");
    let did = all.iter().find(|source| source.name == "second").unwrap().did;
    assert_eq!(did, Some(Did { updated: 1, ..Did::default() }));
}

#[tokio::test]
async fn restored_by_hand_it_stays_and_after_thirty_days_the_rest_is_deleted() {
    let t = TestPortal::new().await;
    let root = administrator(&t).await;
    let ada = t.person("Ada", &[]).await;
    let lone = || file("lone.yaml", &component("lone", "x", ""));
    read_as(&t, UPLOADED, vec![pay(), ship(), lone()]).await;
    read_as(&t, UPLOADED, vec![lone()]).await;
    let pay = reference("component:default/pay");
    assert!(matches!(bin::restore(&t, &ada, &pay).await, Err(Error::Forbidden(_))));
    bin::restore(&t, &root, &pay).await.unwrap();
    assert!(matches!(bin::restore(&t, &root, &pay).await, Err(Error::Conflict(_))));
    read_as(&t, UPLOADED, vec![lone()]).await;
    assert_eq!(names(&t, &ada, &[]).await, ["lone", "pay"], "no source holds it, so none lets it go");

    t.clock.advance(Duration::days(29));
    bin::sweep(&t).await.unwrap();
    assert_eq!(binned(&t, &ada).await, ["ship"]);
    t.clock.advance(Duration::days(2));
    bin::sweep(&t).await.unwrap();
    assert_eq!(binned(&t, &ada).await, [""; 0]);
    assert!(matches!(see(&t, &ada, "component:default/ship").await, Err(Error::NotFound(_))));
    assert_eq!(t.count("select count(*) from entity").await, 2);

    bin::discard(&t, &root, &pay).await.unwrap();
    assert_eq!((binned(&t, &ada).await, names(&t, &ada, &[]).await), (vec!["pay".to_owned()], vec!["lone".to_owned()]));
}

#[tokio::test]
async fn the_bin_shows_no_more_than_one_may_see() {
    let t = TestPortal::new().await;
    let vault = file("vault.yaml", &component("vault", "payments", RESTRICTED));
    read_as(&t, UPLOADED, vec![pay(), vault]).await;
    read_as(&t, UPLOADED, vec![ship()]).await;
    let payer = t.person("Pay", &[(RoleName::Developer, Some("payments"))]).await;
    assert_eq!(binned(&t, &t.person("Ada", &[]).await).await, ["pay"]);
    assert_eq!(binned(&t, &payer).await.len(), 2);
}

#[tokio::test]
async fn who_names_what_is_not_there_is_told_to_those_who_may_see_them() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    let hidden = component("vault", "payments", RESTRICTED) + "  dependsOn: [resource:orders-db]\n";
    read(&t, &format!("{SHOP}---\n{hidden}")).await;
    let database = reference("resource:default/orders-db");
    let seen = naming(&mut t.snapshot(&ada).await.unwrap(), &database).await.unwrap();
    assert_eq!(seen.iter().map(|one| one.target.to_string()).collect::<Vec<_>>(), ["component:default/checkout"]);
    let payer = t.person("Pay", &[(RoleName::Developer, Some("payments"))]).await;
    assert_eq!(naming(&mut t.snapshot(&payer).await.unwrap(), &database).await.unwrap().len(), 2);
}

#[test]
fn the_order_of_files_changes_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let files = vec![
        file("a.yaml", SHOP),
        file("b.yaml", &component("pay", "payments", "")),
        file("c.yaml", &component("pay", "thieves", "")),
        file("d.yaml", &component("broken", "x", "").replace("  lifecycle: production\n", "")),
        file(
            "e.yaml",
            "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: payments\nspec:\n  type: team\n  children: []\n",
        ),
        file("b.yaml", &component("ship", "payments", "")),
    ];
    let mut expected = None;
    let mut runner = TestRunner::new(ProptestConfig { cases: 4, ..ProptestConfig::default() });
    let order = Just(files).prop_shuffle();
    for _ in 0..4 {
        let files = order.new_tree(&mut runner).unwrap().current();
        let found = runtime.block_on(async {
            let t = TestPortal::new().await;
            let report = import(&t, &t.system(), &named(UPLOADED), files).await.unwrap();
            let kept: String = sqlx::query_scalar(
                "select string_agg(kind || name || coalesce(owner_ref, '') || source_file || source_line, ' ' order by kind, name)
                 from entity",
            )
            .fetch_one(&mut t.owner().await)
            .await
            .unwrap();
            (kept, report)
        });
        assert_eq!(*expected.get_or_insert_with(|| found.clone()), found);
    }
}

#[tokio::test]
async fn a_reading_that_ends_before_its_commit_leaves_what_the_next_one_makes_right() {
    let t = TestPortal::new().await;
    read_as(&t, UPLOADED, vec![pay(), ship()]).await;
    let other = || vec![pay(), file("new.yaml", &component("new", "payments", ""))];
    for steps in 0..40 {
        // dropped after so many polls: as where the process dies there
        let portal = t.portal.clone();
        let system = t.system();
        let source = named(UPLOADED);
        let reading = import(&portal, &system, &source, other());
        let mut reading = std::pin::pin!(reading);
        for _ in 0..steps {
            tokio::select! {
                biased;
                _ = &mut reading => break,
                () = tokio::task::yield_now() => {}
            }
        }
    }
    read_as(&t, UPLOADED, other()).await;
    let ada = t.person("Ada", &[]).await;
    assert_eq!(names(&t, &ada, &[]).await, ["new", "pay"]);
    assert_eq!(binned(&t, &ada).await, ["ship"]);
    assert_eq!(t.count("select count(*) from entity_event where what = 'binned'").await, 1, "and once");
}
