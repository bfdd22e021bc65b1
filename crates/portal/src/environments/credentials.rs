//! Revealing how to connect: each time a new password, shown once and kept nowhere.

use model::environment::Limits;
use secrecy::SecretString;
use serde::Serialize;

use super::{
    Environment, EnvironmentKey, jobs,
    provider::{
        password,
        postgres::{self, Session},
    },
    sql, topic,
};
use crate::{
    Portal,
    authz::{Action, ActionName, Actor},
    error::{Error, Result},
    live,
};

/// Revealing an environment's credentials.
pub struct Reveal;

impl Action for Reveal {
    const NAME: ActionName = ActionName::EnvironmentReveal;
    type Target = Environment;
    type Change = Revealing;
}

/// What the record says of it: that it was begun. It is written before there is a password, so nothing is ever shown
/// that is not on record; what failed afterwards showed nothing.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Revealing {
    pub new_password: bool,
}

/// How to connect. The password exists nowhere else.
pub struct Credentials {
    pub environment: Environment,
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
    pub password: SecretString,
    /// All of it as one address.
    pub url: SecretString,
    pub limits: Limits,
}

/// Sets a new password and shows it, this once; the one before stops working.
///
/// # Errors
/// `Conflict` where there is nothing to connect to; `Unavailable` where the provider does not answer: then nothing was
/// shown, and asking again is safe.
pub async fn reveal(portal: &Portal, actor: &Actor, key: EnvironmentKey) -> Result<Credentials> {
    let shut = jobs::shut(portal).await?;
    let mut permit = portal.authorize(actor, Reveal, key).await?;
    let now = portal.clock.now();
    let environment = permit.target.clone();
    let life = &environment.life;
    if !life.state.is_usable() || now >= life.expires_at {
        let state = life.state.label().to_lowercase();
        return Err(Error::Conflict(format!("{} is {state}: there is nothing to connect to", environment.name)));
    }
    let target =
        portal.settings.targets.iter().find(|target| target.name == environment.spec.target).ok_or_else(|| {
            Error::Unavailable(format!("the provisioning target {} is not set up any more", environment.spec.target))
        })?;
    if let Some(reason) = shut {
        return Err(Error::Shut(reason));
    }
    sql::set_revealed(&mut permit, environment.id, now).await?;
    sql::insert_log(&mut permit, environment.id, now, "credentials", "a new password was asked for by the requester")
        .await?;
    live::announce(&mut permit, &topic(environment.id)).await?;
    permit.commit(Revealing { new_password: true }).await?;

    let unavailable = |reason: String| Error::Unavailable(format!("{reason}; no password was changed or shown"));
    let mut session = Session::open(target, environment.id)
        .await
        .map_err(|failure| unavailable(failure.reason))?
        .ok_or_else(|| Error::Conflict(format!("{} is being worked on; try again in a moment", environment.name)))?;
    let password = password::generate(&portal.rng);
    let set = session.set_password(&password::verifier(&password, &portal.rng)).await;
    let address = session.address(target);
    session.close().await;
    set.map_err(|failure| Error::Unavailable(format!("{}; nothing is shown", failure.reason)))?;
    let url = postgres::client_url(&address, &password);
    let limits = environment.spec.limits;
    let postgres::ConnectTo { host, port, database, user } = address;
    Ok(Credentials { environment, host, port, database, user, password, url, limits })
}
