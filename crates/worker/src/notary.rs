//! Has chained lines witnessed in the sink, and refuses one that is not the sink of this store any more.
//!
//! The store remembers the last checkpoint: a sink without it was emptied or exchanged. The sink remembers what was
//! chained: a store without that was set back. Whoever wants to go unnoticed must change both.

use crate::pipeline::Clock;
use audit::{Mark, Signer, Trail};
use domain::{Digest, Land};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use storage::{Store, StoreError, WitnessRow};
use tokio_util::sync::CancellationToken;

/// Lines of a Land that one checkpoint witnesses at most.
const LINES: u32 = 2_000;

/// Adds a line durably behind those that were read; the error is a sentence for the operator.
type Append = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// Where checkpoints go: a place that whoever can write the database cannot write. Ours until it is dropped.
#[derive(Clone)]
pub struct Sink(pub Arc<Append>);

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink(…)")
    }
}

/// Opens the sink where no other process holds it (nothing where one does), and hands over each line that is there.
pub type OpenSink = dyn Fn(&mut dyn FnMut(&str) -> Result<(), String>) -> Result<Option<Sink>, String> + Send + Sync;

/// Why nothing is witnessed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwitnessed {
    /// Goes on by itself.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something stands in the chain that nothing can be said about.
    #[error("{0}")]
    Chain(String),
    /// Nothing is added before the sink was read again; mostly somebody has to look.
    #[error("{0}")]
    Sink(String),
}

/// Who has new lines witnessed.
#[derive(Debug)]
pub(crate) struct Notary {
    signer: Arc<Signer>,
    sink: Sink,
    end: Option<Mark>,
    /// What the store remembers; one line behind the end while it does not answer.
    noted: Option<Mark>,
    /// Witnessed positions by Land.
    witnessed: BTreeMap<Land, u64>,
}

impl Notary {
    /// Reads the sink and goes on where it ends; nothing where another process does.
    ///
    /// # Errors
    /// A sink that was tampered with, or that is not the one of this store.
    pub(crate) async fn open(
        store: &dyn Store,
        signer: &Arc<Signer>,
        open: &Arc<OpenSink>,
    ) -> Result<Option<Self>, Unwitnessed> {
        let noted = store.witness().await?.map(|row| mark(&row)).transpose()?;
        let (reading, public_key) = (open.clone(), signer.public_key());
        // A sink of years takes its time; the others of this thread go on.
        let read = tokio::task::spawn_blocking(move || {
            let mut trail = Trail::new(noted);
            let sink = reading(&mut |line| trail.follow(line).map_err(tampered))?;
            trail.close(&public_key).map_err(tampered)?;
            Ok((sink, trail))
        });
        let read = read.await.unwrap_or_else(|error| Err(format!("the audit sink was not read: {error}")));
        let (Some(sink), trail) = read.map_err(Unwitnessed::Sink)? else { return Ok(None) };
        of_this_store(store, &trail).await?;
        let (end, witnessed) = (trail.end(), trail.lengths());
        let mut notary = Self { signer: signer.clone(), sink, end, noted, witnessed };
        notary.note(store).await?;
        Ok(Some(notary))
    }

