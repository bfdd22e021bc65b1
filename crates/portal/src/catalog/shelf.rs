//! The whole catalog in memory, as narrow as counting needs it: facets, totals and suggestions come from here.
//!
//! Postgres counts every change of `entity`; a page reads that count in its own snapshot and takes the shelf of exactly
//! that moment, building it where there is none. So nothing shown is older than the page's rows, and a write is visible
//! in its own answer. Everything that leaves goes through a [`Scope`].

use std::{collections::HashMap, pin::pin, sync::Arc};

use futures::{Stream, TryStreamExt as _};
use model::{
    EntityFilter, EntityId, EntityRef, Facet, Kind, Suggestion, TeamId,
    entity::{FacetCount, FacetCounts},
    page::COUNTED_TO,
};
use sqlx::PgConnection;
use tokio::sync::Mutex;

use super::sql;
use crate::{
    authz::{Facts, Scope},
    error::{Error, Result},
};

/// How many values of a facet are shown; one that is on is shown always.
const SHOWN_VALUES: usize = 12;
const FACETS: usize = Facet::ALL.len();

/// The newest catalog that this process has counted. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<Option<Arc<Catalog>>>>);

impl Shelf {
    /// The catalog at the moment that `connection` sees.
    pub(super) async fn catalog(&self, connection: &mut PgConnection) -> Result<Arc<Catalog>> {
        let revision = sql::revision(connection).await?;
        let mut held = self.0.lock().await;
        if let Some(catalog) = held.as_ref().filter(|catalog| catalog.revision == revision) {
            return Ok(catalog.clone());
        }
        let catalog = Arc::new(Catalog::read(revision, sql::shelf(connection)).await?);
        // a snapshot that began earlier may come later: it gets its own, and the newest stays
        if held.as_ref().is_none_or(|held| held.revision < revision) {
            *held = Some(catalog.clone());
        }
        Ok(catalog)
    }
}

#[derive(Debug)]
pub(super) struct Catalog {
    revision: i64,
    entities: Vec<Shelved>,
    /// Every value of every facet, once.
    values: Vec<String>,
    numbers: HashMap<String, u32>,
}

#[derive(Debug)]
struct Shelved {
    facts: Facts,
    reference: EntityRef,
    shown_name: Box<str>,
    /// Lower case: name, title and description.
    search: Box<str>,
    /// By number, the facets one after another.
    values: Box<[(Facet, u32)]>,
}

/// One entity as the shelf reads it.
pub(super) struct Row {
    pub id: EntityId,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub title: Option<String>,
    pub kind_type: Option<String>,
    pub lifecycle: Option<String>,
    pub owner_ref: Option<String>,
    pub owner: Option<TeamId>,
    pub system_ref: Option<String>,
    pub tags: Vec<String>,
    pub restricted: bool,
    pub search: String,
}

/// How many entities a filter leaves, and how many each further value of a facet would.
pub(super) struct Counted {
    /// To one more than is said exactly.
    pub total: i64,
    pub facets: Vec<FacetCounts>,
}

impl Catalog {
    async fn read(revision: i64, rows: impl Stream<Item = sqlx::Result<Row>>) -> Result<Self> {
        let mut catalog = Self { revision, entities: Vec::new(), values: Vec::new(), numbers: HashMap::new() };
        let mut rows = pin!(rows);
        while let Some(row) = rows.try_next().await? {
            catalog.shelve(row)?;
        }
        catalog.entities.shrink_to_fit();
        Ok(catalog)
    }

    fn shelve(&mut self, row: Row) -> Result<()> {
        let kind: Kind = row.kind.parse().map_err(Error::internal)?;
        let mut values = vec![(Facet::Kind, self.number(row.kind))];
        for (facet, value) in [
            (Facet::Type, row.kind_type),
            (Facet::Lifecycle, row.lifecycle),
            (Facet::Owner, row.owner_ref),
            (Facet::System, row.system_ref),
        ] {
            values.extend(value.map(|value| (facet, self.number(value))));
        }
        values.extend(row.tags.into_iter().map(|tag| (Facet::Tag, self.number(tag))));
        self.entities.push(Shelved {
            facts: Facts { owner: row.owner, entity: Some(row.id), restricted: row.restricted, ..Facts::default() },
            reference: EntityRef::new(kind, &row.namespace, &row.name),
            shown_name: row.title.unwrap_or(row.name).into(),
            search: row.search.into(),
            values: values.into(),
        });
        Ok(())
    }

