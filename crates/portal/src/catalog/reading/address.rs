//! The address of a file as people paste it, and how the host is asked for that file: GitHub (REST v3, 2022-11-28), GitLab
//! (API v4, repository files), Bitbucket Cloud (REST 2.0, source) and Gitea (API v1, 1.24), else the address itself.

use std::fmt;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::error::{Error, Result};

/// Read where an address names a repository and no file.
pub(super) const DESCRIPTOR: &str = "catalog-info.yaml";

/// What speaks at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Host {
    GitHub,
    GitLab,
    Bitbucket,
    Gitea,
}

/// One file: in a repository, or at an address of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Repository {
        host: Host,
        /// Scheme, name and port, as people open it: `https://github.com`.
        origin: String,
        /// `owner/name`, or with groups within groups.
        repository: String,
        /// Branch, tag or commit; `HEAD` is the default branch.
        revision: String,
        path: String,
    },
    Elsewhere(Url),
}

impl Place {
    /// Reads an address. A branch is its first segment: one with a slash in it is given by the API's form with `?ref=`.
    pub fn parse(address: &str) -> Result<Self> {
        let url = Url::parse(address.trim()).map_err(|_| {
            Error::invalid("address", "is not an address; paste that of the file or repository, https://…")
        })?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err(Error::invalid("address", "has to begin with https://"));
        }
        let segments: Vec<String> =
            url.path_segments().into_iter().flatten().filter(|segment| !segment.is_empty()).map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let revision = url.query_pairs().find(|(key, _)| key == "ref").map(|(_, value)| value.into_owned());
        let place = in_repository(&url, &segments, revision);
        Ok(place.unwrap_or(Self::Elsewhere(url)))
    }

    pub fn in_repository(host: Host, origin: &str, repository: &str, revision: &str, path: &str) -> Self {
        Self::Repository {
            host,
            origin: origin.to_owned(),
            repository: repository.to_owned(),
            revision: revision.to_owned(),
            path: path.to_owned(),
        }
    }

    /// What `target` means in this file: a relative one stays within the repository, or on the host.
    pub fn join(&self, target: &str) -> Result<Self> {
        if target.contains("://") {
            return Self::parse(target);
        }
        let outside =
            || Error::invalid("target", format!("{target:?} leads out of the repository; it stays within it"));
        match self {
            Self::Repository { host, origin, repository, revision, path } => {
                if target.contains(['?', '#', '\\']) {
                    return Err(Error::invalid("target", format!("{target:?} is no path of a file")));
                }
                let mut parts: Vec<&str> = path.split('/').collect();
                parts.pop();
                if target.starts_with('/') {
                    parts.clear();
                }
                for part in target.split('/') {
                    match part {
                        "" | "." => {}
                        ".." => {
                            parts.pop().ok_or_else(outside)?;
                        }
                        part => parts.push(part),
                    }
                }
                Ok(Self::in_repository(*host, origin, repository, revision, &parts.join("/")))
            }
            Self::Elsewhere(url) => {
                let joined = url.join(target).map_err(|_| outside())?;
                if joined.origin() != url.origin() {
                    return Err(outside());
                }
                Ok(Self::Elsewhere(joined))
            }
        }
    }

    /// Where the host gives the file's bytes; with a token by its API, which knows what the token may see.
    pub fn request(&self, with_token: bool) -> Result<Url> {
        let (host, origin, repository, revision, path) = match self {
            Self::Elsewhere(url) => return Ok(url.clone()),
            Self::Repository { host, origin, repository, revision, path } => (host, origin, repository, revision, path),
        };
        let ours = "the address of a file is one";
        let parsed = |base: &str| Url::parse(base).map_err(|_| Error::invalid("address", "is not an address"));
        let url = match host {
            Host::GitHub if !with_token && origin == "https://github.com" => {
                let mut url = parsed("https://raw.githubusercontent.com")?;
                let rest = repository.split('/').chain([revision.as_str()]).chain(path.split('/'));
                url.path_segments_mut().expect(ours).extend(rest);
                url
            }
            Host::GitHub => {
                let mut url = parsed(&github_api(origin))?;
                let rest = ["repos"].into_iter().chain(repository.split('/')).chain(["contents"]);
                url.path_segments_mut().expect(ours).extend(rest.chain(path.split('/')));
                if revision != "HEAD" {
                    url.query_pairs_mut().append_pair("ref", revision);
                }
                url
            }
            Host::GitLab => {
                let mut url = parsed(origin)?;
                // project and path are one segment each, their slashes written %2F
                url.path_segments_mut().expect(ours).extend([
                    "api",
                    "v4",
                    "projects",
                    repository,
                    "repository",
                    "files",
                    path,
                    "raw",
                ]);
                url.query_pairs_mut().append_pair("ref", revision);
                url
            }
            Host::Bitbucket => {
                let mut url = parsed(bitbucket_api(origin))?;
                let rest = ["2.0", "repositories"].into_iter().chain(repository.split('/'));
                url.path_segments_mut().expect(ours).extend(rest.chain(["src", revision]).chain(path.split('/')));
                url
            }
            Host::Gitea => {
                let mut url = parsed(origin)?;
                let rest = ["api", "v1", "repos"].into_iter().chain(repository.split('/'));
                url.path_segments_mut().expect(ours).extend(rest.chain(["raw"]).chain(path.split('/')));
                if revision != "HEAD" {
                    url.query_pairs_mut().append_pair("ref", revision);
                }
                url
            }
        };
        Ok(url)
    }

    /// Whether it stands in the same repository, or, outside any, on the same host.
    pub fn is_beside(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Repository { host, origin, repository, .. },
                Self::Repository { host: other_host, origin: other_origin, repository: other_repository, .. },
            ) => (host, origin, repository) == (other_host, other_origin, other_repository),
            (Self::Elsewhere(one), Self::Elsewhere(other)) => one.origin() == other.origin(),
            _ => false,
        }
    }

    pub const fn host(&self) -> Option<Host> {
        match self {
            Self::Repository { host, .. } => Some(*host),
            Self::Elsewhere(_) => None,
        }
    }
}

