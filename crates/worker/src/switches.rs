//! Stop switches as a process knows them. A batch is committed only under the switches that stand, so whoever knows old ones
//! loses once, reads them and evaluates again: after the moment in which a switch is set, no machine decides.

use crate::pipeline::Pipeline;
use std::sync::{Arc, PoisonError};
use storage::StoreError;
use workflow::Stop;

/// Generation and standing switches. Before the first look a generation that no store has.
#[derive(Debug, Clone)]
pub(crate) struct Switches {
    generation: i64,
    stops: Arc<[Stop]>,
}

impl Default for Switches {
    fn default() -> Self {
        Self { generation: -1, stops: Arc::new([]) }
    }
}

impl Pipeline {
    /// Reads the switches where this process has never done so.
    pub(crate) async fn know_stops(&self) -> Result<(), StoreError> {
        if self.stops().0 < 0 { self.learn_stops().await } else { Ok(()) }
    }

    pub(crate) fn stops(&self) -> (i64, Arc<[Stop]>) {
        let known = self.switches.lock().unwrap_or_else(PoisonError::into_inner);
        (known.generation, known.stops.clone())
    }

    /// Reads the switches.
    pub(crate) async fn learn_stops(&self) -> Result<(), StoreError> {
        let now = self.store.stops().await?;
        let read = |row: &storage::StopRow| {
            // A switch that cannot be read stops everything: that is what switches are for.
            serde_json::from_slice::<Stop>(&row.body).unwrap_or_else(|error| Stop {
                reason: format!("unreadable switch {}: {error}", row.stop_id),
                ..Stop::default()
            })
        };
        let stops = now.standing.iter().map(read).collect();
        *self.switches.lock().unwrap_or_else(PoisonError::into_inner) = Switches { generation: now.generation, stops };
        Ok(())
    }
}
