//! What other features' transactions may add here: telling people and teams.

use model::{DeliveryId, NoticeId, PersonId, TeamId, notification::Undelivered};
use sqlx::PgConnection;

use super::{News, sql, topic};
use crate::{
    Portal,
    error::Result,
    integrations,
    jobs::{self, Job},
    live::{self, Topic},
};

/// Tells people: a notice each, and mail to those who want it, once the caller's transaction commits.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn tell(
    portal: &Portal,
    connection: &mut PgConnection,
    people: &[PersonId],
    news: &News,
) -> Result<()> {
    let now = portal.clock.now();
    for &person in people {
        let id: NoticeId = portal.rng.id(&portal.clock);
        sql::insert_notice(connection, id, person, news, now).await?;
        live::announce(connection, &topic(person)).await?;
    }
    if portal.settings.mail.is_some() {
        for person in sql::wanting_mail(connection, people, news.kind).await? {
            let delivery: DeliveryId = portal.rng.id(&portal.clock);
            sql::insert_mail(connection, delivery, person, news, now).await?;
            jobs::enqueue(connection, &Job::Deliver { delivery }).await?;
        }
    }
    Ok(())
}

/// Posts to the webhooks of `teams` and of the organisation; what may not leave at present waits.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn post(portal: &Portal, connection: &mut PgConnection, teams: &[TeamId], news: &News) -> Result<()> {
    let now = portal.clock.now();
    for integration in integrations::effects::posts_to(connection, teams).await? {
        let delivery: DeliveryId = portal.rng.id(&portal.clock);
        sql::insert_post(connection, delivery, integration, news, now).await?;
        jobs::enqueue(connection, &Job::Deliver { delivery }).await?;
    }
    Ok(())
}

/// What notices were about waits for nobody any more: they are read.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn settled(portal: &Portal, connection: &mut PgConnection, about: &Topic) -> Result<()> {
    for person in sql::settle(connection, &about.0, portal.clock.now()).await? {
        live::announce(connection, &topic(person)).await?;
    }
    Ok(())
}

/// Messages about something that have not arrived, for the page that shows it.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn undelivered(connection: &mut PgConnection, about: &Topic) -> Result<Vec<Undelivered>> {
    sql::undelivered_about(connection, &about.0).await
}
