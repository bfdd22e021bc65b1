//! Every setting: its name, unit, default and source. Flag, then environment, then `rampart.toml`, then default.

use std::{
    collections::BTreeMap,
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail};
use secrecy::{ExposeSecret, SecretString};

/// One setting, as `rampart config` and the documentation list it.
#[derive(Debug)]
pub struct Setting {
    /// In `rampart.toml`; with hyphens, the flag.
    pub key: &'static str,
    /// The environment variable; a secret can also come from the file that `<NAME>_FILE` names.
    pub env: &'static str,
    pub default: Option<&'static str>,
    pub secret: bool,
    pub about: &'static str,
}

macro_rules! settings {
    ($($key:ident = $env:literal, $default:expr, $secret:literal, $about:literal;)+) => {
        /// Every setting there is; a name that is not here is an error.
        pub const SETTINGS: &[Setting] = &[
            $(Setting { key: stringify!($key), env: $env, default: $default, secret: $secret, about: $about },)+
        ];
    };
}

settings! {
    addr = "RAMPART_ADDR", Some("127.0.0.1:3000"), false, "address and port that the portal listens on";
    base_url = "RAMPART_BASE_URL", None, false, "where people reach the portal; default: http:// and the address";
    data = "RAMPART_DATA", Some(".rampart"), false, "folder of the evaluation's database and keys";
    database_url = "DATABASE_URL", None, true, "Postgres for the server's role; none: the evaluation's own";
    owner_database_url = "RAMPART_OWNER_DATABASE_URL", None, true, "Postgres for the role that owns the schema: rampart migrate";
    database_role = "RAMPART_DATABASE_ROLE", Some("rampart"), false, "the server's role, for the grants of rampart migrate";
    key_file = "RAMPART_KEY_FILE", None, false, "file of the encryption and signing keys";
    evaluation = "RAMPART_EVALUATION", None, false, "1: evaluate with a DATABASE_URL; 0: never";
    evaluation_oidc_addr = "RAMPART_EVALUATION_OIDC_ADDR", Some("127.0.0.1:3001"), false, "address of the evaluation's identity provider; loopback";
    oidc_issuer = "RAMPART_OIDC_ISSUER", None, false, "issuer of the identity provider";
    oidc_client_id = "RAMPART_OIDC_CLIENT_ID", None, false, "the portal's client id there";
    oidc_client_secret = "RAMPART_OIDC_CLIENT_SECRET", None, true, "the portal's client secret there";
    oidc_backchannel_url = "RAMPART_OIDC_BACKCHANNEL_URL", None, false, "where the server itself reaches the issuer, if not at its own address";
    oidc_scopes = "RAMPART_OIDC_SCOPES", Some("openid profile email groups"), false, "scopes to ask for, separated by spaces";
    oidc_groups_claim = "RAMPART_OIDC_GROUPS_CLAIM", Some("groups"), false, "claim that names a person's groups";
    admin_groups = "RAMPART_ADMIN_GROUPS", Some(""), false, "groups whose members are platform administrators, separated by commas";
    champion_group = "RAMPART_CHAMPION_GROUP", Some("security-champions"), false, "group of the security champions; after a team's name and a hyphen, of that team's";
    auditor_group = "RAMPART_AUDITOR_GROUP", Some("auditors"), false, "group of the auditors";
    team_group_prefix = "RAMPART_TEAM_GROUP_PREFIX", Some(""), false, "what a group begins with that is a team";
    lead_group_suffix = "RAMPART_LEAD_GROUP_SUFFIX", Some("-leads"), false, "what the group of a team's leads ends with";
    session_idle_minutes = "RAMPART_SESSION_IDLE_MINUTES", Some("480"), false, "minutes without use after which a session ends";
    session_absolute_hours = "RAMPART_SESSION_ABSOLUTE_HOURS", Some("168"), false, "hours after which a session ends in any case";
    trusted_proxies = "RAMPART_TRUSTED_PROXIES", Some(""), false, "addresses of proxies whose X-Forwarded-For counts, separated by commas";
    ca_file = "RAMPART_CA_FILE", None, false, "PEM file of further certificate authorities";
    https_proxy = "HTTPS_PROXY", None, true, "proxy for what leaves over https: http://host:port, with user:password@ where it asks";
    no_proxy = "NO_PROXY", Some(""), false, "hosts, domains and networks that are reached without the proxy, separated by commas";
    smtp_url = "RAMPART_SMTP_URL", None, true, "mail server: smtps://user:password@host or smtp://host:25";
    mail_from = "RAMPART_MAIL_FROM", Some("Rampart <rampart@localhost>"), false, "sender of mail";
    egress_allow = "RAMPART_EGRESS_ALLOW", Some(""), false, "hosts that webhooks and sources of the catalog may call, with private addresses where named so, separated by commas";
    provisioner_url = "RAMPART_PROVISIONER_URL", None, true, "Postgres on which environments are made: a role with CREATEDB and CREATEROLE";
    provisioner_public = "RAMPART_PROVISIONER_PUBLIC", None, false, "host and port under which people reach that Postgres";
    template_paths = "RAMPART_TEMPLATE_PATHS", Some(""), false, "environment templates to load at the start: files or folders, separated by commas";
    catalog_paths = "RAMPART_CATALOG_PATHS", Some(""), false, "descriptors to load at the start: files or folders, separated by commas";
    catalog_kinds = "RAMPART_CATALOG_KINDS", None, false, "kinds of entities beside Backstage's: a file, or a folder of files";
    gate_rules = "RAMPART_GATE_RULES", None, false, "file of the deploy gate's rules; default: the built-in ones";
    metrics_addr = "RAMPART_METRICS_ADDR", None, false, "address and port on which /metrics is answered to whoever reaches it; none: on the portal's, for a token";
    metrics_token = "RAMPART_METRICS_TOKEN", None, true, "bearer token for /metrics on the portal's address, besides service accounts' of the scope metrics:read";
    otlp_endpoint = "RAMPART_OTLP_ENDPOINT", None, false, "collector that traces are sent to by OTLP over HTTP: http://host:4318; none: no traces";
    otlp_headers = "RAMPART_OTLP_HEADERS", None, true, "headers that are sent along: name=value, separated by commas";
    log = "RAMPART_LOG", Some("info,graphile_worker=warn,sqlx::postgres::notice=warn"), false, "what is logged, as tracing's filter reads it";
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Flag,
    Environment,
    File,
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        })
    }
}

