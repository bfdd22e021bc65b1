//! What one sees first: what waits, what is mine and how it is doing, and how the organisation stands.
//!
//! Nothing is kept here. Every number is counted from what the reader may see, most of them from counters that the
//! features keep when they write.

pub mod home;
pub mod organisation;
pub mod running;
mod sql;
#[cfg(test)]
mod tests;

use crate::{
    Portal,
    authz::{ActionName, Actor},
    error::Result,
    requests,
};

pub use self::{
    home::{Home, home},
    organisation::{Organisation, TeamRow, export, organisation},
    running::{Running, running},
};

/// What the frame around every page counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Requests that wait for the actor, counted to 100.
    pub approvals: u32,
    /// Unread messages, counted to 100.
    pub notifications: u32,
    /// Environments of the actor that are being made or removed.
    pub running: u32,
}

/// What waits for the actor, in one statement: every page shows it.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn frame_counts(portal: &Portal, actor: &Actor) -> Result<FrameCounts> {
    let Some(person) = actor.person_id() else { return Ok(FrameCounts::default()) };
    let (scope, mut connection) = portal.glance(actor, ActionName::RequestRead).await?;
    let waiting = |query: &mut _| requests::push_waiting(query, portal, actor, &scope);
    let (approvals, notifications, running) = sql::frame_counts(&mut connection, waiting, person).await?;
    let small = |count: i64| u32::try_from(count).unwrap_or_default();
    Ok(FrameCounts { approvals: small(approvals), notifications: small(notifications), running: small(running) })
}
