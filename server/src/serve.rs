//! From settings to a running portal: databases, keys, identity provider, worker and listener, and their orderly end.

use std::{
    fs,
    future::IntoFuture,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use futures::future::BoxFuture;
use model::{DataClass, IntegrationKind};
use portal::{
    Actor, Clock, Db, Portal, Rng, Settings,
    db::MigrationConn,
    egress::Egress,
    environments::provider::{Address, Start, Target},
    findings::gate::Rules,
    identity::GroupMapping,
    integrations::{self, BuiltIn},
    jobs, live, migrate,
    notifications::MailSettings,
    route::Route,
    scale::{self, Size},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{net::TcpListener, sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{cookie::Cookies, oidc},
    config::Config,
    demo, descriptors,
    evaluation::{self, identity, postgres},
    http::{self, Edge},
    keys, metrics,
    telemetry::{self, Exporter},
};

/// In the data folder: where a running evaluation's database is, for the command line.
const DATABASE_URL_FILE: &str = "database.url";
const OWNER_DATABASE_URL_FILE: &str = "owner-database.url";
/// As templates name the one server for environments.
const TARGET: &str = "default";

/// Whether this is an evaluation: no identity provider was configured.
///
/// # Errors
/// Why an evaluation may not start here.
pub fn is_evaluation(config: &Config) -> Result<bool> {
    if config.text("oidc_issuer").is_some() {
        return Ok(false);
    }
    if config.text("evaluation") == Some("0") {
        bail!(
            "RAMPART_EVALUATION=0 and no identity provider: set RAMPART_OIDC_ISSUER, RAMPART_OIDC_CLIENT_ID and RAMPART_OIDC_CLIENT_SECRET"
        );
    }
    let base_url = config.base_url()?;
    evaluation::may_start(evaluation::Circumstances {
        has_database_url: config.text("database_url").is_some(),
        is_asked_for: config.text("evaluation") == Some("1"),
        base_url: &base_url,
    })?;
    Ok(true)
}

/// Runs the portal until it is told to stop.
///
/// # Errors
/// What is missing or wrong, for the person who starts it.
pub async fn serve(config: &Config, exporter: Option<Exporter>) -> Result<()> {
    let evaluation = is_evaluation(config)?;
    let addr = config.addr()?;
    // the port first: whatever else is started is not started in vain
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("cannot listen on {addr}; set RAMPART_ADDR to another address"))?;
    let metrics_listener = metrics_listener(config).await?;
    let (clock, rng) = (Clock::system(), Rng::from_os());
    let stop = CancellationToken::new();
    let mut running = Running::default();

    let provider = if evaluation { Some(bind_provider(config, &clock, &rng).await?) } else { None };
    let mut owner_url = config.secret("owner_database_url").filter(|_| evaluation);
    let database_url = match config.secret("database_url") {
        Some(url) => url,
        None if evaluation => {
            let database = postgres::PortalDatabase::start(&cluster(config, "postgres", &rng)).await?;
            let (url, owner) = (database.app_url(), database.owner_url());
            write_private(&config.data().join(DATABASE_URL_FILE), url.expose_secret())?;
            write_private(&config.data().join(OWNER_DATABASE_URL_FILE), owner.expose_secret())?;
            running.database = Some(database);
            owner_url = Some(owner);
            url
        }
        None => bail!(
            "DATABASE_URL is not set: name the Postgres for the server's role, or leave out RAMPART_OIDC_ISSUER to evaluate"
        ),
    };
    if let Some(owner) = &owner_url {
        migrate_as(owner, config).await?;
    }
    let keys = keys::open(config, evaluation, &clock, &rng)?;
    let target = match given_target(config)? {
        None if evaluation => {
            let server =
                Arc::new(FirstUse { options: cluster(config, "provisioning", &rng), started: Mutex::default() });
            running.provisioning = Some(server.clone());
            Some(Target {
                name: TARGET.to_owned(),
                prefix: "env".to_owned(),
                address: Address::OnFirstUse(server),
                public: None,
            })
        }
        given => given,
    };
    let portal = Portal::new(Db::connect(&database_url)?, clock, rng, keys, settings(config, target)?);
    portal.check_schema().await?;
    portal::catalog::kinds::remember(&portal).await?;
    let edge = edge(config, &portal, provider.as_ref().map(|provider| provider.issuer().to_string()), evaluation)?;

    let set_up = |issuer: &str| built_ins(&portal, config, issuer);
    if let Some(provider) = provider {
        let issuer = provider.issuer().to_string();
        let stopped = stop.clone();
        running
            .tasks
            .spawn(async move { provider.serve(stopped.cancelled_owned()).await.map_err(anyhow::Error::from) });
        demo::load(&portal, &issuer, owner_url.as_ref(), set_up)
            .await
            .context("cannot load the demonstration organisation")?;
    }
    let actor = Actor::system("start", None, "start".to_owned());
    let built_ins = set_up(edge.provider.issuer());
    integrations::register(&portal, &actor, &built_ins)
        .await
        .context("cannot enter the integrations that are set up")?;
    running.tasks.spawn({
        let (portal, stop) = (portal.clone(), stop.clone());
        async move {
            live::listen(portal, stop).await;
            Ok(())
        }
    });
    if evaluation {
        let (portal, stop) = (portal.clone(), stop.clone());
        running.tasks.spawn(async move { jobs::work(portal, stop).await.map_err(anyhow::Error::from) });
    }

    if let Some(listener) = metrics_listener {
        running.tasks.spawn(metrics::serve(listener, portal.clone(), stop.clone()));
    }
    if let Some(exporter) = exporter {
        running.tasks.spawn(following(exporter, &portal, &stop));
    }

    descriptors::import_all(&portal, &config.list("catalog_paths")).await;
    announce(config, evaluation)?;
    let service = http::router(edge).into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future();
    let outcome = tokio::select! {
        outcome = serving => outcome.context("serving"),
        outcome = running.tasks.join_next(), if !running.tasks.is_empty() => match outcome {
            Some(Ok(Err(error))) => Err(error),
            Some(Err(error)) => Err(error.into()),
            _ => Ok(()),
        },
        () = told_to_stop() => Ok(()),
    };
    stop.cancel();
    running.end(&portal).await;
    if evaluation {
        // best effort: the next start writes them anew
        for file in [DATABASE_URL_FILE, OWNER_DATABASE_URL_FILE] {
            drop(fs::remove_file(config.data().join(file)));
        }
    }
    outcome
}

/// What comes in and goes out by the settings alone, for the integrations page.
fn built_ins(portal: &Portal, config: &Config, issuer: &str) -> Vec<BuiltIn> {
    use DataClass::{Confidential, Credentials, Internal, Personal};
    let host = |address: &str| -> Vec<String> {
        let url = url::Url::parse(address).ok();
        let host = url.as_ref().and_then(|url| Some((url.host_str()?.to_owned(), url.port())));
        host.map(|(host, port)| port.map_or(host.clone(), |port| format!("{host}:{port}"))).into_iter().collect()
    };
    let built_in = |kind, name, purpose, data_classes: &[DataClass], egress_hosts| BuiltIn {
        kind,
        name,
        purpose,
        data_classes: data_classes.to_vec(),
        egress_hosts,
    };
    let mut built_ins = vec![
        built_in(
            IntegrationKind::ReportUpload,
            "report-uploads",
            "Pipelines send what their scanners found",
            &[Confidential],
            Vec::new(),
        ),
        built_in(
            IntegrationKind::DescriptorUpload,
            "descriptor-uploads",
            "Pipelines and people send what there is and who owns it",
            &[Internal],
            Vec::new(),
        ),
        built_in(
            IntegrationKind::IdentityProvider,
            "identity-provider",
            "People sign in, and their groups become teams and roles",
            &[Personal],
            host(issuer),
        ),
    ];
    if let Some(url) = config.secret("smtp_url") {
        let hosts = host(url.expose_secret());
        built_ins.push(built_in(
            IntegrationKind::Mail,
            "mail",
            "Tells people what waits for them and what became of what they asked for",
            &[Internal, Personal],
            hosts,
        ));
    }
    if let Some(url) = config.text("otlp_endpoint") {
        built_ins.push(built_in(
            IntegrationKind::Telemetry,
            telemetry::INTEGRATION,
            "Traces show where time goes: routes, statuses and ids of requests, names of jobs",
            &[Internal],
            host(url),
        ));
    }
    let server = config.secret("provisioner_url");
    let hosts = server.map_or_else(|| vec!["localhost".to_owned()], |url| host(url.expose_secret()));
    if portal.settings.targets.iter().any(|target| target.name == TARGET) {
        let purpose = "Databases that people ask for are made and removed there";
        built_ins.push(built_in(
            IntegrationKind::PostgresServer,
            "environment-server",
            purpose,
            &[Internal, Credentials],
            hosts,
        ));
    }
    built_ins
}

/// Does jobs until it is told to stop, in a process of its own.
///
/// # Errors
/// As [`serve`].
pub async fn work(config: &Config, exporter: Option<Exporter>) -> Result<()> {
    let metrics_listener = metrics_listener(config).await?;
    let portal = portal(config).await?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        told_to_stop().await;
        stopping.cancel();
    });
    let mut beside = JoinSet::new();
    if let Some(listener) = metrics_listener {
        beside.spawn(metrics::serve(listener, portal.clone(), stop.clone()));
    }
    if let Some(exporter) = exporter {
        beside.spawn(following(exporter, &portal, &stop));
    }
    jobs::work(portal, stop).await?;
    while let Some(ended) = beside.join_next().await {
        ended??;
    }
    Ok(())
}

