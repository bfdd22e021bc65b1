//! Roles as people hold them: given by hand, asked for, ended early, and over when their time is.

use model::access::RoleSource;
use time::Duration;

use super::access::{self, NewAccess};
use crate::{
    Error,
    authz::{Actor, Reach, RoleName},
    requests,
    testing::TestPortal,
};

const LEAD: RoleName = RoleName::TeamLead;
const DEVELOPER: RoleName = RoleName::Developer;
const ADMINISTRATOR: RoleName = RoleName::PlatformAdministrator;

/// `actor` becomes a developer of payments for a week, approved by `lead`.
async fn borrow(t: &TestPortal, actor: &Actor, lead: &Actor) {
    let reach = Reach::Team(t.team("payments").await);
    let new = NewAccess { role: DEVELOPER, reach, days: 7, reason: "on call".to_owned() };
    let number = access::request(t, actor, &new).await.unwrap();
    let hash = requests::detail(t, lead, number).await.unwrap().hash;
    requests::approve(t, lead, number, &hash, "").await.unwrap();
}

async fn mine(t: &TestPortal, actor: &Actor) -> Vec<model::access::HeldRole> {
    access::mine(&mut t.snapshot(actor).await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_role_that_was_asked_for_shows_where_it_is_from_and_when_it_ends() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[(DEVELOPER, Some("search"))]).await;
    borrow(&t, &ada, &lead).await;
    let held = mine(&t, &ada).await;
    let borrowed = held.iter().find(|role| role.source == RoleSource::Request).unwrap();
    assert_eq!((borrowed.place.as_deref(), borrowed.role_label.as_str()), (Some("payments"), "Developer"));
    assert_eq!(borrowed.expires_at, Some(t.clock.now() + Duration::days(7)));
    assert!(borrowed.may_end && borrowed.request.is_some());
    let own = held.iter().find(|role| role.source == RoleSource::Provider).unwrap();
    assert!(!own.may_end, "the provider would give it again");

    let payments = t.team("payments").await;
    let team = access::of_team(&mut t.snapshot(&lead).await.unwrap(), payments).await.unwrap();
    assert_eq!(team.iter().map(|role| role.person.name.as_str()).collect::<Vec<_>>(), ["Ada", "Lena"]);
}

#[tokio::test]
async fn a_role_ends_early_by_its_holder_or_a_lead_and_by_nobody_else() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let stranger = t.person("Otto", &[(LEAD, Some("search"))]).await;
    for name in ["Ada", "Bea"] {
        let person = t.person(name, &[]).await;
        borrow(&t, &person, &lead).await;
        let id = mine(&t, &person).await[0].id;
        assert!(matches!(access::end(&t, &stranger, id).await, Err(Error::Forbidden(_))));
        let by = if name == "Ada" { &person } else { &lead };
        access::end(&t, by, id).await.unwrap();
        assert!(matches!(access::end(&t, by, id).await, Err(Error::Conflict(_))), "once");
        assert_eq!(mine(&t, &person).await, []);
    }
    assert_eq!(
        t.count("select count(*) from notice where title like 'You are no longer%'").await,
        1,
        "only Bea is told"
    );
}

#[tokio::test]
async fn a_role_whose_time_is_over_is_ended_once_and_on_the_record() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[]).await;
    borrow(&t, &ada, &lead).await;
    t.clock.advance(Duration::days(7));
    assert_eq!(mine(&t, &ada).await, [], "at that moment, before any job");
    access::sweep(&t).await.unwrap();
    access::sweep(&t).await.unwrap();
    assert_eq!(t.count("select count(*) from role_binding where ended_at is not null").await, 1);
    assert_eq!(t.count("select count(*) from audit_record where action = 'role.end'").await, 1);
    assert_eq!(t.count("select count(*) from notice where title like 'You are no longer%'").await, 1);
}

#[tokio::test]
async fn what_the_provider_gives_only_the_provider_takes() {
    let t = TestPortal::new().await;
    let administrator = t.person("Root", &[(ADMINISTRATOR, None)]).await;
    let ada = t.person("Ada", &[(DEVELOPER, Some("payments"))]).await;
    let id = mine(&t, &ada).await[0].id;
    let refused = access::end(&t, &administrator, id).await;
    assert!(matches!(&refused, Err(Error::Conflict(reason)) if reason.contains("group there")), "{refused:?}");
}

