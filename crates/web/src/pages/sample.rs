//! Sample values for the pages' tests: one decision of each kind, as the store would give it back.

use super::names::Names;
use domain::{
    ApplicationId, Ars, ClientId, Decision, Digest, Fact, FormError, FunctionUsed, Gate, LayerNorm, Legal, Level,
    Outcome, ParameterUsed, Reason, Referral, ReferralReason, Regime, ServiceName, TableUsed, Trace,
};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use storage::{
    ApplicationRow, AuditRow, CaseRow, CaseView, DecisionRow, FailureRow, Identity, Overview, OverviewLine, TaskRow,
};
use uuid::Uuid;
use workflow::Texts;

const ARS: &str = "053150000000";
const SERVICE: &str = "bewohnerparkausweis";

pub(crate) fn now() -> Timestamp {
    "2025-01-18T09:00:00Z".parse().unwrap()
}

fn id() -> ApplicationId {
    ApplicationId(Uuid::from_u128(0x0192_f0c1_7d2a_7b3c_8d4e_5f60_7182_9304))
}

/// A message of the sample's place that names an unknown field.
pub(crate) fn failure() -> FailureRow {
    FailureRow {
        failure_id: Uuid::from_u128(9),
        kind: "message".into(),
        cause: "unknown_field".into(),
        detail: "unknown envelope field \"datum\"".into(),
        application_id: None,
        sender: Some("portal".into()),
        service: Some(SERVICE.into()),
        ars: Some(ARS.into()),
        body: br#"{"datum":"x"}"#.to_vec(),
        first_at: now(),
        last_at: now(),
        times: 1,
        state: "open".into(),
        job: None,
        settled_at: None,
        outcome: None,
    }
}

