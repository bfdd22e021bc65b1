//! Conditions in CEL: compiled once, checked against the known facts before they count, and bounded in what they cost.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, LazyLock},
};

use cel::{Context, Env, Program};
use serde_json::Value;

use super::{
    facts::{FACTS, FactKind, Facts, NEVER_DAYS},
    typing,
};

/// The standard library alone: nothing of ours can be called, nothing changes anything.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// How deep brackets may go; the reader of expressions works through them on the stack.
const MAX_DEPTH: usize = 24;
/// How many values a reason names.
const MAX_VALUES: usize = 6;

/// A condition that is known to read only facts there are and to end in true or false.
#[derive(Clone)]
pub struct Condition {
    pub source: String,
    program: Arc<Program>,
    /// What it reads: `findings.critical`, `entity.labels.team`.
    reads: BTreeSet<String>,
}

impl Condition {
    /// # Errors
    /// Why it cannot be used, with the place in the expression.
    pub fn compile(source: &str) -> Result<Self, String> {
        if depth(source) > MAX_DEPTH {
            return Err(format!("brackets go deeper than {MAX_DEPTH}; split it into several checks"));
        }
        let program = ENVIRONMENT.compile(source).map_err(|errors| {
            let first = errors.errors.first();
            let place = first.map_or_else(String::new, |error| format!(" at {}:{}", error.pos.0, error.pos.1));
            format!("is not CEL{place}: {}", first.map_or("it cannot be read", |error| error.msg.as_str()))
        })?;
        let reads = typing::check(program.expression()).map_err(|fault| {
            let near = program
                .source_info()
                .offset_for(fault.at)
                .and_then(|(start, _)| source.get(start as usize..))
                .map(|rest| rest.chars().take(40).collect::<String>())
                .filter(|rest| !rest.starts_with('.') && !rest.is_empty() && rest.len() < source.len());
            near.map_or_else(|| fault.reason.clone(), |near| format!("{}, at `{near}`", fault.reason))
        })?;
        Ok(Self { source: source.to_owned(), program: Arc::new(program), reads })
    }

