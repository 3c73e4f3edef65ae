//! The loops: take a batch, have it processed, settle it, until shutdown. Two batches are in flight, settled in order.

use crate::amqp::{AmqpSettings, Consumer, Drained};
use crate::delivery::{Delivery, Disposition};
use crate::embedded;
use crate::pipeline::Pipeline;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use jiff::ToSpan;
use std::sync::Arc;
use std::time::Duration;
use storage::{Leased, StoreError};

/// Applications in one transaction, and how long a first one waits for company.
const BATCH: usize = 256;
const LINGER: Duration = Duration::from_millis(5);
const IN_FLIGHT: usize = 2;
/// Pause of the supervisor after a failure.
pub(crate) const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long a leased row is ours. Longer than any batch, shorter than patience with a crashed worker.
const LEASE_SECONDS: i64 = 60;
const IDLE: Duration = Duration::from_millis(50);
/// Published messages are noted after this much idleness at the latest.
const FLUSH: Duration = Duration::from_millis(500);

/// Consumes from RabbitMQ until shutdown; reconnects with growing pauses.
pub async fn run_amqp(pipeline: Arc<Pipeline>, settings: AmqpSettings) {
    let mut pause = BACKOFF.0;
    while !pipeline.runtime.shutdown.is_cancelled() {
        let office = pipeline.office.clone();
        let sender_of = Box::new(move |user: &str| office().sender_by_amqp_user(user).map(|s| s.name.to_string()));
        match Consumer::start(&settings, sender_of, pipeline.runtime.clock.clone()).await {
            Ok(mut consumer) => {
                tracing::info!("consuming applications");
                pipeline.health.source.clear();
                pause = BACKOFF.0;
                let reason = consume(&pipeline, &mut consumer).await;
                if let Some(reason) = reason {
                    tracing::warn!(%reason, "the consumer ended; building a new one");
                    pipeline.health.source.set(reason);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "waiting for RabbitMQ");
                pipeline.health.source.set(error.to_string());
            }
        }
        tokio::select! {
            () = pipeline.runtime.shutdown.cancelled() => {}
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(BACKOFF.1),
        }
    }
    pipeline.flush_marks().await;
}

/// One life of a consumer. Returns why it ended, or nothing on shutdown.
async fn consume(pipeline: &Arc<Pipeline>, consumer: &mut Consumer) -> Option<String> {
    let mut in_flight: FuturesOrdered<BoxFuture<'static, Option<Drained>>> = FuturesOrdered::new();
    let shutdown = pipeline.runtime.shutdown.clone();
    let mut in_order = true;
    let ended = loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break None,
            Some(durable) = in_flight.next(), if !in_flight.is_empty() => {
                if !acknowledge(durable).await {
                    in_order = false;
                    break Some("a drain could not be acknowledged".to_owned());
                }
            }
            drained = consumer.drain(BATCH, LINGER), if in_flight.len() < IN_FLIGHT => match drained {
                Ok(drained) => in_flight.push_back(handle(pipeline.clone(), drained)),
                Err(error) => break Some(error.to_string()),
            },
            () = tokio::time::sleep(FLUSH), if in_flight.is_empty() => pipeline.idle().await,
        }
    };
    if ended.is_none() {
        consumer.cancel().await;
    }
    // What is under way is finished and, where the broker still listens, acknowledged.
    // Once one drain is not durable, nothing behind it is: one acknowledgement covers all before it.
    while let Some(durable) = in_flight.next().await {
        in_order = in_order && acknowledge(durable).await;
    }
    pipeline.flush_marks().await;
    ended
}

/// Acknowledges in the order of arrival: one acknowledgement covers a drain and all before it, which are done by now.
async fn acknowledge(durable: Option<Drained>) -> bool {
    match durable {
        Some(drained) => drained.acknowledge().await,
        None => false,
    }
}

/// Processes one drain in a task of its own; gives it back once all of it is durable.
fn handle(pipeline: Arc<Pipeline>, drained: Drained) -> BoxFuture<'static, Option<Drained>> {
    let task = tokio::spawn(async move {
        for age in &drained.ages {
            pipeline.metrics.queue_age.observe(*age);
        }
        let dispositions = pipeline.take(&drained.deliveries).await;
        // One acknowledgement covers the whole drain, so it waits until nothing in it is held.
        dispositions.is_some_and(|all| !all.contains(&Disposition::Hold)).then_some(drained)
    });
    // A panic in our own code loses nothing: the drain stays unacknowledged and comes again, in the careful lane.
    Box::pin(async move { task.await.ok().flatten() })
}

/// Works off the queue in the store until shutdown.
pub async fn run_embedded(pipeline: Arc<Pipeline>) {
    let shutdown = pipeline.runtime.shutdown.clone();
    while !shutdown.is_cancelled() {
        // In a task of its own: a panic in our own code costs a lease, not the worker.
        let worked = tokio::spawn({
            let pipeline = pipeline.clone();
            async move { round(&pipeline).await }
        });
        let pause = match worked.await.unwrap_or_else(|e| Err(StoreError::Unavailable(e.to_string()))) {
            Ok(true) => {
                pipeline.health.source.clear();
                continue;
            }
            Ok(false) => {
                pipeline.health.source.clear();
                pipeline.idle().await;
                IDLE
            }
            Err(error) => {
                tracing::warn!(%error, "waiting for the store");
                pipeline.health.source.set(error.to_string());
                BACKOFF.1
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    pipeline.flush_marks().await;
}

/// Leases, processes and settles one batch; false where nothing was there.
async fn round(pipeline: &Pipeline) -> Result<bool, StoreError> {
    let now = (pipeline.runtime.clock)();
    let until = now.checked_add(LEASE_SECONDS.seconds()).unwrap_or(now);
    let leased = pipeline.store.lease(u32::try_from(BATCH).unwrap_or(u32::MAX), now, until).await?;
    if leased.is_empty() {
        return Ok(false);
    }
    for l in &leased {
        pipeline.metrics.queue_age.observe((now.as_second() - l.row.enqueued_at.as_second()) as f64);
    }
    let deliveries: Vec<Delivery> = leased.iter().map(embedded::delivery).collect();
    let Some(dispositions) = pipeline.take(&deliveries).await else { return Ok(false) };
    let done = |(leased, disposition): (&Leased, &Disposition)| match disposition {
        Disposition::Ack | Disposition::DeadLetter(_) | Disposition::Parked(_) => Some((leased.id, leased.fence)),
        Disposition::Hold => None,
    };
    let settled: Vec<(i64, i64)> = leased.iter().zip(&dispositions).filter_map(done).collect();
    pipeline.store.settle(&settled).await?;
    Ok(true)
}
