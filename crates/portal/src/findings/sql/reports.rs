//! What reports and their scopes ask of Postgres: who said what about a service, and when.

use model::{
    EntityId, ReportId,
    findings::{Introduced, Receipt, Scope, ScopeSummary, Stage},
};
use sqlx::{PgConnection, query, query_as, query_scalar, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Result;

pub(in crate::findings) struct ScopeRow {
    pub id: Uuid,
    pub report_id: Option<Uuid>,
    pub content_hash: Option<Vec<u8>>,
    pub incomplete: Option<String>,
}

/// The row of a scope, made where it is new.
pub(in crate::findings) async fn scope(
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
pub(in crate::findings) async fn set_reported(
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
pub(in crate::findings) struct ReportFacts<'a> {
    pub entity: EntityId,
    pub content_hash: &'a [u8],
    pub format_version: Option<&'a str>,
    pub tool_version: Option<&'a str>,
    pub made_at: Option<OffsetDateTime>,
    pub received_at: OffsetDateTime,
}

pub(in crate::findings) async fn insert_report(
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
pub(in crate::findings) async fn receipt(
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
pub(in crate::findings) async fn scopes(connection: &mut PgConnection, entity: EntityId) -> Result<Vec<ScopeSummary>> {
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
pub(in crate::findings) async fn scanned_at(
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
