//! Which differences break somebody: a table of small edits to each definition, and what is always so.

use std::collections::BTreeSet;

use formats::api::{self, RULES};
use model::api::{Api, Change};
use proptest::prelude::*;
use time::macros::date;

use crate::{DEFINITIONS, read, text};

/// An edit of a definition - what is replaced, by what - and every rule that it sets off.
type Row = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

fn rules(changes: &[Change]) -> BTreeSet<&'static str> {
    changes.iter().map(|change| change.rule).collect()
}

fn edited(name: &str, edits: &[(&str, &str)]) -> Api {
    let mut text = text(name);
    for (from, to) in edits {
        assert!(text.contains(from), "{name} has no {from:?}");
        text = text.replacen(from, to, 1);
    }
    read(&text)
}

fn breaking(rule: &str) -> bool {
    RULES.iter().find(|known| known.id == rule).unwrap_or_else(|| panic!("{rule} is no rule")).breaking
}

const OPENAPI: &[Row] = &[
    (
        "operation gone",
        &[("    delete:\n      responses:\n        '204': {description: Gone}\n", "")],
        &["operation-removed"],
    ),
    (
        "operation new",
        &[("    delete:", "    put: {responses: {'200': {description: x}}}\n    delete:")],
        &["operation-added"],
    ),
    ("operation deprecated", &[("operationId: listOrders", "deprecated: true")], &["operation-deprecated"]),
    ("other words", &[("summary: Lists orders", "summary: All orders")], &["operation-description-changed"]),
    ("server gone", &[("https://shop.example/v1", "https://shop.example/v2")], &["server-removed"]),
    ("more scope", &[("- token: [write]", "- token: [write, admin]")], &["security-tightened"]),
    ("a way in less", &[("        - key: []\n", "")], &["security-tightened"]),
    ("a way in more", &[("        - key: []\n", "        - key: []\n        - {}\n")], &["security-loosened"]),
    (
        "scheme changed",
        &[("{type: http, scheme: bearer}", "{type: http, scheme: basic}")],
        &["security-scheme-changed"],
    ),
    ("parameter gone", &[("        - $ref: '#/components/parameters/Limit'\n", "")], &["parameter-removed"]),
    ("parameter moved", &[("name: limit\n      in: query", "name: limit\n      in: header")], &["parameter-moved"]),
    ("parameter required", &[("name: limit\n", "name: limit\n      required: true\n")], &["parameter-became-required"]),
    (
        "new required parameter",
        &[(
            "        - name: state",
            "        - {name: n, in: query, required: true, schema: {type: string}}\n        - name: state",
        )],
        &["required-parameter-added"],
    ),
    (
        "new optional parameter",
        &[("        - name: state", "        - {name: n, in: query, schema: {type: string}}\n        - name: state")],
        &["optional-parameter-added"],
    ),
    ("parameter deprecated", &[("name: limit\n", "name: limit\n      deprecated: true\n")], &["parameter-deprecated"]),
    (
        "path part renamed",
        &[("/orders/{orderId}", "/orders/{id}"), ("name: orderId", "name: id")],
        &["path-parameter-renamed"],
    ),
    (
        "path parameter of another type",
        &[("{type: string, format: uuid}", "{type: integer}")],
        &["request-type-changed"],
    ),
    ("format looser", &[("{type: string, format: uuid}", "{type: string}")], &["request-format-widened"]),
    ("format of another kind", &[("format: date}", "format: date-time}")], &["request-format-changed"]),
    ("response format", &[("format: int32", "format: int64")], &["response-format-changed"]),
    ("maximum", &[("maximum: 100", "maximum: 50")], &["request-constraint-tightened"]),
    ("maximum looser", &[("maximum: 100", "maximum: 500")], &["request-constraint-loosened"]),
    ("longer texts", &[("maxLength: 200", "maxLength: 300")], &["response-constraint-loosened"]),
    ("shorter texts", &[("maxLength: 200", "maxLength: 100")], &["response-constraint-tightened"]),
    ("minLength", &[("minLength: 1", "minLength: 2")], &["request-constraint-tightened"]),
    ("pattern", &[("^[a-z]+$", "^[a-y]+$")], &["request-pattern-changed"]),
    ("value not taken", &[("enum: [web, phone]", "enum: [web]")], &["request-enum-value-removed"]),
    ("value taken", &[("enum: [web, phone]", "enum: [web, phone, shop]")], &["request-enum-value-added"]),
    ("values listed", &[("street: {type: string}", "street: {type: string, enum: [a]}")], &["request-enum-added"]),
    ("values free", &[("type: string, enum: [web, phone]", "type: string")], &["request-enum-removed"]),
    ("value given", &[("enum: [open, paid, sent]", "enum: [open, paid, sent, lost]")], &["response-enum-value-added"]),
    ("value not given", &[("enum: [open, paid, sent]", "enum: [open, paid]")], &["response-enum-value-removed"]),
    ("any value given", &[("type: string, enum: [open, paid, sent]", "type: string")], &["response-enum-removed"]),
    ("body required", &[("required: false", "required: true")], &["request-body-became-required"]),
    (
        "form not taken",
        &[("          application/xml:\n            schema: {$ref: '#/components/schemas/NewOrder'}\n", "")],
        &["request-media-type-removed"],
    ),
    (
        "form not given",
        &[("            text/csv:\n              schema: {type: string}\n", "")],
        &["response-media-type-removed"],
    ),
    ("status gone", &[("'201':", "'202':")], &["response-status-removed", "response-status-added"]),
    ("error gone", &[("        '404':\n          description: None\n", "")], &["error-status-removed"]),
    ("status by family", &[("'201':", "2XX:")], &["response-status-added"]),
    ("header gone", &[("X-Total:", "X-Sum:")], &["response-header-removed"]),
    (
        "header optional",
        &[("{required: true, schema: {type: integer}}", "{schema: {type: integer}}")],
        &["response-header-became-optional"],
    ),
    ("type narrowed", &[("count: {type: number", "count: {type: integer")], &["request-type-narrowed"]),
    ("type widened", &[("zip: {type: string}", "zip: {type: [string, integer]}")], &["request-type-widened"]),
    (
        "response type widened",
        &[("id: {type: integer, format: int32}", "id: {type: number, format: int32}")],
        &["response-type-widened"],
    ),
    (
        "response type changed",
        &[(
            "schema: {type: array, items: {$ref: '#/components/schemas/Order'}}",
            "schema: {$ref: '#/components/schemas/Order'}",
        )],
        &["response-type-changed"],
    ),
    ("null refused", &[("gift: {type: [boolean, 'null']}", "gift: {type: boolean}")], &["request-null-refused"]),
    ("null given", &[("state: {type: string, enum", "state: {type: [string, 'null'], enum")], &["response-null-added"]),
    ("null not given", &[("note: {type: [string, 'null'],", "note: {type: string,")], &["response-null-removed"]),
    (
        "closed",
        &[(
            "    Address:\n      type: object\n",
            "    Address:\n      type: object\n      additionalProperties: false\n",
        )],
        &["request-closed"],
    ),
    ("required member", &[("required: [item]", "required: [item, count]")], &["request-property-became-required"]),
    ("member optional", &[("          required: [item]\n", "")], &["request-property-became-optional"]),
    (
        "new required member",
        &[
            ("required: [item]", "required: [item, size]"),
            ("            due:", "            size: {type: integer}\n            due:"),
        ],
        &["required-request-property-added"],
    ),
    (
        "new optional member",
        &[("            due:", "            size: {type: integer}\n            due:")],
        &["optional-request-property-added"],
    ),
    ("member ignored", &[("        zip: {type: string}\n", "")], &["request-property-ignored"]),
    (
        "member renamed in a response",
        &[("        note: {", "        remark: {")],
        &["response-property-removed", "response-property-added"],
    ),
    ("member may be missing", &[("required: [id, state]", "required: [id]")], &["response-property-became-optional"]),
    (
        "member always there",
        &[("required: [id, state]", "required: [id, state, note]")],
        &["response-property-became-required"],
    ),
    ("member deprecated", &[("note: {type", "note: {deprecated: true, type")], &["property-deprecated"]),
    ("what goes the other way", &[("        secret: {type: string, writeOnly: true}\n", "")], &[]),
    (
        "alternative not taken",
        &[(
            "pay: {oneOf: [{$ref: '#/components/schemas/Card'}, {$ref: '#/components/schemas/Transfer'}]}",
            "pay: {$ref: '#/components/schemas/Card'}",
        )],
        &["request-variant-removed"],
    ),
    (
        "alternative given",
        &[(
            "schemas/Transfer'}]}\n        legacy",
            "schemas/Transfer'}, {$ref: '#/components/schemas/Address'}]}\n        legacy",
        )],
        &["response-variant-added"],
    ),
    (
        "map of other values",
        &[("additionalProperties: {type: string}", "additionalProperties: {type: integer}")],
        &["request-type-changed"],
    ),
    ("other reference", &[("./problem.yaml", "./error.yaml")], &["reference-changed"]),
    (
        "hook without a member",
        &[("required: [kind]\n      properties:\n        kind:", "properties:\n        sort:")],
        &["response-property-removed", "response-property-added"],
    ),
    (
        "hook with a new required member",
        &[
            ("required: [kind]", "required: [kind, at]"),
            ("        kind: {type: string}", "        kind: {type: string}\n        at: {type: string}"),
        ],
        &["response-property-added"],
    ),
    ("component renamed", &[("Event'", "Happening'"), ("    Event:", "    Happening:")], &[]),
    (
        "what is referred to stands in place",
        &[(
            "schema: {$ref: '#/components/schemas/Event'}",
            "schema: {type: object, required: [kind], properties: {kind: {type: string}}}",
        )],
        &[],
    ),
];

