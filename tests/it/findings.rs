//! Every way in which a layer can overstep, with the finding as it is printed. The same text stands in the howto.

use crate::repository::{read, root};
use std::collections::BTreeSet;
use std::fs;
use testkit::Program;

fn cases() -> Vec<String> {
    let folder = root().join("tests/fixtures/beanstandungen");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "grund").collect();
    names.sort();
    names
}

/// What `rules check` prints for a fixture over the common ground, and its exit status.
fn check(case: Option<&str>) -> (String, Option<i32>) {
    let folder = root().join("tests/fixtures/beanstandungen");
    let folder = |name: &str| folder.join(name).join("rules").to_str().unwrap().to_owned();
    let workflows = root().join("tests/fixtures/beanstandungen/grund/workflows").to_str().unwrap().to_owned();
    let fixed = ["rules", "check", "--workflows", &workflows, "--rules", &folder("grund")];
    let mut arguments: Vec<String> = fixed.map(str::to_owned).to_vec();
    arguments.extend(case.into_iter().flat_map(|name| ["--rules".to_owned(), folder(name)]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = Program::new("").unwrap().run(&arguments, b"").unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn the_common_ground_is_in_order() {
    let (text, status) = check(None);
    assert_eq!(status, Some(0), "{text}");
}

#[test]
fn every_overstep_is_refused_with_place_reason_and_what_is_allowed() {
    let cases = cases();
    assert!(cases.len() >= 30, "the fixtures were not found");
    let howto = fs::read_to_string(root().join("docs/howto/beanstandung-lesen.md")).unwrap();
    let mut wrong = Vec::new();
    let mut codes = BTreeSet::new();
    for case in &cases {
        let (text, status) = check(Some(case));
        let expected = root().join(format!("tests/fixtures/beanstandungen/{case}/erwartet.txt"));
        if status != Some(1) || fs::read_to_string(&expected).ok().as_deref() != Some(text.as_str()) {
            wrong.push(format!("{case} (exit {status:?}):\n{text}"));
        }
        let first = text.lines().next().unwrap_or_default();
        assert!(howto.contains(first), "docs/howto/beanstandung-lesen.md lacks: {first}");
        codes.extend(first.split(['[', ']']).nth(1).map(str::to_owned));
    }
    assert!(wrong.is_empty(), "not as in erwartet.txt:\n{}", wrong.join("\n"));
    for code in ["oeffnung", "instrument", "grenze", "richtung", "geltung", "verengung", "nicht_erklaert", "mehrdeutig"]
    {
        assert!(codes.contains(code), "no fixture shows {code}");
    }
    for code in ["luecke", "entwurf", "delegation", "modus", "ersetzung", "typ", "form", "datei"] {
        assert!(codes.contains(code), "no fixture shows {code}");
    }
}

#[test]
fn findings_are_there_for_machines_too() {
    let folder = root().join("tests/fixtures/beanstandungen");
    let (ground, case) = (folder.join("grund/rules"), folder.join("grenze-oben/rules"));
    let print = |format: &str| {
        let arguments = ["rules", "check", "--format", format, "--rules", ground.to_str().unwrap(), "--rules"];
        let arguments: Vec<&str> = arguments.into_iter().chain([case.to_str().unwrap()]).collect();
        let output = Program::new("").unwrap().run(&arguments, b"").unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let (json, sarif) = (print("json"), print("sarif"));
    assert_eq!((json[0]["code"].as_str(), json[0]["line"].as_u64()), (Some("grenze"), Some(6)));
    let result = &sarif["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!((result["ruleId"].as_str(), result["level"].as_str()), (Some("grenze"), Some("error")));
    assert_eq!(place["artifactLocation"]["uri"], "kommune/053150000000/probe.toml");
    assert_eq!((place["region"]["startLine"].as_u64(), place["region"]["startColumn"].as_u64()), (Some(6), Some(8)));
}

#[test]
fn every_competence_mode_has_an_example_that_loads_and_decides() {
    let howto = fs::read_to_string(root().join("docs/howto/kompetenzmodi.md")).unwrap();
    for (mode, amount) in [
        ("bund_abschliessend", "255.00"),
        ("bund_rahmen_delegiert", "100.00"),
        ("bund_vorgabe_land_rvo", "15000.00"),
        ("bund_ersetzt_durch_land", "20000.00"),
        ("land_kommune_satzung", "120.00"),
        ("bund_anspruch_land_verfahren", "35.00"),
        ("programmvereinbarung", "1200.00"),
    ] {
        let rules = root().join("tests/fixtures/modi").join(mode).join("rules");
        let workflow = "dienst = \"beispiel\"\ntitel = \"Beispiel\"\nbekanntgabe = \"vwvfg-post\"\n[[formular]]\nversion = \"1\"\nab = 2020-01-01\n\
                        [freitext]\nfelder = [\"/frei\"]\n";
        let form = r#"{"type":"object","properties":{"erfuellt":{"type":"boolean"},"frei":{"type":"string"}}}"#;
        let program = Program::new("").unwrap();
        let folder = program.folder().join("workflows/beispiel");
        fs::create_dir_all(folder.join("form")).unwrap();
        fs::write(folder.join("workflow.toml"), workflow).unwrap();
        fs::write(folder.join("form/1.schema.json"), form).unwrap();
        fs::create_dir_all(program.folder().join("workflows/ablauf")).unwrap();
        fs::write(program.folder().join("workflows/ablauf/1.toml"), read("workflows/ablauf/1.toml")).unwrap();
        let application = r#"{"id":"1","service":"beispiel","ars":"053150000000","data":{"erfuellt":true}}"#;
        let arguments =
            ["decide", "--at", "2026-11-22", "--workflows", "workflows", "-", "--rules", rules.to_str().unwrap()];
        let output = program.run(&arguments, application.as_bytes()).unwrap();
        let decision: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(decision["result"]["betrag"], amount, "{mode}: {decision}");
        let machine = mode != "programmvereinbarung";
        assert_eq!(decision["automatic"], machine, "{mode}: {decision}");
        assert!(howto.contains(&format!("modus  = \"{mode}\"")), "the howto shows {mode}");
    }
}
