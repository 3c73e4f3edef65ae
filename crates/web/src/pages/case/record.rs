//! What was kept of a case: documents, decisions, history.

use super::course::Course;
use crate::is_fact;
use crate::pages::{format, words};
use domain::{Decision, Outcome};
use jiff::Timestamp;
use serde_json::Value;
use storage::{AuditRow, DocumentRow};

/// Something in the file.
pub(super) struct DocumentView {
    pub at: String,
    pub kind: String,
    pub actor: String,
    /// In words of whoever wrote it.
    pub text: Option<String>,
    /// The whole document.
    pub body: String,
    /// For screen readers, who hear the same word in each line.
    pub number: usize,
}

pub(super) fn document((i, row): (usize, &DocumentRow)) -> DocumentView {
    let read: Option<Value> = serde_json::from_slice(&row.body).ok();
    let text = read.as_ref().and_then(|body| body.get("text")).and_then(Value::as_str).filter(|text| !text.is_empty());
    let pretty = read.as_ref().and_then(|body| serde_json::to_string_pretty(body).ok());
    DocumentView {
        at: format::instant(row.at),
        kind: words::document(&row.kind),
        actor: row.actor.clone(),
        text: text.map(str::to_owned),
        body: pretty.unwrap_or_else(|| String::from_utf8_lossy(&row.body).into_owned()),
        number: i + 1,
    }
}

/// One of the decisions of a case.
pub(super) struct DecisionLine {
    pub number: u32,
    pub at: String,
    pub outcome: Outcome,
    pub word: &'static str,
    pub by: String,
    pub grounds: Option<String>,
    pub notice: Option<String>,
}

pub(super) fn decision(decision: &Decision, at: Timestamp) -> DecisionLine {
    let nobody = match (decision.automatic, decision.outcome.is_final()) {
        (true, _) => "die Maschine",
        (false, true) => "kraft Gesetzes",
        (false, false) => "die Maschine (Vorprüfung)",
    };
    DecisionLine {
        number: decision.decision_no,
        at: format::instant(at),
        outcome: decision.outcome,
        word: words::outcome(decision.outcome),
        by: decision.decided_by.clone().unwrap_or_else(|| nobody.to_owned()),
        grounds: decision.grounds.clone(),
        notice: decision.notice_id.map(|id| id.to_string()),
    }
}

/// Something that happened.
pub(super) struct HistoryLine {
    pub at: String,
    pub actor: String,
    pub action: String,
    /// What it was about, and where the case went.
    pub more: Vec<String>,
    pub hash: String,
}

/// Oldest first; whoever judges again gets what came in, and nothing that anybody did with it.
pub(super) fn history(lines: &[AuditRow], course: &Course) -> Vec<HistoryLine> {
    lines.iter().filter(|line| !course.blind || is_fact(&line.action)).map(|line| history_line(line, course)).collect()
}

fn history_line(line: &AuditRow, course: &Course) -> HistoryLine {
    let payload: Value = serde_json::from_slice(&line.payload).unwrap_or_default();
    let outcome = payload.get("outcome").and_then(Value::as_str).filter(|_| !course.blind);
    let action = match (line.action.as_str(), outcome.and_then(words::outcome_of)) {
        ("decided", Some(outcome)) => words::decided(outcome),
        _ => words::action(&line.action),
    };
    HistoryLine {
        at: format::instant(line.at),
        actor: match line.actor.as_str() {
            "dunkelwerk" => "die Maschine".to_owned(),
            "local page" => "diese Seite (an diesem Rechner)".to_owned(),
            actor => actor.to_owned(),
        },
        action,
        more: if course.blind { Vec::new() } else { more(&payload, course, line.action != "decided") },
        hash: hex(&line.commitment),
    }
}

fn more(payload: &Value, course: &Course, by_hand: bool) -> Vec<String> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let day = |name: &str| text(name).map(|text| domain::german::text(&format::iso(text)));
    let found = payload.get("found").and_then(Value::as_bool);
    [
        text("outcome").filter(|_| by_hand).map(words::outcome_word),
        text("register").map(|name| match found {
            Some(false) => format!("{name}: nichts gefunden"),
            _ => name.to_owned(),
        }),
        text("assigned_to").map(|name| format!("an {name}")),
        day("until").map(|day| format!("bis {day}")),
        day("day").map(|day| format!("Tag: {day}")),
        payload
            .get("paused_days")
            .and_then(Value::as_i64)
            .map(|days| format!("nach {}", format::number(days, "Tag", "Tagen"))),
        text("step").zip(text("to")).map(|(from, to)| format!("{} → {}", course.title(from), course.title(to))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
