//! Reads that are the same text for both databases: what pages and portals ask, and what the relay sends again.

use crate::StoreError;
use crate::columns::Moment;
use crate::rows::{Backlog, OutboxRow, Overview, OverviewLine, Status};
use domain::ApplicationId;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One module of reads for a pool type. A generic function would carry more bounds than body.
macro_rules! reads {
    ($database:ident, $pool:ty) => {
        pub(crate) mod $database {
            use super::*;

            pub(crate) async fn unpublished(
                pool: &$pool,
                before: Timestamp,
                offset: u32,
                limit: u32,
            ) -> Result<Vec<OutboxRow>, StoreError> {
                let rows = sqlx::query_as(
                    "select message_id, application_id, exchange, routing_key, traceparent, body from outbox \
                     where published_at is null and created_at < $1 \
                     order by created_at, message_id limit $2 offset $3",
                );
                Ok(rows.bind(Moment(before)).bind(i64::from(limit)).bind(i64::from(offset)).fetch_all(pool).await?)
            }

            pub(crate) async fn status(pool: &$pool, id: ApplicationId) -> Result<Option<Status>, StoreError> {
                let decided = sqlx::query_as(
                    "select c.application_id, c.state, c.body as case_body, d.decision from cases c \
                     left join decisions d on d.application_id = c.application_id \
                     where c.application_id = coalesce((select application_id from aliases where alias = $1), $1) \
                     order by d.decision_no desc limit 1",
                );
                if let Some(status) = decided.bind(id.0).fetch_optional(pool).await? {
                    return Ok(Some(status));
                }
                let undecided: Option<(String,)> = sqlx::query_as(
                    "select state from (select 0 as place, 'conflict' as state from conflicts where application_id = $1 \
                     union all select case when cause = 'parked' and state in ('open', 'queued') then 2 else 1 end, \
                     case when cause = 'parked' and state in ('open', 'queued') then 'accepted' else 'failed' end \
                     from failures where application_id = $1 and kind = 'message' and state <> 'retried') as s \
                     order by place limit 1",
                )
                .bind(id.0)
                .fetch_optional(pool)
                .await?;
                Ok(undecided.map(|(state,)| Status {
                    application_id: id,
                    state,
                    case_body: Vec::new(),
                    decision: None,
                }))
            }

            pub(crate) async fn overview(pool: &$pool, now: Timestamp) -> Result<Overview, StoreError> {
                let lines: Vec<OverviewLine> = sqlx::query_as(
                    "select service, outcome, automatic, count(*) as count from cases \
                     group by service, outcome, automatic order by service, outcome, automatic",
                )
                .fetch_all(pool)
                .await?;
                let reasons: Vec<(String, i64)> =
                    sqlx::query_as("select reasons, count(*) from tasks group by reasons")
                        .fetch_all(pool)
                        .await?;
                let figures: (i64, i64, Option<Moment>, i64, i64, i64, i64) = sqlx::query_as(
                    "select (select count(*) from tasks), (select count(*) from queue), \
                     (select min(enqueued_at) from queue), \
                     (select count(*) from failures where kind = 'message' and state = 'open' and cause <> 'parked'), \
                     (select count(*) from outbox where published_at is null), (select count(*) from aliases), \
                     (select count(*) from conflicts)",
                )
                .fetch_one(pool)
                .await?;
                Ok(Overview {
                    lines,
                    reasons: split_reasons(reasons),
                    open_tasks: figures.0,
                    waiting: figures.1,
                    oldest_waiting_seconds: figures.2.map(|at| now.as_second() - at.0.as_second()),
                    dead_letters: figures.3,
                    unpublished: figures.4,
                    duplicates: figures.5,
                    conflicts: figures.6,
                })
            }

            /// Each count is answered by an index that has only what is counted.
            pub(crate) async fn backlog(pool: &$pool) -> Result<Backlog, StoreError> {
                let row = sqlx::query_as(
                    "select (select count(*) from tasks) as tasks, \
                     (select count(*) from failures where state = 'open') as failures, \
                     (select count(*) from audit where position is null) as audit, \
                     (select count(*) from outbox where published_at is null) as results, \
                     (select count(*) from parked where lifted_at is null) as parked",
                );
                Ok(row.fetch_one(pool).await?)
            }

            pub(crate) async fn archive(pool: &$pool, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
                let body = sqlx::query_scalar("select body from archives where hash = $1");
                Ok(body.bind(hash).fetch_optional(pool).await?)
            }

            pub(crate) async fn forget_attempts(pool: &$pool, before: Timestamp) -> Result<u64, StoreError> {
                let done = sqlx::query("delete from attempts where last_at < $1").bind(Moment(before));
                Ok(done.execute(pool).await?.rows_affected())
            }
        }
    };
}

reads!(postgres, sqlx::PgPool);
reads!(sqlite, sqlx::SqlitePool);

/// Counts each reason of combined ones; most frequent first.
fn split_reasons(rows: Vec<(String, i64)>) -> Vec<(String, i64)> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for (reasons, count) in rows {
        for reason in reasons.split(',').filter(|r| !r.is_empty()) {
            *counts.entry(reason.to_owned()).or_default() += count;
        }
    }
    let mut sorted: Vec<(String, i64)> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sorted
}
