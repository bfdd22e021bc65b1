//! Alerts that match no service, and the rules that say which they belong to.

use std::collections::BTreeMap;

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{AlertRule, EntityRef, Page, PageRequest};
use portal::{
    Error,
    incidents::mapping::{self, Waiting},
};

use super::{INBOX, Part, Parts, detail::Labels};
use crate::{
    backend::{Answer, Cx, Failure, Head, Posted},
    catalog::{address, drawn},
    ui::{
        Tone,
        badge::Status,
        button::{Button, LinkButton, Weight},
        field::{Checkbox, FieldGroup, TextField},
        form::{Form, FormActions, FormState},
        icon, number,
        page_head::{PageHead, Section},
        pagination::Pagination,
        state::Empty,
        table::{Column, RowLink, Table},
        thing::Thing,
        time::Time,
    },
};

const RULES: &str = "/incidents/rules";

type Pairs = Query<Vec<(String, String)>>;

/// `/incidents/inbox`
pub async fn list(cx: Cx, Query(pairs): Pairs) -> Answer {
    let waiting = mapping::waiting(&cx.portal, &cx.actor).await?.ok_or(Error::NotFound("inbox"))?;
    let cursor = pairs.iter().find(|(key, _)| key == "cursor").map(|(_, value)| value.clone());
    let page = mapping::inbox(&cx.portal, &cx.actor, &PageRequest::at(cursor)).await?;
    let rules = mapping::rules(&cx.portal, &cx.actor).await?;
    let may_map = mapping::may_map(&cx.portal, &cx.actor);
    let waiting = u64::try_from(waiting).unwrap_or_default();
    cx.page(Head::new("Alert inbox").under("Incidents", super::PATH).wide(), move || {
        let state = match waiting {
            0 => "Every alert has found its service".to_owned(),
            waiting => format!("{} without a service", number::counted(waiting, "alert", "alerts")),
        };
        view! {
            <PageHead title="Alert inbox" state=state.into_any() />
            <Parts current=Part::Inbox waiting=Some(waiting) />
            <Inbox page may_map />
            <Section title="Rules">
                <Rules rules may_map />
            </Section>
        }
    })
}

/// `/incidents/inbox/{id}`
pub async fn ask(cx: Cx, Path(id): Path<String>) -> Answer {
    let waiting = one(&cx, &id).await?;
    let service = waiting.suggestion.iter().map(|entity| ("service", entity.reference_text()));
    let state = FormState::filled(service.collect::<Vec<_>>());
    form(&cx, waiting, state)
}

/// `POST /incidents/rules`: a rule of some labels of the alert that it is made for, with the values that they have there.
pub async fn make(cx: Cx, posted: Posted) -> Answer {
    let waiting = one(&cx, posted.text("alert")).await?;
    let chosen: Vec<&str> = posted.all("label").collect();
    let labels = waiting.alert.labels.iter().filter(|(name, _)| chosen.contains(&name.as_str()));
    let matchers: BTreeMap<String, String> = labels.map(|(name, value)| (name.clone(), value.clone())).collect();
    match mapping::map(&cx.portal, &cx.actor, matchers, posted.text("service")).await {
        Ok((rule, receipt)) => {
            let made = number::counted(receipt.opened.len() as u64, "incident", "incidents");
            cx.redirect(INBOX, format!("Alerts with these labels belong to {} now; {made} opened", rule.service))
        }
        Err(error) => form(&cx, waiting, posted.refused(error)?),
    }
}

/// `POST /incidents/rules/{id}/remove`
pub async fn remove(cx: Cx, Path(id): Path<String>) -> Answer {
    let id = id.parse().map_err(|_| Error::NotFound("alert rule"))?;
    let rule = mapping::unmap(&cx.portal, &cx.actor, id).await?;
    cx.redirect(INBOX, format!("Removed the rule for {}; what it gave to it stays", rule.service))
}

async fn one(cx: &Cx, id: &str) -> Result<Waiting, Failure> {
    let id = id.parse().map_err(|_| Error::NotFound("waiting alert"))?;
    Ok(mapping::waiting_alert(&cx.portal, &cx.actor, id).await?)
}

