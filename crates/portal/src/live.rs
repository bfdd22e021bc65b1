//! What changed just now, in this process or in another, for pages that are open: Postgres' NOTIFY, fanned out.
//!
//! A notice only wakes: who gets it reads what it may see. It carries no content, and a lost one only delays.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{EntityId, EnvironmentId, Incident, Integration, PersonId, request::RequestNumber};
use sqlx::{PgConnection, query};
use tokio::sync::broadcast;

use crate::{
    Portal, Snapshot,
    authz::{ActionName, Actor, Lock, Resource},
    catalog::Entity,
    environments::{Environment, EnvironmentKey},
    error::Result,
    requests::Request,
};

const CHANNEL: &str = "rampart_live";
/// How many notices a slow page may be behind before it is told to read everything again.
const BACKLOG: usize = 256;
/// What a page of whatever topics is told where notices may have been missed.
const EVERYTHING: &str = "*";

/// What a notice is about: `person:ID`, `environment:ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic(pub String);

impl Topic {
    #[must_use]
    pub fn new(kind: &str, id: impl fmt::Display) -> Self {
        Self(format!("{kind}:{id}"))
    }

    /// Every page should look at all of its topics again: some notices may have been missed.
    #[must_use]
    pub fn everything() -> Self {
        Self(EVERYTHING.to_owned())
    }

    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0 == EVERYTHING
    }
}

/// The fan-out of one process. Clones share it.
///
/// A page is made at one moment and begins to listen at a later one. It carries the [`mark`](Self::mark) of the first,
/// and is told at the second what it missed.
#[derive(Clone, Debug)]
pub struct Live(Arc<FanOut>);

#[derive(Debug)]
struct FanOut {
    /// Marks of another process, or of this one before it was started again, are none of ours.
    process: u64,
    listeners: broadcast::Sender<Topic>,
    told: Mutex<Told>,
}

/// The last notices, the newest at the end, and how many there ever were.
#[derive(Debug, Default)]
struct Told {
    count: u64,
    last: VecDeque<Topic>,
}

impl Live {
    pub(crate) fn new(process: u64) -> Self {
        let (listeners, _) = broadcast::channel(BACKLOG);
        Self(Arc::new(FanOut { process, listeners, told: Mutex::default() }))
    }

    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Topic> {
        self.0.listeners.subscribe()
    }

    /// This moment, for [`since`](Self::since). To be taken before a page reads what it shows.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("{:x}.{}", self.0.process, self.told().count)
    }

    /// What was told since the mark; everything where that is not known any more.
    #[must_use]
    pub fn since(&self, mark: &str) -> Vec<Topic> {
        let told = self.told();
        let missed = mark
            .split_once('.')
            .filter(|(process, _)| u64::from_str_radix(process, 16) == Ok(self.0.process))
            .and_then(|(_, count)| usize::try_from(told.count.checked_sub(count.parse().ok()?)?).ok())
            .and_then(|missed| told.last.len().checked_sub(missed));
        missed.map_or_else(|| vec![Topic::everything()], |from| told.last.range(from..).cloned().collect())
    }

    fn tell(&self, topic: Topic) {
        let mut told = self.told();
        told.count += 1;
        told.last.push_back(topic.clone());
        if told.last.len() > BACKLOG {
            told.last.pop_front();
        }
        drop(told);
        // nobody listening is fine
        let _ = self.0.listeners.send(topic);
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the actor may hear of a topic: their own, and those of what they may see. A notice has no content, but that
/// something happens at all is for nobody else.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn may_follow(portal: &Portal, actor: &Actor, topics: &[Topic]) -> Result<Vec<bool>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut may = Vec::with_capacity(topics.len());
    for topic in topics {
        may.push(follows(&mut snapshot, topic).await?);
    }
    Ok(may)
}

async fn follows(snapshot: &mut Snapshot, topic: &Topic) -> Result<bool> {
    let Some((kind, id)) = topic.0.split_once(':') else { return Ok(false) };
    let Some(own) = snapshot.actor().person_id() else { return Ok(false) };
    match kind {
        "person" => Ok(id.parse::<PersonId>().is_ok_and(|person| person == own)),
        "catalog" => Ok(true),
        "request" => sees::<Request>(snapshot, ActionName::RequestRead, id.parse::<RequestNumber>().ok()).await,
        "environment" => {
            let key = id.parse::<EnvironmentId>().ok().map(EnvironmentKey::Id);
            sees::<Environment>(snapshot, ActionName::EnvironmentRead, key).await
        }
        "findings" => sees::<Entity>(snapshot, ActionName::FindingRead, id.parse::<EntityId>().ok()).await,
        "incident" => sees::<Incident>(snapshot, ActionName::IncidentRead, id.parse::<i64>().ok()).await,
        // that some incident changed, not which
        "incidents" => Ok(true),
        "integration" => sees::<Integration>(snapshot, ActionName::IntegrationRead, Some(id.to_owned())).await,
        _ => Ok(false),
    }
}

/// Asks without a record: nobody is refused anything here.
async fn sees<R: Resource>(snapshot: &mut Snapshot, action: ActionName, id: Option<R::Id>) -> Result<bool> {
    let Some(id) = id else { return Ok(false) };
    let Some(thing) = R::load(&mut *snapshot.visible(action)?, &id, Lock::None).await? else { return Ok(false) };
    snapshot.may(action, &thing.reference().id, &thing.facts())
}

/// Tells every process once this transaction commits.
pub(crate) async fn announce(connection: &mut PgConnection, topic: &Topic) -> Result<()> {
    query!("select pg_notify($1, $2)", CHANNEL, topic.0).execute(connection).await?;
    Ok(())
}

/// Listens until `stop` completes, reconnecting where the connection is lost.
pub async fn listen(portal: Portal, stop: tokio_util::sync::CancellationToken) {
    while !stop.is_cancelled() {
        let lost = tokio::select! {
            () = stop.cancelled() => return,
            lost = forward(&portal) => lost,
        };
        if let Err(error) = lost {
            tracing::warn!(%error, "live notices are interrupted; connecting again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

async fn forward(portal: &Portal) -> Result<()> {
    let mut listener = portal.db.listen().await?.into_listener();
    listener.listen(CHANNEL).await?;
    // what was told before this process listened is not known here
    portal.live.tell(Topic::everything());
    loop {
        let notice = listener.recv().await?;
        portal.live.tell(Topic(notice.payload().to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(at: usize) -> Topic {
        Topic::new("incident", at)
    }

    #[test]
    fn what_happens_between_the_making_of_a_page_and_its_listening_is_told_to_it() {
        let live = Live::new(7);
        live.tell(topic(1));
        let page = live.mark();
        assert_eq!(live.since(&page), []);
        live.tell(topic(2));
        live.tell(topic(3));
        assert_eq!(live.since(&page), [topic(2), topic(3)]);
        assert_eq!(live.since(&live.mark()), []);
    }

    #[test]
    fn a_page_of_long_ago_or_of_another_process_looks_at_everything() {
        let live = Live::new(7);
        let page = live.mark();
        (0..BACKLOG).for_each(|at| live.tell(topic(at)));
        assert_eq!(live.since(&page).len(), BACKLOG);
        live.tell(topic(BACKLOG));
        for mark in [page.as_str(), &Live::new(8).mark(), "7.999999", "7.", "", "7.-1"] {
            assert_eq!(live.since(mark), [Topic::everything()], "{mark}");
        }
    }
}
