//! `/admin/deliveries`: what did not arrive, and what waits for its integration to be enabled.

use axum::extract::Path;
use leptos::prelude::*;
use model::{DeliveryId, Integration, notification::Undelivered};
use portal::{Error, integrations, notifications};

use crate::{
    backend::{Answer, Cx},
    catalog::team_href,
    integrations::State,
    ui::{
        Tone,
        badge::Status,
        button::{Button, LinkButton},
        form::Form,
        icon,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, RowLink, Table},
        thing::{Kind, Thing},
        time::{ExactTime, Time},
    },
};

/// `/admin/deliveries`
pub async fn page(cx: Cx) -> Answer {
    let undelivered = notifications::undelivered(&cx.portal, &cx.actor).await?;
    let mut through = integrations::list(&cx.portal, &cx.actor).await?;
    through.retain(|one| one.kind.posts_news() || one.kind == model::IntegrationKind::Mail);
    let may_edit = integrations::may_add(&cx.portal, &cx.actor);
    cx.page("Deliveries", move || {
        let add = may_edit.then(|| {
            view! {
                <LinkButton href="/admin/integrations/new" icon=Some(icon::ADD)>
                    "Add webhook"
                </LinkButton>
            }
        });
        let held = undelivered.iter().filter(|one| one.held).count() as u64;
        let late = undelivered.len() as u64 - held;
        let state = match (late, held) {
            (0, 0) => "Everything has arrived".to_owned(),
            (late, 0) => format!("{late} not arrived"),
            (0, held) => format!("{held} waiting for an integration"),
            (late, held) => format!("{late} not arrived, {held} waiting for an integration"),
        };
        view! {
            <PageHead title="Deliveries" state=state.into_any() actions=add.into_any() />
            <Section title="What did not arrive">
                <Waiting undelivered may_edit />
            </Section>
            <Section title="What they go through">
                <Through through />
            </Section>
        }
    })
}

/// `POST /admin/deliveries/{id}/retry`
pub async fn retry(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: DeliveryId = id.parse().map_err(|_| Error::NotFound("delivery that waits"))?;
    notifications::redeliver(&cx.portal, &cx.actor, id).await?;
    cx.redirect("/admin/deliveries", "It is tried again now")
}

#[component]
fn Waiting(undelivered: Vec<Undelivered>, may_edit: bool) -> impl IntoView {
    if undelivered.is_empty() {
        return view! {
            <Empty title="Everything has arrived" icon=icon::MAIL>
                "Mail and webhooks that fail show here with the reason and the next attempt, and those that wait for their integration to be enabled."
            </Empty>
        }
        .into_any();
    }
    view! { <Deliveries caption="What did not arrive" deliveries=undelivered may_retry=may_edit /> }.into_any()
}

/// Where each goes, what it says and when it is tried next.
#[component]
pub(crate) fn Deliveries(caption: &'static str, deliveries: Vec<Undelivered>, may_retry: bool) -> impl IntoView {
    let mut columns = vec![
        Column::new("To"),
        Column::new("About").wide_only(),
        Column::new("Why"),
        Column::number("Attempts").tight().wide_only(),
        Column::new("Next").tight(),
    ];
    if may_retry {
        columns.push(Column::new("").tight());
    }
    let rows = deliveries
        .into_iter()
        .map(|one| {
            let next = next(&one);
            let again = may_retry.then(|| retry_button(&one));
            view! {
                <tr>
                    <td>{one.to}</td>
                    <td class="table-wide-only table-cut">{one.title}</td>
                    <td>{one.last_error}</td>
                    <td class="number table-wide-only">{one.attempts}</td>
                    <td class="whitespace-nowrap">{next}</td>
                    {again.map(|again| view! { <td>{again}</td> })}
                </tr>
            }
        })
        .collect_view();
    view! { <Table caption columns>{rows}</Table> }
}

/// When a delivery is tried next, or why it is not.
fn next(delivery: &Undelivered) -> AnyView {
    match delivery.next_at {
        _ if delivery.held => view! { <Status tone=Tone::Attention>"Waits"</Status> }.into_any(),
        Some(at) => view! { <ExactTime at /> }.into_any(),
        None => view! { <Status tone=Tone::Wrong>"Given up"</Status> }.into_any(),
    }
}

/// None for what waits for an integration: it goes out by itself once that is enabled.
fn retry_button(delivery: &Undelivered) -> Option<impl IntoView + use<>> {
    let spoken = StoredValue::new(format!(" {}, {}", delivery.to, delivery.title));
    let action = format!("/admin/deliveries/{}/retry", delivery.id);
    (!delivery.held).then(|| {
        view! {
            <Form action name="retry" inline=true>
                <Button icon=Some(icon::REFRESH)>
                    "Try now"
                    <span class="only-spoken">{spoken.get_value()}</span>
                </Button>
            </Form>
        }
    })
}

#[component]
fn Through(through: Vec<Integration>) -> impl IntoView {
    if through.is_empty() {
        return view! {
            <Empty title="Nothing leaves this installation" icon=icon::INTEGRATION>
                "People are told in the portal alone. RAMPART_SMTP_URL sets mail up; a webhook posts a team’s or the organisation’s news to a chat channel or to a program."
            </Empty>
        }
        .into_any();
    }
    let columns = vec![
        Column::new("Name"),
        Column::new("Kind").wide_only(),
        Column::new("Owner").wide_only(),
        Column::new("Last success").tight().wide_only(),
        Column::new("State").tight(),
    ];
    let rows = through
        .into_iter()
        .map(|one| {
            let owner = one.owner_name.clone().map(|team| {
                let href = team_href(&team);
                view! { <Thing kind=Kind::Team name=team href /> }
            });
            let success = one.succeeded_at.map_or("never".into_any(), |at| view! { <Time at /> }.into_any());
            let (href, name, kind) = (one.href(), one.name.clone(), one.kind.label());
            view! {
                <tr>
                    <td>
                        <RowLink href>
                            <Thing kind=Kind::Integration name />
                        </RowLink>
                    </td>
                    <td class="table-wide-only">{kind}</td>
                    <td class="table-wide-only">{owner}</td>
                    <td class="table-wide-only">{success}</td>
                    <td>
                        <State integration=one />
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! { <Table caption="What deliveries go through" columns>{rows}</Table> }.into_any()
}
