//! A definition of JSON values while it is read: its references, what it may grow to, and what was wrong in it.

use std::collections::{HashSet, VecDeque};

use model::api::{ApiProblem, Example, NamedSchema};
use serde_json::{Map, Value};

use super::clipped;
use crate::ParseError;

/// Schemas, parameters, responses and the like in the result: one that is referred to counts each time.
const MAX_NODES: usize = 300_000;
/// Bytes of text in the result.
const MAX_TEXT: usize = 16 << 20;
/// References that lead to references.
const MAX_HOPS: usize = 16;
/// Parameters, responses, media types, headers or ways in of one thing; servers of a definition.
const MAX_LIST: usize = 300;
const MAX_PROBLEMS: usize = 100;
/// Bytes of one example; a longer one is cut.
const MAX_EXAMPLE: usize = 16 << 10;

pub(super) struct Document<'a> {
    pub root: &'a Value,
    pub problems: Vec<ApiProblem>,
    /// Pointers of schemas that are or will be among the named ones.
    known: HashSet<String>,
    waiting: VecDeque<String>,
    /// The pointer of the named schema that is being read: its own `$defs` are sought in it.
    base: String,
    nodes: usize,
    text: usize,
}

impl<'a> Document<'a> {
    pub fn new(root: &'a Value) -> Self {
        Self {
            root,
            problems: Vec::new(),
            known: HashSet::new(),
            waiting: VecDeque::new(),
            base: String::new(),
            nodes: MAX_NODES,
            text: MAX_TEXT,
        }
    }

