//! A portal with people, things that are theirs, and the router in front of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use portal::{
    Actor, Clock, Rng, Settings,
    egress::Egress,
    environments::provider::{Address, Target},
    identity::{
        GroupMapping, session,
        sign_in::{self, Claims, NewSession},
    },
    notifications::MailSettings,
    testing::TestPortal,
};
use secrecy::ExposeSecret;
use serde_json::Value;
use server::{
    auth::{cookie::Cookies, oidc},
    evaluation::identity::{Client, Options, Provider},
    http::{Edge, Inner},
};
use tower::ServiceExt;

/// Stands in everything that belongs to the team payments, and in nothing else.
pub const MARK: &str = "zanzibar";
/// Where people reach the portal.
pub const ORIGIN: &str = "http://127.0.0.1:3000";
/// The id of nothing.
pub const NOTHING: &str = "00000000-0000-7000-8000-000000000000";
/// Passwords of the settings, each with what it is of.
pub const PASSWORDS: [(&str, &str); 4] = [
    ("the mail server's password", "a-password-of-mail"),
    ("the secret of the provider's client", "a-secret-of-the-client"),
    ("the provisioner's password", "a-password-of-provisioning"),
    ("the token of the metrics", "a-token-of-the-metrics"),
];
/// What the provider vouched with.
pub const ID_TOKEN: &str = "an-id-token-of-the-provider";
/// More of an answer is not looked at.
const MAX_ANSWER: usize = 16 << 20;

/// Who acts, each with a session.
pub struct Seat {
    pub actor: Actor,
    /// As the browser sends it.
    pub cookie: String,
}

/// How a house is furnished.
#[derive(Clone, Copy)]
pub struct Furnishing {
    /// How many there are of everything that lists show.
    pub rows: usize,
    /// Whether one environment is really made, on the server that the tests run on.
    pub environment: bool,
    pub base_url: &'static str,
}

impl Default for Furnishing {
    fn default() -> Self {
        Self { rows: 2, environment: false, base_url: ORIGIN }
    }
}

/// The portal, who is there, and the names of what they have.
pub struct House {
    pub t: TestPortal,
    pub router: Router,
    pub base_url: &'static str,
    pub seats: HashMap<&'static str, Seat>,
    /// Values for the parameters of addresses, by the segments before them: `incidents` is followed by a number.
    pub named: HashMap<&'static str, Vec<String>>,
    /// The bearer token of the team's pipeline and of the sender of alerts.
    pub pipeline: String,
    pub sender: String,
    /// Where people sign in; it answers as long as the house stands.
    pub issuer: String,
}

/// What a door answered.
#[derive(Debug)]
pub struct Told {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Told {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl House {
    pub async fn new(furnishing: Furnishing) -> Self {
        let mut t = TestPortal::new().await;
        t.portal.settings = Arc::new(settings(furnishing.base_url));
        let issuer = provider(furnishing.base_url).await;
        let mut house = Self {
            issuer: issuer.clone(),
            router: Router::new(),
            base_url: furnishing.base_url,
            seats: HashMap::new(),
            named: HashMap::new(),
            pipeline: String::new(),
            sender: String::new(),
            t,
        };
        for (name, groups) in [
            ("pat", &["administrators"][..]),
            ("chika", &["security-champions"]),
            ("ines", &["auditors"]),
            ("lena", &["payments-leads"]),
            ("dana", &["payments"]),
            ("omar", &["identity-leads"]),
            ("sid", &[]),
        ] {
            house.let_in(name, groups).await;
        }
        house.router = server::http::router(edge(&house.t, furnishing.base_url, &issuer));
        house.furnish(furnishing).await;
        house
    }

    pub fn actor(&self, name: &str) -> &Actor {
        &self.seats[name].actor
    }

    /// The value that follows this segment in an address; `at` tells apart what is used up. The id of nothing where the
    /// house is not furnished with any.
    pub fn name(&self, of: &str, at: usize) -> &str {
        self.named.get(of).map_or(NOTHING, |names| &names[at])
    }

    pub fn keep(&mut self, of: &'static str, name: impl ToString) {
        self.named.entry(of).or_default().push(name.to_string());
    }

    /// A request as this person's browser sends it from our own page; nobody's where there is no such person.
    pub fn request(&self, who: Option<&str>, method: &Method, address: &str) -> http::request::Builder {
        let builder = Request::builder()
            .method(method.clone())
            .uri(address)
            .header(header::HOST, "127.0.0.1:3000")
            .header("sec-fetch-site", "same-origin");
        match who {
            Some(who) => builder.header(header::COOKIE, &self.seats[who].cookie),
            None => builder,
        }
    }

