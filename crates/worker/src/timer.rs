//! The role that makes time pass: cases whose timer has come, and messages that came before their application.

use crate::advance::Advanced;
use crate::delivery::{Cause, Delivery, Disposition};
use crate::failures;
use crate::lanes::Pass;
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
    let mut others = false;
    while !pipeline.runtime.shutdown.is_cancelled() {
        match wake(pipeline, others).await? {
            Woken::All => break,
            Woken::Some => others = false,
            Woken::Others => others = true,
        }
    }
    // Results of this role's steps are noted with no batch of applications.
    pipeline.flush_marks().await;
    Ok(())
}

/// What a round of waking came to.
enum Woken {
    /// Nothing more is due.
    All,
    Some,
    /// Somebody else is at the same cases; nothing was done.
    Others,
}

/// Steps the cases that are due for the longest time. Where others are at those, the ones behind them, so that two processes do
/// not do the same again and again; whatever is left then is stepped one by one.
async fn wake(pipeline: &Pipeline, others: bool) -> Result<Woken, StoreError> {
    let now = (pipeline.runtime.clock)();
    let mut due = pipeline.store.due(now, if others { 2 * AT_ONCE } else { AT_ONCE }).await?;
    if due.is_empty() {
        return Ok(Woken::All);
    }
    if due.len() > AT_ONCE as usize {
        due.drain(..AT_ONCE as usize);
    }
    let events: Vec<_> = due.iter().map(|id| (*id, CaseEvent::Woken)).collect();
    let stepped = match pipeline.attempt(&events.iter().collect::<Vec<_>>()).await {
        Err(StoreError::Raced) if !others => {
            pipeline.lost().await?;
            return Ok(Woken::Others);
        }
        Err(StoreError::Raced | StoreError::Refused(_)) => pipeline.advance(&events).await?,
        stepped => stepped?,
    };
    let results: Vec<(ApplicationId, Advanced)> = due.iter().copied().zip(stepped).collect();
    failures::stuck(pipeline, &results).await?;
    let done = results.iter().filter(|(_, result)| matches!(result, Advanced::Done { .. })).count();
    pipeline.metrics.woken.inc_by(done as u64);
    // What cannot be stepped must not be in front for ever: it comes again later.
    for (id, _) in results.iter().filter(|(_, result)| failures::trouble(result).is_some()) {
        pipeline.store.put_off(*id, now.checked_add(1.hour()).unwrap_or(now)).await?;
    }
    Ok(if due.len() < AT_ONCE as usize { Woken::All } else { Woken::Some })
}

/// Hears what came before its application; gives up on what never got one.
async fn early(pipeline: &Pipeline) -> Result<(), StoreError> {
    let ripe = pipeline.store.ripe_early(AT_ONCE).await?;
    if !ripe.is_empty() {
        let deliveries: Vec<Delivery> = ripe.iter().map(delivery).collect();
        // They lie here until they are heard: whatever ends this process meanwhile, they come again.
        let dispositions = pipeline.careful(&deliveries, Pass::default()).await;
        if pipeline.put_away(&deliveries, &dispositions).await {
            let done = ripe.iter().zip(&dispositions).filter(|(_, disposition)| **disposition != Disposition::Hold);
            let keys: Vec<_> = done.map(|(row, _)| row.key).collect();
            pipeline.store.drop_early(&keys).await?;
        }
    }
    let now = (pipeline.runtime.clock)();
    let before = now.checked_sub((EARLY_DAYS * 24).hours()).unwrap_or(now);
    let stale = pipeline.store.stale_early(before, AT_ONCE).await?;
    if stale.is_empty() {
        return Ok(());
    }
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