const ASYNCAPI: &[Row] = &[
    ("channel gone", &[("  stock/count:", "  stock/counts:")], &["channel-removed", "operation-added"]),
    ("operation gone", &[("    publish:", "    subscribe:")], &["operation-removed", "operation-added"]),
    ("message gone", &[("          - $ref: '#/components/messages/Lost'\n", "")], &["message-removed"]),
    (
        "message new",
        &[(
            "          - $ref: '#/components/messages/Lost'\n",
            "          - $ref: '#/components/messages/Lost'\n          - {name: New, payload: {type: object}}\n",
        )],
        &["message-added"],
    ),
    (
        "encoding",
        &[("contentType: application/cbor", "contentType: application/json")],
        &["message-content-type-changed"],
    ),
    ("member not given", &[("        from: {type: string}\n", "")], &["response-property-removed"]),
    (
        "member always asked for",
        &[(
            "required: [item]\n          properties:\n            item: {type: string}\n            level",
            "required: [item, level]\n          properties:\n            item: {type: string}\n            level",
        )],
        &["request-property-became-required"],
    ),
    (
        "member new in what is given",
        &[("        from: {type: string}\n", "        from: {type: string}\n        to: {type: string}\n")],
        &["response-property-added"],
    ),
];

const GRAPHQL: &[Row] = &[
    ("operation gone", &[("  search(text: String!, first: Int): [Result!]!\n", "")], &["operation-removed"]),
    ("type gone", &[("scalar Time", "scalar Moment")], &["type-removed", "type-added"]),
    ("kind", &[("interface Dated { at: Time }", "type Dated { at: Time }")], &["type-kind-changed"]),
    ("field gone", &[("  title: String!\n  tags", "  tags")], &["field-removed"]),
    ("field new", &[("  title: String!\n  tags", "  title: String!\n  more: Int!\n  tags")], &["field-added"]),
    ("field type", &[("  title: String!\n", "  title: Int!\n")], &["field-type-changed"]),
    ("field may be null", &[("  title: String!\n", "  title: String\n")], &["field-became-nullable"]),
    ("element may be null", &[("  tags: [String!]\n", "  tags: [String]\n")], &["field-became-nullable"]),
    ("field never null", &[("  tags: [String!]\n", "  tags: [String!]!\n")], &["field-became-non-null"]),
    (
        "operation may be null",
        &[("write(input: NewPost!): Post!", "write(input: NewPost!): Post")],
        &["field-became-nullable"],
    ),
    ("argument gone", &[("author(short: Boolean)", "author")], &["argument-removed"]),
    ("argument type", &[("first: Int", "first: Float")], &["argument-type-changed"]),
    ("argument required", &[("first: Int", "first: Int!")], &["argument-became-required"]),
    ("argument optional", &[("text: String!", "text: String")], &["argument-became-optional"]),
    ("new required argument", &[("first: Int", "first: Int, after: ID!")], &["required-argument-added"]),
    ("new argument with a default", &[("first: Int", "first: Int, size: Int! = 1")], &["optional-argument-added"]),
    ("default", &[("draft: Boolean = false", "draft: Boolean = true")], &["default-changed"]),
    ("input field gone", &[("  body: String ", "")], &["input-field-removed"]),
    ("input field type", &[("body: String", "body: Int")], &["input-field-type-changed"]),
    (
        "input list of non-null",
        &[("input NewPost { title: String!", "input NewPost { title: [String]!")],
        &["input-field-type-changed"],
    ),
    ("input field required", &[("body: String ", "body: String! ")], &["input-field-became-required"]),
    ("new required input field", &[("body: String", "size: Int! body: String")], &["required-input-field-added"]),
    ("new optional input field", &[("body: String", "size: Int body: String")], &["optional-input-field-added"]),
    ("value gone", &[("DRAFT LIVE", "DRAFT")], &["enum-value-removed"]),
    ("value new", &[("DRAFT LIVE", "DRAFT LIVE LOST")], &["enum-value-added"]),
    ("member gone", &[("= Post | Person", "= Post")], &["union-member-removed"]),
    ("interface gone", &[("implements Node & Dated", "implements Node")], &["interface-removed"]),
    ("interface new", &[("type Person implements Node", "type Person implements Node & Dated")], &["interface-added"]),
    ("field deprecated", &[("  title: String!\n", "  title: String! @deprecated\n")], &["field-deprecated"]),
];

