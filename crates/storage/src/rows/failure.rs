//! What could not be done, and what operators do about it.

use super::AuditRow;
use crate::columns::{Maybe, Moment};
use domain::ApplicationId;
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

/// A failure. The same failure again is the same row.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct FailureRow {
    /// See [`FailureRow::id`].
    pub failure_id: Uuid,
    /// `message`: a delivery that can never become an application or be heard, or is kept while its service is parked;
    /// `case`: a case that cannot be stepped; `question`: a question that a register refuses; `rule`: a decision that a rule
    /// could not make.
    pub kind: String,
    /// A stable word, such as `invalid_json`; that of when it happened last.
    pub cause: String,
    /// Verbatim (but for NUL), from when it happened last. May quote what was sent.
    pub detail: String,
    #[sqlx(try_from = "Maybe<Uuid>")]
    pub application_id: Option<ApplicationId>,
    pub sender: Option<String>,
    pub service: Option<String>,
    pub ars: Option<String>,
    /// The raw message; empty for other kinds, and after its time.
    pub body: Vec<u8>,
    #[sqlx(try_from = "Moment")]
    pub first_at: Timestamp,
    #[sqlx(try_from = "Moment")]
    pub last_at: Timestamp,
    /// How often it happened; handed over: how often more.
    pub times: i64,
    /// `open`, `queued` for a job, `retried` or `cancelled`; handed over, it is always open.
    pub state: String,
    /// The job that took it last.
    pub job: Option<Uuid>,
    /// When it was retried or cancelled.
    #[sqlx(try_from = "Maybe<Moment>")]
    pub settled_at: Option<Timestamp>,
    /// What the last job said of it; while it is queued, whether it failed again meanwhile.
    pub outcome: Option<String>,
}

impl FailureRow {
    /// The id of a failure: `key` says what it is about, so that the same failure again gets the same one.
    pub fn id(kind: &str, key: &[u8]) -> Uuid {
        Uuid::new_v5(&NAMESPACE, &[kind.as_bytes(), b"/", key].concat())
    }
}

/// Made for failures; never changes.
const NAMESPACE: Uuid = Uuid::from_u128(0x6475_6e6b_656c_7765_726b_6661_696c_0001);

/// Which failures are wanted; what is not set does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureFilter {
    pub kind: Option<String>,
    pub cause: Option<String>,
    pub service: Option<String>,
    /// How the ARS begins.
    pub ars: Option<String>,
    pub sender: Option<String>,
    pub state: Option<String>,
    /// That happened then or later.
    pub since: Option<Timestamp>,
    /// This one.
    pub failure_id: Option<Uuid>,
    /// That a job took last.
    pub job: Option<Uuid>,
    /// How the ARS may begin; empty: anyhow, or unknown.
    pub places: Vec<String>,
    /// Which services; empty: any, or unknown.
    pub services: Vec<String>,
    /// Only what was kept while its service was parked and nothing parks any more.
    pub released: bool,
}

/// What became of a queued failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub failure_id: Uuid,
    /// `retried`, `cancelled`, or `open` where it did not help.
    pub state: String,
    /// Final word.
    pub outcome: String,
    /// How often it had happened when it was begun to be tried.
    pub times: i64,
    /// Written where the failure was queued until now.
    pub audit: Option<AuditRow>,
}

/// Failures with the same kind, cause and service.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct IncidentRow {
    pub kind: String,
    pub cause: String,
    pub service: Option<String>,
    pub count: i64,
    /// Of these, open.
    pub open: i64,
    #[sqlx(try_from = "Moment")]
    pub first_at: Timestamp,
    #[sqlx(try_from = "Moment")]
    pub last_at: Timestamp,
    /// How many applications are affected.
    pub cases: i64,
    /// That of the newest.
    pub detail: String,
}

/// An operator's order over many failures, carried out in the background.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct JobRow {
    pub job_id: Uuid,
    /// `retry`, `cancel` or `edit`.
    pub action: String,
    /// Which failures, as JSON: for people, and for whoever does it, because it says whose places and services it is kept to.
    pub filter: Vec<u8>,
    /// For `edit`: a JSON merge patch.
    pub patch: Option<Vec<u8>>,
    #[sqlx(rename = "begun_by")]
    pub by: String,
    #[sqlx(try_from = "Moment")]
    pub begun_at: Timestamp,
    /// What it took. Kept by the store, as everything below; not read from what is handed over.
    pub total: i64,
    /// Retried or cancelled.
    pub done: i64,
    /// Open again.
    pub failed: i64,
    /// When nothing was queued for it any more.
    #[sqlx(try_from = "Maybe<Moment>")]
    pub ended_at: Option<Timestamp>,
}

/// Where nothing is tried for a while: a service, a Kommune, or both together.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ParkRow {
    pub service: Option<String>,
    /// How the ARS begins.
    pub ars: Option<String>,
    #[sqlx(try_from = "Moment")]
    pub since: Timestamp,
    #[sqlx(try_from = "Maybe<Moment>")]
    pub until: Option<Timestamp>,
    pub cause: String,
    /// `storm`, or an operator.
    #[sqlx(rename = "parked_by")]
    pub by: String,
    #[sqlx(try_from = "Maybe<Moment>")]
    pub lifted_at: Option<Timestamp>,
}

/// Where an application belongs that is kept because its service is parked, and who sent it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct KeptRow {
    pub sender: String,
    pub service: String,
    pub ars: String,
}

/// One kept application that is tried to find out whether a storm is over; one at a time for what is parked.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TrialRow {
    pub service: String,
    /// Empty: the whole service.
    pub ars: String,
    pub failure_id: Uuid,
    #[sqlx(try_from = "Uuid")]
    pub application_id: ApplicationId,
    #[sqlx(try_from = "Moment")]
    pub begun_at: Timestamp,
}
