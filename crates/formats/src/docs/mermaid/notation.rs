//! The notation of a flowchart: nodes, arrows and chains of them.

use super::{Chart, Edge, MAX_EDGES, MAX_LABEL, MAX_NODES, Node, Shape};

impl Chart {
    pub fn read(source: &str) -> Option<Self> {
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

fn shorten(label: &str) -> String {
    let label = label.replace("<br/>", " ").replace("<br>", " ");
    let label = label.split_whitespace().collect::<Vec<_>>().join(" ");
    if label.chars().count() <= MAX_LABEL {
        return label;
    }
    label.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}
