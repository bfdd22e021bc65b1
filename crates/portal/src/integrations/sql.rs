//! What integrations ask of Postgres.

use model::{
    DataClass, Integration, IntegrationId, IntegrationKind, PersonId, TeamId,
    integrations::{OF_ITS_TEAM, OF_THE_ORGANISATION},
};
use sqlx::{PgConnection, query, query_as, query_scalar};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::Draft;
use crate::{
    authz::Scope,
    error::{Error, Result},
};

/// A row as Postgres has it.
struct Row {
    id: Uuid,
    name: String,
    kind: String,
    owner_id: Option<Uuid>,
    owner_name: Option<String>,
    purpose: String,
    data_classes: Vec<String>,
    scopes: Vec<String>,
    egress_hosts: Vec<String>,
    endpoint: Option<String>,
    built_in: bool,
    credential_set_at: Option<OffsetDateTime>,
    enabled: bool,
    revision: i32,
    authors: Vec<Uuid>,
    approved_by: Option<Uuid>,
    approved_at: Option<OffsetDateTime>,
    review_by: Date,
    created_at: OffsetDateTime,
    succeeded_at: Option<OffsetDateTime>,
    failed_at: Option<OffsetDateTime>,
    failure: Option<String>,
    remedy: Option<String>,
    test_requested_at: Option<OffsetDateTime>,
}

impl TryFrom<Row> for Integration {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            kind: row.kind.parse::<IntegrationKind>().map_err(Error::internal)?,
            owner: row.owner_id.map(TeamId),
            owner_name: row.owner_name,
            purpose: row.purpose,
            data_classes: row
                .data_classes
                .iter()
                .map(|class| class.parse::<DataClass>().map_err(Error::internal))
                .collect::<Result<_>>()?,
            scopes: row.scopes,
            egress_hosts: row.egress_hosts,
            endpoint: row.endpoint,
            built_in: row.built_in,
            credential_set_at: row.credential_set_at,
            enabled: row.enabled,
            revision: row.revision,
            authors: row.authors.into_iter().map(PersonId).collect(),
            approved_by: row.approved_by.map(PersonId),
            approved_at: row.approved_at,
            review_by: row.review_by,
            created_at: row.created_at,
            succeeded_at: row.succeeded_at,
            failed_at: row.failed_at,
            failure: row.failure,
            remedy: row.remedy,
            test_requested_at: row.test_requested_at,
        })
    }
}

/// Which ones are read: those that fit everything that is given.
#[derive(Default)]
struct Wanted<'a> {
    name: Option<&'a str>,
    id: Option<IntegrationId>,
    /// The kind of one that the settings set up.
    built_in: Option<IntegrationKind>,
    /// Those of these teams.
    owners: Option<Vec<Uuid>>,
}

