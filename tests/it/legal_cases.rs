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

#[test]
fn every_example_of_the_two_services_has_its_case() {
    let named = cases();
    for id in
        ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P12", "P13", "H1", "H2", "H3", "H4", "H5", "H6", "H7", "H9"]
    {
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
