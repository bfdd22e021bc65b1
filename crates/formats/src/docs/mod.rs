//! Documentation kept beside the code: a folder of Markdown, with or without `mkdocs.yml`, as pages that are safe to show.
//!
//! Pure: the files go in, the pages come out, the same each time. Whatever is wrong with a file is a [`DocsProblem`] with
//! its file and line, and the other pages stay. Nothing in a page runs, loads from elsewhere, or looks like the portal
//! around it: see `sanitise`.

mod cost;
mod highlight;
mod mermaid;
mod mkdocs;
mod page;
mod paths;
mod reference;
mod sanitise;
pub mod svg;
mod syntax;
mod writer;

use std::collections::{BTreeMap, BTreeSet};

pub use model::docs::{DocsProblem, DocsSection, NavEntry};
use serde::{Deserialize, Serialize};

pub use self::reference::{ANNOTATION, Reference};
use self::{
    page::Rendered,
    paths::{Tree, is_index, is_page, join, name_of, without_extension},
};
use crate::ParseError;

/// What the portal around the pages decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// What a page's path is put behind, to be its address: `/catalog/component/default/shop/docs/`.
    pub pages: String,
    /// What a file's path is put behind, to be its address.
    pub assets: String,
    pub limits: DocsLimits,
}

/// How much of a stranger's folder is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocsLimits {
    pub pages: usize,
    /// Bytes of one page.
    pub page_bytes: usize,
    /// Bytes of all pages.
    pub bytes: usize,
    /// Blocks and inline elements within each other; a nested list is two.
    pub depth: usize,
    /// Problems that are told; how many more there are is told too.
    pub problems: usize,
}

impl Default for DocsLimits {
    fn default() -> Self {
        Self { pages: 2_000, page_bytes: 1 << 20, bytes: 64 << 20, depth: 100, problems: 500 }
    }
}

/// A documentation, ready to be stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// `site_name`.
    pub name: Option<String>,
    pub nav: Vec<NavEntry>,
    /// By path.
    pub pages: Vec<Page>,
    /// The files that pages show or link to, by their paths as given.
    pub assets: BTreeSet<String>,
    /// In the order of files and lines.
    pub problems: Vec<DocsProblem>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Within the documentation: `guide/setup.md`.
    pub path: String,
    /// Among the files as given: `docs/guide/setup.md`.
    pub source: String,
    pub title: String,
    pub description: Option<String>,
    pub tags: Vec<String>,
    /// Safe to put into a page as it is.
    pub html: String,
    /// The page from heading to heading, in its order: its table of contents, and its text for search.
    pub sections: Vec<DocsSection>,
    pub links: Vec<Link>,
    /// Where its source is edited; http or https.
    pub edit_url: Option<String>,
}

/// A link to a page of the same documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub path: String,
    /// A heading's `id` there, without what all of them begin with.
    pub anchor: Option<String>,
    /// Where it stands, counted from one.
    pub line: usize,
}

