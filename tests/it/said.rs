//! Every message in every state: where the case stands afterwards. Whatever comes, it is in the file, and nothing panics.

use crate::lives::permit;
use crate::stage::{Setting, Stage, new_id};
use domain::ApplicationId;
use serde_json::{Value, json};
use testkit::applications::dog;
use worker::Disposition;

/// A dog that a machine decides.
fn simple(id: &str) -> Value {
    let mut dog = dog(id);
    dog.as_object_mut().unwrap().remove("received_at");
    dog
}

fn with_words(id: &str) -> Value {
    let mut dog = simple(id);
    dog["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
    dog
}

/// Brings a new case into a state.
async fn case_in(stage: &Stage, state: &str, name: &str) -> ApplicationId {
    let claim = json!({ "command": "claim" });
    let apply = async |body: Value| stage.apply(&body).await;
    match state {
        "waiting" => apply(permit(name)).await,
        "decided" => apply(simple(name)).await,
        "closed" => {
            let id = apply(simple(name)).await;
            stage.until("2026-06-30T09:00[Europe/Berlin]").await;
            id
        }
        "referred" => apply(with_words(name)).await,
        "correction_needed" => {
            let mut faulty = simple(name);
            faulty["data"]["hunde"] = json!([]);
            apply(faulty).await
        }
        "withdrawn" => {
            let id = apply(with_words(name)).await;
            let _ = stage.say(id, "withdrawal", json!({})).await;
            id
        }
        _ => {
            let id = apply(with_words(name)).await;
            stage.does(id, "Überall", claim).await;
            let command = match state {
                "held" => return id,
                "hearing" => json!({ "command": "hear", "text": "Wir wollen ablehnen." }),
                "countersign" => json!({ "command": "decide", "outcome": "refused", "text": "Nein." }),
                "forwarded" => json!({ "command": "forward", "to": "Stadt Halle", "text": "Zuständig ist Halle." }),
                other => panic!("{other}"),
            };
            stage.does(id, "Überall", command).await;
            id
        }
    }
}

const KINDS: [&str; 7] = ["supplement", "amendment", "withdrawal", "objection", "person", "hearing_reply", "retrieved"];

/// State → where each of [`KINDS`] leads. `+`: reopened. `!`: a hint for whoever works on it, nothing else.
const EXPECTED: &str = "
waiting            waiting      waiting      withdrawn    waiting!     referred     waiting!     waiting
referred           decided      decided      withdrawn    referred!    referred!    referred!    referred
held               referred!    referred!    withdrawn    referred!    referred!    referred!    referred
countersign        referred     referred     withdrawn    countersign! countersign! countersign! countersign
correction_needed  decided      decided      withdrawn    correction_needed! referred correction_needed! correction_needed
hearing            hearing!     hearing!     withdrawn    hearing!     hearing!     referred     hearing
decided            referred+    referred+    referred+    referred+    referred+    referred+    decided
closed             referred+    referred+    referred+    referred+    referred+    referred+    closed
withdrawn          referred+    referred+    withdrawn    referred+    referred+    referred+    withdrawn
forwarded          referred+    referred+    referred+    referred+    referred+    referred+    forwarded
";

#[tokio::test(flavor = "multi_thread")]
async fn every_message_in_every_state_leads_where_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("said.db").display());
    let stage = Stage::new(&url, Setting { registers: vec!["melderegister"], ..Setting::default() }).await;
    let mut wrong = Vec::new();
    for line in EXPECTED.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let state = words.next().unwrap();
        for (kind, expected) in KINDS.into_iter().zip(words) {
            stage.set("2026-05-04T09:00[Europe/Berlin]");
            let id = case_in(&stage, state, &format!("{state}-{kind}")).await;
            stage.set(&(stage.now() + jiff::SignedDuration::from_secs(1)).to_string());
            let (before, _) = stage.case(id).await;
            let data = match state {
                "correction_needed" => json!({ "hunde": simple("x")["data"]["hunde"] }),
                _ => json!({ "besondere_umstaende": "" }),
            };
            let message = match kind {
                "supplement" | "amendment" => json!({ "data": data }),
                _ => json!({ "text": "Text" }),
            };
            assert_eq!(stage.say(id, kind, message.clone()).await, Disposition::Ack, "{state} {kind}");
            let (after, version) = stage.case(id).await;
            let hinted = after.hints.len() > before.hints.len() && after.state == before.state;
            let reopened = after.reopened && !before.reopened;
            let is =
                format!("{}{}{}", after.state.as_str(), if reopened { "+" } else { "" }, if hinted { "!" } else { "" });
            if is != expected {
                wrong.push(format!("{state} {kind}: {is}, expected {expected}"));
            }
            let filed = stage.view(id).await.documents;
            assert!(filed.iter().any(|document| document.kind == kind), "{state} {kind}: it is not in the file");
            // The same message again changes nothing.
            assert_eq!(stage.say(id, kind, message).await, Disposition::Ack);
            assert_eq!(stage.case(id).await.1, version, "{state} {kind} twice");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_before_its_application_waits_for_it_and_a_strangers_is_not_heard() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("early.db").display());
    let stage = Stage::new(&url, Setting::default()).await;
    stage.set("2026-05-04T09:00[Europe/Berlin]");
    let early = json!({
        "id": "m1", "kind": "person", "application": "frueh", "service": "hundesteuer", "text": "Ein Mensch bitte"
    });
    assert_eq!(stage.send(&early).await, Disposition::Ack);
    stage.until("2026-05-05T09:00[Europe/Berlin]").await;
    let id = stage.apply(&simple("frueh")).await;
    assert_eq!(stage.case(id).await.0.state.as_str(), "decided", "the message is not there yet");
    stage.until("2026-05-05T09:01[Europe/Berlin]").await;
    assert_eq!(stage.case(id).await.0.state.as_str(), "referred", "and now it is");
    // A correction and what it corrects in one batch: the message speaks of what came just before.
    let withdrawal = json!({ "id": "m2", "kind": "withdrawal", "application": "beide", "service": "hundesteuer" });
    let deliveries = [simple("beide"), withdrawal].map(|body| worker::Delivery {
        body: body.to_string().into_bytes(),
        sender: Some("portal".into()),
        application_id: None,
        redelivered: false,
        traceparent: None,
        foreign_trace: None,
        observed_at: stage.now(),
    });
    assert_eq!(stage.pipeline.process(&deliveries).await, [Disposition::Ack, Disposition::Ack]);
    // Somebody else's message about this case, and one about a case that nobody knows.
    let foreign = json!({ "id": "m3", "kind": "withdrawal", "application_id": id });
    assert!(matches!(stage.send_as("other", &foreign, None).await, Disposition::DeadLetter(_)));
    let nobody = json!({ "id": "m4", "kind": "withdrawal", "application_id": new_id() });
    assert!(matches!(stage.send(&nobody).await, Disposition::DeadLetter(_)));
    assert_eq!(stage.case(id).await.0.state.as_str(), "referred");
    // One whose application never comes is given up after a month, and kept as a failure.
    let lost = json!({ "id": "m5", "kind": "withdrawal", "application": "nie", "service": "hundesteuer" });
    assert_eq!(stage.send(&lost).await, Disposition::Ack);
    stage.until("2026-06-04T10:00[Europe/Berlin]").await;
    let failures = stage.store.failures(&storage::FailureFilter::default(), None, 10).await.unwrap();
    assert!(failures.iter().any(|failure| failure.cause == "unknown_case"), "{failures:?}");
}
