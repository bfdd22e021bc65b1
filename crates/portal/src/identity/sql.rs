//! What identity asks of Postgres.

use model::{BindingId, EntityId, PersonId, ServiceAccountId, SessionId, TeamId, TokenId};
use serde::Deserialize;
use sqlx::{PgConnection, query, query_as, query_scalar, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    effects::Holder,
    own::{Own, Session as OwnSession},
    sign_in::Claims,
    token::{Person, Token},
};
use crate::{
    Portal,
    authz::{Binding, Reach, RoleName},
    error::{Error, Result},
};

// ---- people, teams, roles

pub(super) struct Upserted {
    pub id: PersonId,
    pub active: bool,
    pub first: bool,
}

/// The person that a provider vouched for, with the name, address and groups of this time.
pub(super) async fn upsert_person(
    connection: &mut PgConnection,
    id: PersonId,
    claims: &Claims,
    now: OffsetDateTime,
) -> Result<Upserted> {
    let name = claims.name.as_deref().or(claims.email.as_deref()).unwrap_or(&claims.subject);
    let row = query!(
        r#"insert into person (id, issuer, subject, display_name, email, groups, created_at, signed_in_at)
           values ($1, $2, $3, $4, $5, $6, $7, $7)
           on conflict on constraint person_issuer_subject_key do update
           set display_name = excluded.display_name,
               email = excluded.email,
               groups = excluded.groups,
               signed_in_at = excluded.signed_in_at
           returning id, active, (xmax = 0) as "first!""#,
        id.0,
        claims.issuer,
        claims.subject,
        name,
        claims.email,
        &claims.groups,
        now,
    )
    .fetch_one(connection)
    .await?;
    Ok(Upserted { id: PersonId(row.id), active: row.active, first: row.first })
}

pub(super) async fn person(connection: &mut PgConnection, id: PersonId, lock: bool) -> Result<Option<Person>> {
    if lock {
        query!("select id from person where id = $1 for update", id.0).fetch_optional(&mut *connection).await?;
    }
    Ok(
        query_as!(
            Person,
            r#"select id as "id: PersonId", display_name, email, active from person where id = $1"#,
            id.0,
        )
        .fetch_optional(connection)
        .await?,
    )
}

pub(super) async fn upsert_team(
    connection: &mut PgConnection,
    id: TeamId,
    name: &str,
    now: OffsetDateTime,
) -> Result<TeamId> {
    if let Some(found) =
        query_scalar!("select id from team where name = $1", name).fetch_optional(&mut *connection).await?
    {
        return Ok(TeamId(found));
    }
    let id = query_scalar!(
        "insert into team (id, name, display_name, created_at)
         values ($1, $2, $2, $3)
         on conflict on constraint team_name_key do update set name = excluded.name
         returning id",
        id.0,
        name,
        now,
    )
    .fetch_one(connection)
    .await?;
    Ok(TeamId(id))
}

/// Makes the provider's bindings of a person exactly these; true where anything changed.
pub(super) async fn replace_provider_bindings(
    connection: &mut PgConnection,
    portal: &Portal,
    person: PersonId,
    held: &[(RoleName, Option<TeamId>)],
    now: OffsetDateTime,
) -> Result<bool> {
    let roles: Vec<String> = held.iter().map(|(role, _)| role.as_str().to_owned()).collect();
    let teams: Vec<Option<Uuid>> = held.iter().map(|(_, team)| team.map(|team| team.0)).collect();
    let ended = query!(
        "update role_binding set ended_at = $4
         where person_id = $1 and source = 'provider' and ended_at is null
           and not exists (
               select from unnest($2::text[], $3::uuid[]) as held (role, team_id)
               where held.role = role_binding.role and held.team_id is not distinct from role_binding.team_id
           )",
        person.0,
        &roles,
        &teams as &[Option<Uuid>],
        now,
    )
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let mut begun = 0;
    for (role, team) in held {
        let id: BindingId = portal.rng.id(&portal.clock);
        begun += query!(
            "insert into role_binding (id, person_id, role, team_id, source, granted_at)
             values ($1, $2, $3, $4, 'provider', $5)
             on conflict do nothing",
            id.0,
            person.0,
            role.as_str(),
            team.map(|team| team.0),
            now,
        )
        .execute(&mut *connection)
        .await?
        .rows_affected();
    }
    Ok(ended + begun > 0)
}