/// The settings in force.
pub struct Config {
    values: BTreeMap<&'static str, (SecretString, Source)>,
}

impl Config {
    /// Reads flags, the process's environment and the file that `--config` or `RAMPART_CONFIG` names, or
    /// `rampart.toml` in the working folder where there is one.
    ///
    /// # Errors
    /// An unknown key, an unreadable file, a value of the wrong kind: each by name.
    pub fn load(flags: &BTreeMap<String, String>) -> Result<Self> {
        let named = flags.get("config").cloned().or_else(|| std::env::var("RAMPART_CONFIG").ok());
        let file = match &named {
            Some(path) => Some(PathBuf::from(path)),
            None => Some(PathBuf::from("rampart.toml")).filter(|path| path.exists()),
        };
        let text = match &file {
            Some(path) => fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
            None => String::new(),
        };
        let config = Self::resolve(flags, |name| std::env::var(name).ok(), &text)?;
        config.check()?;
        Ok(config)
    }

    /// # Errors
    /// As [`Config::load`].
    pub fn resolve(flags: &BTreeMap<String, String>, env: impl Fn(&str) -> Option<String>, file: &str) -> Result<Self> {
        let file: BTreeMap<String, toml::Value> = toml::from_str(file).context("cannot read rampart.toml")?;
        if let Some(unknown) = file.keys().find(|key| !SETTINGS.iter().any(|setting| setting.key == *key)) {
            bail!("rampart.toml: {unknown:?} is not a setting; `rampart config` lists those there are");
        }
        let mut values = BTreeMap::new();
        for setting in SETTINGS {
            let from_env = || -> Result<Option<String>> {
                // the proxy's variables are written in small letters as often
                let small = || env(&setting.env.to_ascii_lowercase()).filter(|_| setting.env.ends_with("_PROXY"));
                if let Some(value) = env(setting.env).or_else(small) {
                    return Ok(Some(value));
                }
                let name = format!("{}_FILE", setting.env);
                match env(&name).filter(|_| setting.secret) {
                    Some(path) => {
                        let value = fs::read_to_string(&path).with_context(|| format!("{name}: cannot read {path}"))?;
                        Ok(Some(value.trim_end().to_owned()))
                    }
                    None => Ok(None),
                }
            };
            let found = if let Some(value) = flags.get(setting.key) {
                Some((value.clone(), Source::Flag))
            } else if let Some(value) = from_env()? {
                Some((value, Source::Environment))
            } else if let Some(value) = file.get(setting.key) {
                Some((in_text(setting.key, value)?, Source::File))
            } else {
                setting.default.map(|value| (value.to_owned(), Source::Default))
            };
            if let Some((value, source)) =
                found.filter(|(value, source)| !value.is_empty() || *source == Source::Default)
            {
                values.insert(setting.key, (value.into(), source));
            }
        }
        Ok(Self { values })
    }

