//! The facts that conditions may ask about an entity: a closed, documented set, gathered for many entities at once.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

use cel::Value;
use model::EntityId;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::condition::text_map;
use crate::{
    catalog::described::Described,
    compliance, environments,
    error::Result,
    findings::standings::{self, Standing},
    incidents,
};

/// What stands for the age of what has never happened: more than two hundred years, so that every limit is exceeded.
pub const NEVER_DAYS: i64 = 100_000;

/// One fact as `docs/facts.md` explains it.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    pub name: &'static str,
    pub kind: FactKind,
    /// How a reason names it to people.
    pub label: &'static str,
    pub means: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    Flag,
    Number,
    /// Whole days since something happened; [`NEVER_DAYS`] where it has not.
    Age,
    Text,
    Texts,
    /// From text to text.
    Map,
}

impl FactKind {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Flag => "bool",
            Self::Number | Self::Age => "int",
            Self::Text => "string",
            Self::Texts => "list of string",
            Self::Map => "map of string to string",
        }
    }
}

const fn fact(name: &'static str, kind: FactKind, label: &'static str, means: &'static str) -> Fact {
    Fact { name, kind, label, means }
}

/// A number whose name says what it is.
const fn number(name: &'static str, label: &'static str) -> Fact {
    fact(name, FactKind::Number, label, label)
}

/// Everything that a condition can ask.
pub const FACTS: &[Fact] = &[
    fact("entity.kind", FactKind::Text, "kind", "component, api, resource, system, domain, group or user"),
    fact("entity.namespace", FactKind::Text, "namespace", "`default` where the descriptor names none"),
    fact("entity.name", FactKind::Text, "name", "the descriptor's `metadata.name`"),
    fact("entity.type", FactKind::Text, "type", "`spec.type`: service, website, library, …; empty where there is none"),
    fact(
        "entity.lifecycle",
        FactKind::Text,
        "lifecycle",
        "`spec.lifecycle`: experimental, production, deprecated; empty where there is none",
    ),
    fact("entity.tier", FactKind::Text, "tier", "the annotation `rampart.dev/tier`; empty where there is none"),
    fact("entity.owner", FactKind::Text, "owner", "the name of the team that owns it; empty where nobody does"),
    fact(
        "entity.system",
        FactKind::Text,
        "system",
        "the system that it is part of, as the descriptor names it; empty where there is none",
    ),
    fact(
        "entity.domain",
        FactKind::Text,
        "domain",
        "the domain that it is part of, as the descriptor names it; empty where there is none",
    ),
    fact("entity.has_owner", FactKind::Flag, "owned by a team", "whether a team owns it"),
    fact("entity.has_description", FactKind::Flag, "described", "whether the descriptor describes it in words"),
    fact("entity.has_links", FactKind::Flag, "has links", "whether it has at least one link"),
    fact("entity.has_tags", FactKind::Flag, "has tags", "whether it has at least one tag"),
    fact("entity.restricted", FactKind::Flag, "restricted", "whether only people with a role over it see it"),
    fact("entity.tags", FactKind::Texts, "tags", "its tags"),
    fact(
        "entity.labels",
        FactKind::Map,
        "label",
        "its labels; ask `has(entity.labels.team)` or `\"a/b\" in entity.labels` before reading one",
    ),
    fact(
        "entity.annotations",
        FactKind::Map,
        "annotation",
        "its annotations; ask whether one is there before reading it",
    ),
    fact("findings.scanned", FactKind::Flag, "scanned", "whether a complete scan has ever been received"),
    fact(
        "findings.scan_age_days",
        FactKind::Age,
        "last complete scan",
        "whole days since the last complete scan; 100000 where there was none",
    ),
    number("findings.open", "open findings"),
    number("findings.critical", "open critical findings"),
    number("findings.high", "open high findings"),
    number("findings.medium", "open medium findings"),
    number("findings.low", "open low findings"),
    number("findings.info", "open informational findings"),
    fact(
        "findings.fixable",
        FactKind::Number,
        "open findings with a fixed version",
        "open findings that a newer version mends",
    ),
    fact(
        "findings.oldest_days",
        FactKind::Number,
        "days since the oldest open finding",
        "whole days since the oldest open finding was opened; 0 where none is open",
    ),
    fact(
        "findings.oldest_critical_days",
        FactKind::Number,
        "days since the oldest critical finding",
        "the same of critical findings",
    ),
    fact(
        "findings.oldest_high_days",
        FactKind::Number,
        "days since the oldest high finding",
        "the same of high findings",
    ),
    fact("incidents.open", FactKind::Number, "open incidents", "incidents that are not resolved"),
    fact(
        "compliance.assessed",
        FactKind::Flag,
        "assessed against a benchmark",
        "whether a benchmark's results have ever been received",
    ),
    fact(
        "compliance.pass_percent",
        FactKind::Number,
        "per cent of controls that pass",
        "controls that pass, in whole per cent of those that count, over all benchmarks; 0 where there are none",
    ),
    number("compliance.failed", "controls that fail"),
    fact(
        "compliance.evidence_age_days",
        FactKind::Age,
        "oldest evidence",
        "whole days since the oldest of its evidence; 100000 where there is none",
    ),
    fact("environments.count", FactKind::Number, "running environments", "environments that run for it now"),
];

