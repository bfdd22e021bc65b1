//! What requests ask of Postgres.

use model::{
    EntityId, PersonId, RequestEventId, RequestId, TeamId,
    request::{Named, RequestEvent, RequestEventKind, RequestNumber, RequestState},
};
use sqlx::{PgConnection, query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use super::state::{Approval, Approvers, Document, Request};
use crate::error::{Error, Result};

/// A request, read from its document: never from the columns that repeat it.
pub(super) async fn request(
    connection: &mut PgConnection,
    number: RequestNumber,
    lock: bool,
) -> Result<Option<Request>> {
    let id = if lock {
        query_scalar!("select id from request where number = $1 for update", number.0)
            .fetch_optional(&mut *connection)
            .await?
    } else {
        query_scalar!("select id from request where number = $1", number.0).fetch_optional(&mut *connection).await?
    };
    match id {
        Some(id) => read(connection, RequestId(id)).await,
        None => Ok(None),
    }
}

/// The request of that id, locked.
pub(super) async fn by_id(connection: &mut PgConnection, id: RequestId) -> Result<Option<Request>> {
    query!("select id from request where id = $1 for update", id.0).fetch_optional(&mut *connection).await?;
    read(connection, id).await
}

/// The request of that id as it is, for a look.
pub(super) async fn read(connection: &mut PgConnection, id: RequestId) -> Result<Option<Request>> {
    let Some(row) =
        query!("select number, document, hash, owner_id, state, decided_at from request where id = $1", id.0,)
            .fetch_optional(&mut *connection)
            .await?
    else {
        return Ok(None);
    };
    let approvals = query!(
        r#"select person_id as "person_id!", at, hash as "hash!", stages as "stages!"
           from request_event
           where request_id = $1 and kind = 'approval'
           order by position"#,
        id.0,
    )
    .fetch_all(connection)
    .await?;
    let number = RequestNumber(row.number);
    let document = Document::read(number, &row.document, &row.hash)?;
    let approvals = approvals
        .into_iter()
        .map(|approval| {
            Ok(Approval {
                person: PersonId(approval.person_id),
                at: approval.at,
                stages: approval
                    .stages
                    .into_iter()
                    .filter_map(|stage| usize::try_from(stage).ok())
                    .filter(|stage| *stage < document.stages.len())
                    .collect(),
                hash: exact(&approval.hash)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Some(Request {
        id: document.id,
        number,
        payload: document.payload,
        hash: exact(&row.hash)?,
        stages: document.stages,
        approvals,
        requester: document.requester,
        // the one thing that follows the catalog: who owns what it is about
        owner: row.owner_id.map(TeamId),
        entity: document.entity,
        reason: document.reason,
        state: RequestState::parse(&row.state)
            .ok_or_else(|| Error::internal(format!("unknown state {:?}", row.state)))?,
        created_at: document.created_at,
        expires_at: document.expires_at,
        decided_at: row.decided_at,
    }))
}

fn exact(hash: &[u8]) -> Result<[u8; 32]> {
    hash.try_into().map_err(|_| Error::internal("a request's hash is not 32 bytes"))
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    request: &Request,
    document: &[u8],
    named: &[TeamId],
) -> Result<RequestNumber> {
    let named: Vec<Uuid> = named.iter().map(|team| team.0).collect();
    let number = query_scalar!(
        "insert into request (
             id, kind, document, hash, title, requester_id, owner_id, entity_id, named_ids, state, created_at, expires_at
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10, $11)
         returning number",
        request.id.0,
        request.payload.kind().as_str(),
        document,
        &request.hash,
        request.payload.title(),
        request.requester.0,
        request.owner.map(|id| id.0),
        request.entity.map(|id| id.0),
        &named,
        request.created_at,
        request.expires_at,
    )
    .fetch_one(&mut *connection)
    .await?;
    for (position, stage) in request.stages.iter().enumerate() {
        let approvers = match stage.approvers {
            Approvers::LeadsOf(_) => "leads",
            Approvers::ChampionsOf(_) => "champions",
            Approvers::MembersOf(_) => "members",
        };
        query!(
            "insert into request_stage (request_id, position, approvers, team_id, open) values ($1, $2, $3, $4, true)",
            request.id.0,
            place(position),
            approvers,
            stage.approvers.team().map(|id| id.0),
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(RequestNumber(number))
}

/// Keeps a request's state, and which of its stages are open.
pub(super) async fn save_state(connection: &mut PgConnection, request: &Request) -> Result<()> {
    query!(
        "update request set state = $2, decided_at = $3 where id = $1",
        request.id.0,
        request.state.as_str(),
        request.decided_at,
    )
    .execute(&mut *connection)
    .await?;
    let pending = request.state == RequestState::Pending;
    let open: Vec<bool> = request.open_stages().into_iter().map(|open| open && pending).collect();
    let positions: Vec<i16> = (0..open.len()).map(place).collect();
    query!(
        "update request_stage set open = now.open
         from unnest($2::smallint[], $3::bool[]) as now (position, open)
         where request_id = $1 and request_stage.position = now.position and request_stage.open <> now.open",
        request.id.0,
        &positions,
        &open,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn set_owner(connection: &mut PgConnection, entity: EntityId, owner: Option<TeamId>) -> Result<()> {
    query!("update request set owner_id = $2 where entity_id = $1", entity.0, owner.map(|id| id.0))
        .execute(connection)
        .await?;
    Ok(())
}

/// Pending requests whose time is over.
pub(super) async fn due(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<RequestNumber>> {
    let numbers = query_scalar!(
        "select number from request where state = 'pending' and expires_at <= $1 order by expires_at limit 100",
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(numbers.into_iter().map(RequestNumber).collect())
}

// ---- history

/// One thing that happened, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'a> {
    pub kind: RequestEventKind,
    pub person: Option<PersonId>,
    pub note: &'a str,
    pub hash: Option<&'a [u8; 32]>,
    pub stages: Option<&'a [usize]>,
}

impl Event<'_> {
    pub(super) const fn new(kind: RequestEventKind, person: Option<PersonId>) -> Self {
        Self { kind, person, note: "", hash: None, stages: None }
    }
}

pub(super) async fn insert_event(
    connection: &mut PgConnection,
    id: RequestEventId,
    request: RequestId,
    at: OffsetDateTime,
    event: &Event<'_>,
) -> Result<()> {
    let stages: Option<Vec<i16>> = event.stages.map(|stages| stages.iter().copied().map(place).collect());
    query!(
        "insert into request_event (id, request_id, at, kind, person_id, note, hash, stages)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id.0,
        request.0,
        at,
        event.kind.as_str(),
        event.person.map(|id| id.0),
        event.note,
        event.hash.map(<[u8; 32]>::as_slice),
        stages.as_deref(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn history(connection: &mut PgConnection, request: RequestId) -> Result<Vec<RequestEvent>> {
    let rows = query!(
        r#"select at, kind, person_id, display_name as "name?", note
           from request_event
           left join person on person.id = person_id
           where request_id = $1
           order by position"#,
        request.0,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(RequestEvent {
                at: row.at,
                kind: RequestEventKind::parse(&row.kind)
                    .ok_or_else(|| Error::internal(format!("unknown event {:?}", row.kind)))?,
                person: row.person_id.zip(row.name).map(|(id, name)| Named { id: PersonId(id), name }),
                note: row.note,
            })
        })
        .collect()
}

/// A stage's position, as Postgres keeps it.
fn place(position: usize) -> i16 {
    i16::try_from(position).expect("a request has a handful of stages")
}
