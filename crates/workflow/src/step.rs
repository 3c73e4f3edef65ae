//! One step of a case: an event and its surroundings in, effects out.
//!
//! The hot path is this function over a batch; `decide` on the command line is this function with its effects printed.

use crate::decode::Submission;
use crate::effects::{Alias, AuditEntry, Claim, Conflict, Decided, Effect, Message, Registered, Task};
use crate::office::Office;
use crate::{OnceKey, Validated};
use domain::{ApplicationId, Decision, Digest, FormError, Land, Outcome, berlin_iso, json};
use jiff::Timestamp;
use rules::{Context, EarlierClaim, Facts};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// A final decision went out.
    Decided,
    /// A person decides.
    Referred,
    /// The applicant must mend the form.
    CorrectionNeeded,
    /// Another body is competent.
    Forwarded,
}

impl CaseState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Referred => "referred",
            Self::CorrectionNeeded => "correction_needed",
            Self::Forwarded => "forwarded",
        }
    }
    pub fn after(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Granted | Outcome::PartlyGranted | Outcome::Refused => Self::Decided,
            Outcome::Referred => Self::Referred,
            Outcome::CorrectionNeeded => Self::CorrectionNeeded,
            Outcome::Forwarded => Self::Forwarded,
        }
    }
}

/// What happened to a case.
#[derive(Debug, Clone)]
pub enum Event {
    /// An application arrived, with its form checked.
    Received { submission: Submission, form: Result<Validated, Vec<FormError>> },
    /// The same application again: the first one's answer stands.
    Repeated { submission: Submission, original: ApplicationId },
    /// Another content under a sender's id that is taken: both are kept, nothing is decided on the second.
    Collided { submission: Submission, original: ApplicationId },
}

/// What the store knows that bears on a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The application's once-only keys with what earlier applications claimed.
    pub once: Vec<(OnceKey, Vec<EarlierClaim>)>,
}

impl Office {
    /// Steps a case. Total: there is always an answer, and where a rule fails it is a person.
    pub fn step(&self, event: &Event, surroundings: &Surroundings, now: Timestamp) -> Vec<Effect> {
        let (submission, form) = match event {
            Event::Received { submission, form } => (submission, form),
            Event::Repeated { submission, original } => return self.repeated(submission, *original, now),
            Event::Collided { submission, original } => return self.collided(submission, *original, now),
        };
        let context = self.context(submission, surroundings, now);
        let decision = match form {
            Ok(valid) => self.rules.decide(&facts(submission, valid), &context),
            Err(errors) => self.correction(submission, errors),
        };
        let mut effects = Vec::with_capacity(6);
        let registered = self.registered(submission, &decision);
        effects.extend(claims(&decision, surroundings).into_iter().map(Effect::Claim));
        effects.extend(task(&decision, now).map(Effect::OpenTask));
        effects.extend(messages(&decision, now).into_iter().map(Effect::Publish));
        let decided = Decided::new(decision, context);
        effects.push(Effect::Audit(self.audit(&registered, &decided, now)));
        effects.push(Effect::Register(Box::new(registered)));
        effects.push(Effect::Decide(Box::new(decided)));
        effects
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
        let data = json!({
            "application_id": submission.application_id, "id": envelope.id, "service": envelope.service,
            "ars": envelope.ars, "state": "conflict", "original": original,
        });
        let message = event(EventMessage {
            application_id: submission.application_id,
            exchange: "dunkelwerk.results",
            routing_key: format!("{}.{}.conflict", envelope.service, envelope.ars),
            id: event_id(submission.application_id, "case/conflict"),
            kind: "de.dunkelwerk.case.v1",
            authority: None,
            data,
            now,
        });
        let note = self.note(submission, original, "conflict", now);
        vec![Effect::KeepConflict(Box::new(conflict)), Effect::Publish(message), Effect::Audit(note)]
    }

    fn note(
        &self,
        submission: &Submission,
        original: ApplicationId,
        action: &'static str,
        now: Timestamp,
    ) -> AuditEntry {
        let payload = json!({
            "sender": submission.sender.name, "service": submission.envelope.service,
            "ars": submission.envelope.ars, "content": self.audit_keys.content(&submission.content),
            "as": submission.application_id,
        });
        self.entry(original, submission.envelope.ars.land(), now, action, &payload)
    }

