//! The definition of an API in one shape, whatever language it was written in, as pages show it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use time::Date;

/// The languages that definitions are read in; the names are those of an API's `spec.type` in its descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ApiKind {
    /// OpenAPI 3.x and Swagger 2.0.
    #[default]
    OpenApi,
    AsyncApi,
    GraphQl,
    /// Protocol Buffers with services.
    Grpc,
}

impl ApiKind {
    pub const ALL: [Self; 4] = [Self::OpenApi, Self::AsyncApi, Self::GraphQl, Self::Grpc];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenApi => "openapi",
            Self::AsyncApi => "asyncapi",
            Self::GraphQl => "graphql",
            Self::Grpc => "grpc",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::OpenApi => "OpenAPI",
            Self::AsyncApi => "AsyncAPI",
            Self::GraphQl => "GraphQL",
            Self::Grpc => "gRPC",
        }
    }

    /// The kind that a descriptor's `spec.type` names; none for types that are not read.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name))
    }
}

/// What a definition says. Every text is as the document has it: Markdown is not rendered, nothing is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiDefinition))]
pub struct Api {
    pub kind: ApiKind,
    /// Of the language: `3.1.0`, `proto3`; empty for GraphQL.
    pub language_version: String,
    /// For gRPC the package.
    pub title: String,
    /// Of the API itself; empty where the document has none.
    pub version: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub deprecated: bool,
    /// The day from which it need not be there any more.
    #[serde(default, with = "crate::day::option", skip_serializing_if = "Option::is_none")]
    pub sunset: Option<Date>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<Server>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_schemes: Vec<SecurityScheme>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
    /// What has a name and is referred to by it, in the document's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<NamedSchema>,
    /// What could not be made out; the rest stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ApiProblem>,
}

/// Where the API is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiServer))]
pub struct Server {
    /// Text and not checked: a template, a relative address or a host alone.
    pub url: String,
    /// `kafka`, `mqtt`; empty where the address says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// A heading that operations stand under.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiTag))]
pub struct Tag {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// A way of proving who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiSecurityScheme))]
pub struct SecurityScheme {
    pub name: String,
    /// `http bearer`, `apiKey in header X-Key`, `oauth2`.
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// One thing that can be asked of the API, or that it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiOperation))]
pub struct Operation {
    /// The document's own id, else verb and path.
    pub id: String,
    /// `GET`; `publish`, `subscribe`, `send`, `receive`; `query`, `mutation`, `subscription`; `rpc`.
    pub verb: String,
    /// The path, the channel's address, the field, or the full name of the method (`shop.v1.Orders/Place`).
    pub path: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub deprecated: bool,
    #[serde(default, with = "crate::day::option", skip_serializing_if = "Option::is_none")]
    pub sunset: Option<Date>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// What the API takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Body>,
    /// What the API gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub responses: Vec<Response>,
    /// Ways in, any of which is enough; each is a list of needs that go together. An empty list of needs lets anybody
    /// in; no way at all says that the document asks for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security: Vec<Vec<SecurityNeed>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub client_streaming: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub server_streaming: bool,
}

/// A scheme, and what it must allow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiSecurityNeed))]
pub struct SecurityNeed {
    pub scheme: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiParameter))]
pub struct Parameter {
    pub name: String,
    /// `path`, `query`, `header`, `cookie`, `form`, `channel`, `argument`.
    pub place: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub deprecated: bool,
    #[serde(default, with = "crate::day::option", skip_serializing_if = "Option::is_none")]
    pub sunset: Option<Date>,
    pub schema: Schema,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiBody))]
pub struct Body {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    pub contents: Vec<Content>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiResponse))]
pub struct Response {
    /// `200`, `4XX`, `default`; empty where the language has none.
    pub status: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Parameter>,
    pub contents: Vec<Content>,
}

