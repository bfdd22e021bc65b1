//! What findings ask of Postgres. Many rows go in one statement, as JSON that Postgres takes apart.

use std::collections::HashMap;

use model::{
    EntityId, FindingId, FindingKind, ReportId, Severity, TeamId,
    findings::{
        FindingEvent, FindingEventKind, FindingState, FindingSummary, Introduced, Place, Receipt, Scope, ScopeSummary,
        SeverityCounts, Stage, TrendPoint, Verdict, Witness,
    },
};
use serde_json::json;
use sqlx::{PgConnection, query, query_as, query_scalar, types::Json};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{
    Finding,
    merge::{Changes, Face, Known, Sighting},
    sameness::{Identity, Word},
};
use crate::{
    authz,
    catalog::Entity,
    error::{Error, Result},
};

/// Rows of one statement: enough to be quick, few enough not to double a large report's memory.
const CHUNK: usize = 2_000;

// ---- one finding

pub(super) async fn finding(connection: &mut PgConnection, id: FindingId, lock: bool) -> Result<Option<Finding>> {
    if lock {
        query!("select id from finding where id = $1 for update", id.0).fetch_optional(&mut *connection).await?;
    }
    Ok(query_as!(
        Finding,
        r#"select id as "id: FindingId", title, entity_id as "entity: EntityId", owner_id as "owner: TeamId", restricted
           from finding
           where id = $1"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?)
}

/// What a list shows of one finding, with what only its own page shows: purl, weaknesses, and why it is one.
pub(super) async fn detail(
    connection: &mut PgConnection,
    id: FindingId,
) -> Result<Option<(FindingSummary, Option<String>, Vec<i32>, String)>> {
    let row = query!(
        r#"select finding.id as "id: FindingId", finding.title, severity as "severity: Severity",
                  state as "state: FindingState", finding.kind as "kind: FindingKind",
                  entity_id as "service: EntityId", entity.kind || ':' || namespace || '/' || entity.name as "service_ref!",
                  finding.owner_id as "owner: TeamId", team.name as "owner_name?", rule, vulnerability_ids,
                  package, package_version, fixed_version, place, tools, stages, first_seen_at, closed_at,
                  purl, cwes, same_because,
                  (
                      select max(case when sighting.closed_at is null
                                      then greatest(sighting.last_seen_at, scope.scanned_at)
                                      else sighting.last_seen_at end)
                      from finding_sighting sighting
                      join report_scope scope on scope.id = sighting.scope_id
                      where sighting.finding_id = finding.id
                  ) as "last_seen_at!"
           from finding
           join entity on entity.id = entity_id
           left join team on team.id = finding.owner_id
           where finding.id = $1"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let summary = FindingSummary {
            id: row.id,
            title: row.title,
            severity: row.severity,
            state: row.state,
            kind: row.kind,
            service: row.service,
            service_ref: row.service_ref,
            owner: row.owner,
            owner_name: row.owner_name,
            rule: row.rule,
            vulnerability_ids: row.vulnerability_ids,
            package: row.package,
            package_version: row.package_version,
            fixed_version: row.fixed_version,
            place: row.place,
            tools: row.tools,
            stages: stages(&row.stages),
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            closed_at: row.closed_at,
        };
        (summary, row.purl, row.cwes, row.same_because)
    }))
}

/// Who saw a finding, those that still do first, then the worst.
pub(super) async fn witnesses(connection: &mut PgConnection, id: FindingId) -> Result<Vec<Witness>> {
    let rows = query!(
        r#"select tool, target, branch, stage as "stage: Stage", sighting.report_id as "report: ReportId",
                  severity as "severity: Severity", sighting.title, sighting.description, remediation, package_version,
                  fixed_version, places as "places: Json<Vec<Place>>", refs, suppressed, first_seen_at,
                  case when closed_at is null then greatest(last_seen_at, scanned_at) else last_seen_at end
                      as "last_seen_at!",
                  closed_at, entity.kind || ':' || namespace || '/' || entity.name as "service!"
           from finding_sighting sighting
           join report_scope scope on scope.id = scope_id
           join entity on entity.id = entity_id
           where finding_id = $1
           order by closed_at is not null, severity desc, tool, target, branch, stage"#,
        id.0,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Witness {
            scope: Scope {
                service: row.service,
                tool: row.tool,
                target: row.target,
                branch: row.branch,
                stage: row.stage,
            },
            report: row.report,
            severity: row.severity,
            title: row.title,
            description: row.description,
            remediation: row.remediation,
            package_version: row.package_version,
            fixed_version: row.fixed_version,
            places: row.places.0,
            references: row.refs,
            suppressed: row.suppressed,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            closed_at: row.closed_at,
        })
        .collect())
}

