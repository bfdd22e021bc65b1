//! GraphQL's schema definition language (spec.graphql.org, October 2021).

use std::collections::{HashMap, HashSet};

use model::api::{
    Api, ApiKind, ApiProblem, Content, EnumValue, NamedSchema, Operation, Parameter, Property, Response, Schema,
};
use time::Date;

use super::{
    sunset,
    tokens::{Language, Token, Tokens},
};
use crate::ParseError;

pub(super) fn read(text: &str) -> Result<Api, ParseError> {
    let mut reader = Reader {
        tokens: Tokens::of(text, Language::GraphQl)?,
        api: Api { kind: ApiKind::GraphQl, ..Api::default() },
        places: HashMap::new(),
        extended: HashSet::new(),
        roots: Vec::new(),
    };
    while !reader.tokens.is_done() {
        reader.definition()?;
    }
    if reader.api.schemas.is_empty() {
        return Err(ParseError::whole("the file defines no type"));
    }
    reader.finish()
}

struct Reader {
    tokens: Tokens,
    api: Api,
    /// Where a name is in the list of schemas.
    places: HashMap<String, usize>,
    /// Types of which there is no more than an extension so far.
    extended: HashSet<String>,
    /// `query` and the type that stands for it.
    roots: Vec<(String, String)>,
}

/// What directives say about the thing that they stand behind.
#[derive(Default)]
struct Notes {
    deprecated: bool,
    sunset: Option<Date>,
    reason: String,
}

impl Reader {
    fn definition(&mut self) -> Result<(), ParseError> {
        let description = self.description();
        let extends = self.tokens.eat_name("extend");
        let form = self.tokens.name("a definition (type, interface, union, enum, input, scalar, directive, schema)")?;
        match form.as_str() {
            "schema" => self.schema(description),
            "directive" => self.directive(description),
            "type" | "interface" | "input" | "enum" | "union" | "scalar" => {
                self.type_definition(&form, description, extends)
            }
            "query" | "mutation" | "subscription" | "fragment" => {
                Err(self.tokens.wrong("this is a document of queries; the definition of the schema is read here"))
            }
            _ => Err(self
                .tokens
                .wrong("a definition begins with type, interface, union, enum, input, scalar, directive or schema")),
        }
    }

    fn schema(&mut self, description: String) -> Result<(), ParseError> {
        if !description.is_empty() {
            self.api.description = description;
        }
        self.directives()?;
        if self.tokens.eat('{') {
            while !self.tokens.eat('}') {
                let verb = self.tokens.name("query, mutation or subscription")?;
                self.tokens.expect(':')?;
                let name = self.tokens.name("the name of a type")?;
                if self.roots.len() >= 3 {
                    return Err(self.tokens.wrong("a schema has one type each for query, mutation and subscription"));
                }
                self.roots.push((verb, name));
            }
        }
        Ok(())
    }

    fn directive(&mut self, description: String) -> Result<(), ParseError> {
        self.tokens.expect('@')?;
        let name = format!("@{}", self.tokens.name("the directive's name")?);
        let arguments = self.arguments()?;
        self.tokens.eat_name("repeatable");
        if !self.tokens.eat_name("on") {
            return Err(self.tokens.wrong("the places of the directive are missing: on FIELD_DEFINITION"));
        }
        self.tokens.eat('|');
        self.tokens.name("a place")?;
        while self.tokens.eat('|') {
            self.tokens.name("a place")?;
        }
        let properties = arguments.into_iter().map(|argument| Property {
            name: argument.name,
            required: argument.required,
            schema: argument.schema,
            ..Property::default()
        });
        let schema = Schema { description, properties: properties.collect(), ..Schema::default() };
        self.add(name, "directive", schema, Vec::new(), false);
        Ok(())
    }

