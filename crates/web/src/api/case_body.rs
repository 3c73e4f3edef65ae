//! A case as officials get it. The shapes stand here once: for the answer and for its description.

use super::official::Sight;
use crate::{FACTS, is_fact};
use domain::{ApplicationId, berlin_iso, json};
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value};
use storage::{AuditRow, CaseView, DecisionRow, DocumentRow};
use utoipa::ToSchema;
use uuid::Uuid;
use workflow::flow::{Flow, Kind};
use workflow::{Case, Claimed, Clocks, Notice, Unsigned, Wait, Work};

/// A case. What the official may not see is not there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Case)]
pub(super) struct CaseBody {
    #[schema(value_type = String, format = Uuid)]
    pub application_id: ApplicationId,
    /// What a command must name
    pub version: i64,
    /// How much of it this answer shows: whole, blind (it is drawn, and you judge it again) or operation
    #[schema(example = "whole")]
    pub sight: &'static str,
    /// waiting, referred, countersign, correction_needed, hearing, decided, forwarded, withdrawn, closed or erased
    #[schema(example = "referred")]
    pub state: String,
    /// Step of the workflow
    pub step: String,
    /// Version of the workflow
    pub flow: String,
    pub form_version: String,
    pub service: String,
    pub ars: String,
    pub received_at: String,
    pub observed_at: String,
    pub updated_at: String,
    pub clocks: ClocksBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkBody>,
    /// What must be known of it: law, and what came meanwhile; German
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hints: Option<Vec<String>>,
    /// What waits for a second signature
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<UnsignedBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<NoticeBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopened: Option<bool>,
    /// The file: oldest first
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documents: Option<Vec<DocumentBody>>,
    /// As they are in the house: oldest first, the newest with its trace
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub decisions: Option<Vec<Value>>,
    /// The audit: oldest first; who looked only where that was asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<HistoryLine>>,
    /// Steps that were left
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<PassedBody>>,
}

/// The application as it was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApplicationBody {
    sender: String,
    id: String,
    #[schema(value_type = Object)]
    body: Value,
}

/// What a person has to do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkBody {
    /// desk, countersign or control
    kind: &'static str,
    queue: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<&'static str>,
    opened_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<ClaimBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    follow_up: Option<Date>,
}

/// Who holds the work; after `until` anybody may take it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClaimBody {
    by: String,
    since: String,
    until: String,
}

/// The statutory clocks; days are German calendar days.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClocksBody {
    #[schema(value_type = String, format = Date)]
    received: Date,
    /// The form was valid for the first time
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    complete: Option<Date>,
    /// They stand still since
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    paused_on: Option<Date>,
    /// Days that they stood still before
    paused_days: i64,
    /// From then on the applicant may act against delay
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    inaction: Option<Date>,
    /// Last day before it counts as granted
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    fiction: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    fiction_extended: Option<Date>,
}

/// What its step waits for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WaitBody {
    since: String,
    /// Last day
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    until: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    remind_on: Option<Date>,
    /// The register that has not answered yet
    #[serde(skip_serializing_if = "Option::is_none")]
    register: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    question: Option<Uuid>,
}

/// The notice of the newest decision.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NoticeBody {
    #[schema(value_type = String, format = Uuid)]
    id: Uuid,
    #[schema(value_type = String, format = Date)]
    sent: Date,
    way: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    retrieved: Option<Date>,
    /// It counts as announced on this day
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    announced: Option<Date>,
    /// Last day of the remedy period
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    remedy_until: Option<Date>,
}

/// A decision that a second person has not signed yet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnsignedBody {
    by: String,
    at: String,
    #[schema(value_type = Object)]
    decision: Value,
}

/// Something in the file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentBody {
    #[schema(value_type = String, format = Uuid)]
    key: Uuid,
    /// Such as supplement, answer, note or draft
    kind: String,
    at: String,
    /// Sender, register or official
    actor: String,
    #[schema(value_type = Object)]
    body: Value,
}

/// A line of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryLine {
    at: String,
    actor: String,
    action: String,
    /// Ids, words and keyed digests
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    payload: Option<Value>,
}

/// A step that was left.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PassedBody {
    step: String,
    at: String,
    /// Not there where something from outside took the case away
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<&'static str>,
}

