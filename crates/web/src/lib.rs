//! The HTTP side: JSON API for senders and officials, health and metrics for operators, read-only German pages for officials.
//!
//! Decides nothing, writes nothing to the database, names no broker: an application leaves through the [`Intake`], a
//! command through the [`Desk`] that the binary wires. Reads no environment and no files; clock and ids are handed in. Start with [`router`].

mod api;
mod body;
mod desk;
mod errors;
mod guard;
mod intake;
mod link;
mod operations;
mod ops;
mod pages;
mod problem;
mod state;
mod telemetry;

pub use api::openapi_json;
pub use desk::{Desk, DeskError, Stepped};
pub use intake::{Accepted, Intake, IntakeError};
pub use link::StatusLinks;
pub use operations::{Operations, Order};
pub use state::{RoleReport, WebState};

use axum::Router;
use state::Shared;
use std::sync::Arc;

/// Documents that whoever judges a drawn case again gets: what came in before the decision, nothing that an official wrote.
pub(crate) const FACTS: [&str; 4] = ["supplement", "amendment", "answer", "person"];

/// Whether a line of the history says only what came in, too; other lines tell who did what, or that something was decided.
pub(crate) fn is_fact(action: &str) -> bool {
    action == "received"
        || action.split_once('.').is_some_and(|(what, kind)| match what {
            "message" => FACTS.contains(&kind),
            "register" => true,
            _ => false,
        })
}

/// All routes, with limits, security headers and problems around them.
pub fn router(state: WebState) -> Router {
    let shared: Shared = Arc::new(state);
    let (api, openapi) = api::routes().split_for_parts();
    let docs = utoipa_swagger_ui::SwaggerUi::new("/docs").url("/openapi.json", openapi);
    let routes = Router::new()
        .merge(api)
        .merge(docs)
        .merge(errors::routes())
        .merge(pages::routes(&shared))
        .fallback(guard::unknown_path)
        .method_not_allowed_fallback(guard::wrong_method)
        .with_state(shared);
    guard::around(routes)
}
