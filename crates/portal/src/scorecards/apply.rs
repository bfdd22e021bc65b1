//! Changing a scorecard: shown first as who would change level, then put in force and shown at once.

use std::collections::{BTreeMap, HashMap};

use model::{
    EntityId,
    scorecards::{Applied, CheckChange, CheckMove, CheckOutcome, LevelCount, LevelMove, Preview, Standing},
};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    EditScorecard, Revision,
    definition::{self, Scorecard, refused},
    evaluate::{Evaluated, evaluate_with, keep},
    facts, sql,
};
use crate::{
    Portal,
    audit::Change,
    authz::{Actor, ORGANISATION},
    catalog::described::{Described, described_after},
    error::Result,
    jobs::{self, Job},
};

/// How many entities are looked at in the operation itself; a job looks at the others.
pub(super) const AT_ONCE: i64 = 2_000;
/// How many entities are held in memory at once.
const CHUNK: i64 = 500;
/// How many moves a preview lists; its counts are of all.
const MAX_MOVES: usize = 200;

/// What a scorecard's file would do if it were in force. Nothing is changed.
///
/// # Errors
/// `Invalid` with field and line where the file is refused, `Forbidden` for all but security champions.
pub async fn preview(portal: &Portal, actor: &Actor, file: &str) -> Result<Preview> {
    // never committed: it only shows
    let mut permit = portal.authorize(actor, EditScorecard, ORGANISATION).await?;
    let scorecard = definition::read(file)?;
    let now = portal.clock.now();
    let before = sql::kept(&mut permit, &scorecard.name, false).await?;
    let old = before.as_ref().map(|kept| definition::kept(&kept.source)).transpose()?;
    let mut collected = Collected::new(&scorecard);
    let mut after = None;
    loop {
        let chunk = described_after(&mut permit, after, CHUNK).await?;
        let Some(last) = chunk.last() else { break };
        after = Some(last.id);
        let (new, kept) = both(&mut permit, &scorecard, chunk, now).await?;
        for evaluated in &new {
            collected.add(evaluated, kept.get(&evaluated.entity.id));
        }
        // a long preview lets others have their turn
        tokio::task::yield_now().await;
    }
    Ok(collected.preview(before.map(|kept| kept.revision), old.as_ref()))
}

/// Puts a scorecard's file in force; how services stand shows at once. The file in force already changes nothing.
///
/// # Errors
/// As [`preview`]; `Conflict` where another revision than `seen` is in force.
pub async fn apply(portal: &Portal, actor: &Actor, file: &str, seen: Option<i32>) -> Result<Applied> {
    let mut permit = portal.authorize(actor, EditScorecard, ORGANISATION).await?;
    let scorecard = definition::read(file)?;
    let now = portal.clock.now();
    sql::lock(&mut permit, &scorecard.name).await?;
    let before = sql::kept(&mut permit, &scorecard.name, true).await?;
    if let Some(kept) = &before
        && kept.source == scorecard.source
    {
        let (name, revision) = (kept.name.clone(), kept.revision);
        return Ok(Applied { name, revision, changed: false, evaluated: 0, more: false });
    }
    if let (Some(seen), Some(kept)) = (seen, &before)
        && seen != kept.revision
    {
        return Err(crate::Error::Conflict(format!(
            "revision {} was put in force meanwhile; preview your change against it",
            kept.revision
        )));
    }
    let revision = before.as_ref().map_or(1, |kept| kept.revision + 1);
    let by = permit.actor().person_id();
    sql::save(&mut permit, &scorecard, revision, now, by).await?;

    let (mut after, mut evaluated) = (None, 0);
    let more = loop {
        let chunk = described_after(&mut permit, after, CHUNK).await?;
        let Some(last) = chunk.last() else { break false };
        after = Some(last.id);
        evaluated += chunk.len() as u64;
        let (new, _) = both(&mut permit, &scorecard, chunk, now).await?;
        keep(portal, &mut permit, &scorecard, revision, &new).await?;
        if evaluated >= AT_ONCE.unsigned_abs() {
            break true;
        }
    };
    if more {
        let job = Job::ScoreAll { scorecard: scorecard.name.clone(), after };
        jobs::enqueue(&mut permit, &job).await?;
    }
    let name = scorecard.name.clone();
    let record = |revision, source: &str| Revision { name: name.clone(), revision, source: source.to_owned() };
    let change = Change {
        before: before.as_ref().map(|kept| record(kept.revision, &kept.source)),
        after: Some(record(revision, &scorecard.source)),
    };
    permit.commit(change).await?;
    Ok(Applied { name, revision, changed: true, evaluated, more })
}

