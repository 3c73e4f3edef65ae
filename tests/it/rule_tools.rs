//! `rules test|coverage|explain|diff|workflow|simulate` as a rule author runs them, on copies of the shipped law.

use crate::repository::{files, root};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use testkit::Program;
use testkit::applications::parking;

const SCRIPT: &str = "bund/bewohnerparkausweis/2020-07-01.rhai";
const KOELN: &str = "kommune/053150000000/bewohnerparkausweis.toml";

/// The shipped rules with one text of one file replaced.
fn copy(changes: &[(&str, &str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files("rules") {
        let mut text = text;
        for (_, from, to) in changes.iter().filter(|(file, _, _)| *file == name) {
            assert!(text.contains(from), "{name} does not contain {from}");
            text = text.replace(from, to);
        }
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn run(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let output = Program::new("").unwrap().run(arguments, input.as_bytes()).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn path(folder: &Path) -> &str {
    folder.to_str().unwrap()
}

#[test]
fn legal_cases_pass_and_a_changed_rule_fails_them_with_place_and_difference() {
    let (status, text, _) = run(&["rules", "test", "--rules", path(&root().join("rules"))], "");
    assert_eq!((status, text.contains("0 nicht")), (Some(0), true), "{text}");
    let wrong = copy(&[(KOELN, "wert = \"100.00\"", "wert = \"101.00\"")]);
    let (status, text, _) = run(&["rules", "test", "--rules", path(wrong.path())], "");
    assert_eq!(status, Some(1), "{text}");
    let place = "bund/bewohnerparkausweis/faelle/p.yaml:3: P1";
    assert!(text.contains(place) && text.contains("werte.gebuehr: erwartet 100.00, gefunden 101.00"), "{text}");
    let (status, _, error) = run(&["rules", "test", "gibt es nicht"], "");
    assert_eq!((status, error.contains("kein Fall")), (Some(2), true), "{error}");
}

#[test]
fn coverage_names_the_branch_that_no_case_runs() {
    let (status, before, _) = run(&["rules", "coverage", "--min", "95"], "");
    assert_eq!(status, Some(0), "{before}");
    // The one case of a length that fits no row: without it, its branch runs no more.
    let yaml = files("rules").into_iter().filter(|(name, _)| name.contains("bewohnerparkausweis/faelle/"));
    let folder = copy(&[]);
    for (name, _) in yaml {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    let (_, after, _) = run(&["rules", "coverage", "--rules", path(folder.path())], "");
    let missing = |text: &str| text.lines().filter(|l| l.contains(SCRIPT) && l.contains("Zweig")).count();
    assert!(missing(&after) > missing(&before) + 10, "{after}");
    let (status, _, _) = run(&["rules", "coverage", "--min", "95", "--rules", path(folder.path())], "");
    assert_eq!(status, Some(1));
}

#[test]
fn removing_one_case_names_its_branch_with_file_and_line() {
    let name = "muster/hundesteuer/faelle";
    let all = files("rules");
    let (_, before, _) = run(&["rules", "coverage"], "");
    let mut found = None;
    for (file, text) in all.iter().filter(|(file, _)| file.starts_with(name)) {
        let cases: Vec<&str> = text.split("\n- fall:").collect();
        for i in 1..cases.len() {
            let mut rest = cases.clone();
            rest.remove(i);
            let folder = copy(&[]);
            fs::write(folder.path().join(file), rest.join("\n- fall:")).unwrap();
            let (_, after, _) = run(&["rules", "coverage", "--rules", path(folder.path())], "");
            let new = after.lines().find(|line| line.contains(".rhai:") && !before.contains(*line));
            if let Some(line) = new {
                found = Some(line.trim().to_owned());
                break;
            }
        }
    }
    let line = found.expect("at least one case runs a branch that no other runs");
    println!("{line}");
    assert!(line.starts_with("muster/hundesteuer/2020-01-01.rhai:"), "{line}");
}

#[test]
fn an_explanation_reads_like_a_notice_and_shows_every_layer() {
    let application = parking("e1").to_string();
    let (status, text, _) = run(&["rules", "explain", "--at", "2026-11-22", "-"], &application);
    assert_eq!(status, Some(0), "{text}");
    for part in [
        "Bewohnerparkausweis – Stadt Köln",
        "Ihrem Antrag wird entsprochen.",
        "Gebühr in Euro: 100,00",
        "Sie sind volljährig. (§ 12 VwVfG)",
        "§ 6a Abs. 5a StVG (Bund) → ZustVO Straßenverkehr NRW (2. ÄndVO) (Land) → Gebührenordnung",
        "gilt seit 01.03.2025; maßgeblich: beginn 01.04.2025",
        "Widerspruch, 1 Monat",
        "Art. 22 Abs. 3 DSGVO",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let mut special = parking("e2");
    special["data"]["besondere_umstaende"] = "Bitte anrufen".into();
    let explain = |more: &[&str]| {
        let arguments: Vec<&str> = ["rules", "explain", "-"].iter().chain(more).copied().collect();
        run(&arguments, &special.to_string()).1
    };
    assert!(explain(&[]).contains("Besondere Umstände angegeben"));
    let outward = explain(&["--outward"]);
    assert!(outward.contains("von einem Menschen geprüft") && !outward.contains("Vorschlag"), "{outward}");
    assert!(!outward.contains("Besondere Umstände"), "inner reasons stay inside:\n{outward}");
}

#[test]
fn every_shipped_workflow_is_a_picture() {
    let (status, all, error) = run(&["rules", "workflow", "--workflows", path(&root().join("workflows"))], "");
    assert_eq!(status, Some(0), "{error}");
    let services: Vec<String> = files("workflows")
        .into_keys()
        .filter_map(|name| Some(name.strip_suffix("/workflow.toml")?.to_owned()))
        .collect();
    assert_eq!(all.matches("```mermaid\nflowchart TD\n").count(), services.len(), "{all}");
    for service in &services {
        assert!(all.contains(&format!("(`{service}`), Ablauf 1\n")), "{service} is missing:\n{all}");
        let (_, one, _) = run(&["rules", "workflow", "--service", service], "");
        assert!(one.starts_with("flowchart TD\n") && all.contains(&one), "{one}");
        let (_, svg, _) = run(&["rules", "workflow", "--format", "svg", "--service", service], "");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
        let boxes = one.lines().filter(|l| l.starts_with("    s") && !l.contains("-->")).count();
        assert_eq!(svg.matches("<rect ").count(), boxes, "{svg}");
        assert!(svg.contains(">Frist 6 Wochen</text>") && one.contains("|\"Frist 6 Wochen\"|"), "{svg}");
    }
    let (_, parking, _) = run(&["rules", "workflow", "--service", "bewohnerparkausweis"], "");
    assert!(parking.contains("\"Melderegister fragen\"") && parking.contains("|\"Frist 14 Tage\"|"), "{parking}");
    let (status, _, error) = run(&["rules", "workflow", "--service", "ablauf"], "");
    assert_eq!((status, error.contains("es gibt bewohnerparkausweis, ")), (Some(2), true), "{error}");
}

#[test]
fn a_notice_goes_out_by_a_way_that_the_calendar_knows() {
    let folder = TempDir::new().unwrap();
    for (name, text) in files("workflows") {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("\"sgbx-post\"", "\"sgb-post\"")).unwrap();
    }
    let known =
        "den Weg der Bekanntgabe „sgb-post“ gibt es in kalender.toml nicht; möglich sind ao-bereitstellung, ao-post, ";
    for command in ["check", "workflow", "overview"] {
        let (status, _, error) = run(&["rules", command, "--workflows", path(folder.path())], "");
        assert_eq!(status, Some(1), "{command}: {error}");
        assert!(error.contains(&format!("wohngeld/workflow.toml: Ablauf 1: {known}")), "{command}: {error}");
        assert!(!error.contains("hundesteuer"), "{command}: {error}");
    }
}

#[test]
fn a_difference_says_what_changes_for_whom() {
    let new = copy(&[
        (KOELN, "wert = \"110.00\"", "wert = \"111.00\""),
        (SCRIPT, "alter >= 18", "alter >= 21"),
        ("land/nw/bewohnerparkausweis/abweichung.toml", "ab = 2022-02-01", "ab = 2022-03-01"),
    ]);
    let (status, text, _) = run(&["rules", "diff", path(&root().join("rules")), path(new.path())], "");
    assert_eq!(status, Some(0));
    let expected = [
        "Köln: gebuehren ab 2025-03-01 [monate 12, laenge_mm 4709]: 110.00 → 111.00",
        "alle: Funktion pruefe_person() ab 2020-07-01 geändert",
        "Nordrhein-Westfalen: Delegation gebuehren ab 2022-02-01 entfällt",
        "Nordrhein-Westfalen: Delegation gebuehren ab 2022-03-01 neu",
        "4 Änderungen",
    ];
    for line in expected {
        assert!(text.contains(line), "{line} is missing:\n{text}");
    }
}

#[test]
fn a_simulation_counts_what_would_end_differently() {
    let new = copy(&[(KOELN, "wert = \"100.00\"", "wert = \"103.50\"")]);
    let mut refused = parking("s2");
    refused["data"]["besondere_umstaende"] = "Härtefall".into();
    let applications = format!("{}\n{refused}\n", parking("s1"));
    let page = new.path().join("page.html");
    let arguments = ["rules", "simulate", "--new", path(new.path()), "--at", "2026-11-22", "--html", path(&page), "-"];
    let (status, text, _) = run(&arguments, &applications);
    assert_eq!(status, Some(0));
    assert!(text.contains("2 Anträge, 2 mit anderem Ergebnis"), "{text}");
    assert!(
        text.contains("s1 bewohnerparkausweis 053150000000: erteilt, gebuehr 100.00 → erteilt, gebuehr 103.50"),
        "{text}"
    );
    let sum = text.lines().find(|line| line.contains("gebuehr ")).unwrap();
    assert!(sum.contains("200.00") && sum.contains("207.00") && sum.contains("+7.00"), "{sum}");
    let html = fs::read_to_string(page).unwrap();
    assert!(html.contains("<svg") && html.contains("103.50"), "{html}");
}

#[test]
fn checks_against_the_form_find_what_a_beginner_gets_wrong() {
    for (from, to, code, said) in [
        ("antrag.parken.monate", "antrag.parken.monat", "feld", "/parken/monat gibt es in Formular 1 nicht"),
        ("antrag.fahrzeug.laenge_mm <=", "antrag.fahrzeug.kennzeichen == 5 || 1 <=", "feldtyp", "eine Zahl gebraucht"),
        ("alter >= 18", "jahr(stichtag.antrag) / 2 >= 9", "ganzzahl", "zwei ganze Zahlen"),
        ("pruefe(\"carsharing\", ", "pruefe(\"carsharin\", ", "nicht_erklaert", "carsharin"),
        ("fn letzter_tag(", "fn ungenutzt() { 1 }\n\nfn letzter_tag(", "unerreichbar", "ungenutzt() wird nirgends"),
    ] {
        let folder = copy(&[(SCRIPT, from, to)]);
        let (_, text, _) = run(&["rules", "check", "--format", "json", "--rules", path(folder.path())], "");
        let findings: Value = serde_json::from_str(&text).unwrap();
        let fits = |finding: &&Value| finding["code"] == code && finding["message"].as_str().unwrap().contains(said);
        let found = findings.as_array().unwrap().iter().find(fits);
        let found = found.unwrap_or_else(|| panic!("{code} for {to}:\n{text}"));
        assert!(found["line"].as_u64().unwrap() > 1, "{found}");
    }
}

#[test]
fn a_norm_that_ran_out_is_a_warning_on_the_day_it_did() {
    let frame = "bund/bewohnerparkausweis/rahmen.toml";
    let folder =
        copy(&[(frame, "umfang = [\"erteilung\"], quelle", "bis = 2026-10-31, umfang = [\"erteilung\"], quelle")]);
    let check = |day: &str| run(&["rules", "check", "--at", day, "--rules", path(folder.path())], "");
    let (status, text, _) = check("2026-11-01");
    assert!(text.contains("Warnung[abgelaufen]") && text.contains("§ 46 Abs. 5 StVO"), "{text}");
    assert_eq!(status, Some(0), "a warning does not fail");
    assert!(!check("2026-10-31").1.contains("abgelaufen"));
}
