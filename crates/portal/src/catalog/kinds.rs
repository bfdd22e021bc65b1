//! Kinds of entities that an installation declares in files of its own, beside Backstage's.

use std::{collections::BTreeMap, sync::LazyLock};

use jsonschema::Validator;
use model::{
    Kind, RelationType,
    catalog::{CustomKind, KindRelation, SpecCheck, SpecError},
};
use serde::Deserialize;
use serde_json::Value;

use super::sql;
use crate::{
    Portal,
    authz::{ActionName, Actor},
    error::Result,
    manifest::{self, Document, Wrong},
};

/// The published schema of these files.
pub const SCHEMA_TEXT: &str = include_str!("../../../../docs/schemas/entity-kind.schema.json");

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(SCHEMA_TEXT).expect("a test reads the published schema");
    jsonschema::validator_for(&schema).expect("a test compiles the published schema")
});

/// A file that declares kinds, as it was found.
#[derive(Clone, Debug)]
pub struct KindFile {
    /// As errors name it.
    pub path: String,
    pub text: String,
}

/// What is wrong with such a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}{}{} {}", .wrong.line, if .wrong.field.is_empty() { "" } else { " " }, .wrong.field, .wrong.reason)]
pub struct WrongKind {
    pub file: String,
    pub wrong: Wrong,
}

