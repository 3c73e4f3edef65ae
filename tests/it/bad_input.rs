//! Whatever comes in gets a clear error or outcome, and nothing dies: by HTTP, AMQP and `decide`.

use crate::bad_cases::{BadCase, Fate, bad_cases, expected_errors};
use crate::broker::Broker;
use crate::http::{Portal, TOKEN, config};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::applications::{SECRET_NAME, SECRET_STREET, dog};
use testkit::{Program, Running};

async fn store_of(program: &Program) -> std::sync::Arc<dyn storage::Store> {
    storage::open(&format!("sqlite://{}", program.folder().join("dunkelwerk.db").display())).await.unwrap()
}

/// The same process still runs and wrote nothing about a panic, nor anything that was sent.
fn unharmed(serve: &mut Running, pid: u32) {
    assert!(serve.is_alive(), "serve died:\n{}", serve.log());
    assert_eq!(serve.pid(), pid);
    let log = serve.log();
    assert!(!log.contains("panicked"), "{log}");
    for private in [TOKEN, SECRET_NAME, SECRET_STREET] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(private)).collect();
        assert!(lines.is_empty(), "{private} is in the log:\n{}", lines.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_every_bad_application_gets_a_clear_answer_and_nothing_dies() {
    let program = Program::new(&config()).unwrap();
    let mut serve = program.serve().unwrap();
    let (portal, pid) = (Portal::new(serve.address()), serve.pid());
    let mut competence = Vec::new();
    for BadCase { name, body, fate } in bad_cases("http") {
        let answer = portal.post(body).await;
        let Fate::Refused(status, code) = fate else {
            assert_eq!(answer.status, 202, "{name}: {}", answer.text);
            let status = portal.outcome(answer.json()["status_url"].as_str().unwrap()).await;
            println!("{name}: 202, then {}", status["state"]);
            match fate {
                Fate::Correction => corrected(name, &status),
                _ => competence.push(hidden_referral(name, &status)),
            }
            continue;
        };
        println!("{name}: {} {}", answer.status, answer.json()["detail"]);
        assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{name}");
        assert!(serve.is_alive(), "{name} killed serve");
    }
    let empty = portal.post("").await;
    assert_eq!((empty.status, empty.problem().as_str()), (400, "empty"));
    let answer = portal.send(portal.application_as(Some("wrong"), dog("http-stranger").to_string())).await;
    assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthorized"));
    portal.decides(&dog("http-good")).await;
    unharmed(&mut serve, pid);

    // Inward the reason is there.
    let filter = storage::TaskFilter { reason: Some("competence".to_owned()), ..Default::default() };
    let tasks = store_of(&program).await.tasks(&filter, 0, 10).await.unwrap();
    let ids: Vec<String> = tasks.iter().map(|task| task.application_id.to_string()).collect();
    assert_eq!(ids, competence);
    assert!(serve.stop().unwrap().success(), "an orderly end");
}

fn corrected(name: &str, status: &Value) {
    assert_eq!(
        (&status["state"], &status["outcome"]),
        (&json!("correction_needed"), &json!("correction_needed")),
        "{name}"
    );
    assert_eq!(status["decision"]["errors"], expected_errors(), "{name}");
}

/// Outward there is neither proposal nor reason; gives the application's id.
fn hidden_referral(name: &str, status: &Value) -> String {
    assert_eq!((&status["state"], &status["outcome"]), (&json!("referred"), &json!("referred")), "{name}");
    let text = status.to_string();
    for inner in ["competence", "proposal", "gates", "referral"] {
        assert!(!text.contains(inner), "{name}: {inner} is shown: {text}");
    }
    status["application_id"].as_str().unwrap().to_owned()
}

#[test]
fn decide_names_what_is_wrong_by_line_and_goes_on() {
    let program = Program::new("").unwrap();
    let cases = bad_cases("decide");
    let mut input = Vec::new();
    for case in &cases {
        assert!(!case.body.contains(&b'\n'), "{}: one line", case.name);
        input.extend(&case.body);
        input.push(b'\n');
        input.extend(dog(&format!("after-{}", case.name.replace(' ', "-"))).to_string().bytes());
        input.push(b'\n');
    }
    let output = program.run(&["decide", "--ndjson", "--at", "2026-11-01", "-"], &input).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), cases.len() * 2, "one answer a line");
    for (index, (case, pair)) in cases.iter().zip(lines.chunks(2)).enumerate() {
        let (bad, good) = (&pair[0], &pair[1]);
        assert_eq!(good["outcome"], "granted", "the line after {}", case.name);
        match case.fate {
            Fate::Refused(_, code) => {
                assert_eq!(
                    (&bad["line"], &bad["error"]["code"]),
                    (&json!(index * 2 + 1), &json!(code)),
                    "{}",
                    case.name
                );
                assert!(bad["error"]["detail"].as_str().is_some_and(|detail| detail.len() > 5), "{bad}");
            }
            Fate::Competence => assert_eq!(bad["referral"]["reasons"], json!(["competence"]), "{}", case.name),
            Fate::Correction => assert_eq!(bad["errors"], expected_errors(), "{}", case.name),
        }
    }
}

