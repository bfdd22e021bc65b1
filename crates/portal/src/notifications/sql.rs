//! What notifications ask of Postgres.

use model::{
    DeliveryId, IntegrationId, NoticeId, PersonId,
    notification::{ChannelChoice, Notice, NoticeKind, Undelivered},
};
use sqlx::{PgConnection, query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use super::News;
use crate::error::{Error, Result};

// ---- notices

pub(super) async fn insert_notice(
    connection: &mut PgConnection,
    id: NoticeId,
    person: PersonId,
    news: &News,
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "insert into notice (id, person_id, kind, title, body, href, about, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id.0,
        person.0,
        news.kind.as_str(),
        news.title,
        news.body,
        news.href,
        news.about.0,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A page of a person's notices, the newest first; the older or, `backwards`, the newer than `after`.
pub(super) async fn notices(
    connection: &mut PgConnection,
    person: PersonId,
    after: Option<&(OffsetDateTime, NoticeId)>,
    backwards: bool,
    limit: i64,
) -> Result<Vec<Notice>> {
    let (at, id) = after.map(|(at, id)| (*at, id.0)).unzip();
    let rows = if backwards {
        query_as!(
            NoticeRow,
            "select id, kind, title, body, href, created_at, read_at from notice
             where person_id = $1 and ($2::timestamptz is null or (created_at, id) > ($2, $3::uuid))
             order by created_at, id
             limit $4",
            person.0,
            at,
            id,
            limit,
        )
        .fetch_all(connection)
        .await?
    } else {
        query_as!(
            NoticeRow,
            "select id, kind, title, body, href, created_at, read_at from notice
             where person_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
             order by created_at desc, id desc
             limit $4",
            person.0,
            at,
            id,
            limit,
        )
        .fetch_all(connection)
        .await?
    };
    rows.into_iter().map(NoticeRow::notice).collect()
}

struct NoticeRow {
    id: Uuid,
    kind: String,
    title: String,
    body: String,
    href: String,
    created_at: OffsetDateTime,
    read_at: Option<OffsetDateTime>,
}

impl NoticeRow {
    fn notice(self) -> Result<Notice> {
        Ok(Notice {
            id: NoticeId(self.id),
            kind: parse_kind(&self.kind)?,
            title: self.title,
            body: self.body,
            href: self.href,
            created_at: self.created_at,
            read_at: self.read_at,
        })
    }
}

fn parse_kind(kind: &str) -> Result<NoticeKind> {
    NoticeKind::parse(kind).ok_or_else(|| Error::internal(format!("unknown kind of notice {kind:?}")))
}

pub(super) async fn count_notices(connection: &mut PgConnection, person: PersonId, limit: i64) -> Result<i64> {
    Ok(query_scalar!(
        r#"select count(*) as "count!" from (select from notice where person_id = $1 limit $2) counted"#,
        person.0,
        limit,
    )
    .fetch_one(connection)
    .await?)
}

pub(super) async fn count_unread(connection: &mut PgConnection, person: PersonId, limit: i64) -> Result<i64> {
    Ok(query_scalar!(
        r#"select count(*) as "count!" from (
               select from notice where person_id = $1 and read_at is null limit $2
           ) counted"#,
        person.0,
        limit,
    )
    .fetch_one(connection)
    .await?)
}

/// Where a person's own notice leads.
pub(super) async fn href(connection: &mut PgConnection, person: PersonId, notice: NoticeId) -> Result<Option<String>> {
    Ok(query_scalar!("select href from notice where person_id = $1 and id = $2", person.0, notice.0)
        .fetch_optional(connection)
        .await?)
}

/// Whether anything was unread.
pub(super) async fn mark_read(
    connection: &mut PgConnection,
    person: PersonId,
    notice: Option<NoticeId>,
    now: OffsetDateTime,
) -> Result<bool> {
    let marked = query!(
        "update notice set read_at = $3
         where person_id = $1 and ($2::uuid is null or id = $2) and read_at is null",
        person.0,
        notice.map(|id| id.0),
        now,
    )
    .execute(connection)
    .await?;
    Ok(marked.rows_affected() > 0)
}

/// Marks what is about `about` as read; whose notices those were.
pub(super) async fn settle(connection: &mut PgConnection, about: &str, now: OffsetDateTime) -> Result<Vec<PersonId>> {
    let people = query_scalar!(
        "update notice set read_at = $2 where about = $1 and read_at is null returning person_id",
        about,
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(people.into_iter().map(PersonId).collect())
}

// ---- choices

pub(super) async fn choices(connection: &mut PgConnection, person: PersonId) -> Result<Vec<ChannelChoice>> {
    let rows =
        query!("select kind, mail from notice_choice where person_id = $1", person.0).fetch_all(connection).await?;
    rows.into_iter().map(|row| Ok(ChannelChoice { kind: parse_kind(&row.kind)?, mail: row.mail })).collect()
}

pub(super) async fn upsert_choice(
    connection: &mut PgConnection,
    person: PersonId,
    choice: ChannelChoice,
) -> Result<()> {
    query!(
        "insert into notice_choice (person_id, kind, mail)
         values ($1, $2, $3)
         on conflict (person_id, kind) do update set mail = excluded.mail",
        person.0,
        choice.kind.as_str(),
        choice.mail,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Those of `people` who have an address and have not chosen against mail of this kind.
pub(super) async fn wanting_mail(
    connection: &mut PgConnection,
    people: &[PersonId],
    kind: NoticeKind,
) -> Result<Vec<PersonId>> {
    let people: Vec<Uuid> = people.iter().map(|id| id.0).collect();
    let wanting = query_scalar!(
        "select id
         from person
         left join notice_choice on notice_choice.person_id = person.id and notice_choice.kind = $2
         where person.id = any($1) and active and email is not null and coalesce(mail, true)
         order by id",
        &people,
        kind.as_str(),
    )
    .fetch_all(connection)
    .await?;
    Ok(wanting.into_iter().map(PersonId).collect())
}

// ---- deliveries

pub(super) async fn insert_mail(
    connection: &mut PgConnection,
    id: DeliveryId,
    person: PersonId,
    news: &News,
    now: OffsetDateTime,
) -> Result<()> {
    insert_delivery(connection, id, Some(person), None, news, now).await
}

pub(super) async fn insert_post(
    connection: &mut PgConnection,
    id: DeliveryId,
    integration: IntegrationId,
    news: &News,
    now: OffsetDateTime,
) -> Result<()> {
    insert_delivery(connection, id, None, Some(integration), news, now).await
}

async fn insert_delivery(
    connection: &mut PgConnection,
    id: DeliveryId,
    person: Option<PersonId>,
    integration: Option<IntegrationId>,
    news: &News,
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "insert into delivery (id, person_id, integration_id, kind, title, body, href, about, created_at, next_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        id.0,
        person.map(|id| id.0),
        integration.map(|id| id.0),
        news.kind.as_str(),
        news.title,
        news.body,
        news.href,
        news.about.0,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A delivery that is due, with where it goes.
pub(super) struct Due {
    pub id: DeliveryId,
    pub kind: NoticeKind,
    pub title: String,
    pub body: String,
    pub href: String,
    pub created_at: OffsetDateTime,
    pub attempts: i32,
    pub next_at: OffsetDateTime,
    pub receiver: Receiver,
}

pub(super) enum Receiver {
    Mail {
        name: String,
        address: String,
    },
    Post(IntegrationId),
    /// Nobody can get it any more: the person left.
    Gone,
}

/// A delivery that has not arrived and was not given up.
pub(super) async fn open_delivery(connection: &mut PgConnection, id: DeliveryId) -> Result<Option<Due>> {
    let Some(row) = query!(
        r#"select delivery.kind, delivery.title, delivery.body, delivery.href, delivery.created_at, attempts, next_at,
                  person.display_name as "name?", person.email, person.active as "active?", integration_id
           from delivery
           left join person on person.id = delivery.person_id
           where delivery.id = $1"#,
        id.0,
    )
    .fetch_optional(connection)
    .await?
    else {
        return Ok(None);
    };
    let Some(next_at) = row.next_at else { return Ok(None) };
    let receiver = match (row.name, row.email, row.integration_id) {
        (Some(name), Some(address), _) if row.active == Some(true) => Receiver::Mail { name, address },
        (_, _, Some(integration)) => Receiver::Post(IntegrationId(integration)),
        _ => Receiver::Gone,
    };
    Ok(Some(Due {
        id,
        kind: parse_kind(&row.kind)?,
        title: row.title,
        body: row.body,
        href: row.href,
        created_at: row.created_at,
        attempts: row.attempts,
        next_at,
        receiver,
    }))
}

/// Deliveries whose next attempt is due.
pub(super) async fn due(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<DeliveryId>> {
    let due = query_scalar!("select id from delivery where next_at <= $1 order by next_at limit 500", now)
        .fetch_all(connection)
        .await?;
    Ok(due.into_iter().map(DeliveryId).collect())
}

/// Claims an attempt: until `next_at` nobody else makes one. False where somebody else did.
pub(super) async fn begin_attempt(
    connection: &mut PgConnection,
    id: DeliveryId,
    expected: OffsetDateTime,
    next_at: OffsetDateTime,
) -> Result<bool> {
    let claimed = query!(
        "update delivery set attempts = attempts + 1, next_at = $3 where id = $1 and next_at = $2",
        id.0,
        expected,
        next_at,
    )
    .execute(connection)
    .await?;
    Ok(claimed.rows_affected() == 1)
}

pub(super) async fn delivered(connection: &mut PgConnection, id: DeliveryId, now: OffsetDateTime) -> Result<()> {
    query!("update delivery set delivered_at = $2, next_at = null, last_error = null where id = $1", id.0, now)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn failed(
    connection: &mut PgConnection,
    id: DeliveryId,
    error: &str,
    next_at: Option<OffsetDateTime>,
) -> Result<()> {
    query!("update delivery set last_error = $2, next_at = $3 where id = $1", id.0, error, next_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps a delivery that is due until what it goes through is enabled; that counts as no attempt.
pub(super) async fn hold(
    connection: &mut PgConnection,
    id: DeliveryId,
    expected: OffsetDateTime,
    reason: &str,
) -> Result<()> {
    query!(
        "update delivery set held = true, next_at = null, last_error = $3 where id = $1 and next_at = $2",
        id.0,
        expected,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes due what was held for these integrations, and for mail where it may be sent.
pub(super) async fn release(
    connection: &mut PgConnection,
    integrations: &[IntegrationId],
    mail: bool,
    now: OffsetDateTime,
) -> Result<()> {
    let integrations: Vec<Uuid> = integrations.iter().map(|id| id.0).collect();
    query!(
        "update delivery set held = false, next_at = $3
         where held and (integration_id = any($1) or ($2 and person_id is not null))",
        &integrations,
        mail,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives up what was held since before `made_before`: nobody wants such old news.
pub(super) async fn give_up_held(connection: &mut PgConnection, made_before: OffsetDateTime) -> Result<()> {
    query!("update delivery set held = false where held and created_at < $1", made_before).execute(connection).await?;
    Ok(())
}

pub(super) async fn try_again(connection: &mut PgConnection, id: DeliveryId, now: OffsetDateTime) -> Result<bool> {
    let found = query!(
        "update delivery set next_at = $2, attempts = 0, held = false where id = $1 and delivered_at is null",
        id.0,
        now,
    )
    .execute(connection)
    .await?;
    Ok(found.rows_affected() == 1)
}

struct UndeliveredRow {
    id: Uuid,
    person: Option<String>,
    integration: Option<String>,
    integration_id: Option<Uuid>,
    title: String,
    attempts: i32,
    last_error: String,
    held: bool,
    next_at: Option<OffsetDateTime>,
}

impl From<UndeliveredRow> for Undelivered {
    fn from(row: UndeliveredRow) -> Self {
        Self {
            id: DeliveryId(row.id),
            to: row.person.map(|person| format!("mail to {person}")).or(row.integration).unwrap_or_default(),
            integration: row.integration_id.map(IntegrationId),
            title: row.title,
            attempts: row.attempts,
            last_error: row.last_error,
            held: row.held,
            next_at: row.next_at,
        }
    }
}

/// What of one person's mail, or of everything, was tried and has not arrived.
pub(super) async fn undelivered(
    connection: &mut PgConnection,
    person: PersonId,
    everything: bool,
) -> Result<Vec<Undelivered>> {
    let rows = query_as!(
        UndeliveredRow,
        r#"select delivery.id, person.display_name as "person?", integration.name as "integration?",
                  integration_id, title, attempts, last_error as "last_error!", held, next_at
           from delivery
           left join person on person.id = delivery.person_id
           left join integration on integration.id = delivery.integration_id
           where delivered_at is null and last_error is not null
             and ($2 or delivery.person_id = $1)
           order by delivery.created_at desc, delivery.id desc
           limit 100"#,
        person.0,
        everything,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Undelivered::from).collect())
}

pub(super) async fn undelivered_about(connection: &mut PgConnection, about: &str) -> Result<Vec<Undelivered>> {
    let rows = query_as!(
        UndeliveredRow,
        r#"select delivery.id, person.display_name as "person?", integration.name as "integration?",
                  integration_id, title, attempts, last_error as "last_error!", held, next_at
           from delivery
           left join person on person.id = delivery.person_id
           left join integration on integration.id = delivery.integration_id
           where about = $1 and delivered_at is null and last_error is not null
           order by delivery.created_at desc, delivery.id desc
           limit 100"#,
        about,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Undelivered::from).collect())
}
