//! The months of the audit log: a partition each, made ahead by whoever owns the schema.

use sqlx::{AssertSqlSafe, Executor, PgConnection, query_scalar};
use time::{Date, Duration, Month, OffsetDateTime};

use crate::{Portal, error::Result};

/// How many months `rampart migrate` makes ahead, besides the one that it runs in.
const MADE_AHEAD: u16 = 24;
/// With fewer months than this ahead, an administrator is told.
const FEW_AHEAD: u16 = 2;

/// A month of UTC, which is a partition's whole range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MonthOf(Date);

impl MonthOf {
    fn of(at: OffsetDateTime) -> Self {
        let date = at.to_offset(time::UtcOffset::UTC).date();
        Self(date.replace_day(1).expect("every month has a first day"))
    }

    fn next(self) -> Self {
        let later = self.0 + Duration::days(31);
        Self(later.replace_day(1).expect("every month has a first day"))
    }

    fn table(self) -> String {
        let month: Month = self.0.month();
        format!("audit_record_{:04}_{:02}", self.0.year(), u8::from(month))
    }
}

/// Makes the partitions of this month and of those to come. A month that has records in the default partition keeps
/// them there, all of it: nothing is ever moved.
///
/// # Errors
/// `Internal` where this is not the schema's owner.
pub(crate) async fn make_ahead(owner: &mut PgConnection, now: OffsetDateTime) -> Result<()> {
    let mut month = MonthOf::of(now);
    for _ in 0..=MADE_AHEAD {
        let (from, to) = (month.0, month.next().0);
        let (there, taken) = standing(owner, month).await?;
        if !there && !taken {
            owner
                .execute(AssertSqlSafe(format!(
                    "create table {} partition of audit_record for values from ('{from} 00:00+00') to ('{to} 00:00+00')",
                    month.table()
                )))
                .await?;
        }
        month = month.next();
    }
    Ok(())
}

/// Whether a month has its partition, and whether the default partition holds records of it.
async fn standing(owner: &mut PgConnection, month: MonthOf) -> Result<(bool, bool)> {
    let row = sqlx::query!(
        r#"select to_regclass('public.' || $1::text) is not null as "there!",
                  exists (
                      select from audit_record_default
                      where at >= $2::date::timestamp at time zone 'utc' and at < $3::date::timestamp at time zone 'utc'
                  ) as "taken!""#,
        month.table(),
        month.0,
        month.next().0,
    )
    .fetch_one(owner)
    .await?;
    Ok((row.there, row.taken))
}

/// What an administrator has to do before long; none while there are months enough.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn warning(portal: &Portal) -> Result<Option<String>> {
    let ahead = months_ahead(portal).await?;
    Ok((ahead < FEW_AHEAD).then(|| {
        format!(
            "the audit log has partitions for {ahead} more months; run `rampart migrate` as the schema's owner, which \
             makes those of the next {MADE_AHEAD}"
        )
    }))
}

