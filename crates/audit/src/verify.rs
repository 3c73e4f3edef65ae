//! Walks the chains and names every place where they were tampered with.

use crate::{Entry, Keys, Link, Witness};
use domain::{Digest, Land};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// What is wrong, and exactly where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The entry is not what its writer committed to.
    Changed { land: Land, position: u64 },
    /// Nothing stands from this position to that one, though something stands behind or was witnessed there.
    Missing { land: Land, position: u64, to: u64 },
    /// The same entry stands at an earlier position: a copy.
    Copied { land: Land, position: u64 },
    /// More than one entry claims this position.
    Doubled { land: Land, position: u64 },
    /// The link does not follow from the one before: inserted, exchanged or reordered.
    Unlinked { land: Land, position: u64 },
    /// Another entry stood here when the checkpoint was signed.
    NotAsWitnessed { land: Land, position: u64 },
    /// An entry that is not chained yet was not written by this program.
    Forged { land: Land, id: i64 },
    /// An entry of this program was taken out of the chain's way.
    Hidden { land: Land, id: i64 },
    /// A row of the store that is no entry: its Land or its head cannot be read.
    Unreadable { id: i64 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (land, what) = match self {
            Self::Unreadable { id } => return write!(f, "the row with id {id} is no audit entry"),
            Self::Changed { land, position } => (land, format!("entry {position} was changed")),
            Self::Missing { land, position, to } if position == to => (land, format!("entry {position} is missing")),
            Self::Missing { land, position, to } => (land, format!("entries {position} to {to} are missing")),
            Self::Copied { land, position } => (land, format!("entry {position} is a copy of an earlier one")),
            Self::Hidden { land, id } => (land, format!("the entry with id {id} was kept out of the chain")),
            Self::Doubled { land, position } => (land, format!("entry {position} is there more than once")),
            Self::Unlinked { land, position } => {
                (land, format!("entry {position} does not follow from the one before"))
            }
            Self::NotAsWitnessed { land, position } => {
                (land, format!("entry {position} is not the one that a checkpoint witnessed"))
            }
            Self::Forged { land, id } => {
                (land, format!("the unchained entry with id {id} was not written by this program"))
            }
        };
        write!(f, "{}: {what}", land.title())
    }
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub entries: u64,
    pub faults: Vec<Fault>,
    /// Entries behind the last checkpoint: chained, but not witnessed outside yet.
    pub unwitnessed: u64,
    /// Entries that the sequencer has not reached, and the oldest.
    pub unchained: u64,
    pub oldest_unchained: Option<Timestamp>,
    /// Entries from before there was a chain.
    pub before: u64,
}

/// Takes the rows of every Land in the order of their positions, then says what is wrong.
#[derive(Debug)]
pub struct Verifier<'k> {
    keys: &'k Keys,
    witness: &'k Witness,
    last: BTreeMap<Land, Link>,
    /// 32 bytes an entry: a copy has the commitment of its original.
    seen: HashSet<Digest>,
    report: Report,
}

impl<'k> Verifier<'k> {
    pub fn new(keys: &'k Keys, witness: &'k Witness) -> Self {
        Self { keys, witness, last: BTreeMap::new(), seen: HashSet::new(), report: Report::default() }
    }

    /// The next chained row of a Land.
    pub fn row(&mut self, entry: &Entry<'_>, commitment: &Digest, link: &Link) {
        let (land, position) = (entry.land, link.position);
        let before = self.last.get(&land).copied();
        let reached = before.map_or(0, |link| link.position);
        self.report.entries += 1;
        if position <= reached {
            return self.report.faults.push(Fault::Doubled { land, position });
        }
        if position > reached + 1 {
            self.report.faults.push(Fault::Missing { land, position: reached + 1, to: position - 1 });
        }
        if !self.seen.insert(*commitment) {
            self.report.faults.push(Fault::Copied { land, position });
        }
        let genuine = self.keys.commitment(entry) == *commitment;
        let witnessed = self.witness.confirms(land, position, commitment);
        // Behind a gap nothing can be linked anew without the key: what was missing is the fault, not what follows.
        let linked = position > reached + 1 || self.keys.link(land, before.as_ref(), commitment) == *link;
        match (genuine, linked, witnessed) {
            (false, _, _) => self.report.faults.push(Fault::Changed { land, position }),
            (true, false, _) => self.report.faults.push(Fault::Unlinked { land, position }),
            (true, true, Some(false)) => self.report.faults.push(Fault::NotAsWitnessed { land, position }),
            (true, true, None) => self.report.unwitnessed += 1,
            (true, true, Some(true)) => {}
        }
        self.last.insert(land, *link);
    }

    /// A row that has no link yet; `waiting` where it still can get one.
    pub fn unchained(&mut self, id: i64, entry: &Entry<'_>, commitment: &Digest, waiting: bool) {
        if self.keys.commitment(entry) != *commitment {
            return self.report.faults.push(Fault::Forged { land: entry.land, id });
        }
        if !self.seen.insert(*commitment) {
            return self.report.faults.push(Fault::Forged { land: entry.land, id });
        }
        if !waiting {
            return self.report.faults.push(Fault::Hidden { land: entry.land, id });
        }
        self.report.unchained += 1;
        let oldest = self.report.oldest_unchained.map_or(entry.at, |at| at.min(entry.at));
        self.report.oldest_unchained = Some(oldest);
    }

    /// A row from before there was a chain.
    pub fn before_the_chain(&mut self) {
        self.report.before += 1;
    }

    /// A row that is no entry.
    pub fn unreadable(&mut self, id: i64) {
        self.report.faults.push(Fault::Unreadable { id });
    }

    /// The end: what was witnessed must have been there.
    pub fn finish(mut self) -> Report {
        for land in self.witness.lands() {
            let reached = self.last.get(&land).map_or(0, |link| link.position);
            let to = self.witness.length(land);
            if to > reached {
                self.report.faults.push(Fault::Missing { land, position: reached + 1, to });
            }
        }
        self.report.faults.sort();
        self.report.faults.dedup();
        self.report
    }
}
