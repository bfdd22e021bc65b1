//! What strangers may send as a definition: it is read or refused, soon, and within bounds.

use std::time::{Duration, Instant};

use formats::api;
use model::api::ApiKind;
use proptest::prelude::*;
use serde_json::json;

use crate::{DEFINITIONS, text};

/// Reads `bytes` in every way and compares what comes out with itself.
fn read_every_way(bytes: &[u8]) {
    for kind in [None].into_iter().chain(ApiKind::ALL.map(Some)) {
        match api::read(kind, bytes) {
            Ok(definition) => assert_eq!(api::changes(&definition, &definition), []),
            Err(error) => assert!(!error.reason.is_empty()),
        }
    }
}

#[test]
fn a_definition_that_is_cut_anywhere_is_read_or_refused_in_words() {
    for name in DEFINITIONS {
        let text = text(name);
        for cut in (0..text.len()).step_by(7) {
            read_every_way(&text.as_bytes()[..cut]);
        }
    }
}

#[test]
fn size_and_depth_are_limited() {
    let large = format!("openapi: 3.1.0\ninfo: {{title: {}}}", "x".repeat(api::MAX_BYTES));
    assert!(api::read(None, large.as_bytes()).unwrap_err().reason.contains("larger than"));
    for (kind, text) in [
        (ApiKind::GraphQl, format!("type A {{ a: {}", "[".repeat(100_000))),
        (ApiKind::GraphQl, format!("type A {{ a(b: C = {}", "[".repeat(100_000))),
        (ApiKind::GraphQl, format!("type A @a(b: {}", "{a:".repeat(100_000))),
        (ApiKind::GraphQl, format!("type A @a(b: {}", "-".repeat(100_000))),
        (ApiKind::Grpc, "message A {".repeat(100_000)),
        (ApiKind::Grpc, format!("message A {{ {}", "group B = 1 {".repeat(100_000))),
        (ApiKind::Grpc, format!("option a = {}", "{".repeat(100_000))),
        (ApiKind::Grpc, format!("message {} {{}}", "a.".repeat(100_000))),
        (ApiKind::OpenApi, format!("openapi: 3.1.0\ncomponents: {}", "{a: ".repeat(100_000))),
    ] {
        let error = api::read(Some(kind), text.as_bytes()).unwrap_err();
        assert!(!error.reason.is_empty(), "{error}");
    }
}

#[test]
fn references_cannot_make_a_small_file_large() {
    let parameter = format!("{{name: a, in: query, schema: {{enum: [{}]}}}}", "x, ".repeat(20_000));
    let paths =
        (0..2_000).map(|n| format!("  /{n}: {{get: {{parameters: [{{$ref: '#/components/parameters/P'}}]}}}}\n"));
    let text = format!(
        "openapi: 3.1.0\npaths:\n{}components: {{parameters: {{P: {parameter}}}}}\n",
        paths.collect::<String>()
    );
    assert!(api::read(None, text.as_bytes()).unwrap_err().reason.contains("grows beyond"));

    let long = format!("message {} {{", "m".repeat(250)).repeat(30);
    let text = format!("syntax = \"proto3\"; {long}{}", "message a{}".repeat(80_000));
    assert!(api::read(None, text.as_bytes()).unwrap_err().reason.contains("grow"));
}

#[test]
fn a_name_as_long_as_a_file_is_not_copied_for_all_that_it_holds() {
    let members = (0..30_000).map(|n| (format!("p{n}"), json!({ "$ref": "#/x" }))).collect::<serde_json::Map<_, _>>();
    let long = "n".repeat(1 << 20);
    let definition = json!({ "openapi": "3.1.0", "components": { "schemas": {
        "A": { "properties": { &long: { "properties": members } } },
        "B": { "$ref": format!("#/components/schemas/A/properties/{long}") },
    } } });
    let text = definition.to_string();
    let started = Instant::now();
    match api::read(None, text.as_bytes()) {
        Ok(definition) => assert_eq!(api::changes(&definition, &definition), []),
        Err(error) => assert!(!error.reason.is_empty()),
    }
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn tangled_schemas_are_compared_soon() {
    let count = 3_000;
    // Each is put together from the next twice, has it as a member and as one of several.
    let schemas = (0..count).map(|n| {
        let next = format!("{{$ref: '#/components/schemas/S{}'}}", (n + 1) % count);
        format!("    S{n}: {{allOf: [{next}, {next}], properties: {{p{n}: {next}}}, oneOf: [{next}, {next}]}}\n")
    });
    let schemas = schemas.collect::<String>();
    let path = |schema: &str| {
        format!(
            "openapi: 3.1.0\npaths: {{/a: {{get: {{responses: {{'200': {{content: {{a/b: {{schema: {schema}}}}}}}}}}}}}}}\n"
        )
    };
    let one = api::read(
        None,
        format!("{}components:\n  schemas:\n{schemas}", path("{$ref: '#/components/schemas/S0'}")).as_bytes(),
    );
    let other = api::read(None, format!("{}components:\n  schemas:\n{schemas}", path("{type: string}")).as_bytes());
    let (one, other) = (one.unwrap(), other.unwrap());
    let started = Instant::now();
    for (old, new) in [(&one, &one), (&one, &other), (&other, &one)] {
        let _ = api::changes(old, new);
    }
    let _ = one.resolved(&one.schemas[0].schema, 100, 2_000);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        read_every_way(&bytes);
    }

    #[test]
    fn any_words_and_marks_come_back(words in prop::collection::vec(prop::sample::select(vec![
        "type", "A", "{", "}", "(", ")", "[", "]", ":", "!", "=", "|", "&", "@", "enum", "input", "union", "extend",
        "schema", "query", "\"\"\"", "\"", "message", "service", "rpc", "returns", "stream", "oneof", "map", "<", ">",
        ",", ";", "1", "-", "reserved", "to", "max", "option", "deprecated", "true", "syntax", "package", "group",
        "openapi", "3.1.0", "paths", "\n", "  ", "$ref", "'#/'", "//", "/*", "#", "\\", "İ",
    ]), 0..80)) {
        read_every_way(words.join(" ").as_bytes());
        read_every_way(words.concat().as_bytes());
    }

    #[test]
    fn a_damaged_definition_comes_back(
        name in prop::sample::select(DEFINITIONS.to_vec()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = text(name).into_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_every_way(&bytes);
    }
}
