//! Protocol Buffers: messages, enums and services of proto2, proto3 and editions (protobuf.dev/reference/protobuf).

use model::api::{
    Api, ApiKind, Body, Content, EnumValue, NamedSchema, Operation, Property, Reserved, Response, Schema,
};
use serde_json::Value;

use super::{
    names::{named, resolve},
    sunset,
    tokens::{Language, Token, Tokens},
};
use crate::ParseError;

/// Bytes of full names in all.
const MAX_NAMES: usize = 16 << 20;

/// The highest number that a field may have.
const MAX_FIELD: i64 = 536_870_911;

pub(super) fn read(text: &str) -> Result<Api, ParseError> {
    let mut reader = Reader { tokens: Tokens::of(text, Language::Proto)?, api: Api::default(), room: MAX_NAMES };
    reader.api.kind = ApiKind::Grpc;
    "proto2".clone_into(&mut reader.api.language_version);
    reader.file()?;
    if reader.api.operations.is_empty() && reader.api.schemas.is_empty() {
        return Err(ParseError::whole("the file defines no service and no message"));
    }
    let mut api = reader.api;
    resolve(&mut api);
    Ok(api)
}

struct Reader {
    tokens: Tokens,
    api: Api,
    /// Bytes that full names may still take: they repeat the names of what is around them.
    room: usize,
}

/// What the options of a thing say.
#[derive(Default)]
struct Notes {
    deprecated: bool,
    default: Option<String>,
}

impl Reader {
    fn file(&mut self) -> Result<(), ParseError> {
        while !self.tokens.is_done() {
            if self.tokens.eat(';') {
                continue;
            }
            let comment = self.tokens.comment();
            match self.tokens.name("syntax, package, import, option, message, enum, service or extend")?.as_str() {
                "syntax" | "edition" => {
                    self.tokens.expect('=')?;
                    match self.tokens.advance() {
                        Some(Token::Text(version)) => self.api.language_version = version,
                        _ => return Err(self.tokens.wrong("the version is missing: syntax = \"proto3\"")),
                    }
                    self.api.description = comment;
                    self.tokens.expect(';')?;
                }
                "package" => {
                    self.api.title = self.tokens.name("the package's name")?;
                    self.api.version = version_in(&self.api.title);
                    self.tokens.expect(';')?;
                }
                "import" => {
                    self.skip_statement()?;
                }
                "option" => self.api.deprecated |= self.option()?,
                "message" => self.message(None, comment)?,
                "enum" => self.enumeration(None, comment)?,
                "service" => self.service(comment)?,
                "extend" => self.extend()?,
                _ => return Err(self.tokens.wrong("this begins no definition; message, enum or service do")),
            }
        }
        if self.api.deprecated {
            self.api.sunset = sunset::said_in(&self.api.description);
        }
        Ok(())
    }

    /// The full name of what is defined within `outer`, or in the package.
    fn full(&self, outer: Option<&str>, name: &str) -> String {
        match outer {
            Some(outer) => format!("{outer}.{name}"),
            None if self.api.title.is_empty() => name.to_owned(),
            None => format!("{}.{name}", self.api.title),
        }
    }

    fn message(&mut self, outer: Option<&str>, comment: String) -> Result<(), ParseError> {
        let name = self.tokens.name("the message's name")?;
        let name = self.full(outer, &name);
        let place = self.add(name.clone(), "message", comment)?;
        self.body(place, &name)
    }

    /// The fields of a message, between its braces.
    fn body(&mut self, place: usize, name: &str) -> Result<(), ParseError> {
        self.tokens.expect('{')?;
        self.tokens.enter()?;
        let mut deprecated = false;
        while !self.tokens.eat('}') {
            if self.tokens.eat(';') {
                continue;
            }
            let comment = self.tokens.comment();
            let defines = matches!(self.tokens.peek_at(1), Some(Token::Name(_)));
            let word = match self.tokens.peek() {
                Some(Token::Name(word)) => word.clone(),
                _ => String::new(),
            };
            match word.as_str() {
                "message" if defines => {
                    self.tokens.advance();
                    self.message(Some(name), comment)?;
                }
                "enum" if defines => {
                    self.tokens.advance();
                    self.enumeration(Some(name), comment)?;
                }
                "extend" if defines => {
                    self.tokens.advance();
                    self.extend()?;
                }
                "oneof" if defines => {
                    self.tokens.advance();
                    self.oneof(place, name)?;
                }
                "option" => {
                    self.tokens.advance();
                    deprecated |= self.option()?;
                }
                "reserved" if self.tokens.peek_at(2) != Some(&Token::Mark('=')) => {
                    self.tokens.advance();
                    let reserved = self.reserved()?;
                    self.api.schemas[place].reserved.extend(reserved);
                }
                "extensions" if matches!(self.tokens.peek_at(1), Some(Token::Number(_))) => {
                    self.skip_statement()?;
                }
                _ => self.field(place, name, None, comment)?,
            }
        }
        self.tokens.leave();
        self.deprecate(place, deprecated);
        Ok(())
    }

