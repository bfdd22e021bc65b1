//! One integration: what it is for, whether it may pass anything, whether it works, and what one can do about it.

use axum::extract::Path;
use leptos::prelude::*;
use model::{Direction, Integration, IntegrationKind, IntegrationState, Proof};
use portal::integrations::{self, Issued, Shown};
use secrecy::ExposeSecret;
use time::Date;

use super::{PATH, State};
use crate::{
    backend::{Answer, Cx, Head, Posted},
    catalog::team_href,
    ui::{
        Tone,
        badge::Badge,
        button::{Button, Weight},
        code::CodeBlock,
        dialog::Dialog,
        facts::{Fact, Facts},
        field::TextField,
        flash::Notice,
        form::{Form, FormActions, FormState},
        icon,
        live::Live,
        menu::{Menu, MenuButton, MenuLink},
        page_head::{PageHead, Section},
        thing::{Kind, Thing},
        time::{Day, ExactTime, Time},
    },
};

/// Who enters what nobody entered by hand.
const SETTINGS: &str = "The installation's settings";

/// `/admin/integrations/{name}`
pub async fn detail(cx: Cx, Path(name): Path<String>) -> Answer {
    show(&cx, name, None, FormState::default()).await
}

/// Right after it was added or rotated: with its token, this once.
pub async fn issued(cx: &Cx, issued: Issued) -> Answer {
    let token = issued.token.map(|token| token.expose_secret().to_owned());
    match token {
        Some(token) => show(cx, issued.integration.name, Some(token), FormState::default()).await,
        None => cx.redirect(&issued.integration.href(), format!("Kept the credential of {}", issued.integration.name)),
    }
}

/// `POST /admin/integrations/{name}/approve`
pub async fn approve(cx: Cx, Path(name): Path<String>, posted: Posted) -> Answer {
    let revision = posted.text("revision").parse().unwrap_or_default();
    let approved = integrations::approve(&cx.portal, &cx.actor, name, revision).await?;
    cx.redirect(&approved.href(), format!("Approved {}; a platform administrator can enable it", approved.name))
}

/// `POST /admin/integrations/{name}/enable`
pub async fn enable(cx: Cx, Path(name): Path<String>) -> Answer {
    let enabled = integrations::set_enabled(&cx.portal, &cx.actor, name, true).await?;
    cx.redirect(&enabled.href(), format!("Enabled {}", enabled.name))
}

/// `POST /admin/integrations/{name}/disable`
pub async fn disable(cx: Cx, Path(name): Path<String>) -> Answer {
    let disabled = integrations::set_enabled(&cx.portal, &cx.actor, name, false).await?;
    cx.redirect(&disabled.href(), format!("Disabled {}; nothing passes through it now", disabled.name))
}

/// `POST /admin/integrations/{name}/rotate`
pub async fn rotate(cx: Cx, Path(name): Path<String>, posted: Posted) -> Answer {
    let secret = Some(posted.text("credential").to_owned()).filter(|text| !text.is_empty()).map(Into::into);
    match integrations::rotate(&cx.portal, &cx.actor, name.clone(), secret).await {
        Ok(rotated) => issued(&cx, rotated).await,
        Err(error) => show(&cx, name, None, posted.refused(error)?).await,
    }
}

/// `POST /admin/integrations/{name}/test`
pub async fn test(cx: Cx, Path(name): Path<String>) -> Answer {
    let tested = integrations::test(&cx.portal, &cx.actor, name).await?;
    cx.redirect(&tested.href(), format!("Trying {} now; the outcome appears here", tested.name))
}

async fn show(cx: &Cx, name: String, token: Option<String>, state: FormState) -> Answer {
    let shown = integrations::shown(&cx.portal, &cx.actor, name).await?;
    let today = cx.chrome.now.date();
    let head = Head::new(&shown.integration.name).under("Integrations", PATH);
    cx.form_page(head, &state.clone(), move || view! { <Detail shown token state today /> })
}

