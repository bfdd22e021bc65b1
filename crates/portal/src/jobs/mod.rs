//! Work that happens outside a request: a closed list of jobs, enqueued in the transaction that wants them done.
//!
//! A job is idempotent and level-triggered: it reads what should be and moves towards it, so doing it twice, or late,
//! is harmless. The queue is graphile_worker's, in Postgres.

use std::time::Duration;

use graphile_worker::{IntoTaskHandlerResult, JobDefinition, TaskHandler, Worker, WorkerContext, WorkerRecoveryConfig};
use model::EnvironmentId;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    Portal, environments,
    error::{Error, Result},
    migrate::QUEUE_SCHEMA,
};

/// A worker that died is noticed after this time, and its jobs run again at once.
const DEAD_AFTER: Duration = Duration::from_secs(20);
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often what is due is looked for, so that a lost job only delays.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// How many jobs one process does at once.
const CONCURRENCY: usize = 4;

/// The target of the spans that traces are made of: nothing personal and no secret is ever in one.
pub const TRACED: &str = "rampart::trace";

macro_rules! jobs {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* } = $identifier:literal => $run:path;)+) => {
        /// Everything that is done outside a request.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Job {
            $($(#[$doc])* $name { $($field: $kind),* },)+
        }

        impl Job {
            /// The task identifier in the queue.
            #[must_use]
            pub const fn identifier(&self) -> &'static str {
                match self { $(Self::$name { .. } => $identifier,)+ }
            }

            fn payload(&self) -> Result<serde_json::Value> {
                Ok(match self {
                    $(Self::$name { $($field),* } => serde_json::to_value(tasks::$name { $($field: $field.clone()),* })?,)+
                })
            }

            /// Does it now, in this process.
            ///
            /// # Errors
            /// What went wrong; the queue tries again, later each time.
            pub async fn run(self, portal: &Portal) -> Result<()> {
                match self {
                    $(Self::$name { $($field),* } => $run(portal, $($field),*).await,)+
                }
            }
        }

        /// The queue's view of the jobs: one type a task identifier.
        mod tasks {
            use super::*;

            $(
                #[derive(Deserialize, Serialize)]
                pub(super) struct $name { $(pub(super) $field: $kind),* }

                impl TaskHandler for $name {
                    const IDENTIFIER: &'static str = $identifier;

                    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
                        run_in_worker(Job::$name { $($field: self.$field),* }, &context).await
                    }
                }
            )+

            pub(super) fn all() -> Vec<JobDefinition> {
                vec![$($name::definition(),)+]
            }
        }
    };
}

jobs! {
    /// Looks for everything that is due and enqueues it.
    Sweep {} = "sweep" => sweep;
    /// Moves what the provider has of an environment towards what it should be.
    ReconcileEnvironment { environment: EnvironmentId } = "environment.reconcile" => environments::jobs::reconcile;
    /// Sends one notice by mail or to one webhook.
    Deliver { delivery: model::DeliveryId } = "notification.deliver" => crate::notifications::deliver;

    /// Tries an outgoing integration that somebody asked to have tested.
    TestIntegration { name: String } = "integration.test" => crate::integrations::jobs::test;

    /// Reads one source of the catalog at its address.
    ReadSource { source: model::SourceId } = "catalog.read_source" => crate::catalog::reading::read;

    /// Looks at one entity again, on every scorecard.
    Score { entity: model::EntityId } = "scorecard.score" => crate::scorecards::jobs::score;
    /// Looks at the entities after one, in the order of their ids, on one scorecard.
    ScoreAll { scorecard: String, after: Option<model::EntityId> } = "scorecard.score_all" => crate::scorecards::jobs::score_all;
}

/// Finds what is due: each feature enqueues its own.
async fn sweep(portal: &Portal) -> Result<()> {
    for job in environments::effects::due(portal).await? {
        enqueue_alone(portal, &job, Duration::ZERO).await?;
    }
    crate::requests::sweep(portal).await?;
    crate::identity::access::sweep(portal).await?;
    crate::notifications::sweep(portal).await?;
    crate::scorecards::jobs::sweep(portal).await?;
    crate::marks::sweep(portal).await?;
    crate::catalog::bin::sweep(portal).await?;
    crate::catalog::reading::sweep(portal).await?;
    clear_superseded(portal).await
}

