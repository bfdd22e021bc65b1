//! From alerts to incidents: one at a time for the same group of the same service, whatever is repeated or late.

use std::collections::{BTreeMap, HashSet};

use model::{AlertReceipt, IncidentEventKind, IncidentId, IntegrationId, Severity};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    alerts::{self, Known, News, Told},
    sql,
};
use crate::{
    Portal,
    catalog::Entity,
    error::Result,
    live::{Topic, announce},
};

/// Where alerts come from, and the sender's name for their group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub integration: IntegrationId,
    pub hash: Vec<u8>,
    pub external_url: Option<String>,
    /// The whole group ended, the last of it then: what it no longer mentions has ended as well.
    pub ended: Option<OffsetDateTime>,
}

/// Alerts sorted by what is to be told of them.
struct Sorted<'a> {
    fired: Vec<&'a Told>,
    ended: Vec<&'a Told>,
    same: Vec<&'a Told>,
}

/// Adds what is new in `told` to the incident of this group and service, opening or resolving it; the incident that
/// the alerts belong to, where there is one.
/// The caller has locked the sender, so that no two deliveries of one group meet.
pub(super) async fn take(
    portal: &Portal,
    connection: &mut PgConnection,
    group: &Group,
    entity: &Entity,
    told: &[Told],
    receipt: &mut AlertReceipt,
) -> Result<Option<IncidentId>> {
    // once this transaction commits, whatever becomes of the incident
    crate::scorecards::effects::changed(connection, entity.id).await?;
    if let Some(live) = sql::live(connection, &group.hash, entity.id).await? {
        update(portal, connection, group, &live, told, receipt).await?;
        return Ok(Some(live.id));
    }
    let former = sql::latest(connection, &group.hash, entity.id).await?;
    let known = match &former {
        Some(former) => sql::known(connection, former.id).await?,
        None => BTreeMap::new(),
    };
    let sorted = sort(told, &known);
    if !sorted.fired.is_empty() {
        let id = open(portal, connection, group, entity, &sorted, former.as_ref(), receipt).await?;
        return Ok(Some(id));
    }
    match former {
        // resolved by somebody while it fired; or told again
        Some(former) if sorted.ended.iter().all(|ended| known.contains_key(&ended.fingerprint)) => {
            update(portal, connection, group, &former, told, receipt).await?;
            Ok(Some(former.id))
        }
        // it began and ended without our hearing of it
        former if !sorted.ended.is_empty() => {
            let id = open(portal, connection, group, entity, &sorted, former.as_ref(), receipt).await?;
            Ok(Some(id))
        }
        former => {
            receipt.repeated += told.len();
            Ok(former.map(|former| former.id))
        }
    }
}

fn sort<'a>(told: &'a [Told], known: &BTreeMap<String, Known>) -> Sorted<'a> {
    let mut sorted = Sorted { fired: Vec::new(), ended: Vec::new(), same: Vec::new() };
    for one in told {
        match one.news(known.get(&one.fingerprint)) {
            News::Fired => sorted.fired.push(one),
            News::Ended => sorted.ended.push(one),
            News::Same => sorted.same.push(one),
            News::Stale => {}
        }
    }
    sorted
}

/// Opens an incident; where all of its alerts have ended already, it is resolved at once.
async fn open(
    portal: &Portal,
    connection: &mut PgConnection,
    group: &Group,
    entity: &Entity,
    sorted: &Sorted<'_>,
    former: Option<&sql::Current>,
    receipt: &mut AlertReceipt,
) -> Result<IncidentId> {
    let now = portal.clock.now();
    let news: Vec<&Told> = sorted.fired.iter().chain(&sorted.ended).copied().collect();
    let telling = if sorted.fired.is_empty() { &sorted.ended } else { &sorted.fired };
    let new = sql::New {
        id: portal.rng.id(&portal.clock),
        entity,
        group,
        severity: telling.iter().map(|told| told.severity).max().unwrap_or(Severity::Medium),
        title: &alerts::title(telling),
        summary: &alerts::summary(telling),
        started_at: news.iter().map(|told| told.starts_at).min().unwrap_or(now),
        former: former.map(|former| former.id),
        now,
    };
    let number = sql::insert(connection, &new).await?;
    sql::put_alerts(connection, new.id, &news, now).await?;
    sql::add_event(connection, new.id, now, IncidentEventKind::Opened, None, "").await?;
    let counts = sql::recount(connection, new.id).await?;
    receipt.opened.push(number);
    if counts.firing == 0 {
        resolve(portal, connection, new.id).await?;
        receipt.resolved.push(number);
    }
    tell(connection, number).await?;
    Ok(new.id)
}

