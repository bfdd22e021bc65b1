//! One document from another host: redirects followed by hand and checked like the first address, no more than is taken,
//! and nothing sent again that has not changed.

use std::time::Duration;

use reqwest::header::{ETAG, HeaderMap, HeaderName, IF_NONE_MATCH, LINK, LOCATION, RETRY_AFTER};
use url::Url;

use crate::{
    egress::{Egress, Response},
    error::{Error, Result},
};

/// A redirect beyond these is one that leads nowhere.
const MAX_REDIRECTS: usize = 5;
/// No host makes us wait longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
/// Headers that only the host that they were meant for gets.
const CREDENTIALS: [&str; 2] = ["authorization", "private-token"];

/// What came of asking.
#[derive(Debug)]
pub(super) enum Fetched {
    New {
        body: Vec<u8>,
        etag: Option<String>,
        /// The next page, where there is one.
        next: Option<Url>,
    },
    Unchanged,
    /// 404 or 410.
    Missing,
}

/// Why nothing came, and when to ask again where the host said so.
#[derive(Debug)]
pub(super) struct Failed {
    pub reason: String,
    pub retry_after: Option<Duration>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { reason: error.to_string(), retry_after: None }
    }
}

/// Asks for a document of at most `most` bytes, unless it is still the one of that mark.
pub(super) async fn fetch(
    egress: &Egress,
    url: &Url,
    mut headers: HeaderMap,
    etag: Option<&str>,
    most: usize,
) -> Result<Fetched, Failed> {
    if let Some(etag) = etag.and_then(|etag| etag.parse().ok()) {
        headers.insert(IF_NONE_MATCH, etag);
    }
    let mut url = url.clone();
    for _ in 0..=MAX_REDIRECTS {
        let response = egress.get(&url, headers.clone(), most).await?;
        let host = url.host_str().unwrap_or_default().to_owned();
        match response.status {
            200 => return Ok(new(&url, response)),
            304 => return Ok(Fetched::Unchanged),
            404 | 410 => return Ok(Fetched::Missing),
            301 | 302 | 303 | 307 | 308 => {
                let to = text(&response.headers, &LOCATION).and_then(|to| url.join(to).ok());
                let to = to.ok_or_else(|| Error::Unavailable(format!("{host} redirects to no address")))?;
                if to.origin() != url.origin() {
                    for name in CREDENTIALS {
                        headers.remove(name);
                    }
                }
                url = to;
            }
            status => return Err(refused(&host, status, &response)),
        }
    }
    Err(Error::Unavailable(format!("more than {MAX_REDIRECTS} redirects; give the address that they lead to")).into())
}

fn new(url: &Url, response: Response) -> Fetched {
    Fetched::New {
        etag: text(&response.headers, &ETAG).map(str::to_owned),
        next: text(&response.headers, &LINK).and_then(|link| next(url, link)),
        body: response.body,
    }
}

fn refused(host: &str, status: u16, response: &Response) -> Failed {
    let wait = text(&response.headers, &RETRY_AFTER).and_then(|wait| wait.trim().parse().ok()).map(Duration::from_secs);
    // GitHub answers 403 with this where its limit is used up (REST v3, rate limits)
    let used_up = text(&response.headers, &HeaderName::from_static("x-ratelimit-remaining")) == Some("0");
    let reason = match status {
        401 => format!("{host} refuses the token (401); enter another"),
        403 | 429 if used_up || wait.is_some() => {
            format!("{host} takes no more questions for now ({status}); with a token it takes more")
        }
        403 => format!("{host} does not show this (403); the token needs to read the repository"),
        status => format!("{host} answered {status}"),
    };
    let wait = wait.or_else(|| used_up.then_some(Duration::from_secs(15 * 60)));
    Failed { reason, retry_after: wait.map(|wait| wait.min(LONGEST_WAIT)) }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The address of the next page (RFC 8288), on the same host.
fn next(url: &Url, link: &str) -> Option<Url> {
    let of = |part: &str| {
        let (address, rest) = part.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = rest.split(';').any(|given| matches!(given.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then(|| url.join(address).ok()).flatten()
    };
    link.split(", <")
        .enumerate()
        .find_map(|(at, part)| if at == 0 { of(part) } else { of(&format!("<{part}")) })
        .filter(|next| next.origin() == url.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_others_and_stays_on_its_host() {
        let url = Url::parse("https://api.github.com/orgs/a/repos").unwrap();
        let link = "<https://api.github.com/orgs/a/repos?page=1>; rel=\"prev\", <https://api.github.com/orgs/a/repos?page=3>; rel=\"next\"";
        assert_eq!(next(&url, link).unwrap().query(), Some("page=3"));
        assert_eq!(next(&url, "<https://evil.example/?page=2>; rel=\"next\""), None);
        assert_eq!(next(&url, "<https://api.github.com/orgs/a/repos?page=1>; rel=\"first\""), None);
    }
}
