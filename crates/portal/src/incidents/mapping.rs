//! Which service an alert belongs to: by its label `service`, else by a rule that somebody made, else nobody knows yet
//! and it waits in the inbox.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{AlertReceipt, AlertRule, EntityId, Page, PageRequest, WaitingAlert};
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    alerts::Told,
    intake::{self, Group},
    sql,
};
use crate::{
    Portal,
    audit::Change,
    authz::{Action, ActionName, Actor, Facts, ORGANISATION, Organisation},
    catalog::{self, Entity},
    error::{Error, OnConstraint, Result},
    page::{COUNT_LIMIT, Window},
};

/// The label by which an alert names its service.
const SERVICE: &str = "service";
/// Labels whose value is often a service's name, the most telling first: those that Prometheus' service discovery and
/// Kubernetes' recommended labels give.
const TELLING: [&str; 8] =
    ["service", "app_kubernetes_io_name", "app", "deployment", "container", "job", "component", "namespace"];
const MAX_MATCHERS: usize = 8;
/// Of the matchers together, in bytes.
const MAX_MATCHERS_SIZE: usize = 2000;

/// Making and removing rules.
pub struct Map;

impl Action for Map {
    const NAME: ActionName = ActionName::AlertMap;
    type Target = Organisation;
    type Change = Mapped;
}

/// What the record says of a rule.
#[derive(Clone, Debug, Serialize)]
pub struct Mapped {
    #[serde(flatten)]
    pub change: Change<AlertRule>,
    /// What became of the alerts that waited for it.
    pub receipt: AlertReceipt,
}

/// An alert in the inbox, with what could be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub alert: WaitingAlert,
    /// The labels that a rule would best go by.
    pub matchers: BTreeMap<String, String>,
    /// The service that one of its labels names.
    pub suggestion: Option<Entity>,
}

/// Gives each alert to its service, and keeps in the inbox those that have none.
pub(super) async fn sort_out(
    portal: &Portal,
    connection: &mut PgConnection,
    group: &Group,
    told: Vec<Told>,
) -> Result<AlertReceipt> {
    // a rule made meanwhile would miss what this delivery puts into the inbox
    sql::lock_rules_shared(connection).await?;
    let rules = sql::rules(connection).await?;
    let mut named = HashMap::<String, Option<Entity>>::new();
    let mut waiting = Vec::new();
    let mut by_service = BTreeMap::<EntityId, (Entity, Vec<Told>)>::new();
    for one in told {
        match service_of(connection, &one, &rules, &mut named).await? {
            Some(entity) => by_service.entry(entity.id).or_insert_with(|| (entity, Vec::new())).1.push(one),
            None => waiting.push(one),
        }
    }
    let mut receipt = AlertReceipt { waiting: waiting.len(), ..AlertReceipt::default() };
    let now = portal.clock.now();
    sql::put_waiting(connection, portal, group, &waiting, now).await?;
    for (entity, told) in by_service.into_values() {
        give(portal, connection, group, &entity, &told, &mut receipt).await?;
    }
    Ok(receipt)
}

/// Gives alerts to a service, and takes them out of the inbox where they waited there.
async fn give(
    portal: &Portal,
    connection: &mut PgConnection,
    group: &Group,
    entity: &Entity,
    told: &[Told],
    receipt: &mut AlertReceipt,
) -> Result<()> {
    let incident = intake::take(portal, connection, group, entity, told, receipt).await?;
    let fingerprints: Vec<String> = told.iter().map(|told| told.fingerprint.clone()).collect();
    sql::leave_inbox(connection, &group.hash, &fingerprints, incident, portal.clock.now()).await
}

async fn service_of(
    connection: &mut PgConnection,
    told: &Told,
    rules: &[AlertRule],
    named: &mut HashMap<String, Option<Entity>>,
) -> Result<Option<Entity>> {
    if let Some(name) = told.labels.get(SERVICE)
        && let Some(entity) = entity_named(connection, name, named).await?
    {
        return Ok(Some(entity));
    }
    match rules.iter().find(|rule| matches(&rule.matchers, &told.labels)) {
        Some(rule) => catalog::effects::entity(connection, rule.entity).await,
        None => Ok(None),
    }
}

/// Each name is looked up once.
async fn entity_named(
    connection: &mut PgConnection,
    name: &str,
    named: &mut HashMap<String, Option<Entity>>,
) -> Result<Option<Entity>> {
    if let Some(found) = named.get(name) {
        return Ok(found.clone());
    }
    let found = catalog::effects::service_named(connection, name).await?;
    named.insert(name.to_owned(), found.clone());
    Ok(found)
}

