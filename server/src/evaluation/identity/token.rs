//! The token endpoint (OpenID Connect Core 1.0, section 3.1.3) and what its access token opens, `/userinfo`.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use chrono::{DateTime, Utc};
use openidconnect::{
    AccessToken, AdditionalClaims, Audience, AuthenticationContextClass, AuthenticationMethodReference,
    EmptyExtraTokenFields, EndUserEmail, EndUserName, IdToken, IdTokenClaims, IdTokenFields, LocalizedClaim, Nonce,
    StandardClaims, StandardErrorResponse, StandardTokenResponse, SubjectIdentifier, UserInfoClaims,
    core::{
        CoreErrorResponseType, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
        CoreTokenType,
    },
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};

use super::{
    ACR_PASSWORD, ACR_SECOND_FACTOR, Client, DemoPerson, Inner,
    authorize::Parameters,
    memory::{Access, Grant, Redeemed},
};

/// How long an ID token and an access token hold; an application reads both at once.
const TOKEN_LIFETIME: Duration = Duration::minutes(10);

/// Exchanges a code for tokens.
pub(super) async fn redeem(State(state): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    let parameters = Parameters::read(&body);
    if !is_form || parameters.has_repeated() {
        let description = "send a form (application/x-www-form-urlencoded) with each parameter once";
        return Refused(CoreErrorResponseType::InvalidRequest, description).into_response();
    }
    match exchange(&state, &headers, &parameters) {
        Ok(tokens) => ([(header::PRAGMA, "no-cache")], Json(tokens)).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// Who the bearer of an access token is (OpenID Connect Core 1.0, section 5.3).
pub(super) async fn user_info(State(state): State<Arc<Inner>>, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    let access = token.and_then(|token| state.memory().accesses.get(token, state.clock.now()).cloned());
    let Some((access, person)) = access.as_ref().and_then(|access| Some((access, state.person(&access.sub)?))) else {
        // RFC 6750, section 3.1: a request without a token is told no error code.
        let challenge = if token.is_some() { r#"Bearer error="invalid_token""# } else { "Bearer" };
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    };
    let claims = UserInfoClaims::<Groups, CoreGenderClaim>::new(
        standard_claims(person, &access.scopes),
        Groups { groups: person.groups.clone() },
    );
    Json(claims).into_response()
}

fn exchange(state: &Inner, headers: &HeaderMap, parameters: &Parameters) -> Result<Tokens, Refused> {
    let refused = |error, description| Err(Refused(error, description));
    let one = |name| parameters.one(name).ok().flatten();
    let client = authenticate(state, headers, parameters)?;

    match one("grant_type") {
        Some("authorization_code") => {}
        Some(_) => {
            return refused(CoreErrorResponseType::UnsupportedGrantType, "grant_type must be authorization_code");
        }
        None => return refused(CoreErrorResponseType::InvalidRequest, "grant_type is missing"),
    }
    let Some(code) = one("code") else { return refused(CoreErrorResponseType::InvalidRequest, "code is missing") };
    let Some(verifier) = one("code_verifier") else {
        return refused(CoreErrorResponseType::InvalidRequest, "code_verifier is missing");
    };

    let now = state.clock.now();
    let access_token = state.unguessable();
    let mut memory = state.memory();
    let Some(grant) = memory.grants.get(code, now) else {
        return refused(CoreErrorResponseType::InvalidGrant, "the code is not known or has ended");
    };
    if grant.asked.client_id != client.id {
        return refused(CoreErrorResponseType::InvalidGrant, "the code was given to another client");
    }
    // From here on the code is used up, whether or not it leads to tokens.
    let was_redeemed = std::mem::replace(&mut grant.redeemed, Redeemed::InVain);
    if was_redeemed != Redeemed::No {
        if let Redeemed::For { access_token } = was_redeemed {
            // RFC 6749, section 4.1.2: somebody else has the code, so what it gave ends.
            memory.accesses.take(&access_token, now);
        }
        return refused(CoreErrorResponseType::InvalidGrant, "the code was used before");
    }
    if one("redirect_uri") != Some(&grant.asked.redirect_uri) {
        return refused(
            CoreErrorResponseType::InvalidGrant,
            "redirect_uri is not the one that the code was asked for with",
        );
    }
    if !verifies(verifier, &grant.asked.code_challenge) {
        return refused(CoreErrorResponseType::InvalidGrant, "code_verifier does not fit the code_challenge");
    }
    grant.redeemed = Redeemed::For { access_token: access_token.clone() };
    let grant = grant.clone();
    let access = Access { sub: grant.sub.clone(), sid: grant.sid.clone(), scopes: grant.asked.scopes.clone() };
    memory.accesses.put(access_token.clone(), access, now, TOKEN_LIFETIME);
    drop(memory);

    let access_token = AccessToken::new(access_token);
    let id_token = id_token(state, client, &grant, &access_token, now)?;
    let fields = IdTokenFields::new(Some(id_token), EmptyExtraTokenFields {});
    let mut tokens = Tokens::new(access_token, CoreTokenType::Bearer, fields);
    tokens.set_expires_in(Some(&TOKEN_LIFETIME.unsigned_abs()));
    Ok(tokens)
}

/// Which client calls: by HTTP Basic, by the form, or, for a public client, by its name alone.
fn authenticate<'a>(state: &'a Inner, headers: &HeaderMap, parameters: &Parameters) -> Result<&'a Client, Refused> {
    let invalid = Refused(CoreErrorResponseType::InvalidClient, "the client is not known or its secret is wrong");
    let named = parameters.one("client_id").ok().flatten();
    let (id, secret) = match headers.get(header::AUTHORIZATION) {
        Some(value) => {
            let Some((id, secret)) = value.to_str().ok().and_then(basic) else { return Err(invalid) };
            if parameters.one("client_secret").is_ok_and(|secret| secret.is_some()) || named.is_some_and(|it| it != id)
            {
                let description = "the client authenticates in two ways at once";
                return Err(Refused(CoreErrorResponseType::InvalidRequest, description));
            }
            (id, Some(secret))
        }
        None => match named {
            Some(id) => (id.to_owned(), parameters.one("client_secret").ok().flatten().map(str::to_owned)),
            None => return Err(invalid),
        },
    };
    let client = state.client(&id);
    let is_right = match (client.and_then(|client| client.secret.as_ref()), secret) {
        (Some(expected), Some(given)) => expected.expose_secret().as_bytes().ct_eq(given.as_bytes()).into(),
        (None, None) => true,
        _ => false,
    };
    client.filter(|_| is_right).ok_or(invalid)
}

fn id_token(
    state: &Inner,
    client: &Client,
    grant: &Grant,
    access_token: &AccessToken,
    now: OffsetDateTime,
) -> Result<SignedIdToken, Refused> {
    let failed =
        Refused(CoreErrorResponseType::Extension("server_error".to_owned()), "the ID token could not be signed");
    let Some(person) = state.person(&grant.sub) else { return Err(failed) };
    let (acr, amr): (_, &[&str]) = if grant.asked.wants_second_factor {
        // Names of methods: RFC 8176.
        (ACR_SECOND_FACTOR, &["pwd", "otp", "mfa"])
    } else {
        (ACR_PASSWORD, &["pwd"])
    };
    let claims = IdTokenClaims::new(
        state.issuer.clone(),
        vec![Audience::new(client.id.clone())],
        timestamp(now + TOKEN_LIFETIME),
        timestamp(now),
        standard_claims(person, &grant.asked.scopes),
        SessionClaims { groups: person.groups.clone(), sid: grant.sid.clone() },
    )
    .set_auth_time(Some(timestamp(grant.auth_time)))
    .set_nonce(grant.asked.nonce.clone().map(Nonce::new))
    .set_auth_context_ref(Some(AuthenticationContextClass::new(acr.to_owned())))
    .set_auth_method_refs(Some(amr.iter().map(|it| AuthenticationMethodReference::new((*it).to_owned())).collect()));
    SignedIdToken::new(claims, &state.key, CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256, Some(access_token), None)
        .map_err(|error| {
            tracing::error!(%error, "could not sign an ID token");
            failed
        })
}

/// The claims that the scopes `profile` and `email` ask for.
fn standard_claims(person: &DemoPerson, scopes: &[String]) -> StandardClaims<CoreGenderClaim> {
    let has = |scope: &str| scopes.iter().any(|it| it == scope);
    let mut claims = StandardClaims::new(SubjectIdentifier::new(person.sub.clone()));
    if has("profile") {
        claims = claims.set_name(Some(LocalizedClaim::from(EndUserName::new(person.name.clone()))));
    }
    if has("email") {
        claims = claims.set_email(Some(EndUserEmail::new(person.email.clone()))).set_email_verified(Some(true));
    }
    claims
}

/// RFC 7636, section 4.6, for verifiers of the form in section 4.1.
fn verifies(verifier: &str, challenge: &str) -> bool {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(is_allowed)
        && BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)).as_bytes().ct_eq(challenge.as_bytes()).into()
}

