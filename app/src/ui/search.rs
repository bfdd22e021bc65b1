//! The search box above a list; it keeps the list's other filters.

use leptos::prelude::*;

use super::icon::{self, Icon};

#[component]
pub fn SearchBox(
    /// The list's address.
    #[prop(into)]
    action: String,
    #[prop(into)] label: String,
    #[prop(default = "q")] name: &'static str,
    #[prop(optional, into)] value: String,
    /// Filters that are on, sent along.
    #[prop(optional)]
    keep: Vec<(String, String)>,
) -> impl IntoView {
    view! {
        <form class="search" role="search" aria-label=label action=action>
            <Icon of=icon::SEARCH />
            <input class="input" type="search" name=name value=value placeholder=label.clone() aria-label=label.clone() />
            {keep
                .into_iter()
                .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
                .collect_view()}
        </form>
    }
}

pub fn samples() -> impl IntoView {
    view! {
        <SearchBox action="#" label="Search services" />
        <div class="mt-3">
            <SearchBox action="#" label="Search packages" value="openssl" name="find" keep=vec![("severity".into(), "high".into())] />
        </div>
    }
}
