//! Orders over failures: how far they reach, that each item is done by one process, and that they are no weather.

use crate::incidents::{broken, cause, kind, on_both};
use crate::rows::{at, failure};
use crate::stage::{Setting, new_id};
use crate::storm::{KOELN, LEIPZIG, failing};
use serde_json::{Value, json};
use std::sync::Arc;
use storage::{FailureFilter, JobRow, Settled, Store, StoreError};
use testkit::applications::dog;
use worker::{Action, Disposition};

const MUNICH: &str = "091620000000";

/// What an official takes who is limited to North Rhine-Westphalia and Saxony.
fn limited(filter: FailureFilter) -> FailureFilter {
    FailureFilter { places: vec!["05".into(), "14".into()], ..filter }
}

fn in_munich(id: &str) -> Value {
    let mut application = dog(id);
    application["ars"] = MUNICH.into();
    application
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_elsewhere_by_changing_what_a_message_says() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        let foreign = stage.apply(&in_munich("bayern")).await;
        let own = stage.apply(&dog("sachsen")).await;
        // The words of two withdrawals lead to no service, and those of an application to Köln.
        for application in ["bayern", "sachsen"] {
            let body = json!({
                "id": format!("weg-{application}"), "kind": "withdrawal", "application": application,
                "service": "Hundesteuer!", "ars": KOELN
            });
            assert!(matches!(stage.send(&body).await, Disposition::DeadLetter(_)), "{database}");
        }
        let mut wrong = dog("neu");
        (wrong["service"], wrong["ars"]) = ("hundesteur".into(), KOELN.into());
        assert!(matches!(stage.send(&wrong).await, Disposition::DeadLetter(_)));

        let patch = json!({ "service": "hundesteuer", "ars": MUNICH });
        let job = stage.order(Action::Edit(patch), limited(cause("unknown_service"))).await;
        assert_eq!((job.done, job.failed), (0, 1), "{database}");
        let row = stage.failures("message").await.into_iter().find(|row| row.cause == "unknown_service").unwrap();
        assert_eq!(row.outcome.as_deref(), Some("it would not belong where Technik may order"), "{database}");
        assert_eq!(row.ars.as_deref(), Some(KOELN), "{database}: it stays theirs to mend");

        let rows = stage.failures("message").await;
        let letters: Vec<_> = rows.iter().filter(|row| row.cause != "unknown_service").collect();
        assert!(letters.len() == 2 && letters.iter().all(|row| row.ars.as_deref() == Some(KOELN)), "{rows:?}");
        let patch = json!({ "service": "hundesteuer", "ars": null });
        let job = stage.order(Action::Edit(patch.clone()), limited(cause(&letters[0].cause))).await;
        assert_eq!((job.done, job.failed), (1, 1), "{database}: one case is theirs");
        let withdrawn = async |id| stage.history(id).await.iter().any(|action| action == "message.withdrawal");
        assert!(withdrawn(own).await && !withdrawn(foreign).await, "{database}");
        let anywhere = stage.order(Action::Edit(patch), cause(&letters[0].cause)).await;
        assert_eq!((anywhere.done, withdrawn(foreign).await), (1, true), "{database}: who has all places may");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_takes_messages_only_and_leaves_what_they_are_about() {
    for (database, stage, _alive) in on_both(broken).await {
        let id = stage.apply(&dog("regel")).await;
        let begin = async |action: Action, filter: FailureFilter| {
            let who = (new_id().0, "Technik");
            worker::begin_job(&*stage.store, &crate::incidents::keys(), who, &action, &filter, stage.now()).await
        };
        for patch in [json!({ "kind": null }), json!({ "application_id": id }), json!({ "application": "regel" })] {
            let refused = begin(Action::Edit(patch), FailureFilter::default()).await;
            assert!(matches!(refused, Err(StoreError::Refused(_))), "{database}: {refused:?}");
        }
        let edit = Action::Edit(json!({ "id": "x" }));
        assert!(begin(edit.clone(), kind("rule")).await.is_err(), "{database}");
        assert_eq!(begin(edit, FailureFilter::default()).await.unwrap(), 0, "{database}: a rule has no message");
        // One that an older program had begun.
        let job = job("edit", Some(br#"{"id":"x"}"#));
        assert_eq!(stage.store.begin_job(&job, &kind("rule"), &|_| Vec::new()).await.unwrap(), 1);
        worker::work_jobs_once(&stage.pipeline).await.unwrap();
        assert_eq!(stage.view(id).await.decisions.len(), 1, "{database}: nothing is decided anew by that");
        let row = stage.failures("rule").await.remove(0);
        assert_eq!(
            (row.state.as_str(), row.outcome.as_deref()),
            ("open", Some("nothing but a message can be changed"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_again_by_an_order_parks_nothing() {
    for (database, stage, _alive) in on_both(broken).await {
        for n in 0..25 {
            stage.set(&format!("2026-05-04T09:{:02}:00+02:00", 2 * n));
            stage.apply(&failing(&format!("n{n}"), LEIPZIG)).await;
        }
        assert_eq!(stage.parked().await, [], "{database}: one every two minutes is no storm");
        let job = stage.order(Action::Retry, kind("rule")).await;
        assert_eq!((job.failed, stage.parked().await), (25, Vec::new()), "{database}");
    }
}

fn job(action: &str, patch: Option<&[u8]>) -> JobRow {
    JobRow {
        job_id: new_id().0,
        action: action.into(),
        filter: b"{}".to_vec(),
        patch: patch.map(<[u8]>::to_vec),
        by: "Technik".into(),
        begun_at: at(0),
        total: 0,
        done: 0,
        failed: 0,
        ended_at: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_a_job_and_what_one_dies_over_is_done_later() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        let store = stage.store.clone();
        let rows: Vec<_> = (0..100).map(|n| failure("message", &format!("f{n}"), 100 - n)).collect();
        store.fail(&rows).await.unwrap();
        let job = job("cancel", None);
        store.begin_job(&job, &FailureFilter::default(), &|_| Vec::new()).await.unwrap();
        let take = |store: Arc<dyn Store>, now: i64| async move {
            store.job_items(job_id(&store).await, 32, (at(now), at(now + 30))).await.unwrap()
        };
        let taken = futures::future::join_all((0..5).map(|_| tokio::spawn(take(store.clone(), 200)))).await;
        let taken: Vec<Vec<_>> = taken.into_iter().map(Result::unwrap).collect();
        let ids: std::collections::BTreeSet<_> = taken.iter().flatten().map(|row| row.failure_id).collect();
        let count: usize = taken.iter().map(Vec::len).sum();
        assert_eq!((ids.len(), count), (100, 100), "{database}: each once");
        assert!(taken.iter().all(|some| some.is_sorted_by_key(|row| row.first_at)), "{database}: as they came");
        // All of them die; another one waits until the lease is over.
        assert_eq!(take(store.clone(), 229).await, [], "{database}");
        let late = take(store.clone(), 230).await;
        let first = late[0].first_at;
        assert_eq!((late.len(), first), (32, at(1)), "{database}: what came first is tried first");
        // Who was only slow settles it, and it is settled once.
        let settled = late.iter().map(|row| Settled {
            failure_id: row.failure_id,
            state: "cancelled".into(),
            outcome: "no".into(),
            times: row.times,
            audit: None,
        });
        let settled: Vec<_> = settled.collect();
        for _ in 0..2 {
            store.settle_failures(&settled, at(231)).await.unwrap();
        }
        assert_eq!(store.open_jobs(1).await.unwrap()[0].done, 32, "{database}");
    }
}

async fn job_id(store: &Arc<dyn Store>) -> uuid::Uuid {
    store.open_jobs(1).await.unwrap()[0].job_id
}
