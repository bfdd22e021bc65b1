//! What makes two reports' entries one finding, decided here alone.
//!
//! - A vulnerability is the same where service, vulnerability and package are. The vulnerability goes by its CVE where
//!   it has one. The package goes by its purl without version, qualifiers and subpath, so that a finding keeps its age
//!   through an upgrade that does not mend it; a tool that gives no purl is believed by the package's name.
//! - Anything else is the same where service, kind, rule, file and the tool's fingerprint are. Lines are left out, as
//!   they move with every edit: several entries that differ in nothing but their line or text are told apart by their
//!   order in the file.

use std::collections::{BTreeMap, HashMap, HashSet};

use formats::scan;
use model::{FindingKind, Severity, findings::Place};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longer texts are cut: nobody reads them, and a report is not a way to fill the disk. Bytes.
const TITLE: usize = 500;
const NAME: usize = 1_000;
const TEXT: usize = 8_000;
/// How many places and references of one finding are kept.
const MOST: usize = 50;

/// Which finding an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub key: Vec<u8>,
    pub words: String,
}

/// What one report says of one finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Word {
    pub kind: FindingKind,
    pub severity: Severity,
    pub title: String,
    pub description: String,
    pub remediation: Option<String>,
    pub rule: Option<String>,
    pub vulnerability_ids: Vec<String>,
    pub cwes: Vec<i32>,
    pub package: Option<String>,
    pub package_version: Option<String>,
    pub purl: Option<String>,
    pub fixed_version: Option<String>,
    pub places: Vec<Place>,
    pub refs: Vec<String>,
    pub suppressed: Option<String>,
}

impl Word {
    /// Tells whether a scope says the same as the last time without loading what it said.
    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(serde_json::to_vec(self).expect("plain values are always JSON")).to_vec()
    }
}

/// The findings of a report, each once, in the order of their identities.
pub(super) fn entries(report: &scan::Report) -> Vec<(Identity, Word)> {
    let mut found: BTreeMap<Vec<u8>, (Identity, Word)> = BTreeMap::new();
    for (finding, ordinal) in numbered(&report.findings) {
        let identity = identity(finding, ordinal);
        let word = word(finding);
        match found.get_mut(&identity.key) {
            Some((_, first)) => join(first, word),
            None => drop(found.insert(identity.key.clone(), (identity, word))),
        }
    }
    found.into_values().collect()
}

/// Each finding with its place among those that only line or text tell apart.
fn numbered(findings: &[scan::Finding]) -> Vec<(&scan::Finding, usize)> {
    type Twin<'a> = (Option<u32>, &'a str, &'a str);
    fn twin(finding: &scan::Finding) -> Twin<'_> {
        let line = finding.location.as_ref().and_then(|location| location.line);
        (line, finding.title.as_str(), finding.description.as_str())
    }

    let mut twins: HashMap<Vec<u8>, HashSet<Twin<'_>>> = HashMap::new();
    for finding in findings.iter().filter(|finding| finding.kind != FindingKind::Vulnerability) {
        twins.entry(identity(finding, 0).key).or_default().insert(twin(finding));
    }
    let twins: HashMap<Vec<u8>, Vec<Twin<'_>>> = twins
        .into_iter()
        .map(|(key, twins)| {
            let mut twins: Vec<_> = twins.into_iter().collect();
            twins.sort_unstable();
            (key, twins)
        })
        .collect();
    findings
        .iter()
        .map(|finding| {
            let ordinal = match finding.kind {
                FindingKind::Vulnerability => 0,
                _ => twins[&identity(finding, 0).key].binary_search(&twin(finding)).expect("each was entered above"),
            };
            (finding, ordinal)
        })
        .collect()
}

