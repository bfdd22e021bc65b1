//! Parts of a descriptor that stand in files of their own: Backstage's `$text`, `$json` and `$yaml`.
//!
//! After the published descriptor format (backstage.io/docs/features/software-catalog/descriptor-format, "Substitutions
//! in the descriptor format") and the placeholders `$openapi` and `$asyncapi` of its plugins, whose content is text.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    Descriptor, MAX_COUNT,
    document::field,
    rules::{self, Wrong},
    yaml::{self, Budget, Step},
};
use crate::{Input, Limits, Place, input};

/// The largest file that is included, in bytes.
pub const MAX_INCLUDE_BYTES: usize = 16 << 20;

/// The most includes of one descriptor: each is a file that somebody has to fetch.
const MAX_INCLUDES: usize = 100;

/// What an included file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Taken as it is.
    Text,
    Json,
    Yaml,
}

/// A place of a descriptor that a file fills.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Include {
    /// Where in the document, as a JSON pointer (RFC 6901): `/spec/definition`.
    pub pointer: String,
    pub content: Content,
    /// The file as the descriptor names it: whole, or relative to the descriptor's own address.
    pub target: String,
}

/// The document as given, while files are missing from it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Incomplete {
    pub document: Value,
    pub includes: Vec<Include>,
}

impl Content {
    fn of(key: &str) -> Option<Self> {
        match key {
            "$text" | "$openapi" | "$asyncapi" => Some(Self::Text),
            "$json" => Some(Self::Json),
            "$yaml" => Some(Self::Yaml),
            _ => None,
        }
    }

    /// What the bytes of an included file stand for, or why they cannot be read and where.
    fn read(self, bytes: &[u8]) -> Result<Value, String> {
        if bytes.len() > MAX_INCLUDE_BYTES {
            return Err(format!("the file is larger than {MAX_INCLUDE_BYTES} bytes"));
        }
        let limits = Limits { bytes: MAX_INCLUDE_BYTES, count: MAX_COUNT, ..Limits::default() };
        let in_words = |error: crate::ParseError| match error.at {
            Place::Whole => error.reason,
            at => format!("{at}: {}", error.reason),
        };
        match self {
            Self::Text => {
                let text = input::decode(bytes.into()).map_err(in_words)?;
                if text.contains('\0') {
                    return Err("the file holds a NUL character".to_owned());
                }
                Ok(Value::String(text.into_owned()))
            }
            Self::Json => Input::open(bytes, limits).and_then(|input| input.json()).map_err(in_words),
            Self::Yaml => {
                let input = Input::open(bytes, limits).map_err(in_words)?;
                let node = yaml::load(input.text(), &Budget::of(limits))
                    .map_err(|flaw| format!("line {}: {}", flaw.line, flaw.reason))?;
                Ok(node.into_json())
            }
        }
    }
}

impl Descriptor {
    /// The files that are still missing from it, in the order of the document.
    #[must_use]
    pub fn includes(&self) -> Vec<Include> {
        self.incomplete.as_ref().map(|incomplete| incomplete.includes.clone()).unwrap_or_default()
    }

    /// Puts a file's content where `include` stands. Includes inside it are not followed.
    ///
    /// # Errors
    /// What is wrong with the file and where, or with the descriptor once the file is part of it; the descriptor is then
    /// as it was.
    pub fn include(&mut self, include: &Include, bytes: &[u8]) -> Result<(), String> {
        let Some(incomplete) = &self.incomplete else {
            return Err(format!("{}: nothing is to be included here", include.pointer));
        };
        if !incomplete.includes.contains(include) {
            return Err(format!("{}: nothing is to be included here", include.pointer));
        }
        let content = include.content.read(bytes).map_err(|reason| format!("{}: {reason}", include.target))?;
        let mut document = incomplete.document.clone();
        if let Some(place) = document.pointer_mut(&include.pointer) {
            *place = content;
        }
        let includes: Vec<Include> = incomplete.includes.iter().filter(|other| *other != include).cloned().collect();
        let kept = (!includes.is_empty()).then(|| document.clone());
        let checked = rules::check(document, &pending(&includes)).map_err(|wrong| {
            let reasons = wrong.iter().take(5).map(|Wrong { at, reason }| format!("{}: {reason}", field(at)));
            format!("with {} included: {}", include.target, reasons.collect::<Vec<_>>().join("; "))
        })?;
        self.metadata = checked.metadata;
        self.spec = checked.spec;
        self.relations = checked.relations;
        self.incomplete = kept.map(|document| Box::new(Incomplete { document, includes }));
        Ok(())
    }

