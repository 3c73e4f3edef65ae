//! One step of a case: an event and its surroundings in, effects out.
//!
//! The hot path is [`Office::step`] over a batch of applications; `decide` on the command line is this function with its
//! effects printed. What happens to a case later goes through [`Office::advance`], over the same machine.

use crate::case::Case;
use crate::correspondence::Message as Said;
use crate::deciding::Taken;
use crate::decode::Submission;
use crate::effects::{Alias, AuditEntry, Conflict, Decided, Document, Effect, Registered};
use crate::machine::Machine;
use crate::matter::{ANSWER, AnswerOnFile, Dossier, Matter};
use crate::office::Office;
use crate::official::{Command, Official, Refusal};
use crate::publish::{self, News};
use crate::risk::{Stop, stopping};
use crate::{OnceKey, Validated};
use domain::{ApplicationId, Ars, Decision, Digest, FormError, Land, Outcome, ServiceName, berlin_date, json};
use jiff::Timestamp;
use rules::{Context, Facts};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// An application arrived.
#[derive(Debug, Clone)]
pub enum Event {
    /// It is new, and its form is checked.
    Received { submission: Arc<Submission>, form: Result<Validated, Vec<FormError>> },
    /// The same application again: the first one's answer stands.
    Repeated { submission: Arc<Submission>, original: ApplicationId },
    /// Another content under a sender's id that is taken: both are kept, nothing is decided on the second.
    Collided { submission: Arc<Submission>, original: ApplicationId },
}

/// Something happened to a case that is there.
#[derive(Debug, Clone)]
pub enum CaseEvent {
    /// The applicant says something.
    Said(Said),
    /// A register answers a question.
    Answered { question: Uuid, answer: AnswerOnFile },
    /// An official who saw the case in a version wants something.
    Commanded { command: Command, by: Official, seen: i64 },
    /// The earliest timer of the case has come.
    Woken,
}

impl CaseEvent {
    /// A word for logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Said(message) => message.body.as_str(),
            Self::Answered { .. } => "answered",
            Self::Commanded { command, .. } => command.as_str(),
            Self::Woken => "woken",
        }
    }
}

/// What the store knows that bears on a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    /// The application's once-only keys with what others claimed.
    pub once: Vec<(OnceKey, Taken)>,
    /// Stop switches that stand.
    pub stops: Arc<[Stop]>,
}

impl Office {
    /// Steps an application. Total: there is always an answer, and where a rule fails it is a person.
    pub fn step(&self, event: &Event, surroundings: &Surroundings, now: Timestamp) -> Vec<Effect> {
        match event {
            Event::Received { submission, form } => self.received(submission, form, surroundings, now),
            Event::Repeated { submission, original } => self.repeated(submission, *original, now),
            Event::Collided { submission, original } => self.collided(submission, *original, now),
        }
    }

    fn received(
        &self,
        submission: &Arc<Submission>,
        form: &Result<Validated, Vec<FormError>>,
        surroundings: &Surroundings,
        now: Timestamp,
    ) -> Vec<Effect> {
        let received = berlin_date(self.received_at(submission));
        let definition = self.workflows.get(&submission.envelope.service);
        // INVARIANT: a service that was decoded is loaded, and a loaded one has a workflow for every day.
        let Some(flow) = definition.and_then(|definition| definition.flow_on(received)) else { return Vec::new() };
        let form_version = self.form(submission).map(|form| form.version.clone()).unwrap_or_default();
        let registered = self.registered(submission, form_version.clone());
        let case = Case::new(submission, flow, form_version, received);
        let matter = Matter::new(submission.clone(), form.clone());
        let mut machine = Machine::new(self, flow.clone(), (case, 0), matter, None, surroundings, now);
        machine.came = received.min(machine.today);
        machine.first = Some(self.intake(&registered));
        machine.effects.push(Effect::Register(Box::new(registered)));
        machine.run();
        // A decision says it all; what waits first is noted by itself.
        if let Some(intake) = machine.first.take() {
            let from = machine.flow.start.clone();
            machine.log_way(ACTOR, "received", &from, intake);
        }
        machine.finish()
    }