    fn type_definition(&mut self, form: &str, description: String, extends: bool) -> Result<(), ParseError> {
        let line = self.tokens.line();
        let name = self.tokens.name("the type's name")?;
        let mut interfaces = Vec::new();
        if self.tokens.eat_name("implements") {
            self.tokens.eat('&');
            interfaces.push(self.tokens.name("an interface")?);
            while self.tokens.eat('&') || matches!(self.tokens.peek(), Some(Token::Name(_))) {
                interfaces.push(self.tokens.name("an interface")?);
            }
        }
        let notes = self.directives()?;
        let mut schema = Schema {
            description: with_reason(description, &notes),
            deprecated: notes.deprecated,
            sunset: notes.sunset,
            ..Schema::default()
        };
        match form {
            "union" if self.tokens.eat('=') => {
                self.tokens.eat('|');
                schema.one_of.push(Schema::linked(self.tokens.name("a type")?));
                while self.tokens.eat('|') {
                    schema.one_of.push(Schema::linked(self.tokens.name("a type")?));
                }
            }
            "enum" if self.tokens.eat('{') => {
                while !self.tokens.eat('}') {
                    schema.values.push(self.value_definition()?);
                }
            }
            "type" | "interface" | "input" if self.tokens.eat('{') => {
                while !self.tokens.eat('}') {
                    schema.properties.push(self.field(form == "input")?);
                }
            }
            _ => {}
        }
        let form = if form == "type" { "object" } else { form };
        if !self.add(name, form, schema, interfaces, extends) {
            let at = format!("line {line}");
            self.api
                .problems
                .push(ApiProblem { at, reason: "a type is defined twice; both are taken together".to_owned() });
            self.api.problems.truncate(100);
        }
        Ok(())
    }

    /// Adds a definition, or what it says to one that is there; whether that was to be expected.
    fn add(&mut self, name: String, form: &str, schema: Schema, interfaces: Vec<String>, extends: bool) -> bool {
        if let Some(place) = self.places.get(&name) {
            let known = &mut self.api.schemas[*place];
            known.schema.properties.extend(schema.properties);
            known.schema.values.extend(schema.values);
            known.schema.one_of.extend(schema.one_of);
            known.interfaces.extend(interfaces);
            if known.schema.description.is_empty() {
                known.schema.description = schema.description;
            }
            // An extension may come before what it extends.
            return extends || self.extended.remove(&known.name);
        }
        if extends {
            self.extended.insert(name.clone());
        }
        self.places.insert(name.clone(), self.api.schemas.len());
        self.api.schemas.push(NamedSchema { name, form: form.to_owned(), schema, interfaces, reserved: Vec::new() });
        true
    }

    fn field(&mut self, input: bool) -> Result<Property, ParseError> {
        let description = self.description();
        let name = self.tokens.name("a field's name")?;
        let arguments = self.arguments()?;
        self.tokens.expect(':')?;
        let mut schema = self.type_reference()?;
        if self.tokens.eat('=') {
            schema.default = Some(self.value()?);
        }
        let notes = self.directives()?;
        let required = if input { !schema.nullable && schema.default.is_none() } else { !schema.nullable };
        schema.description = with_reason(description, &notes);
        schema.deprecated = notes.deprecated;
        schema.sunset = notes.sunset;
        Ok(Property { name, required, arguments, schema, ..Property::default() })
    }

    fn arguments(&mut self) -> Result<Vec<Parameter>, ParseError> {
        let mut arguments = Vec::new();
        if self.tokens.eat('(') {
            while !self.tokens.eat(')') {
                let field = self.field(true)?;
                let mut schema = field.schema;
                arguments.push(Parameter {
                    name: field.name,
                    place: "argument".to_owned(),
                    required: field.required,
                    description: std::mem::take(&mut schema.description),
                    deprecated: schema.deprecated,
                    sunset: schema.sunset,
                    schema,
                    ..Parameter::default()
                });
            }
        }
        Ok(arguments)
    }

    fn type_reference(&mut self) -> Result<Schema, ParseError> {
        let mut schema = if self.tokens.eat('[') {
            self.tokens.enter()?;
            let items = self.type_reference()?;
            self.tokens.expect(']')?;
            self.tokens.leave();
            Schema { items: Some(Box::new(items)), ..Schema::typed("array") }
        } else {
            let name = self.tokens.name("a type")?;
            match name.as_str() {
                "String" | "Int" | "Float" | "Boolean" | "ID" => Schema::typed(name),
                _ => Schema::linked(name),
            }
        };
        schema.nullable = !self.tokens.eat('!');
        Ok(schema)
    }

    fn value_definition(&mut self) -> Result<EnumValue, ParseError> {
        let description = self.description();
        let value = self.tokens.name("a value of the enum")?;
        let notes = self.directives()?;
        let description = with_reason(description, &notes);
        Ok(EnumValue { value, description, deprecated: notes.deprecated, sunset: notes.sunset, number: None })
    }

