//! What the gate asks of Postgres: the findings that it judges, and its verdicts.

use model::{
    EntityId, FindingId, FindingKind, Severity,
    findings::{Stage, Verdict},
};
use sqlx::{PgConnection, query, query_as, query_scalar, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Result;

/// What the gate's rules may ask about one open finding.
pub(in crate::findings) struct OpenFinding {
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
pub(in crate::findings) async fn open_findings(
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

pub(in crate::findings) async fn insert_verdict(
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

/// The gate's answers about a service from `from` to `to`, the newest first.
pub(in crate::findings) async fn verdicts_between(
    connection: &mut PgConnection,
    entity: EntityId,
    from: OffsetDateTime,
    to: OffsetDateTime,
    most: i64,
) -> Result<Vec<Verdict>> {
    let rows = query_scalar!(
        r#"select verdict as "verdict: Json<Verdict>"
           from gate_verdict
           where entity_id = $1 and at between $2 and $3
           order by at desc, id desc
           limit $4"#,
        entity.0,
        from,
        to,
        most,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|verdict| verdict.0).collect())
}

/// The gate's last answers about a service, the newest first.
pub(in crate::findings) async fn verdicts(
    connection: &mut PgConnection,
    entity: EntityId,
    most: i64,
) -> Result<Vec<Verdict>> {
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
