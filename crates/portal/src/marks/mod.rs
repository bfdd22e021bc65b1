//! What people keep of the catalog for themselves: stars, when they last looked, and views of the list. Nothing of it is
//! anybody else's business, so nothing of it is recorded, but for the views that a team shares.

mod sql;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::{
    EntityId, EntityRef, PersonId, TeamId, ViewId,
    marks::{Mark, Marked, SavedView},
};
use serde::Serialize;
use time::Duration;

use crate::{
    Portal, Snapshot,
    audit::Change,
    authz::{Action, ActionName, Actor, Binding, Reach},
    catalog,
    error::{Error, Result},
    identity::access::Team,
};

/// The longest name of a view, in letters.
const LONGEST_NAME: usize = 60;
/// The longest query of a view, in bytes.
const LONGEST_QUERY: usize = 4_000;
/// The most views of one person or one team.
const MOST_VIEWS: i64 = 50;
/// The most stars of one person.
const MOST_STARS: i64 = 1_000;
/// Looking again within this time is the same visit.
const VISIT: Duration = Duration::minutes(30);
/// A visit is noted no more often than this.
const NOTED_EVERY: Duration = Duration::minutes(5);
/// For how long visits are kept.
const KEPT: Duration = Duration::days(90);

// ---- stars and visits

/// Marks an entity with the actor's star, or takes the star away.
///
/// # Errors
/// `NotFound` where there is no such entity that the actor may see; `Conflict` at a thousand stars.
pub async fn star(portal: &Portal, actor: &Actor, reference: &EntityRef, starred: bool) -> Result<()> {
    let person = own(actor)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let entity = catalog::named(&mut snapshot, reference).await?.id;
    drop(snapshot);
    let mut tx = portal.db.marks().await?;
    if !starred {
        sql::unstar(&mut tx, person, entity).await?;
    } else if !sql::star(&mut tx, person, entity, MOST_STARS, portal.clock.now()).await? {
        return Err(Error::Conflict(format!("you have {MOST_STARS} stars already; take one away first")));
    }
    tx.commit().await
}

/// How the actor stands to an entity of the page that they look at.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn mark(snapshot: &mut Snapshot, entity: EntityId) -> Result<Mark> {
    let Some(person) = snapshot.actor().person_id() else { return Ok(Mark::default()) };
    let now = snapshot.portal().clock.now();
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let found = sql::mark(&mut visible, person, entity).await?;
    let looked_at = match found.at {
        Some(at) if now - at > VISIT => Some(at),
        Some(_) => found.before,
        None => None,
    };
    Ok(Mark { starred: found.starred, looked_at, is_new_visit: found.at.is_none_or(|at| now - at > NOTED_EVERY) })
}

/// Notes that the actor looks at an entity now.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn visit(portal: &Portal, actor: &Actor, entity: EntityId) -> Result<()> {
    let person = own(actor)?;
    let mut tx = portal.db.marks().await?;
    sql::visit(&mut tx, person, entity, portal.clock.now(), VISIT).await?;
    tx.commit().await
}

/// What the actor has starred, what changed since they last looked first, then by name.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn starred(snapshot: &mut Snapshot, limit: usize) -> Result<Vec<Marked>> {
    let Some(person) = snapshot.actor().person_id() else { return Ok(Vec::new()) };
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let found = sql::starred(&mut visible, person).await?;
    let mut starred = shown(snapshot, found, usize::MAX).await?;
    starred.sort_by_key(|marked| (!marked.changed, marked.entity.shown_name().to_lowercase()));
    starred.truncate(limit);
    Ok(starred)
}

/// What the actor looked at last, the newest first.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn seen(snapshot: &mut Snapshot, limit: usize) -> Result<Vec<Marked>> {
    let Some(person) = snapshot.actor().person_id() else { return Ok(Vec::new()) };
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    // what one may not see any more is left out, so a few more are asked for
    let found = sql::seen(&mut visible, person, i64::try_from(2 * limit).unwrap_or(i64::MAX)).await?;
    shown(snapshot, found, limit).await
}

/// Of these, in this order, those that the actor may see.
async fn shown(snapshot: &mut Snapshot, found: Vec<sql::Found>, limit: usize) -> Result<Vec<Marked>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<EntityId> = found.iter().map(|found| found.entity).collect();
    let marks: BTreeMap<EntityId, sql::Found> = found.into_iter().map(|found| (found.entity, found)).collect();
    let entities = catalog::effects::summaries(snapshot, &ids).await?;
    let marked = entities.into_iter().filter_map(|entity| {
        let mark = marks.get(&entity.id)?;
        let changed = mark.looked_at.is_some_and(|looked| looked < entity.updated_at);
        Some(Marked { entity, starred: mark.starred, changed })
    });
    Ok(marked.take(limit).collect())
}

