//! A service's security tab: what is open, who scans what, what the gate said, and the findings themselves.

use axum::extract::Query;
use leptos::prelude::*;
use model::{
    Page, Severity,
    findings::{Decision, FindingSummary, ScopeSummary, Verdict},
};
use portal::findings::{self, ServiceOverview};

use super::{FindingList, Listing};
use crate::{
    backend::{Answer, Cx},
    catalog::{address, detail},
    ui::{
        Tone,
        badge::Status,
        button::LinkButton,
        figure::{Figure, Figures},
        icon, number,
        page_head::Section,
        state::Empty,
        table::{Column, Table},
        time::Time,
        timeline::{Event, Timeline},
    },
};

/// Whether scanners report on entities of this kind.
#[must_use]
pub fn has_tab(kind: model::Kind) -> bool {
    matches!(kind, model::Kind::Component | model::Kind::Api | model::Kind::Resource)
}

/// `/catalog/{kind}/{namespace}/{name}/security`
pub async fn tab(cx: Cx, path: detail::EntityPath, Query(pairs): Query<Vec<(String, String)>>) -> Answer {
    let (entity, mut snapshot) = detail::open(&cx, path).await?;
    let reference = entity.summary.reference.to_string();
    let mut listing = Listing::read(format!("{}/security", entity.summary.reference.href()), &pairs)?;
    listing.filter.service = Some(reference.clone());
    listing.of_one_service = true;
    let overview = findings::service_overview(&mut snapshot, entity.summary.id).await?;
    let page = findings::list(&mut snapshot, &listing.filter, listing.sort, &listing.request).await?;
    detail::page(&cx, &entity, "security", move || view! { <Security listing overview page service=reference /> })
}

#[component]
fn Security(listing: Listing, overview: ServiceOverview, page: Page<FindingSummary>, service: String) -> impl IntoView {
    let upload = address("/security/upload", [("service", service)]);
    if overview.scopes.is_empty() {
        return view! {
            <Empty title="Never scanned" icon=icon::SECURITY action=Some((upload, "Upload a report".to_owned()))>
                "Findings appear once a report of Trivy, or of any tool that writes SARIF or CycloneDX, is uploaded. The gate denies until then."
            </Empty>
        }
        .into_any();
    }
    let path = listing.path.clone();
    let figures = Severity::WORST_FIRST
        .map(|severity| {
            view! {
                <Figure
                    label=severity.label()
                    value=number::grouped(overview.open.of(severity).unsigned_abs())
                    href=address(&path, [("severity", severity.as_str().to_owned())])
                />
            }
        })
        .collect_view();
    let upload = view! {
        <LinkButton href=upload icon=Some(icon::UPLOAD)>
            "Upload a report"
        </LinkButton>
    };
    view! {
        <Figures>{figures}</Figures>
        <Section title="Findings">
            <FindingList listing page />
        </Section>
        <Section title="Who scans what" more=upload.into_any()>
            <Scopes scopes=overview.scopes />
        </Section>
        {(!overview.verdicts.is_empty()).then(|| view! { <Gate verdicts=overview.verdicts /> })}
    }
    .into_any()
}

#[component]
fn Scopes(scopes: Vec<ScopeSummary>) -> impl IntoView {
    let rows = scopes
        .into_iter()
        .map(|summary| {
            let ScopeSummary { scope, open, scanned_at, incomplete } = summary;
            let dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
            let scanned = match (scanned_at, incomplete.is_some()) {
                (Some(at), false) => view! { <Time at /> }.into_any(),
                (Some(at), true) => view! { <Time at /> ", incomplete since" }.into_any(),
                (None, _) => view! { <Status tone=Tone::Attention>"Never completely"</Status> }.into_any(),
            };
            view! {
                <tr>
                    <td>{scope.tool}</td>
                    <td class="table-cut">{dash(scope.target)}</td>
                    <td class="table-cut table-wide-only">{dash(scope.branch)}</td>
                    <td class="table-wide-only">{scope.stage.label()}</td>
                    <td class="number">{number::grouped(open.unsigned_abs())}</td>
                    <td>{scanned}</td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Tool").tight(),
        Column::new("Target"),
        Column::new("Branch").wide_only(),
        Column::new("Stage").tight().wide_only(),
        Column::number("Open").tight(),
        Column::new("Scanned").tight(),
    ];
    view! { <Table caption="Who scans what" columns>{rows}</Table> }
}

#[component]
fn Gate(verdicts: Vec<Verdict>) -> impl IntoView {
    let events = verdicts
        .into_iter()
        .map(|verdict| {
            let of_stage = verdict.stage.map(|stage| format!(" for {stage}")).unwrap_or_default();
            let (of, tone, title) = match verdict.decision {
                Decision::Allow => (icon::GOOD, Tone::Good, format!("Allowed{of_stage}")),
                Decision::Deny => (icon::WRONG, Tone::Wrong, format!("Denied{of_stage} by rule {}", verdict.rule)),
            };
            let reason = verdict.reason;
            view! {
                <Event at=verdict.at icon=of tone=Some(tone) title=title.into_any()>
                    {reason}
                </Event>
            }
        })
        .collect_view();
    view! {
        <Section title="What the gate said">
            <Timeline>{events}</Timeline>
        </Section>
    }
}