    fn oneof(&mut self, place: usize, name: &str) -> Result<(), ParseError> {
        let oneof = self.tokens.name("the oneof's name")?;
        self.tokens.expect('{')?;
        while !self.tokens.eat('}') {
            if self.tokens.eat(';') {
                continue;
            }
            let comment = self.tokens.comment();
            if self.tokens.is_name("option") {
                self.tokens.advance();
                self.option()?;
            } else {
                self.field(place, name, Some(&oneof), comment)?;
            }
        }
        Ok(())
    }

    fn field(&mut self, place: usize, message: &str, oneof: Option<&str>, comment: String) -> Result<(), ParseError> {
        let mut label = String::new();
        let follows = matches!(self.tokens.peek_at(1), Some(Token::Name(_) | Token::Mark('.')));
        if follows {
            for known in ["optional", "required", "repeated"] {
                if label.is_empty() && self.tokens.eat_name(known) {
                    known.clone_into(&mut label);
                }
            }
        }
        let mut schema = self.field_type(message)?;
        let is_group = schema.unresolved.as_deref() == Some("group");
        let name = self.tokens.name("the field's name")?;
        self.tokens.expect('=')?;
        let number = self.number()?;
        let notes = self.field_options()?;
        if is_group {
            let group = self.full(Some(message), &name);
            schema = Schema::linked(group.clone());
            let place = self.add(group.clone(), "message", String::new())?;
            self.body(place, &group)?;
        } else {
            self.tokens.expect(';')?;
        }
        if label == "repeated" {
            schema = Schema { items: Some(Box::new(schema)), ..Schema::typed("array") };
        }
        schema.nullable = label == "optional";
        schema.default = notes.default;
        schema.deprecated = notes.deprecated;
        schema.sunset = sunset::said_in(&comment).filter(|_| notes.deprecated);
        schema.description = comment;
        self.api.schemas[place].schema.properties.push(Property {
            name: if is_group { name.to_ascii_lowercase() } else { name },
            required: label == "required",
            number: Some(number),
            oneof: oneof.map(ToOwned::to_owned),
            schema,
            ..Property::default()
        });
        Ok(())
    }

    /// A type as it is written; names are made out when all of them are known.
    fn field_type(&mut self, scope: &str) -> Result<Schema, ParseError> {
        self.take(scope.len())?;
        let name = self.type_name()?;
        if name == "map" && self.tokens.eat('<') {
            let key = self.type_name()?;
            // Inside a map the comma parts key and value.
            self.tokens.expect(',')?;
            let value = self.type_name()?;
            self.tokens.expect('>')?;
            let mut schema = Schema { additional: Some(Box::new(named(value, scope))), ..Schema::typed("object") };
            schema.constraints.insert("mapKey".to_owned(), Value::String(key));
            return Ok(schema);
        }
        Ok(named(name, scope))
    }

    fn type_name(&mut self) -> Result<String, ParseError> {
        let absolute = self.tokens.eat('.');
        let name = self.tokens.name("a type")?;
        Ok(if absolute { format!(".{name}") } else { name })
    }

    fn enumeration(&mut self, outer: Option<&str>, comment: String) -> Result<(), ParseError> {
        let name = self.tokens.name("the enum's name")?;
        let name = self.full(outer, &name);
        let place = self.add(name, "enum", comment)?;
        let mut deprecated = false;
        self.tokens.expect('{')?;
        while !self.tokens.eat('}') {
            if self.tokens.eat(';') {
                continue;
            }
            let comment = self.tokens.comment();
            let value = self.tokens.name("a value of the enum")?;
            if value == "option" && !self.tokens.is_mark('=') {
                deprecated |= self.option()?;
                continue;
            }
            if value == "reserved" && !self.tokens.is_mark('=') {
                let reserved = self.reserved()?;
                self.api.schemas[place].reserved.extend(reserved);
                continue;
            }
            self.tokens.expect('=')?;
            let number = self.signed()?;
            let notes = self.field_options()?;
            self.tokens.expect(';')?;
            self.api.schemas[place].schema.values.push(EnumValue {
                value,
                number: Some(number),
                sunset: sunset::said_in(&comment).filter(|_| notes.deprecated),
                deprecated: notes.deprecated,
                description: comment,
            });
        }
        self.deprecate(place, deprecated);
        Ok(())
    }