    /// Steps a case that is there. Total but for what an official or the file of workflows gets wrong.
    ///
    /// # Errors
    /// Why nothing is done: a command that is refused, or a workflow version that is not loaded.
    pub fn advance(
        &self,
        dossier: &Dossier,
        event: &CaseEvent,
        surroundings: &Surroundings,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Refusal> {
        let definition = self.workflows.get(&dossier.case.service);
        let flow = definition.and_then(|definition| definition.flow(&dossier.case.flow));
        let target = || match event {
            // Cases of a version that is gone can still be moved to one that is there.
            CaseEvent::Commanded { command: Command::Migrate { flow: Some(version), .. }, .. } => {
                definition.and_then(|definition| definition.flow(version))
            }
            _ => None,
        };
        let flow = flow.or_else(target).cloned();
        let Some(flow) = flow else { return Err(Refusal::NoFlow(dossier.case.flow.clone())) };
        if dossier.knows(event)? {
            return Ok(Vec::new());
        }
        let new = self.new_document(dossier, event, now);
        let matter = Matter::of(self, dossier, new.as_ref());
        let case = (dossier.case.clone(), dossier.version);
        let mut machine = Machine::new(self, flow, case, matter, dossier.decision.clone(), surroundings, now);
        if let CaseEvent::Said(message) = event {
            machine.came = berlin_date(message.received_at).min(machine.today);
        }
        if !matches!(event, CaseEvent::Woken) {
            machine.overdue();
        }
        match event {
            CaseEvent::Said(message) => machine.hear(message),
            CaseEvent::Answered { question, answer } => machine.answered(*question, answer, new),
            CaseEvent::Commanded { command, by, seen } => machine.obey(command, by, (*seen, dossier.version))?,
            CaseEvent::Woken => machine.woken(),
        }
        let effects = machine.finish();
        let nothing = matches!(&effects[..], [Effect::Keep(kept)] if kept.case == dossier.case);
        Ok(if nothing { Vec::new() } else { effects })
    }

    /// The document that an event brings.
    fn new_document(&self, dossier: &Dossier, event: &CaseEvent, now: Timestamp) -> Option<Document> {
        match event {
            CaseEvent::Said(message) => Some(message.document(&dossier.case, now)),
            CaseEvent::Answered { question, answer } => Some(Document {
                application_id: dossier.case.application_id,
                key: *question,
                kind: ANSWER.to_owned(),
                at: now,
                actor: answer.register.clone(),
                // Our own type always has a JSON form.
                body: json::canonical(&serde_json::to_value(answer).unwrap_or_default()),
            }),
            CaseEvent::Commanded { .. } | CaseEvent::Woken => None,
        }
    }

    /// The once-only keys of a case as an event leaves it.
    pub fn keys_after(&self, dossier: &Dossier, event: &CaseEvent) -> Vec<OnceKey> {
        if self.workflows.get(&dossier.case.service).is_none_or(|definition| definition.once.is_empty()) {
            return Vec::new();
        }
        let new = self.new_document(dossier, event, dossier.submission.observed_at);
        let matter = Matter::of(self, dossier, new.as_ref());
        matter.form.as_ref().map(|valid| self.once_keys(&matter.submission, valid)).unwrap_or_default()
    }

    /// The audit's line about an official who looked at a case.
    pub fn looked_at(&self, case: &Case, by: &Official, what: &str, now: Timestamp) -> AuditEntry {
        looked_at(&self.audit_keys, (case.application_id, &case.service, &case.ars), &by.name, what, now)
    }

    fn repeated(&self, submission: &Submission, original: ApplicationId, now: Timestamp) -> Vec<Effect> {
        let alias = Alias { alias: submission.application_id, application_id: original };
        let note = self.note(submission, original, "duplicate", now);
        vec![Effect::Alias(alias), Effect::Audit(note)]
    }

    fn collided(&self, submission: &Submission, original: ApplicationId, now: Timestamp) -> Vec<Effect> {
        let envelope = &submission.envelope;
        let conflict = Conflict {
            application_id: submission.application_id,
            original,
            content: submission.content,
            raw: submission.raw.clone(),
            observed_at: submission.observed_at,
        };
        let news = News {
            application_id: submission.application_id,
            id: envelope.id.as_str(),
            service: &envelope.service,
            ars: &envelope.ars,
            word: "conflict",
            once: "conflict".into(),
            more: json!({ "original": original }),
        };
        let message = publish::news(news, now);
        let note = self.note(submission, original, "conflict", now);
        vec![Effect::KeepConflict(Box::new(conflict)), Effect::Publish(message), Effect::Audit(note)]
    }

    fn note(&self, submission: &Submission, original: ApplicationId, action: &str, now: Timestamp) -> AuditEntry {
        let payload = json!({
            "sender": submission.sender.name, "service": submission.envelope.service,
            "ars": submission.envelope.ars, "content": self.audit_keys.content(&submission.content.0),
            "as": submission.application_id,
        });
        self.entry(original, submission.envelope.ars.land(), now, ACTOR, action.into(), &payload)
    }

    pub(crate) fn context(&self, submission: &Submission, surroundings: &Surroundings, now: Timestamp) -> Context {
        let envelope = &submission.envelope;
        let sender = &submission.sender;
        let definition = self.workflows.get(&envelope.service);
        let pointers = definition.map(|d| d.free_text.as_slice()).unwrap_or_default();
        let filled = |pointer: &String| match envelope.data.pointer(pointer) {
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Null | Value::Bool(false)) | None => false,
            Some(_) => true,
        };
        let expected = definition.map(|d| d.attachments.as_slice()).unwrap_or_default();
        let trusted = envelope.evidence.iter().filter(|e| sender.trusts(&e.kind));
        let received_at = self.received_at(submission);
        let stops = self.stopping(submission, surroundings);
        let gap = submission.observed_at.as_second() - received_at.as_second();
        Context {
            decided_at: now,
            received_at,
            channel: envelope.channel.filter(|_| sender.may_claim("channel")).unwrap_or_default(),
            trust_level: envelope.trust_level.filter(|_| sender.may_claim("trust_level")).unwrap_or_default(),
            evidence: trusted.map(|e| (e.kind.clone(), e.data.clone())).collect(),
            free_text: pointers.iter().any(filled),
            unexpected_attachments: envelope.attachments.iter().any(|a| !expected.contains(&a.name)),
            // A receipt in the future is as doubtful as one long ago.
            backdated: gap > self.settings.backdating_days * 86_400 || gap < -86_400,
            earlier: surroundings.once.iter().map(|(key, taken)| (key.name.clone(), taken.earlier.clone())).collect(),
            sample: self.sampled(submission),
            risk: self.settings.risk.flagged(&envelope.service, &envelope.ars, &envelope.data),
            stopped: stops.iter().any(|stop| stop.amount.is_none()),
            stopped_over: stops.iter().filter_map(|stop| stop.amount.clone()).collect(),
            person_requested: definition.and_then(|d| d.person.as_ref()).is_some_and(filled),
            refer: Vec::new(),
        }
    }

