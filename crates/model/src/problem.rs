//! What went wrong, in one shape for REST, pages and forms (RFC 9457).

use serde::{Deserialize, Serialize};

/// A refusal that a caller can act on; REST sends it as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Stable for machines; listed in `docs/errors.md`.
    #[serde(rename = "type")]
    pub kind: ProblemType,
    /// The same for every problem of this type.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, with what, and what to do now.
    pub detail: String,
    /// Which inputs were wrong, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// For a denial: the rule that was missing, and who can grant it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<Denial>,
    /// Finds this request in the logs and in the audit records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// One input that was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The form field, or a JSON pointer into the body.
    pub field: String,
    pub message: String,
}

/// Why an action was refused and how one gets to be allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Denial {
    /// The action's name, `environment.approve`.
    pub action: String,
    /// What a rule would have needed, in words.
    pub missing: String,
    /// Who can grant it: names of roles and teams.
    pub ask: Vec<String>,
    /// Where to ask for access, an address within the portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_access: Option<String>,
}

macro_rules! problem_types {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:literal, $title:literal;)+) => {
        /// Every kind of problem; a type once published keeps its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
        pub enum ProblemType {
            $($(#[$doc])* #[serde(rename = $slug)] $name,)+
        }

        impl ProblemType {
            /// In the order of `docs/errors.md`.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)+ }
            }

            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

problem_types! {
    /// The input was read and is wrong; `errors` says where.
    Invalid = "/problems/invalid", 422, "The input is not valid";
    /// The input could not be read at all.
    Malformed = "/problems/malformed", 400, "The input could not be read";
    /// Nobody is signed in, or the token is not known.
    Unauthenticated = "/problems/unauthenticated", 401, "Sign in first";
    /// Known, but not allowed.
    Forbidden = "/problems/forbidden", 403, "You may not do this";
    /// Not there, or not to be known about.
    NotFound = "/problems/not-found", 404, "There is nothing here";
    /// The method is not one of this address.
    MethodNotAllowed = "/problems/method-not-allowed", 405, "This address does not take that method";
    /// Something else came first: a taken name, a changed request.
    Conflict = "/problems/conflict", 409, "Something else came first";
    /// More bytes, depth or parts than are taken here.
    TooLarge = "/problems/too-large", 413, "The input is too large";
    /// The content type is not one that is read here.
    UnsupportedMedia = "/problems/unsupported-media-type", 415, "This type of content is not read here";
    /// The request was meant for another host.
    Misdirected = "/problems/misdirected", 421, "This host is not served here";
    /// More requests than are taken in this time.
    TooMany = "/problems/too-many-requests", 429, "Too many requests";
    /// A part that this needs is down; nothing was changed.
    Unavailable = "/problems/unavailable", 503, "Something this needs is not there";
    /// Our fault; the request id finds the cause in the logs.
    Internal = "/problems/internal", 500, "Something broke on our side";
}

impl Problem {
    #[must_use]
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            errors: Vec::new(),
            denial: None,
            request_id: None,
        }
    }

    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }
}

impl FieldError {
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}
