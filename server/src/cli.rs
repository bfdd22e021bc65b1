//! The command line: decode, one operation, encode.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Subcommand, error::ErrorKind};
use model::ImportReport;
use portal::{
    Actor, Clock,
    authz::RoleName,
    identity::{access, token},
    migrate,
    scale::Size,
};
use secrecy::ExposeSecret;

use crate::{
    apply,
    config::{self, Config, SETTINGS},
    descriptors, doctor, keys, pipeline, rest, serve, telemetry,
    validate::{self, Style},
};

#[derive(Subcommand)]
enum Do {
    /// Serve the portal; in evaluation mode with its own database, identity provider and worker
    Serve,
    /// Do jobs in a process of their own
    Work,
    /// Ask the portal that these settings start whether it can serve: exit 0 where it can
    Ready,
    /// Bring the database to this version's schema, as its owner
    Migrate {
        /// Print what the server's role is granted, and do nothing
        #[arg(long)]
        print_roles: bool,
    },
    /// Show every setting, its value and where it came from
    Config,
    /// Look at everything that an installation stands on; ends with 1 where something has to be mended
    Doctor {
        /// As JSON: {checks: [{check, verdict, what, remedy}]}
        #[arg(long)]
        json: bool,
    },
    /// Administer an installation from its own machine
    #[command(subcommand)]
    Admin(Admin),
    /// Check descriptors, or read them into the catalog
    #[command(subcommand)]
    Catalog(Catalog),
    /// Reports of scanners
    #[command(subcommand)]
    Scan(Scan),
    /// Ask whether a service may go out: exit 0 for allow, 1 for deny, 2 where it cannot be told
    Gate {
        #[command(flatten)]
        portal: pipeline::Remote,
        #[command(flatten)]
        question: pipeline::Question,
    },
    /// The formats of reports, without a server
    #[command(subcommand)]
    Formats(Formats),
    /// The demonstration organisation of an evaluation
    #[command(subcommand)]
    Demo(Demo),
    /// Print what is generated from the code: openapi, errors, facts, keycloak-realm, permissions, settings
    Print { what: String },
}

#[derive(Subcommand)]
enum Catalog {
    /// Say what is wrong with descriptors, without a server; ends with 1 where anything is, with 2 where they cannot be read
    Validate {
        /// Files of descriptors, and folders that hold catalog-info.yaml; what they name beside them is looked at too
        #[arg(required = true)]
        path: Vec<PathBuf>,
        #[arg(long, value_enum, default_value_t)]
        format: Style,
        /// As --format json
        #[arg(long, conflicts_with = "format")]
        json: bool,
    },
    /// Bring descriptors to a portal elsewhere; ends with 1 where a document is wrong, with 2 where it cannot be told
    Apply(apply::Apply),
    /// Read files and folders of descriptors into the catalog; ends with 1 where a document is wrong
    Import {
        #[arg(required = true)]
        path: Vec<PathBuf>,
        /// The source that they are; left out: each path is its own
        #[arg(long)]
        source: Option<String>,
    },
}

#[derive(Subcommand)]
enum Admin {
    /// Give a person a role, as the first administrator is made
    Grant {
        /// The person's address or id; they have signed in once
        person: String,
        /// developer, team_lead, security_champion, platform_administrator or auditor
        #[arg(long, default_value = "platform_administrator")]
        role: String,
        /// The team's name; left out: in the whole organisation
        #[arg(long)]
        team: Option<String>,
        /// Days until it ends; left out: it does not
        #[arg(long)]
        days: Option<u16>,
    },
    /// Tokens of service accounts
    #[command(subcommand)]
    Token(Token),
    /// The key file
    #[command(subcommand)]
    Key(Key),
}

#[derive(Subcommand)]
enum Scan {
    /// Upload a report: it replaces what the same service, tool, target, branch and stage said before
    Upload {
        #[command(flatten)]
        portal: pipeline::Remote,
        #[command(flatten)]
        report: pipeline::Report,
    },
}

