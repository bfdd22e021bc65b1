//! `/compliance/{framework}`: services with their evidence, and controls; one control with all that speaks of it.

use axum::extract::Path;
use leptos::prelude::*;
use model::compliance::{Assessment, ComplianceDay, ControlEvidence, FrameworkDetail};
use portal::{Error, compliance};
use time::OffsetDateTime;

use super::{Evidence, Outcome, Share, list::Days};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        code::CodeBlock,
        facts::{Fact, Facts},
        number,
        page_head::{PageHead, Section},
        table::{Column, RowLink, Table},
    },
};

/// `/compliance/{framework}`
pub async fn framework(cx: Cx, Path(framework): Path<String>) -> Answer {
    let detail = compliance::framework(&cx.portal, &cx.actor, &framework).await?;
    let days = compliance::trend(&cx.portal, &cx.actor, Some(&framework)).await?;
    let now = cx.portal.clock.now();
    let head = Head::new(detail.summary.title.clone()).under("Compliance", "/compliance").wide();
    cx.page(head, move || view! { <One detail days now /> })
}

/// `/compliance/{framework}/{control}`
pub async fn control(cx: Cx, Path((framework, control)): Path<(String, String)>) -> Answer {
    let found = compliance::controls_of(&cx.portal, &cx.actor, &framework, &control).await?;
    let now = cx.portal.clock.now();
    let title = found.first().map(|(assessment, _)| assessment.framework_title.clone());
    let title = title.ok_or(Error::NotFound("control"))?;
    let head =
        Head::new(control).under("Compliance", "/compliance").under(title, format!("/compliance/{framework}")).wide();
    cx.page(head, move || view! { <OneControl found now /> })
}

#[component]
fn One(detail: FrameworkDetail, days: Vec<ComplianceDay>, now: OffsetDateTime) -> impl IntoView {
    let FrameworkDetail { summary, assessments, controls } = detail;
    let stale = summary.stale > 0;
    let state = view! {
        <span>{format!("{} failed", number::counted(summary.counts.failed.unsigned_abs(), "control", "controls"))}</span>
    };
    let services = assessments
        .into_iter()
        .map(|one| {
            let stale = one.is_stale(now);
            let href = format!("{}/compliance", one.entity_href());
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href>{one.title}</RowLink>
                    </td>
                    <td class="table-wide-only">{one.owner}</td>
                    <td class="table-wide-only">{one.target}</td>
                    <td>
                        <Share counts=one.counts stale />
                    </td>
                    <td class="number">{number::grouped(one.counts.failed.unsigned_abs())}</td>
                    <td>
                        <Evidence at=one.evidence_at stale />
                    </td>
                </tr>
            }
        })
        .collect_view();
    let framework = summary.framework.clone();
    let controls = controls
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
                        <div class="small muted">{control.section}{(!control.part.is_empty()).then(|| format!(" · {}", control.part))}</div>
                    </td>
                    <td class="number">{number::grouped(control.counts.failed.unsigned_abs())}</td>
                    <td class="number table-wide-only">{number::grouped(control.counts.to_check.unsigned_abs())}</td>
                    <td class="number table-wide-only">{number::grouped(control.counts.passed.unsigned_abs())}</td>
                </tr>
            }
        })
        .collect_view();
    let service_columns = vec![
        Column::new("Service"),
        Column::new("Owner").wide_only(),
        Column::new("Target").wide_only(),
        Column::new("Passing"),
        Column::number("Failed"),
        Column::new("Evidence"),
    ];
    let control_columns = vec![
        Column::new("Control").tight(),
        Column::new("What"),
        Column::number("Failed"),
        Column::number("To be checked").wide_only(),
        Column::number("Passed").wide_only(),
    ];
    view! {
        <PageHead title=summary.title.clone() state=state.into_any() />
        <Share counts=summary.counts stale />
        <Section title="Services">
            <Table caption="Services with their evidence" columns=service_columns>
                {services}
            </Table>
        </Section>
        <Section title="Controls">
            <Table caption="Controls and how often they came out how" columns=control_columns>
                {controls}
            </Table>
        </Section>
        {(days.len() > 1).then(|| view! { <Days days /> })}
    }
}

#[component]
fn OneControl(found: Vec<(Assessment, ControlEvidence)>, now: OffsetDateTime) -> impl IntoView {
    let (title, section, number) =
        found.first().map(|(_, one)| (one.title.clone(), one.section.clone(), one.control.clone())).unwrap_or_default();
    let all = found
        .into_iter()
        .map(|(assessment, one)| {
            let stale = assessment.is_stale(now);
            let href = format!("{}/compliance", assessment.entity_href());
            let mut facts = vec![
                Fact::new("Outcome", view! { <Outcome status=one.status stale /> }),
                Fact::new("Evidence", view! { <Evidence at=assessment.evidence_at stale /> }),
                Fact::text("Tool", assessment.tool.clone()),
            ];
            facts.extend(assessment.owner.clone().map(|owner| Fact::text("Owner", owner)));
            facts.extend((!one.part.is_empty()).then(|| Fact::text("Looked at", one.part.clone())));
            let remediation = (!one.remediation.is_empty())
                .then(|| view! { <CodeBlock label=format!("What the tool says to do on {}", assessment.title) code=one.remediation.clone() /> });
            let evidence = (!one.evidence.is_empty())
                .then(|| view! { <CodeBlock label=format!("What the tool saw on {}", assessment.title) code=one.evidence.clone() /> });
            view! {
                <Section title=assessment.title.clone() more=view! { <a href=href>"All controls"</a> }.into_any()>
                    <Facts facts />
                    {remediation}
                    {evidence}
                </Section>
            }
        })
        .collect_view();
    view! {
        <PageHead title=format!("{number} {title}") state=view! { <span>{section}</span> }.into_any() />
        {all}
    }
}
