//! Operations of OpenAPI and AsyncAPI: what is there, what they ask for, what they answer.

use std::collections::{HashMap, HashSet};

use model::api::{ApiKind, Body, Content, Operation, Parameter, Response, SecurityNeed};

use super::{Comparison, Way, rules};

impl<'a> Comparison<'a> {
    pub fn operations(&mut self) {
        let (old, new) = (self.old.api, self.new.api);
        let there = new.operations.iter().map(|operation| (key(operation), operation)).collect::<HashMap<_, _>>();
        let before = old.operations.iter().map(key).collect::<HashSet<_>>();
        let channels = new.operations.iter().map(|operation| wild(&operation.path)).collect::<HashSet<_>>();
        for operation in &old.operations {
            let at = operation.heading();
            match there.get(&key(operation)) {
                Some(new) => self.operation(operation, new, &at),
                None => {
                    let whole = old.kind == ApiKind::AsyncApi && !channels.contains(&wild(&operation.path));
                    let (rule, message) = if whole {
                        (&rules::CHANNEL_REMOVED, "the channel is gone")
                    } else {
                        (&rules::OPERATION_REMOVED, "the operation is gone")
                    };
                    self.gone(rule, at, message.to_owned(), operation.deprecated, operation.sunset);
                }
            }
        }
        for operation in new.operations.iter().filter(|operation| !before.contains(&key(operation))) {
            self.report(&rules::OPERATION_ADDED, operation.heading(), "the operation is new");
        }
        for server in old.servers.iter().filter(|server| !new.servers.iter().any(|other| other.url == server.url)) {
            self.report(&rules::SERVER_REMOVED, "servers", format!("{} is no longer listed", server.url));
        }
        for scheme in &old.security_schemes {
            let other = new.security_schemes.iter().find(|other| other.name == scheme.name);
            if let Some(other) = other.filter(|other| other.kind != scheme.kind) {
                let message = format!("{} became {}", scheme.kind, other.kind);
                self.report(&rules::SECURITY_SCHEME_CHANGED, format!("security scheme {}", scheme.name), message);
            }
        }
        self.named();
    }

    fn operation(&mut self, old: &'a Operation, new: &'a Operation, at: &str) {
        if !self.step() {
            return;
        }
        if new.deprecated && !old.deprecated {
            let until = new.sunset.map(|sunset| format!(" until {sunset}")).unwrap_or_default();
            self.report(&rules::OPERATION_DEPRECATED, at, format!("the operation is deprecated{until}"));
        }
        if (&old.summary, &old.description) != (&new.summary, &new.description) {
            self.report(&rules::OPERATION_DESCRIPTION_CHANGED, at, "the operation is described in other words");
        }
        let asked = way(new);
        self.parameters(old, new, asked, at);
        self.request(old.request.as_ref(), new.request.as_ref(), asked, at);
        self.responses(&old.responses, &new.responses, asked.other(), at);
        if old.verb != "webhook" {
            self.security(&old.security, &new.security, at);
        }
    }