fn identity(finding: &scan::Finding, ordinal: usize) -> Identity {
    let mut parts: Vec<(&str, String)> = Vec::new();
    let rule = finding.rule.clone().unwrap_or_else(|| finding.title.clone());
    let file = finding.location.as_ref().map(|location| location.file.clone());
    if finding.kind == FindingKind::Vulnerability {
        parts.push(("vulnerability", vulnerability(finding).unwrap_or(rule)));
        match (&finding.package, file) {
            (Some(package), _) => parts.push(("package", package_name(package))),
            (None, Some(file)) => parts.push(("file", file)),
            (None, None) => {}
        }
    } else {
        parts.push(("rule", rule));
        parts.extend(finding.target.clone().map(|target| ("target", target)));
        parts.extend(file.map(|file| ("file", file)));
        parts.extend(finding.fingerprint.clone().map(|fingerprint| ("fingerprint", fingerprint)));
        if ordinal > 0 {
            parts.push(("place in it", format!("number {}", ordinal + 1)));
        }
    }
    let mut hash = Sha256::new();
    hash.update(finding.kind.as_str());
    let mut words = "same service".to_owned();
    for (name, value) in &parts {
        for text in [name.as_bytes(), value.as_bytes()] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        words += &format!(", same {name} {}", clean(value, 200));
    }
    Identity { key: hash.finalize().to_vec(), words }
}

/// The name that most tools would give it: its first CVE, else the first of its other names.
fn vulnerability(finding: &scan::Finding) -> Option<String> {
    let names = || finding.vulnerability_ids.iter().chain(&finding.rule).map(|name| name.trim().to_uppercase());
    names().filter(|name| name.starts_with("CVE-")).min().or_else(|| names().filter(|name| !name.is_empty()).min())
}

/// The package's purl without version, qualifiers and subpath (package-url/purl-spec, "purl" 1.0), else its name.
fn package_name(package: &scan::Package) -> String {
    let Some(purl) = package.purl.as_deref().filter(|purl| purl.starts_with("pkg:")) else {
        return package.name.trim().to_lowercase();
    };
    let bare = purl.split(['#', '?']).next().unwrap_or(purl);
    let (path, name) = bare.rsplit_once('/').unwrap_or(("", bare));
    let name = name.split('@').next().unwrap_or(name);
    let bare = format!("{path}/{name}").replace("%40", "@").replace("%2F", "/").to_lowercase();
    // PyPI takes `_` and `-` for the same (PEP 503)
    if bare.starts_with("pkg:pypi/") { bare.replace('_', "-") } else { bare }
}

fn word(finding: &scan::Finding) -> Word {
    let package = finding.package.as_ref();
    let name = |text: &Option<String>| text.as_ref().map(|text| clean(text, NAME)).filter(|text| !text.is_empty());
    Word {
        kind: finding.kind,
        severity: finding.severity,
        title: clean(&finding.title, TITLE),
        description: clean(&finding.description, TEXT),
        remediation: finding.remediation.as_ref().map(|text| clean(text, TEXT)),
        rule: name(&finding.rule),
        vulnerability_ids: finding.vulnerability_ids.iter().take(MOST).map(|id| clean(id, 100)).collect(),
        cwes: finding.cwes.iter().take(MOST).filter_map(|cwe| i32::try_from(*cwe).ok()).collect(),
        package: package.map(|package| clean(&package.name, NAME)),
        package_version: package.and_then(|package| name(&package.version)),
        purl: package.and_then(|package| name(&package.purl)),
        fixed_version: package.and_then(|package| name(&package.fixed_version)),
        places: finding
            .location
            .iter()
            .map(|location| Place { file: clean(&location.file, NAME), line: location.line })
            .collect(),
        refs: finding.references.iter().take(MOST).map(|address| clean(address, NAME)).collect(),
        suppressed: name(&finding.suppressed),
    }
}

/// Two entries of one report that are one finding: the worse speaks for both.
fn join(first: &mut Word, mut second: Word) {
    if second.severity > first.severity {
        std::mem::swap(first, &mut second);
    }
    first.places.extend(second.places);
    first.places.sort();
    first.places.dedup();
    first.places.truncate(MOST);
    first.fixed_version = first.fixed_version.take().or(second.fixed_version);
    // it has to be acted on where only one entry says that it need not be
    if second.suppressed.is_none() {
        first.suppressed = None;
    }
}

