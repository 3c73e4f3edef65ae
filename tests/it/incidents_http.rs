//! Failures and orders over them for officials who operate: who sees what, who may order what, and what is written down.

use crate::incidents_live::{audit, until};
use crate::office::{House, token};
use serde_json::{Value, json};
use storage::{FailureRow, ParkRow};
use testkit::applications::{SECRET_NAME, dog};
use uuid::Uuid;

const PATHS: [&str; 3] = ["/api/v1/incidents", "/api/v1/incidents/failures", "/api/v1/incidents/jobs"];

/// Beside the others of the house: one who operates and decides everywhere, and one who operates one service in one city.
pub fn everywhere() -> String {
    let hash = |name: &str| domain::Digest::of(token(name).as_bytes()).hex();
    let places: Vec<String> = (1..=16).map(|land| format!("{land:02}")).collect();
    format!(
        "[[official]]\nname = \"Zentrale\"\ntoken_sha256 = \"{}\"\nplaces = {places:?}\nrights = [\"operate\", \"decide\"]\n\
         [[official]]\nname = \"Steuertechnik\"\ntoken_sha256 = \"{}\"\nplaces = [\"05315\"]\nservices = [\"hundesteuer\"]\n\
         rights = [\"operate\"]\n",
        hash("Zentrale"),
        hash("Steuertechnik")
    )
}

/// A dog whose service has a wrong name, as it is kept.
fn row(id: &str, ars: Option<&str>) -> FailureRow {
    let mut body = dog(id);
    body["service"] = "hundesteur".into();
    let at = jiff::Timestamp::now();
    FailureRow {
        failure_id: FailureRow::id("message", id.as_bytes()),
        kind: "message".into(),
        cause: "unknown_service".into(),
        detail: "unknown service \"hundesteur\"".into(),
        application_id: None,
        sender: Some("portal-a".into()),
        service: ars.map(|_| "hundesteuer".into()),
        ars: ars.map(str::to_owned),
        body: body.to_string().into_bytes(),
        first_at: at,
        last_at: at,
        times: 1,
        state: "open".into(),
        job: None,
        settled_at: None,
        outcome: None,
    }
}

async fn reads(house: &House) -> Vec<(String, Value)> {
    let reads = audit(&*house.store).await.into_iter().filter(|entry| entry.action == "read");
    reads.map(|entry| (entry.actor, serde_json::from_slice(&entry.payload).unwrap())).collect()
}

