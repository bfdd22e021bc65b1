//! The kernel's promises: decisions, what they reduce to in lists, and what stays behind.

use std::collections::BTreeSet;

use model::{BindingId, EntityId, PersonId, ServiceAccountId, TeamId};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::testing::TestPortal;

fn team(n: u128) -> TeamId {
    TeamId(Uuid::from_u128(n))
}

fn person(bindings: Vec<(RoleName, Reach)>) -> Actor {
    let bindings =
        bindings.into_iter().map(|(role, reach)| Binding { id: BindingId(Uuid::nil()), role, reach }).collect();
    Actor {
        who: Who::Person(PersonActor {
            id: PersonId(Uuid::from_u128(1)),
            display_name: "Ada".to_owned(),
            email: None,
            time_zone: None,
            theme: None,
            bindings,
            scopes: None,
        }),
        authentication: Authentication::None,
        request_id: "test".to_owned(),
        address: None,
    }
}

fn service_account(reach: Option<TeamId>, scopes: &[&str]) -> Actor {
    Actor {
        who: Who::ServiceAccount(ServiceAccountActor {
            id: ServiceAccountId(Uuid::from_u128(9)),
            name: "ci".to_owned(),
            team: reach,
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        }),
        ..person(Vec::new())
    }
}

fn decide(actor: &Actor, action: ActionName, facts: &Facts) -> Decision {
    Policies::built_in().decide(actor, action, "thing", facts).unwrap()
}

fn owned_by(n: u128) -> Facts {
    Facts { owner: Some(team(n)), ..Facts::default() }
}

#[test]
fn the_built_in_policies_fit_their_schema_and_limit_every_list() {
    let policies = Policies::built_in();
    for action in ActionName::ALL.iter().filter(|action| action.mode() == Mode::Read) {
        assert_eq!(policies.scope(&Actor::anonymous("test".to_owned(), None), *action), Scope::default(), "{action}");
    }
}

#[test]
fn a_policy_that_cannot_limit_a_list_is_refused_with_its_name() {
    let head = "@id(\"late\") @says(\"x\") permit (principal, action == Rampart::Action::\"finding.read\", resource)";
    for (condition, reason) in [
        ("when { resource has owner }", "`has`"),
        ("when { !context.roles.contains(\"developer\") }", "not held"),
        ("when { !resource.restricted && context.roles.contains(\"developer\") }", "two properties"),
        ("when { resource.restricted }", "`.`"),
        ("when { context.roles.contains(\"developr\") }", "not a role"),
    ] {
        let error = Policies::parse(&format!("{head} {condition};")).unwrap_err().to_string();
        assert!(error.contains("late") && error.contains(reason), "{condition}: {error}");
    }
}

#[test]
fn a_lead_reads_the_findings_of_their_own_team_only() {
    let lead = person(vec![(RoleName::TeamLead, Reach::Team(team(1)))]);
    assert!(decide(&lead, ActionName::FindingRead, &owned_by(1)).allowed);
    let denied = decide(&lead, ActionName::FindingRead, &owned_by(2));
    assert!(!denied.allowed);
    assert_eq!(denied.policies, Vec::<String>::new());
    assert_eq!(denied.ask, ["team_lead"]);
    assert!(denied.because[0].contains("team that owns"), "{denied:?}");
}

#[test]
fn nobody_approves_their_own_request() {
    let lead = person(vec![(RoleName::TeamLead, Reach::Team(team(1)))]);
    let own = Facts { person: lead.person_id(), ..owned_by(1) };
    assert!(decide(&lead, ActionName::RequestApprove, &owned_by(1)).allowed);
    assert_eq!(decide(&lead, ActionName::RequestApprove, &own).policies, ["requests-never-own"]);
}

#[test]
fn an_administrator_does_not_approve_by_being_one() {
    let administrator = person(vec![(RoleName::PlatformAdministrator, Reach::Organisation)]);
    assert!(!decide(&administrator, ActionName::RequestApprove, &owned_by(1)).allowed);
}

#[test]
fn an_auditor_reads_everything_and_changes_nothing() {
    let auditor = person(vec![(RoleName::Auditor, Reach::Organisation), (RoleName::TeamLead, Reach::Team(team(1)))]);
    let restricted = Facts { restricted: true, ..owned_by(2) };
    for action in [ActionName::CatalogRead, ActionName::FindingRead, ActionName::AuditRead, ActionName::IncidentRead] {
        assert!(decide(&auditor, action, &restricted).allowed, "{action}");
    }
    for action in [ActionName::EnvironmentRequest, ActionName::RequestApprove, ActionName::ReportUpload] {
        assert_eq!(decide(&auditor, action, &owned_by(1)).policies, ["auditors-change-nothing"], "{action}");
    }
}

