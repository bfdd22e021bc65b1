//! What makes environments: the servers that the administrator named, and how one of them is reached.

pub mod password;
pub mod postgres;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;
use secrecy::SecretString;

use super::state::Failure;
use crate::error::Result;

/// A Postgres server that environments are made on.
#[derive(Clone, Debug)]
pub struct Target {
    /// As templates name it.
    pub name: String,
    /// Every database and role that is made there begins so: two portals that share a server differ here. Lower-case
    /// letters, digits and underscores, at most [`Target::MAX_PREFIX`] of them.
    pub prefix: String,
    pub address: Address,
    /// What people connect to, where it is not what the portal connects to.
    pub public: Option<(String, u16)>,
}

impl Target {
    /// A name is the prefix, an underscore and 32 digits, and Postgres keeps 63 bytes of a name.
    pub const MAX_PREFIX: usize = 30;
}

/// Where the provisioner connects: a role that may create databases and roles, and need not be a superuser. The server
/// itself, not a pooler in front of it: the lock on an environment lives as long as the connection.
#[derive(Clone)]
pub enum Address {
    /// `postgres://provisioner:password@host/postgres`
    Given(SecretString),
    /// Starts with the first environment.
    OnFirstUse(Arc<dyn Start>),
}

/// Starts a server, or finds it running.
pub trait Start: Send + Sync {
    /// The address of the provisioner.
    fn url(&self) -> BoxFuture<'_, Result<SecretString>>;
}

impl Address {
    async fn url(&self) -> Result<SecretString> {
        match self {
            Self::Given(url) => Ok(url.clone()),
            Self::OnFirstUse(server) => server.url().await,
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given(_) => "Address(given)",
            Self::OnFirstUse(_) => "Address(on first use)",
        })
    }
}

/// What one step found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub step: &'static str,
    pub text: String,
}

impl Failure {
    /// Something that the next attempt may not meet: no answer, too many connections.
    fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasting: false }
    }

    /// Something that stays until somebody changes it.
    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasting: true }
    }
}
