//! Results of benchmarks and audits: which controls hold, with the evidence.

mod kubebench;

use model::{ControlStatus, Severity};
use serde::Serialize;
use time::OffsetDateTime;

use crate::{Format, Input, Limits, ParseError};

/// Every format of benchmark results that is read.
pub static FORMATS: &[&Format<Report>] = &[&kubebench::FORMAT];

/// What one run of a benchmark came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The id of the format that it was read as.
    pub format: &'static str,
    /// The version of the benchmark, as the tool names it: `cis-1.6`, `1.6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub tool: String,
    /// What the benchmark is called.
    pub benchmark: String,
    /// When it ran, where the file says so.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<OffsetDateTime>,
    /// Why this is not the whole result; none where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    pub controls: Vec<ControlResult>,
}

/// How one control came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ControlResult {
    /// The benchmark's own number: `1.1.1`.
    pub id: String,
    pub title: String,
    pub status: ControlStatus,
    /// The part of the benchmark it stands in: `1.1 Master Node Configuration Files`.
    pub section: String,
    /// What was looked at: `master`, `node`, `etcd`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Whether a person has to look, because no tool can.
    pub manual: bool,
    /// Whether the benchmark counts it.
    pub scored: bool,
    /// What to do where it does not hold; the tool's words, untrusted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remediation: String,
    /// What was asked, what was expected and what was there; the tool's words, untrusted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub evidence: String,
}

impl Report {
    /// Whether every control of the benchmark is here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.incomplete.is_none()
    }
}

impl ControlResult {
    /// How bad it is; none where it holds or where only a person could say. Benchmarks know no severities.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        match self.status {
            ControlStatus::Fail => Some(Severity::Medium),
            ControlStatus::Warn if !self.manual => Some(Severity::Info),
            ControlStatus::Warn | ControlStatus::Pass | ControlStatus::Info => None,
        }
    }
}

/// The benchmark format that `bytes` look like.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<&'static Format<Report>> {
    crate::detect(FORMATS, &Input::open(bytes, Limits::default()).ok()?)
}

/// Reads results by whichever format they look like.
///
/// # Errors
/// Where they are none, beyond a limit, or not what the format promises.
pub fn read(bytes: &[u8], limits: Limits) -> Result<Report, ParseError> {
    read_input(&Input::open(bytes, limits)?)
}

/// Reads results as the format that somebody named.
///
/// # Errors
/// Where there is no such format, and as [`read`].
pub fn read_as(id: &str, bytes: &[u8], limits: Limits) -> Result<Report, ParseError> {
    let format = crate::named(FORMATS, id)?;
    crate::read_as(format, &Input::open(bytes, limits)?)
}

pub(crate) fn read_input(input: &Input<'_>) -> Result<Report, ParseError> {
    crate::read(FORMATS, input)
}
