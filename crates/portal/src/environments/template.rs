//! Templates: the files that state which environments can be asked for, and the form that each becomes.

use std::{collections::BTreeMap, sync::LazyLock};

use jsonschema::Validator;
use model::{
    FieldError,
    environment::{EnvironmentSpec, Field, Input, Limits, TemplateView, lifetime_in_words},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::sql;
use crate::{
    catalog::Entity,
    error::{Error, Result},
    manifest::{self, Document, Wrong},
    requests::EnvironmentPayload,
};

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(SCHEMA_TEXT).expect("a test reads the published schema");
    jsonschema::validator_for(&schema).expect("a test compiles the published schema")
});

/// The published schema of template files.
pub const SCHEMA_TEXT: &str = include_str!("../../../../docs/schemas/environment-template.schema.json");

/// A template as its file states it.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub name: String,
    pub title: String,
    pub description: Option<String>,
    pub provider: Provider,
    pub target: String,
    /// A JSON Schema object.
    pub parameters: Value,
    /// On top of what policy demands.
    pub approvals: Vec<Approval>,
    pub default_hours: u32,
    pub max_hours: u32,
    limits: LimitValues,
    /// SHA-256 of the source, in hexadecimal.
    pub revision: String,
    /// The document as given, and as read.
    pub source: String,
    pub document: Value,
}

/// What makes an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Postgres,
}

impl Provider {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
        }
    }
}

/// A group that must approve, and how many of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, rename_all = "camelCase")]
pub enum Approval {
    /// Leads of a team; `owner` is the team that owns the service.
    Leads {
        leads: String,
        #[serde(default = "one")]
        needed: u8,
    },
    Champions {
        champions: Champions,
        #[serde(default = "one")]
        needed: u8,
    },
}

/// Whose security champions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Champions {
    Organisation,
    Owner,
}

const fn one() -> u8 {
    1
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    title: String,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    provider: Provider,
    #[serde(default = "default_target")]
    target: String,
    #[serde(default = "no_parameters")]
    parameters: Value,
    #[serde(default)]
    approvals: Vec<Approval>,
    time_to_live: TimeToLive,
    #[serde(default)]
    limits: LimitValues,
}

#[derive(Deserialize)]
struct TimeToLive {
    default: String,
    max: String,
}

/// Limits as a file states them: a number, or the parameter whose value is the number.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LimitValues {
    connections: LimitValue,
    statement_seconds: LimitValue,
    idle_transaction_seconds: LimitValue,
    temporary_megabytes: LimitValue,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum LimitValue {
    Number(u32),
    From { parameter: String },
}

impl Default for LimitValues {
    fn default() -> Self {
        Self {
            connections: LimitValue::Number(10),
            statement_seconds: LimitValue::Number(300),
            idle_transaction_seconds: LimitValue::Number(600),
            temporary_megabytes: LimitValue::Number(1024),
        }
    }
}

fn default_target() -> String {
    "default".to_owned()
}

fn no_parameters() -> Value {
    json!({ "type": "object", "properties": {} })
}

/// The template of an approved request, in the revision that was approved, with the limits that it makes of the
/// request's parameters.
///
/// # Errors
/// `Conflict` where one byte of the template, or of what the parameters may be, is not what was approved.
pub(super) async fn as_approved(
    connection: &mut PgConnection,
    payload: &EnvironmentPayload,
) -> Result<(Template, Limits)> {
    let changed =
        || Error::Conflict(format!("the template {} is no longer what was approved; ask again", payload.template));
    let template =
        sql::template_at(connection, &payload.template, &payload.template_revision).await?.ok_or_else(changed)?;
    if template.revision != payload.template_revision || template.name != payload.template {
        return Err(changed());
    }
    if !template.check(&payload.parameters)?.is_empty() {
        return Err(changed());
    }
    let limits = template.limits_for(payload.parameters.as_object().ok_or_else(changed)?)?;
    Ok((template, limits))
}

