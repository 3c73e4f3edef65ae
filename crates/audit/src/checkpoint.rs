//! Checkpoints: signed lines for a place that whoever can write the database cannot write.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Digest, Land, Secret};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of the sink: what was chained since the line before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// From 1 on, without gaps.
    pub number: u64,
    pub at: Timestamp,
    /// SHA-256 of the line before; nothing in the first.
    pub previous: Option<Digest>,
    /// New commitments by Land, in the order of their positions.
    pub chained: BTreeMap<String, Chained>,
    /// Ed25519 (RFC 8032) over the line without this field, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// What a checkpoint says of one Land.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chained {
    /// Position of the first new one.
    pub first: u64,
    /// The first eight bytes of each commitment, in hex, one behind the other.
    pub commitments: String,
}

/// Hex digits of one commitment in a checkpoint: 64 bits are enough to find a difference, not to make one.
const DIGITS: usize = 16;

/// A line of the sink as others remember it; the next line hangs on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub number: u64,
    /// SHA-256 of the line.
    pub digest: Digest,
}

/// Why a line of the sink does not count, by its line in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("checkpoint line {0} cannot be read")]
    Unreadable(usize),
    #[error("checkpoint line {0} has no valid signature")]
    Signature(usize),
    #[error("checkpoint line {0} does not follow the line before it: one was removed, inserted or exchanged")]
    Order(usize),
}

/// Signs checkpoints; made from the master secret, so that a restart keeps the key.
pub struct Signer(Ed25519KeyPair);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    pub fn new(secret: &Secret) -> Self {
        let seed = secret.derive("audit-checkpoint").mac([b"seed".as_slice()]);
        // INVARIANT: a seed of 32 bytes is always one.
        Self(Ed25519KeyPair::from_seed_unchecked(&seed.0).unwrap_or_else(|_| unreachable!("32 bytes are a seed")))
    }

    /// The key that others check with, 32 bytes.
    pub fn public_key(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// The line to append behind the `last` one: what was chained by Land, each with its first position.
    pub fn line(
        &self,
        last: Option<Mark>,
        at: Timestamp,
        chained: &BTreeMap<Land, (u64, Vec<Digest>)>,
    ) -> (String, Mark) {
        let number = last.map_or(0, |mark| mark.number).saturating_add(1);
        let short = |digest: &Digest| digest.hex().chars().take(DIGITS).collect::<String>();
        let of_land = |(land, (first, new)): (&Land, &(u64, Vec<Digest>))| {
            (land.short().to_owned(), Chained { first: *first, commitments: new.iter().map(short).collect() })
        };
        let mut checkpoint = Checkpoint {
            number,
            at,
            previous: last.map(|mark| mark.digest),
            chained: chained.iter().map(of_land).collect(),
            signature: None,
        };
        let signature = self.0.sign(unsigned(&checkpoint).as_bytes());
        checkpoint.signature = Some(STANDARD.encode(signature.as_ref()));
        let line = serde_json::to_string(&checkpoint).unwrap_or_default();
        let mark = Mark { number, digest: Digest::of(line.as_bytes()) };
        (line, mark)
    }
}

impl Checkpoint {
    /// A line of the sink; nothing where it is half a line that a crash left.
    pub(crate) fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    pub(crate) fn is_signed(&self, public_key: &[u8]) -> bool {
        let signature = self.signature.as_ref().and_then(|text| STANDARD.decode(text).ok());
        let key = UnparsedPublicKey::new(&ED25519, public_key);
        signature.is_some_and(|bytes| key.verify(unsigned(self).as_bytes(), &bytes).is_ok())
    }
}

impl Chained {
    /// The first 64 bits of each commitment; nothing where a digit is none.
    pub(crate) fn heads(&self) -> impl Iterator<Item = Option<u64>> {
        let head = |at| u64::from_str_radix(self.commitments.get(at..at + DIGITS)?, 16).ok();
        (0..self.commitments.len()).step_by(DIGITS).map(head)
    }
}

/// What a checkpoint keeps of a commitment.
pub(crate) fn head(commitment: &Digest) -> u64 {
    commitment.0.iter().take(DIGITS / 2).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn unsigned(checkpoint: &Checkpoint) -> String {
    serde_json::to_string(&Checkpoint { signature: None, ..checkpoint.clone() }).unwrap_or_default()
}
