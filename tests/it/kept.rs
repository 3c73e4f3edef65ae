//! What is kept while its service is parked, what happens there all the same, and what is forgotten when its time has come.

use crate::incidents::on_both;
use crate::lives::{all_sampled, permit, with_registers};
use crate::office::House;
use crate::stage::{Setting, Stage, new_id};
use crate::storm::{LEIPZIG, fine};
use crate::tables::Tables;
use serde_json::{Value, json};
use storage::{Batch, ConflictRow, FailureFilter, ParkRow};
use testkit::applications::dog;
use worker::{Delivery, Disposition};
use workflow::{CaseState, DrawTime, Risk};

fn park(stage: &Stage) -> ParkRow {
    ParkRow {
        service: None,
        ars: Some("14713".into()),
        since: stage.now(),
        until: None,
        cause: "Satzung wird geprüft".into(),
        by: "Technik".into(),
        lifted_at: None,
    }
}

impl Stage {
    async fn parks(&self) {
        worker::park(&*self.store, &crate::incidents::keys(), &park(self), self.now()).await.unwrap();
        worker::work_jobs_once(&self.pipeline).await.unwrap();
    }

    async fn lifts(&self) {
        let row = park(self);
        let what = (row.service.as_deref(), row.ars.as_deref());
        let how = ("Technik", "geprüft");
        assert_eq!(worker::lift(&*self.store, &crate::incidents::keys(), what, how, self.now()).await.unwrap(), 1);
        worker::work_jobs_once(&self.pipeline).await.unwrap();
    }
}

