//! Figures of a running program, and what a process without other roles notes of what it sent.

use crate::http::{Answer, Portal};
use crate::office::{House, claim, decide, token};
use reqwest::Method;
use serde_json::{Value, json};

/// A referred case as a person decides it, through a process of its own.
async fn decided_through(house: &House, portal: &Portal, id: &str) {
    let ask = async |name: &str, mut body: Value| {
        body["version"] = house.version(id).await.into();
        let path = format!("/api/v1/cases/{id}/commands");
        let request = portal.request(Method::POST, &path).bearer_auth(token(name));
        let answer: Answer =
            portal.send(request.header("content-type", "application/json").body(body.to_string())).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["state"].clone()
    };
    ask("Amsel", claim()).await;
    if ask("Amsel", decide("granted")).await == "countersign" {
        ask("Buchfink", claim()).await;
        ask("Buchfink", json!({ "command": "sign" })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_decide_is_counted_and_what_is_open_can_be_watched() {
    let house = House::new(None).await;
    let id = house.referred("counted").await;
    let figures = async || house.portal.get("/metrics").await.text;
    let line = |outcome: &str, automatic: bool| {
        format!(
            "dunkelwerk_applications_total{{service=\"hundesteuer\",land=\"sn\",outcome=\"{outcome}\",automatic=\"{automatic}\"}} 1"
        )
    };
    let before = figures().await;
    assert!(before.contains(&line("referred", false)) && !before.contains(&line("granted", false)), "{before}");
    decided_through(&house, &house.portal, &id).await;
    let after = figures().await;
    assert!(after.contains(&line("granted", false)) && after.contains(&line("referred", false)), "{after}");
    for what in ["tasks", "failures", "audit_lines", "results", "parked"] {
        assert!(after.contains(&format!("dunkelwerk_open{{what=\"{what}\"}} ")), "{what}: {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_only_has_the_web_notes_what_its_desk_sent() {
    let house = House::new(None).await;
    let id = house.referred("web").await;
    let unpublished = async || house.store.unpublished(jiff::Timestamp::MAX, 0, 99).await.unwrap().len();
    // The worker notes its own once it has nothing to do.
    while unpublished().await > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let web = house.program.serve_as(&["--roles", "web"]).unwrap();
    decided_through(&house, &Portal::new(web.address()), &id).await;
    assert_eq!(unpublished().await, 0, "the relay would send it again");
}
