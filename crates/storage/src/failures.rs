//! What both databases say with the same text about failures and jobs over them.

use crate::StoreError;
use crate::columns::Moment;
use crate::rows::{FailureFilter, FailureRow, IncidentRow, JobRow};
use crate::store::ByLand;
use jiff::Timestamp;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A text may quote what was sent; PostgreSQL's has no place for NUL.
pub(crate) fn printable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// What becomes of a failure that happens again: it is open, unless a job is at it.
macro_rules! again {
    () => {
        " on conflict (failure_id) do update set times = failures.times + excluded.times, \
         last_at = excluded.last_at, cause = excluded.cause, detail = excluded.detail, body = excluded.body, \
         service = coalesce(excluded.service, failures.service), ars = coalesce(excluded.ars, failures.ars), \
         settled_at = null, \
         outcome = case failures.state when 'open' then failures.outcome when 'queued' then 'failed again' end, \
         state = case when failures.state = 'queued' then 'queued' else 'open' end"
    };
}
pub(crate) use again;

/// What closes open failures that are none any more; `$ids` says which.
macro_rules! mend {
    ($ids:literal) => {
        concat!(
            "update failures set state = 'retried', outcome = 'mended by itself', settled_at = $2 where failure_id in \
             (select failure_id from failures where state = 'open' and failure_id ",
            $ids,
            ")"
        )
    };
}
pub(crate) use mend;

/// True for rows of a table with service and ARS that are not parked at a time.
macro_rules! unparked {
    ($table:literal, $now:literal) => {
        concat!(
            "not exists (select 1 from parked p where p.lifted_at is null and (p.until is null or p.until > ",
            $now,
            ") and (p.service is null or p.service = ",
            $table,
            ".service) and (p.ars is null or substr(",
            $table,
            ".ars, 1, length(p.ars)) = p.ars))"
        )
    };
}
pub(crate) use unparked;

/// True for failures that nothing parks, not even what is to be tried with one application first.
macro_rules! free {
    () => {
        "not exists (select 1 from parked p where p.lifted_at is null \
         and (p.service is null or p.service = failures.service) \
         and (p.ars is null or substr(failures.ars, 1, length(p.ars)) = p.ars))"
    };
}
pub(crate) use free;

/// True for failures that a filter wants; its parameters are the first twelve, see `chosen`. `$texts` begins what makes rows
/// with a text `value` of a JSON array.
macro_rules! wanted {
    ($texts:literal, $end:literal) => {
        concat!(
            "kind = coalesce(cast($1 as text), kind) and cause = coalesce(cast($2 as text), cause) \
             and (cast($3 as text) is null or service = $3) \
             and (cast($4 as text) is null or substr(ars, 1, length($4)) = $4) \
             and (cast($5 as text) is null or sender = $5) \
             and state = coalesce(cast($6 as text), state) and ($7 is null or last_at >= $7) \
             and ($8 is null or failure_id = $8) and ($12 is null or job = $12) \
             and (cast($9 as text) is null or exists (select 1 from ",
            $texts,
            "$9",
            $end,
            " as place where substr(failures.ars, 1, length(place.value)) = place.value)) \
             and (cast($10 as text) is null or exists (select 1 from ",
            $texts,
            "$10",
            $end,
            " as name where failures.service = name.value)) and (not $11 or (cause = 'parked' and ",
            free!(),
            "))"
        )
    };
}

macro_rules! chosen {
    ($query:expr, $filter:expr) => {
        $query
            .bind(&$filter.kind)
            .bind(&$filter.cause)
            .bind(&$filter.service)
            .bind(&$filter.ars)
            .bind(&$filter.sender)
            .bind(&$filter.state)
            .bind($filter.since.map(Moment))
            .bind($filter.failure_id)
            .bind(array(&$filter.places))
            .bind(array(&$filter.services))
            .bind($filter.released)
            .bind($filter.job)
    };
}

/// What a table has of contents that came a second time for an application that is erased.
macro_rules! late {
    ($table:literal) => {
        concat!(
            "delete from ",
            $table,
            " where application_id in (select c.application_id from conflicts c join cases k \
             on k.application_id = c.original where k.state = 'erased' and c.observed_at < $1)"
        )
    };
}

/// How many rows there are of each Land, by its code; without one, where no place can be read.
pub(crate) fn by_land(codes: Vec<Option<String>>) -> ByLand {
    let mut counts = ByLand::new();
    for code in codes {
        *counts.entry(code.unwrap_or_default()).or_default() += 1;
    }
    counts
}

pub(crate) fn sum(counts: &ByLand) -> u64 {
    counts.values().sum::<i64>().unsigned_abs()
}

