//! SQLite, embedded: WAL, `synchronous=FULL`, one writer. For a village, a demonstration, a developer's machine.

mod commit;
mod failures;
mod queue;
mod read;

use crate::audit::sqlite as audit;
use crate::cases::sqlite as cases;
use crate::failures::sum;
use crate::narrow::sqlite as narrow;
use crate::parking::sqlite as parking;
use crate::rows::{
    AuditRow, AuditedCase, Backlog, Batch, CaseBrief, CaseFilter, CaseRow, CaseView, ChainedRow, ClaimRow, Committed,
    ControlFigures, DocumentRow, Dossier, EarlyRow, FailureFilter, FailureRow, Identity, IncidentRow, JobRow, KeptRow,
    Known, Leased, OutboxRow, Overview, ParkRow, QuestionRow, QueueRow, ReplayRow, Settled, Status, StopRow, Stops,
    TaskFilter, TaskRow, TrialRow, WaitingQuestions, WitnessRow,
};
use crate::shared::sqlite as shared;
use crate::stops::sqlite as stops;
use crate::store::{Chain, Lift, Noted, Sequenced};
use crate::{Store, StoreError};
use async_trait::async_trait;
use domain::{ApplicationId, Digest};
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

const READERS: u32 = 4;
/// How long one process waits for another that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Rows that a reader's thread may be ahead of who asked: waking each other costs more than a row.
const ROWS_AHEAD: usize = 2_000;

