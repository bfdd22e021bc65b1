//! Personal tokens: issue, see, revoke.

use axum::extract::Path;
use leptos::prelude::*;
use model::TokenId;
use portal::{
    Error,
    identity::token::{self, Token},
};
use secrecy::ExposeSecret;
use time::{Duration, OffsetDateTime};

use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        Tone,
        badge::Status,
        button::{Button, Weight},
        code::CodeBlock,
        field::{Checkbox, FieldGroup, SelectField, TextField},
        flash::Notice,
        form::{Form, FormActions, FormState},
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, Table},
        time::Time,
    },
};

const PATH: &str = "/account/tokens";
/// Offered lives in days; the last is the longest there is.
const DAYS: [u16; 4] = [7, 30, 90, 365];

/// `GET /account/tokens`
pub async fn list(cx: Cx) -> Answer {
    show(&cx, FormState::default(), None).await
}

/// `POST /account/tokens`
pub async fn issue(cx: Cx, posted: Posted) -> Answer {
    let owner = cx.actor.person_id().ok_or(Error::Unauthenticated)?;
    let scopes: Vec<String> = posted.all("scope").map(str::to_owned).collect();
    let days = posted.text("days").parse::<u16>().unwrap_or_default();
    match token::issue(&cx.portal, &cx.actor, owner, posted.text("name"), &scopes, Duration::days(days.into())).await {
        Ok(issued) => show(&cx, FormState::default(), Some(issued.secret.expose_secret().to_owned())).await,
        Err(error) => show(&cx, posted.refused(error)?, None).await,
    }
}

/// `POST /account/tokens/{id}/revoke`
pub async fn revoke(cx: Cx, Path(id): Path<String>) -> Answer {
    let owner = cx.actor.person_id().ok_or(Error::Unauthenticated)?;
    let id: TokenId = id.parse().map_err(|_| Error::NotFound("token"))?;
    let token = token::revoke(&cx.portal, &cx.actor, owner, id).await?;
    cx.redirect(PATH, format!("Revoked {}; its next use fails", token.name))
}

async fn show(cx: &Cx, state: FormState, secret: Option<String>) -> Answer {
    let tokens = token::list(&cx.portal, &cx.actor).await?;
    let now = cx.chrome.now;
    cx.form_page(Head::new("Personal tokens").under("Settings", "/settings"), &state.clone(), move || {
        let live = tokens.iter().filter(|token| standing(token, now) == Standing::Live).count();
        let title = format!("{live} in use");
        view! {
            <PageHead title="Personal tokens" state=title.into_any() />
            {secret.map(|secret| view! { <NewToken secret /> })}
            <Tokens tokens now />
            <Section title="New token">
                <IssueForm state />
            </Section>
        }
    })
}

/// One row of a table of tokens.
pub struct TokenRow {
    pub token: Token,
    /// Whose or which it is, in the first column.
    pub name: String,
    /// What "Revoke" is said of to those who do not see the row.
    pub spoken: String,
}

/// Tokens with what one may still do about them; `path` is the page's own address.
#[component]
pub(super) fn TokenTable(
    caption: &'static str,
    /// The first column's heading.
    of: &'static str,
    path: &'static str,
    rows: Vec<TokenRow>,
    now: OffsetDateTime,
) -> impl IntoView {
    let columns = vec![
        Column::new(of),
        Column::new("Scopes").wide_only(),
        Column::new("State").tight(),
        Column::new("Last used").tight(),
        Column::new("Expires").tight().wide_only(),
        Column::new("").tight(),
    ];
    let or_never = |at: Option<OffsetDateTime>| at.map_or("never".into_any(), |at| view! { <Time at /> }.into_any());
    let rows = rows
        .into_iter()
        .map(|TokenRow { token, name, spoken }| {
            let standing = standing(&token, now);
            let revoke = format!("{path}/{}/revoke", token.id);
            view! {
                <tr>
                    <td>{name}</td>
                    <td class="table-wide-only muted">{token.scopes.join(", ")}</td>
                    <td>
                        <Status tone=standing.tone()>{standing.label()}</Status>
                    </td>
                    <td>{or_never(token.used_at)}</td>
                    <td class="table-wide-only">{or_never(token.expires_at)}</td>
                    <td>
                        {(standing == Standing::Live)
                            .then(|| {
                                view! {
                                    <Form action=revoke inline=true>
                                        <Button weight=Weight::Quiet clone:spoken>
                                            "Revoke"
                                            <span class="only-spoken">{spoken.clone()}</span>
                                        </Button>
                                    </Form>
                                }
                            })}
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Table caption columns>
            {rows}
        </Table>
    }
}

/// A new token, the one time that it is shown.
#[component]
pub(super) fn NewToken(secret: String) -> impl IntoView {
    view! {
        <Notice tone=Tone::Good>"The token is shown this once. Copy it now; it is kept nowhere here."</Notice>
        <CodeBlock label="New token" code=secret />
    }
}

#[component]
fn Tokens(tokens: Vec<Token>, now: OffsetDateTime) -> impl IntoView {
    if tokens.is_empty() {
        return view! {
            <Empty title="No tokens yet">
                "A token lets a script of yours use the API as you, within the scopes that you choose."
            </Empty>
        }
        .into_any();
    }
    let row = |token: Token| TokenRow { name: token.name.clone(), spoken: format!(" {}", token.name), token };
    let rows = tokens.into_iter().map(row).collect();
    view! { <TokenTable caption="Personal tokens" of="Name" path=PATH rows now /> }.into_any()
}

#[component]
fn IssueForm(state: FormState) -> impl IntoView {
    let days = DAYS.into_iter().map(|days| (days.to_string(), format!("{days} days"))).collect::<Vec<_>>();
    view! {
        <Form action=PATH state name="issue">
            <TextField name="name" label="Name" hint="What it is for, so that you know which one to revoke" />
            <SelectField name="days" label="Lives for" options=days.clone() />
            <ScopeBoxes />
            <FormActions>
                <Button weight=Weight::Primary>"Issue token"</Button>
            </FormActions>
        </Form>
    }
}

/// Every scope that a token can have, to tick.
#[component]
pub(super) fn ScopeBoxes() -> impl IntoView {
    let boxes = token::scopes()
        .into_iter()
        .map(|scope| view! { <Checkbox name="scope" label=scope value=scope /> })
        .collect_view();
    view! {
        <FieldGroup label="Scopes">
            <div class="grid gap-1 sm:grid-cols-3">{boxes}</div>
        </FieldGroup>
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Live,
    Expired,
    Revoked,
}

impl Standing {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Live => "In use",
            Self::Expired => "Expired",
            Self::Revoked => "Revoked",
        }
    }

    pub(super) const fn tone(self) -> Tone {
        match self {
            Self::Live => Tone::Good,
            Self::Expired | Self::Revoked => Tone::Unknown,
        }
    }
}

pub(super) fn standing(token: &Token, now: OffsetDateTime) -> Standing {
    match (token.revoked_at, token.expires_at) {
        (Some(_), _) => Standing::Revoked,
        (None, Some(at)) if at <= now => Standing::Expired,
        _ => Standing::Live,
    }
}
