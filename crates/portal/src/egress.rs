//! The one way out to addresses that people typed in: only to hosts that an administrator allowed, never to a private
//! address unless that was allowed too, and only to the very address that was checked.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use reqwest::{Method, header::HeaderMap, redirect::Policy};
use url::{Host, Url};

use crate::{
    error::{Error, Result},
    route::Route,
};

/// From the first byte to the last, name resolution included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// More of an answer is not read where nobody says otherwise.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Where the portal may connect to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    rules: Vec<Rule>,
    route: Route,
}

/// One allowed host: `hooks.slack.com`, `*.webhook.office.com`, `chat.internal:8443+private`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Lower case; an address in brackets where it is IPv6.
    host: String,
    /// Any name below `host`, and not `host` itself.
    below: bool,
    /// None: the scheme's own.
    port: Option<u16>,
    /// Also where the name leads to a private, loopback or link-local address.
    private: bool,
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(
                "egress",
                format!("{text:?} is not a host; write hooks.example.com, *.example.com or chat.internal:8443+private"),
            )
        };
        let text = text.trim().to_ascii_lowercase();
        let (rest, private) = text.strip_suffix("+private").map_or((text.as_str(), false), |rest| (rest, true));
        let (rest, below) = rest.strip_prefix("*.").map_or((rest, false), |rest| (rest, true));
        let url = Url::parse(&format!("https://{rest}/")).map_err(|_| wrong())?;
        let host = url.host_str().filter(|host| !host.is_empty() && !host.contains('*')).ok_or_else(wrong)?.to_owned();
        // an address that reads as anything more than host and port is none
        let port = rest.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port.parse());
        let port = port.transpose().map_err(|_| wrong())?;
        let back = port.map_or_else(|| host.clone(), |port: u16| format!("{host}:{port}"));
        if back != rest {
            return Err(wrong());
        }
        Ok(Self { host, below, port, private })
    }
}

