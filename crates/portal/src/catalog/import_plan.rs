//! What an import is going to do: documents read, owners found, and each entity beside what it was.

use std::collections::{BTreeMap, HashMap, HashSet};

use formats::catalog::{Descriptor, DocumentResult, marks};
use model::{
    DocumentError, EntityId, EntityRef, ImportReport, Kind, RelationType, SourceId, SourceKind, TeamId,
    entity::FieldChange,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::{DescriptorFile, import_sql, ownership::Kept, team_name};
use crate::{
    Portal,
    error::{Error, Result},
    identity,
};

/// The most documents of one import, so that its transaction stays short.
const MAX_DOCUMENTS: usize = 20_000;

/// What an import is going to do.
pub(super) struct Plan {
    pub changed: Vec<Changed>,
    /// The same descriptor as before, which may stand elsewhere now.
    pub unchanged: Vec<(EntityRef, Option<Relocated>)>,
    /// What another source holds.
    pub conflicts: Vec<Conflict>,
}

/// A description of what another source holds.
pub(super) struct Conflict {
    pub entity: EntityId,
    pub error: DocumentError,
}

pub(super) struct Changed {
    pub reference: EntityRef,
    pub given: Given,
    pub before: Option<import_sql::Existing>,
    pub written: import_sql::Written,
}

pub(super) struct Relocated {
    pub id: EntityId,
    pub file: String,
    pub line: i32,
}

impl Plan {
    pub async fn make(
        portal: &Portal,
        connection: &mut PgConnection,
        source: SourceId,
        descriptors: BTreeMap<EntityRef, Given>,
        errors: &mut Vec<DocumentError>,
    ) -> Result<Self> {
        let references: Vec<EntityRef> = descriptors.keys().cloned().collect();
        let mut existing: HashMap<EntityRef, import_sql::Existing> = import_sql::existing(connection, &references)
            .await?
            .into_iter()
            .map(|existing| (existing.reference.clone(), existing))
            .collect();
        let mut owners = Owners { portal, named: named_groups(portal, &descriptors, errors), known: HashMap::new() };
        let kept = Kept::of(connection, &references).await?;
        let mut plan = Self { changed: Vec::new(), unchanged: Vec::new(), conflicts: Vec::new() };
        for (reference, mut given) in descriptors {
            let before = existing.remove(&reference);
            if let Some(before) = &before
                && let Some(reason) = claimed_by_another(before, source)
            {
                plan.conflicts.push(Conflict { entity: before.id, error: given.error(None, reason) });
                continue;
            }
            let document = document(&given.descriptor);
            let digest = Sha256::digest(serde_jcs::to_vec(&document)?);
            let line = i32::try_from(given.descriptor.line).unwrap_or(i32::MAX);
            if let Some(before) = &before
                && before.digest.as_deref() == Some(digest.as_slice())
                && before.source == Some(source)
                && !before.binned
            {
                let stays = before.file.as_ref() == Some(&given.file) && before.line == Some(line);
                let relocated = (!stays).then(|| Relocated { id: before.id, file: given.file.clone(), line });
                plan.unchanged.push((reference, relocated));
                continue;
            }
            let id = before.as_ref().map_or_else(|| portal.rng.id(&portal.clock), |before| before.id);
            kept.apply(connection, &reference, &mut given.descriptor).await?;
            let owner = owners.of(connection, &reference, &given.descriptor).await?;
            let written = written(id, &given, owner, line, document, &digest)?;
            plan.changed.push(Changed { reference, given, before, written });
        }
        Ok(plan)
    }

    /// Nothing in it says what there is.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.unchanged.is_empty() && self.conflicts.is_empty()
    }

    /// What this reading describes and may.
    pub fn claimed(&self) -> HashSet<EntityRef> {
        let changed = self.changed.iter().map(|changed| &changed.reference);
        changed.chain(self.unchanged.iter().map(|(reference, _)| reference)).cloned().collect()
    }

    pub fn report(&self, binned: Vec<EntityRef>, errors: Vec<DocumentError>) -> ImportReport {
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
            binned,
            errors,
        }
    }
}

/// A descriptor that is right, and where it stands.
pub(super) struct Given {
    pub file: String,
    pub descriptor: Descriptor,
}

impl Given {
    /// Puts in what it includes. Where nobody looked for a file, as with one that is sent alone, it stays as given.
    fn complete(&mut self, beside: &Beside) -> Result<(), DocumentError> {
        for include in self.descriptor.includes() {
            let Some(found) = beside.get(&(self.file.clone(), include.target.clone())) else { continue };
            let put = found.as_ref().map_err(Clone::clone).and_then(|bytes| self.descriptor.include(&include, bytes));
            if let Err(reason) = put {
                let field = include.pointer.trim_start_matches('/').replace('/', ".");
                return Err(self.error(Some(&field), reason));
            }
        }
        Ok(())
    }

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

/// What descriptors include from files of their own, by descriptor's file and target; or why it cannot be had.
pub type Beside = HashMap<(String, String), Result<Vec<u8>, String>>;

/// What is right, each entity once, and everything that is wrong. The order of the files changes nothing.
pub(super) fn read(
    files: &mut [DescriptorFile],
    beside: &Beside,
) -> Result<(BTreeMap<EntityRef, Given>, Vec<DocumentError>)> {
    let mut descriptors: BTreeMap<EntityRef, Given> = BTreeMap::new();
    let mut errors = Vec::new();
    let mut documents = 0;
    files.sort_by(|a, b| (&a.path, &a.bytes).cmp(&(&b.path, &b.bytes)));
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
            let mut given = Given { file: file.path.clone(), descriptor };
            if let Err(error) = given.complete(beside) {
                errors.push(error);
                continue;
            }
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

fn claimed_by_another(before: &import_sql::Existing, source: SourceId) -> Option<String> {
    before.source.filter(|claimed| *claimed != source && !before.binned)?;
    let kind = match before.source_kind {
        Some(SourceKind::File) => "the files of",
        Some(SourceKind::Url) => "the address",
        Some(SourceKind::Discovery) => "the organisation",
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
            None => import_sql::team_of_group(connection, group).await?,
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
) -> Result<import_sql::Written> {
    let descriptor = &given.descriptor;
    let metadata = &descriptor.metadata;
    let part_of = |kind| {
        let mut parts = descriptor.relations.iter();
        parts
            .find(|(relation, target)| *relation == RelationType::PartOf && target.kind == kind)
            .map(|(_, target)| target.to_string())
    };
    Ok(import_sql::Written {
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

/// What an update changes, of what pages show; "descriptor" where it is only something else.
pub(super) fn changes(changed: &Changed) -> Vec<FieldChange> {
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
