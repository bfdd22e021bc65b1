//! `/approvals`: what waits for me, what I decided, what I asked for.

use axum::extract::Query;
use leptos::prelude::*;
use model::{
    page::{Cursor, Page, PageRequest},
    request::{Inbox, RequestRow},
};
use portal::{notifications, requests};
use serde::Deserialize;

use super::{Stands, drawn, person};
use crate::{
    backend::{Answer, Cx, Head, percent_encoded},
    ui::{
        button::LinkButton,
        icon::{self, Icon},
        live::Live,
        page_head::PageHead,
        pagination::Pagination,
        state::Empty,
        table::{Column, RowLink, Table},
        tabs::{Tab, Tabs},
        thing::{Kind, Thing},
        time::Time,
    },
};

#[derive(Debug, Default, Deserialize)]
pub struct Which {
    #[serde(default)]
    inbox: String,
    cursor: Option<String>,
}

/// `/approvals`
pub async fn list(cx: Cx, Query(which): Query<Which>) -> Answer {
    let inbox = Inbox::parse(&which.inbox).unwrap_or_default();
    let page = requests::list(&cx.portal, &cx.actor, inbox, None, &PageRequest::at(which.cursor)).await?;
    let waiting = u64::from(cx.chrome.approvals);
    let topic = cx.actor.person_id().map(|person| notifications::topic(person).0).unwrap_or_default();
    cx.page(Head::new("Approvals").wide(), move || {
        let tabs = Inbox::ALL
            .into_iter()
            .map(|one| {
                let tab = Tab::new(label(one), href(one, None)).current(one == inbox);
                if one == Inbox::Waiting { tab.count(waiting) } else { tab }
            })
            .collect();
        let actions = view! { <LinkButton href="/access/request">"Ask for a role"</LinkButton> };
        view! {
            <PageHead title="Approvals" actions=actions.into_any() />
            <Live id="requests" topic>
                <Tabs label="Requests" tabs />
                <Rows inbox page />
            </Live>
        }
    })
}

#[component]
fn Rows(inbox: Inbox, page: Page<RequestRow>) -> impl IntoView {
    if page.items.is_empty() {
        return empty(inbox);
    }
    let columns = vec![
        Column::new("Request"),
        Column::new("State").tight(),
        Column::new("Asked by").wide_only(),
        Column::new("Team").wide_only(),
        Column::new("Waits for").wide_only(),
        Column::new("Asked").tight().wide_only(),
    ];
    let turned = |cursor: Option<&Cursor>| cursor.map(|cursor| href(inbox, Some(cursor))).unwrap_or_default();
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
    view! {
        <Table caption=label(inbox) columns footer=footer.into_any()>
            {page.items.into_iter().map(row).collect_view()}
        </Table>
    }
    .into_any()
}

fn row(request: RequestRow) -> impl IntoView {
    let waits_for = match request.waits_for.as_slice() {
        [] => "–".to_owned(),
        groups => groups.join(", "),
    };
    view! {
        <tr>
            <td>
                <RowLink href=request.number.href()>
                    <Icon of=drawn(request.kind) />
                    {request.title}
                </RowLink>
                <span class="small muted">" #" {request.number.to_string()}</span>
            </td>
            <td><Stands state=request.state /></td>
            <td class="table-wide-only"><Thing kind=Kind::Person name=request.requester.name href=person(request.requester.id) /></td>
            <td class="table-wide-only">{request.owner.unwrap_or_else(|| "–".to_owned())}</td>
            <td class="table-wide-only">{waits_for}</td>
            <td class="table-wide-only"><Time at=request.created_at /></td>
        </tr>
    }
}

fn empty(inbox: Inbox) -> AnyView {
    let (title, words) = match inbox {
        Inbox::Waiting => ("Nothing waits for you", "What needs your approval shows here, and in your notifications."),
        Inbox::Decided => ("You have decided nothing yet", "What you approve or decline shows here."),
        Inbox::Mine => {
            ("You have asked for nothing yet", "Environments and roles that you ask for show here until they are done.")
        }
        Inbox::All => ("There are no requests that you may see", "Requests about your teams and services show here."),
    };
    let action = (inbox == Inbox::Mine).then(|| ("/access/request".to_owned(), "Ask for a role".to_owned()));
    view! {
        <Empty title=title icon=icon::APPROVAL action=action>
            {words}
        </Empty>
    }
    .into_any()
}

const fn label(inbox: Inbox) -> &'static str {
    match inbox {
        Inbox::Waiting => "Waits for me",
        Inbox::Decided => "Decided by me",
        Inbox::Mine => "Asked by me",
        Inbox::All => "All",
    }
}

fn href(inbox: Inbox, cursor: Option<&Cursor>) -> String {
    let cursor = cursor.map(|cursor| format!("&cursor={}", percent_encoded(&cursor.0))).unwrap_or_default();
    format!("/approvals?inbox={}{cursor}", inbox.as_str())
}
