//! The portal as an OpenID Connect relying party: authorization code with PKCE and nonce, and every check of the
//! ID token, each failure named together with its remedy.

use std::{collections::HashMap, pin::Pin, time::Duration};

use openidconnect::{
    AccessTokenHash, AsyncHttpClient, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client, ClientId,
    ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IdTokenFields, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreIdTokenVerifier, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use portal::identity::sign_in::Claims;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::RwLock;
use url::Url;

/// How long the provider may take for one answer, and how large one may be.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER: usize = 1024 * 1024;

/// Asymmetric algorithms only: an ID token signed with a shared secret or with none is refused.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// How to reach one provider.
#[derive(Clone, Debug)]
pub struct Settings {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    pub scopes: Vec<String>,
    pub groups_claim: String,
    /// Where this process reaches the issuer, if not at its own address.
    pub backchannel: Option<Url>,
    /// The portal's own address, without a slash at the end.
    pub base_url: String,
}

/// One provider; found lazily, so that the portal starts while it is down.
#[derive(Debug)]
pub struct Provider {
    settings: Settings,
    channel: Channel,
    metadata: RwLock<Option<ProviderMetadataWithLogout>>,
}

/// What the provider says of itself in its discovery document and keys.
#[derive(Clone, Debug)]
pub struct Found {
    /// How many keys it publishes.
    pub keys: usize,
    /// Whether it signs ID tokens with an algorithm that is checked here.
    pub signs_as_we_check: bool,
    pub has_token_endpoint: bool,
    /// The claims and scopes that it lists; none where it lists none, which it need not.
    pub claims: Option<Vec<String>>,
    pub scopes: Option<Vec<String>>,
}

/// Where the browser is sent, and what has to be remembered until it is back.
pub struct Departure {
    pub address: Url,
    pub state: SecretString,
    pub nonce: String,
    pub verifier: SecretString,
}

/// Why a sign-in failed: which check, with what, and how to mend it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what}; {remedy}")]
pub struct Refused {
    pub what: String,
    pub remedy: String,
}

impl Refused {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

/// Claims beyond the standard's own: groups, under whatever name, and the provider's session.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Other(HashMap<String, Value>);

impl openidconnect::AdditionalClaims for Other {}

type Fields = IdTokenFields<
    Other,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Relying = Client<
    Other,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Provider {
    #[must_use]
    pub fn new(settings: Settings, http: reqwest::Client) -> Self {
        let moved = settings.backchannel.clone().map(|backchannel| (settings.issuer.clone(), backchannel));
        Self { settings, channel: Channel { http, moved }, metadata: RwLock::new(None) }
    }

    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// The provider cannot be found.
    pub async fn depart(&self) -> Result<Departure, Refused> {
        let client = self.client(false).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client.authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        );
        for scope in self.settings.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (address, state, nonce) = request.set_pkce_challenge(challenge).url();
        Ok(Departure {
            address,
            state: state.into_secret().into(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret().into(),
        })
    }

    /// What the provider says of itself, asked anew.
    ///
    /// # Errors
    /// It cannot be found, or is another than it should be.
    pub async fn found(&self) -> Result<Found, Refused> {
        let metadata = self.metadata(true).await?;
        let texts = |items: Vec<&str>| items.into_iter().map(str::to_owned).collect();
        let signs = metadata.id_token_signing_alg_values_supported();
        Ok(Found {
            keys: metadata.jwks().keys().len(),
            signs_as_we_check: signs.iter().any(|algorithm| ALGORITHMS.contains(algorithm)),
            has_token_endpoint: metadata.token_endpoint().is_some(),
            claims: metadata.claims_supported().map(|all| texts(all.iter().map(|claim| claim.as_str()).collect())),
            scopes: metadata.scopes_supported().map(|all| texts(all.iter().map(|scope| scope.as_str()).collect())),
        })
    }

    /// Whether the provider goes on to its sign-in page for this client and its redirect address, rather than refuse
    /// them (OpenID Connect Core 1.0, section 3.1.2.6: an error about either is shown and never redirected).
    ///
    /// # Errors
    /// Its authorization endpoint cannot be reached from here, or does not answer in order.
    pub async fn takes_redirect(&self) -> Result<bool, Refused> {
        let departure = self.depart().await?;
        let request = http::Request::get(departure.address.as_str()).body(Vec::new());
        let request = request.map_err(|error| Refused::new(error.to_string(), "look at the provider's log"))?;
        let remedy = "look at the provider's log";
        let answer = self.channel.send(request).await.map_err(|error| Refused::new(error.to_string(), remedy))?;
        if answer.status().is_server_error() {
            return Err(Refused::new(format!("the provider answers {}", answer.status()), remedy));
        }
        // an error about the scopes comes back to the redirect address
        let refused = answer.headers().get(http::header::LOCATION).and_then(|to| to.to_str().ok()).is_some_and(|to| {
            to.starts_with(&format!("{}/sign-in/callback", self.settings.base_url)) && to.contains("error=")
        });
        Ok(!answer.status().is_client_error() && !refused)
    }

    /// Redeems the code that the browser came back with and checks what the provider says.
    ///
    /// # Errors
    /// Which check failed.
    pub async fn arrive(&self, code: &str, nonce: &str, verifier: &SecretString) -> Result<Claims, Refused> {
        let client = self.client(false).await?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| Refused::new("the provider's discovery document names no token endpoint", "check RAMPART_OIDC_ISSUER"))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()))
            .request_async(&self.channel)
            .await
            .map_err(|error| match error {
                RequestTokenError::ServerResponse(answer) => Refused::new(
                    format!("the provider refused the code: {}", answer.error().as_ref()),
                    match answer.error() {
                        CoreErrorResponseType::InvalidClient => "check RAMPART_OIDC_CLIENT_ID and RAMPART_OIDC_CLIENT_SECRET",
                        CoreErrorResponseType::InvalidGrant => {
                            "sign in again; where that fails too, compare the redirect address registered at the provider with RAMPART_BASE_URL"
                        }
                        _ => "see the provider's log",
                    },
                ),
                RequestTokenError::Request(Unreachable(reason)) => Refused::new(
                    format!("the provider's token endpoint cannot be reached: {reason}"),
                    "check the network from the portal to the provider, HTTPS_PROXY and RAMPART_CA_FILE",
                ),
                RequestTokenError::Parse(error, _) => Refused::new(
                    format!("the provider's token answer cannot be read: {}", error.path()),
                    "see the provider's log",
                ),
                RequestTokenError::Other(reason) => Refused::new(reason, "see the provider's log"),
            })?;
        let id_token = answer.id_token().ok_or_else(|| {
            Refused::new("the provider sent no ID token", "RAMPART_OIDC_SCOPES has to contain openid")
        })?;
        let nonce = Nonce::new(nonce.to_owned());
        let unknown_key =
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey));
        // a key that is not known may be new
        let rotated = id_token.claims(&strict(&client), &nonce).map(|_| ()) == unknown_key;
        let client = if rotated { self.client(true).await? } else { client };
        let checker = strict(&client);
        let claims = id_token.claims(&checker, &nonce).map_err(|error| explain(&error, &self.settings))?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm =
                id_token.signing_alg().map_err(|error| Refused::new(error.to_string(), "see the provider's log"))?;
            let key =
                id_token.signing_key(&checker).map_err(|error| Refused::new(error.to_string(), "sign in again"))?;
            let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key)
                .map_err(|error| Refused::new(error.to_string(), "see the provider's log"))?;
            if actual != *expected {
                return Err(Refused::new(
                    "claim at_hash: the access token is not the one that the ID token was made for",
                    "sign in again",
                ));
            }
        }

        let mut groups = groups(&claims.additional_claims().0, &self.settings.groups_claim);
        let mut name = claims.name().and_then(|name| name.get(None)).map(|name| name.to_string());
        let mut email = claims.email().map(|email| email.to_string());
        if (groups.is_none() || name.is_none() || email.is_none())
            && let Ok(request) = client.user_info(answer.access_token().clone(), Some(claims.subject().clone()))
        {
            let more: Result<UserInfoClaims<Other, CoreGenderClaim>, _> = request.request_async(&self.channel).await;
            match more {
                Ok(more) => {
                    groups = groups.or_else(|| self::groups(&more.additional_claims().0, &self.settings.groups_claim));
                    name = name.or_else(|| more.name().and_then(|name| name.get(None)).map(|name| name.to_string()));
                    email = email.or_else(|| more.email().map(|email| email.to_string()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the provider's userinfo endpoint did not answer; signing in without it")
                }
            }
        }
        Ok(Claims {
            issuer: claims.issuer().to_string(),
            subject: claims.subject().to_string(),
            name,
            email,
            groups: groups.unwrap_or_default(),
            amr: claims.auth_method_refs().into_iter().flatten().map(|method| method.to_string()).collect(),
            acr: claims.auth_context_ref().map(|acr| acr.to_string()),
            authenticated_at: claims
                .auth_time()
                .and_then(|at| OffsetDateTime::from_unix_timestamp(at.timestamp()).ok()),
            provider_session: claims.additional_claims().0.get("sid").and_then(Value::as_str).map(str::to_owned),
            id_token: id_token.to_string().into(),
        })
    }

    /// Where the browser goes to end the provider's own session; none where the provider has no such place.
    pub async fn logout_address(&self, id_token: &SecretString) -> Option<Url> {
        let endpoint = self.metadata(false).await.ok()?.additional_metadata().end_session_endpoint.clone()?;
        let back = PostLogoutRedirectUrl::new(format!("{}/signed-out", self.settings.base_url)).ok()?;
        let id_token = id_token.expose_secret().parse().ok()?;
        let request = LogoutRequest::from(endpoint)
            .set_id_token_hint::<Other, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>(
                &id_token,
            )
            .set_client_id(ClientId::new(self.settings.client_id.clone()))
            .set_post_logout_redirect_uri(back);
        Some(request.http_get_url())
    }

    /// Whether the provider can be found, for `rampart doctor`.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self) -> Result<(), Refused> {
        self.metadata(true).await.map(|_| ())
    }

    async fn client(&self, anew: bool) -> Result<Relying, Refused> {
        let metadata = self.metadata(anew).await?;
        let secret =
            self.settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let redirect = RedirectUrl::new(format!("{}/sign-in/callback", self.settings.base_url))
            .map_err(|error| Refused::new(error.to_string(), "check RAMPART_BASE_URL"))?;
        Ok(Relying::from_provider_metadata(metadata, ClientId::new(self.settings.client_id.clone()), secret)
            .set_redirect_uri(redirect))
    }

    /// The discovery document with its keys, fetched where it is not known yet or `anew`.
    async fn metadata(&self, anew: bool) -> Result<ProviderMetadataWithLogout, Refused> {
        if !anew && let Some(known) = self.metadata.read().await.as_ref() {
            return Ok(known.clone());
        }
        let remedy = "check RAMPART_OIDC_ISSUER, that the portal can reach it, HTTPS_PROXY and RAMPART_CA_FILE";
        let issuer =
            IssuerUrl::new(self.settings.issuer.clone()).map_err(|error| Refused::new(error.to_string(), remedy))?;
        let found = ProviderMetadataWithLogout::discover_async(issuer, &self.channel).await.map_err(|error| {
            Refused::new(format!("the provider at {} cannot be found: {}", self.settings.issuer, cause(&error)), remedy)
        })?;
        *self.metadata.write().await = Some(found.clone());
        Ok(found)
    }
}

