//! The role that makes time pass: cases whose timer has come, and messages that came before their application.

use crate::advance::Advanced;
use crate::delivery::{Cause, Delivery, Disposition};
use crate::failures;
use crate::pipeline::Pipeline;
use domain::ApplicationId;
use jiff::ToSpan;
use std::time::Duration;
use storage::{EarlyRow, StoreError};
use workflow::CaseEvent;

/// How often it looks. Deadlines are days; what is seconds late is not late.
const EVERY: Duration = Duration::from_secs(1);
/// Cases that are stepped in one transaction.
const AT_ONCE: u32 = 256;
/// How long a message may come before its application, in days.
const EARLY_DAYS: i64 = 30;

/// Steps what is due, until shutdown.
pub async fn tick(pipeline: &Pipeline) {
    loop {
        tokio::select! {
            () = pipeline.runtime.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = tick_once(pipeline).await {
            tracing::warn!(%error, "timers wait for the store");
            pipeline.health.timer.set(error.to_string());
        } else {
            pipeline.health.timer.clear();
        }
    }
}

/// Hears early messages that have become ripe, and steps every case that is due.
///
/// # Errors
/// The store does not answer; what was not done is done next time.
pub async fn tick_once(pipeline: &Pipeline) -> Result<(), StoreError> {
    early(pipeline).await?;
    while !pipeline.runtime.shutdown.is_cancelled() {
        if wake(pipeline, AT_ONCE).await? < AT_ONCE as usize {
            break;
        }
    }
    Ok(())
}

/// Steps up to `limit` cases that are due; how many there were.
async fn wake(pipeline: &Pipeline, limit: u32) -> Result<usize, StoreError> {
    let due = pipeline.store.due((pipeline.runtime.clock)(), limit).await?;
    let events: Vec<_> = due.iter().map(|id| (*id, CaseEvent::Woken)).collect();
    let results: Vec<(ApplicationId, Advanced)> = due.iter().copied().zip(pipeline.advance(&events).await?).collect();
    failures::stuck(pipeline, &results).await?;
    let done = results.iter().filter(|(_, result)| matches!(result, Advanced::Done { .. })).count();
    pipeline.metrics.woken.inc_by(done as u64);
    // What cannot be stepped must not be in front for ever: it comes again later.
    let now = (pipeline.runtime.clock)();
    for (id, _) in results.iter().filter(|(_, result)| failures::trouble(result).is_some()) {
        pipeline.store.put_off(*id, now.checked_add(1.hour()).unwrap_or(now)).await?;
    }
    Ok(due.len())
}

/// Hears what came before its application; gives up on what never got one.
async fn early(pipeline: &Pipeline) -> Result<(), StoreError> {
    let ripe = pipeline.store.ripe_early(AT_ONCE).await?;
    let deliveries: Vec<Delivery> = ripe.iter().map(delivery).collect();
    if let Some(dispositions) = pipeline.take(&deliveries).await {
        let done = ripe.iter().zip(&dispositions).filter(|(_, disposition)| **disposition != Disposition::Hold);
        let keys: Vec<_> = done.map(|(row, _)| row.key).collect();
        pipeline.store.drop_early(&keys).await?;
    }
    let now = (pipeline.runtime.clock)();
    let before = now.checked_sub((EARLY_DAYS * 24).hours()).unwrap_or(now);
    let stale = pipeline.store.stale_early(before, AT_ONCE).await?;
    let cause = Cause::unknown_case();
    let deliveries: Vec<Delivery> = stale.iter().map(delivery).collect();
    let letters: Vec<_> = deliveries.iter().map(|delivery| (delivery, &cause, None)).collect();
    pipeline.store.fail(&failures::messages(pipeline, &letters).await?).await?;
    let keys: Vec<_> = stale.iter().map(|row| row.key).collect();
    pipeline.store.drop_early(&keys).await
}

/// An early message as it came.
fn delivery(row: &EarlyRow) -> Delivery {
    Delivery {
        body: row.body.clone(),
        sender: Some(row.identity.sender.clone()),
        application_id: None,
        redelivered: false,
        traceparent: row.traceparent.clone(),
        foreign_trace: None,
        observed_at: row.arrived_at,
    }
}
