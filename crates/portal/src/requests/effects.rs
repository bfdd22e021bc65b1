//! What other features' transactions may add here: opening a request, and saying how carrying it out ended.

use model::{
    EntityId, PersonId, RequestId, TeamId,
    notification::NoticeKind,
    request::{RequestEventKind, RequestNumber, RequestState},
};
use sqlx::PgConnection;
use time::Duration;

use super::{
    Approvers, Payload, Request, Stage, deciders,
    sql::{self, Event},
    state::{self, Document},
};
use crate::{
    Portal,
    authz::Facts,
    environments,
    error::{Error, Result},
    identity,
    live::{self, Topic},
    notifications::{self, News},
};

/// A request that nobody decides ends after this time.
const UNDECIDED_AFTER: Duration = Duration::days(14);
const MAX_REASON_CHARS: usize = 1_000;
const MAX_STAGES: usize = 8;
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// What somebody asks for, and who has to approve it: all of `stages`.
#[derive(Clone, Debug)]
pub(crate) struct NewRequest {
    pub payload: Payload,
    pub stages: Vec<Stage>,
    pub requester: PersonId,
    /// The team whose thing it is about.
    pub owner: Option<TeamId>,
    pub entity: Option<EntityId>,
    pub reason: String,
}

/// Opens a request and tells those who can approve it; one without stages is approved and carried out at once. The
/// caller has asked the policy whether the requester may ask, and sees that the stages are no fewer than it demands.
///
/// # Errors
/// `Invalid` for a reason that says nothing, for stages out of bounds, and, at `stages`, where there are not enough
/// people who could approve, with what to do about it.
pub(crate) async fn open(portal: &Portal, connection: &mut PgConnection, new: NewRequest) -> Result<Request> {
    let now = portal.clock.now();
    let reason = checked_reason(&new.reason)?;
    let named = named(&new.stages, new.owner)?;
    let mut document = Document {
        v: 1,
        id: portal.rng.id(&portal.clock),
        payload: new.payload,
        stages: new.stages,
        requester: new.requester,
        owner: new.owner,
        entity: new.entity,
        reason,
        created_at: now,
        expires_at: now + UNDECIDED_AFTER,
    };
    // as it will be read back
    document = serde_json::from_slice(&document.bytes()?)?;
    let bytes = document.bytes()?;
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(Error::TooLarge(format!("a request takes up to {MAX_DOCUMENT_BYTES} bytes in all")));
    }
    let mut request = Request {
        id: document.id,
        number: RequestNumber(0),
        payload: document.payload,
        hash: state::digest(&bytes),
        stages: document.stages,
        approvals: Vec::new(),
        requester: document.requester,
        owner: document.owner,
        entity: document.entity,
        reason: document.reason,
        state: RequestState::Pending,
        created_at: now,
        expires_at: document.expires_at,
        decided_at: None,
    };
    deciders::must_suffice(portal, connection, &request).await?;
    request.number = sql::insert(connection, &request, &bytes, &named).await?;
    let requester = Some(request.requester);
    event(portal, connection, &request, Event::new(RequestEventKind::Opened, requester)).await?;
    if request.is_met() {
        request.state = RequestState::Approved;
        request.decided_at = Some(now);
        carry_out(portal, connection, &mut request).await?;
        sql::save_state(connection, &request).await?;
    } else {
        tell_approvers(portal, connection, &request).await?;
    }
    Ok(request)
}

/// An approved request, after making sure that exactly this was approved: whoever carries it out begins here.
///
/// # Errors
/// `NotFound`; `Conflict` where it is not approved, or where one byte of it is not what was approved.
pub(crate) async fn must_be_approved(connection: &mut PgConnection, id: RequestId) -> Result<Request> {
    let request = sql::read(connection, id).await?.ok_or(Error::NotFound("request"))?;
    request.must_be_approved()?;
    Ok(request)
}

/// Records that an approved request was carried out, or could not be, with the reason; asked again, changes nothing.
///
/// # Errors
/// `NotFound`; `Conflict` where it was never approved.
pub(crate) async fn carried_out(
    portal: &Portal,
    connection: &mut PgConnection,
    id: RequestId,
    outcome: Result<(), String>,
) -> Result<()> {
    let mut request = sql::by_id(connection, id).await?.ok_or(Error::NotFound("request"))?;
    if matches!(request.state, RequestState::Fulfilled | RequestState::Failed) {
        return Ok(());
    }
    finish(portal, connection, &mut request, outcome).await?;
    sql::save_state(connection, &request).await
}