/// A dog in Leipzig that a person has to look at.
fn special(id: &str) -> Value {
    let mut application = fine(id, LEIPZIG);
    application["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
    application
}

fn withdrawal(id: impl serde::Serialize) -> Value {
    json!({ "id": "zurueck", "application_id": id, "kind": "withdrawal" })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_kept_application_is_kept_with_it() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        stage.parks().await;
        let (id, disposition) = stage.arrives(&special("wartet")).await;
        assert!(matches!(disposition, Disposition::Parked(_)), "{database}");
        // Our own intake promised it: it must not be given up, nor waited for.
        let delivery = |sender: &str| Delivery {
            body: withdrawal(id).to_string().into_bytes(),
            sender: Some(sender.into()),
            application_id: Some(id),
            redelivered: false,
            traceparent: None,
            foreign_trace: None,
            observed_at: stage.now(),
        };
        let said = stage.pipeline.take(&[delivery("portal")]).await.unwrap().remove(0);
        let Disposition::Parked(kept) = said else { panic!("{database}: {said:?}") };
        assert_eq!((kept.service.as_str(), kept.ars.as_str()), ("hundesteuer", LEIPZIG), "{database}");
        let foreign = Delivery { application_id: None, ..delivery("other") };
        let foreign = stage.pipeline.take(&[foreign]).await.unwrap().remove(0);
        assert!(matches!(&foreign, Disposition::DeadLetter(cause) if cause.code == "unknown_case"), "{foreign:?}");
        assert_eq!((stage.kept().await.len(), stage.state(id).await.as_str()), (2, "accepted"), "{database}");

        stage.set("2026-05-04T10:00+02:00");
        stage.lifts().await;
        assert_eq!(
            (stage.kept().await.len(), stage.history(id).await.contains(&"message.withdrawal".into())),
            (0, true)
        );
        assert_eq!(stage.case(id).await.0.state, CaseState::Withdrawn, "{database}");
        let words: Vec<_> = stage.failures("message").await.into_iter().filter_map(|row| row.outcome).collect();
        assert!(words.contains(&"heard".into()), "{database}: at the first try, behind its application: {words:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_about_a_strangers_case_is_not_kept_for_its_service() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        let id = stage.apply(&special("fremd")).await;
        stage.parks().await;
        let disposition = stage.send_as("other", &withdrawal(id), None).await;
        assert!(
            matches!(&disposition, Disposition::DeadLetter(cause) if cause.code == "unknown_case"),
            "{disposition:?}"
        );
        let disposition = stage.send(&withdrawal(id)).await;
        assert!(matches!(disposition, Disposition::Parked(_)), "{database}");
        let row = stage.kept().await.remove(0);
        assert_eq!((row.service.as_deref(), row.ars.as_deref()), (Some("hundesteuer"), Some(LEIPZIG)), "{database}");
        assert!(!stage.store.released().await.unwrap(), "{database}: nothing is tried in vain each second");
        let jobs = stage.store.jobs(None, None, 100).await.unwrap().len();
        worker::work_jobs_once(&stage.pipeline).await.unwrap();
        assert_eq!((stage.store.jobs(None, None, 100).await.unwrap().len(), jobs), (0, 0), "{database}");
        assert_eq!(stage.said("job.retry").await, [], "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statutory_time_runs_where_a_service_is_parked() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        let id = stage.apply(&special("mensch")).await;
        assert_eq!(stage.step(id).await, "sachbearbeitung", "{database}");
        stage.parks().await;
        stage.until("2026-06-29T09:00+02:00").await;
        assert_eq!(stage.step(id).await, "leitung", "{database}: the deadline of the desk has passed");
        assert_eq!(stage.failures("case").await, [], "{database}");
    }
}

/// A desk whose deadline brings the case back to the rules, which no workflow of ours does.
fn back_to_the_rules(risk: Risk) -> Setting {
    let mut setting = with_registers(risk);
    let flow = setting.workflows.get_mut("bewohnerparkausweis/ablauf/1.toml").unwrap();
    let changed = flow.replacen("frist = \"leitung\"", "frist = \"entscheidung\"", 1);
    assert_ne!(*flow, changed);
    *flow = changed;
    setting
}

#[tokio::test(flavor = "multi_thread")]
async fn no_timer_lets_rules_decide_what_is_parked() {
    for (database, stage, _alive) in on_both(|| back_to_the_rules(all_sampled(DrawTime::Before))).await {
        let id = stage.apply(&permit("frist")).await;
        crate::lives::answered(&stage, "frist").await;
        assert_eq!(stage.view(id).await.decisions.len(), 1, "{database}");
        // Without the sample the machine would decide it now.
        stage.put_in_force(&back_to_the_rules(Risk::default()));
        let mut row = park(&stage);
        row.ars = Some("05".into());
        worker::park(&*stage.store, &crate::incidents::keys(), &row, stage.now()).await.unwrap();
        worker::work_jobs_once(&stage.pipeline).await.unwrap();
        let decisions = stage.view(id).await.decisions.len();
        stage.until("2026-06-29T09:00+02:00").await;
        assert_eq!(
            (stage.step(id).await.as_str(), stage.view(id).await.decisions.len()),
            ("sachbearbeitung", decisions)
        );
        let failure = stage.failures("case").await.remove(0);
        assert!(failure.detail.contains("is parked"), "{database}: {}", failure.detail);
        let what = (None, Some("05"));
        worker::lift(&*stage.store, &crate::incidents::keys(), what, ("Technik", "x"), stage.now()).await.unwrap();
        worker::work_jobs_once(&stage.pipeline).await.unwrap();
        stage.until("2026-06-29T10:00+02:00").await;
        assert!(stage.view(id).await.decisions.len() > decisions, "{database}");
        assert_eq!(stage.failures("case").await[0].state, "retried", "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_for_an_erased_application_is_forgotten_too() {
    const NAME: &str = "Zwiebelfischer";
    for (database, url, _alive) in crate::stage::databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        stage.set("2026-05-04T09:00+02:00");
        let id = stage.apply(&special("alt")).await;
        assert_eq!(stage.send(&withdrawal(id)).await, Disposition::Ack);
        stage.until("2037-05-04T09:00+02:00").await;
        assert_eq!(stage.case(id).await.0.state, CaseState::Erased, "{database}");
        let mut again = dog("alt");
        again["data"]["person"]["familienname"] = NAME.into();
        // As an older program kept what came under the id of an erased application.
        let late = ConflictRow {
            application_id: new_id(),
            original: id,
            content: domain::Digest([1; 32]),
            raw: again.to_string().into_bytes(),
            observed_at: stage.now(),
        };
        let late = Batch { at: stage.now(), conflicts: vec![late], ..Batch::default() };
        stage.store.commit(late).await.unwrap();
        // And somebody's message that nobody could read, with a reason that quotes it.
        let mut wrong = dog("kaputt");
        wrong["service"] = NAME.into();
        stage.send(&wrong).await;
        let found = async || {
            let hex: String = NAME.bytes().map(|byte| format!("{byte:02x}")).collect();
            let lines = Tables::open(&url).await.dump().await;
            lines.iter().filter(|line| line.contains(NAME) || line.to_lowercase().contains(&hex)).count()
        };
        assert_eq!(found().await, 1, "{database}: the failure; nothing under an erased id is kept at all");
        worker::keep_house(&stage.pipeline).await.unwrap();
        assert_eq!(found().await, 1, "{database}: ninety days are not over");
        stage.set("2037-08-03T09:00+02:00");
        worker::keep_house(&stage.pipeline).await.unwrap();
        worker::keep_house(&stage.pipeline).await.unwrap();
        let left = stage.failures("message").await.len();
        assert_eq!((found().await, left), (0, 1), "{database}: the failure is still there, without what it quoted");
        for action in ["failures.emptied", "conflicts.deleted"] {
            let lines = stage.said(action).await;
            assert_eq!((lines.len(), &lines[0].1["count"]), (1, &json!(1)), "{database}: {action}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_failure_tells_nobody_what_was_sent() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        let mut wrong = dog("raten");
        wrong["service"] = "hundesteur".into();
        stage.send(&wrong).await;
        let row = stage.failures("message").await.remove(0);
        let body = wrong.to_string();
        let plain = domain::Digest::of_parts(["portal".as_bytes(), b"", body.as_bytes()]);
        assert_eq!(row.body, body.as_bytes(), "{database}");
        assert_ne!(row.failure_id, storage::FailureRow::id("message", &plain.0), "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_may_say_something_of_an_application_that_is_kept() {
    let _turn = testkit::services::shared().await.unwrap();
    let house = House::new(None).await;
    let at = jiff::Timestamp::now();
    let row = ParkRow {
        service: Some("hundesteuer".into()),
        ars: None,
        since: at,
        until: None,
        cause: "x".into(),
        by: "Technik".into(),
        lifted_at: None,
    };
    house.store.park(&row, &[]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let (id, _) = house.portal.accepted(special("wartet").to_string()).await;
    let kept = FailureFilter { cause: Some("parked".into()), ..FailureFilter::default() };
    let count = async || crate::incidents_live::count(&*house.store, kept.clone()).await;
    crate::incidents_live::until("it is kept", async || count().await == 1).await;
    let body = json!({ "id": "zurueck", "kind": "withdrawal" });
    let path = format!("/api/v1/applications/{id}/messages");
    assert_eq!(house.post(&crate::office::token("portal-b"), &path, &body).await.status, 404, "another sender's");
    house.says(&id, body).await;
    crate::incidents_live::until("it is kept, too", async || count().await == 2).await;
    let what = storage::Lift { service: Some("hundesteuer"), ars: None, by: None };
    house.store.lift(&what, jiff::Timestamp::now(), &[]).await.unwrap();
    house.until(&id, "withdrawn").await;
}
