//! The one function that asks Cedar.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt::Write,
    str::FromStr,
    sync::LazyLock,
    time::Instant,
};

use cedar_policy::{
    Authorizer, Context, Decision as CedarDecision, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicyId, PolicySet, Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use serde_json::Value;

use super::{
    ActionName, Actor, Facts, Mode, Scope, Who,
    memo::{self, Memo},
    scope::Reducible,
};
use crate::error::{Error, Result};

const DEFAULT_POLICIES: &str = include_str!("policies/default.cedar");
const SCHEMA: &str = include_str!("policies/schema.cedarschema");

/// The policies in force, checked against the schema, with what each read action reduces to.
#[derive(Debug)]
pub struct Policies {
    /// For each action, the policies that can say something of it: Cedar looks at every policy that it is given.
    sets: BTreeMap<ActionName, PolicySet>,
    schema: Schema,
    authorizer: Authorizer,
    reducible: BTreeMap<ActionName, Reducible>,
    notes: HashMap<PolicyId, Note>,
    memo: Memo,
}

/// What a policy says of itself.
#[derive(Clone, Debug)]
struct Note {
    id: String,
    says: String,
    asks: Option<String>,
    permits: bool,
    actions: Vec<ActionName>,
}

/// Whether, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// The ids of the policies that decided; none where nothing permitted it.
    pub policies: Vec<String>,
    /// In words: what permitted it, what forbade it, or what would have been needed.
    pub because: Vec<String>,
    /// The roles that could be asked for, where it was not allowed.
    pub ask: Vec<String>,
}

impl Policies {
    /// The policies that the portal comes with.
    ///
    /// # Panics
    /// Where they do not hold together, which a test excludes.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(DEFAULT_POLICIES).expect("a test checks the built-in policies")
    }

    /// # Errors
    /// `Invalid`: what does not parse, does not fit the schema, or cannot limit a list.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |error: String| Error::invalid("policies", error);
        let (schema, _) =
            Schema::from_cedarschema_str(&schema_text()).map_err(|error| Error::internal(error.to_string()))?;
        let set = PolicySet::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let validation = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        if !validation.validation_passed() {
            return Err(wrong(validation.validation_errors().map(ToString::to_string).collect::<Vec<_>>().join("; ")));
        }
        let mut sets: BTreeMap<_, _> = ActionName::ALL.iter().map(|action| (*action, PolicySet::new())).collect();
        let mut notes = HashMap::new();
        let mut memorable: BTreeSet<_> = ActionName::ALL.iter().copied().collect();
        for policy in set.policies() {
            let json = policy.to_json().map_err(|error| wrong(error.to_string()))?;
            let annotation = |name| policy.annotation(name).map(str::to_owned);
            let id = annotation("id").ok_or_else(|| wrong(format!("{} has no @id", policy.id())))?;
            let says = annotation("says").ok_or_else(|| wrong(format!("policy {id} has no @says")))?;
            let actions = ActionName::ALL.iter().copied().filter(|action| mentions(&json, *action)).collect();
            for (action, about) in &mut sets {
                if may_be_about(&json, *action) {
                    about.add(policy.clone()).map_err(|error| wrong(error.to_string()))?;
                    if !memo::looks_at_no_more(&json) {
                        memorable.remove(action);
                    }
                }
            }
            let permits = policy.effect() == Effect::Permit;
            notes.insert(policy.id().clone(), Note { id, says, asks: annotation("asks"), permits, actions });
        }
        let reducible = ActionName::ALL
            .iter()
            .filter(|action| action.mode() == Mode::Read)
            .map(|action| Ok((*action, Reducible::new(&set, *action).map_err(wrong)?)))
            .collect::<Result<_>>()?;
        Ok(Self { sets, schema, authorizer: Authorizer::new(), reducible, notes, memo: Memo::new(memorable) })
    }

    /// What `actor` may see by a read action.
    ///
    /// # Panics
    /// For an action that changes something.
    #[must_use]
    pub fn scope(&self, actor: &Actor, action: ActionName) -> Scope {
        let reducible = self.reducible.get(&action).expect("only read actions have a scope");
        if narrowed_away(actor, action).is_some() { Scope::default() } else { reducible.scope(actor) }
    }

    /// Whether `actor` may do `action` to the thing `id` of which `facts` are known.
    ///
    /// # Errors
    /// `Internal` where the request does not fit the schema, which would be our bug.
    pub fn decide(&self, actor: &Actor, action: ActionName, id: &str, facts: &Facts) -> Result<Decision> {
        if let Some(decision) = narrowed_away(actor, action) {
            return Ok(decision);
        }
        let begun = Instant::now();
        let decision = self.memo.answer(actor, action, facts, || self.ask(actor, action, id, facts));
        let taken = begun.elapsed();
        metrics::histogram!("rampart_policy_decision_seconds").record(taken);
        decision
    }

    /// What Cedar says now.
    pub(super) fn ask(&self, actor: &Actor, action: ActionName, id: &str, facts: &Facts) -> Result<Decision> {
        let Some(principal) = principal(actor) else {
            return Ok(Decision {
                allowed: false,
                policies: Vec::new(),
                because: vec!["to be signed in".to_owned()],
                ask: Vec::new(),
            });
        };
        let resource = uid(action.resource().cedar(), id);
        let roles =
            actor.roles_over(facts).into_iter().map(|role| RestrictedExpression::new_string(role.as_str().to_owned()));
        let context = Context::from_pairs([("roles".to_owned(), RestrictedExpression::new_set(roles))])
            .map_err(Error::internal)?;
        let request = Request::new(
            principal.clone(),
            uid("Action", action.as_str()),
            resource.clone(),
            context,
            // what is asked is made of our own types; that it fits the schema is looked at in every test
            cfg!(debug_assertions).then_some(&self.schema),
        )
        .map_err(|error| Error::internal(error.to_string()))?;
        let entities = entities(&principal, &resource, facts)?;
        let response = self.authorizer.is_authorized(&request, &self.sets[&action], &entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(Error::internal(error.to_string()));
        }
        let decided: Vec<&Note> = response.diagnostics().reason().filter_map(|id| self.notes.get(id)).collect();
        let allowed = response.decision() == CedarDecision::Allow;
        // forbidden by a rule, or permitted by none: then say what would have permitted it
        let told: Vec<&Note> = if decided.is_empty() { self.permitting(action) } else { decided.clone() };
        Ok(Decision {
            allowed,
            policies: sorted(decided.iter().map(|note| note.id.clone())),
            because: sorted(told.iter().map(|note| note.says.clone())),
            ask: if allowed || !decided.is_empty() {
                Vec::new()
            } else {
                sorted(told.iter().filter_map(|note| note.asks.clone()))
            },
        })
    }

    fn permitting(&self, action: ActionName) -> Vec<&Note> {
        self.notes
            .values()
            .filter(|note| note.permits && note.actions.contains(&action) && note.id != "system")
            .collect()
    }
}

