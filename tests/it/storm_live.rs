//! A storm through the real program: a rule that fails in the middle of traffic parks its service, the other services go on, and
//! with mended rules everything is decided.

use crate::http::Portal;
use crate::incidents::break_it;
use crate::incidents_live::{cases, command, count, programs, until};
use crate::reload::{hang_up, with_law};
use crate::repository::files;
use serde_json::{Value, json};
use std::fs;
use storage::{CaseFilter, FailureFilter, Store};
use testkit::applications::{dog, parking};
use testkit::{Program, Running};

const RULE: &str = "muster/hundesteuer/2020-01-01.rhai";
const PLACES: [&str; 3] = ["147130000000", "146120000000", "053150000000"];
/// Of each service.
const EACH: usize = 1_500;

/// The program with the broken rule in a folder of its own.
fn program() -> Program {
    let mut rules = files("rules");
    rules.entry(RULE.into()).and_modify(|text| *text = break_it(text));
    with_law(&rules, &files("workflows"))
}

async fn parked(store: &dyn Store) -> i64 {
    count(store, FailureFilter { cause: Some("parked".into()), state: Some("open".into()), ..Default::default() }).await
}

async fn of(store: &dyn Store, service: &str) -> usize {
    let cases = CaseFilter { service: Some(service.into()), ..CaseFilter::default() };
    store.cases(&cases, None, 10_000).await.unwrap().len()
}

async fn ready(running: &Running) -> Value {
    Portal::new(running.address()).get("/readyz").await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_parks_its_service_and_the_others_go_on() {
    for (world, program, url, _alive) in programs(program).await {
        let running = program.serve().unwrap();
        let store = storage::open(&url).await.unwrap();
        let mut lines = String::new();
        for n in 0..EACH {
            let mut failing = dog(&format!("n{n}"));
            failing["ars"] = PLACES[n % PLACES.len()].into();
            lines.push_str(&format!("{failing}\n{}\n", parking(&format!("n{n}"))));
        }
        let file = program.folder().join("antraege.ndjson");
        fs::write(&file, lines).unwrap();
        let begun = std::time::Instant::now();
        let token = crate::http::TOKEN;
        let submit = ["submit", file.to_str().unwrap(), "--url", running.address(), "--token", token];
        command(&program, &submit);
        let all = async || cases(&*store).await + parked(&*store).await == 2 * EACH as i64;
        until("every application is decided or kept", all).await;
        let (dogs, kept) = (of(&*store, "hundesteuer").await, parked(&*store).await);
        println!(
            "{world}: {} s; {dogs} dogs referred because of the rule, {kept} kept, {} permits decided",
            begun.elapsed().as_secs_f32(),
            of(&*store, "bewohnerparkausweis").await
        );
        assert_eq!(of(&*store, "bewohnerparkausweis").await, EACH, "{world}: nothing of another service is kept");
        assert_eq!(dogs + usize::try_from(kept).unwrap(), EACH, "{world}: nothing is lost");
        assert!(kept > EACH as i64 / 3, "{world}: the storm was noticed too late");
        let rows = store.parked().await.unwrap();
        assert!(rows.iter().any(|row| row.service.as_deref() == Some("hundesteuer") && row.ars.is_none()), "{rows:?}");
        let whole = rows.iter().find(|row| row.ars.is_none()).unwrap();
        assert!(whole.cause.contains("in 3 Kommunen"), "{world}: {}", whole.cause);
        assert!(rows.iter().all(|row| row.service.as_deref() == Some("hundesteuer") && row.by == "storm"), "{rows:?}");
        let readiness = ready(&running).await;
        let roles = readiness["roles"].as_array().unwrap();
        let worker = roles.iter().find(|role| role["role"] == "worker").unwrap();
        let detail = worker["detail"].as_str().unwrap();
        assert!(worker["degraded"] == true && detail.contains("hundesteuer is parked since"), "{world}: {readiness}");
        let listed = command(&program, &["cases", "incidents"]);
        assert!(listed.contains("rule_error") && listed.contains("out of bounds"), "{listed}");

        // Whoever is kept is accepted, and somebody new, too.
        let portal = Portal::new(running.address());
        let (_, late) = portal.accepted(dog("late").to_string()).await;
        until("the late one is kept", async || parked(&*store).await == kept + 1).await;
        assert_eq!(portal.get(&late).await.json()["state"], "accepted");

        fs::write(program.folder().join("rules").join(RULE), &files("rules")[RULE]).unwrap();
        hang_up(&running, "the new rules are in force").await;
        let lifted = command(&program, &["cases", "lift", "--service", "hundesteuer", "--as", "Technik", "--wait"]);
        println!("{world}: {}", lifted.trim());
        until("everything that was kept is tried", async || parked(&*store).await == 0).await;
        until("every dog is there", async || of(&*store, "hundesteuer").await == EACH + 1).await;
        let retried = command(&program, &["cases", "retry", "--cause", "rule_error", "--as", "Technik", "--wait"]);
        let ended: Value = serde_json::from_str(retried.lines().last().unwrap()).unwrap();
        assert_eq!((&ended["done"], &ended["failed"]), (&json!(dogs), &json!(0)), "{world}");
        let open = FailureFilter { state: Some("open".into()), ..FailureFilter::default() };
        assert_eq!(count(&*store, open).await, 0, "{world}");
        assert_eq!(store.parked().await.unwrap(), [], "{world}");
        let failed = store.cases(&CaseFilter::default(), None, 10_000).await.unwrap();
        assert_eq!(failed.len(), 2 * EACH + 1, "{world}");
        let overview = store.overview(jiff::Timestamp::UNIX_EPOCH).await.unwrap();
        assert!(overview.reasons.iter().all(|(reason, _)| reason != "rule_error"), "{world}: {:?}", overview.reasons);
        until("readiness knows", async || !ready(&running).await["degraded"].as_bool().unwrap()).await;
    }
}
