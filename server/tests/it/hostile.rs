//! What a hostile sender puts through every door, made from each door's own right request by spoiling one thing.

use std::{collections::BTreeSet, time::Instant};

use axum::body::Body as Bytes;
use http::{Method, Request, StatusCode, header};
use serde_json::Value;

use crate::{
    deeds::{self, Body, Deed, excerpt},
    doors,
    house::{Furnishing, House, Told},
    spoiled::{endless, spoiled},
};

/// What stands in every answer that let one of the texts through as markup.
const MARKUP: [&str; 3] = ["<script>alert(1)", "<img src=x", "href=\"javascript:"];
/// Ids and names that are none.
const NAMES: [&str; 9] = [
    "%00",
    "%ff%fe",
    "..%2f..%2fetc%2fpasswd",
    "%E2%80%AE",
    "'%20or%201=1--",
    "-1",
    "99999999999999999999",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "00000000-0000-0000-0000-000000000000",
];
/// What no query means.
const VALUES: [&str; 7] =
    ["", "%ff%00", "'%20or%201=1--", "99999999999999999999", "%3Cscript%3Ealert(1)", "a,b,,c", "eyJhIjoxfQ%3D%3D"];

/// Where a delivery that cannot be read leaves a note.
const REFUSED_DELIVERIES: [&str; 2] = ["public.audit_record ", "public.integration "];

/// What is wrong with an answer to something unreadable; nothing where it is a refusal that names the place.
fn wrong_refusal(told: &Told, is_api: bool) -> Option<String> {
    if !told.status.is_client_error() {
        return Some(format!("{} instead of a refusal: {}", told.status, excerpt(told)));
    }
    if is_api {
        if told.header("content-type") != "application/problem+json" {
            return Some(format!("{} as {:?}", told.status, told.header("content-type")));
        }
        let problem = told.json();
        if problem["detail"].as_str().is_none_or(|detail| detail.len() < 10) {
            return Some(format!("says nothing: {problem}"));
        }
    }
    let text = told.text();
    MARKUP.iter().find(|markup| text.contains(**markup)).map(|markup| format!("echoes {markup}"))
}

async fn send(house: &House, deed: &Deed, content_type: Option<String>, body: impl Into<Bytes>) -> Told {
    let who = if deed.token.is_some() { None } else { Some(deed.by) };
    let mut request = deed.request_with(house, who, content_type, body);
    if let Some(token) = &deed.token {
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    }
    house.send(request).await
}

fn is_api(deed: &Deed) -> bool {
    !deed.door.is_page()
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_place_and_leaves_nothing() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let before = house.contents().await;
    let records = "select count(*) from audit_record where outcome = 'committed' and action <> 'alert.receive'";
    let committed = house.t.count(records).await;
    let begun = Instant::now();
    let (mut wrong, mut sent) = (Vec::new(), 0);
    let mut doors = BTreeSet::new();
    for deed in deeds::all(&house) {
        for spoiled in spoiled(&deed).into_iter().filter(|spoiled| spoiled.unreadable) {
            let told = send(&house, &deed, spoiled.content_type, spoiled.body).await;
            if let Some(what) = wrong_refusal(&told, is_api(&deed)) {
                wrong.push(format!("{} {} with {}: {what}", deed.door.method, deed.address, spoiled.how));
            }
            sent += 1;
        }
        if !matches!(deed.body, Body::Empty) && doors.insert(format!("{} {}", deed.door.method, deed.door.path)) {
            let told = send(&house, &deed, deed.body.content_type(), endless(80)).await;
            if let Some(what) = wrong_refusal(&told, is_api(&deed)) {
                wrong.push(format!("{} {} with 80 MiB: {what}", deed.door.method, deed.address));
            }
            sent += 1;
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(sent > 500, "{sent} requests were sent");
    // the sender's integration says on its page that a delivery was refused, and why
    let changed = house.changed_since(&before).await;
    let half: Vec<&String> =
        changed.iter().filter(|table| !REFUSED_DELIVERIES.iter().any(|it| table.starts_with(it))).collect();
    assert_eq!(half, [""; 0], "nothing was half-written");
    assert_eq!(house.t.count(records).await, committed, "nothing was done");
    assert!(begun.elapsed().as_secs() < 240, "{sent} requests took {:?}", begun.elapsed());
}

#[tokio::test]
async fn whatever_is_written_into_a_field_is_refused_or_comes_back_as_text() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let (mut wrong, mut sent, mut taken) = (Vec::new(), 0, 0);
    for deed in deeds::all(&house) {
        for spoiled in spoiled(&deed).into_iter().filter(|spoiled| !spoiled.unreadable) {
            let told = send(&house, &deed, spoiled.content_type, spoiled.body).await;
            sent += 1;
            taken += u32::from(!told.status.is_client_error());
            if told.status.is_server_error() {
                wrong.push(format!(
                    "{} {} where {}: {} {}",
                    deed.door.method,
                    deed.address,
                    spoiled.how,
                    told.status,
                    excerpt(&told)
                ));
            }
            let html = told.header("content-type").starts_with("text/html");
            if let Some(markup) = MARKUP.iter().find(|markup| html && told.text().contains(**markup)) {
                wrong
                    .push(format!("{} {} where {} answers with {markup}", deed.door.method, deed.address, spoiled.how));
            }
        }
    }
    assert!(sent > 1_000 && taken > 50, "{sent} requests were sent and {taken} taken");
    wrong.extend(read_everything(&house).await);
    assert_eq!(wrong, [""; 0]);
}

/// What is wrong with the pages that show what has been written by now.
async fn read_everything(house: &House) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut texts, mut formulas) = (0, 0);
    for door in doors::of(&house.router).into_iter().filter(|door| door.method == Method::GET) {
        let address = door.address(house);
        for who in ["pat", "dana", "chika", "lena"] {
            let told = house.get(Some(who), &address).await;
            if told.status.is_server_error() {
                wrong.push(format!("{address} as {who}: {} {}", told.status, excerpt(&told)));
            }
            let text = told.text();
            let kind = told.header("content-type").to_owned();
            if kind.starts_with("text/html") {
                wrong.extend(
                    MARKUP
                        .iter()
                        .filter(|markup| text.contains(**markup))
                        .map(|markup| format!("{address} shows {markup}")),
                );
                texts += u32::from(text.contains("&lt;script&gt;alert(1)"));
            } else if kind.starts_with("text/csv") {
                let formula = text.split([',', '\n']).find(|cell| cell.trim_matches('"').starts_with(['=', '@', '+']));
                formulas += text.matches("'=HYPERLINK").count();
                wrong.extend(formula.map(|cell| format!("{address} has the formula {cell}")));
            }
        }
    }
    assert!(texts > 3, "what was written is shown as text on {texts} pages");
    assert!(formulas > 0, "a formula that was written is in a sheet, as text");
    wrong
}

