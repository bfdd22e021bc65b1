//! The evaluation's identity provider, driven by openidconnect's client as any other provider is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{collections::HashMap, net::SocketAddr, path::Path};

use openidconnect::{
    AccessToken, AdditionalClaims, AuthenticationContextClass, AuthenticationFlow, AuthorizationCode,
    Client as OidcClient, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, HttpRequest, HttpResponse,
    IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    ProviderMetadataWithLogout, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use portal::{Clock, Rng};
use reqwest::{StatusCode, header, redirect::Policy};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server::evaluation::identity::{ACR_PASSWORD, ACR_SECOND_FACTOR, Client, DemoPerson, Error, Options, Provider};
use time::{Duration, macros::datetime};
use tokio::sync::oneshot;
use url::Url;

const CALLBACK: &str = "http://127.0.0.1:3000/auth/callback";
const SIGNED_OUT: &str = "http://127.0.0.1:3000/signed-out";

#[tokio::test]
async fn somebody_signs_in_and_the_application_learns_who_it_is() {
    let provider = Running::start().await;
    let asked = provider.ask(&[("acr_values", ACR_SECOND_FACTOR)]).await;

    let answer = provider.choose(&asked, "lea").await;
    assert_eq!(answer["state"], *asked.state.secret());
    assert_eq!(answer["iss"], provider.issuer.trim_end_matches('/'));
    let tokens = provider.redeem(&answer["code"], &asked.verifier).await.unwrap();

    let client = provider.client();
    let id_token = tokens.id_token().unwrap();
    let now = provider.clock.now().unix_timestamp();
    let verifier = client
        .id_token_verifier()
        .set_auth_time_verifier_fn(move |time| match time {
            Some(time) if time.timestamp() == now => Ok(()),
            other => Err(format!("auth_time is {other:?}")),
        })
        .set_time_fn(move || chrono::DateTime::from_timestamp(now, 0).unwrap());
    let claims = id_token.claims(&verifier, &asked.nonce).unwrap();
    assert_eq!(claims.subject().as_str(), "lea");
    assert_eq!(claims.name().unwrap().get(None).unwrap().as_str(), "Lea Lead");
    assert_eq!(claims.email().unwrap().as_str(), "lea@example.org");
    assert_eq!(claims.additional_claims().groups, ["payments", "leads"]);
    assert_eq!(claims.additional_claims().sid.len(), 64);
    assert_eq!(claims.auth_context_ref().map(|acr| acr.as_str()), Some(ACR_SECOND_FACTOR));
    let methods: Vec<_> = claims.auth_method_refs().unwrap().iter().map(|it| it.as_str()).collect();
    assert_eq!(methods, ["pwd", "otp", "mfa"]);
    let hash = openidconnect::AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().unwrap(),
        id_token.signing_key(&verifier).unwrap(),
    );
    assert_eq!(claims.access_token_hash(), Some(&hash.unwrap()));
    assert!(
        id_token.claims(&verifier, &Nonce::new("another".to_owned())).is_err(),
        "the nonce is the one that was sent"
    );

    let info = provider.user_info(tokens.access_token()).await;
    assert_eq!(info.status(), StatusCode::OK);
    let info: Value = info.json().await.unwrap();
    assert_eq!((&info["sub"], &info["groups"][1]), (&"lea".into(), &"leads".into()));
}

#[tokio::test]
async fn without_being_asked_for_more_a_sign_in_counts_as_a_password() {
    let provider = Running::start().await;
    let asked = provider.ask(&[]).await;

    let answer = provider.choose(&asked, "dev").await;
    let tokens = provider.redeem(&answer["code"], &asked.verifier).await.unwrap();

    let claims = provider.claims(&tokens, &asked.nonce);
    assert_eq!(claims.auth_context_ref(), Some(&AuthenticationContextClass::new(ACR_PASSWORD.to_owned())));
}

#[tokio::test]
async fn a_wrong_verifier_is_refused_and_uses_the_code_up() {
    let provider = Running::start().await;
    let asked = provider.ask(&[]).await;
    let code = provider.choose(&asked, "dev").await["code"].clone();
    let (_, another) = PkceCodeChallenge::new_random_sha256();

    assert_eq!(provider.redeem(&code, &another).await.unwrap_err(), CoreErrorResponseType::InvalidGrant);
    assert_eq!(provider.redeem(&code, &asked.verifier).await.unwrap_err(), CoreErrorResponseType::InvalidGrant);
}

