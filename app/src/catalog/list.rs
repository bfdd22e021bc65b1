//! The list of everything in the catalog: searched, narrowed by facets, sorted, exported.

use axum::{
    extract::Query,
    response::{IntoResponse, Response},
};
use http::header;
use leptos::prelude::*;
use model::{
    EntityFilter, EntitySummary, Facet, FieldError, PageRequest,
    entity::{EntityList, EntitySort, FacetCounts},
};
use portal::{Error, catalog};

use super::{Part, Parts, address, drawn, owner_of, referred};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        Tone,
        badge::{Badge, Lifecycle},
        button::{LinkButton, Weight},
        facet::{self, Chip, Chips, FacetValue},
        icon::{self, Icon},
        menu::{Menu, MenuLink},
        number,
        page_head::PageHead,
        pagination::Pagination,
        search::SearchBox,
        state::Empty,
        table::{Column, Direction, RowLink, Table},
        thing::Thing,
        time::Time,
    },
};

const PATH: &str = "/catalog";

type Pairs = Query<Vec<(String, String)>>;

/// `/catalog`
pub async fn list(cx: Cx, Query(pairs): Pairs) -> Answer {
    let filter = read(&pairs)?;
    let cursor = pairs.iter().find(|(key, _)| key == "cursor").map(|(_, value)| value.clone());
    let listed = catalog::list(&cx.portal, &cx.actor, &filter, &PageRequest::at(cursor)).await?;
    let may_import = catalog::may_import(&cx.portal, &cx.actor);
    let may_see_sources = catalog::may_see_sources(&cx.portal, &cx.actor);
    cx.page(Head::new("Catalog").wide(), move || view! { <Catalog filter listed may_import may_see_sources /> })
}

/// `/catalog.csv`
pub async fn export(cx: Cx, Query(pairs): Pairs) -> Answer {
    let sheet = catalog::export(&cx.portal, &cx.actor, &read(&pairs)?).await?;
    Ok(csv("catalog.csv", sheet))
}

fn csv(name: &str, sheet: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    (headers, sheet).into_response()
}

fn read(pairs: &[(String, String)]) -> Result<EntityFilter, Error> {
    let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    EntityFilter::from_pairs(pairs).map_err(|error: FieldError| Error::Invalid(vec![error]))
}

#[component]
fn Catalog(filter: EntityFilter, listed: EntityList, may_import: bool, may_see_sources: bool) -> impl IntoView {
    let EntityList { page, facets } = listed;
    let total = page.total;
    let state = match (total.value, filter.narrows()) {
        (0, false) => "Nothing yet".to_owned(),
        (_, true) => format!("{total} found"),
        (_, false) => format!("{total} in all"),
    };
    let export = address("/catalog.csv", filter.to_pairs());
    let actions = view! {
        {may_import
            .then(|| {
                view! {
                    <LinkButton href="/catalog/import" weight=Weight::Primary icon=Some(icon::ADD)>
                        "Add descriptors"
                    </LinkButton>
                }
            })}
        <Menu label="More about the catalog">
            <MenuLink href=export icon=Some(icon::DOWNLOAD)>
                "Export as CSV"
            </MenuLink>
        </Menu>
    };
    let is_bare = page.items.is_empty() && !filter.narrows();
    let content = if is_bare {
        view! { <NothingYet may_import /> }.into_any()
    } else {
        view! {
            <div class="beside">
                <Rows filter=filter.clone() page />
                <Facets filter facets />
            </div>
        }
        .into_any()
    };
    view! {
        <PageHead title="Catalog" state=state.into_any() actions=actions.into_any() />
        <Parts current=Part::Entities sources=may_see_sources />
        {content}
    }
}

#[component]
fn NothingYet(may_import: bool) -> impl IntoView {
    let action = may_import.then(|| ("/catalog/import".to_owned(), "Add descriptors".to_owned()));
    view! {
        <Empty title="The catalog is empty" icon=icon::CATALOG action>
            "Services, APIs and systems appear here once their catalog-info.yaml files are read."
            {(!may_import).then_some(" A platform administrator can add them.")}
        </Empty>
    }
}

