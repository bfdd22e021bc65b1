//! What incidents ask of Postgres, but for their list.

use std::collections::BTreeMap;

use model::{
    AlertRule, EntityId, Incident, IncidentAlert, IncidentEvent, IncidentEventKind, IncidentId, IncidentState,
    IntegrationId, PersonId, Resolution, Severity, TeamId, WaitingAlert,
};
use sqlx::{PgConnection, query, query_as, query_scalar, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    alerts::{Known, Told},
    intake::Group,
};
use crate::{
    Portal,
    catalog::Entity,
    error::{Error, Result},
};

/// How many alerts and events a page shows at most.
const SHOWN_ALERTS: i64 = 200;
const SHOWN_EVENTS: i64 = 500;
/// The advisory lock on the rules: "alerts" in ASCII.
const RULES: i64 = 0x616c_6572_7473;

type Labels = Json<BTreeMap<String, String>>;

// ---- incidents

pub(super) async fn numbered(connection: &mut PgConnection, number: i64, lock: bool) -> Result<Option<Incident>> {
    if lock {
        query!("select id from incident where number = $1 for update", number).fetch_optional(&mut *connection).await?;
    }
    let row = query!(
        r#"select incident.id, number, entity_id, service, incident.owner_id, team.name as "owner_name?", restricted,
                  integration_id, integration.name as "integration_name?", severity as "severity: Severity", state,
                  title, summary, alerts, firing, external_url, started_at, opened_at, heard_at,
                  acknowledged_at, acknowledged_by, resolved_at, resolved_by, resolution, note,
                  (select number from incident as former where former.id = incident.former_id) as former
           from incident
           left join team on team.id = incident.owner_id
           left join integration on integration.id = integration_id
           where number = $1"#,
        number,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(Incident {
            id: row.id.into(),
            number: row.number,
            entity: row.entity_id.map(EntityId),
            service: row.service,
            owner: row.owner_id.map(TeamId),
            owner_name: row.owner_name,
            restricted: row.restricted,
            integration: row.integration_id.map(IntegrationId),
            integration_name: row.integration_name,
            severity: row.severity,
            state: state(&row.state)?,
            title: row.title,
            summary: row.summary,
            alerts: row.alerts,
            firing: row.firing,
            external_url: row.external_url,
            started_at: row.started_at,
            opened_at: row.opened_at,
            heard_at: row.heard_at,
            acknowledged_at: row.acknowledged_at,
            acknowledged_by: row.acknowledged_by.map(PersonId),
            resolved_at: row.resolved_at,
            resolved_by: row.resolved_by.map(PersonId),
            resolution: row.resolution.as_deref().map(resolution).transpose()?,
            note: row.note,
            former: row.former,
        })
    })
    .transpose()
}

pub(super) fn state(text: &str) -> Result<IncidentState> {
    text.parse().map_err(|error: String| Error::internal(error))
}

pub(super) fn resolution(text: &str) -> Result<Resolution> {
    match text {
        "alert" => Ok(Resolution::Alert),
        "person" => Ok(Resolution::Person),
        other => Err(Error::internal(format!("{other:?} resolves no incident"))),
    }
}

/// What intake needs to know of an incident.
#[derive(Clone, Copy, Debug)]
pub(super) struct Current {
    pub id: IncidentId,
    pub number: i64,
    pub severity: Severity,
    pub is_live: bool,
}

/// The incident of this group and service that is not resolved, locked.
pub(super) async fn live(connection: &mut PgConnection, group: &[u8], entity: EntityId) -> Result<Option<Current>> {
    Ok(query_as!(
        Current,
        r#"select id as "id: IncidentId", number, severity as "severity: Severity", true as "is_live!"
           from incident
           where group_hash = $1 and entity_id = $2 and state <> 'resolved'
           for update"#,
        group,
        entity.0,
    )
    .fetch_optional(connection)
    .await?)
}

/// The last incident of this group and service, locked.
pub(super) async fn latest(connection: &mut PgConnection, group: &[u8], entity: EntityId) -> Result<Option<Current>> {
    Ok(query_as!(
        Current,
        r#"select id as "id: IncidentId", number, severity as "severity: Severity", state <> 'resolved' as "is_live!"
           from incident
           where group_hash = $1 and entity_id = $2
           order by opened_at desc, number desc
           limit 1
           for update"#,
        group,
        entity.0,
    )
    .fetch_optional(connection)
    .await?)
}

