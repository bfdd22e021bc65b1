//! `/security`: what is open in all that one may see, how that changed, and the findings themselves.

use axum::extract::Query;
use leptos::prelude::*;
use model::{Page, Severity, findings::FindingSummary};
use portal::{
    authz::RoleName,
    findings::{self, Overview},
};
use time::OffsetDateTime;

use super::{FindingList, Listing};
use crate::{
    backend::{Answer, Cx, Head},
    catalog::address,
    ui::{
        Tone,
        badge::Status,
        button::{LinkButton, Weight},
        chart::{Hue, Series, Trend},
        figure::{Change, Figure, Figures, Wish},
        fold::Fold,
        icon, number,
        page_head::{PageHead, Section},
        time::{day, span},
    },
};

const PATH: &str = "/security";

/// `/security`
pub async fn list(cx: Cx, Query(pairs): Query<Vec<(String, String)>>) -> Answer {
    let listing = Listing::read(PATH, &pairs)?;
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let overview = findings::overview(&mut snapshot).await?;
    let page =
        findings::list_beside(&mut snapshot, &listing.filter, listing.sort, &listing.request, Some(&overview.open))
            .await?;
    let may_upload = [RoleName::Developer, RoleName::TeamLead, RoleName::SecurityChampion]
        .into_iter()
        .any(|role| cx.actor.holds(role));
    let now = cx.chrome.now;
    cx.page(Head::new("Security").wide(), move || view! { <Security listing overview page may_upload now /> })
}

#[component]
fn Security(
    listing: Listing,
    overview: Overview,
    page: Page<FindingSummary>,
    may_upload: bool,
    now: OffsetDateTime,
) -> impl IntoView {
    let (tone, words) = in_words(&overview, now);
    let upload = may_upload.then(|| {
        view! {
            <LinkButton href="/security/upload" weight=Weight::Primary icon=Some(icon::UPLOAD)>
                "Upload a report"
            </LinkButton>
        }
        .into_any()
    });
    let trend = overview.trend.clone();
    view! {
        <PageHead
            title="Security"
            state=view! { <Status tone>{words}</Status> }.into_any()
            actions=upload.unwrap_or_else(|| ().into_any())
        />
        <Counts overview />
        <FindingList listing page />
        <Fold label="The last twelve weeks">
            <Section title="Open findings, week by week">
                <Trend
                    caption=trend_in_words(&trend)
                    positions=trend.iter().map(|point| day(point.day)).collect()
                    series=[Severity::Critical, Severity::High, Severity::Medium]
                        .map(|severity| {
                            let values = trend.iter().map(|point| point.open.of(severity).unsigned_abs()).collect();
                            Series::new(severity.label(), Hue::Severity(severity), values)
                        })
                        .to_vec()
                />
            </Section>
        </Fold>
    }
}

/// "3 critical findings, oldest 41 days"
fn in_words(overview: &Overview, now: OffsetDateTime) -> (Tone, String) {
    let open = overview.open;
    match (open.critical, overview.oldest_critical) {
        (0, _) if open.total() == 0 => (Tone::Good, "Nothing is open".to_owned()),
        (0, _) => (Tone::Attention, "No critical finding is open".to_owned()),
        (critical, oldest) => {
            let counted = number::counted(critical.unsigned_abs(), "critical finding", "critical findings");
            let oldest = oldest.map(|oldest| format!(", oldest {}", span(now - oldest))).unwrap_or_default();
            (Tone::Wrong, format!("{counted}{oldest}"))
        }
    }
}

fn trend_in_words(trend: &[model::findings::TrendPoint]) -> String {
    let (Some(first), Some(last)) = (trend.first(), trend.last()) else { return "Nothing was open".to_owned() };
    let (before, now) = (first.open.critical, last.open.critical);
    let since = day(first.day);
    match now - before {
        0 => format!("Critical findings: {now}, as on {since}"),
        1.. => format!("Critical findings rose from {before} to {now} since {since}"),
        _ => format!("Critical findings fell from {before} to {now} since {since}"),
    }
}

/// The five figures, each the way to its rows.
#[component]
fn Counts(overview: Overview) -> impl IntoView {
    let figures = Severity::WORST_FIRST
        .map(|severity| {
            #[expect(clippy::cast_precision_loss, reason = "a line is drawn, no sum is made")]
            let trend = overview.trend.iter().map(|point| point.open.of(severity) as f64).collect();
            view! {
                <Figure
                    label=severity.label()
                    value=number::grouped(overview.open.of(severity).unsigned_abs())
                    href=address(PATH, [("severity", severity.as_str().to_owned())])
                    change=Some(Change::new(overview.change(severity), Wish::Fewer, "since last week"))
                    trend
                />
            }
        })
        .collect_view();
    view! { <Figures>{figures}</Figures> }
}
