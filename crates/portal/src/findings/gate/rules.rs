//! The gate's rules as data: YAML with CEL conditions, compiled once.

use std::sync::Arc;

use cel::{Context, Program, Value};
use model::findings::SeverityCounts;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

const DEFAULT: &str = include_str!("default.yaml");
const API_VERSION: &str = "rampart/v1";
const KIND: &str = "GateRule";

/// The rules in their order. Clones share them.
#[derive(Clone)]
pub struct Rules(Arc<Vec<Rule>>);

/// One rule.
pub struct Rule {
    pub name: String,
    /// For a person who is stopped by it.
    pub says: String,
    applies: Option<Program>,
    deny: Deny,
}

enum Deny {
    Service(Program),
    Finding(Program),
}

/// What every condition can ask.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    pub service: ServiceFacts,
    pub stage: String,
    pub scan: ScanFacts,
    pub open: OpenFacts,
}

#[derive(Clone, Debug, Serialize)]
pub struct ServiceFacts {
    pub name: String,
    pub r#ref: String,
    pub owner: String,
    pub tier: String,
    pub lifecycle: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct ScanFacts {
    pub complete: bool,
    pub age_days: i64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct OpenFacts {
    #[serde(flatten)]
    pub counts: SeverityCounts,
    pub total: i64,
}

/// What a condition on a finding can ask beside.
#[derive(Clone, Debug, Serialize)]
pub struct FindingFacts {
    pub severity: String,
    pub kind: String,
    pub fixable: bool,
    pub age_days: i64,
    pub title: String,
    pub rule: String,
    pub package: String,
    pub ids: Vec<String>,
    pub tools: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    says: String,
    applies: Option<String>,
    deny: Option<String>,
    deny_finding: Option<String>,
}

impl Rules {
    /// The rules of an installation that states none.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(DEFAULT).expect("the built-in rules are tested")
    }

    /// Reads rules from YAML, a document each.
    ///
    /// # Errors
    /// `Invalid` naming the document and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        let mut rules: Vec<Rule> = Vec::new();
        for (number, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
            let wrong = |message: String| Error::invalid(format!("gate rule {}", number + 1), message);
            let document = Document::deserialize(document).map_err(|error| wrong(error.to_string()))?;
            let rule = Rule::compile(document).map_err(wrong)?;
            if rules.iter().any(|known| known.name == rule.name) {
                return Err(wrong(format!("there is a rule {:?} already", rule.name)));
            }
            rules.push(rule);
        }
        Ok(Self(Arc::new(rules)))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }
}

impl Rule {
    fn compile(document: Document) -> Result<Self, String> {
        let Document { api_version, kind, metadata, spec } = document;
        if (api_version.as_str(), kind.as_str()) != (API_VERSION, KIND) {
            return Err(format!("it is {api_version} {kind}; expected {API_VERSION} {KIND}"));
        }
        let compile = |field: &str, text: &str| {
            Program::compile(text).map_err(|error| format!("{field} is not a CEL condition: {error}"))
        };
        let deny = match (&spec.deny, &spec.deny_finding) {
            (Some(deny), None) => Deny::Service(compile("deny", deny)?),
            (None, Some(deny)) => Deny::Finding(compile("denyFinding", deny)?),
            _ => return Err("it needs either deny or denyFinding".to_owned()),
        };
        let applies = spec.applies.as_deref().map(|text| compile("applies", text)).transpose()?;
        let rule = Self { name: metadata.name, says: spec.says, applies, deny };
        rule.try_on_examples().map_err(|error| format!("its condition does not answer true or false: {error}"))?;
        Ok(rule)
    }

