//! `/api/v1/incidents/jobs`: orders over many failures, carried out in the background, and how far they are.

use super::incident_body::{JobBody, JobList};
use super::incidents::{operator, set, unavailable, within};
use super::json_body;
use crate::operations::Order;
use crate::problem::{Problem, ProblemBody};
use crate::state::Shared;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::json;
use serde::Serialize;
use serde_json::{Map, Value};
use storage::{FailureFilter, JobRow};
use utoipa::ToSchema;
use uuid::Uuid;
use workflow::{Official, Refusal, Rejection, edit_fault};

/// Orders in one answer where nobody says how many, and at most.
const LINES: u32 = 100;
const MOST: u32 = 500;

/// An order over failures.
#[derive(ToSchema)]
#[schema(as = Order)]
#[expect(dead_code, reason = "only its shape is used, in the description")]
pub(super) struct OrderShape {
    /// retry, cancel or edit
    #[schema(example = "retry")]
    action: String,
    /// Which open failures: any of kind, cause, service, ars, sender, since, failure_id. To cancel or edit, at least one
    #[schema(value_type = Object, example = json!({ "cause": "rule_error", "service": "wohngeld" }))]
    filter: Value,
    /// With edit: a JSON Merge Patch (RFC 7396) on each message
    #[schema(value_type = Option<Object>)]
    patch: Option<Value>,
}

/// An order that was begun.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Begun {
    #[schema(value_type = String, format = Uuid)]
    pub job_id: Uuid,
    /// Failures that it took
    pub total: i64,
}

