//! What the audit speaks of is compared with what is stored, on both databases: any change, loss or addition is named with
//! its application. Erased bodies are rightly missing.

use crate::lives::{all_sampled, long_life, with_registers};
use crate::stage::{Stage, databases};
use crate::trail::{Thief, program, seal, verify};
use domain::ApplicationId;
use serde_json::json;
use testkit::Program;
use testkit::applications::dog;
use workflow::DrawTime;

/// How a column is changed a little, by its kind: PostgreSQL, SQLite.
fn changed(column: &str, kind: &str, sqlite: bool) -> String {
    match (kind, sqlite) {
        ("text", _) => format!("{column} || 'x'"),
        ("flag", _) => format!("not {column}"),
        ("time", false) => format!("{column} + interval '1 microsecond'"),
        ("time", true) => format!("{column} + 1"),
        ("bytes", false) => format!("set_byte({column}, 0, get_byte({column}, 0) # 1)"),
        ("bytes", true) => format!("cast(char(unicode(cast({column} as text)) + 1) as blob) || substr({column}, 2)"),
        (kind, _) => panic!("{kind}"),
    }
}

const COLUMNS: [(&str, &str, &str); 24] = [
    ("applications", "sender", "text"),
    ("applications", "service", "text"),
    ("applications", "client_id", "text"),
    ("applications", "ars", "text"),
    ("applications", "form_version", "text"),
    ("applications", "raw", "bytes"),
    ("applications", "observed_at", "time"),
    ("applications", "received_at", "time"),
    ("cases", "service", "text"),
    ("cases", "ars", "text"),
    ("cases", "outcome", "text"),
    ("cases", "automatic", "flag"),
    ("decisions", "decision", "bytes"),
    ("decisions", "trace", "bytes"),
    ("decisions", "context", "bytes"),
    ("decisions", "data", "bytes"),
    ("decisions", "rule_set", "text"),
    ("decisions", "decided_at", "time"),
    ("documents", "kind", "text"),
    ("documents", "actor", "text"),
    ("documents", "at", "time"),
    ("documents", "body", "bytes"),
    ("decisions", "notice_id", "null"),
    ("applications", "content", "other"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_what_was_audited_is_named_with_its_application() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, with_registers(all_sampled(DrawTime::Before))).await;
        let id = long_life(&stage).await;
        stage.apply(&dog("neighbour")).await;
        let program = program(&url);
        seal(&stage, Some(&program.folder().join("checkpoints.ndjson"))).await;
        let (text, status) = verify(&program);
        assert_eq!(status, Some(0), "{database}: {text}");
        assert!(text.ends_with("2 applications compared: intact\n"), "{database}: {text}");
        let thief = Thief::new(&url).await;
        let of = format!("application_id = {}", thief.id(id));
        for (table, column, kind) in COLUMNS {
            thief.does(&format!("create table kept as select * from {table} where {of}")).await;
            let new = match (kind, thief.is_sqlite()) {
                ("null", _) => "null".to_owned(),
                ("other", false) => format!("decode('{}', 'hex')", "07".repeat(32)),
                ("other", true) => format!("x'{}'", "07".repeat(32)),
                _ => changed(column, kind, thief.is_sqlite()),
            };
            let one = match kind {
                "text" | "bytes" => format!("length({column}) > 0"),
                _ => format!("{column} is not null"),
            };
            let rows = thief.does(&format!("update {table} set {column} = {new} where {of} and {one}")).await;
            assert!(rows > 0, "{database}: nothing to change in {table}.{column}");
            let (text, status) = verify(&program);
            let named = text.lines().filter(|line| line.starts_with(&format!("application {id}: "))).count();
            assert_eq!((named as u64, status), (rows, Some(1)), "{database}: {table}.{column}\n{text}");
            assert_eq!(text.lines().count() as u64, rows + 1, "{database}: nothing else is blamed\n{text}");
            thief.does(&format!("delete from {table} where {of}")).await;
            thief.does(&format!("insert into {table} select * from kept")).await;
            thief.does("drop table kept").await;
        }
        added_and_removed(database, &thief, &program, id).await;
        assert_eq!(verify(&program).1, Some(0), "{database}: all is as it was");
    }
}

