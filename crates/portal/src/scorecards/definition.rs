//! Scorecards as their files state them: read, checked, compiled.

use std::sync::LazyLock;

use jsonschema::Validator;
use model::{
    FieldError,
    scorecards::{CheckView, ScorecardView},
};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    condition::{Asked, Condition},
    facts::Facts,
};
use crate::{
    error::{Error, Result},
    manifest::{self, Document, Wrong},
};

/// The published schema of scorecard files.
pub const SCHEMA_TEXT: &str = include_str!("../../../../docs/schemas/scorecard.schema.json");

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(SCHEMA_TEXT).expect("a test reads the published schema");
    jsonschema::validator_for(&schema).expect("a test compiles the published schema")
});

/// A scorecard that is known to be decidable.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorecard {
    pub name: String,
    pub title: String,
    pub description: String,
    pub applies: Condition,
    /// From the lowest to the highest.
    pub levels: Vec<String>,
    pub checks: Vec<Check>,
    /// The file as given.
    pub source: String,
    document: DocumentOf,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub id: String,
    pub title: String,
    pub why: String,
    pub how: String,
    /// 1 for the lowest level.
    pub level: usize,
    pub weight: u16,
    pub condition: Condition,
}

/// The document, for the lines of what turns out to be wrong later; two that read the same are the same.
#[derive(Clone, Debug)]
struct DocumentOf(Document);

impl PartialEq for DocumentOf {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Deserialize)]
struct File {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    title: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Spec {
    applies: String,
    levels: Vec<String>,
    checks: Vec<CheckSpec>,
}

#[derive(Deserialize)]
struct CheckSpec {
    id: String,
    title: String,
    why: String,
    how: String,
    level: String,
    #[serde(default = "one")]
    weight: u16,
    condition: String,
}

const fn one() -> u16 {
    1
}

/// Reads a scorecard's file.
///
/// # Errors
/// `Invalid`, an error a wrong place, with its line.
pub fn read(text: &str) -> Result<Scorecard> {
    let mut documents = manifest::read(text).map_err(|wrong| refused(vec![wrong]))?;
    let document = documents.pop().expect("a file that was read holds a document");
    if !documents.is_empty() {
        return Err(refused(vec![document.wrong("", "a file holds one scorecard; send the others by themselves")]));
    }
    read_document(text, document).map_err(refused)
}

fn read_document(text: &str, document: Document) -> Result<Scorecard, Vec<Wrong>> {
    let wrong = document.against(&SCHEMA);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let file: File = serde_json::from_value(document.value.clone())
        .map_err(|error| vec![document.wrong("", format!("is not a scorecard: {error}"))])?;
    let mut wrong = Vec::new();
    let mut compiled = |pointer: &str, source: &str| {
        Condition::compile(source.trim()).map_err(|reason| wrong.push(document.wrong(pointer, reason))).ok()
    };
    let applies = compiled("/spec/applies", &file.spec.applies);
    let conditions: Vec<Option<Condition>> = file
        .spec
        .checks
        .iter()
        .enumerate()
        .map(|(place, check)| compiled(&format!("/spec/checks/{place}/condition"), &check.condition))
        .collect();
    let mut checks: Vec<Check> = Vec::new();
    for (place, (check, condition)) in file.spec.checks.into_iter().zip(conditions).enumerate() {
        let level = file.spec.levels.iter().position(|level| *level == check.level);
        if level.is_none() {
            let levels = file.spec.levels.join(", ");
            wrong.push(document.wrong(&format!("/spec/checks/{place}/level"), format!("must be one of: {levels}")));
        }
        if checks.iter().any(|other| other.id == check.id) {
            wrong.push(document.wrong(&format!("/spec/checks/{place}/id"), "another check has the same id"));
        }
        if let (Some(level), Some(condition)) = (level, condition) {
            let CheckSpec { id, title, why, how, weight, .. } = check;
            checks.push(Check { id, title, why, how, level: level + 1, weight, condition });
        }
    }
    if wrong.is_empty() {
        for (place, level) in file.spec.levels.iter().enumerate() {
            if !checks.iter().any(|check| check.level == place + 1) {
                let reason = format!("no check asks for {level}, so it would be the same as the level below it");
                wrong.push(document.wrong(&format!("/spec/levels/{place}"), reason));
            }
        }
    }
    match applies {
        Some(applies) if wrong.is_empty() => {
            let scorecard = Scorecard {
                name: file.metadata.name,
                title: file.metadata.title,
                description: file.metadata.description,
                applies,
                levels: file.spec.levels,
                checks,
                source: text.to_owned(),
                document: DocumentOf(document),
            };
            let wrong = scorecard.undecided(&Facts::samples(), "an entity of which little is known");
            if wrong.is_empty() { Ok(scorecard) } else { Err(wrong) }
        }
        _ => Err(wrong),
    }
}

impl Scorecard {
    /// Each condition that cannot be decided for one of these entities, which `whom` names.
    pub(super) fn undecided(&self, entities: &[Facts], whom: &str) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        for facts in entities {
            let asked = Asked::new(facts);
            let say = |reason: String| format!("cannot be decided for {whom}: {reason}");
            match self.applies.holds(&asked) {
                Err(reason) => {
                    wrong.push(self.document.0.wrong("/spec/applies", say(reason)));
                    break;
                }
                Ok(false) => continue,
                Ok(true) => {}
            }
            for (place, check) in self.checks.iter().enumerate() {
                if let Err(reason) = check.condition.holds(&asked) {
                    let at = self.document.0.wrong(&format!("/spec/checks/{place}/condition"), say(reason));
                    if !wrong.contains(&at) {
                        wrong.push(at);
                    }
                }
            }
        }
        wrong
    }

    #[must_use]
    pub fn view(&self, revision: i32, changed_at: OffsetDateTime) -> ScorecardView {
        ScorecardView {
            name: self.name.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            applies: self.applies.source.clone(),
            levels: self.levels.clone(),
            checks: self.checks.iter().map(|check| self.check_view(check)).collect(),
            revision,
            changed_at,
        }
    }

    fn check_view(&self, check: &Check) -> CheckView {
        CheckView {
            id: check.id.clone(),
            title: check.title.clone(),
            why: check.why.clone(),
            how: check.how.clone(),
            level: self.levels[check.level - 1].clone(),
            weight: check.weight,
            condition: check.condition.source.clone(),
        }
    }

    /// The name of a level; none for 0, which is below the lowest.
    #[must_use]
    pub fn level_name(&self, level: usize) -> Option<&str> {
        level.checked_sub(1).and_then(|place| self.levels.get(place)).map(String::as_str)
    }
}

/// Every wrong place as an error of its field.
pub(super) fn refused(wrong: Vec<Wrong>) -> Error {
    Error::Invalid(
        wrong
            .into_iter()
            .map(|wrong| {
                let field = if wrong.field.is_empty() { "file".to_owned() } else { wrong.field };
                FieldError::new(field, format!("line {}: {}", wrong.line, wrong.reason))
            })
            .collect(),
    )
}

/// Reads what the database keeps, which was checked when it was saved.
pub(super) fn kept(source: &str) -> Result<Scorecard> {
    read(source).map_err(|error| Error::internal(format!("a kept scorecard is refused: {error}")))
}
