//! Environments: leases of something real, with an owner, a purpose, an expiry and an end that was verified.
//!
//! A request is approved, which makes a row; a job moves what the provider has towards what the row's state wants, and
//! records the outcome. The provider is never called inside a transaction, and never by two workers for the same
//! environment (see [`provider::postgres`]).

pub mod credentials;
pub mod effects;
pub(crate) mod jobs;
mod list_sql;
pub mod provider;
pub mod request;
mod sql;
pub mod state;
pub mod template;
pub mod templates;
#[cfg(test)]
mod tests;

use std::fmt;

use model::{
    EntityId, EnvironmentId, EnvironmentState, PersonId, RequestId, TeamId,
    environment::{Doable, EnvironmentDetail, EnvironmentRow, EnvironmentSpec, LogLine},
    page::{Count, Page, PageRequest},
};
use serde::{Serialize, Serializer};
use sqlx::PgConnection;
use time::OffsetDateTime;

pub use self::list_sql::{Filter, Sort};
use self::state::{Event, Life};
use crate::{
    Portal,
    audit::Change,
    authz::{Action, ActionName, Actor, Facts, Lock, Reference, Resource, ResourceKind, Snapshot, Who},
    error::{Error, Result},
    live::Topic,
    page::Window,
};

/// How many lines of its log a page shows at once.
const LOG_LINES: i64 = 500;

/// One environment as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    pub id: EnvironmentId,
    /// Stands in addresses and never changes.
    pub name: String,
    pub request: RequestId,
    pub entity: Option<EntityId>,
    /// `component:default/payments-api`
    pub service: String,
    pub owner: Option<TeamId>,
    pub owner_name: Option<String>,
    pub restricted: bool,
    pub requester: PersonId,
    pub requester_name: String,
    pub purpose: String,
    /// For showing. What is provisioned is read from the request, whose hash is checked.
    pub spec: EnvironmentSpec,
    pub life: Life,
    pub revealed_at: Option<OffsetDateTime>,
}

/// How an environment is named in an address: by its name, or by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentKey {
    Id(EnvironmentId),
    Name(String),
}

impl From<&str> for EnvironmentKey {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id)
    }
}

impl From<EnvironmentId> for EnvironmentKey {
    fn from(id: EnvironmentId) -> Self {
        Self::Id(id)
    }
}

impl fmt::Display for EnvironmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Resource for Environment {
    type Id = EnvironmentKey;
    const KIND: ResourceKind = ResourceKind::Environment;

    async fn load(connection: &mut PgConnection, key: &EnvironmentKey, lock: Lock) -> Result<Option<Self>> {
        sql::environment(connection, key, lock == Lock::ForUpdate).await
    }

    fn facts(&self) -> Facts {
        Facts {
            owner: self.owner,
            entity: self.entity,
            person: Some(self.requester),
            restricted: self.restricted,
            ..Facts::default()
        }
    }

    fn reference(&self) -> Reference {
        Reference { id: self.id.to_string(), name: self.name.clone() }
    }
}

/// Ending an environment, trying again, and what time and the provider bring about.
pub struct Manage;

impl Action for Manage {
    const NAME: ActionName = ActionName::EnvironmentManage;
    type Target = Environment;
    type Change = Change<Lease>;
}

/// What the record says of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lease {
    #[serde(serialize_with = "as_str")]
    pub state: EnvironmentState,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn as_str<S: Serializer>(state: &EnvironmentState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.as_str())
}

impl From<&Life> for Lease {
    fn from(life: &Life) -> Self {
        Self { state: life.state, expires_at: life.expires_at, failure: life.failure.clone() }
    }
}

/// A page of environments, with how many there are in each state.
#[derive(Clone, Debug)]
pub struct Listed {
    pub page: Page<EnvironmentRow>,
    /// Under the same filter but for the state; a state without any is left out.
    pub states: Vec<(EnvironmentState, Count)>,
}

/// The environments that the actor may see.
///
/// # Errors
/// `Unauthenticated` where nobody is signed in; `Invalid` for a cursor of another list.
pub async fn list(snapshot: &mut Snapshot, filter: &Filter, sort: Sort, request: &PageRequest) -> Result<Listed> {
    signed_in(snapshot)?;
    let portal = snapshot.portal().clone();
    let reader = snapshot.actor().person_id().map(|person| person.0);
    let mut visible = snapshot.visible(ActionName::EnvironmentRead)?;
    let scope = visible.scope.clone();
    let window = Window::open(&portal, "environments", &(filter, sort), request)?;
    let rows = list_sql::list(&mut visible, &scope, filter, reader, sort, &window).await?;
    let states = list_sql::counts(&mut visible, &scope, filter, reader).await?;
    let wanted = |state: &EnvironmentState| match filter.state {
        Some(wanted) => *state == wanted,
        None => !filter.living || *state != EnvironmentState::Ended,
    };
    let counted = states.iter().filter(|(state, _)| wanted(state)).map(|(_, count)| count).sum();
    let page = window.close(rows, counted, |row| sort.key(row));
    let states =
        states.into_iter().map(|(state, count)| (state, Count::of(u64::try_from(count).unwrap_or_default()))).collect();
    Ok(Listed { page, states })
}

