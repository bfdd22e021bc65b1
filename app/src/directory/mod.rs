//! Who there is: teams, people, and who has no counterpart between catalog and identity provider.

pub mod people;
pub mod teams;
pub mod unmatched;

use leptos::prelude::*;
use portal::identity::directory::HeldRole;

use crate::ui::{Tone, badge::Badge, time::Day};

/// A role as somebody holds it: where it came from and when it ends, where it does.
#[component]
fn Held(held: HeldRole) -> impl IntoView {
    let until = held.expires_at.map(|at| view! { " until " <Day date=at.date() /> });
    let tone = held.expires_at.is_some().then_some(Tone::Attention);
    view! { <Badge tone>{held.role.label()} {until}</Badge> }
}
