//! One page: from its Markdown to safe HTML, its headings, its text and its links.

use std::collections::BTreeSet;

use comrak::{
    Arena,
    html::{format_document_with_formatter, format_node_default},
    options::Plugins,
};
use model::docs::{DocsProblem, DocsSection};
use serde_json::Value;

use super::{
    Link, Options, cost,
    paths::Tree,
    sanitise::{self, ID_PREFIX},
    syntax,
    writer::{FIGURE, Written, write},
};
use crate::{
    Limits, one_line,
    yaml::{self, Budget},
};

/// Addresses in a page's own HTML that are told as broken.
const MAX_TOLD: usize = 100;

/// What a page gives.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub title: Option<String>,
    pub description: Option<String>,
    pub tags: Vec<String>,
    pub html: String,
    pub sections: Vec<DocsSection>,
    pub links: Vec<Link>,
    pub assets: BTreeSet<String>,
    pub anchors: BTreeSet<String>,
    pub problems: Vec<DocsProblem>,
}

/// Renders the file `source`.
///
/// # Errors
/// Where it breaks a limit: which, and what to do.
pub(super) fn render(tree: &Tree<'_>, source: &str, bytes: &[u8], options: &Options) -> Result<Rendered, String> {
    let limits = options.limits;
    if bytes.len() > limits.page_bytes {
        return Err(format!("the page has more than {} bytes; split it into several", limits.page_bytes));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "the page is not UTF-8; save it as UTF-8".to_owned())?;
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");

    let mut page = Rendered::default();
    let (matter, text) = front_matter(&text);
    if let Some(matter) = matter {
        page.front_matter(source, matter);
    }
    let prepared = syntax::prepare(&text);
    let arena = Arena::new();
    let comrak = markdown_options();
    let root = comrak::parse_document(&arena, &prepared.text, &comrak);
    cost::check(root, limits.depth)?;
    let Written { diagrams, reported } = write(&arena, root, &prepared, &text, tree, source, &mut page);

    let mut html = String::with_capacity(text.len() * 2);
    format_document_with_formatter(root, &comrak, &mut html, &Plugins::default(), format_node_default, ())
        .expect("a String takes what is written");
    let clean = sanitise::clean(&html, tree, source, options);
    // What an element of the page's own swallowed is not shown, so it is not found either.
    let is_shown = |section: &DocsSection| {
        section.level == 0 || section.id.strip_prefix(ID_PREFIX).is_some_and(|id| clean.anchors.contains(id))
    };
    page.sections.retain(is_shown);
    page.html = clean.html;
    page.anchors = clean.anchors;
    page.assets = clean.assets;
    let untold = clean.broken.into_iter().filter(|(address, _)| !reported.contains(address));
    for (address, reason) in untold.take(MAX_TOLD) {
        // In the page's own HTML, of which no place is known but where it is written.
        let line = text.lines().position(|line| line.contains(&address)).map(|index| index + 1);
        page.problem(source, line, format!("the address {:?} {reason}", one_line(&address)));
    }
    for (place, svg) in diagrams {
        page.html = page.html.replacen(&place, &format!("{FIGURE}{svg}"), 1);
    }
    Ok(page)
}

fn markdown_options() -> comrak::Options<'static> {
    let mut options = comrak::Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.description_lists = true;
    options.extension.alerts = true;
    options.parse.relaxed_tasklist_matching = true;
    options.render.tasklist_classes = true;
    // The sanitiser has the last word.
    options.render.r#unsafe = true;
    options
}

/// The YAML between two lines `---` at the beginning, and the rest with its lines where they were.
fn front_matter(text: &str) -> (Option<&str>, String) {
    let Some(inner) = text.strip_prefix("---\n") else { return (None, text.to_owned()) };
    let mut at = 0;
    for line in inner.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            let skipped = inner[..at].matches('\n').count() + 2;
            return (Some(&inner[..at]), "\n".repeat(skipped) + &inner[at + line.len()..]);
        }
        at += line.len();
    }
    (None, text.to_owned())
}

impl Rendered {
    pub fn problem(&mut self, file: &str, line: Option<usize>, reason: String) {
        self.problems.push(DocsProblem { file: file.to_owned(), line, reason });
    }

    fn front_matter(&mut self, source: &str, matter: &str) {
        const LIMITS: Limits = Limits { bytes: 64 << 10, depth: 16, count: 2_000 };
        if matter.trim().is_empty() {
            return;
        }
        if matter.len() > LIMITS.bytes {
            return self.problem(source, Some(1), format!("the front matter has more than {} bytes", LIMITS.bytes));
        }
        let value = match yaml::load(matter, &Budget::of(LIMITS).with_foreign_tags()) {
            Ok(node) => node.into_json(),
            Err(flaw) => {
                return self.problem(source, Some(flaw.line + 1), format!("the front matter: {}", flaw.reason));
            }
        };
        let text = |value: &Value| match value {
            Value::String(text) => Some(one_line(text)).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        self.title = value.get("title").and_then(text);
        self.description = value.get("description").and_then(text);
        self.tags = match value.get("tags") {
            Some(Value::Array(tags)) => tags.iter().filter_map(text).collect(),
            Some(Value::String(tags)) => tags.split(',').map(one_line).filter(|tag| !tag.is_empty()).collect(),
            _ => Vec::new(),
        };
    }
}
