//! A line above the content: what a form did, what went wrong, what to know.

use leptos::prelude::*;

use super::{Tone, icon, icon::Icon};

/// Spoken when it appears: at once where something is wrong, else at the next pause.
#[component]
pub fn Notice(tone: Tone, children: Children) -> impl IntoView {
    let of = match tone {
        Tone::Good => icon::GOOD,
        Tone::Attention => icon::ATTENTION,
        Tone::Wrong => icon::ALERT,
        Tone::Unknown | Tone::Waived => icon::INFO,
    };
    view! {
        <div
            class=format!("notice notice-{}", tone.as_str())
            role=if tone == Tone::Wrong { "alert" } else { "status" }
        >
            <Icon of />
            <div class="notice-body">{children()}</div>
        </div>
    }
}

pub fn samples() -> impl IntoView {
    view! {
        <Notice tone=Tone::Good>"Approved billing-dev for 8 hours. It will be ready in about a minute."</Notice>
        <Notice tone=Tone::Attention>"billing-dev ends in 40 minutes. " <a href="#">"Extend it"</a></Notice>
        <Notice tone=Tone::Wrong>"The database server refused the connection: password of role provisioner is wrong."</Notice>
        <Notice tone=Tone::Unknown>"Nobody owns this service yet."</Notice>
    }
}
