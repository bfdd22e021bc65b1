//! The benchmark results of one entity: control by control with the evidence, and the upload of a report.

use leptos::prelude::*;
use model::{
    EntityDetail, Problem,
    compliance::{Assessment, ControlEvidence},
};
use portal::{
    Error,
    compliance::{self, EntityCompliance, UploadScope},
};
use time::OffsetDateTime;

use super::{Evidence, Outcome, Share};
use crate::{
    backend::{Answer, Cx, Failure, Posted},
    catalog::detail::{self, EntityPath},
    ui::{
        Tone,
        button::{Button, Weight},
        field::{FileField, TextField},
        flash::Notice,
        fold::Fold,
        form::{Form, FormActions, FormState},
        icon,
        page_head::Section,
        state::Empty,
        table::{Column, RowLink, Table},
    },
};

/// `/catalog/{kind}/{namespace}/{name}/compliance`
pub async fn tab(cx: Cx, path: EntityPath) -> Answer {
    let (entity, snapshot) = detail::open(&cx, path).await?;
    drop(snapshot);
    show(&cx, &entity, FormState::default()).await
}

/// `POST /catalog/{kind}/{namespace}/{name}/compliance`
pub async fn upload(cx: Cx, path: EntityPath, posted: Posted) -> Answer {
    let (entity, snapshot) = detail::open(&cx, path).await?;
    drop(snapshot);
    match take(&cx, &entity, &posted).await {
        Ok(done) => cx.redirect(&format!("{}/compliance", entity.summary.reference.href()), done),
        Err(error) => {
            let state = posted.refused(Problem::from(error))?;
            show(&cx, &entity, state).await
        }
    }
}

async fn take(cx: &Cx, entity: &EntityDetail, posted: &Posted) -> Result<String, Error> {
    let file = posted.files("report").next().ok_or_else(|| Error::invalid("report", "choose a report"))?;
    let scope = UploadScope { target: posted.text("target").to_owned(), format: None };
    let receipt = compliance::upload(&cx.portal, &cx.actor, entity.summary.id, &scope, &file.bytes).await?;
    let what = receipt.assessment.framework_title;
    Ok(match receipt.changed {
        0 => format!("{what}: nothing came out otherwise than before"),
        1 => format!("{what}: one control came out otherwise than before"),
        many => format!("{what}: {many} controls came out otherwise than before"),
    })
}

async fn show(cx: &Cx, entity: &EntityDetail, state: FormState) -> Result<axum::response::Response, Failure> {
    let EntityCompliance { assessments, may_upload, .. } =
        compliance::of_entity(&cx.portal, &cx.actor, entity.summary.id).await?;
    let now = cx.portal.clock.now();
    let action = format!("{}/compliance", entity.summary.reference.href());
    let refused = state.is_refused();
    let mut answer = detail::page(cx, entity, "compliance", move || {
        let empty = assessments.as_ref().is_some_and(Vec::is_empty);
        let shown = match assessments {
            None => view! {
                <Empty
                    title="Not for you to see"
                    icon=icon::COMPLIANCE
                    action=Some(("/access/request".to_owned(), "Request access".to_owned()))
                >
                    "Benchmark results are shown to people with a role over the service."
                </Empty>
            }
            .into_any(),
            Some(found) if found.is_empty() => view! {
                <Empty title="No benchmark results yet" icon=icon::COMPLIANCE>
                    "Upload what kube-bench says, and each of its controls stands here with its evidence."
                </Empty>
            }
            .into_any(),
            Some(found) => found
                .into_iter()
                .map(|(assessment, controls)| view! { <One assessment controls now /> })
                .collect_view()
                .into_any(),
        };
        let form = may_upload.then(|| {
            view! {
                <Fold label="Upload a report" open=empty || refused>
                    <Form action=action state files=true>
                        <FileField name="report" label="Report" hint="kube-bench's JSON; at most 64 MiB" accept=".json,.gz" />
                        <TextField
                            name="target"
                            label="Cluster"
                            hint="Which cluster, account or host; a report replaces what was said about the same one."
                            optional=true
                        />
                        <FormActions>
                            <Button weight=Weight::Primary>"Upload"</Button>
                        </FormActions>
                    </Form>
                </Fold>
            }
        });
        view! {
            {shown}
            {form}
        }
    })?;
    if refused {
        *answer.status_mut() = http::StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(answer)
}

#[component]
fn One(assessment: Assessment, controls: Vec<ControlEvidence>, now: OffsetDateTime) -> impl IntoView {
    let stale = assessment.is_stale(now);
    let framework = assessment.framework.clone();
    let title = if assessment.target.is_empty() {
        assessment.framework_title.clone()
    } else {
        format!("{} · {}", assessment.framework_title, assessment.target)
    };
    let rows = controls
        .into_iter()
        .map(|control| {
            let href = format!("/compliance/{framework}/{}", control.control);
            view! {
                <tr>
                    <td>
                        <RowLink href>{control.control}</RowLink>
                    </td>
                    <td>
                        {control.title}
                        <div class="small muted">{control.section}</div>
                    </td>
                    <td class="table-wide-only">{control.part}</td>
                    <td>
                        <Outcome status=control.status stale />
                    </td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Control").tight(),
        Column::new("What"),
        Column::new("Looked at").wide_only(),
        Column::new("Outcome").tight(),
    ];
    view! {
        <Section title>
            {stale
                .then(|| {
                    view! {
                        <Notice tone=Tone::Attention>
                            "The evidence is older than 7 days, so nothing here is shown as fine. Run the benchmark again and upload what it says."
                        </Notice>
                    }
                })}
            <p class="muted">{assessment.tool.clone()} " looked " <Evidence at=assessment.evidence_at stale /></p>
            <Share counts=assessment.counts stale />
            <Table caption="Controls and how they came out" columns>
                {rows}
            </Table>
        </Section>
    }
}
