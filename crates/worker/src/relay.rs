//! Sends what a worker committed but could not get confirmed: after a crash, or while the broker was away.

use crate::jobs;
use crate::parking;
use crate::pipeline::Pipeline;
use domain::ApplicationId;
use jiff::ToSpan;
use serde_json::json;
use std::time::Duration;
use storage::{ByLand, FailureRow, StoreError};

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
        let mut passed = Some(0);
        while let Some(offset) = passed {
            passed = round(pipeline, offset).await;
        }
    }
}

/// One round behind `offset` rows that the broker refused; where to go on, or nothing where this was all.
async fn round(pipeline: &Pipeline, offset: u32) -> Option<u32> {
    let now = (pipeline.runtime.clock)();
    let before = now.checked_sub(AGE_SECONDS.seconds()).unwrap_or(now);
    let rows = match pipeline.store.unpublished(before, offset, AT_ONCE).await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::debug!(%error, "the relay waits for the store");
            return None;
        }
    };
    if rows.is_empty() {
        if offset == 0 {
            pipeline.health.relay.clear();
        }
        return None;
    }
    let confirmed = match pipeline.publisher.publish(&rows).await {
        Ok(confirmed) => confirmed,
        Err(error) => {
            tracing::warn!(%error, waiting = rows.len(), "results wait in the outbox");
            pipeline.health.relay.set(error.to_string());
            return None;
        }
    };
    let refused = rows.len().saturating_sub(confirmed.len());
    if refused > 0 {
        tracing::warn!(
            refused,
            "the broker does not take some results (queue full or unbound); they stay in the outbox"
        );
        pipeline.health.relay.set(format!("{refused} messages are refused by the broker"));
    }
    pipeline.metrics.published.inc_by(confirmed.len() as u64);
    if let Err(error) = pipeline.store.mark_published(&confirmed, now).await {
        tracing::debug!(%error, "sent, but not noted: it will be sent again under the same ids");
        return None;
    }
    // What was refused stays in front; what is behind it gets its turn.
    (rows.len() == AT_ONCE as usize).then(|| offset + u32::try_from(refused).unwrap_or(u32::MAX))
}

/// Forgets what is over, at start and every hour until shutdown.
pub async fn housekeeping(pipeline: &Pipeline) {
    loop {
        if let Err(error) = keep_house(pipeline).await {
            tracing::debug!(%error, "housekeeping waits for the store");
        }
        tokio::select! {
            () = pipeline.runtime.shutdown.cancelled() => return,
            () = tokio::time::sleep(HOUSEKEEPING) => {}
        }
    }
}

/// Forgets attempt counts of messages, failures that were settled long ago, what old ones quote of what was sent, and what came
/// for applications that are erased. The audit says how many of a Land lost something.
///
/// # Errors
/// The store does not answer; what was not done is done next time.
pub async fn keep_house(pipeline: &Pipeline) -> Result<(), StoreError> {
    let (office, now) = ((pipeline.office)(), (pipeline.runtime.clock)());
    let before = |hours: i64| now.checked_sub(hours.hours()).unwrap_or(now);
    pipeline.store.forget_attempts(before(KEEP_ATTEMPTS_HOURS)).await?;
    pipeline.store.forget_failures(before(KEEP_SETTLED_HOURS)).await?;
    let days = pipeline.failure_days;
    let note = |what: &'static str| {
        let (office, about) = (office.clone(), ApplicationId(FailureRow::id("housekeeping", what.as_bytes())));
        move |by_land: &ByLand| {
            let payload = |count| json!({ "count": count, "days": days });
            parking::counted(office.audit_keys(), about, (jobs::ACTOR, what), by_land, payload, now)
        }
    };
    pipeline.store.empty_failures(before(days * 24), &note("failures.emptied")).await?;
    pipeline.store.forget_conflicts(before(days * 24), &note("conflicts.deleted")).await?;
    Ok(())
}

const HOUSEKEEPING: Duration = Duration::from_secs(3_600);
/// No message stays unsettled this long while a worker runs.
const KEEP_ATTEMPTS_HOURS: i64 = 7 * 24;
/// Failures that were retried or cancelled, and their jobs: long enough to look back at, for what they hold may be
/// personal data.
const KEEP_SETTLED_HOURS: i64 = 30 * 24;
