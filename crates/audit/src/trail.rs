//! Reading a sink, line by line: whether each checkpoint follows the one before, and what all of them witness.

use crate::checkpoint::{Checkpoint, CheckpointError, Mark, head};
use domain::{Digest, Land};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What is witnessed of one Land.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Reached {
    /// Entries; also the position of the last.
    length: u64,
    /// What the sink keeps of the last one's commitment.
    last: u64,
}

/// Where a sink ends. Lines hang on each other by their digests, so the signature of the last one stands for all of them:
/// years of checkpoints are read in seconds, and nothing of them is kept.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// A line that somebody remembers.
    known: Option<Mark>,
    lacks_known: bool,
    lines: usize,
    end: Option<Mark>,
    last_at: Option<Timestamp>,
    last_line: (usize, String),
    reached: BTreeMap<Land, Reached>,
}

impl Trail {
    /// Nothing read yet; `known` is a line that must be there.
    pub fn new(known: Option<Mark>) -> Self {
        Self { known, lacks_known: known.is_some(), ..Self::default() }
    }

    /// The next line. Half a line that a crash left says nothing; that nothing is missing, the next one shows.
    ///
    /// # Errors
    /// A line that does not follow the one before: nothing behind it may be believed.
    pub fn follow(&mut self, line: &str) -> Result<(), CheckpointError> {
        self.lines += 1;
        Checkpoint::read(line).map_or(Ok(()), |checkpoint| self.advance(line, &checkpoint))
    }

    fn advance(&mut self, line: &str, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let (order, unreadable) = (CheckpointError::Order(self.lines), CheckpointError::Unreadable(self.lines));
        let follows = checkpoint.previous == self.end.map(|mark| mark.digest);
        if !follows || checkpoint.number != self.end.map_or(0, |mark| mark.number).saturating_add(1) {
            return Err(order);
        }
        for (land, chained) in &checkpoint.chained {
            let land = Land::from_short(land).ok_or(unreadable)?;
            let reached = self.reached.entry(land).or_default();
            if chained.first != reached.length + 1 {
                return Err(order);
            }
            for head in chained.heads() {
                let last = head.ok_or(unreadable)?;
                *reached = Reached { length: reached.length + 1, last };
            }
        }
        let mark = Mark { number: checkpoint.number, digest: Digest::of(line.as_bytes()) };
        self.lacks_known &= self.known != Some(mark);
        (self.end, self.last_at) = (Some(mark), Some(checkpoint.at));
        self.last_line.0 = self.lines;
        self.last_line.1.clear();
        self.last_line.1.push_str(line);
        Ok(())
    }

    /// Whether the last line, and thereby every one before it, is signed with this key.
    ///
    /// # Errors
    /// It is not.
    pub fn close(&self, public_key: &[u8]) -> Result<(), CheckpointError> {
        let (number, line) = &self.last_line;
        let signed = Checkpoint::read(line).is_none_or(|checkpoint| checkpoint.is_signed(public_key));
        if signed { Ok(()) } else { Err(CheckpointError::Signature(*number)) }
    }

    /// The remembered line, where it is not there: lines were removed from the end, or this is another sink.
    pub fn lost(&self) -> Option<Mark> {
        self.known.filter(|_| self.lacks_known)
    }

    /// The line that the next one hangs on.
    pub fn end(&self) -> Option<Mark> {
        self.end
    }

    /// When the last line was written.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    /// Witnessed entries by Land.
    pub fn lengths(&self) -> BTreeMap<Land, u64> {
        self.reached.iter().map(|(land, reached)| (*land, reached.length)).collect()
    }

    /// Whether this is the commitment of the last witnessed entry of a Land.
    pub fn ends_with(&self, land: Land, commitment: &Digest) -> bool {
        self.reached.get(&land).is_some_and(|reached| reached.last == head(commitment))
    }
}

/// What all checkpoints of a sink witness: the commitments of each Land from position 1 on, 64 bits each.
#[derive(Debug, Clone, Default)]
pub struct Witness {
    trail: Trail,
    commitments: BTreeMap<Land, Vec<u64>>,
}

impl Witness {
    /// Nothing witnessed yet; `known` is a line that must be there.
    pub fn new(known: Option<Mark>) -> Self {
        Self { trail: Trail::new(known), ..Self::default() }
    }

    /// The next line, its signature checked, too: the first one that was tampered with is found, and none behind it is
    /// believed.
    ///
    /// # Errors
    /// A line that does not count.
    pub fn follow(&mut self, line: &str, public_key: &[u8]) -> Result<(), CheckpointError> {
        self.trail.lines += 1;
        let Some(checkpoint) = Checkpoint::read(line) else { return Ok(()) };
        if !checkpoint.is_signed(public_key) {
            return Err(CheckpointError::Signature(self.trail.lines));
        }
        self.trail.advance(line, &checkpoint)?;
        for (land, chained) in &checkpoint.chained {
            let Some(land) = Land::from_short(land) else { continue };
            self.commitments.entry(land).or_default().extend(chained.heads().flatten());
        }
        Ok(())
    }

    /// Where the sink ends.
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// How many entries of a Land are witnessed.
    pub fn length(&self, land: Land) -> u64 {
        self.commitments.get(&land).map_or(0, |known| known.len() as u64)
    }

    /// Whether a commitment is the witnessed one; nothing where that position is not witnessed yet.
    pub(crate) fn confirms(&self, land: Land, position: u64, commitment: &Digest) -> Option<bool> {
        let at = usize::try_from(position.checked_sub(1)?).ok()?;
        let known = self.commitments.get(&land)?.get(at)?;
        Some(head(commitment) == *known)
    }
}
