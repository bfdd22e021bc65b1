//! CycloneDX in JSON: the parts of a thing, and what is known to be wrong with them.
//!
//! After the published schemas (cyclonedx.org/schema, bom-1.4 to bom-1.6): vulnerabilities exist since 1.4; 1.2 and 1.3
//! are read for their components, 1.7 only adds to 1.6.

use std::collections::HashMap;

use model::{FindingKind, Severity};
use serde::Deserialize;

use super::{Component, Finding, Found, Package, Report, Tool, digest};
use crate::{
    Format, Input, Limits, ParseError,
    json::{Text, or_default, time},
};

pub(super) static FORMAT: Format<Report> = Format { id: "cyclonedx", title: "CycloneDX JSON", detect, parse };

const VERSIONS: &[&str] = &["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];

fn detect(input: &Input<'_>) -> bool {
    input.member("bomFormat") == Some("CycloneDX") || is_xml(input)
}

fn is_xml(input: &Input<'_>) -> bool {
    let text = input.text();
    let head = &text.as_bytes()[..text.len().min(4096)];
    text.trim_ascii_start().starts_with('<') && head.windows(NAMESPACE.len()).any(|part| part == NAMESPACE)
}

const NAMESPACE: &[u8] = b"cyclonedx.org/schema/bom";

fn parse(input: &Input<'_>) -> Result<Report, ParseError> {
    if is_xml(input) {
        return Err(ParseError::whole("CycloneDX is read as JSON, not as XML; have the tool write JSON"));
    }
    let document: Document = input.json()?;
    if !VERSIONS.contains(&&*document.spec_version) {
        let reason = format!("this version is not read; {} are", VERSIONS.join(", "));
        return Err(ParseError::pointer("/specVersion", reason));
    }
    document.report(input.limits())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spec_version: String,
    #[serde(default, deserialize_with = "or_default")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    components: Vec<Part>,
    vulnerabilities: Option<Vec<Vulnerability>>,
    #[serde(default, deserialize_with = "or_default")]
    compositions: Vec<Composition>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    timestamp: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    tools: Tools,
    component: Option<Part>,
}

/// A list until 1.4; from 1.5 on either that or components and services.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tools {
    List(Vec<Program>),
    Parts {
        #[serde(default, deserialize_with = "or_default")]
        components: Vec<Program>,
        #[serde(default, deserialize_with = "or_default")]
        services: Vec<Program>,
    },
}

impl Default for Tools {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

#[derive(Deserialize)]
struct Program {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "bom-ref")]
    bom_ref: Option<String>,
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    group: String,
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    version: String,
    purl: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    properties: Vec<Property>,
    #[serde(default, deserialize_with = "or_default")]
    components: Vec<Self>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    value: String,
}

#[derive(Deserialize)]
struct Composition {
    #[serde(default, deserialize_with = "or_default")]
    aggregate: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default, deserialize_with = "or_default")]
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    source: Source,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<Reference>,
    #[serde(default, deserialize_with = "or_default")]
    ratings: Vec<Rating>,
    #[serde(default, deserialize_with = "or_default")]
    cwes: Vec<u32>,
    #[serde(default, deserialize_with = "or_default")]
    description: String,
    #[serde(default, deserialize_with = "or_default")]
    detail: String,
    #[serde(default, deserialize_with = "or_default")]
    recommendation: String,
    #[serde(default, deserialize_with = "or_default")]
    advisories: Vec<Advisory>,
    analysis: Option<Analysis>,
    #[serde(default, deserialize_with = "or_default")]
    affects: Vec<Affected>,
}

#[derive(Default, Deserialize)]
struct Source {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    url: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default, deserialize_with = "or_default")]
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    source: Source,
}

#[derive(Deserialize)]
struct Rating {
    #[serde(default, deserialize_with = "or_default")]
    source: Source,
    #[serde(default)]
    score: Text,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
    #[serde(default, deserialize_with = "or_default")]
    method: String,
}

#[derive(Deserialize)]
struct Advisory {
    #[serde(default, deserialize_with = "or_default")]
    url: String,
}

