//! Catalog Groups and Users beside the teams and people of the identity provider: who has no counterpart.
//!
//! A Group is the team that its annotation `rampart.dev/group` names, else the team of its own name. A User is the person
//! whose subject its annotation `rampart.dev/subject` names, else the one with its address, else the one whose subject is
//! its name. Being matched gives nobody anything: membership and roles come from the provider or an administrator.

use model::{EntityRef, Kind, PersonId, TeamId};

use super::sql;
use crate::{
    Portal,
    authz::{ActionName, Actor, Facts, Scope},
    error::Result,
};

/// Both sides' leftovers, at most 500 of each, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unmatched {
    /// Groups whose team has never had a member.
    pub groups: Vec<UnmatchedEntity>,
    /// Teams with members that no Group describes.
    pub teams: Vec<UnmatchedTeam>,
    /// Users who have never signed in.
    pub users: Vec<UnmatchedEntity>,
    /// People whom no User describes.
    pub people: Vec<UnmatchedPerson>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedEntity {
    pub reference: EntityRef,
    pub title: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedTeam {
    pub id: TeamId,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedPerson {
    pub id: PersonId,
    pub name: String,
    pub email: Option<String>,
}

/// Who has no counterpart, of those whom the actor may see.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn unmatched(portal: &Portal, actor: &Actor) -> Result<Unmatched> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut unmatched = Unmatched::default();
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    unmatched.groups = shown(&scope, Kind::Group, sql::groups_without_people(&mut visible).await?);
    unmatched.users = shown(&scope, Kind::User, sql::users_without_person(&mut visible).await?);
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    if visible.scope.everything {
        let teams = sql::teams_without_group(&mut visible).await?;
        unmatched.teams = teams.into_iter().map(|(id, name)| UnmatchedTeam { id, name }).collect();
        let people = sql::people_without_user(&mut visible).await?;
        unmatched.people = people.into_iter().map(|(id, name, email)| UnmatchedPerson { id, name, email }).collect();
    }
    Ok(unmatched)
}

fn shown(scope: &Scope, kind: Kind, found: Vec<sql::Standing>) -> Vec<UnmatchedEntity> {
    found
        .into_iter()
        .filter(|one| {
            scope.covers(&Facts {
                owner: one.owner,
                entity: Some(one.id),
                restricted: one.restricted,
                ..Facts::default()
            })
        })
        .map(|one| UnmatchedEntity { reference: EntityRef::new(kind, &one.namespace, &one.name), title: one.title })
        .collect()
}
