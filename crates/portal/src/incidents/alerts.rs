//! One alert as incidents need it, from what a sender tells, and what it says about severity and title.

use std::collections::{BTreeMap, BTreeSet};

use formats::{
    Limits,
    incident::{Alert, AlertStatus},
};
use model::{IntegrationId, Severity};
use serde::Serialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::error::{Error, Result};

/// A delivery of alerts is no larger than this: 1 MiB.
pub const MAX_DELIVERY: usize = 1 << 20;
/// No version of the webhook nests deeper than 4.
const MAX_DEPTH: usize = 16;
const MAX_VALUES: usize = 100_000;
/// The most that one delivery may hold: Alertmanager's own `max_alerts` is to be set where groups are larger.
const MAX_ALERTS: usize = 1000;
const MAX_LABELS: usize = 64;
/// Outside of these a time is a mistake, and some of them Postgres does not keep.
const YEARS: std::ops::Range<i32> = 1970..2200;
const MAX_TITLE: usize = 200;
const MAX_SUMMARY: usize = 2000;
/// A fingerprint of Alertmanager's is 16 letters; what is longer than this is kept as its hash.
const MAX_FINGERPRINT: usize = 64;

/// One alert as it was told of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Told {
    pub fingerprint: String,
    pub firing: bool,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub severity: Severity,
    #[serde(with = "time::serde::rfc3339")]
    pub starts_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ends_at: Option<OffsetDateTime>,
    pub generator_url: Option<String>,
}

/// What is known already of an alert of the same fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub firing: bool,
    pub starts_at: OffsetDateTime,
}

/// What a delivery says that was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It began.
    Fired,
    /// It ended.
    Ended,
    /// The same again.
    Same,
    /// Something that a later delivery overtook.
    Stale,
}

impl Told {
    /// What this says beyond what is known. Deliveries can repeat and overtake one another; an episode of an alert is
    /// known by when it began, and one that ended does not fire again.
    pub fn news(&self, known: Option<&Known>) -> News {
        let fresh = if self.firing { News::Fired } else { News::Ended };
        match known {
            None => fresh,
            Some(known) if self.starts_at > known.starts_at => fresh,
            Some(known) if self.starts_at < known.starts_at => News::Stale,
            Some(known) if known.firing == self.firing => News::Same,
            Some(known) if known.firing => News::Ended,
            Some(_) => News::Stale,
        }
    }

    /// How an event names it.
    pub fn name(&self) -> String {
        self.labels.get("alertname").map_or_else(|| "An alert".to_owned(), |name| one_line(name, MAX_TITLE))
    }
}

/// One delivery: alerts of one group, each once.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    /// The sender's name for the group.
    pub group_key: String,
    pub external_url: Option<String>,
    /// Where the whole group ended: when the last of it did.
    pub ended: Option<OffsetDateTime>,
    pub told: Vec<Told>,
}

/// Reads a delivery.
///
/// # Errors
/// `Malformed` where it is none, `TooLarge` beyond a limit, `Invalid` for no alerts or one with too many labels.
pub(super) fn read(body: &[u8]) -> Result<Delivery> {
    if body.len() > MAX_DELIVERY {
        return Err(Error::TooLarge(format!("a delivery of alerts is at most {MAX_DELIVERY} bytes")));
    }
    let limits = Limits { bytes: MAX_DELIVERY, depth: MAX_DEPTH, count: MAX_VALUES };
    let group = formats::incident::read(body, limits).map_err(|error| Error::Malformed(error.to_string()))?;
    if group.alerts.len() > MAX_ALERTS {
        return Err(Error::TooLarge(format!(
            "a delivery holds at most {MAX_ALERTS} alerts; set max_alerts in the receiver's configuration"
        )));
    }
    if group.alerts.is_empty() {
        return Err(Error::invalid("/alerts", "the delivery holds no alert"));
    }
    let mut told = BTreeMap::<String, Told>::new();
    for (index, alert) in group.alerts.into_iter().enumerate() {
        if alert.labels.len() > MAX_LABELS || alert.annotations.len() > MAX_LABELS {
            return Err(Error::invalid(format!("/alerts/{index}"), format!("it has more than {MAX_LABELS} labels")));
        }
        let one = told_of(alert);
        if [Some(one.starts_at), one.ends_at].into_iter().flatten().any(|at| !YEARS.contains(&at.year())) {
            return Err(Error::invalid(
                format!("/alerts/{index}/startsAt"),
                "this is not a time at which an alert began",
            ));
        }
        let known = told.get(&one.fingerprint).map(|other| Known { firing: other.firing, starts_at: other.starts_at });
        if matches!(one.news(known.as_ref()), News::Fired | News::Ended) {
            told.insert(one.fingerprint.clone(), one);
        }
    }
    let told: Vec<Told> = told.into_values().collect();
    let last = told.iter().filter_map(|told| told.ends_at).max();
    Ok(Delivery {
        group_key: group.group_key,
        external_url: group.external_url,
        ended: last.filter(|_| group.status == AlertStatus::Resolved),
        told,
    })
}

fn told_of(alert: Alert) -> Told {
    let fingerprint = match alert.fingerprint {
        Some(fingerprint) if fingerprint.len() <= MAX_FINGERPRINT => fingerprint,
        Some(fingerprint) => hex::encode(Sha256::digest(fingerprint.as_bytes())),
        None => hex::encode(Sha256::digest(serde_json::to_vec(&alert.labels).expect("labels are text"))),
    };
    Told {
        fingerprint,
        firing: alert.status == AlertStatus::Firing,
        severity: severity(alert.labels.get("severity").map(String::as_str)),
        labels: alert.labels,
        annotations: alert.annotations,
        starts_at: in_microseconds(alert.starts_at),
        ends_at: alert.ends_at.map(in_microseconds),
        generator_url: alert.generator_url,
    }
}