async fn count(house: &House, name: &str, query: &str) -> i64 {
    let answer = house.get(name, &format!("/api/v1/incidents{query}")).await;
    assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    answer.json()["incidents"].as_array().unwrap().iter().map(|incident| incident["count"].as_i64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_and_order_what_is_theirs_and_nobody_reads_in_secret() {
    let services = testkit::services::shared().await.unwrap();
    let url = services.database().await.unwrap();
    for database in [Some(url.as_str()), None] {
        let house = House::with(database, &everywhere(), |program| program).await;
        let (koeln, muenchen) = (row("koeln", Some("053150000000")), row("muenchen", Some("091620000000")));
        let rows = [koeln.clone(), row("bonn", Some("053140000000")), muenchen.clone(), row("irgendwo", None)];
        house.store.fail(&rows).await.unwrap();

        // Who may, and what.
        for path in PATHS {
            for (name, status) in [("Technik", 200), ("Zentrale", 200), ("Amsel", 403), ("Gast", 403), ("Niemand", 401)]
            {
                assert_eq!(house.get(name, path).await.status, status, "{name} {path}");
            }
        }
        assert_eq!(count(&house, "Technik", "").await, 2);
        assert_eq!(count(&house, "Technik", "?ars=09").await, 0, "asking for more shows no more");
        assert_eq!(count(&house, "Fremd", "").await, 1);
        assert_eq!(count(&house, "Zentrale", "").await, 4);
        assert_eq!(count(&house, "Zentrale", "?cause=unknown_service&kind=message&ars=05315").await, 1);
        assert_eq!(house.get("Technik", "/api/v1/incidents?grund=x").await.problem(), "invalid_query");
        let parked = ParkRow {
            service: Some("wohngeld".into()),
            ars: None,
            since: jiff::Timestamp::now(),
            until: None,
            cause: "Satzung".into(),
            by: "Zentrale".into(),
            lifted_at: None,
        };
        house.store.park(&parked, &[]).await.unwrap();
        let incidents = house.get("Technik", "/api/v1/incidents").await.json();
        assert_eq!(
            (&incidents["parked"][0]["service"], &incidents["parked"][0]["reason"]),
            (&json!("wohngeld"), &json!("Satzung"))
        );
        assert_eq!(incidents["incidents"][0]["reason"], "unknown service \"…\"", "nothing of what was sent");
        let elsewhere = house.get("Steuertechnik", "/api/v1/incidents").await.json();
        assert_eq!(elsewhere["parked"], json!([]), "another service is none of theirs");

        // Page by page, without what was sent.
        let first = house.get("Zentrale", "/api/v1/incidents/failures?limit=3").await;
        assert!(!first.text.contains(SECRET_NAME) && first.json()["more"] == true, "{}", first.text);
        let last = first.json()["failures"][2]["failure_id"].as_str().unwrap().to_owned();
        let rest = house.get("Zentrale", &format!("/api/v1/incidents/failures?limit=3&after={last}")).await.json();
        assert_eq!((rest["failures"].as_array().unwrap().len(), &rest["more"]), (1, &json!(false)));

        // What was sent is for who decides there, and is written down.
        let path = |row: &FailureRow| format!("/api/v1/incidents/failures/{}", row.failure_id);
        let blind = house.get("Technik", &path(&koeln)).await;
        assert!(blind.status == 200 && blind.json().get("message").is_none() && !blind.text.contains(SECRET_NAME));
        assert_eq!(blind.json()["reason"], "unknown service \"…\"");
        assert_eq!(reads(&house).await, []);
        let seen = house.get("Amsel", &path(&koeln)).await;
        assert_eq!(seen.json()["message"]["service"], "hundesteur", "{}", seen.text);
        assert_eq!(seen.json()["reason"], "unknown service \"hundesteur\"", "verbatim");
        let lines = reads(&house).await;
        assert_eq!((lines.len(), lines[0].0.as_str()), (1, "Amsel"));
        assert_eq!(lines[0].1["failure"], json!(koeln.failure_id));
        let nobody = format!("/api/v1/incidents/failures/{}", Uuid::nil());
        for path in [path(&muenchen), path(&row("irgendwo", None)), nobody, "/api/v1/incidents/failures/x".into()] {
            let answer = house.get("Amsel", &path).await;
            assert_eq!((answer.status, answer.problem().as_str()), (404, "unknown_failure"), "{path}");
        }
        assert_eq!(reads(&house).await.len(), 1, "who saw nothing looked at nothing");
        assert_eq!(house.get("Gast", &path(&koeln)).await.status, 403);

        // An order takes what is theirs, and only them or the centre see how far it is.
        let jobs = "/api/v1/incidents/jobs";
        let order = json!({ "action": "edit", "filter": { "cause": "unknown_service" }, "patch": { "service": "hundesteuer" } });
        let technik = token("Technik");
        assert_eq!(house.post(&technik, jobs, &json!({ "action": "cancel" })).await.status, 422);
        assert_eq!(house.post(&token("Amsel"), jobs, &order).await.status, 403);
        let begun = house.post(&technik, jobs, &order).await;
        assert_eq!((begun.status, &begun.json()["total"]), (202, &json!(2)), "{}", begun.text);
        let job = begun.header("location").to_owned();
        assert_eq!(job, format!("{jobs}/{}", begun.json()["job_id"].as_str().unwrap()));
        assert_eq!(house.get("Fremd", &job).await.problem(), "unknown_failure");
        until("the order ends", async || house.get("Zentrale", &job).await.json().get("ended_at").is_some()).await;
        let ended = house.get("Technik", &job).await.json();
        assert_eq!((&ended["done"], &ended["failed"], &ended["by"]), (&json!(2), &json!(0), &json!("Technik")));
        let id = begun.json()["job_id"].as_str().unwrap().to_owned();
        let items = house.get("Technik", &format!("/api/v1/incidents/failures?job_id={id}")).await.json();
        let words: Vec<&str> =
            items["failures"].as_array().unwrap().iter().map(|item| item["outcome"].as_str().unwrap()).collect();
        assert!(words.len() == 2 && words.iter().all(|word| word.starts_with("processed as ")), "{words:?}");
        assert_eq!(count(&house, "Zentrale", "?state=open").await, 2, "what is not theirs waits");
        assert_eq!(house.get("Fremd", jobs).await.json()["jobs"], json!([]));

        // The page for people.
        let page = house.portal.get("/stoerungen").await;
        for part in
            ["Störungen", "Dienst unbekannt", "Wohngeld", "Satzung", "ändern und noch einmal versuchen", "<progress"]
        {
            assert!(page.text.contains(part), "{part}: {}", page.text);
        }
        assert!(!page.text.contains(SECRET_NAME), "nothing of what was sent");
    }
}
