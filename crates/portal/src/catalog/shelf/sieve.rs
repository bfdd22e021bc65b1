//! Which entities a filter leaves, in which order, and how many each further value of a facet would.

use memchr::memmem::Finder;
use model::{
    EntityFilter, EntityId, Facet,
    entity::{EntitySort, FacetCount, FacetCounts},
    page::COUNTED_TO,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Catalog, Shelved, Values};
use crate::{
    authz::Scope,
    error::{Error, Result},
};

/// How many values of a facet are shown; one that is on is shown always.
const SHOWN_VALUES: usize = 12;
/// How many are shown of the facet that all values are asked of.
const ALL_VALUES: usize = 1_000;

/// What a list is sorted by, as text, and the id.
pub(in crate::catalog) type Key = (String, EntityId);

/// Which part of a list is asked for.
pub(in crate::catalog) struct Span<'a> {
    /// The row to begin after, in the direction of reading.
    pub after: Option<&'a Key>,
    pub backwards: bool,
    pub limit: usize,
}

/// How many entities a filter leaves, and how many each further value of a facet would.
pub(in crate::catalog) struct Counted {
    /// To one more than is said exactly.
    pub total: i64,
    pub facets: Vec<FacetCounts>,
}

/// Whether an entity is left by a filter.
enum Left {
    Yes,
    /// It would be, were this facet not narrowed.
    But(Facet),
    No,
}

/// A filter, ready to be held against every entity.
struct Sieve<'a> {
    scope: &'a Scope,
    words: Vec<(Finder<'a>, Option<u32>)>,
    /// The facets that are narrowed, a bit each.
    narrowed: u8,
    /// By a value's number, its facet's bit where the value is on.
    on: Vec<u8>,
}

const fn bit(facet: Facet) -> u8 {
    1 << facet as u8
}

impl<'a> Sieve<'a> {
    fn new(catalog: &Catalog, scope: &'a Scope, filter: &EntityFilter, words: &'a [String]) -> Self {
        let mut on = vec![0; catalog.values.all.len()];
        let mut narrowed = 0;
        for facet in Facet::ALL {
            for value in filter.values(facet) {
                // a value that nothing has is wanted all the same, and leaves nothing
                narrowed |= bit(facet);
                if let Some(number) = catalog.values.find(facet, &value) {
                    on[number as usize] = bit(facet);
                }
            }
        }
        let words = words.iter().map(|word| (Finder::new(word), catalog.values.find(Facet::Tag, word)));
        Self { scope, words: words.collect(), narrowed, on }
    }

    fn sift(&self, entity: &Shelved) -> Left {
        if !self.scope.covers(&entity.facts) {
            return Left::No;
        }
        let missed = match self.narrowed {
            0 => 0,
            narrowed => narrowed & !entity.values.iter().fold(0, |met, value| met | self.on[*value as usize]),
        };
        if missed.count_ones() > 1 || !self.words.iter().all(|word| has_word(entity, word)) {
            return Left::No;
        }
        Facet::ALL.into_iter().find(|facet| missed == bit(*facet)).map_or(Left::Yes, Left::But)
    }
}

