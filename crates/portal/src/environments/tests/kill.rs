//! `kill -9` at random moments while environments are asked for, approved, made and removed: nothing that was answered
//! with success is lost, nothing is made twice, nothing is left behind.

use std::{
    collections::BTreeSet,
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

use model::{EnvironmentId, EnvironmentState, PersonId, page::PageRequest};
use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use secrecy::ExposeSecret;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::{World, approve, ask, inventory, settings};
use crate::{
    Actor, Clock, Db, KeyRing, Portal, Rng,
    authz::{Authentication, Binding, PersonActor, Who},
    environments::{Filter, Sort, effects, end, list, request},
    jobs,
    testing::NOW,
};

/// What the process that is killed is told.
const TOLD: &str = "RAMPART_TEST_KILLED_PROCESS";
const KILLS: usize = 100;
/// More than this at once shows nothing new.
const LIVING: usize = 3;
/// How long the last process may take to bring everything where it belongs.
const SETTLE_WITHIN: Duration = Duration::from_secs(120);

#[derive(serde::Serialize, serde::Deserialize)]
struct Told {
    database: String,
    prefix: String,
    #[serde(with = "time::serde::rfc3339")]
    now: OffsetDateTime,
    people: Vec<(PersonId, Vec<Binding>)>,
}

/// What was answered with success before a kill.
#[derive(Debug, Default)]
struct Answered {
    approved: BTreeSet<String>,
    ended: BTreeSet<String>,
}

#[tokio::test]
async fn whatever_is_killed_whenever_nothing_is_lost_made_twice_or_left_behind() {
    let seed: u64 = env::var("RAMPART_TEST_SEED")
        .map_or_else(|_| u64::from_le_bytes(Rng::from_os().bytes()), |seed| seed.parse().unwrap());
    println!("seed {seed} (RAMPART_TEST_SEED repeats the moments)");
    let mut moments = ChaCha8Rng::seed_from_u64(seed);
    let w = World::new().await;
    let answered = Arc::new(Mutex::new(Answered::default()));
    for kill in 0..KILLS {
        if kill % 10 == 9 {
            // some end because their time is over
            w.clock.advance(time::Duration::hours(3));
        }
        let (mut child, reader, working) = start(&w, &answered);
        working.recv().unwrap();
        std::thread::sleep(Duration::from_millis(moments.random_range(0..500)));
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
    }

    settle(&w, |state| !state.is_moving()).await;
    let environments = environments(&w).await;
    let answered = Arc::try_unwrap(answered).unwrap().into_inner().unwrap();
    println!(
        "{} environments, {} approvals and {} ends answered",
        environments.len(),
        answered.approved.len(),
        answered.ended.len()
    );
    assert!(answered.approved.len() > 20 && answered.ended.len() > 5, "the processes got something done: {answered:?}");
    let twice = w.count("select count(*) - count(distinct request_id) from environment").await;
    assert_eq!(twice, 0, "one environment a request");
    for request in &answered.approved {
        assert!(environments.iter().any(|(_, _, of)| of == request), "request {request} was approved and lost");
    }
    for id in &answered.ended {
        let (_, state, _) = environments.iter().find(|(other, ..)| other.to_string() == *id).unwrap();
        assert_eq!(*state, EnvironmentState::Ended, "{id} was ended and lives");
    }
    let usable = environments.iter().filter(|(_, state, _)| state.is_usable()).count();
    assert_eq!(inventory(&w.prefix).await.len(), 2 * usable, "a role and a database for each that can be used");
    let failed = environments.iter().filter(|(_, state, _)| *state == EnvironmentState::Failed).count();
    assert_eq!(failed, 0, "a kill is no reason to give up");

    w.clock.advance(time::Duration::days(30));
    settle(&w, |state| state == EnvironmentState::Ended).await;
    assert!(inventory(&w.prefix).await.is_empty());
    let unverified = w.count("select count(*) from environment where ended_at is null").await;
    assert_eq!(unverified, 0);
}

/// A process that works and asks until it is killed. What it was answered is read from what it prints.
fn start(w: &World, answered: &Arc<Mutex<Answered>>) -> (Child, JoinHandle<()>, Receiver<()>) {
    let person = |actor: &Actor| {
        let person = actor.person().unwrap();
        (person.id, person.bindings.clone())
    };
    let told = Told {
        database: w.database_url().expose_secret().to_owned(),
        prefix: w.prefix.clone(),
        now: w.clock.now(),
        people: vec![person(&w.ada), person(&w.lead), person(&w.champion)],
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
            match line.split_once(' ') {
                Some(("working", _)) => works.send(()).is_ok(),
                Some(("approved", id)) if id.len() == 36 => answered.approved.insert(id.to_owned()),
                Some(("ended", id)) if id.len() == 36 => answered.ended.insert(id.to_owned()),
                _ => false,
            };
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
    let working = tokio::spawn(jobs::work(portal.clone(), CancellationToken::new()));
    println!("working now");
    while !working.is_finished() {
        let living = living(&portal, &people[0]).await;
        if living.len() < LIVING {
            let request = request::request(&portal, &people[0], &ask(5)).await.unwrap();
            approve(&portal, &people[1], &request).await.unwrap();
            approve(&portal, &people[2], &request).await.unwrap();
            println!("approved {}", request.id);
        } else if let Some((id, _)) = living.iter().find(|(_, state)| state.is_usable())
            && end(&portal, &people[0], (*id).into()).await.is_ok()
        {
            println!("ended {id}");
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
