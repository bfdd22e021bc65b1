//! The catalog as pages and the API show it: lists and their filters, one entity, and what became of an import.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{EntityId, EntityRef, FieldError, Kind, Link, Page, RelationType, SourceId, catalog::DEFAULT_NAMESPACE};

/// The longest value of a filter, in letters.
const LONGEST_VALUE: usize = 200;
/// The most values of a filter in all.
const MOST_VALUES: usize = 50;
/// The most words of a search that are looked for.
const MOST_WORDS: usize = 8;

impl EntityRef {
    /// The entity's page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/catalog/{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

/// One row of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct EntitySummary {
    pub id: EntityId,
    #[serde(rename = "ref")]
    #[cfg_attr(feature = "utoipa", schema(value_type = String, example = "component:default/checkout"))]
    pub reference: EntityRef,
    /// In the case in which it was written.
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    #[serde(rename = "type")]
    pub kind_type: Option<String>,
    pub lifecycle: Option<String>,
    pub tier: Option<String>,
    /// As stated: `group:default/payments`, `user:default/ada`.
    pub owner: Option<String>,
    /// The team that the owner is, where it is one.
    pub team: Option<String>,
    #[serde(rename = "system")]
    pub system: Option<String>,
    pub tags: Vec<String>,
    /// Seen only by those with a role over it.
    pub restricted: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

impl EntitySummary {
    /// What people call it.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntitySort {
    #[default]
    Name,
    Updated,
}

impl EntitySort {
    pub const ALL: [Self; 2] = [Self::Name, Self::Updated];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Updated => "updated",
        }
    }
}

/// Which entities a list shows, and in which order. Values of one field are alternatives; fields add to one another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EntityFilter {
    /// Every word of it stands somewhere in the name, title or description, or is a tag.
    pub text: String,
    pub kinds: Vec<Kind>,
    pub types: Vec<String>,
    pub lifecycles: Vec<String>,
    pub owners: Vec<EntityRef>,
    pub systems: Vec<EntityRef>,
    pub tags: Vec<String>,
    /// `key=value`
    pub labels: Vec<String>,
    pub sort: EntitySort,
    pub descending: bool,
}

