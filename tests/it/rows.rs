//! Made-up rows for the store contract.

use domain::{ApplicationId, Digest, json};
use jiff::{Timestamp, ToSpan};
use serde_json::json;
use storage::{
    AliasRow, ApplicationRow, AuditRow, Batch, CaseRow, ClaimRow, ConflictRow, DecisionRow, DocumentRow, FailureRow,
    Identity, OutboxRow, QuestionRow, QueueRow, TaskRow,
};
use uuid::Uuid;

/// A stable id from a text.
pub fn id(name: &str) -> ApplicationId {
    ApplicationId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

/// Seconds after a fixed instant.
pub fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-01T10:00:00.123456Z".parse().unwrap();
    start.checked_add(seconds.seconds()).unwrap()
}

pub fn identity(client_id: &str) -> Identity {
    Identity { sender: "portal".into(), service: "hundesteuer".into(), client_id: client_id.into() }
}

/// One granted application with all that belongs to it; `name` makes its ids.
pub fn granted(name: &str, client_id: &str) -> Batch {
    let application_id = id(name);
    let payload = json::canonical(&json!({ "service": "hundesteuer", "application": name }));
    Batch {
        at: at(0),
        applications: vec![ApplicationRow {
            application_id,
            identity: identity(client_id),
            ars: "146120000000".into(),
            form_version: "1".into(),
            content: Digest::of(name.as_bytes()),
            raw: format!("{{\"name\":\"{name}\"}}").into_bytes(),
            observed_at: at(-2),
            received_at: at(-86_400),
        }],
        cases: vec![CaseRow {
            application_id,
            service: "hundesteuer".into(),
            ars: "146120000000".into(),
            state: "decided".into(),
            outcome: "granted".into(),
            automatic: true,
            updated_at: at(0),
            version: 0,
            body: format!("body of {name}").into_bytes(),
            wake_at: None,
        }],
        decisions: vec![DecisionRow {
            application_id,
            decision_no: 1,
            notice_id: Some(application_id.notice(1).0),
            rule_set: Some("sha256:1".into()),
            decided_at: at(0),
            decision: format!("{{\"decision\":\"{name}\"}}").into_bytes(),
            trace: b"{\"checks\":[]}".to_vec(),
            context: b"{\"stopped\":false}".to_vec(),
            data: None,
        }],
        outbox: vec![message(name, "results")],
        audit: vec![AuditRow {
            application_id,
            at: at(0),
            actor: "dunkelwerk".into(),
            action: "decided".into(),
            commitment: Digest::of(&payload).0.to_vec(),
            land: "nw".into(),
            payload,
        }],
        ..Batch::default()
    }
}

/// The same, referred to a person.
pub fn referred(name: &str, client_id: &str, reasons: &[&str], opened: i64) -> Batch {
    let mut batch = granted(name, client_id);
    for case in &mut batch.cases {
        (case.state, case.outcome, case.automatic) = ("referred".into(), "referred".into(), false);
    }
    batch.decisions.iter_mut().for_each(|decision| decision.notice_id = None);
    batch.tasks.push(TaskRow {
        application_id: id(name),
        service: "hundesteuer".into(),
        ars: "146120000000".into(),
        queue: "steueramt".into(),
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        proposal: Some("refused".into()),
        opened_at: at(opened),
        kind: "desk".into(),
        team: None,
        claimed_by: None,
        claimed_until: None,
        assigned_to: None,
        due_at: None,
    });
    batch
}

