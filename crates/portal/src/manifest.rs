//! Reads our own files: YAML against a published JSON Schema, each error with its line and field.

use std::fmt::Write;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

/// No file of ours is longer.
const MAX_BYTES: usize = 256 * 1024;

/// One document of a file, as read.
#[derive(Clone, Debug)]
pub struct Document {
    /// The text as given.
    pub source: String,
    pub value: Value,
    /// The line of the file that the text begins with.
    first: usize,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Wrong {
    pub line: usize,
    /// `spec.timeToLive.max`; empty for the document itself.
    pub field: String,
    pub reason: String,
}

/// The documents of a file, or what keeps it from being read.
///
/// # Errors
/// The first place that is no YAML.
pub fn read(text: &str) -> Result<Vec<Document>, Wrong> {
    if text.len() > MAX_BYTES {
        let reason = format!("the file is longer than {MAX_BYTES} bytes");
        return Err(Wrong { line: 1, field: String::new(), reason });
    }
    let mut documents = Vec::new();
    for (first, source) in split(text) {
        let value = serde_yaml_ng::from_str(&source).map_err(|error| {
            let line = error.location().map_or(first, |at| first + at.line().saturating_sub(1));
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
            Wrong { line, field: String::new(), reason: format!("this is not YAML: {message}") }
        })?;
        documents.push(Document { source, value, first });
    }
    if documents.is_empty() {
        return Err(Wrong { line: 1, field: String::new(), reason: "the file holds no document".to_owned() });
    }
    Ok(documents)
}

impl Document {
    /// Every place where the document is not what the schema says.
    #[must_use]
    pub fn against(&self, schema: &Validator) -> Vec<Wrong> {
        schema
            .iter_errors(&self.value)
            .map(|error| self.wrong(error.instance_path().as_str(), in_words(&error)))
            .collect()
    }

    /// Something wrong at a JSON pointer.
    #[must_use]
    pub fn wrong(&self, pointer: &str, reason: impl Into<String>) -> Wrong {
        let steps: Vec<String> =
            pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        Wrong { line: self.line_of(&steps), field: field(&steps), reason: reason.into() }
    }

    /// The line of a field in block style; of the innermost thing around it that can be found, otherwise.
    fn line_of(&self, steps: &[String]) -> usize {
        let mut block: Vec<(usize, String)> = self
            .source
            .lines()
            .enumerate()
            .map(|(index, line)| (self.first + index, line.to_owned()))
            .filter(|(_, line)| {
                let line = line.trim_start();
                !line.is_empty() && !line.starts_with('#') && !line.starts_with("---")
            })
            .collect();
        let mut found = block.first().map_or(self.first, |(line, _)| *line);
        for step in steps {
            let Some((line, inner)) = inside(&block, step) else { break };
            (found, block) = (line, inner);
        }
        found
    }
}

/// Where a member or an element of a block begins, and the lines of what it holds.
fn inside(block: &[(usize, String)], step: &str) -> Option<(usize, Vec<(usize, String)>)> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let column = block.iter().map(|(_, line)| indent(line)).min()?;
    let mut here = block.iter().enumerate().filter(|(_, (_, line))| indent(line) == column);
    let is_item = |line: &str| line[column..].starts_with('-');
    let named = |line: &str| {
        let keys = [format!("{step}:"), format!("\"{step}\":"), format!("'{step}':")];
        keys.iter().any(|key| line[column..].starts_with(key.as_str()))
    };
    let nth =
        step.parse::<usize>().ok().filter(|_| block.iter().any(|(_, line)| indent(line) == column && is_item(line)));
    let (start, _) = match nth {
        Some(nth) => here.filter(|(_, (_, line))| is_item(line)).nth(nth)?,
        None => here.find(|(_, (_, line))| named(line))?,
    };
    let (line, text) = &block[start];
    let rest = &block[start + 1..];
    // the elements of a list may stand right under its name
    let ends = |line: &str| indent(line) < column || (indent(line) == column && (nth.is_some() || !is_item(line)));
    let rest = &rest[..rest.iter().position(|(_, line)| ends(line)).unwrap_or(rest.len())];
    let own = nth.map(|_| (*line, text.replacen('-', " ", 1)));
    Some((*line, own.into_iter().chain(rest.iter().cloned()).collect()))
}

