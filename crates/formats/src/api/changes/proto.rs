//! Protocol Buffers: what is on the wire, and what generated code calls.

use std::collections::{HashMap, HashSet};

use model::api::{EnumValue, NamedSchema, Operation, Property, Reserved, Schema};

use super::{Comparison, rules};

impl<'a> Comparison<'a> {
    pub fn proto(&mut self) {
        let (old, new) = (self.old.api, self.new.api);
        if old.title != new.title {
            let words = |name: &str| if name.is_empty() { "no package".to_owned() } else { name.to_owned() };
            let message = format!("{} became {}", words(&old.title), words(&new.title));
            self.report(&rules::PACKAGE_CHANGED, "package", message);
        }
        self.services();
        let there = new.schemas.iter().map(|named| (inner(&named.name, &new.title), named)).collect::<HashMap<_, _>>();
        let before = old.schemas.iter().map(|named| inner(&named.name, &old.title)).collect::<HashSet<_>>();
        for named in &old.schemas {
            let (deprecated, sunset) = (named.schema.deprecated, named.schema.sunset);
            match there.get(inner(&named.name, &old.title)) {
                None => {
                    let service = named.form == "service";
                    let rule = if service { &rules::SERVICE_REMOVED } else { &rules::TYPE_REMOVED };
                    let message = format!("the {} is gone", named.form);
                    self.gone(rule, &named.name, message, deprecated, sunset);
                }
                Some(other) if other.form != named.form => {
                    let message = format!("{} became {}", named.form, other.form);
                    self.report(&rules::TYPE_KIND_CHANGED, &named.name, message);
                }
                Some(other) => {
                    self.fields(named, other);
                    self.numbers(&named.schema.values, other, &named.name);
                    self.reservations(named, other);
                }
            }
        }
        for named in new.schemas.iter().filter(|named| !before.contains(inner(&named.name, &new.title))) {
            self.report(&rules::TYPE_ADDED, &named.name, format!("the {} is new", named.form));
        }
    }

    fn services(&mut self) {
        let (old, new) = (self.old.api, self.new.api);
        let there = new.operations.iter().map(|rpc| (inner(&rpc.path, &new.title), rpc)).collect::<HashMap<_, _>>();
        let before = old.operations.iter().map(|rpc| inner(&rpc.path, &old.title)).collect::<HashSet<_>>();
        for rpc in &old.operations {
            match there.get(inner(&rpc.path, &old.title)) {
                Some(other) => self.rpc(rpc, other),
                None => {
                    let message = "the method is gone".to_owned();
                    self.gone(&rules::RPC_REMOVED, rpc.heading(), message, rpc.deprecated, rpc.sunset);
                }
            }
        }
        for rpc in new.operations.iter().filter(|rpc| !before.contains(inner(&rpc.path, &new.title))) {
            self.report(&rules::OPERATION_ADDED, rpc.heading(), "the method is new");
        }
    }

    fn rpc(&mut self, old: &'a Operation, new: &'a Operation) {
        let at = old.heading();
        let (before, after) = (&self.old.api.title, &self.new.api.title);
        let taken = |rpc: &'a Operation| rpc.request.as_ref()?.contents.first()?.schema.as_ref();
        let given = |rpc: &'a Operation| rpc.responses.first()?.contents.first()?.schema.as_ref();
        let words =
            |schema: Option<&Schema>, package: &str| schema.map(|schema| written(schema, package)).unwrap_or_default();
        let request = (words(taken(old), before), words(taken(new), after));
        let response = (words(given(old), before), words(given(new), after));
        if request.0 != request.1 {
            let message = format!("{} became {}", request.0, request.1);
            self.report(&rules::RPC_REQUEST_TYPE_CHANGED, at.as_str(), message);
        }
        if response.0 != response.1 {
            let message = format!("{} became {}", response.0, response.1);
            self.report(&rules::RPC_RESPONSE_TYPE_CHANGED, at.as_str(), message);
        }
        for (side, old, new) in [
            ("client", old.client_streaming, new.client_streaming),
            ("server", old.server_streaming, new.server_streaming),
        ] {
            if old != new {
                let message = format!("the {side} {}", if new { "streams now" } else { "does not stream any more" });
                self.report(&rules::RPC_STREAMING_CHANGED, at.as_str(), message);
            }
        }
        if new.deprecated && !old.deprecated {
            self.report(&rules::OPERATION_DEPRECATED, at, "the method is deprecated");
        }
    }

