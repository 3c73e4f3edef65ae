//! How long `cases verify` takes over a large audit, on both databases: a made-up store with bodies as large as real ones,
//! chained and witnessed by the program's own sequencer. `DUNKELWERK_MILLION=1` makes it a million entries (some minutes, 3
//! GB each); without it a hundredth of that is walked.

use crate::rows::together;
use crate::stage::{SECRET, Setting, Stage, databases};
use crate::trail::{program, seal, verify};
use audit::{Application, Decision, Document, Entry, Keys};
use domain::{ApplicationId, Digest, Land, NoticeId, Secret, json};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use std::time::Instant;
use storage::{ApplicationRow, AuditRow, Batch, CaseRow, DecisionRow, DocumentRow, Identity};
use uuid::Uuid;

/// Lines of one application: see [`made`].
const LINES: usize = 5;

/// One application's life: received, a register's answer, decided, its notice retrieved, read by an official.
fn made(keys: &Keys, n: usize) -> Batch {
    let application_id = ApplicationId(Uuid::from_u128((0x0198_0000_0000_7000_8000 << 48) + n as u128));
    let at = "2026-01-12T09:00:00Z".parse::<Timestamp>().unwrap().checked_add((n as i64).milliseconds()).unwrap();
    let land = Land::ALL[n % Land::ALL.len()];
    let (service, ars) = ("hundesteuer", format!("{}3150000000", land.code()));
    let application = ApplicationRow {
        application_id,
        identity: Identity { sender: "portal".into(), service: service.into(), client_id: n.to_string() },
        ars: ars.clone(),
        form_version: "1".into(),
        content: Digest::of(&n.to_be_bytes()),
        raw: format!("{n:0900}").into_bytes(),
        observed_at: at,
        received_at: at,
    };
    let decision = DecisionRow {
        application_id,
        decision_no: 1,
        notice_id: Some(application_id.notice(1).0),
        rule_set: Some("sha256:623ff281a14743a75f012585b3aa9e737e85b4ac4c88fe38ee8f3ecbb3357be8".into()),
        decided_at: at,
        decision: format!("{n:04700}").into_bytes(),
        trace: format!("{n:05000}").into_bytes(),
        context: format!("{n:0380}").into_bytes(),
        data: None,
    };
    let document = |kind: &str| DocumentRow {
        application_id,
        key: Uuid::new_v5(&application_id.0, kind.as_bytes()),
        kind: kind.into(),
        at,
        actor: "melderegister".into(),
        body: format!("{n:0300}").into_bytes(),
    };
    let documents = vec![document("answer"), document("retrieved")];
    let filed = |row: &DocumentRow| {
        let stored = Document { key: row.key, kind: &row.kind, at, actor: &row.actor, body: &row.body };
        json!({ "document": row.key, "content": keys.document(&stored) })
    };
    let sent = Application {
        sender: "portal",
        service,
        client_id: &application.identity.client_id,
        ars: &ars,
        form_version: "1",
        observed_at: at,
        received_at: at,
        content: &application.content.0,
        raw: &application.raw,
    };
    let stored = Decision {
        number: 1,
        notice_id: decision.notice_id.map(NoticeId),
        rule_set: decision.rule_set.as_deref(),
        decided_at: at,
        decision: &decision.decision,
        trace: &decision.trace,
        context: &decision.context,
        data: None,
    };
    let intake = json!({
        "application": keys.application(&sent), "content": keys.content(sent.content), "sent": keys.sent(&sent),
    });
    let decided = json!({
        "decision_no": 1, "decision": keys.decision(&stored), "outcome": "granted", "automatic": true,
        "rule_set": decision.rule_set, "reasons": null,
    });
    let line = |action: &str, mut payload: Value| {
        (payload["service"], payload["ars"]) = (service.into(), ars.as_str().into());
        let payload = json::canonical(&payload);
        let entry = Entry { land, application_id, at, actor: "dunkelwerk", action, payload: &payload };
        AuditRow {
            land: land.short().into(),
            application_id,
            at,
            actor: "dunkelwerk".into(),
            action: action.into(),
            commitment: keys.commitment(&entry).0.to_vec(),
            payload,
        }
    };
    Batch {
        at,
        audit: vec![
            line("received", intake),
            line("register.answered", filed(&documents[0])),
            line("decided", decided),
            line("message.retrieved", filed(&documents[1])),
            line("read", json!({ "what": "case" })),
        ],
        cases: vec![CaseRow {
            application_id,
            service: service.into(),
            ars,
            state: "closed".into(),
            outcome: "granted".into(),
            automatic: true,
            updated_at: at,
            version: 0,
            body: format!("{n:0850}").into_bytes(),
            wake_at: None,
        }],
        applications: vec![application],
        decisions: vec![decision],
        documents,
        ..Batch::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_audit_is_verified_in_seconds() {
    let million = testkit::services::variable("DUNKELWERK_MILLION").is_ok();
    let entries = if million { 1_000_000 } else { 10_000 };
    for (database, url, _alive) in databases().await {
        let stage = Stage::new(&url, Setting::default()).await;
        let keys = Keys::new(&Secret::new(SECRET));
        let program = program(&url);
        let begun = Instant::now();
        for n in (0..entries / LINES).step_by(500) {
            stage.store.commit(together((n..(n + 500).min(entries / LINES)).map(|n| made(&keys, n)))).await.unwrap();
        }
        let written = begun.elapsed();
        let whole =
            format!("after it 0 not witnessed, 0 not chained; {} applications compared: intact\n", entries / LINES);
        loop {
            seal(&stage, Some(&program.folder().join("checkpoints.ndjson"))).await;
            let sealed = begun.elapsed() - written;
            let verifying = Instant::now();
            let (text, status) = verify(&program);
            let took = verifying.elapsed();
            assert_eq!(status, Some(0), "{database}: {text}");
            if text.ends_with(&whole) {
                println!(
                    "{database}: {entries} entries written in {written:?}, sealed in {sealed:?}, verified in {took:?}"
                );
                print!("{text}");
                break;
            }
        }
    }
}
