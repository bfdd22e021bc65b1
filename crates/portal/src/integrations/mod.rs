//! Everything that comes in or goes out: who answers for it, what may pass, and whether it works.
//!
//! An integration is entered disabled, approved by somebody other than who entered it, and only then enabled. A change
//! of what the approval covers (data classes, scopes, hosts, address) withdraws it.

mod draft;
pub mod effects;
pub mod jobs;
mod sql;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use model::{Direction, Integration, IntegrationKind, Proof, TeamId};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use subtle::ConstantTimeEq;

pub use self::draft::Draft;
use crate::{
    Portal,
    audit::Change,
    authz::{
        Action, ActionName, Actor, Authentication, Facts, Lock, ORGANISATION, Organisation, Reference, Resource,
        ResourceKind, Snapshot, Who,
    },
    error::{Error, OnConstraint, Result},
    identity::{self, new_secret},
    jobs::{Job, enqueue},
    keys::Place,
    live::{Topic, announce},
};

/// What an integration's token begins with, so that secret scanners can find a leaked one; not as other tokens do, for
/// it stands for nobody and opens one door.
pub const TOKEN_PREFIX: &str = "rampart-in_";

impl Resource for Integration {
    /// Its name, which never changes.
    type Id = String;
    const KIND: ResourceKind = ResourceKind::Integration;

    async fn load(connection: &mut PgConnection, name: &String, lock: Lock) -> Result<Option<Self>> {
        sql::named(connection, name, lock == Lock::ForUpdate).await
    }

    fn facts(&self) -> Facts {
        Facts { owner: self.owner, person: self.authors.last().copied(), ..Facts::default() }
    }

    fn reference(&self) -> Reference {
        Reference { id: self.id.to_string(), name: self.name.clone() }
    }
}

/// Adding one.
pub struct Add;

impl Action for Add {
    const NAME: ActionName = ActionName::IntegrationAdd;
    type Target = Organisation;
    type Change = Change<Integration>;
}

/// Adding what the installation's settings set up.
pub struct Register;

impl Action for Register {
    const NAME: ActionName = ActionName::IntegrationAdd;
    type Target = Organisation;
    type Change = Vec<Change<Integration>>;
}

/// Changing, enabling, disabling, rotating and testing one.
pub struct Edit;

impl Action for Edit {
    const NAME: ActionName = ActionName::IntegrationEdit;
    type Target = Integration;
    type Change = Edited;
}

/// Approving one.
pub struct Approve;

impl Action for Approve {
    const NAME: ActionName = ActionName::IntegrationApprove;
    type Target = Integration;
    type Change = Change<Integration>;
}

/// What the record says of a change; never a credential.
#[derive(Clone, Debug, Serialize)]
pub struct Edited {
    pub what: &'static str,
    #[serde(flatten)]
    pub change: Change<Integration>,
}

/// An integration just added or rotated.
pub struct Issued {
    pub integration: Integration,
    /// For a kind that delivers with a token: the token, this once.
    pub token: Option<SecretString>,
}

/// What the installation's settings set up, as its page shows it.
#[derive(Clone, Debug)]
pub struct BuiltIn {
    pub kind: IntegrationKind,
    pub name: &'static str,
    pub purpose: &'static str,
    pub data_classes: Vec<model::DataClass>,
    pub egress_hosts: Vec<String>,
}

