//! `/vorgaenge/{application_id}`: one case with its explanation.
//!
//! Inward: proposal, inner reasons and facts are shown. What citizens read is `Decision::outward`, never this page. While a
//! case is drawn for a second look, nothing of what was decided: whoever judges again must not have read it here.

mod course;
mod record;

use super::explanation::{Explanation, Row, row};
use super::names::{Names, with_names};
use super::{format, message, render, words};
use crate::FACTS;
use crate::desk::DeskError;
use crate::state::{Shared, WebState};
use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use course::Course;
use domain::{ApplicationId, Ars, Decision, FormError, Outcome, ServiceName, Trace};
use record::{DecisionLine, DocumentView, HistoryLine};
use serde_json::Value;
use std::collections::HashMap;
use storage::{CaseView, DecisionRow, DocumentRow, StoreError};
use workflow::{Case, Texts, looked_at};

/// Who looks, as the audit has it: whoever sits at this machine.
const LOOKS: &str = "local page";

/// A map, because it takes every query: a mistyped link still shows a case.
pub(super) async fn page(
    State(web): State<Shared>,
    id: Result<Path<String>, PathRejection>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let Some(id) = id.ok().and_then(|Path(text)| text.parse::<ApplicationId>().ok()) else {
        return message::not_found();
    };
    let reads = query.get("blicke").is_some_and(|wanted| wanted == "alle");
    let read_from_store = if reads { web.store.case(id).await } else { web.store.case_file(id).await };
    let view = match read_from_store {
        Ok(Some(view)) => view,
        Ok(None) => return elsewhere(web.store.status(id).await, id),
        Err(error) => return message::store_failed(&error),
    };
    let office = (web.office)();
    let service = ServiceName::new(view.case.service.as_str()).ok();
    let definition = service.and_then(|name| office.workflows.get(&name));
    let texts = definition.map(|d| d.texts.clone()).unwrap_or_default();
    let now = (web.clock)();
    let page = read(&view).and_then(|case| {
        let flow = case.as_ref().zip(definition).and_then(|(case, definition)| definition.flow(&case.flow));
        let course = case.as_ref().map(|case| Course::new(case, flow.map(|flow| &**flow), now));
        with_names(&office, |names| CasePage::new(&view, course, reads, &texts, names))
    });
    match page {
        // Where that cannot be written down, nothing is shown.
        Ok(page) => match written_down(&web, &view, page.course.blind).await {
            Ok(()) => render(StatusCode::OK, &page),
            Err(error) => message::store_failed(&error),
        },
        Err(error) => {
            tracing::error!(application.id = %id, error = %error, "a stored decision or trace is not readable");
            message::unreadable()
        }
    }
}

async fn written_down(web: &WebState, view: &CaseView, blind: bool) -> Result<(), DeskError> {
    let unreadable = |what: &str| DeskError::Broken(format!("the stored {what} cannot be read"));
    let service = ServiceName::new(view.case.service.as_str()).map_err(|_| unreadable("service"))?;
    let ars = Ars::new(view.case.ars.as_str()).map_err(|_| unreadable("place"))?;
    let what = if blind { "case, blind, on the page" } else { "case, on the page" };
    let (office, about) = ((web.office)(), (view.case.application_id, &service, &ars));
    web.desk.note(looked_at(office.audit_keys(), about, LOOKS, what, (web.clock)())).await
}

/// A case that is older than its bodies, or erased, has none.
fn read(view: &CaseView) -> Result<Option<Case>, serde_json::Error> {
    (!view.case.body.is_empty()).then(|| Case::read(&view.case.body)).transpose()
}

/// The same application came under several ids; its case has the first.
fn elsewhere(status: Result<Option<storage::Status>, StoreError>, id: ApplicationId) -> Response {
    match status {
        Ok(Some(found)) if found.application_id != id => {
            Redirect::temporary(&format!("/vorgaenge/{}", found.application_id)).into_response()
        }
        Ok(_) => message::not_found(),
        Err(error) => message::store_failed(&error),
    }
}

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    service: String,
    place: String,
    outcome: Option<Outcome>,
    outcome_word: String,
    head: Vec<Row>,
    notice: Option<Notice>,
    result: Vec<Row>,
    referral: Option<ReferralView>,
    errors: Vec<FormError>,
    explanation: Explanation,
    course: Course,
    decisions: Vec<DecisionLine>,
    documents: Vec<DocumentView>,
    history: Vec<HistoryLine>,
    /// The history has the lines of who looked, too.
    reads: bool,
    /// The case at its own address.
    href: String,
}

/// What the applicant reads.
struct Notice {
    subject: Option<String>,
    text: String,
    /// Only where no person decided.
    automatic: Option<String>,
}

/// Why a person decides.
struct ReferralView {
    reasons: Vec<String>,
    proposal: Option<&'static str>,
    queue: String,
    gates: Vec<GateView>,
}

struct GateView {
    title: &'static str,
    norm: String,
    text: String,
}