#[derive(Subcommand)]
enum Formats {
    /// Say what a file is and what is in it; exit 2 with the reason where that cannot be told
    Read {
        /// The file; `-` for standard input
        file: PathBuf,
        /// As JSON: {format, version, findings: [{title, severity, …}]}
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum Demo {
    /// Empty a database that the demonstration made, and load it again
    Reset,
    /// Add a big organisation to a database that the demonstration made: to try the portal at that size
    Grow {
        #[arg(long, default_value_t = Size::BUDGET.entities)]
        entities: u32,
        #[arg(long, default_value_t = Size::BUDGET.findings)]
        findings: u32,
        #[arg(long, default_value_t = Size::BUDGET.environments)]
        environments: u32,
    },
}

#[derive(Subcommand)]
enum Token {
    /// Issue a service account's token and print it, alone, on standard output
    Create {
        /// The service account; made where there is none of that name
        #[arg(long)]
        name: String,
        /// What it may do; several times for several
        #[arg(long, required = true)]
        scope: Vec<String>,
        /// Days until it expires; left out: it does not
        #[arg(long)]
        days: Option<u16>,
    },
}

#[derive(Subcommand)]
enum Key {
    /// Make a key file
    New { file: PathBuf },
    #[command(flatten)]
    Change(KeyChange),
}

#[derive(Subcommand)]
enum KeyChange {
    /// Make a new key active and encrypt everything under it; goes on with what was interrupted
    Rotate {
        /// Only add the key, to bring the file to every machine first; the next rotation makes it active
        #[arg(long)]
        stage: bool,
    },
    /// Take a key that encrypts nothing any more out of the file
    Remove { key: String },
}

/// Runs the command line and says how it ended.
pub async fn run() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // help and version are what was asked for; anything else is wrong usage
            drop(error.print());
            return if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            };
        }
    };
    match execute(&matches).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rampart: {error:#}");
            // a pipeline must not take a failure for the gate's denial
            if is_of_pipelines(&matches) { ExitCode::from(pipeline::CANNOT_TELL) } else { ExitCode::FAILURE }
        }
    }
}

/// Whether the command runs in builds, where 1 is an answer and no failure.
fn is_of_pipelines(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some(("catalog", of)) => matches!(of.subcommand_name(), Some("validate" | "apply")),
        Some((name, _)) => pipeline::COMMANDS.contains(&name),
        None => false,
    }
}

fn command() -> Command {
    let settings = SETTINGS.iter().map(|setting| {
        Arg::new(setting.key)
            .long(config::flag(setting.key))
            .global(true)
            .value_name("VALUE")
            .hide(true)
            .help(setting.about)
    });
    let command = Command::new("rampart")
        .about("A security-first internal developer portal")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help("Every setting is a flag too: `rampart config` lists them.")
        .arg(
            Arg::new("config")
                .long("config")
                .global(true)
                .value_name("FILE")
                .help("The settings file; default: rampart.toml here")
                .action(ArgAction::Set),
        )
        .args(settings);
    Do::augment_subcommands(command)
}

