//! What comes in and what goes out: the closed list of kinds, and one integration as pages and REST show it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

use crate::{IntegrationId, PersonId, TeamId};

/// Which way data moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Incoming,
    Outgoing,
}

/// How one side proves to the other who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing of the integration's own: service-account tokens, or the installation's settings.
    Elsewhere,
    /// A token that the portal makes, shows once and keeps the hash of.
    Token,
    /// A secret that somebody enters and nobody reads again; named as a form would.
    Secret(&'static str),
}

/// What a kind of integration needs to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    pub direction: Direction,
    pub proof: Proof,
    /// The schemes that its address may have, where it has one.
    pub endpoint: &'static [&'static str],
    /// The scopes that it can have.
    pub scopes: &'static [&'static str],
    /// Made by the installation itself; its settings say where it goes.
    pub built_in: bool,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $label:literal, $needs:expr;)+) => {
        /// Every kind of integration.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum IntegrationKind {
            $($(#[$doc])* $name,)+
        }

        impl IntegrationKind {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// As a page shows it.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }

            #[must_use]
            pub const fn needs(self) -> Needs {
                match self { $(Self::$name => $needs,)+ }
            }
        }
    };
}

const fn incoming(proof: Proof, scopes: &'static [&'static str], built_in: bool) -> Needs {
    Needs { direction: Direction::Incoming, proof, endpoint: &[], scopes, built_in }
}

const fn outgoing(proof: Proof, endpoint: &'static [&'static str], scopes: &'static [&'static str]) -> Needs {
    Needs { direction: Direction::Outgoing, proof, endpoint, scopes, built_in: false }
}

const fn configured(scopes: &'static [&'static str]) -> Needs {
    Needs { direction: Direction::Outgoing, proof: Proof::Elsewhere, endpoint: &[], scopes, built_in: true }
}

kinds! {
    /// Prometheus Alertmanager's webhook, version 4.
    Alertmanager = "alertmanager", "Alertmanager webhook", incoming(Proof::Token, &["alerts:write"], false);
    /// Scan and compliance reports from pipelines.
    ReportUpload = "report_upload", "Report uploads", incoming(Proof::Elsewhere, &["reports:write", "gate:evaluate"], true);
    /// Catalog descriptors from pipelines.
    DescriptorUpload = "descriptor_upload", "Descriptor uploads", incoming(Proof::Elsewhere, &["catalog:write"], true);
    /// Where people sign in.
    IdentityProvider = "identity_provider", "Identity provider", configured(&["openid", "profile", "email", "groups"]);
    /// Mail to people, by SMTP.
    Mail = "mail", "Mail (SMTP)", configured(&["notifications:send"]);
    /// Traces and metrics by OTLP.
    Telemetry = "telemetry", "Telemetry (OTLP)", configured(&["telemetry:send"]);
    /// A Slack incoming webhook; its address is the secret.
    Slack = "slack", "Slack webhook", outgoing(Proof::Secret("Webhook address"), &[], &[OF_ITS_TEAM, OF_THE_ORGANISATION]);
    /// A Microsoft Teams workflow webhook; its address is the secret.
    Teams = "teams", "Microsoft Teams webhook", outgoing(Proof::Secret("Webhook address"), &[], &[OF_ITS_TEAM, OF_THE_ORGANISATION]);
    /// A signed JSON webhook to any receiver.
    Webhook = "webhook", "Signed webhook", outgoing(Proof::Secret("Signing secret"), &["https", "http"], &[OF_ITS_TEAM, OF_THE_ORGANISATION]);
    /// A Postgres server that environments are made on.
    PostgresServer = "postgres_server", "Postgres server", configured(&["databases:create"]);
}

impl IntegrationKind {
    /// Whether its credential is the address that it sends to.
    #[must_use]
    pub const fn secret_is_the_address(self) -> bool {
        matches!(self, Self::Slack | Self::Teams)
    }

    /// Whether news is posted to it.
    #[must_use]
    pub const fn posts_news(self) -> bool {
        matches!(self, Self::Slack | Self::Teams | Self::Webhook)
    }
}

