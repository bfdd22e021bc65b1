//! What happened, in order: the latest first.

use leptos::prelude::*;
use time::{Duration, OffsetDateTime};

use super::{
    Tone,
    icon::{self, Icon},
    thing::{Kind, Thing},
    time::Time,
};

#[component]
pub fn Timeline(children: Children) -> impl IntoView {
    view! { <ol class="timeline">{children()}</ol> }
}

/// One event: `title` in a line, children below it.
#[component]
pub fn Event(
    at: OffsetDateTime,
    icon: icon::Icon,
    #[prop(optional_no_strip)] tone: Option<Tone>,
    #[prop(into)] title: AnyView,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let mark =
        tone.map_or_else(|| "timeline-mark".to_owned(), |tone| format!("timeline-mark timeline-{}", tone.as_str()));
    view! {
        <li class="timeline-item">
            <span class=mark>
                <Icon of=icon />
            </span>
            <div class="timeline-line">
                <span>{title}</span>
                <Time at />
            </div>
            {children.map(|children| view! { <div class="timeline-body">{children()}</div> })}
        </li>
    }
}

pub fn samples() -> impl IntoView {
    let now = use_context::<crate::layout::chrome::Chrome>().map_or(OffsetDateTime::UNIX_EPOCH, |chrome| chrome.now);
    let ada = || view! { <Thing kind=Kind::Person name="Ada Lovelace" href="#" /> };
    view! {
        <Timeline>
            <Event at=now - Duration::minutes(3) icon=icon::GOOD tone=Some(Tone::Good) title=view! { "Ready" }.into_any() />
            <Event
                at=now - Duration::minutes(4)
                icon=icon::APPROVAL
                title=view! { {ada()} " approved for 8 hours" }.into_any()
            >
                "Fine, but take the small one next time."
            </Event>
            <Event
                at=now - Duration::minutes(50)
                icon=icon::ATTENTION
                tone=Some(Tone::Attention)
                title=view! { "Policy asks for one more approval" }.into_any()
            />
            <Event
                at=now - Duration::hours(2)
                icon=icon::WRONG
                tone=Some(Tone::Wrong)
                title=view! { "Provisioning failed" }.into_any()
            >
                "The server had no room left: 20 GB asked, 3 GB free."
            </Event>
        </Timeline>
    }
}