/// Where the process is measured, if it has an address of its own for that.
async fn metrics_listener(config: &Config) -> Result<Option<TcpListener>> {
    metrics::recorder();
    match config.metrics_addr()? {
        Some(addr) => Ok(Some(metrics::listen(addr).await?)),
        None => Ok(None),
    }
}

/// Sends traces as the integration's page allows, until `stop`.
fn following(
    exporter: Exporter,
    portal: &Portal,
    stop: &CancellationToken,
) -> impl Future<Output = Result<()>> + use<> {
    let (portal, stop) = (portal.clone(), stop.clone());
    async move {
        exporter.follow(portal, stop).await;
        Ok(())
    }
}

/// Whether the portal that these settings start on this machine can serve.
///
/// # Errors
/// It does not answer, or what it says.
pub async fn is_ready(config: &Config) -> Result<()> {
    let addr = config.addr()?;
    // whoever listens everywhere listens on loopback too
    let host: IpAddr = match addr.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let url = format!("http://{}/readyz", SocketAddr::new(host, addr.port()));
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(4)).build()?;
    let answer = client.get(&url).send().await.with_context(|| format!("nobody answers at {url}"))?;
    let status = answer.status();
    anyhow::ensure!(status.is_success(), "{url} answers {status}: {}", answer.text().await.unwrap_or_default());
    Ok(())
}

