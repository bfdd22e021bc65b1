//! What compliance asks of Postgres.

use model::{
    ControlStatus, EntityId, PersonId, ServiceAccountId, TeamId,
    compliance::{Assessment, ControlEvidence, Counts},
};
use sqlx::{PgConnection, query, query_as};
use time::{Date, OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::effects::Standing;
use crate::{
    authz::Scope,
    catalog::Entity,
    error::{Error, Result},
};

/// Waits for whoever else takes a report of the same scope.
pub(super) async fn lock_scope(
    connection: &mut PgConnection,
    entity: EntityId,
    framework: &str,
    tool: &str,
    target: &str,
) -> Result<()> {
    let name = format!("compliance:{entity}:{framework}:{tool}:{target}");
    query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", name).execute(connection).await?;
    Ok(())
}

/// A scope as its last report left it.
pub(super) struct ScopeRow {
    pub id: Uuid,
    pub content_hash: Vec<u8>,
    pub evidence_at: OffsetDateTime,
    pub counts: Counts,
}

pub(super) async fn scope_named(
    connection: &mut PgConnection,
    entity: EntityId,
    framework: &str,
    tool: &str,
    target: &str,
) -> Result<Option<ScopeRow>> {
    let row = query!(
        "select id, content_hash, evidence_at, passed, failed, to_check, informational
         from compliance_scope
         where entity_id = $1 and framework = $2 and tool = $3 and target = $4",
        entity.0,
        framework,
        tool,
        target,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| ScopeRow {
        id: row.id,
        content_hash: row.content_hash,
        evidence_at: row.evidence_at,
        counts: counts(row.passed, row.failed, row.to_check, row.informational),
    }))
}

fn counts(passed: i32, failed: i32, to_check: i32, informational: i32) -> Counts {
    Counts {
        passed: passed.into(),
        failed: failed.into(),
        to_check: to_check.into(),
        informational: informational.into(),
    }
}

