//! Legal cases: tables beside the law that a lawyer reads and writes, in YAML with German keys.

use crate::evaluate::{Earlier, evaluate, trusted};
use domain::{Decision, Gate, ReferralReason, ServiceName};
use jiff::Timestamp;
use jiff::civil::Date;
use rules::EarlierClaim;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use workflow::Office;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "fall")]
    name: String,
    #[serde(rename = "quelle")]
    source: String,
    #[serde(rename = "entscheidung_am")]
    decided_at: Timestamp,
    /// What earlier applications claimed, by the name of a once-only key of the workflow.
    #[serde(default, rename = "frueher")]
    earlier: BTreeMap<String, Vec<Claim>>,
    #[serde(rename = "antrag")]
    envelope: Value,
    #[serde(rename = "erwartet")]
    expected: Expected,
}

/// An earlier claim of a key, with its time where it has one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    #[serde(default, rename = "von")]
    from: Option<Date>,
    #[serde(default, rename = "bis")]
    to: Option<Date>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(rename = "ergebnis")]
    outcome: String,
    #[serde(rename = "automatisch")]
    automatic: bool,
    #[serde(rename = "vorschlag")]
    proposal: Option<String>,
    #[serde(rename = "gruende")]
    reasons: Option<BTreeSet<String>>,
    #[serde(default, rename = "werte")]
    values: BTreeMap<String, Value>,
    #[serde(default, rename = "pruefungen")]
    checks: BTreeMap<String, bool>,
}

/// A case of a `faelle/*.yaml` with the place where it stands.
#[derive(Debug)]
pub struct LegalCase {
    pub file: String,
    pub line: usize,
    pub name: String,
    /// Where the example comes from.
    pub source: String,
    pub decided_at: Timestamp,
    pub envelope: Value,
    earlier: Earlier,
    expected: Expected,
}

/// All cases of a tree of rule files, in the order of files, and what could not be read.
pub fn read_cases(files: &BTreeMap<String, String>) -> (Vec<LegalCase>, Vec<String>) {
    let (mut cases, mut errors) = (Vec::new(), Vec::new());
    let is_case = |path: &str| path.contains("/faelle/") && path.ends_with(".yaml");
    for (file, text) in files.iter().filter(|(path, _)| is_case(path)) {
        match serde_norway::from_str::<Vec<Written>>(text) {
            Ok(written) => {
                let mut lines =
                    text.lines().enumerate().filter(|(_, l)| l.trim_start_matches(['-', ' ']).starts_with("fall:"));
                cases.extend(written.into_iter().map(|case| {
                    let line = lines.next().map_or(1, |(i, _)| i + 1);
                    let Written { name, source, decided_at, earlier, envelope, expected } = case;
                    let claim = |c: Claim| EarlierClaim { from: c.from, to: c.to };
                    let earlier =
                        earlier.into_iter().map(|(key, claims)| (key, claims.into_iter().map(claim).collect()));
                    let earlier = earlier.collect();
                    LegalCase { file: file.clone(), line, name, source, decided_at, envelope, earlier, expected }
                }));
            }
            Err(error) => errors.push(format!("{file}: {error}")),
        }
    }
    (cases, errors)
}

impl LegalCase {
    /// Decides the case as `decide` would; on a refused envelope says why.
    pub fn decide(&self, office: &Office) -> Result<Decision, String> {
        let bytes = serde_json::to_vec(&self.envelope).map_err(|e| e.to_string())?;
        let service = self.envelope.get("service").and_then(Value::as_str).unwrap_or_default();
        let keys = ServiceName::new(service).ok().and_then(|name| office.workflows.get(&name)).map(|d| &d.once);
        let known = |name: &str| keys.is_some_and(|keys| keys.iter().any(|key| key.name == name));
        if let Some(unknown) = self.earlier.keys().find(|name| !known(name)) {
            return Err(format!("frueher.{unknown}: diesen Schlüssel hat workflow.toml nicht unter [[einmal]]"));
        }
        evaluate(office, &trusted(), &bytes, self.decided_at, &self.earlier)
            .map_err(|rejection| format!("kein Antrag: {rejection}"))
    }

    /// A line for everything that is not as the case expects.
    pub fn differences(&self, decision: &Decision) -> Vec<String> {
        let expected = &self.expected;
        let mut lines = Vec::new();
        let mut compare = |what: &str, wanted: String, found: String| {
            if wanted != found {
                lines.push(format!("{what}: erwartet {wanted}, gefunden {found}"));
            }
        };
        compare("ergebnis", expected.outcome.clone(), decision.outcome.german().to_owned());
        compare("automatisch", yes(expected.automatic), yes(decision.automatic));
        let proposal = decision.referral.as_ref().and_then(|referral| referral.proposal);
        let proposal = proposal.map(|outcome| outcome.german().to_owned());
        compare("vorschlag", or_nothing(expected.proposal.clone()), or_nothing(proposal));
        compare("gruende", list(&expected.reasons.clone().unwrap_or_default()), list(&reasons(decision)));
        for (name, value) in &expected.values {
            compare(&format!("werte.{name}"), shown(Some(value)), shown(decision.result.get(name)));
        }
        for (id, fulfilled) in &expected.checks {
            let mut recorded = decision.reasons.iter().filter(|r| r.check == *id).map(|r| r.fulfilled).peekable();
            let found = recorded.peek().is_some().then(|| recorded.all(|fulfilled| fulfilled));
            compare(&format!("pruefungen.{id}"), yes(*fulfilled), or_nothing(found.map(yes)));
        }
        lines
    }
}

fn yes(truth: bool) -> String {
    if truth { "ja" } else { "nein" }.to_owned()
}

fn or_nothing(text: Option<String>) -> String {
    text.unwrap_or_else(|| "nichts".to_owned())
}

fn list(words: &BTreeSet<String>) -> String {
    or_nothing((!words.is_empty()).then(|| words.iter().cloned().collect::<Vec<_>>().join(", ")))
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "nichts".to_owned(),
    }
}

/// Why a person decides: a failed check of the law by its id, everything else by the contract's word.
fn reasons(decision: &Decision) -> BTreeSet<String> {
    let Some(referral) = &decision.referral else { return BTreeSet::new() };
    let by_check = |gate: &Gate| {
        let mut failed = decision.reasons.iter().filter(|r| !r.fulfilled && referral.checks.contains(&r.check));
        failed.find(|r| r.norm == gate.norm && r.text == gate.text).map(|r| r.check.clone())
    };
    let reason = |gate: &Gate| match gate.reason {
        ReferralReason::Rule => by_check(gate).unwrap_or_else(|| "rule".to_owned()),
        word => word.as_str().to_owned(),
    };
    referral.gates.iter().map(reason).collect()
}
