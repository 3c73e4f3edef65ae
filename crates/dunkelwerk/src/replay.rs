//! `cases replay`: every stored decision made again from the archive, byte for byte.

use crate::config::Config;
use crate::failure::Failure;
use crate::{operate, output};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use storage::{ReplayRow, Store};
use workflow::{Replay, Replayer, Stored};

/// Decisions read at once.
const PAGE: u32 = 500;
/// Differences that are printed; the count says how many there are.
const SHOWN: usize = 20;

/// Runs the command.
pub async fn replay(config: &Config) -> Result<(), Failure> {
    let store = storage::open(&operate::database_url(config)).await?;
    let mut replayer = Replayer::default();
    let mut archive: HashMap<String, Option<Vec<u8>>> = HashMap::new();
    let (mut decisions, mut differences) = (0_usize, 0_usize);
    let mut after = None;
    let progress = indicatif::ProgressBar::new_spinner();
    loop {
        let rows = store.replayable(after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some((last.decision.application_id, last.decision.decision_no));
        for row in &rows {
            fetch(&*store, row, &mut archive).await?;
            decisions += 1;
            if let Err(why) = replayer.replay(&stored(row), &mut |hash| archive.get(hash).cloned().flatten()) {
                differences += 1;
                if differences <= SHOWN {
                    output::line(&format!("{}: {why}", row.application.application_id));
                }
            }
        }
        progress.set_message(format!("{decisions} decisions, {differences} differences"));
        progress.tick();
    }
    progress.finish_and_clear();
    output::line(&format!("{decisions} decisions replayed, {differences} differences"));
    if differences == 0 { Ok(()) } else { Err(Failure::Findings) }
}

fn stored(row: &ReplayRow) -> Replay<'_> {
    let decision = &row.decision;
    Replay {
        application_id: row.application.application_id,
        client_id: &row.application.identity.client_id,
        ars: &row.application.ars,
        form_version: &row.application.form_version,
        rule_set: decision.rule_set.as_deref(),
        decision_no: u32::try_from(decision.decision_no).unwrap_or_default(),
        raw: &row.application.raw,
        data: decision.data.as_deref(),
        stored: Stored {
            decision: decision.decision.clone(),
            trace: decision.trace.clone(),
            context: decision.context.clone(),
        },
    }
}

/// The manifest of a row's rule set and the texts that it names, once each.
async fn fetch(
    store: &dyn Store,
    row: &ReplayRow,
    archive: &mut HashMap<String, Option<Vec<u8>>>,
) -> Result<(), Failure> {
    let Some(hash) = row.decision.rule_set.as_ref().filter(|hash| !archive.contains_key(*hash)) else { return Ok(()) };
    let manifest = store.archive(hash).await?;
    let named: Option<rules::Manifest> = manifest.as_ref().and_then(|body| serde_json::from_slice(body).ok());
    archive.insert(hash.clone(), manifest);
    for digest in named.iter().flat_map(|m| m.files.values().chain([&m.form])) {
        if let Entry::Vacant(vacant) = archive.entry(digest.hex()) {
            let body = store.archive(vacant.key()).await?;
            vacant.insert(body);
        }
    }
    Ok(())
}
