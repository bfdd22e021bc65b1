//! A portal for one test: its own database, made from a migrated template, a set clock and a seeded generator.

use std::{env, str::FromStr};

use model::{BindingId, EntityId, IntegrationId, IntegrationKind, PersonId, TeamId};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgConnectOptions, query};
use time::{OffsetDateTime, macros::datetime};

use crate::{
    Clock, Db, KeyRing, Portal, Rng, Settings,
    authz::{Actor, Authentication, Binding, PersonActor, Reach, RoleName, Who},
    db::MigrationConn,
    identity, migrate,
};

/// When every test begins.
pub const NOW: OffsetDateTime = datetime!(2026-03-02 09:00 UTC);
/// The role that the portal connects as, which owns nothing.
const ROLE: &str = "rampart";

/// A portal and the database under it, dropped with it.
pub struct TestPortal {
    pub portal: Portal,
    server: String,
    database: String,
}

impl std::ops::Deref for TestPortal {
    type Target = Portal;

    fn deref(&self) -> &Portal {
        &self.portal
    }
}

impl TestPortal {
    /// # Panics
    /// Where `RAMPART_TEST_DATABASE_URL` names no server: tests run under `scripts/with-postgres`.
    pub async fn new() -> Self {
        let server = env::var("RAMPART_TEST_DATABASE_URL")
            .expect("tests run under scripts/with-postgres, which sets RAMPART_TEST_DATABASE_URL");
        let mut admin = PgConnection::connect(&server).await.expect("the test server answers");
        let template = template(&server, &mut admin).await;
        Self::copy_of(&template, server, &mut admin).await
    }

    /// A copy of a database that `make` filled: the first process of a run that asks for `name` does it, the others wait.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub async fn from_template(name: &str, make: impl AsyncFnOnce(&Self)) -> Self {
        let first = Self::new().await;
        let name = format!("template_{}_{name}", migrate::newest());
        let mut admin = PgConnection::connect(&first.server).await.expect("the test server answers");
        run(&mut admin, format!("select pg_advisory_lock(hashtextextended('{name}', 0))")).await;
        if !exists(&mut admin, &name).await {
            make(&first).await;
            first.portal.close().await;
            run(&mut admin, format!("alter database {} rename to {name}", first.database)).await;
        }
        run(&mut admin, format!("select pg_advisory_unlock(hashtextextended('{name}', 0))")).await;
        Self::copy_of(&name, first.server.clone(), &mut admin).await
    }

    async fn copy_of(template: &str, server: String, admin: &mut PgConnection) -> Self {
        let database = format!("test_{}", hex::encode(Rng::from_os().bytes::<8>()));
        run(admin, format!("create database {database} template {template} strategy file_copy")).await;
        let portal = Portal::new(
            Db::connect(&url(&server, &database, ROLE)).expect("the address is one"),
            Clock::set_to(NOW),
            Rng::seeded(7),
            KeyRing::parse(&KeyRing::with_new_key(None, &Clock::set_to(NOW), &Rng::seeded(8)).expect("a new key file"))
                .expect("a new key file is one"),
            Settings::default(),
        );
        let t = Self { portal, server, database };
        t.enable_built_ins().await;
        t
    }

    /// What an installation's settings set up, approved and enabled, so that a test of something else need not.
    async fn enable_built_ins(&self) {
        let mut owner = self.owner().await;
        // ids of their own, so that those of a test stay what they are; a template has them already
        let rng = Rng::seeded(9);
        for kind in IntegrationKind::ALL.iter().filter(|kind| kind.needs().built_in) {
            query(
                "insert into integration (
                     id, name, kind, purpose, data_classes, scopes, egress_hosts, built_in, enabled, approved_at, review_by,
                     created_at
                 ) values ($1, $2, $2, 'for tests', '{internal}', '{}', '{}', true, true, $3, $3::date + 90, $3)
                 on conflict do nothing",
            )
            .bind(rng.id::<IntegrationId>(&self.clock))
            .bind(kind.as_str())
            .bind(self.clock.now())
            .execute(&mut owner)
            .await
            .expect("an integration can be made");
        }
    }

    /// Stops what passes through the integrations of a kind, or lets it pass again.
    pub async fn set_enabled(&self, kind: IntegrationKind, enabled: bool) {
        query("update integration set enabled = $2 where kind = $1")
            .bind(kind.as_str())
            .bind(enabled)
            .execute(&mut self.owner().await)
            .await
            .expect("an integration can be changed");
    }

    /// The address of this test's database for the server's role: for a second process.
    #[must_use]
    pub fn database_url(&self) -> SecretString {
        url(&self.server, &self.database, ROLE)
    }

    /// The name of this test's database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// As [`database_url`](Self::database_url), for the role that owns the schema.
    #[must_use]
    pub fn owner_url(&self) -> SecretString {
        let user = PgConnectOptions::from_str(&self.server).expect("the address is one").get_username().to_owned();
        url(&self.server, &self.database, &user)
    }

    /// A connection of the database's owner, to look behind the portal's back.
    pub async fn owner(&self) -> PgConnection {
        let options = PgConnectOptions::from_str(&self.server).expect("the address is one").database(&self.database);
        PgConnection::connect_with(&options).await.expect("the test server answers")
    }

    /// Somebody signed in, with these roles: `t.person("Ada", &[(RoleName::Developer, Some("payments"))])`.
    pub async fn person(&self, name: &str, roles: &[(RoleName, Option<&str>)]) -> Actor {
        let mut owner = self.owner().await;
        let id: PersonId = self.rng.id(&self.clock);
        query("insert into person (id, issuer, subject, display_name, email, created_at) values ($1, 'test', $2, $3, $4, $5)")
            .bind(id)
            .bind(id.to_string())
            .bind(name)
            .bind(format!("{}@example.com", name.to_lowercase().replace(' ', ".")))
            .bind(self.clock.now())
            .execute(&mut owner)
            .await
            .expect("a person can be made");
        let mut bindings = Vec::new();
        for (role, team) in roles {
            let reach = match team {
                Some(team) => Reach::Team(self.team(team).await),
                None => Reach::Organisation,
            };
            bindings.push(self.bind(id, *role, reach).await);
        }
        Actor {
            who: Who::Person(PersonActor {
                id,
                display_name: name.to_owned(),
                email: Some(format!("{}@example.com", name.to_lowercase().replace(' ', "."))),
                time_zone: None,
                theme: None,
                bindings,
                scopes: None,
            }),
            authentication: Authentication::Session {
                id: self.rng.id(&self.clock),
                amr: vec!["pwd".to_owned()],
                acr: None,
                at: self.clock.now(),
            },
            request_id: "test".to_owned(),
            address: Some([127, 0, 0, 1].into()),
        }
    }

    /// The team of that name, made where there is none.
    pub async fn team(&self, name: &str) -> TeamId {
        identity::effects::team_named(&self.portal, &mut self.owner().await, name).await.expect("a team can be made")
    }

    /// A service that the team owns, as its descriptor would make it.
    pub async fn service(&self, name: &str, team: &str) -> EntityId {
        let id: EntityId = self.rng.id(&self.clock);
        let owner = self.team(team).await;
        query(
            "insert into entity (id, kind, namespace, name, type, lifecycle, owner_ref, owner_id, descriptor, created_at, updated_at)
             values ($1, 'component', 'default', $2, 'service', 'production', $3, $4, '{}', $5, $5)",
        )
        .bind(id)
        .bind(name)
        .bind(format!("group:default/{team}"))
        .bind(owner)
        .bind(self.clock.now())
        .execute(&mut self.owner().await)
        .await
        .expect("a service can be made");
        id
    }

    async fn bind(&self, person: PersonId, role: RoleName, reach: Reach) -> Binding {
        let id: BindingId = self.rng.id(&self.clock);
        let (team, entity): (Option<TeamId>, Option<EntityId>) = match reach {
            Reach::Organisation => (None, None),
            Reach::Team(team) => (Some(team), None),
            Reach::Entity(entity) => (None, Some(entity)),
        };
        query(
            "insert into role_binding (id, person_id, role, team_id, entity_id, source, granted_at)
             values ($1, $2, $3, $4, $5, 'provider', $6)",
        )
        .bind(id)
        .bind(person)
        .bind(role.as_str())
        .bind(team)
        .bind(entity)
        .bind(self.clock.now())
        .execute(&mut self.owner().await)
        .await
        .expect("a role can be bound");
        Binding { id, role, reach }
    }

    /// How many rows a query counts, seen by the owner.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.owner().await).await.expect("the count can be taken")
    }

    /// The portal itself, as the actor of a job.
    #[must_use]
    pub fn system(&self) -> Actor {
        Actor::system("test", None, "test".to_owned())
    }
}

