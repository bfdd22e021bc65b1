//! Requests as people meet them: asked, decided, carried out, and never anything but what was shown.

use std::sync::Arc;

use model::{
    page::PageRequest,
    request::{Inbox, RequestDetail, RequestNumber, RequestState},
};
use time::{Duration, OffsetDateTime};
use tokio::sync::Barrier;

use super::{approve, decline, detail, list, sweep, withdraw};
use crate::{
    Db, Error, Portal,
    authz::{ActionName, Actor, Reach, RoleName},
    error::Result,
    identity::{
        self,
        access::{self, NewAccess},
    },
    requests::{AccessPayload, Approvers, Payload, Stage, effects::NewRequest},
    testing::TestPortal,
};

const LEAD: RoleName = RoleName::TeamLead;
const DEVELOPER: RoleName = RoleName::Developer;
const CHAMPION: RoleName = RoleName::SecurityChampion;

/// `actor` asks to become a developer of payments for a week.
async fn ask(t: &TestPortal, actor: &Actor) -> RequestNumber {
    ask_for(t, actor, DEVELOPER).await.unwrap()
}

async fn ask_for(t: &TestPortal, actor: &Actor, role: RoleName) -> Result<RequestNumber> {
    let reach = Reach::Team(t.team("payments").await);
    access::request(t, actor, &NewAccess { role, reach, days: 7, reason: "on call this week".to_owned() }).await
}

async fn shown(t: &TestPortal, actor: &Actor, number: RequestNumber) -> RequestDetail {
    detail(t, actor, number).await.unwrap()
}

/// Approves what the actor sees now.
async fn look_and_approve(t: &TestPortal, actor: &Actor, number: RequestNumber) -> Result<RequestState> {
    let seen = shown(t, actor, number).await.hash;
    approve(t, actor, number, &seen, "").await
}

/// Whether somebody holds a role in payments at that moment.
async fn holds(t: &TestPortal, name: &str, at: OffsetDateTime) -> bool {
    let payments = t.team("payments").await;
    let holders = identity::effects::holders(&mut t.owner().await, &[payments], at).await.unwrap();
    holders.iter().any(|holder| holder.name == name)
}

async fn roles_given(t: &TestPortal) -> i64 {
    t.count("select count(*) from role_binding where source = 'request'").await
}

#[tokio::test]
async fn the_last_approval_needed_gives_the_role_for_as_long_as_was_asked() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[(DEVELOPER, Some("search"))]).await;
    let number = ask(&t, &ada).await;
    assert_eq!(roles_given(&t).await, 0);
    let request = shown(&t, &lead, number).await;
    assert_eq!(request.asks[0], ("Role".to_owned(), "Developer".to_owned()));
    assert!(request.may_approve && !request.may_withdraw, "{request:?}");
    assert_eq!(approve(&t, &lead, number, &request.hash, "welcome").await.unwrap(), RequestState::Fulfilled);

    let now = t.clock.now();
    assert!(holds(&t, "Ada", now).await && holds(&t, "Ada", now + Duration::days(7) - Duration::seconds(1)).await);
    assert!(!holds(&t, "Ada", now + Duration::days(7)).await, "it counts no longer, whether or not a job has run");
}

#[tokio::test]
async fn a_role_that_decides_about_others_needs_the_lead_and_a_champion() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let champion = t.person("Chris", &[(CHAMPION, None)]).await;
    let ada = t.person("Ada", &[]).await;
    let number = ask_for(&t, &ada, LEAD).await.unwrap();
    assert_eq!(look_and_approve(&t, &champion, number).await.unwrap(), RequestState::Pending);
    let request = shown(&t, &ada, number).await;
    assert_eq!(request.row.waits_for, ["leads of payments"]);
    assert_eq!(request.stages[1].approved[0].name, "Chris");
    assert_eq!(request.stages[0].can[0].name, "Lena");
    assert_eq!(look_and_approve(&t, &lead, number).await.unwrap(), RequestState::Fulfilled);
}

#[tokio::test]
async fn nobody_approves_their_own_request() {
    let t = TestPortal::new().await;
    t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let both = t.person("Bo", &[(LEAD, Some("payments"))]).await;
    let number = ask(&t, &both).await;
    let request = shown(&t, &both, number).await;
    assert!(!request.may_approve && request.may_withdraw);
    let refused = approve(&t, &both, number, &request.hash, "").await;
    let Err(Error::Forbidden(denial)) = refused else { panic!("{refused:?}") };
    assert!(denial.missing.contains("their own") || denial.missing.contains("of their own"), "{denial:?}");
}

