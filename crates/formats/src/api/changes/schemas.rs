//! JSON schemas in one direction: what is sent may be asked for more loosely, what is given more strictly.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::LazyLock,
};

use model::api::{EnumValue, Schema};
use serde_json::Value;
use time::Date;

use super::{super::clipped, Comparison, Side, Way, rules};

/// Schemas within each other, where only one of the two versions has names for them.
const MAX_DEPTH: usize = 48;
/// Schemas that one is put together from.
const MAX_PARTS: usize = 10_000;

/// The schema that says nothing.
pub(super) fn nothing<'n>() -> &'n Schema {
    static NOTHING: LazyLock<Schema> = LazyLock::new(Schema::default);
    &NOTHING
}

/// A schema with what it links to and what `allOf` adds, at its outermost level.
#[derive(Default)]
struct Flat<'a> {
    types: Vec<&'a str>,
    format: &'a str,
    properties: BTreeMap<&'a str, Member<'a>>,
    items: Option<&'a Schema>,
    additional: Option<&'a Schema>,
    closed: bool,
    values: Vec<&'a EnumValue>,
    constraints: BTreeMap<&'a str, &'a Value>,
    alternatives: Vec<&'a Schema>,
    unresolved: Option<&'a str>,
    /// How many schemas it was put together from.
    parts: usize,
}

#[derive(Clone, Copy)]
struct Member<'a> {
    required: bool,
    schema: &'a Schema,
}

impl<'a> Side<'a> {
    fn flat(&self, schema: &'a Schema) -> Flat<'a> {
        let mut flat = Flat::default();
        let (mut open, mut seen) = (vec![schema], HashSet::new());
        while let Some(schema) = open.pop() {
            flat.parts += 1;
            if flat.parts > MAX_PARTS {
                break;
            }
            if let Some(name) = schema.link.as_deref() {
                match self.schema(name) {
                    Some(target) if seen.insert(name) => open.push(target),
                    Some(_) => {}
                    None => flat.unresolved = Some(name),
                }
            }
            flat.unresolved = flat.unresolved.or(schema.unresolved.as_deref());
            open.extend(schema.all_of.iter().rev());
            flat.add(schema);
        }
        if flat.types.is_empty() {
            if !flat.properties.is_empty() {
                flat.types.push("object");
            } else if flat.items.is_some() {
                flat.types.push("array");
            }
        }
        flat
    }

    /// Whether null is among the values, as the schema and what it links to say.
    fn nullable(&self, mut schema: &'a Schema) -> bool {
        for _ in 0..16 {
            if schema.nullable {
                return true;
            }
            match schema.link.as_deref().and_then(|name| self.schema(name)) {
                Some(target) => schema = target,
                None => return false,
            }
        }
        false
    }
}

impl<'a> Flat<'a> {
    fn add(&mut self, schema: &'a Schema) {
        if self.types.is_empty() {
            self.types = schema.types.iter().map(String::as_str).collect();
        }
        if self.format.is_empty() {
            self.format = &schema.format;
        }
        for property in &schema.properties {
            let new = Member { required: property.required, schema: &property.schema };
            self.properties
                .entry(&property.name)
                .and_modify(|known| {
                    known.required |= new.required;
                    if *known.schema == *nothing() {
                        known.schema = new.schema;
                    }
                })
                .or_insert(new);
        }
        self.items = self.items.or(schema.items.as_deref());
        self.additional = self.additional.or(schema.additional.as_deref());
        self.closed |= schema.closed;
        if self.values.is_empty() {
            self.values = schema.values.iter().collect();
        }
        for (name, value) in &schema.constraints {
            self.constraints.entry(name).or_insert(value);
        }
        self.alternatives.extend(schema.one_of.iter().chain(&schema.any_of));
    }
}

impl<'a> Comparison<'a> {
    /// Compares the pairs of named schemas that operations led to, and those that they lead to.
    pub fn named(&mut self) {
        while let Some((old, new, way)) = self.pending.pop_front()
            && self.work > 0
        {
            if let (Some(before), Some(after)) = (self.old.schema(old), self.new.schema(new)) {
                self.inside(before, after, way, &format!("schema {}", clipped(old)), 0);
            }
        }
    }

