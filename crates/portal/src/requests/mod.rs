//! Requests and their approval, whatever is asked for: one quorum, one binding to what was shown, one end.
//!
//! The policy says who may approve at all; the stages of a request say whose approvals it waits for. Both must hold.

mod deciders;
pub mod effects;
mod list_sql;
pub mod payload;
mod sql;
mod state;
#[cfg(test)]
mod tests;

use model::{
    EntityId, PersonId, RequestId,
    notification::NoticeKind,
    page::{Page, PageRequest},
    request::{Inbox, Named, RequestDetail, RequestEventKind, RequestNumber, RequestRow, RequestState, StageView},
};
use serde::Serialize;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;

use self::{list_sql::Groups, sql::Event};
pub use self::{
    payload::{AccessPayload, EnvironmentPayload, ExtensionPayload, Payload},
    state::{Approval, Approvers, Request, Stage},
};
use crate::{
    Portal, Snapshot,
    audit::Personal,
    authz::{Action, ActionName, Actor, Facts, Lock, PersonActor, Reference, Resource, ResourceKind, Scope},
    error::{Error, Result},
    notifications::{self, News},
    page::Window,
};

const MAX_NOTE_CHARS: usize = 1_000;

impl Resource for Request {
    type Id = RequestNumber;
    const KIND: ResourceKind = ResourceKind::Request;

    async fn load(connection: &mut PgConnection, number: &RequestNumber, lock: Lock) -> Result<Option<Self>> {
        sql::request(connection, *number, lock == Lock::ForUpdate).await
    }

    fn facts(&self) -> Facts {
        let mut named = [None; Facts::MAX_NAMED];
        for team in self.stages.iter().filter_map(|stage| stage.approvers.team()) {
            if Some(team) != self.owner
                && !named.contains(&Some(team))
                && let Some(free) = named.iter_mut().find(|place| place.is_none())
            {
                *free = Some(team);
            }
        }
        Facts { owner: self.owner, entity: self.entity, person: Some(self.requester), named, restricted: false }
    }

    fn reference(&self) -> Reference {
        Reference { id: self.id.to_string(), name: format!("request {}", self.number) }
    }
}

/// What the record says of a request that somebody decided.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    pub request: RequestId,
    pub title: String,
    /// SHA-256 of exactly what was shown, in hexadecimal.
    pub hash: String,
    pub before: RequestState,
    pub after: RequestState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

impl Decision {
    fn of(request: &Request, before: RequestState, note: Option<Personal<String>>) -> Self {
        Self {
            request: request.id,
            title: request.payload.title().to_owned(),
            hash: hex::encode(request.hash),
            before,
            after: request.state,
            note,
        }
    }
}

/// Approving a request, or declining it.
pub struct Decide;

impl Action for Decide {
    const NAME: ActionName = ActionName::RequestApprove;
    type Target = Request;
    type Change = Decision;
}

/// Taking one's own request back.
pub struct Withdraw;

impl Action for Withdraw {
    const NAME: ActionName = ActionName::RequestWithdraw;
    type Target = Request;
    type Change = Decision;
}

/// Ending a request that nobody decided.
pub struct Expire;

impl Action for Expire {
    const NAME: ActionName = ActionName::RequestExpire;
    type Target = Request;
    type Change = Decision;
}

/// Records `actor`'s approval of exactly what `seen` is the hash of; the last approval needed carries the request out.
///
/// # Errors
/// `Conflict` where it is decided already, where what is asked is not what the actor saw, or where the approval would
/// not count; `Invalid` where the actor belongs to none of the groups.
pub async fn approve(
    portal: &Portal,
    actor: &Actor,
    number: RequestNumber,
    seen: &str,
    note: &str,
) -> Result<RequestState> {
    let note = checked_note(note)?;
    let seen = read_hash(seen)?;
    let mut permit = portal.authorize(actor, Decide, number).await?;
    let who = decider(actor)?;
    let (connection, request) = permit.parts();
    let before = request.state;
    request.approve(who.id, &who.bindings, &seen, portal.clock.now())?;
    let stages = request.approvals.last().map(|approval| approval.stages.clone()).unwrap_or_default();
    let event = Event {
        note: &note,
        hash: Some(&seen),
        stages: Some(&stages),
        ..Event::new(RequestEventKind::Approval, Some(who.id))
    };
    effects::event(portal, connection, request, event).await?;
    if request.state == RequestState::Approved {
        effects::carry_out(portal, connection, request).await?;
        settle(portal, connection, request, &format!("Approved: {}", request.payload.title()), &note).await?;
    }
    sql::save_state(connection, request).await?;
    let state = request.state;
    let change = Decision::of(request, before, personal(who.id, note));
    permit.commit(change).await?;
    Ok(state)
}

