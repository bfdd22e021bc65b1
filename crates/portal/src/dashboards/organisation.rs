//! How the organisation stands, as far as the reader may see it.

use std::collections::HashMap;

use model::{
    Severity, TeamId,
    findings::{SeverityCounts, TrendPoint},
};
use serde::Serialize;
use time::{Date, Duration, OffsetDateTime};

use super::sql;
use crate::{
    Portal,
    authz::{ActionName, Actor},
    error::Result,
    findings, sheet,
};

/// How many weeks the trends look back.
const WEEKS: i64 = 12;
/// Over how many days the time to acknowledge is averaged.
pub const ACKNOWLEDGED_DAYS: i64 = 30;

/// Everything that the page shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Organisation {
    pub findings: SeverityCounts,
    /// Open at the end of each week, the last is today.
    pub trend: Vec<TrendPoint>,
    /// When a scanner last reported on anything.
    #[serde(with = "time::serde::rfc3339::option")]
    pub reported_at: Option<OffsetDateTime>,
    pub incidents: i64,
    /// Of the incidents that opened in the last [`ACKNOWLEDGED_DAYS`]; none where nobody acknowledged one.
    pub acknowledged_after_s: Option<i64>,
    pub weeks: Vec<IncidentWeek>,
    /// When an alert was last heard.
    #[serde(with = "time::serde::rfc3339::option")]
    pub heard_at: Option<OffsetDateTime>,
    pub environments: i64,
    /// Controls of benchmarks that hold, and that do not; those that a person has to check are neither.
    pub controls_passed: i64,
    pub controls_failed: i64,
    /// The oldest evidence of them.
    #[serde(with = "time::serde::rfc3339::option")]
    pub evidence_at: Option<OffsetDateTime>,
    /// By name; those without anything that the reader may see are left out.
    pub teams: Vec<TeamRow>,
    #[serde(with = "time::serde::rfc3339")]
    pub as_of: OffsetDateTime,
}

/// What opened in a week (UTC), which begins on a Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct IncidentWeek {
    pub begins: Date,
    pub opened: i64,
}

/// One team's numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TeamRow {
    pub name: String,
    pub title: String,
    pub services: i64,
    pub findings: SeverityCounts,
    pub incidents: i64,
    /// As [`Organisation::acknowledged_after_s`].
    pub acknowledged_after_s: Option<i64>,
    pub environments: i64,
    /// Of the controls of benchmarks, how many hold; none where there are no results.
    pub controls_percent: Option<i64>,
    /// The mean over services and scorecards; none where no scorecard applies.
    pub score: Option<i64>,
}