/// Reads the folder whose files are `files`, by their paths from the folder; `mkdocs_yml` is its configuration.
///
/// # Errors
/// Where `mkdocs_yml` cannot be read, or there is no page at all; what is wrong with a page is in [`Site::problems`].
pub fn site(
    mkdocs_yml: Option<&[u8]>,
    files: &BTreeMap<String, Vec<u8>>,
    options: &Options,
) -> Result<Site, ParseError> {
    let config = mkdocs_yml.map(mkdocs::read).transpose().map_err(|error| error.of(mkdocs::FILE))?.unwrap_or_default();
    let mut problems = Vec::new();
    let tree = tree(config.docs_dir.as_deref(), mkdocs_yml.is_some(), files, options.limits, &mut problems);
    if tree.pages.is_empty() {
        let folder = if tree.docs_dir.is_empty() { String::new() } else { format!("{}/", tree.docs_dir) };
        return Err(ParseError::whole(format!("the folder holds no page; add {folder}index.md")));
    }

    let mut rendered: BTreeMap<&str, (&str, Rendered)> = BTreeMap::new();
    let mut bytes = 0_usize;
    for (source, path) in &tree.pages {
        let content = &files[source];
        bytes = bytes.saturating_add(content.len().min(options.limits.page_bytes));
        let page = if bytes > options.limits.bytes {
            Err(format!(
                "the pages up to this one have more than {} bytes; split the documentation",
                options.limits.bytes
            ))
        } else {
            page::render(&tree, source, content, options)
        };
        match page {
            Ok(page) => drop(rendered.insert(path, (source, page))),
            Err(reason) => problems.push(DocsProblem { file: source.clone(), line: None, reason }),
        }
    }
    missing_anchors(&rendered, &mut problems);

    let mut nav = config
        .nav(&tree, &mut problems)
        .unwrap_or_else(|| mkdocs::nav_of_folders(tree.pages.values().map(String::as_str)));
    let mut titles = rendered.iter().map(|(path, (_, page))| ((*path).to_owned(), own_title(path, page))).collect();
    settle(&mut nav, &mut titles);

    let mut assets = BTreeSet::new();
    let pages = rendered
        .into_iter()
        .map(|(path, (source, page))| {
            problems.extend(page.problems);
            assets.extend(page.assets);
            // A page above the folder of the pages has no place in what `edit_uri` names.
            let inside = join(&tree.docs_dir, path).is_some_and(|inside| inside == source);
            Page {
                path: path.to_owned(),
                source: source.to_owned(),
                title: titles.remove(path).unwrap_or_default(),
                description: page.description,
                tags: page.tags,
                html: page.html,
                sections: page.sections,
                links: page.links,
                edit_url: config.edit_url(path).filter(|_| inside),
            }
        })
        .collect();
    problems.sort();
    problems.dedup();
    if problems.len() > options.limits.problems {
        let more = problems.len() - options.limits.problems;
        problems.truncate(options.limits.problems);
        let reason = format!("{more} more problems are not listed; mend these first");
        problems.push(DocsProblem { file: mkdocs::FILE.to_owned(), line: None, reason });
    }
    Ok(Site { name: config.site_name, nav, pages, assets, problems })
}

impl Site {
    /// The page that an address names: by its path, as MkDocs publishes it (`guide/setup/`), or by nothing, which is
    /// where the documentation begins.
    #[must_use]
    pub fn page(&self, address: &str) -> Option<&Page> {
        let find = |path: &str| self.pages.iter().find(|page| page.path == path);
        let bare = address.trim_matches('/');
        let bare = bare.strip_suffix(".html").unwrap_or(bare);
        if bare.is_empty() {
            return find("index.md")
                .or_else(|| find("README.md"))
                .or_else(|| self.reading_order().first().and_then(|path| find(path)))
                .or_else(|| self.pages.first());
        }
        find(bare)
            .or_else(|| find(&format!("{bare}.md")))
            .or_else(|| find(&format!("{bare}/index.md")))
            .or_else(|| find(&format!("{bare}/README.md")))
    }

    /// The pages' paths as the navigation has them, from the first to the last.
    #[must_use]
    pub fn reading_order(&self) -> Vec<&str> {
        fn add<'a>(entries: &'a [NavEntry], order: &mut Vec<&'a str>) {
            for entry in entries {
                match entry {
                    NavEntry::Page { path, .. } => order.push(path),
                    NavEntry::Section { entries, .. } => add(entries, order),
                    NavEntry::Link { .. } => {}
                }
            }
        }
        let mut order = Vec::new();
        add(&self.nav, &mut order);
        order
    }
}

impl Page {
    /// The headings, in their order.
    pub fn contents(&self) -> impl Iterator<Item = &DocsSection> {
        self.sections.iter().filter(|section| section.level > 0)
    }
}

