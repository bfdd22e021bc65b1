//! GraphQL: what queries are written against, by where a type stands.

use std::collections::{HashMap, HashSet};

use model::api::{EnumValue, NamedSchema, Operation, Parameter, Property, Schema};

use super::{Comparison, rules};

/// A field of a type, or one that operations begin with.
#[derive(Clone, Copy)]
struct Field<'a> {
    arguments: &'a [Parameter],
    schema: &'a Schema,
}

impl<'a> Field<'a> {
    fn of(property: &'a Property) -> Self {
        Self { arguments: &property.arguments, schema: &property.schema }
    }

    fn root(operation: &'a Operation) -> Option<Self> {
        let schema = operation.responses.first()?.contents.first()?.schema.as_ref()?;
        Some(Self { arguments: &operation.parameters, schema })
    }
}

impl<'a> Comparison<'a> {
    pub fn graphql(&mut self) {
        let (old, new) = (self.old.api, self.new.api);
        let key = |operation: &'a Operation| (operation.verb.as_str(), operation.path.as_str());
        let there = new.operations.iter().map(|operation| (key(operation), operation)).collect::<HashMap<_, _>>();
        let before = old.operations.iter().map(key).collect::<HashSet<_>>();
        for operation in &old.operations {
            let at = operation.heading();
            let Some(other) = there.get(&key(operation)) else {
                let message = "the operation is gone".to_owned();
                self.gone(&rules::OPERATION_REMOVED, at, message, operation.deprecated, operation.sunset);
                continue;
            };
            if other.deprecated && !operation.deprecated {
                self.report(&rules::OPERATION_DEPRECATED, at.as_str(), "the operation is deprecated");
            }
            if let (Some(old), Some(new)) = (Field::root(operation), Field::root(other)) {
                self.field(old, new, &at);
            }
        }
        for operation in new.operations.iter().filter(|operation| !before.contains(&key(operation))) {
            self.report(&rules::OPERATION_ADDED, operation.heading(), "the operation is new");
        }
        for named in &old.schemas {
            match self.new.names.get(named.name.as_str()) {
                Some(other) => self.type_definition(named, other),
                None => {
                    let (deprecated, sunset) = (named.schema.deprecated, named.schema.sunset);
                    let message = format!("the {} is gone", named.form);
                    self.gone(&rules::TYPE_REMOVED, &named.name, message, deprecated, sunset);
                }
            }
        }
        let before = old.schemas.iter().map(|named| named.name.as_str()).collect::<HashSet<_>>();
        for named in new.schemas.iter().filter(|named| !before.contains(named.name.as_str())) {
            self.report(&rules::TYPE_ADDED, &named.name, format!("the {} is new", named.form));
        }
    }

