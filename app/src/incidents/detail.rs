//! One incident: what is wrong, since when, what happened around it, and what one can do.

use axum::extract::Path;
use leptos::prelude::*;
use model::{
    Incident, IncidentAlert, IncidentDetail, IncidentEvent, IncidentEventKind, IncidentState, Nearby, NearbySource,
    Resolution,
};
use portal::{Error, incidents};
use time::OffsetDateTime;

use super::{PATH, State, owner_of, service_of};
use crate::{
    backend::{Answer, Cx, Failure, Head, Posted},
    ui::{
        Tone,
        badge::{Badge, SeverityBadge, Status},
        button::{Button, Weight},
        dialog::Dialog,
        facts::{Fact, Facts},
        field::TextArea,
        flash::Notice,
        fold::Fold,
        form::{Form, FormActions, FormState},
        icon::{self, Icon},
        live::Live,
        page_head::{PageHead, Section},
        table::{Column, Table},
        thing::{Kind, Thing},
        time::{ExactTime, Time},
        timeline::{Event, Timeline},
    },
};

/// `/incidents/{number}`
pub async fn detail(cx: Cx, Path(number): Path<String>) -> Answer {
    show(&cx, read(&number)?, FormState::default()).await
}

/// `POST /incidents/{number}/acknowledge`
pub async fn acknowledge(cx: Cx, Path(number): Path<String>) -> Answer {
    let incident = incidents::acknowledge(&cx.portal, &cx.actor, read(&number)?).await?;
    cx.redirect(&incident.href(), format!("Acknowledged incident {}", incident.number))
}

/// `POST /incidents/{number}/resolve`
pub async fn resolve(cx: Cx, Path(number): Path<String>, posted: Posted) -> Answer {
    let number = read(&number)?;
    match incidents::resolve(&cx.portal, &cx.actor, number, posted.text("note")).await {
        Ok(incident) => cx.redirect(&incident.href(), format!("Resolved incident {number}")),
        Err(error) => show(&cx, number, posted.refused(error)?).await,
    }
}

/// `POST /incidents/{number}/reopen`
pub async fn reopen(cx: Cx, Path(number): Path<String>, posted: Posted) -> Answer {
    let number = read(&number)?;
    match incidents::reopen(&cx.portal, &cx.actor, number, posted.text("note")).await {
        Ok(incident) => cx.redirect(&incident.href(), format!("Reopened incident {number}")),
        Err(error) => show(&cx, number, posted.refused(error)?).await,
    }
}

fn read(number: &str) -> Result<i64, Failure> {
    number.parse().map_err(|_| Error::NotFound("incident").into())
}

async fn show(cx: &Cx, number: i64, state: FormState) -> Answer {
    let detail = incidents::get(&cx.portal, &cx.actor, number).await?;
    let head = Head::new(format!("#{number} {}", detail.incident.title)).under("Incidents", PATH);
    cx.form_page(head, &state.clone(), move || view! { <Detail detail state /> })
}

#[component]
fn Detail(detail: IncidentDetail, state: FormState) -> impl IntoView {
    let IncidentDetail { incident, alerts, events, nearby, .. } = detail.clone();
    let title = format!("#{} {}", incident.number, incident.title);
    let standing = view! {
        <SeverityBadge severity=incident.severity />
        <State state=incident.state />
        {service_of(&incident)}
        {owner_of(&incident)}
        {incident.restricted.then(|| view! { <Badge tone=Some(Tone::Waived)>"Restricted"</Badge> })}
    };
    let actions =
        detail.may_handle.then(|| view! { <Actions incident=incident.clone() state=state.clone() /> }.into_any());
    let summary = (!incident.summary.is_empty()).then(|| {
        let summary = incident.summary.clone();
        view! { <p class="break-words whitespace-pre-line">{summary}</p> }
    });
    let still = (incident.state == IncidentState::Resolved && incident.firing > 0).then(|| {
        view! { <Notice tone=Tone::Attention>"It was resolved by hand, and the alert still fires."</Notice> }
    });
    view! {
        <Live id="incident" topic=format!("incident:{}", incident.number)>
            <PageHead title state=standing.into_any() actions=actions.unwrap_or_else(|| ().into_any()) />
            <div class="beside">
                <div class="min-w-0">
                    {still}
                    {summary}
                    <Section title="Timeline">
                        <History events nearby />
                    </Section>
                    <Section title="Alerts">
                        <Alerts alerts all=incident.alerts />
                    </Section>
                </div>
                <aside aria-label="Facts">
                    <Facts facts=facts(&detail) narrow=true />
                </aside>
            </div>
        </Live>
    }
}

