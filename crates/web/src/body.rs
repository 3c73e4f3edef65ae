//! Reads a request body up to its limit and no byte more into memory.

use axum::body::{Body, HttpBody};
use std::future::poll_fn;
use std::pin::Pin;

/// An oversized body is still read (and thrown away) up to here: a client that is cut off while it sends often sees a
/// reset connection instead of the answer that says what is wrong.
const DRAIN_BYTES: usize = 32 * 1024 * 1024;

/// Why a body could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    /// The connection broke, or the transfer encoding was wrong.
    Broken,
}

/// The whole body, where it has at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = body;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut kept = Vec::with_capacity(announced.min(limit));
    let mut seen = 0usize;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen > DRAIN_BYTES {
            break;
        }
        if seen > limit {
            kept = Vec::new();
        } else {
            kept.extend_from_slice(&data);
        }
    }
    if seen > limit { Err(BodyError::TooLarge) } else { Ok(kept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_limit_is_exact() {
        assert_eq!(read(Body::from("1234"), 4).await, Ok(b"1234".to_vec()));
        assert_eq!(read(Body::from("12345"), 4).await, Err(BodyError::TooLarge));
        assert_eq!(read(Body::empty(), 4).await, Ok(Vec::new()));
    }
}
