//! What changed just now, in this process or in another, for pages that are open: Postgres' NOTIFY, fanned out.
//!
//! A notice only wakes: who gets it reads what it may see. It carries no content, and a lost one only delays.

use std::{fmt, time::Duration};

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

/// What a notice is about: `person:ID`, `environment:ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic(pub String);

impl Topic {
    #[must_use]
    pub fn new(kind: &str, id: impl fmt::Display) -> Self {
        Self(format!("{kind}:{id}"))
    }
}

/// The fan-out of one process. Clones share it.
#[derive(Clone, Debug)]
pub struct Live(broadcast::Sender<Topic>);

impl Live {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }

    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Topic> {
        self.0.subscribe()
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
    loop {
        let notice = listener.recv().await?;
        // nobody listening is fine
        let _ = portal.live.0.send(Topic(notice.payload().to_owned()));
    }
}