    /// A misspelt fact shows when the rule is read, not when somebody wants to deploy.
    fn try_on_examples(&self) -> Result<(), String> {
        let facts = Facts {
            service: ServiceFacts {
                name: "example".to_owned(),
                r#ref: "component:default/example".to_owned(),
                owner: String::new(),
                tier: "1".to_owned(),
                lifecycle: String::new(),
            },
            stage: String::new(),
            scan: ScanFacts { complete: true, age_days: 0 },
            open: OpenFacts { counts: SeverityCounts::default(), total: 0 },
        };
        let finding = FindingFacts {
            severity: "critical".to_owned(),
            kind: "vulnerability".to_owned(),
            fixable: true,
            age_days: 0,
            title: String::new(),
            rule: String::new(),
            package: String::new(),
            ids: Vec::new(),
            tools: Vec::new(),
        };
        let context = context(&facts)?;
        if let Some(applies) = &self.applies {
            answer(applies, &context)?;
        }
        match &self.deny {
            Deny::Service(deny) => answer(deny, &context),
            Deny::Finding(deny) => about(deny, &context, &finding),
        }
        .map(drop)
    }

    /// Whether the rule denies, and the places of the findings that it holds against the service.
    ///
    /// # Errors
    /// Why a condition could not be answered.
    pub fn denies(&self, facts: &Facts, findings: &[FindingFacts]) -> Result<Option<Vec<usize>>, String> {
        let context = context(facts)?;
        if let Some(applies) = &self.applies
            && !answer(applies, &context)?
        {
            return Ok(None);
        }
        match &self.deny {
            Deny::Service(deny) => Ok(answer(deny, &context)?.then(Vec::new)),
            Deny::Finding(deny) => {
                let mut against = Vec::new();
                for (place, finding) in findings.iter().enumerate() {
                    if about(deny, &context, finding)? {
                        against.push(place);
                    }
                }
                Ok((!against.is_empty()).then_some(against))
            }
        }
    }
}

fn context(facts: &Facts) -> Result<Context<'static, 'static>, String> {
    let mut context = Context::default();
    context.add_variable("service", &facts.service).map_err(|error| error.to_string())?;
    context.add_variable("stage", &facts.stage).map_err(|error| error.to_string())?;
    context.add_variable("scan", facts.scan).map_err(|error| error.to_string())?;
    context.add_variable("open", facts.open).map_err(|error| error.to_string())?;
    Ok(context)
}

fn about(condition: &Program, context: &Context<'_, '_>, finding: &FindingFacts) -> Result<bool, String> {
    let mut inner = context.new_inner_scope();
    inner.add_variable("finding", finding).map_err(|error| error.to_string())?;
    answer(condition, &inner)
}

fn answer(condition: &Program, context: &Context<'_, '_>) -> Result<bool, String> {
    match condition.execute(context) {
        Ok(Value::Bool(answer)) => Ok(answer),
        Ok(other) => Err(format!("it answers {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|rule| &rule.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Rules::parse(text).unwrap_err().to_string()
    }

    fn rule(spec: &str) -> String {
        format!("apiVersion: rampart/v1\nkind: GateRule\nmetadata: {{name: mine}}\nspec:\n  says: no\n  {spec}\n")
    }

    #[test]
    fn the_built_in_rules_are_read() {
        let names: Vec<String> = Rules::built_in().iter().map(|rule| rule.name.clone()).collect();
        assert_eq!(names, ["never-scanned", "stale-scan", "open-critical", "fixable-high-in-tier-1"]);
    }

    #[test]
    fn a_wrong_rule_is_refused_with_its_number_and_the_reason() {
        for (text, reason) in [
            (rule("deny: scan.complte"), "complte"),
            (rule("deny: open.total + 1"), "true or false"),
            (rule("deny: 'finding.severity == \"high\"'"), "finding"),
            (rule("deny: 'a ==='"), "not a CEL condition"),
            (rule("denny: true"), "denny"),
            (rule("applies: 'true'"), "either deny or denyFinding"),
            (rule("deny: 'true'").replace("GateRule", "Scorecard"), "expected rampart/v1 GateRule"),
            (format!("{}---\n{}", rule("deny: 'true'"), rule("deny: 'true'")), "already"),
        ] {
            let error = refused(&text);
            assert!(error.starts_with("gate rule ") && error.contains(reason), "{reason}: {error}");
        }
    }
}