/// One entity's facts. The names here are the names in [`FACTS`]; a test compares them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub entity: EntityFacts,
    pub findings: FindingFacts,
    pub incidents: IncidentFacts,
    pub compliance: ComplianceFacts,
    pub environments: EnvironmentFacts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EntityFacts {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub r#type: String,
    pub lifecycle: String,
    pub tier: String,
    pub owner: String,
    pub system: String,
    pub domain: String,
    pub has_owner: bool,
    pub has_description: bool,
    pub has_links: bool,
    pub has_tags: bool,
    pub restricted: bool,
    pub tags: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingFacts {
    pub scanned: bool,
    pub scan_age_days: i64,
    pub open: i64,
    pub critical: i64,
    pub high: i64,
    pub medium: i64,
    pub low: i64,
    pub info: i64,
    pub fixable: i64,
    pub oldest_days: i64,
    pub oldest_critical_days: i64,
    pub oldest_high_days: i64,
}

impl Default for FindingFacts {
    fn default() -> Self {
        Self {
            scanned: false,
            scan_age_days: NEVER_DAYS,
            open: 0,
            critical: 0,
            high: 0,
            medium: 0,
            low: 0,
            info: 0,
            fixable: 0,
            oldest_days: 0,
            oldest_critical_days: 0,
            oldest_high_days: 0,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IncidentFacts {
    pub open: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComplianceFacts {
    pub assessed: bool,
    pub pass_percent: i64,
    pub failed: i64,
    pub evidence_age_days: i64,
}

impl Default for ComplianceFacts {
    fn default() -> Self {
        Self { assessed: false, pass_percent: 0, failed: 0, evidence_age_days: NEVER_DAYS }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EnvironmentFacts {
    pub count: i64,
}

impl Facts {
    /// The groups of facts as CEL sees them.
    pub(super) fn parts(&self) -> [(&'static str, Value); 5] {
        let Self { entity, findings, incidents, compliance, environments } = self;
        let entity = map([
            ("kind", text(&entity.kind)),
            ("namespace", text(&entity.namespace)),
            ("name", text(&entity.name)),
            ("type", text(&entity.r#type)),
            ("lifecycle", text(&entity.lifecycle)),
            ("tier", text(&entity.tier)),
            ("owner", text(&entity.owner)),
            ("system", text(&entity.system)),
            ("domain", text(&entity.domain)),
            ("has_owner", Value::Bool(entity.has_owner)),
            ("has_description", Value::Bool(entity.has_description)),
            ("has_links", Value::Bool(entity.has_links)),
            ("has_tags", Value::Bool(entity.has_tags)),
            ("restricted", Value::Bool(entity.restricted)),
            ("tags", Value::List(entity.tags.iter().map(|tag| text(tag)).collect::<Vec<_>>().into())),
            ("labels", text_map(&entity.labels)),
            ("annotations", text_map(&entity.annotations)),
        ]);
        let findings = map([
            ("scanned", Value::Bool(findings.scanned)),
            ("scan_age_days", Value::Int(findings.scan_age_days)),
            ("open", Value::Int(findings.open)),
            ("critical", Value::Int(findings.critical)),
            ("high", Value::Int(findings.high)),
            ("medium", Value::Int(findings.medium)),
            ("low", Value::Int(findings.low)),
            ("info", Value::Int(findings.info)),
            ("fixable", Value::Int(findings.fixable)),
            ("oldest_days", Value::Int(findings.oldest_days)),
            ("oldest_critical_days", Value::Int(findings.oldest_critical_days)),
            ("oldest_high_days", Value::Int(findings.oldest_high_days)),
        ]);
        let compliance = map([
            ("assessed", Value::Bool(compliance.assessed)),
            ("pass_percent", Value::Int(compliance.pass_percent)),
            ("failed", Value::Int(compliance.failed)),
            ("evidence_age_days", Value::Int(compliance.evidence_age_days)),
        ]);
        [
            ("entity", entity),
            ("findings", findings),
            ("incidents", map([("open", Value::Int(incidents.open))])),
            ("compliance", compliance),
            ("environments", map([("count", Value::Int(environments.count))])),
        ]
    }

    /// Made-up entities, a bare one of each kind, that every condition must be decidable for before it is saved.
    pub(super) fn samples() -> Vec<Self> {
        let bare = |kind: &str, r#type: &str| Self {
            entity: EntityFacts {
                kind: kind.to_owned(),
                namespace: "default".to_owned(),
                name: "sample".to_owned(),
                r#type: r#type.to_owned(),
                ..EntityFacts::default()
            },
            ..Self::default()
        };
        let mut samples: Vec<Self> =
            ["service", "website", "library"].into_iter().map(|kind| bare("component", kind)).collect();
        samples.extend(["api", "resource", "system", "domain", "group", "user"].into_iter().map(|kind| bare(kind, "")));
        for lifecycle in ["experimental", "production", "deprecated"] {
            let mut sample = bare("component", "service");
            lifecycle.clone_into(&mut sample.entity.lifecycle);
            samples.push(sample);
        }
        samples
    }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned().into())
}

fn map<const N: usize>(entries: [(&'static str, Value); N]) -> Value {
    entries.into_iter().collect::<std::collections::HashMap<_, _>>().into()
}

/// The facts of these entities, in their order: one question to each feature, however many there are.
pub(crate) async fn gather(
    connection: &mut PgConnection,
    entities: &[Described],
    now: OffsetDateTime,
) -> Result<Vec<Facts>> {
    let ids: Vec<_> = entities.iter().map(|entity| entity.id).collect();
    let findings = standings::standings(connection, &ids).await?;
    let incidents = incidents::effects::open_counts(connection, &ids).await?;
    let compliance = compliance::effects::standings(connection, &ids).await?;
    let environments: HashMap<EntityId, i64> =
        environments::effects::running(connection, &ids).await?.into_iter().collect();
    let count =
        |counts: &HashMap<EntityId, i64>, entity: &Described| counts.get(&entity.id).copied().unwrap_or_default();
    Ok(entities
        .iter()
        .map(|entity| Facts {
            entity: entity_facts(entity),
            findings: findings
                .get(&entity.id)
                .map_or_else(FindingFacts::default, |standing| finding_facts(standing, now)),
            incidents: IncidentFacts { open: count(&incidents, entity) },
            environments: EnvironmentFacts { count: count(&environments, entity) },
            compliance: compliance.get(&entity.id).map_or_else(ComplianceFacts::default, |standing| ComplianceFacts {
                assessed: true,
                pass_percent: standing.counts.pass_percent().unwrap_or_default(),
                failed: standing.counts.failed,
                evidence_age_days: (now - standing.oldest_at).whole_days(),
            }),
        })
        .collect())
}

fn finding_facts(standing: &Standing, now: OffsetDateTime) -> FindingFacts {
    let days = |at: Option<OffsetDateTime>| at.map_or(0, |at| (now - at).whole_days());
    let Standing { critical, high, medium, low, info, fixable, .. } = *standing;
    FindingFacts {
        scanned: standing.scanned_at.is_some(),
        scan_age_days: standing.scanned_at.map_or(NEVER_DAYS, |at| (now - at).whole_days()),
        open: critical + high + medium + low + info,
        critical,
        high,
        medium,
        low,
        info,
        fixable,
        oldest_days: days(standing.oldest),
        oldest_critical_days: days(standing.oldest_critical),
        oldest_high_days: days(standing.oldest_high),
    }
}

fn entity_facts(entity: &Described) -> EntityFacts {
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    EntityFacts {
        kind: entity.kind.clone(),
        namespace: entity.namespace.clone(),
        name: entity.name.clone(),
        r#type: or_empty(&entity.r#type),
        lifecycle: or_empty(&entity.lifecycle),
        tier: or_empty(&entity.tier),
        owner: or_empty(&entity.owner_name),
        system: or_empty(&entity.system_ref),
        domain: or_empty(&entity.domain_ref),
        has_owner: entity.owner.is_some(),
        has_description: entity.has_description,
        has_links: entity.links > 0,
        has_tags: !entity.tags.is_empty(),
        restricted: entity.restricted,
        tags: entity.tags.iter().take(MAX_ELEMENTS).cloned().collect(),
        labels: texts(&entity.labels),
        annotations: texts(&entity.annotations),
    }
}

/// Conditions see no more of a list or map than this, which is what their cost is reckoned with.
const MAX_ELEMENTS: usize = 100;

fn texts(value: &serde_json::Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten().take(MAX_ELEMENTS);
    entries
        .map(|(key, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            (key.clone(), value)
        })
        .collect()
}

/// `docs/facts.md`
#[must_use]
pub fn document() -> String {
    let mut text = "# Facts\n\nWhat the conditions of scorecards can ask about an entity, in CEL. A name that is not here is refused when a scorecard is saved.\n\n\
        Operators: `&& || ! == != < <= > >= + - * / % in ? :`. Functions: `size`, `startsWith`, `endsWith`, `contains`, `has`, and on lists and maps `exists`, `exists_one`, `all`, `filter`, `map`.\n\n\
        | fact | type | what |\n|---|---|---|\n"
        .to_owned();
    for fact in FACTS {
        writeln!(text, "| `{}` | {} | {} |", fact.name, fact.kind.label(), fact.means.replace('|', "\\|"))
            .expect("a string takes all text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_documented_and_every_documented_fact_is_there() {
        let facts = serde_json::to_value(Facts::default()).unwrap();
        let mut there: Vec<String> = Vec::new();
        for (group, members) in facts.as_object().unwrap() {
            there.extend(members.as_object().unwrap().keys().map(|name| format!("{group}.{name}")));
        }
        there.sort();
        let mut documented: Vec<String> = FACTS.iter().map(|fact| fact.name.to_owned()).collect();
        documented.sort();
        assert_eq!(there, documented);
        for fact in FACTS {
            let mut steps = fact.name.split('.');
            let value = &facts[steps.next().unwrap()][steps.next().unwrap()];
            let fits = match fact.kind {
                FactKind::Flag => value.is_boolean(),
                FactKind::Number | FactKind::Age => value.is_i64(),
                FactKind::Text => value.is_string(),
                FactKind::Texts => value.is_array(),
                FactKind::Map => value.is_object(),
            };
            assert!(fits, "{}", fact.name);
        }
    }

    #[test]
    fn conditions_see_exactly_the_documented_facts() {
        let asked = super::super::condition::Asked::new(&Facts::default());
        for fact in FACTS {
            let same = format!("{0} == {0}", fact.name);
            let condition = super::super::condition::Condition::compile(&same).unwrap();
            assert_eq!(condition.holds(&asked), Ok(true), "{same}");
        }
    }
}
