//! What is read out of a definition.

use formats::{Place, api};
use model::api::{Api, ApiKind, NamedSchema, Operation, Reserved, Schema};
use time::macros::date;

use crate::{DEFINITIONS, read, text};

fn operation<'a>(api: &'a Api, heading: &str) -> &'a Operation {
    api.operations.iter().find(|operation| operation.heading() == heading).unwrap_or_else(|| {
        panic!("{heading} is not among {:?}", api.operations.iter().map(Operation::heading).collect::<Vec<_>>())
    })
}

fn named<'a>(api: &'a Api, name: &str) -> &'a NamedSchema {
    api.schema(name).unwrap_or_else(|| panic!("no {name}"))
}

fn property<'a>(schema: &'a Schema, name: &str) -> &'a Schema {
    &schema.properties.iter().find(|property| property.name == name).unwrap().schema
}

#[test]
fn each_language_is_told_by_its_content() {
    let kinds = DEFINITIONS.map(|name| api::detect(text(name).as_bytes()));
    use ApiKind::{AsyncApi, GraphQl, Grpc, OpenApi};
    assert_eq!(kinds, [OpenApi, OpenApi, AsyncApi, AsyncApi, GraphQl, Grpc, Grpc].map(Some));
    assert_eq!(api::detect(b"hello: world"), None);
    assert!(api::read(None, b"hello: world").unwrap_err().reason.contains("OpenAPI, AsyncAPI, GraphQL, gRPC"));
    let error = api::read(Some(ApiKind::AsyncApi), text("shop.openapi.yaml").as_bytes()).unwrap_err();
    assert_eq!((error.format, error.at), (Some("asyncapi"), Place::Pointer("/asyncapi".to_owned())));
}

#[test]
fn every_definition_survives_its_way_through_json() {
    for name in DEFINITIONS {
        let api = read(&text(name));
        let json = serde_json::to_string(&api).unwrap();
        assert_eq!(serde_json::from_str::<Api>(&json).unwrap(), api, "{name}");
    }
}

#[test]
fn openapi_is_read_with_its_references_and_dates() {
    let api = read(&text("shop.openapi.yaml"));
    assert_eq!((api.title.as_str(), api.version.as_str(), api.language_version.as_str()), ("Shop", "1.4.0", "3.1.0"));
    assert_eq!(api.sunset, Some(date!(2031 - 01 - 01)));
    assert_eq!(api.description, "Orders and **parcels**.\n");
    let list = operation(&api, "GET /orders");
    assert_eq!((list.id.as_str(), list.tags.as_slice()), ("listOrders", &["orders".to_owned()][..]));
    assert_eq!(list.parameters[0].name, "limit");
    assert_eq!(list.parameters[1].sunset, Some(date!(2026 - 06 - 30)));
    assert_eq!(list.security[0][0].scheme, "token");
    let content = &list.responses[0].contents[0];
    assert_eq!(content.schema.as_ref().unwrap().type_text(), "list of Order");
    assert!(content.examples[0].value.contains("\"id\": 7"));
    let one = operation(&api, "GET /orders/{orderId}");
    assert!(one.parameters[0].required && one.deprecated && one.sunset == Some(date!(2026 - 03 - 01)));
    assert_eq!(operation(&api, "DELETE /orders/{orderId}").id, "DELETE /orders/{orderId}");
    assert_eq!(operation(&api, "webhook orderPlaced").request.as_ref().unwrap().contents.len(), 1);
    let order = &named(&api, "Order").schema;
    assert_eq!(property(order, "note").type_text(), "string or null");
    assert_eq!(property(order, "payment").type_text(), "Card or Transfer");
    let outside = one.responses[1].contents[0].schema.as_ref().unwrap();
    assert_eq!(outside.unresolved.as_deref(), Some("./problem.yaml#/Problem"));
    assert_eq!(api.problems.len(), 1);
    assert!(api.problems[0].reason.contains("out of this document"), "{:?}", api.problems);
    let whole = api.resolved(&Schema::linked("Order"), 8, 200);
    let parent = property(&whole, "parent");
    assert!(parent.link.as_deref() == Some("Order") && parent.properties.is_empty(), "a cycle ends in a name");
}

