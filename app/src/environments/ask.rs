//! Asking for an environment: choosing a template, then the form that it makes.

use std::collections::BTreeMap;

use axum::extract::Query;
use leptos::prelude::*;
use model::environment::{Field, Input, TemplateView, lifetime_in_words};
use portal::environments::{request, templates};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    backend::{Answer, Cx, Failure, Head, Posted},
    ui::{
        button::{Button, LinkButton, Weight},
        field::{Checkbox, FieldGroup, SelectField, TextArea, TextField},
        form::{Form, FormActions, FormState},
        icon,
        page_head::{PageHead, Section},
        state::Empty,
    },
};

/// What stands before a parameter's name in the form, as errors name it.
const PARAMETER: &str = "parameters.";

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    template: String,
    /// A name or an id, as a page that leads here knows it.
    #[serde(default)]
    service: String,
}

/// `/environments/new`
pub async fn new(cx: Cx, Query(asked): Query<Asked>) -> Answer {
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let all = templates::list(&mut snapshot).await?;
    let chosen = all.iter().find(|template| template.name == asked.template).cloned();
    // a service that one may not see is not filled in, and the form says so when it is sent
    let service = match asked.service.as_str() {
        "" => String::new(),
        named => request::service(&mut snapshot, named)
            .await
            .map_or_else(|_| named.to_owned(), |found| found.reference_text()),
    };
    match (chosen, all.as_slice()) {
        (Some(template), _) => form(&cx, template, FormState::filled([("service", short(&service))])),
        (None, [only]) => form(&cx, only.clone(), FormState::filled([("service", short(&service))])),
        _ => cx.page(head(), move || view! { <Choose templates=all service /> }),
    }
}

/// Sent to the same address.
pub async fn submit(cx: Cx, posted: Posted) -> Answer {
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let template = templates::read(&mut snapshot, posted.text("template")).await?;
    drop(snapshot);
    let given: BTreeMap<String, String> = template
        .fields()
        .into_iter()
        .map(|field| {
            let text = posted.text(&format!("{PARAMETER}{}", field.name)).to_owned();
            (field.name, text)
        })
        .collect();
    let ask = request::Ask {
        service: posted.text("service").to_owned(),
        template: template.name.clone(),
        parameters: template.from_form(&given),
        hours: posted.text("hours").parse().ok(),
        reason: posted.text("reason").to_owned(),
    };
    match request::request(&cx.portal, &cx.actor, &ask).await {
        Ok(request) => cx.redirect(&request.number.href(), "Asked for the environment; approvers have been told"),
        Err(error) => form(&cx, template.view(), posted.refused(error)?),
    }
}

fn head() -> Head {
    Head::new("Request environment").under("Environments", "/environments")
}

fn form(cx: &Cx, template: TemplateView, state: FormState) -> Result<axum::response::Response, Failure> {
    cx.form_page(head(), &state.clone(), move || view! { <Ask template state /> })
}

#[component]
fn Choose(templates: Vec<TemplateView>, service: String) -> impl IntoView {
    if templates.is_empty() {
        return view! {
            <PageHead title="Request environment" />
            <Empty
                title="No templates yet"
                icon=icon::TEMPLATE
                action=Some(("/environments/templates".to_owned(), "Templates".to_owned()))
            >
                "A template states what can be asked for, who approves it and for how long. A platform administrator applies the first."
            </Empty>
        }
        .into_any();
    }
    let cards = templates
        .into_iter()
        .map(|template| {
            let href = format!("/environments/new?template={}&service={}", template.name, encoded(&service));
            let words = format!("Choose {}", template.title);
            view! {
                <section class="card" aria-label=template.title.clone()>
                    <h2>{template.title.clone()}</h2>
                    <p class="muted">{template.description.unwrap_or_default()}</p>
                    <p class="small">
                        {lifetime_in_words(template.default_hours)} ", at most " {lifetime_in_words(template.max_hours)}
                        ". Approved by " {template.approvals.join(", and ")} "."
                    </p>
                    <LinkButton href>{words}</LinkButton>
                </section>
            }
        })
        .collect_view();
    view! {
        <PageHead title="Request environment" state="Choose what you need".into_any() />
        <div class="cards">{cards}</div>
    }
    .into_any()
}

