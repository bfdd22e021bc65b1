//! What Backstage's published rules ask of each kind, document by document.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use formats::{Limits, catalog};

/// One document of this kind, with these lines under `metadata` and this spec.
fn document(kind: &str, metadata: &str, spec: &str) -> String {
    let version = if kind == "Template" { "scaffolder.backstage.io/v1beta3" } else { "backstage.io/v1alpha1" };
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: this{metadata}}}\nspec: {{{spec}}}\n")
}

fn wrong(text: &str) -> Vec<String> {
    let results = catalog::read(text.as_bytes(), Limits::default());
    let errors = results.iter().flat_map(|result| result.errors());
    errors.map(|error| error.field.clone().unwrap_or_default()).collect()
}

fn relations(text: &str) -> Vec<String> {
    let descriptor = catalog::read(text.as_bytes(), Limits::default()).pop().unwrap().outcome.unwrap();
    descriptor.relations.iter().map(|(relation, target)| format!("{relation} {target}")).collect()
}

const COMPONENT: &str = "type: service, lifecycle: production, owner: a";

#[test]
fn every_kind_asks_for_what_its_published_schema_does() {
    for (kind, spec, fields) in [
        ("Component", "", &["spec.type", "spec.lifecycle", "spec.owner"] as &[_]),
        ("API", "type: openapi, lifecycle: x, owner: a", &["spec.definition"]),
        ("Resource", "type: database", &["spec.owner"]),
        ("System", "", &["spec.owner"]),
        ("Domain", "owner: ''", &["spec.owner"]),
        ("Group", "type: team", &["spec.children"]),
        ("Group", "type: team, children: [], profile: {email: 5}", &["spec.profile.email"]),
        ("User", "", &["spec.memberOf"]),
        (
            "User",
            "memberOf: [], profile: {displayName: '', picture: []}",
            &["spec.profile.displayName", "spec.profile.picture"],
        ),
        ("Location", "targets: x.yaml", &["spec.targets"]),
        ("Location", "target: x.yaml, presence: maybe", &["spec.presence"]),
        ("Template", "type: service", &["spec.steps"]),
        (
            "Template",
            "type: service, steps: [{name: x}, 5], parameters: [1]",
            &["spec.steps[0].action", "spec.steps[1]", "spec.parameters[0]"],
        ),
        ("Template", "type: service, steps: [], parameters: no", &["spec.parameters"]),
    ] {
        assert_eq!(wrong(&document(kind, "", spec)), fields, "{kind} {spec}");
    }
}

#[test]
fn every_field_that_names_others_is_its_published_relation() {
    for (kind, spec, expected) in [
        (
            "Component",
            "type: a, lifecycle: b, owner: user:x, system: s, subcomponentOf: c, providesApis: [p], consumesApis: [q], \
             dependsOn: ['resource:r', 'component:d'], dependencyOf: ['component:e']",
            &[
                "ownedBy user:default/x",
                "partOf component:default/c",
                "partOf system:default/s",
                "dependsOn component:default/d",
                "dependsOn resource:default/r",
                "dependencyOf component:default/e",
                "providesApi api:default/p",
                "consumesApi api:default/q",
            ] as &[_],
        ),
        (
            "API",
            "type: a, lifecycle: b, owner: g, definition: x, system: s",
            &["ownedBy group:default/g", "partOf system:default/s"],
        ),
        (
            "Resource",
            "type: a, owner: g, system: s, dependsOn: ['resource:r'], dependencyOf: ['component:c']",
            &[
                "ownedBy group:default/g",
                "partOf system:default/s",
                "dependsOn resource:default/r",
                "dependencyOf component:default/c",
            ],
        ),
        ("System", "owner: g, domain: d", &["ownedBy group:default/g", "partOf domain:default/d"]),
        ("Domain", "owner: g, subdomainOf: d", &["ownedBy group:default/g", "partOf domain:default/d"]),
        (
            "Group",
            "type: team, parent: p, children: [c], members: [u]",
            &["hasMember user:default/u", "childOf group:default/p", "parentOf group:default/c"],
        ),
        ("User", "memberOf: [g]", &["memberOf group:default/g"]),
        ("Template", "type: a, owner: g, steps: [{action: 'fetch:plain'}]", &["ownedBy group:default/g"]),
        ("Location", "target: ./x.yaml", &[]),
    ] {
        assert_eq!(relations(&document(kind, "", spec)), expected, "{kind}");
    }
}

#[test]
fn names_labels_annotations_tags_and_links_keep_to_the_published_rules() {
    let long = "x".repeat(64);
    for (metadata, field) in [
        (", namespace: Team".to_owned(), "metadata.namespace"),
        (", title: ''".to_owned(), "metadata.title"),
        (", description: 5".to_owned(), "metadata.description"),
        (", labels: {'-a': b}".to_owned(), "metadata.labels.-a"),
        (", labels: {a: 'b c'}".to_owned(), "metadata.labels.a"),
        (format!(", labels: {{a: {long}}}"), "metadata.labels.a"),
        (", labels: {a: 5}".to_owned(), "metadata.labels.a"),
        (", annotations: {'Example.com/a': b}".to_owned(), "metadata.annotations.Example.com/a"),
        (", annotations: {a: true}".to_owned(), "metadata.annotations.a"),
        (", tags: [Java]".to_owned(), "metadata.tags[0]"),
        (", tags: [a, b--c]".to_owned(), "metadata.tags[1]"),
        (format!(", tags: [{long}]"), "metadata.tags[0]"),
        (", links: [{title: a}]".to_owned(), "metadata.links[0].url"),
        (", links: [{url: nowhere}]".to_owned(), "metadata.links[0].url"),
        (", links: [{url: 'javascript:alert(1)'}]".to_owned(), "metadata.links[0].url"),
    ] {
        assert_eq!(wrong(&document("Component", &metadata, COMPONENT)), [field], "{metadata}");
    }
    let right = ", namespace: team-a, labels: {a: '', example.com/b_c: D.e}, annotations: {a.b/c: anything at all}, \
                 tags: ['c++', 'a:b', 'x-y'], links: [{url: 'https://example.com', icon: docs, type: runbook}]";
    assert_eq!(wrong(&document("Component", right, COMPONENT)), [] as [&str; 0]);
    assert_eq!(wrong(&document("Component", "", COMPONENT).replace("name: this", "name: a b")), ["metadata.name"]);
}
