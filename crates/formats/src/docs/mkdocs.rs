//! `mkdocs.yml`: the documentation's name, its folder, its navigation and where its pages are edited.
//!
//! Facts: MkDocs 1.6, user guide, configuration. Everything else in the file (plugins, theme, extensions) says how MkDocs
//! renders, and is not read.

use std::collections::{BTreeMap, BTreeSet};

use model::docs::{DocsProblem, NavEntry};
use serde_json::Value;
use url::Url;

use super::{
    paths::{self, Tree},
    syntax::capital,
};
use crate::{
    Input, Limits, ParseError, Place, one_line,
    yaml::{self, Budget, Node, Step},
};

/// The file's name, as problems with it are told.
pub(super) const FILE: &str = "mkdocs.yml";
/// Sections within each other.
const MAX_DEPTH: usize = 12;
const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 40, count: 100_000 };

/// What the file says; all of it may be left out.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub site_name: Option<String>,
    pub docs_dir: Option<String>,
    edit: Option<Edit>,
    nav: Option<(Value, Node)>,
}

#[derive(Debug)]
enum Edit {
    /// What a page's path is put behind.
    Behind(String),
    /// `edit_uri_template`, with `{path}` and `{path_noext}`.
    Template(String),
}

pub(super) fn read(bytes: &[u8]) -> Result<Config, ParseError> {
    let input = Input::open(bytes, LIMITS)?;
    let root = yaml::load(input.text(), &Budget::of(LIMITS).with_foreign_tags()).map_err(|flaw| ParseError {
        format: None,
        at: Place::Line { line: flaw.line.max(1), column: 1 },
        reason: flaw.reason,
    })?;
    let value = root.clone().into_json();
    if !value.is_object() {
        return Err(ParseError::whole("the file is no mapping of settings; give at least site_name"));
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let docs_dir = match text("docs_dir") {
        None => None,
        Some(given) => Some(paths::join("", given).filter(|_| !given.starts_with('/')).ok_or_else(|| ParseError {
            format: None,
            at: Place::Line { line: root.line_of(&[Step::key("docs_dir")]), column: 1 },
            reason: "docs_dir lies outside the folder of mkdocs.yml; name a folder inside it".to_owned(),
        })?),
    };
    Ok(Config {
        site_name: text("site_name").map(one_line),
        docs_dir,
        edit: edit(text("repo_url"), value.get("edit_uri"), text("edit_uri_template")),
        nav: value.get("nav").filter(|nav| !nav.is_null()).map(|nav| (nav.clone(), root.clone())),
    })
}

/// Where pages are edited; MkDocs knows the form of three code hosts, others need `edit_uri`.
fn edit(repo: Option<&str>, uri: Option<&Value>, template: Option<&str>) -> Option<Edit> {
    let repo = repo.map(|repo| format!("{}/", repo.trim_end_matches('/')));
    if let Some(template) = template {
        let whole = match &repo {
            Some(repo) if Url::parse(template).is_err() => format!("{repo}{}", template.trim_start_matches('/')),
            _ => template.to_owned(),
        };
        return Some(Edit::Template(whole));
    }
    let known = repo.as_deref().and_then(|repo| Url::parse(repo).ok()).and_then(|repo| match repo.host_str()? {
        "github.com" | "gitlab.com" => Some("edit/master/docs/".to_owned()),
        "bitbucket.org" => Some("src/default/docs/".to_owned()),
        _ => None,
    });
    let uri = match uri {
        Some(uri) => uri.as_str().filter(|uri| !uri.is_empty()).map(ToOwned::to_owned)?,
        None => known?,
    };
    let uri = if uri.ends_with('/') || uri.contains(['?', '#']) { uri } else { uri + "/" };
    if Url::parse(&uri).is_ok() {
        return Some(Edit::Behind(uri));
    }
    let repo = repo?;
    // A query belongs right behind the repository.
    let repo = if uri.starts_with(['?', '#']) { repo.trim_end_matches('/').to_owned() } else { repo };
    Some(Edit::Behind(format!("{repo}{}", uri.trim_start_matches('/'))))
}

impl Config {
    /// Where the page at `path`, seen from the folder of the pages, is edited.
    pub fn edit_url(&self, path: &str) -> Option<String> {
        let encoded = paths::encode(path);
        let url = match self.edit.as_ref()? {
            Edit::Behind(begin) => format!("{begin}{encoded}"),
            Edit::Template(template) => {
                template.replace("{path_noext}", paths::without_extension(&encoded)).replace("{path}", &encoded)
            }
        };
        Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).map(String::from)
    }

    /// The navigation as written, with pages that have no title there left without one; none where none is written.
    pub fn nav(&self, tree: &Tree<'_>, problems: &mut Vec<DocsProblem>) -> Option<Vec<NavEntry>> {
        let (nav, root) = self.nav.as_ref()?;
        let mut reader = NavReader { tree, root, seen: BTreeSet::new(), problems, way: vec![Step::key("nav")] };
        Some(reader.entries(nav))
    }
}

