//! Who may do what. [`Portal::authorize`] is the only way to a connection that can write, and
//! [`Portal::snapshot`] the only way to one that reads, so that neither the check nor the record can be forgotten.

mod action;
mod actor;
mod cedar;
mod memo;
mod scope;
mod table;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt::Display,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use model::{EntityId, PersonId, TeamId, problem::Denial};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

pub use self::{
    action::{ActionName, Mode, ResourceKind},
    actor::{Actor, Authentication, Binding, PersonActor, Reach, ServiceAccountActor, Who},
    cedar::{Decision, Policies},
    scope::Scope,
    table::{RolesTable, allowed_by, roles_table},
};
use crate::{
    Portal, audit,
    db::{StatementConn, Tx},
    error::{Error, Result},
};

/// A role's name; where it holds is its [`Reach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    /// Everybody who has signed in; never bound.
    Member,
    Developer,
    TeamLead,
    SecurityChampion,
    PlatformAdministrator,
    Auditor,
    /// Every service account, within its reach; never bound.
    Service,
}

impl RoleName {
    /// What can be bound to a person.
    pub const BINDABLE: [Self; 5] =
        [Self::Developer, Self::TeamLead, Self::SecurityChampion, Self::PlatformAdministrator, Self::Auditor];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Developer => "developer",
            Self::TeamLead => "team_lead",
            Self::SecurityChampion => "security_champion",
            Self::PlatformAdministrator => "platform_administrator",
            Self::Auditor => "auditor",
            Self::Service => "service",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Member => "Member",
            Self::Developer => "Developer",
            Self::TeamLead => "Team lead",
            Self::SecurityChampion => "Security champion",
            Self::PlatformAdministrator => "Platform administrator",
            Self::Auditor => "Auditor",
            Self::Service => "Service account",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Member, Self::Service].into_iter().chain(Self::BINDABLE).find(|role| role.as_str() == text)
    }

    /// Whether the role holds in the whole organisation or not at all.
    #[must_use]
    pub const fn is_everywhere(self) -> bool {
        matches!(self, Self::Member | Self::PlatformAdministrator | Self::Auditor)
    }
}

/// What a policy can know of a thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub owner: Option<TeamId>,
    /// The catalog entity that the thing is, or belongs to.
    pub entity: Option<EntityId>,
    /// Whose own it is: the requester of a request, the subject of a record.
    pub person: Option<PersonId>,
    /// Teams besides the owner that it concerns: those that a request names to decide it.
    pub named: [Option<TeamId>; Facts::MAX_NAMED],
    /// Invisible to all but those with a role over it.
    pub restricted: bool,
}

impl Facts {
    /// How many teams besides its owner a thing can concern.
    pub const MAX_NAMED: usize = 4;
}

/// How a record names a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub id: String,
    /// Never personal: a person's is their id.
    pub name: String,
}

/// Something that actions are done to.
pub trait Resource: Sized + Send + Sync {
    type Id: Display + Send + Sync;
    const KIND: ResourceKind;

    /// The thing as it is now, locked until the transaction ends where `lock` says so; none where there is none.
    fn load(
        connection: &mut PgConnection,
        id: &Self::Id,
        lock: Lock,
    ) -> impl Future<Output = Result<Option<Self>>> + Send;
    fn facts(&self) -> Facts;
    fn reference(&self) -> Reference;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// For a change: others wait.
    ForUpdate,
    /// For a look.
    None,
}

/// One thing that can be done: a zero-sized type in the feature that does it.
pub trait Action: Send + Sync {
    const NAME: ActionName;
    type Target: Resource;
    /// What the record says was changed; personal values are [`audit::Personal`].
    type Change: Serialize + Send + Sync;
}

/// The whole installation: the target of what concerns no single thing.
#[derive(Clone, Copy, Debug)]
pub struct Organisation;

impl Resource for Organisation {
    type Id = &'static str;
    const KIND: ResourceKind = ResourceKind::Organisation;

    async fn load(_: &mut PgConnection, _: &Self::Id, _: Lock) -> Result<Option<Self>> {
        Ok(Some(Self))
    }