    fn service(&mut self, comment: String) -> Result<(), ParseError> {
        let name = self.tokens.name("the service's name")?;
        let name = self.full(None, &name);
        let place = self.add(name.clone(), "service", comment)?;
        let first = self.api.operations.len();
        let mut deprecated = false;
        self.tokens.expect('{')?;
        while !self.tokens.eat('}') {
            if self.tokens.eat(';') {
                continue;
            }
            let comment = self.tokens.comment();
            match self.tokens.name("rpc or option")?.as_str() {
                "option" => deprecated |= self.option()?,
                "rpc" => self.rpc(&name, comment)?,
                _ => return Err(self.tokens.wrong("a service has rpc and option")),
            }
        }
        self.deprecate(place, deprecated);
        if deprecated {
            let sunset = self.api.schemas[place].schema.sunset;
            for operation in &mut self.api.operations[first..] {
                operation.deprecated = true;
                operation.sunset = operation.sunset.or(sunset);
            }
        }
        Ok(())
    }

    fn rpc(&mut self, service: &str, description: String) -> Result<(), ParseError> {
        let name = self.tokens.name("the method's name")?;
        let (client_streaming, request) = self.exchanged(service)?;
        if !self.tokens.eat_name("returns") {
            return Err(self.tokens.wrong("the method returns nothing: returns (Message)"));
        }
        let (server_streaming, response) = self.exchanged(service)?;
        let mut deprecated = false;
        if self.tokens.eat('{') {
            while !self.tokens.eat('}') {
                if !self.tokens.eat(';') {
                    if !self.tokens.eat_name("option") {
                        return Err(self.tokens.wrong("a method has options only"));
                    }
                    deprecated |= self.option()?;
                }
            }
        } else {
            self.tokens.expect(';')?;
        }
        let path = format!("{service}/{name}");
        let content = |schema| vec![Content { schema: Some(schema), ..Content::default() }];
        self.api.operations.push(Operation {
            id: path.clone(),
            verb: "rpc".to_owned(),
            path,
            sunset: sunset::said_in(&description).filter(|_| deprecated),
            description,
            tags: vec![service.to_owned()],
            deprecated,
            request: Some(Body { required: true, contents: content(request), ..Body::default() }),
            responses: vec![Response { contents: content(response), ..Response::default() }],
            client_streaming,
            server_streaming,
            ..Operation::default()
        });
        Ok(())
    }

    /// `(stream Message)`
    fn exchanged(&mut self, scope: &str) -> Result<(bool, Schema), ParseError> {
        self.tokens.expect('(')?;
        let more = matches!(self.tokens.peek_at(1), Some(Token::Name(_) | Token::Mark('.')));
        let streams = more && self.tokens.eat_name("stream");
        let name = self.type_name()?;
        self.tokens.expect(')')?;
        Ok((streams, named(name, scope)))
    }

    /// Fields that are added to somebody else's message: not part of what is shown.
    fn extend(&mut self) -> Result<(), ParseError> {
        self.type_name()?;
        let place = self.add(String::new(), "message", String::new())?;
        self.body(place, "")?;
        self.api.schemas.remove(place);
        Ok(())
    }

    fn reserved(&mut self) -> Result<Vec<Reserved>, ParseError> {
        let mut reserved = Vec::new();
        loop {
            match self.tokens.peek() {
                Some(Token::Text(name)) => {
                    reserved.push(Reserved::Name(name.clone()));
                    self.tokens.advance();
                }
                Some(Token::Name(_)) => reserved.push(Reserved::Name(self.tokens.name("a name")?)),
                _ => {
                    let from = self.signed()?;
                    let mut to = from;
                    if self.tokens.eat_name("to") {
                        to = if self.tokens.eat_name("max") { i64::MAX } else { self.signed()? };
                    }
                    reserved.push(Reserved::Numbers(from, to));
                }
            }
            if !self.tokens.eat(',') {
                self.tokens.expect(';')?;
                return Ok(reserved);
            }
        }
    }

