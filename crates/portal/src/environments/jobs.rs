//! The one job of environments: looks at what one should be, and moves the provider towards it.

use std::time::Duration;

use model::{EnvironmentId, EnvironmentState, IntegrationKind, environment::Limits};

use super::{
    Environment, EnvironmentKey,
    provider::{
        Done, Target,
        postgres::{Make, Remove, Session},
    },
    sql,
    state::{Event, Failure},
    template, topic,
};
use crate::{
    Actor, Portal,
    authz::ActionName,
    error::{Error, Result},
    integrations::{self, effects::Passage},
    jobs::{self, Job},
    live,
    requests::{self, Payload},
};

/// How soon a worker looks again at an environment that another one is at.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Brings one environment closer to what it should be. Asked twice, at once or later, does nothing twice.
pub(crate) async fn reconcile(portal: &Portal, environment: EnvironmentId) -> Result<()> {
    let Some(mut found) = find(portal, environment).await? else { return Ok(()) };
    if let Some(event) = found.life.falls_due(portal.clock.now()) {
        match record(portal, &found, &event).await? {
            Some(changed) => found = changed,
            None => return Ok(()),
        }
    }
    if !found.life.state.is_moving() {
        return Ok(());
    }
    let Some(target) = portal.settings.targets.iter().find(|target| target.name == found.spec.target) else {
        let reason = format!(
            "no provisioning target is named {}; an administrator names it in the settings, or applies a template that \
             names another",
            found.spec.target
        );
        return record(portal, &found, &Event::AttemptFailed(Failure::lasting(reason))).await.map(drop);
    };
    if let Some(reason) = shut(portal).await? {
        // said once; the sweep comes back until it is otherwise
        if found.life.failure.as_ref() == Some(&reason) {
            return Ok(());
        }
        return record(portal, &found, &Event::Held(reason)).await.map(drop);
    }
    let mut session = match Session::open(target, environment).await {
        Ok(Some(session)) => session,
        Ok(None) => {
            return jobs::enqueue_alone(portal, &Job::ReconcileEnvironment { environment }, AGAIN_AFTER).await;
        }
        Err(failure) => return record(portal, &found, &Event::AttemptFailed(failure)).await.map(drop),
    };
    let worked = work(portal, target, &mut session, environment).await;
    session.close().await;
    worked
}

/// Why nothing may be sent to what environments are made on; none where it may.
pub(super) async fn shut(portal: &Portal) -> Result<Option<String>> {
    let actor = Actor::system("environment.reconcile", None, "environment.reconcile".to_owned());
    let mut snapshot = portal.snapshot(&actor).await?;
    let mut visible = snapshot.visible(ActionName::IntegrationRead)?;
    let kind = IntegrationKind::PostgresServer;
    Ok(match integrations::effects::passage_of(portal, &mut visible, kind).await? {
        Passage::Open(_) => None,
        Passage::Shut(reason) => Some(reason),
    })
}

/// What is done while the lock is held: looks again, acts, and records the outcome.
async fn work(portal: &Portal, target: &Target, session: &mut Session, id: EnvironmentId) -> Result<()> {
    // whoever held the lock before may have finished, or somebody may have ended it
    let Some(environment) = find(portal, id).await? else { return Ok(()) };
    if environment.spec.target != target.name {
        return Ok(());
    }
    let outcome = match environment.life.state {
        EnvironmentState::Provisioning => make(portal, session, &environment).await?.map(|()| Event::Provisioned),
        EnvironmentState::Ending => remove(portal, session, id).await?.map(|()| Event::VerifiedGone),
        _ => return Ok(()),
    };
    let event = outcome.unwrap_or_else(Event::AttemptFailed);
    record(portal, &environment, &event).await.map(drop)
}

async fn make(portal: &Portal, session: &mut Session, environment: &Environment) -> Result<Result<(), Failure>> {
    let limits = match approved_limits(portal, environment).await {
        Ok(limits) => limits,
        Err(error @ (Error::Conflict(_) | Error::NotFound(_) | Error::Invalid(_))) => {
            return Ok(Err(Failure::lasting(format!("refused: {error}"))));
        }
        Err(error) => return Err(error),
    };
    let note = format!("rampart environment {} for {}", environment.name, environment.service);
    for step in Make::ALL {
        match session.make(step, &limits, &note).await {
            Ok(done) => say(portal, environment.id, &done).await?,
            Err(failure) => return Ok(Err(failure)),
        }
    }
    Ok(Ok(()))
}

async fn remove(portal: &Portal, session: &mut Session, id: EnvironmentId) -> Result<Result<(), Failure>> {
    for step in Remove::ALL {
        match session.remove(step).await {
            Ok(done) => say(portal, id, &done).await?,
            Err(failure) => return Ok(Err(failure)),
        }
    }
    Ok(Ok(()))
}

/// What was approved, after making sure of every byte of it: the request against its approvals, and the template
/// against the revision that the request names.
async fn approved_limits(portal: &Portal, environment: &Environment) -> Result<Limits> {
    let mut snapshot = portal.snapshot(&actor(environment)).await?;
    let mut visible = snapshot.visible(ActionName::EnvironmentRead)?;
    let request = requests::effects::must_be_approved(&mut visible, environment.request).await?;
    let Payload::Environment(payload) = request.payload else {
        return Err(Error::Conflict("the request asks for no environment".to_owned()));
    };
    let (template, limits) = template::as_approved(&mut visible, &payload).await?;
    let same = template.target == environment.spec.target && payload.entity == environment.spec.entity;
    if !same {
        return Err(Error::Conflict("the environment is not what its request asks for".to_owned()));
    }
    Ok(limits)
}

/// None where somebody changed the environment meanwhile: then another job is on its way.
async fn record(portal: &Portal, environment: &Environment, event: &Event) -> Result<Option<Environment>> {
    match super::change(portal, &actor(environment), environment.id.into(), event).await {
        Ok(environment) => Ok(Some(environment)),
        Err(Error::Conflict(reason)) => {
            tracing::info!(environment = %environment.id, reason, "an environment changed while it was worked on");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn find(portal: &Portal, id: EnvironmentId) -> Result<Option<Environment>> {
    let actor = Actor::system("environment.reconcile", None, format!("environment:{id}"));
    match portal.read::<Environment>(&actor, ActionName::EnvironmentRead, EnvironmentKey::Id(id)).await {
        Ok(environment) => Ok(Some(environment)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The portal, for the one who asked for the environment.
fn actor(environment: &Environment) -> Actor {
    let request_id = format!("environment:{}", environment.id);
    Actor::system("environment.reconcile", Some(environment.requester), request_id)
}

/// Adds a line to the log, at once, for those who are watching.
async fn say(portal: &Portal, id: EnvironmentId, done: &Done) -> Result<()> {
    let mut tx = portal.db.progress().await?;
    sql::insert_log(&mut tx, id, portal.clock.now(), done.step, &done.text).await?;
    live::announce(&mut tx, &topic(id)).await?;
    tx.commit().await
}
