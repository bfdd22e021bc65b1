//! Role by action, as the policies decide it: for `docs/permissions.md` and the page of roles.

use model::{BindingId, EntityId, PersonId, ServiceAccountId, TeamId};
use uuid::Uuid;

use super::{
    ActionName, Actor, Authentication, Binding, Facts, PersonActor, Policies, Reach, RoleName, ServiceAccountActor, Who,
};

/// What each role may do.
#[derive(Clone, Debug)]
pub struct RolesTable {
    pub roles: Vec<RoleName>,
    /// A cell a role: `all`, `team`, `own`, several of them, or `·`.
    pub rows: Vec<(ActionName, Vec<String>)>,
}

/// Asks the policies about each action as each role, held in a team where it can be: on a thing of that team, of
/// another team, and of the actor's own.
#[must_use]
pub fn roles_table(policies: &Policies) -> RolesTable {
    let roles: Vec<RoleName> =
        [RoleName::Member].into_iter().chain(RoleName::BINDABLE).chain([RoleName::Service]).collect();
    let rows = ActionName::ALL
        .iter()
        .map(|action| (*action, roles.iter().map(|role| cell(policies, *role, *action)).collect()))
        .collect();
    RolesTable { roles, rows }
}

/// Which of these actions somebody who holds `role` over a thing, and nothing else, may do to it.
#[must_use]
pub fn allowed_by(policies: &Policies, role: RoleName, actions: &[ActionName], facts: &Facts) -> Vec<ActionName> {
    let mut holder = actor(role, TeamId(Uuid::from_u128(1)));
    if let Who::Person(person) = &mut holder.who {
        for binding in &mut person.bindings {
            binding.reach = Reach::Organisation;
        }
    }
    let may = |action: &ActionName| policies.decide(&holder, *action, "thing", facts).is_ok_and(|it| it.allowed);
    actions.iter().copied().filter(may).collect()
}

fn cell(policies: &Policies, role: RoleName, action: ActionName) -> String {
    let (us, them) = (TeamId(Uuid::from_u128(1)), TeamId(Uuid::from_u128(2)));
    let entity = Some(EntityId(Uuid::from_u128(3)));
    let actor = actor(role, us);
    let may = |facts: Facts| policies.decide(&actor, action, "thing", &facts).is_ok_and(|decision| decision.allowed);
    let ours = Facts { owner: Some(us), entity, ..Facts::default() };
    let theirs = Facts { owner: Some(them), entity, ..Facts::default() };
    let restricted = Facts { restricted: true, ..theirs };
    let own = Facts { person: actor.person_id(), ..theirs };
    let mut words = Vec::new();
    match (may(theirs), may(restricted), may(ours)) {
        (true, true, _) => words.push("all"),
        (true, false, true) if may(Facts { restricted: true, ..ours }) => words.extend(["all but restricted", "team"]),
        (true, false, _) => words.push("all but restricted"),
        (false, _, true) => words.push("team"),
        (false, _, false) => {}
    }
    if may(own) && !may(theirs) {
        words.push("own");
    } else if !may(own) && may(theirs) && actor.person_id().is_some() {
        words.push("never own");
    }
    if words.is_empty() { "·".to_owned() } else { words.join(", ") }
}

fn actor(role: RoleName, team: TeamId) -> Actor {
    let who = if role == RoleName::Service {
        let scopes = ActionName::ALL.iter().map(|action| action.scope().to_owned()).collect();
        Who::ServiceAccount(ServiceAccountActor {
            id: ServiceAccountId(Uuid::from_u128(5)),
            name: "ci".to_owned(),
            team: Some(team),
            scopes,
        })
    } else {
        let reach = if role.is_everywhere() { Reach::Organisation } else { Reach::Team(team) };
        let bindings = if role == RoleName::Member {
            Vec::new()
        } else {
            vec![Binding { id: BindingId(Uuid::nil()), role, reach }]
        };
        Who::Person(PersonActor {
            id: PersonId(Uuid::from_u128(4)),
            display_name: String::new(),
            email: None,
            time_zone: None,
            theme: None,
            bindings,
            scopes: None,
        })
    };
    Actor { who, authentication: Authentication::None, request_id: String::new(), address: None }
}
