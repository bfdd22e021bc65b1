//! What a thing of the catalog is called and how two of them are related, in Backstage's own terms.
//!
//! Facts are from Backstage's published descriptor format, references and well-known relations
//! (backstage.io/docs/features/software-catalog, read for catalog-model 1.7).

mod kind;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use self::kind::{CustomKind, Kind, KindRelation, SpecCheck, SpecError, is_kind};

/// The namespace of an entity that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// The longest name, namespace or tag.
pub const MAX_NAME: usize = 63;

macro_rules! words {
    (
        $(#[$doc:meta])* $name:ident ($what:literal) {
            $($(#[$variant_doc:meta])* $variant:ident = $word:literal, $label:literal;)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text"))]
        #[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
        pub enum $name {
            $(
                $(#[$variant_doc])*
                #[serde(rename = $word)]
                #[cfg_attr(feature = "sqlx", sqlx(rename = $word))]
                $variant,
            )+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As addresses, references and the database write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// As descriptors and pages write it.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidRef;

            /// Takes any case, as references do.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|word| word.as_str().eq_ignore_ascii_case(text))
                    .ok_or_else(|| InvalidRef(format!(
                        concat!("{:?} is not a ", $what, " that is known here; known are {}"),
                        shown(text),
                        Self::ALL.iter().map(|word| word.label()).collect::<Vec<_>>().join(", "),
                    )))
            }
        }
    };
}

words! {
    /// How one entity stands to another; each has its counterpart.
    RelationType ("relation") {
        OwnedBy = "ownedBy", "owned by";
        OwnerOf = "ownerOf", "owner of";
        PartOf = "partOf", "part of";
        HasPart = "hasPart", "has part";
        DependsOn = "dependsOn", "depends on";
        DependencyOf = "dependencyOf", "dependency of";
        ProvidesApi = "providesApi", "provides API";
        ApiProvidedBy = "apiProvidedBy", "API provided by";
        ConsumesApi = "consumesApi", "consumes API";
        ApiConsumedBy = "apiConsumedBy", "API consumed by";
        MemberOf = "memberOf", "member of";
        HasMember = "hasMember", "has member";
        ChildOf = "childOf", "child of";
        ParentOf = "parentOf", "parent of";
    }
}

impl RelationType {
    /// The same relation seen from the other end.
    #[must_use]
    pub const fn inverse(self) -> Self {
        match self {
            Self::OwnedBy => Self::OwnerOf,
            Self::OwnerOf => Self::OwnedBy,
            Self::PartOf => Self::HasPart,
            Self::HasPart => Self::PartOf,
            Self::DependsOn => Self::DependencyOf,
            Self::DependencyOf => Self::DependsOn,
            Self::ProvidesApi => Self::ApiProvidedBy,
            Self::ApiProvidedBy => Self::ProvidesApi,
            Self::ConsumesApi => Self::ApiConsumedBy,
            Self::ApiConsumedBy => Self::ConsumesApi,
            Self::MemberOf => Self::HasMember,
            Self::HasMember => Self::MemberOf,
            Self::ChildOf => Self::ParentOf,
            Self::ParentOf => Self::ChildOf,
        }
    }
}

/// Which entity is meant. Two references that differ in case mean the same one, so it is kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityRef {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
}

impl EntityRef {
    /// Of parts that are known to be valid, from a checked descriptor, say.
    #[must_use]
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_ascii_lowercase(), name: name.to_ascii_lowercase() }
    }

    /// Reads `[kind:][namespace/]name`; `kind` and `namespace` stand in for what is left out.
    ///
    /// # Errors
    /// Where the text is no reference, names an unknown kind, or names none and there is no default.
    pub fn parse(text: &str, kind: Option<Kind>, namespace: &str) -> Result<Self, InvalidRef> {
        let invalid =
            |reason: String| Err(InvalidRef(format!("{:?} is not an entity reference: {reason}", shown(text))));

        let (given_kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (Some(kind), rest),
            None => (None, text),
        };
        let (namespace, name) = rest.split_once('/').unwrap_or((namespace, rest));
        let kind = match (given_kind, kind) {
            (Some(kind), _) => match kind.parse() {
                Ok(kind) => kind,
                Err(InvalidRef(reason)) => return invalid(reason),
            },
            (None, Some(kind)) => kind,
            (None, None) => return invalid("it must begin with a kind here, as in component:default/name".to_owned()),
        };
        if !is_name(name) {
            return invalid(format!("the name must be {NAME_RULE}"));
        }
        // References are folded to lower case before they are compared, so only the shape is asked for.
        if !is_namespace(&namespace.to_ascii_lowercase()) {
            return invalid(format!("the namespace must be {NAMESPACE_RULE}"));
        }
        Ok(Self::new(kind, namespace, name))
    }
}

