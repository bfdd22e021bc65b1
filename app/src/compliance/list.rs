//! `/compliance`: every framework that one may see results of, and how it went.

use leptos::prelude::*;
use model::compliance::{ComplianceDay, Counts, FrameworkSummary};
use portal::compliance;

use super::{Evidence, Share};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        chart::{Hue, Series, Trend},
        figure::{Figure, Figures},
        icon, number,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, RowLink, Table},
        time,
    },
};

/// `/compliance`
pub async fn list(cx: Cx) -> Answer {
    let frameworks = compliance::frameworks(&cx.portal, &cx.actor).await?;
    let days = compliance::trend(&cx.portal, &cx.actor, None).await?;
    cx.page(Head::new("Compliance").wide(), move || view! { <Page frameworks days /> })
}

#[component]
fn Page(frameworks: Vec<FrameworkSummary>, days: Vec<ComplianceDay>) -> impl IntoView {
    if frameworks.is_empty() {
        return view! {
            <PageHead title="Compliance" />
            <Empty title="No benchmark results yet" icon=icon::COMPLIANCE>
                "Upload what kube-bench says about a cluster on the Compliance tab of the service or resource that stands for it, or let a pipeline post it to /api/v1/compliance/reports."
            </Empty>
        }
        .into_any();
    }
    let mut all = Counts::default();
    for framework in &frameworks {
        all += framework.counts;
    }
    let stale: u64 = frameworks.iter().map(|framework| framework.stale).sum();
    let services: u64 = frameworks.iter().map(|framework| framework.services).sum();
    let pass = number::share(all.pass_percent());
    let rows = frameworks
        .into_iter()
        .map(|framework| {
            let stale = framework.stale > 0;
            let href = framework.href();
            view! {
                <tr>
                    <td>
                        <RowLink href>{framework.title}</RowLink>
                    </td>
                    <td>
                        <Share counts=framework.counts stale />
                    </td>
                    <td class="number">{number::grouped(framework.counts.failed.unsigned_abs())}</td>
                    <td class="number table-wide-only">{number::grouped(framework.counts.to_check.unsigned_abs())}</td>
                    <td class="number table-wide-only">{number::grouped(framework.services)}</td>
                    <td class="table-wide-only">
                        <Evidence at=framework.oldest_at stale />
                    </td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Framework"),
        Column::new("Passing"),
        Column::number("Failed"),
        Column::number("To be checked").wide_only(),
        Column::number("Services").wide_only(),
        Column::new("Oldest evidence").wide_only(),
    ];
    view! {
        <PageHead title="Compliance" />
        <Figures>
            <Figure label="Controls that pass" value=pass />
            <Figure label="Controls that fail" value=number::grouped(all.failed.unsigned_abs()) />
            <Figure label="To be checked by people" value=number::grouped(all.to_check.unsigned_abs()) />
            <Figure label="Results on stale evidence" value=number::grouped(stale) />
            <Figure label="Results of services" value=number::grouped(services) />
        </Figures>
        <Section title="Frameworks">
            <Table caption="Frameworks and what share of their controls passes" columns>
                {rows}
            </Table>
            <p class="muted small mt-2">
                "What nobody has checked does not count as passed. Evidence older than 7 days is stale and is never shown as fine."
            </p>
        </Section>
        {(days.len() > 1).then(|| view! { <Section title="Passing over time"><Days days /></Section> })}
    }
    .into_any()
}

/// What share passed, day by day.
#[component]
pub fn Days(days: Vec<ComplianceDay>) -> impl IntoView {
    let percent = |day: &ComplianceDay| (day.passed * 100).checked_div(day.total).unwrap_or_default().unsigned_abs();
    let (first, last) = (days.first().map_or(0, percent), days.last().map_or(0, percent));
    let since = days.first().map(|day| time::day(day.day)).unwrap_or_default();
    let caption = match first.cmp(&last) {
        std::cmp::Ordering::Less => format!("Passing controls rose from {first} % to {last} % since {since}"),
        std::cmp::Ordering::Equal => format!("{last} % of controls pass, as on {since}"),
        std::cmp::Ordering::Greater => format!("Passing controls fell from {first} % to {last} % since {since}"),
    };
    let positions = days.iter().map(|day| time::day(day.day)).collect();
    let series = vec![Series::new("% passing", Hue::Series(1), days.iter().map(percent).collect())];
    view! { <Trend caption positions series /> }
}
