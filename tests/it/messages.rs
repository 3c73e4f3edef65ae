//! What applicants say about their cases after the application: over HTTP and AMQP, again, too early, and while the
//! database is away.

use crate::broker::Broker;
use crate::http::TOKEN;
use crate::office::{House, claim, decide, token};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::applications::{dog, parking};
use testkit::services::variable;

/// A dog whose form is violated in one field.
fn wrong(key: &str) -> Value {
    let mut application = dog(key);
    application["data"]["steuerjahr"] = "bald".into();
    application
}

fn mended(id: &str) -> Value {
    json!({ "id": id, "kind": "supplement", "data": { "steuerjahr": 2026 } })
}

/// PostgreSQL or SQLite, both with the embedded queue.
async fn houses() -> Vec<(House, Option<testkit::Services>)> {
    let services = testkit::services::shared().await.unwrap();
    let url = services.database().await.unwrap();
    vec![(House::new(Some(&url)).await, Some(services)), (House::new(None).await, None)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_is_answered_and_the_case_is_decided() {
    for (house, _alive) in houses().await {
        let (id, url) = house.portal.accepted(wrong("mended").to_string()).await;
        let asked = house.until(&id, "correction_needed").await;
        assert_eq!(asked["decision"]["errors"][0]["pointer"], "/steuerjahr");
        assert!(asked["reply_until"].as_str().is_some_and(|day| day.len() == 10), "{asked}");
        house.says(&id, mended("mended-1")).await;
        let decided = house.until(&id, "decided").await;
        assert_eq!((&decided["outcome"], &decided["automatic"]), (&json!("granted"), &json!(true)), "{decided}");
        assert_eq!(house.portal.get(&url).await.json(), decided, "the link says the same");
        let case = house.case("Amsel", &id).await;
        assert_eq!(case["documents"][0]["body"]["data"], json!({ "steuerjahr": 2026 }));
        assert_eq!(case["documents"][0]["body"]["application_id"], json!(id));
        let actions: Vec<&str> =
            case["history"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["decided", "message.supplement", "decided"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_again_changes_nothing_and_another_under_its_id_is_refused() {
    for (house, _alive) in houses().await {
        let id = house.referred("again").await;
        let person = json!({ "id": "again-1", "kind": "person", "text": "Bitte ein Mensch" });
        for _ in 0..3 {
            house.says(&id, person.clone()).await;
        }
        house.until_filed(&id, "person", 1).await;
        house.says(&id, person.clone()).await;
        // Other order and spelling are the same message.
        let spelled =
            format!(r#"{{"text":"Bitte ein Mensch", "kind":"person", "application_id":"{id}", "id":"again-1"}}"#);
        let path = format!("/api/v1/applications/{id}/messages");
        let request = house.portal.request(Method::POST, &path).bearer_auth(TOKEN);
        let answer = house.portal.send(request.header("content-type", "application/json").body(spelled)).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let other = house.say(&id, &json!({ "id": "again-1", "kind": "person", "text": "Doch nicht" })).await;
        assert_eq!((other.status, other.problem().as_str()), (409, "id_conflict"));
        // A last one of its own: when it is there, everything before it was heard.
        house.says(&id, json!({ "id": "again-2", "kind": "withdrawal", "text": "Der Hund ist fort." })).await;
        let gone = house.until(&id, "withdrawn").await;
        assert!(gone.get("outcome").is_none(), "{gone}");
        house.until_filed(&id, "person", 1).await;
        assert_eq!(house.version(&id).await, 3, "received, a person wanted, withdrawn");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_after_the_decision_brings_a_person() {
    for (house, _alive) in houses().await {
        let status = house.portal.decides(&dog("after")).await;
        let id = status["application_id"].as_str().unwrap();
        house.says(id, mended("after-1")).await;
        house.until(id, "referred").await;
        let case = house.case("Amsel", id).await;
        assert_eq!((&case["reopened"], &case["documents"][0]["kind"]), (&json!(true), &json!("supplement")));
        house.does("Amsel", id, claim()).await;
        assert_eq!(
            house.does("Amsel", id, decide("granted")).await["state"],
            "countersign",
            "four eyes where it is reopened"
        );
        house.does("Buchfink", id, claim()).await;
        house.does("Buchfink", id, json!({ "command": "sign" })).await;
        house.until(id, "decided").await;
        house.says(id, json!({ "id": "after-2", "kind": "objection", "text": "Zu teuer." })).await;
        house.until(id, "referred").await;
        house.says(id, json!({ "id": "after-3", "kind": "retrieved" })).await;
        house.until_filed(id, "retrieved", 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_read_strictly_and_only_from_who_sent_the_application() {
    let house = House::new(None).await;
    let id = house.referred("strict").await;
    for (body, code) in [
        (json!([]), "not_an_object"),
        (json!({ "kind": "person" }), "invalid_field"),
        (json!({ "id": "a b", "kind": "person" }), "invalid_field"),
        (json!({ "id": "s", "kind": "Widerspruch" }), "invalid_field"),
        (json!({ "id": "s" }), "invalid_field"),
        (json!({ "id": "s", "kind": "supplement" }), "invalid_field"),
        (json!({ "id": "s", "kind": "supplement", "data": [] }), "invalid_field"),
        (json!({ "id": "s", "kind": "hearing_reply" }), "invalid_field"),
        (json!({ "id": "s", "kind": "person", "text": 5 }), "invalid_field"),
        (json!({ "id": "s", "kind": "person", "received_at": "gestern" }), "invalid_field"),
        (
            json!({ "id": "s", "kind": "person", "application_id": "00000000-0000-0000-0000-000000000000" }),
            "invalid_field",
        ),
    ] {
        let answer = house.say(&id, &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, code), "{body}: {}", answer.text);
        assert_eq!(answer.json()["title"], "The body is not a message about a case");
    }
    let path = format!("/api/v1/applications/{id}/messages");
    let person = json!({ "id": "s", "kind": "person" });
    let twice = house.portal.request(Method::POST, &path).bearer_auth(TOKEN).header("content-type", "application/json");
    let twice = house.portal.send(twice.body(r#"{"id":"s","id":"t","kind":"person"}"#)).await;
    assert_eq!((twice.status, twice.problem().as_str()), (400, "invalid_json"));
    assert_eq!(house.portal.send(house.portal.request(Method::POST, &path).bearer_auth(TOKEN)).await.status, 415);
    assert_eq!(house.post("wrong", &path, &person).await.status, 401);
    assert_eq!(house.post(&token("Amsel"), &path, &person).await.status, 401, "an official is no sender");
    for (sender, id) in
        [(token("portal-b"), id.as_str()), (TOKEN.into(), "00000000-0000-0000-0000-000000000000"), (TOKEN.into(), "x")]
    {
        let answer = house.post(&sender, &format!("/api/v1/applications/{id}/messages"), &person).await;
        assert_eq!((answer.status, answer.problem().as_str()), (404, "unknown_application"), "{id}");
    }
    let misplaced = house.portal.post(json!({ "id": "s", "kind": "person" }).to_string()).await;
    assert_eq!((misplaced.status, misplaced.problem().as_str()), (400, "is_message"));
    assert_eq!(house.version(&id).await, 1, "nothing of it reached the case");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_key_of_its_link_a_message_may_follow_at_once() {
    let house = House::new(None).await;
    for n in 0..20 {
        let (id, url) = house.portal.accepted(wrong(&format!("quick-{n}")).to_string()).await;
        let key = url.split_once("?k=").unwrap().1;
        let path = format!("/api/v1/applications/{id}/messages?k={key}");
        let answer = house.post(TOKEN, &path, &mended(&format!("quick-{n}-1"))).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        assert_eq!(house.until(&id, "decided").await["outcome"], "granted");
    }
    let nobody = "00000000-0000-0000-0000-000000000000";
    let wrong_key = house.post(TOKEN, &format!("/api/v1/applications/{nobody}/messages?k=x"), &mended("x")).await;
    assert_eq!(wrong_key.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_waits_for_a_register_says_so_and_has_no_decision() {
    let register = "[[register]]\nname = \"melderegister\"\nurl = \"http://127.0.0.1:9/\"\n";
    let house = House::with(None, register, |program| program).await;
    let mut application = parking("waits");
    application["evidence"] = json!([]);
    application.as_object_mut().unwrap().remove("received_at");
    application["data"]["parken"]["beginn"] = "2099-01-01".into();
    let (id, _) = house.portal.accepted(application.to_string()).await;
    let status = house.until(&id, "waiting").await;
    let fields: Vec<&String> = status.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["application_id", "state", "waiting_since"], "{status}");
    let case = house.case("Amsel", &id).await;
    assert_eq!((&case["wait"]["register"], &case["step"]), (&json!("melderegister"), &json!("melderegister")));
    let listed = house.program.run(&["cases", "list", "--waiting", "melderegister"], b"").unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains(&id), "{listed:?}");
    let shown = house.program.run(&["cases", "show", &id], b"").unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("for melderegister since"), "{shown:?}");
}

/// RabbitMQ and PostgreSQL, with empty queues.
async fn connected() -> (House, Broker, Broker, testkit::Services) {
    let services = testkit::services::alone().await.unwrap();
    let url = services.database().await.unwrap();
    let admin = Broker::connect(&services.broker("AMQP_ADMIN_URL").unwrap()).await;
    admin.purge().await;
    let portal = Broker::connect(&services.broker("AMQP_URL_PORTAL_A").unwrap()).await;
    let amqp = variable("AMQP_URL").unwrap();
    let house = House::with(Some(&url), "", |program| program.with("AMQP_URL", &amqp)).await;
    (house, portal, admin, services)
}

#[tokio::test(flavor = "multi_thread")]
async fn over_amqp_messages_find_their_case_by_id_or_key_and_wait_for_it() {
    let (house, portal, admin, _alive) = connected().await;
    // Before its application, by the sender's key.
    let early = json!({
        "id": "early-1", "kind": "supplement", "service": "hundesteuer", "application": "early",
        "data": { "steuerjahr": 2026 }
    });
    portal.publish(early.to_string().as_bytes(), Some("portal-a"), &[]).await;
    portal.publish(early.to_string().as_bytes(), Some("portal-a"), &[]).await;
    let (id, _) = house.portal.accepted(wrong("early").to_string()).await;
    assert_eq!(house.until(&id, "decided").await["outcome"], "granted");
    house.until_filed(&id, "supplement", 1).await;
    // By id, after a correction; then the same over HTTP.
    let (id, _) = house.portal.accepted(wrong("later").to_string()).await;
    house.until(&id, "correction_needed").await;
    let mut later = mended("later-1");
    later["application_id"] = json!(id);
    portal.publish(later.to_string().as_bytes(), Some("portal-a"), &[]).await;
    assert_eq!(house.until(&id, "decided").await["outcome"], "granted");
    house.says(&id, mended("later-1")).await;
    let results = admin.take("dunkelwerk.results", 4).await;
    let states: Vec<String> = results.iter().map(|m| m.routing_key.rsplit('.').next().unwrap().to_owned()).collect();
    assert_eq!(states.iter().filter(|state| *state == "correction_needed").count(), 2, "{states:?}");
    // Of another sender, or of no case: kept apart with the cause, and nothing happens.
    let other = Broker::connect(&variable("AMQP_URL_PORTAL_B").unwrap()).await;
    let mut foreign = mended("foreign-1");
    foreign["application_id"] = json!(id);
    other.publish(foreign.to_string().as_bytes(), Some("portal-b"), &[]).await;
    let letter = admin.take("dunkelwerk.dead", 1).await.remove(0);
    assert!(
        letter.header("x-dunkelwerk-cause").is_some_and(|cause| cause.contains("unknown")),
        "{:?}",
        letter.properties
    );
    house.until_filed(&id, "supplement", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_messages_are_queued_and_the_worker_checks_whose_they_are() {
    let (house, _portal, admin, _alive) = connected().await;
    let (id, _) = house.portal.accepted(wrong("away").to_string()).await;
    house.until(&id, "correction_needed").await;
    let folder = variable("DUNKELWERK_TEST_SERVICES").unwrap();
    let services = |command: &str| {
        let script = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("services");
        let done = std::process::Command::new(script).args([command, &folder, "postgres"]).status().unwrap();
        assert!(done.success(), "{command}");
    };
    services("pause");
    let foreign = json!({ "id": "away-b", "kind": "withdrawal", "text": "Nicht meiner." });
    let stranger = house.post(&token("portal-b"), &format!("/api/v1/applications/{id}/messages"), &foreign).await;
    let own = house.say(&id, &mended("away-1")).await;
    // And an application with a message right behind it.
    let (late, url) = house.portal.accepted(wrong("away-late").to_string()).await;
    let key = url.split_once("?k=").unwrap().1;
    let behind = house.post(TOKEN, &format!("/api/v1/applications/{late}/messages?k={key}"), &mended("away-2")).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    services("resume");
    assert_eq!((stranger.status, own.status, behind.status), (202, 202, 202), "queued all the same");
    assert_eq!(house.until(&id, "decided").await["outcome"], "granted");
    assert_eq!(house.until(&late, "decided").await["outcome"], "granted");
    let letter = admin.take("dunkelwerk.dead", 1).await.remove(0);
    assert_eq!(letter.json()["id"], "away-b", "the other sender's message never reached the case");
    let view = house.store.case(id.parse().unwrap()).await.unwrap().unwrap();
    let kinds: Vec<&str> = view.documents.iter().map(|document| document.kind.as_str()).collect();
    assert_eq!(kinds, ["supplement"]);
}
