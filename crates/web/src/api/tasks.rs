//! `GET /api/v1/tasks`: open work that an official may do, oldest first.

use super::official;
use crate::problem::{Problem, ProblemBody};
use crate::state::Shared;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use domain::{ApplicationId, ReferralReason, berlin_iso};
use jiff::Timestamp;
use serde::Serialize;
use storage::{TaskFilter, TaskRow};
use utoipa::ToSchema;
use workflow::{Official, WorkKind};

/// Lines of an answer where nobody says how many, and at most.
const LINES: u32 = 50;
const MOST: u32 = 500;

/// One page of open work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskList {
    tasks: Vec<TaskBody>,
    /// There is more behind it: ask with `offset` + `limit`.
    more: bool,
}

/// Open work of one case.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskBody {
    #[schema(value_type = String, format = Uuid)]
    application_id: ApplicationId,
    service: String,
    ars: String,
    /// desk, countersign or control
    #[schema(example = "desk")]
    kind: String,
    queue: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    /// Why a person has it; not for a control, which is blind
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    /// What is proposed; not for a control
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<String>,
    opened_at: String,
    age_seconds: i64,
    /// From then on the applicant may act against delay
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    /// Who holds it now, and until when nobody else may
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_to: Option<String>,
}

impl TaskBody {
    fn new(row: TaskRow, now: Timestamp) -> Self {
        let blind = row.kind == WorkKind::Control.as_str();
        let held = row.claimed_until.filter(|until| now < *until);
        Self {
            application_id: row.application_id,
            service: row.service,
            ars: row.ars,
            kind: row.kind,
            queue: row.queue,
            team: row.team,
            reasons: if blind { Vec::new() } else { row.reasons },
            proposal: row.proposal.filter(|_| !blind),
            opened_at: berlin_iso(row.opened_at),
            age_seconds: now.as_second().saturating_sub(row.opened_at.as_second()).max(0),
            due_at: row.due_at.map(berlin_iso),
            claimed_by: row.claimed_by.filter(|_| held.is_some()),
            claimed_until: held.map(berlin_iso),
            assigned_to: row.assigned_to,
        }
    }
}

