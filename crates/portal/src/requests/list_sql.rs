//! Lists of requests: by whom they wait for, who decided them, who asked, and what the reader may see.

use model::{
    EntityId, PersonId, RequestId,
    request::{Inbox, Named, RequestKind, RequestNumber, RequestRow, RequestState},
};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Visible,
    authz::{Actor, Reach, RoleName, Scope},
    error::{Error, Result},
};

/// The groups that a reader belongs to, by the roles they hold: what [`Approvers::includes`](super::Approvers) asks of
/// one person, for a whole list.
pub(super) struct Groups {
    person: Option<PersonId>,
    leads_everywhere: bool,
    leads: Vec<Uuid>,
    champions_everywhere: bool,
    champions: Vec<Uuid>,
    members: Vec<Uuid>,
}

impl Groups {
    pub(super) fn of(actor: &Actor) -> Self {
        let bindings = actor.person().map(|person| person.bindings.as_slice()).unwrap_or_default();
        let teams = |role: Option<RoleName>| -> Vec<Uuid> {
            (bindings.iter())
                .filter(|binding| role.is_none_or(|role| binding.role == role))
                .filter_map(|binding| match binding.reach {
                    Reach::Team(team) => Some(team.0),
                    Reach::Organisation | Reach::Entity(_) => None,
                })
                .collect()
        };
        let everywhere =
            |role| bindings.iter().any(|binding| binding.role == role && binding.reach == Reach::Organisation);
        Self {
            person: actor.person_id(),
            leads_everywhere: everywhere(RoleName::TeamLead),
            leads: teams(Some(RoleName::TeamLead)),
            champions_everywhere: everywhere(RoleName::SecurityChampion),
            champions: teams(Some(RoleName::SecurityChampion)),
            members: teams(None),
        }
    }
}

pub(super) struct Filter<'a> {
    pub inbox: Inbox,
    pub entity: Option<EntityId>,
    pub groups: &'a Groups,
    pub now: OffsetDateTime,
}

const COLUMNS: &str = "select request.id, number, request.kind, request.title, requester_id, \
    requester.display_name as requester_name, owner.display_name as owner_name, state, \
    request.created_at, request.expires_at, decided_at, \
    array(select case approvers \
              when 'leads' then 'leads of ' || named.display_name \
              when 'members' then 'members of ' || named.display_name \
              else 'security champions of ' || coalesce(named.display_name, 'the organisation') end \
          from request_stage left join team named on named.id = request_stage.team_id \
          where request_stage.request_id = request.id and open order by position) as waits_for \
    from request \
    join person requester on requester.id = requester_id \
    left join team owner on owner.id = request.owner_id";

/// One page of rows, and one more.
pub(super) async fn rows(
    visible: &mut Visible<'_>,
    filter: &Filter<'_>,
    after: Option<&(OffsetDateTime, RequestId)>,
    backwards: bool,
    limit: i64,
) -> Result<Vec<RequestRow>> {
    let scope = visible.scope.clone();
    let mut query = QueryBuilder::new(COLUMNS);
    push_conditions(&mut query, &scope, filter);
    if let Some((created_at, id)) = after {
        query.push(" and (request.created_at, request.id) ").push(if backwards { ">" } else { "<" });
        query.push(" (").push_bind(*created_at).push(", ").push_bind(id.0).push(")");
    }
    let direction = if backwards { "asc" } else { "desc" };
    query.push(" order by request.created_at ").push(direction).push(", request.id ").push(direction);
    query.push(" limit ").push_bind(limit);
    query.build().fetch_all(&mut **visible).await?.iter().map(read).collect()
}

/// How many there are, counted to `limit`.
pub(super) async fn count(visible: &mut Visible<'_>, filter: &Filter<'_>, limit: i64) -> Result<i64> {
    let scope = visible.scope.clone();
    let mut query = QueryBuilder::default();
    push_count(&mut query, &scope, filter, limit);
    Ok(query.build_query_scalar().fetch_one(&mut **visible).await?)
}

/// The same as a statement, for one that asks for more.
pub(super) fn push_count(query: &mut QueryBuilder<Postgres>, scope: &Scope, filter: &Filter<'_>, limit: i64) {
    query.push("select count(*) from (select from request");
    push_conditions(query, scope, filter);
    query.push(" limit ").push_bind(limit).push(") counted");
}

/// The row of one request that the caller has read already.
pub(super) async fn row(connection: &mut PgConnection, id: RequestId) -> Result<RequestRow> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push(" where request.id = ").push_bind(id.0);
    read(&query.build().fetch_one(connection).await?)
}

fn push_conditions(query: &mut QueryBuilder<Postgres>, scope: &Scope, filter: &Filter<'_>) {
    let groups = filter.groups;
    let person = groups.person.map(|id| id.0);
    if filter.inbox == Inbox::Mine && person.is_some() && scope.person == groups.person {
        // one's own are among what one sees: the many ways to see others' would only cost planning
        query.push(" where true");
    } else {
        query.push(" where (").push_bind(scope.everything);
        query.push(" or request.owner_id = any(").push_bind(scope.team_ids());
        query.push(") or request.named_ids && ").push_bind(scope.team_ids());
        query.push(" or request.entity_id = any(").push_bind(scope.entity_ids());
        query.push(") or request.requester_id = ").push_bind(scope.person.map(|id| id.0)).push(")");
    }
    if let Some(entity) = filter.entity {
        query.push(" and request.entity_id = ").push_bind(entity.0);
    }
    match filter.inbox {
        Inbox::All => {}
        Inbox::Mine => {
            query.push(" and request.requester_id = ").push_bind(person);
        }
        Inbox::Decided => {
            query.push(
                " and exists (select from request_event where request_id = request.id \
                  and request_event.kind in ('approval', 'declined') and request_event.person_id = ",
            );
            query.push_bind(person).push(")");
        }
        Inbox::Waiting => {
            query.push(" and state = 'pending' and request.expires_at > ").push_bind(filter.now);
            query.push(" and request.requester_id <> ").push_bind(person);
            query.push(
                " and not exists (select from request_event where request_id = request.id \
                  and request_event.kind = 'approval' and request_event.person_id = ",
            );
            query.push_bind(person).push(")");
            query.push(
                " and exists (select from request_stage stage where stage.request_id = request.id and stage.open and (",
            );
            query.push("(approvers = 'leads' and (").push_bind(groups.leads_everywhere);
            query.push(" or stage.team_id = any(").push_bind(groups.leads.clone()).push(")))");
            query.push(" or (approvers = 'champions' and (").push_bind(groups.champions_everywhere);
            query.push(" or stage.team_id = any(").push_bind(groups.champions.clone()).push(")))");
            query.push(" or (approvers = 'members' and stage.team_id = any(").push_bind(groups.members.clone());
            query.push("))))");
        }
    }
}

fn read(row: &PgRow) -> Result<RequestRow> {
    let (kind, state): (String, String) = (row.try_get("kind")?, row.try_get("state")?);
    Ok(RequestRow {
        id: row.try_get("id")?,
        number: RequestNumber(row.try_get("number")?),
        kind: RequestKind::parse(&kind).ok_or_else(|| Error::internal(format!("unknown kind {kind:?}")))?,
        title: row.try_get("title")?,
        requester: Named { id: row.try_get("requester_id")?, name: row.try_get("requester_name")? },
        owner: row.try_get("owner_name")?,
        state: RequestState::parse(&state).ok_or_else(|| Error::internal(format!("unknown state {state:?}")))?,
        waits_for: row.try_get("waits_for")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        decided_at: row.try_get("decided_at")?,
    })
}