/// One form that a body takes: a media type, or a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiContent))]
pub struct Content {
    /// Of a message; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Empty where the language has one only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Schema>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiExample))]
pub struct Example {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Text as it is, all else as indented JSON.
    pub value: String,
}

/// A schema that others name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiNamedSchema))]
pub struct NamedSchema {
    /// What a [`Schema::link`] says: `Pet`, `shop.v1.Order`, or a pointer for what only a pointer leads to.
    pub name: String,
    /// `schema`; `object`, `interface`, `union`, `enum`, `input`, `scalar`, `directive`; `message`, `enum`, `service`.
    pub form: String,
    pub schema: Schema,
    /// The interfaces that a GraphQL type has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<String>,
    /// What a Protocol Buffers message or enum will never use again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserved: Vec<Reserved>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiReserved))]
#[serde(rename_all = "lowercase")]
pub enum Reserved {
    Name(String),
    /// Both ends belong to it.
    Numbers(i64, i64),
}

/// What a value may look like. Never larger than the document: what has a name is a link to [`Api::schemas`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiSchema))]
#[serde(default)]
pub struct Schema {
    /// The name of a schema of [`Api::schemas`]; what stands beside it applies too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// A reference that leads out of the document or nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresolved: Option<String>,
    /// `string`, `integer`, `object`, `int32`; none says anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub nullable: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub format: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "utoipa", schema(no_recursion))]
    pub properties: Vec<Property>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "utoipa", schema(no_recursion))]
    pub items: Option<Box<Schema>>,
    /// What members that have no name here may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "utoipa", schema(no_recursion))]
    pub additional: Option<Box<Schema>>,
    /// There are no members but those named here.
    #[serde(skip_serializing_if = "is_false")]
    pub closed: bool,
    /// The only values there are; none says any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<EnumValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "utoipa", schema(no_recursion))]
    pub all_of: Vec<Schema>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "utoipa", schema(no_recursion))]
    pub one_of: Vec<Schema>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "utoipa", schema(no_recursion))]
    pub any_of: Vec<Schema>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "utoipa", schema(no_recursion))]
    pub not: Option<Box<Schema>>,
    /// `maxLength`, `minimum`, `pattern` and the like, as the document has them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub constraints: BTreeMap<String, serde_json::Value>,
    /// As JSON, or as the language writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
    /// The member that says which of `one_of` it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discriminator: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub deprecated: bool,
    #[serde(with = "crate::day::option", skip_serializing_if = "Option::is_none")]
    pub sunset: Option<Date>,
    /// In responses only.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// In requests only.
    #[serde(skip_serializing_if = "is_false")]
    pub write_only: bool,
    /// There is more in the document than is shown.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// A member of an object, a field of a type or of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiProperty))]
pub struct Property {
    pub name: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// A message's field number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// The `oneof` that a message's field is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oneof: Option<String>,
    /// Of a GraphQL field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "utoipa", schema(no_recursion))]
    pub arguments: Vec<Parameter>,
    pub schema: Schema,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiEnumValue))]
pub struct EnumValue {
    /// A text as it is, all else as JSON.
    pub value: String,
    /// In Protocol Buffers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub deprecated: bool,
    #[serde(default, with = "crate::day::option", skip_serializing_if = "Option::is_none")]
    pub sunset: Option<Date>,
}

/// Something in a definition that could not be made out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ApiProblem {
    /// A JSON pointer, or a line.
    pub at: String,
    pub reason: String,
}

/// One difference between two versions of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(as = ApiChange))]
pub struct Change {
    /// Whether somebody who relied on the old version can fail with the new one.
    pub breaking: bool,
    /// Stable, in kebab-case.
    pub rule: &'static str,
    /// The operation or schema, and the way into it: `GET /pets: response 200, name`.
    pub at: String,
    pub message: String,
}

