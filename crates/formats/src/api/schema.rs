//! JSON Schema as OpenAPI 3.0, 3.1 and AsyncAPI use it.

use model::api::{EnumValue, Property, Schema};
use serde_json::{Map, Value};

use super::{
    clipped,
    document::{Document, elements, escaped, flag, members},
    sunset,
};
use crate::ParseError;

/// Schemas within each other, without references; what is deeper is cut.
const MAX_DEPTH: usize = 24;

const CONSTRAINTS: [&str; 13] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// What may stand beside a reference without narrowing it.
const NOTES: [&str; 8] = ["$ref", "description", "summary", "title", "deprecated", "nullable", "example", "x-sunset"];

impl<'a> Document<'a> {
    pub fn schema(&mut self, value: &'a Value, at: &str) -> Result<Schema, ParseError> {
        self.schema_within(value, at, MAX_DEPTH)
    }

    fn schema_within(&mut self, value: &'a Value, at: &str, depth: usize) -> Result<Schema, ParseError> {
        self.grow()?;
        let at = clipped(at);
        let object = match value {
            Value::Object(object) => object,
            Value::Bool(true) => return Ok(Schema::default()),
            Value::Bool(false) => return Ok(Schema { not: Some(Box::default()), ..Schema::default() }),
            _ => {
                self.problem(at, "a schema is an object or a truth value");
                return Ok(Schema::default());
            }
        };
        if depth == 0 {
            self.problem(at, format!("schemas are more than {MAX_DEPTH} deep; the rest is not shown"));
            return Ok(Schema { truncated: true, ..Schema::default() });
        }
        let depth = depth - 1;
        let mut schema = Schema {
            title: self.text(value, "title")?,
            description: self.text(value, "description")?,
            format: self.text(value, "format")?,
            nullable: flag(value, "nullable") || flag(value, "x-nullable"),
            deprecated: flag(value, "deprecated"),
            sunset: sunset::of(value),
            read_only: flag(value, "readOnly"),
            write_only: flag(value, "writeOnly"),
            examples: self.examples(value, at)?,
            ..Schema::default()
        };
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            let mut target = Schema::default();
            match self.link(reference, at) {
                Some(name) => target.link = Some(self.copy(&name)?),
                None => target.unresolved = Some(self.copy(reference)?),
            }
            if object.keys().all(|name| NOTES.contains(&name.as_str())) {
                return Ok(Schema { link: target.link, unresolved: target.unresolved, ..schema });
            }
            schema.all_of.push(target);
        }
        self.types(&mut schema, object)?;
        self.values(&mut schema, object)?;
        self.constraints(&mut schema, object)?;
        schema.default = match object.get("default") {
            None => None,
            Some(default) => Some(self.copy(&default.to_string())?),
        };
        schema.discriminator = match object.get("discriminator") {
            Some(Value::String(name)) => Some(self.copy(name)?),
            Some(object) => Some(self.text(object, "propertyName")?).filter(|name| !name.is_empty()),
            None => None,
        };
        self.members(&mut schema, value, at, depth)?;
        self.items(&mut schema, value, at, depth)?;
        for (name, list) in
            [("allOf", &mut schema.all_of), ("oneOf", &mut schema.one_of), ("anyOf", &mut schema.any_of)]
        {
            for (index, part) in elements(value, name).enumerate() {
                list.push(self.schema_within(part, &format!("{at}/{name}/{index}"), depth)?);
            }
        }
        if let Some(not) = object.get("not") {
            schema.not = Some(Box::new(self.schema_within(not, &format!("{at}/not"), depth)?));
        }
        Ok(without_null(schema))
    }

    fn types(&mut self, schema: &mut Schema, object: &Map<String, Value>) -> Result<(), ParseError> {
        let names = match object.get("type") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(name)) => vec![name.as_str()],
            _ => Vec::new(),
        };
        for name in names {
            if name == "null" && object.get("type").is_some_and(Value::is_array) {
                schema.nullable = true;
            } else {
                schema.types.push(self.copy(name)?);
            }
        }
        Ok(())
    }

    fn values(&mut self, schema: &mut Schema, object: &Map<String, Value>) -> Result<(), ParseError> {
        let only = object.get("const").map(std::slice::from_ref);
        let values = object.get("enum").and_then(Value::as_array).map(Vec::as_slice).or(only);
        for value in values.unwrap_or_default() {
            self.grow()?;
            let text = match value {
                Value::Null if schema.nullable => continue,
                Value::String(text) => self.copy(text)?,
                value => self.copy(&value.to_string())?,
            };
            schema.values.push(EnumValue { value: text, ..EnumValue::default() });
        }
        Ok(())
    }

    fn constraints(&mut self, schema: &mut Schema, object: &Map<String, Value>) -> Result<(), ParseError> {
        for name in CONSTRAINTS {
            if let Some(value @ (Value::Number(_) | Value::String(_) | Value::Bool(_))) = object.get(name) {
                self.copy(value.as_str().unwrap_or_default())?;
                schema.constraints.insert(name.to_owned(), value.clone());
            }
        }
        // In OpenAPI 3.0 these two say how the bound is meant; since 3.1 they are the bound.
        for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            match schema.constraints.get(exclusive) {
                Some(Value::Bool(true)) => match schema.constraints.remove(bound) {
                    Some(value) => drop(schema.constraints.insert(exclusive.to_owned(), value)),
                    None => drop(schema.constraints.remove(exclusive)),
                },
                Some(Value::Bool(false)) => drop(schema.constraints.remove(exclusive)),
                _ => {}
            }
        }
        if schema.constraints.get("uniqueItems") == Some(&Value::Bool(false)) {
            schema.constraints.remove("uniqueItems");
        }
        Ok(())
    }

    fn members(&mut self, schema: &mut Schema, value: &'a Value, at: &str, depth: usize) -> Result<(), ParseError> {
        let required = elements(value, "required").filter_map(Value::as_str).collect::<Vec<_>>();
        let is_required = required.iter().copied().collect::<std::collections::HashSet<_>>();
        for (name, member) in members(value, "properties") {
            let at = format!("{at}/properties/{}", escaped(name));
            schema.properties.push(Property {
                name: self.copy(name)?,
                required: is_required.contains(name),
                schema: self.schema_within(member, &at, depth)?,
                ..Property::default()
            });
        }
        let mut named = members(value, "properties").map(|(name, _)| name).collect::<std::collections::HashSet<_>>();
        for name in required {
            if named.insert(name) {
                self.grow()?;
                let name = self.copy(name)?;
                schema.properties.push(Property { name, required: true, ..Property::default() });
            }
        }
        schema.closed = ["additionalProperties", "unevaluatedProperties"]
            .into_iter()
            .any(|name| value.get(name) == Some(&Value::Bool(false)));
        let pattern = members(value, "patternProperties").next().map(|(_, pattern)| pattern);
        if let Some(other) = value.get("additionalProperties").filter(|other| other.is_object()).or(pattern) {
            let at = format!("{at}/additionalProperties");
            schema.additional = Some(Box::new(self.schema_within(other, &at, depth)?));
            schema.closed = false;
        }
        Ok(())
    }

    fn items(&mut self, schema: &mut Schema, value: &'a Value, at: &str, depth: usize) -> Result<(), ParseError> {
        let tuple = ["prefixItems", "items"].into_iter().find_map(|name| value.get(name)?.as_array());
        schema.items = match (tuple, value.get("items")) {
            (Some(tuple), _) => {
                let mut any_of = Vec::new();
                for (index, item) in tuple.iter().enumerate() {
                    any_of.push(self.schema_within(item, &format!("{at}/items/{index}"), depth)?);
                }
                Some(Box::new(Schema { any_of, ..Schema::default() }))
            }
            (None, Some(items)) => Some(Box::new(self.schema_within(items, &format!("{at}/items"), depth)?)),
            (None, None) => None,
        };
        Ok(())
    }
}

