//! From comrak's tree to the one that is written: MkDocs' blocks, headings, links, code, and what they say.

use std::collections::{BTreeMap, BTreeSet};

use comrak::{
    Arena, Node,
    arena_tree::NodeEdge,
    nodes::{Ast, AstNode, LineColumn, NodeCodeBlock, NodeLink, NodeValue},
};
use model::docs::DocsSection;
use sha2::{Digest, Sha256};

use super::{
    Link,
    highlight::highlight,
    mermaid,
    page::Rendered,
    paths::{Target, Tree, slug},
    sanitise::{ID_PREFIX, escaped},
    syntax::{END, MARK, Prepared},
};
use crate::one_line;

/// Diagrams that are drawn; others stay text.
const MAX_DIAGRAMS: usize = 50;

/// What a diagram's element begins with.
pub(super) const FIGURE: &str = "<figure class=\"doc-mermaid\">";

/// What is left to do once the page is HTML.
pub(super) struct Written {
    /// Where each drawing belongs, as it stands in the safe HTML, and the drawing. The place begins with a tag, which
    /// no attribute and no text can hold there.
    pub diagrams: Vec<(String, String)>,
    /// Addresses that are told as broken.
    pub reported: BTreeSet<String>,
}

/// Makes of `root` the tree that is written, and collects in `page` what it says; `text` is what it was made from.
pub(super) fn write<'a>(
    arena: &'a Arena<'a>,
    root: Node<'a>,
    prepared: &Prepared,
    text: &str,
    tree: &Tree<'_>,
    source: &str,
    page: &mut Rendered,
) -> Written {
    let key = if text.contains("mermaid") { hex::encode(Sha256::digest(text)) } else { String::new() };
    let written = Written { diagrams: Vec::new(), reported: BTreeSet::new() };
    let lines = &prepared.lines;
    let mut writer =
        Writer { arena, tree, source, lines, page, used: BTreeMap::new(), key, contents: Vec::new(), written };
    writer.blocks(root);
    writer.walk(root);
    writer.contents();
    writer.written
}

struct Writer<'a, 'p> {
    arena: &'a Arena<'a>,
    tree: &'p Tree<'p>,
    source: &'p str,
    /// The source's line, by the line that comrak saw.
    lines: &'p [usize],
    page: &'p mut Rendered,
    /// Ids that are taken, with how many asked for each.
    used: BTreeMap<String, usize>,
    /// A word that the page cannot hold, because it is the hash of the page.
    key: String,
    /// The paragraphs that the table of contents replaces.
    contents: Vec<Node<'a>>,
    written: Written,
}

