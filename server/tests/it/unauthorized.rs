//! Nobody gets through a door who may not: without a session, and with that of a stranger.

use http::{Method, StatusCode, header};
use portal::identity::sign_in;

use crate::{
    deeds::{self, Body, Whose, excerpt},
    doors::{self, Door},
    house::{Furnishing, House, MARK, Told},
};

/// What answers somebody unknown, with the reason. It only shrinks: a door more here is a hole more.
const OPEN: &[(&str, &str, &str)] = &[
    ("GET", "/livez", "a load balancer asks whether the process lives"),
    ("GET", "/readyz", "a load balancer asks whether it can serve"),
    ("GET", "/pkg/{file}", "style, script and typeface; the same for everybody"),
    ("GET", "/favicon.ico", "browsers ask for it by themselves"),
    ("GET", "/sign-in", "leads to the identity provider"),
    ("GET", "/sign-in/callback", "comes back from the identity provider"),
    ("GET", "/signed-out", "says that one is signed out"),
    ("POST", "/sign-out", "ends what session there is"),
    ("POST", "/preferences", "theme and navigation, kept in the browser alone"),
    ("GET", "/api/openapi.json", "describes the API; says nothing of what is in it"),
    ("GET", "/api/{*rest}", "says that the API has no such address"),
    ("ANY", "/api/{*rest}", "says that the API has no such address"),
];

fn is_open(door: &Door) -> bool {
    OPEN.iter().any(|(method, path, _)| {
        let same = match *method {
            "ANY" => true,
            "GET" => matches!(door.method, Method::GET | Method::HEAD),
            method => door.method.as_str() == method,
        };
        same && door.path == *path
    }) || (cfg!(debug_assertions) && door.path.starts_with("/dev/"))
}

#[test]
fn what_is_open_to_everybody_only_shrinks() {
    assert!(OPEN.len() <= 12, "closing a door takes it from this list; opening one needs a reason that convinces");
    assert!(OPEN.iter().all(|(_, _, reason)| reason.len() > 15));
}

