//! Who owns what: cards, what nobody owns, and moving from one team to another.

use model::TeamId;

use super::*;
use crate::{
    catalog::ownership::{self, Why},
    identity::access,
};

async fn id_of(t: &TestPortal, text: &str) -> model::EntityId {
    let auditor = t.person("Aud", &[(RoleName::Auditor, None)]).await;
    see(t, &auditor, text).await.unwrap().summary.id
}

async fn owner_of(t: &TestPortal, text: &str) -> (Option<String>, Option<String>) {
    let auditor = t.person("Aud", &[(RoleName::Auditor, None)]).await;
    let shown = see(t, &auditor, text).await.unwrap();
    (shown.summary.team, shown.summary.owner)
}

struct Reorganised {
    t: TestPortal,
    lena: Actor,
    payments: TeamId,
    web: TeamId,
}

/// Payments with three components, and the team web.
async fn reorganised() -> Reorganised {
    let t = TestPortal::new().await;
    let lena = t.person("Lena", &[(RoleName::TeamLead, Some("payments"))]).await;
    t.person("Dana", &[(RoleName::Developer, Some("payments"))]).await;
    t.person("Wes", &[(RoleName::Developer, Some("web"))]).await;
    let all = ["one", "two", "three"].map(|name| component(name, "payments", ""));
    read(&t, &all.join("---\n")).await;
    let (payments, web) = (t.team("payments").await, t.team("web").await);
    Reorganised { t, lena, payments, web }
}

#[tokio::test]
async fn a_move_carries_what_belongs_to_things_and_stands_over_the_next_reading() {
    let Reorganised { t, lena, payments, web } = reorganised().await;
    let plan = ownership::move_plan(&t, &lena, Some(payments), Some(web)).await.unwrap();
    assert_eq!((plan.entities.len(), plan.leads), (3, true));
    assert_eq!(plan.gain.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Wes"]);
    assert_eq!(plan.lose.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Dana", "Lena"]);

    let one = id_of(&t, "component:default/one").await;
    let count = ownership::move_ownership(&t, &lena, payments, web, Some(&[one]), "One team now").await.unwrap();
    assert_eq!(count, 1);
    assert_eq!(owner_of(&t, "component:default/one").await, (Some("web".into()), Some("group:default/web".into())));
    assert_eq!(owner_of(&t, "component:default/two").await.0.as_deref(), Some("payments"));

    // described again, with another title and the old owner
    read(&t, &component("one", "payments", "  title: The first\n")).await;
    assert_eq!(owner_of(&t, "component:default/one").await, (Some("web".into()), Some("group:default/web".into())));
    let wes = t.person("Wes", &[(RoleName::Developer, Some("web"))]).await;
    let card = ownership::owner_card(&mut t.snapshot(&wes).await.unwrap(), one).await.unwrap();
    let moved = card.moved.unwrap();
    assert_eq!((moved.stated.as_deref(), moved.note.as_str()), (Some("payments"), "One team now"));
    let shown = see(&t, &wes, "component:default/one").await.unwrap();
    let owners: Vec<String> = shown.related(RelationType::OwnedBy).map(|other| other.target.to_string()).collect();
    assert_eq!(owners, ["group:default/web"], "the graph says the same");

    // until the descriptor says it itself; then it is the descriptor's again
    read(&t, &component("one", "web", "")).await;
    assert_eq!(t.count("select count(*) from ownership_override").await, 0);
    read(&t, &component("one", "payments", "")).await;
    assert_eq!(owner_of(&t, "component:default/one").await.0.as_deref(), Some("payments"));

    let events = history(&mut t.snapshot(&lena).await.unwrap(), &reference("component:default/one")).await.unwrap();
    let by_hand = events.iter().find(|event| event.by.as_deref() == Some("Lena")).unwrap();
    assert_eq!(by_hand.changes[0].before.as_deref(), Some("group:default/payments"));
}

#[tokio::test]
async fn only_a_lead_of_the_present_team_or_an_administrator_moves_what_it_owns() {
    let Reorganised { t, lena, payments, web } = reorganised().await;
    let dana = t.person("Dan", &[(RoleName::Developer, Some("payments"))]).await;
    let other = t.person("Otto", &[(RoleName::TeamLead, Some("web"))]).await;
    for actor in [&dana, &other] {
        let refused = ownership::move_ownership(&t, actor, payments, web, None, "mine").await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    }
    let root = administrator(&t).await;
    assert!(matches!(ownership::move_ownership(&t, &root, payments, web, None, " ").await, Err(Error::Invalid(_))));
    assert!(matches!(
        ownership::move_ownership(&t, &root, payments, payments, None, "x").await,
        Err(Error::Invalid(_))
    ));
    assert_eq!(ownership::move_ownership(&t, &root, payments, web, None, "all of it").await.unwrap(), 3);
    let nothing = ownership::move_ownership(&t, &lena, payments, web, None, "again").await;
    assert!(matches!(nothing, Err(Error::Invalid(_))), "{nothing:?}");
    assert_eq!(t.count("select count(*) from ownership_override").await, 3);
}

#[tokio::test]
async fn what_people_hold_a_role_on_is_moved_by_a_lead_of_the_present_team_alone() {
    let Reorganised { t, lena, payments, web } = reorganised().await;
    let two = id_of(&t, "component:default/two").await;
    sqlx::query(
        "insert into role_binding (id, person_id, role, entity_id, source, granted_at)
         select gen_random_uuid(), id, 'developer', $1, 'administrator', now() from person where display_name = 'Wes'",
    )
    .bind(two.0)
    .execute(&mut t.owner().await)
    .await
    .unwrap();
    let root = administrator(&t).await;
    let refused = ownership::move_ownership(&t, &root, payments, web, None, "all").await;
    assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains("a lead of payments")), "{refused:?}");
    let plan = ownership::move_plan(&t, &root, Some(payments), None).await.unwrap();
    assert_eq!(plan.entities.iter().filter(|one| one.granted).count(), 1);
    assert_eq!(ownership::move_ownership(&t, &lena, payments, web, Some(&[two]), "agreed").await.unwrap(), 1);
}

