//! Who has no counterpart: Groups and Users of the catalog beside teams and people of the identity provider.

use leptos::prelude::*;
use portal::catalog::{self, Unmatched, UnmatchedEntity};

use crate::{
    backend::{Answer, Cx, Head},
    catalog::{Part, Parts, drawn, team_href},
    ui::{
        Tone,
        badge::Status,
        code::Code,
        number,
        page_head::{PageHead, Section},
        table::{Column, RowLink, Table},
        thing::{Kind, Thing},
    },
};

/// `/catalog/unmatched`
pub async fn page(cx: Cx) -> Answer {
    let unmatched = catalog::unmatched(&cx.portal, &cx.actor).await?;
    let sources = catalog::may_see_sources(&cx.portal, &cx.actor);
    cx.page(Head::new("Unmatched").under("Catalog", "/catalog"), move || view! { <Both unmatched sources /> })
}

#[component]
fn Both(unmatched: Unmatched, sources: bool) -> impl IntoView {
    let Unmatched { groups, teams, users, people } = unmatched;
    let count = groups.len() + teams.len() + users.len() + people.len();
    let state = if count == 0 {
        view! { <Status tone=Tone::Good>"Catalog and identity provider name the same teams and people"</Status> }
    } else {
        view! { <Status tone=Tone::Attention>{number::counted(count as u64, "name", "names")} " without a counterpart"</Status> }
    };
    let teams = teams
        .into_iter()
        .map(|team| Row { kind: Kind::Team, href: team_href(&team.name), name: team.name, known_by: String::new() })
        .collect();
    let people = people
        .into_iter()
        .map(|one| Row {
            kind: Kind::Person,
            href: format!("/people/{}", one.id),
            name: one.name,
            known_by: one.email.unwrap_or_default(),
        })
        .collect();
    view! {
        <PageHead title="Unmatched" state=state.into_any() />
        <Parts current=Part::Unmatched sources />
        <p class="muted">
            "A Group is the team that its annotation " <Code code="rampart.dev/group" />
            " names, else the team of its own name. A User is the person of its annotation "
            <Code code="rampart.dev/subject" />
            ", else of its address, else of its own name as the provider's subject. Rename one side or add the annotation to match them. Matching gives nobody a role: those come from the identity provider or an administrator."
        </p>
        <Side title="Groups whose team nobody is in" rows=entities(groups) />
        <Side title="Teams that no Group describes" rows=teams />
        <Side title="Users who have never signed in" rows=entities(users) />
        <Side title="People whom no User describes" rows=people />
    }
}

struct Row {
    kind: Kind,
    name: String,
    href: String,
    /// What it could be matched by.
    known_by: String,
}

fn entities(found: Vec<UnmatchedEntity>) -> Vec<Row> {
    let row = |one: UnmatchedEntity| Row {
        kind: drawn(one.reference.kind),
        href: one.reference.href(),
        known_by: one.reference.to_string(),
        name: one.title.unwrap_or(one.reference.name),
    };
    found.into_iter().map(row).collect()
}

#[component]
fn Side(#[prop(into)] title: String, rows: Vec<Row>) -> impl IntoView {
    if rows.is_empty() {
        return view! {
            <Section title>
                <p class="muted">"None."</p>
            </Section>
        }
        .into_any();
    }
    let caption = title.clone();
    let rows = rows
        .into_iter()
        .map(|Row { kind, name, href, known_by }| {
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href>
                            <Thing kind name />
                        </RowLink>
                    </td>
                    <td class="table-wide-only table-cut muted">{known_by}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Section title>
            <Table caption columns=vec![Column::new("Name"), Column::new("Known by").wide_only()]>
                {rows}
            </Table>
        </Section>
    }
    .into_any()
}
