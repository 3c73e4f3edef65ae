//! The stop switch under load: from the moment in which it is set, no machine decides, and nothing is lost.

use crate::incidents_live::said;
use crate::reload::with_law;
use crate::repository::files;
use crate::stage::databases;
use crate::tables::Tables;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::{CaseFilter, Store};
use testkit::Program;
use testkit::applications::dog;

const APPLICATIONS: usize = 4_000;

async fn all_cases(store: &dyn Store) -> Vec<storage::CaseRow> {
    let mut cases: Vec<storage::CaseRow> = Vec::new();
    loop {
        let page =
            store.cases(&CaseFilter::default(), cases.last().map(|case| case.application_id), 1_000).await.unwrap();
        if page.is_empty() {
            return cases;
        }
        cases.extend(page);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_switch_no_machine_decides_and_nothing_is_lost() {
    for (database, url, _alive) in databases().await {
        let program = Program::new("[limits]\nbackdating_days = 36500\n").unwrap().with("DATABASE_URL", &url);
        let program = Arc::new(program);
        let running = program.serve().unwrap();
        let lines: String = (0..APPLICATIONS).map(|n| format!("{}\n", dog(&format!("n{n}")))).collect();
        let file = program.folder().join("hunde.ndjson");
        std::fs::write(&file, lines).unwrap();
        let address = running.address().to_owned();
        let (sending, to) = (program.clone(), address.clone());
        let arguments = move || sending.run(&["submit", file.to_str().unwrap(), "--url", &to], b"").unwrap();
        let sender = std::thread::spawn(arguments);
        let store = storage::open(&url).await.unwrap();
        let decided = async |least: i64| {
            let begun = Instant::now();
            loop {
                let done: i64 = store.overview(Timestamp::MAX).await.unwrap().lines.iter().map(|line| line.count).sum();
                if done >= least {
                    return;
                }
                assert!(begun.elapsed() < Duration::from_secs(90), "{database}: {done} of {least}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        decided(APPLICATIONS as i64 / 4).await;
        let arguments = ["switch", "stop", "--service", "hundesteuer", "--reason", "Satz falsch", "--as", "Eule"];
        let output = program.run(&arguments, b"").unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let sent = sender.join().unwrap();
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
        decided(APPLICATIONS as i64).await;

        let switch = store.stops().await.unwrap().standing.remove(0);
        let (mut before, mut after, mut last) = (0, 0, Timestamp::MIN);
        for case in all_cases(&*store).await {
            let view = store.case(case.application_id).await.unwrap().unwrap();
            let decision: Value = serde_json::from_slice(&view.decisions[0].decision).unwrap();
            let at = view.decisions[0].decided_at;
            if decision["automatic"] == true && decision["outcome"] == "granted" {
                before += 1;
                last = last.max(at);
            } else {
                after += 1;
                assert_eq!(decision["referral"]["reasons"], serde_json::json!(["stop_switch"]), "{database}");
                assert!(String::from_utf8_lossy(&case.body).contains("Satz falsch"), "the person is told why");
            }
        }
        println!(
            "{database}: {before} by the machine, the last at {last}; switch at {}; {after} to people, none lost",
            switch.since
        );
        assert_eq!(before + after, APPLICATIONS, "{database}");
        assert!(before >= APPLICATIONS / 4 && after > 0, "{database}: the switch came in the middle");
        assert!(last <= switch.since, "{database}: {last} after {}", switch.since);

        // Lifted, machines decide again; both stand in the audit, for every Land.
        let lift = ["switch", "lift", &switch.stop_id.to_string(), "--as", "Eule"];
        assert!(program.run(&lift, b"").unwrap().status.success());
        let one = reqwest::Client::new().post(format!("{address}/api/v1/applications")).bearer_auth("demo");
        assert_eq!(one.json(&dog("danach")).send().await.unwrap().status(), 202);
        decided(APPLICATIONS as i64 + 1).await;
        let newest = all_cases(&*store).await.pop().unwrap();
        assert_eq!((newest.automatic, newest.outcome.as_str()), (true, "granted"), "{database}");
        let lines = Tables::open(&url).await.dump().await;
        for action in ["switch.stopped", "switch.lifted"] {
            let noted = lines.iter().filter(|line| line.starts_with("audit") && line.contains(action)).count();
            assert_eq!(noted, 16, "{database}: {action}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_is_set_whatever_is_wrong_with_the_law_on_disk() {
    for (database, url, _alive) in databases().await {
        let program = with_law(&files("rules"), &files("workflows")).with("DATABASE_URL", &url);
        let run = |arguments: &[&str]| program.run(&[&["switch"], arguments].concat(), b"").unwrap();
        assert!(program.run(&["migrate"], b"").unwrap().status.success());
        let stop = ["stop", "--service", "hundesteuer", "--land", "sn", "--reason", "Satzung falsch", "--as", "Eule"];
        let without = run(&stop);
        assert!(
            without.status.code() == Some(2) && said(&without).contains("secret"),
            "{database}: {}",
            said(&without)
        );
        assert!(!program.folder().join("dunkelwerk-secret.key").exists(), "{database}: no new secret is made");
        drop(program.serve().unwrap());

        std::fs::write(program.folder().join("rules").join("verfahren.toml"), "das ist = kein Recht").unwrap();
        assert!(!program.run(&["rules", "check"], b"").unwrap().status.success(), "{database}: the rules are wrong");
        let set = run(&stop);
        assert!(set.status.success(), "{database}: {}", said(&set));
        std::fs::write(program.folder().join("workflows").join("hundesteuer").join("workflow.toml"), "x").unwrap();
        let set = run(&["stop", "--service", "hundesteuer", "--reason", "auch so", "--as", "Eule"]);
        assert!(set.status.success(), "{database}: {}", said(&set));
        let store = storage::open(&url).await.unwrap();
        let standing = store.stops().await.unwrap().standing;
        assert_eq!((standing.len(), standing[0].actor.as_str()), (2, "Eule"), "{database}");
        for row in standing {
            let lifted = run(&["lift", &row.stop_id.to_string(), "--reason", "berichtigt", "--as", "Eule"]);
            assert!(lifted.status.success(), "{database}: {}", said(&lifted));
        }
        assert_eq!(store.stops().await.unwrap().standing, [], "{database}");
        let refused = run(&["stop", "--land", "sx", "--reason", "x", "--as", "Eule"]);
        assert_eq!(refused.status.code(), Some(2), "{database}: it would stop nothing: {}", said(&refused));

        // A name that no service has is doubtful, and the switch is set all the same.
        let law = files("workflows");
        let path = program.folder().join("workflows").join("hundesteuer").join("workflow.toml");
        std::fs::write(path, &law["hundesteuer/workflow.toml"]).unwrap();
        let doubtful = run(&["stop", "--service", "hundesteur", "--reason", "x", "--as", "Eule"]);
        assert!(doubtful.status.success() && said(&doubtful).contains("is the name right"), "{}", said(&doubtful));
        assert_eq!(store.stops().await.unwrap().standing.len(), 1, "{database}");
    }
}
