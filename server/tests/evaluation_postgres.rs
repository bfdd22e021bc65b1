//! The evaluation's Postgres clusters, against the real server: kept, taken over, locked, and closed to others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use portal::Rng;
use secrecy::{ExposeSecret, SecretString};
use server::evaluation::postgres::{Error, Options, PortalDatabase, ProvisioningTarget, Search};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const HELD_FOLDER: &str = "RAMPART_TEST_HELD_FOLDER";

#[tokio::test]
async fn the_portals_database_keeps_its_data_between_starts() {
    let folder = tempfile::tempdir().unwrap();

    let first = PortalDatabase::start(&options(folder.path())).await.unwrap();
    run(&first.owner_url(), "create table note (text text); insert into note values ('kept')").await.unwrap();
    first.stop().await.unwrap();
    let begun = Instant::now();
    let second = PortalDatabase::start(&options(folder.path())).await.unwrap();
    let took = begun.elapsed();

    assert_eq!(ask(&second.owner_url(), "select text from note").await, "kept");
    assert!(took < Duration::from_secs(2), "a later start took {took:?}");
    second.stop().await.unwrap();
}

#[tokio::test]
async fn the_servers_role_owns_nothing_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = PortalDatabase::start(&options(folder.path())).await.unwrap();

    assert_eq!(ask(&database.app_url(), "select current_user").await, "rampart");
    assert_eq!(
        ask(
            &database.superuser_url(),
            "select count(*)::text from pg_shdepend join pg_roles on refobjid = pg_roles.oid \
             where rolname = 'rampart' and deptype = 'o'"
        )
        .await,
        "0"
    );
    for refused in [
        "create table mine (id int)",
        "create temporary table mine (id int)",
        "create schema mine",
        "create role mine",
        "create database mine",
    ] {
        assert_eq!(code(run(&database.app_url(), refused).await), "42501", "{refused}");
    }
    assert_eq!(
        ask(&database.superuser_url(), "select pg_get_userbyid(datdba) from pg_database where datname = 'rampart'")
            .await,
        "rampart_owner"
    );
    run(&database.owner_url(), "create schema ours").await.unwrap();
    let flags = "select rolsuper::text || rolcreatedb::text || rolcreaterole::text from pg_roles where rolname = ";
    for role in ["'rampart'", "'rampart_owner'"] {
        assert_eq!(ask(&database.superuser_url(), &format!("{flags}{role}")).await, "falsefalsefalse");
    }
    database.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_else_can_enter_the_folder_of_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let database = PortalDatabase::start(&options(folder.path())).await.unwrap();

    let mode = fs::metadata(folder.path().join("pg/data")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    assert_eq!(ask(&database.superuser_url(), "show listen_addresses").await, "");
    assert_eq!(ask(&database.superuser_url(), "show data_checksums").await, "on");
    assert_eq!(ask(&database.superuser_url(), "show server_encoding").await, "UTF8");
    database.stop().await.unwrap();
}

#[tokio::test]
async fn a_portal_that_was_killed_leaves_a_server_that_the_next_one_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut portal = Command::new(env::current_exe().unwrap())
        .args(["--exact", "holds_a_database_until_it_is_killed", "--nocapture"])
        .env(HELD_FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(portal.stdout.take().unwrap()).lines();
    assert!(said.map_while(Result::ok).any(|line| line.contains("the database is up")), "the other portal started it");

    let refused = PortalDatabase::start(&options(folder.path())).await.unwrap_err();
    assert!(matches!(refused, Error::AlreadyRunning { .. }));
    assert!(refused.to_string().contains(&format!("process {}", portal.id())), "{refused}");
    portal.kill().unwrap();
    portal.wait().unwrap();
    let postmaster = fs::read_to_string(folder.path().join("pg/data/postmaster.pid")).unwrap();
    let next = PortalDatabase::start(&options(folder.path())).await.unwrap();

    assert_eq!(ask(&next.owner_url(), "select text from note").await, "answered with success");
    assert_eq!(
        fs::read_to_string(folder.path().join("pg/data/postmaster.pid")).unwrap().lines().next(),
        postmaster.lines().next(),
        "the same server runs on"
    );
    next.stop().await.unwrap();
    assert!(!folder.path().join("pg/data/postmaster.pid").exists(), "and ends with the portal that took it over");
}