    fn context(&self, submission: &Submission, surroundings: &Surroundings, now: Timestamp) -> Context {
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
        let (stopped, stopped_over) = self.settings.risk.stopped(&envelope.service, &envelope.ars, &envelope.data);
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
            earlier: surroundings.once.iter().map(|(key, claims)| (key.name.clone(), claims.clone())).collect(),
            sample: self.sampled(submission),
            risk: self.settings.risk.flagged(&envelope.service, &envelope.ars, &envelope.data),
            stopped,
            stopped_over,
            person_requested: definition.and_then(|d| d.person.as_ref()).is_some_and(filled),
        }
    }

    /// A readable application that breaks its form is accepted, and answered with every violation (§ 24 Abs. 3 VwVfG).
    fn correction(&self, submission: &Submission, errors: &[FormError]) -> Decision {
        let form = self.form(submission);
        let facts = Facts {
            application_id: submission.application_id,
            id: submission.envelope.id.clone(),
            service: submission.envelope.service.clone(),
            ars: submission.envelope.ars.clone(),
            form_version: form.map(|form| form.version.clone()).unwrap_or_default(),
            form_digest: form.map_or(Digest::of(&[]), |form| form.digest()),
            data: std::sync::Arc::default(),
            decision_no: 1,
        };
        form_violated(&facts, errors)
    }

    fn registered(&self, submission: &Submission, decision: &Decision) -> Registered {
        Registered {
            application_id: submission.application_id,
            sender: submission.sender.name.clone(),
            client_id: submission.envelope.id.as_str().to_owned(),
            service: submission.envelope.service.clone(),
            ars: submission.envelope.ars.clone(),
            form_version: decision.form_version.clone(),
            content: submission.content,
            raw: submission.raw.clone(),
            observed_at: submission.observed_at,
            received_at: self.received_at(submission),
            state: CaseState::after(decision.outcome),
        }
    }

    /// What was decided on what; `cases verify` compares both with what is stored.
    fn audit(&self, registered: &Registered, decided: &Decided, now: Timestamp) -> AuditEntry {
        let decision = &decided.decision;
        let payload = json!({
            "service": decision.service, "ars": decision.ars, "sender": registered.sender,
            "content": self.audit_keys.content(&registered.content),
            "application": self.audit_keys.application(&registered.audited()), "outcome": decision.outcome,
            "automatic": decision.automatic, "rule_set": decision.rule_set,
            "reasons": decision.referral.as_ref().map(|r| &r.reasons), "decision_no": decision.decision_no,
            "decision": self.audit_keys.decision(&decided.audited()),
        });
        self.entry(registered.application_id, decision.ars.land(), now, "decided", &payload)
    }

    fn entry(
        &self,
        application_id: ApplicationId,
        land: Land,
        at: Timestamp,
        action: &'static str,
        payload: &Value,
    ) -> AuditEntry {
        let (payload, actor) = (json::canonical(payload), ACTOR);
        let entry = audit::Entry { land, application_id, at, actor, action, payload: &payload };
        let commitment = self.audit_keys.commitment(&entry);
        AuditEntry { land, application_id, at, actor: actor.to_owned(), action, payload, commitment }
    }
}

/// The decision that a violated form is.
pub(crate) fn form_violated(facts: &Facts, errors: &[FormError]) -> Decision {
    let mut decision = facts.decision(Outcome::CorrectionNeeded);
    decision.rule_set = Some(rules::form_only_hash(&facts.form_digest));
    decision.errors = errors.to_vec();
    decision
}

/// Who acts where no person does.
const ACTOR: &str = "dunkelwerk";

fn facts(submission: &Submission, valid: &Validated) -> Facts {
    Facts {
        application_id: submission.application_id,
        id: submission.envelope.id.clone(),
        service: submission.envelope.service.clone(),
        ars: submission.envelope.ars.clone(),
        form_version: valid.form.version.clone(),
        form_digest: valid.form.digest(),
        data: valid.data.clone(),
        decision_no: 1,
    }
}

