//! `switch`: stop switches, set and lifted while everything runs.

use crate::cli::{By, Sources, SwitchCommand};
use crate::config::Config;
use crate::failure::Failure;
use crate::serve::{clock, new_id};
use crate::{load, operate, output};
use domain::{ServiceName, berlin_iso};
use std::path::Path;
use storage::{StopRow, Store};
use uuid::Uuid;
use workflow::{Effect, Office, Place, Stop};

pub async fn switch(config: &Config, command: SwitchCommand) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    store.ready().await?;
    match command {
        SwitchCommand::Stop { service, land, ars, reason, by } => {
            stop(config, &*store, Place { service, land, ars }, reason, by).await
        }
        SwitchCommand::Lift { id, by } => lift(config, &*store, id, by).await,
        SwitchCommand::List { all } => list(&*store, all).await,
    }
}

fn office(config: &Config) -> Result<Office, Failure> {
    let secret = config.secret(Path::new("dunkelwerk-secret.key"))?;
    load::office(config, &Sources::default(), Vec::new(), &secret)
}

async fn stop(config: &Config, store: &dyn Store, place: Place, reason: String, by: By) -> Result<(), Failure> {
    let office = office(config)?;
    let now = clock();
    let stop = Stop { place, reason, since: Some(now), by: Some(by.name.clone()), ..Stop::default() };
    let known = |name: &str| ServiceName::new(name).is_ok_and(|name| office.workflows.get(&name).is_some());
    if let Some(fault) = stop.fault(&known) {
        return Err(Failure::Usage(fault));
    }
    // Our own type always has a JSON form.
    let body = serde_json::to_vec(&stop).unwrap_or_default();
    let row =
        StopRow { stop_id: new_id().0, body, since: now, actor: by.name.clone(), lifted_at: None, lifted_by: None };
    let line = line(&row);
    change(&office, store, &stop, row, "switch.stopped", &by.name).await?;
    output::line(&line);
    Ok(())
}

async fn lift(config: &Config, store: &dyn Store, id: Uuid, by: By) -> Result<(), Failure> {
    let standing = store.stops().await?.standing;
    let Some(mut row) = standing.into_iter().find(|row| row.stop_id == id) else {
        return Err(Failure::Usage(format!("no switch {id} stands; `dunkelwerk switch list` shows them")));
    };
    (row.lifted_at, row.lifted_by) = (Some(clock()), Some(by.name.clone()));
    // One that cannot be read stops everything, and can be lifted all the same.
    let stop = serde_json::from_slice(&row.body).unwrap_or_default();
    let line = line(&row);
    change(&office(config)?, store, &stop, row, "switch.lifted", &by.name).await?;
    output::line(&line);
    Ok(())
}

/// One transaction: the switch with its lines in the audit.
async fn change(
    office: &Office,
    store: &dyn Store,
    stop: &Stop,
    row: StopRow,
    action: &str,
    by: &str,
) -> Result<(), Failure> {
    let now = clock();
    let effects = office.switched(stop, action, by, now).into_iter().map(Effect::Audit).collect();
    let mut batch = worker::batch(effects, now);
    batch.stops = vec![row];
    store.commit(batch).await?;
    Ok(())
}

async fn list(store: &dyn Store, all: bool) -> Result<(), Failure> {
    /// Lifted ones are history; nobody reads further back on a screen.
    const MANY: u32 = 1_000;
    let rows = if all { store.all_stops(MANY).await? } else { store.stops().await?.standing };
    rows.iter().for_each(|row| output::line(&line(row)));
    if rows.is_empty() {
        output::line("no switch stands: machines decide where the law lets them");
    }
    Ok(())
}

fn line(row: &StopRow) -> String {
    let stop: Option<Stop> = serde_json::from_slice(&row.body).ok();
    let place = stop.as_ref().map(|stop| {
        let Place { service, land, ars } = &stop.place;
        let named: Vec<&str> = [service, land, ars].into_iter().flatten().map(String::as_str).collect();
        if named.is_empty() { "everything".to_owned() } else { named.join(" ") }
    });
    let reason = stop.map_or_else(|| "not readable".to_owned(), |stop| stop.reason);
    let lifted = row.lifted_at.zip(row.lifted_by.as_ref());
    let lifted = lifted.map(|(at, by)| format!(", lifted {} by {by}", berlin_iso(at))).unwrap_or_default();
    format!(
        "{} {} stopped since {} by {}{lifted}: {reason}",
        row.stop_id,
        place.unwrap_or_else(|| "everything".to_owned()),
        berlin_iso(row.since),
        row.actor
    )
}