impl fmt::Display for IntegrationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for IntegrationKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
            format!("{text:?} is not a kind of integration; there are {known}")
        })
    }
}

/// What a team's integration that posts news gets: what concerns the team that answers for it.
pub const OF_ITS_TEAM: &str = "notifications:team";
/// What concerns anybody in the organisation.
pub const OF_THE_ORGANISATION: &str = "notifications:organisation";

/// What kind of data passes through, from the least to the most delicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DataClass {
    /// Could stand on a public page.
    Public,
    /// For everybody who works here: names of services, alerts, who owns what.
    Internal,
    /// Findings, incidents and what else would help an attacker.
    Confidential,
    /// About people: names, addresses, what they asked for.
    Personal,
    /// Passwords, keys, tokens.
    Credentials,
}

impl DataClass {
    pub const ALL: [Self; 5] = [Self::Public, Self::Internal, Self::Confidential, Self::Personal, Self::Credentials];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Personal => "personal",
            Self::Credentials => "credentials",
        }
    }

    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Public => "Public",
            Self::Internal => "Internal",
            Self::Confidential => "Confidential",
            Self::Personal => "Personal",
            Self::Credentials => "Credentials",
        }
    }
}

impl FromStr for DataClass {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|class| class.as_str() == text).ok_or_else(|| {
            format!("{text:?} is not a data class; use public, internal, confidential, personal or credentials")
        })
    }
}

/// One integration; its credential is nowhere in here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Integration {
    pub id: IntegrationId,
    /// Part of its address; never changes.
    pub name: String,
    pub kind: IntegrationKind,
    /// The team that answers for it; none until somebody says which.
    pub owner: Option<TeamId>,
    pub owner_name: Option<String>,
    pub purpose: String,
    pub data_classes: Vec<DataClass>,
    pub scopes: Vec<String>,
    pub egress_hosts: Vec<String>,
    /// Where it sends to, without anything secret.
    pub endpoint: Option<String>,
    /// Set up in the installation's settings.
    pub built_in: bool,
    /// When its token or secret was last set.
    #[serde(with = "time::serde::rfc3339::option")]
    pub credential_set_at: Option<OffsetDateTime>,
    pub enabled: bool,
    /// Counts the changes of what an approval covers.
    pub revision: i32,
    /// Who changed what an approval covers since the last approval.
    pub authors: Vec<PersonId>,
    pub approved_by: Option<PersonId>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub approved_at: Option<OffsetDateTime>,
    #[serde(with = "crate::day")]
    pub review_by: Date,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub succeeded_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub failed_at: Option<OffsetDateTime>,
    /// The last error, and what to do about it.
    pub failure: Option<String>,
    pub remedy: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub test_requested_at: Option<OffsetDateTime>,
}

/// How an integration is doing, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IntegrationState {
    /// Nobody has approved it as it is now.
    Unapproved,
    Disabled,
    /// Enabled, and the last thing it did failed.
    Failing,
    /// Enabled, and nothing has passed yet.
    Untried,
    Working,
}

impl IntegrationState {
    /// As a page shows it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unapproved => "Waits for approval",
            Self::Disabled => "Disabled",
            Self::Failing => "Failing",
            Self::Untried => "Not used yet",
            Self::Working => "Working",
        }
    }
}

impl Integration {
    #[must_use]
    pub fn state(&self) -> IntegrationState {
        if self.approved_at.is_none() {
            IntegrationState::Unapproved
        } else if !self.enabled {
            IntegrationState::Disabled
        } else if self.failed_at.is_some() && self.failed_at >= self.succeeded_at {
            IntegrationState::Failing
        } else if self.succeeded_at.is_none() {
            IntegrationState::Untried
        } else {
            IntegrationState::Working
        }
    }

    #[must_use]
    pub fn is_overdue(&self, today: Date) -> bool {
        self.review_by < today
    }

    /// The integration's page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/admin/integrations/{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_name_and_serialised_as_it() {
        for kind in IntegrationKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for class in DataClass::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
    }
}