#[tokio::test]
async fn a_code_that_is_used_twice_ends_what_it_gave() {
    let provider = Running::start().await;
    let asked = provider.ask(&[]).await;
    let code = provider.choose(&asked, "dev").await["code"].clone();
    let tokens = provider.redeem(&code, &asked.verifier).await.unwrap();
    assert_eq!(provider.user_info(tokens.access_token()).await.status(), StatusCode::OK);

    assert_eq!(provider.redeem(&code, &asked.verifier).await.unwrap_err(), CoreErrorResponseType::InvalidGrant);

    let refused = provider.user_info(tokens.access_token()).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], r#"Bearer error="invalid_token""#);
}

#[tokio::test]
async fn a_code_ends_after_a_minute() {
    let provider = Running::start().await;
    let asked = provider.ask(&[]).await;
    let code = provider.choose(&asked, "dev").await["code"].clone();

    provider.clock.advance(Duration::seconds(60));

    assert_eq!(provider.redeem(&code, &asked.verifier).await.unwrap_err(), CoreErrorResponseType::InvalidGrant);
}

#[tokio::test]
async fn a_code_is_bound_to_its_client_and_its_address() {
    let provider = Running::start().await;
    for (changed, value, error) in [
        ("client_id", "other", "invalid_grant"),
        ("client_id", "nobody", "invalid_client"),
        ("client_secret", "guess", "invalid_client"),
        ("client_secret", "", "invalid_client"),
        ("redirect_uri", "http://127.0.0.1:3000/elsewhere", "invalid_grant"),
        ("redirect_uri", "", "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("code", "guess", "invalid_grant"),
        ("grant_type", "password", "unsupported_grant_type"),
    ] {
        let asked = provider.ask(&[]).await;
        let code = provider.choose(&asked, "dev").await["code"].clone();
        let mut form = HashMap::from([
            ("grant_type", "authorization_code"),
            ("client_id", "rampart"),
            ("client_secret", "a secret: 100% & more"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", asked.verifier.secret()),
            ("code", &code),
        ]);
        form.insert(changed, value);

        let response = provider.http.post(provider.at("/token")).form(&form).send().await.unwrap();

        let expected = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        assert_eq!(response.status(), expected, "{changed}={value}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], error, "{changed}={value}");
    }
}

#[tokio::test]
async fn a_client_that_authenticates_by_the_form_or_with_pkce_alone_is_served() {
    let provider = Running::start().await;
    for (client_id, secret) in [("rampart", Some("a secret: 100% & more")), ("public", None)] {
        let asked = provider.ask(&[("client_id", client_id)]).await;
        let code = provider.choose(&asked, "dev").await["code"].clone();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("redirect_uri", CALLBACK),
            ("code_verifier", asked.verifier.secret()),
            ("code", &code),
        ];
        form.extend(secret.map(|secret| ("client_secret", secret)));

        let response = provider.http.post(provider.at("/token")).form(&form).send().await.unwrap();

        assert_eq!(response.status(), StatusCode::OK, "{client_id}");
    }
}

#[tokio::test]
async fn what_does_not_say_truly_who_asks_gets_a_page_and_is_never_sent_on() {
    let provider = Running::start().await;
    for wrong in [
        ("redirect_uri", "https://evil.example/auth/callback"),
        ("redirect_uri", "http://127.0.0.1:3000/auth/callback/"),
        ("redirect_uri", "http://127.0.0.1:3001/auth/callback"),
        ("redirect_uri", "http://127.0.0.1:3000/auth/callback?more"),
        ("redirect_uri", ""),
        ("client_id", "nobody"),
        ("client_id", ""),
    ] {
        let response = provider.authorize(&[wrong]).await;

        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{wrong:?}");
        assert!(!response.headers().contains_key(header::LOCATION), "{wrong:?}");
        let page = response.text().await.unwrap();
        assert!(page.contains("This sign-in cannot go on"), "{wrong:?}");
        assert!(page.contains(wrong.0), "it says what is wrong: {wrong:?}");
        assert!(!page.contains("evil.example"), "and repeats nothing");
    }
    let twice = format!("{}&redirect_uri=https://evil.example/", provider.authorize_url(&[]));
    let response = provider.http.get(twice).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_application_is_told_what_is_wrong_with_its_request() {
    let provider = Running::start().await;
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("response_mode", "fragment", "invalid_request"),
        ("scope", "profile", "invalid_scope"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("prompt", "none", "login_required"),
        ("prompt", "none login", "invalid_request"),
        ("max_age", "soon", "invalid_request"),
        ("request", "ey", "request_not_supported"),
        ("request_uri", "https://evil.example", "request_uri_not_supported"),
    ] {
        let response = provider.authorize(&[(name, value), ("state", "kept")]).await;

        let answer = sent_to(&response, CALLBACK);
        assert_eq!(answer["error"], error, "{name}={value}");
        assert_eq!(answer["state"], "kept");
        assert!(!answer.contains_key("code"));
    }
    let twice = format!("{}&scope=openid", provider.authorize_url(&[]));
    let response = provider.http.get(twice).send().await.unwrap();
    assert_eq!(sent_to(&response, CALLBACK)["error"], "invalid_request");
}

#[tokio::test]
async fn a_choice_counts_once_and_from_our_own_page_alone() {
    let provider = Running::start().await;
    let asked = provider.ask(&[]).await;
    let choose = |request: &str, sub: &str, site: &str| {
        let form = [("request", request.to_owned()), ("sub", sub.to_owned())];
        provider.http.post(provider.at("/sign-in")).header("sec-fetch-site", site).form(&form).send()
    };

    for (request, sub, site) in [
        (&*asked.request, "lea", "cross-site"),
        (&*asked.request, "nobody", "same-origin"),
        ("guess", "lea", "same-origin"),
        ("", "lea", "same-origin"),
    ] {
        let refused = choose(request, sub, site).await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{request} {sub} {site}");
    }
    let accepted = choose(&asked.request, "lea", "same-origin").await.unwrap();
    assert!(sent_to(&accepted, CALLBACK).contains_key("code"));
    let again = choose(&asked.request, "lea", "same-origin").await.unwrap();
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_sign_in_page_names_everybody_and_says_that_it_is_an_evaluation() {
    let provider = Running::start().await;

    let response = provider.authorize(&[]).await;

    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    for directive in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self' http://127.0.0.1:3000;"] {
        assert!(policy.contains(directive), "{directive} is missing in {policy}");
    }
    assert!(!policy.contains("unsafe-inline") && !policy.contains("script-src"));
    let page = response.text().await.unwrap();
    for text in ["Lea Lead", "Team lead, Payments", "Dev &#60;b&#62;", "This is an evaluation"] {
        assert!(page.contains(text), "{text} is missing");
    }
    assert!(!page.contains("<script"));
}

#[tokio::test]
async fn signing_out_returns_only_to_where_the_application_said_before() {
    let provider = Running::start().await;
    let asked = provider.ask(&[]).await;
    let answer = provider.choose(&asked, "lea").await;
    let tokens = provider.redeem(&answer["code"], &asked.verifier).await.unwrap();
    let hint = tokens.id_token().unwrap().to_string();
    let mut forged = hint.clone();
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    // An ID token that has expired still says whose session it was.
    provider.clock.advance(Duration::hours(1));
    let end = |parameters: &[(&str, &str)]| provider.http.get(provider.at("/end_session")).query(parameters).send();

    for refused in [
        &[("id_token_hint", &*hint), ("post_logout_redirect_uri", "https://evil.example/")][..],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", CALLBACK)],
        &[("id_token_hint", &forged), ("post_logout_redirect_uri", SIGNED_OUT)],
        &[("id_token_hint", &hint), ("client_id", "public"), ("post_logout_redirect_uri", SIGNED_OUT)],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", SIGNED_OUT), ("post_logout_redirect_uri", SIGNED_OUT)],
    ] {
        let response = end(refused).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{refused:?}");
        assert!(!response.headers().contains_key(header::LOCATION), "{refused:?}");
    }
    let unproven = end(&[("client_id", "rampart"), ("post_logout_redirect_uri", SIGNED_OUT)]).await.unwrap();
    assert_eq!(unproven.status(), StatusCode::OK, "without proof it stays on the provider's own page");
    assert!(!unproven.headers().contains_key(header::LOCATION));
    let proven = [("id_token_hint", &*hint), ("post_logout_redirect_uri", SIGNED_OUT), ("state", "kept")];
    assert_eq!(sent_to(&end(&proven).await.unwrap(), SIGNED_OUT)["state"], "kept");
}

#[tokio::test]
async fn signing_out_ends_the_access_token() {
    let provider = Running::start().await;
    let asked = provider.ask(&[]).await;
    let answer = provider.choose(&asked, "lea").await;
    let tokens = provider.redeem(&answer["code"], &asked.verifier).await.unwrap();

    let hint = [("id_token_hint", tokens.id_token().unwrap().to_string())];
    provider.http.post(provider.at("/end_session")).form(&hint).send().await.unwrap();

    assert_eq!(provider.user_info(tokens.access_token()).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn it_answers_to_no_other_host() {
    let provider = Running::start().await;

    let response = provider
        .http
        .get(provider.at("/.well-known/openid-configuration"))
        .header(header::HOST, "evil.example")
        .send()
        .await
        .unwrap();

    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/misdirected");
}

#[tokio::test]
async fn it_does_not_listen_where_others_reach_it() {
    for addr in ["0.0.0.0:0", "[::]:0", "10.0.0.1:3001"] {
        let refused = Provider::bind(options(addr.parse().unwrap(), Clock::system())).await.err().unwrap();
        assert!(matches!(refused, Error::NotLoopback(_)), "{addr}: {refused}");
    }
}

#[tokio::test]
async fn the_key_stays_the_same_between_starts_and_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt;

    let first = Running::start().await.keys().await;
    let second = Running::start().await.keys().await;

    assert_eq!(first, second);
    let mode = std::fs::metadata(key_file()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

/// A provider that answers, and the application that uses it.
struct Running {
    issuer: String,
    metadata: ProviderMetadataWithLogout,
    http: reqwest::Client,
    clock: Clock,
    _end: oneshot::Sender<()>,
}

/// A request that was made and waits on the sign-in page.
struct Asked {
    /// The id in the form.
    request: String,
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

impl Running {
    async fn start() -> Self {
        let clock = Clock::set_to(datetime!(2030-01-01 12:00 UTC));
        let provider = Provider::bind(options("127.0.0.1:0".parse().unwrap(), clock.clone())).await.unwrap();
        let issuer = provider.issuer().to_string();
        let (end, ended) = oneshot::channel::<()>();
        tokio::spawn(provider.serve(async {
            ended.await.ok();
        }));
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        let metadata =
            ProviderMetadataWithLogout::discover_async(IssuerUrl::new(issuer.clone()).unwrap(), &|request| {
                send(http.clone(), request)
            })
            .await
            .unwrap();
        Self { issuer, metadata, http, clock, _end: end }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }

    /// An authorization address that is right but for `changes`; an empty value leaves a parameter out.
    fn authorize_url(&self, changes: &[(&str, &str)]) -> Url {
        let (challenge, _) = PkceCodeChallenge::new_random_sha256();
        let mut parameters = HashMap::from([
            ("response_type", "code"),
            ("client_id", "rampart"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]);
        parameters.extend(changes.iter().copied());
        parameters.retain(|_, value| !value.is_empty());
        Url::parse_with_params(self.metadata.authorization_endpoint().as_str(), parameters).unwrap()
    }

    async fn authorize(&self, changes: &[(&str, &str)]) -> reqwest::Response {
        self.http.get(self.authorize_url(changes)).send().await.unwrap()
    }

    /// Asks as openidconnect's client does, up to the page on which one chooses.
    async fn ask(&self, more: &[(&str, &str)]) -> Asked {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let client = self.client();
        let (mut url, state, nonce) = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(["profile", "email"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| more.iter().all(|(changed, _)| name != changed))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(more);
        let page = self.http.get(url).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        let page = page.text().await.unwrap();
        let request = page.split_once("name=\"request\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        Asked { request, state, nonce, verifier }
    }

    /// Presses the button of a person; what the application's callback is then told.
    async fn choose(&self, asked: &Asked, sub: &str) -> HashMap<String, String> {
        let form = [("request", &*asked.request), ("sub", sub)];
        let response = self.http.post(self.at("/sign-in")).form(&form).send().await.unwrap();
        sent_to(&response, CALLBACK)
    }

    async fn redeem(&self, code: &str, verifier: &PkceCodeVerifier) -> Result<Tokens, CoreErrorResponseType> {
        let result = self
            .client()
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .unwrap()
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.secret().clone()))
            .request_async(&|request| send(self.http.clone(), request))
            .await;
        result.map_err(|error| match error {
            openidconnect::RequestTokenError::ServerResponse(refusal) => refusal.error().clone(),
            other => panic!("{other}"),
        })
    }

    fn claims<'a>(
        &self,
        tokens: &'a Tokens,
        nonce: &Nonce,
    ) -> &'a openidconnect::IdTokenClaims<SessionClaims, CoreGenderClaim> {
        let now = self.clock.now().unix_timestamp();
        let client = self.client();
        let verifier =
            client.id_token_verifier().set_time_fn(move || chrono::DateTime::from_timestamp(now, 0).unwrap());
        tokens.id_token().unwrap().claims(&verifier, nonce).unwrap()
    }

    async fn user_info(&self, token: &AccessToken) -> reqwest::Response {
        let endpoint = self.metadata.userinfo_endpoint().unwrap().as_str();
        self.http.get(endpoint).bearer_auth(token.secret()).send().await.unwrap()
    }

    async fn keys(&self) -> Value {
        self.http.get(self.metadata.jwks_uri().as_str()).send().await.unwrap().json().await.unwrap()
    }

    fn client(&self) -> Application {
        Application::from_provider_metadata(
            self.metadata.clone(),
            ClientId::new("rampart".to_owned()),
            Some(ClientSecret::new("a secret: 100% & more".to_owned())),
        )
        .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap())
    }
}

fn options(addr: SocketAddr, clock: Clock) -> Options {
    let person = |sub: &str, name: &str, groups: &[&str], title: &str| DemoPerson {
        sub: sub.to_owned(),
        name: name.to_owned(),
        email: format!("{sub}@example.org"),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        title: title.to_owned(),
    };
    let client = |id: &str, secret: Option<&str>| Client {
        id: id.to_owned(),
        secret: secret.map(Into::into),
        name: "Rampart".to_owned(),
        redirect_uris: vec![CALLBACK.to_owned()],
        post_logout_redirect_uris: vec![SIGNED_OUT.to_owned()],
    };
    Options {
        addr,
        key_file: key_file().into(),
        people: vec![
            person("dev", "Dev <b>", &["payments"], "Developer, Payments"),
            person("lea", "Lea Lead", &["payments", "leads"], "Team lead, Payments"),
        ],
        clients: vec![
            client("rampart", Some("a secret: 100% & more")),
            client("other", Some("a secret: 100% & more")),
            client("public", None),
        ],
        clock,
        rng: Rng::from_os(),
    }
}

/// One key for all tests, kept between runs: making one takes seconds in a debug build.
fn key_file() -> &'static Path {
    Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/evaluation-identity.pem"))
}

/// The parameters with which the response sends the browser to `address`.
fn sent_to(response: &reqwest::Response, address: &str) -> HashMap<String, String> {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let location = Url::parse(response.headers()[header::LOCATION].to_str().unwrap()).unwrap();
    assert_eq!(location.as_str().split('?').next(), Some(address));
    location.query_pairs().into_owned().collect()
}

async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let response = http.execute(request.try_into()?).await?;
    let mut answer = http::Response::builder().status(response.status());
    for (name, value) in response.headers() {
        answer = answer.header(name, value);
    }
    Ok(answer.body(response.bytes().await?.to_vec()).expect("a response that was read can be built"))
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct SessionClaims {
    groups: Vec<String>,
    sid: String,
}

impl AdditionalClaims for SessionClaims {}

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

type Application = OidcClient<
    SessionClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;
