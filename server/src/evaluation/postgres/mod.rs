//! The evaluation's own Postgres: real server binaries, run in a folder of ours and shut down with the portal.
//!
//! Two clusters share one launcher. The portal's database listens on a Unix socket inside its data folder, which only
//! the operating system's owner of that folder (and root) can enter, so that the socket needs no password. The
//! provisioning target listens on loopback TCP with SCRAM, because what is provisioned there is handed to people.

mod account;
mod binaries;
mod cluster;

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use portal::Rng;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

pub use binaries::Search;
use cluster::{Cluster, Listen};

/// Written on what has been prepared, so that a start that was cut short prepares again. Raised when the steps change.
const PREPARED: &str = "prepared by rampart evaluation, 1";

/// Where a cluster lives and how it is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cluster's own folder; made when it is not there.
    pub folder: PathBuf,
    /// Off only in tests: a crash of the machine then loses the data.
    pub fsync: bool,
    /// Where to look for the server's binaries.
    pub search: Search,
    /// Makes the passwords.
    pub rng: Rng,
}

/// Why no Postgres could be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no Postgres server binaries were found ({searched}); install PostgreSQL 15 or later, or set PG_BINDIR to the \
         folder that holds postgres and initdb, or set DATABASE_URL to a server that runs already"
    )]
    NoBinaries { searched: String },
    #[error("PG_BINDIR is set to {folder}, which holds no usable postgres and initdb; correct or unset it", folder = .folder.display())]
    BadBinDir { folder: PathBuf },
    #[error(
        "the data in {folder} was written by PostgreSQL {data} and only {found} was found here; install PostgreSQL \
         {data} or set PG_BINDIR to it, or, to move to another version, dump with pg_dumpall under version {data}, \
         rename the folder, start again, and restore the dump with psql",
        folder = .folder.display()
    )]
    OtherVersion { folder: PathBuf, data: u32, found: String },
    #[error(
        "another rampart{} already runs on {}; stop it, or set RAMPART_DATA to another folder",
        .process.as_ref().map(|process| format!(" (process {process})")).unwrap_or_default(),
        .folder.display()
    )]
    AlreadyRunning { folder: PathBuf, process: Option<String> },
    #[error("{folder} belongs to user {owner}, and this is user {us}; run as that user, or set RAMPART_DATA to another folder", folder = .folder.display())]
    NotOurs { folder: PathBuf, owner: u32, us: u32 },
    #[error(
        "Postgres refuses to run as root, and this machine has neither a user postgres nor a user nobody to run it as; run rampart as another user, or set DATABASE_URL"
    )]
    NoAccount,
    #[error("could not {attempt} {path}: {source}", path = .path.display())]
    Io { attempt: &'static str, path: PathBuf, source: io::Error },
    #[error("{program} failed in {folder}: {said}", folder = .folder.display())]
    Program { program: &'static str, folder: PathBuf, said: String },
    #[error("Postgres in {folder} did not answer in {seconds} seconds; see postgres.log there", folder = .folder.display())]
    Silent { folder: PathBuf, seconds: u64 },
    #[error("could not {attempt} in the evaluation's Postgres: {source}")]
    Sql { attempt: &'static str, source: sqlx::Error },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The portal's own database. Dropping it shuts it down; `stop` does so and says whether it worked.
#[derive(Debug)]
pub struct PortalDatabase(Cluster);

impl PortalDatabase {
    /// Starts the cluster in `options.folder`, or takes over the one that a killed portal left running there. The first
    /// start makes the cluster, the role `rampart_owner` that owns the database `rampart`, and the role `rampart` that
    /// owns nothing.
    ///
    /// # Errors
    /// Where there are no usable binaries, another portal holds the folder, or Postgres does not come up.
    pub async fn start(options: &Options) -> Result<Self> {
        let cluster = Cluster::start(options, Listen::Socket).await?;
        prepare_portal_database(&cluster).await?;
        Ok(Self(cluster))
    }

    /// For `rampart migrate`: the role that owns the database.
    #[must_use]
    pub fn owner_url(&self) -> SecretString {
        self.0.url("rampart_owner", None, "rampart")
    }

    /// For `rampart serve` and `rampart work`: the role that owns nothing.
    #[must_use]
    pub fn app_url(&self) -> SecretString {
        self.0.url("rampart", None, "rampart")
    }

    #[must_use]
    pub fn superuser_url(&self) -> SecretString {
        self.0.url("postgres", None, "rampart")
    }

    /// Ends every connection, writes everything to disk and waits for the end.
    ///
    /// # Errors
    /// Where the server does not end.
    pub async fn stop(self) -> Result<()> {
        self.0.stop().await
    }
}

/// The server on which the evaluation provisions databases for people. Dropping it shuts it down.
#[derive(Debug)]
pub struct ProvisioningTarget {
    cluster: Cluster,
    provisioner: SecretString,
}

impl ProvisioningTarget {
    /// Starts the cluster in `options.folder` on a loopback port that is kept between starts where it stays free. The
    /// first start makes the role `rampart_provisioner`, which may create databases and roles and is no superuser, and
    /// takes CONNECT on the ready-made databases from PUBLIC. A new database still grants CONNECT to PUBLIC: whoever
    /// provisions one revokes it there.
    ///
    /// # Errors
    /// As for [`PortalDatabase::start`].
    pub async fn start(options: &Options) -> Result<Self> {
        let cluster = Cluster::start(options, Listen::Loopback).await?;
        let file = options.folder.join("provisioner.password");
        let is_new = !file.exists();
        let provisioner = kept_password(&file, &options.rng)?;
        prepare_provisioning_target(&cluster, &provisioner, is_new).await?;
        Ok(Self { cluster, provisioner })
    }

    #[must_use]
    pub fn provisioner_url(&self) -> SecretString {
        self.cluster.url("rampart_provisioner", Some(&self.provisioner), "postgres")
    }

    #[must_use]
    pub fn superuser_url(&self) -> SecretString {
        self.cluster.superuser_url()
    }

    /// Ends every connection, writes everything to disk and waits for the end.
    ///
    /// # Errors
    /// Where the server does not end.
    pub async fn stop(self) -> Result<()> {
        self.cluster.stop().await
    }
}

async fn prepare_portal_database(cluster: &Cluster) -> Result<()> {
    let mut postgres = cluster.connect("postgres").await.map_err(failed("connect"))?;
    let prepared: bool = sqlx::query_scalar(
        "select exists (select from pg_database where datname = 'rampart' \
         and shobj_description(oid, 'pg_database') = $1)",
    )
    .bind(PREPARED)
    .fetch_one(&mut postgres)
    .await
    .map_err(failed("look for the portal's database"))?;
    if prepared {
        return close(postgres).await;
    }

    run(
        &mut postgres,
        "create the portal's roles",
        "do $$ begin
           if not exists (select from pg_roles where rolname = 'rampart_owner') then
             create role rampart_owner login nosuperuser nocreatedb nocreaterole;
           end if;
           if not exists (select from pg_roles where rolname = 'rampart') then
             create role rampart login nosuperuser nocreatedb nocreaterole;
           end if;
         end $$",
    )
    .await?;
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = 'rampart')")
        .fetch_one(&mut postgres)
        .await
        .map_err(failed("look for the portal's database"))?;
    if !exists {
        run(&mut postgres, "create the portal's database", "create database rampart owner rampart_owner").await?;
    }
    run(
        &mut postgres,
        "limit who connects to the portal's database",
        "revoke all on database rampart from public;
         grant connect on database rampart to rampart",
    )
    .await?;

    let mut rampart = cluster.connect("rampart").await.map_err(failed("connect"))?;
    let has_trigrams: bool =
        sqlx::query_scalar("select exists (select from pg_available_extensions where name = 'pg_trgm')")
            .fetch_one(&mut rampart)
            .await
            .map_err(failed("look for the extension pg_trgm"))?;
    if has_trigrams {
        run(&mut rampart, "create the extension pg_trgm", "create extension if not exists pg_trgm").await?;
    } else {
        tracing::warn!("this Postgres comes without the extension pg_trgm; install its contrib package");
    }
    close(rampart).await?;

    mark_prepared(&mut postgres, "database rampart").await?;
    close(postgres).await
}

async fn prepare_provisioning_target(cluster: &Cluster, password: &SecretString, is_new: bool) -> Result<()> {
    let mut postgres = cluster.connect("postgres").await.map_err(failed("connect"))?;
    let prepared: bool = sqlx::query_scalar(
        "select exists (select from pg_roles where rolname = 'rampart_provisioner' \
         and shobj_description(oid, 'pg_authid') = $1)",
    )
    .bind(PREPARED)
    .fetch_one(&mut postgres)
    .await
    .map_err(failed("look for the provisioning role"))?;
    if prepared && !is_new {
        return close(postgres).await;
    }

    run(
        &mut postgres,
        "create the provisioning role",
        "do $$ begin
           if not exists (select from pg_roles where rolname = 'rampart_provisioner') then
             create role rampart_provisioner login nosuperuser createdb createrole;
           end if;
           -- From version 16 on, whoever creates a role may hand it a database only with this.
           if current_setting('server_version_num')::int >= 160000 then
             alter role rampart_provisioner set createrole_self_grant = 'set, inherit';
           end if;
         end $$;
         revoke all on database postgres, template1 from public;
         grant connect on database postgres to rampart_provisioner",
    )
    .await?;
    // `alter role` takes no parameters; the password is made of hexadecimal digits.
    let alter = format!("alter role rampart_provisioner password '{}'", password.expose_secret());
    sqlx::raw_sql(AssertSqlSafe(alter))
        .execute(&mut postgres)
        .await
        .map_err(failed("set the provisioning role's password"))?;
    mark_prepared(&mut postgres, "role rampart_provisioner").await?;
    close(postgres).await
}

async fn mark_prepared(connection: &mut PgConnection, what: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(format!("comment on {what} is '{PREPARED}'")))
        .execute(connection)
        .await
        .map_err(failed("mark what is prepared"))?;
    Ok(())
}

async fn run(connection: &mut PgConnection, attempt: &'static str, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map_err(failed(attempt))?;
    Ok(())
}

async fn close(connection: PgConnection) -> Result<()> {
    connection.close().await.map_err(failed("close a connection"))
}

fn failed(attempt: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |source| Error::Sql { attempt, source }
}

fn io_failed(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { attempt, path: path.to_owned(), source }
}

/// The password in `file`, which is made with a random one where it is not there.
fn kept_password(file: &Path, rng: &Rng) -> Result<SecretString> {
    if let Ok(password) = fs::read_to_string(file) {
        return Ok(password.into());
    }
    let password = hex::encode(rng.bytes::<24>());
    write_private(file, password.as_bytes()).map_err(io_failed("write the password file", file))?;
    Ok(password.into())
}

/// Writes a file that only its owner reads, whole or not at all.
fn write_private(file: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = file.with_extension("unfinished");
    let mut open = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    open.write_all(content)?;
    open.sync_all()?;
    fs::rename(&unfinished, file)
}
