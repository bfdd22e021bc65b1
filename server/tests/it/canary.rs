//! Secrets that are really used, and then looked for where none may be: logs, the database, and every other answer.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use base64::{Engine, engine::general_purpose};
use http::{Method, StatusCode, header};
use portal::{Clock, KeyRing, Rng, jobs::Job, testing::NOW};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    deeds::excerpt,
    doors,
    house::{Furnishing, House, ID_TOKEN, PASSWORDS, Told},
};

/// Everything that is logged on this thread, at the most verbose level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// A secret, what it is, and the one address whose answer may show it.
struct Canary {
    what: &'static str,
    secret: String,
    shown_by: Option<&'static str>,
}

impl Canary {
    /// The secret as it may stand somewhere: plain, in hexadecimal, and in base64 at each of three alignments.
    fn disguises(&self) -> Vec<String> {
        let plain = self.secret.as_bytes();
        let mut disguises = vec![self.secret.clone(), hex::encode(plain), hex::encode(plain).to_uppercase()];
        for before in 0..3_usize {
            let mut shifted = vec![0; before];
            shifted.extend_from_slice(plain);
            for engine in [general_purpose::STANDARD_NO_PAD, general_purpose::URL_SAFE_NO_PAD] {
                let encoded = engine.encode(&shifted);
                // the first and last characters hold bits of what stands beside it
                let first = (before * 8).div_ceil(6);
                let last = (before + plain.len()) * 8 / 6;
                disguises.push(encoded[first..last].to_owned());
                disguises.push(hex::encode(&encoded[first..last]));
            }
        }
        disguises
    }

    fn is_in(&self, text: &str) -> bool {
        self.disguises().iter().any(|disguise| text.contains(disguise.as_str()))
    }
}

/// What the portal did with the secrets, and what it answered and logged meanwhile.
struct Story {
    house: House,
    canaries: Vec<Canary>,
    answers: Vec<(String, Told)>,
    log: Log,
}

impl Story {
    async fn send(&mut self, who: &str, method: Method, address: &str, body: Value) -> Told {
        let request = self.house.request(Some(who), &method, address).header(header::CONTENT_TYPE, "application/json");
        let told = self.house.send(request.body(body.to_string().into()).unwrap()).await;
        self.heard(format!("{method} {address}"), told)
    }

    async fn form(&mut self, who: Option<&str>, address: &str, fields: &[(&str, &str)]) -> Told {
        let request = self.house.request(who, &Method::POST, address);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let told = self.house.send(request.body(serde_urlencoded::to_string(fields).unwrap().into()).unwrap()).await;
        self.heard(format!("POST {address}"), told)
    }

    fn heard(&mut self, address: String, told: Told) -> Told {
        let copy = Told { status: told.status, headers: told.headers.clone(), body: told.body.clone() };
        self.answers.push((address, told));
        copy
    }

    fn plant(&mut self, what: &'static str, secret: &str, shown_by: Option<&'static str>) {
        assert!(secret.len() >= 12, "{what}: {secret:?} could stand somewhere by chance");
        self.canaries.push(Canary { what, secret: secret.to_owned(), shown_by });
    }
}

