//! Where entities come from, and how each source's last reading went.

use leptos::prelude::*;
use model::entity::{Source, SourceState};
use portal::catalog;

use super::{Part, Parts};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        Tone,
        badge::Status,
        button::{LinkButton, Weight},
        icon, number,
        page_head::PageHead,
        state::Empty,
        table::{Column, RowLink, Table},
        time::Time,
    },
};

/// `/catalog/sources`
pub async fn list(cx: Cx) -> Answer {
    let sources = catalog::sources(&cx.portal, &cx.actor).await?;
    let may_import = catalog::may_import(&cx.portal, &cx.actor);
    cx.page(Head::new("Sources").under("Catalog", "/catalog").wide(), move || view! { <Sources sources may_import /> })
}

#[component]
fn Sources(sources: Vec<Source>, may_import: bool) -> impl IntoView {
    let wrong: u64 = sources.iter().map(|source| source.errors.len() as u64 + source.conflicts).sum();
    let failing = sources.iter().filter(|source| source.state == SourceState::Failing).count() as u64;
    let state = if failing > 0 {
        view! { <Status tone=Tone::Wrong>{number::counted(failing, "source fails", "sources fail")}</Status> }
    } else if wrong == 0 {
        view! { <Status tone=Tone::Good>"Every document is right"</Status> }
    } else {
        view! { <Status tone=Tone::Attention>{number::counted(wrong, "problem", "problems")} " in the last readings"</Status> }
    };
    let actions = may_import.then(|| {
        view! {
            <LinkButton href="/catalog/import" icon=Some(icon::UPLOAD)>
                "Add descriptors"
            </LinkButton>
            <LinkButton href="/catalog/sources/new" weight=Weight::Primary icon=Some(icon::ADD)>
                "Add a source"
            </LinkButton>
        }
        .into_any()
    });
    let content = if sources.is_empty() {
        view! {
            <Empty title="No sources yet" icon=icon::UPLOAD>
                "Files that were added by hand, and folders that RAMPART_CATALOG_PATHS names, appear here."
            </Empty>
        }
        .into_any()
    } else {
        view! { <Rows sources /> }.into_any()
    };
    view! {
        <PageHead title="Sources" state=state.into_any() actions=actions.unwrap_or_else(|| ().into_any()) />
        <Parts current=Part::Sources sources=true />
        {content}
    }
}

#[component]
fn Rows(sources: Vec<Source>) -> impl IntoView {
    let columns = vec![
        Column::new("Source"),
        Column::new("Kind").tight().wide_only(),
        Column::number("Entities"),
        Column::new("Last reading").tight(),
        Column::new("Next").tight().wide_only(),
        Column::new("State").tight(),
    ];
    let rows = sources
        .into_iter()
        .map(|source| {
            let (href, name) = (source.href(), source.name.clone());
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href>{name}</RowLink>
                    </td>
                    <td class="table-wide-only">{source.kind.label()}</td>
                    <td class="number">{number::grouped(source.entities)}</td>
                    <td>
                        {source.tried_at.map_or_else(|| "Never".into_any(), |at| view! { <Time at /> }.into_any())}
                    </td>
                    <td class="table-wide-only">{source.next_at.map(|at| view! { <Time at /> })}</td>
                    <td>
                        <State source />
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Table caption="Sources" columns>
            {rows}
        </Table>
    }
}

/// How a source is, in few words.
#[component]
pub fn State(source: Source) -> impl IntoView {
    let (tone, words) = match source.state {
        SourceState::Reading => (Tone::Unknown, "Reading now".into_any()),
        SourceState::Fine => (Tone::Good, "In order".into_any()),
        SourceState::Wrong => {
            let wrong = source.errors.len() as u64 + source.conflicts;
            (Tone::Attention, number::counted(wrong, "problem", "problems").into_any())
        }
        SourceState::Failing => match source.failing_since {
            Some(at) => (Tone::Wrong, view! { "Failing since " <Time at /> }.into_any()),
            None => (Tone::Wrong, "Failing".into_any()),
        },
    };
    view! { <Status tone>{words}</Status> }
}
