//! A running `serve` and its law: SIGHUP takes new rules as a whole or not at all, and hostile rules hurt nobody.

use crate::http::{Portal, config};
use crate::repository::files;
use crate::{hostile, repository};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::applications::parking;
use testkit::{Program, Running};

const FEES: &str = "kommune/053150000000/bewohnerparkausweis.toml";

fn write(folder: &Path, files: &BTreeMap<String, String>) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A program whose law is in folders of its own.
pub fn with_law(rules: &BTreeMap<String, String>, workflows: &BTreeMap<String, String>) -> Program {
    let program = Program::new("").unwrap();
    let folder = program.folder().to_owned();
    write(&folder.join("rules"), rules);
    write(&folder.join("workflows"), workflows);
    let folders = format!("rules = {:?}\nworkflows = {:?}\n", folder.join("rules"), folder.join("workflows"));
    fs::write(folder.join("dunkelwerk.toml"), format!("{folders}{}", config())).unwrap();
    program
}

/// Sends SIGHUP and waits for what the process says about it.
pub async fn hang_up(running: &Running, answer: &str) {
    let before = running.log().matches(answer).count();
    let sent = Command::new("kill").args(["-HUP", &running.pid().to_string()]).status().unwrap();
    assert!(sent.success());
    let until = Instant::now() + Duration::from_secs(60);
    while running.log().matches(answer).count() == before {
        assert!(Instant::now() < until, "nothing said „{answer}“:\n{}", running.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn fee(portal: &Portal, id: &str) -> Value {
    portal.decides(&parking(id)).await["decision"]["result"]["gebuehr"].clone()
}

#[tokio::test]
async fn sighup_takes_new_rules_as_a_whole_or_keeps_the_old() {
    let _turn = testkit::services::shared().await;
    let program = with_law(&files("rules"), &files("workflows"));
    let mut running = program.serve().unwrap();
    let portal = Portal::new(running.address());
    let pid = running.pid();
    let before = fee(&portal, "before").await;
    let path = program.folder().join("rules").join(FEES);
    let text = fs::read_to_string(&path).unwrap();
    let old = format!("wert = {before}");
    assert!(text.contains(&old), "the fee {before} stands in the file");

    // A wrong file: the finding is printed, the old law decides.
    fs::write(&path, text.replace("instrument = \"rechtsverordnung\"", "instrument = \"satzung\"")).unwrap();
    hang_up(&running, "the old rules stay in force").await;
    assert!(running.log().contains("nur durch Rechtsverordnung"), "{}", running.log());
    assert_eq!(fee(&portal, "after-a-wrong-file").await, before);

    // A right one takes over without a pause.
    fs::write(&path, text.replace(&old, "wert = \"77.00\"")).unwrap();
    hang_up(&running, "the new rules are in force").await;
    assert_eq!(fee(&portal, "after-a-right-file").await, "77.00");
    assert!(running.is_alive() && running.pid() == pid);
}

#[tokio::test]
async fn a_stop_switch_takes_hold_at_sighup_and_stays_inside() {
    let _turn = testkit::services::shared().await;
    let program = Program::new("").unwrap();
    let risk = program.folder().join("risk.toml");
    let set = |text: &str, mode: u32| {
        fs::write(&risk, text).unwrap();
        fs::set_permissions(&risk, fs::Permissions::from_mode(mode)).unwrap();
    };
    set("", 0o600);
    fs::write(program.folder().join("dunkelwerk.toml"), format!("risk_file = {risk:?}\n{}", config())).unwrap();
    let running = program.serve().unwrap();
    let portal = Portal::new(running.address());
    portal.decides(&parking("free")).await;

    // Readable by everyone, or for nothing: refused, and nothing changes.
    let stop = "[[stop]]\nwhere = { service = \"bewohnerparkausweis\", land = \"nw\" }\nreason = \"geheim-4711\"\n";
    set(stop, 0o644);
    hang_up(&running, "the old rules stay in force").await;
    assert!(running.log().contains("chmod o-rwx"), "{}", running.log());
    set(&stop.replace("nw", "xx"), 0o600);
    hang_up(&running, "the old rules stay in force").await;
    portal.decides(&parking("still-free")).await;

    set(stop, 0o600);
    hang_up(&running, "the new rules are in force").await;
    let (_, url) = portal.accepted(parking("held").to_string()).await;
    let status = portal.outcome(&url).await;
    assert_eq!(status["outcome"], "referred", "{status}");
    let text = status.to_string();
    assert!(!text.contains("stop") && !text.contains("4711") && !text.contains("proposal"), "{text}");
}

#[tokio::test]
async fn hostile_rules_in_a_running_serve_hurt_no_neighbour() {
    let _turn = testkit::services::shared().await;
    let (mut rules, mut workflows) = (files("rules"), files("workflows"));
    let corpus = hostile::corpus();
    let refused = hostile::refused_at_load(&corpus);
    let taken: Vec<_> = corpus.iter().filter(|script| !refused.contains(&script.name)).collect();
    let mut place = repository::read("rules/kommune/053150000000/kommune.toml");
    for (i, script) in taken.iter().enumerate() {
        let service = format!("feind-{i}");
        let [frame, text] = hostile::service(&service, &script.text);
        rules.insert(format!("bund/{service}/rahmen.toml"), frame);
        rules.insert(format!("bund/{service}/2020-01-01.rhai"), text);
        place.push_str(&format!(
            "\n[[zustaendigkeit]]\ndienst = \"{service}\"\nbehoerde = \"Stadt Köln\"\nteam = \"probe\"\n"
        ));
        let workflow = format!(
            "dienst = \"{service}\"\ntitel = \"Feind\"\nbekanntgabe = \"vwvfg-post\"\n[[formular]]\nversion = \"1\"\nab = 2020-01-01\n\
             [freitext]\nfelder = [\"/frei\"]\n"
        );
        let form = json!({"type": "object", "properties": {"frei": {"type": "string", "title": "Frei"}}});
        workflows.insert(format!("{service}/workflow.toml"), workflow);
        workflows.insert(format!("{service}/form/1.schema.json"), form.to_string());
    }
    rules.insert("kommune/053150000000/kommune.toml".into(), place);
    let program = with_law(&rules, &workflows);
    let mut running = program.serve().unwrap();
    let (portal, pid) = (Portal::new(running.address()), running.pid());

    let (mut neighbours, mut enemies) = (Vec::new(), Vec::new());
    for i in 0..taken.len() {
        neighbours.push(portal.accepted(parking(&format!("neighbour-{i}")).to_string()).await.1);
        let enemy = json!({"id": "1", "service": format!("feind-{i}"), "ars": "053150000000",
            "data": {"alter": 30, "beginn": "2026-12-01", "name": "Anna", "liste": [1, 2, 3]}});
        enemies.push(portal.accepted(enemy.to_string()).await.1);
    }
    for (script, url) in taken.iter().zip(&enemies) {
        let status = portal.outcome(url).await;
        let fine = script.safe == "bounded" || status["outcome"] == "referred";
        assert!(fine, "{}: {status}", script.name);
    }
    for url in &neighbours {
        let status = portal.outcome(url).await;
        assert!(["granted", "referred"].contains(&status["outcome"].as_str().unwrap()), "{status}");
    }
    println!("{} hostile services and {} neighbours decided by pid {pid}", enemies.len(), neighbours.len());
    assert!(running.is_alive() && running.pid() == pid, "{}", running.log());
}
