//! One YAML document as values that know their lines, within a budget.
//!
//! A parser of events and not serde: a file is refused at the value that breaks a limit, before anything grows (aliases
//! let a small file stand for an endless one, and libyaml takes minutes over a few hundred kilobytes of `[`).

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};
use serde_json::{Map, Number, Value};

use crate::Limits;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Counted from one, in the text that was parsed.
    line: usize,
    content: Content,
    /// What it takes of a budget, with all that is in it.
    weight: Weight,
}

#[derive(Clone, Debug)]
enum Content {
    /// A text, a number, a truth value, or nothing.
    Scalar(Value),
    List(Vec<Node>),
    Mapping(Vec<Entry>),
}

#[derive(Clone, Debug)]
struct Entry {
    key: String,
    line: usize,
    value: Node,
}

#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    values: usize,
    bytes: usize,
    /// Levels of lists and mappings.
    depth: usize,
}

/// A member or an element on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    pub fn key(name: &str) -> Self {
        Self::Key(name.to_owned())
    }
}

/// Why a text is no YAML that is read.
#[derive(Debug)]
pub(super) struct Flaw {
    /// Counted from one, in the text that was parsed.
    pub line: usize,
    pub reason: String,
}

/// What a file may still grow to.
#[derive(Debug)]
pub(super) struct Budget {
    depth: usize,
    values: Cell<usize>,
    bytes: Cell<usize>,
}

impl Budget {
    pub fn of(limits: Limits) -> Self {
        Self { depth: limits.depth, values: Cell::new(limits.count), bytes: Cell::new(limits.bytes.saturating_mul(2)) }
    }

    fn take(&self, weight: Weight, line: usize) -> Result<(), Flaw> {
        let left = |cell: &Cell<usize>, taken: usize| cell.get().checked_sub(taken).map(|left| cell.set(left));
        left(&self.values, weight.values)
            .and_then(|()| left(&self.bytes, weight.bytes))
            .ok_or_else(|| Flaw { line, reason: "the file grows beyond what is read here".to_owned() })
    }
}

/// Parses the one document that `text` holds.
pub(super) fn load(text: &str, budget: &Budget) -> Result<Node, Flaw> {
    if let Some(at) = text.find('\0') {
        // The parser takes it for the end.
        return Err(Flaw { line: text[..at].matches('\n').count() + 1, reason: NUL.to_owned() });
    }
    let mut loader = Loader { budget, open: Vec::new(), anchors: HashMap::new(), root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| unreadable(&error))?;
        loader.event(event, span.start.line())?;
    }
    loader.root.ok_or_else(|| Flaw { line: 1, reason: "the document is empty".to_owned() })
}

const NUL: &str = "a text holds a NUL character";

