//! What is wrong now, and what was: alerts from outside become incidents of services, which people acknowledge and
//! resolve. An alert that matches no service waits in the inbox until a rule says which it belongs to.

mod alerts;
mod around;
pub mod effects;
mod intake;
mod list_sql;
pub mod mapping;
mod sql;
#[cfg(test)]
mod tests;

use model::{
    AlertReceipt, EntityId, Incident, IncidentDetail, IncidentEventKind, IncidentFilter, IncidentState, Integration,
    IntegrationKind, LiveIncidents, Page, PageRequest,
};
use serde::Serialize;
use sqlx::PgConnection;

pub use self::alerts::MAX_DELIVERY;
use self::intake::Group;
use crate::{
    Portal,
    audit::Change,
    authz::{Action, ActionName, Actor, Facts, Lock, Permit, Reference, Resource, ResourceKind, Snapshot},
    catalog,
    error::{Error, OnConstraint, Result},
    integrations,
    page::{COUNT_LIMIT, Window},
};

/// How many an entity's page shows.
pub const OF_ENTITY: i64 = 50;
const MAX_NOTE: usize = 2000;

impl Resource for Incident {
    /// Its number.
    type Id = i64;
    const KIND: ResourceKind = ResourceKind::Incident;

    async fn load(connection: &mut PgConnection, number: &i64, lock: Lock) -> Result<Option<Self>> {
        sql::numbered(connection, *number, lock == Lock::ForUpdate).await
    }

    fn facts(&self) -> Facts {
        Facts { owner: self.owner, entity: self.entity, restricted: self.restricted, ..Facts::default() }
    }

    fn reference(&self) -> Reference {
        Reference { id: self.id.to_string(), name: format!("incident {}", self.number) }
    }
}

/// Delivering alerts through an integration.
pub struct Receive;

impl Action for Receive {
    const NAME: ActionName = ActionName::AlertReceive;
    type Target = Integration;
    type Change = Delivered;
}

/// What the record says of a delivery.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    Taken(AlertReceipt),
    Refused { reason: String },
}

/// Acknowledging, resolving and reopening.
pub struct Handle;

impl Action for Handle {
    const NAME: ActionName = ActionName::IncidentHandle;
    type Target = Incident;
    type Change = Handled;
}

/// What the record says of what somebody did about an incident.
#[derive(Clone, Debug, Serialize)]
pub struct Handled {
    pub what: &'static str,
    pub note: Option<String>,
    #[serde(flatten)]
    pub change: Change<IncidentState>,
}

/// Takes a delivery of alerts: opens, updates and resolves incidents, and keeps in the inbox what matches no service.
/// The same delivery again changes nothing.
///
/// # Errors
/// `Malformed`, `TooLarge` or `Invalid` for what is no delivery, noted on the integration's page; `Conflict` where the
/// integration is not enabled or not one for alerts.
pub async fn receive_alerts(portal: &Portal, actor: &Actor, integration: String, body: &[u8]) -> Result<AlertReceipt> {
    let mut permit = portal.authorize(actor, Receive, integration).await?;
    let (id, name) = (permit.target.id, permit.target.name.clone());
    if permit.target.kind != IntegrationKind::Alertmanager {
        return Err(Error::Conflict(format!("{name} does not take alerts")));
    }
    if let Some(reason) = integrations::effects::shut(&permit.target) {
        return Err(Error::Shut(reason));
    }
    let delivery = match alerts::read(body) {
        Ok(delivery) => delivery,
        Err(error) => return refused(permit, error).await,
    };
    let group = Group {
        integration: id,
        hash: alerts::group_hash(id, &delivery.group_key).to_vec(),
        external_url: delivery.external_url,
        ended: delivery.ended,
    };
    integrations::effects::succeeded(&mut permit, id, portal.clock.now()).await?;
    let receipt = mapping::sort_out(portal, &mut permit, &group, delivery.told).await?;
    permit.commit(Delivered::Taken(receipt.clone())).await?;
    metrics::counter!("rampart_alert_deliveries_total").increment(1);
    Ok(receipt)
}

/// Notes on the integration's page what was wrong with a delivery.
async fn refused<T>(mut permit: Permit<Receive>, error: Error) -> Result<T> {
    let (id, now) = (permit.target.id, permit.portal().clock.now());
    let reason = error.to_string();
    let remedy = "check that the sender is an Alertmanager with a webhook receiver, and that no proxy changes the body";
    integrations::effects::failed(&mut permit, id, now, &reason, remedy).await?;
    permit.commit(Delivered::Refused { reason }).await?;
    Err(error)
}

/// Says that somebody looks at it.
///
/// # Errors
/// `Conflict` where it is acknowledged or resolved already.
pub async fn acknowledge(portal: &Portal, actor: &Actor, number: i64) -> Result<Incident> {
    let permit = portal.authorize(actor, Handle, number).await?;
    match permit.target.state {
        IncidentState::Open => {}
        IncidentState::Acknowledged => return Err(Error::Conflict("it is acknowledged already".to_owned())),
        IncidentState::Resolved => return Err(Error::Conflict("it is resolved already".to_owned())),
    }
    change(permit, IncidentState::Acknowledged, IncidentEventKind::Acknowledged, "acknowledged", None).await
}

