//! The bin: what no source describes any more, until it is restored, described again, or deleted for good.

use model::{
    EntityId, EntityRef, PageRequest,
    entity::{Binned, BinnedEntity, EntityEventKind},
    page::Page,
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Entity,
    import::recorded,
    import_sql,
    lease::{self, Held},
    lease_sql, sql,
};
use crate::{
    Portal,
    authz::{Action, ActionName, Actor, ORGANISATION, Organisation},
    error::{Error, Result},
    live::{self, Topic},
    page::{COUNT_LIMIT, Window},
    scorecards,
};

/// The bin's page.
pub const HREF: &str = "/catalog/bin";

struct EmptyBin;

impl Action for EmptyBin {
    const NAME: ActionName = ActionName::CatalogWrite;
    type Target = Organisation;
    type Change = Moved;
}

/// What the audit record says of what went into the bin or left it by hand or by time.
#[derive(Debug, Serialize)]
struct Moved {
    what: &'static str,
    entities: Vec<String>,
}

/// What is in the bin and may be seen by the actor, the newest first.
///
/// # Errors
/// `Invalid` where the cursor is not one of this list.
pub async fn bin(portal: &Portal, actor: &Actor, request: &PageRequest) -> Result<Page<BinnedEntity>> {
    let window = Window::<lease_sql::Key>::open(portal, "catalog.bin", &(), request)?;
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let rows = lease_sql::in_bin(&mut visible, &scope, window.after(), window.backwards(), window.limit()).await?;
    let counted = window.counted(rows.len(), lease_sql::count_bin(&mut visible, &scope, COUNT_LIMIT)).await?;
    Ok(window.close(rows, counted, |row| (row.binned.since, row.id)))
}

/// Takes an entity out of the bin. No source holds it, so it stays until it is put there by hand.
///
/// # Errors
/// `NotFound` where there is none of that reference, `Conflict` where it is not in the bin.
pub async fn restore(portal: &Portal, actor: &Actor, reference: &EntityRef) -> Result<()> {
    let mut permit = portal.authorize(actor, EmptyBin, ORGANISATION).await?;
    import_sql::lock_imports(&mut permit).await?;
    let entity = named(&mut permit, reference).await?;
    if sql::binned(&mut permit, entity.id).await?.is_none() {
        return Err(Error::Conflict(format!("{reference} is not in the bin; it was described or restored meanwhile")));
    }
    lease_sql::restore(&mut permit, entity.id).await?;
    let event = import_sql::Event {
        id: portal.rng.id::<Uuid>(&portal.clock),
        entity_id: entity.id,
        what: EntityEventKind::Restored,
        changes: Vec::new(),
        difference: None,
    };
    let by = actor.person_id();
    import_sql::write_events(&mut permit, &[event], None, by, portal.clock.now()).await?;
    scorecards::effects::changed(&mut permit, entity.id).await?;
    live::announce(&mut permit, &Topic::new("catalog", ORGANISATION)).await?;
    permit.commit(Moved { what: "restored", entities: vec![recorded(reference, entity.id)] }).await
}

/// Puts an entity into the bin by hand. A source that describes it brings it back at its next reading.
///
/// # Errors
/// `NotFound` where there is none of that reference, `Conflict` where it is in the bin already.
pub async fn discard(portal: &Portal, actor: &Actor, reference: &EntityRef) -> Result<()> {
    let mut permit = portal.authorize(actor, EmptyBin, ORGANISATION).await?;
    import_sql::lock_imports(&mut permit).await?;
    let entity = named(&mut permit, reference).await?;
    if sql::binned(&mut permit, entity.id).await?.is_some() {
        return Err(Error::Conflict(format!("{reference} is in the bin already")));
    }
    let held = [Held {
        id: entity.id,
        reference: reference.clone(),
        title: entity.title.unwrap_or(entity.name),
        file: None,
        owner: entity.owner,
    }];
    lease::bin(portal, &mut permit, &held, "it was put there by hand", actor.person_id()).await?;
    lease::tell_owners(portal, &mut permit, &held, "it was put there by hand").await?;
    live::announce(&mut permit, &Topic::new("catalog", ORGANISATION)).await?;
    permit.commit(Moved { what: "put in the bin", entities: vec![recorded(reference, entity.id)] }).await
}

async fn named(connection: &mut sqlx::PgConnection, reference: &EntityRef) -> Result<Entity> {
    let found = sql::entity_named(connection, reference.kind.as_str(), &reference.namespace, &reference.name).await?;
    found.ok_or(Error::NotFound("catalog entity"))
}

/// Deletes for good what has been in the bin for its time.
pub(crate) async fn sweep(portal: &Portal) -> Result<()> {
    let before = portal.clock.now() - Binned::KEPT;
    let actor = Actor::system("catalog.empty_bin", None, "catalog.empty_bin".to_owned());
    let mut snapshot = portal.snapshot(&actor).await?;
    let due = lease_sql::anything_due(&mut *snapshot.visible(ActionName::CatalogRead)?, before).await?;
    drop(snapshot);
    if !due {
        return Ok(());
    }
    let mut permit = portal.authorize(&actor, EmptyBin, ORGANISATION).await?;
    import_sql::lock_imports(&mut permit).await?;
    let deleted: Vec<(EntityRef, EntityId)> = lease_sql::delete_due(&mut permit, before).await?;
    let entities = deleted.iter().map(|(reference, id)| recorded(reference, *id)).collect();
    permit.commit(Moved { what: "deleted", entities }).await
}
