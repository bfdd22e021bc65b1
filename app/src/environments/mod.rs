//! Environments: the list, asking for one, its page, and the templates they are made from.

pub mod ask;
pub mod detail;
pub mod list;
pub mod templates;

use leptos::prelude::*;
use model::{EnvironmentState, environment::EnvironmentRow};

use crate::ui::{Tone, badge::Status};

/// The state as every page shows it.
pub(crate) fn status(row: &EnvironmentRow) -> AnyView {
    let tone = match row.state {
        EnvironmentState::Ready => Tone::Good,
        EnvironmentState::Expiring => Tone::Attention,
        EnvironmentState::Failed => Tone::Wrong,
        EnvironmentState::Provisioning | EnvironmentState::Ending | EnvironmentState::Ended => Tone::Unknown,
    };
    let stuck = row.state.is_moving() && row.failure.is_some();
    let tone = if stuck { Tone::Attention } else { tone };
    let words = if stuck { format!("{}, delayed", row.state.label()) } else { row.state.label().to_owned() };
    view! {
        <Status tone running=row.state.is_moving() && !stuck>
            {words}
        </Status>
    }
    .into_any()
}

/// `component:default/payments-api` as people say it.
pub(crate) fn service_name(service: &str) -> String {
    service.split_once(':').map_or(service, |(_, rest)| rest).trim_start_matches("default/").to_owned()
}
