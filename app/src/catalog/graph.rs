//! An entity's relations: as a graph, as the table behind it, and what its failure means.

use std::collections::HashMap;

use axum::extract::Query;
use leptos::prelude::*;
use model::{
    EntityDetail, EntityGraph, FieldError, GraphAsk, RelationFamily, RelationType,
    graph::{GraphEdge, GraphNode, GraphReach},
};
use portal::{Error, catalog};

use super::{
    address,
    detail::{EntityPath, RelationTable, in_words, open, page},
    drawn,
    graph_layout::{self, NODE_HEIGHT, NODE_WIDTH, lay_out},
    team_href,
};
use crate::{
    backend::{Answer, Cx},
    ui::{
        button::{Button, LinkButton},
        facts::{Fact, Facts},
        filter::FilterSelect,
        fold::Fold,
        icon::{self},
        number,
        page_head::Section,
        state::Empty,
        table::{Column, Table},
        thing::{Kind, Thing},
        words::capitalised,
    },
};

/// How large a graph can be drawn, in hundredths.
const SIZES: [u16; 5] = [50, 75, 100, 125, 150];
const USUAL_SIZE: u16 = 100;
/// More letters than this do not fit into a box.
const LETTERS: usize = 24;

/// `/catalog/{kind}/{namespace}/{name}/relations`
pub async fn relations(cx: Cx, path: EntityPath, Query(pairs): Query<Vec<(String, String)>>) -> Answer {
    let invalid = |error: FieldError| Error::Invalid(vec![error]);
    let ask = GraphAsk::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))).map_err(invalid)?;
    let size = pairs.iter().find(|(key, _)| key == "size").and_then(|(_, size)| size.parse().ok());
    let size = size.filter(|size| SIZES.contains(size)).unwrap_or(USUAL_SIZE);
    let (entity, mut snapshot) = open(&cx, path).await?;
    let graph = catalog::graph(&mut snapshot, &entity.summary.reference, &ask).await?;
    let shown = entity.clone();
    page(&cx, &entity, "relations", move || view! { <Relations entity=shown graph size /> })
}

#[component]
fn Relations(entity: EntityDetail, graph: EntityGraph, size: u16) -> impl IntoView {
    let here = format!("{}/relations", entity.summary.reference.href());
    let alone = graph.nodes.len() < 2;
    let carries = graph.affected.total > 0 || graph.needed.total > 0;
    let (affected, needed) = (graph.affected.clone(), graph.needed.clone());
    let reach = carries.then(|| {
        view! {
            <div class="beside-each-other">
                <Section title="If it fails">
                    <Reach
                        reach=affected
                        sentence="entities are affected: what depends on it, uses its APIs, or has it as a part, and so on."
                        one="entity is affected: it depends on this one, uses its API, or has it as a part."
                        none="Nothing that you may see depends on it."
                        tell=true
                    />
                </Section>
                <Section title="What it needs">
                    <Reach
                        reach=needed
                        sentence="entities have to work for this one to work."
                        one="entity has to work for this one to work."
                        none="It needs nothing that you may see."
                        tell=false
                    />
                </Section>
            </div>
        }
    });
    let chosen = view! { <Choice here=here.clone() graph=graph.clone() size /> };
    let drawing = if alone {
        view! {
            <Empty title="Nothing stands around it" icon=icon::LINK>
                "Owner, system, dependencies and APIs that a descriptor names appear here, from both ends. Try other relations or more steps."
            </Empty>
        }
        .into_any()
    } else {
        let caption = caption(&graph);
        view! {
            <Drawing graph=graph.clone() size />
            {caption}
            <Fold label="As a table">
                <Behind graph=graph.clone() />
            </Fold>
        }
        .into_any()
    };
    let direct = entity.relations;
    let direct = (!direct.is_empty()).then(|| {
        view! {
            <Section title="Its own relations">
                <RelationTable relations=direct />
            </Section>
        }
    });
    view! {
        {reach}
        <Section title="Graph">
            {chosen}
            {drawing}
        </Section>
        {direct}
    }
}

