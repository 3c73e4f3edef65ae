//! Without a broker: the queue in the store delivers, and results stay where portals ask for them.

use crate::delivery::{Cause, Delivery, Publish, PublishError};
use crate::pipeline::Clock;
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
use storage::{DeadLetter, Leased, OutboxRow, Store};
use uuid::Uuid;

/// Results are read over HTTP from the store; there is nobody to send them to. Dead letters are kept in a table.
pub struct NoBroker {
    pub store: Arc<dyn Store>,
    pub clock: Clock,
}

#[async_trait]
impl Publish for NoBroker {
    async fn publish(&self, rows: &[OutboxRow]) -> Result<Vec<Uuid>, PublishError> {
        Ok(rows.iter().map(|row| row.message_id).collect())
    }

    async fn bury(&self, delivery: &Delivery, cause: &Cause) -> Result<(), PublishError> {
        let letter = letter(delivery, cause, (self.clock)());
        self.store.bury(&letter).await.map_err(|e| PublishError::Unavailable(e.to_string()))
    }

    fn buries_in_store(&self) -> bool {
        true
    }
}

/// A dead letter as the store keeps it.
pub(crate) fn letter(delivery: &Delivery, cause: &Cause, at: Timestamp) -> DeadLetter {
    DeadLetter {
        application_id: delivery.application_id,
        sender: delivery.sender.clone(),
        cause: cause.code.to_owned(),
        detail: cause.detail.clone(),
        body: delivery.body.clone(),
        at,
    }
}

/// A leased row as a delivery. The row was written by our own intake, which knew its sender.
pub(crate) fn delivery(leased: &Leased) -> Delivery {
    Delivery {
        body: leased.row.body.clone(),
        sender: Some(leased.row.sender.clone()),
        application_id: Some(leased.row.application_id),
        redelivered: leased.redelivered,
        traceparent: leased.row.traceparent.clone(),
        foreign_trace: None,
        observed_at: leased.row.enqueued_at,
    }
}
