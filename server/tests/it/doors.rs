//! Every address that the router answers and by which methods, read from the router itself.

use std::collections::BTreeMap;

use axum::Router;
use http::Method;

use crate::house::House;

/// One method of one address, as axum writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    pub method: Method,
    pub path: String,
}

impl Door {
    /// Whether asking changes nothing (RFC 9110, 9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
    }

    /// For people with a browser: neither the API nor what machines ask.
    pub fn is_page(&self) -> bool {
        let machines = ["/api/", "/hooks/", "/pkg/", "/livez", "/readyz", "/metrics", "/live", "/favicon.ico"];
        !machines.iter().any(|prefix| self.path.starts_with(prefix)) && self.path != "/search/suggest"
    }

    /// The address of something in the house, or of nothing where the house has none of that kind.
    pub fn address(&self, house: &House) -> String {
        let segments: Vec<&str> = self.path.split('/').collect();
        let filled = segments.iter().enumerate().map(|(at, segment)| {
            let Some(parameter) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                return (*segment).to_owned();
            };
            value(house, &segments[..at], parameter)
        });
        filled.collect::<Vec<_>>().join("/")
    }
}

/// A fitting value, by what stands before the parameter; an id of nothing where there is none.
fn value(house: &House, before: &[&str], parameter: &str) -> String {
    let last = before.iter().rev().find(|segment| !segment.starts_with('{')).copied().unwrap_or_default();
    let of = match (last, parameter) {
        ("catalog" | "entities", "kind") => return "component".to_owned(),
        (_, "namespace") => return "default".to_owned(),
        ("catalog" | "entities", "name") => return "vault-0".to_owned(),
        ("facets", _) => return "owner".to_owned(),
        ("pkg", _) => return "rampart.css".to_owned(),
        ("catalog", "source") => "sources",
        ("compliance", "control") => "control",
        ("teams", "team") => "team",
        ("access", "id") => "roles",
        ("notices", _) => "notifications",
        ("alert-rules", _) => "rules",
        ("environment-templates", _) => "templates",
        (segment, _) => segment,
    };
    house.name(of, 0).to_owned()
}

/// Every door of a router. Axum tells its routes only to `Debug`, which is why the first test here compares what is
/// read with what the pages and the API say of themselves.
pub fn of(router: &Router) -> Vec<Door> {
    let text = format!("{router:?}");
    let routes = text.split("fallback_router:").next().unwrap_or_default();
    let (methods, paths) = routes.split_once("paths: {").expect("the routes come before their paths");
    let methods: BTreeMap<&str, Vec<Method>> = numbered(methods).map(|(id, told)| (id, methods_of(told))).collect();
    let mut doors: Vec<Door> = numbered(paths)
        .flat_map(|(id, told)| {
            let path = told.split('"').nth(1).expect("a path stands between quotes").to_owned();
            methods[id].iter().map(move |method| Door { method: method.clone(), path: path.clone() })
        })
        .collect();
    doors.sort_by(|one, other| (&one.path, one.method.as_str()).cmp(&(&other.path, other.method.as_str())));
    doors
}

fn numbered(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("RouteId(").skip(1).filter_map(|part| part.split_once("): "))
}

fn methods_of(told: &str) -> Vec<Method> {
    const NAMED: [(&str, Method); 7] = [
        ("get", Method::GET),
        ("head", Method::HEAD),
        ("delete", Method::DELETE),
        ("options", Method::OPTIONS),
        ("patch", Method::PATCH),
        ("post", Method::POST),
        ("put", Method::PUT),
    ];
    let answers = |name: &str| {
        [format!("{name}: Route"), format!("{name}: BoxedHandler")].iter().any(|field| {
            told.match_indices(field.as_str())
                .any(|(at, _)| matches!(told.as_bytes().get(at.wrapping_sub(1)), Some(b' ')))
        })
    };
    let mut methods: Vec<Method> =
        NAMED.iter().filter(|(name, _)| answers(name)).map(|(_, method)| method.clone()).collect();
    if methods.is_empty() {
        // an address for any method
        methods = NAMED.map(|(_, method)| method).to_vec();
    }
    if methods.contains(&Method::GET) && !methods.contains(&Method::HEAD) {
        methods.push(Method::HEAD);
    }
    methods
}

#[tokio::test]
async fn every_route_that_pages_and_the_api_speak_of_is_found_in_the_router() {
    let house = House::new(crate::house::Furnishing::default()).await;
    let found = of(&house.router);
    let mut told: Vec<(String, String)> =
        app::routes::ROUTES.iter().map(|(method, path)| (method.to_uppercase(), (*path).to_owned())).collect();
    let document: serde_json::Value = serde_json::from_str(&server::rest::openapi_json()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        told.extend(operations.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    assert!(told.len() > 150, "{}", told.len());
    for (method, path) in told {
        assert!(
            found.iter().any(|door| door.method.as_str() == method && door.path == path),
            "{method} {path} is not among {found:?}"
        );
    }
    for (method, path) in [("GET", "/live"), ("GET", "/sign-in"), ("POST", "/sign-out"), ("GET", "/pkg/{file}")] {
        assert!(found.iter().any(|door| door.method.as_str() == method && door.path == path), "{method} {path}");
    }
}

#[tokio::test]
async fn every_address_leads_somebody_of_the_house_to_something() {
    let house = House::new(crate::house::Furnishing { environment: true, ..Default::default() }).await;
    let mut lost = Vec::new();
    for door in of(&house.router).into_iter().filter(|door| door.method == Method::GET && door.path.contains('{')) {
        // what is caught by a wildcard is nothing by design, and built files are built elsewhere
        if door.path.contains("{*") || door.path.starts_with("/pkg/") || door.path.starts_with("/dev/") {
            continue;
        }
        let address = door.address(&house);
        let mut statuses = Vec::new();
        for who in ["dana", "pat", "lena", "chika"] {
            statuses.push(house.get(Some(who), &address).await.status.as_u16());
        }
        if !statuses.iter().any(|status| (200..400).contains(status)) {
            lost.push(format!("{} as {address}: {statuses:?}", door.path));
        }
    }
    assert_eq!(lost, [""; 0], "furnish the house with what these addresses show");
}
