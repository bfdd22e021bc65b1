//! The only owner of the connection pool: every way to the database is one of the types here.
//!
//! Changes go through a [`Permit`](crate::authz::Permit) and reads through a [`Snapshot`](crate::authz::Snapshot),
//! which `authorize` and `snapshot` make. What has no actor has its own narrow connection, a closed list:
//! [`StatementConn`], [`SessionTx`], [`NoticeTx`], [`ProgressTx`], [`WorkerPool`], [`ListenConn`] and [`MigrationConn`].

use std::{
    collections::HashSet,
    ops::{Deref, DerefMut},
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    Connection, PgConnection, PgPool, Postgres, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

use crate::{
    error::{Error, Result},
    vitals::Pool,
};

/// How many connections one process keeps: enough for two cores' worth of work and the queue beside it.
const MAX_CONNECTIONS: u32 = 20;
/// How long a request waits for a connection before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that nobody has used for so long is asked whether it is still there before it is used.
const ASK_AFTER: Duration = Duration::from_secs(1);
/// What one may see is a parameter of most statements that read: a plan that has to do for an auditor and for a
/// developer alike is good for neither.
const BEGIN_SNAPSHOT: &str = "begin transaction isolation level repeatable read read only; \
    set local plan_cache_mode = force_custom_plan";

/// The way to Postgres.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
}

impl Db {
    /// Connects lazily: the database may be down now and up later.
    ///
    /// # Errors
    /// `Invalid` where the address is not a Postgres address.
    pub fn connect(url: &SecretString) -> Result<Self> {
        let options = connect_options(url)?;
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > ASK_AFTER {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// A transaction that may write; only `authz` and the narrow connections below begin one.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        self.begin_with("begin").await
    }

    /// A transaction that sees one moment and cannot write.
    pub(crate) async fn begin_snapshot(&self) -> Result<Tx> {
        self.begin_with(BEGIN_SNAPSHOT).await
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where transactions begin")]
    async fn begin_with(&self, statement: &'static str) -> Result<Tx> {
        let held = Held::by_this_task();
        let pool = self.pool.clone();
        // in a task of its own: where a caller goes away just then, sqlx (0.9) gives the connection back with a
        // transaction open that it knows nothing of, and the next one to take it is inside
        let begun = tokio::spawn(async move { pool.begin_with(statement).await });
        Ok(Tx { inner: begun.await.map_err(Error::internal)??, _held: held })
    }

    /// For one statement that every request makes: it is a snapshot by itself, and planned once for all who ask.
    #[expect(clippy::disallowed_methods, reason = "a single statement is its own transaction")]
    pub(crate) async fn statement(&self) -> Result<StatementConn> {
        let held = Held::by_this_task();
        Ok(StatementConn { inner: self.pool.acquire().await?, _held: held })
    }

    /// For sign-in and sign-out: nobody is acting yet.
    pub(crate) async fn session(&self) -> Result<SessionTx> {
        self.begin().await.map(SessionTx)
    }

    /// For what a job says while it works outside.
    pub(crate) async fn progress(&self) -> Result<ProgressTx> {
        self.begin().await.map(ProgressTx)
    }

    /// For a person's own read marks and for the attempts of a delivery: nothing that is to be recorded.
    pub(crate) async fn notices(&self) -> Result<NoticeTx> {
        self.begin().await.map(NoticeTx)
    }

    /// For what a person keeps of the catalog for themselves: nothing that is to be recorded.
    pub(crate) async fn marks(&self) -> Result<MarkTx> {
        self.begin().await.map(MarkTx)
    }

    /// For the queue, which takes connections by itself.
    pub(crate) fn worker(&self) -> WorkerPool {
        WorkerPool(self.pool.clone())
    }

    /// For how readings of the catalog's sources went: nothing that is to be recorded.
    pub(crate) async fn sources(&self) -> Result<SourceTx> {
        self.begin().await.map(SourceTx)
    }

    /// A lock of that name over all processes, for work that takes no transaction; none where somebody has it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the connection serves the lock alone and never goes back to the pool"
    )]
    pub(crate) async fn lock(&self, name: &str) -> Result<Option<Locked>> {
        let mut connection = self.pool.acquire().await?.detach();
        // unchecked: it asks for no table
        let locked: bool = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended($1, 0))")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        Ok(locked.then_some(Locked(connection)))
    }

    /// For notifications from other processes.
    pub(crate) async fn listen(&self) -> Result<ListenConn> {
        Ok(ListenConn(PgListener::connect_with(&self.pool).await?))
    }

    /// The newest migration that the database has had; 0 before the first.
    pub(crate) async fn schema_version(&self) -> Result<i64> {
        let mut tx = self.begin_snapshot().await?;
        // unchecked: the table is the migrator's
        let there: bool =
            sqlx::query_scalar("select to_regclass('public._sqlx_migrations') is not null").fetch_one(&mut *tx).await?;
        if !there {
            return Ok(0);
        }
        Ok(sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations where success")
            .fetch_one(&mut *tx)
            .await?)
    }

    /// How many connections are open, how many of them idle, and how many there may be.
    pub(crate) fn pool_use(&self) -> Pool {
        // the two are read one after the other
        let open = self.pool.size();
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX).min(open);
        Pool { open, idle, most: MAX_CONNECTIONS }
    }

    /// Waits for running work and closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn connect_options(url: &SecretString) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url.expose_secret()).map_err(|_| {
        Error::invalid("DATABASE_URL", "is not a Postgres address (postgres://user:password@host/database)")
    })?;
    Ok(options.application_name("rampart"))
}

