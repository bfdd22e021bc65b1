//! Evaluation mode: what lets `rampart serve` stand by itself on one machine, and what keeps that from the outside.
//!
//! It signs anybody in as an administrator, so it is for loopback alone. Three guards hold this: [`may_start`] before
//! anything runs, the identity provider's refusal to listen elsewhere, and [`loopback_only`] on every request,
//! which also defeats a foreign page that has its name resolve to this machine.

pub mod identity;
pub mod postgres;

use std::net::IpAddr;

use axum::{
    Json,
    extract::Request,
    http::{HeaderMap, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use model::{Problem, ProblemType};
use url::{Host, Url};

/// What decides whether evaluation mode may start.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// `DATABASE_URL` is set.
    pub has_database_url: bool,
    /// `RAMPART_EVALUATION=1`: somebody asked for it.
    pub is_asked_for: bool,
    /// `RAMPART_BASE_URL`.
    pub base_url: &'a Url,
}

/// Why evaluation mode does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "DATABASE_URL is set and no identity provider is configured: evaluation mode would let anybody sign in to that \
         database as an administrator; set RAMPART_OIDC_ISSUER and its client for a real installation, or \
         RAMPART_EVALUATION=1 if this database is for evaluation only"
    )]
    ForeignDatabase,
    #[error(
        "RAMPART_BASE_URL is {0}, which is not an address of this machine alone: evaluation mode lets anybody sign in as \
         an administrator; use an address on 127.0.0.1, [::1] or localhost, or set RAMPART_OIDC_ISSUER and DATABASE_URL \
         for a real installation"
    )]
    PublicAddress(Url),
}

/// Whether evaluation mode may start here.
///
/// # Errors
/// The reason why not, for the person who started it.
pub fn may_start(circumstances: Circumstances<'_>) -> Result<(), Refusal> {
    if circumstances.has_database_url && !circumstances.is_asked_for {
        return Err(Refusal::ForeignDatabase);
    }
    if !is_loopback(circumstances.base_url) {
        return Err(Refusal::PublicAddress(circumstances.base_url.clone()));
    }
    Ok(())
}

/// Middleware: answers 421 to a request that was meant for another host than this machine.
pub async fn loopback_only(request: Request, next: Next) -> Response {
    if host_is_loopback(request.headers(), request.uri()) {
        return next.run(request).await;
    }
    let problem = Problem::new(
        ProblemType::Misdirected,
        "this installation is in evaluation mode, which answers only to 127.0.0.1, [::1] and localhost; open it under \
         one of these, without a proxy that names another host",
    );
    let media_type = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::MISDIRECTED_REQUEST, media_type, Json(problem)).into_response()
}

/// Whether every host that the request names is this machine: in its address, `Host`, `X-Forwarded-Host` and
/// `Forwarded` (RFC 7239). A request that names none, or one that cannot be read, is not.
#[must_use]
pub fn host_is_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts: Vec<String> = uri.authority().iter().map(ToString::to_string).collect();
    for value in headers.get_all(header::HOST) {
        let Ok(value) = value.to_str() else { return false };
        hosts.push(value.to_owned());
    }
    if hosts.is_empty() {
        return false;
    }
    for value in headers.get_all("x-forwarded-host") {
        let Ok(value) = value.to_str() else { return false };
        hosts.extend(value.split(',').map(str::to_owned));
    }
    for value in headers.get_all(header::FORWARDED) {
        let Ok(value) = value.to_str() else { return false };
        hosts.extend(forwarded_hosts(value));
    }
    hosts.iter().all(|host| names_loopback(host))
}

/// Whether an address is this machine's alone.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

