//! Descriptors into the catalog: each document stands or falls by itself, all of them in one transaction, and reading the
//! same files again changes nothing.

use std::collections::{BTreeMap, HashMap};

use formats::catalog::{Descriptor, DocumentResult, marks};
use model::{
    DocumentError, EntityId, EntityRef, FieldError, ImportReport, Kind, RelationType, SourceId, SourceKind, TeamId,
    entity::{EntityEventKind, FieldChange},
};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{sql, team_name};
use crate::{
    Portal,
    authz::{Action, ActionName, Actor, Facts, ORGANISATION, Organisation, Permit},
    compliance, environments,
    error::{Error, Result},
    findings, identity, incidents,
    live::{self, Topic},
    requests, scorecards,
};

/// The most files of one import.
pub const MAX_FILES: usize = 5_000;
/// The most bytes of one import, all files together: 32 MiB.
pub const MAX_BYTES: usize = 32 << 20;
/// The most documents of one import, so that its transaction stays short.
const MAX_DOCUMENTS: usize = 20_000;
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
    let (descriptors, mut errors) =
        tokio::task::spawn_blocking(move || read(&files)).await.map_err(Error::internal)??;

    sql::lock_imports(&mut permit).await?;
    let now = portal.clock.now();
    let new_source: SourceId = portal.rng.id(&portal.clock);
    let source_id = sql::upsert_source(&mut permit, new_source, source.kind, &source.name, &[], now).await?;
    let plan = Plan::make(portal, &mut permit, source_id, descriptors, &mut errors).await?;
    let moved = write(portal, &mut permit, source_id, &plan).await?;
    tell_features(&mut permit, &moved, now).await?;
    errors.sort_by(|a, b| (&a.file, a.document, a.line).cmp(&(&b.file, b.document, b.line)));
    let wrong = errors.len();
    errors.truncate(KEPT_ERRORS);
    sql::set_source_errors(&mut permit, source_id, &errors).await?;
    tell_scorecards(&mut permit, &plan, &moved, now).await?;

    let report = plan.report(errors);
    if source.kind == SourceKind::Upload && plan.is_empty() {
        // somebody is there to mend it; a file's errors are kept for whoever looks later
        return Err(nothing_right(&report.errors));
    }
    if !plan.changed.is_empty() {
        live::announce(&mut permit, &Topic::new("catalog", ORGANISATION)).await?;
    }
    permit.commit(plan.imported(source, &moved, wrong)).await?;
    Ok(report)
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

/// A descriptor that is right, and where it stands.
struct Given {
    file: String,
    descriptor: Descriptor,
}

impl Given {
    fn error(&self, field: Option<&str>, reason: String) -> DocumentError {
        DocumentError {
            file: self.file.clone(),
            document: number(self.descriptor.document),
            line: number(self.descriptor.line),
            kind: Some(self.descriptor.kind.label().to_owned()),
            name: Some(self.descriptor.metadata.name.clone()),
            field: field.map(ToOwned::to_owned),
            reason,
        }
    }
}

/// What is right, each entity once, and everything that is wrong.
fn read(files: &[DescriptorFile]) -> Result<(BTreeMap<EntityRef, Given>, Vec<DocumentError>)> {
    let mut descriptors: BTreeMap<EntityRef, Given> = BTreeMap::new();
    let mut errors = Vec::new();
    let mut documents = 0;
    for file in files {
        let results = formats::catalog::read(&file.bytes, formats::Limits::default());
        documents += results.len();
        if documents > MAX_DOCUMENTS {
            return Err(Error::TooLarge(format!(
                "an import takes at most {MAX_DOCUMENTS} documents; send it in parts"
            )));
        }
        for result in results {
            let errors_before = errors.len();
            errors.extend(in_words(&file.path, &result));
            let Ok(descriptor) = result.outcome else { continue };
            debug_assert_eq!(errors_before, errors.len(), "a right document has no errors");
            let given = Given { file: file.path.clone(), descriptor };
            let reference = given.descriptor.entity_ref();
            if let Some(first) = descriptors.get(&reference) {
                let at = format!("{}, line {}", first.file, first.descriptor.line);
                errors.push(
                    given.error(Some("metadata.name"), format!("the document at {at} describes the same entity")),
                );
            } else {
                descriptors.insert(reference, given);
            }
        }
    }
    Ok((descriptors, errors))
}

