//! A big organisation in one go: what the tests of query plans and `make bench` measure on.

#[cfg(test)]
mod plans;
#[cfg(test)]
mod tests;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, query};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    db::MigrationConn,
    demonstration,
    error::{Error, Result},
};

/// How much there is of what grows. The rest follows: a team for every hundred entities and five people a team, five
/// incidents an environment, an audit record for two findings, a result of every service on each scorecard that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub entities: u32,
    pub findings: u32,
    pub environments: u32,
}

impl Size {
    /// What the budgets in `docs/performance.md` are stated for.
    pub const BUDGET: Self = Self { entities: 10_000, findings: 100_000, environments: 1_000 };
    /// Enough for Postgres to choose the plans that it chooses for more.
    pub const MODERATE: Self = Self { entities: 4_000, findings: 20_000, environments: 3_000 };
}

/// Adds an organisation of that size to what the demonstration made, as the schema's owner.
///
/// # Errors
/// As [`fill`]; `Conflict` for a database that the demonstration did not make.
pub async fn grow(owner: &mut MigrationConn, size: Size, now: OffsetDateTime) -> Result<()> {
    demonstration::made_here(owner.connection()).await?;
    fill(owner.connection(), size, now).await
}

/// Adds an organisation of that size to a migrated database, as its owner, in one transaction; `now` is the youngest
/// moment in it. The same arguments make the same rows, counters included; nothing in it ever becomes due.
///
/// # Errors
/// `Internal` with Postgres' reason, as where it is there already; then nothing was added.
async fn fill(owner: &mut PgConnection, size: Size, now: OffsetDateTime) -> Result<()> {
    let now = now.format(&Rfc3339).map_err(Error::internal)?;
    let mut tx = owner.begin().await?;
    for (name, value) in [
        ("scale.entities", size.entities.to_string()),
        ("scale.findings", size.findings.to_string()),
        ("scale.environments", size.environments.to_string()),
        ("scale.now", now),
    ] {
        query("select set_config($1, $2, true)").bind(name).bind(value).execute(&mut *tx).await?;
    }
    // unchecked: it makes functions and tables of its own, which are gone with the connection
    tx.execute(AssertSqlSafe(include_str!("fill.sql").to_owned())).await?;
    tx.commit().await?;
    // as autovacuum leaves the tables of a portal that has run for a while
    owner.execute("vacuum analyze").await?;
    Ok(())
}
