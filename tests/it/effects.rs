//! Every effect, twice and broken off in the middle, in the life of a case of every service, on both databases.
//!
//! A transaction breaks off where an effect writes: a trigger in the database raises an error at that table. Nothing may be
//! left of it; done again, the end is the same as without any trouble.

use crate::repository::files;
use crate::stage::{Setting, Stage, databases, officials};
use crate::tables::Tables;
use domain::{ApplicationId, Digest};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::StoreError;
use testkit::Program;
use workflow::{
    AnswerOnFile, CaseEvent, Command, Draw, DrawTime, Effect, Event, Place, Refusal, Risk, Surroundings, Taken,
};

/// The effects with the table and the operation that each needs. A new effect does not compile before it stands here, and
/// does not pass before a life has it.
macro_rules! effects {
    ($($name:ident $table:literal $operation:literal),* $(,)?) => {
        fn kind(effect: &Effect) -> &'static str {
            match effect { $(Effect::$name { .. } => stringify!($name)),* }
        }
        const EFFECTS: &[(&str, &str, &str)] = &[$((stringify!($name), $table, $operation)),*];
    };
}
effects! {
    Register "applications" "insert", Keep "cases" "insert or update", Decide "decisions" "insert",
    Claim "once_claims" "insert", Release "once_claims" "delete", File "documents" "insert", Ask "questions" "insert",
    Answered "questions" "delete", Publish "outbox" "insert", Control "controls" "insert or update",
    Alias "aliases" "insert", KeepConflict "conflicts" "insert", Erase "decisions" "delete", Audit "audit" "insert",
}

