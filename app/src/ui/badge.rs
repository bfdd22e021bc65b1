//! Words with a colour: severity, status, lifecycle. The word says it; the colour repeats it.

use leptos::prelude::*;
use model::Severity;

use super::Tone;

/// A short word with a coloured ground.
#[component]
pub fn Badge(#[prop(optional_no_strip)] tone: Option<Tone>, children: Children) -> impl IntoView {
    let class = tone.map_or_else(|| "badge badge-outline".to_owned(), |tone| format!("badge badge-{}", tone.as_str()));
    view! { <span class=class>{children()}</span> }
}

#[component]
pub fn SeverityBadge(severity: Severity) -> impl IntoView {
    view! { <span class=format!("badge badge-{severity}")>{severity.label()}</span> }
}

/// How something stands: a mark whose shape differs too, and the word.
#[component]
pub fn Status(
    tone: Tone,
    /// It is changing right now.
    #[prop(optional)]
    running: bool,
    children: Children,
) -> impl IntoView {
    let class = if running { "status status-running".to_owned() } else { format!("status status-{}", tone.as_str()) };
    view! {
        <span class=class>
            <span class="status-dot" aria-hidden="true"></span>
            {children()}
        </span>
    }
}

/// Where something is in its life: experimental, production, deprecated, or a word of the organisation's own.
#[component]
pub fn Lifecycle(#[prop(into)] stage: String) -> impl IntoView {
    let tone = match stage.as_str() {
        "production" => Some(Tone::Good),
        "deprecated" => Some(Tone::Attention),
        _ => None,
    };
    view! { <Badge tone>{stage}</Badge> }
}

pub fn samples() -> impl IntoView {
    view! {
        <div class="flex flex-wrap items-center gap-3">
            {Severity::WORST_FIRST.map(|severity| view! { <SeverityBadge severity /> }).collect_view()}
        </div>
        <div class="mt-3 flex flex-wrap items-center gap-3">
            <Badge tone=Some(Tone::Good)>"Passed"</Badge>
            <Badge tone=Some(Tone::Attention)>"Expires today"</Badge>
            <Badge tone=Some(Tone::Wrong)>"Failed"</Badge>
            <Badge tone=Some(Tone::Unknown)>"Not scanned"</Badge>
            <Badge tone=Some(Tone::Waived)>"Waived until 3 Dec"</Badge>
            <Badge>"java-21"</Badge>
        </div>
        <div class="mt-3 flex flex-wrap items-center gap-4">
            <Status tone=Tone::Good>"Ready"</Status>
            <Status tone=Tone::Attention>"Waits for approval"</Status>
            <Status tone=Tone::Wrong>"Provisioning failed"</Status>
            <Status tone=Tone::Unknown>"Unknown"</Status>
            <Status tone=Tone::Waived>"Accepted"</Status>
            <Status tone=Tone::Good running=true>"Provisioning"</Status>
        </div>
        <div class="mt-3 flex flex-wrap items-center gap-3">
            <Lifecycle stage="experimental" />
            <Lifecycle stage="production" />
            <Lifecycle stage="deprecated" />
        </div>
    }
}