impl EntityFilter {
    /// Reads a query string's pairs; what is no filter (a cursor, say) is left to others, and empty values are none.
    ///
    /// # Errors
    /// The field whose value cannot be meant, and why.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, FieldError> {
        let mut filter = Self::default();
        let mut values = 0;
        for (field, value) in pairs {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let wrong = |reason: String| FieldError::new(field, reason);
            if value.chars().count() > LONGEST_VALUE {
                return Err(wrong(format!("is longer than {LONGEST_VALUE} letters")));
            }
            let reference =
                |kind| EntityRef::parse(value, Some(kind), DEFAULT_NAMESPACE).map_err(|error| wrong(error.to_string()));
            match field {
                "q" => value.clone_into(&mut filter.text),
                "kind" => filter.kinds.push(value.parse().map_err(|error| wrong(format!("{error}")))?),
                "type" => filter.types.push(value.to_owned()),
                "lifecycle" => filter.lifecycles.push(value.to_owned()),
                "owner" => filter.owners.push(reference(Kind::Group)?),
                "system" => filter.systems.push(reference(Kind::System)?),
                "tag" => filter.tags.push(value.to_lowercase()),
                "label" if value.contains('=') => filter.labels.push(value.to_owned()),
                "label" => return Err(wrong("is a key and a value, as in env=production".to_owned())),
                "sort" => {
                    let (descending, key) = value.strip_prefix('-').map_or((false, value), |key| (true, key));
                    filter.sort = EntitySort::ALL.into_iter().find(|sort| sort.as_str() == key).ok_or_else(|| {
                        wrong(format!("{key:?} is not what this list sorts by; name and updated are"))
                    })?;
                    filter.descending = descending;
                }
                _ => continue,
            }
            values += 1;
            if values > MOST_VALUES {
                return Err(wrong(format!("a filter has at most {MOST_VALUES} values")));
            }
        }
        Ok(filter)
    }

    /// The query string's pairs that say the same.
    #[must_use]
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if !self.text.is_empty() {
            pairs.push(("q", self.text.clone()));
        }
        pairs.extend(self.kinds.iter().map(|kind| ("kind", kind.to_string())));
        pairs.extend(self.types.iter().map(|value| ("type", value.clone())));
        pairs.extend(self.lifecycles.iter().map(|value| ("lifecycle", value.clone())));
        pairs.extend(self.owners.iter().map(|owner| ("owner", owner.to_string())));
        pairs.extend(self.systems.iter().map(|system| ("system", system.to_string())));
        pairs.extend(self.tags.iter().map(|value| ("tag", value.clone())));
        pairs.extend(self.labels.iter().map(|value| ("label", value.clone())));
        if self.sort != EntitySort::Name || self.descending {
            pairs.push(("sort", format!("{}{}", if self.descending { "-" } else { "" }, self.sort.as_str())));
        }
        pairs
    }

    /// What is looked for, in lower case.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.text.to_lowercase().split_whitespace().take(MOST_WORDS).map(ToOwned::to_owned).collect()
    }

    /// Whether anything is left out of the list.
    #[must_use]
    pub fn narrows(&self) -> bool {
        *self != Self { sort: self.sort, descending: self.descending, ..Self::default() }
    }

    /// The same list with one value of a facet turned on, or off where it is on.
    #[must_use]
    pub fn toggled(&self, facet: Facet, value: &str) -> Self {
        fn toggle<T: PartialEq>(values: &mut Vec<T>, value: T) {
            match values.iter().position(|held| *held == value) {
                Some(place) => drop(values.remove(place)),
                None => values.push(value),
            }
        }
        let mut filter = self.clone();
        match facet {
            Facet::Kind => {
                if let Ok(kind) = value.parse() {
                    toggle(&mut filter.kinds, kind);
                }
            }
            Facet::Type => toggle(&mut filter.types, value.to_owned()),
            Facet::Lifecycle => toggle(&mut filter.lifecycles, value.to_owned()),
            Facet::Owner => {
                if let Ok(owner) = value.parse() {
                    toggle(&mut filter.owners, owner);
                }
            }
            Facet::System => {
                if let Ok(system) = value.parse() {
                    toggle(&mut filter.systems, system);
                }
            }
            Facet::Tag => toggle(&mut filter.tags, value.to_owned()),
            Facet::Label => toggle(&mut filter.labels, value.to_owned()),
        }
        filter
    }

    /// The values of a facet that are on.
    #[must_use]
    pub fn values(&self, facet: Facet) -> Vec<String> {
        match facet {
            Facet::Kind => self.kinds.iter().map(ToString::to_string).collect(),
            Facet::Type => self.types.clone(),
            Facet::Lifecycle => self.lifecycles.clone(),
            Facet::Owner => self.owners.iter().map(ToString::to_string).collect(),
            Facet::System => self.systems.iter().map(ToString::to_string).collect(),
            Facet::Tag => self.tags.clone(),
            Facet::Label => self.labels.clone(),
        }
    }
}

/// What a list can be narrowed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Facet {
    Kind,
    Type,
    Lifecycle,
    Owner,
    System,
    Tag,
    /// A label with its value: `key=value`.
    Label,
}

impl Facet {
    pub const ALL: [Self; 7] =
        [Self::Kind, Self::Type, Self::Lifecycle, Self::Owner, Self::System, Self::Tag, Self::Label];

    /// As addresses write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Type => "type",
            Self::Lifecycle => "lifecycle",
            Self::Owner => "owner",
            Self::System => "system",
            Self::Tag => "tag",
            Self::Label => "label",
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Kind => "Kind",
            Self::Type => "Type",
            Self::Lifecycle => "Lifecycle",
            Self::Owner => "Owner",
            Self::System => "System",
            Self::Tag => "Tag",
            Self::Label => "Label",
        }
    }
}

/// How many of what would be listed have one value of a facet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FacetCount {
    pub value: String,
    pub count: u64,
    /// Whether the list is narrowed to it now.
    pub on: bool,
}

/// One facet, its most frequent values first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FacetCounts {
    pub facet: Facet,
    pub values: Vec<FacetCount>,
    /// How many more values there are than are shown.
    pub more: u64,
}

/// A page of the catalog and how it can be narrowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct EntityList {
    #[serde(flatten)]
    pub page: Page<EntitySummary>,
    pub facets: Vec<FacetCounts>,
}

