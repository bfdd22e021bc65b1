//! What a page's own blocks and HTML may cost: refused before anybody builds a tree of them.

use std::collections::BTreeMap;

use comrak::{Node, arena_tree::NodeEdge, nodes::NodeValue};

/// Elements of HTML that a page may write itself, and how many of them it may leave open: each one open costs time for
/// each one that follows.
const MAX_TAGS: usize = 5_000;
const MAX_OPEN: usize = 100;

/// Refuses what would take long to make HTML of, and takes from the page's own HTML what could.
pub(super) fn check(root: Node<'_>, max_depth: usize) -> Result<(), String> {
    let (mut depth, mut tags) = (0, 0);
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for edge in root.traverse() {
        match edge {
            NodeEdge::Start(node) => {
                depth += 1;
                if depth > max_depth {
                    return Err(format!("the page nests blocks more than {max_depth} deep; make it flatter"));
                }
                match &mut node.data_mut().value {
                    NodeValue::HtmlBlock(block) => {
                        block.literal = plain_formatting(&block.literal, &mut open, &mut tags)
                    }
                    NodeValue::HtmlInline(literal) => *literal = plain_formatting(literal, &mut open, &mut tags),
                    _ => continue,
                }
                if tags > MAX_TAGS {
                    return Err(format!("the page writes more than {MAX_TAGS} HTML elements; use Markdown instead"));
                }
                if open.values().sum::<usize>() > MAX_OPEN {
                    return Err(format!("the page leaves more than {MAX_OPEN} HTML elements open; close them"));
                }
            }
            NodeEdge::End(_) => depth -= 1,
        }
    }
    Ok(())
}

/// `html` with its formatting elements bare, because a browser's rules (HTML standard, "reconstruct the active
/// formatting elements") open each that differs again in every paragraph after it; counts what is open.
fn plain_formatting(html: &str, open: &mut BTreeMap<String, usize>, tags: &mut usize) -> String {
    const FORMATTING: &[&str] =
        &["b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
    /// They have no end, or each ends the one before it.
    const ALONE: &[&str] =
        &["br", "hr", "img", "input", "wbr", "p", "li", "td", "th", "tr", "dt", "dd", "source", "col"];

    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(begin) = rest.find('<') {
        out.push_str(&rest[..=begin]);
        rest = &rest[begin + 1..];
        let closes = rest.starts_with('/');
        let name = rest.trim_start_matches('/');
        let name = &name
            [..name.find(|letter: char| letter.is_whitespace() || matches!(letter, '/' | '>')).unwrap_or(name.len())];
        if !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            continue;
        }
        *tags += 1;
        let name = name.to_ascii_lowercase();
        if closes {
            if let Some(count) = open.get_mut(&name) {
                *count = count.saturating_sub(1);
            }
            continue;
        }
        if FORMATTING.contains(&name.as_str()) {
            out.push_str(&name);
            rest = rest.find('>').map_or("", |end| &rest[end..]);
        }
        if !ALONE.contains(&name.as_str()) {
            *open.entry(name).or_default() += 1;
        }
    }
    out.push_str(rest);
    out
}
