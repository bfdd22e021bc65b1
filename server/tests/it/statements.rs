//! How often a page asks the database: not more where there is more to show.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use http::Method;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{
    deeds::excerpt,
    doors,
    house::{Furnishing, House},
};

/// The most that one page asks, the session and the counts in its frame among them.
const CEILING: usize = 25;

/// Writes down the statements that sqlx says it sends, on this thread.
#[derive(Clone, Default)]
struct Listening(Arc<Mutex<Vec<String>>>);

impl Subscriber for Listening {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut told = Told::default();
        event.record(&mut told);
        // a connection asks once about each type that is new to it; no page does
        if !told.0.contains("pg_type") {
            self.0.lock().unwrap().push(told.0);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Told(String);

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Listening {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// For each readable address and each of these people, what a page that was shown before asks. Where that is more than
/// `expected`, it is asked again: a connection that comes back to the pool meanwhile says something too.
async fn asked(rows: usize, expected: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    let house = House::new(Furnishing { rows, environment: true, ..Furnishing::default() }).await;
    let listening = Listening::default();
    let mut asked = BTreeMap::new();
    for door in doors::of(&house.router).into_iter().filter(|door| door.method == Method::GET) {
        if door.path == "/live" || door.path.starts_with("/pkg/") || door.path.starts_with("/dev/") {
            continue;
        }
        let address = door.address(&house);
        for who in ["dana", "lena", "pat"] {
            let page = format!("{} as {who}", door.path);
            let first = house.get(Some(who), &address).await;
            assert!(!first.status.is_server_error(), "{address}: {}", excerpt(&first));
            if !first.status.is_success() {
                continue;
            }
            for _ in 0..3 {
                let guard = tracing::subscriber::set_default(listening.clone());
                house.get(Some(who), &address).await;
                drop(guard);
                let statements = listening.take();
                let enough = expected.get(&page).is_none_or(|expected| statements.len() <= expected.len());
                asked.insert(page.clone(), statements);
                if enough {
                    break;
                }
            }
        }
    }
    asked
}

#[tokio::test]
async fn no_page_asks_the_database_more_often_where_there_is_more_to_show() {
    let few = asked(5, &BTreeMap::new()).await;
    let many = asked(50, &few).await;
    assert!(few.len() > 120, "{} answers were counted", few.len());
    assert!(few["/catalog as dana"].len() >= 3, "statements are heard: {:?}", few["/catalog as dana"]);
    let mut wrong = Vec::new();
    for (page, statements) in &many {
        let before = few.get(page).map_or(0, |few| beside_counts(few).len());
        if beside_counts(statements).len() > before {
            wrong.push(format!(
                "{page}: {before} statements for 5 rows, more for 50: {statements:?} and not {:?}",
                few.get(page)
            ));
        }
        if statements.len() > CEILING {
            wrong.push(format!("{page}: {} statements: {}", statements.len(), most(statements)));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// Without each count once: only a list that goes beyond its first page is counted.
fn beside_counts(statements: &[String]) -> Vec<&str> {
    let mut counts = BTreeSet::new();
    let mut is_new_count =
        |statement: &str| statement.starts_with("select count(") && counts.insert(statement.to_owned());
    statements.iter().map(String::as_str).filter(|statement| !is_new_count(statement)).collect()
}

/// What is asked most often.
fn most(statements: &[String]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for statement in statements {
        *counts.entry(statement).or_default() += 1;
    }
    let (statement, times) = counts.into_iter().max_by_key(|(_, times)| *times).unwrap_or_default();
    format!("{times} times {statement}")
}
