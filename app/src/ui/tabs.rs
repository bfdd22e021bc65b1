//! Views of one thing; each has its address.

use leptos::prelude::*;

use super::number;

/// One view.
#[derive(Clone, Debug)]
pub struct Tab {
    label: String,
    href: String,
    count: Option<u64>,
    current: bool,
}

impl Tab {
    #[must_use]
    pub fn new(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into(), count: None, current: false }
    }

    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// The one that is shown.
    #[must_use]
    pub fn current(mut self, current: bool) -> Self {
        self.current = current;
        self
    }
}

#[component]
pub fn Tabs(
    /// What the views are of, for a screen reader.
    #[prop(into)]
    label: String,
    tabs: Vec<Tab>,
) -> impl IntoView {
    let tabs = tabs
        .into_iter()
        .map(|tab| {
            view! {
                <a class="tab" href=tab.href aria-current=tab.current.then_some("page")>
                    {tab.label}
                    {tab.count.map(|count| view! { <span class="count">{number::grouped(count)}</span> })}
                </a>
            }
        })
        .collect_view();
    view! { <nav class="tabs" aria-label=label>{tabs}</nav> }
}

pub fn samples() -> impl IntoView {
    view! {
        <Tabs
            label="Views of billing-api"
            tabs=vec![
                Tab::new("Overview", "#").current(true),
                Tab::new("Security", "#").count(12),
                Tab::new("Scorecards", "#").count(3),
                Tab::new("Environments", "#").count(0),
                Tab::new("Incidents", "#").count(1_204),
                Tab::new("Changes", "#"),
            ]
        />
    }
}
