//! Stars, visits and views are their person's own, and show nobody what they may not see.

use model::SourceKind;
use time::Duration;

use super::*;
use crate::{
    authz::RoleName,
    catalog::{DescriptorFile, SourceName, import},
    testing::TestPortal,
};

async fn read(t: &TestPortal, name: &str, owner: &str, more: &str) {
    let administrator = t.person("Pat", &[(RoleName::PlatformAdministrator, None)]).await;
    let text = format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n{more}spec:\n  type: service\n  lifecycle: production\n  owner: {owner}\n"
    );
    let file = DescriptorFile { path: "catalog-info.yaml".to_owned(), bytes: text.into_bytes() };
    let source = SourceName { kind: SourceKind::Upload, name: name.to_owned() };
    import(t, &administrator, &source, vec![file]).await.unwrap();
}

fn named(name: &str) -> EntityRef {
    format!("component:default/{name}").parse().unwrap()
}

async fn entity(t: &TestPortal, actor: &Actor, name: &str) -> EntityId {
    catalog::named(&mut t.snapshot(actor).await.unwrap(), &named(name)).await.unwrap().id
}

fn names(marked: &[Marked]) -> Vec<&str> {
    marked.iter().map(|marked| marked.entity.name.as_str()).collect()
}

#[tokio::test]
async fn a_star_is_ones_own_and_says_what_changed_since_one_looked() {
    let t = TestPortal::new().await;
    let (ada, bea) = (t.person("Ada", &[]).await, t.person("Bea", &[]).await);
    read(&t, "alpha", "payments", "").await;
    read(&t, "beta", "payments", "").await;
    for name in ["alpha", "beta", "beta"] {
        star(&t, &ada, &named(name), true).await.unwrap();
    }
    visit(&t, &ada, entity(&t, &ada, "beta").await).await.unwrap();
    t.clock.advance(Duration::hours(1));
    read(&t, "beta", "payments", "  title: Beta two\n").await;

    let kept = starred(&mut t.snapshot(&ada).await.unwrap(), 10).await.unwrap();
    assert_eq!(names(&kept), ["beta", "alpha"], "what changed comes first");
    assert_eq!(kept.iter().map(|marked| marked.changed).collect::<Vec<_>>(), [true, false]);
    assert!(starred(&mut t.snapshot(&bea).await.unwrap(), 10).await.unwrap().is_empty());
    star(&t, &ada, &named("beta"), false).await.unwrap();
    assert_eq!(names(&starred(&mut t.snapshot(&ada).await.unwrap(), 10).await.unwrap()), ["alpha"]);
    assert!(matches!(star(&t, &ada, &named("nothing"), true).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn looking_again_soon_is_the_same_visit() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    read(&t, "alpha", "payments", "").await;
    let alpha = entity(&t, &ada, "alpha").await;
    let looked = async || mark(&mut t.snapshot(&ada).await.unwrap(), alpha).await.unwrap();
    assert_eq!(looked().await, Mark { starred: false, looked_at: None, is_new_visit: true });
    let first = t.clock.now();
    visit(&t, &ada, alpha).await.unwrap();
    assert_eq!(looked().await, Mark { starred: false, looked_at: None, is_new_visit: false });

    t.clock.advance(Duration::hours(2));
    assert_eq!(looked().await.looked_at, Some(first));
    visit(&t, &ada, alpha).await.unwrap();
    t.clock.advance(Duration::minutes(10));
    assert_eq!(looked().await, Mark { starred: false, looked_at: Some(first), is_new_visit: true });
    visit(&t, &ada, alpha).await.unwrap();
    assert_eq!(looked().await.looked_at, Some(first), "still the second visit");
    assert_eq!(names(&seen(&mut t.snapshot(&ada).await.unwrap(), 5).await.unwrap()), ["alpha"]);
    t.clock.advance(Duration::days(91));
    sweep(&t).await.unwrap();
    assert!(seen(&mut t.snapshot(&ada).await.unwrap(), 5).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_one_may_not_see_any_more_leaves_ones_marks() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    read(&t, "alpha", "payments", "").await;
    star(&t, &ada, &named("alpha"), true).await.unwrap();
    visit(&t, &ada, entity(&t, &ada, "alpha").await).await.unwrap();
    read(&t, "alpha", "payments", "  annotations:\n    rampart.dev/restricted: \"true\"\n").await;
    let mut snapshot = t.snapshot(&ada).await.unwrap();
    assert!(starred(&mut snapshot, 10).await.unwrap().is_empty() && seen(&mut snapshot, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_view_is_ones_own_or_the_teams_and_a_name_is_there_once() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    let bea = t.person("Bea", &[(RoleName::Developer, Some("payments"))]).await;
    let eve = t.person("Eve", &[(RoleName::Developer, Some("search"))]).await;
    let team = teams(&ada).next().unwrap();
    let keep = async |actor: &Actor, name: &str, query: &str, team: Option<TeamId>| {
        let view = NewView { name: name.to_owned(), query: query.to_owned(), team };
        save_view(&t, actor, view).await
    };
    let shown = async |actor: &Actor| {
        let views = views(&mut t.snapshot(actor).await.unwrap()).await.unwrap();
        views.into_iter().map(|view| (view.name, view.query)).collect::<Vec<_>>()
    };
    let line = |name: &str, query: &str| (name.to_owned(), query.to_owned());

    keep(&ada, " Mine ", "kind=api", None).await.unwrap();
    keep(&ada, "mine", "kind=system", None).await.unwrap();
    keep(&ada, "Ours", "tag=pci", Some(team)).await.unwrap();
    assert_eq!(shown(&ada).await, [line("mine", "kind=system"), line("Ours", "tag=pci")]);
    assert_eq!(shown(&bea).await, [line("Ours", "tag=pci")]);
    assert_eq!(shown(&eve).await, []);
    assert_eq!(
        t.count("select count(*) from audit_record where action = 'view.share'").await,
        1,
        "own ones are not recorded"
    );

    assert!(matches!(keep(&eve, "Theirs", "", Some(team)).await, Err(Error::Forbidden { .. } | Error::NotFound(_))));
    for wrong in ["", "  ", &"x".repeat(61)] {
        assert!(matches!(keep(&ada, wrong, "", None).await, Err(Error::Invalid(_))), "{wrong:?}");
    }
    let ours = views(&mut t.snapshot(&bea).await.unwrap()).await.unwrap()[0].id;
    assert!(matches!(remove_view(&t, &eve, ours).await, Err(Error::NotFound(_))));
    assert_eq!(remove_view(&t, &bea, ours).await.unwrap(), "Ours");
    assert_eq!(shown(&ada).await, [line("mine", "kind=system")]);
}
