//! Walks a chain and names every place where it was tampered with.

use crate::{Entry, Fault, Faults, Keys, Link, Witness};
use domain::{Digest, Land};
use jiff::Timestamp;

/// A row with a place as it is stored: nothing where something stands that this program does not write.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub position: u64,
    pub entry: Option<Entry<'a>>,
    pub commitment: Option<Digest>,
    pub head: Option<Digest>,
}

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
    reached: u64,
    /// Heads that the next row may hang on: the last one as it should be, and as it is stored; a wrong one is one fault,
    /// not also one of its follower. None behind a gap: what was missing is the fault, not what follows.
    last: Vec<Digest>,
    report: Report,
}

impl<'k> Verifier<'k> {
    pub fn new(keys: &'k Keys, witness: &'k Witness, land: Land) -> Self {
        Self { keys, witness, land, reached: 0, last: vec![Link::START.head], report: Report::default() }
    }

    /// The next chained row of the Land.
    pub fn row(&mut self, row: &Row<'_>) {
        let (land, position) = (self.land, row.position);
        self.report.entries += 1;
        if position <= self.reached {
            self.last.extend(row.head);
            return self.report.faults.push(Fault::Doubled { land, position });
        }
        if position > self.reached + 1 {
            self.report.faults.push(Fault::Missing { land, position: self.reached + 1, to: position - 1 });
            self.last.clear();
        }
        self.reached = position;
        let commitment = row.commitment;
        let genuine = row.entry.is_some_and(|entry| commitment == Some(self.keys.commitment(&entry)));
        let linked = self.follow(row);
        match (genuine, linked, commitment.and_then(|it| self.witness.confirms(land, position, &it))) {
            (false, _, _) => self.report.faults.push(Fault::Changed { land, position }),
            (true, false, _) => self.report.faults.push(Fault::Unlinked { land, position }),
            (true, true, Some(false)) => self.report.faults.push(Fault::NotAsWitnessed { land, position }),
            (true, true, None) => self.report.unwitnessed += 1,
            (true, true, Some(true)) => {}
        }
    }

    /// Whether the row hangs on the one before it.
    fn follow(&mut self, row: &Row<'_>) -> bool {
        let position = row.position.saturating_sub(1);
        let behind = |head: &Digest| {
            let before = Link { position, head: *head };
            Some(self.keys.link(self.land, &before, &row.commitment?).head)
        };
        let mut last = self.last.iter();
        let ought = last.next().and_then(behind);
        let linked = self.last.is_empty()
            || row.head.is_some() && (ought == row.head || last.any(|head| behind(head) == row.head));
        self.last.clear();
        self.last.extend(ought.filter(|_| !linked));
        self.last.extend(row.head);
        linked
    }

    /// The end: what was witnessed must have been there.
    pub fn finish(mut self) -> Report {
        let (land, to) = (self.land, self.witness.length(self.land));
        if to > self.reached {
            self.report.faults.push(Fault::Missing { land, position: self.reached + 1, to });
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
