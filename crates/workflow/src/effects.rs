//! All the core can ask the shell to do. Effects are data; one step's effects are carried out in one transaction.

use domain::{
    ApplicationId, Ars, Decision, Digest, Land, Outcome, Reason, ReferralReason, SenderName, ServiceName, Trace,
};
use jiff::{Timestamp, civil::Date};
use rules::Context;

/// One thing to do. Closed: a new variant does not compile before every shell carries it out.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Keep the application and open its case.
    Register(Box<Registered>),
    /// Keep the decision with its context and explanation.
    Decide(Box<Decided>),
    /// Take a once-only key; whoever comes second is evaluated again with that fact.
    Claim(Claim),
    /// Put the case before a person.
    OpenTask(Task),
    /// Send a message once the transaction is finished.
    Publish(Message),
    /// Answer another id under which the same application came.
    Alias(Alias),
    /// Keep another content under a taken id beside the first.
    KeepConflict(Box<Conflict>),
    /// Write what happened, never to be changed.
    Audit(AuditEntry),
}

/// The application as it came, and where it belongs. The audit names a digest of it.
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
    pub state: crate::CaseState,
}

/// A decision to be kept.
#[derive(Debug, Clone)]
pub struct Decided {
    pub decision: Decision,
    pub context: Context,
    /// As it is stored; the audit names its digest.
    pub stored: Stored,
}

/// A decision as it is stored: three texts whose bytes replay must meet again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub decision: Vec<u8>,
    pub trace: Vec<u8>,
    pub context: Vec<u8>,
}

impl Decided {
    /// With its stored form: trace and decision apart.
    pub fn new(mut decision: Decision, context: Context) -> Self {
        let mut trace = decision.trace.take();
        let stored = Stored {
            decision: bytes(&decision),
            trace: trace.as_mut().map_or_else(|| bytes(&Trace::default()), |trace| without(trace, &decision.reasons)),
            context: bytes(&context),
        };
        decision.trace = trace;
        Self { decision, context, stored }
    }

    /// What the audit's digest of it stands for.
    pub(crate) fn audited(&self) -> audit::Decision<'_> {
        let Stored { decision, trace, context } = &self.stored;
        audit::Decision { number: self.decision.decision_no, decision, trace, context }
    }
}

impl Registered {
    /// What the audit's digest of it stands for.
    pub(crate) fn audited(&self) -> audit::Application<'_> {
        audit::Application {
            sender: self.sender.as_str(),
            service: self.service.as_str(),
            client_id: &self.client_id,
            ars: self.ars.as_str(),
            form_version: &self.form_version,
            content: &self.content.0,
            raw: &self.raw,
            observed_at: self.observed_at,
            received_at: self.received_at,
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

/// Our own types always have a JSON form.
fn bytes(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
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

/// Work for a person.
#[derive(Debug, Clone)]
pub struct Task {
    pub application_id: ApplicationId,
    pub service: ServiceName,
    pub ars: Ars,
    pub queue: String,
    pub reasons: Vec<ReferralReason>,
    pub proposal: Option<Outcome>,
    pub opened_at: Timestamp,
}

/// A message as it will leave, byte for byte; copies of it are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub application_id: ApplicationId,
    pub exchange: &'static str,
    pub routing_key: String,
    /// Notice id of a final decision, else the id of the event.
    pub message_id: uuid::Uuid,
    pub body: Vec<u8>,
}

/// A line of the audit. The payload holds ids, words and keyed digests, never names or form data.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub land: Land,
    pub application_id: ApplicationId,
    pub at: Timestamp,
    pub actor: String,
    pub action: &'static str,
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