pub(super) struct New<'a> {
    pub id: IncidentId,
    pub entity: &'a Entity,
    pub group: &'a Group,
    pub severity: Severity,
    pub title: &'a str,
    pub summary: &'a str,
    pub started_at: OffsetDateTime,
    pub former: Option<IncidentId>,
    pub now: OffsetDateTime,
}

/// Its number.
pub(super) async fn insert(connection: &mut PgConnection, new: &New<'_>) -> Result<i64> {
    Ok(query_scalar!(
        "insert into incident (
             id, entity_id, service, owner_id, restricted, integration_id, group_hash, severity, title, summary,
             external_url, started_at, opened_at, heard_at, former_id
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14)
         returning number",
        new.id.0,
        new.entity.id.0,
        new.entity.reference_text(),
        new.entity.owner.map(|id| id.0),
        new.entity.restricted,
        new.group.integration.0,
        new.group.hash,
        new.severity as Severity,
        new.title,
        new.summary,
        new.group.external_url,
        new.started_at,
        new.now,
        new.former.map(|id| id.0),
    )
    .fetch_one(connection)
    .await?)
}

pub(super) async fn raise(connection: &mut PgConnection, id: IncidentId, severity: Severity) -> Result<()> {
    query!("update incident set severity = $2 where id = $1", id.0, severity as Severity).execute(connection).await?;
    Ok(())
}