/// What one can do about it, by its state.
#[component]
fn Actions(incident: Incident, state: FormState) -> impl IntoView {
    let address = |verb: &str| format!("{}/{verb}", incident.href());
    match incident.state {
        IncidentState::Resolved => {
            view! { <Noted action=address("reopen") state title="Reopen this incident?" verb="Reopen" id="reopen" /> }
                .into_any()
        }
        now => {
            let acknowledge = (now == IncidentState::Open).then(|| {
                view! {
                    <Form action=address("acknowledge") name="acknowledge" inline=true>
                        <Button weight=Weight::Primary key="a">"Acknowledge"</Button>
                    </Form>
                }
            });
            view! {
                {acknowledge}
                <Noted action=address("resolve") state title="Resolve this incident?" verb="Resolve" id="resolve" />
            }
            .into_any()
        }
    }
}

/// A button that asks for a note first; open at once where the note was refused.
#[component]
fn Noted(
    #[prop(into)] action: String,
    state: FormState,
    title: &'static str,
    verb: &'static str,
    id: &'static str,
) -> impl IntoView {
    let form = move |state: FormState| {
        view! {
            <Form action=action.clone() state name=id>
                <TextArea name="note" label="What was it, and what helped" optional=true />
                <FormActions>
                    <Button weight=Weight::Primary>{verb}</Button>
                </FormActions>
            </Form>
        }
    };
    if state.is_refused() {
        return form(state).into_any();
    }
    view! {
        <Button opens=id>{verb} "…"</Button>
        <Dialog id title>{form(state)}</Dialog>
    }
    .into_any()
}

fn facts(detail: &IncidentDetail) -> Vec<Fact> {
    let incident = &detail.incident;
    let when = |at: OffsetDateTime| view! { <ExactTime at /> };
    let numbered = |number: i64| {
        let href = format!("{PATH}/{number}");
        view! { <Thing kind=Kind::Incident name=format!("#{number}") href /> }
    };
    let mut facts = vec![
        Fact::new("Service", service_of(incident)),
        Fact::new("Owner", owner_of(incident)),
        Fact::new("Began", when(incident.started_at)),
        Fact::new("Opened", when(incident.opened_at)),
        Fact::new("Last heard", when(incident.heard_at)),
    ];
    if let Some(at) = incident.acknowledged_at {
        facts.push(Fact::new("Acknowledged", when(at)));
        facts.extend(detail.acknowledged_by_name.clone().map(|name| Fact::text("By", name)));
    }
    if let Some(at) = incident.resolved_at {
        facts.push(Fact::new("Resolved", when(at)));
        let by = match (incident.resolution, &detail.resolved_by_name) {
            (Some(Resolution::Alert), _) => "The alerts ended".to_owned(),
            (_, Some(name)) => name.clone(),
            _ => String::new(),
        };
        facts.push(Fact::text("By", by));
    }
    if let Some(integration) = incident.integration_name.clone() {
        facts.push(Fact::new("Told by", view! { <Thing kind=Kind::Integration name=integration /> }));
    }
    if let Some(url) = incident.external_url.clone() {
        facts.push(Fact::new("Sender", outside(url, "Open in Alertmanager")));
    }
    facts.extend(incident.former.map(|number| Fact::new("Before it", numbered(number))));
    facts.extend(detail.later.map(|number| Fact::new("After it", numbered(number))));
    facts
}

fn outside(url: String, words: &'static str) -> impl IntoView {
    view! {
        <a class="link inline-flex items-center gap-1" href=url rel="noopener noreferrer external">
            {words}
            <Icon of=icon::EXTERNAL />
        </a>
    }
}

/// Its own events and those around it, the latest first.
#[component]
fn History(events: Vec<IncidentEvent>, nearby: Vec<Nearby>) -> impl IntoView {
    let own = events.into_iter().map(|event| (event.at, view! { <Own event /> }.into_any()));
    let around = nearby.into_iter().map(|event| (event.at, view! { <Around event /> }.into_any()));
    let mut all: Vec<(OffsetDateTime, AnyView)> = own.chain(around).collect();
    // stable, so that what happened in one moment stays in order
    all.sort_by_key(|(at, _)| *at);
    all.reverse();
    view! { <Timeline>{all.into_iter().map(|(_, event)| event).collect_view()}</Timeline> }
}