const PROTO: &[Row] = &[
    (
        "package",
        &[("package shop.v1;", "package shop.v2;"), (".shop.v1.WatchRequest", ".shop.v2.WatchRequest")],
        &["package-changed"],
    ),
    (
        "service gone",
        &[("service Reports { rpc Daily(WatchRequest) returns (Order); }\n", "")],
        &["service-removed", "rpc-removed"],
    ),
    ("method gone", &[("  rpc Place(PlaceRequest) returns (Order);\n", "")], &["rpc-removed"]),
    ("method new", &[("  rpc Place", "  rpc More(WatchRequest) returns (Order);\n  rpc Place")], &["operation-added"]),
    ("request type", &[("Place(PlaceRequest)", "Place(WatchRequest)")], &["rpc-request-type-changed"]),
    (
        "response type",
        &[("Place(PlaceRequest) returns (Order)", "Place(PlaceRequest) returns (WatchRequest)")],
        &["rpc-response-type-changed"],
    ),
    ("streaming", &[("returns (stream Order)", "returns (Order)")], &["rpc-streaming-changed"]),
    ("client streams", &[("Place(PlaceRequest)", "Place(stream PlaceRequest)")], &["rpc-streaming-changed"]),
    ("field gone", &[("  string item = 1; // trailing words\n", "")], &["field-removed-without-reserving"]),
    (
        "field gone and reserved",
        &[("  string item = 1; // trailing words\n", "  reserved 1;\n")],
        &["field-removed-and-reserved"],
    ),
    (
        "field renumbered",
        &[("string item = 1; // trailing", "string item = 7; // trailing")],
        &["field-number-changed", "field-added"],
    ),
    ("number reused", &[("string item = 1; // trailing", "int64 other = 1; // trailing")], &["field-number-reused"]),
    ("renamed", &[("string item = 1; // trailing", "string thing = 1; // trailing")], &["field-renamed"]),
    ("field type", &[("string item = 1; // trailing", "bytes item = 1; // trailing")], &["field-type-changed"]),
    ("map type", &[("map<string, Order>", "map<int32, Order>")], &["field-type-changed"]),
    ("one from many", &[("repeated string names", "string names")], &["field-cardinality-changed"]),
    ("out of the oneof", &[("string iban = 4; }", "} string iban = 4;")], &["field-oneof-changed"]),
    ("reservation", &[("reserved 9, 20 to 29;", "reserved 9, 20 to 28;")], &["reservation-removed"]),
    ("reservation in two parts", &[("20 to 29", "20 to 24, 25 to 29")], &[]),
    ("value gone", &[("STATE_PAID = 0x2;", "")], &["enum-value-removed"]),
    ("value renumbered", &[("STATE_PAID = 0x2", "STATE_PAID = 3")], &["enum-value-renumbered"]),
    (
        "message gone",
        &[("  repeated Line lines = 2;\n", "  reserved 2;\n"), ("  message Line { string item = 1; }\n", "")],
        &["type-removed", "field-removed-and-reserved"],
    ),
    ("field new", &[("Order parent = 4;", "Order parent = 4; string more = 5;")], &["field-added"]),
];

