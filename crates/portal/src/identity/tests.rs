//! Sign-ins, sessions, tokens and flashes as people meet them.

use secrecy::ExposeSecret;
use time::Duration;

use super::{
    own, session,
    sign_in::{self, Claims, Departure, NewSession},
    token,
};
use crate::{
    Error,
    authz::{Actor, RoleName},
    testing::TestPortal,
};

fn claims(groups: &[&str]) -> Claims {
    Claims {
        issuer: "https://idp.example.com".to_owned(),
        subject: "ada".to_owned(),
        name: Some("Ada Lovelace".to_owned()),
        email: Some("ada@example.com".to_owned()),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        amr: vec!["pwd".to_owned()],
        acr: None,
        authenticated_at: None,
        provider_session: Some("sid-1".to_owned()),
        id_token: "id.token.value".into(),
    }
}

async fn sign_in(t: &TestPortal, groups: &[&str]) -> NewSession {
    let caller = Actor::anonymous("test".to_owned(), Some([192, 0, 2, 7].into()));
    sign_in::sign_in(t, &claims(groups), &caller, "Mozilla/5.0", None).await.unwrap()
}

async fn actor(t: &TestPortal, token: &str) -> Option<Actor> {
    session::actor(t, token, "test".to_owned(), None).await.unwrap()
}

#[tokio::test]
async fn a_first_sign_in_makes_the_person_and_their_teams() {
    let t = TestPortal::new().await;
    let session = sign_in(&t, &["payments-leads", "platform", "security-champions"]).await;
    let actor = actor(&t, session.token.expose_secret()).await.unwrap();
    assert_eq!(actor.person().unwrap().display_name, "Ada Lovelace");
    for role in [RoleName::Developer, RoleName::TeamLead, RoleName::SecurityChampion] {
        assert!(actor.holds(role), "{role:?}");
    }
    assert_eq!(t.count("select count(*) from team").await, 2);
}

#[tokio::test]
async fn a_group_that_is_gone_takes_its_roles_with_it() {
    let t = TestPortal::new().await;
    sign_in(&t, &["payments-leads", "security-champions"]).await;
    let session = sign_in(&t, &["payments"]).await;
    let actor = actor(&t, session.token.expose_secret()).await.unwrap();
    assert!(actor.holds(RoleName::Developer));
    assert!(!actor.holds(RoleName::TeamLead) && !actor.holds(RoleName::SecurityChampion));
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_when_it_is_old_and_when_its_person_leaves() {
    let t = TestPortal::new().await;
    let session = sign_in(&t, &["payments"]).await;
    let token = session.token.expose_secret();
    for _ in 0..20 {
        t.clock.advance(Duration::hours(7));
        assert!(actor(&t, token).await.is_some(), "in use");
    }
    t.clock.advance(Duration::hours(9));
    assert!(actor(&t, token).await.is_none(), "idle for nine hours");

    let session = sign_in(&t, &["payments"]).await;
    for _ in 0..28 {
        t.clock.advance(Duration::hours(6));
        actor(&t, session.token.expose_secret()).await;
    }
    assert!(actor(&t, session.token.expose_secret()).await.is_none(), "seven days old");

    let session = sign_in(&t, &["payments"]).await;
    sqlx::query("update person set active = false").execute(&mut t.owner().await).await.unwrap();
    assert!(actor(&t, session.token.expose_secret()).await.is_none(), "deactivated");
}

#[tokio::test]
async fn signing_out_ends_the_session_and_gives_back_what_the_provider_needs() {
    let t = TestPortal::new().await;
    let session = sign_in(&t, &["payments"]).await;
    let who = actor(&t, session.token.expose_secret()).await.unwrap();
    let ended = session::end(&t, &who).await.unwrap().unwrap();
    assert_eq!(ended.id_token.expose_secret(), "id.token.value");
    assert!(actor(&t, session.token.expose_secret()).await.is_none());
}

#[tokio::test]
async fn neither_cookie_nor_id_token_nor_address_lies_in_the_database_in_plain() {
    let t = TestPortal::new().await;
    let session = sign_in(&t, &["payments"]).await;
    let dump: String = sqlx::query_scalar(
        "select (select string_agg(session::text, '') from session) || (select string_agg(encode(leaf, 'escape'), '') from audit_record)",
    )
    .fetch_one(&mut t.owner().await)
    .await
    .unwrap();
    for secret in [session.token.expose_secret(), "id.token.value"] {
        assert!(!dump.contains(secret) && !dump.contains(&hex::encode(secret)), "{secret}");
    }
    let leaf: Vec<u8> =
        sqlx::query_scalar("select leaf from audit_record").fetch_one(&mut t.owner().await).await.unwrap();
    let leaf = String::from_utf8(leaf).unwrap();
    for personal in ["Ada Lovelace", "ada@example.com", "192.0.2.7"] {
        assert!(!leaf.contains(personal), "{personal} in {leaf}");
    }
}

#[tokio::test]
async fn a_sign_in_comes_back_once_and_only_to_the_browser_that_left() {
    let t = TestPortal::new().await;
    let departure = Departure {
        state: "state".into(),
        browser: "browser".into(),
        nonce: "nonce".to_owned(),
        verifier: "verifier".into(),
        return_to: "/catalog".to_owned(),
        kept_form: None,
    };
    sign_in::depart(&t, &departure).await.unwrap();
    assert!(matches!(sign_in::arrive(&t, "state", "another browser").await, Err(Error::Invalid(_))));
    let back = sign_in::arrive(&t, "state", "browser").await.unwrap();
    assert_eq!((back.verifier.expose_secret(), back.return_to.as_str()), ("verifier", "/catalog"));
    assert!(matches!(sign_in::arrive(&t, "state", "browser").await, Err(Error::Invalid(_))), "a second time");

    sign_in::depart(&t, &Departure { state: "late".into(), ..departure }).await.unwrap();
    t.clock.advance(Duration::minutes(16));
    assert!(matches!(sign_in::arrive(&t, "late", "browser").await, Err(Error::Invalid(_))), "too late");
}

#[tokio::test]
async fn a_token_works_until_it_expires_or_is_revoked_and_never_beyond_its_scopes() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    let id = ada.person_id().unwrap();
    let issued = token::issue(&t, &ada, id, "laptop", &["catalog:read".to_owned()], Duration::days(30)).await.unwrap();
    let secret = issued.secret.expose_secret();
    let who = token::actor(&t, secret, "test".to_owned(), None).await.unwrap().unwrap();
    assert_eq!(who.person().unwrap().scopes.as_ref().unwrap().len(), 1);

    token::revoke(&t, &ada, id, issued.token.id).await.unwrap();
    assert!(token::actor(&t, secret, "test".to_owned(), None).await.unwrap().is_none(), "revoked");

    let issued = token::issue(&t, &ada, id, "laptop", &["catalog:read".to_owned()], Duration::days(30)).await.unwrap();
    t.clock.advance(Duration::days(31));
    assert!(
        token::actor(&t, issued.secret.expose_secret(), "test".to_owned(), None).await.unwrap().is_none(),
        "expired"
    );
}

