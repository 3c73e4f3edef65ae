//! Components that several services take, and values that nobody has verified.

use super::*;

const COMPONENT: &str = r#"
baustein = "alter"
titel = "Alter"
normen = ["alter"]
[[parameter]]
name = "mindestalter"
typ = "ganzzahl"
  [[parameter.wert]]
  ab = 2020-01-01
  norm = "§ 7 Probe"
  quelle = "erfunden"
  wert = 18
[[pruefung]]
id = "volljaehrig"
norm = "{alter}"
wirkung = "vorlage"
erfuellt = "Sie sind {alter} Jahre alt."
nicht_erfuellt = "Sie sind erst {alter}."
"#;
const COMPONENT_SCRIPT: &str =
    "fn pruefe_alter(alter) { pruefe(\"volljaehrig\", alter >= parameter.mindestalter, #{ alter: alter }); }";
const PATH: &str = "bausteine/alter/baustein.toml";
const SCRIPT_PATH: &str = "bausteine/alter/2020-01-01.rhai";
const FRAME_PATH: &str = "bund/probe/rahmen.toml";
const BASE_PATH: &str = "bund/probe/2020-01-01.rhai";

fn taking(more: &str) -> String {
    FRAME.replace("[automatik]", &format!("bausteine = [\"alter\"]\n{more}\n[automatik]"))
}

fn calling() -> String {
    SCRIPT.replace("#{ betrag", "pruefe_alter(antrag.alter);\n    #{ betrag")
}

fn with<'t>(frame: &'t str, script: &'t str, component: &'t str, shared: &'t str) -> [(&'t str, &'t str); 4] {
    [(FRAME_PATH, frame), (BASE_PATH, script), (PATH, component), (SCRIPT_PATH, shared)]
}

#[test]
fn a_component_decides_with_the_norm_of_the_frame() {
    let (frame, script) = (taking("normen = { alter = \"§ 2 BGB\" }"), calling());
    let files = with(&frame, &script, COMPONENT, COMPONENT_SCRIPT);
    let decision = decide(&files, json!({"alter": 20, "beginn": "2026-01-01"}));
    assert_eq!(decision.outcome, Outcome::Granted, "{decision:?}");
    let adult = decision.reasons.iter().find(|r| r.check == "volljaehrig").unwrap();
    assert_eq!((adult.norm.as_str(), adult.text.as_str()), ("§ 2 BGB", "Sie sind 20 Jahre alt."));
    let used = &decision.trace.as_ref().unwrap().parameters;
    assert!(used.iter().any(|p| p.name == "mindestalter" && p.norm == "§ 7 Probe"));
    let young = decide(&files, json!({"alter": 17, "beginn": "2026-01-01"}));
    assert_eq!(young.referral.unwrap().checks, ["volljaehrig"]);
}

#[test]
fn a_change_of_a_component_changes_the_hash_and_the_archive_has_it() {
    let (frame, script) = (taking("normen = { alter = \"§ 2 BGB\" }"), calling());
    let book = |component: &str| RuleBook::load(&tree(&with(&frame, &script, component, COMPONENT_SCRIPT))).0.unwrap();
    let of = |book: &RuleBook| {
        let (service, ars) = (ServiceName::new("probe").unwrap(), Ars::new("053150000000").unwrap());
        let set = book.rule_set(&service, &ars).unwrap().clone();
        (set.hash(&Digest::of(b"form")), book.archive(&service, &ars, Some(&set), "form"))
    };
    let (before, kept) = of(&book(COMPONENT));
    let (after, _) = of(&book(&COMPONENT.replace("wert = 18", "wert = 16")));
    assert_ne!(before, after);
    let bodies: std::collections::BTreeMap<String, Vec<u8>> = kept.into_iter().map(|a| (a.hash, a.body)).collect();
    let restored = RuleBook::restore(&before, &mut |hash| bodies.get(hash).cloned()).unwrap();
    assert!(restored.manifest.files.contains_key(PATH) && restored.manifest.files.contains_key(SCRIPT_PATH));
}

#[test]
fn what_a_component_may_not_do_is_a_finding() {
    let good = taking("normen = { alter = \"§ 2 BGB\" }");
    let script = calling();
    let opened = COMPONENT.replace(
        "  [[parameter.wert]]",
        "  [[parameter.oeffnung]]\n  ebene = \"land\"\n  norm = \"§ 1\"\n  instrument = [\"gesetz\"]\n  [[parameter.wert]]",
    );
    let twice = good.clone()
        + "[[pruefung]]\nid = \"volljaehrig\"\nnorm = \"n\"\nwirkung = \"hinweis\"\nerfuellt = \"\"\nnicht_erfuellt = \"\"\n";
    let missing = taking("");
    let spare = taking("normen = { alter = \"§ 2 BGB\", grenze = \"§ 9\" }");
    let unknown = good.replace("[\"alter\"]", "[\"altr\"]");
    let place = COMPONENT.replace("norm = \"{alter}\"", "norm = \"{altr}\"");
    let other = COMPONENT.replace("baustein = \"alter\"", "baustein = \"jahre\"");
    let helper = script.clone() + "\nfn pruefe_alter(x) { x }";
    for (files, code, said) in [
        (with(&missing, &script, COMPONENT, COMPONENT_SCRIPT), "norm", "braucht die Norm „alter“"),
        (with(&spare, &script, COMPONENT, COMPONENT_SCRIPT), "nicht_erklaert", "„grenze“ braucht kein Baustein"),
        (with(&unknown, &script, COMPONENT, COMPONENT_SCRIPT), "nicht_erklaert", "diesen Baustein gibt es nicht"),
        (with(&twice, &script, COMPONENT, COMPONENT_SCRIPT), "mehrdeutig", "„volljaehrig“ aus diesem Baustein"),
        (with(&good, &script, &opened, COMPONENT_SCRIPT), "oeffnung", "ein Baustein öffnet nichts"),
        (with(&good, &script, &place, COMPONENT_SCRIPT), "nicht_erklaert", "„altr“ steht nicht unter normen"),
        (with(&good, &script, &other, COMPONENT_SCRIPT), "dienst", "baustein muss heißen wie der Ordner"),
        (with(&good, &helper, COMPONENT, COMPONENT_SCRIPT), "mehrdeutig", "pruefe_alter() gibt es schon"),
        (with(FRAME, SCRIPT, COMPONENT, COMPONENT_SCRIPT), "nie_gelesen", "diesen Baustein nimmt kein Rahmen"),
    ] {
        let found = findings(&files);
        let fits = |f: &&Diagnostic| f.code == code && f.message.contains(said);
        assert_eq!(found.iter().filter(fits).count(), 1, "{code}: {said}\n{found:#?}");
    }
}

