//! A database and a role of its own for each environment, on a server that the administrator named.
//!
//! The provisioner owns the database and the environment's role gets everything inside it, so that whoever holds the
//! role can neither let others in nor lift its limits. Names follow from the environment's id, so a job that was killed
//! goes on where it stopped: each step looks at the server first and does only what is missing.
//!
//! One worker at a time: the session that works on an environment holds an advisory lock on it, on the target itself.
//! A killed worker's session ends with the statement that it was in, and only then is the lock free: nobody can meet a
//! half-made database. Both the role and the database are changed through that session alone.

use std::{str::FromStr, time::Duration};

use model::{EnvironmentId, environment::Limits};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgConnectOptions, query_scalar};

use super::{Done, Target};
use crate::environments::state::Failure;

/// How long the server may take to answer a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No step takes longer on a server that is well.
const STATEMENT_TIMEOUT_MS: u32 = 300_000;
/// PostgreSQL 16 tells SET and INHERIT of a membership apart.
const SEPARATE_INHERIT: i32 = 160_000;

type Result<T, E = Failure> = std::result::Result<T, E>;

/// What has to be done to make an environment, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    Role,
    Membership,
    Settings,
    Database,
    Access,
    Inside,
    Check,
}

impl Make {
    pub const ALL: [Self; 7] =
        [Self::Role, Self::Membership, Self::Settings, Self::Database, Self::Access, Self::Inside, Self::Check];
}

/// What has to be done to remove one, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remove {
    Lock,
    Database,
    Role,
    Check,
}

impl Remove {
    pub const ALL: [Self; 4] = [Self::Lock, Self::Database, Self::Role, Self::Check];
}

/// A session on the target that holds the lock on one environment.
pub struct Session {
    connection: PgConnection,
    options: PgConnectOptions,
    /// Of the database and of the role.
    name: String,
    superuser: bool,
    version: i32,
}

/// What a person needs to connect.
#[derive(Clone)]
pub struct ConnectTo {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
}

impl Session {
    /// None where another worker is at this environment.
    ///
    /// # Errors
    /// Where the server does not answer or does not let the provisioner in.
    pub async fn open(target: &Target, id: EnvironmentId) -> Result<Option<Self>> {
        let mut session = Self::connect(target, id).await?;
        let locked: bool = query_scalar("select pg_try_advisory_lock(hashtextextended($1, 0))")
            .bind(&session.name)
            .fetch_one(&mut session.connection)
            .await
            .map_err(failed("lock the environment"))?;
        if locked {
            return Ok(Some(session));
        }
        session.close().await;
        Ok(None)
    }

