//! Signing out on an application's behalf (OpenID Connect RP-Initiated Logout 1.0).

use std::{str::FromStr, sync::Arc};

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use chrono::DateTime;
use openidconnect::{ClientId, IdTokenVerifier, Nonce, core::CoreJwsSigningAlgorithm};
use url::Url;

use super::{
    Client, Inner,
    authorize::{Parameters, redirect},
    page,
    token::SignedIdToken,
};

pub(super) async fn by_query(State(state): State<Arc<Inner>>, RawQuery(query): RawQuery) -> Response {
    end_session(&state, &Parameters::read(query.unwrap_or_default().as_bytes()))
}

pub(super) async fn by_form(State(state): State<Arc<Inner>>, body: String) -> Response {
    end_session(&state, &Parameters::read(body.as_bytes()))
}

/// This provider keeps no session, so only what the tokens of that sign-in opened ends here. The browser goes back only
/// to an address that the application registered, and only with an ID token that proves who asks.
fn end_session(state: &Inner, parameters: &Parameters) -> Response {
    if parameters.has_repeated() {
        return page::refusal(state, "A parameter of the sign-out is repeated.");
    }
    let one = |name| parameters.one(name).ok().flatten();
    let Some(hint) = one("id_token_hint") else { return page::signed_out(state) };
    let Some((client, sid)) = of_ours(state, hint) else {
        return page::refusal(state, "The sign-out does not carry an ID token of this provider (id_token_hint).");
    };
    if one("client_id").is_some_and(|id| id != client.id) {
        return page::refusal(state, "The ID token was made for another application (client_id).");
    }
    state.memory().accesses.forget(|access| access.sid == sid);

    let Some(uri) = one("post_logout_redirect_uri") else { return page::signed_out(state) };
    if !client.post_logout_redirect_uris.iter().any(|registered| registered == uri) {
        return page::refusal(
            state,
            "You are signed out, and the address to return to is not one that the application registered \
             (post_logout_redirect_uri).",
        );
    }
    let mut to = Url::parse(uri).expect("a registered address is a URL");
    if let Some(asked_state) = one("state") {
        to.query_pairs_mut().append_pair("state", asked_state);
    }
    redirect(&to)
}

/// The client and session of an ID token that we signed; one that has expired still says whose it was (section 2).
fn of_ours<'a>(state: &'a Inner, id_token: &str) -> Option<(&'a Client, String)> {
    let id_token = SignedIdToken::from_str(id_token).ok()?;
    state.clients.iter().find_map(|client| {
        let verifier =
            IdTokenVerifier::new_public_client(ClientId::new(client.id.clone()), state.issuer.clone(), state.key_set())
                .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256])
                .set_time_fn(|| DateTime::UNIX_EPOCH);
        let claims = id_token.claims(&verifier, |_: Option<&Nonce>| Ok(())).ok()?;
        Some((client, claims.additional_claims().sid.clone()))
    })
}