/// Enters an integration: disabled, and waiting for somebody else's approval.
///
/// # Errors
/// `Invalid` for what is missing or does not fit the kind, `Conflict` for a taken name.
pub async fn add(portal: &Portal, actor: &Actor, draft: Draft) -> Result<Issued> {
    draft.check(portal)?;
    if draft.kind.needs().built_in {
        return Err(Error::invalid(
            "kind",
            "this kind is set up in the installation's settings and is on the page by itself",
        ));
    }
    let (token, credential) = match draft.kind.needs().proof {
        Proof::Token => (Some(new_token(portal)), None),
        Proof::Secret(name) => (None, Some(draft.checked_credential(name)?)),
        Proof::Elsewhere => (None, None),
    };
    let mut permit = portal.authorize(actor, Add, ORGANISATION).await?;
    let id = portal.rng.id(&portal.clock);
    let sealed = credential.map(|secret| seal(portal, id, &secret));
    let name = draft.name.clone();
    let token_hash = token.as_ref().map(hash);
    let new = sql::New {
        id,
        draft: &draft,
        owner: owner(&mut permit, &draft).await?,
        built_in: false,
        author: actor.person_id(),
        credential: sealed.as_deref(),
        token_hash: token_hash.as_ref().map(<[u8; 32]>::as_slice),
        now: portal.clock.now(),
    };
    sql::insert(&mut permit, &new).await.on_constraint("integration_name_key", || {
        Error::Conflict(format!("there is an integration named {name} already"))
    })?;
    let integration = reload(&mut permit, &name).await?;
    permit.commit(Change::created(integration.clone())).await?;
    Ok(Issued { integration, token })
}

/// Changes an integration. Where that changes what its approval covers, the approval is withdrawn and it stops.
///
/// # Errors
/// As [`add`]; `Conflict` where it was changed since `revision` was shown.
pub async fn edit(portal: &Portal, actor: &Actor, name: String, revision: i32, draft: Draft) -> Result<Integration> {
    draft.check(portal)?;
    let mut permit = portal.authorize(actor, Edit, name.clone()).await?;
    let before = permit.target.clone();
    unchanged_since(&before, revision)?;
    if draft.kind != before.kind || draft.name != before.name {
        return Err(Error::invalid("kind", "name and kind stay as they are; add another integration instead"));
    }
    if before.kind.needs().built_in && (draft.egress_hosts != before.egress_hosts || draft.endpoint.is_some()) {
        return Err(Error::invalid("egress_hosts", "this one's hosts come from the installation's settings"));
    }
    draft.check_hosts_of_secret(open(portal, &mut permit, &before).await?.as_ref())?;
    let withdraws = draft.withdraws_approval_of(&before);
    let owner = owner(&mut permit, &draft).await?;
    sql::update(&mut permit, before.id, &draft, owner, withdraws, actor.person_id()).await?;
    let after = reload(&mut permit, &name).await?;
    let what = if withdraws { "changed; its approval is withdrawn" } else { "changed" };
    permit.commit(Edited { what, change: Change::updated(before, after.clone()) }).await?;
    Ok(after)
}

/// Approves an integration as it was shown at `revision`.
///
/// # Errors
/// `Forbidden` for who entered it, `Conflict` for whoever else changed it since the last approval, and where it was
/// changed since it was shown.
pub async fn approve(portal: &Portal, actor: &Actor, name: String, revision: i32) -> Result<Integration> {
    let mut permit = portal.authorize(actor, Approve, name.clone()).await?;
    let before = permit.target.clone();
    unchanged_since(&before, revision)?;
    if actor.person_id().is_some_and(|person| before.authors.contains(&person)) {
        return Err(Error::Conflict("you changed it since it was last approved; somebody else approves it".to_owned()));
    }
    if before.approved_at.is_some() {
        return Err(Error::Conflict("it is approved already".to_owned()));
    }
    sql::approve(&mut permit, before.id, actor.person_id(), portal.clock.now()).await?;
    let after = reload(&mut permit, &name).await?;
    permit.commit(Change::updated(before, after.clone())).await?;
    Ok(after)
}

/// Lets data pass, or stops it.
///
/// # Errors
/// `Conflict` where nobody has approved it.
pub async fn set_enabled(portal: &Portal, actor: &Actor, name: String, enabled: bool) -> Result<Integration> {
    let mut permit = portal.authorize(actor, Edit, name.clone()).await?;
    let before = permit.target.clone();
    if !enabled && before.kind == IntegrationKind::IdentityProvider {
        return Err(Error::Conflict(format!(
            "{name} cannot be disabled here: nobody could sign in to enable it again; RAMPART_OIDC_ISSUER names another"
        )));
    }
    if enabled && before.approved_at.is_none() {
        return Err(Error::Conflict(format!(
            "{name} is not approved; a security champion who did not enter it approves it first"
        )));
    }
    sql::set_enabled(&mut permit, before.id, enabled).await?;
    let after = reload(&mut permit, &name).await?;
    let what = if enabled { "enabled" } else { "disabled" };
    permit.commit(Edited { what, change: Change::updated(before, after.clone()) }).await?;
    Ok(after)
}

