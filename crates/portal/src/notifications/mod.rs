//! Telling people and teams: in the portal always, by mail where they chose it, and by signed webhook where an
//! integration posts their news.

mod deliver;
pub mod effects;
mod mail;
mod shape;
mod sql;
#[cfg(test)]
mod tests;

use model::{
    DeliveryId, NoticeId, PersonId,
    notification::{ChannelChoice, Notice, NoticeKind, Undelivered},
    page::{Page, PageRequest},
};
use secrecy::SecretString;
use serde::Serialize;
use time::OffsetDateTime;

pub(crate) use self::deliver::{run as deliver, sweep};
pub use self::mail::test as test_mail;
use crate::{
    Portal, Snapshot,
    audit::Change,
    authz::{Action, ActionName, Actor, ORGANISATION, Organisation},
    error::{Error, Result},
    identity::token::Person,
    integrations,
    live::{self, Topic},
    page::{COUNT_LIMIT, Window},
};

/// How mail is sent.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// `smtp://user:password@host:587?tls=required`, `smtps://host`; plain `smtp://host` for a relay on the same machine.
    pub url: SecretString,
    /// `Rampart <rampart@example.com>`
    pub from: String,
    /// Certificate authorities besides the system's, as PEM; may be empty.
    pub authorities: Vec<u8>,
}

/// Something that people are told.
#[derive(Clone, Debug)]
pub struct News {
    pub kind: NoticeKind,
    /// One line, complete in itself.
    pub title: String,
    pub body: String,
    /// Where to look, an address within the portal.
    pub href: String,
    /// What it is about; see [`effects::settled`].
    pub about: Topic,
}

/// What a person's own pages listen to.
#[must_use]
pub fn topic(person: PersonId) -> Topic {
    Topic::new("person", person)
}

/// The actor's own notices, the newest first.
///
/// # Errors
/// `Unauthenticated` where no person asks; `Invalid` for a cursor of another list.
pub async fn list(portal: &Portal, actor: &Actor, request: &PageRequest) -> Result<Page<Notice>> {
    let person = own(actor)?;
    let window = Window::<(OffsetDateTime, NoticeId)>::open(portal, "notices", &person, request)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    let rows = sql::notices(&mut visible, person, window.after(), window.backwards(), window.limit()).await?;
    let counted = window.counted(rows.len(), sql::count_notices(&mut visible, person, COUNT_LIMIT)).await?;
    Ok(window.close(rows, counted, |notice| (notice.created_at, notice.id)))
}

/// How many of the actor's notices are unread, counted to 100.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn unread(snapshot: &mut Snapshot) -> Result<i64> {
    let Some(person) = snapshot.actor().person_id() else { return Ok(0) };
    sql::count_unread(&mut *snapshot.visible(ActionName::PeopleRead)?, person, 100).await
}

/// Marks one of the actor's own notices as read, or all of them. This is a person's own bookkeeping and is not recorded.
///
/// # Errors
/// `Unauthenticated` where no person asks.
pub async fn mark_read(portal: &Portal, actor: &Actor, notice: Option<NoticeId>) -> Result<()> {
    let person = own(actor)?;
    let mut tx = portal.db.notices().await?;
    if sql::mark_read(&mut tx, person, notice, portal.clock.now()).await? {
        live::announce(&mut tx, &topic(person)).await?;
    }
    tx.commit().await
}

/// Marks one of the actor's own notices as read; where it leads.
///
/// # Errors
/// `NotFound` where the actor has no such notice.
pub async fn open(portal: &Portal, actor: &Actor, notice: NoticeId) -> Result<String> {
    let person = own(actor)?;
    let mut tx = portal.db.notices().await?;
    let href = sql::href(&mut tx, person, notice).await?.ok_or(Error::NotFound("notification"))?;
    if sql::mark_read(&mut tx, person, Some(notice), portal.clock.now()).await? {
        live::announce(&mut tx, &topic(person)).await?;
    }
    tx.commit().await?;
    Ok(href)
}