    /// The stop switches that hold for an application.
    pub(crate) fn stopping<'s>(&'s self, submission: &Submission, surroundings: &'s Surroundings) -> Vec<&'s Stop> {
        let envelope = &submission.envelope;
        let all = self.settings.risk.stop.iter().chain(surroundings.stops.iter());
        stopping(all, &envelope.service, &envelope.ars, &envelope.data)
    }

    /// An application as decisions that need no rules see it.
    pub(crate) fn bare_facts(&self, submission: &Submission, decision_no: u32) -> Facts {
        let form = self.form(submission);
        Facts {
            application_id: submission.application_id,
            id: submission.envelope.id.clone(),
            service: submission.envelope.service.clone(),
            ars: submission.envelope.ars.clone(),
            form_version: form.map(|form| form.version.clone()).unwrap_or_default(),
            form_digest: form.map_or(Digest::of(&[]), |form| form.digest()),
            data: Arc::default(),
            decision_no,
        }
    }

    fn registered(&self, submission: &Submission, form_version: String) -> Registered {
        Registered {
            application_id: submission.application_id,
            sender: submission.sender.name.clone(),
            client_id: submission.envelope.id.as_str().to_owned(),
            service: submission.envelope.service.clone(),
            ars: submission.envelope.ars.clone(),
            form_version,
            content: submission.content,
            raw: submission.raw.clone(),
            observed_at: submission.observed_at,
            received_at: self.received_at(submission),
        }
    }