fn sorted(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut items: Vec<_> = items.collect::<HashSet<_>>().into_iter().collect();
    items.sort();
    items
}

/// A token does no more than its scopes, whatever its owner may do.
fn narrowed_away(actor: &Actor, action: ActionName) -> Option<Decision> {
    let scopes = actor.scopes()?;
    if scopes.contains(action.scope()) {
        return None;
    }
    Some(Decision {
        allowed: false,
        policies: vec!["token-scope".to_owned()],
        because: vec![format!("a token with the scope {}", action.scope())],
        ask: Vec::new(),
    })
}

fn principal(actor: &Actor) -> Option<EntityUid> {
    match &actor.who {
        Who::Person(person) => Some(uid("Person", &person.id.to_string())),
        Who::ServiceAccount(account) => Some(uid("ServiceAccount", &account.id.to_string())),
        Who::Integration { id } => Some(uid("Integration", &id.to_string())),
        Who::System { task, .. } => Some(uid("System", task)),
        Who::Anonymous => None,
    }
}

fn entities(principal: &EntityUid, resource: &EntityUid, facts: &Facts) -> Result<Entities> {
    let mut attributes = HashMap::from([("restricted".to_owned(), RestrictedExpression::new_bool(facts.restricted))]);
    let mut link = |name: &str, kind: &str, id: Option<String>| {
        if let Some(id) = id {
            attributes.insert(name.to_owned(), RestrictedExpression::new_entity_uid(uid(kind, &id)));
        }
    };
    link("owner", "Team", facts.owner.map(|id| id.to_string()));
    link("entity", "Entity", facts.entity.map(|id| id.to_string()));
    link("person", "Person", facts.person.map(|id| id.to_string()));
    let resource = Entity::new(resource.clone(), attributes, HashSet::new()).map_err(Error::internal)?;
    let mut all = vec![resource];
    if all[0].uid() != *principal {
        all.push(Entity::new_no_attrs(principal.clone(), HashSet::new()));
    }
    // no schema here: the attributes are ours, and checking them again would cost more than the decision
    Entities::from_entities(all, None).map_err(Error::internal)
}

/// The names of our entity types, read once: reading one takes longer than many a decision.
static TYPES: LazyLock<HashMap<&'static str, EntityTypeName>> = LazyLock::new(|| {
    let resources = ActionName::ALL.iter().map(|action| action.resource().cedar());
    ["Action", "Person", "ServiceAccount", "Integration", "System", "Team", "Entity"]
        .into_iter()
        .chain(resources)
        .map(|kind| {
            let name = EntityTypeName::from_str(&format!("Rampart::{kind}")).expect("our entity types are names");
            (kind, name)
        })
        .collect()
});

fn uid(kind: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(TYPES[kind].clone(), EntityId::new(id))
}

/// Whether a policy in Cedar's JSON format can say something of `action`; in doubt it can.
fn may_be_about(policy: &Value, action: ActionName) -> bool {
    !matches!(policy["action"]["op"].as_str(), Some("==" | "in")) || mentions(policy, action)
}

/// Whether a policy in Cedar's JSON format is about `action`.
pub(super) fn mentions(policy: &Value, action: ActionName) -> bool {
    let scope = &policy["action"];
    let is = |entity: &Value| entity["id"] == action.as_str();
    match scope["op"].as_str() {
        // the rule for the portal's own jobs is about everything and limits no list
        Some("All") => policy["principal"]["entity_type"] != "Rampart::System",
        Some("==") => is(&scope["entity"]),
        Some("in") => is(&scope["entity"]) || scope["entities"].as_array().is_some_and(|all| all.iter().any(is)),
        _ => false,
    }
}

fn schema_text() -> String {
    let mut text = SCHEMA.to_owned();
    for action in ActionName::ALL {
        writeln!(
            text,
            "    action \"{action}\" appliesTo {{ principal: [Person, ServiceAccount, Integration, System], resource: {}, context: Asked }};",
            action.resource().cedar(),
        )
        .expect("a string takes all text");
    }
    text.push_str("}\n");
    text
}