    fn type_definition(&mut self, old: &'a NamedSchema, new: &'a NamedSchema) {
        if !self.step() {
            return;
        }
        let at = old.name.as_str();
        if old.form != new.form {
            self.report(&rules::TYPE_KIND_CHANGED, at, format!("{} became {}", old.form, new.form));
            return;
        }
        for name in old.interfaces.iter().collect::<HashSet<_>>().difference(&new.interfaces.iter().collect()) {
            self.report(&rules::INTERFACE_REMOVED, at, format!("the type does not have {name} any more"));
        }
        for name in new.interfaces.iter().collect::<HashSet<_>>().difference(&old.interfaces.iter().collect()) {
            self.report(&rules::INTERFACE_ADDED, at, format!("the type has {name} now"));
        }
        let members = |named: &'a NamedSchema| {
            named.schema.one_of.iter().filter_map(|member| member.link.as_deref()).collect::<HashSet<_>>()
        };
        for name in members(old).difference(&members(new)) {
            self.report(&rules::UNION_MEMBER_REMOVED, at, format!("{name} is not in the union any more"));
        }
        for name in members(new).difference(&members(old)) {
            self.report(&rules::UNION_MEMBER_ADDED, at, format!("{name} is in the union now"));
        }
        self.enum_values(&old.schema.values, &new.schema.values, at);
        let there = by_name(&new.schema.properties);
        let input = matches!(old.form.as_str(), "input" | "directive");
        for property in &old.schema.properties {
            let at = format!("{at}.{}", property.name);
            match there.get(property.name.as_str()) {
                Some(other) if input => self.input_field(property, other, &at),
                Some(other) => {
                    if other.schema.deprecated && !property.schema.deprecated {
                        self.report(&rules::FIELD_DEPRECATED, at.as_str(), "the field is deprecated");
                    }
                    self.field(Field::of(property), Field::of(other), &at);
                }
                None => {
                    let rule = if input { &rules::INPUT_FIELD_REMOVED } else { &rules::FIELD_REMOVED };
                    let (deprecated, sunset) = (property.schema.deprecated, property.schema.sunset);
                    self.gone(rule, at, "the field is gone".to_owned(), deprecated, sunset);
                }
            }
        }
        let before = by_name(&old.schema.properties);
        for property in new.schema.properties.iter().filter(|new| !before.contains_key(new.name.as_str())) {
            let rule = match (input, property.required) {
                (false, _) => &rules::FIELD_ADDED,
                (true, true) => &rules::REQUIRED_INPUT_FIELD_ADDED,
                (true, false) => &rules::OPTIONAL_INPUT_FIELD_ADDED,
            };
            self.report(rule, format!("{at}.{}", property.name), "the field is new");
        }
    }

    fn enum_values(&mut self, old: &'a [EnumValue], new: &'a [EnumValue], at: &str) {
        let names = |values: &'a [EnumValue]| values.iter().map(|value| value.value.as_str()).collect::<HashSet<_>>();
        let (before, after) = (names(old), names(new));
        for value in old.iter().filter(|value| !after.contains(value.value.as_str())) {
            let at = format!("{at}.{}", value.value);
            self.gone(&rules::ENUM_VALUE_REMOVED, at, "the value is gone".to_owned(), value.deprecated, value.sunset);
        }
        for value in new.iter().filter(|value| !before.contains(value.value.as_str())) {
            self.report(&rules::ENUM_VALUE_ADDED, format!("{at}.{}", value.value), "the value is new");
        }
    }

    fn field(&mut self, old: Field<'a>, new: Field<'a>, at: &str) {
        if !self.step() {
            return;
        }
        self.nullability_out(old.schema, new.schema, at);
        let there = new.arguments.iter().map(|argument| (argument.name.as_str(), argument)).collect::<HashMap<_, _>>();
        let before = old.arguments.iter().map(|argument| argument.name.as_str()).collect::<HashSet<_>>();
        for argument in old.arguments {
            let at = format!("{at}({})", argument.name);
            match there.get(argument.name.as_str()) {
                Some(other) => self.argument(argument, other, &at),
                None => {
                    let (deprecated, sunset) = (argument.deprecated, argument.sunset);
                    self.gone(&rules::ARGUMENT_REMOVED, at, "the argument is gone".to_owned(), deprecated, sunset);
                }
            }
        }
        for argument in new.arguments.iter().filter(|new| !before.contains(new.name.as_str())) {
            let at = format!("{at}({})", argument.name);
            if argument.required {
                self.report(&rules::REQUIRED_ARGUMENT_ADDED, at, "the argument is new and has to be given");
            } else {
                self.report(&rules::OPTIONAL_ARGUMENT_ADDED, at, "the argument is new and may be given");
            }
        }
    }

    fn argument(&mut self, old: &Parameter, new: &Parameter, at: &str) {
        let message = format!("{} became {}", written(&old.schema), written(&new.schema));
        if !takes(&new.schema, &old.schema, true) {
            self.report(&rules::ARGUMENT_TYPE_CHANGED, at, message);
        } else if new.required && !old.required {
            self.report(&rules::ARGUMENT_BECAME_REQUIRED, at, message);
        } else if old.required && !new.required {
            self.report(&rules::ARGUMENT_BECAME_OPTIONAL, at, message);
        }
        self.default(&old.schema, &new.schema, at);
    }

    fn input_field(&mut self, old: &Property, new: &Property, at: &str) {
        let message = format!("{} became {}", written(&old.schema), written(&new.schema));
        if !takes(&new.schema, &old.schema, true) {
            self.report(&rules::INPUT_FIELD_TYPE_CHANGED, at, message);
        } else if new.required && !old.required {
            self.report(&rules::INPUT_FIELD_BECAME_REQUIRED, at, message);
        } else if old.required && !new.required {
            self.report(&rules::INPUT_FIELD_BECAME_OPTIONAL, at, message);
        }
        self.default(&old.schema, &new.schema, at);
    }

    fn default(&mut self, old: &Schema, new: &Schema, at: &str) {
        if old.default != new.default && (old.default.is_some() || new.default.is_some()) {
            let words = |schema: &Schema| schema.default.clone().unwrap_or_else(|| "nothing".to_owned());
            self.report(&rules::DEFAULT_CHANGED, at, format!("{} became {}", words(old), words(new)));
        }
    }

    fn nullability_out(&mut self, old: &Schema, new: &Schema, at: &str) {
        let message = format!("{} became {}", written(old), written(new));
        if is_same(old, new) {
            return;
        }
        if !shape_is_same(old, new) {
            self.report(&rules::FIELD_TYPE_CHANGED, at, message);
        } else if takes(old, new, false) {
            self.report(&rules::FIELD_BECAME_NON_NULL, at, message);
        } else {
            self.report(&rules::FIELD_BECAME_NULLABLE, at, message);
        }
    }
}

fn by_name(properties: &[Property]) -> HashMap<&str, &Property> {
    properties.iter().map(|property| (property.name.as_str(), property)).collect()
}

/// A type as the language writes it: `[Pet!]!`.
fn written(schema: &Schema) -> String {
    let inner = match &schema.items {
        Some(items) => format!("[{}]", written(items)),
        None => name(schema).to_owned(),
    };
    if schema.nullable { inner } else { format!("{inner}!") }
}

fn name(schema: &Schema) -> &str {
    schema.link.as_deref().or(schema.types.first().map(String::as_str)).unwrap_or_default()
}

fn is_same(old: &Schema, new: &Schema) -> bool {
    old.nullable == new.nullable && shape_is_same(old, new) && takes(old, new, false) && takes(new, old, false)
}

/// The same type but for what may be null.
fn shape_is_same(old: &Schema, new: &Schema) -> bool {
    match (&old.items, &new.items) {
        (None, None) => name(old) == name(new),
        (Some(old), Some(new)) => shape_is_same(old, new),
        _ => false,
    }
}

/// Whether a place of type `place` takes every value of type `value`. At the `outermost` level of what is sent, null is
/// left out of the question: whether it has to be given is asked for itself.
fn takes(place: &Schema, value: &Schema, outermost: bool) -> bool {
    let null = outermost || place.nullable || !value.nullable;
    null && match (&place.items, &value.items) {
        (None, None) => name(place) == name(value),
        (Some(place), Some(value)) => takes(place, value, false),
        _ => false,
    }
}
