//! Flowcharts in Mermaid's notation, drawn on the server: nodes, arrows, their labels; other diagrams stay text.
//!
//! Facts: mermaid.js.org, syntax of flowcharts, version 11. What is not understood is not drawn at all, because half a
//! diagram says something else.

use std::collections::BTreeMap;

use comrak::html::escape;

const MAX_NODES: usize = 60;
const MAX_EDGES: usize = 120;
/// Letters of a label; a longer one is cut.
const MAX_LABEL: usize = 40;

/// Pixels, in the drawing's own measure.
const LETTER: usize = 8;
const HEIGHT: usize = 40;
const GAP: usize = 32;
const LAYER_GAP: usize = 56;
/// How far the way back runs beside the way there.
const ASIDE: usize = 12;

/// The flowchart that `source` describes as SVG; `number` tells its marker from others' on the page.
pub(super) fn draw(source: &str, number: usize) -> Option<String> {
    let chart = Chart::read(source)?;
    if chart.nodes.is_empty() {
        return None;
    }
    Some(chart.drawing(number))
}

#[derive(Debug, Default)]
struct Chart {
    sideways: bool,
    /// From bottom to top, or from right to left.
    backwards: bool,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Debug)]
struct Node {
    id: String,
    label: String,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Box,
    Round,
    Decision,
}

#[derive(Debug)]
struct Edge {
    from: usize,
    to: usize,
    label: String,
    dotted: bool,
    thick: bool,
    arrow: bool,
}