/// Every template of a file.
///
/// # Errors
/// Every wrong place, in the order of the file.
pub fn read(text: &str) -> Result<Vec<Template>, Vec<Wrong>> {
    let documents = manifest::read(text).map_err(|wrong| vec![wrong])?;
    let mut templates: Vec<Template> = Vec::new();
    let mut wrong = Vec::new();
    for document in documents {
        match read_document(&document) {
            Ok(template) if templates.iter().any(|other| other.name == template.name) => {
                wrong.push(document.wrong("/metadata/name", "another document of this file has the same name"));
            }
            Ok(template) => templates.push(template),
            Err(errors) => wrong.extend(errors),
        }
    }
    if wrong.is_empty() { Ok(templates) } else { Err(wrong) }
}

fn read_document(document: &Document) -> Result<Template, Vec<Wrong>> {
    let wrong = document.against(&SCHEMA);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let file: File = serde_json::from_value(document.value.clone())
        .map_err(|error| vec![document.wrong("", format!("is not a template: {error}"))])?;
    let mut wrong = Vec::new();
    let ttl = "/spec/timeToLive";
    let default_hours = hours(&file.spec.time_to_live.default).unwrap_or_default();
    let max_hours = hours(&file.spec.time_to_live.max).unwrap_or_default();
    if max_hours > MAX_HOURS {
        wrong.push(document.wrong(&format!("{ttl}/max"), "must be at most 365d"));
    }
    if default_hours > max_hours {
        wrong.push(document.wrong(&format!("{ttl}/default"), "must not be longer than max"));
    }
    check_parameters(document, &file.spec.parameters, &mut wrong);
    check_limits(document, &file.spec, &mut wrong);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(Template {
        name: file.metadata.name,
        title: file.metadata.title,
        description: file.metadata.description,
        provider: file.spec.provider,
        target: file.spec.target,
        parameters: file.spec.parameters,
        approvals: file.spec.approvals,
        default_hours,
        max_hours,
        limits: file.spec.limits,
        revision: hex::encode(Sha256::digest(document.source.as_bytes())),
        source: document.source.clone(),
        document: document.value.clone(),
    })
}

const MAX_HOURS: u32 = 365 * 24;

/// `8h`, `7d`.
fn hours(text: &str) -> Option<u32> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "h" => 1,
        "d" => 24,
        _ => return None,
    };
    count.parse::<u32>().ok()?.checked_mul(unit)
}

fn check_parameters(document: &Document, schema: &Value, wrong: &mut Vec<Wrong>) {
    let at = "/spec/parameters";
    let properties = schema["properties"].as_object();
    for (index, name) in schema["required"].as_array().into_iter().flatten().enumerate() {
        if name.as_str().is_none_or(|name| properties.is_none_or(|properties| !properties.contains_key(name))) {
            wrong.push(document.wrong(&format!("{at}/required/{index}"), "is no parameter of this template"));
        }
    }
    for (name, property) in properties.into_iter().flatten() {
        let at = format!("{at}/properties/{name}");
        if property.get("enum").is_some() && property["type"] != "string" {
            wrong.push(document.wrong(&format!("{at}/enum"), "a choice is of texts: type must be string"));
            continue;
        }
        let validator = match jsonschema::validator_for(property) {
            Ok(validator) => validator,
            Err(error) => {
                wrong.push(document.wrong(&format!("{at}/pattern"), format!("cannot be used: {error}")));
                continue;
            }
        };
        if let Some(default) = property.get("default")
            && let Err(error) = validator.validate(default)
        {
            wrong.push(document.wrong(&format!("{at}/default"), manifest::in_words(&error)));
        }
    }
}