impl Node {
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(nodes) => nodes.iter().map(Self::to_json).collect(),
            Content::Mapping(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    pub fn into_json(self) -> Value {
        match self.content {
            Content::Scalar(value) => value,
            Content::List(nodes) => nodes.into_iter().map(Self::into_json).collect(),
            Content::Mapping(entries) => Value::Object(
                entries.into_iter().map(|entry| (entry.key, entry.value.into_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    fn no_key_twice(&self) -> Result<(), Flaw> {
        let Content::Mapping(entries) = &self.content else { return Ok(()) };
        let mut seen = HashSet::with_capacity(entries.len());
        match entries.iter().find(|entry| !seen.insert(&entry.key)) {
            Some(entry) => Err(Flaw { line: entry.line, reason: "a mapping has the same key twice".to_owned() }),
            None => Ok(()),
        }
    }

    /// The line of what `way` leads to, or of the last thing on the way that is there.
    pub fn line_of(&self, way: &[Step]) -> usize {
        let (mut node, mut line) = (self, self.line);
        for step in way {
            match (step, &node.content) {
                (Step::Key(key), Content::Mapping(entries)) => {
                    let Some(entry) = entries.iter().find(|entry| entry.key == *key) else { break };
                    (node, line) = (&entry.value, entry.line);
                }
                (Step::Index(index), Content::List(nodes)) => {
                    let Some(inner) = nodes.get(*index) else { break };
                    (node, line) = (inner, inner.line);
                }
                _ => break,
            }
        }
        line
    }
}

/// Builds values from events.
struct Loader<'a> {
    budget: &'a Budget,
    /// The lists and mappings that are not at their end, from the outermost.
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
}

struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value, in a mapping.
    key: Option<(String, usize)>,
}

impl Loader<'_> {
    fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), Flaw> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if text.contains('\0') {
                    return Err(Flaw { line, reason: NUL.to_owned() });
                }
                let is_text = tag.as_deref().is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                if !is_text {
                    known(tag.as_deref(), line)?;
                }
                let value = match style {
                    ScalarStyle::Plain if !is_text => plain(&text),
                    _ => Value::String(text.into_owned()),
                };
                let bytes = value.as_str().map_or(0, str::len);
                let node =
                    Node { line, content: Content::Scalar(value), weight: Weight { values: 1, bytes, depth: 0 } };
                self.budget.take(node.weight, line)?;
                self.add(node, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.begin(Content::List(Vec::new()), anchor, tag.as_deref(), line),
            Event::MappingStart(anchor, tag) => self.begin(Content::Mapping(Vec::new()), anchor, tag.as_deref(), line),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                open.node.no_key_twice()?;
                self.add(open.node, open.anchor)
            }
            Event::Alias(anchor) => {
                // An alias inside what it names has no end.
                let reason = "an alias names nothing that is complete before it";
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(Flaw { line, reason: reason.to_owned() });
                };
                self.budget.take(node.weight, line)?;
                let node = Node { line, ..node.clone() };
                self.add(node, 0)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Flaw { line, reason: "another document begins without a line ---".to_owned() })
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn begin(&mut self, content: Content, anchor: usize, tag: Option<&Tag>, line: usize) -> Result<(), Flaw> {
        known(tag, line)?;
        if self.open.len() >= self.budget.depth {
            return Err(self.too_deep(line));
        }
        let weight = Weight { values: 1, bytes: 0, depth: 1 };
        self.budget.take(weight, line)?;
        self.open.push(Open { node: Node { line, content, weight }, anchor, key: None });
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Flaw> {
        if self.open.len() + node.weight.depth > self.budget.depth {
            return Err(self.too_deep(node.line));
        }
        if anchor > 0 {
            self.budget.take(node.weight, node.line)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        let whole = &mut open.node.weight;
        whole.values += node.weight.values;
        whole.bytes += node.weight.bytes;
        whole.depth = whole.depth.max(node.weight.depth + 1);
        match (&mut open.node.content, open.key.take()) {
            (Content::List(nodes), _) => nodes.push(node),
            (Content::Mapping(entries), Some((key, line))) => entries.push(Entry { key, line, value: node }),
            (Content::Mapping(_), None) => open.key = Some((key(&node)?, node.line)),
            (Content::Scalar(_), _) => {}
        }
        Ok(())
    }

    fn too_deep(&self, line: usize) -> Flaw {
        Flaw { line, reason: format!("lists and mappings are more than {} deep", self.budget.depth) }
    }
}

/// A key as the text that JSON has for it.
fn key(node: &Node) -> Result<String, Flaw> {
    match &node.content {
        Content::Scalar(Value::String(text)) => Ok(text.clone()),
        Content::Scalar(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        _ => Err(Flaw { line: node.line, reason: "a mapping has a key that is no text".to_owned() }),
    }
}

/// Tags of the core schema say what is so anyway; others ask for something that is not here.
fn known(tag: Option<&Tag>, line: usize) -> Result<(), Flaw> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            Err(Flaw { line, reason: "a value has a tag, and tags are not read".to_owned() })
        }
        _ => Ok(()),
    }
}

/// What a text without quotes stands for (YAML 1.2.2, 10.3.2: the core schema).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return true.into(),
        "false" | "False" | "FALSE" => return false.into(),
        _ => {}
    }
    let radix = |prefix, radix| text.strip_prefix(prefix).and_then(|digits| u64::from_str_radix(digits, radix).ok());
    if let Some(number) = radix("0o", 8).or_else(|| radix("0x", 16)) {
        return number.into();
    }
    // Rust reads `inf`, `nan` and the like as numbers too; JSON has none of them.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return text.into();
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let whole = unsigned.parse::<u64>().map(Number::from).or_else(|_| unsigned.parse::<i64>().map(Number::from)).ok();
    let number = whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64));
    number.map_or_else(|| text.into(), Value::Number)
}

