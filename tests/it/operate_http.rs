//! Parking, lifting and stop switches over HTTP: nobody stops more than what is theirs, and all of it is written down.

use crate::incidents_http::everywhere;
use crate::incidents_live::{audit, until};
use crate::office::{House, token};
use serde_json::{Value, json};
use testkit::applications::dog;

const PARKINGS: &str = "/api/v1/incidents/parkings";
const LIFT: &str = "/api/v1/incidents/parkings/lift";
const SWITCHES: &str = "/api/v1/switches";

async fn posted(house: &House, name: &str, path: &str, body: Value) -> (u16, Value) {
    let answer = house.post(&token(name), path, &body).await;
    (answer.status, answer.json())
}

async fn lines(house: &House, action: &str) -> Vec<(String, String, Value)> {
    let lines = audit(&*house.store).await.into_iter().filter(|line| line.action == action);
    lines.map(|line| (line.actor, line.land, serde_json::from_slice(&line.payload).unwrap())).collect()
}

async fn houses() -> Vec<(House, Option<testkit::Services>)> {
    let services = testkit::services::shared().await.unwrap();
    let url = services.database().await.unwrap();
    vec![
        (House::with(Some(&url), &everywhere(), |program| program).await, Some(services)),
        (House::with(None, &everywhere(), |program| program).await, None),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_operates_parks_and_lifts_what_is_theirs_and_no_more() {
    for (house, _alive) in houses().await {
        let leipzig = json!({ "service": "hundesteuer", "ars": "14713", "reason": "Satzung falsch" });
        let wider = |service: Option<&str>, ars: Option<&str>| json!({ "service": service, "ars": ars, "reason": "x" });
        for (name, body, status, code) in [
            ("Niemand", leipzig.clone(), 401, "unauthorized"),
            ("Amsel", leipzig.clone(), 403, "forbidden"),
            ("Technik", wider(Some("hundesteuer"), None), 403, "forbidden"),
            ("Technik", wider(None, Some("09")), 403, "forbidden"),
            ("Steuertechnik", wider(None, Some("05315")), 403, "forbidden"),
            ("Steuertechnik", wider(Some("hundesteuer"), Some("05")), 403, "forbidden"),
            ("Technik", wider(None, None), 422, "invalid_command"),
            ("Technik", wider(Some("hundesteur"), Some("14")), 422, "invalid_command"),
            ("Technik", json!({ "ars": "14", "reason": " " }), 422, "invalid_command"),
            ("Technik", json!({ "ars": "14" }), 422, "invalid_command"),
            ("Technik", json!({ "ars": "14", "reason": "x", "minutes": 0 }), 422, "invalid_command"),
            ("Technik", json!({ "ars": "14", "reason": "x", "until": "morgen" }), 422, "invalid_command"),
            ("Technik", json!([]), 400, "not_an_object"),
        ] {
            let (got, answer) = posted(&house, name, PARKINGS, body.clone()).await;
            assert_eq!((got, answer["code"].as_str()), (status, Some(code)), "{name} {body}: {answer}");
        }
        assert_eq!(house.store.parked().await.unwrap(), [], "what is refused parks nothing");

        let (status, parked) = posted(&house, "Technik", PARKINGS, leipzig.clone()).await;
        assert_eq!((status, &parked["reason"], &parked["by"]), (201, &json!("Satzung falsch"), &json!("Technik")));
        let line = lines(&house, "parked").await;
        assert_eq!((line.len(), line[0].0.as_str(), line[0].1.as_str()), (1, "Technik", "sn"));
        assert_eq!(line[0].2["cause"], "Satzung falsch");
        // Whoever asks without a credential learns what is parked, but neither who did it nor why.
        until("readiness says so", async || house.portal.get("/readyz").await.text.contains("is parked since")).await;
        let ready = house.portal.get("/readyz").await.text;
        assert!(!ready.contains("Technik") && !ready.contains("Satzung"), "{ready}");
        let (id, _) = house.portal.accepted(dog("parked").to_string()).await;
        until("it is kept", async || house.store.incidents(&Default::default()).await.unwrap().len() == 1).await;

        let lift = |service: &str, ars: &str| json!({ "service": service, "ars": ars, "reason": "berichtigt" });
        assert_eq!(posted(&house, "Fremd", LIFT, lift("hundesteuer", "14713")).await.0, 403);
        let (status, answer) = posted(&house, "Technik", LIFT, lift("hundesteuer", "14")).await;
        assert_eq!((status, &answer["code"]), (422, &json!("invalid_command")), "not exactly so: {answer}");
        let (status, begun) = posted(&house, "Technik", LIFT, lift("hundesteuer", "14713")).await;
        assert_eq!((status, &begun["total"]), (202, &json!(1)), "{begun}");
        assert_eq!(house.until(&id, "decided").await["outcome"], "granted", "what was kept is decided");
        let line = lines(&house, "lifted").await;
        assert_eq!((line[0].0.as_str(), &line[0].2["cause"]), ("Technik", &json!("berichtigt")));

        let (status, _) = posted(&house, "Zentrale", PARKINGS, json!({ "service": "wohngeld", "reason": "x" })).await;
        assert_eq!(status, 201, "the centre has all of it");
        let seen = async |name: &str| house.get(name, "/api/v1/incidents").await.json()["parked"].clone();
        assert_eq!(seen("Technik").await.as_array().unwrap().len(), 1, "it lies over theirs, too");
        assert_eq!(seen("Steuertechnik").await, json!([]), "another service");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_operates_stops_machines_where_it_is_theirs_and_lifts_that_again() {
    for (house, _alive) in houses().await {
        let everything = json!({ "reason": "Alles falsch" });
        for (name, body, status) in [
            ("Amsel", everything.clone(), 403),
            ("Technik", everything.clone(), 403),
            ("Technik", json!({ "service": "hundesteuer", "reason": "x" }), 403),
            ("Technik", json!({ "land": "by", "reason": "x" }), 403),
            ("Steuertechnik", json!({ "service": "hundesteuer", "land": "nw", "reason": "x" }), 403),
            ("Technik", json!({ "service": "hundesteur", "land": "sn", "reason": "x" }), 422),
            ("Technik", json!({ "land": "sx", "reason": "x" }), 422),
            ("Technik", json!({ "land": "nw", "ars": "147130000000", "reason": "x" }), 422),
            ("Technik", json!({ "land": "sn", "reason": "" }), 422),
            ("Technik", json!({ "land": "sn", "reason": "x", "group": {} }), 422),
        ] {
            let (got, answer) = posted(&house, name, SWITCHES, body.clone()).await;
            assert_eq!(got, status, "{name} {body}: {answer}");
        }
        assert_eq!(house.store.stops().await.unwrap().standing, [], "what is refused stops nothing");

        let saxony = json!({ "service": "hundesteuer", "land": "sn", "reason": "Satzung falsch" });
        let (status, set) = posted(&house, "Technik", SWITCHES, saxony).await;
        assert_eq!((status, &set["land"], &set["by"]), (201, &json!("sn"), &json!("Technik")), "{set}");
        let (id, _) = house.portal.accepted(dog("stopped").to_string()).await;
        house.until(&id, "referred").await;
        assert_eq!(house.case("Amsel", &id).await["work"]["reasons"], json!(["stop_switch"]));
        assert_eq!(lines(&house, "switch.stopped").await.len(), 1, "in the one Land");
        assert!(house.portal.get("/").await.text.contains("Satzung falsch"), "the first page says so");

        let listed = async |name: &str| house.get(name, SWITCHES).await.json()["switches"].clone();
        assert_eq!(listed("Technik").await, json!([set]));
        assert_eq!((listed("Steuertechnik").await, listed("Fremd").await), (json!([]), json!([])));
        let lift = format!("{SWITCHES}/{}/lift", set["stop_id"].as_str().unwrap());
        for (name, path, body, status) in [
            ("Fremd", lift.as_str(), json!({ "reason": "x" }), 404),
            ("Technik", "/api/v1/switches/x/lift", json!({ "reason": "x" }), 404),
            ("Technik", lift.as_str(), json!({ "reason": " " }), 422),
            ("Technik", lift.as_str(), json!({}), 422),
            ("Technik", lift.as_str(), json!({ "reason": "berichtigt" }), 200),
            ("Technik", lift.as_str(), json!({ "reason": "berichtigt" }), 404),
        ] {
            let (got, answer) = posted(&house, name, path, body.clone()).await;
            assert_eq!(got, status, "{name} {path} {body}: {answer}");
        }
        let lifted = lines(&house, "switch.lifted").await;
        assert_eq!((lifted.len(), lifted[0].0.as_str(), &lifted[0].2["reason"]), (1, "Technik", &json!("berichtigt")));
        house.portal.decides(&dog("again")).await;

        // A wide one: who has a part of it sees it, and only who has all of it lifts it.
        let (status, wide) = posted(&house, "Zentrale", SWITCHES, everything.clone()).await;
        assert_eq!(status, 201, "{wide}");
        let lift = format!("{SWITCHES}/{}/lift", wide["stop_id"].as_str().unwrap());
        assert_eq!(listed("Technik").await, json!([wide]));
        assert_eq!(posted(&house, "Technik", &lift, json!({ "reason": "x" })).await.0, 403);
        assert_eq!(posted(&house, "Zentrale", &lift, json!({ "reason": "x" })).await.0, 200);
        assert_eq!(lines(&house, "switch.stopped").await.len(), 17, "sixteen more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_one_official_are_found_page_by_page() {
    for (house, _alive) in houses().await {
        let jobs = "/api/v1/incidents/jobs";
        for n in 0..6 {
            let name = if n % 2 == 0 { "Technik" } else { "Zentrale" };
            assert_eq!(posted(&house, name, jobs, json!({ "action": "retry" })).await.0, 202);
        }
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = house.get("Technik", &format!("{jobs}?limit=2{after}")).await.json();
            let page_jobs = page["jobs"].as_array().unwrap().clone();
            assert!(page_jobs.iter().all(|job| job["by"] == "Technik"), "{page}");
            after = format!("&after={}", page_jobs.last().unwrap()["job_id"].as_str().unwrap());
            seen.extend(page_jobs);
            if page["more"] == false {
                break;
            }
        }
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert_eq!(house.get("Zentrale", jobs).await.json()["jobs"].as_array().unwrap().len(), 6);
        assert_eq!(house.get("Technik", &format!("{jobs}?limit=0")).await.problem(), "invalid_query");
    }
}
