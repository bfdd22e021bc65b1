//! The demonstration organisation of an evaluation, loaded through the same operations that people use.

mod alerts;
mod benchmarks;
mod flaws;
mod reports;
mod story;

use anyhow::{Context, Result};
use portal::{
    Actor, Portal,
    db::MigrationConn,
    demonstration::{self, Standing},
    integrations::{self, BuiltIn},
};
use secrecy::SecretString;

use crate::evaluation::identity::DemoPerson;

/// The group whose members administer the evaluation.
pub const ADMIN_GROUP: &str = "platform-admins";

/// Whom one can sign in as; the first six are one of each kind.
#[must_use]
pub fn people() -> Vec<DemoPerson> {
    let person = |sub: &str, name: &str, title: &str, groups: &[&str]| DemoPerson {
        sub: sub.to_owned(),
        name: name.to_owned(),
        email: format!("{sub}@example.com"),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        title: title.to_owned(),
    };
    vec![
        person("dana", "Dana Okafor", "Developer, Payments", &["payments"]),
        person("lena", "Lena Fischer", "Team lead, Payments", &["payments-leads"]),
        person("omar", "Omar Haddad", "Team lead, Identity", &["identity-leads"]),
        person("chika", "Chika Sato", "Security champion", &["platform", "security-champions"]),
        person("pat", "Pat Lindqvist", "Platform administrator", &["platform", ADMIN_GROUP]),
        person("ines", "Inês Carvalho", "Auditor", &["auditors"]),
        person("tomasz", "Tomasz Zielinski", "Developer, Payments", &["payments"]),
        person("amara", "Amara Diallo", "Developer, Payments", &["payments", "payments-security-champions"]),
        person("yuki", "Yuki Tanaka", "Developer, Identity", &["identity"]),
        person("ravi", "Ravi Menon", "Developer, Identity", &["identity"]),
        person("nora", "Nora Lindgren", "Team lead, Storefront", &["storefront-leads"]),
        person("felix", "Felix Braun", "Developer, Storefront", &["storefront"]),
        person("mei", "Mei Chen", "Developer, Storefront", &["storefront"]),
        person("sofia", "Sofia Rossi", "Developer, Storefront", &["storefront"]),
        person("kwame", "Kwame Mensah", "Team lead, Data", &["data-leads"]),
        person("hana", "Hana Novak", "Developer, Data", &["data"]),
        person("luis", "Luís Ferreira", "Developer, Data", &["data"]),
        person("priya", "Priya Nair", "Developer, Data", &["data"]),
        person("greta", "Greta Olsen", "Team lead, Platform", &["platform-leads"]),
        person("ivan", "Ivan Petrov", "Developer, Platform", &["platform"]),
        person("sam", "Sam Whitaker", "Developer, Platform", &["platform"]),
        person("zoe", "Zoë Laurent", "Team lead, Mobile", &["mobile-leads"]),
        person("malik", "Malik Aziz", "Developer, Mobile", &["mobile"]),
        person("elif", "Elif Kaya", "Developer, Mobile", &["mobile"]),
        person("jonas", "Jonas Weber", "Developer, Mobile", &["mobile"]),
    ]
}

/// Loads the organisation into a database that nobody uses yet, once. What a killed start left half-loaded is emptied,
/// as `owner`, and loaded again.
///
/// # Errors
/// What an operation refused.
pub async fn load(
    portal: &Portal,
    issuer: &str,
    owner: Option<&SecretString>,
    set_up: impl Fn(&str) -> Vec<BuiltIn>,
) -> Result<()> {
    let actor = actor();
    match demonstration::standing(portal, &actor).await? {
        Standing::Made(mark) if mark.finished_at.is_some() => return Ok(()),
        Standing::Foreign => {
            tracing::info!("the database is in use, so the demonstration organisation is not loaded into it");
            return Ok(());
        }
        Standing::Made(_) => {
            let owner = owner.context(
                "loading the demonstration organisation was interrupted; set RAMPART_OWNER_DATABASE_URL and run \
                 `rampart demo reset`",
            )?;
            demonstration::empty(&mut MigrationConn::connect(owner).await?).await?;
        }
        Standing::Empty => {}
    }
    tell(portal, issuer, &set_up(issuer)).await
}

/// Empties a database that the demonstration made and loads the organisation again.
///
/// # Errors
/// The demonstration did not make this database; or what an operation refused.
pub async fn reset(portal: &Portal, owner: &SecretString, set_up: impl Fn(&str) -> Vec<BuiltIn>) -> Result<()> {
    let mark = demonstration::empty(&mut MigrationConn::connect(owner).await?).await?;
    tell(portal, &mark.issuer, &set_up(&mark.issuer)).await
}

async fn tell(portal: &Portal, issuer: &str, built_ins: &[BuiltIn]) -> Result<()> {
    let begun = std::time::Instant::now();
    demonstration::begin(portal, &actor(), issuer).await?;
    integrations::register(portal, &actor(), built_ins).await?;
    story::tell(portal, issuer).await?;
    demonstration::finish(portal, &actor()).await?;
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(ms, "loaded the demonstration organisation");
    Ok(())
}

fn actor() -> Actor {
    Actor::system("demonstration", None, "demonstration".to_owned())
}