/// The server's own way to the provider: no redirects, bounded in time and size.
#[derive(Clone, Debug)]
struct Channel {
    http: reqwest::Client,
    /// The issuer, and where it is reached instead.
    moved: Option<(String, Url)>,
}

impl<'c> AsyncHttpClient<'c> for Channel {
    type Error = Unreachable;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unreachable>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Channel {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
        let (parts, body) = request.into_parts();
        let address = match &self.moved {
            Some((issuer, backchannel)) => via(&parts.uri.to_string(), issuer, backchannel),
            None => parts.uri.to_string(),
        };
        let mut answer = self
            .http
            .request(parts.method, address)
            .headers(parts.headers)
            .body(body)
            .timeout(TIMEOUT)
            .send()
            .await
            .map_err(|error| Unreachable(cause(&error.without_url())))?;
        let mut response = http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| Unreachable(error.without_url().to_string()))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(Unreachable("its answer is larger than 1 MiB".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        response.body(body).map_err(|error| Unreachable(error.to_string()))
    }
}

/// The provider did not answer as a provider.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreachable(String);

/// The innermost reason, which says what to look at: a name, a port, a certificate.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The same address at the back channel's origin, for what lies under the issuer's origin.
fn via(address: &str, issuer: &str, backchannel: &Url) -> String {
    let (Ok(mut url), Ok(issuer)) = (Url::parse(address), Url::parse(issuer)) else { return address.to_owned() };
    if url.origin() != issuer.origin() {
        return address.to_owned();
    }
    let moved = url.set_scheme(backchannel.scheme()).is_ok()
        && url.set_host(backchannel.host_str()).is_ok()
        && url.set_port(backchannel.port()).is_ok();
    if moved { url.to_string() } else { address.to_owned() }
}

fn strict(client: &Relying) -> CoreIdTokenVerifier<'_> {
    client.id_token_verifier().set_allowed_algs(ALGORITHMS)
}

