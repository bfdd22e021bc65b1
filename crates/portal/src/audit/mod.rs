//! What was done and what was refused: one record each, written where it happens and never changed.
//!
//! The leaf is RFC 8785 JSON, kept as the bytes that a hash tree can be computed over. People stand in it as random
//! ids; values marked [`Personal`] stand in it encrypted under that person's key, which erasing the person deletes.

pub mod effects;
mod list_sql;
pub mod log;
pub mod partitions;
mod sql;
#[cfg(test)]
mod tests;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use model::{AuditId, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use sqlx::PgConnection;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::{
    Portal,
    authz::{ActionName, Actor, Authentication, Decision, Facts, Reference, Who},
    db::SessionTx,
    error::{Error, Result},
    keys::{self, Place},
};

/// The leaf's layout; readers of old records look at it first.
const VERSION: u8 = 1;

/// A value about a person, which the record holds encrypted under that person's key.
#[derive(Clone, Debug, Serialize)]
pub struct Personal<T> {
    #[serde(rename = "$personal")]
    pub person: PersonId,
    pub value: T,
}

/// A thing before and after a change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<T>,
}

impl<T> Change<T> {
    #[must_use]
    pub fn created(after: T) -> Self {
        Self { before: None, after: Some(after) }
    }

    #[must_use]
    pub fn updated(before: T, after: T) -> Self {
        Self { before: Some(before), after: Some(after) }
    }

    #[must_use]
    pub fn removed(before: T) -> Self {
        Self { before: Some(before), after: None }
    }
}

/// Writes the record of a change into the change's own transaction.
#[expect(clippy::too_many_arguments, reason = "a record is made of exactly these, and only a permit calls this")]
pub(crate) async fn committed(
    portal: &Portal,
    connection: &mut PgConnection,
    actor: &Actor,
    action: ActionName,
    target: &Reference,
    facts: &Facts,
    decision: &Decision,
    change: Value,
) -> Result<()> {
    let event = Event {
        action: action.as_str(),
        kind: action.resource().cedar(),
        outcome: Outcome::Committed,
        target,
        facts,
        decision,
    };
    write(portal, connection, actor, &event, change).await
}

/// Writes a sign-in or sign-out, which no policy decides.
pub(crate) async fn session_event(
    portal: &Portal,
    tx: &mut SessionTx,
    actor: &Actor,
    action: &'static str,
    person: PersonId,
    change: Value,
) -> Result<()> {
    let target = Reference { id: person.to_string(), name: person.to_string() };
    let facts = Facts { person: Some(person), ..Facts::default() };
    let decision = Decision {
        allowed: true,
        policies: Vec::new(),
        because: vec!["the identity provider vouched".to_owned()],
        ask: Vec::new(),
    };
    let event = Event {
        action,
        kind: "Person",
        outcome: Outcome::Committed,
        target: &target,
        facts: &facts,
        decision: &decision,
    };
    write(portal, tx, actor, &event, change).await
}

/// Writes a denial in a transaction of its own. The first of a minute is a record; what repeats it, and what nobody
/// known does, is counted.
pub(crate) async fn denied(
    portal: &Portal,
    actor: &Actor,
    action: ActionName,
    target: &Reference,
    facts: &Facts,
    decision: &Decision,
) -> Result<()> {
    let mut tx = portal.db.begin().await?;
    let rule = if decision.policies.is_empty() { action.as_str().to_owned() } else { decision.policies.join(" ") };
    let address = actor.address.map(|address| address.to_string()).unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(portal.keys.derive("audit.address").as_slice())
        .expect("HMAC takes keys of any length");
    mac.update(address.as_bytes());
    let minute =
        portal.clock.now().replace_second(0).and_then(|at| at.replace_nanosecond(0)).map_err(Error::internal)?;
    let count = sql::count_denial(&mut tx, minute, &actor_name(actor), &mac.finalize().into_bytes(), &rule).await?;
    metrics::counter!("rampart_denials_total", "action" => action.as_str()).increment(1);
    if count == 1 && !matches!(actor.who, Who::Anonymous) {
        let event = Event {
            action: action.as_str(),
            kind: action.resource().cedar(),
            outcome: Outcome::Denied,
            target,
            facts,
            decision,
        };
        write(portal, &mut tx, actor, &event, Value::Null).await?;
    }
    tx.commit().await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Committed,
    Denied,
}

