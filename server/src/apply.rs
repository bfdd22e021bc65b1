//! `rampart catalog apply`: the descriptors of a checkout brought to a portal elsewhere, as a pipeline does.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use http::{StatusCode, header};
use model::{ImportReport, Problem};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    pipeline::{Remote, token},
    validate::{self, Finding, Outcome, Style},
};

#[derive(Args, Debug)]
pub struct Apply {
    /// Files of descriptors, and folders that hold catalog-info.yaml
    #[arg(required = true)]
    path: Vec<PathBuf>,
    /// Who describes the entities: what one source described first, another cannot change
    #[arg(long)]
    source: String,
    #[command(flatten)]
    portal: Remote,
    /// A file that holds the token; left out: the environment's RAMPART_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Style,
}

/// Sends the files and says what came of it, with the code to end with.
///
/// # Errors
/// Where files cannot be found, or the portal refused or cannot be reached.
pub async fn apply(client: &reqwest::Client, asked: &Apply) -> Result<(String, u8)> {
    let token = token(asked.token_file.as_deref())?;
    let mut outcome = validate::check(&asked.path)?;
    let report = match send(client, asked, &token, &outcome, asked.dry_run).await? {
        Some(report) => report,
        // no document is right, so nothing was changed: the same question without the wish to change says where
        None => send(client, asked, &token, &outcome, true).await?.context("the portal refused every document")?,
    };
    outcome.findings.retain(Finding::is_of_the_files);
    outcome.findings.extend(report.errors.iter().map(Finding::told));
    Ok((said(asked, &outcome, &report), outcome.code()))
}

fn said(asked: &Apply, outcome: &Outcome, report: &ImportReport) -> String {
    let ImportReport { created, updated, unchanged, .. } = report;
    match asked.format {
        Style::Text => {
            let would = if asked.dry_run { "would be " } else { "" };
            let mut text: String = outcome.findings.iter().map(Finding::in_words).collect();
            for (did, entities) in [("added", created), ("changed", updated)] {
                text.extend(entities.iter().map(|entity| format!("{would}{did}: {entity}\n")));
            }
            text += &format!(
                "{} {would}added, {} {would}changed, {} as before, {} wrong\n",
                created.len(),
                updated.len(),
                unchanged.len(),
                outcome.findings.len()
            );
            text
        }
        Style::Json => {
            let wrong = outcome.findings.iter().map(|finding| {
                json!({
                    "rule": finding.rule, "file": finding.file, "line": finding.line, "field": finding.field,
                    "reason": finding.reason,
                })
            });
            let answer = json!({
                "dryRun": asked.dry_run, "created": created, "updated": updated, "unchanged": unchanged,
                "errors": wrong.collect::<Vec<Value>>(),
            });
            format!("{answer}\n")
        }
        Style::Sarif => format!("{:#}\n", validate::sarif(&outcome.findings)),
    }
}

/// None where the portal took no document because none is right.
async fn send(
    client: &reqwest::Client,
    asked: &Apply,
    token: &SecretString,
    outcome: &Outcome,
    dry_run: bool,
) -> Result<Option<ImportReport>> {
    let mut url = asked.portal.address("entities")?;
    url.query_pairs_mut().append_pair("source", &asked.source);
    if dry_run {
        url.query_pairs_mut().append_pair("dryRun", "true");
    }
    let files = outcome.files.iter().filter(|file| !file.bytes.is_empty());
    let files: Vec<(String, Vec<u8>)> = files.map(|file| (file.path.display().to_string(), file.whole())).collect();
    if files.is_empty() {
        bail!(
            "there is nothing to send: {}",
            outcome.findings.iter().map(Finding::in_words).collect::<String>().trim()
        );
    }
    let (kind, body) = multipart(&files);
    let request = client.post(url).header(header::CONTENT_TYPE, kind).body(body);
    let (status, body) = asked.portal.answer(request, token).await?;
    if status.is_success() {
        return serde_json::from_slice(&body).context("the portal's answer is not a report of an import").map(Some);
    }
    if status == StatusCode::UNPROCESSABLE_ENTITY && !dry_run {
        return Ok(None);
    }
    let detail = serde_json::from_slice::<Problem>(&body).map(|problem| problem.detail).unwrap_or_default();
    bail!("the portal refused ({status}): {detail}")
}

/// `multipart/form-data` (RFC 7578): its type, and the body.
fn multipart(files: &[(String, Vec<u8>)]) -> (String, Vec<u8>) {
    let mut boundary = "rampart-catalog-apply".to_owned();
    while files.iter().any(|(_, bytes)| holds(bytes, boundary.as_bytes())) {
        boundary.push_str("-x");
    }
    let mut body = Vec::new();
    for (name, bytes) in files {
        // as browsers encode a name in this place (HTML, "multipart/form-data encoding algorithm")
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        body.extend_from_slice(
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/yaml\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
