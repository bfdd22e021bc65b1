//! Types that the browser, the server and the readers share: plain data, no I/O, safe in WASM.

pub mod access;
pub mod api;
pub mod catalog;
pub mod compliance;
pub mod day;
pub mod docs;
pub mod entity;
pub mod environment;
pub mod findings;
pub mod graph;
pub mod id;
pub mod incidents;
pub mod integrations;
pub mod marks;
pub mod notification;
pub mod page;
pub mod problem;
pub mod reports;
pub mod request;
pub mod scorecards;
pub mod severity;

pub use catalog::{EntityRef, Kind, Link, RelationType};
pub use entity::{
    DocumentError, EntityDetail, EntityFilter, EntityList, EntitySummary, Facet, ImportReport, Origin, SourceKind,
    Suggestion,
};
pub use environment::EnvironmentState;
pub use graph::{EntityGraph, GraphAsk, RelationFamily};
pub use id::*;
pub use incidents::{
    AlertReceipt, AlertRule, Incident, IncidentAlert, IncidentDetail, IncidentEvent, IncidentEventKind, IncidentFilter,
    IncidentSort, IncidentState, LiveIncidents, Nearby, NearbySource, Resolution, WaitingAlert,
};
pub use integrations::{DataClass, Direction, Integration, IntegrationKind, IntegrationState, Proof};
pub use page::{Count, Cursor, Page, PageRequest};
pub use problem::{FieldError, Problem, ProblemType};
pub use reports::{ControlStatus, FindingKind};
pub use severity::Severity;
