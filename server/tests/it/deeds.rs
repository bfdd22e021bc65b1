//! Every change that can be made through a door, with all that it needs to succeed: the tests of walls take away one
//! thing at a time.

use axum::body::Body as Bytes;
use http::{Method, Request, header};
use serde_json::{Value, json};

use crate::{
    doors::{self, Door},
    furniture,
    house::{self, Furnishing, House, MARK, Told},
};

/// What a deed leaves in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// One record of a change.
    Once,
    /// None, because of this.
    Never(&'static str),
}

/// Whom a deed concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Somebody's, or a team's: nobody else does it.
    Theirs,
    /// Whoever does it does it to themselves.
    OnesOwn,
}

#[derive(Clone, Debug)]
pub enum Body {
    Empty,
    Json(Value),
    Form(Vec<(String, String)>),
    /// Fields, and a file as field, name and content.
    Files(Vec<(String, String)>, (String, String, Vec<u8>)),
    Bytes(&'static str, Vec<u8>),
}

/// One change through one door.
#[derive(Clone, Debug)]
pub struct Deed {
    pub door: Door,
    pub by: &'static str,
    pub address: String,
    pub body: Body,
    pub recorded: Recorded,
    pub whose: Whose,
    /// Instead of a session.
    pub token: Option<String>,
}

pub const BOUNDARY: &str = "a-boundary-of-parts";

impl Body {
    /// As a browser sends a form.
    pub const fn is_form(&self) -> bool {
        matches!(self, Self::Form(_) | Self::Files(..))
    }

    pub fn content_type(&self) -> Option<String> {
        match self {
            Self::Empty => None,
            Self::Json(_) => Some("application/json".to_owned()),
            Self::Form(_) => Some("application/x-www-form-urlencoded".to_owned()),
            Self::Files(..) => Some(format!("multipart/form-data; boundary={BOUNDARY}")),
            Self::Bytes(kind, _) => Some((*kind).to_owned()),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Empty => Vec::new(),
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Form(fields) => serde_urlencoded::to_string(fields).unwrap().into_bytes(),
            Self::Files(fields, (field, name, content)) => {
                let mut bytes = Vec::new();
                for (field, value) in fields {
                    bytes.extend(
                        format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n")
                            .into_bytes(),
                    );
                }
                bytes.extend(
                    format!(
                        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\r\n"
                    )
                    .into_bytes(),
                );
                bytes.extend(content);
                bytes.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
                bytes
            }
            Self::Bytes(_, bytes) => bytes.clone(),
        }
    }
}

impl Deed {
    /// The request as `who` sends it.
    pub fn request(&self, house: &House, who: Option<&str>) -> Request<Bytes> {
        self.request_with(house, who, self.body.content_type(), self.body.bytes())
    }

    pub fn request_with(
        &self,
        house: &House,
        who: Option<&str>,
        content_type: Option<String>,
        body: impl Into<Bytes>,
    ) -> Request<Bytes> {
        let mut request = house.request(who, &self.door.method, &self.address);
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        request.body(body.into()).unwrap()
    }

    /// Done by whoever may.
    pub async fn done(&self, house: &House) -> Told {
        let request = match &self.token {
            Some(token) => {
                let mut request = self.request(house, None);
                request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
                request
            }
            None => self.request(house, Some(self.by)),
        };
        house.send(request).await
    }

    fn never(mut self, because: &'static str) -> Self {
        self.recorded = Recorded::Never(because);
        self
    }

