//! Environments on a real server: made, used, closed to others, and gone afterwards, whatever was killed in between.

use std::{env, str::FromStr};

use model::{EnvironmentId, environment::Limits};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgConnectOptions};

use super::{
    Address, Target, password,
    postgres::{Make, Remove, Session, name},
};
use crate::clock::{Clock, Rng};

const LIMITS: Limits =
    Limits { connections: 2, statement_seconds: 30, idle_transaction_seconds: 60, temporary_megabytes: 64 };

/// A provisioner of its own, which may create databases and roles and is no superuser.
struct Server {
    admin: PgConnection,
    target: Target,
    id: EnvironmentId,
}

fn server_url() -> String {
    env::var("RAMPART_TEST_DATABASE_URL").expect("tests run under scripts/with-postgres")
}

fn as_user(user: &str, database: &str) -> PgConnectOptions {
    PgConnectOptions::from_str(&server_url()).unwrap().username(user).database(database)
}

impl Server {
    async fn new() -> Self {
        let mut admin = PgConnection::connect(&server_url()).await.unwrap();
        let suffix = hex::encode(Rng::from_os().bytes::<6>());
        let provisioner = format!("provisioner_{suffix}");
        run(&mut admin, format!("create role {provisioner} login createdb createrole")).await;
        let url = server_url().replace("user=postgres", &format!("user={provisioner}"));
        assert!(url.contains(&provisioner), "the test server's address names its user");
        let target = Target {
            name: "default".to_owned(),
            prefix: format!("t{suffix}"),
            address: Address::Given(url.into()),
            public: None,
        };
        Self { admin, target, id: Rng::from_os().id(&Clock::system()) }
    }

    fn name(&self) -> String {
        name(&self.target, self.id)
    }

    async fn open(&self) -> Session {
        Session::open(&self.target, self.id).await.unwrap().expect("nobody else is at it")
    }

    async fn make(&self) {
        let mut session = self.open().await;
        for step in Make::ALL {
            session
                .make(step, &LIMITS, "a note with 'quotes' and \\")
                .await
                .unwrap_or_else(|e| panic!("{step:?}: {e:?}"));
        }
        session.close().await;
    }

    async fn remove(&self) {
        let mut session = self.open().await;
        for step in Remove::ALL {
            session.remove(step).await.unwrap_or_else(|e| panic!("{step:?}: {e:?}"));
        }
        session.close().await;
    }

    /// Roles and databases of this test's prefix.
    async fn inventory(&mut self) -> Vec<String> {
        sqlx::query_scalar(
            "select 'role ' || rolname from pg_roles where rolname like $1
             union all select 'database ' || datname from pg_database where datname like $1 order by 1",
        )
        .bind(format!("{}\\_%", self.target.prefix))
        .fetch_all(&mut self.admin)
        .await
        .unwrap()
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&as_user(&self.name(), &self.name())).await
    }
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection.execute(AssertSqlSafe(sql.clone())).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[tokio::test]
async fn an_environment_is_made_used_and_removed_by_a_provisioner_without_superuser() {
    let mut server = Server::new().await;
    server.make().await;
    let name = server.name();
    assert_eq!(server.inventory().await, [format!("database {name}"), format!("role {name}")]);

    let mut own = server.connect().await.unwrap();
    own.execute("create table t (x int); insert into t values (1); create schema mine; create extension pgcrypto")
        .await
        .unwrap();
    let timeout: String = sqlx::query_scalar("show statement_timeout").fetch_one(&mut own).await.unwrap();
    assert_eq!(timeout, "30s");
    drop(own);

    server.remove().await;
    assert!(server.inventory().await.is_empty());
    assert!(server.connect().await.is_err());
}

#[tokio::test]
async fn nobody_else_gets_in_and_its_holder_cannot_let_them_in() {
    let mut server = Server::new().await;
    server.make().await;
    let name = server.name();
    let stranger = format!("stranger_{}", &name[..13]);
    run(&mut server.admin, format!("create role {stranger} login")).await;
    let refused = PgConnection::connect_with(&as_user(&stranger, &name)).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied for database"), "{refused}");

    let mut own = server.connect().await.unwrap();
    for attempt in [
        format!("grant connect on database \"{name}\" to public"),
        format!("alter database \"{name}\" owner to \"{name}\""),
        format!("alter role \"{name}\" connection limit -1"),
        format!("alter role \"{name}\" createdb"),
        "create database another".to_owned(),
        "create role another".to_owned(),
    ] {
        // a grant by somebody who has no grant option is a warning, not an error
        let _ = own.execute(AssertSqlSafe(attempt)).await;
    }
    assert!(PgConnection::connect_with(&as_user(&stranger, &name)).await.is_err(), "still refused");
    let _second = server.connect().await.unwrap();
    let third = server.connect().await.unwrap_err();
    assert!(third.to_string().contains("too many connections"), "{third}");
    assert_eq!(server.inventory().await.len(), 2);

    server.remove().await;
    run(&mut server.admin, format!("drop role {stranger}")).await;
    assert!(own.execute("select 1").await.is_err(), "its sessions were ended");
}

