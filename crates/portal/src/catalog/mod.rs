//! What there is, who owns it, and how it hangs together.

pub mod bin;
pub(crate) mod described;
mod difference;
pub mod edit;
pub mod effects;
mod graph;
mod graph_sql;
mod import;
mod import_plan;
mod import_sql;
pub mod kinds;
mod lease;
mod lease_sql;
pub mod ownership;
mod ownership_sql;
mod read;
pub(crate) mod reading;
mod shelf;
mod source;
mod source_sql;
mod sql;
#[cfg(test)]
mod tests;
mod unmatched;

use model::{EntityId, EntityRef, TeamId};
use sqlx::PgConnection;

pub use self::{
    graph::graph,
    import::{DescriptorFile, MAX_BYTES, MAX_FILES, Reading, SourceName, import, import_reading, may_import, plan},
    import_plan::Beside,
    read::{detail, export, export_descriptors, facet, history, list, naming, owned_by, suggest},
    source::{Sourced, may_see_sources, source, sources},
    unmatched::{Unmatched, UnmatchedEntity, UnmatchedPerson, UnmatchedTeam, unmatched},
};
pub(crate) use self::{read::named, shelf::Shelf};
use crate::{
    authz::{Facts, Lock, Reference, Resource, ResourceKind},
    error::Result,
};

/// One entity as other features and the policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    pub id: EntityId,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub title: Option<String>,
    pub owner: Option<TeamId>,
    pub owner_name: Option<String>,
    pub tier: Option<String>,
    pub lifecycle: Option<String>,
    pub restricted: bool,
}

impl Entity {
    /// `component:default/payments-api`
    #[must_use]
    pub fn reference_text(&self) -> String {
        format!("{}:{}/{}", self.kind, self.namespace, self.name.to_lowercase())
    }

    /// The entity's page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/catalog/{}/{}/{}", self.kind, self.namespace, self.name.to_lowercase())
    }
}

impl Resource for Entity {
    type Id = EntityId;
    const KIND: ResourceKind = ResourceKind::Entity;

    async fn load(connection: &mut PgConnection, id: &EntityId, lock: Lock) -> Result<Option<Self>> {
        sql::entity(connection, *id, lock == Lock::ForUpdate).await
    }

    fn facts(&self) -> Facts {
        Facts { owner: self.owner, entity: Some(self.id), restricted: self.restricted, ..Facts::default() }
    }

    fn reference(&self) -> Reference {
        // a User's name is a person's
        let name = if self.kind == "user" { format!("user:{}", self.id) } else { self.reference_text() };
        Reference { id: self.id.to_string(), name }
    }
}

/// The team's name that a group of the catalog stands for where no annotation names the provider's group.
fn team_name(group: &EntityRef) -> String {
    if group.namespace == model::catalog::DEFAULT_NAMESPACE {
        group.name.clone()
    } else {
        // another namespace's group of the same name is another team
        format!("{}.{}", group.namespace, group.name)
    }
}