    fn own(mut self) -> Self {
        self.whose = Whose::OnesOwn;
        self
    }
}

fn deed(method: Method, path: &str, by: &'static str, address: impl Into<String>, body: Body) -> Deed {
    Deed {
        door: Door { method, path: path.to_owned() },
        by,
        address: address.into(),
        body,
        recorded: Recorded::Once,
        whose: Whose::Theirs,
        token: None,
    }
}

fn form<const N: usize>(fields: [(&str, &str); N]) -> Body {
    Body::Form(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
}

fn files<const N: usize>(fields: [(&str, &str); N], field: &str, name: &str, content: impl Into<Vec<u8>>) -> Body {
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Body::Files(fields, (field.to_owned(), name.to_owned(), content.into()))
}

/// All of them, in an order in which each can be done after those before it.
pub fn all(house: &House) -> Vec<Deed> {
    let mut deeds = pages(house);
    deeds.extend(operations(house));
    deeds
}

/// Those for which no environment has to be made first.
pub fn all_but_environments(house: &House) -> Vec<Deed> {
    all(house).into_iter().filter(|deed| !deed.address.contains(house::NOTHING)).collect()
}

/// A deed by a form: the address is the path with its parameter filled.
fn post(path: &str, by: &'static str, value: &str, body: Body) -> Deed {
    let (before, after) = path
        .split_once('{')
        .map_or((path, ""), |(before, rest)| (before, rest.split_once('}').map_or("", |(_, after)| after)));
    deed(Method::POST, path, by, format!("{before}{value}{after}"), body)
}

fn pages(house: &House) -> Vec<Deed> {
    let vault = "/catalog/component/default/vault-0";
    let entity = |tab: &str, by, body| {
        deed(
            Method::POST,
            &format!("/catalog/{{kind}}/{{namespace}}/{{name}}/{tab}"),
            by,
            format!("{vault}/{tab}"),
            body,
        )
    };
    let named = |of: &str, at: usize| house.name(of, at);
    let integration = |at| named("integrations", at);
    let edited = [
        ("owner", "payments"),
        ("purpose", "Tells another desk"),
        ("data_classes", "internal"),
        ("scopes", "notifications:organisation"),
        ("egress_hosts", "hooks.example.com"),
        ("endpoint", "https://hooks.example.com/in"),
        ("review_by", "2026-05-04"),
        ("revision", "1"),
    ];
    let descriptor = furniture::component("kiosk", "Sells", "");
    let source = |name| {
        form([("kind", "url"), ("name", name), ("address", "https://hooks.example.com/a.yaml"), ("every_s", "600")])
    };
    vec![
        post("/catalog/import", "pat", "", files([("source", "by-hand")], "file", "kiosk.yaml", descriptor)),
        post("/catalog/sources/new", "pat", "", source("by-form")),
        post("/catalog/sources/{id}/edit", "pat", named("sources", 0), source("changed")),
        post("/catalog/sources/{id}/refresh", "pat", named("sources", 0), Body::Empty),
        post("/catalog/sources/{id}/remove", "pat", named("sources", 1), Body::Empty),
        deed(
            Method::POST,
            "/catalog/{kind}/{namespace}/{name}/discard",
            "pat",
            "/catalog/component/default/kiosk/discard",
            Body::Empty,
        ),
        deed(
            Method::POST,
            "/catalog/{kind}/{namespace}/{name}/restore",
            "pat",
            "/catalog/component/default/kiosk/restore",
            Body::Empty,
        ),
        post(
            "/catalog/views",
            "dana",
            "",
            form([("name", "Vaults"), ("query", "kind=component"), ("team", named("team", 0))]),
        ),
        post("/catalog/views/{id}/remove", "dana", named("views", 0), Body::Empty),
        entity("star", "dana", form([("starred", "yes")])).own().never("a person's own marks"),
        post(
            "/catalog/ownership",
            "lena",
            "",
            form([
                ("from", named("team", 0)),
                ("to", named("team", 1)),
                ("entity", named("till", 0)),
                ("note", "One team now."),
            ]),
        ),
        post(
            "/catalog/unowned",
            "pat",
            "",
            form([("entity", named("till", 0)), ("to", named("team", 0)), ("note", "They use it.")]),
        ),
        post(
            "/security/upload",
            "dana",
            "",
            files([("service", "vault-0"), ("stage", "deploy")], "report", "trivy.json", furniture::trivy(7)),
        ),
        post("/scorecards/new", "chika", "", form([("file", &furniture::scorecard("newer"))])),
        post(
            "/scorecards/{name}/edit",
            "chika",
            "basics",
            form([
                ("file", &furniture::scorecard("basics").replace("title: Basics", "title: Better")),
                ("revision", "1"),
            ]),
        ),
        entity("scorecards", "chika", form([("do", "comment"), ("check", "basics/tags"), ("text", "Soon.")])),
        entity(
            "scorecards",
            "chika",
            form([("do", "exempt"), ("check", "basics/tags"), ("until", "2026-04-01"), ("reason", "Nothing to tag.")]),
        ),
        entity(
            "scorecards",
            "chika",
            form([("do", "sign-off"), ("scorecard", "basics"), ("note", "Good."), ("next_on", "2026-06-01")]),
        ),
        entity("compliance", "dana", files([("target", "eu")], "report", "bench.json", furniture::kube_bench("PASS"))),
        post("/account/tokens", "dana", "", form([("name", "script"), ("scope", "catalog:read"), ("days", "30")]))
            .own(),
        post("/account/tokens/{id}/revoke", "dana", named("tokens", 0), Body::Empty),
        post(
            "/incidents/rules",
            "chika",
            "",
            form([("alert", named("inbox", 0)), ("label", "alertname"), ("service", "vault-0")]),
        ),
        post("/incidents/rules/{id}/remove", "chika", named("rules", 0), Body::Empty),
        post("/incidents/{number}/acknowledge", "dana", named("incidents", 0), Body::Empty),
        post("/incidents/{number}/resolve", "dana", named("incidents", 1), form([("note", "It was the cable.")])),
        post("/incidents/{number}/reopen", "dana", named("incidents", 1), form([("note", "It was not.")])),
        post(
            "/admin/integrations/new",
            "pat",
            "",
            Body::Form(
                [("kind", "webhook"), ("name", "new-desk"), ("credential", "another signing secret")]
                    .into_iter()
                    .chain(edited)
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
            ),
        ),
        post("/admin/integrations/{name}/edit", "pat", integration(1), form(edited)),
        post("/admin/integrations/{name}/approve", "chika", integration(1), form([("revision", "1")])),
        post("/admin/integrations/{name}/enable", "pat", integration(1), Body::Empty),
        post("/admin/integrations/{name}/disable", "pat", integration(0), Body::Empty),
        post("/admin/integrations/{name}/rotate", "pat", integration(0), form([("credential", "yet another secret")])),
        post("/admin/integrations/{name}/test", "pat", integration(0), Body::Empty),
        post(
            "/environments/new",
            "dana",
            "",
            form([
                ("template", "sandbox"),
                ("service", "vault-0"),
                ("parameters.connections", "5"),
                ("hours", "24"),
                ("reason", "by hand"),
            ]),
        ),
        post(
            "/environments/templates",
            "pat",
            "",
            files([], "files", "t.yaml", furniture::template("another", "default")),
        ),
        post("/environments/templates/{name}/retire", "pat", "another", Body::Empty),
        post("/environments/{environment}/credentials", "dana", named("environments", 0), Body::Empty),
        post(
            "/environments/{environment}/extend",
            "dana",
            named("environments", 0),
            form([("hours", "24"), ("reason", "not done yet")]),
        ),
        post("/environments/{environment}/end", "dana", named("environments", 2), Body::Empty),
        post("/environments/{environment}/retry", "dana", named("broken", 0), Body::Empty),
        post(
            "/requests/{number}/decide",
            "lena",
            named("requests", 0),
            form([("decision", "decline"), ("note", "Not now.")]),
        ),
        post("/requests/{number}/withdraw", "dana", named("requests", 1), Body::Empty),
        post(
            "/access/request",
            "omar",
            "",
            form([
                ("role", "developer"),
                ("team", named("team", 0)),
                ("entity", ""),
                ("days", "7"),
                ("reason", "to help"),
            ]),
        )
        .own(),
        post(
            "/access/give",
            "lena",
            "",
            form([("person", "sid@example.com"), ("role", "developer"), ("team", named("team", 0)), ("until", "")]),
        ),
        post("/access/{id}/end", "lena", named("roles", 0), Body::Empty),
        post("/admin/people", "pat", "", form([("person", "omar@example.com"), ("role", "auditor"), ("until", "")])),
        post("/notifications/read", "lena", "", Body::Form(Vec::new())).own().never("a person's own marks"),
        post("/notifications/channels", "dana", "", form([("mail", "approval")])).own(),
        post("/admin/deliveries/{id}/retry", "pat", named("deliveries", 0), Body::Empty),
        post("/settings/zone", "dana", "", form([("time_zone", "Europe/Berlin")])).own(),
        post("/settings/sessions/{id}/end", "dana", named("sessions", 0), Body::Empty),
        post("/admin/tokens", "pat", "", form([("name", "machine"), ("scope", "catalog:read"), ("days", "30")])),
        post("/admin/tokens/{id}/revoke", "pat", named("robots", 0), Body::Empty),
        post("/preferences", "dana", "", form([("theme", "dark"), ("return_to", "/")]))
            .own()
            .never("kept in the browser alone"),
    ]
}

fn operations(house: &House) -> Vec<Deed> {
    let named = |of: &str, at: usize| house.name(of, at);
    let api = |method: Method, path: &str, by, value: &str, body| Deed {
        door: Door { method: method.clone(), path: format!("/api/v1{path}") },
        ..post(&format!("/api/v1{path}"), by, value, body)
    };
    let (post, put, delete) = (Method::POST, Method::PUT, Method::DELETE);
    let json = |value: Value| Body::Json(value);
    let integration = json!({
        "kind": "webhook", "name": "rest-desk", "owner": "payments", "purpose": "Tells a desk", "data_classes": ["internal"],
        "scopes": ["notifications:organisation"], "egress_hosts": ["hooks.example.com"], "endpoint": "https://hooks.example.com/in",
        "credential": "the signing secret", "review_by": "2026-05-04",
    });
    let mut changed = integration.clone();
    changed["name"] = named("integrations", 2).into();
    changed["revision"] = 1.into();
    changed.as_object_mut().unwrap().remove("credential");
    let reports = format!("/api/v1/compliance/reports?entity={}&target=us", named("entity", 0));
    let sender = |body: Vec<u8>| Deed {
        token: Some(house.sender.clone()),
        ..deed(
            Method::POST,
            "/hooks/alertmanager/{integration}",
            "sender",
            "/hooks/alertmanager/alerts",
            Body::Bytes("application/json", body),
        )
    };
    let source = |name: &str| json(json!({ "name": name, "address": "https://hooks.example.com/b.yaml" }));
    vec![
        api(post.clone(), "/sources", "pat", "", source("by-rest-source")),
        api(put.clone(), "/sources/{id}", "pat", named("sources", 0), source("changed-by-rest")),
        api(post.clone(), "/sources/{id}/refresh", "pat", named("sources", 0), Body::Empty),
        Deed {
            token: Some(furniture::HOOK_SECRET.to_owned()),
            ..deed(
                Method::POST,
                "/hooks/catalog/{source}",
                "sender",
                format!("/hooks/catalog/{}", named("sources", 0)),
                Body::Bytes("application/json", b"{}".to_vec()),
            )
        }
        .never("it has a source read, which leaves its own record"),
        api(delete.clone(), "/sources/{id}", "pat", named("sources", 2), Body::Empty),
        api(
            post.clone(),
            "/alert-rules",
            "chika",
            "",
            json(json!({ "matchers": { "alertname": "Stray1", "desk": MARK }, "service": "vault-0" })),
        ),
        api(delete.clone(), "/alert-rules/{id}", "chika", named("rules", 1), Body::Empty),
        Deed {
            address: reports,
            ..api(
                post.clone(),
                "/compliance/reports",
                "dana",
                "",
                Body::Bytes("application/octet-stream", furniture::kube_bench("PASS")),
            )
        },
        api(post.clone(), "/deliveries/{id}/retry", "pat", named("deliveries", 1), Body::Empty),
        Deed {
            address: "/api/v1/entities?source=by-rest&file=stall.yaml".to_owned(),
            ..api(
                post.clone(),
                "/entities",
                "pat",
                "",
                Body::Bytes("application/yaml", furniture::component("stall", "Sells", "").into_bytes()),
            )
        },
        api(
            post.clone(),
            "/environment-requests",
            "dana",
            "",
            json(json!({
                "service": "vault-1", "template": "sandbox", "parameters": { "connections": 5 }, "hours": 24, "reason": "by rest",
            })),
        ),
        api(
            post.clone(),
            "/environment-templates",
            "pat",
            "",
            json(json!({ "files": [{ "name": "t.yaml", "text": furniture::template("third", "default") }] })),
        ),
        api(delete.clone(), "/environment-templates/{name}", "pat", "third", Body::Empty),
        api(post.clone(), "/environments/{environment}/credentials", "dana", named("environments", 0), Body::Empty),
        api(
            post.clone(),
            "/environments/{environment}/extensions",
            "dana",
            named("environments", 1),
            json(json!({ "hours": 24, "reason": "not done" })),
        ),
        api(post.clone(), "/environments/{environment}/end", "dana", named("environments", 1), Body::Empty),
        api(post.clone(), "/environments/{environment}/retry", "dana", named("broken", 1), Body::Empty),
        api(post.clone(), "/gates/evaluate", "dana", "", json(json!({ "service": "vault-0", "stage": "deploy" }))),
        api(post.clone(), "/incidents/{number}/acknowledge", "dana", named("incidents", 2), Body::Empty),
        api(
            post.clone(),
            "/incidents/{number}/resolve",
            "dana",
            named("incidents", 3),
            json(json!({ "note": "It was the cable." })),
        ),
        api(
            post.clone(),
            "/incidents/{number}/reopen",
            "dana",
            named("incidents", 3),
            json(json!({ "note": "It was not." })),
        ),
        api(post.clone(), "/integrations", "pat", "", json(integration)),
        api(put.clone(), "/integrations/{name}", "pat", named("integrations", 2), json(changed)),
        api(
            post.clone(),
            "/integrations/{name}/approve",
            "chika",
            named("integrations", 2),
            json(json!({ "revision": 1 })),
        ),
        api(post.clone(), "/integrations/{name}/enable", "pat", named("integrations", 2), Body::Empty),
        api(post.clone(), "/integrations/{name}/disable", "pat", named("integrations", 2), Body::Empty),
        api(
            post.clone(),
            "/integrations/{name}/rotate",
            "pat",
            named("integrations", 2),
            json(json!({ "credential": "one more secret" })),
        ),
        api(post.clone(), "/integrations/{name}/test", "pat", named("integrations", 2), Body::Empty),
        api(put.clone(), "/notices/channels", "dana", "", json(json!([{ "kind": "approval", "mail": true }]))).own(),
        api(post.clone(), "/notices/read", "lena", "", json(json!({}))).own().never("a person's own marks"),
        Deed {
            address: "/api/v1/reports?service=vault-1&stage=build".to_owned(),
            ..api(post.clone(), "/reports", "dana", "", Body::Bytes("application/octet-stream", furniture::trivy(8)))
        },
        api(
            post.clone(),
            "/requests/{number}/approve",
            "lena",
            named("requests", 2),
            json(json!({ "hash": named("hashes", 2), "note": "Go on." })),
        ),
        api(
            post.clone(),
            "/requests/{number}/decline",
            "lena",
            named("requests", 3),
            json(json!({ "note": "Not now." })),
        ),
        api(post.clone(), "/requests/{number}/withdraw", "dana", named("requests", 4), Body::Empty),
        api(
            post.clone(),
            "/roles",
            "lena",
            "",
            json(
                json!({ "person": "ines@example.com", "role": "developer", "team": named("team", 0), "expires_at": "2026-05-01T00:00:00Z" }),
            ),
        ),
        api(delete.clone(), "/roles/{id}", "lena", named("roles", 1), Body::Empty),
        api(
            post.clone(),
            "/roles/requests",
            "chika",
            "",
            json(json!({ "role": "developer", "team": named("team", 0), "days": 7, "reason": "to help" })),
        )
        .own(),
        api(
            post.clone(),
            "/scorecards",
            "chika",
            "",
            json(json!({ "file": furniture::scorecard("by-rest"), "revision": null })),
        ),
        api(
            post.clone(),
            "/scorecards/preview",
            "chika",
            "",
            json(json!({ "file": furniture::scorecard("looked-at") })),
        )
        .never("a preview changes nothing"),
        api(
            post.clone(),
            "/tokens",
            "dana",
            "",
            json(json!({ "name": "rest", "scopes": ["catalog:read"], "days": 30 })),
        )
        .own(),
        api(delete.clone(), "/tokens/{id}", "dana", named("tokens", 1), Body::Empty),
        api(Method::DELETE, "/sessions/{id}", "dana", named("sessions", 1), Body::Empty),
        api(
            Method::POST,
            "/service-accounts/tokens",
            "pat",
            "",
            json(json!({ "service_account": "machine", "scopes": ["catalog:read"], "days": 30 })),
        ),
        api(Method::DELETE, "/service-accounts/tokens/{id}", "pat", named("robots", 1), Body::Empty),
        sender(furniture::alert(&format!("{MARK} again"), "Again", Some("vault-0"))),
    ]
}

/// Doors that change something and are no deed here, each with the reason.
pub const NOT_DEEDS: &[(&str, &str, &str)] = &[("POST", "/sign-out", "ends the session that every other deed needs")];

#[tokio::test]
async fn every_door_that_changes_something_has_its_deed_and_each_deed_can_be_done() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let deeds = all(&house);
    let missing: Vec<String> = doors::of(&house.router)
        .into_iter()
        .filter(|door| !door.is_safe() && !door.path.contains("{*"))
        .filter(|door| !deeds.iter().any(|deed| deed.door == *door))
        .filter(|door| !NOT_DEEDS.iter().any(|(method, path, _)| door.method.as_str() == *method && door.path == *path))
        .map(|door| format!("{} {}", door.method, door.path))
        .collect();
    assert_eq!(missing, [""; 0], "say in deeds.rs how each of these is done");
    assert!(NOT_DEEDS.len() <= 1, "what is no deed is proved by nothing here");

    let mut failed = Vec::new();
    for deed in &deeds {
        let told = deed.done(&house).await;
        if !(told.status.is_success() || told.status.is_redirection()) {
            failed.push(format!("{} {}: {} {}", deed.door.method, deed.address, told.status, excerpt(&told)));
        }
    }
    assert_eq!(failed, [""; 0]);
}

/// What of an answer tells somebody who reads a failed test what went wrong.
pub fn excerpt(told: &Told) -> String {
    let text = told.text();
    let main = text.split_once("<main").map_or(text.as_str(), |(_, main)| main);
    let mut words = String::new();
    let mut inside = false;
    for letter in main.chars() {
        match letter {
            '<' => inside = true,
            '>' => {
                inside = false;
                words.push(' ');
            }
            letter if !inside => words.push(letter),
            _ => {}
        }
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(600).collect()
}