fn in_words(file: &str, result: &DocumentResult) -> Vec<DocumentError> {
    let wrong = result.errors().iter();
    wrong
        .map(|error| DocumentError {
            file: file.to_owned(),
            document: number(error.document),
            line: number(error.line),
            kind: result.kind.clone(),
            name: result.name.clone(),
            field: error.field.clone(),
            reason: error.reason.clone(),
        })
        .collect()
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// What an import is going to do.
struct Plan {
    changed: Vec<Changed>,
    /// The same descriptor as before, which may stand elsewhere now.
    unchanged: Vec<(EntityRef, Option<Relocated>)>,
}

struct Changed {
    reference: EntityRef,
    given: Given,
    before: Option<sql::Existing>,
    written: sql::Written,
}

struct Relocated {
    id: EntityId,
    file: String,
    line: i32,
}

impl Plan {
    async fn make(
        portal: &Portal,
        connection: &mut PgConnection,
        source: SourceId,
        descriptors: BTreeMap<EntityRef, Given>,
        errors: &mut Vec<DocumentError>,
    ) -> Result<Self> {
        let references: Vec<EntityRef> = descriptors.keys().cloned().collect();
        let mut existing: HashMap<EntityRef, sql::Existing> = sql::existing(connection, &references)
            .await?
            .into_iter()
            .map(|existing| (existing.reference.clone(), existing))
            .collect();
        let mut owners = Owners { portal, named: named_groups(portal, &descriptors, errors), known: HashMap::new() };
        let mut plan = Self { changed: Vec::new(), unchanged: Vec::new() };
        for (reference, given) in descriptors {
            let before = existing.remove(&reference);
            if let Some(conflict) = before.as_ref().and_then(|before| claimed_by_another(before, source)) {
                errors.push(given.error(None, conflict));
                continue;
            }
            let document = document(&given.descriptor);
            let digest = Sha256::digest(serde_jcs::to_vec(&document)?);
            let line = i32::try_from(given.descriptor.line).unwrap_or(i32::MAX);
            if let Some(before) = &before
                && before.digest.as_deref() == Some(digest.as_slice())
                && before.source == Some(source)
            {
                let stays = before.file.as_ref() == Some(&given.file) && before.line == Some(line);
                let relocated = (!stays).then(|| Relocated { id: before.id, file: given.file.clone(), line });
                plan.unchanged.push((reference, relocated));
                continue;
            }
            let id = before.as_ref().map_or_else(|| portal.rng.id(&portal.clock), |before| before.id);
            let owner = owners.of(connection, &reference, &given.descriptor).await?;
            let written = written(id, &given, owner, line, document, &digest)?;
            plan.changed.push(Changed { reference, given, before, written });
        }
        Ok(plan)
    }

    fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.unchanged.is_empty()
    }

    fn report(&self, errors: Vec<DocumentError>) -> ImportReport {
        let of = |created| {
            self.changed
                .iter()
                .filter(|changed| changed.before.is_none() == created)
                .map(|changed| changed.reference.clone())
                .collect()
        };
        ImportReport {
            created: of(true),
            updated: of(false),
            unchanged: self.unchanged.iter().map(|(reference, _)| reference.clone()).collect(),
            errors,
        }
    }

    fn imported(&self, source: &SourceName, moved: &[Moved], errors: usize) -> Imported {
        let (updated, created): (Vec<_>, Vec<_>) = self.changed.iter().partition(|changed| changed.before.is_some());
        Imported {
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
            unchanged: self.unchanged.len(),
            errors,
        }
    }
}

/// As the audit log names an entity: a User's name is a person's, so it stands there by its id.
fn recorded(reference: &EntityRef, id: EntityId) -> String {
    if reference.kind == Kind::User { format!("user:{id}") } else { reference.to_string() }
}

fn claimed_by_another(before: &sql::Existing, source: SourceId) -> Option<String> {
    before.source.filter(|claimed| *claimed != source)?;
    let kind = match before.source_kind {
        Some(SourceKind::File) => "the files of",
        _ => "the upload",
    };
    let name = before.source_name.as_deref().unwrap_or_default();
    let stands = match (&before.file, before.line) {
        (Some(file), Some(line)) => format!(" ({file}, line {line})"),
        _ => String::new(),
    };
    Some(format!("{kind} {name:?}{stands} described this entity first; change it there, or give this one another name"))
}

