//! `GET /api/v1/cases/{id}` and its picture: what an official may see of a case. Whoever looks is written down first.

use super::case_body::CaseBody;
use super::official::{self, Sight};
use crate::problem::{Problem, ProblemBody};
use crate::state::{Shared, WebState};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use domain::{ApplicationId, Ars};
use std::sync::Arc;
use storage::{CaseRow, StoreError};
use workflow::flow::{Flow, Visit};
use workflow::{Case, CaseState, Office, Official, Refusal};

/// The id in an address; what is none is answered as what is not there.
pub(super) type Address = Result<Path<String>, PathRejection>;

/// A case that an official may see.
pub(super) struct Opened {
    pub case: Case,
    pub sight: Sight,
}

/// Finds a case for an official.
///
/// # Errors
/// One that is not theirs is not there.
pub(super) async fn open(web: &WebState, official: &Official, id: Address) -> Result<Opened, Problem> {
    let row = web.store.brief(named(id)?).await.map_err(unavailable)?.ok_or(Problem::UnknownCase)?.case;
    let (case, sight) = seen(official, &row)?;
    Ok(Opened { case, sight })
}

fn named(id: Address) -> Result<ApplicationId, Problem> {
    id.ok().and_then(|Path(text)| text.parse().ok()).ok_or(Problem::UnknownCase)
}

/// A stored case, as far as it is an official's.
fn seen(official: &Official, row: &CaseRow) -> Result<(Case, Sight), Problem> {
    if row.body.is_empty() {
        let theirs = Ars::new(row.ars.as_str()).is_ok_and(|ars| official.covers(&row.service, &ars));
        return Err(if theirs && !official.rights.is_empty() { Problem::OldCase } else { Problem::UnknownCase });
    }
    let case = Case::read(&row.body).map_err(|error| broken(row.application_id, &error))?;
    let sight = Sight::of(official, &case).ok_or(Problem::UnknownCase)?;
    Ok((case, sight))
}

/// Whether who looked is wanted, too.
fn with_reads(query: &[(String, String)]) -> Result<bool, Problem> {
    let mut wanted = false;
    for (name, value) in query {
        wanted = match (name.as_str(), value.as_str()) {
            ("reads", "true") => true,
            ("reads", "false" | "") => false,
            ("reads", _) => return Err(Problem::Query("reads: true or false".into())),
            (other, _) => return Err(Problem::Query(format!("there is no parameter \"{other:.64}\""))),
        };
    }
    Ok(wanted)
}

/// Writes down that an official looks at a case. Where that is not durable, nothing is shown.
async fn written_down(web: &WebState, office: &Office, by: &Official, case: &Case, what: &str) -> Result<(), Problem> {
    let line = office.looked_at(case, by, what, (web.clock)());
    web.desk.note(line).await.map_err(|error| {
        tracing::warn!(error = %error, "a look at a case could not be written down; it was not shown");
        Problem::StoreUnavailable
    })
}

pub(super) fn flow<'o>(office: &'o Office, case: &Case) -> Option<&'o Arc<Flow>> {
    office.workflows.get(&case.service)?.flow(&case.flow)
}

/// A case with its file, decisions and history, as far as the official may see it. Each look is written into the audit.
/// While it is drawn for a second look, who has the right `control` sees it blind: nothing of what was decided.
/// With the right `operate` alone: state, step, times, versions.
#[utoipa::path(
    get,
    path = "/api/v1/cases/{application_id}",
    tag = "officials",
    security(("official" = [])),
    params(
        ("application_id" = String, Path, description = "From the list of tasks or cases"),
        ("reads" = Option<bool>, Query, description = "true: with the lines of the history that say who looked")
    ),
    responses(
        (status = 200, description = "The case", body = CaseBody),
        (status = 400, description = "A parameter that is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or not theirs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is from before cases could be worked on", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "What is stored cannot be read; it was logged", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is not reachable, or the look cannot be written down", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn case(
    State(web): State<Shared>,
    id: Address,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Json<CaseBody>, Problem> {
    let office = (web.office)();
    let official = official::known(&office, &headers)?;
    let reads = with_reads(&query)?;
    // Whether it is theirs comes before its content is read.
    let id = open(&web, &official, id).await?.case.application_id;
    let read = if reads { web.store.case(id).await } else { web.store.case_file(id).await };
    let view = read.map_err(unavailable)?.ok_or(Problem::UnknownCase)?;
    let (case, sight) = seen(&official, &view.case)?;
    let flow = flow(&office, &case).map(|flow| &**flow);
    let body = CaseBody::new(&view, &case, flow, sight).map_err(|error| broken(case.application_id, &error))?;
    let what = match sight {
        Sight::Whole => "case",
        Sight::Blind => "case, blind",
        Sight::Operation => "where it stands",
    };
    written_down(&web, &office, &official, &case, what).await?;
    Ok(Json(body))
}

/// The workflow of a case as a picture, with the way that it took; without the way where the official must not see the
/// content. Each look is written into the audit.
#[utoipa::path(
    get,
    path = "/api/v1/cases/{application_id}/diagram.svg",
    tag = "officials",
    security(("official" = [])),
    params(("application_id" = String, Path, description = "From the list of tasks or cases")),
    responses(
        (status = 200, description = "A picture", body = String, content_type = "image/svg+xml"),
        (status = 401, description = "No known official", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or not theirs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is from before cases could be worked on", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "What is stored cannot be read; it was logged", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The workflow is not loaded, the store not reachable, or the look cannot be written down", body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(super) async fn diagram(State(web): State<Shared>, id: Address, headers: HeaderMap) -> Result<Response, Problem> {
    let office = (web.office)();
    let official = official::known(&office, &headers)?;
    let Opened { case, sight, .. } = open(&web, &official, id).await?;
    let flow = flow(&office, &case).ok_or_else(|| Problem::refused(Refusal::NoFlow(case.flow.clone())))?;
    // The way may tell what was decided: a step can depend on the outcome.
    let shown = case.path.iter().filter(|_| sight == Sight::Whole);
    let way: Vec<Visit> = shown.map(|passed| Visit { step: passed.step.clone(), exit: passed.exit }).collect();
    let picture = flow.svg(&way, Some(&case.step));
    written_down(&web, &office, &official, &case, "diagram").await?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], picture).into_response())
}

pub(super) fn unavailable(error: StoreError) -> Problem {
    tracing::warn!(error = %error, "a case could not be read from the store");
    Problem::StoreUnavailable
}

/// Nobody can do anything with it any more.
pub(super) fn erased() -> Problem {
    let text = "its retention period is over, and nothing is left of it";
    Problem::refused(Refusal::State { state: CaseState::Erased.as_str(), text })
}

pub(super) fn broken(id: ApplicationId, error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(application.id = %id, error = %error, "a stored case cannot be read or stepped");
    Problem::Broken
}
