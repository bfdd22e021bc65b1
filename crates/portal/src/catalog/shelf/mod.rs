//! The whole catalog in memory, as narrow as finding and counting need it: lists, facets and totals come from here.
//!
//! Postgres numbers every change of `entity`; a page reads that number in its own snapshot and takes the shelf of exactly
//! that moment, brought there from an older one by reading what changed since. So nothing shown is older than the page's
//! rows, and a write is visible in its own answer. Everything that leaves goes through a [`Scope`].

pub(super) mod sieve;
mod suggest;

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::Arc,
};

use futures::{Stream, TryStreamExt as _};
use model::{EntityId, EntityRef, Facet, Kind, TeamId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::sql;
use crate::{
    authz::{Facts, Scope},
    error::Result,
};

/// How many moments are held: a page that began before the last change finds its own still here.
const HELD: usize = 3;
/// About how many entities lie together. A change copies the boards that it touches, and shares the others.
const BOARD: usize = 512;

/// The newest moments of the catalog that this process has read. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<Vec<Arc<Catalog>>>>);

impl Shelf {
    /// The catalog at the moment that `connection` sees.
    pub(super) async fn catalog(&self, connection: &mut PgConnection) -> Result<Arc<Catalog>> {
        let moment = sql::moment(connection).await?;
        let mut held = self.0.lock().await;
        if let Some(catalog) = held.iter().find(|catalog| catalog.revision == moment.revision) {
            return Ok(catalog.clone());
        }
        let nearest = held
            .iter()
            .filter(|catalog| (moment.deleted..moment.revision).contains(&catalog.revision))
            .max_by_key(|catalog| catalog.revision);
        let since = nearest.map_or(sql::EVERYTHING, |catalog| catalog.revision);
        let before = nearest.map_or_else(Catalog::default, |catalog| Catalog::clone(catalog));
        let changed = read(sql::shelf(connection, since)).await?;
        let catalog = Arc::new(before.with(moment.revision, changed));
        held.push(catalog.clone());
        held.sort_unstable_by_key(|catalog| std::cmp::Reverse(catalog.revision));
        held.truncate(HELD);
        Ok(catalog)
    }
}

async fn read(rows: impl Stream<Item = sqlx::Result<Row>>) -> Result<Vec<Row>> {
    let mut read = Vec::new();
    let mut rows = pin!(rows);
    while let Some(row) = rows.try_next().await? {
        read.push(row);
    }
    Ok(read)
}

/// Where the catalog stands.
pub(super) struct Moment {
    pub revision: i64,
    /// The last one at which something was deleted for good.
    pub deleted: i64,
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
    /// `key=value`
    pub labels: Vec<String>,
    pub restricted: bool,
    pub search: String,
    pub sort_name: String,
    pub updated_at: OffsetDateTime,
    /// It is on the shelf no more.
    pub binned: bool,
}

/// All entities at one moment, in the order of their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    revision: i64,
    boards: Vec<Arc<Vec<Shelved>>>,
    values: Arc<Values>,
}

/// Every value of every facet, once, by its number.
#[derive(Clone, Debug, Default)]
struct Values {
    all: Vec<(Facet, Arc<str>)>,
    numbers: HashMap<(Facet, Arc<str>), u32>,
}

#[derive(Clone, Debug)]
pub(super) struct Shelved {
    facts: Facts,
    reference: EntityRef,
    shown_name: Box<str>,
    sort_name: Box<str>,
    /// Lower case: name, title and description.
    search: Box<str>,
    /// The numbers of its values of all facets.
    values: Box<[u32]>,
    updated_at: OffsetDateTime,
}

impl Shelved {
    fn id(&self) -> EntityId {
        self.facts.entity.expect("whatever is shelved has its id")
    }

    fn key(&self) -> (&str, EntityId) {
        (&self.sort_name, self.id())
    }
}

impl Catalog {
    /// The catalog after these entities came or changed.
    fn with(mut self, revision: i64, changed: Vec<Row>) -> Self {
        self.revision = revision;
        let ids: HashSet<EntityId> = changed.iter().map(|row| row.id).collect();
        for board in &mut self.boards {
            if board.iter().any(|entity| ids.contains(&entity.id())) {
                Arc::make_mut(board).retain(|entity| !ids.contains(&entity.id()));
            }
        }
        let values = Arc::make_mut(&mut self.values);
        let staying = changed.into_iter().filter(|row| !row.binned);
        let mut coming: Vec<Shelved> = staying.map(|row| shelved(row, values)).collect();
        coming.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
        self.place(coming);
        self
    }

    /// Puts entities, in order, where they belong.
    fn place(&mut self, coming: Vec<Shelved>) {
        let mut boards = Vec::with_capacity(self.boards.len() + coming.len() / BOARD + 1);
        let mut coming = coming.into_iter().peekable();
        let mut old = std::mem::take(&mut self.boards).into_iter().filter(|board| !board.is_empty()).peekable();
        while let Some(mut board) = old.next() {
            // a board takes what comes before the next one begins
            let next = old.peek().and_then(|next| next.first());
            let mut taken = Vec::new();
            while let Some(entity) = coming.next_if(|entity| next.is_none_or(|next| entity.key() < next.key())) {
                taken.push(entity);
            }
            if !taken.is_empty() {
                let board = Arc::make_mut(&mut board);
                board.append(&mut taken);
                board.sort_by(|a, b| a.key().cmp(&b.key()));
            }
            push(&mut boards, board);
        }
        push(&mut boards, Arc::new(coming.collect()));
        self.boards = boards;
    }

