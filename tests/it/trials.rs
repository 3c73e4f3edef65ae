//! What is tried of what a storm parked, and when a service storms: seen from several processes, over time, with everything that says
//! nothing of a rule.

use crate::incidents::broken;
use crate::stage::{Answering, Setting, Stage, databases};
use crate::storm::{DRESDEN, KOELN, LEIPZIG, failing, fine};
use serde_json::{Value, json};
use worker::Disposition;

/// A dog whose form is violated.
fn invalid(id: &str, ars: &str) -> Value {
    let mut application = failing(id, ars);
    application["data"]["hunde"] = json!([]);
    application
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_did_not_read_is_no_success() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, broken()).await;
        stage.set("2026-05-04T09:00:00+02:00");
        for n in 0..30 {
            let (id, _) = stage.arrives(&invalid(&format!("i{n}"), LEIPZIG)).await;
            assert_eq!(stage.view(id).await.case.outcome, "correction_needed", "{database}");
        }
        stage.fails("a", LEIPZIG, 20).await;
        assert_eq!(stage.parked().await.len(), 1, "{database}: all that the rules read failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn storms_long_ago_do_not_park_a_service() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, broken()).await;
        for (time, ars) in [("09:00", LEIPZIG), ("09:30", DRESDEN), ("10:00", KOELN)] {
            stage.set(&format!("2026-05-04T{time}:00+02:00"));
            stage.fails(ars, ars, 20).await;
            stage.looks().await;
        }
        let parked = stage.parked().await;
        assert_eq!(parked.len(), 3, "{database}: nothing was kept that could be tried");
        assert!(parked.iter().all(|(_, ars, _)| ars.is_some()), "{database}: {parked:?}");
        // Their times are over and nothing is tried: the next application will be, and nobody has to do anything.
        let told = stage.pipeline.health.parked.get().unwrap();
        assert!(told.contains(KOELN) && !told.contains(LEIPZIG), "{database}: {told}");
        stage.set("2026-05-04T10:15:00+02:00");
        stage.looks().await;
        assert_eq!(stage.pipeline.health.parked.get(), None, "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_try_one_application_and_a_new_one_knows_which() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, broken()).await;
        stage.set("2026-05-04T09:00:00+02:00");
        stage.fails("a", LEIPZIG, 20).await;
        for n in 0..6 {
            stage.arrives(&failing(&format!("kept{n}"), LEIPZIG)).await;
        }
        let others: Vec<Stage> = (0..3).map(|_| Stage::on(stage.store.clone(), broken())).collect();
        others.iter().chain([&stage]).for_each(|stage| stage.set("2026-05-04T09:15:00+02:00"));
        let look = |stage: &Stage| {
            let pipeline = stage.pipeline.clone();
            tokio::spawn(async move { worker::work_jobs_once(&pipeline).await.unwrap() })
        };
        futures::future::join_all(others.iter().map(look)).await.into_iter().for_each(Result::unwrap);
        assert_eq!(stage.kept().await.len(), 5, "{database}: one is tried");
        assert_eq!(stage.said("job.probe").await.len(), 1, "{database}: one line, in the Land that is concerned");
        // All of them see how it went, among them one that did not begin it.
        let all = others.iter().chain([&stage]).map(look);
        futures::future::join_all(all).await.into_iter().for_each(Result::unwrap);
        let row = stage.store.parked().await.unwrap().remove(0);
        assert_eq!(row.since, stage.now(), "{database}: it failed, and is waited out for longer");
        assert_eq!(stage.said("parked").await.len(), 2, "{database}: one of them acts");
        // Who looks between the end of a trial and the longer pause may try one more.
        assert!(stage.kept().await.len() >= 4, "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_says_nothing_of_the_rules_lifts_nothing() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, broken()).await;
        stage.set("2026-05-04T09:00:00+02:00");
        let known = stage.arrives(&fine("doppelt", LEIPZIG)).await.0;
        stage.fails("a", LEIPZIG, 20).await;
        let invalid = stage.arrives(&invalid("form", LEIPZIG)).await.0;
        // The same again, under another id: decided long ago.
        stage.set("2026-05-04T09:01:00+02:00");
        let (again, disposition) = stage.arrives(&fine("doppelt", LEIPZIG)).await;
        assert!(matches!(disposition, Disposition::Parked(_)), "{database}");
        stage.set("2026-05-04T09:02:00+02:00");
        stage.arrives(&failing("last", LEIPZIG)).await;
        stage.set("2026-05-04T09:15:00+02:00");
        for left in [2, 1, 0] {
            assert_eq!(stage.parked().await.len(), 1, "{database}: {left} are left");
            worker::work_jobs_once(&stage.pipeline).await.unwrap();
            assert_eq!(stage.kept().await.len(), left, "{database}");
            worker::work_jobs_once(&stage.pipeline).await.unwrap();
        }
        assert_eq!(stage.view(invalid).await.case.outcome, "correction_needed", "{database}");
        assert_eq!(stage.view(again).await.application.application_id, known, "{database}");
        let row = stage.store.parked().await.unwrap().remove(0);
        assert!(row.cause.contains("rule_error"), "{database}: the third failed: {}", row.cause);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_waits_too_long_gives_way_to_another() {
    for (database, url, _alive) in databases().await {
        let registers = || Setting { registers: vec!["melderegister", "fahrzeugregister"], ..Setting::default() };
        let stage = Stage::new(&url, registers()).await;
        stage.set("2026-05-04T09:00:00+02:00");
        let park = |until: &str| storage::ParkRow {
            service: Some("bewohnerparkausweis".into()),
            ars: Some(KOELN.into()),
            since: stage.now(),
            until: Some(until.parse().unwrap()),
            cause: "20 of 20".into(),
            by: "storm".into(),
            lifted_at: None,
        };
        stage.store.park(&park("2026-05-04T09:15:00+02:00"), &[]).await.unwrap();
        stage.pipeline.health.parked.clear();
        worker::work_jobs_once(&stage.pipeline).await.unwrap();
        let first = stage.arrives(&crate::lives::permit("eins")).await.0;
        stage.set("2026-05-04T09:01:00+02:00");
        let second = stage.arrives(&crate::lives::permit("zwei")).await.0;
        stage.set("2026-05-04T09:15:00+02:00");
        stage.looks().await;
        assert_eq!((stage.state(first).await.as_str(), stage.state(second).await.as_str()), ("waiting", "accepted"));
        assert!(stage.pipeline.health.parked.get().is_some(), "{database}: it is being tried");
        let down = Answering::new("melderegister", None, stage.now());
        assert_eq!(worker::ask_once(&stage.pipeline, &down, 9).await.unwrap(), worker::Round::Down("it is off".into()));
        stage.set("2026-05-04T09:29:59+02:00");
        stage.looks().await;
        assert_eq!(stage.state(second).await, "accepted", "{database}");
        stage.set("2026-05-04T09:30:00+02:00");
        stage.looks().await;
        assert_eq!(stage.state(second).await, "waiting", "{database}: another one is tried");
        assert_eq!(stage.parked().await.len(), 1, "{database}: nobody knows yet");
    }
}
