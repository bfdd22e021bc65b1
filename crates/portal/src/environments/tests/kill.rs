//! `kill -9` at random moments while environments are asked for, approved, extended, made and removed, descriptors are
//! read in and reports come: nothing that was answered with success is lost, nothing is made twice, nothing is half
//! done or left behind, and the audit log has one record for each change.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use model::{EnvironmentId, EnvironmentState, PersonId, SourceKind, page::PageRequest};
use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use secrecy::ExposeSecret;
use serde_json::json;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::{World, approve, ask, inventory, settings};
use crate::{
    Actor, Clock, Db, KeyRing, Portal, Rng,
    authz::{Authentication, Binding, PersonActor, Who},
    catalog::{self, DescriptorFile, SourceName},
    environments::{Filter, Sort, effects, end, list, request},
    findings::{self, UploadScope},
    jobs,
    requests::Request,
    testing::NOW,
};

/// What the process that is killed is told.
const TOLD: &str = "RAMPART_TEST_KILLED_PROCESS";
const KILLS: u64 = 100;
/// More than this at once shows nothing new.
const LIVING: usize = 3;
/// How many entities an import brings, and how many findings a report has.
const PARTS: i64 = 12;
/// A kill comes after up to so many answers, and within this time of the last: so it strikes anywhere on any machine.
const STEPS: u32 = 8;
const WITHIN_MS: u64 = 120;
/// Longer than most steps take; a kill does not wait for more.
const PATIENCE: Duration = Duration::from_millis(700);
/// How long the last process may take to bring everything where it belongs.
const SETTLE_WITHIN: Duration = Duration::from_secs(120);

#[derive(serde::Serialize, serde::Deserialize)]
struct Told {
    database: String,
    prefix: String,
    #[serde(with = "time::serde::rfc3339")]
    now: OffsetDateTime,
    people: Vec<(PersonId, Vec<Binding>)>,
    kill: u64,
}

/// What was answered with success before a kill, and what was begun and not answered.
#[derive(Debug, Default)]
struct Answered {
    approved: BTreeSet<String>,
    extended: BTreeSet<String>,
    ended: BTreeSet<String>,
    /// The last revision of each.
    imported: u64,
    uploaded: u64,
    begun: BTreeSet<String>,
}

