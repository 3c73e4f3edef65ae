//! PostgreSQL 15 and later. Multi-row statements over arrays: one round trip a table, whatever the batch.

mod commit;
mod failures;
mod queue;
mod read;

use crate::audit::postgres as audit;
use crate::cases::postgres as cases;
use crate::failures::sum;
use crate::narrow::postgres as narrow;
use crate::parking::postgres as parking;
use crate::rows::{
    AuditRow, AuditedCase, Backlog, Batch, CaseBrief, CaseFilter, CaseRow, CaseView, ChainedRow, ClaimRow, Committed,
    ControlFigures, DocumentRow, Dossier, EarlyRow, FailureFilter, FailureRow, Identity, IncidentRow, JobRow, KeptRow,
    Known, Leased, OutboxRow, Overview, ParkRow, QuestionRow, QueueRow, ReplayRow, Settled, Status, StopRow, Stops,
    TaskFilter, TaskRow, TrialRow, WaitingQuestions, WitnessRow,
};
use crate::shared::postgres as shared;
use crate::stops::postgres as stops;
use crate::store::{Chain, Lift, Noted, Sequenced};
use crate::{Store, StoreError};
use async_trait::async_trait;
use domain::{ApplicationId, Digest};
use jiff::Timestamp;
use sqlx::Executor;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// Connections per process: a few batches in flight, the relay, the queue and the pages.
const MAX_CONNECTIONS: u32 = 12;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A pool of connections to the primary; a replica is never read for a decision.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
}

