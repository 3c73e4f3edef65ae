//! The configured pure core: law, services, senders and switches. What `decide`, `serve` and `demo` all use.

use crate::case::Case;
use crate::correspondence::{self, Message as CaseMessage};
use crate::decode::{self, Rejection, Submission};
use crate::definition::WorkflowBook;
use crate::once;
use crate::risk::Risk;
use crate::{Official, OnceKey, Validated};
use domain::{
    ApplicationId, ClientId, Decision, FormError, Outcome, Secret, Sender, SenderName, ServiceName, berlin_date,
};
use jiff::Timestamp;
use jiff::civil::Date;
use rules::{Archived, RuleBook};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Switches outside the law files.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub senders: Vec<Arc<Sender>>,
    /// Days that a claimed receipt may lie before the observed one.
    pub backdating_days: i64,
    pub risk: Risk,
    /// Registers that can be asked, by the name that workflows use.
    pub registers: BTreeSet<String>,
    pub officials: Vec<Arc<Official>>,
}

/// Everything that decides, and nothing that acts.
#[derive(Debug)]
pub struct Office {
    pub workflows: WorkflowBook,
    pub rules: RuleBook,
    pub settings: Settings,
    once_secret: Secret,
    sample_secret: Secret,
    erasure_secret: Secret,
    pub(crate) audit_keys: audit::Keys,
}

impl Office {
    pub fn new(workflows: WorkflowBook, rules: RuleBook, settings: Settings, secret: &Secret) -> Self {
        Self {
            workflows,
            rules,
            settings,
            once_secret: secret.derive("once-only"),
            sample_secret: secret.derive("sample"),
            erasure_secret: secret.derive("erasure"),
            audit_keys: audit::Keys::new(secret),
        }
    }

    pub fn sender_by_token(&self, token_sha256: &str) -> Option<&Arc<Sender>> {
        self.settings.senders.iter().find(|s| s.token_sha256.as_deref() == Some(token_sha256))
    }
    pub fn sender_by_amqp_user(&self, user: &str) -> Option<&Arc<Sender>> {
        self.settings.senders.iter().find(|s| s.amqp_user.as_deref() == Some(user))
    }
    pub fn sender_by_name(&self, name: &str) -> Option<&Arc<Sender>> {
        self.settings.senders.iter().find(|s| s.name.as_str() == name)
    }

    pub fn official_by_token(&self, token_sha256: &str) -> Option<&Arc<Official>> {
        self.settings.officials.iter().find(|o| o.token_sha256.as_deref() == Some(token_sha256))
    }
    /// Whether one official stands in for another on a day.
    pub(crate) fn deputises(&self, deputy: &str, absent: &str, today: Date) -> bool {
        self.settings.officials.iter().any(|o| o.name == absent && o.is_deputised_by(deputy, today))
    }