#[component]
fn Detail(shown: Shown, token: Option<String>, state: FormState, today: Date) -> impl IntoView {
    let integration = shown.integration.clone();
    let standing = view! {
        <State integration=integration.clone() />
        <span class="muted">{integration.kind.label()}</span>
        {integration.is_overdue(today).then(|| view! { <Badge tone=Some(Tone::Attention)>"Overdue for review"</Badge> })}
    };
    let actions = shown.may_edit.then(|| view! { <Actions integration=integration.clone() /> });
    let (facts, passes) = (facts(&shown), passes(&integration));
    let health = view! { <Health integration=integration.clone() sample=shown.sample.clone() /> };
    let topic = format!("integration:{}", integration.name);
    let (purpose, name) = (integration.purpose.clone(), integration.name.clone());
    let replace = shown.may_edit.then(|| {
        let integration = integration.clone();
        view! {
            <Dialog id="rotate" title="Replace the credential?">
                <Rotate integration state=FormState::default() />
            </Dialog>
        }
    });
    let rotated = state.is_refused().then(|| {
        view! { <Rotate integration=integration.clone() state=state.clone() /> }
    });
    view! {
        <PageHead title=name state=standing.into_any() actions=actions.into_any() />
        {token
            .map(|token| {
                view! {
                    <Notice tone=Tone::Good>"The token is shown this once. Copy it now; it is kept nowhere here."</Notice>
                    <CodeBlock label="Token" code=token />
                }
            })}
        {rotated}
        <Live id="integration" topic>
            <div class="beside">
                <div class="min-w-0">
                    <Approval shown />
                    <p class="break-words">{purpose}</p>
                    <Section title="What passes">
                        <Facts facts=passes />
                    </Section>
                    <Section title="Whether it works">
                        {health}
                    </Section>
                </div>
                <aside aria-label="Facts">
                    <Facts facts narrow=true />
                </aside>
            </div>
        </Live>
        {replace}
    }
}

#[component]
fn Actions(integration: Integration) -> impl IntoView {
    let href = integration.href();
    let address = move |verb: &str| format!("{href}/{verb}");
    let needs = integration.kind.needs();
    let approved = integration.approved_at.is_some();
    let enable = (approved && !integration.enabled).then(|| {
        view! {
            <Form action=address("enable") name="enable" inline=true>
                <Button weight=Weight::Primary>"Enable"</Button>
            </Form>
        }
    });
    let test = (approved && needs.direction == Direction::Outgoing).then(|| {
        view! {
            <Form action=address("test") name="test" inline=true>
                <Button>"Test now"</Button>
            </Form>
        }
    });
    // nobody could sign in to enable it again
    let may_disable = integration.kind != IntegrationKind::IdentityProvider;
    let disable = (integration.enabled && may_disable).then(|| {
        view! {
            <Form action=address("disable") name="disable" inline=true>
                <Button weight=Weight::Danger>"Disable"</Button>
            </Form>
        }
    });
    let rotates = needs.proof != Proof::Elsewhere;
    view! {
        {enable}
        {test}
        {disable}
        <Menu label=format!("More about {}", integration.name)>
            <MenuLink href=address("edit") icon=Some(icon::EDIT)>
                "Change"
            </MenuLink>
            {rotates
                .then(|| {
                    view! {
                        <MenuButton icon=Some(icon::KEY) opens="rotate">
                            "Replace the credential…"
                        </MenuButton>
                    }
                })}
        </Menu>
    }
}

/// A token is made anew; a secret is entered.
#[component]
fn Rotate(integration: Integration, state: FormState) -> impl IntoView {
    let action = format!("{}/rotate", integration.href());
    let (words, secret) = match integration.kind.needs().proof {
        Proof::Secret(label) => ("From then on only the new one is used.", Some(label)),
        _ => ("The one in use stops at once; its peer needs the new one to deliver.", None),
    };
    view! {
        <Form action state name="rotate-form">
            <p class="muted mb-4">{words}</p>
            {secret.map(|label| view! { <TextField name="credential" label kind="password" autocomplete="off" /> })}
            <FormActions>
                <Button weight=Weight::Primary>"Replace the credential"</Button>
            </FormActions>
        </Form>
    }
}

