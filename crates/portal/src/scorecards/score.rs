//! How one entity stands on one scorecard: pure rules, no database.

use std::collections::BTreeSet;

use model::scorecards::{CheckOutcome, Outcome};

use super::{
    condition::Asked,
    definition::{Check, Scorecard},
    facts::Facts,
};

/// How one entity stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// 0 below the lowest, else the place of the level.
    pub level: usize,
    /// Weight of what passes or is exempt, in whole per cent of all, rounded down.
    pub percent: u8,
    /// In the order of the file.
    pub outcomes: Vec<CheckOutcome>,
}

impl Score {
    /// Ids of the checks that fail or cannot be decided, in the order of the file.
    #[must_use]
    pub fn failing(&self) -> Vec<String> {
        self.outcomes.iter().filter(|outcome| !outcome.outcome.counts()).map(|outcome| outcome.check.clone()).collect()
    }
}

/// None where the scorecard does not apply, or cannot say whether it does.
#[must_use]
pub fn score(scorecard: &Scorecard, facts: &Facts, exempt: &BTreeSet<String>) -> Option<Score> {
    let asked = Asked::new(facts);
    if scorecard.applies.holds(&asked) != Ok(true) {
        return None;
    }
    let outcomes: Vec<CheckOutcome> =
        scorecard.checks.iter().map(|check| outcome(check, facts, &asked, exempt.contains(&check.id))).collect();
    let of = |check: &Check| scorecard.checks.iter().zip(&outcomes).find(|(other, _)| other.id == check.id);
    let level = level(
        scorecard.levels.len(),
        scorecard.checks.iter().map(|check| (check.level, of(check).is_some_and(|(_, found)| found.outcome.counts()))),
    );
    let weight = |counted: bool| -> u64 {
        scorecard
            .checks
            .iter()
            .zip(&outcomes)
            .filter(|(_, found)| !counted || found.outcome.counts())
            .map(|(check, _)| u64::from(check.weight))
            .sum()
    };
    let percent = (weight(true) * 100).checked_div(weight(false)).unwrap_or_default();
    Some(Score { level, percent: u8::try_from(percent).unwrap_or(100), outcomes })
}

/// The highest level whose checks, and those of every level below it, all count.
fn level(levels: usize, checks: impl Iterator<Item = (usize, bool)>) -> usize {
    let lowest_missing = checks.filter(|(_, counts)| !counts).map(|(level, _)| level).min();
    lowest_missing.map_or(levels, |level| level - 1)
}

fn outcome(check: &Check, facts: &Facts, asked: &Asked, exempt: bool) -> CheckOutcome {
    let (outcome, reason) = match check.condition.holds(asked) {
        Ok(true) => (Outcome::Pass, check.condition.because(facts)),
        Ok(false) => (Outcome::Fail, check.condition.because(facts)),
        Err(reason) => (Outcome::Error, reason),
    };
    let outcome = if exempt && !outcome.counts() { Outcome::Exempt } else { outcome };
    CheckOutcome { check: check.id.clone(), outcome, reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_level_is_the_highest_whose_checks_and_those_below_all_count(
            levels in 1..6_usize,
            checks in prop::collection::vec((1..6_usize, any::<bool>()), 0..30),
        ) {
            let checks: Vec<(usize, bool)> = checks.into_iter().map(|(level, counts)| (level.min(levels), counts)).collect();
            let reached = level(levels, checks.iter().copied());
            let holds = |wanted: usize| checks.iter().filter(|(level, _)| *level <= wanted).all(|(_, counts)| *counts);
            prop_assert!(holds(reached));
            prop_assert!((reached + 1..=levels).all(|higher| !holds(higher)));
        }

        #[test]
        fn an_exemption_never_lowers_and_a_failure_never_raises_a_level(
            values in prop::collection::vec((0..4_i64, 0..4_i64), 1..2),
            exempt in prop::collection::btree_set("(none|few|owned)", 0..3),
        ) {
            let scorecard = super::super::definition::read(SAMPLE).unwrap();
            for (critical, high) in values {
                let mut facts = Facts::default();
                "component".clone_into(&mut facts.entity.kind);
                facts.findings.critical = critical;
                facts.findings.high = high;
                let bare = score(&scorecard, &facts, &BTreeSet::new()).unwrap();
                let helped = score(&scorecard, &facts, &exempt).unwrap();
                prop_assert!(helped.level >= bare.level && helped.percent >= bare.percent);
                for (one, other) in bare.outcomes.iter().zip(&helped.outcomes) {
                    prop_assert_eq!(one.outcome == Outcome::Pass, other.outcome == Outcome::Pass);
                }
                facts.findings.critical += 1;
                prop_assert!(score(&scorecard, &facts, &exempt).unwrap().level <= helped.level);
            }
        }
    }

    const SAMPLE: &str = "apiVersion: rampart/v1
kind: Scorecard
metadata: {name: sample, title: Sample}
spec:
  applies: entity.kind == 'component'
  levels: [bronze, silver]
  checks:
    - {id: none, title: a, why: b, how: c, level: bronze, weight: 3, condition: findings.critical == 0}
    - {id: few, title: a, why: b, how: c, level: silver, condition: findings.high < 2}
    - {id: owned, title: a, why: b, how: c, level: silver, condition: entity.has_owner}
";
}
