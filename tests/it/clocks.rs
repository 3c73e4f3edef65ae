//! Legal clocks through the whole runtime: when a notice counts as announced, when its remedy period ends, what a pause and an
//! extension move, what happens at the minute when a day has passed, and what a clock that jumps does.

use crate::lives::permit;
use crate::stage::{Setting, Stage};
use domain::ApplicationId;
use serde_json::{Value, json};
use testkit::applications::dog;
use worker::Disposition;
use workflow::{CaseState, Refusal};

/// On a file of its own: what the clocks say does not depend on the database.
async fn stage(setting: Setting) -> (Stage, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("clocks.db").display());
    (Stage::new(&url, setting).await, folder)
}

/// All services announce by this way.
fn announced_by(way: &str) -> Setting {
    let mut setting = Setting::default();
    for (path, text) in &mut setting.workflows {
        if path.ends_with("workflow.toml") {
            let line = |line: &str| {
                if line.starts_with("bekanntgabe") { format!("bekanntgabe = \"{way}\"") } else { line.to_owned() }
            };
            *text = text.lines().map(line).collect::<Vec<_>>().join("\n");
        }
    }
    setting
}

/// § 42a VwVfG for parking permits, which no law orders: only the clock is tried.
pub fn with_fiction() -> Setting {
    let mut setting = Setting::default();
    let flow = setting.workflows.get_mut("bewohnerparkausweis/ablauf/1.toml").unwrap();
    let fiction = "[genehmigungsfiktion]\nmonate = 3\nnorm = \"§ 42a VwVfG\"\nvorwarnung_tage = 14\nquelle = \"erfunden\"\nweiter = \"bescheid\"\n\n[[schritt]]";
    *flow = flow.replacen("[[schritt]]", fiction, 1);
    setting
}

fn from(place: &str, id: &str) -> Value {
    let mut application = permit(id);
    application["ars"] = place.into();
    application
}

