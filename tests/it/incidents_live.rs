//! Orders over failures through the real program: a thousand malformed messages, one patch, and a kill -9 in the middle.

use crate::broker::Broker;
use crate::http::config;
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::process::Output;
use std::time::{Duration, Instant};
use storage::{AuditRow, FailureFilter, JobRow, QueueRow, Store};
use testkit::applications::dog;
use testkit::{Program, services};

const MESSAGES: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(120);
const PATCH: &str = r#"{"service":"hundesteuer"}"#;

/// A program on PostgreSQL with RabbitMQ, and one on SQLite with the queue in it.
pub async fn programs(make: impl Fn() -> Program) -> Vec<(&'static str, Program, String, Box<dyn Any>)> {
    let services = services::alone().await.unwrap();
    let url = services.database().await.unwrap();
    let amqp = services.broker("AMQP_URL").unwrap();
    Broker::connect(&services.broker("AMQP_ADMIN_URL").unwrap()).await.purge().await;
    let first = make().with("DATABASE_URL", &url).with("AMQP_URL", &amqp);
    let second = make();
    let file = format!("sqlite://{}", second.folder().join("dunkelwerk.db").display());
    let second = second.with("DATABASE_URL", &file);
    vec![("PostgreSQL with RabbitMQ", first, url, Box::new(services)), ("SQLite", second, file, Box::new(()))]
}

