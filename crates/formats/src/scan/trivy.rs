//! Trivy's JSON: images, file systems, configuration, secrets, and whole clusters (`trivy k8s`).
//!
//! Fields as in Trivy 0.69 (`pkg/types/report.go`, `pkg/k8s/report`), schema version 2, and the bare list of results
//! of Trivy before 0.20, called version 1 here. Licences are not findings and are not read; neither is what
//! `--show-suppressed` adds.

use model::{FindingKind, Severity};
use serde::Deserialize;

use super::{Finding, Found, Location, Package, Report, Tool, digest};
use crate::{
    Format, Input, Limits, ParseError,
    json::{or_default, time},
};

pub(super) static FORMAT: Format<Report> = Format { id: "trivy", title: "Trivy JSON", detect, parse };

fn detect(input: &Input<'_>) -> bool {
    let cluster = ["Resources", "Findings", "Vulnerabilities", "Misconfigurations"];
    input.has("SchemaVersion") && (input.has("ArtifactName") || input.has("ArtifactType") || input.has("Results"))
        || input.has("ClusterName") && cluster.iter().any(|member| input.has(member))
        || input.lists(&["Target", "Type"])
        || input.lists(&["Target", "Vulnerabilities"])
}

fn parse(input: &Input<'_>) -> Result<Report, ParseError> {
    let document = if input.is_list() {
        Document { schema_version: Some(1), results: input.json()?, ..Document::default() }
    } else {
        input.json()?
    };
    if let Some(version @ (0 | 3..)) = document.schema_version {
        return Err(ParseError::pointer("/SchemaVersion", format!("schema version {version} is not read; 2 is")));
    }
    document.report(input.limits())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    schema_version: Option<u64>,
    created_at: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    trivy: Program,
    #[serde(default, deserialize_with = "or_default")]
    artifact_name: String,
    #[serde(default, deserialize_with = "or_default")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    results: Vec<Section>,
    cluster_name: Option<String>,
    // A cluster's workloads are under one of these names, depending on Trivy's version and its options.
    #[serde(default, deserialize_with = "or_default")]
    resources: Vec<Workload>,
    #[serde(default, deserialize_with = "or_default")]
    findings: Vec<Workload>,
    #[serde(default, deserialize_with = "or_default")]
    vulnerabilities: Vec<Workload>,
    #[serde(default, deserialize_with = "or_default")]
    misconfigurations: Vec<Workload>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Program {
    version: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(default, deserialize_with = "or_default")]
    repo_digests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Workload {
    #[serde(default, deserialize_with = "or_default")]
    namespace: String,
    kind: String,
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    error: String,
    #[serde(default, deserialize_with = "or_default")]
    results: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Section {
    target: String,
    #[serde(default, deserialize_with = "or_default")]
    class: String,
    #[serde(default, deserialize_with = "or_default")]
    vulnerabilities: Vec<Vulnerability>,
    #[serde(default, deserialize_with = "or_default")]
    misconfigurations: Vec<Misconfiguration>,
    #[serde(default, deserialize_with = "or_default")]
    secrets: Vec<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "VendorIDs", default, deserialize_with = "or_default")]
    vendor_ids: Vec<String>,
    pkg_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pkg_path: String,
    #[serde(default, deserialize_with = "or_default")]
    pkg_identifier: Identifier,
    #[serde(default, deserialize_with = "or_default")]
    installed_version: String,
    #[serde(default, deserialize_with = "or_default")]
    fixed_version: String,
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default, deserialize_with = "or_default")]
    description: String,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
    #[serde(rename = "CweIDs", default, deserialize_with = "or_default")]
    cwe_ids: Vec<String>,
    #[serde(rename = "PrimaryURL", default, deserialize_with = "or_default")]
    primary_url: String,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<String>,
    fingerprint: Option<String>,
}

#[derive(Default, Deserialize)]
struct Identifier {
    #[serde(rename = "PURL")]
    purl: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Misconfiguration {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default, deserialize_with = "or_default")]
    description: String,
    #[serde(default, deserialize_with = "or_default")]
    message: String,
    #[serde(default, deserialize_with = "or_default")]
    resolution: String,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
    #[serde(rename = "PrimaryURL", default, deserialize_with = "or_default")]
    primary_url: String,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    cause_metadata: Cause,
    fingerprint: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cause {
    start_line: Option<u32>,
}

/// Without `Match` and `Code`: they hold the secret, sometimes only half masked.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    #[serde(rename = "RuleID")]
    rule_id: String,
    #[serde(default, deserialize_with = "or_default")]
    category: String,
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
    start_line: Option<u32>,
    fingerprint: Option<String>,
}

