//! OpenAPI 3.0 to 3.2 (spec.openapis.org/oas) and Swagger 2.0.

use std::collections::HashMap;

use model::api::{
    Api, ApiKind, Body, Content, Operation, Parameter, Property, Response, Schema, SecurityNeed, SecurityScheme,
    Server, Tag,
};
use serde_json::Value;

use super::{
    document::{Document, elements, escaped, flag, members},
    sunset,
};
use crate::ParseError;

const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

pub(super) fn read(root: &Value) -> Result<Api, ParseError> {
    let mut document = Document::new(root);
    let version = ["openapi", "swagger"].into_iter().find(|member| root.get(member).is_some());
    let Some(member) = version else {
        return Err(ParseError::pointer("/openapi", "the version of OpenAPI is missing: openapi: 3.1.0"));
    };
    let language_version = document.text(root, member)?;
    if !["2.", "3."].iter().any(|known| language_version.starts_with(known)) && language_version != "2" {
        return Err(ParseError::pointer(format!("/{member}"), "versions 2.0 and 3.x are read here"));
    }
    let info = root.get("info").unwrap_or(&Value::Null);
    let mut api = Api {
        kind: ApiKind::OpenApi,
        language_version,
        title: document.text(info, "title")?,
        version: document.text(info, "version")?,
        description: document.text(info, "description")?,
        deprecated: [info, root].iter().any(|object| flag(object, "x-deprecated") || flag(object, "deprecated")),
        sunset: sunset::of(info).or_else(|| sunset::of(root)),
        servers: servers(&mut document)?,
        tags: tags(&mut document, root)?,
        security_schemes: security_schemes(&mut document)?,
        ..Api::default()
    };
    for (path, item) in members(root, "paths").filter(|(path, _)| !path.starts_with("x-")) {
        let at = format!("/paths/{}", escaped(path));
        path_item(&mut document, &mut api, path, item, &at, false)?;
    }
    for (name, item) in members(root, "webhooks").filter(|(name, _)| !name.starts_with("x-")) {
        let at = format!("/webhooks/{}", escaped(name));
        path_item(&mut document, &mut api, name, item, &at, true)?;
    }
    api.schemas = document.named_schemas(&["/components/schemas", "/definitions"])?;
    if api.operations.is_empty() && api.schemas.is_empty() {
        document.problem("/paths", "the definition has no operations");
    }
    same_ids(&mut document, &api);
    api.problems = document.problems;
    Ok(api)
}

fn path_item<'a>(
    document: &mut Document<'a>,
    api: &mut Api,
    path: &str,
    item: &'a Value,
    at: &str,
    webhook: bool,
) -> Result<(), ParseError> {
    let Some(item) = document.follow(item, at) else { return Ok(()) };
    for method in METHODS {
        let Some(operation) = item.get(method) else { continue };
        let at = format!("{at}/{method}");
        if !operation.is_object() {
            document.problem(&at, "an operation is an object");
            continue;
        }
        document.grow()?;
        let verb = if webhook { "webhook".to_owned() } else { method.to_ascii_uppercase() };
        let path = match method {
            method if webhook && method != "post" => format!("{path} ({})", method.to_ascii_uppercase()),
            _ => document.copy(path)?,
        };
        api.operations.push(read_operation(document, item, operation, &at, verb, path)?);
    }
    Ok(())
}

fn read_operation<'a>(
    document: &mut Document<'a>,
    item: &'a Value,
    value: &'a Value,
    at: &str,
    verb: String,
    path: String,
) -> Result<Operation, ParseError> {
    let mut id = document.text(value, "operationId")?;
    if id.is_empty() {
        id = format!("{verb} {path}");
    }
    let mut operation = Operation {
        id,
        verb,
        path,
        summary: document.text(value, "summary")?,
        description: document.text(value, "description")?,
        deprecated: flag(value, "deprecated"),
        sunset: sunset::of(value),
        ..Operation::default()
    };
    for tag in elements(value, "tags").filter_map(Value::as_str) {
        operation.tags.push(document.copy(tag)?);
    }
    let mut form = Vec::new();
    let mut places = HashMap::new();
    for list in [item, value] {
        for (index, parameter) in elements(list, "parameters").enumerate() {
            let at = format!("{at}/parameters/{index}");
            let Some(parameter) = document.follow(parameter, &at) else { continue };
            match parameter.get("in").and_then(Value::as_str) {
                Some("body") => operation.request = Some(swagger_body(document, value, parameter, &at)?),
                Some("formData") => form.push(read_parameter(document, parameter, &at)?),
                _ => {
                    let read = read_parameter(document, parameter, &at)?;
                    // What an operation says replaces what its path says.
                    match places.get(&(read.name.clone(), read.place.clone())) {
                        Some(place) => operation.parameters[*place] = read,
                        None => {
                            places.insert((read.name.clone(), read.place.clone()), operation.parameters.len());
                            operation.parameters.push(read);
                        }
                    }
                }
            }
        }
    }
    if !form.is_empty() {
        operation.request = Some(swagger_form(document, value, form)?);
    }
    if let Some(body) = value.get("requestBody") {
        let at = format!("{at}/requestBody");
        if let Some(body) = document.follow(body, &at) {
            operation.request = Some(Body {
                description: document.text(body, "description")?,
                required: flag(body, "required"),
                contents: contents(document, body, &at)?,
            });
        }
    }
    for (status, response) in members(value, "responses").filter(|(status, _)| !status.starts_with("x-")) {
        let at = format!("{at}/responses/{status}");
        let Some(response) = document.follow(response, &at) else { continue };
        operation.responses.push(read_response(document, value, status, response, &at)?);
    }
    let security = value.get("security").or_else(|| document.root.get("security"));
    operation.security = needs(document, security)?;
    document.few(operation.parameters.len(), at, "parameters")?;
    document.few(operation.responses.len(), at, "responses")?;
    document.few(operation.security.len(), at, "ways in")?;
    Ok(operation)
}