#[test]
fn decide_says_that_a_file_is_empty() {
    let program = Program::new("").unwrap();
    let output = program.run(&["decide", "-"], b"").unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&line["line"], &line["error"]["code"]), (&json!(1), &json!("empty")));
    let good = program.run(&["decide", "--at", "2026-11-01", "-"], dog("alone").to_string().as_bytes()).unwrap();
    assert_eq!(good.status.code(), Some(0));
    let missing = program.run(&["decide", "nowhere.json"], b"").unwrap();
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(3), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_amqp_every_bad_message_is_kept_with_its_cause_and_nothing_dies() {
    let services = testkit::services::alone().await.unwrap();
    let admin = Broker::connect(&services.broker("AMQP_ADMIN_URL").unwrap()).await;
    admin.purge().await;
    let database = services.database().await.unwrap();
    let program = Program::new(&config())
        .unwrap()
        .with("DATABASE_URL", &database)
        .with("AMQP_URL", &services.broker("AMQP_URL_WORKER").unwrap());
    let mut serve = program.serve().unwrap();
    let pid = serve.pid();
    let portal = Broker::connect(&services.broker("AMQP_URL_PORTAL_A").unwrap()).await;
    let stranger = Broker::connect(&services.broker("AMQP_URL_PORTAL_B").unwrap()).await;

    let mut causes: BTreeMap<Vec<u8>, &str> = BTreeMap::from([(Vec::new(), "empty")]);
    portal.publish(b"", Some("portal-a"), &[]).await;
    for BadCase { body, fate, .. } in bad_cases("amqp") {
        portal.publish(&body, Some("portal-a"), &[]).await;
        if let Fate::Refused(_, code) = fate {
            causes.insert(body, code);
        }
    }
    // Who sent it says the broker, never a header; and who says nothing is nobody.
    let spoofed = dog("amqp-spoofed").to_string().into_bytes();
    stranger.publish(&spoofed, Some("portal-b"), &[("x-dunkelwerk-sender", "portal-a")]).await;
    let unsigned = dog("amqp-unsigned").to_string().into_bytes();
    portal.publish(&unsigned, None, &[]).await;
    causes.extend([(spoofed, "unknown_sender"), (unsigned, "unknown_sender")]);
    assert!(!portal.accepts(dog("amqp-forged").to_string().as_bytes(), "portal-b").await, "the broker checks user-id");
    let portal = Broker::connect(&services.broker("AMQP_URL_PORTAL_A").unwrap()).await;
    portal.publish(dog("amqp-good").to_string().as_bytes(), Some("portal-a"), &[]).await;

    let sink = Broker::connect(&services.broker("AMQP_URL_SINK").unwrap()).await;
    let all = causes.clone();
    let dead = sink.take("dunkelwerk.dead", causes.len()).await;
    for letter in &dead {
        let cause = causes.remove(&letter.body).expect("a dead letter is what was sent, once, byte for byte");
        assert_eq!(letter.header("x-dunkelwerk-cause").as_deref(), Some(cause));
        let detail = letter.header("x-dunkelwerk-detail").unwrap();
        println!("{cause}: {detail}");
        assert!(detail.len() > 5, "{detail}");
    }
    let results: Vec<Value> =
        sink.take("dunkelwerk.results", 3).await.iter().map(|m| m.json()["data"].clone()).collect();
    let by_id = |id: &str| results.iter().find(|r| r["id"] == id).unwrap_or_else(|| panic!("no result for {id}"));
    assert_eq!(by_id("amqp-good")["outcome"], "granted");
    assert_eq!(by_id("amqp-ten")["errors"], expected_errors());
    let referred = by_id("amqp-nobody");
    assert_eq!((&referred["outcome"], referred.get("referral")), (&json!("referred"), None), "outward: no reason");
    let tasks = sink.take("dunkelwerk.tasks", 1).await;
    assert_eq!(tasks[0].json()["data"]["referral"]["reasons"], json!(["competence"]));

    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    for (queue, left) in admin.depths().await {
        assert_eq!(left, 0, "{queue} has more than it should");
    }
    unharmed(&mut serve, pid);
    assert!(serve.stop().unwrap().success());
    // Operators find each in the store besides, and who sent it where that is known.
    let store = storage::open(&database).await.unwrap();
    let kept = store.failures(&storage::FailureFilter::default(), None, 1_000).await.unwrap();
    let found: BTreeMap<Vec<u8>, &str> = kept.iter().map(|row| (row.body.clone(), row.cause.as_str())).collect();
    assert_eq!((kept.len(), found), (all.len(), all));
    for row in kept {
        let sender = (row.cause != "unknown_sender").then_some("portal-a");
        assert_eq!((row.kind.as_str(), row.state.as_str(), row.sender.as_deref()), ("message", "open", sender));
        assert!(row.application_id.is_none() && row.times == 1 && row.detail.len() > 5, "{}", row.cause);
    }
}
