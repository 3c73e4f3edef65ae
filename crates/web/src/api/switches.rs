//! `/api/v1/switches`: stop switches. From the moment in which one is set, people decide what it covers.

use super::incidents::{operator, unavailable};
use super::jobs::invalid;
use super::json_body;
use super::parkings::not_done;
use super::scope::{Scope, must_exist};
use crate::problem::{Problem, ProblemBody};
use crate::state::Shared;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use domain::{Land, berlin_iso};
use serde::{Deserialize, Serialize};
use storage::StopRow;
use utoipa::ToSchema;
use uuid::Uuid;
use workflow::{Place, Stop};

/// The stop switches that stand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SwitchList {
    /// Oldest first
    switches: Vec<SwitchBody>,
}

/// A stop switch; nothing named means everything.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Switch)]
pub(super) struct SwitchBody {
    #[schema(value_type = String, format = Uuid)]
    stop_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// Such as nw
    #[serde(skip_serializing_if = "Option::is_none")]
    land: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ars: Option<String>,
    reason: String,
    since: String,
    by: String,
}

impl From<StopRow> for SwitchBody {
    fn from(row: StopRow) -> Self {
        let Stop { place: Place { service, land, ars }, reason, .. } = read(&row);
        Self { stop_id: row.stop_id, service, land, ars, reason, since: berlin_iso(row.since), by: row.actor }
    }
}

/// One that cannot be read stops everything.
fn read(row: &StopRow) -> Stop {
    serde_json::from_slice(&row.body)
        .unwrap_or_else(|_| Stop { reason: "not readable: it stops everything".to_owned(), ..Stop::default() })
}

/// What a switch covers.
fn scope(place: &Place) -> Scope<'_> {
    let land = place.land.as_deref().and_then(Land::from_short).map(Land::code);
    Scope { service: place.service.as_deref(), ars: place.ars.as_deref().or(land) }
}

/// What is to go to people.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewSwitch)]
#[serde(deny_unknown_fields)]
pub(super) struct StopShape {
    service: Option<String>,
    /// Such as nw
    land: Option<String>,
    /// 12 digits
    ars: Option<String>,
    /// For the people who get the cases, and for the audit
    reason: String,
}

/// Why a switch is lifted.
#[derive(Deserialize, ToSchema)]
#[schema(as = LiftSwitch)]
#[serde(deny_unknown_fields)]
pub(super) struct WhyShape {
    /// For the audit
    reason: String,
}

/// The stop switches that stand over something that is theirs.
#[utoipa::path(
    get,
    path = "/api/v1/switches",
    tag = "officials",
    security(("official" = [])),
    responses(
        (status = 200, description = "Those that stand", body = SwitchList),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn switches(State(web): State<Shared>, headers: HeaderMap) -> Result<Json<SwitchList>, Problem> {
    let office = (web.office)();
    let official = operator(&office, &headers)?;
    let rows = web.store.stops().await.map_err(unavailable)?.standing;
    let theirs = rows.into_iter().filter(|row| scope(&read(row).place).touches(&official));
    Ok(Json(SwitchList { switches: theirs.map(SwitchBody::from).collect() }))
}

/// Set a stop switch: once it is answered, no machine decides what it covers. It must lie within the places and services of who
/// sets it. The audit says who did it and why.
#[utoipa::path(
    post,
    path = "/api/v1/switches",
    tag = "officials",
    security(("official" = [])),
    request_body = StopShape,
    responses(
        (status = 201, description = "Set, and durable", body = SwitchBody),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate, or wider than what is theirs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More than 8 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Something is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable: perhaps it is set", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn stop(
    State(web): State<Shared>,
    request: Request,
) -> Result<(StatusCode, Json<SwitchBody>), Problem> {
    let office = (web.office)();
    let official = operator(&office, request.headers())?;
    let StopShape { service, land, ars, reason } = json_body::read_as(request).await?;
    let stop = Stop { place: Place { service, land, ars }, reason, by: Some(official.name.clone()), ..Stop::default() };
    must_exist(&office, stop.place.service.as_deref())?;
    // Every service that is named is known by now.
    if let Some(fault) = stop.fault(&|_| true) {
        return Err(invalid(fault));
    }
    let land = stop.place.land.as_deref().and_then(Land::from_short).map(Land::code);
    if land.zip(stop.place.ars.as_deref()).is_some_and(|(land, ars)| !ars.starts_with(land)) {
        return Err(invalid("ars: it lies in another land"));
    }
    scope(&stop.place).must_be_within(&official)?;
    let row = web.operations.stop(stop).await.map_err(not_done)?;
    Ok((StatusCode::CREATED, Json(SwitchBody::from(row))))
}

/// Lift a stop switch: machines decide again what arrives from now on; what went to people stays with them. All that it covers
/// must be within the places and services of who lifts it.
#[utoipa::path(
    post,
    path = "/api/v1/switches/{stop_id}/lift",
    tag = "officials",
    security(("official" = [])),
    params(("stop_id" = String, Path, description = "From the list")),
    request_body = WhyShape,
    responses(
        (status = 200, description = "Lifted, and durable: this one", body = SwitchBody),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate, or wider than what is theirs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "None that stands, or nothing of it is theirs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More than 8 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Something is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable: perhaps it is lifted", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn lift(
    State(web): State<Shared>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<SwitchBody>, Problem> {
    let office = (web.office)();
    let official = operator(&office, request.headers())?;
    let WhyShape { reason } = json_body::read_as(request).await?;
    if reason.trim().is_empty() {
        return Err(invalid("reason: is missing"));
    }
    let id = id.ok().and_then(|Path(text)| Uuid::parse_str(&text).ok()).ok_or(Problem::UnknownSwitch)?;
    let standing = web.store.stops().await.map_err(unavailable)?.standing;
    let row = standing.into_iter().find(|row| row.stop_id == id).ok_or(Problem::UnknownSwitch)?;
    let place = read(&row).place;
    if !scope(&place).touches(&official) {
        return Err(Problem::UnknownSwitch);
    }
    scope(&place).must_be_within(&official)?;
    web.operations.lift_stop(&official, row.clone(), &reason).await.map_err(not_done)?;
    Ok(Json(SwitchBody::from(row)))
}
