//! The made-up applications of every service: valid where they are complete, and spread as their files say.

use crate::repository::{files, office};
use authoring::{Earlier, evaluate, trusted};
use domain::{Outcome, ReferralReason};
use serde_json::Value;
use std::collections::BTreeMap;
use testkit::Program;

const APPLICATIONS: usize = 2_000;
const TODAY: &str = "2026-11-22T12:00:00Z";

/// Shares in per cent that a `beispiel.yaml` expects, by the German word of the outcome.
fn expected(text: &str) -> BTreeMap<String, [f64; 2]> {
    let file: Value = serde_norway::from_str(text).unwrap();
    let shares = file["erwartet"].as_object().unwrap();
    let bound = |value: &Value| value.as_f64().unwrap();
    shares.iter().map(|(word, range)| (word.clone(), [bound(&range[0]), bound(&range[1])])).collect()
}

#[test]
fn every_service_has_an_example_with_the_spread_that_it_states() {
    let office = office();
    // The law of this day: another one would need other shares.
    let at: jiff::Timestamp = TODAY.parse().unwrap();
    let all = files("workflows");
    let services: Vec<&str> = all.keys().filter_map(|path| path.strip_suffix("/workflow.toml")).collect();
    assert!(services.len() >= 9, "{services:?}");
    let mut wrong = Vec::new();
    for service in services {
        let text = all.get(&format!("{service}/beispiel.yaml")).unwrap_or_else(|| panic!("{service} has no example"));
        let count = APPLICATIONS.to_string();
        let arguments =
            ["demo", "--service", service, "--applications", &count, "--seed", "7", "--at", TODAY, "--write", "-"];
        let output = Program::new("").unwrap().run(&arguments, b"").unwrap();
        assert!(output.status.success(), "{service}: {}", String::from_utf8_lossy(&output.stderr));
        let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
        let mut proposals: BTreeMap<&str, usize> = BTreeMap::new();
        for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let decision = evaluate(&office, &trusted(), line, at, &Earlier::new())
                .unwrap_or_else(|error| panic!("{service}: {error}: {}", String::from_utf8_lossy(line)));
            *outcomes.entry(decision.outcome.german()).or_default() += 1;
            if let Some(referral) = &decision.referral {
                let failed = referral.reasons.contains(&ReferralReason::RuleError);
                assert!(!failed, "{service}: a rule fails: {}", serde_json::to_string(&decision).unwrap());
                let proposal = referral.proposal.map_or("ohne Vorschlag", Outcome::german);
                *proposals.entry(proposal).or_default() += 1;
            }
        }
        let referred: usize = proposals.values().sum();
        let without = proposals.get("ohne Vorschlag").copied().unwrap_or_default();
        assert!(without * 4 <= referred, "{service}: {without} of {referred} without a proposal");
        println!("{service}: {outcomes:?}, vorgelegt mit Vorschlag {proposals:?}");
        assert_eq!(outcomes.values().sum::<usize>(), APPLICATIONS, "{service}");
        let shares = expected(text);
        for word in Outcome::ALL.map(Outcome::german) {
            let share = outcomes.get(word).map_or(0.0, |count| 100.0 * *count as f64 / APPLICATIONS as f64);
            let [low, high] = shares.get(word).copied().unwrap_or([0.0, 0.0]);
            if !(low..=high).contains(&share) {
                wrong.push(format!("{service}: {share:.1} % {word}, stated {low} to {high} %"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
