//! Where entities come from: each entity belongs to the source that described it first.

use model::entity::Source;

use super::sql;
use crate::{
    Portal,
    authz::{ActionName, Actor, ORGANISATION, Organisation},
    error::Result,
};

/// Every source with how its last reading went, by name.
///
/// # Errors
/// `Forbidden` for those who may not see what is wrong with others' descriptors.
pub async fn sources(portal: &Portal, actor: &Actor) -> Result<Vec<Source>> {
    let mut snapshot = portal.snapshot(actor).await?;
    snapshot.read::<Organisation>(ActionName::SourceRead, ORGANISATION).await?;
    let mut visible = snapshot.visible(ActionName::SourceRead)?;
    sql::sources(&mut visible).await
}