/// Replaces the credential in place: with a new token, which is returned this once, or with `secret`.
///
/// # Errors
/// `Invalid` where the kind needs a secret and none is given, or where it leads to a host that is not approved.
pub async fn rotate(portal: &Portal, actor: &Actor, name: String, secret: Option<SecretString>) -> Result<Issued> {
    let mut permit = portal.authorize(actor, Edit, name.clone()).await?;
    let before = permit.target.clone();
    let now = portal.clock.now();
    let token = match before.kind.needs().proof {
        Proof::Token => {
            let token = new_token(portal);
            sql::set_token(&mut permit, before.id, &hash(&token), now).await?;
            Some(token)
        }
        Proof::Secret(label) => {
            let secret = draft::checked_secret(secret.as_ref(), before.kind, &before.egress_hosts, label)?;
            sql::set_credential(&mut permit, before.id, &seal(portal, before.id, &secret), now).await?;
            None
        }
        Proof::Elsewhere => {
            return Err(Error::Conflict(format!(
                "{name} has no credential of its own; its tokens or settings are changed where they are made"
            )));
        }
    };
    let after = reload(&mut permit, &name).await?;
    permit.commit(Edited { what: "credential rotated", change: Change::updated(before, after.clone()) }).await?;
    Ok(Issued { integration: after, token })
}

/// Tries an outgoing integration now, in a job; the outcome is on its page.
///
/// # Errors
/// `Conflict` where it is incoming: then its peer has to send something.
pub async fn test(portal: &Portal, actor: &Actor, name: String) -> Result<Integration> {
    let mut permit = portal.authorize(actor, Edit, name.clone()).await?;
    let before = permit.target.clone();
    if before.kind.needs().direction == Direction::Incoming {
        return Err(Error::Conflict("it is tried by sending something to it; its page shows how".to_owned()));
    }
    if before.approved_at.is_none() {
        return Err(Error::Conflict(format!("{name} is not approved, so nothing is sent, not even a test")));
    }
    sql::request_test(&mut permit, before.id, portal.clock.now()).await?;
    enqueue(&mut permit, &Job::TestIntegration { name: name.clone() }).await?;
    let after = reload(&mut permit, &name).await?;
    permit.commit(Edited { what: "test requested", change: Change::updated(before, after.clone()) }).await?;
    Ok(after)
}

/// Every integration that the actor may see, by name.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn list(portal: &Portal, actor: &Actor) -> Result<Vec<Integration>> {
    list_in(&mut portal.snapshot(actor).await?).await
}

/// As [`list`], for a page that shows more.
///
/// # Errors
/// As [`list`].
pub async fn list_in(snapshot: &mut Snapshot) -> Result<Vec<Integration>> {
    let mut visible = snapshot.visible(ActionName::IntegrationRead)?;
    let scope = visible.scope.clone();
    sql::list(&mut visible, &scope).await
}

/// One integration.
///
/// # Errors
/// `NotFound` where there is none that the actor may see.
pub async fn get(portal: &Portal, actor: &Actor, name: String) -> Result<Integration> {
    portal.read(actor, ActionName::IntegrationRead, name).await
}

/// One integration as its page shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub integration: Integration,
    /// Who entered or changed it since the last approval, and who approved it, where they are still known.
    pub authors: Vec<String>,
    pub approved_by: Option<String>,
    pub may_edit: bool,
    /// Whether the reader may approve it, were it not their own.
    pub may_approve: bool,
    /// Whether the reader had a part in what waits for approval.
    pub is_own: bool,
    /// How something is sent to it.
    pub sample: Option<String>,
}