    /// The files that a Location names, in its order: `spec.target`, then `spec.targets`.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        if self.kind != model::Kind::Location {
            return Vec::new();
        }
        let more = self.spec.get("targets").and_then(Value::as_array).into_iter().flatten();
        self.spec.get("target").into_iter().chain(more).filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }
}

/// Everything that a document includes, or what is wrong with it.
pub(super) fn find(document: &Value) -> Result<Vec<Include>, Wrong> {
    let mut found = Vec::new();
    seek(document, &mut Vec::new(), &mut found)?;
    Ok(found)
}

/// Where the includes stand.
pub(super) fn pending(includes: &[Include]) -> HashSet<String> {
    includes.iter().map(|include| include.pointer.clone()).collect()
}

/// A JSON pointer (RFC 6901) to where `at` leads.
pub(super) fn pointer(at: &[Step]) -> String {
    let mut pointer = String::new();
    for step in at {
        pointer.push('/');
        match step {
            Step::Key(key) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => pointer.push_str(&index.to_string()),
        }
    }
    pointer
}

/// Whether a mapping is one key that asks for a file; Backstage leaves other keys with a `$` as they are.
pub(super) fn is_include(value: &Value) -> bool {
    value.as_object().is_some_and(|mapping| mapping.len() == 1 && mapping.keys().all(|key| Content::of(key).is_some()))
}

