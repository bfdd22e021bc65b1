//! Compliance in the browser: frameworks, their controls and evidence, and an entity's tab with its upload.

pub mod detail;
pub mod entity;
pub mod list;

use leptos::prelude::*;
use model::{ControlStatus, compliance::Counts};
use time::OffsetDateTime;

use crate::ui::{
    Tone,
    badge::{Badge, Status},
    chart::Meter,
    time::Time,
};

/// How one control came out. On stale evidence nothing is shown as fine.
#[component]
pub fn Outcome(status: ControlStatus, stale: bool) -> impl IntoView {
    let tone = match (status, stale) {
        (ControlStatus::Fail, _) => Tone::Wrong,
        (_, true) | (ControlStatus::Info, _) => Tone::Unknown,
        (ControlStatus::Warn, _) => Tone::Attention,
        (ControlStatus::Pass, _) => Tone::Good,
    };
    view! { <Status tone>{status.label()}</Status> }
}

/// What share of the controls passes; grey where the evidence is too old to say.
#[component]
pub fn Share(counts: Counts, stale: bool) -> impl IntoView {
    let percent = counts.pass_percent();
    let tone = match percent {
        _ if stale => Tone::Unknown,
        None => Tone::Unknown,
        Some(90..) => Tone::Good,
        Some(50..) => Tone::Attention,
        Some(_) => Tone::Wrong,
    };
    let label = percent.map_or_else(|| "Nothing counts".to_owned(), |percent| format!("{percent} % pass"));
    let (part, whole) = (counts.passed.unsigned_abs(), counts.total().unsigned_abs());
    view! { <Meter label part whole tone /> }
}

/// When the tool last looked, and a word where that is too long ago.
#[component]
pub fn Evidence(at: OffsetDateTime, stale: bool) -> impl IntoView {
    view! {
        <Time at />
        {stale.then(|| view! { " " <Badge tone=Some(Tone::Unknown)>"Stale"</Badge> })}
    }
}