/// Open work that the official who asks may do, oldest first. What is not theirs is not in it.
#[utoipa::path(
    get,
    path = "/api/v1/tasks",
    tag = "officials",
    security(("official" = [])),
    params(
        ("kind" = Option<String>, Query, description = "desk, countersign or control"),
        ("reason" = Option<String>, Query, description = "A reason of the referral"),
        ("service" = Option<String>, Query, description = "A service"),
        ("claimed_by" = Option<String>, Query, description = "Name of the official who holds it now"),
        ("overdue" = Option<bool>, Query, description = "true: only what is due already"),
        ("offset" = Option<u32>, Query, description = "Lines to leave out"),
        ("limit" = Option<u32>, Query, description = "Lines at most, up to 500; else 50")
    ),
    responses(
        (status = 200, description = "Open work", body = TaskList),
        (status = 400, description = "A parameter that is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn tasks(
    State(web): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Json<TaskList>, Problem> {
    let office = (web.office)();
    let official = official::known(&office, &headers)?;
    let now = (web.clock)();
    let asked = Asked::read(&query, &official, now)?;
    if asked.filter.ars.is_empty() || asked.filter.kinds.is_empty() {
        // Nothing is theirs; to the store an empty list would mean that it does not matter.
        return Ok(Json(TaskList { tasks: Vec::new(), more: false }));
    }
    let rows = web.store.tasks(&asked.filter, asked.offset, asked.limit.saturating_add(1)).await;
    let mut rows = rows.map_err(|error| {
        tracing::warn!(error = %error, "tasks could not be read from the store");
        Problem::StoreUnavailable
    })?;
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok(Json(TaskList { tasks: rows.into_iter().map(|row| TaskBody::new(row, now)).collect(), more }))
}

/// What a query asks for, within what an official may see.
#[derive(Debug)]
struct Asked {
    filter: TaskFilter,
    offset: u32,
    limit: u32,
}

impl Asked {
    fn read(query: &[(String, String)], official: &Official, now: Timestamp) -> Result<Self, Problem> {
        let kinds = official::kinds(official);
        let mut filter = TaskFilter {
            ars: official.places.clone(),
            services: official.services.clone(),
            kinds: kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
            with_body: true,
            ..TaskFilter::default()
        };
        let (mut offset, mut limit) = (0, LINES);
        let wrong = |text: String| Err(Problem::Query(text));
        for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "kind" => match value.as_str() {
                    "desk" | "countersign" | "control" => filter.kind = Some(value.clone()),
                    _ => return wrong("kind: desk, countersign or control".into()),
                },
                "reason" => match ReferralReason::from_word(value) {
                    Some(reason) => filter.reason = Some(reason.as_str().to_owned()),
                    None => return wrong(format!("reason: \"{value:.64}\" is none")),
                },
                "service" => filter.service = Some(value.clone()),
                "claimed_by" => (filter.claimed_by, filter.held_at) = (Some(value.clone()), Some(now)),
                "overdue" => match value.as_str() {
                    "true" => filter.overdue_at = Some(now),
                    "false" => filter.overdue_at = None,
                    _ => return wrong("overdue: true or false".into()),
                },
                "offset" => match value.parse() {
                    Ok(n) => offset = n,
                    Err(_) => return wrong("offset: a whole number from 0 on".into()),
                },
                "limit" => match value.parse() {
                    Ok(n @ 1..=MOST) => limit = n,
                    _ => return wrong(format!("limit: a whole number from 1 to {MOST}")),
                },
                other => return wrong(format!("there is no parameter \"{other:.64}\"")),
            }
        }
        // The reason of a drawn case says nothing, and who asks for another one asks for work that has reasons.
        if filter.reason.is_some() {
            filter.kinds.retain(|kind| kind != WorkKind::Control.as_str());
        }
        Ok(Self { filter, offset, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sample::official;
    use crate::pages::sample;
    use workflow::Right;

    fn read(query: &[(&str, &str)], official: &Official) -> Result<Asked, Problem> {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Asked::read(&query, official, sample::now())
    }

    #[test]
    fn an_official_gets_what_is_theirs_and_no_more() {
        let desk = official(&[Right::Decide]);
        let asked = read(&[], &desk).unwrap();
        assert_eq!((asked.filter.ars, asked.filter.kinds), (desk.places.clone(), vec!["desk".to_owned()]));
        assert_eq!(read(&[], &official(&[Right::Lead])).unwrap().filter.kinds, ["desk", "countersign", "control"]);
        assert!(read(&[], &official(&[Right::Operate])).unwrap().filter.kinds.is_empty());
        // Who asks for another kind or service narrows what they have; it never widens it.
        let asked = read(&[("kind", "control"), ("service", "wohngeld")], &desk).unwrap();
        assert_eq!(asked.filter.kinds, ["desk"]);
        assert_eq!(
            (asked.filter.kind.as_deref(), asked.filter.service.as_deref()),
            (Some("control"), Some("wohngeld"))
        );
    }

    #[test]
    fn what_is_no_parameter_is_said() {
        for (name, value) in [
            ("kind", "x"),
            ("reason", "x"),
            ("overdue", "yes"),
            ("offset", "-1"),
            ("limit", "0"),
            ("limit", "501"),
            ("art", "desk"),
        ] {
            let problem = read(&[(name, value)], &official(&[Right::Decide])).unwrap_err();
            assert!(matches!(&problem, Problem::Query(text) if text.contains(name)), "{name}={value}: {problem:?}");
        }
    }

    #[test]
    fn a_control_is_listed_without_reasons_and_proposal_and_a_lapsed_claim_is_none() {
        let now = sample::now();
        let row = TaskRow { kind: "control".into(), ..sample::task() };
        let text = serde_json::to_string(&TaskBody::new(row, now)).unwrap();
        assert!(!text.contains("reasons") && !text.contains("proposal"), "{text}");
        let held = |until: &str| {
            let until = until.parse().ok();
            TaskBody::new(TaskRow { claimed_by: Some("Amsel".into()), claimed_until: until, ..sample::task() }, now)
        };
        assert_eq!(held("2025-01-18T09:00:01Z").claimed_by.as_deref(), Some("Amsel"));
        assert_eq!((held("2025-01-18T09:00:00Z").claimed_by, held("2025-01-18T09:00:00Z").claimed_until), (None, None));
    }
}
