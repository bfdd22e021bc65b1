//! What Backstage asks of a descriptor, and what a descriptor says about other entities.
//!
//! After the published JSON schemas, field-format policy and built-in relations of `@backstage/catalog-model` 1.7
//! (backstage.io/docs/features/software-catalog/descriptor-format). A field that is `null` counts as left out.

use std::collections::{BTreeMap, HashSet};

use model::{
    EntityRef, Kind, Link, RelationType,
    catalog::{DEFAULT_NAMESPACE, MAX_NAME, NAME_RULE, NAMESPACE_RULE, is_name, is_namespace},
};
use serde_json::{Map, Value};

use super::{Metadata, includes, marks, yaml::Step};

/// What a descriptor says once it is known to be right.
pub(super) struct Checked {
    pub kind: Kind,
    pub api_version: String,
    pub metadata: Metadata,
    pub spec: Value,
    pub relations: Vec<(RelationType, EntityRef)>,
}

/// One thing that is wrong, and the way to it.
pub(super) struct Wrong {
    pub at: Vec<Step>,
    pub reason: String,
}

/// A field of a kind's spec.
struct Field {
    name: &'static str,
    shape: Shape,
    required: bool,
}

#[derive(Clone, Copy)]
enum Shape {
    Text,
    Texts,
    /// Anything in a list.
    List,
    /// Text, or a placeholder such as `$text` that stands for a file.
    Definition,
    /// One entity or several, and how this one stands to it.
    Ref(Option<Kind>, RelationType),
    Refs(Option<Kind>, RelationType),
}

const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: true }
}

const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false }
}

const OWNED_BY: Shape = Shape::Ref(Some(Kind::Group), RelationType::OwnedBy);
const PART_OF_SYSTEM: Shape = Shape::Ref(Some(Kind::System), RelationType::PartOf);
// A thing may depend on any kind, so these references have to name theirs.
const DEPENDS_ON: Shape = Shape::Refs(None, RelationType::DependsOn);
const DEPENDENCY_OF: Shape = Shape::Refs(None, RelationType::DependencyOf);

const fn fields(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Component => COMPONENT,
        Kind::Api => API,
        Kind::Resource => RESOURCE,
        Kind::System => SYSTEM,
        Kind::Domain => DOMAIN,
        Kind::Group => GROUP,
        Kind::User => USER,
        Kind::Location => LOCATION,
        Kind::Template => TEMPLATE,
    }
}

const COMPONENT: &[Field] = &[
    required("type", Shape::Text),
    required("lifecycle", Shape::Text),
    required("owner", OWNED_BY),
    optional("system", PART_OF_SYSTEM),
    optional("subcomponentOf", Shape::Ref(Some(Kind::Component), RelationType::PartOf)),
    optional("providesApis", Shape::Refs(Some(Kind::Api), RelationType::ProvidesApi)),
    optional("consumesApis", Shape::Refs(Some(Kind::Api), RelationType::ConsumesApi)),
    optional("dependsOn", DEPENDS_ON),
    optional("dependencyOf", DEPENDENCY_OF),
];

const API: &[Field] = &[
    required("type", Shape::Text),
    required("lifecycle", Shape::Text),
    required("owner", OWNED_BY),
    required("definition", Shape::Definition),
    optional("system", PART_OF_SYSTEM),
];

const RESOURCE: &[Field] = &[
    required("type", Shape::Text),
    required("owner", OWNED_BY),
    optional("system", PART_OF_SYSTEM),
    optional("dependsOn", DEPENDS_ON),
    optional("dependencyOf", DEPENDENCY_OF),
];

const SYSTEM: &[Field] = &[
    required("owner", OWNED_BY),
    optional("domain", Shape::Ref(Some(Kind::Domain), RelationType::PartOf)),
    optional("type", Shape::Text),
];

const DOMAIN: &[Field] = &[
    required("owner", OWNED_BY),
    optional("subdomainOf", Shape::Ref(Some(Kind::Domain), RelationType::PartOf)),
    optional("type", Shape::Text),
];