/// The other process of the test above; by itself it has nothing to do.
#[tokio::test]
async fn holds_a_database_until_it_is_killed() {
    let Some(folder) = env::var_os(HELD_FOLDER) else { return };
    let database = PortalDatabase::start(&options(Path::new(&folder))).await.unwrap();
    run(&database.owner_url(), "create table note (text text); insert into note values ('answered with success')")
        .await
        .unwrap();
    println!("the database is up");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_lock_file_that_names_somebody_elses_process_does_not_stop_a_start() {
    let folder = tempfile::tempdir().unwrap();
    PortalDatabase::start(&options(folder.path())).await.unwrap().stop().await.unwrap();
    let lock_file = folder.path().join("pg/data/postmaster.pid");
    fs::write(&lock_file, format!("{}\n/elsewhere\n1700000000\n5432\n.\n\n 1 1\nready\n", std::process::id())).unwrap();

    let database = PortalDatabase::start(&options(folder.path())).await.unwrap();

    assert_eq!(ask(&database.app_url(), "select 1::text").await, "1");
    database.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_with_a_long_name_is_no_hindrance() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a-name-of-fifty-characters-as-some-people-like-them".repeat(3));
    fs::create_dir(&folder).unwrap();

    let database = PortalDatabase::start(&options(&folder)).await.unwrap();

    assert_eq!(ask(&database.app_url(), "select 1::text").await, "1");
    database.stop().await.unwrap();
}

#[tokio::test]
async fn dropping_the_database_shuts_it_down() {
    let folder = tempfile::tempdir().unwrap();

    drop(PortalDatabase::start(&options(folder.path())).await.unwrap());

    assert!(!folder.path().join("pg/data/postmaster.pid").exists());
}

#[tokio::test]
async fn the_provisioning_target_wants_its_passwords_and_keeps_its_port() {
    let folder = tempfile::tempdir().unwrap();
    let target = ProvisioningTarget::start(&options(folder.path())).await.unwrap();
    let url = target.provisioner_url().expose_secret().to_owned();

    assert_eq!(ask(&target.provisioner_url(), "select current_user").await, "rampart_provisioner");
    let wrong = url::Url::parse(&url).map(|mut url| {
        url.set_password(Some("guess")).unwrap();
        SecretString::from(String::from(url))
    });
    assert_eq!(code(run(&wrong.unwrap(), "select 1").await), "28P01");
    for file in ["superuser.password", "provisioner.password"] {
        let mode = fs::metadata(folder.path().join("pg").join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    assert!(!format!("{target:?}").contains(url::Url::parse(&url).unwrap().password().unwrap()));

    target.stop().await.unwrap();
    let again = ProvisioningTarget::start(&options(folder.path())).await.unwrap();
    assert_eq!(again.provisioner_url().expose_secret(), url, "what people were shown stays true");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn the_provisioner_hands_out_databases_without_being_a_superuser() {
    let folder = tempfile::tempdir().unwrap();
    let target = ProvisioningTarget::start(&options(folder.path())).await.unwrap();
    let provisioner = target.provisioner_url();

    run(&provisioner, "create role tenant login password 'a-password'").await.unwrap();
    // A creator of roles may hand a database to one that it belongs to; from version 16 on it belongs to it by itself.
    run(&provisioner, "grant tenant to rampart_provisioner").await.ok();
    run(&provisioner, "create database tenant owner tenant").await.unwrap();

    let tenant = url::Url::parse(provisioner.expose_secret()).map(|mut url| {
        url.set_username("tenant").unwrap();
        url.set_password(Some("a-password")).unwrap();
        url
    });
    let mut tenant = tenant.unwrap();
    assert_eq!(code(run(&String::from(tenant.clone()).into(), "select 1").await), "42501", "not into `postgres`");
    tenant.set_path("tenant");
    run(&String::from(tenant).into(), "create table mine (id int)").await.unwrap();
    assert_eq!(code(run(&provisioner, "create role root superuser").await), "42501");
    target.stop().await.unwrap();
}

fn options(folder: &Path) -> Options {
    Options { folder: folder.join("pg"), fsync: false, search: Search::from_environment(), rng: Rng::from_os() }
}

async fn run(url: &SecretString, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url.expose_secret()).await?;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
    connection.close().await
}

async fn ask(url: &SecretString, sql: &str) -> String {
    let mut connection = PgConnection::connect(url.expose_secret()).await.unwrap();
    let answer = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

/// The SQLSTATE of a refusal.
fn code(result: Result<(), sqlx::Error>) -> String {
    let error = result.expect_err("it should have been refused");
    error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned())).unwrap_or(error.to_string())
}
