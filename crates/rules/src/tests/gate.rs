//! The legal gate: every condition alone closes it with its reason, all together name all of them.

use super::*;
use crate::StopOver;

/// A frame in which every condition that the frame can switch is there but open.
fn frame(change: impl Fn(String) -> String) -> String {
    let more = "[[pruefung]]\nid = \"richtig\"\nnorm = \"§ 7 Probe\"\nwirkung = \"vorlage\"\n\
                erfuellt = \"ja\"\nnicht_erfuellt = \"nein\"\n";
    change(format!("{FRAME}{more}"))
}

const GATES: &str = r#"
fn entscheide() {
    pruefe("alt_genug", antrag.alter >= 16, #{ alter: antrag.alter });
    pruefe("richtig", antrag.richtig);
    #{ betrag: runde_cent(betrag(parameter.gebuehr)) }
}
fn betrag(x) { x }
"#;

fn procedures() -> String {
    let norms: Vec<String> =
        ReferralReason::ALL.iter().map(|r| format!("{} = \"Norm zu {}\"", r.as_str(), r.as_str())).collect();
    super::procedures(&norms.join("\n"))
}

fn good() -> Value {
    json!({"alter": 30, "beginn": "2026-12-01", "richtig": true, "gesundheit": ""})
}

fn run(frame: &str, data: Value, change: impl Fn(&mut Context)) -> Decision {
    let procedures = procedures();
    let files =
        [("bund/probe/rahmen.toml", frame), ("bund/probe/2020-01-01.rhai", GATES), ("verfahren.toml", &procedures)];
    decide_with(&files, data, change)
}

fn reasons(decision: &Decision) -> Vec<ReferralReason> {
    decision.referral.as_ref().map(|r| r.reasons.clone()).unwrap_or_default()
}

type Change = (ReferralReason, fn(String) -> String, fn(&mut Value), fn(&mut Context));

fn same(frame: String) -> String {
    frame
}

/// One change each that must close the gate, and for what reason.
fn conditions() -> Vec<Change> {
    use ReferralReason as Why;
    let none: fn(&mut Context) = |_| ();
    let data: fn(&mut Value) = |_| ();
    vec![
        (Why::FreeText, same, data, |c| c.free_text = true),
        (Why::Attachment, same, data, |c| c.unexpected_attachments = true),
        (Why::Backdated, same, data, |c| c.backdated = true),
        (Why::Sample, same, data, |c| c.sample = true),
        (Why::Risk, same, data, |c| c.risk = true),
        (Why::StopSwitch, same, data, |c| c.stopped = true),
        (Why::PersonRequested, same, data, |c| c.person_requested = true),
        (Why::Discretion, |f| f.replace("gebunden = true", "gebunden = false"), data, none),
        (Why::EvidenceMissing, |f| f.replace("[automatik]", "[automatik]\nnachweise = [\"register\"]"), data, none),
        (Why::TrustLevel, |f| f.replace("[automatik]", "[automatik]\nvertrauensniveau = \"hoch\""), data, none),
        (
            Why::SpecialCategoryData,
            |f| f.replace("[automatik]", "[automatik]\nbesondere_daten = [{ feld = \"/gesundheit\" }]"),
            |d| d["gesundheit"] = "krank".into(),
            none,
        ),
        (Why::NoPermittingNorm, |f| f.replace("ab = 2020-01-01, umfang", "ab = 2027-01-01, umfang"), data, none),
        (Why::Rule, same, |d| d["richtig"] = false.into(), none),
    ]
}

#[test]
fn with_every_gate_open_a_machine_decides() {
    let decision = run(&frame(same), good(), |_| ());
    assert_eq!((decision.outcome, reasons(&decision)), (Outcome::Granted, vec![]));
}

#[test]
fn every_condition_alone_closes_the_gate_with_its_norm() {
    for (why, in_frame, in_data, in_context) in conditions() {
        let mut data = good();
        in_data(&mut data);
        let decision = run(&frame(in_frame), data, in_context);
        assert_eq!((decision.outcome, reasons(&decision)), (Outcome::Referred, vec![why]), "{why:?}");
        let referral = decision.referral.unwrap();
        assert_eq!(referral.proposal, Some(Outcome::Granted), "{why:?}");
        assert!(!referral.gates[0].norm.is_empty() && decision.notice_id.is_none(), "{why:?}");
    }
}

#[test]
fn every_pair_and_all_together_name_all_gates() {
    let all = conditions();
    for (i, a) in all.iter().enumerate() {
        for b in all.iter().skip(i + 1) {
            let mut data = good();
            (a.2)(&mut data);
            (b.2)(&mut data);
            let decision = run(&frame(|f| (b.1)((a.1)(f))), data, |c| {
                (a.3)(c);
                (b.3)(c);
            });
            let mut both = vec![a.0, b.0];
            both.sort();
            assert_eq!(reasons(&decision), both);
        }
    }
    let mut data = good();
    all.iter().for_each(|c| (c.2)(&mut data));
    let everything = |f: String| all.iter().fold(f, |f, c| (c.1)(f));
    let decision = run(&frame(everything), data, |context| all.iter().for_each(|c| (c.3)(context)));
    let mut named: Vec<ReferralReason> = all.iter().map(|c| c.0).collect();
    named.sort();
    assert_eq!(reasons(&decision), named);
}

#[test]
fn a_norm_for_special_data_opens_and_an_empty_field_is_none() {
    let with_norm = |f: String| {
        f.replace("[automatik]", "[automatik]\nbesondere_daten = [{ feld = \"/gesundheit\", norm = \"§ 8\" }]")
    };
    let mut data = good();
    data["gesundheit"] = "krank".into();
    assert_eq!(run(&frame(with_norm), data, |_| ()).outcome, Outcome::Granted);
}

#[test]
fn a_step_of_discretion_goes_to_a_person_however_it_comes_out() {
    let discretion = |f: String| f.replace("id = \"richtig\"", "id = \"richtig\"\nermessen = true");
    let decision = run(&frame(discretion), good(), |_| ());
    assert_eq!(reasons(&decision), [ReferralReason::Discretion]);
    assert_eq!(decision.referral.unwrap().gates[0].norm, "§ 7 Probe");
}

#[test]
fn who_departs_from_the_declaration_to_the_applicants_detriment_hears_first() {
    let hearing = |f: String| {
        f.replace("id = \"alt_genug\"", "id = \"alt_genug\"\nabweichung = true")
            .replace("umfang = [\"erteilung\"]", "umfang = [\"erteilung\", \"ablehnung\"]")
    };
    let mut data = good();
    data["alter"] = 15.into();
    assert_eq!(reasons(&run(&frame(hearing), data.clone(), |_| ())), [ReferralReason::HearingNeeded]);
    let refusals = |f: String| f.replace("umfang = [\"erteilung\"]", "umfang = [\"erteilung\", \"ablehnung\"]");
    assert_eq!(run(&frame(refusals), data, |_| ()).outcome, Outcome::Refused, "without a departure none is needed");
    assert_eq!(run(&frame(hearing), good(), |_| ()).outcome, Outcome::Granted, "a grant needs none");
}

#[test]
fn a_stop_by_amount_looks_at_the_result() {
    let over = |amount: &str| {
        let above = amount.parse().unwrap();
        run(&frame(same), good(), move |c| c.stopped_over = vec![StopOver { result: "betrag".into(), above }])
    };
    assert_eq!(over("10.00").outcome, Outcome::Granted);
    assert_eq!(reasons(&over("9.99")), [ReferralReason::StopSwitch]);
    let unknown = run(&frame(same), good(), |c| {
        c.stopped_over = vec![StopOver { result: "gibt_es_nicht".into(), above: "1".parse().unwrap() }];
    });
    assert_eq!(reasons(&unknown), [ReferralReason::StopSwitch], "what cannot be looked at does not slip through");
}

#[test]
fn drafts_never_open_whatever_the_date() {
    let draft_frame = |f: String| f.replace("modus =", "status = \"entwurf\"\nmodus =");
    assert_eq!(reasons(&run(&frame(draft_frame), good(), |_| ())), [ReferralReason::NoPermittingNorm]);
    let draft_norm = |f: String| f.replace("ab = 2020-01-01, umfang", "ab = 2020-01-01, status = \"entwurf\", umfang");
    assert_eq!(reasons(&run(&frame(draft_norm), good(), |_| ())), [ReferralReason::NoPermittingNorm]);
    let draft_opening = frame(|f| f.replace("minimum = \"5.00\"", "status = \"entwurf\"\nminimum = \"5.00\""));
    let value = kommune(&wert("2024-01-01", "12.00", "festsetzung"));
    let found = findings(&[
        ("bund/probe/rahmen.toml", &draft_opening),
        ("bund/probe/2020-01-01.rhai", GATES),
        (VALUES, &value),
    ]);
    assert!(found.iter().any(|f| f.code == "entwurf"), "{found:#?}");
}

#[test]
fn a_norm_that_begins_between_receipt_and_decision_counts_on_the_day_of_decision() {
    let later = frame(|f| f.replace("ab = 2020-01-01, umfang", "ab = 2026-06-01, umfang"));
    let decide = |decided: &str| {
        let at: Timestamp = decided.parse().unwrap();
        run(&later, good(), move |c| {
            c.received_at = "2026-05-01T10:00:00Z".parse().unwrap();
            c.decided_at = at;
        })
    };
    // 22:30 UTC is already the next day in Berlin.
    assert_eq!(reasons(&decide("2026-05-31T21:30:00Z")), [ReferralReason::NoPermittingNorm]);
    assert_eq!(decide("2026-05-31T22:30:00Z").outcome, Outcome::Granted);
}
