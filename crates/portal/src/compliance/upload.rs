//! Takes a benchmark's report: it replaces what the same scope said before, and the same report again changes nothing.

use std::collections::BTreeMap;

use formats::Limits;
use model::{
    ControlStatus, EntityId, IntegrationKind,
    compliance::{Assessment, ComplianceReceipt, Counts},
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{Taken, UploadResults, sql};
use crate::{
    Portal,
    audit::Change,
    authz::{Actor, Who},
    error::{Error, Result},
    integrations, scorecards,
};

/// No benchmark has more controls; beyond that a report is not one.
const MAX_CONTROLS: usize = 5_000;
/// A tool's words about one control are kept to this many characters.
const MAX_WORDS: usize = 8_000;

/// What a report speaks about, besides its service, framework and tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadScope {
    /// Which cluster, account or host; empty where there is only one.
    pub target: String,
    /// What the report is, where it cannot be told from its content: an id of `rampart formats list`.
    pub format: Option<String>,
}

/// Takes a report. Controls missing from a complete one are gone; from an incomplete one they stay as they were.
///
/// A benchmark's file without a date counts as looked at now: the same bytes again renew the evidence's age, and change
/// nothing else.
///
/// # Errors
/// `Invalid` where the bytes are no benchmark's report, `Forbidden` without a role that may upload for the service.
pub async fn upload(
    portal: &Portal,
    actor: &Actor,
    entity: EntityId,
    scope: &UploadScope,
    bytes: &[u8],
) -> Result<ComplianceReceipt> {
    match take(portal, actor, entity, scope, bytes).await {
        Ok(receipt) => Ok(receipt),
        Err(error) => Err(integrations::effects::unusable(portal, actor, IntegrationKind::ReportUpload, error).await),
    }
}

async fn take(
    portal: &Portal,
    actor: &Actor,
    entity: EntityId,
    scope: &UploadScope,
    bytes: &[u8],
) -> Result<ComplianceReceipt> {
    let target = checked_target(&scope.target)?;
    // asked before anything is read: who may not upload makes us parse nothing
    let mut permit = portal.authorize(actor, UploadResults, entity).await?;
    integrations::effects::admit(portal, &mut permit, actor, IntegrationKind::ReportUpload).await?;
    let report = match &scope.format {
        Some(format) => formats::compliance::read_as(format, bytes, Limits::default()),
        None => formats::compliance::read(bytes, Limits::default()),
    };
    let report = report.map_err(|error| Error::invalid("report", error.to_string()))?;
    if report.controls.len() > MAX_CONTROLS {
        return Err(Error::invalid("report", format!("it holds more than {MAX_CONTROLS} controls")));
    }
    let now = portal.clock.now();
    let made_at = report.created_at.filter(|at| *at <= now);
    let evidence_at = made_at.unwrap_or(now);
    let content_hash = Sha256::digest(bytes);
    let controls = controls(&report, now);
    let framework_title = match report.version.as_deref() {
        Some(version) => format!("{} {}", report.benchmark, version.trim_start_matches("cis-")),
        None => report.benchmark.clone(),
    };
    let framework = slug(&framework_title);

    let target_entity = permit.target.clone();
    sql::lock_scope(&mut permit, entity, &framework, &report.tool, &target).await?;
    let before = sql::scope_named(&mut permit, entity, &framework, &report.tool, &target).await?;
    let id = before.as_ref().map_or_else(|| portal.rng.id(&portal.clock), |before| before.id);
    let report_id = portal.rng.id(&portal.clock);
    // an older report that comes late says nothing new
    if let Some(before) = &before
        && before.evidence_at > evidence_at
    {
        return Err(Error::Conflict(format!(
            "the report was made before the one that is shown, of {}; send a newer one",
            before.evidence_at.date()
        )));
    }
    let kept = sql::results(&mut permit, id).await?;
    let mut after: BTreeMap<sql::ControlKey, sql::ResultRow> = BTreeMap::new();
    if report.incomplete.is_some() {
        after.extend(kept.iter().map(|row| (row.key(), row.clone())));
    }
    after.extend(controls);
    let old: BTreeMap<sql::ControlKey, &sql::ResultRow> = kept.iter().map(|row| (row.key(), row)).collect();
    let mut changed = old.keys().filter(|key| !after.contains_key(*key)).count() as u64;
    for (key, row) in &mut after {
        match old.get(key) {
            Some(old) if old.status == row.status => row.since = old.since,
            _ => changed += 1,
        }
    }
    let mut counts = Counts::default();
    for row in after.values() {
        counts.add(row.status);
    }
    let assessment = Assessment {
        id,
        entity,
        entity_ref: target_entity.reference_text(),
        title: target_entity.title.clone().unwrap_or_else(|| target_entity.name.clone()),
        owner: target_entity.owner_name.clone(),
        framework,
        framework_title,
        tool: report.tool.clone(),
        target,
        evidence_at,
        counts,
    };
    sql::save_scope(&mut permit, &assessment, &target_entity, report_id, &content_hash).await?;
    let same = before.as_ref().is_some_and(|before| before.content_hash == content_hash.as_slice());
    if !same {
        let rows: Vec<_> = after.into_values().collect();
        sql::replace_results(&mut permit, id, &rows).await?;
    }
    let by_service = match &actor.who {
        Who::ServiceAccount(account) => Some(account.id),
        _ => None,
    };
    let row = sql::ReportRow {
        id: report_id,
        assessment: &assessment,
        format: report.format,
        made_at,
        received_at: now,
        person: actor.person_id(),
        service_account: by_service,
        changed,
    };
    sql::insert_report(&mut permit, &row).await?;
    sql::save_day(&mut permit, id, now.date(), &counts).await?;
    scorecards::effects::changed(&mut permit, entity).await?;
    let change = Change {
        before: before.map(|before| Taken { counts: before.counts, ..Taken::of(&assessment) }),
        after: Some(Taken::of(&assessment)),
    };
    permit.commit(change).await?;
    Ok(ComplianceReceipt { report: report_id, assessment, changed, incomplete: report.incomplete })
}