/// How far it goes: how many of which kinds, the most critical, and whom to tell.
#[component]
fn Reach(
    reach: GraphReach,
    sentence: &'static str,
    one: &'static str,
    none: &'static str,
    /// Names the teams as those to tell.
    tell: bool,
) -> impl IntoView {
    if reach.total == 0 {
        return view! { <p class="muted">{none}</p> }.into_any();
    }
    let total = format!("{}{}", if reach.exact { "" } else { "At least " }, number::grouped(reach.total));
    let words = if reach.total == 1 { one } else { sentence };
    let kinds: Vec<String> = reach.kinds.iter().map(|one| counted(one.kind, one.count)).collect();
    let mut facts = vec![Fact::text("Of which kinds", kinds.join(", "))];
    if let Some(tier) = &reach.tier {
        facts.push(Fact::text("Most critical", in_words(tier)));
    }
    if !reach.teams.is_empty() {
        let teams = reach
            .teams
            .iter()
            .map(|one| {
                view! {
                    <li class="inline-flex items-center gap-1">
                        <Thing kind=Kind::Team name=one.team.clone() href=team_href(&one.team) />
                        <span class="muted small">{number::grouped(one.count)}</span>
                    </li>
                }
            })
            .collect_view();
        let label = if tell { "Owners to tell" } else { "Owners" };
        facts.push(Fact::new(label, view! { <ul class="flex flex-wrap gap-x-4 gap-y-1">{teams}</ul> }));
    }
    view! {
        <p>
            <strong>{total}</strong>
            " "
            {words}
        </p>
        <div class="mt-2">
            <Facts facts />
        </div>
    }
    .into_any()
}

/// `1 API`, `4 systems`.
pub(super) fn counted(kind: model::Kind, count: u64) -> String {
    let one = if kind == model::Kind::Api { kind.label().to_owned() } else { kind.label().to_lowercase() };
    number::counted(count, &one, &format!("{one}s"))
}

/// Depth, relations and size, all of them in the address.
#[component]
fn Choice(here: String, graph: EntityGraph, size: u16) -> impl IntoView {
    let depths = (1..=GraphAsk::DEEPEST)
        .map(|depth| (depth.to_string(), number::counted(u64::from(depth), "step", "steps")))
        .collect::<Vec<_>>();
    let families = RelationFamily::ALL
        .into_iter()
        .map(|family| {
            let checked = graph.kinds.contains(&family);
            view! {
                <label class="graph-kind">
                    <input type="checkbox" name="kinds" value=family.as_str() checked=checked />
                    <Stroke family />
                    {family.label()}
                </label>
            }
        })
        .collect_view();
    let kinds: Vec<&str> = graph.kinds.iter().map(|family| family.as_str()).collect();
    let (depth, kinds) = (graph.depth.to_string(), kinds.join(","));
    let at = SIZES.iter().position(|one| *one == size).unwrap_or_default();
    let sized = |at: usize| {
        let size = SIZES.get(at)?.to_string();
        Some(address(&here, [("depth", depth.as_str()), ("kinds", kinds.as_str()), ("size", size.as_str())]))
    };
    let smaller = at.checked_sub(1).and_then(sized);
    let larger = sized(at + 1);
    let hidden = (size != USUAL_SIZE).then(|| view! { <input type="hidden" name="size" value=size.to_string() /> });
    view! {
        <form class="filters" action=here.clone() aria-label="What the graph shows">
            <FilterSelect name="depth" label="How many steps" options=depths value=depth.clone() />
            <fieldset class="graph-kinds">
                <legend class="only-spoken">"Which relations"</legend>
                {families}
            </fieldset>
            {hidden}
            <Button icon=Some(icon::REFRESH)>"Draw"</Button>
            {smaller.map(|href| view! { <LinkButton href>"Smaller"</LinkButton> })}
            {larger.map(|href| view! { <LinkButton href>"Larger"</LinkButton> })}
        </form>
    }
}

/// How a family's lines look.
#[component]
fn Stroke(family: RelationFamily) -> impl IntoView {
    view! {
        <svg class="graph-key" viewBox="0 0 24 8" aria-hidden="true">
            <path class=stroke(family) d="M0 4H24" />
        </svg>
    }
}

const fn stroke(family: RelationFamily) -> &'static str {
    match family {
        RelationFamily::Dependencies => "graph-line graph-line-dependencies",
        RelationFamily::Apis => "graph-line graph-line-apis",
        RelationFamily::Parts => "graph-line graph-line-parts",
        RelationFamily::Ownership => "graph-line graph-line-ownership",
    }
}

fn caption(graph: &EntityGraph) -> AnyView {
    let more = (graph.more > 0).then(|| {
        let more = format!("{}{}", number::grouped(graph.more), if graph.more_exact { "" } else { " or more" });
        view! {
            <p class="graph-more">
                <strong>{more} " more are not drawn."</strong>
                " Take fewer steps or fewer relations, or open one of them to see what stands around it."
            </p>
        }
    });
    view! {
        {more}
        <p class="muted small">
            "On the left what uses, holds or owns it; on the right what it uses, holds or owns. An arrow leads from what needs to what is needed. Each box leads to its own page."
        </p>
    }
    .into_any()
}