    fn parameters(&mut self, old: &'a Operation, new: &'a Operation, way: Way, at: &str) {
        let renamed = names(&old.path).into_iter().zip(names(&new.path)).collect::<HashMap<_, _>>();
        let name = |parameter: &'a Parameter| match parameter.place.as_str() {
            "path" | "channel" => *renamed.get(parameter.name.as_str()).unwrap_or(&parameter.name.as_str()),
            _ => parameter.name.as_str(),
        };
        for (before, after) in renamed.iter().filter(|(before, after)| before != after) {
            self.report(&rules::PATH_PARAMETER_RENAMED, at, format!("{{{before}}} is called {{{after}}}"));
        }
        let place = |parameter: &'a Parameter| (parameter.place.as_str(), folded(&parameter.place, &parameter.name));
        let there = new.parameters.iter().map(|parameter| (place(parameter), parameter)).collect::<HashMap<_, _>>();
        let before = old.parameters.iter().map(place).collect::<HashSet<_>>();
        let mut known = HashSet::new();
        for parameter in &old.parameters {
            let at = format!("{at}: {} parameter {}", parameter.place, parameter.name);
            let key = (parameter.place.as_str(), folded(&parameter.place, name(parameter)));
            if let Some(new) = there.get(&key) {
                known.insert(key);
                self.parameter(parameter, new, way, &at);
                continue;
            }
            let moved =
                new.parameters.iter().find(|other| other.name == parameter.name && !before.contains(&place(other)));
            match moved {
                Some(other) => {
                    known.insert(place(other));
                    let message = format!("the parameter is expected in {}, not in {}", other.place, parameter.place);
                    self.report(&rules::PARAMETER_MOVED, at, message);
                }
                None => {
                    let message = "the parameter is gone".to_owned();
                    self.gone(&rules::PARAMETER_REMOVED, at, message, parameter.deprecated, parameter.sunset);
                }
            }
        }
        for parameter in new.parameters.iter().filter(|parameter| !known.contains(&place(parameter))) {
            let at = format!("{at}: {} parameter {}", parameter.place, parameter.name);
            if parameter.required {
                self.report(&rules::REQUIRED_PARAMETER_ADDED, at, "the parameter is new and has to be given");
            } else {
                self.report(&rules::OPTIONAL_PARAMETER_ADDED, at, "the parameter is new and may be given");
            }
        }
    }

    fn parameter(&mut self, old: &'a Parameter, new: &'a Parameter, way: Way, at: &str) {
        match (old.required, new.required) {
            (false, true) => self.report(&rules::PARAMETER_BECAME_REQUIRED, at, "the parameter has to be given now"),
            (true, false) => {
                self.report(&rules::PARAMETER_BECAME_OPTIONAL, at, "the parameter need not be given any more");
            }
            _ => {}
        }
        if new.deprecated && !old.deprecated {
            self.report(&rules::PARAMETER_DEPRECATED, at, "the parameter is deprecated");
        }
        self.schema(&old.schema, &new.schema, way, at, 0);
    }

    fn request(&mut self, old: Option<&'a Body>, new: Option<&'a Body>, way: Way, at: &str) {
        match (old, new) {
            (None, None) => {}
            (None, Some(body)) if body.required => {
                self.report(&rules::REQUIRED_REQUEST_BODY_ADDED, at, "a body has to be sent now");
            }
            (None, Some(_)) => self.report(&rules::OPTIONAL_REQUEST_BODY_ADDED, at, "a body may be sent now"),
            (Some(_), None) => self.report(&rules::REQUEST_BODY_REMOVED, at, "no body is taken any more"),
            (Some(old), Some(new)) => {
                match (old.required, new.required) {
                    (false, true) => {
                        self.report(&rules::REQUEST_BODY_BECAME_REQUIRED, at, "the body has to be sent now");
                    }
                    (true, false) => {
                        self.report(&rules::REQUEST_BODY_BECAME_OPTIONAL, at, "the body need not be sent any more");
                    }
                    _ => {}
                }
                self.contents(&old.contents, &new.contents, way, &format!("{at}: request"));
            }
        }
    }

    fn responses(&mut self, old: &'a [Response], new: &'a [Response], way: Way, at: &str) {
        for response in old {
            let named = if response.status.is_empty() { String::new() } else { format!(" {}", response.status) };
            let at = format!("{at}: response{named}");
            let family = format!("{}XX", response.status.get(..1).unwrap_or_default());
            // What stands for every other answer stands for errors; a success is not one of them.
            let rest = if response.status.starts_with(['4', '5']) { "default" } else { &family };
            let wanted = [response.status.as_str(), &family, rest];
            let other =
                wanted.iter().find_map(|status| new.iter().find(|other| other.status.eq_ignore_ascii_case(status)));
            let Some(other) = other else {
                let error = response.status.starts_with(['4', '5']);
                let rule = if error { &rules::ERROR_STATUS_REMOVED } else { &rules::RESPONSE_STATUS_REMOVED };
                self.report(rule, at, "the response is not given any more");
                continue;
            };
            self.contents(&response.contents, &other.contents, way, &at);
            for header in &response.headers {
                let at = format!("{at}, header {}", header.name);
                match other.headers.iter().find(|other| other.name.eq_ignore_ascii_case(&header.name)) {
                    None => {
                        let message = "the header is gone".to_owned();
                        self.gone(&rules::RESPONSE_HEADER_REMOVED, at, message, header.deprecated, header.sunset);
                    }
                    Some(new) => {
                        if header.required && !new.required {
                            let message = "the header may be missing now";
                            self.report(&rules::RESPONSE_HEADER_BECAME_OPTIONAL, at.as_str(), message);
                        }
                        self.schema(&header.schema, &new.schema, way, &at, 0);
                    }
                }
            }
        }
        for response in new {
            if !old.iter().any(|other| other.status.eq_ignore_ascii_case(&response.status)) {
                let message = "there is another response";
                self.report(&rules::RESPONSE_STATUS_ADDED, format!("{at}: response {}", response.status), message);
            }
        }
    }

    /// Compares the forms of a body: media types, or messages.
    fn contents(&mut self, old: &'a [Content], new: &'a [Content], way: Way, at: &str) {
        let messages = self.new.api.kind == ApiKind::AsyncApi;
        let same = |one: &Content, other: &Content| {
            if messages { one.name == other.name } else { media_type(&one.media_type) == media_type(&other.media_type) }
        };
        for content in old {
            let named = if messages { &content.name } else { &content.media_type };
            let at = format!("{at} {named}").trim_end().to_owned();
            let alone = messages && old.len() == 1 && new.len() == 1;
            let any = |other: &&Content| !messages && other.media_type == "*/*";
            let other = new.iter().find(|other| same(content, other)).or_else(|| new.iter().find(any));
            let Some(other) = other.or_else(|| new.first().filter(|_| alone)) else {
                match (messages, way) {
                    (true, _) => self.report(&rules::MESSAGE_REMOVED, at, "the message is gone"),
                    (false, Way::Request) => {
                        self.report(&rules::REQUEST_MEDIA_TYPE_REMOVED, at, "the media type is not taken any more");
                    }
                    (false, Way::Response) => {
                        self.report(&rules::RESPONSE_MEDIA_TYPE_REMOVED, at, "the media type is not given any more");
                    }
                }
                continue;
            };
            if messages && media_type(&content.media_type) != media_type(&other.media_type) {
                let message = format!("{:?} became {:?}", content.media_type, other.media_type);
                self.report(&rules::MESSAGE_CONTENT_TYPE_CHANGED, at.as_str(), message);
            }
            let nothing = super::schemas::nothing();
            let pairs = [(&content.schema, &other.schema, ""), (&content.headers, &other.headers, ", headers")];
            for (old, new, part) in pairs {
                if old.is_some() || new.is_some() {
                    let (old, new) = (old.as_ref().unwrap_or(nothing), new.as_ref().unwrap_or(nothing));
                    self.schema(old, new, way, &format!("{at}{part}"), 0);
                }
            }
        }
        let alone = messages && old.len() == 1 && new.len() == 1;
        for content in new.iter().filter(|content| !alone && !old.iter().any(|other| same(content, other))) {
            let named = if messages { &content.name } else { &content.media_type };
            let rule = match (messages, way) {
                (true, _) => &rules::MESSAGE_ADDED,
                (false, Way::Request) => &rules::REQUEST_MEDIA_TYPE_ADDED,
                (false, Way::Response) => &rules::RESPONSE_MEDIA_TYPE_ADDED,
            };
            self.report(rule, format!("{at} {named}"), "this form is new");
        }
    }

    fn security(&mut self, old: &[Vec<SecurityNeed>], new: &[Vec<SecurityNeed>], at: &str) {
        let nobody_asks = [Vec::new()];
        let old = if old.is_empty() { &nobody_asks[..] } else { old };
        let new = if new.is_empty() { &nobody_asks[..] } else { new };
        // What brings at least what is asked for gets in.
        let enough = |brought: &[SecurityNeed], asked: &[SecurityNeed]| {
            asked.iter().all(|need| {
                brought.iter().any(|have| {
                    have.scheme == need.scheme && need.scopes.iter().all(|scope| have.scopes.contains(scope))
                })
            })
        };
        let shut = old.iter().filter(|brought| !new.iter().any(|asked| enough(brought, asked))).collect::<Vec<_>>();
        for way in &shut {
            let message = format!("{} is not enough any more", words(way));
            self.report(&rules::SECURITY_TIGHTENED, at, message);
        }
        let opened = new.iter().filter(|asked| !old.iter().any(|brought| enough(asked, brought)));
        for way in opened.filter(|_| shut.is_empty()) {
            self.report(&rules::SECURITY_LOOSENED, at, format!("{} is enough now", words(way)));
        }
    }
}