fn check_limits(document: &Document, spec: &Spec, wrong: &mut Vec<Wrong>) {
    for (name, limit) in spec.limits.named() {
        let LimitValue::From { parameter } = limit else { continue };
        let property = &spec.parameters["properties"][parameter];
        let at = format!("/spec/limits/{name}/parameter");
        let given = property.get("default").is_some()
            || spec.parameters["required"]
                .as_array()
                .is_some_and(|required| required.iter().any(|name| name == parameter));
        if property["type"] != "integer" || property["minimum"].as_i64().is_none_or(|minimum| minimum < 1) {
            wrong.push(document.wrong(&at, "must name an integer parameter with a minimum of at least 1"));
        } else if property["maximum"].as_i64().is_none_or(|maximum| maximum > 1_000_000) {
            wrong.push(document.wrong(&at, "must name a parameter with a maximum, or it would limit nothing"));
        } else if !given {
            wrong.push(document.wrong(&at, "must name a parameter that is required or has a default"));
        }
    }
}

impl LimitValues {
    fn named(&self) -> [(&'static str, &LimitValue); 4] {
        [
            ("connections", &self.connections),
            ("statementSeconds", &self.statement_seconds),
            ("idleTransactionSeconds", &self.idle_transaction_seconds),
            ("temporaryMegabytes", &self.temporary_megabytes),
        ]
    }
}

impl Template {
    /// The template that a stored document holds.
    ///
    /// # Errors
    /// `Internal` where it does not hold one: only checked documents are stored.
    pub(super) fn stored(source: &str) -> Result<Self> {
        let mut templates =
            read(source).map_err(|wrong| Error::internal(format!("a stored template is wrong: {wrong:?}")))?;
        templates.pop().ok_or_else(|| Error::internal("a stored template is empty"))
    }

    /// The parameters as a form's fields, in the order of the file where it says one, else by name.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        let required: Vec<&str> =
            self.parameters["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        self.properties()
            .map(|(name, property)| Field {
                name: name.clone(),
                title: text(&property["title"]).unwrap_or_else(|| name.clone()),
                description: text(&property["description"]),
                required: required.contains(&name.as_str()),
                default: property.get("default").cloned(),
                input: input(property),
            })
            .collect()
    }

    /// What the form sends, as the parameters that the schema speaks of: an empty field is not given, a box that is not
    /// ticked is false.
    #[must_use]
    pub fn from_form(&self, given: &BTreeMap<String, String>) -> Map<String, Value> {
        let mut parameters = Map::new();
        for (name, text) in given {
            let text = text.trim();
            let kind = self.parameters["properties"][name]["type"].as_str();
            if text.is_empty() && kind != Some("boolean") {
                continue;
            }
            let value = match kind {
                Some("boolean") => json!(matches!(text, "true" | "on" | "1")),
                Some("integer") => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
                Some("number") => text.parse::<f64>().map_or_else(|_| json!(text), |number| json!(number)),
                _ => json!(text),
            };
            parameters.insert(name.clone(), value);
        }
        for (name, property) in self.properties() {
            if property["type"] == "boolean" {
                parameters.entry(name.clone()).or_insert(json!(false));
            }
        }
        parameters
    }

