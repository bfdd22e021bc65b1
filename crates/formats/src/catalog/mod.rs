//! Descriptors of the catalog: Backstage's `catalog-info.yaml`, one or many documents in a file.
//!
//! Each document stands by itself: one that is wrong says where and why, and the others are read.

mod document;
mod includes;
pub mod marks;
mod rules;
mod yaml;

use std::{collections::BTreeMap, fmt};

use model::{EntityRef, Kind, Link, RelationType};
use serde::Serialize;
use serde_json::{Value, json};

pub use self::includes::{Content, Include, MAX_INCLUDE_BYTES};
use crate::{Format, Input, Limits, ParseError, Place};

/// Every format of descriptors that is read.
pub static FORMATS: &[&Format<Vec<DocumentResult>>] = &[&FORMAT];

static FORMAT: Format<Vec<DocumentResult>> =
    Format { id: "backstage", title: "Backstage descriptor", detect, parse: document::parse };

/// What became of one document of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentResult {
    /// Its place in the file, counted from one.
    pub document: usize,
    /// The line it begins at, counted from one.
    pub line: usize,
    /// As the document gives it, where it gives one.
    pub kind: Option<String>,
    /// As the document gives it, where it gives one.
    pub name: Option<String>,
    pub outcome: Result<Descriptor, Vec<DescriptorError>>,
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DescriptorError {
    /// The document's place in the file, counted from one.
    pub document: usize,
    /// Counted from one.
    pub line: usize,
    /// `metadata.name`, `spec.dependsOn[1]`; none where it is the document as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub reason: String,
}

/// One entity as its descriptor says it, checked against Backstage's published rules.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Descriptor {
    pub kind: Kind,
    pub api_version: String,
    pub metadata: Metadata,
    /// As given; what each kind requires is there.
    pub spec: Value,
    /// What the spec says about others, each seen from this entity.
    pub relations: Vec<(RelationType, EntityRef)>,
    /// The document's place in the file, counted from one.
    pub document: usize,
    /// The line the document begins at, counted from one.
    pub line: usize,
    /// There while files are missing that it includes; what they fill is as given until then.
    #[serde(skip)]
    incomplete: Option<Box<includes::Incomplete>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// In the case in which it was written; the reference folds it.
    pub name: String,
    pub namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// Reads a file of descriptors; a file that cannot be opened at all is one document with one error.
#[must_use]
pub fn read(bytes: &[u8], limits: Limits) -> Vec<DocumentResult> {
    // A descriptor is written by hand; what is larger than this is no descriptor, and YAML costs more to read than JSON.
    let limits = Limits { bytes: limits.bytes.min(MAX_BYTES), count: limits.count.min(MAX_COUNT), ..limits };
    Input::open(bytes, limits).and_then(|input| document::parse(&input)).unwrap_or_else(|error| {
        let line = match &error.at {
            Place::Line { line, .. } => *line,
            Place::Whole | Place::Pointer(_) => 1,
        };
        let error = DescriptorError { document: 1, line, field: None, reason: error.reason };
        vec![DocumentResult { document: 1, line, kind: None, name: None, outcome: Err(vec![error]) }]
    })
}

/// The largest file of descriptors, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// The most values of one file of descriptors, after aliases stand for what they name.
const MAX_COUNT: usize = 500_000;

/// The most documents of one file.
const MAX_DOCUMENTS: usize = 10_000;

/// Exactly what `rampart catalog validate --json` prints for one file.
#[must_use]
pub fn validation_json(path: &str, bytes: &[u8]) -> Value {
    let documents = read(bytes, Limits::default());
    let documents = documents.iter().map(|result| {
        json!({
            "document": result.document,
            "line": result.line,
            "kind": result.kind,
            "name": result.name,
            "errors": result.errors(),
        })
    });
    json!({ "file": path, "documents": documents.collect::<Vec<_>>() })
}

impl DocumentResult {
    /// What is wrong with it; empty where nothing is.
    #[must_use]
    pub fn errors(&self) -> &[DescriptorError] {
        self.outcome.as_ref().err().map_or(&[], Vec::as_slice)
    }
}

impl Descriptor {
    /// What others call it.
    #[must_use]
    pub fn entity_ref(&self) -> EntityRef {
        EntityRef::new(self.kind, &self.metadata.namespace, &self.metadata.name)
    }

    /// Who owns it; nobody does where the kind has no owner.
    #[must_use]
    pub fn owner(&self) -> Option<&EntityRef> {
        self.relations.iter().find_map(|(relation, target)| (*relation == RelationType::OwnedBy).then_some(target))
    }

    /// A text of the spec: `type`, `lifecycle`.
    #[must_use]
    pub fn spec_text(&self, field: &str) -> Option<&str> {
        self.spec.get(field)?.as_str()
    }
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document {}, line {}", self.document, self.line)?;
        if let Some(field) = &self.field {
            write!(f, ", {field}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// A line or a member that names Backstage's API; what lacks it is not claimed, though `read` says what is missing.
fn detect(input: &Input<'_>) -> bool {
    let is_backstage = |version: &str| version.contains("backstage.io/");
    if input.has("apiVersion") {
        return input.member("apiVersion").is_some_and(is_backstage);
    }
    input.text().lines().any(|line| line.strip_prefix("apiVersion:").is_some_and(is_backstage))
}

pub(crate) fn read_input(input: &Input<'_>) -> Result<Vec<DocumentResult>, ParseError> {
    crate::read(FORMATS, input)
}