/// Removes jobs whose worker died after the same job was enqueued anew: the queue takes them back so that they never run,
/// and keeps them.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn clear_superseded(portal: &Portal) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "limited to the queue's own schema")]
    let mut connection = portal.db.worker().into_pool().acquire().await?;
    // unchecked: as below
    sqlx::query(
        "delete from graphile_worker._private_jobs as jobs
         where locked_at is null
           and attempts >= max_attempts
           and exists (select from graphile_worker._private_job_retirements as retired where retired.id = jobs.id)",
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Enqueues a job in the caller's transaction. The same job waiting already is not enqueued twice; one that is running
/// is followed by another.
///
/// # Errors
/// `Internal` or `Unavailable`; then the caller's transaction cannot commit either.
pub(crate) async fn enqueue(connection: &mut PgConnection, job: &Job) -> Result<()> {
    enqueue_in(connection, job, Duration::ZERO).await
}

/// As [`enqueue`], to be done after `delay`.
///
/// # Errors
/// As [`enqueue`].
pub(crate) async fn enqueue_in(connection: &mut PgConnection, job: &Job, delay: Duration) -> Result<()> {
    let payload = job.payload()?;
    let key = format!("{}:{payload}", job.identifier());
    // unchecked: the queue's schema is its own and is not there when the queries are prepared
    sqlx::query(
        "select graphile_worker.add_job(
             identifier => $1, payload => $2::json, job_key => $3, run_at => clock_timestamp() + make_interval(secs => $4)
         )",
    )
    .bind(job.identifier())
    .bind(payload)
    .bind(key)
    .bind(delay.as_secs_f64())
    .execute(connection)
    .await?;
    Ok(())
}

/// How many looks at scorecards wait or run.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn scoring(connection: &mut PgConnection) -> Result<i64> {
    // unchecked, as above
    Ok(sqlx::query_scalar(
        "select count(*)
         from graphile_worker._private_jobs job
         join graphile_worker._private_tasks task on task.id = job.task_id
         where task.identifier in ('scorecard.score', 'scorecard.score_all') and job.attempts < job.max_attempts",
    )
    .fetch_one(connection)
    .await?)
}

/// As [`enqueue_in`], where there is no change that the job follows from.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn enqueue_alone(portal: &Portal, job: &Job, delay: Duration) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "limited to the queue's own schema")]
    let mut connection = portal.db.worker().into_pool().acquire().await?;
    enqueue_in(&mut connection, job, delay).await
}

/// Works until `stop`, then finishes what it has begun.
///
/// # Errors
/// `Internal` where the queue cannot be reached at the start.
pub async fn work(portal: Portal, stop: CancellationToken) -> Result<()> {
    let worker = Worker::options()
        .schema(QUEUE_SCHEMA)
        .pg_pool(portal.db.worker().into_pool())
        .concurrency(CONCURRENCY)
        .listen_os_shutdown_signals(false)
        .worker_recovery(
            WorkerRecoveryConfig::default()
                .enabled(true)
                .heartbeat_interval(HEARTBEAT)
                .sweep_interval(HEARTBEAT)
                .sweep_threshold(DEAD_AFTER)
                .recovery_delay(Duration::ZERO),
        )
        .add_extension(portal.clone())
        .define_jobs(tasks::all())
        .init()
        .await
        .map_err(Error::internal)?;
    let sweeping = async {
        loop {
            if let Err(error) = sweep(&portal).await {
                tracing::error!(error = &error as &dyn std::error::Error, "cannot look for what is due");
            }
            tokio::time::sleep(SWEEP_EVERY).await;
        }
    };
    let stopping = async {
        stop.cancelled().await;
        worker.request_shutdown();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = worker.run() => done.map_err(Error::internal),
        () = sweeping => Ok(()),
        () = stopping => Ok(()),
    }
}

/// Does every job that is due, once: for tests, which do not wait.
///
/// # Errors
/// `Internal` where the queue cannot be reached.
#[cfg(any(test, feature = "testing"))]
pub async fn work_once(portal: &Portal) -> Result<()> {
    let worker = Worker::options()
        .schema(QUEUE_SCHEMA)
        .pg_pool(portal.db.worker().into_pool())
        .concurrency(1)
        .listen_os_shutdown_signals(false)
        .add_extension(portal.clone())
        .define_jobs(tasks::all())
        .init()
        .await
        .map_err(Error::internal)?;
    worker.run_once().await.map_err(Error::internal)
}

async fn run_in_worker(job: Job, context: &WorkerContext) -> Result<(), String> {
    let portal = context.get_ext::<Portal>().ok_or("the worker was started without a portal")?;
    let identifier = job.identifier();
    let span = tracing::info_span!(target: TRACED, "job", otel.name = identifier, otel.kind = "consumer");
    job.run(portal).instrument(span).await.map_err(|error| {
        tracing::error!(
            job = identifier,
            error = &error as &dyn std::error::Error,
            "a job failed; it will be tried again"
        );
        error.to_string()
    })
}
