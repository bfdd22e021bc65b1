//! Teams: the list, and one team with its people and what it owns.

use std::collections::HashMap;

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{EntityId, EntityRef, Page, PageRequest};
use portal::{
    authz::{ActionName, Facts},
    catalog::{
        self,
        ownership::{self, Standing, TeamCard},
    },
    identity::directory::{self, Member, Team, TeamSummary},
};
use serde::Deserialize;

use super::Held;
use crate::{
    backend::{Answer, Cx, Head},
    catalog::{Part, Parts, address, drawn, ownership::Reached, team_href},
    ui::{
        Tone,
        badge::{Badge, Lifecycle},
        button::LinkButton,
        icon, number,
        page_head::{PageHead, Section},
        pagination::{Pagination, SeeAll},
        search::SearchBox,
        state::Empty,
        table::{Column, RowLink, Table},
        thing::{Kind, Thing},
        time::Time,
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
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let team = directory::team(&mut snapshot, &name).await?;
    let card = ownership::team_card(&mut snapshot, team.id).await?;
    let standings = ownership::standings(&mut snapshot, team.id, &team.owned).await?;
    let facts = Facts { owner: Some(team.id), ..Facts::default() };
    let may_move = snapshot.may(ActionName::OwnershipMove, &team.id.to_string(), &facts)?;
    let head = Head::new(&team.display_name).under("Catalog", "/catalog").under("Teams", PATH);
    cx.page(head, move || view! { <OneTeam team card standings may_move /> })
}

#[component]
fn OneTeam(team: Team, card: TeamCard, standings: HashMap<EntityId, Standing>, may_move: bool) -> impl IntoView {
    let state = format!(
        "{}, owns {}",
        number::counted(team.members.len() as u64, "person", "people"),
        number::counted(team.owned_in_all, "entity", "entities")
    );
    let all = address("/catalog", [("owner", team.name.as_str())]);
    let more = (team.owned_in_all > team.owned.len() as u64)
        .then(|| view! { <SeeAll href=all total=team.owned_in_all what="entities" /> }.into_any());
    let actions = (may_move && team.owned_in_all > 0).then(|| {
        let href = address("/catalog/ownership", [("from", team.id.to_string())]);
        view! { <LinkButton href icon=Some(icon::TEAM)>"Move ownership"</LinkButton> }.into_any()
    });
    view! {
        <PageHead title=team.display_name state=state.into_any() actions=actions.unwrap_or_else(|| ().into_any()) />
        {card.description.clone().map(|description| view! { <p class="mb-6">{description}</p> })}
        <div class="beside">
            <div class="min-w-0">
                <Section title="Owns" more=more.unwrap_or_else(|| ().into_any())>
                    <Owned owned=team.owned standings />
                </Section>
                <Section title="People">
                    <Members members=team.members />
                </Section>
            </div>
            <aside aria-label="How to reach them">
                <Around card />
            </aside>
        </div>
    }
}

/// How to reach a team, and the teams above and below it.
#[component]
fn Around(card: TeamCard) -> impl IntoView {
    let teams = |title: &'static str, groups: Vec<(EntityRef, String)>| {
        let groups = groups
            .into_iter()
            .map(|(group, name)| view! { <li><Thing kind=Kind::Team name href=group.href() /></li> })
            .collect::<Vec<_>>();
        (!groups.is_empty()).then(|| {
            view! {
                <h2 class="mt-4 small muted">{title}</h2>
                <ul>{groups}</ul>
            }
        })
    };
    let described = match card.group.clone() {
        Some(group) => view! { <a class="link small" href=group.href()>"Its Group in the catalog"</a> }.into_any(),
        None => view! { <p class="small muted">"No Group of the catalog describes this team."</p> }.into_any(),
    };
    view! {
        <section class="owner-card" aria-label="How to reach them">
            <h2>"How to reach them"</h2>
            <Reached contact=card.contact />
            {teams("Part of", card.parents)}
            {teams("Teams within", card.children)}
            <div class="mt-4">{described}</div>
        </section>
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
fn Owned(owned: Vec<model::EntitySummary>, standings: HashMap<EntityId, Standing>) -> impl IntoView {
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
            let standing = standings.get(&entity.id).cloned().unwrap_or_default();
            let findings = match standing.findings {
                Some((0, 0)) => view! { <span class="muted">"None"</span> }.into_any(),
                Some((critical, high)) => view! {
                    {(critical > 0)
                        .then(|| {
                            view! {
                                <Badge tone=Some(Tone::Wrong)>{format!("{} critical", number::grouped(critical))}</Badge>
                                " "
                            }
                        })}
                    {(high > 0)
                        .then(|| {
                            view! { <Badge tone=Some(Tone::Attention)>{format!("{} high", number::grouped(high))}</Badge> }
                        })}
                }
                .into_any(),
                None => view! { <span class="muted">"–"</span> }.into_any(),
            };
            let incidents = match standing.incidents {
                Some(0) => view! { <span class="muted">"0"</span> }.into_any(),
                Some(open) => view! { <strong>{number::grouped(open)}</strong> }.into_any(),
                None => view! { <span class="muted">"–"</span> }.into_any(),
            };
            let scorecard = standing.scorecard.map(|(level, score)| format!("{level}, {score} %"));
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href=entity.reference.href()>
                            <Thing kind name />
                        </RowLink>
                    </td>
                    <td class="table-wide-only">{entity.lifecycle.clone().map(|stage| view! { <Lifecycle stage /> })}</td>
                    <td class="whitespace-nowrap">{findings}</td>
                    <td class="number">{incidents}</td>
                    <td class="table-wide-only table-tight">{scorecard.unwrap_or_else(|| "–".to_owned())}</td>
                    <td class="table-wide-only table-tight"><Time at=entity.updated_at /></td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Entity"),
        Column::new("Lifecycle").tight().wide_only(),
        Column::new("Open findings").tight(),
        Column::number("Incidents"),
        Column::new("Scorecard").tight().wide_only(),
        Column::new("Changed").tight().wide_only(),
    ];
    view! { <Table caption="Owned entities" columns>{rows}</Table> }.into_any()
}
