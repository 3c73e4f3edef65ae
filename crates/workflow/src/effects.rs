//! All the core can ask the shell to do. Effects are data; one step's effects are carried out in one transaction.

use crate::Case;
use domain::{ApplicationId, Ars, Decision, Digest, Land, Reason, SenderName, ServiceName, Trace};
use jiff::{Timestamp, civil::Date};
use rules::Context;
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// One thing to do. Closed: a new variant does not compile before every shell carries it out.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Keep the application as it came.
    Register(Box<Registered>),
    /// Keep the case, over the version that was read; its open work with it.
    Keep(Box<Kept>),
    /// Keep the decision with its context and explanation.
    Decide(Box<Decided>),
    /// Take a once-only key; whoever comes second is evaluated again with that fact.
    Claim(Claim),
    /// Give back all once-only keys of the application; before any new claim of the same step.
    Release(ApplicationId),
    /// Put a document into the file of the case; the same key again changes nothing.
    File(Box<Document>),
    /// Ask a register until it answers.
    Ask(Box<Question>),
    /// Ask no more.
    Answered(Uuid),
    /// Send a message once the transaction is finished.
    Publish(Message),
    /// Note that a decision was drawn for a second look, or how that came out.
    Control(Box<Control>),
    /// Answer another id under which the same application came.
    Alias(Alias),
    /// Keep another content under a taken id beside the first.
    KeepConflict(Box<Conflict>),
    /// Delete everything personal about the application; digests that nobody can guess stay.
    Erase(Erased),
    /// Write what happened, never to be changed.
    Audit(AuditEntry),
}

impl Effect {
    /// The decision that it keeps.
    pub fn decision(&self) -> Option<&Decision> {
        match self {
            Self::Decide(decided) => Some(&decided.decision),
            _ => None,
        }
    }
}

/// A case to be kept. Version 0: it is new.
#[derive(Debug, Clone)]
pub struct Kept {
    pub case: Case,
    pub version: i64,
    pub at: Timestamp,
}

/// A document in the file of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub application_id: ApplicationId,
    /// The same document has the same key, however often it comes.
    pub key: Uuid,
    /// What it is, such as `supplement` or `answer`.
    pub kind: String,
    pub at: Timestamp,
    /// Sender, register or official.
    pub actor: String,
    pub body: Vec<u8>,
}

/// A question to a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub id: Uuid,
    pub application_id: ApplicationId,
    pub register: String,
    pub service: ServiceName,
    pub ars: Ars,
    pub at: Timestamp,
    /// The question as it is sent, byte for byte.
    pub body: Vec<u8>,
}

/// A second look at an automatic decision (the pattern of § 88 Abs. 5 S. 3 Nr. 1 and 4 AO).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    pub application_id: ApplicationId,
    pub decision_no: u32,
    pub service: ServiceName,
    pub ars: Ars,
    pub rule_set: Option<String>,
    pub drawn_at: Timestamp,
    pub judged: Option<Judged>,
}

/// What the second look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub by: String,
    pub at: Timestamp,
    /// Nothing where the case was opened again before anybody had looked.
    pub agreed: Option<bool>,
}

/// The application as it came, and where it belongs. The audit names digests of it.
#[derive(Debug, Clone)]
pub struct Registered {
    pub application_id: ApplicationId,
    pub sender: SenderName,
    pub client_id: String,
    pub service: ServiceName,
    pub ars: Ars,
    pub form_version: String,
    pub content: Digest,
    pub raw: Vec<u8>,
    pub observed_at: Timestamp,
    pub received_at: Timestamp,
}

/// A decision to be kept.
#[derive(Debug, Clone)]
pub struct Decided {
    pub decision: Arc<Decision>,
    pub at: Timestamp,
    /// As it is stored; the audit names its digest.
    pub stored: Stored,
    /// The form's data that it was decided on, where they are not the application's own: a JSON text.
    pub data: Option<Vec<u8>>,
}

