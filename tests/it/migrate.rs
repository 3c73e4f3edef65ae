//! `cases migrate`: open cases go on by another version of their workflow, or stay with a reason; `cases show` draws them.

use crate::office::{House, claim, decide};
use serde_json::{Value, json};
use testkit::Program;
use testkit::applications::dog;

/// Two versions of the dog tax's workflow; the second has another hearing, and nobody begins with it yet.
fn with_versions(program: Program) -> Program {
    let mut files = crate::repository::files("workflows");
    let shared = files["ablauf/1.toml"].clone();
    let renamed = shared.replace("anhoerung = \"anhoerung\"", "anhoerung = \"anhoerung-neu\"");
    let renamed = renamed.replace("id       = \"anhoerung\"", "id       = \"anhoerung-neu\"");
    files.insert("hundesteuer/ablauf/1.toml".into(), shared);
    files.insert("hundesteuer/ablauf/2.toml".into(), renamed);
    let workflow = files["hundesteuer/workflow.toml"].replace(
        "[[formular]]",
        "[[ablauf]]\nversion = \"1\"\nab = 2020-01-01\n[[ablauf]]\nversion = \"2\"\nab = 2099-01-01\n[[formular]]",
    );
    files.insert("hundesteuer/workflow.toml".into(), workflow);
    let folder = program.folder().join("workflows");
    for (name, text) in &files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let settings = program.folder().join("dunkelwerk.toml");
    let before = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("workflows = {folder:?}\n{before}")).unwrap();
    program
}

fn run(house: &House, arguments: &[&str]) -> (String, Option<i32>) {
    let output = house.program.run(arguments, b"").unwrap();
    (
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        output.status.code(),
    )
}

async fn flow(house: &House, id: &str) -> Value {
    house.case("Technik", id).await["flow"].clone()
}

async fn moved(database: Option<&str>) {
    let house = House::with(database, "", with_versions).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(house.referred(&format!("desk-{n}")).await);
    }
    let heard = house.referred("heard").await;
    house.does("Amsel", &heard, claim()).await;
    house.does("Amsel", &heard, json!({ "command": "hear", "text": "Was sagen Sie dazu?" })).await;
    let decided = house.portal.decides(&dog("decided")).await["application_id"].as_str().unwrap().to_owned();
    let withdrawn = house.referred("withdrawn").await;
    house.says(&withdrawn, json!({ "id": "w", "kind": "withdrawal" })).await;
    house.until(&withdrawn, "withdrawn").await;

    let base = ["cases", "migrate", "--service", "hundesteuer", "--to"];
    let migrate = |more: &[&str]| run(&house, &base.iter().chain(more).copied().collect::<Vec<_>>());
    let (text, status) = migrate(&["2", "--dry-run"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("4 would move to workflow version 2, 0 were there already, 1 stay"), "{text}");
    assert!(text.contains(&format!("{heard}  stays: flow: 2 has no step \"anhoerung\"")), "{text}");
    assert!(!text.contains(&withdrawn), "what has ended stays where it is: {text}");
    assert_eq!(flow(&house, &ids[0]).await, "1", "nothing was changed");

    let (text, status) = migrate(&["2", "--ars", "05"]);
    assert_eq!((status, text.starts_with("0 moved")), (Some(0), true), "{text}");
    let (text, status) = migrate(&["2", "--as", "Umstellung"]);
    assert!(
        status == Some(1) && text.contains("4 moved to workflow version 2, 0 were there already, 1 stay"),
        "{text}"
    );
    for id in ids.iter().chain([&decided]) {
        assert_eq!(flow(&house, id).await, "2");
    }
    assert_eq!((flow(&house, &heard).await, flow(&house, &withdrawn).await), (json!("1"), json!("1")));
    let (text, status) = migrate(&["2"]);
    assert!(
        status == Some(1) && text.contains("0 moved to workflow version 2, 4 were there already, 1 stay"),
        "{text}"
    );
    let (text, status) = migrate(&["3"]);
    assert!(status == Some(2) && text.contains("it has 1, 2"), "{text}");

    // It goes on by the new version: this hearing is the new one's.
    house.does("Amsel", &ids[0], claim()).await;
    assert_eq!(house.does("Amsel", &ids[0], json!({ "command": "hear", "text": "x" })).await["step"], "anhoerung-neu");
    let history = house.case("Amsel", &ids[0]).await["history"].clone();
    let line = history.as_array().unwrap().iter().find(|line| line["action"] == "command.migrate").unwrap();
    assert_eq!(
        (&line["actor"], &line["payload"]["before"]["flow"], &line["payload"]["flow"]),
        (&json!("Umstellung"), &json!("1"), &json!("2"))
    );

    house.does("Amsel", &ids[1], claim()).await;
    house.does("Amsel", &ids[1], json!({ "command": "note", "text": "Akte liegt vor" })).await;
    house.does("Amsel", &ids[1], decide("refused")).await;
    shown(&house, &ids[1]);
}

/// What `cases show` prints of a case that waits for a second signature.
fn shown(house: &House, id: &str) {
    let (text, status) = run(house, &["cases", "show", id, "--as", "Revision"]);
    assert_eq!(status, Some(0), "{text}");
    for part in [
        "countersign at gegenzeichnung (Gegenzeichnung); workflow 2, version 5",
        "waits since",
        ": countersign",
        "unsigned: refused by Amsel at",
        "clocks: received 20",
        "Documents",
        "note           Amsel",
        "bytes",
        "Decisions",
        "formular → entscheidung  (gueltig)",
        "sachbearbeitung → gegenzeichnung  (entschieden)",
        "Amsel  command.decide  outcome refused",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let (text, _) = run(house, &["cases", "show", id, "--json"]);
    let case: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&case["case"]["version"], &case["body"]["step"]), (&json!(5), &json!("gegenzeichnung")));
    assert_eq!(case["documents"][0]["body"]["text"], "Akte liegt vor");
    let mut reads = case["history"].as_array().unwrap().iter().filter(|line| line["action"] == "read");
    assert!(reads.any(|line| line["actor"] == "Revision"), "{}", case["history"]);
    let (text, _) = run(house, &["cases", "show", id, "--diagram", "mermaid"]);
    assert!(text.contains("flowchart"), "{text}");
    let (text, _) = run(house, &["cases", "show", id, "--diagram", "svg"]);
    assert!(text.starts_with("<svg") && text.contains("Gegangen: "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_cases_move_to_another_version_of_their_workflow_or_say_why_not() {
    let services = testkit::services::shared().await.unwrap();
    let url = services.database().await.unwrap();
    moved(Some(&url)).await;
    moved(None).await;
}