/// How many months after this one have a partition, up to the first that has none.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn months_ahead(portal: &Portal) -> Result<u16> {
    let mut tx = portal.db.begin_snapshot().await?;
    let tables = query_scalar!(
        r#"select relname::text as "name!"
           from pg_inherits
           join pg_class on pg_class.oid = inhrelid
           where inhparent = 'audit_record'::regclass"#
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut ahead = 0;
    let mut month = MonthOf::of(portal.clock.now()).next();
    while tables.contains(&month.table()) {
        ahead += 1;
        month = month.next();
    }
    Ok(ahead)
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, PgConnection};
    use time::macros::datetime;

    use super::*;
    use crate::{
        authz::RoleName,
        db::MigrationConn,
        identity::token,
        migrate,
        testing::{NOW, TestPortal},
    };

    async fn partitions(t: &TestPortal) -> Vec<String> {
        sqlx::query_scalar(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'audit_record'::regclass order by 1",
        )
        .fetch_all(&mut t.owner().await)
        .await
        .unwrap()
    }

    async fn as_the_server(t: &TestPortal) -> PgConnection {
        use secrecy::ExposeSecret;
        PgConnection::connect(t.database_url().expose_secret()).await.unwrap()
    }

    async fn migrate_at(t: &TestPortal, now: OffsetDateTime) {
        let mut owner = MigrationConn::connect(&t.owner_url()).await.unwrap();
        migrate::migrate(&mut owner, "rampart", now).await.unwrap();
    }

    #[tokio::test]
    async fn the_server_may_add_to_and_read_every_partition_and_do_nothing_else_there() {
        let t = TestPortal::new().await;
        let mut server = as_the_server(&t).await;
        let tables: Vec<String> = partitions(&t).await.into_iter().chain(["audit_record".to_owned()]).collect();
        assert_eq!(tables.len(), usize::from(MADE_AHEAD) + 3, "months, this month, the default and the whole");
        for table in tables {
            for refused in [
                format!("update {table} set action = 'nothing'"),
                format!("delete from {table}"),
                format!("truncate {table}"),
                format!("alter table {table} add column more text"),
                format!("drop table {table}"),
            ] {
                let error = server.execute(AssertSqlSafe(refused.clone())).await.unwrap_err();
                let code = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
                assert_eq!(code.as_deref(), Some("42501"), "{refused}: {error}");
            }
            server.execute(AssertSqlSafe(format!("select from {table} limit 1"))).await.unwrap();
            let held: Vec<String> = sqlx::query_scalar(
                "select privilege_type::text from information_schema.role_table_grants
                 where table_name = $1 and grantee = 'rampart' order by 1",
            )
            .bind(&table)
            .fetch_all(&mut server)
            .await
            .unwrap();
            assert_eq!(held, ["INSERT", "SELECT"], "{table}");
        }
    }

    #[tokio::test]
    async fn a_record_is_kept_in_its_month_and_what_has_no_month_in_the_default() {
        let t = TestPortal::new().await;
        let ada = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
        let own = ada.person_id().unwrap();
        let scopes = ["catalog:read".to_owned()];
        token::issue(&t, &ada, own, "laptop", &scopes, Duration::DAY).await.unwrap();
        assert_eq!(t.count("select count(*) from audit_record_2026_03").await, 1);
        t.clock.advance(Duration::days(4_000));
        token::issue(&t, &ada, own, "later", &scopes, Duration::DAY).await.unwrap();
        assert_eq!(t.count("select count(*) from audit_record_default").await, 1);
        assert_eq!(t.count("select count(*) from audit_record").await, 2);
    }

    #[tokio::test]
    async fn migrating_again_makes_the_months_that_have_come_nearer_and_moves_nothing() {
        let t = TestPortal::new().await;
        assert_eq!(months_ahead(&t).await.unwrap(), MADE_AHEAD);
        assert_eq!(warning(&t).await.unwrap(), None);
        let before = partitions(&t).await;
        migrate_at(&t, NOW).await;
        assert_eq!(partitions(&t).await, before);

        let later = datetime!(2028-02-28 23:59 UTC);
        t.clock.advance(later - NOW);
        assert_eq!(months_ahead(&t).await.unwrap(), 1);
        assert!(warning(&t).await.unwrap().unwrap().contains("for 1 more months"));
        // a month that nobody made in time
        let ada = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
        let scopes = ["catalog:read".to_owned()];
        t.clock.advance(Duration::days(40));
        token::issue(&t, &ada, ada.person_id().unwrap(), "late", &scopes, Duration::DAY).await.unwrap();
        assert_eq!(t.count("select count(*) from audit_record_default").await, 1);
        migrate_at(&t, t.clock.now()).await;
        assert!(!partitions(&t).await.contains(&"audit_record_2028_04".to_owned()), "its records stay where they are");
        assert_eq!(months_ahead(&t).await.unwrap(), MADE_AHEAD);
        assert_eq!(t.count("select count(*) from audit_record_default").await, 1);
    }

    #[tokio::test]
    async fn whoever_owns_nothing_makes_no_partition() {
        let t = TestPortal::new().await;
        let mut server = as_the_server(&t).await;
        assert!(make_ahead(&mut server, NOW + Duration::days(2_000)).await.is_err());
    }
}
