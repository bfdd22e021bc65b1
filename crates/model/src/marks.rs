//! What people keep of the catalog for themselves: stars, when they last looked, and views of the list.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{EntitySummary, TeamId, ViewId};

/// A list as somebody wants to come back to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedView {
    pub id: ViewId,
    pub name: String,
    /// The query of the list's address.
    pub query: String,
    /// Whose it is, where it is a team's: its id and name.
    pub team: Option<(TeamId, String)>,
}

/// How a person stands to an entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    pub starred: bool,
    /// When the person last looked at it, before this visit; none at the first.
    pub looked_at: Option<OffsetDateTime>,
    /// Whether this visit has to be noted.
    pub is_new_visit: bool,
}

/// An entity that somebody keeps or has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    pub entity: EntitySummary,
    pub starred: bool,
    /// Whether it changed since the person last looked.
    pub changed: bool,
}
