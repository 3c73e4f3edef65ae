//! `cases list` and `cases show` on what a running service stored.

use anyhow::Result;
use serde_json::Value;
use std::time::{Duration, Instant};
use testkit::Program;
use testkit::applications::{dog, parking};

fn run(program: &Program, arguments: &[&str]) -> (String, Option<i32>) {
    let output = program.run(arguments, b"").unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (String::from_utf8(text).unwrap(), output.status.code())
}

fn listed(program: &Program, more: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> = ["cases", "list", "--json"].iter().chain(more).copied().collect();
    run(program, &arguments).0.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn stored_cases_are_listed_and_shown_with_grounds_and_history() -> Result<()> {
    let program = Program::new("[limits]\nbackdating_days = 36500\n")?;
    let running = program.serve()?;
    let client = reqwest::Client::new();
    let mut special = dog("c2");
    special["data"]["besondere_umstaende"] = "Bitte anrufen".into();
    for application in [dog("c1"), special, parking("c3")] {
        let url = format!("{}/api/v1/applications", running.address());
        assert_eq!(client.post(url).bearer_auth("demo").json(&application).send().await?.status(), 202);
    }
    let begun = Instant::now();
    while listed(&program, &[]).len() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", listed(&program, &[]));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(listed(&program, &["--service", "hundesteuer"]).len(), 2);
    assert_eq!(listed(&program, &["--ars", "05"]).len(), 1);
    assert_eq!(listed(&program, &["--limit", "2"]).len(), 2);
    let referred = listed(&program, &["--state", "referred"]);
    assert_eq!(referred.len(), 1);
    let id = referred[0]["application_id"].as_str().unwrap();
    let after = listed(&program, &["--after", id]);
    assert!(after.iter().all(|case| case["application_id"].as_str().unwrap() > id));

    let (text, status) = run(&program, &["cases", "show", id]);
    assert_eq!(status, Some(0));
    for part in ["referred", "from demo as c2", "open task in", "Besondere Umstände angegeben", "History", "decided"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let (text, _) = run(&program, &["cases", "show", id, "--json"]);
    let case: Value = serde_json::from_str(&text)?;
    assert_eq!(case["decision"]["referral"]["reasons"][0], "free_text");
    assert_eq!(case["application"]["body"]["data"]["besondere_umstaende"], "Bitte anrufen");
    assert_eq!(
        (case["history"].as_array().unwrap().len(), &case["history"][0]["action"]),
        (2, &Value::from("decided"))
    );
    assert_eq!(case["history"][1]["action"], "read", "that it was shown before");
    let (text, status) = run(&program, &["cases", "show", "00000000-0000-0000-0000-000000000000"]);
    assert!(status == Some(2) && text.contains("there is no case"), "{text}");
    Ok(())
}