impl Rule {
    fn covers(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let named = if self.below {
            host.strip_suffix(&self.host).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
        } else {
            host == self.host
        };
        named && self.port.map_or(url.port().is_none(), |port| url.port_or_known_default() == Some(port))
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    /// The beginning, as much of it as was asked for.
    pub body: Vec<u8>,
}

impl Egress {
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules, route: Route::default() }
    }

    /// The same hosts, reached by this way.
    #[must_use]
    pub fn by(self, route: Route) -> Self {
        Self { route, ..self }
    }

    /// With further hosts, as an approved integration names them.
    #[must_use]
    pub fn with(&self, rules: impl IntoIterator<Item = Rule>) -> Self {
        Self { rules: self.rules.iter().cloned().chain(rules).collect(), route: self.route.clone() }
    }

    /// Reads an address, if it is one that may be sent to. Whether its host leads to a private address is looked at
    /// when it is sent to, since that can change.
    ///
    /// # Errors
    /// `Invalid` at `field`, with what to do.
    pub fn check(&self, field: &str, url: &str) -> Result<Url> {
        let url = Url::parse(url.trim()).map_err(|_| Error::invalid(field, "is not an address (https://…)"))?;
        let rule = self.rule(&url).map_err(|reason| Error::invalid(field, reason))?;
        if url.scheme() != "https" && !rule.private {
            return Err(Error::invalid(field, "has to begin with https://, so that nobody on the way reads it"));
        }
        Ok(url)
    }

    fn rule(&self, url: &Url) -> Result<&Rule, String> {
        if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() || url.password().is_some() {
            return Err("takes https:// addresses without a name or password in them".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        // where two rules cover a host, the more generous counts
        self.rules.iter().filter(|rule| rule.covers(url)).max_by_key(|rule| rule.private).ok_or_else(|| {
            format!(
                "{host} is not a host that this installation may send to; an administrator adds it to RAMPART_EGRESS_ALLOW"
            )
        })
    }

    /// Sends `body` by POST. Redirects are not followed: a redirect is an address that nobody allowed.
    ///
    /// # Errors
    /// `Unavailable`, saying what did not work; `Invalid` where the address may not be sent to.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<Response> {
        self.send(Method::POST, url, headers, body).await
    }

    /// Sends a request and reads the beginning of the answer.
    ///
    /// # Errors
    /// As [`Egress::post`].
    pub async fn send(&self, method: Method, url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<Response> {
        self.limited(method, url, headers, body, MAX_RESPONSE_BYTES).await
    }

    /// Asks for a document of at most so many bytes. Redirects are answers here too.
    ///
    /// # Errors
    /// As [`Egress::post`]; `TooLarge` for a longer one.
    pub async fn get(&self, url: &Url, headers: HeaderMap, most: usize) -> Result<Response> {
        let response = self.limited(Method::GET, url, headers, Vec::new(), most + 1).await?;
        if response.body.len() > most {
            return Err(Error::TooLarge(format!("{} sends more than {} KiB", host(url), most >> 10)));
        }
        Ok(response)
    }

    async fn limited(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
        most: usize,
    ) -> Result<Response> {
        let sent = tokio::time::timeout(TIMEOUT, self.exchange(method, url, headers, body, most));
        sent.await.unwrap_or_else(|_| {
            Err(Error::Unavailable(format!("{} did not answer within {} s", host(url), TIMEOUT.as_secs())))
        })
    }

    async fn exchange(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
        most: usize,
    ) -> Result<Response> {
        let rule = self
            .check("url", url.as_str())
            .and_then(|url| self.rule(&url).cloned().map_err(|reason| Error::invalid("url", reason)))?;
        let failed = |error: reqwest::Error| Error::Unavailable(format!("{}: {}", host(url), cause(&error)));
        let mut client = self.route.client()?.redirect(Policy::none()).timeout(TIMEOUT);
        match url.host() {
            // the proxy looks the name up, and is what keeps it from leading home
            Some(Host::Domain(_)) if self.route.proxy_for(url).is_some() => {}
            Some(Host::Domain(name)) => client = client.resolve_to_addrs(name, &resolve(url, rule.private).await?),
            _ => drop(resolve(url, rule.private).await?),
        }
        let client = client.build().map_err(Error::internal)?;
        let mut response =
            client.request(method, url.clone()).headers(headers).body(body).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut read = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            read.extend_from_slice(&chunk[..chunk.len().min(most - read.len())]);
            if read.len() == most {
                break;
            }
        }
        Ok(Response { status, headers, body: read })
    }
}

/// The addresses of a host, each of them one that may be connected to.
async fn resolve(url: &Url, private: bool) -> Result<Vec<SocketAddr>> {
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(address)) => vec![(address, port).into()],
        Some(Host::Ipv6(address)) => vec![(address, port).into()],
        Some(Host::Domain(name)) => tokio::net::lookup_host((name, port))
            .await
            .map_err(|error| Error::Unavailable(format!("{name} cannot be looked up: {error}")))?
            .collect(),
        None => Vec::new(),
    };
    if addresses.is_empty() {
        return Err(Error::Unavailable(format!("{} has no address", host(url))));
    }
    if !private && let Some(address) = addresses.iter().find(|address| !is_public(address.ip())) {
        return Err(Error::invalid(
            "url",
            format!(
                "{} leads to {}, which is not a public address; where that is meant, an administrator adds {}+private to RAMPART_EGRESS_ALLOW",
                host(url),
                address.ip(),
                host(url),
            ),
        ));
    }
    Ok(addresses)
}

