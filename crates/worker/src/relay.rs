//! Sends what a worker committed but could not get confirmed: after a crash, or while the broker was away.

use crate::pipeline::Pipeline;
use jiff::ToSpan;
use std::time::Duration;

/// A worker has this long to publish its own results before the relay takes them.
const AGE_SECONDS: i64 = 10;
const EVERY: Duration = Duration::from_secs(2);
const AT_ONCE: u32 = 500;

/// Runs until shutdown. Two relays may send the same message twice, under the same id and with the same bytes.
pub async fn relay(pipeline: &Pipeline) {
    loop {
        tokio::select! {
            () = pipeline.runtime.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        while round(pipeline).await {}
    }
}

/// One round; true where there may be more.
async fn round(pipeline: &Pipeline) -> bool {
    let now = (pipeline.runtime.clock)();
    let before = now.checked_sub(AGE_SECONDS.seconds()).unwrap_or(now);
    let rows = match pipeline.store.unpublished(before, AT_ONCE).await {
        Ok(rows) if rows.is_empty() => return false,
        Ok(rows) => rows,
        Err(error) => {
            tracing::debug!(%error, "the relay waits for the store");
            return false;
        }
    };
    if let Err(error) = pipeline.publisher.publish(&rows).await {
        tracing::warn!(%error, waiting = rows.len(), "results wait in the outbox");
        return false;
    }
    let ids: Vec<_> = rows.iter().map(|row| row.message_id).collect();
    pipeline.metrics.published.inc_by(ids.len() as u64);
    match pipeline.store.mark_published(&ids, now).await {
        Ok(()) => rows.len() == AT_ONCE as usize,
        Err(error) => {
            tracing::debug!(%error, "sent, but not noted: it will be sent again under the same ids");
            false
        }
    }
}

/// Forgets attempt counts of messages that were settled long ago; runs until shutdown.
pub async fn housekeeping(pipeline: &Pipeline) {
    loop {
        tokio::select! {
            () = pipeline.runtime.shutdown.cancelled() => return,
            () = tokio::time::sleep(HOUSEKEEPING) => {}
        }
        let now = (pipeline.runtime.clock)();
        let before = now.checked_sub(KEEP_ATTEMPTS_HOURS.hours()).unwrap_or(now);
        if let Err(error) = pipeline.store.forget_attempts(before).await {
            tracing::debug!(%error, "housekeeping waits for the store");
        }
    }
}

const HOUSEKEEPING: Duration = Duration::from_secs(3_600);
/// No message stays unsettled this long while a worker runs.
const KEEP_ATTEMPTS_HOURS: i64 = 7 * 24;