/// Which kinds of notices the actor also gets by mail.
///
/// # Errors
/// `Unauthenticated` where no person asks.
pub async fn choices(portal: &Portal, actor: &Actor) -> Result<Vec<ChannelChoice>> {
    let person = own(actor)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let chosen = sql::choices(&mut *snapshot.visible(ActionName::PeopleRead)?, person).await?;
    Ok(complete(&chosen))
}

/// Whether mail leaves at present, where it is set up; else it waits.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn mail_leaves(portal: &Portal, actor: &Actor) -> Result<bool> {
    let mut snapshot = portal.snapshot(actor).await?;
    let (_, mail) = integrations::effects::enabled(&mut *snapshot.visible(ActionName::PeopleRead)?).await?;
    Ok(mail)
}

/// Choosing one's own channels.
pub struct ChooseChannels;

impl Action for ChooseChannels {
    const NAME: ActionName = ActionName::PersonEdit;
    type Target = Person;
    type Change = Change<Vec<ChannelChoice>>;
}

/// Replaces the actor's choices; a kind that is not named keeps its own.
///
/// # Errors
/// `Unauthenticated` where no person asks.
pub async fn choose(portal: &Portal, actor: &Actor, chosen: &[ChannelChoice]) -> Result<Vec<ChannelChoice>> {
    let person = own(actor)?;
    let mut permit = portal.authorize(actor, ChooseChannels, person).await?;
    let before = complete(&sql::choices(&mut permit, person).await?);
    for choice in chosen {
        sql::upsert_choice(&mut permit, person, *choice).await?;
    }
    let after = complete(&sql::choices(&mut permit, person).await?);
    permit.commit(Change::updated(before, after.clone())).await?;
    Ok(after)
}

fn complete(chosen: &[ChannelChoice]) -> Vec<ChannelChoice> {
    NoticeKind::ALL
        .into_iter()
        .map(|kind| {
            let chosen = chosen.iter().find(|choice| choice.kind == kind);
            ChannelChoice { kind, mail: chosen.is_none_or(|choice| choice.mail) }
        })
        .collect()
}

/// What of the actor's own mail has not arrived; for those who may see integrations, of everybody's and of webhooks.
///
/// # Errors
/// `Unauthenticated` where no person asks.
pub async fn undelivered(portal: &Portal, actor: &Actor) -> Result<Vec<Undelivered>> {
    undelivered_in(&mut portal.snapshot(actor).await?).await
}

/// As [`undelivered`], for a page that shows more.
///
/// # Errors
/// As [`undelivered`].
pub async fn undelivered_in(snapshot: &mut Snapshot) -> Result<Vec<Undelivered>> {
    let person = own(snapshot.actor())?;
    let mut visible = snapshot.visible(ActionName::IntegrationRead)?;
    let everything = visible.scope.everything;
    sql::undelivered(&mut visible, person, everything).await
}

/// Trying a delivery again at once.
pub struct Redeliver;

impl Action for Redeliver {
    const NAME: ActionName = ActionName::IntegrationEdit;
    type Target = Organisation;
    type Change = Redelivered;
}

/// Which delivery is tried again.
#[derive(Clone, Debug, Serialize)]
pub struct Redelivered {
    pub delivery: DeliveryId,
}

/// Tries a delivery again at once that waits or was given up.
///
/// # Errors
/// `NotFound` where there is none that has not arrived.
pub async fn redeliver(portal: &Portal, actor: &Actor, delivery: DeliveryId) -> Result<()> {
    let mut permit = portal.authorize(actor, Redeliver, ORGANISATION).await?;
    if !sql::try_again(&mut permit, delivery, portal.clock.now()).await? {
        return Err(Error::NotFound("delivery that waits"));
    }
    crate::jobs::enqueue(&mut permit, &crate::jobs::Job::Deliver { delivery }).await?;
    permit.commit(Redelivered { delivery }).await
}

fn own(actor: &Actor) -> Result<PersonId> {
    actor.person_id().ok_or(Error::Unauthenticated)
}
