//! Another message under the id of one that is there, on both databases: it is kept as a failure, never dropped.

use crate::stage::{Setting, Stage, databases};
use serde_json::{Value, json};
use storage::FailureFilter;
use testkit::applications::dog;
use worker::Disposition;

fn cause(disposition: &Disposition) -> &str {
    match disposition {
        Disposition::DeadLetter(cause) => cause.code,
        other => panic!("{other:?}"),
    }
}

async fn filed(stage: &Stage, id: domain::ApplicationId) -> Vec<String> {
    stage.view(id).await.documents.into_iter().map(|document| document.kind).collect()
}

/// Bodies of what was kept apart.
async fn kept(stage: &Stage) -> Vec<Value> {
    let rows = stage.store.failures(&FailureFilter::default(), None, 9).await.unwrap();
    assert!(rows.iter().all(|row| row.cause == "message_conflict" && row.sender.as_deref() == Some("portal")));
    rows.iter().map(|row| serde_json::from_slice(&row.body).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_message_under_an_id_is_kept_apart_and_the_same_one_is_not() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        stage.set("2026-05-04T09:00[Europe/Berlin]");
        let mut wrong = dog("taken");
        wrong["data"]["steuerjahr"] = "bald".into();
        let id = stage.apply(&wrong).await;
        let person = json!({ "id": "m1", "application_id": id, "kind": "person", "text": "Ein Mensch" });
        assert_eq!(stage.send(&person).await, Disposition::Ack, "{database}");
        let by_key = json!({
            "id": "m1", "application": "taken", "service": "hundesteuer", "kind": "person", "text": "Ein Mensch"
        });
        assert_eq!(stage.send(&by_key).await, Disposition::Ack, "{database}: the same, addressed in another way");
        let objection = json!({ "id": "m1", "application_id": id, "kind": "objection", "text": "Zu teuer" });
        for _ in 0..2 {
            assert_eq!(cause(&stage.send(&objection).await), "message_conflict", "{database}");
        }
        assert_eq!(
            (filed(&stage, id).await, kept(&stage).await),
            (vec!["person".into()], vec![objection]),
            "{database}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_before_its_application_under_one_id_is_told_apart_too() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        stage.set("2026-05-04T09:00[Europe/Berlin]");
        let early = |application: &str, kind: &str| json!({ "id": "m1", "application": application, "service": "hundesteuer", "kind": kind });
        let first = early("early", "person");
        assert_eq!(stage.send(&first).await, Disposition::Ack, "{database}");
        assert_eq!(stage.send(&first).await, Disposition::Ack, "{database}: the same again");
        let others = [early("early", "withdrawal"), early("another", "person")];
        for other in &others {
            assert_eq!(cause(&stage.send(other).await), "message_conflict", "{database}");
        }
        let kept = kept(&stage).await;
        assert!(kept.len() == 2 && others.iter().all(|other| kept.contains(other)), "{database}: {kept:?}");
        let id = stage.apply(&dog("early")).await;
        stage.until("2026-05-04T09:01[Europe/Berlin]").await;
        assert_eq!(filed(&stage, id).await, ["person"], "{database}");
    }
}