    fn facts(&self) -> Facts {
        Facts::default()
    }

    fn reference(&self) -> Reference {
        Reference { id: ORGANISATION.to_owned(), name: ORGANISATION.to_owned() }
    }
}

/// The id of the one [`Organisation`].
pub const ORGANISATION: &str = "organisation";

/// Permission to do one thing to one thing, and the transaction to do it in. Only `commit` keeps what was done, and
/// it writes the record; dropped, it leaves nothing.
pub struct Permit<A: Action> {
    tx: Tx,
    pub target: A::Target,
    portal: Portal,
    actor: Actor,
    decision: Decision,
    action: PhantomData<A>,
}

impl<A: Action> Permit<A> {
    /// Writes the audit record of `change` and commits both.
    ///
    /// # Errors
    /// `Internal` or `Unavailable`; then nothing was done.
    pub async fn commit(mut self, change: A::Change) -> Result<()> {
        let change = serde_json::to_value(&change)?;
        let target = self.target.reference();
        let facts = self.target.facts();
        audit::committed(&self.portal, &mut self.tx, &self.actor, A::NAME, &target, &facts, &self.decision, change)
            .await?;
        self.tx.commit().await
    }

    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    #[must_use]
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// The transaction's connection together with the target, for effects that need both.
    pub fn parts(&mut self) -> (&mut PgConnection, &mut A::Target) {
        (&mut self.tx, &mut self.target)
    }
}

impl<A: Action> Deref for Permit<A> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl<A: Action> DerefMut for Permit<A> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// One moment of the database, seen by one actor. A page takes all that it shows from one.
pub struct Snapshot {
    /// Gone once something was denied: nothing more is shown.
    tx: Option<Tx>,
    portal: Portal,
    actor: Actor,
}

/// A connection, and which rows may be taken from it.
pub struct Visible<'a> {
    pub scope: Scope,
    connection: &'a mut PgConnection,
}

impl Deref for Visible<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection
    }
}

impl DerefMut for Visible<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection
    }
}

impl Snapshot {
    /// Reads one thing by a read action.
    ///
    /// # Errors
    /// `NotFound` where there is none that the actor may see.
    pub async fn read<R: Resource>(&mut self, action: ActionName, id: R::Id) -> Result<R> {
        let tx = self.tx.as_mut().ok_or_else(ended)?;
        let found = R::load(tx, &id, Lock::None).await?.ok_or(Error::NotFound(R::KIND.noun()))?;
        let reference = found.reference();
        let decision = self.portal.policies.decide(&self.actor, action, &reference.id, &found.facts())?;
        if decision.allowed {
            return Ok(found);
        }
        if let Some(tx) = self.tx.take() {
            tx.rollback().await?;
        }
        Err(refuse(&self.portal, &self.actor, action, R::KIND, &reference, &found.facts(), &decision).await)
    }

    /// What the actor may see by a read action, and the connection to read it with.
    ///
    /// # Errors
    /// `Unauthenticated` where nobody is signed in, `Internal` after a denial on the same snapshot.
    pub fn visible(&mut self, action: ActionName) -> Result<Visible<'_>> {
        let scope = self.portal.scope(&self.actor, action)?;
        Ok(Visible { scope, connection: self.tx.as_mut().ok_or_else(ended)? })
    }

    /// Whether the actor may do something to a thing: for what a page offers. The action itself asks again.
    ///
    /// # Errors
    /// `Internal` where the question does not fit the schema.
    pub fn may(&self, action: ActionName, id: &str, facts: &Facts) -> Result<bool> {
        Ok(self.portal.policies.decide(&self.actor, action, id, facts)?.allowed)
    }

    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    #[must_use]
    pub fn portal(&self) -> &Portal {
        &self.portal
    }
}

fn ended() -> Error {
    Error::internal("the snapshot ended with a denial")
}

