//! What is wrong, and exactly where.

use domain::{ApplicationId, Land};
use std::fmt;
use uuid::Uuid;

/// One thing that is wrong.
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
    /// What the store has of an application is not what the audit says of it.
    Stored { id: ApplicationId, thing: Thing, wrong: Wrong },
}

/// What the store has of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    Application,
    Case,
    /// By its number.
    Decision(i64),
    /// By its key in the file.
    Document(Uuid),
}

/// How it differs from the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// It is not what stood there when the audit line was written.
    Changed,
    /// The audit says that it is there.
    Missing,
    /// No line of the audit speaks of it.
    Unaudited,
    /// Nothing of this program stands there.
    Unreadable,
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application => f.write_str("what was sent"),
            Self::Case => f.write_str("its case"),
            Self::Decision(number) => write!(f, "decision {number}"),
            Self::Document(key) => write!(f, "document {key}"),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "is not what was audited",
            Self::Missing => "is missing",
            Self::Unaudited => "has no audit entry",
            Self::Unreadable => "cannot be read",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (land, what) = match self {
            Self::Stored { id, thing, wrong } => return write!(f, "application {id}: {thing} {wrong}"),
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

/// Faults in the order in which they were found: all are counted, the first are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    first: Vec<Fault>,
    total: u64,
}

impl Faults {
    /// How many are kept: with the wrong secret everything is a fault.
    const KEPT: usize = 1_000;

    pub(crate) fn push(&mut self, fault: Fault) {
        // Three rows at one position are doubled once.
        if self.first.last() == Some(&fault) {
            return;
        }
        self.total += 1;
        if self.first.len() < Self::KEPT {
            self.first.push(fault);
        }
    }

    /// Those of another walk, behind the own ones.
    pub fn extend(&mut self, others: Self) {
        self.total += others.total;
        let free = Self::KEPT.saturating_sub(self.first.len());
        self.first.extend(others.first.into_iter().take(free));
    }

    /// The first ones.
    pub fn first(&self) -> &[Fault] {
        &self.first
    }

    pub fn total(&self) -> u64 {
        self.total
    }
}
