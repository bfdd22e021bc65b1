//! The catalog's pages: the list, an entity and its tabs, imports and sources, and searching for anything.

pub mod access;
pub mod bin;
mod columns;
pub mod detail;
pub mod graph;
mod graph_layout;
pub mod import;
pub mod list;
pub mod marks;
pub mod missing;
pub mod narrow;
pub mod ownership;
pub mod search;
pub mod source;
pub mod source_form;
pub mod sources;
pub mod views;

use leptos::prelude::*;
use model::{EntityRef, Kind, entity::EntitySummary};

use crate::{
    backend::percent_encoded,
    ui::{
        tabs::{Tab, Tabs},
        thing::{self, Thing},
    },
};

/// What the catalog's pages lie beside each other as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Entities,
    Teams,
    People,
    Unmatched,
    Unowned,
    Sources,
    Bin,
}

/// The tabs above the catalog's lists; sources only for those who may see them.
#[component]
pub fn Parts(current: Part, #[prop(optional)] sources: bool) -> impl IntoView {
    let parts = [
        (Part::Entities, "Entities", "/catalog"),
        (Part::Teams, "Teams", "/teams"),
        (Part::People, "People", "/people"),
        (Part::Unmatched, "Unmatched", "/catalog/unmatched"),
        (Part::Unowned, "Unowned", "/catalog/unowned"),
        (Part::Sources, "Sources", "/catalog/sources"),
        (Part::Bin, "Bin", "/catalog/bin"),
    ];
    let tabs = parts
        .into_iter()
        .filter(|(part, ..)| *part != Part::Sources || sources)
        .map(|(part, label, href)| Tab::new(label, href).current(part == current))
        .collect();
    view! { <Tabs label="Parts of the catalog" tabs /> }
}

/// How a kind of the catalog is drawn wherever it is named.
#[must_use]
pub fn drawn(kind: Kind) -> thing::Kind {
    match kind {
        Kind::Component => thing::Kind::Component,
        Kind::Api => thing::Kind::Api,
        Kind::Resource => thing::Kind::Resource,
        Kind::System => thing::Kind::System,
        Kind::Domain => thing::Kind::Domain,
        Kind::Group => thing::Kind::Team,
        Kind::User => thing::Kind::Person,
        Kind::Location => thing::Kind::Location,
        Kind::Template => thing::Kind::Template,
        Kind::Custom(kind) => thing::Kind::Custom(kind.label.as_str()),
    }
}

/// An owner as it is stated: the team's page where it is a team, else the entity's.
#[component]
pub fn Owner(#[prop(into)] stated: String, #[prop(optional_no_strip)] team: Option<String>) -> impl IntoView {
    match (team, stated.parse::<EntityRef>()) {
        (Some(team), _) => {
            view! { <Thing kind=thing::Kind::Team name=team.clone() href=team_href(&team) /> }.into_any()
        }
        (None, Ok(owner)) => {
            view! { <Thing kind=drawn(owner.kind) name=owner.name.clone() href=owner.href() /> }.into_any()
        }
        (None, Err(_)) => stated.into_any(),
    }
}

/// The owner of a row, or a dash.
pub(crate) fn owner_of(entity: &EntitySummary) -> AnyView {
    match entity.owner.clone() {
        Some(stated) => view! { <Owner stated team=entity.team.clone() /> }.into_any(),
        None => view! { <span class="muted">"–"</span> }.into_any(),
    }
}

/// A reference as a link by its name, or a dash.
pub(crate) fn referred(reference: Option<&str>) -> AnyView {
    match reference.and_then(|reference| reference.parse::<EntityRef>().ok()) {
        Some(other) => view! { <Thing kind=drawn(other.kind) name=other.name.clone() href=other.href() /> }.into_any(),
        None => view! { <span class="muted">"–"</span> }.into_any(),
    }
}

#[must_use]
pub fn team_href(team: &str) -> String {
    format!("/teams/{}", percent_encoded(team))
}

/// `path?a=b&c=d`
pub(crate) fn address<K: AsRef<str>, V: AsRef<str>>(path: &str, pairs: impl IntoIterator<Item = (K, V)>) -> String {
    let query: Vec<String> =
        pairs.into_iter().map(|(key, value)| format!("{}={}", key.as_ref(), percent_encoded(value.as_ref()))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}
