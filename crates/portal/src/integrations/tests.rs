//! Integrations as administrators, champions and peers meet them.

use model::{DataClass, IntegrationKind, IntegrationState};
use secrecy::ExposeSecret;
use time::Duration;

use super::*;
use crate::{authz::RoleName, jobs::work_once, testing::TestPortal};

const CANARY: &str = "canary-9f1c77";

struct Scene {
    t: TestPortal,
    admin: Actor,
    champion: Actor,
}

async fn scene() -> Scene {
    let t = TestPortal::new().await;
    t.team("platform").await;
    let admin = t.person("Ada", &[(RoleName::PlatformAdministrator, None)]).await;
    let champion = t.person("Sam", &[(RoleName::SecurityChampion, None)]).await;
    Scene { t, admin, champion }
}

impl Scene {
    async fn alertmanager(&self) -> Draft {
        Draft {
            kind: IntegrationKind::Alertmanager,
            name: "alertmanager-main".to_owned(),
            owner: Some("platform".to_owned()),
            purpose: "Alerts of the production cluster".to_owned(),
            data_classes: vec![DataClass::Internal],
            scopes: vec!["alerts:write".to_owned()],
            egress_hosts: Vec::new(),
            endpoint: None,
            credential: None,
            review_by: self.t.clock.now().date() + Duration::days(90),
        }
    }

    async fn webhook(&self) -> Draft {
        Draft {
            kind: IntegrationKind::Webhook,
            name: "chatops".to_owned(),
            scopes: vec!["notifications:team".to_owned()],
            egress_hosts: vec!["hooks.example.com".to_owned()],
            endpoint: Some("https://hooks.example.com/rampart".to_owned()),
            credential: Some(CANARY.into()),
            ..self.alertmanager().await
        }
    }
}

fn fields(result: Result<impl Sized>) -> Vec<String> {
    match result.err() {
        Some(Error::Invalid(errors)) => errors.into_iter().map(|error| error.field).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_enabled_that_nobody_else_approved() {
    let s = scene().await;
    let added = add(&s.t, &s.admin, s.alertmanager().await).await.unwrap().integration;
    assert_eq!(added.state(), IntegrationState::Unapproved);
    let name = added.name.clone();
    let early = set_enabled(&s.t, &s.admin, name.clone(), true).await;
    assert!(matches!(&early, Err(Error::Conflict(why)) if why.contains("not approved")), "{early:?}");
    assert!(matches!(approve(&s.t, &s.admin, name.clone(), 1).await, Err(Error::Forbidden(_))), "not a champion");

    approve(&s.t, &s.champion, name.clone(), added.revision).await.unwrap();
    let enabled = set_enabled(&s.t, &s.admin, name, true).await.unwrap();
    assert_eq!((enabled.state(), enabled.approved_by), (IntegrationState::Untried, s.champion.person_id()));
}

#[tokio::test]
async fn nobody_approves_what_they_entered_or_changed() {
    let s = scene().await;
    let both = [(RoleName::PlatformAdministrator, None), (RoleName::SecurityChampion, None)];
    let (ann, bob) = (s.t.person("Ann", &both).await, s.t.person("Bob", &both).await);
    let mut draft = s.webhook().await;
    let added = add(&s.t, &ann, draft.clone()).await.unwrap().integration;
    let refused = approve(&s.t, &ann, added.name.clone(), added.revision).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "who entered it: {refused:?}");

    draft.data_classes.push(DataClass::Personal);
    let changed = edit(&s.t, &bob, added.name.clone(), added.revision, draft).await.unwrap();
    assert!(matches!(approve(&s.t, &bob, changed.name.clone(), changed.revision).await, Err(Error::Forbidden(_))));
    let refused = approve(&s.t, &ann, changed.name.clone(), changed.revision).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "entered it, though another changed it last: {refused:?}");
    approve(&s.t, &s.champion, changed.name, changed.revision).await.unwrap();
}