/// What happened to one finding, the newest first.
pub(super) async fn history(connection: &mut PgConnection, id: FindingId) -> Result<Vec<FindingEvent>> {
    Ok(query_as!(
        FindingEvent,
        r#"select finding_id as "finding: FindingId", title, at, event.kind as "kind: FindingEventKind",
                  event.severity as "severity: Severity", severity_before as "severity_before: Severity",
                  report_id as "report: ReportId", tool
           from finding_event event
           join finding on finding.id = finding_id
           where finding_id = $1
           order by event.id desc
           limit 200"#,
        id.0,
    )
    .fetch_all(connection)
    .await?)
}

/// What happened to a service's findings from `from` until before `to`, the worst first, at most `most`.
pub(super) async fn events_between(
    connection: &mut PgConnection,
    entity: EntityId,
    from: OffsetDateTime,
    to: OffsetDateTime,
    most: i64,
) -> Result<Vec<FindingEvent>> {
    Ok(query_as!(
        FindingEvent,
        r#"select finding_id as "finding: FindingId", title, at, event.kind as "kind: FindingEventKind",
                  event.severity as "severity: Severity", severity_before as "severity_before: Severity",
                  report_id as "report: ReportId", tool
           from finding_event event
           join finding on finding.id = finding_id
           where event.entity_id = $1 and at >= $2 and at < $3
           order by event.severity desc, event.id
           limit $4"#,
        entity.0,
        from,
        to,
        most,
    )
    .fetch_all(connection)
    .await?)
}

// ---- reports and their scopes

pub(super) struct ScopeRow {
    pub id: Uuid,
    pub report_id: Option<Uuid>,
    pub content_hash: Option<Vec<u8>>,
    pub incomplete: Option<String>,
}

/// The row of a scope, made where it is new.
pub(super) async fn scope(
    connection: &mut PgConnection,
    new_id: Uuid,
    entity: EntityId,
    scope: &Scope,
) -> Result<ScopeRow> {
    query!(
        "insert into report_scope (id, entity_id, tool, target, branch, stage)
         values ($1, $2, $3, $4, $5, $6)
         on conflict on constraint report_scope_key do nothing",
        new_id,
        entity.0,
        scope.tool,
        scope.target,
        scope.branch,
        scope.stage.as_str(),
    )
    .execute(&mut *connection)
    .await?;
    Ok(query_as!(
        ScopeRow,
        "select id, report_id, content_hash, incomplete
         from report_scope
         where entity_id = $1 and tool = $2 and target = $3 and branch = $4 and stage = $5",
        entity.0,
        scope.tool,
        scope.target,
        scope.branch,
        scope.stage.as_str(),
    )
    .fetch_one(connection)
    .await?)
}

/// Notes a scope's last report, and that it was scanned where the report is whole.
pub(super) async fn set_reported(
    connection: &mut PgConnection,
    scope: Uuid,
    report: ReportId,
    content_hash: &[u8],
    incomplete: Option<&str>,
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "update report_scope
         set report_id = $2,
             content_hash = $3,
             incomplete = $4,
             reported_at = $5,
             scanned_at = case when $4::text is null then $5 else scanned_at end
         where id = $1",
        scope,
        report.0,
        content_hash,
        incomplete,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What only the record of a report needs beside its receipt.
pub(super) struct ReportFacts<'a> {
    pub entity: EntityId,
    pub content_hash: &'a [u8],
    pub format_version: Option<&'a str>,
    pub tool_version: Option<&'a str>,
    pub made_at: Option<OffsetDateTime>,
    pub received_at: OffsetDateTime,
}

