//! Descriptors into the catalog: each document stands or falls by itself, all of them in one transaction, and reading the
//! same files again changes nothing.

use model::{
    DocumentError, EntityId, EntityRef, FieldError, ImportReport, IntegrationKind, Kind, SourceId, SourceKind, TeamId,
    entity::EntityEventKind,
};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    import_plan::{Changed, Plan, changes, read},
    import_sql,
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
}

/// One file as it was found or sent.
#[derive(Clone, Debug)]
pub struct DescriptorFile {
    /// As reports name it.
    pub path: String,
    pub bytes: Vec<u8>,
}

struct WriteCatalog;

impl Action for WriteCatalog {
    const NAME: ActionName = ActionName::CatalogWrite;
    type Target = Organisation;
    type Change = Imported;
}

/// What the audit record says of an import.
#[derive(Debug, Serialize)]
struct Imported {
    source: Value,
    created: Vec<Value>,
    updated: Vec<Value>,
    /// Who may act on a thing follows from who owns it.
    moved: Vec<Value>,
    unchanged: usize,
    errors: usize,
}

impl Imported {
    fn of(plan: &Plan, source: &SourceName, moved: &[Moved], errors: usize) -> Self {
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
            errors,
        }
    }
}

/// As the audit log names an entity: a User's name is a person's, so it stands there by its id.
fn recorded(reference: &EntityRef, id: EntityId) -> String {
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
    check_limits(source, &files)?;
    let mut permit = portal.authorize(actor, WriteCatalog, ORGANISATION).await?;
    integrations::effects::admit(portal, &mut permit, actor, IntegrationKind::DescriptorUpload).await?;
    let (descriptors, mut errors) =
        tokio::task::spawn_blocking(move || read(&files)).await.map_err(Error::internal)??;

    import_sql::lock_imports(&mut permit).await?;
    let now = portal.clock.now();
    let new_source: SourceId = portal.rng.id(&portal.clock);
    let source_id = import_sql::upsert_source(&mut permit, new_source, source.kind, &source.name, &[], now).await?;
    let plan = Plan::make(portal, &mut permit, source_id, descriptors, &mut errors).await?;
    let moved = write(portal, &mut permit, source_id, &plan).await?;
    errors.sort_by(|a, b| (&a.file, a.document, a.line).cmp(&(&b.file, b.document, b.line)));
    let wrong = errors.len();
    errors.truncate(KEPT_ERRORS);
    import_sql::set_source_errors(&mut permit, source_id, &errors).await?;
    tell_features(&mut permit, &plan, &moved, now).await?;

    let report = plan.report(errors);
    if source.kind == SourceKind::Upload && plan.is_empty() {
        // somebody is there to mend it; a file's errors are kept for whoever looks later
        return Err(nothing_right(&report.errors));
    }
    if !plan.changed.is_empty() {
        live::announce(&mut permit, &Topic::new("catalog", ORGANISATION)).await?;
    }
    permit.commit(Imported::of(&plan, source, &moved, wrong)).await?;
    Ok(report)
}

/// What an import of these files would do. Nothing is changed: the permit is dropped, and with it all that was written.
///
/// # Errors
/// As [`import`], but for documents that are wrong: they are in the report.
pub async fn plan(
    portal: &Portal,
    actor: &Actor,
    source: &SourceName,
    files: Vec<DescriptorFile>,
) -> Result<ImportReport> {
    check_limits(source, &files)?;
    let mut permit = portal.authorize(actor, WriteCatalog, ORGANISATION).await?;
    integrations::effects::admit(portal, &mut permit, actor, IntegrationKind::DescriptorUpload).await?;
    let (descriptors, mut errors) =
        tokio::task::spawn_blocking(move || read(&files)).await.map_err(Error::internal)??;
    import_sql::lock_imports(&mut permit).await?;
    let new_source: SourceId = portal.rng.id(&portal.clock);
    let now = portal.clock.now();
    let source_id = import_sql::upsert_source(&mut permit, new_source, source.kind, &source.name, &[], now).await?;
    let plan = Plan::make(portal, &mut permit, source_id, descriptors, &mut errors).await?;
    errors.sort_by(|a, b| (&a.file, a.document, a.line).cmp(&(&b.file, b.document, b.line)));
    errors.truncate(KEPT_ERRORS);
    Ok(plan.report(errors))
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
struct Moved {
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
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

    let entities: Vec<&import_sql::Written> = plan.changed.iter().map(|changed| &changed.written).collect();
    import_sql::write_entities(permit, source, &entities, now).await?;
    let ids: Vec<Uuid> = plan.changed.iter().map(|changed| changed.written.id.0).collect();
    import_sql::write_relations(permit, &ids, &stated(plan)).await?;
    import_sql::inherit_domains(permit, &ids).await?;
    let events: Vec<import_sql::Event> = plan.changed.iter().map(|changed| event(portal, changed)).collect();
    import_sql::write_events(permit, &events, source, person, now).await?;

    let mut moved: Vec<Moved> = plan.changed.iter().filter_map(moved).collect();
    for group in plan.changed.iter().filter(|changed| changed.reference.kind == Kind::Group) {
        let Some(team) = group.written.owner_id else { continue };
        let given = import_sql::give_to_team(permit, &group.reference, team).await?;
        moved.extend(given.into_iter().map(|(entity, restricted)| Moved { entity, owner: Some(team), restricted }));
    }
    Ok(moved)
}

/// Beyond this many changed entities, scorecards look at all of them again: that is cheaper than naming them.
const NAMED: usize = 200;

/// Whatever belongs to an entity carries its owner along, and scorecards look again at what changed.
async fn tell_features(connection: &mut PgConnection, plan: &Plan, moved: &[Moved], now: OffsetDateTime) -> Result<()> {
    for Moved { entity, owner, restricted } in moved {
        requests::effects::owner_changed(connection, *entity, *owner).await?;
        environments::effects::owner_changed(connection, *entity, *owner, *restricted).await?;
        findings::effects::owner_changed(connection, *entity, *owner, *restricted, now).await?;
        incidents::effects::owner_changed(connection, *entity, *owner, *restricted).await?;
        compliance::effects::owner_changed(connection, *entity, *owner, *restricted).await?;
        scorecards::effects::owner_changed(connection, *entity, *owner, *restricted, now).await?;
    }
    if plan.changed.len() > NAMED {
        return scorecards::effects::all_changed(connection).await;
    }
    for changed in &plan.changed {
        scorecards::effects::changed(connection, changed.written.id).await?;
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

fn event(portal: &Portal, changed: &Changed) -> import_sql::Event {
    import_sql::Event {
        id: portal.rng.id::<Uuid>(&portal.clock),
        entity_id: changed.written.id,
        what: if changed.before.is_some() { EntityEventKind::Updated } else { EntityEventKind::Created },
        changes: changes(changed),
    }
}
