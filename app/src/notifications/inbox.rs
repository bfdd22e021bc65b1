//! `/notifications`: what the reader was told, the newest first.

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{
    NoticeId,
    notification::Notice as Told,
    page::{Page, PageRequest},
};
use portal::{Error, notifications};
use serde::Deserialize;

use super::{Views, drawn};
use crate::{
    backend::{Answer, Cx, Posted, percent_encoded, see_other},
    ui::{
        badge::Badge,
        button::Button,
        form::Form,
        icon::{self, Icon},
        live::Live,
        page_head::PageHead,
        pagination::Pagination,
        state::Empty,
        table::{Column, RowLink, Table},
        time::Time,
    },
};

#[derive(Debug, Default, Deserialize)]
pub struct Which {
    cursor: Option<String>,
}

/// `/notifications`
pub async fn page(cx: Cx, Query(which): Query<Which>) -> Answer {
    let page = notifications::list(&cx.portal, &cx.actor, &PageRequest::at(which.cursor)).await?;
    let (unread, topic) = (cx.chrome.notifications, cx.chrome.topic.clone().unwrap_or_default());
    cx.page("Notifications", move || {
        let read = (unread > 0).then(|| {
            view! {
                <Form action="/notifications/read" inline=true>
                    <Button icon=Some(icon::CHECK)>"Mark all as read"</Button>
                </Form>
            }
        });
        view! {
            <PageHead title="Notifications" actions=read.into_any() />
            <Views current="inbox" unread />
            <Live id="notices" topic>
                <Notices page />
            </Live>
        }
    })
}

#[component]
fn Notices(page: Page<Told>) -> impl IntoView {
    if page.items.is_empty() {
        return view! {
            <Empty title="Nothing yet" icon=icon::BELL>
                "What waits for your approval, how your requests were decided, and what happens to what is yours shows here."
            </Empty>
        }
        .into_any();
    }
    let turned = |cursor: Option<&model::page::Cursor>| {
        cursor.map(|cursor| format!("/notifications?cursor={}", percent_encoded(&cursor.0))).unwrap_or_default()
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
    let columns = vec![Column::new("Notification"), Column::new("When").tight()];
    view! {
        <Table caption="Notifications" columns footer=footer.into_any()>
            {page.items.into_iter().map(row).collect_view()}
        </Table>
    }
    .into_any()
}

fn row(notice: Told) -> impl IntoView {
    let unread = notice.read_at.is_none();
    let body =
        (!notice.body.is_empty()).then(|| view! { <div class="small muted whitespace-pre-line">{notice.body}</div> });
    view! {
        <tr>
            <td>
                <RowLink href=format!("/notifications/{}", notice.id)>
                    <Icon of=drawn(notice.kind) />
                    {notice.title}
                </RowLink>
                {unread.then(|| view! { " " <Badge>"New"</Badge> })}
                {body}
            </td>
            <td class="whitespace-nowrap"><Time at=notice.created_at /></td>
        </tr>
    }
}

/// `/notifications/{id}`: marks it as read and goes on to what it is about.
pub async fn open(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: NoticeId = id.parse().map_err(|_| Error::NotFound("notification"))?;
    let href = notifications::open(&cx.portal, &cx.actor, id).await?;
    Ok(see_other(&href))
}

/// `POST /notifications/read`
pub async fn read(cx: Cx, _posted: Posted) -> Answer {
    notifications::mark_read(&cx.portal, &cx.actor, None).await?;
    cx.redirect("/notifications", "Everything is read")
}
