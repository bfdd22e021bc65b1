//! The list of incidents: one statement, built from the filter.

use model::{EntityId, Incident, IncidentFilter, IncidentId, IncidentSort, IntegrationId, PersonId, Severity, TeamId};
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;

use super::sql;
use crate::{authz::Scope, error::Result, page::Window};

/// What the list is sorted by: the severity where it is, a time, and the id.
pub(super) type Key = (Option<Severity>, OffsetDateTime, IncidentId);

#[derive(FromRow)]
pub(super) struct Row {
    id: IncidentId,
    number: i64,
    entity_id: Option<EntityId>,
    service: String,
    owner_id: Option<TeamId>,
    owner_name: Option<String>,
    restricted: bool,
    integration_id: Option<IntegrationId>,
    integration_name: Option<String>,
    severity: Severity,
    state: String,
    title: String,
    summary: String,
    alerts: i32,
    firing: i32,
    external_url: Option<String>,
    started_at: OffsetDateTime,
    opened_at: OffsetDateTime,
    heard_at: OffsetDateTime,
    acknowledged_at: Option<OffsetDateTime>,
    acknowledged_by: Option<PersonId>,
    resolved_at: Option<OffsetDateTime>,
    resolved_by: Option<PersonId>,
    resolution: Option<String>,
    note: Option<String>,
    former: Option<i64>,
}

impl Row {
    pub fn incident(self) -> Result<Incident> {
        Ok(Incident {
            id: self.id,
            number: self.number,
            entity: self.entity_id,
            service: self.service,
            owner: self.owner_id,
            owner_name: self.owner_name,
            restricted: self.restricted,
            integration: self.integration_id,
            integration_name: self.integration_name,
            severity: self.severity,
            state: sql::state(&self.state)?,
            title: self.title,
            summary: self.summary,
            alerts: self.alerts,
            firing: self.firing,
            external_url: self.external_url,
            started_at: self.started_at,
            opened_at: self.opened_at,
            heard_at: self.heard_at,
            acknowledged_at: self.acknowledged_at,
            acknowledged_by: self.acknowledged_by,
            resolved_at: self.resolved_at,
            resolved_by: self.resolved_by,
            resolution: self.resolution.as_deref().map(sql::resolution).transpose()?,
            note: self.note,
            former: self.former,
        })
    }
}

/// Where an incident stands in the list.
pub(super) fn key(of: &Incident, sort: IncidentSort) -> Key {
    match sort {
        IncidentSort::Opened => (None, of.opened_at, of.id),
        IncidentSort::Severity => (Some(of.severity), of.opened_at, of.id),
        IncidentSort::Heard => (None, of.heard_at, of.id),
    }
}

/// The rows of one window, or of the whole list from its beginning where there is none.
pub(super) async fn rows(
    connection: &mut PgConnection,
    scope: &Scope,
    filter: &IncidentFilter,
    entity: Option<EntityId>,
    window: Option<&Window<'_, Key>>,
    limit: i64,
) -> Result<Vec<Row>> {
    let mut query = QueryBuilder::new(
        "select incident.id, number, entity_id, service, incident.owner_id, team.name as owner_name, restricted,
                integration_id, integration.name as integration_name, severity, state, title, summary, alerts, firing,
                external_url, started_at, opened_at, heard_at, acknowledged_at, acknowledged_by,
                resolved_at, resolved_by, resolution, note,
                (select former.number from incident as former where former.id = incident.former_id) as former
         from incident
         left join team on team.id = incident.owner_id
         left join integration on integration.id = integration_id
         where ",
    );
    push_condition(&mut query, scope, filter, entity);
    let backwards = window.is_some_and(Window::backwards);
    let (compare, direction) = if backwards { (">", "asc") } else { ("<", "desc") };
    let columns: &[&str] = match filter.sort {
        IncidentSort::Opened => &["opened_at", "incident.id"],
        IncidentSort::Severity => &["severity", "opened_at", "incident.id"],
        IncidentSort::Heard => &["heard_at", "incident.id"],
    };
    if let Some((severity, at, id)) = window.and_then(Window::after) {
        query.push(format_args!(" and ({}) {compare} (", columns.join(", ")));
        if let Some(severity) = severity {
            query.push_bind(*severity).push(", ");
        }
        query.push_bind(*at).push(", ").push_bind(id.0).push(")");
    }
    let order: Vec<String> = columns.iter().map(|column| format!("{column} {direction}")).collect();
    query.push(format_args!(" order by {} limit ", order.join(", "))).push_bind(limit);
    Ok(query.build_query_as().fetch_all(connection).await?)
}

/// How many there are, counted to `limit`.
pub(super) async fn count(
    connection: &mut PgConnection,
    scope: &Scope,
    filter: &IncidentFilter,
    entity: Option<EntityId>,
    limit: i64,
) -> Result<i64> {
    let mut query = QueryBuilder::new(
        "select count(*) from (select from incident left join team on team.id = incident.owner_id where ",
    );
    push_condition(&mut query, scope, filter, entity);
    query.push(" limit ").push_bind(limit).push(") as counted");
    Ok(query.build_query_scalar().fetch_one(connection).await?)
}

fn push_condition(
    query: &mut QueryBuilder<Postgres>,
    scope: &Scope,
    filter: &IncidentFilter,
    entity: Option<EntityId>,
) {
    push_scope(query, scope);
    if let Some(entity) = entity {
        query.push(" and entity_id = ").push_bind(entity.0);
    }
    if !filter.states.is_empty() {
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        query.push(" and state = any(").push_bind(states).push(")");
    }
    if !filter.severities.is_empty() {
        query.push(" and severity = any(").push_bind(filter.severities.clone()).push(")");
    }
    if !filter.owners.is_empty() {
        query.push(" and team.name = any(").push_bind(filter.owners.clone()).push(")");
    }
    for word in filter.text.as_deref().unwrap_or_default().split_whitespace() {
        query
            .push(" and lower(title || ' ' || service) like ")
            .push_bind(format!("%{}%", escaped(&word.to_lowercase())));
    }
}

/// The rule of [`Scope::covers`], with only as much of it as this scope needs.
fn push_scope(query: &mut QueryBuilder<Postgres>, scope: &Scope) {
    if scope.everything {
        query.push("true");
        return;
    }
    query.push("(false");
    if scope.unrestricted {
        query.push(" or not restricted");
    }
    if !scope.teams.is_empty() {
        query.push(" or incident.owner_id = any(").push_bind(scope.team_ids()).push(")");
    }
    if !scope.entities.is_empty() {
        query.push(" or entity_id = any(").push_bind(scope.entity_ids()).push(")");
    }
    query.push(")");
}

/// `text` as a pattern that means itself.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
