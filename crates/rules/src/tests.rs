//! The layers on a small invented service: overrides that hold, overrides that are refused, scripts that mean harm.

use crate::{Context, Diagnostic, Facts, RuleBook, SourceTree};
use domain::{ApplicationId, Ars, ClientId, Decision, Digest, Level, Outcome, ReferralReason, ServiceName};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

mod competence;
mod components;
mod dates;
mod fuzz;
mod gate;
mod twin;

const FRAME: &str = r#"
dienst = "probe"
titel = "Probe"
modus = "bund_rahmen_delegiert"
[automatik]
regime = "vwvfg-35a"
gebunden = true
erlaubt_durch = [{ norm = "§ 1 Probe", ab = 2020-01-01, umfang = ["erteilung"] }]
[stichtage]
beginn = "/beginn"
[[parameter]]
name = "gebuehr"
typ = "euro"
stichtag = "beginn"
  [[parameter.wert]]
  ab = 2020-01-01
  wert = "10.00"
  norm = "§ 2 Probe"
  quelle = "erfunden"
  [[parameter.oeffnung]]
  ebene = "kommune"
  norm = "§ 3 Probe"
  instrument = ["festsetzung"]
  minimum = "5.00"
  maximum = "20.00"
  [[parameter.oeffnung]]
  ebene = "land"
  norm = "§ 4 Probe"
  instrument = ["rechtsverordnung"]
  maximum = "500.00"
  darf_delegieren_an = "kommune"
[[funktion]]
name = "betrag"
  [[funktion.oeffnung]]
  ebene = "land"
  norm = "§ 5 Probe"
  instrument = ["rechtsverordnung"]
[[pruefung]]
id = "alt_genug"
norm = "§ 6 Probe"
wirkung = "ablehnung"
erfuellt = "Sie sind {alter} Jahre alt."
nicht_erfuellt = "Sie sind erst {alter}."
"#;

