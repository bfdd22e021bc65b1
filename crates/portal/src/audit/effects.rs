//! What other features may read of the log in their own snapshots.

use model::EntityId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::sql;
use crate::{
    authz::{ActionName, Scope},
    error::Result,
};

/// One committed change, as a timeline shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub at: OffsetDateTime,
    pub action: String,
    pub target_name: String,
    /// Who did it, where it was a person.
    pub person_name: Option<String>,
}

impl Done {
    /// `Ada: extend or end an environment (payments-dev)`
    pub fn in_words(&self) -> String {
        let does = ActionName::ALL.iter().find(|action| action.as_str() == self.action);
        let does = does.map_or(self.action.as_str(), |action| action.does());
        format!("{}: {does} ({})", self.person_name.as_deref().unwrap_or("The portal"), self.target_name)
    }
}

/// What was done to an entity and what belongs to it in this time, as far as `scope` covers it, the newest first.
/// Deliveries of alerts and what people do about incidents are left out: they have a history of their own.
pub(crate) async fn changes_of(
    connection: &mut PgConnection,
    scope: &Scope,
    entity: EntityId,
    from: OffsetDateTime,
    to: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Done>> {
    sql::changes_of(connection, scope, entity, from, to, limit).await
}
