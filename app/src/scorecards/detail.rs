//! `/scorecards/{name}`: what it asks, and how services stand on it.

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{
    page::{Page, PageRequest},
    scorecards::{ResultFilter, ResultSort, ScorecardSummary, ScorecardView, ServiceResult},
};
use portal::{
    Error,
    scorecards::{self, Overview},
};
use serde::Deserialize;

use super::{Level, LevelTrend, Levels, at_the_top};
use crate::{
    backend::{Answer, Cx, Head, percent_encoded},
    ui::{
        button::LinkButton,
        code::Code,
        facet::{Chip, Chips},
        icon, number,
        page_head::{PageHead, Section},
        pagination::Pagination,
        state::Empty,
        table::{Column, Direction, RowLink, Table},
        time::Time,
    },
};

/// The page's address, field by field.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    level: Option<String>,
    failing: Option<String>,
    team: Option<String>,
    #[serde(default)]
    sort: ResultSort,
    cursor: Option<String>,
}

impl Asked {
    fn filter(&self) -> ResultFilter {
        let Self { level, failing, team, sort, .. } = self.clone();
        ResultFilter { level, failing, team, sort }
    }

    fn address(&self, name: &str, without: &str, more: &[(&str, &str)]) -> String {
        let sort = (self.sort == ResultSort::Score).then(|| "score".to_owned());
        let on = [("level", &self.level), ("failing", &self.failing), ("team", &self.team), ("sort", &sort)];
        let query: Vec<String> = on
            .into_iter()
            .filter(|(field, _)| *field != without && !more.iter().any(|(other, _)| other == field))
            .filter_map(|(field, value)| Some((field, value.as_deref()?)))
            .chain(more.iter().copied())
            .map(|(field, value)| format!("{field}={}", percent_encoded(value)))
            .collect();
        let path = format!("/scorecards/{name}");
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }
}

/// `/scorecards/{name}`
pub async fn detail(cx: Cx, Path(name): Path<String>, Query(asked): Query<Asked>) -> Answer {
    let mut overview = scorecards::detail(&cx.portal, &cx.actor, &name).await?;
    let request = PageRequest::at(asked.cursor.clone());
    let results = scorecards::results(&cx.portal, &cx.actor, &name, &asked.filter(), &request).await?;
    let card = overview.cards.pop().ok_or(Error::NotFound("scorecard"))?;
    let head = Head::new(card.scorecard.title.clone()).under("Scorecards", "/scorecards").wide();
    cx.page(head, move || view! { <One card overview asked results /> })
}

#[component]
fn One(card: ScorecardSummary, overview: Overview, asked: Asked, results: Page<ServiceResult>) -> impl IntoView {
    let Overview { mut trend, may_edit, sees_results, .. } = overview;
    let one = card.scorecard.clone();
    let href = one.href();
    let edit = format!("{href}/edit");
    let actions = if may_edit {
        view! { <LinkButton href=edit icon=Some(icon::EDIT)>"Change"</LinkButton> }.into_any()
    } else {
        ().into_any()
    };
    let state = if sees_results { at_the_top(&card.by_level) } else { String::new() };
    let days = trend.remove(&one.name).filter(|days| days.len() > 1);
    let levels = one.levels.clone();
    let beside = sees_results.then(|| {
        view! {
            <Levels caption="Services by level" by_level=card.by_level href=href />
        }
    });
    let chart = days.map(|days| view! { <LevelTrend caption="Services by level, day by day" levels days /> });
    view! {
        <PageHead title=one.title.clone() state=view! { <span>{state}</span> }.into_any() actions=actions />
        <p class="muted">{one.description.clone()}</p>
        {beside}
        {sees_results.then(|| view! { <Results one=one.clone() asked results /> })}
        <Checks one=one.clone() />
        {chart}
    }
}

