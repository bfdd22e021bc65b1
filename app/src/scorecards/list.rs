//! `/scorecards`: how services stand, what fails most, and which reviews are overdue.

use leptos::prelude::*;
use model::scorecards::{FailingCheck, Review, ScorecardSummary};
use portal::scorecards::{self, Overview};

use super::{LevelTrend, Levels, at_the_top};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        button::LinkButton,
        figure::{Card, Figure, Figures},
        icon, number,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, RowLink, Table},
        time::{Day, Time},
    },
};

/// `/scorecards`
pub async fn overview(cx: Cx) -> Answer {
    let overview = scorecards::overview(&cx.portal, &cx.actor).await?;
    cx.page(Head::new("Scorecards").wide(), move || view! { <Page overview /> })
}

#[component]
fn Page(overview: Overview) -> impl IntoView {
    let Overview { cards, failing, overdue, mut trend, may_edit, sees_results } = overview;
    let actions = may_edit.then(|| {
        view! { <LinkButton href="/scorecards/new" icon=Some(icon::ADD)>"Add a scorecard"</LinkButton> }.into_any()
    });
    let actions = actions.unwrap_or_else(|| ().into_any());
    if cards.is_empty() {
        return view! {
            <PageHead title="Scorecards" actions=actions />
            <Empty title="No scorecards yet" icon=icon::SCORECARD>
                "A scorecard states what services should be, in levels, and shows each team its next step. A security champion adds one as a file."
            </Empty>
        }
        .into_any();
    }
    let overdue_count = overdue.len() as u64;
    let failures: u64 = failing.iter().map(|check| check.services).sum();
    let figures = sees_results.then(|| {
        let top = cards.iter().map(ScorecardSummary::at_the_top).sum::<u64>();
        let all = cards.iter().map(ScorecardSummary::services).sum::<u64>();
        view! {
            <Figures>
                <Figure label="At the highest level" value=number::percent(top, all) />
                <Figure label="Failing checks" value=number::grouped(failures) href="#failing" />
                <Figure label="Reviews overdue" value=number::grouped(overdue_count) href="#overdue" />
            </Figures>
        }
    });
    let shown = cards
        .iter()
        .map(|card| {
            let (one, href) = (card.scorecard.clone(), card.scorecard.href());
            let levels = sees_results.then(|| {
                view! { <Levels caption=at_the_top(&card.by_level) by_level=card.by_level.clone() href=href.clone() /> }
            });
            view! {
                <Card>
                    <h2>
                        <a href=href.clone()>{one.title}</a>
                    </h2>
                    <p class="muted">{one.description}</p>
                    {levels}
                </Card>
            }
        })
        .collect_view();
    let trends = cards
        .iter()
        .filter_map(|card| {
            let days = trend.remove(&card.scorecard.name).filter(|days| days.len() > 1)?;
            let caption = format!("{}: services by level, day by day", card.scorecard.title);
            Some(view! { <LevelTrend caption levels=card.scorecard.levels.clone() days /> })
        })
        .collect_view();
    let unseen = (!sees_results).then(|| {
        view! {
            <p class="muted">
                "How services stand is shown to people with a role over them. "
                <a href="/access/request">"Request access"</a>
            </p>
        }
    });
    view! {
        <PageHead title="Scorecards" actions=actions />
        {figures}
        {unseen}
        <div class="cards">{shown}</div>
        {(!failing.is_empty()).then(|| view! { <div id="failing"><Failing failing cards=cards.clone() /></div> })}
        {sees_results.then(|| view! { <div id="overdue"><Overdue overdue /></div> })}
        {(!trends.is_empty()).then(|| view! { <Section title="Day by day">{trends}</Section> })}
    }
    .into_any()
}

#[component]
fn Failing(failing: Vec<FailingCheck>, cards: Vec<ScorecardSummary>) -> impl IntoView {
    let title = move |name: &str| {
        let found = cards.iter().find(|card| card.scorecard.name == name);
        found.map_or_else(|| name.to_owned(), |card| card.scorecard.title.clone())
    };
    let rows = failing
        .into_iter()
        .map(|check| {
            let href = format!("/scorecards/{}?failing={}", check.scorecard, check.check);
            view! {
                <tr>
                    <td>
                        <RowLink href>{check.title}</RowLink>
                    </td>
                    <td>{title(&check.scorecard)}</td>
                    <td class="table-wide-only">{check.level}</td>
                    <td class="number">{number::grouped(check.services)}</td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Check"),
        Column::new("Scorecard"),
        Column::new("Level").wide_only(),
        Column::number("Services"),
    ];
    view! {
        <Section title="What fails most">
            <Table caption="Checks by how many services fail them" columns>
                {rows}
            </Table>
        </Section>
    }
}

#[component]
fn Overdue(overdue: Vec<Review>) -> impl IntoView {
    if overdue.is_empty() {
        return view! {
            <Section title="Overdue reviews">
                <p class="muted">"No review is overdue. Sign-offs set the day of the next one."</p>
            </Section>
        }
        .into_any();
    }
    let rows = overdue
        .into_iter()
        .map(|review| {
            let href = format!("{}/scorecards", model::scorecards::entity_href(&review.entity_ref));
            view! {
                <tr>
                    <td>
                        <RowLink href>{review.title}</RowLink>
                    </td>
                    <td>{review.scorecard_title}</td>
                    <td class="table-wide-only">{review.owner}</td>
                    <td class="table-wide-only">
                        <Time at=review.reviewed_at />
                        {review.reviewed_by.map(|by| format!(" by {by}"))}
                    </td>
                    <td>
                        <Day date=review.next_on />
                    </td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Service"),
        Column::new("Scorecard"),
        Column::new("Owner").wide_only(),
        Column::new("Last signed off").wide_only(),
        Column::new("Was due"),
    ];
    view! {
        <Section title="Overdue reviews">
            <Table caption="Reviews by how long they are overdue" columns>
                {rows}
            </Table>
        </Section>
    }
    .into_any()
}
