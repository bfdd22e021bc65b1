//! `/admin/tokens`: the tokens of service accounts: issue, see, revoke.

use axum::extract::Path;
use leptos::prelude::*;
use model::TokenId;
use portal::{
    Error,
    identity::token::{self, ServiceAccountToken},
};
use secrecy::ExposeSecret;
use time::{Duration, OffsetDateTime};

use super::tokens::{NewToken, ScopeBoxes, Standing, TokenRow, TokenTable, standing};
use crate::{
    backend::{Answer, Cx, Posted},
    ui::{
        button::{Button, Weight},
        field::{SelectField, TextField},
        form::{Form, FormActions, FormState},
        icon, number,
        page_head::{PageHead, Section},
        state::Empty,
    },
};

const PATH: &str = "/admin/tokens";
/// Offered lives in days; 0 for one that does not end.
const DAYS: [u16; 4] = [30, 90, 365, 0];

/// `GET /admin/tokens`
pub async fn list(cx: Cx) -> Answer {
    show(&cx, FormState::default(), None).await
}

/// `POST /admin/tokens`; answers with the token, which is shown this once.
pub async fn issue(cx: Cx, posted: Posted) -> Answer {
    let scopes: Vec<String> = posted.all("scope").map(str::to_owned).collect();
    match issued(&cx, &posted, &scopes).await {
        Ok(secret) => show(&cx, FormState::default(), Some(secret)).await,
        Err(error) => show(&cx, posted.refused(error)?, None).await,
    }
}

async fn issued(cx: &Cx, posted: &Posted, scopes: &[String]) -> portal::Result<String> {
    let days: u16 = posted.text("days").parse().map_err(|_| Error::invalid("days", "choose how long it lives"))?;
    let lifetime = (days > 0).then(|| Duration::days(days.into()));
    let issued = token::issue_for_service_account(&cx.portal, &cx.actor, posted.text("name"), scopes, lifetime).await?;
    Ok(issued.secret.expose_secret().to_owned())
}

/// `POST /admin/tokens/{id}/revoke`
pub async fn revoke(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: TokenId = id.parse().map_err(|_| Error::NotFound("token"))?;
    let token = token::revoke_of_service_account(&cx.portal, &cx.actor, id).await?;
    cx.redirect(PATH, format!("Revoked a token of {}; its next use fails", token.name))
}

async fn show(cx: &Cx, state: FormState, secret: Option<String>) -> Answer {
    let tokens = token::of_service_accounts(&cx.portal, &cx.actor).await?;
    let now = cx.chrome.now;
    cx.form_page("Service accounts", &state.clone(), move || {
        let live = tokens.iter().filter(|one| standing(&one.token, now) == Standing::Live).count() as u64;
        let words = number::counted(live, "token in use", "tokens in use");
        view! {
            <PageHead title="Service accounts" state=words.into_any() />
            {secret.map(|secret| view! { <NewToken secret /> })}
            <Tokens tokens now />
            <Section title="New token">
                <IssueForm state />
            </Section>
        }
    })
}

#[component]
fn Tokens(tokens: Vec<ServiceAccountToken>, now: OffsetDateTime) -> impl IntoView {
    if tokens.is_empty() {
        return view! {
            <Empty title="No service accounts yet" icon=icon::KEY>
                "A service account lets a pipeline or a program use the API as itself, within the scopes of its token. It decides nothing and approves nothing."
            </Empty>
        }
        .into_any();
    }
    let row = |one: ServiceAccountToken| TokenRow {
        spoken: format!(" a token of {}", one.service_account_name),
        name: one.service_account_name,
        token: one.token,
    };
    let rows = tokens.into_iter().map(row).collect();
    view! { <TokenTable caption="Tokens of service accounts" of="Service account" path=PATH rows now /> }.into_any()
}

#[component]
fn IssueForm(state: FormState) -> impl IntoView {
    let lives = |days: u16| if days == 0 { "Until it is revoked".to_owned() } else { format!("{days} days") };
    let days = DAYS.into_iter().map(|days| (days.to_string(), lives(days))).collect::<Vec<_>>();
    view! {
        <Form action=PATH state name="issue">
            <TextField
                name="name"
                label="Service account"
                hint="Which program uses it, such as payments-pipeline; one of that name gets another token"
            />
            <SelectField name="days" label="Lives for" options=days.clone() />
            <ScopeBoxes />
            <FormActions>
                <Button weight=Weight::Primary>"Issue token"</Button>
            </FormActions>
        </Form>
    }
}