/// Declines a request, with the reason for the one who asked.
///
/// # Errors
/// `Conflict` where it is decided already; `Invalid` without a reason, or where the actor belongs to none of the groups.
pub async fn decline(portal: &Portal, actor: &Actor, number: RequestNumber, note: &str) -> Result<()> {
    let note = checked_note(note)?;
    if note.is_empty() {
        return Err(Error::invalid("note", "say why: the one who asked needs to know what to change"));
    }
    let mut permit = portal.authorize(actor, Decide, number).await?;
    let who = decider(actor)?;
    let (connection, request) = permit.parts();
    let before = request.state;
    request.decline(who.id, &who.bindings, portal.clock.now())?;
    let event = Event { note: &note, ..Event::new(RequestEventKind::Declined, Some(who.id)) };
    effects::event(portal, connection, request, event).await?;
    settle(portal, connection, request, &format!("Declined: {}", request.payload.title()), &note).await?;
    sql::save_state(connection, request).await?;
    let change = Decision::of(request, before, personal(who.id, note));
    permit.commit(change).await
}

/// Takes a request back.
///
/// # Errors
/// `Conflict` where it is decided already.
pub async fn withdraw(portal: &Portal, actor: &Actor, number: RequestNumber) -> Result<()> {
    let mut permit = portal.authorize(actor, Withdraw, number).await?;
    let (connection, request) = permit.parts();
    let before = request.state;
    request.withdraw(portal.clock.now())?;
    effects::event(portal, connection, request, Event::new(RequestEventKind::Withdrawn, actor.person_id())).await?;
    notifications::effects::settled(portal, connection, &effects::topic(request.number)).await?;
    sql::save_state(connection, request).await?;
    let change = Decision::of(request, before, None);
    permit.commit(change).await
}

/// Ends what nobody decided in time, each in its own transaction. Two replicas may do so at once.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn sweep(portal: &Portal) -> Result<()> {
    let actor = Actor::system("request.expire", None, "sweep".to_owned());
    let due = {
        let mut snapshot = portal.snapshot(&actor).await?;
        sql::due(&mut *snapshot.visible(ActionName::RequestRead)?, portal.clock.now()).await?
    };
    for number in due {
        match expire(portal, &actor, number).await {
            Ok(()) | Err(Error::NotFound(_)) => {}
            Err(error) => tracing::warn!(%number, %error, "cannot let a request expire"),
        }
    }
    Ok(())
}

async fn expire(portal: &Portal, actor: &Actor, number: RequestNumber) -> Result<()> {
    let mut permit = portal.authorize(actor, Expire, number).await?;
    let (connection, request) = permit.parts();
    let before = request.state;
    if before != RequestState::Pending {
        return Ok(());
    }
    request.expire(portal.clock.now())?;
    effects::event(portal, connection, request, Event::new(RequestEventKind::Expired, None)).await?;
    let title = format!("Nobody decided in 14 days: {}", request.payload.title());
    settle(portal, connection, request, &title, "Ask again if you still need it.").await?;
    sql::save_state(connection, request).await?;
    let change = Decision::of(request, before, None);
    permit.commit(change).await
}

/// One request with all that is needed to decide it.
///
/// # Errors
/// `NotFound` where there is none that the actor may see; `Conflict` where what is stored is not what was asked.
pub async fn detail(portal: &Portal, actor: &Actor, number: RequestNumber) -> Result<RequestDetail> {
    let mut snapshot = portal.snapshot(actor).await?;
    let request: Request = snapshot.read(ActionName::RequestRead, number).await?;
    let id = request.id.to_string();
    let may_decide = snapshot.may(ActionName::RequestApprove, &id, &request.facts())?;
    let may_withdraw = snapshot.may(ActionName::RequestWithdraw, &id, &request.facts())?;
    let mut visible = snapshot.visible(ActionName::RequestRead)?;
    let history = sql::history(&mut visible, request.id).await?;
    let row = list_sql::row(&mut visible, request.id).await?;
    let pending = request.state == RequestState::Pending;
    let counts_for = request.counts_for();
    let deciders = if pending { deciders::of(portal, &mut visible, &request).await? } else { Vec::new() };
    let mut stages = Vec::new();
    for (position, stage) in request.stages.iter().enumerate() {
        let approved: Vec<Named> = (request.approvals.iter().zip(&counts_for))
            .filter(|(_, counts)| **counts == Some(position))
            .filter_map(|(approval, _)| name_in(&history, approval.person))
            .collect();
        let can: Vec<Named> = deciders
            .iter()
            .filter(|decider| decider.stages.contains(&position))
            .map(|decider| decider.person.clone())
            .collect();
        let missing = (stage.needed as usize).saturating_sub(approved.len());
        let remedy = if pending && can.len() < missing {
            Some(deciders::remedy(&mut visible, *stage, can.len()).await?)
        } else {
            None
        };
        let approvers = deciders::in_words(&mut visible, stage.approvers).await?;
        stages.push(StageView { approvers, needed: stage.needed, approved, can, remedy });
    }
    let undelivered = notifications::effects::undelivered(&mut visible, &effects::topic(request.number)).await?;
    let why_not = if pending { why_not(actor, &request, may_decide) } else { None };
    Ok(RequestDetail {
        row,
        approving: request.payload.approving(),
        asks: request.payload.summary().to_vec(),
        reason: request.reason.clone(),
        hash: hex::encode(request.hash),
        may_approve: pending && may_decide && why_not.is_none(),
        why_not,
        may_withdraw: pending && may_withdraw,
        stages,
        history,
        undelivered,
    })
}

