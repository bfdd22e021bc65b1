//! Sending what people and webhooks are to get: one attempt at a time, later each time, and given up after a day. What
//! goes through an integration that is not enabled waits for it.

use std::time::Duration;

use model::{DeliveryId, IntegrationKind};
use time::OffsetDateTime;

use super::{
    mail, shape,
    sql::{self, Due, Receiver},
};
use crate::{
    Portal,
    error::{Error, Result},
    integrations::effects::{self as integrations, Passage, Usable},
    jobs::{self, Job},
};

/// How long to wait after the first, the second, … attempt; after the last one the delivery is given up.
const WAITS: [Duration; 8] = [
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(3 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(12 * 60 * 60),
];
/// An attempt whose process died is made again after this time; longer than any attempt takes.
const ATTEMPT: Duration = Duration::from_secs(60);
const MAX_ERROR_CHARS: usize = 300;
/// What waits longer than this for its integration is given up: nobody wants such old news.
const MAX_HELD: time::Duration = time::Duration::days(7);

/// Makes the attempt that is due; none where there is none.
///
/// # Errors
/// `Unavailable` where the database does not answer. What goes wrong with the delivery itself is kept with it.
pub(crate) async fn run(portal: &Portal, id: DeliveryId) -> Result<()> {
    let now = portal.clock.now();
    let mut tx = portal.db.notices().await?;
    let Some(due) = sql::open_delivery(&mut tx, id).await? else { return Ok(()) };
    if due.next_at > now {
        return Ok(());
    }
    let passage = match due.receiver {
        Receiver::Mail { .. } => Some(integrations::passage_of(portal, &mut tx, IntegrationKind::Mail).await?),
        Receiver::Post(integration) => Some(integrations::passage(portal, &mut tx, integration).await?),
        Receiver::Gone => None,
    };
    let through = match passage {
        Some(Passage::Open(usable)) => Some(usable),
        Some(Passage::Shut(reason)) => {
            sql::hold(&mut tx, id, due.next_at, &reason).await?;
            metrics::counter!("rampart_deliveries_total", "outcome" => "held").increment(1);
            return tx.commit().await;
        }
        None => None,
    };
    if !sql::begin_attempt(&mut tx, id, due.next_at, now + ATTEMPT).await? {
        return Ok(());
    }
    tx.commit().await?;

    let sent = send(portal, &due, through.as_deref()).await;
    let mut tx = portal.db.notices().await?;
    if let Some(usable) = &through {
        note(portal, &mut tx, usable, sent.as_ref().err()).await?;
    }
    match sent {
        Ok(()) => {
            sql::delivered(&mut tx, id, portal.clock.now()).await?;
            metrics::counter!("rampart_deliveries_total", "outcome" => "delivered").increment(1);
        }
        Err(error) => {
            let next_at = next_attempt(due.attempts, &error, portal.clock.now());
            let reason: String = error.to_string().chars().take(MAX_ERROR_CHARS).collect();
            tracing::warn!(delivery = %id, reason, "a delivery failed");
            sql::failed(&mut tx, id, &reason, next_at).await?;
            let outcome = if next_at.is_some() { "failed" } else { "given_up" };
            metrics::counter!("rampart_deliveries_total", "outcome" => outcome).increment(1);
            if let Some(next_at) = next_at {
                let delay = (next_at - portal.clock.now()).try_into().unwrap_or(Duration::ZERO);
                jobs::enqueue_in(&mut tx, &Job::Deliver { delivery: id }, delay).await?;
            }
        }
    }
    tx.commit().await
}

/// Enqueues what is due and whose job was lost.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn sweep(portal: &Portal) -> Result<()> {
    let mut tx = portal.db.notices().await?;
    let (enabled, mail) = integrations::enabled(&mut tx).await?;
    sql::give_up_held(&mut tx, portal.clock.now() - MAX_HELD).await?;
    sql::release(&mut tx, &enabled, mail, portal.clock.now()).await?;
    for delivery in sql::due(&mut tx, portal.clock.now()).await? {
        jobs::enqueue(&mut tx, &Job::Deliver { delivery }).await?;
    }
    tx.commit().await
}

/// When to try again after `attempts` earlier ones failed and this one too; none: never.
fn next_attempt(attempts: i32, error: &Error, now: OffsetDateTime) -> Option<OffsetDateTime> {
    if matches!(error, Error::NotFound(_)) {
        return None;
    }
    let wait = usize::try_from(attempts).ok().and_then(|attempts| WAITS.get(attempts))?;
    Some(now + *wait)
}

async fn send(portal: &Portal, due: &Due, through: Option<&Usable>) -> Result<()> {
    match (&due.receiver, through) {
        (Receiver::Mail { name, address }, Some(_)) => {
            let Some(settings) = &portal.settings.mail else {
                return Err(Error::Unavailable("no mail server is set; RAMPART_SMTP_URL names one".to_owned()));
            };
            mail::send(portal, settings, due, name, address).await
        }
        (Receiver::Post(_), Some(usable)) => shape::post(portal, due, usable).await,
        _ => Err(Error::NotFound("receiver any more")),
    }
}

/// Notes on the integration's page what came of an attempt. An address that is none is the person's matter.
async fn note(
    portal: &Portal,
    connection: &mut sqlx::PgConnection,
    through: &Usable,
    failure: Option<&Error>,
) -> Result<()> {
    let (id, now) = (through.integration.id, portal.clock.now());
    match failure {
        None => integrations::succeeded(connection, id, now).await,
        Some(Error::NotFound(_)) => Ok(()),
        Some(error) => {
            let remedy = match through.integration.kind {
                IntegrationKind::Mail => {
                    "check RAMPART_SMTP_URL, and that this server may reach the mail server; mail is tried again by itself"
                }
                _ => {
                    "check the address and the secret at the receiver, and that this server may reach it; what failed is \
                     tried again by itself"
                }
            };
            let reason: String = error.to_string().chars().take(MAX_ERROR_CHARS).collect();
            integrations::failed(connection, id, now, &reason, remedy).await
        }
    }
}
