//! What merging a report asks of Postgres: what is known of its scope, and the changes, many rows to a statement as JSON
//! that Postgres takes apart.

use std::collections::HashMap;

use model::{
    EntityId, FindingId, FindingKind, ReportId, Severity,
    findings::{FindingState, Place, Scope, Stage},
};
use serde_json::json;
use sqlx::{PgConnection, query, query_scalar, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{add_counts, stages};
use crate::{
    catalog::Entity,
    error::{Error, Result},
    findings::{
        merge::{Changes, Face, Known, Sighting},
        sameness::{Identity, Word},
    },
};

/// Rows of one statement: enough to be quick, few enough not to double a large report's memory.
const CHUNK: usize = 2_000;

/// The findings of a service that these identities name or that the scope has open, with every scope's word on them.
pub(in crate::findings) async fn known(
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
pub(in crate::findings) async fn open_identities(
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
pub(in crate::findings) async fn apply(
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

fn timestamp(at: OffsetDateTime) -> Result<String> {
    at.format(&time::format_description::well_known::Rfc3339).map_err(Error::internal)
}
