//! The authorization endpoint (OpenID Connect Core 1.0, section 3.1.2) and the choice of a person that answers it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use time::Duration;
use url::Url;

use super::{
    ACR_SECOND_FACTOR, Client, Inner,
    memory::{Asked, Grant, Redeemed},
    page,
};

/// How long one may take to choose a person.
const CHOICE_LIFETIME: Duration = Duration::minutes(10);
/// RFC 6749 allows at most ten minutes; an application redeems at once.
pub(super) const CODE_LIFETIME: Duration = Duration::seconds(60);

pub(super) async fn by_query(State(state): State<Arc<Inner>>, RawQuery(query): RawQuery) -> Response {
    authorize(&state, &Parameters::read(query.unwrap_or_default().as_bytes()))
}

pub(super) async fn by_form(State(state): State<Arc<Inner>>, body: String) -> Response {
    authorize(&state, &Parameters::read(body.as_bytes()))
}

fn authorize(state: &Inner, parameters: &Parameters) -> Response {
    let (client, redirect_uri) = match application(state, parameters) {
        Ok(application) => application,
        Err(reason) => return page::refusal(state, reason),
    };
    match check(client, redirect_uri, parameters) {
        Ok(asked) => {
            let request = state.unguessable();
            let page = page::sign_in(state, &client.name, &request, redirect_uri, asked.wants_second_factor);
            state.memory().asked.put(request, asked, state.clock.now(), CHOICE_LIFETIME);
            page
        }
        Err(Refused { error, description }) => answer(
            state,
            redirect_uri,
            parameters.one("state").unwrap_or_default(),
            &[("error", error), ("error_description", description)],
        ),
    }
}

/// The choice on the sign-in page.
pub(super) async fn sign_in(State(state): State<Arc<Inner>>, headers: HeaderMap, body: String) -> Response {
    // The id in the form is unguessable already; this also keeps a leaked one from being used by another site's page.
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return page::refusal(
            &state,
            "The choice of a person came from another site. Start again from the application.",
        );
    }
    let form = Parameters::read(body.as_bytes());
    let (Ok(Some(request)), Ok(Some(sub))) = (form.one("request"), form.one("sub")) else {
        return page::refusal(&state, "The form did not say who signs in. Start again from the application.");
    };
    let Some(person) = state.person(sub) else {
        return page::refusal(&state, "Nobody of that name can sign in here. Start again from the application.");
    };
    let now = state.clock.now();
    let (code, sid) = (state.unguessable(), state.unguessable());
    let mut memory = state.memory();
    let Some(asked) = memory.asked.take(request, now) else {
        return page::refusal(
            &state,
            "This sign-in was used already or took too long. Start again from the application.",
        );
    };
    let (redirect_uri, asked_state) = (asked.redirect_uri.clone(), asked.state.clone());
    let grant = Grant { asked, sub: person.sub.clone(), sid, auth_time: now, redeemed: Redeemed::No };
    memory.grants.put(code.clone(), grant, now, CODE_LIFETIME);
    drop(memory);
    answer(&state, &redirect_uri, asked_state.as_deref(), &[("code", &code)])
}

/// Which application asks, and where its answer goes. Until both are known, nothing may be sent anywhere
/// (RFC 6749, section 4.1.2.1).
fn application<'a>(state: &'a Inner, parameters: &'a Parameters) -> Result<(&'a Client, &'a str), &'static str> {
    let client = parameters
        .one("client_id")
        .ok()
        .flatten()
        .and_then(|id| state.client(id))
        .ok_or("The application that sent you here is not known to this provider (client_id).")?;
    let redirect_uri = parameters
        .one("redirect_uri")
        .ok()
        .flatten()
        .filter(|uri| client.redirect_uris.iter().any(|registered| registered == uri))
        .ok_or("The address to return to is not one that the application registered (redirect_uri).")?;
    Ok((client, redirect_uri))
}

/// A refusal that the application is told of.
struct Refused {
    error: &'static str,
    description: &'static str,
}

