//! A part of a page that changes by itself when what it shows changes.

use leptos::prelude::*;

/// Shown anew when the server announces `topic`, such as `environment:0197f3c2-…`: the browser fetches the page again
/// and takes over what is inside the part of the same `id`. Without script it stays as it was sent.
///
/// No island may be inside. What changes is also spoken, so a part should be as small as what changes.
#[component]
pub fn Live(#[prop(into)] id: String, #[prop(into)] topic: String, children: Children) -> impl IntoView {
    view! {
        <div id=id data-live=topic aria-live="polite">
            {children()}
        </div>
    }
}