/// Requests, the newest first.
///
/// # Errors
/// `Invalid` for a cursor of another list.
pub async fn list(
    portal: &Portal,
    actor: &Actor,
    inbox: Inbox,
    entity: Option<EntityId>,
    request: &PageRequest,
) -> Result<Page<RequestRow>> {
    let mut snapshot = portal.snapshot(actor).await?;
    list_in(&mut snapshot, inbox, entity, request).await
}

/// As [`list`], within a page's own snapshot.
///
/// # Errors
/// As [`list`].
pub async fn list_in(
    snapshot: &mut Snapshot,
    inbox: Inbox,
    entity: Option<EntityId>,
    request: &PageRequest,
) -> Result<Page<RequestRow>> {
    let (portal, groups) = (snapshot.portal().clone(), Groups::of(snapshot.actor()));
    let window = Window::<(OffsetDateTime, RequestId)>::open(&portal, "requests", &(inbox, entity), request)?;
    let mut visible = snapshot.visible(ActionName::RequestRead)?;
    let filter = list_sql::Filter { inbox, entity, groups: &groups, now: portal.clock.now() };
    let rows = list_sql::rows(&mut visible, &filter, window.after(), window.backwards(), window.limit()).await?;
    let counted = window.counted(rows.len(), list_sql::count(&mut visible, &filter, crate::page::COUNT_LIMIT)).await?;
    Ok(window.close(rows, counted, |row| (row.created_at, row.id)))
}

/// The statement that counts, to 100, the requests that wait for the reader; for one that asks for more.
pub(crate) fn push_waiting(query: &mut QueryBuilder<Postgres>, portal: &Portal, actor: &Actor, scope: &Scope) {
    let (now, groups) = (portal.clock.now(), Groups::of(actor));
    let filter = list_sql::Filter { inbox: Inbox::Waiting, entity: None, groups: &groups, now };
    list_sql::push_count(query, scope, &filter, 100);
}

/// Tells the one who asked how it ended, and the others that nothing waits for them any more.
async fn settle(
    portal: &Portal,
    connection: &mut PgConnection,
    request: &Request,
    title: &str,
    body: &str,
) -> Result<()> {
    let about = effects::topic(request.number);
    notifications::effects::settled(portal, connection, &about).await?;
    let news = News {
        kind: NoticeKind::Request,
        title: title.to_owned(),
        body: body.to_owned(),
        href: request.number.href(),
        about,
    };
    notifications::effects::tell(portal, connection, &[request.requester], &news).await
}

/// Why somebody who decides requests cannot approve this one.
fn why_not(actor: &Actor, request: &Request, may_decide: bool) -> Option<String> {
    let person = actor.person()?;
    if person.id == request.requester {
        return Some("You asked for this, so others decide it.".to_owned());
    }
    if request.approvals.iter().any(|approval| approval.person == person.id) {
        return Some("You have approved this; it waits for others.".to_owned());
    }
    let stages = request.stages_of(&person.bindings);
    if stages.is_empty() || !may_decide {
        return Some("You belong to none of the groups that this waits for.".to_owned());
    }
    let open = request.open_stages();
    (!stages.iter().any(|stage| open[*stage]))
        .then(|| "Your group has approved already; it waits for another group.".to_owned())
}

fn name_in(history: &[model::request::RequestEvent], person: PersonId) -> Option<Named> {
    history.iter().filter_map(|event| event.person.clone()).find(|named| named.id == person)
}

/// The person who decides: service accounts and the portal itself never do.
fn decider(actor: &Actor) -> Result<&PersonActor> {
    actor.person().ok_or_else(|| Error::Conflict("only a person decides a request".to_owned()))
}

fn personal(person: PersonId, note: String) -> Option<Personal<String>> {
    (!note.is_empty()).then_some(Personal { person, value: note })
}

fn checked_note(note: &str) -> Result<String> {
    let note = note.trim().replace("\r\n", "\n");
    if note.chars().count() > MAX_NOTE_CHARS || note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Error::invalid("note", format!("a note has up to {MAX_NOTE_CHARS} characters")));
    }
    Ok(note)
}

fn read_hash(text: &str) -> Result<[u8; 32]> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text.trim(), &mut hash).map_err(|_| {
        Error::invalid("hash", "the hash of what was shown is missing; open the request and decide there")
    })?;
    Ok(hash)
}
