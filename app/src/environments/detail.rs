//! One environment: its state in words, how to connect, how long it lives, and what was done to it.

use axum::extract::Path;
use leptos::prelude::*;
use model::{
    EnvironmentState,
    environment::{EnvironmentDetail, LogLine, lifetime_in_words},
};
use portal::environments::{self, credentials, request};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{service_name, status};
use crate::{
    backend::{Answer, Cx, Head, Posted},
    catalog::team_href,
    ui::{
        Tone,
        button::{Button, LinkButton, Weight},
        code::{Code, CodeBlock},
        dialog::Dialog,
        facts::{Fact, Facts},
        field::{SelectField, TextArea},
        flash::Notice,
        form::{Form, FormActions, FormState},
        icon,
        live::Live,
        log::{self, Log},
        page_head::{PageHead, Section},
        state::Empty,
        thing::{Kind, Thing},
        time::{ExactTime, Time},
        words::sentence,
    },
};

/// `/environments/{environment}`
pub async fn detail(cx: Cx, Path(key): Path<String>) -> Answer {
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let environment = environments::read(&mut snapshot, key.as_str().into()).await?;
    cx.page(head(&environment), move || view! { <Page environment /> })
}

/// `/environments/{environment}/end`
pub async fn end(cx: Cx, Path(key): Path<String>) -> Answer {
    let ended = environments::end(&cx.portal, &cx.actor, key.as_str().into()).await?;
    cx.redirect(&ended.href(), format!("{} is being removed", ended.name))
}

/// `/environments/{environment}/retry`
pub async fn retry(cx: Cx, Path(key): Path<String>) -> Answer {
    let tried = environments::retry(&cx.portal, &cx.actor, key.as_str().into()).await?;
    cx.redirect(&tried.href(), format!("Trying {} again", tried.name))
}

/// `/environments/{environment}/extend`
pub async fn extend(cx: Cx, Path(key): Path<String>) -> Answer {
    more_time(&cx, &key, FormState::default()).await
}

/// Sent to the same address.
pub async fn submit_extend(cx: Cx, Path(key): Path<String>, posted: Posted) -> Answer {
    let hours = posted.text("hours").parse().unwrap_or_default();
    match request::extend(&cx.portal, &cx.actor, key.as_str().into(), hours, posted.text("reason")).await {
        Ok(request) => cx.redirect(&request.number.href(), "Asked for more time; approvers have been told"),
        Err(error) => more_time(&cx, &key, posted.refused(error)?).await,
    }
}

/// `/environments/{environment}/credentials`, posted: answered at once, and never again.
pub async fn reveal(cx: Cx, Path(key): Path<String>) -> Answer {
    let shown = credentials::reveal(&cx.portal, &cx.actor, key.as_str().into()).await?;
    let head = Head::new("How to connect")
        .under("Environments", "/environments")
        .under(shown.environment.name.clone(), shown.environment.href());
    cx.page(head, move || {
        let url = shown.url.expose_secret().to_owned();
        let facts = vec![
            Fact::new("Host", view! { <Code code=shown.host.clone() /> }),
            Fact::new("Port", view! { <Code code=shown.port.to_string() /> }),
            Fact::new("Database", view! { <Code code=shown.database.clone() /> }),
            Fact::new("User", view! { <Code code=shown.user.clone() /> }),
            Fact::new("Password", view! { <Code code=shown.password.expose_secret().to_owned() /> }),
            Fact::text("Connections at once", shown.limits.connections.to_string()),
        ];
        view! {
            <PageHead title=format!("How to connect to {}", shown.environment.name) />
            <Notice tone=Tone::Attention>
                "This password is shown once and kept nowhere. Reveal again and a new one takes its place."
            </Notice>
            <Section title="As one address">
                <CodeBlock label="Address with password" code=url />
            </Section>
            <Section title="One by one">
                <Facts facts />
            </Section>
            <LinkButton href=shown.environment.href()>"Done"</LinkButton>
        }
    })
}