/// As people open it in a browser; reports name a file so.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere(url) => url.fmt(f),
            Self::Repository { host, origin, repository, revision, path } => {
                let between = match host {
                    Host::GitHub => "blob",
                    Host::GitLab => "-/blob",
                    Host::Bitbucket => "src",
                    Host::Gitea => "src/branch",
                };
                write!(f, "{origin}/{repository}/{between}/{revision}/{path}")
            }
        }
    }
}

/// What a host is asked with: its media type, and the token as it takes it.
pub(super) fn headers(host: Option<Host>, raw: bool, token: Option<&SecretString>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if host == Some(Host::GitHub) {
        let media = if raw { "application/vnd.github.raw+json" } else { "application/vnd.github+json" };
        headers.insert(ACCEPT, HeaderValue::from_static(media));
        headers.insert(HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));
    }
    headers.insert(reqwest::header::USER_AGENT, HeaderValue::from_static("rampart"));
    let Some(token) = token else { return Ok(headers) };
    let (name, value) = match host {
        Some(Host::GitLab) => (HeaderName::from_static("private-token"), token.expose_secret().to_owned()),
        Some(Host::Gitea) => (AUTHORIZATION, format!("token {}", token.expose_secret())),
        _ => (AUTHORIZATION, format!("Bearer {}", token.expose_secret())),
    };
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| Error::invalid("token", "holds what no header can carry; paste it again"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

/// The API beside where people open GitHub: its own host for github.com, a path on GitHub Enterprise Server.
pub(super) fn github_api(origin: &str) -> String {
    match origin {
        "https://github.com" => "https://api.github.com".to_owned(),
        origin => format!("{origin}/api/v3"),
    }
}

fn bitbucket_api(origin: &str) -> &str {
    if origin == "https://bitbucket.org" { "https://api.bitbucket.org" } else { origin }
}

pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn in_repository(url: &Url, segments: &[&str], given: Option<String>) -> Option<Place> {
    let place = |host, origin: &str, repository: String, revision: &str, path: &[&str]| {
        let path = if path.is_empty() { DESCRIPTOR.to_owned() } else { path.join("/") };
        Some(Place::in_repository(host, origin, &repository, revision, &path))
    };
    let here = origin(url);
    let head = given.as_deref().unwrap_or("HEAD");
    match (url.host_str()?, segments) {
        // what people open in the browser, and the same as raw
        (
            "raw.githubusercontent.com",
            [owner, name, "refs", "heads" | "tags", revision, path @ ..] | [owner, name, revision, path @ ..],
        ) => place(Host::GitHub, "https://github.com", format!("{owner}/{name}"), revision, path),
        ("api.github.com", ["repos", owner, name, "contents", path @ ..]) => {
            place(Host::GitHub, "https://github.com", format!("{owner}/{name}"), head, path)
        }
        (_, ["api", "v3", "repos", owner, name, "contents", path @ ..]) => {
            place(Host::GitHub, &here, format!("{owner}/{name}"), head, path)
        }
        ("api.bitbucket.org", ["2.0", "repositories", owner, name, "src", revision, path @ ..]) => {
            place(Host::Bitbucket, "https://bitbucket.org", format!("{owner}/{name}"), revision, path)
        }
        (_, ["2.0", "repositories", owner, name, "src", revision, path @ ..]) => {
            place(Host::Bitbucket, &here, format!("{owner}/{name}"), revision, path)
        }
        ("bitbucket.org", [owner, name, "src" | "raw", revision, path @ ..]) => {
            place(Host::Bitbucket, &here, format!("{owner}/{name}"), revision, path)
        }
        ("bitbucket.org", [owner, name]) => place(Host::Bitbucket, &here, format!("{owner}/{name}"), "HEAD", &[]),
        (_, ["api", "v4", "projects", project, "repository", "files", path, "raw"]) => {
            place(Host::GitLab, &here, (*project).to_owned(), head, &[*path])
        }
        (_, [project @ .., "-", "blob" | "raw" | "tree", revision]) if project.len() >= 2 => {
            place(Host::GitLab, &here, project.join("/"), revision, &[])
        }
        (_, segments) if segments.contains(&"-") => {
            let at = segments.iter().position(|segment| *segment == "-")?;
            match &segments[at + 1..] {
                ["blob" | "raw", revision, path @ ..] if at >= 2 => {
                    place(Host::GitLab, &here, segments[..at].join("/"), revision, path)
                }
                ["tree", revision, folder @ ..] if at >= 2 => {
                    let path = [folder, &[DESCRIPTOR]].concat();
                    place(Host::GitLab, &here, segments[..at].join("/"), revision, &path)
                }
                _ => None,
            }
        }
        (_, ["api", "v1", "repos", owner, name, "raw" | "contents", path @ ..]) => {
            place(Host::Gitea, &here, format!("{owner}/{name}"), head, path)
        }
        (_, [owner, name, "src" | "raw", "branch" | "tag" | "commit", revision, path @ ..]) => {
            place(Host::Gitea, &here, format!("{owner}/{name}"), revision, path)
        }
        (_, [owner, name, "blob" | "raw", revision, path @ ..]) if !path.is_empty() => {
            place(Host::GitHub, &here, format!("{owner}/{name}"), revision, path)
        }
        (_, [owner, name, "tree", revision, folder @ ..]) => {
            let path = [folder, &[DESCRIPTOR]].concat();
            place(Host::GitHub, &here, format!("{owner}/{name}"), revision, &path)
        }
        ("github.com", [owner, name]) => {
            place(Host::GitHub, &here, format!("{owner}/{}", name.trim_end_matches(".git")), "HEAD", &[])
        }
        ("gitlab.com", [_, .., _]) => {
            place(Host::GitLab, &here, segments.join("/").trim_end_matches(".git").to_owned(), "HEAD", &[])
        }
        ("codeberg.org" | "gitea.com", [owner, name]) => {
            place(Host::Gitea, &here, format!("{owner}/{}", name.trim_end_matches(".git")), "HEAD", &[])
        }
        _ => None,
    }
}

/// A segment without its percent signs; as it stands where they mean nothing.
fn decoded(segment: &str) -> String {
    // form decoding reads a plus as a blank, which a path does not
    let pair = format!("v={}", segment.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map_or_else(|| segment.to_owned(), |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_paste_is_the_file_and_how_its_host_is_asked() {
        for (pasted, shown, asked) in [
            (
                "https://github.com/acme/shop/blob/main/services/pay/catalog-info.yaml",
                "https://github.com/acme/shop/blob/main/services/pay/catalog-info.yaml",
                "https://api.github.com/repos/acme/shop/contents/services/pay/catalog-info.yaml?ref=main",
            ),
            (
                "https://github.com/acme/shop",
                "https://github.com/acme/shop/blob/HEAD/catalog-info.yaml",
                "https://api.github.com/repos/acme/shop/contents/catalog-info.yaml",
            ),
            (
                "https://github.com/acme/shop/tree/main/services",
                "https://github.com/acme/shop/blob/main/services/catalog-info.yaml",
                "https://api.github.com/repos/acme/shop/contents/services/catalog-info.yaml?ref=main",
            ),
            (
                "https://raw.githubusercontent.com/acme/shop/main/a.yaml",
                "https://github.com/acme/shop/blob/main/a.yaml",
                "https://api.github.com/repos/acme/shop/contents/a.yaml?ref=main",
            ),
            (
                "https://api.github.com/repos/acme/shop/contents/a.yaml?ref=feature/x",
                "https://github.com/acme/shop/blob/feature/x/a.yaml",
                "https://api.github.com/repos/acme/shop/contents/a.yaml?ref=feature%2Fx",
            ),
            (
                "https://git.acme.example/acme/shop/blob/main/a.yaml",
                "https://git.acme.example/acme/shop/blob/main/a.yaml",
                "https://git.acme.example/api/v3/repos/acme/shop/contents/a.yaml?ref=main",
            ),
            (
                "https://gitlab.com/acme/teams/shop/-/blob/main/docs/a.yaml",
                "https://gitlab.com/acme/teams/shop/-/blob/main/docs/a.yaml",
                "https://gitlab.com/api/v4/projects/acme%2Fteams%2Fshop/repository/files/docs%2Fa.yaml/raw?ref=main",
            ),
            (
                "https://gitlab.com/api/v4/projects/acme%2Fshop/repository/files/a.yaml/raw?ref=main",
                "https://gitlab.com/acme/shop/-/blob/main/a.yaml",
                "https://gitlab.com/api/v4/projects/acme%2Fshop/repository/files/a.yaml/raw?ref=main",
            ),
            (
                "https://bitbucket.org/acme/shop/src/main/a.yaml",
                "https://bitbucket.org/acme/shop/src/main/a.yaml",
                "https://api.bitbucket.org/2.0/repositories/acme/shop/src/main/a.yaml",
            ),
            (
                "https://codeberg.org/acme/shop/src/branch/main/a.yaml",
                "https://codeberg.org/acme/shop/src/branch/main/a.yaml",
                "https://codeberg.org/api/v1/repos/acme/shop/raw/a.yaml?ref=main",
            ),
            ("https://example.com/a.yaml?x=1", "https://example.com/a.yaml?x=1", "https://example.com/a.yaml?x=1"),
        ] {
            let place = Place::parse(pasted).unwrap();
            assert_eq!((place.to_string().as_str(), place.request(true).unwrap().as_str()), (shown, asked), "{pasted}");
        }
        let open = Place::parse("https://github.com/acme/shop/blob/main/a.yaml").unwrap();
        assert_eq!(open.request(false).unwrap().as_str(), "https://raw.githubusercontent.com/acme/shop/main/a.yaml");
    }

    #[test]
    fn a_relative_target_stays_within_its_repository() {
        let file = Place::parse("https://github.com/acme/shop/blob/main/a/b/catalog-info.yaml").unwrap();
        let joined = |target: &str| file.join(target).map(|place| place.to_string());
        assert_eq!(joined("./api.yaml").unwrap(), "https://github.com/acme/shop/blob/main/a/b/api.yaml");
        assert_eq!(joined("../../c.yaml").unwrap(), "https://github.com/acme/shop/blob/main/c.yaml");
        assert_eq!(joined("/c.yaml").unwrap(), "https://github.com/acme/shop/blob/main/c.yaml");
        assert!(joined("../../../c.yaml").is_err());
        assert!(joined("c.yaml?ref=other").is_err());
        assert_eq!(joined("https://example.com/x.yaml").unwrap(), "https://example.com/x.yaml");
        let plain = Place::parse("https://example.com/a/b.yaml").unwrap();
        assert_eq!(plain.join("../c.yaml").unwrap().to_string(), "https://example.com/c.yaml");
        assert!(plain.join("//evil.example/c.yaml").is_err());
    }
}