pub(super) async fn insert_report(
    connection: &mut PgConnection,
    receipt: &Receipt,
    facts: &ReportFacts<'_>,
) -> Result<()> {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    query!(
        "insert into report (
             id, entity_id, tool, target, branch, stage, format, format_version, tool_version, pull_request, incomplete,
             content_hash, made_at, received_at, opened, reopened, closed, unchanged, total, introduces
         )
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        receipt.report.0,
        facts.entity.0,
        receipt.scope.tool,
        receipt.scope.target,
        receipt.scope.branch,
        receipt.scope.stage.as_str(),
        receipt.format,
        facts.format_version,
        facts.tool_version,
        receipt.pull_request,
        receipt.incomplete,
        facts.content_hash,
        facts.made_at,
        facts.received_at,
        number(receipt.new),
        number(receipt.reopened),
        number(receipt.closed),
        number(receipt.unchanged),
        number(receipt.total),
        Json(&receipt.introduces) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What an earlier upload answered.
pub(super) async fn receipt(
    connection: &mut PgConnection,
    id: ReportId,
) -> Result<Option<(EntityId, OffsetDateTime, Receipt)>> {
    let row = query!(
        r#"select report.id as "id: ReportId", entity_id as "entity_id: EntityId", tool, target, branch,
                  stage as "stage: Stage", format, pull_request, incomplete, received_at, opened, reopened, closed,
                  unchanged, total, introduces as "introduces: Json<Vec<Introduced>>",
                  entity.kind || ':' || namespace || '/' || entity.name as "service!"
           from report
           join entity on entity.id = entity_id
           where report.id = $1"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?;
    let number = |number: i32| u32::try_from(number).unwrap_or_default();
    Ok(row.map(|row| {
        let receipt = Receipt {
            report: row.id,
            format: row.format,
            scope: Scope {
                service: row.service,
                tool: row.tool,
                target: row.target,
                branch: row.branch,
                stage: row.stage,
            },
            incomplete: row.incomplete,
            pull_request: row.pull_request,
            repeated: false,
            new: number(row.opened),
            reopened: number(row.reopened),
            closed: number(row.closed),
            unchanged: number(row.unchanged),
            total: number(row.total),
            introduces: row.introduces.0,
        };
        (row.entity_id, row.received_at, receipt)
    }))
}

/// The scopes of a service, the last reported first.
pub(super) async fn scopes(connection: &mut PgConnection, entity: EntityId) -> Result<Vec<ScopeSummary>> {
    let rows = query!(
        r#"select tool, target, branch, stage as "stage: Stage", scanned_at, incomplete,
                  entity.kind || ':' || namespace || '/' || entity.name as "service!",
                  (
                      select count(*) from finding_sighting
                      where scope_id = report_scope.id and closed_at is null
                  ) as "open!"
           from report_scope
           join entity on entity.id = entity_id
           where entity_id = $1 and reported_at is not null
           order by reported_at desc, report_scope.id
           limit 100"#,
        entity.0,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ScopeSummary {
            scope: Scope {
                service: row.service,
                tool: row.tool,
                target: row.target,
                branch: row.branch,
                stage: row.stage,
            },
            open: row.open,
            scanned_at: row.scanned_at,
            incomplete: row.incomplete,
        })
        .collect())
}

/// When a complete report last came for a service, of any stage or of one.
pub(super) async fn scanned_at(
    connection: &mut PgConnection,
    entity: EntityId,
    stage: Option<Stage>,
) -> Result<Option<OffsetDateTime>> {
    Ok(query_scalar!(
        "select max(scanned_at) from report_scope where entity_id = $1 and ($2::text is null or stage = $2)",
        entity.0,
        stage.map(Stage::as_str),
    )
    .fetch_one(connection)
    .await?)
}

// ---- merging a report

/// The findings of a service that these identities name or that the scope has open, with every scope's word on them.
pub(super) async fn known(
    connection: &mut PgConnection,
    entity: EntityId,
    service: &str,
    scope: Uuid,
    identities: &[Vec<u8>],
) -> Result<Vec<Known>> {
    let rows = query!(
        r#"select id as "id: FindingId", identity, same_because, kind as "kind: FindingKind",
                  state as "state: FindingState", severity as "severity: Severity", title, rule, vulnerability_ids, cwes,
                  package, package_version, purl, fixed_version, place, tools, stages, first_seen_at, opened_at, closed_at
           from finding
           where id in (
               select id from finding where entity_id = $1 and identity = any($2)
               union all
               select finding_id from finding_sighting where scope_id = $3 and closed_at is null
           )"#,
        entity.0,
        identities,
        scope,
    )
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let mut sightings = sightings(connection, service, &ids).await?;
    Ok(rows
        .into_iter()
        .map(|row| Known {
            id: row.id,
            identity: Identity { key: row.identity, words: row.same_because },
            face: Face {
                kind: row.kind,
                state: row.state,
                severity: row.severity,
                title: row.title,
                rule: row.rule,
                vulnerability_ids: row.vulnerability_ids,
                cwes: row.cwes,
                package: row.package,
                package_version: row.package_version,
                purl: row.purl,
                fixed_version: row.fixed_version,
                place: row.place,
                tools: row.tools,
                stages: stages(&row.stages),
                first_seen_at: row.first_seen_at,
                opened_at: row.opened_at,
                closed_at: row.closed_at,
            },
            sightings: sightings.remove(&row.id).unwrap_or_default(),
        })
        .collect())
}

/// Every scope's word on these findings, without the texts that no list shows.
async fn sightings(
    connection: &mut PgConnection,
    service: &str,
    findings: &[Uuid],
) -> Result<HashMap<FindingId, Vec<Sighting>>> {
    let rows = query!(
        r#"select finding_id as "finding_id: FindingId", scope_id, tool, target, branch, stage as "stage: Stage",
                  finding.kind as "kind: FindingKind", sighting.severity as "severity: Severity", sighting.title,
                  sighting.rule, sighting.vulnerability_ids, sighting.cwes, sighting.package, sighting.package_version,
                  sighting.purl, sighting.fixed_version, places as "places: Json<Vec<Place>>",
                  word_hash, sighting.first_seen_at, sighting.last_seen_at, sighting.closed_at
           from finding_sighting sighting
           join finding on finding.id = finding_id
           join report_scope scope on scope.id = scope_id
           where finding_id = any($1)"#,
        findings,
    )
    .fetch_all(connection)
    .await?;
    let mut sightings: HashMap<FindingId, Vec<Sighting>> = HashMap::new();
    for row in rows {
        sightings.entry(row.finding_id).or_default().push(Sighting {
            scope_id: row.scope_id,
            scope: Scope {
                service: service.to_owned(),
                tool: row.tool,
                target: row.target,
                branch: row.branch,
                stage: row.stage,
            },
            word: Word {
                kind: row.kind,
                severity: row.severity,
                title: row.title,
                description: String::new(),
                remediation: None,
                rule: row.rule,
                vulnerability_ids: row.vulnerability_ids,
                cwes: row.cwes,
                package: row.package,
                package_version: row.package_version,
                purl: row.purl,
                fixed_version: row.fixed_version,
                places: row.places.0,
                refs: Vec::new(),
                suppressed: None,
            },
            word_hash: row.word_hash,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            closed_at: row.closed_at,
        });
    }
    Ok(sightings)
}

/// Which of these identities are open findings of a service.
pub(super) async fn open_identities(
    connection: &mut PgConnection,
    entity: EntityId,
    identities: &[Vec<u8>],
) -> Result<Vec<Vec<u8>>> {
    Ok(query_scalar!(
        "select identity from finding where entity_id = $1 and identity = any($2) and state = 'open'",
        entity.0,
        identities,
    )
    .fetch_all(connection)
    .await?)
}

/// Writes everything that a report changes.
pub(super) async fn apply(
    connection: &mut PgConnection,
    entity: &Entity,
    changes: &Changes,
    scope: Uuid,
    (report, tool): (ReportId, &str),
    now: OffsetDateTime,
) -> Result<()> {
    for chunk in changes.findings.chunks(CHUNK) {
        upsert_findings(connection, entity, chunk).await?;
    }
    for chunk in changes.seen.chunks(CHUNK) {
        upsert_sightings(connection, chunk, report).await?;
    }
    let unseen: Vec<Uuid> = changes.unseen.iter().map(|id| id.0).collect();
    query!(
        "update finding_sighting sighting
         set closed_at = $3,
             last_seen_at = greatest(last_seen_at, scanned_at)
         from report_scope scope
         where scope.id = scope_id and scope_id = $1 and finding_id = any($2)",
        scope,
        &unseen,
        now,
    )
    .execute(&mut *connection)
    .await?;
    for chunk in changes.events.chunks(CHUNK) {
        query!(
            "insert into finding_event (finding_id, entity_id, report_id, at, kind, severity, severity_before, tool)
             select finding_id, $2, $3, $4, kind, severity, severity_before, $5
             from jsonb_to_recordset($1) as row (finding_id uuid, kind text, severity severity, severity_before severity)",
            json!(chunk),
            entity.id.0,
            report.0,
            now,
            tool,
        )
        .execute(&mut *connection)
        .await?;
    }
    add_counts(connection, entity.id, entity.owner, entity.restricted, &changes.counts, now.date()).await
}

async fn upsert_findings(connection: &mut PgConnection, entity: &Entity, findings: &[Known]) -> Result<()> {
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "id": finding.id,
                "identity": hex::encode(&finding.identity.key),
                "same_because": finding.identity.words,
                "face": finding.face,
                "search": finding.face.search(),
            })
        })
        .collect();
    query!(
        "insert into finding (
             id, entity_id, owner_id, restricted, identity, same_because, search,
             kind, state, severity, title, rule, vulnerability_ids, cwes, package, package_version, purl,
             fixed_version, place, tools, stages, first_seen_at, opened_at, closed_at
         )
         select id, $2, $3, $4, decode(identity, 'hex'), same_because, search, face.*
         from jsonb_to_recordset($1) as row (id uuid, identity text, same_because text, search text, face jsonb)
         cross join lateral jsonb_to_record(face) as face (
             kind text, state text, severity severity, title text, rule text, vulnerability_ids text[], cwes integer[],
             package text, package_version text, purl text, fixed_version text, place text, tools text[], stages text[],
             first_seen_at timestamptz, opened_at timestamptz, closed_at timestamptz
         )
         on conflict (id) do update
         set search = excluded.search,
             kind = excluded.kind,
             state = excluded.state,
             severity = excluded.severity,
             title = excluded.title,
             rule = excluded.rule,
             vulnerability_ids = excluded.vulnerability_ids,
             cwes = excluded.cwes,
             package = excluded.package,
             package_version = excluded.package_version,
             purl = excluded.purl,
             fixed_version = excluded.fixed_version,
             place = excluded.place,
             tools = excluded.tools,
             stages = excluded.stages,
             first_seen_at = excluded.first_seen_at,
             opened_at = excluded.opened_at,
             closed_at = excluded.closed_at",
        json!(rows),
        entity.id.0,
        entity.owner.map(|team| team.0),
        entity.restricted,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn upsert_sightings(
    connection: &mut PgConnection,
    seen: &[(FindingId, Sighting)],
    report: ReportId,
) -> Result<()> {
    let mut rows = Vec::with_capacity(seen.len());
    for (finding, sighting) in seen {
        rows.push(json!({
            "finding_id": finding,
            "scope_id": sighting.scope_id,
            "word": sighting.word,
            "word_hash": hex::encode(&sighting.word_hash),
            "first_seen_at": timestamp(sighting.first_seen_at)?,
            "last_seen_at": timestamp(sighting.last_seen_at)?,
        }));
    }
    query!(
        "insert into finding_sighting (
             finding_id, scope_id, report_id, first_seen_at, last_seen_at, word_hash, severity, title, description, remediation,
             rule, vulnerability_ids, cwes, package, package_version, purl, fixed_version, places, refs, suppressed
         )
         select finding_id, scope_id, $2, first_seen_at, last_seen_at, decode(word_hash, 'hex'), word.*
         from jsonb_to_recordset($1) as row (
             finding_id uuid, scope_id uuid, first_seen_at timestamptz, last_seen_at timestamptz, word_hash text, word jsonb
         )
         cross join lateral jsonb_to_record(word) as word (
             severity severity, title text, description text, remediation text, rule text, vulnerability_ids text[],
             cwes integer[], package text, package_version text, purl text, fixed_version text, places jsonb,
             refs text[], suppressed text
         )
         on conflict (finding_id, scope_id) do update
         set report_id = excluded.report_id,
             last_seen_at = excluded.last_seen_at,
             word_hash = excluded.word_hash,
             severity = excluded.severity,
             title = excluded.title,
             description = excluded.description,
             remediation = excluded.remediation,
             rule = excluded.rule,
             vulnerability_ids = excluded.vulnerability_ids,
             cwes = excluded.cwes,
             package = excluded.package,
             package_version = excluded.package_version,
             purl = excluded.purl,
             fixed_version = excluded.fixed_version,
             places = excluded.places,
             refs = excluded.refs,
             suppressed = excluded.suppressed,
             closed_at = null",
        json!(rows),
        report.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

// ---- numbers

/// Adds to the numbers of a service, its owner and the day. Rows are taken in one order, so that two reports wait for
/// each other and never lock each other out.
pub(super) async fn add_counts(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
    by: &SeverityCounts,
    day: Date,
) -> Result<()> {
    query!(
        "insert into finding_count (entity_id, owner_id, restricted, critical, high, medium, low, info)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (entity_id) do update
         set critical = finding_count.critical + excluded.critical,
             high = finding_count.high + excluded.high,
             medium = finding_count.medium + excluded.medium,
             low = finding_count.low + excluded.low,
             info = finding_count.info + excluded.info",
        entity.0,
        owner.map(|team| team.0),
        restricted,
        by.critical,
        by.high,
        by.medium,
        by.low,
        by.info,
    )
    .execute(&mut *connection)
    .await?;
    if *by == SeverityCounts::default() {
        return Ok(());
    }
    add_total(connection, owner, restricted, by, day).await
}

/// Adds to the numbers of an owner and the day.
pub(super) async fn add_total(
    connection: &mut PgConnection,
    owner: Option<TeamId>,
    restricted: bool,
    by: &SeverityCounts,
    day: Date,
) -> Result<()> {
    query!(
        "with total as (
             insert into finding_total (owner_id, restricted, critical, high, medium, low, info)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict on constraint finding_total_key do update
             set critical = finding_total.critical + excluded.critical,
                 high = finding_total.high + excluded.high,
                 medium = finding_total.medium + excluded.medium,
                 low = finding_total.low + excluded.low,
                 info = finding_total.info + excluded.info
             returning *
         )
         insert into finding_day (total_id, day, critical, high, medium, low, info)
         select id, $8, critical, high, medium, low, info from total
         on conflict (total_id, day) do update
         set critical = excluded.critical,
             high = excluded.high,
             medium = excluded.medium,
             low = excluded.low,
             info = excluded.info",
        owner.map(|team| team.0),
        restricted,
        by.critical,
        by.high,
        by.medium,
        by.low,
        by.info,
        day,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many findings each of these services has open; a service without any is left out.
pub(super) async fn counts(
    connection: &mut PgConnection,
    entities: &[Uuid],
) -> Result<Vec<(EntityId, SeverityCounts)>> {
    let rows = query!(
        "select entity_id, critical, high, medium, low, info from finding_count where entity_id = any($1)",
        entities,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let counts = SeverityCounts {
                critical: row.critical,
                high: row.high,
                medium: row.medium,
                low: row.low,
                info: row.info,
            };
            (EntityId(row.entity_id), counts)
        })
        .collect())
}

