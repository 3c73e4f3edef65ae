//! Something that the store refuses or that breaks a worker, on both databases: it is set aside, and keeps nobody away.

use crate::lives::{permit, with_registers};
use crate::raw::Raw;
use crate::stage::{Setting, Stage, databases, new_id, office};
use domain::ApplicationId;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use storage::FailureFilter;
use testkit::applications::dog;
use worker::{Delivery, Disposition, Metrics, NoBroker, Pipeline};
use workflow::Risk;

const PATIENCE: Duration = Duration::from_secs(20);

/// An application whose form is violated: its case waits for the applicant.
fn wrong(key: &str) -> Value {
    let mut application = dog(key);
    application["data"]["steuerjahr"] = "bald".into();
    application
}

fn delivery(stage: &Stage, body: &Value) -> Delivery {
    Delivery {
        body: body.to_string().into_bytes(),
        sender: Some("portal".into()),
        application_id: None,
        redelivered: false,
        traceparent: None,
        foreign_trace: None,
        observed_at: stage.now(),
    }
}

fn says(id: ApplicationId, kind: &str) -> Value {
    json!({ "id": format!("{kind}-1"), "application_id": id, "kind": kind, "text": "Bitte" })
}

/// From now on the database refuses rows for which this holds, as it does values out of its range; § stands before columns.
async fn refuse(raw: &Raw, table: &str, wrong: &str) {
    match raw {
        Raw::Postgres(_) => {
            let wrong = wrong.replace('§', "");
            raw.execute(format!("alter table {table} add constraint refused check (not ({wrong})) not valid")).await;
        }
        Raw::Sqlite(_) => {
            let wrong = wrong.replace('§', "new.");
            for on in ["insert", "update"] {
                let then = "begin select raise(abort, 'refused'); end";
                raw.execute(format!("create trigger refused_{on} before {on} on {table} when {wrong} {then}")).await;
            }
        }
    }
}

async fn accept(raw: &Raw, table: &str) {
    match raw {
        Raw::Postgres(_) => raw.execute(format!("alter table {table} drop constraint refused")).await,
        Raw::Sqlite(_) => raw.execute("drop trigger refused_insert; drop trigger refused_update".into()).await,
    }
}

