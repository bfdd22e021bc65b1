//! `/admin/deliveries`: what did not arrive, and the webhooks that notices go to.

use axum::extract::Path;
use leptos::prelude::*;
use model::{
    DeliveryId, TeamId, WebhookId,
    access::TeamChoice,
    notification::{Undelivered, Webhook, WebhookShape},
};
use portal::{
    Error,
    notifications::{self, NewWebhook},
};
use secrecy::ExposeSecret;

use crate::{
    backend::{Answer, Cx, Posted},
    ui::{
        Tone,
        badge::Status,
        button::{Button, Weight},
        code::CodeBlock,
        field::{SelectField, TextField},
        flash::Notice,
        form::{Form, FormActions, FormState},
        icon,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, Table},
        time::{ExactTime, Time},
    },
};

/// `/admin/deliveries`
pub async fn page(cx: Cx) -> Answer {
    show(&cx, FormState::default(), None).await
}

/// `POST /admin/deliveries/{id}/retry`
pub async fn retry(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: DeliveryId = id.parse().map_err(|_| Error::NotFound("delivery that waits"))?;
    notifications::redeliver(&cx.portal, &cx.actor, id).await?;
    cx.redirect("/admin/deliveries", "It is tried again now")
}

/// `POST /admin/webhooks`; answers with the secret, which is shown this once.
pub async fn add(cx: Cx, posted: Posted) -> Answer {
    match add_webhook(&cx, &posted).await {
        Ok(secret) => show(&cx, FormState::default(), Some(secret)).await,
        Err(error) => show(&cx, posted.refused(error)?, None).await,
    }
}

async fn add_webhook(cx: &Cx, posted: &Posted) -> portal::Result<String> {
    let team = match posted.text("team") {
        "" => None,
        team => Some(team.parse::<TeamId>().map_err(|_| Error::NotFound("team"))?),
    };
    let new = NewWebhook {
        name: posted.text("name").to_owned(),
        team,
        shape: WebhookShape::parse(posted.text("shape")).ok_or_else(|| Error::invalid("shape", "choose a shape"))?,
        url: posted.text("url").to_owned().into(),
    };
    let added = notifications::add_webhook(&cx.portal, &cx.actor, &new).await?;
    Ok(added.secret.expose_secret().to_owned())
}

/// `POST /admin/webhooks/{id}/switch`
pub async fn switch(cx: Cx, Path(id): Path<String>, posted: Posted) -> Answer {
    let on = posted.text("enabled") == "yes";
    notifications::set_webhook_enabled(&cx.portal, &cx.actor, webhook(&id)?, on).await?;
    cx.redirect("/admin/deliveries", if on { "The webhook is on" } else { "The webhook is off" })
}

/// `POST /admin/webhooks/{id}/remove`
pub async fn remove(cx: Cx, Path(id): Path<String>) -> Answer {
    notifications::remove_webhook(&cx.portal, &cx.actor, webhook(&id)?).await?;
    cx.redirect("/admin/deliveries", "The webhook is removed")
}

fn webhook(id: &str) -> portal::Result<WebhookId> {
    id.parse().map_err(|_| Error::NotFound("webhook"))
}

async fn show(cx: &Cx, state: FormState, secret: Option<String>) -> Answer {
    let undelivered = notifications::undelivered(&cx.portal, &cx.actor).await?;
    let webhooks = notifications::webhooks(&cx.portal, &cx.actor).await?;
    let (edit, teams) = notifications::webhook_choices(&cx.portal, &cx.actor).await?;
    cx.form_page("Deliveries", &state.clone(), move || {
        let secret = secret.map(|secret| {
            view! {
                <Notice tone=Tone::Good>
                    <p>"The webhook is added. Its receiver checks "<code class="code-inline">"Rampart-Signature"</code>" with this secret, which is not shown again:"</p>
                    <CodeBlock label="Secret" code=secret />
                </Notice>
            }
        });
        let add = edit.then(|| view! { <Add teams state /> });
        view! {
            <PageHead title="Deliveries" />
            {secret}
            <Section title="What did not arrive">
                <Waiting undelivered edit />
            </Section>
            <Section title="Webhooks">
                <Webhooks webhooks edit />
            </Section>
            {add}
        }
    })
}