/// A transaction; dropped without `commit`, it leaves nothing.
pub(crate) struct Tx {
    inner: Transaction<'static, Postgres>,
    _held: Held,
}

impl Tx {
    pub(crate) async fn commit(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }

    pub(crate) async fn rollback(self) -> Result<()> {
        Ok(self.inner.rollback().await?)
    }
}

/// Lets a type be used as the connection that it holds.
macro_rules! holds_a_connection {
    ($name:ident, $held:tt) => {
        impl Deref for $name {
            type Target = PgConnection;

            fn deref(&self) -> &PgConnection {
                &self.$held
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut PgConnection {
                &mut self.$held
            }
        }
    };
}

/// A transaction that is limited to what its comment says.
macro_rules! narrow {
    ($(#[$limits:meta])* $name:ident) => {
        $(#[$limits])*
        pub(crate) struct $name(Tx);

        impl $name {
            pub(crate) async fn commit(self) -> Result<()> {
                self.0.commit().await
            }
        }

        holds_a_connection!($name, 0);
    };
}

holds_a_connection!(Tx, inner);

/// Limited to reading a session with its person and roles, and what waits for them.
pub(crate) struct StatementConn {
    inner: PoolConnection<Postgres>,
    _held: Held,
}

holds_a_connection!(StatementConn, inner);

narrow!(
    /// Limited to people, sessions, sign-ins, tokens and flashes.
    SessionTx
);

narrow!(
    /// Limited to notices' read marks and deliveries' attempts.
    NoticeTx
);

narrow!(
    /// Limited to stars, visits and people's own views.
    MarkTx
);

narrow!(
    /// Limited to the state and copies of the catalog's sources, and their jobs.
    SourceTx
);

/// Limited to one advisory lock, which ends with it, also where the process dies.
pub(crate) struct Locked(PgConnection);

impl Locked {
    pub(crate) async fn release(self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}

narrow!(
    /// Limited to adding lines to the logs of running work.
    ProgressTx
);

/// Limited to the queue's own schema.
pub(crate) struct WorkerPool(PgPool);

impl WorkerPool {
    pub(crate) fn into_pool(self) -> PgPool {
        self.0
    }
}

/// Limited to LISTEN.
pub(crate) struct ListenConn(PgListener);

impl ListenConn {
    pub(crate) fn into_listener(self) -> PgListener {
        self.0
    }
}

/// The owner's connection, for `rampart migrate` alone.
pub struct MigrationConn {
    connection: PgConnection,
    url: SecretString,
}

impl MigrationConn {
    /// # Errors
    /// `Invalid` for an address that is none, `Unavailable` where nobody answers there.
    pub async fn connect(url: &SecretString) -> Result<Self> {
        let connection = PgConnection::connect_with(&connect_options(url)?).await?;
        Ok(Self { connection, url: url.clone() })
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// The queue migrates through a pool of its own.
    pub(crate) async fn pool(&self) -> Result<PgPool> {
        Ok(PgPoolOptions::new().max_connections(2).connect_with(connect_options(&self.url)?).await?)
    }
}

/// Notices, in builds with assertions, a task that takes a second connection while it holds one: under load that
/// starves the pool until every request waits for another.
struct Held(Option<tokio::task::Id>);

static HOLDERS: Mutex<Option<HashSet<tokio::task::Id>>> = Mutex::new(None);

impl Held {
    fn by_this_task() -> Self {
        if !cfg!(debug_assertions) {
            return Self(None);
        }
        let task = tokio::task::try_id();
        if let Some(task) = task {
            let mut holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
            let first = holders.get_or_insert_default().insert(task);
            drop(holders);
            assert!(first, "this task holds a connection already; pass it on instead of taking a second");
        }
        Self(task)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(task) = self.0
            && let Some(holders) = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            holders.remove(&task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use crate::testing::TestPortal;

    use super::*;

    #[tokio::test]
    async fn whoever_goes_away_while_a_transaction_begins_leaves_none_open() {
        let t = TestPortal::new().await;
        // a role sees what its own sessions do
        let mut watcher = PgConnection::connect(t.database_url().expose_secret()).await.unwrap();
        for polls in (0..1_200).step_by(5) {
            let mut beginning = Box::pin(t.db.begin_snapshot());
            for _ in 0..polls {
                if futures::poll!(&mut beginning).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(beginning);
            let given_up = Instant::now() + Duration::from_secs(10);
            while still_open(&mut watcher).await > 0 {
                assert!(Instant::now() < given_up, "after {polls} looks a transaction is open that nobody ends");
            }
        }
    }

    async fn still_open(watcher: &mut PgConnection) -> i64 {
        sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and state like 'idle in transaction%'",
        )
        .fetch_one(watcher)
        .await
        .unwrap()
    }
}
