//! What the reader has starred and what they looked at last, on their first page.

use leptos::prelude::*;
use model::marks::Marked;

use crate::{
    catalog::drawn,
    ui::{page_head::Section, thing::Thing, time::Time},
};

/// Both lists; nothing where there is neither.
#[component]
pub fn MarkedLists(starred: Vec<Marked>, seen: Vec<Marked>) -> impl IntoView {
    let list = |title: &'static str, marked: Vec<Marked>| {
        (!marked.is_empty()).then(|| {
            let lines = marked.into_iter().map(|marked| view! { <Line marked /> }).collect_view();
            view! {
                <Section title>
                    <ul class="marked">{lines}</ul>
                </Section>
            }
        })
    };
    view! {
        {list("Starred", starred)}
        {list("Seen last", seen)}
    }
}

#[component]
fn Line(marked: Marked) -> impl IntoView {
    let entity = marked.entity;
    let news = marked.changed.then(|| {
        view! {
            <span class="muted small">
                "changed " <Time at=entity.updated_at />
            </span>
        }
    });
    view! {
        <li>
            <Thing kind=drawn(entity.reference.kind) name=entity.shown_name().to_owned() href=entity.reference.href() />
            {news}
        </li>
    }
}
