//! The one trait of both databases. What it promises is held by a contract suite that runs on both.

use crate::rows::{
    AuditRow, AuditedCase, Backlog, Batch, CaseBrief, CaseFilter, CaseRow, CaseView, ChainedRow, ClaimRow, Committed,
    ControlFigures, DocumentRow, Dossier, EarlyRow, FailureFilter, FailureRow, Identity, IncidentRow, JobRow, KeptRow,
    Known, Leased, LinkRow, OutboxRow, Overview, ParkRow, QuestionRow, QueueRow, ReplayRow, Settled, Status, StopRow,
    Stops, TaskFilter, TaskRow, TrialRow, WaitingQuestions, WitnessRow,
};
use crate::{PostgresStore, SqliteStore, StoreError};
use async_trait::async_trait;
use domain::{ApplicationId, Digest};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// What a round of sequencing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sequenced {
    pub chained: u32,
    /// Lines that were refused; they come again next time.
    pub refused: u32,
    /// The number of the last line that was read; nothing where there was none.
    pub last: Option<i64>,
    /// That of the last one that was refused.
    pub last_refused: Option<i64>,
}

/// Where a line of the audit stands behind the last place of its Land; nothing where the line is refused.
pub type Chain<'c> = dyn Fn(&AuditRow, Option<&LinkRow>) -> Option<LinkRow> + Send + Sync + 'c;

/// What is to be lifted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lift<'a> {
    pub service: Option<&'a str>,
    pub ars: Option<&'a str>,
    /// Only what they parked.
    pub by: Option<&'a str>,
}

/// How many rows are concerned in each Land, by its code (empty: no place that can be read).
pub type ByLand = BTreeMap<String, i64>;

/// What the audit says of what concerned so many rows.
pub type Noted<'c> = dyn Fn(&ByLand) -> Vec<AuditRow> + Send + Sync + 'c;

