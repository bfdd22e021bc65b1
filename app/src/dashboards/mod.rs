//! `/dashboard`: how the organisation stands, as far as the reader may see it.

use axum::response::IntoResponse;
use http::header;
use leptos::prelude::*;
use model::Severity;
use portal::dashboards::{
    self, Organisation, TeamRow,
    organisation::{ACKNOWLEDGED_DAYS, IncidentWeek},
};
use time::{Duration, OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        button::LinkButton,
        chart::{Hue, Series, StackedBars, Trend},
        figure::{Change, Figure, Figures, Wish},
        icon, number,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, RowLink, Table},
        thing::{Kind, Thing},
        time::{Time, span},
    },
};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[day padding:none] [month repr:short]");

/// `/dashboard`
pub async fn page(cx: Cx) -> Answer {
    let found = dashboards::organisation(&cx.portal, &cx.actor).await?;
    cx.page(Head::new("Organisation").under("Home", "/").wide(), move || view! { <Shown found /> })
}

/// `/dashboard.csv`
pub async fn export(cx: Cx) -> Answer {
    let sheet = dashboards::export(&cx.portal, &cx.actor).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"organisation.csv\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, sheet).into_response())
}

#[component]
fn Shown(found: Organisation) -> impl IntoView {
    let urgent = |open: &model::findings::SeverityCounts| open.critical + open.high;
    let week_ago = found.trend.iter().rev().nth(1).map(|point| urgent(&point.open)).unwrap_or_default();
    let now_open = urgent(&found.findings);
    let trend: Vec<f64> = found.trend.iter().map(|point| as_float(urgent(&point.open))).collect();
    let acknowledged = found.acknowledged_after_s.map_or_else(|| "–".to_owned(), |s| span(Duration::seconds(s)));
    let this_week = found.weeks.last().map_or(0, |week| week.opened);
    let last_week = found.weeks.iter().rev().nth(1).map_or(0, |week| week.opened);
    let state = view! { <p>"Of what you may see, as of " <Time at=found.as_of /></p> };
    let actions = view! {
        <LinkButton href="/dashboard.csv" icon=Some(icon::DOWNLOAD)>
            "Export"
        </LinkButton>
    };
    view! {
        <PageHead title="Organisation" state=state.into_any() actions=actions.into_any() />
        <Figures>
            <Figure
                label="Critical and high findings"
                value=grouped(now_open)
                href="/security?severity=critical&severity=high"
                change=Some(Change::new(now_open - week_ago, Wish::Fewer, "than a week ago"))
                trend
            />
            <Figure
                label="Open incidents"
                value=grouped(found.incidents)
                href="/incidents"
                change=Some(Change::new(this_week - last_week, Wish::Fewer, "opened this week than last"))
            />
            <Figure
                label=format!("Time to acknowledge, {ACKNOWLEDGED_DAYS} days")
                value=acknowledged
                href="/incidents?state=acknowledged"
            />
            <Figure
                label="Controls that hold"
                value=number::percent(
                    found.controls_passed.unsigned_abs(),
                    (found.controls_passed + found.controls_failed).unsigned_abs(),
                )
                href="/compliance"
            />
            <Figure label="Environments running" value=grouped(found.environments) href="/environments" />
        </Figures>
        <Findings found=found.clone() />
        <Incidents weeks=found.weeks heard_at=found.heard_at />
        <p class="small muted">
            "Controls from benchmarks; "
            {found
                .evidence_at
                .map_or_else(
                    || "no report has come yet".into_any(),
                    |at| view! { "the oldest evidence " <Time at /> }.into_any(),
                )}
            "."
        </p>
        <Teams teams=found.teams as_of=found.as_of />
    }
}

#[component]
fn Findings(found: Organisation) -> impl IntoView {
    let positions = found.trend.iter().map(|point| point.day.format(DAY).unwrap_or_default()).collect();
    let series = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low]
        .into_iter()
        .map(|severity| {
            let values = found.trend.iter().map(|point| point.open.of(severity).unsigned_abs()).collect();
            Series::new(severity.label(), Hue::Severity(severity), values)
        })
        .collect();
    let first = found.trend.first().map_or(0, |point| point.open.total());
    let last = found.trend.last().map_or(0, |point| point.open.total());
    let weeks = found.trend.len().saturating_sub(1);
    let moved = match last.cmp(&first) {
        std::cmp::Ordering::Greater => "rose",
        std::cmp::Ordering::Less => "fell",
        std::cmp::Ordering::Equal => "stayed",
    };
    let caption = if moved == "stayed" {
        format!("Open findings are as many as {weeks} weeks ago: {}", grouped(last))
    } else {
        format!("Open findings {moved} from {} to {} in {weeks} weeks", grouped(first), grouped(last))
    };
    view! {
        <Section title="Findings">
            <Trend caption positions series />
            <Source says="Scanners' reports" latest=found.reported_at never="none has come yet" />
        </Section>
    }
}

