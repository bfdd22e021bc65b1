//! What sort of thing an entity is: Backstage's kinds, and those that an installation declares.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::{PoisonError, RwLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::{InvalidRef, MAX_NAME, RelationType, shown};

/// What sort of thing an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A piece of software: a service, a website, a library.
    Component,
    /// A boundary between components.
    Api,
    /// What a component needs to run: a database, a bucket, a cluster.
    Resource,
    /// Components, APIs and resources that do one job together.
    System,
    /// Systems that belong to one part of the business.
    Domain,
    /// A team or a unit.
    Group,
    /// A person.
    User,
    /// A pointer to more descriptors.
    Location,
    /// Something that can be made from a form.
    Template,
    /// One that the installation declares, or did when the entity was read.
    Custom(&'static CustomKind),
}

/// A kind that is not Backstage's. Two of the same name are the same kind.
pub struct CustomKind {
    /// As addresses, references and the database write it: the label in lower case.
    pub name: String,
    /// As descriptors and pages write it: `Queue`.
    pub label: String,
    /// `Queues`
    pub plural: String,
    pub description: String,
    /// Those that its descriptors may name; none where nobody declares the kind any more.
    pub api_versions: Vec<String>,
    /// What its spec says about other entities.
    pub relations: Vec<KindRelation>,
    /// What is wrong with a spec.
    pub check: SpecCheck,
}

/// Finds what is wrong with a spec.
pub type SpecCheck = Box<dyn Fn(&Value) -> Vec<SpecError> + Send + Sync>;

/// Something that is wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// Where, as a JSON pointer (RFC 6901) into the spec.
    pub pointer: String,
    pub reason: String,
}

/// A field of a kind's spec that names other entities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindRelation {
    pub field: String,
    /// The kind of a reference that names none; a reference has to name its own where this is left out.
    pub kind: Option<String>,
    /// How the entity stands to what the field names.
    pub relation: RelationType,
    /// A list of references instead of one.
    pub many: bool,
}

impl Kind {
    /// Backstage's own.
    pub const ALL: &'static [Self] = &[
        Self::Component,
        Self::Api,
        Self::Resource,
        Self::System,
        Self::Domain,
        Self::Group,
        Self::User,
        Self::Location,
        Self::Template,
    ];

    /// As addresses, references and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Api => "api",
            Self::Resource => "resource",
            Self::System => "system",
            Self::Domain => "domain",
            Self::Group => "group",
            Self::User => "user",
            Self::Location => "location",
            Self::Template => "template",
            Self::Custom(kind) => kind.name.as_str(),
        }
    }

    /// As descriptors and pages write it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Component => "Component",
            Self::Api => "API",
            Self::Resource => "Resource",
            Self::System => "System",
            Self::Domain => "Domain",
            Self::Group => "Group",
            Self::User => "User",
            Self::Location => "Location",
            Self::Template => "Template",
            Self::Custom(kind) => kind.label.as_str(),
        }
    }

    /// Makes a kind known to this process, for as long as it runs; one of the same name that was known is replaced for
    /// whoever asks from now on. Meant for the start, before anything is read.
    pub fn declare(kind: CustomKind) -> Self {
        let kind: &'static CustomKind = Box::leak(Box::new(kind));
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(&kind.name, kind);
        Self::Custom(kind)
    }

    /// Backstage's kinds and those that are declared.
    #[must_use]
    pub fn declared() -> Vec<Self> {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        let custom = known.values().copied().filter(|kind| kind.is_declared()).map(Self::Custom);
        Self::ALL.iter().copied().chain(custom).collect()
    }

    /// The kind that was stored as `name`, also where nobody declares it any more: what is in the catalog is shown. Not
    /// for what strangers write, since each new name is kept for as long as the process runs.
    #[must_use]
    pub fn stored(name: &str) -> Self {
        if let Some(kind) = Self::known(name) {
            return kind;
        }
        let mut label = name.to_owned();
        if let Some(first) = label.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self::declare(CustomKind {
            name: name.to_ascii_lowercase(),
            plural: label.clone(),
            label,
            description: String::new(),
            api_versions: Vec::new(),
            relations: Vec::new(),
            check: Box::new(|_| Vec::new()),
        })
    }

    fn known(text: &str) -> Option<Self> {
        let own = Self::ALL.iter().copied().find(|kind| kind.as_str().eq_ignore_ascii_case(text));
        own.or_else(|| {
            let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
            known.get(text.to_ascii_lowercase().as_str()).copied().map(Self::Custom)
        })
    }
}

/// The custom kinds of this process by their names.
static KNOWN: RwLock<BTreeMap<&'static str, &'static CustomKind>> = RwLock::new(BTreeMap::new());