fn head(environment: &EnvironmentDetail) -> Head {
    Head::new(environment.row.name.clone()).under("Environments", "/environments")
}

async fn more_time(cx: &Cx, key: &str, state: FormState) -> Answer {
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let environment = environments::read(&mut snapshot, key.into()).await?;
    let name = environment.row.name.clone();
    let head =
        Head::new("Ask for more time").under("Environments", "/environments").under(name, environment.row.href());
    cx.form_page(head, &state.clone(), move || {
        let row = environment.row;
        let action = format!("{}/extend", row.href());
        let options: Vec<(String, String)> = [1, 4, 8, 24, 72, 168]
            .into_iter()
            .map(|hours: u32| (hours.to_string(), format!("{} more", lifetime_in_words(hours))))
            .collect();
        let back = StoredValue::new(row.href());
        view! {
            <PageHead title=format!("More time for {}", row.name) />
            <p>"It ends " <ExactTime at=row.expires_at /> "."</p>
            <Form action state>
                <SelectField name="hours" label="How much longer" options=options.clone() value="8" />
                <TextArea name="reason" label="What it is needed longer for" hint="Approvers decide by it" rows=3 />
                <FormActions>
                    <Button weight=Weight::Primary>"Ask for approval"</Button>
                    <LinkButton href=back.get_value() weight=Weight::Quiet>
                        "Cancel"
                    </LinkButton>
                </FormActions>
            </Form>
        }
    })
}

#[component]
fn Page(environment: EnvironmentDetail) -> impl IntoView {
    let topic = format!("environment:{}", environment.row.id);
    let name = environment.row.name.clone();
    let log = environment.log.clone();
    let facts = facts(&environment);
    let is_moving = environment.row.state.is_moving();
    let end_action = format!("{}/end", environment.row.href());
    let (title, logged) = (format!("End {name}?"), name.clone());
    view! {
        <Live id="environment-state" topic=topic.clone()>
            <Standing environment=environment.clone() />
        </Live>
        <div class="beside">
            <div class="min-w-0">
                <Section title="What was done">
                    <Live id="environment-log" topic>
                        <History name=logged log />
                    </Live>
                    {is_moving
                        .then(|| {
                            view! {
                                <p class="small muted">
                                    "New lines appear by themselves. " <a href="">"Show the page again"</a>
                                </p>
                            }
                        })}
                </Section>
            </div>
            <aside aria-label="Facts">
                <Facts facts narrow=true />
            </aside>
        </div>
        <Dialog id="end-environment" title>
            <p>
                "The database of " {name} " and everything in it is removed. This cannot be undone."
            </p>
            <Form action=end_action name="end">
                <FormActions>
                    <Button weight=Weight::Danger>"End it now"</Button>
                </FormActions>
            </Form>
        </Dialog>
    }
}