    async fn connect(target: &Target, id: EnvironmentId) -> Result<Self> {
        let url = target.address.url().await.map_err(|error| Failure::passing(error.to_string()))?;
        let options = PgConnectOptions::from_str(url.expose_secret())
            .map_err(|_| Failure::lasting(format!("the address of target {} is no Postgres address", target.name)))?
            .application_name("rampart provisioner")
            .options([("statement_timeout", STATEMENT_TIMEOUT_MS.to_string())]);
        let mut connection = connect(&options).await?;
        let (superuser, version): (bool, i32) = sqlx::query_as(
            "select rolsuper, current_setting('server_version_num')::integer from pg_roles where rolname = current_user",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(failed("read who the provisioner is"))?;
        Ok(Self { connection, options, name: name(target, id), superuser, version })
    }

    /// Takes one step of making: does what is missing, and says what it found.
    ///
    /// # Errors
    /// Why the step could not be taken; what was done before stands, and the next attempt goes on from there.
    pub async fn make(&mut self, step: Make, limits: &Limits, note: &str) -> Result<Done> {
        match step {
            Make::Role => self.make_role(limits, note).await,
            Make::Membership => self.make_membership().await,
            Make::Settings => self.make_settings(limits).await,
            Make::Database => self.make_database(note).await,
            Make::Access => self.make_access().await,
            Make::Inside => self.make_inside().await,
            Make::Check => self.check_made(limits).await,
        }
    }

    /// Takes one step of removing.
    ///
    /// # Errors
    /// Why the step could not be taken.
    pub async fn remove(&mut self, step: Remove) -> Result<Done> {
        match step {
            Remove::Lock => self.lock_out().await,
            Remove::Database => self.drop_database().await,
            Remove::Role => self.drop_role().await,
            Remove::Check => self.check_removed().await,
        }
    }

    /// Gives the role a new password, by its verifier.
    ///
    /// # Errors
    /// Where there is no such role, or the server refuses.
    pub async fn set_password(&mut self, verifier: &str) -> Result<()> {
        let sql = format!("alter role {} password {}", self.quoted(), literal(verifier));
        self.run(sql, "set the password").await
    }

    /// Where a person connects.
    #[must_use]
    pub fn address(&self, target: &Target) -> ConnectTo {
        let own = || {
            let host = self
                .options
                .get_socket()
                .map_or_else(|| self.options.get_host().to_owned(), |socket| socket.display().to_string());
            (host, self.options.get_port())
        };
        let (host, port) = target.public.clone().unwrap_or_else(own);
        ConnectTo { host, port, database: self.name.clone(), user: self.name.clone() }
    }

    /// Gives the lock back.
    pub async fn close(mut self) {
        // by itself first: the server gives back what a session held only a moment after its end, and by then the next
        // one may have asked for it in vain; where this fails the server ends the session
        let _ = self.connection.execute("select pg_advisory_unlock_all()").await;
        let _ = self.connection.close().await;
    }

    async fn make_role(&mut self, limits: &Limits, note: &str) -> Result<Done> {
        let connections = limits.connections;
        if self.role_is_there().await? {
            return Ok(done("role", format!("role {} is there already", self.name)));
        }
        let role = self.quoted();
        // one string, one transaction: the role never is there without its note
        let sql = format!(
            "create role {role} login noinherit connection limit {connections} password null;
             comment on role {role} is {};",
            literal(note)
        );
        self.run(sql, "create the role").await?;
        Ok(done("role", format!("created role {} for up to {connections} connections, without a password", self.name)))
    }

    /// Ending a role's sessions needs its privileges; a superuser has them, and a provisioner from PostgreSQL 16 on may
    /// give them to itself as it has the admin option on what it created.
    async fn make_membership(&mut self) -> Result<Done> {
        let held: bool = query_scalar("select pg_has_role(current_user, $1, 'usage')")
            .bind(&self.name)
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed("read the provisioner's memberships"))?;
        if held {
            return Ok(done("membership", "the provisioner can act for the role".to_owned()));
        }
        let how = if self.version >= SEPARATE_INHERIT { " with inherit true, set true" } else { "" };
        let sql = format!("grant {} to current_user{how}", self.quoted());
        self.run(sql, "become a member of the role").await?;
        Ok(done("membership", "the provisioner can now act for the role".to_owned()))
    }

    async fn make_settings(&mut self, limits: &Limits) -> Result<Done> {
        let role = self.quoted();
        let sql = format!(
            "alter role {role} connection limit {};
             alter role {role} set statement_timeout = '{}s';
             alter role {role} set idle_in_transaction_session_timeout = '{}s';",
            limits.connections, limits.statement_seconds, limits.idle_transaction_seconds
        );
        self.run(sql, "set the role's limits").await?;
        let mut text = format!(
            "a statement ends after {} s and an idle transaction after {} s, unless a session asks for more",
            limits.statement_seconds, limits.idle_transaction_seconds
        );
        // a superuser's setting, or one that the server's administrator has granted (PostgreSQL 15, GRANT SET ON PARAMETER)
        let permitted: bool = self.superuser
            || query_scalar("select has_parameter_privilege('temp_file_limit', 'set')")
                .fetch_one(&mut self.connection)
                .await
                .map_err(failed("read what the provisioner may set"))?;
        if permitted {
            let sql = format!("alter role {role} set temp_file_limit = '{}MB'", limits.temporary_megabytes);
            self.run(sql, "limit temporary files").await?;
            text += &format!("; temporary files of a session are limited to {} MB", limits.temporary_megabytes);
        } else {
            text += "; temporary files are not limited: for that the server's administrator runs \
                     \"grant set on parameter temp_file_limit\" to the provisioner";
        }
        Ok(done("limits", text))
    }

