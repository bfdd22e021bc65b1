//! Looking at the catalog: lists, one entity, exports and suggestions, each no more than the actor may see.

use std::collections::BTreeSet;

use model::{
    EntityDetail, EntityFilter, EntityId, EntityList, EntityRef, EntitySummary, Facet, PageRequest, Suggestion, TeamId,
    entity::{EntityEvent, EntityRelation, FacetCounts},
};

use super::{
    Entity,
    shelf::sieve::{Key, Span},
    sql,
};
use crate::{
    Portal, Snapshot,
    authz::{ActionName, Actor},
    error::{Error, Result},
    identity,
    page::Window,
    sheet,
};

/// An export has at most this many rows; more is a job for the API's pages.
const MOST_EXPORTED: usize = 50_000;
/// How many rows of an export are read at once.
const EXPORTED_AT_ONCE: usize = 2_000;
/// The longest text that is looked for while somebody types.
const LONGEST_SUGGESTED: usize = 100;

/// One page of what the actor may see, and how it can be narrowed, by the most frequent values of each facet.
///
/// # Errors
/// `Invalid` where the cursor is not one of this list.
pub async fn list(portal: &Portal, actor: &Actor, filter: &EntityFilter, request: &PageRequest) -> Result<EntityList> {
    let window = Window::<Key>::open(portal, "catalog", filter, request)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let catalog = portal.shelf.catalog(&mut visible).await?;
    let counted = catalog.count(&scope, filter, None);
    let span = Span {
        after: window.after(),
        backwards: window.backwards(),
        limit: usize::try_from(window.limit()).unwrap_or_default(),
    };
    let listed = catalog.listed(&scope, filter, &span)?;
    let ids: Vec<_> = listed.iter().map(|(_, id)| *id).collect();
    let rows = sql::summaries(&mut visible, &ids).await?;
    let page = window.close(listed.into_iter().zip(rows).collect(), counted.total, |(key, _)| key.clone());
    Ok(EntityList { page: page.map(|(_, (_, row))| row), facets: counted.facets })
}

/// Every value of one facet, as [`list`] counts it.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn facet(portal: &Portal, actor: &Actor, filter: &EntityFilter, facet: Facet) -> Result<FacetCounts> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let counted = portal.shelf.catalog(&mut visible).await?.count(&scope, filter, Some(facet));
    Ok(counted.facets.into_iter().find(|counts| counts.facet == facet).expect("every facet is counted"))
}

/// The whole list as CSV, in its order.
///
/// # Errors
/// `TooLarge` where it has more rows than a spreadsheet should be given.
pub async fn export(portal: &Portal, actor: &Actor, filter: &EntityFilter) -> Result<String> {
    let (mut snapshot, ids) = exported(portal, actor, filter).await?;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(EXPORTED_AT_ONCE) {
        rows.extend(sql::summaries(&mut visible, ids).await?.into_iter().map(|(_, row)| row));
    }
    sheet::csv(
        ["reference", "kind", "name", "title", "type", "lifecycle", "tier", "owner", "system", "tags", "updated"],
        rows.into_iter().map(cells),
    )
}

/// The whole list as descriptors, a YAML document each, in its order: what can be read in again.
///
/// # Errors
/// As [`export`].
pub async fn export_descriptors(portal: &Portal, actor: &Actor, filter: &EntityFilter) -> Result<String> {
    let (mut snapshot, ids) = exported(portal, actor, filter).await?;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let mut documents = String::new();
    for ids in ids.chunks(EXPORTED_AT_ONCE) {
        for descriptor in sql::descriptors(&mut visible, ids).await? {
            documents.push_str("---\n");
            documents.push_str(&serde_yaml_ng::to_string(&descriptor).map_err(Error::internal)?);
        }
    }
    Ok(documents)
}

/// What an export holds, and the moment that it is read from.
async fn exported(portal: &Portal, actor: &Actor, filter: &EntityFilter) -> Result<(Snapshot, Vec<EntityId>)> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let span = Span { after: None, backwards: false, limit: MOST_EXPORTED + 1 };
    let listed = portal.shelf.catalog(&mut visible).await?.listed(&scope, filter, &span)?;
    if listed.len() > MOST_EXPORTED {
        return Err(Error::TooLarge(format!(
            "this list has more than {MOST_EXPORTED} rows; narrow it, or read it page by page from the API"
        )));
    }
    Ok((snapshot, listed.into_iter().map(|(_, id)| id).collect()))
}

