//! Where this page lies; the bar of every page shows one.

use leptos::prelude::*;

use super::icon::{self, Icon};

#[component]
pub fn Breadcrumb(
    /// Name and address, outermost first.
    crumbs: Vec<(String, String)>,
    /// The page itself.
    #[prop(into)]
    here: String,
) -> impl IntoView {
    let way = crumbs
        .into_iter()
        .map(|(name, href)| {
            view! {
                <li>
                    <a href=href>{name}</a>
                    <Icon of=icon::NEXT />
                </li>
            }
        })
        .collect_view();
    view! {
        <nav aria-label="Breadcrumb" class="min-w-0">
            <ol class="crumbs">
                {way} <li>
                    <span aria-current="page">{here}</span>
                </li>
            </ol>
        </nav>
    }
}