#[tokio::test]
async fn whatever_is_killed_whenever_nothing_is_lost_made_twice_or_left_behind() {
    let seed: u64 = env::var("RAMPART_TEST_SEED")
        .map_or_else(|_| u64::from_le_bytes(Rng::from_os().bytes()), |seed| seed.parse().unwrap());
    println!("seed {seed} (RAMPART_TEST_SEED repeats the moments)");
    let mut moments = ChaCha8Rng::seed_from_u64(seed);
    let w = World::new().await;
    let answered = Arc::new(Mutex::new(Answered::default()));
    let mut struck: BTreeMap<String, u32> = BTreeMap::new();
    for kill in 0..KILLS {
        if kill % 10 == 9 {
            // some end because their time is over
            w.clock.advance(time::Duration::hours(3));
        }
        let (mut child, reader, working) = start(&w, &answered, kill);
        working.recv().unwrap();
        for _ in 0..moments.random_range(0..=STEPS) {
            if working.recv_timeout(PATIENCE).is_err() {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(moments.random_range(0..WITHIN_MS)));
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        for begun in std::mem::take(&mut answered.lock().unwrap().begun) {
            *struck.entry(begun).or_default() += 1;
        }
        let states: BTreeSet<String> =
            environments(&w).await.into_iter().map(|(_, state, _)| format!("{state:?}")).collect();
        for state in states {
            *struck.entry(state).or_default() += 1;
        }
        let (imported, uploaded) = {
            let answered = answered.lock().unwrap();
            (answered.imported, answered.uploaded)
        };
        all_or_nothing(&w, imported, uploaded).await;
    }
    println!("{KILLS} kills, of which so many struck while: {struck:?}");
    for what in ["import", "upload", "approve", "Provisioning", "Ready", "Ending"] {
        assert!(struck.contains_key(what), "no kill struck {what}: {struck:?}");
    }

    settle(&w, |state| !state.is_moving()).await;
    let environments = environments(&w).await;
    let answered = Arc::try_unwrap(answered).unwrap().into_inner().unwrap();
    println!(
        "{} environments; answered: {} approvals, {} extensions, {} ends, imports to {} and reports to {}",
        environments.len(),
        answered.approved.len(),
        answered.extended.len(),
        answered.ended.len(),
        answered.imported,
        answered.uploaded,
    );
    let done = [answered.approved.len(), answered.extended.len(), answered.ended.len()];
    assert!(done[0] > 20 && done[1] > 2 && done[2] > 2, "the processes got something done: {answered:?}");
    assert!(answered.imported > 0 && answered.uploaded > 0, "the processes got something done: {answered:?}");
    let twice = w.count("select count(*) - count(distinct request_id) from environment").await;
    assert_eq!(twice, 0, "one environment a request");
    for request in &answered.approved {
        assert!(environments.iter().any(|(_, _, of)| of == request), "request {request} was approved and lost");
    }
    for id in &answered.ended {
        let (_, state, _) = environments.iter().find(|(other, ..)| other.to_string() == *id).unwrap();
        assert_eq!(*state, EnvironmentState::Ended, "{id} was ended and lives");
    }
    extensions_hold(&w, &answered).await;
    every_change_has_its_record(&w).await;
    let usable = environments.iter().filter(|(_, state, _)| state.is_usable()).count();
    assert_eq!(inventory(&w.prefix).await.len(), 2 * usable, "a role and a database for each that can be used");
    let failed = environments.iter().filter(|(_, state, _)| *state == EnvironmentState::Failed).count();
    assert_eq!(failed, 0, "a kill is no reason to give up");

    w.clock.advance(time::Duration::days(30));
    settle(&w, |state| state == EnvironmentState::Ended).await;
    assert!(inventory(&w.prefix).await.is_empty());
    let unverified = w.count("select count(*) from environment where ended_at is null").await;
    assert_eq!(unverified, 0);
    no_job_is_stuck(&w).await;
}

/// Right after a kill: an import and a report are there whole or not at all, and what was answered is there.
async fn all_or_nothing(w: &World, imported: u64, uploaded: u64) {
    let mut owner = w.owner().await;
    let (parts, revisions, newest): (i64, i64, i64) = sqlx::query_as(
        "select count(*), count(distinct title), coalesce(max(substr(title, 10)::bigint), 0)
         from entity where name like 'part-%'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert!((parts, revisions) == (0, 0) || (parts, revisions) == (PARTS, 1), "half an import: {parts}, {revisions}");
    assert!(newest >= imported.try_into().unwrap(), "import {imported} was answered and {newest} is there");
    let (open, revisions, newest): (i64, i64, i64) = sqlx::query_as(
        "select count(*), count(distinct split_part(package, '-', 2)),
                coalesce(max(split_part(package, '-', 2)::bigint), 0)
         from finding where state = 'open'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert!((open, revisions) == (0, 0) || (open, revisions) == (PARTS, 1), "half a report: {open}, {revisions}");
    assert!(newest >= uploaded.try_into().unwrap(), "report {uploaded} was answered and {newest} is there");
    let counted = w.count("select coalesce(sum(critical + high + medium + low + info), 0)::bigint from finding_count");
    assert_eq!(counted.await, open, "the counters are those of a recount");
}

/// Every extension that was answered is carried out, and moved the end as far as was approved.
async fn extensions_hold(w: &World, answered: &Answered) {
    let fulfilled: Vec<(String, bool)> = sqlx::query_as(
        "select request.id::text,
                environment.expires_at >= (document.json -> 'payload' ->> 'until')::timestamptz
         from request
         cross join lateral (select convert_from(document, 'UTF8')::jsonb as json) as document
         join environment on environment.id = (document.json -> 'payload' ->> 'environment')::uuid
         where request.kind = 'extension' and request.state = 'fulfilled'",
    )
    .fetch_all(&mut w.owner().await)
    .await
    .unwrap();
    assert!(fulfilled.iter().all(|(_, moved)| *moved), "an end did not move: {fulfilled:?}");
    for request in &answered.extended {
        assert!(fulfilled.iter().any(|(id, _)| id == request), "extension {request} was approved and lost");
    }
}

/// One record in the audit log for each change that is kept in another way too.
async fn every_change_has_its_record(w: &World) {
    for (action, changes) in [
        // each import changes every part of it once
        (
            "catalog.write",
            "select count(*) / 12 from entity_event join entity on entity.id = entity_id where name like 'part-%'",
        ),
        ("report.upload", "select count(*) from report"),
        ("request.approve", "select count(*) from request_event where kind = 'approval'"),
        ("environment.request", "select count(*) from request where kind = 'environment'"),
    ] {
        let records: i64 =
            sqlx::query_scalar("select count(*) from audit_record where action = $1 and outcome = 'committed'")
                .bind(action)
                .fetch_one(&mut w.owner().await)
                .await
                .unwrap();
        assert_eq!(records, w.count(changes).await, "{action}");
    }
}

/// A last worker takes over what the dead ones held, and does all that is due.
async fn no_job_is_stuck(w: &World) {
    let (portal, stop) = (w.portal.clone(), CancellationToken::new());
    let working = tokio::spawn(jobs::work(portal, stop.clone()));
    let started = Instant::now();
    let held = "select count(*) from graphile_worker._private_jobs
                where locked_at is not null or (run_at <= now() and attempts < max_attempts)";
    while w.count(held).await > 0 {
        assert!(started.elapsed() < SETTLE_WITHIN, "jobs that nobody finishes: {:?}", held_jobs(w).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stop.cancel();
    working.await.unwrap().unwrap();
    jobs::clear_superseded(w).await.unwrap();
    let given_up = w.count("select count(*) from graphile_worker._private_jobs where attempts >= max_attempts").await;
    assert_eq!(given_up, 0, "{:?}", held_jobs(w).await);
}

async fn held_jobs(w: &World) -> Vec<String> {
    sqlx::query_scalar(
        "select concat_ws(' ', tasks.identifier, count(*), 'held by', count(distinct locked_by), 'after', max(attempts),
                'attempts:', min(last_error))
         from graphile_worker._private_jobs as jobs
         join graphile_worker._private_tasks as tasks on tasks.id = task_id
         where locked_at is not null or run_at <= now()
         group by tasks.identifier, locked_at is null",
    )
    .fetch_all(&mut w.owner().await)
    .await
    .unwrap()
}

/// A process that works and asks until it is killed. What it was answered is read from what it prints.
fn start(w: &World, answered: &Arc<Mutex<Answered>>, kill: u64) -> (Child, JoinHandle<()>, Receiver<()>) {
    let person = |actor: &Actor| {
        let person = actor.person().unwrap();
        (person.id, person.bindings.clone())
    };
    let told = Told {
        database: w.database_url().expose_secret().to_owned(),
        prefix: w.prefix.clone(),
        now: w.clock.now(),
        people: vec![person(&w.ada), person(&w.lead), person(&w.champion)],
        kill,
    };
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "environments::tests::kill::the_process_that_is_killed", "--nocapture"])
        .env(TOLD, serde_json::to_string(&told).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answered = Arc::clone(answered);
    let (works, working) = channel();
    let reader = std::thread::spawn(move || {
        // a line that the kill cut short was not answered
        for line in lines.map_while(Result::ok) {
            let mut answered = answered.lock().unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                [.., "working", "now."] => {}
                [.., "begin", what, _, "."] => drop(answered.begun.insert((*what).to_owned())),
                [.., "done", what, which, "."] => {
                    answered.begun.remove(*what);
                    let which = (*which).to_owned();
                    match *what {
                        "approve" => drop(answered.approved.insert(which)),
                        "extend" => drop(answered.extended.insert(which)),
                        "end" => drop(answered.ended.insert(which)),
                        "import" => answered.imported = which.parse().unwrap(),
                        "upload" => answered.uploaded = which.parse().unwrap(),
                        _ => {}
                    }
                }
                _ => continue,
            }
            // nobody waits for it any more once the kill is decided
            let _ = works.send(());
        }
    });
    (child, reader, working)
}

/// Not a test by itself: the process that the test above starts and kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Ok(told) = env::var(TOLD) else { return };
    let told: Told = serde_json::from_str(&told).unwrap();
    let keys = KeyRing::with_new_key(None, &Clock::set_to(NOW), &Rng::seeded(8)).unwrap();
    let portal = Portal::new(
        Db::connect(&told.database.into()).unwrap(),
        Clock::set_to(told.now),
        Rng::from_os(),
        KeyRing::parse(&keys).unwrap(),
        settings(&told.prefix, &super::server_url()),
    );
    let people: Vec<Actor> = told.people.into_iter().map(|(id, bindings)| actor(id, bindings)).collect();
    tokio::spawn(jobs::work(portal.clone(), CancellationToken::new()));
    println!("working now.");
    // every import and report of this process has a higher revision than those of the processes before
    let revision = told.kill * 10_000;
    match told.kill % 3 {
        0 => drop(tokio::spawn(import(portal.clone(), revision))),
        1 => drop(tokio::spawn(upload(portal.clone(), people[0].clone(), revision))),
        _ => {}
    }
    ask_and_end(&portal, &people).await;
}

async fn import(portal: Portal, first: u64) {
    let actor = Actor::system("kill", None, "kill".to_owned());
    let source = SourceName { kind: SourceKind::Upload, name: "parts".to_owned() };
    for revision in first + 1.. {
        let documents: Vec<String> = (0..PARTS)
            .map(|part| {
                format!(
                    "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: part-{part}\n  title: Revision {revision}\n\
                     spec:\n  type: service\n  lifecycle: production\n  owner: payments\n"
                )
            })
            .collect();
        let file = DescriptorFile { path: "parts.yaml".to_owned(), bytes: documents.join("---\n").into_bytes() };
        println!("begin import {revision} .");
        catalog::import(&portal, &actor, &source, vec![file]).await.unwrap();
        println!("done import {revision} .");
    }
}

async fn upload(portal: Portal, ada: Actor, first: u64) {
    for revision in first + 1.. {
        let vulnerabilities: Vec<_> = (0..PARTS)
            .map(|part| {
                json!({
                    "VulnerabilityID": format!("CVE-2025-{part:04}"), "PkgName": format!("part-{revision}-{part}"),
                    "InstalledVersion": "1.0.0", "Severity": "HIGH", "Title": "a problem",
                })
            })
            .collect();
        let report = json!({
            "SchemaVersion": 2, "ArtifactName": "parts", "ArtifactType": "container_image",
            "Results": [{ "Target": "lock", "Class": "lang-pkgs", "Type": "npm", "Vulnerabilities": vulnerabilities }],
        });
        println!("begin upload {revision} .");
        let scope = UploadScope::default();
        findings::upload(&portal, &ada, "payments-api", scope, report.to_string().into_bytes()).await.unwrap();
        println!("done upload {revision} .");
    }
}

/// Keeps a few environments going: makes more, gives some more time, ends others.
async fn ask_and_end(portal: &Portal, people: &[Actor]) {
    let decide = async |what: &str, request: &Request| {
        println!("begin {what} {} .", request.id);
        let first = approve(portal, &people[1], request).await;
        let last = if first.is_ok() { approve(portal, &people[2], request).await } else { first };
        println!("{} {what} {} .", if last.is_ok() { "done" } else { "refused" }, request.id);
    };
    for turn in 0_u64.. {
        let living = living(portal, &people[0]).await;
        let usable = living.iter().find(|(_, state)| state.is_usable());
        if living.len() < LIVING {
            let request = request::request(portal, &people[0], &ask(5)).await.unwrap();
            decide("approve", &request).await;
        } else if let Some((id, _)) = usable.filter(|_| turn % 2 == 0) {
            if let Ok(request) = request::extend(portal, &people[0], (*id).into(), 1, "it takes longer").await {
                decide("extend", &request).await;
            }
        } else if let Some((id, _)) = usable
            && end(portal, &people[0], (*id).into()).await.is_ok()
        {
            println!("done end {id} .");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn living(portal: &Portal, actor: &Actor) -> Vec<(EnvironmentId, EnvironmentState)> {
    let mut snapshot = portal.snapshot(actor).await.unwrap();
    let filter = Filter { living: true, ..Filter::default() };
    let listed = list(&mut snapshot, &filter, Sort::Newest, &PageRequest::default()).await.unwrap();
    let going = |state: EnvironmentState| state != EnvironmentState::Ending;
    listed.page.items.into_iter().map(|row| (row.id, row.state)).filter(|(_, state)| going(*state)).collect()
}

/// Does what is due until every environment is where it is wanted: what a sweep does every half minute.
async fn settle(w: &World, wanted: impl Fn(EnvironmentState) -> bool) {
    let started = Instant::now();
    loop {
        // what did not succeed waits for its next attempt
        w.clock.advance(time::Duration::minutes(1));
        for job in effects::due(w).await.unwrap() {
            job.run(w).await.unwrap();
        }
        let waiting: Vec<_> = environments(w).await.into_iter().filter(|(_, state, _)| !wanted(*state)).collect();
        if waiting.is_empty() {
            return;
        }
        assert!(started.elapsed() < SETTLE_WITHIN, "not settled: {waiting:?}");
    }
}

async fn environments(w: &World) -> Vec<(EnvironmentId, EnvironmentState, String)> {
    let rows: Vec<(uuid::Uuid, String, String)> =
        sqlx::query_as("select id, state, request_id::text from environment order by id")
            .fetch_all(&mut w.owner().await)
            .await
            .unwrap();
    rows.into_iter().map(|(id, state, request)| (EnvironmentId(id), state.parse().unwrap(), request)).collect()
}

fn actor(id: PersonId, bindings: Vec<Binding>) -> Actor {
    Actor {
        who: Who::Person(PersonActor {
            id,
            display_name: String::new(),
            email: None,
            time_zone: None,
            theme: None,
            bindings,
            scopes: None,
        }),
        authentication: Authentication::Process,
        request_id: "kill".to_owned(),
        address: None,
    }
}
