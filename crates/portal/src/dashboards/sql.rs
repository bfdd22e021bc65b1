//! Everything that home and the dashboards ask of Postgres: grouped counts over what the features keep.

use model::{EntityId, PersonId, Severity, TeamId, findings::SeverityCounts};
use sqlx::{PgConnection, Postgres, QueryBuilder, query, query_as, query_scalar};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{
    home::{Happened, OpenIncident, Service, What},
    organisation::IncidentWeek,
};
use crate::{
    authz::Scope,
    error::{Error, Result},
};

/// Requests that wait, by the statement that counts them, unread messages, and environments that are being made or
/// removed.
pub(super) async fn frame_counts(
    connection: &mut PgConnection,
    push_waiting: impl FnOnce(&mut QueryBuilder<Postgres>),
    person: PersonId,
) -> Result<(i64, i64, i64)> {
    let mut query = QueryBuilder::new("select (");
    push_waiting(&mut query);
    query.push("), (select count(*) from (select from notice where person_id = ").push_bind(person.0);
    query.push(" and read_at is null limit 100) unread), (select count(*) from (select from environment ");
    query.push("where requester_id = ").push_bind(person.0);
    query.push(" and state in ('provisioning', 'ending') limit 100) moving)");
    Ok(query.build_query_as().fetch_one(connection).await?)
}

// ---- home

/// What the reader may see of each kind.
pub(super) struct Scopes<'a> {
    pub catalog: &'a Scope,
    pub findings: &'a Scope,
    pub incidents: &'a Scope,
    pub environments: &'a Scope,
}

/// Services of these teams, or of all, whose findings the reader may see; the worst first.
pub(super) async fn services(
    connection: &mut PgConnection,
    scope: &Scope,
    teams: Option<&[Uuid]>,
    limit: i64,
) -> Result<Vec<Service>> {
    let mut ids = worst(connection, scope, teams, limit).await?;
    if let Ok(missing @ 1..) = i64::try_from(ids.len()).map(|found| limit - found) {
        ids.extend(without_findings(connection, scope, teams, missing).await?);
    }
    let rows = query!(
        r#"select entity.id as "id: EntityId", namespace, entity.name, coalesce(title, entity.name) as "title!", tier,
                  team.display_name as owner, coalesce(critical, 0) as "critical!", coalesce(high, 0) as "high!",
                  coalesce(medium, 0) as "medium!", coalesce(low, 0) as "low!", coalesce(info, 0) as "info!",
                  (select count(*) from incident
                   where incident.entity_id = entity.id and state <> 'resolved') as "incidents!",
                  (select max(reported_at) from report_scope where report_scope.entity_id = entity.id) as reported_at,
                  (select round(avg(score))::bigint from scorecard_result
                   where scorecard_result.entity_id = entity.id) as score
           from entity
           join team on team.id = entity.owner_id
           left join finding_count on finding_count.entity_id = entity.id
           where entity.id = any($1)
           order by coalesce(critical, 0) desc, coalesce(high, 0) desc, coalesce(medium, 0) desc, tier nulls last,
                    entity.name, entity.id"#,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Service {
            id: row.id,
            namespace: row.namespace,
            name: row.name,
            title: row.title,
            owner: row.owner,
            tier: row.tier,
            open: SeverityCounts {
                critical: row.critical,
                high: row.high,
                medium: row.medium,
                low: row.low,
                info: row.info,
            },
            incidents: row.incidents,
            reported_at: row.reported_at,
            score: row.score,
        })
        .collect())
}

/// Those with the worst findings, by the counters and not by the findings.
async fn worst(connection: &mut PgConnection, scope: &Scope, teams: Option<&[Uuid]>, limit: i64) -> Result<Vec<Uuid>> {
    Ok(query_scalar!(
        r#"select entity.id
           from finding_count
           join entity on entity.id = entity_id
           where kind = 'component'
               and binned_at is null
               and finding_count.owner_id is not null
               and ($5::uuid[] is null or finding_count.owner_id = any($5))
               and ($1::bool or ($2::bool and not finding_count.restricted) or finding_count.owner_id = any($3)
                   or entity_id = any($4))
           order by critical desc, high desc, medium desc, entity_id
           limit $6"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        teams,
        limit,
    )
    .fetch_all(connection)
    .await?)
}

/// Those that never had a finding, by name: asked where there are not enough others.
async fn without_findings(
    connection: &mut PgConnection,
    scope: &Scope,
    teams: Option<&[Uuid]>,
    limit: i64,
) -> Result<Vec<Uuid>> {
    Ok(query_scalar!(
        r#"select id
           from entity
           where kind = 'component'
               and binned_at is null
               and owner_id is not null
               and not exists (select from finding_count where finding_count.entity_id = entity.id)
               and ($5::uuid[] is null or owner_id = any($5))
               and ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or id = any($4))
           order by sort_name, id
           limit $6"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        teams,
        limit,
    )
    .fetch_all(connection)
    .await?)
}