/// Brings an incident up to what was told.
async fn update(
    portal: &Portal,
    connection: &mut PgConnection,
    group: &Group,
    current: &sql::Current,
    told: &[Told],
    receipt: &mut AlertReceipt,
) -> Result<()> {
    let now = portal.clock.now();
    let known = sql::known(connection, current.id).await?;
    let sorted = sort(told, &known);
    let forgotten = forgotten(group, told, &known);
    if sorted.fired.is_empty() && sorted.ended.is_empty() && forgotten.is_empty() {
        receipt.repeated += told.len();
        let same: Vec<String> = sorted.same.iter().map(|told| told.fingerprint.clone()).collect();
        return sql::heard(connection, current.id, &same, now).await;
    }
    let news: Vec<&Told> = sorted.fired.iter().chain(&sorted.ended).chain(&sorted.same).copied().collect();
    sql::put_alerts(connection, current.id, &news, now).await?;
    sql::end_alerts(connection, current.id, &forgotten, group.ended.unwrap_or(now)).await?;
    for (kind, told) in
        [(IncidentEventKind::AlertFired, &sorted.fired), (IncidentEventKind::AlertResolved, &sorted.ended)]
    {
        if let Some(detail) = names(told) {
            sql::add_event(connection, current.id, now, kind, None, &detail).await?;
        }
    }
    let worst = sorted.fired.iter().map(|told| told.severity).max().unwrap_or(current.severity);
    if worst > current.severity {
        let detail = format!("{} → {}", current.severity.label(), worst.label());
        sql::raise(connection, current.id, worst).await?;
        sql::add_event(connection, current.id, now, IncidentEventKind::SeverityRaised, None, &detail).await?;
    }
    let counts = sql::recount(connection, current.id).await?;
    if counts.firing == 0 && current.is_live {
        resolve(portal, connection, current.id).await?;
        receipt.resolved.push(current.number);
    } else {
        receipt.updated.push(current.number);
    }
    sql::heard(connection, current.id, &[], now).await?;
    tell(connection, current.number).await
}

/// Tells the incident's page and the lists, wherever they are open.
pub(super) async fn tell(connection: &mut PgConnection, number: i64) -> Result<()> {
    announce(connection, &Topic::new("incident", number)).await?;
    announce(connection, &Topic::new("incidents", "all")).await
}

/// What fires as far as we know but is no longer part of a group that ended whole.
fn forgotten(group: &Group, told: &[Told], known: &BTreeMap<String, Known>) -> Vec<String> {
    let Some(ended) = group.ended else { return Vec::new() };
    let mentioned: HashSet<&str> = told.iter().map(|told| told.fingerprint.as_str()).collect();
    known
        .iter()
        .filter(|(fingerprint, known)| {
            known.firing && known.starts_at <= ended && !mentioned.contains(fingerprint.as_str())
        })
        .map(|(fingerprint, _)| fingerprint.clone())
        .collect()
}

async fn resolve(portal: &Portal, connection: &mut PgConnection, id: IncidentId) -> Result<()> {
    let now = portal.clock.now();
    sql::resolve_by_alert(connection, id, now).await?;
    sql::add_event(connection, id, now, IncidentEventKind::Resolved, None, "the alerts ended").await
}

/// `Down, Slow and 3 more`; none where there is nothing to name.
fn names(told: &[&Told]) -> Option<String> {
    const NAMED: usize = 3;
    let mut names: Vec<String> = told.iter().map(|told| told.name()).collect();
    names.sort();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    match (names.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(names.join(", ")),
        (false, more) => Some(format!("{} and {more} more", names.join(", "))),
    }
}