const LEGACY: &[Row] = &[
    ("required", &[("optional int32 size", "required int32 size")], &["field-became-required"]),
    ("new required", &[("extensions", "required string more = 4;\n  extensions")], &["required-field-added"]),
];

const TABLES: [(&str, &[Row]); 5] = [
    ("shop.openapi.yaml", OPENAPI),
    ("stock.asyncapi2.yaml", ASYNCAPI),
    ("blog.graphql", GRAPHQL),
    ("orders.proto", PROTO),
    ("legacy.proto", LEGACY),
];

#[test]
fn each_edit_sets_off_its_rules_and_no_others() {
    let mut wrong = Vec::new();
    let mut covered = BTreeSet::new();
    for (name, rows) in TABLES {
        let old = read(&text(name));
        for (title, edits, expected) in rows {
            let changes = api::changes(&old, &edited(name, edits));
            let found = rules(&changes);
            if found != expected.iter().copied().collect() {
                wrong.push(format!("{name}, {title}: expected {expected:?}, found {changes:#?}"));
            }
            for change in &changes {
                assert_eq!(change.breaking, breaking(change.rule), "{title}");
                assert!(!change.at.is_empty() && !change.message.is_empty(), "{change:?}");
            }
            covered.extend(found);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(covered.len() >= 80, "{} rules are set off", covered.len());
}

#[test]
fn rules_have_ids_of_one_kind_and_no_two_the_same() {
    let ids = RULES.iter().map(|rule| rule.id).collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), RULES.len());
    assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
}

