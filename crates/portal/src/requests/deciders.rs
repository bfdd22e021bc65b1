//! Who could approve a request now: members of its groups whom the policy lets approve it.

use model::{TeamId, request::Named};
use sqlx::PgConnection;

use super::{Approvers, Request, Stage, state};
use crate::{
    Portal,
    authz::{ActionName, Actor, Authentication, PersonActor, Resource, Who},
    error::{Error, Result},
    identity::{self, effects::Holder},
};

/// Somebody who could approve, and the stages that they could count for.
pub(super) struct Decider {
    pub person: Named,
    pub stages: Vec<usize>,
}

/// Everybody who could approve: the requester and those who have approved already left out.
pub(super) async fn of(portal: &Portal, connection: &mut PgConnection, request: &Request) -> Result<Vec<Decider>> {
    let teams: Vec<TeamId> = request.stages.iter().filter_map(|stage| stage.approvers.team()).collect();
    let holders = identity::effects::holders(connection, &teams, portal.clock.now()).await?;
    let mut deciders = Vec::new();
    for holder in holders {
        let stages = request.stages_of(&holder.bindings);
        let counted = request.approvals.iter().any(|approval| approval.person == holder.person);
        if stages.is_empty() || counted || holder.person == request.requester {
            continue;
        }
        let person = Named { id: holder.person, name: holder.name.clone() };
        let facts = request.facts();
        let id = request.id.to_string();
        if portal.policies.decide(&actor(holder), ActionName::RequestApprove, &id, &facts)?.allowed {
            deciders.push(Decider { person, stages });
        }
    }
    Ok(deciders)
}

/// Refuses a request that nobody, or too few, could approve: it would only wait for its end.
pub(super) async fn must_suffice(portal: &Portal, connection: &mut PgConnection, request: &Request) -> Result<()> {
    if request.stages.is_empty() {
        return Ok(());
    }
    let deciders = of(portal, connection, request).await?;
    let people: Vec<Vec<usize>> = deciders.into_iter().map(|decider| decider.stages).collect();
    let assigned = state::assign(&request.stages, &people);
    if assigned.iter().flatten().count() == state::needed(&request.stages) {
        return Ok(());
    }
    for (position, stage) in request.stages.iter().enumerate() {
        let there = assigned.iter().filter(|assigned| **assigned == Some(position)).count();
        if there < stage.needed as usize {
            let remedy = remedy(connection, *stage, there).await?;
            return Err(Error::invalid("stages", remedy));
        }
    }
    Ok(())
}

/// What to do where a stage has `there` people who could approve, and that is too few.
pub(super) async fn remedy(connection: &mut PgConnection, stage: Stage, there: usize) -> Result<String> {
    let group = in_words(connection, stage.approvers).await?;
    let others = if there == 0 { "nobody else".to_owned() } else { format!("only {there}") };
    let role = match stage.approvers {
        Approvers::LeadsOf(_) => "team lead",
        Approvers::ChampionsOf(_) => "security champion",
        Approvers::MembersOf(_) => "member",
    };
    Ok(format!(
        "this needs {} of the {group}, and there is {others} who could approve it; administrators do not approve in \
         their place, but a platform administrator can name a {role} on the Access page, or the identity provider's \
         groups can",
        stage.needed,
    ))
}

/// `leads of payments`
pub(super) async fn in_words(connection: &mut PgConnection, approvers: Approvers) -> Result<String> {
    let team = match approvers.team() {
        Some(team) => identity::effects::team_name(connection, team).await?,
        None => String::new(),
    };
    Ok(match approvers {
        Approvers::LeadsOf(_) => format!("leads of {team}"),
        Approvers::ChampionsOf(Some(_)) => format!("security champions of {team}"),
        Approvers::ChampionsOf(None) => "security champions of the organisation".to_owned(),
        Approvers::MembersOf(_) => format!("members of {team}"),
    })
}

/// The holder as the policy would meet them in a browser.
fn actor(holder: Holder) -> Actor {
    Actor {
        who: Who::Person(PersonActor {
            id: holder.person,
            display_name: holder.name,
            email: None,
            time_zone: None,
            theme: None,
            bindings: holder.bindings,
            scopes: None,
        }),
        authentication: Authentication::None,
        request_id: String::new(),
        address: None,
    }
}
