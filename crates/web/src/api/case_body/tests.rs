//! What each official gets of a case, and what not.

use super::*;
use crate::api::sample::drawn;

fn shown(sight: Sight) -> Value {
    let (view, case) = drawn();
    serde_json::to_value(CaseBody::new(&view, &case, None, sight).unwrap()).unwrap()
}

#[test]
fn the_whole_case_has_file_decisions_trace_history_and_way() {
    let case = shown(Sight::Whole);
    assert_eq!(case["decisions"][0]["result"]["gebuehr"], "100.00");
    assert_eq!(case["decisions"][0]["trace"]["parameters"][0]["name"], "jahresgebuehr");
    assert_eq!(case["application"]["body"]["data"]["laenge"].to_string(), "4.10");
    assert_eq!(case["documents"][1]["body"]["text"], "Die Gebühr von 100.00 wurde erlassen");
    assert_eq!(case["history"][3]["payload"]["outcome"], "granted");
    assert_eq!((&case["path"][0]["exit"], &case["work"]["claim"]["by"]), (&"entschieden".into(), &"Eule".into()));
    assert_eq!((&case["notice"]["way"], &case["wait"]["until"]), (&"vwvfg-post".into(), &"2025-02-19".into()));
}

#[test]
fn who_judges_again_gets_the_facts_and_nothing_of_what_was_decided() {
    let case = shown(Sight::Blind);
    let text = case.to_string();
    for hidden in [
        "granted",
        "refused",
        "100",
        "gebuehr",
        "Gebühr",
        "sample",
        "entschieden",
        "notice",
        "trace",
        "hear",
        "StVG",
        "decided\"",
        "command",
        "2025-02-19",
    ] {
        assert!(!text.replace("\"state\":\"decided\"", "").contains(hidden), "{hidden}: {text}");
    }
    let actions: Vec<&Value> = case["history"].as_array().unwrap().iter().map(|line| &line["action"]).collect();
    assert_eq!(actions, ["received", "message.supplement", "register.answered"]);
    assert_eq!(case["application"]["body"]["data"]["monate"], 12);
    assert_eq!(case["documents"].as_array().unwrap().len(), 1);
    assert_eq!(case["work"]["kind"], "control");
}

#[test]
fn operation_sees_where_it_stands_and_no_content() {
    let case = shown(Sight::Operation);
    let fields: Vec<&str> = case.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "application_id",
        "version",
        "sight",
        "state",
        "step",
        "flow",
        "form_version",
        "service",
        "ars",
        "received_at",
        "observed_at",
        "updated_at",
        "clocks",
        "wait",
    ];
    assert!(fields.iter().all(|field| expected.contains(field)), "{fields:?}");
}