#[component]
fn Incidents(weeks: Vec<IncidentWeek>, heard_at: Option<OffsetDateTime>) -> impl IntoView {
    let positions = weeks.iter().map(|week| week.begins.format(DAY).unwrap_or_default()).collect();
    let values: Vec<u64> = weeks.iter().map(|week| week.opened.unsigned_abs()).collect();
    let total: u64 = values.iter().sum();
    let caption = if total == 0 {
        format!("No incident opened in {} weeks", weeks.len())
    } else {
        let this_week = values.last().copied().unwrap_or_default();
        format!(
            "{} opened this week, {} in {} weeks",
            number::counted(this_week, "incident", "incidents"),
            number::grouped(total),
            weeks.len()
        )
    };
    let series = vec![Series::new("Opened", Hue::Series(1), values)];
    view! {
        <Section title="Incidents by week">
            <StackedBars caption positions series />
            <Source says="Alerts that integrations delivered" latest=heard_at never="none has come in this time" />
        </Section>
    }
}

/// Where numbers come from and how old they are.
#[component]
fn Source(says: &'static str, latest: Option<OffsetDateTime>, never: &'static str) -> impl IntoView {
    let age = latest.map_or_else(|| never.into_any(), |at| view! { "the last " <Time at /> }.into_any());
    view! { <p class="small muted">{says} "; " {age} "."</p> }
}

#[component]
fn Teams(teams: Vec<TeamRow>, as_of: OffsetDateTime) -> impl IntoView {
    if teams.is_empty() {
        return view! {
            <Empty title="No teams yet" icon=icon::TEAM action=Some(("/catalog".to_owned(), "Open the catalog".to_owned()))>
                "Teams and their numbers are shown once the catalog says what belongs to whom."
            </Empty>
        }
        .into_any();
    }
    let rows = teams.into_iter().map(|team| view! { <Row team /> }).collect_view();
    let columns = vec![
        Column::new("Team"),
        Column::number("Services").wide_only(),
        Column::number("Critical"),
        Column::number("High"),
        Column::number("Medium").wide_only(),
        Column::number("Low").wide_only(),
        Column::number("Incidents"),
        Column::number("To acknowledge").wide_only(),
        Column::number("Controls").wide_only(),
        Column::number("Score").wide_only(),
        Column::number("Environments").wide_only(),
    ];
    view! {
        <Section title="Teams">
            <Table caption="Numbers of each team" columns>
                {rows}
            </Table>
            <p class="small muted">
                "Services from the catalog, findings from scanners' reports, incidents from alerts; counted " <Time at=as_of />
                ". Controls are those of benchmarks that hold, the score is the mean over scorecards; a dash where there are none, or where nobody acknowledged an incident in " {ACKNOWLEDGED_DAYS} " days."
            </p>
        </Section>
    }
    .into_any()
}

#[component]
fn Row(team: TeamRow) -> impl IntoView {
    let acknowledged = team.acknowledged_after_s.map_or_else(|| "–".to_owned(), |s| span(Duration::seconds(s)));
    view! {
        <tr>
            <td class="table-cut">
                <RowLink href=format!("/teams/{}", team.name)>
                    <Thing kind=Kind::Team name=team.title />
                </RowLink>
            </td>
            <td class="number table-wide-only">{grouped(team.services)}</td>
            <td class="number">{grouped(team.findings.critical)}</td>
            <td class="number">{grouped(team.findings.high)}</td>
            <td class="number table-wide-only">{grouped(team.findings.medium)}</td>
            <td class="number table-wide-only">{grouped(team.findings.low)}</td>
            <td class="number">{grouped(team.incidents)}</td>
            <td class="number table-wide-only">{acknowledged}</td>
            <td class="number table-wide-only">{number::share(team.controls_percent)}</td>
            <td class="number table-wide-only">{number::share(team.score)}</td>
            <td class="number table-wide-only">{grouped(team.environments)}</td>
        </tr>
    }
}

fn grouped(count: i64) -> String {
    number::grouped(count.unsigned_abs())
}

#[expect(clippy::cast_precision_loss, reason = "a sparkline shows no more than a few digits")]
const fn as_float(count: i64) -> f64 {
    count as f64
}