/// Uses every feature that a secret passes through.
async fn told() -> Story {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let (pipeline, sender) = (house.pipeline.clone(), house.sender.clone());
    let cookie = house.seats["dana"].cookie.split_once('=').unwrap().1.to_owned();
    let mut story = Story { house, canaries: Vec::new(), answers: Vec::new(), log };

    story.plant("the session's cookie", &cookie, None);
    story.plant("a service account's token", &pipeline, None);
    story.plant("an integration's own token", &sender, None);
    for (what, secret) in PASSWORDS {
        story.plant(what, secret, None);
    }
    story.plant("the provider's ID token", ID_TOKEN, None);
    let keys = KeyRing::with_new_key(None, &Clock::set_to(NOW), &Rng::seeded(8)).unwrap();
    for key in serde_json::from_str::<Value>(&keys).unwrap()["keys"].as_object().unwrap().values() {
        let text = key["key"].as_str().unwrap();
        story.plant("a key of the key file", text, None);
        story.plant("a key's bytes", &hex::encode(general_purpose::STANDARD.decode(text).unwrap()), None);
    }

    let new = json!({ "name": "canary", "scopes": ["catalog:read"], "days": 30 });
    let token =
        story.send("dana", Method::POST, "/api/v1/tokens", new).await.json()["token"].as_str().unwrap().to_owned();
    story.plant("a personal token", &token, Some("POST /api/v1/tokens"));
    let mut request = story.house.request(None, &Method::GET, "/api/v1/entities").body(Body::empty()).unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    let told = story.house.send(request).await;
    assert_eq!(told.status, StatusCode::OK, "the token is good");
    story.heard("GET /api/v1/entities".to_owned(), told);

    let name = story.house.name("environments", 0).to_owned();
    let address = format!("/api/v1/environments/{name}/credentials");
    let shown = story.send("dana", Method::POST, &address, Value::Null).await.json();
    story.plant("a database's password", shown["password"].as_str().unwrap(), Some("credentials"));

    let integration = json!({
        "kind": "webhook", "name": "canary", "owner": "payments", "purpose": "Sings", "data_classes": ["internal"],
        "scopes": ["notifications:organisation"], "egress_hosts": ["hooks.example.com"], "endpoint": "https://hooks.example.com/in",
        "credential": "canary-signing-secret", "review_by": "2026-05-04",
    });
    let told = story.send("pat", Method::POST, "/api/v1/integrations", integration.clone()).await;
    assert_eq!(told.status, StatusCode::CREATED, "{}", excerpt(&told));
    story.plant("an integration's credential", "canary-signing-secret", None);
    let slack = json!({
        "kind": "slack", "name": "canary-channel", "owner": "payments", "purpose": "Sings", "data_classes": ["internal"],
        "scopes": ["notifications:organisation"], "egress_hosts": ["hooks.example.com"],
        "credential": "https://hooks.example.com/services/T024/canary-in-the-path", "review_by": "2026-05-04",
    });
    let told = story.send("pat", Method::POST, "/api/v1/integrations", slack).await;
    assert_eq!(told.status, StatusCode::CREATED, "{}", excerpt(&told));
    story.plant("a channel's address", "T024/canary-in-the-path", None);
    // refused: what is wrong is said without what is secret
    let mut wrong = integration;
    wrong["name"] = "Not A Name".into();
    wrong["credential"] = "canary-that-was-refused".into();
    assert_eq!(story.send("pat", Method::POST, "/api/v1/integrations", wrong).await.status, 422);
    story.plant("a credential that was refused", "canary-that-was-refused", None);
    let fields = [
        ("kind", "webhook"),
        ("name", "Not A Name"),
        ("owner", "payments"),
        ("credential", "canary-in-a-refused-form"),
        ("data_classes", "internal"),
        ("review_by", "2026-05-04"),
    ];
    assert_eq!(story.form(Some("pat"), "/admin/integrations/new", &fields).await.status, 422);
    story.plant("a credential in a form that was refused", "canary-in-a-refused-form", None);
    let rotated = [("credential", "canary-rotated-in-place")];
    story
        .form(
            Some("pat"),
            &format!("/admin/integrations/{}/rotate", story.house.name("integrations", 0).to_owned()),
            &rotated,
        )
        .await;
    story.plant("a credential that was rotated", "canary-rotated-in-place", None);

    // with an ended session: what was typed is kept for the sign-in
    let kept = [("credential", "canary-typed-too-late"), ("name", "x")];
    assert_eq!(story.form(None, "/admin/integrations/new", &kept).await.status, StatusCode::SEE_OTHER);
    story.plant("a credential in a form that is kept", "canary-typed-too-late", None);

    come_back_with_a_code(&mut story).await;
    let deliveries: Vec<model::DeliveryId> =
        sqlx::query_scalar("select id from delivery").fetch_all(&mut story.house.t.owner().await).await.unwrap();
    for delivery in deliveries.into_iter().take(8) {
        // nobody listens there: the reason is kept and shown
        drop(Job::Deliver { delivery }.run(&story.house.t).await);
    }
    for name in ["broken", "environments"] {
        let name = story.house.name(name, 0).to_owned();
        story.send("dana", Method::POST, &format!("/api/v1/environments/{name}/end"), Value::Null).await;
    }
    for door in doors::of(&story.house.router).into_iter().filter(|door| door.method == Method::GET) {
        let address = door.address(&story.house);
        for who in ["pat", "dana", "chika"] {
            let told = story.house.get(Some(who), &address).await;
            story.heard(format!("GET {address}"), told);
        }
    }
    story
}

