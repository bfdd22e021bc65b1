//! The scorecards of one entity: each check with its reason and next step, and what a champion can decide.

use leptos::prelude::*;
use model::{
    EntityDetail, Problem,
    scorecards::{Act, ActKind, CheckResult, HistoryEntry, Outcome, ServiceCard},
};
use portal::{
    Error,
    scorecards::{self, Cards},
};
use time::{Date, macros::format_description};

use super::{Level, OutcomeStatus};
use crate::{
    backend::{Answer, Cx, Failure, Posted},
    catalog::detail::{self, EntityPath},
    ui::{
        Tone,
        button::{Button, Weight},
        chart::Meter,
        field::{DateField, SelectField, TextArea},
        fold::Fold,
        form::{Form, FormActions, FormState},
        icon,
        page_head::Section,
        state::Empty,
        table::{Column, Table},
        time::{Day, ExactTime, Time},
        timeline::{Event, Timeline},
        words::capitalised,
    },
};

/// `/catalog/{kind}/{namespace}/{name}/scorecards`
pub async fn tab(cx: Cx, path: EntityPath) -> Answer {
    let (entity, snapshot) = detail::open(&cx, path).await?;
    drop(snapshot);
    show(&cx, &entity, FormState::default(), String::new()).await
}

/// `POST /catalog/{kind}/{namespace}/{name}/scorecards`
pub async fn act(cx: Cx, path: EntityPath, posted: Posted) -> Answer {
    let (entity, snapshot) = detail::open(&cx, path).await?;
    drop(snapshot);
    let back = format!("{}/scorecards", entity.summary.reference.href());
    match done(&cx, &entity, &posted).await {
        Ok(done) => cx.redirect(&back, done),
        Err(error) => {
            let form = posted.text("do").to_owned();
            let state = posted.refused(Problem::from(error))?;
            show(&cx, &entity, state, form).await
        }
    }
}

async fn done(cx: &Cx, entity: &EntityDetail, posted: &Posted) -> Result<&'static str, Error> {
    let (portal, actor, id) = (&cx.portal, &cx.actor, entity.summary.id);
    match posted.text("do") {
        "comment" => {
            let (scorecard, check) = about(posted.text("check"));
            scorecards::comment(portal, actor, id, scorecard, check, posted.text("text")).await?;
            Ok("Comment added")
        }
        "exempt" => {
            let until = day(posted, "until")?;
            let (scorecard, check) = about(posted.text("check"));
            let check = check.ok_or_else(|| Error::invalid("check", "choose the check that need not hold"))?;
            scorecards::exempt(portal, actor, id, scorecard, check, until, posted.text("reason")).await?;
            Ok("The check does not count until then")
        }
        "end" => {
            let exemption = posted.text("exemption").parse().map_err(|_| Error::NotFound("exemption"))?;
            scorecards::end_exemption(portal, actor, id, exemption).await?;
            Ok("The exemption has ended")
        }
        "sign-off" => {
            let next = day(posted, "next_on")?;
            scorecards::sign_off(portal, actor, id, posted.text("scorecard"), posted.text("note"), next).await?;
            Ok("Signed off")
        }
        _ => Err(Error::Malformed("the form says nothing that can be done here".to_owned())),
    }
}

fn day(posted: &Posted, field: &str) -> Result<Date, Error> {
    Date::parse(posted.text(field), format_description!("[year]-[month]-[day]"))
        .map_err(|_| Error::invalid(field, "choose a day"))
}

/// A scorecard, or a check of it: `security-baseline/no-critical`.
fn about(value: &str) -> (&str, Option<&str>) {
    value.split_once('/').map_or((value, None), |(scorecard, check)| (scorecard, Some(check)))
}

async fn show(
    cx: &Cx,
    entity: &EntityDetail,
    state: FormState,
    refused: String,
) -> Result<axum::response::Response, Failure> {
    let Cards { cards, may_review, may_exempt, .. } =
        scorecards::cards_of(&cx.portal, &cx.actor, entity.summary.id).await?;
    let action = format!("{}/scorecards", entity.summary.reference.href());
    let was_refused = state.is_refused();
    let answer = detail::page(cx, entity, "scorecards", move || match cards {
        None => view! {
            <Empty
                title="Not for you to see"
                icon=icon::SCORECARD
                action=Some(("/access/request".to_owned(), "Request access".to_owned()))
            >
                "How a service stands tells of its findings, so it is shown to people with a role over it."
            </Empty>
        }
        .into_any(),
        Some(cards) if cards.is_empty() => view! {
            <Empty title="No scorecard applies" icon=icon::SCORECARD>
                "Scorecards say themselves which entities they are about."
            </Empty>
        }
        .into_any(),
        Some(cards) => {
            let decide = may_review.then(|| {
                view! { <Decide cards=cards.clone() action=action.clone() state refused may_exempt /> }
            });
            let shown = cards
                .into_iter()
                .map(|card| view! { <OneCard card action=action.clone() may_review /> })
                .collect_view();
            view! {
                {shown}
                {decide}
            }
            .into_any()
        }
    })?;
    Ok(if was_refused { with_status(answer) } else { answer })
}

