//! What happened around an incident in the same service: the one place where every feature's events are gathered.

use model::{
    EntityRef, Incident, Nearby, NearbySource,
    findings::{Decision, FindingEventKind},
};
use time::Duration;

use super::effects;
use crate::{
    audit,
    authz::{ActionName, Resource, Snapshot},
    environments,
    error::Result,
    findings,
};

/// What led to an incident lies mostly in the hours before it.
const BEFORE: Duration = Duration::hours(24);
/// What followed from it.
const AFTER: Duration = Duration::hours(1);
/// The most of each source.
const EACH: i64 = 50;

/// The events of other features near `incident`, as far as the reader may see them, the oldest first.
pub(super) async fn read(snapshot: &mut Snapshot, incident: &Incident) -> Result<Vec<Nearby>> {
    let Some(entity) = incident.entity else { return Ok(Vec::new()) };
    let from = incident.started_at.min(incident.opened_at) - BEFORE;
    let to = incident.resolved_at.unwrap_or(incident.heard_at.max(incident.opened_at)) + AFTER;
    let mut nearby = Vec::new();

    // whoever may see one incident of a service may see the others
    let mut visible = snapshot.visible(ActionName::IncidentRead)?;
    let others = effects::events_between(&mut visible, entity, from, to, EACH).await?;
    nearby.extend(others.into_iter().filter(|event| event.href.as_deref() != Some(incident.href().as_str())));

    let mut visible = snapshot.visible(ActionName::FindingRead)?;
    if visible.scope.covers(&incident.facts()) {
        for event in findings::effects::events_between(&mut visible, entity, from, to).await? {
            let title = format!("{} finding {}: {}", event.severity.label(), said(event.kind), event.title);
            let href = Some(format!("/security/findings/{}", event.finding));
            nearby.push(Nearby { at: event.at, source: NearbySource::Finding, title, href });
        }
        // what asks the gate is about to deploy
        for verdict in findings::effects::verdicts_between(&mut visible, entity, from, to, EACH).await? {
            let title = match verdict.decision {
                Decision::Allow => "Deployment allowed by the gate".to_owned(),
                Decision::Deny => format!("Deployment halted by the gate: {}", verdict.reason),
            };
            let href = verdict.service.parse::<EntityRef>().ok().map(|service| format!("{}/security", service.href()));
            nearby.push(Nearby { at: verdict.at, source: NearbySource::Deployment, title, href });
        }
    }

    let mut visible = snapshot.visible(ActionName::EnvironmentRead)?;
    let scope = visible.scope.clone();
    for moment in environments::effects::events_between(&mut visible, &scope, entity, from, to, EACH).await? {
        let title = format!("Environment {} {}", moment.name, moment.what);
        let href = Some(format!("/environments/{}", moment.name));
        nearby.push(Nearby { at: moment.at, source: NearbySource::Environment, title, href });
    }

    let mut visible = snapshot.visible(ActionName::AuditRead)?;
    let scope = visible.scope.clone();
    for change in audit::effects::changes_of(&mut visible, &scope, entity, from, to, EACH).await? {
        nearby.push(Nearby { at: change.at, source: NearbySource::Change, title: change.in_words(), href: None });
    }

    nearby.sort_by_key(|event| event.at);
    Ok(nearby)
}

const fn said(kind: FindingEventKind) -> &'static str {
    match kind {
        FindingEventKind::Opened => "opened",
        FindingEventKind::Closed => "closed",
        FindingEventKind::Reopened => "reopened",
        FindingEventKind::SeverityChanged => "rated anew",
    }
}