#[component]
fn Results(one: ScorecardView, asked: Asked, results: Page<ServiceResult>) -> impl IntoView {
    let name = one.name.clone();
    let mut chips = Vec::new();
    let mut chip = |label: String, field: &str| chips.push(Chip { label, without: asked.address(&name, field, &[]) });
    if let Some(level) = &asked.level {
        chip(format!("Level: {level}"), "level");
    }
    if let Some(check) = &asked.failing {
        let title = one.check(check).map_or_else(|| check.clone(), |check| check.title.clone());
        chip(format!("Fails: {title}"), "failing");
    }
    if let Some(team) = &asked.team {
        chip(format!("Team: {team}"), "team");
    }
    let narrowed = !chips.is_empty();
    let clear = format!("/scorecards/{name}");
    let page = |cursor: &model::page::Cursor| asked.address(&name, "", &[("cursor", &cursor.0)]);
    let (previous, next) = (results.previous.as_ref().map(page), results.next.as_ref().map(page));
    let (first, shown, total) = (results.first, results.items.len() as u64, results.total);
    let by_name = (asked.sort == ResultSort::Name).then_some(Direction::Ascending);
    let by_score = (asked.sort == ResultSort::Score).then_some(Direction::Ascending);
    let columns = vec![
        Column::new("Service").sort(asked.address(&name, "sort", &[]), by_name),
        Column::new("Owner").wide_only(),
        Column::new("Level").tight(),
        Column::number("Score").sort(asked.address(&name, "sort", &[("sort", "score")]), by_score),
        Column::number("Failing"),
        Column::new("Changed").wide_only(),
    ];
    let levels = one.levels.len();
    let rows = results
        .items
        .into_iter()
        .map(|row| {
            let href = format!("{}/scorecards", row.href());
            let top = usize::try_from(row.rank).is_ok_and(|rank| rank >= levels);
            let team = row.owner.clone().map(|team| {
                let href = asked.address(&name, "team", &[("team", &team)]);
                view! { <a href=href>{team}</a> }
            });
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href>{row.title}</RowLink>
                    </td>
                    <td class="table-wide-only">{team}</td>
                    <td>
                        <Level level=row.level top />
                    </td>
                    <td class="number">{number::share(Some(row.score))}</td>
                    <td class="number">{row.failing.len()}</td>
                    <td class="table-wide-only">
                        <Time at=row.changed_at />
                    </td>
                </tr>
            }
        })
        .collect_view();
    let body = if shown == 0 && narrowed {
        view! { <Empty title="No service is like that">"Take a filter off to see others."</Empty> }.into_any()
    } else if shown == 0 {
        view! { <Empty title="No service yet">"It applies to none of the services that you may see."</Empty> }
            .into_any()
    } else {
        view! {
            <Table caption="Services and how they stand" columns>
                {rows}
            </Table>
            <Pagination first shown total=total.value more=!total.exact previous=previous.unwrap_or_default() next=next.unwrap_or_default() />
        }
        .into_any()
    };
    view! {
        <Section title="Services">
            <div class="filters">
                <Chips chips clear />
            </div>
            {body}
        </Section>
    }
}

#[component]
fn Checks(one: ScorecardView) -> impl IntoView {
    let href = one.href();
    let applies = one.applies;
    let rows = one
        .checks
        .into_iter()
        .map(|check| {
            let failing = format!("{href}?failing={}", check.id);
            view! {
                <tr>
                    <td>
                        <RowLink href=failing>{check.title}</RowLink>
                        <div class="small muted">{check.why}</div>
                    </td>
                    <td>{check.level}</td>
                    <td class="number table-wide-only">{number::grouped(check.weight.into())}</td>
                    <td class="table-wide-only">
                        <Code code=check.condition />
                    </td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Check"),
        Column::new("Level").tight(),
        Column::number("Weight").wide_only(),
        Column::new("Passes where").wide_only(),
    ];
    view! {
        <Section title="What it asks">
            <p class="muted">"Applies where " <Code code=applies /></p>
            <Table caption="Checks, each with the level that needs it" columns>
                {rows}
            </Table>
        </Section>
    }
}
