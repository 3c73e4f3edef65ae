//! The second look at drawn decisions is blind: whoever judges again learns nothing of what was decided, on any way.

use crate::office::{House, claim};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::applications::dog;
use workflow::WorkflowBook;

/// A decided, drawn case, and every text of its decision that its application does not have: words, amounts, norms.
async fn drawn(house: &House, key: &str) -> (String, BTreeSet<String>) {
    let (id, _) = house.portal.accepted(dog(key).to_string()).await;
    house.until(&id, "decided").await;
    let view = house.store.case(id.parse().unwrap()).await.unwrap().unwrap();
    let row = view.decisions.last().unwrap();
    let mut decision: Value = serde_json::from_slice(&row.decision).unwrap();
    // When it was is no secret.
    decision["legal"].as_object_mut().unwrap().remove("decided_at");
    let application = String::from_utf8(view.application.raw).unwrap();
    let mut secret = BTreeSet::new();
    let mut collect = |name: &str, value: &Value| {
        secret.insert(name.to_owned());
        texts(value, &mut secret);
    };
    for part in ["outcome", "result", "reasons", "legal", "authority", "rule_set", "notice_id"] {
        collect(part, &decision[part]);
    }
    let trace: Value = serde_json::from_slice(&row.trace).unwrap();
    for part in ["parameters", "tables", "functions"] {
        collect(part, &trace[part]);
    }
    // Some words are in every answer: fields and kinds that say nothing of this decision.
    secret.retain(|text| text.len() > 2 && !application.contains(text.as_str()));
    for harmless in
        ["reasons", "text", "name", "level", "norm", "check", "source", "key", "row", "through", "value", "at"]
    {
        secret.remove(harmless);
    }
    assert!(secret.contains("granted") && secret.iter().any(|text| text.contains('§')), "{secret:?}");
    assert!(secret.iter().any(|text| text.ends_with(".00")), "an amount: {secret:?}");
    (id, secret)
}

/// All texts and numbers in a value, with the names of fields.
fn texts(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => _ = into.insert(text.clone()),
        Value::Number(number) => _ = into.insert(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            into.insert(name.clone());
            texts(value, into);
        }),
        Value::Null | Value::Bool(_) => {}
    }
}

fn shows_nothing(text: &str, secret: &BTreeSet<String>, what: &str) {
    for hidden in secret {
        assert!(!text.contains(hidden.as_str()), "{what} shows {hidden}: {text}");
    }
}

async fn all_that_eule_can_ask(house: &House, id: &str) -> Vec<(&'static str, String)> {
    let case = house.get("Eule", &format!("/api/v1/cases/{id}")).await;
    let diagram = house.get("Eule", &format!("/api/v1/cases/{id}/diagram.svg")).await;
    let tasks = house.get("Eule", "/api/v1/tasks?kind=control").await;
    let page = house.portal.get(&format!("/vorgaenge/{id}")).await;
    assert_eq!((case.status, diagram.status, tasks.status, page.status), (200, 200, 200, 200));
    // The picture is that of the workflow and where the case stands; no way leads there.
    let workflows = WorkflowBook::load(&crate::repository::files("workflows")).unwrap();
    let service = domain::ServiceName::new("hundesteuer").unwrap();
    let picture = workflows.get(&service).unwrap().flow("1").unwrap().svg(&[], Some("rechtsbehelf"));
    assert_eq!(diagram.text, picture);
    assert!(page.text.contains(&picture));
    let body = page.text.split("<main").nth(1).unwrap().replace(&picture, "");
    let list = house.portal.get("/vorgaenge").await.text;
    assert!(body.contains("Zur Nachkontrolle gezogen"));
    vec![("case", case.text), ("tasks", tasks.text), ("page", body), ("list", list)]
}

async fn second_looks(database: Option<&str>) {
    let house = House::controlled(database).await;
    let (id, secret) = drawn(&house, "blind").await;
    let listed = house.tasks("Eule", "?kind=control").await;
    assert_eq!((listed.len(), &listed[0]["application_id"]), (1, &json!(id)));
    assert!(listed[0].get("reasons").is_none() && listed[0].get("proposal").is_none(), "{}", listed[0]);
    // Who may not control does not even know that it was drawn, but may see the case.
    assert!(house.tasks("Amsel", "").await.is_empty());
    assert_eq!(house.case("Amsel", &id).await["decisions"][0]["outcome"], "granted");

    let case = house.case("Eule", &id).await;
    assert_eq!(
        (&case["sight"], &case["state"], &case["work"]["kind"]),
        (&json!("blind"), &json!("decided"), &json!("control"))
    );
    assert_eq!(case["application"]["body"]["data"]["hunde"][0]["name"], "Bello", "the facts are there");
    for field in ["decisions", "unsigned", "notice", "path", "reopened", "hints"] {
        assert!(case.get(field).is_none(), "{field}");
    }
    for (what, text) in all_that_eule_can_ask(&house, &id).await {
        shows_nothing(&text, &secret, what);
    }
    // Nothing that she does tells more: not what she may, not what is refused.
    let unclaimed = json!({ "command": "judge", "outcome": "refused", "result": {}, "text": "x" });
    for command in [
        unclaimed,
        claim(),
        claim(),
        json!({ "command": "note", "text": "Unterlagen gesehen" }),
        json!({ "command": "follow_up", "on": "2099-01-04", "text": "" }),
        json!({ "command": "draft", "content": { "a": "b" } }),
        json!({ "command": "decide", "outcome": "refused", "text": "x" }),
        json!({ "command": "sign" }),
        json!({ "command": "take", "text": "x" }),
        json!({ "command": "retry", "text": "x" }),
    ] {
        let answer = house.command("Eule", &id, command.clone()).await;
        shows_nothing(&answer.text, &secret, &command.to_string());
    }
    for (what, text) in all_that_eule_can_ask(&house, &id).await {
        shows_nothing(&text, &secret, what);
    }

    // The same result: nothing happens, and now she sees what it was.
    let view = house.store.case(id.parse().unwrap()).await.unwrap().unwrap();
    let decision: Value = serde_json::from_slice(&view.decisions[0].decision).unwrap();
    let judge = json!({ "command": "judge", "outcome": "granted", "result": decision["result"], "text": "Stimmt." });
    assert_eq!(house.does("Eule", &id, judge).await["state"], "decided");
    let case = house.case("Eule", &id).await;
    assert_eq!((&case["sight"], &case["decisions"][0]["outcome"]), (&json!("whole"), &json!("granted")));
    assert_eq!(house.store.controls(None).await.unwrap()[0].disagreed, 0);

    // Another one: it is opened again, and somebody decides it.
    let (id, _) = drawn(&house, "blind-2").await;
    house.does("Eule", &id, claim()).await;
    let judge = json!({ "command": "judge", "outcome": "refused", "result": {}, "text": "Kein Hund." });
    assert_eq!(house.does("Eule", &id, judge).await["state"], "referred");
    assert_eq!(house.case("Eule", &id).await["sight"], "whole");
    let figures = house.store.controls(None).await.unwrap();
    assert_eq!(
        figures.iter().map(|f| (f.drawn, f.judged, f.disagreed)).fold((0, 0, 0), |a, f| (
            a.0 + f.0,
            a.1 + f.1,
            a.2 + f.2
        )),
        (2, 2, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn second_looks_are_blind_on_every_way() {
    let services = testkit::services::shared().await.unwrap();
    let url = services.database().await.unwrap();
    second_looks(Some(&url)).await;
    second_looks(None).await;
}
