//! What a report changes: a pure function from what is known and what the report says to the rows that differ.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};

use model::{
    FindingId, FindingKind, Severity,
    findings::{FindingEventKind, FindingState, Scope, SeverityCounts, Stage},
};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::sameness::{Identity, Word};

/// A finding that is stored already, with every scope's word on it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub id: FindingId,
    pub identity: Identity,
    pub face: Face,
    pub sightings: Vec<Sighting>,
}

/// One scope's word on one finding. The texts that no list shows are empty where they were not loaded.
#[derive(Clone, Debug)]
pub(super) struct Sighting {
    pub scope_id: Uuid,
    pub scope: Scope,
    pub word: Word,
    pub word_hash: Vec<u8>,
    pub first_seen_at: OffsetDateTime,
    pub last_seen_at: OffsetDateTime,
    pub closed_at: Option<OffsetDateTime>,
}

/// What a finding looks like in lists: taken from its sightings, in an order that does not depend on which came first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Face {
    pub kind: FindingKind,
    pub state: FindingState,
    pub severity: Severity,
    pub title: String,
    pub rule: Option<String>,
    pub vulnerability_ids: Vec<String>,
    pub cwes: Vec<i32>,
    pub package: Option<String>,
    pub package_version: Option<String>,
    pub purl: Option<String>,
    pub fixed_version: Option<String>,
    pub place: Option<String>,
    pub tools: Vec<String>,
    pub stages: Vec<Stage>,
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub closed_at: Option<OffsetDateTime>,
}

/// Everything that a report changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// New, or looking different from before.
    pub findings: Vec<Known>,
    /// What this scope sees now and did not say in the same words by its last report. A sighting that stays the same
    /// under a complete report is not written: the scope knows when it was scanned.
    pub seen: Vec<(FindingId, Sighting)>,
    /// What this scope sees no more.
    pub unseen: Vec<FindingId>,
    pub events: Vec<Event>,
    /// How the numbers of open findings change.
    pub counts: SeverityCounts,
    pub new: u32,
    pub reopened: u32,
    pub closed: u32,
    pub unchanged: u32,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Event {
    pub finding_id: FindingId,
    pub kind: FindingEventKind,
    pub severity: Severity,
    pub severity_before: Option<Severity>,
}

/// Merges a report of one scope. `known` holds what the report mentions and what the scope has open. Only a complete
/// report closes.
pub(super) fn merge(
    known: Vec<Known>,
    entries: Vec<(Identity, Word)>,
    (scope_id, scope): (Uuid, &Scope),
    complete: bool,
    now: OffsetDateTime,
    mut new_id: impl FnMut() -> FindingId,
) -> Changes {
    let mut changes = Changes::default();
    let mut mentioned = 0;
    let mut known: HashMap<Vec<u8>, Known> =
        known.into_iter().map(|known| (known.identity.key.clone(), known)).collect();
    for (identity, word) in entries {
        let before = known.remove(&identity.key);
        let (id, mut sightings, face) = match before {
            Some(before) => (before.id, before.sightings, Some(before.face)),
            None => (new_id(), Vec::new(), None),
        };
        let last = sightings
            .iter()
            .position(|sighting| sighting.scope_id == scope_id)
            .map(|place| sightings.swap_remove(place));
        let sighting = Sighting {
            scope_id,
            scope: scope.clone(),
            word_hash: word.hash(),
            word,
            first_seen_at: last.as_ref().map_or(now, |last| last.first_seen_at),
            last_seen_at: now,
            closed_at: None,
        };
        let same = last.is_some_and(|last| last.closed_at.is_none() && last.word_hash == sighting.word_hash);
        if !(same && complete) {
            changes.seen.push((id, sighting.clone()));
        }
        sightings.push(sighting);
        mentioned += 1;
        changes.settle(id, identity, face, sightings, now);
    }
    changes.unchanged = mentioned - changes.new - changes.reopened;
    if complete {
        let mut gone: Vec<Known> = known
            .into_values()
            .filter(|known| known.sightings.iter().any(|of| of.scope_id == scope_id && of.closed_at.is_none()))
            .collect();
        gone.sort_by_key(|known| known.id);
        for Known { id, identity, face, mut sightings } in gone {
            for sighting in sightings.iter_mut().filter(|sighting| sighting.scope_id == scope_id) {
                sighting.closed_at = Some(now);
            }
            changes.unseen.push(id);
            changes.settle(id, identity, Some(face), sightings, now);
        }
    }
    changes
}

