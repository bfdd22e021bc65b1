//! A list's filters as one form: a search and a choice for each, sent together, kept in the address.

use leptos::prelude::*;

use super::{
    button::Button,
    icon::{self, Icon},
};

/// The filters of a list. Children are its [`FilterSelect`]s.
#[component]
pub fn FilterForm(
    /// The list's own address.
    #[prop(into)]
    action: String,
    /// What is searched for, as in "Search findings".
    #[prop(into)]
    label: String,
    /// The search's name in the address.
    #[prop(default = "q")]
    name: &'static str,
    /// What is searched for now.
    #[prop(optional, into)]
    value: String,
    /// What else of the address stays as it is.
    #[prop(optional)]
    keep: Vec<(String, String)>,
    children: Children,
) -> impl IntoView {
    let keep =
        keep.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value /> }).collect_view();
    view! {
        <form class="filters" role="search" aria-label=label action=action>
            <div class="search">
                <Icon of=icon::SEARCH />
                <input class="input" type="search" name=name value=value placeholder=label.clone() aria-label=label.clone() />
            </div>
            {children()}
            {keep}
            <Button icon=Some(icon::FILTER)>"Filter"</Button>
        </form>
    }
}

/// One choice among a filter's values; the first of them says that it does not narrow.
#[component]
pub fn FilterSelect(
    name: &'static str,
    /// For a screen reader.
    label: &'static str,
    /// Value and words of each; an empty value does not narrow.
    options: Vec<(String, String)>,
    #[prop(into)] value: String,
) -> impl IntoView {
    let options = options
        .into_iter()
        .map(|(option, words)| {
            let selected = option == value;
            view! { <option value=option selected=selected>{words}</option> }
        })
        .collect_view();
    view! {
        <select class="input filter-select" name=name aria-label=label>
            {options}
        </select>
    }
}

pub fn samples() -> impl IntoView {
    let options = || vec![(String::new(), "Any severity".to_owned()), ("critical".to_owned(), "Critical".to_owned())];
    view! {
        <FilterForm action="#" label="Search findings" value="openssl" keep=vec![("sort".into(), "first_seen".into())]>
            <FilterSelect name="severity" label="Severity" options=options() value="critical" />
            <FilterSelect name="fix" label="Fix" options=vec![(String::new(), "Fix or not".to_owned())] value="" />
        </FilterForm>
    }
}
