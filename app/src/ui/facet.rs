//! Filters of a list: chips for what is on, and for each facet its values with their counts. All of them are links.

use leptos::prelude::*;

use super::{
    icon::{self, Icon},
    number,
};

/// A filter that is on.
#[derive(Clone, Debug)]
pub struct Chip {
    pub label: String,
    /// The list without it.
    pub without: String,
}

/// The filters that are on, each with the way to take it off.
#[component]
pub fn Chips(chips: Vec<Chip>, #[prop(into)] clear: String) -> impl IntoView {
    let several = chips.len() > 1;
    let chips = chips
        .into_iter()
        .map(|chip| {
            view! {
                <a class="chip chip-on" href=chip.without>
                    <span class="only-spoken">"Remove filter "</span>
                    <span class="cut">{chip.label}</span>
                    <Icon of=icon::CLOSE />
                </a>
            }
        })
        .collect_view();
    view! {
        {chips}
        {several.then(|| view! { <a class="chip" href=clear>"Clear all"</a> })}
    }
}

/// One value of a facet.
#[derive(Clone, Debug)]
pub struct FacetValue {
    pub label: String,
    pub count: u64,
    /// The list with this value turned on, or off where it is on.
    pub href: String,
    pub on: bool,
}

#[component]
pub fn Facet(#[prop(into)] title: String, values: Vec<FacetValue>) -> impl IntoView {
    let values = values
        .into_iter()
        .map(|value| {
            view! {
                <li>
                    <a class="facet-value" href=value.href aria-current=value.on.then_some("true")>
                        {value.on.then(|| view! { <Icon of=icon::CHECK /> })}
                        <span class="cut">{value.label}</span>
                        <span class="count">{number::grouped(value.count)}</span>
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="facet" aria-label=title>
            <h2 class="facet-title">{title.clone()}</h2>
            <ul>{values}</ul>
        </section>
    }
}

pub fn samples() -> impl IntoView {
    let chip = |label: &str| Chip { label: label.to_owned(), without: "#".to_owned() };
    let value = |label: &str, count, on| FacetValue { label: label.to_owned(), count, href: "#".to_owned(), on };
    view! {
        <div class="filters">
            <Chips chips=vec![chip("Severity: critical"), chip("Team: payments")] clear="#" />
        </div>
        <div class="w-56">
            <Facet
                title="Severity"
                values=vec![value("Critical", 12, true), value("High", 318, false), value("Medium", 12_431, false)]
            />
            <Facet title="Team" values=vec![value("a team with a name that does not fit in here at all", 0, false)] />
        </div>
    }
}