/// `host[:port]` as in the header `Host`.
fn names_loopback(host: &str) -> bool {
    let Ok(authority) = host.trim().parse::<Authority>() else { return false };
    if authority.as_str().contains('@') {
        return false;
    }
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The `host` parameters of one `Forwarded` header; separators inside quotes do not separate.
fn forwarded_hosts(value: &str) -> Vec<String> {
    let mut in_quotes = false;
    let mut is_escaped = false;
    let parameters = value.split(|c| {
        let separates = !in_quotes && matches!(c, ',' | ';');
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if in_quotes => is_escaped = true,
            '"' => in_quotes = !in_quotes,
            _ => {}
        }
        separates
    });
    parameters
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("host"))
        .map(|(_, value)| value.trim().trim_matches('"').replace('\\', ""))
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_foreign_database_needs_an_explicit_yes() {
        let base_url = "http://127.0.0.1:3000".parse().unwrap();
        let with = |has_database_url, is_asked_for| {
            may_start(Circumstances { has_database_url, is_asked_for, base_url: &base_url })
        };

        assert_eq!(with(true, false), Err(Refusal::ForeignDatabase));
        assert_eq!(with(true, true), Ok(()));
        assert_eq!(with(false, false), Ok(()));
        assert!(Refusal::ForeignDatabase.to_string().contains("RAMPART_EVALUATION=1"));
    }

    #[test]
    fn an_address_that_others_can_reach_is_refused_whoever_asks() {
        for (base_url, may) in [
            ("http://127.0.0.1:3000", true),
            ("http://127.8.8.8", true),
            ("https://localhost", true),
            ("http://[::1]:3000", true),
            ("http://0.0.0.0:3000", false),
            ("https://portal.example.com", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
            ("http://[::ffff:10.0.0.1]", false),
        ] {
            let base_url = base_url.parse().unwrap();
            for is_asked_for in [false, true] {
                let circumstances = Circumstances { has_database_url: false, is_asked_for, base_url: &base_url };
                assert_eq!(may_start(circumstances).is_ok(), may, "{base_url}");
            }
        }
    }

    #[test]
    fn every_host_that_a_request_names_must_be_this_machine() {
        for (headers, is_loopback) in [
            (&[("host", "127.0.0.1:3000")][..], true),
            (&[("host", "LOCALHOST:3000")], true),
            (&[("host", "[::1]:3000")], true),
            (&[], false),
            (&[("host", "")], false),
            (&[("host", "evil.example")], false),
            (&[("host", "127.0.0.1.evil.example")], false),
            (&[("host", "127.0.0.1@evil.example")], false),
            (&[("host", "evil.example@127.0.0.1")], false),
            (&[("host", "0.0.0.0")], false),
            (&[("host", "localhost"), ("host", "evil.example")], false),
            (&[("host", "localhost"), ("x-forwarded-host", "localhost, 127.0.0.1")], true),
            (&[("host", "localhost"), ("x-forwarded-host", "localhost, evil.example")], false),
            (&[("host", "localhost"), ("x-forwarded-host", "")], false),
            (&[("host", "localhost"), ("forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43")], true),
            (&[("host", "localhost"), ("forwarded", r#"for="[::1]:4711"; Host="localhost:3000""#)], true),
            (&[("host", "localhost"), ("forwarded", "for=127.0.0.1;host=evil.example")], false),
            (&[("host", "localhost"), ("forwarded", r#"host=localhost, for="a,b;c";host="evil.example""#)], false),
            (&[("host", "localhost"), ("forwarded", r#"host="evil\.example""#)], false),
        ] {
            assert_eq!(host_is_loopback(&map(headers), &Uri::from_static("/")), is_loopback, "{headers:?}");
        }
    }

    #[test]
    fn the_host_in_the_address_counts_too() {
        let none = HeaderMap::new();
        assert!(host_is_loopback(&none, &Uri::from_static("http://localhost:3000/")));
        assert!(!host_is_loopback(&map(&[("host", "localhost")]), &Uri::from_static("http://evil.example/")));
    }

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = headers.iter().map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        pairs.for_each(|(name, value): (HeaderName, _)| {
            map.append(name, value);
        });
        map
    }
}