    /// Reads each typed setting once, so that a wrong one is named at the start and not in the night.
    fn check(&self) -> Result<()> {
        self.addr()?;
        self.base_url()?;
        self.session_idle()?;
        self.session_absolute()?;
        self.trusted_proxies()?;
        self.parsed::<SocketAddr>("evaluation_oidc_addr")?;
        self.metrics_addr()?;
        self.pairs("otlp_headers")?;
        if let Some(role) = self.text("database_role") {
            portal::migrate::grants(role)?;
        }
        Ok(())
    }

    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(value, _)| value.expose_secret()).filter(|value| !value.is_empty())
    }

    #[must_use]
    pub fn secret(&self, key: &str) -> Option<SecretString> {
        self.text(key).map(Into::into)
    }

    #[must_use]
    pub fn source(&self, key: &str) -> Option<Source> {
        self.values.get(key).map(|(_, source)| *source)
    }

    /// Items separated by commas, without empty ones.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<String> {
        let text = self.text(key).unwrap_or_default();
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// # Errors
    /// The setting is missing or of another kind.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&self, key: &'static str) -> Result<T> {
        let setting = SETTINGS.iter().find(|setting| setting.key == key).context("no such setting")?;
        let text = self.text(key).with_context(|| format!("{} is not set: {}", setting.env, setting.about))?;
        text.parse().map_err(|error| anyhow::anyhow!("{}={text:?}: {error} ({})", setting.env, setting.about))
    }

    /// # Errors
    /// Not an address with a port.
    pub fn addr(&self) -> Result<SocketAddr> {
        self.parsed("addr")
    }

    /// Where metrics are answered, if anywhere of their own.
    ///
    /// # Errors
    /// Not an address with a port.
    pub fn metrics_addr(&self) -> Result<Option<SocketAddr>> {
        self.text("metrics_addr").map(|_| self.parsed("metrics_addr")).transpose()
    }

    /// `name=value` items separated by commas; what is wrong is named without its value, which may be a secret.
    ///
    /// # Errors
    /// An item has no equals sign.
    pub fn pairs(&self, key: &str) -> Result<Vec<(String, String)>> {
        let pair = |item: String| {
            let (name, value) = item.split_once('=').with_context(|| format!("{key}: an item is not name=value"))?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        };
        self.list(key).into_iter().map(pair).collect()
    }

    /// Without a slash at the end.
    ///
    /// # Errors
    /// Not an http or https address without a path.
    pub fn base_url(&self) -> Result<url::Url> {
        let text = match self.text("base_url") {
            Some(text) => text.to_owned(),
            None => format!("http://{}", self.addr()?),
        };
        let url = url::Url::parse(&text).with_context(|| format!("RAMPART_BASE_URL={text:?} is not an address"))?;
        if !matches!(url.scheme(), "http" | "https")
            || url.path() != "/"
            || url.query().is_some()
            || url.host().is_none()
        {
            bail!("RAMPART_BASE_URL={text:?} has to be http:// or https:// and a host, without a path");
        }
        Ok(url)
    }

    /// # Errors
    /// Not a whole number of minutes.
    pub fn session_idle(&self) -> Result<time::Duration> {
        Ok(time::Duration::minutes(self.parsed::<u32>("session_idle_minutes")?.into()))
    }

    /// # Errors
    /// Not a whole number of hours.
    pub fn session_absolute(&self) -> Result<time::Duration> {
        Ok(time::Duration::hours(self.parsed::<u32>("session_absolute_hours")?.into()))
    }

    /// # Errors
    /// An item is not an address.
    pub fn trusted_proxies(&self) -> Result<Vec<std::net::IpAddr>> {
        self.list("trusted_proxies")
            .iter()
            .map(|item| item.parse().with_context(|| format!("RAMPART_TRUSTED_PROXIES: {item:?} is not an address")))
            .collect()
    }

    #[must_use]
    pub fn data(&self) -> &Path {
        Path::new(self.text("data").unwrap_or(".rampart"))
    }

    /// What `rampart config` prints: every setting with its value and source; secrets only as set or not.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        for setting in SETTINGS {
            let value = match (self.text(setting.key), setting.secret) {
                (None, _) => "(not set)",
                (Some(_), true) => "(set, not shown)",
                (Some(value), false) => value,
            };
            let source = self.source(setting.key).map(|source| format!("  [{source}]")).unwrap_or_default();
            text.push_str(&format!(
                "{} = {value}{source}\n    {}; flag --{}\n",
                setting.env,
                setting.about,
                flag(setting.key)
            ));
        }
        text
    }
}