#[tokio::test]
async fn a_person_issues_no_token_for_somebody_else() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[(RoleName::PlatformAdministrator, None)]).await;
    let bob = t.person("Bob", &[]).await.person_id().unwrap();
    let refused = token::issue(&t, &ada, bob, "x", &["catalog:read".to_owned()], Duration::days(1)).await.map(|_| ());
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
}

#[tokio::test]
async fn an_unknown_scope_is_named_together_with_those_there_are() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    let refused = token::issue(&t, &ada, ada.person_id().unwrap(), "x", &["everything".to_owned()], Duration::days(1))
        .await
        .map(|_| ());
    let Err(Error::Invalid(errors)) = refused else { panic!("{refused:?}") };
    assert_eq!(errors[0].field, "scopes");
    assert!(errors[0].message.contains("\"everything\"") && errors[0].message.contains("catalog:read"), "{errors:?}");
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_and_nobody_elses() {
    let t = TestPortal::new().await;
    let first = sign_in(&t, &["payments"]).await;
    t.clock.advance(Duration::minutes(5));
    let second = sign_in(&t, &["payments"]).await;
    let ada = actor(&t, second.token.expose_secret()).await.unwrap();
    let sessions = own::sessions(&t, &ada).await.unwrap();
    assert_eq!(sessions.iter().map(|session| session.current).collect::<Vec<_>>(), [true, false]);
    assert_eq!((sessions[0].address.as_str(), sessions[0].user_agent.as_str()), ("192.0.2.7", "Mozilla/5.0"));

    let bea = t.person("Bea", &[]).await;
    assert!(matches!(own::end_session(&t, &bea, sessions[1].id).await, Err(Error::NotFound(_))));
    own::end_session(&t, &ada, sessions[1].id).await.unwrap();
    assert!(
        actor(&t, first.token.expose_secret()).await.is_none()
            && actor(&t, second.token.expose_secret()).await.is_some()
    );
    assert_eq!(t.count("select count(*) from audit_record where action = 'person.edit'").await, 1);
    t.clock.advance(t.settings.session_idle + Duration::minutes(1));
    assert_eq!(own::sessions(&t, &ada).await.unwrap(), [], "idle for too long is over");
}

#[tokio::test]
async fn the_chosen_time_zone_comes_with_every_sign_in() {
    let t = TestPortal::new().await;
    let session = sign_in(&t, &["payments"]).await;
    let ada = actor(&t, session.token.expose_secret()).await.unwrap();
    for wrong in ["", "Europe/Zürich", "a b"] {
        assert!(matches!(own::choose_zone(&t, &ada, Some(wrong)).await, Err(Error::Invalid(_))), "{wrong:?}");
    }
    own::choose_zone(&t, &ada, Some("Europe/Zurich")).await.unwrap();
    let again = sign_in(&t, &["payments"]).await;
    let ada = actor(&t, again.token.expose_secret()).await.unwrap();
    assert_eq!(ada.person().unwrap().time_zone.as_deref(), Some("Europe/Zurich"));
    let own = own::own(&t, &ada).await.unwrap();
    assert_eq!((own.groups, own.time_zone.as_deref()), (vec!["payments".to_owned()], Some("Europe/Zurich")));
}

#[tokio::test]
async fn a_service_accounts_token_is_seen_and_revoked_by_administrators_alone() {
    let t = TestPortal::new().await;
    let root = t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await;
    let scopes = ["reports:write".to_owned()];
    let issued = token::issue_for_service_account(&t, &root, "pipeline", &scopes, None).await.unwrap();
    let lead = t.person("Lena", &[(RoleName::TeamLead, Some("payments"))]).await;
    assert!(matches!(token::of_service_accounts(&t, &lead).await, Err(Error::Forbidden(_))));
    assert!(matches!(token::revoke_of_service_account(&t, &lead, issued.token.id).await, Err(Error::Forbidden(_))));
    assert_eq!(token::of_service_accounts(&t, &root).await.unwrap()[0].service_account_name, "pipeline");
    let stands = |secret: String| {
        let t = &t;
        async move { token::actor(t, &secret, "test".to_owned(), None).await.unwrap().is_some() }
    };
    assert!(stands(issued.secret.expose_secret().to_owned()).await);
    token::revoke_of_service_account(&t, &root, issued.token.id).await.unwrap();
    assert!(!stands(issued.secret.expose_secret().to_owned()).await);
}