/// Which files are pages: those in `docs_dir`, by default `docs`; without a configuration also the folder itself. A page
/// above stands for the whole where none does, as TechDocs has it.
fn tree<'a>(
    docs_dir: Option<&str>,
    configured: bool,
    files: &'a BTreeMap<String, Vec<u8>>,
    limits: DocsLimits,
    problems: &mut Vec<DocsProblem>,
) -> Tree<'a> {
    let in_docs = |path: &String| path.starts_with("docs/") && is_page(path);
    let docs_dir = match docs_dir {
        Some(docs_dir) => docs_dir.to_owned(),
        None if configured || files.keys().any(in_docs) => "docs".to_owned(),
        None => String::new(),
    };
    let prefix = if docs_dir.is_empty() { String::new() } else { format!("{docs_dir}/") };
    let hidden = |path: &str| path.split('/').any(|part| part.starts_with('.') || part == "node_modules");
    // A path that is no path within the folder could not be asked for.
    let is_plain = |path: &str| join("", path).as_deref() == Some(path);
    let mut pages: BTreeMap<String, String> = files
        .keys()
        .filter(|source| is_page(source) && is_plain(source))
        .filter_map(|source| Some((source.clone(), source.strip_prefix(&prefix)?.to_owned())))
        .filter(|(_, path)| !hidden(path))
        .collect();
    if pages.len() > limits.pages {
        let reason =
            format!("{} pages are more than the {} that are read; split the documentation", pages.len(), limits.pages);
        problems.push(DocsProblem {
            file: if docs_dir.is_empty() { ".".to_owned() } else { docs_dir.clone() },
            line: None,
            reason,
        });
        pages = pages.into_iter().take(limits.pages).collect();
    }
    let begins = |pages: &BTreeMap<String, String>| pages.values().any(|path| is_index(path) && !path.contains('/'));
    if !begins(&pages) && files.contains_key("README.md") {
        pages.insert("README.md".to_owned(), "README.md".to_owned());
    }
    Tree { files, docs_dir, pages }
}

fn missing_anchors(rendered: &BTreeMap<&str, (&str, Rendered)>, problems: &mut Vec<DocsProblem>) {
    for (source, page) in rendered.values() {
        for link in &page.links {
            let Some(anchor) = &link.anchor else { continue };
            let Some((target, there)) = rendered.get(link.path.as_str()) else { continue };
            if !there.anchors.contains(anchor) {
                let anchor = crate::one_line(anchor);
                let reason =
                    format!("the link to {anchor:?} in {target} finds no such heading; name one that is there");
                problems.push(DocsProblem { file: (*source).to_owned(), line: Some(link.line), reason });
            }
        }
    }
}

/// What a page is called where the navigation does not say (MkDocs 1.6, `Page.title`): by its front matter, its first
/// heading, its file's name.
fn own_title(path: &str, page: &Rendered) -> String {
    let first = || page.sections.iter().find(|section| section.level == 1 && !section.title.is_empty());
    page.title.clone().or_else(|| first().map(|section| section.title.clone())).unwrap_or_else(|| {
        if is_index(path) && !path.contains('/') {
            return "Home".to_owned();
        }
        let folder_or_file = if is_index(path) { paths::folder_of(path) } else { without_extension(path) };
        mkdocs::title_of(name_of(folder_or_file))
    })
}

/// Gives entries the pages' titles and pages the entries' titles, and removes entries whose page is not there.
fn settle(entries: &mut Vec<NavEntry>, titles: &mut BTreeMap<String, String>) {
    entries.retain_mut(|entry| match entry {
        NavEntry::Page { title, path } => match titles.get_mut(path) {
            Some(own) if title.is_empty() => {
                title.clone_from(own);
                true
            }
            Some(own) => {
                own.clone_from(title);
                true
            }
            None => false,
        },
        NavEntry::Section { entries, .. } => {
            settle(entries, titles);
            !entries.is_empty()
        }
        NavEntry::Link { .. } => true,
    });
}