/// Once-only keys are taken where something was granted, or where a person may still grant it.
fn claims(decision: &Decision, surroundings: &Surroundings) -> Vec<Claim> {
    let proposal = decision.referral.as_ref().and_then(|r| r.proposal);
    let taken = matches!(proposal.unwrap_or(decision.outcome), Outcome::Granted | Outcome::PartlyGranted);
    if !taken {
        return Vec::new();
    }
    let day = |field: &Option<String>| {
        let value = field.as_ref().and_then(|name| decision.result.get(name));
        value.and_then(Value::as_str).and_then(|text| text.parse().ok())
    };
    let each = |(key, earlier): &(OnceKey, Vec<EarlierClaim>)| {
        let before = u32::try_from(earlier.len()).unwrap_or(u32::MAX);
        let claim = |i: u32| Claim {
            application_id: decision.application_id,
            name: key.name.clone(),
            digest: key.digest,
            ordinal: before.saturating_add(i),
            from: day(&key.from_field),
            to: day(&key.to_field),
        };
        (1..=key.count).map(claim).collect::<Vec<_>>()
    };
    surroundings.once.iter().flat_map(each).collect()
}

fn task(decision: &Decision, now: Timestamp) -> Option<Task> {
    decision.referral.as_ref().map(|referral| Task {
        application_id: decision.application_id,
        service: decision.service.clone(),
        ars: decision.ars.clone(),
        queue: referral.queue.clone(),
        reasons: referral.reasons.clone(),
        proposal: referral.proposal,
        opened_at: now,
    })
}

/// Results and tasks as CloudEvents 1.0 in structured mode.
fn messages(decision: &Decision, now: Timestamp) -> Vec<Message> {
    let mut messages = Vec::with_capacity(2);
    let outward = decision.outward();
    let id = decision.notice_id.map_or_else(|| event_id(decision.application_id, "decision/1"), |n| n.0);
    let key = format!("{}.{}.{}", decision.service, decision.ars, decision.outcome.as_str());
    let data = serde_json::to_value(&outward).unwrap_or_default();
    let common = |exchange, routing_key, id, kind, data| EventMessage {
        application_id: decision.application_id,
        exchange,
        routing_key,
        id,
        kind,
        authority: decision.authority.as_deref(),
        data,
        now,
    };
    messages.push(event(common("dunkelwerk.results", key, id, "de.dunkelwerk.decision.v1", data)));
    if let Some(referral) = &decision.referral {
        let id = event_id(decision.application_id, "task/1");
        let key = format!("{}.{}", decision.ars, referral.queue);
        let data = json!({
            "application_id": decision.application_id, "id": decision.id, "service": decision.service,
            "ars": decision.ars, "authority": decision.authority, "referral": referral, "result": decision.result,
            "reasons": decision.reasons,
        });
        messages.push(event(common("dunkelwerk.tasks", key, id, "de.dunkelwerk.task.v1", data)));
    }
    messages
}

fn event_id(application: ApplicationId, what: &str) -> Uuid {
    Uuid::new_v5(&application.0, what.as_bytes())
}

struct EventMessage<'a> {
    application_id: ApplicationId,
    exchange: &'static str,
    routing_key: String,
    id: Uuid,
    kind: &'static str,
    authority: Option<&'a str>,
    data: Value,
    now: Timestamp,
}

fn event(message: EventMessage<'_>) -> Message {
    let source = message.authority.map_or_else(|| "urn:dunkelwerk".to_owned(), urn);
    // A BTreeMap gives the same bytes for the same message whatever map serde_json uses.
    let event: BTreeMap<&str, Value> = BTreeMap::from([
        ("specversion", "1.0".into()),
        ("id", message.id.to_string().into()),
        ("source", source.into()),
        ("type", message.kind.into()),
        ("subject", message.application_id.to_string().into()),
        ("time", berlin_iso(message.now).into()),
        ("datacontenttype", "application/json".into()),
        ("data", message.data),
    ]);
    Message {
        application_id: message.application_id,
        exchange: message.exchange,
        routing_key: message.routing_key,
        message_id: message.id,
        body: serde_json::to_vec(&event).unwrap_or_default(),
    }
}

/// CloudEvents wants a URI reference as source: the authority's name, percent-encoded (RFC 3986).
fn urn(authority: &str) -> String {
    let encoded: String = authority
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("urn:dunkelwerk:behoerde:{encoded}")
}