impl Portal {
    /// Begins a transaction, loads and locks the target, and asks the policy.
    ///
    /// # Errors
    /// `NotFound` where there is no such thing or the actor may not know of it, `Forbidden` where the actor may not do
    /// this (recorded), `Unauthenticated` where nobody is signed in.
    pub async fn authorize<A: Action>(
        &self,
        actor: &Actor,
        _: A,
        id: <A::Target as Resource>::Id,
    ) -> Result<Permit<A>> {
        let mut tx = self.db.begin().await?;
        let Some(target) = A::Target::load(&mut tx, &id, Lock::ForUpdate).await? else {
            tx.rollback().await?;
            // nobody learns from the difference whether a thing exists
            return Err(if matches!(actor.who, Who::Anonymous) {
                Error::Unauthenticated
            } else {
                Error::NotFound(A::Target::KIND.noun())
            });
        };
        let reference = target.reference();
        let decision = self.policies.decide(actor, A::NAME, &reference.id, &target.facts())?;
        if decision.allowed {
            return Ok(Permit {
                tx,
                target,
                portal: self.clone(),
                actor: actor.clone(),
                decision,
                action: PhantomData,
            });
        }
        tx.rollback().await?;
        Err(refuse(self, actor, A::NAME, A::Target::KIND, &reference, &target.facts(), &decision).await)
    }

    /// One moment of the database for one actor.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn snapshot(&self, actor: &Actor) -> Result<Snapshot> {
        Ok(Snapshot { tx: Some(self.db.begin_snapshot().await?), portal: self.clone(), actor: actor.clone() })
    }

    /// What `actor` may see by a read action, for one statement alone.
    ///
    /// # Errors
    /// `Unauthenticated` where nobody is signed in, `Unavailable` where the database does not answer.
    pub(crate) async fn glance(&self, actor: &Actor, action: ActionName) -> Result<(Scope, StatementConn)> {
        Ok((self.scope(actor, action)?, self.db.statement().await?))
    }

    fn scope(&self, actor: &Actor, action: ActionName) -> Result<Scope> {
        // an empty list would say that there is nothing
        if matches!(actor.who, Who::Anonymous) {
            return Err(Error::Unauthenticated);
        }
        Ok(self.policies.scope(actor, action))
    }

    /// Reads one thing, alone.
    ///
    /// # Errors
    /// As [`Snapshot::read`].
    pub async fn read<R: Resource>(&self, actor: &Actor, action: ActionName, id: R::Id) -> Result<R> {
        self.snapshot(actor).await?.read(action, id).await
    }
}

/// Records a denial and says what the actor may know of it.
async fn refuse(
    portal: &Portal,
    actor: &Actor,
    action: ActionName,
    kind: ResourceKind,
    target: &Reference,
    facts: &Facts,
    decision: &Decision,
) -> Error {
    if let Err(error) = audit::denied(portal, actor, action, target, facts, decision).await {
        return error;
    }
    if matches!(actor.who, Who::Anonymous) {
        return Error::Unauthenticated;
    }
    let may_know = kind.read().is_none_or(|read| {
        read != action && portal.policies.decide(actor, read, &target.id, facts).is_ok_and(|read| read.allowed)
    });
    if !may_know {
        return Error::NotFound(kind.noun());
    }
    Error::Forbidden(Box::new(Denial {
        action: action.as_str().to_owned(),
        missing: decision.because.join("; or "),
        ask: ask(decision),
        request_access: decision.ask.first().map(|role| request_access(role, facts)),
    }))
}

/// Who can grant what was missing.
fn ask(decision: &Decision) -> Vec<String> {
    let answers: BTreeMap<&str, &str> = BTreeMap::from([
        ("team_lead", "a lead of the team that owns it"),
        ("security_champion", "a security champion"),
        ("platform_administrator", "a platform administrator"),
    ]);
    decision.ask.iter().filter_map(|role| answers.get(role.as_str())).map(|&answer| answer.to_owned()).collect()
}

fn request_access(role: &str, facts: &Facts) -> String {
    // developers ask to become developers of the team; leads and administrators are named by hand
    let role = if role == "team_lead" { "developer" } else { role };
    match (facts.owner, facts.entity) {
        (_, Some(entity)) => format!("/access/request?role={role}&entity={entity}"),
        (Some(team), None) => format!("/access/request?role={role}&team={team}"),
        (None, None) => format!("/access/request?role={role}"),
    }
}
