//! The only door from HTTP to cases that are there. Behind it stands the worker; this crate writes nothing itself.

use async_trait::async_trait;
use domain::ApplicationId;
use workflow::flow::StepId;
use workflow::{AuditEntry, CaseState, Command, Official, Refusal};

/// Does what officials ask for.
#[async_trait]
pub trait Desk: Send + Sync {
    /// Steps a case by a command of an official who saw it in version `seen`; returns once that is durable.
    async fn command(
        &self,
        id: ApplicationId,
        command: Command,
        by: &Official,
        seen: i64,
    ) -> Result<Stepped, DeskError>;
    /// Writes a line of the audit; returns once it is durable.
    async fn note(&self, line: AuditEntry) -> Result<(), DeskError>;
}

/// Where a case stands after a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped {
    pub version: i64,
    pub state: CaseState,
    pub step: StepId,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    #[error(transparent)]
    Refused(Refusal),
    #[error("there is no such case")]
    Unknown,
    /// What is stored cannot be read; an operator has to look.
    #[error("{0}")]
    Broken(String),
    /// The store does not answer: perhaps it was done, perhaps not.
    #[error("{0}")]
    Unavailable(String),
}