/// Null among alternatives is what `nullable` says; an alternative that is left alone is the schema itself.
fn without_null(mut schema: Schema) -> Schema {
    let is_null = |part: &Schema| part.types == ["null"] && part.properties.is_empty();
    for parts in [&mut schema.one_of, &mut schema.any_of] {
        if parts.len() > 1 && parts.iter().any(is_null) {
            parts.retain(|part| !is_null(part));
            schema.nullable = true;
        }
    }
    let wraps = |schema: &Schema, parts: &[Schema]| {
        let plain = schema.types.is_empty() && schema.properties.is_empty() && schema.values.is_empty();
        parts.len() == 1 && plain && schema.all_of.is_empty() && schema.constraints.is_empty() && schema.nullable
    };
    let inner = if wraps(&schema, &schema.any_of) && schema.one_of.is_empty() {
        schema.any_of.pop()
    } else if wraps(&schema, &schema.one_of) && schema.any_of.is_empty() {
        schema.one_of.pop()
    } else {
        None
    };
    match inner {
        None => schema,
        Some(mut inner) => {
            inner.nullable = true;
            inner.deprecated |= schema.deprecated;
            inner.sunset = schema.sunset.or(inner.sunset);
            inner.default = schema.default.or(inner.default);
            if !schema.description.is_empty() {
                inner.description = schema.description;
            }
            inner
        }
    }
}