impl Chart {
    fn read(source: &str) -> Option<Self> {
        let mut lines = source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("%%"));
        let mut chart = Self::default();
        let mut head = lines.next()?.trim_end_matches(';').split_whitespace();
        if !matches!(head.next()?, "graph" | "flowchart") {
            return None;
        }
        (chart.sideways, chart.backwards) = match head.next().unwrap_or("TD") {
            "TD" | "TB" => (false, false),
            "BT" => (false, true),
            "LR" => (true, false),
            "RL" => (true, true),
            _ => return None,
        };
        for line in lines {
            // Looks and behaviour, which are the portal's.
            let word = line.split_whitespace().next().unwrap_or_default();
            if matches!(word, "classDef" | "class" | "style" | "linkStyle" | "click") {
                continue;
            }
            if matches!(word, "subgraph" | "end" | "direction") {
                return None;
            }
            chart.statement(&mut Cursor { rest: line })?;
        }
        Some(chart)
    }

    /// `a & b --> c --> d; e --> f`
    fn statement(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut before = self.group(cursor)?;
        loop {
            cursor.space();
            if cursor.rest.is_empty() {
                return Some(());
            }
            if cursor.take(";") {
                cursor.space();
                if cursor.rest.is_empty() {
                    return Some(());
                }
                before = self.group(cursor)?;
                continue;
            }
            let arrow = cursor.arrow()?;
            let after = self.group(cursor)?;
            for from in &before {
                for to in &after {
                    let label = arrow.label.clone();
                    let Arrow { dotted, thick, arrow, .. } = arrow;
                    self.edges.push(Edge { from: *from, to: *to, label, dotted, thick, arrow });
                    if self.edges.len() > MAX_EDGES {
                        return None;
                    }
                }
            }
            before = after;
        }
    }

    fn group(&mut self, cursor: &mut Cursor<'_>) -> Option<Vec<usize>> {
        let mut nodes = Vec::new();
        loop {
            cursor.space();
            nodes.push(self.node(cursor)?);
            cursor.space();
            if !cursor.take("&") {
                return Some(nodes);
            }
        }
    }

    fn node(&mut self, cursor: &mut Cursor<'_>) -> Option<usize> {
        const SHAPES: &[(&str, &str, Shape)] = &[
            ("([", "])", Shape::Round),
            ("[[", "]]", Shape::Box),
            ("[(", ")]", Shape::Round),
            ("((", "))", Shape::Round),
            ("{{", "}}", Shape::Decision),
            ("[", "]", Shape::Box),
            ("(", ")", Shape::Round),
            ("{", "}", Shape::Decision),
            (">", "]", Shape::Box),
        ];
        let id = cursor.id()?;
        let found = self.nodes.iter().position(|node| node.id == id);
        let index = found.unwrap_or(self.nodes.len());
        if found.is_none() {
            self.nodes.push(Node { id: id.to_owned(), label: shorten(id), shape: Shape::Box });
            if self.nodes.len() > MAX_NODES {
                return None;
            }
        }
        if let Some((open, close, shape)) = SHAPES.iter().find(|(open, ..)| cursor.rest.starts_with(open)) {
            cursor.take(open);
            let label = if let Some(quoted) = cursor.rest.strip_prefix('"') {
                let (label, behind) = quoted.split_once('"')?;
                cursor.rest = behind.strip_prefix(close)?;
                label
            } else {
                let (label, behind) = cursor.rest.split_once(close)?;
                cursor.rest = behind;
                label
            };
            (self.nodes[index].label, self.nodes[index].shape) = (shorten(label), *shape);
        }
        if cursor.take(":::") {
            cursor.id()?;
        }
        Some(index)
    }

    fn drawing(&self, number: usize) -> String {
        let layout = Layout::of(self);
        let (width, height) = layout.size(self);
        let mut svg = format!(
            "<svg class=\"doc-diagram\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-label=\"{}\"><defs><marker id=\"doc-arrow-{number}\" viewBox=\"0 0 10 10\" refX=\"9\" \
             refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L10 5L0 10z\" \
             fill=\"currentColor\"/></marker></defs>",
            escaped(&self.in_words())
        );
        for (edge, points) in self.edges.iter().zip(&layout.routes) {
            let points = self.bounded(edge, points.iter().map(|point| layout.place(*point, self)).collect());
            svg.push_str(&self.path(edge, &points, number));
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let (x, y) = layout.place(index, self);
            let (wide, high) = (width_of(&node.label), HEIGHT);
            let (left, top) = (x.saturating_sub(wide / 2), y.saturating_sub(high / 2));
            let shape = match node.shape {
                Shape::Decision => format!(
                    "<path class=\"doc-node\" d=\"M{left} {y}L{} {top}H{}L{} {y}L{} {}H{}z\" fill=\"none\" \
                     stroke=\"currentColor\"/>",
                    left + 12,
                    left + wide - 12,
                    left + wide,
                    left + wide - 12,
                    top + high,
                    left + 12,
                ),
                shape => format!(
                    "<rect class=\"doc-node\" x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{high}\" rx=\"{}\" \
                     fill=\"none\" stroke=\"currentColor\"/>",
                    if shape == Shape::Round { high / 2 } else { 4 }
                ),
            };
            svg.push_str(&shape);
            svg.push_str(&words("doc-node-label", x, y, &node.label));
        }
        svg.push_str("</svg>");
        svg
    }

    /// The points with the first and the last on the border of their nodes; the way back beside the way there.
    fn bounded(&self, edge: &Edge, mut points: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
        let half = |node: usize| if self.sideways { width_of(&self.nodes[node].label) / 2 } else { HEIGHT / 2 };
        let is_before = |a: (usize, usize), b: (usize, usize)| if self.sideways { a.0 < b.0 } else { a.1 < b.1 };
        let forward = is_before(points[0], points[points.len() - 1]);
        let last = points.len() - 1;
        for (index, node) in [(0, edge.from), (last, edge.to)] {
            let point = &mut points[index];
            let at = if self.sideways { &mut point.0 } else { &mut point.1 };
            *at = if (index == 0) == forward { *at + half(node) } else { at.saturating_sub(half(node)) };
        }
        if forward == self.backwards {
            for point in &mut points {
                *(if self.sideways { &mut point.1 } else { &mut point.0 }) += ASIDE;
            }
        }
        points
    }

    fn path(&self, edge: &Edge, points: &[(usize, usize)], number: usize) -> String {
        let mut d = String::new();
        let along = |a: usize, b: usize| usize::midpoint(a, b);
        for (index, (x, y)) in points.iter().enumerate() {
            match index.checked_sub(1).map(|before| points[before]) {
                None => d.push_str(&format!("M{x} {y}")),
                Some((px, py)) if self.sideways => {
                    let middle = along(px, *x);
                    d.push_str(&format!("C{middle} {py} {middle} {y} {x} {y}"));
                }
                Some((px, py)) => {
                    let middle = along(py, *y);
                    d.push_str(&format!("C{px} {middle} {x} {middle} {x} {y}"));
                }
            }
        }
        let dashes = if edge.dotted { " stroke-dasharray=\"4 4\"" } else { "" };
        let wide = if edge.thick { 3 } else { 1 };
        let arrow = if edge.arrow { format!(" marker-end=\"url(#doc-arrow-{number})\"") } else { String::new() };
        let mut svg = format!(
            "<path class=\"doc-edge\" d=\"{d}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"{wide}\"{dashes}{arrow}/>"
        );
        if !edge.label.is_empty() {
            let middle = points.len() / 2;
            let (a, b) = (points[middle.saturating_sub(1)], points[middle]);
            svg.push_str(&words("doc-edge-label", along(a.0, b.0), along(a.1, b.1).saturating_sub(9), &edge.label));
        }
        svg
    }

    /// For those who do not see the drawing.
    fn in_words(&self) -> String {
        let edges = self.edges.iter().map(|edge| {
            let (from, to) = (&self.nodes[edge.from].label, &self.nodes[edge.to].label);
            if edge.label.is_empty() { format!("{from} to {to}") } else { format!("{from} to {to} ({})", edge.label) }
        });
        let edges = edges.collect::<Vec<_>>().join(", ");
        crate::one_line(&format!("Flowchart: {edges}"))
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

struct Arrow {
    label: String,
    dotted: bool,
    thick: bool,
    arrow: bool,
}

impl<'a> Cursor<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    fn id(&mut self) -> Option<&'a str> {
        let end =
            self.rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(self.rest.len());
        let (id, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!id.is_empty()).then_some(id)
    }

    /// `-->`, `---`, `-.->`, `==>`, each longer too, with `|label|` behind or `-- label -->`.
    fn arrow(&mut self) -> Option<Arrow> {
        let token = |text: &'a str| {
            let end = text.find(|letter: char| !matches!(letter, '-' | '=' | '.')).unwrap_or(text.len());
            text.split_at(end)
        };
        let (line, behind) = token(self.rest);
        let (dotted, thick) = (line.contains('.'), line.contains('='));
        let (mut label, mut arrow) = (String::new(), false);
        if let Some(rest) = behind.strip_prefix('>') {
            arrow = true;
            self.rest = rest;
        } else if matches!(line, "--" | "==" | "-.") {
            let ends = if thick {
                ["==>", "==="]
            } else if dotted {
                [".->", ".-"]
            } else {
                ["-->", "---"]
            };
            let (at, end) = ends.iter().filter_map(|end| Some((behind.find(end)?, end))).min_by_key(|(at, _)| *at)?;
            label = shorten(behind[..at].trim().trim_matches('"'));
            arrow = end.ends_with('>');
            self.rest = &behind[at + end.len()..];
        } else {
            self.rest = behind;
        }
        if line.len() < 2 {
            return None;
        }
        self.space();
        if let Some(behind) = self.rest.strip_prefix('|') {
            let (text, behind) = behind.split_once('|')?;
            label = shorten(text.trim().trim_matches('"'));
            self.rest = behind;
        }
        Some(Arrow { label, dotted, thick, arrow })
    }
}