pub(super) async fn resolve_by_alert(connection: &mut PgConnection, id: IncidentId, now: OffsetDateTime) -> Result<()> {
    query!(
        "update incident set state = 'resolved', resolved_at = $2, resolved_by = null, resolution = 'alert', note = null
         where id = $1",
        id.0,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn set_state(
    connection: &mut PgConnection,
    id: IncidentId,
    to: IncidentState,
    person: Option<PersonId>,
    note: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    query!(
        "update incident
         set state = $2,
             acknowledged_at = case $2 when 'acknowledged' then $4 when 'open' then null else acknowledged_at end,
             acknowledged_by = case $2 when 'acknowledged' then $3 when 'open' then null else acknowledged_by end,
             resolved_at = case $2 when 'resolved' then $4 end,
             resolved_by = case $2 when 'resolved' then $3 end,
             resolution = case $2 when 'resolved' then 'person' end,
             note = case $2 when 'resolved' then $5 end
         where id = $1",
        id.0,
        to.as_str(),
        person.map(|id| id.0),
        now,
        note,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// That these of its alerts were told again.
pub(super) async fn heard(
    connection: &mut PgConnection,
    id: IncidentId,
    fingerprints: &[String],
    now: OffsetDateTime,
) -> Result<()> {
    query!("update incident set heard_at = $2 where id = $1", id.0, now).execute(&mut *connection).await?;
    query!(
        "update incident_alert set heard_at = $3 where incident_id = $1 and fingerprint = any($2)",
        id.0,
        fingerprints,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn later(connection: &mut PgConnection, id: IncidentId) -> Result<Option<i64>> {
    Ok(query_scalar!("select number from incident where former_id = $1 order by number limit 1", id.0)
        .fetch_optional(connection)
        .await?)
}

/// The names of two people.
pub(super) async fn people(
    connection: &mut PgConnection,
    first: Option<PersonId>,
    second: Option<PersonId>,
) -> Result<(Option<String>, Option<String>)> {
    let row = query!(
        "select (select display_name from person where id = $1) as first,
                (select display_name from person where id = $2) as second",
        first.map(|id| id.0),
        second.map(|id| id.0),
    )
    .fetch_one(connection)
    .await?;
    Ok((row.first, row.second))
}

// ---- alerts

/// What is known of an incident's alerts, by fingerprint.
pub(super) async fn known(connection: &mut PgConnection, id: IncidentId) -> Result<BTreeMap<String, Known>> {
    Ok(query!("select fingerprint, firing, starts_at from incident_alert where incident_id = $1", id.0)
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(|row| (row.fingerprint, Known { firing: row.firing, starts_at: row.starts_at }))
        .collect())
}

pub(super) async fn put_alerts(
    connection: &mut PgConnection,
    id: IncidentId,
    told: &[&Told],
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "insert into incident_alert (
             incident_id, fingerprint, firing, labels, annotations, severity, starts_at, ends_at, generator_url, heard_at
         )
         select $1, fingerprint, firing, labels, annotations, severity, starts_at, ends_at, generator_url, $3
         from jsonb_to_recordset($2) as told (
             fingerprint text, firing boolean, labels jsonb, annotations jsonb, severity severity,
             starts_at timestamptz, ends_at timestamptz, generator_url text
         )
         on conflict (incident_id, fingerprint) do update
         set firing = excluded.firing,
             labels = excluded.labels,
             annotations = excluded.annotations,
             severity = excluded.severity,
             starts_at = excluded.starts_at,
             ends_at = excluded.ends_at,
             generator_url = excluded.generator_url,
             heard_at = excluded.heard_at",
        id.0,
        serde_json::to_value(told)?,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn end_alerts(
    connection: &mut PgConnection,
    id: IncidentId,
    fingerprints: &[String],
    at: OffsetDateTime,
) -> Result<()> {
    query!(
        "update incident_alert set firing = false, ends_at = $3 where incident_id = $1 and fingerprint = any($2)",
        id.0,
        fingerprints,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) struct Counts {
    pub firing: i32,
}

/// Counts an incident's alerts anew.
pub(super) async fn recount(connection: &mut PgConnection, id: IncidentId) -> Result<Counts> {
    Ok(query_as!(
        Counts,
        "update incident
         set (alerts, firing) = (
             select count(*), count(*) filter (where incident_alert.firing)
             from incident_alert
             where incident_id = $1
         )
         where id = $1
         returning firing",
        id.0,
    )
    .fetch_one(connection)
    .await?)
}

pub(super) async fn alerts(connection: &mut PgConnection, id: IncidentId) -> Result<Vec<IncidentAlert>> {
    Ok(query!(
        r#"select fingerprint, firing, labels as "labels: Labels", annotations as "annotations: Labels",
                  starts_at, ends_at, generator_url, heard_at
           from incident_alert
           where incident_id = $1
           order by firing desc, severity desc, starts_at, fingerprint
           limit $2"#,
        id.0,
        SHOWN_ALERTS,
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(|row| IncidentAlert {
        fingerprint: row.fingerprint,
        firing: row.firing,
        labels: row.labels.0,
        annotations: row.annotations.0,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        generator_url: row.generator_url,
        heard_at: row.heard_at,
    })
    .collect())
}

// ---- events

pub(super) async fn add_event(
    connection: &mut PgConnection,
    incident: IncidentId,
    at: OffsetDateTime,
    kind: IncidentEventKind,
    person: Option<PersonId>,
    detail: &str,
) -> Result<()> {
    query!(
        "insert into incident_event (incident_id, at, kind, person_id, detail) values ($1, $2, $3, $4, $5)",
        incident.0,
        at,
        kind.as_str(),
        person.map(|id| id.0),
        detail,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The last of an incident's events, in order.
pub(super) async fn events(connection: &mut PgConnection, id: IncidentId) -> Result<Vec<IncidentEvent>> {
    let rows = query!(
        r#"select at, kind, person_id, display_name as "person_name?", detail
           from incident_event
           left join person on person.id = person_id
           where incident_id = $1
           order by incident_event.id desc
           limit $2"#,
        id.0,
        SHOWN_EVENTS,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .rev()
        .map(|row| {
            Ok(IncidentEvent {
                at: row.at,
                kind: row.kind.parse().map_err(|error: String| Error::internal(error))?,
                person: row.person_id.map(PersonId),
                person_name: row.person_name,
                detail: row.detail,
            })
        })
        .collect()
}

// ---- rules and inbox

/// Until this transaction ends no rule is made or removed.
pub(super) async fn lock_rules_shared(connection: &mut PgConnection) -> Result<()> {
    query!("select pg_advisory_xact_lock_shared($1)", RULES).execute(connection).await?;
    Ok(())
}

/// Until this transaction ends no alert is sorted, and no other rule is made or removed.
pub(super) async fn lock_rules(connection: &mut PgConnection) -> Result<()> {
    query!("select pg_advisory_xact_lock($1)", RULES).execute(connection).await?;
    Ok(())
}

/// The rules, the most particular first.
pub(super) async fn rules(connection: &mut PgConnection) -> Result<Vec<AlertRule>> {
    Ok(query!(
        r#"select alert_rule.id, matchers as "matchers: Labels", entity_id,
                  entity.kind || ':' || entity.namespace || '/' || entity.name as "service!",
                  created_by, alert_rule.created_at
           from alert_rule
           join entity on entity.id = entity_id
           order by (select count(*) from jsonb_object_keys(matchers)) desc, alert_rule.created_at, alert_rule.id"#,
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(|row| AlertRule {
        id: row.id,
        matchers: row.matchers.0,
        entity: EntityId(row.entity_id),
        service: row.service,
        created_by: row.created_by.map(PersonId),
        created_at: row.created_at,
    })
    .collect())
}

pub(super) async fn insert_rule(connection: &mut PgConnection, rule: &AlertRule) -> Result<(), sqlx::Error> {
    query!(
        "insert into alert_rule (id, matchers, entity_id, created_by, created_at) values ($1, $2, $3, $4, $5)",
        rule.id,
        Json(&rule.matchers) as _,
        rule.entity.0,
        rule.created_by.map(|id| id.0),
        rule.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete_rule(connection: &mut PgConnection, id: Uuid) -> Result<()> {
    query!("delete from alert_rule where id = $1", id).execute(connection).await?;
    Ok(())
}

/// Keeps alerts until a rule says what they belong to. What a later delivery has overtaken changes nothing.
pub(super) async fn put_waiting(
    connection: &mut PgConnection,
    portal: &Portal,
    group: &Group,
    told: &[Told],
    now: OffsetDateTime,
) -> Result<()> {
    let ids: Vec<Uuid> = told.iter().map(|_| portal.rng.id(&portal.clock)).collect();
    query!(
        "insert into alert_inbox (
             id, integration_id, group_hash, fingerprint, firing, labels, annotations, severity, starts_at, ends_at,
             generator_url, external_url, received_at, heard_at
         )
         select ($4::uuid[])[place], $1, $2, fingerprint, firing, labels, annotations, severity, starts_at, ends_at,
                generator_url, $5, $6, $6
         from rows from (
             jsonb_to_recordset($3) as (
                 fingerprint text, firing boolean, labels jsonb, annotations jsonb, severity severity,
                 starts_at timestamptz, ends_at timestamptz, generator_url text
             )
         ) with ordinality as told (
             fingerprint, firing, labels, annotations, severity, starts_at, ends_at, generator_url, place
         )
         on conflict (group_hash, fingerprint) where mapped_at is null do update
         set firing = excluded.firing,
             labels = excluded.labels,
             annotations = excluded.annotations,
             severity = excluded.severity,
             starts_at = excluded.starts_at,
             ends_at = excluded.ends_at,
             generator_url = excluded.generator_url,
             heard_at = excluded.heard_at
         where excluded.starts_at > alert_inbox.starts_at
            or (excluded.starts_at = alert_inbox.starts_at and (alert_inbox.firing or not excluded.firing))",
        group.integration.0,
        group.hash,
        serde_json::to_value(told)?,
        &ids,
        group.external_url,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What waits and carries these labels, group by group, locked.
pub(super) async fn take_matching(
    connection: &mut PgConnection,
    matchers: &BTreeMap<String, String>,
) -> Result<Vec<(Group, Vec<Told>)>> {
    let rows = query!(
        r#"select integration_id, group_hash, fingerprint, firing, labels as "labels: Labels",
                  annotations as "annotations: Labels", severity as "severity: Severity", starts_at, ends_at,
                  generator_url, external_url
           from alert_inbox
           where mapped_at is null and labels @> $1
           order by group_hash, fingerprint
           for update"#,
        Json(matchers) as _,
    )
    .fetch_all(connection)
    .await?;
    let mut groups: Vec<(Group, Vec<Told>)> = Vec::new();
    for row in rows {
        let told = Told {
            fingerprint: row.fingerprint,
            firing: row.firing,
            labels: row.labels.0,
            annotations: row.annotations.0,
            severity: row.severity,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            generator_url: row.generator_url,
        };
        match groups.last_mut() {
            Some((group, all)) if group.hash == row.group_hash => all.push(told),
            _ => {
                let integration = IntegrationId(row.integration_id);
                let group = Group { integration, hash: row.group_hash, external_url: row.external_url, ended: None };
                groups.push((group, vec![told]));
            }
        }
    }
    Ok(groups)
}

/// Takes alerts out of the inbox, where they waited there, for they have found their service.
pub(super) async fn leave_inbox(
    connection: &mut PgConnection,
    group: &[u8],
    fingerprints: &[String],
    incident: Option<IncidentId>,
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "update alert_inbox set mapped_at = $4, incident_id = $3
         where group_hash = $1 and fingerprint = any($2) and mapped_at is null",
        group,
        fingerprints,
        incident.map(|id| id.0),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A row of the inbox as Postgres has it.
struct WaitingRow {
    id: Uuid,
    integration_id: Uuid,
    integration_name: String,
    firing: bool,
    labels: Labels,
    annotations: Labels,
    starts_at: OffsetDateTime,
    ends_at: Option<OffsetDateTime>,
    generator_url: Option<String>,
    received_at: OffsetDateTime,
    heard_at: OffsetDateTime,
}

impl From<WaitingRow> for WaitingAlert {
    fn from(row: WaitingRow) -> Self {
        Self {
            id: row.id,
            integration: IntegrationId(row.integration_id),
            integration_name: row.integration_name,
            firing: row.firing,
            labels: row.labels.0,
            annotations: row.annotations.0,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            generator_url: row.generator_url,
            received_at: row.received_at,
            heard_at: row.heard_at,
        }
    }
}

/// What waits, what was heard of last first; `backwards` turns that round.
pub(super) async fn waiting(
    connection: &mut PgConnection,
    after: Option<(OffsetDateTime, Uuid)>,
    backwards: bool,
    limit: i64,
) -> Result<Vec<WaitingAlert>> {
    let (at, id) = after.unzip();
    let rows = if backwards {
        query_as!(
            WaitingRow,
            r#"select alert_inbox.id, integration_id, integration.name as integration_name, firing,
                      labels as "labels: Labels", annotations as "annotations: Labels", starts_at, ends_at,
                      generator_url, received_at, heard_at
               from alert_inbox
               join integration on integration.id = integration_id
               where mapped_at is null and ($1::timestamptz is null or (heard_at, alert_inbox.id) > ($1, $2))
               order by heard_at, alert_inbox.id
               limit $3"#,
            at,
            id,
            limit,
        )
        .fetch_all(connection)
        .await?
    } else {
        query_as!(
            WaitingRow,
            r#"select alert_inbox.id, integration_id, integration.name as integration_name, firing,
                      labels as "labels: Labels", annotations as "annotations: Labels", starts_at, ends_at,
                      generator_url, received_at, heard_at
               from alert_inbox
               join integration on integration.id = integration_id
               where mapped_at is null and ($1::timestamptz is null or (heard_at, alert_inbox.id) < ($1, $2))
               order by heard_at desc, alert_inbox.id desc
               limit $3"#,
            at,
            id,
            limit,
        )
        .fetch_all(connection)
        .await?
    };
    Ok(rows.into_iter().map(Into::into).collect())
}

/// One that waits.
pub(super) async fn waiting_alert(connection: &mut PgConnection, id: Uuid) -> Result<Option<WaitingAlert>> {
    Ok(query_as!(
        WaitingRow,
        r#"select alert_inbox.id, integration_id, integration.name as integration_name, firing,
                  labels as "labels: Labels", annotations as "annotations: Labels", starts_at, ends_at,
                  generator_url, received_at, heard_at
           from alert_inbox
           join integration on integration.id = integration_id
           where mapped_at is null and alert_inbox.id = $1"#,
        id,
    )
    .fetch_optional(connection)
    .await?
    .map(Into::into))
}

/// How many wait, counted to `limit`.
pub(super) async fn count_waiting(connection: &mut PgConnection, limit: i64) -> Result<i64> {
    Ok(query_scalar!(
        r#"select count(*) as "count!" from (select from alert_inbox where mapped_at is null limit $1) as waiting"#,
        limit,
    )
    .fetch_one(connection)
    .await?)
}