    /// What is to be approved: the parameters checked and completed by their defaults, the limits worked out.
    ///
    /// # Errors
    /// `Invalid`, naming each field as `parameters.NAME`.
    pub fn specify(
        &self,
        service: &Entity,
        parameters: &Map<String, Value>,
        ttl_hours: Option<u32>,
    ) -> Result<EnvironmentSpec> {
        let mut parameters = parameters.clone();
        for (name, property) in self.properties() {
            if let Some(default) = property.get("default") {
                parameters.entry(name.clone()).or_insert_with(|| default.clone());
            }
        }
        let mut errors = self.check(&Value::Object(parameters.clone()))?;
        let ttl_hours = ttl_hours.unwrap_or(self.default_hours);
        if !(1..=self.max_hours).contains(&ttl_hours) {
            let message = format!("must be between 1 hour and {}", lifetime_in_words(self.max_hours));
            errors.push(FieldError::new("hours", message));
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let limits = self.limits_for(&parameters)?;
        Ok(EnvironmentSpec {
            template: self.name.clone(),
            template_title: self.title.clone(),
            revision: self.revision.clone(),
            provider: self.provider.as_str().to_owned(),
            target: self.target.clone(),
            entity: service.id,
            service: service.reference_text(),
            parameters,
            limits,
            ttl_hours,
        })
    }

    /// The limits that these parameters make.
    fn limits_for(&self, parameters: &Map<String, Value>) -> Result<Limits> {
        let limit = |value: &LimitValue| -> Result<u32> {
            match value {
                LimitValue::Number(number) => Ok(*number),
                LimitValue::From { parameter } => parameters
                    .get(parameter)
                    .and_then(Value::as_u64)
                    .and_then(|number| u32::try_from(number).ok())
                    .ok_or_else(|| Error::invalid(format!("parameters.{parameter}"), "must be a whole number")),
            }
        };
        Ok(Limits {
            connections: limit(&self.limits.connections)?,
            statement_seconds: limit(&self.limits.statement_seconds)?,
            idle_transaction_seconds: limit(&self.limits.idle_transaction_seconds)?,
            temporary_megabytes: limit(&self.limits.temporary_megabytes)?,
        })
    }

    #[must_use]
    pub fn view(&self) -> TemplateView {
        let mut approvals = vec!["one lead of the team that owns the service".to_owned()];
        approvals.extend(self.approvals.iter().map(Approval::in_words));
        TemplateView {
            name: self.name.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            provider: self.provider.as_str().to_owned(),
            revision: self.revision.clone(),
            fields: self.fields(),
            approvals,
            default_hours: self.default_hours,
            max_hours: self.max_hours,
        }
    }

    fn properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.parameters["properties"].as_object().into_iter().flatten()
    }