#[tokio::test]
async fn what_nobody_owns_is_found_with_who_might_and_given_by_an_administrator() {
    let t = TestPortal::new().await;
    t.person("Pia", &[(RoleName::Developer, Some("payments"))]).await;
    let orphan = "apiVersion: backstage.io/v1alpha1\nkind: Resource\nmetadata: {name: disk}\nspec: {type: disk, owner: ghosts}\n";
    let lost = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: lost, annotations: {rampart.dev/codeowners: \"@acme/payments\"}}\nspec: {type: service, lifecycle: production, owner: empty}\n";
    let group =
        "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: empty}\nspec: {type: team, children: []}\n";
    let known = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: payments}\nspec: {type: team, children: []}\n";
    let user = component("user", "payments", "") + "  dependsOn: [\"resource:disk\"]\n";
    let hidden = component("hidden", "nobody", RESTRICTED);
    read(&t, &[orphan, lost, group, known, &user, &hidden].join("---\n")).await;
    let ada = t.person("Ada", &[]).await;
    let list = ownership::unowned(&t, &ada).await.unwrap();
    let told: Vec<(&str, Why, Option<&str>)> = list
        .entities
        .iter()
        .map(|one| (one.title.as_str(), one.why, one.suggested.as_ref().map(|it| it.because.as_str())))
        .collect();
    assert_eq!(
        told,
        [
            ("disk", Why::OwnerAbsent, Some("owns what stands beside it")),
            ("lost", Why::TeamEmpty, Some("its annotation rampart.dev/codeowners names them")),
        ],
        "what is hidden is not listed"
    );
    assert!(!list.may_give);

    let payments = t.team("payments").await;
    let disk = list.entities[0].id;
    let refused = ownership::give_ownership(&t, &ada, disk, payments, "they use it").await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let root = administrator(&t).await;
    ownership::give_ownership(&t, &root, disk, payments, "they use it").await.unwrap();
    assert_eq!(owner_of(&t, "resource:default/disk").await.0.as_deref(), Some("payments"));
    let again = ownership::give_ownership(&t, &root, disk, t.team("empty").await, "no").await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    let left = ownership::unowned(&t, &ada).await.unwrap();
    assert_eq!(left.entities.len(), 1);
}

#[tokio::test]
async fn a_team_is_shown_as_its_group_describes_it() {
    let t = TestPortal::new().await;
    let lena = t.person("Lena", &[(RoleName::TeamLead, Some("payments"))]).await;
    let group = |name: &str, more: &str, spec: &str| {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: {name}\n{more}spec:\n  type: team\n  children: []\n{spec}"
        )
    };
    let annotations = "  description: Takes the money.\n  annotations:\n    rampart.dev/chat: \"#payments\"\n    pagerduty.com/service-id: PXYZ\n";
    let all = [
        group("payments", annotations, "  parent: money\n  profile:\n    email: pay@example.com\n"),
        group("money", "", ""),
        group("cards", "", "  parent: payments\n"),
        component("till", "payments", "  annotations:\n    rampart.dev/on-call: https://duty.example.com/till\n"),
    ];
    read(&t, &all.join("---\n")).await;
    let payments = t.team("payments").await;
    let mut snapshot = t.snapshot(&lena).await.unwrap();
    let card = ownership::team_card(&mut snapshot, payments).await.unwrap();
    assert_eq!(card.description.as_deref(), Some("Takes the money."));
    assert_eq!(card.parents[0].1, "money");
    assert_eq!(card.children[0].1, "cards");
    let till = see(&t, &lena, "component:default/till").await.unwrap().summary.id;
    let card = ownership::owner_card(&mut snapshot, till).await.unwrap();
    let ways: Vec<&str> = card.contact.ways.iter().map(|way| way.text.as_str()).collect();
    assert_eq!(ways, ["#payments", "https://duty.example.com/till", "PXYZ", "pay@example.com"]);
    assert_eq!(card.contact.leads[0].name, "Lena");
}

#[tokio::test]
async fn those_who_lead_see_who_may_do_what_and_others_only_their_own_line() {
    let Reorganised { t, lena, .. } = reorganised().await;
    administrator(&t).await;
    let one = id_of(&t, "component:default/one").await;
    let all = access::of_entity(&mut t.snapshot(&lena).await.unwrap(), one).await.unwrap();
    let held = all.held.unwrap();
    let names: BTreeSet<&str> = held.iter().map(|one| one.person.name.as_str()).collect();
    assert!(names.is_superset(&BTreeSet::from(["Lena", "Dana", "Root"])) && !names.contains("Wes"), "{names:?}");
    assert_eq!(held[0].through, access::Through::Team, "the nearest first");
    assert!(all.everybody.contains(&"see a catalog entity"));
    let developer = &all.adds.iter().find(|(role, _)| *role == RoleName::Developer).unwrap().1;
    assert!(developer.contains(&"see findings") && !developer.contains(&"see a catalog entity"), "{developer:?}");

    let eve = t.person("Eve", &[]).await;
    let own = access::of_entity(&mut t.snapshot(&eve).await.unwrap(), one).await.unwrap();
    assert!(own.held.is_none() && own.my_roles.is_empty() && own.adds.is_empty());
    assert!(own.mine.iter().any(|(does, because)| *does == "see a catalog entity" && !because.is_empty()));
    assert!(!own.mine.iter().any(|(does, _)| *does == "see findings"));
}
