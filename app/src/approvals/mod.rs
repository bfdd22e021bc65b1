//! What people ask for: the list of what waits for whom, and one request with its decision.

pub mod detail;
pub mod list;

use leptos::prelude::*;
use model::{
    PersonId,
    request::{RequestKind, RequestState},
};

use crate::ui::{Tone, badge::Status, icon};

/// How a request stands, the same wherever one is named.
#[component]
pub fn Stands(state: RequestState) -> impl IntoView {
    let tone = match state {
        RequestState::Pending => Tone::Attention,
        RequestState::Approved | RequestState::Fulfilled => Tone::Good,
        RequestState::Declined | RequestState::Failed => Tone::Wrong,
        RequestState::Withdrawn | RequestState::Expired => Tone::Unknown,
    };
    view! { <Status tone running=state == RequestState::Approved>{state.label()}</Status> }
}

/// The icon of what is asked for.
fn drawn(kind: RequestKind) -> icon::Icon {
    match kind {
        RequestKind::Environment => icon::ENVIRONMENT,
        RequestKind::Extension => icon::CLOCK,
        RequestKind::Access => icon::KEY,
    }
}

/// A person's page.
pub(crate) fn person(id: PersonId) -> String {
    format!("/people/{id}")
}