impl<'a> Writer<'a, '_> {
    /// Opens the quotations that stand for MkDocs' blocks, and the alerts, to elements of their own.
    fn blocks(&mut self, root: Node<'a>) {
        for node in root.descendants().collect::<Vec<_>>() {
            let value = node.data().value.clone();
            match value {
                NodeValue::BlockQuote => self.block(node),
                NodeValue::Alert(alert) => {
                    let kind = alert.alert_type.default_title().to_ascii_lowercase();
                    let title = alert.title.as_deref().unwrap_or(alert.alert_type.default_title());
                    let open = format!("{}{}</p>\n", admonition(&kind), escaped(title));
                    self.enclose(node, open, "</div>\n");
                }
                _ => {}
            }
        }
    }

    fn block(&mut self, quote: Node<'a>) {
        let Some(heading) = quote.first_child() else { return };
        let Some(first) = heading.first_child() else { return };
        if !matches!(&heading.data().value, NodeValue::Heading(heading) if heading.level == 6) {
            return;
        }
        let (kind, word) = {
            let mut data = first.data_mut();
            let NodeValue::Text(text) = &mut data.value else { return };
            let Some((mark, title)) = text.strip_prefix(MARK).and_then(|text| text.split_once(END)) else { return };
            let Some((kind, word)) = mark.split_once(' ') else { return };
            let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let (kind, word) = (kind.to_owned(), if is_word { word.to_owned() } else { "note".to_owned() });
            let title = title.to_owned();
            *text = title.into();
            (kind, word)
        };
        let untitled =
            matches!(&first.data().value, NodeValue::Text(text) if text.is_empty()) && first.next_sibling().is_none();
        let (open, middle, close) = match kind.as_str() {
            "fold" => {
                (format!("<details class=\"doc-admonition doc-{word}\"><summary>"), "</summary>\n", "</details>\n")
            }
            "open" => {
                (format!("<details class=\"doc-admonition doc-{word}\" open><summary>"), "</summary>\n", "</details>\n")
            }
            "tab" => ("<section class=\"doc-tab\"><p class=\"doc-tab-title\">".to_owned(), "</p>\n", "</section>\n"),
            _ if untitled => (format!("<div class=\"doc-admonition doc-{word}\" role=\"note\">\n"), "", "</div>\n"),
            _ => (admonition(&word), "</p>\n", "</div>\n"),
        };
        heading.detach();
        let body = quote.first_child();
        let title = heading.children().collect::<Vec<_>>();
        for node in title.into_iter().chain([self.raw(middle.to_owned())]) {
            match body {
                Some(body) => body.insert_before(node),
                None => quote.append(node),
            }
        }
        self.enclose(quote, open, close);
    }

    /// Collects what the page says, and prepares each node to be written.
    fn walk(&mut self, root: Node<'a>) {
        let mut links = 0;
        let mut heading: Option<(Node<'a>, u8)> = None;
        self.page.sections.push(DocsSection { level: 0, id: String::new(), title: String::new(), text: String::new() });
        for edge in root.traverse().collect::<Vec<_>>() {
            let node = match edge {
                NodeEdge::Start(node) => node,
                NodeEdge::End(node) => {
                    if matches!(node.data().value, NodeValue::Link(_)) {
                        links -= 1;
                    }
                    if heading.is_some_and(|(open, _)| open.same_node(node)) {
                        let (_, level) = heading.take().expect("it was just there");
                        self.heading(node, level);
                    }
                    continue;
                }
            };
            let line = self.line(node);
            let value = node.data().value.clone();
            match value {
                NodeValue::Heading(value) => {
                    heading = Some((node, value.level));
                    self.page.sections.push(DocsSection {
                        level: value.level,
                        id: String::new(),
                        title: String::new(),
                        text: String::new(),
                    });
                }
                NodeValue::Text(text) => self.say(&text, heading.is_some()),
                NodeValue::Code(code) => {
                    self.say(&code.literal, heading.is_some());
                    strip_attributes(node);
                }
                NodeValue::Link(link) => {
                    links += 1;
                    self.link(&link.url, line);
                    strip_attributes(node);
                }
                NodeValue::Image(image) => {
                    strip_attributes(node);
                    // The End of this node must find what was counted at its Start.
                    links += usize::from(self.image(node, *image, links > 0, line));
                }
                NodeValue::CodeBlock(block) => {
                    self.say(&block.literal, false);
                    let html = self.code(&block);
                    node.data_mut().value = NodeValue::Raw(html);
                }
                NodeValue::Paragraph if is_contents(node) => {
                    self.contents.push(node);
                    // Its words are no text of the page.
                    for child in node.children() {
                        child.data_mut().value = NodeValue::Raw(String::new());
                    }
                }
                NodeValue::Table(_) => {
                    node.insert_before(self.raw(
                        "<div class=\"doc-table\" role=\"region\" aria-label=\"Table\" tabindex=\"0\">\n".to_owned(),
                    ));
                    node.insert_after(self.raw("</div>\n".to_owned()));
                    self.say(" ", false);
                }
                NodeValue::SoftBreak | NodeValue::LineBreak => self.say(" ", heading.is_some()),
                value if value.block() => self.say(" ", false),
                _ => {}
            }
        }
        for section in &mut self.page.sections {
            section.text = section.text.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        let intro = &self.page.sections[0];
        if intro.text.is_empty() {
            self.page.sections.remove(0);
        }
    }

    fn say(&mut self, text: &str, in_heading: bool) {
        let section = self.page.sections.last_mut().expect("the first section is there from the beginning");
        if in_heading { section.title.push_str(text) } else { section.text.push_str(text) }
    }

    fn heading(&mut self, node: Node<'a>, level: u8) {
        let section = self.page.sections.last_mut().expect("the heading began one");
        let mut title = std::mem::take(&mut section.title);
        let mut wanted = None;
        // `{#its-id}`, as Python-Markdown's attribute lists have it.
        if let Some((before, list)) = title.rsplit_once('{')
            && let Some(list) = list.trim_end().strip_suffix('}')
            && list.trim_start().starts_with(['#', ':', '.'])
        {
            wanted = list.split_whitespace().find_map(|word| word.trim_start_matches(':').strip_prefix('#')).map(slug);
            title = before.to_owned();
            if let Some(last) = node.last_child()
                && let NodeValue::Text(text) = &mut last.data_mut().value
                && let Some((before, _)) = text.rsplit_once('{')
            {
                *text = before.trim_end().to_owned().into();
            }
        }
        let title = one_line(&title);
        let wanted = wanted.filter(|id| !id.is_empty()).unwrap_or_else(|| slug(&title));
        let id = unique(&mut self.used, if wanted.is_empty() { "section" } else { &wanted });
        let link = format!(
            "<a class=\"doc-anchor\" href=\"#{id}\" aria-label=\"Link to {}\">#</a></h{level}>\n",
            escaped(&title)
        );
        section.title = title;
        section.id = format!("{ID_PREFIX}{id}");
        self.enclose(node, format!("<h{level} id=\"{id}\">"), &link);
    }

    fn link(&mut self, url: &str, line: usize) {
        match self.tree.resolve(self.source, url) {
            Target::Page { path, anchor } => self.page.links.push(Link { path, anchor, line }),
            Target::Asset(_) | Target::Elsewhere => {}
            Target::Broken(reason) => self.broken(url, line, &reason),
        }
    }

    /// Whether the image became a link.
    fn image(&mut self, node: Node<'a>, image: NodeLink, in_link: bool, line: usize) -> bool {
        match self.tree.resolve(self.source, &image.url) {
            Target::Asset(_) => return false,
            // Somebody else's server would learn who reads what; whoever wants to see it follows the link.
            Target::Elsewhere if !in_link && image.url.starts_with("http") => {
                if node.first_child().is_none() {
                    node.append(self.node(NodeValue::Text(one_line(&image.url).into())));
                }
                node.data_mut().value = NodeValue::Link(Box::new(image));
                return true;
            }
            Target::Elsewhere => {}
            Target::Page { .. } => self.broken(&image.url, line, "is a page and no image; mend the path"),
            Target::Broken(reason) => self.broken(&image.url, line, &reason),
        }
        node.data_mut().value = NodeValue::Raw(String::new());
        false
    }

    fn broken(&mut self, url: &str, line: usize, reason: &str) {
        self.written.reported.insert(url.to_owned());
        let reason = format!("the address {:?} {reason}", one_line(url));
        self.page.problem(self.source, Some(line), reason);
    }

    fn code(&mut self, block: &NodeCodeBlock) -> String {
        let info = block.info.trim();
        let (first, more) = info.split_once(char::is_whitespace).unwrap_or((info, ""));
        let language = first.trim_start_matches(['{', '.', ':']).trim_end_matches('}');
        if language == "mermaid" {
            return self.diagram(&block.literal);
        }
        let class: String = language
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '+' | '#'))
            .collect();
        let class = if class.is_empty() { String::new() } else { format!(" class=\"language-{}\"", escaped(&class)) };
        let code = format!("<pre tabindex=\"0\"><code{class}>{}</code></pre>\n", highlight(language, &block.literal));
        match more.split_once("title=\"").and_then(|(_, title)| title.split_once('"')) {
            None => code,
            Some((title, _)) => {
                format!("<figure class=\"doc-code\"><figcaption>{}</figcaption>\n{code}</figure>\n", escaped(title))
            }
        }
    }

    fn diagram(&mut self, source: &str) -> String {
        let text = format!("<pre tabindex=\"0\">{}</pre>", escaped(source));
        let drawn = (self.written.diagrams.len() < MAX_DIAGRAMS)
            .then(|| mermaid::draw(source, self.written.diagrams.len()))
            .flatten();
        let Some(svg) = drawn else {
            return format!("{FIGURE}{text}</figure>\n");
        };
        let place = format!("{FIGURE}{}-{}-", self.key, self.written.diagrams.len());
        let html = format!("{place}<details><summary>Source</summary>{text}</details></figure>\n");
        self.written.diagrams.push((place, svg));
        html
    }

    /// Writes the table of contents where `[TOC]` stands.
    fn contents(&mut self) {
        let mut html = String::new();
        let mut open: Vec<u8> = Vec::new();
        for section in self.page.sections.iter().filter(|section| section.level > 0) {
            while open.last().is_some_and(|level| *level > section.level) {
                open.pop();
                html.push_str("</li></ul>");
            }
            if open.last() == Some(&section.level) {
                html.push_str("</li><li>");
            } else {
                open.push(section.level);
                html.push_str(if html.is_empty() { "<ul class=\"doc-contents\"><li>" } else { "<ul><li>" });
            }
            let id = section.id.strip_prefix(ID_PREFIX).unwrap_or_default();
            html.push_str(&format!("<a href=\"#{id}\">{}</a>", escaped(&section.title)));
        }
        html.push_str(&"</li></ul>".repeat(open.len()));
        // Once is enough: the list is as long as the page has headings.
        if let Some(first) = self.contents.first() {
            first.data_mut().value = NodeValue::Raw(html + "\n");
        }
        for other in self.contents.iter().skip(1) {
            other.data_mut().value = NodeValue::Raw(String::new());
        }
    }

    /// Turns `node` into nothing but `open`, its children and `close`.
    fn enclose(&self, node: Node<'a>, open: String, close: &str) {
        node.data_mut().value = NodeValue::Raw(open);
        node.append(self.raw(close.to_owned()));
    }

    fn raw(&self, html: String) -> Node<'a> {
        self.node(NodeValue::Raw(html))
    }

    fn node(&self, value: NodeValue) -> Node<'a> {
        self.arena.alloc(AstNode::from(Ast::new(value, LineColumn { line: 0, column: 0 })))
    }

    fn line(&self, node: Node<'a>) -> usize {
        let line = node.data().sourcepos.start.line;
        line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(1)
    }
}