/// Whether an address is one of the public internet: none of the special-purpose ones in the registries of RFC 6890
/// (iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, as of 2025).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || a == 10
        || a == 127
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 192 && b == 168)
        || (a == 198 && (18..20).contains(&b))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // only 2000::/3 is global unicast; in it, what carries an IPv4 address is judged by that
    if segments[0] & 0xe000 != 0x2000 {
        return false;
    }
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // 6to4, RFC 3056
        [0x2002, high, low, ..] => is_public_v4(v4(high, low)),
        // protocol assignments with Teredo, RFC 2928; documentation, RFC 3849 and RFC 9637
        [0x2001, second, ..] => second >= 0x0200 && second != 0x0db8,
        [0x3fff, second, ..] => second >= 0x1000,
        _ => true,
    }
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// The innermost reason, without the address: it may hold a secret.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if std::ptr::addr_eq(innermost, error) { "the exchange broke off".to_owned() } else { innermost.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(rules: &[&str]) -> Egress {
        Egress::new(rules.iter().map(|rule| rule.parse().unwrap()).collect())
    }

    fn refusal(result: Result<impl Sized>) -> String {
        result.err().expect("it is refused").to_string()
    }

    #[test]
    fn only_allowed_hosts_are_sent_to() {
        let egress = egress(&["hooks.slack.com", "*.webhook.office.com", "chat.example.com:8443"]);
        for allowed in [
            "https://hooks.slack.com/services/T/B/x",
            "https://contoso.webhook.office.com/webhookb2/1",
            "https://chat.example.com:8443/hook",
        ] {
            assert!(egress.check("url", allowed).is_ok(), "{allowed}");
        }
        for refused in [
            "https://example.com/",
            "https://webhook.office.com/",
            "https://evilwebhook.office.com/",
            "https://hooks.slack.com.evil.example/",
            "https://hooks.slack.com@evil.example/",
            "https://user:pw@hooks.slack.com/",
            "https://hooks.slack.com:22/",
            "https://chat.example.com/hook",
            "http://hooks.slack.com/services/T/B/x",
            "ftp://hooks.slack.com/",
            "file:///etc/passwd",
            "hooks.slack.com",
            "https://",
            "",
        ] {
            assert!(egress.check("url", refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn what_is_not_a_host_is_no_rule() {
        for wrong in [
            "",
            "*",
            "*.",
            "a b",
            "https://example.com",
            "example.com/path",
            "example.com:99999",
            "u@example.com",
            "example.com:",
        ] {
            assert!(wrong.parse::<Rule>().is_err(), "{wrong:?}");
        }
        for right in [
            "example.com",
            "EXAMPLE.com",
            "*.example.com",
            "127.0.0.1:9000+private",
            "[::1]:9000+private",
            "[2001:4860::1]",
        ] {
            assert!(right.parse::<Rule>().is_ok(), "{right:?}");
        }
    }

    #[test]
    fn every_special_address_is_known_as_one() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "100::1",
            "3fff::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "192.1.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2002:808:808::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_followed() {
        let url = Url::parse("https://localhost/hook").unwrap();
        let refused = refusal(egress(&["localhost"]).post(&url, HeaderMap::new(), Vec::new()).await);
        assert!(refused.contains("not a public address") && refused.contains("localhost+private"), "{refused}");
        let url = Url::parse("https://127.0.0.1/hook").unwrap();
        let refused = refusal(egress(&["127.0.0.1"]).post(&url, HeaderMap::new(), Vec::new()).await);
        assert!(refused.contains("not a public address"), "{refused}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let server = wiremock::MockServer::start().await;
        let redirect = wiremock::ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/");
        wiremock::Mock::given(wiremock::matchers::any()).respond_with(redirect).mount(&server).await;
        let address = server.address();
        let rules = egress(&[&format!("{address}+private")]);
        let url = Url::parse(&format!("http://{address}/hook")).unwrap();
        let response = rules.post(&url, HeaderMap::new(), b"x".to_vec()).await.unwrap();
        assert_eq!(response.status, 302);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn no_more_of_an_answer_is_read_than_is_taken() {
        let server = wiremock::MockServer::start().await;
        let large = wiremock::ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 1024 * 1024]);
        wiremock::Mock::given(wiremock::matchers::any()).respond_with(large).mount(&server).await;
        let address = server.address();
        let url = Url::parse(&format!("http://{address}/")).unwrap();
        let rules = egress(&[&format!("{address}+private")]);
        let response = rules.post(&url, HeaderMap::new(), Vec::new()).await.unwrap();
        assert_eq!(response.body.len(), MAX_RESPONSE_BYTES);
    }
}
