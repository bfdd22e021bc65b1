//! The database: whether it answers, what the server's role may and may not do there, its schema and its clock.

use portal::{
    Error, Portal,
    audit::partitions,
    checkup::{self, OLDEST_POSTGRES, SignedIn, Standing},
    migrate,
};
use time::Duration;

use super::Check;

/// Tokens and leases are judged to the second; further apart than this they are judged wrongly.
const CLOCK_WARN: Duration = Duration::seconds(1);
const CLOCK_FAIL: Duration = Duration::seconds(10);
/// As many names as fit a line; the rest are counted.
const NAMED: usize = 4;

pub(super) struct Looked {
    pub checks: Vec<Check>,
    /// Whether its schema is there to ask more of.
    pub usable: bool,
}

pub(super) async fn look(portal: &Portal) -> Looked {
    let standing = match checkup::database(portal).await {
        Ok(standing) => standing,
        Err(error) => {
            let what = match &error {
                Error::Internal(cause) => format!("it refuses: {cause}"),
                other => other.to_string(),
            };
            let remedy = "check DATABASE_URL, that the server runs, and that pg_hba.conf lets this role in from here";
            return Looked { checks: vec![Check::fail("database", what, remedy)], usable: false };
        }
    };
    let checks = vec![
        reached(&standing),
        role(&standing),
        grants(&standing),
        extensions(&standing),
        schema(&standing),
        clock(&standing),
    ];
    Looked { checks, usable: standing.is_migrated() && standing.lacks.is_empty() }
}

/// Whether the audit log has partitions for the months to come.
pub(super) async fn audit_log(portal: &Portal) -> Check {
    match partitions::warning(portal).await {
        Ok(None) => Check::ok("audit log", "it has partitions for the months to come"),
        Ok(Some(warning)) => match warning.split_once("; ") {
            Some((what, remedy)) => Check::warn("audit log", what, remedy),
            None => Check::warn("audit log", warning, "run `rampart migrate` as the schema's owner"),
        },
        Err(error) => Check::fail("audit log", error.to_string(), "look at the portal's log"),
    }
}

/// Who has signed in, where that can be asked.
pub(super) async fn signed_in(portal: &Portal) -> Option<SignedIn> {
    checkup::signed_in(portal).await.ok()
}

fn reached(standing: &Standing) -> Check {
    let (major, minor) = (standing.version / 10_000, standing.version % 10_000);
    let ms = standing.round_trip.as_secs_f64() * 1000.0;
    let what = format!("PostgreSQL {major}.{minor} answers {} in {ms:.1} ms", standing.role);
    if standing.version < OLDEST_POSTGRES {
        return Check::fail("database", what, format!("use PostgreSQL {} or later", OLDEST_POSTGRES / 10_000));
    }
    Check::ok("database", what)
}

fn role(standing: &Standing) -> Check {
    let role = &standing.role;
    let separate = "let the server connect as a role of its own while another owns the schema; `rampart migrate --print-roles` prints what it needs";
    if !standing.powers.is_empty() {
        let what = format!("{role} has power over the whole server: {}", standing.powers.join(", "));
        return Check::fail("role", what, separate);
    }
    if !standing.owns.is_empty() {
        return Check::fail("role", format!("{role} owns {}", some(&standing.owns)), separate);
    }
    if !standing.may_tamper.is_empty() {
        let what = format!("{role} can change the audit log: {}", some(&standing.may_tamper));
        let remedy = format!(
            "revoke update, delete, truncate on audit_record and its partitions from {role}, as `rampart migrate` does"
        );
        return Check::fail("role", what, remedy);
    }
    Check::ok("role", format!("{role} owns nothing, and only adds to and reads the audit log"))
}

fn grants(standing: &Standing) -> Check {
    if standing.lacks.is_empty() {
        return Check::ok("grants", "the role may do what the server does");
    }
    Check::fail(
        "grants",
        format!("{} lacks {}", standing.role, some(&standing.lacks)),
        format!("run `rampart migrate` as the schema's owner with RAMPART_DATABASE_ROLE={}", standing.role),
    )
}

fn extensions(standing: &Standing) -> Check {
    if standing.extensions_missing.is_empty() {
        return Check::ok("extensions", "what the schema needs is there");
    }
    Check::fail(
        "extensions",
        format!("{} is not in the database", standing.extensions_missing.join(", ")),
        "run `rampart migrate` as the schema's owner; install PostgreSQL's contrib package first where it is missing",
    )
}

fn schema(standing: &Standing) -> Check {
    let (found, needed) = (standing.schema, migrate::newest());
    match found {
        0 => Check::fail("schema", "the database has none", "run `rampart migrate` as the schema's owner"),
        older if older < needed => Check::fail(
            "schema",
            format!("it is at {older}, and this version needs {needed}"),
            "run `rampart migrate` as the schema's owner",
        ),
        newer if newer > needed => {
            Check::ok("schema", format!("it is at {newer}, newer than this version's {needed}, which still works"))
        }
        current => Check::ok("schema", format!("it is at {current}")),
    }
}

fn clock(standing: &Standing) -> Check {
    // what lies within half a round trip cannot be told from none
    let uncertain = Duration::try_from(standing.round_trip / 2).unwrap_or_default();
    let apart = (standing.clock_ahead.abs() - uncertain).max(Duration::ZERO);
    let what = format!(
        "the database's is {:.3} s {} this machine's",
        standing.clock_ahead.abs().as_seconds_f64(),
        if standing.clock_ahead.is_negative() { "behind" } else { "ahead of" }
    );
    let remedy = "set both machines' clocks by NTP";
    if apart > CLOCK_FAIL {
        Check::fail("clock", what, remedy)
    } else if apart > CLOCK_WARN {
        Check::warn("clock", what, remedy)
    } else {
        Check::ok("clock", what)
    }
}

fn some(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
