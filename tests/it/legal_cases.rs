//! Law is tested as tables a lawyer can read: every `rules/**/faelle/*.yaml`, evaluated as `decide` evaluates.

use crate::repository::{office, overlay};
use authoring::{LegalCase, read_cases};
use workflow::Office;

fn cases() -> Vec<LegalCase> {
    let tree = overlay(&["rules"]);
    assert!(
        tree.files.keys().all(|path| !path.ends_with(".yaml") || path.contains("/faelle/")),
        "cases stand in faelle/"
    );
    let (cases, errors) = read_cases(&tree.files);
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    cases
}

#[test]
fn every_legal_case_is_decided_as_the_law_files_say() {
    let office = office();
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let found = case.decide(&office).map_or_else(|why| vec![why], |decision| case.differences(&decision));
        if !found.is_empty() {
            wrong.push(format!("rules/{}:{}: {}\n    {}", case.file, case.line, case.name, found.join("\n    ")));
        }
    }
    println!("{} legal cases", cases.len());
    assert!(cases.len() >= 60, "the legal cases were not found");
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Worked examples of the services: letter and the numbers that there are. Elsewhere: P9 to P11 are configurations that are
/// refused (`rule_files`), D1 to D8 are days (crate `calendar`), K belongs to a service that is not here.
const EXAMPLES: [(&str, std::ops::RangeInclusive<u32>); 6] =
    [("P", 1..=13), ("H", 1..=9), ("W", 1..=10), ("E", 1..=8), ("U", 1..=11), ("G", 1..=7)];
const ELSEWHERE: [&str; 3] = ["P9", "P10", "P11"];

#[test]
fn every_worked_example_has_its_case() {
    let named = cases();
    let numbered = EXAMPLES.iter().flat_map(|(letter, numbers)| numbers.clone().map(move |n| format!("{letter}{n}")));
    let all = numbered.filter(|id| !ELSEWHERE.contains(&id.as_str())).chain(["W1b", "G4b"].map(str::to_owned));
    for id in all {
        let id = id.as_str();
        let begins =
            |name: &str| name.strip_prefix(id).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
        assert!(named.iter().any(|case| begins(&case.name)), "{id} has no legal case");
    }
}

#[test]
fn two_runs_give_byte_equal_decisions() {
    let all = |office: &Office| -> Vec<String> {
        let decide = |case: &LegalCase| serde_json::to_string(&case.decide(office).unwrap()).unwrap();
        cases().iter().map(decide).collect()
    };
    assert_eq!(all(&office()), all(&office()));
}
