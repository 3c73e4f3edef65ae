//! What happens to cases that are there: load, step, commit over the version that was read, send. Many in one transaction.

use crate::carry_out;
use crate::parking::Parked;
use crate::pipeline::Pipeline;
use crate::storm::outcomes;
use domain::{ApplicationId, Decision, Digest, Trace};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use storage::{Batch, ClaimRow, Dossier as Row, StoreError};
use workflow::flow::StepId;
use workflow::{
    AuditEntry, Case, CaseEvent, CaseMessage, CaseState, Document, Dossier, EarlierClaim, Effect, KeptApplication,
    Office, Refusal, Said, Surroundings, Taken,
};

/// How an event went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advanced {
    /// Done, or the same had been done before; the case has this version now and stands here.
    Done {
        version: i64,
        state: CaseState,
        step: StepId,
    },
    Refused(Refusal),
    /// No such case, or not one of this sender.
    Unknown,
    /// What is stored cannot be read; an operator has to look.
    Broken(String),
    /// The store refuses what the step writes, or what it reads; an operator has to look.
    Unstored(String),
}

/// Pause before a case is stepped again that another was ahead of, and how often.
const RACED: Duration = Duration::from_millis(2);
const TRIES: u32 = 200;

impl Pipeline {
    /// Steps cases by events, each event once, in their order within a case.
    ///
    /// # Errors
    /// The store does not answer; whatever was not done can be tried again: nothing is done twice.
    pub async fn advance(&self, events: &[(ApplicationId, CaseEvent)]) -> Result<Vec<Advanced>, StoreError> {
        let mut results = vec![Advanced::Unknown; events.len()];
        let mut open: Vec<usize> = (0..events.len()).collect();
        while !open.is_empty() {
            // One event a case in one transaction, so that the next one sees what it did.
            let mut seen = HashSet::new();
            let (now, later): (Vec<usize>, Vec<usize>) =
                open.into_iter().partition(|i| events.get(*i).is_some_and(|(id, _)| seen.insert(*id)));
            for (index, result) in now.iter().zip(self.round(events, &now).await?) {
                if let Some(slot) = results.get_mut(*index) {
                    *slot = result;
                }
            }
            open = later;
        }
        Ok(results)
    }

    /// Writes lines of the audit that no step makes: that somebody looked at a case.
    ///
    /// # Errors
    /// The store does not answer; perhaps they are there, perhaps not.
    pub async fn write_down(&self, lines: Vec<AuditEntry>) -> Result<(), StoreError> {
        let effects = lines.into_iter().map(Effect::Audit).collect();
        self.store.commit(carry_out::batch(effects, (self.runtime.clock)())).await.map(drop)
    }

    /// Steps different cases: all at once, or one by one where others are at some of them or the store refuses one.
    async fn round(&self, all: &[(ApplicationId, CaseEvent)], indices: &[usize]) -> Result<Vec<Advanced>, StoreError> {
        let events: Vec<&(ApplicationId, CaseEvent)> = indices.iter().filter_map(|i| all.get(*i)).collect();
        match self.attempt(&events).await {
            Err(StoreError::Raced) => self.lost().await?,
            Err(StoreError::Refused(_)) => {}
            done => return done,
        }
        let mut results = Vec::with_capacity(events.len());
        for event in events {
            results.extend(self.alone(event).await?);
        }
        Ok(results)
    }

    async fn alone(&self, event: &(ApplicationId, CaseEvent)) -> Result<Vec<Advanced>, StoreError> {
        for _ in 0..TRIES {
            match self.attempt(&[event]).await {
                Err(StoreError::Raced) => self.lost().await?,
                Err(StoreError::Refused(why)) => return Ok(vec![Advanced::Unstored(why)]),
                done => return done,
            }
        }
        Err(StoreError::Unavailable("a case is written by others all the time".into()))
    }

    /// Lets whoever was first finish, and learns what changed.
    pub(crate) async fn lost(&self) -> Result<(), StoreError> {
        self.metrics.raced.inc();
        tokio::time::sleep(RACED).await;
        self.learn_stops().await
    }