#[tokio::test]
async fn making_goes_on_wherever_it_was_killed_and_does_nothing_twice() {
    let mut server = Server::new().await;
    for killed_after in 0..=Make::ALL.len() {
        let mut session = server.open().await;
        for step in Make::ALL.into_iter().take(killed_after) {
            session.make(step, &LIMITS, "note").await.unwrap();
        }
        drop(session); // no goodbye
        while Session::open(&server.target, server.id).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        server.make().await;
        assert_eq!(server.inventory().await.len(), 2, "after {killed_after} steps");
        server.connect().await.unwrap();
        server.remove().await;
    }
}

#[tokio::test]
async fn whatever_is_half_made_is_removed_and_whatever_is_half_removed_too() {
    let mut server = Server::new().await;
    for made in 0..=Make::ALL.len() {
        for removed in 0..=Remove::ALL.len() {
            let mut session = server.open().await;
            for step in Make::ALL.into_iter().take(made) {
                session.make(step, &LIMITS, "note").await.unwrap();
            }
            for step in Remove::ALL.into_iter().take(removed.min(Remove::ALL.len() - 1)) {
                session.remove(step).await.unwrap();
            }
            session.close().await;
            server.remove().await;
            assert!(server.inventory().await.is_empty(), "{made} made, {removed} removed");
        }
    }
}

#[tokio::test]
async fn one_worker_at_a_time() {
    let server = Server::new().await;
    let first = server.open().await;
    assert!(Session::open(&server.target, server.id).await.unwrap().is_none());
    first.close().await;
    server.open().await.close().await;
}

#[tokio::test]
async fn what_the_role_left_in_an_open_database_does_not_keep_it_alive() {
    let mut server = Server::new().await;
    server.make().await;
    let mut elsewhere = PgConnection::connect_with(&as_user(&server.name(), "postgres")).await.unwrap();
    elsewhere.execute("select lo_create(0)").await.unwrap();
    server.remove().await;
    assert!(server.inventory().await.is_empty());
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_tried_again_and_one_that_refuses_is_not() {
    let server = Server::new().await;
    let away = Target { address: Address::Given("postgres://x@127.0.0.1:1/postgres".into()), ..server.target.clone() };
    let failure = Session::open(&away, server.id).await.map(|_| ()).unwrap_err();
    assert!(!failure.lasting && failure.reason.contains("could not connect"), "{failure:?}");

    let nobody = server_url().replace("user=postgres", "user=no_such_role");
    let refused = Target { address: Address::Given(nobody.into()), ..server.target.clone() };
    let failure = Session::open(&refused, server.id).await.map(|_| ()).unwrap_err();
    assert!(failure.lasting, "{failure:?}");
}

#[tokio::test]
async fn a_provisioner_that_may_not_create_roles_says_so() {
    let mut server = Server::new().await;
    let poor = format!("poor_{}", server.target.prefix);
    run(&mut server.admin, format!("create role {poor} login")).await;
    let url = server_url().replace("user=postgres", &format!("user={poor}"));
    let target = Target { address: Address::Given(url.into()), ..server.target.clone() };
    let mut session = Session::open(&target, server.id).await.unwrap().unwrap();
    let failure = session.make(Make::Role, &LIMITS, "note").await.unwrap_err();
    session.close().await;
    run(&mut server.admin, format!("drop role {poor}")).await;
    assert!(failure.lasting && failure.reason.contains("create the role: permission denied"), "{failure:?}");
}

#[tokio::test]
async fn our_verifier_is_the_one_that_postgres_makes_of_the_same_password_and_salt() {
    let mut server = Server::new().await;
    let role = format!("scram_{}", server.target.prefix);
    run(
        &mut server.admin,
        format!("set password_encryption = 'scram-sha-256'; create role {role} password 'correct horse'"),
    )
    .await;
    let theirs: String = sqlx::query_scalar("select rolpassword from pg_authid where rolname = $1")
        .bind(&role)
        .fetch_one(&mut server.admin)
        .await
        .unwrap();
    run(&mut server.admin, format!("drop role {role}")).await;
    let salt = theirs.split(['$', ':']).nth(2).unwrap();
    let salt = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, salt).unwrap();
    assert_eq!(password::verifier_with(&SecretString::from("correct horse"), &salt), theirs);
}

#[tokio::test]
async fn a_password_is_kept_as_its_verifier_and_each_new_one_replaces_the_last() {
    let mut server = Server::new().await;
    server.make().await;
    let rng = Rng::from_os();
    let mut session = server.open().await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let verifier = password::verifier(&password::generate(&rng), &rng);
        session.set_password(&verifier).await.unwrap();
        let stored: String = sqlx::query_scalar("select rolpassword from pg_authid where rolname = $1")
            .bind(server.name())
            .fetch_one(&mut server.admin)
            .await
            .unwrap();
        assert_eq!(stored, verifier);
        kept.push(stored);
    }
    session.close().await;
    assert_ne!(kept[0], kept[1]);
    server.remove().await;
}
