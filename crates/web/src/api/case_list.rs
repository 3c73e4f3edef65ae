//! `GET /api/v1/cases`: cases of an official's places and services, open or not, in the order of intake. No content.

use super::case_body::register;
use super::case_file::{flow, unavailable};
use super::official::{self, Sight};
use crate::problem::{Problem, ProblemBody};
use crate::state::Shared;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use domain::{ApplicationId, berlin_iso};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use storage::{CaseFilter, CaseRow};
use utoipa::ToSchema;
use workflow::{Case, CaseState, Office, Official};

/// Lines of an answer where nobody says how many, and at most.
const LINES: u32 = 50;
const MOST: u32 = 500;

/// One page of cases.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CaseList {
    cases: Vec<CaseLine>,
    /// There is more behind it: ask with `after`, the id of the last one
    more: bool,
}

/// Where a case stands. What the official may not see is not there; of a case from before cases could be worked on, only
/// what stands first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CaseLine {
    #[schema(value_type = String, format = Uuid)]
    application_id: ApplicationId,
    service: String,
    ars: String,
    #[schema(example = "waiting")]
    state: String,
    updated_at: String,
    /// Day of receipt
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    received: Option<Date>,
    /// Step of the workflow
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_since: Option<String>,
    /// Last day of what it waits for
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    waiting_until: Option<Date>,
    /// The register that has not answered yet
    #[serde(skip_serializing_if = "Option::is_none")]
    register: Option<String>,
    /// Open work: desk, countersign or control
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<&'static str>,
    /// Who holds it now, and until when nobody else may
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_to: Option<String>,
}

impl CaseLine {
    /// Nothing where the case is none of theirs.
    fn new(row: CaseRow, office: &Office, official: &Official, now: Timestamp) -> Option<Self> {
        let CaseRow { application_id, service, ars, state, .. } = row;
        let bare = Self {
            application_id,
            service,
            ars,
            state,
            updated_at: berlin_iso(row.updated_at),
            received: None,
            step: None,
            waiting_since: None,
            waiting_until: None,
            register: None,
            work: None,
            claimed_by: None,
            claimed_until: None,
            assigned_to: None,
        };
        let Ok(case) = Case::read(&row.body) else { return Some(bare) };
        let sight = Sight::of(official, &case)?;
        // The end of the remedy period would tell of the notice.
        let wait = case.wait.as_ref().filter(|_| sight != Sight::Blind);
        let work = case.work.as_ref().filter(|work| official::kinds(official).contains(&work.kind));
        let claim = work.and_then(|_| case.holder(now));
        let flow = flow(office, &case).map(|flow| &**flow);
        Some(Self {
            received: Some(case.clocks.received),
            step: Some(case.step.clone()),
            waiting_since: wait.map(|wait| berlin_iso(wait.since)),
            waiting_until: wait.and_then(|wait| wait.until),
            register: wait.and_then(|wait| wait.question).and_then(|_| register(flow, &case.step)),
            work: work.map(|work| work.kind.as_str()),
            claimed_by: claim.map(|claim| claim.by.clone()),
            claimed_until: claim.map(|claim| berlin_iso(claim.until)),
            assigned_to: work.and_then(|work| work.assigned_to.clone()),
            ..bare
        })
    }
}

/// Cases of an official's places and services, whatever their state, in the order of intake; what is in them is not told.
#[utoipa::path(
    get,
    path = "/api/v1/cases",
    tag = "officials",
    security(("official" = [])),
    params(
        ("state" = Option<String>, Query, description = "waiting, referred, countersign, correction_needed, hearing, decided, forwarded, withdrawn, closed or erased"),
        ("service" = Option<String>, Query, description = "A service"),
        ("ars" = Option<String>, Query, description = "How the ARS begins"),
        ("after" = Option<String>, Query, description = "Behind this one: the id of the last one of a page"),
        ("limit" = Option<u32>, Query, description = "Lines at most, up to 500; else 50")
    ),
    responses(
        (status = 200, description = "One page", body = CaseList),
        (status = 400, description = "A parameter that is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn cases(
    State(web): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Json<CaseList>, Problem> {
    let office = (web.office)();
    let official = official::known(&office, &headers)?;
    let Asked { filter, after, limit } = Asked::read(&query, &official)?;
    if filter.places.is_empty() || official.rights.is_empty() {
        // Nothing is theirs; to the store an empty list would mean that it does not matter.
        return Ok(Json(CaseList { cases: Vec::new(), more: false }));
    }
    let mut rows = web.store.cases(&filter, after, limit.saturating_add(1)).await.map_err(unavailable)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let now = (web.clock)();
    let cases = rows.into_iter().filter_map(|row| CaseLine::new(row, &office, &official, now)).collect();
    Ok(Json(CaseList { cases, more }))
}

/// What a query asks for, within what an official may see.
#[derive(Debug)]
struct Asked {
    filter: CaseFilter,
    after: Option<ApplicationId>,
    limit: u32,
}

impl Asked {
    fn read(query: &[(String, String)], official: &Official) -> Result<Self, Problem> {
        let (places, services) = (official.places.clone(), official.services.clone());
        let mut filter = CaseFilter { places, services, ..CaseFilter::default() };
        let (mut after, mut limit) = (None, LINES);
        let wrong = |text: String| Err(Problem::Query(text));
        for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "state" if CaseState::ALL.iter().any(|state| state.as_str() == value) => {
                    filter.state = Some(value.clone());
                }
                "state" => {
                    let known: Vec<&str> = CaseState::ALL.iter().map(|state| state.as_str()).collect();
                    return wrong(format!("state: one of {}", known.join(", ")));
                }
                "service" => filter.service = Some(value.clone()),
                "ars" => filter.ars = Some(value.clone()),
                "after" => match value.parse() {
                    Ok(id) => after = Some(id),
                    Err(_) => return wrong("after: the id of an application".into()),
                },
                "limit" => match value.parse() {
                    Ok(n @ 1..=MOST) => limit = n,
                    _ => return wrong(format!("limit: a whole number from 1 to {MOST}")),
                },
                other => return wrong(format!("there is no parameter \"{other:.64}\"")),
            }
        }
        Ok(Self { filter, after, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sample::official;
    use workflow::Right;

    fn read(name: &str, value: &str) -> Result<Asked, Problem> {
        Asked::read(&[(name.to_owned(), value.to_owned())], &official(&[Right::Decide]))
    }

    #[test]
    fn an_official_gets_what_is_theirs_and_no_more() {
        let asked = read("ars", "09").unwrap();
        assert_eq!(
            (asked.filter.places, asked.filter.ars.as_deref(), asked.limit),
            (vec!["05315".to_owned()], Some("09"), 50)
        );
    }

    #[test]
    fn what_is_no_parameter_is_said() {
        for (name, value) in [("state", "x"), ("after", "x"), ("limit", "0"), ("limit", "501"), ("zustand", "x")] {
            let problem = read(name, value).unwrap_err();
            assert!(matches!(&problem, Problem::Query(text) if text.contains(name)), "{name}={value}: {problem:?}");
        }
    }
}
