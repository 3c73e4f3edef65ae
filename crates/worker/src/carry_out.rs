//! Effects to rows: the one place where what the core asks for becomes what the store writes.

use crate::failures;
use jiff::Timestamp;
use storage::{
    AliasRow, ApplicationRow, AuditRow, Batch, CaseRow, ClaimRow, ConflictRow, ControlRow, DecisionRow, DocumentRow,
    ErasedRow, Identity, OutboxRow, QuestionRow, TaskRow,
};
use workflow::{
    AuditEntry, Case, Claim, Control, Decided, Document, Effect, Kept, Message, Question, Registered, Work,
};

/// One step's effects as a batch of their own.
pub fn batch(effects: Vec<Effect>, at: Timestamp) -> Batch {
    let mut batch = Batch { at, ..Batch::default() };
    add(&mut batch, effects, None);
    batch
}

/// Adds one step's effects to a batch.
pub(crate) fn add(batch: &mut Batch, effects: Vec<Effect>, traceparent: Option<&str>) {
    for effect in effects {
        match effect {
            Effect::Register(registered) => batch.applications.push(application(*registered)),
            Effect::Keep(kept) => {
                if kept.version > 0 {
                    batch.mended.push(failures::case_id(kept.case.application_id));
                }
                if kept.version > 0 && !kept.case.is_open() {
                    batch.mended.push(failures::rule_id(kept.case.application_id));
                }
                match &kept.case.work {
                    Some(work) => batch.tasks.push(task_row(&kept.case, work)),
                    // A new case has no task that could end.
                    None if kept.version == 0 => {}
                    None => batch.closed_tasks.push(kept.case.application_id),
                }
                batch.cases.push(case(&kept));
            }
            Effect::Decide(decided) => {
                let id = decided.decision.application_id;
                // Of several decisions in one step the last one says how it stands.
                batch.failures.retain(|failure| failure.failure_id != failures::rule_id(id));
                match failures::rule(&decided.decision, decided.at) {
                    Some(failure) => batch.failures.push(failure),
                    None if decided.decision.decision_no > 1 => batch.mended.push(failures::rule_id(id)),
                    None => {}
                }
                batch.decisions.push(decision(*decided));
            }
            Effect::Claim(claim) => batch.claims.push(claim_row(claim)),
            Effect::Release(id) => batch.released.push(id),
            Effect::File(document) => batch.documents.push(document_row(*document)),
            Effect::Ask(question) => batch.questions.push(question_row(*question)),
            Effect::Answered(question) => {
                batch.mended.push(failures::question_id(question));
                batch.answered.push(question);
            }
            Effect::Publish(message) => batch.outbox.push(outbox(message, traceparent)),
            Effect::Control(control) => batch.controls.push(control_row(*control)),
            Effect::Alias(a) => batch.aliases.push(AliasRow { alias: a.alias, application_id: a.application_id }),
            Effect::KeepConflict(c) => batch.conflicts.push(ConflictRow {
                application_id: c.application_id,
                original: c.original,
                content: c.content,
                raw: c.raw,
                observed_at: c.observed_at,
            }),
            Effect::Erase(e) => {
                batch.erased.push(ErasedRow { application_id: e.application_id, tombstone: e.tombstone });
            }
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

fn case(kept: &Kept) -> CaseRow {
    let case = &kept.case;
    // Before there is a decision, what it waits for stands in its place.
    let outcome = case.standing.as_ref().map_or(case.state.as_str(), |standing| standing.outcome.as_str());
    CaseRow {
        application_id: case.application_id,
        service: case.service.as_str().to_owned(),
        ars: case.ars.as_str().to_owned(),
        state: case.state.as_str().to_owned(),
        outcome: outcome.to_owned(),
        automatic: case.standing.as_ref().is_some_and(|standing| standing.automatic),
        updated_at: kept.at,
        version: kept.version,
        body: case.bytes(),
        wake_at: case.wake_at(),
    }
}

fn decision(decided: Decided) -> DecisionRow {
    let decided_at = decided.at;
    let d = &decided.decision;
    let (application_id, rule_set) = (d.application_id, d.rule_set.clone());
    let decision_no = i32::try_from(d.decision_no).unwrap_or(i32::MAX);
    let notice_id = d.notice_id.map(|notice| notice.0);
    let (stored, data) = (decided.stored, decided.data);
    DecisionRow {
        application_id,
        decision_no,
        notice_id,
        rule_set,
        decided_at,
        decision: stored.decision,
        trace: stored.trace,
        context: stored.context,
        data,
    }
}

pub(crate) fn claim_row(c: Claim) -> ClaimRow {
    let ordinal = i32::try_from(c.ordinal).unwrap_or(i32::MAX);
    ClaimRow { digest: c.digest, ordinal, name: c.name, application_id: c.application_id, from: c.from, to: c.to }
}

fn task_row(case: &Case, work: &Work) -> TaskRow {
    TaskRow {
        application_id: case.application_id,
        service: case.service.as_str().to_owned(),
        ars: case.ars.as_str().to_owned(),
        queue: work.queue.clone(),
        reasons: work.reasons.iter().map(|r| r.as_str().to_owned()).collect(),
        proposal: work.proposal.map(|p| p.as_str().to_owned()),
        opened_at: work.opened_at,
        kind: work.kind.as_str().to_owned(),
        team: work.team.clone(),
        claimed_by: work.claim.as_ref().map(|claim| claim.by.clone()),
        claimed_until: work.claim.as_ref().map(|claim| claim.until),
        assigned_to: work.assigned_to.clone(),
        due_at: case.clocks.inaction.map(domain::berlin_start),
    }
}

fn document_row(d: Document) -> DocumentRow {
    let Document { application_id, key, kind, at, actor, body } = d;
    DocumentRow { application_id, key, kind, at, actor, body }
}

fn question_row(q: Question) -> QuestionRow {
    QuestionRow {
        question_id: q.id,
        application_id: q.application_id,
        register: q.register,
        service: q.service.into(),
        ars: q.ars.into(),
        body: q.body,
        asked_at: q.at,
        next_at: q.at,
        attempts: 0,
        trouble: None,
    }
}

fn control_row(c: Control) -> ControlRow {
    let judged = c.judged;
    ControlRow {
        application_id: c.application_id,
        decision_no: i32::try_from(c.decision_no).unwrap_or(i32::MAX),
        service: c.service.into(),
        ars: c.ars.into(),
        rule_set: c.rule_set,
        drawn_at: c.drawn_at,
        official: judged.as_ref().map(|j| j.by.clone()),
        agreed: judged.as_ref().and_then(|j| j.agreed),
        judged_at: judged.map(|j| j.at),
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

pub(crate) fn audit(entry: AuditEntry) -> AuditRow {
    AuditRow {
        land: entry.land.short().to_owned(),
        application_id: entry.application_id,
        at: entry.at,
        actor: entry.actor,
        action: entry.action,
        payload: entry.payload,
        commitment: entry.commitment.0.to_vec(),
    }
}
