//! What a job wrote, line by line; each line has an address.

use leptos::prelude::*;
use time::OffsetDateTime;

use super::{Tone, time::ClockTime};

/// One line.
#[derive(Clone, Debug)]
pub struct LogLine {
    pub number: u64,
    pub at: OffsetDateTime,
    pub tone: Option<Tone>,
    pub text: String,
}

/// A live log is one that an island adds lines to: then `live` makes a screen reader tell of them.
#[component]
pub fn Log(#[prop(into)] label: String, lines: Vec<LogLine>, #[prop(optional)] live: bool) -> impl IntoView {
    let lines = lines
        .into_iter()
        .map(|line| {
            let class =
                line.tone.map_or_else(|| "log-line".to_owned(), |tone| format!("log-line log-{}", tone.as_str()));
            view! {
                <div class=class id=format!("line-{}", line.number)>
                    <ClockTime at=line.at />
                    <span>{line.text}</span>
                </div>
            }
        })
        .collect_view();
    view! {
        <div class="log" role="log" tabindex="0" aria-label=label aria-live=if live { "polite" } else { "off" }>
            {lines}
        </div>
    }
}

pub fn samples() -> impl IntoView {
    let now = use_context::<crate::layout::chrome::Chrome>().map_or(OffsetDateTime::UNIX_EPOCH, |chrome| chrome.now);
    let line = |number: i64, tone, text: &str| LogLine {
        number: number.unsigned_abs(),
        at: now + time::Duration::seconds(number),
        tone,
        text: text.to_owned(),
    };
    view! {
        <Log
            label="Provisioning of billing-dev"
            lines=vec![
                line(1, None, "create role billing_dev with a connection limit of 20"),
                line(2, None, "create database billing_dev owner billing_dev"),
                line(3, Some(Tone::Attention), "the template asks for pg_trgm, which is installed already"),
                line(4, Some(Tone::Wrong), "could not extend file: no space left on device; 3 GB free of 500 GB, and this goes on for long enough to wrap on any screen that we know of"),
                line(5, None, "rolling back"),
            ]
        />
    }
}