/// One entity with everything that its descriptor says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct EntityDetail {
    #[serde(flatten)]
    pub summary: EntitySummary,
    pub domain: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub links: Vec<Link>,
    pub relations: Vec<EntityRelation>,
    /// Where the descriptor was read.
    pub origin: Option<Origin>,
    /// Sources that describe it as well, and do not hold it.
    pub also_described: Vec<Origin>,
    /// Where no source describes it any more.
    pub binned: Option<Binned>,
    #[cfg_attr(feature = "utoipa", schema(value_type = Object))]
    pub descriptor: Value,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// Since when something is in the bin, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Binned {
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// From then on it is deleted for good.
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
    pub because: String,
}

impl Binned {
    /// How long what is in the bin can be restored.
    pub const KEPT: time::Duration = time::Duration::days(30);

    #[must_use]
    pub fn new(since: OffsetDateTime, because: String) -> Self {
        Self { since, until: since + Self::KEPT, because }
    }
}

/// One entity in the bin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct BinnedEntity {
    pub id: EntityId,
    #[serde(rename = "ref")]
    #[cfg_attr(feature = "utoipa", schema(value_type = String, example = "component:default/checkout"))]
    pub reference: EntityRef,
    /// What people call it.
    pub title: String,
    /// As stated.
    pub owner: Option<String>,
    pub team: Option<String>,
    #[serde(flatten)]
    pub binned: Binned,
}

impl EntityDetail {
    /// Those at the other end of one relation.
    pub fn related(&self, relation: RelationType) -> impl Iterator<Item = &EntityRelation> {
        self.relations.iter().filter(move |other| other.relation == relation)
    }
}

/// How an entity stands to another, seen from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct EntityRelation {
    #[serde(rename = "type")]
    pub relation: RelationType,
    #[cfg_attr(feature = "utoipa", schema(value_type = String, example = "system:default/shop"))]
    pub target: EntityRef,
    pub title: Option<String>,
    /// False: nothing that may be seen here is called so.
    pub known: bool,
}

/// The file that an entity was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Origin {
    pub kind: SourceKind,
    pub source: String,
    pub file: String,
    pub line: u32,
}

/// How descriptors get here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "lowercase"))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Sent by somebody, in the browser or through the API.
    Upload,
    /// Read from files that the administrator named.
    File,
    /// Read again and again at an address, with what it points to.
    Url,
    /// Read from every repository of an organisation.
    Discovery,
}

impl SourceKind {
    /// Whether the portal reads it by itself.
    #[must_use]
    pub const fn is_polled(self) -> bool {
        matches!(self, Self::Url | Self::Discovery)
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::File => "file",
            Self::Url => "url",
            Self::Discovery => "discovery",
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Upload => "Upload",
            Self::File => "Files",
            Self::Url => "Address",
            Self::Discovery => "Organisation",
        }
    }
}

impl std::str::FromStr for SourceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Upload, Self::File, Self::Url, Self::Discovery]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no kind of source; url and discovery can be added"))
    }
}

/// Where entities come from, and how its last reading went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Source {
    pub id: SourceId,
    pub kind: SourceKind,
    pub name: String,
    /// The address or organisation that is read.
    pub address: Option<String>,
    /// Which file of each repository, for an organisation.
    pub path: Option<String>,
    pub with_forks: bool,
    pub with_archived: bool,
    /// Whether a token is kept for it.
    pub has_token: bool,
    /// Whether pushes are heard.
    pub has_hook: bool,
    /// How often it is read by itself, in seconds.
    pub every_s: Option<u32>,
    pub state: SourceState,
    /// The last reading that worked.
    #[serde(with = "time::serde::rfc3339")]
    pub read_at: OffsetDateTime,
    /// The last reading, whether it worked or not; none before the first.
    #[serde(with = "time::serde::rfc3339::option")]
    pub tried_at: Option<OffsetDateTime>,
    /// How long that took, in milliseconds.
    pub took_ms: Option<u32>,
    /// What the last reading that worked did.
    pub did: Option<Did>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub failing_since: Option<OffsetDateTime>,
    /// Why the last reading failed, and what to do.
    pub failure: Option<String>,
    /// The last push that was heard, and the last whose signature was wrong.
    #[serde(with = "time::serde::rfc3339::option")]
    pub hook_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub hook_refused_at: Option<OffsetDateTime>,
    /// How many entities are its own.
    pub entities: u64,
    /// How many entities it and another one describe.
    pub conflicts: u64,
    /// What was wrong in the last reading.
    pub errors: Vec<DocumentError>,
}

impl Source {
    /// The source's page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/catalog/sources/{}", self.id)
    }
}