fn cells(row: EntitySummary) -> [String; 11] {
    [
        row.reference.to_string(),
        row.reference.kind.to_string(),
        row.name,
        row.title.unwrap_or_default(),
        row.kind_type.unwrap_or_default(),
        row.lifecycle.unwrap_or_default(),
        row.tier.unwrap_or_default(),
        row.owner.unwrap_or_default(),
        row.system.unwrap_or_default(),
        row.tags.join(" "),
        row.updated_at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default(),
    ]
}

/// One entity with its relations in both directions. A page passes the snapshot that it takes everything else from.
///
/// # Errors
/// `NotFound` where there is none that the actor may see.
pub async fn detail(snapshot: &mut Snapshot, reference: &EntityRef) -> Result<EntityDetail> {
    let id = named(snapshot, reference).await?.id;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let mut detail = sql::detail(&mut visible, id).await?.ok_or(Error::NotFound("catalog entity"))?;
    detail.also_described = sql::also_described(&mut visible, id).await?;
    let mut relations = BTreeSet::new();
    for end in sql::relations(&mut visible, id).await? {
        let shown = end.facts.as_ref().is_some_and(|facts| scope.covers(facts));
        // what is said here is in the descriptor; what others say of this entity shows only who may be seen
        if !shown && !end.stated_here {
            continue;
        }
        relations.insert(EntityRelation {
            relation: if end.stated_here { end.relation } else { end.relation.inverse() },
            target: end.other,
            title: end.title.filter(|_| shown),
            known: shown,
        });
    }
    detail.relations = relations.into_iter().collect();
    Ok(detail)
}

/// Those that the actor may see and that name a reference, whether there is such an entity or not: what they state.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn naming(snapshot: &mut Snapshot, reference: &EntityRef) -> Result<Vec<EntityRelation>> {
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let ends = sql::naming(&mut visible, reference).await?;
    let seen = ends.into_iter().filter(|end| end.facts.as_ref().is_some_and(|facts| scope.covers(facts)));
    Ok(seen
        .map(|end| EntityRelation { relation: end.relation, target: end.other, title: end.title, known: true })
        .collect())
}

/// What happened to an entity, the newest first.
///
/// # Errors
/// `NotFound` where there is none that the actor may see.
pub async fn history(snapshot: &mut Snapshot, reference: &EntityRef) -> Result<Vec<EntityEvent>> {
    let id = named(snapshot, reference).await?.id;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    sql::events(&mut visible, id).await
}

/// The entity of that reference, checked as a read.
pub(crate) async fn named(snapshot: &mut Snapshot, reference: &EntityRef) -> Result<Entity> {
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let found = sql::entity_named(&mut visible, reference.kind.as_str(), &reference.namespace, &reference.name).await?;
    let id = found.ok_or(Error::NotFound("catalog entity"))?.id;
    snapshot.read(ActionName::CatalogRead, id).await
}

/// What a team owns, as far as the actor may see it, by name.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn owned_by(snapshot: &mut Snapshot, team: TeamId, limit: usize) -> Result<Vec<EntitySummary>> {
    let shelf = snapshot.portal().shelf.clone();
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let ids = shelf.catalog(&mut visible).await?.owned(&scope, team, limit);
    Ok(sql::summaries(&mut visible, &ids).await?.into_iter().map(|(_, row)| row).collect())
}

/// What the command palette offers for a few letters: entities, teams and people.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn suggest(snapshot: &mut Snapshot, text: &str, limit: usize) -> Result<Vec<Suggestion>> {
    let text: String = text.trim().to_lowercase().chars().take(LONGEST_SUGGESTED).collect();
    let shelf = snapshot.portal().shelf.clone();
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let scope = visible.scope.clone();
    let mut found = shelf.catalog(&mut visible).await?.suggestions(&scope, &text, limit);
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    if visible.scope.everything {
        let few = i64::try_from(limit / 2).unwrap_or_default().max(1);
        let people = identity::effects::suggestions(&mut visible, &text, few).await?;
        found.truncate(limit.saturating_sub(people.len()));
        found.extend(people.into_iter().take(limit));
    }
    Ok(found)
}
