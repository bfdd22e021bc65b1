//! What the audit log asks of Postgres: insert and select, nothing else.

use model::{AuditId, EntityId, PersonId, ServiceAccountId, TeamId};
use sqlx::{PgConnection, query, query_as, query_scalar};
use time::OffsetDateTime;

use super::effects::Done;
use crate::{authz::Scope, error::Result};

/// One record with the columns that search uses.
pub(super) struct Row<'a> {
    pub id: AuditId,
    pub at: OffsetDateTime,
    pub leaf: &'a [u8],
    pub action: &'a str,
    pub outcome: &'a str,
    pub actor_kind: &'a str,
    pub person_id: Option<PersonId>,
    pub service_account_id: Option<ServiceAccountId>,
    pub target_kind: &'a str,
    pub target_id: &'a str,
    pub target_name: &'a str,
    pub owner_id: Option<TeamId>,
    pub entity_id: Option<EntityId>,
    pub subject_id: Option<PersonId>,
    pub request_id: &'a str,
}

pub(super) async fn insert(connection: &mut PgConnection, row: &Row<'_>) -> Result<()> {
    query!(
        "insert into audit_record (
             id, at, leaf, action, outcome, actor_kind, person_id, service_account_id,
             target_kind, target_id, target_name, owner_id, entity_id, subject_id, request_id
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        row.id.0,
        row.at,
        row.leaf,
        row.action,
        row.outcome,
        row.actor_kind,
        row.person_id.map(|id| id.0),
        row.service_account_id.map(|id| id.0),
        row.target_kind,
        row.target_id,
        row.target_name,
        row.owner_id.map(|id| id.0),
        row.entity_id.map(|id| id.0),
        row.subject_id.map(|id| id.0),
        row.request_id,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The stored bytes of one record.
pub(super) async fn leaf(connection: &mut PgConnection, id: AuditId) -> Result<Vec<u8>> {
    Ok(query_scalar!("select leaf from audit_record where id = $1", id.0).fetch_one(connection).await?)
}

/// How often this was denied in this minute, with this time.
pub(super) async fn count_denial(
    connection: &mut PgConnection,
    minute: OffsetDateTime,
    actor: &str,
    address_hash: &[u8],
    rule: &str,
) -> Result<i64> {
    Ok(query_scalar!(
        "insert into audit_denial (minute, actor, address_hash, rule, count)
         values ($1, $2, $3, $4, 1)
         on conflict (minute, actor, address_hash, rule) do update set count = audit_denial.count + 1
         returning count",
        minute,
        actor,
        address_hash,
        rule,
    )
    .fetch_one(connection)
    .await?)
}

pub(super) async fn person_key(connection: &mut PgConnection, person: PersonId) -> Result<Option<Vec<u8>>> {
    Ok(query_scalar!("select wrapped_key from person_key where person_id = $1", person.0)
        .fetch_optional(connection)
        .await?)
}

/// The person's key after the insert: the given one, or the one that was there first.
pub(super) async fn insert_person_key(
    connection: &mut PgConnection,
    person: PersonId,
    wrapped: &[u8],
) -> Result<Vec<u8>> {
    query!(
        "insert into person_key (person_id, wrapped_key) values ($1, $2) on conflict (person_id) do nothing",
        person.0,
        wrapped,
    )
    .execute(&mut *connection)
    .await?;
    Ok(query_scalar!("select wrapped_key from person_key where person_id = $1", person.0).fetch_one(connection).await?)
}

/// The committed changes of an entity, within a scope, but for incidents' own.
pub(super) async fn changes_of(
    connection: &mut PgConnection,
    scope: &Scope,
    entity: EntityId,
    from: OffsetDateTime,
    to: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Done>> {
    Ok(query_as!(
        Done,
        r#"select at, action, target_name, display_name as "person_name?"
           from audit_record
           left join person on person.id = person_id
           where entity_id = $1 and at between $2 and $3 and outcome = 'committed' and target_kind <> 'Incident'
             and action <> 'gate.evaluate'
             and ($4::bool or $5::bool or owner_id = any($6) or entity_id = any($7) or subject_id = $8)
           order by at desc, audit_record.id desc
           limit $9"#,
        entity.0,
        from,
        to,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        scope.person.map(|id| id.0),
        limit,
    )
    .fetch_all(connection)
    .await?)
}
