//! Sources that the portal reads itself: added, changed, removed, read at once, and told of pushes.

use std::collections::BTreeMap;

use model::{EntityRef, FieldError, SourceId, SourceKind, entity::Source};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::IgnoredAny};
use sqlx::PgConnection;
use time::Duration;

pub use super::reading::hook::Proofs;
use super::{
    import::recorded,
    import_sql, lease, reading,
    source_sql::{self, Entered},
};
use crate::{
    Portal,
    authz::{Action, ActionName, Actor, Facts, Lock, ORGANISATION, Organisation, Reference, Resource, ResourceKind},
    error::{Error, OnConstraint as _, Result},
    jobs::{self, Job},
    keys::Place,
    live::{self, Topic},
};

const LONGEST_SECRET: usize = 4096;
/// A secret that signs is no word that somebody guesses.
const SHORTEST_HOOK_SECRET: usize = 16;
const SHORTEST_EVERY: Duration = Duration::minutes(1);
const LONGEST_EVERY: Duration = Duration::days(7);

/// A source as somebody enters it. Without `Debug`: it can hold secrets.
#[derive(Clone)]
pub struct Draft {
    /// [`SourceKind::Url`] or [`SourceKind::Discovery`].
    pub kind: SourceKind,
    pub name: String,
    pub address: String,
    /// Of an organisation: which file of each repository.
    pub path: Option<String>,
    pub with_forks: bool,
    pub with_archived: bool,
    pub every_s: Option<u32>,
    /// Write-only; none leaves what is kept.
    pub token: Option<SecretString>,
    pub hook_secret: Option<SecretString>,
}

impl Draft {
    fn check(&self, portal: &Portal, had_token: bool) -> Result<()> {
        let mut wrong = Vec::new();
        let mut say = |field: &str, message: &str| wrong.push(FieldError::new(field, message));
        if !self.kind.is_polled() {
            say("kind", "only addresses and organisations are added here; files are named by RAMPART_CATALOG_PATHS");
        }
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
            say("name", "give the source a name of 1 to 200 letters");
        }
        if self.address.chars().count() > 2000 {
            say("address", "is longer than any address that is read");
        }
        let path = self.path.as_deref().unwrap_or("catalog-info.yaml");
        let outside = path.split('/').any(|part| part == "..");
        if path.is_empty() || path.chars().count() > 500 || path.chars().any(char::is_control) || outside {
            say("path", "name one file of each repository: catalog-info.yaml");
        }
        let every = Duration::seconds(self.every_s.map_or(300, i64::from));
        if !(SHORTEST_EVERY..=LONGEST_EVERY).contains(&every) {
            say("every_s", "choose from a minute to a week, in seconds");
        }
        for (field, secret, shortest) in
            [("token", &self.token, 1), ("hook_secret", &self.hook_secret, SHORTEST_HOOK_SECRET)]
        {
            let Some(secret) = secret else { continue };
            let text = secret.expose_secret();
            if !(shortest..=LONGEST_SECRET).contains(&text.len()) || text.chars().any(char::is_control) {
                say(field, &format!("enter {shortest} to {LONGEST_SECRET} characters on one line"));
            }
        }
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        let with_token = had_token || self.token.is_some();
        reading::check(&portal.settings.egress, self.kind, &self.address, with_token)
    }

    fn entered<'a>(&'a self, portal: &Portal, id: SourceId) -> Entered<'a> {
        let seal = |column, secret: &SecretString| {
            portal.keys.encrypt(&portal.rng, place(column, &id.to_string()), secret.expose_secret().trim().as_bytes())
        };
        let of_repositories = self.kind == SourceKind::Discovery;
        Entered {
            id,
            kind: self.kind,
            name: self.name.trim(),
            address: self.address.trim(),
            path: self.path.as_deref().map(str::trim).filter(|_| of_repositories),
            with_forks: self.with_forks && of_repositories,
            with_archived: self.with_archived && of_repositories,
            every_seconds: self.every_s.and_then(|every| i32::try_from(every).ok()).unwrap_or(300),
            token: self.token.as_ref().map(|token| seal("token", token)),
            hook_secret: self.hook_secret.as_ref().map(|secret| seal("hook_secret", secret)),
        }
    }
}

