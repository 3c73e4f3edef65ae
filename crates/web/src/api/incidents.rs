//! `GET /api/v1/incidents` and below: what could not be done, for who operates. What was sent is shown to who decides there only, and
//! each such look is written down first.

use super::incident_body::{FailureBody, FailureList, Incidents};
use super::official;
use super::parkings::row_scope;
use crate::problem::{Problem, ProblemBody};
use crate::state::{Shared, WebState};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use domain::{ApplicationId, Ars, Land};
use serde_json::json;
use std::sync::Arc;
use storage::{FailureFilter, FailureRow, StoreError};
use uuid::Uuid;
use workflow::{Office, Official, Refusal, Right, operated};

/// Lines of an answer where nobody says how many, and at most.
const LINES: u32 = 50;
const MOST: u32 = 500;

/// Which failures are meant; what is not given does not matter.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its shape is used, in the description")]
struct Which {
    /// message, case, question or rule
    kind: Option<String>,
    /// A stable word, such as rule_error
    cause: Option<String>,
    /// A service
    service: Option<String>,
    /// How the ARS begins
    ars: Option<String>,
    /// A sender
    sender: Option<String>,
    /// open, queued, retried or cancelled
    state: Option<String>,
    /// What happened then or later (RFC 3339)
    since: Option<String>,
    /// One failure
    failure_id: Option<String>,
    /// What an order took last: how it ended for each
    job_id: Option<String>,
}

/// The official who asks, where they may operate.
pub(super) fn operator(office: &Office, headers: &HeaderMap) -> Result<Arc<Official>, Problem> {
    let official = official::known(office, headers)?;
    match official.may(Right::Operate) {
        true => Ok(official),
        false => Err(Problem::refused(Refusal::Forbidden("this needs the right operate"))),
    }
}

/// What is within the places and services of an official. What has none that can be read is for who has all.
pub(super) fn within(official: &Official) -> FailureFilter {
    match official.is_everywhere() {
        true => FailureFilter::default(),
        // To the store an empty list would mean that it does not matter.
        false if official.places.is_empty() => FailureFilter { places: vec!["-".into()], ..FailureFilter::default() },
        false => FailureFilter {
            places: official.places.clone(),
            services: official.services.clone(),
            ..FailureFilter::default()
        },
    }
}