/// Always whole and in lower case: `component:default/checkout`.
impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.kind, self.namespace, self.name)
    }
}

impl FromStr for EntityRef {
    type Err = InvalidRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, None, DEFAULT_NAMESPACE)
    }
}

impl Serialize for EntityRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntityRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // what a portal wrote may name a kind that is not declared in this process
        let kind = text.split_once(':').map(|(kind, _)| kind).filter(|kind| is_kind(kind)).map(Kind::stored);
        Self::parse(&text, kind, DEFAULT_NAMESPACE).map_err(de::Error::custom)
    }
}

/// An address that an entity's page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Link {
    /// Whole, and of a scheme that neither runs anything nor opens a local file.
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The name of an icon; pages show a general one where they do not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// Not a reference, a kind or a relation; says which rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRef(pub String);

/// The beginning of `text`, enough to recognise it by in an error.
fn shown(text: &str) -> &str {
    const LETTERS: usize = 100;

    text.char_indices().nth(LETTERS).map_or(text, |(end, _)| &text[..end])
}

/// What [`is_name`] asks for, in words.
pub const NAME_RULE: &str = "1 to 63 letters and digits, with -, _ or . between them";

/// What [`is_namespace`] asks for, in words.
pub const NAMESPACE_RULE: &str = "1 to 63 lower-case letters and digits, with - between them";

/// Whether `text` may be an entity's name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= MAX_NAME
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// Whether `text` may be a namespace (a DNS label, RFC 1123).
#[must_use]
pub fn is_namespace(text: &str) -> bool {
    text.len() <= MAX_NAME
        && text.split('-').all(|part| {
            // `a--b` is a DNS label too: an empty part is fine inside, and the ends are checked below.
            part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
        && !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_takes_its_defaults_and_ignores_case() {
        let short = EntityRef::parse("Checkout", Some(Kind::Component), "shop").unwrap();
        assert_eq!(short.to_string(), "component:shop/checkout");
        assert_eq!(short, EntityRef::parse("component:SHOP/CHECKOUT", None, "default").unwrap());
        assert_eq!(EntityRef::parse("API:orders", None, "default").unwrap().to_string(), "api:default/orders");
    }

    #[test]
    fn what_is_no_reference_says_why() {
        for text in ["", ":", "a:", "/", "a/", "group:/x", "queue:default/x", "a:b:c", "group:x/y/z", "gröup:x", "x y"]
        {
            let error = EntityRef::parse(text, Some(Kind::Group), "default").unwrap_err().to_string();
            assert!(error.contains("not an entity reference"), "{text}: {error}");
        }
        let no_kind = "checkout".parse::<EntityRef>().unwrap_err().to_string();
        assert!(no_kind.contains("begin with a kind"), "{no_kind}");
    }

    #[test]
    fn a_reference_survives_json() {
        let given = EntityRef::new(Kind::Api, "shop", "Orders");
        let json = serde_json::to_string(&given).unwrap();
        assert_eq!(json, r#""api:shop/orders""#);
        assert_eq!(serde_json::from_str::<EntityRef>(&json).unwrap(), given);
    }

    #[test]
    fn every_relation_has_a_counterpart_that_points_back() {
        for relation in RelationType::ALL {
            assert_ne!(relation.inverse(), *relation);
            assert_eq!(relation.inverse().inverse(), *relation);
        }
    }

    #[test]
    fn names_keep_to_the_published_rule() {
        for good in ["a", "A1", "a-b_c.d", "a--b", &"x".repeat(63)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "ä", "a/b", &"x".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_namespace("team-a") && !is_namespace("Team") && !is_namespace("-a") && !is_namespace("a_b"));
    }
}