    /// One transaction over different cases.
    ///
    /// # Errors
    /// As a commit; nothing was written.
    pub(crate) async fn attempt(&self, events: &[&(ApplicationId, CaseEvent)]) -> Result<Vec<Advanced>, StoreError> {
        let office = (self.office)();
        let ids: Vec<ApplicationId> = events.iter().map(|(id, _)| *id).collect();
        let rows = self.store.dossiers(&ids).await?;
        let dossiers: Vec<Option<Result<Dossier, String>>> =
            rows.into_iter().map(|row| row.map(|row| dossier(&office, row))).collect();
        let keys: Vec<_> = dossiers
            .iter()
            .zip(events)
            .map(|(dossier, (_, event))| match dossier {
                Some(Ok(dossier)) => office.keys_after(dossier, event),
                _ => Vec::new(),
            })
            .collect();
        let digests: Vec<Digest> = keys.iter().flatten().map(|key| key.digest).collect();
        let mut claims = self.store.claims(&digests).await?;
        self.know_stops().await?;
        let (generation, stops) = self.stops();
        let woken = events.iter().any(|(_, event)| matches!(event, CaseEvent::Woken));
        let parked = if woken { self.parked().await } else { Parked::default() };
        let now = (self.runtime.clock)();
        let mut batch = Batch { at: now, generation: Some(generation), ..Batch::default() };
        let mut results = Vec::with_capacity(events.len());
        let step = || {
            for ((dossier, (id, event)), keys) in dossiers.iter().zip(events).zip(keys) {
                let dossier = match dossier {
                    Some(Ok(dossier)) if theirs(dossier, event) && is_full_for(dossier, event) => {
                        let state = dossier.case.state.as_str();
                        results.push(Advanced::Refused(Refusal::State { state, text: CaseMessage::FULL }));
                        continue;
                    }
                    Some(Ok(dossier)) if theirs(dossier, event) => dossier,
                    Some(Err(error)) => {
                        results.push(Advanced::Broken(error.clone()));
                        continue;
                    }
                    Some(Ok(_)) | None => {
                        results.push(Advanced::Unknown);
                        continue;
                    }
                };
                let once = keys.into_iter().map(|key| {
                    let rows = claims.get(&key.digest).map(Vec::as_slice).unwrap_or_default();
                    let taken = taken(rows, Some(dossier.case.application_id));
                    (key, taken)
                });
                let surroundings = Surroundings { once: once.collect(), stops: stops.clone() };
                match office.advance(dossier, event, &surroundings, now) {
                    Err(refusal) => results.push(Advanced::Refused(refusal)),
                    Ok(effects) if keeps(&parked, dossier, &effects) => {
                        let state = dossier.case.state.as_str();
                        results.push(Advanced::Refused(Refusal::State { state, text: PARKED }));
                    }
                    Ok(effects) => {
                        results.push(done(dossier, &effects));
                        self.note(&office, &effects, &mut claims, &mut batch);
                        carry_out::add(&mut batch, effects, None);
                    }
                }
                tracing::debug!(application.id = %id, event = event.as_str(), "stepped");
            }
        };
        tokio::task::block_in_place(step);
        if batch.cases.is_empty() {
            return Ok(results);
        }
        let committed = self.store.commit(batch).await?;
        self.metrics.decided(&committed);
        self.send(committed.outbox()).await;
        // What somebody orders says nothing new: that it failed is why they do.
        if !events.iter().any(|(_, event)| matches!(event, CaseEvent::Commanded { .. })) {
            self.weather(&outcomes(&committed)).await;
        }
        Ok(results)
    }

    /// What one case takes, the next one in the batch already sees; and which rule sets are to be archived.
    fn note(
        &self,
        office: &Office,
        effects: &[Effect],
        claims: &mut HashMap<Digest, Vec<ClaimRow>>,
        batch: &mut Batch,
    ) {
        for effect in effects {
            match effect {
                Effect::Claim(claim) => {
                    claims.entry(claim.digest).or_default().push(carry_out::claim_row(claim.clone()));
                }
                Effect::Decide(decided) => {
                    let rows = self.to_archive(office, &decided.decision, &batch.archives);
                    batch.archives.extend(rows);
                }
                _ => {}
            }
        }
    }
}

