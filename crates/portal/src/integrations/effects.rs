//! What other features' transactions may ask of integrations and tell them.
//!
//! Whatever enters or leaves asks here first. The one exception is the identity provider: nobody could sign in to
//! approve it, so the setting that names it is its approval (see [`super::register`]).

use model::{IntegrationId, IntegrationKind, TeamId};
use secrecy::SecretString;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Integration, open, sql};
use crate::{
    Portal,
    authz::{Actor, Authentication},
    error::{Error, Result},
};

/// Characters of an error that are kept.
const MAX_FAILURE: usize = 300;

/// Whether something may pass.
pub(crate) enum Passage {
    Open(Box<Usable>),
    /// Why not, and who can change that.
    Shut(String),
}

/// An enabled integration with what it takes to use it.
pub(crate) struct Usable {
    pub integration: Integration,
    pub credential: Option<SecretString>,
}

/// Whether something may pass through this integration.
///
/// # Errors
/// `NotFound` where there is none, `Unavailable` where the database does not answer.
pub(crate) async fn passage(portal: &Portal, connection: &mut PgConnection, id: IntegrationId) -> Result<Passage> {
    let integration = sql::by_id(connection, id).await?.ok_or(Error::NotFound("integration"))?;
    through(portal, connection, integration).await
}

/// As [`passage`], for a kind that there is one of: what the installation's settings set up.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn passage_of(
    portal: &Portal,
    connection: &mut PgConnection,
    kind: IntegrationKind,
) -> Result<Passage> {
    match sql::built_in(connection, kind).await? {
        Some(integration) => through(portal, connection, integration).await,
        None => {
            let label = kind.label();
            Ok(Passage::Shut(format!(
                "{label} is not on the integrations page yet; it is entered when the server starts"
            )))
        }
    }
}

async fn through(portal: &Portal, connection: &mut PgConnection, integration: Integration) -> Result<Passage> {
    if let Some(reason) = shut(&integration) {
        return Ok(Passage::Shut(reason));
    }
    let credential = open(portal, connection, &integration).await?;
    Ok(Passage::Open(Box::new(Usable { integration, credential })))
}

/// Why nothing passes, and who can change that; none where something may.
pub(crate) fn shut(integration: &Integration) -> Option<String> {
    let (name, href) = (&integration.name, integration.href());
    match (integration.approved_at, integration.enabled) {
        (None, _) => Some(format!("{name} waits for approval; a security champion approves it under {href}")),
        (Some(_), false) => Some(format!("{name} is disabled; a platform administrator enables it under {href}")),
        (Some(_), true) => None,
    }
}

/// That a program may bring in something of this kind, which is noted as having worked. What people bring themselves
/// passes no integration.
///
/// # Errors
/// `Shut`, saying who can change that.
pub(crate) async fn admit(
    portal: &Portal,
    connection: &mut PgConnection,
    actor: &Actor,
    kind: IntegrationKind,
) -> Result<()> {
    if !is_program(actor) {
        return Ok(());
    }
    match passage_of(portal, connection, kind).await? {
        Passage::Open(usable) => succeeded(connection, usable.integration.id, portal.clock.now()).await,
        Passage::Shut(reason) => Err(Error::Shut(reason)),
    }
}

/// Notes what was wrong with what a program brought, and what to do about it; the error is handed back.
pub(crate) async fn unusable(portal: &Portal, actor: &Actor, kind: IntegrationKind, error: Error) -> Error {
    let is_its = matches!(error, Error::Malformed(_) | Error::TooLarge(_) | Error::Invalid(_));
    if is_its && is_program(actor) {
        let remedy = "see what the program sends; `rampart formats read FILE` says without a server what a file is";
        let noted = async {
            let mut tx = portal.db.notices().await?;
            failed_of(&mut tx, kind, portal.clock.now(), &error.to_string(), remedy).await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, "cannot note what was wrong with a delivery");
        }
    }
    error
}

const fn is_program(actor: &Actor) -> bool {
    matches!(actor.authentication, Authentication::Token { .. })
}

/// What posts the news of these teams, or of the whole organisation, whether it may at present or not.
pub(crate) async fn posts_to(connection: &mut PgConnection, teams: &[TeamId]) -> Result<Vec<IntegrationId>> {
    sql::posts_to(connection, teams).await
}

/// The enabled integrations that post news, and whether mail may be sent.
pub(crate) async fn enabled(connection: &mut PgConnection) -> Result<(Vec<IntegrationId>, bool)> {
    let posting = sql::enabled_posting(connection).await?;
    let mail = sql::built_in(connection, IntegrationKind::Mail).await?;
    Ok((posting, mail.is_some_and(|mail| shut(&mail).is_none())))
}

/// Notes that it worked.
pub(crate) async fn succeeded(connection: &mut PgConnection, id: IntegrationId, now: OffsetDateTime) -> Result<()> {
    sql::succeeded(connection, id, now).await
}

/// Notes what failed and what to do about it; neither holds a secret.
pub(crate) async fn failed(
    connection: &mut PgConnection,
    id: IntegrationId,
    now: OffsetDateTime,
    failure: &str,
    remedy: &str,
) -> Result<()> {
    sql::failed(connection, id, now, failure, remedy).await
}

/// As [`succeeded`], for a kind that there is one of.
pub(crate) async fn succeeded_of(
    connection: &mut PgConnection,
    kind: IntegrationKind,
    now: OffsetDateTime,
) -> Result<()> {
    match sql::built_in(connection, kind).await? {
        Some(integration) => succeeded(connection, integration.id, now).await,
        None => Ok(()),
    }
}

/// As [`failed`], for a kind that there is one of.
pub(crate) async fn failed_of(
    connection: &mut PgConnection,
    kind: IntegrationKind,
    now: OffsetDateTime,
    failure: &str,
    remedy: &str,
) -> Result<()> {
    let failure: String = failure.chars().take(MAX_FAILURE).collect();
    match sql::built_in(connection, kind).await? {
        Some(integration) => failed(connection, integration.id, now, &failure, remedy).await,
        None => Ok(()),
    }
}