pub(super) fn with_names<T>(use_names: impl FnOnce(&Names<'_>) -> T) -> T {
    let service = |key: &str| (key == SERVICE).then(|| "Bewohnerparkausweis".to_owned());
    let place = |ars: &str| (ars == ARS).then(|| "Stadt Musterstadt".to_owned());
    let regime = |_| Some("§ 35a VwVfG".to_owned());
    use_names(&Names { service: &service, place: &place, regime: &regime })
}

pub(super) fn texts() -> Texts {
    Texts::from([
        ("bescheid_betreff", "Ihr Antrag"),
        ("erteilung", "Ihnen wird der Ausweis erteilt."),
        ("vorlage", "Ihr Antrag wird von einem Menschen geprüft."),
        ("nachforderung", "Bitte berichtigen Sie die folgenden Angaben."),
        ("automatik_hinweis", "Dieser Bescheid ist vollständig automatisch erlassen worden."),
    ])
}

fn bare(outcome: Outcome) -> Decision {
    Decision {
        application_id: id(),
        id: ClientId::new("8f3a-1").unwrap(),
        service: ServiceName::new(SERVICE).unwrap(),
        ars: Ars::new(ARS).unwrap(),
        decision_no: 1,
        outcome,
        automatic: outcome != Outcome::Referred,
        authority: None,
        legal: None,
        result: BTreeMap::new(),
        reasons: Vec::new(),
        referral: None,
        reference_dates: BTreeMap::new(),
        rule_set: None,
        form_version: "1".into(),
        engine: "dunkelwerk 0.1.0, rhai 1.27".into(),
        decided_by: None,
        grounds: None,
        notice_id: outcome.is_final().then(|| id().notice(1)),
        trace: None,
        errors: Vec::new(),
    }
}

fn check(fulfilled: bool) -> Reason {
    Reason {
        check: "volljaehrig".into(), norm: "§ 2 BGB".into(), fulfilled, text: "Die Person ist volljährig.".into()
    }
}

pub(crate) fn granted() -> Decision {
    let mut decision = bare(Outcome::Granted);
    decision.authority = Some("Stadt Musterstadt".into());
    decision.legal = Some(Legal {
        regime: Regime::Vwvfg35a,
        permitted_by: Some("§ 46 Abs. 5 StVO".into()),
        decided_at: "2025-01-15T10:00:00+01:00".into(),
        remedy: Some("Widerspruch, 1 Monat".into()),
    });
    decision.result = BTreeMap::from([("gebuehr".into(), json!("100.00")), ("gueltig_ab".into(), json!("2025-02-01"))]);
    decision.reasons = vec![check(true)];
    decision.reference_dates = BTreeMap::from([("antrag".into(), "2025-01-15".into())]);
    decision.rule_set = Some(format!("sha256:{}", Digest::of(b"rules").hex()));
    decision.trace = Some(Trace {
        hints: Vec::new(),
        checks: vec![check(true)],
        facts: vec![Fact { pointer: "/parken/monate".into(), value: json!(12) }],
        tables: vec![TableUsed {
            parameter: "zonen".into(),
            key: json!({"strasse": "musterweg"}),
            row: json!({"zone": "4"}),
            at: "rules/kommune/053150000000/zonen.csv:7".into(),
        }],
        parameters: vec![ParameterUsed {
            name: "jahresgebuehr".into(),
            value: json!("100.00"),
            level: Level::Kommune,
            norm: "§ 2 Gebührenordnung".into(),
            source: "Amtsblatt 41/2024".into(),
            valid_from: "2024-10-01".into(),
            reference_date: "antrag".into(),
            through: vec![
                LayerNorm { level: Level::Bund, norm: "§ 6a Abs. 5a StVG".into() },
                LayerNorm { level: Level::Land, norm: "ZustVO Straßenverkehr NRW".into() },
            ],
            unverified: false,
        }],
        functions: vec![FunctionUsed { name: "tarif".into(), level: Level::Land }],
        error: None,
    });
    decision
}

pub(crate) fn referred() -> Decision {
    let mut decision = Decision { outcome: Outcome::Referred, automatic: false, notice_id: None, ..granted() };
    decision.reasons = vec![check(false)];
    if let Some(trace) = &mut decision.trace {
        trace.checks = vec![check(false)];
        trace.facts = vec![Fact { pointer: "/besondere_umstaende".into(), value: json!("<script>alert(1)</script>") }];
        trace.error = Some("division by zero".into());
    }
    decision.referral = Some(Referral {
        reasons: vec![ReferralReason::FreeText, ReferralReason::RuleError],
        checks: vec!["volljaehrig".into()],
        queue: "parken".into(),
        proposal: Some(Outcome::Refused),
        gates: vec![Gate {
            reason: ReferralReason::FreeText,
            norm: "§ 24 Abs. 1 S. 3 VwVfG".into(),
            text: "Im Antrag stehen besondere Umstände.".into(),
        }],
    });
    decision
}

pub(crate) fn correction() -> Decision {
    let message = "Geburtsdatum: bitte als JJJJ-MM-TT angeben".to_owned();
    let errors = vec![FormError { pointer: "/haushalt/0/geburtsdatum".into(), message }];
    Decision { errors, ..bare(Outcome::CorrectionNeeded) }
}

pub(crate) fn forwarded() -> Decision {
    Decision { authority: Some("Bezirksamt Mitte".into()), ..bare(Outcome::Forwarded) }
}

pub(crate) fn case(decision: Option<&Decision>) -> CaseView {
    let outcome = decision.map_or("", |d| d.outcome.as_str()).to_owned();
    let at = now();
    let row = |d: &Decision| DecisionRow {
        application_id: id(),
        decision_no: 1,
        notice_id: d.notice_id.map(|n| n.0),
        rule_set: d.rule_set.clone(),
        decided_at: at,
        decision: serde_json::to_vec(&Decision { trace: None, ..d.clone() }).unwrap(),
        trace: d.trace.as_ref().map(|t| serde_json::to_vec(t).unwrap()).unwrap_or_default(),
        context: b"{}".to_vec(),
        data: None,
    };
    CaseView {
        application: ApplicationRow {
            application_id: id(),
            identity: Identity { sender: "portal".into(), service: SERVICE.into(), client_id: "8f3a-1".into() },
            ars: ARS.into(),
            form_version: "1".into(),
            content: Digest::of(b"content"),
            raw: Vec::new(),
            observed_at: at,
            received_at: "2025-01-15T09:00:00Z".parse().unwrap(),
        },
        case: CaseRow {
            application_id: id(),
            service: SERVICE.into(),
            ars: ARS.into(),
            state: decision.map_or("accepted", |_| "decided").into(),
            outcome,
            automatic: decision.is_some_and(|d| d.automatic),
            updated_at: at,
            version: 1,
            body: Vec::new(),
            wake_at: None,
        },
        decisions: decision.map(row).into_iter().collect(),
        documents: Vec::new(),
        task: decision.filter(|d| d.referral.is_some()).map(|_| task()),
        audit: vec![AuditRow {
            application_id: id(),
            at,
            actor: "dunkelwerk".into(),
            action: "decided".into(),
            payload: b"{}".to_vec(),
            commitment: Digest::of(b"{}").0.to_vec(),
            land: "nw".into(),
        }],
    }
}

pub(crate) fn task() -> TaskRow {
    TaskRow {
        application_id: id(),
        service: SERVICE.into(),
        ars: ARS.into(),
        queue: "parken".into(),
        reasons: vec!["free_text".into(), "evidence_missing".into()],
        proposal: Some("granted".into()),
        opened_at: "2025-01-15T09:00:00Z".parse().unwrap(),
        kind: "desk".into(),
        team: None,
        claimed_by: None,
        claimed_until: None,
        assigned_to: None,
        due_at: None,
    }
}

pub(super) fn overview() -> Overview {
    let line = |service: &str, outcome: &str, automatic, count| OverviewLine {
        service: service.into(),
        outcome: outcome.into(),
        automatic,
        count,
    };
    Overview {
        lines: vec![
            line(SERVICE, "granted", true, 6),
            line(SERVICE, "refused", true, 1),
            line(SERVICE, "referred", false, 2),
            line("hundesteuer", "correction_needed", true, 1),
        ],
        reasons: vec![("free_text".into(), 51), ("evidence_missing".into(), 12)],
        open_tasks: 60,
        waiting: 3,
        oldest_waiting_seconds: Some(90),
        dead_letters: 1,
        unpublished: 0,
        duplicates: 4,
        conflicts: 1,
    }
}

/// What must hold for every page: language, skip link, one h1, landmarks, heads with scope, nothing inline or foreign.
pub(super) fn assert_sound(html: &str) {
    for needed in
        ["<html lang=\"de\">", "href=\"#inhalt\"", "<main id=\"inhalt\"", "<header", "<nav", "<footer", "<title>"]
    {
        assert!(html.contains(needed), "{needed} is missing");
    }
    assert_eq!(html.matches("<h1").count(), 1, "one h1");
    for refused in [" style=", "<style", "<script", " onclick=", "http://", "https://"] {
        let found = html.replace("http://www.w3.org/2000/svg", "");
        assert!(!found.contains(refused), "{refused} must not be in a page");
    }
    assert_eq!(html.matches("<th").count() - html.matches("<thead").count(), html.matches("scope=\"").count());
}