#[tokio::test]
async fn administrators_auditors_and_other_leads_do_not_approve() {
    let t = TestPortal::new().await;
    t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[]).await;
    let number = ask(&t, &ada).await;
    let hash = shown(&t, &ada, number).await.hash;
    for role in [RoleName::PlatformAdministrator, RoleName::Auditor] {
        let actor = t.person(role.label(), &[(role, None)]).await;
        let refused = approve(&t, &actor, number, &hash, "").await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{role:?}: {refused:?}");
        assert!(!shown(&t, &actor, number).await.may_approve);
    }
    let other = t.person("Otto", &[(LEAD, Some("search"))]).await;
    assert!(matches!(approve(&t, &other, number, &hash, "").await, Err(Error::NotFound(_))), "not even known");
    let champion = t.person("Chris", &[(CHAMPION, None)]).await;
    let refused = approve(&t, &champion, number, &hash, "").await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "the policy lets champions, this request does not: {refused:?}");
    assert_eq!(roles_given(&t).await, 0);
}

#[tokio::test]
async fn a_request_that_nobody_could_approve_is_refused_with_what_to_do() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[(LEAD, Some("payments"))]).await;
    t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await;
    let refused = ask_for(&t, &ada, DEVELOPER).await;
    let Err(Error::Invalid(errors)) = refused else { panic!("{refused:?}") };
    let message = &errors[0].message;
    for said in ["leads of payments", "administrators do not approve", "can name a team lead"] {
        assert!(message.contains(said), "{message}");
    }
    assert_eq!(t.count("select count(*) from request").await, 0, "nothing waits for its end");
}

#[tokio::test]
async fn an_approval_is_bound_to_what_the_approver_saw() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[]).await;
    let (first, second) = (ask(&t, &ada).await, ask(&t, &t.person("Bea", &[]).await).await);
    let other = shown(&t, &lead, second).await.hash;
    let refused = approve(&t, &lead, first, &other, "").await;
    assert!(refused.as_ref().is_err_and(|error| error.to_string().contains("changed since you looked")), "{refused:?}");
    for nonsense in ["", "zz", &other[..60]] {
        assert!(matches!(approve(&t, &lead, first, nonsense, "").await, Err(Error::Invalid(_))), "{nonsense:?}");
    }
}

#[tokio::test]
async fn one_changed_byte_in_the_database_stops_everything() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let champion = t.person("Chris", &[(CHAMPION, None)]).await;
    let ada = t.person("Ada", &[]).await;
    let number = ask_for(&t, &ada, LEAD).await.unwrap();
    let seen = shown(&t, &lead, number).await.hash;
    look_and_approve(&t, &champion, number).await.unwrap();

    let mut owner = t.owner().await;
    let document: Vec<u8> = sqlx::query_scalar("select document from request").fetch_one(&mut owner).await.unwrap();
    for place in (0..document.len()).step_by(29) {
        let mut changed = document.clone();
        changed[place] ^= 1;
        sqlx::query("update request set document = $1").bind(&changed).execute(&mut owner).await.unwrap();
        let refused = approve(&t, &lead, number, &seen, "").await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "byte {place}: {refused:?}");
    }
    assert!(matches!(detail(&t, &lead, number).await, Err(Error::Conflict(_))), "nor is it shown");

    // who changes the hash as well, changes what the first approver approved
    let longer = String::from_utf8(document.clone()).unwrap().replace("\"days\":7", "\"days\":30");
    sqlx::query("update request set document = $1, hash = sha256($1)")
        .bind(longer.as_bytes())
        .execute(&mut owner)
        .await
        .unwrap();
    let refused = look_and_approve(&t, &lead, number).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(roles_given(&t).await, 0);

    sqlx::query("update request set document = $1, hash = sha256($1)")
        .bind(&document)
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(approve(&t, &lead, number, &seen, "").await.unwrap(), RequestState::Fulfilled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_approvals_at_once_make_exactly_one_transition() {
    let t = TestPortal::new().await;
    let mut leads = Vec::new();
    for n in 0..50 {
        leads.push(t.person(&format!("Lead {n}"), &[(LEAD, Some("payments"))]).await);
    }
    let ada = t.person("Ada", &[]).await;
    let number = ask(&t, &ada).await;
    let hash = shown(&t, &ada, number).await.hash;
    // each from a process of its own, as far as Postgres knows, and all at the same moment
    let start = Arc::new(Barrier::new(leads.len()));
    let tasks: Vec<_> = leads
        .into_iter()
        .map(|lead| {
            let portal = Portal { db: Db::connect(&t.database_url()).unwrap(), ..t.portal.clone() };
            let (start, hash) = (Arc::clone(&start), hash.clone());
            tokio::spawn(async move {
                portal.ready().await.unwrap();
                start.wait().await;
                approve(&portal, &lead, number, &hash, "").await
            })
        })
        .collect();
    let mut approved = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(state) => {
                assert_eq!(state, RequestState::Fulfilled);
                approved += 1;
            }
            Err(Error::Conflict(reason)) => assert!(reason.contains("already"), "{reason}"),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((approved, roles_given(&t).await), (1, 1));
    assert_eq!(t.count("select count(*) from request_event where kind = 'approved'").await, 1);
    assert_eq!(t.count("select count(*) from audit_record where action = 'request.approve'").await, 1);
}

#[tokio::test]
async fn a_declined_request_says_why_and_gives_nothing() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[]).await;
    let number = ask(&t, &ada).await;
    assert!(matches!(decline(&t, &lead, number, "  ").await, Err(Error::Invalid(_))), "without a reason");
    decline(&t, &lead, number, "ask your own lead first").await.unwrap();
    let request = shown(&t, &ada, number).await;
    assert_eq!(request.row.state, RequestState::Declined);
    assert_eq!(request.history.last().unwrap().note, "ask your own lead first");
    assert!(matches!(look_and_approve(&t, &lead, number).await, Err(Error::Conflict(_))));
    assert_eq!(roles_given(&t).await, 0);
}