/// Which layer each node is on, and where in it. Beyond the chart's nodes are the bends of edges that pass layers.
struct Layout {
    layers: Vec<Vec<usize>>,
    layer_of: Vec<usize>,
    routes: Vec<Vec<usize>>,
    /// The middle of each, across the direction of the chart.
    across: Vec<usize>,
    /// How much room each takes across.
    room: Vec<usize>,
    /// The middle of each layer, along the direction.
    along: Vec<usize>,
    length: usize,
}

impl Layout {
    fn of(chart: &Chart) -> Self {
        let nodes = chart.nodes.len();
        let mut layer_of = ranks(chart);
        let room_of = |node: &Node| if chart.sideways { HEIGHT } else { width_of(&node.label) };
        let mut room: Vec<usize> = chart.nodes.iter().map(room_of).collect();
        let routes = chart.edges.iter().map(|edge| {
            let (from, to) = (layer_of[edge.from], layer_of[edge.to]);
            let between = from.min(to) + 1..from.max(to);
            let mut bends: Vec<usize> = between
                .map(|layer| {
                    layer_of.push(layer);
                    room.push(LETTER);
                    layer_of.len() - 1
                })
                .collect();
            if from > to {
                bends.reverse();
            }
            [vec![edge.from], bends, vec![edge.to]].concat()
        });
        let routes: Vec<Vec<usize>> = routes.collect();
        let mut layers = vec![Vec::new(); layer_of.iter().max().map_or(0, |last| last + 1)];
        for (index, layer) in layer_of.iter().enumerate() {
            layers[*layer].push(index);
        }
        let mut neighbours = vec![Vec::new(); layer_of.len()];
        for pair in routes.iter().flat_map(|route| route.windows(2)) {
            neighbours[pair[0]].push(pair[1]);
            neighbours[pair[1]].push(pair[0]);
        }
        let thickness = |layer: &[usize]| {
            let widest = layer.iter().filter(|index| **index < nodes).map(|index| width_of(&chart.nodes[*index].label));
            if chart.sideways { widest.max().unwrap_or(LETTER) } else { HEIGHT }
        };
        // Sideways, the labels of the edges stand between the layers.
        let longest = chart.edges.iter().map(|edge| edge.label.chars().count() * LETTER + LETTER * 2).max();
        let gap = if chart.sideways { longest.unwrap_or(0).max(LAYER_GAP) } else { LAYER_GAP };
        let (mut along, mut length) = (Vec::new(), GAP / 2);
        for layer in &layers {
            let thick = thickness(layer);
            along.push(length + thick / 2);
            length += thick + gap;
        }
        let length = length - gap + GAP / 2;
        let across = vec![0; layer_of.len()];
        let mut layout = Self { layers, layer_of, routes, across, room, along, length };
        layout.spread();
        for _ in 0..6 {
            layout.sort(&neighbours);
            layout.spread();
        }
        layout
    }