impl Resource for Source {
    type Id = SourceId;
    const KIND: ResourceKind = ResourceKind::Source;

    async fn load(connection: &mut PgConnection, id: &SourceId, lock: Lock) -> Result<Option<Self>> {
        if lock == Lock::ForUpdate {
            source_sql::lock(connection, *id).await?;
        }
        Ok(source_sql::sources(connection, Some(*id)).await?.pop())
    }

    fn facts(&self) -> Facts {
        Facts::default()
    }

    fn reference(&self) -> Reference {
        Reference { id: self.id.to_string(), name: self.name.clone() }
    }
}

struct WriteSource;

impl Action for WriteSource {
    const NAME: ActionName = ActionName::CatalogWrite;
    type Target = Organisation;
    type Change = Written;
}

struct RemoveSource;

impl Action for RemoveSource {
    const NAME: ActionName = ActionName::SourceRemove;
    type Target = Source;
    type Change = Removed;
}

/// What the audit record says; secrets are only said to be new.
#[derive(Debug, Serialize)]
struct Written {
    what: &'static str,
    source: SourceId,
    kind: SourceKind,
    name: String,
    address: Option<String>,
    new_token: bool,
    new_hook_secret: bool,
}

#[derive(Debug, Serialize)]
struct Removed {
    kind: SourceKind,
    name: String,
    address: Option<String>,
    binned: Vec<String>,
    handed_over: Vec<String>,
}

/// Adds a source, and has it read at once.
///
/// # Errors
/// `Invalid` with every field that is wrong, `Conflict` where the name is taken.
pub async fn add(portal: &Portal, actor: &Actor, draft: &Draft) -> Result<SourceId> {
    draft.check(portal, false)?;
    let mut permit = portal.authorize(actor, WriteSource, ORGANISATION).await?;
    let id: SourceId = portal.rng.id(&portal.clock);
    let inserted = source_sql::insert(&mut permit, &draft.entered(portal, id), portal.clock.now()).await;
    inserted.on_constraint("source_name_key", taken)?;
    jobs::enqueue(&mut permit, &Job::ReadSource { source: id }).await?;
    permit.commit(written("added", id, draft)).await?;
    Ok(id)
}

/// Changes a source, and has it read anew. What it claims stays until that reading.
///
/// # Errors
/// As [`add`]; `NotFound` where there is none that can be changed here.
pub async fn edit(portal: &Portal, actor: &Actor, id: SourceId, draft: &Draft) -> Result<()> {
    let mut permit = portal.authorize(actor, WriteSource, ORGANISATION).await?;
    let before = load(&mut permit, id).await?;
    let draft = Draft { kind: before.kind, ..draft.clone() };
    draft.check(portal, before.has_token)?;
    let updated = source_sql::update(&mut permit, &draft.entered(portal, id), portal.clock.now()).await;
    updated.on_constraint("source_name_key", taken)?;
    jobs::enqueue(&mut permit, &Job::ReadSource { source: id }).await?;
    permit.commit(written("changed", id, &draft)).await
}

/// Has a source read now.
///
/// # Errors
/// `NotFound` where there is none that the portal reads.
pub async fn refresh(portal: &Portal, actor: &Actor, id: SourceId) -> Result<Source> {
    let mut permit = portal.authorize(actor, WriteSource, ORGANISATION).await?;
    let source = load(&mut permit, id).await?;
    source_sql::ask(&mut permit, id, portal.clock.now()).await?;
    jobs::enqueue(&mut permit, &Job::ReadSource { source: id }).await?;
    let change = Written {
        what: "reading asked for",
        source: id,
        kind: source.kind,
        name: source.name.clone(),
        address: source.address.clone(),
        new_token: false,
        new_hook_secret: false,
    };
    permit.commit(change).await?;
    Ok(source)
}

