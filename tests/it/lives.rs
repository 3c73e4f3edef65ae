//! Whole lives of cases, on both databases: what happens to them, who may do what, and which clock runs when.

use crate::stage::{Answering, SECRET, Setting, Stage, databases};
use domain::ApplicationId;
use serde_json::{Value, json};
use testkit::Program;
use testkit::applications::parking;
use worker::{Disposition, Round};
use workflow::{CaseState, Draw, DrawTime, Place, Refusal, Risk};

/// A parking permit from June 2026, without evidence: the registers have to be asked.
pub fn permit(id: &str) -> Value {
    let mut application = parking(id);
    application["evidence"] = json!([]);
    application.as_object_mut().unwrap().remove("received_at");
    application["data"]["parken"]["beginn"] = "2026-06-01".into();
    application
}

/// Both registers answer what is asked about the permit of an id.
pub async fn answered(stage: &Stage, id: &str) {
    stage.answers(&Answering::new("melderegister", Some(resident()), stage.now())).await;
    stage.answers(&Answering::new("fahrzeugregister", Some(keeper(id, "K-DW 1234")), stage.now())).await;
}

/// What the Melderegister says of [`permit`].
pub fn resident() -> Value {
    json!({
        "anschrift": { "strasse": "Venloer Straße", "hausnummer": "12", "plz": "50823", "ort": "Köln" },
        "art": "haupt", "auskunftssperre": false
    })
}

pub fn keeper(id: &str, plate: &str) -> Value {
    json!({ "kennzeichen": plate, "halter": parking(id)["data"]["person"] })
}

pub fn all_sampled(time: DrawTime) -> Risk {
    let share = domain::json::decimal("1").unwrap();
    Risk { sample: vec![Draw { place: Place::default(), share, time }], ..Risk::default() }
}

pub fn with_registers(risk: Risk) -> Setting {
    Setting { risk, registers: vec!["melderegister", "fahrzeugregister"], ..Setting::default() }
}