pub fn message(name: &str, kind: &str) -> OutboxRow {
    OutboxRow {
        message_id: message_id(name, kind),
        application_id: id(name),
        exchange: format!("dunkelwerk.{kind}"),
        routing_key: "hundesteuer.146120000000.granted".into(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        body: format!("{kind} of {name}").into_bytes(),
    }
}

pub fn message_id(name: &str, kind: &str) -> Uuid {
    Uuid::new_v5(&id(name).0, kind.as_bytes())
}

pub fn claim(name: &str, key: &str, ordinal: i32) -> ClaimRow {
    ClaimRow {
        digest: Digest::of(key.as_bytes()),
        ordinal,
        name: "haushalt".into(),
        application_id: id(name),
        from: Some("2026-01-01".parse().unwrap()),
        to: (ordinal == 1).then(|| "2026-12-31".parse().unwrap()),
    }
}

pub fn alias(alias: &str, of: &str) -> Batch {
    let row = AliasRow { alias: id(alias), application_id: id(of) };
    Batch { at: at(1), aliases: vec![row], audit: granted(of, "x").audit, ..Batch::default() }
}

pub fn conflict(name: &str, with: &str) -> Batch {
    let row = ConflictRow {
        application_id: id(name),
        original: id(with),
        content: Digest::of(b"other"),
        raw: b"other".to_vec(),
        observed_at: at(1),
    };
    Batch { at: at(1), conflicts: vec![row], ..Batch::default() }
}

pub fn queued(name: &str, enqueued: i64) -> QueueRow {
    QueueRow {
        application_id: id(name),
        sender: "portal".into(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        body: format!("body of {name}").into_bytes(),
        enqueued_at: at(enqueued),
    }
}

/// Several batches as one.
pub fn together(batches: impl IntoIterator<Item = Batch>) -> Batch {
    let mut all = Batch { at: at(0), ..Batch::default() };
    for batch in batches {
        all.applications.extend(batch.applications);
        all.cases.extend(batch.cases);
        all.decisions.extend(batch.decisions);
        all.documents.extend(batch.documents);
        all.tasks.extend(batch.tasks);
        all.claims.extend(batch.claims);
        all.outbox.extend(batch.outbox);
        all.audit.extend(batch.audit);
        all.aliases.extend(batch.aliases);
        all.conflicts.extend(batch.conflicts);
        all.published.extend(batch.published);
    }
    all
}

/// The case of [`granted`] as somebody writes it who has read `version`.
pub fn case_over(name: &str, version: i64, wake: Option<i64>) -> CaseRow {
    let case = granted(name, name).cases.remove(0);
    CaseRow { version, body: format!("{name} over {version}").into_bytes(), wake_at: wake.map(at), ..case }
}

pub fn document(name: &str, key: &str, written: i64) -> DocumentRow {
    DocumentRow {
        application_id: id(name),
        key: id(key).0,
        kind: "note".into(),
        at: at(written),
        actor: "official:1".into(),
        body: format!("{key} of {name}").into_bytes(),
    }
}

pub fn question(name: &str, register: &str, asked: i64) -> QuestionRow {
    QuestionRow {
        question_id: message_id(name, register),
        application_id: id(name),
        register: register.into(),
        service: "hundesteuer".into(),
        ars: "146120000000".into(),
        body: format!("question about {name}").into_bytes(),
        asked_at: at(asked),
        next_at: at(asked),
        attempts: 0,
        trouble: None,
    }
}

/// A failure about an application, at some second.
pub fn failure(kind: &str, name: &str, happened: i64) -> FailureRow {
    FailureRow {
        failure_id: FailureRow::id(kind, name.as_bytes()),
        kind: kind.into(),
        cause: "case_refused".into(),
        detail: format!("why {name}"),
        application_id: Some(id(name)),
        sender: Some("portal".into()),
        service: Some("hundesteuer".into()),
        ars: Some("146120000000".into()),
        body: vec![0, 0xff, b'{', 0],
        first_at: at(happened),
        last_at: at(happened),
        times: 1,
        state: "open".into(),
        job: None,
        settled_at: None,
        outcome: None,
    }
}

/// What is left in the place of an application's key.
pub fn erased(name: &str) -> storage::ErasedRow {
    storage::ErasedRow { application_id: id(name), tombstone: format!("erased:{name}") }
}