impl Api {
    /// The schema that a link names.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<&NamedSchema> {
        self.schemas.iter().find(|schema| schema.name == name)
    }

    /// `schema` with what it links to in its place, for a page that shows it whole.
    ///
    /// A link stays a link where it leads back into itself, and below `depth` levels or beyond `nodes` schemas; in the
    /// last two cases it is marked as truncated.
    #[must_use]
    pub fn resolved(&self, schema: &Schema, depth: usize, nodes: usize) -> Schema {
        let names = self.schemas.iter().map(|named| (named.name.as_str(), &named.schema)).collect();
        Resolver { names, open: Vec::new(), left: nodes }.resolve(schema, depth)
    }
}

impl Operation {
    /// As a reader names it: `GET /pets`.
    #[must_use]
    pub fn heading(&self) -> String {
        format!("{} {}", self.verb, self.path)
    }
}

impl Schema {
    #[must_use]
    pub fn linked(name: impl Into<String>) -> Self {
        Self { link: Some(name.into()), ..Self::default() }
    }

    #[must_use]
    pub fn typed(name: impl Into<String>) -> Self {
        Self { types: vec![name.into()], ..Self::default() }
    }

    /// The type in a few words: `list of Pet`, `string (date-time) or null`.
    #[must_use]
    pub fn type_text(&self) -> String {
        self.words(4)
    }

    fn words(&self, depth: usize) -> String {
        let inner = |schema: &Self| match depth {
            0 => "…".to_owned(),
            depth => schema.words(depth - 1),
        };
        let joined = |schemas: &[Self], word: &str| {
            let mut texts = schemas.iter().take(5).map(inner).collect::<Vec<_>>();
            if schemas.len() > 5 {
                texts.push("…".to_owned());
            }
            texts.join(word)
        };
        let mut text = if let Some(name) = self.link.as_ref().or(self.unresolved.as_ref()) {
            name.rsplit('/').next().unwrap_or(name).to_owned()
        } else if let Some(items) = &self.items {
            format!("list of {}", inner(items))
        } else if !self.one_of.is_empty() {
            joined(&self.one_of, " or ")
        } else if !self.any_of.is_empty() {
            joined(&self.any_of, " or ")
        } else if !self.all_of.is_empty() && self.properties.is_empty() {
            joined(&self.all_of, " and ")
        } else if let (Some(additional), true) = (&self.additional, self.properties.is_empty()) {
            format!("map of {}", inner(additional))
        } else if !self.types.is_empty() {
            self.types.iter().map(|name| if name == "array" { "list" } else { name }).collect::<Vec<_>>().join(" or ")
        } else if !self.properties.is_empty() {
            "object".to_owned()
        } else if !self.values.is_empty() {
            "enum".to_owned()
        } else {
            "any".to_owned()
        };
        if !self.format.is_empty() && self.items.is_none() {
            text = format!("{text} ({})", self.format);
        }
        if self.nullable {
            text.push_str(" or null");
        }
        text
    }
}

/// Links within each other that are followed for a page.
const MAX_HOPS: usize = 32;

/// Puts schemas in the place of links, within bounds.
struct Resolver<'a> {
    names: HashMap<&'a str, &'a Schema>,
    /// The names that are being put in, from the outermost.
    open: Vec<&'a str>,
    left: usize,
}

impl<'a> Resolver<'a> {
    fn resolve(&mut self, schema: &'a Schema, depth: usize) -> Schema {
        if depth == 0 || self.left == 0 {
            return cut(schema);
        }
        self.left -= 1;
        if let Some(name) = schema.link.as_deref()
            && self.open.len() < MAX_HOPS
            && !self.open.contains(&name)
            && let Some(target) = self.names.get(name).copied()
        {
            self.open.push(name);
            let mut whole = self.resolve(target, depth);
            self.open.pop();
            whole.link = Some(name.to_owned());
            whole.nullable |= schema.nullable;
            whole.deprecated |= schema.deprecated;
            whole.sunset = schema.sunset.or(whole.sunset);
            if !schema.description.is_empty() {
                whole.description.clone_from(&schema.description);
            }
            return whole;
        }
        let depth = depth - 1;
        let mut list = |schemas: &'a [Schema]| schemas.iter().map(|schema| self.resolve(schema, depth)).collect();
        let (all_of, one_of, any_of) = (list(&schema.all_of), list(&schema.one_of), list(&schema.any_of));
        let properties = schema.properties.iter().map(|property| Property {
            name: property.name.clone(),
            required: property.required,
            number: property.number,
            oneof: property.oneof.clone(),
            arguments: property.arguments.clone(),
            schema: self.resolve(&property.schema, depth),
        });
        let properties = properties.collect();
        let mut one =
            |schema: &'a Option<Box<Schema>>| schema.as_deref().map(|schema| Box::new(self.resolve(schema, depth)));
        let (items, additional, not) = (one(&schema.items), one(&schema.additional), one(&schema.not));
        Schema { all_of, one_of, any_of, properties, items, additional, not, ..without_children(schema) }
    }
}

