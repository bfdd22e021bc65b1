//! What HTML may be in a page, and where its addresses lead: the last step, whatever made the HTML.

use std::{borrow::Cow, collections::BTreeSet};

use ammonia::{Builder, UrlRelative};
use comrak::html::escape;

use super::{
    Options,
    paths::{self, Target, Tree, slug},
};

/// What every id begins with, so that no heading takes an id of the page around it.
pub(super) const ID_PREFIX: &str = "doc-";

/// HTML that is safe, with the addresses that the portal serves.
#[derive(Debug, Default)]
pub(super) struct Clean {
    pub html: String,
    /// What can be linked to, without the prefix.
    pub anchors: BTreeSet<String>,
    /// Each address that leads nowhere, as written, and why.
    pub broken: Vec<(String, String)>,
    /// Files that the page shows or links to.
    pub assets: BTreeSet<String>,
}

const TAGS: &[&str] = &[
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "input",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
    "var",
];

/// Removed with all that is in them; other elements leave their text.
const REMOVED: &[&str] = &[
    "script",
    "style",
    "template",
    "iframe",
    "object",
    "embed",
    "svg",
    "math",
    "noscript",
    "noembed",
    "noframes",
    "textarea",
    "select",
    "title",
    "xmp",
    "plaintext",
    "audio",
    "video",
    "canvas",
    "applet",
    "frameset",
];

const CELL: &[&str] = &["align", "colspan", "rowspan", "scope"];

/// Sanitises `html` of the page at `source`; addresses become those that `options` name.
pub(super) fn clean(html: &str, tree: &Tree<'_>, source: &str, options: &Options) -> Clean {
    let mut builder = Builder::empty();
    builder
        .tags(TAGS.iter().copied().collect())
        .clean_content_tags(REMOVED.iter().copied().collect())
        .generic_attributes(["class", "id", "title", "lang", "dir"].into_iter().collect())
        .add_tag_attributes("a", ["href", "name", "aria-label"])
        .add_tag_attributes("img", ["src", "alt", "width", "height"])
        .add_tag_attributes("ol", ["start"])
        .add_tag_attributes("li", ["value"])
        .add_tag_attributes("details", ["open"])
        .add_tag_attributes("section", ["aria-label"])
        .add_tag_attributes("div", ["aria-label"])
        .add_tag_attributes("td", CELL)
        .add_tag_attributes("th", CELL)
        .add_tag_attributes("input", ["checked"])
        .add_tag_attribute_values("div", "role", ["note", "region"])
        .add_tag_attribute_values("div", "tabindex", ["0"])
        .add_tag_attribute_values("pre", "tabindex", ["0"])
        .set_tag_attribute_value("img", "loading", "lazy")
        .url_schemes(["http", "https", "mailto"].into_iter().collect())
        .url_relative(UrlRelative::PassThrough)
        .link_rel(None)
        .strip_comments(true)
        .attribute_filter(|_, name, value| match name {
            "class" => classes(value),
            "width" | "height" | "start" | "value" => number(value, 4),
            "colspan" | "rowspan" => number(value, 2),
            "align" => matches!(value, "left" | "right" | "center").then_some(Cow::Borrowed(value)),
            "scope" => matches!(value, "row" | "col").then_some(Cow::Borrowed(value)),
            "dir" => matches!(value, "ltr" | "rtl" | "auto").then_some(Cow::Borrowed(value)),
            _ => Some(Cow::Borrowed(value)),
        });
    let html = builder.clean(html).to_string();
    let mut clean = Clean::default();
    clean.html = attributes(&html, |tag, name, value| clean.attribute(tag, name, value, tree, source, options));
    clean
}

/// Keeps the classes that belong to documentation: with others a page could cover the portal around it.
fn classes(value: &str) -> Option<Cow<'_, str>> {
    let is_ours = |class: &&str| {
        ["doc-", "hl-", "language-"].iter().any(|prefix| class.starts_with(prefix))
            && class.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'#'))
    };
    let kept = value.split_ascii_whitespace().filter_map(|class| match class {
        "footnotes" => Some("doc-footnotes"),
        "footnote-ref" => Some("doc-footnote-ref"),
        "footnote-backref" => Some("doc-footnote-backref"),
        "contains-task-list" => Some("doc-tasks"),
        "task-list-item" => Some("doc-task"),
        class => Some(class).filter(is_ours),
    });
    let kept = kept.collect::<Vec<_>>().join(" ");
    (!kept.is_empty()).then_some(Cow::Owned(kept))
}