impl CasePage {
    fn new(
        view: &CaseView,
        course: Option<Course>,
        reads: bool,
        texts: &Texts,
        names: &Names<'_>,
    ) -> Result<Self, serde_json::Error> {
        let course = course.unwrap_or_default();
        let blind = course.blind;
        let stored = view.decisions.last().filter(|_| !blind);
        let decision: Option<Decision> = stored.map(|row| serde_json::from_slice(&row.decision)).transpose()?;
        let trace: Option<Trace> = match stored.map(|row| row.trace.as_slice()) {
            // Without an evaluation, as where the form was wrong, there is nothing to explain.
            None | Some([]) | Some(b"null") => None,
            Some(bytes) => Some(serde_json::from_slice(bytes)?),
        };
        let outcome = decision.as_ref().map(|d| d.outcome);
        Ok(Self {
            service: names.service(&view.case.service),
            place: names.place(&view.case.ars),
            outcome,
            outcome_word: outcome.map_or_else(|| words::state(&view.case.state), |o| words::outcome(o).to_owned()),
            head: head(view, decision.as_ref(), names),
            notice: decision.as_ref().and_then(|d| notice(d, texts)),
            result: decision.as_ref().map(|d| result(d, texts)).unwrap_or_default(),
            referral: decision.as_ref().and_then(referral),
            explanation: Explanation::new(decision.as_ref(), trace),
            errors: decision.map(|d| d.errors).unwrap_or_default(),
            decisions: if blind { Vec::new() } else { decisions(&view.decisions)? },
            documents: documents(&view.documents, blind),
            history: record::history(&view.audit, &course),
            reads,
            href: format!("/vorgaenge/{}", view.case.application_id),
            course,
        })
    }
}

/// Newest first.
fn decisions(rows: &[DecisionRow]) -> Result<Vec<DecisionLine>, serde_json::Error> {
    let read = |row: &DecisionRow| Ok(record::decision(&serde_json::from_slice(&row.decision)?, row.decided_at));
    rows.iter().rev().map(read).collect()
}

/// Oldest first; whoever judges again gets what came in, and nothing that an official wrote.
fn documents(rows: &[DocumentRow], blind: bool) -> Vec<DocumentView> {
    let shown = rows.iter().filter(|row| !blind || FACTS.contains(&row.kind.as_str()));
    shown.enumerate().map(record::document).collect()
}

fn head(view: &CaseView, decision: Option<&Decision>, names: &Names<'_>) -> Vec<Row> {
    let application = &view.application;
    let mut rows = vec![
        row("Vorgang", application.application_id.to_string()),
        row("Kennung des Absenders", format!("{} ({})", application.identity.client_id, application.identity.sender)),
        row("Eingang", format::instant(application.received_at)),
    ];
    if application.observed_at != application.received_at {
        rows.push(row("Beobachteter Eingang", format::instant(application.observed_at)));
    }
    rows.push(row("Stand", words::state(&view.case.state)));
    let Some(decision) = decision else { return rows };
    rows.push(row("Behörde", decision.authority.clone().unwrap_or_else(|| "noch nicht bestimmt".to_owned())));
    rows.push(row("Ergebnis", words::outcome(decision.outcome).to_owned()));
    rows.push(row(
        "Automatisch",
        if decision.automatic { "ja, ohne Menschen" } else { "nein, ein Mensch entscheidet" }.to_owned(),
    ));
    if let Some(legal) = &decision.legal {
        // Of a referred case only the machine's part has ended.
        let when =
            if decision.outcome.is_final() { "Entscheidungszeitpunkt" } else { "Ende der maschinellen Prüfung" };
        rows.push(row(when, format::iso(&legal.decided_at)));
        rows.push(row("Verfahren", names.regime(legal.regime)));
        let norm = legal.permitted_by.clone();
        rows.push(row("Rechtsgrundlage der Automatik", norm.unwrap_or_else(|| "keine".to_owned())));
        rows.extend(legal.remedy.clone().map(|remedy| row("Rechtsbehelf", remedy)));
    }
    rows.extend(decision.notice_id.map(|id| row("Bescheidnummer", id.to_string())));
    rows.extend(decision.rule_set.clone().map(|hash| row("Regelwerk", hash)));
    rows.push(row("Formularfassung", decision.form_version.clone()));
    rows.push(row("Programm", decision.engine.clone()));
    rows
}

fn notice(decision: &Decision, texts: &Texts) -> Option<Notice> {
    let text = texts.get(words::notice_text(decision.outcome))?.clone();
    let by_machine = decision.automatic && decision.outcome.is_final();
    Some(Notice {
        subject: texts.get("bescheid_betreff").cloned(),
        text,
        automatic: texts.get("automatik_hinweis").filter(|_| by_machine).cloned(),
    })
}

fn result(decision: &Decision, texts: &Texts) -> Vec<Row> {
    let row = |(name, title, value): (&str, Option<String>, &Value)| Row {
        label: title.unwrap_or_else(|| format::label(name)),
        value: format::value(value),
    };
    texts.results(&decision.result).into_iter().map(row).collect()
}

fn referral(decision: &Decision) -> Option<ReferralView> {
    let referral = decision.referral.as_ref()?;
    let gate = |gate: &domain::Gate| GateView {
        title: gate.reason.german(),
        norm: gate.norm.clone(),
        text: gate.text.clone(),
    };
    Some(ReferralView {
        reasons: referral.reasons.iter().map(|reason| reason.german().to_owned()).collect(),
        proposal: referral.proposal.map(words::outcome),
        queue: referral.queue.clone(),
        gates: referral.gates.iter().map(gate).collect(),
    })
}

#[cfg(test)]
mod tests;
