//! What stands around an entity, beside a simple walk over what the descriptors say.

use std::collections::VecDeque;

use model::{EntityGraph, GraphAsk, Kind, RelationFamily};
use proptest::{
    prelude::*,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::*;

async fn around(t: &TestPortal, actor: &Actor, text: &str, pairs: &[(&str, &str)]) -> EntityGraph {
    let ask = GraphAsk::from_pairs(pairs.iter().copied()).unwrap();
    graph(&mut t.snapshot(actor).await.unwrap(), &reference(text), &ask).await.unwrap()
}

fn levels(graph: &EntityGraph) -> BTreeMap<String, i32> {
    graph.nodes.iter().map(|node| (node.reference.name.clone(), node.level)).collect()
}

/// Components that depend on one another as they like, in circles too; some are restricted.
#[derive(Clone, Debug)]
struct Tangle {
    restricted: Vec<bool>,
    depends: BTreeSet<(usize, usize)>,
}

fn tangle() -> impl Strategy<Value = Tangle> {
    (4..24_usize).prop_flat_map(|size| {
        let restricted = prop::collection::vec(prop::bool::weighted(0.2), size);
        let depends = prop::collection::btree_set((0..size, 0..size), 0..size * 2)
            .prop_map(|depends| depends.into_iter().filter(|(from, to)| from != to).collect());
        (restricted, depends).prop_map(|(restricted, depends)| Tangle { restricted, depends })
    })
}

impl Tangle {
    fn descriptors(&self, namespace: &str) -> String {
        let documents = self.restricted.iter().enumerate().map(|(at, restricted)| {
            let mark = if *restricted { RESTRICTED } else { "" };
            let mut text =
                component(&format!("n{at}"), "group:default/payments", &format!("  namespace: {namespace}\n{mark}"));
            let targets: Vec<String> = self
                .depends
                .iter()
                .filter(|(from, _)| *from == at)
                .map(|(_, to)| format!("component:{namespace}/n{to}"))
                .collect();
            if !targets.is_empty() {
                text.push_str(&format!("  dependsOn: [{}]\n", targets.join(", ")));
            }
            text
        });
        documents.collect::<Vec<_>>().join("---\n")
    }

    /// How many steps it is to each, never through what is hidden.
    fn walked(&self, from: usize, up: bool, sees_all: bool) -> BTreeMap<usize, i32> {
        let mut met = BTreeMap::from([(from, 0)]);
        let mut waiting = VecDeque::from([from]);
        while let Some(at) = waiting.pop_front() {
            for (one, other) in &self.depends {
                let (here, there) = if up { (*other, *one) } else { (*one, *other) };
                if here == at && (sees_all || !self.restricted[there]) && !met.contains_key(&there) {
                    met.insert(there, met[&at] + 1);
                    waiting.push_back(there);
                }
            }
        }
        met.remove(&from);
        met
    }
}

#[tokio::test]
async fn a_graph_is_what_a_simple_walk_finds_however_things_go_in_circles() {
    let t = TestPortal::new().await;
    let stranger = t.person("Eve", &[]).await;
    let owner = t.person("Dana", &[(RoleName::Developer, Some("payments"))]).await;
    let mut runner = TestRunner::deterministic();
    for round in 0..8 {
        let tangle = tangle().new_tree(&mut runner).unwrap().current();
        let namespace = format!("round-{round}");
        read(&t, &tangle.descriptors(&namespace)).await;
        let Some(from) = tangle.restricted.iter().position(|restricted| !restricted) else { continue };
        for (actor, sees_all) in [(&stranger, false), (&owner, true)] {
            let (up, down) = (tangle.walked(from, true, sees_all), tangle.walked(from, false, sees_all));
            for depth in 1..=5_i32 {
                let asked = depth.to_string();
                let graph =
                    around(&t, actor, &format!("component:{namespace}/n{from}"), &[("depth", asked.as_str())]).await;
                let mut expected = BTreeMap::from([(format!("n{from}"), 0)]);
                for at in 0..tangle.restricted.len() {
                    let (up, down) = (up.get(&at).copied(), down.get(&at).copied());
                    let level = match (up, down) {
                        (Some(up), Some(down)) if up < down => -up,
                        (_, Some(down)) => down,
                        (Some(up), None) => -up,
                        (None, None) => continue,
                    };
                    if level.abs() <= depth {
                        expected.insert(format!("n{at}"), level);
                    }
                }
                assert_eq!(levels(&graph), expected, "{tangle:?} from {from}, {depth} steps");
                assert_eq!((graph.more, graph.more_exact), (0, true));
                let drawn: BTreeSet<(String, String)> = graph
                    .edges
                    .iter()
                    .map(|edge| {
                        let name = |at: usize| graph.nodes[at].reference.name.clone();
                        (name(edge.from), name(edge.to))
                    })
                    .collect();
                let stated: BTreeSet<(String, String)> = tangle
                    .depends
                    .iter()
                    .map(|(one, other)| (format!("n{one}"), format!("n{other}")))
                    .filter(|(one, other)| one != other && expected.contains_key(one) && expected.contains_key(other))
                    .collect();
                assert_eq!(drawn, stated, "{tangle:?} from {from}, {depth} steps");
                assert_eq!(graph.affected.total, up.len() as u64, "{tangle:?} from {from}");
                assert_eq!(graph.needed.total, down.len() as u64, "{tangle:?} from {from}");
            }
        }
    }
}

const AROUND: &str = "\
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: shop}
spec: {owner: payments, domain: retail}
---
apiVersion: backstage.io/v1alpha1
kind: Domain
metadata: {name: retail}
spec: {owner: board}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: orders}
spec: {type: openapi, lifecycle: production, owner: payments, definition: x}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: checkout}
spec: {type: service, lifecycle: production, owner: payments, system: shop, providesApis: [orders], dependsOn: [\"resource:db\"]}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: db, annotations: {rampart.dev/tier: tier-0}}
spec: {type: database, owner: platform}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: site, annotations: {rampart.dev/tier: tier-1}}
spec: {type: website, lifecycle: production, owner: web, consumesApis: [orders]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: reports, annotations: {rampart.dev/tier: tier-3}}
spec: {type: service, lifecycle: production, owner: web, consumesApis: [orders]}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments}
spec: {type: team, children: []}
";