    fn fields(&mut self, old: &'a NamedSchema, new: &'a NamedSchema) {
        let by_number = |named: &'a NamedSchema| {
            named.schema.properties.iter().map(|field| (field.number, field)).collect::<HashMap<_, _>>()
        };
        let by_name = |named: &'a NamedSchema| {
            named.schema.properties.iter().map(|field| (field.name.as_str(), field)).collect::<HashMap<_, _>>()
        };
        let (there, called, before) = (by_number(new), by_name(new), by_number(old));
        for field in &old.schema.properties {
            if !self.step() {
                return;
            }
            let at = format!("{}.{}", old.name, field.name);
            let number = field.number.unwrap_or_default();
            if let Some(other) = called.get(field.name.as_str()).filter(|other| other.number != field.number) {
                let message = format!("{number} became {}", other.number.unwrap_or_default());
                self.report(&rules::FIELD_NUMBER_CHANGED, at.as_str(), message);
            }
            match there.get(&field.number) {
                Some(other) => self.field_of(field, other, &at),
                None if called.contains_key(field.name.as_str()) => {}
                None => {
                    self.work = self.work.saturating_sub(new.reserved.len());
                    let reserved = keeps_number(&new.reserved, number);
                    let (rule, message) = if reserved {
                        (&rules::FIELD_REMOVED_AND_RESERVED, format!("the field is gone and {number} is reserved"))
                    } else {
                        (
                            &rules::FIELD_REMOVED_WITHOUT_RESERVING,
                            format!("the field is gone and {number} is not reserved"),
                        )
                    };
                    // A number that is free is a danger whatever was announced.
                    self.report(rule, at, message);
                }
            }
        }
        for field in new.schema.properties.iter().filter(|field| !before.contains_key(&field.number)) {
            let at = format!("{}.{}", new.name, field.name);
            if field.required {
                self.report(&rules::REQUIRED_FIELD_ADDED, at, "the field is new and has to be there");
            } else {
                self.report(&rules::FIELD_ADDED, at, "the field is new");
            }
        }
    }

    /// Compares two fields of one number.
    fn field_of(&mut self, old: &Property, new: &Property, at: &str) {
        let (before, after) = (&self.old.api.title, &self.new.api.title);
        let element = |field: &Property| field.schema.items.as_deref().cloned();
        let (was_list, is_list) = (old.schema.items.is_some(), new.schema.items.is_some());
        let old_type = element(old).map_or_else(|| written(&old.schema, before), |inner| written(&inner, before));
        let new_type = element(new).map_or_else(|| written(&new.schema, after), |inner| written(&inner, after));
        if old.name != new.name {
            if old_type == new_type && was_list == is_list {
                self.report(&rules::FIELD_RENAMED, at, format!("the field is called {}", new.name));
            } else {
                let message = format!("the number is that of {} {} now", new_type, new.name);
                self.report(&rules::FIELD_NUMBER_REUSED, at, message);
            }
            return;
        }
        if old_type != new_type {
            self.report(&rules::FIELD_TYPE_CHANGED, at, format!("{old_type} became {new_type}"));
        }
        if was_list != is_list {
            let message = if is_list { "the field holds many now" } else { "the field holds one now" };
            self.report(&rules::FIELD_CARDINALITY_CHANGED, at, message);
        }
        if old.oneof != new.oneof {
            let words = |field: &Property| field.oneof.clone().unwrap_or_else(|| "none".to_owned());
            self.report(&rules::FIELD_ONEOF_CHANGED, at, format!("oneof: {} became {}", words(old), words(new)));
        }
        if new.required && !old.required {
            self.report(&rules::FIELD_BECAME_REQUIRED, at, "the field has to be there now");
        }
        if new.schema.deprecated && !old.schema.deprecated {
            self.report(&rules::FIELD_DEPRECATED, at, "the field is deprecated");
        }
    }

    fn numbers(&mut self, old: &'a [EnumValue], new: &'a NamedSchema, at: &str) {
        let there = new.schema.values.iter().map(|value| (value.value.as_str(), value)).collect::<HashMap<_, _>>();
        for value in old {
            let at = format!("{at}.{}", value.value);
            match there.get(value.value.as_str()) {
                Some(other) if other.number != value.number => {
                    let words = |number: Option<i64>| number.unwrap_or_default();
                    let message = format!("{} became {}", words(value.number), words(other.number));
                    self.report(&rules::ENUM_VALUE_RENUMBERED, at, message);
                }
                Some(_) => {}
                None => {
                    let (deprecated, sunset) = (value.deprecated, value.sunset);
                    self.gone(&rules::ENUM_VALUE_REMOVED, at, "the value is gone".to_owned(), deprecated, sunset);
                }
            }
        }
        let before = old.iter().map(|value| value.value.as_str()).collect::<HashSet<_>>();
        for value in new.schema.values.iter().filter(|value| !before.contains(value.value.as_str())) {
            self.report(&rules::ENUM_VALUE_ADDED, format!("{at}.{}", value.value), "the value is new");
        }
    }

    fn reservations(&mut self, old: &NamedSchema, new: &NamedSchema) {
        for reserved in &old.reserved {
            self.work = self.work.saturating_sub(new.reserved.len());
            if self.work == 0 {
                return;
            }
            let (kept, what) = match reserved {
                Reserved::Name(_) => (new.reserved.contains(reserved), String::new()),
                Reserved::Numbers(from, to) => (keeps_range(&new.reserved, *from, *to), format!("{from} to {to}")),
            };
            let what = if let Reserved::Name(name) = reserved { name.clone() } else { what };
            if !kept {
                self.report(&rules::RESERVATION_REMOVED, &old.name, format!("{what} is not reserved any more"));
            }
        }
    }
}