/// Rows that are gone, and rows that nobody audited.
async fn added_and_removed(database: &str, thief: &Thief, program: &Program, id: ApplicationId) {
    let of = format!("application_id = {}", thief.id(id));
    let stranger = thief.id(crate::rows::id("stranger"));
    for (table, more, key) in [
        ("applications", "", "sender"),
        ("cases", "", "service"),
        ("decisions", "and decision_no = 2", "decision_no"),
        ("documents", "and kind = 'objection'", "kind"),
    ] {
        thief.does(&format!("create table kept as select * from {table} where {of} {more}")).await;
        assert_eq!(thief.does(&format!("delete from {table} where {of} {more}")).await, 1, "{database}: {table}");
        let (text, status) = verify(program);
        let missing = text.starts_with(&format!("application {id}: ")) && text.contains(" is missing\n");
        assert!(missing && status == Some(1) && text.lines().count() == 2, "{database}: {table}\n{text}");
        thief.does(&format!("insert into {table} select * from kept")).await;
        thief.does(&format!("update kept set application_id = {stranger}")).await;
        if table == "applications" {
            thief.does(&format!("update kept set {key} = 'another'")).await;
        }
        thief.does(&format!("insert into {table} select * from kept")).await;
        let (text, status) = verify(program);
        let said = format!("application {}: ", crate::rows::id("stranger"));
        let unaudited = text.starts_with(&said) && text.contains(" has no audit entry\n");
        assert!(unaudited && status == Some(1) && text.lines().count() == 2, "{database}: {table}\n{text}");
        thief.does(&format!("delete from {table} where application_id = {stranger}")).await;
        thief.does("drop table kept").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_bodies_are_rightly_missing_and_nothing_else_is() {
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, with_registers(all_sampled(DrawTime::Before))).await;
        stage.set("2026-01-12T10:00+01:00");
        let id = stage.apply(&dog("gone")).await;
        stage.set("2026-01-13T10:00+01:00");
        stage.say(id, "withdrawal", json!({ "text": "Der Hund ist verzogen." })).await;
        let before = stage.view(id).await;
        assert!(before.case.state == "withdrawn" && !before.documents.is_empty(), "{:?}", before.case);
        stage.until("2048-01-01T10:00+01:00").await;
        let view = stage.view(id).await;
        assert_eq!((view.case.state.as_str(), view.decisions.len(), view.documents.len()), ("erased", 0, 0));
        let program = program(&url);
        seal(&stage, Some(&program.folder().join("checkpoints.ndjson"))).await;
        let (text, status) = verify(&program);
        assert_eq!(status, Some(0), "{database}: {text}");
        let thief = Thief::new(&url).await;
        let of = format!("application_id = {}", thief.id(id));
        for (table, change, back) in [
            ("applications", "client_id = 'another'", &format!("client_id = '{}'", view.application.identity.client_id)),
            ("cases", "outcome = 'granted'", &format!("outcome = '{}'", view.case.outcome)),
        ] {
            thief.does(&format!("update {table} set {change} where {of}")).await;
            let (text, status) = verify(&program);
            let named = text.starts_with(&format!("application {id}: ")) && text.contains("is not what was audited");
            assert!(named && status == Some(1), "{database}: {text}");
            thief.does(&format!("update {table} set {back} where {of}")).await;
        }
        // Without the line that says so nothing is rightly missing.
        thief.does(&format!("delete from audit where {of} and action = 'erased'")).await;
        let (text, status) = verify(&program);
        assert_eq!(status, Some(1), "{database}");
        for said in ["what was sent is not what was audited", "decision 1 is missing", "document ", "is missing"] {
            assert!(text.contains(said), "{database}: {said}\n{text}");
        }
    }
}
