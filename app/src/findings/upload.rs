//! `/security/upload` and `/security/reports/{id}`: giving a report by hand, and what it did.

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{
    ReportId,
    findings::{Receipt, Stage},
};
use portal::{
    Error,
    findings::{self, UploadScope},
};
use time::OffsetDateTime;

use super::Service;
use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        Tone,
        badge::{SeverityBadge, Status},
        button::{Button, LinkButton, Weight},
        facts::{Fact, Facts},
        field::{Checkbox, FieldGroup, FileField, SelectField, TextField},
        figure::{Figure, Figures},
        flash::Notice,
        form::{Form, FormActions, FormState},
        icon, number,
        page_head::{PageHead, Section},
        table::{Column, Table},
        time::ExactTime,
    },
};

/// The largest report as a browser sends it, with the form around it.
pub const MAX_BYTES: usize = 64 << 20;

/// `GET /security/upload`
pub async fn new(cx: Cx, Query(pairs): Query<Vec<(String, String)>>) -> Answer {
    ask(&cx, FormState::filled(pairs.into_iter().filter(|(name, _)| name == "service")))
}

/// `POST /security/upload`
pub async fn submit(cx: Cx, posted: Posted) -> Answer {
    match send(&cx, &posted).await {
        Ok(receipt) => cx.redirect(&format!("/security/reports/{}", receipt.report), in_words(&receipt)),
        Err(error) => ask(&cx, posted.refused(by_field(error))?),
    }
}

async fn send(cx: &Cx, posted: &Posted) -> portal::Result<Receipt> {
    let service = posted.text("service");
    if service.is_empty() {
        return Err(Error::invalid("service", "Name the service that was scanned"));
    }
    let report =
        posted.files("report").next().ok_or_else(|| Error::invalid("report", "Choose the report of the scanner"))?;
    let text = |name: &str| Some(posted.text(name).to_owned()).filter(|text| !text.is_empty());
    let stage = posted.text("stage").parse::<Stage>();
    let scope = UploadScope {
        tool: None,
        target: text("target"),
        branch: text("branch"),
        stage: stage.map_err(|error| Error::invalid("stage", error.to_string()))?,
        pull_request: posted.checked("pull_request"),
        partial: posted.checked("partial"),
    };
    findings::upload(&cx.portal, &cx.actor, service, scope, report.bytes.to_vec()).await
}

/// What is wrong stands beside the field that it is about.
fn by_field(error: Error) -> Error {
    match error {
        Error::Malformed(reason) | Error::TooLarge(reason) => Error::invalid("report", reason),
        Error::NotFound(_) => Error::invalid("service", "The catalog has no such service that you may see"),
        other => other,
    }
}

fn in_words(receipt: &Receipt) -> String {
    let Receipt { new, reopened, closed, unchanged, .. } = receipt;
    if receipt.repeated {
        "The same report as last time: nothing changed".to_owned()
    } else if receipt.pull_request {
        format!("Compared: this change adds {new}")
    } else {
        format!("Stored: {new} new, {reopened} reopened, {closed} closed, {unchanged} unchanged")
    }
}

fn ask(cx: &Cx, state: FormState) -> Answer {
    let head = Head::new("Upload a report").under("Security", "/security");
    let stages: Vec<(String, String)> =
        Stage::ALL.map(|stage| (stage.as_str().to_owned(), stage.label().to_owned())).to_vec();
    cx.form_page(head, &state.clone(), move || {
        view! {
            <PageHead title="Upload a report" />
            <Form action="/security/upload" state files=true>
                <TextField name="service" label="Service" hint="Its name in the catalog, such as payments-api" />
                <FileField
                    name="report"
                    label="Report"
                    hint="Trivy JSON, SARIF 2.1.0 or CycloneDX with vulnerabilities; gzipped is fine"
                    accept=".json,.sarif,.gz"
                />
                <SelectField name="stage" label="Stage" options=stages.clone() />
                <TextField name="branch" label="Branch" optional=true />
                <TextField
                    name="target"
                    label="Target"
                    hint="What was scanned, such as an image. Left empty: what the report says"
                    optional=true
                />
                <FieldGroup label="How it counts">
                    <Checkbox
                        name="pull_request"
                        label="It is of a proposed change"
                        hint="It is compared with what is open and changes nothing"
                    />
                    <Checkbox name="partial" label="The scan did not look at everything" hint="Nothing is closed" />
                </FieldGroup>
                <p class="muted small">
                    "The report replaces what the same service, tool, target, branch and stage said before. Nothing else is closed."
                </p>
                <FormActions>
                    <Button weight=Weight::Primary icon=Some(icon::UPLOAD)>
                        "Upload the report"
                    </Button>
                    <LinkButton href="/security" weight=Weight::Quiet>
                        "Cancel"
                    </LinkButton>
                </FormActions>
            </Form>
        }
    })
}

