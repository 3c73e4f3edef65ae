//! The only door from HTTP to what operators order: over failures, over what is parked, over stop switches. Behind it stands the worker; this crate writes nothing itself.

use async_trait::async_trait;
use serde_json::Value;
use storage::{FailureFilter, ParkRow, StopRow};
use uuid::Uuid;
use workflow::{Official, Stop};

/// Begins what officials order who operate.
#[async_trait]
pub trait Operations: Send + Sync {
    /// Begins an order over open failures; its id, and how many it took. It is carried out in the background.
    ///
    /// # Errors
    /// The store does not answer: perhaps it was begun, perhaps not.
    async fn begin(&self, by: &Official, order: Order, filter: &FailureFilter) -> Result<(Uuid, i64), String>;
    /// Parks; returns once that is durable.
    ///
    /// # Errors
    /// The store does not answer: perhaps it is parked, perhaps not.
    async fn park(&self, row: &ParkRow) -> Result<(), String>;
    /// Lifts what is parked under exactly this service and beginning of an ARS, and begins to try what was kept; the id of that
    /// order, and how many it took. Nothing where nothing is parked so.
    ///
    /// # Errors
    /// The store does not answer: perhaps it is lifted, perhaps not.
    async fn lift(
        &self,
        by: &Official,
        scope: (Option<&str>, Option<&str>),
        why: &str,
    ) -> Result<Option<(Uuid, i64)>, String>;
    /// Sets a stop switch; returns once that is durable.
    ///
    /// # Errors
    /// The store does not answer: perhaps it is set, perhaps not.
    async fn stop(&self, stop: Stop) -> Result<StopRow, String>;
    /// Lifts a stop switch that stands.
    ///
    /// # Errors
    /// The store does not answer: perhaps it is lifted, perhaps not.
    async fn lift_stop(&self, by: &Official, row: StopRow, why: &str) -> Result<(), String>;
}

/// What is to be done with failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Retry,
    Cancel,
    /// Messages are changed by a JSON Merge Patch (RFC 7396) and tried again.
    Edit(Value),
}
