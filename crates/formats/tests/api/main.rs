//! API definitions: how each language reads, what strangers may send, and which differences break somebody.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

mod api_changes;
mod api_hostile;
mod api_reading;

use std::{fs, path::Path};

use formats::api;
use model::api::Api;

/// The text of one of the definitions beside this file.
fn text(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/definitions").join(name)).unwrap()
}

fn read(text: &str) -> Api {
    api::read(None, text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

const DEFINITIONS: [&str; 7] = [
    "shop.openapi.yaml",
    "pets.swagger.json",
    "stock.asyncapi2.yaml",
    "stock.asyncapi3.yaml",
    "blog.graphql",
    "orders.proto",
    "legacy.proto",
];