/// Incidents of these teams' services, or of all, that are not resolved; the worst first.
pub(super) async fn open_incidents(
    connection: &mut PgConnection,
    scope: &Scope,
    teams: Option<&[Uuid]>,
    limit: i64,
) -> Result<Vec<OpenIncident>> {
    Ok(query_as!(
        OpenIncident,
        r#"select number, title, service, severity as "severity: Severity",
                  state = 'acknowledged' as "acknowledged!", opened_at
           from incident
           where state <> 'resolved'
               and ($5::uuid[] is null or owner_id = any($5))
               and ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4))
           order by severity desc, opened_at desc, id desc
           limit $6"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        teams,
        limit,
    )
    .fetch_all(connection)
    .await?)
}

/// What happened to things of these teams, or of all, since a moment; the newest first. Findings are summed up by
/// service.
pub(super) async fn changes(
    connection: &mut PgConnection,
    scopes: &Scopes<'_>,
    teams: Option<&[Uuid]>,
    since: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Happened>> {
    let Scopes { catalog, findings, incidents, environments } = scopes;
    let rows = query!(
        r#"select at as "at!", what as "what!", name as "name!", href as "href!", opened as "opened!",
                  closed as "closed!"
           from (
               (select event.at, event.what, coalesce(entity.title, entity.name) as name,
                       '/catalog/' || entity.kind || '/' || namespace || '/' || entity.name || '/changes' as href,
                       0::bigint as opened, 0::bigint as closed
                from entity_event event
                join entity on entity.id = event.entity_id
                where event.at > $1
                    and ($2::uuid[] is null or entity.owner_id = any($2))
                    and ($4::bool or ($5::bool and not restricted) or owner_id = any($6) or entity.id = any($7))
                order by event.at desc
                limit $3)
               union all
               -- the newest first, and no more entities looked up than are shown
               (select at, 'findings', name, href, opened, closed
                from (
                    select entity_id, max(received_at) as at, sum(opened + reopened) as opened, sum(closed) as closed
                    from report
                    where received_at > $1 and not pull_request and opened + reopened + closed > 0
                    group by entity_id
                    order by max(received_at) desc
                ) as changed
                cross join lateral (
                    select coalesce(entity.title, entity.name) as name,
                           '/catalog/' || entity.kind || '/' || namespace || '/' || entity.name || '/security' as href
                    from entity
                    where entity.id = changed.entity_id
                        and ($2::uuid[] is null or entity.owner_id = any($2))
                        and ($8::bool or ($9::bool and not restricted) or owner_id = any($10) or entity.id = any($11))
                    offset 0
                ) as seen
                order by at desc
                limit $3)
               union all
               (select moved.at, moved.what, incident.title, '/incidents/' || number, 0, 0
                from incident
                cross join lateral (
                    values (opened_at, 'incident_opened'), (resolved_at, 'incident_resolved')
                ) as moved (at, what)
                where (opened_at > $1 or resolved_at > $1)
                    and moved.at > $1
                    and ($2::uuid[] is null or owner_id = any($2))
                    and ($12::bool or ($13::bool and not restricted) or owner_id = any($14) or entity_id = any($15))
                order by moved.at desc
                limit $3)
               union all
               (select moved.at, moved.what, environment.name, '/environments/' || environment.name, 0, 0
                from environment
                cross join lateral (
                    values (ready_at, 'environment_ready'), (ended_at, 'environment_ended')
                ) as moved (at, what)
                where (ready_at > $1 or ended_at > $1)
                    and moved.at > $1
                    and ($2::uuid[] is null or owner_id = any($2) or requester_id = $18)
                    and ($16::bool or ($19::bool and not restricted) or owner_id = any($17) or entity_id = any($20)
                        or requester_id = $18)
                order by moved.at desc
                limit $3)
           ) as happened
           order by at desc, name
           limit $3"#,
        since,
        teams,
        limit,
        catalog.everything,
        catalog.unrestricted,
        &catalog.team_ids(),
        &catalog.entity_ids(),
        findings.everything,
        findings.unrestricted,
        &findings.team_ids(),
        &findings.entity_ids(),
        incidents.everything,
        incidents.unrestricted,
        &incidents.team_ids(),
        &incidents.entity_ids(),
        environments.everything,
        &environments.team_ids(),
        environments.person.map(|person| person.0),
        environments.unrestricted,
        &environments.entity_ids(),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let what = match row.what.as_str() {
                "created" => What::Described,
                "updated" => What::DescriptionChanged,
                "binned" => What::Binned,
                "restored" => What::Restored,
                "findings" => What::FindingsChanged,
                "incident_opened" => What::IncidentOpened,
                "incident_resolved" => What::IncidentResolved,
                "environment_ready" => What::EnvironmentReady,
                "environment_ended" => What::EnvironmentEnded,
                other => return Err(Error::internal(format!("unknown change {other:?}"))),
            };
            Ok(Happened { at: row.at, what, name: row.name, href: row.href, opened: row.opened, closed: row.closed })
        })
        .collect()
}

// ---- the organisation, by owner

pub(super) struct OwnersFindings {
    pub owner: Option<TeamId>,
    pub open: SeverityCounts,
    pub reported_at: Option<OffsetDateTime>,
}