fn read_parameter<'a>(document: &mut Document<'a>, value: &'a Value, at: &str) -> Result<Parameter, ParseError> {
    document.grow()?;
    let place = document.text(value, "in")?;
    let content = members(value, "content").next().and_then(|(_, content)| content.get("schema"));
    let schema = match value.get("schema").or(content) {
        Some(schema) => document.schema(schema, &format!("{at}/schema"))?,
        // In Swagger 2.0 the parameter itself is the schema.
        None => Schema {
            description: String::new(),
            examples: Vec::new(),
            properties: Vec::new(),
            ..document.schema(value, at)?
        },
    };
    Ok(Parameter {
        name: document.text(value, "name")?,
        required: flag(value, "required") || place == "path",
        place,
        description: document.text(value, "description")?,
        deprecated: flag(value, "deprecated"),
        sunset: sunset::of(value),
        schema,
        examples: document.examples(value, at)?,
    })
}

fn read_response<'a>(
    document: &mut Document<'a>,
    operation: &'a Value,
    status: &str,
    value: &'a Value,
    at: &str,
) -> Result<Response, ParseError> {
    document.grow()?;
    let mut response = Response {
        status: document.copy(status)?,
        description: document.text(value, "description")?,
        contents: contents(document, value, at)?,
        ..Response::default()
    };
    for (name, header) in members(value, "headers") {
        let at = format!("{at}/headers/{}", escaped(name));
        let Some(header) = document.follow(header, &at) else { continue };
        let read = read_parameter(document, header, &at)?;
        response.headers.push(Parameter { name: document.copy(name)?, place: "header".to_owned(), ..read });
    }
    if let Some(schema) = value.get("schema") {
        for media_type in media_types(document, operation, "produces")? {
            let schema = Some(document.schema(schema, &format!("{at}/schema"))?);
            response.contents.push(Content { media_type, schema, ..Content::default() });
        }
    }
    document.few(response.headers.len(), at, "headers")?;
    document.few(response.contents.len(), at, "media types")?;
    Ok(response)
}

fn contents<'a>(document: &mut Document<'a>, value: &'a Value, at: &str) -> Result<Vec<Content>, ParseError> {
    let mut contents = Vec::new();
    for (media_type, content) in members(value, "content") {
        document.grow()?;
        let at = format!("{at}/content/{}", escaped(media_type));
        let Some(content) = document.follow(content, &at) else { continue };
        let schema = match content.get("schema").or_else(|| content.get("itemSchema")) {
            Some(schema) => Some(document.schema(schema, &format!("{at}/schema"))?),
            None => None,
        };
        let examples = document.examples(content, &at)?;
        contents.push(Content { media_type: document.copy(media_type)?, schema, examples, ..Content::default() });
    }
    document.few(contents.len(), at, "media types")?;
    Ok(contents)
}

fn swagger_body<'a>(
    document: &mut Document<'a>,
    operation: &'a Value,
    value: &'a Value,
    at: &str,
) -> Result<Body, ParseError> {
    let mut body = Body {
        description: document.text(value, "description")?,
        required: flag(value, "required"),
        ..Body::default()
    };
    for media_type in media_types(document, operation, "consumes")? {
        let schema = match value.get("schema") {
            Some(schema) => Some(document.schema(schema, &format!("{at}/schema"))?),
            None => None,
        };
        body.contents.push(Content { media_type, schema, ..Content::default() });
    }
    document.few(body.contents.len(), at, "media types")?;
    Ok(body)
}