/// What Postgres keeps of a time.
fn in_microseconds(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(at.microsecond() * 1000).expect("a microsecond has a thousand nanoseconds")
}

/// The words that are in use for the label `severity`: Prometheus' own rules use critical, warning and info, the
/// kubernetes-mixin also none; page, error and ticket come from the SRE workbook's examples.
fn severity(word: Option<&str>) -> Severity {
    match word.unwrap_or_default().trim().to_lowercase().as_str() {
        "critical" | "page" | "emergency" | "fatal" | "crit" => Severity::Critical,
        "error" | "high" | "major" => Severity::High,
        "low" | "minor" => Severity::Low,
        "info" | "none" | "informational" | "notice" => Severity::Info,
        // what nobody rated is not harmless for that
        _ => Severity::Medium,
    }
}

/// The sender's name for a group of alerts, as one of this installation.
pub(super) fn group_hash(integration: IntegrationId, group_key: &str) -> [u8; 32] {
    Sha256::new().chain_update(integration.0.as_bytes()).chain_update(group_key.as_bytes()).finalize().into()
}

/// What an incident of these alerts is called, on one line.
pub(super) fn title(told: &[&Told]) -> String {
    let one_of = |texts: BTreeSet<&String>| (texts.len() == 1).then(|| texts.into_iter().next().cloned()).flatten();
    let summaries = told.iter().filter_map(|told| told.annotations.get("summary").or(told.annotations.get("title")));
    let names = told.iter().filter_map(|told| told.labels.get("alertname"));
    let title = match (one_of(summaries.collect()), one_of(names.collect()), worst(told)) {
        (Some(summary), _, _) => summary,
        (None, Some(name), _) if told.len() > 1 => format!("{name} ({} alerts)", told.len()),
        (None, Some(name), _) => name,
        (None, None, Some(worst)) if told.len() > 1 => format!("{} and {} more", worst.name(), told.len() - 1),
        _ => String::new(),
    };
    let title = one_line(&title, MAX_TITLE);
    if title.is_empty() { "An alert without a name".to_owned() } else { title }
}

/// What the worst of these alerts says about itself.
pub(super) fn summary(told: &[&Told]) -> String {
    let text = worst(told).and_then(|worst| worst.annotations.get("description").or(worst.annotations.get("message")));
    text.map(|text| text.trim().chars().take(MAX_SUMMARY).collect()).unwrap_or_default()
}

fn worst<'a>(told: &[&'a Told]) -> Option<&'a Told> {
    told.iter().copied().max_by_key(|told| (told.firing, told.severity, std::cmp::Reverse(told.starts_at)))
}

fn one_line(text: &str, longest: usize) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    line.collect::<Vec<_>>().join(" ").chars().take(longest).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn told(firing: bool, labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Told {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let labels: BTreeMap<String, String> = map(labels);
        Told {
            fingerprint: "f".to_owned(),
            firing,
            severity: severity(labels.get("severity").map(String::as_str)),
            labels,
            annotations: map(annotations),
            starts_at: datetime!(2026-03-02 08:00 UTC),
            ends_at: None,
            generator_url: None,
        }
    }

    #[test]
    fn an_alert_that_nobody_rated_is_of_medium_severity() {
        for (word, expected) in [
            (Some("page"), Severity::Critical),
            (Some(" Critical "), Severity::Critical),
            (Some("error"), Severity::High),
            (Some("warning"), Severity::Medium),
            (Some("none"), Severity::Info),
            (Some("<script>"), Severity::Medium),
            (None, Severity::Medium),
        ] {
            assert_eq!(severity(word), expected, "{word:?}");
        }
    }

    #[test]
    fn a_title_says_what_the_alerts_have_in_common() {
        let a = told(true, &[("alertname", "Down")], &[("summary", "db is\ndown")]);
        let b = told(true, &[("alertname", "Down")], &[("summary", "api is down")]);
        let c = told(true, &[("alertname", "Slow"), ("severity", "critical")], &[]);
        assert_eq!(title(&[&a]), "db is down");
        assert_eq!(title(&[&a, &b]), "Down (2 alerts)");
        assert_eq!(title(&[&a, &b, &c]), "Slow and 2 more");
        assert_eq!(title(&[&told(true, &[], &[])]), "An alert without a name");
    }

    #[test]
    fn an_episode_that_ended_does_not_fire_again_and_an_older_one_is_stale() {
        let now = told(true, &[], &[]);
        let known = |firing, seconds| Known { firing, starts_at: now.starts_at + time::Duration::seconds(seconds) };
        assert_eq!(now.news(None), News::Fired);
        assert_eq!(now.news(Some(&known(true, 0))), News::Same);
        assert_eq!(now.news(Some(&known(false, 0))), News::Stale);
        assert_eq!(now.news(Some(&known(false, -1))), News::Fired);
        assert_eq!(now.news(Some(&known(true, 1))), News::Stale);
        let ended = told(false, &[], &[]);
        assert_eq!(ended.news(Some(&known(true, 0))), News::Ended);
        assert_eq!(ended.news(Some(&known(true, 60))), News::Stale);
    }
}