#[tokio::test]
async fn what_an_approval_covers_cannot_change_without_another() {
    let s = scene().await;
    let draft = s.webhook().await;
    let mut now = add(&s.t, &s.admin, draft.clone()).await.unwrap().integration;
    let more_hosts =
        Draft { egress_hosts: vec!["hooks.example.com".into(), "evil.example.com".into()], ..draft.clone() };
    let elsewhere = Draft { endpoint: Some("https://evil.example.com/x".into()), ..more_hosts.clone() };
    let more_data = Draft { data_classes: vec![DataClass::Internal, DataClass::Credentials], ..elsewhere.clone() };
    for (what, changed) in [("hosts", more_hosts), ("address", elsewhere), ("data classes", more_data)] {
        approve(&s.t, &s.champion, now.name.clone(), now.revision).await.unwrap();
        set_enabled(&s.t, &s.admin, now.name.clone(), true).await.unwrap();
        now = edit(&s.t, &s.admin, now.name.clone(), now.revision, changed).await.unwrap();
        assert_eq!((now.state(), now.enabled), (IntegrationState::Unapproved, false), "{what}");
    }
    approve(&s.t, &s.champion, now.name.clone(), now.revision).await.unwrap();
    let reworded = Draft {
        purpose: "Tell the channel".into(),
        data_classes: vec![DataClass::Credentials, DataClass::Internal],
        egress_hosts: now.egress_hosts.clone(),
        endpoint: now.endpoint.clone(),
        ..draft
    };
    let now = edit(&s.t, &s.admin, now.name.clone(), now.revision, reworded).await.unwrap();
    assert!(now.approved_at.is_some(), "other words change nothing that was approved");
}

#[tokio::test]
async fn an_approval_is_of_what_was_shown() {
    let s = scene().await;
    let draft = s.webhook().await;
    let shown = add(&s.t, &s.admin, draft.clone()).await.unwrap().integration;
    let changed = Draft { data_classes: vec![DataClass::Credentials], ..draft };
    edit(&s.t, &s.admin, shown.name.clone(), shown.revision, changed).await.unwrap();
    let late = approve(&s.t, &s.champion, shown.name, shown.revision).await;
    assert!(matches!(&late, Err(Error::Conflict(why)) if why.contains("changed meanwhile")), "{late:?}");
}

#[tokio::test]
async fn a_draft_that_does_not_fit_its_kind_names_each_field() {
    let s = scene().await;
    let good = s.alertmanager().await;
    let wrong = Draft {
        name: "Not A Name".into(),
        owner: None,
        purpose: " ".into(),
        data_classes: vec![],
        scopes: vec!["everything".into()],
        egress_hosts: vec!["bad host".into()],
        endpoint: Some("https://x.example".into()),
        review_by: s.t.clock.now().date(),
        ..good.clone()
    };
    let mut named = fields(add(&s.t, &s.admin, wrong).await);
    named.dedup();
    assert_eq!(named, ["name", "owner", "purpose", "data_classes", "scopes", "egress_hosts", "endpoint", "review_by"]);
    for (endpoint, hosts) in [
        ("https://other.example.com/", "hooks.example.com"),
        ("http://hooks.example.com/", "hooks.example.com"),
        ("ftp://hooks.example.com/", "hooks.example.com"),
        ("https://user:pass@hooks.example.com/", "hooks.example.com"),
    ] {
        let draft = Draft { endpoint: Some(endpoint.into()), egress_hosts: vec![hosts.into()], ..s.webhook().await };
        assert_eq!(fields(add(&s.t, &s.admin, draft).await), ["endpoint"], "{endpoint}");
    }
    let slack = Draft { kind: IntegrationKind::Slack, endpoint: None, ..s.webhook().await };
    let leads_away = Draft { credential: Some("https://evil.example.com/T0/B0/x".into()), ..slack };
    assert_eq!(fields(add(&s.t, &s.admin, leads_away).await), ["credential"]);
    assert!(
        matches!(
            add(&s.t, &s.admin, Draft { owner: Some("nobody".to_owned()), ..good }).await.map(|_| ()),
            Err(Error::Invalid(_))
        ),
        "no such team"
    );
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let s = scene().await;
    add(&s.t, &s.admin, s.alertmanager().await).await.unwrap();
    assert!(matches!(add(&s.t, &s.admin, s.alertmanager().await).await.map(|_| ()), Err(Error::Conflict(_))));
}

