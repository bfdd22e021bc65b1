//! `/requests/{number}`: exactly what is asked, who decides it, what happened, and the decision.

use axum::extract::Path;
use leptos::prelude::*;
use model::{
    Problem,
    notification::Undelivered,
    request::{RequestDetail, RequestEvent, RequestEventKind, RequestNumber, RequestState, StageView},
};
use portal::{Error, requests};

use super::{Stands, drawn, person};
use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        Tone,
        badge::Status,
        button::{Button, Weight},
        facts::{Fact, Facts},
        field::TextArea,
        flash::Notice,
        form::{Form, FormActions, FormState},
        icon::{self, Icon},
        live::Live,
        page_head::{PageHead, Section},
        table::{Column, Table},
        thing::{Kind, Thing},
        time::{ExactTime, Time},
        timeline::{Event, Timeline},
        words::capitalised,
    },
};

/// `/requests/{number}`
pub async fn detail(cx: Cx, Path(number): Path<String>) -> Answer {
    let request = requests::detail(&cx.portal, &cx.actor, read(&number)?).await?;
    show(&cx, request, FormState::default())
}

/// `POST /requests/{number}/decide`
pub async fn decide(cx: Cx, Path(number): Path<String>, posted: Posted) -> Answer {
    let number = read(&number)?;
    let note = posted.text("note");
    let done = if posted.text("decision") == "decline" {
        requests::decline(&cx.portal, &cx.actor, number, note).await.map(|()| "Declined")
    } else {
        requests::approve(&cx.portal, &cx.actor, number, posted.text("hash"), note).await.map(|state| match state {
            RequestState::Pending => "Your approval counts; the request waits for others",
            _ => "Approved",
        })
    };
    match done {
        Ok(done) => cx.redirect(&number.href(), done),
        Err(error) => {
            let state = posted.refused(error)?;
            show(&cx, requests::detail(&cx.portal, &cx.actor, number).await?, state)
        }
    }
}

/// `POST /requests/{number}/withdraw`
pub async fn withdraw(cx: Cx, Path(number): Path<String>) -> Answer {
    let number = read(&number)?;
    requests::withdraw(&cx.portal, &cx.actor, number).await?;
    cx.redirect(&number.href(), "Your request is withdrawn")
}

fn read(number: &str) -> Result<RequestNumber, Problem> {
    number.parse().map_err(|_| Error::NotFound("request").into())
}

fn show(cx: &Cx, request: RequestDetail, state: FormState) -> Answer {
    let head = Head::new(request.row.title.clone()).under("Approvals", "/approvals");
    let topic = requests::effects::topic(request.row.number).0;
    cx.form_page(head, &state.clone(), move || {
        let row = request.row.clone();
        let pending = row.state == RequestState::Pending;
        let (asked, decided) = (request.clone(), request.clone());
        let (undelivered, stages, history) =
            (request.undelivered.clone(), request.stages.clone(), request.history.clone());
        let stands = view! {
            <span class="thing">
                <Icon of=drawn(row.kind) />
                {row.kind.label()}
            </span>
            <Stands state=row.state />
            <span class="muted">"#" {row.number.to_string()}</span>
        };
        view! {
            <PageHead title=row.title state=stands.into_any() />
            <div class="beside">
                <div>
                    <Asked request=asked />
                    <Decision request=decided state />
                    <Live id="progress" topic>
                        <Stages stages pending />
                        <Undelivereds undelivered />
                        <History history />
                    </Live>
                </div>
                <About request />
            </div>
        }
    })
}

/// What is asked, as the hash covers it.
#[component]
fn Asked(request: RequestDetail) -> impl IntoView {
    let reason = view! { <span class="whitespace-pre-line">{request.reason}</span> };
    let facts = (request.asks.into_iter().map(|(name, value)| Fact::text(name, value)))
        .chain([Fact::new("What for", reason)])
        .collect();
    view! {
        <Section title="What is asked">
            <Facts facts />
        </Section>
    }
}

#[component]
fn Decision(request: RequestDetail, state: FormState) -> impl IntoView {
    let href = request.row.number.href();
    if request.may_approve {
        let hidden = vec![("hash".to_owned(), request.hash)];
        let approving = StoredValue::new(request.approving);
        return view! {
            <Section title="Your decision">
                <Form action=format!("{href}/decide") name="decision" state hidden>
                    <TextArea
                        name="note"
                        label="Note"
                        rows=2
                        optional=true
                        hint="The one who asked reads it. Say why where you decline."
                    />
                    <FormActions>
                        <Button weight=Weight::Primary icon=Some(icon::CHECK) name="decision" value="approve" key="a">
                            {approving.get_value()}
                        </Button>
                        <Button weight=Weight::Danger name="decision" value="decline" key="d">
                            "Decline"
                        </Button>
                    </FormActions>
                </Form>
            </Section>
        }
        .into_any();
    }
    let why_not = request.why_not.map(|why| view! { <p class="muted">{why}</p> });
    let refused = state.is_refused().then(|| {
        view! {
            <Form action=format!("{}/decide", href.clone()) name="refused" state>
                ""
            </Form>
        }
    });
    let withdraw = request.may_withdraw.then(|| {
        view! {
            <Form action=format!("{href}/withdraw") name="withdraw">
                <Button>"Withdraw the request"</Button>
            </Form>
        }
    });
    if why_not.is_none() && refused.is_none() && withdraw.is_none() {
        return ().into_any();
    }
    view! { <Section title="Your part">{refused} {why_not} {withdraw}</Section> }.into_any()
}

