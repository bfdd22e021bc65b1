//! People and teams, their sign-ins, sessions, tokens and roles.

pub mod access;
mod access_sql;
#[cfg(test)]
mod access_tests;
pub mod directory;
pub mod effects;
pub mod own;
pub mod session;
pub mod sign_in;
mod sql;
#[cfg(test)]
mod tests;
pub mod token;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::{authz::RoleName, clock::Rng};

/// How the groups that an identity provider names become teams and roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMapping {
    /// Only groups that begin so are teams; the rest of the name is the team's.
    pub team_prefix: String,
    /// `payments-leads` are the leads of `payments`.
    pub lead_suffix: String,
    /// Security champions of the whole organisation; with a team's name and a hyphen before it, of that team.
    pub champions: String,
    pub auditors: String,
    /// `RAMPART_ADMIN_GROUPS`.
    pub administrators: Vec<String>,
}

impl Default for GroupMapping {
    fn default() -> Self {
        Self {
            team_prefix: String::new(),
            lead_suffix: "-leads".to_owned(),
            champions: "security-champions".to_owned(),
            auditors: "auditors".to_owned(),
            administrators: Vec::new(),
        }
    }
}

/// One role that a group gives: in a team, or everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimed {
    pub role: RoleName,
    pub team: Option<String>,
}

impl GroupMapping {
    /// What a person in these groups holds; each once, in order.
    #[must_use]
    pub fn roles(&self, groups: &[String]) -> Vec<Claimed> {
        let mut roles: Vec<Claimed> = groups.iter().flat_map(|group| self.roles_of(group)).collect();
        roles.sort();
        roles.dedup();
        roles
    }

    /// The team that a provider's group is, where it is one.
    #[must_use]
    pub fn team_of<'a>(&self, group: &'a str) -> Option<&'a str> {
        group.strip_prefix(self.team_prefix.as_str()).filter(|name| is_team_name(name))
    }

    fn roles_of(&self, group: &str) -> Vec<Claimed> {
        let everywhere = |role| vec![Claimed { role, team: None }];
        if self.administrators.iter().any(|name| name == group) {
            return everywhere(RoleName::PlatformAdministrator);
        }
        if group == self.champions {
            return everywhere(RoleName::SecurityChampion);
        }
        if group == self.auditors {
            return everywhere(RoleName::Auditor);
        }
        let Some(name) = self.team_of(group) else { return Vec::new() };
        let in_team = |role, team: &str| Claimed { role, team: Some(team.to_owned()) };
        if let Some(team) = name.strip_suffix(self.lead_suffix.as_str()).filter(|team| !team.is_empty()) {
            return vec![in_team(RoleName::Developer, team), in_team(RoleName::TeamLead, team)];
        }
        if let Some(team) = name.strip_suffix(self.champions.as_str()).and_then(|team| team.strip_suffix('-')) {
            return vec![in_team(RoleName::SecurityChampion, team)];
        }
        vec![in_team(RoleName::Developer, name)]
    }
}

/// As Backstage names a Group: 1 to 63 letters, digits, `-`, `_` and `.`
/// (backstage.io/docs/features/software-catalog/descriptor-format, "metadata.name").
fn is_team_name(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A new secret for a cookie or a token: 256 random bits, base64url.
pub(crate) fn new_secret(rng: &Rng) -> SecretString {
    BASE64_URL_SAFE_NO_PAD.encode(rng.bytes::<32>()).into()
}

/// What is kept of a secret that only its holder knows.
fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