#[tokio::test]
async fn credentials_are_in_no_record_and_in_no_row_in_plain() {
    let s = scene().await;
    let token = add(&s.t, &s.admin, s.alertmanager().await).await.unwrap().token.unwrap();
    add(&s.t, &s.admin, s.webhook().await).await.unwrap();
    let second = rotate(&s.t, &s.admin, "alertmanager-main".to_owned(), None).await.unwrap().token.unwrap();
    let rotated = format!("{CANARY}-rotated");
    rotate(&s.t, &s.admin, "chatops".to_owned(), Some(rotated.clone().into())).await.unwrap();
    let dump: String = sqlx::query_scalar(
        "select (select string_agg(integration::text, '') from integration) || (select string_agg(encode(leaf, 'escape'), '') from audit_record)",
    )
    .fetch_one(&mut s.t.owner().await)
    .await
    .unwrap();
    for secret in [token.expose_secret(), second.expose_secret(), CANARY, &rotated] {
        assert!(!dump.contains(secret) && !dump.contains(&hex::encode(secret)), "{secret}");
    }
    let mut owner = s.t.owner().await;
    let chatops = sql::named(&mut owner, "chatops", false).await.unwrap().unwrap();
    assert_eq!(open(&s.t, &mut owner, &chatops).await.unwrap().unwrap().expose_secret(), rotated);
}

#[tokio::test]
async fn a_token_stands_for_its_own_integration_until_it_is_rotated() {
    let s = scene().await;
    let issued = add(&s.t, &s.admin, s.alertmanager().await).await.unwrap();
    let token = issued.token.unwrap();
    let other = Draft { name: "other".into(), ..s.alertmanager().await };
    add(&s.t, &s.admin, other).await.unwrap();
    let who = |name: &'static str, token: String| {
        let t = &s.t;
        async move { deliverer(t, name, &token, "test".to_owned(), None).await.unwrap() }
    };
    let actor = who("alertmanager-main", token.expose_secret().to_owned()).await.unwrap();
    assert!(matches!(actor.who, Who::Integration { id } if id == issued.integration.id));
    assert!(who("other", token.expose_secret().to_owned()).await.is_none(), "another's token");
    assert!(who("missing", token.expose_secret().to_owned()).await.is_none());
    rotate(&s.t, &s.admin, "alertmanager-main".to_owned(), None).await.unwrap();
    assert!(who("alertmanager-main", token.expose_secret().to_owned()).await.is_none(), "rotated");
}

#[tokio::test]
async fn strangers_see_no_integration_and_champions_of_a_team_see_its_own() {
    let s = scene().await;
    add(&s.t, &s.admin, s.alertmanager().await).await.unwrap();
    let stranger = s.t.person("Eve", &[(RoleName::TeamLead, Some("platform"))]).await;
    assert_eq!(list(&s.t, &stranger).await.unwrap(), []);
    assert!(matches!(get(&s.t, &stranger, "alertmanager-main".into()).await, Err(Error::NotFound(_))));
    assert!(matches!(set_enabled(&s.t, &stranger, "alertmanager-main".into(), false).await, Err(Error::NotFound(_))));
    let of_team = s.t.person("Kim", &[(RoleName::SecurityChampion, Some("platform"))]).await;
    assert_eq!(list(&s.t, &of_team).await.unwrap().len(), 1);
    let of_another = s.t.person("Lee", &[(RoleName::SecurityChampion, Some("payments"))]).await;
    assert_eq!(list(&s.t, &of_another).await.unwrap(), []);
}

