//! What waits for registers, from the store: every process that watches sees all of it.

use crate::pipeline::Pipeline;
use jiff::{Timestamp, ToSpan};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use storage::WaitingQuestions;

const EVERY: Duration = Duration::from_secs(2);
/// How long a register that answers by message may take before it is late.
const LATE_MINUTES: i64 = 10;

/// Keeps figures and readiness up to date until shutdown; `configured` are the registers that somebody asks.
pub async fn watch_registers(pipeline: &Pipeline, configured: BTreeSet<String>) {
    // A register that nobody asks any more is watched while cases wait for it.
    let mut names = configured;
    loop {
        match pipeline.store.waiting_questions().await {
            Ok(waiting) => note(pipeline, &mut names, &waiting),
            Err(error) => tracing::debug!(%error, "figures of registers wait for the store"),
        }
        tokio::select! {
            () = pipeline.runtime.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn note(pipeline: &Pipeline, names: &mut BTreeSet<String>, waiting: &[WaitingQuestions]) {
    names.extend(waiting.iter().map(|w| w.register.clone()));
    let waiting: BTreeMap<&str, &WaitingQuestions> = waiting.iter().map(|w| (w.register.as_str(), w)).collect();
    let now = (pipeline.runtime.clock)();
    for name in names.iter() {
        let found = waiting.get(name.as_str());
        let count = found.map_or(0, |w| w.count);
        pipeline.metrics.questions.get_or_create(&name.as_str().into()).set(count);
        pipeline.health.registers.waiting(name, count, found.and_then(|w| late(w, now)));
    }
}

/// Since when the oldest question waits, where that is longer than it should, or where something went wrong.
fn late(waiting: &WaitingQuestions, now: Timestamp) -> Option<Timestamp> {
    let long_ago = now.checked_sub(LATE_MINUTES.minutes()).unwrap_or(now);
    (waiting.trouble.is_some() || waiting.oldest < long_ago).then_some(waiting.oldest)
}