    /// Puts each where its neighbours are, in the middle of them.
    fn sort(&mut self, neighbours: &[Vec<usize>]) {
        let middle = |index: &usize| {
            let around = &neighbours[*index];
            let sum: usize = around.iter().map(|other| self.across[*other]).sum();
            if around.is_empty() { self.across[*index] * 2 } else { sum * 2 / around.len() }
        };
        let keys: BTreeMap<usize, usize> = self.layers.iter().flatten().map(|index| (*index, middle(index))).collect();
        for layer in &mut self.layers {
            layer.sort_by_key(|index| keys[index]);
        }
    }

    /// Gives each its room, with every layer around the same middle.
    fn spread(&mut self) {
        let widths: Vec<usize> =
            self.layers.iter().map(|layer| layer.iter().map(|index| self.room[*index] + GAP).sum()).collect();
        let widest = widths.iter().max().copied().unwrap_or(0);
        for (layer, width) in self.layers.iter().zip(widths) {
            let mut at = (widest - width) / 2;
            for index in layer {
                self.across[*index] = at + (self.room[*index] + GAP) / 2;
                at += self.room[*index] + GAP;
            }
        }
    }

    fn size(&self, chart: &Chart) -> (usize, usize) {
        let widths = self.layers.iter().map(|layer| layer.iter().map(|index| self.room[*index] + GAP).sum::<usize>());
        let widest = widths.max().unwrap_or(0);
        if chart.sideways { (self.length, widest) } else { (widest, self.length) }
    }