fn admonition(word: &str) -> String {
    format!("<div class=\"doc-admonition doc-{word}\" role=\"note\">\n<p class=\"doc-admonition-title\">")
}

fn is_contents(paragraph: Node<'_>) -> bool {
    let mut text = String::new();
    for child in paragraph.children() {
        let NodeValue::Text(part) = &child.data().value else { return false };
        text.push_str(part);
        if text.len() > 8 {
            return false;
        }
    }
    text.trim() == "[TOC]"
}

/// Removes the attribute list that Python-Markdown takes behind a link, an image or code: `{ width="300" }`.
fn strip_attributes(node: Node<'_>) {
    let Some(next) = node.next_sibling() else { return };
    let mut data = next.data_mut();
    let NodeValue::Text(text) = &mut data.value else { return };
    let Some((list, rest)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) else { return };
    let list = list.trim();
    let names_one = list.split_once('=').is_some_and(|(name, _)| !name.contains(char::is_whitespace));
    if list.starts_with([':', '.', '#']) || names_one {
        *text = rest.to_owned().into();
    }
}

/// `wanted`, or with the number behind it that nobody has yet.
fn unique(used: &mut BTreeMap<String, usize>, wanted: &str) -> String {
    let mut id = wanted.to_owned();
    let mut number = used.get(wanted).copied().unwrap_or(0);
    while used.contains_key(&id) {
        number += 1;
        id = format!("{wanted}_{number}");
    }
    used.insert(id.clone(), 0);
    used.insert(wanted.to_owned(), number);
    id
}
