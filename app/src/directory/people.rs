//! People: the list, and one person with the roles that they hold.

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{Page, PageRequest, PersonId};
use portal::{
    Error, catalog,
    identity::directory::{self, PersonDetail, PersonSummary},
};

use super::{Held, teams::Asked};
use crate::{
    backend::{Answer, Cx, Head},
    catalog::{Part, Parts, address, team_href},
    ui::{
        Tone,
        badge::{Badge, Status},
        icon,
        page_head::{PageHead, Section},
        pagination::Pagination,
        search::SearchBox,
        state::Empty,
        table::{Column, RowLink, Table},
        thing::{Kind, Thing},
        time::Time,
    },
};

const PATH: &str = "/people";

/// `/people`
pub async fn list(cx: Cx, Query(asked): Query<Asked>) -> Answer {
    let page = directory::people(&cx.portal, &cx.actor, &asked.q, &PageRequest::at(asked.cursor)).await?;
    let sources = catalog::may_see_sources(&cx.portal, &cx.actor);
    cx.page(Head::new("People").under("Catalog", "/catalog").wide(), move || {
        view! {
            <PageHead title="People" state=format!("{} in all", page.total).into_any() />
            <Parts current=Part::People sources />
            <People text=asked.q page />
        }
    })
}

#[component]
fn People(text: String, page: Page<PersonSummary>) -> impl IntoView {
    let turned = |cursor: Option<&model::Cursor>| {
        cursor.map(|cursor| address(PATH, [("q", text.as_str()), ("cursor", cursor.0.as_str())])).unwrap_or_default()
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
    let columns = vec![
        Column::new("Person"),
        Column::new("Address").wide_only(),
        Column::new("Teams"),
        Column::new("Signed in").tight().wide_only(),
    ];
    let nothing = page.items.is_empty().then(|| {
        view! {
            <tr>
                <td colspan="4">
                    <Empty title="Nobody of that name" icon=icon::PEOPLE>
                        "People appear here once they have signed in."
                    </Empty>
                </td>
            </tr>
        }
    });
    let rows = page.items.into_iter().map(|person| view! { <Row person /> }).collect_view();
    view! {
        <div class="filters">
            <SearchBox action=PATH label="Search people" value=text.clone() />
        </div>
        <Table caption="People" columns footer=footer.into_any()>
            {rows}
            {nothing}
        </Table>
    }
}

#[component]
fn Row(person: PersonSummary) -> impl IntoView {
    let teams = person
        .teams
        .iter()
        .map(|team| view! { <a class="link" href=team_href(team)>{team.clone()}</a> " " })
        .collect_view();
    view! {
        <tr>
            <td class="table-cut">
                <RowLink href=format!("/people/{}", person.id)>
                    <Thing kind=Kind::Person name=person.name />
                </RowLink>
                {(!person.active).then(|| view! { " " <Badge>"Gone"</Badge> })}
            </td>
            <td class="table-wide-only table-cut">{person.email.unwrap_or_default()}</td>
            <td class="table-cut">{teams}</td>
            <td class="table-wide-only">{person.signed_in_at.map(|at| view! { <Time at /> })}</td>
        </tr>
    }
}

/// `/people/{id}`
pub async fn person(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: PersonId = id.parse().map_err(|_| Error::NotFound("person"))?;
    let person = directory::person(&mut cx.portal.snapshot(&cx.actor).await?, id).await?;
    let head = Head::new(&person.name).under("Catalog", "/catalog").under("People", PATH);
    cx.page(head, move || view! { <OnePerson person /> })
}

#[component]
fn OnePerson(person: PersonDetail) -> impl IntoView {
    let state = view! {
        {(!person.active).then(|| view! { <Status tone=Tone::Unknown>"Gone"</Status> })}
        {person.email}
    };
    let content = if person.roles.is_empty() {
        view! {
            <Empty title="No roles" icon=icon::KEY>
                "Roles come from the identity provider's groups, from an administrator, or for a time from an approved request."
            </Empty>
        }
        .into_any()
    } else {
        let rows = person
            .roles
            .into_iter()
            .map(|(team, held)| {
                let from = match held.source.as_str() {
                    "provider" => "Identity provider",
                    "administrator" => "An administrator",
                    _ => "An approved request",
                };
                let place = match team {
                    Some(team) => {
                        view! { <Thing kind=Kind::Team name=team.clone() href=team_href(&team) /> }.into_any()
                    }
                    None => "The whole organisation".into_any(),
                };
                view! {
                    <tr>
                        <td>
                            <Held held />
                        </td>
                        <td class="table-cut">{place}</td>
                        <td class="table-wide-only">{from}</td>
                    </tr>
                }
            })
            .collect_view();
        let columns = vec![Column::new("Role"), Column::new("Where"), Column::new("From").wide_only()];
        view! { <Table caption="Roles" columns>{rows}</Table> }.into_any()
    };
    view! {
        <PageHead title=person.name state=state.into_any() />
        <Section title="Roles">{content}</Section>
    }
}
