//! The chain over the audit: one chain a Land, keyed links, signed checkpoints that leave the house.
//!
//! Three things hold each other. A *commitment* is the keyed digest of an entry, made by whoever writes it: the database
//! alone can make none. A *link* gives an entry its position behind the one before it. A *checkpoint* witnesses all new
//! commitments outside the database, so that even who has the keys and rewrites everything is found, at the entry.
//! What an entry speaks of – the stored application, its decisions and documents – it names by keyed digests, and
//! [`Comparison`] looks whether it is still that. Pure: rows come in, links and findings go out.

mod checkpoint;
mod compare;
mod fault;
mod trail;
mod verify;

#[cfg(test)]
mod tests;

pub use checkpoint::{Checkpoint, CheckpointError, Mark, Signer};
pub use compare::{Application, Case, Comparison, Decision, Document, Line, Subject};
pub use fault::{Fault, Faults, Thing, Wrong};
pub use trail::{Trail, Witness};
pub use verify::{Report, Row, Tail, Verifier};

use domain::{ApplicationId, Digest, Land, Secret};
use jiff::Timestamp;

/// What is chained: a line of the audit.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub land: Land,
    pub application_id: ApplicationId,
    /// Microseconds count; what is finer is not kept.
    pub at: Timestamp,
    pub actor: &'a str,
    pub action: &'a str,
    /// Canonical bytes.
    pub payload: &'a [u8],
}

/// The place of an entry in the chain of its Land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// From 1 on.
    pub position: u64,
    pub head: Digest,
}

impl Link {
    /// Where every chain begins.
    pub const START: Self = Self { position: 0, head: Digest([0; 32]) };
}

/// The keys of the audit, derived from the master secret.
#[derive(Debug, Clone)]
pub struct Keys {
    entry: Secret,
    chain: Secret,
    content: Secret,
}

impl Keys {
    pub fn new(secret: &Secret) -> Self {
        Self {
            entry: secret.derive("audit-entry"),
            chain: secret.derive("audit-chain"),
            content: secret.derive("audit-content"),
        }
    }

    /// Keyed digest of everything that an entry says. Without the key nobody can make one, nor guess what stands there.
    pub fn commitment(&self, entry: &Entry<'_>) -> Digest {
        let micros = entry.at.as_microsecond().to_be_bytes();
        self.entry.mac([
            entry.land.code().as_bytes(),
            entry.application_id.0.as_bytes().as_slice(),
            &micros,
            entry.actor.as_bytes(),
            entry.action.as_bytes(),
            entry.payload,
        ])
    }

    /// The link behind another one.
    pub fn link(&self, land: Land, before: &Link, commitment: &Digest) -> Link {
        let position = before.position.saturating_add(1);
        let (place, head) = (position.to_be_bytes(), &before.head.0);
        Link { position, head: self.chain.mac([land.code().as_bytes(), place.as_slice(), head, &commitment.0]) }
    }

    /// What stands for content in a payload, as `content`: nobody without the key can tell from it what was sent.
    pub fn content(&self, content: &[u8]) -> Digest {
        self.content.mac([content])
    }

    /// What stands for that part of a stored application that will be erased, as `sent`.
    pub fn sent(&self, row: &Application<'_>) -> Digest {
        self.content.mac([b"sent".as_slice(), row.client_id.as_bytes(), row.content, row.raw])
    }

    /// The same once it is erased: a tombstone in the place of the sender's key, no content, nothing raw.
    pub fn erased(&self, tombstone: &str) -> Digest {
        self.content.mac([b"sent".as_slice(), tombstone.as_bytes(), &[0; 32], &[]])
    }

    /// What stands for the rest of a stored application, as `application`.
    pub fn application(&self, row: &Application<'_>) -> Digest {
        let micros = [row.observed_at, row.received_at].map(|at| at.as_microsecond().to_be_bytes());
        self.content.mac([
            b"application".as_slice(),
            row.sender.as_bytes(),
            row.service.as_bytes(),
            row.ars.as_bytes(),
            row.form_version.as_bytes(),
            micros.as_flattened(),
        ])
    }

    /// What stands for a stored decision, as `decision` beside its `decision_no`.
    pub fn decision(&self, row: &Decision<'_>) -> Digest {
        let notice = row.notice_id.map(|id| id.0);
        let [notice, rule_set, data] =
            [notice.as_ref().map(|id| id.as_bytes().as_slice()), row.rule_set.map(str::as_bytes), row.data].map(part);
        self.content.mac([
            b"decision".as_slice(),
            &row.number.to_be_bytes(),
            notice.0,
            notice.1,
            rule_set.0,
            rule_set.1,
            &row.decided_at.as_microsecond().to_be_bytes(),
            row.decision,
            row.trace,
            row.context,
            data.0,
            data.1,
        ])
    }

    /// What stands for a document in the file, as `content` beside its key as `document`.
    pub fn document(&self, row: &Document<'_>) -> Digest {
        self.content.mac([
            b"document".as_slice(),
            row.key.as_bytes(),
            row.kind.as_bytes(),
            &row.at.as_microsecond().to_be_bytes(),
            row.actor.as_bytes(),
            row.body,
        ])
    }
}

/// Something that may not be there is not the same as something empty.
fn part(bytes: Option<&[u8]>) -> (&[u8], &[u8]) {
    bytes.map_or((b"none", b""), |bytes| (b"some", bytes))
}