    /// Passes `name = value;` and says whether it is `deprecated = true`.
    fn option(&mut self) -> Result<bool, ParseError> {
        let deprecated = self.tokens.is_name("deprecated");
        let last = self.skip_statement()?;
        Ok(deprecated && last == Some(Token::Name("true".to_owned())))
    }

    /// Passes everything up to the next semicolon that is in no bracket; the last of it.
    fn skip_statement(&mut self) -> Result<Option<Token>, ParseError> {
        let (mut depth, mut last) = (0_usize, None);
        loop {
            match self.tokens.advance() {
                None => return Err(self.tokens.wrong("; is missing")),
                Some(Token::Mark(';')) if depth == 0 => return Ok(last),
                Some(Token::Mark('{' | '[' | '(')) => depth += 1,
                Some(Token::Mark('}' | ']' | ')')) if depth == 0 => return Err(self.tokens.wrong("; is missing")),
                Some(Token::Mark('}' | ']' | ')')) => depth -= 1,
                token => last = token,
            }
        }
    }

    fn field_options(&mut self) -> Result<Notes, ParseError> {
        let mut notes = Notes::default();
        if !self.tokens.eat('[') {
            return Ok(notes);
        }
        let (mut depth, mut name, mut value) = (0_usize, None::<String>, None::<Token>);
        loop {
            let Some(token) = self.tokens.advance() else { return Err(self.tokens.wrong("] is missing")) };
            let ends = depth == 0 && matches!(token, Token::Mark(']' | ','));
            match &token {
                _ if ends => {
                    match (name.take().as_deref(), value.take()) {
                        (Some("deprecated"), Some(Token::Name(word))) => notes.deprecated = word == "true",
                        (Some("default"), Some(Token::Name(text) | Token::Number(text) | Token::Text(text))) => {
                            notes.default = Some(text);
                        }
                        _ => {}
                    }
                    if token == Token::Mark(']') {
                        return Ok(notes);
                    }
                }
                Token::Mark('{' | '[' | '(') => depth += 1,
                Token::Mark('}' | ']' | ')') => depth = depth.saturating_sub(1),
                Token::Name(word) if name.is_none() => name = Some(word.clone()),
                Token::Mark(_) => {}
                _ => value = Some(token),
            }
        }
    }

    fn number(&mut self) -> Result<i64, ParseError> {
        let number = self.signed()?;
        if (1..=MAX_FIELD).contains(&number) {
            return Ok(number);
        }
        Err(self.tokens.wrong(&format!("a field's number is between 1 and {MAX_FIELD}")))
    }

    fn signed(&mut self) -> Result<i64, ParseError> {
        let negative = self.tokens.eat('-');
        let Some(Token::Number(digits)) = self.tokens.peek() else {
            return Err(self.tokens.wrong("a number is missing"));
        };
        let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
        let number = match hex {
            Some(hex) => i64::from_str_radix(hex, 16),
            None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8),
            None => digits.parse(),
        };
        let number: i64 = number.map_err(|_| self.tokens.wrong("this is no whole number"))?;
        self.tokens.advance();
        Ok(if negative { number.checked_neg().unwrap_or(number) } else { number })
    }

    fn add(&mut self, name: String, form: &str, description: String) -> Result<usize, ParseError> {
        self.take(name.len())?;
        let schema = Schema { description, ..Schema::default() };
        self.api.schemas.push(NamedSchema { name, form: form.to_owned(), schema, ..NamedSchema::default() });
        Ok(self.api.schemas.len() - 1)
    }

    fn take(&mut self, bytes: usize) -> Result<(), ParseError> {
        self.room = self
            .room
            .checked_sub(bytes)
            .ok_or_else(|| self.tokens.wrong("the names within each other grow beyond what is read here"))?;
        Ok(())
    }

    fn deprecate(&mut self, place: usize, deprecated: bool) {
        let schema = &mut self.api.schemas[place].schema;
        schema.deprecated = deprecated;
        schema.sunset = sunset::said_in(&schema.description).filter(|_| deprecated);
    }
}

/// `v1beta2` of `shop.v1beta2`; empty where the package's last part is no version.
fn version_in(package: &str) -> String {
    let last = package.rsplit('.').next().unwrap_or_default();
    let is_version =
        last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
    if is_version { last.to_owned() } else { String::new() }
}