impl Outcome {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Denied => "denied",
        }
    }
}

struct Event<'a> {
    action: &'a str,
    kind: &'static str,
    outcome: Outcome,
    target: &'a Reference,
    facts: &'a Facts,
    decision: &'a Decision,
}

async fn write(
    portal: &Portal,
    connection: &mut PgConnection,
    actor: &Actor,
    event: &Event<'_>,
    mut change: Value,
) -> Result<()> {
    let id: AuditId = portal.rng.id(&portal.clock);
    let at = portal.clock.now();
    seal_personal(portal, connection, id, &mut change).await?;
    let address = match (actor.address, person(actor)) {
        (Some(address), Some(person)) => {
            let mut address = serde_json::to_value(Personal { person, value: address.to_string() })?;
            seal_personal(portal, connection, id, &mut address).await?;
            address
        }
        _ => Value::Null,
    };
    let leaf = json!({
        "v": VERSION,
        "id": id,
        "at": at.format(&Rfc3339).map_err(Error::internal)?,
        "action": event.action,
        "outcome": event.outcome.as_str(),
        "actor": { "kind": actor_kind(actor), "id": actor_id(actor), "on_behalf_of": on_behalf_of(actor) },
        "authentication": authentication(actor)?,
        "address": address,
        "request_id": actor.request_id,
        "target": { "kind": event.kind, "id": event.target.id, "name": event.target.name, "owner": event.facts.owner },
        "why": { "policies": event.decision.policies, "because": event.decision.because },
        "change": change,
    });
    let leaf = serde_jcs::to_vec(&leaf)?;
    sql::insert(
        connection,
        &sql::Row {
            id,
            at,
            leaf: &leaf,
            action: event.action,
            outcome: event.outcome.as_str(),
            actor_kind: actor_kind(actor),
            person_id: person(actor),
            service_account_id: match &actor.who {
                Who::ServiceAccount(account) => Some(account.id),
                _ => None,
            },
            target_kind: event.kind,
            target_id: &event.target.id,
            target_name: &event.target.name,
            owner_id: event.facts.owner,
            entity_id: event.facts.entity,
            subject_id: event.facts.person,
            request_id: &actor.request_id,
        },
    )
    .await
}

fn person(actor: &Actor) -> Option<PersonId> {
    match &actor.who {
        Who::Person(person) => Some(person.id),
        Who::System { on_behalf_of, .. } => *on_behalf_of,
        _ => None,
    }
}

fn on_behalf_of(actor: &Actor) -> Option<PersonId> {
    match &actor.who {
        Who::System { on_behalf_of, .. } => *on_behalf_of,
        _ => None,
    }
}

fn actor_kind(actor: &Actor) -> &'static str {
    match &actor.who {
        Who::Anonymous => "anonymous",
        Who::Person(_) => "person",
        Who::ServiceAccount(_) => "service_account",
        Who::Integration { .. } => "integration",
        Who::System { .. } => "system",
    }
}

fn actor_id(actor: &Actor) -> String {
    match &actor.who {
        Who::Anonymous => String::new(),
        Who::Person(person) => person.id.to_string(),
        Who::ServiceAccount(account) => account.id.to_string(),
        Who::Integration { id } => id.to_string(),
        Who::System { task, .. } => (*task).to_owned(),
    }
}

fn actor_name(actor: &Actor) -> String {
    format!("{}:{}", actor_kind(actor), actor_id(actor))
}

