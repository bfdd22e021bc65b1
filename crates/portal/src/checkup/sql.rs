//! What the check-up asks of Postgres' own catalogs. Unchecked at compile time: it has to work on every schema.

use sqlx::{PgConnection, query_as, query_scalar};
use time::OffsetDateTime;

use super::SignedIn;
use crate::{error::Result, migrate::QUEUE_SCHEMA};

/// What the migrations create.
const EXTENSIONS: &[&str] = &["pg_trgm"];

#[derive(sqlx::FromRow)]
pub(super) struct Server {
    pub version: i32,
    pub role: String,
    pub powers: Vec<String>,
}

pub(super) async fn clock(connection: &mut PgConnection) -> Result<OffsetDateTime> {
    Ok(query_scalar("select clock_timestamp()").fetch_one(connection).await?)
}

pub(super) async fn server(connection: &mut PgConnection) -> Result<Server> {
    Ok(query_as(
        "select current_setting('server_version_num')::int as version,
                current_user::text as role,
                array_remove(array[
                    case when rolsuper then 'superuser' end,
                    case when rolcreaterole then 'createrole' end,
                    case when rolcreatedb then 'createdb' end,
                    case when rolreplication then 'replication' end,
                    case when rolbypassrls then 'bypassrls' end
                ], null) as powers
         from pg_roles where rolname = current_user",
    )
    .fetch_one(connection)
    .await?)
}

/// `table person`, `schema public`, `database portal`.
pub(super) async fn owned(connection: &mut PgConnection) -> Result<Vec<String>> {
    Ok(query_scalar(
        "select 'table ' || relname as thing
         from pg_class join pg_namespace n on n.oid = relnamespace
         where relkind in ('r', 'p') and nspname in ('public', $1) and pg_has_role(relowner, 'usage')
         union all
         select 'schema ' || nspname from pg_namespace where nspname in ('public', $1) and pg_has_role(nspowner, 'usage')
         union all
         select 'database ' || datname from pg_database where datname = current_database() and pg_has_role(datdba, 'usage')
         order by thing",
    )
    .bind(QUEUE_SCHEMA)
    .fetch_all(connection)
    .await?)
}

/// What the role may do to the audit log and each of its partitions that would change what is there.
pub(super) async fn tampering(connection: &mut PgConnection) -> Result<Vec<String>> {
    Ok(query_scalar(
        "select privilege || ' on ' || relname
         from pg_class cross join unnest(array['update', 'delete', 'truncate']) privilege
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
           and (relname = 'audit_record' or oid in (select inhrelid from pg_inherits where inhparent = to_regclass('public.audit_record')))
           and has_table_privilege(pg_class.oid, privilege)
         order by 1",
    )
    .fetch_all(connection)
    .await?)
}

/// What `migrate::grants` gives and the role does not have.
pub(super) async fn lacking(connection: &mut PgConnection) -> Result<Vec<String>> {
    Ok(query_scalar(
        "select 'usage on schema ' || nspname as lack
         from pg_namespace where nspname in ('public', $1) and not has_schema_privilege(oid, 'usage')
         union all
         select privilege || ' on ' || relname
         from pg_class join pg_namespace n on n.oid = relnamespace
         cross join unnest(array['select', 'insert', 'update', 'delete']) privilege
         where relkind in ('r', 'p') and nspname in ('public', $1)
           and not relispartition and not (relname = 'audit_record' and privilege in ('update', 'delete'))
           and not (relname = '_sqlx_migrations' and privilege <> 'select')
           and not has_table_privilege(pg_class.oid, privilege)
         order by lack",
    )
    .bind(QUEUE_SCHEMA)
    .fetch_all(connection)
    .await?)
}

pub(super) async fn missing_extensions(connection: &mut PgConnection) -> Result<Vec<String>> {
    Ok(query_scalar("select name from unnest($1::text[]) name where name not in (select extname from pg_extension)")
        .bind(EXTENSIONS)
        .fetch_all(connection)
        .await?)
}

pub(super) async fn signed_in(connection: &mut PgConnection, now: OffsetDateTime) -> Result<SignedIn> {
    let (people, with_groups, administrators) = query_as(
        "select count(*), count(*) filter (where groups <> '{}'),
                count(*) filter (where active and exists (
                    select from role_binding
                    where person_id = person.id and role = 'platform_administrator'
                      and ended_at is null and (expires_at is null or expires_at > $1)
                ))
         from person where signed_in_at is not null",
    )
    .bind(now)
    .fetch_one(connection)
    .await?;
    Ok(SignedIn { people, with_groups, administrators })
}
