//! What there is, who owns it, and how it hangs together.

pub mod effects;
mod sql;

use model::{EntityId, TeamId};
use sqlx::PgConnection;

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
        format!("{}:{}/{}", self.kind, self.namespace, self.name)
    }

    /// The entity's page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/catalog/{}/{}/{}", self.kind, self.namespace, self.name)
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
        Reference { id: self.id.to_string(), name: self.reference_text() }
    }
}