#[tokio::test]
async fn only_the_one_who_asked_takes_a_request_back() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[]).await;
    let number = ask(&t, &ada).await;
    assert!(matches!(withdraw(&t, &lead, number).await, Err(Error::Forbidden(_))));
    withdraw(&t, &ada, number).await.unwrap();
    assert!(matches!(withdraw(&t, &ada, number).await, Err(Error::Conflict(_))), "once");
    assert_eq!(shown(&t, &lead, number).await.row.state, RequestState::Withdrawn);
}

#[tokio::test]
async fn what_nobody_decides_ends_after_fourteen_days() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[]).await;
    let number = ask(&t, &ada).await;
    t.clock.advance(Duration::days(14) - Duration::seconds(1));
    sweep(&t).await.unwrap();
    assert_eq!(shown(&t, &ada, number).await.row.state, RequestState::Pending);
    t.clock.advance(Duration::seconds(1));
    assert!(matches!(look_and_approve(&t, &lead, number).await, Err(Error::Conflict(_))), "too late, swept or not");
    sweep(&t).await.unwrap();
    sweep(&t).await.unwrap();
    assert_eq!(shown(&t, &ada, number).await.row.state, RequestState::Expired);
    assert_eq!(t.count("select count(*) from request_event where kind = 'expired'").await, 1);
    assert_eq!(t.count("select count(*) from audit_record where action = 'request.expire'").await, 1);
}

#[tokio::test]
async fn each_inbox_holds_what_is_the_readers() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let champion = t.person("Chris", &[(CHAMPION, None)]).await;
    let other = t.person("Otto", &[(LEAD, Some("search"))]).await;
    let ada = t.person("Ada", &[]).await;
    let simple = ask(&t, &ada).await;
    t.clock.advance(Duration::SECOND);
    let double = ask_for(&t, &ada, CHAMPION).await.unwrap();
    let numbers = |actor: Actor, inbox| {
        let t = &t;
        async move {
            let page = list(t, &actor, inbox, None, &PageRequest::default()).await.unwrap();
            assert_eq!(page.total.value as usize, page.items.len());
            page.items.into_iter().map(|row| row.number).collect::<Vec<_>>()
        }
    };
    assert_eq!(numbers(lead.clone(), Inbox::Waiting).await, [double, simple]);
    assert_eq!(numbers(champion.clone(), Inbox::Waiting).await, [double], "the other does not name champions");
    assert_eq!(numbers(ada.clone(), Inbox::Waiting).await, []);
    assert_eq!(numbers(ada.clone(), Inbox::Mine).await, [double, simple]);
    assert_eq!(numbers(other.clone(), Inbox::All).await, [], "another team's are not even known");

    look_and_approve(&t, &lead, double).await.unwrap();
    assert_eq!(numbers(lead.clone(), Inbox::Waiting).await, [simple]);
    assert_eq!(numbers(lead.clone(), Inbox::Decided).await, [double]);
    assert_eq!(numbers(champion.clone(), Inbox::Waiting).await, [double]);
    assert_eq!(crate::dashboards::frame_counts(&t, &champion).await.unwrap().approvals, 1);
}

#[tokio::test]
async fn a_list_is_read_page_by_page_and_meets_each_request_once() {
    let t = TestPortal::new().await;
    t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let mut asked = Vec::new();
    for n in 0..7 {
        let person = t.person(&format!("Dev {n}"), &[]).await;
        asked.push(ask(&t, &person).await);
        t.clock.advance(Duration::seconds(i64::from(n % 2)));
    }
    let auditor = t.person("Audrey", &[(RoleName::Auditor, None)]).await;
    let mut met = Vec::new();
    let mut request = PageRequest { cursor: None, size: Some(3) };
    loop {
        let page = list(&t, &auditor, Inbox::All, None, &request).await.unwrap();
        met.extend(page.items.iter().map(|row| row.number));
        let Some(next) = page.next else { break };
        request.cursor = Some(next);
    }
    met.sort();
    assert_eq!(met, asked);
}