/// By name; there are never so many that an index would be quicker than reading all.
async fn read(connection: &mut PgConnection, wanted: Wanted<'_>) -> Result<Vec<Integration>> {
    query_as!(
        Row,
        r#"select integration.id, integration.name, kind, owner_id, team.name as "owner_name?", purpose,
                  data_classes, scopes, egress_hosts, endpoint, built_in, credential_set_at, enabled, revision,
                  authors, approved_by, approved_at, review_by, integration.created_at,
                  succeeded_at, failed_at, failure, remedy, test_requested_at
           from integration
           left join team on team.id = owner_id
           where ($1::text is null or integration.name = $1)
             and ($2::uuid is null or integration.id = $2)
             and ($3::text is null or (kind = $3 and built_in))
             and ($4::uuid[] is null or owner_id = any($4))
           order by integration.name"#,
        wanted.name,
        wanted.id.map(|id| id.0),
        wanted.built_in.map(IntegrationKind::as_str),
        wanted.owners.as_deref(),
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(TryInto::try_into)
    .collect()
}

async fn read_one(connection: &mut PgConnection, wanted: Wanted<'_>) -> Result<Option<Integration>> {
    Ok(read(connection, wanted).await?.into_iter().next())
}

pub(super) async fn named(connection: &mut PgConnection, name: &str, lock: bool) -> Result<Option<Integration>> {
    if lock {
        query!("select id from integration where name = $1 for update", name).fetch_optional(&mut *connection).await?;
    }
    read_one(connection, Wanted { name: Some(name), ..Wanted::default() }).await
}

pub(super) async fn list(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<Integration>> {
    let owners = (!scope.everything && !scope.unrestricted).then(|| scope.team_ids());
    read(connection, Wanted { owners, ..Wanted::default() }).await
}

pub(super) async fn by_id(connection: &mut PgConnection, id: IntegrationId) -> Result<Option<Integration>> {
    read_one(connection, Wanted { id: Some(id), ..Wanted::default() }).await
}

/// The one of a kind that the settings set up.
pub(super) async fn built_in(connection: &mut PgConnection, kind: IntegrationKind) -> Result<Option<Integration>> {
    read_one(connection, Wanted { built_in: Some(kind), ..Wanted::default() }).await
}

/// What posts the news of these teams or of the organisation.
pub(super) async fn posts_to(connection: &mut PgConnection, teams: &[TeamId]) -> Result<Vec<IntegrationId>> {
    let teams: Vec<Uuid> = teams.iter().map(|id| id.0).collect();
    let found = query_scalar!(
        "select id
         from integration
         where kind = any($1) and ($2 = any(scopes) or ($3 = any(scopes) and owner_id = any($4)))
         order by id",
        &posting(),
        OF_THE_ORGANISATION,
        OF_ITS_TEAM,
        &teams,
    )
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(IntegrationId).collect())
}

pub(super) async fn enabled_posting(connection: &mut PgConnection) -> Result<Vec<IntegrationId>> {
    let found = query_scalar!("select id from integration where kind = any($1) and enabled order by id", &posting())
        .fetch_all(connection)
        .await?;
    Ok(found.into_iter().map(IntegrationId).collect())
}

fn posting() -> Vec<String> {
    IntegrationKind::ALL.iter().filter(|kind| kind.posts_news()).map(|kind| kind.as_str().to_owned()).collect()
}

pub(super) struct New<'a> {
    pub id: IntegrationId,
    pub draft: &'a Draft,
    pub owner: Option<TeamId>,
    pub built_in: bool,
    pub author: Option<PersonId>,
    pub credential: Option<&'a [u8]>,
    pub token_hash: Option<&'a [u8]>,
    pub now: OffsetDateTime,
}

