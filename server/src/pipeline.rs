//! The commands of a build pipeline: read a report, upload it, ask the gate. They need a portal's address and a token,
//! or nothing at all; never its database.

use std::{
    fmt::Write as _,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use clap::Args;
use model::{
    Problem,
    findings::{Decision, Receipt, Stage, Verdict},
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The subcommands here; a failure of theirs exits with [`CANNOT_TELL`].
pub const COMMANDS: &[&str] = &["scan", "gate", "formats"];
/// What these commands exit with where they fail; 1 is the gate's denial.
pub const CANNOT_TELL: u8 = 2;

/// A portal that runs elsewhere. Its token comes from the environment or a file: arguments are seen by every user of a
/// machine.
#[derive(Args, Debug)]
pub struct Remote {
    /// Where the portal is reached
    #[arg(long, alias = "server", env = "RAMPART_URL", default_value = "http://127.0.0.1:3000")]
    url: url::Url,
}

#[derive(Args, Debug)]
pub struct Report {
    /// The service that was scanned, as the catalog has it
    #[arg(long)]
    service: String,
    /// The tool; left out: the one that the report names
    #[arg(long)]
    tool: Option<String>,
    /// What was scanned, such as an image; left out: what the report says
    #[arg(long)]
    target: Option<String>,
    #[arg(long)]
    branch: Option<String>,
    /// build, deploy or runtime
    #[arg(long, default_value = "build")]
    stage: Stage,
    /// The report is of a proposed change: compare it with what is open, and change nothing
    #[arg(long)]
    pull_request: bool,
    /// The scan did not look at everything: close nothing
    #[arg(long)]
    partial: bool,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    /// The report: Trivy JSON, SARIF or CycloneDX, gzipped or not; `-` for standard input
    file: PathBuf,
}

#[derive(Args, Debug)]
pub struct Question {
    /// The service that is to go out, as the catalog has it
    #[arg(long)]
    service: String,
    /// build, deploy or runtime; left out: findings of every stage count
    #[arg(long)]
    stage: Option<Stage>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// Uploads a report and says what it did.
///
/// # Errors
/// What the portal refused and why, or that it cannot be reached.
pub async fn upload(client: &reqwest::Client, portal: &Remote, report: &Report) -> Result<String> {
    let bytes = bytes(&report.file)?;
    let mut url = portal.address("reports")?;
    let flag = |on: bool| on.then(|| "true".to_owned());
    for (name, value) in [
        ("service", Some(report.service.clone())),
        ("tool", report.tool.clone()),
        ("target", report.target.clone()),
        ("branch", report.branch.clone()),
        ("stage", Some(report.stage.to_string())),
        ("pull_request", flag(report.pull_request)),
        ("partial", flag(report.partial)),
    ] {
        url.query_pairs_mut().extend_pairs(value.map(|value| (name, value)));
    }
    let request = client.post(url).header(http::header::CONTENT_TYPE, "application/octet-stream").body(bytes);
    let (answer, receipt): (Value, Receipt) = send(request, portal).await?;
    if report.json { Ok(format!("{answer:#}\n")) } else { Ok(told(&receipt)) }
}

fn told(receipt: &Receipt) -> String {
    let mut text = format!("{}\n", receipt.scope);
    let Receipt { new, reopened, closed, unchanged, total, .. } = receipt;
    if receipt.repeated {
        text += &format!("the same report as last time: nothing changed, {unchanged} findings\n");
    } else if receipt.pull_request {
        text += &format!("this change adds {new} findings; {unchanged} of its {total} are open already\n");
        for finding in &receipt.introduces {
            text += &line(finding.severity.as_str(), &finding.title, finding.place.as_deref());
        }
    } else {
        text +=
            &format!("{total} in the report: {new} new, {reopened} reopened, {closed} closed, {unchanged} unchanged\n");
    }
    if let Some(reason) = &receipt.incomplete {
        text += &format!("nothing was closed: {}\n", plain(reason));
    }
    text
}

/// Asks the gate.
///
/// # Errors
/// What keeps the answer from being told: it is neither allow nor deny.
pub async fn gate(client: &reqwest::Client, portal: &Remote, question: &Question) -> Result<(String, ExitCode)> {
    let body = json!({ "service": question.service, "stage": question.stage });
    let request = client.post(portal.address("gates/evaluate")?).json(&body);
    let (answer, verdict): (Value, Verdict) = send(request, portal).await?;
    let code = match verdict.decision {
        Decision::Allow => ExitCode::SUCCESS,
        Decision::Deny => ExitCode::FAILURE,
    };
    if question.json {
        return Ok((format!("{answer:#}\n"), code));
    }
    let mut text = match verdict.decision {
        Decision::Allow => format!("allow: {}\n", plain(&verdict.reason)),
        Decision::Deny => format!("deny by rule {}: {}\n", plain(&verdict.rule), plain(&verdict.reason)),
    };
    for finding in &verdict.because {
        let fix = finding.fixed_version.as_ref().map(|version| format!("fixed in {version}"));
        let known: Vec<String> =
            finding.package.as_ref().or(finding.place.as_ref()).cloned().into_iter().chain(fix).collect();
        text += &line(finding.severity.as_str(), &finding.title, Some(known.join(", ").as_str()));
    }
    let unnamed = verdict.blocking.saturating_sub(u32::try_from(verdict.because.len()).unwrap_or(u32::MAX));
    if unnamed > 0 {
        text += &format!("  and {unnamed} more\n");
    }
    Ok((text, code))
}

/// Says what a file is and what is in it.
///
/// # Errors
/// Why that cannot be told, with the place in the file.
pub fn read(file: &Path, as_json: bool) -> Result<String> {
    let described = formats::describe(&bytes(file)?).with_context(|| format!("cannot read {}", file.display()))?;
    if as_json {
        return Ok(format!("{described:#}\n"));
    }
    let word = |name: &str| described[name].as_str().map(plain).unwrap_or_default();
    let mut text = format!("{} {}", word("format"), word("version")).trim_end().to_owned() + "\n";
    if let Some(findings) = described["findings"].as_array() {
        writeln!(text, "{} findings", findings.len())?;
        for finding in findings {
            let word = |name: &str| finding[name].as_str().unwrap_or_default();
            text += &line(word("severity"), word("title"), finding["location"]["file"].as_str());
        }
    }
    if let Some(documents) = described["documents"].as_array() {
        for document in documents {
            let word = |name: &str| plain(document[name].as_str().unwrap_or("?"));
            writeln!(text, "  {} {}", word("kind"), word("name"))?;
        }
    }
    Ok(text)
}

fn line(severity: &str, title: &str, place: Option<&str>) -> String {
    let place = place.filter(|place| !place.is_empty()).map(|place| format!(" ({})", plain(place))).unwrap_or_default();
    format!("  {severity:<8} {}{place}\n", plain(title))
}

/// Without what would steer a terminal: texts in reports are strangers'.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn bytes(file: &Path) -> Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(bytes);
    }
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

impl Remote {
    pub(crate) fn address(&self, of: &str) -> Result<url::Url> {
        self.url.join(&format!("/api/v1/{of}")).with_context(|| format!("{} is not a portal's address", self.url))
    }

    /// What the portal answers to whoever holds the token.
    pub(crate) async fn answer(
        &self,
        request: reqwest::RequestBuilder,
        token: &SecretString,
    ) -> Result<(reqwest::StatusCode, Bytes)> {
        let sent = request.bearer_auth(token.expose_secret()).send().await;
        let response = sent.with_context(|| format!("cannot reach the portal at {}", self.url))?;
        let status = response.status();
        Ok((status, response.bytes().await.context("the portal's answer broke off")?))
    }
}

/// The token that a file holds, or the environment.
pub(crate) fn token(file: Option<&Path>) -> Result<SecretString> {
    let token = match file {
        Some(path) => fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => std::env::var("RAMPART_TOKEN").context("RAMPART_TOKEN is not set: issue a token and put it there")?,
    };
    Ok(token.trim().into())
}

/// Sends a request and reads the answer twice: as it came, and as what it should be.
async fn send<T: DeserializeOwned>(request: reqwest::RequestBuilder, portal: &Remote) -> Result<(Value, T)> {
    let (status, body) = portal.answer(request, &token(None)?).await?;
    if !status.is_success() {
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => bail!("the portal refused ({status}): {}", plain(&problem.detail)),
            Err(_) => bail!("{} answered {status}; is it a portal?", portal.url),
        }
    }
    let answer: Value = serde_json::from_slice(&body).context("the portal's answer is not JSON")?;
    let read =
        T::deserialize(&answer).context("the portal's answer is not what was asked for; is it of another version?")?;
    Ok((answer, read))
}
