//! Scorecards: what services are asked to be, how each stands and why, and what security champions decide about it.

mod apply;
mod condition;
mod definition;
pub mod effects;
mod evaluate;
pub mod facts;
pub(crate) mod jobs;
mod list_sql;
mod read;
mod review;
mod score;
mod sql;
#[cfg(test)]
mod tests;
mod typing;

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;

pub use self::{
    apply::{apply, preview},
    definition::{SCHEMA_TEXT, Scorecard, read as read_file},
    read::{Cards, Overview, Source, cards_of, detail, list, overview, results, reviews_due, source},
    review::{comment, end_exemption, exempt, sign_off},
    score::{Score, score},
};
use crate::{
    audit::Change,
    authz::{Action, ActionName, Facts, Lock, Organisation, Reference, Resource, ResourceKind},
    catalog::Entity,
    error::Result,
};

/// A scorecard as the database keeps it.
#[derive(Clone, Debug)]
pub struct Kept {
    pub name: String,
    pub source: String,
    pub revision: i32,
    pub changed_at: OffsetDateTime,
}

impl Resource for Kept {
    type Id = String;
    const KIND: ResourceKind = ResourceKind::Scorecard;

    async fn load(connection: &mut PgConnection, id: &String, lock: Lock) -> Result<Option<Self>> {
        sql::kept(connection, id, lock == Lock::ForUpdate).await
    }

    fn facts(&self) -> Facts {
        Facts::default()
    }

    fn reference(&self) -> Reference {
        Reference { id: self.name.clone(), name: self.name.clone() }
    }
}

/// Adding and changing scorecards.
pub struct EditScorecard;

impl Action for EditScorecard {
    const NAME: ActionName = ActionName::ScorecardEdit;
    type Target = Organisation;
    type Change = Change<Revision>;
}

/// A scorecard's file at one revision, as the record keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct Revision {
    pub name: String,
    pub revision: i32,
    pub source: String,
}

/// Commenting on a service's scorecard, ending an exemption, signing off.
pub struct Review;

impl Action for Review {
    const NAME: ActionName = ActionName::ScorecardReview;
    type Target = Entity;
    type Change = Reviewed;
}

/// Taking a check off a service until a date. Nobody does it for what their own team owns.
pub struct Exempt;

impl Action for Exempt {
    const NAME: ActionName = ActionName::ScorecardExempt;
    type Target = Entity;
    type Change = Reviewed;
}

/// What a champion said or decided, as the record keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct Reviewed {
    pub scorecard: String,
    pub what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    pub text: String,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub until: Option<OffsetDateTime>,
    /// What it did to the service's level.
    pub moved: Vec<Moved>,
}

/// Looking at services again, in a job.
struct ScoreServices;

impl Action for ScoreServices {
    const NAME: ActionName = ActionName::ScorecardScore;
    type Target = Organisation;
    type Change = Scored;
}

/// What a job found, as the record keeps it.
#[derive(Debug, Serialize)]
struct Scored {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ended_exemptions: Vec<uuid::Uuid>,
    moved: Vec<Moved>,
}

/// A service that stands elsewhere than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    pub scorecard: String,
    pub entity: String,
    pub level_before: Option<String>,
    pub level: Option<String>,
    pub score_before: Option<i16>,
    pub score: Option<i16>,
}
