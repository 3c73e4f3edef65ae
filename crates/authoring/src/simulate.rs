//! What changed rules would do to known applications: outcomes that change, sums, and a picture of both.

use domain::{Decimal, Decision, Outcome, json};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// One application decided twice.
#[derive(Debug)]
struct Changed {
    id: String,
    service: String,
    ars: String,
    before: String,
    after: String,
}

/// Sums of one result of one service.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Sums {
    before: Decimal,
    after: Decimal,
}

/// Old and new decisions of the same applications, compared.
#[derive(Debug, Default)]
pub struct Simulation {
    applications: usize,
    /// (service, outcome) → how many before and after.
    outcomes: BTreeMap<(String, &'static str), (usize, usize)>,
    sums: BTreeMap<(String, String), Sums>,
    changed: Vec<Changed>,
}

/// Compares pairs of decisions; traces and hashes do not count.
pub fn simulate(pairs: impl Iterator<Item = (Decision, Decision)>) -> Simulation {
    let mut simulation = Simulation::default();
    for (before, after) in pairs {
        simulation.add(&before, &after);
    }
    simulation
}

/// Outcome, and the proposal where a person decides.
fn outcome(decision: &Decision) -> String {
    let outcome = decision.outcome.german();
    let proposal = decision.referral.as_ref().and_then(|referral| referral.proposal);
    proposal.map_or_else(|| outcome.to_owned(), |proposal| format!("{outcome} (Vorschlag {})", proposal.german()))
}

/// What an applicant would notice: the outcome, and each result that the other decision does not have like that.
fn summary(decision: &Decision, other: &Decision) -> String {
    let mut text = outcome(decision);
    let new = decision.result.iter().filter(|(name, value)| other.result.get(*name) != Some(value));
    for (name, value) in new {
        match value {
            Value::String(value) => _ = write!(text, ", {name} {value}"),
            other => _ = write!(text, ", {name} {other}"),
        }
    }
    text
}

impl Simulation {
    fn add(&mut self, before: &Decision, after: &Decision) {
        let service = before.service.to_string();
        self.applications += 1;
        self.outcomes.entry((service.clone(), before.outcome.german())).or_default().0 += 1;
        self.outcomes.entry((service.clone(), after.outcome.german())).or_default().1 += 1;
        for (decision, new) in [(before, false), (after, true)] {
            for (name, amount) in amounts(decision) {
                let sums = self.sums.entry((service.clone(), name.clone())).or_default();
                *(if new { &mut sums.after } else { &mut sums.before }) += amount;
            }
        }
        if (outcome(before), &before.result) != (outcome(after), &after.result) {
            let (old, new) = (summary(before, after), summary(after, before));
            let (id, ars) = (before.id.to_string(), before.ars.to_string());
            self.changed.push(Changed { id, service, ars, before: old, after: new });
        }
    }

    /// How many applications end differently.
    pub fn changed(&self) -> usize {
        self.changed.len()
    }

    /// The table for a terminal.
    pub fn text(&self) -> String {
        let mut out = format!("{} Anträge, {} mit anderem Ergebnis\n", self.applications, self.changed.len());
        let _ = writeln!(out, "\n{:<28} {:<16} {:>8} {:>8}", "Dienst", "Ergebnis", "vorher", "nachher");
        for ((service, outcome), (before, after)) in &self.outcomes {
            let _ = writeln!(out, "{service:<28} {outcome:<16} {before:>8} {after:>8}");
        }
        let _ = writeln!(
            out,
            "\n{:<28} {:<16} {:>14} {:>14} {:>14}",
            "Dienst", "Summe", "vorher", "nachher", "Unterschied"
        );
        for ((service, name), sums) in &self.sums {
            let difference = sums.after - sums.before;
            let _ = writeln!(out, "{service:<28} {name:<16} {:>14} {:>14} {difference:>+14}", sums.before, sums.after);
        }
        if !self.changed.is_empty() {
            let _ = writeln!(out, "\nAnders (Antrag, Ort: vorher → nachher)");
        }
        for change in &self.changed {
            let Changed { id, service, ars, before, after } = change;
            let _ = writeln!(out, "{id} {service} {ars}: {before} → {after}");
        }
        out
    }

