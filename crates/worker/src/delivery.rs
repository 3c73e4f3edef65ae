//! A message as the pipeline sees it, wherever it came from, and the only two ways to be done with it.

use crate::causes;
use async_trait::async_trait;
use domain::ApplicationId;
use jiff::Timestamp;
use storage::OutboxRow;
use uuid::Uuid;
use workflow::{Refusal, Rejection};

/// One message from a source, not yet settled.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub body: Vec<u8>,
    /// Name of the configured sender; none where the credential is unknown.
    pub sender: Option<String>,
    /// Given by our own HTTP intake; otherwise it is made here.
    pub application_id: Option<ApplicationId>,
    pub redelivered: bool,
    /// W3C trace context of our own intake.
    pub traceparent: Option<String>,
    /// A stranger's trace context: linked, never continued.
    pub foreign_trace: Option<String>,
    /// When it was first seen by us.
    pub observed_at: Timestamp,
}

/// What becomes of a delivery. Nothing else settles one; a held one stays with the source until it can be settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Everything about it is durable.
    Ack,
    /// The store cannot say; wait, do not give back (on RabbitMQ 3.10 every requeue counts towards the limit).
    Hold,
    /// It can never become an application; kept with its cause and raw bytes.
    DeadLetter(Cause),
    /// Its service is parked; kept until it is not.
    Parked(Kept),
}

/// What parks a message: why, and the service and place where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub why: String,
    pub service: String,
    pub ars: String,
}

/// Why a message is hopeless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// A stable word for metrics and headers.
    pub code: &'static str,
    pub detail: String,
}

impl From<Rejection> for Cause {
    fn from(rejection: Rejection) -> Self {
        Self { code: rejection.code(), detail: rejection.to_string() }
    }
}

impl From<Refusal> for Cause {
    /// A message that its case does not take.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::MessageConflict => Self { code: refusal.code(), detail: refusal.to_string() },
            _ => Self::case_refused(refusal.to_string()),
        }
    }
}

impl Cause {
    /// It was tried again and again, at last alone, and never got through.
    pub fn attempts_exhausted(attempts: u32) -> Self {
        Self {
            code: causes::ATTEMPTS_EXHAUSTED,
            detail: format!("evaluation was begun {attempts} times and never ended"),
        }
    }
    /// A message about a case that is not there, or not its sender's.
    pub fn unknown_case() -> Self {
        Self { code: causes::UNKNOWN_CASE, detail: "this sender has no application of that id or key".into() }
    }
    /// The case cannot take it.
    pub fn case_refused(detail: String) -> Self {
        Self { code: causes::CASE_REFUSED, detail }
    }
    /// What came on the way of registers' answers is none.
    pub fn unreadable_answer(detail: &str) -> Self {
        Self { code: causes::UNREADABLE_ANSWER, detail: detail.to_owned() }
    }
    /// Somebody answers for a register that they are not.
    pub fn foreign_answer(register: &str, user: &str) -> Self {
        Self { code: causes::FOREIGN_ANSWER, detail: format!("the user {user:?} may not answer for {register}") }
    }
    pub fn store_refused(detail: String) -> Self {
        Self { code: causes::STORE_REFUSED, detail }
    }
}

/// A message did not reach its queue; it stays in the outbox.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    #[error("the broker is not reachable: {0}")]
    Unavailable(String),
    #[error("the broker did not take {refused} of {total} messages (queue full or no queue bound)")]
    Refused { refused: usize, total: usize },
}

/// Where results, tasks and dead letters go.
#[async_trait]
pub trait Publish: Send + Sync {
    /// Sends messages in one confirm window; gives back the ids of those that are confirmed and routed.
    async fn publish(&self, rows: &[OutboxRow]) -> Result<Vec<Uuid>, PublishError>;
    /// Sends a hopeless message to where the source keeps dead letters, if it does; `Ok` means it is durable there. The
    /// store has it besides.
    async fn bury(&self, delivery: &Delivery, cause: &Cause) -> Result<(), PublishError>;
}
