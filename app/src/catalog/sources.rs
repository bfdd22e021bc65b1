//! Where entities come from, and how each source's last reading went.

use leptos::prelude::*;
use model::entity::Source;
use portal::catalog;

use super::{Part, Parts, import::Wrong};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        Tone,
        badge::Status,
        button::{LinkButton, Weight},
        icon, number,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, Table},
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
    let wrong: usize = sources.iter().map(|source| source.errors.len()).sum();
    let state = if wrong == 0 {
        view! { <Status tone=Tone::Good>"Every document is right"</Status> }
    } else {
        view! { <Status tone=Tone::Attention>{number::counted(wrong as u64, "problem", "problems")} " in the last readings"</Status> }
    };
    let actions = may_import.then(|| {
        view! {
            <LinkButton href="/catalog/import" weight=Weight::Primary icon=Some(icon::ADD)>
                "Add descriptors"
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
        Column::new("State").tight(),
    ];
    let wrong: Vec<(String, Vec<model::DocumentError>)> = sources
        .iter()
        .filter(|source| !source.errors.is_empty())
        .map(|source| (source.name.clone(), source.errors.clone()))
        .collect();
    let rows = sources
        .into_iter()
        .map(|source| {
            let (tone, words) = match source.errors.len() as u64 {
                0 => (Tone::Good, "In order".to_owned()),
                wrong => (Tone::Attention, number::counted(wrong, "problem", "problems")),
            };
            view! {
                <tr>
                    <td class="table-cut">{source.name}</td>
                    <td class="table-wide-only">{source.kind.label()}</td>
                    <td class="number">{number::grouped(source.entities)}</td>
                    <td>
                        <Time at=source.read_at />
                    </td>
                    <td>
                        <Status tone>{words}</Status>
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Table caption="Sources" columns>
            {rows}
        </Table>
        {wrong
            .into_iter()
            .map(|(name, errors)| {
                let title = format!("What is wrong in {name}");
                view! {
                    <Section title=title.clone()>
                        <Wrong caption=title errors />
                    </Section>
                }
            })
            .collect_view()}
    }
}