/// The id and secret of HTTP Basic, each form-encoded before (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let form_decoded = |text: &str| {
        let mut pairs: Vec<(String, String)> = serde_urlencoded::from_str(&format!("v={text}")).ok()?;
        (pairs.len() == 1).then(|| pairs.remove(0).1)
    };
    scheme.eq_ignore_ascii_case("basic").then_some(())?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn timestamp(time: OffsetDateTime) -> DateTime<Utc> {
    DateTime::from_timestamp(time.unix_timestamp(), 0).expect("the clock's years are within chrono's")
}

pub(super) type SignedIdToken =
    IdToken<SessionClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

type Tokens = StandardTokenResponse<
    IdTokenFields<
        SessionClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

/// What an ID token of ours says beyond the standard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SessionClaims {
    pub groups: Vec<String>,
    pub sid: String,
}

impl AdditionalClaims for SessionClaims {}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Groups {
    groups: Vec<String>,
}

impl AdditionalClaims for Groups {}

/// An error answer of the token endpoint (RFC 6749, section 5.2).
struct Refused(CoreErrorResponseType, &'static str);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let is_client = matches!(self.0, CoreErrorResponseType::InvalidClient);
        let body = Json(StandardErrorResponse::new(self.0, Some(self.1.to_owned()), None));
        if is_client {
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic")], body).into_response()
        } else {
            (StatusCode::BAD_REQUEST, body).into_response()
        }
    }
}
