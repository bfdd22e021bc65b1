//! `/running`: what is under way right now, of all that the reader may see.

use leptos::prelude::*;
use model::{Integration, environment::EnvironmentRow};
use portal::dashboards::{self, Running};

use crate::{
    backend::{Answer, Cx, Head},
    environments::{service_name, status},
    notifications::deliveries::Deliveries,
    ui::{
        Tone,
        badge::Status,
        icon,
        live::Live,
        number,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, RowLink, Table},
        thing::{Kind, Thing},
        time::Time,
    },
};

/// `/running`
pub async fn page(cx: Cx) -> Answer {
    let running = dashboards::running(&cx.portal, &cx.actor).await?;
    let topic = cx.chrome.topic.clone().unwrap_or_default();
    cx.page(Head::new("Running").wide(), move || {
        let state = match running.count() {
            0 => "Nothing at present".to_owned(),
            count => number::counted(count, "thing under way", "things under way"),
        };
        view! {
            <PageHead title="Running" state=state.into_any() />
            <Live id="running" topic>
                <Everything running />
            </Live>
        }
    })
}

#[component]
fn Everything(running: Running) -> impl IntoView {
    if running.count() == 0 {
        return view! {
            <Empty
                title="Nothing is running"
                icon=icon::RUNNING
                action=Some(("/environments/new".to_owned(), "Request environment".to_owned()))
            >
                "Environments that are being made or removed, mail and webhooks on their way, and services that are looked at again show here while it lasts. Descriptors and reports are read at once, so they never wait here."
            </Empty>
        }
        .into_any();
    }
    let Running { making, removing, deliveries, tests, scoring } = running;
    view! {
        {environments("Being made", making.items, making.total.value)}
        {environments("Being removed", removing.items, removing.total.value)}
        {(!deliveries.is_empty())
            .then(|| {
                view! {
                    <Section title="Mail and webhooks on their way">
                        <Deliveries caption="Deliveries on their way" deliveries may_retry=false />
                    </Section>
                }
            })}
        {(!tests.is_empty()).then(|| view! { <Tests tests /> })}
        {(scoring > 0).then(|| view! { <Scoring scoring=scoring.unsigned_abs() /> })}
    }
    .into_any()
}

fn environments(title: &'static str, rows: Vec<EnvironmentRow>, total: u64) -> AnyView {
    if rows.is_empty() {
        return ().into_any();
    }
    let shown = rows.len() as u64;
    let more = (total > shown).then(|| {
        view! { <a class="link small" href="/environments">{format!("{} in all", number::grouped(total))}</a> }
    });
    let columns = vec![
        Column::new("Environment"),
        Column::new("State").tight(),
        Column::new("Service").wide_only(),
        Column::new("Asked for by").tight().wide_only(),
        Column::new("Since").tight(),
        Column::new("Log").tight(),
    ];
    let rows = rows
        .into_iter()
        .map(|row| {
            let (href, log) = (row.href(), format!("{}#environment-log", row.href()));
            let (name, spoken) = (row.name.clone(), format!(" of {}", row.name));
            let state = status(&row);
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href>{name}</RowLink>
                    </td>
                    <td>{state}</td>
                    <td class="table-wide-only table-cut">
                        <Thing kind=Kind::Component name=service_name(&row.service) href=row.service_href.clone() />
                    </td>
                    <td class="table-wide-only">
                        <Thing
                            kind=Kind::Person
                            name=row.requester_name.clone()
                            href=format!("/people/{}", row.requester)
                        />
                    </td>
                    <td>
                        <Time at=row.created_at />
                    </td>
                    <td class="whitespace-nowrap">
                        <a class="link" href=log>
                            "Live log"
                            <span class="only-spoken">{spoken}</span>
                        </a>
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Section title more=more.into_any()>
            <Table caption=format!("Environments {}", title.to_lowercase()) columns>
                {rows}
            </Table>
        </Section>
    }
    .into_any()
}

#[component]
fn Tests(tests: Vec<Integration>) -> impl IntoView {
    let columns = vec![Column::new("Integration"), Column::new("Asked for").tight()];
    let rows = tests
        .into_iter()
        .map(|one| {
            view! {
                <tr>
                    <td>
                        <RowLink href=one.href()>
                            <Thing kind=Kind::Integration name=one.name.clone() />
                        </RowLink>
                    </td>
                    <td>{one.test_requested_at.map(|at| view! { <Time at /> })}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Section title="Integrations being tried">
            <Table caption="Integrations being tried" columns>
                {rows}
            </Table>
        </Section>
    }
}

#[component]
fn Scoring(scoring: u64) -> impl IntoView {
    let words = number::counted(scoring, "look at scorecards waits", "looks at scorecards wait");
    view! {
        <Section title="Scorecards">
            <p>
                <Status tone=Tone::Good running=true>
                    {words}
                </Status>
            </p>
            <p class="muted">"Services are looked at again when something about them changes, and once a day."</p>
        </Section>
    }
}