#[test]
fn what_differs_is_said_where_it_stands() {
    let old = read(&text("shop.openapi.yaml"));
    let new = edited(
        "shop.openapi.yaml",
        &[("maximum: 100", "maximum: 50"), ("enum: [open, paid, sent]", "enum: [open, paid, sent, x]")],
    );
    let places = api::changes(&old, &new).into_iter().map(|change| (change.at, change.message)).collect::<Vec<_>>();
    assert_eq!(
        places,
        [
            ("GET /orders: query parameter limit".to_owned(), "maximum: 100 became 50".to_owned()),
            ("schema Order.state".to_owned(), "\"x\" may be given now".to_owned()),
        ]
    );
}

#[test]
fn what_was_announced_may_be_gone_once_its_day_has_passed() {
    let gone = [
        (
            "shop.openapi.yaml",
            &[("        legacy: {type: string, deprecated: true, x-sunset: 2026-02-01}\n", "")][..],
            date!(2026 - 02 - 01),
        ),
        (
            "blog.graphql",
            &[("  old: String @deprecated(reason: \"Use post; sunset 2026-01-31\")\n", "")],
            date!(2026 - 01 - 31),
        ),
        ("blog.graphql", &[("\n  GONE @deprecated(reason: \"sunset 2026-01-31\")", "")], date!(2026 - 01 - 31)),
        (
            "orders.proto",
            &[("  rpc Old(.shop.v1.WatchRequest) returns (Order) { option deprecated = true; }\n", "")],
            date!(2026 - 01 - 31),
        ),
        (
            "shop.openapi.yaml",
            &[(
                "        - name: state\n          in: query\n          deprecated: true\n          x-sunset: '2026-06-30'\n          schema: {type: string, enum: [open, paid]}\n",
                "",
            )],
            date!(2026 - 06 - 30),
        ),
    ];
    for (name, edits, sunset) in gone {
        let (old, new) = (read(&text(name)), edited(name, edits));
        assert!(api::changes(&old, &new).iter().any(|change| change.breaking), "{name}");
        assert!(
            api::changes_at(&old, &new, sunset).iter().any(|change| change.breaking),
            "{name}: its last day counts"
        );
        let after = api::changes_at(&old, &new, sunset.next_day().unwrap());
        assert_eq!(rules(&after), BTreeSet::from(["removed-after-sunset"]), "{name}");
        assert!(after.iter().all(|change| !change.breaking), "{name}");
    }
}

#[test]
fn a_definition_does_not_differ_from_itself() {
    for name in DEFINITIONS {
        let api = read(&text(name));
        assert_eq!(api::changes(&api, &api), [], "{name}");
    }
}

#[test]
fn another_language_is_another_api() {
    let changes = api::changes(&read(&text("blog.graphql")), &read(&text("orders.proto")));
    assert_eq!((changes.len(), changes[0].breaking), (1, true));
}