/// A durable store. Every write is committed (and synced) when the call returns.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Creates or upgrades the schema; safe to run from several processes at once.
    async fn migrate(&self) -> Result<(), StoreError>;
    /// Whether this store can be written to, with the schema this program needs.
    async fn ready(&self) -> Result<(), StoreError>;

    /// The applications known by these identities, in their order.
    async fn look_up(&self, identities: &[Identity]) -> Result<Vec<Option<Known>>, StoreError>;
    /// The same for applications that may have been erased by now: known by their identity, or by the tombstone that stands
    /// in the place of its key then ([`ErasedRow`](crate::ErasedRow)).
    async fn look_up_ever(
        &self,
        identities: &[Identity],
        tombstones: &[String],
    ) -> Result<Vec<Option<Known>>, StoreError>;
    /// Earlier claims of once-only keys, by digest, in the order of their ordinals.
    async fn claims(&self, digests: &[Digest]) -> Result<HashMap<Digest, Vec<ClaimRow>>, StoreError>;
    /// Writes one batch in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Raced`]: an application, new case or claim was already there, or a case has another version than the
    /// one that was read, or the stop switches are others than the batch was evaluated under; nothing was written.
    /// [`StoreError::Refused`]: among others, the id of an application is taken by one of another identity.
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError>;
    /// How often each key was attempted so far, in order.
    async fn attempts(&self, keys: &[Digest]) -> Result<Vec<u32>, StoreError>;
    /// Counts one more attempt for each key. Committed before evaluation starts, so
    /// that a message that kills its worker is noticed.
    async fn count_attempts(&self, keys: &[Digest], at: Timestamp) -> Result<(), StoreError>;
    /// Forgets attempts whose evaluation ended: only what dies *while* it is evaluated is suspicious, not what was
    /// under way when a worker was killed.
    async fn survived(&self, keys: &[Digest]) -> Result<(), StoreError>;

    /// What a step of each case needs, by application id or by an id under which the same application came, in their order.
    async fn dossiers(&self, ids: &[ApplicationId]) -> Result<Vec<Option<Dossier>>, StoreError>;
    /// Cases whose earliest timer has come, longest due first; statutory time runs where a service is parked, too.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ApplicationId>, StoreError>;
    /// Puts off the timer of a case that cannot be stepped now, without changing the case. Makes no timer, and none earlier.
    async fn put_off(&self, id: ApplicationId, until: Timestamp) -> Result<(), StoreError>;

    /// Open questions that are not parked and to be put to a register by now, longest due first.
    async fn open_questions(&self, register: &str, now: Timestamp, limit: u32) -> Result<Vec<QuestionRow>, StoreError>;
    /// The same, put off until a time after one more attempt, so that no other process gets them; as they were before.
    async fn take_questions(
        &self,
        register: &str,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<QuestionRow>, StoreError>;
    /// Puts questions off after one more attempt, with what went wrong.
    async fn postpone(&self, ids: &[Uuid], next_at: Timestamp, trouble: Option<&str>) -> Result<(), StoreError>;
    /// Those of these questions that are open, in their order.
    async fn questions(&self, ids: &[Uuid]) -> Result<Vec<QuestionRow>, StoreError>;
    /// Open questions by register, in the order of their names.
    async fn waiting_questions(&self) -> Result<Vec<WaitingQuestions>, StoreError>;

    /// Keeps a message until its application is there, once a key; gives back what is kept under it.
    async fn keep_early(&self, row: &EarlyRow) -> Result<EarlyRow, StoreError>;
    /// Early messages whose application is there now, in the order in which they came.
    async fn ripe_early(&self, limit: u32) -> Result<Vec<EarlyRow>, StoreError>;
    /// Early messages from before a time whose application is still not there, in the order in which they came.
    async fn stale_early(&self, before: Timestamp, limit: u32) -> Result<Vec<EarlyRow>, StoreError>;
    async fn drop_early(&self, keys: &[Uuid]) -> Result<(), StoreError>;

    /// Messages committed before a time whose confirmation nobody noted.
    async fn unpublished(&self, before: Timestamp, offset: u32, limit: u32) -> Result<Vec<OutboxRow>, StoreError>;
    async fn mark_published(&self, ids: &[Uuid], at: Timestamp) -> Result<(), StoreError>;

    /// Embedded queue: takes applications in, all or none.
    async fn enqueue(&self, rows: &[QueueRow]) -> Result<(), StoreError>;
    /// Embedded queue: leases up to `limit` rows until a time. Rows whose lease ran out count as redelivered.
    async fn lease(&self, limit: u32, now: Timestamp, until: Timestamp) -> Result<Vec<Leased>, StoreError>;
    /// Embedded queue: removes rows that this lease still holds; returns how many.
    async fn settle(&self, leased: &[(i64, i64)]) -> Result<u64, StoreError>;
    /// Embedded queue: gives all leases back at once, when no other worker runs on this store (start of `demo`).
    async fn release_leases(&self) -> Result<u64, StoreError>;

    /// Keeps failures: new ones, or once more what is there. What was settled is open again; what is queued stays so.
    async fn fail(&self, rows: &[FailureRow]) -> Result<(), StoreError>;
    /// Failures in the order of their ids, after one of them.
    async fn failures(
        &self,
        filter: &FailureFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<FailureRow>, StoreError>;
    async fn failure(&self, id: Uuid) -> Result<Option<FailureRow>, StoreError>;
    /// Failures by kind, cause and service, what happened last first.
    async fn incidents(&self, filter: &FailureFilter) -> Result<Vec<IncidentRow>, StoreError>;
    /// Queues every open failure that the filter wants for a new job, and writes what the audit says of it, where there was one;
    /// returns how many. The same job again changes nothing and says the same.
    async fn begin_job(&self, job: &JobRow, filter: &FailureFilter, note: &Noted<'_>) -> Result<i64, StoreError>;
    /// Leases what is queued for a job from now until a time, in the order in which it came: nobody else gets it meanwhile.
    async fn job_items(
        &self,
        job: Uuid,
        limit: u32,
        lease: (Timestamp, Timestamp),
    ) -> Result<Vec<FailureRow>, StoreError>;
    /// Settles queued failures. What has happened again since it was begun to be tried is open, whatever the new state says;
    /// each is settled once. Each job counts what became of its items, and ends when none is queued any more, even where
    /// `items` is empty.
    async fn settle_failures(&self, items: &[Settled], at: Timestamp) -> Result<(), StoreError>;
    /// The newest jobs first: of somebody or of all, after one of them.
    async fn jobs(&self, by: Option<&str>, after: Option<Uuid>, limit: u32) -> Result<Vec<JobRow>, StoreError>;
    /// Jobs that have not ended, the oldest first.
    async fn open_jobs(&self, limit: u32) -> Result<Vec<JobRow>, StoreError>;
    async fn job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError>;
    /// Forgets failures that were settled, jobs that ended and parkings that were lifted before a time; returns how many
    /// failures.
    async fn forget_failures(&self, before: Timestamp) -> Result<u64, StoreError>;
    /// Empties what failures that happened last before a time may quote (body, detail, outcome), but for what is queued or
    /// parked, and writes the audit; returns how many.
    async fn empty_failures(&self, before: Timestamp, note: &Noted<'_>) -> Result<u64, StoreError>;
    /// Deletes what came a second time, with another content and before a time, for applications that are erased, and writes
    /// the audit; returns how many.
    async fn forget_conflicts(&self, before: Timestamp, note: &Noted<'_>) -> Result<u64, StoreError>;

    /// Whether an open failure was kept while its service was parked and nothing parks it any more.
    async fn released(&self) -> Result<bool, StoreError>;
    /// The application of this id that is kept because its service is parked.
    async fn kept(&self, id: ApplicationId) -> Result<Option<KeptRow>, StoreError>;
    /// What came first of what is kept of a service where the ARS begins so.
    async fn first_kept(&self, service: &str, ars: &str) -> Result<Option<FailureRow>, StoreError>;
    /// Notes a trial; false where there is one for the same already.
    async fn begin_trial(&self, trial: &TrialRow) -> Result<bool, StoreError>;
    /// Ends a trial; false where it had ended: of several who saw how it went, one acts.
    async fn end_trial(&self, trial: &TrialRow) -> Result<bool, StoreError>;
    async fn trials(&self) -> Result<Vec<TrialRow>, StoreError>;

    /// Parks a service, a Kommune or both, and writes the audit: until it is lifted or its time has come,
    /// [`Store::open_questions`] passes it over. Who parks the same again changes end and cause.
    async fn park(&self, row: &ParkRow, audit: &[AuditRow]) -> Result<(), StoreError>;
    /// What was parked and not lifted, even where its time has come, in the order of parking.
    async fn parked(&self) -> Result<Vec<ParkRow>, StoreError>;
    /// Lifts what was parked under exactly this service and ARS, by `parked.by` or by anybody, ends what is tried for it, and
    /// writes the audit where there was something; returns how many rows.
    async fn lift(&self, parked: &Lift<'_>, at: Timestamp, audit: &[AuditRow]) -> Result<u64, StoreError>;

    /// Gives up to `limit` lines of the audit that have none their place, those with a number above `after`, in one
    /// transaction: `chain` says it from the line and the last place of its Land, or refuses the line, which then stays
    /// without. Nothing where another process is at it.
    async fn sequence(&self, after: i64, limit: u32, chain: &Chain<'_>) -> Result<Sequenced, StoreError>;
    /// Places and commitments of a Land behind a place, in their order.
    async fn commitments(&self, land: &str, after: i64, limit: u32) -> Result<Vec<(i64, Vec<u8>)>, StoreError>;
    /// Numbers of chained lines that belong to none of these Lands.
    async fn strangers(&self, lands: &[&str]) -> Result<Vec<i64>, StoreError>;
    /// Chained lines of a Land in their order, behind one with this position and number.
    async fn chained(&self, land: &str, after: (i64, i64), limit: u32) -> Result<Vec<ChainedRow>, StoreError>;
    /// Lines without a place, in the order of their numbers, after one of them.
    async fn unchained(&self, after: i64, limit: u32) -> Result<Vec<ChainedRow>, StoreError>;
    /// What is stored and audited about some `limit` applications, in the order of their ids, from one on; empty at the
    /// end. Whatever stands in any of these tables comes, each application with all its rows as they were at one moment.
    async fn audited(&self, from: ApplicationId, limit: u32) -> Result<Vec<AuditedCase>, StoreError>;
    /// The checkpoint that was noted last.
    async fn witness(&self) -> Result<Option<WitnessRow>, StoreError>;
    /// Notes a checkpoint where the last one was `before` (nothing: where none was noted); false where another was, and
    /// nothing is changed then. Noting the same again is no change.
    async fn note_witness(&self, before: Option<&WitnessRow>, now: &WitnessRow) -> Result<bool, StoreError>;

    /// The stop switches that stand, with their generation.
    async fn stops(&self) -> Result<Stops, StoreError>;
    /// Switches that stand or were lifted, newest first.
    async fn all_stops(&self, limit: u32) -> Result<Vec<StopRow>, StoreError>;

    /// Status by application id or by an id under which the same application came.
    async fn status(&self, id: ApplicationId) -> Result<Option<Status>, StoreError>;
    /// Microseconds from receipt to decision of the newest decisions.
    async fn durations(&self, limit: u32) -> Result<Vec<i64>, StoreError>;
    /// Forgets attempt counts last touched before a time; returns how many.
    async fn forget_attempts(&self, before: Timestamp) -> Result<u64, StoreError>;
    async fn overview(&self, now: Timestamp) -> Result<Overview, StoreError>;
    async fn backlog(&self) -> Result<Backlog, StoreError>;
    /// Open tasks, oldest first.
    async fn tasks(&self, filter: &TaskFilter, offset: u32, limit: u32) -> Result<Vec<TaskRow>, StoreError>;
    /// What second looks found, of one service or of all.
    async fn controls(&self, service: Option<&str>) -> Result<Vec<ControlFigures>, StoreError>;
    /// Cases in the order of their ids, which is that of intake, after one of them.
    async fn cases(
        &self,
        filter: &CaseFilter,
        after: Option<ApplicationId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError>;
    /// Decisions with their applications in the order of application id and decision number, after one of them.
    async fn replayable(&self, after: Option<(ApplicationId, i32)>, limit: u32) -> Result<Vec<ReplayRow>, StoreError>;
    /// What is archived under a hash.
    async fn archive(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// A case with everything, by application id or by an id under which the same application came.
    async fn case(&self, id: ApplicationId) -> Result<Option<CaseView>, StoreError>;
    /// The same without the lines of the audit that say who looked: these grow with every look.
    async fn case_file(&self, id: ApplicationId) -> Result<Option<CaseView>, StoreError>;

    /// Where a case stands and who sent its application, by application id or by an id under which the same application came.
    async fn brief(&self, id: ApplicationId) -> Result<Option<CaseBrief>, StoreError>;
    /// One document of a case.
    async fn document(&self, id: ApplicationId, key: Uuid) -> Result<Option<DocumentRow>, StoreError>;
    /// The newest document of a kind in a case.
    async fn newest_document(&self, id: ApplicationId, kind: &str) -> Result<Option<DocumentRow>, StoreError>;
    /// How many documents of these kinds a case has, and how many bytes they are.
    async fn file_size(&self, id: ApplicationId, kinds: &[&str]) -> Result<(i64, i64), StoreError>;
    /// The line of the audit that says what made the newest version of a case; looking changes nothing.
    async fn last_change(&self, id: ApplicationId) -> Result<Option<AuditRow>, StoreError>;
}

/// Opens a store by URL: `postgres://…` or `sqlite://path`.
///
/// # Errors
/// An URL of another kind, or a database that cannot be opened.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Arc::new(PostgresStore::open(url).await?));
    }
    if url.starts_with("sqlite:") {
        return Ok(Arc::new(SqliteStore::open(url).await?));
    }
    Err(StoreError::Refused("DATABASE_URL must begin with postgres:// or sqlite://".into()))
}