/// Beside the rows; on a small screen below them.
#[component]
fn Facets(filter: EntityFilter, facets: Vec<FacetCounts>) -> impl IntoView {
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
                    href: address(PATH, filter.toggled(facet, &counted.value).to_pairs()),
                    on: counted.on,
                })
                .collect();
            let more = (counts.more > 0).then(|| {
                view! { <p class="small muted facet-more">{number::grouped(counts.more)} " more; search to narrow"</p> }
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

fn label(facet: Facet, value: &str) -> String {
    match facet {
        Facet::Kind => value.parse::<model::Kind>().map_or_else(|_| value.to_owned(), |kind| kind.label().to_owned()),
        Facet::Owner | Facet::System => {
            value.strip_prefix("group:default/").or(value.strip_prefix("system:default/")).unwrap_or(value).to_owned()
        }
        _ => value.to_owned(),
    }
}

#[component]
fn Rows(filter: EntityFilter, page: model::Page<EntitySummary>) -> impl IntoView {
    let keep = filter.to_pairs().into_iter().filter(|(key, _)| *key != "q").map(|(key, value)| (key.to_owned(), value));
    let keep: Vec<(String, String)> = keep.collect();
    let sort = |key: EntitySort| {
        let on = filter.sort == key;
        let sorted = EntityFilter { sort: key, descending: on && !filter.descending, ..filter.clone() };
        let current = on.then_some(if filter.descending { Direction::Descending } else { Direction::Ascending });
        (address(PATH, sorted.to_pairs()), current)
    };
    let (by_name, name_sorted) = sort(EntitySort::Name);
    let (by_time, time_sorted) = sort(EntitySort::Updated);
    let columns = vec![
        Column::new("Name").sort(by_name, name_sorted),
        Column::new("Owner"),
        Column::new("System").wide_only(),
        Column::new("Type").tight().wide_only(),
        Column::new("Lifecycle").tight().wide_only(),
        Column::new("Updated").sort(by_time, time_sorted).tight().wide_only(),
    ];
    let turned = |cursor: Option<&model::Cursor>| {
        cursor.map(|cursor| address(PATH, filter.to_pairs().into_iter().chain([("cursor", cursor.0.clone())])))
    };
    let footer = view! {
        <Pagination
            first=page.first
            shown=page.items.len() as u64
            total=page.total.value
            more=!page.total.exact
            previous=turned(page.previous.as_ref()).unwrap_or_default()
            next=turned(page.next.as_ref()).unwrap_or_default()
        />
    };
    let nothing = page.items.is_empty().then(|| {
        view! {
            <tr>
                <td colspan="6">
                    <Empty title="Nothing like that" icon=icon::SEARCH action=Some((PATH.to_owned(), "Show everything".to_owned()))>
                        "No entity that you may see has all of this. Take a filter off, or search for part of a name."
                    </Empty>
                </td>
            </tr>
        }
    });
    view! {
        <div class="min-w-0">
            <div class="filters">
                <SearchBox action=PATH label="Search the catalog" value=filter.text.clone() keep />
                <a class="chip to-facets" href="#narrow">
                    <Icon of=icon::FILTER />
                    "Narrow"
                </a>
                <Chips chips=chips(&filter) clear=PATH />
            </div>
            <Table caption="Catalog entities" columns footer=footer.into_any()>
                {page.items.into_iter().map(|entity| view! { <Row entity /> }).collect_view()}
                {nothing}
            </Table>
        </div>
    }
}

fn chips(filter: &EntityFilter) -> Vec<Chip> {
    let mut chips = Vec::new();
    if !filter.text.is_empty() {
        let without = EntityFilter { text: String::new(), ..filter.clone() };
        chips.push(Chip { label: format!("“{}”", filter.text), without: address(PATH, without.to_pairs()) });
    }
    for facet in Facet::ALL {
        chips.extend(filter.values(facet).into_iter().map(|value| Chip {
            label: format!("{}: {}", facet.label(), label(facet, &value)),
            without: address(PATH, filter.toggled(facet, &value).to_pairs()),
        }));
    }
    chips
}

#[component]
fn Row(entity: EntitySummary) -> impl IntoView {
    let (owner, system) = (owner_of(&entity), referred(entity.system.as_deref()));
    let (kind, name) = (drawn(entity.reference.kind), entity.shown_name().to_owned());
    view! {
        <tr>
            <td class="table-cut">
                <RowLink href=entity.reference.href()>
                    <Thing kind name />
                </RowLink>
                {entity.restricted.then(|| view! { " " <Badge tone=Some(Tone::Waived)>"Restricted"</Badge> })}
            </td>
            <td class="table-cut">{owner}</td>
            <td class="table-wide-only table-cut">{system}</td>
            <td class="table-wide-only table-tight">{entity.kind_type.clone().unwrap_or_default()}</td>
            <td class="table-wide-only">{entity.lifecycle.clone().map(|stage| view! { <Lifecycle stage /> })}</td>
            <td class="table-wide-only">
                <Time at=entity.updated_at />
            </td>
        </tr>
    }
}