/// Which team each group of this import is: what its annotation names, else what it is called.
fn named_groups(
    portal: &Portal,
    descriptors: &BTreeMap<EntityRef, Given>,
    errors: &mut Vec<DocumentError>,
) -> HashMap<EntityRef, String> {
    let mut named = HashMap::new();
    for (reference, given) in descriptors.iter().filter(|(reference, _)| reference.kind == Kind::Group) {
        let annotation = given.descriptor.metadata.annotations.get(marks::GROUP);
        let team = annotation.map(|group| portal.settings.groups.team_of(group));
        if let Some(None) = team {
            let field = format!("metadata.annotations.{}", marks::GROUP);
            let prefix = &portal.settings.groups.team_prefix;
            errors.push(given.error(
                Some(&field),
                format!("the provider's group is no team here: teams' groups begin with {prefix:?} and go on with letters, digits, -, _ and ."),
            ));
        }
        named.insert(reference.clone(), team.flatten().map_or_else(|| team_name(reference), ToOwned::to_owned));
    }
    named
}

/// Who owns what, asked once for each owner.
struct Owners<'a> {
    portal: &'a Portal,
    /// Groups that this import describes.
    named: HashMap<EntityRef, String>,
    known: HashMap<EntityRef, TeamId>,
}

impl Owners<'_> {
    /// The team whose roles count over the entity: its owner's, and over a group that group's own. A person owns nothing
    /// in this sense.
    async fn of(
        &mut self,
        connection: &mut PgConnection,
        reference: &EntityRef,
        descriptor: &Descriptor,
    ) -> Result<Option<TeamId>> {
        let group = if reference.kind == Kind::Group { Some(reference) } else { descriptor.owner() };
        let Some(group) = group.filter(|group| group.kind == Kind::Group) else { return Ok(None) };
        if let Some(team) = self.known.get(group) {
            return Ok(Some(*team));
        }
        let described = match self.named.get(group) {
            Some(_) => None,
            None => sql::team_of_group(connection, group).await?,
        };
        let team = match described {
            Some(team) => team,
            None => {
                let name = self.named.get(group).cloned().unwrap_or_else(|| team_name(group));
                identity::effects::team_like(self.portal, connection, &name).await?
            }
        };
        self.known.insert(group.clone(), team);
        Ok(Some(team))
    }
}

/// The descriptor as given, in one form.
fn document(descriptor: &Descriptor) -> Value {
    json!({
        "apiVersion": descriptor.api_version,
        "kind": descriptor.kind.label(),
        "metadata": descriptor.metadata,
        "spec": descriptor.spec,
    })
}

fn written(
    id: EntityId,
    given: &Given,
    owner_id: Option<TeamId>,
    source_line: i32,
    document: Value,
    digest: &[u8],
) -> Result<sql::Written> {
    let descriptor = &given.descriptor;
    let metadata = &descriptor.metadata;
    let part_of = |kind| {
        let mut parts = descriptor.relations.iter();
        parts
            .find(|(relation, target)| *relation == RelationType::PartOf && target.kind == kind)
            .map(|(_, target)| target.to_string())
    };
    Ok(sql::Written {
        id,
        kind: descriptor.kind,
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        title: metadata.title.clone(),
        description: metadata.description.clone(),
        kind_type: descriptor.spec_text("type").map(ToOwned::to_owned),
        lifecycle: descriptor.spec_text("lifecycle").map(ToOwned::to_owned),
        tier: metadata.annotations.get(marks::TIER).cloned(),
        owner_ref: descriptor.owner().map(ToString::to_string),
        owner_id,
        system_ref: part_of(Kind::System),
        domain_ref: part_of(Kind::Domain),
        restricted: marks::is_restricted(&metadata.annotations),
        tags: metadata.tags.clone(),
        labels: serde_json::to_value(&metadata.labels)?,
        annotations: serde_json::to_value(&metadata.annotations)?,
        links: serde_json::to_value(&metadata.links)?,
        descriptor: document,
        source_file: given.file.clone(),
        source_line,
        digest: hex::encode(digest),
    })
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
        sql::relocate(permit, source, &relocated_ids, &files, &lines).await?;
    }
    if plan.changed.is_empty() {
        return Ok(Vec::new());
    }

    let entities: Vec<&sql::Written> = plan.changed.iter().map(|changed| &changed.written).collect();
    sql::write_entities(permit, source, &entities, now).await?;
    let ids: Vec<Uuid> = plan.changed.iter().map(|changed| changed.written.id.0).collect();
    sql::write_relations(permit, &ids, &stated(plan)).await?;
    sql::inherit_domains(permit, &ids).await?;
    let events: Vec<sql::Event> = plan.changed.iter().map(|changed| event(portal, changed)).collect();
    sql::write_events(permit, &events, source, person, now).await?;

    let mut moved: Vec<Moved> = plan.changed.iter().filter_map(moved).collect();
    for group in plan.changed.iter().filter(|changed| changed.reference.kind == Kind::Group) {
        let Some(team) = group.written.owner_id else { continue };
        let given = sql::give_to_team(permit, &group.reference, team).await?;
        moved.extend(given.into_iter().map(|(entity, restricted)| Moved { entity, owner: Some(team), restricted }));
    }
    Ok(moved)
}

