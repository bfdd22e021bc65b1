//! Looks at entities and keeps how they stand: rows change only where something is otherwise than before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::EntityId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    Moved,
    definition::Scorecard,
    facts::{self, Facts},
    score::{Score, score},
    sql::{self, ResultRow},
};
use crate::{Portal, catalog::described::Described, error::Result};

/// An entity with how it stands; no score where the scorecard does not apply.
pub(super) struct Evaluated {
    pub entity: Described,
    pub score: Option<Score>,
}

/// How these entities stand on a scorecard, by their facts and exemptions now.
pub(super) async fn evaluate(
    connection: &mut PgConnection,
    scorecard: &Scorecard,
    entities: Vec<Described>,
    now: OffsetDateTime,
) -> Result<Vec<Evaluated>> {
    let facts = facts::gather(connection, &entities, now).await?;
    evaluate_with(connection, scorecard, entities, &facts, now).await
}

/// As [`evaluate`], by facts that were gathered already.
pub(super) async fn evaluate_with(
    connection: &mut PgConnection,
    scorecard: &Scorecard,
    entities: Vec<Described>,
    facts: &[Facts],
    now: OffsetDateTime,
) -> Result<Vec<Evaluated>> {
    let ids: Vec<EntityId> = entities.iter().map(|entity| entity.id).collect();
    let exempt = exempt(connection, &scorecard.name, &ids, now).await?;
    let none = BTreeSet::new();
    let mut evaluated = Vec::with_capacity(entities.len());
    for (entity, facts) in entities.into_iter().zip(facts) {
        let score = score(scorecard, facts, exempt.get(&entity.id).unwrap_or(&none));
        evaluated.push(Evaluated { entity, score });
    }
    Ok(evaluated)
}

async fn exempt(
    connection: &mut PgConnection,
    scorecard: &str,
    ids: &[EntityId],
    now: OffsetDateTime,
) -> Result<HashMap<EntityId, BTreeSet<String>>> {
    let mut exempt: HashMap<EntityId, BTreeSet<String>> = HashMap::new();
    for (entity, check) in sql::exempt_checks(connection, scorecard, ids, now).await? {
        exempt.entry(entity).or_default().insert(check);
    }
    Ok(exempt)
}

/// What keeping came to.
pub(super) struct Done {
    /// Who stands elsewhere than before.
    pub moved: Vec<Moved>,
    /// Whether any row was written.
    pub wrote: bool,
}

/// Keeps how entities stand. The caller holds the scorecard's lock.
pub(super) async fn keep(
    portal: &Portal,
    connection: &mut PgConnection,
    scorecard: &Scorecard,
    revision: i32,
    evaluated: &[Evaluated],
) -> Result<Done> {
    let now = portal.clock.now();
    let ids: Vec<EntityId> = evaluated.iter().map(|evaluated| evaluated.entity.id).collect();
    let before: BTreeMap<EntityId, ResultRow> =
        sql::rows(connection, &scorecard.name, &ids).await?.into_iter().map(|row| (row.entity_id, row)).collect();

    let mut changed = Vec::new();
    let mut gone = Vec::new();
    let mut history = Vec::new();
    let mut owners = BTreeSet::new();
    let mut moved = Vec::new();
    for Evaluated { entity, score } in evaluated {
        let old = before.get(&entity.id);
        let new = score.as_ref().map(|score| row(scorecard, revision, entity, score, now)).transpose()?;
        let stands = |row: Option<&ResultRow>| row.map(|row| (row.level_name.clone(), row.score));
        if stands(old) != stands(new.as_ref()) {
            owners.extend(old.map(|old| old.owner_id));
            moved.push(Moved {
                scorecard: scorecard.name.clone(),
                entity: entity.reference_text(),
                level_before: old.and_then(|old| old.level_name.clone()),
                level: new.as_ref().and_then(|new| new.level_name.clone()),
                score_before: old.map(|old| old.score),
                score: new.as_ref().map(|new| new.score),
            });
            history.push(sql::HistoryRow {
                id: portal.rng.id(&portal.clock),
                entity_id: entity.id,
                level_before: old.and_then(|old| old.level_name.clone()),
                level: new.as_ref().and_then(|new| new.level_name.clone()),
                score_before: old.map(|old| old.score),
                score: new.as_ref().map(|new| new.score),
                failing: new.as_ref().map(|new| new.failing.clone()).unwrap_or_default(),
            });
        }
        match (old, new) {
            (Some(_), None) => gone.push(entity.id),
            (None, None) => {}
            (old, Some(new)) => {
                let same = old.is_some_and(|old| old.same_as(&new));
                if !same {
                    owners.insert(new.owner_id);
                    owners.extend(old.map(|old| old.owner_id));
                    let changed_at = match old {
                        Some(old) if stands(Some(old)) == stands(Some(&new)) => old.changed_at,
                        _ => now,
                    };
                    changed.push(ResultRow { changed_at, ..new });
                }
            }
        }
    }
    if changed.is_empty() && gone.is_empty() {
        return Ok(Done { moved, wrote: false });
    }
    sql::delete_rows(connection, &scorecard.name, &gone).await?;
    sql::upsert_rows(connection, &scorecard.name, &changed).await?;
    sql::insert_history(connection, &scorecard.name, revision, now, &history).await?;
    let owners: Vec<_> = owners.into_iter().collect();
    sql::recount(connection, &scorecard.name, scorecard.levels.len(), now.date(), &owners).await?;
    Ok(Done { moved, wrote: true })
}

fn row(
    scorecard: &Scorecard,
    revision: i32,
    entity: &Described,
    score: &Score,
    now: OffsetDateTime,
) -> Result<ResultRow> {
    Ok(ResultRow {
        entity_id: entity.id,
        owner_id: entity.owner,
        restricted: entity.restricted,
        entity_ref: entity.reference_text(),
        entity_title: entity.shown().to_owned(),
        revision,
        level: i16::try_from(score.level).unwrap_or(i16::MAX),
        level_name: scorecard.level_name(score.level).map(ToOwned::to_owned),
        score: i16::from(score.percent),
        failing: score.failing(),
        outcomes: serde_json::to_value(&score.outcomes)?,
        changed_at: now,
    })
}