/// Makes the kinds of all files known to this process. Call it at the start, before any descriptor is read.
///
/// # Errors
/// Everything that is wrong with the files; then nothing is declared.
pub fn declare(files: &[KindFile]) -> std::result::Result<Vec<Kind>, Vec<WrongKind>> {
    let mut wrong = Vec::new();
    let mut declared: BTreeMap<String, (Declared, String)> = BTreeMap::new();
    for file in files {
        let mut refuse = |found: Wrong| wrong.push(WrongKind { file: file.path.clone(), wrong: found });
        let documents = match manifest::read(&file.text) {
            Ok(documents) => documents,
            Err(found) => {
                refuse(found);
                continue;
            }
        };
        for document in documents {
            match Declared::read(document) {
                Err(found) => found.into_iter().for_each(&mut refuse),
                Ok(kind) => {
                    let name = kind.kind.name.clone();
                    if let Some((first, path)) = declared.get(&name) {
                        let line = first.document.wrong("/metadata/name", "").line;
                        let reason = format!("{path}, line {line}, declares the same kind");
                        refuse(kind.document.wrong("/metadata/name", reason));
                    } else {
                        declared.insert(name, (kind, file.path.clone()));
                    }
                }
            }
        }
    }
    for (kind, path) in declared.values() {
        for (index, relation) in kind.kind.relations.iter().enumerate() {
            let Some(of) = &relation.kind else { continue };
            let is_known = Kind::ALL.iter().any(|kind| kind.as_str().eq_ignore_ascii_case(of))
                || declared.contains_key(&of.to_ascii_lowercase());
            if !is_known {
                let found = kind.document.wrong(
                    &format!("/spec/relations/{index}/kind"),
                    "this is neither one of Backstage's kinds nor one that these files declare",
                );
                wrong.push(WrongKind { file: path.clone(), wrong: found });
            }
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(declared.into_values().map(|(kind, _)| Kind::declare(kind.kind)).collect())
}

/// Makes the kinds known that are in the catalog and that nobody declares any more: they are shown, and not read.
///
/// # Errors
/// Where the database cannot be asked.
pub async fn remember(portal: &Portal) -> Result<()> {
    let actor = Actor::system("catalog.kinds", None, "start".to_owned());
    let (_, mut connection) = portal.glance(&actor, ActionName::CatalogRead).await?;
    for name in sql::kinds(&mut connection).await? {
        let _ = Kind::stored(&name);
    }
    Ok(())
}

struct Declared {
    document: Document,
    kind: CustomKind,
}

impl Declared {
    fn read(document: Document) -> std::result::Result<Self, Vec<Wrong>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Spec {
            kind: String,
            plural: Option<String>,
            #[serde(default)]
            description: String,
            api_versions: Vec<String>,
            schema: Option<Value>,
            #[serde(default)]
            relations: Vec<Relation>,
        }

        #[derive(Deserialize)]
        struct Relation {
            field: String,
            kind: Option<String>,
            relation: RelationType,
            #[serde(default)]
            many: bool,
        }

        let wrong = document.against(&SCHEMA);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let spec = Spec::deserialize(&document.value["spec"])
            .map_err(|error| vec![document.wrong("/spec", error.to_string())])?;
        let name = spec.kind.to_ascii_lowercase();
        if document.value["metadata"]["name"] != Value::String(name.clone()) {
            return Err(vec![
                document.wrong(
                    "/metadata/name",
                    format!("must be spec.kind in lower case, as references write it: {name}"),
                ),
            ]);
        }
        if Kind::ALL.iter().any(|kind| kind.as_str() == name) {
            return Err(vec![document.wrong("/spec/kind", "this is one of Backstage's own kinds")]);
        }
        let check = match &spec.schema {
            Some(schema) => against(schema).map_err(|reason| vec![document.wrong("/spec/schema", reason)])?,
            None => Box::new(|_: &Value| Vec::new()),
        };
        let relations = spec.relations.into_iter().map(|relation| KindRelation {
            field: relation.field,
            kind: relation.kind,
            relation: relation.relation,
            many: relation.many,
        });
        let kind = CustomKind {
            name,
            plural: spec.plural.unwrap_or_else(|| format!("{}s", spec.kind)),
            label: spec.kind,
            description: spec.description,
            api_versions: spec.api_versions,
            relations: relations.collect(),
            check,
        };
        Ok(Self { document, kind })
    }
}

/// A check against a schema, which refers to nothing outside itself.
fn against(schema: &Value) -> std::result::Result<SpecCheck, String> {
    jsonschema::meta::validate(schema).map_err(|error| {
        let at = error.instance_path().as_str();
        let at = if at.is_empty() { String::new() } else { format!(" at {at}") };
        format!("this is not a JSON Schema{at}: {}", manifest::in_words(&error))
    })?;
    let validator =
        jsonschema::validator_for(schema).map_err(|error| format!("this JSON Schema cannot be used: {error}"))?;
    Ok(Box::new(move |spec| {
        let errors = validator.iter_errors(spec);
        errors
            .map(|error| SpecError {
                pointer: error.instance_path().as_str().to_owned(),
                reason: manifest::in_words(&error),
            })
            .collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "apiVersion: rampart/v1\nkind: EntityKind\nmetadata:\n  name: queue\nspec:\n  kind: Queue\n  \
                         apiVersions: [example.com/v1]\n  schema:\n    type: object\n    required: [broker]\n";

    fn refused(text: &str) -> String {
        let file = KindFile { path: "kinds/queue.yaml".to_owned(), text: text.to_owned() };
        declare(&[file]).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_wrong_with_a_kind_is_said_with_its_place() {
        for (from, to, reason) in [
            ("name: queue", "name: queues", "kinds/queue.yaml:4 metadata.name must be spec.kind in lower case"),
            ("kind: Queue", "kind: queue", "kinds/queue.yaml:6 spec.kind must match"),
            ("[example.com/v1]", "[]", "kinds/queue.yaml:7 spec.apiVersions"),
            ("type: object", "type: thing", "kinds/queue.yaml:8 spec.schema this is not a JSON Schema at /type"),
            ("type: object", "$ref: https://example.com/s.json", "spec.schema this JSON Schema cannot be used"),
            ("spec:\n", "spec:\n  colour: red\n", "spec colour is not known here"),
            (
                "spec:\n",
                "spec:\n  relations: [{field: a, relation: likes}]\n",
                "spec.relations[0].relation must be one of",
            ),
            (
                "spec:\n",
                "spec:\n  relations: [{field: a, relation: partOf, kind: Nobody}]\n",
                "kinds/queue.yaml:6 spec.relations[0].kind this is neither",
            ),
        ] {
            let text = QUEUE.replace(from, to);
            assert_ne!(text, QUEUE);
            let found = refused(&text);
            assert!(found.contains(reason), "{found}");
        }
        let component = QUEUE.replace("queue", "component").replace("Queue", "Component");
        assert!(refused(&component).contains("Backstage's own"));
        assert!(
            refused(&format!("{QUEUE}---\n{QUEUE}"))
                .contains("kinds/queue.yaml:15 metadata.name kinds/queue.yaml, line 4, declares")
        );
        assert!(refused("kind: [").contains("not YAML"));
    }
}
