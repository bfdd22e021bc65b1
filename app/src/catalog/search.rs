//! Searching for anything by its name: what the palette shows while one types, and the same as a page.

use axum::{Json, extract::Query, response::IntoResponse};
use http::header;
use leptos::prelude::*;
use model::Suggestion;
use portal::catalog;
use serde::Deserialize;

use super::address;
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        icon, number,
        page_head::PageHead,
        search::SearchBox,
        state::Empty,
        table::{Column, RowLink, Table},
    },
};

/// What the palette has room for.
const SUGGESTED: usize = 8;
const SHOWN: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
}

/// `/search/suggest`
pub async fn suggest(cx: Cx, Query(asked): Query<Asked>) -> Answer {
    let found = catalog::suggest(&mut cx.portal.snapshot(&cx.actor).await?, &asked.q, SUGGESTED).await?;
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(found)).into_response())
}

/// `/search`
pub async fn page(cx: Cx, Query(asked): Query<Asked>) -> Answer {
    let found = catalog::suggest(&mut cx.portal.snapshot(&cx.actor).await?, &asked.q, SHOWN).await?;
    cx.page(Head::new("Search"), move || view! { <Found asked=asked.q found /> })
}

#[component]
fn Found(asked: String, found: Vec<Suggestion>) -> impl IntoView {
    let state = (!asked.trim().is_empty()).then(|| match found.len() {
        SHOWN.. => format!("The first {SHOWN}"),
        found => number::counted(found as u64, "result", "results"),
    });
    let content = if found.is_empty() {
        let everything = (!asked.trim().is_empty())
            .then(|| (address("/catalog", [("q", asked.as_str())]), "Search descriptions too".to_owned()));
        view! {
            <Empty title="Nothing by that name" icon=icon::SEARCH action=everything>
                "Services, APIs, systems, teams and people are found by any part of their name."
            </Empty>
        }
        .into_any()
    } else {
        let rows = found
            .into_iter()
            .map(|one| {
                view! {
                    <tr>
                        <td class="table-cut">
                            <RowLink href=one.href>{one.title}</RowLink>
                        </td>
                        <td>{one.kind}</td>
                        <td class="table-wide-only table-cut muted">{one.hint}</td>
                    </tr>
                }
            })
            .collect_view();
        let columns = vec![Column::new("Name"), Column::new("Kind").tight(), Column::new("Known as").wide_only()];
        view! { <Table caption="Results" columns>{rows}</Table> }.into_any()
    };
    view! {
        <PageHead title="Search" state=state.unwrap_or_default().into_any() />
        <div class="filters">
            <SearchBox action="/search" label="Search everything" value=asked />
        </div>
        {content}
    }
}