/// A decision as it is stored: three texts whose bytes replay must meet again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub decision: Vec<u8>,
    pub trace: Vec<u8>,
    /// What the rules saw; empty where a person decided or no rules could run: that is not replayed.
    pub context: Vec<u8>,
}

impl Decided {
    /// With its stored form: decision and trace apart.
    pub fn new(mut decision: Decision, at: Timestamp, context: Option<&Context>, data: Option<&Value>) -> Self {
        let mut trace = decision.trace.take();
        let stored = Stored {
            decision: bytes(&decision),
            trace: trace.as_mut().map_or_else(|| bytes(&Trace::default()), |trace| without(trace, &decision.reasons)),
            context: context.map(bytes).unwrap_or_default(),
        };
        decision.trace = trace;
        Self { decision: Arc::new(decision), at, stored, data: data.map(bytes) }
    }

    /// What the audit's digest of it stands for.
    pub(crate) fn audited(&self) -> audit::Decision<'_> {
        let Stored { decision, trace, context } = &self.stored;
        audit::Decision {
            number: self.decision.decision_no.into(),
            notice_id: self.decision.notice_id,
            rule_set: self.decision.rule_set.as_deref(),
            decided_at: self.at,
            decision,
            trace,
            context,
            data: self.data.as_deref(),
        }
    }
}

/// The trace; what it repeats of the decision is stored once.
fn without(trace: &mut Trace, reasons: &[Reason]) -> Vec<u8> {
    let repeated = if trace.checks == reasons { std::mem::take(&mut trace.checks) } else { Vec::new() };
    let stored = bytes(trace);
    trace.checks.extend(repeated);
    stored
}

impl Registered {
    /// What the audit's digests of it stand for.
    pub(crate) fn audited(&self) -> audit::Application<'_> {
        audit::Application {
            sender: self.sender.as_str(),
            service: self.service.as_str(),
            client_id: &self.client_id,
            ars: self.ars.as_str(),
            form_version: &self.form_version,
            observed_at: self.observed_at,
            received_at: self.received_at,
            content: &self.content.0,
            raw: &self.raw,
        }
    }
}

impl Document {
    /// What the audit's digest of it stands for.
    pub(crate) fn audited(&self) -> audit::Document<'_> {
        let Self { key, kind, at, actor, body, .. } = self;
        audit::Document { key: *key, kind, at: *at, actor, body }
    }
}

/// Our own types always have a JSON form.
fn bytes(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// See [`Effect::Erase`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    pub application_id: ApplicationId,
    /// Stands in the place of the sender's key: the same key gives the same, and nobody without the secret can tell from it
    /// which one it was. So an id stays used for ever.
    pub tombstone: String,
}

/// One claim of a once-only key: `ordinal` counts from 1 and is unique per digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub application_id: ApplicationId,
    pub name: String,
    pub digest: Digest,
    pub ordinal: u32,
    pub from: Option<Date>,
    pub to: Option<Date>,
}

/// A message as it will leave, byte for byte; copies of it are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub application_id: ApplicationId,
    pub exchange: &'static str,
    pub routing_key: String,
    /// Notice id of a final decision, else the id of the event.
    pub message_id: Uuid,
    pub body: Vec<u8>,
}

/// A line of the audit. The payload holds ids, words and keyed digests, never names or form data.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub land: Land,
    pub application_id: ApplicationId,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    /// Canonical bytes.
    pub payload: Vec<u8>,
    /// What the writer stands for, see [`audit::Keys::commitment`].
    pub commitment: Digest,
}

/// See [`Effect::Alias`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub alias: ApplicationId,
    pub application_id: ApplicationId,
}

/// See [`Effect::KeepConflict`].
#[derive(Debug, Clone)]
pub struct Conflict {
    pub application_id: ApplicationId,
    pub original: ApplicationId,
    pub content: Digest,
    pub raw: Vec<u8>,
    pub observed_at: Timestamp,
}
