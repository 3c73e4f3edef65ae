//! Who is asking: the bearer token of a configured sender.

use crate::problem::Problem;
use axum::http::{HeaderMap, header};
use domain::{Digest, Sender};
use std::sync::Arc;
use workflow::Office;

/// The sender by its credential. The configuration keeps only SHA-256 hashes of tokens; comparing hashes needs no
/// constant time, because whoever measures it learns about the hash of a guess, not about a token.
pub(super) fn known(office: &Office, headers: &HeaderMap) -> Result<Arc<Sender>, Problem> {
    let token = bearer(headers).ok_or(Problem::Unauthorized)?;
    let hash = Digest::of(token.as_bytes()).hex();
    office.sender_by_token(&hash).cloned().ok_or(Problem::Unauthorized)
}

/// The token, where the request has one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_a_bearer_token_is_a_credential() {
        let token = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc ").as_deref(), Some("abc"));
        for none in ["Bearer", "Bearer ", "Basic abc", "abc"] {
            assert_eq!(token(none), None, "{none}");
        }
    }
}
