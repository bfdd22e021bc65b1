//! Tokens for machines and for a person's own scripts: hashed, scoped, expiring, revocable.

use std::{collections::BTreeSet, net::IpAddr};

use model::{PersonId, ServiceAccountId, TeamId, TokenId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{hash, new_secret, sql};
use crate::{
    Portal,
    audit::Change,
    authz::{
        Action, ActionName, Actor, Authentication, Facts, Lock, ORGANISATION, Organisation, PersonActor, Reference,
        Resource, ResourceKind, ServiceAccountActor, Who,
    },
    error::{Error, Result},
};

/// What a token begins with, so that secret scanners can find a leaked one.
pub const PREFIX: &str = "rampart_";
/// A personal token lives no longer than this.
const MAX_PERSONAL: Duration = Duration::days(365);

/// What is known of a token after it was issued; the token itself is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub scopes: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub used_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
}

/// A token just issued.
pub struct Issued {
    pub token: Token,
    pub secret: SecretString,
}

/// A person, as the owner of tokens and settings.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: PersonId,
    pub display_name: String,
    pub email: Option<String>,
    pub active: bool,
}

impl Resource for Person {
    type Id = PersonId;
    const KIND: ResourceKind = ResourceKind::Person;

    async fn load(connection: &mut PgConnection, id: &PersonId, lock: Lock) -> Result<Option<Self>> {
        sql::person(connection, *id, lock == Lock::ForUpdate).await
    }

    fn facts(&self) -> Facts {
        Facts { person: Some(self.id), ..Facts::default() }
    }

    fn reference(&self) -> Reference {
        Reference { id: self.id.to_string(), name: self.id.to_string() }
    }
}

/// Issuing and revoking a personal token.
pub struct IssueToken;

impl Action for IssueToken {
    const NAME: ActionName = ActionName::TokenIssue;
    type Target = Person;
    type Change = Change<Token>;
}

/// Making service accounts and their tokens.
pub struct AdministerServiceAccounts;

impl Action for AdministerServiceAccounts {
    const NAME: ActionName = ActionName::ServiceAccountAdminister;
    type Target = Organisation;
    type Change = Change<ServiceAccountToken>;
}

/// A service account's token, as the record names it.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceAccountToken {
    pub service_account: ServiceAccountId,
    pub service_account_name: String,
    pub team: Option<TeamId>,
    pub token: Token,
}

/// Every scope that a token can have, sorted.
#[must_use]
pub fn scopes() -> BTreeSet<&'static str> {
    ActionName::ALL.iter().map(|action| action.scope()).collect()
}

/// Issues a personal token.
///
/// # Errors
/// `Invalid` for an unknown scope, an empty name, or a life over 365 days.
pub async fn issue(
    portal: &Portal,
    actor: &Actor,
    owner: PersonId,
    name: &str,
    scopes: &[String],
    lifetime: Duration,
) -> Result<Issued> {
    let name = checked_name(name)?;
    let scopes = checked_scopes(scopes)?;
    if lifetime <= Duration::ZERO || lifetime > MAX_PERSONAL {
        return Err(Error::invalid("lifetime", "a personal token lives from 1 to 365 days"));
    }
    let mut permit = portal.authorize(actor, IssueToken, owner).await?;
    let (token, secret) = new_token(portal, name, scopes, Some(portal.clock.now() + lifetime));
    sql::insert_token(&mut permit, &token, &hash(secret.expose_secret()), Some(owner), None).await?;
    permit.commit(Change::created(token.clone())).await?;
    Ok(Issued { token, secret })
}

/// Revokes a personal token; its next use fails.
///
/// # Errors
/// `NotFound` where the person has no such token.
pub async fn revoke(portal: &Portal, actor: &Actor, owner: PersonId, id: TokenId) -> Result<Token> {
    let mut permit = portal.authorize(actor, IssueToken, owner).await?;
    let before = sql::token_of_person(&mut permit, owner, id).await?.ok_or(Error::NotFound("token"))?;
    let after = Token { revoked_at: before.revoked_at.or_else(|| Some(portal.clock.now())), ..before.clone() };
    sql::set_revoked(&mut permit, id, after.revoked_at).await?;
    permit.commit(Change::updated(before, after.clone())).await?;
    Ok(after)
}

/// Issues a token for the service account of that name, which is made where there is none.
///
/// # Errors
/// `Invalid` for an unknown scope or an empty name.
pub async fn issue_for_service_account(
    portal: &Portal,
    actor: &Actor,
    name: &str,
    scopes: &[String],
    lifetime: Option<Duration>,
) -> Result<Issued> {
    let name = checked_name(name)?;
    let scopes = checked_scopes(scopes)?;
    let mut permit = portal.authorize(actor, AdministerServiceAccounts, ORGANISATION).await?;
    let now = portal.clock.now();
    let account = sql::upsert_service_account(&mut permit, portal.rng.id(&portal.clock), &name, now).await?;
    let (token, secret) = new_token(portal, name.clone(), scopes, lifetime.map(|lifetime| now + lifetime));
    sql::insert_token(&mut permit, &token, &hash(secret.expose_secret()), None, Some(account)).await?;
    let change =
        ServiceAccountToken { service_account: account, service_account_name: name, team: None, token: token.clone() };
    permit.commit(Change::created(change)).await?;
    Ok(Issued { token, secret })
}

