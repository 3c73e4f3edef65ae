//! Law is tested as tables a lawyer can read: every `rules/**/faelle/*.yaml`, evaluated as `decide` evaluates.

use crate::repository::{office, overlay};
use domain::{ApplicationId, Decision, Outcome, ReferralReason, Sender, SenderName};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;
use workflow::{Effect, Event, Office, Rejection, Surroundings};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LegalCase {
    #[serde(rename = "fall")]
    name: String,
    #[serde(rename = "quelle")]
    _source: String,
    #[serde(rename = "entscheidung_am")]
    decided_at: Timestamp,
    #[serde(rename = "antrag")]
    envelope: Value,
    #[serde(rename = "erwartet")]
    expected: Expected,
}

#[derive(Deserialize)]
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

fn cases() -> Vec<(String, LegalCase)> {
    let mut all = Vec::new();
    for (path, text) in overlay(&["rules"]).files {
        if path.ends_with(".yaml") {
            assert!(path.contains("/faelle/"), "{path}: legal cases stand in faelle/");
            let cases: Vec<LegalCase> = serde_norway::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
            all.extend(cases.into_iter().map(|case| (path.clone(), case)));
        }
    }
    all
}

/// Whoever runs a case may claim what it says, and its evidence counts.
fn trusted(envelope: &Value) -> Arc<Sender> {
    let evidence = envelope["evidence"].as_array().cloned().unwrap_or_default();
    Arc::new(Sender {
        name: SenderName::new("cases").unwrap(),
        token_sha256: None,
        amqp_user: None,
        trusted_evidence: evidence.iter().filter_map(|e| Some(e["kind"].as_str()?.to_owned())).collect(),
        may_claim: ["received_at", "channel", "trust_level"].map(str::to_owned).to_vec(),
    })
}

fn decide(office: &Office, case: &LegalCase) -> Result<Decision, Rejection> {
    let bytes = serde_json::to_vec(&case.envelope).unwrap();
    let id = ApplicationId(Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes));
    let submission = office.decode(bytes, &trusted(&case.envelope), id, case.decided_at)?;
    let form = office.validate(&submission);
    let keys = form.as_ref().map(|valid| office.once_keys(&submission, valid)).unwrap_or_default();
    let once = keys.into_iter().map(|key| (key, Vec::new())).collect();
    let effects = office.step(&Event::Received { submission, form }, &Surroundings { once }, case.decided_at);
    let decided = effects.into_iter().find_map(|effect| match effect {
        Effect::Decide(decided) => Some(decided.decision),
        _ => None,
    });
    Ok(decided.expect("an arriving application is always decided"))
}

/// A failed check that names no contract word of its own stands by its id, everything else by its word.
fn reasons(decision: &Decision) -> BTreeSet<String> {
    let Some(referral) = &decision.referral else { return BTreeSet::new() };
    let by_check = |gate: &domain::Gate| {
        let mut failed = decision.reasons.iter().filter(|r| !r.fulfilled && referral.checks.contains(&r.check));
        failed.find(|r| r.norm == gate.norm && r.text == gate.text).map(|r| r.check.clone())
    };
    let reason = |gate: &domain::Gate| match gate.reason {
        ReferralReason::Rule => by_check(gate).expect("a gate of a check names it"),
        word => word.as_str().to_owned(),
    };
    let named: BTreeSet<String> = referral.gates.iter().map(reason).collect();
    let words: BTreeSet<_> = referral.gates.iter().map(|gate| gate.reason).collect();
    assert_eq!(words, referral.reasons.iter().copied().collect(), "gates and reasons of a referral agree");
    named
}

fn german(outcome: Option<Outcome>) -> Option<String> {
    outcome.map(|outcome| outcome.german().to_owned())
}

/// One line for everything that is not as the case expects.
fn differences(case: &LegalCase, decision: &Decision) -> Vec<String> {
    let mut lines = Vec::new();
    let mut compare = |what: &str, expected: String, found: String| {
        if expected != found {
            lines.push(format!("{what}: erwartet {expected}, gefunden {found}"));
        }
    };
    let expected = &case.expected;
    compare("ergebnis", expected.outcome.clone(), decision.outcome.german().to_owned());
    compare("automatisch", expected.automatic.to_string(), decision.automatic.to_string());
    let referral = decision.referral.as_ref();
    let proposal = german(referral.and_then(|referral| referral.proposal));
    compare("vorschlag", format!("{:?}", expected.proposal), format!("{proposal:?}"));
    compare(
        "gruende",
        format!("{:?}", expected.reasons.clone().unwrap_or_default()),
        format!("{:?}", reasons(decision)),
    );
    for (name, value) in &expected.values {
        let found = decision.result.get(name).map_or("nichts".to_owned(), Value::to_string);
        compare(&format!("werte.{name}"), value.to_string(), found);
    }
    for (id, fulfilled) in &expected.checks {
        let found: Vec<bool> = decision.reasons.iter().filter(|r| r.check == *id).map(|r| r.fulfilled).collect();
        let all = (!found.is_empty()).then(|| found.iter().all(|fulfilled| *fulfilled));
        compare(&format!("pruefungen.{id}"), format!("{:?}", Some(*fulfilled)), format!("{all:?}"));
    }
    lines
}

#[test]
fn every_legal_case_is_decided_as_the_law_files_say() {
    let office = office();
    let cases = cases();
    let mut wrong = Vec::new();
    for (path, case) in &cases {
        let found = match decide(&office, case) {
            Ok(decision) => differences(case, &decision),
            Err(rejection) => vec![format!("kein Antrag: {rejection}")],
        };
        if !found.is_empty() {
            wrong.push(format!("rules/{path}: {}\n    {}", case.name, found.join("\n    ")));
        }
    }
    println!("{} legal cases", cases.len());
    assert!(cases.len() >= 60, "the legal cases were not found");
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_example_of_the_two_services_has_its_case() {
    let named = cases();
    for id in
        ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P12", "P13", "H1", "H2", "H3", "H4", "H5", "H6", "H7", "H9"]
    {
        let begins =
            |name: &str| name.strip_prefix(id).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
        assert!(named.iter().any(|(_, case)| begins(&case.name)), "{id} has no legal case");
    }
}

#[test]
fn two_runs_give_byte_equal_decisions() {
    let all = |office: &Office| -> Vec<String> {
        let decide = |(_, case): &(String, LegalCase)| serde_json::to_string(&decide(office, case).unwrap()).unwrap();
        cases().iter().map(decide).collect()
    };
    assert_eq!(all(&office()), all(&office()));
}
