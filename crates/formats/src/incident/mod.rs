//! Alerts that other systems send: what is wrong now, and when it stopped.

mod alertmanager;

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::{Format, Input, Limits, ParseError};

/// Every format of alerts that is read.
pub static FORMATS: &[&Format<AlertGroup>] = &[&alertmanager::FORMAT];

/// Alerts that belong together, as they stand now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertGroup {
    /// The id of the format that it was read as.
    pub format: &'static str,
    pub version: String,
    /// The same for each notification about this group.
    pub group_key: String,
    /// Firing while any of the alerts is.
    pub status: AlertStatus,
    /// The name of the sender's configuration for us.
    pub receiver: String,
    pub group_labels: BTreeMap<String, String>,
    pub common_labels: BTreeMap<String, String>,
    pub common_annotations: BTreeMap<String, String>,
    /// The sender's own page, `http` or `https` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_url: Option<String>,
    pub alerts: Vec<Alert>,
    /// How many alerts the sender left out.
    pub truncated_alerts: u64,
}

/// One alert of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    pub status: AlertStatus,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    #[serde(with = "time::serde::rfc3339")]
    pub starts_at: OffsetDateTime,
    /// None while it fires.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<OffsetDateTime>,
    /// Where the rule can be seen, `http` or `https` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator_url: Option<String>,
    /// The same for each notification about this alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    Firing,
    Resolved,
}

impl AlertGroup {
    /// A label that all alerts share, or that the group is made by.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.common_labels.get(name).or_else(|| self.group_labels.get(name)).map(String::as_str)
    }
}

/// The alert format that `bytes` look like.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<&'static Format<AlertGroup>> {
    crate::detect(FORMATS, &Input::open(bytes, Limits::default()).ok()?)
}

/// Reads alerts by whichever format they look like.
///
/// # Errors
/// Where they are none, beyond a limit, or not what the format promises.
pub fn read(bytes: &[u8], limits: Limits) -> Result<AlertGroup, ParseError> {
    read_input(&Input::open(bytes, limits)?)
}

pub(crate) fn read_input(input: &Input<'_>) -> Result<AlertGroup, ParseError> {
    crate::read(FORMATS, input)
}