#[component]
fn Waiting(undelivered: Vec<Undelivered>, edit: bool) -> impl IntoView {
    if undelivered.is_empty() {
        return view! {
            <Empty title="Everything has arrived" icon=icon::MAIL>
                "Mail and webhooks that fail show here, with the reason and the next attempt."
            </Empty>
        }
        .into_any();
    }
    let columns = vec![
        Column::new("To"),
        Column::new("About"),
        Column::new("Last error"),
        Column::number("Attempts").tight(),
        Column::new("Next").tight(),
        Column::new("").tight(),
    ];
    let rows = undelivered
        .into_iter()
        .map(|one| {
            let next = match one.next_at {
                Some(at) => view! { <ExactTime at /> }.into_any(),
                None => view! { <Status tone=Tone::Wrong>"Given up"</Status> }.into_any(),
            };
            let retry = edit.then(|| {
                view! {
                    <Form action=format!("/admin/deliveries/{}/retry", one.id) name="retry" inline=true>
                        <Button icon=Some(icon::REFRESH)>"Try now"</Button>
                    </Form>
                }
            });
            view! {
                <tr>
                    <td>{one.to}</td>
                    <td class="table-cut">{one.title}</td>
                    <td>{one.last_error}</td>
                    <td class="number">{one.attempts}</td>
                    <td class="whitespace-nowrap">{next}</td>
                    <td>{retry}</td>
                </tr>
            }
        })
        .collect_view();
    view! { <Table caption="What did not arrive" columns>{rows}</Table> }.into_any()
}

#[component]
fn Webhooks(webhooks: Vec<Webhook>, edit: bool) -> impl IntoView {
    if webhooks.is_empty() {
        return view! {
            <Empty title="No webhooks" icon=icon::INTEGRATION>
                "A webhook posts a team's or the organisation's approvals to a chat channel or to a program."
            </Empty>
        }
        .into_any();
    }
    let columns = vec![
        Column::new("Name"),
        Column::new("For"),
        Column::new("Shape"),
        Column::new("Host"),
        Column::new("Last delivered").tight(),
        Column::new("State").tight(),
        Column::new("").tight(),
    ];
    let rows = webhooks
        .into_iter()
        .map(|one| {
            let delivered = match one.delivered_at {
                Some(at) => view! { <Time at /> }.into_any(),
                None => view! { <span class="muted">"never"</span> }.into_any(),
            };
            let (tone, words) = if one.enabled { (Tone::Good, "On") } else { (Tone::Unknown, "Off") };
            let controls = edit.then(|| {
                let (value, label) = if one.enabled { ("no", "Switch off") } else { ("yes", "Switch on") };
                view! {
                    <Form action=format!("/admin/webhooks/{}/switch", one.id) name="switch" inline=true>
                        <Button name="enabled" value>{label}</Button>
                    </Form>
                    <Form action=format!("/admin/webhooks/{}/remove", one.id) name="remove" inline=true>
                        <Button weight=Weight::Danger>"Remove"</Button>
                    </Form>
                }
            });
            view! {
                <tr>
                    <td>{one.name}</td>
                    <td>{one.team.unwrap_or_else(|| "The whole organisation".to_owned())}</td>
                    <td>{one.shape.label()}</td>
                    <td>{one.host}</td>
                    <td class="whitespace-nowrap">{delivered}</td>
                    <td><Status tone>{words}</Status></td>
                    <td>{controls}</td>
                </tr>
            }
        })
        .collect_view();
    view! { <Table caption="Webhooks" columns>{rows}</Table> }.into_any()
}

#[component]
fn Add(teams: Vec<TeamChoice>, state: FormState) -> impl IntoView {
    let teams: Vec<(String, String)> = [(String::new(), "The whole organisation".to_owned())]
        .into_iter()
        .chain(teams.into_iter().map(|team| (team.id.to_string(), team.name)))
        .collect();
    let shapes: Vec<(String, String)> =
        WebhookShape::ALL.iter().map(|shape| (shape.as_str().to_owned(), shape.label().to_owned())).collect();
    view! {
        <Section title="Add a webhook">
            <Form action="/admin/webhooks" name="webhook" state>
                <TextField name="name" label="Name" hint="So that people know what it is for: payments-chat" />
                <SelectField name="team" label="For" options=teams.clone() />
                <SelectField name="shape" label="Shape" options=shapes.clone() />
                <TextField
                    name="url"
                    label="Address"
                    kind="password"
                    hint="Kept encrypted and never shown again. RAMPART_EGRESS_ALLOW names the hosts that may be sent to."
                />
                <FormActions>
                    <Button>"Add the webhook"</Button>
                </FormActions>
            </Form>
        </Section>
    }
}