/// Waits until something is so.
pub async fn until(what: &str, is: impl AsyncFn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is().await {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

pub fn command(program: &Program, arguments: &[&str]) -> String {
    let output = program.run(arguments, b"").unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub async fn count(store: &dyn Store, filter: FailureFilter) -> i64 {
    store.incidents(&filter).await.unwrap().iter().map(|incident| incident.count).sum()
}

pub async fn cases(store: &dyn Store) -> i64 {
    store.overview(jiff::Timestamp::UNIX_EPOCH).await.unwrap().lines.iter().map(|line| line.count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_are_mended_once_though_the_process_is_killed() {
    for (world, program, url, _alive) in programs(|| Program::new(&config()).unwrap()).await {
        let running = program.serve().unwrap();
        let store = storage::open(&url).await.unwrap();
        let wrong: Vec<Value> = (0..MESSAGES)
            .map(|n| {
                let mut wrong = dog(&format!("n{n}"));
                wrong["service"] = "hundesteur".into();
                wrong
            })
            .collect();
        if url.starts_with("postgres") {
            let lines: String = wrong.iter().map(|message| format!("{message}\n")).collect();
            let portal = Program::new("").unwrap();
            let portal = portal.with("AMQP_URL", &services::variable("AMQP_URL_PORTAL_A").unwrap());
            let sent = portal.run(&["submit", "--amqp", "-"], lines.as_bytes()).unwrap();
            assert!(sent.status.success(), "{}", said(&sent));
        } else {
            let row = |message: &Value| QueueRow {
                application_id: crate::stage::new_id(),
                sender: "portal-a".into(),
                traceparent: None,
                body: message.to_string().into_bytes(),
                enqueued_at: jiff::Timestamp::now(),
            };
            store.enqueue(&wrong.iter().map(row).collect::<Vec<_>>()).await.unwrap();
        }
        let any = FailureFilter::default;
        until("every message is a failure", async || count(&*store, any()).await == MESSAGES as i64).await;
        let listed: Value = serde_json::from_str(&command(&program, &["cases", "incidents", "--json"])).unwrap();
        assert_eq!((&listed["cause"], &listed["count"]), (&"unknown_service".into(), &MESSAGES.into()), "{world}");
        let order = ["cases", "edit", "--cause", "unknown_service", "--patch", PATCH];
        let counted = command(&program, &[&order[..], &["--dry-run"]].concat());
        assert!(counted.ends_with("1000 failures would be taken\n"), "{world}: {counted}");

        let begun: Value =
            serde_json::from_str(&command(&program, &[&order[..], &["--as", "Technik"]].concat())).unwrap();
        assert_eq!(begun["total"], MESSAGES);
        let id: uuid::Uuid = begun["job_id"].as_str().unwrap().parse().unwrap();
        let job = async || -> JobRow { store.job(id).await.unwrap().unwrap() };
        until("something is done", async || job().await.done > 0).await;
        drop(running);
        let killed = job().await;
        println!("{world}: killed with -9 after {} of {MESSAGES}", killed.done);
        assert!(killed.done < MESSAGES as i64 && killed.ended_at.is_none(), "{world}: too late to kill it");

        let _running = program.serve().unwrap();
        let took = until("the job ends", async || job().await.ended_at.is_some()).await;
        println!("{world}: the rest took {took:?}");
        let ended = job().await;
        assert_eq!((ended.done, ended.failed), (MESSAGES as i64, 0), "{world}");
        let settled = FailureFilter { state: Some("retried".into()), ..any() };
        assert_eq!(count(&*store, settled).await, MESSAGES as i64, "{world}: each has its final word");
        assert_eq!(cases(&*store).await, MESSAGES as i64, "{world}: nothing is lost");
        let overview = store.overview(jiff::Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(
            (overview.duplicates, overview.conflicts, overview.dead_letters),
            (0, 0, 0),
            "{world}: nothing twice"
        );
        let decisions = store.replayable(None, 2 * MESSAGES as u32).await.unwrap();
        assert_eq!(decisions.len(), MESSAGES, "{world}: decided once");
        let edits = audit(&*store).await.iter().filter(|line| line.action == "failure.edited").count();
        assert_eq!(edits, MESSAGES, "{world}: the audit says each edit once");
        let listed = command(&program, &["cases", "jobs"]);
        assert!(listed.contains("edit    by Technik  1000 done, 0 open still, of 1000  ended"), "{listed}");
        until("all is chained", async || store.unchained(0, 1).await.unwrap().is_empty()).await;
        let verified = command(&program, &["cases", "verify"]);
        assert!(verified.contains("intact") || verified.contains("nothing witnesses"), "{world}: {verified}");
    }
}

/// All lines of the audit, chained or not yet; one that is chained between two looks counts once.
pub async fn audit(store: &dyn Store) -> Vec<AuditRow> {
    let mut rows = store.unchained(0, 100_000).await.unwrap();
    for land in domain::Land::ALL {
        rows.extend(store.chained(land.short(), (0, 0), 100_000).await.unwrap());
    }
    let once: BTreeMap<i64, _> = rows.into_iter().map(|row| (row.seq, row.entry)).collect();
    once.into_values().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_say_what_they_would_do_and_refuse_what_nobody_means() {
    let _turn = services::shared().await.unwrap();
    let program = Program::new(&config()).unwrap();
    let refused = |arguments: &[&str], status: i32, text: &str| {
        let output = program.run(arguments, b"").unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(text), "{arguments:?}: {}", said(&output));
    };
    command(&program, &["migrate"]);
    refused(&["cases", "retry"], 2, "secret");
    let _running = program.serve().unwrap();
    refused(&["cases", "cancel"], 2, "say which");
    refused(&["cases", "edit", "--patch", PATCH], 2, "say which");
    refused(&["cases", "edit", "--cause", "x", "--patch", "[]"], 2, "must be a JSON object");
    refused(&["cases", "edit", "--kind", "rule", "--patch", PATCH], 2, "only messages can be changed");
    refused(&["cases", "edit", "--kind", "rule", "--patch", PATCH, "--dry-run"], 2, "only messages");
    refused(&["cases", "edit", "--cause", "x", "--patch", r#"{"kind":"withdrawal"}"#], 2, "kind cannot be changed");
    refused(&["cases", "retry", "--kind", "x"], 2, "possible values: message, case, question, rule");
    refused(&["cases", "park", "--reason", "x"], 2, "--service <SERVICE>");
    refused(&["cases", "park", "--service", "x", "--reason", "x", "--as", "storm"], 2, "no person");
    refused(&["cases", "lift", "--service", "wohngeld"], 2, "nothing is parked");
    let ended = command(&program, &["cases", "retry", "--wait"]);
    assert!(ended.contains("\"total\":0"), "{ended}");
    let parked = command(
        &program,
        &["cases", "park", "--service", "wohngeld", "--ars", "05", "--for", "2h", "--reason", "Satz"],
    );
    assert!(parked.contains("wohngeld") && parked.contains("until 20"), "{parked}");
    assert_eq!(command(&program, &["cases", "incidents"]), parked);
    let lifted = command(&program, &["cases", "lift", "--service", "wohngeld", "--ars", "05", "--wait"]);
    assert!(lifted.contains("\"total\":0"), "{lifted}");
}
