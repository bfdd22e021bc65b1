//! Who there is: teams, who is in them and what they own, and people.

pub(super) mod sql;

use model::{EntitySummary, Page, PageRequest, PersonId, TeamId};
use serde::Serialize;
use time::OffsetDateTime;

use crate::{
    Portal, Snapshot,
    authz::{ActionName, Actor, RoleName},
    catalog,
    error::{Error, Result},
    identity::token::Person,
    page::Window,
};

/// A team's page shows this many of the things that it owns; the catalog's list has all.
const OWNED_SHOWN: usize = 50;

/// One row of the teams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeamSummary {
    pub id: TeamId,
    pub name: String,
    pub display_name: String,
    pub members: u64,
    pub leads: Vec<String>,
    /// How many entities it owns, of those the reader may see.
    pub entities: u64,
}

/// A team with its people and what it owns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Team {
    pub id: TeamId,
    pub name: String,
    pub display_name: String,
    pub members: Vec<Member>,
    /// The first by name.
    pub owned: Vec<EntitySummary>,
    pub owned_in_all: u64,
}

/// Somebody in a team, with every role there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    pub id: PersonId,
    pub name: String,
    pub roles: Vec<HeldRole>,
}

/// A role as it is held: from where, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldRole {
    pub role: RoleName,
    /// `provider`, `administrator`, `request`
    pub source: String,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
}

/// One row of the people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonSummary {
    pub id: PersonId,
    pub name: String,
    pub email: Option<String>,
    pub active: bool,
    pub teams: Vec<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub signed_in_at: Option<OffsetDateTime>,
}

/// Somebody, with the roles that they hold in teams and everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonDetail {
    pub id: PersonId,
    pub name: String,
    pub email: Option<String>,
    pub active: bool,
    /// The team's name; none: the whole organisation.
    pub roles: Vec<(Option<String>, HeldRole)>,
}

/// One page of the teams, by name; `text` narrows them to those whose name holds it.
///
/// # Errors
/// `Invalid` where the cursor is not one of this list.
pub async fn teams(portal: &Portal, actor: &Actor, text: &str, request: &PageRequest) -> Result<Page<TeamSummary>> {
    let text = text.trim().to_lowercase();
    let window = Window::<(String, TeamId)>::open(portal, "teams", &text, request)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    if !visible.scope.everything {
        return Ok(Page::empty());
    }
    let mut rows = sql::teams(&mut visible, &text, &window, portal.clock.now()).await?;
    let counted = window.counted(rows.len(), sql::count_teams(&mut visible, &text)).await?;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let owned = catalog::effects::owned_counts(&mut visible, &portal.shelf, &scope).await?;
    for row in &mut rows {
        row.entities = owned.get(&row.id).copied().unwrap_or_default();
    }
    Ok(window.close(rows, counted, |row| (row.name.clone(), row.id)))
}

/// The team of that name. A page passes the snapshot that it takes everything else from.
///
/// # Errors
/// `NotFound` where there is none.
pub async fn team(snapshot: &mut Snapshot, name: &str) -> Result<Team> {
    let (now, shelf) = (snapshot.portal().clock.now(), snapshot.portal().shelf.clone());
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    if !visible.scope.everything {
        return Err(Error::NotFound("team"));
    }
    let (id, name, display_name) = sql::team(&mut visible, name).await?.ok_or(Error::NotFound("team"))?;
    let members = sql::members(&mut visible, id, now).await?;
    let owned = catalog::owned_by(snapshot, id, OWNED_SHOWN).await?;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let counts = catalog::effects::owned_counts(&mut visible, &shelf, &scope).await?;
    Ok(Team { id, name, display_name, members, owned, owned_in_all: counts.get(&id).copied().unwrap_or_default() })
}

/// One page of the people, by name; `text` narrows them to those whose name or address holds it.
///
/// # Errors
/// `Invalid` where the cursor is not one of this list.
pub async fn people(portal: &Portal, actor: &Actor, text: &str, request: &PageRequest) -> Result<Page<PersonSummary>> {
    let text = text.trim().to_lowercase();
    let window = Window::<(String, PersonId)>::open(portal, "people", &text, request)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    if !visible.scope.everything {
        return Ok(Page::empty());
    }
    let rows = sql::people(&mut visible, &text, &window, portal.clock.now()).await?;
    let counted = window.counted(rows.len(), sql::count_people(&mut visible, &text)).await?;
    Ok(window.close(rows, counted, |row| (row.name.clone(), row.id)))
}

/// One person. A page passes the snapshot that it takes everything else from.
///
/// # Errors
/// `NotFound` where there is none that the actor may see.
pub async fn person(snapshot: &mut Snapshot, id: PersonId) -> Result<PersonDetail> {
    let now = snapshot.portal().clock.now();
    let Person { id, display_name, email, active } = snapshot.read(ActionName::PeopleRead, id).await?;
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    let roles = sql::roles(&mut visible, id, now).await?;
    Ok(PersonDetail { id, name: display_name, email, active, roles })
}
