//! SHA-256 for content, keyed HMAC-SHA-256 for everything that stands for a person.

use aws_lc_rs::{digest, hkdf, hmac};
use serde::{Deserialize, Serialize};
use std::fmt;

/// 32 bytes of SHA-256 or HMAC-SHA-256, written as hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_slice(digest::digest(&digest::SHA256, bytes).as_ref())
    }
    /// Digest over several parts; each part's length is part of what is hashed, so that parts cannot flow together.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Self::from_slice(context.finish().as_ref())
    }
    fn from_slice(bytes: &[u8]) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(bytes);
        Self(out)
    }
    pub fn hex(&self) -> String {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}
impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.hex()
    }
}
impl TryFrom<Vec<u8>> for Digest {
    type Error = String;
    fn try_from(bytes: Vec<u8>) -> Result<Self, String> {
        bytes.try_into().map(Self).map_err(|bytes: Vec<u8>| format!("expected 32 bytes, found {}", bytes.len()))
    }
}
impl TryFrom<&[u8]> for Digest {
    type Error = String;
    fn try_from(bytes: &[u8]) -> Result<Self, String> {
        bytes.try_into().map(Self).map_err(|_| format!("expected 32 bytes, found {}", bytes.len()))
    }
}
impl TryFrom<String> for Digest {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let bytes: Option<Vec<u8>> =
            (0..text.len() / 2).map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()).collect();
        match bytes {
            Some(bytes) if bytes.len() == 32 && text.len() == 64 => Ok(Self::from_slice(&bytes)),
            Some(_) | None => Err("expected 64 hex digits".into()),
        }
    }
}

/// A key that leaves no trace in logs. Keys for different purposes are derived from one master secret (HKDF, RFC 5869).
#[derive(Clone)]
pub struct Secret(hmac::Key, [u8; 32]);

impl Secret {
    pub fn new(bytes: &[u8]) -> Self {
        let key = Digest::of(bytes).0;
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key), key)
    }
    /// A key of its own for a purpose such as `once-only` or `status-link`.
    pub fn derive(&self, purpose: &str) -> Self {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"dunkelwerk").extract(&self.1);
        let mut out = [0; 32];
        let filled = prk.expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut out));
        // INVARIANT: 32 bytes are always within what HKDF-SHA-256 can give.
        assert!(filled.is_ok(), "HKDF gives up to 8160 bytes");
        Self(hmac::Key::new(hmac::HMAC_SHA256, &out), out)
    }
    /// Keyed digest of several parts, each with its length.
    pub fn mac<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Digest::from_slice(context.sign().as_ref())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_is_sha256_and_hex_reads_back() {
        // FIPS 180-4, one-block example "abc".
        let abc = Digest::of(b"abc");
        assert_eq!(abc.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::try_from(abc.hex()), Ok(abc));
    }

    #[test]
    fn parts_do_not_flow_together_and_purposes_differ() {
        let secret = Secret::new(b"k");
        assert_ne!(secret.mac([b"ab".as_slice(), b"c"]), secret.mac([b"a".as_slice(), b"bc"]));
        assert_ne!(secret.derive("a").mac([b"x".as_slice()]), secret.derive("b").mac([b"x".as_slice()]));
    }
}