    fn directives(&mut self) -> Result<Notes, ParseError> {
        let mut notes = Notes::default();
        while self.tokens.eat('@') {
            let name = self.tokens.name("the directive's name")?;
            let mut said = Vec::new();
            if self.tokens.eat('(') {
                while !self.tokens.eat(')') {
                    self.tokens.name("an argument's name")?;
                    self.tokens.expect(':')?;
                    let is_text = matches!(self.tokens.peek(), Some(Token::Text(_)));
                    let value = self.value()?;
                    said.extend(is_text.then(|| value.trim_matches('"').to_owned()));
                }
            }
            match name.as_str() {
                "deprecated" => {
                    notes.deprecated = true;
                    notes.sunset = notes.sunset.or_else(|| said.iter().find_map(|text| sunset::said_in(text)));
                    notes.reason = said.into_iter().next().unwrap_or_default();
                }
                "sunset" => notes.sunset = said.iter().find_map(|text| sunset::date(text)),
                _ => {}
            }
        }
        Ok(notes)
    }

    /// A constant as it is written, on one line.
    fn value(&mut self) -> Result<String, ParseError> {
        self.tokens.enter()?;
        let text = match self.tokens.advance() {
            Some(Token::Name(name)) => name,
            Some(Token::Number(number)) => {
                // An exponent's sign parts it for the lexer.
                let exponent = number.ends_with(['e', 'E']) && (self.tokens.is_mark('-') || self.tokens.is_mark('+'));
                match exponent.then(|| (self.tokens.advance(), self.tokens.advance())) {
                    Some((Some(Token::Mark(sign)), Some(Token::Number(power)))) => format!("{number}{sign}{power}"),
                    Some(_) => return Err(self.tokens.wrong("a number has no end")),
                    None => number,
                }
            }
            Some(Token::Text(text)) => format!("\"{text}\""),
            Some(Token::Mark('-')) => match self.tokens.peek() {
                Some(Token::Number(_)) => format!("-{}", self.value()?),
                _ => return Err(self.tokens.wrong("a number is missing")),
            },
            Some(Token::Mark('$')) => format!("${}", self.tokens.name("a variable's name")?),
            Some(Token::Mark('[')) => {
                let mut values = Vec::new();
                while !self.tokens.eat(']') {
                    values.push(self.value()?);
                }
                format!("[{}]", values.join(", "))
            }
            Some(Token::Mark('{')) => {
                let mut members = Vec::new();
                while !self.tokens.eat('}') {
                    let name = self.tokens.name("a member's name")?;
                    self.tokens.expect(':')?;
                    members.push(format!("{name}: {}", self.value()?));
                }
                format!("{{{}}}", members.join(", "))
            }
            _ => return Err(self.tokens.wrong("a value is missing")),
        };
        self.tokens.leave();
        Ok(text)
    }

    fn description(&mut self) -> String {
        match self.tokens.peek() {
            Some(Token::Text(_)) => match self.tokens.advance() {
                Some(Token::Text(text)) => text,
                _ => String::new(),
            },
            _ => String::new(),
        }
    }

    /// Makes operations of the fields of the types that stand for query, mutation and subscription.
    fn finish(mut self) -> Result<Api, ParseError> {
        for (verb, name) in [("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription")] {
            let named = |(known, root): &(String, String)| known == verb || root == name;
            if self.places.contains_key(name) && !self.roots.iter().any(named) {
                self.roots.push((verb.to_owned(), name.to_owned()));
            }
        }
        for (verb, root) in &self.roots {
            let Some(place) = self.api.schemas.iter().position(|schema| schema.name == *root) else {
                let at = format!("schema {{ {verb} }}");
                self.api.problems.push(ApiProblem { at, reason: "this type is not defined here".to_owned() });
                continue;
            };
            let root = self.api.schemas.remove(place);
            self.api.operations.extend(root.schema.properties.into_iter().map(|field| operation(verb, field)));
        }
        Ok(self.api)
    }
}

fn operation(verb: &str, field: Property) -> Operation {
    let mut schema = field.schema;
    let (deprecated, sunset) = (schema.deprecated, schema.sunset.take());
    schema.deprecated = false;
    let description = std::mem::take(&mut schema.description);
    let contents = vec![Content { schema: Some(schema), ..Content::default() }];
    Operation {
        id: format!("{verb} {}", field.name),
        verb: verb.to_owned(),
        path: field.name,
        description,
        deprecated,
        sunset,
        parameters: field.arguments,
        responses: vec![Response { contents, ..Response::default() }],
        server_streaming: verb == "subscription",
        ..Operation::default()
    }
}

/// The reason of a deprecation belongs to what a reader is told.
fn with_reason(description: String, notes: &Notes) -> String {
    match (description.is_empty(), notes.reason.is_empty()) {
        (_, true) => description,
        (true, false) => format!("Deprecated: {}", notes.reason),
        (false, false) => format!("{description}\n\nDeprecated: {}", notes.reason),
    }
}