/// Splits where a line begins with `---`, which can be nothing else at the margin (YAML 1.2.2, 9.1.2).
fn split(text: &str) -> Vec<(usize, String)> {
    let mut documents = vec![(1, String::new())];
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.strip_prefix("---").is_some_and(|rest| rest.trim().is_empty() || rest.starts_with(' ')) {
            documents.push((index + 1, String::new()));
        }
        documents.last_mut().expect("there is a first").1.push_str(line);
    }
    documents.retain(|(_, source)| {
        source.lines().any(|line| !matches!(line.trim(), "" | "---" | "...") && !line.trim_start().starts_with('#'))
    });
    documents
}

fn field(steps: &[String]) -> String {
    let mut field = String::new();
    for step in steps {
        match step.parse::<usize>() {
            Ok(index) => write!(field, "[{index}]").expect("writing to a string works"),
            Err(_) if field.is_empty() => field.push_str(step),
            Err(_) => write!(field, ".{step}").expect("writing to a string works"),
        }
    }
    field
}

/// What a value should have been, without repeating the value: it may be long, or a secret.
#[must_use]
pub fn in_words(error: &ValidationError<'_>) -> String {
    use jsonschema::error::TypeKind;
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            format!("{} is missing", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            format!("{} is not known here", unexpected.join(", "))
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(bare).collect();
            format!("must be one of: {}", options.join(", "))
        }
        ValidationErrorKind::Constant { expected_value } => format!("must be {}", bare(expected_value)),
        ValidationErrorKind::Minimum { limit } => format!("must be at least {}", bare(limit)),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {}", bare(limit)),
        ValidationErrorKind::MinLength { limit } if *limit == 1 => "must not be empty".to_owned(),
        ValidationErrorKind::MinLength { limit } => format!("must have at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("must have at most {limit} characters"),
        ValidationErrorKind::Pattern { pattern } => format!("must match {pattern}"),
        ValidationErrorKind::Type { kind } => match kind {
            TypeKind::Single(one) => format!("must be {}", with_article(&one.to_string())),
            TypeKind::Multiple(_) => "is of the wrong type".to_owned(),
        },
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::AnyOf { .. } => {
            "is none of the forms that are known here".to_owned()
        }
        _ => error.masked_with("the value").to_string(),
    }
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn with_article(kind: &str) -> String {
    match kind {
        "string" => "text".to_owned(),
        "integer" => "a whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "a mapping".to_owned(),
        other => format!("a {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment\nkind: A\nspec:\n  list:\n  - leads: owner\n    needed: 1\n  - champions: all\n  deep:\n    er:\n      est: 1\n---\nkind: B\nspec:\n    list:\n        - one\n        - needed: 3\n          leads: x\n";

    #[test]
    fn a_field_is_found_on_its_line() {
        let documents = read(TEXT).unwrap();
        let line = |document: usize, pointer: &str| documents[document].wrong(pointer, "").line;
        assert_eq!(line(0, ""), 2);
        assert_eq!(line(0, "/spec"), 3);
        assert_eq!(line(0, "/spec/list"), 4);
        assert_eq!(line(0, "/spec/list/0/needed"), 6);
        assert_eq!(line(0, "/spec/list/1/champions"), 7);
        assert_eq!(line(0, "/spec/deep/er/est"), 10);
        assert_eq!(line(0, "/spec/deep/none"), 8, "the innermost thing that is there");
        assert_eq!(line(1, "/kind"), 12);
        assert_eq!(line(1, "/spec/list/1/leads"), 17);
        assert_eq!(documents[0].wrong("/spec/list/1/needed", "").field, "spec.list[1].needed");
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        let wrong = read("kind: A\nspec: [1, 2\nmore: 3\n").unwrap_err();
        assert!(wrong.line >= 2 && wrong.reason.starts_with("this is not YAML"), "{wrong:?}");
        assert!(read("").is_err() && read("---\n# nothing\n").is_err());
    }
}