    /// What the first line of a case says of the application; `cases verify` compares it with what is stored.
    fn intake(&self, registered: &Registered) -> Value {
        let (keys, row) = (&self.audit_keys, registered.audited());
        json!({
            "sender": registered.sender, "application": keys.application(&row), "content": keys.content(row.content),
            "sent": keys.sent(&row),
        })
    }

    /// The audit's line about a decision, with what a `first` line says.
    pub(crate) fn decided(&self, decided: &Decided, first: Option<Value>, now: Timestamp) -> AuditEntry {
        let decision = &decided.decision;
        let mut payload = json!({
            "service": decision.service, "ars": decision.ars, "outcome": decision.outcome,
            "automatic": decision.automatic, "rule_set": decision.rule_set, "decision_no": decision.decision_no,
            "reasons": decision.referral.as_ref().map(|r| &r.reasons),
            "decision": self.audit_keys.decision(&decided.audited()),
        });
        if let (Value::Object(all), Some(Value::Object(first))) = (&mut payload, first) {
            all.extend(first);
        }
        let actor = decision.decided_by.as_deref().unwrap_or(ACTOR);
        self.entry(decision.application_id, decision.ars.land(), now, actor, "decided".into(), &payload)
    }

    pub(crate) fn entry(
        &self,
        application_id: ApplicationId,
        land: Land,
        at: Timestamp,
        actor: &str,
        action: String,
        payload: &Value,
    ) -> AuditEntry {
        entry(&self.audit_keys, (application_id, land), at, actor, action, payload)
    }
}

/// See [`Office::looked_at`]; for who has the keys, but no law.
pub fn looked_at(
    keys: &audit::Keys,
    (id, service, ars): (ApplicationId, &ServiceName, &Ars),
    by: &str,
    what: &str,
    now: Timestamp,
) -> AuditEntry {
    let payload = json!({ "service": service, "ars": ars, "what": what });
    entry(keys, (id, ars.land()), now, by, "read".into(), &payload)
}

pub(crate) fn entry(
    keys: &audit::Keys,
    (application_id, land): (ApplicationId, Land),
    at: Timestamp,
    actor: &str,
    action: String,
    payload: &Value,
) -> AuditEntry {
    let payload = json::canonical(payload);
    let entry = audit::Entry { land, application_id, at, actor, action: &action, payload: &payload };
    let commitment = keys.commitment(&entry);
    AuditEntry { land, application_id, at, actor: actor.to_owned(), action, payload, commitment }
}

/// The decision that a violated form is.
pub(crate) fn form_violated(facts: &Facts, errors: &[FormError]) -> Decision {
    let mut decision = facts.decision(Outcome::CorrectionNeeded);
    decision.rule_set = Some(rules::form_only_hash(&facts.form_digest));
    decision.errors = errors.to_vec();
    decision
}

/// Who acts where no person does.
pub(crate) const ACTOR: &str = "dunkelwerk";

pub(crate) fn now_facts(submission: &Submission, valid: &Validated, decision_no: u32) -> Facts {
    Facts {
        application_id: submission.application_id,
        id: submission.envelope.id.clone(),
        service: submission.envelope.service.clone(),
        ars: submission.envelope.ars.clone(),
        form_version: valid.form.version.clone(),
        form_digest: valid.form.digest(),
        data: valid.data.clone(),
        decision_no,
    }
}
