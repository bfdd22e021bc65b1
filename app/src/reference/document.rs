//! The API's OpenAPI document, read for people: operations by feature, with their inputs, answers and a command to copy.

use model::ProblemType;
use serde_json::{Map, Value, json};

/// Schemas within schemas are followed this far in an example.
const MAX_DEPTH: usize = 5;

/// The whole API.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    /// In the order of their names.
    pub features: Vec<Feature>,
}

/// The operations of one feature.
#[derive(Clone, Debug)]
pub struct Feature {
    pub name: String,
    /// By address, then in the order of the document.
    pub operations: Vec<Operation>,
}

/// One method of one address.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Unique; also its anchor on the page.
    pub id: String,
    /// In capitals.
    pub method: String,
    pub path: String,
    pub summary: String,
    /// What a token needs; none where any token will do.
    pub scope: Option<String>,
    pub parameters: Vec<Field>,
    pub body: Option<Body>,
    pub answers: Vec<Reply>,
    /// A command that sends it.
    pub example: String,
}

/// A named input.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    /// Of a parameter: path, query or header; of a body's field: empty.
    pub place: String,
    pub kind: String,
    pub required: bool,
    pub description: String,
}

/// What is sent along.
#[derive(Clone, Debug)]
pub struct Body {
    pub media: String,
    pub kind: String,
    pub fields: Vec<Field>,
}

/// What comes back.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: String,
    pub words: String,
    pub kind: String,
    pub is_error: bool,
}

impl Reference {
    /// Reads an OpenAPI 3.1 document; what it does not say is left out.
    #[must_use]
    pub fn read(document: &Value) -> Self {
        let reader = Reader { document };
        let mut features: Vec<Feature> = Vec::new();
        for (path, methods) in object(&document["paths"]) {
            for (method, operation) in object(methods) {
                let name = operation["tags"][0].as_str().unwrap_or("other").to_owned();
                let read = reader.operation(path, method, operation);
                match features.iter_mut().find(|feature| feature.name == name) {
                    Some(feature) => feature.operations.push(read),
                    None => features.push(Feature { name, operations: vec![read] }),
                }
            }
        }
        features.sort_by(|one, other| one.name.cmp(&other.name));
        Self { features }
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.features.iter().map(|feature| feature.operations.len() as u64).sum()
    }

    /// Only the operations in which every word of `text` occurs somewhere, in part or whole.
    #[must_use]
    pub fn matching(&self, text: &str) -> Self {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        let features = self.features.iter().filter_map(|feature| {
            let operations: Vec<Operation> = feature
                .operations
                .iter()
                .filter(|operation| {
                    let said = operation.said(&feature.name);
                    words.iter().all(|word| said.contains(word))
                })
                .cloned()
                .collect();
            (!operations.is_empty()).then(|| Feature { name: feature.name.clone(), operations })
        });
        Self { features: features.collect() }
    }
}

impl Operation {
    /// Everything that a search looks through, in lower case.
    fn said(&self, feature: &str) -> String {
        let inputs = self.parameters.iter().chain(self.body.iter().flat_map(|body| &body.fields));
        let names = inputs.map(|field| field.name.as_str());
        let scope = self.scope.as_deref().unwrap_or_default();
        [feature, &self.id, &self.method, &self.path, &self.summary, scope]
            .into_iter()
            .chain(names)
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase()
    }
}

struct Reader<'a> {
    document: &'a Value,
}