/// The portal for a command: the configured database, or the one of the evaluation that runs in the data folder.
///
/// # Errors
/// There is neither, or the schema is too old.
pub async fn portal(config: &Config) -> Result<Portal> {
    let evaluation = is_evaluation(config).unwrap_or(false);
    let database_url = database_url(config, true)?;
    let (clock, rng) = (Clock::system(), Rng::from_os());
    let keys = keys::open(config, evaluation, &clock, &rng)?;
    let target = given_target(config)?;
    let portal = Portal::new(Db::connect(&database_url)?, clock, rng, keys, settings(config, target)?);
    portal.check_schema().await?;
    Ok(portal)
}

/// The database for the server's role: the configured one, or the one of the evaluation that runs in the data folder.
///
/// # Errors
/// There is neither.
pub(crate) fn database_url(config: &Config, evaluation: bool) -> Result<SecretString> {
    match config.secret("database_url") {
        Some(url) => Ok(url),
        None if evaluation => running_evaluation(config, DATABASE_URL_FILE),
        None => bail!("DATABASE_URL is not set: name the Postgres for the server's role"),
    }
}

/// Brings the demonstration back to how it was at first.
///
/// # Errors
/// The demonstration did not make the database; nothing was changed then.
pub async fn reset_demonstration(config: &Config) -> Result<()> {
    let owner = demonstrations_owner(config)?;
    let portal = portal(config).await?;
    demo::reset(&portal, &owner, |issuer| built_ins(&portal, config, issuer)).await?;
    portal.close().await;
    Ok(())
}