/// Every service account's tokens, by the account's name and then the newest first.
///
/// # Errors
/// `Forbidden` for those who do not administer them.
pub async fn of_service_accounts(portal: &Portal, actor: &Actor) -> Result<Vec<ServiceAccountToken>> {
    let mut permit = portal.authorize(actor, AdministerServiceAccounts, ORGANISATION).await?;
    let rows = sql::tokens_of_service_accounts(&mut permit).await?;
    Ok(rows
        .into_iter()
        .map(|(service_account, service_account_name, token)| ServiceAccountToken {
            service_account,
            service_account_name,
            team: None,
            token,
        })
        .collect())
}

/// Revokes a service account's token; its next use fails.
///
/// # Errors
/// `NotFound` where no service account has such a token.
pub async fn revoke_of_service_account(portal: &Portal, actor: &Actor, id: TokenId) -> Result<Token> {
    let mut permit = portal.authorize(actor, AdministerServiceAccounts, ORGANISATION).await?;
    let found = sql::tokens_of_service_accounts(&mut permit).await?.into_iter().find(|(.., token)| token.id == id);
    let (service_account, service_account_name, token) = found.ok_or(Error::NotFound("token"))?;
    let before = ServiceAccountToken { service_account, service_account_name, team: None, token };
    let revoked_at = before.token.revoked_at.or_else(|| Some(portal.clock.now()));
    let after = ServiceAccountToken { token: Token { revoked_at, ..before.token.clone() }, ..before.clone() };
    sql::set_revoked(&mut permit, id, revoked_at).await?;
    permit.commit(Change::updated(before, after.clone())).await?;
    Ok(after.token)
}

/// A person's tokens, the newest first.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn list(portal: &Portal, actor: &Actor) -> Result<Vec<Token>> {
    let Some(person) = actor.person_id() else { return Err(Error::Unauthenticated) };
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    sql::tokens_of_person(&mut visible, person).await
}

/// The actor that a token stands for; none where it is unknown, expired, revoked, or its owner is gone.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn actor(
    portal: &Portal,
    secret: &str,
    request_id: String,
    address: Option<IpAddr>,
) -> Result<Option<Actor>> {
    if !secret.starts_with(PREFIX) {
        return Ok(None);
    }
    let now = portal.clock.now();
    let mut tx = portal.db.session().await?;
    let Some(found) = sql::token(&mut tx, &hash(secret), now).await? else { return Ok(None) };
    let who = match (found.person_id, found.service_account_id) {
        (Some(person), _) => Who::Person(PersonActor {
            id: PersonId(person),
            display_name: found.name,
            email: found.email,
            time_zone: None,
            theme: None,
            bindings: sql::bindings(&mut tx, PersonId(person), now).await?,
            scopes: Some(found.scopes.into_iter().collect()),
        }),
        (None, Some(account)) => Who::ServiceAccount(ServiceAccountActor {
            id: ServiceAccountId(account),
            name: found.name,
            team: found.team_id.map(TeamId),
            scopes: found.scopes.into_iter().collect(),
        }),
        (None, None) => return Ok(None),
    };
    if found.used_at.is_none_or(|used| now - used > Duration::minutes(1)) {
        sql::touch_token(
            &mut tx,
            TokenId(found.id),
            now,
            &address.map(|address| address.to_string()).unwrap_or_default(),
        )
        .await?;
    }
    tx.commit().await?;
    Ok(Some(Actor { who, authentication: Authentication::Token { id: TokenId(found.id) }, request_id, address }))
}

fn new_token(
    portal: &Portal,
    name: String,
    scopes: Vec<String>,
    expires_at: Option<OffsetDateTime>,
) -> (Token, SecretString) {
    let secret = format!("{PREFIX}{}", new_secret(&portal.rng).expose_secret()).into();
    let token = Token {
        id: portal.rng.id(&portal.clock),
        name,
        scopes,
        created_at: portal.clock.now(),
        expires_at,
        used_at: None,
        revoked_at: None,
    };
    (token, secret)
}

fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "name",
            "give it a name of 1 to 100 characters, so that people know what it is for",
        ));
    }
    Ok(name.to_owned())
}

fn checked_scopes(asked: &[String]) -> Result<Vec<String>> {
    let known = scopes();
    if let Some(unknown) = asked.iter().find(|scope| !known.contains(scope.as_str())) {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Error::invalid("scopes", format!("{unknown:?} is not a scope; there are {known}")));
    }
    if asked.is_empty() {
        return Err(Error::invalid("scopes", "choose at least one scope: a token without any can do nothing"));
    }
    Ok(asked.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect())
}