fn check(client: &Client, redirect_uri: &str, parameters: &Parameters) -> Result<Asked, Refused> {
    let refused = |error, description| Err(Refused { error, description });
    if !parameters.is_readable || parameters.has_repeated() {
        return refused("invalid_request", "a parameter is repeated or cannot be read");
    }
    let one = |name| parameters.one(name).ok().flatten();
    let has = |name, value| one(name).is_some_and(|values| values.split(' ').any(|it| it == value));

    if one("request").is_some() {
        return refused("request_not_supported", "send the parameters themselves");
    }
    if one("request_uri").is_some() {
        return refused("request_uri_not_supported", "send the parameters themselves");
    }
    match one("response_type") {
        Some("code") => {}
        Some(_) => return refused("unsupported_response_type", "response_type must be code"),
        None => return refused("invalid_request", "response_type is missing"),
    }
    if one("response_mode").is_some_and(|mode| mode != "query") {
        return refused("invalid_request", "response_mode must be query");
    }
    if !has("scope", "openid") {
        return refused("invalid_scope", "scope must contain openid");
    }
    // A challenge without a method means `plain` (RFC 7636, section 4.3), which protects nothing here.
    let code_challenge = match (one("code_challenge"), one("code_challenge_method")) {
        (Some(challenge), Some("S256")) if is_sha256(challenge) => challenge,
        (None, _) => return refused("invalid_request", "code_challenge is missing; PKCE is required"),
        (Some(_), Some("S256")) => return refused("invalid_request", "code_challenge is not a SHA-256 in base64url"),
        (Some(_), _) => return refused("invalid_request", "code_challenge_method must be S256"),
    };
    if one("max_age").is_some_and(|age| age.parse::<u32>().is_err()) {
        return refused("invalid_request", "max_age must be a number of seconds");
    }
    if has("prompt", "none") {
        return match one("prompt") {
            Some("none") => refused("login_required", "nobody is signed in here; this provider always asks"),
            _ => refused("invalid_request", "prompt none stands alone"),
        };
    }
    Ok(Asked {
        client_id: client.id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        state: one("state").map(str::to_owned),
        nonce: one("nonce").map(str::to_owned),
        scopes: one("scope").unwrap_or_default().split(' ').map(str::to_owned).collect(),
        code_challenge: code_challenge.to_owned(),
        wants_second_factor: has("acr_values", ACR_SECOND_FACTOR),
    })
}

/// Sends the browser back to the application, with who answers (RFC 9207).
fn answer(state: &Inner, redirect_uri: &str, asked_state: Option<&str>, fields: &[(&str, &str)]) -> Response {
    let mut to = Url::parse(redirect_uri).expect("a registered address is a URL");
    to.query_pairs_mut()
        .extend_pairs(fields)
        .extend_pairs(asked_state.map(|state| ("state", state)))
        .append_pair("iss", &state.base);
    redirect(&to)
}

pub(super) fn redirect(to: &Url) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to.as_str().to_owned())]).into_response()
}

fn is_sha256(challenge: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|digest| digest.len() == 32)
}

/// The parameters of a request, of which OAuth allows each only once (RFC 6749, section 3.1).
pub(super) struct Parameters {
    values: BTreeMap<String, Vec<String>>,
    is_readable: bool,
}

/// A parameter that was sent more than once.
pub(super) struct Repeated;

impl Parameters {
    pub(super) fn read(encoded: &[u8]) -> Self {
        let pairs: Result<Vec<(String, String)>, _> = serde_urlencoded::from_bytes(encoded);
        let is_readable = pairs.is_ok();
        let mut values = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in pairs.unwrap_or_default() {
            values.entry(name).or_default().push(value);
        }
        Self { values, is_readable }
    }

    /// The value, or nothing where it is missing or empty, which OAuth takes for the same.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        match self.values.get(name).map(Vec::as_slice) {
            None => Ok(None),
            Some([value]) => Ok(Some(value.as_str()).filter(|value| !value.is_empty())),
            Some(_) => Err(Repeated),
        }
    }

    pub(super) fn has_repeated(&self) -> bool {
        self.values.values().any(|values| values.len() > 1)
    }
}
