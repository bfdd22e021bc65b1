//! What other features' transactions may add here, and the one place where an environment's state changes.

use model::{
    EntityId, EnvironmentId, EnvironmentState, IntegrationKind, TeamId,
    environment::{EnvironmentSpec, lifetime_in_words},
    notification::NoticeKind,
};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{
    Environment, EnvironmentKey, sql,
    state::{Event, Life},
    template, topic,
};
use crate::{
    Portal,
    authz::{ActionName, Scope},
    catalog,
    error::{Error, Result},
    integrations,
    jobs::{self, Job},
    live,
    notifications::{self, News},
    requests::{self, EnvironmentPayload, ExtensionPayload, Request},
};

/// The last approval of a request for an environment: makes the row and enqueues its provisioning. Asked twice, makes
/// one environment.
///
/// # Errors
/// `Conflict` where the template is no longer what was approved.
pub(crate) async fn approved(
    portal: &Portal,
    connection: &mut PgConnection,
    request: &Request,
    payload: &EnvironmentPayload,
) -> Result<()> {
    let service = catalog::effects::entity(connection, payload.entity)
        .await?
        .ok_or_else(|| Error::Conflict("the service was removed from the catalog; withdraw the request".to_owned()))?;
    let (template, limits) = template::as_approved(connection, payload).await?;
    let now = portal.clock.now();
    let id: EnvironmentId = portal.rng.id(&portal.clock);
    let environment = Environment {
        id,
        name: name(&service.name, id),
        request: request.id,
        entity: Some(service.id),
        service: service.reference_text(),
        owner: service.owner,
        owner_name: service.owner_name.clone(),
        restricted: service.restricted,
        requester: request.requester,
        requester_name: String::new(),
        purpose: request.reason.clone(),
        spec: EnvironmentSpec {
            template: template.name,
            template_title: template.title,
            revision: template.revision,
            provider: template.provider.as_str().to_owned(),
            target: template.target,
            entity: service.id,
            service: service.reference_text(),
            parameters: payload.parameters.as_object().cloned().unwrap_or_default(),
            limits,
            ttl_hours: payload.ttl_hours,
        },
        life: Life::begin(now, Duration::hours(payload.ttl_hours.into())),
        revealed_at: None,
    };
    if !sql::insert(connection, &environment).await? {
        return Ok(());
    }
    let text = format!("approved for {}; waiting for a worker", lifetime_in_words(payload.ttl_hours));
    sql::insert_log(connection, id, now, "approved", &text).await?;
    jobs::enqueue(connection, &Job::ReconcileEnvironment { environment: id }).await?;
    live::announce(connection, &topic(id)).await
}

/// The last approval of a later end.
///
/// # Errors
/// `Conflict` where the environment has ended, or is about to, meanwhile.
pub(crate) async fn extended(portal: &Portal, connection: &mut PgConnection, payload: &ExtensionPayload) -> Result<()> {
    let key = EnvironmentKey::Id(payload.environment);
    let mut environment = sql::environment(connection, &key, true).await?.ok_or(Error::NotFound("environment"))?;
    happened(portal, connection, &mut environment, &Event::Extended(payload.until)).await
}

/// A moment in the life of an environment: `billing-dev`, `is ready`.
pub(crate) struct EnvironmentMoment {
    pub at: OffsetDateTime,
    pub name: String,
    pub what: String,
}

/// The catalog moved an entity to another owner, or changed who may see it: its environments follow.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn owner_changed(
    connection: &mut PgConnection,
    entity: EntityId,
    owner: Option<TeamId>,
    restricted: bool,
) -> Result<()> {
    sql::set_owner(connection, entity, owner, restricted).await
}

/// How many environments run for each of these entities; those with none are left out.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn running(connection: &mut PgConnection, entities: &[EntityId]) -> Result<Vec<(EntityId, i64)>> {
    sql::running(connection, entities).await
}

/// The jobs for everything that is due: warnings, ends, and attempts that did not succeed or were lost.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn due(portal: &Portal) -> Result<Vec<Job>> {
    let actor = crate::Actor::system("sweep", None, "sweep".to_owned());
    let mut snapshot = portal.snapshot(&actor).await?;
    let mut visible = snapshot.visible(ActionName::EnvironmentRead)?;
    let ids = sql::due(&mut visible, portal.clock.now()).await?;
    Ok(ids.into_iter().map(|environment| Job::ReconcileEnvironment { environment }).collect())
}

/// What happened to the environments of an entity in this time, as far as `scope` covers them, the newest first.
///
/// # Errors
/// `Internal` or `Unavailable`.
pub(crate) async fn events_between(
    connection: &mut PgConnection,
    scope: &Scope,
    entity: EntityId,
    from: OffsetDateTime,
    to: OffsetDateTime,
    limit: i64,
) -> Result<Vec<EnvironmentMoment>> {
    sql::moments(connection, scope, entity, from, to, limit).await
}