impl Reader<'_> {
    fn operation(&self, path: &str, method: &str, operation: &Value) -> Operation {
        let parameters: Vec<Field> =
            array(&operation["parameters"]).map(|parameter| self.parameter(parameter)).collect();
        let content = object(&operation["requestBody"]["content"]).next();
        let body = content.map(|(media, content)| Body {
            media: media.clone(),
            kind: self.kind(&content["schema"]),
            fields: self.fields(&content["schema"]),
        });
        let sent = content.map(|(media, content)| (media.as_str(), self.example(&content["schema"], 0)));
        let scope = array(&operation["security"])
            .flat_map(|needs| array(&needs["token"]))
            .find_map(Value::as_str)
            .map(str::to_owned);
        Operation {
            id: operation["operationId"].as_str().unwrap_or(path).replace(['.', '/'], "-"),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: operation["summary"].as_str().unwrap_or_default().to_owned(),
            example: command(method, path, &parameters, sent),
            scope,
            parameters,
            body,
            answers: object(&operation["responses"]).map(|(status, answer)| self.reply(status, answer)).collect(),
        }
    }

    fn parameter(&self, parameter: &Value) -> Field {
        Field {
            name: parameter["name"].as_str().unwrap_or_default().to_owned(),
            place: parameter["in"].as_str().unwrap_or_default().to_owned(),
            kind: self.kind(&parameter["schema"]),
            required: parameter["required"] == true,
            description: parameter["description"].as_str().unwrap_or_default().to_owned(),
        }
    }

    fn reply(&self, status: &str, answer: &Value) -> Reply {
        let code: u16 = status.parse().unwrap_or_default();
        let is_error = code >= 400;
        let known = ProblemType::ALL.iter().find(|kind| is_error && kind.status() == code);
        let said = answer["description"].as_str().filter(|words| !words.is_empty());
        let words = said.or(known.map(|kind| kind.title())).unwrap_or(match code {
            201 => "Made",
            202 => "Taken; it is done in a moment",
            204 => "Done",
            _ => "",
        });
        let schema = object(&answer["content"]).next().map(|(_, content)| self.kind(&content["schema"]));
        Reply { status: status.to_owned(), words: words.to_owned(), kind: schema.unwrap_or_default(), is_error }
    }

    /// The fields of an object, as a table shows them.
    fn fields(&self, schema: &Value) -> Vec<Field> {
        let schema = self.resolved(schema);
        let required: Vec<&str> = array(&schema["required"]).filter_map(Value::as_str).collect();
        object(&schema["properties"])
            .map(|(name, property)| Field {
                name: name.clone(),
                place: String::new(),
                kind: self.kind(property),
                required: required.contains(&name.as_str()),
                description: described(property)
                    .or_else(|| described(self.resolved(property)))
                    .unwrap_or_default()
                    .to_owned(),
            })
            .collect()
    }

    /// A type in words: `string`, `array of Integration`, `build, deploy or runtime`.
    fn kind(&self, schema: &Value) -> String {
        if let Some(reference) = schema["$ref"].as_str() {
            let resolved = self.resolved(schema);
            if resolved["enum"].is_array() || resolved["type"].is_string() && resolved["type"] != "object" {
                return self.kind(resolved);
            }
            return reference.rsplit('/').next().unwrap_or_default().to_owned();
        }
        if schema["enum"].is_array() {
            let values: Vec<&str> = array(&schema["enum"]).filter_map(Value::as_str).collect();
            return match values.split_last() {
                Some((last, [])) => (*last).to_owned(),
                Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
                None => "string".to_owned(),
            };
        }
        let several = array(&schema["oneOf"]).chain(array(&schema["anyOf"])).filter(|one| one["type"] != "null");
        let several: Vec<String> = several.map(|one| self.kind(one)).collect();
        if !several.is_empty() {
            return several.join(" or ");
        }
        let kind = match &schema["type"] {
            Value::String(kind) => kind.as_str(),
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("any"),
            _ => "any",
        };
        match (kind, schema["format"].as_str()) {
            ("array", _) => format!("array of {}", self.kind(&schema["items"])),
            ("string", Some("date-time")) => "time (RFC 3339)".to_owned(),
            ("string", Some("date")) => "day (2026-11-21)".to_owned(),
            ("string", Some("binary")) => "bytes".to_owned(),
            ("string", Some(format)) => format.to_owned(),
            _ => kind.to_owned(),
        }
    }

    /// Something that the schema takes: what it requires, and nothing more.
    fn example(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.resolved(schema);
        if let Some(given) = schema.get("example").or_else(|| array(&schema["enum"]).next()) {
            return given.clone();
        }
        if let Some(first) = array(&schema["oneOf"]).chain(array(&schema["anyOf"])).find(|one| one["type"] != "null") {
            return self.example(first, depth);
        }
        let kind = schema["type"].as_str().or_else(|| array(&schema["type"]).find_map(Value::as_str));
        match kind {
            Some("object") if depth < MAX_DEPTH => {
                let required: Vec<&str> = array(&schema["required"]).filter_map(Value::as_str).collect();
                let wanted = object(&schema["properties"]).filter(|(name, _)| required.contains(&name.as_str()));
                Value::Object(
                    wanted
                        .map(|(name, property)| (name.clone(), self.example(property, depth + 1)))
                        .collect::<Map<_, _>>(),
                )
            }
            Some("array") if depth < MAX_DEPTH => json!([self.example(&schema["items"], depth + 1)]),
            Some("object") => json!({}),
            Some("array") => json!([]),
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(true),
            Some("string") => json!(match schema["format"].as_str() {
                Some("date-time") => "2026-11-21T14:00:00Z",
                Some("date") => "2026-11-21",
                Some("uuid") => "0197f3c2-7c1e-7a60-9d1f-3a0c2f6b9e11",
                _ => "…",
            }),
            _ => Value::Null,
        }
    }

    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let name = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/components/schemas/"));
        name.map_or(schema, |name| &self.document["components"]["schemas"][name])
    }
}