#[component]
fn Ask(template: TemplateView, state: FormState) -> impl IntoView {
    let hidden = vec![("template".to_owned(), template.name.clone())];
    let title = format!("Request {}", template.title);
    let description = template.description.clone();
    let approvals = template.approvals.iter().map(|approval| view! { <li>{approval.clone()}</li> }).collect_view();
    let hours = lifetimes(&template);
    let default_hours = template.default_hours.to_string();
    let fields = template.fields.clone();
    let has_fields = !fields.is_empty();
    view! {
        <PageHead title />
        <div class="beside">
            <div class="min-w-0">
                {description.map(|description| view! { <p class="muted">{description}</p> })}
                <Form action="/environments/new" state hidden>
                    <TextField
                        name="service"
                        label="Service"
                        hint="Its name in the catalog, such as payments-api"
                        autocomplete="off"
                    />
                    <SelectField
                        name="hours"
                        label="For how long"
                        options=hours.clone()
                        value=default_hours.clone()
                        hint="It is removed at its end; more time can be asked for"
                    />
                    {has_fields
                        .then(|| {
                            let fields = fields.clone();
                            view! {
                                <FieldGroup label="What it should be">
                                    {fields.into_iter().map(|field| view! { <Parameter field /> }).collect_view()}
                                </FieldGroup>
                            }
                        })}
                    <TextArea
                        name="reason"
                        label="What it is for"
                        hint="Approvers decide by it, and it stays with the environment"
                        rows=3
                    />
                    <FormActions>
                        <Button weight=Weight::Primary>"Ask for approval"</Button>
                        <LinkButton href="/environments" weight=Weight::Quiet>
                            "Cancel"
                        </LinkButton>
                    </FormActions>
                </Form>
            </div>
            <aside aria-label="What happens next">
                <Section title="What happens next">
                    <p>"It is made as soon as these have approved it; nobody approves their own:"</p>
                    <ul class="small">{approvals}</ul>
                    <p class="small muted">
                        "You are told when it is ready. How to connect is shown to you alone, each time with a new password."
                    </p>
                </Section>
            </aside>
        </div>
    }
}

#[component]
fn Parameter(field: Field) -> impl IntoView {
    let name = format!("{PARAMETER}{}", field.name);
    let label = field.title;
    let value = field.default.as_ref().map(text).unwrap_or_default();
    let hint = [field.description, bounds(&field.input)].into_iter().flatten().collect::<Vec<_>>().join(". ");
    let optional = !field.required;
    match field.input {
        Input::Toggle => {
            let checked = field.default == Some(Value::Bool(true));
            view! { <Checkbox name label hint checked /> }.into_any()
        }
        Input::Choice { options } => {
            let mut options: Vec<(String, String)> =
                options.into_iter().map(|option| (option.clone(), option)).collect();
            if optional && value.is_empty() {
                options.insert(0, (String::new(), "No choice".to_owned()));
            }
            view! { <SelectField name label hint value options optional /> }.into_any()
        }
        Input::Integer { .. } | Input::Number { .. } => {
            view! { <TextField name label hint value optional kind="number" /> }.into_any()
        }
        Input::Text { .. } => view! { <TextField name label hint value optional /> }.into_any(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a field takes, where it is limited.
fn bounds(input: &Input) -> Option<String> {
    let between = |low: Option<String>, high: Option<String>| match (low, high) {
        (Some(low), Some(high)) => Some(format!("From {low} to {high}")),
        (Some(low), None) => Some(format!("At least {low}")),
        (None, Some(high)) => Some(format!("At most {high}")),
        (None, None) => None,
    };
    match input {
        Input::Integer { minimum, maximum } => {
            between(minimum.map(|number| number.to_string()), maximum.map(|number| number.to_string()))
        }
        Input::Number { minimum, maximum } => {
            between(minimum.map(|number| number.to_string()), maximum.map(|number| number.to_string()))
        }
        Input::Text { max_length: Some(length), .. } => Some(format!("At most {length} characters")),
        Input::Text { .. } | Input::Choice { .. } | Input::Toggle => None,
    }
}

/// Times to choose from, up to the template's longest.
fn lifetimes(template: &TemplateView) -> Vec<(String, String)> {
    let mut hours: Vec<u32> = [1, 2, 4, 8, 24, 48, 72, 168, 336, 720, 2160, 8760]
        .into_iter()
        .chain([template.default_hours, template.max_hours])
        .filter(|hours| *hours <= template.max_hours)
        .collect();
    hours.sort_unstable();
    hours.dedup();
    hours.into_iter().map(|hours| (hours.to_string(), lifetime_in_words(hours))).collect()
}

/// As people type it: `component:` and `default/` go without saying.
fn short(service: &str) -> String {
    service.trim_start_matches("component:").trim_start_matches("default/").to_owned()
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