fn in_words(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn name_of(waiting: &Waiting) -> String {
    let alert = &waiting.alert;
    let name = alert.labels.get("alertname").or(alert.annotations.get("summary"));
    name.cloned().unwrap_or_else(|| "An alert without a name".to_owned())
}

fn form(cx: &Cx, waiting: Waiting, state: FormState) -> Answer {
    let head = Head::new("Map to a service").under("Incidents", super::PATH).under("Inbox", INBOX);
    cx.form_page(head, &state.clone(), move || {
        let title = format!("Which service does {} belong to?", name_of(&waiting));
        let labels = waiting.alert.labels.clone();
        let chosen = waiting.matchers.clone();
        let boxes = move || {
            let boxes = labels.iter().map(|(name, value)| {
                let (label, checked) = (format!("{name}={value}"), chosen.contains_key(name));
                view! { <Checkbox name="label" label value=name.clone() checked /> }
            });
            boxes.collect_view()
        };
        let hidden = vec![("alert".to_owned(), waiting.alert.id.to_string())];
        view! {
            <PageHead title />
            <Form action=RULES state name="rule" hidden>
                <TextField
                    name="service"
                    label="Service"
                    hint="As the catalog calls it: payments-api, or api:default/payments"
                    autocomplete="off"
                />
                <FieldGroup label="Alerts with all of these labels" clone:boxes>{boxes()}</FieldGroup>
                <FormActions>
                    <Button weight=Weight::Primary>"Map to this service"</Button>
                    <LinkButton href=INBOX weight=Weight::Quiet>
                        "Cancel"
                    </LinkButton>
                </FormActions>
            </Form>
            <Section title="What it says">
                <Labels labels=waiting.alert.annotations.clone() />
            </Section>
        }
    })
}

#[component]
fn Inbox(page: Page<Waiting>, may_map: bool) -> impl IntoView {
    if page.items.is_empty() {
        return view! {
            <Empty title="The inbox is empty" icon=icon::EMPTY>
                "Alerts whose label service names nothing in the catalog, and that no rule matches, wait here."
            </Empty>
        }
        .into_any();
    }
    let turned = |cursor: Option<&model::Cursor>| cursor.map(|cursor| address(INBOX, [("cursor", cursor.0.as_str())]));
    let footer = view! {
        <Pagination
            first=page.first
            shown=page.items.len() as u64
            total=page.total.value
            more=!page.total.exact
            previous=turned(page.previous.as_ref()).unwrap_or_default()
            next=turned(page.next.as_ref()).unwrap_or_default()
        />
    };
    let columns = vec![
        Column::new("State").tight(),
        Column::new("Alert"),
        Column::new("Labels").wide_only(),
        Column::new("From").tight().wide_only(),
        Column::new("Last heard").tight().wide_only(),
        Column::new("").tight(),
    ];
    let rows = page.items.into_iter().map(|waiting| view! { <Row waiting may_map /> }).collect_view();
    view! {
        <Table caption="Alerts without a service" columns footer=footer.into_any()>
            {rows}
        </Table>
    }
    .into_any()
}

#[component]
fn Row(waiting: Waiting, may_map: bool) -> impl IntoView {
    let (tone, words) = if waiting.alert.firing { (Tone::Wrong, "Fires") } else { (Tone::Unknown, "Ended") };
    let name = name_of(&waiting);
    let href = format!("{INBOX}/{}", waiting.alert.id);
    let labels = in_words(&waiting.alert.labels);
    let action = may_map.then(|| match &waiting.suggestion {
        Some(entity) => {
            let mut hidden = vec![
                ("alert".to_owned(), waiting.alert.id.to_string()),
                ("service".to_owned(), entity.reference_text()),
            ];
            hidden.extend(waiting.matchers.keys().map(|name| ("label".to_owned(), name.clone())));
            let words = format!("Map to {}", entity.name);
            view! {
                <Form action=RULES name="map" hidden inline=true>
                    <Button clone:words>{words.clone()}</Button>
                </Form>
            }
            .into_any()
        }
        None => view! { <LinkButton href=href.clone()>"Choose service…"</LinkButton> }.into_any(),
    });
    view! {
        <tr>
            <td>
                <Status tone>{words}</Status>
            </td>
            <td class="table-cut">
                <RowLink href=href.clone()>{name}</RowLink>
            </td>
            <td class="table-wide-only table-cut mono small">{labels}</td>
            <td class="table-wide-only">{waiting.alert.integration_name.clone()}</td>
            <td class="table-wide-only table-tight">
                <Time at=waiting.alert.heard_at />
            </td>
            <td>{action}</td>
        </tr>
    }
}

#[component]
fn Rules(rules: Vec<AlertRule>, may_map: bool) -> impl IntoView {
    if rules.is_empty() {
        return view! {
            <p class="muted">"No rules yet: alerts find their service by their label service alone."</p>
        }
        .into_any();
    }
    let columns = vec![
        Column::new("Alerts with"),
        Column::new("Belong to"),
        Column::new("Made").tight().wide_only(),
        Column::new("").tight(),
    ];
    let rows = rules
        .into_iter()
        .map(|rule| {
            let labels = in_words(&rule.matchers);
            let service = match rule.service.parse::<EntityRef>() {
                Ok(found) => {
                    view! { <Thing kind=drawn(found.kind) name=found.name.clone() href=found.href() /> }.into_any()
                }
                Err(_) => rule.service.clone().into_any(),
            };
            let remove = may_map.then(|| {
                let action = format!("{RULES}/{}/remove", rule.id);
                let spoken = format!(" the rule for {labels}");
                view! {
                    <Form action name="remove" inline=true>
                        <Button weight=Weight::Quiet clone:spoken>
                            "Remove"
                            <span class="only-spoken">{spoken.clone()}</span>
                        </Button>
                    </Form>
                }
            });
            view! {
                <tr>
                    <td class="mono small break-words">{labels}</td>
                    <td class="table-cut">{service}</td>
                    <td class="table-wide-only">
                        <Time at=rule.created_at />
                    </td>
                    <td>{remove}</td>
                </tr>
            }
        })
        .collect_view();
    view! { <Table caption="Rules" columns>{rows}</Table> }.into_any()
}
