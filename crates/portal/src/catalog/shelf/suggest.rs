//! What the command palette offers for a few letters.

use model::{Facet, Kind, Suggestion};

use super::{Catalog, Shelved};
use crate::authz::Scope;

impl Catalog {
    /// What is called `text` (in lower case), begins with it, or holds it, in this order.
    pub fn suggestions(&self, scope: &Scope, text: &str, limit: usize) -> Vec<Suggestion> {
        let mut found: Vec<(u8, &Shelved)> = self
            .entities()
            // people and teams are suggested as such
            .filter(|entity| !matches!(entity.reference.kind, Kind::Group | Kind::User))
            .filter_map(|entity| Some((rank(entity, text)?, entity)))
            .filter(|(_, entity)| scope.covers(&entity.facts))
            .collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.truncate(limit);
        found.into_iter().map(|(_, entity)| self.suggestion(entity)).collect()
    }

    fn suggestion(&self, entity: &Shelved) -> Suggestion {
        let mut values = entity.values.iter().map(|value| self.values.get(*value));
        let owner = values.find(|(facet, _)| *facet == Facet::Owner).map(|(_, value)| value);
        Suggestion {
            title: entity.shown_name.to_string(),
            kind: entity.reference.kind.label().to_owned(),
            href: entity.reference.href(),
            hint: match owner.and_then(|owner| owner.rsplit('/').next()) {
                Some(owner) => format!("{} of {owner}", entity.reference),
                None => entity.reference.to_string(),
            },
        }
    }
}

fn rank(entity: &Shelved, text: &str) -> Option<u8> {
    let name = entity.reference.name.as_str();
    if name == text {
        return Some(0);
    }
    if name.starts_with(text) || entity.search.starts_with(text) {
        return Some(1);
    }
    entity.search.contains(text).then_some(2)
}