fn unreadable(error: &ScanError) -> Flaw {
    Flaw { line: error.marker().line(), reason: format!("this is not YAML: {}", error.info()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn loaded(text: &str) -> Result<Node, Flaw> {
        load(text, &Budget::of(Limits::default()))
    }

    #[test]
    fn a_text_without_quotes_is_what_the_core_schema_says() {
        let text =
            "[~, null, yes, true, 007, -3, 0x1F, 0o17, 1.5, 1e3, .inf, 1.2.3, '1', \"true\", 2026-03-02, !!str 5]";
        let values = json!([
            null,
            null,
            "yes",
            true,
            7,
            -3,
            31,
            15,
            1.5,
            1000.0,
            ".inf",
            "1.2.3",
            "1",
            "true",
            "2026-03-02",
            "5"
        ]);
        assert_eq!(loaded(text).unwrap().to_json(), values);
    }

    #[test]
    fn a_way_leads_to_its_line_in_every_style() {
        let text = "a:\n  b: {c: 1,\n    d: [x,\n      y]}\n  e: |\n    b: not this one\n  f:\n  - g: 2\n    h: 3\n";
        let node = loaded(text).unwrap();
        let key = Step::key;
        assert_eq!(node.line_of(&[key("a"), key("b"), key("d")]), 3);
        assert_eq!(node.line_of(&[key("a"), key("b"), key("d"), Step::Index(1)]), 4);
        assert_eq!(node.line_of(&[key("a"), key("f"), Step::Index(0), key("h")]), 9);
        assert_eq!(node.line_of(&[key("a"), key("missing")]), 1, "what is not there is sought around it");
    }

    #[test]
    fn an_alias_is_what_it_names_and_counts_as_much() {
        assert_eq!(loaded("a: &x [1, 2]\nb: *x\n").unwrap().to_json(), json!({ "a": [1, 2], "b": [1, 2] }));
        let few = Limits { count: 10, ..Limits::default() };
        let flaw = load("a: &x [1, 2]\nb: [*x, *x]\n", &Budget::of(few)).unwrap_err();
        assert_eq!((flaw.line, flaw.reason.contains("grows")), (2, true));
        assert!(loaded("a: &x [*x]").unwrap_err().reason.contains("alias"));
        assert!(loaded("a: *x").is_err());
    }

    #[test]
    fn what_json_does_not_have_is_refused_at_its_line() {
        for (text, line, reason) in [
            ("a: 1\n\nb: 2\na: 3\n", 4, "same key twice"),
            ("a: 1\n[b]: 2\n", 2, "no text"),
            ("a: 1\nb: !secret x\n", 2, "tag"),
            ("a: 1\nb: \"\\0\"\n", 2, "NUL"),
            ("a: 1\nb: \0\n", 2, "NUL"),
        ] {
            let flaw = loaded(text).unwrap_err();
            assert_eq!(flaw.line, line, "{text:?}");
            assert!(flaw.reason.contains(reason), "{text:?}: {}", flaw.reason);
        }
    }
}