/// Forgets visits of long ago.
pub(crate) async fn sweep(portal: &Portal) -> Result<()> {
    let mut tx = portal.db.marks().await?;
    sql::forget_visits(&mut tx, portal.clock.now() - KEPT).await?;
    tx.commit().await
}

// ---- views

/// A view that is to be kept.
#[derive(Clone, Debug, Default)]
pub struct NewView {
    pub name: String,
    /// The query of the list's address.
    pub query: String,
    /// The team that shares it; none keeps it for oneself.
    pub team: Option<TeamId>,
}

struct ShareView;

impl Action for ShareView {
    const NAME: ActionName = ActionName::ViewShare;
    type Target = Team;
    type Change = Change<Shared>;
}

/// A team's view, as the record shows it.
#[derive(Debug, Serialize)]
struct Shared {
    name: String,
    query: String,
}

/// The actor's own views and those of their teams, by name.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn views(snapshot: &mut Snapshot) -> Result<Vec<SavedView>> {
    let Some(person) = snapshot.actor().person_id() else { return Ok(Vec::new()) };
    let teams: Vec<TeamId> = teams(snapshot.actor()).collect();
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    sql::views(&mut visible, person, &teams).await
}

/// Keeps a view; one of the same name is replaced.
///
/// # Errors
/// `Invalid` for a name or query that is too long, `Forbidden` for a team that the actor has no role in, `Conflict` at
/// fifty views.
pub async fn save_view(portal: &Portal, actor: &Actor, view: NewView) -> Result<()> {
    let person = own(actor)?;
    let name = view.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", format!("give the view a name of 1 to {LONGEST_NAME} letters")));
    }
    if view.query.len() > LONGEST_QUERY || view.query.chars().any(char::is_control) {
        return Err(Error::invalid("query", "has too many filters to be kept; take some off"));
    }
    let id: ViewId = portal.rng.id(&portal.clock);
    let now = portal.clock.now();
    let full = || Error::Conflict(format!("there are {MOST_VIEWS} views already; remove one first"));
    let kept = sql::NewView { id, name: &name, query: &view.query, most: MOST_VIEWS, now };
    match view.team {
        Some(team) => {
            let mut permit = portal.authorize(actor, ShareView, team).await?;
            sql::save_of_team(&mut permit, &kept, team).await?.then_some(()).ok_or_else(full)?;
            permit.commit(Change::created(Shared { name, query: view.query })).await
        }
        None => {
            let mut tx = portal.db.marks().await?;
            sql::save_own(&mut tx, &kept, person).await?.then_some(()).ok_or_else(full)?;
            tx.commit().await
        }
    }
}

/// Removes one of the actor's own views, or one of their team's; answers its name.
///
/// # Errors
/// `NotFound` where there is none that the actor may see, `Forbidden` where it is not theirs to remove.
pub async fn remove_view(portal: &Portal, actor: &Actor, id: ViewId) -> Result<String> {
    let person = own(actor)?;
    let mut tx = portal.db.marks().await?;
    if let Some(name) = sql::remove_own(&mut tx, id, person).await? {
        tx.commit().await?;
        return Ok(name);
    }
    drop(tx);
    let mut snapshot = portal.snapshot(actor).await?;
    let view = views(&mut snapshot).await?.into_iter().find(|view| view.id == id);
    drop(snapshot);
    let view = view.ok_or(Error::NotFound("view"))?;
    let (team, _) = view.team.ok_or(Error::NotFound("view"))?;
    let mut permit = portal.authorize(actor, ShareView, team).await?;
    sql::remove_of_team(&mut permit, id, team).await?;
    permit.commit(Change::removed(Shared { name: view.name.clone(), query: view.query })).await?;
    Ok(view.name)
}

/// The teams that a person has a role in.
fn teams(actor: &Actor) -> impl Iterator<Item = TeamId> {
    let bindings: &[Binding] = actor.person().map_or(&[], |person| &person.bindings);
    bindings.iter().filter_map(|binding| match binding.reach {
        Reach::Team(team) => Some(team),
        Reach::Organisation | Reach::Entity(_) => None,
    })
}

/// The teams that the actor may share a view with, by name.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn may_share_with(snapshot: &mut Snapshot) -> Result<Vec<(TeamId, String)>> {
    let teams: Vec<TeamId> = teams(snapshot.actor()).collect();
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    sql::named_teams(&mut visible, &teams).await
}

fn own(actor: &Actor) -> Result<PersonId> {
    actor.person_id().ok_or(Error::Unauthenticated)
}