fn keeps_number(reserved: &[Reserved], number: i64) -> bool {
    keeps_range(reserved, number, number)
}

/// Whether every number of a range is reserved, by one range or by several that meet.
fn keeps_range(reserved: &[Reserved], mut from: i64, to: i64) -> bool {
    let mut ranges = reserved.iter().filter_map(|reserved| match reserved {
        Reserved::Numbers(from, to) => Some((*from, *to)),
        Reserved::Name(_) => None,
    });
    if ranges.clone().any(|(first, last)| first <= from && to <= last) {
        return true;
    }
    let mut ranges = ranges.by_ref().collect::<Vec<_>>();
    ranges.sort_unstable();
    for (first, last) in ranges {
        if first <= from && from <= last {
            if last >= to {
                return true;
            }
            from = last + 1;
        }
    }
    false
}

/// A name without the package, which may be another in the other version.
fn inner<'n>(name: &'n str, package: &str) -> &'n str {
    if package.is_empty() {
        return name;
    }
    name.strip_prefix(package).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name)
}

/// A type as the language writes it.
fn written(schema: &Schema, package: &str) -> String {
    if let Some(value) = &schema.additional {
        let key = schema.constraints.get("mapKey").and_then(serde_json::Value::as_str).unwrap_or("string");
        return format!("map<{key}, {}>", written(value, package));
    }
    let link = schema.link.as_deref().map(|name| inner(name, package));
    link.or(schema.unresolved.as_deref()).or(schema.types.first().map(String::as_str)).unwrap_or_default().to_owned()
}
