//! What happens to a batch, and in which order.
//!
//! look up → evaluate → **commit** → publish in one confirm window → acknowledge → note what was published with the next
//! batch. A crash before the commit: delivered again, nothing happened. After it: delivered again, recognised. Where the
//! store does not answer, the batch is held and tried again; a commit whose answer was lost is found by the look-up.

use crate::advance::taken;
use crate::batch::{Item, Memory, events, identity, once_keys, tombstone};
use crate::carry_out;
use crate::delivery::{Cause, Delivery, Disposition, Kept, Publish};
use crate::health::Health;
use crate::lanes::Pass;
use crate::metrics::Metrics;
use crate::patience::Patience;
use crate::spans::{self, Process};
use crate::storm::{Storm, StormSettings, outcomes};
use crate::switches::Switches;
use domain::{ApplicationId, Decision, Digest};
use jiff::Timestamp;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use storage::{ArchiveRow, Batch, Committed, Identity, OutboxRow, Store, StoreError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workflow::{EarlierClaim, Effect, Event, Office, OnceKey, Rejection, Stop, Submission, Surroundings, Taken};

/// The time as the shell knows it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the shell brings: clock, ids, and the switch to stop.
#[derive(Clone)]
pub struct Runtime {
    pub clock: Clock,
    pub new_id: fn() -> ApplicationId,
    pub shutdown: CancellationToken,
    /// Whether anybody collects traces.
    pub traced: bool,
}

/// The pipeline of one process; batches share it.
pub struct Pipeline {
    pub office: Arc<dyn Fn() -> Arc<Office> + Send + Sync>,
    pub store: Arc<dyn Store>,
    pub publisher: Arc<dyn Publish>,
    pub metrics: Metrics,
    pub runtime: Runtime,
    /// What readiness reports.
    pub health: Health,
    pub(crate) storm: Storm,
    /// Days after which the raw message of a failure is deleted.
    pub failure_days: i64,
    /// Confirmed messages that the next transaction notes.
    published: Mutex<Vec<Uuid>>,
    /// The stop switches as this process last read them.
    pub(crate) switches: Mutex<Switches>,
    /// Rule sets that this process knows to be in the archive.
    archived: Mutex<HashSet<String>>,
}

/// Pause before a batch is tried again that another worker was ahead of.
const RACED: Duration = Duration::from_millis(3);
/// Long enough to mend what was wrong, short enough for what nobody will ever ask for: it may be anybody's personal data.
pub const FAILURE_DAYS: i64 = 90;
/// After so many times that others were first, something is wrong, and there is no hurry any more.
const TRIES: u32 = 200;

impl Pipeline {
    pub fn new(
        office: Arc<dyn Fn() -> Arc<Office> + Send + Sync>,
        store: Arc<dyn Store>,
        publisher: Arc<dyn Publish>,
        metrics: Metrics,
        runtime: Runtime,
    ) -> Self {
        Self {
            office,
            store,
            publisher,
            metrics,
            runtime,
            health: Health::default(),
            storm: Storm::default(),
            failure_days: FAILURE_DAYS,
            published: Mutex::default(),
            switches: Mutex::default(),
            archived: Mutex::default(),
        }
    }

    /// The same with other limits for storms.
    #[must_use]
    pub fn with_storm(self, settings: StormSettings) -> Self {
        Self { storm: Storm::new(settings), ..self }
    }

    /// Processes what a source drained; says for every delivery, in order, how to settle it.
    pub async fn process(&self, deliveries: &[Delivery]) -> Vec<Disposition> {
        let again = deliveries.iter().filter(|d| d.redelivered).count();
        if again > 0 {
            self.metrics.redelivered.inc_by(again as u64);
            return self.careful(deliveries, Pass::default()).await;
        }
        let all: Vec<usize> = (0..deliveries.len()).collect();
        let mut dispositions = vec![Disposition::Hold; deliveries.len()];
        self.group(deliveries, &all, Pass::default(), &[], &mut dispositions).await;
        dispositions
    }

    /// One group: one evaluation, one transaction, one confirm window. `attempted` are the keys of all deliveries, where
    /// attempts are counted: that of an application is forgotten once it is evaluated, that of a message once it is heard.
    pub(crate) async fn group(
        &self,
        deliveries: &[Delivery],
        indices: &[usize],
        pass: Pass,
        attempted: &[Digest],
        dispositions: &mut [Disposition],
    ) {
        let office = (self.office)();
        let parked = self.parked_for(pass).await;
        let started = spans::now();
        let mut items = Vec::with_capacity(indices.len());
        let mut messages = Vec::new();
        for index in indices {
            let Some(delivery) = deliveries.get(*index) else { continue };
            match self.decode(&office, delivery) {
                Ok(submission) => {
                    let envelope = &submission.envelope;
                    let (service, ars) = (envelope.service.as_str(), envelope.ars.as_str());
                    if let Some(why) = parked.over(service, ars) {
                        let kept = Kept { why, service: service.to_owned(), ars: ars.to_owned() };
                        set(dispositions, *index, Disposition::Parked(kept));
                        continue;
                    }
                    let process = self.runtime.traced.then(|| Process::start(delivery, started));
                    let anonymous = delivery.application_id.is_none();
                    let redelivered = delivery.redelivered;
                    items.push(Item {
                        index: *index,
                        submission: Arc::new(submission),
                        anonymous,
                        redelivered,
                        process,
                    });
                }
                Err(Rejection::IsMessage) => messages.push(*index),
                Err(rejection) => set(dispositions, *index, Disposition::DeadLetter(rejection.into())),
            }
        }
        let keys =
            |indices: &[usize]| -> Vec<Digest> { indices.iter().filter_map(|i| attempted.get(*i)).copied().collect() };
        let others: Vec<usize> = indices.iter().filter(|index| !messages.contains(index)).copied().collect();
        match self.commit(&office, &items, &keys(&others)).await {
            Ok(Some(committed)) => {
                self.publish(&committed, &items).await;
                self.weather(&outcomes(&committed)).await;
                items.iter().for_each(|item| set(dispositions, item.index, Disposition::Ack));
            }
            // Held until shutdown: the source keeps them.
            Ok(None) => {}
            Err(detail) if items.len() == 1 => {
                for item in &items {
                    set(dispositions, item.index, Disposition::DeadLetter(Cause::store_refused(detail.clone())));
                    let envelope = &item.submission.envelope;
                    self.weather(&[(envelope.service.as_str(), envelope.ars.as_str(), true)]).await;
                }
            }
            // The store refuses something in here: find out what, one by one, so that neighbours get through.
            Err(_) => {
                for item in &items {
                    Box::pin(self.group(deliveries, &[item.index], pass, &[], dispositions)).await;
                }
            }
        }
        // Behind the applications of the same batch: a message may speak of one of them.
        self.hear(&office, deliveries, &messages, &parked, dispositions).await;
        messages.retain(|index| dispositions.get(*index).is_some_and(|settled| *settled != Disposition::Hold));
        self.survived(&keys(&messages)).await;
    }

    /// Forgets attempts that ended; where the store does not answer they are forgotten with time.
    async fn survived(&self, keys: &[Digest]) {
        if !keys.is_empty() {
            self.held(|| self.store.survived(keys)).await;
        }
    }

    fn decode(&self, office: &Office, delivery: &Delivery) -> Result<Submission, Rejection> {
        let sender = delivery.sender.as_deref().and_then(|name| office.sender_by_name(name));
        let sender = sender.ok_or(Rejection::UnknownSender)?;
        let id = delivery.application_id.unwrap_or_else(|| (self.runtime.new_id)());
        office.decode(delivery.body.clone(), sender, id, delivery.observed_at)
    }

    /// Evaluates and commits until it is done: `None` on shutdown, an error where the store refuses for good.
    async fn commit(&self, office: &Office, items: &[Item], attempted: &[Digest]) -> Result<Option<Committed>, String> {
        if items.is_empty() {
            // Only messages, or nothing: no transaction of ours notes what was published.
            self.survived(attempted).await;
            self.flush_marks().await;
            return Ok(None);
        }
        self.metrics.batch.observe(items.len() as f64);
        let (mut patience, mut memory) = (Patience::default(), Memory::default());
        let mut tries = 0;
        loop {
            tries += 1;
            let marks = std::mem::take(&mut *self.marks());
            let attempt = self.try_commit(office, items, attempted, marks.clone(), &mut memory).await;
            let error = match attempt {
                Ok(committed) => {
                    self.health.store.clear();
                    return Ok(Some(committed));
                }
                Err(error) => error,
            };
            self.marks().extend(marks);
            memory.keep_from_now_on();
            match error {
                StoreError::Raced if tries < TRIES => {
                    self.metrics.raced.inc();
                    if let Err(error) = self.learn_stops().await {
                        tracing::debug!(%error, "the stop switches are read again with the next try");
                    }
                    // Let the other one finish.
                    tokio::time::sleep(RACED).await;
                }
                StoreError::Refused(detail) => {
                    tracing::error!(error = %detail, "the store refuses a batch");
                    return Err(detail);
                }
                error @ (StoreError::Raced | StoreError::Unavailable(_)) => {
                    tracing::warn!(%error, batch.size = items.len(), "holding a batch");
                    self.health.store.set(error.to_string());
                    if !patience.wait(&self.runtime.shutdown).await {
                        return Ok(None);
                    }
                }
            };
        }
    }

    async fn try_commit(
        &self,
        office: &Office,
        items: &[Item],
        attempted: &[Digest],
        marks: Vec<Uuid>,
        memory: &mut Memory,
    ) -> Result<Committed, StoreError> {
        let identities: Vec<Identity> = items.iter().map(|item| identity(&item.submission)).collect();
        let tombstones: Vec<String> = items.iter().map(|item| tombstone(office, &item.submission)).collect();
        let known = self.store.look_up_ever(&identities, &tombstones).await?;
        let events = events(office, items, &identities, known);
        let keys: Vec<Vec<OnceKey>> = events.iter().map(|event| once_keys(office, event)).collect();
        let digests: Vec<_> = keys.iter().flatten().map(|key| key.digest).collect();
        let claims = self.store.claims(&digests).await?;
        let mut earlier: HashMap<Digest, Taken> =
            claims.into_iter().map(|(digest, rows)| (digest, taken(&rows, None))).collect();
        let now = (self.runtime.clock)();
        self.know_stops().await?;
        let (generation, stops) = self.stops();
        let mut batch = Batch { at: now, published: marks, generation: Some(generation), ..Batch::default() };
        let evaluate = || self.evaluate(office, items, &events, &keys, &mut earlier, &stops, &mut batch, now, memory);
        // Evaluation is pure computation of some milliseconds; the other tasks of this thread move on meanwhile.
        tokio::task::block_in_place(evaluate);
        if !attempted.is_empty() {
            self.store.survived(attempted).await?;
        }
        let sets: Vec<String> = batch.decisions.iter().filter_map(|d| d.rule_set.clone()).collect();
        let before = Instant::now();
        let from = spans::now();
        let committed = self.store.commit(batch).await?;
        self.archived().extend(sets);
        self.metrics.commit.observe(before.elapsed().as_secs_f64());
        let to = spans::now();
        for process in items.iter().filter_map(|item| item.process.as_ref()) {
            let size = KeyValue::new("db.operation.batch.size", items.len() as i64);
            process.step("storage.commit", SpanKind::Client, from, to, vec![size]);
        }
        self.metrics.arrived(&events, &committed);
        Ok(committed)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one evaluation; a struct would only rename them")]
    fn evaluate(
        &self,
        office: &Office,
        items: &[Item],
        events: &[Option<Event>],
        keys: &[Vec<OnceKey>],
        earlier: &mut HashMap<Digest, Taken>,
        stops: &Arc<[Stop]>,
        batch: &mut Batch,
        now: Timestamp,
        memory: &mut Memory,
    ) {
        for ((item, event), keys) in items.iter().zip(events).zip(keys) {
            let Some(event) = event else { continue };
            let begun = Instant::now();
            let from = spans::now();
            let once = keys.iter().map(|k| (k.clone(), earlier.get(&k.digest).cloned().unwrap_or_default())).collect();
            let surroundings = Surroundings { once, stops: stops.clone() };
            let effects = match memory.recall(item.index, event, &surroundings) {
                Some(effects) => effects,
                None => {
                    let effects = office.step(event, &surroundings, now);
                    self.metrics.decision.observe(begun.elapsed().as_secs_f64());
                    memory.keep(item.index, event, surroundings, &effects);
                    effects
                }
            };
            let mut traceparent = None;
            if let Some(process) = &item.process {
                process.step("rules.decide", SpanKind::Internal, from, spans::now(), Vec::new());
                if let Some(d) = effects.iter().rev().find_map(Effect::decision) {
                    process.decided(d.application_id, d.service.as_str(), d.ars.land(), d.outcome.as_str());
                }
                traceparent = process.traceparent();
                let trace_id = traceparent.as_deref().and_then(|t| t.split('-').nth(1));
                tracing::debug!(application.id = %item.submission.application_id, trace_id, "decided");
            }
            // What this application takes, the next one in the batch already sees.
            for effect in &effects {
                if let Effect::Claim(claim) = effect {
                    let taken = earlier.entry(claim.digest).or_default();
                    taken.earlier.push(EarlierClaim { from: claim.from, to: claim.to });
                    taken.highest = taken.highest.max(claim.ordinal);
                }
            }
            for decision in effects.iter().filter_map(Effect::decision) {
                let rows = self.to_archive(office, decision, &batch.archives);
                batch.archives.extend(rows);
            }
            carry_out::add(batch, effects, traceparent.as_deref());
        }
    }

    /// Sends what was committed. What is not confirmed stays in the outbox for the relay.
    async fn publish(&self, committed: &Committed, items: &[Item]) {
        let from = spans::now();
        self.send(committed.outbox()).await;
        let to = spans::now();
        for process in items.iter().filter_map(|item| item.process.as_ref()) {
            process.step("worker.publish", SpanKind::Producer, from, to, Vec::new());
            process.end(to);
        }
    }

    /// Sends messages that are committed; what is confirmed is noted with the next transaction.
    pub(crate) async fn send(&self, outbox: &[OutboxRow]) {
        match self.publisher.publish(outbox).await {
            Ok(confirmed) => {
                self.metrics.published.inc_by(confirmed.len() as u64);
                self.marks().extend(confirmed);
            }
            Err(error) => tracing::warn!(%error, "results stay in the outbox; the relay sends them later"),
        }
    }

    /// The rule set of a decision, where the archive may not have it yet.
    pub(crate) fn to_archive(&self, office: &Office, decision: &Decision, batch: &[ArchiveRow]) -> Vec<ArchiveRow> {
        let known = |hash: &String| self.archived().contains(hash) || batch.iter().any(|row| row.hash == *hash);
        if decision.rule_set.as_ref().is_none_or(known) {
            return Vec::new();
        }
        office.archive(decision).into_iter().map(|a| ArchiveRow { hash: a.hash, body: a.body }).collect()
    }

    fn archived(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.archived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn marks(&self) -> std::sync::MutexGuard<'_, Vec<Uuid>> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes published messages where no next batch does it.
    pub async fn flush_marks(&self) {
        let marks = std::mem::take(&mut *self.marks());
        if marks.is_empty() {
            return;
        }
        if let Err(error) = self.store.mark_published(&marks, (self.runtime.clock)()).await {
            tracing::debug!(%error, "published messages are noted later");
            self.marks().extend(marks);
        }
    }
}

pub(crate) fn set(dispositions: &mut [Disposition], index: usize, to: Disposition) {
    if let Some(slot) = dispositions.get_mut(index) {
        *slot = to;
    }
}