/// The whole life that issue 5 asks for; its history and diagram are what `cases show` prints.
pub async fn long_life(stage: &Stage) -> ApplicationId {
    stage.set("2026-05-04T09:00+02:00");
    let id = stage.apply(&permit("lang")).await;
    let at = stage.now();
    // The register is down: the decision waits, and nothing is decided on what is missing.
    let down = Answering::new("melderegister", None, at);
    assert!(matches!(worker::ask_once(&stage.pipeline, &down, 10).await.unwrap(), Round::Down(_)));
    let (case, _) = stage.case(id).await;
    assert_eq!((case.state, case.step.as_str(), case.decisions), (CaseState::Waiting, "melderegister", 0));
    assert_eq!(case.wait.as_ref().unwrap().until.unwrap().to_string(), "2026-05-18");

    stage.until("2026-05-05T08:00+02:00").await;
    stage.answers(&Answering::new("melderegister", Some(resident()), at)).await;
    stage.answers(&Answering::new("fahrzeugregister", Some(keeper("lang", "K-DW 1234")), at)).await;
    assert_eq!(stage.step(id).await, "sachbearbeitung", "the sample brings it to a person");

    stage.set("2026-05-06T08:00+02:00");
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    let fields = json!([{ "pointer": "/fahrzeug/kennzeichen", "message": "Das Kennzeichen passt nicht zum Schein." }]);
    stage.does(id, "Amsel", json!({ "command": "request_correction", "fields": fields })).await;
    assert_eq!(stage.case(id).await.0.state, CaseState::CorrectionNeeded);

    stage.until("2026-05-12T18:00+02:00").await;
    let mended = json!({ "data": { "fahrzeug": { "kennzeichen": "K-DW 4321" } } });
    assert_eq!(stage.say(id, "supplement", mended).await, Disposition::Ack);
    // Only the register whose question has changed is asked again.
    assert_eq!(stage.step(id).await, "fahrzeugregister");
    stage.answers(&Answering::new("fahrzeugregister", Some(keeper("lang", "K-DW 4321")), stage.now())).await;
    let (case, _) = stage.case(id).await;
    assert_eq!((case.step.as_str(), case.clocks.paused_days), ("sachbearbeitung", 6));
    assert_eq!(case.clocks.inaction.unwrap().to_string(), "2026-08-10", "three months and six days, no Monday missed");

    stage.set("2026-05-13T08:00+02:00");
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    stage.does(id, "Amsel", json!({ "command": "note", "text": "Rückfrage bei der Zulassungsstelle" })).await;
    stage.does(id, "Amsel", json!({ "command": "pause", "text": "Auskunft der Zulassungsstelle steht aus" })).await;
    stage.until("2026-05-20T08:00+02:00").await;
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    stage.does(id, "Amsel", json!({ "command": "resume" })).await;
    stage.does(id, "Amsel", json!({ "command": "extend", "until": "2026-07-15", "text": "Urlaub" })).await;
    let (case, _) = stage.case(id).await;
    assert_eq!((case.clocks.paused_days, case.clocks.inaction.unwrap().to_string().as_str()), (13, "2026-08-17"));
    assert_eq!(case.wait.unwrap().until.unwrap().to_string(), "2026-07-15");

    let refusal = json!({ "command": "decide", "outcome": "refused", "text": "Das Fahrzeug ist nicht zugelassen." });
    stage.does(id, "Amsel", refusal).await;
    assert_eq!(stage.case(id).await.0.state, CaseState::Countersign);
    // Nobody signs what they decided themselves, not even by claiming it first.
    assert!(matches!(stage.ask(id, "Amsel", json!({ "command": "claim" })).await, Err(Refusal::Forbidden(_))));
    assert!(matches!(stage.ask(id, "Amsel", json!({ "command": "sign" })).await, Err(Refusal::Forbidden(_))));
    stage.does(id, "Buchfink", json!({ "command": "claim" })).await;
    stage.does(id, "Buchfink", json!({ "command": "sign" })).await;
    let (case, _) = stage.case(id).await;
    let notice = case.notice.unwrap();
    assert_eq!(case.state, CaseState::Decided);
    // § 41 Abs. 2 VwVfG: posted on Wednesday 20 May, the fourth day is a Sunday and counts.
    assert_eq!(notice.announced.unwrap().to_string(), "2026-05-24");
    assert_eq!(notice.remedy_until.unwrap().to_string(), "2026-06-24");

    stage.until("2026-06-10T12:00+02:00").await;
    assert_eq!(stage.say(id, "objection", json!({ "text": "Der Wagen ist zugelassen." })).await, Disposition::Ack);
    assert_eq!(stage.step(id).await, "sachbearbeitung");
    stage.does(id, "Buchfink", json!({ "command": "claim" })).await;
    let grant = json!({ "command": "decide", "outcome": "granted", "text": "Dem Widerspruch wird abgeholfen." });
    stage.does(id, "Buchfink", grant.clone()).await;
    stage.does(id, "Dohle", json!({ "command": "claim" })).await;
    stage.does(id, "Dohle", json!({ "command": "sign" })).await;
    stage.until("2026-08-01T09:00+02:00").await;
    assert_eq!(stage.case(id).await.0.state, CaseState::Closed);

    stage.set("2026-08-17T09:00+02:00");
    stage.does(id, "Eule", json!({ "command": "reopen", "text": "Die Gebühr war falsch." })).await;
    let (case, _) = stage.case(id).await;
    let hints = case.hints.join(" ");
    assert!(hints.contains("§ 48 VwVfG"), "the official is told the law of reopening: {hints}");
    stage.does(id, "Eule", json!({ "command": "claim" })).await;
    stage.does(id, "Eule", grant).await;
    stage.does(id, "Amsel", json!({ "command": "claim" })).await;
    stage.does(id, "Amsel", json!({ "command": "sign" })).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_life_with_registers_people_objection_and_reopening() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, with_registers(all_sampled(DrawTime::Before))).await;
        let id = long_life(&stage).await;
        let history = stage.history(id).await;
        let expected = [
            "received",
            "register.answered",
            "register.answered",
            "decided",
            "command.claim",
            "command.request_correction",
            "decided",
            "message.supplement",
            "register.answered",
            "decided",
            "command.claim",
            "command.note",
            "command.pause",
            "command.claim",
            "command.resume",
            "command.extend",
            "command.decide",
            "command.claim",
            "command.sign",
            "decided",
            "message.objection",
            "decided",
            "command.claim",
            "command.decide",
            "command.claim",
            "command.sign",
            "decided",
            "timer.deadline",
            "command.reopen",
            "decided",
            "command.claim",
            "command.decide",
            "command.claim",
            "command.sign",
            "decided",
        ];
        assert_eq!(history, expected, "{database}");
        let view = stage.view(id).await;
        assert_eq!(
            view.decisions.len(),
            8,
            "{database}: sampled twice, asked, refused, objected, granted, reopened, granted"
        );
        assert_eq!(view.case.state, "decided", "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_nothing_is_left_but_that_it_was() {
    use testkit::applications::{SECRET_NAME, SECRET_STREET};
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, with_registers(all_sampled(DrawTime::Before))).await;
        let mut own = permit("Zwiebelfischer-1985");
        own["data"]["anschrift"]["strasse"] = SECRET_STREET.into();
        stage.set("2026-05-04T09:00[Europe/Berlin]");
        let id = stage.apply(&own).await;
        stage.answers(&Answering::new("melderegister", Some(resident()), stage.now())).await;
        stage.does(id, "Amsel", json!({ "command": "take", "text": format!("{SECRET_NAME} ruft an") })).await;
        stage.does(id, "Amsel", json!({ "command": "note", "text": format!("{SECRET_STREET} gibt es nicht") })).await;
        let grant = json!({ "command": "decide", "outcome": "granted", "text": format!("{SECRET_NAME} wohnt dort.") });
        stage.does(id, "Amsel", grant).await;
        let found = async |text: &str| {
            let lines = crate::tables::Tables::open(&url).await.dump().await;
            // Bytes are shown in hexadecimal digits.
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let said = |line: &&String| line.to_lowercase().contains(&hex) || line.contains(text);
            lines.iter().filter(said).count()
        };
        assert!(found(SECRET_NAME).await > 3 && found(SECRET_STREET).await > 1, "{database}: the search finds it");
        stage.until("2026-07-01T09:00[Europe/Berlin]").await;
        assert_eq!(stage.case(id).await.0.state, CaseState::Closed, "{database}");
        stage.until("2036-06-29T23:59[Europe/Berlin]").await;
        assert!(found(SECRET_NAME).await > 3, "{database}: ten years are not over");
        stage.until("2036-07-01T00:00[Europe/Berlin]").await;
        let (case, _) = stage.case(id).await;
        assert_eq!(
            (case.state, found(SECRET_NAME).await, found(SECRET_STREET).await),
            (CaseState::Erased, 0, 0),
            "{database}"
        );
        assert_eq!(stage.history(id).await.pop().as_deref(), Some("erased"), "{database}: the proof");
        // The sender's key stays used for ever, and nobody can read it any more.
        let again = worker_answer(&stage, &own).await;
        assert_eq!((again.as_str(), found(SECRET_NAME).await), ("erased", 0), "{database}: nor is it kept");
        // What comes later about it is not kept as a message of a case that is no more.
        let _ = stage.say(id, "objection", json!({ "text": SECRET_NAME })).await;
        assert_eq!(stage.case(id).await.0.state, CaseState::Erased, "{database}");
    }
}