fn seek(value: &Value, at: &mut Vec<Step>, found: &mut Vec<Include>) -> Result<(), Wrong> {
    match value {
        Value::Object(mapping) if is_include(value) => {
            let Some((content, target)) = mapping.iter().find_map(|(key, value)| Some((Content::of(key)?, value)))
            else {
                return Ok(());
            };
            let wrong = |reason: &str| Wrong { at: at.clone(), reason: reason.to_owned() };
            let Some(target) = target.as_str().filter(|target| !target.trim().is_empty()) else {
                return Err(wrong("what is included is named by a text: an address, or a path beside the descriptor"));
            };
            if found.len() >= MAX_INCLUDES {
                return Err(wrong(&format!("a descriptor includes at most {MAX_INCLUDES} files")));
            }
            found.push(Include { pointer: pointer(at), content, target: target.to_owned() });
        }
        Value::Object(mapping) => {
            for (key, value) in mapping {
                at.push(Step::key(key));
                seek(value, at, found)?;
                at.pop();
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                at.push(Step::Index(index));
                seek(value, at, found)?;
                at.pop();
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::read;

    fn api(definition: &str) -> Descriptor {
        one(&format!(
            "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {{name: orders}}\nspec:\n  type: openapi\n  \
             lifecycle: production\n  owner: shop\n  definition: {definition}\n"
        ))
    }

    fn one(text: &str) -> Descriptor {
        let mut results = read(text.as_bytes(), Limits::default());
        results.pop().unwrap().outcome.unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn refused(text: &str) -> String {
        read(text.as_bytes(), Limits::default()).pop().unwrap().outcome.unwrap_err()[0].to_string()
    }

    #[test]
    fn a_definition_in_a_file_takes_its_text() {
        for (key, content) in
            [("$text", Content::Text), ("$openapi", Content::Text), ("$json", Content::Json), ("$yaml", Content::Yaml)]
        {
            let mut descriptor = api(&format!("{{{key}: ./orders.yaml}}"));
            let includes = descriptor.includes();
            let target = "./orders.yaml".to_owned();
            assert_eq!(includes, [Include { pointer: "/spec/definition".to_owned(), content, target }]);
            assert_eq!(descriptor.spec["definition"], json!({ key: "./orders.yaml" }), "until it is there");
            let text = if content == Content::Text { "openapi: 3.1.0\n" } else { "\"openapi: 3.1.0\"" };
            descriptor.include(&includes[0], text.as_bytes()).unwrap();
            assert!(descriptor.spec["definition"].as_str().unwrap().starts_with("openapi: 3.1.0"));
            assert!(descriptor.includes().is_empty());
            assert!(descriptor.include(&includes[0], b"again").is_err());
        }
    }

    #[test]
    fn a_file_fills_any_place_and_counts_as_if_it_stood_there() {
        let mut descriptor = one("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: pay\n  \
                                  description: {$text: ../README.md}\n  annotations:\n    example.com/runbook: \
                                  {$text: runbook.md}\nspec:\n  type: service\n  lifecycle: production\n  owner: \
                                  {$text: OWNER}\n  dependsOn: {$json: deps.json}\n");
        let pointers: Vec<String> = descriptor.includes().into_iter().map(|include| include.pointer).collect();
        assert_eq!(
            pointers,
            ["/metadata/description", "/metadata/annotations/example.com~1runbook", "/spec/owner", "/spec/dependsOn"]
        );
        for include in descriptor.includes() {
            let bytes: &[u8] = match include.target.as_str() {
                "deps.json" => b"[\"resource:ledger\", \"component:rates\"]",
                "OWNER" => b"payments",
                _ => b"# Words",
            };
            descriptor.include(&include, bytes).unwrap();
        }
        assert_eq!(descriptor.owner().unwrap().to_string(), "group:default/payments");
        assert_eq!(descriptor.relations.len(), 3);
        assert_eq!(descriptor.metadata.description.as_deref(), Some("# Words"));
        assert_eq!(descriptor.metadata.annotations["example.com/runbook"], "# Words");
    }

    #[test]
    fn what_an_included_value_includes_is_not_followed() {
        let mut descriptor = api("{$text: a}");
        descriptor.include(&descriptor.includes()[0].clone(), b"$text: b").unwrap();
        assert!(descriptor.includes().is_empty());

        let mut descriptor = api("x\n  labels: {$json: a}");
        let error = descriptor.include(&descriptor.includes()[0].clone(), b"{\"$text\": \"b\"}");
        assert_eq!((error, descriptor.includes()), (Ok(()), Vec::new()));
        assert_eq!(descriptor.spec["labels"], json!({ "$text": "b" }));
    }

    #[test]
    fn a_file_that_does_not_fit_says_where_and_leaves_the_descriptor_as_it_was() {
        let mut descriptor = one("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: pay}\nspec: \
                                  {type: service, lifecycle: production, owner: a, dependsOn: {$yaml: deps.yaml}}\n");
        let before = descriptor.clone();
        let include = before.includes()[0].clone();
        for (bytes, reason) in [
            (b"- a: [\n- b\n".as_slice(), "deps.yaml: line "),
            (b"owner: x", "spec.dependsOn: this must be a list"),
            (b"[no kind]", "spec.dependsOn[0]: "),
            (b"[\"\\0\"]", "NUL"),
            (b"- a\n---\n- b\n", "another document"),
            (b"\xff\xff", "not UTF-8"),
        ] {
            let error = descriptor.include(&include, bytes).unwrap_err();
            assert!(error.contains(reason), "{error}");
            assert_eq!(descriptor, before);
        }
        let json = Include { content: Content::Json, ..include };
        assert!(descriptor.include(&json, b"[]").is_err(), "it asks for YAML");
        let mut descriptor = api("{$json: a.json}");
        let error = descriptor.include(&descriptor.includes()[0].clone(), b"{\n  \"a\": ]\n}").unwrap_err();
        assert!(error.starts_with("a.json: line 2, column 8: "), "{error}");
    }

    #[test]
    fn what_an_entity_is_called_and_who_may_see_it_stands_in_the_descriptor_itself() {
        for metadata in [
            "{$yaml: m.yaml}",
            "{name: {$text: name}}",
            "{name: a, namespace: {$text: n}}",
            "{name: a, annotations: {$yaml: a.yaml}}",
            "{name: a, annotations: {rampart.dev/restricted: {$text: r}}}",
        ] {
            let text =
                format!("apiVersion: backstage.io/v1alpha1\nkind: System\nmetadata: {metadata}\nspec: {{owner: a}}\n");
            assert!(refused(&text).contains("must stand in the descriptor itself"), "{metadata}: {}", refused(&text));
        }
        let text = "apiVersion: backstage.io/v1alpha1\nkind: System\nmetadata: {name: a}\nspec: {owner: {$text: 5}}\n";
        assert!(refused(text).contains("spec.owner: what is included"), "{}", refused(text));
    }

    #[test]
    fn a_location_names_its_targets_in_order() {
        let location =
            one("apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: all}\nspec: {targets: \
                            [./b.yaml, https://example.com/c.yaml], target: ./a.yaml}\n");
        assert_eq!(location.targets(), ["./a.yaml", "./b.yaml", "https://example.com/c.yaml"]);
        assert!(api("x").targets().is_empty());
    }
}
