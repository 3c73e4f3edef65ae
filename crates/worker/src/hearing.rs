//! Messages about cases, from the same queue as applications: found, stepped, settled. Nothing that was said is lost.

use crate::advance::Advanced;
use crate::delivery::{Cause, Delivery, Disposition, Kept};
use crate::parking::Parked;
use crate::patience::GivenUp;
use crate::pipeline::{Pipeline, set};
use domain::ApplicationId;
use std::time::Duration;
use storage::{EarlyRow, Identity, KeptRow, StoreError};
use workflow::{About, CaseEvent, CaseMessage, Office, Refusal, same_message};

/// How often and how long a message waits for the case that it names.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// A readable message, with the place of its delivery.
type Heard = (usize, CaseMessage);

impl Pipeline {
    /// Hears the messages among the deliveries; says for each how to settle it.
    pub(crate) async fn hear(
        &self,
        office: &Office,
        deliveries: &[Delivery],
        indices: &[usize],
        parked: &Parked,
        dispositions: &mut [Disposition],
    ) {
        let mut heard: Vec<Heard> = Vec::with_capacity(indices.len());
        for index in indices {
            let Some(delivery) = deliveries.get(*index) else { continue };
            let sender = delivery.sender.as_deref().and_then(|name| office.sender_by_name(name));
            let Some(sender) = sender else { continue };
            match office.read_message(delivery.body.clone(), None, sender, delivery.observed_at) {
                Ok(message) => heard.push((*index, message)),
                Err(rejection) => set(dispositions, *index, Disposition::DeadLetter(rejection.into())),
            }
        }
        if heard.is_empty() {
            return;
        }
        // All at once; where the store refuses something of them one by one, so that neighbours are heard.
        let mut groups = vec![&heard[..]];
        while let Some(group) = groups.pop() {
            match (self.settle(deliveries, group, parked, dispositions).await, group) {
                (Ok(()), _) => {}
                (Err(GivenUp::Shutdown), _) => return,
                (Err(GivenUp::Refused(why)), [(index, _)]) => {
                    set(dispositions, *index, Disposition::DeadLetter(Cause::store_refused(why)));
                }
                (Err(GivenUp::Refused(_)), many) => groups.extend(many.chunks(1).rev()),
            }
        }
    }

    async fn settle(
        &self,
        deliveries: &[Delivery],
        heard: &[Heard],
        parked: &Parked,
        dispositions: &mut [Disposition],
    ) -> Result<(), GivenUp> {
        let cases = self.insist(|| self.find(heard)).await?;
        let mut known = Vec::with_capacity(heard.len());
        for ((index, message), case) in heard.iter().zip(cases) {
            match case {
                Some(id) => known.push((*index, (id, CaseEvent::Said(message.clone())))),
                None => {
                    let traceparent = deliveries.get(*index).and_then(|delivery| delivery.traceparent.clone());
                    let Some(early) = early(message, traceparent) else { continue };
                    let kept = self.insist(|| self.store.keep_early(&early)).await?;
                    let same = kept.identity == early.identity && same_message(&kept.body, &early.body);
                    let conflict = || Disposition::DeadLetter(Refusal::MessageConflict.into());
                    set(dispositions, *index, if same { Disposition::Ack } else { conflict() });
                }
            }
        }
        if !parked.is_empty() {
            let ids: Vec<ApplicationId> = known.iter().map(|(_, (id, _))| *id).collect();
            let dossiers = self.insist(|| self.store.dossiers(&ids)).await?;
            let mut free = Vec::with_capacity(known.len());
            for (one, dossier) in known.into_iter().zip(dossiers) {
                // What is no case of theirs is not kept for it either.
                let own = dossier.filter(|dossier| says(&one.1.1, &dossier.application.identity.sender));
                match own.and_then(|dossier| parked.over_case(&dossier.case)) {
                    Some(kept) => set(dispositions, one.0, Disposition::Parked(kept)),
                    None => free.push(one),
                }
            }
            known = free;
        }
        let (indices, events): (Vec<usize>, Vec<_>) = known.into_iter().unzip();
        let awaited: Vec<bool> = indices.iter().map(|i| deliveries.get(*i).is_some_and(promised)).collect();
        let results = self.say(&events, &awaited).await?;
        for (index, result) in indices.into_iter().zip(results) {
            let disposition = match result {
                Err(kept) => Disposition::Parked(kept),
                Ok(Advanced::Done { .. }) => Disposition::Ack,
                Ok(Advanced::Unknown) => Disposition::DeadLetter(Cause::unknown_case()),
                Ok(Advanced::Refused(refusal)) => Disposition::DeadLetter(refusal.into()),
                Ok(Advanced::Broken(text)) => Disposition::DeadLetter(Cause::case_refused(text)),
                Ok(Advanced::Unstored(text)) => Disposition::DeadLetter(Cause::store_refused(text)),
            };
            set(dispositions, index, disposition);
        }
        Ok(())
    }