fn matches(matchers: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    matchers.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// Says that alerts with these labels belong to a service. Those that wait become its incidents at once.
///
/// # Errors
/// `Invalid` for no or too many matchers or an unknown service, `Conflict` where there is a rule for the same labels.
pub async fn map(
    portal: &Portal,
    actor: &Actor,
    matchers: BTreeMap<String, String>,
    service: &str,
) -> Result<(AlertRule, AlertReceipt)> {
    let matchers = checked(matchers)?;
    let mut permit = portal.authorize(actor, Map, ORGANISATION).await?;
    let unknown = || Error::invalid("service", "there is no such service in the catalog");
    let entity = catalog::effects::service_named(&mut permit, service).await?.ok_or_else(unknown)?;
    sql::lock_rules(&mut permit).await?;
    let rule = AlertRule {
        id: portal.rng.id(&portal.clock),
        matchers,
        entity: entity.id,
        service: entity.reference_text(),
        created_by: actor.person_id(),
        created_at: portal.clock.now(),
    };
    sql::insert_rule(&mut permit, &rule).await.on_constraint("alert_rule_matchers_key", || {
        Error::Conflict("there is a rule for exactly these labels already; remove it first".to_owned())
    })?;
    let mut receipt = AlertReceipt::default();
    for (group, told) in sql::take_matching(&mut permit, &rule.matchers).await? {
        give(portal, &mut permit, &group, &entity, &told, &mut receipt).await?;
    }
    permit.commit(Mapped { change: Change::created(rule.clone()), receipt: receipt.clone() }).await?;
    Ok((rule, receipt))
}

/// Removes a rule; what it has given to services stays there.
///
/// # Errors
/// `NotFound` where there is none.
pub async fn unmap(portal: &Portal, actor: &Actor, rule: Uuid) -> Result<AlertRule> {
    let mut permit = portal.authorize(actor, Map, ORGANISATION).await?;
    sql::lock_rules(&mut permit).await?;
    let rules = sql::rules(&mut permit).await?;
    let removed = rules.into_iter().find(|found| found.id == rule).ok_or(Error::NotFound("alert rule"))?;
    sql::delete_rule(&mut permit, rule).await?;
    permit.commit(Mapped { change: Change::removed(removed.clone()), receipt: AlertReceipt::default() }).await?;
    Ok(removed)
}

/// The rules, those with the most labels first, as they are tried; none for who may not see every incident.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn rules(portal: &Portal, actor: &Actor) -> Result<Vec<AlertRule>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::IncidentRead)?;
    if visible.scope.everything { sql::rules(&mut visible).await } else { Ok(Vec::new()) }
}

/// What waits for a rule, what was heard of last first. It belongs to nobody yet, so only who may see every incident
/// sees it.
///
/// # Errors
/// `Invalid` for a cursor of another list.
pub async fn inbox(portal: &Portal, actor: &Actor, request: &PageRequest) -> Result<Page<Waiting>> {
    let window = Window::<(OffsetDateTime, Uuid)>::open(portal, "alert inbox", &(), request)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::IncidentRead)?;
    if !visible.scope.everything {
        return Ok(Page::empty());
    }
    let after = window.after().copied();
    let rows = sql::waiting(&mut visible, after, window.backwards(), window.limit()).await?;
    let counted = window.counted(rows.len(), sql::count_waiting(&mut visible, COUNT_LIMIT)).await?;
    let page = window.close(rows, counted, |row| (row.heard_at, row.id));
    let named = named_by(&mut visible, page.items.iter()).await?;
    Ok(page.map(|alert| {
        let (matchers, suggestion) = suggestion(&alert, &named);
        Waiting { alert, matchers, suggestion }
    }))
}

/// One alert of the inbox.
///
/// # Errors
/// `NotFound` where there is none that waits, or for who may not see the inbox.
pub async fn waiting_alert(portal: &Portal, actor: &Actor, id: Uuid) -> Result<Waiting> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::IncidentRead)?;
    let none = Error::NotFound("waiting alert");
    if !visible.scope.everything {
        return Err(none);
    }
    let alert = sql::waiting_alert(&mut visible, id).await?.ok_or(none)?;
    let named = named_by(&mut visible, [&alert]).await?;
    let (matchers, suggestion) = suggestion(&alert, &named);
    Ok(Waiting { alert, matchers, suggestion })
}

/// Whether the actor may make rules: for what a page offers.
#[must_use]
pub fn may_map(portal: &Portal, actor: &Actor) -> bool {
    let decision = portal.policies.decide(actor, ActionName::AlertMap, ORGANISATION, &Facts::default());
    decision.is_ok_and(|decision| decision.allowed)
}

/// How many alerts wait; none for who may not see the inbox.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn waiting(portal: &Portal, actor: &Actor) -> Result<Option<i64>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::IncidentRead)?;
    if !visible.scope.everything {
        return Ok(None);
    }
    sql::count_waiting(&mut visible, COUNT_LIMIT).await.map(Some)
}

/// What the labels of these alerts name in the catalog, in one question.
async fn named_by(
    connection: &mut PgConnection,
    alerts: impl IntoIterator<Item = &WaitingAlert>,
) -> Result<HashMap<String, Entity>> {
    let told = alerts.into_iter().flat_map(|alert| TELLING.iter().filter_map(|name| alert.labels.get(*name)));
    let names: BTreeSet<&String> = told.collect();
    catalog::effects::services_named(connection, &names.into_iter().cloned().collect::<Vec<_>>()).await
}

/// The labels that a rule for this alert would best go by, and the service that they name.
fn suggestion(alert: &WaitingAlert, named: &HashMap<String, Entity>) -> (BTreeMap<String, String>, Option<Entity>) {
    let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    for name in TELLING {
        if let Some(value) = alert.labels.get(name)
            && let Some(entity) = named.get(value)
        {
            return (one(name, value), Some(entity.clone()));
        }
    }
    let telling = TELLING.into_iter().chain(["alertname"]).find_map(|name| Some((name, alert.labels.get(name)?)));
    (telling.map(|(name, value)| one(name, value)).unwrap_or_default(), None)
}

fn checked(matchers: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let wrong = |message: String| Err(Error::invalid("matchers", message));
    if matchers.is_empty() {
        return wrong("choose at least one label: a rule without any would take every alert".to_owned());
    }
    if matchers.len() > MAX_MATCHERS {
        return wrong(format!("choose at most {MAX_MATCHERS} labels"));
    }
    if matchers.iter().any(|(name, value)| name.is_empty() || name.contains('\0') || value.contains('\0')) {
        return wrong("a label has a name, and neither name nor value holds a NUL".to_owned());
    }
    if matchers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_MATCHERS_SIZE {
        return wrong(format!("the labels together are longer than {MAX_MATCHERS_SIZE} bytes; choose fewer"));
    }
    Ok(matchers)
}