/// Why a timer waits.
const PARKED: &str = "its service is parked, and a machine would decide now";

/// Whether what a timer does is kept because its service is parked: only where rules would decide by it. What follows from
/// the law alone, or brings a person, happens all the same.
fn keeps(parked: &Parked, dossier: &Dossier, effects: &[Effect]) -> bool {
    let by_rules = |decision: &Decision| decision.automatic && decision.trace.is_some() && decision.outcome.is_final();
    let (service, ars) = (dossier.case.service.as_str(), dossier.case.ars.as_str());
    effects.iter().filter_map(Effect::decision).any(by_rules) && parked.over(service, ars).is_some()
}

/// Where a case stands after a step.
fn done(before: &Dossier, effects: &[Effect]) -> Advanced {
    let kept = effects.iter().rev().find_map(|effect| match effect {
        Effect::Keep(kept) => Some(&kept.case),
        _ => None,
    });
    let case = kept.unwrap_or(&before.case);
    let version = before.version + i64::from(kept.is_some());
    Advanced::Done { version, state: case.state, step: case.step.clone() }
}

/// A message is heard only from who sent the application.
fn theirs(dossier: &Dossier, event: &CaseEvent) -> bool {
    match event {
        CaseEvent::Said(message) => message.sender.name == dossier.case.sender,
        CaseEvent::Answered { .. } | CaseEvent::Commanded { .. } | CaseEvent::Woken => true,
    }
}

/// Whether it is a message more than the case takes; what lies in the file already came before.
fn is_full_for(dossier: &Dossier, event: &CaseEvent) -> bool {
    let CaseEvent::Said(message) = event else { return false };
    if dossier.documents.iter().any(|document| document.key == message.key()) {
        return false;
    }
    let said = dossier.documents.iter().filter(|document| Said::WORDS.contains(&document.kind.as_str()));
    let (count, bytes) = said.fold((0, 0), |(count, bytes), one| (count + 1, bytes + one.body.len()));
    !message.fits(count, bytes)
}

/// Claims of a key as a case sees them that does not see its own.
pub(crate) fn taken(rows: &[ClaimRow], own: Option<ApplicationId>) -> Taken {
    let others = rows.iter().filter(|row| Some(row.application_id) != own);
    Taken {
        earlier: others.map(|row| EarlierClaim { from: row.from, to: row.to }).collect(),
        highest: rows.iter().filter_map(|row| u32::try_from(row.ordinal).ok()).max().unwrap_or_default(),
    }
}

/// What is stored, as the machine wants it.
pub fn dossier(office: &Office, row: Row) -> Result<Dossier, String> {
    let Row { application, case: stored, decision, documents } = row;
    let case = Case::read(&stored.body).map_err(|e| unreadable("case", &e))?;
    if case.state == CaseState::Erased {
        return Err("the case was erased when its retention period was over".to_owned());
    }
    let kept = KeptApplication {
        application_id: application.application_id,
        sender: &application.identity.sender,
        client_id: &application.identity.client_id,
        content: application.content,
        raw: &application.raw,
        observed_at: application.observed_at,
    };
    let submission = Arc::new(office.reopen(&kept, &case).map_err(|e| e.to_string())?);
    let decision = decision.map(|row| {
        let mut decision: Decision = serde_json::from_slice(&row.decision)?;
        decision.trace = serde_json::from_slice::<Option<Trace>>(&row.trace)?;
        Ok(Arc::new(decision))
    });
    let decision = decision.transpose().map_err(|e: serde_json::Error| unreadable("decision", &e))?;
    let document = |row: storage::DocumentRow| Document {
        application_id: row.application_id,
        key: row.key,
        kind: row.kind,
        at: row.at,
        actor: row.actor,
        body: row.body,
    };
    let documents = documents.into_iter().map(document).collect();
    Ok(Dossier { case, version: stored.version, submission, documents, decision })
}

fn unreadable(what: &str, error: &serde_json::Error) -> String {
    format!("the stored {what} cannot be read: {error}")
}
