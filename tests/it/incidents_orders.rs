//! Orders over many failures: mended by one patch, given up, written down, and done once though a process dies in between.

use crate::incidents::{broken, cause, keys, kind, on_both, word};
use crate::stage::{Setting, Stage, databases, new_id};
use crate::tables::Tables;
use domain::ApplicationId;
use serde_json::{Value, json};
use storage::{FailureFilter, JobRow};
use testkit::applications::dog;
use worker::{Action, Disposition};
use workflow::Refusal;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_malformed_messages_are_mended_by_one_patch() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        for n in 0..1_000 {
            let mut wrong = dog(&format!("n{n}"));
            wrong["service"] = "hundesteur".into();
            if n % 10 == 0 {
                wrong["ars"] = "99".into();
            }
            let id = (n % 2 == 0).then(new_id);
            assert!(matches!(stage.send_as("portal", &wrong, id).await, Disposition::DeadLetter(_)));
        }
        // The legal receipt is that of the message, however late it is mended.
        stage.set("2026-05-06T09:00+02:00");
        let patch = json!({ "service": "hundesteuer", "received_at": null });
        let job = stage.order(Action::Edit(patch), cause("unknown_service")).await;
        assert_eq!((job.total, job.done, job.failed), (900, 900, 0), "{database}: the others have no place");
        let rows = stage.failures("message").await;
        let (done, open): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.state == "retried");
        assert_eq!((done.len(), open.len()), (900, 100), "{database}");
        assert!(open.iter().all(|row| row.cause == "invalid_ars" && row.times == 1));
        for row in &done {
            let id: ApplicationId =
                row.outcome.as_deref().unwrap().strip_prefix("processed as ").unwrap().parse().unwrap();
            assert!(row.application_id.is_none_or(|own| own == id), "{database}: the id that its sender asks for");
            assert_eq!(id.0.get_version_num(), 7, "in the order of intake");
        }
        let id: ApplicationId = done[0].outcome.as_deref().unwrap()[13..].parse().unwrap();
        let view = stage.view(id).await;
        assert_eq!(view.application.received_at.to_string(), "2026-05-04T07:00:00Z");
        let edited = view.audit.iter().find(|line| line.action == "failure.edited").unwrap();
        let payload: Value = serde_json::from_slice(&edited.payload).unwrap();
        assert_eq!((edited.actor.as_str(), payload["cause"].as_str()), ("Technik", Some("unknown_service")));
        assert_ne!(payload["before"], payload["after"], "keyed digests of what was sent and what became of it");
        assert!(!edited.payload.windows(13).any(|text| text == b"Zwiebelfische"), "nothing of the applicant");

        // What still cannot be read stays open, with its own reason and what was sent.
        let patch = json!({ "service": "hundesteuer" });
        let job = stage.order(Action::Edit(patch), cause("invalid_ars")).await;
        assert_eq!((job.done, job.failed), (0, 100), "{database}");
        let row = stage.failures("message").await.into_iter().find(|row| row.state == "open").unwrap();
        assert_eq!((row.cause.as_str(), row.times), ("invalid_ars", 2));
        assert!(String::from_utf8(row.body).unwrap().contains("hundesteur\""), "the message as it came");
        let job = stage.order(Action::Cancel, cause("invalid_ars")).await;
        assert_eq!((job.done, job.failed), (100, 0), "{database}");
        for row in stage.failures("message").await.iter().filter(|row| row.cause == "invalid_ars") {
            assert_eq!(word(row), ("cancelled", "cancelled by Technik", 2));
            let Some(id) = row.application_id else { continue };
            assert_eq!(stage.store.status(id).await.unwrap().unwrap().state, "failed", "{database}");
            let (lines, _) = actions(&stage, id).await;
            assert_eq!(lines, ["failure.edited", "failure.cancelled"], "{database}");
        }
    }
}

