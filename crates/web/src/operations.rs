//! The only door from HTTP to orders over failures. Behind it stands the worker; this crate writes nothing itself.

use async_trait::async_trait;
use serde_json::Value;
use storage::FailureFilter;
use uuid::Uuid;
use workflow::Official;

/// Begins what officials order who operate.
#[async_trait]
pub trait Operations: Send + Sync {
    /// Begins an order over open failures; its id, and how many it took. It is carried out in the background.
    ///
    /// # Errors
    /// The store does not answer: perhaps it was begun, perhaps not.
    async fn begin(&self, by: &Official, order: Order, filter: &FailureFilter) -> Result<(Uuid, i64), String>;
}

/// What is to be done with failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Retry,
    Cancel,
    /// Messages are changed by a JSON Merge Patch (RFC 7396) and tried again.
    Edit(Value),
}