impl CustomKind {
    /// Whether descriptors of this kind are read, and not only shown.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        !self.api_versions.is_empty()
    }
}

/// Whether `text` may be a kind: letters and digits, a letter first (`KubernetesValidatorFunctions` of catalog-model).
#[must_use]
pub fn is_kind(text: &str) -> bool {
    text.len() <= MAX_NAME
        && text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = InvalidRef;

    /// Takes any case, as references do.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::known(text).ok_or_else(|| {
            let known = Self::declared().into_iter().map(Self::label).collect::<Vec<_>>().join(", ");
            InvalidRef(format!("{:?} is not a kind that is known here; known are {known}", shown(text)))
        })
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a portal wrote: a kind that is not declared in this process is one that is in its catalog.
impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if is_kind(&text) { Ok(Self::stored(&text)) } else { Err(de::Error::custom("this is not a kind")) }
    }
}

#[cfg(feature = "sqlx")]
mod stored {
    use sqlx::{
        Decode, Encode, Postgres, Type,
        encode::IsNull,
        error::BoxDynError,
        postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef},
    };

    use super::Kind;

    impl Type<Postgres> for Kind {
        fn type_info() -> PgTypeInfo {
            <str as Type<Postgres>>::type_info()
        }

        fn compatible(ty: &PgTypeInfo) -> bool {
            <str as Type<Postgres>>::compatible(ty)
        }
    }

    impl PgHasArrayType for Kind {
        fn array_type_info() -> PgTypeInfo {
            <&str as PgHasArrayType>::array_type_info()
        }
    }

    impl Encode<'_, Postgres> for Kind {
        fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
            <&str as Encode<Postgres>>::encode(self.as_str(), buffer)
        }
    }

    impl Decode<'_, Postgres> for Kind {
        fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
            Ok(Self::stored(<&str as Decode<Postgres>>::decode(value)?))
        }
    }
}

#[cfg(feature = "utoipa")]
mod described {
    use utoipa::{
        PartialSchema, ToSchema,
        openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
    };

    use super::Kind;

    impl PartialSchema for Kind {
        fn schema() -> RefOr<Schema> {
            let known = Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(format!("{known}, or one that the installation declares")))
                .build()
                .into()
        }
    }

    impl ToSchema for Kind {}
}

impl PartialEq for CustomKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for CustomKind {}

impl PartialOrd for CustomKind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CustomKind {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl Hash for CustomKind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for CustomKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CustomKind").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EntityRef;

    fn kind(label: &str) -> CustomKind {
        CustomKind {
            name: label.to_lowercase(),
            label: label.to_owned(),
            plural: format!("{label}s"),
            description: String::new(),
            api_versions: vec!["example.com/v1".to_owned()],
            relations: Vec::new(),
            check: Box::new(|_| Vec::new()),
        }
    }

    #[test]
    fn a_declared_kind_is_one_like_the_others() {
        let ledger = Kind::declare(kind("Ledger"));
        assert_eq!("LEDGER".parse::<Kind>().unwrap(), ledger);
        assert_eq!((ledger.as_str(), ledger.label()), ("ledger", "Ledger"));
        assert!(Kind::declared().contains(&ledger) && ledger > Kind::Template);
        let reference: EntityRef = "Ledger:shop/Main".parse().unwrap();
        assert_eq!(reference.to_string(), "ledger:shop/main");
        let json = serde_json::to_string(&reference).unwrap();
        assert_eq!(serde_json::from_str::<EntityRef>(&json).unwrap(), reference);
        assert_eq!(Kind::declare(kind("Ledger")), ledger, "the same name is the same kind");
    }

    #[test]
    fn a_stored_kind_that_nobody_declares_is_still_a_kind_and_no_declared_one() {
        assert!("barrel".parse::<Kind>().is_err());
        let barrel = Kind::stored("barrel");
        assert_eq!((barrel.as_str(), barrel.label()), ("barrel", "Barrel"));
        assert_eq!("barrel".parse::<Kind>().unwrap(), barrel);
        assert!(!Kind::declared().contains(&barrel));
        let declared = Kind::declare(kind("Barrel"));
        assert_eq!(declared, barrel);
        assert!(Kind::declared().contains(&barrel));
    }

    #[test]
    fn what_can_be_no_kind_is_not_taken_from_json_either() {
        for text in ["\"\"", "\"9a\"", "\"a b\"", "5", "\"a/b\""] {
            assert!(serde_json::from_str::<Kind>(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<EntityRef>("\"a b:default/x\"").is_err());
        assert_eq!(serde_json::from_str::<EntityRef>("\"cask:default/x\"").unwrap().to_string(), "cask:default/x");
    }
}