/// How many findings are open of all that one may see.
pub(super) async fn visible_counts(connection: &mut PgConnection, scope: &authz::Scope) -> Result<SeverityCounts> {
    Ok(query_as!(
        SeverityCounts,
        r#"select coalesce(sum(critical), 0)::bigint as "critical!", coalesce(sum(high), 0)::bigint as "high!",
                  coalesce(sum(medium), 0)::bigint as "medium!", coalesce(sum(low), 0)::bigint as "low!",
                  coalesce(sum(info), 0)::bigint as "info!"
           from (
               select critical, high, medium, low, info
               from finding_total
               where $1::bool or ($2::bool and not restricted) or owner_id = any($3)
               union all
               select critical, high, medium, low, info
               from finding_count
               where entity_id = any($4)
                 and not ($1 or ($2 and not restricted) or coalesce(owner_id = any($3), false))
           ) as visible"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_one(connection)
    .await?)
}

/// How many were open at the end of each of these days. What one sees only by a role on a single service is left out:
/// its past is not kept by itself.
pub(super) async fn trend(
    connection: &mut PgConnection,
    scope: &authz::Scope,
    days: &[Date],
) -> Result<Vec<TrendPoint>> {
    let rows = query!(
        r#"select point.day as "day!", coalesce(sum(last.critical), 0)::bigint as "critical!",
                  coalesce(sum(last.high), 0)::bigint as "high!", coalesce(sum(last.medium), 0)::bigint as "medium!",
                  coalesce(sum(last.low), 0)::bigint as "low!", coalesce(sum(last.info), 0)::bigint as "info!"
           from unnest($4::date[]) as point (day)
           cross join finding_total total
           left join lateral (
               select critical, high, medium, low, info
               from finding_day
               where total_id = total.id and finding_day.day <= point.day
               order by finding_day.day desc
               limit 1
           ) as last on true
           where $1::bool or ($2::bool and not restricted) or owner_id = any($3)
           group by point.day
           order by point.day"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        days as &[Date],
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| TrendPoint {
            day: row.day,
            open: SeverityCounts {
                critical: row.critical,
                high: row.high,
                medium: row.medium,
                low: row.low,
                info: row.info,
            },
        })
        .collect())
}