#[component]
fn Drawing(graph: EntityGraph, size: u16) -> impl IntoView {
    let levels: Vec<i32> = graph.nodes.iter().map(|node| node.level).collect();
    let ends: Vec<(usize, usize)> = graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let layout = lay_out(&levels, &ends);
    let lines = graph
        .edges
        .iter()
        .map(|edge| {
            let d = graph_layout::line(layout.nodes[edge.from], layout.nodes[edge.to]);
            view! { <path class=stroke(RelationFamily::of(edge.relation)) d=d /> }
        })
        .collect_view();
    let boxes = layout
        .order
        .iter()
        .map(|at| {
            let (node, at) = (graph.nodes[*at].clone(), layout.nodes[*at]);
            view! { <NodeBox node at /> }
        })
        .collect_view();
    let centre = graph.nodes.first().map(|node| node.name.clone()).unwrap_or_default();
    let title = format!("What stands around {centre}");
    let description = format!(
        "{} and {}, up to {} away; the same stands in the table below",
        number::counted(graph.nodes.len() as u64, "entity", "entities"),
        number::counted(graph.edges.len() as u64, "relation", "relations"),
        number::counted(u64::from(graph.depth), "step", "steps"),
    );
    let scaled = |length: i32| length * i32::from(size) / 100;
    view! {
        <div class="graph" role="region" aria-label="Graph of relations" tabindex="0">
            <svg
                role="group"
                aria-labelledby="graph-title graph-description"
                width=scaled(layout.width)
                height=scaled(layout.height)
                viewBox=format!("0 0 {} {}", layout.width, layout.height)
            >
                <title id="graph-title">{title}</title>
                <desc id="graph-description">{description}</desc>
                <g aria-hidden="true">{lines}</g>
                {boxes}
            </svg>
        </div>
    }
}

#[component]
fn NodeBox(node: GraphNode, at: (i32, i32)) -> impl IntoView {
    let (x, y) = at;
    let kind = drawn(node.reference.kind);
    let place = match node.level {
        0 => "this entity".to_owned(),
        level => format!(
            "{}, {} away",
            if level < 0 { "uses, holds or owns it" } else { "used, held or owned by it" },
            number::counted(u64::from(level.unsigned_abs()), "step", "steps")
        ),
    };
    let owner = node.team.as_ref().map(|team| format!(", owned by {team}")).unwrap_or_default();
    let spoken = format!("{} {}, {place}{owner}", kind.label(), node.name);
    let class = if node.level == 0 { "graph-node graph-node-here" } else { "graph-node" };
    // nested, because an icon brings its own measures
    let mark = format!(
        "<svg x=\"{}\" y=\"{}\" width=\"16\" height=\"16\" viewBox=\"0 0 24 24\" class=\"icon\" aria-hidden=\"true\">{}</svg>",
        x + 10,
        y + (NODE_HEIGHT - 16) / 2,
        kind.icon().data
    );
    view! {
        <a class=class href=node.reference.href() aria-label=spoken aria-current=(node.level == 0).then_some("page")>
            <title>{format!("{} · {}{owner}", node.name, node.reference)}</title>
            <rect x=x y=y width=NODE_WIDTH height=NODE_HEIGHT rx="6" />
            {leptos::tachys::html::InertElement::new(mark)}
            <text x=x + 34 y=y + NODE_HEIGHT / 2>
                {shortened(&node.name)}
            </text>
        </a>
    }
}

