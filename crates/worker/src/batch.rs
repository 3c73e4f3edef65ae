//! The applications of one batch: what each is, which keys it has, and what was already evaluated for it.

use crate::pipeline::Pipeline;
use crate::spans::{self, Process};
use domain::ApplicationId;
use opentelemetry::trace::SpanKind;
use std::collections::HashMap;
use std::sync::Arc;
use storage::{Identity, Known, StoreError};
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

/// What was evaluated for a batch that another worker made start again: only what its facts changed for is evaluated
/// a second time.
#[derive(Default)]
pub(crate) struct Memory(HashMap<usize, (std::mem::Discriminant<Event>, Surroundings, Vec<Effect>)>);

impl Memory {
    pub fn recall(&self, index: usize, event: &Event, surroundings: &Surroundings) -> Option<Vec<Effect>> {
        let (kind, facts, effects) = self.0.get(&index)?;
        (*kind == std::mem::discriminant(event) && facts == surroundings).then(|| effects.clone())
    }
    pub fn keep(&mut self, index: usize, event: &Event, surroundings: Surroundings, effects: Vec<Effect>) {
        self.0.insert(index, (std::mem::discriminant(event), surroundings, effects));
    }
}

pub(crate) fn identity(submission: &Submission) -> Identity {
    Identity {
        sender: submission.sender.name.as_str().to_owned(),
        service: submission.envelope.service.as_str().to_owned(),
        client_id: submission.envelope.id.as_str().to_owned(),
    }
}

impl Pipeline {
    /// What is known of these applications: by the sender's key, or by what stands for it where it was erased.
    pub(crate) async fn known(
        &self,
        office: &Office,
        items: &[Item],
        identities: &[Identity],
    ) -> Result<Vec<Option<Known>>, StoreError> {
        let mut known = self.store.look_up(identities).await?;
        let erased = |((item, identity), known): ((&Item, &Identity), &Option<Known>)| {
            let envelope = &item.submission.envelope;
            let tombstone = office.tombstone(&item.submission.sender.name, &envelope.service, &envelope.id);
            known.is_none().then(|| Identity { client_id: tombstone.as_str().to_owned(), ..identity.clone() })
        };
        let erased: Vec<Identity> = items.iter().zip(identities).zip(&known).filter_map(erased).collect();
        let mut found = self.store.look_up(&erased).await?.into_iter();
        for slot in known.iter_mut().filter(|slot| slot.is_none()) {
            *slot = found.next().flatten();
        }
        Ok(known)
    }
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
            Some(first) if first.content == submission.content => {
                Some(Event::Repeated { submission: submission.clone(), original: first.application_id })
            }
            Some(first) => {
                let mut submission = submission.clone();
                if item.anonymous {
                    // Delivered again it is the same conflict: its id comes from what it is.
                    let id = Uuid::new_v5(&first.application_id.0, &submission.content.0);
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