/// One environment, its log, and what the actor may do to it.
///
/// # Errors
/// `NotFound` where there is none that the actor may see.
pub async fn read(snapshot: &mut Snapshot, key: EnvironmentKey) -> Result<EnvironmentDetail> {
    let environment: Environment = snapshot.read(ActionName::EnvironmentRead, key).await?;
    let may = doable(snapshot, &environment)?;
    let mut visible = snapshot.visible(ActionName::EnvironmentRead)?;
    let log = sql::log(&mut visible, environment.id, 0, LOG_LINES).await?;
    let waits = environment.life.attempts > 0 && environment.life.state.is_moving();
    Ok(EnvironmentDetail {
        request: environment.request,
        entity: environment.entity,
        owner: environment.owner,
        ready_at: environment.life.ready_at,
        warned_at: environment.life.warned_at,
        revealed_at: environment.revealed_at,
        next_attempt_at: environment.life.due_at.filter(|_| waits),
        log,
        may,
        spec: environment.spec.clone(),
        row: environment.row(),
    })
}

/// What was written into its log after `after`.
///
/// # Errors
/// `NotFound` where there is no such environment that the actor may see.
pub async fn log(portal: &Portal, actor: &Actor, key: EnvironmentKey, after: i64) -> Result<Vec<LogLine>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let environment: Environment = snapshot.read(ActionName::EnvironmentRead, key).await?;
    let mut visible = snapshot.visible(ActionName::EnvironmentRead)?;
    sql::log(&mut visible, environment.id, after, LOG_LINES).await
}

/// Ends an environment before its time: it can no longer be used, and is gone once the provider was looked through.
///
/// # Errors
/// `Conflict` where it is ending or has ended.
pub async fn end(portal: &Portal, actor: &Actor, key: EnvironmentKey) -> Result<Environment> {
    change(portal, actor, key, &Event::EndNow).await
}

/// Tries again what did not succeed.
///
/// # Errors
/// `Conflict` where nothing failed, or its time is over.
pub async fn retry(portal: &Portal, actor: &Actor, key: EnvironmentKey) -> Result<Environment> {
    change(portal, actor, key, &Event::Retry).await
}

/// Takes an environment from one state to the next; every change of state but those of an approval goes through here.
async fn change(portal: &Portal, actor: &Actor, key: EnvironmentKey, event: &Event) -> Result<Environment> {
    let mut permit = portal.authorize(actor, Manage, key).await?;
    let before = permit.target.life.clone();
    let (connection, environment) = permit.parts();
    effects::happened(portal, connection, environment, event).await?;
    let changed = environment.clone();
    permit.commit(Change::updated(Lease::from(&before), Lease::from(&changed.life))).await?;
    Ok(changed)
}

/// A list of nothing would tell nobody that they have to sign in.
fn signed_in(snapshot: &Snapshot) -> Result<()> {
    if matches!(snapshot.actor().who, Who::Anonymous) { Err(Error::Unauthenticated) } else { Ok(()) }
}

fn doable(snapshot: &Snapshot, environment: &Environment) -> Result<Doable> {
    let life = &environment.life;
    let facts = environment.facts();
    let id = environment.id.to_string();
    let manages = snapshot.may(ActionName::EnvironmentManage, &id, &facts)?;
    let now = snapshot.portal().clock.now();
    let possible = |event: Event| life.after(&event, now).is_ok();
    Ok(Doable {
        reveal: life.state.is_usable() && snapshot.may(ActionName::EnvironmentReveal, &id, &facts)?,
        extend: manages && possible(Event::Extended(life.expires_at)),
        end: manages && possible(Event::EndNow),
        retry: manages && life.failure.is_some() && possible(Event::Retry),
    })
}

impl Environment {
    /// Its page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/environments/{}", self.name)
    }

    fn row(&self) -> EnvironmentRow {
        EnvironmentRow {
            id: self.id,
            name: self.name.clone(),
            state: self.life.state,
            failure: self.life.failure.clone(),
            service: self.service.clone(),
            service_href: service_href(&self.service),
            owner_name: self.owner_name.clone(),
            requester: self.requester,
            requester_name: self.requester_name.clone(),
            template_title: self.spec.template_title.clone(),
            purpose: self.purpose.clone(),
            created_at: self.life.created_at,
            expires_at: self.life.expires_at,
            ended_at: self.life.ended_at,
        }
    }
}

/// What pages that show an environment listen to.
#[must_use]
pub fn topic(id: EnvironmentId) -> Topic {
    Topic::new("environment", id)
}

/// `component:default/payments-api` has its page at `/catalog/component/default/payments-api`.
fn service_href(service: &str) -> String {
    format!("/catalog/{}", service.replacen(':', "/", 1))
}