#[test]
fn a_token_does_no_more_than_its_scopes() {
    let account = service_account(None, &["reports:write"]);
    assert!(decide(&account, ActionName::ReportUpload, &owned_by(1)).allowed);
    let denied = decide(&account, ActionName::FindingRead, &owned_by(1));
    assert_eq!((denied.allowed, denied.policies), (false, vec!["token-scope".to_owned()]));
    assert!(denied.because[0].contains("findings:read"));
    let policies = Policies::built_in();
    assert!(policies.scope(&account, ActionName::FindingRead).is_empty());
}

#[test]
fn a_service_account_decides_nothing_and_stays_within_its_team() {
    let scopes: Vec<&str> = ActionName::ALL.iter().map(|action| action.scope()).collect();
    let account = service_account(Some(team(1)), &scopes);
    assert!(decide(&account, ActionName::ReportUpload, &owned_by(1)).allowed);
    assert!(!decide(&account, ActionName::ReportUpload, &owned_by(2)).allowed);
    for action in [
        ActionName::RequestApprove,
        ActionName::RoleGrantEverywhere,
        ActionName::ScorecardReview,
        ActionName::IntegrationApprove,
    ] {
        assert!(!decide(&account, action, &owned_by(1)).allowed, "{action}");
    }
}

fn any_reach() -> impl Strategy<Value = Reach> {
    prop_oneof![
        1 => Just(Reach::Organisation),
        3 => (1..4_u128).prop_map(|n| Reach::Team(team(n))),
        3 => (1..4_u128).prop_map(|n| Reach::Entity(EntityId(Uuid::from_u128(n)))),
    ]
}

