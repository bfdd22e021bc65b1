//! What differs between two versions of a definition, and what of it breaks those who relied on the old one.

mod graphql;
mod operations;
mod proto;
mod rules;
mod schemas;
mod version;

use std::collections::{HashMap, HashSet, VecDeque};

use model::api::{Api, ApiKind, Change, NamedSchema, Schema};
use time::Date;

pub use rules::{RULES, Rule};
pub use version::is_major_bump;

/// Changes that are reported of either sort, breaking or not.
const MAX_CHANGES: usize = 5_000;
/// Schemas, and the members and alternatives that each is put together from.
const MAX_WORK: usize = 2_000_000;

/// What differs, as if no announced sunset had passed.
#[must_use]
pub fn changes(old: &Api, new: &Api) -> Vec<Change> {
    compare(old, new, None)
}

/// What differs on the day `today`: what was deprecated with a sunset before it may be gone.
///
/// What breaks comes first; then by place. The order of members in either document does not matter.
#[must_use]
pub fn changes_at(old: &Api, new: &Api, today: Date) -> Vec<Change> {
    compare(old, new, Some(today))
}

fn compare(old: &Api, new: &Api, today: Option<Date>) -> Vec<Change> {
    let mut comparison = Comparison {
        old: Side::of(old),
        new: Side::of(new),
        today,
        changes: Vec::new(),
        reported: [0; 2],
        work: MAX_WORK,
        seen: HashSet::new(),
        pending: VecDeque::new(),
    };
    match new.kind {
        _ if old.kind != new.kind => {
            let message = format!("{} became {}", old.kind.label(), new.kind.label());
            comparison.report(&rules::TYPE_KIND_CHANGED, "the definition", message);
        }
        ApiKind::OpenApi | ApiKind::AsyncApi => comparison.operations(),
        ApiKind::GraphQl => comparison.graphql(),
        ApiKind::Grpc => comparison.proto(),
    }
    if comparison.work == 0 {
        let message = "the definitions are too large or too tangled to be compared whole".to_owned();
        comparison.report(&rules::COMPARISON_INCOMPLETE, "the definition", message);
    }
    let mut changes = comparison.changes;
    changes.sort_by(|one, other| {
        let key = |change: &Change| (!change.breaking, change.at.clone(), change.rule);
        key(one).cmp(&key(other)).then_with(|| one.message.cmp(&other.message))
    });
    changes.dedup();
    changes
}

struct Comparison<'a> {
    old: Side<'a>,
    new: Side<'a>,
    today: Option<Date>,
    changes: Vec<Change>,
    /// How many of them do not break anything, and how many do.
    reported: [usize; 2],
    work: usize,
    /// Pairs of named schemas that are or will be compared in one direction.
    seen: HashSet<(&'a str, &'a str, Way)>,
    pending: VecDeque<(&'a str, &'a str, Way)>,
}

/// One of the two versions.
struct Side<'a> {
    api: &'a Api,
    names: HashMap<&'a str, &'a NamedSchema>,
}

/// Which way a value goes, seen from those who use the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Way {
    /// They send it: the new version has to take what the old one took.
    Request,
    /// They get it: the new version may give only what the old one gave.
    Response,
}

impl Way {
    fn other(self) -> Self {
        match self {
            Self::Request => Self::Response,
            Self::Response => Self::Request,
        }
    }
}

impl<'a> Side<'a> {
    fn of(api: &'a Api) -> Self {
        Self { api, names: api.schemas.iter().map(|named| (named.name.as_str(), named)).collect() }
    }

    fn schema(&self, name: &str) -> Option<&'a Schema> {
        self.names.get(name).map(|named| &named.schema)
    }
}

impl Comparison<'_> {
    fn report(&mut self, rule: &Rule, at: impl Into<String>, message: impl Into<String>) {
        let count = &mut self.reported[usize::from(rule.breaking)];
        *count += 1;
        if *count <= MAX_CHANGES {
            let (at, message) = (at.into(), message.into());
            self.changes.push(Change { breaking: rule.breaking, rule: rule.id, at, message });
        }
    }

    /// Reports that something is gone, unless its end was announced and has come.
    fn gone(&mut self, rule: &Rule, at: impl Into<String>, message: String, deprecated: bool, sunset: Option<Date>) {
        let old = self.old.api;
        let over = |deprecated: bool, sunset: Option<Date>| {
            deprecated && sunset.zip(self.today).is_some_and(|(sunset, today)| sunset < today)
        };
        if rule.breaking && (over(deprecated, sunset) || over(old.deprecated, old.sunset)) {
            self.report(&rules::REMOVED_AFTER_SUNSET, at, format!("{message}; its sunset had passed"));
        } else {
            self.report(rule, at, message);
        }
    }

    /// Whether there is room for one more step.
    fn step(&mut self) -> bool {
        self.work = self.work.saturating_sub(1);
        self.work > 0
    }
}