/// The flag of a key: `base_url` is `--base-url`.
#[must_use]
pub fn flag(key: &str) -> String {
    key.replace('_', "-")
}

fn in_text(key: &str, value: &toml::Value) -> Result<String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(if *flag { "1" } else { "0" }.to_owned()),
        toml::Value::Array(items) => {
            let items: Result<Vec<String>> = items.iter().map(|item| in_text(key, item)).collect();
            Ok(items?.join(","))
        }
        _ => bail!("rampart.toml: {key} is neither text, number, true or false, nor a list of those"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_flag_comes_before_the_environment_before_the_file_before_the_default() {
        let env = |name: &str| (name == "RAMPART_ADDR").then(|| "127.0.0.1:2".to_owned());
        let file = "addr = \"127.0.0.1:3\"\nlog = \"debug\"";
        let all = Config::resolve(&flags(&[("addr", "127.0.0.1:1")]), env, file).unwrap();
        assert_eq!((all.text("addr"), all.source("addr")), (Some("127.0.0.1:1"), Some(Source::Flag)));
        let two = Config::resolve(&flags(&[]), env, file).unwrap();
        assert_eq!((two.text("addr"), two.source("addr")), (Some("127.0.0.1:2"), Some(Source::Environment)));
        assert_eq!((two.text("log"), two.source("log")), (Some("debug"), Some(Source::File)));
        assert_eq!(two.source("data"), Some(Source::Default));
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = Config::resolve(&flags(&[]), |_| None, "adr = \"x\"").err().unwrap();
        assert!(error.to_string().contains("\"adr\""), "{error}");
    }

    #[test]
    fn a_secret_is_read_from_its_file_and_never_shown() {
        let path = std::env::temp_dir().join(format!("rampart-secret-{}", std::process::id()));
        fs::write(&path, "hunter2\n").unwrap();
        let named = path.display().to_string();
        let env = |name: &str| (name == "RAMPART_OIDC_CLIENT_SECRET_FILE").then(|| named.clone());
        let config = Config::resolve(&flags(&[]), env, "").unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(config.text("oidc_client_secret"), Some("hunter2"));
        assert!(!config.table().contains("hunter2"));
    }

    #[test]
    fn a_base_address_with_a_path_is_refused() {
        let config = Config::resolve(&flags(&[("base_url", "https://example.com/portal")]), |_| None, "").unwrap();
        assert!(config.base_url().unwrap_err().to_string().contains("without a path"));
    }
}
