//! Where the nodes of a graph stand: a column for each number of steps, ordered so that few lines cross.

/// The size of a node's box in pixels.
pub const NODE_WIDTH: i32 = 200;
pub const NODE_HEIGHT: i32 = 32;
/// Between boxes of one column.
const GAP: i32 = 10;
/// Between columns of different steps: room for the lines.
const LEVEL_GAP: i32 = 88;
/// Between columns of the same steps.
const COLUMN_GAP: i32 = 28;
/// Around everything: room for lines between boxes of one column, and for the ring of the focus.
const MARGIN: i32 = 36;
/// Beyond this many boxes, those of one level stand in several columns.
const MOST_IN_COLUMN: usize = 24;
/// How often the columns are put in order by their neighbours.
const SWEEPS: usize = 6;

/// Where everything stands, in pixels.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    pub width: i32,
    pub height: i32,
    /// The left upper corner of each node's box.
    pub nodes: Vec<(i32, i32)>,
    /// The nodes from left to right and from top to bottom.
    pub order: Vec<usize>,
}

/// Lays out nodes by their levels, which need not be without gaps, and the lines between them.
#[must_use]
pub fn lay_out(levels: &[i32], edges: &[(usize, usize)]) -> Layout {
    let columns = columns(ordered(levels, edges));
    let tallest = columns.iter().map(|(_, column)| column.len()).max().unwrap_or_default();
    let height_of = |boxes: usize| {
        let boxes = i32::try_from(boxes).unwrap_or(i32::MAX / 64);
        boxes * NODE_HEIGHT + (boxes - 1).max(0) * GAP
    };
    let height = height_of(tallest) + 2 * MARGIN;
    let mut layout = Layout { width: 0, height, nodes: vec![(0, 0); levels.len()], order: Vec::new() };
    let mut x = MARGIN;
    let mut last = None;
    for (level, column) in columns {
        if let Some(last) = last {
            x += NODE_WIDTH + if last == level { COLUMN_GAP } else { LEVEL_GAP };
        }
        last = Some(level);
        let mut y = (height - height_of(column.len())) / 2;
        for node in column {
            layout.nodes[node] = (x, y);
            layout.order.push(node);
            y += NODE_HEIGHT + GAP;
        }
    }
    layout.width = x + NODE_WIDTH + MARGIN;
    layout
}

/// Each level's nodes, from left to right: of the orders that were tried, the one with the fewest crossings.
fn ordered(levels: &[i32], edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut distinct = levels.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let level_of: Vec<usize> = levels.iter().map(|level| distinct.binary_search(level).unwrap_or_default()).collect();
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); distinct.len()];
    for (node, level) in level_of.iter().enumerate() {
        order[*level].push(node);
    }
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); levels.len()];
    for (from, to) in edges {
        neighbours[*from].push(*to);
        neighbours[*to].push(*from);
    }
    let mut best = order.clone();
    let mut fewest = crossings(&order, &level_of, edges);
    for sweep in 0..SWEEPS {
        let rightwards = sweep % 2 == 0;
        for step in 1..order.len() {
            let level = if rightwards { step } else { order.len() - 1 - step };
            let beside = if rightwards { level - 1 } else { level + 1 };
            let places = places(&order, levels.len());
            let weight = |node: &usize| {
                let near: Vec<usize> = neighbours[*node]
                    .iter()
                    .filter(|other| level_of[**other] == beside)
                    .map(|other| places[*other])
                    .collect();
                // a thousandth is enough to tell means of places apart, and has an order
                match near.len() {
                    0 => places[*node] * 1_000 * order[beside].len() / order[level].len().max(1),
                    count => near.iter().sum::<usize>() * 1_000 / count,
                }
            };
            let mut weighed: Vec<(usize, usize)> = order[level].iter().map(|node| (weight(node), *node)).collect();
            weighed.sort_by_key(|(weight, _)| *weight);
            order[level] = weighed.into_iter().map(|(_, node)| node).collect();
        }
        let now = crossings(&order, &level_of, edges);
        if now < fewest {
            fewest = now;
            best.clone_from(&order);
        }
    }
    best
}

/// The place of each node within its level.
fn places(order: &[Vec<usize>], count: usize) -> Vec<usize> {
    let mut places = vec![0; count];
    for level in order {
        for (place, node) in level.iter().enumerate() {
            places[*node] = place;
        }
    }
    places
}