/// Says that it is over, and how that came about.
///
/// # Errors
/// `Invalid` for a note over 2,000 characters, `Conflict` where it is resolved already.
pub async fn resolve(portal: &Portal, actor: &Actor, number: i64, note: &str) -> Result<Incident> {
    let note = checked_note(note)?;
    let permit = portal.authorize(actor, Handle, number).await?;
    if permit.target.state == IncidentState::Resolved {
        return Err(Error::Conflict("it is resolved already".to_owned()));
    }
    change(permit, IncidentState::Resolved, IncidentEventKind::Resolved, "resolved", note).await
}

/// Takes back that it is over.
///
/// # Errors
/// `Conflict` where it is not resolved, or where the same alerts have opened another one since.
pub async fn reopen(portal: &Portal, actor: &Actor, number: i64, note: &str) -> Result<Incident> {
    let note = checked_note(note)?;
    let permit = portal.authorize(actor, Handle, number).await?;
    if permit.target.state != IncidentState::Resolved {
        return Err(Error::Conflict("it is not resolved".to_owned()));
    }
    change(permit, IncidentState::Open, IncidentEventKind::Reopened, "reopened", note).await
}

async fn change(
    mut permit: Permit<Handle>,
    to: IncidentState,
    event: IncidentEventKind,
    what: &'static str,
    note: Option<String>,
) -> Result<Incident> {
    let (portal, person) = (permit.portal().clone(), permit.actor().person_id());
    let (before, now) = (permit.target.clone(), portal.clock.now());
    sql::set_state(&mut permit, before.id, to, person, note.as_deref(), now)
        .await
        .on_constraint("incident_live_key", || {
            Error::Conflict("the same alerts have opened another incident since; that one is handled now".to_owned())
        })?;
    let detail = note.clone().unwrap_or_default();
    sql::add_event(&mut permit, before.id, now, event, person, &detail).await?;
    intake::tell(&mut permit, before.number).await?;
    if let Some(entity) = before.entity {
        crate::scorecards::effects::changed(&mut permit, entity).await?;
    }
    let after = sql::numbered(&mut permit, before.number, false).await?.ok_or(Error::NotFound("incident"))?;
    permit.commit(Handled { what, note, change: Change::updated(before.state, to) }).await?;
    Ok(after)
}

/// One page of the incidents that the actor may see.
///
/// # Errors
/// `Invalid` for a cursor of another list.
pub async fn list(
    portal: &Portal,
    actor: &Actor,
    filter: &IncidentFilter,
    request: &PageRequest,
) -> Result<Page<Incident>> {
    let window = Window::<list_sql::Key>::open(portal, "incidents", filter, request)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::IncidentRead)?;
    let scope = visible.scope.clone();
    let entity = match &filter.service {
        Some(name) => match catalog::effects::service_named(&mut visible, name).await? {
            Some(entity) => Some(entity.id),
            None => return Ok(Page::empty()),
        },
        None => None,
    };
    let rows = list_sql::rows(&mut visible, &scope, filter, entity, Some(&window), window.limit()).await?;
    let counted =
        window.counted(rows.len(), list_sql::count(&mut visible, &scope, filter, entity, COUNT_LIMIT)).await?;
    let incidents = rows.into_iter().map(list_sql::Row::incident).collect::<Result<_>>()?;
    Ok(window.close(incidents, counted, |incident| list_sql::key(incident, filter.sort)))
}

/// One incident with its alerts, its history and what happened around it.
///
/// # Errors
/// `NotFound` where there is none that the actor may see.
pub async fn get(portal: &Portal, actor: &Actor, number: i64) -> Result<IncidentDetail> {
    let mut snapshot = portal.snapshot(actor).await?;
    let incident: Incident = snapshot.read(ActionName::IncidentRead, number).await?;
    let may_handle = snapshot.may(ActionName::IncidentHandle, &incident.id.to_string(), &incident.facts())?;
    let nearby = around::read(&mut snapshot, &incident).await?;
    let mut visible = snapshot.visible(ActionName::IncidentRead)?;
    let people = sql::people(&mut visible, incident.acknowledged_by, incident.resolved_by).await?;
    Ok(IncidentDetail {
        alerts: sql::alerts(&mut visible, incident.id).await?,
        events: sql::events(&mut visible, incident.id).await?,
        later: sql::later(&mut visible, incident.id).await?,
        acknowledged_by_name: people.0,
        resolved_by_name: people.1,
        nearby,
        may_handle,
        incident,
    })
}

/// The newest incidents of an entity; none where the reader may not see any of them.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn of_entity(snapshot: &mut Snapshot, entity: EntityId) -> Result<Option<Vec<Incident>>> {
    let mut visible = snapshot.visible(ActionName::IncidentRead)?;
    let scope = visible.scope.clone();
    let found = catalog::effects::entity(&mut visible, entity).await?;
    if !found.is_some_and(|found| scope.covers(&found.facts())) {
        return Ok(None);
    }
    let rows = list_sql::rows(&mut visible, &scope, &IncidentFilter::default(), Some(entity), None, OF_ENTITY).await?;
    rows.into_iter().map(list_sql::Row::incident).collect::<Result<_>>().map(Some)
}

/// How many incidents wait, of those that the actor may see.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn live(portal: &Portal, actor: &Actor) -> Result<LiveIncidents> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::IncidentRead)?;
    let scope = visible.scope.clone();
    effects::live(&mut visible, &scope).await
}

fn checked_note(note: &str) -> Result<Option<String>> {
    let note = note.trim();
    if note.chars().count() > MAX_NOTE || note.contains('\0') {
        return Err(Error::invalid("note", format!("write at most {MAX_NOTE} characters")));
    }
    Ok((!note.is_empty()).then(|| note.to_owned()))
}