/// The report's controls by number and part; one that stands there twice comes out as its worse half.
fn controls(report: &formats::compliance::Report, now: OffsetDateTime) -> BTreeMap<sql::ControlKey, sql::ResultRow> {
    let mut controls: BTreeMap<sql::ControlKey, sql::ResultRow> = BTreeMap::new();
    for (place, control) in report.controls.iter().enumerate() {
        let row = sql::ResultRow {
            control: shortened(&control.id, 100),
            part: shortened(control.target.as_deref().unwrap_or_default(), 100),
            title: shortened(&control.title, 500),
            section: shortened(&control.section, 300),
            status: control.status,
            manual: control.manual,
            scored: control.scored,
            remediation: shortened(&control.remediation, MAX_WORDS),
            evidence: shortened(&control.evidence, MAX_WORDS),
            since: now,
            position: i32::try_from(place).unwrap_or(i32::MAX),
        };
        let worse = |other: &sql::ResultRow| severity(row.status) > severity(other.status);
        let key = row.key();
        if controls.get(&key).is_none_or(worse) {
            controls.insert(key, row);
        }
    }
    controls
}

const fn severity(status: ControlStatus) -> u8 {
    match status {
        ControlStatus::Info => 0,
        ControlStatus::Pass => 1,
        ControlStatus::Warn => 2,
        ControlStatus::Fail => 3,
    }
}

/// `CIS Kubernetes Benchmark 1.6` -> `cis-kubernetes-benchmark-1.6`
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for letter in title.to_lowercase().chars() {
        if letter.is_ascii_alphanumeric() || letter == '.' {
            slug.push(letter);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(100);
    slug.trim_matches(['-', '.']).to_owned()
}

/// Without what Postgres keeps in no text, and no longer than `most` characters.
fn shortened(text: &str, most: usize) -> String {
    text.chars().filter(|letter| *letter != '\0').take(most).collect()
}

fn checked_target(target: &str) -> Result<String> {
    let target = target.trim();
    if target.chars().count() > 200 || target.chars().any(char::is_control) {
        return Err(Error::invalid("target", "name the cluster, account or host in at most 200 characters"));
    }
    Ok(target.to_owned())
}