/// How a chunk would stand, and how it stands; refuses a scorecard with a condition that fails for one of them.
async fn both(
    connection: &mut PgConnection,
    scorecard: &Scorecard,
    chunk: Vec<Described>,
    now: OffsetDateTime,
) -> Result<(Vec<Evaluated>, HashMap<EntityId, sql::ResultRow>)> {
    let facts = facts::gather(connection, &chunk, now).await?;
    for (entity, facts) in chunk.iter().zip(&facts) {
        let wrong = scorecard.undecided(std::slice::from_ref(facts), &entity.reference_text());
        if !wrong.is_empty() {
            return Err(refused(wrong));
        }
    }
    let ids: Vec<EntityId> = chunk.iter().map(|entity| entity.id).collect();
    let kept = sql::rows(connection, &scorecard.name, &ids).await?;
    let new = evaluate_with(connection, scorecard, chunk, &facts, now).await?;
    Ok((new, kept.into_iter().map(|row| (row.entity_id, row)).collect()))
}

/// What a preview adds up.
struct Collected<'a> {
    scorecard: &'a Scorecard,
    services: u64,
    by_level: Vec<u64>,
    /// The falls first: by rank after minus rank before.
    moves: Vec<(i64, LevelMove)>,
    /// passing, gains, losses
    checks: BTreeMap<&'a str, (u64, u64, u64)>,
}

impl<'a> Collected<'a> {
    fn new(scorecard: &'a Scorecard) -> Self {
        Self {
            scorecard,
            services: 0,
            by_level: vec![0; scorecard.levels.len() + 1],
            moves: Vec::new(),
            checks: BTreeMap::new(),
        }
    }

    fn add(&mut self, evaluated: &Evaluated, kept: Option<&sql::ResultRow>) {
        let Evaluated { entity, score } = evaluated;
        if let Some(score) = score {
            self.services += 1;
            self.by_level[score.level] += 1;
        }
        let outside = Standing::Outside;
        let before = kept.map_or(outside.clone(), |row| standing(row.level_name.clone()));
        let after = score
            .as_ref()
            .map_or(outside, |score| standing(self.scorecard.level_name(score.level).map(ToOwned::to_owned)));
        if before != after {
            let rank = score.as_ref().map_or(-1, |score| i64::try_from(score.level).unwrap_or(i64::MAX));
            let rank_before = kept.map_or(-1, |row| i64::from(row.level));
            let moved = LevelMove {
                entity: entity.id,
                entity_ref: entity.reference_text(),
                title: entity.shown().to_owned(),
                before,
                after,
            };
            self.moves.push((rank - rank_before, moved));
        }
        let old: Vec<CheckOutcome> =
            kept.map(|row| serde_json::from_value(row.outcomes.clone()).unwrap_or_default()).unwrap_or_default();
        let counted = |outcomes: &[CheckOutcome], id: &str| {
            outcomes.iter().any(|outcome| outcome.check == id && outcome.outcome.counts())
        };
        for check in &self.scorecard.checks {
            let new = score.as_ref().is_some_and(|score| counted(&score.outcomes, &check.id));
            let was = counted(&old, &check.id);
            let was_asked = old.iter().any(|outcome| outcome.check == check.id);
            let tally = self.checks.entry(&check.id).or_default();
            tally.0 += u64::from(new);
            tally.1 += u64::from(new && !was);
            tally.2 += u64::from(score.is_some() && !new && (was || !was_asked));
        }
    }

    fn preview(mut self, revision: Option<i32>, old: Option<&Scorecard>) -> Preview {
        self.moves
            .sort_by(|(one, left), (other, right)| one.cmp(other).then_with(|| left.entity_ref.cmp(&right.entity_ref)));
        let scorecard = self.scorecard;
        let mut checks: Vec<CheckMove> = scorecard
            .checks
            .iter()
            .map(|check| {
                let (passing, gains, losses) = self.checks.get(check.id.as_str()).copied().unwrap_or_default();
                let change = match old.and_then(|old| old.checks.iter().find(|other| other.id == check.id)) {
                    None => CheckChange::Added,
                    Some(other) if other == check => CheckChange::Same,
                    Some(_) => CheckChange::Changed,
                };
                CheckMove { check: check.id.clone(), title: check.title.clone(), change, passing, gains, losses }
            })
            .collect();
        for gone in old.into_iter().flat_map(|old| &old.checks) {
            if !scorecard.checks.iter().any(|check| check.id == gone.id) {
                let (check, title) = (gone.id.clone(), gone.title.clone());
                checks.push(CheckMove { check, title, change: CheckChange::Removed, passing: 0, gains: 0, losses: 0 });
            }
        }
        Preview {
            name: scorecard.name.clone(),
            title: scorecard.title.clone(),
            revision,
            services: self.services,
            by_level: self
                .by_level
                .iter()
                .enumerate()
                .map(|(level, services)| LevelCount {
                    level: scorecard.level_name(level).map(ToOwned::to_owned),
                    services: *services,
                })
                .collect(),
            moved: self.moves.len() as u64,
            moves: self.moves.into_iter().map(|(_, moved)| moved).take(MAX_MOVES).collect(),
            checks,
        }
    }
}

fn standing(level: Option<String>) -> Standing {
    level.map_or(Standing::Below, Standing::At)
}
