//! The reader's services, the worst first.

use leptos::prelude::*;
use portal::dashboards::home::{Service, Whose};

use super::no_services;
use crate::ui::{
    number,
    page_head::Section,
    table::{Column, RowLink, Table},
    thing::{Kind, Thing},
    time::Time,
};

#[component]
pub fn Services(services: Vec<Service>, of: Whose) -> impl IntoView {
    let title = if of == Whose::All { "Services that need attention" } else { "Your teams' services" };
    if services.is_empty() {
        return view! { <Section title>{no_services(of)}</Section> }.into_any();
    }
    let rows = services.into_iter().map(|service| view! { <Row service /> }).collect_view();
    let columns = vec![
        Column::new("Service"),
        Column::new("Team").wide_only(),
        Column::number("Critical"),
        Column::number("High"),
        Column::number("Medium").wide_only(),
        Column::number("Incidents"),
        Column::number("Score").wide_only(),
        Column::number("Last scan").wide_only(),
    ];
    let more = view! { <a href="/catalog?kind=component">"All services"</a> };
    view! {
        <Section title more=more.into_any()>
            <Table caption=title columns>
                {rows}
            </Table>
        </Section>
    }
    .into_any()
}

#[component]
fn Row(service: Service) -> impl IntoView {
    let href = service.href();
    let Service { title, owner, open, incidents, reported_at, score, .. } = service;
    let score = number::share(score);
    let count = |count: i64| {
        let class = if count > 0 { "number" } else { "number muted" };
        (class, number::grouped(count.unsigned_abs()))
    };
    let (critical, high, medium, incidents) =
        (count(open.critical), count(open.high), count(open.medium), count(incidents));
    let scanned = reported_at
        .map_or_else(|| view! { <span class="muted">"Never"</span> }.into_any(), |at| view! { <Time at /> }.into_any());
    view! {
        <tr>
            <td class="table-cut">
                <RowLink href>
                    <Thing kind=Kind::Component name=title />
                </RowLink>
            </td>
            <td class="table-wide-only table-cut">{owner}</td>
            <td class=critical.0>{critical.1}</td>
            <td class=high.0>{high.1}</td>
            <td class=format!("{} table-wide-only", medium.0)>{medium.1}</td>
            <td class=incidents.0>{incidents.1}</td>
            <td class="number table-wide-only">{score}</td>
            <td class="number table-wide-only">{scanned}</td>
        </tr>
    }
}