    async fn make_database(&mut self, note: &str) -> Result<Done> {
        let is_new = !self.database_is_there().await?;
        if is_new {
            // closed until only its own role may connect; template0 holds nothing of anybody's
            let sql =
                format!("create database {} template template0 encoding 'UTF8' allow_connections false", self.quoted());
            self.run(sql, "create the database").await?;
        }
        let sql = format!("comment on database {} is {}", self.quoted(), literal(note));
        self.run(sql, "describe the database").await?;
        let name = &self.name;
        Ok(done(
            "database",
            if is_new { format!("created database {name}") } else { format!("database {name} is there already") },
        ))
    }

    async fn make_access(&mut self) -> Result<Done> {
        let name = self.quoted();
        let sql = format!(
            "revoke all on database {name} from public;
             grant connect, temporary, create on database {name} to {name};
             alter database {name} allow_connections true;"
        );
        self.run(sql, "close the database to others").await?;
        Ok(done("access", "only the environment's own role may connect".to_owned()))
    }

    async fn make_inside(&mut self) -> Result<Done> {
        let mut inside = connect(&self.options.clone().database(&self.name)).await?;
        let sql = format!("grant all on schema public to {}", self.quoted());
        let granted = inside.execute(AssertSqlSafe(sql)).await.map_err(failed("give the schema to the role"));
        let _ = inside.close().await;
        granted?;
        Ok(done("schema", "the role may make tables in schema public and schemas of its own".to_owned()))
    }

    /// Reads back what the steps before are meant to have done.
    async fn check_made(&mut self, limits: &Limits) -> Result<Done> {
        let (role, database, closed): (bool, bool, bool) = sqlx::query_as(
            "select exists (select from pg_roles
                            where rolname = $1 and rolcanlogin and rolconnlimit = $2
                              and not (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls)),
                    exists (select from pg_database
                            where datname = $1 and datallowconn and has_database_privilege($1, oid, 'connect')),
                    not exists (select from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
                                where datname = $1 and grantee = 0)",
        )
        .bind(&self.name)
        .bind(i32::try_from(limits.connections).unwrap_or(i32::MAX))
        .fetch_one(&mut self.connection)
        .await
        .map_err(failed("read back what was made"))?;
        for (holds, what) in [
            (role, "the role is not there with its limits"),
            (database, "the database does not let its role in"),
            (closed, "the database lets everybody in"),
        ] {
            if !holds {
                return Err(Failure::passing(format!("what was made does not hold: {what}")));
            }
        }
        let open: Vec<String> = query_scalar(
            "select datname from pg_database
             where datallowconn and datname <> $1 and has_database_privilege($1, oid, 'connect') order by 1",
        )
        .bind(&self.name)
        .fetch_all(&mut self.connection)
        .await
        .map_err(failed("read which databases are open"))?;
        let mut text = "read back: role, limits and database are as they should be".to_owned();
        if !open.is_empty() {
            text += &format!(
                "; the server lets every role connect to {} as well, until its administrator revokes connect on that \
                 from public",
                open.join(", ")
            );
        }
        Ok(done("check", text))
    }

    /// From here on nobody comes in, and whoever is in goes.
    async fn lock_out(&mut self) -> Result<Done> {
        let name = self.quoted();
        if self.role_is_there().await? {
            // a removal may follow a making that stopped before it got here
            self.make_membership().await?;
            self.run(format!("alter role {name} nologin password null"), "lock the role").await?;
        }
        let ended: Vec<Option<bool>> =
            query_scalar("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1")
                .bind(&self.name)
                .fetch_all(&mut self.connection)
                .await
                .map_err(failed("end the role's sessions"))?;
        Ok(done("lock", format!("the role can no longer sign in; ended {} of its sessions", ended.len())))
    }

    async fn drop_database(&mut self) -> Result<Done> {
        if !self.database_is_there().await? {
            return Ok(done("database", format!("there is no database {}", self.name)));
        }
        self.run(format!("drop database {} with (force)", self.quoted()), "drop the database").await?;
        Ok(done("database", format!("dropped database {} and all that was in it", self.name)))
    }

    async fn drop_role(&mut self) -> Result<Done> {
        if !self.role_is_there().await? {
            return Ok(done("role", format!("there is no role {}", self.name)));
        }
        self.drop_elsewhere().await?;
        self.run(format!("drop role {}", self.quoted()), "drop the role").await?;
        Ok(done("role", format!("dropped role {}", self.name)))
    }

    /// What the role may have left in databases that let every role in: large objects, for instance.
    async fn drop_elsewhere(&mut self) -> Result<()> {
        let elsewhere: Vec<String> = query_scalar(
            "select distinct datname from pg_shdepend
             join pg_database on pg_database.oid = dbid
             where refclassid = 'pg_authid'::regclass
               and refobjid = (select oid from pg_roles where rolname = $1)",
        )
        .bind(&self.name)
        .fetch_all(&mut self.connection)
        .await
        .map_err(failed("look for what the role left elsewhere"))?;
        for database in elsewhere {
            let mut there = connect(&self.options.clone().database(&database)).await?;
            let sql = format!("drop owned by {}", self.quoted());
            let dropped = there.execute(AssertSqlSafe(sql)).await.map_err(failed("drop what the role left elsewhere"));
            let _ = there.close().await;
            dropped?;
        }
        Ok(())
    }

    async fn check_removed(&mut self) -> Result<Done> {
        if self.role_is_there().await? || self.database_is_there().await? {
            return Err(Failure::passing("the server still has the role or the database"));
        }
        Ok(done("check", "looked again: neither the database nor the role is there".to_owned()))
    }

    async fn role_is_there(&mut self) -> Result<bool> {
        query_scalar("select exists (select from pg_roles where rolname = $1)")
            .bind(&self.name)
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed("look for the role"))
    }

    async fn database_is_there(&mut self) -> Result<bool> {
        query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(&self.name)
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed("look for the database"))
    }

    async fn run(&mut self, sql: String, attempt: &'static str) -> Result<()> {
        self.connection.execute(AssertSqlSafe(sql)).await.map_err(failed(attempt))?;
        Ok(())
    }

    fn quoted(&self) -> String {
        identifier(&self.name)
    }
}