impl Changes {
    /// Compares a finding before and after, and notes what that means.
    fn settle(
        &mut self,
        id: FindingId,
        identity: Identity,
        before: Option<Face>,
        sightings: Vec<Sighting>,
        now: OffsetDateTime,
    ) {
        let after = Face::of(&sightings, before.as_ref(), now);
        let was_open = before.as_ref().is_some_and(|before| before.state == FindingState::Open);
        let is_open = after.state == FindingState::Open;
        let kind = match &before {
            None => Some(FindingEventKind::Opened),
            Some(_) if is_open && !was_open => Some(FindingEventKind::Reopened),
            Some(_) if was_open && !is_open => Some(FindingEventKind::Closed),
            Some(before) if is_open && before.severity != after.severity => Some(FindingEventKind::SeverityChanged),
            Some(_) => None,
        };
        match kind {
            Some(FindingEventKind::Opened) => self.new += 1,
            Some(FindingEventKind::Reopened) => self.reopened += 1,
            Some(FindingEventKind::Closed) => self.closed += 1,
            Some(FindingEventKind::SeverityChanged) | None => {}
        }
        if let Some(before) = before.as_ref().filter(|_| was_open) {
            self.counts.add(before.severity, -1);
        }
        if is_open {
            self.counts.add(after.severity, 1);
        }
        if let Some(kind) = kind {
            self.events.push(Event {
                finding_id: id,
                kind,
                severity: after.severity,
                severity_before: before.as_ref().map(|before| before.severity).filter(|of| *of != after.severity),
            });
        }
        if before.as_ref() != Some(&after) {
            self.findings.push(Known { id, identity, face: after, sightings: Vec::new() });
        }
    }
}

impl Face {
    fn of(sightings: &[Sighting], before: Option<&Self>, now: OffsetDateTime) -> Self {
        let open: Vec<&Sighting> = sightings.iter().filter(|sighting| sighting.closed_at.is_none()).collect();
        let is_open = !open.is_empty();
        let mut witnesses = if is_open { open } else { sightings.iter().collect() };
        witnesses.sort_by_key(|sighting| (Reverse(sighting.word.severity), &sighting.scope));
        let word = &witnesses.first().expect("a finding has a sighting").word;
        let tools: BTreeSet<&str> = witnesses.iter().map(|sighting| sighting.scope.tool.as_str()).collect();
        let stages: BTreeSet<Stage> = witnesses.iter().map(|sighting| sighting.scope.stage).collect();
        let was_open = before.filter(|before| before.state == FindingState::Open);
        Self {
            kind: word.kind,
            state: if is_open { FindingState::Open } else { FindingState::Closed },
            severity: word.severity,
            title: word.title.clone(),
            rule: word.rule.clone(),
            vulnerability_ids: word.vulnerability_ids.clone(),
            cwes: word.cwes.clone(),
            package: word.package.clone(),
            package_version: word.package_version.clone(),
            purl: word.purl.clone(),
            fixed_version: witnesses.iter().find_map(|sighting| sighting.word.fixed_version.clone()),
            place: word.places.first().map(ToString::to_string),
            tools: tools.into_iter().map(str::to_owned).collect(),
            stages: stages.into_iter().collect(),
            first_seen_at: sightings.iter().map(|sighting| sighting.first_seen_at).min().unwrap_or(now),
            opened_at: match (was_open, before) {
                (Some(before), _) => before.opened_at,
                (None, Some(before)) if !is_open => before.opened_at,
                _ => now,
            },
            closed_at: if is_open { None } else { before.and_then(|before| before.closed_at).or(Some(now)) },
        }
    }

    /// What a search looks in.
    pub(super) fn search(&self) -> String {
        let single = [&self.rule, &self.package, &self.purl, &self.place];
        let texts = [&self.title].into_iter().chain(&self.vulnerability_ids).chain(single.into_iter().flatten());
        let text = texts.map(String::as_str).collect::<Vec<_>>().join(" ").to_lowercase();
        super::sameness::clean(&text, 2_000)
    }
}
