//! Taking a scanner's report: read, matched with what is known of its scope, and stored in one transaction.

use formats::{Limits, scan};
use model::{
    FindingId, IntegrationKind, ReportId,
    findings::{Introduced, Receipt, Scope, Stage},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    merge::merge,
    sameness::{self, Identity, Word, clean},
    service_named, sql,
};
use crate::{
    Portal,
    authz::{Action, ActionName, Actor},
    catalog::Entity,
    error::{Error, Result},
    integrations, live,
};

/// More than any scan of one target has; a report beyond is split by what was scanned.
const MAX_FINDINGS: usize = 50_000;
/// How many of the findings that a proposed change would add are kept and answered.
const MAX_INTRODUCED: usize = 200;
/// Bytes of each part of a scope.
const MAX_PART: usize = 500;

/// What somebody states about a report: with the service, its scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadScope {
    /// None: the tool that the report names.
    pub tool: Option<String>,
    /// None: what the report says was scanned.
    pub target: Option<String>,
    pub branch: Option<String>,
    pub stage: Stage,
    /// The report is of a proposed change: it is compared with what is open and changes nothing.
    pub pull_request: bool,
    /// The scan did not look at everything: nothing is closed.
    pub partial: bool,
}

/// Uploading a report.
pub struct UploadReport;

impl Action for UploadReport {
    const NAME: ActionName = ActionName::ReportUpload;
    type Target = Entity;
    type Change = Uploaded;
}

/// What the record says of an upload.
#[derive(Clone, Debug, Serialize)]
pub struct Uploaded {
    receipt: Receipt,
    content_sha256: String,
}

/// Reads `bytes` as a scanner's report and stores what it says of a service. The same report of the same scope twice
/// changes nothing; a finding of this scope that the report lacks is closed, unless the scan was incomplete or the
/// report is of a pull request; other scopes' findings are left alone.
///
/// # Errors
/// `Malformed` with the place where the report cannot be read, `TooLarge` beyond 50,000 findings, `Invalid` for a
/// scope that cannot be, `Shut` where programs may not upload at present, and as [`Portal::authorize`].
pub async fn upload(
    portal: &Portal,
    actor: &Actor,
    service: &str,
    stated: UploadScope,
    bytes: Vec<u8>,
) -> Result<Receipt> {
    match take(portal, actor, service, stated, bytes).await {
        Ok(receipt) => Ok(receipt),
        Err(error) => Err(integrations::effects::unusable(portal, actor, IntegrationKind::ReportUpload, error).await),
    }
}

async fn take(portal: &Portal, actor: &Actor, service: &str, stated: UploadScope, bytes: Vec<u8>) -> Result<Receipt> {
    let service = service_named(portal, actor, service).await?;
    // before anything is read: who may not upload makes us parse nothing and learns nothing from a broken report
    drop(portal.authorize(actor, UploadReport, service).await?);
    let content_hash = Sha256::digest(&bytes).to_vec();
    let (report, total, entries) =
        tokio::task::spawn_blocking(move || read(&bytes)).await.map_err(Error::internal)??;
    let mut permit = portal.authorize(actor, UploadReport, service).await?;
    integrations::effects::admit(portal, &mut permit, actor, IntegrationKind::ReportUpload).await?;
    let scope = scope(&permit.target, &stated, &report)?;
    let stated_partial = stated.partial.then(|| "stated as partial in the upload".to_owned());
    let incomplete = report.incomplete.as_ref().map(|reason| clean(reason, MAX_PART)).or(stated_partial);
    let draft = Receipt {
        report: portal.rng.id::<ReportId>(&portal.clock),
        format: report.format.to_owned(),
        scope,
        incomplete,
        pull_request: stated.pull_request,
        repeated: false,
        new: 0,
        reopened: 0,
        closed: 0,
        unchanged: 0,
        total,
        introduces: Vec::new(),
    };
    let facts = sql::ReportFacts {
        entity: service,
        content_hash: &content_hash,
        format_version: report.version.as_deref(),
        tool_version: report.tool.as_ref().and_then(|tool| tool.version.as_deref()),
        made_at: report.created_at,
        received_at: portal.clock.now(),
    };
    let receipt = if stated.pull_request {
        compare(&mut permit, draft, &facts, entries).await?
    } else {
        let entity = permit.target.clone();
        let receipt = store(&mut permit, portal, &entity, draft, &facts, entries).await?;
        crate::scorecards::effects::changed(&mut permit, entity.id).await?;
        receipt
    };
    permit.commit(Uploaded { receipt: receipt.clone(), content_sha256: hex::encode(&content_hash) }).await?;
    Ok(receipt)
}

type Entries = Vec<(Identity, Word)>;

