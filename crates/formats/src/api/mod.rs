//! API definitions: OpenAPI, AsyncAPI, GraphQL and Protocol Buffers read into one shape, and what a new version breaks.

mod asyncapi;
mod changes;
mod detect;
mod document;
mod graphql;
mod names;
mod openapi;
mod proto;
mod schema;
mod sunset;
mod tokens;

use model::api::{Api, ApiKind};

pub use changes::{RULES, Rule, changes, changes_at, is_major_bump};

use crate::{
    Input, Limits, ParseError,
    yaml::{self, Budget},
};

/// Bytes of a definition, unpacked.
pub const MAX_BYTES: usize = 4 << 20;

const LIMITS: Limits = Limits { bytes: MAX_BYTES, depth: 64, count: 500_000 };

/// Reads a definition; of the kind that is said, or of the one that it looks like.
///
/// # Errors
/// Where it is none of these languages, or not the one that was said, or beyond a limit. What cannot be made out of a
/// definition that is otherwise readable is among its `problems`.
pub fn read(kind: Option<ApiKind>, bytes: &[u8]) -> Result<Api, ParseError> {
    let input = Input::open(bytes, LIMITS).map_err(|error| match kind {
        Some(kind) => error.of(kind.as_str()),
        None => error,
    })?;
    let kind = kind.or_else(|| detect::kind(&input)).ok_or_else(|| {
        let known = ApiKind::ALL.map(ApiKind::label).join(", ");
        ParseError::whole(format!("the content is no API definition that is read here: {known}"))
    })?;
    let api = match kind {
        ApiKind::OpenApi => values(&input).and_then(|root| openapi::read(&root)),
        ApiKind::AsyncApi => values(&input).and_then(|root| asyncapi::read(&root)),
        ApiKind::GraphQl => graphql::read(input.text()),
        ApiKind::Grpc => proto::read(input.text()),
    };
    api.map_err(|error| error.of(kind.as_str()))
}

/// The kind of definition that `bytes` look like; nothing is promised about the rest of them.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<ApiKind> {
    detect::kind(&Input::open(bytes, LIMITS).ok()?)
}

/// The values that a JSON or YAML text holds.
fn values(input: &Input<'_>) -> Result<serde_json::Value, ParseError> {
    if input.text().trim_ascii_start().starts_with('{') {
        let json = input.json();
        // What YAML calls a flow mapping begins like JSON and need not be any.
        return json.or_else(|error| from_yaml(input).map_err(|_| error));
    }
    from_yaml(input)
}

fn from_yaml(input: &Input<'_>) -> Result<serde_json::Value, ParseError> {
    let node = yaml::load(input.text(), &Budget::of(input.limits())).map_err(|flaw| ParseError {
        format: None,
        at: crate::Place::Line { line: flaw.line, column: 1 },
        reason: flaw.reason,
    })?;
    Ok(node.into_json())
}

/// The beginning of a way into a definition: names that are as long as a file would be copied for all that is in them.
fn clipped(at: &str) -> &str {
    const LONGEST: usize = 1_000;

    &at[..at.floor_char_boundary(LONGEST)]
}