/// Sets one part of a filter; false where there is no such part.
pub(super) fn set(filter: &mut FailureFilter, name: &str, value: &str) -> Result<bool, Problem> {
    let text = Some(value.to_owned());
    let id = || Uuid::parse_str(value).map(Some).map_err(|_| Problem::Query(format!("{name}: no UUID")));
    match name {
        "kind" if !["message", "case", "question", "rule"].contains(&value) => {
            return Err(Problem::Query("kind: message, case, question or rule".into()));
        }
        "state" if !["open", "queued", "retried", "cancelled"].contains(&value) => {
            return Err(Problem::Query("state: open, queued, retried or cancelled".into()));
        }
        "kind" => filter.kind = text,
        "cause" => filter.cause = text,
        "service" => filter.service = text,
        "ars" => filter.ars = text,
        "sender" => filter.sender = text,
        "state" => filter.state = text,
        "since" => match value.parse() {
            Ok(at) => filter.since = Some(at),
            Err(_) => return Err(Problem::Query("since: a time (RFC 3339)".into())),
        },
        "failure_id" => filter.failure_id = id()?,
        "job_id" => filter.job = id()?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn wanted(query: &[(String, String)], official: &Official) -> Result<FailureFilter, Problem> {
    let mut filter = within(official);
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        if !set(&mut filter, name, value)? {
            return Err(Problem::Query(format!("there is no parameter \"{name:.64}\"")));
        }
    }
    Ok(filter)
}

pub(super) fn unavailable(error: StoreError) -> Problem {
    tracing::warn!(error = %error, "failures could not be read from the store");
    Problem::StoreUnavailable
}

/// What could not be done, by cause: how often, since when, how many applications, and why; and what is parked over something
/// that is theirs.
#[utoipa::path(
    get,
    path = "/api/v1/incidents",
    tag = "officials",
    security(("official" = [])),
    params(Which),
    responses(
        (status = 200, description = "By kind, cause and service", body = Incidents),
        (status = 400, description = "A parameter that is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn incidents(
    State(web): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Json<Incidents>, Problem> {
    let office = (web.office)();
    let official = operator(&office, &headers)?;
    let filter = wanted(&query, &official)?;
    let rows = web.store.incidents(&filter).await.map_err(unavailable)?;
    let parked = web.store.parked().await.map_err(unavailable)?;
    let theirs = parked.into_iter().filter(|row| row_scope(row).touches(&official));
    Ok(Json(Incidents::new(rows, theirs.collect())))
}

/// Failures one by one, without what was sent, in the order of their ids.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/failures",
    tag = "officials",
    security(("official" = [])),
    params(
        Which,
        ("after" = Option<String>, Query, description = "Behind this one"),
        ("limit" = Option<u32>, Query, description = "Lines at most, up to 500; else 50")
    ),
    responses(
        (status = 200, description = "One page", body = FailureList),
        (status = 400, description = "A parameter that is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn failures(
    State(web): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Json<FailureList>, Problem> {
    let office = (web.office)();
    let official = operator(&office, &headers)?;
    let (mut after, mut limit, mut rest) = (None, LINES, Vec::new());
    for (name, value) in query {
        match (name.as_str(), value.parse::<u32>()) {
            ("after", _) => match Uuid::parse_str(&value) {
                Ok(id) => after = Some(id),
                Err(_) => return Err(Problem::Query("after: the id of a failure".into())),
            },
            ("limit", Ok(n @ 1..=MOST)) => limit = n,
            ("limit", _) => return Err(Problem::Query(format!("limit: a whole number from 1 to {MOST}"))),
            _ => rest.push((name, value)),
        }
    }
    let filter = wanted(&rest, &official)?;
    let mut rows = web.store.failures(&filter, after, limit.saturating_add(1)).await.map_err(unavailable)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let failures = rows.into_iter().map(|row| FailureBody::new(row, false)).collect();
    Ok(Json(FailureList { failures, more }))
}

/// One failure. Who decides in its place and service sees what was sent and the reason verbatim; each such look is written
/// into the audit.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/failures/{failure_id}",
    tag = "officials",
    security(("official" = [])),
    params(("failure_id" = String, Path, description = "From the list")),
    responses(
        (status = 200, description = "The failure", body = FailureBody),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate or decide", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or not theirs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable, or the look cannot be written down", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn failure(
    State(web): State<Shared>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Json<FailureBody>, Problem> {
    let office = (web.office)();
    let official = official::known(&office, &headers)?;
    let decides = official.may(Right::Decide);
    if !decides && !official.may(Right::Operate) {
        return Err(Problem::refused(Refusal::Forbidden("this needs the right operate or decide")));
    }
    let id = id.ok().and_then(|Path(text)| Uuid::parse_str(&text).ok()).ok_or(Problem::UnknownFailure)?;
    let row = web.store.failure(id).await.map_err(unavailable)?.ok_or(Problem::UnknownFailure)?;
    if !covers(&official, &row) {
        return Err(Problem::UnknownFailure);
    }
    if decides {
        written_down(&web, &office, &official, &row).await?;
    }
    Ok(Json(FailureBody::new(row, decides)))
}

fn place(row: &FailureRow) -> Option<Ars> {
    row.ars.as_ref().and_then(|ars| Ars::new(ars.as_str()).ok())
}

fn covers(official: &Official, row: &FailureRow) -> bool {
    let known = row.service.as_ref().zip(place(row));
    official.is_everywhere() || known.is_some_and(|(service, ars)| official.covers(service, &ars))
}

/// Writes down that an official looks at what was sent. Where that is not durable, nothing is shown.
async fn written_down(web: &WebState, office: &Office, by: &Official, row: &FailureRow) -> Result<(), Problem> {
    let about = row.application_id.unwrap_or(ApplicationId(row.failure_id));
    // What has no readable place is for who has all of them; its line stands in the first chain.
    let land = place(row).map_or(Land::SH, |ars| ars.land());
    let payload = json!({ "failure": row.failure_id, "service": row.service, "ars": row.ars, "what": "failure" });
    let line = operated(office.audit_keys(), (about, land), &by.name, "read", &payload, (web.clock)());
    web.desk.note(line).await.map_err(|error| {
        tracing::warn!(error = %error, "a look at a failure could not be written down; it was not shown");
        Problem::StoreUnavailable
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sample::official;
    use crate::pages::sample;

    fn read(query: &[(&str, &str)], official: &Official) -> Result<FailureFilter, Problem> {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        wanted(&query, official)
    }

    #[test]
    fn an_operator_is_kept_to_their_places_and_services() {
        let one = official(&[Right::Operate]);
        let filter = read(&[("ars", "09"), ("cause", "")], &one).unwrap();
        assert_eq!((filter.places, filter.ars.as_deref(), filter.cause), (vec!["05315".to_owned()], Some("09"), None));
        let nowhere = Official { places: Vec::new(), ..one.clone() };
        assert_eq!(read(&[], &nowhere).unwrap().places, ["-"]);
        let everywhere = Official { places: Official::machine().places, ..one };
        assert_eq!(read(&[], &everywhere).unwrap(), FailureFilter::default());
    }

    #[test]
    fn a_failure_without_a_place_is_for_who_has_all_places() {
        let (one, row) = (official(&[Right::Operate]), sample::failure());
        let somewhere = FailureRow { ars: None, ..row.clone() };
        let everywhere = Official { places: Official::machine().places, ..one.clone() };
        assert!(covers(&one, &row) && !covers(&one, &somewhere) && covers(&everywhere, &somewhere));
        let elsewhere = FailureRow { ars: Some("091620000000".into()), ..row.clone() };
        assert!(!covers(&one, &elsewhere));
        assert!(!covers(&Official { services: vec!["wohngeld".into()], ..one }, &row));
    }

    #[test]
    fn what_is_no_parameter_is_said() {
        for (name, value) in [("kind", "x"), ("state", "x"), ("since", "x"), ("failure_id", "x"), ("grund", "x")] {
            let problem = read(&[(name, value)], &official(&[Right::Operate])).unwrap_err();
            assert!(matches!(&problem, Problem::Query(text) if text.contains(name)), "{name}: {problem:?}");
        }
    }
}
