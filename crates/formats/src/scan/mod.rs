//! Reports of security scanners: what a tool found, in one shape.
//!
//! A report says what the file says. Which findings are the same problem, and what a missing one means, is decided
//! elsewhere; here `incomplete` says when nothing may be concluded from absence.

mod cyclonedx;
mod sarif;
mod trivy;

use model::{FindingKind, Severity};
use serde::Serialize;
use time::OffsetDateTime;

use crate::{Format, Input, Limits, ParseError, json, one_line};

/// Every scanner's format that is read.
pub static FORMATS: &[&Format<Report>] = &[&trivy::FORMAT, &sarif::FORMAT, &cyclonedx::FORMAT];

/// What one scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The id of the format that it was read as.
    pub format: &'static str,
    /// The version of the format, as the file states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<Tool>,
    /// What was scanned: an image reference, a path, a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `sha256:…` of the image's manifest, where an image was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<OffsetDateTime>,
    /// Why this is not the whole result of a scan; none where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    pub findings: Vec<Finding>,
    /// What the target is made of, where the format lists it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tool {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// One problem at one place, as a tool reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub kind: FindingKind,
    pub title: String,
    /// Plain text or Markdown as the tool wrote it; untrusted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub severity: Severity,
    /// The tool's own name for the check; for a vulnerability its first identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `CVE-…`, `GHSA-…` and the like: all names of the one vulnerability.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vulnerability_ids: Vec<String>,
    /// Numbers of the Common Weakness Enumeration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cwes: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<Package>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The part of the report's target that is meant, where it is not the whole: a workload of a cluster, say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What to do about it, in the tool's words; untrusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<String>,
    /// Addresses to read more, `http` or `https` only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// What the tool recognises this finding by; unique only together with rule and place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Why the file itself says that this need not be acted on: suppressed in the source, or stated as not affected.
    /// It is still reported: whether that is enough is not the scanned project's to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Package {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// As the tool gives it: one version or several, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// A path or an address as the tool gives it; untrusted, never to be opened.
    pub file: String,
    /// Counted from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// A part that the target is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Component {
    /// `library`, `operating-system`, `application`, …
    pub kind: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
}

/// The scanner's format that `bytes` look like.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<&'static Format<Report>> {
    crate::detect(FORMATS, &Input::open(bytes, Limits::default()).ok()?)
}

/// Reads a report by whichever format it looks like.
///
/// # Errors
/// Where it is none of them, beyond a limit, or not what its format promises.
pub fn read(bytes: &[u8], limits: Limits) -> Result<Report, ParseError> {
    read_input(&Input::open(bytes, limits)?)
}

/// Reads a report as the format that somebody named.
///
/// # Errors
/// Where there is no such format, and as [`read`].
pub fn read_as(id: &str, bytes: &[u8], limits: Limits) -> Result<Report, ParseError> {
    let format = crate::named(FORMATS, id)?;
    crate::read_as(format, &Input::open(bytes, limits)?).map(tidy)
}

pub(crate) fn read_input(input: &Input<'_>) -> Result<Report, ParseError> {
    crate::read(FORMATS, input).map(tidy)
}

impl Report {
    /// Whether a finding that is missing here was looked for and not found.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.incomplete.is_none()
    }
}

impl Finding {
    fn new(kind: FindingKind, severity: Severity, title: impl Into<String>) -> Self {
        Self {
            kind,
            title: title.into(),
            description: String::new(),
            severity,
            rule: None,
            vulnerability_ids: Vec::new(),
            cwes: Vec::new(),
            package: None,
            location: None,
            target: None,
            remediation: None,
            references: Vec::new(),
            fingerprint: None,
            suppressed: None,
        }
    }

    /// About how many bytes it takes.
    fn weight(&self) -> usize {
        let package = self.package.iter().flat_map(|package| {
            [Some(&package.name), package.version.as_ref(), package.fixed_version.as_ref(), package.purl.as_ref()]
        });
        let place = self.location.as_ref().map(|location| &location.file);
        let single = [&self.rule, &self.target, &self.remediation, &self.fingerprint, &self.suppressed];
        let texts = single.into_iter().map(Option::as_ref).chain(package).chain([place]).flatten();
        let lists = self.vulnerability_ids.iter().chain(&self.references);
        let text = texts.chain(lists).map(String::len).sum::<usize>();
        size_of::<Self>() / 4 + self.title.len() + self.description.len() + self.cwes.len() * 4 + text
    }
}

/// Findings as they are collected, with an end: a small file can name one long text for very many places.
struct Found {
    findings: Vec<Finding>,
    /// Bytes of text that may still be added.
    left: usize,
}

impl Found {
    /// Twice as much text as the file may hold.
    fn within(limits: Limits) -> Self {
        Self { findings: Vec::new(), left: limits.bytes.saturating_mul(2) }
    }

    fn push(&mut self, finding: Finding) -> Result<(), ParseError> {
        self.left = self
            .left
            .checked_sub(finding.weight())
            .ok_or_else(|| ParseError::whole("the same text stands for too many findings; split the report"))?;
        self.findings.push(finding);
        Ok(())
    }
}

