//! What findings ask of Postgres: one finding here, and a file for each of the rest.

mod gate;
mod merging;
mod numbers;
mod reports;

use model::{
    EntityId, FindingId, ReportId, Severity, TeamId,
    findings::{FindingEvent, FindingEventKind, Place, Scope, Stage, Witness},
};
use sqlx::{PgConnection, query, query_as, types::Json};
use time::OffsetDateTime;

pub(super) use self::{gate::*, merging::*, numbers::*, reports::*};
use super::Finding;
use crate::error::Result;

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

pub(super) fn stages(words: &[String]) -> Vec<Stage> {
    words.iter().filter_map(|word| word.parse().ok()).collect()
}
