//! For operators: alive, ready per role, metrics.

use crate::state::{RoleReport, Shared, WebState};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An answer after this is none: probes have timeouts of their own.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready)).routes(routes!(metrics))
}

/// All roles of this process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Every role can do its work.
    ready: bool,
    /// At least one role works, but not fully.
    degraded: bool,
    roles: Vec<RoleReport>,
}

/// The process is alive. Asks nothing else: a restart does not bring a database back.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, description = "Alive", body = String)))]
async fn alive() -> &'static str {
    "ok"
}

/// Whether each role of this process can do its work.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "All roles are ready", body = Readiness),
        (status = 503, description = "At least one role is not", body = Readiness)
    )
)]
async fn ready(State(web): State<Shared>) -> Response {
    let mut roles = vec![own(&web).await];
    roles.extend((web.roles)());
    let readiness = Readiness {
        ready: roles.iter().all(|role| role.ready),
        degraded: roles.iter().any(|role| role.degraded),
        roles,
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, description = "Prometheus text", body = String)))]
async fn metrics(State(web): State<Shared>) -> impl IntoResponse {
    // prometheus-client writes OpenMetrics text.
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], (web.metrics)())
}

/// Intake needs the queue; without the store it stays open, but statuses and pages do not answer.
async fn own(web: &WebState) -> RoleReport {
    let (queue, store) =
        tokio::join!(timeout(PROBE_LIMIT, web.intake.ready()), timeout(PROBE_LIMIT, web.store.ready()));
    match (queue, store) {
        (Ok(Ok(())), Ok(Ok(()))) => RoleReport::ready("web"),
        (Ok(Ok(())), Ok(Err(error))) => RoleReport::degraded("web", format!("store: {error}")),
        (Ok(Ok(())), Err(_)) => RoleReport::degraded("web", "store: no answer"),
        (Ok(Err(cause)), _) => RoleReport::unready("web", format!("queue: {cause}")),
        (Err(_), _) => RoleReport::unready("web", "queue: no answer"),
    }
}