/// The catalog moved an entity to another owner: its requests follow.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn owner_changed(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
) -> Result<()> {
    sql::set_owner(connection, entity, owner).await
}

/// Does what a request asks for, in the transaction of its last approval.
pub(super) async fn carry_out(portal: &Portal, connection: &mut PgConnection, request: &mut Request) -> Result<()> {
    request.must_be_approved()?;
    event(portal, connection, request, Event::new(RequestEventKind::Approved, None)).await?;
    match &request.payload {
        Payload::Environment(environment) => {
            environments::effects::approved(portal, connection, request, environment).await
        }
        Payload::Extension(extension) => {
            environments::effects::extended(portal, connection, extension).await?;
            finish(portal, connection, request, Ok(())).await
        }
        Payload::Access(access) => {
            identity::effects::grant_requested(portal, connection, request, access).await?;
            finish(portal, connection, request, Ok(())).await
        }
    }
}

async fn finish(
    portal: &Portal,
    connection: &mut PgConnection,
    request: &mut Request,
    outcome: Result<(), String>,
) -> Result<()> {
    request.carried_out(outcome.is_ok())?;
    let kind = if outcome.is_ok() { RequestEventKind::Fulfilled } else { RequestEventKind::Failed };
    let note = outcome.err().unwrap_or_default();
    event(portal, connection, request, Event { note: &note, ..Event::new(kind, None) }).await
}

/// Adds to the request's history and wakes the pages that show it.
pub(super) async fn event(
    portal: &Portal,
    connection: &mut PgConnection,
    request: &Request,
    event: Event<'_>,
) -> Result<()> {
    sql::insert_event(connection, portal.rng.id(&portal.clock), request.id, portal.clock.now(), &event).await?;
    live::announce(connection, &topic(request.number)).await
}

/// What pages that show a request listen to.
#[must_use]
pub fn topic(number: RequestNumber) -> Topic {
    Topic::new("request", number)
}

async fn tell_approvers(portal: &Portal, connection: &mut PgConnection, request: &Request) -> Result<()> {
    let deciders = deciders::of(portal, connection, request).await?;
    let people: Vec<PersonId> = deciders.iter().map(|decider| decider.person.id).collect();
    let requester = identity::effects::display_name(connection, request.requester).await?;
    let news = News {
        kind: NoticeKind::Approval,
        title: format!("{requester} asks for your approval: {}", request.payload.title()),
        body: request.reason.clone(),
        href: request.number.href(),
        about: topic(request.number),
    };
    notifications::effects::tell(portal, connection, &people, &news).await?;
    let teams: Vec<TeamId> = request.stages.iter().filter_map(|stage| stage.approvers.team()).collect();
    let news = News { title: format!("{requester} asks for approval: {}", request.payload.title()), ..news };
    notifications::effects::post(portal, connection, &teams, &news).await
}

/// The teams besides the owner that are named to decide.
fn named(stages: &[Stage], owner: Option<TeamId>) -> Result<Vec<TeamId>> {
    if stages.len() > MAX_STAGES || stages.iter().any(|stage| !(1..=20).contains(&stage.needed)) {
        return Err(Error::invalid(
            "stages",
            format!("a request waits for up to {MAX_STAGES} groups, of each for 1 to 20 people"),
        ));
    }
    let mut teams: Vec<TeamId> = stages
        .iter()
        .filter_map(|stage| match stage.approvers {
            Approvers::LeadsOf(team) | Approvers::MembersOf(team) => Some(team),
            Approvers::ChampionsOf(team) => team,
        })
        .filter(|team| Some(*team) != owner)
        .collect();
    teams.sort_unstable();
    teams.dedup();
    if teams.len() > Facts::MAX_NAMED {
        return Err(Error::invalid(
            "stages",
            format!("a request names up to {} teams besides the owner", Facts::MAX_NAMED),
        ));
    }
    Ok(teams)
}

fn checked_reason(reason: &str) -> Result<String> {
    let reason = reason.trim().replace("\r\n", "\n");
    let wrong = reason.is_empty()
        || reason.chars().count() > MAX_REASON_CHARS
        || reason.chars().any(|character| character.is_control() && character != '\n');
    if wrong {
        return Err(Error::invalid(
            "reason",
            format!("say in 1 to {MAX_REASON_CHARS} characters what it is for: approvers decide by it"),
        ));
    }
    Ok(reason)
}
