//! Brings a database to this version's schema, as its owner, and gives the server's role what it needs and no more.

use sqlx::{Connection, Executor, migrate::Migrator};
use time::OffsetDateTime;

use crate::{
    audit,
    db::MigrationConn,
    error::{Error, Result},
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Where the queue keeps its tables.
pub(crate) const QUEUE_SCHEMA: &str = "graphile_worker";

/// Runs the portal's and the queue's migrations, makes the audit log's months ahead of `now`, and gives `role` its grants.
/// Doing it again changes nothing.
///
/// # Errors
/// `Invalid` for a role name that is none; `Internal` with Postgres' reason where a step fails: steps before it stand.
pub async fn migrate(connection: &mut MigrationConn, role: &str, now: OffsetDateTime) -> Result<()> {
    let grants = grants(role)?;
    MIGRATIONS.run(connection.connection()).await.map_err(Error::internal)?;
    let pool = connection.pool().await?;
    graphile_worker::WorkerUtils::new(pool.clone(), QUEUE_SCHEMA).migrate().await.map_err(Error::internal)?;
    pool.close().await;
    let mut tx = connection.connection().begin().await?;
    audit::partitions::make_ahead(&mut tx, now).await?;
    tx.execute(sqlx::AssertSqlSafe(grants)).await?;
    Ok(tx.commit().await?)
}

/// The newest migration that this binary knows.
#[must_use]
pub fn newest() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// What `role` is given, as SQL that a database administrator can read and run.
///
/// # Errors
/// `Invalid` where the name is not lower-case letters, digits and underscores.
pub fn grants(role: &str) -> Result<String> {
    let valid = (1..=63).contains(&role.len())
        && role.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !valid {
        return Err(Error::invalid("role", "a role's name is 1 to 63 lower-case letters, digits and underscores"));
    }
    Ok(format!(
        "-- the server's role: owns nothing, changes rows everywhere but in the audit log, where it may only add and read
grant usage on schema public to {role};
grant select, insert, update, delete on all tables in schema public to {role};
grant usage, select on all sequences in schema public to {role};
revoke insert, update, delete on _sqlx_migrations from {role};

-- the audit log and each of its months
do $$
declare part regclass;
begin
    for part in
        select 'audit_record'::regclass
        union all select inhrelid::regclass from pg_inherits where inhparent = 'audit_record'::regclass
    loop
        execute format('revoke update, delete, truncate on %s from {role}', part);
    end loop;
end $$;

-- the queue: its tables have row security without policies, which keeps all but their owner out
grant usage on schema {QUEUE_SCHEMA} to {role};
grant select, insert, update, delete on all tables in schema {QUEUE_SCHEMA} to {role};
grant usage, select on all sequences in schema {QUEUE_SCHEMA} to {role};
grant execute on all functions in schema {QUEUE_SCHEMA} to {role};
do $$
declare queue_table record;
begin
    for queue_table in
        select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = '{QUEUE_SCHEMA}' and c.relrowsecurity
    loop
        execute format('drop policy if exists {role}_all on {QUEUE_SCHEMA}.%I', queue_table.relname);
        execute format('create policy {role}_all on {QUEUE_SCHEMA}.%I to {role} using (true) with check (true)', queue_table.relname);
    end loop;
end $$;
"
    ))
}