    /// A page with a bar for every outcome before and after, and the tables; needs nothing else to be shown.
    pub fn html(&self) -> String {
        let most = self.outcomes.values().map(|(a, b)| *a.max(b)).max().unwrap_or(1).max(1);
        let mut bars = String::new();
        let mut y = 0;
        for ((service, outcome), (before, after)) in &self.outcomes {
            let (label, width) = (escape(&format!("{service}: {outcome}")), |n: usize| n * 480 / most);
            let _ = write!(
                bars,
                "<text x=\"0\" y=\"{}\">{label}</text>\
                 <rect x=\"300\" y=\"{}\" width=\"{}\" height=\"12\" class=\"b\"><title>vorher {before}</title></rect>\
                 <rect x=\"300\" y=\"{}\" width=\"{}\" height=\"12\" class=\"a\"><title>nachher {after}</title></rect>\
                 <text x=\"{}\" y=\"{}\">{before} → {after}</text>",
                y + 20,
                y + 6,
                width(*before),
                y + 19,
                width(*after),
                310 + width(*before.max(after)),
                y + 22
            );
            y += 36;
        }
        let row = |c: &Changed| {
            let cells =
                [&c.id, &c.service, &c.ars, &c.before, &c.after].map(|cell| format!("<td>{}</td>", escape(cell)));
            format!("<tr>{}</tr>", cells.concat())
        };
        let sums = self.sums.iter().map(|((service, name), s)| {
            let difference = s.after - s.before;
            let (service, name) = (escape(service), escape(name));
            format!(
                "<tr><td>{service}</td><td>{name}</td><td>{}</td><td>{}</td><td>{difference}</td></tr>",
                s.before, s.after
            )
        });
        format!(
            "<!doctype html><html lang=\"de\"><meta charset=\"utf-8\"><title>Simulation</title><style>\
             body{{font:16px/1.5 system-ui,sans-serif;margin:2rem;max-width:70rem}}svg text{{font-size:13px}}\
             .b{{fill:#767676}}.a{{fill:#0b5cad}}table{{border-collapse:collapse}}td,th{{border-bottom:1px solid #ccc;\
             padding:.2rem .7rem;text-align:left}}</style><h1>Geänderte Regeln</h1>\
             <p>{} Anträge, {} mit anderem Ergebnis. Grau: vorher. Blau: nachher.</p>\
             <svg role=\"img\" aria-label=\"Ergebnisse vorher und nachher\" width=\"900\" height=\"{}\">{bars}</svg>\
             <h2>Summen</h2><table><tr><th>Dienst<th>Ergebnis<th>vorher<th>nachher<th>Unterschied</tr>{}</table>\
             <h2>Anders entschieden</h2><table><tr><th>Antrag<th>Dienst<th>Ort<th>vorher<th>nachher</tr>{}</table></html>",
            self.applications,
            self.changed.len(),
            y + 10,
            sums.collect::<String>(),
            self.changed.iter().map(row).collect::<String>()
        )
    }
}

/// Amounts that were granted, or would be by the machine's proposal.
fn amounts(decision: &Decision) -> impl Iterator<Item = (&String, Decimal)> {
    let outcome = decision.referral.as_ref().and_then(|r| r.proposal).unwrap_or(decision.outcome);
    let counts = matches!(outcome, Outcome::Granted | Outcome::PartlyGranted);
    let amount = |value: &Value| value.as_str().filter(|text| text.contains('.')).and_then(json::decimal);
    decision.result.iter().filter(move |_| counts).filter_map(move |(name, value)| Some((name, amount(value)?)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
