//! `switch`: stop switches, set and lifted while everything runs.

use crate::cli::{By, Sources, SwitchCommand};
use crate::config::Config;
use crate::failure::Failure;
use crate::serve::{clock, new_id};
use crate::{load, operate, output};
use audit::Keys;
use domain::{ServiceName, berlin_iso};
use std::path::Path;
use storage::{StopRow, Store};
use uuid::Uuid;
use workflow::{Place, Stop, WorkflowBook};

/// Needs the store and the keys of the audit and nothing else: it works whatever is wrong with rules and workflows.
pub async fn switch(config: &Config, command: SwitchCommand) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    store.ready().await?;
    match command {
        SwitchCommand::Stop { service, land, ars, reason, by } => {
            stop(config, &*store, Place { service, land, ars }, reason, by).await
        }
        SwitchCommand::Lift { id, reason, by } => lift(config, &*store, id, &reason, by).await,
        SwitchCommand::List { all } => list(&*store, all).await,
    }
}

fn keys(config: &Config) -> Result<Keys, Failure> {
    Ok(Keys::new(&config.existing_secret(Path::new("dunkelwerk-secret.key"))?))
}

async fn stop(config: &Config, store: &dyn Store, place: Place, reason: String, by: By) -> Result<(), Failure> {
    let stop = Stop { place, reason, by: Some(by.name), ..Stop::default() };
    // What is no place at all would stop nothing, ever; a service may come.
    if let Some(fault) = stop.fault(&|_| true) {
        return Err(Failure::Usage(fault));
    }
    let row = worker::stop(store, &keys(config)?, new_id().0, stop.clone(), clock()).await?;
    output::line(&line(&row));
    if let Some(service) = stop.place.service.as_ref().filter(|service| is_unknown(config, service)) {
        let text = format!("the switch is set, but there is no service \"{service}\" here: is the name right?");
        output::error(&text);
    }
    Ok(())
}

/// Whether there is no such service; nobody knows where the workflows cannot be loaded.
fn is_unknown(config: &Config, service: &str) -> bool {
    let files = load::workflow_files(config, &Sources::default()).ok();
    let book = files.and_then(|files| WorkflowBook::load(&files).ok());
    book.is_some_and(|book| ServiceName::new(service).map_or(true, |name| book.get(&name).is_none()))
}

async fn lift(config: &Config, store: &dyn Store, id: Uuid, reason: &str, by: By) -> Result<(), Failure> {
    let standing = store.stops().await?.standing;
    let Some(row) = standing.into_iter().find(|row| row.stop_id == id) else {
        return Err(Failure::Usage(format!("no switch {id} stands; `dunkelwerk switch list` shows them")));
    };
    let row = worker::lift_stop(store, &keys(config)?, row, (&by.name, reason), clock()).await?;
    output::line(&line(&row));
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
