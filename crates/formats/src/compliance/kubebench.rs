//! kube-bench's JSON: the CIS Kubernetes Benchmark, control by control.
//!
//! Fields as in kube-bench 0.6 to 0.10 (`check/controls.go`, `check/check.go`); the file is one group of controls, a list
//! of them (before 0.4), or an object with `Controls` and `Totals`.

use model::ControlStatus;
use serde::Deserialize;

use super::{ControlResult, Report};
use crate::{
    Format, Input, ParseError,
    json::{Text, or_default},
    one_line,
};

pub(super) static FORMAT: Format<Report> = Format { id: "kubebench", title: "kube-bench JSON", detect, parse };

fn detect(input: &Input<'_>) -> bool {
    input.has("Controls")
        || input.has("node_type") && input.has("tests")
        || input.lists(&["node_type", "tests"])
        || input.lists(&["Controls"])
}

fn parse(input: &Input<'_>) -> Result<Report, ParseError> {
    let groups = if input.is_list() {
        input.json()?
    } else if input.has("Controls") {
        let document: Document = input.json()?;
        document.controls
    } else {
        vec![input.json::<Group>()?]
    };

    let version = groups
        .iter()
        .find_map(|group| group.version.as_deref().or(group.detected_version.as_deref()))
        .map(ToOwned::to_owned);
    let mut controls = Vec::new();
    for (group, part) in groups.into_iter().enumerate() {
        let target = one_line(&part.node_type);
        for (section, test) in part.tests.into_iter().enumerate() {
            let name = one_line(&format!("{} {}", test.section, test.desc));
            for (place, result) in test.results.into_iter().enumerate() {
                let status = result.status.to_ascii_lowercase().parse().map_err(|_| {
                    ParseError::pointer(
                        format!("/{group}/tests/{section}/results/{place}/status"),
                        "the status is none of PASS, FAIL, WARN and INFO",
                    )
                })?;
                controls.push(result.control(status, name.clone(), &target));
            }
        }
    }
    if controls.is_empty() {
        return Err(ParseError::whole("the file holds no result of any control"));
    }
    Ok(Report {
        format: FORMAT.id,
        version,
        tool: "kube-bench".to_owned(),
        benchmark: "CIS Kubernetes Benchmark".to_owned(),
        created_at: None,
        incomplete: None,
        controls,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(default, deserialize_with = "or_default")]
    controls: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    version: Text,
    #[serde(default)]
    detected_version: Text,
    #[serde(default, deserialize_with = "or_default")]
    node_type: String,
    #[serde(default, deserialize_with = "or_default")]
    tests: Vec<Section>,
}

#[derive(Deserialize)]
struct Section {
    #[serde(default, deserialize_with = "or_default")]
    section: String,
    #[serde(default, deserialize_with = "or_default")]
    desc: String,
    #[serde(default, deserialize_with = "or_default")]
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    test_number: String,
    test_desc: String,
    status: String,
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    audit: String,
    #[serde(default, deserialize_with = "or_default")]
    remediation: String,
    #[serde(default, deserialize_with = "or_default")]
    actual_value: String,
    #[serde(default, deserialize_with = "or_default")]
    expected_result: String,
    #[serde(default, deserialize_with = "or_default")]
    reason: String,
    #[serde(default, deserialize_with = "or_default")]
    scored: bool,
}

impl Outcome {
    fn control(self, status: ControlStatus, section: String, target: &str) -> ControlResult {
        let evidence = [
            ("Asked", &self.audit),
            ("Expected", &self.expected_result),
            ("Found", &self.actual_value),
            ("Reason", &self.reason),
        ];
        ControlResult {
            id: self.test_number,
            title: self.test_desc,
            status,
            section,
            target: (!target.is_empty()).then(|| target.to_owned()),
            manual: self.kind == "manual" || self.reason == "Test marked as a manual test",
            scored: self.scored,
            remediation: self.remediation.trim().to_owned(),
            evidence: evidence
                .into_iter()
                .filter(|(_, text)| !text.trim().is_empty())
                .map(|(label, text)| format!("{label}: {}", text.trim()))
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }
}