/// One writing and a few reading connections on one file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl SqliteStore {
    /// Opens or creates the file.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: what was answered "accepted" survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            // What retention deletes is overwritten in the file, not only taken out of the tables.
            .pragma("secure_delete", "on")
            .foreign_keys(true);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await;
        let writer = writer.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let reader = SqlitePoolOptions::new().max_connections(READERS);
        let reader = reader.connect_lazy_with(options.row_buffer_size(ROWS_AHEAD));
        Ok(Self { writer, reader })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        Ok(sqlx::migrate!("migrations/sqlite").run(&self.writer).await?)
    }
    async fn ready(&self) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("insert into attempts (key, attempts, last_at) values (x'00', 0, 0)").execute(&mut *tx).await?;
        tx.rollback().await?;
        Ok(())
    }
    async fn look_up(&self, identities: &[Identity]) -> Result<Vec<Option<Known>>, StoreError> {
        read::look_up(&self.reader, identities).await
    }
    async fn look_up_ever(
        &self,
        identities: &[Identity],
        tombstones: &[String],
    ) -> Result<Vec<Option<Known>>, StoreError> {
        read::look_up_ever(&self.reader, identities, tombstones).await
    }
    async fn claims(&self, digests: &[Digest]) -> Result<HashMap<Digest, Vec<ClaimRow>>, StoreError> {
        read::claims(&self.reader, digests).await
    }
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        commit::commit(&self.writer, batch).await
    }
    async fn attempts(&self, keys: &[Digest]) -> Result<Vec<u32>, StoreError> {
        read::attempts(&self.reader, keys).await
    }
    async fn count_attempts(&self, keys: &[Digest], at: Timestamp) -> Result<(), StoreError> {
        commit::count_attempts(&self.writer, keys, at).await
    }
    async fn survived(&self, keys: &[Digest]) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        for key in keys {
            sqlx::query("delete from attempts where key = ?").bind(key.0.as_slice()).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }
    async fn dossiers(&self, ids: &[ApplicationId]) -> Result<Vec<Option<Dossier>>, StoreError> {
        read::dossiers(&self.reader, ids).await
    }
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ApplicationId>, StoreError> {
        cases::due(&self.reader, now, limit).await
    }
    async fn put_off(&self, id: ApplicationId, until: Timestamp) -> Result<(), StoreError> {
        cases::put_off(&self.writer, id, until).await
    }
    async fn open_questions(&self, register: &str, now: Timestamp, limit: u32) -> Result<Vec<QuestionRow>, StoreError> {
        cases::open_questions(&self.reader, register, now, limit).await
    }
    async fn take_questions(
        &self,
        register: &str,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<QuestionRow>, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let rows = cases::held_questions(&mut tx, register, now, limit).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.question_id).collect();
        queue::postpone(&mut tx, &ids, until, None).await?;
        tx.commit().await?;
        Ok(rows)
    }
    async fn postpone(&self, ids: &[Uuid], next_at: Timestamp, trouble: Option<&str>) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        queue::postpone(&mut tx, ids, next_at, trouble).await?;
        Ok(tx.commit().await?)
    }
    async fn questions(&self, ids: &[Uuid]) -> Result<Vec<QuestionRow>, StoreError> {
        read::questions(&self.reader, ids).await
    }
    async fn waiting_questions(&self) -> Result<Vec<WaitingQuestions>, StoreError> {
        cases::waiting_questions(&self.reader).await
    }
    async fn keep_early(&self, row: &EarlyRow) -> Result<EarlyRow, StoreError> {
        cases::keep_early(&self.writer, row).await
    }
    async fn ripe_early(&self, limit: u32) -> Result<Vec<EarlyRow>, StoreError> {
        cases::ripe_early(&self.reader, limit).await
    }
    async fn stale_early(&self, before: Timestamp, limit: u32) -> Result<Vec<EarlyRow>, StoreError> {
        cases::stale_early(&self.reader, before, limit).await
    }
    async fn drop_early(&self, keys: &[Uuid]) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        for key in keys {
            sqlx::query("delete from early where key = ?").bind(*key).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }
    async fn unpublished(&self, before: Timestamp, offset: u32, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        shared::unpublished(&self.reader, before, offset, limit).await
    }
    async fn mark_published(&self, ids: &[Uuid], at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        commit::mark_published(&mut tx, ids, at).await?;
        Ok(tx.commit().await?)
    }
    async fn enqueue(&self, rows: &[QueueRow]) -> Result<(), StoreError> {
        queue::enqueue(&self.writer, rows).await
    }
    async fn lease(&self, limit: u32, now: Timestamp, until: Timestamp) -> Result<Vec<Leased>, StoreError> {
        queue::lease(&self.writer, limit, now, until).await
    }
    async fn settle(&self, leased: &[(i64, i64)]) -> Result<u64, StoreError> {
        queue::settle(&self.writer, leased).await
    }
    async fn release_leases(&self) -> Result<u64, StoreError> {
        // Not null: the row was handed out before, so it counts as redelivered.
        let done = sqlx::query("update queue set leased_until = 0 where leased_until is not null");
        Ok(done.execute(&self.writer).await?.rows_affected())
    }
    async fn fail(&self, rows: &[FailureRow]) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        failures::fail(&mut tx, rows).await?;
        Ok(tx.commit().await?)
    }
    async fn failures(
        &self,
        filter: &FailureFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<FailureRow>, StoreError> {
        failures::failures(&self.reader, filter, after, limit).await
    }
    async fn failure(&self, id: Uuid) -> Result<Option<FailureRow>, StoreError> {
        failures::failure(&self.reader, id).await
    }
    async fn incidents(&self, filter: &FailureFilter) -> Result<Vec<IncidentRow>, StoreError> {
        failures::incidents(&self.reader, filter).await
    }
    async fn begin_job(&self, job: &JobRow, filter: &FailureFilter, note: &Noted<'_>) -> Result<i64, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
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
        failures::job_items(&self.writer, job, limit, lease).await
    }
    async fn settle_failures(&self, items: &[Settled], at: Timestamp) -> Result<(), StoreError> {
        failures::settle(&self.writer, items, at).await
    }
    async fn jobs(&self, by: Option<&str>, after: Option<Uuid>, limit: u32) -> Result<Vec<JobRow>, StoreError> {
        failures::jobs(&self.reader, by, after, limit).await
    }
    async fn open_jobs(&self, limit: u32) -> Result<Vec<JobRow>, StoreError> {
        failures::open_jobs(&self.reader, limit).await
    }
    async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        failures::job(&self.reader, id).await
    }
    async fn forget_failures(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let forgotten = failures::forget(&mut tx, before).await?;
        tx.commit().await?;
        Ok(forgotten)
    }
    async fn empty_failures(&self, before: Timestamp, note: &Noted<'_>) -> Result<u64, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let emptied = failures::empty(&mut tx, before).await?;
        commit::audit(&mut tx, &note(&emptied)).await?;
        tx.commit().await?;
        Ok(sum(&emptied))
    }
    async fn forget_conflicts(&self, before: Timestamp, note: &Noted<'_>) -> Result<u64, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let forgotten = failures::forget_conflicts(&mut tx, before).await?;
        commit::audit(&mut tx, &note(&forgotten)).await?;
        tx.commit().await?;
        Ok(sum(&forgotten))
    }
    async fn released(&self) -> Result<bool, StoreError> {
        parking::released(&self.reader).await
    }
    async fn kept(&self, id: ApplicationId) -> Result<Option<KeptRow>, StoreError> {
        parking::kept(&self.reader, id).await
    }
    async fn first_kept(&self, service: &str, ars: &str) -> Result<Option<FailureRow>, StoreError> {
        parking::first_kept(&self.reader, service, ars).await
    }
    async fn begin_trial(&self, trial: &TrialRow) -> Result<bool, StoreError> {
        parking::begin_trial(&self.writer, trial).await
    }
    async fn end_trial(&self, trial: &TrialRow) -> Result<bool, StoreError> {
        parking::end_trial(&self.writer, trial).await
    }
    async fn trials(&self) -> Result<Vec<TrialRow>, StoreError> {
        parking::trials(&self.reader).await
    }
    async fn park(&self, row: &ParkRow, audit: &[AuditRow]) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        parking::park(&mut tx, row).await?;
        commit::audit(&mut tx, audit).await?;
        Ok(tx.commit().await?)
    }
    async fn parked(&self) -> Result<Vec<ParkRow>, StoreError> {
        parking::parked(&self.reader).await
    }
    async fn lift(&self, parked: &Lift<'_>, at: Timestamp, audit: &[AuditRow]) -> Result<u64, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let lifted = parking::lift(&mut tx, parked, at).await?;
        if lifted > 0 {
            commit::audit(&mut tx, audit).await?;
        }
        tx.commit().await?;
        Ok(lifted)
    }
    async fn commitments(&self, land: &str, after: i64, limit: u32) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        audit::commitments(&self.reader, land, after, limit).await
    }
    async fn sequence(&self, after: i64, limit: u32, chain: &Chain<'_>) -> Result<Sequenced, StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let (places, sequenced) = audit::places(&mut tx, after, limit, chain).await?;
        for (seq, position, head) in &places {
            let update = sqlx::query("update audit set position = ?, head = ? where seq = ?");
            update.bind(position).bind(head).bind(seq).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(sequenced)
    }
    async fn strangers(&self, lands: &[&str]) -> Result<Vec<i64>, StoreError> {
        audit::strangers(&self.reader, lands).await
    }
    async fn chained(&self, land: &str, after: (i64, i64), limit: u32) -> Result<Vec<ChainedRow>, StoreError> {
        audit::chained(&self.reader, land, after, limit).await
    }
    async fn unchained(&self, after: i64, limit: u32) -> Result<Vec<ChainedRow>, StoreError> {
        audit::unchained(&self.reader, after, limit).await
    }
    async fn audited(&self, from: ApplicationId, limit: u32) -> Result<Vec<AuditedCase>, StoreError> {
        let mut tx = self.reader.begin().await?;
        audit::audited(&mut tx, from, limit).await
    }
    async fn witness(&self) -> Result<Option<WitnessRow>, StoreError> {
        audit::witness(&self.reader).await
    }
    async fn note_witness(&self, before: Option<&WitnessRow>, now: &WitnessRow) -> Result<bool, StoreError> {
        audit::note_witness(&self.writer, before, now).await
    }
    async fn stops(&self) -> Result<Stops, StoreError> {
        stops::stops(&self.reader).await
    }
    async fn all_stops(&self, limit: u32) -> Result<Vec<StopRow>, StoreError> {
        stops::all_stops(&self.reader, limit).await
    }
    async fn status(&self, id: ApplicationId) -> Result<Option<Status>, StoreError> {
        shared::status(&self.reader, id).await
    }
    async fn durations(&self, limit: u32) -> Result<Vec<i64>, StoreError> {
        let rows = sqlx::query_scalar(
            "select d.decided_at - a.observed_at from decisions d join applications a using (application_id) \
             order by d.decided_at desc limit ?",
        );
        Ok(rows.bind(limit).fetch_all(&self.reader).await?)
    }
    async fn forget_attempts(&self, before: Timestamp) -> Result<u64, StoreError> {
        shared::forget_attempts(&self.writer, before).await
    }
    async fn overview(&self, now: Timestamp) -> Result<Overview, StoreError> {
        shared::overview(&self.reader, now).await
    }
    async fn backlog(&self) -> Result<Backlog, StoreError> {
        shared::backlog(&self.reader).await
    }
    async fn tasks(&self, filter: &TaskFilter, offset: u32, limit: u32) -> Result<Vec<TaskRow>, StoreError> {
        cases::tasks(&self.reader, filter, offset, limit).await
    }
    async fn controls(&self, service: Option<&str>) -> Result<Vec<ControlFigures>, StoreError> {
        cases::controls(&self.reader, service).await
    }
    async fn cases(
        &self,
        filter: &CaseFilter,
        after: Option<ApplicationId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError> {
        cases::cases(&self.reader, filter, after, limit).await
    }
    async fn replayable(&self, after: Option<(ApplicationId, i32)>, limit: u32) -> Result<Vec<ReplayRow>, StoreError> {
        cases::replayable(&self.reader, after, limit).await
    }
    async fn archive(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        shared::archive(&self.reader, hash).await
    }
    async fn case(&self, id: ApplicationId) -> Result<Option<CaseView>, StoreError> {
        cases::case(&self.reader, id, true).await
    }
    async fn case_file(&self, id: ApplicationId) -> Result<Option<CaseView>, StoreError> {
        cases::case(&self.reader, id, false).await
    }
    async fn brief(&self, id: ApplicationId) -> Result<Option<CaseBrief>, StoreError> {
        narrow::brief(&self.reader, id).await
    }
    async fn document(&self, id: ApplicationId, key: Uuid) -> Result<Option<DocumentRow>, StoreError> {
        narrow::document(&self.reader, id, key).await
    }
    async fn newest_document(&self, id: ApplicationId, kind: &str) -> Result<Option<DocumentRow>, StoreError> {
        narrow::newest_document(&self.reader, id, kind).await
    }
    async fn file_size(&self, id: ApplicationId, kinds: &[&str]) -> Result<(i64, i64), StoreError> {
        narrow::file_size(&self.reader, id, kinds).await
    }
    async fn last_change(&self, id: ApplicationId) -> Result<Option<AuditRow>, StoreError> {
        narrow::last_change(&self.reader, id).await
    }
}