fn with_status(mut answer: axum::response::Response) -> axum::response::Response {
    *answer.status_mut() = http::StatusCode::UNPROCESSABLE_ENTITY;
    answer
}

#[component]
fn OneCard(card: ServiceCard, action: String, may_review: bool) -> impl IntoView {
    let top = card.next_level().is_none();
    let next = match card.next_level() {
        Some(level) => format!("Next: {level}"),
        None => "The highest level".to_owned(),
    };
    let score = u64::try_from(card.result.score).unwrap_or_default();
    let tone = if top { Tone::Good } else { Tone::Attention };
    let review = match &card.review {
        None => view! { <p class="muted">"Nobody has signed it off yet."</p> }.into_any(),
        Some(review) => {
            let by = review.reviewed_by.clone().map(|by| format!(" by {by}"));
            let (at, next_on) = (review.reviewed_at, review.next_on);
            view! { <p class="muted">"Signed off " <Time at /> {by} "; to be looked at again on " <Day date=next_on /></p> }.into_any()
        }
    };
    let checks = card
        .checks
        .iter()
        .map(|check| {
            view! { <OneCheck check=check.clone() action=action.clone() may_review /> }
        })
        .collect_view();
    let events = (!card.acts.is_empty() || !card.history.is_empty()).then(|| {
        let (acts, history) = (card.acts.clone(), card.history.clone());
        view! {
            <Fold label="What happened">
                <Happened acts history />
            </Fold>
        }
    });
    // several scorecards stand on one page
    let caption = format!("Checks of {}, what fails first", card.scorecard.title);
    view! {
        <Section title=card.scorecard.title.clone() more=view! { <a href=card.scorecard.href()>"About this scorecard"</a> }.into_any()>
            <div class="flex flex-wrap items-center gap-3 mb-3">
                <Level level=card.result.level.clone() top />
                <span class="muted">{next}</span>
                <Meter label=format!("{score} % by weight") part=score whole=100 tone />
                {review}
            </div>
            <Table caption columns=vec![Column::new("Outcome").tight(), Column::new("Check"), Column::new("Level").tight()]>
                {checks}
            </Table>
            {events}
        </Section>
    }
}

#[component]
fn OneCheck(check: CheckResult, action: String, may_review: bool) -> impl IntoView {
    let open = matches!(check.outcome, Outcome::Fail | Outcome::Error);
    let next = open.then(|| view! { <p><strong>"Next step: "</strong>{check.check.how.clone()}</p> });
    let why = open.then(|| view! { <p class="muted">{check.check.why.clone()}</p> });
    let exemption = check.exemption.clone().map(|exemption| {
        let by = exemption.granted_by.map(|by| format!(" by {by}"));
        let hidden = vec![("do".to_owned(), "end".to_owned()), ("exemption".to_owned(), exemption.id.to_string())];
        let end = may_review.then(|| {
            view! {
                <Form action=action inline=true hidden>
                    <Button weight=Weight::Quiet>"End it now"</Button>
                </Form>
            }
        });
        view! {
            <p>"Does not count until " <ExactTime at=exemption.expires_at /> {by} ": " {exemption.reason}</p>
            {end}
        }
    });
    view! {
        <tr>
            <td>
                <OutcomeStatus outcome=check.outcome />
            </td>
            <td>
                <strong>{check.check.title.clone()}</strong>
                <p class="small muted">{check.reason.clone()}</p>
                {why}
                {next}
                {exemption}
            </td>
            <td>{capitalised(&check.check.level)}</td>
        </tr>
    }
}

