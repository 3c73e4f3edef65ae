//! From which day something counts: a fiction, a letter, an application of long ago; and what ends when nobody acts.

use crate::bound::{claim, decide, decisions, last, simple, stage, with_words};
use crate::clocks::with_fiction;
use crate::lives::permit;
use crate::stage::{Setting, Stage, new_id};
use domain::ApplicationId;
use serde_json::json;
use worker::Disposition;
use workflow::{CaseState, Refusal};

#[tokio::test(flavor = "multi_thread")]
async fn an_application_of_long_ago_is_a_case_too() {
    let (stage, _folder) = stage(Setting::default()).await;
    let mut old = simple("alt");
    old["received_at"] = "2015-03-02T09:00:00+01:00".into();
    let id = new_id();
    assert_eq!(stage.send_as("post", &old, Some(id)).await, Disposition::Ack);
    assert_eq!(stage.case(id).await.0.clocks.received.to_string(), "2015-03-02");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_in_time_is_never_granted_by_a_fiction() {
    let (stage, _folder) = stage(with_fiction()).await;
    let mut application = permit("fiktion");
    application["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
    let id = stage.apply(&application).await;
    decide(&stage, id, "Amsel", "refused").await;
    claim(&stage, id, "Buchfink").await;
    stage.does(id, "Buchfink", json!({ "command": "sign" })).await;
    stage.until("2026-05-29T09:00[Europe/Berlin]").await;
    assert_eq!(stage.say(id, "objection", json!({ "text": "Doch." })).await, Disposition::Ack);
    let clocks = stage.case(id).await.0.clocks;
    assert_eq!(clocks.fiction, None);
    assert_eq!(clocks.inaction.unwrap().to_string(), "2026-08-31", "three months since the objection");
    stage.until("2026-08-20T09:00[Europe/Berlin]").await;
    let (case, _) = stage.case(id).await;
    assert_eq!(case.state, CaseState::Referred);
    assert!(stage.history(id).await.contains(&"timer.escalation".to_owned()), "this deadline is told of, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_as_granted_is_decided_before_anybody_decides_otherwise() {
    let (stage, _folder) = stage(with_fiction()).await;
    let mut application = permit("rennen");
    application["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
    let id = stage.apply(&application).await;
    let day = stage.case(id).await.0.clocks.fiction.unwrap().to_string();
    assert_eq!(day, "2026-08-04");
    // The timers are late; the day is over.
    stage.set("2026-08-05T00:10[Europe/Berlin]");
    claim_is_too_late(&stage, id).await;
    assert_eq!(stage.say(id, "withdrawal", json!({})).await, Disposition::Ack);
    let granted = decisions(&stage, id).await.into_iter().find(|decision| decision["outcome"] == "granted").unwrap();
    assert_eq!(granted["legal"]["permitted_by"], "§ 42a VwVfG");
    assert!(stage.case(id).await.0.reopened, "the withdrawal came after it");
}

async fn claim_is_too_late(stage: &Stage, id: ApplicationId) {
    let refused = stage.ask(id, "Amsel", json!({ "command": "claim" })).await;
    assert!(matches!(refused, Err(Refusal::State { .. })), "{refused:?}");
    let extend = json!({ "command": "extend_fiction", "until": "2026-12-01", "text": "schwierig" });
    let refused = stage.ask(id, "Amsel", extend).await;
    assert!(matches!(refused, Err(Refusal::State { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fiction_counts_from_the_day_on_which_the_application_was_complete() {
    let (stage, _folder) = stage(with_fiction()).await;
    stage.set("2026-09-01T09:00[Europe/Berlin]");
    let mut faulty = permit("voll");
    faulty["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
    faulty["data"]["fahrzeug"] = json!({});
    let id = new_id();
    assert_eq!(stage.send_as("post", &faulty, Some(id)).await, Disposition::Ack);
    // It came on Monday and was processed on Tuesday.
    stage.set("2026-09-22T09:00[Europe/Berlin]");
    let supplement = json!({
        "id": "s1", "kind": "supplement", "application_id": id, "received_at": "2026-09-21T16:00:00+02:00",
        "data": { "fahrzeug": permit("voll")["data"]["fahrzeug"] }
    });
    assert_eq!(stage.send_as("post", &supplement, None).await, Disposition::Ack);
    let clocks = stage.case(id).await.0.clocks;
    assert_eq!((clocks.complete.unwrap().to_string().as_str(), clocks.paused_before), ("2026-09-21", 21));
    assert_eq!(clocks.fiction.unwrap().to_string(), "2026-12-21", "the pause before does not count");
    // Extended, and then paused: the extension moves.
    claim(&stage, id, "Amsel").await;
    let extend = json!({ "command": "extend_fiction", "until": "2027-01-20", "text": "schwierig" });
    stage.does(id, "Amsel", extend).await;
    let fields = json!([{ "pointer": "/fahrzeug/kennzeichen", "message": "Bitte prüfen" }]);
    stage.does(id, "Amsel", json!({ "command": "request_correction", "fields": fields })).await;
    stage.until("2026-10-02T09:00[Europe/Berlin]").await;
    let supplement = json!({ "id": "s2", "kind": "supplement", "application_id": id, "data": {} });
    assert_eq!(stage.send_as("post", &supplement, None).await, Disposition::Ack);
    assert_eq!(stage.case(id).await.0.clocks.fiction.unwrap().to_string(), "2027-01-30");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_case_is_not_erased_and_one_that_needs_nothing_new_is_closed() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = stage.apply(&simple("spaet")).await;
    stage.until("2026-07-30T09:00[Europe/Berlin]").await;
    let (case, _) = stage.case(id).await;
    assert!(case.state == CaseState::Closed && case.erase_on.is_some());
    assert_eq!(stage.say(id, "objection", json!({ "text": "Doch." })).await, Disposition::Ack);
    let (case, _) = stage.case(id).await;
    assert_eq!((case.state, case.erase_on), (CaseState::Referred, None));
    assert!(case.hints.join(" ").contains("Nach Ablauf der Frist"), "{:?}", case.hints);
    claim(&stage, id, "Amsel").await;
    let empty = stage.ask(id, "Amsel", json!({ "command": "close", "text": " " })).await;
    assert!(matches!(empty, Err(Refusal::Invalid(_))), "{empty:?}");
    stage.does(id, "Amsel", json!({ "command": "close", "text": "Der Rechtsbehelf wurde zurückgenommen." })).await;
    let (case, _) = stage.case(id).await;
    assert!(case.state == CaseState::Closed && case.erase_on.is_some() && case.granted);
    assert_eq!(last(&stage, id).await["outcome"], "referred", "no new decision");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_came_in_time_is_in_time_however_late_it_is_scanned() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = new_id();
    assert_eq!(stage.send_as("post", &simple("brief"), Some(id)).await, Disposition::Ack);
    let until = stage.case(id).await.0.notice.unwrap().remedy_until.unwrap();
    stage.until("2026-07-30T09:00[Europe/Berlin]").await;
    let letter = json!({
        "id": "w1", "kind": "objection", "application_id": id, "text": "Doch.",
        "received_at": format!("{until}T10:00:00+02:00")
    });
    assert_eq!(stage.send_as("post", &letter, None).await, Disposition::Ack);
    assert_eq!(stage.case(id).await.0.hints, ["Rechtsbehelf gegen die Entscheidung"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_case_is_not_taken_away_and_not_forgotten() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = stage.apply(&with_words("ruht")).await;
    claim(&stage, id, "Amsel").await;
    stage.does(id, "Amsel", json!({ "command": "pause", "text": "Gutachten" })).await;
    stage.until("2026-06-20T09:00[Europe/Berlin]").await;
    let (case, _) = stage.case(id).await;
    assert_eq!(case.step, "sachbearbeitung", "its day has passed, but it rests");
    assert!(case.hints.join(" ").contains("Die Fristen ruhen seit 04.05.2026"), "{:?}", case.hints);
    assert_eq!(case.wait.unwrap().until.unwrap().to_string(), "2026-08-03");
    // Whoever decides ends the pause.
    decide(&stage, id, "Amsel", "granted").await;
    assert_eq!(stage.case(id).await.0.clocks.paused_on, None);
}
