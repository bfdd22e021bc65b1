//! From a file's text to its documents: split, checked, each error with its line.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{
    Descriptor, DescriptorError, DocumentResult, MAX_BYTES, MAX_DOCUMENTS,
    includes::{self, Incomplete},
    rules::{self, Wrong},
    yaml::{self, Budget, Flaw, Node, Step},
};
use crate::{Input, ParseError};

pub(super) fn parse(input: &Input<'_>) -> Result<Vec<DocumentResult>, ParseError> {
    if input.text().len() > MAX_BYTES {
        return Err(ParseError::whole(format!("a file of descriptors has at most {MAX_BYTES} bytes")));
    }
    let documents = split(input.text());
    if documents.is_empty() {
        return Err(ParseError::whole("the file holds no document"));
    }
    if documents.len() > MAX_DOCUMENTS {
        return Err(ParseError::whole(format!("the file holds more than {MAX_DOCUMENTS} documents")));
    }
    let budget = Budget::of(input.limits());
    let mut results = Vec::with_capacity(documents.len());
    let mut seen = HashMap::new();
    for (index, document) in documents.iter().enumerate() {
        let (mut result, name_line) = document.read(index + 1, &budget);
        if let Ok(descriptor) = &result.outcome {
            let first = *seen.entry(descriptor.entity_ref()).or_insert(document.line);
            if first != document.line {
                let reason = format!("the document at line {first} describes the same entity");
                let field = Some("metadata.name".to_owned());
                result.outcome = Err(vec![DescriptorError { document: index + 1, line: name_line, field, reason }]);
            }
        }
        results.push(result);
    }
    Ok(results)
}

/// The text of one document and where it stands.
struct Document<'a> {
    text: &'a str,
    /// The line of the file that `text` begins with.
    first: usize,
    /// The first line of the file that says something.
    line: usize,
}

/// Splits at the lines that YAML keeps for that: `---` and `...` at the margin can be nothing else (YAML 1.2.2, 9.1.2).
fn split(text: &str) -> Vec<Document<'_>> {
    let is_marker = |line: &str, marker: &str| {
        line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']))
    };
    let mut documents = Vec::new();
    let (mut from, mut at, mut first) = (0, 0, 1);
    let mut close = |from: usize, to: usize, first: usize| {
        let text = &text[from..to];
        let says = |line: &str| {
            let line = line.strip_prefix("---").unwrap_or(line).trim();
            !line.is_empty() && !line.starts_with(['#', '%']) && line != "..."
        };
        if let Some(skipped) = text.lines().position(says) {
            documents.push(Document { text, first, line: first + skipped });
        }
    };
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim_end_matches(['\n', '\r']);
        if is_marker(bare, "---") && at > from {
            close(from, at, first);
            (from, first) = (at, index + 1);
        }
        at += line.len();
        if is_marker(bare, "...") {
            close(from, at, first);
            (from, first) = (at, index + 2);
        }
    }
    close(from, text.len(), first);
    documents
}

impl Document<'_> {
    /// What became of it, and the line its name stands at.
    fn read(&self, document: usize, budget: &Budget) -> (DocumentResult, usize) {
        let mut result = DocumentResult { document, line: self.line, kind: None, name: None, outcome: Err(Vec::new()) };
        let node = match yaml::load(self.text, budget) {
            Ok(node) => node,
            Err(flaw) => {
                result.outcome = Err(vec![self.unreadable(document, flaw)]);
                return (result, self.line);
            }
        };
        let value = node.to_json();
        let given = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
        result.kind = given(value.get("kind"));
        result.name = given(value.pointer("/metadata/name"));
        result.outcome = match checked(value) {
            Ok((checked, incomplete)) => Ok(Descriptor {
                kind: checked.kind,
                api_version: checked.api_version,
                metadata: checked.metadata,
                spec: checked.spec,
                relations: checked.relations,
                document,
                line: self.line,
                incomplete,
            }),
            Err(wrong) => Err(wrong
                .into_iter()
                .map(|wrong| DescriptorError {
                    document,
                    line: self.line_of(&node, &wrong.at),
                    field: (!wrong.at.is_empty()).then(|| field(&wrong.at)),
                    reason: wrong.reason,
                })
                .collect()),
        };
        (result, self.line_of(&node, &[Step::key("metadata"), Step::key("name")]))
    }

    fn line_of(&self, node: &Node, way: &[Step]) -> usize {
        self.first + node.line_of(way) - 1
    }

    /// Why the text is no YAML; most often because it is a template for some.
    fn unreadable(&self, document: usize, flaw: Flaw) -> DescriptorError {
        let line = self.first + flaw.line.saturating_sub(1);
        let templated = |line: &str| line.contains("{{") || line.contains("{%");
        let numbered = || self.text.lines().enumerate().map(|(index, text)| (self.first + index, text));
        let nearest = numbered().take_while(|(number, _)| *number <= line).filter(|(_, text)| templated(text)).last();
        let (line, reason) = match nearest.or_else(|| numbered().find(|(_, text)| templated(text))) {
            None => (line, flaw.reason),
            Some((line, _)) => {
                let reason = "this is a template expression, so the file is a template for a descriptor and not one \
                              itself; register what it renders to";
                (line, reason.to_owned())
            }
        };
        DescriptorError { document, line, field: None, reason }
    }
}

/// What a document says, and what is missing from it.
fn checked(document: Value) -> Result<(rules::Checked, Option<Box<Incomplete>>), Vec<Wrong>> {
    let includes = includes::find(&document).map_err(|wrong| vec![wrong])?;
    if includes.is_empty() {
        return Ok((rules::check(document, &HashSet::new())?, None));
    }
    let checked = rules::check(document.clone(), &includes::pending(&includes))?;
    Ok((checked, Some(Box::new(Incomplete { document, includes }))))
}

/// `spec.dependsOn[1]`
pub(super) fn field(at: &[Step]) -> String {
    let mut field = String::new();
    for step in at {
        match step {
            Step::Key(key) if field.is_empty() => field.push_str(key),
            Step::Key(key) => {
                field.push('.');
                field.push_str(key);
            }
            Step::Index(index) => field.push_str(&format!("[{index}]")),
        }
    }
    field
}