fn swagger_form(document: &mut Document<'_>, operation: &Value, form: Vec<Parameter>) -> Result<Body, ParseError> {
    let required = form.iter().any(|field| field.required);
    let properties = form.into_iter().map(|field| Property {
        name: field.name,
        required: field.required,
        schema: Schema { description: field.description, ..field.schema },
        ..Property::default()
    });
    let schema = Schema { properties: properties.collect(), ..Schema::typed("object") };
    let mut media_types = media_types(document, operation, "consumes")?;
    media_types.truncate(1);
    let media_type = media_types.pop().filter(|name| name.contains("form"));
    let content = Content {
        media_type: media_type.unwrap_or_else(|| "application/x-www-form-urlencoded".to_owned()),
        schema: Some(schema),
        ..Content::default()
    };
    Ok(Body { required, contents: vec![content], ..Body::default() })
}

/// What a Swagger operation takes or gives: its own list, else the document's, else JSON.
fn media_types(document: &mut Document<'_>, operation: &Value, member: &str) -> Result<Vec<String>, ParseError> {
    let holder = if operation.get(member).is_some() { operation } else { document.root };
    let mut names = Vec::new();
    for name in elements(holder, member).filter_map(Value::as_str) {
        names.push(document.copy(name)?);
    }
    if names.is_empty() {
        names.push("application/json".to_owned());
    }
    Ok(names)
}

fn servers(document: &mut Document<'_>) -> Result<Vec<Server>, ParseError> {
    let mut servers = Vec::new();
    for server in elements(document.root, "servers") {
        document.grow()?;
        let (url, description) = (document.text(server, "url")?, document.text(server, "description")?);
        servers.push(Server { url, description, ..Server::default() });
    }
    let (host, base) = (document.text(document.root, "host")?, document.text(document.root, "basePath")?);
    if !host.is_empty() || !base.is_empty() {
        let scheme = elements(document.root, "schemes").find_map(Value::as_str);
        let url = match scheme {
            Some(scheme) if !host.is_empty() => format!("{scheme}://{host}{base}"),
            _ => format!("{host}{base}"),
        };
        servers.push(Server { url, ..Server::default() });
    }
    document.few(servers.len(), "/servers", "servers")?;
    Ok(servers)
}

pub(super) fn tags(document: &mut Document<'_>, holder: &Value) -> Result<Vec<Tag>, ParseError> {
    let mut tags = Vec::new();
    for tag in elements(holder, "tags") {
        document.grow()?;
        let tag = Tag { name: document.text(tag, "name")?, description: document.text(tag, "description")? };
        if !tag.name.is_empty() {
            tags.push(tag);
        }
    }
    Ok(tags)
}

pub(super) fn security_schemes(document: &mut Document<'_>) -> Result<Vec<SecurityScheme>, ParseError> {
    let components = document.root.get("components").unwrap_or(&Value::Null);
    let mut schemes = Vec::new();
    for (name, scheme) in members(components, "securitySchemes").chain(members(document.root, "securityDefinitions")) {
        document.grow()?;
        let Some(scheme) = document.follow(scheme, "/components/securitySchemes") else { continue };
        let mut kind = document.text(scheme, "type")?;
        match kind.as_str() {
            "http" => kind = format!("http {}", document.text(scheme, "scheme")?.to_ascii_lowercase()),
            "apiKey" | "httpApiKey" => {
                let (place, key) = (document.text(scheme, "in")?, document.text(scheme, "name")?);
                kind = format!("{kind} in {place} {key}").trim_end().to_owned();
            }
            "basic" => "http basic".clone_into(&mut kind),
            _ => {}
        }
        let description = document.text(scheme, "description")?;
        schemes.push(SecurityScheme { name: document.copy(name)?, kind, description });
    }
    document.few(schemes.len(), "/components/securitySchemes", "security schemes")?;
    Ok(schemes)
}

fn needs(document: &mut Document<'_>, security: Option<&Value>) -> Result<Vec<Vec<SecurityNeed>>, ParseError> {
    let mut ways = Vec::new();
    for way in security.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
        let mut needs = Vec::new();
        for (scheme, scopes) in way {
            document.grow()?;
            let mut need = SecurityNeed { scheme: document.copy(scheme)?, ..SecurityNeed::default() };
            for scope in scopes.as_array().into_iter().flatten().filter_map(Value::as_str) {
                need.scopes.push(document.copy(scope)?);
            }
            needs.push(need);
        }
        document.few(needs.len(), "/security", "needs that go together")?;
        ways.push(needs);
    }
    Ok(ways)
}

fn same_ids(document: &mut Document<'_>, api: &Api) {
    let mut seen = HashMap::new();
    for operation in &api.operations {
        if let Some(first) = seen.insert(operation.id.as_str(), operation) {
            let reason = format!("{} has the same operationId as {}", operation.heading(), first.heading());
            document.problem("/paths", reason);
        }
    }
}