struct NavReader<'a> {
    tree: &'a Tree<'a>,
    root: &'a Node,
    seen: BTreeSet<String>,
    problems: &'a mut Vec<DocsProblem>,
    way: Vec<Step>,
}

impl NavReader<'_> {
    fn entries(&mut self, list: &Value) -> Vec<NavEntry> {
        let Some(list) = list.as_array() else {
            self.problem("the navigation is a list of pages and sections; begin each with a dash".to_owned());
            return Vec::new();
        };
        if self.way.len() > MAX_DEPTH * 2 {
            self.problem(format!("the navigation is more than {MAX_DEPTH} sections deep; move these pages up"));
            return Vec::new();
        }
        let mut entries = Vec::new();
        for (index, item) in list.iter().enumerate() {
            self.way.push(Step::Index(index));
            match item {
                Value::Object(named) => {
                    for (title, value) in named {
                        self.way.push(Step::key(title));
                        entries.extend(self.entry(&one_line(title), value));
                        self.way.pop();
                    }
                }
                item => entries.extend(self.entry("", item)),
            }
            self.way.pop();
        }
        entries
    }

    fn entry(&mut self, title: &str, value: &Value) -> Option<NavEntry> {
        match value {
            Value::Array(_) => {
                let entries = self.entries(value);
                (!entries.is_empty()).then(|| NavEntry::Section { title: title.to_owned(), entries })
            }
            Value::String(text) if text.contains("://") => match Url::parse(text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => {
                    let title = if title.is_empty() { url.host_str().unwrap_or_default() } else { title };
                    Some(NavEntry::Link { title: title.to_owned(), url: url.into() })
                }
                _ => {
                    self.problem("the address is neither http nor https; use https".to_owned());
                    None
                }
            },
            Value::String(text) => self.page(title, text),
            _ => {
                self.problem("an entry is a page's path, a list of entries or an address; give one of them".to_owned());
                None
            }
        }
    }

    fn page(&mut self, title: &str, given: &str) -> Option<NavEntry> {
        let docs_dir = &self.tree.docs_dir;
        let wanted = paths::join("", given).and_then(|given| paths::join(docs_dir, &given)).unwrap_or_default();
        // The page that stands for the whole may lie above its folder.
        let above = || self.tree.pages.get(given).filter(|_| paths::is_index(given));
        let Some(path) = self.tree.pages.get(&wanted).or_else(above).cloned() else {
            let folder = if docs_dir.is_empty() { "the folder" } else { docs_dir };
            self.problem(format!("{:?} is no page in {folder}; add the file or mend the path", one_line(given)));
            return None;
        };
        if !self.seen.insert(path.clone()) {
            self.problem(format!("{:?} stands in the navigation twice; leave one of the two", one_line(given)));
            return None;
        }
        Some(NavEntry::Page { title: title.to_owned(), path })
    }

    fn problem(&mut self, reason: String) {
        let line = Some(self.root.line_of(&self.way));
        self.problems.push(DocsProblem { file: FILE.to_owned(), line, reason });
    }
}

/// The navigation that the folders make: a folder's own page first, then its pages, then its folders, by name.
pub(super) fn nav_of_folders<'a>(pages: impl IntoIterator<Item = &'a str>) -> Vec<NavEntry> {
    #[derive(Default)]
    struct Folder<'a> {
        pages: Vec<&'a str>,
        folders: BTreeMap<&'a str, Folder<'a>>,
    }
    fn entries(folder: Folder<'_>) -> Vec<NavEntry> {
        let mut pages = folder.pages;
        pages.sort_by_key(|path| (!paths::is_index(path), *path));
        let pages = pages.into_iter().map(|path| NavEntry::Page { title: String::new(), path: path.to_owned() });
        let folders = folder
            .folders
            .into_iter()
            .map(|(name, folder)| NavEntry::Section { title: title_of(name), entries: entries(folder) });
        pages.chain(folders).collect()
    }
    let mut root = Folder::default();
    for path in pages {
        // What is deeper stands with what is above it, so that nobody's folders make a tree without end.
        let parts: Vec<&str> =
            paths::folder_of(path).split('/').filter(|part| !part.is_empty()).take(MAX_DEPTH).collect();
        let folder = parts.into_iter().fold(&mut root, |folder, part| folder.folders.entry(part).or_default());
        folder.pages.push(path);
    }
    entries(root)
}

/// A file's or a folder's name for people: `getting-started` is "Getting started".
pub(super) fn title_of(name: &str) -> String {
    let words = name.replace(['-', '_'], " ");
    if words.chars().any(char::is_uppercase) { words } else { capital(&words) }
}
