//! What other features' transactions may add here.

use model::TeamId;
use sqlx::PgConnection;

use super::sql;
use crate::{Portal, error::Result};

/// The team of that name, made where there is none: a team is only a name until the provider or an administrator puts
/// somebody into it.
pub(crate) async fn team_named(portal: &Portal, connection: &mut PgConnection, name: &str) -> Result<TeamId> {
    sql::upsert_team(connection, portal.rng.id(&portal.clock), name, portal.clock.now()).await
}