#[tokio::test]
async fn what_the_settings_set_up_is_on_the_page_once_and_waits_for_approval() {
    let s = scene().await;
    let mail = |host: &str| {
        vec![BuiltIn {
            kind: IntegrationKind::Mail,
            name: "mail",
            purpose: "Tells people what waits for them",
            data_classes: vec![DataClass::Personal],
            egress_hosts: vec![host.to_owned()],
        }]
    };
    let system = s.t.system();
    register(&s.t, &system, &mail("smtp.example.com:587")).await.unwrap();
    register(&s.t, &system, &mail("smtp.example.com:587")).await.unwrap();
    let found = get(&s.t, &s.champion, "mail".into()).await.unwrap();
    assert_eq!(found.state(), IntegrationState::Unapproved);
    assert_eq!(s.t.count("select count(*) from audit_record where action = 'integration.add'").await, 1);

    let mut owner = s.t.owner().await;
    let why = shut(&s.t, &mut owner).await.unwrap();
    assert!(why.contains("waits for approval") && why.contains("/admin/integrations/mail"), "{why}");
    approve(&s.t, &s.champion, "mail".into(), found.revision).await.unwrap();
    assert!(shut(&s.t, &mut owner).await.unwrap().contains("is disabled"));
    set_enabled(&s.t, &s.admin, "mail".into(), true).await.unwrap();
    assert_eq!(shut(&s.t, &mut owner).await, None);

    register(&s.t, &system, &mail("smtp.elsewhere.example:587")).await.unwrap();
    assert!(shut(&s.t, &mut owner).await.is_some(), "another host needs another approval");
}

/// Why no mail leaves; none where it may.
async fn shut(portal: &Portal, connection: &mut PgConnection) -> Option<String> {
    match effects::passage_of(portal, connection, IntegrationKind::Mail).await.unwrap() {
        effects::Passage::Open(_) => None,
        effects::Passage::Shut(reason) => Some(reason),
    }
}

#[tokio::test]
async fn the_identity_provider_alone_is_approved_by_being_set_up() {
    let s = scene().await;
    let provider = |host: &str| {
        vec![BuiltIn {
            kind: IntegrationKind::IdentityProvider,
            name: "sign-in",
            purpose: "People sign in",
            data_classes: vec![DataClass::Personal],
            egress_hosts: vec![host.to_owned()],
        }]
    };
    for host in ["idp.example.com", "idp.elsewhere.example"] {
        register(&s.t, &s.t.system(), &provider(host)).await.unwrap();
        let found = get(&s.t, &s.champion, "sign-in".into()).await.unwrap();
        assert_eq!((found.enabled, found.approved_at), (true, Some(s.t.clock.now())), "{host}");
    }
    let refused = set_enabled(&s.t, &s.admin, "sign-in".into(), false).await;
    assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains("RAMPART_OIDC_ISSUER")), "{refused:?}");
}
#[tokio::test]
async fn a_test_notes_success_or_what_failed_and_what_to_do() {
    let s = scene().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let draft = Draft {
        egress_hosts: vec![format!("127.0.0.1:{port}")],
        endpoint: Some(format!("http://127.0.0.1:{port}/hook")),
        ..s.webhook().await
    };
    let added = add(&s.t, &s.admin, draft).await.unwrap().integration;
    let name = added.name.clone();
    assert!(matches!(test(&s.t, &s.admin, name.clone()).await, Err(Error::Conflict(_))), "nothing leaves unapproved");
    approve(&s.t, &s.champion, name.clone(), added.revision).await.unwrap();
    set_enabled(&s.t, &s.admin, name.clone(), true).await.unwrap();
    test(&s.t, &s.admin, name.clone()).await.unwrap();
    work_once(&s.t).await.unwrap();
    assert_eq!(get(&s.t, &s.admin, name.clone()).await.unwrap().state(), IntegrationState::Working);

    drop(listener);
    s.t.clock.advance(Duration::minutes(1));
    test(&s.t, &s.admin, name.clone()).await.unwrap();
    work_once(&s.t).await.unwrap();
    let failing = get(&s.t, &s.admin, name).await.unwrap();
    assert_eq!(failing.state(), IntegrationState::Failing);
    assert!(failing.failure.unwrap().contains("nobody answers") && failing.remedy.is_some());
    assert_eq!(failing.test_requested_at, None);
}

#[tokio::test]
async fn one_that_nobody_looked_at_in_time_is_overdue() {
    let s = scene().await;
    let added = add(&s.t, &s.admin, s.alertmanager().await).await.unwrap().integration;
    let day = |days| (s.t.clock.now() + Duration::days(days)).date();
    assert!(!added.is_overdue(day(90)) && added.is_overdue(day(91)));
}