const SCRIPT: &str = r#"
fn entscheide() {
    pruefe("alt_genug", antrag.alter >= 16, #{ alter: antrag.alter });
    #{ betrag: runde_cent(betrag(parameter.gebuehr) * hilfe()) }
}
fn betrag(x) { x }
fn hilfe() { 1 }
"#;

const PLACE: &str = r#"
ars = "053150000000"
name = "Köln"
ebene = "gemeinde"
[[zustaendigkeit]]
dienst = "probe"
behoerde = "Stadt Köln"
team = "probe"
"#;

/// One procedure with these norms.
fn procedures(norms: &str) -> String {
    format!(
        "[vwvfg-35a]\ntitel = \"§ 35a VwVfG\"\n[vwvfg-35a.normen]\n{norms}\n[vwvfg-35a.fristen]\n\
         untaetigkeit_monate = 3\nuntaetigkeit_norm = \"§ 75 VwGO\"\nvorwarnung_wochen = 2\nrechtsbehelf_monate = 1\n\
         rechtsbehelf_norm = \"§ 70 VwGO\"\nwiederaufnahme = \"§ 51 VwVfG\"\nverspaetet = \"§ 32 VwVfG\"\n"
    )
}

fn tree(more: &[(&str, &str)]) -> SourceTree {
    let procedures = procedures("refusal_needs_person = \"§ 35a VwVfG\"");
    let base = [
        ("verfahren.toml", procedures.as_str()),
        ("bund/probe/rahmen.toml", FRAME),
        ("bund/probe/2020-01-01.rhai", SCRIPT),
        ("kommune/053150000000/kommune.toml", PLACE),
    ];
    let files = base.iter().chain(more).map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    SourceTree { files: files.collect() }
}

fn findings(more: &[(&str, &str)]) -> Vec<Diagnostic> {
    RuleBook::load(&tree(more)).1
}

fn decide(more: &[(&str, &str)], data: Value) -> Decision {
    decide_with(more, data, |_| ())
}

fn decide_with(more: &[(&str, &str)], data: Value, change: impl Fn(&mut Context)) -> Decision {
    let (book, found) = RuleBook::load(&tree(more));
    let book = book.unwrap_or_else(|| panic!("{found:#?}"));
    decide_in(&book, data, change)
}

fn decide_in(book: &RuleBook, data: Value, change: impl Fn(&mut Context)) -> Decision {
    let facts = Facts {
        application_id: ApplicationId(uuid::Uuid::from_u128(1)),
        id: ClientId::new("1").unwrap(),
        service: ServiceName::new("probe").unwrap(),
        ars: Ars::new("053150000000").unwrap(),
        form_version: "1".into(),
        form_digest: Digest::of(b"form"),
        data: Arc::new(data),
        decision_no: 1,
    };
    let mut context = Context::plain("2026-11-01T11:00:00Z".parse().unwrap());
    change(&mut context);
    book.decide(&facts, &context)
}

fn applicant() -> Value {
    json!({"alter": 30, "beginn": "2026-12-01"})
}

fn kommune(value: &str) -> String {
    format!("dienst = \"probe\"\n{value}")
}

fn wert(ab: &str, wert: &str, instrument: &str) -> String {
    format!(
        "[[wert]]\nparameter = \"gebuehr\"\nab = {ab}\nwert = \"{wert}\"\ninstrument = \"{instrument}\"\nnorm = \"n\"\nquelle = \"q\"\n"
    )
}

const VALUES: &str = "kommune/053150000000/probe.toml";
const LAND: &str = "land/nw/probe/abweichung.toml";
const LAND_SCRIPT: &str = "land/nw/probe/2024-01-01.rhai";
const HEAD: &str = "dienst = \"probe\"\nland = \"nw\"\n";

#[test]
fn a_land_replaces_an_opened_function_and_calls_the_original() {
    let land = format!("{HEAD}[[funktion]]\nname = \"betrag\"\nnorm = \"n\"\ninstrument = \"rechtsverordnung\"\n");
    let script = "fn betrag(x) { bund::betrag(x) + zuschlag() }\nprivate fn zuschlag() { 1.5 }";
    let decision = decide(&[(LAND, &land), (LAND_SCRIPT, script)], applicant());
    assert_eq!(decision.outcome, Outcome::Granted);
    assert_eq!(decision.result["betrag"], "11.50");
    let ran: Vec<Level> = decision.trace.unwrap().functions.iter().map(|f| f.level).collect();
    assert_eq!(ran, [Level::Bund, Level::Land]);
}

#[test]
fn the_reference_date_selects_the_version_however_late_it_is_decided() {
    let values = kommune(&format!(
        "{}{}",
        wert("2024-01-01", "12.00", "festsetzung"),
        wert("2026-12-01", "15.00", "festsetzung")
    ));
    let on = |day: &str| decide(&[(VALUES, &values)], json!({"alter": 30, "beginn": day})).result["betrag"].clone();
    assert_eq!(
        (on("2023-05-05"), on("2026-11-30"), on("2026-12-01")),
        ("10.00".into(), "12.00".into(), "15.00".into())
    );
}

#[test]
fn what_nobody_opened_is_refused_at_load() {
    let delegation = |max: &str| {
        format!(
            "{HEAD}[[delegation]]\nparameter = \"gebuehr\"\nan = \"kommune\"\nnorm = \"VO\"\nab = 2022-01-01\ninstrument = [\"rechtsverordnung\"]\nmaximum = \"{max}\"\n"
        )
    };
    let value = |w: &str, i: &str| kommune(&wert("2024-01-01", w, i));
    let early = kommune(&wert("2021-01-01", "300.00", "rechtsverordnung"));
    let twice = kommune(&format!("{0}{0}", wert("2024-01-01", "12.00", "festsetzung")));
    let unknown = kommune("[[wert]]\nparameter = \"x\"\nab = 2024-01-01\nwert = \"1\"\nnorm = \"n\"\nquelle = \"q\"\n");
    let cases: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("grenze", vec![(VALUES, value("20.01", "festsetzung"))]),
        ("grenze", vec![(VALUES, value("4.99", "festsetzung"))]),
        ("instrument", vec![(VALUES, value("12.00", "satzung"))]),
        ("instrument", vec![(VALUES, value("300.00", "rechtsverordnung"))]),
        ("geltung", vec![(LAND, delegation("400.00")), (VALUES, early)]),
        ("grenze", vec![(LAND, delegation("400.00")), (VALUES, value("400.01", "rechtsverordnung"))]),
        ("verengung", vec![(LAND, delegation("500.01"))]),
        ("mehrdeutig", vec![(VALUES, twice)]),
        ("nicht_erklaert", vec![(VALUES, unknown)]),
        ("typ", vec![(VALUES, value("zwölf", "festsetzung"))]),
        ("form", vec![(VALUES, "dienst = \"probe\"\nfarbe = 1".into())]),
        ("oeffnung", vec![(LAND, HEAD.into()), (LAND_SCRIPT, "fn hilfe() { 2 }".into())]),
        ("oeffnung", vec![(LAND, HEAD.into()), (LAND_SCRIPT, "fn neu() { 2 }".into())]),
        ("oeffnung", vec![(LAND, HEAD.into()), (LAND_SCRIPT, "fn betrag(x) { 2 }".into())]),
        (
            "nicht_erklaert",
            vec![("bund/probe/2025-01-01.rhai", "fn entscheide() { pruefe(\"gibt_es_nicht\", true); #{} }".into())],
        ),
        ("nicht_erklaert", vec![("bund/probe/2025-01-01.rhai", "fn entscheide() { #{ a: parameter.nichts } }".into())]),
        ("datei", vec![("kommune/053150000000/skript.rhai", "fn x() {}".into())]),
        // A Land's helper of a host function's name would answer for every federal check.
        ("dialekt", vec![(LAND, HEAD.into()), (LAND_SCRIPT, "private fn pruefe(id, ok, werte) { true }".into())]),
        ("dialekt", vec![(LAND, HEAD.into()), (LAND_SCRIPT, "private fn schicht_laeuft(a, b) { }".into())]),
        ("norm", vec![(VALUES, value("12.00", "festsetzung").replace("norm = \"n\"", "norm = \" \""))]),
    ];
    for (code, files) in cases {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let found = findings(&files);
        assert!(found.iter().any(|f| f.code == code && f.line > 0), "{code} expected for {files:?}: {found:#?}");
    }
    let fine = value("400.00", "rechtsverordnung");
    assert_eq!(findings(&[(LAND, &delegation("400.00")), (VALUES, &fine)]), [], "what the delegation allows stands");
}

