//! The role that makes time pass: cases whose timer has come, and messages that came before their application.

use crate::advance::Advanced;
use crate::delivery::Cause;
use crate::pipeline::Pipeline;
use jiff::ToSpan;
use std::time::Duration;
use storage::StoreError;
use workflow::{About, CaseEvent, CaseMessage, Rejection};

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
    for ((id, _), result) in events.iter().zip(pipeline.advance(&events).await?) {
        match result {
            Advanced::Done { .. } => _ = pipeline.metrics.woken.inc(),
            Advanced::Unknown => {}
            Advanced::Refused(why) => stuck(pipeline, *id, &why.to_string()).await?,
            Advanced::Broken(why) => stuck(pipeline, *id, &why).await?,
        }
    }
    Ok(due.len())
}

/// A case that cannot be stepped must not be in front for ever: it comes again later, and operators see it.
async fn stuck(pipeline: &Pipeline, id: domain::ApplicationId, why: &str) -> Result<(), StoreError> {
    tracing::error!(application.id = %id, error = why, "a case cannot be stepped");
    let now = (pipeline.runtime.clock)();
    pipeline.store.put_off(id, now.checked_add(1.hour()).unwrap_or(now)).await
}

/// Hears what came before its application; gives up on what never got one.
async fn early(pipeline: &Pipeline) -> Result<(), StoreError> {
    let rows = pipeline.store.ripe_early(AT_ONCE).await?;
    let office = (pipeline.office)();
    let mut events = Vec::with_capacity(rows.len());
    let mut keys = Vec::with_capacity(rows.len());
    let identities: Vec<_> = rows.iter().map(|row| row.identity.clone()).collect();
    let known = pipeline.store.look_up(&identities).await?;
    for (row, known) in rows.into_iter().zip(known) {
        let Some(known) = known else { continue };
        keys.push(row.key);
        let Some(sender) = office.sender_by_name(&row.identity.sender) else { continue };
        let read: Result<CaseMessage, Rejection> = office.read_message(row.body, None, sender, row.arrived_at);
        if let Ok(message) = read.map(|m| CaseMessage { about: About::Id(known.application_id), ..m }) {
            events.push((known.application_id, CaseEvent::Said(message)));
        }
    }
    pipeline.advance(&events).await?;
    pipeline.store.drop_early(&keys).await?;
    let now = (pipeline.runtime.clock)();
    let before = now.checked_sub((EARLY_DAYS * 24).hours()).unwrap_or(now);
    let stale = pipeline.store.stale_early(before, AT_ONCE).await?;
    let cause = Cause::unknown_case();
    let failures: Vec<_> =
        stale.iter().map(|row| cause.failure(&row.body, Some(&row.identity.sender), None, now)).collect();
    pipeline.store.fail(&failures).await?;
    let keys: Vec<_> = stale.iter().map(|row| row.key).collect();
    pipeline.store.drop_early(&keys).await
}
