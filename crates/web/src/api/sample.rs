//! Sample values for the tests of the officials' interface.

use crate::pages::sample;
use serde_json::{Value, json};
use storage::{AuditRow, CaseView, DocumentRow};
use workflow::{Case, Official, Right};

/// An official of the sample's place, for all services.
pub fn official(rights: &[Right]) -> Official {
    Official {
        name: "Amsel".into(),
        token_sha256: None,
        places: vec!["05315".into()],
        services: Vec::new(),
        rights: rights.to_vec(),
        teams: Vec::new(),
        deputy: Vec::new(),
    }
}

/// A case that is decided and drawn for a second look, as it is stored.
pub fn drawn() -> (CaseView, Case) {
    let mut view = sample::case(Some(&sample::granted()));
    let body = json!({
        "application_id": view.case.application_id, "service": view.case.service, "ars": view.case.ars,
        "sender": "portal", "id": "8f3a-1", "flow": "1", "form_version": "1", "state": "decided", "step": "rechtsbehelf",
        "path": [{ "step": "entscheidung", "at": "2025-01-15T09:00:00Z", "exit": "entschieden" },
                 { "step": "bescheid", "at": "2025-01-15T09:00:00Z", "exit": "weiter" }],
        "clocks": { "received": "2025-01-15", "complete": "2025-01-15" },
        "wait": { "since": "2025-01-15T09:00:00Z", "until": "2025-02-19" },
        "work": { "kind": "control", "queue": "parken", "reasons": ["sample"], "opened_at": "2025-01-15T09:00:00Z",
                  "claim": { "by": "Eule", "since": "2025-01-16T09:00:00Z", "until": "2025-01-16T10:00:00Z" } },
        "decisions": 1, "standing": { "outcome": "granted", "automatic": true },
        "notice": { "id": view.case.application_id.notice(1), "sent": "2025-01-15", "way": "vwvfg-post" },
        "hints": ["Frist läuft ab am 15.04.2025"]
    });
    view.case.body = body.to_string().into_bytes();
    view.application.raw = br#"{"id":"8f3a-1","data":{"monate":12,"laenge":4.10}}"#.to_vec();
    let payload = json!({ "outcome": "granted", "decision": "0".repeat(64) });
    view.audit = [
        ("received", json!({})),
        ("message.supplement", json!({})),
        ("register.answered", json!({ "register": "melderegister" })),
        ("decided", payload),
        ("command.hear", json!({ "to": "anhoerung" })),
        ("message.hearing_reply", json!({})),
        ("read", json!({ "what": "case" })),
    ]
    .iter()
    .map(|(action, payload)| line(&view, action, payload))
    .collect();
    view.documents = vec![
        document(&view, 1, "supplement", &json!({ "data": { "monate": 12 } })),
        document(&view, 2, "note", &json!({ "text": "Die Gebühr von 100.00 wurde erlassen" })),
        document(&view, 3, "hearing", &json!({ "text": "Es ist beabsichtigt, refused" })),
    ];
    let case = Case::read(&view.case.body).unwrap();
    (view, case)
}

fn line(view: &CaseView, action: &str, payload: &Value) -> AuditRow {
    AuditRow { action: action.into(), payload: payload.to_string().into_bytes(), ..view.audit[0].clone() }
}

fn document(view: &CaseView, key: u128, kind: &str, body: &Value) -> DocumentRow {
    DocumentRow {
        application_id: view.case.application_id,
        key: uuid::Uuid::from_u128(key),
        kind: kind.into(),
        at: sample::now(),
        actor: "portal".into(),
        body: body.to_string().into_bytes(),
    }
}
