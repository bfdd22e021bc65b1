//! The audit log's pages: search, one record with what it rests on, export.

use axum::{
    extract::{Path, Query},
    response::IntoResponse,
};
use http::header;
use leptos::prelude::*;
use model::{
    AuditId, FieldError,
    page::{Page, PageRequest},
};
use portal::{
    Error,
    audit::{
        Outcome,
        log::{self, Filter, Record, Who},
    },
    authz::ActionName,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    backend::{Answer, Cx, Head, percent_encoded},
    ui::{
        Tone,
        badge::Status,
        button::{LinkButton, Weight},
        code::CodeBlock,
        facet::{Chip, Chips},
        facts::{Fact, Facts},
        icon,
        page_head::{PageHead, Section},
        pagination::Pagination,
        search::SearchBox,
        state::Empty,
        table::{Column, RowLink, Table},
        thing::{Kind, Thing},
        time::{ExactTime, Time},
        words::capitalised,
    },
};

/// The list's address, field by field.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    q: Option<String>,
    outcome: Option<String>,
    person: Option<String>,
    kind: Option<String>,
    target: Option<String>,
    request: Option<String>,
    cursor: Option<String>,
}

impl Asked {
    fn filter(&self) -> Result<Filter, Error> {
        let some = |field: &Option<String>| field.clone().filter(|text| !text.trim().is_empty());
        let outcome = match some(&self.outcome).as_deref() {
            None => None,
            Some("denied") => Some(Outcome::Denied),
            Some("committed") => Some(Outcome::Committed),
            Some(_) => return Err(Error::Invalid(vec![FieldError::new("outcome", "is committed or denied")])),
        };
        let person = match some(&self.person) {
            None => None,
            Some(id) => Some(id.parse().map_err(|_| Error::invalid("person", "is not a person's id"))?),
        };
        Ok(Filter {
            text: some(&self.q),
            outcome,
            person,
            target_kind: some(&self.kind),
            target_id: some(&self.target),
            request_id: some(&self.request),
            ..Filter::default()
        })
    }

    /// Every filter that is on, but for `without`.
    fn pairs(&self, without: &str) -> Vec<(String, String)> {
        [
            ("q", &self.q),
            ("outcome", &self.outcome),
            ("person", &self.person),
            ("kind", &self.kind),
            ("target", &self.target),
            ("request", &self.request),
        ]
        .into_iter()
        .filter(|(name, _)| *name != without)
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone().filter(|value| !value.is_empty())?)))
        .collect()
    }

    fn address(&self, path: &str, without: &str, more: Option<(&str, &str)>) -> String {
        let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let query: Vec<String> = self
            .pairs(without)
            .into_iter()
            .chain(more)
            .map(|(name, value)| format!("{name}={}", percent_encoded(&value)))
            .collect();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
    }
}

/// `/audit`
pub async fn list(cx: Cx, Query(asked): Query<Asked>) -> Answer {
    let filter = asked.filter()?;
    let page = log::list(&cx.portal, &cx.actor, &filter, &PageRequest::at(asked.cursor.clone())).await?;
    cx.page(Head::new("Audit").wide(), move || view! { <Log asked page /> })
}

/// `/audit/export`: the stored bytes themselves, one record a line.
pub async fn export(cx: Cx, Query(asked): Query<Asked>) -> Answer {
    let lines = log::export(&cx.portal, &cx.actor, &asked.filter()?).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, lines).into_response())
}

/// `/audit/{id}`
pub async fn detail(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: AuditId = id.parse().map_err(|_| Error::NotFound("audit record"))?;
    let detail = log::read(&cx.portal, &cx.actor, id).await?;
    let title = sentence(&detail.record.action);
    cx.page(Head::new(title).under("Audit", "/audit"), move || view! { <One detail /> })
}

#[component]
fn Log(asked: Asked, page: Page<Record>) -> impl IntoView {
    let narrowed = !asked.pairs("").is_empty();
    let outcome = |value: &'static str, label: &'static str| {
        let on = asked.outcome.as_deref() == Some(value);
        let href = asked.address("/audit", "outcome", (!on).then_some(("outcome", value)));
        view! {
            <LinkButton href weight=if on { Weight::Primary } else { Weight::Quiet }>
                {label}
            </LinkButton>
        }
    };
    let chips: Vec<Chip> = [
        ("person", "By one person", &asked.person),
        ("target", "About one thing", &asked.target),
        ("request", "In one request", &asked.request),
        ("kind", "About one kind of thing", &asked.kind),
    ]
    .into_iter()
    .filter(|(_, _, value)| value.is_some())
    .map(|(name, label, _)| Chip { label: label.to_owned(), without: asked.address("/audit", name, None) })
    .collect();
    let footer = view! {
        <Pagination
            first=page.first
            shown=page.items.len() as u64
            total=page.total.value
            more=!page.total.exact
            previous=page.previous.as_ref().map(|cursor| asked.address("/audit", "", Some(("cursor", &cursor.0)))).unwrap_or_default()
            next=page.next.as_ref().map(|cursor| asked.address("/audit", "", Some(("cursor", &cursor.0)))).unwrap_or_default()
        />
    };
    let columns = vec![
        Column::new("What"),
        Column::new("On what").wide_only(),
        Column::new("Who"),
        Column::new("Outcome").tight().wide_only(),
        Column::new("When").tight(),
    ];
    let export = asked.address("/audit/export", "", None);
    let records = if page.total.value == 1 { "record" } else { "records" };
    let state = format!("{} {records} that you may see", page.total);
    let is_empty = page.items.is_empty();
    let rows = page.items.into_iter().map(|record| view! { <Row record /> }).collect_view();
    let actions = view! { <LinkButton href=export icon=Some(icon::DOWNLOAD)>"Export"</LinkButton> };
    view! {
        <PageHead title="Audit" state=state.into_any() actions=actions.into_any() />
        <div class="filters">
            <SearchBox action="/audit" label="Search actions and things" value=asked.q.clone().unwrap_or_default() keep=asked.pairs("q") />
            {outcome("committed", "Done")}
            {outcome("denied", "Denied")}
        </div>
        {(!chips.is_empty()).then(|| view! { <Chips chips clear="/audit" /> })}
        {if is_empty {
            view! {
                <Empty title=if narrowed { "No record matches" } else { "No records yet" }>
                    {if narrowed {
                        "Nothing that you may see was done or refused like this. Take a filter away, or search for a part of a word."
                    } else {
                        "Every change and every denial is recorded here; you see those about yourself and about what your roles reach."
                    }}
                </Empty>
            }
                .into_any()
        } else {
            view! {
                <Table caption="Audit records" columns footer=footer.into_any()>
                    {rows}
                </Table>
            }
                .into_any()
        }}
    }
}

