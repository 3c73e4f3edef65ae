//! Effects to rows: the one place where what the core asks for becomes what the store writes.

use storage::{
    AliasRow, ApplicationRow, AuditRow, Batch, CaseRow, ClaimRow, ConflictRow, DecisionRow, Identity, OutboxRow,
    TaskRow,
};
use workflow::{AuditEntry, Claim, Decided, Effect, Message, Registered, Task};

/// Adds one step's effects to a batch.
pub(crate) fn add(batch: &mut Batch, effects: Vec<Effect>, traceparent: Option<&str>) {
    for effect in effects {
        match effect {
            Effect::Register(registered) => batch.applications.push(application(*registered)),
            Effect::Decide(decided) => {
                batch.cases.push(case(&decided));
                batch.decisions.push(decision(*decided));
            }
            Effect::Claim(claim) => batch.claims.push(claim_row(claim)),
            Effect::OpenTask(task) => batch.tasks.push(task_row(task)),
            Effect::Publish(message) => batch.outbox.push(outbox(message, traceparent)),
            Effect::Alias(a) => batch.aliases.push(AliasRow { alias: a.alias, application_id: a.application_id }),
            Effect::KeepConflict(c) => batch.conflicts.push(ConflictRow {
                application_id: c.application_id,
                original: c.original,
                content: c.content,
                raw: c.raw,
                observed_at: c.observed_at,
            }),
            Effect::Audit(entry) => batch.audit.push(audit(entry)),
        }
    }
}

fn application(r: Registered) -> ApplicationRow {
    ApplicationRow {
        application_id: r.application_id,
        identity: Identity { sender: r.sender.into(), service: r.service.into(), client_id: r.client_id },
        ars: r.ars.into(),
        form_version: r.form_version,
        content: r.content,
        raw: r.raw,
        observed_at: r.observed_at,
        received_at: r.received_at,
    }
}

fn case(decided: &Decided) -> CaseRow {
    let decision = &decided.decision;
    CaseRow {
        application_id: decision.application_id,
        service: decision.service.as_str().to_owned(),
        ars: decision.ars.as_str().to_owned(),
        state: workflow::CaseState::after(decision.outcome).as_str().to_owned(),
        outcome: decision.outcome.as_str().to_owned(),
        automatic: decision.automatic,
        updated_at: decided.context.decided_at,
        version: 0,
        body: Vec::new(),
        wake_at: None,
    }
}

fn decision(decided: Decided) -> DecisionRow {
    let decided_at = decided.context.decided_at;
    let d = &decided.decision;
    let (application_id, rule_set) = (d.application_id, d.rule_set.clone());
    let decision_no = i32::try_from(d.decision_no).unwrap_or(i32::MAX);
    let notice_id = d.notice_id.map(|notice| notice.0);
    let stored = decided.stored();
    DecisionRow {
        application_id,
        decision_no,
        notice_id,
        rule_set,
        decided_at,
        decision: stored.decision,
        trace: stored.trace,
        context: stored.context,
        data: None,
    }
}

fn claim_row(c: Claim) -> ClaimRow {
    let ordinal = i32::try_from(c.ordinal).unwrap_or(i32::MAX);
    ClaimRow { digest: c.digest, ordinal, name: c.name, application_id: c.application_id, from: c.from, to: c.to }
}

fn task_row(t: Task) -> TaskRow {
    TaskRow {
        application_id: t.application_id,
        service: t.service.into(),
        ars: t.ars.into(),
        queue: t.queue,
        reasons: t.reasons.iter().map(|r| r.as_str().to_owned()).collect(),
        proposal: t.proposal.map(|p| p.as_str().to_owned()),
        opened_at: t.opened_at,
        kind: "desk".to_owned(),
        team: None,
        claimed_by: None,
        claimed_until: None,
        assigned_to: None,
        due_at: None,
    }
}

fn outbox(m: Message, traceparent: Option<&str>) -> OutboxRow {
    OutboxRow {
        message_id: m.message_id,
        application_id: m.application_id,
        exchange: m.exchange.to_owned(),
        routing_key: m.routing_key,
        traceparent: traceparent.map(str::to_owned),
        body: m.body,
    }
}

fn audit(entry: AuditEntry) -> AuditRow {
    AuditRow {
        land: entry.land.short().to_owned(),
        application_id: entry.application_id,
        at: entry.at,
        actor: entry.actor,
        action: entry.action.to_owned(),
        payload: entry.payload,
        commitment: entry.commitment.0.to_vec(),
    }
}