/// The report without its findings, how many they were, and what they say.
fn read(bytes: &[u8]) -> Result<(scan::Report, u32, Entries)> {
    let mut report =
        scan::read(bytes, Limits::default()).map_err(|error| Error::Malformed(format!("the report: {error}")))?;
    if report.findings.len() > MAX_FINDINGS {
        return Err(Error::TooLarge(format!(
            "the report has {} findings and {MAX_FINDINGS} are taken at once; split it by what was scanned, each part \
             with a target of its own",
            report.findings.len(),
        )));
    }
    let entries = sameness::entries(&report);
    let findings = std::mem::take(&mut report.findings);
    Ok((report, u32::try_from(findings.len()).unwrap_or(u32::MAX), entries))
}

fn scope(service: &Entity, stated: &UploadScope, report: &scan::Report) -> Result<Scope> {
    let part = |field: &str, text: Option<&str>| -> Result<String> {
        let text = text.unwrap_or_default().trim();
        if text.len() > MAX_PART || text.chars().any(char::is_control) {
            return Err(Error::invalid(field, format!("a {field} is one line of at most {MAX_PART} bytes")));
        }
        Ok(text.to_owned())
    };
    let or = |stated: String, named: &str| if stated.is_empty() { clean(named, MAX_PART) } else { stated };
    let tool = report.tool.as_ref().map_or(report.format, |tool| &tool.name);
    Ok(Scope {
        service: service.reference_text(),
        tool: or(part("tool", stated.tool.as_deref())?, tool).to_lowercase(),
        target: or(part("target", stated.target.as_deref())?, report.target.as_deref().unwrap_or_default()),
        branch: part("branch", stated.branch.as_deref())?,
        stage: stated.stage,
    })
}

/// Says what a proposed change would add, and stores nothing but that.
async fn compare(
    connection: &mut sqlx::PgConnection,
    mut receipt: Receipt,
    facts: &sql::ReportFacts<'_>,
    entries: Entries,
) -> Result<Receipt> {
    let keys: Vec<Vec<u8>> = entries.iter().map(|(identity, _)| identity.key.clone()).collect();
    let open = sql::open_identities(connection, facts.entity, &keys).await?;
    let open: std::collections::HashSet<Vec<u8>> = open.into_iter().collect();
    let mut added: Vec<Word> =
        entries.into_iter().filter(|(identity, _)| !open.contains(&identity.key)).map(|(_, word)| word).collect();
    added.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.title.cmp(&b.title)));
    receipt.new = u32::try_from(added.len()).unwrap_or(u32::MAX);
    receipt.unchanged = u32::try_from(open.len()).unwrap_or(u32::MAX);
    receipt.introduces = added
        .into_iter()
        .take(MAX_INTRODUCED)
        .map(|word| Introduced {
            place: word.places.first().map(ToString::to_string).or(word.package),
            title: word.title,
            severity: word.severity,
            kind: word.kind,
        })
        .collect();
    sql::insert_report(connection, &receipt, facts).await?;
    Ok(receipt)
}

async fn store(
    connection: &mut sqlx::PgConnection,
    portal: &Portal,
    entity: &Entity,
    mut receipt: Receipt,
    facts: &sql::ReportFacts<'_>,
    entries: Entries,
) -> Result<Receipt> {
    let now = facts.received_at;
    let row = sql::scope(connection, portal.rng.id::<Uuid>(&portal.clock), facts.entity, &receipt.scope).await?;
    let same = row.content_hash.as_deref() == Some(facts.content_hash) && row.incomplete == receipt.incomplete;
    if let Some(earlier) = row.report_id.filter(|_| same) {
        receipt.report = ReportId(earlier);
        receipt.repeated = true;
        receipt.unchanged = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    } else {
        let keys: Vec<Vec<u8>> = entries.iter().map(|(identity, _)| identity.key.clone()).collect();
        let known = sql::known(connection, facts.entity, &receipt.scope.service, row.id, &keys).await?;
        let complete = receipt.incomplete.is_none();
        let new_id = || portal.rng.id::<FindingId>(&portal.clock);
        let changes = merge(known, entries, (row.id, &receipt.scope), complete, now, new_id);
        sql::apply(connection, entity, &changes, row.id, (receipt.report, &receipt.scope.tool), now).await?;
        receipt.new = changes.new;
        receipt.reopened = changes.reopened;
        receipt.closed = changes.closed;
        receipt.unchanged = changes.unchanged;
        sql::insert_report(connection, &receipt, facts).await?;
        live::announce(connection, &live::Topic::new("findings", entity.id)).await?;
    }
    let incomplete = receipt.incomplete.as_deref();
    sql::set_reported(connection, row.id, receipt.report, facts.content_hash, incomplete, now).await?;
    Ok(receipt)
}