/// Of the database and the role of one environment.
pub(super) fn name(target: &Target, id: EnvironmentId) -> String {
    format!("{}_{}", target.prefix, id.0.simple())
}

/// The same names with the password, as a client takes them.
#[must_use]
pub fn client_url(address: &ConnectTo, password: &SecretString) -> SecretString {
    let mut url = url::Url::parse("postgresql://localhost").expect("the address is one");
    let is_socket = address.host.starts_with('/');
    let set = url.set_username(&address.user).is_ok()
        && url.set_password(Some(password.expose_secret())).is_ok()
        && url.set_port(Some(address.port)).is_ok()
        && (is_socket || url.set_host(Some(&address.host)).is_ok());
    debug_assert!(set, "an address with a host takes all of these");
    url.set_path(&address.database);
    if is_socket {
        url.query_pairs_mut().append_pair("host", &address.host);
    }
    url.to_string().into()
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection> {
    match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await {
        Ok(connected) => connected.map_err(failed("connect to the server")),
        Err(_) => {
            Err(Failure::passing(format!("could not connect to the server within {} s", CONNECT_TIMEOUT.as_secs())))
        }
    }
}

fn done(step: &'static str, text: String) -> Done {
    Done { step, text }
}

/// PostgreSQL 15, section 4.1.1.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// PostgreSQL 15, section 4.1.2; an `E` string means the same whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''").replace('\0', ""))
}

/// Postgres' own words for why; they name objects and settings, never values or passwords.
fn failed(attempt: &'static str) -> impl Fn(sqlx::Error) -> Failure {
    move |error| match error.as_database_error() {
        Some(database) => {
            // class 42: a missing privilege or a name clash; 28: not let in; 0A: not supported (PostgreSQL 15, appendix A)
            let lasting =
                database.code().is_some_and(|code| ["42", "28", "0A"].iter().any(|class| code.starts_with(class)));
            Failure { reason: format!("could not {attempt}: {}", database.message()), lasting }
        }
        None => {
            let reason = match &error {
                sqlx::Error::Io(error) => error.kind().to_string(),
                sqlx::Error::Tls(_) => "no TLS connection could be agreed on".to_owned(),
                _ => "the server's answer was not understood".to_owned(),
            };
            Failure::passing(format!("could not {attempt}: {reason}"))
        }
    }
}
