//! Descriptors into the catalog: each document stands or falls by itself, all of them in one transaction, and reading the
//! same files again changes nothing.

use std::collections::HashMap;

use model::{
    DocumentError, EntityId, EntityRef, FieldError, ImportReport, IntegrationKind, Kind, SourceId, SourceKind, TeamId,
    entity::{Did, EntityEventKind},
};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    difference::difference,
    import_plan::{Beside, Changed, Plan, changes, read},
    import_sql, lease,
};
use crate::{
    Portal,
    authz::{Action, ActionName, Actor, Facts, ORGANISATION, Organisation, Permit},
    compliance, environments,
    error::{Error, Result},
    findings, incidents, integrations,
    live::{self, Topic},
    requests, scorecards,
};

/// The most files of one import.
pub const MAX_FILES: usize = 5_000;
/// The most bytes of one import, all files together: 32 MiB.
pub const MAX_BYTES: usize = 32 << 20;
/// The most errors that a report and a source keep.
const KEPT_ERRORS: usize = 1_000;

/// Who describes entities: an entity belongs to the source that described it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceName {
    pub kind: SourceKind,
    pub name: String,
}

impl SourceName {
    /// What is sent in the browser or through the API without another name.
    #[must_use]
    pub fn uploads() -> Self {
        Self { kind: SourceKind::Upload, name: "uploads".to_owned() }
    }

    /// Whether a reading of it is all that it has, so that what it does not list is gone. What is sent without naming a
    /// source comes a file at a time from many hands, and only adds.
    fn is_whole(&self) -> bool {
        *self != Self::uploads()
    }
}

/// One file as it was found or sent.
#[derive(Clone, Debug)]
pub struct DescriptorFile {
    /// As reports name it.
    pub path: String,
    pub bytes: Vec<u8>,
}

pub(super) struct WriteCatalog;

impl Action for WriteCatalog {
    const NAME: ActionName = ActionName::CatalogWrite;
    type Target = Organisation;
    type Change = Imported;
}

/// What the audit record says of an import.
#[derive(Debug, Serialize)]
pub(super) struct Imported {
    source: Value,
    created: Vec<Value>,
    updated: Vec<Value>,
    /// Who may act on a thing follows from who owns it.
    moved: Vec<Value>,
    unchanged: usize,
    binned: Vec<String>,
    /// What another source holds from now on.
    handed_over: Vec<String>,
    errors: usize,
}

impl Imported {
    fn of(plan: &Plan, source: &SourceName, moved: &[Moved], let_go: &lease::LetGo, errors: usize) -> Self {
        let named = |held: &[lease::Held]| held.iter().map(|held| recorded(&held.reference, held.id)).collect();
        let (updated, created): (Vec<_>, Vec<_>) = plan.changed.iter().partition(|changed| changed.before.is_some());
        Self {
            source: json!({ "kind": source.kind, "name": source.name }),
            created: created
                .into_iter()
                .map(|created| json!(recorded(&created.reference, created.written.id)))
                .collect(),
            updated: updated
                .into_iter()
                .map(|updated| {
                    let fields = changes(updated).into_iter().map(|change| change.field).collect::<Vec<_>>();
                    json!({ "entity": recorded(&updated.reference, updated.written.id), "fields": fields })
                })
                .collect(),
            moved: moved
                .iter()
                .map(|moved| json!({ "entity": moved.entity, "owner": moved.owner, "restricted": moved.restricted }))
                .collect(),
            unchanged: plan.unchanged.len(),
            binned: named(&let_go.binned),
            handed_over: named(&let_go.handed_over),
            errors,
        }
    }
}

/// As the audit log names an entity: a User's name is a person's, so it stands there by its id.
pub(super) fn recorded(reference: &EntityRef, id: EntityId) -> String {
    if reference.kind == Kind::User { format!("user:{id}") } else { reference.to_string() }
}

/// Reads files of descriptors and brings the catalog to what they say. What is wrong is reported and left out.
///
/// # Errors
/// `Invalid` for a source without a name, and for an upload in which no document is right, with every place;
/// `TooLarge` beyond the limits. Then nothing was changed.
pub async fn import(
    portal: &Portal,
    actor: &Actor,
    source: &SourceName,
    files: Vec<DescriptorFile>,
) -> Result<ImportReport> {
    let reading = Reading { whole: source.is_whole(), ..Reading::default() };
    import_reading(portal, actor, source, files, reading).await
}

/// What an import of these files would do; nothing of it stays.
///
/// # Errors
/// As [`import`], but for documents that are wrong: they are in the report.
pub async fn plan(
    portal: &Portal,
    actor: &Actor,
    source: &SourceName,
    files: Vec<DescriptorFile>,
) -> Result<ImportReport> {
    let reading = Reading { whole: source.is_whole(), dry_run: true, ..Reading::default() };
    import_reading(portal, actor, source, files, reading).await
}