#[tokio::test]
async fn without_a_session_pages_lead_to_the_sign_in_and_everything_else_answers_401() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let before = house.contents().await;
    let deeds = deeds::all(&house);
    let mut wrong = Vec::new();
    for door in doors::of(&house.router).into_iter().filter(|door| !is_open(door)) {
        let deed = deeds.iter().find(|deed| deed.door == door);
        let address = deed.map_or_else(|| door.address(&house), |deed| deed.address.clone());
        let told = match deed {
            Some(deed) => house.send(deed.request(&house, None)).await,
            None => {
                house.send(house.request(None, &door.method, &address).body(axum::body::Body::empty()).unwrap()).await
            }
        };
        let right = match door.method {
            Method::GET | Method::HEAD if door.is_page() => {
                told.status == StatusCode::SEE_OTHER && told.header("location").starts_with("/sign-in?return_to=%2F")
            }
            // what was typed into a form waits for whoever signs in
            Method::POST if door.is_page() && deed.is_some_and(|deed| deed.body.is_form()) => {
                told.status == StatusCode::SEE_OTHER && told.header("location").starts_with(&house.issuer)
            }
            _ => told.status == StatusCode::UNAUTHORIZED,
        };
        if !right || told.text().contains(MARK) {
            wrong.push(format!("{} {address}: {} {}", door.method, told.status, excerpt(&told)));
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(house.changed_since(&before).await, [""; 0], "nobody known has changed anything");
}

#[tokio::test]
async fn what_was_typed_into_a_form_waits_behind_the_sign_in() {
    let house = House::new(Furnishing::default()).await;
    for deed in deeds::all_but_environments(&house).into_iter().filter(|deed| deed.body.is_form()) {
        let (Body::Form(typed) | Body::Files(typed, _)) = &deed.body else { continue };
        if deed.address == "/preferences" {
            continue;
        }
        let told = house.send(deed.request(&house, None)).await;
        assert_eq!(told.status, StatusCode::SEE_OTHER, "{}: {}", deed.address, excerpt(&told));
        let leaving = url::Url::parse(told.header("location")).unwrap();
        let state = leaving.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let browser = told.header("set-cookie").split(['=', ';']).nth(1).unwrap();
        let waiting = sign_in::arrive(&house.t, &state, browser).await.unwrap().kept_form.unwrap();
        assert_eq!((waiting.action.as_str(), &waiting.fields), (deed.address.as_str(), typed));
        assert!(sign_in::arrive(&house.t, &state, browser).await.is_err(), "it waits for one return");
    }
}

#[tokio::test]
async fn an_open_door_shows_nothing_of_what_is_inside() {
    let house = House::new(Furnishing::default()).await;
    let before = house.contents().await;
    for door in doors::of(&house.router).into_iter().filter(is_open) {
        let address = door.address(&house);
        let request = house.request(None, &door.method, &address).body(axum::body::Body::empty()).unwrap();
        let told = house.send(request).await;
        assert!(told.status.as_u16() < 500 || told.status == 503, "{address}: {}", told.status);
        assert!(!told.text().contains(MARK), "{address}");
    }
    assert_eq!(house.changed_since(&before).await, [""; 0]);
}

#[tokio::test]
async fn a_stranger_sees_nothing_of_what_is_others() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let mut wrong = Vec::new();
    let mut refused = 0;
    for door in doors::of(&house.router).into_iter().filter(|door| door.method == Method::GET) {
        let address = door.address(&house);
        for address in [address.clone(), format!("{address}?q={}", &MARK[..4])] {
            let told = house.get(Some("sid"), &address).await;
            if told.status.is_server_error() {
                wrong.push(format!("{address}: {} {}", told.status, excerpt(&told)));
            }
            if shows_the_mark(&told, &address) {
                wrong.push(format!("{address} shows a stranger what is not theirs: {}", around_the_mark(&told)));
            }
            refused += u32::from(matches!(told.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN));
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(refused > 60, "most addresses of things are nothing to a stranger, and {refused} were refused");
}

#[tokio::test]
async fn the_same_addresses_show_their_own_people_what_a_stranger_does_not_get() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let mut seen = 0;
    for door in doors::of(&house.router).into_iter().filter(|door| door.method == Method::GET) {
        let address = door.address(&house);
        for who in ["dana", "pat"] {
            let told = house.get(Some(who), &address).await;
            assert!(!told.status.is_server_error(), "{address}: {} {}", told.status, excerpt(&told));
            seen += u32::from(told.text().contains(MARK));
        }
    }
    assert!(seen > 70, "the mark stands on {seen} answers: too few to trust that its absence means anything");
}

#[tokio::test]
async fn a_stranger_changes_nothing_of_what_is_others() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let before = house.contents().await;
    let mut wrong = Vec::new();
    for deed in deeds::all(&house).into_iter().filter(|deed| deed.whose == Whose::Theirs) {
        let told = house.send(deed.request(&house, Some("sid"))).await;
        // what a body names and a stranger may not know of is answered as if it were not there
        let refused = match told.status {
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => true,
            StatusCode::UNPROCESSABLE_ENTITY => {
                let nobody_knows = nowhere(&deed.body).map(|body| deeds::Deed { body, ..deed.clone() });
                match nobody_knows {
                    Some(other) => {
                        without_names(&house.send(other.request(&house, Some("sid"))).await) == without_names(&told)
                    }
                    None => false,
                }
            }
            StatusCode::UNAUTHORIZED => deed.token.is_some(),
            _ => false,
        };
        if !refused || told.text().contains(&format!("{MARK} ")) {
            wrong.push(format!("{} {}: {} {}", deed.door.method, deed.address, told.status, excerpt(&told)));
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(house.changed_since(&before).await, [""; 0], "a stranger has changed nothing");
}

#[tokio::test]
async fn a_stranger_learns_nothing_from_a_file_that_cannot_be_read() {
    let house = House::new(Furnishing::default()).await;
    let mut wrong = Vec::new();
    for deed in deeds::all_but_environments(&house) {
        let garbage = b"{ this is: [no file".to_vec();
        let body = match deed.body.clone() {
            Body::Files(fields, (field, name, _)) => Body::Files(fields, (field, name, garbage)),
            Body::Bytes(kind, _) if deed.token.is_none() => Body::Bytes(kind, garbage),
            _ => continue,
        };
        let told = house.send(deeds::Deed { body: body.clone(), ..deed.clone() }.request(&house, Some("sid"))).await;
        let elsewhere = nowhere(&body).map(|body| deeds::Deed { body, ..deed.clone() });
        let as_nothing = match elsewhere {
            Some(elsewhere) => {
                without_names(&house.send(elsewhere.request(&house, Some("sid"))).await) == without_names(&told)
            }
            None => matches!(told.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND),
        };
        if !as_nothing {
            wrong.push(format!("{} {}: {} {}", deed.door.method, deed.address, told.status, excerpt(&told)));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test]
async fn a_token_that_is_not_known_is_told_so_at_every_door() {
    let house = House::new(Furnishing::default()).await;
    for door in
        doors::of(&house.router).into_iter().filter(|door| door.path.starts_with("/api/v1/") || door.path == "/live")
    {
        let mut request =
            house.request(None, &door.method, &door.address(&house)).body(axum::body::Body::empty()).unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, "Bearer rampart_forgotten".parse().unwrap());
        let told = house.send(request).await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{} {}", door.method, door.path);
        assert_eq!(told.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn looking_again_by_itself_does_not_keep_a_session_alive() {
    let house = House::new(Furnishing::default()).await;
    let idle = house.t.settings.session_idle;
    let used = async || {
        let used: time::OffsetDateTime =
            sqlx::query_scalar("select max(seen_at) from session").fetch_one(&mut house.t.owner().await).await.unwrap();
        used
    };
    let at_first = used().await;
    house.t.clock.advance(idle / 2);
    for address in ["/", "/catalog", "/search/suggest?q=vault"] {
        let mut request = house.request(Some("dana"), &Method::GET, address).body(axum::body::Body::empty()).unwrap();
        request.headers_mut().insert("rampart-live", "1".parse().unwrap());
        assert_eq!(house.send(request).await.status, StatusCode::OK);
    }
    assert_eq!(house.get(Some("dana"), "/live?topic=catalog:all").await.status, StatusCode::OK);
    assert_eq!(used().await, at_first, "a page that looks again by itself is not a person who uses it");

    house.t.clock.advance(idle / 2 + time::Duration::minutes(1));
    let told = house.get(Some("dana"), "/catalog").await;
    assert_eq!(told.status, StatusCode::SEE_OTHER, "the session ended although the page stayed open");
}

#[tokio::test]
async fn the_counts_in_the_frame_follow_their_person() {
    let house = House::new(Furnishing::default()).await;
    let topic = format!("person:{}", house.actor("lena").person_id().unwrap());
    let page = house.get(Some("lena"), "/catalog").await.text();
    assert!(page.contains(&format!("data-live=\"{topic}\"")), "{page}");
    let told = house.get(Some("lena"), &format!("/live?topic={topic}")).await;
    assert_eq!((told.status, told.header("content-type")), (StatusCode::OK, "text/event-stream"));
    let told = house.get(Some("dana"), &format!("/live?topic={topic}")).await;
    assert_eq!(told.status, StatusCode::NO_CONTENT, "another person's counts are theirs");
}

#[tokio::test]
async fn nobody_hears_that_something_happens_to_what_they_may_not_know_of() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let environment: uuid::Uuid =
        sqlx::query_scalar("select id from environment limit 1").fetch_one(&mut house.t.owner().await).await.unwrap();
    for (topic, its_own) in [
        (format!("person:{}", house.actor("dana").person_id().unwrap()), "dana"),
        (format!("request:{}", house.name("requests", 0)), "lena"),
        (format!("environment:{environment}"), "dana"),
        (format!("findings:{}", house.name("entity", 0)), "dana"),
        (format!("incident:{}", house.name("incidents", 0)), "dana"),
        (format!("integration:{}", house.name("integrations", 0)), "pat"),
    ] {
        let told = house.get(Some(its_own), &format!("/live?topic={topic}")).await;
        assert_eq!(told.status, StatusCode::OK, "{topic} is {its_own}'s");
        let told = house.get(Some("sid"), &format!("/live?topic={topic}")).await;
        assert_eq!(told.status, StatusCode::NO_CONTENT, "{topic} is nothing to a stranger");
    }
}

/// A stranger's own words come back to them: what they looked for, and the address that they asked for.
fn shows_the_mark(told: &Told, asked: &str) -> bool {
    let text = told.text();
    let text = text.replace(asked, "");
    text.contains(&format!("{MARK}: ")) || text.contains(&format!("{MARK} ")) || text.contains(&format!("{MARK}-"))
}

fn around_the_mark(told: &Told) -> String {
    let text = told.text();
    let at = text.find(MARK).unwrap_or_default();
    let from = text[..at].char_indices().rev().nth(120).map_or(0, |(at, _)| at);
    text[from..].chars().take(260).collect()
}

/// The same body, with a service that there is not.
fn nowhere(body: &Body) -> Option<Body> {
    let renamed = |text: &str| text.replace("vault-0", "nothing-0").replace("vault-1", "nothing-1");
    match body {
        Body::Json(value) if value.to_string().contains("vault-") => {
            Some(Body::Json(serde_json::from_str(&renamed(&value.to_string())).unwrap()))
        }
        Body::Form(fields) if fields.iter().any(|(_, value)| value.contains("vault-")) => {
            Some(Body::Form(fields.iter().map(|(name, value)| (name.clone(), renamed(value))).collect()))
        }
        Body::Files(fields, file) if fields.iter().any(|(_, value)| value.contains("vault-")) => {
            Some(Body::Files(fields.iter().map(|(name, value)| (name.clone(), renamed(value))).collect(), file.clone()))
        }
        _ => None,
    }
}

/// What an answer says, but for the name that was asked about and which request it was.
fn without_names(told: &Told) -> (StatusCode, String) {
    (told.status, excerpt(told).replace("vault-", "nothing-").replace(told.header("x-request-id"), ""))
}
