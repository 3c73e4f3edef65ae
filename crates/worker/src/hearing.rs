//! Messages about cases, from the same queue as applications: found, stepped, settled. Nothing that was said is lost.

use crate::advance::Advanced;
use crate::delivery::{Cause, Delivery, Disposition};
use crate::parking::Parked;
use crate::pipeline::{Pipeline, set};
use domain::ApplicationId;
use storage::{EarlyRow, Identity};
use workflow::{About, CaseEvent, CaseMessage, Office};

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
        let mut heard = Vec::with_capacity(indices.len());
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
        let Some(cases) = self.held(|| self.find(&heard)).await else { return };
        let mut known = Vec::with_capacity(heard.len());
        for ((index, message), case) in heard.into_iter().zip(cases) {
            match case {
                Some(id) => known.push((index, (id, CaseEvent::Said(message)))),
                None => {
                    let traceparent = deliveries.get(index).and_then(|delivery| delivery.traceparent.clone());
                    let Some(early) = early(&message, traceparent) else { continue };
                    if self.held(|| self.store.keep_early(&early)).await.is_none() {
                        return;
                    }
                    set(dispositions, index, Disposition::Ack);
                }
            }
        }
        if !parked.is_empty() {
            let ids: Vec<ApplicationId> = known.iter().map(|(_, (id, _))| *id).collect();
            let Some(dossiers) = self.held(|| self.store.dossiers(&ids)).await else { return };
            let whys = dossiers.into_iter().map(|dossier| parked.over_case(&dossier?.case));
            let mut free = Vec::with_capacity(known.len());
            for (one, why) in known.into_iter().zip(whys) {
                match why {
                    Some(why) => set(dispositions, one.0, Disposition::Parked(why)),
                    None => free.push(one),
                }
            }
            known = free;
        }
        let (indices, events): (Vec<usize>, Vec<_>) = known.into_iter().unzip();
        let Some(results) = self.held(|| self.advance(&events)).await else { return };
        for (index, result) in indices.into_iter().zip(results) {
            let disposition = match result {
                Advanced::Done { .. } => Disposition::Ack,
                Advanced::Unknown => Disposition::DeadLetter(Cause::unknown_case()),
                Advanced::Refused(refusal) => Disposition::DeadLetter(Cause::case_refused(refusal.to_string())),
                Advanced::Broken(text) => Disposition::DeadLetter(Cause::case_refused(text)),
            };
            set(dispositions, index, disposition);
        }
    }

    /// The cases that messages speak of; nothing where the application has not come yet.
    async fn find(&self, heard: &[(usize, CaseMessage)]) -> Result<Vec<Option<ApplicationId>>, storage::StoreError> {
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
        let case = |(_, message): &(usize, CaseMessage)| match &message.about {
            About::Id(id) => Some(*id),
            About::Key(..) => found.next().flatten().map(|known| known.application_id),
        };
        Ok(heard.iter().map(case).collect())
    }
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