    /// Reads a message about a case from a known sender; `about` where its address says which one.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read_message(
        &self,
        bytes: Vec<u8>,
        about: Option<ApplicationId>,
        sender: &Arc<Sender>,
        observed_at: Timestamp,
    ) -> Result<CaseMessage, Rejection> {
        correspondence::read(bytes, about, sender, observed_at)
    }

    /// Reads one application of a known sender.
    ///
    /// # Errors
    /// Says what is wrong with the envelope; nothing of it is kept as an application then.
    pub fn decode(
        &self,
        bytes: Vec<u8>,
        sender: &Arc<Sender>,
        application_id: ApplicationId,
        observed_at: Timestamp,
    ) -> Result<Submission, Rejection> {
        self.decode_with_key(bytes, None, sender, application_id, observed_at)
    }

    /// The same with an `Idempotency-Key` that may stand for a missing id.
    pub fn decode_with_key(
        &self,
        bytes: Vec<u8>,
        key: Option<&str>,
        sender: &Arc<Sender>,
        application_id: ApplicationId,
        observed_at: Timestamp,
    ) -> Result<Submission, Rejection> {
        let read = decode::read(&bytes, key, |ags| self.rules.ars_of_ags(ags).cloned())?;
        let envelope = read.envelope;
        let Some(definition) = self.workflows.get(&envelope.service) else {
            let known: Vec<&str> = self.workflows.names().map(ServiceName::as_str).collect();
            return Err(Rejection::UnknownService { name: envelope.service.to_string(), known: known.join(", ") });
        };
        if let Some(version) = envelope.form_version.as_ref().filter(|v| definition.form(v).is_none()) {
            return Err(Rejection::UnknownForm {
                service: envelope.service.to_string(),
                version: version.clone(),
                known: definition.form_versions().collect::<Vec<_>>().join(", "),
            });
        }
        let sender = sender.clone();
        Ok(Submission { application_id, sender, envelope, observed_at, content: read.content, raw: bytes })
    }

    /// When it legally came in: as claimed where the sender may claim it, else as observed.
    pub fn received_at(&self, submission: &Submission) -> Timestamp {
        let claimed = submission.envelope.received_at.filter(|_| submission.sender.may_claim("received_at"));
        claimed.unwrap_or(submission.observed_at)
    }

    /// The data against its form.
    pub fn validate(&self, submission: &Submission) -> Result<Validated, Vec<FormError>> {
        let Some(form) = self.form(submission) else {
            let day = berlin_date(self.received_at(submission));
            let message = format!("Antrag: am {day} gilt kein Formular für {}", submission.envelope.service);
            return Err(vec![FormError { pointer: String::new(), message }]);
        };
        form.validate(&submission.envelope.data)
    }

    /// The form version it must obey: the one it names, else the newest in force when it came in.
    pub(crate) fn form(&self, submission: &Submission) -> Option<&Arc<crate::Form>> {
        let definition = self.workflows.get(&submission.envelope.service)?;
        match &submission.envelope.form_version {
            Some(version) => definition.form(version),
            None => definition.form_on(berlin_date(self.received_at(submission))),
        }
    }

    /// The once-only keys of an application; the store says what others did with them.
    pub fn once_keys(&self, submission: &Submission, valid: &Validated) -> Vec<OnceKey> {
        let envelope = &submission.envelope;
        let definition = self.workflows.get(&envelope.service);
        definition.map(|d| once::keys(d, &self.once_secret, &envelope.ars, &valid.data)).unwrap_or_default()
    }

    /// What to keep so that a decision can be made again: its rule set, the files of it, its form.
    pub fn archive(&self, decision: &Decision) -> Vec<Archived> {
        let definition = self.workflows.get(&decision.service);
        let Some(form) = definition.and_then(|d| d.form(&decision.form_version)) else { return Vec::new() };
        let set = self.rules.rule_set(&decision.service, &decision.ars);
        let set = set.filter(|_| decision.outcome != Outcome::CorrectionNeeded);
        self.rules.archive(&decision.service, &decision.ars, set.map(|set| &**set), &form.text)
    }

    /// What stands for a sender's key after its application was erased; see [`crate::Erased`].
    pub fn tombstone(&self, sender: &SenderName, service: &ServiceName, id: &ClientId) -> ClientId {
        let mac =
            self.erasure_secret.mac([sender.as_str(), "/", service.as_str(), "/", id.as_str()].map(str::as_bytes));
        // INVARIANT: these are few characters, all of them allowed in a key.
        ClientId::new(format!("erased:{}", mac.hex())).unwrap_or_else(|_| id.clone())
    }

    pub(crate) fn sampled(&self, submission: &Submission) -> bool {
        let envelope = &submission.envelope;
        let id = submission.application_id;
        self.settings.risk.sampled(&self.sample_secret, id, &envelope.service, &envelope.ars)
    }

    /// Drawn for a second look after the notice. Reproducible with the key, foreseeable by nobody without.
    pub(crate) fn drawn_after(&self, case: &Case, decision_no: u32) -> bool {
        self.settings.risk.drawn_after(&self.sample_secret, case, decision_no)
    }
}
