//! AsyncAPI 2.x and 3.x (asyncapi.com/docs/reference).

use model::api::{Api, ApiKind, Body, Content, Operation, Parameter, Response, Schema, SecurityNeed, Server};
use serde_json::Value;

use super::{
    document::{Document, elements, escaped, flag, members},
    openapi, sunset,
};
use crate::ParseError;

pub(super) fn read(root: &Value) -> Result<Api, ParseError> {
    let mut document = Document::new(root);
    let language_version = document.text(root, "asyncapi")?;
    let third = language_version.starts_with("3.");
    if !third && !language_version.starts_with("2.") {
        return Err(ParseError::pointer("/asyncapi", "versions 2.x and 3.x are read here: asyncapi: 3.0.0"));
    }
    let info = root.get("info").unwrap_or(&Value::Null);
    let mut tags = openapi::tags(&mut document, root)?;
    tags.extend(openapi::tags(&mut document, info)?);
    let mut api = Api {
        kind: ApiKind::AsyncApi,
        language_version,
        title: document.text(info, "title")?,
        version: document.text(info, "version")?,
        description: document.text(info, "description")?,
        deprecated: flag(info, "x-deprecated") || flag(root, "x-deprecated"),
        sunset: sunset::of(info).or_else(|| sunset::of(root)),
        servers: servers(&mut document)?,
        tags,
        security_schemes: openapi::security_schemes(&mut document)?,
        ..Api::default()
    };
    if third {
        operations(&mut document, &mut api)?;
    } else {
        channels(&mut document, &mut api)?;
    }
    api.schemas = document.named_schemas(&["/components/schemas"])?;
    if api.operations.is_empty() {
        document.problem(if third { "/operations" } else { "/channels" }, "the definition has no operations");
    }
    api.problems = document.problems;
    Ok(api)
}

/// Version 2: a channel has what others publish to it and what they subscribe to.
fn channels(document: &mut Document<'_>, api: &mut Api) -> Result<(), ParseError> {
    for (address, channel) in members(document.root, "channels") {
        let at = format!("/channels/{}", escaped(address));
        let Some(channel) = document.follow(channel, &at) else { continue };
        let parameters = parameters(document, channel, &at)?;
        for verb in ["publish", "subscribe"] {
            let Some(value) = channel.get(verb).filter(|value| value.is_object()) else { continue };
            let at = format!("{at}/{verb}");
            let mut contents = Vec::new();
            if let Some(message) = value.get("message") {
                let at = format!("{at}/message");
                if message.get("oneOf").is_some() {
                    for one in elements(message, "oneOf") {
                        contents.extend(read_message(document, one, "", &at)?);
                    }
                } else {
                    contents.extend(read_message(document, message, "", &at)?);
                }
            }
            let id = document.text(value, "operationId")?;
            let mut operation = read_operation(document, value, id, verb, address)?;
            operation.deprecated |= flag(channel, "deprecated") || flag(channel, "x-deprecated");
            operation.sunset = operation.sunset.or_else(|| sunset::of(channel));
            operation.parameters.clone_from(&parameters);
            document.few(contents.len(), &at, "messages")?;
            carry(&mut operation, contents);
            api.operations.push(operation);
        }
    }
    Ok(())
}

/// Version 3: an operation says which channel it uses and what this application does there.
fn operations(document: &mut Document<'_>, api: &mut Api) -> Result<(), ParseError> {
    for (name, value) in members(document.root, "operations") {
        let at = format!("/operations/{}", escaped(name));
        let Some(value) = document.follow(value, &at) else { continue };
        let verb = match value.get("action").and_then(Value::as_str) {
            Some("send") => "send",
            Some("receive") => "receive",
            _ => {
                document.problem(&at, "the action is send or receive");
                continue;
            }
        };
        let given = value.get("channel").unwrap_or(&Value::Null);
        let Some((channel, key)) = document.follow_named(given, &format!("{at}/channel")) else { continue };
        let address = match channel.get("address").and_then(Value::as_str) {
            Some(address) => address.to_owned(),
            None => key.unwrap_or_default().replace("~1", "/").replace("~0", "~"),
        };
        let mut operation = read_operation(document, value, name.to_owned(), verb, &address)?;
        operation.deprecated |= flag(channel, "x-deprecated");
        operation.sunset = operation.sunset.or_else(|| sunset::of(channel));
        operation.parameters = parameters(document, channel, &at)?;
        let contents = messages(document, value, channel, &at)?;
        carry(&mut operation, contents);
        if let Some(reply) = value.get("reply")
            && let Some(reply) = document.follow(reply, &format!("{at}/reply"))
        {
            let channel = reply.get("channel").unwrap_or(&Value::Null);
            let channel = document.follow(channel, &format!("{at}/reply/channel")).unwrap_or(&Value::Null);
            let contents = messages(document, reply, channel, &at)?;
            let description = "Reply".to_owned();
            let reply = Response { status: "reply".to_owned(), description, contents, ..Response::default() };
            match verb {
                "receive" => operation.responses.push(reply),
                _ => operation.request = Some(Body { contents: reply.contents, ..Body::default() }),
            }
        }
        api.operations.push(operation);
    }
    Ok(())
}