const GROUP: &[Field] = &[
    required("type", Shape::Text),
    required("children", Shape::Refs(Some(Kind::Group), RelationType::ParentOf)),
    optional("parent", Shape::Ref(Some(Kind::Group), RelationType::ChildOf)),
    optional("members", Shape::Refs(Some(Kind::User), RelationType::HasMember)),
];

const USER: &[Field] = &[required("memberOf", Shape::Refs(Some(Kind::Group), RelationType::MemberOf))];

const LOCATION: &[Field] =
    &[optional("type", Shape::Text), optional("target", Shape::Text), optional("targets", Shape::Texts)];

const TEMPLATE: &[Field] =
    &[required("type", Shape::Text), required("steps", Shape::List), optional("owner", OWNED_BY)];

const API_VERSIONS: &[&str] = &["backstage.io/v1alpha1", "backstage.io/v1beta1"];
const TEMPLATE_API_VERSIONS: &[&str] =
    &["scaffolder.backstage.io/v1beta3", "backstage.io/v1alpha1", "backstage.io/v1beta1"];

/// The members a descriptor has; `relations` and `status` come back from an export and are not read.
const ROOT: &[&str] = &["apiVersion", "kind", "metadata", "spec", "relations", "status"];

/// Everything that is wrong with a document, or what it says. What a file is still to fill, at the JSON pointers
/// `pending`, counts as right.
pub(super) fn check(document: Value, pending: &HashSet<String>) -> Result<Checked, Vec<Wrong>> {
    let Value::Object(mut document) = document else {
        return Err(vec![Wrong {
            at: Vec::new(),
            reason: "a descriptor is a mapping with apiVersion, kind, metadata and spec".to_owned(),
        }]);
    };
    if !document.contains_key("apiVersion") && !document.contains_key("kind") {
        let reason = "this is not a Backstage descriptor: it has neither apiVersion nor kind";
        return Err(vec![Wrong { at: Vec::new(), reason: reason.to_owned() }]);
    }
    let mut check = Check { wrong: Vec::new(), at: Vec::new(), pending };
    check.own_words(&document);
    check.templated(&document);
    if !check.wrong.is_empty() {
        return Err(check.wrong);
    }

    let kind = check.kind(&document);
    let api_version = check.api_version(&document, kind).unwrap_or_default().to_owned();
    for name in document.keys().filter(|name| !ROOT.contains(&name.as_str())) {
        check.under(name, |check| check.wrong("a descriptor has no such field; it may belong under metadata or spec"));
    }
    let metadata = check.mapping(&document, "metadata", true, Check::metadata).unwrap_or_default();
    let mut relations = Vec::new();
    if let Some(kind) = kind {
        let entity = EntityRef::new(kind, &metadata.namespace, &metadata.name);
        relations = check.mapping(&document, "spec", true, |check, spec| check.spec(spec, &entity)).unwrap_or_default();
    }
    match kind {
        Some(kind) if check.wrong.is_empty() => {
            let spec = document.remove("spec").unwrap_or_default();
            Ok(Checked { kind, api_version, metadata, spec, relations })
        }
        _ => Err(check.wrong),
    }
}

/// Collects what is wrong on the way through a document.
struct Check<'p> {
    wrong: Vec<Wrong>,
    at: Vec<Step>,
    pending: &'p HashSet<String>,
}

