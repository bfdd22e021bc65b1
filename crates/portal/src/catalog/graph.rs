//! What stands around an entity: a walk along its relations in both directions, through nothing that one may not see.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{
    EntityGraph, EntityId, EntityRef, GraphAsk, RelationFamily, RelationType,
    graph::{GraphEdge, GraphNode, GraphReach, KindCount, TeamCount},
};

use super::{graph_sql, read::named};
use crate::{Snapshot, authz::ActionName, error::Result};

/// The most nodes of one graph: more cannot be read.
pub const MOST_NODES: usize = 200;
/// The most relations between them that are drawn.
const MOST_EDGES: i64 = 4_000;
/// Beyond this many met on the way, a walk says "at least".
const MOST_MET: i64 = 2_000;
/// The most teams that a reach names.
const MOST_TEAMS: usize = 12;

/// Which way a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To what uses, holds or owns it.
    Up,
    /// To what it uses, holds or owns.
    Down,
}

impl Way {
    /// The relations that lead that way from the end that states them, and those that do so from the other.
    pub(super) fn relations(self, families: &[RelationFamily]) -> (Vec<String>, Vec<String>) {
        let down = families.iter().flat_map(|family| family.downstream());
        let (stated, inverse): (Vec<_>, Vec<_>) =
            down.map(|relation| (relation.to_string(), relation.inverse().to_string())).unzip();
        match self {
            Self::Down => (stated, inverse),
            Self::Up => (inverse, stated),
        }
    }
}

/// The part of the graph around an entity that is asked for, and how far its failure goes.
///
/// # Errors
/// `NotFound` where there is no such entity that the actor may see.
pub async fn graph(snapshot: &mut Snapshot, reference: &EntityRef, ask: &GraphAsk) -> Result<EntityGraph> {
    let id = named(snapshot, reference).await?.id;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let families = ask.families_for(reference.kind);

    let steps = i32::from(ask.depth);
    let mut met: HashMap<EntityId, i32> = HashMap::new();
    let mut more_exact = true;
    for way in [Way::Down, Way::Up] {
        let (found, all) = graph_sql::walk(&mut visible, &scope, id, way, &families, steps, MOST_MET).await?;
        more_exact &= all;
        for (entity, steps) in found {
            let level = if way == Way::Up { -steps } else { steps };
            let nearest = met.entry(entity).or_insert(level);
            if level.abs() < nearest.abs() {
                *nearest = level;
            }
        }
    }
    met.remove(&id);
    let mut nearest: Vec<(EntityId, i32)> = met.into_iter().collect();
    nearest.sort_unstable_by_key(|(entity, level)| (level.abs(), *level, *entity));
    let more = nearest.len().saturating_sub(MOST_NODES - 1);
    nearest.truncate(MOST_NODES - 1);
    nearest.insert(0, (id, 0));

    let levels: HashMap<EntityId, i32> = nearest.into_iter().collect();
    let ids: Vec<EntityId> = levels.keys().copied().collect();
    let mut known = graph_sql::nodes(&mut visible, &ids).await?;
    known.sort_by_cached_key(|(entity, node)| {
        let level = levels.get(entity).copied().unwrap_or_default();
        (level.abs(), level, node.reference.kind, node.name.to_lowercase(), *entity)
    });
    let places: HashMap<EntityId, usize> = known.iter().enumerate().map(|(at, (entity, _))| (*entity, at)).collect();
    let stated = graph_sql::relations_between(&mut visible, &ids, &families, MOST_EDGES).await?;
    let edges: BTreeSet<GraphEdge> = stated
        .into_iter()
        .filter_map(|(from, relation, to)| Some(downstream(*places.get(&from)?, relation, *places.get(&to)?)))
        .filter(|edge| edge.from != edge.to)
        .collect();
    let nodes: Vec<GraphNode> = known
        .into_iter()
        .map(|(entity, node)| GraphNode { level: levels.get(&entity).copied().unwrap_or_default(), ..node })
        .collect();

    let affected = reach(graph_sql::reached(&mut visible, &scope, id, Way::Up, MOST_MET).await?);
    let needed = reach(graph_sql::reached(&mut visible, &scope, id, Way::Down, MOST_MET).await?);
    Ok(EntityGraph {
        depth: ask.depth,
        kinds: families,
        nodes,
        edges: edges.into_iter().collect(),
        more: more as u64,
        more_exact,
        affected,
        needed,
    })
}

/// A relation as it reads from the end that uses, holds or owns the other.
fn downstream(from: usize, relation: RelationType, to: usize) -> GraphEdge {
    if RelationFamily::of(relation).downstream().contains(&relation) {
        GraphEdge { from, to, relation }
    } else {
        GraphEdge { from: to, to: from, relation: relation.inverse() }
    }
}

fn reach(rows: Vec<graph_sql::Reached>) -> GraphReach {
    let total: u64 = rows.iter().map(|row| row.count).sum();
    let (mut kinds, mut teams) = (BTreeMap::new(), BTreeMap::new());
    for row in &rows {
        *kinds.entry(row.kind).or_insert(0) += row.count;
        if let Some(team) = &row.team {
            *teams.entry(team.clone()).or_insert(0) += row.count;
        }
    }
    let mut kinds: Vec<KindCount> = kinds.into_iter().map(|(kind, count)| KindCount { kind, count }).collect();
    kinds.sort_by_key(|one| std::cmp::Reverse(one.count));
    let mut teams: Vec<TeamCount> = teams.into_iter().map(|(team, count)| TeamCount { team, count }).collect();
    teams.sort_by_key(|one| std::cmp::Reverse(one.count));
    teams.truncate(MOST_TEAMS);
    let tier = rows.into_iter().filter_map(|row| row.tier).min_by_key(|tier| criticality(tier));
    // the entity itself is among those met where a circle leads back to it
    let exact = total + 1 < u64::try_from(MOST_MET).unwrap_or(u64::MAX);
    GraphReach { total, exact, kinds, teams, tier }
}

/// Tiers are the organisation's own words; of those with a number, the smallest is the most critical.
fn criticality(tier: &str) -> (u64, String) {
    let digits: String = tier.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    (digits.parse().unwrap_or(u64::MAX), tier.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_critical_tier_has_the_smallest_number() {
        let most = |tiers: &[&'static str]| tiers.iter().copied().min_by_key(|tier| criticality(tier)).unwrap();
        assert_eq!(most(&["tier-2", "tier-10", "best-effort"]), "tier-2");
        assert_eq!(most(&["gold", "bronze"]), "bronze");
    }
}