    fn check(&self, parameters: &Value) -> Result<Vec<FieldError>> {
        let mut schema = self.parameters.clone();
        schema["additionalProperties"] = json!(false);
        let validator = jsonschema::validator_for(&schema).map_err(|error| Error::internal(error.to_string()))?;
        Ok(validator
            .iter_errors(parameters)
            .map(|error| {
                use jsonschema::error::ValidationErrorKind::Required;
                match error.kind() {
                    Required { property } => {
                        FieldError::new(format!("parameters.{}", property.as_str().unwrap_or_default()), "is needed")
                    }
                    _ => {
                        let path = error.instance_path().as_str().replace('/', ".");
                        FieldError::new(format!("parameters{path}"), manifest::in_words(&error))
                    }
                }
            })
            .collect())
    }
}

impl Approval {
    fn in_words(&self) -> String {
        match self {
            Self::Leads { leads, needed } => {
                let team = if leads == "owner" { "the team that owns the service".to_owned() } else { leads.clone() };
                format!("{} of {team}", counted(*needed, "lead"))
            }
            Self::Champions { champions, needed } => {
                let place = match champions {
                    Champions::Organisation => "",
                    Champions::Owner => " of the team that owns the service",
                };
                format!("{}{place}", counted(*needed, "security champion"))
            }
        }
    }
}

fn counted(needed: u8, noun: &str) -> String {
    if needed == 1 { format!("one {noun}") } else { format!("{needed} {noun}s") }
}

fn input(property: &Value) -> Input {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    match property["type"].as_str() {
        Some("integer") => {
            Input::Integer { minimum: property["minimum"].as_i64(), maximum: property["maximum"].as_i64() }
        }
        Some("number") => {
            Input::Number { minimum: property["minimum"].as_f64(), maximum: property["maximum"].as_f64() }
        }
        Some("boolean") => Input::Toggle,
        _ => match property["enum"].as_array() {
            Some(options) => Input::Choice { options: options.iter().filter_map(text).collect() },
            None => Input::Text {
                min_length: property["minLength"].as_u64(),
                max_length: property["maxLength"].as_u64(),
                pattern: text(&property["pattern"]),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use model::EntityId;

    use super::*;

    pub const SANDBOX: &str = include_str!("testdata/postgres-sandbox.yaml");

    fn sandbox() -> Template {
        read(SANDBOX).unwrap().pop().unwrap()
    }

    fn service() -> Entity {
        Entity {
            id: EntityId(uuid::Uuid::nil()),
            kind: "component".to_owned(),
            namespace: "default".to_owned(),
            name: "payments-api".to_owned(),
            title: None,
            owner: None,
            owner_name: None,
            tier: None,
            lifecycle: None,
            restricted: false,
        }
    }

    fn form(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_becomes_what_is_approved() {
        let template = sandbox();
        let given = template.from_form(&form(&[("connections", "25"), ("dataset", "anonymised"), ("note", "")]));
        let spec = template.specify(&service(), &given, None).unwrap();
        assert_eq!(spec.limits.connections, 25);
        assert_eq!(spec.ttl_hours, 8);
        assert_eq!(spec.parameters["dataset"], "anonymised");
        assert_eq!(spec.parameters["auditing"], false, "a box that is not ticked");
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let template = sandbox();
        let given = template.from_form(&form(&[
            ("connections", "many"),
            ("dataset", "production"),
            ("note", "<script>"),
            ("unknown", "1"),
        ]));
        let Err(Error::Invalid(errors)) = template.specify(&service(), &given, Some(999_999)) else { panic!() };
        let mut fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            ["hours", "parameters", "parameters.connections", "parameters.dataset", "parameters.note"],
            "{errors:?}"
        );
        let said = errors.iter().find(|error| error.field == "parameters.connections").unwrap();
        assert_eq!(said.message, "must be a whole number");
        assert!(!errors.iter().any(|error| error.message.contains("<script>")), "the value is not repeated");
    }

    #[test]
    fn a_number_beyond_its_limits_is_refused() {
        let template = sandbox();
        for connections in ["0", "51", "-1"] {
            let given = template.from_form(&form(&[("connections", connections)]));
            assert!(template.specify(&service(), &given, None).is_err(), "{connections}");
        }
    }

    #[test]
    fn a_field_knows_its_input() {
        let fields = sandbox().fields();
        let field = |name: &str| fields.iter().find(|field| field.name == name).unwrap();
        assert_eq!(field("connections").input, Input::Integer { minimum: Some(1), maximum: Some(50) });
        assert!(matches!(&field("dataset").input, Input::Choice { options } if options.len() == 2));
        assert_eq!(field("auditing").input, Input::Toggle);
    }

    #[test]
    fn what_a_template_adds_is_said_after_what_policy_demands() {
        assert_eq!(sandbox().view().approvals, ["one lead of the team that owns the service", "one security champion"]);
    }

    #[test]
    fn a_wrong_template_says_line_field_and_reason() {
        let cases = [
            ("provider: postgres", "provider: mainframe", 9, "spec.provider", "must be one of: postgres"),
            ("default: 8h", "default: 30d", 31, "spec.timeToLive.default", "must not be longer than max"),
            ("default: 10", "default: 99", 16, "spec.parameters.properties.connections.default", "must be at most 50"),
            ("parameter: connections", "parameter: dataset", 35, "spec.limits.connections.parameter", "integer"),
            ("kind: EnvironmentTemplate", "kind: Other", 3, "kind", "must be EnvironmentTemplate"),
            (
                "    - champions: organisation",
                "    - champions: everyone",
                28,
                "spec.approvals[0]",
                "none of the forms",
            ),
            ("  timeToLive:", "  colour: blue\n  timeToLive:", 8, "spec", "colour is not known here"),
        ];
        for (from, to, line, field, reason) in cases {
            let text = SANDBOX.replace(from, to);
            assert_ne!(text, SANDBOX, "{from}");
            let wrong = read(&text).unwrap_err();
            assert_eq!((wrong[0].line, wrong[0].field.as_str()), (line, field), "{wrong:?}");
            assert!(wrong[0].reason.contains(reason), "{wrong:?}");
        }
    }

    #[test]
    fn one_changed_byte_is_another_revision() {
        let other = read(&SANDBOX.replace("8h", "9h")).unwrap().pop().unwrap();
        assert_ne!(sandbox().revision, other.revision);
    }
}
