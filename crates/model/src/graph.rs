//! How an entity hangs together with others as a graph: what is asked for, and what pages and the API show of it.

use serde::{Deserialize, Serialize};

use crate::{EntityRef, FieldError, Kind, RelationType};

/// Relations that are drawn or left out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum RelationFamily {
    Dependencies,
    Apis,
    Parts,
    Ownership,
}

impl RelationFamily {
    pub const ALL: [Self; 4] = [Self::Dependencies, Self::Apis, Self::Parts, Self::Ownership];

    /// What an entity takes down with it: whoever owns it stays standing.
    pub const CARRYING: [Self; 3] = [Self::Dependencies, Self::Apis, Self::Parts];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dependencies => "dependencies",
            Self::Apis => "apis",
            Self::Parts => "parts",
            Self::Ownership => "ownership",
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dependencies => "Depends on",
            Self::Apis => "APIs",
            Self::Parts => "Part of",
            Self::Ownership => "Ownership",
        }
    }

    /// Its relations as they read from the end that uses, holds or owns the other. An API needs whoever provides it,
    /// and a system its parts.
    #[must_use]
    pub const fn downstream(self) -> &'static [RelationType] {
        match self {
            Self::Dependencies => &[RelationType::DependsOn],
            Self::Apis => &[RelationType::ConsumesApi, RelationType::ApiProvidedBy],
            Self::Parts => &[RelationType::HasPart],
            Self::Ownership => &[RelationType::OwnerOf, RelationType::HasMember, RelationType::ParentOf],
        }
    }

    #[must_use]
    pub fn of(relation: RelationType) -> Self {
        let holds = |family: &Self| {
            family.downstream().iter().any(|downstream| *downstream == relation || downstream.inverse() == relation)
        };
        Self::ALL.into_iter().find(holds).unwrap_or(Self::Dependencies)
    }
}

/// Which part of the graph around an entity is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphAsk {
    /// How many steps away from the entity: 1 to [`GraphAsk::DEEPEST`].
    pub depth: u8,
    /// In the order of [`RelationFamily::ALL`]; none: those that say most of its kind.
    pub families: Vec<RelationFamily>,
}

impl Default for GraphAsk {
    fn default() -> Self {
        Self { depth: 2, families: Vec::new() }
    }
}

impl GraphAsk {
    pub const DEEPEST: u8 = 5;

    /// Reads `depth` and `kinds` of a query's pairs; families may be repeated or joined by commas.
    ///
    /// # Errors
    /// The field whose value cannot be meant, and why.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, FieldError> {
        let mut ask = Self::default();
        for (field, value) in pairs {
            match field {
                "depth" if !value.trim().is_empty() => {
                    let depth = value.trim().parse().ok().filter(|depth| (1..=Self::DEEPEST).contains(depth));
                    ask.depth = depth.ok_or_else(|| FieldError::new(field, "is a number of steps from 1 to 5"))?;
                }
                "kinds" => {
                    for word in value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                        let family = RelationFamily::ALL.into_iter().find(|family| family.as_str() == word);
                        let unknown = || FieldError::new(field, "are dependencies, apis, parts and ownership");
                        ask.families.push(family.ok_or_else(unknown)?);
                    }
                }
                _ => {}
            }
        }
        ask.families.sort_unstable();
        ask.families.dedup();
        Ok(ask)
    }

    /// What is walked for an entity of that kind: who owns what is the point of a team's graph, and noise in others.
    #[must_use]
    pub fn families_for(&self, kind: Kind) -> Vec<RelationFamily> {
        match kind {
            _ if !self.families.is_empty() => self.families.clone(),
            Kind::Group | Kind::User => RelationFamily::ALL.to_vec(),
            _ => RelationFamily::CARRYING.to_vec(),
        }
    }
}

/// What stands around an entity, as far as one may see it, and what its failure means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct EntityGraph {
    pub depth: u8,
    /// The relations that were walked.
    pub kinds: Vec<RelationFamily>,
    /// The entity first, then the nearest.
    pub nodes: Vec<GraphNode>,
    pub edges: Vec<GraphEdge>,
    /// How many more entities there are within that many steps than `nodes` holds.
    pub more: u64,
    /// False: there are at least that many more.
    pub more_exact: bool,
    /// What fails with it: whatever depends on it, uses it or holds it, through any number of steps.
    pub affected: GraphReach,
    /// What it needs to work, through any number of steps.
    pub needed: GraphReach,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct GraphNode {
    #[serde(rename = "ref")]
    #[cfg_attr(feature = "utoipa", schema(value_type = String, example = "component:default/checkout"))]
    pub reference: EntityRef,
    /// What people call it.
    pub name: String,
    pub team: Option<String>,
    pub tier: Option<String>,
    /// How many steps away: below zero for what uses, holds or owns the entity, above for what it uses, holds or owns.
    pub level: i32,
}

/// One relation between two of the nodes, stated from the end that uses, holds or owns the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct GraphEdge {
    /// The place of its beginning among the nodes, counted from zero.
    pub from: usize,
    pub to: usize,
    #[serde(rename = "type")]
    pub relation: RelationType,
}

/// How far something goes, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct GraphReach {
    pub total: u64,
    /// False: there are at least that many.
    pub exact: bool,
    /// The most frequent first.
    pub kinds: Vec<KindCount>,
    /// Who owns them, whoever owns most first; those without a team are left out.
    pub teams: Vec<TeamCount>,
    /// The most critical among them, by the number in its name.
    pub tier: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct KindCount {
    pub kind: Kind,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct TeamCount {
    pub team: String,
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_belongs_to_one_family_and_reads_downstream_from_one_end() {
        for relation in RelationType::ALL {
            let ends = [*relation, relation.inverse()];
            let found: Vec<_> = RelationFamily::ALL
                .into_iter()
                .flat_map(|family| family.downstream().iter().map(move |downstream| (family, *downstream)))
                .filter(|(_, downstream)| ends.contains(downstream))
                .collect();
            assert_eq!(found.len(), 1, "{relation}: {found:?}");
            assert_eq!(RelationFamily::of(*relation), found[0].0);
        }
    }

    #[test]
    fn what_is_asked_is_read_from_an_address() {
        let ask =
            GraphAsk::from_pairs([("depth", "5"), ("kinds", "parts,apis"), ("kinds", "apis"), ("q", "x")]).unwrap();
        assert_eq!(ask, GraphAsk { depth: 5, families: vec![RelationFamily::Apis, RelationFamily::Parts] });
        for (field, value) in [("depth", "0"), ("depth", "6"), ("depth", "many"), ("kinds", "friends")] {
            assert_eq!(GraphAsk::from_pairs([(field, value)]).unwrap_err().field, field, "{value}");
        }
        let default = GraphAsk::from_pairs([("depth", "")]).unwrap();
        assert!(!default.families_for(Kind::Component).contains(&RelationFamily::Ownership));
        assert!(default.families_for(Kind::Group).contains(&RelationFamily::Ownership));
    }
}
