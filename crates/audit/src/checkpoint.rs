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

/// Why a line of the sink does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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

    /// The line to append: what was chained by Land, each with its first position, behind the `last` line.
    pub fn line(&self, last: Option<&str>, at: Timestamp, chained: &BTreeMap<Land, (u64, Vec<Digest>)>) -> String {
        let number = last.and_then(|line| read(line).ok()).map_or(1, |checkpoint| checkpoint.number + 1);
        let short = |digest: &Digest| digest.hex().chars().take(DIGITS).collect::<String>();
        let of_land = |(land, (first, new)): (&Land, &(u64, Vec<Digest>))| {
            (land.short().to_owned(), Chained { first: *first, commitments: new.iter().map(short).collect() })
        };
        let mut checkpoint = Checkpoint {
            number,
            at,
            previous: last.map(|line| Digest::of(line.as_bytes())),
            chained: chained.iter().map(of_land).collect(),
            signature: None,
        };
        let signature = self.0.sign(unsigned(&checkpoint).as_bytes());
        checkpoint.signature = Some(STANDARD.encode(signature.as_ref()));
        serde_json::to_string(&checkpoint).unwrap_or_default()
    }
}

fn unsigned(checkpoint: &Checkpoint) -> String {
    serde_json::to_string(&Checkpoint { signature: None, ..checkpoint.clone() }).unwrap_or_default()
}

fn read(line: &str) -> Result<Checkpoint, serde_json::Error> {
    serde_json::from_str(line)
}

/// What all checkpoints of a sink witness: the commitments of each Land from position 1 on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witness {
    commitments: BTreeMap<Land, Vec<u64>>,
    pub checkpoints: usize,
    pub last_at: Option<Timestamp>,
    /// The line that the next one hangs on.
    pub last_line: Option<String>,
}

impl Witness {
    /// Reads and checks all lines; what follows a line that does not count is not believed.
    ///
    /// # Errors
    /// With what was witnessed up to there: the first line that was tampered with.
    pub fn read(sink: &str, public_key: &[u8]) -> (Self, Option<CheckpointError>) {
        let key = UnparsedPublicKey::new(&ED25519, public_key);
        let mut witness = Self::default();
        for (i, line) in sink.lines().enumerate() {
            // Half a line that a crash left says nothing; that nothing is missing, the next one shows.
            if read(line).is_err() {
                continue;
            }
            if let Err(error) = witness.take(i + 1, line, &key) {
                return (witness, Some(error));
            }
            witness.last_line = Some(line.to_owned());
        }
        (witness, None)
    }

    fn take(&mut self, number: usize, line: &str, key: &UnparsedPublicKey<&[u8]>) -> Result<(), CheckpointError> {
        let checkpoint = read(line).map_err(|_| CheckpointError::Unreadable(number))?;
        let signature = checkpoint.signature.as_ref().and_then(|text| STANDARD.decode(text).ok());
        let signed = signature.is_some_and(|bytes| key.verify(unsigned(&checkpoint).as_bytes(), &bytes).is_ok());
        if !signed {
            return Err(CheckpointError::Signature(number));
        }
        let before = self.last_line.as_ref().map(|line| Digest::of(line.as_bytes()));
        let follows = checkpoint.previous == before;
        if !follows || checkpoint.number != self.checkpoints as u64 + 1 {
            return Err(CheckpointError::Order(number));
        }
        for (land, chained) in &checkpoint.chained {
            let land = Land::from_short(land).ok_or(CheckpointError::Unreadable(number))?;
            let known = self.commitments.entry(land).or_default();
            if chained.first != known.len() as u64 + 1 {
                return Err(CheckpointError::Order(number));
            }
            for at in (0..chained.commitments.len()).step_by(DIGITS) {
                let digits = chained.commitments.get(at..at + DIGITS);
                let short = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
                known.push(short.ok_or(CheckpointError::Unreadable(number))?);
            }
        }
        self.checkpoints += 1;
        self.last_at = Some(checkpoint.at);
        Ok(())
    }

    /// How many entries of a Land are witnessed.
    pub fn length(&self, land: Land) -> u64 {
        self.commitments.get(&land).map_or(0, |known| known.len() as u64)
    }

    /// Lands with witnessed entries.
    pub fn lands(&self) -> impl Iterator<Item = Land> {
        self.commitments.keys().copied()
    }

    /// Whether a commitment is the witnessed one; nothing where that position is not witnessed yet.
    pub(crate) fn confirms(&self, land: Land, position: u64, commitment: &Digest) -> Option<bool> {
        let at = usize::try_from(position.checked_sub(1)?).ok()?;
        let known = self.commitments.get(&land)?.get(at)?;
        let head = commitment.0.iter().take(DIGITS / 2).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Some(head == *known)
    }
}