/// As much of a name as fits; the middle goes, because names that begin alike end differently.
fn shortened(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= LETTERS {
        return name.to_owned();
    }
    let (head, tail) = (LETTERS * 2 / 3, LETTERS - LETTERS * 2 / 3 - 1);
    let (head, tail) = (&letters[..head], &letters[letters.len() - tail..]);
    format!("{}…{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
}

/// Every line of the graph as a row: the way to its nearer end, the relation from there, and the other end.
#[component]
fn Behind(graph: EntityGraph) -> impl IntoView {
    let rows = rows(&graph)
        .into_iter()
        .map(|row| {
            let node = graph.nodes[row.other].clone();
            view! {
                <tr>
                    <td class="table-cut">{row.way}</td>
                    <td class="table-tight">{capitalised(row.relation.label())}</td>
                    <td class="table-cut">
                        <Thing kind=drawn(node.reference.kind) name=node.name href=node.reference.href() />
                    </td>
                    <td class="table-wide-only">{node.team.unwrap_or_default()}</td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Way"),
        Column::new("Relation").tight(),
        Column::new("Entity"),
        Column::new("Team").wide_only(),
    ];
    view! { <Table caption="The graph's relations" columns>{rows}</Table> }
}

struct Row {
    way: String,
    relation: RelationType,
    other: usize,
}

/// The nearest first.
fn rows(graph: &EntityGraph) -> Vec<Row> {
    let steps = |at: usize| graph.nodes[at].level.unsigned_abs();
    let mut lines: Vec<(usize, RelationType, usize)> = graph
        .edges
        .iter()
        .map(
            |GraphEdge { from, to, relation }| {
                if steps(*from) <= steps(*to) { (*from, *relation, *to) } else { (*to, relation.inverse(), *from) }
            },
        )
        .collect();
    lines.sort_by_key(|(nearer, relation, other)| (steps(*other), *nearer, *relation, *other));
    let mut ways: HashMap<usize, String> = HashMap::new();
    if let Some(first) = graph.nodes.first() {
        ways.insert(0, first.name.clone());
    }
    let mut rows = Vec::with_capacity(lines.len());
    for (nearer, relation, other) in lines {
        let way = ways.get(&nearer).cloned().unwrap_or_else(|| graph.nodes[nearer].name.clone());
        if !ways.contains_key(&other) && steps(nearer) < steps(other) {
            ways.insert(other, format!("{way} › {}", graph.nodes[other].name));
        }
        rows.push(Row { way, relation, other });
    }
    rows
}

#[cfg(test)]
mod tests {
    use model::EntityRef;

    use super::*;

    fn graph() -> EntityGraph {
        let node = |text: &str, name: &str, level| GraphNode {
            reference: text.parse::<EntityRef>().unwrap(),
            name: name.to_owned(),
            team: Some("payments".to_owned()),
            tier: None,
            level,
        };
        EntityGraph {
            depth: 2,
            kinds: vec![RelationFamily::Dependencies],
            nodes: vec![
                node("component:default/checkout", "checkout", 0),
                node("component:default/site", "Site <b>", -1),
                node("resource:default/db", "db", 1),
                node("resource:default/disk", "a-disk-with-a-very-long-name-indeed", 2),
            ],
            edges: vec![
                GraphEdge { from: 0, to: 2, relation: RelationType::DependsOn },
                GraphEdge { from: 1, to: 0, relation: RelationType::DependsOn },
                GraphEdge { from: 2, to: 3, relation: RelationType::DependsOn },
            ],
            more: 61,
            more_exact: true,
            affected: GraphReach::default(),
            needed: GraphReach::default(),
        }
    }

    fn shown(view: impl FnOnce() -> AnyView) -> String {
        Owner::new().with(|| view().to_html())
    }

    #[test]
    fn every_node_is_a_link_that_says_what_it_is_and_where_it_stands() {
        let html = shown(|| view! { <Drawing graph=graph() size=100 /> }.into_any());
        for said in [
            "href=\"/catalog/component/default/site\"",
            "Component Site &lt;b&gt;, uses, holds or owns it, 1 step away, owned by payments",
            "Resource db, used, held or owned by it, 1 step away",
            "aria-current=\"page\"",
            "a-disk-with-a-ve…-indeed",
            "<desc id=\"graph-description\">4 entities and 3 relations, up to 2 steps away",
        ] {
            assert!(html.contains(said), "{said}: {html}");
        }
        assert!(!html.contains("style=") && !html.contains("<b>"), "{html}");
        assert_eq!(html.matches("class=\"graph-line").count(), 3);
    }

    #[test]
    fn the_table_behind_has_a_row_for_each_line_with_the_way_to_it() {
        let rows = rows(&graph());
        let told: Vec<(&str, &str, usize)> =
            rows.iter().map(|row| (row.way.as_str(), row.relation.label(), row.other)).collect();
        assert_eq!(
            told,
            [("checkout", "depends on", 2), ("checkout", "dependency of", 1), ("checkout › db", "depends on", 3)]
        );
    }

    #[test]
    fn what_is_not_drawn_is_said_with_what_to_do() {
        let html = shown(|| caption(&graph()));
        assert!(html.contains("61") && html.contains("more are not drawn") && html.contains("fewer steps"), "{html}");
    }
}