/// Without what Postgres cannot keep or a page should not show, and no longer than `most` bytes.
pub(super) fn clean(text: &str, most: usize) -> String {
    let mut kept = String::with_capacity(text.len().min(most));
    for letter in text.trim().chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')) {
        if kept.len() + letter.len_utf8() > most {
            kept.push('…');
            break;
        }
        kept.push(letter);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vulnerability(ids: &[&str], name: &str, purl: Option<&str>) -> Identity {
        let finding = scan::Finding {
            vulnerability_ids: ids.iter().map(|&id| id.to_owned()).collect(),
            package: Some(scan::Package {
                name: name.to_owned(),
                purl: purl.map(str::to_owned),
                ..scan::Package::default()
            }),
            ..blank(FindingKind::Vulnerability)
        };
        identity(&finding, 0)
    }

    fn blank(kind: FindingKind) -> scan::Finding {
        scan::Finding {
            kind,
            title: "a problem".to_owned(),
            description: String::new(),
            severity: Severity::High,
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

    fn code(file: &str, line: u32) -> scan::Finding {
        scan::Finding {
            rule: Some("sql-injection".to_owned()),
            location: Some(scan::Location { file: file.to_owned(), line: Some(line) }),
            ..blank(FindingKind::Code)
        }
    }

    fn keys(findings: Vec<scan::Finding>) -> Vec<Vec<u8>> {
        entries(&scan::Report { findings, ..scan::Report::default() })
            .into_iter()
            .map(|(identity, _)| identity.key)
            .collect()
    }

    #[test]
    fn an_upgrade_that_does_not_mend_it_leaves_a_vulnerability_the_same() {
        let old = vulnerability(&["CVE-2021-44228"], "log4j-core", Some("pkg:maven/org.apache/log4j-core@2.14.0"));
        let new = vulnerability(
            &["GHSA-jfh8-c2jp-5v3q", "cve-2021-44228"],
            "org.apache:log4j-core",
            Some("pkg:maven/org.apache/log4j-core@2.14.1?type=jar#lib"),
        );
        assert_eq!(old, new);
        assert_eq!(
            old.words,
            "same service, same vulnerability CVE-2021-44228, same package pkg:maven/org.apache/log4j-core"
        );
    }

    #[test]
    fn another_vulnerability_or_package_is_another_finding() {
        let one = vulnerability(&["CVE-2021-1000"], "a", Some("pkg:npm/a@1"));
        for other in [
            vulnerability(&["CVE-2021-1001"], "a", Some("pkg:npm/a@1")),
            vulnerability(&["CVE-2021-1000"], "a", Some("pkg:npm/b@1")),
            vulnerability(&["CVE-2021-1000"], "a", Some("pkg:pypi/a@1")),
        ] {
            assert_ne!(one.key, other.key);
        }
    }

    #[test]
    fn names_that_ecosystems_take_for_the_same_are_the_same() {
        let named = |purl| vulnerability(&["CVE-2021-1000"], "x", Some(purl)).key;
        assert_eq!(named("pkg:npm/%40angular/core@1"), named("pkg:npm/@angular/core@2"));
        assert_eq!(named("pkg:pypi/Ruamel_yaml@1"), named("pkg:pypi/ruamel-yaml"));
    }

    #[test]
    fn an_edit_above_it_leaves_a_finding_in_code_the_same() {
        assert_eq!(keys(vec![code("a.rs", 10), code("a.rs", 20)]), keys(vec![code("a.rs", 25), code("a.rs", 12)]));
        assert_eq!(keys(vec![code("a.rs", 10), code("a.rs", 20), code("a.rs", 20)]).len(), 2, "one is there twice");
        assert_eq!(keys(vec![code("a.rs", 10), code("b.rs", 10)]).len(), 2);
    }

    #[test]
    fn a_vulnerability_at_several_places_is_one_finding_and_the_worst_counts() {
        let at = |severity, file: &str| scan::Finding {
            severity,
            rule: Some("CVE-2021-1000".to_owned()),
            package: Some(scan::Package { name: "a".to_owned(), ..scan::Package::default() }),
            location: Some(scan::Location { file: file.to_owned(), line: None }),
            ..blank(FindingKind::Vulnerability)
        };
        let report = scan::Report {
            findings: vec![at(Severity::Low, "x.jar"), at(Severity::Critical, "y.jar")],
            ..scan::Report::default()
        };
        let entries = entries(&report);
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].1.severity, entries[0].1.places.len()), (Severity::Critical, 2));
    }

    #[test]
    fn nothing_is_kept_that_postgres_would_refuse() {
        assert_eq!(clean(" a\0b\u{1b}c\n ", 10), "abc");
        assert_eq!(clean("äää", 5), "ää…");
    }
}
