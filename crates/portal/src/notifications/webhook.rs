//! Webhooks: where a team's or the organisation's notices also go, entered by an administrator.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use model::{
    TeamId, WebhookId,
    access::TeamChoice,
    notification::{Webhook, WebhookShape},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::sql;
use crate::{
    Portal,
    audit::Change,
    authz::{Action, ActionName, Actor, Facts, ORGANISATION, Organisation},
    error::{Error, Result},
    identity::access,
    keys::Place,
};

/// Adding, switching and removing webhooks.
pub struct EditWebhooks;

impl Action for EditWebhooks {
    const NAME: ActionName = ActionName::IntegrationEdit;
    type Target = Organisation;
    type Change = Change<Recorded>;
}

/// What the record says of a webhook: never its address beyond the host.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    pub webhook: WebhookId,
    pub name: String,
    pub team: Option<String>,
    pub shape: WebhookShape,
    pub host: String,
    pub enabled: bool,
}

impl From<Webhook> for Recorded {
    fn from(webhook: Webhook) -> Self {
        Self {
            webhook: webhook.id,
            name: webhook.name,
            team: webhook.team,
            shape: webhook.shape,
            host: webhook.host,
            enabled: webhook.enabled,
        }
    }
}

/// A webhook as it is entered.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    pub name: String,
    /// None: what concerns anybody in the organisation.
    pub team: Option<TeamId>,
    pub shape: WebhookShape,
    pub url: SecretString,
}

/// A webhook just added, with the secret that its receiver checks signatures with; it is shown once.
pub struct NewWebhookSecret {
    pub id: WebhookId,
    pub secret: SecretString,
}

/// Adds a webhook and makes its secret.
///
/// # Errors
/// `Invalid` for an address that may not be sent to, with what to do; `Conflict` for a taken name.
pub async fn add_webhook(portal: &Portal, actor: &Actor, new: &NewWebhook) -> Result<NewWebhookSecret> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "name",
            "give it a name of 1 to 100 characters, so that people know what it is for",
        ));
    }
    let url = portal.settings.egress.check("url", new.url.expose_secret())?;
    let mut permit = portal.authorize(actor, EditWebhooks, ORGANISATION).await?;
    let id: WebhookId = portal.rng.id(&portal.clock);
    let secret: SecretString = BASE64_URL_SAFE_NO_PAD.encode(portal.rng.bytes::<32>()).into();
    let row = sql::WebhookRow {
        id,
        name,
        team: new.team,
        shape: new.shape,
        url: &seal(portal, id, "url", url.as_str()),
        host: url.host_str().unwrap_or_default(),
        secret: &seal(portal, id, "secret", secret.expose_secret()),
        now: portal.clock.now(),
    };
    sql::insert_webhook(&mut permit, &row).await?;
    let added = one(sql::webhooks(&mut permit, Some(id)).await?)?;
    permit.commit(Change::created(added.into())).await?;
    Ok(NewWebhookSecret { id, secret })
}

/// Switches a webhook on or off; what waits for one that is off is given up.
///
/// # Errors
/// `NotFound` where there is none.
pub async fn set_webhook_enabled(portal: &Portal, actor: &Actor, id: WebhookId, enabled: bool) -> Result<()> {
    let mut permit = portal.authorize(actor, EditWebhooks, ORGANISATION).await?;
    let before = one(sql::webhooks(&mut permit, Some(id)).await?)?;
    sql::set_webhook_enabled(&mut permit, id, enabled).await?;
    let after = Webhook { enabled, ..before.clone() };
    permit.commit(Change::updated(before.into(), after.into())).await
}

/// Removes a webhook with what waits for it.
///
/// # Errors
/// `NotFound` where there is none.
pub async fn remove_webhook(portal: &Portal, actor: &Actor, id: WebhookId) -> Result<()> {
    let mut permit = portal.authorize(actor, EditWebhooks, ORGANISATION).await?;
    let before = one(sql::webhooks(&mut permit, Some(id)).await?)?;
    sql::delete_webhook(&mut permit, id).await?;
    permit.commit(Change::removed(before.into())).await
}

/// Every webhook, for those who may see integrations.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn webhooks(portal: &Portal, actor: &Actor) -> Result<Vec<Webhook>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::IntegrationRead)?;
    if !visible.scope.everything {
        return Ok(Vec::new());
    }
    sql::webhooks(&mut visible, None).await
}

/// Whether the actor may add webhooks, and for which teams.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn webhook_choices(portal: &Portal, actor: &Actor) -> Result<(bool, Vec<TeamChoice>)> {
    let mut snapshot = portal.snapshot(actor).await?;
    if !snapshot.may(ActionName::IntegrationEdit, ORGANISATION, &Facts::default())? {
        return Ok((false, Vec::new()));
    }
    Ok((true, access::teams(&mut snapshot).await?))
}

fn one(webhooks: Vec<Webhook>) -> Result<Webhook> {
    webhooks.into_iter().next().ok_or(Error::NotFound("webhook"))
}

fn seal(portal: &Portal, id: WebhookId, column: &str, plain: &str) -> Vec<u8> {
    portal.keys.encrypt(&portal.rng, Place { table: "webhook", column, row: &id.to_string() }, plain.as_bytes())
}

/// The plain text of a webhook's address or secret.
pub(super) fn open(portal: &Portal, id: WebhookId, column: &str, sealed: &[u8]) -> Result<SecretString> {
    let plain = portal.keys.decrypt(Place { table: "webhook", column, row: &id.to_string() }, sealed)?;
    Ok(String::from_utf8(plain.to_vec()).map_err(Error::internal)?.into())
}
