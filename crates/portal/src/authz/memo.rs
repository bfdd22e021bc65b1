//! What Cedar has answered already.
//!
//! Most policies look at nothing but the roles held over a thing, whether it is restricted and whose own it is. For an
//! action of which all policies are like that, two questions that agree in these have one answer, and Cedar is asked
//! once. A policy that looks at more, as one that names a single thing, keeps its actions out of here.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    sync::{PoisonError, RwLock},
};

use serde_json::Value;

use super::{
    ActionName, Actor, Decision, Facts, RoleName, Who,
    scope::{is_attribute, is_roles},
};

/// All that such a policy can tell apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    action: ActionName,
    principal: mem::Discriminant<Who>,
    roles: BTreeSet<RoleName>,
    restricted: bool,
    /// None where it is nobody's own.
    own: Option<bool>,
}

/// The answers to questions that were asked before: as many as there are sets of roles, a few for each action.
#[derive(Debug)]
pub(super) struct Memo {
    actions: BTreeSet<ActionName>,
    answers: RwLock<HashMap<Question, Decision>>,
}

impl Memo {
    /// For these actions, whose policies all [look at no more](looks_at_no_more) than a question states.
    pub(super) fn new(actions: BTreeSet<ActionName>) -> Self {
        Self { actions, answers: RwLock::default() }
    }

    /// The answer of before, or that of `ask`.
    pub(super) fn answer<E>(
        &self,
        actor: &Actor,
        action: ActionName,
        facts: &Facts,
        ask: impl FnOnce() -> Result<Decision, E>,
    ) -> Result<Decision, E> {
        if !self.actions.contains(&action) {
            return ask();
        }
        let question = Question {
            action,
            principal: mem::discriminant(&actor.who),
            roles: actor.roles_over(facts),
            restricted: facts.restricted,
            own: facts.person.map(|person| actor.person_id() == Some(person)),
        };
        let answers = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(decision) = answers.get(&question) {
            return Ok(decision.clone());
        }
        drop(answers);
        let decision = ask()?;
        self.answers.write().unwrap_or_else(PoisonError::into_inner).insert(question, decision.clone());
        Ok(decision)
    }
}

/// Whether a policy in Cedar's JSON format (Cedar 4, "JSON policy format") can tell two things apart by no more than a
/// question states.
pub(super) fn looks_at_no_more(policy: &Value) -> bool {
    let of_a_kind = |scope: &Value| match scope["op"].as_str() {
        Some("All") => true,
        Some("is") => scope.get("in").is_none(),
        _ => false,
    };
    let mut conditions = policy["conditions"].as_array().into_iter().flatten();
    of_a_kind(&policy["principal"])
        && of_a_kind(&policy["resource"])
        && conditions.all(|condition| is_stated(&condition["body"]))
}

fn is_stated(expression: &Value) -> bool {
    let Some((operator, operands)) = expression.as_object().and_then(|object| object.iter().next()) else {
        return false;
    };
    let is_word = |value: &Value| value["Value"].is_string();
    match operator.as_str() {
        "Value" => operands.is_boolean(),
        "!" => is_stated(&operands["arg"]),
        "&&" | "||" => is_stated(&operands["left"]) && is_stated(&operands["right"]),
        "contains" => is_roles(&operands["left"]) && is_word(&operands["right"]),
        "containsAny" | "containsAll" => {
            is_roles(&operands["left"])
                && operands["right"]["Set"].as_array().is_some_and(|set| set.iter().all(is_word))
        }
        "." => is_attribute(expression, "restricted"),
        "has" => operands["left"]["Var"] == "resource" && operands["attr"] == "person",
        "==" => is_attribute(&operands["left"], "person") && operands["right"]["Var"] == "principal",
        _ => false,
    }
}
