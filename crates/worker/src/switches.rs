//! Stop switches as a process knows them. A batch is committed only under the switches that stand, so whoever knows old ones
//! loses once, reads them and evaluates again: after the moment in which a switch is set, no machine decides.

use crate::parking;
use crate::pipeline::Pipeline;
use audit::Keys;
use domain::{ApplicationId, Land};
use jiff::Timestamp;
use serde_json::json;
use std::sync::{Arc, PoisonError};
use storage::{AuditRow, Batch, StopRow, Store, StoreError};
use uuid::Uuid;
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
        let read = |row: &StopRow| {
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

/// Sets a stop switch and writes it into the audit of every Land that it concerns, in one transaction.
///
/// # Errors
/// The store does not answer; perhaps it is set.
pub async fn stop(store: &dyn Store, keys: &Keys, id: Uuid, stop: Stop, now: Timestamp) -> Result<StopRow, StoreError> {
    let stop = Stop { since: Some(now), ..stop };
    let actor = stop.by.clone().unwrap_or_default();
    let audit = lines(keys, &stop, (&actor, "switch.stopped", None), now);
    // Our own type always has a JSON form.
    let body = serde_json::to_vec(&stop).unwrap_or_default();
    let row = StopRow { stop_id: id, body, since: now, actor, lifted_at: None, lifted_by: None };
    store.commit(Batch { at: now, stops: vec![row.clone()], audit, ..Batch::default() }).await?;
    tracing::warn!(by = row.actor, "a stop switch is set: people decide what it covers");
    Ok(row)
}

/// Lifts a stop switch in the same way, with who does it and why.
///
/// # Errors
/// The store does not answer; perhaps it is lifted.
pub async fn lift_stop(
    store: &dyn Store,
    keys: &Keys,
    row: StopRow,
    (by, why): (&str, &str),
    now: Timestamp,
) -> Result<StopRow, StoreError> {
    // One that cannot be read stops everything, and can be lifted all the same.
    let stop: Stop = serde_json::from_slice(&row.body).unwrap_or_default();
    let audit = lines(keys, &stop, (by, "switch.lifted", Some(why)), now);
    let row = StopRow { lifted_at: Some(now), lifted_by: Some(by.to_owned()), ..row };
    store.commit(Batch { at: now, stops: vec![row.clone()], audit, ..Batch::default() }).await?;
    tracing::warn!(by, "a stop switch is lifted");
    Ok(row)
}

/// About no application in particular.
fn lines(keys: &Keys, stop: &Stop, (by, action, why): (&str, &str, Option<&str>), now: Timestamp) -> Vec<AuditRow> {
    let land = stop.place.land.as_deref().and_then(Land::from_short).map(Land::code);
    let place = land.or_else(|| stop.place.ars.as_deref().and_then(|ars| ars.get(..2)));
    let mut payload = json!({ "stop": stop });
    if let (Some(object), Some(why)) = (payload.as_object_mut(), why) {
        object.insert("reason".to_owned(), why.into());
    }
    parking::lines(keys, (ApplicationId(Uuid::nil()), place), by, action, &payload, now)
}