#[tokio::test]
async fn an_address_that_names_nothing_and_a_query_that_means_nothing_break_nothing() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let document: Value = serde_json::from_str(&server::rest::openapi_json()).unwrap();
    let mut wrong = Vec::new();
    let mut sent = 0;
    for door in doors::of(&house.router).into_iter().filter(|door| door.path != "/live" && door.method != Method::HEAD)
    {
        let mut addresses: Vec<String> = Vec::new();
        for name in NAMES.iter().map(|name| (*name).to_owned()).chain(["x".repeat(3_000)]) {
            let parameters = door.path.matches('{').count();
            for spoiled in 0..parameters {
                addresses.push(spoil(&door.address(&house), &door.path, spoiled, &name));
            }
        }
        if door.method == Method::GET {
            let right = door.address(&house);
            for parameter in parameters_of(&house, &document, &door.path, &right).await {
                addresses.extend(VALUES.iter().map(|value| format!("{right}?{parameter}={value}")));
                addresses.push(format!("{right}?{parameter}=a&{parameter}={}&%ff=%ff&=", "x".repeat(3_000)));
            }
        }
        for address in addresses {
            let request: Request<Bytes> = match house.request(Some("pat"), &door.method, &address).body(Bytes::empty())
            {
                Ok(request) => request,
                // what is no address reaches no door
                Err(_) => continue,
            };
            let told = house.send(request).await;
            sent += 1;
            let refused = door.is_safe() || told.status.is_client_error() || door.path.starts_with("/preferences");
            let unexpected = told.status.is_server_error() && told.status != StatusCode::SERVICE_UNAVAILABLE;
            if unexpected || (!refused && door.path.contains('{')) {
                wrong.push(format!("{} {address}: {} {}", door.method, told.status, excerpt(&told)));
            }
            let is_file = door.path.starts_with("/pkg/");
            if !is_file
                && told.status == StatusCode::BAD_REQUEST
                && told.header("content-type").starts_with("text/plain")
            {
                wrong.push(format!("{} {address}: refused in bare text: {}", door.method, excerpt(&told)));
            }
            if told.header("content-type").starts_with("text/html")
                && MARKUP.iter().any(|markup| told.text().contains(markup))
            {
                wrong.push(format!("{address} shows what it was asked as markup"));
            }
        }
    }
    assert!(sent > 2_500, "{sent} requests were sent");
    assert_eq!(wrong, [""; 0]);
}

/// The address with the value of one of the path's parameters replaced.
fn spoil(address: &str, path: &str, which: usize, by: &str) -> String {
    let places: Vec<usize> =
        path.split('/').enumerate().filter(|(_, segment)| segment.starts_with('{')).map(|(at, _)| at).collect();
    let segments = address.split('/').enumerate().map(|(at, segment)| if at == places[which] { by } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// The query parameters of an address: those of the API's own document, or of the filters and links on the page.
async fn parameters_of(house: &House, document: &Value, path: &str, address: &str) -> BTreeSet<String> {
    let documented = document["paths"][path]["get"]["parameters"].as_array().cloned().unwrap_or_default();
    let mut names: BTreeSet<String> = documented
        .iter()
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
        .collect();
    let page = house.get(Some("pat"), address).await.text();
    let main = page.split_once("<main").map_or("", |(_, main)| main);
    for tag in main.split(['<', '>']).filter(|tag| tag.starts_with("input") || tag.starts_with("select")) {
        let name = tag.split_once("name=\"").and_then(|(_, rest)| rest.split('"').next());
        names.extend(name.map(str::to_owned));
    }
    for query in main.split("href=\"").skip(1).filter_map(|link| link.split('"').next()?.split_once('?')) {
        names.extend(
            query.1.split('&').filter_map(|pair| pair.trim_start_matches("amp;").split('=').next()).map(str::to_owned),
        );
    }
    names
        .into_iter()
        .filter(|name| !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_'))
        .collect()
}