    fn number(&mut self, value: String) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).expect("a catalog has fewer than four billion values");
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        number
    }

    /// Counts what `scope` lets one see. A facet's own values are counted as if it were not narrowed, because they are
    /// alternatives to one another.
    pub fn count(&self, scope: &Scope, filter: &EntityFilter) -> Counted {
        let words = filter.words();
        let wanted = Facet::ALL.map(|facet| {
            let values = filter.values(facet);
            // a value that nothing has is wanted all the same, and leaves nothing
            (!values.is_empty())
                .then(|| values.iter().map(|value| self.numbers.get(value).copied()).collect::<Vec<_>>())
        });
        let mut total = 0;
        let mut counts: [Vec<u64>; FACETS] = std::array::from_fn(|_| vec![0; self.values.len()]);
        for entity in self.entities.iter().filter(|entity| scope.covers(&entity.facts)) {
            if !words.iter().all(|word| self.has_word(entity, word)) {
                continue;
            }
            let mut missed = Facet::ALL.into_iter().enumerate().filter(|(place, facet)| {
                wanted[*place]
                    .as_ref()
                    .is_some_and(|wanted| !entity.of(*facet).any(|number| wanted.contains(&Some(number))))
            });
            let counted_in = match (missed.next(), missed.next()) {
                (None, _) => {
                    total += 1;
                    None
                }
                (Some((only, _)), None) => Some(only),
                (Some(_), Some(_)) => continue,
            };
            for (facet, number) in &entity.values {
                let place = *facet as usize;
                if counted_in.is_none_or(|only| only == place) {
                    counts[place][*number as usize] += 1;
                }
            }
        }
        let facets =
            Facet::ALL.into_iter().zip(counts).map(|(facet, counts)| self.shown(facet, filter, &counts)).collect();
        Counted { total: total.min(i64::try_from(COUNTED_TO).unwrap_or(i64::MAX) + 1), facets }
    }

    fn has_word(&self, entity: &Shelved, word: &str) -> bool {
        entity.search.contains(word)
            || self.numbers.get(word).is_some_and(|number| entity.of(Facet::Tag).any(|tag| tag == *number))
    }

    fn shown(&self, facet: Facet, filter: &EntityFilter, counts: &[u64]) -> FacetCounts {
        let on = filter.values(facet);
        let mut values: Vec<FacetCount> = self
            .values
            .iter()
            .zip(counts)
            .filter(|(_, count)| **count > 0)
            .map(|(value, count)| FacetCount { value: value.clone(), count: *count, on: on.contains(value) })
            .collect();
        for value in on {
            if !values.iter().any(|counted| counted.value == value) {
                values.push(FacetCount { value, count: 0, on: true });
            }
        }
        values.sort_by(|a, b| (b.on, b.count, &a.value).cmp(&(a.on, a.count, &b.value)));
        let shown = SHOWN_VALUES.max(values.iter().filter(|value| value.on).count());
        let more = values.len().saturating_sub(shown) as u64;
        values.truncate(shown);
        FacetCounts { facet, values, more }
    }

    /// What is called `text` (in lower case), begins with it, or holds it, in this order.
    pub fn suggestions(&self, scope: &Scope, text: &str, limit: usize) -> Vec<Suggestion> {
        let mut found: Vec<(u8, &Shelved)> = self
            .entities
            .iter()
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
        let owner = entity.of(Facet::Owner).next().map(|number| self.values[number as usize].as_str());
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

    /// How many entities of each owner can be seen.
    pub fn by_owner(&self, scope: &Scope) -> HashMap<TeamId, u64> {
        let mut counts = HashMap::new();
        for entity in self.entities.iter().filter(|entity| scope.covers(&entity.facts)) {
            // the group that a team is, is not something that it owns
            if let Some(owner) = entity.facts.owner.filter(|_| entity.reference.kind != Kind::Group) {
                *counts.entry(owner).or_default() += 1;
            }
        }
        counts
    }
}

impl Shelved {
    fn of(&self, facet: Facet) -> impl Iterator<Item = u32> {
        self.values.iter().filter(move |(held, _)| *held == facet).map(|(_, number)| *number)
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
