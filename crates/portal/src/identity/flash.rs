//! A form's values and errors, kept for the one page that is shown next.

use model::{FieldError, FlashId, Problem};
use serde::{Deserialize, Serialize};

use super::{session, sql};
use crate::{Portal, authz::Actor, error::Result, keys::Place};

/// A form that is left lying is forgotten.
const KEPT_FOR: time::Duration = time::Duration::hours(1);

/// What the next page shows: that it was done, or what was wrong and what had been typed (never a secret).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// What was done, in a sentence.
    pub done: Option<String>,
    pub problem: Option<Problem>,
    pub values: Vec<(String, String)>,
    pub errors: Vec<FieldError>,
}

/// Keeps a flash for `form` of this session; none for an actor without one.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn put(portal: &Portal, actor: &Actor, form: &str, flash: &Flash) -> Result<Option<FlashId>> {
    let Some(session) = session::id(actor) else { return Ok(None) };
    let id: FlashId = portal.rng.id(&portal.clock);
    let row = id.to_string();
    let place = Place { table: "flash", column: "content", row: &row };
    let content = portal.keys.encrypt(&portal.rng, place, &serde_json::to_vec(flash)?);
    let now = portal.clock.now();
    let mut tx = portal.db.session().await?;
    sql::insert_flash(&mut tx, id, session, form, &content, now, now - KEPT_FOR).await?;
    tx.commit().await?;
    Ok(Some(id))
}

/// Takes a flash, once: only the session that it was kept for gets it, with the form that it belongs to.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn take(portal: &Portal, actor: &Actor, id: FlashId) -> Result<Option<(String, Flash)>> {
    let Some(session) = session::id(actor) else { return Ok(None) };
    let mut tx = portal.db.session().await?;
    let found = sql::take_flash(&mut tx, id, session, portal.clock.now() - KEPT_FOR).await?;
    tx.commit().await?;
    let Some((form, content)) = found else { return Ok(None) };
    let row = id.to_string();
    let plain = portal.keys.decrypt(Place { table: "flash", column: "content", row: &row }, &content)?;
    Ok(Some((form, serde_json::from_slice(&plain)?)))
}