#[test]
fn the_dialects_of_openapi_mean_the_same() {
    let head = "info: {title: t, version: 1}\npaths: {}\ncomponents: {schemas: {A: ";
    let three = read(&format!(
        "openapi: 3.0.3\n{head}{{type: integer, nullable: true, minimum: 1, exclusiveMinimum: true}}}}}}"
    ));
    let one = read(&format!("openapi: 3.1.0\n{head}{{type: [integer, 'null'], exclusiveMinimum: 1}}}}}}"));
    let any = read(&format!(
        "openapi: 3.1.0\n{head}{{anyOf: [{{type: integer, exclusiveMinimum: 1}}, {{type: 'null'}}]}}}}}}"
    ));
    assert_eq!(three.schemas, one.schemas);
    assert_eq!(three.schemas, any.schemas);
}

#[test]
fn a_reference_to_any_place_of_the_document_is_followed() {
    let api = read(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /a~b/c:\n    get:\n      responses:\n        '200':\n          \
         description: x\n          content:\n            a/b:\n              schema: {$ref: '#/components/schemas/A/properties/in%20ner'}\n\
         components:\n  schemas:\n    A:\n      properties: {in ner: {$ref: '#/$defs/D'}}\n      $defs: {D: {type: boolean}}\n    \
         B: {$ref: '#/components/schemas/Missing'}\n",
    );
    let schema = api.operations[0].responses[0].contents[0].schema.clone().unwrap();
    assert_eq!(schema.link.as_deref(), Some("#/components/schemas/A/properties/in ner"));
    let inner = property(&named(&api, "A").schema, "in ner");
    assert_eq!(named(&api, inner.link.as_ref().unwrap()).schema.types, ["boolean"]);
    assert_eq!(named(&api, "B").schema.unresolved.as_deref(), Some("#/components/schemas/Missing"));
}

#[test]
fn swagger_is_read_as_if_it_were_openapi_3() {
    let api = read(&text("pets.swagger.json"));
    assert_eq!(api.servers[0].url, "https://pets.example/api");
    assert_eq!(api.security_schemes[0].kind, "http basic");
    let list = operation(&api, "GET /pets");
    assert_eq!(list.parameters[0].schema.values.len(), 2);
    assert_eq!(list.responses[0].contents[0].media_type, "application/json");
    assert!(operation(&api, "POST /pets").request.as_ref().unwrap().required);
    let photo = operation(&api, "POST /pets/{id}/photo");
    assert_eq!(photo.parameters.len(), 1);
    let form = &photo.request.as_ref().unwrap().contents[0];
    assert_eq!(form.media_type, "multipart/form-data");
    assert!(form.schema.as_ref().unwrap().properties[0].required);
}

#[test]
fn both_asyncapis_say_what_is_taken_and_what_is_given() {
    let two = read(&text("stock.asyncapi2.yaml"));
    let moved = operation(&two, "subscribe stock/{shop}/moved");
    assert!(moved.request.is_none());
    let messages = &moved.responses[0].contents;
    assert_eq!(messages.iter().map(|message| message.name.as_str()).collect::<Vec<_>>(), ["Moved", "Lost"]);
    assert_eq!(
        (messages[0].media_type.as_str(), messages[1].media_type.as_str()),
        ("application/json", "application/cbor")
    );
    assert_eq!(messages[0].examples[0].name, "one");
    assert_eq!(operation(&two, "publish stock/count").request.as_ref().unwrap().contents[0].name, "Count");
    let three = read(&text("stock.asyncapi3.yaml"));
    assert_eq!(operation(&three, "send stock/{shop}/moved").responses[0].contents.len(), 2);
    let count = operation(&three, "receive stock/count");
    assert_eq!(count.request.as_ref().unwrap().contents[0].name, "Count");
    assert_eq!(count.responses[0].contents[0].name, "Counted");
    assert_eq!(three.servers[0].url, "broker.example:9092/a");
    assert!(
        api::changes(&two, &three).iter().all(|change| change.rule != "operation-removed"),
        "the same, in new words"
    );
}

