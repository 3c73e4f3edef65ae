//! Whatever fails is a row that operators see, by cause and in the words of whoever gave the reason; it ends when it works after
//! all, by itself or by an order over many.

use crate::lives::permit;
use crate::stage::{Answering, SECRET, Setting, Stage, databases, new_id};
use async_trait::async_trait;
use audit::Keys;
use domain::{ApplicationId, Secret};
use serde_json::{Value, json};
use storage::{FailureFilter, FailureRow, JobRow, QuestionRow};
use testkit::applications::dog;
use worker::{Action, Asked, Disposition, Register, Round};
use workflow::CaseState;

const DOG_RULE: &str = "muster/hundesteuer/2020-01-01.rhai";

/// The dog tax fails for everybody who has no dog yet; its other rules are as ever.
pub fn broken() -> Setting {
    let mut setting = Setting::default();
    setting.rules.entry(DOG_RULE.into()).and_modify(|text| *text = break_it(text));
    setting
}

pub fn break_it(script: &str) -> String {
    let broken = script.replacen(
        "fn entscheide() {\n",
        "fn entscheide() {\n    kaputt(antrag.hunde[1 - antrag.bereits_gemeldete_hunde]);\n",
        1,
    );
    assert_ne!(broken, script, "the script was not found");
    format!("{broken}\nfn kaputt(hund) {{ hund }}\n")
}

pub fn keys() -> Keys {
    Keys::new(&Secret::new(SECRET))
}

impl Stage {
    pub async fn failures(&self, kind: &str) -> Vec<FailureRow> {
        let filter = FailureFilter { kind: Some(kind.into()), ..FailureFilter::default() };
        self.store.failures(&filter, None, 1_000).await.unwrap()
    }

    /// The only failure of a kind.
    async fn failure(&self, kind: &str) -> FailureRow {
        let mut rows = self.failures(kind).await;
        assert_eq!(rows.len(), 1, "{rows:#?}");
        rows.remove(0)
    }

    /// An operator's order over failures, carried out.
    pub async fn order(&self, action: Action, filter: FailureFilter) -> JobRow {
        let job = new_id().0;
        let by = (job, "Technik");
        worker::begin_job(&*self.store, &keys(), by, &action, &filter, self.now()).await.unwrap();
        worker::work_jobs_once(&self.pipeline).await.unwrap();
        let job = self.store.job(job).await.unwrap().unwrap();
        assert_eq!((job.total, job.ended_at.is_some()), (job.done + job.failed, true), "{job:?}");
        job
    }
}

pub fn cause(cause: &str) -> FailureFilter {
    FailureFilter { cause: Some(cause.into()), ..FailureFilter::default() }
}

pub fn kind(kind: &str) -> FailureFilter {
    FailureFilter { kind: Some(kind.into()), ..FailureFilter::default() }
}

pub fn word(row: &FailureRow) -> (&str, &str, i64) {
    (row.state.as_str(), row.outcome.as_deref().unwrap_or_default(), row.times)
}

