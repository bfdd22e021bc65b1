//! What other features' transactions may ask of integrations and tell them.

use model::{Integration, IntegrationId, IntegrationKind};
use secrecy::SecretString;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{open, sql};
use crate::{
    Portal,
    error::{Error, Result},
};

/// An enabled integration with what it takes to use it.
#[expect(dead_code, reason = "a door that other features are yet to use")]
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
