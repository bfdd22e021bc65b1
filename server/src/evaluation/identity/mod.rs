//! A small OpenID provider for evaluation: real in its protocol, without passwords, on loopback alone.
//!
//! It follows OpenID Connect Core 1.0, Discovery 1.0 and RP-Initiated Logout 1.0, OAuth 2.0 (RFC 6749) with PKCE
//! (RFC 7636) required, and names itself in its answers (RFC 9207). It keeps no session of its own: every sign-in asks
//! who one wants to be. Rampart talks to it as to any other provider.

mod authorize;
mod key;
mod logout;
mod memory;
mod page;
mod token;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderName, HeaderValue},
    middleware,
    routing::{get, post},
};
use openidconnect::{
    AdditionalProviderMetadata, AuthUrl, AuthenticationContextClass, EndSessionUrl, IssuerUrl, JsonWebKeySetUrl,
    LogoutProviderMetadata, PrivateSigningKey, ProviderMetadata, ResponseTypes, Scope, TokenUrl, UserInfoUrl,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
        CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
        CoreResponseMode, CoreResponseType, CoreRsaPrivateSigningKey, CoreSubjectIdentifierType,
    },
};
use portal::{Clock, Rng};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tower_http::set_header::SetResponseHeaderLayer;
use url::Url;

use super::loopback_only;
use memory::Memory;

/// Signed in with a password; here, by a click that stands for one.
pub const ACR_PASSWORD: &str = "urn:rampart:evaluation:password";
/// Signed in with a second factor; here, by a click that stands for one. Ask for it with `acr_values`.
pub const ACR_SECOND_FACTOR: &str = "urn:rampart:evaluation:second-factor";

/// The largest body that a request may have.
const BODY_LIMIT_BYTES: usize = 64 << 10;

/// Somebody whom one can sign in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoPerson {
    pub sub: String,
    pub name: String,
    pub email: String,
    /// The claim `groups`.
    pub groups: Vec<String>,
    /// What this person is, for whoever chooses: "Team lead, Payments".
    pub title: String,
}

/// An application that may ask this provider who somebody is.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    /// `None` for a public client, which PKCE alone protects.
    pub secret: Option<SecretString>,
    /// What people see on the sign-in page.
    pub name: String,
    /// Where a code may be sent; compared as a string, exactly.
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after signing out; compared as a string, exactly.
    pub post_logout_redirect_uris: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// `RAMPART_EVALUATION_OIDC_ADDR`; loopback only. Port 0 takes a free one.
    pub addr: SocketAddr,
    /// The signing key; made at the first start, so that sessions outlive a restart.
    pub key_file: PathBuf,
    pub people: Vec<DemoPerson>,
    pub clients: Vec<Client>,
    pub clock: Clock,
    pub rng: Rng,
}

/// Why the provider does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the evaluation's identity provider would listen on {0}, where others can reach it, and it lets anybody sign in; \
         set RAMPART_EVALUATION_OIDC_ADDR to an address on 127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
    #[error(
        "could not listen on {addr} for the evaluation's identity provider: {source}; end the program that does, or set \
         RAMPART_EVALUATION_OIDC_ADDR to another address"
    )]
    Listen { addr: SocketAddr, source: io::Error },
    #[error("could not use the signing key {path}: {reason}; remove the file to have a new one made, which ends all sessions", path = .path.display())]
    Key { path: PathBuf, reason: String },
}

/// The provider, bound to its address and not yet answering.
pub struct Provider {
    listener: TcpListener,
    state: Arc<Inner>,
}

struct Inner {
    issuer: IssuerUrl,
    /// The issuer without a slash at its end; every address of ours begins with it.
    base: String,
    key: CoreRsaPrivateSigningKey,
    people: Vec<DemoPerson>,
    clients: Vec<Client>,
    clock: Clock,
    rng: Rng,
    memory: Mutex<Memory>,
}

impl Provider {
    /// Takes the address, so that a portal that starts afterwards knows where its provider is.
    ///
    /// # Errors
    /// Where the address is not loopback or not free, or the key file is of no use.
    pub async fn bind(options: Options) -> Result<Self, Error> {
        let Options { addr, key_file, people, clients, clock, rng } = options;
        if !addr.ip().to_canonical().is_loopback() {
            return Err(Error::NotLoopback(addr));
        }
        let listen = |source| Error::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let base = format!("http://{}", listener.local_addr().map_err(listen)?);
        let issuer = IssuerUrl::new(base.clone()).expect("an address of ours is a URL");
        let unusable = |reason| Error::Key { path: key_file.clone(), reason };
        let key = {
            let (key_file, rng) = (key_file.clone(), rng.clone());
            tokio::task::spawn_blocking(move || key::kept(&key_file, &rng))
                .await
                .map_err(|error| unusable(error.to_string()))?
                .map_err(unusable)?
        };
        let memory = Mutex::default();
        let state = Arc::new(Inner { issuer, base, key, people, clients, clock, rng, memory });
        Ok(Self { listener, state })
    }