    /// # Errors
    /// Why it could not be decided for these facts.
    pub fn holds(&self, facts: &Asked) -> Result<bool, String> {
        match self.program.execute(&facts.context) {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err("the condition is neither true nor false".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The values that it rests on: `open critical findings: 2, last complete scan: 12 days ago`.
    #[must_use]
    pub fn because(&self, facts: &Facts) -> String {
        let facts = serde_json::to_value(facts).unwrap_or_default();
        let mut said: Vec<String> = self.reads.iter().take(MAX_VALUES).map(|read| said(&facts, read)).collect();
        if self.reads.len() > MAX_VALUES {
            said.push("…".to_owned());
        }
        said.join(", ")
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({:?})", self.source)
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// One entity's facts as conditions see them: made once, asked many times.
pub struct Asked {
    context: Context<'static, 'static>,
}

impl Asked {
    #[must_use]
    pub fn new(facts: &Facts) -> Self {
        let mut context = Context::with_env(ENVIRONMENT.clone());
        for (name, value) in facts.parts() {
            context.add_variable_from_value(name, value);
        }
        Self { context }
    }
}

/// One fact in words: `open critical findings: 2`, `label team: missing`.
fn said(facts: &serde_json::Value, read: &str) -> String {
    let mut steps = read.splitn(3, '.');
    let (group, member, entry) = (steps.next().unwrap_or_default(), steps.next().unwrap_or_default(), steps.next());
    let Some(fact) = FACTS.iter().find(|fact| fact.name.split_once('.') == Some((group, member))) else {
        return format!("{read}: missing");
    };
    let value = &facts[group][member];
    match (entry, value) {
        (Some(entry), map) => {
            format!("{} {entry}: {}", fact.label, map.get(entry).and_then(Value::as_str).map_or("missing".into(), cut))
        }
        (None, Value::Object(map)) => format!("{}s: {}", fact.label, map.len()),
        (None, value) => format!("{}: {}", fact.label, shown(fact.kind, value)),
    }
}

fn shown(kind: FactKind, value: &Value) -> String {
    match value {
        Value::Bool(holds) => if *holds { "yes" } else { "no" }.to_owned(),
        Value::String(text) if !text.is_empty() => cut(text),
        Value::Array(items) if !items.is_empty() => {
            items.iter().filter_map(Value::as_str).take(10).collect::<Vec<_>>().join(" ")
        }
        Value::Number(days) if kind == FactKind::Age => match days.as_i64() {
            Some(NEVER_DAYS) => "never".to_owned(),
            Some(0) => "today".to_owned(),
            Some(1) => "1 day ago".to_owned(),
            _ => format!("{days} days ago"),
        },
        Value::Number(number) => number.to_string(),
        _ => "none".to_owned(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

fn depth(source: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' | b'?' | b'!' | b'-' => {
                now += 1;
                most = most.max(now);
            }
            b')' | b']' | b'}' | b':' | b'&' | b'|' | b',' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// A map's values, for CEL.
pub(super) fn text_map(map: &BTreeMap<String, String>) -> cel::Value {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<std::collections::HashMap<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(source: &str) -> String {
        Condition::compile(source).err().unwrap_or_else(|| panic!("{source} was taken"))
    }

    #[test]
    fn what_reads_known_facts_and_ends_in_true_or_false_is_taken() {
        for source in [
            "true",
            "entity.has_owner",
            "findings.critical == 0 && findings.high <= 5",
            "entity.tier in ['1', '2'] ? findings.high == 0 : true",
            "has(entity.labels.team) && entity.labels.team.startsWith('pay')",
            "'pci' in entity.tags || entity.tags.exists(tag, tag.endsWith('-critical'))",
            "size(entity.tags) > 0 && !(entity.lifecycle == 'experimental')",
            "entity.annotations.all(key, key != '')",
            "compliance.pass_percent * 2 > 150 - 1",
            "entity.tags.filter(tag, tag.contains('x')).size() == 1",
            "entity['kind'] == 'component'",
            "\"a/b\" in entity.annotations && entity.annotations[\"a/b\"] != \"\"",
        ] {
            Condition::compile(source).unwrap_or_else(|reason| panic!("{source}: {reason}"));
        }
    }

    #[test]
    fn what_cannot_be_decided_is_refused_with_the_reason() {
        for (source, part) in [
            ("findings.crtical == 0", "`findings.crtical` is not a fact"),
            ("finding.critical == 0", "`finding` is not a fact"),
            ("findings == 0", "findings"),
            ("findings.critical", "true or false"),
            ("findings.critical + 1", "true or false"),
            ("entity.kind == 3", "text"),
            ("findings.critical == 'none'", "whole number"),
            ("entity.kind && true", "true or false"),
            ("now() > 3", "`now`"),
            ("entity.kind.matches('(a+)+')", "`matches`"),
            ("1 +", "is not CEL"),
            ("", "is not CEL"),
            ("entity.tags.exists(a, entity.tags.exists(b, entity.tags.exists(c, a == b && b == c)))", "too much"),
            ("entity.nested.deep == 1", "not a fact"),
            ("entity.kind.upper == 1", "has no"),
            ("x", "not a fact"),
        ] {
            let reason = refused(source);
            assert!(reason.contains(part), "{source}: {reason}");
        }
    }

    #[test]
    fn nesting_and_size_are_bounded_before_anything_is_read() {
        assert!(refused(&format!("{}true{}", "(".repeat(400), ")".repeat(400))).contains("deeper"));
        assert!(refused(&format!("{}true", "!".repeat(900))).contains("deeper"));
        assert!(refused(&format!("{}1 == 1", "-".repeat(900))).contains("deeper"));
        let long = vec!["entity.has_owner"; 58].join(" && ");
        assert!(Condition::compile(&long).is_ok(), "a long flat condition is fine");
        let sum = format!("{} == 3", vec!["1"; 300].join(" + "));
        assert!(Condition::compile(&sum).is_err() || Condition::compile(&sum).is_ok());
    }

    #[test]
    fn a_reason_names_the_values_that_it_rests_on() {
        let mut facts = Facts::default();
        facts.findings.critical = 2;
        let because = |source: &str| Condition::compile(source).unwrap().because(&facts);
        let condition = "findings.critical == 0 && has(entity.labels.team)";
        assert_eq!(Condition::compile(condition).unwrap().holds(&Asked::new(&facts)), Ok(false));
        assert_eq!(because(condition), "label team: missing, open critical findings: 2");
        assert_eq!(because("findings.scan_age_days < 7 && entity.has_tags"), "has tags: no, last complete scan: never");
        assert_eq!(because("entity.owner != ''"), "owner: none");
        assert_eq!(because("'a/b' in entity.annotations"), "annotations: 0");
    }
}