/// Adds a big organisation to the demonstration's.
///
/// # Errors
/// The demonstration did not make this database, or it has grown already.
pub async fn grow_demonstration(config: &Config, size: Size) -> Result<()> {
    let mut owner = MigrationConn::connect(&demonstrations_owner(config)?).await?;
    Ok(scale::grow(&mut owner, size, Clock::system().now()).await?)
}

fn demonstrations_owner(config: &Config) -> Result<SecretString> {
    match config.secret("owner_database_url") {
        Some(url) => Ok(url),
        None if config.text("database_url").is_some() => {
            bail!("RAMPART_OWNER_DATABASE_URL is not set: changing whole tables needs the role that owns them")
        }
        None => running_evaluation(config, OWNER_DATABASE_URL_FILE),
    }
}

fn running_evaluation(config: &Config, file: &str) -> Result<SecretString> {
    let text = fs::read_to_string(config.data().join(file)).with_context(|| {
        format!(
            "no DATABASE_URL is set and no evaluation runs in {}: start one with `rampart serve`",
            config.data().display()
        )
    })?;
    Ok(text.into())
}

/// Migrates as the schema's owner, then grants to the server's role.
///
/// # Errors
/// The database's own reason.
pub async fn migrate_as(owner: &SecretString, config: &Config) -> Result<()> {
    let role = config.text("database_role").unwrap_or("rampart");
    let mut connection =
        MigrationConn::connect(owner).await.context("cannot reach the database as the schema's owner")?;
    migrate::migrate(&mut connection, role, Clock::system().now()).await.context("cannot migrate the database")?;
    Ok(())
}

/// The identity provider's settings; `issuer` is the evaluation's own.
///
/// # Errors
/// A setting is missing.
pub fn provider(config: &Config, issuer: Option<String>) -> Result<oidc::Provider> {
    let evaluation = issuer.is_some();
    let issuer = match issuer {
        Some(issuer) => issuer,
        None => config.parsed("oidc_issuer")?,
    };
    let settings = oidc::Settings {
        issuer,
        client_id: if evaluation { EVALUATION_CLIENT.to_owned() } else { config.parsed("oidc_client_id")? },
        client_secret: if evaluation { None } else { config.secret("oidc_client_secret") },
        scopes: config.text("oidc_scopes").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        groups_claim: config.text("oidc_groups_claim").unwrap_or("groups").to_owned(),
        backchannel: config
            .text("oidc_backchannel_url")
            .map(url::Url::parse)
            .transpose()
            .context("RAMPART_OIDC_BACKCHANNEL_URL")?,
        base_url: origin(config)?,
    };
    Ok(oidc::Provider::new(settings, client(config)?))
}

/// For requests to the provider, or to a portal elsewhere.
pub(crate) fn client(config: &Config) -> Result<reqwest::Client> {
    Ok(route(config)?.client()?.redirect(reqwest::redirect::Policy::none()).user_agent("rampart").build()?)
}

