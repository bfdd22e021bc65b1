//! Prometheus Alertmanager's webhook, version 4.
//!
//! After prometheus.io/docs/alerting/latest/configuration/#webhook_config (Alertmanager 0.25 to 0.28).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Alert, AlertGroup, AlertStatus};
use crate::{
    Format, Input, ParseError,
    json::{or_default, time, web_address},
};

pub(super) static FORMAT: Format<AlertGroup> =
    Format { id: "alertmanager", title: "Alertmanager webhook", detect, parse };

fn detect(input: &Input<'_>) -> bool {
    input.has("alerts") && input.has("receiver") && (input.has("groupKey") || input.has("groupLabels"))
}

fn parse(input: &Input<'_>) -> Result<AlertGroup, ParseError> {
    let group: Group = input.json()?;
    if group.version != "4" {
        return Err(ParseError::pointer("/version", "this version of the webhook is not read; 4 is"));
    }
    if group.group_key.is_empty() {
        return Err(ParseError::pointer("/groupKey", "the group has no key, so it cannot be recognised again"));
    }
    let alerts =
        group.alerts.into_iter().enumerate().map(|(index, alert)| alert.read(index)).collect::<Result<_, _>>()?;
    Ok(AlertGroup {
        format: FORMAT.id,
        version: group.version,
        group_key: group.group_key,
        status: status(&group.status, "/status")?,
        receiver: group.receiver,
        group_labels: group.group_labels,
        common_labels: group.common_labels,
        common_annotations: group.common_annotations,
        external_url: web_address(&group.external_url),
        alerts,
        truncated_alerts: group.truncated_alerts,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    version: String,
    group_key: String,
    status: String,
    receiver: String,
    #[serde(default, deserialize_with = "or_default")]
    group_labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    common_labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    common_annotations: BTreeMap<String, String>,
    #[serde(rename = "externalURL", default, deserialize_with = "or_default")]
    external_url: String,
    alerts: Vec<OneAlert>,
    #[serde(default, deserialize_with = "or_default")]
    truncated_alerts: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneAlert {
    status: String,
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    annotations: BTreeMap<String, String>,
    starts_at: String,
    #[serde(default, deserialize_with = "or_default")]
    ends_at: String,
    #[serde(rename = "generatorURL", default, deserialize_with = "or_default")]
    generator_url: String,
    fingerprint: Option<String>,
}

impl OneAlert {
    fn read(self, index: usize) -> Result<Alert, ParseError> {
        let at = |member: &str| format!("/alerts/{index}/{member}");
        let status = status(&self.status, &at("status"))?;
        Ok(Alert {
            status,
            labels: self.labels,
            annotations: self.annotations,
            starts_at: time(&self.starts_at)
                .ok_or_else(|| ParseError::pointer(at("startsAt"), "this is not a time as RFC 3339 has it"))?,
            // While it fires this is when the sender will have forgotten it, not an end.
            ends_at: time(&self.ends_at).filter(|_| status == AlertStatus::Resolved),
            generator_url: web_address(&self.generator_url),
            fingerprint: self.fingerprint.filter(|fingerprint| !fingerprint.is_empty()),
        })
    }
}

fn status(word: &str, at: &str) -> Result<AlertStatus, ParseError> {
    match word {
        "firing" => Ok(AlertStatus::Firing),
        "resolved" => Ok(AlertStatus::Resolved),
        _ => Err(ParseError::pointer(at, "the status is neither firing nor resolved")),
    }
}
