//! The incidents' pages: the list, one incident with its timeline, the inbox of alerts without a service.

pub mod detail;
pub mod inbox;
pub mod list;

use leptos::prelude::*;
use model::{EntityRef, Incident, IncidentState};

use crate::{
    catalog::{drawn, team_href},
    ui::{
        Tone,
        badge::Status,
        tabs::{Tab, Tabs},
        thing::{self, Thing},
    },
};

pub(crate) const PATH: &str = "/incidents";
pub(crate) const INBOX: &str = "/incidents/inbox";

/// What lies beside each other here; the inbox only for those who may see every incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Incidents,
    Inbox,
}

#[component]
pub fn Parts(
    current: Part,
    /// How many alerts wait; none where the reader may not see them.
    #[prop(optional_no_strip)]
    waiting: Option<u64>,
) -> impl IntoView {
    let mut tabs = vec![Tab::new("Incidents", PATH).current(current == Part::Incidents)];
    if let Some(waiting) = waiting {
        tabs.push(Tab::new("Inbox", INBOX).count(waiting).current(current == Part::Inbox));
    }
    view! { <Tabs label="Parts of incidents" tabs /> }
}

/// The state in a word and a colour.
#[component]
pub fn State(state: IncidentState) -> impl IntoView {
    let tone = match state {
        IncidentState::Open => Tone::Wrong,
        IncidentState::Acknowledged => Tone::Attention,
        IncidentState::Resolved => Tone::Good,
    };
    view! { <Status tone>{state.label()}</Status> }
}

/// The service, as a link while the catalog has it.
pub(crate) fn service_of(incident: &Incident) -> AnyView {
    match incident.service.parse::<EntityRef>() {
        Ok(reference) if incident.entity.is_some() => {
            view! { <Thing kind=drawn(reference.kind) name=reference.name.clone() href=reference.href() /> }.into_any()
        }
        Ok(reference) => view! { <Thing kind=drawn(reference.kind) name=reference.name.clone() /> }.into_any(),
        Err(_) => incident.service.clone().into_any(),
    }
}

/// The team that owns it, or a dash.
pub(crate) fn owner_of(incident: &Incident) -> AnyView {
    match incident.owner_name.clone() {
        Some(team) => view! { <Thing kind=thing::Kind::Team name=team.clone() href=team_href(&team) /> }.into_any(),
        None => view! { <span class="muted">"–"</span> }.into_any(),
    }
}
