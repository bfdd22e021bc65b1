//! Asking for an environment, and for a later end of one.

use model::{
    EntityId, PersonId, TeamId,
    environment::{EnvironmentSpec, lifetime_in_words},
};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::PgConnection;
use time::Duration;

use super::{
    Environment, EnvironmentKey, sql,
    state::Event,
    template::{Approval, Champions, Template},
};
use crate::{
    Portal,
    audit::Change,
    authz::{Action, ActionName, Actor, Snapshot},
    catalog::{self, Entity},
    error::{Error, Result},
    identity,
    requests::{self, Approvers, EnvironmentPayload, ExtensionPayload, Payload, Request, Stage, effects::NewRequest},
};

/// Asking for an environment for a service.
pub struct RequestEnvironment;

impl Action for RequestEnvironment {
    const NAME: ActionName = ActionName::EnvironmentRequest;
    type Target = Entity;
    type Change = Change<Asked>;
}

/// Asking for a later end of an environment.
pub struct RequestExtension;

impl Action for RequestExtension {
    const NAME: ActionName = ActionName::EnvironmentManage;
    type Target = Environment;
    type Change = Change<Asked>;
}

/// The request as the record of asking names it; what it asks for is in the request's own document.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    pub request: String,
    pub title: String,
    pub hash: String,
}

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// As people name it, or its id; see [`service`].
    pub service: String,
    pub template: String,
    pub parameters: Map<String, Value>,
    /// None: as long as the template says.
    pub hours: Option<u32>,
    /// What it is for: approvers decide by it.
    pub reason: String,
}

/// Asks for an environment for a service; it is made once everybody who must has approved.
///
/// # Errors
/// `Invalid` for a service or a template that there is not, for parameters (as `parameters.NAME`), for the time (`hours`)
/// and the reason, and where nobody could approve it.
pub async fn request(portal: &Portal, actor: &Actor, ask: &Ask) -> Result<Request> {
    let service = service(&mut portal.snapshot(actor).await?, &ask.service).await?;
    let mut permit = portal.authorize(actor, RequestEnvironment, service.id).await?;
    let requester = person(actor)?;
    let template = sql::template(&mut permit, &ask.template)
        .await?
        .ok_or_else(|| Error::invalid("template", "there is no such template; choose one of the list"))?;
    let (connection, service) = permit.parts();
    let spec = template.specify(service, &ask.parameters, ask.hours)?;
    let stages = stages(connection, &template, service.owner, &service.reference_text()).await?;
    let payload = EnvironmentPayload {
        title: format!("{} for {}, {}", template.title, service.name, lifetime_in_words(spec.ttl_hours)),
        summary: summary(&template, &spec),
        template: spec.template,
        template_revision: spec.revision,
        entity: spec.entity,
        parameters: Value::Object(spec.parameters),
        ttl_hours: spec.ttl_hours,
    };
    let new = NewRequest {
        payload: Payload::Environment(payload),
        stages,
        requester,
        owner: service.owner,
        entity: Some(service.id),
        reason: ask.reason.clone(),
    };
    let request = requests::effects::open(portal, connection, new).await?;
    permit.commit(Change::created(Asked::from(&request))).await?;
    Ok(request)
}

/// The service that somebody means by `payments-api`, `default/payments-api`, `component:default/payments-api` or its id.
///
/// # Errors
/// `Invalid` where there is none that the actor may see.
pub async fn service(snapshot: &mut Snapshot, named: &str) -> Result<Entity> {
    let unknown = || {
        let message = "no service that you may see is called so; give its name in the catalog, such as payments-api";
        Error::invalid("service", message)
    };
    let id = match named.trim().parse::<EntityId>() {
        Ok(id) => id,
        Err(_) => {
            let mut visible = snapshot.visible(ActionName::CatalogRead)?;
            catalog::effects::service_named(&mut visible, named).await?.ok_or_else(unknown)?.id
        }
    };
    match snapshot.read(ActionName::CatalogRead, id).await {
        Err(Error::NotFound(_)) => Err(unknown()),
        found => found,
    }
}