    /// Checkpoints over chained lines that none witnesses yet, until there are none.
    pub(crate) async fn witness(
        &mut self,
        store: &dyn Store,
        clock: &Clock,
        stop: &CancellationToken,
    ) -> Result<(), Unwitnessed> {
        self.note(store).await?;
        loop {
            let new = self.unwitnessed(store).await?;
            if new.is_empty() {
                return Ok(());
            }
            let (line, mark) = self.signer.line(self.end, clock(), &new);
            let append = self.sink.0.clone();
            let appended = tokio::task::spawn_blocking(move || append(&line)).await;
            appended.unwrap_or_else(|error| Err(error.to_string())).map_err(Unwitnessed::Sink)?;
            self.end = Some(mark);
            for (land, (_, commitments)) in new {
                *self.witnessed.entry(land).or_default() += commitments.len() as u64;
            }
            self.note(store).await?;
            if stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// What is chained and not witnessed, each Land with its first position.
    async fn unwitnessed(&self, store: &dyn Store) -> Result<BTreeMap<Land, (u64, Vec<Digest>)>, Unwitnessed> {
        let mut new = BTreeMap::new();
        for land in Land::ALL {
            let done = self.witnessed.get(land).copied().unwrap_or_default();
            let after = i64::try_from(done).unwrap_or(i64::MAX);
            let rows = store.commitments(land.short(), after, LINES).await?;
            // Only what follows without a gap is witnessed: a checkpoint must never say what is not there.
            let follows = |(i, (position, _)): &(usize, &(i64, Vec<u8>))| {
                i64::try_from(*i).is_ok_and(|i| *position == after + 1 + i)
            };
            let fitting = rows.iter().enumerate().take_while(follows);
            let commitments: Vec<Digest> =
                fitting.map_while(|(_, (_, bytes))| Digest::try_from(bytes.clone()).ok()).collect();
            if commitments.is_empty() && !rows.is_empty() {
                let text = format!("{}: no readable entry {} in the chain; run cases verify", land.title(), done + 1);
                return Err(Unwitnessed::Chain(text));
            }
            if !commitments.is_empty() {
                new.insert(*land, (done + 1, commitments));
            }
        }
        Ok(new)
    }

    /// Has the store remember where the sink ends.
    async fn note(&mut self, store: &dyn Store) -> Result<(), Unwitnessed> {
        let Some(end) = self.end.filter(|_| self.end != self.noted) else { return Ok(()) };
        if !store.note_witness(self.noted.as_ref().map(row).as_ref(), &row(&end)).await? {
            let text = "this store is witnessed in another sink, too: give all processes of a store one audit_sink";
            return Err(Unwitnessed::Sink(text.to_owned()));
        }
        self.noted = Some(end);
        Ok(())
    }
}

/// Whether sink and store belong together.
async fn of_this_store(store: &dyn Store, trail: &Trail) -> Result<(), Unwitnessed> {
    if let Some(lost) = trail.lost() {
        let ends =
            trail.end().map_or_else(|| "is empty".to_owned(), |mark| format!("ends at checkpoint {}", mark.number));
        return Err(Unwitnessed::Sink(format!(
            "the audit sink {ends}, but not with checkpoint {} that it took before: it was emptied or exchanged. Put the \
             file back; where it is lost for good, see \"A sink that is refused\" in docs/howto/operate.md",
            lost.number
        )));
    }
    for (land, length) in trail.lengths() {
        let before = i64::try_from(length).unwrap_or(i64::MAX).saturating_sub(1);
        let rows = store.commitments(land.short(), before, 1).await?;
        let same = rows.first().is_some_and(|(position, bytes)| {
            let commitment = Digest::try_from(bytes.clone());
            *position == before + 1 && commitment.is_ok_and(|commitment| trail.ends_with(land, &commitment))
        });
        if !same {
            return Err(Unwitnessed::Sink(format!(
                "the audit sink witnesses entry {length} of {}, but the store does not have it: it was set back or \
                 changed. Run cases verify; see \"A sink that is refused\" in docs/howto/operate.md",
                land.title()
            )));
        }
    }
    Ok(())
}

fn tampered(error: audit::CheckpointError) -> String {
    format!("the audit sink was tampered with: {error}. Put the file back; cases verify says more")
}

fn row(mark: &Mark) -> WitnessRow {
    WitnessRow { number: i64::try_from(mark.number).unwrap_or(i64::MAX), digest: mark.digest.0.to_vec() }
}

/// The checkpoint that a store remembers.
///
/// # Errors
/// Somebody wrote there what no program writes.
pub fn mark(row: &WitnessRow) -> Result<Mark, StoreError> {
    let number = u64::try_from(row.number);
    let digest = Digest::try_from(row.digest.clone());
    match (number, digest) {
        (Ok(number), Ok(digest)) => Ok(Mark { number, digest }),
        _ => Err(StoreError::Refused("table audit_witness holds no checkpoint".to_owned())),
    }
}
