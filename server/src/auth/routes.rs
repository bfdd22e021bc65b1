//! Sign-in, its way back, and sign-out.

use app::{
    backend::{Answer, Cx, is_local, percent_encoded, see_other},
    sign_in,
};
use axum::{
    Router,
    body::to_bytes,
    extract::{FromRequest, Multipart, Query, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, Method, header};
use model::{Problem, ProblemType};
use portal::{
    identity::{
        session,
        sign_in::{Departure, KeptForm, arrive, depart, sign_in as begin_session},
    },
    integrations,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{actor::Caller, oidc::Refused};
use crate::http::Edge;

/// A form that was posted with an ended session is kept up to this size.
const MAX_KEPT_FORM: usize = 64 * 1024;

pub fn router() -> Router<Edge> {
    Router::new()
        .route("/sign-in", get(leave))
        .route("/sign-in/callback", get(come_back))
        .route("/sign-out", post(sign_out))
        .route("/signed-out", get(signed_out))
}

#[derive(Deserialize)]
struct Wish {
    return_to: Option<String>,
}

/// `GET /sign-in`: to the provider, and back to `return_to`.
async fn leave(cx: Cx, State(edge): State<Edge>, headers: HeaderMap, Query(wish): Query<Wish>) -> Answer {
    let return_to = wish.return_to.filter(|address| is_local(address)).unwrap_or_else(|| "/".to_owned());
    if cx.actor.person().is_some() {
        return Ok(see_other(&return_to));
    }
    match send_away(&edge, &headers, return_to.clone(), None).await? {
        Ok(response) => Ok(response),
        Err(refused) => sign_in::failed(&cx, &refused.what, &refused.remedy, &return_to),
    }
}

/// For whoever asks for a page without being signed in: a page is asked for again afterwards, a form is kept. What no
/// form of ours sends is refused.
pub async fn sign_in_first(edge: &Edge, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let address = parts.uri.path_and_query().map_or("/", |address| address.as_str()).to_owned();
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return see_other(&format!("/sign-in?return_to={}", percent_encoded(&address)));
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let fields = match kind.split(';').next().unwrap_or_default().trim() {
        "application/x-www-form-urlencoded" => {
            let bytes = to_bytes(body, MAX_KEPT_FORM).await.ok();
            bytes.and_then(|bytes| serde_urlencoded::from_bytes(&bytes).ok())
        }
        "multipart/form-data" => typed(Request::from_parts(parts.clone(), body)).await,
        _ => return crate::rest::problem::Refusal::from(portal::Error::Unauthenticated).into_response(),
    };
    let kept = fields.map(|fields| KeptForm { action: address, fields });
    match send_away(edge, &parts.headers, "/".to_owned(), kept).await {
        Ok(Ok(response)) => response,
        Ok(Err(refused)) => {
            crate::rest::problem::Refusal(Problem::new(ProblemType::Unavailable, refused.to_string())).into_response()
        }
        Err(error) => crate::rest::problem::Refusal::from(error).into_response(),
    }
}

/// What was typed into a form with files; the files have to be chosen again. None where it is too large or broken.
async fn typed(request: Request) -> Option<Vec<(String, String)>> {
    let mut parts = Multipart::from_request(request, &()).await.ok()?;
    let (mut fields, mut size) = (Vec::new(), 0);
    while let Some(part) = parts.next_field().await.ok()? {
        if part.file_name().is_some() {
            continue;
        }
        let name = part.name()?.to_owned();
        let text = part.text().await.ok()?;
        size += name.len() + text.len();
        if size > MAX_KEPT_FORM {
            return None;
        }
        fields.push((name, text));
    }
    Some(fields)
}

/// Remembers the sign-in and sends the browser to the provider.
async fn send_away(
    edge: &Edge,
    headers: &HeaderMap,
    return_to: String,
    kept_form: Option<KeptForm>,
) -> portal::Result<Result<Response, Refused>> {
    let leaving = match edge.provider.depart().await {
        Ok(leaving) => leaving,
        Err(refused) => return Ok(Err(refused)),
    };
    // one browser may have several sign-ins under way, in several tabs
    let browser = edge.cookies.browser(headers).unwrap_or_else(|| fresh(edge));
    let departure = Departure {
        state: leaving.state,
        browser: browser.clone(),
        nonce: leaving.nonce,
        verifier: leaving.verifier,
        return_to,
        kept_form,
    };
    depart(&edge.portal, &departure).await?;
    // 303: a form that was sent here is not sent on to the provider
    let mut response = axum::response::Redirect::to(leaving.address.as_str()).into_response();
    response.headers_mut().append(header::SET_COOKIE, edge.cookies.begin_sign_in(&browser));
    response.headers_mut().insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    Ok(Ok(response))
}

fn fresh(edge: &Edge) -> SecretString {
    BASE64_URL_SAFE_NO_PAD.encode(edge.portal.rng.bytes::<32>()).into()
}

/// What a provider sends a browser back with (OpenID Connect Core 1.0, sections 3.1.2.5 and 3.1.2.6).
#[derive(Deserialize)]
struct Back {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

/// `GET /sign-in/callback`: checks what the provider says and begins the session.
async fn come_back(
    cx: Cx,
    State(edge): State<Edge>,
    Caller(caller): Caller,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Answer {
    let failed = |what: &str, remedy: &str| sign_in::failed(&cx, what, remedy, "/");
    let Some(browser) = edge.cookies.browser(&headers) else {
        return failed(
            "this browser has not begun a sign-in, or it does not keep cookies",
            "allow cookies for this address and sign in again",
        );
    };
    let Some(state) = back.state else {
        return failed("the provider's answer has no state", "sign in again");
    };
    let remembered = match arrive(&edge.portal, &state, browser.expose_secret()).await {
        Ok(remembered) => remembered,
        Err(portal::Error::Invalid(errors)) => {
            let what = errors.first().map_or("the answer's state is not known", |error| error.message.as_str());
            return failed(what, "sign in again");
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(error) = back.error {
        // the provider's word is one of a list, but it arrives through the browser: only such a word is shown
        let known = error.len() <= 40 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let word = if known { error.as_str() } else { "an error that is not in the standard's form" };
        return failed(&format!("the provider answered {word}"), "see the provider's log, or sign in again");
    }
    let Some(code) = back.code else {
        return failed("the provider's answer has neither a code nor an error", "see the provider's log");
    };
    let claims = match edge.provider.arrive(&code, &remembered.nonce, &remembered.verifier).await {
        Ok(claims) => claims,
        Err(refused) => {
            tracing::warn!(what = refused.what, "a sign-in was refused");
            if let Err(error) = integrations::sign_in_failed(&edge.portal, &refused.what, &refused.remedy).await {
                tracing::warn!(%error, "cannot note that a sign-in was refused");
            }
            return failed(&refused.what, &refused.remedy);
        }
    };
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let before = session::id(&caller);
    let session = match begin_session(&edge.portal, &claims, &caller, user_agent, before).await {
        Ok(session) => session,
        Err(portal::Error::Conflict(what)) => return failed(&what, "or sign in as somebody else"),
        Err(error) => return Err(error.into()),
    };
    let mut response = match &remembered.kept_form {
        Some(form) => sign_in::resume(&cx, &form.action, &form.fields)?,
        None => see_other(&remembered.return_to),
    };
    let lifetime = session.expires_at - edge.portal.clock.now();
    response.headers_mut().append(header::SET_COOKIE, edge.cookies.begin_session(&session.token, lifetime));
    response.headers_mut().append(header::SET_COOKIE, edge.cookies.end_sign_in());
    Ok(response)
}

/// `POST /sign-out`: ends the session here, and at the provider where it has a place for that.
async fn sign_out(State(edge): State<Edge>, Caller(actor): Caller) -> Answer {
    let ended = session::end(&edge.portal, &actor).await?;
    let address = match ended {
        Some(ended) if ended.issuer == edge.provider.issuer() => edge.provider.logout_address(&ended.id_token).await,
        _ => None,
    };
    let mut response = match address {
        Some(address) => axum::response::Redirect::to(address.as_str()).into_response(),
        None => see_other("/signed-out"),
    };
    response.headers_mut().append(header::SET_COOKIE, edge.cookies.end_session());
    Ok(response)
}

/// `GET /signed-out`
async fn signed_out(cx: Cx) -> Answer {
    sign_in::signed_out(&cx)
}
