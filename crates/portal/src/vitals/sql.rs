//! What metrics ask of Postgres: counts over indexes of what is unfinished, in one statement.

use sqlx::{PgConnection, query_as};
use time::OffsetDateTime;

use super::Work;
use crate::error::Result;

/// Unchecked at compile time: the queue's schema is its own and is not there when the queries are prepared.
pub(super) async fn work(connection: &mut PgConnection, now: OffsetDateTime) -> Result<Work> {
    let (jobs_due, jobs_oldest_seconds, jobs_running, jobs_given_up, deliveries_pending, deliveries_failed) = query_as(
        "select jobs.due, jobs.oldest, jobs.running, jobs.given_up, deliveries.pending, deliveries.failed
         from (
             select count(*) filter (where locked_at is null and attempts < max_attempts and run_at <= $1) as due,
                    coalesce(extract(epoch from $1 - min(run_at) filter (
                        where locked_at is null and attempts < max_attempts and run_at <= $1
                    )), 0)::float8 as oldest,
                    count(*) filter (where locked_at is not null) as running,
                    count(*) filter (where locked_at is null and attempts >= max_attempts) as given_up
             from graphile_worker._private_jobs
         ) jobs, (
             select count(*) filter (where next_at is not null) as pending,
                    count(*) filter (where next_at is null) as failed
             from delivery where delivered_at is null and (attempts > 0 or next_at is not null)
         ) deliveries",
    )
    .bind(now)
    .fetch_one(connection)
    .await?;
    Ok(Work { jobs_due, jobs_oldest_seconds, jobs_running, jobs_given_up, deliveries_pending, deliveries_failed })
}
