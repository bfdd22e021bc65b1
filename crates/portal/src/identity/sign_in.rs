//! Signing in: from the moment a browser leaves for the provider to the session that it comes back to.

use model::{IntegrationKind, PersonId, SessionId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{hash, new_secret, sql};
use crate::{
    Portal,
    audit::{self, Personal},
    authz::{Actor, Authentication, PersonActor, Who},
    error::{Error, Result},
    integrations,
    keys::Place,
};

/// How long a person may take at the provider.
const TIME_AT_PROVIDER: Duration = Duration::minutes(15);
/// What of the browser's own description is kept.
const MAX_USER_AGENT: usize = 200;

/// A sign-in that leaves for the provider.
pub struct Departure {
    pub state: SecretString,
    /// The browser's own cookie: the answer must come back to the browser that asked.
    pub browser: SecretString,
    pub nonce: String,
    pub verifier: SecretString,
    pub return_to: String,
    pub kept_form: Option<KeptForm>,
}

/// A form that was posted with an ended session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptForm {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

/// What was kept of a departure.
pub struct Return {
    pub nonce: String,
    pub verifier: SecretString,
    pub return_to: String,
    pub kept_form: Option<KeptForm>,
}

/// What a provider vouches for, after every check.
#[derive(Clone, Debug)]
pub struct Claims {
    pub issuer: String,
    pub subject: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub groups: Vec<String>,
    pub amr: Vec<String>,
    pub acr: Option<String>,
    pub authenticated_at: Option<OffsetDateTime>,
    pub provider_session: Option<String>,
    pub id_token: SecretString,
}

/// A session just begun; the token goes into the cookie and is nowhere else.
pub struct NewSession {
    pub id: SessionId,
    pub person: PersonId,
    pub token: SecretString,
    pub expires_at: OffsetDateTime,
}

/// Remembers a sign-in until the browser comes back.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn depart(portal: &Portal, departure: &Departure) -> Result<()> {
    let state = hash(departure.state.expose_secret());
    let row = hex::encode(state);
    let seal =
        |column, plain: &[u8]| portal.keys.encrypt(&portal.rng, Place { table: "sign_in", column, row: &row }, plain);
    let verifier = seal("verifier", departure.verifier.expose_secret().as_bytes());
    let kept_form = match &departure.kept_form {
        Some(form) => Some(seal("kept_form", &serde_json::to_vec(form)?)),
        None => None,
    };
    let browser = hash(departure.browser.expose_secret());
    let mut tx = portal.db.session().await?;
    sql::insert_sign_in(
        &mut tx,
        &state,
        &browser,
        &departure.nonce,
        &verifier,
        &departure.return_to,
        kept_form.as_deref(),
        portal.clock.now(),
    )
    .await?;
    tx.commit().await
}

/// Takes back what was remembered; a second time, or from another browser, there is nothing.
///
/// # Errors
/// `Invalid` for a state that is not known, used, too old, or another browser's.
pub async fn arrive(portal: &Portal, state: &str, browser: &str) -> Result<Return> {
    let state = hash(state);
    let mut tx = portal.db.session().await?;
    let now = portal.clock.now();
    let found = sql::use_sign_in(&mut tx, &state, &hash(browser), now - TIME_AT_PROVIDER, now).await?;
    tx.commit().await?;
    let found = found.ok_or_else(|| {
        Error::invalid(
            "state",
            "this sign-in was not begun in this browser, was used already, or took more than 15 minutes; sign in again",
        )
    })?;
    let row = hex::encode(state);
    let open = |column, sealed: &[u8]| portal.keys.decrypt(Place { table: "sign_in", column, row: &row }, sealed);
    let verifier = String::from_utf8(open("verifier", &found.verifier)?.to_vec()).map_err(Error::internal)?;
    let kept_form = match found.kept_form {
        Some(sealed) => Some(serde_json::from_slice(&open("kept_form", &sealed)?)?),
        None => None,
    };
    Ok(Return { nonce: found.nonce, verifier: verifier.into(), return_to: found.return_to, kept_form })
}

/// Lets in whom the provider vouched for: the person is made at the first sign-in, teams and roles follow the groups
/// claim each time, and a session begins. `before` ends, so that the session's id changes with the person.
///
/// # Errors
/// `Forbidden` is never returned: a person who may do nothing yet can still sign in and ask. `Conflict` for a person
/// who was deactivated.
pub async fn sign_in(
    portal: &Portal,
    claims: &Claims,
    caller: &Actor,
    user_agent: &str,
    before: Option<SessionId>,
) -> Result<NewSession> {
    let now = portal.clock.now();
    let mut tx = portal.db.session().await?;
    let person = sql::upsert_person(&mut tx, portal.rng.id(&portal.clock), claims, now).await?;
    if !person.active {
        return Err(Error::Conflict("this account was deactivated; ask a platform administrator".to_owned()));
    }
    let roles = portal.settings.groups.roles(&claims.groups);
    let mut held = Vec::new();
    for claimed in &roles {
        let team = match &claimed.team {
            Some(name) => Some(super::effects::team_named(portal, &mut tx, name).await?),
            None => None,
        };
        held.push((claimed.role, team));
    }
    let changed = sql::replace_provider_bindings(&mut tx, portal, person.id, &held, now).await?;
    if let Some(before) = before {
        sql::delete_session(&mut tx, before).await?;
    }
    let token = new_secret(&portal.rng);
    let id: SessionId = portal.rng.id(&portal.clock);
    let row = id.to_string();
    let place = Place { table: "session", column: "id_token", row: &row };
    let id_token = portal.keys.encrypt(&portal.rng, place, claims.id_token.expose_secret().as_bytes());
    let expires_at = now + portal.settings.session_absolute;
    let user_agent: String = user_agent.chars().take(MAX_USER_AGENT).collect();
    sql::insert_session(
        &mut tx,
        &sql::NewSessionRow {
            id,
            token_hash: &hash(token.expose_secret()),
            person: person.id,
            claims,
            id_token: &id_token,
            authenticated_at: claims.authenticated_at.unwrap_or(now),
            now,
            expires_at,
            address: &caller.address.map(|address| address.to_string()).unwrap_or_default(),
            user_agent: &user_agent,
        },
    )
    .await?;
    let actor = Actor {
        who: Who::Person(PersonActor {
            id: person.id,
            display_name: String::new(),
            email: None,
            time_zone: None,
            theme: None,
            bindings: Vec::new(),
            scopes: None,
        }),
        authentication: Authentication::Session {
            id,
            amr: claims.amr.clone(),
            acr: claims.acr.clone(),
            at: claims.authenticated_at.unwrap_or(now),
        },
        ..caller.clone()
    };
    let change = json!({
        "first": person.first,
        "name": Personal { person: person.id, value: &claims.name },
        "email": Personal { person: person.id, value: &claims.email },
        "groups": claims.groups,
        "roles": roles.iter().map(|held| json!({ "role": held.role, "team": held.team })).collect::<Vec<_>>(),
        "roles_changed": changed,
        "issuer": claims.issuer,
    });
    audit::session_event(portal, &mut tx, &actor, "session.begin", person.id, change).await?;
    integrations::effects::succeeded_of(&mut tx, IntegrationKind::IdentityProvider, now).await?;
    tx.commit().await?;
    Ok(NewSession { id, person: person.id, token, expires_at })
}
