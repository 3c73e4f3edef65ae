//! Chains what the audit has new, and has it witnessed outside the database. One for all processes of a store.

use crate::pipeline::Pipeline;
use audit::{Entry, Keys, Link, Signer, Witness};
use domain::{Digest, Land, Secret};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use storage::{AuditRow, LinkRow, Store, StoreError};

/// Lines that get their place in one transaction, and lines that one checkpoint witnesses at most.
const LINES: u32 = 2_000;
/// How often it looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Adds a line durably; the error is a sentence for the operator.
type Append = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// Where checkpoints go: a place that whoever can write the database cannot write.
pub struct Sink {
    /// The lines that are there.
    pub lines: String,
    pub append: Box<Append>,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sink({} bytes)", self.lines.len())
    }
}

/// Who has new lines witnessed.
#[derive(Debug)]
struct Notary {
    signer: Signer,
    sink: Sink,
    last: Option<String>,
    /// Witnessed positions by Land.
    witnessed: BTreeMap<Land, u64>,
}

impl Notary {
    /// Goes on where the sink ends.
    ///
    /// # Errors
    /// A sink that was tampered with: nothing is added to it before somebody has looked.
    fn new(signer: Signer, sink: Sink) -> Result<Self, audit::CheckpointError> {
        let (witness, error) = Witness::read(&sink.lines, &signer.public_key());
        if let Some(error) = error {
            return Err(error);
        }
        let last = witness.last_line.clone();
        let witnessed = witness.lands().map(|land| (land, witness.length(land))).collect();
        Ok(Self { signer, sink, last, witnessed })
    }

    /// One checkpoint over chained lines that none witnesses yet; false where there are none.
    async fn witness(&mut self, store: &dyn Store, now: Timestamp) -> Result<bool, String> {
        let mut new: BTreeMap<Land, (u64, Vec<Digest>)> = BTreeMap::new();
        for land in Land::ALL {
            let done = self.witnessed.get(land).copied().unwrap_or_default();
            let after = i64::try_from(done).unwrap_or(i64::MAX);
            let rows = store.commitments(land.short(), after, LINES).await.map_err(|e| e.to_string())?;
            // Only what follows without a gap is witnessed: a checkpoint must never say what is not there.
            let follows = |(i, (position, _)): &(usize, &(i64, Vec<u8>))| {
                i64::try_from(*i).is_ok_and(|i| *position == after + 1 + i)
            };
            let fitting = rows.iter().enumerate().take_while(follows);
            let commitments: Vec<Digest> =
                fitting.map_while(|(_, (_, bytes))| Digest::try_from(bytes.clone()).ok()).collect();
            if commitments.len() < rows.len() && commitments.is_empty() {
                return Err(format!("{}: no readable entry {} in the chain; run cases verify", land.title(), done + 1));
            }
            if !commitments.is_empty() {
                new.insert(*land, (done + 1, commitments));
            }
        }
        if new.is_empty() {
            return Ok(false);
        }
        let line = self.signer.line(self.last.as_deref(), now, &new);
        (self.sink.append)(&line)?;
        for (land, (_, commitments)) in new {
            *self.witnessed.entry(land).or_default() += commitments.len() as u64;
        }
        self.last = Some(line);
        Ok(true)
    }
}

/// Gives lines without a place theirs; how many are refused, because this program with this key did not write them.
async fn chain(store: &dyn Store, keys: &Keys) -> Result<u32, StoreError> {
    let place = |row: &AuditRow, last: Option<&LinkRow>| {
        let (entry, commitment) = (entry(row)?, Digest::try_from(row.commitment.clone()).ok()?);
        if keys.commitment(&entry) != commitment {
            return None;
        }
        let link = keys.link(entry.land, last.map(link).as_ref(), &commitment);
        Some(LinkRow { position: i64::try_from(link.position).ok()?, head: link.head })
    };
    let mut refused = 0;
    loop {
        // What was refused stands in front every time and must not keep the others away.
        let round = store.sequence(LINES.saturating_add(refused), &place).await?;
        let stuck = round.refused == refused;
        refused = round.refused;
        if round.chained < LINES && stuck {
            return Ok(refused);
        }
    }
}

/// What the chain sees of a row; nothing where its Land is none.
pub fn entry(row: &AuditRow) -> Option<Entry<'_>> {
    let AuditRow { land, application_id, at, actor, action, payload, .. } = row;
    Some(Entry { land: Land::from_short(land)?, application_id: *application_id, at: *at, actor, action, payload })
}

/// The place as the chain knows it.
pub fn link(row: &LinkRow) -> Link {
    Link { position: u64::try_from(row.position).unwrap_or_default(), head: row.head }
}

/// Opens the sink where no other process holds it; nothing where one does.
pub type OpenSink = dyn Fn() -> Result<Option<Sink>, String> + Send + Sync;

/// Chains until shutdown, and witnesses as soon as the sink is ours.
pub async fn sequence(pipeline: &Pipeline, secret: &Secret, open: Option<Box<OpenSink>>) {
    let shutdown = pipeline.runtime.shutdown.clone();
    let keys = Keys::new(secret);
    let mut notary = None;
    loop {
        let stopping = shutdown.is_cancelled();
        match round(pipeline, secret, &keys, open.as_deref(), &mut notary).await {
            Ok(()) => pipeline.health.audit.clear(),
            Err(error) => {
                tracing::warn!(%error, "the audit waits to be chained and witnessed");
                pipeline.health.audit.set(error);
            }
        }
        // What was committed last is chained, too.
        if stopping {
            return;
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn round(
    pipeline: &Pipeline,
    secret: &Secret,
    keys: &Keys,
    open: Option<&OpenSink>,
    notary: &mut Option<Notary>,
) -> Result<(), String> {
    let store = &*pipeline.store;
    let refused = chain(store, keys).await.map_err(|e| e.to_string())?;
    if notary.is_none()
        && let Some(open) = open
        && let Some(sink) = open()?
    {
        *notary = Some(Notary::new(Signer::new(secret), sink).map_err(|e| e.to_string())?);
    }
    if let Some(notary) = notary {
        let shutdown = &pipeline.runtime.shutdown;
        while notary.witness(store, (pipeline.runtime.clock)()).await? && !shutdown.is_cancelled() {}
    }
    match refused {
        0 => Ok(()),
        n => Err(format!("{n} entries of the audit were not written with this secret: they are not chained")),
    }
}
