//! What is stored, as plain rows. Decisions, traces and contexts are opaque bytes here: the store knows no rules.

mod audited;
mod case;
mod failure;
mod stop;

pub use audited::{AuditedCase, ChainedRow, LinkRow, Part, WitnessRow};
pub use case::{
    CaseBrief, CaseFilter, CaseRow, CaseView, ControlFigures, ControlRow, DecisionRow, DocumentRow, Dossier, EarlyRow,
    QuestionRow, ReplayRow, TaskFilter, TaskRow, WaitingQuestions,
};
pub use failure::{FailureFilter, FailureRow, IncidentRow, JobRow, KeptRow, ParkRow, Settled, TrialRow};
pub use stop::{StopRow, Stops};

use crate::columns::Moment;
use domain::{ApplicationId, Digest};
use jiff::{Timestamp, civil::Date};
use sqlx::FromRow;
use uuid::Uuid;

/// By what an application is the same one for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, FromRow)]
pub struct Identity {
    pub sender: String,
    pub service: String,
    pub client_id: String,
}

/// An application that the store already has.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Known {
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    #[sqlx(try_from = "Vec<u8>")]
    pub content: Digest,
}

/// What an erased application has in the place of its content.
pub(crate) const ERASED: Digest = Digest([0; 32]);

impl Known {
    /// Its retention period is over: nothing is known of its content any more.
    pub fn is_erased(&self) -> bool {
        self.content == ERASED
    }
}

/// The application as it came. Never changed.
#[derive(Debug, Clone, FromRow)]
pub struct ApplicationRow {
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    #[sqlx(flatten)]
    pub identity: Identity,
    pub ars: String,
    pub form_version: String,
    #[sqlx(try_from = "Vec<u8>")]
    pub content: Digest,
    pub raw: Vec<u8>,
    #[sqlx(try_from = "Moment")]
    pub observed_at: Timestamp,
    #[sqlx(try_from = "Moment")]
    pub received_at: Timestamp,
}

/// A claim of a once-only key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRow {
    pub digest: Digest,
    pub ordinal: i32,
    pub name: String,
    pub application_id: ApplicationId,
    pub from: Option<Date>,
    pub to: Option<Date>,
}

/// A message that leaves after the commit; its bytes are kept so that copies are equal.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OutboxRow {
    pub message_id: Uuid,
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    pub exchange: String,
    pub routing_key: String,
    pub traceparent: Option<String>,
    pub body: Vec<u8>,
}

/// A line of the audit, with what its writer committed to. The store understands neither payload nor commitment.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct AuditRow {
    /// Such as `nw`; each has a chain of its own.
    pub land: String,
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    #[sqlx(try_from = "Moment")]
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub payload: Vec<u8>,
    /// 32 bytes, where nobody changed them.
    pub commitment: Vec<u8>,
}

/// Another application id under which the same application came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRow {
    pub alias: ApplicationId,
    pub application_id: ApplicationId,
}

/// Another content under an id that is taken: both are kept, a person looks.
#[derive(Debug, Clone)]
pub struct ConflictRow {
    pub application_id: ApplicationId,
    pub original: ApplicationId,
    pub content: Digest,
    pub raw: Vec<u8>,
    pub observed_at: Timestamp,
}

/// A rule set or one of its files, by hash; written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveRow {
    pub hash: String,
    pub body: Vec<u8>,
}