#[test]
fn a_refusal_is_a_proposal_where_the_norm_covers_grants_only() {
    let decision = decide(&[], json!({"alter": 15, "beginn": "2026-12-01"}));
    let referral = decision.referral.unwrap();
    assert_eq!((decision.outcome, referral.proposal), (Outcome::Referred, Some(Outcome::Refused)));
    assert_eq!(referral.reasons, [ReferralReason::RefusalNeedsPerson]);
    assert!(decision.notice_id.is_none() && !decision.automatic);
}

/// Bodies of `entscheide()` that a default engine would not survive, or that would decide on a fault.
const HOSTILE: &[&str] = &[
    r#"let s = "x"; for i in [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16] { s += s; } #{}"#,
    r#"let s = "aaaaaaaaaa"; s.replace("", s); #{}"#,
    r#"let s = "a"; s.pad(60000, 'x'); #{}"#,
    "sleep(1000); #{}",
    r#"let a = [1]; for i in [1,2,3,4,5,6,7,8,9,10,11,12] { a += a; } #{}"#,
    "fern(1)",
    "let n = 9223372036854775807; n + 1; #{}",
    "1 / 3; #{}",
    "euro(1) / euro(0); #{}",
    "if antrag.fehlt > 5 { #{} } else { #{} }",
    "if antrag.beginn > 5 { #{} } else { #{} }",
    "entscheide()",
    "42",
    "let m = #{}; m.fehlt",
];

#[test]
fn whatever_goes_wrong_in_a_script_refers_and_never_refuses() {
    for body in HOSTILE {
        let script = format!("fn entscheide() {{ {body} }}");
        let files = [("bund/probe/2025-01-01.rhai", script.as_str())];
        if crate::has_errors(&findings(&files)) {
            continue;
        }
        let decision = decide(&files, applicant());
        let reasons = decision.referral.map(|r| r.reasons);
        assert_eq!(decision.outcome, Outcome::Referred, "{body}");
        assert_eq!(reasons, Some(vec![ReferralReason::RuleError]), "{body}");
    }
}

#[test]
fn unbounded_growth_in_loops_ends_at_the_limits() {
    let list: Vec<String> = (0..100).map(|i| i.to_string()).collect();
    let list = list.join(",");
    let body = format!("let l = [{list}]; let n = 0; for a in l {{ for b in l {{ for c in l {{ n += 1; }} }} }} #{{}}");
    let script = format!("fn entscheide() {{ {body} }}");
    let decision = decide(&[("bund/probe/2025-01-01.rhai", &script)], applicant());
    assert!(decision.trace.unwrap().error.unwrap().contains("operations"));
}

#[test]
fn what_the_dialect_lacks_is_a_finding_with_its_place() {
    for text in ["eval(\"1\")", "import \"x\" as y;", "while true {}", "loop {}", "try { } catch { }", "let f = |x| x;"]
    {
        let script = format!("fn entscheide() {{\n    {text}\n    #{{}}\n}}");
        let found = findings(&[("bund/probe/2025-01-01.rhai", &script)]);
        assert!(found.iter().any(|f| f.code == "skript" && f.line == 2), "{text}: {found:?}");
    }
}