pub(super) async fn findings(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<OwnersFindings>> {
    let rows = query!(
        r#"select owner_id as "owner: TeamId", sum(critical)::bigint as "critical!", sum(high)::bigint as "high!",
                  sum(medium)::bigint as "medium!", sum(low)::bigint as "low!", sum(info)::bigint as "info!",
                  max(last.at) as reported_at
           from finding_count
           left join (
               select entity_id, max(reported_at) as at from report_scope group by entity_id
           ) as last on last.entity_id = finding_count.entity_id
           where ($1::bool or ($2::bool and not restricted) or owner_id = any($3)
                   or finding_count.entity_id = any($4))
               and not exists (
                   select from entity where entity.id = finding_count.entity_id and binned_at is not null
               )
           group by owner_id"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| OwnersFindings {
            owner: row.owner,
            open: SeverityCounts {
                critical: row.critical,
                high: row.high,
                medium: row.medium,
                low: row.low,
                info: row.info,
            },
            reported_at: row.reported_at,
        })
        .collect())
}

pub(super) async fn incident_weeks(
    connection: &mut PgConnection,
    scope: &Scope,
    mondays: &[Date],
) -> Result<Vec<IncidentWeek>> {
    Ok(query_as!(
        IncidentWeek,
        r#"select week.begins as "begins!", count(incident.id) as "opened!"
           from unnest($5::date[]) as week (begins)
           left join incident on opened_at >= week.begins::timestamp at time zone 'utc'
               and opened_at < (week.begins + 7)::timestamp at time zone 'utc'
               and ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4))
           group by week.begins
           order by week.begins"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        mondays as &[Date],
    )
    .fetch_all(connection)
    .await?)
}

pub(super) struct OwnersIncidents {
    pub owner: Option<TeamId>,
    pub live: i64,
    /// Of those that opened since the moment that was given, how many somebody acknowledged, and after how long in sum.
    pub acknowledged: i64,
    pub acknowledged_s: i64,
    pub heard_at: Option<OffsetDateTime>,
}

pub(super) async fn incidents(
    connection: &mut PgConnection,
    scope: &Scope,
    since: OffsetDateTime,
) -> Result<Vec<OwnersIncidents>> {
    Ok(query_as!(
        OwnersIncidents,
        r#"select owner_id as "owner: TeamId", count(*) filter (where state <> 'resolved') as "live!",
                  count(*) filter (where opened_at > $5 and acknowledged_at is not null) as "acknowledged!",
                  coalesce(sum(extract(epoch from acknowledged_at - opened_at)) filter (where opened_at > $5), 0)::bigint
                      as "acknowledged_s!",
                  max(heard_at) as heard_at
           from incident
           where (state <> 'resolved' or opened_at > $5)
               and ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4))
           group by owner_id"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        since,
    )
    .fetch_all(connection)
    .await?)
}

/// Environments that can be used now.
pub(super) async fn environments(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<(Option<TeamId>, i64)>> {
    let rows = query!(
        r#"select owner_id as "owner: TeamId", count(*) as "count!"
           from environment
           where state in ('ready', 'expiring')
               and ($1::bool or ($5::bool and not restricted) or owner_id = any($2) or entity_id = any($3)
                   or requester_id = $4)
           group by owner_id"#,
        scope.everything,
        &scope.team_ids(),
        &scope.entity_ids(),
        scope.person.map(|person| person.0),
        scope.unrestricted,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.owner, row.count)).collect())
}

pub(super) struct OwnersControls {
    pub owner: Option<TeamId>,
    pub passed: i64,
    pub failed: i64,
    /// The oldest evidence of all.
    pub oldest_at: Option<OffsetDateTime>,
}

/// Controls that hold and that do not; those that a person has to check are neither.
pub(super) async fn controls(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<OwnersControls>> {
    Ok(query_as!(
        OwnersControls,
        r#"select owner_id as "owner: TeamId", sum(passed)::bigint as "passed!", sum(failed)::bigint as "failed!",
                  min(evidence_at) as oldest_at
           from compliance_scope
           where $1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4)
           group by owner_id"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_all(connection)
    .await?)
}

/// The mean score of each owner's services over all scorecards, in per cent, and how many results that is.
pub(super) async fn scores(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<(Option<TeamId>, i64)>> {
    let rows = query!(
        r#"select owner_id as "owner: TeamId", round(avg(score))::bigint as "score!"
           from scorecard_result
           where $1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity_id = any($4)
           group by owner_id"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.owner, row.score)).collect())
}

pub(super) struct NamedTeam {
    pub id: TeamId,
    pub name: String,
    pub title: String,
    pub services: i64,
}

/// Every team, by name, with how many of its components the reader may see.
pub(super) async fn teams(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<NamedTeam>> {
    Ok(query_as!(
        NamedTeam,
        r#"select team.id as "id: TeamId", team.name, display_name as title, count(entity.id) as "services!"
           from team
           left join entity on entity.owner_id = team.id
               and kind = 'component'
               and binned_at is null
               and ($1::bool or ($2::bool and not restricted) or owner_id = any($3) or entity.id = any($4))
           group by team.id
           order by display_name, team.name"#,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
    )
    .fetch_all(connection)
    .await?)
}
