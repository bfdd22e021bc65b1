//! Scorecards in the browser: the champion's page, one scorecard, its file with a preview, and an entity's tab.

pub mod detail;
pub mod edit;
pub mod entity;
pub mod list;

use leptos::prelude::*;
use model::scorecards::{LevelCount, Outcome, TrendDay};

use crate::ui::{
    Tone,
    badge::{Badge, Status},
    chart::{Bar, BarList, Hue, Series, StackedBars},
    number, time,
    words::capitalised,
};

/// A level by its name; none: below the lowest.
#[component]
pub fn Level(
    #[prop(optional_no_strip)] level: Option<String>,
    /// Whether it is the highest.
    #[prop(optional)]
    top: bool,
) -> impl IntoView {
    let tone = match (&level, top) {
        (None, _) => Some(Tone::Wrong),
        (Some(_), true) => Some(Tone::Good),
        (Some(_), false) => None,
    };
    let words = level.map_or_else(|| "No level".to_owned(), |level| capitalised(&level));
    view! { <Badge tone>{words}</Badge> }
}

/// How a check came out.
#[component]
pub fn OutcomeStatus(outcome: Outcome) -> impl IntoView {
    let tone = match outcome {
        Outcome::Pass => Tone::Good,
        Outcome::Fail => Tone::Wrong,
        Outcome::Exempt => Tone::Waived,
        Outcome::Error => Tone::Unknown,
    };
    view! { <Status tone>{outcome.label()}</Status> }
}

/// How many services stand at each level, each a link to them.
#[component]
pub fn Levels(#[prop(into)] caption: String, by_level: Vec<LevelCount>, #[prop(into)] href: String) -> impl IntoView {
    let last = by_level.len().saturating_sub(1);
    let bars = by_level
        .into_iter()
        .enumerate()
        .rev()
        .map(|(place, count)| {
            let name = count.level.clone().unwrap_or_else(|| "none".to_owned());
            let label = count.level.map_or_else(|| "No level".to_owned(), |level| capitalised(&level));
            Bar::new(label, count.services, hue(place, last)).href(format!("{href}?level={name}"))
        })
        .collect();
    view! { <BarList caption bars /> }
}

/// How many services stood at each level, day by day.
#[component]
pub fn LevelTrend(#[prop(into)] caption: String, levels: Vec<String>, days: Vec<TrendDay>) -> impl IntoView {
    let positions = days.iter().map(|day| time::day(day.day)).collect();
    let last = levels.len();
    let series = (0..=last)
        .map(|place| {
            let label = place.checked_sub(1).map_or_else(|| "No level".to_owned(), |place| capitalised(&levels[place]));
            let values = days.iter().map(|day| day.services.get(place).copied().unwrap_or_default()).collect();
            Series::new(label, hue(place, last), values)
        })
        .collect();
    view! { <StackedBars caption positions series /> }
}

fn hue(place: usize, last: usize) -> Hue {
    match place {
        0 => Hue::Tone(Tone::Wrong),
        place if place == last => Hue::Tone(Tone::Good),
        place => Hue::Series(u8::try_from(place).unwrap_or(5)),
    }
}

/// "12 of 40 services at gold"
fn at_the_top(by_level: &[LevelCount]) -> String {
    let all: u64 = by_level.iter().map(|level| level.services).sum();
    let top = by_level.last();
    let name = top.and_then(|top| top.level.clone()).unwrap_or_default();
    let reached = top.map_or(0, |top| top.services);
    format!("{} of {} at {name}", number::grouped(reached), number::counted(all, "service", "services"))
}
