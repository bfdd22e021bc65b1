//! One newtype per kind of thing that has an id, so that two kinds cannot be mixed up.
//!
//! Ids are UUIDv7, made by the portal's own generator; nothing here makes one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        #[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

ids! {
    /// A person who has signed in, or who was named by an identity provider.
    PersonId,
    /// A team; the tenant of the installation.
    TeamId,
    /// A signed-in browser.
    SessionId,
    /// A service account: a machine's identity, reached by tokens.
    ServiceAccountId,
    /// A token of a person or a service account.
    TokenId,
    /// A role bound to somebody at some scope.
    BindingId,
    /// One audit record.
    AuditId,
    /// One entity of the catalog.
    EntityId,
    /// A place that catalog entities are read from.
    SourceId,
    /// A request that waits for approval, whatever it asks for.
    RequestId,
    /// One thing that happened to a request.
    RequestEventId,
    /// A provisioned environment.
    EnvironmentId,
    /// One problem of one service, whichever tools saw it.
    FindingId,
    /// One uploaded report.
    ReportId,
    /// An incident.
    IncidentId,
    /// An integration: something that comes in or goes out.
    IntegrationId,
    /// A message to a person through one channel.
    DeliveryId,
    /// One notice to one person.
    NoticeId,
    /// A list as somebody wants to come back to it.
    ViewId,
}