/// Removes a source of any kind. What it held passes to the next source that describes it, or to the bin.
///
/// # Errors
/// `NotFound` where there is none.
pub async fn remove(portal: &Portal, actor: &Actor, id: SourceId) -> Result<Vec<EntityRef>> {
    let mut permit = portal.authorize(actor, RemoveSource, id).await?;
    import_sql::lock_imports(&mut permit).await?;
    let source = permit.target.clone();
    let let_go = lease::let_go(portal, &mut permit, id, &source.name, &Default::default(), &[]).await?;
    source_sql::delete(&mut permit, id).await?;
    live::announce(&mut permit, &Topic::new("catalog", ORGANISATION)).await?;
    let named = |held: &[lease::Held]| held.iter().map(|held| recorded(&held.reference, held.id)).collect();
    let change = Removed {
        kind: source.kind,
        name: source.name,
        address: source.address,
        binned: named(&let_go.binned),
        handed_over: named(&let_go.handed_over),
    };
    permit.commit(change).await?;
    Ok(let_go.binned.into_iter().map(|held| held.reference).collect())
}

/// A host tells of a push: the source is read at once. The same push again only has it read again.
///
/// # Errors
/// `Unauthenticated` for a source that is not there or hears no pushes, and for a wrong signature, which its page shows;
/// `Invalid` for what is no push.
pub async fn pushed(portal: &Portal, id: SourceId, proofs: Proofs<'_>, body: &[u8]) -> Result<()> {
    let mut tx = portal.db.sources().await?;
    let sealed = source_sql::hook_secret(&mut tx, id).await?.ok_or(Error::Unauthenticated)?;
    let heard = proofs.hold(&open(portal, "hook_secret", id, &sealed)?, body);
    if heard && !is_push(body) {
        return Err(Error::invalid("body", "is no push: send JSON, or a form whose field payload holds it"));
    }
    source_sql::note_hook(&mut tx, id, heard, portal.clock.now()).await?;
    if heard {
        jobs::enqueue(&mut tx, &Job::ReadSource { source: id }).await?;
    }
    tx.commit().await?;
    if heard { Ok(()) } else { Err(Error::Unauthenticated) }
}

/// Whether a body is a JSON object, or a form with one, as GitHub sends it where nobody chose JSON. What stands in it is
/// not needed: the source is read whole.
fn is_push(body: &[u8]) -> bool {
    let is_object = |json: &[u8]| serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(json).is_ok();
    is_object(body)
        || url::form_urlencoded::parse(body).any(|(name, value)| name == "payload" && is_object(value.as_bytes()))
}

async fn load(connection: &mut PgConnection, id: SourceId) -> Result<Source> {
    source_sql::lock(connection, id).await?;
    let found = source_sql::sources(connection, Some(id)).await?.pop();
    found.filter(|source| source.kind.is_polled()).ok_or(Error::NotFound("catalog source that the portal reads itself"))
}

fn written(what: &'static str, source: SourceId, draft: &Draft) -> Written {
    Written {
        what,
        source,
        kind: draft.kind,
        name: draft.name.trim().to_owned(),
        address: Some(draft.address.trim().to_owned()),
        new_token: draft.token.is_some(),
        new_hook_secret: draft.hook_secret.is_some(),
    }
}

fn taken() -> Error {
    Error::invalid("name", "that name is taken by another source")
}

/// A secret in plain.
pub(super) fn open(portal: &Portal, column: &'static str, id: SourceId, sealed: &[u8]) -> Result<SecretString> {
    let plain = portal.keys.decrypt(place(column, &id.to_string()), sealed)?;
    Ok(String::from_utf8(plain.to_vec()).map_err(|_| Error::internal("a secret is not text"))?.into())
}

fn place<'a>(column: &'static str, row: &'a str) -> Place<'a> {
    Place { table: "source", column, row }
}
