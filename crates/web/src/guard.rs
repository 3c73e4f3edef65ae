//! Around every route: a time limit, panics caught, security headers, and problems for what no route answers.

use crate::pages;
use crate::problem::Problem;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;

const TIME_LIMIT: Duration = Duration::from_secs(30);

const STRICT: &str =
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
/// Swagger UI sets styles from its script.
const DOCS: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
                    frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

pub(crate) fn around(routes: Router) -> Router {
    routes.layer(CatchPanicLayer::custom(panicked)).layer(from_fn(in_time)).layer(from_fn(with_headers))
}

pub(crate) async fn unknown_path(uri: Uri) -> Response {
    let path = uri.path();
    if path == "/api" || path.starts_with("/api/") {
        return Problem::UnknownPath.into_response();
    }
    pages::not_found()
}

pub(crate) async fn wrong_method() -> Problem {
    Problem::WrongMethod
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(TIME_LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::TimedOut.into_response(),
    }
}

/// The panic's text may hold parts of a body; it is not repeated here.
fn panicked(_what: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked; its sender got a problem");
    Problem::Internal.into_response()
}

async fn with_headers(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let policy = if path.starts_with("/docs") && path != "/docs/errors" { DOCS } else { STRICT };
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What a route says itself stays: the style sheet may be kept for ever.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
