//! How requests leave the installation's own network: which certificate authorities count, and through which proxy.

use std::{net::IpAddr, sync::Arc};

use reqwest::{Certificate, ClientBuilder, Proxy};
use url::{Host, Url};

use crate::error::{Error, Result};

/// Clones share one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route(Arc<Inner>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Inner {
    /// PEM, besides the system's.
    authorities: Vec<u8>,
    /// For https alone, as `HTTPS_PROXY` says.
    proxy: Option<Url>,
    except: Vec<Exception>,
}

/// What is reached without the proxy.
#[derive(Debug, PartialEq, Eq)]
enum Exception {
    Everything,
    /// The name itself and every name below it.
    Domain(String),
    /// All addresses that begin with these bits.
    Network(IpAddr, u8),
}

impl Route {
    /// `proxy` and the items of `never` are as in `HTTPS_PROXY` and `NO_PROXY`: `proxy.example.com:3128`,
    /// `example.com`, `.example.com`, `10.0.0.0/8`, `*`.
    ///
    /// # Errors
    /// `Invalid` for authorities that are no PEM certificates and a proxy that is no address.
    pub fn new(authorities: Vec<u8>, proxy: Option<&str>, never: Vec<String>) -> Result<Self> {
        certificates(&authorities)?;
        let proxy = proxy.map(proxy_url).transpose()?;
        let except = never.iter().map(|item| Exception::parse(item)).collect();
        Ok(Self(Arc::new(Inner { authorities, proxy, except })))
    }

    /// Certificate authorities besides the system's, as PEM.
    #[must_use]
    pub fn authorities(&self) -> &[u8] {
        &self.0.authorities
    }

    /// A client that takes this way, and no other that the environment may name.
    ///
    /// # Errors
    /// Never: the authorities were read before.
    pub fn client(&self) -> Result<ClientBuilder> {
        let mut builder = reqwest::Client::builder().no_proxy();
        for certificate in certificates(&self.0.authorities)? {
            builder = builder.add_root_certificate(certificate);
        }
        if self.0.proxy.is_some() {
            let route = self.clone();
            builder = builder.proxy(Proxy::custom(move |url| route.proxy_for(url).cloned()));
        }
        Ok(builder)
    }

    /// The proxy that an address is reached through, if any; then the proxy looks names up, and not this process.
    #[must_use]
    pub fn proxy_for(&self, url: &Url) -> Option<&Url> {
        let proxy = self.0.proxy.as_ref().filter(|_| url.scheme() == "https")?;
        let excepted = self.0.except.iter().any(|exception| exception.covers(url));
        (!excepted).then_some(proxy)
    }
}

impl Exception {
    fn parse(item: &str) -> Self {
        let item = item.trim().to_ascii_lowercase();
        if item == "*" {
            return Self::Everything;
        }
        let (address, bits) = item.split_once('/').unwrap_or((&item, "128"));
        match (address.trim_matches(['[', ']']).parse::<IpAddr>(), bits.parse()) {
            (Ok(address), Ok(bits)) => Self::Network(address, bits),
            _ => Self::Domain(item.trim_start_matches('.').to_owned()),
        }
    }

    fn covers(&self, url: &Url) -> bool {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        match (self, address) {
            (Self::Everything, _) => true,
            (Self::Network(network, bits), Some(address)) => within(address, *network, *bits),
            (Self::Domain(domain), None) => {
                let above = url.host_str().unwrap_or_default().strip_suffix(domain.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            _ => false,
        }
    }
}

/// Whether two addresses of one family begin with the same bits.
fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (a, b, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let below = width - u32::from(bits).min(width);
    // shifting by all 128 bits leaves nothing to compare
    a.checked_shr(below) == b.checked_shr(below)
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>> {
    let wrong = || Error::invalid("RAMPART_CA_FILE", "holds no PEM certificates");
    let found = Certificate::from_pem_bundle(pem).map_err(|_| wrong())?;
    if found.is_empty() && !pem.is_empty() { Err(wrong()) } else { Ok(found) }
}

/// Without a scheme, http is meant, as everywhere that the variable is read.
fn proxy_url(text: &str) -> Result<Url> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| Error::invalid("HTTPS_PROXY", "is not a proxy's address (http://proxy.example.com:3128)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(never: &str, url: &str) -> bool {
        let never = never.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect();
        let route = Route::new(Vec::new(), Some("proxy.example.com:3128"), never).unwrap();
        route.proxy_for(&Url::parse(url).unwrap()).is_some()
    }

    #[test]
    fn https_goes_through_the_proxy_but_for_what_is_excepted() {
        assert!(through("", "https://hooks.slack.com/x"));
        assert!(!through("", "http://hooks.slack.com/x"), "HTTPS_PROXY is for https");
        assert!(!through("*", "https://hooks.slack.com/x"));
        for except in ["slack.com", ".slack.com", "hooks.slack.com", "other, SLACK.COM"] {
            assert!(!through(except, "https://hooks.slack.com/x"), "{except}");
        }
        assert!(through("lack.com", "https://hooks.slack.com/x"), "half a name is another name");
        assert!(!through("10.0.0.0/8", "https://10.1.2.3/"));
        assert!(through("10.0.0.0/8", "https://11.1.2.3/"));
        assert!(!through("127.0.0.1", "https://127.0.0.1:8443/"));
        assert!(!through("[::1]", "https://[::1]/"));
        assert!(!through("0.0.0.0/0", "https://8.8.8.8/"));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let error = Route::new(b"no certificate".to_vec(), None, Vec::new()).unwrap_err();
        assert!(error.to_string().contains("RAMPART_CA_FILE"), "{error}");
        let error = Route::new(Vec::new(), Some("ftp://user:secret@proxy"), Vec::new()).unwrap_err();
        assert!(error.to_string().contains("HTTPS_PROXY") && !error.to_string().contains("secret"), "{error}");
    }
}
