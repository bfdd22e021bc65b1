//! The pages around a sign-in, for somebody who has no session: failed, signed out, and going on with a kept form.

use leptos::prelude::*;

use crate::{
    backend::{Answer, Cx, percent_encoded},
    ui::{
        button::{Button, LinkButton, Weight},
        form::{Form, FormActions, FormState},
        words::sentence,
    },
};

/// Says which check failed and how to mend it.
pub fn failed(cx: &Cx, what: &str, remedy: &str, return_to: &str) -> Answer {
    let (what, remedy) = (what.to_owned(), remedy.to_owned());
    let again = format!("/sign-in?return_to={}", percent_encoded(return_to));
    cx.plain_page("Sign-in failed", move || {
        view! {
            <h1>"Sign-in failed"</h1>
            <p>{sentence(&what)}</p>
            <p class="muted">"What to do: "{remedy}"."</p>
            <LinkButton href=again weight=Weight::Primary>"Sign in again"</LinkButton>
        }
    })
}

pub fn signed_out(cx: &Cx) -> Answer {
    cx.plain_page("Signed out", || {
        view! {
            <h1>"You are signed out"</h1>
            <p class="muted">"Nothing of yours is left in this browser."</p>
            <LinkButton href="/sign-in" weight=Weight::Primary>"Sign in"</LinkButton>
        }
    })
}

/// Offers to send again what was typed when the session had ended.
pub fn resume(cx: &Cx, action: &str, fields: &[(String, String)]) -> Answer {
    let (action, fields) = (action.to_owned(), fields.to_vec());
    cx.plain_page("Go on where you were", move || {
        view! {
            <h1>"Go on where you were"</h1>
            <p>"Your session had ended when you sent a form. What you typed is kept; nothing was done with it yet."</p>
            <Form action state=FormState::default() hidden=fields>
                <FormActions>
                    <Button weight=Weight::Primary>"Send it now"</Button>
                    <LinkButton href="/">"Discard it"</LinkButton>
                </FormActions>
            </Form>
        }
    })
}
