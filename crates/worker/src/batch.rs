//! The applications of one batch: what each is, which keys it has, and what was already evaluated for it.

use crate::spans::{self, Process};
use domain::ApplicationId;
use opentelemetry::trace::SpanKind;
use std::collections::HashMap;
use std::sync::Arc;
use storage::{Identity, Known};
use uuid::Uuid;
use workflow::{Effect, Event, Office, OnceKey, Submission, Surroundings, Validated};

/// A readable application on its way through one batch.
pub(crate) struct Item {
    pub index: usize,
    pub submission: Arc<Submission>,
    /// Its id was made here, and is made anew with each delivery.
    pub anonymous: bool,
    pub redelivered: bool,
    pub process: Option<Process>,
}

/// What was evaluated for a batch that another worker makes start again and again: only what its facts changed for is
/// evaluated once more. The first time, which is mostly the only one, nothing is copied for it.
#[derive(Default)]
pub(crate) struct Memory {
    keeping: bool,
    kept: HashMap<usize, (std::mem::Discriminant<Event>, Surroundings, Vec<Effect>)>,
}

impl Memory {
    pub fn recall(&self, index: usize, event: &Event, surroundings: &Surroundings) -> Option<Vec<Effect>> {
        let (kind, facts, effects) = self.kept.get(&index)?;
        (*kind == std::mem::discriminant(event) && facts == surroundings).then(|| effects.clone())
    }
    pub fn keep(&mut self, index: usize, event: &Event, surroundings: Surroundings, effects: &[Effect]) {
        if self.keeping {
            self.kept.insert(index, (std::mem::discriminant(event), surroundings, effects.to_vec()));
        }
    }
    pub fn keep_from_now_on(&mut self) {
        self.keeping = true;
    }
}

pub(crate) fn identity(submission: &Submission) -> Identity {
    Identity {
        sender: submission.sender.name.as_str().to_owned(),
        service: submission.envelope.service.as_str().to_owned(),
        client_id: submission.envelope.id.as_str().to_owned(),
    }
}

/// What stands for the sender's key where the application was erased.
pub(crate) fn tombstone(office: &Office, submission: &Submission) -> String {
    let envelope = &submission.envelope;
    office.tombstone(&submission.sender.name, &envelope.service, &envelope.id).as_str().to_owned()
}

/// What each item is: new, the same again, or another content under a taken id. `None`: our own, already decided.
pub(crate) fn events(
    office: &Office,
    items: &[Item],
    identities: &[Identity],
    known: Vec<Option<Known>>,
) -> Vec<Option<Event>> {
    let mut seen: HashMap<&Identity, Known> = HashMap::with_capacity(items.len());
    let mut events = Vec::with_capacity(items.len());
    for ((item, identity), known) in items.iter().zip(identities).zip(known) {
        let submission = &item.submission;
        let first = known.or_else(|| seen.get(identity).cloned());
        events.push(match first {
            None => {
                let own = Known { application_id: submission.application_id, content: submission.content };
                seen.insert(identity, own);
                let from = spans::now();
                let form: Result<Validated, _> = office.validate(submission);
                if let Some(process) = &item.process {
                    process.step("workflow.validate", SpanKind::Internal, from, spans::now(), Vec::new());
                }
                Some(Event::Received { submission: submission.clone(), form })
            }
            Some(first) if first.application_id == submission.application_id => None,
            Some(first) if first.content == submission.content && item.anonymous && item.redelivered => None,
            // Whatever comes under an id whose application was erased, nothing of it is kept: nobody would ever erase it.
            Some(first) if first.content == submission.content || first.is_erased() => {
                Some(Event::Repeated { submission: submission.clone(), original: first.application_id })
            }
            Some(first) => {
                let mut submission = submission.clone();
                if item.anonymous {
                    // Delivered again it is the same conflict: its id comes from what it is.
                    let id =
                        Uuid::new_v5(&first.application_id.0, &office.audit_keys().content(&submission.content.0).0);
                    Arc::make_mut(&mut submission).application_id = ApplicationId(id);
                }
                Some(Event::Collided { submission, original: first.application_id })
            }
        });
    }
    events
}

pub(crate) fn once_keys(office: &Office, event: &Option<Event>) -> Vec<OnceKey> {
    match event {
        Some(Event::Received { submission, form: Ok(valid) }) => office.once_keys(submission, valid),
        Some(_) | None => Vec::new(),
    }
}
