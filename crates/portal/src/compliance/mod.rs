//! Compliance: what benchmarks say about services, on what evidence, and how old that evidence is.

pub mod effects;
mod read;
mod sql;
#[cfg(test)]
mod tests;
mod upload;

use model::compliance::{Assessment, Counts};
use serde::Serialize;

pub use self::{
    read::{EntityCompliance, controls_of, framework, frameworks, of_entity, trend},
    upload::{UploadScope, upload},
};
use crate::{
    audit::Change,
    authz::{Action, ActionName},
    catalog::Entity,
};

/// Taking a benchmark's results for a service.
pub struct UploadResults;

impl Action for UploadResults {
    const NAME: ActionName = ActionName::ReportUpload;
    type Target = Entity;
    type Change = Change<Taken>;
}

/// What a report came to, as the record keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct Taken {
    pub framework: String,
    pub tool: String,
    pub target: String,
    pub counts: Counts,
}

impl Taken {
    fn of(assessment: &Assessment) -> Self {
        let Assessment { framework, tool, target, counts, .. } = assessment;
        Self { framework: framework.clone(), tool: tool.clone(), target: target.clone(), counts: *counts }
    }
}
