//! What the rules see of a case: the application with everything that came later.

use crate::case::Case;
use crate::correspondence::{merge, same_message};
use crate::decode::{self, Submission};
use crate::effects::Document;
use crate::{CaseEvent, Office, Refusal, Validated};
use domain::{ApplicationId, Decision, Digest, FormError, Sender, SenderName, json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A case with its file, as the store has it.
#[derive(Debug, Clone)]
pub struct Dossier {
    pub case: Case,
    /// The version that was read; what is written goes over this one only.
    pub version: i64,
    pub submission: Arc<Submission>,
    /// In the order in which they came.
    pub documents: Vec<Document>,
    /// The newest one, with its trace.
    pub decision: Option<Arc<Decision>>,
}

impl Dossier {
    /// Whether the document of an event lies in the file already: it came before.
    ///
    /// # Errors
    /// Another message lies there under its key.
    pub(crate) fn knows(&self, event: &CaseEvent) -> Result<bool, Refusal> {
        let (key, said) = match event {
            CaseEvent::Said(message) => (message.key(), Some(message)),
            CaseEvent::Answered { question, .. } => (*question, None),
            CaseEvent::Commanded { .. } | CaseEvent::Woken => return Ok(false),
        };
        match (self.documents.iter().find(|document| document.key == key), said) {
            (Some(filed), Some(message)) if !same_message(&filed.body, &message.raw) => Err(Refusal::MessageConflict),
            (filed, _) => Ok(filed.is_some()),
        }
    }
}

/// Why a stored case cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored {0} cannot be read")]
pub struct Unreadable(pub &'static str);

/// A stored application, as far as it is needed to read it again.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    pub application_id: ApplicationId,
    pub sender: &'a str,
    pub client_id: &'a str,
    pub content: Digest,
    pub raw: &'a [u8],
    pub observed_at: Timestamp,
}

/// A register's answer, as it lies in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerOnFile {
    pub register: String,
    /// The kind of evidence that it is.
    pub evidence: String,
    pub question: Value,
    /// Nothing where the register knows nobody.
    pub answer: Option<Value>,
    /// Who says so.
    pub source: String,
    /// When the register said it.
    pub at: Timestamp,
}

/// Words under which documents lie in the file.
pub(crate) const ANSWER: &str = "answer";
pub(crate) const NOTE: &str = "note";
pub(crate) const DRAFT: &str = "draft";

pub(crate) struct Matter {
    /// With the data as it is now.
    pub submission: Arc<Submission>,
    pub form: Result<Validated, Vec<FormError>>,
    /// The data are not the application's own any more.
    pub amended: bool,
    /// The applicant wrote something in words, later.
    pub spoken: bool,
    /// The newest from registers, by kind of evidence.
    pub answers: BTreeMap<String, AnswerOnFile>,
}

impl Matter {
    /// An application that has just arrived.
    pub fn new(submission: Arc<Submission>, form: Result<Validated, Vec<FormError>>) -> Self {
        Self { submission, form, amended: false, spoken: false, answers: BTreeMap::new() }
    }

    pub fn of(office: &Office, dossier: &Dossier, new: Option<&Document>) -> Self {
        let mut matter = Self::new(dossier.submission.clone(), Err(Vec::new()));
        dossier.documents.iter().chain(new).for_each(|document| matter.add(document));
        matter.form = office.validate(&matter.submission);
        matter
    }

    fn add(&mut self, document: &Document) {
        match document.kind.as_str() {
            "supplement" | "amendment" => {
                let Ok(Value::Object(body)) = json::parse(&document.body) else { return };
                if let Some(patch) = body.get("data") {
                    merge(Arc::make_mut(&mut Arc::make_mut(&mut self.submission).envelope.data), patch);
                    self.amended = true;
                }
                self.spoken |= body.get("text").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
            }
            "hearing_reply" | "objection" => self.spoken = true,
            ANSWER => {
                if let Ok(answer) = serde_json::from_slice::<AnswerOnFile>(&document.body) {
                    self.answers.insert(answer.evidence.clone(), answer);
                }
            }
            _ => {}
        }
    }
}

impl Office {
    /// Reads a stored application again.
    ///
    /// # Errors
    /// Bytes that are no application (any more).
    pub fn reopen(&self, kept: &Kept<'_>, case: &Case) -> Result<Submission, Unreadable> {
        let name = SenderName::new(kept.sender).map_err(|_| Unreadable("sender"))?;
        // A sender that is no longer configured has no rights left.
        let sender =
            self.sender_by_name(kept.sender).cloned().unwrap_or_else(|| Arc::new(Sender::without_rights(name)));
        let read = decode::read(kept.raw, Some(kept.client_id), |_| Some(case.ars.clone()));
        let mut envelope = read.map_err(|_| Unreadable("application"))?.envelope;
        envelope.form_version = Some(case.form_version.clone());
        Ok(Submission {
            application_id: kept.application_id,
            sender,
            envelope,
            observed_at: kept.observed_at,
            content: kept.content,
            raw: kept.raw.to_vec(),
        })
    }
}