    pub fn problem(&mut self, at: &str, reason: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(ApiProblem { at: clipped(at).to_owned(), reason: reason.into() });
        }
    }

    /// Takes room for one more thing in the result.
    pub fn grow(&mut self) -> Result<(), ParseError> {
        self.nodes = self.nodes.checked_sub(1).ok_or_else(too_large)?;
        Ok(())
    }

    /// Refuses a list that is longer than any that means something: lists are compared with each other.
    pub fn few(&self, length: usize, at: &str, what: &str) -> Result<(), ParseError> {
        if length <= MAX_LIST {
            return Ok(());
        }
        Err(ParseError::pointer(at, format!("there are more than {MAX_LIST} {what}")))
    }

    pub fn copy(&mut self, text: &str) -> Result<String, ParseError> {
        self.text = self.text.checked_sub(text.len()).ok_or_else(too_large)?;
        Ok(text.to_owned())
    }

    /// A member as text; numbers and truth values too, for versions are often written so.
    pub fn text(&mut self, object: &Value, member: &str) -> Result<String, ParseError> {
        match object.get(member) {
            Some(Value::String(text)) => self.copy(text),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
            _ => Ok(String::new()),
        }
    }

    /// `value`, or what its `$ref` leads to; none, with a problem, where that is not in this document.
    pub fn follow(&mut self, value: &'a Value, at: &str) -> Option<&'a Value> {
        self.follow_named(value, at).map(|(value, _)| value)
    }

    /// The same, with the last part of the last reference.
    pub fn follow_named(&mut self, mut value: &'a Value, at: &str) -> Option<(&'a Value, Option<&'a str>)> {
        let mut name = None;
        for _ in 0..MAX_HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Some((value, name)) };
            name = reference.rsplit('/').next();
            let target = reference.strip_prefix('#').and_then(|pointer| self.at(&decoded(pointer)));
            let Some(target) = target else {
                self.problem(at, lost(reference));
                return None;
            };
            value = target;
        }
        self.problem(at, "the reference leads to itself");
        None
    }

    /// The name that the schema behind `reference` has in the result; none where it is not in this document.
    pub fn link(&mut self, reference: &str, at: &str) -> Option<String> {
        let found = reference.strip_prefix('#').map(decoded).and_then(|pointer| {
            let own = format!("{}{pointer}", clipped(&self.base));
            [pointer, own].into_iter().find(|pointer| pointer.starts_with('/') && self.at(pointer).is_some())
        });
        let Some(pointer) = found else {
            self.problem(at, lost(reference));
            return None;
        };
        let name = name_of(&pointer);
        if self.known.insert(pointer.clone()) {
            self.waiting.push_back(pointer);
        }
        Some(name)
    }

    /// The named schemas: those under `pointers` in their order, then whatever else was referred to.
    pub fn named_schemas(&mut self, pointers: &[&str]) -> Result<Vec<NamedSchema>, ParseError> {
        let referred = std::mem::take(&mut self.waiting);
        for pointer in pointers {
            let members = self.at(pointer).and_then(Value::as_object);
            let members = members.into_iter().flat_map(Map::keys).map(|name| format!("{pointer}/{}", escaped(name)));
            for member in members {
                self.known.insert(member.clone());
                self.waiting.push_back(member);
            }
        }
        let first = self.waiting.iter().cloned().collect::<HashSet<_>>();
        self.waiting.extend(referred.into_iter().filter(|pointer| !first.contains(pointer)));
        let mut schemas = Vec::new();
        while let Some(pointer) = self.waiting.pop_front() {
            let Some(value) = self.at(&pointer) else { continue };
            let name = name_of(&pointer);
            let name = self.copy(&name)?;
            self.base.clone_from(&pointer);
            let schema = self.schema(value, &pointer)?;
            self.base.clear();
            schemas.push(NamedSchema { name, form: "schema".to_owned(), schema, ..NamedSchema::default() });
        }
        Ok(schemas)
    }

    /// An `example` and `examples` as a media type, parameter or schema has them.
    pub fn examples(&mut self, object: &'a Value, at: &str) -> Result<Vec<Example>, ParseError> {
        let mut examples = Vec::new();
        if let Some(value) = object.get("example") {
            examples.push(self.example("", value)?);
        }
        match object.get("examples") {
            Some(Value::Object(members)) => {
                for (name, member) in members {
                    let Some(member) = self.follow(member, at) else { continue };
                    let value = member.get("value").or_else(|| member.get("externalValue")).unwrap_or(member);
                    examples.push(self.example(name, value)?);
                }
            }
            Some(Value::Array(values)) => {
                for value in values {
                    examples.push(self.example("", value)?);
                }
            }
            _ => {}
        }
        Ok(examples)
    }

    pub fn example(&mut self, name: &str, value: &Value) -> Result<Example, ParseError> {
        self.grow()?;
        let mut text = match value {
            Value::String(text) => text.clone(),
            value => format!("{value:#}"),
        };
        if text.len() > MAX_EXAMPLE {
            text.truncate(text.floor_char_boundary(MAX_EXAMPLE));
            text.push('…');
        }
        Ok(Example { name: self.copy(name)?, value: self.copy(&text)? })
    }

    fn at(&self, pointer: &str) -> Option<&'a Value> {
        self.root.pointer(pointer)
    }
}

/// Whether a member is there and true.
pub(super) fn flag(object: &Value, member: &str) -> bool {
    object.get(member) == Some(&Value::Bool(true))
}

/// The members of an object's member; none where it is no object.
pub(super) fn members<'v>(object: &'v Value, member: &str) -> impl Iterator<Item = (&'v str, &'v Value)> + use<'v> {
    object.get(member).and_then(Value::as_object).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// The elements of an object's member; none where it is no list.
pub(super) fn elements<'v>(object: &'v Value, member: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    object.get(member).and_then(Value::as_array).into_iter().flatten()
}

/// A member's name as part of a JSON pointer.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn name_of(pointer: &str) -> String {
    let short = ["/components/schemas/", "/definitions/"].into_iter().find_map(|folder| pointer.strip_prefix(folder));
    match short.filter(|name| !name.contains('/')) {
        Some(name) => name.replace("~1", "/").replace("~0", "~"),
        None => format!("#{pointer}"),
    }
}

/// A pointer without the percent signs that it may have as part of an address.
fn decoded(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn lost(reference: &str) -> String {
    if reference.starts_with('#') {
        "the reference leads to nothing in this document".to_owned()
    } else {
        "the reference leads out of this document and is not followed; bundle the document into one file".to_owned()
    }
}

fn too_large() -> ParseError {
    ParseError::whole(
        "the definition grows beyond what is read here; split it or shorten what is repeated by reference",
    )
}
