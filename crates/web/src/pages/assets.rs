//! The style sheet, embedded and served under the hash of its content, so that browsers may keep it for ever.

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use domain::Digest;
use std::sync::LazyLock;

const STYLE: &str = include_str!("../../assets/style.css");

static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let hash = Digest::of(STYLE.as_bytes()).hex();
    format!("/static/{hash:.16}.css")
});

/// Where the style sheet is.
pub(crate) fn style_path() -> &'static str {
    STYLE_PATH.as_str()
}

pub(super) async fn style() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, STYLE)
}