/// How requests leave: with the authorities of `RAMPART_CA_FILE`, through `HTTPS_PROXY` but for `NO_PROXY`.
pub(crate) fn route(config: &Config) -> Result<Route> {
    let authorities = match config.text("ca_file") {
        Some(path) => fs::read(path).with_context(|| format!("RAMPART_CA_FILE: cannot read {path}"))?,
        None => Vec::new(),
    };
    let proxy = config.secret("https_proxy");
    let never = config.list("no_proxy");
    Route::new(authorities, proxy.as_ref().map(SecretString::expose_secret), never)
        .context("cannot use RAMPART_CA_FILE or HTTPS_PROXY")
}

/// Where mail is handed in, if anywhere.
pub(crate) fn mail_settings(config: &Config) -> Result<Option<MailSettings>> {
    let Some(url) = config.secret("smtp_url") else { return Ok(None) };
    let from = config.text("mail_from").unwrap_or_default().to_owned();
    Ok(Some(MailSettings { url, from, authorities: route(config)?.authorities().to_vec() }))
}

const EVALUATION_CLIENT: &str = "rampart";

fn edge(config: &Config, portal: &Portal, issuer: Option<String>, evaluation: bool) -> Result<Edge> {
    let origin = origin(config)?;
    let provider = provider(config, issuer)?;
    let form_origins =
        url::Url::parse(provider.issuer()).map(|issuer| issuer.origin().ascii_serialization()).into_iter().collect();
    Ok(Edge::new(http::Inner {
        portal: portal.clone(),
        cookies: Cookies::for_base_url(&origin),
        origin,
        trusted_proxies: config.trusted_proxies()?,
        provider,
        form_origins,
        evaluation,
        metrics_token: config.secret("metrics_token"),
    }))
}

/// The base address without its slash: also what browsers send as `Origin`.
fn origin(config: &Config) -> Result<String> {
    Ok(config.base_url()?.origin().ascii_serialization())
}

fn settings(config: &Config, target: Option<Target>) -> Result<Settings> {
    let text = |key| config.text(key).unwrap_or_default().to_owned();
    let mut administrators = config.list("admin_groups");
    if administrators.is_empty() && config.text("oidc_issuer").is_none() {
        administrators.push(demo::ADMIN_GROUP.to_owned());
    }
    descriptors::declare_kinds(config.text("catalog_kinds"))?;
    Ok(Settings {
        base_url: origin(config)?,
        groups: GroupMapping {
            team_prefix: text("team_group_prefix"),
            lead_suffix: text("lead_group_suffix"),
            champions: text("champion_group"),
            auditors: text("auditor_group"),
            administrators,
        },
        session_idle: config.session_idle()?,
        session_absolute: config.session_absolute()?,
        targets: target.into_iter().collect(),
        mail: mail_settings(config)?,
        egress: egress(config)?,
        gate: gate_rules(config)?,
    })
}

/// The deploy gate's rules that an administrator wrote, else the built-in ones.
fn gate_rules(config: &Config) -> Result<Rules> {
    let Some(path) = config.text("gate_rules") else { return Ok(Rules::built_in()) };
    let text = fs::read_to_string(path).with_context(|| format!("RAMPART_GATE_RULES: cannot read {path}"))?;
    Rules::parse(&text).with_context(|| format!("RAMPART_GATE_RULES: {path}"))
}

/// The server for environments that an administrator named.
fn given_target(config: &Config) -> Result<Option<Target>> {
    let Some(url) = config.secret("provisioner_url") else { return Ok(None) };
    let public = match config.text("provisioner_public") {
        None => None,
        Some(text) => {
            let (host, port) = text
                .rsplit_once(':')
                .context("RAMPART_PROVISIONER_PUBLIC is not a host and a port: db.example.com:5432")?;
            let port = port.parse().with_context(|| format!("RAMPART_PROVISIONER_PUBLIC: {port:?} is not a port"))?;
            Some((host.to_owned(), port))
        }
    };
    Ok(Some(Target { name: TARGET.to_owned(), prefix: "env".to_owned(), address: Address::Given(url), public }))
}

