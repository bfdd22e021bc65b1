//! The plans of the statements that an operation sends: Postgres explains each as it runs it, and tells the client.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgConnection, query_as};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// A table of fewer pages (8 KB each) is read whole as fast as in any other way.
const BIG_PAGES: i64 = 64;
/// More rows than a page and the lists beside it show.
const SORTED_ROWS: f64 = 1_000.0;
/// A count has to read what it counts, and may read this many times that.
const READ_PER_COUNTED: f64 = 5.0;
/// An index that is read in the list's order may meet this part of the table before the page is full.
const PASSED_OVER: f64 = 0.5;

/// Makes every session of this database explain what it does from now on.
pub async fn explain_everything(owner: &mut PgConnection, database: &str) {
    // auto_explain's settings (Postgres 15, appendix F.4); a notice goes to the client and not into the log
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_analyze = on",
        "auto_explain.log_timing = off",
        "auto_explain.log_format = 'json'",
        "auto_explain.log_level = 'notice'",
    ] {
        let sql = format!("alter database {database} set {setting}");
        owner.execute(AssertSqlSafe(sql)).await.expect("the test's server has auto_explain");
    }
}

/// One statement and how Postgres went about it.
#[derive(Debug)]
pub struct Explained {
    pub sql: String,
    plan: Value,
}

/// What Postgres explains to the connections of this thread.
#[derive(Clone, Default)]
pub struct Explanations(Arc<Mutex<Vec<Explained>>>);

impl Explanations {
    /// What came since this was asked last.
    pub fn take(&self) -> Vec<Explained> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Subscriber for Explanations {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::postgres::notice"
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        if let Some(plan) = message.0.find("plan:\n").map(|at| &message.0[at + 6..]) {
            let plan: Value = serde_json::from_str(plan).expect("auto_explain was asked for JSON");
            let sql = plan["Query Text"].as_str().unwrap_or_default().to_owned();
            self.0.lock().unwrap().push(Explained { sql, plan });
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.0.push_str(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?}").unwrap();
        }
    }
}

/// How many pages and rows each table has.
pub struct Sizes(HashMap<String, (i64, i64)>);

impl Sizes {
    pub async fn read(owner: &mut PgConnection) -> Self {
        let rows: Vec<(String, i64, i64)> = query_as(
            "select relname::text, relpages::bigint, reltuples::bigint from pg_class where relkind = 'r' and reltuples > 0",
        )
        .fetch_all(owner)
        .await
        .unwrap();
        Self(rows.into_iter().map(|(table, pages, rows)| (table, (pages, rows))).collect())
    }

    fn of(&self, table: &str) -> (i64, i64) {
        self.0.get(table).copied().unwrap_or_default()
    }

    /// What is wrong with how a list's statement was carried out; empty where nothing is.
    pub fn judge(&self, explained: &Explained) -> Vec<String> {
        let counts = explained.sql.trim_start().starts_with("select count(") || explained.sql.contains("counted");
        let mut wrong = Vec::new();
        self.look(&explained.plan["Plan"], counts, &mut wrong);
        wrong
    }

    fn look(&self, node: &Value, counts: bool, wrong: &mut Vec<String>) {
        let number = |field: &str| node[field].as_f64().unwrap_or_default();
        let loops = number("Actual Loops");
        let kept = number("Actual Rows") * loops;
        let read = kept + loops * (number("Rows Removed by Filter") + number("Rows Removed by Index Recheck"));
        let (kind, table) = (node["Node Type"].as_str().unwrap_or_default(), node["Relation Name"].as_str());
        let (pages, rows) = table.map(|table| self.of(table)).unwrap_or_default();
        if let Some(table) = table.filter(|_| pages > BIG_PAGES && kind != "ModifyTable") {
            let by_counting = counts && read <= kept * READ_PER_COUNTED;
            if kind == "Seq Scan" && !by_counting {
                wrong.push(format!("reads all of {table}, {read} rows, for {kept}"));
            } else if !counts && read > PASSED_OVER * rows as f64 && read > kept * READ_PER_COUNTED {
                wrong.push(format!("reads {read} of {rows} rows of {table} by an index, for {kept}"));
            }
        }
        let inner = node["Plans"].as_array().map(Vec::as_slice).unwrap_or_default();
        if kind == "Sort" {
            let sorted: f64 = inner
                .iter()
                .map(|inner| {
                    inner["Actual Rows"].as_f64().unwrap_or_default()
                        * inner["Actual Loops"].as_f64().unwrap_or_default()
                })
                .sum();
            if sorted > SORTED_ROWS {
                wrong.push(format!("sorts {sorted} rows by {}", node["Sort Key"]));
            }
        }
        for inner in inner {
            self.look(inner, counts, wrong);
        }
    }
}
