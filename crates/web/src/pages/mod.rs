//! Read-only pages for officials, in German, made on the server: no script, no foreign host, no inline style.
//!
//! They show personal data and nobody signs in yet, so they answer on loopback only. Every page's view model has
//! samples and is rendered in a test.

mod assets;
mod bar;
mod case;
mod explanation;
mod format;
mod incidents;
mod message;
mod names;
mod overview;
#[cfg(test)]
pub(crate) mod sample;
mod task;
mod tasks;
mod words;

pub(crate) use assets::style_path;
pub(crate) use message::not_found;

use crate::state::Shared;
use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::net::IpAddr;

pub(crate) fn routes(shared: &Shared) -> Router<Shared> {
    Router::new()
        .route("/", get(overview::page))
        .route("/vorgaenge", get(tasks::page))
        .route("/stoerungen", get(incidents::page))
        .route("/vorgaenge/{application_id}", get(case::page))
        .route_layer(from_fn_with_state(shared.clone(), only_here))
        .route(style_path(), get(assets::style))
}

/// A page, or what is said where a template fails.
pub(crate) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "Die Seite kann nicht angezeigt werden.").into_response()
        }
    }
}

/// Lets requests through that come to this machine by a name of this machine. A listener on loopback alone does not
/// keep strangers out: a web page could point its own host name to 127.0.0.1 and read along (DNS rebinding).
async fn only_here(State(web): State<Shared>, request: Request, next: Next) -> Response {
    if web.pages && host(request.headers()).is_none_or(is_loopback) {
        return next.run(request).await;
    }
    message::closed()
}

fn host(headers: &HeaderMap) -> Option<&str> {
    Some(headers.get(header::HOST)?.to_str().unwrap_or_default())
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_open_the_pages() {
        for here in ["localhost", "localhost:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "[::1]"] {
            assert!(is_loopback(here), "{here}");
        }
        for stranger in ["", "example.org", "127.0.0.1.example.org:8080", "localhost.example.org", "10.0.0.1", "[::2]"]
        {
            assert!(!is_loopback(stranger), "{stranger}");
        }
    }
}
