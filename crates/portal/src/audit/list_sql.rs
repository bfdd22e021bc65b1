//! The log's lists: filters and keyset chosen at run time.

use model::{AuditId, PersonId};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use time::OffsetDateTime;

use super::{
    Outcome,
    log::{Filter, Record, Who},
};
use crate::{
    authz::Scope,
    error::{Error, Result},
    page::COUNT_LIMIT,
};

const RECORD: &str =
    "select record.id, record.at, action, outcome, actor_kind, person_id, person.display_name as person_name,
        service_account.name as account_name, target_kind, target_id,
        case when target_kind = 'Person' then target_person.display_name else target_name end as target_name, request_id
    from audit_record record
    left join person on person.id = record.person_id
    left join service_account on service_account.id = record.service_account_id
    left join person target_person on target_kind = 'Person' and target_person.id::text = target_id";

pub(super) async fn page(
    connection: &mut PgConnection,
    scope: &Scope,
    filter: &Filter,
    after: Option<&(i64, AuditId)>,
    backwards: bool,
    limit: i64,
) -> Result<Vec<Record>> {
    let mut query = QueryBuilder::<Postgres>::new(RECORD);
    conditions(&mut query, scope, filter);
    if let Some((at, id)) = after {
        query.push(if backwards { " and (record.at, record.id) > (" } else { " and (record.at, record.id) < (" });
        query.push_bind(from_micros(*at)?).push(", ").push_bind(id.0).push(")");
    }
    query.push(if backwards { " order by record.at, record.id" } else { " order by record.at desc, record.id desc" });
    query.push(" limit ").push_bind(limit);
    query.build().fetch_all(connection).await?.iter().map(record).collect()
}

pub(super) async fn one(connection: &mut PgConnection, scope: &Scope, id: AuditId) -> Result<Option<Record>> {
    let mut query = QueryBuilder::<Postgres>::new(RECORD);
    conditions(&mut query, scope, &Filter::default());
    query.push(" and record.id = ").push_bind(id.0);
    query.build().fetch_optional(connection).await?.as_ref().map(record).transpose()
}

pub(super) async fn count(connection: &mut PgConnection, scope: &Scope, filter: &Filter) -> Result<i64> {
    let mut query = QueryBuilder::<Postgres>::new("select count(*) from (select from audit_record record");
    conditions(&mut query, scope, filter);
    query.push(" limit ").push_bind(COUNT_LIMIT).push(") counted");
    Ok(query.build_query_scalar().fetch_one(connection).await?)
}

pub(super) async fn leaves(
    connection: &mut PgConnection,
    scope: &Scope,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Vec<u8>>> {
    let mut query = QueryBuilder::<Postgres>::new("select leaf from audit_record record");
    conditions(&mut query, scope, filter);
    query.push(" order by record.at, record.id limit ").push_bind(limit);
    Ok(query.build_query_scalar().fetch_all(connection).await?)
}

fn conditions(query: &mut QueryBuilder<Postgres>, scope: &Scope, filter: &Filter) {
    query.push(" where (").push_bind(scope.everything);
    query.push(" or record.owner_id = any(").push_bind(scope.team_ids());
    query.push(") or record.entity_id = any(").push_bind(scope.entity_ids()).push(")");
    if let Some(person) = scope.person {
        // a refusal names what its actor may not have known of
        query.push(" or (record.outcome = 'committed' and record.person_id = ").push_bind(person.0).push(")");
        query.push(" or record.subject_id = ").push_bind(person.0);
    }
    query.push(")");
    if let Some(text) = &filter.text {
        let text = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query.push(" and lower(record.action || ' ' || record.target_name) like ").push_bind(format!("%{text}%"));
    }
    if let Some(outcome) = filter.outcome {
        query.push(" and record.outcome = ").push_bind(outcome.as_str());
    }
    if let Some(person) = filter.person {
        query.push(" and record.person_id = ").push_bind(person.0);
    }
    if let Some(kind) = &filter.target_kind {
        query.push(" and record.target_kind = ").push_bind(kind.clone());
    }
    if let Some(id) = &filter.target_id {
        query.push(" and record.target_id = ").push_bind(id.clone());
    }
    if let Some(id) = &filter.request_id {
        query.push(" and record.request_id = ").push_bind(id.clone());
    }
    if let Some(from) = filter.from {
        query.push(" and record.at >= ").push_bind(from);
    }
    if let Some(until) = filter.until {
        query.push(" and record.at < ").push_bind(until);
    }
}

fn record(row: &PgRow) -> Result<Record> {
    let actor = match row.try_get::<String, _>("actor_kind")?.as_str() {
        "person" => {
            let id: PersonId = row.try_get("person_id")?;
            let name: Option<String> = row.try_get("person_name")?;
            Who::Person { id, name: name.unwrap_or_else(|| "somebody who was erased".to_owned()) }
        }
        "service_account" => {
            Who::ServiceAccount { name: row.try_get::<Option<String>, _>("account_name")?.unwrap_or_default() }
        }
        "system" => Who::System,
        _ => Who::Unknown,
    };
    let outcome = if row.try_get::<String, _>("outcome")? == Outcome::Denied.as_str() {
        Outcome::Denied
    } else {
        Outcome::Committed
    };
    Ok(Record {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        action: row.try_get("action")?,
        outcome,
        actor,
        target_kind: row.try_get("target_kind")?,
        target_id: row.try_get("target_id")?,
        target_name: row.try_get("target_name")?,
        request_id: row.try_get("request_id")?,
    })
}

fn from_micros(micros: i64) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).map_err(Error::internal)
}