#[component]
fn Stages(stages: Vec<StageView>, pending: bool) -> impl IntoView {
    if stages.is_empty() {
        return view! {
            <Section title="Who decides">
                <p class="muted">"Nobody has to approve this."</p>
            </Section>
        }
        .into_any();
    }
    let remedies = stages
        .iter()
        .filter_map(|stage| stage.remedy.clone())
        .map(|remedy| view! { <Notice tone=Tone::Attention>{capitalised(&remedy)}</Notice> })
        .collect_view();
    let mut columns = vec![Column::new("Group"), Column::new("Approvals").tight(), Column::new("By")];
    if pending {
        columns.push(Column::new("Can approve").wide_only());
    }
    let rows = stages
        .into_iter()
        .map(|stage| {
            let there = stage.approved.len();
            let met = there >= stage.needed as usize;
            let tone = if met { Tone::Good } else { Tone::Attention };
            let by = names(&stage.approved);
            let can = if met { "–".to_owned() } else { names(&stage.can) };
            view! {
                <tr>
                    <td>{capitalised(&stage.approvers)}</td>
                    <td><Status tone>{format!("{there} of {}", stage.needed)}</Status></td>
                    <td>{by}</td>
                    {pending.then(|| view! { <td class="table-wide-only">{can}</td> })}
                </tr>
            }
        })
        .collect_view();
    view! {
        <Section title="Who decides">
            {remedies}
            <Table caption="Groups that have to approve" columns>{rows}</Table>
        </Section>
    }
    .into_any()
}

fn names(people: &[model::request::Named]) -> String {
    if people.is_empty() {
        return "nobody".to_owned();
    }
    people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[component]
fn History(history: Vec<RequestEvent>) -> impl IntoView {
    let events = history
        .into_iter()
        .rev()
        .map(|event| {
            let (mark, tone, did) = told(event.kind);
            let title = match event.person {
                Some(who) => {
                    view! { <Thing kind=Kind::Person name=who.name href=person(who.id) /> " " {did} }.into_any()
                }
                None => view! { {capitalised(did)} }.into_any(),
            };
            let note = event.note;
            if note.is_empty() {
                view! { <Event at=event.at icon=mark tone=tone title /> }.into_any()
            } else {
                view! {
                    <Event at=event.at icon=mark tone=tone title>
                        <span class="whitespace-pre-line">{note}</span>
                    </Event>
                }
                .into_any()
            }
        })
        .collect_view();
    view! {
        <Section title="What happened">
            <Timeline>{events}</Timeline>
        </Section>
    }
}

fn told(kind: RequestEventKind) -> (icon::Icon, Option<Tone>, &'static str) {
    match kind {
        RequestEventKind::Opened => (icon::MESSAGE, None, "asked for it"),
        RequestEventKind::Approval => (icon::CHECK, Some(Tone::Good), "approved"),
        RequestEventKind::Approved => (icon::APPROVAL, Some(Tone::Good), "every approval is there"),
        RequestEventKind::Declined => (icon::WRONG, Some(Tone::Wrong), "declined"),
        RequestEventKind::Withdrawn => (icon::CLOSE, None, "withdrew it"),
        RequestEventKind::Expired => (icon::CLOCK, Some(Tone::Unknown), "nobody decided in time"),
        RequestEventKind::Fulfilled => (icon::GOOD, Some(Tone::Good), "done"),
        RequestEventKind::Failed => (icon::WRONG, Some(Tone::Wrong), "could not be carried out"),
    }
}

/// Messages that did not get there: whoever waits for an approval should know.
#[component]
fn Undelivereds(undelivered: Vec<Undelivered>) -> impl IntoView {
    if undelivered.is_empty() {
        return ().into_any();
    }
    let lines = undelivered
        .into_iter()
        .map(|one| {
            let tried = format!("The {} failed after {}: {}.", one.to, counted(one.attempts), one.last_error);
            let next = match one.next_at {
                Some(at) => view! { " Next try " <ExactTime at /> "." }.into_any(),
                None => view! { " It was given up." }.into_any(),
            };
            view! { <p>{tried} {next}</p> }
        })
        .collect_view();
    view! {
        <Section title="What did not arrive">
            <Notice tone=Tone::Attention>{lines}</Notice>
        </Section>
    }
    .into_any()
}

fn counted(attempts: i32) -> String {
    if attempts == 1 { "one attempt".to_owned() } else { format!("{attempts} attempts") }
}

#[component]
fn About(request: RequestDetail) -> impl IntoView {
    let row = request.row;
    let mut facts = vec![
        Fact::new(
            "Asked by",
            view! { <Thing kind=Kind::Person name=row.requester.name href=person(row.requester.id) /> },
        ),
        Fact::new("Asked", view! { <Time at=row.created_at /> }),
    ];
    if let Some(owner) = row.owner {
        facts.push(Fact::new("Team", view! { <Thing kind=Kind::Team name=owner /> }));
    }
    match (row.state, row.decided_at) {
        (RequestState::Pending, _) => facts.push(Fact::new("Decide until", view! { <ExactTime at=row.expires_at /> })),
        (_, Some(at)) => facts.push(Fact::new("Decided", view! { <Time at /> })),
        (_, None) => {}
    }
    let short: String = request.hash.chars().take(16).collect();
    let hash = view! { <code class="code-inline" title=request.hash>{short}</code> };
    facts.push(Fact::new("SHA-256 of what is asked", hash));
    view! {
        <aside aria-label="Facts">
            <Facts facts narrow=true />
        </aside>
    }
}
