//! Whether a database is what this portal needs, seen from the role that the server connects as.

mod sql;

use std::time::Duration;

use crate::{
    Portal,
    error::{Error, Result},
    migrate,
};

/// The oldest Postgres that the portal is tested with, as `server_version_num` counts.
pub const OLDEST_POSTGRES: i32 = 150_000;

/// What was found; an empty list is a good one.
#[derive(Clone, Debug)]
pub struct Standing {
    /// As `server_version_num`: 150006 is 15.6.
    pub version: i32,
    pub role: String,
    /// From the question to the answer.
    pub round_trip: Duration,
    /// How far the database's clock is ahead of the portal's; negative where it is behind. Right to half a round trip.
    pub clock_ahead: time::Duration,
    /// What the role may do to the whole server: `superuser`, `createrole`, …
    pub powers: Vec<String>,
    /// Tables, schemas and databases that the role owns, by itself or through another role.
    pub owns: Vec<String>,
    /// What the role may do to the audit log beyond adding and reading: `update on audit_record`.
    pub may_tamper: Vec<String>,
    /// What the role may not do and has to: `insert on person`.
    pub lacks: Vec<String>,
    /// Extensions that the schema needs and that are not there.
    pub extensions_missing: Vec<String>,
    /// The newest migration that the database has had; 0 before the first.
    pub schema: i64,
}

impl Standing {
    /// Whether the schema is not older than this binary.
    #[must_use]
    pub fn is_migrated(&self) -> bool {
        self.schema >= migrate::newest()
    }
}

/// Who has signed in so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn {
    pub people: i64,
    /// Those whom the provider named a group of.
    pub with_groups: i64,
    /// Active people who are platform administrators now.
    pub administrators: i64,
}

/// Looks at the database as the server's role. Works on any schema, an empty one too.
///
/// # Errors
/// `Unavailable` where the database does not answer, `Internal` with its reason where it refuses the role.
pub async fn database(portal: &Portal) -> Result<Standing> {
    let schema = match portal.db.schema_version().await {
        Err(error @ Error::Unavailable(_)) => return Err(error),
        found => found,
    };
    let mut tx = portal.db.begin_snapshot().await?;
    // once before, so that connecting is not counted
    sql::clock(&mut tx).await?;
    let asked = portal.clock.now();
    let clock = sql::clock(&mut tx).await?;
    let answered = portal.clock.now();
    let round_trip = answered - asked;
    let server = sql::server(&mut tx).await?;
    let mut lacks = sql::lacking(&mut tx).await?;
    // the table of migrations is there, and may not be read
    let schema = schema.unwrap_or_else(|_| {
        lacks.push("select on _sqlx_migrations".to_owned());
        0
    });
    Ok(Standing {
        version: server.version,
        role: server.role,
        round_trip: round_trip.unsigned_abs(),
        clock_ahead: clock - (asked + round_trip / 2),
        // whoever may do everything owns everything; once is enough
        owns: if server.powers.is_empty() { sql::owned(&mut tx).await? } else { Vec::new() },
        may_tamper: sql::tampering(&mut tx).await?,
        powers: server.powers,
        lacks,
        extensions_missing: sql::missing_extensions(&mut tx).await?,
        schema,
    })
}

/// Who has signed in, on a schema that is migrated.
///
/// # Errors
/// As [`database`].
pub async fn signed_in(portal: &Portal) -> Result<SignedIn> {
    let mut tx = portal.db.begin_snapshot().await?;
    sql::signed_in(&mut tx, portal.clock.now()).await
}