/// How the organisation stands, as far as the actor may see it, of one moment.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn organisation(portal: &Portal, actor: &Actor) -> Result<Organisation> {
    let as_of = portal.clock.now();
    let today = as_of.date();
    let monday = today - Duration::days(i64::from(today.weekday().number_days_from_monday()));
    let days: Vec<Date> = (0..WEEKS).rev().map(|weeks| today - Duration::weeks(weeks)).collect();
    let mondays: Vec<Date> = (0..WEEKS).rev().map(|weeks| monday - Duration::weeks(weeks)).collect();

    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::FindingRead)?;
    let scope = visible.scope.clone();
    let trend = findings::effects::trend(&mut visible, &scope, &days).await?;
    let found = sql::findings(&mut visible, &scope).await?;

    let mut visible = snapshot.visible(ActionName::IncidentRead)?;
    let scope = visible.scope.clone();
    let weeks = sql::incident_weeks(&mut visible, &scope, &mondays).await?;
    let since = as_of - Duration::days(ACKNOWLEDGED_DAYS);
    let incidents = sql::incidents(&mut visible, &scope, since).await?;

    let mut visible = snapshot.visible(ActionName::EnvironmentRead)?;
    let scope = visible.scope.clone();
    let environments = sql::environments(&mut visible, &scope).await?;

    let mut visible = snapshot.visible(ActionName::ComplianceRead)?;
    let scope = visible.scope.clone();
    let controls = sql::controls(&mut visible, &scope).await?;

    let mut visible = snapshot.visible(ActionName::ScorecardReadResults)?;
    let scope = visible.scope.clone();
    let scores = sql::scores(&mut visible, &scope).await?;

    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let teams = sql::teams(&mut visible, &scope).await?;

    let mut rows: HashMap<TeamId, TeamRow> = HashMap::new();
    let mut findings = SeverityCounts::default();
    for of_owner in &found {
        for severity in Severity::WORST_FIRST {
            findings.add(severity, of_owner.open.of(severity));
        }
        if let Some(owner) = of_owner.owner {
            rows.entry(owner).or_default().findings = of_owner.open;
        }
    }
    for of_owner in &incidents {
        if let Some(owner) = of_owner.owner {
            let row = rows.entry(owner).or_default();
            row.incidents = of_owner.live;
            row.acknowledged_after_s = mean(of_owner.acknowledged_s, of_owner.acknowledged);
        }
    }
    for (owner, count) in &environments {
        if let Some(owner) = owner {
            rows.entry(*owner).or_default().environments = *count;
        }
    }
    for of_owner in &controls {
        if let Some(owner) = of_owner.owner {
            let percent = mean(of_owner.passed * 100, of_owner.passed + of_owner.failed);
            rows.entry(owner).or_default().controls_percent = percent;
        }
    }
    for (owner, score) in &scores {
        if let Some(owner) = owner {
            rows.entry(*owner).or_default().score = Some(*score);
        }
    }
    let teams = teams
        .into_iter()
        .filter_map(|team| {
            let row = rows.remove(&team.id);
            (row.is_some() || team.services > 0).then(|| TeamRow {
                name: team.name,
                title: team.title,
                services: team.services,
                ..row.unwrap_or_default()
            })
        })
        .collect();
    let (acknowledged_s, acknowledged) =
        incidents.iter().fold((0, 0), |(seconds, count), row| (seconds + row.acknowledged_s, count + row.acknowledged));
    Ok(Organisation {
        findings,
        trend,
        reported_at: found.iter().filter_map(|row| row.reported_at).max(),
        incidents: incidents.iter().map(|row| row.live).sum(),
        acknowledged_after_s: mean(acknowledged_s, acknowledged),
        weeks,
        heard_at: incidents.iter().filter_map(|row| row.heard_at).max(),
        environments: environments.iter().map(|(_, count)| count).sum(),
        controls_passed: controls.iter().map(|row| row.passed).sum(),
        controls_failed: controls.iter().map(|row| row.failed).sum(),
        evidence_at: controls.iter().filter_map(|row| row.oldest_at).min(),
        teams,
        as_of,
    })
}

/// The teams' numbers as CSV, with the moment that they are of.
///
/// # Errors
/// As [`organisation`].
pub async fn export(portal: &Portal, actor: &Actor) -> Result<String> {
    let found = organisation(portal, actor).await?;
    let as_of = found.as_of.format(&time::format_description::well_known::Rfc3339).map_err(crate::Error::internal)?;
    sheet::csv(
        [
            "team",
            "services",
            "critical",
            "high",
            "medium",
            "low",
            "info",
            "open_incidents",
            "seconds_to_acknowledge",
            "environments",
            "controls_percent",
            "score",
            "as_of",
        ],
        found.teams.into_iter().map(|team| {
            [
                team.name,
                team.services.to_string(),
                team.findings.critical.to_string(),
                team.findings.high.to_string(),
                team.findings.medium.to_string(),
                team.findings.low.to_string(),
                team.findings.info.to_string(),
                team.incidents.to_string(),
                team.acknowledged_after_s.map(|seconds| seconds.to_string()).unwrap_or_default(),
                team.environments.to_string(),
                team.controls_percent.map(|percent| percent.to_string()).unwrap_or_default(),
                team.score.map(|score| score.to_string()).unwrap_or_default(),
                as_of.clone(),
            ]
        }),
    )
}

fn mean(sum: i64, count: i64) -> Option<i64> {
    (count > 0).then(|| sum / count)
}
