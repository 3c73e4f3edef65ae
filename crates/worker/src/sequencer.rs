//! Chains what the audit has new, and has it witnessed outside the database. One for all processes of a store.

use crate::notary::{Notary, OpenSink, Unwitnessed};
use crate::pipeline::Pipeline;
use audit::{Entry, Keys, Link, Signer};
use domain::{Digest, Land, Secret};
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::{AuditRow, LinkRow, Store, StoreError};
use tokio_util::sync::CancellationToken;

/// Lines that get their place in one transaction.
const LINES: u32 = 2_000;
/// How often it looks.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a sink that cannot be used is left alone; reading it again costs.
const REFUSED: Duration = Duration::from_secs(10);

/// How long lines that were refused are left alone; whatever comes behind them is read meanwhile.
const PASSED: Duration = Duration::from_secs(10);

/// Lines that were refused. They stand in front of all others and would be read each time.
#[derive(Debug, Default)]
struct Refused {
    /// When all lines were read last.
    since: Option<Instant>,
    count: u32,
    /// The number of the last one.
    last: Option<i64>,
}

/// Gives lines without a place theirs; how many are refused, because this program with this key did not write them.
async fn chain(store: &dyn Store, keys: &Keys, refused: &mut Refused) -> Result<u32, StoreError> {
    let place = |row: &AuditRow, last: Option<&LinkRow>| {
        let (entry, commitment) = (entry(row)?, Digest::try_from(row.commitment.clone()).ok()?);
        if keys.commitment(&entry) != commitment {
            return None;
        }
        let link = keys.link(entry.land, &last.map_or(Link::START, link), &commitment);
        Some(LinkRow { position: i64::try_from(link.position).ok()?, head: link.head })
    };
    if refused.since.is_none_or(|since| since.elapsed() >= PASSED) {
        *refused = Refused { since: Some(Instant::now()), ..Refused::default() };
    }
    // Where none is refused everything is read from the front: a line may be committed after one with a higher number.
    let mut after = refused.last.unwrap_or(i64::MIN);
    loop {
        let round = store.sequence(after, LINES, &place).await?;
        refused.count = refused.count.saturating_add(round.refused);
        refused.last = round.last_refused.or(refused.last);
        match round.last {
            Some(last) if round.chained.saturating_add(round.refused) >= LINES => after = last,
            Some(_) | None => return Ok(refused.count),
        }
    }
}

/// What the chain sees of a row; nothing where its Land is none.
pub fn entry(row: &AuditRow) -> Option<Entry<'_>> {
    let AuditRow { land, application_id, at, actor, action, payload, .. } = row;
    Some(Entry { land: Land::from_short(land)?, application_id: *application_id, at: *at, actor, action, payload })
}

/// The place as the chain knows it.
fn link(row: &LinkRow) -> Link {
    Link { position: u64::try_from(row.position).unwrap_or_default(), head: row.head }
}

/// Chains until shutdown, and witnesses as soon as the sink is ours. Neither waits for the other: a sink that hangs or
/// is refused keeps no line from its place.
pub async fn sequence(pipeline: &Pipeline, secret: &Secret, open: Option<Arc<OpenSink>>) {
    // What was committed last is chained, and what was chained last is witnessed, too.
    let chained = CancellationToken::new();
    let chaining = async {
        chain_all(pipeline, &Keys::new(secret)).await;
        chained.cancel();
    };
    let witnessing = async {
        if let Some(open) = open {
            witness_all(pipeline, &Arc::new(Signer::new(secret)), &open, &chained).await;
        }
    };
    tokio::join!(chaining, witnessing);
}

async fn chain_all(pipeline: &Pipeline, keys: &Keys) {
    let shutdown = &pipeline.runtime.shutdown;
    let trouble = &pipeline.health.audit;
    let mut refused = Refused::default();
    loop {
        let stopping = shutdown.is_cancelled();
        let error = match chain(&*pipeline.store, keys, &mut refused).await {
            Ok(0) => None,
            Ok(n) => Some(format!("{n} entries of the audit were not written with this secret: they are not chained")),
            Err(error) => Some(error.to_string()),
        };
        trouble.note(error, "the audit waits to be chained");
        if stopping {
            return;
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn witness_all(pipeline: &Pipeline, signer: &Arc<Signer>, open: &Arc<OpenSink>, chained: &CancellationToken) {
    let trouble = &pipeline.health.witness;
    let (mut notary, mut refused) = (None, None::<Instant>);
    loop {
        let stopping = chained.is_cancelled();
        if refused.is_none_or(|at| at.elapsed() >= REFUSED) {
            let error = witness(pipeline, signer, open, chained, &mut notary).await.err();
            refused = matches!(error, Some(Unwitnessed::Sink(_))).then(Instant::now);
            trouble.note(error.map(|error| error.to_string()), "the audit waits to be witnessed");
        }
        if refused.is_some() {
            // Before anything is added again, all of it is read again.
            notary = None;
        }
        if stopping {
            return;
        }
        tokio::select! {
            () = chained.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn witness(
    pipeline: &Pipeline,
    signer: &Arc<Signer>,
    open: &Arc<OpenSink>,
    chained: &CancellationToken,
    notary: &mut Option<Notary>,
) -> Result<(), Unwitnessed> {
    if notary.is_none() {
        *notary = Notary::open(&*pipeline.store, signer, open).await?;
    }
    match notary {
        Some(notary) => notary.witness(&*pipeline.store, &pipeline.runtime.clock, chained).await,
        None => Ok(()),
    }
}