/// One integration with what its page offers.
///
/// # Errors
/// `NotFound` where there is none that the actor may see.
pub async fn shown(portal: &Portal, actor: &Actor, name: String) -> Result<Shown> {
    let mut snapshot = portal.snapshot(actor).await?;
    let integration: Integration = snapshot.read(ActionName::IntegrationRead, name).await?;
    let (id, facts) = (integration.id.to_string(), integration.facts());
    let may_edit = snapshot.may(ActionName::IntegrationEdit, &id, &facts)?;
    let may_approve = snapshot.may(ActionName::IntegrationApprove, &id, &Facts { person: None, ..facts })?;
    let mut visible = snapshot.visible(ActionName::IntegrationRead)?;
    let mut authors = Vec::new();
    for author in &integration.authors {
        authors.extend(identity::effects::display_name(&mut visible, *author).await.ok());
    }
    let approved_by = match integration.approved_by {
        Some(person) => identity::effects::display_name(&mut visible, person).await.ok(),
        None => None,
    };
    let is_own = actor.person_id().is_some_and(|person| integration.authors.contains(&person));
    let sample = sample(portal, &integration);
    Ok(Shown { integration, authors, approved_by, may_edit, may_approve, is_own, sample })
}

/// Whether the actor may add one: for what a page offers.
#[must_use]
pub fn may_add(portal: &Portal, actor: &Actor) -> bool {
    let decision = portal.policies.decide(actor, ActionName::IntegrationAdd, ORGANISATION, &Facts::default());
    decision.is_ok_and(|decision| decision.allowed)
}

/// Puts what the installation's settings set up on the page. What is there already stays as people left it, but for
/// its hosts: where the settings say others, it waits for approval again.
///
/// The identity provider alone is approved by being set up: nobody could sign in to approve it.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn register(portal: &Portal, actor: &Actor, built_ins: &[BuiltIn]) -> Result<()> {
    let mut permit = portal.authorize(actor, Register, ORGANISATION).await?;
    let mut changes = Vec::new();
    for built_in in built_ins {
        let draft = Draft {
            kind: built_in.kind,
            name: built_in.name.to_owned(),
            owner: None,
            purpose: built_in.purpose.to_owned(),
            data_classes: built_in.data_classes.clone(),
            scopes: built_in.kind.needs().scopes.iter().map(|&scope| scope.to_owned()).collect(),
            egress_hosts: built_in.egress_hosts.clone(),
            endpoint: None,
            credential: None,
            review_by: portal.clock.now().date().saturating_add(draft::FIRST_REVIEW),
        };
        let before = sql::named(&mut permit, built_in.name, true).await?;
        match &before {
            None => {
                let id = portal.rng.id(&portal.clock);
                let now = portal.clock.now();
                let new = sql::New {
                    id,
                    draft: &draft,
                    owner: None,
                    built_in: true,
                    author: None,
                    credential: None,
                    token_hash: None,
                    now,
                };
                sql::insert(&mut permit, &new).await?;
            }
            Some(before) if before.egress_hosts != draft.egress_hosts => {
                sql::set_hosts(&mut permit, before.id, &draft.egress_hosts).await?;
            }
            Some(_) => continue,
        }
        if built_in.kind == IntegrationKind::IdentityProvider {
            let entered = sql::named(&mut permit, built_in.name, false).await?.ok_or(Error::NotFound("integration"))?;
            sql::approve(&mut permit, entered.id, None, portal.clock.now()).await?;
            sql::set_enabled(&mut permit, entered.id, true).await?;
        }
        let after = Some(reload(&mut permit, built_in.name).await?);
        changes.push(Change { before, after });
    }
    if changes.is_empty() { Ok(()) } else { permit.commit(changes).await }
}

/// Whether what goes by this name may pass now: for what leaves outside any operation.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn is_enabled(portal: &Portal, name: &str) -> Result<bool> {
    let actor = Actor::system("integration.look", None, name.to_owned());
    let mut snapshot = portal.snapshot(&actor).await?;
    let found = sql::named(&mut *snapshot.visible(ActionName::IntegrationRead)?, name, false).await?;
    Ok(found.is_some_and(|integration| effects::shut(&integration).is_none()))
}

/// Notes why a sign-in through the identity provider failed, and what to do about it.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn sign_in_failed(portal: &Portal, failure: &str, remedy: &str) -> Result<()> {
    let mut tx = portal.db.session().await?;
    effects::failed_of(&mut tx, IntegrationKind::IdentityProvider, portal.clock.now(), failure, remedy).await?;
    tx.commit().await
}