/// Applies an event with all that follows from it: the row, the log, the job, the notice, the request's own end.
pub(super) async fn happened(
    portal: &Portal,
    connection: &mut PgConnection,
    environment: &mut Environment,
    event: &Event,
) -> Result<()> {
    let now = portal.clock.now();
    let before = environment.life.state;
    let life = environment.life.after(event, now).map_err(|misfit| Error::Conflict(misfit.to_string()))?;
    environment.life = life;
    let (id, life) = (environment.id, &environment.life);
    sql::save_life(connection, id, life).await?;
    sql::insert_log(connection, id, now, step(event), &said(event, life)).await?;
    // what is held is looked at again by the sweep
    let is_held = matches!(event, Event::Held(_));
    if let (true, Some(due_at)) = (life.state.is_moving() && !is_held, life.due_at) {
        let delay = (due_at - now).max(Duration::ZERO).unsigned_abs();
        jobs::enqueue_in(connection, &Job::ReconcileEnvironment { environment: id }, delay).await?;
    }
    note(portal, connection, event).await?;
    match (event, life.ready_at) {
        (Event::Provisioned, _) => {
            requests::effects::carried_out(portal, connection, environment.request, Ok(())).await?;
        }
        (Event::VerifiedGone, None) => {
            let reason = "it ended before it was ready".to_owned();
            match requests::effects::carried_out(portal, connection, environment.request, Err(reason)).await {
                // a request that somebody tampered with must not keep the portal from saying what is gone
                Err(error @ (Error::Conflict(_) | Error::NotFound(_))) => {
                    tracing::warn!(environment = %id, %error, "the request of an environment cannot be closed");
                }
                closed => closed?,
            }
        }
        _ => {}
    }
    if let Some(title) = news(environment, event, before) {
        let news = News {
            kind: NoticeKind::Environment,
            title,
            body: said(event, &environment.life),
            href: environment.href(),
            about: topic(id),
        };
        notifications::effects::tell(portal, connection, &[environment.requester], &news).await?;
    }
    live::announce(connection, &topic(id)).await
}

/// Notes on the integrations page how what environments are made on does.
async fn note(portal: &Portal, connection: &mut PgConnection, event: &Event) -> Result<()> {
    let (kind, now) = (IntegrationKind::PostgresServer, portal.clock.now());
    match event {
        Event::Provisioned | Event::VerifiedGone => integrations::effects::succeeded_of(connection, kind, now).await,
        Event::AttemptFailed(failure) if !failure.lasting => {
            let remedy = "check RAMPART_PROVISIONER_URL and that the server there answers; it is tried again by itself";
            integrations::effects::failed_of(connection, kind, now, &failure.reason, remedy).await
        }
        _ => Ok(()),
    }
}

/// What its requester is told, if anything.
fn news(environment: &Environment, event: &Event, before: EnvironmentState) -> Option<String> {
    let name = &environment.name;
    match event {
        Event::Provisioned => Some(format!("{name} is ready")),
        Event::Warned => Some(format!("{name} ends soon")),
        Event::VerifiedGone => Some(format!("{name} has ended")),
        Event::AttemptFailed(_)
            if environment.life.state == EnvironmentState::Failed && before != environment.life.state =>
        {
            Some(format!("{name} could not be made"))
        }
        // once, and not at every further attempt
        Event::AttemptFailed(_) if before == EnvironmentState::Ending && environment.life.attempts == 3 => {
            Some(format!("{name} could not be removed yet"))
        }
        _ => None,
    }
}

fn step(event: &Event) -> &'static str {
    match event {
        Event::Provisioned => "ready",
        Event::AttemptFailed(_) => "failed",
        Event::Held(_) => "waiting",
        Event::Retry => "retry",
        Event::Warned => "warning",
        Event::Extended(_) => "extended",
        Event::Expired | Event::EndNow => "ending",
        Event::VerifiedGone => "ended",
    }
}

/// The event as the log and the notice say it.
fn said(event: &Event, life: &Life) -> String {
    let at = |at: time::OffsetDateTime| {
        let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
        at.format(format).unwrap_or_else(|_| at.to_string())
    };
    match event {
        Event::Provisioned => format!("ready until {}", at(life.expires_at)),
        Event::AttemptFailed(failure) => match life.state {
            EnvironmentState::Failed => {
                format!("{}; try again once that is mended, or end the environment", failure.reason)
            }
            _ => {
                let next = life.due_at.map(at).unwrap_or_default();
                format!("{}; trying again by itself at {next}", failure.reason)
            }
        },
        Event::Held(reason) => format!("{reason}; it goes on by itself then"),
        Event::Retry => "somebody asked to try again".to_owned(),
        Event::Warned => format!("ends at {}; ask for an extension where it is needed longer", at(life.expires_at)),
        Event::Extended(until) => format!("extended until {}", at(*until)),
        Event::Expired => "its time is over; removing it".to_owned(),
        Event::EndNow => "ended before its time; removing it".to_owned(),
        Event::VerifiedGone => "gone: looked for at the provider, and nothing was found".to_owned(),
    }
}

/// `payments-api-7f3a2c`: the service, and enough of the id that no two are alike.
fn name(service: &str, id: EnvironmentId) -> String {
    let service: String = service
        .to_lowercase()
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .take(40)
        .collect();
    let id = id.0.simple().to_string();
    format!("{}-{}", service.trim_matches('-'), &id[id.len() - 8..])
}