/// What the audit says under an id, and who.
async fn actions(stage: &Stage, id: ApplicationId) -> (Vec<String>, Vec<String>) {
    let rows = stage.store.unchained(0, 100_000).await.unwrap();
    rows.into_iter().filter_map(|row| row.entry).filter(|e| e.application_id == id).map(|e| (e.action, e.actor)).unzip()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_audited_with_who_which_and_how_many() {
    for (database, stage, _alive) in on_both(broken).await {
        stage.apply(&dog("a")).await;
        let filter = FailureFilter { ars: Some("14".into()), ..kind("rule") };
        let job = stage.order(Action::Retry, filter).await;
        let rows = stage.store.unchained(0, 1_000).await.unwrap();
        let entries = rows.into_iter().filter_map(|row| row.entry);
        let lines: Vec<_> = entries.filter(|entry| entry.application_id.0 == job.job_id).collect();
        assert_eq!(lines.len(), 1, "{database}: one Land is concerned");
        let payload: Value = serde_json::from_slice(&lines[0].payload).unwrap();
        assert_eq!((lines[0].actor.as_str(), lines[0].action.as_str()), ("Technik", "job.retry"));
        assert_eq!((lines[0].land.as_str(), &payload["count"]), ("sn", &json!(1)));
        assert_eq!(payload["filter"], json!({ "ars": "14", "kind": "rule" }));
        // Whoever wrote it has the keys: it can be chained.
        let entry = worker::audit_entry(&lines[0]).unwrap();
        assert_eq!(keys().commitment(&entry).0.to_vec(), lines[0].commitment, "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_before_a_crash_is_not_done_again() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, broken()).await;
        stage.set("2026-05-04T09:00+02:00");
        let mut wrong = dog("brief");
        wrong["service"] = "hundesteur".into();
        for id in [None, Some(new_id())] {
            stage.send_as("portal", &wrong, id).await;
        }
        let id = stage.apply(&dog("regel")).await;
        stage.put_in_force(&Setting::default());
        let job = JobRow {
            job_id: new_id().0,
            action: "edit".into(),
            filter: b"{}".to_vec(),
            patch: Some(br#"{"service":"hundesteuer"}"#.to_vec()),
            by: "Technik".into(),
            begun_at: stage.now(),
            total: 0,
            done: 0,
            failed: 0,
            ended_at: None,
        };
        let decide = JobRow { job_id: new_id().0, action: "retry".into(), patch: None, ..job.clone() };
        let begin = async |job: &JobRow, of: &str| {
            stage.store.begin_job(job, &kind(of), &|_| Vec::new()).await.unwrap();
        };
        begin(&job, "message").await;
        begin(&decide, "rule").await;
        let counts = async |stage: &Stage| {
            let overview = stage.store.overview(stage.now()).await.unwrap();
            let cases: i64 = overview.lines.iter().map(|line| line.count).sum();
            (cases, overview.duplicates, overview.conflicts, stage.view(id).await.decisions.len())
        };
        // Done, and the process died before that was noted: everything is queued still.
        worker::work_jobs_once(&stage.pipeline).await.unwrap();
        let before = counts(&stage).await;
        assert_eq!(before, (2, 1, 0, 2), "{database}: the same message twice is one application");
        let requeued = [&job, &decide].map(|job| JobRow { job_id: new_id().0, ..job.clone() });
        let tables = Tables::open(&url).await;
        tables.run("update failures set state = 'open', settled_at = null".into()).await;
        begin(&requeued[0], "message").await;
        begin(&requeued[1], "rule").await;
        worker::work_jobs_once(&stage.pipeline).await.unwrap();
        assert_eq!(counts(&stage).await, before, "{database}");
        for (requeued, done) in requeued.iter().zip([2, 1]) {
            let ended = stage.store.job(requeued.job_id).await.unwrap().unwrap();
            assert_eq!((ended.done, ended.failed), (done, 0), "{database}");
        }

        // The machine decided again and failed again, and the process died before that was noted.
        stage.put_in_force(&broken());
        let id = stage.apply(&dog("noch-einmal")).await;
        let again = JobRow { job_id: new_id().0, action: "retry".into(), patch: None, ..job };
        begin(&again, "rule").await;
        stage.does(id, "Technik", json!({ "command": "retry", "text": "wie der Auftrag" })).await;
        let decisions = stage.view(id).await.decisions.len();
        worker::work_jobs_once(&stage.pipeline).await.unwrap();
        assert_eq!(stage.view(id).await.decisions.len(), decisions, "{database}");
        let ended = stage.store.job(again.job_id).await.unwrap().unwrap();
        assert_eq!((ended.done, ended.failed), (0, 1), "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_retries_by_hand_what_is_decided() {
    for (database, stage, _alive) in on_both(Setting::default).await {
        let id = stage.apply(&dog("fertig")).await;
        let refused = stage.ask(id, "Technik", json!({ "command": "retry", "text": "noch einmal" })).await;
        assert!(matches!(refused, Err(Refusal::State { .. })), "{database}: {refused:?}");
    }
}
