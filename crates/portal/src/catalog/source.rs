//! Where entities come from: each entity belongs to the source that described it first.

use model::entity::Source;

use super::sql;
use crate::{
    Portal,
    authz::{ActionName, Actor, Facts, ORGANISATION, Organisation},
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

/// Whether the actor may see the sources and what is wrong with them: for what a page offers.
#[must_use]
pub fn may_see_sources(portal: &Portal, actor: &Actor) -> bool {
    let decision = portal.policies.decide(actor, ActionName::SourceRead, ORGANISATION, &Facts::default());
    decision.is_ok_and(|decision| decision.allowed)
}
