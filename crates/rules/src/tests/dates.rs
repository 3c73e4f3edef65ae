//! Which law an application gets: the one that its reference dates select, however late it is decided.

use super::*;

const TABLE: &str = r#"
[[parameter]]
name = "grenze"
typ = "ganzzahl"
  [[parameter.wert]]
  ab = 2020-01-01
  wert = 20
  norm = "§ 9 Probe"
  quelle = "erfunden"
  [[parameter.wert]]
  ab = 2026-07-01
  wert = 40
  norm = "§ 9 Probe (neu)"
  quelle = "erfunden"
[[parameter]]
name = "satz"
typ = "tabelle"
inhalt = "euro"
stichtag = "beginn"
schluessel = [{ name = "stufe", art = "genau" }, { name = "menge", art = "bis" }]
  [[parameter.wert]]
  ab = 2020-01-01
  norm = "§ 10 Probe"
  quelle = "erfunden"
  zeilen = [
    { stufe = 1, menge = 5, wert = "10.00", bis = 2026-06-30 },
    { stufe = 1, menge = 5, wert = "12.00", ab = 2026-07-01 },
    { stufe = 1, menge = 9, wert = "20.00" },
    { stufe = 2, menge = 9, wert = "30.00" },
  ]
"#;

const READS: &str = r#"
fn entscheide() {
    pruefe("alt_genug", antrag.alter >= parameter.grenze, #{ alter: antrag.alter });
    #{ gebuehr: parameter.gebuehr, satz: nachschlagen("satz", #{ stufe: antrag.stufe, menge: antrag.menge }) }
}
"#;

fn two_fees() -> String {
    kommune(&format!("{}{}", wert("2024-01-01", "12.00", "festsetzung"), wert("2026-10-01", "15.00", "festsetzung")))
}

fn decide_on(received: &str, decided: &str, data: Value) -> Decision {
    let frame = FRAME.replace("[[funktion]]", &format!("{TABLE}[[funktion]]"));
    let values = two_fees();
    let files = [("bund/probe/rahmen.toml", frame.as_str()), ("bund/probe/2020-01-01.rhai", READS), (VALUES, &values)];
    let at = |text: &str| format!("{text}T10:00:00Z").parse::<Timestamp>().unwrap();
    let (received, decided) = (at(received), at(decided));
    decide_with(&files, data, move |context| {
        context.received_at = received;
        context.decided_at = decided;
    })
}

fn data(begin: &str) -> Value {
    json!({"alter": 30, "beginn": begin, "stufe": 1, "menge": 3})
}

#[test]
fn a_fee_follows_the_start_date_decided_early_or_late() {
    for (begin, fee) in [("2026-09-30", "12.00"), ("2026-10-01", "15.00")] {
        let early = decide_on("2026-03-01", "2026-03-02", data(begin));
        let late = decide_on("2026-03-01", "2027-11-30", data(begin));
        assert_eq!((&early.result["gebuehr"], &late.result["gebuehr"]), (&json!(fee), &json!(fee)), "{begin}");
        assert_eq!((early.outcome, early.reasons), (late.outcome, late.reasons));
    }
}

#[test]
fn a_limit_follows_the_application_date_decided_early_or_late() {
    for (received, fulfilled) in [("2026-06-30", true), ("2026-07-01", false)] {
        for decided in ["2026-07-01", "2027-12-31"] {
            let decision = decide_on(received, decided, data("2026-09-01"));
            assert_eq!(decision.reasons[0].fulfilled, fulfilled, "received {received}, decided {decided}");
        }
    }
}

#[test]
fn rows_of_a_table_have_their_own_days_and_several_keys() {
    let rate = |begin: &str, stage: i64, amount: i64| {
        let data = json!({"alter": 30, "beginn": begin, "stufe": stage, "menge": amount});
        decide_on("2026-03-01", "2026-03-02", data).result.get("satz").cloned()
    };
    assert_eq!(rate("2026-06-30", 1, 3), Some(json!("10.00")));
    assert_eq!(rate("2026-07-01", 1, 3), Some(json!("12.00")));
    assert_eq!((rate("2026-07-01", 1, 6), rate("2026-07-01", 2, 1)), (Some(json!("20.00")), Some(json!("30.00"))));
    assert_eq!(rate("2026-07-01", 2, 10), None, "no row: a person decides");
}

#[test]
fn two_rows_for_one_day_are_ambiguous() {
    let frame = FRAME.replace("[[funktion]]", &format!("{TABLE}[[funktion]]"));
    let frame = frame.replace("ab = 2026-07-01 }", "ab = 2026-06-30 }");
    let found = findings(&[("bund/probe/rahmen.toml", &frame), ("bund/probe/2020-01-01.rhai", READS)]);
    assert!(found.iter().any(|f| f.code == "tabelle" && f.message.contains("dieselben Tage")), "{found:#?}");
}

#[test]
fn a_script_follows_the_application_date() {
    let script = "fn entscheide() { pruefe(\"alt_genug\", true, #{ alter: 1 }); #{ betrag: betrag(euro(99)) } }\n\
                  fn betrag(x) { x }";
    for (received, amount) in [("2026-06-30", "10.00"), ("2026-07-01", "99")] {
        let at: Timestamp = format!("{received}T10:00:00Z").parse().unwrap();
        let decision = decide_with(&[("bund/probe/2026-07-01.rhai", script)], applicant(), move |c| c.received_at = at);
        assert_eq!(decision.result["betrag"], amount, "{received}");
    }
}

#[test]
fn a_land_chooses_a_reference_date_that_the_frame_opens() {
    let passed_on = "darf_delegieren_an = \"kommune\"";
    let frame = FRAME.replace(passed_on, &format!("{passed_on}\n  stichtage = [\"antrag\"]"));
    let values = two_fees();
    let land = format!(
        "{HEAD}[[stichtag]]\nparameter = \"gebuehr\"\nstichtag = \"antrag\"\nnorm = \"VO\"\n\
         instrument = \"rechtsverordnung\"\n"
    );
    let fee = |more: &[(&str, &str)]| {
        let own = [("bund/probe/rahmen.toml", frame.as_str()), (VALUES, values.as_str())];
        let files: Vec<(&str, &str)> = own.into_iter().chain(more.iter().copied()).collect();
        let at: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let decision = decide_with(&files, json!({"alter": 30, "beginn": "2026-12-01"}), move |c| c.received_at = at);
        decision.result["betrag"].clone()
    };
    assert_eq!((fee(&[]), fee(&[(LAND, &land)])), (json!("15.00"), json!("12.00")));
}