impl Check<'_> {
    fn wrong(&mut self, reason: impl Into<String>) {
        /// Enough to mend a file by; a file that is wrong everywhere is another kind of file.
        const MOST: usize = 100;

        if self.wrong.len() < MOST {
            self.wrong.push(Wrong { at: self.at.clone(), reason: reason.into() });
        }
    }

    fn under<T>(&mut self, name: &str, inside: impl FnOnce(&mut Self) -> T) -> T {
        /// Longer ones are keys of nobody's, and are repeated in each error beneath them.
        const LONGEST: usize = 256;

        self.at.push(Step::key(&name[..name.floor_char_boundary(LONGEST)]));
        let result = inside(self);
        self.at.pop();
        result
    }

    /// Whether a file is still to fill this place.
    fn is_pending(&self, value: &Value) -> bool {
        !self.pending.is_empty() && includes::is_include(value) && self.pending.contains(&includes::pointer(&self.at))
    }

    /// What an entity is and who may see it cannot wait for another file: the catalog knows it by these.
    fn own_words(&mut self, document: &Map<String, Value>) {
        if self.pending.is_empty() {
            return;
        }
        let annotations = document.get("metadata").and_then(|metadata| metadata.get("annotations"));
        let marks = annotations.and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let marks = marks.filter(|key| key.starts_with("rampart.dev/")).map(|key| vec!["metadata", "annotations", key]);
        let own: &[&[&str]] = &[
            &["apiVersion"],
            &["kind"],
            &["metadata"],
            &["metadata", "name"],
            &["metadata", "namespace"],
            &["metadata", "annotations"],
        ];
        for way in own.iter().map(|way| way.to_vec()).chain(marks) {
            let at: Vec<Step> = way.into_iter().map(Step::key).collect();
            if self.pending.contains(&includes::pointer(&at)) {
                let reason = "this must stand in the descriptor itself and cannot be included".to_owned();
                self.wrong.push(Wrong { at, reason });
            }
        }
    }

    fn kind(&mut self, document: &Map<String, Value>) -> Option<Kind> {
        let given = self.text(document, "kind", true)?;
        let reason = match given.parse::<Kind>() {
            Ok(kind) if kind.label() == given => return Some(kind),
            Ok(kind) => format!("kinds are written with their capitals: {}", kind.label()),
            Err(_) => {
                let known = Kind::ALL.iter().map(|kind| kind.label()).collect::<Vec<_>>().join(", ");
                format!("this kind is not read here; {known} are")
            }
        };
        self.under("kind", |check| check.wrong(reason));
        None
    }

    fn api_version<'v>(&mut self, document: &'v Map<String, Value>, kind: Option<Kind>) -> Option<&'v str> {
        let given = self.text(document, "apiVersion", true)?;
        let known = if kind == Some(Kind::Template) { TEMPLATE_API_VERSIONS } else { API_VERSIONS };
        if kind.is_some() && !known.contains(&given) {
            let reason = format!("this version is not read for this kind; use {}", known.join(" or "));
            self.under("apiVersion", |check| check.wrong(reason));
        }
        Some(given)
    }

    fn metadata(&mut self, given: &Map<String, Value>) -> Metadata {
        let name = self.text(given, "name", true).unwrap_or_default();
        if !name.is_empty() && !is_name(name) {
            self.under("name", |check| check.wrong(format!("a name is {NAME_RULE}")));
        }
        let namespace = self.text(given, "namespace", false);
        if namespace.is_some_and(|namespace| !is_namespace(namespace)) {
            self.under("namespace", |check| check.wrong(format!("a namespace is {NAMESPACE_RULE}")));
        }
        Metadata {
            name: name.to_owned(),
            namespace: namespace.unwrap_or(DEFAULT_NAMESPACE).to_owned(),
            title: self.text(given, "title", false).map(ToOwned::to_owned),
            description: self.any_text(given, "description").map(ToOwned::to_owned),
            labels: self.pairs(given, "labels", |value| value.is_empty() || is_name(value)),
            annotations: self.annotations(given),
            tags: self.tags(given),
            links: self.links(given),
        }
    }

    fn annotations(&mut self, given: &Map<String, Value>) -> BTreeMap<String, String> {
        let annotations = self.pairs(given, "annotations", |_| true);
        for (key, value) in &annotations {
            if let Some(reason) = marks::wrong(key, value) {
                self.under("annotations", |check| check.under(key, |check| check.wrong(reason)));
            }
        }
        annotations
    }

    fn pairs(
        &mut self,
        given: &Map<String, Value>,
        name: &str,
        is_value: fn(&str) -> bool,
    ) -> BTreeMap<String, String> {
        let pairs = self.mapping(given, name, false, |check, pairs| {
            let mut read = BTreeMap::new();
            for (key, value) in pairs {
                check.under(key, |check| {
                    if !is_key(key) {
                        check.wrong(format!("a key is {NAME_RULE}, after a domain name and / where it needs one"));
                    }
                    match value {
                        Value::String(value) if is_value(value) => {
                            read.insert(key.clone(), value.clone());
                        }
                        other if check.is_pending(other) => {}
                        Value::String(_) => check.wrong(format!("the value is neither empty nor {NAME_RULE}")),
                        other => check.wrong(not_text(other)),
                    }
                });
            }
            read
        });
        pairs.unwrap_or_default()
    }

    fn tags(&mut self, given: &Map<String, Value>) -> Vec<String> {
        let mut tags = Vec::new();
        self.texts(given, "tags", false, |check, tag| {
            if is_tag(tag) {
                tags.push(tag.to_owned());
            } else {
                check.wrong("a tag is 1 to 63 of a-z, 0-9, +, # and :, with - between them");
            }
        });
        tags
    }

    fn links(&mut self, given: &Map<String, Value>) -> Vec<Link> {
        let mut links = Vec::new();
        self.list(given, "links", false, |check, link| {
            if check.is_pending(link) {
                return;
            }
            let Value::Object(link) = link else {
                return check.wrong("a link is a mapping with a url");
            };
            let url = check.text(link, "url", true).unwrap_or_default();
            if !url.is_empty() && !is_link(url) {
                check.under("url", |check| check.wrong("a link is a whole address, such as https://example.com/page"));
            }
            links.push(Link {
                url: url.to_owned(),
                title: check.text(link, "title", false).map(ToOwned::to_owned),
                icon: check.text(link, "icon", false).map(ToOwned::to_owned),
                kind: check.text(link, "type", false).map(ToOwned::to_owned),
            });
        });
        links
    }

    fn spec(&mut self, spec: &Map<String, Value>, entity: &EntityRef) -> Vec<(RelationType, EntityRef)> {
        let mut relations = Vec::new();
        let mut relate =
            |check: &mut Self, kind, relation, text: &str| match EntityRef::parse(text, kind, &entity.namespace) {
                Ok(target) if target == *entity => check.wrong("an entity cannot stand in relation to itself"),
                Ok(target) => relations.push((relation, target)),
                Err(error) => check.wrong(error.to_string()),
            };
        for field in fields(entity.kind) {
            match field.shape {
                Shape::Text => {
                    self.text(spec, field.name, field.required);
                }
                Shape::Texts => self.texts(spec, field.name, field.required, |_, _| ()),
                Shape::List => self.list(spec, field.name, field.required, |_, _| ()),
                Shape::Definition => self.definition(spec, field),
                Shape::Ref(kind, relation) => {
                    if let Some(text) = self.text(spec, field.name, field.required) {
                        self.under(field.name, |check| relate(check, kind, relation, text));
                    }
                }
                Shape::Refs(kind, relation) => self.texts(spec, field.name, field.required, |check, text| {
                    relate(check, kind, relation, text);
                }),
            }
        }
        relations.sort();
        relations.dedup();
        relations
    }

    fn definition(&mut self, spec: &Map<String, Value>, field: &Field) {
        if let Some(Value::Object(placeholder)) = spec.get(field.name) {
            let is_placeholder = placeholder.len() == 1 && placeholder.keys().all(|key| key.starts_with('$'));
            if !is_placeholder {
                self.under(field.name, |check| {
                    check.wrong("a definition is text, or a placeholder such as $text with an address")
                });
            }
        } else {
            self.text(spec, field.name, field.required);
        }
    }

    /// A mapping of `of`, read by `inside` with the way to it kept.
    fn mapping<'v, T>(
        &mut self,
        of: &'v Map<String, Value>,
        name: &str,
        required: bool,
        inside: impl FnOnce(&mut Self, &'v Map<String, Value>) -> T,
    ) -> Option<T> {
        self.under(name, |check| match of.get(name) {
            Some(value) if check.is_pending(value) => None,
            Some(Value::Object(mapping)) => Some(inside(check, mapping)),
            None | Some(Value::Null) => {
                if required {
                    check.wrong("this is required");
                }
                None
            }
            Some(_) => {
                check.wrong("this must be a mapping");
                None
            }
        })
    }

    fn list<'v>(
        &mut self,
        of: &'v Map<String, Value>,
        name: &str,
        required: bool,
        mut each: impl FnMut(&mut Self, &'v Value),
    ) {
        self.under(name, |check| match of.get(name) {
            Some(Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    check.at.push(Step::Index(index));
                    each(check, value);
                    check.at.pop();
                }
            }
            None | Some(Value::Null) => {
                if required {
                    check.wrong("this is required; an empty list is []");
                }
            }
            Some(value) if check.is_pending(value) => {}
            Some(_) => check.wrong("this must be a list"),
        });
    }

    fn texts<'v>(
        &mut self,
        of: &'v Map<String, Value>,
        name: &str,
        required: bool,
        mut each: impl FnMut(&mut Self, &'v str),
    ) {
        self.list(of, name, required, |check, value| match value {
            Value::String(text) if !text.is_empty() => each(check, text),
            Value::String(_) => check.wrong("this must not be empty"),
            other if check.is_pending(other) => {}
            other => check.wrong(not_text(other)),
        });
    }

    /// A text that says something.
    fn text<'v>(&mut self, of: &'v Map<String, Value>, name: &str, required: bool) -> Option<&'v str> {
        if required && matches!(of.get(name), None | Some(Value::Null)) {
            self.under(name, |check| check.wrong("this is required"));
            return None;
        }
        let text = self.any_text(of, name)?;
        if text.is_empty() {
            self.under(name, |check| check.wrong("this must not be empty"));
            return None;
        }
        Some(text)
    }

    fn any_text<'v>(&mut self, of: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
        match of.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => {
                self.under(name, |check| {
                    if !check.is_pending(other) {
                        check.wrong(not_text(other));
                    }
                });
                None
            }
        }
    }

    /// Finds expressions that a template engine should have replaced. A Template's own spec is made of them, and an
    /// API's definition is somebody else's language.
    fn templated(&mut self, document: &Map<String, Value>) {
        let is_template = document.get("kind").and_then(Value::as_str) == Some(Kind::Template.label());
        for (name, value) in document {
            match (name.as_str(), value) {
                ("spec", _) if is_template => {}
                ("spec", Value::Object(spec)) => self.under(name, |check| {
                    for (name, value) in spec.iter().filter(|(name, _)| *name != "definition") {
                        check.under(name, |check| check.expressions(value));
                    }
                }),
                _ => self.under(name, |check| check.expressions(value)),
            }
        }
    }

    fn expressions(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.contains("${{") || text.contains("{{ values") || text.contains("{{values") => {
                self.wrong("this is a template expression; register what the template renders to");
            }
            Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    self.at.push(Step::Index(index));
                    self.expressions(value);
                    self.at.pop();
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.under(name, |check| check.expressions(value));
                }
            }
            _ => {}
        }
    }
}

fn not_text(value: &Value) -> String {
    let given = match value {
        Value::Bool(_) => "a truth value; put it in quotes",
        Value::Number(_) => "a number; put it in quotes",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
        Value::Null | Value::String(_) => "empty",
    };
    format!("this must be text and is {given}")
}

/// A label's or an annotation's key: a name, after a DNS subdomain and `/` where it has one.
fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_name(key),
        Some((domain, name)) => is_name(name) && domain.len() <= 253 && domain.split('.').all(is_namespace),
    }
}

fn is_tag(tag: &str) -> bool {
    let letters = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":+#".contains(&byte))
    };
    tag.len() <= MAX_NAME && tag.split('-').all(letters)
}

/// Whether a page may show it as a link: a whole address whose scheme runs nothing and opens no local file.
fn is_link(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| !matches!(url.scheme(), "javascript" | "data" | "vbscript" | "blob" | "file"))
}