/// Texts as a JSON array; nothing where none is wanted.
fn array(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| serde_json::Value::from(texts.to_vec()).to_string())
}

/// One module for a pool type; `$lock` makes writers of the same rows take turns, `$skip` pass each other. For `$texts` see `wanted`.
macro_rules! module {
    ($database:ident, $pool:ty, $connection:ty, $lock:literal, $skip:literal, $texts:literal, $end:literal) => {
        pub(crate) mod $database {
            use super::*;

            pub(crate) async fn failures(
                pool: &$pool,
                filter: &FailureFilter,
                after: Option<Uuid>,
                limit: u32,
            ) -> Result<Vec<FailureRow>, StoreError> {
                let rows = sqlx::query_as(concat!(
                    "select * from failures where ",
                    wanted!($texts, $end),
                    " and failure_id > $13 order by failure_id limit $14"
                ));
                let rows = chosen!(rows, filter).bind(after.unwrap_or_default()).bind(i64::from(limit));
                Ok(rows.fetch_all(pool).await?)
            }

            pub(crate) async fn failure(pool: &$pool, id: Uuid) -> Result<Option<FailureRow>, StoreError> {
                let row = sqlx::query_as("select * from failures where failure_id = $1");
                Ok(row.bind(id).fetch_optional(pool).await?)
            }

            pub(crate) async fn incidents(
                pool: &$pool,
                filter: &FailureFilter,
            ) -> Result<Vec<IncidentRow>, StoreError> {
                let rows = sqlx::query_as(concat!(
                    "select kind, cause, service, count(*) as count, count(case when state = 'open' then 1 end) as open, \
                     min(first_at) as first_at, max(last_at) as last_at, count(distinct application_id) as cases, \
                     max(case when place = 1 then detail end) as detail from (select kind, cause, service, state, \
                     first_at, last_at, application_id, detail, row_number() over \
                     (partition by kind, cause, service order by last_at desc, failure_id) as place \
                     from failures where ",
                    wanted!($texts, $end),
                    ") as f group by kind, cause, service \
                     order by max(last_at) desc, kind, cause, service nulls first"
                ));
                Ok(chosen!(rows, filter).fetch_all(pool).await?)
            }

            /// How many, and what of them by Land; nothing of that where it is not new.
            pub(crate) async fn begin_job(
                tx: &mut $connection,
                job: &JobRow,
                filter: &FailureFilter,
            ) -> Result<(i64, ByLand), StoreError> {
                let new = sqlx::query(
                    "insert into jobs (job_id, action, filter, patch, begun_by, begun_at, total, done, failed) \
                     values ($1, $2, $3, $4, $5, $6, 0, 0, 0) on conflict (job_id) do nothing",
                );
                let new = new.bind(job.job_id).bind(&job.action).bind(&job.filter).bind(&job.patch);
                let new = new.bind(&job.by).bind(Moment(job.begun_at)).execute(&mut *tx).await?;
                if new.rows_affected() == 0 {
                    let total = sqlx::query_scalar("select total from jobs where job_id = $1");
                    return Ok((total.bind(job.job_id).fetch_one(tx).await?, ByLand::new()));
                }
                let taken = sqlx::query_scalar(concat!(
                    "update failures set state = 'queued', job = $13, outcome = null, leased_until = null \
                     where state = 'open' \
                     and failure_id in (select failure_id from failures where state = 'open' and ",
                    wanted!($texts, $end),
                    " order by failure_id",
                    $lock,
                    ") returning substr(ars, 1, 2)"
                ));
                let taken = by_land(chosen!(taken, filter).bind(job.job_id).fetch_all(&mut *tx).await?);
                let total: i64 = taken.values().sum();
                sqlx::query(
                    "update jobs set total = $2, ended_at = case when $2 = 0 then begun_at end where job_id = $1",
                )
                .bind(job.job_id)
                .bind(total)
                .execute(tx)
                .await?;
                Ok((total, taken))
            }

            pub(crate) async fn job_items(
                pool: &$pool,
                job: Uuid,
                limit: u32,
                (now, until): (Timestamp, Timestamp),
            ) -> Result<Vec<FailureRow>, StoreError> {
                let rows = sqlx::query_as(concat!(
                    "with free as materialized (select failure_id from failures where job = $1 and state = 'queued' \
                     and (leased_until is null or leased_until <= $2) order by first_at, failure_id limit $4",
                    $skip,
                    ") update failures set leased_until = $3 where failure_id in (select failure_id from free) \
                     returning *"
                ));
                let rows = rows.bind(job).bind(Moment(now)).bind(Moment(until)).bind(i64::from(limit));
                let mut rows: Vec<FailureRow> = rows.fetch_all(pool).await?;
                rows.sort_by_key(|row| (row.first_at, row.failure_id));
                Ok(rows)
            }

            /// Notes what became of items, by job and new state, and ends jobs that have none left.
            pub(crate) async fn progress(
                tx: &mut $connection,
                settled: &[(Uuid, Option<Uuid>, String)],
                at: Timestamp,
            ) -> Result<(), StoreError> {
                let mut jobs: BTreeMap<Uuid, (i64, i64)> = BTreeMap::new();
                for (_, job, state) in settled {
                    let Some(job) = job else { continue };
                    let (done, failed) = jobs.entry(*job).or_default();
                    *(if state == "open" { failed } else { done }) += 1;
                }
                for (job, (done, failed)) in jobs {
                    let update = sqlx::query("update jobs set done = done + $2, failed = failed + $3 where job_id = $1");
                    update.bind(job).bind(done).bind(failed).execute(&mut *tx).await?;
                }
                let end = sqlx::query(
                    "update jobs set ended_at = $1 where ended_at is null and not exists \
                     (select 1 from failures where job = jobs.job_id and state = 'queued')",
                );
                end.bind(Moment(at)).execute(tx).await?;
                Ok(())
            }

            pub(crate) async fn jobs(
                pool: &$pool,
                by: Option<&str>,
                after: Option<Uuid>,
                limit: u32,
            ) -> Result<Vec<JobRow>, StoreError> {
                let rows = sqlx::query_as(
                    "select * from jobs where begun_by = coalesce(cast($1 as text), begun_by) and ($2 is null \
                     or (begun_at, job_id) < (select begun_at, job_id from jobs where job_id = $2)) \
                     order by begun_at desc, job_id desc limit $3",
                );
                Ok(rows.bind(by).bind(after).bind(i64::from(limit)).fetch_all(pool).await?)
            }

            pub(crate) async fn open_jobs(pool: &$pool, limit: u32) -> Result<Vec<JobRow>, StoreError> {
                let rows = sqlx::query_as(
                    "select * from jobs where ended_at is null order by begun_at, job_id limit $1",
                );
                Ok(rows.bind(i64::from(limit)).fetch_all(pool).await?)
            }

            pub(crate) async fn job(pool: &$pool, id: Uuid) -> Result<Option<JobRow>, StoreError> {
                let row = sqlx::query_as("select * from jobs where job_id = $1");
                Ok(row.bind(id).fetch_optional(pool).await?)
            }

            pub(crate) async fn forget(tx: &mut $connection, before: Timestamp) -> Result<u64, StoreError> {
                // A settled failure has a time of it; what is open or queued has none.
                let done = sqlx::query("delete from failures where settled_at < $1").bind(Moment(before));
                let done = done.execute(&mut *tx).await?.rows_affected();
                sqlx::query("delete from jobs where ended_at < $1").bind(Moment(before)).execute(&mut *tx).await?;
                sqlx::query("delete from parked where lifted_at < $1").bind(Moment(before)).execute(tx).await?;
                Ok(done)
            }

            pub(crate) async fn empty(tx: &mut $connection, before: Timestamp) -> Result<ByLand, StoreError> {
                let rows = sqlx::query_scalar(
                    "update failures set body = substr(body, 1, 0), detail = '', outcome = null where last_at < $1 \
                     and (length(body) > 0 or detail <> '' or outcome is not null) and state <> 'queued' \
                     and not (cause = 'parked' and state = 'open') returning substr(ars, 1, 2)",
                );
                Ok(by_land(rows.bind(Moment(before)).fetch_all(tx).await?))
            }

            /// What came a second time for an application that is erased: retention, which deletes what came before, is over.
            pub(crate) async fn forget_conflicts(
                tx: &mut $connection,
                before: Timestamp,
            ) -> Result<ByLand, StoreError> {
                for statement in [late!("outbox"), late!("failures")] {
                    sqlx::query(statement).bind(Moment(before)).execute(&mut *tx).await?;
                }
                let rows = sqlx::query_scalar(
                    "delete from conflicts where observed_at < $1 and original in \
                     (select application_id from cases where state = 'erased') returning \
                     (select substr(c.ars, 1, 2) from cases c where c.application_id = conflicts.original)",
                );
                Ok(by_land(rows.bind(Moment(before)).fetch_all(tx).await?))
            }
        }
    };
}

module!(
    postgres,
    sqlx::PgPool,
    sqlx::PgConnection,
    " for update",
    " for update skip locked",
    "json_array_elements_text(cast(",
    " as json))"
);
module!(sqlite, sqlx::SqlitePool, sqlx::SqliteConnection, "", "", "json_each(", ")");
