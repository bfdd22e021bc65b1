//! What every answer says to the browser about itself, and whose requests are taken for a person's own.

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Method, StatusCode, header};

use crate::{
    deeds,
    doors::{self, Door},
    house::{Furnishing, House, ORIGIN, Told},
};

/// Of the policy, the directive of that name.
fn directive<'a>(told: &'a Told, name: &str) -> Option<&'a str> {
    let policy = told.header("content-security-policy");
    policy.split(';').map(str::trim).find_map(|part| part.strip_prefix(name).map(str::trim))
}

fn nonce(told: &Told) -> Option<String> {
    let (_, rest) = directive(told, "script-src")?.split_once("'nonce-")?;
    rest.split_once('\'').map(|(nonce, _)| nonce.to_owned())
}

/// What is wrong with an answer's headers; nothing where all is right.
fn wrongs(told: &Told) -> Vec<String> {
    let mut wrongs = Vec::new();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        if told.header(name) != value {
            wrongs.push(format!("{name} is {:?}", told.header(name)));
        }
    }
    if directive(told, "frame-ancestors") != Some("'none'") || directive(told, "default-src") != Some("'none'") {
        wrongs.push(format!("the policy is {:?}", told.header("content-security-policy")));
    }
    if let Some(scripts) = directive(told, "script-src")
        && (scripts.contains("unsafe-inline")
            || scripts.contains("'unsafe-eval'")
            || nonce(told).is_none_or(|nonce| nonce.len() < 16))
    {
        wrongs.push(format!("scripts run by {scripts}"));
    }
    if told.header("x-request-id").is_empty() {
        wrongs.push("it has no request id".to_owned());
    }
    wrongs
}

fn kept_by_browsers(door: &Door) -> bool {
    door.path.starts_with("/pkg/") || door.path == "/favicon.ico"
}

#[tokio::test]
async fn every_answer_of_every_door_is_hardened_whatever_its_status() {
    let house = House::new(Furnishing::default()).await;
    let mut statuses = BTreeSet::new();
    let mut wrong = Vec::new();
    for door in doors::of(&house.router) {
        let address = door.address(&house);
        for who in [None, Some("dana"), Some("sid")] {
            for method in [&door.method, &Method::TRACE] {
                let told = house.send(house.request(who, method, &address).body(Body::empty()).unwrap()).await;
                let mut wrongs = wrongs(&told);
                if !kept_by_browsers(&door) && !told.header("cache-control").contains("no-store") {
                    wrongs.push(format!("it may be kept: {:?}", told.header("cache-control")));
                }
                let html = told.header("content-type").starts_with("text/html");
                if html && told.text().contains(" style=\"") {
                    wrongs.push("it has a style attribute".to_owned());
                }
                statuses.insert(told.status.as_u16());
                wrong.extend(
                    wrongs.into_iter().map(|it| format!("{method} {address} as {who:?} ({}): {it}", told.status)),
                );
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    let expected: BTreeSet<u16> = [200, 303, 401, 403, 404, 405].into();
    assert!(statuses.is_superset(&expected), "{statuses:?}");
}

#[tokio::test]
async fn each_page_has_a_nonce_of_its_own_and_no_other_script() {
    let house = House::new(Furnishing::default()).await;
    let mut nonces = BTreeSet::new();
    for address in ["/", "/catalog", "/catalog", "/security", "/nothing/here", "/incidents"] {
        let told = house.get(Some("dana"), address).await;
        let nonce = nonce(&told).unwrap_or_else(|| panic!("{address} has no nonce"));
        let text = told.text();
        for script in text.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap_or_default();
            assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{address}: <script{tag}>");
        }
        assert!(!text.contains(" onclick=") && !text.contains("href=\"javascript:"), "{address}");
        assert!(nonces.insert(nonce), "{address}: a nonce is used twice");
    }
}

#[tokio::test]
async fn over_tls_the_browser_stays_there_and_cookies_are_never_sent_in_plain() {
    let house = House::new(Furnishing { base_url: "https://portal.example.com", ..Furnishing::default() }).await;
    for address in ["/", "/livez", "/api/v1/entities", "/nothing"] {
        let told = house.get(Some("dana"), address).await;
        assert!(told.status != StatusCode::SEE_OTHER, "{address}: dana's cookie is known over TLS");
        assert!(told.header("strict-transport-security").starts_with("max-age=31536000"), "{address}");
    }
    let mut seen = 0;
    for deed in deeds::all_but_environments(&house) {
        let told = deed.done(&house).await;
        for cookie in told.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            for flag in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(cookie.split(';').any(|part| part.trim() == flag), "{}: {cookie} lacks {flag}", deed.address);
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} cookies were set");
    let told = house.get(None, "/sign-in").await;
    assert!(told.header("set-cookie").starts_with("__Host-"), "{:?}", told.headers);
}

#[tokio::test]
async fn without_tls_the_browser_is_not_held_to_it() {
    let house = House::new(Furnishing::default()).await;
    let told = house.get(Some("dana"), "/").await;
    assert_eq!((told.status, told.header("strict-transport-security")), (StatusCode::OK, ""));
}

#[tokio::test]
async fn nothing_is_changed_by_a_form_on_another_site() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let before = house.contents().await;
    let sent_by: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example.com")],
        &[("sec-fetch-site", "same-site"), ("origin", "https://other.example.com")],
        &[("sec-fetch-site", "cross-site"), ("origin", ORIGIN)],
        &[("origin", "https://evil.example.com")],
        &[("origin", "null")],
        // an old browser that says nothing, with the cookie
        &[],
    ];
    let mut wrong = Vec::new();
    let changing = doors::of(&house.router).into_iter().filter(|door| !door.is_safe() && !door.path.contains("{*"));
    let deeds = deeds::all(&house);
    for door in changing {
        let deed = deeds.iter().find(|deed| deed.door == door);
        for headers in sent_by {
            let mut request = match deed {
                Some(deed) => deed.request(&house, Some(if deed.token.is_some() { "pat" } else { deed.by })),
                None => house.request(Some("dana"), &door.method, &door.address(&house)).body(Body::empty()).unwrap(),
            };
            request.headers_mut().remove("sec-fetch-site");
            for &(name, value) in headers {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            let told = house.send(request).await;
            if told.status != StatusCode::FORBIDDEN || !told.text().contains("did not come from a page of this portal")
            {
                wrong.push(format!("{} {} from {headers:?}: {}", door.method, door.path, told.status));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(house.changed_since(&before).await, [""; 0]);
}

#[tokio::test]
async fn an_address_that_is_opened_from_another_site_changes_nothing_either() {
    let house = House::new(Furnishing::default()).await;
    let open = doors::of(&house.router).into_iter().filter(|door| door.method == Method::GET);
    let before = house.contents().await;
    let mut wrong = Vec::new();
    for door in open {
        let mut request = house.request(Some("pat"), &door.method, &door.address(&house)).body(Body::empty()).unwrap();
        request.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
        house.send(request).await;
        let changed = house.changed_since(&before).await;
        if !changed.is_empty() {
            wrong.push(format!("{}: {changed:?}", door.path));
        }
    }
    assert_eq!(wrong, [""; 0]);
}