#[derive(Deserialize)]
struct Analysis {
    #[serde(default, deserialize_with = "or_default")]
    state: String,
    #[serde(default, deserialize_with = "or_default")]
    justification: String,
    #[serde(default, deserialize_with = "or_default")]
    detail: String,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(rename = "ref")]
    bom_ref: String,
    #[serde(default, deserialize_with = "or_default")]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default, deserialize_with = "or_default")]
    status: String,
}

impl Document {
    fn report(mut self, limits: Limits) -> Result<Report, ParseError> {
        let incomplete = match &self.vulnerabilities {
            None => Some("it lists components and no vulnerabilities, so it is not the result of a scan".to_owned()),
            Some(_) if self.compositions.iter().any(|part| part.aggregate.starts_with("incomplete")) => {
                Some("it calls its own composition incomplete".to_owned())
            }
            Some(_) => None,
        };
        let subject = self.metadata.component.take();
        let mut parts = Vec::new();
        let mut refs = HashMap::new();
        for part in self.components {
            part.collect(&mut parts, &mut refs);
        }
        let components = parts.len();

        let image_digest = subject.as_ref().and_then(|part| {
            let properties = part.properties.iter().filter(|property| property.name.ends_with(":RepoDigest"));
            std::iter::once(&part.version)
                .chain(&part.purl)
                .chain(properties.map(|property| &property.value))
                .find_map(|text| digest(text))
        });
        let target = subject.as_ref().map(|part| match &*part.version {
            "" => part.name.clone(),
            version if version.starts_with("sha256:") => part.name.clone(),
            version => format!("{} {version}", part.name),
        });
        // The subject itself may be what a vulnerability affects, but it is not one of its own parts.
        if let Some(subject) = subject {
            subject.collect(&mut parts, &mut refs);
        }

        let mut found = Found::within(limits);
        for vulnerability in self.vulnerabilities.into_iter().flatten() {
            vulnerability.findings(&parts, &refs, &mut found)?;
        }
        parts.truncate(components);
        let programs = match self.metadata.tools {
            Tools::List(programs) => programs,
            Tools::Parts { components, services } => components.into_iter().chain(services).collect(),
        };
        Ok(Report {
            format: FORMAT.id,
            version: Some(self.spec_version),
            tool: programs.into_iter().find_map(|program| Some(Tool { name: program.name?, version: program.version })),
            target,
            image_digest,
            created_at: self.metadata.timestamp.as_deref().and_then(time),
            incomplete,
            findings: found.findings,
            components: parts,
        })
    }
}

impl Part {
    /// Adds this part and all within it; `refs` leads from a bom-ref to a place in `parts`.
    fn collect(self, parts: &mut Vec<Component>, refs: &mut HashMap<String, usize>) {
        if let Some(bom_ref) = self.bom_ref {
            refs.insert(bom_ref, parts.len());
        }
        parts.push(Component {
            kind: self.kind,
            name: match &*self.group {
                "" => self.name,
                group => format!("{group}/{}", self.name),
            },
            version: some(self.version),
            purl: self.purl.and_then(some),
        });
        for part in self.components {
            part.collect(parts, refs);
        }
    }
}

impl Vulnerability {
    /// One finding for each part that is affected; one without a part where none is named.
    fn findings(
        self,
        parts: &[Component],
        refs: &HashMap<String, usize>,
        report: &mut Found,
    ) -> Result<(), ParseError> {
        let id = if self.id.is_empty() { "unnamed vulnerability" } else { &*self.id };
        let references = std::iter::once(&self.source.url)
            .chain(self.advisories.iter().map(|advisory| &advisory.url))
            .chain(self.references.iter().map(|reference| &reference.source.url));
        let finding = Finding {
            description: if self.description.is_empty() { self.detail.clone() } else { self.description.clone() },
            rule: some(self.id.clone()),
            vulnerability_ids: std::iter::once(&self.id)
                .chain(self.references.iter().map(|reference| &reference.id))
                .cloned()
                .collect(),
            cwes: self.cwes.clone(),
            remediation: some(self.recommendation.clone()),
            references: references.cloned().collect(),
            suppressed: self.analysis.as_ref().and_then(Analysis::dismissal),
            ..Finding::new(FindingKind::Vulnerability, self.severity(), id)
        };
        if self.affects.is_empty() {
            return report.push(finding);
        }
        for affected in &self.affects {
            let mut finding = finding.clone();
            let mut package = affected.package(parts, refs);
            package.fixed_version = fixed_version(&self.recommendation, &package.name);
            finding.title = match &package.version {
                Some(version) => format!("{id} in {} {version}", package.name),
                None => format!("{id} in {}", package.name),
            };
            finding.package = Some(package);
            if !affected.versions.is_empty() && affected.versions.iter().all(|version| version.status == "unaffected") {
                finding
                    .suppressed
                    .get_or_insert_with(|| "the report lists only versions that are unaffected".to_owned());
            }
            report.push(finding)?;
        }
        Ok(())
    }

