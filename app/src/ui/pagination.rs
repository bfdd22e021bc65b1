//! "1-50 of 12,431" with the way to the next and the previous page; by keyset, so there are no page numbers.

use leptos::prelude::*;

use super::{
    button::LinkButton,
    icon::{self, Icon},
    number,
};

/// How far a count is exact; beyond it stands "10,000+" (DESIGN 4).
const EXACT_UP_TO: u64 = 10_000;

#[component]
pub fn Pagination(
    /// The number of the first row shown, from 1; 0 where that is not known, as after a jump.
    first: u64,
    shown: u64,
    total: u64,
    /// `total` is only a lower bound.
    #[prop(optional)]
    more: bool,
    /// Empty where there is none.
    #[prop(optional, into)]
    previous: Option<String>,
    #[prop(optional, into)] next: Option<String>,
    /// Needed where a page has more than one list.
    #[prop(default = "Pages")]
    label: &'static str,
) -> impl IntoView {
    if total == 0 {
        // the list says itself that it is empty
        return ().into_any();
    }
    // an empty address is none, as `unwrap_or_default` leaves it
    let there = |href: Option<String>| href.filter(|href| !href.is_empty());
    let (previous, next) = (there(previous), there(next));
    let total = if more { format!("{}+", number::grouped(EXACT_UP_TO)) } else { number::grouped(total) };
    let range = match (shown, first) {
        (0, _) => "Nothing".to_owned(),
        (shown, 0) => format!("{} shown", number::grouped(shown)),
        (shown, first) => format!("{}-{}", number::grouped(first), number::grouped(first + shown - 1)),
    };
    let step = |href: Option<String>, label: &'static str| match href {
        Some(href) => view! { <LinkButton href>{label}</LinkButton> }.into_any(),
        None => view! { <span class="button button-secondary" aria-disabled="true">{label}</span> }.into_any(),
    };
    let only_page = previous.is_none() && next.is_none();
    view! {
        <nav class="pages" aria-label=label>
            <span>{range} " of " {total}</span>
            {(!only_page)
                .then(|| view! { <div class="pages-links">{step(previous, "Previous")} {step(next, "Next")}</div> })}
        </nav>
    }
    .into_any()
}

/// "Showing 200 of 4,000" where a list is only the beginning and `href` leads to all of it.
#[component]
pub fn SeeAll(#[prop(into)] href: String, total: u64, #[prop(into)] what: String) -> impl IntoView {
    view! {
        <a class="link inline-flex items-center gap-1" href=href>
            "All "
            {number::grouped(total)}
            " "
            {what}
            <Icon of=icon::NEXT />
        </a>
    }
}

pub fn samples() -> impl IntoView {
    view! {
        <Pagination first=1 shown=50 total=12_431 more=true next="?after=a" label="Pages, first" />
        <Pagination first=51 shown=50 total=1_204 previous="?before=a" next="?after=b" label="Pages, second" />
        <Pagination first=1 shown=3 total=3 label="Pages, only" />
        <SeeAll href="#" total=318 what="findings" />
    }
}