impl Document {
    fn report(self, limits: Limits) -> Result<Report, ParseError> {
        let mut found = Found::within(limits);
        let mut failed = Vec::new();
        for section in self.results {
            section.findings(None, &mut found)?;
        }
        let workloads = [self.resources, self.findings, self.vulnerabilities, self.misconfigurations];
        for workload in workloads.into_iter().flatten() {
            let name = [&*workload.namespace, &*workload.kind, &*workload.name]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("/");
            if !workload.error.is_empty() {
                failed.push(name.clone());
            }
            for section in workload.results {
                section.findings(Some(&name), &mut found)?;
            }
        }
        Ok(Report {
            format: FORMAT.id,
            version: self.schema_version.map(|version| version.to_string()),
            tool: Some(Tool { name: "Trivy".to_owned(), version: self.trivy.version }),
            target: self.cluster_name.or(Some(self.artifact_name)).filter(|name| !name.is_empty()),
            image_digest: self.metadata.repo_digests.iter().find_map(|reference| digest(reference)),
            created_at: self.created_at.as_deref().and_then(time),
            incomplete: failed.first().map(|first| match failed.len() {
                1 => format!("Trivy could not scan {first}"),
                failed => format!("Trivy could not scan {first} and {} more", failed - 1),
            }),
            findings: found.findings,
            components: Vec::new(),
        })
    }
}

impl Section {
    fn findings(self, workload: Option<&str>, report: &mut Found) -> Result<(), ParseError> {
        let part = match workload {
            // Each container of a workload is scanned by itself; its image is told apart here.
            Some(workload) if self.class == "os-pkgs" => Some(format!("{workload} ({})", self.target)),
            workload => workload.map(ToOwned::to_owned),
        };
        let at = |line: Option<u32>| {
            Some(Location { file: self.target.clone(), line: line.filter(|line| *line > 0) })
                .filter(|place| !place.file.is_empty())
        };

        for found in self.vulnerabilities {
            let title = match found.title.trim() {
                "" => format!("{} in {} {}", found.id, found.pkg_name, found.installed_version),
                title => title.to_owned(),
            };
            let location = match &*found.pkg_path {
                "" if self.class == "os-pkgs" => None,
                "" => at(None),
                path => Some(Location { file: path.to_owned(), line: None }),
            };
            report.push(Finding {
                target: part.clone(),
                description: found.description,
                rule: Some(found.id.clone()),
                vulnerability_ids: std::iter::once(found.id).chain(found.vendor_ids).collect(),
                cwes: found.cwe_ids.iter().flat_map(|id| super::cwes(id)).collect(),
                package: Some(Package {
                    name: found.pkg_name,
                    version: some(found.installed_version),
                    fixed_version: some(found.fixed_version),
                    purl: found.pkg_identifier.purl.and_then(some),
                }),
                location,
                references: std::iter::once(found.primary_url).chain(found.references).collect(),
                fingerprint: found.fingerprint,
                ..Finding::new(FindingKind::Vulnerability, severity(&found.severity), title)
            })?;
        }

        // Passed checks are listed only on request, exceptions where a policy of the project allows them.
        let failed = |found: &Misconfiguration| !matches!(&*found.status, "PASS" | "EXCEPTION");
        for found in self.misconfigurations.into_iter().filter(failed) {
            let title = if found.title.is_empty() { found.id.clone() } else { found.title };
            report.push(Finding {
                target: part.clone(),
                description: paragraphs(&found.description, &found.message),
                rule: Some(found.id),
                location: at(found.cause_metadata.start_line),
                remediation: some(found.resolution),
                references: std::iter::once(found.primary_url).chain(found.references).collect(),
                fingerprint: found.fingerprint,
                ..Finding::new(FindingKind::Misconfiguration, severity(&found.severity), title)
            })?;
        }

        for found in self.secrets {
            let title = [found.title, found.category].into_iter().find_map(some);
            report.push(Finding {
                target: part.clone(),
                location: at(found.start_line),
                fingerprint: found.fingerprint,
                rule: Some(found.rule_id.clone()),
                ..Finding::new(FindingKind::Secret, severity(&found.severity), title.unwrap_or(found.rule_id))
            })?;
        }

        Ok(())
    }
}

/// Trivy's `UNKNOWN` has no severity; it is shown as the least, so that it can be told from what was judged.
fn severity(word: &str) -> Severity {
    super::severity(word).unwrap_or(Severity::Info)
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn paragraphs(description: &str, message: &str) -> String {
    let parts = [description.trim(), message.trim()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}
