//! Walks a chain and names every place where it was tampered with.

use crate::{Entry, Fault, Faults, Keys, Link, Witness};
use domain::{Digest, Land};
use jiff::Timestamp;

/// What the walk over one chain found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub entries: u64,
    pub faults: Faults,
    /// Entries behind the last checkpoint: chained, but not witnessed outside yet.
    pub unwitnessed: u64,
}

/// Takes the rows of one Land in the order of their positions, whatever their actions, then says what is wrong.
#[derive(Debug)]
pub struct Verifier<'k> {
    keys: &'k Keys,
    witness: &'k Witness,
    land: Land,
    last: Option<Link>,
    report: Report,
}

impl<'k> Verifier<'k> {
    pub fn new(keys: &'k Keys, witness: &'k Witness, land: Land) -> Self {
        Self { keys, witness, land, last: None, report: Report::default() }
    }

    /// The next chained row of the Land.
    pub fn row(&mut self, entry: &Entry<'_>, commitment: &Digest, link: &Link) {
        let (land, position) = (self.land, link.position);
        let reached = self.reached();
        self.report.entries += 1;
        if position <= reached {
            return self.report.faults.push(Fault::Doubled { land, position });
        }
        if position > reached + 1 {
            self.report.faults.push(Fault::Missing { land, position: reached + 1, to: position - 1 });
        }
        let genuine = self.keys.commitment(entry) == *commitment;
        let witnessed = self.witness.confirms(land, position, commitment);
        // Behind a gap nothing can be linked anew without the key: what was missing is the fault, not what follows.
        let linked = position > reached + 1 || self.keys.link(land, self.last.as_ref(), commitment) == *link;
        match (genuine, linked, witnessed) {
            (false, _, _) => self.report.faults.push(Fault::Changed { land, position }),
            (true, false, _) => self.report.faults.push(Fault::Unlinked { land, position }),
            (true, true, Some(false)) => self.report.faults.push(Fault::NotAsWitnessed { land, position }),
            (true, true, None) => self.report.unwitnessed += 1,
            (true, true, Some(true)) => {}
        }
        self.last = Some(*link);
    }

    /// A row that is no entry.
    pub fn unreadable(&mut self, id: i64) {
        self.report.faults.push(Fault::Unreadable { id });
    }

    fn reached(&self) -> u64 {
        self.last.map_or(0, |link| link.position)
    }

    /// The end: what was witnessed must have been there.
    pub fn finish(mut self) -> Report {
        let (land, reached, to) = (self.land, self.reached(), self.witness.length(self.land));
        if to > reached {
            self.report.faults.push(Fault::Missing { land, position: reached + 1, to });
        }
        self.report
    }
}

/// What stands outside the chains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail {
    pub faults: Faults,
    /// Entries that the sequencer has not reached, and the oldest.
    pub waiting: u64,
    pub oldest: Option<Timestamp>,
    /// Entries from before there was a chain: they prove nothing.
    pub before: u64,
}

impl Tail {
    /// A row that has no link yet; `waiting` where it still can get one.
    pub fn unchained(&mut self, keys: &Keys, id: i64, entry: &Entry<'_>, commitment: &Digest, waiting: bool) {
        if keys.commitment(entry) != *commitment {
            return self.faults.push(Fault::Forged { land: entry.land, id });
        }
        if !waiting {
            return self.faults.push(Fault::Hidden { land: entry.land, id });
        }
        self.waiting += 1;
        self.oldest = Some(self.oldest.map_or(entry.at, |at| at.min(entry.at)));
    }

    /// A row that is no entry.
    pub fn unreadable(&mut self, id: i64) {
        self.faults.push(Fault::Unreadable { id });
    }
}
