//! What is open in the store, as gauges: one process of the role `timer` sees all of it.

use crate::metrics::What;
use crate::pipeline::Pipeline;
use std::time::Duration;
use storage::{Backlog, StoreError};

const EVERY: Duration = Duration::from_secs(10);

/// Keeps the gauges up to date until shutdown.
pub async fn watch(pipeline: &Pipeline) {
    loop {
        if let Err(error) = look(pipeline).await {
            tracing::debug!(%error, "figures wait for the store");
        }
        tokio::select! {
            () = pipeline.runtime.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn look(pipeline: &Pipeline) -> Result<(), StoreError> {
    let Backlog { tasks, failures, audit, results, parked } = pipeline.store.backlog().await?;
    let all =
        [("tasks", tasks), ("failures", failures), ("audit_lines", audit), ("results", results), ("parked", parked)];
    for (what, count) in all {
        pipeline.metrics.open.get_or_create(&What { what }).set(count);
    }
    Ok(())
}