fn has_word(entity: &Shelved, (word, tag): &(Finder<'_>, Option<u32>)) -> bool {
    word.find(entity.search.as_bytes()).is_some() || tag.is_some_and(|tag| entity.values.contains(&tag))
}

impl Catalog {
    /// The entities of one part of a list, in the direction of reading.
    pub fn listed(&self, scope: &Scope, filter: &EntityFilter, span: &Span<'_>) -> Result<Vec<Key>> {
        let words = filter.words();
        let sieve = Sieve::new(self, scope, filter, &words);
        let is_left = |entity: &&Shelved| matches!(sieve.sift(entity), Left::Yes);
        let descending = filter.descending != span.backwards;
        let named = |entity: &Shelved| (entity.sort_name.to_string(), entity.id());
        Ok(match filter.sort {
            EntitySort::Name => {
                let after = span.after.map(|(name, id)| (name.as_str(), *id));
                if descending {
                    let rest = self.entities().rev().filter(|entity| after.is_none_or(|after| entity.key() < after));
                    rest.filter(is_left).take(span.limit).map(named).collect()
                } else {
                    let rest = self.entities().filter(|entity| after.is_none_or(|after| entity.key() > after));
                    rest.filter(is_left).take(span.limit).map(named).collect()
                }
            }
            EntitySort::Updated => {
                let after = match span.after {
                    Some((text, id)) => Some((moment(text)?, *id)),
                    None => None,
                };
                let mut left: Vec<(OffsetDateTime, EntityId)> = self
                    .entities()
                    .filter(is_left)
                    .map(|entity| (entity.updated_at, entity.id()))
                    .filter(|key| after.is_none_or(|after| if descending { *key < after } else { *key > after }))
                    .collect();
                if descending {
                    left.sort_unstable_by(|a, b| b.cmp(a));
                } else {
                    left.sort_unstable();
                }
                left.into_iter().take(span.limit).map(|(at, id)| (text(at), id)).collect()
            }
        })
    }

    /// Counts what `scope` lets one see. A facet's own values are counted as if it were not narrowed, because they are
    /// alternatives to one another. Of `whole` all values are shown.
    pub fn count(&self, scope: &Scope, filter: &EntityFilter, whole: Option<Facet>) -> Counted {
        let words = filter.words();
        let sieve = Sieve::new(self, scope, filter, &words);
        let mut total = 0;
        let mut counts = vec![0_u32; self.values.all.len()];
        for entity in self.entities() {
            match sieve.sift(entity) {
                Left::Yes => {
                    total += 1;
                    entity.values.iter().for_each(|value| counts[*value as usize] += 1);
                }
                Left::But(facet) => {
                    let own = entity.values.iter().filter(|value| self.values.get(**value).0 == facet);
                    own.for_each(|value| counts[*value as usize] += 1);
                }
                Left::No => {}
            }
        }
        let facets = Facet::ALL.into_iter().map(|facet| {
            let most = if whole == Some(facet) { ALL_VALUES } else { SHOWN_VALUES };
            shown(&self.values, facet, filter, &counts, most)
        });
        Counted { facets: facets.collect(), total: total.min(i64::try_from(COUNTED_TO).unwrap_or(i64::MAX) + 1) }
    }
}

/// A facet's most frequent values, those that are on first.
fn shown(values: &Values, facet: Facet, filter: &EntityFilter, counts: &[u32], most: usize) -> FacetCounts {
    let on = filter.values(facet);
    let mut counted: Vec<(u32, &str)> = values
        .all
        .iter()
        .zip(counts)
        .filter(|((of, _), count)| *of == facet && **count > 0)
        .map(|((_, value), count)| (*count, &**value))
        .filter(|(_, value)| !on.iter().any(|on| on == value))
        .collect();
    let further = most.saturating_sub(on.len());
    let more = counted.len().saturating_sub(further);
    let order = |a: &(u32, &str), b: &(u32, &str)| b.0.cmp(&a.0).then(a.1.cmp(b.1));
    if more > 0 && further > 0 {
        counted.select_nth_unstable_by(further - 1, order);
    }
    counted.truncate(further);
    let count = |value: &str| values.find(facet, value).map_or(0, |number| counts[number as usize]);
    let mut first: Vec<(u32, &str)> = on.iter().map(|value| (count(value), value.as_str())).collect();
    first.sort_unstable_by(order);
    first.dedup();
    counted.sort_unstable_by(order);
    let line = |(count, value): (u32, &str), on| FacetCount { value: value.to_owned(), count: count.into(), on };
    let first = first.into_iter().map(|counted| line(counted, true));
    FacetCounts {
        facet,
        values: first.chain(counted.iter().map(|counted| line(*counted, false))).collect(),
        more: more as u64,
    }
}

fn text(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).expect("Postgres keeps years of four digits here")
}

fn moment(text: &str) -> Result<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Error::invalid("cursor", "is no page of this list"))
}
