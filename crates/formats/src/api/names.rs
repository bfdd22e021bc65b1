//! Which type a name in a Protocol Buffers file means.

use std::collections::HashSet;

use model::api::{Api, Schema};

const SCALARS: [&str; 15] = [
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
    "sfixed64", "bool", "string", "bytes",
];

/// A scalar, or a name that is sought from `scope` outwards; the scope waits in the title until it is.
pub(super) fn named(name: String, scope: &str) -> Schema {
    if SCALARS.contains(&name.as_str()) {
        return Schema::typed(name);
    }
    Schema { unresolved: Some(name), title: scope.to_owned(), ..Schema::default() }
}

/// Gives each name its full form: the innermost of the messages and packages around it that has one of that name.
pub(super) fn resolve(api: &mut Api) {
    let known = api.schemas.iter().filter(|named| named.form != "service").map(|named| named.name.clone());
    let known = known.collect::<HashSet<_>>();
    let properties = api.schemas.iter_mut().flat_map(|named| &mut named.schema.properties);
    for property in properties {
        let schema = &mut property.schema;
        let inner = if schema.items.is_some() { schema.items.as_deref_mut() } else { schema.additional.as_deref_mut() };
        match inner {
            Some(inner) => find(inner, &known),
            None => find(schema, &known),
        }
    }
    for operation in &mut api.operations {
        let given = operation.responses.iter_mut().flat_map(|response| &mut response.contents);
        let taken = operation.request.iter_mut().flat_map(|body| &mut body.contents);
        given.chain(taken).filter_map(|content| content.schema.as_mut()).for_each(|schema| find(schema, &known));
    }
}

fn find(schema: &mut Schema, known: &HashSet<String>) {
    let Some(name) = schema.unresolved.take() else { return };
    let scope = std::mem::take(&mut schema.title);
    if let Some(absolute) = name.strip_prefix('.') {
        match known.contains(absolute) {
            true => schema.link = Some(absolute.to_owned()),
            false => schema.unresolved = Some(absolute.to_owned()),
        }
        return;
    }
    let mut scope = scope.as_str();
    loop {
        let full = if scope.is_empty() { name.clone() } else { format!("{scope}.{name}") };
        if known.contains(&full) {
            schema.link = Some(full);
            return;
        }
        if scope.is_empty() {
            schema.unresolved = Some(name);
            return;
        }
        scope = scope.rsplit_once('.').map_or("", |(outer, _)| outer);
    }
}