/// What a person holds now.
pub(super) async fn bindings(
    connection: &mut PgConnection,
    person: PersonId,
    now: OffsetDateTime,
) -> Result<Vec<Binding>> {
    let rows = query!(
        "select id, role, team_id, entity_id
         from role_binding
         where person_id = $1 and ended_at is null and (expires_at is null or expires_at > $2)
         order by role, team_id, entity_id",
        person.0,
        now,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| binding(row.id, &row.role, row.team_id, row.entity_id)).collect()
}

pub(super) async fn team_name(connection: &mut PgConnection, team: TeamId) -> Result<Option<String>> {
    Ok(query_scalar!("select display_name from team where id = $1", team.0).fetch_optional(connection).await?)
}

/// People with a role in one of `teams` or a deciding role everywhere, with all that they hold.
pub(super) async fn holders(
    connection: &mut PgConnection,
    teams: &[TeamId],
    now: OffsetDateTime,
) -> Result<Vec<Holder>> {
    let teams: Vec<Uuid> = teams.iter().map(|team| team.0).collect();
    let rows = query!(
        "select person_id, display_name, role_binding.id, role, team_id, entity_id
         from role_binding
         join person on person.id = person_id
         where active and ended_at is null and (expires_at is null or expires_at > $2)
           and person_id in (
               select person_id from role_binding
               where ended_at is null and (expires_at is null or expires_at > $2)
                 and (
                     team_id = any($1)
                     or (team_id is null and entity_id is null and role in ('team_lead', 'security_champion'))
                 )
           )
         order by display_name, person_id, role_binding.id",
        &teams,
        now,
    )
    .fetch_all(connection)
    .await?;
    let mut holders: Vec<Holder> = Vec::new();
    for row in rows {
        let binding = binding(row.id, &row.role, row.team_id, row.entity_id)?;
        match holders.last_mut() {
            Some(holder) if holder.person == PersonId(row.person_id) => holder.bindings.push(binding),
            _ => holders.push(Holder {
                person: PersonId(row.person_id),
                name: row.display_name,
                bindings: vec![binding],
            }),
        }
    }
    Ok(holders)
}

pub(super) fn binding(id: Uuid, role: &str, team: Option<Uuid>, entity: Option<Uuid>) -> Result<Binding> {
    Ok(Binding {
        id: BindingId(id),
        role: RoleName::parse(role).ok_or_else(|| Error::internal(format!("unknown role {role:?}")))?,
        reach: match (team, entity) {
            (Some(team), _) => Reach::Team(TeamId(team)),
            (None, Some(entity)) => Reach::Entity(EntityId(entity)),
            (None, None) => Reach::Organisation,
        },
    })
}

// ---- sign-ins