    /// The rating by whoever reported the vulnerability, else by the newest scoring method; where nobody rated it, the
    /// least, so that it can be told from what was judged.
    fn severity(&self) -> Severity {
        let mut ratings = self.ratings.iter().collect::<Vec<_>>();
        ratings.sort_by_key(|rating| {
            let own = !self.source.name.is_empty() && rating.source.name == self.source.name;
            let method = ["CVSSv4", "CVSSv31", "CVSSv3", "CVSSv2"].iter().position(|method| *method == rating.method);
            (!own, method.unwrap_or(usize::MAX))
        });
        ratings.into_iter().find_map(Rating::severity).unwrap_or(Severity::Info)
    }
}

impl Rating {
    fn severity(&self) -> Option<Severity> {
        super::severity(&self.severity).or_else(|| {
            // Other methods (OWASP, SSVC) have other scales.
            let score = self.score.as_deref()?.parse().ok()?;
            (self.method.is_empty() || self.method.starts_with("CVSS")).then(|| super::rating(score)).flatten()
        })
    }
}

impl Analysis {
    /// The states of the schema's `impactAnalysisState` that say that nothing need be done.
    fn dismissal(&self) -> Option<String> {
        matches!(&*self.state, "not_affected" | "false_positive" | "resolved" | "resolved_with_pedigree").then(|| {
            let parts = [&*self.state, &*self.justification, &*self.detail];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
        })
    }
}

impl Affected {
    fn package(&self, parts: &[Component], refs: &HashMap<String, usize>) -> Package {
        // A BOM-Link names a part of another document, or of this one, behind the `#`.
        let local = self.bom_ref.split_once('#').map_or(&*self.bom_ref, |(_, local)| local);
        let place = refs.get(&self.bom_ref).or_else(|| refs.get(local));
        if let Some(part) = place.and_then(|place| parts.get(*place)) {
            return Package {
                name: part.name.clone(),
                version: part.version.clone(),
                fixed_version: None,
                purl: part.purl.clone(),
            };
        }
        // Not among the components: a package address still says what is meant.
        match local.strip_prefix("pkg:") {
            None => Package { name: local.to_owned(), ..Package::default() },
            Some(rest) => {
                let rest = rest.split(['?', '#']).next().unwrap_or(rest);
                let (path, version) = match rest.rsplit_once('@') {
                    Some((path, version)) => (path, Some(version.to_owned())),
                    None => (rest, None),
                };
                let name = path.split_once('/').map_or(path, |(_, name)| name);
                Package { name: name.replace("%40", "@"), version, fixed_version: None, purl: Some(local.to_owned()) }
            }
        }
    }
}

/// From the sentence that Trivy writes into `recommendation`: `Upgrade NAME to version VERSION; …`.
fn fixed_version(recommendation: &str, name: &str) -> Option<String> {
    /// Longer ones are prose.
    const LONGEST: usize = 4096;

    let short = name.rsplit('/').next().unwrap_or(name);
    let recommendation = recommendation.get(..LONGEST.min(recommendation.len()))?;
    recommendation.split("; ").find_map(|sentence| {
        let (package, version) = sentence.strip_prefix("Upgrade ")?.split_once(" to version ")?;
        (package == name || package == short || package.ends_with(&format!(":{short}")))
            .then(|| version.trim().to_owned())
            .filter(|version| !version.is_empty())
    })
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