/// What the portal may call by itself: the hosts of `RAMPART_EGRESS_ALLOW`.
fn egress(config: &Config) -> Result<Egress> {
    let rules: portal::Result<Vec<_>> = config.list("egress_allow").iter().map(|rule| rule.parse()).collect();
    Ok(Egress::new(rules.context("RAMPART_EGRESS_ALLOW")?).by(route(config)?))
}

/// Writes a file that only this user can read, whole or not at all.
///
/// # Errors
/// The file system's reason.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    if !folder.exists() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let half = path.with_extension("half");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)
        .with_context(|| format!("cannot write {}", half.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&half, path).with_context(|| format!("cannot write {}", path.display()))
}

async fn bind_provider(config: &Config, clock: &Clock, rng: &Rng) -> Result<identity::Provider> {
    let origin = origin(config)?;
    let options = identity::Options {
        addr: config.parsed("evaluation_oidc_addr")?,
        key_file: config.data().join("identity-provider.json"),
        people: demo::people(),
        clients: vec![identity::Client {
            id: EVALUATION_CLIENT.to_owned(),
            secret: None,
            name: "Rampart".to_owned(),
            redirect_uris: vec![format!("{origin}/sign-in/callback")],
            post_logout_redirect_uris: vec![format!("{origin}/signed-out")],
        }],
        clock: clock.clone(),
        rng: rng.clone(),
    };
    Ok(identity::Provider::bind(options).await?)
}

fn cluster(config: &Config, folder: &str, rng: &Rng) -> postgres::Options {
    postgres::Options {
        folder: config.data().join(folder),
        fsync: true,
        search: postgres::Search::from_environment(),
        rng: rng.clone(),
    }
}

/// The evaluation's server for environments: started when the first one is made.
struct FirstUse {
    options: postgres::Options,
    started: Mutex<Option<postgres::ProvisioningTarget>>,
}

impl Start for FirstUse {
    fn url(&self) -> BoxFuture<'_, portal::Result<SecretString>> {
        Box::pin(async {
            let mut started = self.started.lock().await;
            if let Some(server) = started.as_ref() {
                return Ok(server.provisioner_url());
            }
            let server = postgres::ProvisioningTarget::start(&self.options).await.map_err(portal::Error::internal)?;
            Ok(started.insert(server).provisioner_url())
        })
    }
}

/// What has to end with the portal.
#[derive(Default)]
struct Running {
    database: Option<postgres::PortalDatabase>,
    provisioning: Option<Arc<FirstUse>>,
    tasks: JoinSet<Result<()>>,
}

impl Running {
    /// Lets running work finish, then closes the database.
    async fn end(mut self, portal: &Portal) {
        let finished =
            tokio::time::timeout(Duration::from_secs(10), async { while self.tasks.join_next().await.is_some() {} });
        if finished.await.is_err() {
            tracing::warn!("some work did not finish in 10 seconds; it goes on at the next start");
            self.tasks.abort_all();
        }
        portal.close().await;
        if let Some(server) = self.provisioning
            && let Some(server) = server.started.lock().await.take()
            && let Err(error) = server.stop().await
        {
            tracing::error!(%error, "the evaluation's server for environments did not stop in order");
        }
        if let Some(database) = self.database
            && let Err(error) = database.stop().await
        {
            tracing::error!(%error, "the evaluation's database did not stop in order");
        }
    }
}

/// SIGINT or SIGTERM.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("a signal handler can be set at the start");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// The one line that a person who starts it reads.
#[expect(clippy::print_stdout, reason = "for the person at the terminal")]
fn announce(config: &Config, evaluation: bool) -> Result<()> {
    let origin = origin(config)?;
    if evaluation {
        let people: Vec<String> =
            demo::people().iter().take(6).map(|person| format!("{} ({})", person.name, person.title)).collect();
        println!("Rampart is ready at {origin} for evaluation; sign in as {}", people.join(", "));
    } else {
        println!("Rampart is ready at {origin}");
    }
    Ok(())
}