#[test]
fn a_land_cannot_replace_a_function_of_a_component() {
    let (frame, script) = (taking("normen = { alter = \"§ 2 BGB\" }"), calling());
    let mut files = with(&frame, &script, COMPONENT, COMPONENT_SCRIPT).to_vec();
    files.push(("land/nw/probe/abweichung.toml", "dienst = \"probe\"\nland = \"nw\"\n"));
    files.push(("land/nw/probe/2020-01-01.rhai", "fn pruefe_alter(x) { true }"));
    let found = findings(&files);
    assert!(found.iter().any(|f| f.code == "oeffnung" && f.message.contains("pruefe_alter()")), "{found:#?}");
}

#[test]
fn a_value_that_nobody_verified_refers_with_the_result() {
    let frame = FRAME.replace("  quelle = \"erfunden\"\n", "  quelle = \"Presse\"\n  beleg = \"ungeprueft\"\n");
    let decision = decide(&[(FRAME_PATH, &frame)], json!({"alter": 20, "beginn": "2026-01-01"}));
    assert_eq!(decision.outcome, Outcome::Referred);
    let referral = decision.referral.unwrap();
    assert_eq!((referral.reasons, referral.proposal), (vec![ReferralReason::NotConfigured], Some(Outcome::Granted)));
    assert_eq!(referral.gates[0].text, "Nicht geprüft ist der Wert „gebuehr“ (ab 01.01.2020; Quelle: Presse).");
    assert_eq!(decision.result["betrag"], "10.00");
    assert!(decision.trace.unwrap().parameters[0].unverified);
}

#[test]
fn special_data_in_a_list_are_seen_and_nothing_is_no_degree() {
    let frame = FRAME.replace("gebunden = true", "gebunden = true\nbesondere_daten = [{ feld = \"/personen/*/gdb\" }]");
    let of = |degrees: Value| {
        let data = json!({"alter": 20, "beginn": "2026-01-01", "personen": degrees});
        decide(&[(FRAME_PATH, &frame)], data).outcome
    };
    assert_eq!(of(json!([{}, {"gdb": 0}])), Outcome::Granted);
    assert_eq!(of(json!([{}, {"gdb": 50}])), Outcome::Referred);
    assert_eq!(of(json!("none")), Outcome::Granted);
}

#[test]
fn a_component_cannot_be_opened_must_be_there_in_time_and_needs_real_norms() {
    let (good, script) = (taking("normen = { alter = \"§ 2 BGB\" }"), calling());
    let opened = good.clone()
        + "[[funktion]]\nname = \"pruefe_alter\"\n  [[funktion.oeffnung]]\n  ebene = \"land\"\n  norm = \"n\"\n  instrument = [\"gesetz\"]\n";
    let empty = taking("normen = { alter = \"\" }");
    let late = [
        (FRAME_PATH, good.as_str()),
        (BASE_PATH, &script),
        (PATH, COMPONENT),
        ("bausteine/alter/2023-01-01.rhai", COMPONENT_SCRIPT),
    ];
    for (files, code, said) in [
        (with(&opened, &script, COMPONENT, COMPONENT_SCRIPT), "oeffnung", "gehört einem Baustein"),
        (with(&empty, &script, COMPONENT, COMPONENT_SCRIPT), "norm", "jede Prüfung braucht ihre Norm"),
        (late, "luecke", "erst ab 2023-01-01 ein Skript"),
    ] {
        let found = findings(&files);
        assert!(found.iter().any(|f| f.code == code && f.message.contains(said)), "{said}\n{found:#?}");
    }
}

#[test]
fn a_key_of_another_kind_fits_no_bound() {
    let frame = FRAME.to_owned()
        + "[[parameter]]\nname = \"stufen\"\ntyp = \"tabelle\"\ninhalt = \"euro\"\nschluessel = [{ name = \"x\", art = \"ab\" }]\n  \
           [[parameter.wert]]\n  ab = 2020-01-01\n  norm = \"n\"\n  quelle = \"q\"\n  \
           zeilen = [{ x = 0, wert = \"100\" }, { x = 1000, wert = \"200\" }, { x = 50000, wert = \"999\" }]\n";
    let script =
        SCRIPT.replace("#{ betrag:", "#{ stufe: nachschlagen_oder_leer(\"stufen\", #{ x: antrag.x }), betrag:");
    let of = |x: Value| {
        let data = json!({"alter": 20, "beginn": "2026-01-01", "x": x});
        decide(&[(FRAME_PATH, &frame), (BASE_PATH, &script)], data).result["stufe"].clone()
    };
    assert_eq!((of(json!(500)), of(json!("500")), of(json!("0500"))), (json!("100"), json!("100"), json!("100")));
    assert_eq!(of(json!("viel")), Value::Null);
}