/// Try again, cancel, or change and try again what could not be done: every open failure that the filter wants. It is done in the
/// background by a process with the role timer; the answer says under which id to ask how far it is. The audit says who ordered it.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/jobs",
    tag = "officials",
    security(("official" = [])),
    request_body = OrderShape,
    responses(
        (status = 202, description = "Begun, and durable", body = Begun),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More than 8 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No such action, or something in it is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn begin(State(web): State<Shared>, request: Request) -> Result<Response, Problem> {
    let office = (web.office)();
    let official = operator(&office, request.headers())?;
    let (order, filter) = read(&json_body::read(request).await?, &official)?;
    let (job_id, total) = web.operations.begin(&official, order, &filter).await.map_err(|error| {
        tracing::warn!(error, "an order over failures could not be begun");
        Problem::StoreUnavailable
    })?;
    let location = [(header::LOCATION, format!("/api/v1/incidents/jobs/{job_id}"))];
    Ok((StatusCode::ACCEPTED, location, Json(Begun { job_id, total })).into_response())
}

pub(super) fn invalid(text: impl Into<String>) -> Problem {
    Problem::refused(Refusal::Invalid(text.into()))
}

/// An order within what its official may see.
fn read(bytes: &[u8], official: &Official) -> Result<(Order, FailureFilter), Problem> {
    let parsed = json::parse(bytes).map_err(|error| Problem::NoCommand(error.into()))?;
    let Value::Object(mut object) = parsed else { return Err(Problem::NoCommand(Rejection::NotAnObject)) };
    let (action, filter, patch) = (object.remove("action"), object.remove("filter"), object.remove("patch"));
    if let Some(odd) = object.keys().next() {
        return Err(invalid(format!("there is no field \"{odd:.64}\"")));
    }
    let order = match (action.as_ref().and_then(Value::as_str), patch) {
        (Some("retry"), None) => Order::Retry,
        (Some("cancel"), None) => Order::Cancel,
        (Some("edit"), patch) => Order::Edit(patch.unwrap_or_default()),
        (Some("retry" | "cancel"), Some(_)) => return Err(invalid("patch: only with edit")),
        _ => return Err(invalid("action: retry, cancel or edit")),
    };
    let asked = match filter {
        None => Map::new(),
        Some(Value::Object(asked)) => asked,
        Some(_) => return Err(invalid("filter: must be an object")),
    };
    if asked.is_empty() && order != Order::Retry {
        return Err(invalid("filter: say which failures; this would be every one there is"));
    }
    let mut filter = FailureFilter { state: Some("open".to_owned()), ..within(official) };
    for (name, value) in asked {
        let text = value.as_str().ok_or_else(|| invalid(format!("filter.{name:.64}: must be text")))?;
        let known = name != "state" && name != "job_id";
        let done = known && set(&mut filter, &name, text).map_err(|problem| invalid(problem.body().detail))?;
        if !done {
            return Err(invalid(format!("filter: does not know \"{name:.64}\"")));
        }
    }
    if let Order::Edit(patch) = &order
        && let Some(fault) = edit_fault(filter.kind.as_deref(), patch)
    {
        return Err(invalid(fault));
    }
    Ok((order, filter))
}

/// Orders over failures that the official gave, or all where everything is theirs; the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/jobs",
    tag = "officials",
    security(("official" = [])),
    params(
        ("after" = Option<String>, Query, description = "Older than this one"),
        ("limit" = Option<u32>, Query, description = "Orders at most, up to 500; else 100")
    ),
    responses(
        (status = 200, description = "One page", body = JobList),
        (status = 400, description = "A parameter that is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn jobs(
    State(web): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Json<JobList>, Problem> {
    let office = (web.office)();
    let official = operator(&office, &headers)?;
    let (after, limit) = page(&query)?;
    let by = (!official.is_everywhere()).then_some(official.name.as_str());
    let mut rows = web.store.jobs(by, after, limit.saturating_add(1)).await.map_err(unavailable)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok(Json(JobList { jobs: rows.into_iter().map(JobBody::from).collect(), more }))
}

fn page(query: &[(String, String)]) -> Result<(Option<Uuid>, u32), Problem> {
    let (mut after, mut limit) = (None, LINES);
    for (name, value) in query {
        match (name.as_str(), value.parse::<u32>()) {
            ("after", _) => match Uuid::parse_str(value) {
                Ok(id) => after = Some(id),
                Err(_) => return Err(Problem::Query("after: the id of an order".into())),
            },
            ("limit", Ok(n @ 1..=MOST)) => limit = n,
            ("limit", _) => return Err(Problem::Query(format!("limit: a whole number from 1 to {MOST}"))),
            (other, _) => return Err(Problem::Query(format!("there is no parameter \"{other:.64}\""))),
        }
    }
    Ok((after, limit))
}

/// How far an order over failures is. How it ended for each: `GET /api/v1/incidents/failures?job_id=…`.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/jobs/{job_id}",
    tag = "officials",
    security(("official" = [])),
    params(("job_id" = String, Path, description = "From the answer that began it")),
    responses(
        (status = 200, description = "The order", body = JobBody),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Without the right operate", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or not theirs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn job(
    State(web): State<Shared>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Json<JobBody>, Problem> {
    let office = (web.office)();
    let official = operator(&office, &headers)?;
    let id = id.ok().and_then(|Path(text)| Uuid::parse_str(&text).ok()).ok_or(Problem::UnknownFailure)?;
    let row = web.store.job(id).await.map_err(unavailable)?.filter(|row| is_theirs(&official, row));
    row.map(|row| Json(JobBody::from(row))).ok_or(Problem::UnknownFailure)
}

fn is_theirs(official: &Official, row: &JobRow) -> bool {
    row.by == official.name || official.is_everywhere()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sample::official;
    use serde_json::json;
    use workflow::Right;

    #[test]
    fn an_order_is_read_strictly_and_kept_to_what_is_theirs() {
        let operator = official(&[Right::Operate]);
        let body = json!({ "action": "edit", "filter": { "cause": "unknown_service" }, "patch": { "a": null } });
        let (order, filter) = read(body.to_string().as_bytes(), &operator).unwrap();
        assert_eq!(order, Order::Edit(json!({ "a": null })));
        assert_eq!((filter.cause.as_deref(), filter.state.as_deref()), (Some("unknown_service"), Some("open")));
        assert_eq!(filter.places, operator.places);
        assert_eq!(read(br#"{"action":"retry"}"#, &operator).unwrap().0, Order::Retry);
        for (body, part) in [
            (json!({}), "action"),
            (json!({ "action": "delete" }), "action"),
            (json!({ "action": "cancel" }), "say which"),
            (json!({ "action": "edit", "filter": { "cause": "x" } }), "patch"),
            (json!({ "action": "edit", "filter": { "cause": "x" }, "patch": 1 }), "patch"),
            (json!({ "action": "edit", "filter": { "cause": "x" }, "patch": { "kind": "withdrawal" } }), "kind"),
            (
                json!({ "action": "edit", "filter": { "cause": "x" }, "patch": { "application_id": "x" } }),
                "application_id",
            ),
            (json!({ "action": "edit", "filter": { "kind": "rule" }, "patch": { "id": "x" } }), "only messages"),
            (json!({ "action": "retry", "patch": {} }), "only with edit"),
            (json!({ "action": "retry", "filter": [] }), "must be an object"),
            (json!({ "action": "retry", "filter": { "cause": 1 } }), "must be text"),
            (json!({ "action": "retry", "filter": { "state": "cancelled" } }), "does not know"),
            (json!({ "action": "retry", "filter": { "kind": "x" } }), "kind"),
            (json!({ "action": "retry", "force": true }), "force"),
        ] {
            let problem = read(body.to_string().as_bytes(), &operator).unwrap_err();
            assert_eq!(problem.status().as_u16(), 422, "{body}");
            assert!(problem.body().detail.contains(part), "{body}: {}", problem.body().detail);
        }
        assert_eq!(read(b"[]", &operator).unwrap_err().status().as_u16(), 400);
    }
}
