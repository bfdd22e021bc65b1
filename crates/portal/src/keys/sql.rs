//! What keys ask of Postgres. The columns are a closed list in `places`, so the statements are made of it and not
//! checked at compile time; a test runs each.

use sqlx::{AssertSqlSafe, PgConnection, query, query_as};

use super::{Usage, places::Column};
use crate::error::Result;

/// How many values of a column are under which key.
pub(super) async fn usage(connection: &mut PgConnection, of: &'static Column) -> Result<Vec<Usage>> {
    let Column { table, column, .. } = of;
    let sql = format!(
        "select encode(substring({column} from 2 for get_byte({column}, 0)), 'escape'), count(*)
         from {table} where octet_length({column}) > 0
         group by 1 order by 1"
    );
    let rows: Vec<(String, i64)> = query_as(AssertSqlSafe(sql)).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(key, values)| Usage { table, column, key, values }).collect())
}

/// The next values after a row that are not under the key with this prefix, locked, in the order of their rows.
pub(super) async fn under_other_keys(
    connection: &mut PgConnection,
    of: &'static Column,
    prefix: &[u8],
    after: &str,
    limit: i64,
) -> Result<Vec<(String, Vec<u8>)>> {
    let Column { table, column, row } = of;
    let sql = format!(
        "select {row}, {column} from {table}
         where octet_length({column}) > 0 and substring({column} from 1 for octet_length($1)) <> $1 and {row} > $2
         order by {row} limit $3 for update"
    );
    Ok(query_as(AssertSqlSafe(sql)).bind(prefix).bind(after).bind(limit).fetch_all(connection).await?)
}

/// Puts each value in the place of the one that it was made of.
pub(super) async fn replace(
    connection: &mut PgConnection,
    of: &'static Column,
    rows: &[String],
    sealed: &[Vec<u8>],
) -> Result<()> {
    let Column { table, column, row } = of;
    let sql = format!(
        "update {table} set {column} = fresh.sealed
         from unnest($1::text[], $2::bytea[]) as fresh (at, sealed) where {row} = fresh.at"
    );
    query(AssertSqlSafe(sql)).bind(rows).bind(sealed).execute(connection).await?;
    Ok(())
}