/// What it waits for, and for whom.
#[component]
fn Approval(shown: Shown) -> impl IntoView {
    let integration = shown.integration;
    if integration.state() != IntegrationState::Unapproved {
        return ().into_any();
    }
    if shown.may_approve && !shown.is_own {
        let action = format!("{}/approve", integration.href());
        let hidden = vec![("revision".to_owned(), integration.revision.to_string())];
        return view! {
            <Notice tone=Tone::Attention>
                <p>"It waits for your approval: for the data, the scopes and the hosts below, and nothing else."</p>
                <Form action name="approve" hidden inline=true>
                    <Button weight=Weight::Primary key="a">"Approve"</Button>
                </Form>
            </Notice>
        }
        .into_any();
    }
    let words = if shown.is_own {
        "It waits for a security champion who had no part in entering it."
    } else {
        "It waits for a security champion's approval; nothing passes through it until then."
    };
    view! { <Notice tone=Tone::Attention>{words}</Notice> }.into_any()
}

fn passes(integration: &Integration) -> Vec<Fact> {
    let classes = integration.data_classes.iter().map(|class| class.label()).collect::<Vec<_>>().join(", ");
    let mut facts = vec![Fact::text("Data", classes), Fact::text("Scopes", integration.scopes.join(", "))];
    if integration.kind.needs().direction == Direction::Outgoing {
        facts.push(Fact::text("Hosts", integration.egress_hosts.join(", ")));
    }
    if let Some(endpoint) = integration.endpoint.clone() {
        facts.push(Fact::new("Address", view! { <span class="mono break-words">{endpoint}</span> }));
    }
    facts
}

#[component]
fn Health(integration: Integration, sample: Option<String>) -> impl IntoView {
    let incoming = integration.kind.needs().direction == Direction::Incoming;
    let succeeded = if incoming { "Last received" } else { "Last success" };
    let when = |at: Option<time::OffsetDateTime>| at.map_or("never".into_any(), |at| view! { <Time at /> }.into_any());
    let mut facts = vec![Fact::new(succeeded, when(integration.succeeded_at))];
    if integration.failed_at.is_some() {
        facts.push(Fact::new("Last error", when(integration.failed_at)));
        facts.push(Fact::text("What failed", integration.failure.clone().unwrap_or_default()));
        facts.push(Fact::text("What to do", integration.remedy.clone().unwrap_or_default()));
    }
    let trying = integration.test_requested_at.map(|_| view! { <p class="muted">"A test is under way."</p> });
    view! {
        <Facts facts />
        {trying}
        {sample
            .map(|sample| {
                view! {
                    <p class="muted mt-4">"To try it, send something:"</p>
                    <CodeBlock label="Command that sends something" code=sample />
                }
            })}
    }
}

fn facts(shown: &Shown) -> Vec<Fact> {
    let integration = &shown.integration;
    let when = |at: time::OffsetDateTime| view! { <ExactTime at /> };
    let owner = match integration.owner_name.clone() {
        Some(team) => view! { <Thing kind=Kind::Team name=team.clone() href=team_href(&team) /> }.into_any(),
        None => "Nobody yet".into_any(),
    };
    let mut facts = vec![Fact::new("Owner", owner)];
    match integration.approved_at {
        Some(at) => {
            facts.push(Fact::new("Approved", when(at)));
            let by = shown.approved_by.clone().or_else(|| integration.built_in.then(|| SETTINGS.to_owned()));
            facts.push(Fact::text("By", by.unwrap_or_default()));
        }
        None => facts.push(Fact::text(
            "Entered by",
            if shown.authors.is_empty() { SETTINGS.to_owned() } else { shown.authors.join(", ") },
        )),
    }
    facts.push(Fact::new("Review by", view! { <Day date=integration.review_by /> }));
    if integration.kind.needs().proof != Proof::Elsewhere {
        let set = integration.credential_set_at.map_or("never".into_any(), |at| when(at).into_any());
        facts.push(Fact::new("Credential set", set));
    }
    facts.push(Fact::new("Added", when(integration.created_at)));
    facts
}
