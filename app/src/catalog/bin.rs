//! The bin: what no source describes any more, with the way back.

use axum::extract::Query;
use leptos::prelude::*;
use model::{
    EntityDetail, EntityRef, Kind, PageRequest, SourceKind,
    entity::{Binned, BinnedEntity},
    page::Page,
};
use portal::{Error, catalog};

use super::{Owner, Part, Parts, address, detail::EntityPath, drawn};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        Tone,
        button::{Button, Weight},
        flash::Notice,
        form::Form,
        icon, number,
        page_head::PageHead,
        pagination::Pagination,
        state::Empty,
        table::{Column, Table},
        thing::Thing,
        time::{Day, Time},
    },
};

type Pairs = Query<Vec<(String, String)>>;

/// `/catalog/bin`
pub async fn list(cx: Cx, Query(pairs): Pairs) -> Answer {
    let cursor = pairs.iter().find(|(key, _)| key == "cursor").map(|(_, value)| value.clone());
    let page = catalog::bin::bin(&cx.portal, &cx.actor, &PageRequest::at(cursor)).await?;
    let may_restore = catalog::may_import(&cx.portal, &cx.actor);
    let sources = catalog::may_see_sources(&cx.portal, &cx.actor);
    cx.page(Head::new("Bin").under("Catalog", "/catalog").wide(), move || {
        view! {
            <PageHead title="Bin" state=number::counted(page.total.value, "entity", "entities").into_any() />
            <Parts current=Part::Bin sources />
            <p class="muted">
                "What no source describes any more. A source that describes it again brings it back with its history; after 30 days it is deleted for good."
            </p>
            <Rows page may_restore />
        }
    })
}

/// `POST /catalog/{kind}/{namespace}/{name}/restore`
pub async fn restore(cx: Cx, path: EntityPath) -> Answer {
    let reference = named(path)?;
    catalog::bin::restore(&cx.portal, &cx.actor, &reference).await?;
    cx.redirect(&reference.href(), format!("{} is back in the catalog", reference.name))
}

/// `POST /catalog/{kind}/{namespace}/{name}/discard`
pub async fn discard(cx: Cx, path: EntityPath) -> Answer {
    let reference = named(path)?;
    catalog::bin::discard(&cx.portal, &cx.actor, &reference).await?;
    cx.redirect(&reference.href(), format!("{} is in the bin", reference.name))
}

fn named(path: EntityPath) -> Result<EntityRef, Error> {
    let (kind, namespace, name) = path.0;
    let kind: Kind = kind.parse().map_err(|_| Error::NotFound("catalog entity"))?;
    Ok(EntityRef::new(kind, &namespace, &name))
}

#[component]
fn Rows(page: Page<BinnedEntity>, may_restore: bool) -> impl IntoView {
    if page.items.is_empty() {
        return view! {
            <Empty title="The bin is empty" icon=icon::DELETE>
                "What a source stops describing waits here for 30 days."
            </Empty>
        }
        .into_any();
    }
    let mut columns = vec![
        Column::new("Entity"),
        Column::new("Owner").wide_only(),
        Column::new("Why").wide_only(),
        Column::new("Since").tight(),
        Column::new("Deleted on").tight(),
    ];
    columns.extend(may_restore.then(|| Column::new("Restore").tight()));
    let turned = |cursor: Option<&model::Cursor>| {
        cursor.map(|cursor| address(catalog::bin::HREF, [("cursor", &cursor.0)])).unwrap_or_default()
    };
    let footer = view! {
        <Pagination
            first=page.first
            shown=page.items.len() as u64
            total=page.total.value
            more=!page.total.exact
            previous=turned(page.previous.as_ref())
            next=turned(page.next.as_ref())
        />
    };
    let rows = page.items.into_iter().map(|one| view! { <Row one may_restore /> }).collect_view();
    view! {
        <Table caption="In the bin" columns footer=footer.into_any()>
            {rows}
        </Table>
    }
    .into_any()
}

#[component]
fn Row(one: BinnedEntity, may_restore: bool) -> impl IntoView {
    let BinnedEntity { reference, title, owner, team, binned, .. } = one;
    let restore = may_restore.then(|| {
        let action = format!("{}/restore", reference.href());
        view! {
            <td>
                <Form action name="restore" inline=true>
                    <Button>"Restore"</Button>
                </Form>
            </td>
        }
    });
    view! {
        <tr>
            <td class="table-cut">
                <Thing kind=drawn(reference.kind) name=title href=reference.href() />
            </td>
            <td class="table-wide-only">{owner.map(|stated| view! { <Owner stated team /> })}</td>
            <td class="table-wide-only">{binned.because}</td>
            <td>
                <Time at=binned.since />
            </td>
            <td>
                <Day date=binned.until.date() />
            </td>
            {restore}
        </tr>
    }
}

/// Above an entity that is in the bin.
#[component]
pub fn InBin(binned: Binned, reference: EntityRef, may_restore: bool) -> impl IntoView {
    let restore = may_restore.then(|| {
        view! {
            <Form action=format!("{}/restore", reference.href()) name="restore" inline=true>
                <Button>"Restore"</Button>
            </Form>
        }
    });
    view! {
        <Notice tone=Tone::Attention>
            <p>
                "In the " <a href=catalog::bin::HREF>"bin"</a> " since " <Time at=binned.since /> ": " {binned.because}
                ". It is deleted on " <Day date=binned.until.date() /> "."
            </p>
            {restore}
        </Notice>
    }
}

/// The way into the bin for what no source lets go of by itself.
pub struct Discard(EntityRef);

impl Discard {
    #[must_use]
    pub fn offered(entity: &EntityDetail, may: bool) -> Option<Self> {
        let by_itself = entity.origin.as_ref().is_some_and(|origin| origin.kind != SourceKind::Upload);
        (may && !by_itself && entity.binned.is_none()).then(|| Self(entity.summary.reference.clone()))
    }

    #[must_use]
    pub fn view(self) -> AnyView {
        view! {
            <div class="mt-6">
                <Form action=format!("{}/discard", self.0.href()) name="discard" inline=true>
                    <Button weight=Weight::Quiet icon=Some(icon::DELETE)>
                        "Move to the bin"
                    </Button>
                </Form>
            </div>
        }
        .into_any()
    }
}
