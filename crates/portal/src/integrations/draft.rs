//! What somebody enters about an integration, and whether it fits the kind.

use model::{DataClass, Direction, FieldError, Integration, IntegrationKind};
use secrecy::{ExposeSecret, SecretString};
use time::{Date, Duration};
use url::Url;

use crate::{
    Portal,
    error::{Error, Result},
};

/// What the installation sets up is looked at again after this time.
pub(super) const FIRST_REVIEW: Duration = Duration::days(90);
/// No later than this: a configuration that nobody looks at for longer is nobody's.
const LATEST_REVIEW: Duration = Duration::days(366);
const MAX_PURPOSE: usize = 500;
const MAX_HOSTS: usize = 20;
const MAX_SECRET: usize = 4096;

/// An integration as entered. Without `Debug`: it can hold a credential.
#[derive(Clone)]
pub struct Draft {
    pub kind: IntegrationKind,
    pub name: String,
    /// The name of the team that answers for it; only what the installation sets up begins without one.
    pub owner: Option<String>,
    pub purpose: String,
    pub data_classes: Vec<DataClass>,
    pub scopes: Vec<String>,
    /// `host` or `host:port`, as they are in addresses.
    pub egress_hosts: Vec<String>,
    pub endpoint: Option<String>,
    /// Write-only.
    pub credential: Option<SecretString>,
    pub review_by: Date,
}

impl Draft {
    /// Everything that can be said without looking at the database.
    pub(super) fn check(&self, portal: &Portal) -> Result<()> {
        let mut wrong = Vec::new();
        let mut say = |field: &str, message: String| wrong.push(FieldError::new(field, message));
        let needs = self.kind.needs();
        if !is_name(&self.name) {
            say(
                "name",
                "use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit".to_owned(),
            );
        }
        if self.owner.is_none() {
            say("owner", "choose the team that answers for it".to_owned());
        }
        let purpose = self.purpose.trim();
        if purpose.is_empty() || purpose.chars().count() > MAX_PURPOSE || purpose.contains('\0') {
            say("purpose", format!("say in 1 to {MAX_PURPOSE} characters what it is for"));
        }
        if self.data_classes.is_empty() {
            say("data_classes", "choose what kinds of data pass through it".to_owned());
        }
        if self.scopes.is_empty() {
            say("scopes", format!("choose from {}", needs.scopes.join(", ")));
        }
        if let Some(unknown) = self.scopes.iter().find(|scope| !needs.scopes.contains(&scope.as_str())) {
            say("scopes", format!("{unknown:?} is not a scope of this kind; there are {}", needs.scopes.join(", ")));
        }
        match needs.direction {
            Direction::Incoming if !self.egress_hosts.is_empty() => {
                say("egress_hosts", "an incoming integration sends nothing out; leave this empty".to_owned());
            }
            Direction::Outgoing if self.egress_hosts.is_empty() && !needs.built_in => {
                say("egress_hosts", "name every host that it sends to".to_owned());
            }
            _ => {}
        }
        if let Some(host) = self.egress_hosts.iter().find(|host| !is_host(host)) {
            say("egress_hosts", format!("{host:?} is not a host name, with a port where it is not the usual one"));
        }
        if self.egress_hosts.len() > MAX_HOSTS {
            say("egress_hosts", format!("name at most {MAX_HOSTS} hosts"));
        }
        match (&self.endpoint, needs.endpoint) {
            (Some(_), []) => say("endpoint", "this kind has no address of its own".to_owned()),
            (None, [_, ..]) => say("endpoint", format!("give its address, {}://…", needs.endpoint[0])),
            (Some(endpoint), schemes) => {
                if let Err(message) = checked_address(endpoint, schemes, &self.egress_hosts) {
                    say("endpoint", message);
                }
            }
            (None, []) => {}
        }
        let today = portal.clock.now().date();
        if self.review_by <= today || self.review_by > today.saturating_add(LATEST_REVIEW) {
            say("review_by", format!("choose a day after today and within {} days", LATEST_REVIEW.whole_days()));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    pub(super) fn checked_credential(&self, label: &str) -> Result<SecretString> {
        checked_secret(self.credential.as_ref(), self.kind, &self.egress_hosts, label)
    }

    /// A secret address leads to a host that is still named.
    pub(super) fn check_hosts_of_secret(&self, secret: Option<&SecretString>) -> Result<()> {
        match secret {
            Some(secret) if self.kind.secret_is_the_address() => {
                checked_address(secret.expose_secret(), &["https", "http"], &self.egress_hosts).map(|_| ()).map_err(
                    |_| {
                        Error::invalid(
                            "egress_hosts",
                            "the webhook address leads to a host that is not named here; rotate it first",
                        )
                    },
                )
            }
            _ => Ok(()),
        }
    }

    /// Whether an approval of `before` covers this.
    pub(super) fn withdraws_approval_of(&self, before: &Integration) -> bool {
        let sorted = |classes: &[DataClass]| {
            let mut classes = classes.to_vec();
            classes.sort();
            classes
        };
        sorted(&self.data_classes) != sorted(&before.data_classes)
            || self.scopes != before.scopes
            || self.egress_hosts != before.egress_hosts
            || self.endpoint != before.endpoint
    }
}

/// A secret that was given, and that leads nowhere but to a named host.
pub(super) fn checked_secret(
    secret: Option<&SecretString>,
    kind: IntegrationKind,
    hosts: &[String],
    label: &str,
) -> Result<SecretString> {
    let wrong = |message: String| Error::invalid("credential", message);
    let text = secret.map(|secret| secret.expose_secret().trim()).unwrap_or_default();
    if text.is_empty() || text.len() > MAX_SECRET || text.chars().any(char::is_control) {
        return Err(wrong(format!("enter the {}, at most {MAX_SECRET} characters on one line", label.to_lowercase())));
    }
    if kind.secret_is_the_address() {
        checked_address(text, &["https", "http"], hosts).map_err(wrong)?;
    }
    Ok(text.to_owned().into())
}

/// The address, where it has one of the schemes, one of the hosts, and no password in it.
fn checked_address(address: &str, schemes: &[&str], hosts: &[String]) -> std::result::Result<Url, String> {
    let url = Url::parse(address).map_err(|_| format!("this is not an address; it begins with {}://", schemes[0]))?;
    if !schemes.contains(&url.scheme()) {
        return Err(format!("the address begins with {}://", schemes.join(":// or ")));
    }
    if url.password().is_some() {
        return Err("leave the password out of the address; it has its own field".to_owned());
    }
    // plain http only within this machine: a token would pass in the clear
    let host = url.host_str().ok_or("the address names no host")?.trim_matches(['[', ']']).to_owned();
    if url.scheme() == "http" && !is_loopback(&host) {
        return Err("use https: over http anybody on the way reads it".to_owned());
    }
    let with_port = url.port().map(|port| format!("{host}:{port}"));
    let named = |candidate: &str| hosts.iter().any(|host| host.eq_ignore_ascii_case(candidate));
    if named(&host) || with_port.as_deref().is_some_and(named) {
        return Ok(url);
    }
    Err(format!("it leads to {}, which is not among the egress hosts", with_port.unwrap_or(host)))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A host name (RFC 1123) or address, with a port or without.
fn is_host(host: &str) -> bool {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return true;
    }
    let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        && (1..=253).contains(&name.len())
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}