/// What happens to a case.
#[derive(Clone)]
enum Happening {
    /// An application, under an id of ours.
    Arrives(Value, ApplicationId),
    /// The portal says something.
    Says(&'static str, Value),
    /// An official wants something, having seen the newest version.
    Wants(&'static str, Value),
    /// The open question is answered.
    Answers(Value),
    /// A timer.
    Time,
}

/// When, and what.
type Life = Vec<(String, Happening)>;

/// A case from its arrival to its deletion. The same ids every time: two runs can be compared.
fn life(application: &Value, number: u128) -> (ApplicationId, Life) {
    let id = ApplicationId(uuid::Uuid::from_u128(number));
    let mut other = application.clone();
    other["data"]["besondere_umstaende"] = "Ganz anders".into();
    let mut with_words = application.clone();
    with_words["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
    let field = application["data"].as_object().unwrap().keys().next().unwrap().clone();
    let pointer = first_field(&application["data"], &format!("/{field}"));
    let at = |day: &str| format!("{day}T10:00[Europe/Berlin]");
    let says = |kind: &'static str, more: Value| Happening::Says(kind, more);
    let verdict = |outcome: &str| json!({ "command": "decide", "outcome": outcome, "text": "Gründe" });
    let claim = || json!({ "command": "claim" });
    let correction =
        json!({ "command": "request_correction", "fields": [{ "pointer": pointer, "message": "Bitte prüfen" }] });
    let second = ApplicationId(uuid::Uuid::from_u128(number + 1));
    let third = ApplicationId(uuid::Uuid::from_u128(number + 2));
    let life = vec![
        (at("2026-11-23"), Happening::Arrives(with_words.clone(), id)),
        (at("2026-11-24"), Happening::Answers(json!({ "probe": 1 }))),
        (at("2026-11-24"), Happening::Answers(json!({ "probe": 2 }))),
        (at("2026-11-25"), Happening::Arrives(with_words, second)),
        (at("2026-11-25"), Happening::Arrives(other, third)),
        (at("2026-11-26"), says("person", json!({ "text": "Ein Mensch bitte" }))),
        (at("2026-11-27"), Happening::Wants("Überall", claim())),
        (at("2026-11-27"), Happening::Wants("Überall", correction)),
        (at("2026-12-01"), says("supplement", json!({ "data": { "besondere_umstaende": "" } }))),
        (at("2026-12-02"), Happening::Answers(json!({ "probe": 1 }))),
        (at("2026-12-02"), Happening::Answers(json!({ "probe": 2 }))),
        (at("2026-12-03"), says("amendment", json!({ "data": { "besondere_umstaende": "Noch etwas" } }))),
        (at("2026-12-04"), Happening::Answers(json!({ "probe": 1 }))),
        (at("2026-12-04"), Happening::Answers(json!({ "probe": 2 }))),
        (at("2026-12-04"), Happening::Wants("Überall", claim())),
        (at("2026-12-04"), Happening::Wants("Überall", json!({ "command": "hear", "text": "Wir wollen ablehnen." }))),
        (at("2026-12-08"), says("hearing_reply", json!({ "text": "Bitte nicht" }))),
        (at("2026-12-08"), Happening::Wants("Überall", claim())),
        (
            at("2026-12-08"),
            Happening::Wants("Überall", json!({ "command": "draft", "content": { "text": "Entwurf" } })),
        ),
        (at("2026-12-08"), Happening::Wants("Überall", verdict("refused"))),
        (at("2026-12-09"), Happening::Wants("Auch", claim())),
        (at("2026-12-09"), Happening::Wants("Auch", json!({ "command": "sign" }))),
        (at("2026-12-20"), says("objection", json!({ "text": "Einspruch" }))),
        (at("2026-12-21"), Happening::Wants("Auch", claim())),
        (at("2026-12-21"), Happening::Wants("Auch", verdict("granted"))),
        (at("2026-12-22"), Happening::Wants("Überall", claim())),
        (at("2026-12-22"), Happening::Wants("Überall", json!({ "command": "sign" }))),
        (at("2027-03-01"), Happening::Time),
        // Where the notice does not instruct about the remedy, its period ends after a year.
        (at("2028-03-01"), Happening::Time),
        (at("2038-03-02"), Happening::Time),
    ];
    (id, life)
}

/// The pointer of a field that has a value.
fn first_field(value: &Value, under: &str) -> String {
    match value.pointer(under) {
        Some(Value::Object(fields)) => {
            fields.keys().next().map_or(under.into(), |name| first_field(value, &format!("{under}/{name}")))
        }
        _ => under.to_owned(),
    }
}

/// What the office would do now; nothing where it refuses.
async fn effects(stage: &Stage, id: ApplicationId, what: &Happening) -> Result<Vec<Effect>, Refusal> {
    let office = (stage.pipeline.office)();
    let now = stage.now();
    let sender = office.sender_by_name("portal").unwrap().clone();
    let event = match what {
        Happening::Arrives(body, own) => {
            let submission = Arc::new(office.decode(body.to_string().into_bytes(), &sender, *own, now).unwrap());
            let identity = storage::Identity {
                sender: "portal".into(),
                service: submission.envelope.service.to_string(),
                client_id: submission.envelope.id.as_str().into(),
            };
            let known = stage.store.look_up(&[identity]).await.unwrap().remove(0);
            let event = match known {
                Some(known) if known.application_id == *own => return Ok(Vec::new()),
                Some(known) if known.content == submission.content => {
                    Event::Repeated { submission, original: known.application_id }
                }
                Some(known) => Event::Collided { submission, original: known.application_id },
                None => Event::Received { form: office.validate(&submission), submission },
            };
            let keys = match &event {
                Event::Received { submission, form: Ok(valid) } => office.once_keys(submission, valid),
                _ => Vec::new(),
            };
            let surroundings = surroundings(stage, keys, None).await;
            return Ok(office.step(&event, &surroundings, now));
        }
        Happening::Says(kind, more) => {
            let mut body = json!({ "id": format!("{kind}-{}", now.as_second()), "application_id": id, "kind": kind });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            CaseEvent::Said(office.read_message(body.to_string().into_bytes(), None, &sender, now).unwrap())
        }
        Happening::Wants(name, command) => {
            let command: Command = serde_json::from_value(command.clone()).unwrap();
            let by = officials().into_iter().find(|official| official.name == *name).unwrap();
            CaseEvent::Commanded { command, by, seen: stage.case(id).await.1 }
        }
        Happening::Answers(data) => {
            let Some(question) = stage.case(id).await.0.wait.and_then(|wait| wait.question) else {
                return Ok(Vec::new());
            };
            let row = stage.store.questions(&[question]).await.unwrap().remove(0);
            let body: Value = serde_json::from_slice(&row.body).unwrap();
            let answer = AnswerOnFile {
                register: row.register,
                evidence: body["evidence"].as_str().unwrap().into(),
                question: body["question"].clone(),
                answer: Some(data.clone()),
                source: "Probe".into(),
                at: now,
            };
            CaseEvent::Answered { question, answer }
        }
        Happening::Time => CaseEvent::Woken,
    };
    let row = stage.store.dossiers(&[id]).await.unwrap().remove(0).unwrap();
    if row.case.state == "erased" {
        return Ok(Vec::new());
    }
    let dossier = worker::dossier(&office, row).unwrap();
    let surroundings = surroundings(stage, office.keys_after(&dossier, &event), Some(id)).await;
    office.advance(&dossier, &event, &surroundings, now)
}

async fn surroundings(stage: &Stage, keys: Vec<workflow::OnceKey>, own: Option<ApplicationId>) -> Surroundings {
    let digests: Vec<Digest> = keys.iter().map(|key| key.digest).collect();
    let claims = stage.store.claims(&digests).await.unwrap();
    let taken = |key: workflow::OnceKey| {
        let rows = claims.get(&key.digest).map(Vec::as_slice).unwrap_or_default();
        let others = rows.iter().filter(|row| Some(row.application_id) != own);
        let earlier = others.map(|row| workflow::EarlierClaim { from: row.from, to: row.to }).collect();
        let highest = rows.iter().map(|row| row.ordinal.unsigned_abs()).max().unwrap_or_default();
        (key, Taken { earlier, highest })
    };
    Surroundings { once: keys.into_iter().map(taken).collect(), ..Surroundings::default() }
}

/// Runs a life; with trouble each effect is broken off once and done twice. Effects seen, and those that a trap has hit.
async fn live(
    stage: &Stage,
    back: &Tables,
    (id, life): &(ApplicationId, Life),
    trouble: bool,
) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let (mut seen, mut trapped) = (BTreeSet::new(), BTreeSet::new());
    for (at, what) in life {
        stage.set(at);
        // What is not possible in this case (a step that its workflow does not have) changes nothing.
        let Ok(effects) = effects(stage, *id, what).await else { continue };
        if effects.is_empty() {
            continue;
        }
        let kinds: BTreeSet<&'static str> = effects.iter().map(kind).collect();
        seen.extend(&kinds);
        let batch = || worker::batch(effects.clone(), stage.now());
        let mut done = false;
        for (name, table, operation) in EFFECTS.iter().filter(|(name, ..)| trouble && kinds.contains(name)) {
            let before = back.dump().await;
            back.trap(table, operation).await;
            let result = stage.store.commit(batch()).await;
            back.release(table).await;
            match result {
                // Nothing was there that it could have deleted.
                Ok(_) if matches!(*name, "Release" | "Answered" | "Erase") => done = true,
                Ok(_) => panic!("{name} wrote nothing to {table}"),
                Err(StoreError::Raced) => panic!("{name}: nobody else was there"),
                Err(_) => {
                    trapped.insert(*name);
                    assert_eq!(back.dump().await, before, "{name}: something is left of what was broken off");
                }
            }
            if done {
                break;
            }
        }
        if !done {
            stage.store.commit(batch()).await.unwrap();
        }
        if trouble {
            twice(stage, back, *id, &effects, what).await;
        }
    }
    (seen, trapped)
}

/// The same again: as effects of a step that has been done, and as an event that comes again.
async fn twice(stage: &Stage, back: &Tables, id: ApplicationId, effects: &[Effect], what: &Happening) {
    let before = back.dump().await;
    // Without a case of its own a delivery is noted each time it comes.
    let kept = effects.iter().any(|effect| matches!(effect, Effect::Keep(_)));
    let again = effects.iter().filter(|effect| kept || !matches!(effect, Effect::Audit(_))).cloned().collect();
    let result = stage.store.commit(worker::batch(again, stage.now())).await;
    assert!(matches!(result, Ok(_) | Err(StoreError::Raced)), "{result:?}");
    assert_eq!(back.dump().await, before, "what was done twice is not the same");
    // A command that comes again was seen in an older version, and is refused; an answer would answer the next question;
    // everything else has nothing left to do.
    if !matches!(what, Happening::Wants(..) | Happening::Answers(_)) && kept {
        let effects = self::effects(stage, id, what).await.unwrap();
        assert!(
            effects.is_empty(),
            "an event that comes again does something: {:?}",
            effects.iter().map(kind).collect::<Vec<_>>()
        );
    }
}

/// One application of every service, as `demo` makes them.
fn applications() -> Vec<(String, Value)> {
    let services = files("workflows");
    let services = services.keys().filter_map(|path| path.strip_suffix("/workflow.toml"));
    services.map(|service| (service.to_owned(), application(service))).collect()
}

fn application(service: &str) -> Value {
    let arguments = [
        "demo",
        "--service",
        service,
        "--applications",
        "40",
        "--seed",
        "7",
        "--at",
        "2026-11-22T12:00:00Z",
        "--write",
        "-",
    ];
    let output = Program::new("").unwrap().run(&arguments, b"").unwrap();
    let office = crate::repository::office();
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let valid = |line: &&[u8]| {
        let at = "2026-11-22T12:00:00Z".parse().unwrap();
        let decision =
            authoring::evaluate(&office, &authoring::trusted(), line, at, &authoring::Earlier::new()).unwrap();
        decision.errors.is_empty()
    };
    let line = lines.into_iter().find(valid).unwrap_or_else(|| panic!("{service}: no valid example"));
    let mut application: Value = serde_json::from_slice(line).unwrap();
    let object = application.as_object_mut().unwrap();
    object.remove("received_at");
    object.remove("evidence");
    application
}

#[tokio::test(flavor = "multi_thread")]
async fn every_effect_twice_and_broken_off_ends_the_same_for_every_service() {
    let mut applications = applications();
    assert!(applications.len() >= 9);
    // One that a machine decides, so that the second look after the notice is drawn.
    let mut dog = testkit::applications::dog("stichprobe");
    dog.as_object_mut().unwrap().remove("received_at");
    applications.push(("hundesteuer, automatisch".into(), dog));
    let setting = || {
        let share = domain::json::decimal("1").unwrap();
        let sample = vec![Draw { place: Place::default(), share, time: DrawTime::After }];
        Setting {
            risk: Risk { sample, ..Risk::default() },
            registers: vec!["melderegister", "fahrzeugregister"],
            ..Setting::default()
        }
    };
    for ((database, plain, _alive), (_, troubled, _too)) in databases().await.into_iter().zip(databases().await) {
        let (calm, rough) = (Stage::new(&plain, setting()).await, Stage::new(&troubled, setting()).await);
        let (calm_back, rough_back) = (Tables::open(&plain).await, Tables::open(&troubled).await);
        let (mut all, mut hit) = (BTreeSet::new(), BTreeSet::new());
        for (number, (service, application)) in applications.iter().enumerate() {
            let mut life = life(application, (number as u128 + 1) << 64);
            if service.ends_with("automatisch") {
                life.1 = automatic(application, life.0);
            }
            live(&calm, &calm_back, &life, false).await;
            let (seen, trapped) = live(&rough, &rough_back, &life, true).await;
            assert_eq!(calm.view(life.0).await.case.state, "erased", "{database}: {service} lives to its end");
            all.extend(seen);
            hit.extend(trapped);
        }
        assert_eq!(rough_back.dump().await, calm_back.dump().await, "{database}: trouble leaves a trace");
        let every: BTreeSet<&str> = EFFECTS.iter().map(|(name, ..)| *name).collect();
        assert_eq!((&all, &hit), (&every, &every), "{database}: an effect is in no life, or was never broken off");
    }
}

/// Decided by the machine, drawn, judged otherwise by a person, decided anew.
fn automatic(application: &Value, id: ApplicationId) -> Life {
    let at = |day: &str| format!("{day}T10:00[Europe/Berlin]");
    let judge = json!({ "command": "judge", "outcome": "refused", "text": "Das sehe ich anders." });
    vec![
        (at("2026-11-23"), Happening::Arrives(application.clone(), id)),
        (at("2026-11-24"), Happening::Wants("Auch", json!({ "command": "claim" }))),
        (at("2026-11-24"), Happening::Wants("Auch", judge)),
        (at("2026-11-25"), Happening::Wants("Überall", json!({ "command": "claim" }))),
        (
            at("2026-11-25"),
            Happening::Wants("Überall", json!({ "command": "decide", "outcome": "granted", "text": "Wie zuvor." })),
        ),
        (at("2026-11-26"), Happening::Wants("Auch", json!({ "command": "claim" }))),
        (at("2026-11-26"), Happening::Wants("Auch", json!({ "command": "sign" }))),
        (at("2027-03-01"), Happening::Time),
        // Where the notice does not instruct about the remedy, its period ends after a year.
        (at("2028-03-01"), Happening::Time),
        (at("2038-03-02"), Happening::Time),
    ]
}
