//! Who may do what with an entity, through which role, until when; for others their own line.

use leptos::prelude::*;
use portal::identity::access::{self, Covering, EntityAccess, Through};

use super::{
    detail::{EntityPath, open, page},
    team_href,
};
use crate::{
    approvals::person,
    backend::{Answer, Cx},
    ui::{
        facts::{Fact, Facts},
        page_head::Section,
        table::{Column, Table},
        thing::{Kind, Thing},
        time::ExactTime,
        words::capitalised,
    },
};

/// `/catalog/{kind}/{namespace}/{name}/access`
pub async fn tab(cx: Cx, path: EntityPath) -> Answer {
    let (entity, mut snapshot) = open(&cx, path).await?;
    let access = access::of_entity(&mut snapshot, entity.summary.id).await?;
    page(&cx, &entity, "access", move || view! { <Access access /> })
}

#[component]
fn Access(access: EntityAccess) -> impl IntoView {
    let EntityAccess { team, mine, my_roles, held, more, everybody, adds } = access;
    let own = own_line(&my_roles, team.as_deref());
    let mine = mine
        .into_iter()
        .map(|(does, because)| {
            view! {
                <tr>
                    <td>{capitalised(does)}</td>
                    <td class="muted">{capitalised(&because.join("; "))}</td>
                </tr>
            }
        })
        .collect_view();
    let all = held.map(|held| view! { <Everybody team held more everybody adds /> });
    view! {
        <Section title="What you may do here">
            <p class="mb-2">{own}</p>
            <Table caption="What you may do here" columns=vec![Column::new("You may"), Column::new("Because of")]>
                {mine}
            </Table>
        </Section>
        {all}
    }
}

fn own_line(roles: &[(portal::authz::RoleName, Through)], team: Option<&str>) -> String {
    if roles.is_empty() {
        return "You hold no role over it: you may do what everybody who is signed in may.".to_owned();
    }
    let held: Vec<String> = roles
        .iter()
        .map(|(role, through)| format!("{} {}", role.label().to_lowercase(), place(*through, team)))
        .collect();
    format!("You are {}.", held.join(" and "))
}

fn place(through: Through, team: Option<&str>) -> String {
    match through {
        Through::Entity => "on this entity".to_owned(),
        Through::Team => format!("in {}", team.unwrap_or("the team that owns it")),
        Through::Organisation => "in the whole organisation".to_owned(),
    }
}

#[component]
fn Everybody(
    team: Option<String>,
    held: Vec<Covering>,
    more: bool,
    everybody: Vec<&'static str>,
    adds: Vec<(portal::authz::RoleName, Vec<&'static str>)>,
) -> impl IntoView {
    let mut facts = vec![Fact::text("Everybody signed in", told(&everybody))];
    facts.extend(adds.into_iter().map(|(role, adds)| Fact::text(role.label(), told(&adds))));
    let rows = held
        .into_iter()
        .map(|one| {
            let through = match (one.through, team.clone()) {
                (Through::Team, Some(team)) => {
                    view! { <Thing kind=Kind::Team name=team.clone() href=team_href(&team) /> }.into_any()
                }
                (through, team) => capitalised(&place(through, team.as_deref())).into_any(),
            };
            let from = match one.request {
                Some(number) => {
                    view! { <a class="link" href=number.href()>{format!("Request #{number}")}</a> }.into_any()
                }
                None => one.source.label().into_any(),
            };
            let until = match one.expires_at {
                Some(at) => view! { <ExactTime at /> }.into_any(),
                None => view! { <span class="muted">"no end"</span> }.into_any(),
            };
            view! {
                <tr>
                    <td class="table-cut">
                        <Thing kind=Kind::Person name=one.person.name.clone() href=person(one.person.id) />
                    </td>
                    <td>{one.role.label()}</td>
                    <td class="table-wide-only table-cut">{through}</td>
                    <td class="table-wide-only">{from}</td>
                    <td class="whitespace-nowrap">{until}</td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Person"),
        Column::new("Role"),
        Column::new("Through").wide_only(),
        Column::new("From").wide_only(),
        Column::new("Until").tight(),
    ];
    view! {
        <Section title="What each role may do here">
            <Facts facts />
        </Section>
        <Section title="Who holds a role here">
            <Table caption="Roles over this entity" columns>
                {rows}
            </Table>
            {more.then(|| view! { <p class="muted small">"There are more; the Access page shows them team by team."</p> })}
        </Section>
    }
}

fn told(does: &[&'static str]) -> String {
    if does.is_empty() { "Nothing more".to_owned() } else { capitalised(&does.join(", ")) }
}

#[cfg(test)]
mod tests {
    use portal::authz::RoleName;

    use super::*;

    #[test]
    fn ones_own_line_says_through_what() {
        assert_eq!(
            own_line(
                &[(RoleName::Developer, Through::Team), (RoleName::Auditor, Through::Organisation)],
                Some("payments")
            ),
            "You are developer in payments and auditor in the whole organisation."
        );
        assert!(own_line(&[], None).contains("no role over it"));
    }
}