    pub fn schema(&mut self, old: &'a Schema, new: &'a Schema, way: Way, at: &str, depth: usize) {
        let at = clipped(at);
        if depth > MAX_DEPTH {
            self.work = 0;
        }
        if !self.step() {
            return;
        }
        match (self.old.nullable(old), self.new.nullable(new), way) {
            (true, false, Way::Request) => self.report(&rules::REQUEST_NULL_REFUSED, at, "null is not taken any more"),
            (false, true, Way::Request) => self.report(&rules::REQUEST_NULL_ACCEPTED, at, "null is taken now"),
            (true, false, Way::Response) => {
                self.report(&rules::RESPONSE_NULL_REMOVED, at, "null is not given any more");
            }
            (false, true, Way::Response) => self.report(&rules::RESPONSE_NULL_ADDED, at, "null may be given now"),
            _ => {}
        }
        // What has a name in both is compared once, under that name, however often it is used.
        if let (Some(before), Some(after)) = (old.link.as_deref(), new.link.as_deref())
            && self.old.schema(before).is_some()
            && self.new.schema(after).is_some()
        {
            if self.seen.insert((before, after, way)) {
                self.pending.push_back((before, after, way));
            }
            return;
        }
        self.inside(old, new, way, at, depth);
    }

    fn inside(&mut self, old: &'a Schema, new: &'a Schema, way: Way, at: &str, depth: usize) {
        let (before, after) = (self.old.flat(old), self.new.flat(new));
        let size = |flat: &Flat<'_>| flat.parts + flat.properties.len();
        self.work = self.work.saturating_sub(size(&before) + size(&after));
        if before.unresolved != after.unresolved {
            let message = format!(
                "{} became {}",
                before.unresolved.unwrap_or("a schema of this document"),
                after.unresolved.unwrap_or("a schema of this document")
            );
            self.report(&rules::REFERENCE_CHANGED, at, message);
            return;
        }
        match (before.alternatives.is_empty(), after.alternatives.is_empty()) {
            (true, true) => {}
            (false, false) => self.alternatives(&before.alternatives, &after.alternatives, way, at, depth),
            // One schema is one alternative.
            (true, false) if after.properties.is_empty() => {
                return self.alternatives(&[old], &after.alternatives, way, at, depth);
            }
            (false, true) if before.properties.is_empty() => {
                return self.alternatives(&before.alternatives, &[new], way, at, depth);
            }
            (true, false) => self.alternatives(&[], &after.alternatives, way, at, depth),
            (false, true) => self.alternatives(&before.alternatives, &[], way, at, depth),
        }
        if !self.types(&before, &after, way, at) {
            return;
        }
        self.values(&before, &after, way, at);
        self.constraints(&before, &after, way, at);
        self.members(&before, &after, way, at, depth);
        match (before.items, after.items) {
            (None, None) => {}
            (old, new) => {
                let (old, new) = (old.unwrap_or_else(nothing), new.unwrap_or_else(nothing));
                self.schema(old, new, way, &format!("{at}[]"), depth + 1);
            }
        }
    }