fn without_children(schema: &Schema) -> Schema {
    Schema {
        link: schema.link.clone(),
        unresolved: schema.unresolved.clone(),
        types: schema.types.clone(),
        nullable: schema.nullable,
        format: schema.format.clone(),
        title: schema.title.clone(),
        description: schema.description.clone(),
        closed: schema.closed,
        values: schema.values.clone(),
        constraints: schema.constraints.clone(),
        default: schema.default.clone(),
        examples: schema.examples.clone(),
        discriminator: schema.discriminator.clone(),
        deprecated: schema.deprecated,
        sunset: schema.sunset,
        read_only: schema.read_only,
        write_only: schema.write_only,
        truncated: schema.truncated,
        ..Schema::default()
    }
}

/// What is left of a schema where the bounds end: its name or type.
fn cut(schema: &Schema) -> Schema {
    Schema {
        link: schema.link.clone(),
        unresolved: schema.unresolved.clone(),
        types: schema.types.clone(),
        nullable: schema.nullable,
        format: schema.format.clone(),
        truncated: true,
        ..Schema::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Api {
        let node = Schema {
            types: vec!["object".to_owned()],
            properties: vec![
                Property { name: "name".to_owned(), schema: Schema::typed("string"), ..Property::default() },
                Property {
                    name: "children".to_owned(),
                    schema: Schema {
                        types: vec!["array".to_owned()],
                        items: Some(Box::new(Schema::linked("Node"))),
                        ..Schema::default()
                    },
                    ..Property::default()
                },
            ],
            ..Schema::default()
        };
        let node =
            NamedSchema { name: "Node".to_owned(), form: "schema".to_owned(), schema: node, ..Default::default() };
        Api { schemas: vec![node], ..Api::default() }
    }

    #[test]
    fn a_schema_that_holds_itself_is_shown_once_and_then_named() {
        let whole = tree().resolved(&Schema::linked("Node"), 10, 100);
        let inner = whole.properties[1].schema.items.as_deref().unwrap();
        assert_eq!(inner.link.as_deref(), Some("Node"));
        assert!(inner.properties.is_empty() && !inner.truncated);
    }

    #[test]
    fn what_is_beyond_the_bounds_is_marked() {
        let flat = tree().resolved(&Schema::linked("Node"), 1, 100);
        assert!(flat.properties.iter().all(|property| property.schema.truncated));
        let few = tree().resolved(&Schema::linked("Node"), 10, 2);
        assert!(few.properties[0].schema.truncated);
    }

    #[test]
    fn a_type_is_said_in_a_few_words() {
        let text = Schema { format: "date-time".to_owned(), nullable: true, ..Schema::typed("string") };
        assert_eq!(text.type_text(), "string (date-time) or null");
        assert_eq!(tree().schemas[0].schema.properties[1].schema.type_text(), "list of Node");
        assert_eq!(Schema::default().type_text(), "any");
    }

    #[test]
    fn a_definition_survives_its_way_through_json() {
        let api = tree();
        let text = serde_json::to_string(&api).unwrap();
        assert_eq!(serde_json::from_str::<Api>(&text).unwrap(), api);
    }
}