#[component]
fn Own(event: IncidentEvent) -> impl IntoView {
    let (of, tone, words) = match event.kind {
        IncidentEventKind::Opened => (icon::INCIDENT, Some(Tone::Wrong), "Incident opened"),
        IncidentEventKind::AlertFired => (icon::ALERT, Some(Tone::Wrong), "Also fires"),
        IncidentEventKind::AlertResolved => (icon::CHECK, None, "Alert ended"),
        IncidentEventKind::SeverityRaised => (icon::UP, Some(Tone::Attention), "Severity raised"),
        IncidentEventKind::Acknowledged => (icon::SHOW, Some(Tone::Attention), "acknowledged it"),
        IncidentEventKind::Resolved => (icon::GOOD, Some(Tone::Good), "resolved it"),
        IncidentEventKind::Reopened => (icon::REFRESH, Some(Tone::Wrong), "reopened it"),
    };
    let title = match (event.person_name, event.kind) {
        (Some(name), _) => view! { <Thing kind=Kind::Person name /> " " {words} }.into_any(),
        (None, IncidentEventKind::Resolved) => "Incident resolved".into_any(),
        (None, _) => words.into_any(),
    };
    let detail = event.detail;
    view! {
        <Event at=event.at icon=of tone title>
            {(!detail.is_empty()).then_some(detail)}
        </Event>
    }
}

#[component]
fn Around(event: Nearby) -> impl IntoView {
    let of = match event.source {
        NearbySource::Incident => icon::INCIDENT,
        NearbySource::Finding => icon::FINDING,
        NearbySource::Deployment => icon::DEPLOYMENT,
        NearbySource::Environment => icon::ENVIRONMENT,
        NearbySource::Change => icon::AUDIT,
    };
    let title = match event.href {
        Some(href) => view! { <a class="link" href=href>{event.title}</a> }.into_any(),
        None => view! { <span class="muted">{event.title}</span> }.into_any(),
    };
    view! { <Event at=event.at icon=of title /> }
}

#[component]
fn Alerts(alerts: Vec<IncidentAlert>, all: i32) -> impl IntoView {
    let shown = i32::try_from(alerts.len()).unwrap_or(i32::MAX);
    let rows = alerts.into_iter().map(|alert| view! { <AlertRow alert /> }).collect_view();
    let columns = vec![
        Column::new("State").tight(),
        Column::new("Alert"),
        Column::new("Began").tight(),
        Column::new("Ended").tight().wide_only(),
        Column::new("Rule").tight().wide_only(),
    ];
    view! {
        <Table caption="Alerts" columns>{rows}</Table>
        {(shown < all).then(|| view! { <p class="small muted">{all - shown} " more are not shown."</p> })}
    }
}

#[component]
fn AlertRow(alert: IncidentAlert) -> impl IntoView {
    let (tone, words) = if alert.firing { (Tone::Wrong, "Fires") } else { (Tone::Good, "Ended") };
    let name = alert.labels.get("alertname").cloned().unwrap_or_else(|| "An alert without a name".to_owned());
    let ended = alert.ends_at.map(|at| view! { <Time at /> });
    let rule = alert.generator_url.clone().map(|url| outside(url, "Open"));
    view! {
        <tr>
            <td class="table-tight">
                <Status tone>{words}</Status>
            </td>
            <td>
                <Fold label=name>
                    <Labels labels=alert.labels />
                    <Labels labels=alert.annotations />
                </Fold>
            </td>
            <td class="table-tight">
                <Time at=alert.starts_at />
            </td>
            <td class="table-wide-only table-tight">{ended}</td>
            <td class="table-wide-only table-tight">{rule}</td>
        </tr>
    }
}

/// Names and values as the sender gave them.
#[component]
pub(crate) fn Labels(labels: std::collections::BTreeMap<String, String>) -> impl IntoView {
    let facts = labels
        .into_iter()
        .map(|(name, value)| Fact::new(name, view! { <span class="mono break-words">{value}</span> }))
        .collect();
    view! { <Facts facts narrow=true /> }
}
