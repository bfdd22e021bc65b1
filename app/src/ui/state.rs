//! What stands where there is nothing to show: empty, wrong, forbidden, stale.

use leptos::prelude::*;
use model::{Problem, ProblemType, problem::Denial};
use time::OffsetDateTime;

use super::{
    Tone,
    button::{LinkButton, Weight},
    flash::Notice,
    icon::{self, Icon},
    time::ClockMinute,
    words::sentence,
};

/// What would be here, and by `action` the one thing to do to fill it.
#[component]
pub fn Empty(
    #[prop(into)] title: String,
    #[prop(default = icon::EMPTY)] icon: icon::Icon,
    /// Address and words of the one thing to do.
    #[prop(optional_no_strip)]
    action: Option<(String, String)>,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="state">
            <span class="state-icon">
                <Icon of=icon large=true />
            </span>
            <h2>{title}</h2>
            <p>{children()}</p>
            {action
                .map(|(href, words)| {
                    view! {
                        <div class="state-actions">
                            <LinkButton href weight=Weight::Primary>
                                {words}
                            </LinkButton>
                        </div>
                    }
                })}
        </div>
    }
}

/// A problem as a page: what went wrong, with what, and what to do now; for a denial also whom to ask.
#[component]
pub fn ProblemState(problem: Problem) -> impl IntoView {
    let Problem { kind, title, detail, denial, request_id, .. } = problem;
    let of = match kind {
        ProblemType::Forbidden | ProblemType::Unauthenticated => icon::LOCK,
        ProblemType::NotFound => icon::SEARCH,
        ProblemType::Unavailable | ProblemType::TooMany => icon::WAITING,
        _ => icon::ATTENTION,
    };
    let way_on = match kind {
        ProblemType::NotFound => Some(("/search", "Search for it")),
        ProblemType::Unauthenticated => Some(("/sign-in", "Sign in")),
        ProblemType::Unavailable | ProblemType::TooMany | ProblemType::Internal => Some(("", "Try again")),
        _ => None,
    };
    let request_access = denial.as_ref().and_then(|denial| denial.request_access.clone());
    view! {
        <div class="state">
            <span class="state-icon">
                <Icon of large=true />
            </span>
            <h1>{title}</h1>
            <p>{sentence(&detail)}</p>
            {denial.map(|denial| view! { <DenialFacts denial /> })}
            {request_id
                .map(|id| {
                    view! {
                        <p class="small">"Request " <code class="code-inline">{id}</code></p>
                    }
                })}
            <div class="state-actions">
                {request_access
                    .map(|href| view! { <LinkButton href weight=Weight::Primary>"Request access"</LinkButton> })}
                {way_on.map(|(href, words)| view! { <LinkButton href>{words}</LinkButton> })}
                <LinkButton href="/" weight=Weight::Quiet>
                    "Go home"
                </LinkButton>
            </div>
        </div>
    }
}

#[component]
fn DenialFacts(denial: Denial) -> impl IntoView {
    view! {
        <dl class="facts">
            <dt>"Action"</dt>
            <dd>
                <code class="code-inline">{denial.action}</code>
            </dd>
            <dt>"Missing"</dt>
            <dd>{denial.missing}</dd>
            <dt>"Who can grant it"</dt>
            <dd>{denial.ask.join(", ")}</dd>
        </dl>
    }
}

/// A part of a page that failed while the rest stands; `retry` is the page's own address.
#[component]
pub fn PartFailed(#[prop(into)] what: String, #[prop(into)] retry: String) -> impl IntoView {
    view! {
        <Notice tone=Tone::Wrong>
            {what} " " <a href=retry>"Try again"</a>
        </Notice>
    }
}

/// What is shown is not of now: "as of 14:02, source unreachable since 13:40".
#[component]
pub fn Stale(
    as_of: OffsetDateTime,
    #[prop(optional_no_strip)] unreachable_since: Option<OffsetDateTime>,
    #[prop(into)] source: String,
) -> impl IntoView {
    view! {
        <Notice tone=Tone::Attention>
            "As of " <ClockMinute at=as_of /> ". "
            {unreachable_since.map(|since| view! { {source.clone()} " has not answered since " <ClockMinute at=since /> "." })}
        </Notice>
    }
}

pub fn samples() -> impl IntoView {
    let now = use_context::<crate::layout::chrome::Chrome>().map_or(OffsetDateTime::UNIX_EPOCH, |chrome| chrome.now);
    let mut forbidden = Problem::new(
        ProblemType::Forbidden,
        "You can see this environment, but approving it takes a lead of the payments team.",
    );
    forbidden.denial = Some(Denial {
        action: "environment.approve".to_owned(),
        missing: "the role team lead on the team payments".to_owned(),
        ask: vec!["Grace Hopper (lead of payments)".to_owned(), "platform administrators".to_owned()],
        request_access: Some("#".to_owned()),
    });
    let mut internal = Problem::new(
        ProblemType::Internal,
        "The page could not be made. Nothing was changed; the error is in the logs.",
    );
    internal.request_id = Some("0197f3c2-7c1e".to_owned());
    view! {
        <Empty title="No environments yet" icon=icon::ENVIRONMENT action=Some(("#".into(), "Request environment".into()))>
            "Databases and namespaces that you ask for appear here, with their end and what they cost."
        </Empty>
        <ProblemState problem=forbidden />
        <ProblemState problem=internal />
        <Stale
            as_of=now - time::Duration::minutes(22)
            unreachable_since=Some(now - time::Duration::minutes(44))
            source="Prometheus"
        />
        <PartFailed what="Deployments could not be loaded: the cluster did not answer in 5 s." retry="#" />
    }
}
