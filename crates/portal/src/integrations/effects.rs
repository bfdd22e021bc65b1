//! What other features' transactions may ask of integrations and tell them.

use model::{Integration, IntegrationId, IntegrationKind};
use secrecy::SecretString;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{open, place, sql};
use crate::{
    Portal,
    error::{Error, Result},
};

/// An enabled integration with what it takes to use it.
pub(crate) struct Usable {
    pub integration: Integration,
    pub credential: Option<SecretString>,
}

/// Every enabled integration of a kind; empty where nothing of it may leave.
#[cfg_attr(not(test), expect(dead_code, reason = "a door that other features are yet to use"))]
pub(crate) async fn usable(
    portal: &Portal,
    connection: &mut PgConnection,
    kind: IntegrationKind,
) -> Result<Vec<Usable>> {
    let mut usable = Vec::new();
    for integration in sql::enabled(connection, kind).await? {
        let credential = open(portal, connection, &integration).await?;
        usable.push(Usable { integration, credential });
    }
    Ok(usable)
}

/// The integration of that name, where it is enabled.
#[cfg_attr(not(test), expect(dead_code, reason = "a door that other features are yet to use"))]
pub(crate) async fn usable_named(portal: &Portal, connection: &mut PgConnection, name: &str) -> Result<Option<Usable>> {
    let Some(integration) = sql::named(connection, name, false).await?.filter(|found| found.enabled) else {
        return Ok(None);
    };
    let credential = open(portal, connection, &integration).await?;
    Ok(Some(Usable { integration, credential }))
}

/// That something of this kind may pass.
///
/// # Errors
/// `Conflict`, saying who can change that.
#[cfg_attr(not(test), expect(dead_code, reason = "a door that other features are yet to use"))]
pub(crate) async fn require(connection: &mut PgConnection, kind: IntegrationKind) -> Result<IntegrationId> {
    match sql::enabled(connection, kind).await?.first() {
        Some(enabled) => Ok(enabled.id),
        None => Err(Error::Conflict(format!(
            "{} are not enabled here; a platform administrator enables them under /admin/integrations once a \
             security champion has approved them",
            kind.label().to_lowercase(),
        ))),
    }
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

/// Encrypts every credential under the active key; how many were under another.
#[cfg_attr(not(test), expect(dead_code, reason = "a door that other features are yet to use"))]
pub(crate) async fn rewrap(portal: &Portal, connection: &mut PgConnection) -> Result<usize> {
    let mut rewrapped = 0;
    for (id, sealed) in sql::credentials(connection).await? {
        if portal.keys.is_current(&sealed) {
            continue;
        }
        let row = id.to_string();
        let plain = portal.keys.decrypt(place(&row), &sealed)?;
        sql::rewrap(connection, id, &portal.keys.encrypt(&portal.rng, place(&row), &plain)).await?;
        rewrapped += 1;
    }
    Ok(rewrapped)
}
