//! The list of everything in the catalog: searched, narrowed by facets, sorted, exported.

use axum::{
    extract::Query,
    response::{IntoResponse, Response},
};
use http::header;
use leptos::prelude::*;
use model::{
    EntityFilter, EntitySummary, FieldError, PageRequest,
    entity::{EntityList, EntitySort},
    marks::SavedView,
};
use portal::{Error, catalog, marks};

use super::{
    Part, Parts, address,
    columns::{ColumnMenu, Columns, ListColumn, PARAMETER},
    drawn,
    narrow::{Facets, Shown, chips},
    views::ViewMenu,
};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        Tone,
        badge::Badge,
        button::{LinkButton, Weight},
        facet::Chips,
        icon::{self, Icon},
        menu::{Menu, MenuLink},
        page_head::PageHead,
        pagination::Pagination,
        search::SearchBox,
        state::Empty,
        table::{Column, Direction, RowLink, Table},
        thing::Thing,
    },
};

pub(super) const PATH: &str = "/catalog";

type Pairs = Query<Vec<(String, String)>>;

/// `/catalog`
pub async fn list(cx: Cx, Query(pairs): Pairs) -> Answer {
    let filter = read(&pairs)?;
    let cursor = pairs.iter().find(|(key, _)| key == "cursor").map(|(_, value)| value.clone());
    let listed = catalog::list(&cx.portal, &cx.actor, &filter, &PageRequest::at(cursor)).await?;
    let may_import = catalog::may_import(&cx.portal, &cx.actor);
    let may_see_sources = catalog::may_see_sources(&cx.portal, &cx.actor);
    let views = marks::views(&mut cx.portal.snapshot(&cx.actor).await?).await?;
    let shown = Shown { filter, columns: Columns::read(&pairs) };
    cx.page(Head::new("Catalog").wide(), move || view! { <Catalog shown listed views may_import may_see_sources /> })
}

/// `/catalog.csv`
pub async fn export(cx: Cx, Query(pairs): Pairs) -> Answer {
    let sheet = catalog::export(&cx.portal, &cx.actor, &read(&pairs)?).await?;
    Ok(file("catalog.csv", "text/csv; charset=utf-8", sheet))
}

/// `/catalog.yaml`
pub async fn export_descriptors(cx: Cx, Query(pairs): Pairs) -> Answer {
    let documents = catalog::export_descriptors(&cx.portal, &cx.actor, &read(&pairs)?).await?;
    Ok(file("catalog.yaml", "application/yaml", documents))
}

fn file(name: &str, kind: &'static str, content: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    (headers, content).into_response()
}

pub(super) fn read(pairs: &[(String, String)]) -> Result<EntityFilter, Error> {
    let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    EntityFilter::from_pairs(pairs).map_err(|error: FieldError| Error::Invalid(vec![error]))
}

#[component]
fn Catalog(
    shown: Shown,
    listed: EntityList,
    views: Vec<SavedView>,
    may_import: bool,
    may_see_sources: bool,
) -> impl IntoView {
    let EntityList { page, facets } = listed;
    let filter = shown.filter.clone();
    let total = page.total;
    let state = match (total.value, filter.narrows()) {
        (0, false) => "Nothing yet".to_owned(),
        (_, true) => format!("{total} found"),
        (_, false) => format!("{total} in all"),
    };
    let (as_csv, as_yaml) = (address("/catalog.csv", filter.to_pairs()), address("/catalog.yaml", filter.to_pairs()));
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
            <MenuLink href=as_csv icon=Some(icon::DOWNLOAD)>
                "Export as CSV"
            </MenuLink>
            <MenuLink href=as_yaml icon=Some(icon::DOWNLOAD)>
                "Export as YAML"
            </MenuLink>
        </Menu>
    };
    let is_bare = page.items.is_empty() && !filter.narrows();
    let content = if is_bare {
        view! { <NothingYet may_import /> }.into_any()
    } else {
        view! {
            <div class="beside">
                <Rows shown=shown.clone() page views />
                <Facets shown facets />
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

#[component]
fn Rows(shown: Shown, page: model::Page<EntitySummary>, views: Vec<SavedView>) -> impl IntoView {
    let filter = &shown.filter;
    let pairs = shown.with(filter);
    let without = |left: &str| pairs.iter().filter(|(name, _)| *name != left).cloned().collect::<Vec<_>>();
    let keep = without("q").into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let sort = |key: EntitySort| {
        let on = filter.sort == key;
        let sorted = EntityFilter { sort: key, descending: on && !filter.descending, ..filter.clone() };
        let current = on.then_some(if filter.descending { Direction::Descending } else { Direction::Ascending });
        (shown.href(&sorted), current)
    };
    let (by_name, name_sorted) = sort(EntitySort::Name);
    let (by_time, time_sorted) = sort(EntitySort::Updated);
    let mut columns = vec![Column::new("Name").sort(by_name, name_sorted)];
    columns.extend(shown.columns.iter().enumerate().map(|(place, of)| {
        let mut column = Column::new(of.label());
        if of == ListColumn::Updated {
            column = column.sort(by_time.clone(), time_sorted);
        }
        if of.is_tight() {
            column = column.tight();
        }
        // a phone shows the name and the first of them
        if place > 0 { column.wide_only() } else { column }
    }));
    let width = columns.len();
    let turned = |cursor: Option<&model::Cursor>| {
        cursor.map(|cursor| address(PATH, pairs.iter().cloned().chain([("cursor", cursor.0.clone())])))
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
                <td colspan=width.to_string()>
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
                <ViewMenu views pairs=pairs.clone() />
                <ColumnMenu columns=shown.columns.clone() action=PATH keep=without(PARAMETER) />
                <Chips chips=chips(&shown) clear=PATH />
            </div>
            <Table caption="Catalog entities" columns footer=footer.into_any()>
                {page.items.into_iter().map(|entity| view! { <Row entity columns=shown.columns.clone() /> }).collect_view()}
                {nothing}
            </Table>
        </div>
    }
}

#[component]
fn Row(entity: EntitySummary, columns: Columns) -> impl IntoView {
    let (kind, name) = (drawn(entity.reference.kind), entity.shown_name().to_owned());
    let cells = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let class = match (place > 0, column.is_tight()) {
                (true, true) => "table-wide-only table-tight",
                (true, false) => "table-wide-only table-cut",
                (false, true) => "table-tight",
                (false, false) => "table-cut",
            };
            view! { <td class=class>{column.cell(&entity)}</td> }
        })
        .collect_view();
    view! {
        <tr>
            <td class="table-cut">
                <RowLink href=entity.reference.href()>
                    <Thing kind name />
                </RowLink>
                {entity.restricted.then(|| view! { " " <Badge tone=Some(Tone::Waived)>"Restricted"</Badge> })}
            </td>
            {cells}
        </tr>
    }
}
