//! The mark of a database that the demonstration made, and emptying such a database.

use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, query, query_as, query_scalar};
use time::OffsetDateTime;

use crate::{
    Portal,
    authz::{Action, ActionName, Actor, ORGANISATION, Organisation},
    db::MigrationConn,
    error::{Error, Result},
    migrate::QUEUE_SCHEMA,
};

/// Marking a database as the demonstration's.
pub struct Mark;

impl Action for Mark {
    const NAME: ActionName = ActionName::DemonstrationLoad;
    type Target = Organisation;
    type Change = Demonstration;
}

/// What the mark says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Demonstration {
    /// The identity provider whose people the demonstration signed in.
    pub issuer: String,
    #[serde(with = "time::serde::rfc3339")]
    pub begun_at: OffsetDateTime,
    /// None: it was interrupted.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
}

/// What a database is to the demonstration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has signed in here yet.
    Empty,
    Made(Demonstration),
    /// Somebody uses it for something else.
    Foreign,
}

/// Whether the demonstration made this database, or may.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn standing(portal: &Portal, actor: &Actor) -> Result<Standing> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    if let Some(mark) = mark(&mut visible).await? {
        return Ok(Standing::Made(mark));
    }
    let used = query_scalar!(r#"select exists (select from person) or exists (select from entity) as "used!""#);
    Ok(if used.fetch_one(&mut *visible).await? { Standing::Foreign } else { Standing::Empty })
}

/// Marks the database before anything is loaded.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn begin(portal: &Portal, actor: &Actor, issuer: &str) -> Result<()> {
    let mut permit = portal.authorize(actor, Mark, ORGANISATION).await?;
    let begun_at = portal.clock.now();
    query!("insert into demonstration (issuer, begun_at) values ($1, $2)", issuer, begun_at)
        .execute(&mut *permit)
        .await?;
    permit.commit(Demonstration { issuer: issuer.to_owned(), begun_at, finished_at: None }).await
}

/// Marks the demonstration as whole.
///
/// # Errors
/// `NotFound` where it was never begun.
pub async fn finish(portal: &Portal, actor: &Actor) -> Result<()> {
    let mut permit = portal.authorize(actor, Mark, ORGANISATION).await?;
    query!("update demonstration set finished_at = $1", portal.clock.now()).execute(&mut *permit).await?;
    let mark = mark(&mut permit).await?.ok_or(Error::NotFound("demonstration"))?;
    permit.commit(mark).await
}

/// Empties a database that the demonstration made, the audit log and the queue too, as its owner.
///
/// # Errors
/// `Conflict` for a database that the demonstration did not make; nothing was changed then.
pub async fn empty(owner: &mut MigrationConn) -> Result<Demonstration> {
    let mut tx = owner.connection().begin().await?;
    let mark = made_here(&mut tx).await?;
    let tables = query_scalar!(
        r#"select format('%I.%I', schemaname, tablename) as "table!"
           from pg_tables
           where (schemaname = 'public' and tablename not in ('_sqlx_migrations', 'catalog_revision'))
               or (schemaname = $1 and tablename in ('_private_jobs', '_private_job_queues'))
           order by 1"#,
        QUEUE_SCHEMA,
    )
    .fetch_all(&mut *tx)
    .await?;
    // what is counted on by other processes stays: migrations, the catalog's revision, and the queue's task numbers
    tx.execute(AssertSqlSafe(format!("truncate {} restart identity cascade", tables.join(", ")))).await?;
    tx.commit().await?;
    Ok(mark)
}

/// The mark of a database that the demonstration made.
///
/// # Errors
/// `Conflict` for another database.
pub(crate) async fn made_here(owner: &mut PgConnection) -> Result<Demonstration> {
    let there = query_scalar!(r#"select to_regclass('public.demonstration') is not null as "there!""#);
    let mark = if there.fetch_one(&mut *owner).await? { mark(owner).await? } else { None };
    mark.ok_or_else(|| {
        Error::Conflict("the demonstration did not make this database, so it is left as it is".to_owned())
    })
}

async fn mark(connection: &mut PgConnection) -> Result<Option<Demonstration>> {
    Ok(query_as!(Demonstration, "select issuer, begun_at, finished_at from demonstration")
        .fetch_optional(connection)
        .await?)
}