#[tokio::test]
async fn the_same_role_is_not_asked_for_twice() {
    let t = TestPortal::new().await;
    t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[(DEVELOPER, Some("payments"))]).await;
    let reach = Reach::Team(t.team("payments").await);
    let new = NewAccess { role: DEVELOPER, reach, days: 7, reason: "again".to_owned() };
    assert!(matches!(access::request(&t, &ada, &new).await, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn a_role_on_one_service_is_decided_by_its_owners_lead() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[]).await;
    let service = t.service("payments-api", "payments").await;
    let new = NewAccess { role: DEVELOPER, reach: Reach::Entity(service), days: 1, reason: "a bug".to_owned() };
    let number = access::request(&t, &ada, &new).await.unwrap();
    let hash = requests::detail(&t, &lead, number).await.unwrap().hash;
    requests::approve(&t, &lead, number, &hash, "").await.unwrap();
    let held = &mine(&t, &ada).await[0];
    assert_eq!(held.href.as_deref(), Some("/catalog/component/default/payments-api"));
}

#[tokio::test]
async fn a_service_that_one_may_not_see_cannot_be_asked_for() {
    let t = TestPortal::new().await;
    t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[]).await;
    let service = t.service("secret", "payments").await;
    sqlx::query("update entity set restricted = true").execute(&mut t.owner().await).await.unwrap();
    let new = NewAccess { role: DEVELOPER, reach: Reach::Entity(service), days: 1, reason: "curious".to_owned() };
    assert!(matches!(access::request(&t, &ada, &new).await, Err(Error::NotFound(_))));
    sqlx::query("update entity set owner_id = null, restricted = false").execute(&mut t.owner().await).await.unwrap();
    let refused = access::request(&t, &ada, &new).await;
    assert!(
        matches!(&refused, Err(Error::Invalid(errors)) if errors[0].message.contains("nobody owns")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn leads_name_developers_and_administrators_name_the_rest() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let administrator = t.person("Root", &[(ADMINISTRATOR, None)]).await;
    let ada = t.person("Ada", &[]).await.person_id().unwrap();
    let (payments, search) = (t.team("payments").await, t.team("search").await);
    let give = |actor: &Actor, role, team| {
        let (t, actor) = (&t, actor.clone());
        async move { access::give(t, &actor, ada, role, team, None).await.map(|_| ()) }
    };
    give(&lead, DEVELOPER, Some(payments)).await.unwrap();
    assert!(matches!(give(&lead, DEVELOPER, Some(payments)).await, Err(Error::Conflict(_))), "held already");
    assert!(matches!(give(&lead, DEVELOPER, Some(search)).await, Err(Error::Forbidden(_))), "another team");
    for role in [RoleName::SecurityChampion, ADMINISTRATOR, RoleName::Auditor] {
        let team = (role == RoleName::SecurityChampion).then_some(payments);
        assert!(matches!(give(&lead, role, team).await, Err(Error::Forbidden(_))), "{role:?}");
        give(&administrator, role, team).await.unwrap();
    }
    for (role, team) in [(DEVELOPER, None), (RoleName::Auditor, Some(payments)), (RoleName::Member, None)] {
        assert!(matches!(give(&administrator, role, team).await, Err(Error::Invalid(_))), "{role:?}");
    }
    assert_eq!(t.count("select count(*) from notice where title like 'You are now%'").await, 4);
}

#[tokio::test]
async fn nobody_gives_a_role_to_themselves() {
    let t = TestPortal::new().await;
    let administrator = t.person("Root", &[(ADMINISTRATOR, None)]).await;
    let payments = t.team("payments").await;
    let own = administrator.person_id().unwrap();
    let refused = access::give(&t, &administrator, own, LEAD, Some(payments), None).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

#[tokio::test]
async fn people_are_found_by_address_or_id_and_doubt_is_said() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    let id = ada.person_id().unwrap();
    assert_eq!(access::person_named(&t, &ada, " ADA@example.com ").await.unwrap(), id);
    assert_eq!(access::person_named(&t, &ada, &id.to_string()).await.unwrap(), id);
    assert!(matches!(access::person_named(&t, &ada, "nobody@example.com").await, Err(Error::Invalid(_))));
    t.person("Ada", &[]).await;
    let doubt = access::person_named(&t, &ada, "ada@example.com").await;
    assert!(matches!(&doubt, Err(Error::Invalid(errors)) if errors[0].message.contains("more than one")), "{doubt:?}");
}

#[tokio::test]
async fn what_cannot_be_asked_for_says_who_gives_it() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    let form = access::form(&t, &ada, Some(ADMINISTRATOR), None).await.unwrap();
    assert!(form.ask_instead.unwrap().contains("by hand"));
    assert_eq!(form.roles.len(), 3);
}