    #[must_use]
    pub fn issuer(&self) -> &IssuerUrl {
        &self.state.issuer
    }

    /// Answers until `shutdown` is ready.
    ///
    /// # Errors
    /// Where the listener fails.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        axum::serve(self.listener, router(self.state)).with_graceful_shutdown(shutdown).await
    }
}

fn router(state: Arc<Inner>) -> Router {
    let fixed = |name: &'static str, value| {
        SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    Router::new()
        .route("/.well-known/openid-configuration", get(configuration))
        .route("/jwks", get(keys))
        .route("/authorize", get(authorize::by_query).post(authorize::by_form))
        .route("/sign-in", post(authorize::sign_in))
        .route("/inter.woff2", get(page::font))
        .route("/token", post(token::redeem))
        .route("/userinfo", get(token::user_info).post(token::user_info))
        .route("/end_session", get(logout::by_query).post(logout::by_form))
        .fallback(async || page::nothing_here())
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(middleware::from_fn(loopback_only))
        .layer(fixed("cache-control", "no-store"))
        .layer(fixed("x-content-type-options", "nosniff"))
        .layer(fixed("referrer-policy", "no-referrer"))
        .layer(fixed("content-security-policy", "default-src 'none'; frame-ancestors 'none'"))
        .with_state(state)
}

async fn configuration(State(state): State<Arc<Inner>>) -> Json<Metadata> {
    let at = |path: &str| Url::parse(&format!("{}{path}", state.base)).expect("an address of ours is a URL");
    let scopes = ["openid", "profile", "email", "groups"];
    let claims =
        ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "name", "email", "groups"];
    let metadata = Metadata::new(
        state.issuer.clone(),
        AuthUrl::from_url(at("/authorize")),
        JsonWebKeySetUrl::from_url(at("/jwks")),
        vec![ResponseTypes::new(vec![CoreResponseType::Code])],
        vec![CoreSubjectIdentifierType::Public],
        vec![CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256],
        LogoutProviderMetadata {
            end_session_endpoint: Some(EndSessionUrl::from_url(at("/end_session"))),
            additional_metadata: FurtherMetadata {
                code_challenge_methods_supported: vec!["S256".to_owned()],
                authorization_response_iss_parameter_supported: true,
            },
        },
    )
    .set_token_endpoint(Some(TokenUrl::from_url(at("/token"))))
    .set_userinfo_endpoint(Some(UserInfoUrl::from_url(at("/userinfo"))))
    .set_scopes_supported(Some(scopes.map(|scope| Scope::new(scope.to_owned())).into()))
    .set_response_modes_supported(Some(vec![CoreResponseMode::Query]))
    .set_grant_types_supported(Some(vec![CoreGrantType::AuthorizationCode]))
    .set_token_endpoint_auth_methods_supported(Some(vec![
        CoreClientAuthMethod::ClientSecretBasic,
        CoreClientAuthMethod::ClientSecretPost,
        CoreClientAuthMethod::None,
    ]))
    .set_acr_values_supported(Some(
        [ACR_PASSWORD, ACR_SECOND_FACTOR].map(|acr| AuthenticationContextClass::new(acr.to_owned())).into(),
    ))
    .set_claims_supported(Some(claims.map(|claim| CoreClaimName::new(claim.to_owned())).into()))
    .set_claims_parameter_supported(Some(false))
    .set_request_parameter_supported(Some(false))
    .set_request_uri_parameter_supported(Some(false));
    Json(metadata)
}

async fn keys(State(state): State<Arc<Inner>>) -> Json<CoreJsonWebKeySet> {
    Json(state.key_set())
}

impl Inner {
    fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    fn person(&self, sub: &str) -> Option<&DemoPerson> {
        self.people.iter().find(|person| person.sub == sub)
    }

    fn key_set(&self) -> CoreJsonWebKeySet {
        CoreJsonWebKeySet::new(vec![self.key.as_verification_key()])
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("nobody panics while holding the memory")
    }

    /// A name that nobody guesses: 256 random bits.
    fn unguessable(&self) -> String {
        hex::encode(self.rng.bytes::<32>())
    }
}

type Metadata = ProviderMetadata<
    LogoutProviderMetadata<FurtherMetadata>,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What RFC 8414 and RFC 9207 add to the discovery document.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FurtherMetadata {
    code_challenge_methods_supported: Vec<String>,
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for FurtherMetadata {}
