//! What other features' transactions ask of environments.

use sqlx::PgConnection;

use crate::{Portal, error::Result, requests::Request};

/// Begins what an approved request asks for.
pub(crate) async fn approved(_portal: &Portal, _connection: &mut PgConnection, _request: &Request) -> Result<()> {
    Ok(())
}
