//! A case and everything that hangs on it.

use super::{ApplicationRow, AuditRow, Identity};
use crate::columns::{Maybe, Moment, Words};
use domain::ApplicationId;
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

/// Where a case stands. Its body is opaque here.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct CaseRow {
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    pub service: String,
    pub ars: String,
    pub state: String,
    pub outcome: String,
    pub automatic: bool,
    #[sqlx(try_from = "Moment")]
    pub updated_at: Timestamp,
    /// Read: the stored version, from 1 on. Written: the version that was read, or 0 for a new case; the store makes
    /// it one more.
    pub version: i64,
    /// Empty where the case is older than its bodies, or was erased.
    pub body: Vec<u8>,
    /// Its earliest timer.
    #[sqlx(try_from = "Maybe<Moment>")]
    pub wake_at: Option<Timestamp>,
}

/// Which cases are wanted; what is not set does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseFilter {
    pub service: Option<String>,
    pub state: Option<String>,
    /// How the ARS begins.
    pub ars: Option<String>,
    /// How the ARS may begin; empty: anyhow.
    pub places: Vec<String>,
    /// Which services; empty: any.
    pub services: Vec<String>,
}

/// Where a case stands, and who sent its application.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct CaseBrief {
    pub sender: String,
    #[sqlx(flatten)]
    pub case: CaseRow,
}

/// A decision; `decision`, `trace` and `context` are JSON texts.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DecisionRow {
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    pub decision_no: i32,
    pub notice_id: Option<Uuid>,
    pub rule_set: Option<String>,
    #[sqlx(try_from = "Moment")]
    pub decided_at: Timestamp,
    pub decision: Vec<u8>,
    pub trace: Vec<u8>,
    pub context: Vec<u8>,
    /// The form data that it decided on, where they are not the application's own.
    pub data: Option<Vec<u8>>,
}

/// An application with one of its decisions, for replay.
#[derive(Debug, Clone, FromRow)]
pub struct ReplayRow {
    #[sqlx(flatten)]
    pub application: ApplicationRow,
    #[sqlx(flatten)]
    pub decision: DecisionRow,
}

/// Open work for a person; a case has one at most. `reasons` are words of the contract's list.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TaskRow {
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    pub service: String,
    pub ars: String,
    pub queue: String,
    #[sqlx(try_from = "Words")]
    pub reasons: Vec<String>,
    pub proposal: Option<String>,
    #[sqlx(try_from = "Moment")]
    pub opened_at: Timestamp,
    /// `desk`, `countersign` or `control`.
    pub kind: String,
    pub team: Option<String>,
    /// Who has taken it, and until when.
    pub claimed_by: Option<String>,
    #[sqlx(try_from = "Maybe<Moment>")]
    pub claimed_until: Option<Timestamp>,
    pub assigned_to: Option<String>,
    #[sqlx(try_from = "Maybe<Moment>")]
    pub due_at: Option<Timestamp>,
}

/// Which open tasks are wanted; what is not set does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// A contract word that is among its reasons.
    pub reason: Option<String>,
    pub service: Option<String>,
    pub kind: Option<String>,
    pub claimed_by: Option<String>,
    /// Somebody holds it then.
    pub held_at: Option<Timestamp>,
    /// Its service is one of these; empty: any.
    pub services: Vec<String>,
    /// Its kind is one of these; empty: any.
    pub kinds: Vec<String>,
    /// How the ARS may begin; empty: anyhow.
    pub ars: Vec<String>,
    /// Due by then.
    pub overdue_at: Option<Timestamp>,
    /// Only of cases that have a body: nobody can step older ones.
    pub with_body: bool,
}

/// Something with personal data that came to a case or was written in it: an answer, a supplement, a draft, a note.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DocumentRow {
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    /// Unique in its case: the same key is the same document.
    pub key: Uuid,
    pub kind: String,
    #[sqlx(try_from = "Moment")]
    pub at: Timestamp,
    pub actor: String,
    pub body: Vec<u8>,
}

/// An open question to a register.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct QuestionRow {
    pub question_id: Uuid,
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    pub register: String,
    pub service: String,
    pub ars: String,
    pub body: Vec<u8>,
    #[sqlx(try_from = "Moment")]
    pub asked_at: Timestamp,
    /// When it is to be put (again).
    #[sqlx(try_from = "Moment")]
    pub next_at: Timestamp,
    /// How often it was postponed.
    pub attempts: i32,
    /// Why it was postponed.
    pub trouble: Option<String>,
}

/// The open questions to one register.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct WaitingQuestions {
    pub register: String,
    pub count: i64,
    /// When the oldest was asked.
    #[sqlx(try_from = "Moment")]
    pub oldest: Timestamp,
    /// That of the question that comes last again, of those with a trouble.
    pub trouble: Option<String>,
}

/// A message about an application that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct EarlyRow {
    /// The same key is the same message.
    pub key: Uuid,
    #[sqlx(flatten)]
    pub identity: Identity,
    pub body: Vec<u8>,
    pub traceparent: Option<String>,
    #[sqlx(try_from = "Moment")]
    pub arrived_at: Timestamp,
}

/// A decision drawn for a second look by an official who does not see it first.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ControlRow {
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    pub decision_no: i32,
    pub service: String,
    pub ars: String,
    pub rule_set: Option<String>,
    #[sqlx(try_from = "Moment")]
    pub drawn_at: Timestamp,
    pub official: Option<String>,
    /// Whether the official came to the same result; nothing where the case was opened again before anybody had looked.
    pub agreed: Option<bool>,
    #[sqlx(try_from = "Maybe<Moment>")]
    pub judged_at: Option<Timestamp>,
}

/// What second looks found, by service and rule set.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ControlFigures {
    pub service: String,
    pub rule_set: Option<String>,
    pub drawn: i64,
    pub judged: i64,
    pub disagreed: i64,
    /// Opened again for another reason before anybody had looked.
    pub overtaken: i64,
}

/// What a step of a case needs. Nothing in it is older than `case`.
#[derive(Debug, Clone)]
pub struct Dossier {
    pub application: ApplicationRow,
    pub case: CaseRow,
    /// The newest.
    pub decision: Option<DecisionRow>,
    /// By time, then key.
    pub documents: Vec<DocumentRow>,
}

/// One case with everything that explains it.
#[derive(Debug, Clone)]
pub struct CaseView {
    pub application: ApplicationRow,
    pub case: CaseRow,
    /// Oldest first.
    pub decisions: Vec<DecisionRow>,
    /// By time, then key.
    pub documents: Vec<DocumentRow>,
    pub task: Option<TaskRow>,
    pub audit: Vec<AuditRow>,
}
