//! Narrowing the list: facets with their counts, and chips for what is on.

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{
    EntityFilter, Facet,
    entity::{FacetCount, FacetCounts},
};
use portal::{Error, catalog};

use super::{
    address,
    columns::Columns,
    list::{PATH, read},
};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        facet::{self, Chip, FacetValue},
        icon, number,
        page_head::PageHead,
        state::Empty,
        table::{Column, RowLink, Table},
    },
};

/// The list as it is shown now: links lead from it to its neighbours.
#[derive(Clone, Debug)]
pub struct Shown {
    pub filter: EntityFilter,
    pub columns: Columns,
}

impl Shown {
    /// The pairs of this list's address, with another filter.
    pub fn with(&self, filter: &EntityFilter) -> Vec<(&'static str, String)> {
        filter.to_pairs().into_iter().chain(self.columns.to_pairs()).collect()
    }

    pub fn href(&self, filter: &EntityFilter) -> String {
        address(PATH, self.with(filter))
    }
}

/// Beside the rows; on a small screen below them.
#[component]
pub fn Facets(shown: Shown, facets: Vec<FacetCounts>) -> impl IntoView {
    let facets = facets
        .into_iter()
        .filter(|counts| !counts.values.is_empty())
        .map(|counts| {
            let facet = counts.facet;
            let values = counts
                .values
                .into_iter()
                .map(|counted| FacetValue {
                    label: label(facet, &counted.value),
                    count: counted.count,
                    href: shown.href(&shown.filter.toggled(facet, &counted.value)),
                    on: counted.on,
                })
                .collect();
            let all = address(&format!("/catalog/facets/{}", facet.as_str()), shown.with(&shown.filter));
            let more = (counts.more > 0).then(|| {
                let words = format!("{} more", number::grouped(counts.more));
                let spoken = format!("{words} of {}", facet.label());
                view! { <p class="small facet-more"><a href=all aria-label=spoken>{words}</a></p> }
            });
            view! {
                <facet::Facet title=facet.label() values />
                {more}
            }
        })
        .collect_view();
    view! {
        <aside id="narrow" aria-label="Narrow the list">
            {facets}
        </aside>
    }
}

/// `/catalog/facets/{facet}`: every value that the list can be narrowed by.
pub async fn facet(cx: Cx, Path(name): Path<String>, Query(pairs): Query<Vec<(String, String)>>) -> Answer {
    let facet = Facet::ALL.into_iter().find(|facet| facet.as_str() == name).ok_or(Error::NotFound("page"))?;
    let shown = Shown { filter: read(&pairs)?, columns: Columns::read(&pairs) };
    let counts = catalog::facet(&cx.portal, &cx.actor, &shown.filter, facet).await?;
    let head = Head::new(facet.label()).under("Catalog", shown.href(&shown.filter));
    cx.page(head, move || view! { <Values shown counts /> })
}

#[component]
fn Values(shown: Shown, counts: FacetCounts) -> impl IntoView {
    let facet = counts.facet;
    let state = match counts.more {
        0 => number::counted(counts.values.len() as u64, "value", "values"),
        more => format!(
            "The {} most frequent of {}",
            counts.values.len(),
            number::grouped(counts.values.len() as u64 + more)
        ),
    };
    let row = |FacetCount { value, count, on }: FacetCount| {
        let words = label(facet, &value);
        view! {
            <tr>
                <td class="table-cut">
                    <RowLink href=shown.href(&shown.filter.toggled(facet, &value))>{words}</RowLink>
                    {on.then(|| view! { <span class="muted small">" · on now"</span> })}
                </td>
                <td class="number">{number::grouped(count)}</td>
            </tr>
        }
    };
    let content = if counts.values.is_empty() {
        let action = Some((PATH.to_owned(), "Show everything".to_owned()));
        view! { <Empty title="Nothing to narrow by" icon=icon::FILTER action>"No entity of this list says anything here."</Empty> }.into_any()
    } else {
        let rows = counts.values.into_iter().map(row).collect_view();
        let columns = vec![Column::new(facet.label()), Column::number("Entities")];
        view! { <Table caption=format!("Values of {}", facet.label()) columns>{rows}</Table> }.into_any()
    };
    view! {
        <PageHead title=format!("Narrow by {}", facet.label().to_lowercase()) state=state.into_any() />
        {content}
    }
}

/// A value as people read it.
fn label(facet: Facet, value: &str) -> String {
    match facet {
        Facet::Kind => value.parse::<model::Kind>().map_or_else(|_| value.to_owned(), |kind| kind.label().to_owned()),
        Facet::Owner | Facet::System => {
            value.strip_prefix("group:default/").or(value.strip_prefix("system:default/")).unwrap_or(value).to_owned()
        }
        _ => value.to_owned(),
    }
}

/// What is on, each with the list without it.
pub fn chips(shown: &Shown) -> Vec<Chip> {
    let filter = &shown.filter;
    let mut chips = Vec::new();
    if !filter.text.is_empty() {
        let without = EntityFilter { text: String::new(), ..filter.clone() };
        chips.push(Chip { label: format!("“{}”", filter.text), without: shown.href(&without) });
    }
    for facet in Facet::ALL {
        chips.extend(filter.values(facet).into_iter().map(|value| Chip {
            label: format!("{}: {}", facet.label(), label(facet, &value)),
            without: shown.href(&filter.toggled(facet, &value)),
        }));
    }
    chips
}

/// What is on, in words.
pub fn words(filter: &EntityFilter) -> Vec<String> {
    let text = (!filter.text.is_empty()).then(|| format!("“{}”", filter.text));
    let values = Facet::ALL.into_iter().flat_map(|facet| {
        let named = filter.values(facet).into_iter();
        named.map(move |value| format!("{}: {}", facet.label(), label(facet, &value)))
    });
    text.into_iter().chain(values).collect()
}