/// Asks for `hours` more.
///
/// # Errors
/// `Conflict` where the environment cannot be extended; `Invalid` for the time and the reason, and where nobody could
/// approve it.
pub async fn extend(portal: &Portal, actor: &Actor, key: EnvironmentKey, hours: u32, reason: &str) -> Result<Request> {
    let mut permit = portal.authorize(actor, RequestExtension, key).await?;
    let requester = person(actor)?;
    let (connection, environment) = permit.parts();
    let spec = &environment.spec;
    let template = sql::template_at(connection, &spec.template, &spec.revision)
        .await?
        .ok_or_else(|| Error::Conflict("the template of this environment is gone; ask for a new one".to_owned()))?;
    if !(1..=template.max_hours).contains(&hours) {
        let message = format!("must be between 1 hour and {}", lifetime_in_words(template.max_hours));
        return Err(Error::invalid("hours", message));
    }
    let until = environment.life.expires_at + Duration::hours(hours.into());
    environment
        .life
        .after(&Event::Extended(until), portal.clock.now())
        .map_err(|misfit| Error::Conflict(misfit.to_string()))?;
    let stages = stages(connection, &template, environment.owner, &environment.service).await?;
    let exactly = |at: time::OffsetDateTime| {
        let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
        at.format(format).map_err(Error::internal)
    };
    let payload = ExtensionPayload {
        environment: environment.id,
        until,
        title: format!("{} more for {}", lifetime_in_words(hours), environment.name),
        summary: vec![
            ("Environment".to_owned(), environment.name.clone()),
            ("Service".to_owned(), environment.service.clone()),
            ("Ends now at".to_owned(), exactly(environment.life.expires_at)?),
            ("Would end at".to_owned(), exactly(until)?),
        ],
    };
    let new = NewRequest {
        payload: Payload::Extension(payload),
        stages,
        requester,
        owner: environment.owner,
        entity: environment.entity,
        reason: reason.to_owned(),
    };
    let request = requests::effects::open(portal, connection, new).await?;
    permit.commit(Change::created(Asked::from(&request))).await?;
    Ok(request)
}

/// Who must approve: what policy demands, one lead of the owning team, and what the template adds. The same group named
/// twice is asked once, for the greater number.
async fn stages(
    connection: &mut PgConnection,
    template: &Template,
    owner: Option<TeamId>,
    service: &str,
) -> Result<Vec<Stage>> {
    let owner = owner.ok_or_else(|| {
        Error::invalid(
            "service",
            format!("nobody owns {service}, so nobody could approve this; set spec.owner in its descriptor"),
        )
    })?;
    let mut stages = vec![Stage { approvers: Approvers::LeadsOf(owner), needed: 1 }];
    for approval in &template.approvals {
        let (approvers, needed) = match approval {
            Approval::Leads { leads, needed } if leads == "owner" => (Approvers::LeadsOf(owner), *needed),
            Approval::Leads { leads, needed } => {
                let team = identity::effects::team_by_name(connection, leads).await?.ok_or_else(|| {
                    let reason = format!("{} asks for leads of {leads}, which is no team here", template.title);
                    Error::invalid("template", format!("{reason}; an administrator can mend the template"))
                })?;
                (Approvers::LeadsOf(team), *needed)
            }
            Approval::Champions { champions: Champions::Organisation, needed } => {
                (Approvers::ChampionsOf(None), *needed)
            }
            Approval::Champions { champions: Champions::Owner, needed } => {
                (Approvers::ChampionsOf(Some(owner)), *needed)
            }
        };
        let needed = u32::from(needed);
        match stages.iter_mut().find(|stage| stage.approvers == approvers) {
            Some(stage) => stage.needed = stage.needed.max(needed),
            None => stages.push(Stage { approvers, needed }),
        }
    }
    Ok(stages)
}

/// Everything that decides what is made, a line each.
fn summary(template: &Template, spec: &EnvironmentSpec) -> Vec<(String, String)> {
    let mut lines = vec![
        ("Template".to_owned(), format!("{} (revision {})", template.title, &spec.revision[..12])),
        ("Service".to_owned(), spec.service.clone()),
        ("For".to_owned(), lifetime_in_words(spec.ttl_hours)),
    ];
    for field in template.fields() {
        if let Some(value) = spec.parameters.get(&field.name) {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Bool(true) => "yes".to_owned(),
                Value::Bool(false) => "no".to_owned(),
                other => other.to_string(),
            };
            lines.push((field.title, value));
        }
    }
    let limits = &spec.limits;
    lines.push(("Made by".to_owned(), format!("{}, on target {}", spec.provider, spec.target)));
    lines.push((
        "Limits".to_owned(),
        format!(
            "{} connections, {} s a statement, {} s an idle transaction, {} MB of temporary files",
            limits.connections, limits.statement_seconds, limits.idle_transaction_seconds, limits.temporary_megabytes
        ),
    ));
    lines
}

/// Only people ask: a machine has nobody who could be shown the credentials.
fn person(actor: &Actor) -> Result<PersonId> {
    actor
        .person_id()
        .ok_or_else(|| Error::invalid("requester", "environments are asked for by people, not by machines"))
}

impl From<&Request> for Asked {
    fn from(request: &Request) -> Self {
        Self {
            request: request.id.to_string(),
            title: request.payload.title().to_owned(),
            hash: hex::encode(request.hash),
        }
    }
}
