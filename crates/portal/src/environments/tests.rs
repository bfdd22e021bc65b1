//! The life of an environment as people meet it, on a real server.

mod kill;

use std::sync::Arc;

use model::{EntityId, EnvironmentId, EnvironmentState, IntegrationKind, page::PageRequest};
use secrecy::ExposeSecret;
use serde_json::{Map, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use time::Duration;

use super::{
    EnvironmentKey, Filter, Sort, credentials, effects, end, list,
    provider::{Address, Target},
    read,
    request::{self, Ask},
    retry, templates,
};
use crate::{
    Actor, Error, Portal, Rng, Settings,
    authz::RoleName,
    jobs::{self, Job},
    requests::{self, Request},
    testing::TestPortal,
};

const SANDBOX: &str = include_str!("testdata/postgres-sandbox.yaml");

/// A team with a lead, a developer who asks, a champion who must agree, and a server to make things on.
struct World {
    t: TestPortal,
    ada: Actor,
    lead: Actor,
    champion: Actor,
    service: EntityId,
    prefix: String,
}

impl std::ops::Deref for World {
    type Target = TestPortal;

    fn deref(&self) -> &TestPortal {
        &self.t
    }
}

impl World {
    async fn new() -> Self {
        let mut t = TestPortal::new().await;
        let prefix = format!("w{}", hex::encode(Rng::from_os().bytes::<6>()));
        set_address(&mut t, &prefix, &server_url());
        let admin = t.person("Admin", &[(RoleName::PlatformAdministrator, None)]).await;
        templates::apply(&t, &admin, &[file(SANDBOX)]).await.unwrap();
        let service = t.service("payments-api", "payments").await;
        Self {
            ada: t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await,
            lead: t.person("Lea", &[(RoleName::TeamLead, Some("payments"))]).await,
            champion: t.person("Cho", &[(RoleName::SecurityChampion, None)]).await,
            t,
            service,
            prefix,
        }
    }

    async fn ask(&self) -> Request {
        request::request(self, &self.ada, &ask(10)).await.unwrap()
    }

    async fn approve(&self, request: &Request) {
        for approver in [&self.lead, &self.champion] {
            approve(self, approver, request).await.unwrap();
        }
    }

    /// Asked for and approved by all, not yet made.
    async fn approved(&self) -> EnvironmentId {
        let request = self.ask().await;
        self.approve(&request).await;
        self.made_of(&request).await
    }

    async fn made_of(&self, request: &Request) -> EnvironmentId {
        let id: uuid::Uuid = sqlx::query_scalar("select id from environment where request_id = $1")
            .bind(request.id.0)
            .fetch_one(&mut self.owner().await)
            .await
            .unwrap();
        EnvironmentId(id)
    }

    async fn ready(&self) -> EnvironmentId {
        let id = self.approved().await;
        self.work(id).await;
        assert_eq!(self.state(id).await, EnvironmentState::Ready);
        id
    }

    async fn work(&self, id: EnvironmentId) {
        Job::ReconcileEnvironment { environment: id }.run(self).await.unwrap();
    }

    /// What the sweep would enqueue, done now.
    async fn work_on_what_is_due(&self) {
        for job in effects::due(self).await.unwrap() {
            job.run(self).await.unwrap();
        }
    }

    async fn state(&self, id: EnvironmentId) -> EnvironmentState {
        self.detail(id).await.row.state
    }

    async fn detail(&self, id: EnvironmentId) -> model::environment::EnvironmentDetail {
        let mut snapshot = self.snapshot(&self.ada).await.unwrap();
        read(&mut snapshot, id.into()).await.unwrap()
    }

    async fn log(&self, id: EnvironmentId) -> Vec<String> {
        self.detail(id).await.log.into_iter().map(|line| format!("{}: {}", line.step, line.text)).collect()
    }

    async fn inventory(&self) -> Vec<String> {
        inventory(&self.prefix).await
    }
}

fn server_url() -> String {
    std::env::var("RAMPART_TEST_DATABASE_URL").expect("tests run under scripts/with-postgres")
}

fn set_address(t: &mut TestPortal, prefix: &str, url: &str) {
    t.portal.settings = Arc::new(settings(prefix, url));
}

fn settings(prefix: &str, url: &str) -> Settings {
    let target = Target {
        name: "default".to_owned(),
        prefix: prefix.to_owned(),
        address: Address::Given(url.into()),
        public: None,
    };
    Settings { targets: vec![target], ..Settings::default() }
}

/// Every role and database of that prefix on the target.
async fn inventory(prefix: &str) -> Vec<String> {
    let mut admin = PgConnection::connect(&server_url()).await.unwrap();
    sqlx::query_scalar(
        "select 'role ' || rolname from pg_roles where rolname like $1
         union all select 'database ' || datname from pg_database where datname like $1 order by 1",
    )
    .bind(format!("{prefix}\\_%"))
    .fetch_all(&mut admin)
    .await
    .unwrap()
}

fn file(text: &str) -> templates::File {
    templates::File { name: "sandbox.yaml".to_owned(), text: text.to_owned() }
}

fn ask(connections: i64) -> Ask {
    Ask {
        service: "payments-api".to_owned(),
        template: "postgres-sandbox".to_owned(),
        parameters: Map::from_iter([("connections".to_owned(), json!(connections))]),
        hours: None,
        reason: "try the new ledger".to_owned(),
    }
}

async fn approve(portal: &Portal, actor: &Actor, request: &Request) -> crate::Result<()> {
    requests::approve(portal, actor, request.number, &hex::encode(request.hash), "").await.map(drop)
}

async fn connect(prefix: &str, id: EnvironmentId, user: &str) -> Result<PgConnection, sqlx::Error> {
    let name = format!("{prefix}_{}", id.0.simple());
    let options: PgConnectOptions = server_url().parse().unwrap();
    PgConnection::connect_with(&options.username(user).database(&name)).await
}

#[tokio::test]
async fn an_environment_lives_from_its_request_to_its_verified_end() {
    let w = World::new().await;
    let request = w.ask().await;
    assert_eq!(request.payload.title(), "PostgreSQL sandbox for payments-api, 8 hours");
    approve(&w, &w.lead, &request).await.unwrap();
    assert_eq!(w.count("select count(*) from environment").await, 0, "the champion has not approved yet");
    approve(&w, &w.champion, &request).await.unwrap();
    let id = w.made_of(&request).await;
    assert_eq!(w.state(id).await, EnvironmentState::Provisioning);
    assert!(w.inventory().await.is_empty());

    w.work(id).await;
    let detail = w.detail(id).await;
    assert_eq!(detail.row.state, EnvironmentState::Ready);
    assert_eq!(detail.row.expires_at, w.clock.now() + Duration::hours(8));
    assert!(detail.may.reveal && detail.may.end && detail.may.extend && !detail.may.retry, "{:?}", detail.may);
    let user = format!("{}_{}", w.prefix, id.0.simple());
    let mut own = connect(&w.prefix, id, &user).await.unwrap();
    sqlx::query("create table ledger (x int)").execute(&mut own).await.unwrap();
    drop(own);

    end(&w, &w.ada, id.into()).await.unwrap();
    assert_eq!(w.state(id).await, EnvironmentState::Ending);
    w.work(id).await;
    let detail = w.detail(id).await;
    assert_eq!((detail.row.state, detail.row.ended_at), (EnvironmentState::Ended, Some(w.clock.now())));
    assert!(w.inventory().await.is_empty());
    assert!(connect(&w.prefix, id, "postgres").await.is_err(), "the database is gone");
    let log = w.log(id).await;
    for line in [
        "approved: ",
        "database: created",
        "ready: ",
        "ending: ",
        "database: dropped",
        "check: looked again",
        "ended: ",
    ] {
        assert!(log.iter().any(|said| said.starts_with(line)), "{line} in {log:#?}");
    }
    assert_eq!(w.count("select count(*) from request where state = 'fulfilled'").await, 1);
    let notices = w.count("select count(*) from notice where kind = 'environment'").await;
    assert_eq!(notices, 2, "ready, and ended");
}

#[tokio::test]
async fn a_wrong_request_names_its_fields_and_leaves_nothing() {
    let w = World::new().await;
    for (wrong, field) in [
        (Ask { service: "none".to_owned(), ..ask(1) }, "service"),
        (Ask { template: "none".to_owned(), ..ask(1) }, "template"),
        (ask(0), "parameters.connections"),
        (Ask { hours: Some(8_000), ..ask(1) }, "hours"),
        (Ask { reason: " ".to_owned(), ..ask(1) }, "reason"),
    ] {
        let refused = request::request(&w, &w.ada, &wrong).await.map(|_| ());
        let Err(Error::Invalid(errors)) = refused else { panic!("{refused:?}") };
        assert_eq!(errors[0].field, field, "{errors:?}");
    }
    assert_eq!(w.count("select count(*) from request").await, 0);
}

#[tokio::test]
async fn a_service_that_nobody_owns_has_nobody_to_approve() {
    let w = World::new().await;
    sqlx::query("update entity set owner_id = null").execute(&mut w.owner().await).await.unwrap();
    let refused = request::request(&w, &w.ada, &ask(1)).await.map(|_| ());
    assert!(matches!(&refused, Err(Error::Invalid(errors)) if errors[0].message.contains("spec.owner")), "{refused:?}");
}

#[tokio::test]
async fn a_restricted_service_is_unknown_to_strangers_who_ask_for_an_environment() {
    let w = World::new().await;
    sqlx::query("update entity set restricted = true").execute(&mut w.owner().await).await.unwrap();
    let stranger = w.person("Sam", &[(RoleName::Developer, Some("search"))]).await;
    let named = Ask { service: w.service.to_string(), ..ask(1) };
    for asked in [ask(1), named, Ask { service: "no-such-service".to_owned(), ..ask(1) }] {
        let refused = request::request(&w, &stranger, &asked).await.map(|_| ());
        let Err(Error::Invalid(errors)) = refused else { panic!("{refused:?}") };
        assert!(
            errors[0].field == "service" && errors[0].message.starts_with("no service that you may see"),
            "{errors:?}"
        );
    }
    request::request(&w, &w.ada, &ask(1)).await.unwrap();
}

#[tokio::test]
async fn one_changed_byte_after_the_approval_and_nothing_is_made() {
    for change in [
        "update environment_template set source = replace(source, 'statementSeconds: 60', 'statementSeconds: 61')",
        "update request set document = convert_to(replace(convert_from(document, 'UTF8'), '\"connections\":10', '\"connections\":50'), 'UTF8')",
        "update request set hash = sha256('')",
        "update environment set request_id = gen_random_uuid()",
    ] {
        let w = World::new().await;
        let id = w.approved().await;
        let changed = sqlx::query(AssertSqlSafe(change.to_owned())).execute(&mut w.owner().await).await.unwrap();
        assert_eq!(changed.rows_affected(), 1, "{change}");
        // what a person with the database in their hands did must not become what the portal does
        let _ = Job::ReconcileEnvironment { environment: id }.run(&w).await;
        assert_ne!(w.state(id).await, EnvironmentState::Ready, "{change}");
        assert!(w.inventory().await.is_empty(), "{change}");
    }
}

#[tokio::test]
async fn a_refused_execution_says_so_in_the_log() {
    let w = World::new().await;
    let id = w.approved().await;
    sqlx::query("update environment_template set source = source || '# more'")
        .execute(&mut w.owner().await)
        .await
        .unwrap();
    w.work(id).await;
    let detail = w.detail(id).await;
    assert_eq!(detail.row.state, EnvironmentState::Failed);
    assert!(detail.row.failure.unwrap().contains("no longer what was approved"));
    assert!(detail.may.retry && detail.may.end);
}

#[tokio::test]
async fn a_template_applied_later_changes_nothing_that_was_approved_before() {
    let w = World::new().await;
    let id = w.approved().await;
    let admin = w.person("Bo", &[(RoleName::PlatformAdministrator, None)]).await;
    let other = SANDBOX.replace("statementSeconds: 60", "statementSeconds: 5");
    let edited = templates::apply(&w, &admin, &[file(&other)]).await.unwrap();
    assert_eq!(edited.len(), 1);
    w.work(id).await;
    assert_eq!(w.detail(id).await.spec.limits.statement_seconds, 60);
    end(&w, &w.ada, id.into()).await.unwrap();
    w.work(id).await;
}

#[tokio::test]
async fn strangers_do_not_learn_that_an_environment_exists() {
    let w = World::new().await;
    let id = w.approved().await;
    let stranger = w.person("Sam", &[(RoleName::Developer, Some("search"))]).await;
    let key = || EnvironmentKey::Id(id);
    let mut snapshot = w.snapshot(&stranger).await.unwrap();
    assert!(matches!(read(&mut snapshot, key()).await, Err(Error::NotFound(_))));
    drop(snapshot);
    assert!(matches!(super::log(&w, &stranger, key(), 0).await, Err(Error::NotFound(_))));
    assert!(matches!(end(&w, &stranger, key()).await, Err(Error::NotFound(_))));
    assert!(matches!(retry(&w, &stranger, key()).await, Err(Error::NotFound(_))));
    assert!(matches!(credentials::reveal(&w, &stranger, key()).await.map(drop), Err(Error::NotFound(_))));
    assert!(matches!(request::extend(&w, &stranger, key(), 1, "x").await, Err(Error::NotFound(_))));
    let mut snapshot = w.snapshot(&stranger).await.unwrap();
    let listed = list(&mut snapshot, &Filter::default(), Sort::Newest, &PageRequest::default()).await.unwrap();
    assert!(listed.page.items.is_empty() && listed.states.is_empty() && listed.page.total.value == 0);
}

#[tokio::test]
async fn only_the_requester_sees_credentials_and_every_time_they_are_new_and_on_record() {
    let w = World::new().await;
    let id = w.ready().await;
    let refused = credentials::reveal(&w, &w.lead, id.into()).await.map(drop);
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let first = credentials::reveal(&w, &w.ada, id.into()).await.unwrap();
    let second = credentials::reveal(&w, &w.ada, id.into()).await.unwrap();
    assert_ne!(first.password.expose_secret(), second.password.expose_secret());
    assert!(second.url.expose_secret().contains(second.password.expose_secret()));
    let recorded = "select count(*) from audit_record where action = 'environment.reveal' and outcome = 'committed'";
    assert_eq!(w.count(recorded).await, 2);
    let dump: String = sqlx::query_scalar(
        "select (select string_agg(environment::text, '') from environment)
             || (select string_agg(environment_log::text, '') from environment_log)
             || (select string_agg(encode(leaf, 'escape'), '') from audit_record)
             || (select coalesce(string_agg(_private_jobs::text, ''), '') from graphile_worker._private_jobs)",
    )
    .fetch_one(&mut w.owner().await)
    .await
    .unwrap();
    assert!(!dump.contains(second.password.expose_secret()));
    end(&w, &w.ada, id.into()).await.unwrap();
    let refused = credentials::reveal(&w, &w.ada, id.into()).await.map(drop);
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    w.work(id).await;
}

#[tokio::test]
async fn nothing_is_shown_where_the_server_does_not_answer_but_the_attempt_is_on_record() {
    let mut w = World::new().await;
    let id = w.ready().await;
    let prefix = w.prefix.clone();
    set_address(&mut w.t, &prefix, "postgres://x@127.0.0.1:1/postgres");
    let refused = credentials::reveal(&w, &w.ada, id.into()).await.map(drop);
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!(w.count("select count(*) from audit_record where action = 'environment.reveal'").await, 1);
    set_address(&mut w.t, &prefix, &server_url());
    end(&w, &w.ada, id.into()).await.unwrap();
    w.work(id).await;
}

#[tokio::test]
async fn its_owner_is_warned_and_then_it_is_taken_away() {
    let w = World::new().await;
    let id = w.ready().await;
    w.clock.advance(Duration::hours(5));
    w.work_on_what_is_due().await;
    assert_eq!(w.state(id).await, EnvironmentState::Ready, "too early");
    w.clock.advance(Duration::hours(1));
    w.work_on_what_is_due().await;
    assert_eq!(w.state(id).await, EnvironmentState::Expiring);
    assert_eq!(w.count("select count(*) from notice where title like '% ends soon'").await, 1);
    w.clock.advance(Duration::hours(2));
    w.work_on_what_is_due().await;
    assert_eq!(w.state(id).await, EnvironmentState::Ended);
    assert!(w.inventory().await.is_empty());
    assert!(effects::due(&w).await.unwrap().is_empty());
}

#[tokio::test]
async fn more_time_has_to_be_approved_and_then_the_end_moves() {
    let w = World::new().await;
    let id = w.ready().await;
    let ends = w.detail(id).await.row.expires_at;
    let request = request::extend(&w, &w.ada, id.into(), 10, "the load test runs longer").await.unwrap();
    assert_eq!(w.detail(id).await.row.expires_at, ends, "not before it is approved");
    w.approve(&request).await;
    let detail = w.detail(id).await;
    assert_eq!(detail.row.expires_at, ends + Duration::hours(10));
    w.clock.advance(Duration::hours(9));
    w.work_on_what_is_due().await;
    assert_eq!(w.state(id).await, EnvironmentState::Ready);
    w.clock.advance(Duration::hours(9));
    w.work_on_what_is_due().await;
    assert_eq!(w.state(id).await, EnvironmentState::Ended);
}

#[tokio::test]
async fn an_extension_approved_after_the_end_changes_nothing() {
    let w = World::new().await;
    let id = w.ready().await;
    let request = request::extend(&w, &w.ada, id.into(), 10, "longer").await.unwrap();
    end(&w, &w.ada, id.into()).await.unwrap();
    approve(&w, &w.lead, &request).await.unwrap();
    let refused = approve(&w, &w.champion, &request).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    w.work(id).await;
    assert_eq!(w.state(id).await, EnvironmentState::Ended);
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for_and_then_somebody_decides() {
    let mut w = World::new().await;
    let id = w.approved().await;
    let prefix = w.prefix.clone();
    set_address(&mut w.t, &prefix, "postgres://x@127.0.0.1:1/postgres");
    for _ in 0..4 {
        w.work_on_what_is_due().await;
        let detail = w.detail(id).await;
        assert_eq!(detail.row.state, EnvironmentState::Provisioning);
        assert!(detail.next_attempt_at.is_some() && detail.row.failure.is_some());
        w.clock.advance(Duration::minutes(10));
    }
    w.work_on_what_is_due().await;
    assert_eq!(w.state(id).await, EnvironmentState::Failed);
    set_address(&mut w.t, &prefix, &server_url());
    retry(&w, &w.ada, id.into()).await.unwrap();
    w.work(id).await;
    assert_eq!(w.state(id).await, EnvironmentState::Ready);
    end(&w, &w.ada, id.into()).await.unwrap();
    w.work(id).await;
}

#[tokio::test]
async fn a_removal_that_does_not_succeed_is_shown_and_goes_on() {
    let mut w = World::new().await;
    let id = w.ready().await;
    let prefix = w.prefix.clone();
    end(&w, &w.ada, id.into()).await.unwrap();
    set_address(&mut w.t, &prefix, "postgres://x@127.0.0.1:1/postgres");
    for _ in 0..8 {
        w.work_on_what_is_due().await;
        w.clock.advance(Duration::minutes(10));
    }
    let detail = w.detail(id).await;
    assert_eq!(detail.row.state, EnvironmentState::Ending);
    assert!(detail.row.failure.unwrap().contains("could not connect") && detail.may.retry);
    assert_eq!(w.inventory().await.len(), 2, "still there, and said so");
    assert_eq!(w.count("select count(*) from notice where title like '% could not be removed yet'").await, 1);
    set_address(&mut w.t, &prefix, &server_url());
    w.work_on_what_is_due().await;
    assert_eq!(w.state(id).await, EnvironmentState::Ended);
    assert!(w.inventory().await.is_empty());
}

#[tokio::test]
async fn what_is_ended_before_it_was_made_leaves_nothing() {
    let w = World::new().await;
    let id = w.approved().await;
    end(&w, &w.ada, id.into()).await.unwrap();
    w.work(id).await;
    assert_eq!(w.state(id).await, EnvironmentState::Ended);
    assert!(w.inventory().await.is_empty());
    assert_eq!(w.count("select count(*) from request where state = 'failed'").await, 1);
}

#[tokio::test]
async fn many_workers_make_it_once() {
    let w = World::new().await;
    let id = w.approved().await;
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let portal = w.portal.clone();
            tokio::spawn(async move { Job::ReconcileEnvironment { environment: id }.run(&portal).await })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
    w.work(id).await;
    assert_eq!(w.state(id).await, EnvironmentState::Ready);
    let log = w.log(id).await;
    assert_eq!(log.iter().filter(|line| line.starts_with("database: created")).count(), 1, "{log:#?}");
    assert_eq!(log.iter().filter(|line| line.starts_with("ready: ")).count(), 1, "{log:#?}");
    end(&w, &w.ada, id.into()).await.unwrap();
    w.work(id).await;
}

#[tokio::test]
async fn the_queue_does_it_without_being_asked() {
    let w = World::new().await;
    let id = w.approved().await;
    jobs::work_once(&w).await.unwrap();
    assert_eq!(w.state(id).await, EnvironmentState::Ready);
    end(&w, &w.lead, id.into()).await.unwrap();
    jobs::work_once(&w).await.unwrap();
    assert_eq!(w.state(id).await, EnvironmentState::Ended);
}

#[tokio::test]
async fn a_list_shows_what_one_may_see_by_state_owner_and_requester() {
    let w = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        w.clock.advance(Duration::minutes(1));
        ids.push(w.approved().await);
    }
    end(&w, &w.ada, ids[0].into()).await.unwrap();
    let page = async |actor: &Actor, filter: Filter, request: PageRequest| {
        let mut snapshot = w.snapshot(actor).await.unwrap();
        list(&mut snapshot, &filter, Sort::Newest, &request).await.unwrap()
    };
    let first = PageRequest { size: Some(2), ..PageRequest::default() };
    let listed = page(&w.ada, Filter::default(), first).await;
    assert_eq!(listed.page.in_words(), "1–2 of 3");
    assert_eq!(listed.page.items[0].id, ids[2], "the newest first");
    let next = PageRequest { cursor: listed.page.next.clone(), size: Some(2) };
    assert_eq!(page(&w.ada, Filter::default(), next).await.page.items[0].id, ids[0]);
    let ending = Filter { state: Some(EnvironmentState::Ending), ..Filter::default() };
    let listed = page(&w.lead, ending, PageRequest::default()).await;
    assert_eq!((listed.page.items.len(), listed.page.total.value), (1, 1));
    assert_eq!(listed.states.len(), 2, "the counts are those of all states");
    let mine = Filter { mine: true, ..Filter::default() };
    assert_eq!(page(&w.lead, mine.clone(), PageRequest::default()).await.page.items.len(), 0);
    assert_eq!(page(&w.ada, mine, PageRequest::default()).await.page.items.len(), 3);
    let owner = Filter { owner: Some(w.team("search").await), ..Filter::default() };
    assert_eq!(page(&w.ada, owner, PageRequest::default()).await.page.items.len(), 0);
}

#[tokio::test]
async fn only_administrators_change_templates_and_a_wrong_file_changes_nothing() {
    let w = World::new().await;
    let refused = templates::apply(&w, &w.ada, &[file(SANDBOX)]).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let admin = w.person("Bo", &[(RoleName::PlatformAdministrator, None)]).await;
    let good = SANDBOX.replace("postgres-sandbox", "other");
    let refused = templates::apply(&w, &admin, &[file(&good), file("kind: Nonsense")]).await;
    let Err(Error::Invalid(errors)) = refused else { panic!("{refused:?}") };
    assert!(errors.iter().all(|error| error.field == "sandbox.yaml:1"), "{errors:?}");
    let mut snapshot = w.snapshot(&w.ada).await.unwrap();
    assert_eq!(templates::list(&mut snapshot).await.unwrap().len(), 1);
    drop(snapshot);
    templates::retire(&w, &admin, "postgres-sandbox").await.unwrap();
    let refused = request::request(&w, &w.ada, &ask(1)).await.map(|_| ());
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn nothing_is_made_on_a_server_that_nobody_enabled_and_it_goes_on_once_somebody_did() {
    let w = World::new().await;
    let id = w.approved().await;
    w.set_enabled(IntegrationKind::PostgresServer, false).await;
    for _ in 0..3 {
        w.work(id).await;
    }
    let waiting = w.detail(id).await;
    assert_eq!(waiting.row.state, EnvironmentState::Provisioning);
    assert!(waiting.row.failure.unwrap().contains("is disabled"));
    assert_eq!(waiting.log.iter().filter(|line| line.step == "waiting").count(), 1, "said once");
    w.set_enabled(IntegrationKind::PostgresServer, true).await;
    w.work_on_what_is_due().await;
    assert_eq!(w.state(id).await, EnvironmentState::Ready);
    assert_eq!(
        w.count("select count(*) from integration where kind = 'postgres_server' and succeeded_at is not null").await,
        1
    );

    w.set_enabled(IntegrationKind::PostgresServer, false).await;
    assert!(matches!(credentials::reveal(&w, &w.ada, id.into()).await.map(drop), Err(Error::Shut(_))));
}