/// A sign-in up to the code that the provider does not know: the portal has shown its own secret by then.
async fn come_back_with_a_code(story: &mut Story) {
    let leaving = story.house.get(None, "/sign-in").await;
    let location = url::Url::parse(leaving.header("location")).unwrap();
    let state = location.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let cookie = leaving.header("set-cookie").split(';').next().unwrap().to_owned();
    story.plant("the cookie of a sign-in", cookie.split_once('=').unwrap().1, None);
    let address = format!("/sign-in/callback?state={state}&code=canary-authorization-code");
    let mut request = story.house.request(None, &Method::GET, &address).body(Body::empty()).unwrap();
    request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
    let told = story.house.send(request).await;
    assert!(told.text().contains("refused the code"), "{}", excerpt(&told));
    story.heard("GET /sign-in/callback".to_owned(), told);
    story.plant("an authorization code", "canary-authorization-code", None);
}

#[tokio::test]
async fn no_secret_is_in_the_logs_the_database_or_an_answer_but_the_one_that_shows_it_once() {
    let story = told().await;
    let mut found = Vec::new();

    let log = String::from_utf8_lossy(&story.log.0.lock().unwrap()).into_owned();
    assert!(log.contains("TRACE") && log.contains("sqlx::query"), "the log is as verbose as it gets");
    for canary in &story.canaries {
        let lines = if canary.is_in(&log) { log.lines() } else { "".lines() };
        for line in lines.filter(|line| canary.is_in(line)).take(3) {
            found.push(format!("{} is in the log: {}", canary.what, line.chars().take(200).collect::<String>()));
        }
    }

    let mut owner = story.house.t.owner().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select relnamespace::regnamespace || '.' || relname from pg_class
         where relnamespace::regnamespace::text in ('public', 'graphile_worker') and relkind in ('r', 'p')",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(tables.len() > 40, "{tables:?}");
    for table in tables {
        let query = format!("select kept::text from {table} kept");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(&mut owner).await.unwrap();
        for canary in &story.canaries {
            // bytes stand there in hexadecimal: what is text inside them is looked for as well
            let texts = rows.iter().filter(|row| canary.is_in(row) || canary.is_in(&unhexed(row)));
            found.extend(texts.take(1).map(|_| format!("{} is in the table {table}", canary.what)));
        }
    }

    let mut shown = 0;
    for (address, told) in &story.answers {
        let headers: String = told
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let text = format!("{headers}\n{}", told.text());
        for canary in story.canaries.iter().filter(|canary| canary.is_in(&text)) {
            if canary.shown_by.is_some_and(|shown_by| address.contains(shown_by)) {
                shown += 1;
            } else {
                found.push(format!("{} is in the answer of {address}", canary.what));
            }
        }
    }
    assert_eq!(found, [""; 0]);
    assert_eq!(shown, 2, "what is shown once is shown once");
}

/// What stands in hexadecimal after `\x`, read.
fn unhexed(row: &str) -> String {
    let runs = row.split("\\x").skip(1).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(rest.len());
        String::from_utf8_lossy(&hex::decode(&rest[..end & !1]).unwrap_or_default()).into_owned()
    });
    runs.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_canary_is_found_in_each_of_its_disguises() {
    let canary = Canary { what: "a secret", secret: "hunter2-but-longer".to_owned(), shown_by: None };
    let plain = b"before hunter2-but-longer after";
    assert!(canary.is_in(&String::from_utf8_lossy(plain)));
    assert!(canary.is_in(&hex::encode(plain)));
    for from in 0..6 {
        assert!(canary.is_in(&general_purpose::STANDARD.encode(&plain[from..])), "{from}");
    }
    assert!(!canary.is_in("hunter3-but-longer"));
}
