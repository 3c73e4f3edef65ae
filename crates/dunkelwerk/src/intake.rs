//! The two doors behind the HTTP intake: RabbitMQ, and the queue in the store.

use async_trait::async_trait;
use std::sync::Arc;
use storage::{QueueRow, Store};
use tokio::sync::{mpsc, oneshot};
use web::{Accepted, Intake, IntakeError};
use worker::{ApplicationPublisher, Outgoing};

/// Confirmed by RabbitMQ before 202 is answered.
pub struct BrokerIntake {
    pub publisher: ApplicationPublisher,
}

#[async_trait]
impl Intake for BrokerIntake {
    async fn accept(&self, accepted: Accepted) -> Result<(), IntakeError> {
        let outgoing = Outgoing {
            // The queue is bound to every key; what cannot be looked up now is found by the worker.
            routing_key: accepted.about.map_or("message".into(), |(service, ars)| format!("{service}.{ars}")),
            application_id: Some(accepted.application_id),
            sender: Some(accepted.sender.to_string()),
            traceparent: accepted.traceparent,
            sent_at: u64::try_from(accepted.received.as_second()).unwrap_or_default(),
            body: accepted.body,
        };
        self.publisher.send(vec![outgoing]).await.map_err(|e| IntakeError::Unavailable(e.to_string()))
    }
    async fn ready(&self) -> Result<(), String> {
        self.publisher.ready().await.map_err(|e| e.to_string())
    }
}

/// Applications in one transaction of the embedded queue.
const GROUP: usize = 256;

/// Committed by the store before 202 is answered. Requests that come at the same time share one transaction, so that
/// the disk is asked once for all of them.
pub struct StoreIntake {
    door: mpsc::Sender<(QueueRow, oneshot::Sender<Result<(), String>>)>,
    store: Arc<dyn Store>,
}

impl StoreIntake {
    pub fn start(store: Arc<dyn Store>) -> Self {
        let (door, mut waiting) = mpsc::channel(GROUP * 4);
        let writer = store.clone();
        tokio::spawn(async move {
            let mut group = Vec::with_capacity(GROUP);
            while waiting.recv_many(&mut group, GROUP).await > 0 {
                let (rows, answers): (Vec<QueueRow>, Vec<_>) = group.drain(..).unzip();
                let kept = writer.enqueue(&rows).await.map_err(|e| e.to_string());
                for answer in answers {
                    // Whoever hung up does not want to know.
                    let _: Result<(), _> = oneshot::Sender::send(answer, kept.clone());
                }
            }
        });
        Self { door, store }
    }
}

#[async_trait]
impl Intake for StoreIntake {
    async fn accept(&self, accepted: Accepted) -> Result<(), IntakeError> {
        let row = QueueRow {
            application_id: accepted.application_id,
            sender: accepted.sender.to_string(),
            traceparent: accepted.traceparent,
            body: accepted.body,
            enqueued_at: accepted.received,
        };
        let closed = || IntakeError::Unavailable("the intake is closing".into());
        let (answer, kept) = oneshot::channel();
        self.door.send((row, answer)).await.map_err(|_| closed())?;
        kept.await.map_err(|_| closed())?.map_err(IntakeError::Unavailable)
    }
    async fn ready(&self) -> Result<(), String> {
        self.store.ready().await.map_err(|e| e.to_string())
    }
}