/// As a column holds it; a report has far fewer controls.
fn column(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

pub(super) async fn save_scope(
    connection: &mut PgConnection,
    assessment: &Assessment,
    entity: &Entity,
    report: Uuid,
    content_hash: &[u8],
) -> Result<()> {
    query!(
        "insert into compliance_scope (
             id, entity_id, owner_id, restricted, entity_ref, entity_title, framework, framework_title, tool, target,
             report_id, content_hash, evidence_at, passed, failed, to_check, informational
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         on conflict on constraint compliance_scope_key do update set
             owner_id = excluded.owner_id,
             restricted = excluded.restricted,
             entity_ref = excluded.entity_ref,
             entity_title = excluded.entity_title,
             framework_title = excluded.framework_title,
             report_id = excluded.report_id,
             content_hash = excluded.content_hash,
             evidence_at = excluded.evidence_at,
             passed = excluded.passed,
             failed = excluded.failed,
             to_check = excluded.to_check,
             informational = excluded.informational",
        assessment.id,
        entity.id.0,
        entity.owner.map(|owner| owner.0),
        entity.restricted,
        assessment.entity_ref,
        assessment.title,
        assessment.framework,
        assessment.framework_title,
        assessment.tool,
        assessment.target,
        report,
        content_hash,
        assessment.evidence_at,
        column(assessment.counts.passed),
        column(assessment.counts.failed),
        column(assessment.counts.to_check),
        column(assessment.counts.informational),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A control's number, and what was looked at.
pub(super) type ControlKey = (String, String);

#[derive(Clone, Debug)]
pub(super) struct ResultRow {
    pub control: String,
    pub part: String,
    pub title: String,
    pub section: String,
    pub status: ControlStatus,
    pub manual: bool,
    pub scored: bool,
    pub remediation: String,
    pub evidence: String,
    pub since: OffsetDateTime,
    pub position: i32,
}

impl ResultRow {
    pub fn key(&self) -> ControlKey {
        (self.control.clone(), self.part.clone())
    }
}

pub(super) async fn results(connection: &mut PgConnection, scope: Uuid) -> Result<Vec<ResultRow>> {
    Ok(query_as!(
        ResultRow,
        r#"select control, part, title, section, status as "status: ControlStatus", manual, scored, remediation, evidence,
                  since, position
           from compliance_result
           where scope_id = $1
           order by position"#,
        scope,
    )
    .fetch_all(connection)
    .await?)
}

/// Makes the scope's results exactly these.
pub(super) async fn replace_results(connection: &mut PgConnection, scope: Uuid, rows: &[ResultRow]) -> Result<()> {
    query!("delete from compliance_result where scope_id = $1", scope).execute(&mut *connection).await?;
    let texts = |of: fn(&ResultRow) -> &str| rows.iter().map(|row| of(row).to_owned()).collect::<Vec<String>>();
    let flags = |of: fn(&ResultRow) -> bool| rows.iter().map(of).collect::<Vec<bool>>();
    let since: Vec<String> =
        rows.iter().map(|row| row.since.format(&Rfc3339)).collect::<Result<_, _>>().map_err(Error::internal)?;
    query!(
        "insert into compliance_result (
             scope_id, control, part, title, section, status, manual, scored, remediation, evidence, since, position
         )
         select $1, *
         from unnest(
                  $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::boolean[], $9::text[],
                  $10::text[], $11::text[]::timestamptz[], $12::integer[]
              )",
        scope,
        &texts(|row| &row.control),
        &texts(|row| &row.part),
        &texts(|row| &row.title),
        &texts(|row| &row.section),
        &texts(|row| row.status.as_str()),
        &flags(|row| row.manual),
        &flags(|row| row.scored),
        &texts(|row| &row.remediation),
        &texts(|row| &row.evidence),
        &since,
        &rows.iter().map(|row| row.position).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) struct ReportRow<'a> {
    pub id: Uuid,
    pub assessment: &'a Assessment,
    pub format: &'a str,
    pub made_at: Option<OffsetDateTime>,
    pub received_at: OffsetDateTime,
    pub person: Option<PersonId>,
    pub service_account: Option<ServiceAccountId>,
    pub changed: u64,
}

pub(super) async fn insert_report(connection: &mut PgConnection, row: &ReportRow<'_>) -> Result<()> {
    let assessment = row.assessment;
    query!(
        "insert into compliance_report (
             id, entity_id, scope_id, format, tool, made_at, received_at, person_id, service_account_id,
             passed, failed, to_check, informational, changed
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        row.id,
        assessment.entity.0,
        assessment.id,
        row.format,
        assessment.tool,
        row.made_at,
        row.received_at,
        row.person.map(|person| person.0),
        row.service_account.map(|account| account.0),
        column(assessment.counts.passed),
        column(assessment.counts.failed),
        column(assessment.counts.to_check),
        column(assessment.counts.informational),
        i32::try_from(row.changed).unwrap_or(i32::MAX),
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn save_day(connection: &mut PgConnection, scope: Uuid, day: Date, counts: &Counts) -> Result<()> {
    query!(
        "insert into compliance_day (scope_id, day, passed, failed, to_check)
         values ($1, $2, $3, $4, $5)
         on conflict (scope_id, day) do update set
             passed = excluded.passed,
             failed = excluded.failed,
             to_check = excluded.to_check",
        scope,
        day,
        column(counts.passed),
        column(counts.failed),
        column(counts.to_check),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What scopes stand at, by service: of one framework or entity where they are named.
pub(super) async fn assessments(
    connection: &mut PgConnection,
    scope: &Scope,
    framework: Option<&str>,
    entity: Option<EntityId>,
) -> Result<Vec<Assessment>> {
    let rows = query!(
        r#"select compliance_scope.id, entity_id as "entity: EntityId", entity_ref, entity_title, team.name as "owner?",
                  framework, framework_title, tool, target, evidence_at, passed, failed, to_check, informational
           from compliance_scope
           left join team on team.id = owner_id
           where ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4))
             and ($5::text is null or framework = $5)
             and ($6::uuid is null or entity_id = $6)
           order by framework, entity_ref, compliance_scope.id"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        framework,
        entity.map(|entity| entity.0),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Assessment {
            id: row.id,
            entity: row.entity,
            entity_ref: row.entity_ref,
            title: row.entity_title,
            owner: row.owner,
            framework: row.framework,
            framework_title: row.framework_title,
            tool: row.tool,
            target: row.target,
            evidence_at: row.evidence_at,
            counts: counts(row.passed, row.failed, row.to_check, row.informational),
        })
        .collect())
}

/// How often a control came out so.
pub(super) struct ControlCount {
    pub control: String,
    pub part: String,
    pub title: String,
    pub section: String,
    pub status: ControlStatus,
    pub services: i64,
}

pub(super) async fn control_counts(connection: &mut PgConnection, scopes: &[Uuid]) -> Result<Vec<ControlCount>> {
    Ok(query_as!(
        ControlCount,
        r#"select control, part, min(title) as "title!", min(section) as "section!", status as "status: ControlStatus",
                  count(*) as "services!"
           from compliance_result
           where scope_id = any($1)
           group by control, part, status"#,
        scopes,
    )
    .fetch_all(connection)
    .await?)
}

pub(super) async fn evidence(connection: &mut PgConnection, scope: Uuid) -> Result<Vec<ControlEvidence>> {
    Ok(query_as!(
        ControlEvidence,
        r#"select control, part, title, section, status as "status: ControlStatus", manual, scored, remediation, evidence,
                  since
           from compliance_result
           where scope_id = $1
           order by position"#,
        scope,
    )
    .fetch_all(connection)
    .await?)
}

/// What these scopes' reports say of one control, each with its scope.
pub(super) async fn evidence_of(
    connection: &mut PgConnection,
    scopes: &[Uuid],
    control: &str,
) -> Result<Vec<(Uuid, ControlEvidence)>> {
    let rows = query!(
        r#"select scope_id, control, part, title, section, status as "status: ControlStatus", manual, scored,
                  remediation, evidence, since
           from compliance_result
           where scope_id = any($1) and control = $2
           order by part"#,
        scopes,
        control,
    )
    .fetch_all(connection)
    .await?;
    let evidence = rows.into_iter().map(|row| {
        let evidence = ControlEvidence {
            control: row.control,
            part: row.part,
            title: row.title,
            section: row.section,
            status: row.status,
            manual: row.manual,
            scored: row.scored,
            remediation: row.remediation,
            evidence: row.evidence,
            since: row.since,
        };
        (row.scope_id, evidence)
    });
    Ok(evidence.collect())
}

/// How a scope stood at the end of a day.
pub(super) struct DayRow {
    pub scope_id: Uuid,
    pub day: Date,
    pub passed: i32,
    pub failed: i32,
    pub to_check: i32,
}

/// Each scope's days from `from` on, and the last one before it, in their order.
pub(super) async fn days(
    connection: &mut PgConnection,
    scope: &Scope,
    framework: Option<&str>,
    from: Date,
) -> Result<Vec<DayRow>> {
    Ok(query_as!(
        DayRow,
        "select scope_id, day, compliance_day.passed, compliance_day.failed, compliance_day.to_check
         from compliance_scope
         join compliance_day on scope_id = compliance_scope.id
         where ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4))
           and ($5::text is null or framework = $5)
           and day >= coalesce(
                   (
                       select max(earlier.day)
                       from compliance_day as earlier
                       where earlier.scope_id = compliance_scope.id and earlier.day <= $6
                   ),
                   $6
               )
         order by day",
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        framework,
        from,
    )
    .fetch_all(connection)
    .await?)
}

pub(super) async fn standings(connection: &mut PgConnection, ids: &[EntityId]) -> Result<Vec<Standing>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = query!(
        r#"select entity_id as "entity: EntityId", min(evidence_at) as "oldest_at!", sum(passed) as "passed!",
                  sum(failed) as "failed!", sum(to_check) as "to_check!", sum(informational) as "informational!"
           from compliance_scope
           where entity_id = any($1)
           group by entity_id"#,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Standing {
            entity: row.entity,
            oldest_at: row.oldest_at,
            counts: Counts {
                passed: row.passed,
                failed: row.failed,
                to_check: row.to_check,
                informational: row.informational,
            },
        })
        .collect())
}

pub(super) async fn set_owner(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
) -> Result<()> {
    query!(
        "update compliance_scope set owner_id = $2, restricted = $3
         where entity_id = $1 and (owner_id, restricted) is distinct from ($2, $3)",
        entity.0,
        owner.map(|owner| owner.0),
        restricted,
    )
    .execute(connection)
    .await?;
    Ok(())
}
