//! Many open cases: what they cost in memory, at a restart, at a tick of the timers, and in throughput. Prints what it
//! measures; `DUNKELWERK_MANY=100000` for the numbers in docs/performance.md.

use crate::stage::{Setting, Stage, databases, new_id};
use domain::ApplicationId;
use jiff::{Timestamp, ToSpan};
use std::time::Instant;
use testkit::Program;
use testkit::applications::dog;
use worker::{Delivery, Disposition};

/// Applications of one batch, as a worker drains them.
const BATCH: usize = 256;
/// How many are measured at a time.
const MEASURED: usize = 4 * BATCH;

fn many() -> usize {
    std::env::var("DUNKELWERK_MANY").ok().and_then(|text| text.parse().ok()).unwrap_or(3_000)
}

/// Dogs whose owners want to be called: each becomes an open case with timers.
fn deliveries(from: usize, count: usize, at: Timestamp) -> Vec<Delivery> {
    let delivery = |n: usize| {
        let mut dog = dog(&format!("n{n}"));
        dog["data"]["besondere_umstaende"] = "Bitte rufen Sie mich an".into();
        Delivery {
            body: dog.to_string().into_bytes(),
            sender: Some("portal".to_owned()),
            application_id: Some(new_id()),
            redelivered: false,
            traceparent: None,
            foreign_trace: None,
            observed_at: at,
        }
    };
    (from..from + count).map(delivery).collect()
}

/// Applications a second.
async fn intake(stage: &Stage, from: usize, count: usize) -> f64 {
    let all = deliveries(from, count, stage.now());
    let begun = Instant::now();
    for batch in all.chunks(BATCH) {
        let settled = stage.pipeline.process(batch).await;
        assert!(settled.iter().all(|disposition| *disposition == Disposition::Ack));
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

/// Resident memory of a process in MiB (Linux).
fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

#[tokio::test(flavor = "multi_thread")]
async fn open_cases_cost_no_memory_no_restart_no_tick_and_no_throughput() {
    let many = many();
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        stage.set("2026-11-02T09:00[Europe/Berlin]");
        intake(&stage, 0, BATCH).await;
        let empty = intake(&stage, BATCH, MEASURED).await;
        let mut filled = BATCH + MEASURED;
        while filled < many {
            let next = MEASURED.min(many - filled);
            intake(&stage, filled, next).await;
            filled += next;
        }
        let full = intake(&stage, filled, MEASURED).await;
        let cases = filled + MEASURED;

        let begun = Instant::now();
        worker::tick_once(&stage.pipeline).await.unwrap();
        let idle = begun.elapsed();
        // A follow-up for some of them on the next day, and then that day.
        let due: Vec<ApplicationId> = {
            let filter = storage::CaseFilter::default();
            stage.store.cases(&filter, None, 1_000).await.unwrap().into_iter().map(|case| case.application_id).collect()
        };
        for id in &due {
            stage.does(*id, "Amsel", serde_json::json!({ "command": "claim" })).await;
            let later = serde_json::json!({ "command": "follow_up", "on": "2026-11-03", "text": "" });
            stage.does(*id, "Amsel", later).await;
        }
        stage.set("2026-11-03T00:00[Europe/Berlin]");
        let begun = Instant::now();
        worker::tick_once(&stage.pipeline).await.unwrap();
        let busy = begun.elapsed();
        for id in &due {
            assert!(stage.case(*id).await.0.hints.iter().any(|hint| hint.starts_with("Wiedervorlage")), "{id}");
        }
        assert!(stage.store.due(stage.now(), 1).await.unwrap().is_empty());
        assert!(stage.store.due(stage.now() + 24_000.hours(), 1).await.unwrap().len() == 1, "the others still wait");

        let program = Program::new("").unwrap().with("DATABASE_URL", &url);
        let begun = Instant::now();
        let running = program.serve().unwrap();
        let restart = begun.elapsed();
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let memory = resident(running.pid());
        let empty_folder = tempfile::tempdir().unwrap();
        let other = format!("sqlite://{}", empty_folder.path().join("leer.db").display());
        let begun = Instant::now();
        let idle_program = Program::new("").unwrap().with("DATABASE_URL", &other);
        let idle_running = idle_program.serve().unwrap();
        let fresh = begun.elapsed();
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        println!(
            "{database}: {cases} open cases; a tick with none due {idle:.1?}, with {} due {busy:.1?}; restart {restart:.2?} \
             (empty {fresh:.2?}); memory {memory:.0} MiB (empty {:.0} MiB); {full:.0} applications/s against {empty:.0} in \
             an empty store, ratio {:.2}",
            due.len(),
            resident(idle_running.pid()),
            full / empty
        );
    }
}