#[component]
fn Row(record: Record) -> impl IntoView {
    let href = format!("/audit/{}", record.id);
    let (what, on_what) = (sentence(&record.action), target(&record));
    view! {
        <tr>
            <td>
                <RowLink href>{what}</RowLink>
            </td>
            <td class="table-wide-only table-cut">{on_what}</td>
            <td>
                <Somebody who=record.actor />
            </td>
            <td class="table-wide-only">
                <OutcomeStatus outcome=record.outcome />
            </td>
            <td class="whitespace-nowrap">
                <Time at=record.at />
            </td>
        </tr>
    }
}

#[component]
fn OutcomeStatus(outcome: Outcome) -> impl IntoView {
    match outcome {
        Outcome::Committed => view! { <Status tone=Tone::Good>"Done"</Status> },
        Outcome::Denied => view! { <Status tone=Tone::Wrong>"Denied"</Status> },
    }
}

#[component]
fn Somebody(who: Who) -> impl IntoView {
    match who {
        Who::Person { id, name } => view! { <Thing kind=Kind::Person name href=format!("/people/{id}") /> }.into_any(),
        Who::ServiceAccount { name } => view! { <Thing kind=Kind::ServiceAccount name /> }.into_any(),
        Who::System => view! { <span class="muted">"Rampart itself"</span> }.into_any(),
        Who::Unknown => view! { <span class="muted">"Nobody known"</span> }.into_any(),
    }
}

#[component]
fn One(detail: log::Detail) -> impl IntoView {
    let log::Detail { record, content, .. } = detail;
    let because = |key: &str| {
        content["why"][key]
            .as_array()
            .map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "))
            .unwrap_or_default()
    };
    let (reason, policies) = (because("because"), because("policies"));
    let reason_name = if record.outcome == Outcome::Denied { "What was missing" } else { "Why it was allowed" };
    let authenticated = content["authentication"]["method"].as_str().unwrap_or_default().to_owned();
    let factors: Vec<&str> =
        content["authentication"]["amr"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let authenticated =
        if factors.is_empty() { authenticated } else { format!("{authenticated} ({})", factors.join(", ")) };
    let request = record.request_id.clone().unwrap_or_default();
    let same_request = format!("/audit?request={}", percent_encoded(&request));
    let same_target =
        format!("/audit?kind={}&target={}", percent_encoded(&record.target_kind), percent_encoded(&record.target_id));
    let facts = vec![
        Fact::new("Who", view! { <Somebody who=record.actor.clone() /> }),
        Fact::new("On what", view! { <a class="link" href=same_target>{target(&record)}</a> }),
        Fact::new("When", view! { <ExactTime at=record.at /> }),
        Fact::text(reason_name, reason),
        Fact::text("Deciding rule", policies),
        Fact::text("Authenticated by", authenticated),
        Fact::text("From", content["address"].as_str().unwrap_or_default()),
        Fact::new("Request", view! { <a class="link mono" href=same_request>{request}</a> }),
    ];
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let change = &content["change"];
    let shown: Vec<_> = [("before", "Before"), ("after", "After")]
        .into_iter()
        .filter(|(key, _)| change.get(*key).is_some())
        .map(|(key, title)| (title, pretty(&change[key])))
        .collect();
    let shown = if shown.is_empty() && !change.is_null() { vec![("Change", pretty(change))] } else { shown };
    view! {
        <PageHead title=sentence(&record.action) state=view! { <OutcomeStatus outcome=record.outcome /> }.into_any() />
        <Facts facts />
        {shown
            .into_iter()
            .map(|(title, code)| {
                view! {
                    <Section title>
                        <CodeBlock label=title code />
                    </Section>
                }
            })
            .collect_view()}
    }
}

fn target(record: &Record) -> String {
    match (&record.target_name, record.target_kind.as_str()) {
        (_, "Organisation") => "the organisation".to_owned(),
        (Some(name), _) => name.clone(),
        (None, "Person") => "somebody who was erased".to_owned(),
        (None, kind) => kind.to_owned(),
    }
}

/// The action in words, `environment.approve` as "Approve or decline a request".
fn sentence(action: &str) -> String {
    let words = match action {
        "session.begin" => "sign in",
        "session.end" => "sign out",
        _ => ActionName::ALL.iter().find(|name| name.as_str() == action).map_or(action, |name| name.does()),
    };
    capitalised(words)
}
