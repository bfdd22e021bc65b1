//! The key file, and whether it opens what the database holds.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

use portal::{KeyRing, Portal, keys::rotation};

use super::Check;
use crate::{config::Config, keys};

/// Looks at the file; the ring where it can be used.
pub(super) fn file(config: &Config, evaluation: bool) -> (Check, Option<KeyRing>) {
    let name = "keys";
    let path = match keys::path(config, evaluation) {
        Ok(path) => path,
        Err(error) => {
            let remedy = "`rampart admin key new FILE` makes one; set RAMPART_KEY_FILE to it";
            return (Check::fail(name, format!("{error:#}"), remedy), None);
        }
    };
    let shown = path.display();
    let mode = match fs::metadata(&path) {
        Ok(found) => found.permissions().mode() & 0o777,
        Err(error) if evaluation => {
            return (Check::ok(name, format!("the first start makes them at {shown} ({error})")), None);
        }
        Err(error) => {
            let remedy = "name the file in RAMPART_KEY_FILE, and let the portal's user read it";
            return (Check::fail(name, format!("cannot read {shown}: {error}"), remedy), None);
        }
    };
    let ring = match KeyRing::open(&path) {
        Ok(ring) => ring,
        Err(error) => {
            let remedy = "restore the copy that was kept of the file; a new one opens nothing that is encrypted";
            return (Check::fail(name, error.to_string(), remedy), None);
        }
    };
    let remedy = format!("chmod 0600 {shown}");
    let check = if mode & 0o007 != 0 {
        Check::fail(name, format!("{shown} has mode {mode:04o}: every user of this machine can use it"), remedy)
    } else if mode & 0o070 != 0 {
        Check::warn(name, format!("{shown} has mode {mode:04o}: its group can use it too"), remedy)
    } else {
        Check::ok(name, format!("{shown}, mode {mode:04o}, active key {}", ring.active()))
    };
    (check, Some(ring))
}

/// Whether there is a key for everything that is encrypted.
pub(super) async fn usage(portal: &Portal, has_ring: bool) -> Option<Check> {
    let name = "encrypted values";
    let used = match rotation::usage(portal).await {
        Ok(used) => used,
        Err(error) => return Some(Check::fail(name, error.to_string(), "look at the portal's log")),
    };
    if !has_ring && used.is_empty() {
        return None;
    }
    let unknown: BTreeSet<String> = used
        .iter()
        .filter(|usage| !has_ring || !portal.keys.knows(&usage.key))
        .map(|usage| format!("{}.{} ({} under {})", usage.table, usage.column, usage.values, usage.key))
        .collect();
    if !unknown.is_empty() {
        let what = format!("no key opens {}", unknown.into_iter().collect::<Vec<_>>().join(", "));
        return Some(Check::fail(name, what, "put the keys of those ids back into RAMPART_KEY_FILE, from its copy"));
    }
    let active = portal.keys.active();
    let values: i64 = used.iter().map(|usage| usage.values).sum();
    let older: i64 = used.iter().filter(|usage| usage.key != active).map(|usage| usage.values).sum();
    if older > 0 {
        let what = format!("{older} of {values} are under an older key than {active}");
        return Some(Check::warn(name, what, "run `rampart admin key rotate`, which goes on where it was interrupted"));
    }
    Some(Check::ok(name, format!("all {values} are under the active key")))
}
