//! Cases, decisions, tasks, inbox, outbox, queue and audit in PostgreSQL or SQLite: the same behaviour from both.
//!
//! Knows no rules, no broker, no HTTP. One batch is one transaction: either all of it is there or nothing, and only a
//! [`Committed`] proves the first. Start with [`Store`].

mod audit;
mod cases;
mod columns;
mod error;
mod failures;
mod narrow;
mod parking;
mod postgres;
mod rows;
mod shared;
mod sqlite;
mod stops;
mod store;
mod told;

pub use error::StoreError;
pub use postgres::PostgresStore;
pub use rows::{
    AliasRow, ApplicationRow, ArchiveRow, AuditRow, AuditedCase, Backlog, Batch, CaseBrief, CaseFilter, CaseRow,
    CaseView, ChainedRow, ClaimRow, Committed, ConflictRow, ControlFigures, ControlRow, Dated, DecisionRow,
    DocumentRow, Dossier, EarlyRow, ErasedRow, FailureFilter, FailureRow, Identity, IncidentRow, JobRow, KeptRow,
    Known, Leased, LinkRow, OutboxRow, Overview, OverviewLine, ParkRow, Part, QuestionRow, QueueRow, ReplayRow,
    Settled, Status, StopRow, Stops, TaskFilter, TaskRow, TrialRow, WaitingQuestions, WitnessRow,
};
pub use sqlite::SqliteStore;
pub use store::{ByLand, Chain, Lift, Noted, Sequenced, Store, open};
pub use told::masked;
