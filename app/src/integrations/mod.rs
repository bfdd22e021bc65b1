//! The integrations' pages: everything that comes in or goes out, and what may pass.

pub mod detail;
pub mod form;
pub mod list;

use leptos::prelude::*;
use model::{Integration, IntegrationState};

use crate::ui::{Tone, badge::Status};

pub(crate) const PATH: &str = "/admin/integrations";

/// The state in a word and a colour.
#[component]
pub fn State(integration: Integration) -> impl IntoView {
    let state = integration.state();
    let tone = match state {
        IntegrationState::Unapproved => Tone::Attention,
        IntegrationState::Disabled | IntegrationState::Untried => Tone::Unknown,
        IntegrationState::Failing => Tone::Wrong,
        IntegrationState::Working => Tone::Good,
    };
    view! { <Status tone>{state.label()}</Status> }
}