pub async fn on_both(setting: impl Fn() -> Setting) -> Vec<(&'static str, Stage, Box<dyn std::any::Any>)> {
    let mut stages = Vec::new();
    for (database, url, alive) in databases().await {
        let stage = Stage::new(&url, setting()).await;
        stage.set("2026-05-04T09:00+02:00");
        stages.push((database, stage, alive));
    }
    stages
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hopeless_message_says_where_it_belongs_and_is_one_row_a_sender() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        let mut wrong = dog("wrong");
        wrong["service"] = "hundesteur".into();
        for sender in ["portal", "portal", "other"] {
            let disposition = stage.send_as(sender, &wrong, None).await;
            assert!(matches!(disposition, Disposition::DeadLetter(_)), "{database}");
        }
        let rows = stage.failures("message").await;
        assert_eq!(rows.len(), 2, "{database}: two senders never meet");
        let times: i64 = rows.iter().map(|row| row.times).sum();
        let first = rows.iter().find(|row| row.sender.as_deref() == Some("portal")).unwrap();
        assert_eq!((times, first.times, first.cause.as_str()), (3, 2, "unknown_service"));
        assert_eq!((first.service.as_deref(), first.ars.as_deref()), (Some("hundesteur"), Some("147130000000")));
        let incident = stage.store.incidents(&FailureFilter::default()).await.unwrap().remove(0);
        assert_eq!((incident.count, incident.open), (2, 2));
        assert!(incident.detail.contains("this installation has"), "verbatim: {}", incident.detail);

        // What speaks about a case of its sender is about that case.
        let id = stage.apply(&dog("about")).await;
        let refused = stage.say(id, "supplement", json!({ "data": 1 })).await;
        assert!(matches!(refused, Disposition::DeadLetter(_)), "{database}: {refused:?}");
        let of_case = |rows: &[FailureRow]| rows.iter().filter(|row| row.application_id == Some(id)).cloned().next();
        let row = of_case(&stage.failures("message").await).unwrap();
        assert_eq!((row.service.as_deref(), row.ars.as_deref()), (Some("hundesteuer"), Some("147130000000")));
        let foreign = json!({ "id": "x", "application_id": id, "kind": "objection", "text": "!" });
        assert!(matches!(stage.send_as("other", &foreign, None).await, Disposition::DeadLetter(_)));
        let rows = stage.failures("message").await;
        let row = rows.iter().find(|row| row.cause == "unknown_case").unwrap();
        assert_eq!((row.application_id, row.service.as_deref()), (None, None), "{database}: nothing of another's case");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_error_is_a_failure_until_the_machine_decides_anew() {
    for (database, stage, _alive) in on_both(broken).await {
        let ids = [stage.apply(&dog("a")).await, stage.apply(&dog("b")).await, stage.apply(&dog("c")).await];
        let mut fine = dog("fine");
        fine["data"]["bereits_gemeldete_hunde"] = 1.into();
        stage.apply(&fine).await;
        let incident = stage.store.incidents(&kind("rule")).await.unwrap().remove(0);
        assert_eq!((incident.cause.as_str(), incident.service.as_deref()), ("rule_error", Some("hundesteuer")));
        assert_eq!((incident.count, incident.open, incident.cases), (3, 3, 3), "{database}");
        assert!(
            incident.detail.contains("Array index 1 out of bounds: only 1 element in array (line 5"),
            "verbatim: {}",
            incident.detail
        );

        // Under the same rules it is the same failure again, and stays open.
        let job = stage.order(Action::Retry, kind("rule")).await;
        assert_eq!((job.done, job.failed), (0, 3), "{database}");
        for row in stage.failures("rule").await {
            assert!(matches!(word(&row), ("open", why, 2) if why.contains("out of bounds")), "{row:?}");
        }

        // A person has one in hand, the applicant mends another one by themselves, the third is tried again under new rules.
        stage.does(ids[1], "Amsel", json!({ "command": "claim" })).await;
        stage.put_in_force(&Setting::default());
        stage.set("2026-05-04T09:30+02:00");
        let more = json!({ "data": { "bereits_gemeldete_hunde": 1 } });
        assert_eq!(stage.say(ids[2], "amendment", more).await, Disposition::Ack);
        let of = async |id: ApplicationId| {
            stage.failures("rule").await.into_iter().find(|row| row.application_id == Some(id)).unwrap()
        };
        assert_eq!(word(&of(ids[2]).await), ("retried", "mended by itself", 2), "{database}");
        let job = stage.order(Action::Retry, kind("rule")).await;
        assert_eq!((job.done, job.failed), (1, 1), "{database}");
        assert_eq!(word(&of(ids[0]).await).0, "retried");
        assert!(word(&of(ids[0]).await).1.starts_with("decided anew: "), "{:?}", of(ids[0]).await);
        let (_, taken, _) = (word(&of(ids[1]).await).0.to_owned(), of(ids[1]).await.outcome.unwrap(), 0);
        assert!(taken.starts_with("Amsel has been working on it since"), "{taken}");
        let history = stage.history(ids[0]).await;
        let retries = history.iter().filter(|action| *action == "command.retry").count();
        assert_eq!((retries, stage.view(ids[0]).await.decisions.len()), (2, 3), "{database}: {history:?}");
        assert_eq!(stage.view(ids[0]).await.audit.last().unwrap().actor, "dunkelwerk");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_cannot_be_stepped_is_a_failure_until_it_can() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        let ids = [stage.apply(&with_person("a")).await, stage.apply(&with_person("b")).await];
        let mut other = Setting::default();
        let flow = other.workflows.remove("bewohnerparkausweis/ablauf/1.toml").unwrap();
        other.workflows.insert("bewohnerparkausweis/ablauf/2.toml".into(), flow);
        let definition = other.workflows.get_mut("bewohnerparkausweis/workflow.toml").unwrap();
        definition.push_str("\n[[ablauf]]\nversion = \"2\"\nab = 2020-01-01\n");
        stage.put_in_force(&other);
        stage.until("2026-07-01T09:00+02:00").await;
        let rows = stage.failures("case").await;
        assert_eq!(rows.len(), 2, "{database}");
        for row in &rows {
            assert_eq!((row.cause.as_str(), row.service.as_deref()), ("no_flow", Some("bewohnerparkausweis")));
            assert_eq!((row.ars.as_deref(), word(row)), (Some("053150000000"), ("open", "", 1)));
            assert!(row.detail.contains("workflow version 1"), "{}", row.detail);
        }
        stage.until("2026-07-01T11:00+02:00").await;
        assert!(stage.failures("case").await.iter().all(|row| row.times == 2), "{database}: it comes again each hour");
        let one = FailureFilter { failure_id: Some(rows[0].failure_id), ..FailureFilter::default() };
        let job = stage.order(Action::Retry, one.clone()).await;
        assert_eq!((job.done, job.failed), (0, 1), "{database}");

        stage.put_in_force(&Setting::default());
        let job = stage.order(Action::Retry, one).await;
        assert_eq!((job.done, job.failed), (1, 0), "{database}");
        // The other one is stepped by its timer.
        stage.until("2026-07-01T13:00+02:00").await;
        let words: Vec<String> = stage.failures("case").await.iter().map(|row| word(row).1.to_owned()).collect();
        let own = rows.iter().position(|row| row.failure_id == rows[0].failure_id).unwrap();
        assert_eq!((words[own].as_str(), words[1 - own].as_str()), ("stepped", "mended by itself"), "{database}");
        for id in ids {
            assert_eq!(stage.case(id).await.0.step, "leitung", "{database}: the deadline of the desk has passed");
        }
    }
}

/// A permit that a person decides.
fn with_person(id: &str) -> Value {
    let mut application = testkit::applications::parking(id);
    application["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
    application
}

/// A register that refuses what it is asked.
struct Refusing;

#[async_trait]
impl Register for Refusing {
    fn name(&self) -> &str {
        "melderegister"
    }
    async fn ask(&self, _question: &QuestionRow) -> Asked {
        Asked::Refused("400: Geburtsdatum fehlt".into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_question_is_a_failure_until_it_is_answered() {
    let registers = || Setting { registers: vec!["melderegister", "fahrzeugregister"], ..Setting::default() };
    for (database, stage, _alive) in on_both(registers).await {
        let id = stage.apply(&permit("frage")).await;
        assert_eq!(worker::ask_once(&stage.pipeline, &Refusing, 9).await.unwrap(), Round::Worked);
        let row = stage.failure("question").await;
        assert_eq!((row.cause.as_str(), row.application_id), ("question_refused", Some(id)));
        assert_eq!(row.detail, "melderegister: 400: Geburtsdatum fehlt", "verbatim");
        assert_eq!(stage.case(id).await.0.state, CaseState::Waiting, "{database}: nobody decides on what is missing");
        assert_eq!(
            worker::ask_once(&stage.pipeline, &Refusing, 9).await.unwrap(),
            Round::Idle,
            "left alone for an hour"
        );

        let job = stage.order(Action::Retry, kind("question")).await;
        assert_eq!((job.done, job.failed), (1, 0), "{database}");
        assert_eq!(word(&stage.failure("question").await), ("retried", "put again", 1));
        assert_eq!(worker::ask_once(&stage.pipeline, &Refusing, 9).await.unwrap(), Round::Worked, "at once");
        assert_eq!(word(&stage.failure("question").await), ("open", "", 2), "{database}: refused again");
        stage.set("2026-05-04T10:30+02:00");
        let says = json!({
            "anschrift": { "strasse": "Venloer Straße", "hausnummer": "12", "plz": "50823", "ort": "Köln" },
            "art": "haupt", "auskunftssperre": false
        });
        stage.answers(&Answering::new("melderegister", Some(says), stage.now())).await;
        assert_eq!(word(&stage.failure("question").await), ("retried", "mended by itself", 2), "{database}");
        let none = stage.order(Action::Retry, kind("question")).await;
        assert_eq!(none.total, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_message_that_cannot_be_heard_is_not_lost() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        let about = |id: &str, kind: &str, more: Value| {
            let mut body = json!({ "id": id, "application": "spaet", "service": "hundesteuer", "kind": kind });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        assert_eq!(stage.send(&about("1", "person", json!({}))).await, Disposition::Ack);
        assert_eq!(stage.send(&about("2", "objection", json!({ "text": "Nein" }))).await, Disposition::Ack);
        let later = stage.send_as("other", &about("3", "person", json!({})), None).await;
        assert_eq!(later, Disposition::Ack, "{database}: it waits for another application");
        let id = stage.apply(&dog("spaet")).await;
        stage.until("2026-05-04T10:00+02:00").await;
        let documents: Vec<String> = stage.view(id).await.documents.into_iter().map(|d| d.kind).collect();
        assert_eq!(documents.len(), 2, "{database}: both were heard: {documents:?}");
        assert_eq!(stage.failures("message").await, []);

        // Its application never comes.
        stage.until("2026-06-10T10:00+02:00").await;
        let row = stage.failure("message").await;
        assert_eq!((row.cause.as_str(), row.service.as_deref()), ("unknown_case", Some("hundesteuer")), "{database}");
        assert_eq!(row.first_at.to_string(), "2026-05-04T07:00:00Z", "when it came in");
        assert!(!row.body.is_empty());
    }
}