fn number(value: &str, digits: usize) -> Option<Cow<'_, str>> {
    let is = (1..=digits).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    is.then_some(Cow::Borrowed(value))
}

impl Clean {
    /// What an attribute becomes; none where it goes.
    fn attribute(
        &mut self,
        tag: &str,
        name: &str,
        value: &str,
        tree: &Tree<'_>,
        source: &str,
        options: &Options,
    ) -> Option<String> {
        match (tag, name) {
            (_, "id" | "name") => {
                let anchor = slug(&paths::decode(value));
                (!anchor.is_empty() && self.anchors.insert(anchor.clone())).then(|| format!("{ID_PREFIX}{anchor}"))
            }
            ("a", "href") => match tree.resolve(source, value) {
                Target::Elsewhere => Some(value.to_owned()),
                Target::Page { path, anchor } => Some(address(&path, anchor.as_deref(), tree, source, options)),
                Target::Asset(path) => Some(self.asset(path, options)),
                Target::Broken(reason) => self.nowhere(value, reason),
            },
            ("img", "src") => match tree.resolve(source, value) {
                Target::Asset(path) => Some(self.asset(path, options)),
                // Somebody else's server would learn who reads what.
                Target::Elsewhere => None,
                Target::Page { .. } => self.nowhere(value, "is a page and no image; mend the path".to_owned()),
                Target::Broken(reason) => self.nowhere(value, reason),
            },
            (_, "href" | "src") => None,
            _ => Some(value.to_owned()),
        }
    }

    fn asset(&mut self, path: String, options: &Options) -> String {
        let address = format!("{}{}", options.assets, paths::encode(&path));
        self.assets.insert(path);
        address
    }

    fn nowhere(&mut self, value: &str, reason: String) -> Option<String> {
        self.broken.push((value.to_owned(), reason));
        None
    }
}

fn address(path: &str, anchor: Option<&str>, tree: &Tree<'_>, source: &str, options: &Options) -> String {
    let fragment = anchor.map_or_else(String::new, |anchor| format!("#{ID_PREFIX}{}", paths::encode(anchor)));
    match tree.pages.get(source) {
        Some(own) if own == path && !fragment.is_empty() => fragment,
        _ => format!("{}{}{fragment}", options.pages, paths::encode(path)),
    }
}

/// `text` as HTML that says just that.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    escape(&mut html, text).expect("a String takes what is written");
    html
}

/// Asks `attribute` about each attribute of `html`, which is as html5ever writes it: every value in double quotes, and
/// `<` nowhere in text.
fn attributes(html: &str, mut attribute: impl FnMut(&str, &str, &str) -> Option<String>) -> String {
    let mut out = String::with_capacity(html.len() + html.len() / 8);
    let mut rest = html;
    while let Some(begin) = rest.find('<') {
        out.push_str(&rest[..=begin]);
        rest = &rest[begin + 1..];
        let name = rest.find([' ', '>']).unwrap_or(rest.len());
        let tag = &rest[..name];
        out.push_str(tag);
        if tag == "input" {
            // A task of a list, and nothing that takes what somebody types.
            out.push_str(r#" type="checkbox" disabled="" aria-label="Task""#);
        }
        rest = &rest[name..];
        while let Some(inner) = rest.strip_prefix(' ') {
            let Some((name, behind)) = inner.split_once("=\"") else { break };
            let Some((value, behind)) = behind.split_once('"') else { break };
            rest = behind;
            let value = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
            let value = value.replace("&nbsp;", "\u{a0}").replace("&amp;", "&");
            if let Some(value) = attribute(tag, name, &value) {
                out.push(' ');
                out.push_str(name);
                out.push_str("=\"");
                escape(&mut out, &value).expect("a String takes what is written");
                out.push('"');
                if name == "href" && value.starts_with("http") {
                    out.push_str(r#" rel="noopener noreferrer""#);
                }
            }
        }
    }
    out.push_str(rest);
    out
}
