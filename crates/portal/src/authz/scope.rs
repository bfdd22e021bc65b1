//! What one actor may see, in the few terms that SQL knows, reduced from the policies themselves.
//!
//! A policy for a read action may use `context.roles`, `resource.restricted`, `resource.person` and the kind of
//! principal, joined by and, or, not; anything else is refused when the policy is saved, with the reason. So a list in
//! SQL and a decision on one thing cannot disagree.

use cedar_policy::{Effect, PolicySet};
use model::{EntityId, PersonId, TeamId};
use serde_json::Value;

use super::{ActionName, Actor, Facts, Reach, RoleName, Who};

/// A thing is visible where any of these holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// All there is.
    pub everything: bool,
    /// All that is not restricted.
    pub unrestricted: bool,
    /// What these teams own, or are named to decide.
    pub teams: Vec<TeamId>,
    /// These entities and what belongs to them.
    pub entities: Vec<EntityId>,
    /// What is about this person.
    pub person: Option<PersonId>,
}

impl Scope {
    /// The same rule that the SQL condition states.
    #[must_use]
    pub fn covers(&self, facts: &Facts) -> bool {
        self.everything
            || (self.unrestricted && !facts.restricted)
            || facts.owner.iter().chain(facts.named.iter().flatten()).any(|team| self.teams.contains(team))
            || facts.entity.is_some_and(|entity| self.entities.contains(&entity))
            || (facts.person.is_some() && facts.person == self.person)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The teams' ids, as SQL takes them.
    #[must_use]
    pub fn team_ids(&self) -> Vec<uuid::Uuid> {
        self.teams.iter().map(|team| team.0).collect()
    }

    /// The entities' ids, as SQL takes them.
    #[must_use]
    pub fn entity_ids(&self) -> Vec<uuid::Uuid> {
        self.entities.iter().map(|entity| entity.0).collect()
    }

    fn add(&mut self, clause: &Clause) {
        match clause {
            Clause { reach: None, unrestricted: false, own: false } => self.everything = true,
            Clause { reach: None, unrestricted: true, own: false } => self.unrestricted = true,
            Clause { own: true, .. } => {} // set by the caller, which knows the person
            Clause { reach: Some(reaches), .. } => {
                for reach in reaches {
                    match reach {
                        Reach::Organisation => self.everything = true,
                        Reach::Team(team) => self.teams.push(*team),
                        Reach::Entity(entity) => self.entities.push(*entity),
                    }
                }
            }
        }
    }
}

/// What one branch of a policy asks of a resource.
#[derive(Clone, Debug, PartialEq)]
struct Clause {
    /// Held through one of these; none: not asked.
    reach: Option<Vec<Reach>>,
    unrestricted: bool,
    own: bool,
}

/// A policy's condition, after the actor has been put in: a list of branches; an empty one is never met.
type Branches = Vec<Clause>;

const ANYTHING: Clause = Clause { reach: None, unrestricted: false, own: false };

/// The policies that decide one read action, ready to be asked for any actor.
#[derive(Clone, Debug)]
pub(super) struct Reducible(Vec<(Principal, Vec<Condition>)>);

#[derive(Clone, Debug, PartialEq)]
enum Principal {
    Any,
    Is(String),
}

/// The closed grammar of a read policy's condition.
#[derive(Clone, Debug)]
enum Condition {
    Bool(bool),
    /// `context.roles.contains("…")`, `containsAny([…])`
    Role(Vec<RoleName>),
    /// `!resource.restricted`
    Unrestricted,
    /// `resource has person`: true wherever `Own` can be
    HasPerson,
    /// `resource.person == principal`
    Own,
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

impl Reducible {
    /// # Errors
    /// Why a policy for `action` cannot be turned into a condition on rows.
    pub(super) fn new(policies: &PolicySet, action: ActionName) -> Result<Self, String> {
        let mut reducible = Vec::new();
        for policy in policies.policies() {
            let name = policy.annotation("id").map_or_else(|| policy.id().to_string(), str::to_owned);
            let json = policy.to_json().map_err(|error| format!("policy {name}: {error}"))?;
            if !super::cedar::mentions(&json, action) {
                continue;
            }
            let refused = |what: String| format!("policy {name} cannot limit a list of what one may see: {what}");
            if policy.effect() == Effect::Forbid {
                return Err(refused(format!("it forbids {action}; state what is permitted instead")));
            }
            if json["resource"]["op"] != "All" && json["resource"]["op"] != "is" {
                return Err(refused("it names one resource".to_owned()));
            }
            let principal = match json["principal"]["op"].as_str() {
                Some("All") => Principal::Any,
                Some("is") => Principal::Is(json["principal"]["entity_type"].as_str().unwrap_or_default().to_owned()),
                _ => return Err(refused("it names one principal; bind a role instead".to_owned())),
            };
            let mut conditions = Vec::new();
            for condition in json["conditions"].as_array().into_iter().flatten() {
                let met = condition["kind"] == "when";
                conditions.push(parse(&condition["body"], met).map_err(refused)?);
            }
            reducible.push((principal, conditions));
        }
        Ok(Self(reducible))
    }