#[expect(clippy::too_many_arguments, reason = "a row's columns")]
pub(super) async fn insert_sign_in(
    connection: &mut PgConnection,
    state_hash: &[u8],
    browser_hash: &[u8],
    nonce: &str,
    verifier: &[u8],
    return_to: &str,
    kept_form: Option<&[u8]>,
    now: OffsetDateTime,
) -> Result<()> {
    query!("delete from sign_in where created_at < $1", now - time::Duration::days(1))
        .execute(&mut *connection)
        .await?;
    query!(
        "insert into sign_in (state_hash, browser_hash, nonce, verifier, return_to, kept_form, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        state_hash,
        browser_hash,
        nonce,
        verifier,
        return_to,
        kept_form,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) struct SignInRow {
    pub nonce: String,
    pub verifier: Vec<u8>,
    pub return_to: String,
    pub kept_form: Option<Vec<u8>>,
}

pub(super) async fn use_sign_in(
    connection: &mut PgConnection,
    state_hash: &[u8],
    browser_hash: &[u8],
    not_before: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Option<SignInRow>> {
    Ok(query_as!(
        SignInRow,
        "update sign_in set used_at = $4
         where state_hash = $1 and browser_hash = $2 and used_at is null and created_at >= $3
         returning nonce, verifier, return_to, kept_form",
        state_hash,
        browser_hash,
        not_before,
        now,
    )
    .fetch_optional(connection)
    .await?)
}

// ---- sessions

pub(super) struct NewSessionRow<'a> {
    pub id: SessionId,
    pub token_hash: &'a [u8],
    pub person: PersonId,
    pub claims: &'a Claims,
    pub id_token: &'a [u8],
    pub authenticated_at: OffsetDateTime,
    pub now: OffsetDateTime,
    pub expires_at: OffsetDateTime,
    pub address: &'a str,
    pub user_agent: &'a str,
}

pub(super) async fn insert_session(connection: &mut PgConnection, row: &NewSessionRow<'_>) -> Result<()> {
    query!("delete from session where expires_at < $1", row.now).execute(&mut *connection).await?;
    query!(
        "insert into session (
             id, token_hash, person_id, issuer, provider_session, id_token, amr, acr,
             authenticated_at, created_at, seen_at, expires_at, address, user_agent
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13)",
        row.id.0,
        row.token_hash,
        row.person.0,
        row.claims.issuer,
        row.claims.provider_session,
        row.id_token,
        &row.claims.amr,
        row.claims.acr,
        row.authenticated_at,
        row.now,
        row.expires_at,
        row.address,
        row.user_agent,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) struct SessionRow {
    pub id: SessionId,
    pub person_id: PersonId,
    pub display_name: String,
    pub email: Option<String>,
    pub time_zone: Option<String>,
    pub theme: Option<String>,
    pub amr: Vec<String>,
    pub acr: Option<String>,
    pub authenticated_at: OffsetDateTime,
    pub seen_at: OffsetDateTime,
    pub bindings: Json<Vec<BindingRow>>,
}

#[derive(Deserialize)]
pub(super) struct BindingRow {
    pub id: Uuid,
    pub role: String,
    pub team_id: Option<Uuid>,
    pub entity_id: Option<Uuid>,
}

/// With all that the person holds, in one statement.
pub(super) async fn session(
    connection: &mut PgConnection,
    token_hash: &[u8],
    now: OffsetDateTime,
    seen_after: OffsetDateTime,
) -> Result<Option<SessionRow>> {
    Ok(query_as!(
        SessionRow,
        r#"select session.id as "id: SessionId", person_id as "person_id: PersonId", display_name, email, time_zone, theme,
                  amr, acr, authenticated_at, seen_at,
                  (select coalesce(jsonb_agg(to_jsonb(held)), '[]')
                   from (
                       select id, role, team_id, entity_id
                       from role_binding
                       where role_binding.person_id = session.person_id and ended_at is null
                           and (role_binding.expires_at is null or role_binding.expires_at > $2)
                       order by role, team_id, entity_id
                   ) as held) as "bindings!: Json<Vec<BindingRow>>"
           from session
           join person on person.id = session.person_id
           where token_hash = $1 and session.expires_at > $2 and seen_at > $3 and active"#,
        token_hash,
        now,
        seen_after,
    )
    .fetch_optional(connection)
    .await?)
}

pub(super) async fn touch_session(connection: &mut PgConnection, id: SessionId, now: OffsetDateTime) -> Result<()> {
    query!("update session set seen_at = $2 where id = $1", id.0, now).execute(connection).await?;
    Ok(())
}

pub(super) struct DeletedSession {
    pub issuer: String,
    pub id_token: Option<Vec<u8>>,
}

pub(super) async fn delete_session(connection: &mut PgConnection, id: SessionId) -> Result<Option<DeletedSession>> {
    Ok(query_as!(DeletedSession, "delete from session where id = $1 returning issuer, id_token", id.0)
        .fetch_optional(connection)
        .await?)
}

/// A person as the provider describes them, without their sessions.
pub(super) async fn own(connection: &mut PgConnection, person: PersonId) -> Result<Option<Own>> {
    let row = query!(
        "select display_name, email, issuer, groups, time_zone, signed_in_at from person where id = $1",
        person.0,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Own {
        display_name: row.display_name,
        email: row.email,
        issuer: row.issuer,
        groups: row.groups,
        time_zone: row.time_zone,
        signed_in_at: row.signed_in_at,
        sessions: Vec::new(),
    }))
}

pub(super) async fn set_zone(connection: &mut PgConnection, person: PersonId, zone: Option<&str>) -> Result<()> {
    query!("update person set time_zone = $2 where id = $1", person.0, zone).execute(connection).await?;
    Ok(())
}

/// Those neither over nor idle for too long.
pub(super) async fn sessions_of(
    connection: &mut PgConnection,
    person: PersonId,
    now: OffsetDateTime,
    seen_after: OffsetDateTime,
) -> Result<Vec<OwnSession>> {
    Ok(query_as!(
        OwnSession,
        r#"select id as "id: SessionId", false as "current!", address, user_agent, created_at as begun_at, seen_at, expires_at
           from session
           where person_id = $1 and expires_at > $2 and seen_at > $3
           order by seen_at desc, id desc"#,
        person.0,
        now,
        seen_after,
    )
    .fetch_all(connection)
    .await?)
}

pub(super) async fn delete_session_of(connection: &mut PgConnection, person: PersonId, id: SessionId) -> Result<bool> {
    let deleted =
        query!("delete from session where id = $1 and person_id = $2", id.0, person.0).execute(connection).await?;
    Ok(deleted.rows_affected() == 1)
}

// ---- service accounts and tokens