/// Gives a service's rows its owner of now, and moves its numbers there.
pub(super) async fn set_owner(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
    day: Date,
) -> Result<()> {
    let before = query!(
        "select owner_id, restricted, critical, high, medium, low, info from finding_count where entity_id = $1 for update",
        entity.0,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(before) = before else { return Ok(()) };
    if (before.owner_id.map(TeamId), before.restricted) == (owner, restricted) {
        return Ok(());
    }
    let team = owner.map(|team| team.0);
    query!("update finding set owner_id = $2, restricted = $3 where entity_id = $1", entity.0, team, restricted,)
        .execute(&mut *connection)
        .await?;
    query!("update finding_count set owner_id = $2, restricted = $3 where entity_id = $1", entity.0, team, restricted,)
        .execute(&mut *connection)
        .await?;
    let counts = SeverityCounts {
        critical: before.critical,
        high: before.high,
        medium: before.medium,
        low: before.low,
        info: before.info,
    };
    let mut moves = [(before.owner_id.map(TeamId), before.restricted, negative(&counts)), (owner, restricted, counts)];
    moves.sort_by_key(|(owner, restricted, _)| (*owner, *restricted));
    for (owner, restricted, by) in moves {
        add_total(connection, owner, restricted, &by, day).await?;
    }
    Ok(())
}

fn negative(counts: &SeverityCounts) -> SeverityCounts {
    SeverityCounts {
        critical: -counts.critical,
        high: -counts.high,
        medium: -counts.medium,
        low: -counts.low,
        info: -counts.info,
    }
}

// ---- the gate

/// What the gate's rules may ask about one open finding.
pub(super) struct OpenFinding {
    pub id: FindingId,
    pub title: String,
    pub severity: Severity,
    pub kind: FindingKind,
    pub rule: Option<String>,
    pub vulnerability_ids: Vec<String>,
    pub package: Option<String>,
    pub place: Option<String>,
    pub fixed_version: Option<String>,
    pub tools: Vec<String>,
    pub first_seen_at: OffsetDateTime,
    pub opened_at: OffsetDateTime,
}

/// A service's open findings, of any stage or of one, the worst first, then the oldest.
pub(super) async fn open_findings(
    connection: &mut PgConnection,
    entity: EntityId,
    stage: Option<Stage>,
) -> Result<Vec<OpenFinding>> {
    Ok(query_as!(
        OpenFinding,
        r#"select id as "id: FindingId", title, severity as "severity: Severity", kind as "kind: FindingKind", rule,
                  vulnerability_ids, package, place, fixed_version, tools, first_seen_at, opened_at
           from finding
           where entity_id = $1 and state = 'open' and ($2::text is null or $2 = any(stages))
           order by severity desc, first_seen_at, id"#,
        entity.0,
        stage.map(Stage::as_str),
    )
    .fetch_all(connection)
    .await?)
}

pub(super) async fn insert_verdict(
    connection: &mut PgConnection,
    id: Uuid,
    entity: EntityId,
    verdict: &Verdict,
) -> Result<()> {
    query!(
        "insert into gate_verdict (id, entity_id, at, stage, decision, rule, verdict)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id,
        entity.0,
        verdict.at,
        verdict.stage.map(Stage::as_str),
        verdict.decision.as_str(),
        verdict.rule,
        Json(verdict) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The gate's last answers about a service, the newest first.
pub(super) async fn verdicts(connection: &mut PgConnection, entity: EntityId, most: i64) -> Result<Vec<Verdict>> {
    let rows = query_scalar!(
        r#"select verdict as "verdict: Json<Verdict>"
           from gate_verdict
           where entity_id = $1
           order by at desc, id desc
           limit $2"#,
        entity.0,
        most,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|verdict| verdict.0).collect())
}

pub(super) fn stages(words: &[String]) -> Vec<Stage> {
    words.iter().filter_map(|word| word.parse().ok()).collect()
}

fn timestamp(at: OffsetDateTime) -> Result<String> {
    at.format(&time::format_description::well_known::Rfc3339).map_err(Error::internal)
}
