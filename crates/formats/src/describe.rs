//! What a file is and what is in it, as JSON: the answer of `rampart formats read FILE --json`.

use serde_json::{Value, json};

use crate::{Input, Limits, ParseError, Place, catalog, compliance, detect, incident, scan, unrecognised};

/// Reads `bytes` as whatever they are: `family`, `format` and `version`, then what the family has. Scans have
/// `findings`; benchmarks have `controls`, and those that do not hold as `findings` too.
///
/// # Errors
/// Where no format is recognised, or the one that is finds something wrong.
pub fn describe(bytes: &[u8]) -> Result<Value, ParseError> {
    let input = Input::open(bytes, Limits::default())?;
    if detect(scan::FORMATS, &input).is_some() {
        let report = scan::read_input(&input)?;
        return Ok(head("scan", json!({ "complete": report.is_complete() }), json!(report)));
    }
    if detect(compliance::FORMATS, &input).is_some() {
        let report = compliance::read_input(&input)?;
        let findings = report.controls.iter().filter_map(|control| {
            let title = format!("{} - {}", control.id, control.title);
            let severity = control.severity()?;
            Some(
                json!({ "title": title, "severity": severity, "rule": control.id, "remediation": control.remediation }),
            )
        });
        let findings = findings.collect::<Vec<_>>();
        let extra = json!({ "complete": report.is_complete(), "findings": findings });
        return Ok(head("compliance", extra, json!(report)));
    }
    if detect(incident::FORMATS, &input).is_some() {
        return Ok(head("incident", json!({}), json!(incident::read_input(&input)?)));
    }
    if detect(catalog::FORMATS, &input).is_some() {
        let results = catalog::read_input(&input)?;
        // A file of which nothing can be read is refused as any other is.
        if let Some(error) =
            results.iter().all(|result| result.outcome.is_err()).then(|| results[0].errors().first()).flatten()
        {
            let reason = error.field.iter().chain([&error.reason]).map(String::as_str).collect::<Vec<_>>().join(": ");
            let at = Place::Line { line: error.line, column: 1 };
            return Err(ParseError { format: Some("backstage"), at, reason });
        }
        let documents = results.into_iter().map(|result| {
            let errors = json!(result.errors());
            json!({
                "document": result.document,
                "line": result.line,
                "kind": result.kind,
                "name": result.name,
                "entity": result.outcome.ok(),
                "errors": errors,
            })
        });
        let documents = documents.collect::<Vec<_>>();
        return Ok(head("catalog", json!({ "format": "backstage" }), json!({ "documents": documents })));
    }
    Err(unrecognised(crate::all().into_iter().map(|format| format.title)))
}

/// One object of all three; `version` is there, if only as null.
fn head(family: &str, extra: Value, report: Value) -> Value {
    let mut described = serde_json::Map::new();
    described.insert("family".to_owned(), family.into());
    described.insert("version".to_owned(), Value::Null);
    for part in [extra, report] {
        if let Value::Object(members) = part {
            described.extend(members);
        }
    }
    Value::Object(described)
}
