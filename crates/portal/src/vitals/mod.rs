//! How the portal is doing, for its metrics: the queue, what is to be delivered, connections.

mod sql;

use std::time::Duration;

use crate::{
    Portal,
    authz::{ActionName, Actor, ORGANISATION, Organisation},
    error::{Error, Result},
};

/// A scrape does not wait longer for the database.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the database knows, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Jobs that are due and that nobody does yet.
    pub jobs_due: i64,
    /// Seconds since the first of them was due; 0 where there is none.
    pub jobs_oldest_seconds: f64,
    pub jobs_running: i64,
    /// Jobs that failed so often that they are not tried again.
    pub jobs_given_up: i64,
    /// Mail and webhooks that are still to be delivered.
    pub deliveries_pending: i64,
    /// Mail and webhooks that were given up; a person can try them again.
    pub deliveries_failed: i64,
}

/// This process's connections to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    pub open: u32,
    pub idle: u32,
    pub most: u32,
}

/// Whether the actor may read metrics.
///
/// # Errors
/// `Unauthenticated` and `Forbidden` for who may not, which is recorded.
pub async fn admit(portal: &Portal, actor: &Actor) -> Result<()> {
    portal.read::<Organisation>(actor, ActionName::MetricsRead, ORGANISATION).await.map(drop)
}

/// What waits and what failed.
///
/// # Errors
/// `Unavailable` where the database does not answer in time.
pub async fn work(portal: &Portal) -> Result<Work> {
    let asked = async {
        let mut tx = portal.db.begin_snapshot().await?;
        sql::work(&mut tx, portal.clock.now()).await
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| Err(Error::Unavailable("the database does not answer in time".to_owned())))
}

/// The connections that this process holds.
#[must_use]
pub fn pool(portal: &Portal) -> Pool {
    portal.db.pool_use()
}