/// The integration that delivers to `name` with this token, as an actor; none where the token is not its own.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn deliverer(
    portal: &Portal,
    name: &str,
    token: &str,
    request_id: String,
    address: Option<IpAddr>,
) -> Result<Option<Actor>> {
    let mut tx = portal.db.session().await?;
    let Some((id, expected)) = sql::token_of(&mut tx, name).await? else { return Ok(None) };
    let given: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    if !bool::from(given.as_slice().ct_eq(&expected)) {
        return Ok(None);
    }
    Ok(Some(Actor { who: Who::Integration { id }, authentication: Authentication::Integration, request_id, address }))
}

/// How something is sent to an incoming integration, as a command to copy.
#[must_use]
pub fn sample(portal: &Portal, integration: &Integration) -> Option<String> {
    let base = &portal.settings.base_url;
    match integration.kind {
        IntegrationKind::Alertmanager => Some(format!(
            "curl --fail-with-body -X POST {base}/hooks/alertmanager/{} \\\n  -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n  -d '{{\"version\":\"4\",\"groupKey\":\"test\",\"status\":\"firing\",\"receiver\":\"rampart\",\"alerts\":[{{\"status\":\"firing\",\"labels\":{{\"alertname\":\"Test\",\"severity\":\"info\"}},\"annotations\":{{\"summary\":\"A test from the integrations page\"}},\"startsAt\":\"{}\"}}]}}'",
            integration.name,
            portal
                .clock
                .now()
                .replace_nanosecond(0)
                .expect("zero is a nanosecond")
                .format(&time::format_description::well_known::Rfc3339)
                .unwrap_or_default(),
        )),
        IntegrationKind::ReportUpload => Some(format!(
            "curl --fail-with-body -X POST '{base}/api/v1/reports?service=NAME' \\\n  -H \"Authorization: Bearer $TOKEN\" --data-binary @report.json"
        )),
        IntegrationKind::DescriptorUpload => Some(format!(
            "curl --fail-with-body -X POST {base}/api/v1/catalog/descriptors \\\n  -H \"Authorization: Bearer $TOKEN\" --data-binary @catalog-info.yaml"
        )),
        _ => None,
    }
}

async fn owner(connection: &mut PgConnection, draft: &Draft) -> Result<Option<TeamId>> {
    let Some(name) = &draft.owner else { return Ok(None) };
    let found = identity::effects::team_by_name(connection, name).await?;
    found.map(Some).ok_or_else(|| Error::invalid("owner", "there is no such team"))
}

fn unchanged_since(integration: &Integration, revision: i32) -> Result<()> {
    if integration.revision == revision {
        return Ok(());
    }
    Err(Error::Conflict(format!("{} was changed meanwhile; look at it again", integration.name)))
}

/// The row as it was just written; open pages of it are told.
async fn reload(connection: &mut PgConnection, name: &str) -> Result<Integration> {
    announce(connection, &Topic::new("integration", name)).await?;
    sql::named(connection, name, false).await?.ok_or_else(|| Error::internal("a row just written is gone"))
}

fn new_token(portal: &Portal) -> SecretString {
    format!("{TOKEN_PREFIX}{}", new_secret(&portal.rng).expose_secret()).into()
}

fn hash(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret().as_bytes()).into()
}

fn seal(portal: &Portal, id: model::IntegrationId, secret: &SecretString) -> Vec<u8> {
    portal.keys.encrypt(&portal.rng, place(&id.to_string()), secret.expose_secret().as_bytes())
}

/// The credential in plain, where there is one.
async fn open(portal: &Portal, connection: &mut PgConnection, of: &Integration) -> Result<Option<SecretString>> {
    let Some(sealed) = sql::credential(connection, of.id).await? else { return Ok(None) };
    let plain = portal.keys.decrypt(place(&of.id.to_string()), &sealed)?;
    Ok(Some(String::from_utf8(plain.to_vec()).map_err(|_| Error::internal("a credential is not text"))?.into()))
}

fn place(row: &str) -> Place<'_> {
    Place { table: "integration", column: "credential", row }
}
