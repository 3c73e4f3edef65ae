//! What belongs to a person stays with a person, and what was not signed does not go out.

use crate::lives::{all_sampled, keeper, permit, resident, with_registers};
use crate::stage::{Answering, Setting, Stage};
use crate::tables::Tables;
use domain::ApplicationId;
use serde_json::{Value, json};
use storage::QuestionRow;
use testkit::applications::dog;
use worker::{Advanced, Disposition};
use workflow::{AnswerOnFile, CaseEvent, CaseState, DrawTime, Refusal, Risk, WorkKind};

pub async fn stage(setting: Setting) -> (Stage, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("bound.db").display());
    let stage = Stage::new(&url, setting).await;
    stage.set("2026-05-04T09:00[Europe/Berlin]");
    (stage, folder)
}

/// A dog that the machine decides where no word asks for a person.
pub fn simple(id: &str) -> Value {
    let mut dog = dog(id);
    dog.as_object_mut().unwrap().remove("received_at");
    dog
}

pub fn with_words(id: &str) -> Value {
    let mut dog = simple(id);
    dog["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
    dog
}

fn without_words() -> Value {
    json!({ "data": { "besondere_umstaende": "" } })
}

pub async fn claim(stage: &Stage, id: ApplicationId, name: &str) {
    stage.does(id, name, json!({ "command": "claim" })).await;
}

pub async fn decide(stage: &Stage, id: ApplicationId, name: &str, outcome: &str) {
    claim(stage, id, name).await;
    stage.does(id, name, json!({ "command": "decide", "outcome": outcome, "text": "Begründung" })).await;
}

/// All decisions, the newest last.
pub async fn decisions(stage: &Stage, id: ApplicationId) -> Vec<Value> {
    let rows = stage.view(id).await.decisions;
    rows.iter().map(|row| serde_json::from_slice(&row.decision).unwrap()).collect()
}

pub async fn last(stage: &Stage, id: ApplicationId) -> Value {
    decisions(stage, id).await.pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_signed_in_time_never_goes_out() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = stage.apply(&with_words("ungezeichnet")).await;
    decide(&stage, id, "Amsel", "refused").await;
    assert_eq!(stage.case(id).await.0.state, CaseState::Countersign);
    stage.until("2026-05-20T09:00[Europe/Berlin]").await;
    let (case, _) = stage.case(id).await;
    assert_eq!((case.step.as_str(), case.unsigned.is_none()), ("leitung", true));
    assert!(case.hints.join(" ").contains("Amsel hatte entschieden; gegengezeichnet wurde nicht"), "{:?}", case.hints);
    let drafts: Vec<_> = stage.view(id).await.documents.into_iter().filter(|d| d.kind == "draft").collect();
    assert_eq!((drafts.len(), drafts[0].actor.as_str()), (1, "Amsel"), "the reasons are not lost");
    // The applicant takes the words back: the machine grants, and that is what goes out.
    assert_eq!(stage.say(id, "amendment", without_words()).await, Disposition::Ack);
    let all = decisions(&stage, id).await;
    let outcomes: Vec<&str> = all.iter().map(|decision| decision["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["referred", "granted"]);
    assert_eq!(stage.case(id).await.0.state, CaseState::Decided);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_data_before_the_second_signature_bring_it_back_to_the_desk() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = stage.apply(&with_words("geaendert")).await;
    decide(&stage, id, "Amsel", "refused").await;
    claim(&stage, id, "Buchfink").await;
    let seen = stage.case(id).await.1;
    assert_eq!(stage.say(id, "amendment", json!({ "data": { "bereits_gemeldete_hunde": 1 } })).await, Disposition::Ack);
    let (case, _) = stage.case(id).await;
    assert_eq!((case.state, case.step.as_str()), (CaseState::Referred, "sachbearbeitung"));
    let refused = stage.ask_of(id, "Buchfink", json!({ "command": "sign" }), seen).await;
    assert!(matches!(refused, Err(Refusal::Stale { .. })), "{refused:?}");
    let amounts: Vec<Value> = decisions(&stage, id).await.iter().map(|d| d["result"].clone()).collect();
    assert_ne!(amounts.first(), amounts.last(), "what the machine says is said of the new data");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_a_person_gets_one_whatever_comes_later() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = stage.apply(&with_words("mensch")).await;
    assert_eq!(stage.say(id, "person", json!({ "text": "Bitte ein Mensch" })).await, Disposition::Ack);
    assert_eq!(stage.say(id, "amendment", without_words()).await, Disposition::Ack);
    let decision = last(&stage, id).await;
    assert_eq!(decision["referral"]["reasons"], json!(["person_requested"]), "{decision}");
    stage.does(id, "Technik", json!({ "command": "retry", "text": "noch einmal" })).await;
    assert_eq!(stage.case(id).await.0.state, CaseState::Referred, "nor by an operator");
    decide(&stage, id, "Amsel", "granted").await;
    assert_eq!(stage.case(id).await.0.state, CaseState::Decided);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_notice_only_people_decide_and_four_eyes_see_it() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = stage.apply(&simple("zweimal")).await;
    assert_eq!(stage.case(id).await.0.state, CaseState::Decided);
    for (second, dogs) in [(10, 1), (20, 0)] {
        stage.set(&format!("2026-05-05T09:00:{second}[Europe/Berlin]"));
        let change = json!({ "data": { "bereits_gemeldete_hunde": dogs } });
        assert_eq!(stage.say(id, "amendment", change).await, Disposition::Ack);
        let decision = last(&stage, id).await;
        assert_eq!((&decision["outcome"], &decision["automatic"]), (&json!("referred"), &json!(false)), "{decision}");
    }
    decide(&stage, id, "Amsel", "granted").await;
    assert_eq!(stage.case(id).await.0.state, CaseState::Countersign);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hearing_ends_by_its_answer_or_its_time_and_by_nothing_else() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = stage.apply(&with_words("anhoerung")).await;
    claim(&stage, id, "Amsel").await;
    stage.does(id, "Amsel", json!({ "command": "hear", "text": "Wir wollen ablehnen." })).await;
    assert_eq!(stage.say(id, "amendment", without_words()).await, Disposition::Ack);
    assert_eq!(stage.case(id).await.0.state, CaseState::Hearing);
    assert_eq!(stage.say(id, "hearing_reply", json!({ "text": "Ich bin dagegen." })).await, Disposition::Ack);
    let (case, _) = stage.case(id).await;
    assert_eq!(case.state, CaseState::Referred, "and then a person decides");
    stage.set("2026-05-05T09:00[Europe/Berlin]");
    assert_eq!(stage.say(id, "amendment", without_words()).await, Disposition::Ack);
    assert_eq!(stage.case(id).await.0.state, CaseState::Referred, "nobody gets around who was heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_told_is_told() {
    let (stage, folder) = stage(Setting::default()).await;
    let id = stage.apply(&with_words("nachrichten")).await;
    claim(&stage, id, "Amsel").await;
    stage.does(id, "Amsel", json!({ "command": "follow_up", "on": "2026-06-01" })).await;
    let url = format!("sqlite://{}", folder.path().join("bound.db").display());
    let tables = Tables::open(&url).await;
    let told = async || tables.dump().await.iter().filter(|line| line.starts_with("outbox ")).count();
    let before = told().await;
    // Reminder and follow-up in one waking.
    stage.until("2026-06-01T09:00[Europe/Berlin]").await;
    assert_eq!(told().await - before, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_stays_taken_until_another_notice() {
    let (stage, _folder) = stage(Setting::default()).await;
    let first = stage.apply(&simple("hund")).await;
    assert_eq!(stage.case(first).await.0.state, CaseState::Decided);
    stage.does(first, "Amsel", json!({ "command": "reopen", "text": "Prüfung" })).await;
    claim(&stage, first, "Amsel").await;
    let fields = json!([{ "pointer": "/steuerjahr", "message": "Bitte prüfen" }]);
    stage.does(first, "Amsel", json!({ "command": "request_correction", "fields": fields })).await;
    let mut again = simple("hund");
    again["id"] = "hund-noch-einmal".into();
    let second = stage.apply(&again).await;
    assert_ne!(stage.case(second).await.0.state, CaseState::Decided, "the first registration still holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_decides_otherwise_does_not_inherit_what_the_machine_computed() {
    let (stage, _folder) = stage(Setting::default()).await;
    let [refused, granted] = ["nein", "ja"].map(with_words);
    let (refused, granted) = (stage.apply(&refused).await, stage.apply(&granted).await);
    let proposed = last(&stage, granted).await;
    let names: Vec<String> = proposed["result"].as_object().unwrap().keys().cloned().collect();
    assert!(names.len() > 1, "{proposed}");
    decide(&stage, refused, "Amsel", "refused").await;
    claim(&stage, refused, "Buchfink").await;
    stage.does(refused, "Buchfink", json!({ "command": "sign" })).await;
    let notice = last(&stage, refused).await;
    assert!(notice["result"].as_object().is_none_or(serde_json::Map::is_empty), "{notice}");
    // As proposed, but for one amount.
    claim(&stage, granted, "Amsel").await;
    let own = json!({
        "command": "decide", "outcome": "granted", "text": "Begründung", "result": { names[0].clone(): "1.00" }
    });
    stage.does(granted, "Amsel", own).await;
    let notice = last(&stage, granted).await;
    assert_eq!(notice["result"][&names[0]], "1.00");
    assert_eq!(notice["result"][&names[1]], proposed["result"][&names[1]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_look_compares_amounts_and_must_name_them() {
    let setting = Setting { risk: all_sampled(DrawTime::After), ..Setting::default() };
    let (stage, _folder) = stage(setting).await;
    let id = stage.apply(&simple("blick")).await;
    assert_eq!(stage.case(id).await.0.work.unwrap().kind, WorkKind::Control);
    claim(&stage, id, "Eule").await;
    let judge =
        |result: Value| json!({ "command": "judge", "outcome": "granted", "result": result, "text": "geprüft" });
    let silent = stage.ask(id, "Eule", judge(json!({}))).await;
    assert!(matches!(&silent, Err(Refusal::Invalid(text)) if text.contains("result:")), "{silent:?}");
    // The same amounts, written otherwise.
    let result = last(&stage, id).await["result"].clone();
    let written: serde_json::Map<String, Value> = result
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| match value.as_str().and_then(|text| text.strip_suffix(".00")) {
            Some(text) => (name.clone(), text.into()),
            None => (name.clone(), value.clone()),
        })
        .collect();
    assert_ne!(Value::Object(written.clone()), result);
    stage.does(id, "Eule", judge(Value::Object(written))).await;
    let (case, _) = stage.case(id).await;
    assert_eq!((case.state, case.reopened), (CaseState::Decided, false), "they agree");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teams_work_is_the_teams_and_who_holds_work_hands_it_over() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = stage.apply(&with_words("team")).await;
    claim(&stage, id, "Amsel").await;
    stage.does(id, "Amsel", json!({ "command": "assign", "to": "Dohle" })).await;
    let taken = stage.ask(id, "Amsel", json!({ "command": "claim" })).await;
    assert!(matches!(&taken, Err(Refusal::Taken { by, .. }) if by == "Dohle"), "{taken:?}");
    let not_theirs = stage.ask(id, "Amsel", json!({ "command": "assign", "to": "Amsel" })).await;
    assert!(matches!(not_theirs, Err(Refusal::Forbidden(_))), "{not_theirs:?}");
    stage.until("2026-06-20T09:00[Europe/Berlin]").await;
    assert_eq!(stage.case(id).await.0.work.unwrap().team.as_deref(), Some("leitung"));
    let outside = stage.ask(id, "Neu", json!({ "command": "claim" })).await;
    assert!(matches!(outside, Err(Refusal::Forbidden(_))), "{outside:?}");
    claim(&stage, id, "Amsel").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_whose_workflow_is_gone_can_still_be_moved() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = stage.apply(&with_words("verwaist")).await;
    let mut without = Setting::default();
    let file = without.workflows.get_mut("hundesteuer/workflow.toml").unwrap();
    file.push_str("\n[[ablauf]]\nversion = \"2\"\nab = 2020-01-01\n");
    let shared = without.workflows["ablauf/1.toml"].clone();
    without.workflows.insert("hundesteuer/ablauf/2.toml".into(), shared);
    stage.put_in_force(&without);
    let stuck = stage.ask(id, "Amsel", json!({ "command": "claim" })).await;
    assert!(matches!(stuck, Err(Refusal::NoFlow(_))), "{stuck:?}");
    let nowhere = stage.ask(id, "Technik", json!({ "command": "migrate", "form": "99" })).await;
    assert!(nowhere.is_err());
    stage.does(id, "Technik", json!({ "command": "migrate", "flow": "2" })).await;
    claim(&stage, id, "Amsel").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leads_picks_what_is_looked_at_again() {
    let (stage, _folder) = stage(Setting::default()).await;
    let id = stage.apply(&simple("ausgewaehlt")).await;
    assert_eq!(stage.case(id).await.0.work, None, "no sample draws it");
    let pick = || json!({ "command": "pick", "text": "Hinweis aus der Presse" });
    assert!(matches!(stage.ask(id, "Amsel", pick()).await, Err(Refusal::Forbidden(_))));
    stage.does(id, "Eule", pick()).await;
    assert!(matches!(stage.ask(id, "Eule", pick()).await, Err(Refusal::State { .. })), "once");
    let (case, _) = stage.case(id).await;
    assert_eq!((case.state, case.work.unwrap().kind), (CaseState::Decided, WorkKind::Control));
    claim(&stage, id, "Auch").await;
    let judge = json!({ "command": "judge", "outcome": "refused", "text": "anders" });
    stage.does(id, "Auch", judge).await;
    let figures = stage.store.controls(None).await.unwrap().remove(0);
    assert_eq!((figures.drawn, figures.judged, figures.disagreed), (1, 1, 1));
    assert_eq!(stage.case(id).await.0.state, CaseState::Referred);
    // What a person decided is no machine's decision.
    let other = stage.apply(&with_words("von-hand")).await;
    decide(&stage, other, "Amsel", "granted").await;
    assert!(matches!(stage.ask(other, "Eule", pick()).await, Err(Refusal::State { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_look_that_was_overtaken_is_not_left_open() {
    let setting = Setting { risk: all_sampled(DrawTime::After), ..Setting::default() };
    let (stage, _folder) = stage(setting).await;
    let id = stage.apply(&simple("ueberholt")).await;
    assert_eq!(stage.say(id, "objection", json!({ "text": "Doch." })).await, Disposition::Ack);
    assert_eq!(stage.case(id).await.0.work.unwrap().kind, WorkKind::Desk);
    let figures = stage.store.controls(None).await.unwrap().remove(0);
    assert_eq!((figures.drawn, figures.judged, figures.overtaken), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_what_nobody_asks_any_more_decides_nothing() {
    let (stage, _folder) = stage(with_registers(Risk::default())).await;
    let id = stage.apply(&permit("frage")).await;
    let asked = async || {
        let question = stage.case(id).await.0.wait.unwrap().question.unwrap();
        stage.store.questions(&[question]).await.unwrap().remove(0)
    };
    let first = asked().await;
    let moved = json!({ "data": { "anschrift": { "hausnummer": "14" } } });
    assert_eq!(stage.say(id, "amendment", moved).await, Disposition::Ack);
    let second = asked().await;
    assert_ne!(first.question_id, second.question_id, "another question");
    let answer = |question: &QuestionRow, number: &str| {
        let body: Value = serde_json::from_slice(&question.body).unwrap();
        let mut data = resident();
        data["anschrift"]["hausnummer"] = number.into();
        let answer = AnswerOnFile {
            register: "melderegister".into(),
            evidence: body["evidence"].as_str().unwrap().into(),
            question: body["question"].clone(),
            answer: Some(data),
            source: "Probe".into(),
            at: stage.now(),
        };
        CaseEvent::Answered { question: question.question_id, answer }
    };
    let (late, right) = (answer(&first, "12"), answer(&second, "14"));
    for event in [right, late] {
        let done = stage.pipeline.advance(&[(id, event)]).await.unwrap().remove(0);
        assert!(matches!(done, Advanced::Done { .. }), "{done:?}");
    }
    stage.answers(&Answering::new("fahrzeugregister", Some(keeper("frage", "K-DW 1234")), stage.now())).await;
    let context = stage.view(id).await.decisions.pop().unwrap().context;
    let context: Value = serde_json::from_slice(&context).unwrap();
    let numbers: Vec<&Value> = context["evidence"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(|evidence| evidence.pointer("/anschrift/hausnummer"))
        .collect();
    assert_eq!(numbers, ["14"], "{context}");
}
