//! Every repository of an organisation: GitHub (REST v3, 2022-11-28: list organization repositories), GitLab (API v4: list a
//! group's projects) and Gitea (API v1, 1.24: list an organization's repos).

use serde_json::Value;
use url::Url;

use super::address::{self, Host, Place};
use crate::error::{Error, Result};

/// An organisation, as its host lists what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Organisation {
    pub host: Host,
    origin: String,
    name: String,
}

/// What is left out of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    pub forks: bool,
    pub archived: bool,
}

impl Organisation {
    /// Reads an address: as people open it on github.com, gitlab.com, codeberg.org and gitea.com; elsewhere the API's own,
    /// which says what speaks there.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(
                "address",
                "give the organisation's address: https://github.com/acme, https://gitlab.com/acme, or on a host of your own https://HOST/api/v3/orgs/acme (GitHub), https://HOST/api/v4/groups/acme (GitLab), https://HOST/api/v1/orgs/acme (Gitea)",
            )
        };
        let url = Url::parse(text.trim()).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(wrong());
        }
        let segments: Vec<&str> = url.path_segments().into_iter().flatten().filter(|one| !one.is_empty()).collect();
        let origin = address::origin(&url);
        let of = |host, origin: &str, name: String| Ok(Self { host, origin: origin.to_owned(), name });
        match (url.host_str().unwrap_or_default(), segments.as_slice()) {
            ("github.com", [name] | ["orgs", name]) => of(Host::GitHub, &origin, (*name).to_owned()),
            ("api.github.com", ["orgs", name, ..]) => of(Host::GitHub, "https://github.com", (*name).to_owned()),
            (_, ["api", "v3", "orgs", name, ..]) => of(Host::GitHub, &origin, (*name).to_owned()),
            (_, ["api", "v4", "groups", name, ..]) => {
                of(Host::GitLab, &origin, name.replace("%2F", "/").replace("%2f", "/"))
            }
            ("gitlab.com", ["groups", name @ ..] | name) if !name.is_empty() => {
                of(Host::GitLab, &origin, name.join("/"))
            }
            (_, ["api", "v1", "orgs", name, ..]) | ("codeberg.org" | "gitea.com", [name]) => {
                of(Host::Gitea, &origin, (*name).to_owned())
            }
            _ => Err(wrong()),
        }
    }

    /// The first page of its repositories.
    pub fn list(&self) -> Result<Url> {
        let wrong = |_| Error::invalid("address", "is not an address");
        let (base, path, query): (_, Vec<&str>, &[(&str, &str)]) = match self.host {
            Host::GitLab => (
                self.origin.clone(),
                vec!["api", "v4", "groups", &self.name, "projects"],
                &[("include_subgroups", "true"), ("order_by", "id"), ("sort", "asc"), ("per_page", "100")],
            ),
            Host::Gitea => {
                (self.origin.clone(), vec!["api", "v1", "orgs", &self.name, "repos"], &[("limit", "50"), ("page", "1")])
            }
            Host::GitHub | Host::Bitbucket => (
                address::github_api(&self.origin),
                vec!["orgs", &self.name, "repos"],
                &[("per_page", "100"), ("type", "all")],
            ),
        };
        let mut url = Url::parse(&base).map_err(wrong)?;
        url.path_segments_mut().expect("an address with a host has segments").extend(path);
        url.query_pairs_mut().extend_pairs(query);
        Ok(url)
    }

    /// The file at `path` on the default branch of each repository of one page; those without anything in them, and those
    /// that are not wanted, are left out.
    pub fn files(&self, page: &[u8], wanted: Wanted, path: &str) -> Result<Vec<Place>> {
        let repositories: Vec<Value> = serde_json::from_slice(page)
            .map_err(|_| Error::Unavailable(format!("{} sends no list of repositories", self.origin)))?;
        let file = |repository: &Value| {
            let is = |field: &str| repository.get(field).and_then(Value::as_bool).unwrap_or(false);
            let text = |field: &str| repository.get(field).and_then(Value::as_str);
            let forked = is("fork") || repository.get("forked_from_project").is_some_and(|of| !of.is_null());
            if (forked && !wanted.forks)
                || (is("archived") && !wanted.archived)
                || is("disabled")
                || is("empty")
                || is("empty_repo")
            {
                return None;
            }
            let name = text("path_with_namespace").or_else(|| text("full_name"))?;
            let branch = text("default_branch").filter(|branch| !branch.is_empty())?;
            Some(Place::in_repository(self.host, &self.origin, name, branch, path.trim_matches('/')))
        };
        Ok(repositories.iter().filter_map(file).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_organisation_is_known_by_its_address() {
        for (address, listed) in [
            ("https://github.com/acme", "https://api.github.com/orgs/acme/repos?per_page=100&type=all"),
            (
                "https://git.example/api/v3/orgs/acme",
                "https://git.example/api/v3/orgs/acme/repos?per_page=100&type=all",
            ),
            (
                "https://gitlab.com/acme/teams",
                "https://gitlab.com/api/v4/groups/acme%2Fteams/projects?include_subgroups=true&order_by=id&sort=asc&per_page=100",
            ),
            ("https://codeberg.org/acme", "https://codeberg.org/api/v1/orgs/acme/repos?limit=50&page=1"),
        ] {
            assert_eq!(Organisation::parse(address).unwrap().list().unwrap().as_str(), listed, "{address}");
        }
        for wrong in ["https://example.com/acme", "acme", "ftp://github.com/acme", "https://github.com/"] {
            assert!(Organisation::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn forks_archives_and_empty_repositories_are_left_out_unless_wanted() {
        let page = json!([
            { "full_name": "acme/a", "default_branch": "main", "fork": false, "archived": false },
            { "full_name": "acme/b", "default_branch": "main", "fork": true, "archived": false },
            { "full_name": "acme/c", "default_branch": "main", "fork": false, "archived": true },
            { "full_name": "acme/d", "default_branch": null },
        ]);
        let page = serde_json::to_vec(&page).unwrap();
        let acme = Organisation::parse("https://github.com/acme").unwrap();
        let count = |wanted| acme.files(&page, wanted, "catalog-info.yaml").unwrap().len();
        assert_eq!(count(Wanted::default()), 1);
        assert_eq!(count(Wanted { forks: true, archived: true }), 3);
        assert!(acme.files(b"<html>", Wanted::default(), "x").is_err());
    }
}
