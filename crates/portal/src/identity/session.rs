//! Who a browser's cookie stands for, and how a session ends.

use std::net::IpAddr;

use model::SessionId;
use secrecy::SecretString;
use serde_json::json;

use super::{hash, sql};
use crate::{
    Portal, audit,
    authz::{Actor, Authentication, PersonActor, Who},
    error::{Error, Result},
    keys::Place,
};

/// The actor that a session's cookie stands for; none where it is unknown, ended, idle for too long, or its person was
/// deactivated. Roles are read anew each time, so that what was taken away is gone with the next request.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn actor(portal: &Portal, token: &str, request_id: String, address: Option<IpAddr>) -> Result<Option<Actor>> {
    find(portal, token, request_id, address, true).await
}

/// As [`actor`], for what an open page does by itself: it does not count as use, so a page left open still ends.
///
/// # Errors
/// As [`actor`].
pub async fn watcher(
    portal: &Portal,
    token: &str,
    request_id: String,
    address: Option<IpAddr>,
) -> Result<Option<Actor>> {
    find(portal, token, request_id, address, false).await
}

async fn find(
    portal: &Portal,
    token: &str,
    request_id: String,
    address: Option<IpAddr>,
    used: bool,
) -> Result<Option<Actor>> {
    let now = portal.clock.now();
    let seen_after = now - portal.settings.session_idle;
    let found = sql::session(&mut *portal.db.statement().await?, &hash(token), now, seen_after).await?;
    let Some(found) = found else { return Ok(None) };
    let held = found.bindings.0.iter();
    let bindings =
        held.map(|row| sql::binding(row.id, &row.role, row.team_id, row.entity_id)).collect::<Result<_>>()?;
    // the time of the last use is kept to the minute, so that most requests write nothing
    if used && now - found.seen_at > time::Duration::minutes(1) {
        let mut tx = portal.db.session().await?;
        sql::touch_session(&mut tx, found.id, now).await?;
        tx.commit().await?;
    }
    Ok(Some(Actor {
        who: Who::Person(PersonActor {
            id: found.person_id,
            display_name: found.display_name,
            email: found.email,
            time_zone: found.time_zone,
            theme: found.theme,
            bindings,
            scopes: None,
        }),
        authentication: Authentication::Session {
            id: found.id,
            amr: found.amr,
            acr: found.acr,
            at: found.authenticated_at,
        },
        request_id,
        address,
    }))
}

/// What a provider needs to end its own session too.
pub struct Ended {
    pub issuer: String,
    pub id_token: SecretString,
}

/// Ends the actor's own session; none where there is none.
///
/// # Errors
/// `Unavailable` where the database does not answer; then the session still stands.
pub async fn end(portal: &Portal, actor: &Actor) -> Result<Option<Ended>> {
    let (Authentication::Session { id, .. }, Some(person)) = (&actor.authentication, actor.person_id()) else {
        return Ok(None);
    };
    let mut tx = portal.db.session().await?;
    let Some(ended) = sql::delete_session(&mut tx, *id).await? else { return Ok(None) };
    audit::session_event(portal, &mut tx, actor, "session.end", person, json!({ "session": id })).await?;
    tx.commit().await?;
    let Some(sealed) = ended.id_token else { return Ok(None) };
    let row = id.to_string();
    let plain = portal.keys.decrypt(Place { table: "session", column: "id_token", row: &row }, &sealed)?;
    let id_token = String::from_utf8(plain.to_vec()).map_err(Error::internal)?;
    Ok(Some(Ended { issuer: ended.issuer, id_token: id_token.into() }))
}

/// The session of an actor who came with a browser.
#[must_use]
pub fn id(actor: &Actor) -> Option<SessionId> {
    match actor.authentication {
        Authentication::Session { id, .. } => Some(id),
        _ => None,
    }
}