    /// Whether the rest can be compared.
    fn types(&mut self, old: &Flat<'a>, new: &Flat<'a>, way: Way, at: &str) -> bool {
        let covers = |all: &Flat<'_>, part: &Flat<'_>| {
            let takes =
                |name: &&str| all.types.contains(name) || (**name == *"integer" && all.types.contains(&"number"));
            all.types.is_empty() || (!part.types.is_empty() && part.types.iter().all(takes))
        };
        let words = |flat: &Flat<'_>| if flat.types.is_empty() { "any".to_owned() } else { flat.types.join(" or ") };
        let message = || format!("{} became {}", words(old), words(new));
        match (covers(new, old), covers(old, new), way) {
            (true, true, _) => {}
            (true, false, Way::Request) => self.report(&rules::REQUEST_TYPE_WIDENED, at, message()),
            (false, true, Way::Request) => self.report(&rules::REQUEST_TYPE_NARROWED, at, message()),
            (true, false, Way::Response) => self.report(&rules::RESPONSE_TYPE_WIDENED, at, message()),
            (false, true, Way::Response) => self.report(&rules::RESPONSE_TYPE_NARROWED, at, message()),
            (false, false, way) => {
                let request = way == Way::Request;
                let rule = if request { &rules::REQUEST_TYPE_CHANGED } else { &rules::RESPONSE_TYPE_CHANGED };
                self.report(rule, at, message());
                return false;
            }
        }
        if old.format != new.format {
            let widened = wider(old.format, new.format);
            let narrowed = wider(new.format, old.format);
            let rule = match way {
                Way::Request if widened => &rules::REQUEST_FORMAT_WIDENED,
                Way::Request => &rules::REQUEST_FORMAT_CHANGED,
                Way::Response if narrowed => &rules::RESPONSE_FORMAT_NARROWED,
                Way::Response => &rules::RESPONSE_FORMAT_CHANGED,
            };
            let words = |format: &str| if format.is_empty() { "no format".to_owned() } else { format.to_owned() };
            self.report(rule, at, format!("{} became {}", words(old.format), words(new.format)));
        }
        true
    }

    fn values(&mut self, old: &Flat<'a>, new: &Flat<'a>, way: Way, at: &str) {
        match (old.values.is_empty(), new.values.is_empty(), way) {
            (true, true, _) => return,
            (true, false, Way::Request) => {
                return self.report(&rules::REQUEST_ENUM_ADDED, at, "only listed values are taken now");
            }
            (false, true, Way::Request) => {
                return self.report(&rules::REQUEST_ENUM_REMOVED, at, "other values are taken now");
            }
            (true, false, Way::Response) => {
                return self.report(&rules::RESPONSE_ENUM_ADDED, at, "only listed values are given now");
            }
            (false, true, Way::Response) => {
                return self.report(&rules::RESPONSE_ENUM_REMOVED, at, "values that are not listed may be given now");
            }
            (false, false, _) => {}
        }
        let set = |flat: &Flat<'a>| flat.values.iter().map(|value| value.value.as_str()).collect::<HashSet<_>>();
        let (before, after) = (set(old), set(new));
        for value in before.difference(&after) {
            match way {
                Way::Request => {
                    self.report(&rules::REQUEST_ENUM_VALUE_REMOVED, at, format!("{value:?} is not taken any more"));
                }
                Way::Response => {
                    self.report(&rules::RESPONSE_ENUM_VALUE_REMOVED, at, format!("{value:?} is not given any more"));
                }
            }
        }
        for value in after.difference(&before) {
            match way {
                Way::Request => self.report(&rules::REQUEST_ENUM_VALUE_ADDED, at, format!("{value:?} is taken now")),
                Way::Response => {
                    self.report(&rules::RESPONSE_ENUM_VALUE_ADDED, at, format!("{value:?} may be given now"));
                }
            }
        }
    }

    fn constraints(&mut self, old: &Flat<'a>, new: &Flat<'a>, way: Way, at: &str) {
        let names =
            old.constraints.keys().chain(new.constraints.keys()).copied().collect::<std::collections::BTreeSet<_>>();
        for name in names {
            let (before, after) = (old.constraints.get(name).copied(), new.constraints.get(name).copied());
            if before == after
                || before.and_then(Value::as_f64).is_some_and(|old| after.and_then(Value::as_f64) == Some(old))
            {
                continue;
            }
            let words = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
            let message = format!("{name}: {} became {}", words(before), words(after));
            if name == "pattern" && before.is_some() && after.is_some() {
                let request = way == Way::Request;
                let rule = if request { &rules::REQUEST_PATTERN_CHANGED } else { &rules::RESPONSE_PATTERN_CHANGED };
                self.report(rule, at, message);
                continue;
            }
            let (tighter, looser) = (tightens(name, before, after), tightens(name, after, before));
            match way {
                Way::Request if tighter => self.report(&rules::REQUEST_CONSTRAINT_TIGHTENED, at, message),
                Way::Request => self.report(&rules::REQUEST_CONSTRAINT_LOOSENED, at, message),
                Way::Response if looser => self.report(&rules::RESPONSE_CONSTRAINT_LOOSENED, at, message),
                Way::Response => self.report(&rules::RESPONSE_CONSTRAINT_TIGHTENED, at, message),
            }
        }
    }

