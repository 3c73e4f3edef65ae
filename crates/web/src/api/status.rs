//! `GET /api/v1/applications/{application_id}`: what became of an application, for whoever holds its link or sent it.
//!
//! Only what may leave the house ([`Decision::outward`]): never a proposal, an inner reason or a trace.

use super::sender;
use super::shapes::StatusBody;
use crate::problem::{Problem, ProblemBody};
use crate::state::{Shared, WebState};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use domain::{ApplicationId, Decision};
use serde_json::Value;
use std::collections::HashMap;
use storage::{DocumentRow, Status, StoreError};
use workflow::{Case, CaseState};

/// What became of an application. A link from a receipt never answers 404: before the decision it says "accepted".
#[utoipa::path(
    get,
    path = "/api/v1/applications/{application_id}",
    tag = "applications",
    security((), ("sender" = [])),
    params(
        ("application_id" = String, Path, description = "From the receipt"),
        ("k" = Option<String>, Query, description = "The key of the status_url; without it the sender's token is needed")
    ),
    responses(
        (status = 200, description = "Where it stands", body = StatusBody),
        (status = 401, description = "Neither key nor credential", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or not opened by this key or credential", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn status(
    State(web): State<Shared>,
    id: Result<Path<String>, PathRejection>,
    // A map takes every query, so that no answer is axum's own text instead of a problem.
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<StatusBody>, Problem> {
    let id: Option<ApplicationId> = id.ok().and_then(|Path(text)| text.parse().ok());
    if let Some(key) = query.get("k") {
        // A wrong key is answered like an unknown application: nobody learns which ids exist.
        let id = id.filter(|id| web.links.proves(*id, key)).ok_or(Problem::UnknownApplication)?;
        let found = web.store.status(id).await.map_err(unavailable)?;
        return match found {
            Some(found) => answer(&web, found).await,
            None => Ok(Json(StatusBody::accepted(id))),
        };
    }
    let office = (web.office)();
    let asking = sender::known(&office, &headers)?;
    let id = id.ok_or(Problem::UnknownApplication)?;
    let found = web.store.status(id).await.map_err(unavailable)?.ok_or(Problem::UnknownApplication)?;
    if sender_of(&web, found.application_id).await?.as_deref() != Some(asking.name.as_str()) {
        return Err(Problem::UnknownApplication);
    }
    answer(&web, found).await
}

async fn sender_of(web: &WebState, id: ApplicationId) -> Result<Option<String>, Problem> {
    Ok(web.store.brief(id).await.map_err(unavailable)?.map(|brief| brief.sender))
}

async fn answer(web: &WebState, found: Status) -> Result<Json<StatusBody>, Problem> {
    let id = found.application_id;
    let mut status = read(found).map_err(|error| {
        tracing::error!(application.id = %id, error = %error, "a stored case or decision is not readable");
        Problem::Internal
    })?;
    if status.state == CaseState::Hearing.as_str() {
        let document = web.store.newest_document(id, "hearing").await.map_err(unavailable)?;
        status.text = document.and_then(|document| heard_on(&document));
    }
    Ok(Json(status))
}

fn read(found: Status) -> Result<StatusBody, serde_json::Error> {
    let decision = found.decision.map(|bytes| serde_json::from_slice::<Decision>(&bytes)).transpose()?;
    if found.case_body.is_empty() {
        return Ok(StatusBody::known(found.application_id, found.state, decision.as_ref()));
    }
    Ok(StatusBody::of(&Case::read(&found.case_body)?, decision.as_ref()))
}

/// What the applicant was last heard on.
fn heard_on(document: &DocumentRow) -> Option<String> {
    let body: Value = serde_json::from_slice(&document.body).ok()?;
    body.get("text")?.as_str().map(str::to_owned)
}

fn unavailable(error: StoreError) -> Problem {
    tracing::warn!(error = %error, "a status could not be read from the store");
    Problem::StoreUnavailable
}
