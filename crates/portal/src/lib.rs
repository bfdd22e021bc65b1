//! The domain: what can be done in the portal, by whom, and what is kept of it. Knows no HTTP and no pages.

pub mod audit;
pub mod authz;
pub mod catalog;
pub mod checkup;
pub mod clock;
pub mod compliance;
pub mod dashboards;
pub mod db;
pub mod demonstration;
pub mod egress;
pub mod environments;
pub mod error;
pub mod findings;
pub mod identity;
pub mod incidents;
pub mod integrations;
pub mod jobs;
pub mod keys;
pub mod live;
pub mod manifest;
pub mod marks;
pub mod migrate;
pub mod notifications;
pub mod page;
pub mod requests;
pub mod route;
pub mod scale;
pub mod scorecards;
pub mod sheet;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod vitals;

use std::sync::Arc;

pub use authz::{Actor, Permit, Snapshot, Visible};
pub use clock::{Clock, Rng};
pub use db::Db;
pub use error::{Error, Result};
pub use keys::KeyRing;

/// Everything an operation needs, shared by all doors. Clones share one state.
#[derive(Clone, Debug)]
pub struct Portal {
    pub(crate) db: Db,
    pub clock: Clock,
    pub rng: Rng,
    pub keys: KeyRing,
    pub policies: Arc<authz::Policies>,
    pub settings: Arc<Settings>,
    pub live: live::Live,
    pub(crate) shelf: catalog::Shelf,
}

/// What the domain needs to know of the installation's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where people reach the portal: `https://portal.example.com`, without a slash at the end.
    pub base_url: String,
    /// How a provider's groups become teams and roles.
    pub groups: identity::GroupMapping,
    /// How long a session lives without being used, and at most.
    pub session_idle: time::Duration,
    pub session_absolute: time::Duration,
    /// The servers that environments are made on.
    pub targets: Vec<environments::provider::Target>,
    /// None: no mail is sent.
    pub mail: Option<notifications::MailSettings>,
    /// Where the portal may connect to when it sends something out.
    pub egress: egress::Egress,
    /// What the deploy gate asks.
    pub gate: findings::gate::Rules,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "http://127.0.0.1:3000".to_owned(),
            groups: identity::GroupMapping::default(),
            session_idle: time::Duration::hours(8),
            session_absolute: time::Duration::days(7),
            targets: Vec::new(),
            mail: None,
            egress: egress::Egress::default(),
            gate: findings::gate::Rules::built_in(),
        }
    }
}

impl Portal {
    #[must_use]
    pub fn new(db: Db, clock: Clock, rng: Rng, keys: KeyRing, settings: Settings) -> Self {
        Self {
            db,
            clock,
            live: live::Live::new(u64::from_le_bytes(rng.bytes())),
            rng,
            keys,
            policies: Arc::new(authz::Policies::built_in()),
            settings: Arc::new(settings),
            shelf: catalog::Shelf::default(),
        }
    }

    /// Whether the database answers and its schema is not older than this binary.
    ///
    /// # Errors
    /// `Unavailable`, saying which.
    pub async fn ready(&self) -> Result<()> {
        self.check_schema().await
    }

    /// Refuses a schema that is older than this binary; one that is newer by expansion still works.
    ///
    /// # Errors
    /// `Unavailable`, naming what to run.
    pub async fn check_schema(&self) -> Result<()> {
        let found = self.db.schema_version().await?;
        if found >= migrate::newest() {
            return Ok(());
        }
        Err(Error::Unavailable(format!(
            "the database's schema is at {found} and this version needs {}; run `rampart migrate` as the schema's owner",
            migrate::newest()
        )))
    }

    /// Closes every connection, once running work has finished.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