fn words(way: &[SecurityNeed]) -> String {
    let need = |need: &SecurityNeed| match need.scopes.is_empty() {
        true => need.scheme.clone(),
        false => format!("{} ({})", need.scheme, need.scopes.join(", ")),
    };
    if way.is_empty() { "no proof".to_owned() } else { way.iter().map(need).collect::<Vec<_>>().join(" and ") }
}

/// What makes an operation the same one: direction and address; the names of the address's parts do not count.
fn key(operation: &Operation) -> (&str, String) {
    let verb = match operation.verb.as_str() {
        "publish" => "receive",
        "subscribe" => "send",
        verb => verb,
    };
    (verb, wild(&operation.path))
}

/// The way of an operation's request.
fn way(operation: &Operation) -> Way {
    if operation.verb == "webhook" { Way::Response } else { Way::Request }
}

fn wild(path: &str) -> String {
    let mut parts = path.split('{');
    let mut wild = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        wild.push_str("{}");
        wild.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
    }
    wild
}

/// The names in a path's braces.
fn names(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect()
}

/// Headers are the same in capitals.
fn folded(place: &str, name: &str) -> String {
    if place == "header" { name.to_ascii_lowercase() } else { name.to_owned() }
}

fn media_type(name: &str) -> String {
    name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
