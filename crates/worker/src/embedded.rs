//! Without a broker: the queue in the store delivers, and results stay where portals ask for them.

use crate::delivery::{Cause, Delivery, Publish, PublishError};
use async_trait::async_trait;
use storage::{Leased, OutboxRow};
use uuid::Uuid;

/// Results are read over HTTP from the store; there is nobody to send them to, nor to send dead letters to.
pub struct NoBroker;

#[async_trait]
impl Publish for NoBroker {
    async fn publish(&self, rows: &[OutboxRow]) -> Result<Vec<Uuid>, PublishError> {
        Ok(rows.iter().map(|row| row.message_id).collect())
    }

    async fn bury(&self, _: &Delivery, _: &Cause) -> Result<(), PublishError> {
        Ok(())
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