/// The groups that a claim names: a list of names, or one name.
fn groups(claims: &HashMap<String, Value>, claim: &str) -> Option<Vec<String>> {
    match claims.get(claim)? {
        Value::String(group) => Some(vec![group.clone()]),
        Value::Array(groups) => Some(groups.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    }
}

/// Which check of OpenID Connect Core 1.0, section 3.1.3.7, failed, and what mends it.
fn explain(error: &ClaimsVerificationError, settings: &Settings) -> Refused {
    let clock = "compare the clocks of the portal and the provider";
    match error {
        ClaimsVerificationError::Expired(_) => Refused::new("claim exp: the ID token has expired", clock),
        ClaimsVerificationError::InvalidIssuer(_) => Refused::new(
            "claim iss: the ID token comes from another issuer",
            format!("RAMPART_OIDC_ISSUER has to be exactly what the provider calls itself; it is {}", settings.issuer),
        ),
        ClaimsVerificationError::InvalidAudience(_) => Refused::new(
            "claim aud: the ID token was made for another client",
            format!(
                "RAMPART_OIDC_CLIENT_ID has to be this portal's client at the provider; it is {}",
                settings.client_id
            ),
        ),
        ClaimsVerificationError::InvalidNonce(_) => {
            Refused::new("claim nonce: the ID token answers another sign-in", "sign in again from this browser")
        }
        ClaimsVerificationError::InvalidAuthTime(_) => Refused::new("claim auth_time: the sign-in is too old", clock),
        ClaimsVerificationError::InvalidAuthContext(_) => {
            Refused::new("claim acr: the sign-in is not strong enough", "sign in with a second factor")
        }
        ClaimsVerificationError::SignatureVerification(error) => match error {
            SignatureVerificationError::NoMatchingKey => Refused::new(
                "the ID token's key is not among the provider's published keys",
                "check that the provider's jwks_uri lists its signing key",
            ),
            SignatureVerificationError::NoSignature | SignatureVerificationError::DisallowedAlg(_) => Refused::new(
                "the ID token is not signed with an allowed algorithm",
                "set the client's ID token signature at the provider to RS256, PS256, ES256 or EdDSA",
            ),
            _ => Refused::new(
                "the ID token's signature is wrong",
                "check that nothing between the portal and the provider changes answers",
            ),
        },
        other => Refused::new(other.to_string(), "see the provider's log"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_lies_at_the_issuer_goes_through_the_back_channel() {
        let inside = Url::parse("http://keycloak:8080").unwrap();
        let issuer = "http://localhost:8081/realms/acme";
        assert_eq!(
            via("http://localhost:8081/realms/acme/token", issuer, &inside),
            "http://keycloak:8080/realms/acme/token"
        );
        assert_eq!(via("https://other.example.com/token", issuer, &inside), "https://other.example.com/token");
    }

    #[test]
    fn groups_are_read_from_a_list_or_from_one_name() {
        let claims = |value| HashMap::from([("groups".to_owned(), value)]);
        assert_eq!(groups(&claims(json!(["a", "b"])), "groups"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(groups(&claims(json!("a")), "groups"), Some(vec!["a".to_owned()]));
        assert_eq!(groups(&claims(json!({"a": 1})), "groups"), None);
        assert_eq!(groups(&HashMap::new(), "groups"), None);
    }
}
