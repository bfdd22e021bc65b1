//! The log as people read it: search, one record with its personal values opened, export.

use model::{
    AuditId, PersonId,
    page::{Page, PageRequest},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Outcome, list_sql, open_personal, sql};
use crate::{
    Portal,
    authz::{ActionName, Actor},
    error::{Error, Result},
    page::Window,
};

/// How many records one export holds; a longer one is taken in parts by date.
pub const EXPORT_LIMIT: i64 = 50_000;

/// What a list of records is limited to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// A part of an action's or a target's name.
    pub text: Option<String>,
    pub outcome: Option<Outcome>,
    /// Who did it.
    pub person: Option<PersonId>,
    /// What it was done to.
    pub target_kind: Option<String>,
    pub target_id: Option<String>,
    pub request_id: Option<String>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub from: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub until: Option<OffsetDateTime>,
}

/// One record in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub id: AuditId,
    pub at: OffsetDateTime,
    pub action: String,
    pub outcome: Outcome,
    pub actor: Who,
    pub target_kind: String,
    pub target_id: String,
    /// A person's is their name as it is now; none where they were erased.
    pub target_name: Option<String>,
    pub request_id: Option<String>,
}

/// Who acted, as the list names them now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Person { id: PersonId, name: String },
    ServiceAccount { name: String },
    System,
    Unknown,
}

/// One record, whole.
#[derive(Clone, Debug)]
pub struct Detail {
    pub record: Record,
    /// The leaf, with the personal values that can still be opened in their places.
    pub content: Value,
    /// The stored bytes themselves.
    pub leaf: Vec<u8>,
}

/// Lists what the actor may see, the newest first.
///
/// # Errors
/// `Invalid` for a cursor of another list.
pub async fn list(portal: &Portal, actor: &Actor, filter: &Filter, request: &PageRequest) -> Result<Page<Record>> {
    let window = Window::<(i64, AuditId)>::open(portal, "audit", filter, request)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::AuditRead)?;
    let scope = visible.scope.clone();
    let rows = list_sql::page(&mut visible, &scope, filter, window.after(), window.backwards(), window.limit()).await?;
    let counted = window.counted(rows.len(), list_sql::count(&mut visible, &scope, filter)).await?;
    Ok(window.close(rows, counted, |record| (micros(record.at), record.id)))
}

/// The leaves of all that the list shows, the oldest first, byte for byte: one a line.
///
/// # Errors
/// `TooLarge` beyond [`EXPORT_LIMIT`] records.
pub async fn export(portal: &Portal, actor: &Actor, filter: &Filter) -> Result<Vec<u8>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::AuditRead)?;
    let scope = visible.scope.clone();
    let leaves = list_sql::leaves(&mut visible, &scope, filter, EXPORT_LIMIT + 1).await?;
    if leaves.len() as i64 > EXPORT_LIMIT {
        return Err(Error::TooLarge(format!("more than {EXPORT_LIMIT} records; narrow the export by date")));
    }
    let mut out = Vec::with_capacity(leaves.iter().map(|leaf| leaf.len() + 1).sum());
    for leaf in leaves {
        out.extend_from_slice(&leaf);
        out.push(b'\n');
    }
    Ok(out)
}

/// One record.
///
/// # Errors
/// `NotFound` where there is none that the actor may see.
pub async fn read(portal: &Portal, actor: &Actor, id: AuditId) -> Result<Detail> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::AuditRead)?;
    let scope = visible.scope.clone();
    let record = list_sql::one(&mut visible, &scope, id).await?.ok_or(Error::NotFound("audit record"))?;
    let leaf = sql::leaf(&mut visible, id).await?;
    let mut content: Value = serde_json::from_slice(&leaf)?;
    open_all(portal, &mut visible, id, &mut content).await?;
    Ok(Detail { record, content, leaf })
}

/// Puts the plain text where a sealed value stands; "erased" where its key is gone.
async fn open_all(portal: &Portal, connection: &mut PgConnection, id: AuditId, value: &mut Value) -> Result<()> {
    if value.get("personal").is_some() && value.get("sealed").is_some() {
        *value = open_personal(portal, connection, id, value).await?.unwrap_or_else(|| "erased".into());
        return Ok(());
    }
    let inner: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    for value in inner {
        Box::pin(open_all(portal, connection, id, value)).await?;
    }
    Ok(())
}

/// Postgres' own precision, as a sort key that JSON keeps.
pub(super) fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}
