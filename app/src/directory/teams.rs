//! Teams: the list, and one team with its people and what it owns.

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{Page, PageRequest};
use portal::{
    catalog,
    identity::directory::{self, Member, Team, TeamSummary},
};
use serde::Deserialize;

use super::Held;
use crate::{
    backend::{Answer, Cx, Head},
    catalog::{Part, Parts, address, drawn, team_href},
    ui::{
        badge::Lifecycle,
        icon, number,
        page_head::{PageHead, Section},
        pagination::{Pagination, SeeAll},
        search::SearchBox,
        state::Empty,
        table::{Column, RowLink, Table},
        thing::{Kind, Thing},
    },
};

const PATH: &str = "/teams";

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    pub(super) q: String,
    pub(super) cursor: Option<String>,
}

/// `/teams`
pub async fn list(cx: Cx, Query(asked): Query<Asked>) -> Answer {
    let page = directory::teams(&cx.portal, &cx.actor, &asked.q, &PageRequest::at(asked.cursor)).await?;
    let sources = catalog::may_see_sources(&cx.portal, &cx.actor);
    cx.page(Head::new("Teams").under("Catalog", "/catalog").wide(), move || {
        view! {
            <PageHead title="Teams" state=format!("{} in all", page.total).into_any() />
            <Parts current=Part::Teams sources />
            <Teams text=asked.q page />
        }
    })
}

#[component]
fn Teams(text: String, page: Page<TeamSummary>) -> impl IntoView {
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
    let columns =
        vec![Column::new("Team"), Column::new("Leads").wide_only(), Column::number("People"), Column::number("Owns")];
    let nothing = page.items.is_empty().then(|| {
        view! {
            <tr>
                <td colspan="4">
                    <Empty title="No such team" icon=icon::TEAM>
                        "Teams come from the identity provider's groups, and from the owners that descriptors name."
                    </Empty>
                </td>
            </tr>
        }
    });
    let rows = page
        .items
        .into_iter()
        .map(|team| {
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href=team_href(&team.name)>
                            <Thing kind=Kind::Team name=team.display_name />
                        </RowLink>
                    </td>
                    <td class="table-wide-only table-cut">{team.leads.join(", ")}</td>
                    <td class="number">{number::grouped(team.members)}</td>
                    <td class="number">{number::grouped(team.entities)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="filters">
            <SearchBox action=PATH label="Search teams" value=text.clone() />
        </div>
        <Table caption="Teams" columns footer=footer.into_any()>
            {rows}
            {nothing}
        </Table>
    }
}

/// `/teams/{name}`
pub async fn team(cx: Cx, Path(name): Path<String>) -> Answer {
    let team = directory::team(&mut cx.portal.snapshot(&cx.actor).await?, &name).await?;
    let head = Head::new(&team.display_name).under("Catalog", "/catalog").under("Teams", PATH);
    cx.page(head, move || view! { <OneTeam team /> })
}

#[component]
fn OneTeam(team: Team) -> impl IntoView {
    let state = format!(
        "{}, owns {}",
        number::counted(team.members.len() as u64, "person", "people"),
        number::counted(team.owned_in_all, "entity", "entities")
    );
    let all = address("/catalog", [("owner", team.name.as_str())]);
    let more = (team.owned_in_all > team.owned.len() as u64)
        .then(|| view! { <SeeAll href=all total=team.owned_in_all what="entities" /> }.into_any());
    view! {
        <PageHead title=team.display_name state=state.into_any() />
        <Section title="People">
            <Members members=team.members />
        </Section>
        <Section title="Owns" more=more.unwrap_or_else(|| ().into_any())>
            <Owned owned=team.owned />
        </Section>
    }
}

#[component]
fn Members(members: Vec<Member>) -> impl IntoView {
    if members.is_empty() {
        return view! {
            <Empty title="Nobody yet" icon=icon::PEOPLE>
                "People are put into a team by a group of the identity provider, or by an administrator; never by a descriptor."
            </Empty>
        }
        .into_any();
    }
    let rows = members
        .into_iter()
        .map(|member| {
            let roles = member.roles.into_iter().map(|held| view! { <Held held /> " " }).collect_view();
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href=format!("/people/{}", member.id)>
                            <Thing kind=Kind::Person name=member.name />
                        </RowLink>
                    </td>
                    <td>{roles}</td>
                </tr>
            }
        })
        .collect_view();
    view! { <Table caption="People" columns=vec![Column::new("Person"), Column::new("Roles")]>{rows}</Table> }
        .into_any()
}

#[component]
fn Owned(owned: Vec<model::EntitySummary>) -> impl IntoView {
    if owned.is_empty() {
        return view! {
            <Empty title="Nothing that you may see" icon=icon::CATALOG>
                "What names this team as its owner in its descriptor appears here."
            </Empty>
        }
        .into_any();
    }
    let rows = owned
        .into_iter()
        .map(|entity| {
            let (kind, name) = (drawn(entity.reference.kind), entity.shown_name().to_owned());
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href=entity.reference.href()>
                            <Thing kind name />
                        </RowLink>
                    </td>
                    <td class="table-wide-only">{entity.kind_type.clone().unwrap_or_default()}</td>
                    <td>{entity.lifecycle.clone().map(|stage| view! { <Lifecycle stage /> })}</td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![Column::new("Entity"), Column::new("Type").wide_only(), Column::new("Lifecycle").tight()];
    view! { <Table caption="Owned entities" columns>{rows}</Table> }.into_any()
}
