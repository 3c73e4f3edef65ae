//! `/api/v1/incidents/parkings`: an operator parks a service or a place by hand, and lifts it again.

use super::incident_body::Parked;
use super::incidents::{operator, unavailable};
use super::jobs::{Begun, invalid};
use super::json_body;
use super::scope::{Scope, must_exist};
use crate::problem::{Problem, ProblemBody};
use crate::state::Shared;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use jiff::ToSpan;
use serde::Deserialize;
use storage::ParkRow;
use utoipa::ToSchema;

/// Minutes of a year: who parks for longer parks until somebody lifts it.
const LONGEST: i64 = 525_600;

/// What is to be parked: a service, a place, or both.
#[derive(Deserialize, ToSchema)]
#[schema(as = Parking)]
#[serde(deny_unknown_fields)]
pub(super) struct ParkShape {
    service: Option<String>,
    /// How the ARS begins: 2, 3, 5, 9 or 12 digits
    #[schema(example = "05315")]
    ars: Option<String>,
    /// For everybody who looks, and for the audit
    reason: String,
    /// Then it is lifted by itself; without: when somebody lifts it
    minutes: Option<i64>,
}

/// What is to be lifted, exactly as it was parked.
#[derive(Deserialize, ToSchema)]
#[schema(as = Lifting)]
#[serde(deny_unknown_fields)]
pub(super) struct LiftShape {
    service: Option<String>,
    ars: Option<String>,
    /// For the audit
    reason: String,
}

/// A service or place, with a reason.
fn scope<'a>(service: Option<&'a String>, ars: Option<&'a String>, reason: &str) -> Result<Scope<'a>, Problem> {
    let (service, ars) = (service.map(String::as_str), ars.map(String::as_str));
    if service.is_none() && ars.is_none() {
        return Err(invalid("service, ars: name one of them at least"));
    }
    if ars.is_some_and(|ars| ![2, 3, 5, 9, 12].contains(&ars.len()) || !ars.bytes().all(|b| b.is_ascii_digit())) {
        return Err(invalid("ars: 2, 3, 5, 9 or 12 digits"));
    }
    if reason.trim().is_empty() {
        return Err(invalid("reason: is missing"));
    }
    Ok(Scope { service, ars })
}

/// Decide nothing of a service, a place or both for a while: what arrives is accepted and kept. It must lie within the places
/// and services of who parks. The audit says who did it and why.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/parkings",
    tag = "officials",
    security(("official" = [])),
    request_body = ParkShape,
    responses(
        (status = 201, description = "Parked, and durable", body = Parked),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate, or wider than what is theirs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More than 8 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Something is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn park(State(web): State<Shared>, request: Request) -> Result<(StatusCode, Json<Parked>), Problem> {
    let office = (web.office)();
    let official = operator(&office, request.headers())?;
    let ParkShape { service, ars, reason, minutes } = json_body::read_as(request).await?;
    let scope = scope(service.as_ref(), ars.as_ref(), &reason)?;
    must_exist(&office, scope.service)?;
    scope.must_be_within(&official)?;
    if minutes.is_some_and(|minutes| !(1..=LONGEST).contains(&minutes)) {
        return Err(invalid(format!("minutes: a whole number from 1 to {LONGEST}")));
    }
    let since = (web.clock)();
    let until = minutes.and_then(|minutes| since.checked_add(minutes.minutes()).ok());
    let row = ParkRow { service, ars, since, until, cause: reason, by: official.name.clone(), lifted_at: None };
    web.operations.park(&row).await.map_err(not_done)?;
    Ok((StatusCode::CREATED, Json(Parked::from(row))))
}

/// Go on with what is parked under exactly this service and place, whoever parked it, and with what storms parked within. What
/// was kept meanwhile is tried in the background; the answer says under which id to ask how far it is.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/parkings/lift",
    tag = "officials",
    security(("official" = [])),
    request_body = LiftShape,
    responses(
        (status = 202, description = "Lifted, and durable; what was kept is tried", body = Begun),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate, or wider than what is theirs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More than 8 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Nothing is parked so, or something is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn lift(State(web): State<Shared>, request: Request) -> Result<(StatusCode, Json<Begun>), Problem> {
    let office = (web.office)();
    let official = operator(&office, request.headers())?;
    let LiftShape { service, ars, reason } = json_body::read_as(request).await?;
    let scope = scope(service.as_ref(), ars.as_ref(), &reason)?;
    scope.must_be_within(&official)?;
    let lifted = web.operations.lift(&official, (scope.service, scope.ars), &reason).await.map_err(not_done)?;
    if let Some((job_id, total)) = lifted {
        return Ok((StatusCode::ACCEPTED, Json(Begun { job_id, total })));
    }
    let parked = web.store.parked().await.map_err(unavailable)?;
    let touched = parked.iter().filter(|row| row_scope(row).touches(&official)).count();
    Err(invalid(format!("nothing is parked under exactly this service and ars; GET /api/v1/incidents shows {touched}")))
}

/// What a row parks.
pub(super) fn row_scope(row: &ParkRow) -> Scope<'_> {
    Scope { service: row.service.as_deref(), ars: row.ars.as_deref() }
}

/// What stops or goes on was not noted, or perhaps was.
pub(super) fn not_done(error: String) -> Problem {
    tracing::warn!(error, "what an operator ordered could not be done");
    Problem::StoreUnavailable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_that_exists_is_named_with_a_reason() {
        let text = |text: &str| Some(text.to_owned());
        let said = |service: &Option<String>, ars: &Option<String>, reason: &str| {
            scope(service.as_ref(), ars.as_ref(), reason).map(drop).map_err(|problem| problem.body().detail)
        };
        assert!(said(&text("wohngeld"), &None, "x").is_ok() && said(&None, &text("05315"), "x").is_ok());
        for (service, ars, reason, part) in [
            (None, None, "x", "name one"),
            (None, text("0531"), "x", "digits"),
            (None, text("05a"), "x", "digits"),
            (text("wohngeld"), None, " ", "reason"),
        ] {
            assert!(said(&service, &ars, reason).is_err_and(|text| text.contains(part)), "{service:?} {ars:?}");
        }
    }
}