impl Drop for TestPortal {
    fn drop(&mut self) {
        let (server, database) = (self.server.clone(), self.database.clone());
        // a destructor cannot wait on the test's own runtime
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async {
                if let Ok(mut admin) = PgConnection::connect(&server).await {
                    run(&mut admin, format!("drop database if exists {database} with (force)")).await;
                }
            });
        });
        // what stays behind goes with the cluster
        drop(dropped.join());
    }
}

/// The migrated database that every test copies; the first process of a run makes it.
async fn template(server: &str, admin: &mut PgConnection) -> String {
    let name = format!("template_{}", migrate::newest());
    run(admin, "select pg_advisory_lock(4711)".to_owned()).await;
    if !exists(admin, &name).await {
        run(admin, format!("do $$ begin create role {ROLE} login; exception when duplicate_object then null; end $$"))
            .await;
        let half = format!("{name}_half");
        run(admin, format!("drop database if exists {half} with (force)")).await;
        run(admin, format!("create database {half}")).await;
        let user = PgConnectOptions::from_str(server).expect("the address is one").get_username().to_owned();
        let mut connection = MigrationConn::connect(&url(server, &half, &user)).await.expect("the test server answers");
        migrate::migrate(&mut connection, ROLE, NOW).await.expect("the migrations run");
        drop(connection);
        run(admin, format!("alter database {half} rename to {name}")).await;
    }
    run(admin, "select pg_advisory_unlock(4711)".to_owned()).await;
    name
}

async fn exists(admin: &mut PgConnection, database: &str) -> bool {
    sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(database)
        .fetch_one(admin)
        .await
        .expect("the test server answers")
}

fn url(server: &str, database: &str, user: &str) -> SecretString {
    let mut url = url::Url::parse(server).expect("the address is one");
    url.set_path(database);
    let kept: Vec<(String, String)> =
        url.query_pairs().filter(|(key, _)| key != "user").map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair("user", user);
    url.to_string().into()
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection.execute(AssertSqlSafe(sql.clone())).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}