/// How many pairs of lines between neighbouring levels cross.
fn crossings(order: &[Vec<usize>], level_of: &[usize], edges: &[(usize, usize)]) -> usize {
    let places = places(order, level_of.len());
    let mut between: Vec<Vec<(usize, usize)>> = vec![Vec::new(); order.len()];
    for (from, to) in edges {
        let (left, right) = if level_of[*from] < level_of[*to] { (*from, *to) } else { (*to, *from) };
        if level_of[right] == level_of[left] + 1 {
            between[level_of[left]].push((places[left], places[right]));
        }
    }
    between
        .into_iter()
        .map(|mut lines| {
            lines.sort_unstable();
            // how many of the lines before, kept in order, end below this one
            let mut ends: Vec<usize> = Vec::with_capacity(lines.len());
            let mut crossed = 0;
            for (_, end) in lines {
                let at = ends.partition_point(|other| *other <= end);
                crossed += ends.len() - at;
                ends.insert(at, end);
            }
            crossed
        })
        .sum()
}

/// The columns that are drawn: a level of many boxes is several.
fn columns(levels: Vec<Vec<usize>>) -> Vec<(usize, Vec<usize>)> {
    levels
        .into_iter()
        .enumerate()
        .flat_map(|(level, nodes)| {
            let count = nodes.len().div_ceil(MOST_IN_COLUMN).max(1);
            let each = nodes.len().div_ceil(count).max(1);
            nodes.chunks(each).map(|column| (level, column.to_vec())).collect::<Vec<_>>()
        })
        .collect()
}

/// The line from one box to another, as a path of SVG with the tip of its arrow.
#[must_use]
pub fn line(from: (i32, i32), to: (i32, i32)) -> String {
    let middle = NODE_HEIGHT / 2;
    let (start_y, end_y) = (from.1 + middle, to.1 + middle);
    if from.0 == to.0 {
        // beside the column
        let x = from.0 + NODE_WIDTH;
        let out = x + 30;
        return format!("M{x} {start_y}C{out} {start_y} {out} {end_y} {x} {end_y}m6 -4l-6 4l6 4");
    }
    let rightwards = from.0 < to.0;
    let (start_x, end_x) = if rightwards { (from.0 + NODE_WIDTH, to.0) } else { (from.0, to.0 + NODE_WIDTH) };
    let bend = (end_x - start_x) / 2;
    let (first, second) = (start_x + bend, end_x - bend);
    let tip = if rightwards { "m-6 -4l6 4l-6 4" } else { "m6 -4l-6 4l6 4" };
    format!("M{start_x} {start_y}C{first} {start_y} {second} {end_y} {end_x} {end_y}{tip}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph that is always the same for a seed.
    fn some(seed: usize, nodes: usize) -> (Vec<i32>, Vec<(usize, usize)>) {
        let next = |n: usize| n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 3;
        let mut state = seed;
        let mut up_to = |most: usize| {
            state = next(state);
            state % most
        };
        let levels = (0..nodes).map(|_| i32::try_from(up_to(7)).unwrap() - 3).collect();
        let edges = (0..nodes * 2).map(|_| (up_to(nodes), up_to(nodes))).collect();
        (levels, edges)
    }

    #[test]
    fn no_box_of_two_hundred_lies_on_another_and_all_are_inside() {
        for seed in 0..20 {
            let (levels, edges) = some(seed, 200);
            let layout = lay_out(&levels, &edges);
            for (at, (x, y)) in layout.nodes.iter().enumerate() {
                assert!(*x > 0 && x + NODE_WIDTH < layout.width && *y > 0 && y + NODE_HEIGHT < layout.height);
                for (other_x, other_y) in &layout.nodes[at + 1..] {
                    let apart = (x - other_x).abs() >= NODE_WIDTH || (y - other_y).abs() >= NODE_HEIGHT;
                    assert!(apart, "seed {seed}: {:?}", layout.nodes);
                }
            }
            let mut order = layout.order.clone();
            order.sort_unstable();
            assert_eq!(order, (0..200).collect::<Vec<_>>(), "each is met once by the keyboard");
        }
    }

    #[test]
    fn what_is_further_to_the_left_has_the_lower_level() {
        let (levels, edges) = some(3, 120);
        let layout = lay_out(&levels, &edges);
        for one in 0..120 {
            for other in 0..120 {
                if levels[one] < levels[other] {
                    assert!(layout.nodes[one].0 < layout.nodes[other].0);
                }
            }
        }
    }

    #[test]
    fn lines_that_need_not_cross_do_not() {
        // two chains, given crosswise
        let levels = [0, 0, 1, 1, 2, 2];
        let edges = [(0, 3), (1, 2), (3, 4), (2, 5)];
        let level_of = [0, 0, 1, 1, 2, 2];
        assert!(crossings(&[vec![0, 1], vec![2, 3], vec![4, 5]], &level_of, &edges) > 0);
        assert_eq!(crossings(&ordered(&levels, &edges), &level_of, &edges), 0);
    }

    #[test]
    fn a_graph_of_one_and_of_none_have_a_place() {
        assert_eq!(lay_out(&[0], &[]).nodes, [(MARGIN, MARGIN)]);
        assert!(lay_out(&[], &[]).nodes.is_empty());
    }
}
