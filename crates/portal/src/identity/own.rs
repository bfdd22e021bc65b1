//! What people see and decide of themselves: who the provider says they are, their time zone, and their sessions.

use model::{PersonId, SessionId};
use serde::Serialize;
use time::OffsetDateTime;

use super::{session, sql, token::Person};
use crate::{
    Portal,
    audit::Change,
    authz::{Action, ActionName, Actor},
    error::{Error, Result},
};

/// The longest name of a zone; the longest there is has 32 letters.
const MAX_ZONE: usize = 64;

/// What the actor's own page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    pub display_name: String,
    pub email: Option<String>,
    /// Who says so.
    pub issuer: String,
    /// As the provider named them at the last sign-in.
    pub groups: Vec<String>,
    /// As the person chose it; none: as the browser has it.
    pub time_zone: Option<String>,
    pub signed_in_at: Option<OffsetDateTime>,
    /// Not ended, the last used first.
    pub sessions: Vec<Session>,
}

/// A session that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    pub id: SessionId,
    /// The one that asks.
    pub current: bool,
    pub address: String,
    pub user_agent: String,
    #[serde(with = "time::serde::rfc3339")]
    pub begun_at: OffsetDateTime,
    /// To the minute.
    #[serde(with = "time::serde::rfc3339")]
    pub seen_at: OffsetDateTime,
    /// When it ends, however much it is used.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// Choosing one's own time zone.
pub struct ChooseZone;

impl Action for ChooseZone {
    const NAME: ActionName = ActionName::PersonEdit;
    type Target = Person;
    type Change = Change<Zone>;
}

/// What the record says of that choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Zone {
    pub time_zone: Option<String>,
}

/// Ending one of one's own sessions.
pub struct EndSession;

impl Action for EndSession {
    const NAME: ActionName = ActionName::PersonEdit;
    type Target = Person;
    type Change = EndedSession;
}

/// What the record says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndedSession {
    pub ended_session: SessionId,
}

/// Who the actor is here.
///
/// # Errors
/// `Unauthenticated` where no person asks.
pub async fn own(portal: &Portal, actor: &Actor) -> Result<Own> {
    let person = actor.person_id().ok_or(Error::Unauthenticated)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    let own = sql::own(&mut visible, person).await?.ok_or(Error::NotFound("person"))?;
    let sessions = open_sessions(portal, &mut visible, actor, person).await?;
    Ok(Own { sessions, ..own })
}

/// The actor's sessions that have not ended, the last used first.
///
/// # Errors
/// `Unauthenticated` where no person asks.
pub async fn sessions(portal: &Portal, actor: &Actor) -> Result<Vec<Session>> {
    let person = actor.person_id().ok_or(Error::Unauthenticated)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    open_sessions(portal, &mut visible, actor, person).await
}

async fn open_sessions(
    portal: &Portal,
    connection: &mut sqlx::PgConnection,
    actor: &Actor,
    person: PersonId,
) -> Result<Vec<Session>> {
    let now = portal.clock.now();
    let mut sessions = sql::sessions_of(connection, person, now, now - portal.settings.session_idle).await?;
    let current = session::id(actor);
    for session in &mut sessions {
        session.current = Some(session.id) == current;
    }
    Ok(sessions)
}

/// Keeps the zone in which the actor reads times; none: as each browser has it.
///
/// # Errors
/// `Invalid` for what is no zone's name.
pub async fn choose_zone(portal: &Portal, actor: &Actor, zone: Option<&str>) -> Result<()> {
    let person = actor.person_id().ok_or(Error::Unauthenticated)?;
    let is_name = |zone: &str| {
        zone.len() <= MAX_ZONE && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte))
    };
    if zone.is_some_and(|zone| zone.is_empty() || !is_name(zone)) {
        return Err(Error::invalid("time_zone", "name a zone as in Europe/Zurich"));
    }
    let mut permit = portal.authorize(actor, ChooseZone, person).await?;
    let before = sql::own(&mut permit, person).await?.and_then(|own| own.time_zone);
    sql::set_zone(&mut permit, person, zone).await?;
    permit.commit(Change::updated(Zone { time_zone: before }, Zone { time_zone: zone.map(str::to_owned) })).await
}

/// Ends one of the actor's own sessions; its next request has to sign in.
///
/// # Errors
/// `NotFound` where the actor has no such session.
pub async fn end_session(portal: &Portal, actor: &Actor, id: SessionId) -> Result<()> {
    let person = actor.person_id().ok_or(Error::Unauthenticated)?;
    let mut permit = portal.authorize(actor, EndSession, person).await?;
    if !sql::delete_session_of(&mut permit, person, id).await? {
        return Err(Error::NotFound("session"));
    }
    permit.commit(EndedSession { ended_session: id }).await
}