fn cause(disposition: &Disposition) -> &str {
    match disposition {
        Disposition::DeadLetter(cause) => cause.code,
        other => panic!("{other:?}"),
    }
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it waits for ever")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_store_refuses_keeps_no_other_from_being_heard() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        let raw = Raw::open(&url).await;
        stage.set("2026-05-04T09:00[Europe/Berlin]");
        let (first, second) = (stage.apply(&wrong("first")).await, stage.apply(&wrong("second")).await);
        refuse(&raw, "documents", "§kind = 'withdrawal'").await;
        let both = [says(first, "withdrawal"), says(second, "person")].map(|body| delivery(&stage, &body));
        let settled = within(stage.pipeline.take(&both)).await.unwrap();
        assert_eq!((cause(&settled[0]), &settled[1]), ("store_refused", &Disposition::Ack), "{database}");
        assert!(stage.history(second).await.contains(&"message.person".to_owned()), "{database}");
        assert_eq!(stage.store.failures(&FailureFilter::default(), None, 9).await.unwrap().len(), 1, "{database}");
        accept(&raw, "documents").await;
        assert_eq!(stage.send(&says(first, "withdrawal")).await, Disposition::Ack, "{database}: once it is mended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_message_that_the_store_refuses_is_set_aside() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        stage.set("2026-05-04T09:00[Europe/Berlin]");
        refuse(&Raw::open(&url).await, "early", "§client_id = 'one'").await;
        let body = |key: &str| json!({ "id": key, "application": key, "service": "hundesteuer", "kind": "person" });
        let both = ["one", "two"].map(|key| delivery(&stage, &body(key)));
        let settled = within(stage.pipeline.take(&both)).await.unwrap();
        assert_eq!((cause(&settled[0]), &settled[1]), ("store_refused", &Disposition::Ack), "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_the_store_refuses_keeps_no_other_from_its_time() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, with_registers(Risk::default())).await;
        let raw = Raw::open(&url).await;
        stage.set("2026-05-04T09:00[Europe/Berlin]");
        let (dog, permit) = (stage.apply(&wrong("dog")).await, stage.apply(&permit("permit")).await);
        refuse(&raw, "cases", "§service = 'hundesteuer' and §version > 1").await;
        within(stage.until("2026-09-01T09:00[Europe/Berlin]")).await;
        assert_eq!(stage.case(dog).await.1, 1, "{database}: refused");
        assert!(stage.case(permit).await.1 > 1, "{database}: woken all the same");
        let failures = stage.store.failures(&FailureFilter::default(), None, 9).await.unwrap();
        assert_eq!((failures.len(), failures[0].application_id), (1, Some(dog)), "{database}");
        assert_eq!((failures[0].kind.as_str(), failures[0].cause.as_str()), ("case", "store_refused"), "{database}");
        accept(&raw, "cases").await;
        stage.until("2026-09-01T11:00[Europe/Berlin]").await;
        assert!(stage.case(dog).await.1 > 1, "{database}: tried again once it is mended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_claims_a_time_that_no_calendar_has() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        stage.set("2026-05-04T09:00[Europe/Berlin]");
        let id = stage.apply(&wrong("late")).await;
        for at in ["-004801-01-01T00:00:00Z", "1989-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
            let settled = within(stage.say(id, "withdrawal", json!({ "received_at": at }))).await;
            assert_eq!(cause(&settled), "invalid_field", "{database}: {at}");
        }
        let settled = stage.say(id, "withdrawal", json!({ "received_at": "2026-05-03T09:00:00Z" })).await;
        assert_eq!(settled, Disposition::Ack, "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_another_application_has_is_set_aside_alone() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        stage.set("2026-05-04T09:00[Europe/Berlin]");
        let taken = stage.apply(&dog("first")).await;
        let other = Delivery { application_id: Some(taken), ..delivery(&stage, &dog("other")) };
        let neighbour = new_id();
        let fine = Delivery { application_id: Some(neighbour), ..delivery(&stage, &dog("neighbour")) };
        let settled = within(stage.pipeline.take(&[other, fine])).await.unwrap();
        assert_eq!((cause(&settled[0]), &settled[1]), ("store_refused", &Disposition::Ack), "{database}");
        assert_eq!(stage.view(neighbour).await.case.state, "decided", "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_breaks_its_worker_is_given_up_after_five_attempts() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        stage.set("2026-05-04T09:00[Europe/Berlin]");
        let id = stage.apply(&wrong("breaks")).await;
        // A worker that breaks where it asks for its rules for the n-th time.
        let (asked, fatal) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let office = Arc::new(office(&Setting::default()));
        let (counting, breaking) = (asked.clone(), fatal.clone());
        let current = Arc::new(move || {
            let now = counting.fetch_add(1, Ordering::Relaxed) + 1;
            assert_ne!(now, breaking.load(Ordering::Relaxed), "the worker breaks");
            office.clone()
        });
        let metrics = Metrics::register(&mut prometheus_client::registry::Registry::default());
        let runtime = stage.pipeline.runtime.clone();
        let pipeline = Arc::new(Pipeline::new(current, stage.store.clone(), Arc::new(NoBroker), metrics, runtime));
        let take = async |kind: &str| {
            asked.store(0, Ordering::Relaxed);
            let again = Delivery { redelivered: true, ..delivery(&stage, &says(id, kind)) };
            let pipeline = pipeline.clone();
            tokio::spawn(async move { pipeline.take(&[again]).await.unwrap().remove(0) }).await
        };
        assert_eq!(take("person").await.unwrap(), Disposition::Ack, "{database}");
        // The last time is while the case is stepped.
        fatal.store(asked.load(Ordering::Relaxed), Ordering::Relaxed);
        for attempt in 1..=5 {
            assert!(take("withdrawal").await.unwrap_err().is_panic(), "{database}: attempt {attempt}");
        }
        assert_eq!(cause(&take("withdrawal").await.unwrap()), "attempts_exhausted", "{database}");
        fatal.store(0, Ordering::Relaxed);
        for _ in 0..7 {
            assert_eq!(take("person").await.unwrap(), Disposition::Ack, "{database}: what is heard has no attempts");
        }
    }
}