fn authentication(actor: &Actor) -> Result<Value> {
    Ok(match &actor.authentication {
        Authentication::None => json!({ "method": "none" }),
        Authentication::Process => json!({ "method": "process" }),
        Authentication::Integration => json!({ "method": "integration" }),
        Authentication::Token { id } => json!({ "method": "token", "token": id }),
        Authentication::Session { id, amr, acr, at } => json!({
            "method": "session",
            "session": id,
            "amr": amr,
            "acr": acr,
            "at": at.format(&Rfc3339).map_err(Error::internal)?,
        }),
    })
}

/// Replaces every [`Personal`] value inside by its ciphertext: `{"personal": person, "sealed": base64}`.
async fn seal_personal(
    portal: &Portal,
    connection: &mut PgConnection,
    record: AuditId,
    value: &mut Value,
) -> Result<()> {
    let mut found = Vec::new();
    collect_personal(value, &mut found);
    for (person, plain) in found {
        let key = person_key(portal, connection, person).await?;
        let sealed = keys::seal(&key, &portal.rng, record.0.as_bytes(), &serde_json::to_vec(&plain)?);
        replace_first_personal(value, &json!({ "personal": person, "sealed": BASE64_STANDARD.encode(sealed) }));
    }
    Ok(())
}

fn is_personal(value: &Value) -> Option<PersonId> {
    value.get("$personal")?.as_str()?.parse().ok()
}

fn collect_personal(value: &Value, found: &mut Vec<(PersonId, Value)>) {
    if let Some(person) = is_personal(value) {
        found.push((person, value["value"].clone()));
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_personal(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| collect_personal(field, found)),
        _ => {}
    }
}

/// In the order of `collect_personal`; true once one was replaced.
fn replace_first_personal(value: &mut Value, by: &Value) -> bool {
    if is_personal(value).is_some() {
        value.clone_from(by);
        return true;
    }
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace_first_personal(item, by)),
        Value::Object(fields) => fields.values_mut().any(|field| replace_first_personal(field, by)),
        _ => false,
    }
}

/// The plain text of a sealed value, or none where the person was erased.
pub(crate) async fn open_personal(
    portal: &Portal,
    connection: &mut PgConnection,
    record: AuditId,
    value: &Value,
) -> Result<Option<Value>> {
    let (Some(person), Some(sealed)) =
        (value["personal"].as_str().and_then(|id| id.parse().ok()), value["sealed"].as_str())
    else {
        return Ok(None);
    };
    let Some(wrapped) = sql::person_key(connection, person).await? else { return Ok(None) };
    let key = unwrap_key(portal, person, &wrapped)?;
    let sealed = BASE64_STANDARD.decode(sealed).map_err(Error::internal)?;
    keys::open(&key, record.0.as_bytes(), &sealed).map(|plain| Ok(serde_json::from_slice(&plain)?)).transpose()
}

/// A person's key, made where there is none yet.
async fn person_key(portal: &Portal, connection: &mut PgConnection, person: PersonId) -> Result<Zeroizing<[u8; 32]>> {
    if let Some(wrapped) = sql::person_key(connection, person).await? {
        return unwrap_key(portal, person, &wrapped);
    }
    let key = Zeroizing::new(portal.rng.bytes::<32>());
    let row = person.to_string();
    let wrapped = portal.keys.encrypt(&portal.rng, key_place(&row), key.as_slice());
    // another transaction may have been first; then its key counts
    let wrapped = sql::insert_person_key(connection, person, &wrapped).await?;
    unwrap_key(portal, person, &wrapped)
}

fn unwrap_key(portal: &Portal, person: PersonId, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let row = person.to_string();
    let key = portal.keys.decrypt(key_place(&row), wrapped)?;
    key.as_slice().try_into().map(Zeroizing::new).map_err(|_| Error::internal("a person's key is not 32 bytes"))
}

fn key_place(row: &str) -> Place<'_> {
    Place { table: "person_key", column: "wrapped_key", row }
}