/// The state that the portal is told for an application that it sends.
async fn worker_answer(stage: &Stage, body: &Value) -> String {
    let id = crate::stage::new_id();
    assert_eq!(stage.send_as("portal", body, Some(id)).await, Disposition::Ack);
    stage.store.status(id).await.unwrap().unwrap().state
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_tells_a_long_life_and_draws_its_way() {
    let program = Program::new("").unwrap();
    std::fs::write(program.folder().join("dunkelwerk-secret.key"), SECRET).unwrap();
    let url = format!("sqlite://{}", program.folder().join("dunkelwerk.db").display());
    let stage = Stage::new(&url, with_registers(all_sampled(DrawTime::Before))).await;
    let id = long_life(&stage).await.to_string();
    let says = |arguments: &[&str]| {
        let output = program.run(&[&["cases", "show", &id], arguments].concat(), b"").unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        println!("$ dunkelwerk cases show {id} {}\n{text}", arguments.join(" "));
        text
    };
    let history = stage.history(id.parse().unwrap()).await;
    let told = says(&[]);
    let picture = says(&["--diagram", "mermaid"]);
    for action in history {
        assert!(told.contains(&action), "{action}: {told}");
    }
    // The way that was taken is thick, what was not is thin.
    for (from, to, line) in [
        ("Melderegister fragen", "Fahrzeugregister fragen", "==>"),
        ("Angaben nachfordern", "Formular prüfen", "==>"),
        ("Gegenzeichnung", "Bescheid bekannt geben", "==>"),
        ("Abgeschlossen", "Sachbearbeitung", "==>"),
        ("Anhörung", "Sachbearbeitung", "-->"),
    ] {
        let node = |title: &str| {
            let drawn = picture.lines().find(|line| line.contains(title) && !line.contains("acc"));
            drawn.unwrap().trim().split(['[', '(']).next().unwrap().to_owned()
        };
        let begins = format!("{} {line}", node(from));
        let ends = format!(" {}", node(to));
        let drawn = picture.lines().any(|line| line.trim().starts_with(&begins) && line.ends_with(&ends));
        assert!(drawn, "{from} {line} {to}: {picture}");
    }
}