/// What is known of files beside what they say.
#[derive(Debug, Default)]
pub struct Reading {
    /// They are all that the source has: what they do not describe is let go of.
    pub whole: bool,
    /// The source is not made where there is none of its name.
    pub must_exist: bool,
    /// Everything is done and nothing is committed.
    pub dry_run: bool,
    /// What was wrong before any document was read.
    pub errors: Vec<DocumentError>,
    /// What their descriptors include.
    pub beside: Beside,
}

/// As [`import`], where more is known of the files.
///
/// # Errors
/// As [`import`]; `NotFound` where the source must exist and does not.
pub async fn import_reading(
    portal: &Portal,
    actor: &Actor,
    source: &SourceName,
    mut files: Vec<DescriptorFile>,
    reading: Reading,
) -> Result<ImportReport> {
    let began = portal.clock.now();
    let Reading { whole, must_exist, dry_run, errors: wrong_before, beside } = reading;
    // what the portal reads itself has limits of its own, and may have nothing left
    if !must_exist {
        check_limits(source, &files)?;
    }
    let mut permit = portal.authorize(actor, WriteCatalog, ORGANISATION).await?;
    integrations::effects::admit(portal, &mut permit, actor, IntegrationKind::DescriptorUpload).await?;
    let (descriptors, mut errors) =
        tokio::task::spawn_blocking(move || read(&mut files, &beside)).await.map_err(Error::internal)??;
    errors.extend(wrong_before);

    import_sql::lock_imports(&mut permit).await?;
    let now = portal.clock.now();
    if must_exist && !import_sql::source_exists(&mut permit, source.kind, &source.name).await? {
        return Err(Error::NotFound("catalog source"));
    }
    let new_source: SourceId = portal.rng.id(&portal.clock);
    let source_id = import_sql::upsert_source(&mut permit, new_source, source.kind, &source.name, now).await?;
    let plan = Plan::make(portal, &mut permit, source_id, descriptors, &mut errors).await?;
    let moved = write(portal, &mut permit, source_id, &plan).await?;
    lease::note_conflicts(&mut permit, source_id, &plan.conflicts, whole, now).await?;
    let let_go = if whole {
        lease::let_go(portal, &mut permit, source_id, &source.name, &plan.claimed(), &errors).await?
    } else {
        lease::LetGo::default()
    };
    let by_place = |errors: &mut Vec<DocumentError>| {
        errors.sort_by(|a, b| (&a.file, a.document, a.line).cmp(&(&b.file, b.document, b.line)));
        errors.truncate(KEPT_ERRORS);
    };
    let wrong = errors.len() + plan.conflicts.len();
    by_place(&mut errors);
    import_sql::note_reading(&mut permit, source_id, &errors, did(&plan, &let_go), began, now).await?;
    tell_features(&mut permit, &plan, &moved, now).await?;

    errors.extend(plan.conflicts.iter().map(|conflict| conflict.error.clone()));
    by_place(&mut errors);
    let report = plan.report(let_go.binned.iter().map(|held| held.reference.clone()).collect(), errors);
    if dry_run {
        return Ok(report);
    }
    if source.kind == SourceKind::Upload && plan.is_empty() {
        // somebody is there to mend it; a file's errors are kept for whoever looks later
        return Err(nothing_right(&report.errors));
    }
    if !plan.changed.is_empty() || !let_go.is_empty() {
        live::announce(&mut permit, &Topic::new("catalog", ORGANISATION)).await?;
    }
    permit.commit(Imported::of(&plan, source, &moved, &let_go, wrong)).await?;
    Ok(report)
}

fn did(plan: &Plan, let_go: &lease::LetGo) -> Did {
    let created = plan.changed.iter().filter(|changed| changed.before.is_none()).count();
    Did {
        created: created as u64,
        updated: (plan.changed.len() - created) as u64,
        unchanged: plan.unchanged.len() as u64,
        binned: let_go.binned.len() as u64,
    }
}

/// Whether the actor may import at all: for what a page offers.
#[must_use]
pub fn may_import(portal: &Portal, actor: &Actor) -> bool {
    let decision = portal.policies.decide(actor, ActionName::CatalogWrite, ORGANISATION, &Facts::default());
    decision.is_ok_and(|decision| decision.allowed)
}

fn nothing_right(errors: &[DocumentError]) -> Error {
    let errors = errors.iter().map(|error| {
        let field = error.field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
        FieldError::new(format!("{}:{}{field}", error.file, error.line), error.reason.clone())
    });
    Error::Invalid(errors.collect())
}

fn check_limits(source: &SourceName, files: &[DescriptorFile]) -> Result<()> {
    let name = &source.name;
    if name.trim().is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Error::invalid("source", "give the source a name of 1 to 200 letters"));
    }
    if files.is_empty() {
        return Err(Error::invalid("file", "choose at least one file of descriptors, catalog-info.yaml say"));
    }
    if files.len() > MAX_FILES {
        return Err(Error::TooLarge(format!("an import takes at most {MAX_FILES} files; send them in parts")));
    }
    if files.iter().map(|file| file.bytes.len()).sum::<usize>() > MAX_BYTES {
        return Err(Error::TooLarge(format!("an import takes at most {} MiB; send it in parts", MAX_BYTES >> 20)));
    }
    Ok(())
}

