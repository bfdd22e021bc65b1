//! Where entities come from: each entity belongs to the source that described it first.

use model::{
    SourceId,
    entity::{Source, SourceConflict},
};

use super::source_sql;
use crate::{
    Portal,
    authz::{ActionName, Actor, Facts, ORGANISATION, Organisation},
    error::{Error, Result},
};

/// One source as its page shows it.
#[derive(Clone, Debug)]
pub struct Sourced {
    pub source: Source,
    /// What it and others describe, on whichever side it stands.
    pub conflicts: Vec<SourceConflict>,
    pub may_edit: bool,
    /// Where its host tells of pushes, where a secret for that is kept.
    pub hook: Option<String>,
}

/// Every source with how its last reading went, by name.
///
/// # Errors
/// `Forbidden` for those who may not see what is wrong with others' descriptors.
pub async fn sources(portal: &Portal, actor: &Actor) -> Result<Vec<Source>> {
    let mut snapshot = portal.snapshot(actor).await?;
    snapshot.read::<Organisation>(ActionName::SourceRead, ORGANISATION).await?;
    let mut visible = snapshot.visible(ActionName::SourceRead)?;
    source_sql::sources(&mut visible, None).await
}

/// One source with its conflicts.
///
/// # Errors
/// As [`sources`]; `NotFound` where there is none.
pub async fn source(portal: &Portal, actor: &Actor, id: SourceId) -> Result<Sourced> {
    let mut snapshot = portal.snapshot(actor).await?;
    snapshot.read::<Organisation>(ActionName::SourceRead, ORGANISATION).await?;
    let may_edit = super::may_import(portal, actor);
    let mut visible = snapshot.visible(ActionName::SourceRead)?;
    let source = source_sql::sources(&mut visible, Some(id)).await?.pop().ok_or(Error::NotFound("catalog source"))?;
    let conflicts = source_sql::conflicts(&mut visible, id).await?;
    let hook = source.has_hook.then(|| format!("{}/hooks/catalog/{id}", portal.settings.base_url));
    Ok(Sourced { source, conflicts, may_edit, hook })
}

/// Whether the actor may see the sources and what is wrong with them: for what a page offers.
#[must_use]
pub fn may_see_sources(portal: &Portal, actor: &Actor) -> bool {
    let decision = portal.policies.decide(actor, ActionName::SourceRead, ORGANISATION, &Facts::default());
    decision.is_ok_and(|decision| decision.allowed)
}