impl CaseBody {
    /// What an official sees of a stored case.
    ///
    /// # Errors
    /// A decision that cannot be read.
    pub fn new(view: &CaseView, case: &Case, flow: Option<&Flow>, sight: Sight) -> Result<Self, serde_json::Error> {
        let content = sight != Sight::Operation;
        let whole = sight == Sight::Whole;
        let body = Self {
            application_id: case.application_id,
            version: view.case.version,
            sight: sight.as_str(),
            state: case.state.as_str().to_owned(),
            step: case.step.clone(),
            flow: case.flow.clone(),
            form_version: case.form_version.clone(),
            service: case.service.to_string(),
            ars: case.ars.to_string(),
            received_at: berlin_iso(view.application.received_at),
            observed_at: berlin_iso(view.application.observed_at),
            updated_at: berlin_iso(view.case.updated_at),
            clocks: clocks(&case.clocks),
            // The end of the remedy period would tell of the notice.
            wait: case.wait.as_ref().filter(|_| sight != Sight::Blind).map(|w| wait(w, register(flow, &case.step))),
            application: content.then(|| application(view)),
            work: case.work.as_ref().filter(|_| content).map(|w| work(w, whole)),
            hints: whole.then(|| case.hints.clone()),
            unsigned: case.unsigned.as_ref().filter(|_| whole).map(|u| unsigned(u)).transpose()?,
            notice: case.notice.as_ref().filter(|_| whole).map(notice),
            reopened: whole.then_some(case.reopened),
            documents: content.then(|| documents(&view.documents, whole)),
            decisions: whole.then(|| decisions(&view.decisions)).transpose()?,
            history: content.then(|| history(&view.audit, whole)),
            path: whole.then(|| case.path.iter().map(passed).collect()),
        };
        Ok(body)
    }
}

/// The register that a step asks.
pub(super) fn register(flow: Option<&Flow>, step: &str) -> Option<String> {
    match &flow?.step(step)?.kind {
        Kind::Register(lookup) => Some(lookup.register.clone()),
        _ => None,
    }
}

fn clocks(clocks: &Clocks) -> ClocksBody {
    let Clocks { received, complete, paused_on, paused_days, inaction, fiction, fiction_extended, .. } = *clocks;
    ClocksBody { received, complete, paused_on, paused_days, inaction, fiction, fiction_extended }
}

fn wait(wait: &Wait, register: Option<String>) -> WaitBody {
    let Wait { since, until, remind_on, question } = *wait;
    WaitBody { since: berlin_iso(since), until, remind_on, register: register.filter(|_| question.is_some()), question }
}

fn application(view: &CaseView) -> ApplicationBody {
    let identity = &view.application.identity;
    let (sender, id) = (identity.sender.clone(), identity.client_id.clone());
    ApplicationBody { sender, id, body: readable(&view.application.raw) }
}

/// JSON where it is some, with all digits of its numbers; else the text as it is.
fn readable(bytes: &[u8]) -> Value {
    json::parse(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
}

fn work(work: &Work, whole: bool) -> WorkBody {
    let claim = |claim: &Claimed| ClaimBody {
        by: claim.by.clone(),
        since: berlin_iso(claim.since),
        until: berlin_iso(claim.until),
    };
    WorkBody {
        kind: work.kind.as_str(),
        queue: work.queue.clone(),
        team: work.team.clone(),
        reasons: work.reasons.iter().filter(|_| whole).map(|reason| reason.as_str()).collect(),
        proposal: work.proposal.filter(|_| whole).map(domain::Outcome::as_str),
        opened_at: berlin_iso(work.opened_at),
        claim: work.claim.as_ref().map(claim),
        assigned_to: work.assigned_to.clone(),
        follow_up: work.follow_up,
    }
}

fn unsigned(unsigned: &Unsigned) -> Result<UnsignedBody, serde_json::Error> {
    let decision = serde_json::to_value(&unsigned.decision)?;
    Ok(UnsignedBody { by: unsigned.by.clone(), at: berlin_iso(unsigned.at), decision })
}

fn notice(notice: &Notice) -> NoticeBody {
    let Notice { id, sent, ref way, retrieved, announced, remedy_until, .. } = *notice;
    NoticeBody { id: id.0, sent, way: way.clone(), retrieved, announced, remedy_until }
}

fn documents(rows: &[DocumentRow], whole: bool) -> Vec<DocumentBody> {
    let shown = rows.iter().filter(|row| whole || FACTS.contains(&row.kind.as_str()));
    let body = |row: &DocumentRow| DocumentBody {
        key: row.key,
        kind: row.kind.clone(),
        at: berlin_iso(row.at),
        actor: row.actor.clone(),
        body: readable(&row.body),
    };
    shown.map(body).collect()
}

fn decisions(rows: &[DecisionRow]) -> Result<Vec<Value>, serde_json::Error> {
    let last = rows.len().saturating_sub(1);
    let decision = |(i, row): (usize, &DecisionRow)| {
        let mut decision: Map<String, Value> = serde_json::from_slice(&row.decision)?;
        if i == last && !row.trace.is_empty() {
            decision.insert("trace".into(), serde_json::from_slice(&row.trace)?);
        }
        Ok(Value::Object(decision))
    };
    rows.iter().enumerate().map(decision).collect()
}

fn history(lines: &[AuditRow], whole: bool) -> Vec<HistoryLine> {
    let shown = lines.iter().filter(|line| whole || is_fact(&line.action));
    let line = |line: &AuditRow| HistoryLine {
        at: berlin_iso(line.at),
        actor: line.actor.clone(),
        action: line.action.clone(),
        payload: whole.then(|| readable(&line.payload)),
    };
    shown.map(line).collect()
}

fn passed(passed: &workflow::Passed) -> PassedBody {
    PassedBody { step: passed.step.clone(), at: berlin_iso(passed.at), exit: passed.exit.map(|exit| exit.as_str()) }
}

#[cfg(test)]
mod tests;