    fn members(&mut self, old: &Flat<'a>, new: &Flat<'a>, way: Way, at: &str, depth: usize) {
        let is_object = |flat: &Flat<'_>| flat.types.is_empty() || flat.types.contains(&"object");
        if is_object(old) && is_object(new) {
            match (old.closed, new.closed, way) {
                (false, true, Way::Request) => {
                    self.report(&rules::REQUEST_CLOSED, at, "members that are not listed are refused now");
                }
                (true, false, Way::Request) => {
                    self.report(&rules::REQUEST_OPENED, at, "members that are not listed are taken now");
                }
                (true, false, Way::Response) => {
                    self.report(&rules::RESPONSE_OPENED, at, "members that are not listed may be given now");
                }
                _ => {}
            }
        }
        if old.additional.is_some() || new.additional.is_some() {
            let (before, after) = (old.additional.unwrap_or_else(nothing), new.additional.unwrap_or_else(nothing));
            if !old.closed && !new.closed {
                self.schema(before, after, way, &format!("{at}.*"), depth + 1);
            }
        }
        // A member that goes the other way only is none here.
        let hidden = |schema: &Schema| match way {
            Way::Request => schema.read_only,
            Way::Response => schema.write_only,
        };
        for (name, member) in &old.properties {
            let at = format!("{at}.{name}");
            if hidden(member.schema) {
                continue;
            }
            match new.properties.get(name).filter(|other| !hidden(other.schema)) {
                Some(other) => self.member(*member, *other, way, &at, depth),
                None => {
                    let (deprecated, sunset) = self.end(member.schema);
                    let (rule, message) = match way {
                        Way::Request if new.closed => (&rules::REQUEST_PROPERTY_REMOVED, "the member is refused now"),
                        Way::Request => (&rules::REQUEST_PROPERTY_IGNORED, "the member has no meaning any more"),
                        Way::Response => (&rules::RESPONSE_PROPERTY_REMOVED, "the member is not given any more"),
                    };
                    self.gone(rule, at, message.to_owned(), deprecated, sunset);
                }
            }
        }
        for (name, member) in new.properties.iter().filter(|(_, member)| !hidden(member.schema)) {
            if old.properties.get(name).is_some_and(|other| !hidden(other.schema)) {
                continue;
            }
            let (rule, message) = match (way, member.required) {
                (Way::Request, true) => {
                    (&rules::REQUIRED_REQUEST_PROPERTY_ADDED, "the member is new and has to be sent")
                }
                (Way::Request, false) => (&rules::OPTIONAL_REQUEST_PROPERTY_ADDED, "the member is new and may be sent"),
                (Way::Response, _) => (&rules::RESPONSE_PROPERTY_ADDED, "the member is new"),
            };
            self.report(rule, format!("{at}.{name}"), message);
        }
    }

    fn member(&mut self, old: Member<'a>, new: Member<'a>, way: Way, at: &str, depth: usize) {
        let (rule, message) = match (old.required, new.required, way) {
            (false, true, Way::Request) => (&rules::REQUEST_PROPERTY_BECAME_REQUIRED, "the member has to be sent now"),
            (true, false, Way::Request) => {
                (&rules::REQUEST_PROPERTY_BECAME_OPTIONAL, "the member need not be sent any more")
            }
            (true, false, Way::Response) => {
                (&rules::RESPONSE_PROPERTY_BECAME_OPTIONAL, "the member may be missing now")
            }
            (false, true, Way::Response) => {
                (&rules::RESPONSE_PROPERTY_BECAME_REQUIRED, "the member is always given now")
            }
            _ => return self.same_member(old, new, way, at, depth),
        };
        self.report(rule, at, message);
        self.same_member(old, new, way, at, depth);
    }

