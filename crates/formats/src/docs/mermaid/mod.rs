//! Flowcharts in Mermaid's notation, drawn on the server: nodes, arrows, their labels; other diagrams stay text.
//!
//! Facts: mermaid.js.org, syntax of flowcharts, version 11. What is not understood is not drawn at all, because half a
//! diagram says something else.

mod layout;
mod notation;

use self::layout::Layout;
use super::sanitise::escaped;

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

fn width_of(label: &str) -> usize {
    label.chars().count().max(3) * LETTER + 32
}

fn words(class: &str, x: usize, y: usize, text: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" dominant-baseline=\"central\" \
         fill=\"currentColor\">{}</text>",
        escaped(text)
    )
}

#[cfg(test)]
mod tests {
    use super::{layout::ranks, *};

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