async fn execute(matches: &ArgMatches) -> Result<ExitCode> {
    let asked = Do::from_arg_matches(matches)?;
    if let Do::Catalog(Catalog::Validate { path, format, json }) = &asked {
        // needs no server, and so no other setting
        let kinds = matches.get_one::<String>("catalog_kinds").cloned();
        descriptors::declare_kinds(kinds.or_else(|| std::env::var("RAMPART_CATALOG_KINDS").ok()).as_deref())?;
        let outcome = validate::check(path)?;
        print(&outcome.said(if *json { Style::Json } else { *format }))?;
        return Ok(ExitCode::from(outcome.code()));
    }
    let flags: BTreeMap<String, String> = SETTINGS
        .iter()
        .map(|setting| setting.key)
        .chain(["config"])
        .filter_map(|key| Some((key.to_owned(), matches.get_one::<String>(key)?.clone())))
        .collect();
    let config = Config::load(&flags)?;
    let exporter = telemetry::start(&config, matches!(asked, Do::Serve | Do::Work))?;
    match asked {
        Do::Serve => serve::serve(&config, exporter).await?,
        Do::Work => serve::work(&config, exporter).await?,
        Do::Ready => serve::is_ready(&config).await?,
        Do::Migrate { print_roles: true } => {
            print(&migrate::grants(config.text("database_role").unwrap_or("rampart"))?)?
        }
        Do::Migrate { print_roles: false } => {
            let owner = config.secret("owner_database_url").or_else(|| config.secret("database_url"));
            let owner = owner
                .context("RAMPART_OWNER_DATABASE_URL is not set: name the database as the role that owns the schema")?;
            serve::migrate_as(&owner, &config).await?;
        }
        Do::Config => print(&config.table())?,
        Do::Doctor { json } => {
            let findings = doctor::examine(&config, &Clock::system()).await;
            print(&if json { findings.in_json()? } else { findings.in_words() })?;
            return Ok(if findings.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        Do::Admin(Admin::Grant { person, role, team, days }) => {
            let portal = serve::portal(&config).await?;
            let actor = Actor::system("admin.grant", None, "command line".to_owned());
            let role = RoleName::parse(&role).with_context(|| format!("{role:?} is not a role"))?;
            let person = access::person_named(&portal, &actor, &person).await?;
            let team = match team {
                Some(name) => Some(access::team_named(&portal, &actor, &name).await?),
                None => None,
            };
            let until = days.map(|days| portal.clock.now() + time::Duration::days(days.into()));
            access::give(&portal, &actor, person, role, team, until).await?;
            eprintln!("{} is given; it counts from the next request on", role.label());
            portal.close().await;
        }
        Do::Admin(Admin::Token(Token::Create { name, scope, days })) => {
            let portal = serve::portal(&config).await?;
            let actor = Actor::system("admin.token", None, "command line".to_owned());
            let lifetime = days.map(|days| time::Duration::days(days.into()));
            let issued = token::issue_for_service_account(&portal, &actor, &name, &scope, lifetime).await?;
            print(&format!("{}\n", issued.secret.expose_secret()))?;
            portal.close().await;
        }
        Do::Admin(Admin::Key(Key::New { file })) => {
            keys::make(&file)?;
            eprintln!("wrote {}; keep a copy where the database's backups are not", file.display());
        }
        Do::Admin(Admin::Key(Key::Change(change))) => {
            let path = keys::path(&config, serve::is_evaluation(&config).unwrap_or(false))?;
            let portal = serve::portal(&config).await?;
            let actor = Actor::system("admin.key", None, "command line".to_owned());
            let said = match change {
                KeyChange::Rotate { stage: true } => keys::stage(&portal, &actor, &path).await,
                KeyChange::Rotate { stage: false } => keys::rotate(&portal, &actor, &path).await,
                KeyChange::Remove { key } => keys::remove(&portal, &actor, &path, &key).await,
            };
            portal.close().await;
            print(&said?)?;
        }
        Do::Catalog(Catalog::Validate { .. }) => {}
        Do::Catalog(Catalog::Apply(asked)) => {
            let (said, code) = apply::apply(&serve::client(&config)?, &asked).await?;
            print(&said)?;
            return Ok(ExitCode::from(code));
        }
        Do::Catalog(Catalog::Import { path, source }) => {
            let portal = serve::portal(&config).await?;
            let mut code = ExitCode::SUCCESS;
            for path in path {
                let report = descriptors::import(&portal, &path, source.as_deref()).await?;
                print(&imported(&path, &report))?;
                if !report.errors.is_empty() {
                    code = ExitCode::FAILURE;
                }
            }
            portal.close().await;
            return Ok(code);
        }
        Do::Scan(Scan::Upload { portal, report }) => {
            print(&pipeline::upload(&serve::client(&config)?, &portal, &report).await?)?
        }
        Do::Gate { portal, question } => {
            let (answer, code) = pipeline::gate(&serve::client(&config)?, &portal, &question).await?;
            print(&answer)?;
            return Ok(code);
        }
        Do::Formats(Formats::Read { file, json }) => print(&pipeline::read(&file, json)?)?,
        Do::Demo(Demo::Reset) => serve::reset_demonstration(&config).await?,
        Do::Demo(Demo::Grow { entities, findings, environments }) => {
            serve::grow_demonstration(&config, Size { entities, findings, environments }).await?;
        }
        Do::Print { what } => match what.as_str() {
            "openapi" => print(&rest::openapi_json())?,
            "errors" => print(&crate::docs::errors())?,
            "facts" => print(&crate::docs::facts())?,
            "permissions" => print(&crate::docs::permissions())?,
            "keycloak-realm" => print(&crate::realm::json())?,
            "settings" => print(&crate::docs::settings())?,
            _ => anyhow::bail!(
                "{what:?} is not generated; there are openapi, errors, facts, keycloak-realm, permissions, settings"
            ),
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn imported(path: &Path, report: &ImportReport) -> String {
    let mut lines = format!(
        "{}: {} added, {} changed, {} as before, {} wrong\n",
        path.display(),
        report.created.len(),
        report.updated.len(),
        report.unchanged.len(),
        report.errors.len()
    );
    for error in &report.errors {
        let field = error.field.as_ref().map(|field| format!(" {field}:")).unwrap_or_default();
        lines += &format!("{}:{}{field} {}\n", error.file, error.line, error.reason);
    }
    lines
}

/// To standard output, where a closed pipe is no error of ours.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
