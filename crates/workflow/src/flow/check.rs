//! What a workflow must not leave open: checked when it is loaded, so that no case can get stuck.

use super::{Exit, Flow, FlowError, Kind, Step, paths, period};
use calendar::Period;
use jiff::civil::{Date, date};
use std::collections::BTreeSet;

impl Flow {
    /// Everything that speaks against it. `lacking`: the file of a form version that has no field at a pointer.
    pub(crate) fn faults(&self, lacking: impl Fn(&str) -> Option<String>) -> Vec<FlowError> {
        let mut faults = targets(self);
        let mut seen = BTreeSet::new();
        for step in &self.steps {
            let mut found = Vec::new();
            if !seen.insert(step.id.as_str()) {
                found.push("diesen Namen hat schon ein anderer Schritt; jeder braucht seinen eigenen".to_owned());
            }
            exits(self, step, &mut found);
            times(step, &mut found);
            fields(step, &lacking, &mut found);
            faults.extend(found.into_iter().map(|message| of(step, &message)));
        }
        // Paths over steps that do not exist would tell the same once more, worse.
        if faults.is_empty() {
            faults = paths::faults(self);
        }
        faults
    }
}

/// A finding about a step.
pub(super) fn of(step: &Step, message: &str) -> FlowError {
    FlowError { line: Some(step.line), message: format!("Schritt „{}“: {message}", step.id) }
}

/// Steps that the head of the file names.
fn targets(flow: &Flow) -> Vec<FlowError> {
    let to = &flow.interrupts;
    let mut named = vec![
        ("beginn", &flow.start),
        ("unterbrechung.ruecknahme", &to.withdrawal),
        ("unterbrechung.aenderung", &to.amendment),
        ("unterbrechung.mensch", &to.person),
        ("unterbrechung.wiederaufnahme", &to.reopening),
    ];
    named.extend(flow.fiction.as_ref().map(|fiction| ("genehmigungsfiktion.weiter", &fiction.next)));
    let mut messages = Vec::new();
    for (key, id) in named {
        let kind = flow.step(id).map(|step| &step.kind);
        match (key, kind) {
            (_, None) => messages.push(format!("{key} nennt den Schritt „{id}“, den es nicht gibt")),
            ("unterbrechung.ruecknahme", Some(kind)) if !kind.ends() => messages.push(format!(
                "{key} nennt „{id}“; wer seinen Antrag zurücknimmt, ist fertig: nennen Sie einen Schritt der Art ende oder abgabe"
            )),
            ("unterbrechung.mensch", Some(kind)) if !matches!(kind, Kind::Desk { .. }) => messages.push(format!(
                "{key} nennt „{id}“; wer einen Menschen verlangt, bekommt einen: nennen Sie einen Schritt der Art sachbearbeitung"
            )),
            _ => (),
        }
    }
    messages.into_iter().map(|message| FlowError { line: None, message }).collect()
}

fn exits(flow: &Flow, step: &Step, found: &mut Vec<String>) {
    let (must, may) = step.kind.exits();
    let word = step.kind.as_str();
    for exit in must.iter().filter(|exit| !step.exits.contains_key(exit)) {
        let exit = exit.as_str();
        found.push(format!("zur Art „{word}“ gehört der Ausgang {exit}: schreiben Sie weiter = {{ {exit} = \"…\" }}"));
    }
    for (exit, to) in &step.exits {
        let known = must.contains(exit) || may.contains(exit);
        if *exit != Exit::Otherwise && !known {
            let possible: Vec<&str> = must.iter().chain(may).map(|exit| exit.as_str()).collect();
            let possible = if possible.is_empty() { "keiner".to_owned() } else { possible.join(", ") };
            found.push(format!("die Art „{word}“ hat den Ausgang {} nicht; möglich: {possible}", exit.as_str()));
        }
        if flow.step(to).is_none() {
            found.push(format!("der Ausgang {} führt zu „{to}“; diesen Schritt gibt es nicht", exit.as_str()));
        }
    }
    match (step.when.is_empty(), step.exits.contains_key(&Exit::Otherwise)) {
        (false, _) if step.kind.ends() => found.push("ein Ende hat keine Bedingung: nehmen Sie wenn heraus".into()),
        (false, false) => {
            found.push("er hat eine Bedingung: sagen Sie mit dem Ausgang sonst, wie es ohne ihn weitergeht".into());
        }
        (true, true) => {
            found.push(
                "er wird immer gegangen: nehmen Sie den Ausgang sonst heraus oder schreiben Sie wenn dazu".into(),
            );
        }
        _ => (),
    }
}

fn times(step: &Step, found: &mut Vec<String>) {
    let word = step.kind.as_str();
    if !step.kind.waits() || step.kind.statutory() {
        let why = if step.kind.waits() { "endet nach dem Gesetz" } else { "wartet nicht" };
        let keys =
            [("frist", step.deadline.is_some()), ("erinnerung", step.reminder.is_some()), ("pausiert", step.pauses)];
        let keys = keys.iter().filter(|(_, there)| *there);
        found.extend(keys.map(|(key, _)| format!("die Art „{word}“ {why}: nehmen Sie {key} heraus")));
        return;
    }
    match (step.deadline, step.reminder) {
        (None, _) => found.push("er wartet: sagen Sie mit frist = \"…\", wie lange höchstens".into()),
        (Some(deadline), Some(reminder)) if !is_shorter(reminder, deadline) => found.push(format!(
            "die Erinnerung nach {} kommt nicht immer vor dem Ende der Frist von {}",
            period::german(reminder),
            period::german(deadline)
        )),
        _ => (),
    }
}

/// Whether one period ends before another, on whichever day both begin: months differ in length.
fn is_shorter(one: Period, other: Period) -> bool {
    const FIRST: Date = date(2023, 1, 1);
    // With a leap year.
    let days = FIRST.series(jiff::ToSpan::day(1)).take_while(|day| day.year() < 2025);
    let ends = days.map(|day| (one.last_day(day), other.last_day(day)));
    ends.into_iter().all(|ends| matches!(ends, (Some(one), Some(other)) if one < other))
}

fn fields(step: &Step, lacking: &impl Fn(&str) -> Option<String>, found: &mut Vec<String>) {
    let question = match &step.kind {
        Kind::Register(lookup) => lookup.question.values().collect(),
        _ => Vec::new(),
    };
    let pointers = question.into_iter().chain(step.when.iter().filter_map(|condition| condition.field.as_ref()));
    for pointer in pointers {
        if !pointer.starts_with('/') {
            found.push(format!("das Feld „{pointer}“ beginnt nicht mit /: schreiben Sie etwa /person/familienname"));
        } else if let Some(form) = lacking(pointer) {
            found.push(format!("das Feld {pointer} fehlt in {form}"));
        }
    }
}