/// `/security/reports/{id}`
pub async fn receipt(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: ReportId = id.parse().map_err(|_| Error::NotFound("report"))?;
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let (received_at, receipt) = findings::receipt(&mut snapshot, id).await?;
    let head = Head::new("Report").under("Security", "/security");
    cx.page(head, move || view! { <Report received_at receipt /> })
}

#[component]
fn Report(received_at: OffsetDateTime, receipt: Receipt) -> impl IntoView {
    let scope = receipt.scope.clone();
    let state = if receipt.pull_request {
        view! { <Status tone=Tone::Unknown>"Compared; nothing changed"</Status> }.into_any()
    } else if receipt.incomplete.is_some() {
        view! { <Status tone=Tone::Attention>"Incomplete: nothing was closed"</Status> }.into_any()
    } else {
        view! { <Status tone=Tone::Good>"Stored"</Status> }.into_any()
    };
    let incomplete = receipt.incomplete.clone().map(|reason| view! { <Notice tone=Tone::Attention>{reason}</Notice> });
    let figures = if receipt.pull_request {
        vec![("Would be new", receipt.new), ("Open already", receipt.unchanged), ("In the report", receipt.total)]
    } else {
        vec![
            ("New", receipt.new),
            ("Reopened", receipt.reopened),
            ("Closed", receipt.closed),
            ("Unchanged", receipt.unchanged),
            ("In the report", receipt.total),
        ]
    };
    let figures = figures
        .into_iter()
        .map(|(label, value)| view! { <Figure label value=number::grouped(value.into()) /> })
        .collect_view();
    let service = scope.service.clone();
    let facts = vec![
        Fact::new("Service", view! { <Service reference=service /> }),
        Fact::text("Tool", scope.tool.clone()),
        Fact::text("Target", scope.target.clone()),
        Fact::text("Branch", scope.branch.clone()),
        Fact::text("Stage", scope.stage.label()),
        Fact::text("Format", receipt.format.clone()),
        Fact::new("Received", view! { <ExactTime at=received_at /> }),
    ];
    view! {
        <PageHead title=format!("Report of {}", scope.tool) state />
        {incomplete}
        <Figures>{figures}</Figures>
        <Section title="What it speaks about">
            <Facts facts />
            {(!receipt.pull_request)
                .then(|| {
                    view! {
                        <p class="muted small mt-3">
                            "It replaces what this service, tool, target, branch and stage said before, and nothing else."
                        </p>
                    }
                })}
        </Section>
        {(!receipt.introduces.is_empty()).then(|| view! { <Introduces receipt /> })}
    }
}

#[component]
fn Introduces(receipt: Receipt) -> impl IntoView {
    let rows = receipt
        .introduces
        .into_iter()
        .map(|finding| {
            view! {
                <tr>
                    <td class="table-cut">{finding.title}</td>
                    <td>
                        <SeverityBadge severity=finding.severity />
                    </td>
                    <td class="table-cut">{finding.place.unwrap_or_default()}</td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![Column::new("Finding"), Column::new("Severity").tight(), Column::new("Where")];
    view! {
        <Section title="What the change would add">
            <Table caption="What the change would add" columns>{rows}</Table>
        </Section>
    }
}
