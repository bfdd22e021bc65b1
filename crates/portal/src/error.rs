//! Why an operation did not happen, with a variant only where a caller acts on the difference.

use model::{FieldError, Problem, ProblemType, problem::Denial};

use crate::authz::ActionName;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What every operation of the portal fails with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not there, or not to be known about.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Nobody is signed in.
    #[error("sign in first")]
    Unauthenticated,
    /// Known, but not allowed; it has been recorded.
    #[error("{}", denied(.0))]
    Forbidden(Box<Denial>),
    /// Nothing passes here at present; the reason, and who can change that.
    #[error("{0}")]
    Shut(String),
    /// Read, and wrong in these places.
    #[error("{}", in_words(.0))]
    Invalid(Vec<FieldError>),
    /// Could not be read at all.
    #[error("{0}")]
    Malformed(String),
    /// More than is taken here.
    #[error("{0}")]
    TooLarge(String),
    /// Something else came first.
    #[error("{0}")]
    Conflict(String),
    /// More than is taken in this time.
    #[error("{0}")]
    TooMany(String),
    /// A part that this needs is down; nothing was changed.
    #[error("{0}")]
    Unavailable(String),
    /// Our fault. The source is for the logs, never for the caller.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// One wrong input.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, message)])
    }

    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// The one mapping from what went wrong to what REST and pages show.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let kind = match self {
            Self::NotFound(_) => ProblemType::NotFound,
            Self::Unauthenticated => ProblemType::Unauthenticated,
            Self::Forbidden(_) | Self::Shut(_) => ProblemType::Forbidden,
            Self::Invalid(_) => ProblemType::Invalid,
            Self::Malformed(_) => ProblemType::Malformed,
            Self::TooLarge(_) => ProblemType::TooLarge,
            Self::Conflict(_) => ProblemType::Conflict,
            Self::TooMany(_) => ProblemType::TooMany,
            Self::Unavailable(_) => ProblemType::Unavailable,
            Self::Internal(_) => ProblemType::Internal,
        };
        let mut problem = Problem::new(kind, self.to_string());
        match self {
            Self::Invalid(errors) => problem.errors.clone_from(errors),
            Self::Forbidden(denial) => problem.denial = Some((**denial).clone()),
            Self::Internal(_) => {
                "the cause is in the server's log under this request id; nothing was changed"
                    .clone_into(&mut problem.detail);
            }
            _ => {}
        }
        problem
    }
}

/// What a caller is shown; the cause of an internal error goes to the log here, once.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if let Error::Internal(source) = &error {
            tracing::error!(error = source.as_ref(), "internal error");
        }
        error.problem()
    }
}

/// "you may not administer service accounts; the rule: the role platform administrator"
fn denied(denial: &Denial) -> String {
    let action = ActionName::ALL.iter().find(|action| action.as_str() == denial.action);
    let does = action.map_or(denial.action.as_str(), |action| action.does());
    format!("you may not {does}; the rule: {}", denial.missing)
}

fn in_words(errors: &[FieldError]) -> String {
    errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>().join("; ")
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                tracing::error!(%error, "the database does not answer");
                Self::Unavailable("the database does not answer; try again in a moment".to_owned())
            }
            _ => Self::internal(error),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

/// Turns the violation of a named constraint into what a person can act on.
pub trait OnConstraint<T> {
    /// `.on_constraint("team_name_key", || Error::Conflict("that name is taken".into()))`
    ///
    /// # Errors
    /// What `otherwise` makes where `constraint` was violated; else the error as it was.
    fn on_constraint(self, constraint: &str, otherwise: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> OnConstraint<T> for Result<T, sqlx::Error> {
    fn on_constraint(self, constraint: &str, otherwise: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|error| match error.as_database_error().and_then(|error| error.constraint()) {
            Some(name) if name == constraint => otherwise(),
            _ => error.into(),
        })
    }
}