pub(super) async fn upsert_service_account(
    connection: &mut PgConnection,
    id: ServiceAccountId,
    name: &str,
    now: OffsetDateTime,
) -> Result<ServiceAccountId> {
    let id = query_scalar!(
        "insert into service_account (id, name, created_at)
         values ($1, $2, $3)
         on conflict on constraint service_account_name_key do update set name = excluded.name
         returning id",
        id.0,
        name,
        now,
    )
    .fetch_one(connection)
    .await?;
    Ok(ServiceAccountId(id))
}

pub(super) async fn insert_token(
    connection: &mut PgConnection,
    token: &Token,
    token_hash: &[u8],
    person: Option<PersonId>,
    account: Option<ServiceAccountId>,
) -> Result<()> {
    query!(
        "insert into token (id, token_hash, name, person_id, service_account_id, scopes, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        token.id.0,
        token_hash,
        token.name,
        person.map(|id| id.0),
        account.map(|id| id.0),
        &token.scopes,
        token.created_at,
        token.expires_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn tokens_of_person(connection: &mut PgConnection, person: PersonId) -> Result<Vec<Token>> {
    Ok(query_as!(
        Token,
        r#"select id as "id: TokenId", name, scopes, created_at, expires_at, used_at, revoked_at
           from token
           where person_id = $1
           order by created_at desc, id desc"#,
        person.0,
    )
    .fetch_all(connection)
    .await?)
}

pub(super) async fn token_of_person(
    connection: &mut PgConnection,
    person: PersonId,
    id: TokenId,
) -> Result<Option<Token>> {
    Ok(query_as!(
        Token,
        r#"select id as "id: TokenId", name, scopes, created_at, expires_at, used_at, revoked_at
           from token
           where person_id = $1 and id = $2
           for update"#,
        person.0,
        id.0,
    )
    .fetch_optional(connection)
    .await?)
}

/// Every service account's tokens with the account and its name, by that name and then the newest first.
pub(super) async fn tokens_of_service_accounts(
    connection: &mut PgConnection,
) -> Result<Vec<(ServiceAccountId, String, Token)>> {
    let rows = query!(
        r#"select token.id, service_account.id as account, service_account.name as account_name, token.name, scopes,
                  token.created_at, expires_at, used_at, revoked_at
           from token
           join service_account on service_account.id = token.service_account_id
           order by service_account.name, token.created_at desc, token.id desc"#,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let token = Token {
                id: TokenId(row.id),
                name: row.name,
                scopes: row.scopes,
                created_at: row.created_at,
                expires_at: row.expires_at,
                used_at: row.used_at,
                revoked_at: row.revoked_at,
            };
            (ServiceAccountId(row.account), row.account_name, token)
        })
        .collect())
}

pub(super) async fn set_revoked(connection: &mut PgConnection, id: TokenId, at: Option<OffsetDateTime>) -> Result<()> {
    query!("update token set revoked_at = $2 where id = $1", id.0, at).execute(connection).await?;
    Ok(())
}

pub(super) struct TokenRow {
    pub id: Uuid,
    pub person_id: Option<Uuid>,
    pub service_account_id: Option<Uuid>,
    pub name: String,
    pub email: Option<String>,
    pub team_id: Option<Uuid>,
    pub scopes: Vec<String>,
    pub used_at: Option<OffsetDateTime>,
}

pub(super) async fn token(
    connection: &mut PgConnection,
    token_hash: &[u8],
    now: OffsetDateTime,
) -> Result<Option<TokenRow>> {
    Ok(query_as!(
        TokenRow,
        r#"select token.id, person_id, service_account_id,
                  coalesce(person.display_name, service_account.name) as "name!",
                  person.email as "email?",
                  service_account.team_id as "team_id?",
                  scopes, used_at
           from token
           left join person on person.id = token.person_id
           left join service_account on service_account.id = token.service_account_id
           where token_hash = $1
             and revoked_at is null
             and (expires_at is null or expires_at > $2)
             and (person.active or (service_account.id is not null and service_account.disabled_at is null))"#,
        token_hash,
        now,
    )
    .fetch_optional(connection)
    .await?)
}

pub(super) async fn touch_token(
    connection: &mut PgConnection,
    id: TokenId,
    now: OffsetDateTime,
    address: &str,
) -> Result<()> {
    query!("update token set used_at = $2, used_address = $3 where id = $1", id.0, now, address)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn team_by_name(connection: &mut PgConnection, name: &str) -> Result<Option<TeamId>> {
    Ok(query_scalar!(r#"select id as "id: TeamId" from team where name = $1"#, name).fetch_optional(connection).await?)
}