    pub(super) fn scope(&self, actor: &Actor) -> Scope {
        let kind = match &actor.who {
            Who::Person(_) => "Rampart::Person",
            Who::ServiceAccount(_) => "Rampart::ServiceAccount",
            Who::Integration { .. } => "Rampart::Integration",
            Who::System { .. } => "Rampart::System",
            Who::Anonymous => return Scope::default(),
        };
        let mut scope = Scope::default();
        for (principal, conditions) in &self.0 {
            if *principal != Principal::Any && *principal != Principal::Is(kind.to_owned()) {
                continue;
            }
            let branches = conditions
                .iter()
                .map(|condition| condition.branches(actor))
                .fold(vec![ANYTHING], |all, branches| both(&all, &branches));
            for clause in branches {
                if clause.own {
                    scope.person = actor.person_id();
                }
                scope.add(&clause);
            }
        }
        scope.teams.sort();
        scope.teams.dedup();
        scope.entities.sort();
        scope.entities.dedup();
        scope
    }
}

impl Condition {
    fn branches(&self, actor: &Actor) -> Branches {
        match self {
            Self::Bool(true) | Self::HasPerson => vec![ANYTHING],
            Self::Bool(false) => Vec::new(),
            Self::Role(roles) => {
                let reaches: Vec<_> = actor
                    .bindings()
                    .into_iter()
                    .filter(|(role, _)| roles.contains(role))
                    .map(|(_, reach)| reach)
                    .collect();
                if reaches.contains(&Reach::Organisation) {
                    vec![ANYTHING]
                } else if reaches.is_empty() {
                    Vec::new()
                } else {
                    vec![Clause { reach: Some(reaches), ..ANYTHING }]
                }
            }
            Self::Unrestricted => vec![Clause { unrestricted: true, ..ANYTHING }],
            Self::Own if actor.person_id().is_some() => vec![Clause { own: true, ..ANYTHING }],
            Self::Own => Vec::new(),
            Self::And(left, right) => both(&left.branches(actor), &right.branches(actor)),
            Self::Or(left, right) => [left.branches(actor), right.branches(actor)].concat(),
        }
    }

    /// Whether the condition asks for a person's own things, or for what is not restricted, or for a role at a place.
    fn asks_of_the_resource(&self) -> u8 {
        match self {
            Self::Bool(_) | Self::HasPerson => 0,
            Self::Role(roles) if roles.iter().all(|role| role.is_everywhere()) => 0,
            Self::Role(_) | Self::Unrestricted | Self::Own => 1,
            Self::And(left, right) => left.asks_of_the_resource() + right.asks_of_the_resource(),
            Self::Or(left, right) => left.asks_of_the_resource().max(right.asks_of_the_resource()),
        }
    }
}

fn both(left: &Branches, right: &Branches) -> Branches {
    let mut all = Vec::new();
    for left in left {
        for right in right {
            all.push(Clause {
                reach: left.reach.clone().or_else(|| right.reach.clone()),
                unrestricted: left.unrestricted || right.unrestricted,
                own: left.own || right.own,
            });
        }
    }
    all
}

/// Reads an expression of Cedar's JSON policy format (Cedar 4, "JSON policy format"); `met` is false under a negation.
fn parse(expression: &Value, met: bool) -> Result<Condition, String> {
    let (operator, operands) = expression
        .as_object()
        .and_then(|object| object.iter().next())
        .ok_or_else(|| format!("{expression} is not an expression"))?;
    let join = |and: bool| -> Result<Condition, String> {
        let (left, right) = (Box::new(parse(&operands["left"], met)?), Box::new(parse(&operands["right"], met)?));
        // one of the resource's properties a branch: more would need a condition that SQL does not know
        if and && left.asks_of_the_resource() + right.asks_of_the_resource() > 1 {
            return Err("it joins two properties of a resource by `and`; use one policy for each".to_owned());
        }
        Ok(if and { Condition::And(left, right) } else { Condition::Or(left, right) })
    };
    match operator.as_str() {
        "Value" => operands
            .as_bool()
            .map(|value| Condition::Bool(value == met))
            .ok_or_else(|| format!("{operands} is not true or false")),
        "!" => parse(&operands["arg"], !met),
        "&&" => join(met),
        "||" => join(!met),
        "contains" | "containsAny" if is_roles(&operands["left"]) => {
            if !met {
                return Err("it asks for a role not held".to_owned());
            }
            let names = match &operands["right"] {
                Value::Object(right) if right.contains_key("Set") => {
                    right["Set"].as_array().cloned().unwrap_or_default()
                }
                other => vec![other.clone()],
            };
            names
                .iter()
                .map(|name| {
                    let name = name["Value"].as_str().unwrap_or_default();
                    RoleName::parse(name).ok_or_else(|| format!("{name:?} is not a role"))
                })
                .collect::<Result<_, _>>()
                .map(Condition::Role)
        }
        "." if is_attribute(expression, "restricted") && !met => Ok(Condition::Unrestricted),
        "has" if operands["attr"] == "person" && operands["left"]["Var"] == "resource" && met => {
            Ok(Condition::HasPerson)
        }
        "==" if met && is_attribute(&operands["left"], "person") && operands["right"]["Var"] == "principal" => {
            Ok(Condition::Own)
        }
        _ => Err(format!("`{operator}` on {operands} is not one of the terms that a list can be limited by")),
    }
}

pub(super) fn is_roles(expression: &Value) -> bool {
    expression["."]["left"]["Var"] == "context" && expression["."]["attr"] == "roles"
}

pub(super) fn is_attribute(expression: &Value, name: &str) -> bool {
    expression["."]["left"]["Var"] == "resource" && expression["."]["attr"] == name
}