    fn entities(&self) -> impl DoubleEndedIterator<Item = &Shelved> {
        self.boards.iter().flat_map(|board| board.iter())
    }

    /// How many entities of each owner can be seen.
    pub fn by_owner(&self, scope: &Scope) -> HashMap<TeamId, u64> {
        let mut counts = HashMap::new();
        for entity in self.entities().filter(|entity| scope.covers(&entity.facts)) {
            if let Some(owner) = entity.owner() {
                *counts.entry(owner).or_default() += 1;
            }
        }
        counts
    }

    /// The first of what a team owns, as far as it can be seen.
    pub fn owned(&self, scope: &Scope, team: TeamId, limit: usize) -> Vec<EntityId> {
        let owned = self.entities().filter(|entity| entity.owner() == Some(team) && scope.covers(&entity.facts));
        owned.take(limit).map(Shelved::id).collect()
    }
}

impl Shelved {
    /// The group that a team is, is not something that it owns.
    fn owner(&self) -> Option<TeamId> {
        self.facts.owner.filter(|_| self.reference.kind != Kind::Group)
    }
}

/// Adds a board, cut where it is too long.
fn push(boards: &mut Vec<Arc<Vec<Shelved>>>, board: Arc<Vec<Shelved>>) {
    if board.len() <= 2 * BOARD {
        if !board.is_empty() {
            boards.push(board);
        }
        return;
    }
    let mut entities = Arc::unwrap_or_clone(board).into_iter();
    loop {
        let cut: Vec<Shelved> = entities.by_ref().take(BOARD).collect();
        if cut.is_empty() {
            return;
        }
        boards.push(Arc::new(cut));
    }
}

fn shelved(row: Row, values: &mut Values) -> Shelved {
    let kind = Kind::stored(&row.kind);
    let single = [
        (Facet::Kind, Some(row.kind)),
        (Facet::Type, row.kind_type),
        (Facet::Lifecycle, row.lifecycle),
        (Facet::Owner, row.owner_ref),
        (Facet::System, row.system_ref),
    ];
    let single = single.into_iter().filter_map(|(facet, value)| Some((facet, value?)));
    let many = row.tags.into_iter().map(|tag| (Facet::Tag, tag));
    let labels = row.labels.into_iter().map(|label| (Facet::Label, label));
    Shelved {
        facts: Facts { owner: row.owner, entity: Some(row.id), restricted: row.restricted, ..Facts::default() },
        reference: EntityRef::new(kind, &row.namespace, &row.name),
        shown_name: row.title.unwrap_or(row.name).into(),
        sort_name: row.sort_name.into(),
        search: row.search.into(),
        values: single.chain(many).chain(labels).map(|(facet, value)| values.number(facet, value)).collect(),
        updated_at: row.updated_at,
    }
}

impl Values {
    fn number(&mut self, facet: Facet, value: String) -> u32 {
        let value: Arc<str> = value.into();
        let next = u32::try_from(self.all.len()).expect("a catalog has fewer than four billion values");
        *self.numbers.entry((facet, value.clone())).or_insert_with(|| {
            self.all.push((facet, value));
            next
        })
    }

    fn find(&self, facet: Facet, value: &str) -> Option<u32> {
        self.numbers.get(&(facet, value.into())).copied()
    }

    fn get(&self, number: u32) -> (Facet, &str) {
        let (facet, value) = &self.all[number as usize];
        (*facet, value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(id: u8, name: &str, tag: &str) -> Row {
        Row {
            id: EntityId(uuid::Uuid::from_u128(u128::from(id))),
            kind: "component".into(),
            namespace: "default".into(),
            name: name.into(),
            title: None,
            kind_type: None,
            lifecycle: None,
            owner_ref: None,
            owner: None,
            system_ref: None,
            tags: vec![tag.into()],
            labels: Vec::new(),
            restricted: false,
            search: name.into(),
            sort_name: name.into(),
            updated_at: OffsetDateTime::UNIX_EPOCH,
            binned: false,
        }
    }

    fn held(catalog: &Catalog) -> Vec<(String, EntityId, String)> {
        let value = |entity: &Shelved| catalog.values.get(entity.values[1]).1.to_owned();
        catalog.entities().map(|entity| (entity.sort_name.to_string(), entity.id(), value(entity))).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn changes_one_after_another_leave_what_reading_everything_would(
            changes in prop::collection::vec(prop::collection::vec((any::<u8>(), "[a-d]{1,3}", "[xy]"), 0..700), 1..6)
        ) {
            let mut last = std::collections::BTreeMap::new();
            let mut catalog = Catalog::default();
            for (revision, change) in changes.into_iter().enumerate() {
                // one row an entity, as a table has
                let change: std::collections::BTreeMap<u8, (String, String)> =
                    change.into_iter().map(|(id, name, tag)| (id, (name, tag))).collect();
                last.extend(change.clone());
                let rows = change.iter().map(|(id, (name, tag))| row(*id, name, tag)).collect();
                catalog = catalog.with(i64::try_from(revision).unwrap(), rows);
            }
            let all = last.iter().map(|(id, (name, tag))| row(*id, name, tag)).collect();
            prop_assert_eq!(held(&catalog), held(&Catalog::default().with(1, all)));
            prop_assert!(catalog.boards.iter().all(|board| !board.is_empty() && board.len() <= 2 * BOARD));
        }
    }
}