/// How a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// A reading was asked for and has not ended.
    Reading,
    Fine,
    /// Documents are wrong, or others hold what it describes.
    Wrong,
    /// It cannot be read at all; everything stays as it was read last.
    Failing,
}

/// How many entities a reading touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Did {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub binned: u64,
}

/// An entity that two sources describe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct SourceConflict {
    #[serde(rename = "ref")]
    #[cfg_attr(feature = "utoipa", schema(value_type = String, example = "component:default/checkout"))]
    pub reference: EntityRef,
    /// Who described it first and keeps it.
    pub held_by: Option<Origin>,
    /// Who describes it as well and gets it next.
    pub wanted_by: Origin,
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ImportReport {
    #[cfg_attr(feature = "utoipa", schema(value_type = Vec<String>))]
    pub created: Vec<EntityRef>,
    #[cfg_attr(feature = "utoipa", schema(value_type = Vec<String>))]
    pub updated: Vec<EntityRef>,
    #[cfg_attr(feature = "utoipa", schema(value_type = Vec<String>))]
    pub unchanged: Vec<EntityRef>,
    /// What the source does not describe any more.
    #[cfg_attr(feature = "utoipa", schema(value_type = Vec<String>))]
    pub binned: Vec<EntityRef>,
    /// What is wrong, and where; the documents that are right stand all the same.
    pub errors: Vec<DocumentError>,
}

/// One thing that is wrong with one document of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct DocumentError {
    pub file: String,
    /// Its place in the file, counted from one.
    pub document: u32,
    /// Counted from one.
    pub line: u32,
    pub kind: Option<String>,
    pub name: Option<String>,
    /// `metadata.name`, `spec.dependsOn[1]`; none where it is the document as a whole.
    pub field: Option<String>,
    pub reason: String,
}

/// One change of an entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct EntityEvent {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub what: EntityEventKind,
    pub changes: Vec<FieldChange>,
    /// The source whose reading changed it.
    pub source: Option<String>,
    /// Who had it read, where that was a person.
    pub by: Option<String>,
    /// What changed in the descriptor, a line each: after a space what stayed, `-` what went, `+` what came, and `@`
    /// where lines are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "lowercase"))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum EntityEventKind {
    Created,
    Updated,
    /// No source described it any more.
    Binned,
    /// A source described it again, or somebody took it out of the bin.
    Restored,
}

/// One field before and after; none where it was not set, and both none where the value is too long to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FieldChange {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// One line of the command palette.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Suggestion {
    pub title: String,
    /// `component`, `person`, `team`.
    pub kind: String,
    pub href: String,
    pub hint: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&'static str, &'static str)]) -> Result<EntityFilter, FieldError> {
        EntityFilter::from_pairs(query.iter().copied())
    }

    #[test]
    fn a_filter_survives_its_address() {
        let query = [
            ("q", "check out"),
            ("kind", "component"),
            ("kind", "API"),
            ("owner", "payments"),
            ("system", "shop/cart"),
            ("tag", "Java"),
            ("label", "env=production"),
            ("sort", "-updated"),
            ("cursor", "x"),
        ];
        let filter = read(&query).unwrap();
        let pairs = filter.to_pairs();
        assert!(pairs.contains(&("owner", "group:default/payments".to_owned())), "{pairs:?}");
        assert_eq!(EntityFilter::from_pairs(pairs.iter().map(|(k, v)| (*k, v.as_str()))).unwrap(), filter);
    }

    #[test]
    fn a_value_that_cannot_be_meant_names_its_field() {
        for (field, value) in [("kind", "queue"), ("owner", "a:b:c"), ("sort", "size"), ("label", "env")] {
            assert_eq!(read(&[(field, value)]).unwrap_err().field, field, "{value}");
        }
        let long = "x".repeat(201);
        assert!(EntityFilter::from_pairs([("q", long.as_str())]).is_err());
        assert!(EntityFilter::from_pairs(std::iter::repeat_n(("tag", "a"), 51)).is_err());
    }

    #[test]
    fn a_facet_turns_on_and_off() {
        let all = EntityFilter::default();
        let on = all.toggled(Facet::Kind, "component").toggled(Facet::Owner, "group:default/payments");
        assert!(on.narrows() && on.values(Facet::Owner) == ["group:default/payments"]);
        assert_eq!(on.toggled(Facet::Kind, "component").toggled(Facet::Owner, "group:default/payments"), all);
    }
}