fn any_actor() -> impl Strategy<Value = Actor> {
    let role = prop::sample::select(RoleName::BINDABLE.to_vec());
    let people = (prop::collection::vec((role, any_reach()), 0..4), any::<bool>()).prop_map(|(bindings, narrowed)| {
        let mut actor = person(bindings);
        if narrowed && let Who::Person(person) = &mut actor.who {
            person.scopes = Some(BTreeSet::from(["catalog:read".to_owned(), "audit:read".to_owned()]));
        }
        actor
    });
    let accounts = prop::option::of(1..4_u128)
        .prop_map(|reach| service_account(reach.map(team), &["catalog:read", "findings:read"]));
    let system = Just(Actor::system("test", None, "test".to_owned()));
    prop_oneof![6 => people, 2 => accounts, 1 => system, 1 => Just(Actor::anonymous("test".to_owned(), None))]
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let one = || prop::option::of(1..4_u128);
    (one(), one(), prop::option::of(1..3_u128), one(), any::<bool>()).prop_map(
        |(owner, entity, person, named, restricted)| Facts {
            owner: owner.map(team),
            entity: entity.map(|n| EntityId(Uuid::from_u128(n))),
            person: person.map(|n| PersonId(Uuid::from_u128(n))),
            named: [named.map(team), None, None, None],
            restricted,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// `list(actor) == filter(all, may see)`, for every read action.
    #[test]
    fn a_list_shows_exactly_what_each_decision_allows(actor in any_actor(), facts in any_facts()) {
        static POLICIES: std::sync::OnceLock<Policies> = std::sync::OnceLock::new();
        let policies = POLICIES.get_or_init(Policies::built_in);
        if matches!(actor.who, Who::System { .. }) {
            // the portal's own jobs read through features' effects, never through lists
            return Ok(());
        }
        for action in ActionName::ALL.iter().filter(|action| action.mode() == Mode::Read) {
            let listed = policies.scope(&actor, *action).covers(&facts);
            let decided = policies.decide(&actor, *action, "thing", &facts).unwrap();
            prop_assert_eq!(listed, decided.allowed, "{} {:?}", action, decided);
        }
    }
}

proptest! {
    #[test]
    fn what_was_answered_before_is_what_cedar_says_now(
        actor in any_actor(),
        facts in prop::collection::vec(any_facts(), 1..20),
    ) {
        static POLICIES: std::sync::OnceLock<Policies> = std::sync::OnceLock::new();
        let policies = POLICIES.get_or_init(Policies::built_in);
        for (n, facts) in facts.iter().enumerate() {
            for action in ActionName::ALL {
                let before = policies.decide(&actor, *action, &n.to_string(), facts).unwrap();
                // a token's scopes narrow before any policy is asked
                if before.policies != ["token-scope"] {
                    prop_assert_eq!(before, policies.ask(&actor, *action, &n.to_string(), facts).unwrap(), "{}", action);
                }
            }
        }
    }
}

#[test]
fn a_policy_about_one_thing_is_asked_about_each() {
    let policies = Policies::parse(
        r#"@id("one") @says("it is the one")
        permit (principal is Rampart::Person, action == Rampart::Action::"incident.handle", resource)
        when { resource == Rampart::Incident::"one" };"#,
    )
    .unwrap();
    let ada = person(vec![(RoleName::Developer, Reach::Organisation)]);
    for (id, allowed) in [("one", true), ("two", false), ("one", true)] {
        let decision = policies.decide(&ada, ActionName::IncidentHandle, id, &Facts::default()).unwrap();
        assert_eq!(decision.allowed, allowed, "{id}");
    }
}

struct ChangeSomething;

impl Action for ChangeSomething {
    const NAME: ActionName = ActionName::IntegrationEdit;
    type Target = Organisation;
    type Change = serde_json::Value;
}

#[tokio::test]
async fn what_is_not_committed_leaves_nothing_and_what_is_leaves_one_record() {
    let t = TestPortal::new().await;
    let administrator = t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await;
    let permit = t.authorize(&administrator, ChangeSomething, ORGANISATION).await.unwrap();
    drop(permit);
    assert_eq!(t.count("select count(*) from audit_record").await, 0);

    let permit = t.authorize(&administrator, ChangeSomething, ORGANISATION).await.unwrap();
    permit.commit(json!({ "after": { "name": "mail" } })).await.unwrap();
    let record: (String, String, Vec<u8>) =
        sqlx::query_as("select action, outcome, leaf from audit_record").fetch_one(&mut t.owner().await).await.unwrap();
    assert_eq!((record.0.as_str(), record.1.as_str()), ("integration.edit", "committed"));
    let leaf: serde_json::Value = serde_json::from_slice(&record.2).unwrap();
    assert_eq!(leaf["change"]["after"]["name"], "mail");
    assert_eq!(leaf["why"]["policies"], json!(["integrations-administer"]));
    assert_eq!(serde_jcs::to_vec(&leaf).unwrap(), record.2, "the leaf is canonical as it stands");
}

#[tokio::test]
async fn a_denial_names_the_rule_and_repeated_ones_are_counted() {
    let t = TestPortal::new().await;
    let developer = t.person("Dev", &[(RoleName::Developer, Some("payments"))]).await;
    for _ in 0..5 {
        let Err(Error::Forbidden(denial)) = t.authorize(&developer, ChangeSomething, ORGANISATION).await.map(|_| ())
        else {
            panic!("a developer changed an integration");
        };
        assert_eq!(denial.action, "integration.edit");
        assert_eq!(denial.ask, ["a platform administrator"]);
    }
    assert_eq!(t.count("select count(*) from audit_record where outcome = 'denied'").await, 1);
    assert_eq!(t.count("select sum(count)::bigint from audit_denial").await, 5);
}

#[tokio::test]
async fn nobody_unknown_learns_or_writes_anything() {
    let t = TestPortal::new().await;
    let nobody = Actor::anonymous("test".to_owned(), None);
    let refused = t.authorize(&nobody, ChangeSomething, ORGANISATION).await.map(|_| ());
    assert!(matches!(refused, Err(Error::Unauthenticated)));
    assert_eq!(t.count("select count(*) from audit_record").await, 0);
    assert_eq!(t.count("select sum(count)::bigint from audit_denial").await, 1);
}

#[tokio::test]
async fn the_servers_role_cannot_change_the_record() {
    let t = TestPortal::new().await;
    let administrator = t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await;
    for statement in ["update audit_record set action = 'x'", "delete from audit_record", "truncate audit_record"] {
        let mut permit = t.authorize(&administrator, ChangeSomething, ORGANISATION).await.unwrap();
        let refused = sqlx::query(statement).execute(&mut *permit).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{statement}: {refused}");
    }
    let owned: i64 = t.count("select count(*) from pg_class where relowner = 'rampart'::regrole").await;
    assert_eq!(owned, 0, "the server's role owns nothing");
}

#[tokio::test]
async fn a_second_connection_in_one_task_is_noticed() {
    let t = TestPortal::new().await;
    let portal = t.portal.clone();
    let administrator = t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await;
    let task = tokio::spawn(async move {
        let first = portal.snapshot(&administrator).await.unwrap();
        let second = portal.snapshot(&administrator).await.map(|_| ());
        drop(first);
        second
    });
    let panicked = task.await.unwrap_err();
    assert!(panicked.is_panic());
}