#[tokio::test]
async fn a_failure_goes_from_what_provides_an_api_to_whoever_uses_it_and_to_what_it_is_part_of() {
    let t = TestPortal::new().await;
    read(&t, AROUND).await;
    let ada = t.person("Ada", &[]).await;
    let graph = around(&t, &ada, "component:default/checkout", &[("depth", "3")]).await;
    let expected =
        [("checkout", 0), ("db", 1), ("orders", -1), ("shop", -1), ("reports", -2), ("site", -2), ("retail", -2)];
    assert_eq!(levels(&graph), expected.map(|(name, level)| (name.to_owned(), level)).into());
    assert_eq!(graph.nodes[0].reference.name, "checkout", "the entity comes first");
    let api = graph.edges.iter().find(|edge| edge.relation == RelationType::ApiProvidedBy).unwrap();
    assert_eq!(
        (graph.nodes[api.from].reference.name.as_str(), graph.nodes[api.to].reference.name.as_str()),
        ("orders", "checkout")
    );

    assert_eq!((graph.affected.total, graph.affected.exact), (5, true));
    assert_eq!(graph.affected.kinds[0].kind, Kind::Component);
    assert_eq!(graph.affected.tier.as_deref(), Some("tier-1"));
    assert_eq!(graph.affected.teams.iter().map(|team| team.count).sum::<u64>(), 5);
    assert_eq!((graph.needed.total, graph.needed.tier.as_deref()), (1, Some("tier-0")));

    let parts = around(&t, &ada, "component:default/checkout", &[("kinds", "parts"), ("depth", "1")]).await;
    assert_eq!(levels(&parts).len(), 2);
    assert_eq!(parts.affected, graph.affected, "what is drawn does not change what fails");
    let team = around(&t, &ada, "group:default/payments", &[("depth", "1")]).await;
    assert_eq!(team.kinds, RelationFamily::ALL);
    assert_eq!(levels(&team)["checkout"], 1, "what a team owns stands behind it");
}

#[tokio::test]
async fn a_graph_neither_shows_nor_counts_nor_passes_through_what_is_hidden() {
    let t = TestPortal::new().await;
    let vault = format!("{}  dependsOn: [component:beyond]\n", component("vault", "guards", RESTRICTED));
    let open = format!("{}  dependsOn: [component:vault]\n", component("open", "payments", ""));
    read(&t, &[vault, open, component("beyond", "payments", "")].join("---\n")).await;
    let stranger = t.person("Eve", &[(RoleName::Developer, Some("payments"))]).await;
    let guard = t.person("Guy", &[(RoleName::Developer, Some("guards"))]).await;
    let seen =
        around(&t, &stranger, "component:default/open", &[("depth", "5"), ("kinds", "dependencies,ownership")]).await;
    assert_eq!((seen.nodes.len(), seen.edges.len(), seen.more, seen.needed.total), (1, 0, 0, 0));
    assert!(!serde_json::to_string(&seen).unwrap().contains("vault"));
    let back = around(&t, &stranger, "component:default/beyond", &[("depth", "5")]).await;
    assert_eq!((back.nodes.len(), back.affected.total, back.affected.teams.len()), (1, 0, 0));
    let all = around(&t, &guard, "component:default/open", &[("depth", "5")]).await;
    assert_eq!((all.nodes.len(), all.needed.total), (3, 2));
    let hidden = reference("component:default/vault");
    let refused = graph(&mut t.snapshot(&stranger).await.unwrap(), &hidden, &GraphAsk::default()).await;
    assert!(matches!(refused, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn a_graph_of_more_than_two_hundred_says_how_many_more_there_are() {
    let t = TestPortal::new().await;
    let users =
        (0..260).map(|n| format!("{}  dependsOn: [component:hub]\n", component(&format!("user-{n}"), "web", "")));
    let documents: Vec<String> = users.chain([component("hub", "payments", "")]).collect();
    read(&t, &documents.join("---\n")).await;
    let ada = t.person("Ada", &[]).await;
    let graph = around(&t, &ada, "component:default/hub", &[]).await;
    assert_eq!((graph.nodes.len(), graph.edges.len(), graph.more, graph.more_exact), (200, 199, 61, true));
    assert_eq!(graph.affected.total, 260);
}
