//! Where a link in a page leads: to a heading, a page, a file beside it, or elsewhere.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// The files of a documentation and which of them are pages.
pub(super) struct Tree<'a> {
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// The folder of the pages; empty where it is the folder itself.
    pub docs_dir: String,
    /// A page's path within the documentation, by its path among the files.
    pub pages: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A page's path, and a heading there as [`slug`] has it.
    Page { path: String, anchor: Option<String> },
    /// A path among the files.
    Asset(String),
    /// http, https or mailto.
    Elsewhere,
    /// Why it leads nowhere, and what to do.
    Broken(String),
}

impl Tree<'_> {
    /// Where `url` leads from the file `source`.
    pub fn resolve(&self, source: &str, url: &str) -> Target {
        let url = url.trim();
        if let Some((scheme, _)) = url.split_once(':')
            && !scheme.contains(['/', '?', '#'])
        {
            return match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" | "mailto" => Target::Elsewhere,
                _ => Target::Broken("uses an address of a kind that is not shown; use https".to_owned()),
            };
        }
        if url.starts_with("//") {
            return Target::Broken("has no scheme; begin it with https:".to_owned());
        }
        let (path, fragment) = url.split_once('#').map_or((url, None), |(path, fragment)| (path, Some(fragment)));
        let path = decode(path.split_once('?').map_or(path, |(path, _)| path));
        let anchor = fragment.map(|fragment| slug(&decode(fragment))).filter(|anchor| !anchor.is_empty());
        let page = |path: &str| Target::Page { path: path.to_owned(), anchor: anchor.clone() };
        if path.is_empty() {
            return self.pages.get(source).map_or_else(|| Target::Asset(source.to_owned()), |path| page(path));
        }
        let (folder, path) = match path.strip_prefix('/') {
            Some(path) => (self.docs_dir.as_str(), path),
            None => (folder_of(source), path.as_str()),
        };
        let Some(wanted) = join(folder, path) else {
            return Target::Broken("leads out of the documentation's folder".to_owned());
        };
        if let Some(path) = self.page_at(&wanted) {
            return page(path);
        }
        if self.files.contains_key(&wanted) {
            return Target::Asset(wanted);
        }
        // As MkDocs publishes a page: a folder of its own name.
        let published = if is_index(source) { folder.to_owned() } else { without_extension(source).to_owned() };
        match join(&published, path).and_then(|wanted| self.page_at(&wanted)) {
            Some(path) => page(path),
            None => Target::Broken("leads to no page and no file; mend the path or add the file".to_owned()),
        }
    }

    /// The page that a path among the files names, also without its extension or as a folder.
    fn page_at(&self, wanted: &str) -> Option<&str> {
        let bare = wanted.strip_suffix(".html").unwrap_or(wanted);
        let inside = |name: &str| if bare.is_empty() { name.to_owned() } else { format!("{bare}/{name}") };
        [wanted.to_owned(), format!("{bare}.md"), inside("index.md"), inside("README.md")]
            .iter()
            .find_map(|path| self.pages.get(path))
            .map(String::as_str)
    }
}

/// `path` seen from `folder`, without `.` and `..`; none where it leads out of everything.
pub(super) fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub(super) fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

pub(super) fn without_extension(path: &str) -> &str {
    path.rsplit_once('.').filter(|(_, extension)| !extension.contains('/')).map_or(path, |(path, _)| path)
}

/// Whether a page stands for its folder, as MkDocs and GitHub have it.
pub(super) fn is_index(path: &str) -> bool {
    matches!(name_of(path), "index.md" | "README.md")
}

/// Whether MkDocs takes the file for a page (its `is_markdown_file`, 1.6).
pub(super) fn is_page(path: &str) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(extension, "md" | "markdown" | "mdown" | "mkdn" | "mkd")
}

/// A path as part of an address.
pub(super) fn encode(path: &str) -> String {
    const KEPT: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'&')
        .add(b'\'')
        .add(b':')
        .add(b'<')
        .add(b'>')
        .add(b'?')
        .add(b'[')
        .add(b'\\')
        .add(b']')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    utf8_percent_encode(path, KEPT).to_string()
}

pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A heading's id: letters and digits in lower case, runs of anything else but `_` as one `-`.
///
/// Python-Markdown's rule (toc extension, 3.7), with letters of every script kept; also applied to what a link asks
/// for, so that GitHub's `a--b` finds `a-b`.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for letter in text.trim().chars() {
        if letter.is_alphanumeric() || letter == '_' {
            slug.extend(letter.to_lowercase());
        } else if (letter.is_whitespace() || letter == '-') && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_where_its_page_says() {
        let paths = ["docs/index.md", "docs/guide/setup.md", "docs/guide/README.md", "docs/img/a b.png", "README.md"];
        let files = paths.into_iter().map(|path| (path.to_owned(), Vec::new())).collect::<BTreeMap<_, _>>();
        let pages = files.keys().filter(|path| path.starts_with("docs/") && is_page(path));
        let pages = pages.map(|path| (path.clone(), path["docs/".len()..].to_owned())).collect();
        let tree = Tree { files: &files, docs_dir: "docs".to_owned(), pages };
        let page = |path: &str, anchor: Option<&str>| Target::Page {
            path: path.to_owned(),
            anchor: anchor.map(ToOwned::to_owned),
        };
        for (url, wanted) in [
            ("../index.md", page("index.md", None)),
            ("../index.md#What's-New", page("index.md", Some("whats-new"))),
            ("/guide/setup.md", page("guide/setup.md", None)),
            ("#a--b", page("guide/setup.md", Some("a-b"))),
            ("../", page("index.md", None)),
            ("../setup/", page("guide/setup.md", None)),
            ("./README.md?x=1#", page("guide/README.md", None)),
            ("../img/a%20b.png", Target::Asset("docs/img/a b.png".to_owned())),
            ("../../README.md", Target::Asset("README.md".to_owned())),
            ("HTTPS://example.com", Target::Elsewhere),
        ] {
            assert_eq!(tree.resolve("docs/guide/setup.md", url), wanted, "{url}");
        }
        for url in [
            "JavaScript:alert(1)",
            "java\tscript:x",
            "data:text/html,x",
            "//evil.example",
            "../../../x",
            "no.md",
            "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "\\\\evil.example",
        ] {
            assert!(matches!(tree.resolve("docs/guide/setup.md", url), Target::Broken(_)), "{url}");
        }
    }

    #[test]
    fn a_slug_is_its_own_slug() {
        for (text, wanted) in
            [("What's new?", "whats-new"), ("A & B", "a-b"), ("Über  uns", "über-uns"), ("x_1", "x_1"), ("  -?- ", "")]
        {
            assert_eq!(slug(text), wanted);
            assert_eq!(slug(&slug(text)), wanted);
        }
    }
}
