//! The only door from HTTP to the queue, for applications and for messages about cases. RabbitMQ and the embedded queue stand behind it; this crate knows neither.

use async_trait::async_trait;
use domain::{ApplicationId, Ars, SenderName, ServiceName};
use jiff::Timestamp;

/// Takes applications and messages in durably.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Returns once the broker has confirmed the message, or the store has it: only then is 202 answered.
    async fn accept(&self, accepted: Accepted) -> Result<(), IntakeError>;
    /// Whether one could be taken in now; the text says what is missing.
    async fn ready(&self) -> Result<(), String>;
}

/// An application or message that was read and found to be one, on its way to the queue.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Its own, or that of which it speaks.
    pub application_id: ApplicationId,
    /// From the credential, never from the message.
    pub sender: SenderName,
    /// As it came; with its id, where that came as `Idempotency-Key`, and with the application that it speaks of.
    pub body: Vec<u8>,
    pub received: Timestamp,
    /// Service and place; nothing where a message cannot be looked up now.
    pub about: Option<(ServiceName, Ars)>,
    /// W3C trace context of the intake, so that queue, decision and result continue its trace.
    pub traceparent: Option<String>,
}

/// Why it could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// Nobody promised anything: the sender tries again with the same id.
    #[error("the queue is not reachable: {0}")]
    Unavailable(String),
}