    pub async fn get(&self, who: Option<&str>, address: &str) -> Told {
        self.send(self.request(who, &Method::GET, address).body(Body::empty()).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Told {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let endless = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let body = if endless {
            Vec::new()
        } else {
            http_body_util::Limited::new(body, MAX_ANSWER).collect().await.unwrap().to_bytes().to_vec()
        };
        Told { status: parts.status, headers: parts.headers, body }
    }

    /// Everything that is kept, but for what merely being asked leaves behind: denials, sessions' last use, visits and
    /// sign-ins under way.
    pub async fn contents(&self) -> BTreeMap<String, (i64, Option<String>)> {
        let mut owner = self.t.owner().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "select relnamespace::regnamespace || '.' || relname from pg_class
             where relnamespace::regnamespace::text in ('public', 'graphile_worker')
               and relkind in ('r', 'p') and not relispartition
               and relname not in ('audit_denial', 'sign_in', 'session', 'person_key', 'visit')
             order by 1",
        )
        .fetch_all(&mut owner)
        .await
        .unwrap();
        let each: Vec<String> = tables
            .iter()
            .map(|table| {
                let only = if table == "public.audit_record" { "where outcome = 'committed'" } else { "" };
                format!("select '{table}', count(*), md5(string_agg(kept::text, ',' order by kept::text)) from {table} kept {only}")
            })
            .collect();
        let told: Vec<(String, i64, Option<String>)> =
            sqlx::query_as(sqlx::AssertSqlSafe(each.join(" union all "))).fetch_all(&mut owner).await.unwrap();
        told.into_iter().map(|(table, rows, hash)| (table, (rows, hash))).collect()
    }

    /// The tables that are not as they were; none where nothing was changed.
    pub async fn changed_since(&self, before: &BTreeMap<String, (i64, Option<String>)>) -> Vec<String> {
        let now = self.contents().await;
        let tables = now.iter().filter(|(table, content)| before.get(*table) != Some(content));
        tables.map(|(table, (rows, _))| format!("{table} (now {rows} rows)")).collect()
    }

    /// Another session of this person.
    pub async fn begin(&self, name: &str, groups: &[&str]) -> NewSession {
        let nobody = Actor::anonymous("arriving".to_owned(), None);
        let claims = Claims {
            issuer: self.issuer.clone(),
            subject: name.to_owned(),
            name: Some(name.to_owned()),
            email: Some(format!("{name}@example.com")),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            amr: vec!["pwd".to_owned()],
            acr: None,
            authenticated_at: None,
            provider_session: None,
            id_token: ID_TOKEN.to_owned().into(),
        };
        sign_in::sign_in(&self.t, &claims, &nobody, "", None).await.unwrap()
    }

    pub async fn let_in(&mut self, name: &'static str, groups: &[&str]) {
        let begun = self.begin(name, groups).await;
        let token = begun.token.expose_secret();
        let actor = session::actor(&self.t, token, "arriving".to_owned(), None).await.unwrap().unwrap();
        let prefix = if self.base_url.starts_with("https://") { "__Host-" } else { "" };
        let cookie = format!("{prefix}rampart_session={token}");
        self.keep("people", actor.person_id().unwrap());
        self.seats.insert(name, Seat { actor, cookie });
    }
}

/// Who may reach what, and where environments are made.
fn settings(base_url: &str) -> Settings {
    let server = std::env::var("RAMPART_TEST_DATABASE_URL").expect("tests run under scripts/with-postgres");
    let target = |name: &str, url: &str| Target {
        name: name.to_owned(),
        prefix: format!("h{}", hex::encode(Rng::from_os().bytes::<6>())),
        address: Address::Given(url.to_owned().into()),
        public: None,
    };
    Settings {
        base_url: base_url.to_owned(),
        groups: GroupMapping { administrators: vec!["administrators".to_owned()], ..GroupMapping::default() },
        targets: vec![
            target("default", &server),
            target("nowhere", &format!("postgres://nobody:{}@127.0.0.1:1/none", PASSWORDS[2].1)),
        ],
        mail: Some(MailSettings {
            url: format!("smtp://rampart:{}@127.0.0.1:1", PASSWORDS[0].1).into(),
            from: "Rampart <rampart@example.com>".to_owned(),
            authorities: Vec::new(),
        }),
        egress: Egress::new(vec!["hooks.example.com".parse().unwrap()]),
        ..Settings::default()
    }
}

/// A provider that people can be sent to.
async fn provider(base_url: &str) -> String {
    let options = Options {
        addr: "127.0.0.1:0".parse().unwrap(),
        // the key takes long to make, and one does for all tests
        key_file: concat!(env!("CARGO_TARGET_TMPDIR"), "/evaluation-identity.pem").into(),
        people: Vec::new(),
        clients: vec![Client {
            id: "rampart".to_owned(),
            secret: Some(PASSWORDS[1].1.to_owned().into()),
            name: "Rampart".to_owned(),
            redirect_uris: vec![format!("{base_url}/sign-in/callback")],
            post_logout_redirect_uris: Vec::new(),
        }],
        clock: Clock::system(),
        rng: Rng::from_os(),
    };
    let provider = Provider::bind(options).await.unwrap();
    let issuer = provider.issuer().to_string();
    tokio::spawn(provider.serve(std::future::pending()));
    issuer
}

/// The edge before a portal.
fn edge(t: &TestPortal, base_url: &str, issuer: &str) -> Edge {
    let provider = oidc::Settings {
        issuer: issuer.to_owned(),
        client_id: "rampart".to_owned(),
        client_secret: Some(PASSWORDS[1].1.to_owned().into()),
        scopes: vec!["openid".to_owned()],
        groups_claim: "groups".to_owned(),
        backchannel: None,
        base_url: base_url.to_owned(),
    };
    Edge::new(Inner {
        portal: t.portal.clone(),
        cookies: Cookies::for_base_url(base_url),
        origin: base_url.to_owned(),
        trusted_proxies: Vec::new(),
        provider: oidc::Provider::new(provider, reqwest::Client::new()),
        form_origins: vec![issuer.trim_end_matches('/').to_owned()],
        evaluation: false,
        metrics_token: Some(PASSWORDS[3].1.to_owned().into()),
    })
}