/// With a person, so that the day of the decision is free.
fn with_person(mut application: Value) -> Value {
    application["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
    application
}

async fn granted_by_a_person(stage: &Stage, id: ApplicationId) {
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    stage.does(id, "Amsel", json!({ "command": "decide", "outcome": "granted", "text": "Wie beantragt." })).await;
}

/// Nothing happens on the last day, and something on the next.
async fn until_the_end_of(stage: &Stage, id: ApplicationId, day: &str, next: &str) {
    let state = stage.case(id).await.0.state;
    stage.until(&format!("{day}T23:59:59[Europe/Berlin]")).await;
    assert_eq!(stage.case(id).await.0.state, state, "the last day is not over");
    stage.until(&format!("{next}T00:00:00[Europe/Berlin]")).await;
    assert_ne!(stage.case(id).await.0.state, state, "the day after");
}

#[tokio::test(flavor = "multi_thread")]
async fn worked_deadlines_of_the_legal_frame() {
    let koeln = "053150000000";
    for (name, way, place, posted, announced, end, next) in [
        ("D1", "vwvfg-post", koeln, "2025-08-06", "2025-08-10", "2025-09-10", "2025-09-11"),
        ("D2", "ao-post", koeln, "2025-08-06", "2025-08-11", "2025-09-11", "2025-09-12"),
        ("D3", "vwvfg-post", koeln, "2026-01-05", "2026-01-09", "2026-02-09", "2026-02-10"),
        ("D4", "ozg-postfach", koeln, "2026-08-14", "2026-08-18", "2026-09-18", "2026-09-19"),
        ("D8", "vwvfg-post", koeln, "2024-12-02", "2024-12-05", "2025-01-06", "2025-01-07"),
        ("D8 in Stuttgart", "vwvfg-post", "081110000000", "2024-12-02", "2024-12-05", "2025-01-07", "2025-01-08"),
    ] {
        let (stage, _folder) = stage(announced_by(way)).await;
        stage.set(&format!("{posted}T09:00[Europe/Berlin]"));
        let id = stage.apply(&with_person(from(place, name.split(' ').next().unwrap()))).await;
        granted_by_a_person(&stage, id).await;
        let notice = stage.case(id).await.0.notice.unwrap();
        assert_eq!(notice.announced.unwrap().to_string(), announced, "{name}");
        assert_eq!(notice.remedy_until.unwrap().to_string(), end, "{name}");
        until_the_end_of(&stage, id, end, next).await;
        assert_eq!(stage.case(id).await.0.state, CaseState::Closed, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_and_d6_a_notice_to_be_retrieved_counts_from_its_retrieval_or_not_at_all() {
    let (stage, _folder) = stage(announced_by("vwvfg-abruf")).await;
    stage.set("2026-09-01T09:00[Europe/Berlin]");
    let [retrieved, ignored] = ["D5", "D6"].map(|id| with_person(permit(id)));
    let retrieved = stage.apply(&retrieved).await;
    let ignored = stage.apply(&ignored).await;
    for id in [retrieved, ignored] {
        granted_by_a_person(&stage, id).await;
        assert_eq!(stage.case(id).await.0.notice.unwrap().announced, None, "nobody has retrieved it");
    }
    stage.until("2026-09-03T20:00[Europe/Berlin]").await;
    assert_eq!(stage.say(retrieved, "retrieved", json!({})).await, Disposition::Ack);
    let notice = stage.case(retrieved).await.0.notice.unwrap();
    assert_eq!(notice.announced.unwrap().to_string(), "2026-09-04");
    assert_eq!(notice.remedy_until.unwrap().to_string(), "2026-10-05", "4 October 2026 is a Sunday");
    // Who asks for it again later does not move the day.
    stage.until("2026-09-09T20:00[Europe/Berlin]").await;
    assert_eq!(stage.say(retrieved, "retrieved", json!({})).await, Disposition::Ack);
    assert_eq!(stage.case(retrieved).await.0.notice.unwrap().announced.unwrap().to_string(), "2026-09-04");

    until_the_end_of(&stage, ignored, "2026-09-11", "2026-09-12").await;
    let (case, _) = stage.case(ignored).await;
    assert_eq!((case.state, case.notice.unwrap().announced), (CaseState::Referred, None));
    assert!(case.hints.join(" ").contains("Nicht abgerufen"), "a person provides it again or posts it");
    until_the_end_of(&stage, retrieved, "2026-10-05", "2026-10-06").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d7_what_nobody_decides_in_time_counts_as_granted_only_where_a_norm_says_so() {
    let (stage, _folder) = stage(with_fiction()).await;
    stage.set("2026-11-30T09:00[Europe/Berlin]");
    let id = stage.apply(&with_person(permit("D7"))).await;
    assert_eq!(
        stage.case(id).await.0.clocks.fiction.unwrap().to_string(),
        "2027-03-01",
        "28 February 2027 is a Sunday"
    );
    // Two weeks before, somebody is told.
    stage.until("2027-02-15T08:00[Europe/Berlin]").await;
    let hints = stage.case(id).await.0.hints.join(" ");
    assert!(hints.contains("01.03.2027") && hints.contains("Genehmigungsfiktion"), "{hints}");
    until_the_end_of(&stage, id, "2027-03-01", "2027-03-02").await;
    let (case, _) = stage.case(id).await;
    assert_eq!(case.state, CaseState::Decided);
    let decision: Value = serde_json::from_slice(&stage.view(id).await.decisions.last().unwrap().decision).unwrap();
    assert_eq!((&decision["outcome"], &decision["automatic"]), (&json!("granted"), &json!(false)));
    assert_eq!(decision["legal"]["permitted_by"], "§ 42a VwVfG");

    // Another case of the same day: paused for a correction, extended once, then still open.
    let (stage, _folder) = self::stage(with_fiction()).await;
    stage.set("2026-11-30T09:00[Europe/Berlin]");
    let id = stage.apply(&with_person(permit("D7"))).await;
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    let fields = json!([{ "pointer": "/fahrzeug/kennzeichen", "message": "Bitte prüfen" }]);
    stage.does(id, "Amsel", json!({ "command": "request_correction", "fields": fields })).await;
    stage.until("2026-12-10T09:00[Europe/Berlin]").await;
    let _ = stage.say(id, "supplement", json!({ "data": {} })).await;
    // 28 February and ten days.
    assert_eq!(stage.case(id).await.0.clocks.fiction.unwrap().to_string(), "2027-03-10");
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    let extend = |until: &str| json!({ "command": "extend_fiction", "until": until, "text": "Gutachten" });
    stage.does(id, "Amsel", extend("2027-04-09")).await;
    assert!(matches!(stage.ask(id, "Amsel", extend("2027-05-10")).await, Err(Refusal::State { .. })), "once only");
    stage.until("2027-03-20T09:00[Europe/Berlin]").await;
    assert_eq!(stage.case(id).await.0.state, CaseState::Referred);
    until_the_end_of(&stage, id, "2027-04-09", "2027-04-10").await;

    // Without a norm nothing is ever granted by waiting.
    let (stage, _folder) = self::stage(Setting::default()).await;
    stage.set("2026-11-30T09:00[Europe/Berlin]");
    let id = stage.apply(&with_person(permit("D7"))).await;
    stage.until("2029-11-30T09:00[Europe/Berlin]").await;
    assert_eq!(stage.case(id).await.0.state, CaseState::Referred);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_deadline_for_inaction_somebody_is_told_by_regime() {
    let (stage, _folder) = stage(Setting::default()).await;
    stage.set("2026-05-04T09:00[Europe/Berlin]");
    let permit = stage.apply(&with_person(permit("drei"))).await;
    let mut dog = dog("sechs");
    dog.as_object_mut().unwrap().remove("received_at");
    dog["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
    let dog = stage.apply(&dog).await;
    // § 75 VwGO: three months; § 46 FGO: six.
    let inaction = async |id| stage.case(id).await.0.clocks.inaction.unwrap().to_string();
    assert_eq!((inaction(permit).await.as_str(), inaction(dog).await.as_str()), ("2026-08-04", "2026-11-04"));
    let told = async |id| stage.history(id).await.contains(&"timer.escalation".to_owned());
    stage.until("2026-07-20T23:59[Europe/Berlin]").await;
    assert!(!told(permit).await);
    stage.until("2026-07-21T00:00[Europe/Berlin]").await;
    assert!(told(permit).await && !told(dog).await);
    let hints = stage.case(permit).await.0.hints.join(" ");
    assert!(hints.contains("04.08.2026") && hints.contains("§ 75 VwGO"), "{hints}");
    stage.until("2026-10-21T00:00[Europe/Berlin]").await;
    assert!(told(dog).await);
    // Once a deadline, however often it is looked at.
    stage.until("2026-10-22T00:00[Europe/Berlin]").await;
    let times = stage.history(permit).await.iter().filter(|action| *action == "timer.escalation").count();
    assert_eq!(times, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_and_extensions_move_the_day_on_which_something_happens() {
    let (stage, _folder) = stage(Setting::default()).await;
    stage.set("2026-05-04T09:00[Europe/Berlin]");
    let id = stage.apply(&with_person(permit("pause"))).await;
    let due = async || stage.case(id).await.0.wait.unwrap().until.unwrap().to_string();
    assert_eq!(due().await, "2026-06-15", "six weeks");
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    let fields = json!([{ "pointer": "/fahrzeug/kennzeichen", "message": "Bitte prüfen" }]);
    stage.does(id, "Amsel", json!({ "command": "request_correction", "fields": fields })).await;
    assert_eq!(due().await, "2026-06-01", "four weeks for the answer");
    // The reminder comes after two weeks, to the applicant; the deadline is extended, and passes later.
    stage.until("2026-05-18T00:00[Europe/Berlin]").await;
    assert!(stage.history(id).await.contains(&"timer.reminder".to_owned()));
    stage.does(id, "Amsel", json!({ "command": "extend", "until": "2026-06-22", "text": "auf Bitte" })).await;
    stage.until("2026-06-02T09:00[Europe/Berlin]").await;
    assert_eq!(stage.case(id).await.0.state, CaseState::CorrectionNeeded, "the old day does nothing any more");
    until_the_end_of(&stage, id, "2026-06-22", "2026-06-23").await;
    let (case, _) = stage.case(id).await;
    assert_eq!((case.state, case.clocks.paused_days), (CaseState::Referred, 50));
    // 4 August and fifty days.
    assert_eq!(case.clocks.inaction.unwrap().to_string(), "2026-09-23");
    let decision: Value = serde_json::from_slice(&stage.view(id).await.decisions.last().unwrap().decision).unwrap();
    assert!(decision["referral"]["reasons"].as_array().unwrap().contains(&json!("evidence_missing")), "{decision}");

    // The desk's own pause moves the desk's own day.
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    let before = due().await;
    stage.does(id, "Amsel", json!({ "command": "pause", "text": "Gutachten" })).await;
    stage.until("2026-07-03T09:00[Europe/Berlin]").await;
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    stage.does(id, "Amsel", json!({ "command": "resume" })).await;
    assert_eq!((before.as_str(), due().await.as_str()), ("2026-08-04", "2026-08-14"));
    assert_eq!(stage.case(id).await.0.clocks.inaction.unwrap().to_string(), "2026-10-05", "3 October is a Saturday");
    stage.does(id, "Amsel", json!({ "command": "follow_up", "on": "2026-07-10", "text": "Gutachten da?" })).await;
    stage.until("2026-07-10T00:00[Europe/Berlin]").await;
    assert!(stage.case(id).await.0.hints.iter().any(|hint| hint == "Wiedervorlage vom 10.07.2026"));
    // Nobody does anything: it goes to the team that leads, and stays open there.
    stage.until("2026-08-15T00:00[Europe/Berlin]").await;
    let (case, _) = stage.case(id).await;
    assert_eq!((case.step.as_str(), case.work.unwrap().team.as_deref()), ("leitung", Some("leitung")));
    // A statutory period is nobody's to extend.
    granted_by_a_person(&stage, id).await;
    let extend = json!({ "command": "extend", "until": "2027-06-22", "text": "auf Bitte" });
    stage.ask(id, "Amsel", extend).await.expect_err("the remedy period is the law's");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_end_at_midnight_in_berlin_also_in_the_nights_in_which_clocks_change() {
    let (stage, _folder) = stage(Setting::default()).await;
    for (begin, last, before, after) in [
        // Summer time begins on 29 March 2026 and ends on 25 October 2026, both at 01:00 UTC.
        ("2026-02-28", "2026-03-28", "2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z"),
        ("2026-03-01", "2026-03-30", "2026-03-30T21:59:59Z", "2026-03-30T22:00:00Z"),
        ("2026-09-27", "2026-10-26", "2026-10-26T22:59:59Z", "2026-10-26T23:00:00Z"),
        ("2026-09-24", "2026-10-22", "2026-10-22T21:59:59Z", "2026-10-22T22:00:00Z"),
    ] {
        stage.set(&format!("{begin}T12:00[Europe/Berlin]"));
        let mut faulty = permit(begin);
        faulty["data"]["fahrzeug"] = json!({});
        let id = stage.apply(&faulty).await;
        let (case, _) = stage.case(id).await;
        assert_eq!(case.state, CaseState::CorrectionNeeded);
        if last == "2026-03-28" {
            assert_eq!(case.wait.unwrap().until.unwrap().to_string(), "2026-03-30", "a Saturday ends nothing");
            stage.until("2026-03-30T21:59:59Z").await;
            assert_eq!(stage.case(id).await.0.state, CaseState::CorrectionNeeded);
            continue;
        }
        assert_eq!(case.wait.unwrap().until.unwrap().to_string(), last);
        stage.until(before).await;
        assert_eq!(stage.case(id).await.0.state, CaseState::CorrectionNeeded, "{begin}");
        stage.until(after).await;
        assert_eq!(stage.case(id).await.0.state, CaseState::Referred, "{begin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_loses_nothing_and_repeats_nothing() {
    let (stage, _folder) = stage(Setting::default()).await;
    stage.set("2026-05-04T09:00[Europe/Berlin]");
    let id = stage.apply(&with_person(permit("sprung"))).await;
    // Backwards: nothing happens, and what an official does then is done.
    stage.until("2025-01-01T09:00[Europe/Berlin]").await;
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    stage.does(id, "Amsel", json!({ "command": "pause", "text": "Gutachten" })).await;
    stage.until("2024-12-24T09:00[Europe/Berlin]").await;
    stage.does(id, "Amsel", json!({ "command": "resume" })).await;
    let (case, _) = stage.case(id).await;
    assert_eq!((case.clocks.paused_days, case.clocks.inaction.unwrap().to_string().as_str()), (0, "2026-08-04"));
    // Two years forwards at once: reminder, escalation and deadline come, each once, in the order of their days.
    stage.until("2028-05-04T09:00[Europe/Berlin]").await;
    let history = stage.history(id).await;
    let timers: Vec<&str> = history.iter().map(String::as_str).filter(|action| action.starts_with("timer")).collect();
    assert_eq!(timers, ["timer.reminder", "timer.escalation", "timer.deadline"]);
    assert_eq!(stage.step(id).await, "leitung");
    // And back again: the same timers do not come a second time.
    stage.until("2026-05-05T09:00[Europe/Berlin]").await;
    stage.until("2028-05-04T10:00[Europe/Berlin]").await;
    assert_eq!(stage.history(id).await.len(), history.len());
}