/// `value` with the members of each object, and the lists whose order says nothing, in another order.
fn shuffled(value: &serde_json::Value, seed: u64) -> serde_json::Value {
    use serde_json::Value;
    let mix = |index: usize, seed: u64| {
        (index as u64 + 1).wrapping_mul(seed | 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17)
    };
    let list = |values: &Vec<Value>| {
        let mut values = values
            .iter()
            .enumerate()
            .map(|(index, value)| (mix(index, seed), shuffled(value, seed)))
            .collect::<Vec<_>>();
        values.sort_by_key(|(key, _)| *key);
        values.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    match value {
        Value::Array(values) => Value::Array(list(values)),
        Value::Object(members) => {
            let mut members =
                members.iter().enumerate().map(|(index, member)| (mix(index, seed), member)).collect::<Vec<_>>();
            members.sort_by_key(|(key, _)| *key);
            Value::Object(members.into_iter().map(|(_, (name, value))| (name.clone(), shuffled(value, seed))).collect())
        }
        value => value.clone(),
    }
}

/// The model with every list in another order: what a definition says does not depend on it.
fn rearranged(api: &Api, seed: u64) -> Api {
    serde_json::from_value(shuffled(&serde_json::to_value(api).unwrap(), seed)).unwrap()
}

/// Members and operations that may be left out, added in random places.
fn with_optional(api: &Api, picks: &[usize]) -> Api {
    use model::api::{Parameter, Property, Schema};
    let mut api = api.clone();
    for pick in picks {
        let optional = |name: String| Property { name, schema: Schema::typed("string"), ..Property::default() };
        let count = api.schemas.len();
        let named = &mut api.schemas[pick % count];
        if !named.schema.properties.is_empty() {
            let mut new = optional(format!("optional{pick}"));
            new.schema.nullable = true;
            new.number = named.schema.properties[0].number.map(|_| 1_000 + i64::try_from(*pick).unwrap());
            named.schema.properties.push(new);
        }
        let count = api.operations.len();
        let operation = &mut api.operations[pick % count];
        operation.parameters.push(Parameter {
            name: format!("optional{pick}"),
            place: "query".to_owned(),
            schema: Schema::typed("string"),
            ..Parameter::default()
        });
        let mut another = operation.clone();
        another.path.push_str(&format!("/more{pick}"));
        api.operations.push(another);
    }
    api
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_members_does_not_matter(name in prop::sample::select(DEFINITIONS.to_vec()), seed in any::<u64>()) {
        let api = read(&text(name));
        let mut other = rearranged(&api, seed);
        // The pairs of a range are no list.
        for (named, original) in other.schemas.iter_mut().map(|named| { let original = api.schema(&named.name).unwrap(); (named, original) }) {
            named.reserved.clone_from(&original.reserved);
        }
        prop_assert_eq!(api::changes(&api, &other), []);
        prop_assert_eq!(api::changes(&other, &api), []);
    }

    #[test]
    fn the_order_of_members_does_not_change_what_is_found(seed in any::<u64>(), pick in any::<prop::sample::Index>()) {
        let (name, rows) = TABLES[0];
        let row = rows[pick.index(rows.len())];
        let (old, new) = (read(&text(name)), edited(name, row.1));
        let found = api::changes(&old, &new);
        prop_assert_eq!(rules(&found), rules(&api::changes(&rearranged(&old, seed), &rearranged(&new, seed.rotate_left(9)))));
    }

    #[test]
    fn what_may_be_left_out_never_breaks_anything(
        name in prop::sample::select(DEFINITIONS.to_vec()),
        picks in prop::collection::vec(0_usize..1_000, 1..6),
    ) {
        let api = read(&text(name));
        prop_assume!(!api.operations.is_empty());
        let found = api::changes(&api, &with_optional(&api, &picks));
        prop_assert!(!found.is_empty());
        prop_assert!(found.iter().all(|change| !change.breaking), "{:#?}", found);
    }

    #[test]
    fn every_random_edit_is_compared_both_ways(table in 0_usize..5, picks in prop::collection::vec(any::<prop::sample::Index>(), 1..5)) {
        let (name, rows) = TABLES[table];
        let old = text(name);
        let mut new = old.clone();
        for pick in picks {
            for (from, to) in rows[pick.index(rows.len())].1 {
                new = new.replacen(from, to, 1);
            }
        }
        if let Ok(new) = api::read(None, new.as_bytes()) {
            let old = read(&old);
            let _ = (api::changes(&old, &new), api::changes(&new, &old));
            prop_assert_eq!(api::changes(&new, &new), []);
        }
    }
}
