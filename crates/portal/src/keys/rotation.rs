//! From one key to the next: which key holds what, and encrypting again what is under another than the active one.
//!
//! Every batch is a transaction with its own record. What was interrupted goes on where it stopped, because what is
//! left is what is not under the active key.

use serde::Serialize;

use super::{
    Place,
    places::{COLUMNS, Column},
    sql,
};
use crate::{
    Portal,
    authz::{Action, ActionName, Actor, ORGANISATION, Organisation},
    error::Result,
};

/// How many values are encrypted again in one transaction.
const BATCH: usize = 500;

/// Adding, using and removing keys.
pub struct RotateKeys;

impl Action for RotateKeys {
    const NAME: ActionName = ActionName::KeyRotate;
    type Target = Organisation;
    type Change = Rotated;
}

/// What the record says of a step; never a key.
#[derive(Clone, Debug, Serialize)]
pub struct Rotated {
    pub what: &'static str,
    /// The key's id.
    pub key: String,
    /// `session.id_token`, where values were encrypted again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub values: usize,
}

/// How many values of a column are under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    pub table: &'static str,
    pub column: &'static str,
    /// The key's id as the values name it.
    pub key: String,
    pub values: i64,
}

/// What [`rewrap`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    pub values: usize,
    /// `session.id_token of 0199…: why`. Left as they were: they were changed, moved from another row, or their key is
    /// not in the file.
    pub refused: Vec<String>,
}

/// Every key that something is encrypted under, and what.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn usage(portal: &Portal) -> Result<Vec<Usage>> {
    let mut tx = portal.db.begin_snapshot().await?;
    let mut all = Vec::new();
    for column in COLUMNS {
        all.extend(sql::usage(&mut tx, column).await?);
    }
    Ok(all)
}

/// Records that something was done to the key file itself: "added", "made active", "removed".
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn record(portal: &Portal, actor: &Actor, what: &'static str, key: &str) -> Result<()> {
    let permit = portal.authorize(actor, RotateKeys, ORGANISATION).await?;
    permit.commit(Rotated { what, key: key.to_owned(), column: None, values: 0 }).await
}

/// Encrypts again, under the active key, whatever is under another.
///
/// # Errors
/// `Unavailable` where the database does not answer; what was done before stands.
pub async fn rewrap(portal: &Portal, actor: &Actor) -> Result<Rewrapped> {
    let mut all = Rewrapped::default();
    for column in COLUMNS {
        let mut after = String::new();
        while let Some(last) = batch(portal, actor, column, &after, &mut all).await? {
            after = last;
        }
    }
    Ok(all)
}

/// One batch after a row; the last row of it, or none where there was none.
pub(super) async fn batch(
    portal: &Portal,
    actor: &Actor,
    column: &'static Column,
    after: &str,
    all: &mut Rewrapped,
) -> Result<Option<String>> {
    let active = portal.keys.active();
    let limit = i64::try_from(BATCH).expect("a batch is small");
    let mut permit = portal.authorize(actor, RotateKeys, ORGANISATION).await?;
    let found = sql::under_other_keys(&mut permit, column, &portal.keys.prefix(), after, limit).await?;
    let Some((last, _)) = found.last() else { return Ok(None) };
    let last = last.clone();
    let (mut rows, mut sealed) = (Vec::new(), Vec::new());
    for (row, value) in found {
        let place = Place { table: column.table, column: column.column, row: &row };
        match portal.keys.decrypt(place, &value) {
            Ok(plain) => sealed.push(portal.keys.encrypt(&portal.rng, place, &plain)),
            Err(error) => {
                all.refused.push(format!("{}.{} of {row}: {error}", column.table, column.column));
                continue;
            }
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Ok(Some(last));
    }
    sql::replace(&mut permit, column, &rows, &sealed).await?;
    all.values += rows.len();
    let column = Some(format!("{}.{}", column.table, column.column));
    permit.commit(Rotated { what: "encrypted again", key: active, column, values: rows.len() }).await?;
    Ok(Some(last))
}