/// What a champion can decide about this service.
#[component]
fn Decide(
    cards: Vec<ServiceCard>,
    action: String,
    state: FormState,
    /// Which of the forms was refused.
    refused: String,
    may_exempt: bool,
) -> impl IntoView {
    let hidden = |what: &str| vec![("do".to_owned(), what.to_owned())];
    let state_of = |what: &str| if refused == what { state.clone() } else { FormState::default() };
    let one = |card: &ServiceCard, check: &CheckResult| {
        let value = format!("{}/{}", card.scorecard.name, check.check.id);
        (value, format!("{}: {}", card.scorecard.title, check.check.title))
    };
    let whole = |card: &ServiceCard| (card.scorecard.name.clone(), card.scorecard.title.clone());
    let [(sign, sign_hidden), (waive, waive_hidden), (say, say_hidden)] =
        ["sign-off", "exempt", "comment"].map(|what| (state_of(what), hidden(what)));
    let (sign_open, waive_open, say_open) = (sign.is_refused(), waive.is_refused(), say.is_refused());
    let (sign_action, waive_action) = (action.clone(), action.clone());
    let scorecards: Vec<(String, String)> = cards.iter().map(whole).collect();
    let open: Vec<(String, String)> = cards
        .iter()
        .flat_map(|card| card.checks.iter().filter(|check| !check.outcome.counts()).map(|check| one(card, check)))
        .collect();
    let any: Vec<(String, String)> = cards
        .iter()
        .flat_map(|card| std::iter::once(whole(card)).chain(card.checks.iter().map(|check| one(card, check))))
        .collect();
    let exempt = match (open.is_empty(), may_exempt) {
        (true, _) => None,
        (false, true) => Some(
            view! {
                <Fold label="Exempt from a check" open=waive_open>
                    <Form action=waive_action state=waive hidden=waive_hidden name="exempt">
                        <SelectField name="check" label="Check" options=open.clone() />
                        <DateField name="until" label="Until the end of" hint="A year at most; it ends by itself." />
                        <TextArea name="reason" label="Reason" rows=3 />
                        <FormActions>
                            <Button>"Exempt until then"</Button>
                        </FormActions>
                    </Form>
                </Fold>
            }
            .into_any(),
        ),
        (false, false) => Some(
            view! { <p class="muted">"Another champion has to decide exemptions here: your own team owns it."</p> }
                .into_any(),
        ),
    };
    view! {
        <Section title="Review">
            <Fold label="Sign off" open=sign_open>
                <Form action=sign_action state=sign hidden=sign_hidden name="sign-off">
                    <SelectField name="scorecard" label="Scorecard" options=scorecards.clone() />
                    <DateField name="next_on" label="Look at it again on" />
                    <TextArea name="note" label="Note" rows=3 optional=true />
                    <FormActions>
                        <Button>"Sign off"</Button>
                    </FormActions>
                </Form>
            </Fold>
            {exempt}
            <Fold label="Comment" open=say_open>
                <Form action=action state=say hidden=say_hidden name="comment">
                    <SelectField name="check" label="About" options=any.clone() />
                    <TextArea name="text" label="Comment" rows=3 />
                    <FormActions>
                        <Button>"Add comment"</Button>
                    </FormActions>
                </Form>
            </Fold>
        </Section>
    }
}

#[component]
fn Happened(acts: Vec<Act>, history: Vec<HistoryEntry>) -> impl IntoView {
    let mut events: Vec<(time::OffsetDateTime, AnyView)> = Vec::new();
    for act in acts {
        let what = match act.kind {
            ActKind::Comment => "commented",
            ActKind::Exempted => "exempted it from a check",
            ActKind::ExemptionEnded => "ended an exemption",
            ActKind::SignedOff => "signed it off",
        };
        let who = act.by.unwrap_or_else(|| "The portal".to_owned());
        let about = act.check.map(|check| format!(" ({check})"));
        let title = view! { {who} " " {what} {about} }.into_any();
        let at = act.at;
        events.push((at, view! { <Event at icon=icon::SCORECARD title>{act.text}</Event> }.into_any()));
    }
    for entry in history {
        let level = |level: Option<String>| level.map_or_else(|| "no level".to_owned(), |level| capitalised(&level));
        let score = entry.score.map(|score| format!(" at {score} %"));
        let words = match (entry.score_before, entry.score) {
            (None, _) => format!("First looked at: {}", level(entry.level)),
            (_, None) => "The scorecard no longer applies".to_owned(),
            _ if entry.level == entry.level_before => format!("Still {}", level(entry.level)),
            _ => format!("From {} to {}", level(entry.level_before), level(entry.level)),
        };
        let title = view! { {words} {score} }.into_any();
        let at = entry.at;
        events.push((at, view! { <Event at icon=icon::SCORECARD title /> }.into_any()));
    }
    events.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let events = events.into_iter().map(|(_, event)| event).collect_view();
    view! { <Timeline>{events}</Timeline> }
}
