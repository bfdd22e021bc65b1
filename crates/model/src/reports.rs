//! The words that reports are sorted by: what sort of problem a finding is, how a control came out.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What sort of problem a finding is; decides who looks at it and how it is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "lowercase"))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FindingKind {
    /// A known flaw in something that was taken from elsewhere; mended by a newer version.
    Vulnerability,
    /// A setting of infrastructure or deployment that breaks a rule.
    Misconfiguration,
    /// A credential where none should be; mended by revoking it. Its value is never kept.
    Secret,
    /// A flaw in our own code.
    Code,
}

impl FindingKind {
    /// In the order in which pages list them.
    pub const ALL: [Self; 4] = [Self::Vulnerability, Self::Misconfiguration, Self::Secret, Self::Code];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vulnerability => "vulnerability",
            Self::Misconfiguration => "misconfiguration",
            Self::Secret => "secret",
            Self::Code => "code",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Vulnerability => "Vulnerability",
            Self::Misconfiguration => "Misconfiguration",
            Self::Secret => "Secret",
            Self::Code => "Code",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no kind of finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind of finding; use vulnerability, misconfiguration, secret or code")]
pub struct UnknownFindingKind(pub String);

impl FromStr for FindingKind {
    type Err = UnknownFindingKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownFindingKind(text.to_owned()))
    }
}

/// How one control of a benchmark came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "lowercase"))]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ControlStatus {
    Pass,
    Fail,
    /// The tool could not decide; a person has to look.
    Warn,
    /// Said for information; neither passes nor fails.
    Info,
}

impl ControlStatus {
    /// In the order in which pages list them: what needs work first.
    pub const ALL: [Self; 4] = [Self::Fail, Self::Warn, Self::Pass, Self::Info];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pass => "Passed",
            Self::Fail => "Failed",
            Self::Warn => "To be checked",
            Self::Info => "Information",
        }
    }
}

impl fmt::Display for ControlStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no outcome of a control.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the outcome of a control; use pass, fail, warn or info")]
pub struct UnknownControlStatus(pub String);

impl FromStr for ControlStatus {
    type Err = UnknownControlStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownControlStatus(text.to_owned()))
    }
}
