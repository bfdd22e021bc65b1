//! Real files of other people's tools, read where they lie: `RAMPART_CORPUS`, by default `../shared/data` beside the
//! checkout. Without them these tests say that they skipped.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write,
    path::{Path, PathBuf},
};

use formats::{Limits, catalog, compliance, incident, scan};
use model::{ControlStatus, Severity};
use serde::Deserialize;

/// One line of the truth table: what upstream's own test asserts about a file.
#[derive(Deserialize)]
struct Truth {
    format: String,
    file: String,
    expected_findings: Option<usize>,
    first_finding_severity: Option<String>,
    severities_by_index: Option<BTreeMap<usize, String>>,
}

/// Files whose number of findings is another than upstream's, with ours and why.
const DIFFERENT: &[(&str, usize, &str)] =
    &[("scans/trivy/license_scheme.json", 0, "upstream counts licences; a licence is no finding here")];

/// Files that are refused.
const REFUSED: &[(&str, &str)] = &[
    ("scans/cyclonedx/dd_1_15_0.xml", "XML"),
    ("scans/cyclonedx/grype_dd_1_14_1.xml", "XML"),
    ("scans/cyclonedx/retirejs.latest.xml", "XML"),
    ("scans/cyclonedx/multiple_cwes_fabricated.xml", "XML"),
    ("scans/cyclonedx/cyclonedx_bom.xml", "XML"),
];

/// Findings, by place, whose severity is another than upstream's, with ours and why.
const OTHERWISE: &[(&str, usize, Severity, &str)] = &[];

#[test]
fn scans_agree_with_the_truth_table() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for truth in table(&corpus).into_iter().filter(|truth| scan::FORMATS.iter().any(|format| format.id == truth.format))
    {
        let file = truth.file.as_str();
        let bytes = fs::read(corpus.join(file)).unwrap();
        assert_eq!(scan::detect(&bytes).map(|format| format.id), Some(truth.format.as_str()), "{file}");
        let result = scan::read(&bytes, Limits::default());
        if let Some((_, reason)) = REFUSED.iter().find(|(name, _)| *name == file) {
            assert!(result.unwrap_err().reason.contains(reason), "{file}");
            continue;
        }
        let report = result.unwrap_or_else(|error| panic!("{file}: {error}"));

        let different = DIFFERENT.iter().find(|(name, ..)| *name == file);
        let expected = different.map(|(_, ours, _)| *ours).or(truth.expected_findings);
        assert_eq!(Some(report.findings.len()), expected, "{file}");
        if different.is_some() {
            continue;
        }
        let severities = truth.severities_by_index.into_iter().flatten();
        for (index, word) in severities.chain(truth.first_finding_severity.map(|word| (0, word))) {
            let other = OTHERWISE.iter().find(|(name, at, ..)| *name == file && *at == index);
            let severity = other.map_or_else(|| word.to_lowercase().parse().unwrap(), |(_, _, ours, _)| *ours);
            assert_eq!(report.findings[index].severity, severity, "{file}, finding {index}");
            compared += 1;
        }
    }
    assert!(compared >= 20, "only {compared} severities were compared");
}

#[test]
fn benchmarks_agree_with_the_truth_table() {
    let Some(corpus) = corpus() else { return };
    for truth in table(&corpus).into_iter().filter(|truth| truth.format == "kubebench") {
        let bytes = fs::read(corpus.join(&truth.file)).unwrap();
        assert_eq!(compliance::detect(&bytes).map(|format| format.id), Some("kubebench"));
        let report =
            compliance::read(&bytes, Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", truth.file));
        let findings = report.controls.iter().filter_map(|control| control.severity()).collect::<Vec<_>>();
        if let Some(expected) = truth.expected_findings {
            assert_eq!(findings.len(), expected, "{}", truth.file);
        }
        if let Some(word) = truth.first_finding_severity {
            assert_eq!(findings[0].as_str(), word.to_lowercase(), "{}", truth.file);
        }
        let count = |status| report.controls.iter().filter(|control| control.status == status).count();
        if truth.file.ends_with("kube-bench-controls.json") {
            // The file's own totals.
            assert_eq!([ControlStatus::Pass, ControlStatus::Fail, ControlStatus::Warn].map(count), [37, 36, 49]);
        }
    }
}

#[test]
fn a_real_alert_is_read() {
    let Some(corpus) = corpus() else { return };
    for file in fs::read_dir(corpus.join("webhooks/alertmanager")).unwrap() {
        let group = incident::read(&fs::read(file.unwrap().path()).unwrap(), Limits::default()).unwrap();
        assert_eq!(group.label("alertname"), Some("TargetDown"));
        assert_eq!(group.alerts[0].ends_at, None);
        assert_eq!(group.alerts[0].fingerprint.as_deref(), Some("9b8ca39c76f7815f"));
    }
}

#[test]
fn every_real_descriptor_is_read_or_refused_with_its_line() {
    #[derive(Deserialize)]
    struct Listed {
        file: String,
        yaml: String,
        kinds: Vec<String>,
    }

    let Some(corpus) = corpus() else { return };
    let index: Vec<Listed> = serde_json::from_slice(&fs::read(corpus.join("catalog/index.json")).unwrap()).unwrap();
    assert_eq!(index.len(), 55);
    let (mut good, mut templates, mut foreign, mut broken) = (0, 0, 0, 0);
    for listed in index {
        let results = catalog::read(&fs::read(corpus.join(&listed.file)).unwrap(), Limits::default());
        let errors = results.iter().flat_map(|result| result.errors()).collect::<Vec<_>>();
        let reasons = errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(errors.iter().all(|error| error.line > 0));
        if listed.yaml != "ok" {
            assert!(reasons[0].contains("template expression"), "{}: {reasons:?}", listed.file);
            broken += 1;
        } else if listed.kinds.is_empty() {
            assert!(reasons[0].contains("not a Backstage descriptor"), "{}: {reasons:?}", listed.file);
            foreign += 1;
        } else if errors.is_empty() {
            assert_eq!(results.iter().filter_map(|result| result.kind.clone()).collect::<Vec<_>>(), listed.kinds);
            good += 1;
        } else {
            assert!(
                reasons.iter().all(|reason| reason.contains("template expression")),
                "{}: {reasons:?}",
                listed.file
            );
            templates += 1;
        }
    }
    // Three files are a template engine's input and no YAML, three more are and still parse, and thirteen are another
    // tool's files.
    assert_eq!((good, templates, foreign, broken), (36, 3, 13, 3));
}

fn table(corpus: &Path) -> Vec<Truth> {
    #[derive(Deserialize)]
    struct Table {
        entries: Vec<Truth>,
    }

    let table: Table = serde_json::from_slice(&fs::read(corpus.join("scans/truth.json")).unwrap()).unwrap();
    table.entries
}

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let corpus = env::var_os("RAMPART_CORPUS").map_or_else(beside, PathBuf::from);
    if corpus.join("scans/truth.json").is_file() {
        return Some(corpus);
    }
    // Not `eprintln`, which the test runner keeps to itself.
    let _ = writeln!(std::io::stderr(), "skipped: no corpus at {}", corpus.display());
    None
}
