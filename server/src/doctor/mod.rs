//! `rampart doctor`: whether everything that an installation stands on is as it has to be, a line and a remedy each.
//!
//! It changes nothing, sends no mail and signs nobody in.

mod database;
mod keys;
mod mail;
mod provider;

use anyhow::Result;
use portal::{Clock, Db, KeyRing, Portal, Rng, Settings};
use serde::Serialize;

use crate::{config::Config, serve};

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// The portal does not work, or not safely, until it is mended.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub check: &'static str,
    pub verdict: Verdict,
    /// What was found.
    pub what: String,
    /// What mends it; none where nothing has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Check {
    fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, what: what.into(), remedy: None }
    }

    fn warn(check: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, what: what.into(), remedy: Some(remedy.into()) }
    }

    fn fail(check: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, what: what.into(), remedy: Some(remedy.into()) }
    }
}

/// Everything that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    pub checks: Vec<Check>,
}

impl Findings {
    /// Whether something has to be mended before the portal works.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.checks.iter().any(|check| check.verdict == Verdict::Fail)
    }

    /// A line each: the verdict, what was looked at, what was found, and what mends it.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut text = String::new();
        for Check { check, verdict, what, remedy } in &self.checks {
            let verdict = match verdict {
                Verdict::Ok => "ok  ",
                Verdict::Warn => "warn",
                Verdict::Fail => "fail",
            };
            let remedy = remedy.as_ref().map(|remedy| format!(" -> {remedy}")).unwrap_or_default();
            let found: Vec<String> = format!("{check}: {what}{remedy}").split_whitespace().map(str::to_owned).collect();
            text += &format!("{verdict}  {}\n", found.join(" "));
        }
        text
    }

    /// # Errors
    /// Never: findings are plain data.
    pub fn in_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Looks at everything that these settings name; `clock` is this machine's.
pub async fn examine(config: &Config, clock: &Clock) -> Findings {
    let mut checks = Vec::new();
    let evaluation = match serve::is_evaluation(config) {
        Ok(evaluation) => {
            let what = if evaluation { "an evaluation, for this machine alone" } else { "an installation" };
            checks.push(Check::ok("mode", what));
            evaluation
        }
        Err(error) => {
            checks.push(Check::fail("mode", format!("{error:#}"), "docs/installation.md says what has to be set"));
            false
        }
    };
    let (check, ring) = keys::file(config, evaluation);
    checks.push(check);
    let mut signed_in = None;
    match not_yet_connected(config, evaluation, clock, ring.as_ref()) {
        Ok(portal) => {
            let looked = database::look(&portal).await;
            checks.extend(looked.checks);
            if looked.usable {
                checks.push(database::audit_log(&portal).await);
                checks.extend(keys::usage(&portal, ring.is_some()).await);
                signed_in = database::signed_in(&portal).await;
            }
            portal.close().await;
        }
        Err(error) => {
            let remedy =
                "for an installation, set DATABASE_URL to postgres://ROLE:PASSWORD@HOST/DATABASE for the server's role";
            checks.push(Check::fail("database", format!("{error:#}"), remedy));
        }
    }
    checks.extend(provider::look(config, evaluation, signed_in).await);
    checks.push(mail::look(config).await);
    Findings { checks }
}

/// A portal that connects when it is asked something, with throw-away keys where there are none to use.
fn not_yet_connected(config: &Config, evaluation: bool, clock: &Clock, ring: Option<&KeyRing>) -> Result<Portal> {
    let rng = Rng::from_os();
    let url = serve::database_url(config, evaluation)?;
    let keys = match ring {
        Some(ring) => ring.clone(),
        None => KeyRing::parse(&KeyRing::with_new_key(None, clock, &rng)?)?,
    };
    Ok(Portal::new(Db::connect(&url)?, clock.clone(), rng, keys, Settings::default()))
}
