//! Rule files as an authority meets them: what changes a rule set's hash, what is refused and how it is said.

use crate::repository::{files, overlay, root, rule_book};
use domain::{Ars, Digest, ServiceName};
use rules::{RuleBook, SourceTree};
use std::collections::BTreeMap;

/// Fixture folder over `rules/`, the file that its finding must name, and what is wrong there.
const REFUSED: [(&str, &str, &str); 4] = [
    ("tests/fixtures/regeln-p9", "kommune/091620000000/bewohnerparkausweis.toml", "rechtsverordnung"),
    ("tests/fixtures/regeln-p9-festsetzung", "kommune/091620000000/bewohnerparkausweis.toml", "120"),
    ("tests/fixtures/regeln-p10", "kommune/064140000000/bewohnerparkausweis.toml", "800"),
    ("tests/fixtures/regeln-p11", "kommune/083110000000/bewohnerparkausweis.toml", "satzung"),
];

/// The hash of every rule set, by service and place.
fn hashes(tree: &SourceTree) -> BTreeMap<(ServiceName, Ars), String> {
    let book = rule_book(tree);
    let mut hashes = BTreeMap::new();
    for service in book.services() {
        for place in book.places(service) {
            let hash = book.rule_set(service, place).unwrap().hash(&Digest::of(b"form"));
            hashes.insert((service.clone(), place.clone()), hash);
        }
    }
    hashes
}

/// Which rule sets change when one text of one file is replaced.
fn changed(file: &str, from: &str, to: &str) -> Vec<String> {
    let before = overlay(&["rules"]);
    let mut after = before.clone();
    let text = after.files.get_mut(file).unwrap_or_else(|| panic!("rules/{file} is missing"));
    assert!(text.contains(from), "rules/{file} does not contain {from}");
    *text = text.replacen(from, to, 1);
    let (before, after) = (hashes(&before), hashes(&after));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let differs = |(key, hash): &(&(ServiceName, Ars), &String)| after.get(*key) != Some(hash);
    before.iter().filter(differs).map(|((service, place), _)| format!("{service} {place}")).collect()
}

#[test]
fn a_fee_of_koeln_changes_the_hash_of_koeln_and_of_nobody_else() {
    let all = hashes(&overlay(&["rules"]));
    let parking = ServiceName::new("bewohnerparkausweis").unwrap();
    assert!(all.contains_key(&(parking, Ars::new("053140000000").unwrap())), "Bonn is there to be compared");
    let file = "kommune/053150000000/bewohnerparkausweis.toml";
    assert_eq!(changed(file, "wert = \"110.00\"", "wert = \"111.00\""), ["bewohnerparkausweis 053150000000"]);
}

#[test]
fn a_deviation_of_a_land_changes_the_hashes_of_its_places_only() {
    let found = changed("land/nw/bewohnerparkausweis/abweichung.toml", "ab = 2", "ab = 2021-01-01\n#");
    assert!(found.len() >= 3, "{found:?}");
    assert!(found.iter().all(|set| set.starts_with("bewohnerparkausweis 05")), "{found:?}");
}

#[test]
fn a_federal_script_changes_every_hash_of_its_service_and_no_other() {
    let sets =
        hashes(&overlay(&["rules"])).into_keys().filter(|(service, _)| service.as_str() == "bewohnerparkausweis");
    let file = "bund/bewohnerparkausweis/2020-07-01.rhai";
    assert_eq!(changed(file, "fn entscheide() {", "fn entscheide() { let neu = 1;").len(), sets.count());
}

#[test]
fn each_wrong_fee_is_refused_once_with_file_line_and_norm() {
    for (folder, file, said) in REFUSED {
        let (book, findings) = RuleBook::load(&overlay(&["rules", folder]));
        assert!(book.is_none(), "{folder} must be refused");
        let [finding] = findings.as_slice() else { panic!("{folder}: exactly one finding, not {findings:#?}") };
        assert_eq!(finding.file, file);
        assert!(finding.line > 1, "{finding}");
        assert!(finding.message.to_lowercase().contains(said), "{finding}");
        let help = finding.help.as_deref().unwrap_or_default();
        assert!(help.contains('§') || help.contains("GebOSt"), "{folder}: no norm in the help: {finding}");
        // The line is the one that is wrong, not just some line of the file.
        let text = files(folder).remove(file).unwrap();
        let line = text.lines().nth(finding.line - 1).unwrap();
        assert!(line.to_lowercase().contains(said), "{folder}: line {} is {line}", finding.line);
    }
}

#[test]
fn rules_check_prints_each_wrong_fee_and_exits_with_1() {
    let program = testkit::Program::new("").unwrap();
    let rules = root().join("rules");
    for (folder, file, _) in REFUSED {
        let folder = root().join(folder);
        let arguments = ["rules", "check", "--rules", rules.to_str().unwrap(), "--rules", folder.to_str().unwrap()];
        let output = program.run(&arguments, b"").unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert_eq!(text.matches(&format!("]: {file}:")).count(), 1, "{text}");
        assert!(text.contains("1 Beanstandung") && text.contains("Hilfe"), "{text}");
    }
    let output = program.run(&["rules", "check", "--rules", rules.to_str().unwrap()], b"").unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("in Ordnung"));
}

#[test]
fn every_rule_set_comes_back_from_its_archive_with_its_hash() {
    let form = "{}";
    let trees = repository_and_modes();
    let mut restored = 0;
    for tree in &trees {
        let book = rule_book(tree);
        for service in book.services() {
            for ars in book.places(service) {
                let set = book.rule_set(service, ars).unwrap();
                let archive = book.archive(service, ars, Some(&**set), form);
                let hash = set.hash(&Digest::of(form.as_bytes()));
                assert_eq!(archive[0].hash, hash);
                let mut fetch = |wanted: &str| archive.iter().find(|a| a.hash == wanted).map(|a| a.body.clone());
                let back = RuleBook::restore(&hash, &mut fetch).unwrap_or_else(|e| panic!("{service} {ars}: {e}"));
                assert_eq!(back.rules.rule_set(service, ars).unwrap().hash(&Digest::of(form.as_bytes())), hash);
                restored += 1;
            }
        }
    }
    assert!(restored > 30, "{restored}");
}

/// The shipped rules, and one example of each competence mode.
fn repository_and_modes() -> Vec<SourceTree> {
    let modes = std::fs::read_dir(root().join("tests/fixtures/modi")).unwrap();
    let folder = |entry: std::io::Result<std::fs::DirEntry>| {
        format!("tests/fixtures/modi/{}/rules", entry.unwrap().file_name().to_string_lossy())
    };
    modes.map(folder).chain(["rules".to_owned()]).map(|folder| overlay(&[&folder])).collect()
}