pub(super) async fn insert(connection: &mut PgConnection, new: &New<'_>) -> Result<(), sqlx::Error> {
    let has_credential = new.credential.is_some() || new.token_hash.is_some();
    query!(
        "insert into integration (
             id, name, kind, owner_id, purpose, data_classes, scopes, egress_hosts, endpoint, built_in,
             credential, token_hash, credential_set_at, authors, review_by, created_at
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        new.id.0,
        new.draft.name,
        new.draft.kind.as_str(),
        new.owner.map(|id| id.0),
        new.draft.purpose.trim(),
        &words(&new.draft.data_classes),
        &new.draft.scopes,
        &new.draft.egress_hosts,
        new.draft.endpoint,
        new.built_in,
        new.credential,
        new.token_hash,
        has_credential.then_some(new.now),
        &new.author.iter().map(|id| id.0).collect::<Vec<_>>(),
        new.draft.review_by,
        new.now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Changes what can be changed; where that `withdraws` the approval, it is disabled and `author` does not approve it.
pub(super) async fn update(
    connection: &mut PgConnection,
    id: IntegrationId,
    draft: &Draft,
    owner: Option<TeamId>,
    withdraws: bool,
    author: Option<PersonId>,
) -> Result<()> {
    query!(
        "update integration
         set owner_id = $2,
             purpose = $3,
             data_classes = $4,
             scopes = $5,
             egress_hosts = $6,
             endpoint = $7,
             review_by = $8,
             revision = revision + $9::bool::int,
             enabled = enabled and not $9,
             approved_by = case when $9 then null else approved_by end,
             approved_at = case when $9 then null else approved_at end,
             authors = case when $9 and $10::uuid is not null
                 then array_append(array_remove(authors, $10), $10) else authors end
         where id = $1",
        id.0,
        owner.map(|id| id.0),
        draft.purpose.trim(),
        &words(&draft.data_classes),
        &draft.scopes,
        &draft.egress_hosts,
        draft.endpoint,
        draft.review_by,
        withdraws,
        author.map(|id| id.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Other hosts, which nobody has approved.
pub(super) async fn set_hosts(connection: &mut PgConnection, id: IntegrationId, hosts: &[String]) -> Result<()> {
    query!(
        "update integration
         set egress_hosts = $2, revision = revision + 1, enabled = false, approved_by = null, approved_at = null
         where id = $1",
        id.0,
        hosts,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn approve(
    connection: &mut PgConnection,
    id: IntegrationId,
    by: Option<PersonId>,
    now: OffsetDateTime,
) -> Result<()> {
    query!(
        "update integration set approved_by = $2, approved_at = $3, authors = '{}' where id = $1",
        id.0,
        by.map(|id| id.0),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn set_enabled(connection: &mut PgConnection, id: IntegrationId, enabled: bool) -> Result<()> {
    query!("update integration set enabled = $2 where id = $1", id.0, enabled).execute(connection).await?;
    Ok(())
}

pub(super) async fn set_token(
    connection: &mut PgConnection,
    id: IntegrationId,
    hash: &[u8],
    now: OffsetDateTime,
) -> Result<()> {
    query!("update integration set token_hash = $2, credential_set_at = $3 where id = $1", id.0, hash, now)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn set_credential(
    connection: &mut PgConnection,
    id: IntegrationId,
    sealed: &[u8],
    now: OffsetDateTime,
) -> Result<()> {
    query!("update integration set credential = $2, credential_set_at = $3 where id = $1", id.0, sealed, now)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn credential(connection: &mut PgConnection, id: IntegrationId) -> Result<Option<Vec<u8>>> {
    Ok(query_scalar!("select credential from integration where id = $1", id.0)
        .fetch_optional(connection)
        .await?
        .flatten())
}

pub(super) async fn token_of(connection: &mut PgConnection, name: &str) -> Result<Option<(IntegrationId, Vec<u8>)>> {
    Ok(query!(
        r#"select id, token_hash as "token_hash!" from integration where name = $1 and token_hash is not null"#,
        name,
    )
    .fetch_optional(connection)
    .await?
    .map(|row| (IntegrationId(row.id), row.token_hash)))
}

pub(super) async fn request_test(connection: &mut PgConnection, id: IntegrationId, now: OffsetDateTime) -> Result<()> {
    query!("update integration set test_requested_at = $2 where id = $1", id.0, now).execute(connection).await?;
    Ok(())
}

pub(super) async fn end_test(connection: &mut PgConnection, id: IntegrationId) -> Result<()> {
    query!("update integration set test_requested_at = null where id = $1", id.0).execute(connection).await?;
    Ok(())
}

pub(super) async fn succeeded(connection: &mut PgConnection, id: IntegrationId, now: OffsetDateTime) -> Result<()> {
    query!("update integration set succeeded_at = $2 where id = $1", id.0, now).execute(connection).await?;
    Ok(())
}

pub(super) async fn failed(
    connection: &mut PgConnection,
    id: IntegrationId,
    now: OffsetDateTime,
    failure: &str,
    remedy: &str,
) -> Result<()> {
    query!(
        "update integration set failed_at = $2, failure = $3, remedy = $4 where id = $1",
        id.0,
        now,
        failure,
        remedy,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn words(classes: &[DataClass]) -> Vec<String> {
    classes.iter().map(|class| class.as_str().to_owned()).collect()
}
