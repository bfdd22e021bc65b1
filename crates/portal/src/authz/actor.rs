//! Who is acting, what they hold, and how we know.

use std::collections::BTreeSet;

use model::{BindingId, EntityId, IntegrationId, PersonId, ServiceAccountId, SessionId, TeamId, TokenId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Facts, RoleName};

/// Whoever asks: a person, a service account, the portal itself, or nobody known.
#[derive(Clone, Debug)]
pub struct Actor {
    pub who: Who,
    pub authentication: Authentication,
    /// Finds the request in logs and records.
    pub request_id: String,
    /// The caller's address, behind trusted proxies; personal.
    pub address: Option<std::net::IpAddr>,
}

#[derive(Clone, Debug)]
pub enum Who {
    Anonymous,
    Person(PersonActor),
    ServiceAccount(ServiceAccountActor),
    /// An integration that delivers with its own token; it can do nothing but that.
    Integration {
        id: IntegrationId,
    },
    /// A job or a start-up task, on whose behalf where somebody asked for it.
    System {
        task: &'static str,
        on_behalf_of: Option<PersonId>,
    },
}

#[derive(Clone, Debug)]
pub struct PersonActor {
    pub id: PersonId,
    pub display_name: String,
    pub email: Option<String>,
    pub time_zone: Option<String>,
    pub theme: Option<String>,
    pub bindings: Vec<Binding>,
    /// What a personal token is limited to; a browser's session has no such limit.
    pub scopes: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug)]
pub struct ServiceAccountActor {
    pub id: ServiceAccountId,
    pub name: String,
    /// The team whose things it may reach, or the whole organisation.
    pub team: Option<TeamId>,
    pub scopes: BTreeSet<String>,
}

/// One role at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    pub id: BindingId,
    pub role: RoleName,
    pub reach: Reach,
}

/// Where a role holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    Organisation,
    /// What this team owns, or is named to decide.
    Team(TeamId),
    /// One entity and what belongs to it.
    Entity(EntityId),
}

impl Reach {
    #[must_use]
    pub fn covers(self, facts: &Facts) -> bool {
        match self {
            Self::Organisation => true,
            Self::Team(team) => facts.owner == Some(team) || facts.named.contains(&Some(team)),
            Self::Entity(entity) => facts.entity == Some(entity),
        }
    }
}

/// How the portal knows who is acting.
#[derive(Clone, Debug)]
pub enum Authentication {
    None,
    Session {
        id: SessionId,
        amr: Vec<String>,
        acr: Option<String>,
        at: OffsetDateTime,
    },
    Token {
        id: TokenId,
    },
    /// The token of the integration itself.
    Integration,
    /// The portal's own process.
    Process,
}

impl Actor {
    /// Nobody known.
    #[must_use]
    pub fn anonymous(request_id: String, address: Option<std::net::IpAddr>) -> Self {
        Self { who: Who::Anonymous, authentication: Authentication::None, request_id, address }
    }

    /// The portal itself, doing `task`.
    #[must_use]
    pub fn system(task: &'static str, on_behalf_of: Option<PersonId>, request_id: String) -> Self {
        Self {
            who: Who::System { task, on_behalf_of },
            authentication: Authentication::Process,
            request_id,
            address: None,
        }
    }

    #[must_use]
    pub fn person(&self) -> Option<&PersonActor> {
        match &self.who {
            Who::Person(person) => Some(person),
            _ => None,
        }
    }

    #[must_use]
    pub fn person_id(&self) -> Option<PersonId> {
        self.person().map(|person| person.id)
    }

    /// What the roles are that this actor holds, and where; a service account holds the role "service".
    pub(super) fn bindings(&self) -> Vec<(RoleName, Reach)> {
        match &self.who {
            Who::Person(person) => person
                .bindings
                .iter()
                .map(|binding| (binding.role, binding.reach))
                .chain([(RoleName::Member, Reach::Organisation)])
                .collect(),
            Who::ServiceAccount(account) => {
                vec![(RoleName::Service, account.team.map_or(Reach::Organisation, Reach::Team))]
            }
            Who::Integration { .. } | Who::System { .. } | Who::Anonymous => Vec::new(),
        }
    }

    /// The roles that this actor holds over a thing: everywhere, through its owner, or on the thing itself.
    #[must_use]
    pub fn roles_over(&self, facts: &Facts) -> BTreeSet<RoleName> {
        self.bindings().into_iter().filter(|(_, reach)| reach.covers(facts)).map(|(role, _)| role).collect()
    }

    /// What a token is limited to; none where nothing narrows the actor.
    pub(super) fn scopes(&self) -> Option<&BTreeSet<String>> {
        match &self.who {
            Who::Person(person) => person.scopes.as_ref(),
            Who::ServiceAccount(account) => Some(&account.scopes),
            Who::Integration { .. } | Who::System { .. } | Who::Anonymous => None,
        }
    }

    /// Whether the actor holds a role anywhere at all: for what a page offers, never for a decision.
    #[must_use]
    pub fn holds(&self, role: RoleName) -> bool {
        self.bindings().iter().any(|(held, _)| *held == role)
    }
}