#[test]
fn graphql_is_read_whole() {
    let api = read(&text("blog.graphql"));
    assert_eq!(api.description, "Posts and people.");
    let post = operation(&api, "query post");
    assert_eq!(post.description, "One post");
    assert!(post.parameters[0].required && !post.parameters[1].required);
    assert_eq!(post.parameters[1].schema.default.as_deref(), Some("false"));
    let old = operation(&api, "query old");
    assert!(old.deprecated && old.sunset == Some(date!(2026 - 01 - 31)));
    assert_eq!(operation(&api, "mutation write").parameters[0].schema.type_text(), "NewPost");
    assert!(api.schema("Root").is_none(), "what operations begin with is no type of its own");
    assert_eq!(named(&api, "Post").interfaces, ["Node", "Dated"]);
    assert_eq!(named(&api, "Person").schema.properties.len(), 3, "an extension belongs to its type");
    assert_eq!(named(&api, "Result").schema.one_of.len(), 2);
    let input = &named(&api, "NewPost").schema;
    assert_eq!(property(input, "weight").default.as_deref(), Some("-1.5e3"));
    assert_eq!(property(input, "tags").default.as_deref(), Some("[\"a\", \"b\"]"));
    assert!(named(&api, "State").schema.values[2].deprecated);
    assert_eq!(named(&api, "@key").form, "directive");
    let error = api::read(Some(ApiKind::GraphQl), b"type A {\n  a: [String\n}").unwrap_err();
    assert_eq!(error.at, Place::Line { line: 3, column: 1 });
    assert!(api::read(Some(ApiKind::GraphQl), b"query { a }").unwrap_err().reason.contains("queries"));
}

#[test]
fn protobuf_is_read_whole() {
    let api = read(&text("orders.proto"));
    assert_eq!((api.title.as_str(), api.version.as_str(), api.language_version.as_str()), ("shop.v1", "v1", "proto3"));
    assert_eq!(api.description, "Orders of the shop.");
    let place = operation(&api, "rpc shop.v1.Orders/Place");
    assert_eq!(place.description, "Places one.");
    let watch = operation(&api, "rpc shop.v1.Orders/Watch");
    assert!(watch.server_streaming && !watch.client_streaming);
    let old = operation(&api, "rpc shop.v1.Orders/Old");
    assert!(old.deprecated && old.sunset == Some(date!(2026 - 01 - 31)));
    assert_eq!(
        old.request.as_ref().unwrap().contents[0].schema.as_ref().unwrap().link.as_deref(),
        Some("shop.v1.WatchRequest")
    );
    let request = named(&api, "shop.v1.PlaceRequest");
    assert_eq!(request.schema.properties[2].oneof.as_deref(), Some("pay"));
    assert!(request.schema.properties[1].schema.deprecated);
    assert_eq!(request.schema.properties[1].schema.description, "", "what is written behind a field is about it alone");
    assert_eq!(property(&request.schema, "others").additional.as_ref().unwrap().link.as_deref(), Some("shop.v1.Order"));
    assert_eq!(
        request.reserved,
        [Reserved::Numbers(9, 9), Reserved::Numbers(20, 29), Reserved::Name("gone".to_owned())]
    );
    let order = named(&api, "shop.v1.Order");
    assert_eq!(order.schema.description, "An order,\nas it stands.");
    assert_eq!(property(&order.schema, "state").link.as_deref(), Some("shop.v1.Order.State"));
    assert_eq!(property(&order.schema, "at").unresolved.as_deref(), Some("google.protobuf.Timestamp"));
    assert_eq!(named(&api, "shop.v1.Order.State").schema.values[2].number, Some(2));
    let legacy = read(&text("legacy.proto"));
    let message = &named(&legacy, "Legacy").schema;
    assert!(message.properties[0].required);
    assert_eq!(message.properties[1].schema.default.as_deref(), Some("10"));
    assert_eq!(message.properties[2].schema.items.as_ref().unwrap().link.as_deref(), Some("Legacy.Part"));
    assert_eq!(legacy.schemas.len(), 2, "what is added to another message is not shown");
}

#[test]
fn the_portals_own_definition_is_read_whole() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let api = read(&std::fs::read_to_string(path).unwrap());
    assert!(api.operations.len() > 50 && api.schemas.len() > 50);
    assert!(api.operations.iter().all(|operation| !operation.responses.is_empty()));
    assert_eq!(api::changes(&api, &api), []);
}
