//! A decision as a text that a citizen can read and a court can check, in the words of a Bescheid.

use domain::{Decision, LayerNorm, Level, Outcome, ParameterUsed, TableUsed, Trace, german};
use serde_json::Value;
use std::fmt::Write;
use workflow::Texts;

/// The text. `title` is the service's, `texts` its `texte.toml`, `describe` says what a parameter is; with `inward` also
/// what only officials see.
pub fn explain(
    decision: &Decision,
    title: &str,
    texts: &Texts,
    describe: &dyn Fn(&str) -> Option<String>,
    inward: bool,
) -> String {
    let mut out = String::new();
    let authority = decision.authority.as_deref().unwrap_or("noch nicht bestimmte Stelle");
    let when = decision.legal.as_ref().and_then(|legal| legal.decided_at.get(..10));
    line(&mut out, &format!("{title} – {authority}"));
    line(
        &mut out,
        &format!(
            "Antrag {}, {}",
            decision.id,
            when.map_or(String::new(), |day| format!("entschieden am {}", german::text(day)))
        ),
    );
    line(&mut out, "");
    line(&mut out, &sentence(decision));
    results(&mut out, decision, texts);
    if !decision.errors.is_empty() {
        heading(&mut out, "Diese Angaben fehlen oder sind zu berichtigen");
        decision.errors.iter().for_each(|error| line(&mut out, &format!("- {} ({})", error.message, error.pointer)));
    }
    if !decision.reasons.is_empty() {
        heading(&mut out, "Gründe");
        // Where a check only informs, nothing follows from it.
        let hints = decision.trace.as_ref().map(|trace| trace.hints.as_slice()).unwrap_or_default();
        for (i, reason) in decision.reasons.iter().enumerate() {
            let failed = !reason.fulfilled && !hints.contains(&reason.check);
            let mark = if failed { " – nicht erfüllt" } else { "" };
            line(&mut out, &format!("{}. {} ({}){mark}", i + 1, reason.text, reason.norm));
        }
    }
    if let Some(trace) = &decision.trace {
        provenance(&mut out, trace, describe);
    }
    legal(&mut out, decision, texts);
    if inward {
        for_officials(&mut out, decision, texts);
    }
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn heading(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\n{text}\n{}\n", "-".repeat(text.chars().count()));
}

fn sentence(decision: &Decision) -> String {
    match decision.outcome {
        Outcome::Granted => "Ihrem Antrag wird entsprochen.",
        Outcome::PartlyGranted => "Ihrem Antrag wird teilweise entsprochen.",
        Outcome::Refused => "Ihr Antrag wird abgelehnt.",
        Outcome::Referred => "Ihr Antrag wird von einem Menschen geprüft.",
        Outcome::CorrectionNeeded => "Ihr Antrag ist eingegangen; zur Entscheidung fehlen noch Angaben.",
        Outcome::Forwarded => "Ihr Antrag wurde an die zuständige Stelle weitergeleitet.",
    }
    .to_owned()
}

fn results(out: &mut String, decision: &Decision, texts: &Texts) {
    // What was computed for a person to decide is a proposal, not a result.
    if decision.result.is_empty() || !decision.outcome.is_final() {
        return;
    }
    heading(out, "Ergebnis");
    for (name, title, value) in texts.results(&decision.result) {
        line(out, &format!("{}: {}", title.as_deref().unwrap_or(name), shown(value)));
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => german::text(text),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Bool(true) => "ja".to_owned(),
        Value::Bool(false) => "nein".to_owned(),
        Value::Null => "–".to_owned(),
        Value::Number(number) => number.to_string(),
    }
}

/// Where every value comes from: from the norm that opens it down to the level that set it.
fn provenance(out: &mut String, trace: &Trace, describe: &dyn Fn(&str) -> Option<String>) {
    if trace.parameters.is_empty() {
        return;
    }
    heading(out, "Woher die Werte kommen");
    for parameter in &trace.parameters {
        let rows: Vec<&TableUsed> = trace.tables.iter().filter(|table| table.parameter == parameter.name).collect();
        let value = if rows.is_empty() { shown(&parameter.value) } else { String::new() };
        let name = describe(&parameter.name).unwrap_or_else(|| parameter.name.clone());
        line(out, format!("{name}: {value}").trim_end());
        for row in rows {
            line(
                out,
                &format!("    {} → {}  [{}]", keys(row), shown(row.row.get("wert").unwrap_or(&Value::Null)), row.at),
            );
        }
        line(out, &format!("    {}", chain(parameter)));
        let (name, day) = parameter.reference_date.split_once(' ').unwrap_or((&parameter.reference_date, ""));
        let day = german::text(day);
        line(
            out,
            &format!(
                "    gilt seit {}; maßgeblich: {name} {day}; {}{}",
                german::text(&parameter.valid_from),
                parameter.source,
                if parameter.unverified { "; NICHT GEPRÜFT" } else { "" }
            ),
        );
    }
    let foreign: Vec<String> = trace
        .functions
        .iter()
        .filter(|f| f.level == Level::Land)
        .map(|f| format!("{}() in der Fassung des Landes", f.name))
        .collect();
    if !foreign.is_empty() {
        line(out, &format!("Berechnet mit {}.", foreign.join(", ")));
    }
}

fn keys(row: &TableUsed) -> String {
    let Value::Object(keys) = &row.key else { return String::new() };
    keys.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect::<Vec<_>>().join(", ")
}

fn chain(parameter: &ParameterUsed) -> String {
    let step = |norm: &LayerNorm| format!("{} ({})", norm.norm, norm.level.title());
    let mut steps: Vec<String> = parameter.through.iter().map(step).collect();
    steps.push(format!("{} ({})", parameter.norm, parameter.level.title()));
    steps.join(" → ")
}

fn legal(out: &mut String, decision: &Decision, texts: &Texts) {
    let Some(legal) = decision.legal.as_ref().filter(|_| decision.outcome.is_final()) else { return };
    heading(out, "Rechtliche Hinweise");
    if decision.automatic {
        // That no person decided, and how to reach one, stands in the service's texts.
        match texts.get("automatik_hinweis") {
            Some(hint) => line(out, hint),
            None => line(out, "Dieser Bescheid wurde vollständig automatisch erlassen."),
        }
        line(out, &format!("Grundlage der Automatik: {}", legal.permitted_by.as_deref().unwrap_or("–")));
    }
    if let Some(remedy) = &legal.remedy {
        line(out, &format!("Rechtsbehelf: {remedy}."));
    }
    if let Some(id) = &decision.notice_id {
        line(out, &format!("Bescheidnummer: {id}"));
    }
}

fn for_officials(out: &mut String, decision: &Decision, texts: &Texts) {
    heading(out, "Nur für die Behörde");
    if let Some(referral) = &decision.referral {
        let proposal = referral.proposal.map_or("keiner", Outcome::german);
        line(out, &format!("Vorschlag: {proposal}; Team: {}", referral.queue));
        for gate in &referral.gates {
            let norm = if gate.norm.is_empty() { String::new() } else { format!(" ({})", gate.norm) };
            line(out, &format!("- {}: {}{norm}", gate.reason.german(), gate.text));
        }
        for (name, title, value) in texts.results(&decision.result) {
            line(out, &format!("Berechnet – {}: {}", title.as_deref().unwrap_or(name), shown(value)));
        }
    }
    if let Some(error) = decision.trace.as_ref().and_then(|trace| trace.error.as_ref()) {
        line(out, &format!("Fehler der Regel: {error}"));
    }
    line(out, &format!("Regelwerk: {}", decision.rule_set.as_deref().unwrap_or("–")));
    line(out, &format!("Programm: {}", decision.engine));
}