    fn same_member(&mut self, old: Member<'a>, new: Member<'a>, way: Way, at: &str, depth: usize) {
        if new.schema.deprecated && !old.schema.deprecated {
            let until = new.schema.sunset.map(|sunset| format!(" until {sunset}")).unwrap_or_default();
            self.report(&rules::PROPERTY_DEPRECATED, at, format!("the member is deprecated{until}"));
        }
        self.schema(old.schema, new.schema, way, at, depth + 1);
    }

    /// Whether a member of the old version was deprecated, and until when.
    fn end(&self, schema: &'a Schema) -> (bool, Option<Date>) {
        let target = schema.link.as_deref().and_then(|name| self.old.schema(name));
        let target = target.unwrap_or_else(nothing);
        (schema.deprecated || target.deprecated, schema.sunset.or(target.sunset))
    }

    fn alternatives(&mut self, old: &[&'a Schema], new: &[&'a Schema], way: Way, at: &str, depth: usize) {
        self.work = self.work.saturating_sub(8 * (old.len() + new.len()));
        // First by name, then what is left in the order of both.
        let mut named = HashMap::<String, Vec<&'a Schema>>::new();
        for schema in new.iter().rev() {
            named.entry(name_of(schema)).or_default().push(schema);
        }
        let mut lost = Vec::new();
        for schema in old {
            match named.get_mut(&name_of(schema)).and_then(Vec::pop) {
                Some(other) => self.schema(schema, other, way, &format!("{at}|{}", name_of(schema)), depth + 1),
                None => lost.push(*schema),
            }
        }
        let mut found = named.into_values().flatten().collect::<Vec<_>>();
        if let ([one], [other]) = (lost.as_slice(), found.as_slice()) {
            self.schema(one, other, way, at, depth + 1);
            return;
        }
        found.sort_by_key(|schema| name_of(schema));
        for schema in lost {
            let (rule, message) = match way {
                Way::Request => (&rules::REQUEST_VARIANT_REMOVED, "is not taken any more"),
                Way::Response => (&rules::RESPONSE_VARIANT_REMOVED, "is not given any more"),
            };
            self.report(rule, at, format!("{} {message}", name_of(schema)));
        }
        for schema in found {
            let (rule, message) = match way {
                Way::Request => (&rules::REQUEST_VARIANT_ADDED, "is taken now"),
                Way::Response => (&rules::RESPONSE_VARIANT_ADDED, "may be given now"),
            };
            self.report(rule, at, format!("{} {message}", name_of(schema)));
        }
    }
}

/// What makes an alternative the same one in both versions: its name, else its title, else its members.
fn name_of(schema: &Schema) -> String {
    if let Some(name) = schema.link.as_ref().or(schema.unresolved.as_ref()) {
        return name.clone();
    }
    if !schema.title.is_empty() {
        return schema.title.clone();
    }
    let mut members = schema.properties.iter().take(8).map(|property| property.name.as_str()).collect::<Vec<_>>();
    members.sort_unstable();
    match members.is_empty() {
        true => schema.type_text(),
        false => format!("{{{}}}", members.join(", ")),
    }
}

/// Whether every value of format `old` is one of `new`.
fn wider(old: &str, new: &str) -> bool {
    new.is_empty() || matches!((old, new), ("int32", "int64") | ("float", "double"))
}

/// Whether `new` leaves fewer values than `old`; where that cannot be told, it does.
fn tightens(name: &str, old: Option<&Value>, new: Option<&Value>) -> bool {
    let (old, new) = match (old, new) {
        (_, None) => return false,
        (None, Some(new)) => {
            let nothing = matches!(name, "minLength" | "minItems" | "minProperties") && new.as_f64() == Some(0.0);
            return !nothing;
        }
        (Some(old), Some(new)) => (old.as_f64(), new.as_f64()),
    };
    let (Some(old), Some(new)) = (old, new) else { return true };
    match name {
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => new > old,
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => new < old,
        // Multiples of four are multiples of two.
        "multipleOf" => new == 0.0 || (old / new).fract() != 0.0,
        _ => true,
    }
}