/// A request of which another feature says who decides it.
async fn open(t: &TestPortal, requester: &Actor, owner: &str, stages: Vec<Stage>) -> Result<RequestNumber> {
    let owner = t.team(owner).await;
    let mut permit = t.authorize(requester, access::RequestAccess, crate::authz::ORGANISATION).await?;
    let (role, reach, days) = (DEVELOPER, Reach::Team(owner), 7);
    let payload = AccessPayload { role, reach, days, title: "Developer".to_owned(), summary: Vec::new() };
    let new = NewRequest {
        payload: Payload::Access(payload),
        stages,
        requester: requester.person_id().unwrap(),
        owner: Some(owner),
        entity: None,
        reason: "trying an index".to_owned(),
    };
    let request = crate::requests::effects::open(t, &mut permit, new).await?;
    let (number, hash) = (request.number, hex::encode(request.hash));
    permit.commit(access::Asked { request: request.id, number, hash, role, reach, days }).await?;
    Ok(number)
}

#[tokio::test]
async fn leads_of_another_team_decide_what_names_their_team() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[(DEVELOPER, Some("payments"))]).await;
    let other = t.person("Otto", &[(LEAD, Some("databases"))]).await;
    let databases = t.team("databases").await;
    let stages = vec![Stage { approvers: Approvers::LeadsOf(databases), needed: 1 }];
    let number = open(&t, &ada, "payments", stages).await.unwrap();
    let page = list(&t, &other, Inbox::Waiting, None, &PageRequest::default()).await.unwrap();
    assert_eq!(page.items.iter().map(|row| row.number).collect::<Vec<_>>(), [number]);
    assert_eq!(look_and_approve(&t, &other, number).await.unwrap(), RequestState::Fulfilled);
}

#[tokio::test]
async fn a_request_without_stages_is_approved_at_once() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[(DEVELOPER, Some("payments"))]).await;
    let number = open(&t, &ada, "payments", Vec::new()).await.unwrap();
    assert_eq!(shown(&t, &ada, number).await.row.state, RequestState::Fulfilled);
}

#[tokio::test]
async fn stages_out_of_bounds_are_refused() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[(DEVELOPER, Some("payments"))]).await;
    let team = t.team("payments").await;
    let nobody = Stage { approvers: Approvers::LeadsOf(team), needed: 0 };
    assert!(matches!(open(&t, &ada, "payments", vec![nobody]).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn the_record_of_an_approval_holds_the_hash_and_no_plain_note() {
    let t = TestPortal::new().await;
    let lead = t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let ada = t.person("Ada", &[]).await;
    let number = ask(&t, &ada).await;
    let hash = shown(&t, &lead, number).await.hash;
    approve(&t, &lead, number, &hash, "because Ada Lovelace is on call").await.unwrap();
    let leaf: Vec<u8> = sqlx::query_scalar("select leaf from audit_record where action = 'request.approve'")
        .fetch_one(&mut t.owner().await)
        .await
        .unwrap();
    let leaf = String::from_utf8(leaf).unwrap();
    assert!(leaf.contains(&hash), "{leaf}");
    assert!(!leaf.contains("Lovelace"), "{leaf}");
}

#[tokio::test]
async fn a_request_is_asked_for_only_by_who_may_ask() {
    let t = TestPortal::new().await;
    t.person("Lena", &[(LEAD, Some("payments"))]).await;
    let auditor = t.person("Audrey", &[(RoleName::Auditor, None)]).await;
    let refused = ask_for(&t, &auditor, DEVELOPER).await;
    assert!(matches!(&refused, Err(Error::Forbidden(denial)) if denial.action == ActionName::AccessRequest.as_str()));
    let reach = Reach::Team(t.team("payments").await);
    let ada = t.person("Ada", &[]).await;
    let new = |role, days, reason: &str| NewAccess { role, reach, days, reason: reason.to_owned() };
    for wrong in [
        new(DEVELOPER, 0, "x"),
        new(DEVELOPER, 31, "x"),
        new(DEVELOPER, 7, "  "),
        new(RoleName::PlatformAdministrator, 7, "x"),
        new(RoleName::Auditor, 7, "x"),
        NewAccess { reach: Reach::Organisation, ..new(DEVELOPER, 7, "x") },
    ] {
        assert!(matches!(access::request(&t, &ada, &wrong).await, Err(Error::Invalid(_))), "{wrong:?}");
    }
}