    /// Steps cases by messages. What was `promised` to a sender waits a little for its case: a message may overtake an
    /// application that another batch is about to commit.
    async fn say(&self, events: &[Event], promised: &[bool]) -> Result<Vec<Result<Advanced, Kept>>, GivenUp> {
        let mut results = self.say_once(events).await?;
        for _ in 0..LOOKS {
            let open = results.iter().zip(promised).enumerate();
            let open: Vec<usize> =
                open.filter(|(_, (r, p))| **r == Ok(Advanced::Unknown) && **p).map(|(i, _)| i).collect();
            if open.is_empty() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            let again: Vec<_> = open.iter().filter_map(|i| events.get(*i).cloned()).collect();
            let found = self.say_once(&again).await?;
            for (index, result) in open.into_iter().zip(found) {
                if let Some(slot) = results.get_mut(index) {
                    *slot = result;
                }
            }
        }
        Ok(results)
    }

    /// Steps cases by messages. What speaks of an application that is kept because its service is parked is kept with it.
    async fn say_once(&self, events: &[Event]) -> Result<Vec<Result<Advanced, Kept>>, GivenUp> {
        let mut results = Vec::with_capacity(events.len());
        for ((id, event), result) in events.iter().zip(self.insist(|| self.advance(events)).await?) {
            let kept = match &result {
                Advanced::Unknown => self.insist(|| self.store.kept(*id)).await?.filter(|row| says(event, &row.sender)),
                _ => None,
            };
            results.push(kept.map_or(Ok(result), |KeptRow { service, ars, .. }| {
                let why = format!("its application {id} is kept: {service} in {ars} is parked");
                Err(Kept { why, service, ars })
            }));
        }
        Ok(results)
    }

    /// The cases that messages speak of; nothing where the application has not come yet.
    async fn find(&self, heard: &[Heard]) -> Result<Vec<Option<ApplicationId>>, StoreError> {
        let keyed = |message: &CaseMessage| match &message.about {
            About::Id(_) => None,
            About::Key(service, id) => Some(Identity {
                sender: message.sender.name.as_str().to_owned(),
                service: service.as_str().to_owned(),
                client_id: id.as_str().to_owned(),
            }),
        };
        let identities: Vec<Identity> = heard.iter().filter_map(|(_, message)| keyed(message)).collect();
        let mut found = self.store.look_up(&identities).await?.into_iter();
        let case = |(_, message): &Heard| match &message.about {
            About::Id(id) => Some(*id),
            About::Key(..) => found.next().flatten().map(|known| known.application_id),
        };
        Ok(heard.iter().map(case).collect())
    }
}

type Event = (ApplicationId, CaseEvent);

/// Whether it is a message of this sender.
fn says(event: &CaseEvent, sender: &str) -> bool {
    matches!(event, CaseEvent::Said(message) if message.sender.name.as_str() == sender)
}

/// Our own intake answered 202 for it.
fn promised(delivery: &Delivery) -> bool {
    delivery.application_id.is_some()
}

/// A message that waits for its application.
fn early(message: &CaseMessage, traceparent: Option<String>) -> Option<EarlyRow> {
    let About::Key(service, id) = &message.about else { return None };
    Some(EarlyRow {
        key: message.key(),
        identity: Identity {
            sender: message.sender.name.as_str().to_owned(),
            service: service.as_str().to_owned(),
            client_id: id.as_str().to_owned(),
        },
        body: message.raw.clone(),
        traceparent,
        arrived_at: message.observed_at,
    })
}