    fn place(&self, index: usize, chart: &Chart) -> (usize, usize) {
        let along = self.along[self.layer_of[index]];
        let along = if chart.backwards { self.length - along } else { along };
        if chart.sideways { (along, self.across[index]) } else { (self.across[index], along) }
    }
}

/// The layer of each node: one behind the last of those that lead to it, where that is no circle.
fn ranks(chart: &Chart) -> Vec<usize> {
    let mut ranks = vec![0; chart.nodes.len()];
    let mut forward: Vec<(usize, usize)> = Vec::new();
    for edge in &chart.edges {
        if edge.from != edge.to && !reaches(&forward, edge.to, edge.from, chart.nodes.len()) {
            forward.push((edge.from, edge.to));
        }
    }
    for _ in 0..chart.nodes.len() {
        for (from, to) in &forward {
            ranks[*to] = ranks[*to].max(ranks[*from] + 1);
        }
    }
    ranks
}

fn reaches(edges: &[(usize, usize)], from: usize, to: usize, nodes: usize) -> bool {
    let mut seen = vec![false; nodes];
    let mut waiting = vec![from];
    while let Some(node) = waiting.pop() {
        if node == to {
            return true;
        }
        if !std::mem::replace(&mut seen[node], true) {
            waiting.extend(edges.iter().filter(|(begin, _)| *begin == node).map(|(_, end)| *end));
        }
    }
    false
}

fn width_of(label: &str) -> usize {
    label.chars().count().max(3) * LETTER + 32
}

fn shorten(label: &str) -> String {
    let label = label.replace("<br/>", " ").replace("<br>", " ");
    let label = label.split_whitespace().collect::<Vec<_>>().join(" ");
    if label.chars().count() <= MAX_LABEL {
        return label;
    }
    label.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}

fn words(class: &str, x: usize, y: usize, text: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" dominant-baseline=\"central\" \
         fill=\"currentColor\">{}</text>",
        escaped(text)
    )
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    escape(&mut html, text).expect("a String takes what is written");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_arrows_are_read_in_every_form() {
        let chart = Chart::read(
            "%% drawn by hand\nflowchart LR;\n  a[Start] --> b{\"Is it (so)?\"}\n  b -->|yes| c([Done]) & d((Also))\n  \
             b -- no --> a; c -.-> d\n  d ==> e:::hot\n  classDef hot fill:#f00\n",
        )
        .unwrap();
        let labels = chart.nodes.iter().map(|node| node.label.as_str()).collect::<Vec<_>>();
        assert_eq!(labels, ["Start", "Is it (so)?", "Done", "Also", "e"]);
        assert_eq!(
            chart.in_words(),
            "Flowchart: Start to Is it (so)?, Is it (so)? to Done (yes), Is it (so)? to Also (yes), Is it (so)? to Start \
             (no), Done to Also, Also to e"
        );
        assert!(chart.edges[4].dotted && chart.edges[5].thick && chart.sideways);
        assert_eq!(ranks(&chart), [0, 1, 2, 3, 4], "the way back makes no circle");
    }

    #[test]
    fn what_is_not_understood_is_not_drawn() {
        for source in [
            "",
            "sequenceDiagram\nA->>B: x",
            "graph TD\nsubgraph x\nend",
            "graph XX\na-->b",
            "graph TD\na ~~~ b",
            "graph TD\na[b",
        ] {
            assert!(draw(source, 0).is_none(), "{source}");
        }
        let many = (0..200).map(|index| format!("n{index} --> m{index}\n")).collect::<String>();
        assert!(draw(&format!("graph TD\n{many}"), 0).is_none());
    }

    #[test]
    fn a_label_is_text_whatever_it_holds() {
        let svg = draw("graph TD\na[\"<script>alert(1)</script>' onload=x\"] -->|\"><img>| b", 3).unwrap();
        assert!(!svg.contains("<script") && !svg.contains("<img"));
        assert!(svg.contains("&lt;script&gt;") && svg.contains("doc-arrow-3"));
    }
}