/// The title line, what failed, and what one can do: all that changes with the state.
#[component]
fn Standing(environment: EnvironmentDetail) -> impl IntoView {
    let row = &environment.row;
    let may = environment.may;
    let href = row.href();
    let when = match (row.state, row.ended_at) {
        (EnvironmentState::Ended, Some(at)) => view! { <span>"ended " <Time at /></span> }.into_any(),
        (EnvironmentState::Ready | EnvironmentState::Expiring, _) => {
            view! { <span>"ends " <Time at=row.expires_at /></span> }.into_any()
        }
        _ => ().into_any(),
    };
    let owner = row.owner_name.clone().map(|name| {
        let href = team_href(&name);
        view! { <Thing kind=Kind::Team name href /> }
    });
    let state = view! {
        {status(row)}
        {when}
        {owner}
    };
    let retry_form = may.retry.then(|| {
        let action = format!("{href}/retry");
        view! {
            <Form action name="retry" inline=true>
                <Button weight=Weight::Primary>"Try again"</Button>
            </Form>
        }
    });
    let reveal_form = may.reveal.then(|| {
        let action = format!("{href}/credentials");
        view! {
            <Form action name="reveal" inline=true>
                <Button weight=Weight::Primary icon=Some(icon::KEY)>
                    "Reveal how to connect"
                </Button>
            </Form>
        }
    });
    let extend = may.extend.then(|| {
        let href = format!("{href}/extend");
        view! { <LinkButton href>"Ask for more time"</LinkButton> }
    });
    let end = may.end.then(|| view! { <Button weight=Weight::Secondary opens="end-environment">"End now"</Button> });
    let failure = row.failure.clone().map(|failure| {
        let next = environment.next_attempt_at.map(|at| view! { " The next attempt is " <Time at /> "." });
        let advice = match row.state {
            EnvironmentState::Failed => "Try again once that is mended, or end it: what was made so far is removed.",
            _ => "",
        };
        view! { <Notice tone=Tone::Wrong>{sentence(&failure)} " " {advice} {next}</Notice> }
    });
    view! {
        <PageHead
            title=row.name.clone()
            state=state.into_any()
            actions=view! {
                {reveal_form}
                {retry_form}
                {extend}
                {end}
            }
                .into_any()
        />
        {failure}
    }
}

#[component]
fn History(name: String, log: Vec<LogLine>) -> impl IntoView {
    if log.is_empty() {
        return view! {
            <Empty title="Nothing was done yet" icon=icon::TERMINAL>
                "Each step of making and removing it appears here as it happens."
            </Empty>
        }
        .into_any();
    }
    let lines = log
        .into_iter()
        .map(|line| {
            let tone = match line.step.as_str() {
                "failed" => Some(Tone::Wrong),
                "ready" | "ended" => Some(Tone::Good),
                "warning" | "retry" | "waiting" => Some(Tone::Attention),
                _ => None,
            };
            log::LogLine {
                number: line.seq.unsigned_abs(),
                at: line.at,
                tone,
                text: format!("{}: {}", line.step, line.text),
            }
        })
        .collect();
    view! { <Log label=format!("What was done to {name}") lines /> }.into_any()
}

fn facts(environment: &EnvironmentDetail) -> Vec<Fact> {
    let row = &environment.row;
    let spec = &environment.spec;
    let template = format!("/environments/templates/{}", spec.template);
    let service = service_name(&row.service);
    let requester = format!("/people/{}", row.requester);
    let revision: String = spec.revision.chars().take(12).collect();
    let mut facts = vec![
        Fact::text("Purpose", row.purpose.clone()),
        Fact::new("Service", view! { <Thing kind=Kind::Component name=service href=row.service_href.clone() /> }),
        Fact::new("Asked for by", view! { <Thing kind=Kind::Person name=row.requester_name.clone() href=requester /> }),
        Fact::new("Template", view! { <a class="link" href=template>{row.template_title.clone()}</a> }),
        Fact::new("Revision", view! { <Code code=revision /> }),
        Fact::new("Approved", view! { <ExactTime at=row.created_at /> }),
    ];
    if let Some(at) = environment.ready_at {
        facts.push(Fact::new("Ready", view! { <ExactTime at /> }));
    }
    facts.push(match row.ended_at {
        Some(at) => Fact::new("Looked for and gone", view! { <ExactTime at /> }),
        None => Fact::new("Ends", view! { <ExactTime at=row.expires_at /> }),
    });
    if let Some(at) = environment.revealed_at {
        facts.push(Fact::new("Last revealed", view! { <ExactTime at /> }));
    }
    for (name, value) in &spec.parameters {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            other => other.to_string(),
        };
        facts.push(Fact::text(name.clone(), value));
    }
    facts.push(Fact::text("Connections at once", spec.limits.connections.to_string()));
    facts.push(Fact::text("Provider", format!("{}, {}", spec.provider, spec.target)));
    facts
}