/// What sends it, to be copied into a terminal.
fn command(method: &str, path: &str, parameters: &[Field], body: Option<(&str, Value)>) -> String {
    let of = |place: &'static str| parameters.iter().filter(move |field| field.place == place);
    let address = of("path").fold(path.to_owned(), |address, field| {
        address.replace(&format!("{{{}}}", field.name), &field.name.to_uppercase())
    });
    let query: Vec<String> = of("query")
        .filter(|field| field.required)
        .map(|field| format!("{}={}", field.name, field.name.to_uppercase()))
        .collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let method = if method == "get" { String::new() } else { format!(" -X {}", method.to_uppercase()) };
    let mut command = format!(
        "curl --fail-with-body{method} \"$RAMPART_URL{address}{query}\" \\\n  -H \"Authorization: Bearer $RAMPART_TOKEN\"",
    );
    match body {
        Some(("application/json", example)) => {
            let text = serde_json::to_string_pretty(&example).unwrap_or_default().replace('\'', "'\\''");
            command += &format!(" \\\n  --json '{text}'");
        }
        Some((media, _)) => command += &format!(" \\\n  -H 'Content-Type: {media}' --data-binary @FILE"),
        None => {}
    }
    command
}

fn described(schema: &Value) -> Option<&str> {
    schema["description"].as_str()
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Reference {
        Reference::read(&json!({
            "paths": { "/api/v1/things/{name}": { "put": {
                "tags": ["things"],
                "operationId": "things.edit",
                "summary": "Changes a thing.",
                "security": [{ "token": ["things:write"] }],
                "parameters": [{ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } }],
                "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } },
                "responses": { "200": {}, "403": {} },
            } } },
            "components": { "schemas": {
                "Thing": {
                    "type": "object",
                    "required": ["stage", "parts"],
                    "properties": {
                        "stage": { "$ref": "#/components/schemas/Stage" },
                        "parts": { "type": "array", "items": { "$ref": "#/components/schemas/Thing" } },
                        "note": { "type": ["string", "null"], "description": "Why." },
                    },
                },
                "Stage": { "type": "string", "enum": ["build", "deploy"] },
            } },
        }))
    }

    #[test]
    fn an_operation_tells_its_inputs_its_scope_and_what_comes_back() {
        let reference = reference();
        let operation = &reference.features[0].operations[0];
        assert_eq!((operation.id.as_str(), operation.scope.as_deref()), ("things-edit", Some("things:write")));
        let fields = &operation.body.as_ref().unwrap().fields;
        let told: Vec<_> =
            fields.iter().map(|field| (field.name.as_str(), field.kind.as_str(), field.required)).collect();
        assert!(
            told.contains(&("stage", "build or deploy", true)) && told.contains(&("note", "string", false)),
            "{told:?}"
        );
        assert_eq!(operation.answers[1].words, "You may not do this");
        assert!(operation.example.contains("$RAMPART_URL/api/v1/things/NAME"), "{}", operation.example);
    }

    #[test]
    fn a_schema_that_contains_itself_has_an_example_that_ends() {
        assert!(reference().features[0].operations[0].example.len() < 2_000);
    }

    #[test]
    fn a_search_finds_parts_of_words_and_wants_all_of_them() {
        let found = |text: &str| reference().matching(text).count();
        assert_eq!((found("thi"), found("CHANGES sta"), found("things nowhere")), (1, 1, 0));
    }
}
