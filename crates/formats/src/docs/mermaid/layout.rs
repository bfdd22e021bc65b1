//! Where nodes and edges stand: in layers along the direction of the chart, each near its neighbours.

use std::collections::BTreeMap;

use super::{Chart, GAP, HEIGHT, LAYER_GAP, LETTER, Node, width_of};

/// Which layer each node is on, and where in it. Beyond the chart's nodes are the bends of edges that pass layers.
pub(super) struct Layout {
    layers: Vec<Vec<usize>>,
    layer_of: Vec<usize>,
    pub routes: Vec<Vec<usize>>,
    /// The middle of each, across the direction of the chart.
    across: Vec<usize>,
    /// How much room each takes across.
    room: Vec<usize>,
    /// The middle of each layer, along the direction.
    along: Vec<usize>,
    length: usize,
}

impl Layout {
    pub fn of(chart: &Chart) -> Self {
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

    pub fn size(&self, chart: &Chart) -> (usize, usize) {
        let widths = self.layers.iter().map(|layer| layer.iter().map(|index| self.room[*index] + GAP).sum::<usize>());
        let widest = widths.max().unwrap_or(0);
        if chart.sideways { (self.length, widest) } else { (widest, self.length) }
    }

    pub fn place(&self, index: usize, chart: &Chart) -> (usize, usize) {
        let along = self.along[self.layer_of[index]];
        let along = if chart.backwards { self.length - along } else { along };
        if chart.sideways { (along, self.across[index]) } else { (self.across[index], along) }
    }
}

/// The layer of each node: one behind the last of those that lead to it, where that is no circle.
pub(super) fn ranks(chart: &Chart) -> Vec<usize> {
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
