//! What could not be done, on the wire.

use domain::{ApplicationId, berlin_iso, json};
use serde::Serialize;
use serde_json::Value;
use storage::{FailureRow, IncidentRow, JobRow, ParkRow};
use utoipa::ToSchema;
use uuid::Uuid;

/// What could not be done by cause, and what is parked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Incidents {
    /// What happened last first
    incidents: Vec<Incident>,
    parked: Vec<Parked>,
}

impl Incidents {
    pub(super) fn new(incidents: Vec<IncidentRow>, parked: Vec<ParkRow>) -> Self {
        let incidents = incidents.into_iter().map(Incident::from).collect();
        Self { incidents, parked: parked.into_iter().map(Parked::from).collect() }
    }
}

/// Failures with the same kind, cause and service.
#[derive(Debug, Serialize, ToSchema)]
struct Incident {
    /// message, case, question or rule
    #[schema(example = "rule")]
    kind: String,
    #[schema(example = "rule_error")]
    cause: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    count: i64,
    /// Of these, open
    open: i64,
    first_at: String,
    last_at: String,
    /// Applications concerned
    cases: i64,
    /// That of the newest; of a rule verbatim, else without what it quotes of what was sent
    reason: String,
}

impl From<IncidentRow> for Incident {
    fn from(row: IncidentRow) -> Self {
        let reason = row.told();
        let IncidentRow { kind, cause, service, count, open, first_at, last_at, cases, .. } = row;
        let (first_at, last_at) = (berlin_iso(first_at), berlin_iso(last_at));
        Self { kind, cause, service, count, open, first_at, last_at, cases, reason }
    }
}

/// Where nothing is decided for a while.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Parked {
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// How the ARS begins
    #[serde(skip_serializing_if = "Option::is_none")]
    ars: Option<String>,
    since: String,
    /// When it is tried with one application, or lifted; without: when somebody lifts it
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    reason: String,
    /// storm, or an official
    by: String,
}

impl From<ParkRow> for Parked {
    fn from(row: ParkRow) -> Self {
        let (since, until) = (berlin_iso(row.since), row.until.map(berlin_iso));
        Self { service: row.service, ars: row.ars, since, until, reason: row.cause, by: row.by }
    }
}

/// One page of failures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FailureList {
    pub failures: Vec<FailureBody>,
    /// There is more behind it: ask with `after`, the id of the last one
    pub more: bool,
}

/// One failure.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FailureBody {
    #[schema(value_type = String, format = Uuid)]
    failure_id: Uuid,
    /// message, case, question or rule
    kind: String,
    #[schema(example = "invalid_json")]
    cause: String,
    /// Verbatim for who decides there, and of rules; else without what it quotes of what was sent
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    application_id: Option<ApplicationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ars: Option<String>,
    first_at: String,
    last_at: String,
    /// How often it happened
    times: i64,
    /// open, queued, retried or cancelled
    state: String,
    /// The order that took it last
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    job_id: Option<Uuid>,
    /// What that order came to
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    /// The message: JSON, or a text where it is none; only for who decides there
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    message: Option<Value>,
}

impl FailureBody {
    /// Whole: with what was sent, and the reason verbatim.
    pub(super) fn new(row: FailureRow, whole: bool) -> Self {
        let (reason, outcome) = match whole {
            true => (row.detail.clone(), row.outcome.clone()),
            false => (row.told(), row.told_outcome()),
        };
        let text = |body: &[u8]| Value::String(String::from_utf8_lossy(body).into_owned());
        let message =
            (whole && !row.body.is_empty()).then(|| json::parse(&row.body).unwrap_or_else(|_| text(&row.body)));
        Self {
            failure_id: row.failure_id,
            kind: row.kind,
            cause: row.cause,
            reason,
            application_id: row.application_id,
            sender: row.sender,
            service: row.service,
            ars: row.ars,
            first_at: berlin_iso(row.first_at),
            last_at: berlin_iso(row.last_at),
            times: row.times,
            state: row.state,
            job_id: row.job,
            outcome,
            message,
        }
    }
}

/// Orders over failures, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobList {
    pub jobs: Vec<JobBody>,
    /// There is more behind it: ask with `after`, the id of the last one
    pub more: bool,
}

/// An order over failures and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobBody {
    #[schema(value_type = String, format = Uuid)]
    job_id: Uuid,
    /// retry, cancel or edit; probe: one application of what is parked is tried
    action: String,
    /// Which failures
    #[schema(value_type = Object)]
    filter: Value,
    by: String,
    begun_at: String,
    total: i64,
    /// Retried or cancelled
    done: i64,
    /// Open still
    failed: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

impl From<JobRow> for JobBody {
    fn from(row: JobRow) -> Self {
        let filter = serde_json::from_slice(&row.filter).unwrap_or_default();
        let JobRow { job_id, action, by, total, done, failed, .. } = row;
        let (begun_at, ended_at) = (berlin_iso(row.begun_at), row.ended_at.map(berlin_iso));
        Self { job_id, action, filter, by, begun_at, total, done, failed, ended_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_only_where_it_may_be_and_whatever_it_is() {
        let row = |body: &[u8]| FailureRow { body: body.to_vec(), ..crate::pages::sample::failure() };
        let shown = |body: &[u8], with: bool| {
            serde_json::to_value(FailureBody::new(row(body), with)).unwrap().get("message").cloned()
        };
        assert_eq!(shown(br#"{"betrag":1.10}"#, true).unwrap().to_string(), r#"{"betrag":1.10}"#);
        assert_eq!(shown(b"{\xff", true).unwrap(), "{\u{fffd}");
        assert_eq!((shown(b"", true), shown(b"{}", false)), (None, None));
        let row = FailureRow { outcome: Some("unknown_field: \"datum\"".into()), ..row(b"{}") };
        let text = |whole: bool| serde_json::to_string(&FailureBody::new(row.clone(), whole)).unwrap();
        assert!(text(true).contains("field \\\"datum\\\"") && !text(false).contains("datum"), "{}", text(false));
    }
}