/// A thing that changed hands, or who may see it.
pub(super) struct Moved {
    pub entity: EntityId,
    pub owner: Option<TeamId>,
    pub restricted: bool,
}

/// Does what is planned, and answers what changed hands.
async fn write(
    portal: &Portal,
    permit: &mut Permit<WriteCatalog>,
    source: SourceId,
    plan: &Plan,
) -> Result<Vec<Moved>> {
    let now = portal.clock.now();
    let person = permit.actor().person_id();
    let (relocated_ids, (files, lines)): (Vec<Uuid>, (Vec<String>, Vec<i32>)) = plan
        .unchanged
        .iter()
        .filter_map(|(_, relocated)| relocated.as_ref())
        .map(|relocated| (relocated.id.0, (relocated.file.clone(), relocated.line)))
        .unzip();
    if !relocated_ids.is_empty() {
        import_sql::relocate(permit, source, &relocated_ids, &files, &lines).await?;
    }
    if plan.changed.is_empty() {
        return Ok(Vec::new());
    }

    let stood =
        import_sql::descriptors(permit, &plan.changed.iter().map(|one| one.written.id.0).collect::<Vec<_>>()).await?;
    let entities: Vec<&import_sql::Written> = plan.changed.iter().map(|changed| &changed.written).collect();
    import_sql::write_entities(permit, source, &entities, now).await?;
    let ids: Vec<Uuid> = plan.changed.iter().map(|changed| changed.written.id.0).collect();
    import_sql::write_relations(permit, &ids, &stated(plan)).await?;
    import_sql::inherit_domains(permit, &ids).await?;
    let events: Vec<import_sql::Event> = plan.changed.iter().map(|changed| event(portal, changed, &stood)).collect();
    import_sql::write_events(permit, &events, Some(source), person, now).await?;

    let mut moved: Vec<Moved> = plan.changed.iter().filter_map(moved).collect();
    for group in plan.changed.iter().filter(|changed| changed.reference.kind == Kind::Group) {
        let Some(team) = group.written.owner_id else { continue };
        let given = import_sql::give_to_team(permit, &group.reference, team).await?;
        moved.extend(given.into_iter().map(|(entity, restricted)| Moved { entity, owner: Some(team), restricted }));
    }
    Ok(moved)
}

/// Beyond this many changed entities, scorecards look at all of them again: that is cheaper than naming them.
pub(super) const NAMED: usize = 200;

/// Whatever belongs to an entity carries its owner along, and scorecards look again at what changed.
async fn tell_features(connection: &mut PgConnection, plan: &Plan, moved: &[Moved], now: OffsetDateTime) -> Result<()> {
    owners_changed(connection, moved, now).await?;
    if plan.changed.len() > NAMED {
        return scorecards::effects::all_changed(connection).await;
    }
    for changed in &plan.changed {
        scorecards::effects::changed(connection, changed.written.id).await?;
    }
    Ok(())
}

/// What belongs to each of these follows it to its owner.
pub(super) async fn owners_changed(connection: &mut PgConnection, moved: &[Moved], now: OffsetDateTime) -> Result<()> {
    for Moved { entity, owner, restricted } in moved {
        requests::effects::owner_changed(connection, *entity, *owner).await?;
        environments::effects::owner_changed(connection, *entity, *owner, *restricted).await?;
        findings::effects::owner_changed(connection, *entity, *owner, *restricted, now).await?;
        incidents::effects::owner_changed(connection, *entity, *owner, *restricted).await?;
        compliance::effects::owner_changed(connection, *entity, *owner, *restricted).await?;
        scorecards::effects::owner_changed(connection, *entity, *owner, *restricted, now).await?;
    }
    Ok(())
}

fn moved(changed: &Changed) -> Option<Moved> {
    let before = changed.before.as_ref()?;
    let (owner, restricted) = (changed.written.owner_id, changed.written.restricted);
    (before.owner != owner || before.restricted != restricted).then_some(Moved {
        entity: changed.written.id,
        owner,
        restricted,
    })
}

fn stated(plan: &Plan) -> Vec<import_sql::Stated> {
    plan.changed
        .iter()
        .flat_map(|changed| {
            changed.given.descriptor.relations.iter().map(|(relation, target)| import_sql::Stated {
                from_id: changed.written.id,
                relation: *relation,
                to_kind: target.kind,
                to_namespace: target.namespace.clone(),
                to_name: target.name.clone(),
            })
        })
        .collect()
}

fn event(portal: &Portal, changed: &Changed, stood: &HashMap<EntityId, Value>) -> import_sql::Event {
    import_sql::Event {
        id: portal.rng.id::<Uuid>(&portal.clock),
        entity_id: changed.written.id,
        what: match &changed.before {
            None => EntityEventKind::Created,
            Some(before) if before.binned => EntityEventKind::Restored,
            Some(_) => EntityEventKind::Updated,
        },
        changes: changes(changed),
        difference: stood.get(&changed.written.id).and_then(|stood| difference(stood, &changed.written.descriptor)),
    }
}