fn read_operation(
    document: &mut Document<'_>,
    value: &Value,
    id: String,
    verb: &str,
    address: &str,
) -> Result<Operation, ParseError> {
    document.grow()?;
    let path = document.copy(address)?;
    let mut operation = Operation {
        id: if id.is_empty() { format!("{verb} {path}") } else { id },
        verb: verb.to_owned(),
        path,
        summary: document.text(value, "summary")?,
        description: document.text(value, "description")?,
        deprecated: flag(value, "deprecated") || flag(value, "x-deprecated"),
        sunset: sunset::of(value),
        ..Operation::default()
    };
    for tag in openapi::tags(document, value)? {
        operation.tags.push(tag.name);
    }
    for way in elements(value, "security").filter_map(Value::as_object) {
        let mut needs = Vec::new();
        for name in way.keys() {
            let name = if name == "$ref" {
                way.values().next().and_then(Value::as_str).and_then(|text| text.rsplit('/').next()).unwrap_or(name)
            } else {
                name
            };
            needs.push(SecurityNeed { scheme: document.copy(name)?, ..SecurityNeed::default() });
        }
        operation.security.push(needs);
    }
    document.few(operation.security.len(), "/operations", "ways in")?;
    Ok(operation)
}

/// Puts messages where they belong: what others send is a request, what they get is a response.
fn carry(operation: &mut Operation, contents: Vec<Content>) {
    if matches!(operation.verb.as_str(), "publish" | "receive") {
        operation.request = Some(Body { required: true, contents, ..Body::default() });
    } else {
        operation.responses.push(Response { contents, ..Response::default() });
    }
}

/// The messages that a version 3 operation names, else all of its channel's.
fn messages<'a>(
    document: &mut Document<'a>,
    operation: &'a Value,
    channel: &'a Value,
    at: &str,
) -> Result<Vec<Content>, ParseError> {
    let mut contents = Vec::new();
    if operation.get("messages").is_some() {
        for message in elements(operation, "messages") {
            contents.extend(read_message(document, message, "", &format!("{at}/messages"))?);
        }
    } else {
        for (name, message) in members(channel, "messages") {
            contents.extend(read_message(document, message, name, &format!("{at}/channel/messages"))?);
        }
    }
    document.few(contents.len(), at, "messages")?;
    Ok(contents)
}

fn read_message<'a>(
    document: &mut Document<'a>,
    value: &'a Value,
    key: &str,
    at: &str,
) -> Result<Option<Content>, ParseError> {
    document.grow()?;
    let Some((message, referred)) = document.follow_named(value, at) else { return Ok(None) };
    let mut name = document.text(message, "name")?;
    if name.is_empty() {
        name = if key.is_empty() { referred.unwrap_or_default().to_owned() } else { key.to_owned() };
        document.copy(&name)?;
    }
    let default = document.text(document.root, "defaultContentType")?;
    let mut content = Content {
        name,
        media_type: document.text(message, "contentType")?,
        description: document.text(message, "description")?,
        headers: payload(document, message, "headers", at)?,
        schema: payload(document, message, "payload", at)?,
        ..Content::default()
    };
    if content.description.is_empty() {
        content.description = document.text(message, "summary")?;
    }
    if content.media_type.is_empty() {
        content.media_type = default;
    }
    for example in elements(message, "examples") {
        let name = document.text(example, "name")?;
        let value = example.get("payload").unwrap_or(example);
        content.examples.push(document.example(&name, value)?);
    }
    Ok(Some(content))
}

/// A schema, or one inside an object that names its language; another language than JSON Schema is not read.
fn payload<'a>(
    document: &mut Document<'a>,
    message: &'a Value,
    member: &str,
    at: &str,
) -> Result<Option<Schema>, ParseError> {
    let Some(value) = message.get(member) else { return Ok(None) };
    let at = format!("{at}/{member}");
    let language = value.get("schemaFormat").or_else(|| message.get("schemaFormat")).and_then(Value::as_str);
    let known = |language: &str| {
        ["schema+json", "schema+yaml", "asyncapi", "openapi"].iter().any(|name| language.contains(name))
    };
    if let Some(language) = language.filter(|language| !known(language)) {
        document.problem(&at, "the payload is written in a schema language that is not read here");
        let format = document.copy(language)?;
        return Ok(Some(Schema { format, ..Schema::default() }));
    }
    let schema = if value.get("schemaFormat").is_some() { value.get("schema").unwrap_or(&Value::Null) } else { value };
    document.schema(schema, &at).map(Some)
}

fn parameters<'a>(document: &mut Document<'a>, channel: &'a Value, at: &str) -> Result<Vec<Parameter>, ParseError> {
    let mut parameters = Vec::new();
    for (name, value) in members(channel, "parameters") {
        document.grow()?;
        let at = format!("{at}/parameters/{}", escaped(name));
        let Some(value) = document.follow(value, &at) else { continue };
        // In version 3 a parameter is a string whose values stand beside its description.
        let schema = match value.get("schema") {
            Some(schema) => document.schema(schema, &at)?,
            None => Schema { types: vec!["string".to_owned()], ..document.schema(value, &at)? },
        };
        parameters.push(Parameter {
            name: document.copy(name)?,
            place: "channel".to_owned(),
            required: true,
            description: document.text(value, "description")?,
            schema: Schema { description: String::new(), ..schema },
            ..Parameter::default()
        });
    }
    document.few(parameters.len(), at, "parameters")?;
    Ok(parameters)
}

fn servers(document: &mut Document<'_>) -> Result<Vec<Server>, ParseError> {
    let mut servers = Vec::new();
    for (_, server) in members(document.root, "servers") {
        document.grow()?;
        let Some(server) = document.follow(server, "/servers") else { continue };
        let mut url = document.text(server, "url")?;
        if url.is_empty() {
            url = format!("{}{}", document.text(server, "host")?, document.text(server, "pathname")?);
        }
        let (protocol, description) = (document.text(server, "protocol")?, document.text(server, "description")?);
        servers.push(Server { url, protocol, description });
    }
    document.few(servers.len(), "/servers", "servers")?;
    Ok(servers)
}
