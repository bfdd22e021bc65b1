//! The parts of a SARIF file that are read, as the file has them.

use std::collections::HashMap;

use serde::{Deserialize, de::IgnoredAny};

use crate::json::{Text, Texts, or_default};

#[derive(Deserialize)]
pub(super) struct Log {
    pub version: String,
    #[serde(default, deserialize_with = "or_default")]
    pub runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub tool: Tools,
    pub results: Option<Vec<Outcome>>,
    #[serde(default, deserialize_with = "or_default")]
    pub invocations: Vec<Invocation>,
    #[serde(default, deserialize_with = "or_default")]
    pub artifacts: Vec<Artifact>,
    #[serde(default, deserialize_with = "or_default")]
    pub version_control_provenance: Vec<Provenance>,
    #[serde(default, deserialize_with = "or_default")]
    pub external_property_file_references: External,
    #[serde(default, deserialize_with = "or_default")]
    pub properties: RunProperties,
}

#[derive(Deserialize)]
pub(super) struct Tools {
    pub driver: Program,
    #[serde(default, deserialize_with = "or_default")]
    pub extensions: Vec<Program>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Program {
    pub name: String,
    #[serde(default)]
    pub version: Text,
    #[serde(default)]
    pub semantic_version: Text,
    #[serde(default, deserialize_with = "or_default")]
    pub rules: Vec<Rule>,
    #[serde(default, deserialize_with = "or_default")]
    pub global_message_strings: HashMap<String, Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub id: String,
    #[serde(default)]
    pub name: Text,
    #[serde(default, deserialize_with = "or_default")]
    pub short_description: Message,
    #[serde(default, deserialize_with = "or_default")]
    pub full_description: Message,
    #[serde(default, deserialize_with = "or_default")]
    pub help: Message,
    #[serde(default, deserialize_with = "or_default")]
    pub help_uri: String,
    #[serde(default, deserialize_with = "or_default")]
    pub message_strings: HashMap<String, Message>,
    #[serde(default, deserialize_with = "or_default")]
    pub default_configuration: Configuration,
    #[serde(default, deserialize_with = "or_default")]
    pub relationships: Vec<Relationship>,
    #[serde(default, deserialize_with = "or_default")]
    pub properties: Properties,
}

#[derive(Default, Deserialize)]
pub(super) struct Configuration {
    pub level: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Relationship {
    #[serde(default, deserialize_with = "or_default")]
    pub target: Reference,
}

/// A rule or a taxon, by id or by its place in the list of a tool component (§3.52).
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    pub id: Option<String>,
    #[serde(default, deserialize_with = "index")]
    pub index: Option<usize>,
    #[serde(default, deserialize_with = "or_default")]
    pub tool_component: Component,
}

#[derive(Default, Deserialize)]
pub(super) struct Component {
    pub name: Option<String>,
    #[serde(default, deserialize_with = "index")]
    pub index: Option<usize>,
}

#[derive(Default, Deserialize)]
pub(super) struct Properties {
    #[serde(default)]
    pub tags: Texts,
    #[serde(default)]
    pub cwe: Texts,
    #[serde(rename = "security-severity", default)]
    pub security_severity: Text,
    // Where secret scanners put what they found. Read only to keep it out of the message.
    #[serde(default)]
    pub offender: Text,
    #[serde(default)]
    pub secret: Text,
    #[serde(rename = "match", default)]
    pub matched: Text,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunProperties {
    pub image_name: Option<String>,
    #[serde(default)]
    pub repo_digests: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub rule_id: Option<String>,
    #[serde(default, deserialize_with = "index")]
    pub rule_index: Option<usize>,
    #[serde(default, deserialize_with = "or_default")]
    pub rule: Reference,
    pub kind: Option<String>,
    pub level: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub message: Message,
    #[serde(default, deserialize_with = "or_default")]
    pub locations: Vec<Place>,
    #[serde(default, deserialize_with = "or_default")]
    pub fingerprints: HashMap<String, Fingerprint>,
    #[serde(default, deserialize_with = "or_default")]
    pub partial_fingerprints: HashMap<String, Fingerprint>,
    #[serde(default, deserialize_with = "or_default")]
    pub suppressions: Vec<Suppression>,
    #[serde(default, deserialize_with = "or_default")]
    pub baseline_state: String,
    #[serde(default, deserialize_with = "or_default")]
    pub taxa: Vec<Reference>,
    #[serde(default, deserialize_with = "or_default")]
    pub fixes: Vec<Fix>,
    #[serde(default, deserialize_with = "or_default")]
    pub properties: Properties,
}

#[derive(Default, Deserialize)]
pub(super) struct Message {
    pub id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub text: String,
    #[serde(default, deserialize_with = "or_default")]
    pub markdown: String,
    #[serde(default, deserialize_with = "or_default")]
    pub arguments: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    #[serde(default, deserialize_with = "or_default")]
    pub physical_location: Physical,
    #[serde(default, deserialize_with = "or_default")]
    pub logical_locations: Vec<Logical>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Physical {
    #[serde(default, deserialize_with = "or_default")]
    pub artifact_location: ArtifactLocation,
    #[serde(default, deserialize_with = "or_default")]
    pub region: Region,
}

#[derive(Deserialize)]
pub(super) struct Artifact {
    #[serde(default, deserialize_with = "or_default")]
    pub location: ArtifactLocation,
}

#[derive(Default, Deserialize)]
pub(super) struct ArtifactLocation {
    pub uri: Option<String>,
    #[serde(default, deserialize_with = "index")]
    pub index: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Region {
    pub start_line: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    pub snippet: Message,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Logical {
    pub name: Option<String>,
    pub fully_qualified_name: Option<String>,
}

/// Text by the standard (§3.27.17); Black Duck nests it in an object.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Fingerprint {
    Text(String),
    Nested { value: String },
    Other(IgnoredAny),
}

#[derive(Deserialize)]
pub(super) struct Suppression {
    #[serde(default, deserialize_with = "or_default")]
    pub kind: String,
    pub status: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub justification: String,
}

#[derive(Deserialize)]
pub(super) struct Fix {
    #[serde(default, deserialize_with = "or_default")]
    pub description: Message,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation {
    pub execution_successful: Option<bool>,
    pub end_time_utc: Option<String>,
    pub exit_code: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    pub tool_execution_notifications: Vec<Notification>,
    #[serde(default, deserialize_with = "or_default")]
    pub tool_configuration_notifications: Vec<Notification>,
}

#[derive(Deserialize)]
pub(super) struct Notification {
    #[serde(default, deserialize_with = "or_default")]
    pub level: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Provenance {
    pub repository_uri: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct External {
    #[serde(default, deserialize_with = "or_default")]
    pub results: Vec<IgnoredAny>,
}

impl Message {
    /// The text; its Markdown where there is no text.
    pub fn plain(&self) -> Option<&str> {
        [&*self.text, &*self.markdown].into_iter().map(str::trim).find(|text| !text.is_empty())
    }
}

/// A place in a list; -1 stands for none (§3.52.5).
fn index<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    Ok(Option::<i64>::deserialize(deserializer)?.and_then(|index| usize::try_from(index).ok()))
}