/// Whatever belongs to an entity carries its owner along.
async fn tell_features(connection: &mut PgConnection, moved: &[Moved], now: OffsetDateTime) -> Result<()> {
    for Moved { entity, owner, restricted } in moved {
        requests::effects::owner_changed(connection, *entity, *owner).await?;
        environments::effects::owner_changed(connection, *entity, *owner, *restricted).await?;
        findings::effects::owner_changed(connection, *entity, *owner, *restricted, now).await?;
        incidents::effects::owner_changed(connection, *entity, *owner, *restricted).await?;
    }
    Ok(())
}

/// Beyond this many changed entities, all are looked at again: that is cheaper than naming them.
const NAMED: usize = 200;

/// What changed is looked at again by scorecards, and what is kept about it follows its owner.
async fn tell_scorecards(
    connection: &mut PgConnection,
    plan: &Plan,
    moved: &[Moved],
    now: time::OffsetDateTime,
) -> Result<()> {
    for Moved { entity, owner, restricted } in moved {
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

fn stated(plan: &Plan) -> Vec<sql::Stated> {
    plan.changed
        .iter()
        .flat_map(|changed| {
            changed.given.descriptor.relations.iter().map(|(relation, target)| sql::Stated {
                from_id: changed.written.id,
                relation: *relation,
                to_kind: target.kind,
                to_namespace: target.namespace.clone(),
                to_name: target.name.clone(),
            })
        })
        .collect()
}

fn event(portal: &Portal, changed: &Changed) -> sql::Event {
    sql::Event {
        id: portal.rng.id::<Uuid>(&portal.clock),
        entity_id: changed.written.id,
        what: if changed.before.is_some() { EntityEventKind::Updated } else { EntityEventKind::Created },
        changes: changes(changed),
    }
}

/// What an update changes, of what pages show; "descriptor" where it is only something else.
fn changes(changed: &Changed) -> Vec<FieldChange> {
    let Some(before) = &changed.before else { return Vec::new() };
    let after = &changed.written;
    let flag = |restricted: bool| Some(restricted.to_string());
    let tags = |tags: &[String]| (!tags.is_empty()).then(|| tags.join(" "));
    let mut changes: Vec<FieldChange> = [
        ("title", before.title.clone(), after.title.clone()),
        ("type", before.kind_type.clone(), after.kind_type.clone()),
        ("lifecycle", before.lifecycle.clone(), after.lifecycle.clone()),
        ("tier", before.tier.clone(), after.tier.clone()),
        ("owner", before.owner_ref.clone(), after.owner_ref.clone()),
        ("system", before.system_ref.clone(), after.system_ref.clone()),
        ("restricted", flag(before.restricted), flag(after.restricted)),
        ("tags", tags(&before.tags), tags(&after.tags)),
    ]
    .into_iter()
    .filter(|(_, before, after)| before != after)
    .map(|(field, before, after)| FieldChange { field: field.to_owned(), before, after })
    .collect();
    if changes.is_empty() {
        changes.push(FieldChange { field: "descriptor".to_owned(), before: None, after: None });
    }
    changes
}