impl PostgresStore {
    /// Prepares a pool; the first use connects.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let mut options = PgConnectOptions::from_str(url)?;
        if options.get_application_name().is_none() {
            options = options.application_name("dunkelwerk");
        }
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                // Spelled out, never left to a server's default: an acknowledged application is on disk.
                let session = "set synchronous_commit = on; set lock_timeout = '5s'; set statement_timeout = '30s'";
                Box::pin(async move { connection.execute(session).await.map(|_| ()) })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        // sqlx takes an advisory lock: several processes may start at once.
        Ok(sqlx::migrate!("migrations/postgres").run(&self.pool).await?)
    }
    async fn ready(&self) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("insert into attempts (key, attempts, last_at) values ('\\x00', 0, now())")
            .execute(&mut *tx)
            .await?;
        tx.rollback().await?;
        Ok(())
    }
    async fn look_up(&self, identities: &[Identity]) -> Result<Vec<Option<Known>>, StoreError> {
        read::look_up(&self.pool, identities).await
    }
    async fn look_up_ever(
        &self,
        identities: &[Identity],
        tombstones: &[String],
    ) -> Result<Vec<Option<Known>>, StoreError> {
        read::look_up_ever(&self.pool, identities, tombstones).await
    }
    async fn claims(&self, digests: &[Digest]) -> Result<HashMap<Digest, Vec<ClaimRow>>, StoreError> {
        read::claims(&self.pool, digests).await
    }
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        commit::commit(&self.pool, batch).await
    }
    async fn attempts(&self, keys: &[Digest]) -> Result<Vec<u32>, StoreError> {
        read::attempts(&self.pool, keys).await
    }
    async fn count_attempts(&self, keys: &[Digest], at: Timestamp) -> Result<(), StoreError> {
        commit::count_attempts(&self.pool, keys, at).await
    }
    async fn survived(&self, keys: &[Digest]) -> Result<(), StoreError> {
        let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.0.to_vec()).collect();
        sqlx::query("delete from attempts where key = any($1::bytea[])").bind(keys).execute(&self.pool).await?;
        Ok(())
    }
    async fn dossiers(&self, ids: &[ApplicationId]) -> Result<Vec<Option<Dossier>>, StoreError> {
        read::dossiers(&self.pool, ids).await
    }
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ApplicationId>, StoreError> {
        cases::due(&self.pool, now, limit).await
    }
    async fn put_off(&self, id: ApplicationId, until: Timestamp) -> Result<(), StoreError> {
        cases::put_off(&self.pool, id, until).await
    }
    async fn open_questions(&self, register: &str, now: Timestamp, limit: u32) -> Result<Vec<QuestionRow>, StoreError> {
        cases::open_questions(&self.pool, register, now, limit).await
    }
    async fn take_questions(
        &self,
        register: &str,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<QuestionRow>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let rows = cases::held_questions(&mut tx, register, now, limit).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.question_id).collect();
        queue::postpone(&mut tx, &ids, until, None).await?;
        tx.commit().await?;
        Ok(rows)
    }
    async fn postpone(&self, ids: &[Uuid], next_at: Timestamp, trouble: Option<&str>) -> Result<(), StoreError> {
        queue::postpone(&mut *self.pool.acquire().await?, ids, next_at, trouble).await
    }
    async fn questions(&self, ids: &[Uuid]) -> Result<Vec<QuestionRow>, StoreError> {
        read::questions(&self.pool, ids).await
    }
    async fn waiting_questions(&self) -> Result<Vec<WaitingQuestions>, StoreError> {
        cases::waiting_questions(&self.pool).await
    }
    async fn keep_early(&self, row: &EarlyRow) -> Result<EarlyRow, StoreError> {
        cases::keep_early(&self.pool, row).await
    }
    async fn ripe_early(&self, limit: u32) -> Result<Vec<EarlyRow>, StoreError> {
        cases::ripe_early(&self.pool, limit).await
    }
    async fn stale_early(&self, before: Timestamp, limit: u32) -> Result<Vec<EarlyRow>, StoreError> {
        cases::stale_early(&self.pool, before, limit).await
    }
    async fn drop_early(&self, keys: &[Uuid]) -> Result<(), StoreError> {
        sqlx::query("delete from early where key = any($1)").bind(keys).execute(&self.pool).await?;
        Ok(())
    }
    async fn unpublished(&self, before: Timestamp, offset: u32, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        shared::unpublished(&self.pool, before, offset, limit).await
    }
    async fn mark_published(&self, ids: &[Uuid], at: Timestamp) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        commit::mark_published(&mut connection, ids, at).await
    }
    async fn enqueue(&self, rows: &[QueueRow]) -> Result<(), StoreError> {
        queue::enqueue(&self.pool, rows).await
    }
    async fn lease(&self, limit: u32, now: Timestamp, until: Timestamp) -> Result<Vec<Leased>, StoreError> {
        queue::lease(&self.pool, limit, now, until).await
    }
    async fn settle(&self, leased: &[(i64, i64)]) -> Result<u64, StoreError> {
        queue::settle(&self.pool, leased).await
    }
    async fn release_leases(&self) -> Result<u64, StoreError> {
        // Not null: the row was handed out before, so it counts as redelivered.
        let epoch = OffsetDateTime::UNIX_EPOCH;
        let done = sqlx::query("update queue set leased_until = $1 where leased_until is not null").bind(epoch);
        Ok(done.execute(&self.pool).await?.rows_affected())
    }
    async fn fail(&self, rows: &[FailureRow]) -> Result<(), StoreError> {
        failures::fail(&mut *self.pool.acquire().await?, rows).await
    }
    async fn failures(
        &self,
        filter: &FailureFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<FailureRow>, StoreError> {
        failures::failures(&self.pool, filter, after, limit).await
    }
    async fn failure(&self, id: Uuid) -> Result<Option<FailureRow>, StoreError> {
        failures::failure(&self.pool, id).await
    }
    async fn incidents(&self, filter: &FailureFilter) -> Result<Vec<IncidentRow>, StoreError> {
        failures::incidents(&self.pool, filter).await
    }
    async fn begin_job(&self, job: &JobRow, filter: &FailureFilter, note: &Noted<'_>) -> Result<i64, StoreError> {
        let mut tx = self.pool.begin().await?;
        let (total, taken) = failures::begin_job(&mut tx, job, filter).await?;
        if !taken.is_empty() {
            commit::audit(&mut tx, &note(&taken)).await?;
        }
        tx.commit().await?;
        Ok(total)
    }
    async fn job_items(
        &self,
        job: Uuid,
        limit: u32,
        lease: (Timestamp, Timestamp),
    ) -> Result<Vec<FailureRow>, StoreError> {
        failures::job_items(&self.pool, job, limit, lease).await
    }
    async fn settle_failures(&self, items: &[Settled], at: Timestamp) -> Result<(), StoreError> {
        failures::settle(&self.pool, items, at).await
    }
    async fn jobs(&self, by: Option<&str>, after: Option<Uuid>, limit: u32) -> Result<Vec<JobRow>, StoreError> {
        failures::jobs(&self.pool, by, after, limit).await
    }
    async fn open_jobs(&self, limit: u32) -> Result<Vec<JobRow>, StoreError> {
        failures::open_jobs(&self.pool, limit).await
    }
    async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        failures::job(&self.pool, id).await
    }
    async fn forget_failures(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.pool.begin().await?;
        let forgotten = failures::forget(&mut tx, before).await?;
        tx.commit().await?;
        Ok(forgotten)
    }
    async fn empty_failures(&self, before: Timestamp, note: &Noted<'_>) -> Result<u64, StoreError> {
        let mut tx = self.pool.begin().await?;
        let emptied = failures::empty(&mut tx, before).await?;
        commit::audit(&mut tx, &note(&emptied)).await?;
        tx.commit().await?;
        Ok(sum(&emptied))
    }
    async fn forget_conflicts(&self, before: Timestamp, note: &Noted<'_>) -> Result<u64, StoreError> {
        let mut tx = self.pool.begin().await?;
        let forgotten = failures::forget_conflicts(&mut tx, before).await?;
        commit::audit(&mut tx, &note(&forgotten)).await?;
        tx.commit().await?;
        Ok(sum(&forgotten))
    }
    async fn released(&self) -> Result<bool, StoreError> {
        parking::released(&self.pool).await
    }
    async fn kept(&self, id: ApplicationId) -> Result<Option<KeptRow>, StoreError> {
        parking::kept(&self.pool, id).await
    }
    async fn first_kept(&self, service: &str, ars: &str) -> Result<Option<FailureRow>, StoreError> {
        parking::first_kept(&self.pool, service, ars).await
    }
    async fn begin_trial(&self, trial: &TrialRow) -> Result<bool, StoreError> {
        parking::begin_trial(&self.pool, trial).await
    }
    async fn end_trial(&self, trial: &TrialRow) -> Result<bool, StoreError> {
        parking::end_trial(&self.pool, trial).await
    }
    async fn trials(&self) -> Result<Vec<TrialRow>, StoreError> {
        parking::trials(&self.pool).await
    }
    async fn park(&self, row: &ParkRow, audit: &[AuditRow]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        parking::park(&mut tx, row).await?;
        commit::audit(&mut tx, audit).await?;
        Ok(tx.commit().await?)
    }
    async fn parked(&self) -> Result<Vec<ParkRow>, StoreError> {
        parking::parked(&self.pool).await
    }
    async fn lift(&self, parked: &Lift<'_>, at: Timestamp, audit: &[AuditRow]) -> Result<u64, StoreError> {
        let mut tx = self.pool.begin().await?;
        let lifted = parking::lift(&mut tx, parked, at).await?;
        if lifted > 0 {
            commit::audit(&mut tx, audit).await?;
        }
        tx.commit().await?;
        Ok(lifted)
    }
    async fn commitments(&self, land: &str, after: i64, limit: u32) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        audit::commitments(&self.pool, land, after, limit).await
    }
    async fn sequence(&self, after: i64, limit: u32, chain: &Chain<'_>) -> Result<Sequenced, StoreError> {
        let mut tx = self.pool.begin().await?;
        // One sequencer for all processes; who is not it comes again in a second.
        let alone: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtext('dunkelwerk audit chain'))")
            .fetch_one(&mut *tx)
            .await?;
        let places = if alone { audit::places(&mut tx, after, limit, chain).await? } else { Default::default() };
        let (places, sequenced) = places;
        let (seqs, positions): (Vec<i64>, Vec<i64>) = places.iter().map(|(seq, position, _)| (*seq, *position)).unzip();
        let heads: Vec<Vec<u8>> = places.into_iter().map(|(_, _, head)| head).collect();
        let update = sqlx::query(
            "update audit set position = u.position, head = u.head from \
             unnest($1::bigint[], $2::bigint[], $3::bytea[]) as u(seq, position, head) where audit.seq = u.seq",
        );
        update.bind(seqs).bind(positions).bind(heads).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(sequenced)
    }
    async fn strangers(&self, lands: &[&str]) -> Result<Vec<i64>, StoreError> {
        audit::strangers(&self.pool, lands).await
    }
    async fn chained(&self, land: &str, after: (i64, i64), limit: u32) -> Result<Vec<ChainedRow>, StoreError> {
        audit::chained(&self.pool, land, after, limit).await
    }
    async fn unchained(&self, after: i64, limit: u32) -> Result<Vec<ChainedRow>, StoreError> {
        audit::unchained(&self.pool, after, limit).await
    }
    async fn audited(&self, from: ApplicationId, limit: u32) -> Result<Vec<AuditedCase>, StoreError> {
        let mut tx = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        audit::audited(&mut tx, from, limit).await
    }
    async fn witness(&self) -> Result<Option<WitnessRow>, StoreError> {
        audit::witness(&self.pool).await
    }
    async fn note_witness(&self, before: Option<&WitnessRow>, now: &WitnessRow) -> Result<bool, StoreError> {
        audit::note_witness(&self.pool, before, now).await
    }
    async fn stops(&self) -> Result<Stops, StoreError> {
        stops::stops(&self.pool).await
    }
    async fn all_stops(&self, limit: u32) -> Result<Vec<StopRow>, StoreError> {
        stops::all_stops(&self.pool, limit).await
    }
    async fn status(&self, id: ApplicationId) -> Result<Option<Status>, StoreError> {
        shared::status(&self.pool, id).await
    }
    async fn durations(&self, limit: u32) -> Result<Vec<i64>, StoreError> {
        let rows = sqlx::query_scalar(
            "select (extract(epoch from d.decided_at - a.observed_at) * 1000000)::bigint from decisions d \
             join applications a using (application_id) order by d.decided_at desc limit $1",
        );
        Ok(rows.bind(i64::from(limit)).fetch_all(&self.pool).await?)
    }
    async fn forget_attempts(&self, before: Timestamp) -> Result<u64, StoreError> {
        shared::forget_attempts(&self.pool, before).await
    }
    async fn overview(&self, now: Timestamp) -> Result<Overview, StoreError> {
        shared::overview(&self.pool, now).await
    }
    async fn backlog(&self) -> Result<Backlog, StoreError> {
        shared::backlog(&self.pool).await
    }
    async fn tasks(&self, filter: &TaskFilter, offset: u32, limit: u32) -> Result<Vec<TaskRow>, StoreError> {
        cases::tasks(&self.pool, filter, offset, limit).await
    }
    async fn controls(&self, service: Option<&str>) -> Result<Vec<ControlFigures>, StoreError> {
        cases::controls(&self.pool, service).await
    }
    async fn cases(
        &self,
        filter: &CaseFilter,
        after: Option<ApplicationId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError> {
        cases::cases(&self.pool, filter, after, limit).await
    }
    async fn replayable(&self, after: Option<(ApplicationId, i32)>, limit: u32) -> Result<Vec<ReplayRow>, StoreError> {
        cases::replayable(&self.pool, after, limit).await
    }
    async fn archive(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        shared::archive(&self.pool, hash).await
    }
    async fn case(&self, id: ApplicationId) -> Result<Option<CaseView>, StoreError> {
        cases::case(&self.pool, id, true).await
    }
    async fn case_file(&self, id: ApplicationId) -> Result<Option<CaseView>, StoreError> {
        cases::case(&self.pool, id, false).await
    }
    async fn brief(&self, id: ApplicationId) -> Result<Option<CaseBrief>, StoreError> {
        narrow::brief(&self.pool, id).await
    }
    async fn document(&self, id: ApplicationId, key: Uuid) -> Result<Option<DocumentRow>, StoreError> {
        narrow::document(&self.pool, id, key).await
    }
    async fn newest_document(&self, id: ApplicationId, kind: &str) -> Result<Option<DocumentRow>, StoreError> {
        narrow::newest_document(&self.pool, id, kind).await
    }
    async fn file_size(&self, id: ApplicationId, kinds: &[&str]) -> Result<(i64, i64), StoreError> {
        narrow::file_size(&self.pool, id, kinds).await
    }
    async fn last_change(&self, id: ApplicationId) -> Result<Option<AuditRow>, StoreError> {
        narrow::last_change(&self.pool, id).await
    }
}