/// Everything one transaction writes.
///
/// In this order: applications, cases, what is erased, released and closed, then the rest; so a batch may write anew what it
/// deletes. Of two rows with one key in `tasks` or `controls` the last is kept.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// When it is written.
    pub at: Timestamp,
    /// The generation of the stop switches that it was evaluated under: where another stands by now, nothing is written.
    pub generation: Option<i64>,
    /// Stop switches to be set, or lifted; every batch that was evaluated before loses.
    pub stops: Vec<StopRow>,
    pub applications: Vec<ApplicationRow>,
    /// Over the version that was read, see [`CaseRow::version`].
    pub cases: Vec<CaseRow>,
    /// Retention: of these applications stay identity, case, claims, controls and audit. Content and everything else that says
    /// something about a person is gone.
    pub erased: Vec<ErasedRow>,
    /// All once-only claims of these applications end.
    pub released: Vec<ApplicationId>,
    pub claims: Vec<ClaimRow>,
    pub decisions: Vec<DecisionRow>,
    /// The tasks of these cases end.
    pub closed_tasks: Vec<ApplicationId>,
    /// New, or in the place of the case's open task.
    pub tasks: Vec<TaskRow>,
    /// What is there under the same key stays.
    pub documents: Vec<DocumentRow>,
    /// What is there under the same id stays.
    pub questions: Vec<QuestionRow>,
    /// Questions that are open no longer.
    pub answered: Vec<Uuid>,
    /// New, or in the place of what is there for the same decision.
    pub controls: Vec<ControlRow>,
    pub outbox: Vec<OutboxRow>,
    pub audit: Vec<AuditRow>,
    pub aliases: Vec<AliasRow>,
    pub conflicts: Vec<ConflictRow>,
    pub archives: Vec<ArchiveRow>,
    /// Open failures that are none any more, where there are such; before `failures`.
    pub mended: Vec<Uuid>,
    /// New, or once more what is there.
    pub failures: Vec<FailureRow>,
    /// Outbox rows of earlier batches that are confirmed by now.
    pub published: Vec<Uuid>,
}

/// An application whose retention period is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedRow {
    pub application_id: ApplicationId,
    /// Takes the place of the sender's key, which may say something about a person. Unique as the key was.
    pub tombstone: String,
}

/// Proof of a finished transaction: only a store can make one.
#[derive(Debug)]
pub struct Committed {
    batch: Batch,
}

impl Committed {
    pub(crate) fn new(batch: Batch) -> Self {
        Self { batch }
    }
    /// The messages that may leave now.
    pub fn outbox(&self) -> &[OutboxRow] {
        &self.batch.outbox
    }
    /// As they were given: each is stored with a version one higher.
    pub fn cases(&self) -> &[CaseRow] {
        &self.batch.cases
    }
    pub fn tasks(&self) -> &[TaskRow] {
        &self.batch.tasks
    }
    pub fn decisions(&self) -> &[DecisionRow] {
        &self.batch.decisions
    }
    pub fn failures(&self) -> &[FailureRow] {
        &self.batch.failures
    }
}

/// An application in the embedded queue.
#[derive(Debug, Clone, FromRow)]
pub struct QueueRow {
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    pub sender: String,
    pub traceparent: Option<String>,
    pub body: Vec<u8>,
    #[sqlx(try_from = "Moment")]
    pub enqueued_at: Timestamp,
}

/// A queue row that this worker holds until `fence` is taken over by another.
#[derive(Debug, Clone, FromRow)]
pub struct Leased {
    pub id: i64,
    pub fence: i64,
    pub redelivered: bool,
    #[sqlx(flatten)]
    pub row: QueueRow,
}

/// What a portal may ask about an application. `decision` is the stored decision's JSON (not yet outward).
#[derive(Debug, Clone, FromRow)]
pub struct Status {
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    pub state: String,
    /// See [`CaseRow::body`]; empty where there is no case.
    pub case_body: Vec<u8>,
    pub decision: Option<Vec<u8>>,
}

/// A value with a time, for lists.
#[derive(Debug, Clone)]
pub struct Dated<T> {
    pub at: Timestamp,
    pub value: T,
}

/// One line of the overview: how many cases of a service ended how.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OverviewLine {
    pub service: String,
    pub outcome: String,
    pub automatic: bool,
    pub count: i64,
}

/// What is open, for who watches: cheap enough to be asked for all the time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct Backlog {
    pub tasks: i64,
    /// Open failures of every kind, what is only parked among them.
    pub failures: i64,
    /// Lines of the audit without a place in their chain.
    pub audit: i64,
    /// Messages committed but not yet confirmed.
    pub results: i64,
    /// What is parked and not lifted.
    pub parked: i64,
}

/// Figures for the first page and for metrics.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    pub lines: Vec<OverviewLine>,
    /// Referral reason (contract word) and how many open tasks name it.
    pub reasons: Vec<(String, i64)>,
    /// Open tasks.
    pub open_tasks: i64,
    /// Applications waiting in the embedded queue.
    pub waiting: i64,
    /// Age of the oldest waiting application, seconds.
    pub oldest_waiting_seconds: Option<i64>,
    /// Open failures of the kind `message`, but for what is only parked.
    pub dead_letters: i64,
    /// Messages committed but not yet confirmed by the broker.
    pub unpublished: i64,
    pub duplicates: i64,
    pub conflicts: i64,
}