/// What every format needs: one-line titles, web addresses only, no repetitions.
fn tidy(mut report: Report) -> Report {
    for finding in &mut report.findings {
        finding.title = one_line(&finding.title);
        finding.description.truncate(finding.description.trim_end().len());
        finding.references = distinct(finding.references.iter().filter_map(|address| json::web_address(address)));
        finding.vulnerability_ids = distinct(finding.vulnerability_ids.drain(..).filter(|id| !id.is_empty()));
        finding.cwes.sort_unstable();
        finding.cwes.dedup();
    }
    report
}

/// The first of each, and no more than anybody reads.
fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    const MOST: usize = 100;

    let mut kept = Vec::new();
    for text in texts {
        if kept.len() < MOST && !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

/// The words that tools use; none for `unknown` and everything else.
fn severity(word: &str) -> Option<Severity> {
    match word.trim().to_ascii_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "high" | "important" => Some(Severity::High),
        "medium" | "moderate" => Some(Severity::Medium),
        "low" | "negligible" => Some(Severity::Low),
        "info" | "informational" | "information" | "none" => Some(Severity::Info),
        _ => None,
    }
}

/// The qualitative rating of a score from 0 to 10 (CVSS 3.1 section 5, CVSS 4.0 section 6); none outside.
fn rating(score: f64) -> Option<Severity> {
    match score {
        9.0..=10.0 => Some(Severity::Critical),
        7.0..9.0 => Some(Severity::High),
        4.0..7.0 => Some(Severity::Medium),
        0.1..4.0 => Some(Severity::Low),
        0.0..0.1 => Some(Severity::Info),
        _ => None,
    }
}

/// Every `CWE-79`, `cwe-079` or `CWE 79` in `text`.
fn cwes(text: &str) -> impl Iterator<Item = u32> {
    let lower = text.to_ascii_lowercase();
    let numbers = lower
        .match_indices("cwe")
        .filter_map(|(at, _)| {
            let digits = lower[at + 3..].trim_start_matches(['-', ' ', ':', '_']);
            let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
            digits[..end].parse().ok()
        })
        .collect::<Vec<_>>();
    numbers.into_iter()
}

/// Every `CVE-2021-44228` and `GHSA-xxxx-xxxx-xxxx` in `text`, as it should be written.
fn vulnerability_ids(text: &str) -> impl Iterator<Item = String> {
    fn parts<const N: usize>(text: &str) -> Option<[&str; N]> {
        let mut parts = text.splitn(N + 1, |letter: char| !letter.is_ascii_alphanumeric());
        let found = std::array::from_fn(|_| parts.next());
        found.iter().all(Option::is_some).then(|| found.map(|part| part.expect("all parts are there")))
    }

    let mut found = Vec::new();
    let lower = text.to_ascii_lowercase();
    for (at, _) in lower.match_indices("cve-") {
        if let Some([year, number]) = parts(&lower[at + 4..])
            && year.len() == 4
            && number.len() >= 4
            && year.bytes().chain(number.bytes()).all(|byte| byte.is_ascii_digit())
        {
            found.push(format!("CVE-{year}-{number}"));
        }
    }
    for (at, _) in lower.match_indices("ghsa-") {
        if let Some([a, b, c]) = parts(&lower[at + 5..])
            && [a, b, c].iter().all(|part| part.len() == 4)
        {
            found.push(format!("GHSA-{a}-{b}-{c}"));
        }
    }
    found.into_iter()
}

/// The `sha256:…` at the end of an image reference or anywhere in a package address.
fn digest(text: &str) -> Option<String> {
    let text = text.replace("%3A", ":").replace("%3a", ":");
    let from = text.find("sha256:")?;
    let digest = text.get(from..from + "sha256:".len() + 64)?;
    digest["sha256:".len()..].bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| digest.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weaknesses_are_found_however_they_are_written() {
        assert_eq!(cwes("external/cwe/cwe-079, CWE-89: SQL; CWE 22 cwe").collect::<Vec<_>>(), [79, 89, 22]);
    }

    #[test]
    fn vulnerabilities_are_found_inside_other_names() {
        let found = vulnerability_ids("BDSA-1 (cve-2020-11022) GHSA-7RJR-3Q55-VV33-x CVE-20-1 CVE-2021-abcd");
        assert_eq!(found.collect::<Vec<_>>(), ["CVE-2020-11022", "GHSA-7rjr-3q55-vv33"]);
    }

    #[test]
    fn a_score_is_rated_as_cvss_rates_it() {
        let rated = [0.0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0, 10.0].map(rating);
        let words = [
            Severity::Info,
            Severity::Low,
            Severity::Low,
            Severity::Medium,
            Severity::Medium,
            Severity::High,
            Severity::High,
            Severity::Critical,
            Severity::Critical,
        ];
        assert_eq!(rated, words.map(Some));
        assert_eq!([-1.0, 11.0, f64::NAN].map(rating), [None; 3]);
    }

    #[test]
    fn a_digest_is_found_in_a_reference_and_in_a_package_address() {
        let hash = "a".repeat(64);
        let expected = Some(format!("sha256:{hash}"));
        assert_eq!(digest(&format!("registry.example/app@sha256:{hash}")), expected);
        assert_eq!(digest(&format!("pkg:oci/app@sha256%3A{hash}?arch=amd64")), expected);
        assert_eq!(digest("sha256:short"), None);
        assert_eq!(digest(&format!("sha256:{}é", "a".repeat(63))), None);
    }
}
