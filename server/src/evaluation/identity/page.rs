//! The provider's pages: choosing a person, and what to do where a sign-in cannot go on. They look like the portal's.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use url::Url;

use super::{DemoPerson, Inner};
use crate::assets;

/// The first of the people are one of each role.
const ROLES: usize = 6;

#[derive(Template)]
#[template(path = "evaluation/sign_in.html")]
struct SignIn<'a> {
    nonce: String,
    tokens: &'static str,
    application: &'a str,
    request: &'a str,
    wants_second_factor: bool,
    roles: &'a [DemoPerson],
    others: &'a [DemoPerson],
}

#[derive(Template)]
#[template(path = "evaluation/message.html")]
struct Message<'a> {
    nonce: String,
    tokens: &'static str,
    title: &'a str,
    text: &'a str,
}

/// The page on which one chooses whom to sign in as. `request` goes with the choice.
pub(super) fn sign_in(
    state: &Inner,
    application: &str,
    request: &str,
    redirect_uri: &str,
    wants_second_factor: bool,
) -> Response {
    let nonce = nonce(state);
    // Chromium applies `form-action` to the redirect that answers the form, too.
    let application_origin = Url::parse(redirect_uri).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let policy = policy(&nonce, &format!("'self' {application_origin}"));
    let (roles, others) = state.people.split_at(ROLES.min(state.people.len()));
    let tokens = tokens();
    page(StatusCode::OK, policy, &SignIn { nonce, tokens, application, request, wants_second_factor, roles, others })
}

/// A refusal that must not be sent to the application, because the request does not say which one it is, or lies.
pub(super) fn refusal(state: &Inner, text: &str) -> Response {
    message(state, StatusCode::BAD_REQUEST, "This sign-in cannot go on", text)
}

pub(super) fn signed_out(state: &Inner) -> Response {
    message(state, StatusCode::OK, "You are signed out", "You can close this page or go back to the application.")
}

/// The portal's typeface.
pub(super) async fn font() -> Response {
    match assets::font() {
        Some(bytes) => ([(header::CONTENT_TYPE, "font/woff2")], bytes.into_owned()).into_response(),
        None => nothing_here(),
    }
}

/// The portal's colours, without what only its own style's build reads.
fn tokens() -> &'static str {
    let style = include_str!("../../../../style/tokens.css");
    let begin = style.find(":root").unwrap_or_default();
    let end = style.find("@theme").unwrap_or(style.len());
    &style[begin..end]
}

pub(super) fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "There is nothing here. Start from the application.").into_response()
}

fn message(state: &Inner, status: StatusCode, title: &str, text: &str) -> Response {
    let nonce = nonce(state);
    page(status, policy(&nonce, "'none'"), &Message { nonce, tokens: tokens(), title, text })
}

fn page(status: StatusCode, policy: String, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, [(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "could not render a page of the evaluation's identity provider");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn policy(nonce: &str, form_action: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; font-src 'self'; img-src data:; form-action {form_action}; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

fn nonce(state: &Inner) -> String {
    BASE64_STANDARD.encode(state.rng.bytes::<16>())
}

impl DemoPerson {
    /// One or two letters in place of a picture.
    fn initials(&self) -> String {
        let letters: Vec<char> = self.name.split_whitespace().filter_map(|word| word.chars().next()).collect();
        match letters[..] {
            [] => "?".to_owned(),
            [only] => only.to_string(),
            [first, .., last] => format!("{first}{last}"),
        }
    }
}
